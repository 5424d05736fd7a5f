"""Paint spectra with nothing but QPainter: on screen where pyqtgraph is missing, and always in PNG and SVG."""

from __future__ import annotations

from qgis.PyQt.QtCore import QPointF, QRectF, Qt
from qgis.PyQt.QtGui import QBrush, QFontMetricsF, QPainter, QPen, QPolygonF

from .axes import Axis, axis_height, draw_bottom_axis, draw_side_axis, draw_upright
from .shown import Curve, Float
from .spectrum_legend import (
    SIGMA_OPACITY,
    curve_pen,
    entries_of,
    halo_pen,
    legend_height,
    paint_legend,
    placed,
    sample_colour,
)
from .spectrum_picture import Picture, alone, runs
from .theme import translucent

_EDGE = 10.0
_DOT = 2.2


def paint_picture(painter: QPainter, rect: QRectF, picture: Picture) -> None:
    """Legend and plot, over the whole of `rect`."""
    painter.fillRect(rect, picture.theme.background)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    inside = rect.adjusted(_EDGE, _EDGE, -_EDGE, -_EDGE)
    if picture.options.legend_shown:
        entries = placed(entries_of(picture.content, picture.theme), QFontMetricsF(painter.font()), inside.width())
        above = legend_height(entries)
        painter.save()
        painter.translate(inside.topLeft())
        plot = Plot(painter, inside.adjusted(0, above + 0.6 * _EDGE if above else 0, 0, 0), picture)
        painter.restore()
        plot.paint()
        painter.save()
        painter.translate(inside.topLeft())
        paint_legend(painter, entries, picture.theme)
        painter.restore()
    else:
        Plot(painter, inside, picture).paint()


class Plot:
    """The axes within a rectangle, and what is painted between them."""

    def __init__(self, painter: QPainter, rect: QRectF, picture: Picture) -> None:
        self.painter, self.rect, self.picture = painter, rect, picture
        metrics = QFontMetricsF(painter.font())
        high = metrics.height()
        self.y = Axis(*picture.y, rect.bottom() - axis_height(high), rect.top() + high / 2)
        widest = max((metrics.horizontalAdvance(text) for _, text in self.y.ticks(2.2 * high)), default=0.0)
        left = rect.left() + high + 12 + max(widest, metrics.horizontalAdvance("0.000"))
        wide, tall = rect.right() - left - high, self.y.start - self.y.stop
        self.area = QRectF(left, self.y.stop, max(wide, 1.0), max(tall, 1.0))
        low, top = picture.x_nm
        self.x = Axis(low * picture.factor, top * picture.factor, self.area.left(), self.area.right())

    def to_data(self, position: QPointF) -> tuple[float, float]:
        """Wavelength in nm and value at a place."""
        return self.x.to_value(position.x()) / self.picture.factor, self.y.to_value(position.y())

    def at(self, wavelength_nm: float, value: float) -> QPointF:
        """Where a value stands."""
        return QPointF(self.x.to_pixel(wavelength_nm * self.picture.factor), self.y.to_pixel(value))

    def paint(self) -> None:
        """Everything, from the back to the front."""
        self._regions()
        self._grid()
        self._sample()
        for curve in self.picture.content.curves:
            self._sigma(curve)
        for curve in self.picture.content.curves:
            self._curve(curve)
        self._margins()
        self._axes()

    def _regions(self) -> None:
        for region in self.picture.content.regions:
            left, right = self.at(region.start_nm, 0).x(), self.at(region.stop_nm, 0).x()
            rect = QRectF(left, self.area.top(), right - left, self.area.height()) & self.area
            self.painter.fillRect(rect, self.picture.theme.reason_colour(region.reason))

    def _grid(self) -> None:
        self.painter.setPen(QPen(self.picture.theme.grid, 1))
        for y, _ in self.y.ticks(2.2 * self.painter.fontMetrics().height()):
            self.painter.drawLine(QPointF(self.area.left(), y), QPointF(self.area.right(), y))

    def _sample(self) -> None:
        content = self.picture.content
        if content.sample is None or content.sample_nm is None:
            return
        pen = QPen(sample_colour(content, self.picture.theme, len(content.sample)), 1)
        for row in content.sample:
            self._lines(content.sample_nm, row, pen)

    def _sigma(self, curve: Curve) -> None:
        if curve.sigma is None:
            return
        self.painter.setPen(Qt.PenStyle.NoPen)
        self.painter.setBrush(translucent(self.picture.theme.curve_colour(curve.colour), SIGMA_OPACITY))
        above, below = curve.values + curve.sigma, curve.values - curve.sigma
        for run in runs(above):
            upper = self._points(curve.wavelength_nm[run], above[run])
            lower = self._points(curve.wavelength_nm[run][::-1], below[run][::-1])
            self.painter.drawPolygon(QPolygonF(upper + lower))
        self.painter.setBrush(QBrush())

    def _curve(self, curve: Curve) -> None:
        masked = self.picture.masked(curve)
        if masked is not None:
            faint = QPen(translucent(self.picture.theme.curve_colour(curve.colour), 0.6), 1.2, Qt.PenStyle.DotLine)
            self._lines(curve.wavelength_nm, masked, faint)
        for pen in (halo_pen(curve, self.picture.theme), curve_pen(curve, self.picture.theme)):
            if pen is not None:
                self._lines(curve.wavelength_nm, self.picture.values(curve), pen)

    def _lines(self, wavelength_nm: Float, values: Float, pen: QPen) -> None:
        """Unbroken stretches as lines, a value without neighbours as a dot."""
        self.painter.setPen(pen)
        for run in runs(values):
            self.painter.drawPolyline(QPolygonF(self._points(wavelength_nm[run], values[run])))
        self.painter.setPen(Qt.PenStyle.NoPen)
        self.painter.setBrush(pen.color())
        single = alone(values)
        for point in self._points(wavelength_nm[single], values[single]):
            self.painter.drawEllipse(point, _DOT, _DOT)
        self.painter.setBrush(QBrush())

    def _points(self, wavelength_nm: Float, values: Float) -> list[QPointF]:
        x = _pixels(self.x, wavelength_nm * self.picture.factor)
        return [QPointF(a, b) for a, b in zip(x.tolist(), _pixels(self.y, values).tolist())]

    def _margins(self) -> None:
        """Cover what reaches beyond the axes: a clip would be lost in SVG files of Qt 5."""
        whole, area, colour = self.rect.adjusted(-_EDGE, 0, _EDGE, _EDGE), self.area, self.picture.theme.background
        tall = 10 * whole.height()
        self.painter.fillRect(QRectF(whole.left(), area.top() - tall, whole.width(), tall), colour)
        self.painter.fillRect(QRectF(whole.left(), area.bottom(), whole.width(), tall), colour)
        self.painter.fillRect(QRectF(whole.left(), whole.top(), area.left() - whole.left(), whole.height()), colour)
        self.painter.fillRect(QRectF(area.right(), whole.top(), whole.right() - area.right(), whole.height()), colour)

    def _axes(self) -> None:
        theme = self.picture.theme
        self.painter.setPen(QPen(theme.faint, 1))
        self.painter.drawLine(self.area.bottomLeft(), self.area.bottomRight())
        self.painter.drawLine(self.area.bottomLeft(), self.area.topLeft())
        self.painter.setPen(QPen(theme.foreground, 1))
        draw_bottom_axis(self.painter, self.x, self.area.bottom(), self.picture.x_label)
        draw_side_axis(self.painter, self.y, self.area.left(), -1)
        middle = self.rect.left() + self.painter.fontMetrics().height() / 2
        label = self.picture.content.quantity
        draw_upright(self.painter, label, label.split(" (")[0], middle, self.area.center().y(), self.area.height())


def _pixels(axis: Axis, values: Float) -> Float:
    return axis.start + (values - axis.low) * ((axis.stop - axis.start) / (axis.high - axis.low))
