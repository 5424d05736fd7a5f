"""The column-wise matched filter over a full scene against reading its file, and our methane target against NASA's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from bench import Bench
from figures import Figure, Row
from pixel_spectra.core.gases import detect, gas_target
from pixel_spectra.core.gases.column_filter import METHANE_WINDOW_NM
from pixel_spectra.core.libraries import ReferenceSpectrum
from pixel_spectra.core.sensors import Granule

from . import job

_DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "methane"
_TABLE, _NASA = _DATA / "mag1c" / "ch4.lut", _DATA / "emit20220815t042838_ch4_target"
_WINDOW_NM, _REACH = (2150.0, 2450.0), 0.985
_BUFFER, _SHRINKAGE, _READ_TIMES = 3 << 20, 1e-3, 3.0
_JOB = "column filter, {}, full scene, one pass, fixed shrinkage"


class _AsRadiance:
    """The granule with its values taken as radiance: the same bytes, and no second file of 1.8 GB."""

    quantity = "radiance"

    def __init__(self, granule: Granule) -> None:
        self._granule = granule

    def __getattr__(self, name: str) -> Any:
        return getattr(self._granule, name)


@job("column_filter", order=8)
def column_filter(bench: Bench) -> Iterator[Row]:
    """Warm; ours and the reading take turns. The scene has no noise, so only the time means anything."""
    granule, target = _AsRadiance(bench.granule), _target(bench)
    bands = detect(granule, target, mask="none", shrinkage=_SHRINKAGE).wavelength_nm.size
    for name, robust in (("plain", False), ("pixels that stand out left out", True)):
        ours, reading = _in_turns(
            bench.repeats(10), lambda robust=robust: detect(granule, target, mask="none", shrinkage=_SHRINKAGE,
                                                            robust=robust), lambda: _read(bench.files.reflectance))
        yield Row(_JOB.format(name), ours, None, "reading the file, one thread, one buffer", reading, None,
                  None if robust else _READ_TIMES)
    spectra = np.random.default_rng(0).normal(1.0, 0.1, (*bench.files.shape[::-1], bands)).astype(np.float32)
    bare, _ = _in_turns(bench.repeats(5), lambda: spectra.transpose(0, 2, 1) @ spectra, lambda: None)
    yield Row(f"its bare matrix product: {bands} x {bands} of each column", bare)
    bench.notes.append(_against_nasa(bench))


def _in_turns(n: int, ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[Figure, Figure]:
    seconds: tuple[list[float], list[float]] = ([], [])
    ours()
    for _ in range(n):
        for action, into in ((theirs, seconds[1]), (ours, seconds[0])):
            start = time.perf_counter()
            action()
            into.append(time.perf_counter() - start)
    return Figure.of(seconds[0]), Figure.of(seconds[1])


def _read(path: Path) -> None:
    buffer = bytearray(_BUFFER)
    with open(path, "rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def _target(bench: Bench) -> ReferenceSpectrum:
    """Something that absorbs in the window: what it is makes no difference to the time."""
    nm = bench.granule.bands.wavelength_nm
    low, high = METHANE_WINDOW_NM
    shape = -np.exp(-(((nm - 0.5 * (low + high)) / 60.0) ** 2)) * (1.0 + 0.3 * np.sin(nm / 7.0))
    return ReferenceSpectrum("gas", "gas", nm, shape, "made for the benchmark")


def _against_nasa(bench: Bench) -> str:
    if not (_TABLE.is_file() and _NASA.is_file()):
        return "methane target against NASA's: not measured (../shared/data/methane is not there)"
    bands = bench.granule.bands
    ours, theirs = (gas_target(path, bands).values for path in (_TABLE, _NASA))
    window = (bands.wavelength_nm >= _WINDOW_NM[0]) & (bands.wavelength_nm <= _WINDOW_NM[1])
    r = float(np.corrcoef(ours[window], theirs[window])[0, 1])
    slope = float(ours[window] @ theirs[window] / (theirs[window] @ theirs[window]))
    return (f"methane target from mag1c's table against NASA's, {_WINDOW_NM[0]:g}-{_WINDOW_NM[1]:g} nm: r = {r:.4f} "
            f"(reach >= {_REACH}: {'yes' if r >= _REACH else 'MISSED'}), slope {slope:.3f}")
