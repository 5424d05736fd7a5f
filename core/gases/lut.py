"""A radiative-transfer look-up table in the layout of mag1c: an ENVI file of radiance, one spectrum per enhancement."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import numpy as np
import numpy.typing as npt

from ..errors import GranuleError, LibraryError
from ..io.envi import EnviHeader, header_file, read_header
from ..spectra import BandGrid
from .target import ENHANCEMENT_PPM_M, GasTarget, fit_target, missing_note

Float64 = npt.NDArray[np.float64]

_BAND_AXIS = {"bsq": 0, "bil": 1, "bip": 2}
"""Interleave -> axis of the wavelengths in the file."""
_MOST_SPECTRA = 1000
_SUFFIXES = (".lut", ".LUT")
_UNITS_NM = {"nanometers": 1.0, "nanometres": 1.0, "nm": 1.0, "micrometers": 1000.0, "micrometres": 1000.0,
             "um": 1000.0}


def identify(path: Path) -> bool:
    """True for an ENVI header, or a file with one beside it."""
    header = header_file(path)
    try:
        return header is not None and header.read_bytes()[:4] == b"ENVI"
    except OSError:
        return False


def read_table(path: Path) -> tuple[Float64, Float64]:
    """Wavelengths (n,) in nm, increasing, and radiance (n_enhancements, n); LibraryError where it is no such table."""
    try:
        header = read_header(header_file(path) or path)
        return _table(header, path)
    except GranuleError as error:
        raise LibraryError(str(error)) from error
    except OSError as error:
        raise LibraryError(f"{path}: the file cannot be read ({error.strerror}).") from error


def target(path: Path, bands: BandGrid, enhancement_ppm_m: Optional[Sequence[float]] = None) -> GasTarget:
    """The target by least squares of log radiance on enhancement over the whole table.

    `enhancement_ppm_m` is the enhancement of each spectrum of the table; None takes those of mag1c.
    """
    grid, radiance = read_table(path)
    given = ENHANCEMENT_PPM_M if enhancement_ppm_m is None else tuple(enhancement_ppm_m)
    if len(given) != len(radiance):
        raise LibraryError(f"{path}: the table holds {len(radiance)} spectra and {len(given)} enhancements are given; "
                           "give the enhancement of each (ENHANCEMENTS, ppm m).")
    values = fit_target(grid, lambda part: radiance[:, part], given, bands, str(path))
    told = ", ".join(f"{value:g}" for value in given)
    return GasTarget("", bands.wavelength_nm, values, path.name, (
        f"least squares of log radiance on the enhancements {told} ppm m, over the whole table",
        "each band: mean over its Gaussian response", *missing_note(values)))


def _table(header: EnviHeader, path: Path) -> tuple[Float64, Float64]:
    lines, samples, n = header.shape
    grid = header.numbers("wavelength") * _nm_per_unit(header)
    interleave = header.text("interleave", "bsq").lower()
    if grid.size != n or interleave not in _BAND_AXIS:
        raise LibraryError(f"{header.path}: a look-up table needs one wavelength for each of its {n} bands and the "
                           f"interleave bsq, bil or bip; it has {grid.size} and '{interleave}'.")
    if lines * samples > _MOST_SPECTRA:
        raise LibraryError(f"{header.path}: this is an image of {lines} x {samples} pixels, not a look-up table of "
                           "a few spectra; give the table.")
    shape = [lines, samples]
    shape.insert(_BAND_AXIS[interleave], n)
    data = _data_file(header, path)
    values = np.fromfile(data, header.dtype, offset=header.integer("header offset", 0))
    if values.size != lines * samples * n:
        raise LibraryError(f"{data}: the file holds {values.size} values, and its header tells of {lines} x {samples} "
                           f"x {n}; copy it again.")
    table = np.moveaxis(values.reshape(shape), _BAND_AXIS[interleave], -1).reshape(-1, n).astype(np.float64)
    if len(table) < 2 or not np.isfinite(table).all():
        raise LibraryError(f"{data}: a look-up table needs at least two spectra of finite radiance; it has "
                           f"{len(table)}.")
    order = np.argsort(grid, kind="stable")
    if not (np.diff(grid[order]) > 0).all():
        raise LibraryError(f"{header.path}: a wavelength occurs twice; keep one of the two.")
    return grid[order], table[:, order]


def _nm_per_unit(header: EnviHeader) -> float:
    unit = header.text("wavelength units", "nanometers").strip().lower()
    if unit not in _UNITS_NM:
        raise LibraryError(f"{header.path}: the wavelength unit '{unit}' is not supported; give nanometers or "
                           "micrometers.")
    return _UNITS_NM[unit]


def _data_file(header: EnviHeader, path: Path) -> Path:
    if path != header.path:
        return path
    beside = (path.with_suffix(suffix) for suffix in _SUFFIXES)
    return next((data for data in beside if data.is_file()), None) or header.data_file()
