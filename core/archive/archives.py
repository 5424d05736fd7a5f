"""Who offers scenes of which sensor, under which names: the table that everything else of the search reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Optional

from ..errors import ArchiveError
from ..registry import Registry
from ..sensors.emit.names import EmitName
from .web.origins import unsigned

_LONGEST_VERSION = 9
DATA, UNCERTAINTY, MASK = "RFL", "RFLUNCERT", "MASK"
"""What the files of a scene are called, whatever the sensor: spectra, their uncertainty, their quality."""


@dataclass(frozen=True)
class Collection:
    """A series of records in the archive."""

    short_name: str
    """What CMR calls it."""
    versions: tuple[str, ...]
    """Versions known to exist, oldest first. CMR-STAC is asked for these; CMR for all from the first one on."""

    def takes(self, version: str) -> bool:
        """Whether a record of `version` belongs here; a version that cannot be compared does.

        >>> Collection("EMITL2AMASK", ("002",)).takes("001")
        False
        """
        comparable = version.isdecimal() and len(version) <= _LONGEST_VERSION
        return not comparable or int(version) >= int(self.versions[0])


@dataclass(frozen=True)
class Orbit:
    """How the sensor flies: what tells which corner of its pictures lies where."""

    inclination_deg: float
    """Of the orbit."""
    westing_deg: float
    """So much more to the west its track runs on the ground, as the Earth turns beneath it."""


@dataclass(frozen=True)
class Archive:
    """The archive of one sensor."""

    title: str
    """What the sensor is called in a list."""
    scenes: Collection
    """The collection whose records are scenes."""
    companions: tuple[Collection, ...]
    """Collections that hold further files of the same scenes."""
    products: Mapping[str, str]
    """Product of a file's name -> DATA, UNCERTAINTY or MASK."""
    name_of: Callable[[str], Optional[EmitName]]
    """What a file's name tells; None for a file that is none of the sensor's."""
    places: tuple[tuple[str, str], ...]
    """(catalogue, address) in the order they are asked."""
    protected: str
    """Part of the addresses of files that need an account."""
    public: str
    """What stands in its place for what needs none: pictures, and the descriptions of companions."""
    orbit: Orbit
    """Of the sensor; the lines of its pictures follow the flight, and columns run to the left of it."""

    def sidecar_places(self, url: str) -> tuple[str, ...]:
        """Where the DMR++ of the file at `url` may lie, the likeliest first.

        That of the spectra lies beside them, those of their companions where everybody may read.
        """
        beside = f"{url}.dmrpp"
        if self.protected not in url:
            return (beside,)
        public = beside.replace(self.protected, self.public, 1)
        name = self.name_of(url.rpartition("/")[2])
        is_companion = name is not None and self.products.get(name.product) != DATA
        return (public, beside) if is_companion else (beside, public)


ARCHIVES: Registry[Archive] = Registry("sensor", ArchiveError)
"""Name of the sensor -> its archive."""

ARCHIVES.add("EMIT", Archive(
    title="EMIT (L2A reflectance)",
    scenes=Collection("EMITL2ARFL", ("001", "002")),
    companions=(Collection("EMITL2AMASK", ("002", "003")),),
    products={"L2A_RFL": DATA, "L2A_RFLUNCERT": UNCERTAINTY, "L2A_MASK": MASK},
    name_of=EmitName.parse,
    places=(("CMR", "https://cmr.earthdata.nasa.gov/search/granules.umm_json"),
            ("CMR-STAC", "https://cmr.earthdata.nasa.gov/stac/LPCLOUD")),
    protected="/lp-prod-protected/",
    public="/lp-prod-public/",
    orbit=Orbit(inclination_deg=51.64, westing_deg=2.3),
))


def sidecar_places(url: str) -> tuple[str, ...]:
    """Where the DMR++ of a file may lie, by the archive of the sensor that its name tells; else beside it."""
    plain = unsigned(url)
    name = plain.rpartition("/")[2]
    archive = next((archive for _, archive in ARCHIVES.items() if archive.name_of(name) is not None), None)
    return (f"{plain}.dmrpp",) if archive is None else archive.sidecar_places(plain)
