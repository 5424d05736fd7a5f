"""Which scenes of a result are shown: a slider of dates with two handles, and a limit of cloud. Plain Qt, painted."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Optional

import numpy as np
import numpy.typing as npt
from qgis.PyQt.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from qgis.PyQt.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from qgis.PyQt.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QSlider, QVBoxLayout, QWidget

from .archive_model import Filter
from .theme import GOOD, Theme, translucent

_BINS = 60
_DAY_S = 86400.0
_HANDLE = 7.0
"""Half the width of a handle, pixels."""
_ANY_CLOUD = 100


class DateSlider(QWidget):
    """When scenes were taken, as bars, and the part of that time that is shown, between two handles.

    A handle is dragged with the left button, or moved by a day with the left and right arrow keys (Shift: 30 days); up
    and down change over to the other one.
    """

    changed = pyqtSignal()
    """The user moved a handle; live while dragging."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._low = self._high = 0.0
        self._ends = [0.0, 0.0]
        self._bars: npt.NDArray[np.int64] = np.zeros(_BINS, np.int64)
        self._held, self._dragging = 0, False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Dates shown")
        self.setToolTip("Drag the handles to show scenes of a part of the time, or move one with the left and right "
                        "arrow keys (with Shift: farther); up and down change over to the other one")

    def show_times(self, times: npt.NDArray[np.float64]) -> None:
        """The times of a result, seconds since 1970; all of them are within the handles."""
        there = len(times) > 0
        self._low = float(np.floor(times.min() / _DAY_S) * _DAY_S) if there else 0.0
        self._high = float((np.floor(times.max() / _DAY_S) + 1) * _DAY_S) if there else 0.0
        self._ends = [self._low, self._high]
        self._bars = np.histogram(times, _BINS, (self._low, max(self._high, self._low + 1)))[0]
        self.setEnabled(self._high - self._low > _DAY_S)
        self._describe()
        self.update()

    @property
    def part(self) -> tuple[Optional[float], Optional[float]]:
        """First and last second that are shown; None where the handle is at its end."""
        first, last = self._ends
        return (None if first <= self._low else first), (None if last >= self._high else last - 0.001)

    @property
    def text(self) -> str:
        """The days that are shown."""
        if self._high <= self._low:
            return ""
        return f"{_day(self._ends[0])} – {_day(self._ends[1] - 1)}"

    def place_of(self, seconds: float) -> int:
        """Where a time stands in the widget, for pointing at it."""
        return round(self._to_pixel(seconds))

    def sizeHint(self) -> QSize:
        """Two lines high."""
        return QSize(160, round(2.2 * self.fontMetrics().height()))

    def minimumSizeHint(self) -> QSize:
        """The same, narrower."""
        return QSize(90, self.sizeHint().height())

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Take hold of the nearer handle."""
        if event.button() == Qt.MouseButton.LeftButton and self._high > self._low:
            x = float(event.pos().x())
            first, last = map(self._to_pixel, self._ends)
            self._held = int(abs(x - last) < abs(x - first) or (first == last and x > last))
            self._dragging = True
            self._move(self._to_time(x))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Drag it on."""
        if self._dragging:
            self._move(self._to_time(float(event.pos().x())))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Leave it there."""
        self._dragging = False

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Move a handle day by day, or change over to the other one."""
        ways = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._held = 1 - self._held
            self.update()
        elif event.key() in ways and self._high > self._low:
            days = 30 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
            self._move(self._ends[self._held] + ways[event.key()] * days * _DAY_S)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Bars, the shown part, and the handles."""
        theme, painter = Theme.of(self.palette()), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        base, top = self.height() - 8.0, 3.0
        painter.setPen(QPen(theme.grid, 2))
        painter.drawLine(QPointF(_HANDLE, base), QPointF(self.width() - _HANDLE, base))
        if self._high <= self._low:
            return
        wide = (self.width() - 2 * _HANDLE) / _BINS
        most = max(int(self._bars.max()), 1)
        painter.setPen(Qt.PenStyle.NoPen)
        for i in np.flatnonzero(self._bars):
            high = 2.0 + (base - top - 4.0) * self._bars[i] / most
            middle = self._low + (i + 0.5) / _BINS * (self._high - self._low)
            inside = self._ends[0] <= middle <= self._ends[1]
            painter.setBrush(translucent(theme.curve_colour(GOOD), 0.75) if inside else theme.grid)
            painter.drawRect(QRectF(_HANDLE + i * wide, base - high, max(wide - 1.0, 1.0), high))
        first, last = map(self._to_pixel, self._ends)
        painter.setPen(QPen(theme.curve_colour(GOOD), 3))
        painter.drawLine(QPointF(first, base), QPointF(last, base))
        for number, x in enumerate((first, last)):
            held = self.hasFocus() and number == self._held
            painter.setPen(QPen(theme.highlight if held else theme.foreground, 2 if held else 1))
            painter.setBrush(theme.background)
            painter.drawEllipse(QPointF(x, base), _HANDLE - 1, _HANDLE - 1)

    def _move(self, seconds: float) -> None:
        """Put the held handle at a day, not beyond the other one; one day stays shown."""
        day = round((seconds - self._low) / _DAY_S) * _DAY_S + self._low
        low, high = (self._low, self._ends[1] - _DAY_S) if self._held == 0 else (self._ends[0] + _DAY_S, self._high)
        day = min(max(day, low), high)
        if day != self._ends[self._held]:
            self._ends[self._held] = day
            self._describe()
            self.changed.emit()
        self.update()

    def _describe(self) -> None:
        self.setAccessibleDescription(self.text)

    def _to_pixel(self, seconds: float) -> float:
        span = (self._high - self._low) or 1.0
        return _HANDLE + (seconds - self._low) / span * (self.width() - 2 * _HANDLE)

    def _to_time(self, x: float) -> float:
        part = (x - _HANDLE) / max(self.width() - 2 * _HANDLE, 1.0)
        return self._low + part * (self._high - self._low)


class ArchiveFilter(QWidget):
    """Dates and cloud, with what they say in words."""

    changed = pyqtSignal()
    """The user wants to see others of the scenes."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.dates, self.cloud = DateSlider(), QSlider(Qt.Orientation.Horizontal)
        self.cloud.setRange(1, _ANY_CLOUD)
        self.cloud.setPageStep(10)
        self.cloud.setValue(_ANY_CLOUD)
        self.cloud.setAccessibleName("Cloud shown")
        self.cloud.setToolTip("Show scenes with less cloud than this; those of unknown cloud stay")
        self._days, self._percent = QLabel(), QLabel()
        for label in (self._days, self._percent):
            label.setTextFormat(Qt.TextFormat.PlainText)
        self._percent.setMinimumWidth(self._percent.fontMetrics().horizontalAdvance("any cloud  "))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._days)
        column.addWidget(self.dates)
        row = QHBoxLayout()
        row.addWidget(self._percent)
        row.addWidget(self.cloud, 1)
        column.addLayout(row)
        self.dates.changed.connect(self._tell)
        self.cloud.valueChanged.connect(self._tell)
        self._say()

    def show_times(self, times: npt.NDArray[np.float64]) -> None:
        """A new result, all of which is shown; says nothing."""
        self.dates.show_times(times)
        self.cloud.blockSignals(True)
        self.cloud.setValue(_ANY_CLOUD)
        self.cloud.blockSignals(False)
        self._say()

    @property
    def filter(self) -> Filter:
        """What is to be shown."""
        cloud = self.cloud.value()
        return Filter(*self.dates.part, None if cloud >= _ANY_CLOUD else float(cloud))

    def _tell(self) -> None:
        self._say()
        self.changed.emit()

    def _say(self) -> None:
        self._days.setText(self.dates.text)
        cloud = self.cloud.value()
        self._percent.setText("any cloud" if cloud >= _ANY_CLOUD else f"cloud < {cloud} %")


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d}"
