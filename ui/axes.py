"""Axes of painted plots: ticks at round numbers, and numbers as people write them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from qgis.PyQt.QtCore import QPointF, QRectF, Qt
from qgis.PyQt.QtGui import QPainter

NARROW_SPACE = "\u202f"
"""Between the thousands of a count, and between a number and its unit."""

_TICK = 4
_MOST_DECIMALS = 6


@dataclass(frozen=True)
class Axis:
    """A straight scale from values to pixels of a widget."""

    low: float
    """Value at `start`."""
    high: float
    """Value at `stop`; above `low`."""
    start: float
    """Pixel coordinate of `low`."""
    stop: float
    """Pixel coordinate of `high`; below `start` on an upright axis."""
    least_step: float = 0.0
    """Ticks are never closer than this: 1 for counts."""

    def to_pixel(self, value: float) -> float:
        """Where a value stands."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.stop - self.start)

    def to_value(self, pixel: float) -> float:
        """What stands at a pixel coordinate; beyond the ends that of the nearer end."""
        part = (pixel - self.start) / ((self.stop - self.start) or 1.0)
        return self.low + min(max(part, 0.0), 1.0) * (self.high - self.low)

    def ticks(self, spacing: float) -> list[tuple[float, str]]:
        """Round values at least `spacing` pixels apart where two fit, with labels: pixel coordinate and text."""
        most = max(int(abs(self.stop - self.start) / spacing), 2)
        values = round_values(self.low, self.high, most, self.least_step)
        decimals = decimals_of(values[1] - values[0], 1) if len(values) > 1 else 0
        return [(self.to_pixel(v), f"{v + 0.0:.{decimals}f}") for v in values]


def round_values(low: float, high: float, most: int, least_step: float = 0.0) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten from `low` to `high`: at least two, else about `most` at most.

    >>> round_values(0.03, 0.31, 4), round_values(0.03, 0.09, 2)
    ([0.1, 0.2, 0.3], [0.04, 0.06, 0.08])
    """
    power = max(10.0 ** np.floor(np.log10((high - low) / most)), least_step)
    values = np.zeros(0)
    for step in (power * factor for factor in (1, 2, 5, 10)):
        coarser = np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step
        if len(coarser) < 2 and len(values):
            break
        values = coarser
        if len(values) <= most:
            break
    return [float(round(v, 12)) for v in values]


def decimals_of(value: float, digits: int) -> int:
    """Decimals that show `digits` significant digits of `value`, 0 to 6."""
    size = abs(value)
    if not np.isfinite(size) or size == 0:
        return 0
    return int(np.clip(digits - 1 - np.floor(np.log10(size) + 1e-9), 0, _MOST_DECIMALS))


def plain_number(value: float, digits: int = 3) -> str:
    """A finite number with so many significant digits, never with an exponent; "0" below a millionth.

    >>> plain_number(0.031249), plain_number(1.0), plain_number(1234.5), plain_number(1e-9)
    ('0.0312', '1.00', '1234', '0')
    """
    text = f"{value:.{decimals_of(value, digits)}f}"
    return text if float(text) else "0"


def count_text(n: int) -> str:
    """A count with its thousands apart."""
    return f"{n:,}".replace(",", NARROW_SPACE)


def draw_bottom_axis(painter: QPainter, axis: Axis, top: float, label: str) -> None:
    """Draw ticks below `top` with the painter's pen, and `label` below them, cut where it is too long."""
    metrics = painter.fontMetrics()
    high = float(metrics.height())
    for x, text in axis.ticks(6.0 * metrics.averageCharWidth() + metrics.horizontalAdvance("0.00")):
        painter.drawLine(QPointF(x, top), QPointF(x, top + _TICK))
        half = metrics.horizontalAdvance(text) / 2 + 1
        painter.drawText(QRectF(x - half, top + _TICK, 2 * half, high), Qt.AlignmentFlag.AlignCenter, text)
    whole = QRectF(painter.window().left(), top + _TICK + high, painter.window().width(), high)
    text = metrics.elidedText(label, Qt.TextElideMode.ElideRight, int(whole.width()))
    wide = float(metrics.horizontalAdvance(text))
    x = min(max((axis.start + axis.stop - wide) / 2, whole.left()), whole.right() - wide)
    painter.drawText(QRectF(x, whole.top(), wide + 1, high), Qt.AlignmentFlag.AlignLeft, text)


def draw_side_axis(painter: QPainter, axis: Axis, x: float, side: int) -> float:
    """Draw the ticks of an upright axis left (`side` -1) or right (1) of `x`; return the width of what is drawn."""
    metrics = painter.fontMetrics()
    high, widest = float(metrics.height()), 0.0
    for y, text in axis.ticks(2.2 * high):
        painter.drawLine(QPointF(x, y), QPointF(x + side * _TICK, y))
        wide = float(metrics.horizontalAdvance(text)) + 1
        left = x - _TICK - 3 - wide if side < 0 else x + _TICK + 3
        painter.drawText(QRectF(left, y - high / 2, wide, high), Qt.AlignmentFlag.AlignCenter, text)
        widest = max(widest, wide)
    return _TICK + 3 + widest


def draw_upright(painter: QPainter, text: str, short: str, x: float, middle: float, length: float) -> None:
    """Write `text` from below upwards, centred on (x, middle), or `short` where it is longer than `length`."""
    metrics = painter.fontMetrics()
    text = text if metrics.horizontalAdvance(text) <= length else short
    painter.save()
    painter.translate(x, middle)
    painter.rotate(-90)
    high = float(metrics.height())
    painter.drawText(QRectF(-length / 2, -high / 2, length, high), Qt.AlignmentFlag.AlignCenter, text)
    painter.restore()


def axis_height(high: float) -> float:
    """Pixels that a bottom axis with its label takes, for letters `high`."""
    return _TICK + 2 * high + 2
