"""What located images share: the nearest centre, footprints and bounds, from the centres of their raw pixels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from .ground import ground_distance, metres_per_degree, near_longitude

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]
Bounds = tuple[float, float, float, float]
"""(lon_min, lat_min, lon_max, lat_max) in degrees."""

TURNS = (-360.0, 0.0, 360.0)
"""A longitude is the same after a turn."""
Within = Callable[[Int, Float, Float, float], npt.NDArray[np.bool_]]
"""(which bounds, lon, lat, metres) -> whether a place is at most so far from what is wanted within these bounds."""


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

    def near_each(self, bounds: Float, within: Optional[Within] = None) -> tuple[Int, Int, Int]:
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
