"""What happens while work is going on: layers and projects go, docks close, the plugin is loaded again."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from pixel_spectra.core.libraries import bundled_library
from pixel_spectra.core.progress import checkpoint
from pixel_spectra.ui import area_source, exporting, inspector, scenes, tasks
from qgis.core import QgsProject
from qgis.PyQt.QtCore import QCoreApplication, QEvent, QObject, Qt
from qgis.PyQt.QtGui import QAction
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QLabel

from granules import write_granule
from inspector_faults import CORNER, one_sentence, silent, works_on
from inspector_side import NONE, RIGHT, until
from qgis_side import REFERENCE, SCENE, place, write_geojson

pytest.importorskip("shapely")


class Gate:
    """Holds a job back until it is opened; a job that does not `heed` its cancellation comes late."""

    def __init__(self, job):
        self._job, self._open, self.entered, self.heed = job, threading.Event(), threading.Event(), True

    def __call__(self, *arguments, **named):
        self.entered.set()
        while not self._open.wait(0.002):
            if self.heed:
                checkpoint(named.get("progress", arguments[-1]), 0.5, "Waiting")
        return self._job(*arguments, **named)

    def open(self):
        self._open.set()


@pytest.fixture
def held(monkeypatch):
    """A callable: `held(module, name)` puts a gate before a job."""
    gates = []

    def hold(module, name):
        gates.append(Gate(getattr(module, name)))
        monkeypatch.setattr(module, name, gates[-1])
        return gates[-1]

    yield hold
    for gate in gates:
        gate.open()
    until(lambda: not tasks._RUNNING)


@pytest.fixture(params=[True, False], ids=["heeds", "comes late"])
def looking(request, at_work, held):
    """The gate before a click that is being looked up; afterwards nothing of it may be seen."""
    gate = held(inspector, "look")
    gate.heed = request.param
    at_work.click(at_work.at(20, 20), rest=False)
    until(gate.entered.is_set)
    return gate


def let_go(analyst, gate):
    gate.open()
    until(lambda: not tasks._RUNNING)
    analyst.rest()


def test_a_layer_that_is_removed_while_its_pixel_is_read(at_work, looking, files):
    QgsProject.instance().removeAllMapLayers()
    let_go(at_work, looking)
    assert at_work.curves() == () and at_work.window.bands() == [] and silent(at_work)
    at_work.click(CORNER)
    assert one_sentence(at_work).startswith("No granule is open; ")
    at_work.open(files.reflectance)
    assert works_on(at_work)


def test_a_project_that_is_closed_while_a_pixel_is_read(at_work, looking, files):
    QgsProject.instance().clear()
    let_go(at_work, looking)
    assert at_work.curves() == () and at_work.window.bands() == [] and silent(at_work)
    at_work.window.show_in("EPSG:3857")
    at_work.open(files.reflectance)
    assert works_on(at_work)


def test_another_project_that_is_opened_while_a_pixel_is_read(at_work, looking, tmp_path):
    project = QgsProject.instance()
    assert project.write(str(tmp_path / "project.qgs"))
    project.clear()
    assert project.read(str(tmp_path / "project.qgs"))
    let_go(at_work, looking)
    assert silent(at_work) and len(at_work.window.docks()) == 1
    assert [scene.key for scene in at_work.inspector.scenes.scenes] == list(project.mapLayers())
    at_work.canvas.zoomToFullExtent()
    assert works_on(at_work)


def test_clear_while_a_pixel_is_read(at_work, looking):
    at_work.inspector.clear()
    let_go(at_work, looking)
    assert at_work.curves() == () and at_work.window.bands() == [] and silent(at_work)
    assert works_on(at_work)


def test_a_dock_that_is_closed_while_a_pixel_is_read(at_work, looking):
    at_work.dock.close()
    assert at_work.canvas.mapTool() is not at_work.inspector.areas.tool
    let_go(at_work, looking)
    assert at_work.curves() == () and at_work.window.bands() == [] and silent(at_work)
    at_work.start()
    assert works_on(at_work)


def test_the_cancel_button_stops_a_polygon_over_the_whole_granule(at_work, held):
    gate = held(inspector, "look")
    at_work.press("Polygon")
    corners = [at_work.at(*corner) for corner in ((-1, -1), (-1, 31), (41, 31), (41, -1))]
    for corner in corners:
        at_work.click(corner, rest=False)
    QTest.mouseClick(at_work.canvas.viewport(), RIGHT, NONE, corners[-1])
    until(lambda: at_work.dock.foot.isVisible())  # only work that takes a while shows it
    at_work.press("Cancel")
    assert not at_work.dock.foot.isVisible() and not tasks._RUNNING
    assert at_work.curves() == () and silent(at_work)
    let_go(at_work, gate)
    at_work.press("Point")
    assert works_on(at_work)


def test_the_cancel_button_stops_the_reading_of_an_area(at_work, held, tmp_path):
    area = write_geojson(tmp_path / "area.geojson", {"type": "Point", "coordinates": place(20, 20)})
    held(area_source, "area_of_file")
    at_work.inspector.areas.read_file(str(area))
    until(lambda: at_work.dock.foot.isVisible())
    at_work.press("Cancel")
    assert at_work.curves() == () and silent(at_work) and not tasks._RUNNING
    assert works_on(at_work)


def test_the_cancel_button_stops_the_opening_of_a_granule(analyst, held, files):
    gate = held(scenes, "look")
    analyst.dock.granules.open_asked.emit(str(files.reflectance))
    until(lambda: analyst.dock.foot.isVisible())
    analyst.press("Cancel")
    let_go(analyst, gate)
    assert analyst.inspector.scenes.scenes == () and silent(analyst)
    analyst.open(files.reflectance)
    assert works_on(analyst)


@pytest.mark.parametrize("heed", [True, False])
def test_a_click_while_an_area_is_read_is_the_one_that_counts(at_work, held, tmp_path, heed):
    area = write_geojson(tmp_path / "area.geojson", {"type": "Point", "coordinates": place(20, 20)})
    gate = held(area_source, "area_of_file")
    gate.heed = heed
    at_work.inspector.areas.read_file(str(area))
    until(gate.entered.is_set)
    at_work.click(at_work.at(12, 9), rest=False)
    let_go(at_work, gate)
    assert at_work.curve().name == "Pixel 12, 9" and silent(at_work)


def test_of_two_clicks_the_first_comes_late_and_is_dropped(at_work, looking):
    first = looking
    at_work.click(at_work.at(12, 9), rest=False)
    let_go(at_work, first)
    assert [curve.name for curve in at_work.curves() if curve.kind == "pixel"] == ["Pixel 12, 9"]
    assert silent(at_work)


@pytest.mark.parametrize("pixel", [(12, 9), (4, 4)], ids=["valid", "masked"])
def test_a_comparison_never_lands_on_the_pixel_of_another_granule(at_work, held, tmp_path, pixel):
    other = write_granule(tmp_path, replace(SCENE, orbit=2412208, lon=SCENE.lon + 0.05)).reflectance
    at_work.click(at_work.at(*pixel))
    at_work.press("Pin")
    before = [label.text() for label in at_work.dock.score.findChildren(QLabel) if label.isVisible()]
    first, = at_work.inspector.scenes.scenes
    at_work.open(other)
    gate = held(inspector, "compare")
    gate.heed = False
    lon, lat = place(20, 20)
    at_work.click(at_work.screen(lon + 0.05, lat), rest=False)
    until(gate.entered.is_set)
    QgsProject.instance().removeMapLayer(next(s.key for s in at_work.inspector.scenes.scenes if s.key != first.key))
    let_go(at_work, gate)
    assert [curve.place.downtrack for curve in at_work.curves() if curve.kind == "pixel"] == [pixel[0]]
    assert [label.text() for label in at_work.dock.score.findChildren(QLabel) if label.isVisible()] == before
    assert at_work.dock.score.match_table.isVisible() == (pixel == (12, 9)) and silent(at_work)


@pytest.fixture
def other_reference():
    return next(r for r in bundled_library().values() if r.id != REFERENCE)


def test_another_question_while_a_pixel_is_read_is_asked_of_that_pixel(at_work, looking, other_reference):
    at_work.inspector.dock.question.choose_reference(other_reference)
    let_go(at_work, looking)
    sight, = at_work.inspector.presenter.sights
    assert (sight.curve.name, sight.seen.reference) == ("Pixel 20, 20", other_reference) and silent(at_work)


@pytest.mark.parametrize("second, names", [((20, 20), ["Pixel 12, 9", "Pixel 20, 20"]), (None, ["Pixel 12, 9"])],
                         ids=["another pixel", "off the swath"])
def test_what_is_pinned_answers_the_new_question_though_a_click_comes_between(at_work, held, other_reference, second,
                                                                              names):
    at_work.click(at_work.at(12, 9))
    at_work.press("Pin")
    gate = held(inspector, "look_again")
    at_work.inspector.dock.question.choose_reference(other_reference)
    until(gate.entered.is_set)
    at_work.click(CORNER if second is None else at_work.at(*second), rest=False)
    let_go(at_work, gate)
    sights = at_work.inspector.presenter.sights
    assert [sight.curve.name for sight in sights] == names
    assert {sight.seen.reference for sight in sights} == {other_reference}
    assert silent(at_work) if second else "is off the swath" in one_sentence(at_work)


# ---- the files that are written

@pytest.mark.parametrize("leave", ["clear", "close"])
def test_what_is_being_saved_is_saved_though_the_plot_is_cleared_or_the_dock_closed(at_work, held, tmp_path, leave):
    at_work.click(at_work.at(12, 9))
    gate, path = held(exporting, "write_layer"), tmp_path / "pixels.gpkg"
    granule = at_work.inspector.presenter.sights[0].seen.granule.id
    at_work.dock.export.asked.emit("layer", str(path))
    until(gate.entered.is_set)
    {"clear": at_work.inspector.clear, "close": at_work.dock.close}[leave]()
    let_go(at_work, gate)
    assert one_sentence(at_work) == f"The layer was saved as {path}"
    assert f"Spectra of {granule}" in [layer.name() for layer in QgsProject.instance().mapLayers().values()]


def test_the_cancel_button_stops_what_is_being_saved(at_work, held, tmp_path):
    at_work.click(at_work.at(12, 9))
    gate = held(exporting, "write_layer")
    at_work.dock.export.asked.emit("layer", str(tmp_path / "pixels.gpkg"))
    until(lambda: at_work.dock.foot.isVisible())
    at_work.press("Cancel")
    let_go(at_work, gate)
    assert list(tmp_path.iterdir()) == [] and silent(at_work)


# ---- the granule that is chosen

def test_a_chosen_granule_that_is_removed(at_work, tmp_path):
    other = write_granule(tmp_path, replace(SCENE, orbit=2412208, lon=SCENE.lon + 0.05)).reflectance
    first, = at_work.inspector.scenes.scenes
    at_work.open(other)
    chosen = next(scene for scene in at_work.inspector.scenes.scenes if scene.key != first.key)
    at_work.choose_in("Granule", chosen.key)
    at_work.click(at_work.at(12, 9))
    assert "is off the swath" in one_sentence(at_work)  # of the one that was chosen
    QgsProject.instance().removeMapLayer(chosen.key)
    assert at_work.dock.granules.chosen_key is None
    assert works_on(at_work)


# ---- the dock

def test_a_dock_that_is_shown_again_from_the_panels_of_qgis_shows_its_marks(at_work):
    at_work.click(at_work.at(12, 9))
    at_work.dock.close()
    assert at_work.window.bands() == []
    at_work.dock.toggleViewAction().trigger()
    assert len(at_work.window.bands()) == 2
    at_work.press("Point")
    assert works_on(at_work, 13, 9)


def test_a_click_while_the_dock_is_closed_shows_it(at_work):
    at_work.dock.close()
    at_work.canvas.setMapTool(at_work.inspector.areas.tool)
    at_work.click(at_work.at(12, 9))
    assert at_work.dock.isVisible() and at_work.curve().name == "Pixel 12, 9"
    assert len(at_work.window.bands()) == 2


# ---- the plugin

def reload(analyst):
    """As the plugin manager does it, and all that was to be deleted is."""
    analyst.plugin.unload()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    analyst.plugin.initGui()


def children(of):
    return sorted(type(child).__name__ for child in of.findChildren(QObject))


def test_a_plugin_that_is_loaded_again_while_a_pixel_is_read(at_work, looking):
    reload(at_work)
    at_work.start()
    let_go(at_work, looking)
    assert at_work.curves() == () and at_work.window.bands() == [] and silent(at_work)
    assert len(at_work.window.docks()) == 1
    assert works_on(at_work)


def test_a_plugin_that_is_loaded_again_while_a_granule_is_opened(analyst, held, files):
    gate = held(scenes, "look")
    analyst.dock.granules.open_asked.emit(str(files.reflectance))
    until(gate.entered.is_set)
    reload(analyst)
    analyst.start()
    let_go(analyst, gate)
    assert analyst.inspector.scenes.scenes == () and silent(analyst)
    analyst.open(files.reflectance)
    assert works_on(analyst)


def test_a_plugin_that_is_unloaded_leaves_nothing_behind(window, plugin, at_work):
    at_work.click(at_work.at(12, 9))
    counts = []
    for _ in range(3):
        reload(at_work)
        at_work.start()
        at_work.rest()
        counts.append((children(window.main), len(window.docks()), len(window.actions()), len(window.drops)))
    assert counts[0] == counts[1] == counts[2]
    assert counts[0][1:] == (1, 6, 1)
    at_work.plugin.unload()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert (window.docks(), window.actions(), window.drops, window.bands()) == ([], [], [], [])
    at_work.plugin.initGui()


def test_a_file_dialog_goes_with_the_plugin(at_work):
    at_work.click(at_work.at(12, 9))
    at_work.dock.export.findChild(QAction, "export_png").trigger()
    assert [w for w in QApplication.topLevelWidgets() if w.objectName() == "export_file"]
    reload(at_work)
    assert not [w for w in QApplication.topLevelWidgets() if w.objectName() == "export_file"]


def test_after_three_loads_one_click_is_answered_once(at_work):
    for _ in range(3):
        reload(at_work)
        at_work.start()
    at_work.rest()
    at_work.click(CORNER)
    assert "is off the swath" in one_sentence(at_work)
    QTest.keyClick(at_work.canvas, Qt.Key.Key_Escape)
    at_work.window.show_in("")
    at_work.click(CORNER)
    assert one_sentence(at_work).startswith("The project has no valid coordinate reference system; ")
    at_work.window.show_in("EPSG:3857")
    assert works_on(at_work)
