"""The dock of vetted candidates: puts table, histogram and buttons together; what they do is wired by `candidates`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QDockWidget,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from .elided import ElidedCombo
from .export_menu import Export, ExportMenu
from .verdict_plot import VerdictPanel
from .vetting_table import VettingTable

EXPORTS = (
    Export("csv", "&Table (CSV)…", "Save the table with your verdicts and notes.", (("CSV table", "csv"),)),
    Export("layer", "&Layer (GeoPackage)…", "Save the candidates with their outlines, your verdicts and notes.",
           (("GeoPackage", "gpkg"), ("GeoJSON", "geojson"), ("FlatGeobuf", "fgb"))),
    Export("report", "&Report (HTML)…", "Save counts, histograms, spectra and the table as one file that needs "
           "nothing else. Spectra are drawn of candidates whose granule is open.", (("HTML report", "html"),)),
)
"""The entries of the export menu, in order."""
NO_LAYER = "There is nothing to export yet: vet candidates first."
_HINT = ("The project has no vetted candidates yet. Press 'Vet candidates…' to score places of a layer in the granules "
         "that cover them, or add a layer that was vetted before.")
_PARTS = (7, 3)
"""Widths of the table and of the histogram to each other."""
_HEIGHT = 320
"""Pixels (at 96 dpi) that the dock takes when it is shown for the first time."""


class CandidatesDock(QDockWidget):
    """Which layer, its table and histogram, and a line on the candidate the user is at."""

    layer_chosen = pyqtSignal(str)
    """The user chose the layer of that id."""
    vet_asked = pyqtSignal()
    """The user wants to vet candidates."""
    cancel_asked = pyqtSignal()
    """The user does not want the running export."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__("Pixel Spectra: candidates", parent)
        self.setObjectName("PixelSpectraCandidates")
        self.table, self.verdicts = VettingTable(), VerdictPanel()
        self._layers = ElidedCombo()
        self._layers.setAccessibleName("Layer of vetted candidates")
        self._layers.setToolTip("The layer of vetted candidates that is shown")
        self._layers.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._layers.currentIndexChanged.connect(self._chosen)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        for part, (widget, stretch) in enumerate(zip((self.table, self.verdicts), _PARTS)):
            self.splitter.addWidget(widget)
            self.splitter.setStretchFactor(part, stretch)
        self.splitter.setChildrenCollapsible(False)
        hint = QLabel(_HINT)
        hint.setWordWrap(True)
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        hint.setAccessibleName("What to do")
        self._pages = QStackedWidget()
        self._pages.addWidget(hint)
        self._pages.addWidget(self.splitter)
        self._said = QLabel()
        self._said.setWordWrap(True)
        self._said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._said.setAccessibleName("About the candidate")
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(6, 6, 6, 6)
        column.addLayout(self._head())
        column.addWidget(self._pages, 1)
        column.addWidget(self._said)
        column.addWidget(self._foot())
        self.setWidget(inside)
        self.show_layers((), "")

    def show_layers(self, layers: Sequence[tuple[str, str]], chosen: str) -> None:
        """Offer layers (id, name), of which the one of the id `chosen` is shown; says nothing."""
        self._layers.blockSignals(True)
        self._layers.clear()
        for layer_id, name in layers:
            self._layers.addItem(name, layer_id)
        self._layers.setCurrentIndex(self._layers.findData(chosen))
        self._layers.blockSignals(False)
        self._layers.setEnabled(bool(layers))
        self._pages.setCurrentIndex(int(bool(chosen)))
        self.export.set_available({export.kind for export in EXPORTS} if chosen else set(), NO_LAYER)
        self.export.set_name(self._layers.currentText())

    def say(self, sentence: str) -> None:
        """What is to be known of the candidate the user is at; "" is nothing."""
        self._said.setText(sentence)
        self._said.setVisible(bool(sentence))

    def show_busy(self, busy: bool) -> None:
        """Whether an export is running."""
        self._progress.setVisible(busy)
        self._bar.reset()

    def show_progress(self, fraction: float, message: str) -> None:
        """How far it is."""
        self._bar.setValue(round(100 * fraction))
        self._bar.setFormat(f"{message} %p %" if message else "%p %")

    def take_room(self) -> None:
        """A size at which nothing is cramped; the user may change it."""
        window = self.parentWidget()
        if isinstance(window, QMainWindow):
            window.resizeDocks([self], [_HEIGHT * self.logicalDpiX() // 96], Qt.Orientation.Vertical)
        self.splitter.setSizes([100 * part for part in _PARTS])

    def _head(self) -> QHBoxLayout:
        vet = QPushButton("&Vet candidates…")
        vet.setToolTip("Score places of a layer in the granules that cover them: opens the Processing dialog")
        vet.clicked.connect(self.vet_asked)
        button = QToolButton()
        self.export = ExportMenu(button, EXPORTS)
        button.setText("Export")
        button.setToolTip("Save the candidates as a table, a layer or a report")
        button.setMenu(self.export)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        row = QHBoxLayout()
        row.addWidget(self._layers, 1)
        row.addWidget(vet)
        row.addWidget(button)
        return row

    def _foot(self) -> QWidget:
        self._bar = QProgressBar()
        self._bar.setAccessibleName("Progress")
        self._bar.setRange(0, 100)
        cancel = QPushButton("Cancel")
        cancel.setToolTip("Stop the running export")
        cancel.clicked.connect(self.cancel_asked)
        self._progress = QWidget()
        row = QHBoxLayout(self._progress)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._bar, 1)
        row.addWidget(cancel)
        self._progress.hide()
        return self._progress

    def _chosen(self, index: int) -> None:
        if index >= 0:
            self.layer_chosen.emit(self._layers.itemData(index))
