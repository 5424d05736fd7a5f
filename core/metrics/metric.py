"""The table of metrics, and what surrounds each of them: checks, masked bands, blocks, counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from inspect import cleandoc
from typing import Any, Callable, Optional, Union

import numpy as np
import numpy.typing as npt

from ..background import Background, estimate_background
from ..errors import MetricError
from ..progress import NO_PROGRESS, Progress, Share
from ..registry import Registry
from .block import Block, BoolArray, FloatArray, Numbers
from .measuring import LEFT_OUT_PERCENT, Evaluation, Inputs, measure
from .propagation import propagate

__all__ = ["DIRECTIONS", "LEFT_OUT_PERCENT", "METRICS", "NEEDS", "STATISTICS", "Evaluation", "Gradient",
           "Metric", "MetricFunction", "MetricRegistry"]

MetricFunction = Callable[[Block], FloatArray]
Gradient = Callable[[Block], FloatArray]
BackgroundLike = Union[Background, npt.ArrayLike]

NEEDS = frozenset({"reference", "background", "uncertainty", "columns"})
DIRECTIONS = ("lower", "higher")
STATISTICS = ("covariance", "autocorrelation")


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
    nothing_at: Optional[float] = None
    """The value of a pixel that has nothing of the reference: it is not taken for any of several. None: no value is."""
    gradient: Optional[Gradient] = field(default=None, repr=False)
    """Block of pixels -> (n_pixels, n_bands) float64 slopes of the value by each band, 0 in bands not used; None
    where there is none: the σ of its values is then always found by Monte Carlo."""

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
                 background: Optional[BackgroundLike] = None, uncertainty: Optional[npt.ArrayLike] = None,
                 columns: Optional[npt.ArrayLike] = None, wavelength_nm: Optional[npt.ArrayLike] = None
                 ) -> npt.NDArray[np.float64]:
        """Return only the values of :meth:`evaluate`."""
        return self.evaluate(spectra, reference, background=background, uncertainty=uncertainty, columns=columns,
                             wavelength_nm=wavelength_nm, sigma=False).values

    def evaluate(self, spectra: npt.ArrayLike, reference: Optional[npt.ArrayLike] = None, *,
                 background: Optional[BackgroundLike] = None, valid: Optional[BoolArray] = None,
                 uncertainty: Optional[npt.ArrayLike] = None, columns: Optional[npt.ArrayLike] = None,
                 wavelength_nm: Optional[npt.ArrayLike] = None, sigma: bool = True,
                 progress: Progress = NO_PROGRESS) -> Evaluation:
        """Measure each of `spectra` (n_pixels, n_bands) or (n_bands,) against `reference` (n_bands,).

        `background` is samples (n_samples, n_bands) or a Background. A value that is not finite, or not `valid`
        (n_pixels, n_bands), is masked: the pixel is measured on its other bands.
        `uncertainty` is 1 σ of `spectra` (the same shape, or (n_bands,) for all pixels); with it every value gets its
        own σ, unless `sigma` is False. `columns` (n_pixels,) are detector columns.
        `wavelength_nm` (n_bands,) are the band centres, for metrics of absorption features; without them the bands used
        are taken as equally spaced.
        Computed in float64 whatever the input's type.
        Raises MetricError where shapes do not fit or something needed is missing.
        """
        pixels = _as_pixels(self, spectra)
        n_bands = pixels.shape[1]
        target = _as_reference(self, reference, n_bands)
        scene = _as_background(self, background, n_bands)
        given = Inputs(pixels, target, np.isfinite(target), valid, None, _as_uncertainty(self, uncertainty, pixels),
                       _as_columns(self, columns, len(pixels)), _as_wavelengths(wavelength_nm, n_bands))
        with np.errstate(all="ignore"):
            notes: tuple[str, ...] = ()
            if scene is not None:
                whitener = scene.whitener(given.base, self.statistics)
                given = replace(given, base=whitener.bands, whitener=whitener)
                notes += scene.notes(self.statistics)
            if "uncertainty" in self.needs:
                given = given.weighable()
            if sigma and given.uncertainty is not None:
                result = measure(self, given, Share(progress, 0.0, 0.2))
                result = propagate(self, given, given.uncertainty, result, Share(progress, 0.2, 1.0))
            else:
                result = measure(self, given, progress)
        return replace(result, notes=notes + result.notes)


class MetricRegistry(Registry[Metric]):
    """The table of metrics: `register` decorates the function of one metric."""

    def register(  # type: ignore[override]
            self, name: str, *, better: str, unit: str, needs: Iterable[str], quantity: str, title: str,
            source: str, **rules: Any) -> Callable[[MetricFunction], MetricFunction]:
        """Return a decorator that enters a function of a Block under `name`.

        `rules` are the optional fields of Metric: min_bands, positive_bands, statistics, scale_invariant, nothing_at.
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

    def gradient(self, name: str) -> Callable[[Gradient], Gradient]:
        """Return a decorator that enters a function of a Block as the gradient of the metric `name`."""
        def enter(function: Gradient) -> Gradient:
            self._entries[name] = replace(self[name], gradient=function)
            return function

        return enter


METRICS = MetricRegistry("metric", MetricError)
"""Name -> Metric."""


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


def _as_uncertainty(metric: Metric, uncertainty: Optional[npt.ArrayLike], pixels: Numbers) -> Optional[Numbers]:
    if uncertainty is None:
        if "uncertainty" in metric.needs:
            raise MetricError(f"Metric '{metric.name}' needs the uncertainty of the spectra; give one standard "
                              "deviation per value, or choose another metric.")
        return None
    sigma = np.atleast_2d(_as_numbers(uncertainty, "uncertainty"))
    if sigma.ndim != 2 or sigma.shape not in (pixels.shape, (1, pixels.shape[1])):
        raise MetricError(f"The uncertainty has shape {np.shape(uncertainty)} and the spectra have {pixels.shape}; "
                          "give one standard deviation per value.")
    return np.broadcast_to(sigma, pixels.shape)


def _as_columns(metric: Metric, columns: Optional[npt.ArrayLike], n_pixels: int
                ) -> Optional[npt.NDArray[np.intp]]:
    if columns is None:
        if "columns" in metric.needs:
            raise MetricError(f"Metric '{metric.name}' needs the detector column of each pixel; give one whole number "
                              "per pixel.")
        return None
    numbers = np.atleast_1d(np.asarray(columns))
    if numbers.shape != (n_pixels,) or numbers.dtype.kind not in "iu":
        raise MetricError(f"The columns have shape {numbers.shape} and type '{numbers.dtype}', and there are "
                          f"{n_pixels} pixels; give one whole number per pixel.")
    return numbers.astype(np.intp)


def _as_wavelengths(wavelength_nm: Optional[npt.ArrayLike], n_bands: int) -> Optional[FloatArray]:
    if wavelength_nm is None:
        return None
    centres = _as_numbers(wavelength_nm, "wavelengths").astype(np.float64)
    if centres.shape != (n_bands,) or not np.isfinite(centres).all():
        raise MetricError(f"The wavelengths have shape {centres.shape} and the spectra have {n_bands} bands; give one "
                          "finite band centre in nm per band.")
    return centres
