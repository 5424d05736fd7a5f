"""A fixed sample of the valid pixels of a scene: the background of metrics, and what a score is ranked among."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .aoi import PixelSet
from .background import Background, estimate_background, is_enough, scene_sample
from .errors import MetricError
from .progress import NO_PROGRESS, Progress
from .quality import MaskPolicy
from .sensors import Granule
from .sensors.masked import read_masked

_FIRST_DRAW, _LARGEST_DRAW = 4096, 32768


@dataclass(frozen=True)
class SceneSample:
    """Pixels drawn from a scene under one mask with one seed."""

    pixels: PixelSet
    """The valid ones of those drawn."""
    values: npt.NDArray[np.float32]
    """(n, n_bands) their spectra, NaN where masked."""
    seed: int
    """What they were drawn with."""
    scores: dict[Any, npt.NDArray[np.float64]] = field(default_factory=dict, repr=False, compare=False)
    """Scores of the sample that were computed, by metric and reference: kept for the next pixel."""

    @cached_property
    def background(self) -> Background:
        """Mean and scatter of the sample; raises MetricError where it is too small for them."""
        return estimate_background(self.values, seed=self.seed)


_SAMPLES: weakref.WeakKeyDictionary[Any, dict[tuple[str, int], SceneSample]] = weakref.WeakKeyDictionary()


def fixed_sample(granule: Granule, policy: MaskPolicy, seed: int = 0, progress: Progress = NO_PROGRESS) -> SceneSample:
    """The sample of `granule` under `policy`: the same whenever it is asked for, and read once."""
    known = _SAMPLES.setdefault(granule, {})
    key = (policy.mask_id, seed)
    if key not in known:
        pixels, values = draw_samples(granule, policy, progress, lambda n: scene_sample(granule.shape, n, seed))
        known[key] = SceneSample(pixels, values, seed)
    return known[key]


def draw_samples(granule: Granule, policy: MaskPolicy, progress: Progress, draw: Callable[[int], tuple[Any, Any]]
                 ) -> tuple[PixelSet, npt.NDArray[np.float32]]:
    """Draw pixels until enough of them are valid, or the scene (or patience) ends: valid pixels, their spectra."""
    n = _FIRST_DRAW
    while True:
        pixels = PixelSet.at(*draw(n))
        if not len(pixels):
            raise MetricError(f"The area covers all of '{granule.id}', so no pixel is left for a background; choose a "
                              "smaller area.")
        spectra = read_masked(granule, pixels, policy, progress)
        valid = spectra.pixel_valid
        samples = spectra.masked_values[valid]
        if is_enough(samples) or n >= _LARGEST_DRAW or len(pixels) < n:
            return pixels.take(valid), samples
        n *= 2
