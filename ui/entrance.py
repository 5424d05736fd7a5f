"""The entrance: buttons, menu entries, and files dropped on the map. The docks are made when they are needed."""

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
from .tasks import wait_for_jobs

if TYPE_CHECKING:
    from .archive_search import ArchiveSearch
    from .candidates import Candidates
    from .inspector import Inspector

MENU = "Pixel Spectra"
_PATIENCE = 3.0
"""Seconds that jobs get to end, which were told to."""
_ICONS = Path(__file__).resolve().parents[1] / "resources"


class Entrance:
    """What the main window holds of the plugin; :meth:`close` undoes the constructor line for line."""

    def __init__(self, iface: Any) -> None:
        self._iface = iface
        self._inspector: Optional[Inspector] = None
        self._candidates: Optional[Candidates] = None
        self._archive: Optional[ArchiveSearch] = None
        self.action = QAction(QIcon(str(_ICONS / "icon.svg")), "Inspect spectra", iface.mainWindow())
        self.action.setObjectName("PixelSpectraInspect")
        self.action.setToolTip("Inspect spectra: click a pixel or draw an area, and compare it with a reference")
        self.action.setCheckable(True)
        self.action.triggered.connect(self._triggered)
        self.candidates_action = QAction(QIcon(str(_ICONS / "candidates.svg")), "Vetted candidates", iface.mainWindow())
        self.candidates_action.setObjectName("PixelSpectraVettedCandidates")
        self.candidates_action.setToolTip("Vetted candidates: sort, judge and export places that were scored")
        self.candidates_action.triggered.connect(lambda: self.candidates().show())
        self.archive_action = QAction(QIcon(str(_ICONS / "search.svg")), "Find scenes", iface.mainWindow())
        self.archive_action.setObjectName("PixelSpectraFindScenes")
        self.archive_action.setToolTip("Find scenes: search the archive for an area, and read spectra over the network")
        self.archive_action.triggered.connect(lambda: self.archive().show())
        for action in self._actions:
            iface.addToolBarIcon(action)
            iface.addPluginToRasterMenu(MENU, action)
        self._drops = GranuleDropHandler(self._open)
        iface.registerCustomDropHandler(self._drops)
        QgsProject.instance().readProject.connect(self._project_read)
        if InspectorSettings.from_plain(load_inspector_settings()).visible:
            self.inspector()

    def close(self) -> None:
        """Leave nothing behind."""
        QgsProject.instance().readProject.disconnect(self._project_read)
        self._iface.unregisterCustomDropHandler(self._drops)
        for action in self._actions:
            self._iface.removePluginRasterMenu(MENU, action)
            self._iface.removeToolBarIcon(action)
            action.deleteLater()
        if self._archive is not None:
            self._archive.close()
            self._archive = None
        if self._candidates is not None:
            self._candidates.close()
            self._candidates = None
        if self._inspector is not None:
            self._inspector.close()
            self._inspector = None
        wait_for_jobs(_PATIENCE)

    def inspector(self) -> Inspector:
        """The inspector, made on first use."""
        if self._inspector is None:
            from .inspector import Inspector  # brings pyqtgraph, which takes a while

            self._inspector = Inspector(self._iface)
            self._inspector.areas.tool.setAction(self.action)  # checked while the tool has the map
            self._inspector.dock.granules.sign_in_asked.connect(self.sign_in)
        return self._inspector

    def candidates(self) -> Candidates:
        """What stands behind the dock of vetted candidates, made on first use."""
        if self._candidates is None:
            from .candidates import Candidates

            self._candidates = Candidates(self._iface, self._inspector_with_granules)
        return self._candidates

    def archive(self) -> ArchiveSearch:
        """What stands behind the dock of the archive, made on first use."""
        if self._archive is None:
            from .archive_search import ArchiveSearch

            self._archive = ArchiveSearch(self._iface, self.inspector, lambda: self._inspector)
        return self._archive

    def sign_in(self) -> None:
        """Show the settings of the sign-in."""
        from .sign_in_dialog import open_sign_in

        open_sign_in(self._iface.mainWindow(), self._signed_in)

    @property
    def _actions(self) -> tuple[QAction, ...]:
        """In the order of the toolbar."""
        return self.archive_action, self.action, self.candidates_action

    def _inspector_with_granules(self) -> Optional[Inspector]:
        """The inspector where it is there or the project has granules; it is not brought up for nothing."""
        self._project_read()
        return self._inspector

    def _signed_in(self) -> None:
        if self._archive is not None:
            self._archive.show_sign_in()

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
