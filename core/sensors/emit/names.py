"""File names of EMIT products: a hint for finding companions, never a proof of content."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

_PATTERN = re.compile(
    r"^EMIT_(?P<product>L\d\w?_[A-Z0-9]+)_(?P<version>\d{3})_(?P<time>\d{8}T\d{6})"
    r"(?:_(?P<orbit>\d{7})_(?P<scene>\d{3}))?", re.IGNORECASE)


@dataclass(frozen=True)
class EmitName:
    """What a file name tells."""

    product: str
    """"L2A_RFL", "L2A_MASK", "L2A_RFLUNCERT", "L1B_RAD", ..."""
    version: str
    """Collection version; companions may differ in it."""
    time: str
    """Start of the acquisition, YYYYMMDDTHHMMSS."""
    orbit_scene: Optional[tuple[str, str]] = None
    """Orbit and scene; absent from some V002 names."""

    @classmethod
    def parse(cls, path: str) -> Optional[EmitName]:
        """The parts of a file name, or None where it is no EMIT name.

        >>> EmitName.parse("EMIT_L2A_MASK_002_20260919T145435.nc").product
        'L2A_MASK'
        """
        match = _PATTERN.match(Path(path).name)
        if match is None:
            return None
        orbit = (match["orbit"], match["scene"]) if match["orbit"] else None
        return cls(match["product"].upper(), match["version"], match["time"].upper(), orbit)

    def same_scene(self, other: EmitName) -> bool:
        """True for the same time, and the same orbit and scene where both names hold them."""
        if self.time != other.time:
            return False
        return None in (self.orbit_scene, other.orbit_scene) or self.orbit_scene == other.orbit_scene


def companion_beside(path: str, time: Optional[str], product: str) -> Optional[str]:
    """The file of `product` in the folder of `path` that shows the same scene; the latest version if several.

    `time` (YYYYMMDDTHHMMSS) stands in where the name of `path` tells none.
    """
    own = EmitName.parse(path)
    if own is None:
        if time is None:
            return None
        own = EmitName("", "", time)
    folder = Path(path).parent
    found = []
    for candidate in folder.glob("*.nc"):
        name = EmitName.parse(candidate.name)
        if name and name.product == product and own.same_scene(name):
            exact = name.orbit_scene == own.orbit_scene
            found.append((exact, name.version, str(candidate)))
    return max(found)[2] if found else None


def companion_url(url: str, product: str) -> Optional[str]:
    """Where the archive puts `product` of the granule at `url`: in the same folder; None where no name tells.

    >>> companion_url("https://a.org/x/EMIT_L2A_RFL_001_20230316T045133_2307503_005.nc", "L2A_MASK")
    'https://a.org/x/EMIT_L2A_MASK_001_20230316T045133_2307503_005.nc'
    """
    folder, _, file = url.partition("?")[0].rpartition("/")
    own = EmitName.parse(file)
    if own is None or own.product == product:
        return None
    return f"{folder}/{file[:5]}{product}{file[5 + len(own.product):]}"
