"""map_gas(): the search for a gas in a scene of radiance, as a raster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Union

import numpy as np

from .gases import Detection, detect
from .io.rastersink import RasterSink, written
from .orthorectification.gather import Int, Raster, Table
from .orthorectification.slabs import write_slabs
from .progress import NO_PROGRESS, Progress, Share, checkpoint, listening
from .quality import MaskPolicy
from .resampling import ReferenceLike
from .sensors import Granule

BANDS = ("score (ppm m)", "noise (ppm m)", "snr")
"""Names of the bands."""
_AT_ONCE = 1 << 20
"""Pixels dealt out at once."""
_FOUND = 0.9
"""Where in the whole the search ends."""


@dataclass(frozen=True, eq=False)
class _Pixels:
    """Meets PixelValues: score, noise and SNR of every raw pixel."""

    found: Detection
    """The search."""
    n_values: int = len(BANDS)
    """Values per pixel."""

    def rows(self, start: int, stop: int) -> Table:
        """Those of whole lines."""
        columns = self.found.score.shape[1]
        return self.pixels(np.arange(start * columns, stop * columns, dtype=np.int64))

    def pixels(self, flat: Int) -> Table:
        """Those of single pixels."""
        score, noise = self.found.score.ravel()[flat], self.found.noise.ravel()[flat]
        return np.stack([score, noise, score / noise], axis=1)


def map_gas(granule: Granule, target: ReferenceLike, sink: RasterSink, *, mask: Union[None, str, MaskPolicy] = None,
            albedo: bool = True, orthorectify: bool = False, progress: Optional[Progress] = None) -> Detection:
    """Search `granule` for the gas of `target` by :func:`.gases.detect`, and write score, noise and SNR into `sink`.

    `orthorectify` writes on the map grid where the granule has a location, else the output has a row per line.
    Commits the sink, or aborts it and raises a :class:`.errors.PixelSpectraError`, as detect() does.
    """
    progress = progress or NO_PROGRESS
    with listening(progress), written(sink):
        found = detect(granule, target, mask=mask, albedo=albedo, progress=Share(progress, 0.0, _FOUND))
        raster = Raster.of(granule.shape, granule.geolocation if orthorectify else None)
        sink.open(raster.grid, BANDS)
        write_slabs(_Pixels(found), raster, sink, _AT_ONCE, Share(progress, _FOUND, 1.0), "Writing")
        checkpoint(progress, 1.0)
    return found
