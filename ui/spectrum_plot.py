"""The plot of spectra on pyqtgraph: wheel and drag zoom the wavelengths, the values follow what is in sight."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
from qgis.PyQt.QtCore import QEvent, QObject, QPointF, QRectF, Qt
from qgis.PyQt.QtGui import QFontMetricsF, QPainterPath, QPen, QPolygonF
from qgis.PyQt.QtWidgets import QGraphicsItem, QGraphicsPathItem, QGraphicsRectItem, QWidget

from .plot_library import pyqtgraph
from .shown import Curve, Float
from .spectrum_legend import SIGMA_OPACITY, curve_pen, halo_pen, sample_colour
from .spectrum_picture import Picture, ReadOut, alone, flattened, runs
from .spectrum_view import SpectrumView
from .theme import translucent

_NARROWEST_NM = 20.0
_DOT, _CURSOR_DOT = 5, 9
_GRID = 60
"""Opacity, of 255."""
_REGION, _SAMPLE, _SIGMA, _MASKED, _CURVE, _DOTS, _CURSOR = range(-10, 60, 10)
"""What lies above what."""


class SpectrumPlot(SpectrumView):
    """See SpectrumView. Raises RuntimeError where pyqtgraph is missing: use PaintedSpectrum there."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        library = pyqtgraph()
        if library is None:
            raise RuntimeError("pyqtgraph is not installed")
        self._library = library
        self._plot: Any = library.PlotWidget()
        self._box: Any = self._plot.getViewBox()
        super().__init__(self._plot, self._plot.viewport(), parent)
        self._regions = _Pool(self._add_region)
        self._sigmas = _Pool(self._add_sigma)
        self._masked = _Pool(lambda: self._add_curve(_MASKED))
        self._curves = _Pool(lambda: self._add_curve(_CURVE))
        self._sample = self._add_curve(_SAMPLE, antialias=False)
        # the many lines are drawn once, not at every move of the cursor over them
        self._sample.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
        self._dots = library.ScatterPlotItem(size=_DOT, pen=None)
        self._line = library.InfiniteLine(angle=90)
        self._point = library.ScatterPlotItem(size=_CURSOR_DOT)
        for item, z in ((self._dots, _DOTS), (self._line, _CURSOR), (self._point, _CURSOR + 1)):
            item.setZValue(z)
            self._box.addItem(item, ignoreBounds=True)
        self._set_up_axes()
        self._show_cursor(None)
        self._box.sigRangeChangedManually.connect(self._on_zoomed)
        self._box.sigResized.connect(lambda _: self._colour_axis("left", self._y_label()))
        self._redraw()

    def _set_up_axes(self) -> None:
        self._plot.hideButtons()
        self._plot.setMenuEnabled(False)
        self._plot.setMouseEnabled(x=True, y=False)
        self._plot.setFrameShape(self._plot.Shape.NoFrame)
        self._box.disableAutoRange()
        self._box.setDefaultPadding(0)
        metrics = QFontMetricsF(self.font())
        for side in ("left", "bottom"):
            axis = self._plot.getAxis(side)
            axis.enableAutoSIPrefix(False)
            axis.setStyle(tickFont=self.font(), tickLength=-5 if side == "left" else 5, autoExpandTextSpace=False,
                          hideOverlappingLabels=round(metrics.horizontalAdvance("00000")))
        # an axis that has a grid leaves out its outer labels; this one has no labels
        grid = self._plot.getAxis("right")
        self._plot.showAxis("right")
        grid.setStyle(showValues=False, tickLength=0)
        grid.setWidth(1)
        grid.setGrid(_GRID)
        # a width of its own: the curves must not move when the numbers get longer
        self._plot.getAxis("left").setWidth(metrics.horizontalAdvance("0.000") + metrics.height() + 22)
        self._plot.getAxis("bottom").setHeight(2 * metrics.height() + 14)
        self._plot.getPlotItem().layout.setContentsMargins(0, metrics.height() / 2, metrics.height(), 4)

    def _add_region(self) -> QGraphicsRectItem:
        item = QGraphicsRectItem()
        item.setPen(QPen(Qt.PenStyle.NoPen))
        return self._added(item, _REGION)

    def _add_sigma(self) -> QGraphicsPathItem:
        item = QGraphicsPathItem()
        item.setPen(QPen(Qt.PenStyle.NoPen))
        return self._added(item, _SIGMA)

    def _add_curve(self, z: int, antialias: bool = True) -> Any:
        return self._added(self._library.PlotCurveItem(connect="finite", antialias=antialias), z)

    def _added(self, item: Any, z: int) -> Any:
        item.setZValue(z)
        self._box.addItem(item, ignoreBounds=True)
        return item

    def _redraw(self) -> None:
        picture = self.picture
        for axis, label in (("bottom", picture.x_label), ("left", self._y_label())):
            self._colour_axis(axis, label)
        self._plot.setBackground(picture.theme.background)
        self._set_range()
        self._draw_sample(picture)
        self._draw_curves(picture)
        self._draw_dots(picture)

    def _y_label(self) -> str:
        """The quantity, without its unit where the axis is too short for both."""
        label = self.picture.content.quantity
        fits = QFontMetricsF(self.font()).horizontalAdvance(label) <= self._box.height()
        return label if fits else label.partition(" (")[0]

    def _colour_axis(self, name: str, label: str) -> None:
        axis, theme = self._plot.getAxis(name), self.picture.theme
        if axis.labelText != label or axis.textPen().color() != theme.foreground:
            axis.setPen(theme.faint)
            axis.setTextPen(theme.foreground)
            axis.setLabel(label, color=theme.foreground.name())
            self._plot.getAxis("right").setPen(theme.faint)

    def _set_range(self) -> None:
        picture = self.picture
        whole, x, y = picture.whole_nm, picture.x_nm, picture.y
        factor = picture.factor
        narrowest = min(_NARROWEST_NM, whole[1] - whole[0]) * factor
        self._box.setLimits(xMin=whole[0] * factor, xMax=whole[1] * factor, minXRange=narrowest)
        self._box.setRange(xRange=(x[0] * factor, x[1] * factor), yRange=y, padding=0, disableAutoRange=True)
        for item, region in self._regions.items(picture.content.regions):
            left, right = region.start_nm * factor, region.stop_nm * factor
            item.setRect(QRectF(left, y[0], right - left, y[1] - y[0]))
            item.setBrush(picture.theme.reason_colour(region.reason))

    def _on_zoomed(self, *_: object) -> None:
        low, high = (float(v) / self.picture.factor for v in self._box.viewRange()[0])
        whole = self.picture.whole_nm
        everything = high - low > 0.999 * (whole[1] - whole[0])
        self._picture = self._picture.zoomed(None if everything else (low, high))
        self._set_range()

    def _draw_sample(self, picture: Picture) -> None:
        content = picture.content
        sample, wavelength_nm = content.sample, content.sample_nm
        if sample is not None and wavelength_nm is not None and len(sample):
            x, y = flattened(wavelength_nm * picture.factor, sample)
            self._sample.setData(x, y)
            self._sample.setPen(QPen(sample_colour(content, picture.theme, len(sample)), 0))
            self._sample.show()
            return
        self._sample.hide()
        if self._sample.xData is not None:
            self._sample.setData([], [])

    def _draw_curves(self, picture: Picture) -> None:
        curves = picture.content.curves
        for z, (item, curve) in enumerate(self._curves.items(curves)):
            item.setData(curve.wavelength_nm * picture.factor, picture.values(curve))
            item.setPen(self._on_screen(curve_pen(curve, picture.theme)))
            item.setShadowPen(self._on_screen(halo_pen(curve, picture.theme)))
            item.setZValue(_CURVE + z / (len(curves) + 1))
        for item, curve in self._masked.items([c for c in curves if picture.masked(c) is not None]):
            item.setData(curve.wavelength_nm * picture.factor, curve.masked_values)
            item.setPen(self._on_screen(_dotted(picture, curve)))
        for item, curve in self._sigmas.items([c for c in curves if c.sigma is not None]):
            item.setPath(_band(curve, picture.factor))
            item.setBrush(translucent(picture.theme.curve_colour(curve.colour), SIGMA_OPACITY))

    def _on_screen(self, pen: Optional[QPen]) -> Optional[QPen]:
        """The pen in pixels of the screen, whatever the axes are; as wide on a high-DPI screen as on another."""
        if pen is not None:
            pen.setCosmetic(True)
            pen.setWidthF(pen.widthF() * self.devicePixelRatioF())
        return pen

    def _draw_dots(self, picture: Picture) -> None:
        """What no line shows: values between masked neighbours."""
        x, y, brushes = [], [], []
        for curve in picture.content.curves:
            for values, opacity in ((picture.values(curve), 1.0), (picture.masked(curve), 0.6)):
                single = alone(values) if values is not None else ()
                if values is not None and len(single):
                    x += (curve.wavelength_nm[single] * picture.factor).tolist()
                    y += values[single].tolist()
                    brushes += [translucent(picture.theme.curve_colour(curve.colour), opacity)] * len(single)
        self._dots.setData(x=x, y=y, brush=brushes)

    def _show_cursor(self, read: Optional[ReadOut]) -> None:
        seen = read is not None and read.curve is not None and bool(np.isfinite(read.value))
        self._line.setVisible(read is not None)
        self._point.setVisible(seen)
        if read is not None:
            x = read.wavelength_nm * self.picture.factor
            self._line.setPen(self.picture.theme.faint)
            self._line.setValue(x)
            if seen and read.curve is not None:
                colour = self.picture.theme.curve_colour(read.curve.colour)
                self._point.setData(x=[x], y=[read.value], brush=colour, pen=self.picture.theme.background)

    def data_at(self, position: QPointF) -> Optional[tuple[float, float]]:
        place = self._plot.mapToScene(position.toPoint())
        if not self._box.sceneBoundingRect().contains(place):
            return None
        at = self._box.mapSceneToView(place)
        return float(at.x()) / self.picture.factor, float(at.y())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if watched is self.tracked and event.type() == QEvent.Type.MouseButtonDblClick:
            self.reset_zoom()
            return True
        return super().eventFilter(watched, event)


class _Pool:
    """Items that are kept and used again: making them is what takes time."""

    def __init__(self, make: Any) -> None:
        self._make = make
        self._made: list[Any] = []

    def items(self, wanted: Any) -> list[tuple[Any, Any]]:
        """An item for each thing wanted; the others are hidden."""
        while len(self._made) < len(wanted):
            self._made.append(self._make())
        for i, item in enumerate(self._made):
            item.setVisible(i < len(wanted))
        return list(zip(self._made, wanted))


def _dotted(picture: Picture, curve: Curve) -> QPen:
    return QPen(translucent(picture.theme.curve_colour(curve.colour), 0.6), 1.2, Qt.PenStyle.DotLine)


def _band(curve: Curve, factor: float) -> QPainterPath:
    """Mean ± sigma, one polygon for each unbroken stretch."""
    path = QPainterPath()
    sigma: Float = np.asarray(curve.sigma)
    above, below, x = curve.values + sigma, curve.values - sigma, curve.wavelength_nm * factor
    for run in runs(above):
        edge = [*zip(x[run], above[run]), *zip(x[run][::-1], below[run][::-1])]
        path.addPolygon(QPolygonF([QPointF(float(a), float(b)) for a, b in edge]))
        path.closeSubpath()
    return path
