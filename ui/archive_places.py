"""Where scenes are searched: offers the areas there are, lets one be drawn, and gives the one chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Optional

from qgis.core import Qgis, QgsGeometry, QgsProject, QgsVectorLayer
from qgis.gui import QgsMapCanvas, QgsMapTool, QgsRubberBand
from qgis.PyQt.QtCore import QObject, pyqtSignal
from qgis.PyQt.QtGui import QColor

from ..adapters.drawn import lonlat_geometry
from ..adapters.footprints import is_footprints
from ..adapters.search_areas import Reader, extent_area, joined, layer_area, lonlat_outline, searchable
from ..core.errors import AreaError, PixelSpectraError
from .archive_form import DRAWN, EXTENT, SHOWN, AreaChoice
from .map_tool import InspectTool

_LAYER, _SELECTED = "layer:", "selected:"
_COLOUR = "#1a6fdf"


class SearchPlaces(QObject):
    """The areas of one map canvas and its project."""

    drawn = pyqtSignal()
    """The user drew an area."""
    failed = pyqtSignal(str)
    """Why the drawing is none, in a sentence."""
    told = pyqtSignal(str)
    """A hint on how to go on drawing."""

    def __init__(self, canvas: QgsMapCanvas, shown: Callable[[], Sequence[Any]], parent: Optional[QObject] = None
                 ) -> None:
        """`shown` gives the shapely geometries of what the inspector shows, lon/lat."""
        super().__init__(parent)
        self._canvas, self._shown = canvas, shown
        self._project = QgsProject.instance()
        self._area: Any = None
        self._before: Optional[QgsMapTool] = None
        self._band: Optional[QgsRubberBand] = None
        self._visible = True
        self.tool = InspectTool(canvas)
        self.tool.set_mode("polygon")
        self.tool.drawn.connect(self._take)
        self.tool.told.connect(self.told)
        canvas.destinationCrsChanged.connect(self._show)

    def choices(self) -> list[AreaChoice]:
        """The areas there are now."""
        found = [AreaChoice(EXTENT, "Map extent", "What the map shows now, as a box")]
        if self._area is not None:
            found.append(AreaChoice(DRAWN, "Drawn area", "The area that you drew for the search"))
        if self._shown():
            found.append(AreaChoice(SHOWN, "Places in the inspector", "The pixels and areas that the inspector shows"))
        layers = [layer for layer in self._project.mapLayers().values() if searchable(layer)
                  and not is_footprints(layer)]
        for layer in sorted(layers, key=lambda layer: layer.name().lower()):
            n = layer.selectedFeatureCount()
            if n:
                found.append(AreaChoice(f"{_SELECTED}{layer.id()}", f"{layer.name()}: {n} selected",
                                        "The selected features of the layer"))
            found.append(AreaChoice(f"{_LAYER}{layer.id()}", layer.name(), "All features of the layer"))
        return found

    def reader(self, key: str) -> Reader:
        """What gives the area, in any thread; raises AreaError where it is not there any more."""
        fixed: dict[str, Callable[[], Any]] = {EXTENT: self._extent, DRAWN: lambda: self._area,
                                               SHOWN: lambda: joined(self._shown(), "The inspector")}
        if key in fixed:
            area = fixed[key]()
            if area is None:
                raise AreaError("No area is drawn; draw one, or choose another area.")
            return lambda progress: area
        kind, _, layer_id = key.partition(":")
        layer = self._project.mapLayer(layer_id)
        if not isinstance(layer, QgsVectorLayer):
            raise AreaError("The layer of the area is not there any more; choose another area.")
        return layer_area(layer, selected=f"{kind}:" == _SELECTED)

    def draw(self) -> None:
        """Let the user draw a polygon; then the map has its tool back."""
        if not self._canvas.isVisible():  # QGIS shows its welcome page
            self.failed.emit("There is no map to draw on yet; begin a project (Project > New), or add a layer.")
            return
        if self._canvas.mapTool() is not self.tool:
            self._before = self._canvas.mapTool()
        self._canvas.setMapTool(self.tool)
        self.told.emit("Click the corners of the area on the map; finish with a right click or a double click.")

    def set_visible(self, visible: bool) -> None:
        """Whether the drawn area is on the map."""
        self._visible = visible
        self._show()

    def close(self) -> None:
        """Leave nothing behind."""
        self._canvas.destinationCrsChanged.disconnect(self._show)
        self._area = None
        self._show()
        self.tool.close()
        self.tool.deleteLater()

    def _extent(self) -> Any:
        settings = self._canvas.mapSettings()
        return extent_area(settings.visibleExtent(), settings.destinationCrs(), self._project.transformContext())

    def _take(self, geometry: QgsGeometry, _adds: bool) -> None:
        try:
            self._area = lonlat_geometry(geometry, self._canvas.mapSettings().destinationCrs(),
                                         self._project.transformContext())
        except PixelSpectraError as error:
            self.failed.emit(str(error))
            return
        before, self._before = self._before, None
        if before is not None:
            self._canvas.setMapTool(before)
        else:
            self._canvas.unsetMapTool(self.tool)
        self._show()
        self.drawn.emit()

    def _show(self) -> None:
        """The drawn area, as an outline."""
        if self._band is not None:
            self._canvas.scene().removeItem(self._band)
            self._band = None
        if self._area is None or not self._visible:
            return
        self._band = QgsRubberBand(self._canvas, Qgis.GeometryType.Polygon)
        self._band.setStrokeColor(QColor(_COLOUR))
        self._band.setSecondaryStrokeColor(QColor(255, 255, 255, 210))
        self._band.setFillColor(QColor(0, 0, 0, 0))
        self._band.setWidth(2)
        self._band.setToGeometry(lonlat_outline(self._area, self._canvas.mapSettings().destinationCrs(),
                                                self._project.transformContext()))
