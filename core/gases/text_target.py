"""A target as text: wavelength and value, or number, wavelength and value as in NASA's files."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import LibraryError
from ..libraries.textfile import head_lines, read_lines
from ..libraries.units import missing_to_nan, nanometres
from ..resampling import resample
from ..spectra import BandGrid
from .target import UNIT, GasTarget, missing_note

Float64 = npt.NDArray[np.float64]

_BETWEEN = re.compile(r"[\s,;]+")


def identify(path: Path) -> bool:
    """True where one of the first lines is two or three numbers."""
    return any(_numbers(line) is not None for line in head_lines(path)[:50])


def read(path: Path) -> tuple[Float64, Float64, str]:
    """Wavelengths (n,) in nm, values (n,) and what was assumed of the unit; LibraryError with file and line."""
    lines = [(n, line.strip()) for n, line in enumerate(read_lines(path), 1)]
    content = [(n, line) for n, line in lines if line and not line.startswith("#")]
    label = content.pop(0)[1] if content and _numbers(content[0][1]) is None else ""
    rows = [(n, line, _numbers(line)) for n, line in content]
    bad = next(((n, line) for n, line, cells in rows if cells is None or len(cells) != len(rows[0][2] or ())), None)
    if bad is not None:
        raise LibraryError(f"{path}, line {bad[0]}: '{bad[1][:40]}' is not two or three numbers as in the lines "
                           "before; correct it.")
    if len(rows) < 2:
        raise LibraryError(f"{path}: a target needs at least two lines of wavelength and value.")
    table = np.array([cells for _, _, cells in rows], np.float64)
    if table.shape[1] == 3 and not np.array_equal(table[:, 0], np.arange(1, len(table) + 1)):
        raise LibraryError(f"{path}: the first of three columns must number the bands 1, 2, 3, …; give two columns, "
                           "wavelength and value.")
    wavelength_nm, said = nanometres(table[:, -2], label.split(",")[0], str(path))
    return wavelength_nm, missing_to_nan(table[:, -1]), said


def target(path: Path, bands: BandGrid) -> GasTarget:
    """The target of a text file on `bands`: Gaussian response where it is finer than they are, else linear."""
    wavelength_nm, given, said = read(path)
    values = resample(wavelength_nm, given, bands)
    if np.isnan(values).all():
        raise LibraryError(f"{path}: the file covers {wavelength_nm.min():g} to {wavelength_nm.max():g} nm and none of "
                           f"the {len(bands)} bands from {bands.wavelength_nm.min():g} to "
                           f"{bands.wavelength_nm.max():g} nm; give a file that covers them.")
    return GasTarget("", bands.wavelength_nm, values, path.name, (
        f"values as in the file, taken as {UNIT} as in NASA's targets", said, *missing_note(values)))


def _numbers(line: str) -> tuple[float, ...] | None:
    """The two or three numbers of a line; None for anything else."""
    cells = [cell for cell in _BETWEEN.split(line.strip()) if cell]
    try:
        return tuple(float(cell) for cell in cells) if len(cells) in (2, 3) else None
    except ValueError:
        return None
