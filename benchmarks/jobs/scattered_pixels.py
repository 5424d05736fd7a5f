"""1 000 pixels scattered over the scene: from memory, from the disk, and through the whole line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import page_cache
import shapely
from bench import Bench, attempt
from figures import Figure, NotMeasured, Row
from pixel_spectra.core.aoi import PixelSet
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.sensors import open_granule
from programs.measuring import Timing, time_each

from . import job

_N, _WARM_SECONDS, _COLD_SECONDS = 1000, 0.025, 0.060
_JOB = "1 000 scattered pixels, {}"
_PEER = "h5py, pixel by pixel, reading only"


@job("scattered", order=3)
def scattered_pixels(bench: Bench) -> Iterator[Row]:
    """Every repetition takes other pixels; the file stays open in the peer, not in ours."""
    sets = bench.scattered(bench.repeats(20), _N, seed=3)
    areas = [shapely.MultiPoint(np.stack(bench.granule.geolocation.lonlat(*pairs.T), axis=1)) for pairs in sets]
    first = attempt(lambda: _first(bench, areas[: bench.repeats(7)]))
    _through(bench, areas[:1], reference=bench.reference)
    warm = attempt(lambda: _peer(bench, sets))
    yield Row(_JOB.format("read_pixels, warm"), _reads(bench, sets), _WARM_SECONDS, _PEER, warm)
    yield Row(_JOB.format("inspect(pixels=...), MASK + SAM"), _by_row_and_column(bench, sets), _WARM_SECONDS, _PEER,
              warm)
    yield Row(_JOB.format("inspect(MultiPoint), MASK + SAM"),
              _through(bench, areas, reference=bench.reference), _WARM_SECONDS, _PEER, warm)
    yield Row(_JOB.format("inspect(MultiPoint), MASK + SAM, first thing after opening"), first)
    control: list[float] = []
    yield Row(_JOB.format("read_pixels, cold"), attempt(lambda: _cold(bench, control)), _COLD_SECONDS,
              _PEER + ", cold", attempt(lambda: _cold_peer(bench)))
    if control:
        bench.notes.append(f"cold: dropped from the page cache, checked by mincore; a single pread then takes "
                           f"{Figure.of(control)}. A virtual disk may still be in its host's memory.")


def _reads(bench: Bench, sets: list[npt.NDArray[Any]]) -> Figure:
    pixels = [PixelSet.at(*pairs.T) for pairs in sets]
    for some in pixels:
        bench.granule.read_pixels(some)
    return Figure.of(time_each(bench.granule.read_pixels, pixels)[0])


def _by_row_and_column(bench: Bench, sets: list[npt.NDArray[Any]]) -> Figure:
    return Figure.of(time_each(lambda pairs: inspect(bench.granule, pixels=pairs, reference=bench.reference), sets)[0])


def _through(bench: Bench, areas: list[Any], **more: Any) -> Figure:
    return Figure.of(time_each(lambda area: inspect(bench.granule, area, **more), areas)[0])


def _first(bench: Bench, areas: list[Any]) -> Figure:
    """Each area on a granule that was just opened; the opening is not counted."""
    fresh = [(open_granule(bench.files.reflectance), area) for area in areas]
    return Figure.of(time_each(lambda pair: inspect(*pair, reference=bench.reference), fresh)[0])


def _peer(bench: Bench, sets: list[npt.NDArray[Any]]) -> Figure:
    told = bench.peers.ask("array tools", "h5py_pixels",
                           {"path": str(bench.files.reflectance), "sets": [pairs.tolist() for pairs in sets]})
    ours = bench.granule.read_pixels(PixelSet.at(*sets[-1].T)).values.sum(dtype=np.float64)
    if abs(told["total"] - ours) > 1e-6 * abs(ours):
        raise NotMeasured("it reads other values")
    return Figure.of(told["seconds"])


def _cold_sets(bench: Bench) -> list[npt.NDArray[Any]]:
    return bench.scattered(bench.repeats(9), _N, seed=4)


def _cold(bench: Bench, control: list[float]) -> Figure:
    """Each set after the file was dropped; `control` collects single reads of dropped places."""
    seconds: list[float] = []
    for pairs in _cold_sets(bench):
        page_cache.drop([bench.files.reflectance])
        control += _single_reads(bench)
        page_cache.drop([bench.files.reflectance])
        seconds += time_each(bench.granule.read_pixels, [PixelSet.at(*pairs.T)])[0].seconds
    return Figure.of(seconds)


def _single_reads(bench: Bench) -> tuple[float, ...]:
    size = os.path.getsize(bench.files.reflectance)
    places = np.random.default_rng(7).integers(size // 2, size - 4096, 20).tolist()
    descriptor = os.open(bench.files.reflectance, os.O_RDONLY)
    try:
        timing: Timing = time_each(lambda place: os.pread(descriptor, 1140, place), places)[0]
    finally:
        os.close(descriptor)
    return timing.seconds


def _cold_peer(bench: Bench) -> Figure:
    seconds: list[float] = []
    for pairs in _cold_sets(bench)[: bench.repeats(5)]:
        page_cache.drop([bench.files.reflectance])
        told = bench.peers.ask("array tools", "h5py_pixels",
                               {"path": str(bench.files.reflectance), "sets": [pairs.tolist()]})
        seconds += told["seconds"]
    return Figure.of(seconds)
