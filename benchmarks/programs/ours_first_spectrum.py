"""Ours: open a granule and inspect one place, in a process that has done nothing but import."""

import time

BEGIN = time.perf_counter()

import h5py  # noqa: E402, F401 (core imports it when first needed; imports are not part of the job)
import shapely  # noqa: E402
from measuring import MemoryRise, answer  # noqa: E402
from pixel_spectra.core.inspection import inspect  # noqa: E402
from pixel_spectra.core.sensors import open_granule  # noqa: E402

IMPORTS = time.perf_counter() - BEGIN


def work(question):
    with MemoryRise() as memory:
        start = time.perf_counter()
        granule = open_granule(question["path"])
        seen = inspect(granule, shapely.Point(question["lon"], question["lat"]))
        seconds = time.perf_counter() - start
    return {"seconds": seconds, "memory": memory.megabytes, "imports": IMPORTS, "mask": seen.mask.mask_id,
            "spectrum": seen.spectra.values[0].tolist()}


answer(work)
