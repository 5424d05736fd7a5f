"""The two small tables of the score panel: a pixel by all metrics, and the references that it looks like most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import numpy as np
from qgis.PyQt.QtCore import QSize, Qt, pyqtSignal
from qgis.PyQt.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QResizeEvent
from qgis.PyQt.QtWidgets import QAbstractItemView, QHeaderView, QSizePolicy, QTableWidget, QTableWidgetItem, QWidget

from ..core.comparison import Match, MetricValue
from ..core.metrics import METRICS
from ..core.metrics.metric import Metric
from .axes import plain_number
from .theme import Theme

WAITING = "…"
"""Stands where a value is still being computed."""
ARROWS = {"lower": "↓", "higher": "↑"}
MATCHES = 5
"""Rows of the table of matches."""
_MATCH_COLUMNS = {
    "Looks most like": "The references that explain the spectrum best, best first by fit",
    "Fit": "How well the absorption features of the reference explain those of the spectrum: 0 to 1",
    "Angle": "Spectral angle in rad; lower is closer",
    "r": "Correlation of both spectra without their continuum; higher is closer",
    "Lead": "By how much the fit exceeds that of the next reference; small where both explain it alike",
}
"""Heading of each column of matches, and what it holds."""
_NARROW = 44
"""Letters below which the metrics' names need the room of the unit."""


def percent_text(percentile: float) -> str:
    """A percentage with one decimal that claims all or none only where it is.

    >>> percent_text(97.34), percent_text(99.98), percent_text(100.0), percent_text(0.01)
    ('97.3 %', '> 99.9 %', '100 %', '< 0.1 %')
    """
    if percentile in (0.0, 100.0):
        return f"{percentile:.0f} %"
    if percentile > 99.9:
        return "> 99.9 %"
    return "< 0.1 %" if percentile < 0.1 else f"{percentile:.1f} %"


class SmallTable(QTableWidget):
    """A table as high as its rows, whose first column takes the room that is left; Ctrl+C copies it."""

    def __init__(self, name: str, headings: Sequence[str], parent: Optional[QWidget] = None) -> None:
        super().__init__(0, len(headings), parent)
        self.setAccessibleName(name)
        self.setHorizontalHeaderLabels(list(headings))
        self.verticalHeader().hide()
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        for policy in (self.setVerticalScrollBarPolicy, self.setHorizontalScrollBarPolicy):
            policy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.verticalHeader().setDefaultSectionSize(round(1.45 * self.fontMetrics().height()))
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(2 * self.fontMetrics().averageCharWidth())
        for column in range(len(headings)):
            mode = QHeaderView.ResizeMode.ResizeToContents if column else QHeaderView.ResizeMode.Stretch
            header.setSectionResizeMode(column, mode)
            side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
            self.horizontalHeaderItem(column).setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)

    def sizeHint(self) -> QSize:
        """All rows and the heading."""
        rows = self.rowCount() * self.verticalHeader().defaultSectionSize()
        high = self.horizontalHeader().sizeHint().height() + rows + 2 * self.frameWidth()
        return QSize(20 * self.fontMetrics().averageCharWidth(), high)

    def minimumSizeHint(self) -> QSize:
        """The same: it never scrolls by itself."""
        return self.sizeHint()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy all of the table."""
        if not event.matches(QKeySequence.StandardKey.Copy):
            super().keyPressEvent(event)
            return
        lines = [[self.horizontalHeaderItem(c).text().replace("\n", " ") for c in range(self.columnCount())]]
        lines += [[self.item(r, c).text() for c in range(self.columnCount())] for r in range(self.rowCount())]
        QGuiApplication.clipboard().setText("\n".join("\t".join(line) for line in lines))

    def _set_rows(self, n: int) -> None:
        """Have `n` rows; the layout is asked again only where that changes the height."""
        if n != self.rowCount():
            self.setRowCount(n)
            self.updateGeometry()

    def _set_row(self, row: int, texts: Sequence[str], tip: str, bold: bool = False, grey: bool = False) -> None:
        """Fill a row."""
        for column, text in enumerate(texts):
            item = QTableWidgetItem(text)
            side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
            item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
            item.setToolTip(tip)
            font = item.font()
            font.setBold(bold)
            item.setFont(font)
            if grey:
                item.setForeground(Theme.of(self.palette()).faint)
                item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{text}: {tip}")
            self.setItem(row, column, item)


class MetricTable(SmallTable):
    """One pixel by all metrics; the one it is inspected by is bold."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        self._narrow = False
        self._metrics: list[Metric] = []
        super().__init__("All metrics", ("Metric", "Value", "Unit", "Closer\nthan"), parent)
        for column, widest in ((1, "↓ 0.000000"), (3, "> 99.9 %")):  # fixed: values that arrive later move nothing
            self.horizontalHeader().setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            self.setColumnWidth(column, self.fontMetrics().horizontalAdvance(widest) + 8)
        self.horizontalHeaderItem(1).setToolTip("↓: lower is closer, ↑: higher is closer")
        self.horizontalHeaderItem(3).setToolTip("Percentage of a sample of this scene that matches worse")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrow table has short names and leaves the unit to the tooltips."""
        super().resizeEvent(event)
        narrow = self.width() < _NARROW * self.fontMetrics().averageCharWidth()
        if narrow != self._narrow:
            self._narrow = narrow
            self.setColumnHidden(2, narrow)
            for row, metric in enumerate(self._metrics):
                self.item(row, 0).setText(self._name(metric))

    def show_waiting(self, chosen: Metric) -> None:
        """The rows, their values still to come."""
        offered = self._metrics = list(METRICS.values())
        self._set_rows(len(offered))
        for row, metric in enumerate(offered):
            self._fill(row, metric, WAITING, WAITING, "", metric.name == chosen.name)

    def show_values(self, values: Sequence[MetricValue], chosen: Metric) -> None:
        """The values; where there is none, the row is grey and tells why."""
        self._metrics = [entry.metric for entry in values]
        self._set_rows(len(values))
        for row, entry in enumerate(values):
            known = bool(np.isfinite(entry.value))
            percentile = percent_text(entry.percentile) if np.isfinite(entry.percentile) else "–"
            why = "" if known else entry.why or "It is undefined for this pixel."
            self._fill(row, entry.metric, plain_number(entry.value) if known else "–", percentile, why,
                       entry.metric.name == chosen.name)

    def _fill(self, row: int, metric: Metric, value: str, percentile: str, why: str, chosen: bool) -> None:
        unit = "" if metric.unit == "1" else metric.unit
        value = f"{ARROWS[metric.better]} {value}"
        tip = f"{metric.title}{f' ({unit})' if unit else ''}, {metric.better} is closer. {why or metric.description}"
        self._set_row(row, (self._name(metric), value, unit, percentile), tip, bold=chosen, grey=bool(why))

    def _name(self, metric: Metric) -> str:
        """Its title, or its id where there is little room."""
        return metric.name if self._narrow else metric.title


class MatchTable(SmallTable):
    """What a spectrum looks like most; a click or Enter lays a reference over the plot, and again takes it away."""

    match_chosen = pyqtSignal(str)
    """Id of the reference to lay over the plot; "" for none."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__("Best matches", tuple(_MATCH_COLUMNS), parent)
        self._matches: tuple[Match, ...] = ()
        self._shown = ""
        self.setToolTip("Click a row, or press Enter, to lay the reference over the spectrum")
        self.cellClicked.connect(lambda row, _column: self._toggle(row))
        for column, tip in enumerate(_MATCH_COLUMNS.values()):
            self.horizontalHeaderItem(column).setToolTip(tip)
            if column:  # fixed: values that arrive later move nothing
                self.horizontalHeader().setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
                self.setColumnWidth(column, self.fontMetrics().horizontalAdvance("-0.0000") + 8)

    def show_waiting(self) -> None:
        """Rows whose names are still to come."""
        self.show_matches(())
        self.setCurrentCell(-1, -1)
        for row in range(MATCHES):
            self._set_row(row, [WAITING] * len(_MATCH_COLUMNS), "")

    def show_matches(self, matches: Sequence[Match]) -> None:
        """The references, best first; none is laid over."""
        self._matches, self._shown = tuple(matches), ""
        self._set_rows(max(len(matches), MATCHES))
        self._fill()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter and the space bar do what a click does."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._toggle(self.currentRow())
        else:
            super().keyPressEvent(event)

    def _toggle(self, row: int) -> None:
        if 0 <= row < len(self._matches):
            chosen = self._matches[row].id
            self._shown = "" if chosen == self._shown else chosen
            self._fill()
            self.match_chosen.emit(self._shown)

    def _fill(self) -> None:
        current = self.currentRow()
        for row in range(self.rowCount()):
            if row >= len(self._matches):
                self._set_row(row, ("–", "", "", "", ""), "")
                continue
            match = self._matches[row]
            shown = match.id == self._shown
            tip = "It lies over the spectrum; click to take it away" if shown else "Click to lay it over the spectrum"
            numbers = (_share(match.fit), plain_number(match.sam), _share(match.correlation), _share(match.margin))
            self._set_row(row, (match.name, *numbers), f"{match.name}\n{tip}", bold=shown)
            mark = self.item(row, 0)
            mark.setCheckState(Qt.CheckState.Checked if shown else Qt.CheckState.Unchecked)
            mark.setFlags(mark.flags() & ~Qt.ItemFlag.ItemIsUserCheckable)
        if current >= 0:
            self.setCurrentCell(current, 0)


def _share(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "–"
