"""The entrance to the inspector: a button, a menu entry, and files dropped on the map. The rest is made when needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from qgis.core import QgsProject
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QAction

from ..adapters.granules import GRANULE_PROPERTY
from ..adapters.settings import load_inspector_settings
from .canvas_drop import GranuleDropHandler
from .settings import InspectorSettings

if TYPE_CHECKING:
    from .inspector import Inspector

MENU = "Pixel Spectra"
_ICON = Path(__file__).resolve().parents[1] / "resources" / "icon.svg"


class Entrance:
    """What the main window holds of the plugin; :meth:`close` undoes the constructor line for line."""

    def __init__(self, iface: Any) -> None:
        self._iface = iface
        self._inspector: Optional[Inspector] = None
        self.action = QAction(QIcon(str(_ICON)), "Inspect spectra", iface.mainWindow())
        self.action.setObjectName("PixelSpectraInspect")
        self.action.setToolTip("Inspect spectra: click a pixel or draw an area, and compare it with a reference")
        self.action.setCheckable(True)
        self.action.triggered.connect(self._triggered)
        iface.addToolBarIcon(self.action)
        iface.addPluginToRasterMenu(MENU, self.action)
        self._drops = GranuleDropHandler(self._open)
        iface.registerCustomDropHandler(self._drops)
        QgsProject.instance().readProject.connect(self._project_read)
        if InspectorSettings.from_plain(load_inspector_settings()).visible:
            self.inspector()

    def close(self) -> None:
        """Leave nothing behind."""
        QgsProject.instance().readProject.disconnect(self._project_read)
        self._iface.unregisterCustomDropHandler(self._drops)
        self._iface.removePluginRasterMenu(MENU, self.action)
        self._iface.removeToolBarIcon(self.action)
        self.action.deleteLater()
        if self._inspector is not None:
            self._inspector.close()
            self._inspector = None

    def inspector(self) -> Inspector:
        """The inspector, made on first use."""
        if self._inspector is None:
            from .inspector import Inspector  # brings pyqtgraph, which takes a while

            self._inspector = Inspector(self._iface)
            self._inspector.areas.tool.setAction(self.action)  # checked while the tool has the map
        return self._inspector

    def _triggered(self, checked: bool) -> None:
        if checked:
            self.inspector().show()
        else:
            self.inspector().areas.stop()

    def _open(self, path: str) -> None:
        self.inspector().show()
        self.inspector().open(path)

    def _project_read(self) -> None:
        """A project with granules finds them again, also where the dock was not opened yet."""
        layers = QgsProject.instance().mapLayers().values()
        if any(layer.customProperty(GRANULE_PROPERTY) for layer in layers):
            self.inspector()
