"""Lines of the HITRAN database: the 160-column `.par` file, and HAPI's `.data` file, which is laid out alike."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import LibraryError
from ..libraries.textfile import head_lines, read_lines

Float64 = npt.NDArray[np.float64]

_COLUMNS = (("wavenumber_cm", 3, 15), ("strength", 15, 25), ("air_hwhm", 35, 40), ("self_hwhm", 40, 45),
            ("lower_energy_cm", 45, 55), ("air_exponent", 55, 59), ("air_shift", 59, 67))
"""(name, first, stop) in a line, counted from 0: the 2004 format (Rothman et al. 2005, JQSRT 96:139-204)."""
_NUMBERS_END = 67
_ORDER = ["molec_id", "local_iso_id", "nu", "sw", "a", "gamma_air", "gamma_self", "elower", "n_air", "delta_air"]
"""How HAPI's header names these columns."""
_ISOTOPOLOGUE = {"0": 10, "A": 11, "B": 12}


@dataclass(frozen=True, eq=False)
class Lines:
    """The lines of one gas, in the order of their wavenumbers; HITRAN's units at 296 K."""

    molecule: int
    """HITRAN's number of the molecule."""
    isotopologue: npt.NDArray[np.int64]
    """(n,) number of the isotopologue, 1 the most abundant."""
    wavenumber_cm: Float64
    """(n,) position in vacuum, cm-1."""
    strength: Float64
    """(n,) cm-1 / (molecule cm-2), with natural abundance."""
    air_hwhm: Float64
    """(n,) half width by air, cm-1 / atm."""
    self_hwhm: Float64
    """(n,) half width by the gas itself, cm-1 / atm."""
    lower_energy_cm: Float64
    """(n,) energy of the lower state, cm-1."""
    air_exponent: Float64
    """(n,) exponent of the temperature in the half width by air."""
    air_shift: Float64
    """(n,) shift of the position by air, cm-1 / atm."""
    source: str
    """The file."""

    def __len__(self) -> int:
        return len(self.wavenumber_cm)

    @property
    def window_nm(self) -> tuple[float, float]:
        """From the first to the last line: what the file is taken to cover, nm in vacuum."""
        return 1e7 / float(self.wavenumber_cm[-1]), 1e7 / float(self.wavenumber_cm[0])


def identify(path: Path) -> bool:
    """True where one of the first lines is laid out as HITRAN's."""
    return any(_parsed(line) is not None for line in head_lines(path)[:20])


def read(path: Path) -> Lines:
    """All lines of a file; LibraryError with file and line number where one is malformed or of another gas."""
    _check_header(path)
    rows = [(n, text) for n, text in enumerate(read_lines(path), 1) if text.strip()]
    parsed = [(n, text, _parsed(text)) for n, text in rows]
    bad = next(((n, text) for n, text, values in parsed if values is None), None)
    if bad is not None:
        raise LibraryError(f"{path}, line {bad[0]}: '{bad[1][:_NUMBERS_END].strip()[:40]}' is not a line of HITRAN's "
                           "160-column format; download the file again.")
    if not parsed:
        raise LibraryError(f"{path}: the file holds no lines; download it again.")
    table = np.array([values for _, _, values in parsed], np.float64)
    _one_gas(path, table, [n for n, _, _ in parsed])
    order = np.argsort(table[:, 2], kind="stable")
    molecule, isotopologue = table[order, 0].astype(np.int64), table[order, 1].astype(np.int64)
    columns = {name: table[order, 2 + i] for i, (name, _, _) in enumerate(_COLUMNS)}
    return Lines(int(molecule[0]), isotopologue, **columns, source=str(path))


def _parsed(text: str) -> tuple[float, ...] | None:
    """Molecule, isotopologue and the numbers of one line; None where it is malformed."""
    try:
        kind = text[2:3]
        values = (float(int(text[:2])), float(_ISOTOPOLOGUE.get(kind) or int(kind)),
                  *(float(text[first:stop]) for _, first, stop in _COLUMNS))
    except ValueError:
        return None
    well = len(text) >= _NUMBERS_END and np.isfinite(values).all() and values[2] > 0 and min(values[3:6]) >= 0
    return values if well else None


def _one_gas(path: Path, table: Float64, numbers: list[int]) -> None:
    other = np.flatnonzero(table[:, 0] != table[0, 0])
    if other.size:
        raise LibraryError(f"{path}, line {numbers[other[0]]}: a line of molecule {table[other[0], 0]:.0f} among those "
                           f"of molecule {table[0, 0]:.0f}; give a file of one gas.")


def _check_header(path: Path) -> None:
    """Refuse HAPI tables whose header tells of other columns."""
    header = path.with_suffix(".header")
    if path.suffix.lower() != ".data" or not header.is_file():
        return
    try:
        order = json.loads(header.read_text(encoding="utf-8")).get("order", _ORDER)
    except (OSError, ValueError, AttributeError) as error:
        raise LibraryError(f"{header}: the header of the line table cannot be read ({error}); fetch the table again "
                           "with HAPI.") from error
    if list(order)[:len(_ORDER)] != _ORDER:
        raise LibraryError(f"{header}: the table does not begin with HITRAN's standard columns "
                           f"({', '.join(_ORDER)}); fetch it again with HAPI's default parameters.")
