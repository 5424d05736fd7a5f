"""Where the pixels of an ENVI image lie: `map info` and `coordinate system string` of its header.

Longitude/latitude and UTM are understood by themselves; any other map projection needs the coordinate
system string. Only the transformation of projected coordinates needs pyproj, and only when it is used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Optional

import numpy as np

from ..affine import AffineLocation
from ..errors import GranuleError
from ..geolocation import WGS84_WKT, OrthoGrid
from ..io.envi import EnviHeader
from ..optional import require

_SAME_AS_WGS84 = re.compile(r"wgs.?(19)?84|north.?america.?(n)?.?(19)?83|nad.?(19)?83|etrs|itrf|gda", re.I)
"""Datums that differ from WGS 84 by two metres at most."""
_GEOGRAPHIC_WKT = re.compile(r"^\s*(GEOGCS|GEOGCRS|GEODCRS|GEODETICCRS|GEOGRAPHICCRS)", re.I)
_UTM = (
    'PROJCS["WGS 84 / UTM zone {zone}{letter}",' + WGS84_WKT + ',PROJECTION["Transverse_Mercator"],'
    'PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",{meridian}],PARAMETER["scale_factor",0.9996],'
    'PARAMETER["false_easting",500000],PARAMETER["false_northing",{false_northing}],UNIT["metre",1],'
    'AUTHORITY["EPSG","{code}"]]'
)


@dataclass(frozen=True)
class MapInfo:
    """The `map info` list of a header."""

    projection: str
    """Name of the projection, as written."""
    geotransform: tuple[float, ...]
    """GDAL's six numbers."""
    place: tuple[str, ...]
    """What follows the numbers: UTM zone and hemisphere, datum."""

    @classmethod
    def parse(cls, header: EnviHeader) -> MapInfo:
        """Raises :class:`GranuleError` for a list that is too short, or numbers that are none.

        The reference pixel counts from 1 at the upper-left corner; `rotation` is degrees counter-clockwise.
        """
        items = header.items("map info")
        rotation = [item.partition("=")[2] for item in items if item.lower().replace(" ", "").startswith("rotation=")]
        try:
            column, row, x, y, dx, dy = (float(item) for item in items[1:7])
            turn = np.radians(float(rotation[0])) if rotation else 0.0
        except ValueError:
            raise GranuleError(f"{header.path}: the map info {{{', '.join(items)}}} cannot be read; correct it, or "
                               "remove it to work by row and column.") from None
        if not np.isfinite((column, row, x, y, dx, dy, turn)).all() or not dx or not dy:
            raise GranuleError(f"{header.path}: the map info {{{', '.join(items)}}} has a cell of no size or a place "
                               "that is no number; correct it, or remove it to work by row and column.")
        cos, sin = (float(np.cos(turn)), float(np.sin(turn))) if turn else (1.0, 0.0)
        a, b, d, e = cos * dx, sin * dx, sin * dy, -cos * dy
        corner = (x - (column - 1) * a - (row - 1) * b, y - (column - 1) * d - (row - 1) * e)
        place = tuple(item for item in items[7:] if "=" not in item)
        return cls(items[0], (corner[0], a, b, corner[1], d, e), place)

    @property
    def utm_wkt(self) -> Optional[str]:
        """WKT of the UTM zone on WGS 84; None where this is no UTM zone."""
        if self.projection.strip().lower() != "utm" or len(self.place) < 2 or not self.place[0].isdigit():
            return None
        zone, north = int(self.place[0]), self.place[1].strip().lower().startswith("n")
        if not 1 <= zone <= 60:
            return None
        return _UTM.format(zone=zone, letter="N" if north else "S", meridian=6 * zone - 183,
                           false_northing=0 if north else 10_000_000, code=(32600 if north else 32700) + zone)

    @property
    def datum(self) -> str:
        """The datum as written, or ""."""
        words = self.place[2:] if self.utm_wkt else self.place
        return words[0] if words else ""


class Projection:
    """Transformation between a projected system and WGS 84 degrees; pyproj is asked when first used."""

    def __init__(self, wkt: str, name: str) -> None:
        """`name` is the header, for messages."""
        self.wkt, self.name = wkt, name

    def to_lonlat(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Map coordinates to longitude and latitude; NaN where there is none."""
        return _finite(self._there.transform(x, y))

    def from_lonlat(self, lon: Any, lat: Any) -> tuple[Any, Any]:
        """Longitude and latitude to map coordinates; NaN where there are none."""
        return _finite(self._back.transform(lon, lat))

    @cached_property
    def _there(self) -> Any:
        return self._transformer(self.wkt, "OGC:CRS84")

    @cached_property
    def _back(self) -> Any:
        return self._transformer("OGC:CRS84", self.wkt)

    def _transformer(self, source: str, target: str) -> Any:
        pyproj = require("pyproj", "to find places in an ENVI image with a map projection")
        try:
            return pyproj.Transformer.from_crs(source, target, always_xy=True)
        except pyproj.exceptions.ProjError as error:
            raise GranuleError(f"{self.name}: its coordinate system cannot be understood ({error}); correct the "
                               "'coordinate system string', or remove 'map info' to work by row and column.") from error


def location_of(header: EnviHeader) -> tuple[Optional[AffineLocation], tuple[str, ...]]:
    """The location of an ENVI image, or None where its header tells none; and what the user must know.

    Raises :class:`GranuleError` for a `map info` that is there and cannot be read.
    """
    if "map info" not in header:
        return None, ()
    info = MapInfo.parse(header)
    wkt = header.text("coordinate system string", "").strip()
    geographic = bool(_GEOGRAPHIC_WKT.match(wkt)) if wkt else "geographic" in info.projection.lower()
    wkt = wkt or (WGS84_WKT if geographic else info.utm_wkt or "")
    if not wkt:
        return None, (f"The map projection '{info.projection}' of '{header.path}' cannot be used without a "
                      "'coordinate system string' in its header; the image works by row and column only.",)
    lines, samples, _ = header.shape
    grid = OrthoGrid(lines, samples, info.geotransform, wkt)
    if "coordinate system string" in header:
        near_wgs84, datum = bool(_SAME_AS_WGS84.search(wkt)), "of its coordinate system string"
    else:
        near_wgs84, datum = not info.datum or bool(_SAME_AS_WGS84.search(info.datum)), f"'{info.datum}'"
    notices: tuple[str, ...] = ()
    if not near_wgs84 and (geographic or "coordinate system string" not in header):
        notices = (f"The datum {datum} of '{header.path}' was taken as WGS 84; places may be off by up to "
                   "some hundred metres.",)
    if geographic:
        return AffineLocation(grid), notices
    projection = Projection(wkt, str(header.path))
    return AffineLocation(grid, projection.to_lonlat, projection.from_lonlat), notices


def _finite(xy: tuple[Any, Any]) -> tuple[Any, Any]:
    """pyproj writes infinity where it has no answer."""
    x, y = (np.asarray(v, np.float64) for v in xy)
    lost = ~(np.isfinite(x) & np.isfinite(y))
    return np.where(lost, np.nan, x), np.where(lost, np.nan, y)
