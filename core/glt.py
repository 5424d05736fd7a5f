"""The arrays that locate a swath: lon/lat of every raw pixel and the GLT, which is 1-based only in its file.

Whatever lies in one place of the swath is told to the file ahead, so that a remote one sends it in one trip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import GranuleError
from .ground import ground_distance
from .io.storedarray import StoredArray, expect

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

_NO_LONLAT = -9000.0
"""Longitudes and latitudes at or below this are the fill value."""
_SAMPLED_CELLS = 10_000
"""So many GLT cells are looked at to tell whether the GLT is flipped."""


@dataclass(frozen=True, eq=False)
class Glt:
    """The location arrays of one file, read only where needed."""

    name: str
    """The file, for messages."""
    lon: StoredArray
    """(downtrack, crosstrack) degrees east."""
    lat: StoredArray
    """(downtrack, crosstrack) degrees north."""
    x: StoredArray
    """(rows, columns) of the map grid: 1-based crosstrack; 0 or a negative value where there is no pixel."""
    y: StoredArray
    """(rows, columns) of the map grid: 1-based downtrack."""
    geotransform: tuple[float, ...]
    """GDAL's six numbers of the map grid, degrees."""

    @property
    def is_remote(self) -> bool:
        """Whether each read is a trip over the network."""
        return self.lon.source.gap > 0

    def lonlat(self, downtrack: Any, crosstrack: Any) -> tuple[Float, Float]:
        """Centres of raw pixels; NaN where the arrays hold the fill value."""
        r, c = np.broadcast_arrays(np.asarray(downtrack, np.int64), np.asarray(crosstrack, np.int64))
        self.expect_lonlat(r.ravel(), c.ravel())
        lon = self.lon.points(r.ravel(), c.ravel()).reshape(r.shape).astype(np.float64)
        lat = self.lat.points(r.ravel(), c.ravel()).reshape(r.shape).astype(np.float64)
        empty = (lon <= _NO_LONLAT) | (lat <= _NO_LONLAT)
        if empty.any():
            lon[empty] = lat[empty] = np.nan
        return lon, lat

    def expect_lonlat(self, downtrack: Any, crosstrack: Any) -> None:
        """Tell that the centres of these raw pixels are read next."""
        expect((self.lon, self.lat), downtrack, crosstrack)

    def points(self, row: Int, column: Int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """(x, y) as stored in cells of the map grid, which must be inside."""
        expect((self.x, self.y), row, column, lasting=True)
        return self.x.points(row, column), self.y.points(row, column)

    def expect_all(self) -> None:
        """Tell that any cell may be asked for soon."""
        step_r, step_c = self.x.layout.chunks or self.x.shape
        r, c = np.meshgrid(*(np.arange(0, size, step) for size, step in zip(self.x.shape, (step_r, step_c))))
        expect((self.x, self.y), r.ravel(), c.ravel(), lasting=True)

    def window(self, r0: int, r1: int, c0: int, c1: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """(x, y) as stored in a rectangle of cells, which must be inside and not empty."""
        step_r, step_c = self.x.layout.chunks or self.x.shape
        rows, columns = (np.append(np.arange(start, stop, step), stop - 1)
                         for start, stop, step in ((r0, r1, step_r), (c0, c1, step_c)))
        expect((self.x, self.y), np.repeat(rows, len(columns)), np.tile(columns, len(rows)), lasting=True)
        return self.x.window(r0, r1, c0, c1), self.y.window(r0, r1, c0, c1)

    def raw(self, x: npt.NDArray[Any], y: npt.NDArray[Any], flipped: bool) -> tuple[Int, Int]:
        """1-based GLT values to 0-based raw pixels; -1 for every value outside the array (0, fill)."""
        rows, columns = self.lon.shape
        known = (x > 0) & (y > 0) & (x <= columns) & (y <= rows)
        c = np.where(known, (columns - x) if flipped else (x - 1), -1).astype(np.int64)
        return np.where(known, y - 1, -1).astype(np.int64), c

    def is_flipped(self, near_row: int, near_column: int) -> bool:
        """Whether glt_x runs backwards: sampled cells are compared with the lon/lat arrays, as they stand and turned.

        First along one line of the swath, which few bytes tell; then cells of many lines. Raises
        :class:`GranuleError` when neither agrees within a few cells.
        """
        row, column, x, y = self._sample_cells(near_row, near_column)
        if not len(row):
            raise GranuleError(f"'{self.name}' has a GLT without a single pixel; it cannot be located.")
        x0, dx, _, y0, _, dy = self.geotransform
        cell_m = float(ground_distance(x0, y0, x0, y0 + dy))
        misfit = [np.inf, np.inf]
        for chosen in (self._along_one_line(row, column, x, y, near_row, near_column), np.arange(len(row))):
            far = chosen[np.argsort(-np.abs(2 * x[chosen] - self.lon.shape[1] - 1), kind="stable")]
            far = far[: max(64, len(far) // 4)][:: max(1, len(far) // 256)][:64]
            if len(far):
                misfit = self._misfits(row[far], column[far], x[far], y[far])
            if min(misfit) <= 5 * cell_m:
                return misfit[1] < misfit[0]
        raise GranuleError(
            f"'{self.name}' has a GLT that is {min(misfit):.0f} m away from its own longitude and latitude "
            "arrays; its location cannot be trusted: fetch a later build of the granule."
        )

    def _misfits(self, row: Int, column: Int, x: Int, y: Int) -> list[float]:
        """Median metres from cells to their raw pixels, as the GLT stands and turned round."""
        x0, dx, _, y0, _, dy = self.geotransform
        misfit = []
        for flipped in (False, True):
            lon, lat = self.lonlat(*self.raw(x, y, flipped))
            distance = ground_distance(x0 + (column + 0.5) * dx, y0 + (row + 0.5) * dy, lon, lat)
            misfit.append(float(np.median(np.where(np.isnan(distance), np.inf, distance))))
        return misfit

    def _along_one_line(self, row: Int, column: Int, x: Int, y: Int, near_row: int, near_column: int) -> Int:
        """Which cells lie on the line of the swath at a place; none where a flip would not show on it."""
        at = int(self.y.points(np.array([near_row]), np.array([near_column]))[0])
        line = at if 0 < at <= self.lon.shape[0] else int(y[(abs(row - near_row) + abs(column - near_column)).argmin()])
        chosen = np.flatnonzero(np.abs(y - line) <= 1)
        if not len(chosen) or np.abs(2 * x[chosen] - self.lon.shape[1] - 1).max() < self.lon.shape[1] // 4:
            return chosen[:0]
        lines = np.clip(line - 1 + np.arange(-2, 3), 0, self.lon.shape[0] - 1)
        expect((self.lon, self.lat), np.repeat(lines, 2), np.tile((0, self.lon.shape[1] - 1), len(lines)))
        return chosen

    def _sample_cells(self, near_row: int, near_column: int) -> tuple[Int, Int, Int, Int]:
        """Filled cells of the GLT chunk at a place, or of the nearest one that has any."""
        step_r, step_c = self.x.layout.chunks or (256, 256)
        for r0, c0 in _nearest_first(*self.x.shape, step_r, step_c, near_row, near_column):
            r1, c1 = min(r0 + step_r, self.x.shape[0]), min(c0 + step_c, self.x.shape[1])
            thin = max(1, int(np.sqrt((r1 - r0) * (c1 - c0) / _SAMPLED_CELLS)))
            row, column = (a.ravel() for a in np.mgrid[r0:r1:thin, c0:c1:thin])
            x, y = self.points(row, column)
            known = np.flatnonzero(self.raw(x, y, False)[0] >= 0)
            if len(known):
                return row[known], column[known], x[known].astype(np.int64), y[known].astype(np.int64)
        empty = np.empty(0, np.int64)
        return empty, empty, empty, empty


def _nearest_first(rows: int, columns: int, step_r: int, step_c: int, row: int, column: int) -> list[tuple[int, int]]:
    """First (row, column) of every tile: the one that holds a place, then outwards."""
    tiles = [(r, c) for r in range(0, rows, step_r) for c in range(0, columns, step_c)]
    return sorted(tiles, key=lambda t: abs(t[0] + (step_r - 1) / 2 - row) / step_r
                  + abs(t[1] + (step_c - 1) / 2 - column) / step_c)


def unrolled(windows: Int) -> tuple[Int, Int, Int]:
    """The cells of rectangles (n, 4: first and end row, first and end column): which rectangle, row, column.

    >>> [a.tolist() for a in unrolled(np.array([[0, 2, 5, 6], [7, 8, 1, 3]]))]
    [[0, 0, 1, 1], [0, 1, 7, 7], [5, 5, 1, 2]]
    """
    r0, r1, c0, c1 = windows.T
    width = c1 - c0
    sizes = (r1 - r0) * width
    of = np.repeat(np.arange(len(windows)), sizes)
    nth = np.arange(len(of)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return of, r0[of] + nth // width[of], c0[of] + nth % width[of]
