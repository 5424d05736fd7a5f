"""The main window of QGIS as the pictures show it, and how a picture is taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from qgis.PyQt.QtCore import QRect, Qt
from qgis.PyQt.QtGui import QGuiApplication, QImage
from qgis.PyQt.QtWidgets import QDockWidget, QToolBar, QToolButton

from .hands import TourError, click, rest, wait_for

SIZE = (1400, 940)
_TOOLBARS = ("mMapNavToolBar", "mPluginToolBar")
_DOCKS = ("PixelSpectraInspector", "PixelSpectraCandidates", "PixelSpectraArchive")
_FEWEST_COLOURS = 50


def tidy(window: Any) -> None:
    """Put away what the guide does not speak of."""
    for bar in window.findChildren(QToolBar):
        if bar.parent() is window:
            bar.setVisible(bar.objectName() in _TOOLBARS)
    first, second = (window.findChild(QToolBar, name) for name in _TOOLBARS)
    window.insertToolBar(first, second)  # one row of them leaves more room to the map
    for dock in window.findChildren(QDockWidget):
        if dock.objectName() not in _DOCKS:
            dock.hide()
    window.move(0, 0)
    window.resize(*SIZE)
    rest(0.3)
    if (window.width(), window.height()) != SIZE:
        raise TourError(f"the window takes {window.width()} x {window.height()}, not {SIZE[0]} x {SIZE[1]}: "
                        "something in it needs too much room")


def show_layers(window: Any, width: int) -> None:
    """Show the list of layers with their legends, so many pixels wide."""
    dock = window.findChild(QDockWidget, "Layers")
    dock.show()
    window.resizeDocks([dock], [width], Qt.Orientation.Horizontal)
    rest(0.5)


def press_action(window: Any, action: Any) -> None:
    """Click the button of an action in its toolbar."""
    button = next((w for w in action.associatedWidgets() if isinstance(w, QToolButton)), None)
    bars = [w for w in action.associatedWidgets() if isinstance(w, QToolBar)]
    found = button or next((bar.widgetForAction(action) for bar in bars), None)
    if found is None:
        raise TourError(f"'{action.text()}' has no button")
    wait_for(window.isVisible, "the main window is there")
    click(found)


def take(path: Path) -> None:
    """Save what the screen shows, menus and dialogs included."""
    rest(0.4)
    shot = look(path)
    if len(np.unique(_pixels(shot).reshape(-1, 3)[::97], axis=0)) < _FEWEST_COLOURS:
        raise TourError(f"{path.name} is all but empty")


def look(path: Path) -> QImage:
    """Save what the screen shows now, whatever it is."""
    shot = QGuiApplication.primaryScreen().grabWindow(0).copy(QRect(0, 0, *SIZE)).toImage()
    if not shot.save(str(path)):
        raise TourError(f"{path.name} cannot be written")
    return shot


def shows(image: QImage, colour: str, at_least: int = 60) -> bool:
    """Whether a picture has a good many dots of a colour."""
    wanted = np.array([int(colour[i:i + 2], 16) for i in (1, 3, 5)])
    return int((np.abs(_pixels(image).astype(int) - wanted).max(axis=-1) < 12).sum()) >= at_least


def _pixels(image: QImage) -> npt.NDArray[np.uint8]:
    """(height, width, 3) red, green, blue."""
    plain = image.convertToFormat(QImage.Format.Format_RGB32)
    bits = plain.constBits()
    bits.setsize(plain.sizeInBytes())
    words = np.frombuffer(bits, np.uint8).reshape(plain.height(), plain.bytesPerLine() // 4, 4)
    return words[:, :plain.width(), 2::-1].copy()
