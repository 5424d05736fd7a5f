"""A scene of the archive: what it is, where it lies and where its files are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Optional

from ..sensors import GranuleSource
from .archives import DATA, MASK, UNCERTAINTY


@dataclass(frozen=True)
class RemoteFile:
    """A file of the archive."""

    url: str
    """Where it is; no query, no user name."""
    size_bytes: Optional[int] = None
    """Its size; None where the record tells none."""
    checksum: Optional[tuple[str, str]] = None
    """(algorithm as hashlib calls it, digest in hexadecimal); None where the record tells none."""
    dmrpp_url: str = ""
    """Its DMR++ description, for who reads it by other means (ours look in the places of ARCHIVES, which an address
    alone tells); "" where the record names none."""


@dataclass(frozen=True)
class Scene:
    """One scene, with its files put together across collections and versions."""

    id: str
    """Name of its granule: the file of the spectra, without the ending. Safe as the name of a file."""
    sensor: str
    """Name in ARCHIVES."""
    start: datetime
    """Start of the acquisition, UTC."""
    end: datetime
    """Its end, UTC."""
    cloud: Optional[float]
    """Cloud cover as the archive states it, percent; None where unknown."""
    day_night: Optional[str]
    """"day", "night" or "both"; None where unknown."""
    footprint: Any
    """Shapely polygon in lon/lat; in two halves where it crosses the antimeridian."""
    files: Mapping[str, RemoteFile] = field(hash=False)
    """DATA ("RFL"), and UNCERTAINTY ("RFLUNCERT") and MASK ("MASK") where there are."""
    browse_url: str = ""
    """A picture that needs no sign-in; "" where there is none."""
    source: str = "CMR"
    """The catalogue that listed it: "CMR" or "CMR-STAC"."""
    notices: tuple[str, ...] = ()
    """What a user must know about how its files were put together."""

    @property
    def granule_source(self) -> GranuleSource:
        """What opens it."""
        return GranuleSource(self.files[DATA].url, self.url(MASK) or None, self.url(UNCERTAINTY) or None)

    @property
    def size_bytes(self) -> Optional[int]:
        """Size of all its files; None where none is known."""
        sizes = [file.size_bytes for file in self.files.values() if file.size_bytes is not None]
        return sum(sizes) if sizes else None

    def url(self, name: str) -> str:
        """Address of one of its files; "" where there is no such file."""
        return self.files[name].url if name in self.files else ""
