"""The table of vetted candidates: sorted, filtered, and judged with three keys. Plain Qt; it knows no layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from qgis.PyQt.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, Qt, pyqtSignal
from qgis.PyQt.QtGui import QKeyEvent
from qgis.PyQt.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from .axes import count_text
from .vetting_model import JUDGED, NOTE, VettingModel

VERDICTS = ("accept", "doubtful", "reject", "none")
"""What the column `verdict` holds."""
KEYS: dict[int, str] = {Qt.Key.Key_A: "accept", Qt.Key.Key_D: "doubtful", Qt.Key.Key_R: "reject"}
"""Key -> the verdict it gives to the selected rows."""
_ANY = "all verdicts"
_LOOKED_AT = 100
"""Rows that the width of a column is found from."""
_WIDEST = 36
"""Characters of the widest column."""


class VettingTable(QWidget):
    """A filter, the table, and the person's verdict on the selected rows: A accept, D doubtful, R reject."""

    chosen = pyqtSignal(int)
    """The row, as given, that the user went to."""
    picked = pyqtSignal()
    """Other rows are selected."""
    judged = pyqtSignal(list, str)
    """Rows, as given, and the verdict of the person; "" takes it back."""
    noted = pyqtSignal(int, str)
    """A row and the note to it."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.model, self.view = VettingModel(self), _Table()
        self.view.setModel(self.model)
        self.view.judged.connect(self.judge)
        self.view.selectionModel().currentRowChanged.connect(self._went)
        self.view.selectionModel().selectionChanged.connect(lambda: self.picked.emit())
        self.model.modelReset.connect(self._count)
        self._filter, self._verdict, self._note = QLineEdit(), QComboBox(), QLineEdit()
        self._counted = QLabel()
        self._noting = -1
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._filters())
        column.addWidget(self.view, 1)
        column.addLayout(self._judgement())
        self._count()

    def show_columns(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Replace all rows; they are ordered and filtered as those before. Call :meth:`finish_note` before."""
        self._noting = -1
        self.model.show_columns(columns)
        header = self.view.horizontalHeader()
        self.model.sort(header.sortIndicatorSection(), header.sortIndicatorOrder())
        self.view.fit_columns()
        self._show_note()

    def judge(self, verdict: str) -> None:
        """Give the selected rows the person's verdict, and go on to the next row."""
        self.finish_note()
        rows = self.selected
        if not rows:
            return
        for row in rows:
            self.model.change(row, JUDGED, verdict or None)
        self.judged.emit(rows, verdict)
        last = max(self.model.place_of(row) for row in rows)
        if len(rows) == 1 and last + 1 < self.model.rowCount():
            self.view.selectRow(last + 1)

    def go_to(self, row: int) -> None:
        """Select a row, as given, if it is shown."""
        place = self.model.place_of(row)
        if place >= 0:
            self.view.selectRow(place)
            self.view.scrollTo(self.model.index(place, 0))

    def select(self, rows: Sequence[int]) -> None:
        """Select rows, as given, as far as they are shown, and go to the first of them."""
        places = self.model.places_of(rows)
        if not places:
            return
        chosen = QItemSelection()
        ends = [i for i, place in enumerate(places) if places[i + 1:i + 2] != [place + 1]]
        for first, last in zip([0, *(end + 1 for end in ends)], ends):
            chosen.select(self.model.index(places[first], 0),
                          self.model.index(places[last], self.model.columnCount() - 1))
        kinds = QItemSelectionModel.SelectionFlag
        selection = self.view.selectionModel()
        selection.select(chosen, kinds.ClearAndSelect)
        selection.setCurrentIndex(self.model.index(places[0], 0), kinds.NoUpdate)
        self.view.scrollTo(self.model.index(places[0], 0))

    @property
    def row(self) -> int:
        """The row, as given, that the user is at; -1 for none."""
        return self.model.row_of(self.view.currentIndex())

    @property
    def selected(self) -> list[int]:
        """The selected rows, as given."""
        return [self.model.row_of(index) for index in self.view.selectionModel().selectedRows()]

    def _filters(self) -> QHBoxLayout:
        self._filter.setPlaceholderText("Filter: words in any column")
        self._filter.setAccessibleName("Filter")
        self._filter.setClearButtonEnabled(True)
        self._filter.textChanged.connect(self.narrow)
        self._verdict.setAccessibleName("Verdict")
        self._verdict.addItem(_ANY, "")
        for verdict in VERDICTS:
            self._verdict.addItem(verdict, verdict)
        self._verdict.setToolTip("Show only candidates of this verdict; yours counts before the computed one")
        self._verdict.currentIndexChanged.connect(self.narrow)
        row = QHBoxLayout()
        for widget in (self._filter, self._verdict, self._counted):
            row.addWidget(widget)
        row.setStretch(0, 1)
        return row

    def _judgement(self) -> QHBoxLayout:
        row = QHBoxLayout()
        for key, verdict in KEYS.items():
            button = QToolButton()
            button.setText(f"{verdict.capitalize()} ({chr(key)})")
            button.setToolTip(f"Your verdict on the selected rows: {verdict} (key {chr(key)} in the table)")
            button.clicked.connect(lambda _=False, verdict=verdict: self.judge(verdict))
            row.addWidget(button)
        back = QToolButton()
        back.setText("Take back")
        back.setToolTip("Take your verdict on the selected rows back (key Delete in the table)")
        back.clicked.connect(lambda: self.judge(""))
        self._note.setPlaceholderText("Note on this candidate")
        self._note.setAccessibleName("Note")
        self._note.editingFinished.connect(self.finish_note)
        row.addWidget(back)
        row.addWidget(self._note, 1)
        return row

    def narrow(self) -> None:
        """Filter again; the user stays where they are."""
        self.finish_note()
        row = self.row
        self.model.set_filter(self._filter.text(), self._verdict.currentData())
        self.go_to(row)
        self._show_note()

    def finish_note(self) -> None:
        """Keep the note as it is typed so far, with the row that it was typed for."""
        row = self._noting
        if row < 0:
            self._note.clear()
        elif self._note.text() != str(self.model.value(row, NOTE) or ""):
            self.model.change(row, NOTE, self._note.text() or None)
            self.noted.emit(row, self._note.text())

    def _count(self) -> None:
        shown, n = self.model.rowCount(), self.model.n
        self._counted.setText(count_text(n) if shown == n else f"{count_text(shown)} of {count_text(n)}")

    def _went(self, current: QModelIndex) -> None:
        self.finish_note()
        self._show_note()
        if self._noting >= 0:
            self.chosen.emit(self._noting)

    def _show_note(self) -> None:
        """The note of the row that the user is at."""
        self._noting = self.row
        self._note.setText("" if self._noting < 0 else str(self.model.value(self._noting, NOTE) or ""))


class _Table(QTableView):
    """Keys that judge; rows as the unit of selection."""

    judged = pyqtSignal(str)
    """The verdict of the key that was pressed."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Candidates")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setSortingEnabled(True)
        self.setAlternatingRowColors(True)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(round(1.6 * self.fontMetrics().height()))
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.horizontalHeader().setResizeContentsPrecision(_LOOKED_AT)

    def fit_columns(self) -> None:
        """Wide enough for what is in them, but no column takes all the room."""
        most = _WIDEST * self.fontMetrics().averageCharWidth()
        for column in range(self.model().columnCount()):
            wide = max(self.sizeHintForColumn(column), self.horizontalHeader().sectionSizeHint(column))
            self.setColumnWidth(column, min(wide + 8, most))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """A, D, R and Delete; the others as in any table."""
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        if plain and event.key() in KEYS:
            self.judged.emit(KEYS[event.key()])
        elif plain and event.key() == Qt.Key.Key_Delete:
            self.judged.emit("")
        else:
            super().keyPressEvent(event)
