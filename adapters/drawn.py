"""What is drawn on a map canvas -> lon/lat, and pixels in lon/lat -> the canvas. Nothing passes untransformed."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
import numpy.typing as npt
from qgis.core import (
    Qgis,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsCsException,
    QgsGeometry,
    QgsLineString,
)

from ..core.errors import AreaError
from ..core.optional import require
from .areas import lonlat_wkb, transform_to_lonlat

Float = npt.NDArray[np.float64]

_CHOOSE_CRS = "choose one of the Earth in Project > Properties > CRS"
_RING = np.dtype([("order", "u1"), ("type", "<u4"), ("rings", "<u4"), ("points", "<u4"), ("xy", "<f8", (5, 2))])
"""WKB of a polygon with four corners."""
_HEAD = np.dtype([("order", "u1"), ("type", "<u4"), ("members", "<u4")])
_EDGE = np.dtype([("order", "u1"), ("type", "<u4"), ("points", "<u4"), ("xy", "<f8", (2, 2))])
"""WKB of a line with two ends."""
_PLACE = np.dtype([("order", "u1"), ("type", "<u4"), ("xy", "<f8", 2)])
"""WKB of a point."""
_LITTLE_ENDIAN, _POINT, _LINE, _POLYGON, _MULTIPOINT, _MULTILINE, _MULTIPOLYGON = 1, 1, 2, 3, 4, 5, 6


def lonlat_geometry(geometry: QgsGeometry, crs: QgsCoordinateReferenceSystem, context: QgsCoordinateTransformContext,
                    what: str = "The drawing") -> Any:
    """The shapely geometry in lon/lat of one drawn in the project's `crs`.

    Raises AreaError, naming `what`, where it is empty, the CRS is unknown, or a coordinate cannot be transformed.
    """
    shapely = require("shapely", "to turn an area into pixels")
    if geometry.isNull() or geometry.isEmpty():
        raise AreaError(f"{what} is empty; draw it with at least one place.")
    found = shapely.from_wkb(lonlat_wkb(geometry, _project_transform(crs, context), what))
    if not np.isfinite(shapely.get_coordinates(found)).all():
        raise AreaError(f"{what} cannot be transformed to longitude and latitude; draw it on the Earth.")
    return found


def on_map(lonlat: npt.ArrayLike, crs: QgsCoordinateReferenceSystem, context: QgsCoordinateTransformContext) -> Float:
    """Places (..., 2) in lon/lat as places in `crs`; raises AreaError where it is unknown or the transform fails."""
    places = np.asarray(lonlat, np.float64)
    transform = _project_transform(crs, context)
    if transform is None or not places.size:
        return places
    return _from_lonlat(places.reshape(-1, 2), transform).reshape(places.shape)


def quads_multipolygon(quads: Float) -> QgsGeometry:
    """Corners (n, 4, 2) as one MultiPolygon."""
    rings = np.empty(len(quads), _RING)
    rings["order"], rings["type"], rings["rings"], rings["points"] = _LITTLE_ENDIAN, _POLYGON, 1, 5
    rings["xy"][:, :4], rings["xy"][:, 4] = quads, quads[:, 0]
    return _collection(_MULTIPOLYGON, rings)


def multipoint(places: Float) -> QgsGeometry:
    """Places (n, 2) as one MultiPoint."""
    points = np.empty(len(places), _PLACE)
    points["order"], points["type"], points["xy"] = _LITTLE_ENDIAN, _POINT, places
    return _collection(_MULTIPOINT, points)


def joined_lines(edges: Float) -> QgsGeometry:
    """Edges (n, 2, 2) as lines that run on where they meet: a canvas draws no line shorter than a dot."""
    lines = np.empty(len(edges), _EDGE)
    lines["order"], lines["type"], lines["points"], lines["xy"] = _LITTLE_ENDIAN, _LINE, 2, edges
    return _collection(_MULTILINE, lines).mergeLines()


def _collection(kind: int, members: npt.NDArray[np.void]) -> QgsGeometry:
    """A multi-geometry from the WKB of its members."""
    head = np.array([(_LITTLE_ENDIAN, kind, len(members))], _HEAD)
    geometry = QgsGeometry()
    geometry.fromWkb(head.tobytes() + members.tobytes())
    return geometry


def _project_transform(crs: QgsCoordinateReferenceSystem, context: QgsCoordinateTransformContext
                       ) -> Optional[QgsCoordinateTransform]:
    return transform_to_lonlat(crs, context, "The project", _CHOOSE_CRS, _CHOOSE_CRS)


def _from_lonlat(xy: Float, transform: QgsCoordinateTransform) -> Float:
    """All points at once, against the direction of `transform`."""
    points = QgsGeometry(QgsLineString(xy[:, 0].tolist(), xy[:, 1].tolist()))
    try:
        done = points.transform(transform, Qgis.TransformDirection.Reverse)
        failed, why = done != Qgis.GeometryOperationResult.Success, ""
    except QgsCsException as error:
        failed, why = True, f" ({str(error).strip()})"
    found = np.frombuffer(bytes(points.asWkb()), np.float64, offset=9).reshape(-1, 2)
    if failed or not np.isfinite(found).all():
        raise AreaError("The pixels cannot be shown in the project's coordinate reference system "
                        f"{transform.sourceCrs().userFriendlyIdentifier()}{why}; {_CHOOSE_CRS}.")
    return found
