"""What stands for a granule of the archive on the map: its footprint at once, its browse picture when it is fetched."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from ..core.archive.archives import ARCHIVES
from ..core.archive.browse import outline, raw_corners
from ..core.archive.scene import Scene as Listed
from ..core.errors import GranuleError
from ..core.optional import require
from ..core.sensors import Granule
from .archive_client import anonymous_client
from .browse import fetch_picture, picture_name, place_footprint, place_picture
from .scene_layers import pictures_folder, prune

_FULL, _QUICK = "1", "4"
"""As pictures of local granules are called, by their stride."""


def kept_picture(url: str) -> Optional[Path]:
    """The finest picture of the granule at `url` that was made already, marked as used; None where there is none."""
    for path in (_path(url, _FULL), _path(url, _QUICK)):
        if path.is_file():
            with suppress(OSError):
                os.utime(path)
            return path
    return None


def outline_picture(granule: Granule, footprint: Any, final: bool) -> Path:
    """Make the footprint of a remote granule, that of its own corners where `footprint` is None; the only one if
    `final`.

    Raises GranuleError where there is no location, OutputError where it cannot be written.
    """
    if footprint is None:
        shapely = require("shapely", "to draw a footprint")
        footprint = shapely.polygons(corners_of(granule))
    path = _path(granule.source.path, _FULL if final else _QUICK)
    place_footprint(footprint, path)
    return path


def browse_picture(granule: Granule, footprint: Any, browse_url: str) -> Path:
    """Fetch the browse picture of a granule and place it by the true corners of the granule.

    Raises ArchiveError where it cannot be had. Not for the GUI thread.
    """
    with anonymous_client(browse_url) as client:
        data = fetch_picture(browse_url, client)
    path = _path(granule.source.path, _FULL)
    corners = corners_of(granule)
    shapely = require("shapely", "to place a picture")
    place_picture(data, shapely.polygons(corners) if footprint is None else footprint, path, lambda _: corners)
    prune(path.parent)
    return path


def browse_alone(listed: Listed) -> Path:
    """The browse picture of a scene that is not opened, placed by its footprint; made once."""
    path = pictures_folder() / picture_name(listed.browse_url, _FULL)
    if not path.is_file():
        with anonymous_client(listed.browse_url) as client:
            data = fetch_picture(listed.browse_url, client)
        corners = partial(raw_corners, outline(listed.footprint), ARCHIVES[listed.sensor].orbit)
        place_picture(data, listed.footprint, path, corners)
        prune(path.parent)
    return path


def corners_of(granule: Granule) -> npt.NDArray[np.float64]:
    """(4, 2) lon/lat of the outer corners of the pixels (0, 0), (0, last), (last, last), (last, 0)."""
    if granule.geolocation is None:
        raise GranuleError(f"'{granule.id}' has no location, so nothing of it can be laid on the map.")
    rows, columns = granule.shape
    r, c = np.array([0, 0, rows - 1, rows - 1]), np.array([0, columns - 1, columns - 1, 0])
    found = granule.geolocation.footprints(r, c)[np.arange(4), np.arange(4)]
    if not np.isfinite(found).all():
        raise GranuleError(f"'{granule.id}' has corners without a location, so nothing of it can be laid on the map.")
    return np.asarray(found, np.float64)


def _path(url: str, kind: str) -> Path:
    return pictures_folder() / picture_name(url, kind)
