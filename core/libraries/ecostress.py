"""ECOSTRESS (formerly ASTER) library: one `*.spectrum.txt` per sample, a block of `Key: value`, two columns.

Layout: Meerdink et al. 2019, doi:10.1016/j.rse.2019.05.015. The files may not be redistributed; they are read
from the user's folder.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import LibraryError
from . import units
from .spectrum import LIBRARIES, LibraryFormat, ReferenceSpectrum, slug
from .textfile import head_lines, read_lines

_KINDS = {
    "mineral": "mineral",
    "soil": "soil",
    "manmade": "man-made",
    "vegetation": "green vegetation",
    "non photosynthetic vegetation": "dry vegetation",
    "nonphotosyntheticvegetation": "dry vegetation",
}


def identify(path: Path) -> bool:
    """True for a spectrum file; an ancillary file has no units."""
    keys = {line.partition(":")[0].strip().lower() for line in head_lines(path) if ":" in line}
    return {"name", "x units", "y units"} <= keys


def read(path: Path) -> list[ReferenceSpectrum]:
    """The one spectrum of `path`; LibraryError with file and line where it is malformed or truncated."""
    lines = read_lines(path)
    start = _table_start(lines)
    keys = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines[:start])}
    rows = [_pair(path, n, line) for n, line in enumerate(lines[start:], start=start + 1) if line.strip()]
    if not rows:
        raise LibraryError(f"{path}: there is no value below the header.")
    table = np.array(rows, dtype=np.float64)
    _check_complete(path, keys, table)
    nm, unit = units.nanometres(table[:, 0], keys.get("x units", ""), str(path))
    scaled, scale = units.fractions(table[:, 1], keys.get("y units", ""), str(path))
    nm, values, order = units.arrange(nm, scaled[None], str(path))
    name = " ".join(f"{keys.get('name', '')} {keys.get('sample no.', '')}".split()) or path.stem
    notes = (unit, scale, *order, *_measurement(keys))
    kind = keys.get("type", "").lower()
    source = f"ECOSTRESS library ({path.name})"
    return [ReferenceSpectrum(slug(name), name, nm, values[0], source, notes, _KINDS.get(kind, kind))]


def _table_start(lines: list[str]) -> int:
    """Index of the first line that is not blank and holds no `Key: value`."""
    return next((i for i, line in enumerate(lines) if line.strip() and ":" not in line), len(lines))


def _pair(path: Path, line: int, text: str) -> tuple[float, float]:
    cells = text.replace(",", " ").split()
    if len(cells) != 2:
        raise LibraryError(f"{path}, line {line}: there are {len(cells)} columns where wavelength and value belong.")
    try:
        return float(cells[0]), float(cells[1])
    except ValueError:
        raise LibraryError(f"{path}, line {line}: '{text.strip()}' is not a pair of numbers.") from None


def _check_complete(path: Path, keys: dict[str, str], table: npt.NDArray[np.float64]) -> None:
    """Refuse a file with fewer values than its header counts, unless it ends at the last wavelength named."""
    promised, last = keys.get("number of x values", ""), keys.get("last x value", "")
    try:
        missing = int(promised) - len(table)
        complete = bool(np.isclose(float(last), table[:, 0], rtol=1e-4).any())
    except ValueError:
        return
    if missing > 0 and not complete:
        raise LibraryError(
            f"{path}: the file is cut short: its header counts {promised} values up to X = {last}, "
            f"and there are {len(table)}."
        )


def _measurement(keys: dict[str, str]) -> tuple[str, ...]:
    kind = keys.get("y units", "")
    if "reflectance" not in kind.lower():
        return (f"the values are '{kind}', not reflectance",)
    return (keys["measurement"],) if keys.get("measurement") else ()


FORMAT = LIBRARIES.add("ecostress", LibraryFormat("ECOSTRESS spectrum", identify, read))
