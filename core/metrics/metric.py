"""The table of metrics, and what surrounds each of them: checks, masked bands, blocks, counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from inspect import cleandoc
from typing import Any, Callable, Optional, Union

import numpy as np
import numpy.typing as npt

from ..background import Background, Whitener, estimate_background
from ..errors import MetricError
from ..progress import NO_PROGRESS, Progress, checkpoint
from ..registry import Registry
from .block import ROWS, Block, BoolArray, FloatArray, Numbers, make_block, pattern_order, row_blocks

MetricFunction = Callable[[Block], FloatArray]
BackgroundLike = Union[Background, npt.ArrayLike]

NEEDS = frozenset({"reference", "background", "uncertainty", "columns"})
GIVEN = frozenset({"reference", "background"})
"""Those of them that evaluate() takes so far."""
DIRECTIONS = ("lower", "higher")
STATISTICS = ("covariance", "autocorrelation")
_BLOCKS_PER_REPORT = 64
LEFT_OUT_PERCENT = 5
"""A metric of positive bands has no value where more of the valid bands than this are at or below zero."""


@dataclass(frozen=True)
class Evaluation:
    """The values of one metric for some pixels, and what they rest on."""

    values: npt.NDArray[np.float64]
    """(n_pixels,) in the metric's unit; NaN where it is undefined."""
    used: BoolArray
    """(n_pixels, n_bands) the values that entered the metric."""
    notes: tuple[str, ...] = ()
    """Sentences the user should see, e.g. on the shrinkage of the background; often none."""

    @property
    def n_bands(self) -> npt.NDArray[np.int32]:
        """(n_pixels,) number of bands used; 0 where no band is valid."""
        return np.asarray(self.used.sum(axis=1, dtype=np.int32))


@dataclass(frozen=True)
class Metric:
    """One way to say how close pixels are to a target. NaN or infinity marks a masked value."""

    name: str
    """The id used in parameters and tables, e.g. "sam"."""
    better: str
    """"lower" or "higher": which values mean closer."""
    unit: str
    """Unit of the value: "rad", "nats", "reflectance", or "1" for a pure number."""
    needs: frozenset[str]
    """What a caller must gather: any of reference, background, uncertainty, columns."""
    quantity: str
    """The quantity of the spectra it is made for: "reflectance", or "any"."""
    title: str
    """Human name."""
    source: str
    """The paper that defines it."""
    description: str
    """One sentence for help texts: the first of the function's docstring."""
    function: MetricFunction = field(repr=False)
    """Block of pixels -> (n_pixels,) float64."""
    min_bands: int = 2
    """Below this many used bands the value is NaN."""
    positive_bands: bool = False
    """True: bands where pixel or reference is at or below zero are left out, up to LEFT_OUT_PERCENT."""
    statistics: str = "covariance"
    """Which matrix of the background is used: "covariance", or "autocorrelation" (mean not removed)."""
    scale_invariant: bool = False
    """True: a pixel or reference that is brighter throughout gets the same value, so only the shape counts."""

    def accepts(self, values: npt.ArrayLike, threshold: float) -> BoolArray:
        """Which of `values` are at `threshold` or closer to the target; never a NaN.

        >>> METRICS["sam"].accepts([0.1, 0.2, 0.3, float("nan")], 0.2).tolist()
        [True, True, False, False]
        """
        given = np.asarray(values, np.float64)
        return np.asarray(given <= threshold if self.better == "lower" else given >= threshold)

    def percentile(self, value: float, sample: npt.ArrayLike) -> float:
        """Percentage of the finite values of `sample` that match strictly worse than `value`: 100 is the best.

        NaN for a NaN value or a sample without a finite value.

        >>> METRICS["sam"].percentile(0.1, [0.05, 0.1, 0.2, 0.3])
        50.0
        """
        given = np.asarray(sample, np.float64)
        finite = given[np.isfinite(given)]
        if np.isnan(value) or not finite.size:
            return float("nan")
        return 100.0 * np.count_nonzero(~self.accepts(finite, value)) / finite.size

    def __call__(self, spectra: npt.ArrayLike, reference: Optional[npt.ArrayLike] = None, *,
                 background: Optional[BackgroundLike] = None) -> npt.NDArray[np.float64]:
        """Return only the values of :meth:`evaluate`."""
        return self.evaluate(spectra, reference, background=background).values

    def evaluate(self, spectra: npt.ArrayLike, reference: Optional[npt.ArrayLike] = None, *,
                 background: Optional[BackgroundLike] = None, valid: Optional[BoolArray] = None,
                 progress: Progress = NO_PROGRESS) -> Evaluation:
        """Measure each of `spectra` (n_pixels, n_bands) or (n_bands,) against `reference` (n_bands,).

        `background` is samples (n_samples, n_bands) or a Background. A value that is not finite, or not `valid`
        (n_pixels, n_bands), is masked: the pixel is measured on its other bands.
        Computed in float64 whatever the input's type.
        Raises MetricError where shapes do not fit or something needed is missing.
        """
        if self.needs - GIVEN:
            lacking = ", ".join(sorted(self.needs - GIVEN))
            raise MetricError(f"Metric '{self.name}' needs {lacking}, which cannot be given yet; choose another.")
        pixels = _as_pixels(self, spectra)
        n_bands = pixels.shape[1]
        target = _as_reference(self, reference, n_bands)
        base = np.isfinite(target)
        scene = _as_background(self, background, n_bands)
        with np.errstate(all="ignore"):
            if scene is None:
                return _evaluate(self, pixels, valid, target, base, None, progress)
            whitener = scene.whitener(base, self.statistics)
            result = _evaluate(self, pixels, valid, target, whitener.bands, whitener, progress)
        return Evaluation(result.values, result.used, scene.notes(self.statistics) + result.notes)


class MetricRegistry(Registry[Metric]):
    """The table of metrics: `register` decorates the function of one metric."""

    def register(  # type: ignore[override]
            self, name: str, *, better: str, unit: str, needs: Iterable[str], quantity: str, title: str,
            source: str, **rules: Any) -> Callable[[MetricFunction], MetricFunction]:
        """Return a decorator that enters a function of a Block under `name`.

        `rules` are the optional fields of Metric: min_bands, positive_bands, statistics, scale_invariant.
        """
        wanted = frozenset(needs)
        statistics = rules.get("statistics", STATISTICS[0])
        if not wanted <= NEEDS or better not in DIRECTIONS or statistics not in STATISTICS:
            raise ValueError(f"metric '{name}': unknown among {sorted(wanted)}, {better!r}, {statistics!r}")

        def enter(function: MetricFunction) -> MetricFunction:
            description = " ".join(cleandoc(function.__doc__ or "").split("\n\n")[0].split())
            self.add(name, Metric(name, better, unit, wanted, quantity, title, source, description, function,
                                  **rules))
            return function

        return enter


METRICS = MetricRegistry("metric", MetricError)
"""Name -> Metric."""


def _evaluate(metric: Metric, pixels: Numbers, given: Optional[BoolArray], target: FloatArray, base: BoolArray,
              whitener: Optional[Whitener], progress: Progress) -> Evaluation:
    """Cut `pixels` into blocks over the bands `base` and gather what the metric says of each."""
    values = np.full(len(pixels), np.nan)
    all_used = np.zeros(pixels.shape, bool)
    n_bands, n_valid = np.zeros(len(pixels), np.int32), np.zeros(len(pixels), np.int32)
    order = None if whitener is None else pattern_order(_valid(pixels, given) & base)
    for number, rows in enumerate(row_blocks(len(pixels), order)):
        if number % _BLOCKS_PER_REPORT == 1:
            checkpoint(progress, min(1.0, number * ROWS / len(pixels)), "Scoring")
        valid = _valid(pixels[rows], None if given is None else given[rows]) & base
        used = valid & (pixels[rows] > 0) & (target > 0) if metric.positive_bands else valid
        block = make_block(pixels[rows], target, used, whitener)
        all_used[rows], n_bands[rows] = used, block.n
        n_valid[rows] = np.count_nonzero(valid, axis=1) if valid is not used else block.n
        values[rows] = metric.function(block)
    left_out = n_valid - n_bands
    too_dark = 100 * left_out > LEFT_OUT_PERCENT * n_valid
    values[too_dark | (n_bands < metric.min_bands)] = np.nan
    return Evaluation(values, all_used, _left_out_notes(left_out, too_dark))


def _valid(x: Numbers, given: Optional[BoolArray]) -> BoolArray:
    """(n_pixels, n_bands) the finite values, of those that are given as valid."""
    finite = np.isfinite(x)
    return finite if given is None else finite & given


def _left_out_notes(left_out: npt.NDArray[np.int32], too_dark: BoolArray) -> tuple[str, ...]:
    if not left_out.any():
        return ()
    return (f"{int(left_out.sum())} values at or below zero were left out, in {np.count_nonzero(left_out)} "
            f"of {len(left_out)} pixels; those with more than {LEFT_OUT_PERCENT} % of them get no value: "
            f"{np.count_nonzero(too_dark)}.",)


def _as_numbers(values: npt.ArrayLike, what: str) -> Numbers:
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise MetricError(f"The {what} must be real numbers, not of type '{array.dtype}'.")
    return array


def _as_pixels(metric: Metric, spectra: npt.ArrayLike) -> Numbers:
    pixels = _as_numbers(spectra, "spectra")
    if pixels.ndim not in (1, 2) or not pixels.shape[-1]:
        raise MetricError(f"Metric '{metric.name}' takes spectra of shape (n_pixels, n_bands) or (n_bands,), "
                          f"not {pixels.shape}; reshape them so that the bands come last.")
    return np.atleast_2d(pixels)


def _as_reference(metric: Metric, reference: Optional[npt.ArrayLike], n_bands: int) -> FloatArray:
    if "reference" not in metric.needs:
        return np.zeros(n_bands)
    if reference is None:
        raise MetricError(f"Metric '{metric.name}' needs a reference spectrum; give one value per band.")
    target = _as_numbers(reference, "reference").astype(np.float64)
    if target.shape != (n_bands,):
        raise MetricError(f"The reference has shape {target.shape} and the spectra have {n_bands} bands; "
                          f"resample it to the bands of the spectra first.")
    return target


def _as_background(metric: Metric, background: Optional[BackgroundLike],
                   n_bands: int) -> Optional[Background]:
    if "background" not in metric.needs:
        return None
    if background is None:
        raise MetricError(f"Metric '{metric.name}' needs a background; give samples (n_samples, n_bands) "
                          "of the scene or a Background.")
    scene = background if isinstance(background, Background) else estimate_background(background)
    if len(scene.bands) != n_bands:
        raise MetricError(f"The background has {len(scene.bands)} bands and the spectra have {n_bands}; "
                          "estimate it from the same granule.")
    return scene
