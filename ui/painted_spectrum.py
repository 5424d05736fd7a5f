"""The plot of spectra where pyqtgraph is missing: the same content and legend, without zoom."""

from __future__ import annotations

from typing import Optional

from qgis.PyQt.QtCore import QPointF, QRectF
from qgis.PyQt.QtGui import QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent
from qgis.PyQt.QtWidgets import QWidget

from .spectrum_painting import Plot
from .spectrum_picture import Picture, ReadOut
from .spectrum_view import SpectrumView

_DOT = 4.0


class PaintedSpectrum(SpectrumView):
    """See SpectrumView."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        self._canvas = _Canvas()
        super().__init__(self._canvas, self._canvas, parent)
        self._redraw()

    def _redraw(self) -> None:
        self._canvas.show_picture(self.picture)

    def _show_cursor(self, read: Optional[ReadOut]) -> None:
        self._canvas.show_cursor(read)

    def data_at(self, position: QPointF) -> Optional[tuple[float, float]]:
        plot = self._canvas.plot
        return plot.to_data(position) if plot is not None and plot.area.contains(position) else None


class _Canvas(QWidget):
    """Paints a picture once, and the cursor over it as often as it moves."""

    def __init__(self) -> None:
        super().__init__()
        self.plot: Optional[Plot] = None
        self._picture: Optional[Picture] = None
        self._pixmap: Optional[QPixmap] = None
        self._read: Optional[ReadOut] = None

    def show_picture(self, picture: Picture) -> None:
        """Replace it."""
        self._picture, self._pixmap, self._read = picture, None, None
        self.update()

    def show_cursor(self, read: Optional[ReadOut]) -> None:
        """Mark a value; None takes the mark away."""
        self._read = read
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._pixmap = None

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        if self._picture is None:
            return
        if self._pixmap is None or self._pixmap.devicePixelRatioF() != self.devicePixelRatioF():
            self._pixmap = self._painted(self._picture)
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._pixmap)
        if self.plot is not None and self._read is not None:
            self._paint_cursor(painter, self.plot, self._read)
        painter.end()

    def _painted(self, picture: Picture) -> QPixmap:
        pixmap = QPixmap(self.size() * self.devicePixelRatioF())
        pixmap.setDevicePixelRatio(self.devicePixelRatioF())
        pixmap.fill(picture.theme.background)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self.font())
        self.plot = Plot(painter, QRectF(self.rect()), picture)
        self.plot.paint()
        painter.end()
        return pixmap

    def _paint_cursor(self, painter: QPainter, plot: Plot, read: ReadOut) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        top = plot.at(read.wavelength_nm, plot.y.high)
        painter.setPen(QPen(plot.picture.theme.faint, 1))
        painter.drawLine(top, plot.at(read.wavelength_nm, plot.y.low))
        if read.curve is not None and read.value == read.value:
            painter.setBrush(plot.picture.theme.curve_colour(read.curve.colour))
            painter.drawEllipse(plot.at(read.wavelength_nm, read.value), _DOT, _DOT)
