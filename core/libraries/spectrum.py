"""One reference spectrum, the library that holds many, and the table of formats."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, ValuesView
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable

import numpy as np
import numpy.typing as npt

from ..errors import LibraryError
from ..registry import Registry

LISTED = 20
"""So many names stand in an error message; the rest are counted."""


@dataclass(frozen=True, eq=False)
class ReferenceSpectrum:
    """What a material looks like, at the sampling it was measured with."""

    id: str
    """Stable short name (a slug), unique in its library."""
    name: str
    """Title as in the source, runs of blanks closed."""
    wavelength_nm: npt.NDArray[np.float64]
    """(n,) channel centres in nm, strictly increasing."""
    reflectance: npt.NDArray[np.float64]
    """(n,) reflectance 0-1; NaN = a channel that is missing or was deleted by the producer."""
    source: str
    """Where it comes from: the file, or the record of a release."""
    notes: tuple[str, ...] = ()
    """What was assumed or changed while reading: unit, percent, order, duplicates, …"""
    kind: str = ""
    """Class of the material where the source tells it: mineral, soil, green vegetation, …"""

    def __post_init__(self) -> None:
        for field in ("wavelength_nm", "reflectance"):
            value = np.array(getattr(self, field), dtype=np.float64)
            value.setflags(write=False)
            object.__setattr__(self, field, value)
        grid = self.wavelength_nm
        if grid.ndim != 1 or grid.shape != self.reflectance.shape:
            raise LibraryError(f"{self.source}: '{self.name}' needs one reflectance per wavelength.")
        if not np.isfinite(grid).all() or (np.diff(grid) <= 0).any():
            raise LibraryError(f"{self.source}: the wavelengths of '{self.name}' do not increase strictly.")

    @property
    def material(self) -> str:
        """The first word of the name: the material as in a USGS title."""
        return self.name.split(maxsplit=1)[0] if self.name else ""


class UnknownReference(LibraryError, KeyError):
    """A library has no spectrum of that id."""

    __str__ = Exception.__str__  # KeyError would show the sentence in quotes


class Library(Mapping[str, ReferenceSpectrum]):
    """Reference spectra by id, in the order they were read, and what could not be read."""

    def __init__(self, spectra: Iterable[ReferenceSpectrum], problems: Sequence[str] = ()) -> None:
        self._by_id: dict[str, ReferenceSpectrum] = {}
        for spectrum in spectra:
            key = _free(spectrum.id, self._by_id)
            self._by_id[key] = spectrum if key == spectrum.id else replace(spectrum, id=key)
        self.problems: tuple[str, ...] = tuple(problems)
        """One sentence per file of the folder that is a library and could not be read."""

    def __getitem__(self, key: str) -> ReferenceSpectrum:
        try:
            return self._by_id[key]
        except KeyError:
            some = ", ".join(list(self._by_id)[:LISTED])
            raise UnknownReference(f"The library holds no spectrum '{key}'; it holds {len(self._by_id)}: {some}"
                                   f"{', …' if len(self._by_id) > LISTED else '.'}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)

    def values(self) -> ValuesView[ReferenceSpectrum]:
        """The spectra, without looking each of them up by its id."""
        return self._by_id.values()


@dataclass(frozen=True)
class LibraryFormat:
    """One way a library is stored."""

    title: str
    """What a user calls it."""
    identify: Callable[[Path], bool]
    """True where the file's content (not its name) is of this format."""
    read: Callable[[Path], list[ReferenceSpectrum]]
    """The spectra of one file; LibraryError with the file and the value where it is malformed."""
    generic: bool = False
    """Asked only after every format with a signature of its own."""


LIBRARIES: Registry[LibraryFormat] = Registry("library format", LibraryError)


def slug(text: str) -> str:
    """Lower case, every run of anything but letters and digits becomes one `_`.

    >>> slug("Kaolinite CM9  BECKb")
    'kaolinite_cm9_beckb'
    """
    return re.sub(r"[\W_]+", "_", text.lower()).strip("_") or "reference"


def _free(key: str, taken: Mapping[str, object]) -> str:
    """`key`, or `key_2`, `key_3`, … where it is taken."""
    free, count = key, 1
    while free in taken:
        count += 1
        free = f"{key}_{count}"
    return free
