"""A vetting as layers: candidates with their outlines, other scenes, single pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from qgis.core import Qgis, QgsFields, QgsGeometry, QgsPointXY

from ..core.optional import require
from ..core.progress import Progress, Share, checkpoint
from ..core.results import Column, ResultTable
from ..core.vetting import Vetting
from ..core.vetting.ranking import Place
from ..core.vetting.tables import CANDIDATE_SCHEMA, PIXEL_SCHEMA, SCENE_SCHEMA
from .fields import as_datetime, fields
from .layer_output import LayerOutput
from .result_layer import spectra_aside

_CHUNK = 200
"""Rows written between two looks at the cancel button."""


def candidate_fields() -> QgsFields:
    """The fields of the table of candidates."""
    return _fields(CANDIDATE_SCHEMA)


def scene_fields() -> QgsFields:
    """The fields of the table of other scenes."""
    return _fields(SCENE_SCHEMA)


def pixel_fields() -> QgsFields:
    """The fields of the table of pixels."""
    return _fields(PIXEL_SCHEMA)


def outline_type(vetting: Vetting) -> Qgis.WkbType:
    """The geometry type that all outlines have; the general one where they are of several."""
    kinds = {outline.type() for place in vetting.ranking.winners if (outline := _outline(place)) is not None}
    if len(kinds) != 1:
        return Qgis.WkbType.Unknown
    return _MULTI[kinds.pop()]


_MULTI = {Qgis.GeometryType.Point: Qgis.WkbType.MultiPoint, Qgis.GeometryType.Line: Qgis.WkbType.MultiLineString,
          Qgis.GeometryType.Polygon: Qgis.WkbType.MultiPolygon, Qgis.GeometryType.Unknown: Qgis.WkbType.Unknown,
          Qgis.GeometryType.Null: Qgis.WkbType.Unknown}


def write_candidates(vetting: Vetting, output: LayerOutput, progress: Progress) -> None:
    """One row per candidate with its outline in lon/lat, best first."""
    _write(vetting.candidates, [_outline(place) for place in vetting.ranking.winners], output, progress)


def write_other_scenes(vetting: Vetting, output: LayerOutput, progress: Progress) -> None:
    """One row per scene that covers a candidate and did not win."""
    _write(vetting.scenes, [None] * len(vetting.scenes), output, progress)


def write_pixels(vetting: Vetting, output: LayerOutput, progress: Progress) -> Optional[str]:
    """One point per pixel of the winning scenes; returns where the spectra went if they are too many for the table."""
    table = vetting.pixel_table(Share(progress, 0.0, 0.5))
    lon, lat = table.columns["pixel_lon"], table.columns["pixel_lat"]
    points = [QgsGeometry.fromPointXY(QgsPointXY(x, y)) if x == x and y == y else None for x, y in zip(lon, lat)]
    table, aside = spectra_aside(table, output, Share(progress, 0.5, 0.7))
    _write(table, points, output, Share(progress, 0.7, 1.0))
    return aside


def _fields(schema: Sequence[Column]) -> QgsFields:
    return fields((column.name, column.kind, column.meaning) for column in schema)


def _outline(place: Place) -> Optional[QgsGeometry]:
    shapely = require("shapely", "to turn an area into pixels")
    if not isinstance(place.candidate.geometry, shapely.Geometry) or place.candidate.geometry.is_empty:
        return None
    outline = QgsGeometry()
    outline.fromWkb(shapely.to_wkb(place.candidate.geometry, output_dimension=2))
    outline.convertToMultiType()
    return outline


def _write(table: ResultTable, geometries: Sequence[Optional[QgsGeometry]], output: LayerOutput, progress: Progress
           ) -> None:
    for i, (row, geometry) in enumerate(zip(table.rows(), geometries)):
        if i % _CHUNK == 0:
            checkpoint(progress, i / len(table), "Writing the rows")
        values: list[Any] = [as_datetime(v) if name == "datetime" else v for name, v in row.items()]
        output.add(values, geometry)
