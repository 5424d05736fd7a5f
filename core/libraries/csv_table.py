"""A table of numbers as text: one column of wavelengths and one or more of reflectance.

Separators are tab, `;`, `,` or blanks; decimal commas are understood where the separator is not a comma;
lines that begin with `#` are comments. What the file does not tell is guessed, and each guess is noted.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np
import numpy.typing as npt

from ..errors import LibraryError
from . import units
from .spectrum import LIBRARIES, LibraryFormat, ReferenceSpectrum, slug
from .textfile import head_lines, read_lines

Float64 = npt.NDArray[np.float64]

SEPARATORS = ("\t", ";", ",", None)
"""In the order they are tried; None is any run of blanks."""
_NAMED = {"\t": "tabs", ";": "semicolons", ",": "commas", None: "blanks"}
_MISSING = {"", "nan", "na", "n/a", "null", "none", "-", "--"}
_SAMPLED = 50

_WAVELENGTH = re.compile(
    r"wave[\s_]*(length|number)|^(wvl|wls?|lambda|λ)(?![a-z])"
    r"|^\W*([uµμ]m|nm|x|nanomet\w*|micromet\w*|microns?)\W*$",
    re.I,
)
_ASIDE = re.compile(
    r"^(fwhm.*|bandwidth.*|band[_ ]?pass.*|bbl|good(_\w+)?|index|bands?(_\w+)?|channel|id|no\.?|nr\.?"
    r"|std.*|sigma.*|uncertainty.*)$",
    re.I,
)
_PLAIN = re.compile(r"^(reflectance|refl|rfl|value|values|y|r|percent|%)?\W*([\[(].*[\])]|percent|%)?\W*$", re.I)


@dataclass(frozen=True)
class _Line:
    """One line of the table, cut into cells."""

    number: int
    """1-based line in the file."""
    cells: tuple[str, ...]
    """The cells without surrounding blanks."""


def identify(path: Path) -> bool:
    """True where at least two of the first lines are two or more numbers, and it is no header or markup."""
    lines = head_lines(path)
    if not lines or lines[0].lstrip().startswith(("ENVI", "{", "[", "<")):
        return False
    content = [line for _, line in _content(lines)]
    separator = _separator(content)
    numeric = [_all_numbers(_cut(line, separator)) for line in content[:200]]
    return sum(numeric) >= 2


def read(path: Path) -> list[ReferenceSpectrum]:
    """One spectrum per reflectance column; LibraryError with file and line on what is not a number."""
    lines = read_lines(path)
    content = _content(lines)
    separator = _separator([line for _, line in content])
    rows = [_Line(number, tuple(_cut(line, separator))) for number, line in content]
    rows = _without_empty_ends(rows)
    start = _first_data_row(path, rows)
    header = _header(lines, rows, start, separator)
    table = _numbers(path, rows[start:], separator)
    return _spectra(path, header, table, (f"columns separated by {_NAMED[separator]}", *_skipped(rows, start, header)))


def _content(lines: Sequence[str]) -> list[tuple[int, str]]:
    """(line number, text) of the lines that are neither blank nor comments."""
    return [
        (n, line.strip("\r\n"))
        for n, line in enumerate(lines, 1)
        if line.strip().strip(",;").strip() and line.lstrip()[0] != "#"
    ]


def _cut(line: str, separator: Optional[str]) -> list[str]:
    if separator is None:
        return line.split()
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])]
    except csv.Error:  # a cell beyond what the csv module takes: not a table of numbers
        return [line]


def _separator(content: Sequence[str]) -> Optional[str]:
    """The separator that cuts most of the last lines into two or more numbers; else one that cuts at all."""
    sample = content[-_SAMPLED:]
    votes = {s: sum(_all_numbers(_cut(line, s)) for line in sample) for s in SEPARATORS}
    if any(votes.values()):
        return max(SEPARATORS, key=lambda s: votes[s])
    cuts = {s: sum(len(_cut(line, s)) > 1 for line in sample) for s in SEPARATORS}
    return max(SEPARATORS, key=lambda s: cuts[s])


def _all_numbers(cells: Sequence[str]) -> bool:
    """True for two or more cells, the first a number, none of them text."""
    if len(cells) < 2 or not _is_number(cells[0]):
        return False
    return all(cell.lower() in _MISSING or _is_number(cell) for cell in cells)


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", ".", 1))
    except ValueError:
        return False
    return "_" not in cell


def _without_empty_ends(rows: list[_Line]) -> list[_Line]:
    """Drop last columns that are empty in every line (a separator at the end of each)."""
    while rows and all(len(row.cells) > 1 and row.cells[-1] == "" for row in rows):
        rows = [_Line(row.number, row.cells[:-1]) for row in rows]
    return rows


def _first_data_row(path: Path, rows: Sequence[_Line]) -> int:
    """Index of the first line whose first cells hold a number; what is before is header."""
    if not rows:
        raise LibraryError(f"{path}: the file is empty; it needs the columns wavelength_nm, reflectance.")
    start = next((i for i, row in enumerate(rows) if _begins_data(row, rows)), None)
    if start is None:
        raise LibraryError(
            f"{path}: there is no line of numbers in it; it needs the columns wavelength_nm, reflectance."
        )
    if max(len(row.cells) for row in rows[start:]) < 2:
        raise LibraryError(f"{path}: there is one column; a reference needs two: wavelength_nm, reflectance.")
    if start and (bad := _damaged(rows[start - 1], len(rows[start].cells))):
        raise LibraryError(f"{path}, line {rows[start - 1].number}: '{bad}' is not a number.")
    return start


def _begins_data(row: _Line, rows: Sequence[_Line]) -> bool:
    """True where a line looks like data: its first cell is a number, and it is not one number of metadata."""
    return _is_number(row.cells[0]) and len(row.cells) >= min(2, max(len(other.cells) for other in rows))


def _damaged(row: _Line, width: int) -> str:
    """The text in a line above the data that is a number everywhere else, so that it is no header; or ''."""
    rest = row.cells[1:]
    if len(row.cells) != width or not all(_is_number(cell) for cell in rest) or _WAVELENGTH.search(row.cells[0]):
        return ""
    return row.cells[0]


def _header(lines: Sequence[str], rows: Sequence[_Line], start: int, separator: Optional[str]) -> tuple[str, ...]:
    """Column names: the last line above the data with as many cells, else such a comment; else ()."""
    width = len(rows[start].cells)
    if start and len(rows[start - 1].cells) == width:
        return rows[start - 1].cells
    above = [line for line in lines[: rows[start].number - 1] if line.lstrip().startswith("#")]
    comments = [tuple(_cut(line.lstrip("# \t"), s)) for line in above for s in (separator, ",", None)]
    return next((c for c in reversed(comments) if len(c) == width and any(map(_WAVELENGTH.search, c))), ())


def _skipped(rows: Sequence[_Line], start: int, header: tuple[str, ...]) -> tuple[str, ...]:
    n = start - (1 if start and rows[start - 1].cells == header else 0)
    return (f"{n} lines above the table were not used",) if n else ()


def _numbers(path: Path, rows: Sequence[_Line], separator: Optional[str]) -> Float64:
    """(n_lines, n_columns) float64, NaN for an empty or missing cell."""
    width = len(rows[0].cells)
    commas = any("," in cell for row in rows for cell in row.cells)
    points = any("." in cell for row in rows for cell in row.cells)
    if commas and points:
        row, cell = next((row, cell) for row in rows for cell in row.cells if "," in cell)
        raise LibraryError(f"{path}, line {row.number}: '{cell}' has a comma where other numbers have a decimal point.")
    for row in rows:
        if len(row.cells) != width:
            raise LibraryError(
                f"{path}, line {row.number}: there are {len(row.cells)} columns where {width} are expected."
            )
    return np.array([[_number(path, row.number, cell) for cell in row.cells] for row in rows], dtype=np.float64)


def _number(path: Path, line: int, cell: str) -> float:
    if cell.lower() in _MISSING:
        return float("nan")
    if not _is_number(cell):
        raise LibraryError(f"{path}, line {line}: '{cell}' is not a number.")
    return float(cell.replace(",", "."))


def _spectra(path: Path, header: tuple[str, ...], table: Float64, notes: tuple[str, ...]) -> list[ReferenceSpectrum]:
    where = str(path)
    x = _wavelength_column(where, header)
    aside = [i for i, name in enumerate(header) if i != x and _ASIDE.match(name)]
    columns = [i for i in range(table.shape[1]) if i != x and i not in aside]
    if not columns:
        raise LibraryError(f"{where}: there is no column of reflectance beside the wavelengths.")
    nm, unit = units.nanometres(table[:, x], header[x] if header else "", where)
    labels = " ".join(header[i] for i in columns) if header else ""
    scaled, scale = units.fractions(table[:, columns].T, labels, where)
    nm, values, order = units.arrange(nm, scaled, where)
    left_out = (f"columns left out: {', '.join(header[i] for i in aside)}",) if aside else ()
    notes = (unit, scale, *order, *left_out, *notes, *(() if header else ("there is no header line",)))
    names = _names(path, header, columns)
    empty = [name for name, row in zip(names, values) if not np.isfinite(row).any()]
    if empty:
        raise LibraryError(f"{where}: the column '{empty[0]}' holds no reflectance.")
    return [ReferenceSpectrum(slug(n), n, nm, row, path.name, notes + _missing(row)) for n, row in zip(names, values)]


def _wavelength_column(where: str, header: tuple[str, ...]) -> int:
    """The column whose name says wavelength; the first one where none does."""
    named = [i for i, name in enumerate(header) if _WAVELENGTH.search(name) and not _ASIDE.match(name)]
    if len(named) > 1:
        raise LibraryError(
            f"{where}: several columns hold wavelengths ({', '.join(header[i] for i in named)}); keep one."
        )
    return named[0] if named else 0


def _names(path: Path, header: tuple[str, ...], columns: Sequence[int]) -> list[str]:
    """Names of the spectra: the column names, or the file's name where these say nothing."""
    if len(columns) == 1:
        plain = not header or _PLAIN.match(header[columns[0]])
        return [path.stem if plain else " ".join(header[columns[0]].split())]
    named = [" ".join(header[i].split()) if header else "" for i in columns]
    return [name or f"{path.stem} column {i + 1}" for name, i in zip(named, columns)]


def _missing(row: Float64) -> tuple[str, ...]:
    missing = int(np.isnan(row).sum())
    return (f"{missing} values are missing",) if missing else ()


FORMAT = LIBRARIES.add("csv", LibraryFormat("text table (CSV)", identify, read, generic=True))
