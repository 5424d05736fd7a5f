"""What is this? The library that is asked, and the references that the spectrum looks like most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ..core.comparison import Match
from .elided import ElidedCombo, wrapped
from .score_tables import MatchTable

_TIP = "The spectra that are compared: the bundled ones, or a library that you added in the list of references"


class MatchPanel(QWidget):
    """A heading with the choice of the library, and the table of matches."""

    match_chosen = pyqtSignal(str)
    """Id of the reference to lay over the plot; "" for none."""
    library_chosen = pyqtSignal(str)
    """Path of the library to ask; "" for the bundled one."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.table = MatchTable()
        self.table.match_chosen.connect(self.match_chosen)
        self._library = ElidedCombo()
        self._library.addItem("Bundled spectra", "")
        self._library.setAccessibleName("Library to match")
        self._library.setToolTip(_TIP)
        self._library.activated.connect(lambda _: self.library_chosen.emit(self.library))
        heading = QLabel("&What is this?")
        heading.setBuddy(self._library)
        font = heading.font()
        font.setBold(True)
        heading.setFont(font)
        row = QHBoxLayout()
        row.addWidget(heading)
        row.addWidget(self._library, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.table)

    @property
    def library(self) -> str:
        """Path of the library that is asked; "" for the bundled one."""
        return str(self._library.currentData())

    def add_library(self, path: str) -> None:
        """Offer a library that was opened."""
        if self._library.findData(path) < 0:
            self._library.addItem(Path(path).name or path, path)
            self._library.setItemData(self._library.count() - 1, wrapped(path), Qt.ItemDataRole.ToolTipRole)

    def show_waiting(self) -> None:
        """The matches are still to come."""
        self.table.show_waiting()

    def show_matches(self, matches: Sequence[Match]) -> None:
        """The references, best first; none is laid over."""
        self.table.show_matches(matches)
