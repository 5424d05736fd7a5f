"""Lon/lat <-> raw pixel behind one interface; here a swath with a GLT and lon/lat arrays, in `affine` a map grid.

Raw pixels are 0-based (downtrack, crosstrack); the GLT is 1-based in its file and in `glt` only. Distances are metres
on the WGS 84 ellipsoid, by the local radii of curvature.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional, Protocol

import numpy as np
import numpy.typing as npt

from .errors import GranuleError, GranuleWarning
from .glt import Glt, unrolled
from .ground import ground_distance, metres_per_degree, near_longitude
from .io.storedarray import StoredArray

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]
Bounds = tuple[float, float, float, float]
"""(lon_min, lat_min, lon_max, lat_max) in degrees."""

WGS84_WKT = (
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],'
    'AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433],AUTHORITY["EPSG","4326"]]'
)
_FLIPPED = ("'{}' has a GLT whose glt_x runs against its longitude and latitude arrays (a fault of some 2023 "
            "builds); it was turned round.")
TURNS = (-360.0, 0.0, 360.0)
"""A longitude is the same after a turn."""
_SMALL_CELLS = 10_000
"""Map cells under bounds that are looked up together with others."""
_TOLD_AHEAD = 64
"""Around so many points at most it is told ahead which centres are read."""


@dataclass(frozen=True)
class Snap:
    """The raw pixels whose centres are nearest to some points."""

    downtrack: Int
    """(n,) 0-based line."""
    crosstrack: Int
    """(n,) 0-based sample."""
    lon: Float
    """(n,) longitude of the pixel centre, degrees."""
    lat: Float
    """(n,) latitude of the pixel centre, degrees."""
    distance_m: Float
    """(n,) metres from the point to the pixel centre."""
    pixel_m: Float
    """(n,) the largest spacing of the centres beside that pixel, metres; a map cell where it has no neighbour."""


@dataclass(frozen=True)
class OrthoGrid:
    """A north-up (or affine) map grid."""

    rows: int
    """Number of rows."""
    columns: int
    """Number of columns."""
    geotransform: tuple[float, ...]
    """GDAL's six numbers: x0, dx, rotation, y0, rotation, dy."""
    crs_wkt: str
    """Coordinate reference system, WKT."""


class Geolocation(Protocol):
    """Where the raw pixels of a granule lie on the ground."""

    shape: tuple[int, int]
    """(downtrack, crosstrack)."""
    grid: OrthoGrid
    """The map grid that the granule is orthorectified onto."""

    @property
    def notices(self) -> tuple[str, ...]:
        """What a user must know about the location of this granule."""

    def nearest(self, lon: Any, lat: Any) -> Snap:
        """The raw pixel nearest on the ground to each point, however far."""

    def lonlat(self, downtrack: Any, crosstrack: Any) -> tuple[Float, Float]:
        """Centres of raw pixels; indices must be inside."""

    def footprints(self, downtrack: Any, crosstrack: Any) -> Float:
        """(n, 4, 2) lon/lat corners of the ground quadrilaterals, in ring order."""

    def near(self, bounds: Bounds) -> tuple[Int, Int]:
        """At least the raw pixels whose footprint meets `bounds`; one may come twice in very wide bounds."""

    def near_each(self, bounds: Float) -> tuple[Int, Int, Int]:
        """The same for many bounds (n, 4): (which of them, downtrack, crosstrack), in their order."""

    def ortho(self, start: int, stop: int) -> tuple[Int, Int]:
        """Raw (downtrack, crosstrack) under rows start..stop of `grid`; -1 where there is none."""

    def bounds(self) -> Optional[Bounds]:
        """The pixel centres lie within these, longitudes running on over the antimeridian; None where none is known."""

    def cell_m(self) -> float:
        """Size of a map cell, metres."""


class Swath(ABC):
    """What locations share: the nearest centre and footprints, from the centres of raw pixels."""

    shape: tuple[int, int]

    @abstractmethod
    def lonlat(self, downtrack: Any, crosstrack: Any) -> tuple[Float, Float]:
        """Centres of raw pixels."""

    @abstractmethod
    def cell_m(self) -> float:
        """Size of a map cell in metres: what stands in for the spacing of a pixel without neighbours."""

    def near(self, bounds: Bounds) -> tuple[Int, Int]:
        """At least the raw pixels whose footprint meets `bounds`."""
        return self.near_each(np.array([bounds]))[1:]

    def near_each(self, bounds: Float) -> tuple[Int, Int, Int]:
        """The same for many bounds, one after the other."""
        found = [self.near((west, south, east, north)) for west, south, east, north in bounds.tolist()]
        which = np.repeat(np.arange(len(found)), [len(r) for r, _ in found])
        r, c = np.concatenate(found, axis=1) if found else np.empty((2, 0), np.int64)
        return which, r, c

    def bounds(self) -> Optional[Bounds]:
        """Bounds of the outermost centres; None where all of them are missing."""
        rows, columns = self.shape
        r, c = np.arange(rows), np.arange(columns)
        lon, lat = self.lonlat(np.concatenate((r, r, 0 * c, 0 * c + rows - 1)),
                               np.concatenate((0 * r, 0 * r + columns - 1, c, c)))
        known = np.isfinite(lon) & np.isfinite(lat)
        if not known.any():
            return None
        lon, lat = near_longitude(lon[known], lon[known][0]), lat[known]
        return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())

    def rectangle(self, r0: int, r1: int, c0: int, c1: int) -> tuple[Int, Int]:
        """The raw pixels of rows r0..r1 and columns c0..c1, as far as there are any, in raster order."""
        rr = np.arange(max(r0, 0), min(r1, self.shape[0]))
        cc = np.arange(max(c0, 0), min(c1, self.shape[1]))
        return np.repeat(rr, len(cc)), np.tile(cc, len(rr))

    def _extended(self, downtrack: Int, crosstrack: Int) -> tuple[Float, Float]:
        """Centres also one step outside the array, extrapolated linearly; arrays of any shape."""
        rows, columns = self.shape
        r0, c0 = np.clip(downtrack, 0, rows - 1), np.clip(crosstrack, 0, columns - 1)
        r1, c1 = np.clip(2 * r0 - downtrack, 0, rows - 1), np.clip(2 * c0 - crosstrack, 0, columns - 1)
        lon, lat = self.lonlat(r0, c0)
        outside = (r0 != downtrack) | (c0 != crosstrack)
        if outside.any():
            lon1, lat1 = self.lonlat(r1[outside], c1[outside])
            lon0 = lon[outside]
            lon[outside] = 2 * lon0 - near_longitude(lon1, lon0)
            lat[outside] = 2 * lat[outside] - lat1
        return lon, lat

    def footprints(self, downtrack: Any, crosstrack: Any) -> Float:
        """(n, 4, 2) corners: each the mean of the four centres around it, extrapolated at the edges."""
        r = np.atleast_1d(np.asarray(downtrack, np.int64))
        c = np.atleast_1d(np.asarray(crosstrack, np.int64))
        dr, dc = np.meshgrid((-1, 0, 1), (-1, 0, 1), indexing="ij")
        lon, lat = self._extended(r[:, None, None] + dr, c[:, None, None] + dc)
        lon = near_longitude(lon, lon[:, 1:2, 1:2])
        lon, lat = _without_gaps(lon), _without_gaps(lat)
        if 1 in self.shape:
            lon, lat = self._widened(lon, lat)
        corners = np.empty((len(r), 4, 2))
        for k, (i, j) in enumerate(((0, 0), (0, 1), (1, 1), (1, 0))):
            corners[:, k, 0] = lon[:, i : i + 2, j : j + 2].mean(axis=(1, 2))
            corners[:, k, 1] = lat[:, i : i + 2, j : j + 2].mean(axis=(1, 2))
        return corners

    def _widened(self, lon: Float, lat: Float) -> tuple[Float, Float]:
        """Neighbours of a one-pixel-wide array: the other axis turned by 90 degrees on the ground."""
        east, north = metres_per_degree(lat[:, 1, 1])
        axis = 1 if self.shape[0] == 1 else 0  # the axis that has neighbours
        behind, ahead = ((slice(None), 1, 0), (slice(None), 1, 2)) if axis == 1 else (
            (slice(None), 0, 1), (slice(None), 2, 1))
        step_e = (lon[ahead] - lon[behind]) / 2 * east
        step_n = (lat[ahead] - lat[behind]) / 2 * north
        for k in (-1, 1):
            target = (slice(None), 1 + k, slice(None)) if axis == 1 else (slice(None), slice(None), 1 + k)
            middle = (slice(None), 1, slice(None)) if axis == 1 else (slice(None), slice(None), 1)
            lon[target] = lon[middle] + (k * step_n / east)[:, None]
            lat[target] = lat[middle] - (k * step_e / north)[:, None]
        return lon, lat

    def descend(self, lon: Float, lat: Float, downtrack: Int, crosstrack: Int) -> Snap:
        """Walk from a first guess to the pixel with the nearest centre, all points at once."""
        r, c = downtrack.copy(), crosstrack.copy()
        best, spacing = np.full(len(r), np.inf), np.full(len(r), np.inf)
        at_lon, at_lat = np.full(len(r), np.nan), np.full(len(r), np.nan)
        todo = np.arange(len(r))
        while len(todo):
            rr = np.clip(r[todo, None] + _AROUND_ROW, 0, self.shape[0] - 1)
            cc = np.clip(c[todo, None] + _AROUND_COLUMN, 0, self.shape[1] - 1)
            near_lon, near_lat = self.lonlat(rr, cc)
            distance = ground_distance(lon[todo, None], lat[todo, None], near_lon, near_lat)
            distance = np.where(np.isnan(distance), np.inf, distance)
            pick = (np.arange(len(todo)), distance.argmin(axis=1))
            better = distance[pick] < best[todo]
            moved = better & ((rr[pick] != r[todo]) | (cc[pick] != c[todo]))
            now = todo[better]
            best[now], r[now], c[now] = distance[pick][better], rr[pick][better], cc[pick][better]
            at_lon[now], at_lat[now] = near_lon[pick][better], near_lat[pick][better]
            spacing[todo] = _largest_step(near_lon, near_lat)  # of the last look, which is round the pixel found
            todo = todo[moved]
        return Snap(r, c, at_lon, at_lat, best, np.where(np.isinf(spacing), self.cell_m(), spacing))


def _without_gaps(around: Float) -> Float:
    """(n, 3, 3) neighbours where a missing one is put opposite its opposite, as at the edge of a swath."""
    opposite = 2 * around[:, 1:2, 1:2] - around[:, ::-1, ::-1]
    return np.where(np.isnan(around), opposite, around)


def _largest_step(lon: Float, lat: Float) -> Float:
    """(n,) metres from the middle of (n, 9) centres to the farthest of its four neighbours; inf where unknown."""
    step = ground_distance(lon[:, 4:5], lat[:, 4:5], lon[:, 1::2], lat[:, 1::2])
    known = np.where(np.isnan(step), 0.0, step).max(axis=1)
    return np.where(known > 0, known, np.inf)


_AROUND_ROW, _AROUND_COLUMN = (a.ravel() for a in np.meshgrid((-1, 0, 1), (-1, 0, 1), indexing="ij"))


class GltLocation(Swath):
    """A swath located by its lon/lat arrays and a GLT (EMIT L1B and L2A)."""

    def __init__(self, name: str, lon: StoredArray, lat: StoredArray, glt_x: StoredArray, glt_y: StoredArray,
                 geotransform: Sequence[float], crs_wkt: str = WGS84_WKT) -> None:
        """`name` is for messages; the four arrays are read only where needed."""
        self.name = name
        self.shape = lon.shape
        self.grid = OrthoGrid(*glt_x.shape, tuple(float(g) for g in geotransform), crs_wkt)
        self._glt = Glt(name, lon, lat, glt_x, glt_y, self.grid.geotransform)
        self._flipped: Optional[bool] = None
        self._coarse: Optional[tuple[Int, Int, Float, Float]] = None

    @property
    def notices(self) -> tuple[str, ...]:
        """One sentence if the GLT was found flipped."""
        return (_FLIPPED.format(self.name),) if self._is_flipped() else ()

    def lonlat(self, downtrack: Any, crosstrack: Any) -> tuple[Float, Float]:
        """Centres of raw pixels from the lon/lat arrays; NaN where these hold the fill value."""
        return self._glt.lonlat(downtrack, crosstrack)

    def expect(self, downtrack: Any, crosstrack: Any) -> None:
        """Be told that the centres of these raw pixels are asked for soon."""
        self._glt.expect_lonlat(downtrack, crosstrack)

    def nearest(self, lon: Any, lat: Any) -> Snap:
        """First guess from the GLT cell (or a coarse grid off the swath), then the nearest centre."""
        lon, lat = np.atleast_1d(np.asarray(lon, np.float64)), np.atleast_1d(np.asarray(lat, np.float64))
        row, column = self._cells(lon, lat)
        inside = (row >= 0) & (row < self.grid.rows) & (column >= 0) & (column < self.grid.columns)
        r, c = np.full(len(lon), -1), np.full(len(lon), -1)
        if inside.any():
            r[inside], c[inside] = self._lookup(row[inside], column[inside])
            self._expect_around(lon[inside], lat[inside])
        for i in np.flatnonzero((r < 0) & inside):
            r[i], c[i] = self._beside(int(row[i]), int(column[i]))
        lost = np.flatnonzero(r < 0)
        if len(lost):
            r[lost], c[lost] = self._coarse_guess(lon[lost], lat[lost])
        return self.descend(lon, lat, r, c)

    def near_each(self, bounds: Float) -> tuple[Int, Int, Int]:
        """For each of the bounds the rectangle of raw pixels around those that the GLT shows within it."""
        windows = self._windows(bounds)
        cells = (windows[:, 2] - windows[:, 1]) * (windows[:, 4] - windows[:, 3])
        if len(bounds) > 1 and cells.max(initial=0) > _SMALL_CELLS:
            return super().near_each(bounds)
        if len(windows) == 1:
            r, c = (a.ravel() for a in self._window(*windows[0, 1:].tolist()))
            of = np.zeros(len(r), np.int64)
        else:
            of, row, column = unrolled(windows[:, 1:])
            r, c = self._lookup(row, column) if len(of) else (row, column)
        owner, r, c = windows[of, 0][r >= 0], r[r >= 0], c[r >= 0]
        if not len(r):
            return owner, r, c
        starts = np.flatnonzero(np.diff(owner, prepend=-1))
        low = [np.maximum(np.minimum.reduceat(of_axis, starts) - 2, 0) for of_axis in (r, c)]
        high = [np.minimum(np.maximum.reduceat(of_axis, starts) + 3, size) for of_axis, size in zip((r, c), self.shape)]
        of, r, c = unrolled(np.stack((low[0], high[0], low[1], high[1]), axis=1))
        return owner[starts][of], r, c

    def _windows(self, bounds: Float) -> Int:
        """(m, 5) which of the bounds (n, 4), and rows and columns of map cells around it; none off the grid."""
        x0, dx, _, y0, _, dy = self.grid.geotransform
        rows = np.sort(np.floor((bounds[:, [1, 3]] - y0) / dy), axis=1) + (-3, 4)
        which = np.repeat(np.arange(len(bounds)), len(TURNS))
        turned = (bounds[:, None, [0, 2]] + np.array(TURNS)[:, None]).reshape(-1, 2)  # the grid may run on over 180
        columns = np.sort(np.floor((turned - x0) / dx), axis=1) + (-3, 4)
        windows = np.column_stack((which, np.clip(rows, 0, self.grid.rows)[which],
                                   np.clip(columns, 0, self.grid.columns))).astype(np.int64)
        return np.asarray(windows[(windows[:, 1] < windows[:, 2]) & (windows[:, 3] < windows[:, 4])])

    def ortho(self, start: int, stop: int) -> tuple[Int, Int]:
        """Raw pixels under rows of the GLT grid."""
        return self._window(start, stop, 0, self.grid.columns)

    def bounds(self) -> Optional[Bounds]:
        """Bounds of the map grid, which the swath fills: nothing is read."""
        x0, dx, _, y0, _, dy = self.grid.geotransform
        x1, y1 = x0 + dx * self.grid.columns, y0 + dy * self.grid.rows
        return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)

    def cell_m(self) -> float:
        """The longer side of a cell of the GLT grid, metres."""
        _, dx, _, y0, _, dy = self.grid.geotransform
        east, north = metres_per_degree(y0)
        return float(max(abs(dx) * east, abs(dy) * north))

    def _cells(self, lon: Float, lat: Float, shift: float = 0.0) -> tuple[Int, Int]:
        """(row, column) of the map cells of points, each moved by `shift` cells; the grid may end before them."""
        x0, dx, _, y0, _, dy = self.grid.geotransform
        lon = near_longitude(lon, x0 + dx * self.grid.columns / 2)
        return (np.floor((lat - y0) / dy + shift).astype(np.int64), np.floor((lon - x0) / dx + shift).astype(np.int64))

    def _lookup(self, row: Int, column: Int) -> tuple[Int, Int]:
        """The raw pixels that the GLT shows in cells, which must be inside."""
        return self._glt.raw(*self._glt.points(row, column), self._is_flipped(int(row[0]), int(column[0])))

    def _expect_around(self, lon: Float, lat: Float) -> None:
        """Tell that the centres around a few points are compared next: those of the raw pixels beside each."""
        if len(lon) > _TOLD_AHEAD or not self._glt.is_remote:
            return
        lines, samples = [], []
        first_of_four = self._cells(lon, lat, -0.5)
        for i, j in zip(*(a.tolist() for a in first_of_four)):
            r, c = self._window(max(i, 0), i + 2, max(j, 0), j + 2)
            if (r >= 0).any():
                lines += [r[r >= 0].min() - 1, r.max() + 1]
                samples += [c[c >= 0].min() - 1, c.max() + 1]
        rows, columns = self.shape
        self._glt.expect_lonlat(np.clip(lines, 0, rows - 1), np.clip(samples, 0, columns - 1))

    def _beside(self, row: int, column: int) -> tuple[int, int]:
        """The raw pixel of the filled cell nearest to a hole of the GLT, at most 4 cells away; or -1."""
        r0, c0 = max(row - 4, 0), max(column - 4, 0)
        r, c = self._window(r0, min(row + 5, self.grid.rows), c0, min(column + 5, self.grid.columns))
        at = np.argwhere(r >= 0)
        if not len(at):
            return -1, -1
        i, j = at[((at + (r0 - row, c0 - column)) ** 2).sum(axis=1).argmin()]
        return int(r[i, j]), int(c[i, j])

    def _window(self, r0: int, r1: int, c0: int, c1: int) -> tuple[Int, Int]:
        """The raw pixels under a rectangle of cells, as far as the grid goes."""
        r1, c1 = min(r1, self.grid.rows), min(c1, self.grid.columns)
        return self._glt.raw(*self._glt.window(r0, r1, c0, c1), self._is_flipped((r0 + r1) // 2, (c0 + c1) // 2))

    def _is_flipped(self, row: Optional[int] = None, column: Optional[int] = None) -> bool:
        """Whether glt_x runs backwards; told once, from the cells near (row, column), the middle by default."""
        if self._flipped is None:
            near = (self.grid.rows // 2 if row is None else row, self.grid.columns // 2 if column is None else column)
            self._flipped = self._glt.is_flipped(*near)
            if self._flipped:
                warnings.warn(_FLIPPED.format(self.name), GranuleWarning, stacklevel=2)
        return self._flipped

    def _coarse_guess(self, lon: Float, lat: Float) -> tuple[Int, Int]:
        """For each point the nearest of every 16th pixel centre."""
        if self._coarse is None:
            rr = np.unique(np.append(np.arange(0, self.shape[0], 16), self.shape[0] - 1))
            cc = np.unique(np.append(np.arange(0, self.shape[1], 16), self.shape[1] - 1))
            r, c = np.repeat(rr, len(cc)), np.tile(cc, len(rr))
            at = self.lonlat(r, c)
            known = ~np.isnan(at[0])
            self._coarse = (r[known], c[known], at[0][known], at[1][known])
        r, c, at_lon, at_lat = self._coarse
        if not len(r):
            raise GranuleError(f"'{self.name}' has longitude and latitude arrays without a single value.")
        pick = [int(ground_distance(x, y, at_lon, at_lat).argmin()) for x, y in zip(lon, lat)]
        return r[pick], c[pick]
