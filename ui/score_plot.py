"""Histogram of the scores of an area with a threshold to drag: painted, so it needs nothing but Qt."""

from __future__ import annotations

from typing import Optional

import numpy as np
import numpy.typing as npt
from qgis.PyQt.QtCore import QPoint, QPointF, QRectF, QSize, Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qgis.PyQt.QtWidgets import QSizePolicy, QWidget

from ..core.metrics.metric import Metric
from ..core.portrait import Spread, spread_of
from .axes import (
    NARROW_SPACE,
    Axis,
    axis_height,
    count_text,
    decimals_of,
    draw_bottom_axis,
    draw_side_axis,
    plain_number,
)
from .theme import BAD, GOOD, Theme

Float = npt.NDArray[np.floating]

_STEPS, _LARGE_STEPS = 100, 10
"""Presses of an arrow key, without and with Shift, that cross the whole axis."""
_REACH = 6.0
"""Pixels beside the threshold within which a press takes hold of it where it is."""
_NO_SCORE = "No pixel has a score."


def unit_text(metric: Metric) -> str:
    """The unit with a space before it; nothing for a pure number."""
    return "" if metric.unit == "1" else f"{NARROW_SPACE}{metric.unit}"


def axis_label(metric: Metric) -> str:
    """What an axis of this metric is called: "Spectral angle (rad), lower is closer"."""
    unit = "" if metric.unit == "1" else f" ({metric.unit})"
    return f"{metric.title}{unit}, {metric.better} is closer"


def fitting_label(metric: Metric, letters: QFontMetrics, room: float) -> str:
    """The label with the metric's title, or with its id where the title needs more than `room` pixels."""
    label = axis_label(metric)
    return label if letters.horizontalAdvance(label) <= room else label.replace(metric.title, metric.name)


class ScoreHistogram(QWidget):
    """How many pixels have which score, and which of them the threshold accepts.

    The threshold is dragged with the left button, or moved with the arrow keys (Shift: farther).
    """

    threshold_changed = pyqtSignal(float)
    """The user moved the threshold; live while dragging."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._metric: Optional[Metric] = None
        self._show_spread(spread_of(()))
        self._threshold = float("nan")
        self._dragging, self._hold = False, 0.0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.MinimumExpanding)
        self.setAccessibleName("Histogram of the scores")
        self.setToolTip("Drag the threshold, or move it with the left and right arrow keys (with Shift: farther)")

    @property
    def threshold(self) -> float:
        """Where the threshold stands; NaN before the first scores."""
        return self._threshold

    @property
    def spread(self) -> Spread:
        """How the scores shown are distributed."""
        return self._spread

    @property
    def decimals(self) -> int:
        """Decimals that a threshold moved by the user has."""
        return max(decimals_of((self._high - self._low) / 1000, 1), 2)

    @property
    def step(self) -> float:
        """What one press of an arrow key moves the threshold by."""
        return max(round((self._high - self._low) / _STEPS, self.decimals), 10.0**-self.decimals)

    def show_scores(self, metric: Metric, values: Float) -> None:
        """Show the finite ones of `values`; the threshold stays until it is set."""
        self._metric = metric
        self._show_spread(spread_of(values))
        self.setCursor(Qt.CursorShape.SplitHCursor if len(self._counts) else Qt.CursorShape.ArrowCursor)
        self._describe()

    def _show_spread(self, spread: Spread) -> None:
        self._spread = spread
        self._counts, self._low, self._high = spread.counts, spread.low, spread.high

    def set_threshold(self, threshold: float) -> None:
        """Put the threshold somewhere, without a signal; beyond the scores it is drawn at the edge."""
        self._threshold = float(threshold)
        self._describe()

    def place_of(self, value: float) -> QPoint:
        """Where a value stands in the widget, for pointing at it."""
        area = self._area()
        x = self._axis(area).to_pixel(min(max(value, self._low), self._high))
        return QPoint(round(x), round(area.center().y()))

    def sizeHint(self) -> QSize:
        """Enough to see the shape."""
        high = self.fontMetrics().height()
        return QSize(18 * high, 10 * high)

    def minimumSizeHint(self) -> QSize:
        """Enough for the axis and some bars."""
        high = self.fontMetrics().height()
        return QSize(9 * high, 7 * high)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of the threshold, or bring it to the pointer."""
        if event.button() != Qt.MouseButton.LeftButton or np.isnan(self._threshold):
            return
        self._dragging = True
        beside = self._axis(self._area()).to_pixel(self._shown_threshold()) - event.pos().x()
        self._hold = beside if abs(beside) <= _REACH else 0.0
        if not self._hold:
            self._drag(event.pos().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag it on."""
        if self._dragging:
            self._drag(event.pos().x())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Leave it there."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._dragging = False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the threshold step by step."""
        ways = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if event.key() not in ways or np.isnan(self._threshold):
            super().keyPressEvent(event)
            return
        far = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        size = self.step * (_STEPS // _LARGE_STEPS if far else 1)
        self._move_to(min(max(self._threshold + ways[event.key()] * size, self._low), self._high))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw bars, axis and threshold."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme = Theme.of(self.palette())
        if not len(self._counts):
            painter.setPen(theme.faint)
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, _NO_SCORE)
            return
        area = self._area()
        axis = self._axis(area)
        painter.setPen(theme.foreground)
        if self._metric is not None:
            label = fitting_label(self._metric, self.fontMetrics(), self.width() - 8)
            draw_bottom_axis(painter, axis, area.bottom(), label)
        draw_side_axis(painter, Axis(0.0, float(self._counts.max()), area.bottom(), area.top(), 1.0), area.left(), -1)
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        self._draw_bars(painter, area, axis)
        self._draw_threshold(painter, area, axis)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.highlight, 1.5))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 3, 3)

    def _draw_bars(self, painter: QPainter, area: QRectF, axis: Axis) -> None:
        """The bars, once in each colour: cut at the threshold."""
        edges = np.linspace(area.left(), area.right(), len(self._counts) + 1)
        heights = self._counts / self._counts.max() * area.height()
        heights = np.where(self._counts > 0, np.maximum(heights, 1.5), 0.0)
        gap = 1.0 if edges[1] - edges[0] > 4 else 0.0
        bars = [QRectF(edges[i], area.bottom() - h, edges[i + 1] - edges[i] - gap, h)
                for i, h in enumerate(heights) if h]
        cut = axis.to_pixel(self._shown_threshold())
        below = QRectF(area.left(), 0, cut - area.left(), area.bottom())
        above = QRectF(cut, 0, area.right() - cut, area.bottom())
        colours = (GOOD, BAD) if self._metric is not None and self._metric.better == "lower" else (BAD, GOOD)
        for side, colour in zip((below, above), colours):
            painter.save()
            painter.setClipRect(side)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colour))
            painter.drawRects(bars)
            painter.restore()

    def _draw_threshold(self, painter: QPainter, area: QRectF, axis: Axis) -> None:
        """The line with its handle; on the side that is accepted stands so, as colours alone do not tell."""
        if self._metric is None or np.isnan(self._threshold):
            return
        x, top = axis.to_pixel(self._shown_threshold()), area.top()
        colour = Theme.of(self.palette()).foreground
        beyond = not self._low <= self._threshold <= self._high
        painter.setPen(QPen(colour, 2, Qt.PenStyle.DashLine if beyond else Qt.PenStyle.SolidLine))
        painter.drawLine(QPointF(x, top), QPointF(x, area.bottom()))
        painter.setBrush(colour)
        painter.drawPolygon(QPolygonF([QPointF(x - 5, top - 6), QPointF(x + 5, top - 6), QPointF(x, top + 2)]))
        text = "◀ accepted" if self._metric.better == "lower" else "accepted ▶"
        wide = self.fontMetrics().horizontalAdvance(text) + 1.0
        high = float(self.fontMetrics().height())
        left = x - wide if self._metric.better == "lower" else x
        left = min(max(left, 4.0), self.width() - wide - 4)
        painter.drawText(QRectF(left, 2, wide, high), Qt.AlignmentFlag.AlignCenter, text)

    def _drag(self, x: float) -> None:
        """The threshold follows the pointer."""
        if len(self._counts):
            self._move_to(self._axis(self._area()).to_value(x + self._hold))

    def _move_to(self, threshold: float) -> None:
        """Set it as the user does: rounded, so that the number shown is the number that holds."""
        threshold = round(threshold, self.decimals)
        if threshold != self._threshold:
            self.set_threshold(threshold)
            self.threshold_changed.emit(threshold)

    def _shown_threshold(self) -> float:
        """The threshold within the axis; without one all bars look alike."""
        if np.isnan(self._threshold):
            return self._high if self._metric is not None and self._metric.better == "lower" else self._low
        return min(max(self._threshold, self._low), self._high)

    def _area(self) -> QRectF:
        """Where the bars stand."""
        high = float(self.fontMetrics().height())
        left = self.fontMetrics().horizontalAdvance("0" * max(len(str(self._counts.max(initial=0))), 2)) + 13.0
        right = self.fontMetrics().horizontalAdvance("0.00") / 2 + 4.0
        top = high + 10
        return QRectF(left, top, max(self.width() - left - right, 1.0),
                      max(self.height() - top - axis_height(high) - 3, 1.0))

    def _axis(self, area: QRectF) -> Axis:
        """Scores to pixels."""
        return Axis(self._low, self._high, area.left(), area.right())

    def _describe(self) -> None:
        """Say in words what is drawn, and draw it."""
        if self._metric is None or not len(self._counts):
            self.setAccessibleDescription(_NO_SCORE)
        else:
            said = [f"{count_text(int(self._counts.sum()))} scores", axis_label(self._metric),
                    f"from {plain_number(self._low)} to {plain_number(self._high)}"]
            if not np.isnan(self._threshold):
                said.append(f"threshold {self._threshold:.{self.decimals}f}")
            self.setAccessibleDescription(", ".join(said))
        self.update()
