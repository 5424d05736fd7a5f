"""Ours: maps of a whole granule into an ENVI image, and what reading its file alone takes."""

import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from measuring import MemoryRise, answer
from pixel_spectra.core.io.rastersink import EnviSink
from pixel_spectra.core.libraries import bundled_library
from pixel_spectra.core.mapping import map_scores
from pixel_spectra.core.sensors import open_granule

_BUFFER = 3 << 20


def read_file(path):
    """All bytes once, into one buffer: no way of reading is faster on one thread."""
    buffer = bytearray(_BUFFER)
    with open(path, "rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def timed(action):
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def work(question):
    reference = bundled_library()[question["reference"]]
    path, runs = question["path"], {}
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "map.img"

        def write(metric, **options):
            map_scores(open_granule(path), [reference], metric, EnviSink(image), **options)

        write("sam", mask="good_bands", stride=8)
        for name, (metric, options) in question["maps"].items():
            seconds, reading, rises = [], [], []
            for _ in range(question["repeats"]):
                reading.append(timed(partial(read_file, path)))
                with MemoryRise() as memory:
                    seconds.append(timed(partial(write, metric, **options)))
                rises.append(memory.megabytes)
            runs[name] = {"seconds": seconds, "reading": reading,
                          "memory": None if None in rises else max(rises)}
            if question["keep"] == name:
                np.save(question["values"], np.fromfile(image, np.float32))
    return runs


answer(work)
