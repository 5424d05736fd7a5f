"""Where candidates stand among their surroundings, and the two thresholds between the verdicts. Plain Qt, painted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import numpy.typing as npt
from qgis.PyQt.QtCore import QPoint, QPointF, QRectF, QSize, Qt, pyqtSignal
from qgis.PyQt.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from qgis.PyQt.QtWidgets import QDoubleSpinBox, QGridLayout, QLabel, QSizePolicy, QWidget

from ..core.vetting.ranking import Thresholds
from .axes import Axis, axis_height, count_text, draw_bottom_axis, draw_side_axis
from .theme import VERDICT_COLOURS, Theme

_BINS = 50
_STEP, _LARGE_STEP = 0.25, 2.5
"""Percents that an arrow key moves a threshold by, without and with Shift; a ring of 400 tells no less apart."""
_REACH = 8.0
"""Pixels beside a threshold within which a press takes hold of it where it is."""
_NOTHING = "No candidate has a percentile."
_LABEL = "Background percentile: surroundings that match worse (%)"
_ACCEPT, _REJECT = "accept", "reject"


class VerdictHistogram(QWidget):
    """How many candidates have which background percentile, by verdict, and the thresholds between the verdicts.

    A threshold is dragged with the left button, or moved with the left and right arrow keys (Shift: farther); up and
    down change over to the other one.
    """

    thresholds_changed = pyqtSignal(float, float)
    """The user moved a threshold: accept above, reject below; live while dragging."""
    released = pyqtSignal(float, float)
    """The user is done with it."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._percentiles: list[Optional[float]] = []
        self._n_background: list[Optional[int]] = []
        self._judged: list[str] = []
        self._thresholds = Thresholds(99.0, 90.0)
        self._counts: dict[str, npt.NDArray[np.int64]] = {}
        self._n: dict[str, int] = {}
        self._held, self._offset, self._moved = _ACCEPT, 0.0, False
        self._dragging = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Histogram of the background percentiles")
        self.setToolTip("Drag the thresholds, or move one with the left and right arrow keys (with Shift: farther); "
                        "up and down change over to the other one")
        self._count()

    @property
    def thresholds(self) -> Thresholds:
        """Where the verdicts change."""
        return self._thresholds

    @property
    def held(self) -> str:
        """Which threshold the arrow keys move: "accept" or "reject"."""
        return self._held

    @property
    def counts(self) -> dict[str, int]:
        """Verdict -> number of candidates; what a person says counts before what the percentile says."""
        return dict(self._n)

    def show_candidates(self, percentiles: Sequence[Optional[float]], judged: Sequence[Optional[str]],
                        n_background: Sequence[Optional[int]] = ()) -> None:
        """Show candidates: their percentiles, the verdicts of a person where there are any, and the pixels around."""
        self._percentiles, self._judged = list(percentiles), [verdict or "" for verdict in judged]
        self._n_background = list(n_background) or [None] * len(self._percentiles)
        self._count()

    def set_thresholds(self, thresholds: Thresholds) -> None:
        """Put the thresholds somewhere, without a signal."""
        self._thresholds = thresholds
        self._count()

    def place_of(self, percentile: float) -> QPoint:
        """Where a percentile stands in the widget, for pointing at it."""
        area = self._area()
        return QPoint(round(self._axis(area).to_pixel(percentile)), round(area.center().y()))

    def sizeHint(self) -> QSize:
        """Enough to tell the thresholds apart."""
        high = self.fontMetrics().height()
        return QSize(24 * high, 11 * high)

    def minimumSizeHint(self) -> QSize:
        """Enough for the axis and some bars."""
        high = self.fontMetrics().height()
        return QSize(13 * high, 8 * high)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Take hold of the nearer threshold, or bring it to the pointer."""
        if event.button() != Qt.MouseButton.LeftButton or not self._any():
            return
        x, axis = float(event.pos().x()), self._axis(self._area())
        accept, reject = axis.to_pixel(self._thresholds.accept), axis.to_pixel(self._thresholds.reject)
        right = abs(x - accept) < abs(x - reject) or (accept == reject and x >= accept)
        self._held = _ACCEPT if right else _REJECT
        beside = (accept if right else reject) - x
        self._dragging, self._offset = True, beside if abs(beside) <= _REACH else 0.0
        if not self._offset:
            self._drag(x)
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Drag it on."""
        if self._dragging:
            self._drag(float(event.pos().x()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Leave it there."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._dragging = False
            self._settle()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Move a threshold step by step, or change over to the other one."""
        ways = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._held = _REJECT if self._held == _ACCEPT else _ACCEPT
            self._describe()
        elif event.key() in ways and self._any():
            far = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self._move(getattr(self._thresholds, self._held) + ways[event.key()] * (_LARGE_STEP if far else _STEP))
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Done, unless the key only repeats itself."""
        if not event.isAutoRepeat():
            self._settle()
        super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Done."""
        self._settle()
        super().focusOutEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw bars, axes and thresholds."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = Theme.of(self.palette())
        if not self._any():
            painter.setPen(theme.faint)
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, _NOTHING)
            return
        area = self._area()
        axis, most = self._axis(area), self._most()
        painter.setPen(theme.foreground)
        draw_bottom_axis(painter, axis, area.bottom(), self._label())
        draw_side_axis(painter, Axis(0.0, float(most), area.bottom(), area.top(), 1.0), area.left(), -1)
        self._draw_bars(painter, area, most)
        painter.setPen(theme.foreground)
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        self._draw_thresholds(painter, area, axis, theme)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.highlight, 1.5))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 3, 3)

    def _draw_bars(self, painter: QPainter, area: QRectF, most: int) -> None:
        """One upon the other; the verdicts follow from the left to the right, so they do from bottom to top."""
        edges = np.linspace(area.left(), area.right(), _BINS + 1)
        below = np.zeros(_BINS)
        painter.setPen(Qt.PenStyle.NoPen)
        for verdict, counts in self._counts.items():
            painter.setBrush(QColor(VERDICT_COLOURS[verdict]))
            heights = np.where(counts > 0, np.maximum(counts / most * area.height(), 1.5), 0.0)
            painter.drawRects([QRectF(edges[i] + 0.5, area.bottom() - below[i] - h, edges[i + 1] - edges[i] - 1.0, h)
                               for i, h in enumerate(heights) if h])
            below = below + heights

    def _draw_thresholds(self, painter: QPainter, area: QRectF, axis: Axis, theme: Theme) -> None:
        """Lines with handles; words beside them, as colours alone do not tell."""
        metrics = painter.fontMetrics()
        high = float(metrics.height())
        for row, (name, text) in enumerate(((_ACCEPT, f"accept above {self._thresholds.accept:g} ▶"),
                                            (_REJECT, f"◀ reject below {self._thresholds.reject:g}"))):
            x = axis.to_pixel(getattr(self._thresholds, name))
            mine = name == self._held and self.hasFocus()
            colour = theme.highlight if mine else theme.foreground
            top = 2 + row * high
            painter.setPen(QPen(colour, 2.5 if mine else 1.5))
            painter.drawLine(QPointF(x, top + high / 2), QPointF(x, area.bottom()))
            painter.setBrush(colour)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawPolygon(QPolygonF([QPointF(x - 5, area.top() - 7), QPointF(x + 5, area.top() - 7),
                                           QPointF(x, area.top() + 1)]))
            wide = metrics.horizontalAdvance(text) + 1.0
            left = x - wide - 8  # both stand left of their lines: there is little room to the right
            painter.setPen(theme.foreground)
            painter.drawText(QRectF(max(left, 2.0), top, wide, high), Qt.AlignmentFlag.AlignCenter, text)

    def _label(self) -> str:
        room = self.width() - 8
        return _LABEL if self.fontMetrics().horizontalAdvance(_LABEL) <= room else "Background percentile"

    def _drag(self, x: float) -> None:
        """The threshold follows the pointer."""
        self._move(self._axis(self._area()).to_value(x + self._offset))

    def _move(self, percentile: float) -> None:
        """Set the held threshold as the user does: in steps, from 0 to 100, never past the other one."""
        value = min(max(round(percentile / _STEP) * _STEP, 0.0), 100.0)
        accept, reject = self._thresholds.accept, self._thresholds.reject
        new = Thresholds(max(value, reject), reject) if self._held == _ACCEPT else Thresholds(accept,
                                                                                              min(value, accept))
        if new != self._thresholds:
            self._moved = True
            self.set_thresholds(new)
            self.thresholds_changed.emit(new.accept, new.reject)

    def _settle(self) -> None:
        if self._moved:
            self._moved = False
            self.released.emit(self._thresholds.accept, self._thresholds.reject)

    def _any(self) -> bool:
        return any(counts.any() for counts in self._counts.values())

    def _most(self) -> int:
        return max(int(sum(self._counts.values(), np.zeros(_BINS, np.int64)).max()), 1)

    def _count(self) -> None:
        """Sort the candidates into bars."""
        verdicts = np.array([judged or self._thresholds.verdict(p, n) for p, judged, n in zip(
            self._percentiles, self._judged, self._n_background)], object)
        values = np.array([np.nan if p is None else p for p in self._percentiles], np.float64)
        known = np.isfinite(values)
        self._n = {name: int((verdicts == name).sum()) for name in VERDICT_COLOURS}
        self._counts = {name: np.histogram(values[known & (verdicts == name)], _BINS, (0.0, 100.0))[0]
                        for name in ("reject", "doubtful", "accept")}
        self._describe()

    def _describe(self) -> None:
        """Say in words what is drawn, and draw it."""
        said = [f"{n} {name}" for name, n in self._n.items()]
        self.setAccessibleDescription(f"{', '.join(said)}; accept above {self._thresholds.accept:g}, reject below "
                                      f"{self._thresholds.reject:g}; the keys move '{self._held}'."
                                      if self._any() else _NOTHING)
        self.setCursor(Qt.CursorShape.SplitHCursor if self._any() else Qt.CursorShape.ArrowCursor)
        self.update()

    def _area(self) -> QRectF:
        """Where the bars stand."""
        metrics = self.fontMetrics()
        high = float(metrics.height())
        left = metrics.horizontalAdvance("0" * max(len(str(self._most())), 2)) + 13.0
        right = metrics.horizontalAdvance("100") / 2 + 6.0
        top = 2 * high + 10
        return QRectF(left, top, max(self.width() - left - right, 1.0),
                      max(self.height() - top - axis_height(high) - 3, 1.0))

    def _axis(self, area: QRectF) -> Axis:
        """Percentiles to pixels."""
        return Axis(0.0, 100.0, area.left(), area.right())


class VerdictPanel(QWidget):
    """The histogram, the number of candidates of each verdict, and both thresholds as numbers."""

    thresholds_changed = pyqtSignal(float, float)
    """The user moved a threshold: accept above, reject below; live while dragging."""
    released = pyqtSignal(float, float)
    """The user is done with it."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.histogram = VerdictHistogram()
        self.histogram.thresholds_changed.connect(self._moved)
        self.histogram.released.connect(self.released)
        self._counts = QLabel()
        self._counts.setAccessibleName("Candidates by verdict")
        self._counts.setTextFormat(Qt.TextFormat.RichText)
        self._accept = self._spin("Accept above", "Background percentile above which a candidate is accepted")
        self._reject = self._spin("Reject below", "Background percentile below which a candidate is rejected")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self._counts, 0, 0, 1, 4)
        grid.addWidget(self.histogram, 1, 0, 1, 4)
        for column, (words, spin) in enumerate((("&Reject below", self._reject), ("&Accept above", self._accept))):
            label = QLabel(words)
            label.setBuddy(spin)
            label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            grid.addWidget(label, 2, 2 * column)
            grid.addWidget(spin, 2, 2 * column + 1)
        grid.setRowStretch(1, 1)
        self._show()

    def show_candidates(self, percentiles: Sequence[Optional[float]], judged: Sequence[Optional[str]],
                        n_background: Sequence[Optional[int]] = ()) -> None:
        """Show candidates: their percentiles, and the verdicts of a person where there are any."""
        self.histogram.show_candidates(percentiles, judged, n_background)
        self._show()

    def set_thresholds(self, thresholds: Thresholds) -> None:
        """Put the thresholds somewhere, without a signal."""
        self.histogram.set_thresholds(thresholds)
        self._show()

    def _spin(self, name: str, tip: str) -> QDoubleSpinBox:
        spin = QDoubleSpinBox()
        spin.setRange(0.0, 100.0)
        spin.setDecimals(2)
        spin.setSingleStep(_STEP)
        spin.setSuffix("\u202f%")
        spin.setKeyboardTracking(False)
        spin.setAccessibleName(name)
        spin.setToolTip(tip)
        spin.valueChanged.connect(self._typed)
        return spin

    def _typed(self, value: Any) -> None:
        """A number was given; where it passes the other one, that goes along."""
        accept, reject = self._accept.value(), self._reject.value()
        if accept < reject:
            accept, reject = (accept, accept) if self.sender() is self._accept else (reject, reject)
        self.set_thresholds(Thresholds(accept, reject))
        self.thresholds_changed.emit(accept, reject)
        self.released.emit(accept, reject)

    def _moved(self, accept: float, reject: float) -> None:
        self._show()
        self.thresholds_changed.emit(accept, reject)

    def _show(self) -> None:
        """Numbers beside the histogram."""
        thresholds = self.histogram.thresholds
        for spin, value in ((self._accept, thresholds.accept), (self._reject, thresholds.reject)):
            spin.blockSignals(True)
            spin.setValue(value)
            spin.blockSignals(False)
        words = [f'<span style="color:{VERDICT_COLOURS[name]}">■</span>&nbsp;{count_text(n)}&nbsp;{name}'
                 for name, n in self.histogram.counts.items()]
        self._counts.setText("&nbsp;&nbsp; ".join(words))
