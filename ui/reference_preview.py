"""A small drawing of one reference spectrum."""

from __future__ import annotations

from typing import Optional

import numpy as np
from qgis.PyQt.QtCore import QPointF, QRectF, QSize, Qt
from qgis.PyQt.QtGui import QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from qgis.PyQt.QtWidgets import QSizePolicy, QWidget

from ..core.libraries import ReferenceSpectrum


class ReferencePreview(QWidget):
    """The curve with its wavelength range and its lowest and highest reflectance; channels without a value are gaps."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._spectrum: Optional[ReferenceSpectrum] = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Preview of the reference")

    def show_spectrum(self, spectrum: Optional[ReferenceSpectrum]) -> None:
        """Draw `spectrum`; None empties the drawing."""
        self._spectrum = spectrum
        shown = "" if spectrum is None else f"Reflectance of {spectrum.name}, {_range(spectrum.wavelength_nm)} nm"
        self.setAccessibleDescription(shown)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        """About thirty letters wide and nine lines high."""
        metrics = self.fontMetrics()
        return QSize(30 * metrics.averageCharWidth(), 9 * metrics.height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """The same."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Frame, curve, and the four numbers at its ends."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette, line = self.palette(), self.fontMetrics().height()
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5 - line * 1.25)
        painter.setPen(QPen(palette.color(QPalette.ColorRole.Mid), 1))
        painter.setBrush(palette.base())
        painter.drawRect(frame)
        spectrum = self._spectrum
        valid = np.isfinite(spectrum.reflectance) if spectrum else np.zeros(0, bool)
        if spectrum is not None and valid.any():
            self._draw(painter, frame, spectrum.wavelength_nm, np.where(valid, spectrum.reflectance, np.nan))
        painter.end()

    def _draw(self, painter: QPainter, frame: QRectF, nm: np.ndarray, values: np.ndarray) -> None:
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        text, line = self.palette().color(QPalette.ColorRole.Text), self.fontMetrics().height()
        painter.setPen(text)
        inner = frame.adjusted(4, 2, -4, -2)
        painter.drawText(inner, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, f"{high:.2f}")
        painter.drawText(inner, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, f"{low:.2f}")
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        below = QRectF(0, frame.bottom(), self.width(), line * 1.25)
        centred = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(below, centred | Qt.AlignmentFlag.AlignLeft, f"{nm[0]:.0f} nm")
        painter.drawText(below, centred | Qt.AlignmentFlag.AlignRight, f"{nm[-1]:.0f} nm")
        left = self.fontMetrics().horizontalAdvance("0.000") + 4
        room = frame.adjusted(left, line * 0.5, -6, -line * 0.5)
        x = room.left() + (nm - nm[0]) / max(nm[-1] - nm[0], 1e-9) * room.width()
        y = room.bottom() - (values - low) / max(high - low, 1e-9) * room.height()
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 1.6))
        for start, stop in _runs(np.isfinite(values)):
            points = [QPointF(*point) for point in zip(x[start:stop].tolist(), y[start:stop].tolist())]
            painter.drawPolyline(QPolygonF(points if len(points) > 1 else points * 2))


def _range(nm: np.ndarray) -> str:
    return f"{nm[0]:.0f} to {nm[-1]:.0f}" if nm.size else "no"


def _runs(valid: np.ndarray) -> list[tuple[int, int]]:
    """(start, stop) of the unbroken stretches."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], valid, [False])).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist()))
