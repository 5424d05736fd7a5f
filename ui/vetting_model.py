"""The rows of the table of vetted candidates: which are shown, in which order, and how a cell looks. Plain Qt."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

import numpy as np
import numpy.typing as npt
from qgis.PyQt.QtCore import QAbstractTableModel, QModelIndex, Qt
from qgis.PyQt.QtGui import QColor, QFont
from qgis.PyQt.QtWidgets import QWidget

from .theme import BAD, GOOD

JUDGED, NOTE = "human_verdict", "note"
"""The columns that a person fills."""
HEADINGS: dict[str, str] = {
    "rank": "Rank", "candidate_id": "Candidate", "verdict": "Verdict", JUDGED: "Your verdict",
    "background_percentile": "Percentile", "score": "Score", "sigma": "σ", "score_best": "Best", "n_valid": "Valid",
    "n_pixels": "Pixels", "column_percentile": "Columns", "best_other": "Best other", "margin": "Margin",
    "scene_id": "Scene", "datetime": "Time (UTC)", NOTE: "Note", "reason": "Reason",
}
"""Column -> heading, in the order of the table; other columns are not shown."""
_COLOURS = {"accept": GOOD, "reject": BAD}
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?")


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
    known = [_rank(values[i]) for i in there]
    order = sorted(range(len(known)), key=known.__getitem__, reverse=descending)
    return np.concatenate((there[order], np.flatnonzero(missing))).astype(np.int64)


def _rank(value: Any) -> tuple[bool, float, str]:
    """Numbers, written as such or as text, by their size; other text after them.

    >>> sorted(["b", "10", "9", "a"], key=_rank)
    ['9', '10', 'a', 'b']
    """
    text = str(value)
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        return True, 0.0, text
    return False, float(value), text


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
