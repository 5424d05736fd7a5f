"""Areas written as text: rows of a table, lines of WKT, pairs of longitude and latitude."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from typing import Any, Optional, Union

from qgis.core import QgsCoordinateReferenceSystem, QgsCoordinateTransform, QgsCoordinateTransformContext, QgsGeometry

from ..core.errors import AreaError
from ..core.optional import require
from ..core.place_tables import PlaceTable, lonlat_of, no_wkt, quoted
from ..core.progress import NO_PROGRESS, Progress, checkpoint
from .areas import EMPTY_WKB, Areas, lonlat_wkb, transform_to_lonlat

_WKT_START = re.compile(r"\s*(?:SRID\s*=\s*(\d+)\s*;)?\s*([a-z][a-z \t]*(?:\(|EMPTY\b).*)", re.IGNORECASE | re.DOTALL)
_NEXT_WKT = re.compile(r"\n\s*(?=SRID|[a-z]+[a-z \t]*\()", re.IGNORECASE)
_PAIR = re.compile(r"\(?\s*([^\s,;()]+)(?:\s*,\s*|\s+)([^\s,;()]+)\s*\)?")
_DECIMAL_COMMAS = re.compile(r"[-+]?\d+,\d+\s*[,;\s]\s*[-+]?\d+,\d+")


def is_wkt(text: str) -> bool:
    """Whether `text` begins as WKT does."""
    return _WKT_START.match(text) is not None


def is_table(text: str) -> bool:
    """Whether the first line of `text` names columns that hold coordinates."""
    return bool(PlaceTable.of(text, "").found)


def areas_of_table(text: str, name: str, context: QgsCoordinateTransformContext, progress: Progress = NO_PROGRESS
                   ) -> Areas:
    """One area per row, from the columns lon and lat or from wkt; separated by comma, semicolon or tab.

    Ids count the rows from 0; a row without coordinates has an empty geometry. Raises AreaError with the line.
    """
    wkb = []
    for place in _places_of_table(text, name, context, progress):
        if isinstance(place, AreaError):
            raise place
        wkb.append(place)
    return _areas(wkb, name)


def places_of_table(text: str, name: str, context: QgsCoordinateTransformContext, progress: Progress = NO_PROGRESS
                    ) -> list[tuple[Any, str]]:
    """The geometry of each row and "", or None and what is wrong with the row, in a sentence.

    Raises AreaError where no column tells a place, and where not a single row has one.
    """
    shapely = require("shapely", "to turn an area into pixels")
    read = list(_places_of_table(text, name, context, progress))
    wrong = [place for place in read if isinstance(place, AreaError)]
    wkb = [EMPTY_WKB if isinstance(place, AreaError) else place for place in read]
    if wrong and all(one == EMPTY_WKB for one in wkb):
        raise wrong[0]
    places = []
    for number, (place, geometry) in enumerate(zip(read, shapely.from_wkb(wkb, on_invalid="ignore")), start=1):
        if isinstance(place, AreaError):
            places.append((None, str(place)))
        else:
            places.append((geometry, _broken(name, number) if geometry is None else ""))
    return places


def _places_of_table(text: str, name: str, context: QgsCoordinateTransformContext, progress: Progress
                     ) -> Iterator[Union[bytes, AreaError]]:
    """The geometry of each row in lon/lat, or what is wrong with it."""
    table = PlaceTable.of(text, name).require_places()
    reader = _Reader(context)
    total = text.count("\n") or 1
    bare = True
    for i, (where, cells) in enumerate(table.rows()):
        if i % 1000 == 0:
            checkpoint(progress, min(i / total, 1.0), "Reading the areas")
        try:
            place: Union[bytes, AreaError] = reader.place(table.place(cells, where), where)
        except AreaError as error:
            place = error
        bare &= place == EMPTY_WKB
        yield place
    if bare:
        names = " and ".join(table.header[i] for i in table.found)
        raise AreaError(f"{name} has no row with coordinates; fill {names}.")


def columns_of_table(text: str, name: str, wanted: Sequence[str]) -> dict[str, list[str]]:
    """The texts of the columns `wanted`, one per area of :func:`areas_of_table`; raises AreaError for one not there."""
    table = PlaceTable.of(text, name)
    places = {column: table.position(column) for column in wanted}
    rows = [cells for _, cells in table.rows()]
    return {column: [cells[i] if i < len(cells) else "" for cells in rows] for column, i in places.items()}


def areas_of_wkt(text: str, name: str, context: QgsCoordinateTransformContext, progress: Progress = NO_PROGRESS
                 ) -> Areas:
    """WKT or EWKT, one geometry after the other on lines of their own; ids from 0 on."""
    reader = _Reader(context)
    parts = _NEXT_WKT.split(text)
    checkpoint(progress, 0.0, "Reading the areas")
    return _areas([reader.wkt(part, name) for part in parts], name)


def areas_of_pairs(text: str, name: str) -> Areas:
    """Lines of "lon, lat" in degrees; ids from 0 on."""
    pairs = [pair.strip() for pair in re.split(r"[\n;]", text) if pair.strip()]
    return _areas([_pair_wkb(pair, name) for pair in pairs], name)


class _Reader:
    """WKT and EWKT -> WKB in lon/lat."""

    def __init__(self, context: QgsCoordinateTransformContext) -> None:
        self._context = context
        self._transforms: dict[str, Optional[QgsCoordinateTransform]] = {}

    def place(self, told: tuple[str, ...], where: str) -> bytes:
        """WKT, or longitude and latitude; raises AreaError, beginning with `where`."""
        if not told:
            return EMPTY_WKB
        return self.wkt(told[0], where) if len(told) == 1 else _point_wkb(*lonlat_of(told[0], told[1], where))

    def wkt(self, text: str, where: str) -> bytes:
        """Raises AreaError, beginning with `where`."""
        match = _WKT_START.fullmatch(text.strip())
        geometry = QgsGeometry.fromWkt(match[2]) if match and _is_whole(match[2]) else QgsGeometry()
        if match is None or geometry.isNull():
            raise no_wkt(text, where)
        if geometry.isEmpty():
            return EMPTY_WKB
        return lonlat_wkb(geometry, self._transform(match[1] or "4326", where), f"{where}: {quoted(text)}")

    def _transform(self, srid: str, where: str) -> Optional[QgsCoordinateTransform]:
        if srid not in self._transforms:
            crs = QgsCoordinateReferenceSystem(f"EPSG:{srid}")
            self._transforms[srid] = transform_to_lonlat(
                crs, self._context, f"{where} has SRID={srid}, which", "write an EPSG code that QGIS knows",
                "write it in longitude and latitude, SRID=4326")
        return self._transforms[srid]


def _pair_wkb(pair: str, name: str) -> bytes:
    match = _PAIR.fullmatch(pair)
    if _DECIMAL_COMMAS.fullmatch(pair):
        raise AreaError(f"{name} has {quoted(pair)}; write decimals with a point, like -117.17, 37.6.")
    if match is None:
        raise AreaError(f"{name} has {quoted(pair)}, which is no place; paste WKT, GeoJSON, or a longitude and a "
                        "latitude like -117.17, 37.6.")
    return _point_wkb(*lonlat_of(match[1], match[2], name))


def _point_wkb(lon: float, lat: float) -> bytes:
    return struct.pack("<BIdd", 1, 1, lon, lat)


def _areas(wkb: list[bytes], name: str) -> Areas:
    shapely = require("shapely", "to turn an area into pixels")
    geometries = list(shapely.from_wkb(wkb, on_invalid="ignore"))
    if None in geometries:
        raise AreaError(_broken(name, geometries.index(None) + 1))
    return Areas(geometries, list(range(len(geometries))))


def _broken(name: str, number: int) -> str:
    return f"{name} has a broken geometry, number {number}; close its rings and give each line two places."


def _is_whole(wkt: str) -> bool:
    """Whether the brackets close, and at the end: QGIS takes less."""
    return wkt.count("(") == wkt.count(")") and (wkt.endswith(")") or wkt.upper().endswith("EMPTY"))
