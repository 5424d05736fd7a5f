"""Measures on the ground: degrees to metres, distances, longitudes that wrap."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]

_SEMI_MAJOR_M = 6378137.0
_ECCENTRICITY_2 = 0.0066943799901413165


def metres_per_degree(lat: Any) -> tuple[Float, Float]:
    """Length of one degree of longitude and of latitude at `lat`, metres (WGS 84)."""
    phi = np.radians(np.asarray(lat, np.float64))
    w2 = 1.0 - _ECCENTRICITY_2 * np.sin(phi) ** 2
    east = _SEMI_MAJOR_M / np.sqrt(w2) * np.cos(phi)
    north = _SEMI_MAJOR_M * (1.0 - _ECCENTRICITY_2) / w2**1.5
    return np.radians(east), np.radians(north)


def ground_distance(lon1: Any, lat1: Any, lon2: Any, lat2: Any) -> Float:
    """Metres between points; exact to 1e-6 over tens of km, a rough figure beyond some 500 km."""
    d_lon = (np.asarray(lon2) - lon1 + 180.0) % 360.0 - 180.0
    d_lat = np.asarray(lat2) - lat1
    east, north = metres_per_degree((np.asarray(lat1) + lat2) / 2.0)
    return np.asarray(np.hypot(d_lon * east, d_lat * north))


def near_longitude(lon: Any, reference: Any) -> Float:
    """`lon` shifted by whole turns to lie within 180 degrees of `reference`."""
    lon = np.asarray(lon, np.float64)
    return np.asarray(reference + (lon - reference + 180.0) % 360.0 - 180.0)
