"""The clicks that follow the first one, and the bare read of one pixel against the system call it needs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import shapely
from bench import Bench, attempt
from figures import Figure, NotMeasured, Row
from pixel_spectra.core.aoi import PixelSet
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.io.bytesource import FileSource
from pixel_spectra.core.io.hdf5 import open_structure
from pixel_spectra.core.sensors import Granule, open_granule
from programs.measuring import time_each, time_pairs

from . import job
from .first_spectrum import hypercoast_answer

_MOST_SECONDS, _MOST_TIMES_PREAD = 0.001, 10.0


@job("next", order=2)
def next_spectra(bench: Bench) -> Iterator[Row]:
    """200 clicks near the first one."""
    held = attempt(lambda: Figure.of(hypercoast_answer(bench)["next"]))
    bare = open_granule(bench.files.bare)
    yield Row("next spectrum through inspect, with MASK", _clicks(bench, bench.granule), _MOST_SECONDS,
              "hypercoast, once all is in its memory", held)
    yield Row("next spectrum, with MASK, scored with SAM",
              _clicks(bench, bench.granule, reference=bench.reference), _MOST_SECONDS)
    yield Row("next spectrum through inspect, without MASK", _clicks(bench, bare), _MOST_SECONDS)
    pair = attempt(lambda: _reads(bench))
    ours, theirs = (pair, "") if isinstance(pair, str) else pair
    yield Row("bare read_pixels of one", ours, None, "os.pread of the same 1140 bytes, file kept open", theirs,
              times_slower=_MOST_TIMES_PREAD)


def _clicks(bench: Bench, granule: Granule, **more: Any) -> Figure:
    def click(point: shapely.Point) -> Any:
        return inspect(granule, point, **more)

    click(shapely.Point(bench.first_click))
    timing, _ = time_each(click, [shapely.Point(place) for place in bench.next_clicks])
    return Figure.of(timing)


def _reads(bench: Bench) -> tuple[Figure, Figure]:
    """Both read the same pixels, one after the other, taking turns in who goes first."""
    if not hasattr(os, "pread"):
        raise NotMeasured("this system has no pread")
    granule = bench.granule
    with open_structure(FileSource(str(bench.files.reflectance))) as structure:
        offset = structure.layout("reflectance").offset
    size = 4 * len(granule.bands)
    pixels = [PixelSet.at(*pair) for pair in bench.scattered(1, bench.repeats(2000), seed=2)[0]]
    descriptor = os.open(bench.files.reflectance, os.O_RDONLY)

    def pread(pixel: PixelSet) -> bytes:
        flat = int(pixel.downtrack[0]) * granule.shape[1] + int(pixel.crosstrack[0])
        return os.pread(descriptor, size, offset + flat * size)

    try:
        for pixel in pixels:  # warm, and the same
            if not np.array_equal(np.frombuffer(pread(pixel), "<f4"), granule.read_pixels(pixel).values[0]):
                raise NotMeasured("pread and read_pixels give other values")
        ours, theirs = time_pairs(granule.read_pixels, pread, pixels)
    finally:
        os.close(descriptor)
    return Figure.of(ours), Figure.of(theirs)
