"""What every job is given: the granule, the peers, how often to repeat, and where to click."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from figures import NotMeasured
from full_granule import Files
from machine import available_gigabytes
from peers import Peers
from pixel_spectra.core.libraries import ReferenceSpectrum, bundled_library
from pixel_spectra.core.resampling import on_bands
from pixel_spectra.core.sensors import Granule, open_granule

Place = tuple[float, float]

REFERENCE = "kaolinite"
_NEAR_DEG = 0.01


@dataclass(frozen=True)
class Bench:
    """One run of the benchmarks."""

    files: Files
    """The granule."""
    peers: Peers
    """Who we compare with."""
    quick: bool
    """True: fewer repetitions, to see that everything runs."""
    notes: list[str] = field(default_factory=list)
    """What a reader must know of the figures; printed under the rows of a job."""

    def repeats(self, full: int) -> int:
        """How often to repeat what is repeated `full` times in a full run."""
        return max(2, full // 10) if self.quick else full

    @cached_property
    def granule(self) -> Granule:
        """The granule with its MASK, opened once."""
        return open_granule(self.files.reflectance)

    @cached_property
    def reference(self) -> ReferenceSpectrum:
        """A bundled reference."""
        library = bundled_library()
        return library[next(name for name in library if name.startswith(REFERENCE))]

    @cached_property
    def resampled(self) -> npt.NDArray[np.float64]:
        """(n_bands,) the reference on the granule's bands."""
        return on_bands(self.reference, self.granule.bands, "auto").values

    @cached_property
    def first_click(self) -> Place:
        """Lon, lat of the middle cell of the ortho grid: there all ways of looking up give the same pixel."""
        grid = self.granule.geolocation.grid
        west, dx, _, north, _, dy = grid.geotransform
        return west + (grid.columns // 2 + 0.5) * dx, north + (grid.rows // 2 + 0.5) * dy

    @cached_property
    def next_clicks(self) -> list[Place]:
        """200 places near the first click."""
        near = min(_NEAR_DEG, 0.1 * self.files.shape[1] * 5e-4)
        shifts = np.random.default_rng(1).uniform(-near, near, (self.repeats(200), 2))
        return [tuple(place) for place in (np.array(self.first_click) + shifts).tolist()]

    def scattered(self, n_sets: int, n_pixels: int, seed: int) -> list[npt.NDArray[np.int64]]:
        """Sets of (downtrack, crosstrack) pairs drawn over the whole scene."""
        rng = np.random.default_rng(seed)
        return [np.stack([rng.integers(size, size=n_pixels) for size in self.files.shape], axis=1)
                for _ in range(n_sets)]

    def has_memory(self, gigabytes: float) -> None:
        """Raise NotMeasured where a peer would need more memory than there is."""
        free = available_gigabytes()
        if free is not None and free < gigabytes:
            raise NotMeasured(f"needs {gigabytes:.0f} GB of memory, {free:.0f} GB are free")


def attempt(measure: Callable[[], Any]) -> Any:
    """What `measure` returns, or the reason why it cannot be had as text."""
    try:
        return measure()
    except NotMeasured as reason:
        return str(reason)


def same(ours: npt.ArrayLike, theirs: npt.ArrayLike, tolerance: float) -> None:
    """Raise NotMeasured where a peer's values are others than ours: then it did something else."""
    difference = np.abs(np.asarray(ours, np.float64) - np.asarray(theirs, np.float64))
    if not np.nanmax(difference) <= tolerance or (np.isnan(ours) != np.isnan(theirs)).any():
        raise NotMeasured(f"its values differ from ours by up to {np.nanmax(difference):.2g}")
