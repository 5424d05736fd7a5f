"""The tour: step by step what the guide describes, a picture after each. A step that does not happen fails it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from qgis.core import QgsProject
from qgis.PyQt.QtCore import Qt, QTimer
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QScrollArea, QToolButton
from qgis.utils import iface, plugins

from . import places, window
from .hands import LEFT, PLAIN, SHIFT, MapHands, TourError, choose, click, drag, give_path, point_at, rest, wait_for
from .vetting import Vetting

_CLOSE, _WIDE = (-117.186, 37.591, -117.153, 37.616), (-117.186, 37.586, -117.116, 37.650)
"""West, south, east, north: around the kaolinite, and of all that is clicked."""


class Tour:
    """One walk through the guide."""

    def __init__(self, granule: str, folder: Path, theme: str) -> None:
        """Pictures go to `folder` as "<theme>_<step>.png"."""
        self.granule, self._folder, self._theme = granule, folder, theme
        self.entrance: Any = plugins["pixel_spectra"].entrance
        self._canvas = iface.mapCanvas()
        self.map = MapHands(self._canvas)

    @property
    def _inspector(self) -> Any:
        return self.entrance.inspector()

    @property
    def dock(self) -> Any:
        """That of the inspector."""
        return self._inspector.dock

    def walk(self) -> None:
        """All steps, in the order of the guide."""
        for step in (self.open, self.choose_reference, self.click_pixel, self.add_pixel, self.draw_line,
                     self.draw_polygon, self.drag_threshold, self.click_cloud, self.leave_swath, self.export,
                     self.name_it, self.remove_continuum, self.map_scene):
            print(f"{self._theme}: {step.__name__}", flush=True)
            step()

    def open(self) -> None:
        """The button in the toolbar, then Open granule…"""
        window.tidy(iface.mainWindow())
        window.press_action(iface.mainWindow(), self.entrance.action)
        window.tidy(iface.mainWindow())
        self.open_granule(self.granule)
        self.take("open")

    def open_granule(self, path: str) -> None:
        """The button Open granule…, and its full picture."""
        give_path(path)
        click(self._button("Open granule"))
        wait_for(lambda: self._inspector.scenes.scenes, "the granule is open")
        wait_for(lambda: not self._inspector.opening.running, "its full picture is there", 60)
        self.map.wait()

    def choose_reference(self) -> None:
        """The list of references, by typing."""
        click(self._button("Reference: None: choose a reference…"))
        chooser = self.dock.question.chooser
        wait_for(chooser.isVisible, "the list of references is open")
        search = chooser.findChild(QLineEdit)
        QTest.keyClicks(search, places.SEARCH)
        QTest.keyClick(search, Qt.Key.Key_Down)
        self.take("reference")
        QTest.keyClick(search, Qt.Key.Key_Return)
        chosen = self.dock.question.question().reference
        if chosen is None or chosen.id != places.REFERENCE:
            raise TourError(f"'{places.SEARCH}', Down and Enter chose {chosen and chosen.id}, not {places.REFERENCE}")

    def click_pixel(self) -> None:
        """A pixel of kaolinite."""
        self.map.zoom_to(*_CLOSE)
        self._mark(lambda: self.map.click(places.KAOLINITE), pixels=1)
        self._compared()
        self.take("pixel")

    def add_pixel(self) -> None:
        """A second one beside it."""
        self.map.zoom_to(*_WIDE)
        self._mark(lambda: self.map.click(places.CALCITE, SHIFT), pixels=1)
        if len(self._inspector.presenter.sights) != 2:
            raise TourError("Shift did not add the second pixel")
        self._compared()
        self.take("two_pixels")

    def draw_line(self) -> None:
        """Across both into the cloud, and the pointer on the profile."""
        click(self._button("Clear"))
        click(self._button("Area: Line"))
        self._mark(lambda: self.map.draw(places.LINE), pixels=114)
        line = self.dock.line
        wait_for(line.isVisible, "the profile is in front")
        point_at(line.picture, line.picture.place_of(24, 1000.0))
        self.take("line")

    def draw_polygon(self) -> None:
        """Around the kaolinite."""
        self.map.zoom_to(*_CLOSE)
        click(self._button("Area: Polygon"))
        self._mark(lambda: self.map.draw(places.POLYGON), pixels=528)
        self.take("polygon")

    def drag_threshold(self) -> None:
        """Between the two humps of the histogram."""
        histogram = self.dock.score.histogram
        start, end = (histogram.place_of(value) for value in (histogram.threshold, places.THRESHOLD))
        drag(histogram, start, (start + end) / 2, end)
        if abs(histogram.threshold - places.THRESHOLD) > 0.01:
            raise TourError(f"the threshold was dragged to {histogram.threshold}, not {places.THRESHOLD}")
        self.map.wait()
        self.take("threshold")

    def click_cloud(self) -> None:
        """A pixel that is masked."""
        click(self._button("Area: Point"))
        self.map.zoom_to(*_WIDE)
        self._mark(lambda: self.map.click(places.CLOUD), pixels=1)
        self.take("masked")

    def leave_swath(self) -> None:
        """A place where the granule has no pixel."""
        self.map.click(places.OFF_SWATH)
        wait_for(lambda: not self._inspector.looking.running, "the place was looked up")
        self.take("refused")

    def export(self) -> None:
        """The menu, and the layer that it adds."""
        iface.messageBar().clearWidgets()
        self._mark(lambda: self.map.click(places.KAOLINITE), pixels=1)
        self._compared()
        before = set(QgsProject.instance().mapLayers())
        QTimer.singleShot(700, self._use_menu)
        click(next(b for b in self.dock.findChildren(QToolButton) if b.menu() is self.dock.export))
        wait_for(lambda: set(QgsProject.instance().mapLayers()) - before, "the layer is there")

    def name_it(self) -> None:
        """What is this? The second match laid over the pixel."""
        table = self.dock.score.match_table
        self.scroll_to_matches()
        QTest.mouseClick(table.viewport(), LEFT, PLAIN, table.visualItemRect(table.item(1, 0)).center())
        iface.messageBar().clearWidgets()
        self.take("matches")

    def scroll_to_matches(self) -> None:
        """To the foot of the score panel, and of the dock, which scrolls where the window is low."""
        for area in (self.dock.widget(), self.dock.score.findChild(QScrollArea)):
            area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())
            rest(0.3)

    def remove_continuum(self) -> None:
        """The view that shows absorptions only."""
        views = next(b for b in self.dock.findChildren(QComboBox) if b.accessibleName() == "View")
        views.setFocus()
        QTest.keyClick(views, Qt.Key.Key_Down)
        if views.currentData() != "continuum_removed":
            raise TourError(f"Down chose the view '{views.currentData()}'")
        self.take("continuum")
        QTest.keyClick(views, Qt.Key.Key_Up)

    def map_scene(self) -> None:
        """The button Map, and the legend in the list of layers."""
        self.dock.widget().verticalScrollBar().setValue(0)
        click(self._button("Clear"))
        maps, before = self._inspector.maps, set(QgsProject.instance().mapLayers())
        click(self._button("Map this metric"))
        wait_for(lambda: set(QgsProject.instance().mapLayers()) - before, "the coarse map is there")
        wait_for(lambda: not maps.drawing.running and not maps.refining.running, "the fine map is there", 60)
        window.show_layers(iface.mainWindow(), 250)
        self.map.zoom_to(*_WIDE)
        iface.messageBar().clearWidgets()
        self.take("map")

    def _use_menu(self) -> None:
        self.take("export")
        choose(self.dock.export, "export_memory")

    def _mark(self, how: Callable[[], None], pixels: int) -> None:
        """Mark a place or an area; it must give so many pixels, their curve and their score."""
        before = self._inspector.presenter.sights
        how()
        wait_for(lambda: self._inspector.presenter.sights != before and not self._inspector.looking.running,
                 "the area is looked at")
        last = self._inspector.presenter.sights[-1]
        if len(last.seen.pixels) != pixels:
            raise TourError(f"{len(last.seen.pixels)} pixels instead of {pixels}")
        rest(0.3)
        if np.isfinite(last.curve.values).any() and not window.shows(self.dock.spectrum.image(1.0), last.curve.colour):
            raise TourError("the plot does not show the curve")
        self.map.wait()

    def _compared(self) -> None:
        wait_for(lambda: not self._inspector.comparing.running, "the metrics are compared")
        if self.dock.score.match_table.rowCount() == 0:
            raise TourError("there are no nearest references")

    def _button(self, name: str) -> QAbstractButton:
        """The button that a screen reader calls so."""
        found = [b for b in self.dock.findChildren(QAbstractButton) if b.accessibleName() == name]
        if not found:
            raise TourError(f"the dock has no button '{name}'")
        return found[0]

    def take(self, step: str) -> None:
        """A picture of what the window shows now."""
        window.take(self.picture(step))

    def picture(self, step: str) -> Path:
        """The file of a picture."""
        return self._folder / f"{self._theme}_{step}.png"


def walk() -> None:
    """The tour, and the candidates after it."""
    tour = Tour(os.environ["GRANULE"], Path(os.environ["PICTURES"]), os.environ["THEME"])
    tour.walk()
    Vetting(tour, Path(os.environ["VETTING"]), Path(os.environ["REPORT"])).walk()
