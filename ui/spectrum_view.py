"""What the two plots of spectra, of pyqtgraph and painted, have in common: state, legend, pointer, keys, export."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

import numpy as np
from qgis.PyQt.QtCore import QBuffer, QEvent, QObject, QPointF, QRectF, QSize, Qt, pyqtSignal
from qgis.PyQt.QtGui import QFocusEvent, QImage, QKeyEvent, QPainter, QPaintEvent, QPen
from qgis.PyQt.QtSvg import QSvgGenerator
from qgis.PyQt.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from .shown import SpectrumContent
from .spectrum_legend import Legend, entries_of
from .spectrum_painting import paint_picture
from .spectrum_picture import Picture, ReadOut, ViewOptions, viewed
from .theme import Theme

_LEAST_LINES = 6
"""Lines of text that the surface is high at least: below, the labels of its axis overlap."""
_SMALLEST_EXPORT = QSize(640, 400)
_STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_PageUp: 10, Qt.Key.Key_PageDown: -10,
          Qt.Key.Key_Home: -1_000_000, Qt.Key.Key_End: 1_000_000}


class SpectrumView(QWidget):
    """A plot of spectra; a subclass gives it a surface and draws on that.

    Left and Right move the read-out band by band over the candidate, Home and End to its ends; Escape ends that.
    """

    hovered = pyqtSignal(object)
    """The ReadOut under the pointer or the keyboard's cursor; None when there is none any more."""

    def __init__(self, surface: QWidget, tracked: QWidget, parent: Optional[QWidget] = None) -> None:
        """`tracked` is the widget that gets the mouse events of `surface`."""
        super().__init__(parent)
        self.surface, self.tracked = surface, tracked
        self.legend = Legend()
        self._content = SpectrumContent(())
        self._picture = Picture(self._content, ViewOptions(), Theme.of(self.palette()))
        self._read: Optional[ReadOut] = None
        self._cursor_nm: Optional[float] = None
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.setSpacing(4)
        column.addWidget(self.legend)
        column.addWidget(surface, 1)
        surface.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        surface.setMinimumHeight(_LEAST_LINES * self.fontMetrics().height())
        tracked.setMouseTracking(True)
        tracked.installEventFilter(self)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Plot of spectra")
        self.setAccessibleDescription("Left and Right read the values band by band, Home and End go to the ends.")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(200, 140)

    @property
    def picture(self) -> Picture:
        """What is shown, as it is seen in the view that was chosen, and how."""
        return self._picture

    def show_content(self, content: SpectrumContent) -> None:
        """Replace what is shown; a zoom of the wavelengths stays where it still holds something."""
        self._content = content
        shown = viewed(content, self._picture.options.view)
        self._change(replace(self._picture, content=shown).zoomed(self._picture.zoom_nm))
        self._set_read(None)

    def set_options(self, options: ViewOptions) -> None:
        """All of these at once."""
        content = self._picture.content
        if options.view != self._picture.options.view:
            content = viewed(self._content, options.view)
        self._change(replace(self._picture, content=content, options=options))
        self._set_read(None)

    def set_theme(self, theme: Theme) -> None:
        """Draw in other colours."""
        self._change(replace(self._picture, theme=theme))

    def reset_zoom(self) -> None:
        """Show all wavelengths."""
        self._change(self._picture.zoomed(None))

    def image(self, scale: float = 1.0) -> QImage:
        """A picture of the plot as it is, `scale` times as large and as sharp; at least 640 x 400 at scale 1."""
        size = self._export_size()
        image = QImage(size * scale, QImage.Format.Format_RGB32)
        painter = QPainter(image)
        painter.scale(scale, scale)
        self._export(painter, size)
        return image

    def write_svg(self, path: str) -> None:
        """The same as a drawing of lines and texts; raises OSError where the file cannot be written."""
        size = self._export_size()
        drawing, generator = QBuffer(), QSvgGenerator()  # the generator itself tells of no failed write
        generator.setOutputDevice(drawing)
        generator.setSize(size)
        generator.setViewBox(QRectF(0, 0, size.width(), size.height()))
        generator.setResolution(self.logicalDpiX())
        generator.setTitle("Spectra")
        self._export(QPainter(generator), size)
        with open(path, "wb") as file:
            file.write(drawing.data().data())

    def _export_size(self) -> QSize:
        return self.size().expandedTo(_SMALLEST_EXPORT)

    def _export(self, painter: QPainter, size: QSize) -> None:
        painter.setFont(self.font())
        paint_picture(painter, QRectF(0, 0, size.width(), size.height()), self._picture)
        painter.end()

    # what a subclass does

    def _redraw(self) -> None:
        """Draw `picture` anew."""
        raise NotImplementedError

    def _show_cursor(self, read: Optional[ReadOut]) -> None:
        """Mark what is read; None takes the mark away."""
        raise NotImplementedError

    def data_at(self, position: QPointF) -> Optional[tuple[float, float]]:
        """Wavelength in nm and value at a place of the tracked widget; None outside the axes."""
        raise NotImplementedError

    # state and events

    def _change(self, picture: Picture) -> None:
        self._picture = picture
        entries = entries_of(picture.content, picture.theme) if picture.options.legend_shown else ()
        self.legend.show_entries(entries, picture.theme)
        self.legend.setVisible(bool(entries))
        self._redraw()

    def _set_read(self, read: Optional[ReadOut]) -> None:
        if read is None and self._read is None:
            return
        self._read = read
        self._cursor_nm = self._cursor_nm if read is None else read.wavelength_nm
        self._show_cursor(read)
        self.hovered.emit(read)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if watched is self.tracked:
            if event.type() == QEvent.Type.Leave:
                self._set_read(None)
            elif event.type() == QEvent.Type.MouseMove and event.buttons() == Qt.MouseButton.NoButton:
                at = self.data_at(_position(event))
                self._set_read(None if at is None else self._picture.nearest(*at))
        return bool(super().eventFilter(watched, event))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() in _STEPS and self._step(_STEPS[event.key()]):
            return
        if event.key() == Qt.Key.Key_Escape and self._read is not None:
            self._set_read(None)
            return
        super().keyPressEvent(event)

    def _step(self, by: int) -> bool:
        """Move the cursor over the bands of the candidate that are looked at; False where there are none."""
        curve = self._picture.candidate
        if curve is None:
            return False
        low, high = self._picture.x_nm
        bands = np.flatnonzero((curve.wavelength_nm >= low) & (curve.wavelength_nm <= high))
        if not len(bands):
            return False
        start = bands[0] - 1 if by > 0 else bands[-1] + 1
        if self._cursor_nm is not None:
            start = int(np.abs(curve.wavelength_nm - self._cursor_nm).argmin())
        self._set_read(self._picture.read(curve, int(np.clip(start + by, bands[0], bands[-1]))))
        return True

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusOutEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._picture.theme.background)
        if self.hasFocus():
            painter.setPen(QPen(self._picture.theme.highlight, 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        painter.end()


def _position(event: Any) -> QPointF:
    """Of a mouse event, on Qt 5 and 6."""
    return event.position() if hasattr(event, "position") else event.localPos()
