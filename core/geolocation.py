"""Lon/lat <-> raw pixel behind one interface; here a swath with a GLT and lon/lat arrays, in `affine` a map grid.

Raw pixels are 0-based (downtrack, crosstrack); the GLT is 1-based in its file and in `glt` only. Distances are metres
on the WGS 84 ellipsoid, by the local radii of curvature.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Optional, Protocol

import numpy as np

from .errors import GranuleError, GranuleWarning
from .glt import Glt, unrolled
from .ground import ground_distance, metres_per_degree, near_longitude
from .io.storedarray import StoredArray
from .swath import TURNS, Bounds, Float, Int, Snap, Swath, Within

WGS84_WKT = (
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],'
    'AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433],AUTHORITY["EPSG","4326"]]'
)
_FLIPPED = ("'{}' has a GLT whose glt_x runs against its longitude and latitude arrays (a fault of some 2023 "
            "builds); it was turned round.")
_SMALL_CELLS = 10_000
"""Map cells under bounds that are looked up together with others."""
_CELLS_AROUND = 1.5
"""A pixel is shown by its own map cell, or, where that has a hole, beside it."""
_FORESEEN = 256
"""Pixels of an area that is so small that its spectra are fetched before it is known which of them it holds."""
_TOLD_AHEAD = 64
"""Around so many points at most it is told ahead which centres are read."""


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

    def near_each(self, bounds: Float, within: Optional[Within] = None) -> tuple[Int, Int, Int]:
        """The same for many bounds (n, 4): (which of them, downtrack, crosstrack), in their order.

        `within` may tell closer where the pixels are wanted; it is asked where reading them takes long.
        """

    def ortho(self, start: int, stop: int) -> tuple[Int, Int]:
        """Raw (downtrack, crosstrack) under rows start..stop of `grid`; -1 where there is none."""

    def bounds(self) -> Optional[Bounds]:
        """The pixel centres lie within these, longitudes running on over the antimeridian; None where none is known."""

    def cell_m(self) -> float:
        """Size of a map cell, metres."""


class GltLocation(Swath):
    """A swath located by its lon/lat arrays and a GLT (EMIT L1B and L2A)."""

    def __init__(self, name: str, lon: StoredArray, lat: StoredArray, glt_x: StoredArray, glt_y: StoredArray,
                 geotransform: Sequence[float], crs_wkt: str = WGS84_WKT) -> None:
        """`name` is for messages; the four arrays are read only where needed."""
        self.name = name
        self.shape = lon.shape
        self.grid = OrthoGrid(*glt_x.shape, tuple(float(g) for g in geotransform), crs_wkt)
        self._glt = Glt(name, lon, lat, glt_x, glt_y, self.grid.geotransform)
        self.foreseen: Optional[Callable[[Int, Int], None]] = None
        """Told of the raw pixels that a small area will hold, as far as the GLT can tell, before their centres are
        read: over the network both come in one trip."""
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
        """Be told that the centres of these raw pixels are asked for soon, and then any place."""
        self._glt.expect_lonlat(downtrack, crosstrack)
        self._glt.expect_all()

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

    def near_each(self, bounds: Float, within: Optional[Within] = None) -> tuple[Int, Int, Int]:
        """For each of the bounds the rectangle of raw pixels around those that the GLT shows within it."""
        windows = self._windows(bounds)
        cells = (windows[:, 2] - windows[:, 1]) * (windows[:, 4] - windows[:, 3])
        if len(bounds) > 1 and cells.max(initial=0) > _SMALL_CELLS:
            return super().near_each(bounds, within)
        of, row, column = unrolled(windows[:, 1:])
        if len(windows) == 1:
            r, c = (a.ravel() for a in self._window(*windows[0, 1:].tolist()))
        else:
            r, c = self._lookup(row, column) if len(of) else (row, column)
        shown = np.flatnonzero(r >= 0)
        if not len(shown):
            return shown, shown, shown
        margin = 2
        if within is not None and self._glt.is_remote:
            shown, margin = self._closer(shown, windows[of, 0], row, column, within), 1
        owner, r, c = windows[of, 0][shown], r[shown], c[shown]
        if margin == 1 and len(bounds) == 1:
            self._foresee(r, c)
        starts = np.flatnonzero(np.diff(owner, prepend=-1))
        low = [np.maximum(np.minimum.reduceat(of_axis, starts) - margin, 0) for of_axis in (r, c)]
        high = [np.minimum(np.maximum.reduceat(of_axis, starts) + margin + 1, size)
                for of_axis, size in zip((r, c), self.shape)]
        of, r, c = unrolled(np.stack((low[0], high[0], low[1], high[1]), axis=1))
        return owner[starts][of], r, c

    def _foresee(self, r: Int, c: Int) -> None:
        there = self.rectangle(int(r.min()), int(r.max()) + 1, int(c.min()), int(c.max()) + 1)
        if self.foreseen is not None and len(there[0]) <= _FORESEEN:
            self.foreseen(*there)

    def _closer(self, shown: Int, owner: Int, row: Int, column: Int, within: Within) -> Int:
        """Of the cells `shown`, those that are wanted by their place on the ground; all of who wants none of them."""
        x0, dx, _, y0, _, dy = self.grid.geotransform
        wanted = within(owner[shown], x0 + (column[shown] + 0.5) * dx, y0 + (row[shown] + 0.5) * dy,
                        _CELLS_AROUND * self.cell_m())
        return shown[wanted | ~np.isin(owner[shown], owner[shown][wanted])]

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

    def _cells(self, lon: Float, lat: Float) -> tuple[Int, Int]:
        """(row, column) of the map cells of points; the grid may end before them."""
        row, column = self._in_cells(lon, lat)
        return np.floor(row).astype(np.int64), np.floor(column).astype(np.int64)

    def _in_cells(self, lon: Float, lat: Float) -> tuple[Float, Float]:
        """Places on the map grid, in cells from its corner."""
        x0, dx, _, y0, _, dy = self.grid.geotransform
        lon = near_longitude(lon, x0 + dx * self.grid.columns / 2)
        return (lat - y0) / dy, (lon - x0) / dx

    def _lookup(self, row: Int, column: Int) -> tuple[Int, Int]:
        """The raw pixels that the GLT shows in cells, which must be inside."""
        return self._glt.raw(*self._glt.points(row, column), self._is_flipped(int(row[0]), int(column[0])))

    def _expect_around(self, lon: Float, lat: Float) -> None:
        """Tell that the centres around a few points are compared next: those of the four raw pixels round each."""
        if len(lon) > _TOLD_AHEAD or not self._glt.is_remote:
            return
        at = [place for place in zip(*self._in_cells(lon, lat)) if self._is_filled(*place)]
        if not at:
            return
        first = np.floor([self._between_pixels(row, column) for row, column in at]).astype(np.int64)
        lines, samples = (np.clip(of[:, None] + (-1, 2), 0, size - 1) for of, size in zip(first.T, self.shape))
        self._glt.expect_lonlat(lines.ravel(), samples.ravel())

    def _is_filled(self, row: float, column: float) -> bool:
        return bool((self._window_around(row, column)[0] >= 0).any())

    def _window_around(self, row: float, column: float) -> tuple[Int, Int]:
        i, j = int(row), int(column)
        return self._window(max(i - 2, 0), i + 3, max(j - 2, 0), j + 3)

    def _between_pixels(self, row: float, column: float) -> tuple[float, float]:
        """Raw (downtrack, crosstrack) at a place of the grid, as the plane through the cells around it has it."""
        r, c = self._window_around(row, column)
        known = np.argwhere(r >= 0)
        there = known + (max(int(row) - 2, 0) + 0.5 - row, max(int(column) - 2, 0) + 0.5 - column)
        plane = np.linalg.lstsq(np.column_stack((np.ones(len(there)), there)),
                                np.column_stack((r[r >= 0], c[r >= 0])).astype(float), rcond=None)[0]
        return float(plane[0, 0]), float(plane[0, 1])

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
