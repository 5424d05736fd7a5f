"""The browse picture of a scene: how large it may be, and where its corners lie on the ground."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..ground import metres_per_degree, near_longitude
from ..optional import require
from .archives import Orbit

Float = npt.NDArray[np.float64]

MOST_BYTES = 8 << 20
"""Larger pictures are not fetched; those of EMIT have 2 to 4 MB."""
MOST_PIXELS = 16_000_000
"""Larger ones are not decoded."""
_ASPECT_DEG = 60.0
"""What a wrong ratio of the sides counts against a wrong heading: degrees per factor e."""


def outline(footprint: Any) -> Float:
    """(4, 2) lon/lat of a footprint, clockwise; longitudes run on over the antimeridian.

    What has more corners than four is taken as the narrowest rectangle around it.
    """
    shapely = require("shapely", "to draw a footprint")
    corners = shapely.get_coordinates(shapely.convex_hull(_joined(shapely, footprint)))[:-1]
    corners = corners if len(corners) == 4 else _narrowest(corners)
    return corners if _area(corners) < 0 else corners[::-1]


def raw_corners(clockwise: Float, orbit: Orbit, shape: Sequence[int]) -> Float:
    """(4, 2) lon/lat of the pixels (0, 0), (0, last), (last, last), (last, 0) of a picture as the sensor saw it.

    Lines follow the flight and columns run to its left, so which corner of the outline comes first is told by the
    heading of the `orbit` at that latitude; where it may go either way, by the ratio of the sides.
    """
    lat = float(np.clip(abs(clockwise[:, 1].mean()), 0.0, orbit.inclination_deg))
    sine = np.cos(np.radians(orbit.inclination_deg)) / np.cos(np.radians(lat))
    ascending = np.degrees(np.arcsin(sine)) - orbit.westing_deg
    east, north = (float(v) for v in metres_per_degree(clockwise[:, 1].mean()))
    misfits = []
    for first in range(4):
        turned = np.roll(clockwise, -first, axis=0)
        down, across = (turned[3] - turned[0]) * (east, north), (turned[1] - turned[0]) * (east, north)
        azimuth = np.degrees(np.arctan2(*down))
        heading = min(_apart(azimuth, ascending), _apart(azimuth, 180.0 - ascending))
        ratio = np.log(np.hypot(*down) / np.hypot(*across)) - np.log(shape[0] / shape[1])
        misfits.append(heading + _ASPECT_DEG * abs(ratio))
    return np.roll(clockwise, -int(np.argmin(misfits)), axis=0)


def box_around(footprint: Any) -> Float:
    """(4, 2) corners of the box around a footprint, from the upper left one clockwise."""
    shapely = require("shapely", "to draw a footprint")
    west, south, east, north = shapely.bounds(_joined(shapely, footprint))
    return np.array([(west, north), (east, north), (east, south), (west, south)])


def within(clockwise: Float, x: Float, y: Float) -> npt.NDArray[np.bool_]:
    """Whether places lie on the right of all edges of a convex outline."""
    after = np.roll(clockwise, -1, axis=0)
    return np.logical_and.reduce([(x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) <= 0
                                  for (x0, y0), (x1, y1) in zip(clockwise, after)])


def continuous(corners: Float) -> Float:
    """Corners whose longitudes run on over the antimeridian, from the first one on."""
    return np.stack((near_longitude(corners[:, 0], corners[0, 0]), corners[:, 1]), axis=1)


def _apart(one: float, other: float) -> float:
    """Degrees between two directions."""
    return float(abs((one - other + 180.0) % 360.0 - 180.0))


def _narrowest(hull: Float) -> Float:
    """(4, 2) corners of the rectangle of least area around (n, 2) corners of a hull, lon/lat; square on the ground."""
    scale = np.array([np.cos(np.radians(hull[:, 1].mean())), 1.0])
    xy = hull * scale
    best, least = xy[:4], np.inf
    for dx, dy in np.roll(xy, -1, axis=0) - xy:
        turn = np.array([(dx, dy), (-dy, dx)]) / (np.hypot(dx, dy) or 1.0)
        (x0, y0), (x1, y1) = (xy @ turn.T).min(axis=0), (xy @ turn.T).max(axis=0)
        if (x1 - x0) * (y1 - y0) < least:
            least = (x1 - x0) * (y1 - y0)
            best = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]) @ turn
    return np.asarray(best / scale)


def _area(ring: Float) -> float:
    """Twice the area within a ring; negative where it runs clockwise."""
    x, y = ring[:, 0] - ring[0, 0], ring[:, 1] - ring[0, 1]
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def _joined(shapely: Any, footprint: Any) -> Any:
    """The footprint in one piece: halves on both sides of the antimeridian are brought together."""
    west, _, east, _ = shapely.bounds(footprint)
    if east - west <= 180.0:
        return footprint
    turned = shapely.transform(footprint, lambda xy: np.stack((xy[:, 0] % 360.0, xy[:, 1]), axis=1))
    return shapely.buffer(shapely.union_all(shapely.get_parts(turned)), 0.0)
