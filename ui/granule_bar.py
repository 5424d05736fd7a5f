"""Which granule is asked: open one, choose among those that are open, see its date and companions. Plain Qt."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Optional

from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtGui import QDragEnterEvent, QDropEvent
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from .settings import RECENT_MAX

AUTOMATIC = "Topmost under the click"
"""The entry that chooses no granule."""

_FILTER = "Granules (*.nc *.hdr *.nc4 *.h5);;EMIT netCDF (*.nc);;ENVI header (*.hdr);;All files (*)"
_EMPTY = "No granule is open. Open one, or drop its file here or on the map."


@dataclass(frozen=True)
class SceneRow:
    """One granule in the list."""

    key: str
    """What it is called by the program."""
    name: str
    """What users know it by."""
    when: Optional[datetime] = None
    """Start of the acquisition, UTC; None where unknown."""
    companions: Mapping[str, Optional[str]] = field(default_factory=dict)
    """Product -> path, or None where it was not found; empty for a product that has none."""


class GranuleBar(QWidget):
    """A button with recent files, a list of the open granules, and a line about the one in question."""

    open_asked = pyqtSignal(str)
    """A file that the user wants to see."""
    chosen = pyqtSignal(object)
    """Key of the granule to ask, or None for the topmost under the click."""
    recent_cleared = pyqtSignal()
    """The user wants the recent files forgotten."""
    sign_in_asked = pyqtSignal()
    """The user wants to choose how to sign in to the archive."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._rows: tuple[SceneRow, ...] = ()
        self._active: Optional[str] = None
        self._recent: list[str] = []
        self._button, self._menu = self._open_button(), QMenu(self)
        self._button.setMenu(self._menu)
        self._menu.setToolTipsVisible(True)
        self._menu.aboutToShow.connect(self._fill_menu)
        self._combo = self._scene_combo()
        self._facts = QLabel()
        self._facts.setTextFormat(Qt.TextFormat.PlainText)
        self._facts.setWordWrap(True)
        self._facts.setAccessibleName("About the granule")
        top = QHBoxLayout()
        top.addWidget(self._button)
        top.addWidget(self._combo, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(top)
        column.addWidget(self._facts)
        self.setAcceptDrops(True)
        self.show_scenes([])

    def show_scenes(self, rows: Sequence[SceneRow]) -> None:
        """List the open granules, topmost first; the choice stays while its granule is there."""
        kept = self.chosen_key
        self._rows = tuple(rows)
        self._combo.blockSignals(True)
        self._combo.clear()
        self._combo.addItem(AUTOMATIC, None)
        self._combo.setItemData(0, "Of several granules, the one that lies on top at the clicked place is asked.",
                                Qt.ItemDataRole.ToolTipRole)
        for row in rows:
            self._combo.addItem(_label(row), row.key)
            self._combo.setItemData(self._combo.count() - 1, _facts_tip(row), Qt.ItemDataRole.ToolTipRole)
        self._combo.setCurrentIndex(max(self._combo.findData(kept), 0) if kept is not None else 0)
        self._combo.blockSignals(False)
        self._combo.setEnabled(bool(rows))
        self._show_facts()
        if kept is not None and self.chosen_key is None:
            self.chosen.emit(None)

    def choose(self, key: Optional[str]) -> None:
        """Choose a granule as the user would; None, or one that is not listed, is the topmost under the click."""
        self._combo.setCurrentIndex(0 if key is None else max(self._combo.findData(key), 0))

    def show_active(self, key: Optional[str]) -> None:
        """Tell of this granule while none is chosen: the one last asked."""
        self._active = key
        self._show_facts()

    @property
    def chosen_key(self) -> Optional[str]:
        """The chosen granule; None for the topmost under the click."""
        return self._combo.currentData()

    def set_recent(self, paths: Sequence[str]) -> None:
        """The files of the menu, the last used first."""
        self._recent = list(paths)[:RECENT_MAX]

    def ask_for_file(self) -> None:
        """Show the file dialog."""
        folder = next((os.path.dirname(path) for path in self._recent if os.path.isdir(os.path.dirname(path))), "")
        path, _ = QFileDialog.getOpenFileName(self, "Open granule", folder, _FILTER)
        if path:
            self.open_asked.emit(path)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files."""
        if _files(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open the dropped files."""
        files = _files(event)
        if files:
            event.acceptProposedAction()
        for path in files:
            self.open_asked.emit(path)

    def _open_button(self) -> QToolButton:
        button = QToolButton()
        button.setText("Open granule…")
        button.setToolTip("Open an EMIT netCDF file or an ENVI image; the arrow lists recent files")
        button.setAccessibleName("Open granule")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.clicked.connect(self.ask_for_file)
        return button

    def _scene_combo(self) -> QComboBox:
        combo = QComboBox()
        combo.setAccessibleName("Granule")
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        combo.setMinimumContentsLength(12)
        combo.currentIndexChanged.connect(self._choice_changed)
        return combo

    def _choice_changed(self) -> None:
        self._show_facts()
        self.chosen.emit(self.chosen_key)

    def _fill_menu(self) -> None:
        self._menu.clear()
        for number, path in enumerate(self._recent, start=1):
            there = "://" in path or os.path.exists(path)  # what is in the archive is not asked for here
            name = os.path.basename(path).replace("&", "&&")
            action = self._menu.addAction(f"&{number % 10} {name}" + ("" if there else " (not found)"))
            action.setToolTip(path)
            action.setEnabled(there)
            action.setData(path)
            action.triggered.connect(self._recent_chosen)
        if self._recent:
            self._menu.addSeparator()
            self._menu.addAction("Clear").triggered.connect(self._clear_recent)
        else:
            self._menu.addAction("No recent files").setEnabled(False)
        self._menu.addSeparator()
        sign_in = self._menu.addAction("&Sign in to NASA Earthdata…")
        sign_in.setToolTip("Choose how to sign in, to read granules of the archive by their address")
        sign_in.triggered.connect(lambda: self.sign_in_asked.emit())

    def _recent_chosen(self) -> None:
        self.open_asked.emit(self.sender().data())

    def _clear_recent(self) -> None:
        self._recent = []
        self.recent_cleared.emit()

    def _row_in_question(self) -> Optional[SceneRow]:
        """The chosen granule, else the only one, else the one last asked."""
        keys = {row.key: row for row in self._rows}
        if self.chosen_key is not None:
            return keys.get(self.chosen_key)
        return self._rows[0] if len(self._rows) == 1 else keys.get(self._active or "")

    def _show_facts(self) -> None:
        row = self._row_in_question()
        if row is not None:
            text, tip = _facts_line(row), _facts_tip(row)
        else:
            text, tip = (f"{len(self._rows)} granules are open." if self._rows else _EMPTY), ""
        self._facts.setText(text)
        self._facts.setToolTip(tip)
        chosen = self._combo.itemData(self._combo.currentIndex(), Qt.ItemDataRole.ToolTipRole)
        self._combo.setToolTip(f"The granule that is asked\n{chosen}")


def _label(row: SceneRow) -> str:
    """Names of one mission begin alike: when is what tells them apart."""
    return row.name if row.when is None else f"{row.when:%Y-%m-%d %H:%M:%S} · {row.name}"


def _facts_line(row: SceneRow) -> str:
    """When, and which companions there are; breaks between them only."""
    known = [f"{product} ✓" if path else f"{product} — not found" for product, path in row.companions.items()]
    return "   ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in (_when(row), *known))


def _facts_tip(row: SceneRow) -> str:
    """The same with the name and whole paths."""
    known = [f"{product}: {path or 'not found beside the granule'}" for product, path in row.companions.items()]
    return "\n".join([row.name, _when(row), *known])


def _when(row: SceneRow) -> str:
    return "Date unknown" if row.when is None else f"{row.when:%Y-%m-%d %H:%M:%S} UTC"


def _files(event: QDropEvent) -> list[str]:
    return [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
