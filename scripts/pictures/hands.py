"""What a user does: look, wait, point, click, drag, type. Whatever does not happen in time ends the tour."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from qgis.core import QgsCoordinateReferenceSystem, QgsCoordinateTransform, QgsPointXY, QgsProject, QgsRectangle
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import QPoint, Qt, QTimer
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QFileDialog, QLineEdit, QMenu, QWidget

from .places import LonLat

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
PLAIN, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
_PATIENCE = 20.0
"""Seconds."""


class TourError(Exception):
    """Something did not happen that should have."""


def wait_for(condition: Callable[[], Any], what: str, seconds: float = _PATIENCE) -> Any:
    """The first value of `condition` that counts; TourError where it does not come."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise TourError(f"{what}: not within {seconds:.0f} s")
        QTest.qWait(30)
    return found


def rest(seconds: float) -> None:
    """Let the program catch up, as a user who looks does."""
    QTest.qWait(round(1000 * seconds))


def click(widget: QWidget) -> None:
    """Click the middle of a widget that can be seen."""
    wait_for(widget.isVisible, f"'{widget.accessibleName() or widget.objectName()}' can be seen")
    QTest.mouseClick(widget, LEFT, PLAIN)


def drag(widget: QWidget, *places: QPoint) -> None:
    """Press at the first place, move over the others, release at the last one; as the window hears it."""
    window = widget.window().windowHandle()
    across = [widget.mapTo(widget.window(), place) for place in places]
    QTest.mousePress(window, LEFT, PLAIN, across[0])
    for place in across:
        QTest.mouseMove(window, place)
        rest(0.1)
    QTest.mouseRelease(window, LEFT, PLAIN, across[-1])


def point_at(widget: QWidget, place: QPoint) -> None:
    """Move the pointer there."""
    for nudge in (QPoint(-3, 0), QPoint(0, 0)):
        QTest.mouseMove(widget.window().windowHandle(), widget.mapTo(widget.window(), place + nudge))
        rest(0.1)


def give_path(path: str) -> None:
    """Answer the next file dialog by typing a path; call it before the dialog opens."""
    def answer() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QFileDialog):
            QTimer.singleShot(100, answer)
            return
        name = dialog.findChild(QLineEdit)
        name.clear()
        QTest.keyClicks(name, path)
        QTest.keyClick(name, Qt.Key.Key_Return)

    QTimer.singleShot(300, answer)


def choose(menu: QMenu, object_name: str) -> None:
    """Click an entry of an open menu."""
    action = next(action for action in menu.actions() if action.objectName() == object_name)
    if not action.isEnabled():
        raise TourError(f"'{action.text()}' is greyed: {action.toolTip()}")
    QTest.mouseClick(menu, LEFT, PLAIN, menu.actionGeometry(action).center())


class MapHands:
    """Clicks on places of the map, given in lon/lat."""

    def __init__(self, canvas: QgsMapCanvas) -> None:
        self._canvas = canvas

    def at(self, place: LonLat) -> QPoint:
        """Where a place is on the canvas."""
        settings = self._canvas.mapSettings()
        to_map = QgsCoordinateTransform(QgsCoordinateReferenceSystem("EPSG:4326"), settings.destinationCrs(),
                                        QgsProject.instance())
        there = settings.mapToPixel().transform(to_map.transform(QgsPointXY(*place)))
        return QPoint(round(there.x()), round(there.y()))

    def click(self, place: LonLat, keys: Qt.KeyboardModifier = PLAIN, button: Qt.MouseButton = LEFT) -> None:
        """Click a place that the map shows."""
        there = self.at(place)
        if not self._canvas.rect().contains(there):
            raise TourError(f"the map does not show {place}")
        QTest.mouseMove(self._canvas.viewport(), there)
        QTest.mouseClick(self._canvas.viewport(), button, keys, there)

    def draw(self, places: Sequence[LonLat]) -> None:
        """Click one after the other, and finish with the right button."""
        for place in places:
            self.click(place)
            rest(QApplication.doubleClickInterval() / 1000 + 0.05)  # two clicks, not a double one
        self.click(places[-1], button=RIGHT)

    def zoom_to(self, west: float, south: float, east: float, north: float) -> None:
        """Show a part of the map, and wait until it is drawn."""
        self._canvas.setExtent(QgsRectangle(west, south, east, north))
        self._canvas.refresh()
        self.wait()

    def wait(self) -> None:
        """Until the map is drawn."""
        rest(0.2)
        wait_for(lambda: not self._canvas.isDrawing(), "the map is drawn")
        rest(0.2)
