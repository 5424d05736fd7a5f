"""The table of vetted candidates: sorted, filtered, and judged with three keys. Plain Qt; it knows no layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

import numpy as np
import numpy.typing as npt
from qgis.PyQt.QtCore import QAbstractTableModel, QItemSelection, QItemSelectionModel, QModelIndex, Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor, QFont, QKeyEvent
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
from .theme import BAD, GOOD

JUDGED, NOTE = "human_verdict", "note"
"""The columns that a person fills."""
VERDICTS = ("accept", "doubtful", "reject", "none")
"""What the column `verdict` holds."""
HEADINGS: dict[str, str] = {
    "rank": "Rank", "candidate_id": "Candidate", "verdict": "Verdict", JUDGED: "Your verdict",
    "background_percentile": "Percentile", "score": "Score", "sigma": "σ", "score_best": "Best", "n_valid": "Valid",
    "n_pixels": "Pixels", "column_percentile": "Columns", "best_other": "Best other", "margin": "Margin",
    "scene_id": "Scene", "datetime": "Time (UTC)", NOTE: "Note", "reason": "Reason",
}
"""Column -> heading, in the order of the table; other columns are not shown."""
KEYS: dict[int, str] = {Qt.Key.Key_A: "accept", Qt.Key.Key_D: "doubtful", Qt.Key.Key_R: "reject"}
"""Key -> the verdict it gives to the selected rows."""
_COLOURS = {"accept": GOOD, "reject": BAD}
_ANY = "all verdicts"
_LOOKED_AT = 100
"""Rows that the width of a column is found from."""
_WIDEST = 36
"""Characters of the widest column."""


class VettingModel(QAbstractTableModel):
    """Columns of equal length; which rows are shown in which order is one array, so that 10 000 rows are nothing."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._columns: dict[str, list[Any]] = {}
        self._names: list[str] = []
        self._order = np.empty(0, np.int64)
        self._shown = np.empty(0, np.int64)
        self._words: Optional[list[str]] = None
        self._filter = ("", "")

    def show_columns(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Replace all rows; lists of plain values, None where there is none."""
        self.beginResetModel()
        self._columns = {name: list(values) for name, values in columns.items()}
        self._names = [name for name in HEADINGS if name in self._columns]
        self._words = None
        self._order = np.arange(self.n)
        self._apply()
        self.endResetModel()

    def set_filter(self, text: str, verdict: str) -> None:
        """Show rows that hold every word of `text` and have that verdict, the person's first; "" is any."""
        self._filter = (text, verdict)
        self.beginResetModel()
        self._apply()
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order the rows by a column; what has no value comes last, whichever way."""
        if not 0 <= column < len(self._names):
            return
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        rows = [self.row_of(index) for index in before]
        self._order = _sorted(self._columns[self._names[column]], order == Qt.SortOrder.DescendingOrder)
        self._apply()
        after = [self.index(self.place_of(row), index.column()) for row, index in zip(rows, before)]
        self.changePersistentIndexList(before, after)  # what was selected stays so
        self.layoutChanged.emit()

    def change(self, row: int, name: str, value: Any) -> None:
        """Put one value into a row (counted as given)."""
        self._columns[name][row] = value
        self._words = None
        at = np.flatnonzero(self._shown == row)
        if len(at) and name in self._names:
            index = self.index(int(at[0]), self._names.index(name))
            self.dataChanged.emit(index, index)

    def change_column(self, name: str, values: Sequence[Any]) -> None:
        """Replace a column; which rows are shown stays until the filter is set again."""
        self._columns[name] = list(values)
        self._words = None
        if name in self._names and len(self._shown):
            column = self._names.index(name)
            self.dataChanged.emit(self.index(0, column), self.index(len(self._shown) - 1, column))

    def column(self, name: str) -> list[Any]:
        """The values of a column, by the number of the row as given."""
        return list(self._columns.get(name, ()))

    def value(self, row: int, name: str) -> Any:
        """A value, by the number of the row as given."""
        return self._columns[name][row]

    def row_of(self, index: QModelIndex) -> int:
        """The number, as given, of the row that stands there; -1 for none."""
        return int(self._shown[index.row()]) if index.isValid() else -1

    def place_of(self, row: int) -> int:
        """Where a row stands now; -1 where it is filtered out."""
        at = np.flatnonzero(self._shown == row)
        return int(at[0]) if len(at) else -1

    def places_of(self, rows: Sequence[int]) -> list[int]:
        """Where rows stand now, from top to bottom; those that are filtered out are left out."""
        return [int(place) for place in np.flatnonzero(np.isin(self._shown, np.asarray(rows, np.int64)))]

    @property
    def n(self) -> int:
        """Rows in all."""
        return max(map(len, self._columns.values()), default=0)

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, N802
        """Rows that are shown."""
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, N802
        """Columns that are shown."""
        return 0 if parent.isValid() else len(self._names)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Headings."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return HEADINGS[self._names[section]]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell."""
        make = _ROLES.get(role)
        if make is None or not index.isValid():
            return None
        name = self._names[index.column()]
        return make(name, self._columns[name][int(self._shown[index.row()])])

    def _apply(self) -> None:
        """Filter the rows in their order."""
        words, verdict = self._filter[0].lower().split(), self._filter[1]
        keep = np.ones(self.n, bool)
        if words:
            keep = np.array([all(word in text for word in words) for text in self._all_words()], bool)
        if verdict:
            keep &= np.array([self._final(row) == verdict for row in range(self.n)], bool)
        self._shown = self._order[keep[self._order]]

    def _all_words(self) -> list[str]:
        """What the filter looks into, row by row; made when it is needed."""
        if self._words is None:
            self._words = [" ".join(str(v) for v in row if v is not None).lower()
                           for row in zip(*(self._columns[name] for name in self._names))]
        return self._words

    def _final(self, row: int) -> str:
        judged = self._columns.get(JUDGED)
        given = self._columns.get("verdict")
        return str((judged[row] if judged else None) or (given[row] if given else ""))


def _sorted(values: Sequence[Any], descending: bool) -> npt.NDArray[np.int64]:
    """Positions in order; None and "" last."""
    missing = np.array([v is None or v == "" for v in values], bool)
    there = np.flatnonzero(~missing)
    known = [values[i] for i in there]
    order = sorted(range(len(known)), key=lambda i: known[i], reverse=descending)
    return np.concatenate((there[order], np.flatnonzero(missing))).astype(np.int64)


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _alignment(name: str, value: Any) -> Optional[Qt.AlignmentFlag]:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter if number else None


def _colour(name: str, value: Any) -> Optional[QColor]:
    return QColor(_COLOURS[value]) if name in ("verdict", JUDGED) and value in _COLOURS else None


def _font(name: str, value: Any) -> Optional[QFont]:
    if name not in ("verdict", JUDGED):
        return None
    font = QFont()
    font.setBold(True)
    return font


_ROLES: dict[int, Callable[[str, Any], Any]] = {
    Qt.ItemDataRole.DisplayRole: _text,
    Qt.ItemDataRole.ToolTipRole: _text,
    Qt.ItemDataRole.TextAlignmentRole: _alignment,
    Qt.ItemDataRole.ForegroundRole: _colour,
    Qt.ItemDataRole.FontRole: _font,
}
"""Role -> what a cell has for it."""


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
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._filters())
        column.addWidget(self.view, 1)
        column.addLayout(self._judgement())
        self._count()

    def show_columns(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Replace all rows; they are ordered and filtered as those before."""
        self.model.show_columns(columns)
        header = self.view.horizontalHeader()
        self.model.sort(header.sortIndicatorSection(), header.sortIndicatorOrder())
        self.view.fit_columns()
        self._note.clear()

    def judge(self, verdict: str) -> None:
        """Give the selected rows the person's verdict, and go on to the next row."""
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
        self._note.editingFinished.connect(self._keep_note)
        row.addWidget(back)
        row.addWidget(self._note, 1)
        return row

    def narrow(self) -> None:
        """Filter again; the user stays where they are."""
        row = self.row
        self.model.set_filter(self._filter.text(), self._verdict.currentData())
        self.go_to(row)

    def _count(self) -> None:
        shown, n = self.model.rowCount(), self.model.n
        self._counted.setText(count_text(n) if shown == n else f"{count_text(shown)} of {count_text(n)}")

    def _went(self, current: QModelIndex) -> None:
        row = self.model.row_of(current)
        self._note.setText("" if row < 0 else str(self.model.value(row, NOTE) or ""))
        if row >= 0:
            self.chosen.emit(row)

    def _keep_note(self) -> None:
        row = self.row
        if row < 0:
            self._note.clear()
        elif self._note.text() != str(self.model.value(row, NOTE) or ""):
            self.model.change(row, NOTE, self._note.text() or None)
            self.noted.emit(row, self._note.text())


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
