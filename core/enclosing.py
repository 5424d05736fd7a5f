"""Which pixel centres polygons enclose: many polygons at once, so that a thousand small ones cost little more than one.

All functions take the module shapely, which is optional.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .geolocation import Float, Geolocation, Int
from .ground import metres_per_degree, near_longitude

_BLOCK = 50_000
"""Points looked up in polygons at once."""


class Centres(NamedTuple):
    """Raw pixels and where their centres lie."""

    downtrack: Int
    """(n,) 0-based line."""
    crosstrack: Int
    """(n,) 0-based sample."""
    lon: Float
    """(n,) degrees."""
    lat: Float
    """(n,) degrees."""


def enclosed(shapely: Any, polygons: Sequence[Any], where: Geolocation) -> list[Centres]:
    """The pixels whose centre each polygon (lon/lat, not empty) encloses, holes respected, in raster order."""
    outlines = np.array(polygons, dtype=object)
    bounds = shapely.bounds(outlines)

    def within(owner: Int, lon: Float, lat: Float, metres: float) -> npt.NDArray[np.bool_]:
        east, north = metres_per_degree(float(np.abs(lat).max()))
        wider = shapely.buffer(outlines, metres / min(float(east), float(north)), quad_segs=2)
        middle = (bounds[owner, 0] + bounds[owner, 2]) / 2
        return _inside(shapely, wider, owner, near_longitude(lon, middle), lat)

    owner, r, c = where.near_each(bounds, within)
    lon, lat = where.lonlat(r, c)
    west, south, east, north = bounds[owner].T
    x = near_longitude(lon, (west + east) / 2)
    box = (x >= west) & (x <= east) & (lat >= south) & (lat <= north)
    owner, r, c, lon, lat, x = owner[box], r[box], c[box], lon[box], lat[box], x[box]
    inside = _inside(shapely, outlines, owner, x, lat)
    owner, r, c, lon, lat = owner[inside], r[inside], c[inside], lon[inside], lat[inside]
    edges = np.searchsorted(owner, np.arange(len(outlines) + 1)).tolist()
    return [Centres(r[a:b], c[a:b], lon[a:b], lat[a:b]) for a, b in zip(edges[:-1], edges[1:])]


def _inside(shapely: Any, outlines: npt.NDArray[Any], owner: Int, x: Float, y: Float) -> npt.NDArray[np.bool_]:
    """Whether the polygon of each point encloses it.

    Through point objects, not `contains_xy`: QGIS 3.40 on Linux imports shapely so that it runs on QGIS' older
    GEOS, where the functions that GEOS 3.12 brought crash the program.
    """
    shapely.prepare(outlines)
    inside = np.zeros(len(x), bool)
    for start in range(0, len(x), _BLOCK):
        block = slice(start, start + _BLOCK)
        inside[block] = shapely.contains(outlines[owner[block]], shapely.points(x[block], y[block]))
    return inside
