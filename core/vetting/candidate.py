"""What is vetted: a place that is thought to be something."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional, Union

import numpy as np

from ..errors import AreaError, LibraryError
from ..libraries import ReferenceSpectrum, bundled_library, choose
from ..optional import require

Reference = Union[None, str, ReferenceSpectrum]
NO_GEOMETRY = "It has no geometry."


@dataclass(frozen=True, eq=False)
class Candidate:
    """One place that is thought to be something."""

    id: str
    """What it is called; a whole number is written without decimals."""
    geometry: Any
    """Shapely geometry in lon/lat; None or an empty one makes a row with the reason."""
    reference: Reference = None
    """What it is compared with: a spectrum, the id of a bundled one, or None for that of the run."""
    problem: str = ""
    """Why it has no geometry, in a sentence; "" where it has one."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", id_text(self.id))


@dataclass(frozen=True, eq=False)
class Target:
    """What a candidate is compared with, or why it cannot be."""

    reference: Optional[ReferenceSpectrum]
    """The spectrum; None where there is none."""
    problem: str = ""
    """Why there is none although one was named, in a sentence."""


def id_text(value: Any) -> str:
    """An identifier as text: whole numbers without decimals.

    >>> id_text(12.0), id_text("0012"), id_text(1.5)
    ('12', '0012', '1.5')
    """
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def read_in(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """All of them; raises AreaError where there is none, or one is no Candidate."""
    given = tuple(candidates)
    if not given:
        raise AreaError("There is no candidate; give at least one.")
    for one in given:
        if not isinstance(one, Candidate):
            raise AreaError(f"A candidate is a {type(one).__name__}; give Candidate(id, geometry), for instance.")
    return given


def targets(candidates: Sequence[Candidate], of_the_run: Reference) -> list[Target]:
    """What each candidate is compared with; raises LibraryError for an unknown reference of the run."""
    shared = _target(of_the_run)
    if shared.problem:
        raise LibraryError(shared.problem)
    known: dict[Any, Target] = {None: shared}
    for one in candidates:
        if one.reference not in known:
            known[one.reference] = _target(one.reference)
    return [known[one.reference] for one in candidates]


def bounds_of(candidates: Sequence[Candidate]) -> Any:
    """(n, 4) west, south, east, north in degrees; NaN without a geometry."""
    shapely = require("shapely", "to turn an area into pixels")
    usable = [one.geometry if isinstance(one.geometry, shapely.Geometry) else None for one in candidates]
    return shapely.bounds(np.array([*usable, None], dtype=object)[:-1])


def digest(candidates: Sequence[Candidate], compared: Sequence[Target]) -> str:
    """A hash of everything that the candidates bring with them."""
    shapely = require("shapely", "to turn an area into pixels")
    spectra: dict[int, bytes] = {}
    whole = hashlib.sha256()
    for one, target in zip(candidates, compared):
        place = shapely.to_wkb(one.geometry, output_dimension=3) if isinstance(one.geometry, shapely.Geometry) else b""
        if id(target) not in spectra:
            spectra[id(target)] = _spectrum_bytes(target.reference)
        for part in (one.id.encode(), one.problem.encode(), place, target.problem.encode(), spectra[id(target)]):
            whole.update(b"%d:" % len(part) + part)
    return whole.hexdigest()


def repeated(candidates: Sequence[Candidate]) -> Mapping[str, int]:
    """Ids that occur more than once -> how often."""
    counts: dict[str, int] = {}
    for one in candidates:
        counts[one.id] = counts.get(one.id, 0) + 1
    return {name: n for name, n in counts.items() if n > 1}


def _target(reference: Reference) -> Target:
    if reference is None or isinstance(reference, ReferenceSpectrum):
        return Target(reference)
    try:
        return Target(choose(bundled_library(), str(reference)))
    except LibraryError as error:
        return Target(None, str(error))


def _spectrum_bytes(reference: Optional[ReferenceSpectrum]) -> bytes:
    if reference is None:
        return b""
    numbers = hashlib.sha256(reference.wavelength_nm.tobytes() + reference.reflectance.tobytes())
    return f"{reference.id}\n{reference.name}\n".encode() + numbers.digest()
