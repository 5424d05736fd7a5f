"""The footprints of found scenes on the map: a layer that follows the list, and an outline of the one pointed at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from qgis.core import Qgis, QgsFeatureRequest, QgsProject, QgsVectorLayer
from qgis.gui import QgsRubberBand
from qgis.PyQt.QtCore import QObject, QTimer, pyqtSignal
from qgis.PyQt.QtGui import QColor

from ..adapters.footprints import footprint_layer
from ..adapters.scene_layers import extent_in
from ..adapters.search_areas import lonlat_outline
from ..core.archive.scene import Scene
from ..core.errors import OutputError
from .archive_model import Filter

_SOON_MS = 150
"""The map follows a filter that stays so long."""
_COLOUR = "#ffd400"
_MARGIN = 1.1
"""The map shows so many times the extent of footprints that it did not show before."""


class SceneFootprints(QObject):
    """One layer for the last result; a new one takes its place."""

    selected = pyqtSignal(list)
    """Ids of the scenes that were selected on the map."""

    def __init__(self, iface: Any, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._iface, self._canvas, self._project = iface, iface.mapCanvas(), QgsProject.instance()
        self.layer: Optional[QgsVectorLayer] = None
        """The layer, while it is in the project."""
        self._fid_of: dict[str, int] = {}
        self._id_of: dict[int, str] = {}
        self._telling = False
        self._chosen: tuple[str, ...] = ()
        self._filter = Filter()
        self._band: Optional[QgsRubberBand] = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(self._narrow)
        self._project.layersWillBeRemoved.connect(self._leave)

    def show(self, scenes: Sequence[Scene], source: str) -> None:
        """Put the footprints of scenes in the place of those before."""
        self.point_out(None)
        self._soon.stop()
        self._filter, self._chosen = Filter(), ()
        if self.layer is not None:
            self._project.removeMapLayer(self.layer.id())
        if not scenes:
            return
        layer = footprint_layer(scenes, f"Scenes ({source})")
        layer.setCustomProperty("skipMemoryLayersCheck", 1)  # it is found again by a search
        features = layer.getFeatures(QgsFeatureRequest().setFlags(QgsFeatureRequest.Flag.NoGeometry))
        self._id_of = {feature.id(): str(feature["scene_id"]) for feature in features}
        self._fid_of = {key: fid for fid, key in self._id_of.items()}
        layer.selectionChanged.connect(self._picked)
        self.layer = layer
        self._project.addMapLayer(layer, False)
        self._project.layerTreeRoot().insertLayer(0, layer)
        self._bring_into_view(layer)

    def select(self, keys: Sequence[str]) -> None:
        """Select scenes on the map; says nothing."""
        self._chosen = tuple(keys)
        if self.layer is not None:
            self._telling = True
            self.layer.selectByIds([self._fid_of[key] for key in keys if key in self._fid_of])
            self._telling = False

    def narrow(self, wanted: Filter) -> None:
        """Show only the footprints that the list shows, in a moment."""
        self._filter = wanted
        self._soon.start()

    def point_out(self, footprint: Any) -> None:
        """Outline a footprint (shapely, lon/lat); None ends it."""
        if self._band is not None:
            self._canvas.scene().removeItem(self._band)
            self._band = None
        if footprint is None:
            return
        self._band = QgsRubberBand(self._canvas, Qgis.GeometryType.Polygon)
        self._band.setStrokeColor(QColor(_COLOUR))
        self._band.setSecondaryStrokeColor(QColor(0, 0, 0, 200))
        self._band.setFillColor(QColor(255, 212, 0, 40))
        self._band.setWidth(3)
        self._band.setToGeometry(lonlat_outline(footprint, self._canvas.mapSettings().destinationCrs(),
                                                self._project.transformContext()))

    def close(self) -> None:
        """Let go of the layer, which stays in the project."""
        self._soon.stop()
        self._project.layersWillBeRemoved.disconnect(self._leave)
        self.point_out(None)
        self._let_go()

    def _bring_into_view(self, layer: QgsVectorLayer) -> None:
        """The map goes where the footprints are, unless it shows some of them."""
        try:
            extent = extent_in(layer, self._canvas.mapSettings().destinationCrs(), self._project)
        except OutputError:
            return  # that CRS does not reach there; the list has the scenes all the same
        if not extent.intersects(self._canvas.mapSettings().visibleExtent()):
            extent.scale(_MARGIN)
            self._canvas.setExtent(extent)
            self._canvas.refresh()

    def _leave(self, layer_ids: Sequence[str]) -> None:
        if self.layer is not None and self.layer.id() in layer_ids:
            self._let_go()

    def _let_go(self) -> None:
        if self.layer is not None:
            self.layer.selectionChanged.disconnect(self._picked)
        self.layer, self._fid_of, self._id_of = None, {}, {}

    def _picked(self) -> None:
        if not self._telling and self.layer is not None:
            self._chosen = tuple(self._id_of[fid] for fid in self.layer.selectedFeatureIds() if fid in self._id_of)
            self.selected.emit(list(self._chosen))

    def _narrow(self) -> None:
        if self.layer is not None and not self.layer.isEditable():
            self._telling = True
            self.layer.setSubsetString(subset_of(self._filter))
            self._telling = False
            self.select(self._chosen)  # a new subset takes the selection away


def subset_of(wanted: Filter) -> str:
    """A filter as an expression over the fields of a layer of footprints; "" is all.

    >>> subset_of(Filter(None, None, 30.0))
    '("cloud" IS NULL OR "cloud" < 30.0)'
    """
    parts = []
    if wanted.start is not None:
        parts.append(f'epoch("datetime") >= {round(1000 * wanted.start)}')
    if wanted.stop is not None:
        parts.append(f'epoch("datetime") <= {round(1000 * wanted.stop)}')
    if wanted.max_cloud is not None:
        parts.append(f'("cloud" IS NULL OR "cloud" < {wanted.max_cloud})')
    return " AND ".join(parts)
