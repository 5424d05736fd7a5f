"""Where areas come from: drawn on the map, the selected features of a layer, a file, or pasted text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

from qgis.core import QgsCoordinateTransformContext, QgsGeometry, QgsProject
from qgis.PyQt.QtCore import QObject, pyqtSignal
from qgis.PyQt.QtWidgets import QFileDialog, QInputDialog

from ..adapters.area_files import area_of_file, area_of_text, selected_features
from ..adapters.areas import Areas
from ..adapters.drawn import lonlat_geometry
from ..core.errors import PixelSpectraError
from ..core.progress import Progress
from .map_tool import InspectTool
from .settings import MODES
from .sights import Area
from .tasks import Latest

_FILES = "Areas (*.geojson *.json *.gpkg *.shp *.kml *.csv *.txt);;All files (*)"


class AreaSource(QObject):
    """Gives areas in lon/lat, however the user marks them."""

    marked = pyqtSignal(object, bool)
    """The Area, and whether it is added to what is shown."""
    failed = pyqtSignal(str)
    """Why there is none, in a sentence."""
    told = pyqtSignal(str)
    """A hint on how to go on."""

    def __init__(self, iface: Any, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._iface, self._canvas = iface, iface.mapCanvas()
        self.tool = InspectTool(self._canvas)
        self.tool.drawn.connect(self._drawn)
        self.tool.told.connect(self.told)
        self.reading = Latest(self)
        """The job that reads a file or a layer."""
        self.reading.done.connect(self._read)
        self.reading.failed.connect(self.failed)

    def start(self, mode: str) -> None:
        """Let the user draw in one of MODES, or read what is marked already."""
        if mode in MODES:
            self.tool.set_mode(mode)
            self._canvas.setMapTool(self.tool)
            self._canvas.setFocus()
        else:
            _READ[mode](self)

    def stop(self) -> None:
        """Give the map back to the tool of QGIS."""
        self.reading.cancel()
        self._canvas.unsetMapTool(self.tool)

    def close(self) -> None:
        """Leave nothing behind."""
        self.reading.close()
        self.tool.close()
        self.tool.deleteLater()

    def read_file(self, path: str) -> None:
        """The features of a file."""
        context = _transforms()
        self.reading.start(lambda progress: _area(area_of_file(path, context, progress), path),
                           "Reading the area")

    def read_text(self, text: str) -> None:
        """Pasted WKT, coordinates or GeoJSON."""
        context = _transforms()
        self.reading.start(lambda progress: _area(area_of_text(text, context, progress), "pasted text"),
                           "Reading the area")

    def read_selection(self) -> None:
        """The selected features of the active layer."""
        layer = self._iface.activeLayer()
        try:
            read = selected_features(layer)
        except PixelSpectraError as error:
            self.failed.emit(str(error))
            return
        name, layer_id = layer.name(), layer.id()

        def job(progress: Progress) -> Area:
            return _area(read(progress), name, layer_id)

        self.reading.start(job, "Reading the selected features")

    def _ask_for_file(self) -> None:
        path = QFileDialog.getOpenFileName(self._iface.mainWindow(), "Area from a file", "", _FILES)[0]
        if path:
            self.read_file(path)

    def _ask_for_text(self) -> None:
        text, accepted = QInputDialog.getMultiLineText(
            self._iface.mainWindow(), "Area from text", "WKT, GeoJSON, or longitude, latitude (degrees, WGS 84):")
        if accepted and text.strip():
            self.read_text(text)

    def _drawn(self, geometry: QgsGeometry, add: bool) -> None:
        self.reading.cancel()
        try:
            area = Area((lonlat_geometry(geometry, self._canvas.mapSettings().destinationCrs(), _transforms()),), (0,))
        except PixelSpectraError as error:
            self.failed.emit(str(error))
            return
        self.marked.emit(area, add)

    def _read(self, area: Area) -> None:
        self.marked.emit(area, False)


_READ: dict[str, Callable[[AreaSource], None]] = {
    "selected": AreaSource.read_selection,
    "file": AreaSource._ask_for_file,
    "text": AreaSource._ask_for_text,
}
"""Mode -> how an area that exists is read."""


def _area(areas: Areas, title: str, layer_id: str = "") -> Area:
    return Area(tuple(areas.geometries), tuple(areas.feature_ids), title, layer_id)


def _transforms() -> QgsCoordinateTransformContext:
    return QgsProject.instance().transformContext()
