"""From start to unload: what is remembered, what is left behind, and QGIS without pyqtgraph."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.sensors import open_granule
from pixel_spectra.ui import tasks
from pixel_spectra.ui.inspector import Inspector
from pixel_spectra.ui.painted_spectrum import PaintedSpectrum
from pixel_spectra.ui.plot_library import pyqtgraph
from pixel_spectra.ui.spectrum_plot import SpectrumPlot
from qgis.core import QgsApplication, QgsProject
from qgis.PyQt.QtCore import QObject, QPointF, Qt
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QDoubleSpinBox

from inspector_side import LEFT, Analyst, until
from qgis_side import REFERENCE

shapely = pytest.importorskip("shapely")


def again(analyst):
    """Leave QGIS, and start it another time."""
    analyst.rest()
    analyst.plugin.unload()
    QTest.qWait(1)
    analyst.plugin.initGui()
    analyst.rest()


# ---- what is remembered


def test_the_state_survives_a_restart(at_work, files, tmp_path):
    at_work.choose_in("Metric", "cosine")
    at_work.type_mask("good_bands, cloud")
    at_work.choose_in("Unit of wavelengths", "µm")
    at_work.click(at_work.at(12, 9))
    at_work.press("Masked values")
    at_work.draw("Polygon", *(at_work.at(*c) for c in ((12.6, 8.4), (12.6, 13.4), (17.4, 13.4), (17.4, 8.4))))
    spin = at_work.dock.findChild(QDoubleSpinBox)
    spin.selectAll()
    QTest.keyClicks(spin, "0.9")
    QTest.keyClick(spin, Qt.Key.Key_Return)
    again(at_work)
    question = at_work.dock.question.question()
    assert (question.reference.id, question.metric, question.mask) == (REFERENCE, "cosine", "good_bands, cloud")
    options = at_work.dock.spectrum.options()
    assert (options.unit, options.masked_shown, options.scaled) == ("µm", True, True)
    assert at_work.inspector.settings.recent == (str(files.reflectance),)
    assert at_work.dock.isVisible()
    at_work.start()
    assert at_work.button("Polygon").isChecked()
    at_work.draw("Polygon", *(at_work.at(*c) for c in ((2, 20), (2, 25), (7, 25))))  # the granule is still there
    assert at_work.dock.score.threshold == 0.9


def test_a_reference_of_ones_own_library_is_found_again(at_work, tmp_path):
    path = tmp_path / "garden.csv"
    path.write_text("wavelength_nm,reflectance\n400,0.1\n2500,0.5\n")
    at_work.inspector.open_library(str(path), "garden")
    at_work.rest()
    assert at_work.dock.question.question().reference.id == "garden"
    again(at_work)
    assert at_work.dock.question.question().reference.id == "garden"
    assert at_work.dock.question.question().reference_file == str(path)


def test_a_closed_dock_stays_closed_and_gives_the_map_back(at_work):
    at_work.click(at_work.at(12, 9))
    at_work.dock.close()
    at_work.rest()
    assert at_work.window.bands() == []
    assert at_work.canvas.mapTool() is not at_work.inspector.areas.tool
    assert not at_work.plugin.entrance.action.isChecked()
    again(at_work)
    assert at_work.window.docks() == []
    at_work.start()
    assert at_work.window.docks() == [at_work.dock]


def test_what_was_shown_comes_back_with_the_dock(at_work):
    at_work.click(at_work.at(12, 9))
    before = at_work.curves()
    at_work.dock.close()
    at_work.start()
    assert at_work.curves() == before
    assert len(at_work.window.bands()) == 2


# ---- what is left behind


def listeners(window):
    """How many hear each signal of the project and of the canvas that the plugin listens to."""
    project, canvas, root = window.project, window.canvas, window.project.layerTreeRoot()
    return [project.receivers(s) for s in (project.readProject, project.layersAdded, project.layersRemoved)] + [
        root.receivers(s) for s in (root.layerOrderChanged, root.visibilityChanged)] + [
        canvas.receivers(s) for s in (canvas.destinationCrsChanged, canvas.mapToolSet)]


@pytest.fixture
def untouched(window, plugin):
    """The window before the plugin came."""
    return listeners(window), len(window.canvas.scene().items()), window.canvas.mapTool()


def assert_untouched(window, untouched):
    heard, items, tool = untouched
    QTest.qWait(1)
    assert (window.docks(), window.actions(), window.drops, window.bands()) == ([], [], [], [])
    assert len(window.canvas.scene().items()) == items
    assert window.canvas.mapTool() in (tool, None)
    assert listeners(window) == heard
    assert [o for o in window.main.findChildren(QObject) if isinstance(o, Inspector)] == []
    assert QgsApplication.processingRegistry().providerById("pixelspectra") is None


def work(analyst, files):
    """Use a little of everything."""
    analyst.open(files.reflectance)
    analyst.choose_reference("kaolinite cm9 beckb")
    analyst.click(analyst.at(12, 9))
    analyst.draw("Polygon", *(analyst.at(*c) for c in ((2, 2), (2, 8), (8, 8), (8, 2))), shift=True)
    analyst.press("Line")
    analyst.click(analyst.at(20, 20))  # a drawing that is not finished


def test_unloading_leaves_nothing_however_often(untouched, analyst, files, tmp_path):
    window = analyst.window
    for _ in range(2):
        work(analyst, files)
        analyst.plugin.unload()
        until(lambda: not tasks._RUNNING)
        window.clear()
        assert_untouched(window, untouched)
        window.show_in("EPSG:3857")
        analyst.plugin.initGui()
        analyst.start()
    analyst.press("Point")
    analyst.click(analyst.at(12, 9))
    assert len(analyst.warnings()) == 1  # no granule: the new one is at work


def test_unloading_in_the_midst_of_work(untouched, analyst, files):
    assert analyst.window.drop(files.reflectance)
    QTest.qWait(5)
    analyst.plugin.unload()
    analyst.rest()
    assert QgsProject.instance().mapLayers() == {}
    assert_untouched(analyst.window, untouched)
    analyst.plugin.initGui()
    analyst.start()
    analyst.open(files.reflectance)
    analyst.click(analyst.at(12, 9), rest=False)
    analyst.plugin.unload()
    analyst.rest()
    assert analyst.window.bands() == []


def test_a_project_opened_after_unloading(analyst, files, tmp_path):
    analyst.open(files.reflectance)
    project, path = QgsProject.instance(), str(tmp_path / "project.qgz")
    assert project.write(path)
    analyst.plugin.unload()
    assert project.read(path)
    project.removeAllMapLayers()
    analyst.rest()
    assert analyst.window.docks() == []
    assert analyst.warnings() == []


def test_loading_twice_is_loading_once(analyst, files):
    analyst.plugin.initGui()
    analyst.plugin.initGui()
    analyst.start()
    analyst.start()
    assert len(analyst.window.docks()) == 1
    assert len(analyst.window.actions()) == 6  # the buttons and the entries of the menu
    assert len(analyst.window.drops) == 1
    providers = [p.id() for p in QgsApplication.processingRegistry().providers()]
    assert providers.count("pixelspectra") == 1
    analyst.open(files.reflectance)
    analyst.press("Point")
    analyst.click(analyst.at(12, 9))
    assert len([curve for curve in analyst.curves() if curve.kind == "pixel"]) == 1


def test_the_button_takes_and_leaves_the_map(analyst):
    tool, action = analyst.inspector.areas.tool, analyst.plugin.entrance.action
    assert analyst.canvas.mapTool() is tool and action.isChecked()
    analyst.canvas.setMapTool(analyst.window.pan)
    assert not action.isChecked()
    assert not analyst.button("Point").isChecked()
    analyst.start()
    assert analyst.canvas.mapTool() is tool and action.isChecked()
    assert analyst.button("Point").isChecked()
    analyst.start()
    assert analyst.canvas.mapTool() is not tool


# ---- without pyqtgraph


@pytest.fixture
def without_pyqtgraph(window, plugin, files, monkeypatch):
    """The inspector at work in a QGIS that has no pyqtgraph."""
    pyqtgraph.cache_clear()
    monkeypatch.setitem(sys.modules, "pyqtgraph", None)
    plugin.iface = window.iface
    plugin.initGui()
    analyst = Analyst(window, plugin)
    analyst.start()
    analyst.open(files.reflectance)
    analyst.choose_reference("kaolinite cm9 beckb")
    yield analyst
    plugin.unload()
    plugin.initProcessing()
    pyqtgraph.cache_clear()


def column_of(plot, wavelength_nm):
    """Where a wavelength is on the painted plot."""
    tracked = plot.tracked
    middle = tracked.height() / 2
    places = {x: plot.data_at(QPointF(x, middle)) for x in range(tracked.width())}
    return min((x for x, at in places.items() if at), key=lambda x: abs(places[x][0] - wavelength_nm))


def test_a_click_gives_a_painted_spectrum_with_shading(without_pyqtgraph, files):
    analyst = without_pyqtgraph
    lonlat = analyst.click(analyst.at(12, 9))
    seen = inspect(open_granule(str(files.reflectance)), shapely.Point(*lonlat), reference=REFERENCE)
    np.testing.assert_array_equal(analyst.curve().values, seen.spectra.masked_values[0])
    assert analyst.said("Score") == f"{seen.scores[0]:.3f}"
    plot = analyst.dock.spectrum.plot
    assert isinstance(plot, PaintedSpectrum) and not isinstance(plot, SpectrumPlot)
    picture = plot.tracked.grab().toImage()
    region = analyst.dock.spectrum.content.regions[0]
    masked = column_of(plot, (region.start_nm + region.stop_nm) / 2)
    good = column_of(plot, 1000.0)
    colours = {x: {picture.pixelColor(x, y).name() for y in range(picture.height())} for x in (masked, good)}
    assert analyst.curve().colour in colours[good]
    assert analyst.curve().colour not in colours[masked]
    shade = QColor(plot.picture.theme.reason_colour(region.reason))
    background = QColor(plot.picture.theme.background)
    blended = QColor(*(round(b + (s - b) * shade.alphaF()) for s, b in
                       zip(shade.getRgb()[:3], background.getRgb()[:3])))
    assert any(max(abs(a - b) for a, b in zip(QColor(c).getRgb(), blended.getRgb())) <= 2 for c in colours[masked])
    plot.setFocus()
    QTest.keyClick(plot, Qt.Key.Key_Home)
    assert analyst.said("Values read").startswith("381.0 nm  ·  ")
    QTest.mouseClick(plot.tracked, LEFT)
