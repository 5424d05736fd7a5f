"""Granules dropped on the map: opened by the inspector; every other file is left to QGIS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qgis.gui import QgsCustomDropHandler

from ..adapters.settings import apply_settings
from ..core.errors import PixelSpectraError
from ..core.io.bytesource import FileSource
from ..core.io.hdf5 import is_hdf5
from ..core.sensors import open_granule
from ..core.sensors.envi import is_envi
from .opening import granule_meant

_OTHER_RASTERS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""A GeoTIFF may have an ENVI header beside it; it is one for QGIS all the same."""


class GranuleDropHandler(QgsCustomDropHandler):
    """For `iface.registerCustomDropHandler`. QGIS asks it, file by file, after a drop on the map or the layer tree.

    The map passes a drop of files on to the main window; that calls `handleFileDrop` of each handler before it opens
    a file itself, a moment after the drop is over, in the GUI thread.
    """

    def __init__(self, open_scene: Callable[[str], None]) -> None:
        """`open_scene` is given the path of each granule."""
        super().__init__()
        self._open = open_scene

    def handleFileDrop(self, file: str) -> bool:
        """Open `file` if it is a granule, or the granule whose companion it is; False leaves it to QGIS."""
        granule = granule_meant(file)
        if not is_granule(granule):
            return False
        self._open(granule)
        return True


def is_granule(path: str) -> bool:
    """Whether a file is a granule of a known sensor, by its content; reads its header alone."""
    try:
        source = FileSource(Path(path))
        start = source.read_ranges([(0, min(4, source.size))])[0]
        if start in _OTHER_RASTERS or not (is_hdf5(source) or is_envi(source)):
            return False
        apply_settings()
        open_granule(path)
    except PixelSpectraError:
        return False
    return True
