"""From an area to raw pixels: a shapely geometry in lon/lat becomes a PixelSet.

Points take the nearest pixel centre, polygons the pixels whose centre they enclose, lines the
pixels whose footprint they cross, in order. A raw pixel counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional, Union

import numpy as np
import numpy.typing as npt

from .enclosing import enclosed
from .errors import AreaError
from .geolocation import Geolocation, Snap
from .ground import ground_distance, near_longitude
from .optional import require
from .progress import NO_PROGRESS, Progress, checkpoint

MAX_SNAP_PIXELS = 1.5
"""A point farther than this many pixel spacings from every centre is off the swath."""

OFF_SWATH = "off the swath"
"""What a place farther than that is called, in a reason and in counts."""

_MAX_LON, _MAX_LAT = 540.0, 90.0
"""Beyond these a coordinate cannot be degrees; longitudes may run on over the antimeridian."""

_POINTS_AT_ONCE, _AREAS_AT_ONCE = 10_000, 256

_PIECE_PIXELS = 16.0
"""Lines are looked up in pieces of this length, so that a long oblique line stays cheap."""


@dataclass(frozen=True)
class PixelSet:
    """Raw pixels of one granule, each once per feature, with what the area says of them."""

    downtrack: npt.NDArray[np.int32]
    """(n,) 0-based line; -1 for a place off the swath."""
    crosstrack: npt.NDArray[np.int32]
    """(n,) 0-based sample; -1 for a place off the swath."""
    lon: npt.NDArray[np.float64]
    """(n,) longitude of the pixel centre, degrees; NaN where unknown."""
    lat: npt.NDArray[np.float64]
    """(n,) latitude of the pixel centre, degrees; NaN where unknown."""
    snap_m: npt.NDArray[np.float64]
    """(n,) metres from the asked point to the pixel centre; NaN unless a point was asked."""
    along_m: npt.NDArray[np.float64]
    """(n,) metres along the line to where it enters the pixel; NaN unless a line was asked."""
    feature_id: npt.NDArray[np.int64]
    """(n,) the feature of the area layer that a pixel belongs to."""
    reason: tuple[str, ...] = ()
    """(n,) why a place has no pixel; "" on the swath."""

    @classmethod
    def at(cls, downtrack: Any, crosstrack: Any, lon: Any = None, lat: Any = None, snap_m: Any = None,
           along_m: Any = None, feature_id: int = 0, reason: Sequence[str] = ()) -> PixelSet:
        """Build a set from raw indices; what is not given is unknown."""
        r = np.atleast_1d(np.asarray(downtrack)).astype(np.int32)
        c = np.atleast_1d(np.asarray(crosstrack)).astype(np.int32)
        lon, lat, snap_m, along_m = (
            np.full(len(r), np.nan) if v is None else np.asarray(v, np.float64) for v in (lon, lat, snap_m, along_m)
        )
        return cls(r, c, lon, lat, snap_m, along_m, np.full(len(r), feature_id, np.int64),
                   tuple(reason) or ("",) * len(r))

    @classmethod
    def nowhere(cls, reason: str, feature_id: int = 0) -> PixelSet:
        """One row for an area without a pixel, so that it is not lost from a table."""
        return cls.at([-1], [-1], feature_id=feature_id, reason=[reason])

    @classmethod
    def concatenate(cls, parts: Sequence[PixelSet]) -> PixelSet:
        """The rows of all parts, in order."""
        arrays = {name: np.concatenate([getattr(p, name) for p in parts]) for name in _ARRAYS}
        return cls(**arrays, reason=tuple(r for p in parts for r in p.reason))

    def __len__(self) -> int:
        return len(self.downtrack)

    @property
    def on_swath(self) -> npt.NDArray[np.bool_]:
        """(n,) True where there is a pixel."""
        return np.asarray(self.downtrack >= 0)

    def take(self, rows: Union[npt.NDArray[Any], slice]) -> PixelSet:
        """The rows chosen by an index or boolean array or a slice, in that order."""
        index = np.arange(len(self))[rows]
        arrays = {name: getattr(self, name)[index] for name in _ARRAYS}
        return PixelSet(**arrays, reason=tuple(self.reason[i] for i in index))

    def with_feature(self, feature_id: int) -> PixelSet:
        """The same rows as part of feature `feature_id`."""
        return replace(self, feature_id=np.full(len(self), feature_id, np.int64))

    def check(self, shape: tuple[int, int], name: str) -> PixelSet:
        """The same set; raises :class:`AreaError` if a pixel on the swath is outside a granule of `shape`."""
        on_swath = self.on_swath
        _check_inside(np.stack((self.downtrack[on_swath], self.crosstrack[on_swath]), axis=1), shape, name)
        return self

    def once(self) -> PixelSet:
        """The first row of each raw pixel, order kept; rows off the swath all stay."""
        key = self.downtrack.astype(np.int64) << 32 | self.crosstrack
        first = np.zeros(len(self), bool)
        first[np.unique(key, return_index=True)[1]] = True
        return self if first.all() else self.take(first | ~self.on_swath)


_ARRAYS = ("downtrack", "crosstrack", "lon", "lat", "snap_m", "along_m", "feature_id")


def pixels_in(geometry: Any, geolocation: Optional[Geolocation], name: str = "the granule") -> PixelSet:
    """The raw pixels of `geometry` (shapely, lon/lat degrees, Z ignored) in the granule called `name`.

    Raises :class:`AreaError` for an empty, invalid or unsupported geometry, a granule without
    location, a lone point off the swath (with the distance), or an area without any pixel.
    """
    if geolocation is None:
        raise AreaError(f"'{name}' has no location; ask for pixels by row and column instead of a lon/lat area.")
    shapely = require("shapely", "to turn an area into pixels")
    _check(shapely, geometry)
    return _pixels_of(shapely, shapely.force_2d(geometry), geolocation, name)


def pixels_at(pairs: Any, shape: tuple[int, int], geolocation: Optional[Geolocation], name: str) -> PixelSet:
    """The PixelSet of (downtrack, crosstrack) pairs; raises :class:`AreaError` for one outside `shape`."""
    index = np.asarray(pairs)
    if not index.size:
        raise AreaError("No pixel was given; give at least one (downtrack, crosstrack) pair.")
    if index.ndim == 1 and index.size == 2:
        index = index[None]
    if index.ndim != 2 or index.shape[1] != 2 or not np.issubdtype(index.dtype, np.integer):
        raise AreaError("Pixels must be whole (downtrack, crosstrack) pairs, for instance [(12, 40), (13, 40)].")
    _check_inside(index, shape, name)
    lon, lat = geolocation.lonlat(index[:, 0], index[:, 1]) if geolocation else (None, None)
    return PixelSet.at(index[:, 0], index[:, 1], lon, lat)


def _check_inside(index: npt.NDArray[np.integer], shape: tuple[int, int], name: str) -> None:
    outside = np.flatnonzero((index < 0).any(axis=1) | (index >= shape).any(axis=1))
    if len(outside):
        r, c = index[outside[0]]
        raise AreaError(f"Pixel ({r}, {c}) is outside '{name}', which has {shape[0]} x {shape[1]} pixels "
                        "(downtrack x crosstrack, from 0).")


def pixels_of_features(geometries: Sequence[Any], feature_ids: Sequence[int], geolocation: Optional[Geolocation],
                       name: str, progress: Progress = NO_PROGRESS) -> PixelSet:
    """The pixels of many features in their order, each with its id; one that fails is a row with the reason.

    Raises :class:`AreaError` when there is none, or when all fail.
    """
    if len(feature_ids) != len(geometries):
        raise AreaError(f"{len(geometries)} features were given with {len(feature_ids)} ids; give one id each.")
    if not geometries:
        raise AreaError("The area has no features; draw or choose at least one.")
    shapely = require("shapely", "to turn an area into pixels")
    parts, places, failures = [], [], []
    rest = np.ones(len(geometries), bool)
    if geolocation is not None:
        rest = ~_plain_points(shapely, geometries)
        for block in np.array_split(np.flatnonzero(~rest), 1 + (~rest).sum() // _POINTS_AT_ONCE):
            checkpoint(progress, 0.0, "Finding pixels")
            points = _each_point(shapely, [geometries[i] for i in block], geolocation, name)
            failures += [reason for reason in points.reason if reason]
            parts.append(replace(points, feature_id=np.asarray(feature_ids, np.int64)[block]))
            places.append(block)
    others = np.flatnonzero(rest).tolist()
    for start in range(0, len(others), _AREAS_AT_ONCE):
        checkpoint(progress, others[start] / len(geometries), "Finding pixels")
        some = others[start : start + _AREAS_AT_ONCE]
        for i, found in zip(some, pixels_of_each([geometries[i] for i in some], geolocation, name)):
            if isinstance(found, AreaError):
                failures.append(str(found))
                found = PixelSet.nowhere(str(found))
            parts.append(found.with_feature(feature_ids[i]))
            places.append(np.full(len(found), i))
    if len(failures) == len(geometries):
        many = f"None of the {len(failures)} features has a pixel; the first: " if len(failures) > 1 else ""
        raise AreaError(many + failures[0])
    return PixelSet.concatenate(parts).take(np.argsort(np.concatenate(places), kind="stable"))


def pixels_of_each(geometries: Sequence[Any], geolocation: Optional[Geolocation], name: str = "the granule"
                   ) -> list[Union[PixelSet, AreaError]]:
    """What :func:`pixels_in` returns or raises for each geometry; polygons are looked up together."""
    shapely = require("shapely", "to turn an area into pixels")
    found: dict[int, Union[PixelSet, AreaError]] = {}
    polygons = []
    for i, geometry in enumerate(geometries):
        try:
            if geolocation is not None and isinstance(geometry, shapely.Polygon):
                _check(shapely, geometry)
                polygons.append(i)
            else:
                found[i] = pixels_in(geometry, geolocation, name)
        except AreaError as error:
            found[i] = error
    if geolocation is not None and polygons:
        outlines = [shapely.force_2d(geometries[i]) for i in polygons]
        for i, outline, centres in zip(polygons, outlines, enclosed(shapely, outlines, geolocation)):
            found[i] = (PixelSet.at(*centres) if len(centres.downtrack)
                        else AreaError(_no_centre(shapely, outline, geolocation, name)))
    return [found[i] for i in range(len(geometries))]


def _plain_points(shapely: Any, geometries: Sequence[Any]) -> npt.NDArray[np.bool_]:
    """Which geometries are points that need no closer look: these are looked up all at once."""
    is_point = np.array([isinstance(g, shapely.Point) for g in geometries])
    xy = np.array([(g.x, g.y) if p and not g.is_empty else (np.nan, np.nan) for g, p in zip(geometries, is_point)])
    return np.asarray((np.abs(xy[:, 0]) <= _MAX_LON) & (np.abs(xy[:, 1]) <= _MAX_LAT))


def _each_point(shapely: Any, points: Sequence[Any], where: Geolocation, name: str) -> PixelSet:
    """One row per point, off the swath or not."""
    lon, lat = shapely.get_coordinates(np.asarray(points, dtype=object)).reshape(-1, 2).T
    snap = where.nearest(lon, lat)
    off = _off(snap)
    reason = [_off_reason(x, y, d, name) if o else "" for x, y, d, o in zip(lon, lat, snap.distance_m, off)]
    nan = np.where(off, np.nan, 0.0)
    return PixelSet.at(np.where(off, -1, snap.downtrack), np.where(off, -1, snap.crosstrack), snap.lon + nan,
                       snap.lat + nan, snap.distance_m, reason=reason)


def _check(shapely: Any, geometry: Any) -> None:
    if not isinstance(geometry, shapely.Geometry):
        kind = "missing" if geometry is None else f"a {type(geometry).__name__}"
        raise AreaError(f"The geometry of the area is {kind}; give a shapely geometry in lon/lat.")
    if geometry.is_empty:
        raise AreaError("The area is empty; draw or choose one with at least one vertex.")
    coordinates = shapely.get_coordinates(geometry)
    if not np.isfinite(coordinates).all():
        raise AreaError("The area has a coordinate that is not a finite number; repair the geometry.")
    if np.abs(coordinates[:, 1]).max() > _MAX_LAT or np.abs(coordinates[:, 0]).max() > _MAX_LON:
        x, y = coordinates[np.argmax(np.abs(coordinates).max(axis=1))]
        raise AreaError(f"The area has a vertex at ({x:g}, {y:g}), which is no lon/lat in degrees; reproject it first.")
    if not geometry.is_valid:
        raise AreaError(f"The area is not a valid geometry ({shapely.is_valid_reason(geometry)}); repair it first.")


def _pixels_of(shapely: Any, geometry: Any, where: Geolocation, name: str) -> PixelSet:
    return _BY_TYPE[geometry.geom_type](shapely, geometry, where, name)


def _point(shapely: Any, point: Any, where: Geolocation, name: str) -> PixelSet:
    snap = where.nearest([point.x], [point.y])
    if _off(snap)[0]:
        raise AreaError(_off_reason(point.x, point.y, snap.distance_m[0], name) + "; choose a place on it.")
    return PixelSet.at(snap.downtrack, snap.crosstrack, snap.lon, snap.lat, snap.distance_m)


def _multipoint(shapely: Any, points: Any, where: Geolocation, name: str) -> PixelSet:
    return _each_point(shapely, points.geoms, where, name).once()


def _off(snap: Snap) -> npt.NDArray[np.bool_]:
    return ~(snap.distance_m <= MAX_SNAP_PIXELS * snap.pixel_m)


def _off_reason(lon: float, lat: float, distance_m: float, name: str) -> str:
    far = f"{distance_m / 1000:.1f} km" if distance_m >= 1000 else f"{distance_m:.0f} m"
    return f"({lon:.5f}, {lat:.5f}) is {OFF_SWATH} of '{name}', {far} away"


def kind_of_absence(reason: str) -> str:
    """The `reason` of a place without a pixel in two or three words, to count it by; "" where there is a pixel."""
    if not reason:
        return ""
    return OFF_SWATH if OFF_SWATH in reason else "no pixel"


def _polygon(shapely: Any, polygon: Any, where: Geolocation, name: str) -> PixelSet:
    parts = [part for part in getattr(polygon, "geoms", [polygon]) if not part.is_empty]
    pixels = PixelSet.concatenate([PixelSet.at(*centres) for centres in enclosed(shapely, parts, where)]).once()
    if not len(pixels):
        raise AreaError(_no_centre(shapely, polygon, where, name))
    return pixels.take(np.lexsort((pixels.crosstrack, pixels.downtrack)))


def _no_centre(shapely: Any, area: Any, where: Geolocation, name: str) -> str:
    point = area.representative_point()
    snap = where.nearest([point.x], [point.y])
    if _off(snap)[0]:
        far = _off_reason(point.x, point.y, snap.distance_m[0], name)
        return f"The area encloses no pixel centre: {far}; choose an area on it."
    return (f"The area encloses no pixel centre of '{name}' (the nearest is {snap.distance_m[0]:.0f} m from inside "
            "it); enlarge it, or ask for a point.")


def _line(shapely: Any, line: Any, where: Geolocation, name: str) -> PixelSet:
    parts = []
    start_m = 0.0
    for part in getattr(line, "geoms", [line]):
        if part.is_empty:
            continue
        pixels, length_m = _crossed(shapely, part, where)
        parts.append(replace(pixels, along_m=pixels.along_m + start_m))
        start_m += length_m
    pixels = PixelSet.concatenate(parts).once()
    if not len(pixels):
        raise AreaError(f"The line crosses no pixel of '{name}'; draw it on the swath.")
    return pixels


def _crossed(shapely: Any, line: Any, where: Geolocation) -> tuple[PixelSet, float]:
    """Pixels whose footprint the line crosses, by where it enters them; and its length in metres."""
    xy = shapely.get_coordinates(line)
    if np.abs(np.diff(xy[:, 0])).max() > 180:
        raise AreaError("The line has a segment longer than 180 degrees; split it, at the antimeridian if it crosses "
                        "it.")
    steps = ground_distance(xy[:-1, 0], xy[:-1, 1], xy[1:, 0], xy[1:, 1])
    at_m = np.concatenate(([0.0], np.cumsum(steps)))
    r, c = _beside(xy, steps, where)
    if not len(r):
        return PixelSet.at([], []), float(at_m[-1])
    corners = where.footprints(r, c)
    known = np.isfinite(corners).all(axis=(1, 2))
    r, c, corners = r[known], c[known], corners[known]
    corners[..., 0] = near_longitude(corners[..., 0], (line.bounds[0] + line.bounds[2]) / 2)
    hit, along = _entries(shapely, xy, at_m, shapely.polygons(corners))
    order = np.argsort(along, kind="stable")
    r, c, along = r[hit][order], c[hit][order], along[order]
    return PixelSet.at(r, c, *where.lonlat(r, c), along_m=along), float(at_m[-1])


def _beside(xy: npt.NDArray[np.float64], steps_m: npt.NDArray[np.float64], where: Geolocation
            ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Raw pixels near the line, looked up piece by piece, each once, in raster order."""
    pixel_m = float(where.nearest(xy[:1, 0], xy[:1, 1]).pixel_m[0])
    found: list[npt.NDArray[np.int64]] = []
    for a, b, length in zip(xy[:-1], xy[1:], steps_m):
        n = max(1, int(np.ceil(length / (_PIECE_PIXELS * pixel_m))))
        ends = a + np.linspace(0.0, 1.0, n + 1)[:, None] * (b - a)
        for p, q in zip(ends[:-1], ends[1:]):
            (west, south), (east, north) = np.minimum(p, q), np.maximum(p, q)
            r, c = where.near((west, south, east, north))
            found.append(r * where.shape[1] + c)
    flat = np.unique(np.concatenate(found))
    return flat // where.shape[1], flat % where.shape[1]


def _entries(shapely: Any, xy: npt.NDArray[np.float64], at_m: npt.NDArray[np.float64], rings: Any
             ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Which rings the line meets, and the metres along it to where it first meets each."""
    segments = shapely.linestrings(np.stack((xy[:-1], xy[1:]), axis=1))
    ring, segment = shapely.STRtree(segments).query(rings, predicate="intersects")
    order = np.lexsort((segment, ring))
    hit, first_of_ring = np.unique(ring[order], return_index=True)
    first = segment[order][first_of_ring]
    meets, owner = shapely.get_coordinates(shapely.intersection(segments[first], rings[hit]), return_index=True)
    start, step = xy[first], xy[first + 1] - xy[first]
    square = np.maximum((step**2).sum(axis=1), np.finfo(float).tiny)
    along = ((meets - start[owner]) * step[owner]).sum(axis=1) / square[owner]
    fraction = np.full(len(hit), np.inf)
    np.minimum.at(fraction, owner, along)
    fraction = np.clip(fraction, 0.0, 1.0)
    return hit, at_m[first] + fraction * (at_m[first + 1] - at_m[first])


def _collection(shapely: Any, collection: Any, where: Geolocation, name: str) -> PixelSet:
    """The union of the members; a member without a pixel stays as a row that says why, unless all lack one."""
    parts, refusals = [], []
    for member in (m for m in collection.geoms if not m.is_empty):
        try:
            parts.append(_pixels_of(shapely, member, where, name))
        except AreaError as error:
            refusals.append(str(error))
    if not parts:
        raise AreaError(refusals[0])
    return PixelSet.concatenate(parts + [PixelSet.nowhere(r) for r in refusals]).once()


_Handler = Callable[[Any, Any, Geolocation, str], PixelSet]
_BY_TYPE: dict[str, _Handler] = {
    "Point": _point,
    "MultiPoint": _multipoint,
    "Polygon": _polygon,
    "MultiPolygon": _polygon,
    "LineString": _line,
    "MultiLineString": _line,
    "LinearRing": _line,
    "GeometryCollection": _collection,
}
"""Geometry type -> how it becomes pixels."""
