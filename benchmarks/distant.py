"""The archive of the benchmarks: servers on loopback with the delay and the width of a long line."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import Bench
from figures import NotMeasured
from full_granule import Scene  # also lets the packages of tests/ be imported
from traffic import BYTES_PER_S, LATENCY_S

from granules import GranuleFiles, write_granule
from loopback import LoopbackArchive

_SPARE_BYTES = 200 << 20
_QUICK = 8
"""The line is so many times faster where the figures mean nothing."""


@contextmanager
def archive(bench: Bench, needed_bytes: int) -> Iterator[LoopbackArchive]:
    """An archive over an empty folder beside the granule, deleted afterwards; NotMeasured where the disk is full."""
    beside = bench.files.reflectance.parents[1]
    free = shutil.disk_usage(beside).free
    if free < needed_bytes + _SPARE_BYTES:
        raise NotMeasured(f"needs {needed_bytes / 2**30:.1f} GB in '{beside}', which has {free / 2**30:.1f} GB left")
    pace = _QUICK if bench.quick else 1
    with tempfile.TemporaryDirectory(prefix="archive-", dir=beside) as folder, \
            LoopbackArchive(folder, LATENCY_S / pace, BYTES_PER_S * pace, process=True) as served:
        yield served


def cube_bytes(shape: Sequence[int]) -> int:
    """Of the spectra of a scene."""
    return shape[0] * shape[1] * 285 * 4


def serve_granule(bench: Bench, served: LoopbackArchive) -> str:
    """Publish the granule of the benchmarks with its MASK and an RFLUNCERT; the address of its RFL.

    The RFLUNCERT is written for this, which for a moment takes twice the bytes of the cube.
    """
    scene = Scene(downtrack=bench.files.shape[0], crosstrack=bench.files.shape[1])
    beside = served.folder / "written"
    beside.mkdir()
    written = write_granule(beside, scene, mask=None)
    written.reflectance.unlink()  # only the companion is wanted
    files = GranuleFiles(scene, bench.files.reflectance, bench.files.mask, written.uncertainty)
    published = served.publish(files, browse=False)
    return served.url(published.rfl)


def path_of(served: LoopbackArchive, url: str) -> Path:
    """The file that an address stands for."""
    return served.folder / url.split("/", 3)[3]
