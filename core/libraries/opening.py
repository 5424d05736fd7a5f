"""Open a library file or a folder of them, and choose one spectrum by name."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Optional, Union

from ..errors import LibraryError
from . import csv_table, envi_sli
from .spectrum import LIBRARIES, LISTED, Library, LibraryFormat, ReferenceSpectrum


def open_library(path: Union[str, os.PathLike[str]]) -> Library:
    """Read every spectrum of a file, or of all library files in a folder and the folders below it.

    Formats are told by content. In a folder, files of no library format are passed over, and those that are
    but cannot be read are reported in `Library.problems`. Raises LibraryError where `path` is missing or
    malformed, and where a folder holds nothing that can be read.
    """
    place = Path(path).expanduser()
    if place.is_dir():
        return _open_folder(place)
    if not place.is_file():
        raise LibraryError(f"{place}: there is no such file or folder; check the path of the reference library.")
    if place.suffix.lower() == ".hdr":
        place = envi_sli.data_file(place)
    return Library(_read(_format(place) or csv_table.FORMAT, place))


def choose(library: Mapping[str, ReferenceSpectrum], name: Optional[str] = None) -> ReferenceSpectrum:
    """The spectrum called `name` (id or name, any case); without a name the only one there is.

    Raises LibraryError listing what there is where the name is unknown, means several, or is needed.
    """
    wanted = _folded(name or "")
    if not wanted:
        if len(library) == 1:
            return next(iter(library.values()))
        raise LibraryError(f"The library holds {len(library)} spectra; name one of them (REFERENCE_NAME): "
                           f"{_listed(list(library))}.")
    by_id = [spectrum for key, spectrum in library.items() if key.lower() == wanted]
    found = by_id or [spectrum for spectrum in library.values() if _folded(spectrum.name) == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        raise LibraryError(
            f"The library holds {len(found)} spectra named '{name}'; take one by its id: "
            f"{_listed([spectrum.id for spectrum in found])}."
        )
    close = difflib.get_close_matches(wanted, list(library), n=3, cutoff=0.5)
    known = close + [key for key in library if key not in close]
    raise LibraryError(f"There is no reference '{name}' in the library; it holds: {_listed(known)}.")


def _format(path: Path) -> Optional[LibraryFormat]:
    """The format of a file by its content; generic ones are asked last."""
    formats = sorted(LIBRARIES.values(), key=lambda entry: entry.generic)
    return next((entry for entry in formats if entry.identify(path)), None)


def _read(entry: LibraryFormat, path: Path) -> list[ReferenceSpectrum]:
    try:
        return entry.read(path)
    except OSError as error:
        raise LibraryError(f"{path}: the file cannot be read ({error.strerror}).") from error


def _open_folder(folder: Path) -> Library:
    spectra: list[ReferenceSpectrum] = []
    problems: list[str] = []
    for path in _files(folder):
        try:
            entry = _format(path)
            spectra += _read(entry, path) if entry else []
        except LibraryError as error:
            problems.append(str(error))
        except OSError as error:
            problems.append(f"{path}: the file cannot be read ({error.strerror}).")
    if spectra:
        return Library(spectra, problems)
    formats = ", ".join(entry.title for entry in LIBRARIES.values())
    why = f" The first of {len(problems)} problems: {problems[0]}" if problems else ""
    raise LibraryError(f"{folder}: there is no reference library in this folder that can be read ({formats}).{why}")


def _files(folder: Path) -> Iterator[Path]:
    """Every file below `folder` that is not hidden, in the order of the names."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files = (Path(place, name) for name in sorted(names) if not name.startswith("."))
        yield from (file for file in files if file.is_file())


def _folded(text: str) -> str:
    return " ".join(text.lower().split())


def _listed(names: Sequence[str]) -> str:
    more = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f", and {more} more" if more > 0 else "")
