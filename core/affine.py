"""Lon/lat <-> pixel of an image whose rows and columns are a map grid, in lon/lat or projected."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from .geolocation import TURNS, Bounds, Float, Int, OrthoGrid, Snap, Swath
from .ground import ground_distance, near_longitude


def _same(x: Float, y: Float) -> tuple[Float, Float]:
    return x, y


class AffineLocation(Swath):
    """An image whose rows and columns are themselves a map grid (L3, ENVI with map info)."""

    notices: tuple[str, ...] = ()

    def __init__(self, grid: OrthoGrid, to_lonlat: Callable[[Any, Any], Any] = _same,
                 from_lonlat: Callable[[Any, Any], Any] = _same) -> None:
        """The two functions turn grid x/y into lon/lat degrees and back; identity for a lon/lat grid."""
        self.grid = grid
        self.shape = (grid.rows, grid.columns)
        self._to_lonlat, self._from_lonlat = to_lonlat, from_lonlat
        self._geographic = to_lonlat is _same
        x0, a, b, y0, d, e = grid.geotransform
        self._inverse = np.linalg.inv(np.array([[a, b], [d, e]]))

    def lonlat(self, downtrack: Any, crosstrack: Any) -> tuple[Float, Float]:
        """Centres of grid cells."""
        r, c = np.broadcast_arrays(np.asarray(downtrack, float) + 0.5, np.asarray(crosstrack, float) + 0.5)
        x0, a, b, y0, d, e = self.grid.geotransform
        lon, lat = self._to_lonlat(x0 + a * c + b * r, y0 + d * c + e * r)
        return np.array(lon, np.float64), np.array(lat, np.float64)

    def cell_m(self) -> float:
        """The longer side of the first cell, metres."""
        lon, lat = self.lonlat([0, 0, 1], [0, 1, 0])
        return float(ground_distance(lon[0], lat[0], lon[1:], lat[1:]).max())

    def _fractional(self, lon: Float, lat: Float) -> tuple[Float, Float]:
        x0, a, b, y0, d, e = self.grid.geotransform
        x, y = self._from_lonlat(lon, lat)
        c, r = self._inverse @ np.stack((np.asarray(x) - x0, np.asarray(y) - y0))
        return r, c

    def footprints(self, downtrack: Any, crosstrack: Any) -> Float:
        """(n, 4, 2) the corners of the cells themselves."""
        r = np.atleast_1d(np.asarray(downtrack, np.float64))[:, None] + (-0.5, -0.5, 0.5, 0.5)
        c = np.atleast_1d(np.asarray(crosstrack, np.float64))[:, None] + (-0.5, 0.5, 0.5, -0.5)
        return np.stack(self.lonlat(r, c), axis=-1)

    def nearest(self, lon: Any, lat: Any) -> Snap:
        """The cell under each point, or the nearest cell of the edge."""
        lon, lat = np.atleast_1d(np.asarray(lon, np.float64)), np.atleast_1d(np.asarray(lat, np.float64))
        if self._geographic:
            x0, a, b = self.grid.geotransform[:3]
            lon = near_longitude(lon, x0 + a * self.shape[1] / 2 + b * self.shape[0] / 2)
        r, c = self._fractional(lon, lat)
        guess = [np.nan_to_num(np.clip(np.floor(v), 0, n - 1), nan=0.0, posinf=n - 1).astype(np.int64)
                 for v, n in zip((r, c), self.shape)]
        return self.descend(lon, lat, guess[0], guess[1])

    def near(self, bounds: Bounds) -> tuple[Int, Int]:
        """The rectangle of cells that `bounds` touches, one cell wider."""
        west, south, east, north = bounds
        lon = np.tile(np.linspace(west, east, 9), 9)
        lat = np.repeat(np.linspace(south, north, 9), 9)
        found = [np.empty((2, 0), np.int64)]
        for turn in TURNS if self._geographic else (0.0,):
            r, c = self._fractional(lon + turn, lat)
            r, c = r[np.isfinite(r)], c[np.isfinite(c)]
            if len(r) and len(c):
                (r0, c0), (r1, c1) = (np.floor((f(r), f(c))).astype(int) for f in (np.min, np.max))
                found.append(np.stack(self.rectangle(r0 - 1, r1 + 2, c0 - 1, c1 + 2)))
        each = np.concatenate(found, axis=1)
        return each[0], each[1]

    def ortho(self, start: int, stop: int) -> tuple[Int, Int]:
        """The grid itself."""
        r, c = np.indices((stop - start, self.shape[1]), dtype=np.int64)
        return r + start, c
