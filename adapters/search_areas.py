"""Where scenes are searched: the extent of a map, a drawing, or the features of a layer -> shapely in lon/lat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qgis.core import (
    Qgis,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsCsException,
    QgsFeatureRequest,
    QgsGeometry,
    QgsMapLayer,
    QgsRectangle,
    QgsVectorLayer,
    QgsVectorLayerFeatureSource,
)

from ..core.errors import AreaError
from ..core.optional import require
from ..core.progress import Progress
from .areas import LONLAT, origin_of, read_areas, transform_to_lonlat

_PURPOSE = "to search by area"

Reader = Callable[[Progress], Any]
"""Gives the area, in any thread."""


def extent_area(extent: QgsRectangle, crs: QgsCoordinateReferenceSystem, context: QgsCoordinateTransformContext
                ) -> Any:
    """The box in lon/lat around an extent of the map; its longitudes run on over the antimeridian.

    Raises AreaError where the map shows no part of the Earth.
    """
    shapely = require("shapely", _PURPOSE)
    transform = transform_to_lonlat(crs, context, "The project", "choose one in Project > Properties > CRS",
                                    "choose one of the Earth in Project > Properties > CRS")
    seen = extent if transform is None else _on_earth(extent, transform)
    west, east = seen.xMinimum(), seen.xMaximum()
    if west > east:
        east += 360.0
    south, north = max(seen.yMinimum(), -90.0), min(seen.yMaximum(), 90.0)
    if not south < north or not west < east:
        raise AreaError("The map shows no part of the Earth; move it, or search another area.")
    return shapely.box(-180.0, south, 180.0, north) if east - west >= 360.0 else shapely.box(west, south, east, north)


def layer_area(layer: QgsVectorLayer, selected: bool) -> Reader:
    """The features of a layer, or the selected ones, as one geometry; taken now, in the main thread, and quickly.

    Raises AreaError for a layer without geometry or with an unknown CRS; reading, where there is no feature.
    """
    name = layer.name()
    origin = origin_of(name, layer.crs(), layer.wkbType(), layer.transformContext())
    source = QgsVectorLayerFeatureSource(layer)
    request = QgsFeatureRequest().setNoAttributes()
    if selected:
        request.setFilterFids(sorted(layer.selectedFeatureIds()))
    total = layer.selectedFeatureCount() if selected else max(layer.featureCount(), 0)

    def read(progress: Progress) -> Any:
        areas = read_areas(source.getFeatures(request), origin, total, progress)
        return joined([geometry for geometry in areas.geometries if geometry is not None], f"The layer '{name}'")

    return read


def joined(geometries: Sequence[Any], what: str) -> Any:
    """Several geometries as one. Raises AreaError, naming `what`, where there is none."""
    shapely = require("shapely", _PURPOSE)
    there = [geometry for geometry in geometries if not shapely.is_empty(geometry)]
    if not there:
        raise AreaError(f"{what} has no features with a place; choose another area.")
    return shapely.geometrycollections(there)


def searchable(layer: QgsMapLayer) -> bool:
    """Whether a layer has features that can be an area."""
    return (isinstance(layer, QgsVectorLayer) and layer.isValid() and layer.isSpatial()
            and layer.geometryType() != Qgis.GeometryType.Null)


def lonlat_outline(geometry: Any, crs: QgsCoordinateReferenceSystem, context: QgsCoordinateTransformContext
                   ) -> QgsGeometry:
    """A shapely geometry in lon/lat as one in `crs`, to be drawn on the map; empty where there is no way."""
    shapely = require("shapely", _PURPOSE)
    drawn = QgsGeometry()
    drawn.fromWkb(shapely.to_wkb(geometry, output_dimension=2))
    try:
        drawn.transform(QgsCoordinateTransform(QgsCoordinateReferenceSystem(LONLAT), crs, context))
    except QgsCsException:
        return QgsGeometry()
    return drawn


def _on_earth(extent: QgsRectangle, transform: QgsCoordinateTransform) -> QgsRectangle:
    """The box around an extent in lon/lat; `west` is beyond `east` where it crosses the antimeridian."""
    try:
        return transform.transformBoundingBox(extent, Qgis.TransformDirection.Forward, True)
    except QgsCsException as error:
        raise AreaError("The extent of the map cannot be transformed to longitude and latitude; zoom in, or search "
                        "another area.") from error
