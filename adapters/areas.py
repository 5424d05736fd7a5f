"""Features of a layer in any CRS -> shapely geometries in lon/lat. Nothing passes untransformed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Optional

from qgis.core import (
    Qgis,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsCsException,
    QgsFeature,
    QgsFeatureRequest,
    QgsGeometry,
    QgsProcessingFeatureSource,
    QgsUnitTypes,
)

from ..core.errors import AreaError
from ..core.optional import require
from ..core.progress import NO_PROGRESS, Progress, checkpoint

LONLAT = "EPSG:4326"
EMPTY_WKB = b"\x01\x07\0\0\0\0\0\0\0"
"""A geometry collection without members."""
_AT_ONCE = 1000
"""Features read without letting other threads go on."""
_EDGE_M = 5000.0
"""Longer edges of projected areas get vertices in between: what is straight there is not so in lon/lat."""


@dataclass(frozen=True)
class Areas:
    """The features of an area layer."""

    geometries: list[Any]
    """Shapely geometries in lon/lat; an empty one for a feature without geometry, None for a broken one."""
    feature_ids: list[int]
    """QGIS' feature ids."""


def areas_of(source: QgsProcessingFeatureSource, context: QgsCoordinateTransformContext,
             progress: Progress = NO_PROGRESS) -> Areas:
    """Read every feature; raises AreaError where the CRS is unknown or a transform fails."""
    unchecked = QgsProcessingFeatureSource.Flag.FlagSkipGeometryValidityChecks
    origin = origin_of(source.sourceName(), source.sourceCrs(), source.wkbType(), context)
    return read_areas(source.getFeatures(QgsFeatureRequest(), unchecked), origin, progress=progress)


@dataclass(frozen=True)
class Origin:
    """Where features come from."""

    name: str
    """What the layer is called."""
    transform: Optional[QgsCoordinateTransform]
    """From its coordinates to lon/lat; None where they are so already."""


def origin_of(name: str, crs: QgsCoordinateReferenceSystem, wkb_type: Qgis.WkbType,
              context: QgsCoordinateTransformContext) -> Origin:
    """Raises AreaError for a layer without geometry, or in a CRS that leads nowhere."""
    if wkb_type == Qgis.WkbType.NoGeometry:
        raise AreaError(f"The layer '{name}' has no geometry, so it marks no area; give points, lines or polygons.")
    return Origin(name, to_lonlat(crs, name, context))


def read_areas(features: Iterable[QgsFeature], origin: Origin, total: int = 0, progress: Progress = NO_PROGRESS
               ) -> Areas:
    """Read features in their order; `total` (0: unknown) is for the progress."""
    shapely = require("shapely", "to turn an area into pixels")
    wkb: list[bytes] = []
    feature_ids: list[int] = []
    for i, feature in enumerate(features):
        if i % _AT_ONCE == 0:
            checkpoint(progress, i / total if i < total else 0.0, "Reading the areas")
        geometry = feature.geometry()
        bare = geometry.isNull() or geometry.isEmpty()
        what = f"Feature {feature.id()} of '{origin.name}'"
        wkb.append(EMPTY_WKB if bare else lonlat_wkb(geometry, origin.transform, what))
        feature_ids.append(feature.id())
    parts = (shapely.from_wkb(wkb[i:i + _AT_ONCE], on_invalid="ignore") for i in range(0, len(wkb), _AT_ONCE))
    return Areas([geometry for part in parts for geometry in part], feature_ids)


def to_lonlat(crs: QgsCoordinateReferenceSystem, name: str, context: QgsCoordinateTransformContext
              ) -> Optional[QgsCoordinateTransform]:
    """The transform of a layer called `name`; None where it is in lon/lat already. Raises AreaError."""
    return transform_to_lonlat(crs, context, f"The layer '{name}'", "set the one it was drawn in",
                               "reproject it to EPSG:4326 first")


def transform_to_lonlat(crs: QgsCoordinateReferenceSystem, context: QgsCoordinateTransformContext, owner: str,
                        if_unknown: str, if_elsewhere: str) -> Optional[QgsCoordinateTransform]:
    """The transform of what `owner` says; None where it is in lon/lat already.

    QGIS itself lets coordinates pass unchanged where it finds no way; here that is an AreaError, which ends
    with what to do.
    """
    if not crs.isValid():
        raise AreaError(f"{owner} has no valid coordinate reference system; {if_unknown}.")
    lonlat = QgsCoordinateReferenceSystem(LONLAT)
    if crs == lonlat:
        return None
    transform = QgsCoordinateTransform(crs, lonlat, context)
    if not transform.isValid() or transform.isShortCircuited():
        raise AreaError(f"{owner} ({crs.userFriendlyIdentifier()}) cannot be transformed to longitude and "
                        f"latitude on Earth; {if_elsewhere}.")
    return transform


def lonlat_wkb(geometry: QgsGeometry, transform: Optional[QgsCoordinateTransform], what: str) -> bytes:
    """WKB in lon/lat, curves as segments; raises AreaError, naming `what`, where the transform fails."""
    straight = QgsGeometry(geometry.constGet().segmentize())
    if transform is None:
        return bytes(straight.asWkb())
    straight = _densified(straight, transform.sourceCrs())
    try:
        failed = straight.transform(transform) != Qgis.GeometryOperationResult.Success
        why = ""
    except QgsCsException as error:
        failed, why = True, f" ({str(error).strip()})"
    if failed:
        raise AreaError(f"{what} cannot be transformed to longitude and latitude{why}; check its place and the "
                        "coordinate reference system.")
    return bytes(straight.asWkb())


def _densified(geometry: QgsGeometry, crs: QgsCoordinateReferenceSystem) -> QgsGeometry:
    """Vertices along the long edges of a projected geometry."""
    if crs.isGeographic() or geometry.type() == Qgis.GeometryType.Point:
        return geometry
    edge = _EDGE_M * QgsUnitTypes.fromUnitToUnitFactor(Qgis.DistanceUnit.Meters, crs.mapUnits())
    dense = geometry.densifyByDistance(edge)
    return geometry if dense.isNull() else dense
