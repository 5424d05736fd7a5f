"""Candidates from GeoJSON and CSV in longitude and latitude, for Python without QGIS; QGIS reads the other formats."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional, Union

from ..errors import AreaError
from ..optional import require
from .candidate import Candidate

LON_COLUMNS = ("lon", "lng", "long", "longitude", "x")
LAT_COLUMNS = ("lat", "latitude", "y")
WKT_COLUMNS = ("wkt", "geom", "geometry", "wkt_geom", "the_geom")
_ID_COLUMNS = ("candidate_id", "id", "fid")
_GEOJSON = (".geojson", ".json")
_LONLAT_CRS = re.compile(r"(CRS:?84|EPSG:+4326)$", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")


def read_candidates(path: Union[str, os.PathLike[str]], id_field: Optional[str] = None,
                    reference_field: Optional[str] = None) -> list[Candidate]:
    """The candidates of a GeoJSON or CSV file (columns lon and lat, or wkt), in longitude and latitude.

    `id_field` names them (else candidate_id, id or fid; else their position), `reference_field` holds the id of a
    bundled reference. Raises AreaError with the line, the value and what to do.
    """
    place = Path(path)
    try:
        text = place.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise AreaError(f"The candidates '{place}' cannot be read ({error.strerror}); check the path.") from error
    rows = list(_geojson(text, place.name) if place.suffix.lower() in _GEOJSON else _csv(text, place.name))
    if not rows:
        raise AreaError(f"'{place.name}' has no candidates; give one feature or row for each.")
    names = list(rows[0][1])
    id_name = _field(names, id_field, place.name) or next((n for n in names if n.lower() in _ID_COLUMNS), None)
    reference_name = _field(names, reference_field, place.name)
    return [Candidate(_value(row, id_name, i), geometry, _value(row, reference_name, "") or None)
            for i, (geometry, row) in enumerate(rows)]


def _field(names: list[str], wanted: Optional[str], name: str) -> Optional[str]:
    if wanted and wanted not in names:
        raise AreaError(f"'{name}' has no column '{wanted}'; its columns are: {', '.join(names)}.")
    return wanted or None


def _value(row: Mapping[str, Any], name: Optional[str], otherwise: Any) -> Any:
    value = row.get(name) if name else None
    return otherwise if value is None or value == "" else value


def _geojson(text: str, name: str) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    shapely_geometry = require("shapely.geometry", "to turn an area into pixels")
    try:
        told = json.loads(text)
    except ValueError as error:
        raise AreaError(f"'{name}' is no GeoJSON ({error}); write it again.") from error
    if not isinstance(told, dict) or not isinstance(told.get("features"), list):
        raise AreaError(f"'{name}' is no GeoJSON FeatureCollection; give a file with features.")
    crs = str(((told.get("crs") or {}).get("properties") or {}).get("name", "CRS84"))
    if not _LONLAT_CRS.search(crs):
        raise AreaError(f"'{name}' is in the coordinate reference system '{crs}'; reproject it to EPSG:4326 first.")
    for i, feature in enumerate(told["features"]):
        try:
            geometry = feature.get("geometry")
            yield (None if geometry is None else shapely_geometry.shape(geometry),
                   {**({"id": feature["id"]} if "id" in feature else {}), **(feature.get("properties") or {})})
        except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
            raise AreaError(f"Feature {i} of '{name}' has no readable geometry ({error}); repair it.") from error


def _csv(text: str, name: str) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    first = text.partition("\n")[0]
    separator = max((",", ";", "\t"), key=first.count)
    csv.field_size_limit(2**31 - 1)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    header = [cell.strip() for cell in next(rows, [])]
    columns = {cell.lower(): cell for cell in reversed(header)}
    wkt, lon, lat = (next((columns[n] for n in known if n in columns), None)
                     for known in (WKT_COLUMNS, LON_COLUMNS, LAT_COLUMNS))
    if wkt is None and (lon is None or lat is None):
        raise AreaError(f"'{name}' has the columns {', '.join(header) or '(none)'}, and none of them tells a place; "
                        "name them lon and lat, or wkt.")
    for cells in rows:
        if any(cell.strip() for cell in cells):
            where = f"Line {rows.line_num} of '{name}'"
            if len(cells) > len(header):
                raise AreaError(f"{where} has {len(cells)} values for {len(header)} columns; write decimals with a "
                                "point (37.6, not 37,6), and put texts with a separator in double quotes.")
            row = {column: cell.strip() for column, cell in zip(header, cells)}
            if wkt is not None:
                yield _from_wkt(row.get(wkt, ""), where), row
            else:
                yield _point(row.get(str(lon)), row.get(str(lat)), where), row


def _from_wkt(text: str, where: str) -> Any:
    shapely = require("shapely", "to turn an area into pixels")
    geometry = shapely.from_wkt(text, on_invalid="ignore") if text else None
    if text and geometry is None:
        raise AreaError(f"{where} has '{text[:40]}', which is no WKT; write for instance POINT(-117.17 37.6).")
    return geometry


def _point(lon: Optional[str], lat: Optional[str], where: str) -> Any:
    if not lon or not lat:
        return None
    shapely = require("shapely", "to turn an area into pixels")
    return shapely.Point(_number(lon, where), _number(lat, where))


def _number(text: str, where: str) -> float:
    if _DECIMAL_COMMA.fullmatch(text):
        raise AreaError(f"{where} has '{text}'; write decimals with a point, like {text.replace(',', '.')}.")
    try:
        return float(text)
    except ValueError:
        raise AreaError(f"{where} has '{text[:40]}' where a number in degrees belongs, like -117.17; mend it."
                        ) from None
