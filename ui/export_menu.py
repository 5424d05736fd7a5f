"""The menu by which results leave the inspector. It asks for a file name where one is needed, and writes nothing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtGui import QAction
from qgis.PyQt.QtWidgets import QApplication, QFileDialog, QMenu, QWidget

NOTHING_YET = "There is nothing to export yet: inspect a pixel or an area first."
_LONGEST = 80
"""Characters of a proposed name; some file systems take few more once a folder and an ending are added."""
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
"""Names that Windows keeps for devices."""


@dataclass(frozen=True)
class Export:
    """One entry of the menu."""

    kind: str
    """What it is called by the program."""
    text: str
    """What the user reads; & marks the key."""
    tip: str
    """What it does, in a sentence."""
    filters: tuple[tuple[str, str], ...] = ()
    """(name of the format, its ending) for the file dialog; none where no file is asked for."""


EXPORTS = (
    Export("png", "Picture (&PNG)…", "Save the plot in front as a picture.", (("PNG picture", "png"),)),
    Export("svg", "Picture (&SVG)…", "Save the spectrum as a drawing that stays sharp at any size.",
           (("SVG drawing", "svg"),)),
    Export("csv", "&Table (CSV)…", "Save one row per pixel: place, score, bands used, spectrum.",
           (("CSV table", "csv"),)),
    Export("layer", "&Layer (GeoPackage)…", "Save one point per pixel, as the Processing algorithms write it.",
           (("GeoPackage", "gpkg"), ("GeoJSON", "geojson"), ("FlatGeobuf", "fgb"))),
    Export("memory", "Te&mporary layer", "Add one point per pixel to the project; it is lost when QGIS closes."),
    Export("values", "Copy &values", "Copy the spectra as a table for a spreadsheet."),
    Export("python", "Copy as P&ython command", "Copy a Processing command for QGIS' Python console that gives the "
           "same table."),
    Export("qgis_process", "Copy as &qgis_process command", "Copy a command for a terminal that gives the same table."),
)
"""The entries, in order."""
_RULES_BEFORE = ("csv", "values")
"""Entries that begin a new group."""


class ExportMenu(QMenu):
    """What can be exported; the file dialog opens beside the window and blocks nothing else."""

    asked = pyqtSignal(str, str)
    """The kind, and the path that the user gave; "" where no file is asked for."""

    def __init__(self, parent: Optional[QWidget] = None, exports: Sequence[Export] = EXPORTS) -> None:
        super().__init__("Export", parent)
        self._exports = tuple(exports)
        self.setToolTipsVisible(True)
        self.setAccessibleName("Export")
        self.folder = str(Path.home())
        """Where the file dialog opens; after a file was named, its folder."""
        self._name = default_name("")
        self._actions: dict[str, QAction] = {}
        self._dialog: Optional[QFileDialog] = None  # without a window to belong to, nothing else would keep it
        for export in self._exports:
            if export.kind in _RULES_BEFORE:
                self.addSeparator()
            action = self.addAction(export.text)
            action.setObjectName(f"export_{export.kind}")
            action.triggered.connect(lambda _checked=False, export=export: self._chosen(export))
            self._actions[export.kind] = action
        self.set_available(set())

    def set_available(self, kinds: Set[str], why: str = NOTHING_YET) -> None:
        """Enable the entries `kinds` and grey the others, whose tooltips say `why`."""
        for export in self._exports:
            action = self._actions[export.kind]
            action.setEnabled(export.kind in kinds)
            action.setToolTip(export.tip if export.kind in kinds else why)
            action.setStatusTip(action.toolTip())

    def set_name(self, text: str) -> None:
        """Propose a file name made of `text`: the granule, the area."""
        self._name = default_name(text)

    def _chosen(self, export: Export) -> None:
        if export.filters:
            self._ask_path(export)
        else:
            self.asked.emit(export.kind, "")

    def _ask_path(self, export: Export) -> None:
        """Open a dialog that adds the ending and asks before it takes the name of a file that exists."""
        parent = self.parentWidget()
        dialog = QFileDialog(parent or QApplication.activeWindow(), self._title(export), self.folder)
        dialog.setObjectName("export_file")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setFileMode(QFileDialog.FileMode.AnyFile)
        endings = {f"{name} (*.{ending})": ending for name, ending in export.filters}
        dialog.setNameFilters(list(endings))
        dialog.setDefaultSuffix(export.filters[0][1])
        dialog.filterSelected.connect(lambda chosen: dialog.setDefaultSuffix(endings[chosen]))
        dialog.fileSelected.connect(lambda path: self._named(export, path))
        dialog.selectFile(self._name)
        self._dialog = dialog
        dialog.open()

    def _title(self, export: Export) -> str:
        return "Export: " + export.text.replace("&", "").rstrip("…")

    def _named(self, export: Export, path: str) -> None:
        self.folder = str(Path(path).parent)
        self.asked.emit(export.kind, path)


def default_name(text: str) -> str:
    """A file name without ending that every system takes, made of `text`.

    >>> default_name("EMIT 2024-05-01 / Ω: kaolinite?")
    'EMIT_2024-05-01_Ω_kaolinite'
    """
    plain = re.sub(r"[^\w-]+", "_", unicodedata.normalize("NFC", text))
    plain = re.sub(r"_{2,}", "_", plain).strip("_-")[:_LONGEST].rstrip("_-")
    return f"_{plain}" if _DEVICES.match(plain) else plain or "spectra"
