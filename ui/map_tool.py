"""The tool with which places, lines and outlines are asked for on the map."""

from __future__ import annotations

from typing import Optional

from qgis.core import Qgis, QgsGeometry, QgsPointXY
from qgis.gui import QgsMapCanvas, QgsMapMouseEvent, QgsMapTool, QgsRubberBand
from qgis.PyQt.QtCore import QEvent, QObject, Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor, QKeyEvent

from .settings import MODES

_NEEDED = {"point": 1, "line": 2, "polygon": 3}
_TOO_FEW = {
    "line": "A line needs two different places: click another one, or press Esc to cancel.",
    "polygon": "A polygon needs three different places: click another one, or press Esc to cancel.",
}
_NO_OUTLINE = ("The outline crosses itself or encloses nothing: take places back with Backspace, "
               "or press Esc to cancel.")
_CRS_CHANGED = "The drawing was cancelled, because the project's coordinate reference system changed; draw it again."
_TAKE_BACK = (Qt.Key.Key_Backspace, Qt.Key.Key_Delete)
_FINISH = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_KEYS = (*_TAKE_BACK, *_FINISH, Qt.Key.Key_Escape)
_STROKE, _HALO, _FILL = QColor("#1a6fdf"), QColor(255, 255, 255, 210), QColor(26, 111, 223, 40)


class InspectTool(QgsMapTool):
    """Point, line or polygon, drawn with the left button and finished by double click, right click or Enter.

    Esc cancels, Backspace and Delete take the last place back. A drawing ends when the tool is left, or when
    the coordinate reference system of the map changes.
    """

    drawn = pyqtSignal(QgsGeometry, bool)
    """What was drawn, in the CRS of the canvas; True where Shift was held: it is to be added."""
    told = pyqtSignal(str)
    """A sentence that helps."""
    left = pyqtSignal()
    """The tool is no longer the one of the canvas."""

    def __init__(self, canvas: QgsMapCanvas) -> None:
        super().__init__(canvas)
        self._mode = "point"
        self._places: list[QgsPointXY] = []
        self._pointer = QgsPointXY()
        self._pressed = False
        self._band: Optional[QgsRubberBand] = None
        self.setCursor(Qt.CursorShape.CrossCursor)
        canvas.destinationCrsChanged.connect(self._crs_changed)

    @property
    def mode(self) -> str:
        """One of MODES."""
        return self._mode

    def set_mode(self, mode: str) -> None:
        """Draw `mode` from now on; a drawing of another mode is cancelled."""
        if mode not in MODES:
            raise ValueError(f"'{mode}' is no mode of the map tool; take one of {', '.join(MODES)}.")
        if mode != self._mode:
            self.cancel()
            self._mode = mode

    @property
    def drawing(self) -> bool:
        """True while a line or polygon is begun and not finished."""
        return bool(self._places)

    def cancel(self) -> None:
        """Forget what was drawn so far."""
        self._places.clear()
        self._pressed = False
        if self._band is not None:
            self.canvas().scene().removeItem(self._band)
            self._band = None

    def close(self) -> None:
        """Leave the canvas, and nothing on it."""
        self.cancel()
        self.canvas().destinationCrsChanged.disconnect(self._crs_changed)
        self.canvas().unsetMapTool(self)

    def activate(self) -> None:  # noqa: N802
        """Take the keyboard, so that the keys of the drawing arrive."""
        super().activate()
        self.canvas().installEventFilter(self)
        self.canvas().setFocus()

    def deactivate(self) -> None:
        """Another tool takes over: the drawing is given up."""
        self.cancel()
        self.canvas().removeEventFilter(self)
        super().deactivate()
        self.left.emit()

    def canvasPressEvent(self, event: QgsMapMouseEvent) -> None:  # noqa: N802
        """Only a click that began here counts."""
        self._pressed = event.button() == Qt.MouseButton.LeftButton

    def canvasReleaseEvent(self, event: QgsMapMouseEvent) -> None:  # noqa: N802
        """The left button sets a place, the right one finishes."""
        place = self.toMapCoordinates(event.pixelPoint())
        if event.button() == Qt.MouseButton.RightButton and self.drawing:
            self._finish(_shift(event.modifiers()))
        if event.button() != Qt.MouseButton.LeftButton or not self._pressed:
            return
        self._pressed = False
        if self._mode == "point":
            self.drawn.emit(QgsGeometry.fromPointXY(place), _shift(event.modifiers()))
            return
        if not self._places or self._places[-1] != place:
            self._places.append(place)
        self._show(place)

    def canvasDoubleClickEvent(self, event: QgsMapMouseEvent) -> None:  # noqa: N802
        """The second press of a double click: it finishes a drawing, and is one more click in point mode."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self._pressed = self._mode == "point"
        if self.drawing:
            self._finish(_shift(event.modifiers()))

    def canvasMoveEvent(self, event: QgsMapMouseEvent) -> None:  # noqa: N802
        """The drawing follows the pointer."""
        if self.drawing:
            self._show(self.toMapCoordinates(event.pixelPoint()))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """The keys of a drawing; the others go on to QGIS."""
        if not self._wants(event):
            return
        event.ignore()  # so the canvas knows that it was used: what stays accepted, QGIS acts on
        if event.key() in _FINISH:
            self._finish(_shift(event.modifiers()))
        elif event.key() in _TAKE_BACK:
            self._take_back()
        else:
            self.cancel()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """While drawing, its keys are not shortcuts of QGIS."""
        if event.type() == QEvent.Type.ShortcutOverride and self._wants(event):
            event.accept()
            return True
        return super().eventFilter(watched, event)

    def _wants(self, event: QKeyEvent) -> bool:
        return self.drawing and event.key() in _KEYS

    def _take_back(self) -> None:
        self._places.pop()
        if not self._places:
            self.cancel()
            return
        self._show(self._pointer)

    def _finish(self, adds: bool) -> None:
        """Hand the drawing over, or say what it lacks and go on drawing."""
        if len({(place.x(), place.y()) for place in self._places}) < _NEEDED[self._mode]:
            self.told.emit(_TOO_FEW[self._mode])
            return
        geometry = self._geometry()
        if self._mode == "polygon" and not geometry.isGeosValid():
            self.told.emit(_NO_OUTLINE)
            return
        self.cancel()
        self.drawn.emit(geometry, adds)

    def _geometry(self) -> QgsGeometry:
        if self._mode == "line":
            return QgsGeometry.fromPolylineXY(self._places)
        return QgsGeometry.fromPolygonXY([self._places])

    def _show(self, pointer: QgsPointXY) -> None:
        """The drawing so far, up to the pointer."""
        self._pointer = pointer
        if self._band is None:
            self._band = _new_band(self.canvas())
        closed = self._mode == "polygon" and len(self._places) > 1
        self._band.reset(Qgis.GeometryType.Polygon if closed else Qgis.GeometryType.Line)
        for place in self._places:
            self._band.addPoint(place, False)
        self._band.addPoint(pointer)

    def _crs_changed(self) -> None:
        if self.drawing:
            self.cancel()
            self.told.emit(_CRS_CHANGED)


def _shift(modifiers: Qt.KeyboardModifier) -> bool:
    return bool(modifiers & Qt.KeyboardModifier.ShiftModifier)


def _new_band(canvas: QgsMapCanvas) -> QgsRubberBand:
    band = QgsRubberBand(canvas, Qgis.GeometryType.Line)
    band.setStrokeColor(_STROKE)
    band.setSecondaryStrokeColor(_HALO)
    band.setFillColor(_FILL)
    band.setWidth(2)
    return band
