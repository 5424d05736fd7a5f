"""Of scenes that tell where they are, such as those of a search, only those near a candidate are opened."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from .matching import meeting
from .offered import Offered

_MARGIN_DEG = 0.05
"""Footprints of an archive are a few straight lines around the swath."""


def within_reach(granules: Any, bounds: npt.NDArray[np.float64]) -> tuple[list[Any], Optional[str]]:
    """`granules` (any that vet() takes) without the offered ones that are far; and what is said of these, or of none.

    A scene is far where its footprint is away from all `bounds` (n, 4; NaN: none).
    """
    single = not isinstance(granules, Iterable) or isinstance(granules, (str, bytes, Offered))
    given = [granules] if single else list(granules)
    if not given:
        return [], "There is no scene to look into."
    near: list[Any] = []
    n_offered = n_far = 0
    for one in given:
        if not isinstance(one, Offered):
            near.append(one)
            continue
        n_offered += 1
        if len(reached(one.footprint, bounds)):
            near.append(one)
        else:
            n_far += 1
    return near, (f"{n_far} of {n_offered} scenes are far from every candidate and were not opened." if n_far else None)


def reached(footprint: Any, bounds: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Which of `bounds` are near a footprint; all where it is unknown (None)."""
    if footprint is None:
        return np.arange(len(bounds))
    near = []
    for part in getattr(footprint, "geoms", [footprint]):
        west, south, east, north = part.bounds
        scene = (west - _MARGIN_DEG, south - _MARGIN_DEG, east + _MARGIN_DEG, north + _MARGIN_DEG)
        near.append(meeting(bounds, scene))
    return np.unique(np.concatenate([np.empty(0, np.intp), *near]))
