"""USGS spectral libraries as ASCII: one column per record, the wavelengths in a file of their own.

Layout: Kokaly et al. 2017, USGS Spectral Library Version 7 (doi:10.3133/ds1035). The first line is
` splib07a Record=5976: Kaolinite CM9   BECKb AREF`; a deleted channel is -1.23e34.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Optional

import numpy as np
import numpy.typing as npt

from ..errors import LibraryError
from . import units
from .spectrum import LIBRARIES, LibraryFormat, ReferenceSpectrum, slug
from .textfile import head_lines, read_lines

PARENTS = 3
"""The wavelength file is looked for in the folder of a spectrum and in so many folders above it."""

_TITLE = re.compile(r"^\s*(\w+)\s+Record=(\d+):\s*(.*?)\s*$")
_ANCILLARY = re.compile(r"^(wavelengths?|bandpass|srf|resolution|data value|error)\b", re.I)
_MEASURED = {
    "RREF": "relative reflectance",
    "TRAN": "transmittance",
    "RTGC": "reflectance by ground calibration",
}


@dataclass(frozen=True)
class UsgsRecord:
    """One ASCII file of a USGS library."""

    library: str
    """`splib07a`, `S07LSAT8`, …"""
    record: int
    """Record number in the library."""
    title: str
    """Title with single blanks."""
    values: npt.NDArray[np.float64]
    """(n,) the numbers as in the file."""


def parse_record(path: Path) -> UsgsRecord:
    """Read one file; LibraryError with file and line on anything but one number per line."""
    lines = read_lines(path)
    match = _TITLE.match(lines[0]) if lines else None
    if match is None:
        raise LibraryError(f"{path}: the first line is not a USGS title ('… Record=…: …').")
    values = [_number(path, n, line) for n, line in enumerate(lines[1:], start=2) if line.strip()]
    return UsgsRecord(match[1], int(match[2]), " ".join(match[3].split()), np.array(values, dtype=np.float64))


def identify(path: Path) -> bool:
    """True for a spectrum of a USGS ASCII library; False for its wavelength, bandpass and response files."""
    lines = head_lines(path)
    match = _TITLE.match(lines[0]) if lines else None
    return match is not None and not _ANCILLARY.match(match[3])


def read(path: Path) -> list[ReferenceSpectrum]:
    """The one spectrum of `path`, on the wavelengths of its spectrometer."""
    record = parse_record(path)
    if _ANCILLARY.match(record.title):
        raise LibraryError(f"{path}: '{record.title}' belongs to a USGS library but is not a spectrum.")
    table = _wavelength_file(path, record)
    nm, unit = _wavelengths(table, table.stat().st_mtime_ns)
    reflectance = units.missing_to_nan(record.values)
    deleted = int(np.isnan(reflectance).sum())
    if deleted == reflectance.size:
        raise LibraryError(f"{path}: every channel of '{record.title}' is deleted.")
    nm, values, order = units.arrange(nm, reflectance[None], str(path))
    words = record.title.split()
    notes = [f"{unit}, from {table.name}", *order]
    notes += [f"{deleted} deleted channels left missing"] if deleted else []
    notes += [f"the values are {_MEASURED[words[-1]]}"] if words[-1:] and words[-1] in _MEASURED else []
    source = f"USGS {record.library} record {record.record} ({path.name})"
    return [ReferenceSpectrum(title_id(record.title), record.title, nm, values[0], source, tuple(notes))]


def title_id(title: str) -> str:
    """The id of a USGS title: its slug without the trailing AREF.

    >>> title_id("Kaolinite CM9 BECKb AREF")
    'kaolinite_cm9_beckb'
    """
    return slug(re.sub(r"\s+AREF$", "", title))


def spectrometer(title: str) -> str:
    """The spectrometer's code in a title, without the purity letters: ASDFR, ASDNG, BECK, NIC4, AVIRIS, …"""
    words = title.split()
    code = words[-2] if len(words) > 2 else ""
    return re.sub(r"[a-z?_]+$", "", code)


def _number(path: Path, line: int, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise LibraryError(f"{path}, line {line}: '{text.strip()}' is not a number.") from None


def _wavelength_file(path: Path, record: UsgsRecord) -> Path:
    """The wavelength file of the same library with as many channels; of several, the spectrometer's own."""
    code, n = spectrometer(record.title), record.values.size
    candidates = list(_candidates(path, record.library))
    own = [file for title, file in candidates if code.upper().startswith(title.split()[1].upper())]
    fitting = [file for file in own + [file for _, file in candidates] if _count(file) == n]
    if fitting:
        return fitting[0]
    if own:
        raise LibraryError(
            f"{path}: the file holds {n} values where the spectrometer '{code}' has {_count(own[0])} "
            f"({own[0].name}); it is cut short, or belongs to another library."
        )
    raise LibraryError(
        f"{path}: the wavelength file for {n} channels of the spectrometer '{code}' is not in its "
        f"folder or one above it; put '{record.library}_Wavelengths_{code}…' of the USGS release there."
    )


def _candidates(path: Path, library: str) -> Iterator[tuple[str, Path]]:
    """(title, file) of the wavelength files of `library` around `path`, nearest folder first."""
    folder = path.absolute().parent
    for place in [folder, *folder.parents][: PARENTS + 1]:
        for file in sorted(place.glob("*[Ww]avelength*")):
            title = _wavelength_title(file, library) if file.is_file() else None
            if title:
                yield title, file


def _wavelength_title(file: Path, library: str) -> Optional[str]:
    lines = head_lines(file)
    match = _TITLE.match(lines[0]) if lines else None
    if match is None or match[1].lower() != library.lower() or len(match[3].split()) < 2:
        return None
    return match[3] if match[3].lower().startswith("wavelength") else None


def _count(file: Path) -> int:
    return int(_wavelengths(file, file.stat().st_mtime_ns)[0].size)


@lru_cache(maxsize=16)
def _wavelengths(file: Path, modified: int) -> tuple[npt.NDArray[np.float64], str]:
    """Wavelengths in nm and a note; `modified` makes a changed file a new entry."""
    record = parse_record(file)
    return units.nanometres(record.values, record.title, str(file))


FORMAT = LIBRARIES.add("usgs", LibraryFormat("USGS splib ASCII", identify, read))
