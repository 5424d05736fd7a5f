"""Gather what a metric declares it needs and call it: the same for every verb."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Optional, Union

import numpy as np
import numpy.typing as npt

from .aoi import PixelSet
from .background import Background, estimate_background, is_enough, ring, scene_sample
from .errors import MetricError
from .metrics import METRICS
from .metrics.metric import Metric
from .progress import NO_PROGRESS, Progress
from .quality import MaskPolicy
from .registry import Registry
from .scene_sample import draw_samples, fixed_sample
from .sensors import Granule
from .spectra import Spectra

Float = npt.NDArray[np.float64]
BackgroundChoice = Union[None, str, Background, npt.ArrayLike]


@dataclass(frozen=True)
class Scores:
    """How close some pixels are to a reference."""

    values: Float
    """(n_pixels,) in the metric's unit and direction; NaN where undefined."""
    used: npt.NDArray[np.bool_]
    """(n_pixels, n_bands) the values that entered the metric."""
    metric: Metric
    """The metric."""
    notes: tuple[str, ...]
    """What a user should know: bands left out, shrinkage of the background."""
    sigma: Optional[Float] = None
    """(n_pixels,) 1 σ of `values` from the uncertainty of the pixels; NaN where unknown, None without uncertainty."""
    background: Optional[Background] = None
    """The background that was used; None for a metric that needs none."""


def score(granule: Granule, pixels: PixelSet, spectra: Spectra, metric: str, reference: Optional[Float],
          policy: MaskPolicy, background: BackgroundChoice = None, seed: int = 0,
          progress: Progress = NO_PROGRESS, sigma: bool = True) -> Scores:
    """Score `spectra` (of `pixels`, masked by `policy`) against `reference` on the granule's bands.

    `background` is "scene" (default) or "ring", samples, or a Background; it matters only to metrics
    that need one. Where `spectra` carry their uncertainty every score gets its σ, unless `sigma` is False; a
    metric that needs the uncertainty has it read. Raises :class:`MetricError` for what the metric lacks.
    """
    chosen = METRICS[metric]
    if chosen.quantity not in ("any", granule.quantity):
        raise MetricError(f"The metric '{metric}' compares {chosen.quantity}, but '{granule.id}' holds "
                          f"{granule.quantity}; give a granule of {chosen.quantity}.")
    scene = None
    if "background" in chosen.needs:
        scene = gather_background(granule, pixels, policy, background, seed, progress)
    uncertainty = spectra.uncertainty
    if uncertainty is None and "uncertainty" in chosen.needs:
        uncertainty = gather_uncertainty(granule, pixels, metric)
    result = chosen.evaluate(spectra.values, reference, background=scene, valid=spectra.valid, uncertainty=uncertainty,
                             columns=pixels.crosstrack if "columns" in chosen.needs else None,
                             wavelength_nm=spectra.bands.wavelength_nm, sigma=sigma, progress=progress)
    return Scores(result.values, result.used, chosen, result.notes, result.sigma, scene)


def read_uncertainty(granule: Granule, pixels: PixelSet) -> Optional[npt.NDArray[np.float32]]:
    """(n_pixels, n_bands) 1 σ of the spectra of `pixels`, NaN off the swath; None where the granule has none."""
    on_swath = pixels.on_swath
    read = granule.read_uncertainty(pixels.take(on_swath))
    if read is None or on_swath.all():
        return read
    values = np.full((len(pixels), read.shape[1]), np.nan, np.float32)
    values[on_swath] = read
    return values


def gather_uncertainty(granule: Granule, pixels: PixelSet, metric: str) -> npt.NDArray[np.float32]:
    """As :func:`read_uncertainty`, for a metric that needs it; raises MetricError where the granule has none."""
    read = read_uncertainty(granule, pixels)
    if read is None:
        raise MetricError(f"The metric '{metric}' needs the uncertainty of the spectra, and '{granule.id}' has none; "
                          "put its RFLUNCERT file beside it or name that file, or choose another metric.")
    return read


def gather_background(granule: Granule, pixels: PixelSet, policy: MaskPolicy, background: BackgroundChoice,
                      seed: int, progress: Progress = NO_PROGRESS) -> Background:
    """The background asked for; scene samples are factorised once per granule, mask and seed."""
    if background is None:
        background = "scene"
    if isinstance(background, Background):
        return background
    if not isinstance(background, str):
        return estimate_background(background)
    return BACKGROUNDS[background](granule, pixels.take(pixels.on_swath), policy, seed, progress)


def _scene(granule: Granule, target: PixelSet, policy: MaskPolicy, seed: int, progress: Progress) -> Background:
    sample = fixed_sample(granule, policy, seed, progress)
    columns = granule.shape[1]
    shared = np.isin(sample.pixels.downtrack.astype(np.int64) * columns + sample.pixels.crosstrack,
                     target.downtrack.astype(np.int64) * columns + target.crosstrack)
    if not shared.any():
        return sample.background
    rest = sample.values[~shared]
    if not is_enough(rest):  # the target covers much of the scene: draw beside it
        def draw(n: int) -> tuple[Any, Any]:
            return scene_sample(granule.shape, n, seed, target.downtrack, target.crosstrack)

        rest = draw_samples(granule, policy, progress, draw)[1]
    return estimate_background(rest, seed=seed)


def _ring(granule: Granule, target: PixelSet, policy: MaskPolicy, seed: int, progress: Progress) -> Background:
    def draw(n: int) -> tuple[Any, Any]:
        return ring(granule.shape, target.downtrack, target.crosstrack, n, seed)

    return estimate_background(draw_samples(granule, policy, progress, draw)[1], seed=seed)


BACKGROUNDS: Registry[Callable[[Granule, PixelSet, MaskPolicy, int, Progress], Background]] = Registry(
    "background", MetricError)
"""Name -> how the background is drawn."""

BACKGROUNDS.add("scene", _scene)
BACKGROUNDS.add("ring", _ring)
