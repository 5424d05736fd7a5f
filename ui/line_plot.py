"""The spectra along a line as an image of distance and wavelength, with the score of each pixel below it."""

from __future__ import annotations

from typing import Optional

import numpy as np
import numpy.typing as npt
from qgis.PyQt.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, pyqtSignal
from qgis.PyQt.QtGui import (
    QBrush,
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPalette,
    QPen,
    QPixmap,
    QResizeEvent,
)
from qgis.PyQt.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from ..core.portrait import value_range
from .axes import NARROW_SPACE, Axis, axis_height, draw_bottom_axis, draw_side_axis, draw_upright, plain_number
from .colour_scale import colour_range, coloured, ramp
from .score_plot import fitting_label, unit_text
from .shown import LineContent
from .spectrum_picture import UNITS
from .theme import Theme

_SCORE_PART = 0.28
"""Share of the height that the scores take."""
_WORDS = 130
"""Letters of the longest reading."""
_KM_FROM_M = 2000.0
_EMPTY = "Draw a line on the map to see the spectra along it."


class LinePlot(QWidget):
    """Distance across, wavelength up; hovering reads values and tells the pixel, so that the map can show it."""

    hovered = pyqtSignal(int)
    """Which pixel of the line the marker is at; -1 for none."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.picture = LinePicture()
        self._last = -1
        self._reading = QLabel()
        self._reading.setWordWrap(True)
        self._reading.setAccessibleName("Values at the marker")
        self._reading.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._reading.setAlignment(Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.addWidget(self.picture, 1)
        column.addWidget(self._reading)
        self.picture.moved.connect(self._read)

    @property
    def reading(self) -> str:
        """The words below the picture: what is at the marker."""
        return self._reading.text()

    def show_line(self, content: LineContent) -> None:
        """Replace what is shown."""
        self.picture.show_line(content)

    def clear(self) -> None:
        """Show no line."""
        self.picture.show_line(None)

    def set_theme(self, theme: Theme) -> None:
        """Use other colours."""
        self.picture.set_theme(theme)

    def set_unit(self, unit: str) -> None:
        """Give wavelengths in "nm" or "µm"."""
        self.picture.set_unit(unit)
        self._reading.setText(self.picture.words())

    def image(self, scale: float = 1.0) -> QImage:
        """The picture without its marker, `scale` times as large and as sharp; empty without a line."""
        return self.picture.image(scale)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep room for the words, so that the picture never changes its height while it is read."""
        super().resizeEvent(event)
        metrics = self._reading.fontMetrics()
        lines = 1 + _WORDS * metrics.averageCharWidth() // max(self.width(), 1)
        self._reading.setFixedHeight(int(lines) * metrics.lineSpacing() + 6)  # a theme may add a margin

    def _read(self, pixel: int) -> None:
        self._reading.setText(self.picture.words())
        if pixel != self._last:
            self._last = pixel
            self.hovered.emit(pixel)


class LinePicture(QWidget):
    """The painted part: image, colour scale, scores, marker."""

    moved = pyqtSignal(int)
    """The marker is at this pixel, -1 for none; also told when only its wavelength changed."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._content: Optional[LineContent] = None
        self._image = QImage()
        self._range = (0.0, 1.0)
        self._theme, self._own_theme = Theme.of(self.palette()), True
        self._unit = "nm"
        self._still: Optional[QPixmap] = None
        self._distance_m, self._nm = float("nan"), float("nan")
        self._pixel = -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Spectra along the line")
        self.setToolTip("Move the pointer, or the left and right arrow keys, along the line to read its pixels")

    @property
    def pixel(self) -> int:
        """Where the marker is; -1 for nowhere."""
        return self._pixel

    def show_line(self, content: Optional[LineContent]) -> None:
        """Replace what is shown; None shows a hint."""
        self._content = content
        self._image = QImage()
        if content is not None:
            self._range = colour_range(content.image.values)
            self._image = coloured(content.image.values, *self._range)
        n = 0 if content is None else len(content.places)
        self.setAccessibleDescription(f"{n} pixels, {content.quantity}" if content is not None else _EMPTY)
        self._place(-1, float("nan"), float("nan"))
        self._redraw()

    def set_theme(self, theme: Theme) -> None:
        """Use other colours than those of the palette."""
        self._theme, self._own_theme = theme, False
        self._redraw()

    def set_unit(self, unit: str) -> None:
        """Give wavelengths in "nm" or "µm"."""
        UNITS[unit]
        self._unit = unit
        self._redraw()

    def place_of(self, pixel: int, wavelength_nm: float) -> QPoint:
        """Where a pixel of the line has a wavelength, for pointing at it."""
        across, up = self._across(), self._up()
        return QPoint(round(across.to_pixel(self._middle(pixel))), round(up.to_pixel(wavelength_nm)))

    def words(self) -> str:
        """What is at the marker: distance, pixel, place, score, value."""
        content, i = self._content, self._pixel
        if content is None or i < 0:
            return ""
        place = content.places[i]
        said = [_distance_text(self._distance_m), f"row {place.downtrack}, column {place.crosstrack}"]
        if np.isfinite(place.lon) and np.isfinite(place.lat):
            said.append(f"lon {place.lon:.5f}°, lat {place.lat:.5f}°")
        if content.scores is not None and content.metric is not None:
            score = float(content.scores[i])
            said.append(f"{content.metric.title} {plain_number(score)}{unit_text(content.metric)}"
                        if np.isfinite(score) else "no score")
        value = self._value()
        if value is not None:
            said.append(f"{self._nm_text()}: {plain_number(value) if np.isfinite(value) else 'masked'}")
        return "  ·  ".join(said)

    def sizeHint(self) -> QSize:
        """Room for both parts."""
        high = self.fontMetrics().height()
        return QSize(26 * high, 18 * high)

    def minimumSizeHint(self) -> QSize:
        """Enough for the axes."""
        high = self.fontMetrics().height()
        return QSize(14 * high, 11 * high)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """The marker follows the pointer over image and scores."""
        content, at = self._content, QPointF(event.pos())
        area = self._image_area()
        if content is None or not area.left() <= at.x() <= area.right() or not 0 <= at.y() <= self._bottom():
            self._place(-1, float("nan"), float("nan"))
            return
        distance = self._across().to_value(at.x())
        inside = area.top() <= at.y() <= area.bottom()
        self._place(content.image.pixel_at(distance), distance, self._up().to_value(at.y()) if inside else float("nan"))

    def leaveEvent(self, event: QEvent) -> None:
        """No marker without the pointer."""
        self._place(-1, float("nan"), float("nan"))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The marker goes from pixel to pixel."""
        ways = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if event.key() not in ways or self._content is None:
            super().keyPressEvent(event)
            return
        most = len(self._content.places) - 1
        start = self._pixel if self._pixel >= 0 else (-1 if ways[event.key()] > 0 else most + 1)
        pixel = min(max(start + ways[event.key()], 0), most)
        self._place(pixel, self._middle(pixel), self._nm)

    def changeEvent(self, event: QEvent) -> None:
        """Follow the palette, unless a theme was given."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            if self._own_theme:
                self._theme = Theme.of(self.palette())
            self._redraw()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what stands still once, and the marker over it."""
        painter = QPainter(self)
        if self._content is None:
            painter.setPen(self._theme.faint)
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, _EMPTY)
            return
        ratio = self.devicePixelRatioF()
        if self._still is None or self._still.size() != self.size() * ratio:
            self._still = self._drawn(self._content, ratio, QColor(Qt.GlobalColor.transparent))
        painter.drawPixmap(0, 0, self._still)
        self._draw_marker(painter)
        if self.hasFocus():
            painter.setPen(QPen(self._theme.highlight, 1.5))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 3, 3)

    def image(self, scale: float) -> QImage:
        ground = self.palette().color(QPalette.ColorRole.Window)
        return QImage() if self._content is None else self._drawn(self._content, scale, ground).toImage()

    def _drawn(self, content: LineContent, ratio: float, ground: QColor) -> QPixmap:
        """All but the marker."""
        still = QPixmap(self.size() * ratio)
        still.setDevicePixelRatio(ratio)
        still.fill(ground)
        painter = QPainter(still)
        painter.setWindow(self.rect())
        painter.setViewport(self.rect())
        painter.setFont(self.font())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area, up = self._image_area(), self._up()
        painter.fillRect(area, self._theme.background)
        painter.fillRect(area, QBrush(self._theme.faint, Qt.BrushStyle.BDiagPattern))
        painter.drawImage(area, self._image)
        painter.setPen(self._theme.foreground)
        scale = UNITS[self._unit]
        draw_side_axis(painter, Axis(up.low * scale, up.high * scale, up.start, up.stop), area.left(), -1)
        high = self.fontMetrics().height()
        draw_upright(painter, f"Wavelength ({self._unit})", self._unit, high / 2 + 1, area.center().y(), area.height())
        self._draw_scale(painter, content, area)
        if content.scores is not None:
            self._draw_scores(painter, content, content.scores)
        across = self._across()
        far = content.image.length_m >= _KM_FROM_M
        painter.setPen(self._theme.foreground)
        shown = Axis(0.0, across.high / (1000.0 if far else 1.0), across.start, across.stop)
        draw_bottom_axis(painter, shown, self._bottom(), f"Distance along the line ({'km' if far else 'm'})")
        painter.end()
        return still

    def _draw_scale(self, painter: QPainter, content: LineContent, area: QRectF) -> None:
        """What the colours mean, right of the image."""
        bar = QRectF(area.right() + 8, area.top(), self.fontMetrics().height() * 0.7, area.height())
        painter.drawImage(bar, ramp())
        axis = Axis(*self._range, bar.bottom(), bar.top())
        draw_side_axis(painter, axis, bar.right(), 1)
        high = self.fontMetrics().height()
        x = self.width() - high / 2 - 1
        draw_upright(painter, content.quantity, content.quantity, x, area.center().y(), area.height())

    def _draw_scores(self, painter: QPainter, content: LineContent, scores: npt.NDArray[np.floating]) -> None:
        """A step for each pixel; nothing where there is no score."""
        area, across = self._score_area(), self._across()
        low, high = value_range([np.asarray(scores)], 0.08)
        axis = Axis(low, high, area.bottom(), area.top())
        painter.fillRect(area, self._theme.background)
        painter.setPen(self._theme.foreground)
        draw_side_axis(painter, axis, area.left(), -1)
        letters = self.fontMetrics().height()
        if content.metric is not None:
            text = fitting_label(content.metric, self.fontMetrics(), self.width() - area.left())
            painter.drawText(QRectF(area.left(), area.top() - letters - 2, self.width() - area.left(), letters),
                             Qt.AlignmentFlag.AlignLeft, text)
        edges = [across.to_pixel(m) for m in (*content.along_m, content.image.length_m)]
        path, joined = QPainterPath(), False
        for left, right, score in zip(edges[:-1], edges[1:], scores):
            if not np.isfinite(score):
                joined = False
                continue
            y = axis.to_pixel(float(score))
            if joined:
                path.lineTo(left, y)
            else:
                path.moveTo(left, y)
            path.lineTo(right, y)
            joined = True
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)  # steps are upright and level
        painter.setPen(QPen(self._theme.foreground, 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(path)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self._theme.faint)
        painter.drawRect(area)

    def _draw_marker(self, painter: QPainter) -> None:
        """An upright line with a light edge, seen on any colour."""
        if self._pixel < 0:
            return
        area, x = self._image_area(), self._across().to_pixel(self._distance_m)
        lines = [(QPointF(x, area.top()), QPointF(x, self._bottom()))]
        if np.isfinite(self._nm):
            y = self._up().to_pixel(self._nm)
            lines.append((QPointF(area.left(), y), QPointF(area.right(), y)))
        for colour, wide in ((QColor(255, 255, 255, 200), 3.0), (QColor(0, 0, 0), 1.0)):
            painter.setPen(QPen(colour, wide))
            for start, stop in lines:
                painter.drawLine(start, stop)

    def _place(self, pixel: int, distance_m: float, wavelength_nm: float) -> None:
        """Put the marker somewhere and tell."""
        if pixel < 0 and self._pixel < 0:
            return
        self._pixel, self._distance_m, self._nm = pixel, distance_m, wavelength_nm
        self.update()
        self.moved.emit(pixel)

    def _redraw(self) -> None:
        """Draw anew what stands still."""
        self._still = None
        self.update()

    def _image_area(self) -> QRectF:
        """Where the image is."""
        metrics = self.fontMetrics()
        high = float(metrics.height())
        left = high + 10 + metrics.horizontalAdvance("0.000")
        right = high * 1.7 + 18 + metrics.horizontalAdvance("0.00")
        below = axis_height(high) + 2
        if self._content is not None and self._content.scores is not None:
            below += (self.height() - below) * _SCORE_PART + high + 6
        top = high / 2
        return QRectF(left, top, max(self.width() - left - right, 1.0), max(self.height() - top - below, 1.0))

    def _score_area(self) -> QRectF:
        """Where the scores are: below the image, as wide."""
        area = self._image_area()
        top = area.bottom() + self.fontMetrics().height() + 6
        return QRectF(area.left(), top, area.width(), max(self._bottom() - top, 1.0))

    def _bottom(self) -> float:
        """Where the axis of distance is."""
        return self.height() - axis_height(self.fontMetrics().height()) - 2.0

    def _across(self) -> Axis:
        """Metres to pixels."""
        area = self._image_area()
        return Axis(0.0, 1.0 if self._content is None else self._content.image.length_m, area.left(), area.right())

    def _up(self) -> Axis:
        """Nanometres to pixels."""
        area = self._image_area()
        low, high = (0.0, 1.0) if self._content is None else (self._content.image.first_nm, self._content.image.last_nm)
        return Axis(low, high, area.bottom(), area.top())

    def _middle(self, pixel: int) -> float:
        """Metres along the line to the middle of a pixel."""
        if self._content is None:
            return float("nan")
        edges = (*self._content.along_m, self._content.image.length_m)
        return float(edges[pixel] + edges[pixel + 1]) / 2

    def _value(self) -> Optional[float]:
        """The value of the pixel at the wavelength of the marker; NaN where masked, None without a wavelength."""
        if self._content is None or not np.isfinite(self._nm):
            return None
        image = self._content.image
        rows, columns = image.values.shape
        row = min(int((self._nm - image.first_nm) / (image.last_nm - image.first_nm) * rows), rows - 1)
        column = min(int(self._distance_m / image.length_m * columns), columns - 1)
        return float(image.values[row, column])

    def _nm_text(self) -> str:
        """The wavelength of the marker."""
        decimals = {"nm": 1, "µm": 4}[self._unit]
        return f"{self._nm * UNITS[self._unit]:.{decimals}f}{NARROW_SPACE}{self._unit}"


def _distance_text(metres: float) -> str:
    """Metres, or kilometres from a thousand on."""
    return f"{metres / 1000:.2f}{NARROW_SPACE}km" if metres >= 1000 else f"{metres:.0f}{NARROW_SPACE}m"
