"""Someone at QGIS, for the tests of the inspector: real mouse and key events on a real canvas and the real dock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Optional

import pytest
from pixel_spectra.ui import tasks
from qgis.core import (
    Qgis,
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsPointXY,
    QgsProject,
)
from qgis.gui import QgsLayerTreeMapCanvasBridge, QgsMapToolPan, QgsRubberBand
from qgis.PyQt.QtCore import QPoint, Qt, QTimer
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import (
    QAbstractButton,
    QAction,
    QApplication,
    QComboBox,
    QDockWidget,
    QFileDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QToolBar,
    QToolButton,
    QWidget,
)

from granules import lonlat
from qgis_side import SCENE

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NONE, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
LONLAT = QgsCoordinateReferenceSystem("EPSG:4326")


def until(condition: Callable[[], Any]) -> None:
    """Let the program run until something holds."""
    for _ in range(4000):
        if condition():
            return
        QTest.qWait(5)
    raise AssertionError("it never came to that")


class Window:
    """The window of QGIS: what pytest-qgis' interface leaves out, done as QGIS does it."""

    def __init__(self, iface: Any, patch: pytest.MonkeyPatch) -> None:
        self.iface, self.main, self.canvas = iface, iface.mainWindow(), iface.mapCanvas()
        self.toolbar, self.menus, self.drops = QToolBar("Plugins", self.main), QMenu("Raster", self.main), []
        self.project = QgsProject.instance()
        self.clear()
        self.main.setCentralWidget(self.canvas)
        self.main.addToolBar(self.toolbar)
        self.main.resize(1300, 1000)
        self.main.show()
        QTest.qWaitForWindowExposed(self.main)
        self.pan = QgsMapToolPan(self.canvas)
        self.canvas.setMapTool(self.pan)
        self.bridge = QgsLayerTreeMapCanvasBridge(self.project.layerTreeRoot(), self.canvas)
        self.show_in("EPSG:3857")
        for name, does in {"addDockWidget": self._add_dock, "removeDockWidget": self.main.removeDockWidget,
                           "addToolBarIcon": self.toolbar.addAction, "removeToolBarIcon": self.toolbar.removeAction,
                           "addPluginToRasterMenu": lambda _, action: self.menus.addAction(action),
                           "removePluginRasterMenu": lambda _, action: self.menus.removeAction(action),
                           "registerCustomDropHandler": self.drops.append,
                           "unregisterCustomDropHandler": self.drops.remove}.items():
            patch.setattr(iface, name, does, raising=False)

    def _add_dock(self, area: Qt.DockWidgetArea, dock: QDockWidget) -> None:
        self.main.addDockWidget(area, dock)
        dock.show()

    def show_in(self, crs: str) -> None:
        """The project's CRS; QGIS gives it to its canvas."""
        self.project.setCrs(QgsCoordinateReferenceSystem(crs))
        self.canvas.setDestinationCrs(self.project.crs())

    def drop(self, path: Path) -> bool:
        """Drop a file on the map: QGIS asks each handler, and whether one took it."""
        return any(handler.handleFileDrop(str(path)) for handler in self.drops)

    def docks(self) -> list[QDockWidget]:
        """The docks of the plugin."""
        return [dock for dock in self.main.findChildren(QDockWidget) if dock.objectName() == "PixelSpectraInspector"]

    def actions(self) -> list[QAction]:
        """What the plugin put into the toolbar and the menu."""
        return [*self.toolbar.actions(), *self.menus.actions()]

    def bands(self) -> list[QgsRubberBand]:
        """What is painted over the map."""
        return [item for item in self.canvas.scene().items() if isinstance(item, QgsRubberBand)]

    def clear(self) -> None:
        """An empty project, an empty map, no messages."""
        self.canvas.stopRendering()
        self.iface.newProject()
        self.project.clear()

    def close(self) -> None:
        """As it was before."""
        self.canvas.unsetMapTool(self.pan)
        self.bridge.deleteLater()
        self.main.removeToolBar(self.toolbar)
        for part in (self.pan, self.toolbar, self.menus):
            part.deleteLater()
        self.clear()
        self.main.hide()  # it would lie over the windows of other tests, and take their mouse


class Analyst:
    """Works with the inspector as people do, and reads what it shows."""

    def __init__(self, window: Window, plugin: Any) -> None:
        self.window, self.plugin, self.canvas = window, plugin, window.canvas

    # ---- the program

    @property
    def inspector(self) -> Any:
        return self.plugin.entrance.inspector()

    @property
    def dock(self) -> Any:
        return self.inspector.dock

    def start(self) -> None:
        """Press the button of the plugin."""
        QTest.mouseClick(self.window.toolbar.widgetForAction(self.plugin.entrance.action), LEFT)
        self.window.main.resize(1300, 1000)
        QTest.qWait(1)

    def rest(self) -> None:
        """Until all work is done, and all that follows from it."""
        for _ in range(3):
            until(lambda: not tasks._RUNNING and not QgsApplication.taskManager().countActiveTasks())
            QTest.qWait(1)

    def open(self, path: Path) -> Any:
        """Drop a granule on the map; its layer, once all of it is there."""
        assert self.window.drop(path)
        self.rest()
        return self.inspector.scenes.scenes[0]

    def warnings(self) -> list[str]:
        return self._messages(Qgis.MessageLevel.Warning)

    def told(self) -> list[str]:
        return self._messages(Qgis.MessageLevel.Info)

    def _messages(self, level: Qgis.MessageLevel) -> list[str]:
        said = self.window.iface.messageBar().get_messages(level)
        return [text.partition(":")[2] for text in said]

    # ---- the map

    def screen(self, lon: float, lat: float) -> QPoint:
        """Where a place is on the canvas."""
        way = QgsCoordinateTransform(LONLAT, self.canvas.mapSettings().destinationCrs(), QgsProject.instance())
        at = self.canvas.getCoordinateTransform().transform(way.transform(QgsPointXY(lon, lat)))
        return QPoint(round(at.x()), round(at.y()))

    def at(self, row: float, column: float) -> QPoint:
        """Where a place in raw pixel coordinates is on the canvas."""
        return self.screen(*(float(v) for v in lonlat(SCENE, row, column)))

    def lonlat(self, at: QPoint) -> tuple[float, float]:
        """What a place of the canvas is on Earth."""
        way = QgsCoordinateTransform(self.canvas.mapSettings().destinationCrs(), LONLAT, QgsProject.instance())
        place = way.transform(self.canvas.getCoordinateTransform().toMapCoordinates(at.x(), at.y()))
        return place.x(), place.y()

    def click(self, at: QPoint, shift: bool = False, rest: bool = True) -> tuple[float, float]:
        """Click on the map; where that is on Earth."""
        QTest.mouseClick(self.canvas.viewport(), LEFT, SHIFT if shift else NONE, at)
        if rest:
            self.rest()
        return self.lonlat(at)

    def draw(self, way: str, *places: QPoint, shift: bool = False) -> list[tuple[float, float]]:
        """Choose Line or Polygon, click the places, end with a right click; where they are on Earth."""
        self.press(way)
        for at in places:
            self.point_at(at)
            QTest.mouseClick(self.canvas.viewport(), LEFT, NONE, at)
        QTest.mouseClick(self.canvas.viewport(), RIGHT, SHIFT if shift else NONE, places[-1])
        self.rest()
        return [self.lonlat(at) for at in places]

    def point_at(self, at: QPoint) -> None:
        """Move the pointer over the map."""
        move(self.canvas.viewport(), at)

    # ---- the dock

    def press(self, text: str, rest: bool = True) -> None:
        """Click the button of that name; what does not fit into a tool bar is behind its arrow."""
        more = self.dock.findChild(QToolButton, "qt_toolbar_ext_button")
        if self._buttons(text) or not more.isVisible():
            QTest.mouseClick(self.button(text), LEFT)
        else:
            press_entry(more.menu(), text)
        if rest:
            self.rest()

    def button(self, text: str) -> QAbstractButton:
        found = self._buttons(text)
        assert len(found) == 1, f"{len(found)} buttons are called {text!r}"
        return found[0]

    def _buttons(self, text: str) -> list[QAbstractButton]:
        return [b for b in self.dock.findChildren(QAbstractButton)
                if b.isVisible() and text in (b.text(), b.accessibleName(), b.accessibleName().removeprefix("Area: "))]

    def said(self, name: str) -> str:
        """The text of a label, by its name for screen readers; "" where it is not shown."""
        label, = (w for w in self.dock.findChildren(QLabel) if w.accessibleName() == name)
        shown = not label.isHidden() and all(not p.isHidden() for p in self._above(label))
        return getattr(label, "whole_text", label.text)() if shown else ""

    def _above(self, widget: QWidget) -> list[QWidget]:
        """What a widget lies in, up to the panels."""
        above = []
        while widget.parentWidget() is not None and widget.parentWidget() is not self.dock.widget():
            widget = widget.parentWidget()
            above.append(widget)
        return above[:-1]

    def notes(self) -> str:
        """All notes below the panels, also those that are only in the tooltip."""
        label, = (w for w in self.dock.findChildren(QLabel) if w.accessibleName() == "Notes")
        return label.accessibleDescription() if label.isVisible() else ""

    def curve(self, kind: str = "pixel") -> Any:
        """The last curve of a kind in the plot."""
        return [curve for curve in self.curves() if curve.kind == kind][-1]

    def curves(self) -> tuple[Any, ...]:
        content = self.dock.spectrum.content
        return () if content is None else content.curves

    def choose_in(self, name: str, data: object) -> None:
        """Choose an entry of a list with the keyboard."""
        combo, = (c for c in self.dock.findChildren(QComboBox) if c.accessibleName() == name)
        wanted = combo.findData(data) if combo.findData(data) >= 0 else combo.findText(str(data))
        assert wanted >= 0, f"{data!r} is not in the list {name!r}"
        key = Qt.Key.Key_Down if wanted > combo.currentIndex() else Qt.Key.Key_Up
        for _ in range(abs(wanted - combo.currentIndex())):
            QTest.keyClick(combo, key)
        self.rest()

    def choose_reference(self, words: str) -> None:
        """Open the list of references, type, press Enter."""
        self.open_chooser()
        search = self.dock.question.chooser.findChild(QLineEdit)
        QTest.keyClicks(search, words)
        QTest.keyClick(search, Qt.Key.Key_Return)
        self.rest()

    def open_chooser(self) -> None:
        found = [b for b in self.dock.findChildren(QAbstractButton) if b.accessibleName().startswith("Reference: ")]
        QTest.mouseClick(found[0], LEFT)
        until(self.dock.question.chooser.isVisible)

    def type_mask(self, text: str) -> None:
        """Replace the text of the mask and press Enter."""
        combo, = (c for c in self.dock.findChildren(QComboBox) if c.accessibleName() == "Mask")
        combo.lineEdit().selectAll()
        QTest.keyClicks(combo.lineEdit(), text)
        QTest.keyClick(combo.lineEdit(), Qt.Key.Key_Return)
        self.rest()

    def export(self, kind: str, path: Optional[Path] = None) -> None:
        """Choose an entry of the export menu, name the file where one is asked for."""
        menu = self.dock.export
        press_entry(menu, menu.findChild(QAction, f"export_{kind}").text())
        if path is not None:
            dialog = _file_dialog()
            name_file(dialog, path)
        self.rest()


def press_entry(menu: QMenu, text: str) -> None:
    """Open a menu and click an entry."""
    menu.popup(QPoint(0, 0))
    entry, = (action for action in menu.actions() if action.text() == text)
    assert entry.isEnabled()
    QTest.mouseClick(menu, LEFT, NONE, menu.actionGeometry(entry).center())
    menu.close()


def move(widget: QWidget, to: QPoint) -> None:
    """Move the pointer there; one that is there already sends nothing."""
    QTest.mouseMove(widget, to + QPoint(3, 3))
    QTest.mouseMove(widget, to)


def drag(widget: QWidget, *places: QPoint) -> Iterator[QPoint]:
    """Press at the first place, move over the others, each of which is given, and release at the last.

    At the window, as only there a button stays pressed.
    """
    window = widget.window().windowHandle()
    on_window = [widget.mapTo(widget.window(), place) for place in places]
    QTest.mousePress(window, LEFT, NONE, on_window[0])
    for at, place in zip(on_window[1:], places[1:]):
        QTest.mouseMove(window, at)
        QTest.qWait(20)
        yield place
    QTest.mouseRelease(window, LEFT, NONE, on_window[-1])


def name_file(dialog: QFileDialog, path: Path) -> None:
    """Type a file name and press Enter."""
    line = dialog.findChild(QLineEdit, "fileNameEdit")
    line.setText(str(path))

    def taken() -> bool:
        if dialog.isVisible():  # its list of files may still be on the way
            QTest.keyClick(line, Qt.Key.Key_Return)
        return not dialog.isVisible()

    until(taken)


def when_asked(answer: Callable[[Any], None]) -> None:
    """Answer the dialog that will hold up the window, once it waits for that."""
    asked, seen = QTimer(QApplication.instance()), []

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        if dialog is None or not dialog.isVisible():
            return
        seen.append(dialog)
        if len(seen) < 3:  # events are handled also while it is being shown: closed then, it would wait for ever
            return
        asked.stop()
        asked.deleteLater()
        try:
            answer(dialog)
        finally:
            if dialog.isVisible():
                dialog.reject()

    asked.timeout.connect(look)
    asked.start(10)


def _file_dialog() -> QFileDialog:
    def shown() -> list[QFileDialog]:
        return [w for w in QApplication.topLevelWidgets() if isinstance(w, QFileDialog) and w.isVisible()]

    until(shown)
    return shown()[0]
