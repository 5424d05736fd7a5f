"""Candidates from GeoJSON and CSV in longitude and latitude, for Python without QGIS; QGIS reads the other formats."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional, Union

from ..errors import AreaError
from ..optional import require
from ..place_tables import PlaceTable, lonlat_of, no_wkt
from .candidate import Candidate

_ID_COLUMNS = ("candidate_id", "id", "fid")
_GEOJSON = (".geojson", ".json")
_LONLAT_CRS = re.compile(r"(CRS:?84|EPSG:+4326)$", re.IGNORECASE)
_Row = tuple[Any, Mapping[str, Any], str]
"""A geometry, the values beside it, and why there is no geometry."""


def read_candidates(path: Union[str, os.PathLike[str]], id_field: Optional[str] = None,
                    reference_field: Optional[str] = None) -> list[Candidate]:
    """The candidates of a GeoJSON or CSV file (columns lon and lat, or wkt), in longitude and latitude.

    `id_field` names them (else candidate_id, id or fid; else their position), `reference_field` holds the id of a
    bundled reference. What has no readable place is a candidate with the reason. Raises AreaError with the line, the
    value and what to do for a file that cannot be read at all, or where not a single place can.
    """
    place = Path(path)
    try:
        text = place.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise AreaError(f"The candidates '{place}' cannot be read ({error.strerror}); check the path.") from error
    rows = list(_geojson(text, place.name) if place.suffix.lower() in _GEOJSON else _csv(text, place.name))
    if not rows:
        raise AreaError(f"'{place.name}' has no candidates; give one feature or row for each.")
    problems = [problem for _, _, problem in rows if problem]
    if problems and all(geometry is None for geometry, _, _ in rows):
        raise AreaError(problems[0])
    names = list(rows[0][1])
    id_name = _field(names, id_field, place.name) or next((n for n in names if n.lower() in _ID_COLUMNS), None)
    reference_name = _field(names, reference_field, place.name)
    return [Candidate(_value(row, id_name, i), geometry, _value(row, reference_name, "") or None, problem)
            for i, (geometry, row, problem) in enumerate(rows)]


def _field(names: list[str], wanted: Optional[str], name: str) -> Optional[str]:
    if wanted and wanted not in names:
        raise AreaError(f"'{name}' has no column '{wanted}'; its columns are: {', '.join(names)}.")
    return wanted or None


def _value(row: Mapping[str, Any], name: Optional[str], otherwise: Any) -> Any:
    value = row.get(name) if name else None
    return otherwise if value is None or value == "" else value


def _geojson(text: str, name: str) -> Iterator[_Row]:
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
        values = feature if isinstance(feature, dict) else {}
        beside = {**({"id": values["id"]} if "id" in values else {}), **(values.get("properties") or {})}
        geometry, problem = None, ""
        try:
            if feature.get("geometry") is not None:
                geometry = shapely_geometry.shape(feature["geometry"])
        except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
            problem = f"Feature {i} of '{name}' has no readable geometry ({error}); repair it."
        yield geometry, beside, problem


def _csv(text: str, name: str) -> Iterator[_Row]:
    table = PlaceTable.of(text, f"'{name}'").require_places()
    for where, cells in table.rows():
        geometry, problem = None, ""
        try:
            geometry = _geometry(table.place(cells, where), where)
        except AreaError as error:
            problem = str(error)
        yield geometry, dict(zip(table.header, cells)), problem


def _geometry(told: tuple[str, ...], where: str) -> Any:
    """Of WKT, or of longitude and latitude; None for nothing. Raises AreaError."""
    shapely = require("shapely", "to turn an area into pixels")
    if not told:
        return None
    if len(told) == 2:
        return shapely.Point(*lonlat_of(told[0], told[1], where))
    geometry = shapely.from_wkt(told[0], on_invalid="ignore")
    if geometry is None:
        raise no_wkt(told[0], where)
    return geometry
