"""Areas written as text: rows of a table, lines of WKT, pairs of longitude and latitude."""

from __future__ import annotations

import csv
import io
import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Optional

from qgis.core import QgsCoordinateReferenceSystem, QgsCoordinateTransform, QgsCoordinateTransformContext, QgsGeometry

from ..core.errors import AreaError
from ..core.optional import require
from ..core.progress import NO_PROGRESS, Progress, checkpoint
from .areas import EMPTY_WKB, Areas, lonlat_wkb, transform_to_lonlat

_WKT = ("wkt", "wkt_geom", "geom", "geometry", "the_geom")
_LON = ("lon", "lng", "long", "longitude", "pixel_lon", "x")
_LAT = ("lat", "latitude", "pixel_lat", "y")
_SEPARATORS = (",", ";", "\t")
_WKT_START = re.compile(r"\s*(?:SRID\s*=\s*(\d+)\s*;)?\s*([a-z][a-z \t]*(?:\(|EMPTY\b).*)", re.IGNORECASE | re.DOTALL)
_NEXT_WKT = re.compile(r"\n\s*(?=SRID|[a-z]+[a-z \t]*\()", re.IGNORECASE)
_PAIR = re.compile(r"\(?\s*([^\s,;()]+)(?:\s*,\s*|\s+)([^\s,;()]+)\s*\)?")
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
_DECIMAL_COMMAS = re.compile(r"[-+]?\d+,\d+\s*[,;\s]\s*[-+]?\d+,\d+")
_MAX_LON, _MAX_LAT = 360.0, 90.0
_LONGEST_FIELD = 2**31 - 1
_SHOWN = 40
"""Characters of a wrong value that a sentence quotes."""


def is_wkt(text: str) -> bool:
    """Whether `text` begins as WKT does."""
    return _WKT_START.match(text) is not None


def is_table(text: str) -> bool:
    """Whether the first line of `text` names columns that hold coordinates."""
    return _Columns.of(text) is not None


def areas_of_table(text: str, name: str, context: QgsCoordinateTransformContext, progress: Progress = NO_PROGRESS
                   ) -> Areas:
    """One area per row, from the columns lon and lat or from wkt; separated by comma, semicolon or tab.

    Ids count the rows from 0; a row without coordinates has an empty geometry. Raises AreaError with the line.
    """
    columns = _Columns.of(text)
    if columns is None:
        raise AreaError(f"{name} has the columns {_quoted(text.partition(chr(10))[0])}, and none of them tells a "
                        "place; name them lon and lat, or wkt.")
    reader = _Reader(context)
    total = text.count("\n") or 1
    wkb: list[bytes] = []
    for i, (line, row) in enumerate(_rows(text, columns.separator, name)):
        if i % 1000 == 0:
            checkpoint(progress, min(i / total, 1.0), "Reading the areas")
        wkb.append(columns.wkb(row, f"Line {line} of {name}", reader))
    if all(one == EMPTY_WKB for one in wkb):
        raise AreaError(f"{name} has no row with coordinates; fill {' and '.join(columns.names)}.")
    return _areas(wkb, name)


def columns_of_table(text: str, name: str, wanted: Sequence[str]) -> dict[str, list[str]]:
    """The texts of the columns `wanted`, one per area of :func:`areas_of_table`; raises AreaError for one not there."""
    first = text.partition("\n")[0].strip("\r")
    separator = max(_SEPARATORS, key=first.count)
    header = [cell.strip() for cell in next(csv.reader([first], delimiter=separator))]
    missing = [column for column in wanted if column not in header]
    if missing:
        raise AreaError(f"{name} has no column '{missing[0]}'; its columns are: {', '.join(header)}.")
    places = {column: header.index(column) for column in wanted}
    rows = [row for _, row in _rows(text, separator, name)]
    return {column: [row[i].strip() if i < len(row) else "" for row in rows] for column, i in places.items()}


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


class _Columns:
    """Which columns of a table hold the coordinates."""

    def __init__(self, separator: str, header: list[str], found: tuple[int, ...]) -> None:
        self.separator = separator
        self.names = tuple(header[i] for i in found)
        self._found, self._n = found, len(header)

    @staticmethod
    def of(text: str) -> Optional[_Columns]:
        """Read the first line; None where no column is known."""
        first = text.partition("\n")[0].strip("\r")
        separator = max(_SEPARATORS, key=first.count)
        header = [cell.strip() for cell in next(csv.reader([first], delimiter=separator))]
        wkt, lon, lat = (_position(header, known) for known in (_WKT, _LON, _LAT))
        if wkt is not None:
            return _Columns(separator, header, (wkt,))
        return None if lon is None or lat is None else _Columns(separator, header, (lon, lat))

    def wkb(self, row: list[str], where: str, reader: _Reader) -> bytes:
        """The geometry of a row, in lon/lat."""
        if len(row) > self._n:
            raise AreaError(f"{where} has {len(row)} values for {self._n} columns; write decimals with a point "
                            "(37.6, not 37,6), and put texts with a separator in double quotes.")
        cells = [row[i].strip() if i < len(row) else "" for i in self._found]
        if not all(cells):
            return EMPTY_WKB
        if len(cells) == 1:
            return reader.wkt(cells[0], where)
        return _point_wkb(_number(cells[0], where), _number(cells[1], where), where)


class _Reader:
    """WKT and EWKT -> WKB in lon/lat."""

    def __init__(self, context: QgsCoordinateTransformContext) -> None:
        self._context = context
        self._transforms: dict[str, Optional[QgsCoordinateTransform]] = {}

    def wkt(self, text: str, where: str) -> bytes:
        """Raises AreaError, beginning with `where`."""
        match = _WKT_START.fullmatch(text.strip())
        geometry = QgsGeometry.fromWkt(match[2]) if match and _is_whole(match[2]) else QgsGeometry()
        if match is None or geometry.isNull():
            raise AreaError(f"{where} has {_quoted(text)}, which is no WKT; write for instance POINT(-117.17 37.6).")
        if geometry.isEmpty():
            return EMPTY_WKB
        return lonlat_wkb(geometry, self._transform(match[1] or "4326", where), f"{where}: {_quoted(text)}")

    def _transform(self, srid: str, where: str) -> Optional[QgsCoordinateTransform]:
        if srid not in self._transforms:
            crs = QgsCoordinateReferenceSystem(f"EPSG:{srid}")
            self._transforms[srid] = transform_to_lonlat(
                crs, self._context, f"{where} has SRID={srid}, which", "write an EPSG code that QGIS knows",
                "write it in longitude and latitude, SRID=4326")
        return self._transforms[srid]


def _position(header: list[str], known: tuple[str, ...]) -> Optional[int]:
    """Where the first of the `known` names stands."""
    lower = [name.casefold() for name in header]
    return next((lower.index(name) for name in known if name in lower), None)


def _rows(text: str, separator: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """The rows below the header that hold anything, with their line."""
    with _long_fields():
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        try:
            next(rows)
            for row in rows:
                if any(cell.strip() for cell in row):
                    yield rows.line_num, row
        except csv.Error as error:
            raise AreaError(f"Line {rows.line_num} of {name} is no row of a table ({error}); repair it.") from error


@contextmanager
def _long_fields() -> Iterator[None]:
    """An outline in WKT may be longer than the csv module allows a field to be."""
    limit = csv.field_size_limit(_LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _pair_wkb(pair: str, name: str) -> bytes:
    match = _PAIR.fullmatch(pair)
    if _DECIMAL_COMMAS.fullmatch(pair):
        raise AreaError(f"{name} has {_quoted(pair)}; write decimals with a point, like -117.17, 37.6.")
    if match is None:
        raise AreaError(f"{name} has {_quoted(pair)}, which is no place; paste WKT, GeoJSON, or a longitude and a "
                        "latitude like -117.17, 37.6.")
    return _point_wkb(_number(match[1], name), _number(match[2], name), name)


def _number(text: str, where: str) -> float:
    if _DECIMAL_COMMA.fullmatch(text):
        raise AreaError(f"{where} has '{text}'; write decimals with a point, like {text.replace(',', '.')}.")
    try:
        return float(text)
    except ValueError as error:
        raise AreaError(f"{where} has {_quoted(text)} where a number in degrees belongs, like -117.17; mend it."
                        ) from error


def _point_wkb(lon: float, lat: float, where: str) -> bytes:
    if not (abs(lon) <= _MAX_LON and abs(lat) <= _MAX_LAT):
        raise AreaError(f"{where} has the longitude {lon:g} and the latitude {lat:g}, which are not on the Earth; "
                        "write degrees, the longitude first.")
    return struct.pack("<BIdd", 1, 1, lon, lat)


def _areas(wkb: list[bytes], name: str) -> Areas:
    shapely = require("shapely", "to turn an area into pixels")
    geometries = list(shapely.from_wkb(wkb, on_invalid="ignore"))
    if None in geometries:
        raise AreaError(f"{name} has a broken geometry, number {geometries.index(None) + 1}; close its rings and give "
                        "each line two places.")
    return Areas(geometries, list(range(len(geometries))))


def _is_whole(wkt: str) -> bool:
    """Whether the brackets close, and at the end: QGIS takes less."""
    return wkt.count("(") == wkt.count(")") and (wkt.endswith(")") or wkt.upper().endswith("EMPTY"))


def _quoted(text: str) -> str:
    text = " ".join(text.split())
    return f"'{text}'" if len(text) <= _SHOWN else f"'{text[:_SHOWN]}…'"
