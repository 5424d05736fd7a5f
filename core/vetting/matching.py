"""Which candidates meet which granules: by the bounds of both, so that a far scene costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from ..aoi import MAX_SNAP_PIXELS, OFF_SWATH, pixels_in
from ..errors import AreaError
from ..geolocation import TURNS, Bounds, Geolocation
from ..ground import metres_per_degree
from .candidate import NO_GEOMETRY, Candidate
from .scenes import Scene

_MARGIN_PIXELS = 2 * MAX_SNAP_PIXELS


def footprint(where: Optional[Geolocation]) -> Optional[Bounds]:
    """Bounds of a scene in degrees, with a margin of a few pixels; None where it has no location.

    The outermost pixels tell it; longitudes run on over the antimeridian.
    """
    if where is None:
        return None
    bounds = where.bounds()
    if bounds is None:
        return None
    west, south, east, north = bounds
    per_lon, per_lat = metres_per_degree(max(abs(south), abs(north)))
    margin_m = _MARGIN_PIXELS * where.cell_m()
    return (float(west - margin_m / per_lon), float(south - margin_m / per_lat),
            float(east + margin_m / per_lon), float(north + margin_m / per_lat))


def meeting(bounds: npt.NDArray[np.float64], scene: Optional[Bounds]) -> npt.NDArray[np.intp]:
    """Which of the `bounds` (n, 4; NaN: none) meet those of a scene, from south to north."""
    if scene is None:
        return np.empty(0, np.intp)
    west, south, east, north = bounds.T
    meets = np.zeros(len(bounds), bool)
    for turn in TURNS:
        meets |= (west + turn <= scene[2]) & (east + turn >= scene[0])
    found = np.flatnonzero(meets & (south <= scene[3]) & (north >= scene[1]))
    return found[np.argsort(south[found], kind="stable")]


def why_nowhere(candidate: Candidate, scenes: Sequence[Scene]) -> str:
    """Why a candidate meets no scene, in a sentence."""
    if candidate.problem:
        return candidate.problem
    if candidate.geometry is None or getattr(candidate.geometry, "is_empty", False):
        return NO_GEOMETRY
    if not scenes:
        return "It lies outside all scenes."
    located: Any = [scene.granule for scene in scenes if scene.granule.geolocation is not None]
    if not located:
        return "No granule has a location; candidates need located granules."
    try:
        pixels_in(candidate.geometry, located[0].geolocation, located[0].id)
    except AreaError as error:
        if len(scenes) == 1 or OFF_SWATH not in str(error):
            return str(error)
    return f"It lies outside all {len(scenes)} scenes."
