"""The area of a search: any shape in lon/lat, as boxes to ask for and as an exact test of footprints.

A catalogue takes straight edges for great circles, some take no shape at all, and none likes a long one. So it is
asked for boxes, which all read alike, and what is within the shape is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import AreaError
from ..optional import require

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees; west <= east, within -180..180 and -90..90."""
_PURPOSE = "to search by area"
_MAX_LON, _MAX_LAT = 540.0, 90.0
_MARGIN = 0.02
"""Degrees by which boxes are larger than the shape: it is simplified by half as much, and edges of footprints are
great circles in the catalogue."""
_MOST_BOXES, _MOST_PIECES = 8, 32
_SCENE = 0.75
"""Size of a scene in degrees: splitting finer than this saves nothing."""
_REQUEST = 30.0
"""Square degrees that may be asked for in vain rather than ask once more."""
_WORTH = 0.98
"""Two pieces replace one where together they are smaller than this part of it."""


@dataclass(frozen=True)
class SearchArea:
    """Where scenes are looked for."""

    parts: tuple[Any, ...]
    """Shapely points, lines and polygons within -180..180."""
    boxes: tuple[Box, ...]
    """Boxes that cover the parts, few and tight."""
    notices: tuple[str, ...] = ()
    """How the shape was understood, where that may be a question."""

    def meets(self, footprints: Sequence[Any]) -> npt.NDArray[np.bool_]:
        """(n,) whether each footprint touches the area."""
        found = np.zeros(len(footprints), bool)
        if found.size:
            shapely = require("shapely", _PURPOSE)
            found[shapely.STRtree(self.parts).query(list(footprints), predicate="intersects")[0]] = True
        return found


def search_area(geometry: Any) -> SearchArea:
    """The area that a shapely geometry in lon/lat means; longitudes may run on over the antimeridian.

    A ring with neighbours at both ends of the longitudes crosses the antimeridian. Where they are far from each other
    the other way round too, that is open: a ring that runs clockwise as drawn crosses it, one that runs
    counter-clockwise, as boxes of QGIS do, is taken as drawn. Raises AreaError where there is no shape.
    """
    shapely = require("shapely", _PURPOSE)
    simple = _simple_parts(shapely, geometry)
    if not simple:
        raise AreaError("The area to search is empty; draw one, or give a layer with features.")
    _check_degrees(shapely, simple)
    meant = [_as_meant(shapely, part) for part in simple]
    parts = [piece for part in meant for piece in _wrapped(shapely, _reduced(shapely, part))]
    jumps = [before is not after for before, after in zip(simple, meant)]
    notices = (_CROSSING,) if any(jumps) else ()
    return SearchArea(tuple(parts), tuple(_boxes(shapely, parts)), notices)


_CROSSING = ("The area jumps from one end of the longitudes to the other; it was taken as the shape that crosses the "
             "antimeridian. Draw it on beyond 180 degrees, or counter-clockwise, if the wide one is meant.")


def footprint(rings: Sequence[tuple[Sequence[Any], Sequence[Sequence[Any]]]]) -> Any:
    """A footprint of (outer ring, holes), each ring (lon, lat) pairs; None where there is no area in it.

    Rings go the shorter way round; what crosses the antimeridian comes in two halves.
    """
    shapely = require("shapely", _PURPOSE)
    parts: list[Any] = []
    for outer, holes in rings:
        polygon = _polygon(shapely, outer, holes)
        if polygon is not None:
            parts.extend(_wrapped(shapely, polygon))
    whole = shapely.union_all(parts)
    return whole if shapely.area(whole) > 0 else None


def _polygon(shapely: Any, outer: Sequence[Any], holes: Iterable[Sequence[Any]]) -> Any:
    """A valid polygon, or None for a ring that is none."""
    xy = _numbers(outer)
    if xy is None:
        return None
    shell = _unwrapped_ring(xy)
    inner = [_near(_unwrapped_ring(hole), shell) for hole in map(_numbers, holes) if hole is not None]
    return shapely.make_valid(shapely.polygons(shell, inner or None))


def _numbers(ring: Sequence[Any]) -> Any:
    """A ring of at least three places on Earth as an array, closed; None where it is none."""
    try:
        xy = np.array(ring, np.float64)
    except (TypeError, ValueError):
        return None
    if xy.ndim != 2 or xy.shape[1] < 2 or len(xy) < 3 or not _on_earth(xy):
        return None
    xy = xy[:, :2] if (xy[0] == xy[-1]).all() else np.concatenate((xy, xy[:1]))[:, :2]
    return xy if len(xy) >= 4 else None


def _on_earth(xy: npt.NDArray[np.float64]) -> bool:
    """Whether all coordinates can be degrees; NaN cannot."""
    return bool((np.abs(xy[:, 0]) <= _MAX_LON).all() and (np.abs(xy[:, 1]) <= _MAX_LAT).all())


def _simple_parts(shapely: Any, geometry: Any) -> list[Any]:
    """Points, lines and polygons without Z; nothing for None."""
    if geometry is None or not isinstance(geometry, shapely.Geometry):
        return []
    parts = np.atleast_1d(shapely.force_2d(geometry))
    while (shapely.get_type_id(parts) > _LAST_SIMPLE).any():
        parts = shapely.get_parts(parts)
    return [part for part in parts if not shapely.is_empty(part)]


_LAST_SIMPLE = 3
"""Shapely's type id of the polygon; what comes after it holds several."""


def _reduced(shapely: Any, part: Any) -> Any:
    """A polygon without area as a line, and a line without length as a point: what GEOS cuts to nothing."""
    if shapely.get_dimensions(part) == 2 and shapely.area(part) == 0.0 == shapely.area(shapely.make_valid(part)):
        part = shapely.linestrings(_unwrapped(shapely.get_coordinates(part.exterior)))
    if shapely.get_dimensions(part) == 1 and shapely.length(part) == 0.0:
        part = shapely.points(shapely.get_coordinates(part)[0])
    return part


def _check_degrees(shapely: Any, parts: Sequence[Any]) -> None:
    xy = shapely.get_coordinates(parts)
    if not _on_earth(xy):
        lon, lat = xy[~((np.abs(xy[:, 0]) <= _MAX_LON) & (np.abs(xy[:, 1]) <= _MAX_LAT))][0]
        raise AreaError(f"The area to search holds the place ({lon:g}, {lat:g}), which is no longitude and latitude; "
                        "give it in degrees (EPSG:4326).")


def _as_meant(shapely: Any, part: Any) -> Any:
    """The part itself, or what it means where its longitudes jump."""
    is_polygon = shapely.get_dimensions(part) == 2
    xy = shapely.get_coordinates(part.exterior if is_polygon else part)
    steps = np.abs(np.diff(xy[:, 0]))
    if not (steps > 180.0).any():
        return part
    if not is_polygon:
        return shapely.linestrings(_unwrapped(xy))
    gap = abs(360.0 - float(steps.max()))
    close = gap < _CLOSE and np.ptp(_unwrapped(xy)[:, 0]) > 2.0 * gap
    if not close and shapely.is_ccw(part.exterior):
        return part
    meant = _polygon(shapely, xy, [shapely.get_coordinates(hole) for hole in part.interiors])
    return part if meant is None or shapely.area(meant) == 0 else meant


_CLOSE = 10.0
"""Degrees: two vertices this near each other, the one in the far east and the other in the far west, are neighbours."""


def _unwrapped(xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Longitudes that run on, each the shorter way from the one before."""
    return np.stack((np.unwrap(xy[:, 0], period=360.0), xy[:, 1]), axis=1)


def _unwrapped_ring(xy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The same of a closed ring; one that goes round a pole is led over it."""
    ring = _unwrapped(xy)
    if abs(ring[-1, 0] - ring[0, 0]) < 180.0:
        return ring
    pole = 90.0 if ring[:, 1].mean() > 0 else -90.0
    return np.concatenate((ring, [[ring[-1, 0], pole], [ring[0, 0], pole], ring[0]]))


def _near(hole: npt.NDArray[np.float64], shell: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A hole on the same turn as its shell."""
    turn = np.round((shell[:, 0].mean() - hole[:, 0].mean()) / 360.0)
    return hole + np.array([360.0 * turn, 0.0])


def _wrapped(shapely: Any, part: Any) -> list[Any]:
    """The pieces of a part, of its own dimension, brought to -180..180; polygons are mended first."""
    dimension = shapely.get_dimensions(part)
    if dimension == 0:
        lon = (shapely.get_x(part) + 180.0) % 360.0 - 180.0
        return [shapely.Point(x, shapely.get_y(part)) for x in ((-180.0, 180.0) if lon == -180.0 else (lon,))]
    whole = shapely.make_valid(part) if dimension == 2 else part
    west, _, east, _ = shapely.bounds(whole)
    if west >= -180.0 and east <= 180.0:
        return _of_dimension(shapely, whole, dimension) or [part]
    pieces: list[Any] = []
    for turn in range(int((west + 180.0) // 360.0), int((east + 180.0) // 360.0) + 1):
        window = shapely.box(360.0 * turn - 180.0, -90.0, 360.0 * turn + 180.0, 90.0)
        inside = _of_dimension(shapely, shapely.intersection(whole, window), dimension)
        pieces.extend(_shifted(shapely, inside, -360.0 * turn))
    return pieces


def _shifted(shapely: Any, pieces: Sequence[Any], by: float) -> list[Any]:
    return [shapely.transform(piece, lambda xy: xy + np.array([by, 0.0])) for piece in pieces]


def _of_dimension(shapely: Any, geometry: Any, dimension: int) -> list[Any]:
    """Its parts of one dimension: a polygon that only touches an edge leaves a line there, which counts nothing."""
    return [part for part in _simple_parts(shapely, geometry) if shapely.get_dimensions(part) == dimension]


def _boxes(shapely: Any, parts: Sequence[Any]) -> list[Box]:
    """At most _MOST_BOXES boxes that cover the parts: cut into pieces first, then joined where that costs little."""
    exact = np.array(parts, dtype=object)
    simple = shapely.simplify(exact, _MARGIN / 2.0, preserve_topology=False)
    usable = shapely.is_valid(simple) & ~shapely.is_empty(simple)
    geometries = np.where(usable, simple, shapely.envelope(exact))
    open_ones = [_bounds(shapely, geometries)]
    pieces: list[npt.NDArray[np.float64]] = []
    while open_ones and len(open_ones) + len(pieces) < _MOST_PIECES:
        box = open_ones.pop(0)
        halves = _halves(shapely, geometries, box) if _cost(box) > _REQUEST else []
        smaller = bool(halves) and sum(map(_cost, halves)) < _WORTH * _cost(box)
        open_ones += halves if smaller else []
        pieces += [] if smaller else [box]
    return [_with_margin(box) for box in _joined([*pieces, *open_ones])]


def _joined(boxes: list[npt.NDArray[np.float64]]) -> list[npt.NDArray[np.float64]]:
    """The boxes, of which the two nearest are joined as long as there are too many, or a request is saved so."""
    while len(boxes) > 1:
        more, i, j = min((_cost(_around(a, b)) - _cost(a) - _cost(b), i, j)
                         for i, a in enumerate(boxes) for j, b in enumerate(boxes[:i]))
        if more > _REQUEST and len(boxes) <= _MOST_BOXES:
            break
        boxes = [box for k, box in enumerate(boxes) if k not in (i, j)] + [_around(boxes[i], boxes[j])]
    return boxes


def _around(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.concatenate((np.minimum(a[:2], b[:2]), np.maximum(a[2:], b[2:])))


def _halves(shapely: Any, geometries: npt.NDArray[Any], box: npt.NDArray[np.float64]
            ) -> list[npt.NDArray[np.float64]]:
    """What lies in the two halves of a box, tightly; cut across its longer side."""
    axis = int(box[3] - box[1] > box[2] - box[0])
    middle = (box[axis] + box[axis + 2]) / 2.0
    first, second = box.copy(), box.copy()
    first[axis + 2] = second[axis] = middle
    tight = []
    for half in (first, second):
        pieces = shapely.intersection(geometries, shapely.box(*half))
        if not shapely.is_empty(pieces).all():
            tight.append(_bounds(shapely, pieces))
    return tight


def _bounds(shapely: Any, geometries: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    return np.asarray(shapely.total_bounds(geometries), np.float64)


def _grown(box: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return box + np.array([-_MARGIN, -_MARGIN, _MARGIN, _MARGIN])


def _cost(box: npt.NDArray[np.float64]) -> float:
    """About how many scenes meet a box."""
    return float((box[2] - box[0] + _SCENE) * (box[3] - box[1] + _SCENE))


def _with_margin(box: npt.NDArray[np.float64]) -> Box:
    west, south, east, north = np.round(_grown(box), 6).tolist()
    return max(west, -180.0), max(south, -90.0), min(east, 180.0), min(north, 90.0)
