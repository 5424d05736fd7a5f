"""What leaves the inspector: files, layers, values and commands, with the numbers that are shown."""

from __future__ import annotations

import csv
import json
import shlex
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from qgis.core import QgsProject
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QImage
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QDoubleSpinBox

from inspector_side import LEFT, NONE
from qgis_side import REFERENCE, rows_of

shapely = pytest.importorskip("shapely")


@pytest.fixture
def patch(at_work):
    """An area of twenty-five pixels whose scores are accepted up to a threshold."""
    at_work.draw("Polygon", *(at_work.at(*c) for c in ((12.6, 8.4), (12.6, 13.4), (17.4, 13.4), (17.4, 8.4))))
    spin = at_work.dock.findChild(QDoubleSpinBox)
    spin.selectAll()
    QTest.keyClicks(spin, "0.262")
    QTest.keyClick(spin, Qt.Key.Key_Return)
    return at_work


def seen(analyst):
    sight, = analyst.inspector.presenter.sights
    return sight.seen


def assert_same(rows, inspection):
    """Rows of a table or layer are the inspection."""
    assert len(rows) == len(inspection.pixels) == 25
    assert [(int(r["downtrack"]), int(r["crosstrack"])) for r in rows] == list(
        zip(inspection.pixels.downtrack.tolist(), inspection.pixels.crosstrack.tolist()))
    np.testing.assert_allclose([float(r["distance"]) for r in rows], inspection.scores, rtol=1e-12)
    accepted = [str(row["accepted"]).lower() == "true" for row in rows]
    assert accepted == [bool(score <= 0.262) for score in inspection.scores]
    assert 0 < sum(accepted) < 25
    assert {row["reference_id"] for row in rows} == {REFERENCE}


def test_a_picture(patch, tmp_path):
    patch.export("png", tmp_path / "plot")
    picture = QImage(str(tmp_path / "plot.png"))
    assert picture.width() >= 1280
    colours = {picture.pixelColor(x, y).name() for x in range(0, picture.width(), 3)
               for y in range(0, picture.height(), 3)}
    assert patch.curve("mean").colour in colours
    assert patch.told() == [f"The picture was saved as {tmp_path / 'plot.png'}"]


def test_a_drawing(patch, tmp_path):
    patch.export("svg", tmp_path / "plot.svg")
    root = ET.parse(tmp_path / "plot.svg").getroot()
    texts = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "Wavelength (nm)" in texts
    assert "Mean of 25 pixels" in texts


def test_a_table(patch, tmp_path):
    patch.export("csv", tmp_path / "table.csv")
    with open(tmp_path / "table.csv", newline="", encoding="utf-8-sig") as file:
        assert_same(list(csv.DictReader(file)), seen(patch))


def test_a_layer_in_a_file_that_comes_into_the_project(patch, tmp_path):
    patch.export("layer", tmp_path / "layer.gpkg")
    layer, = (one for one in QgsProject.instance().mapLayers().values() if one.source().startswith(str(tmp_path)))
    assert layer.name() == f"Spectra of {seen(patch).granule.id}"
    assert_same(rows_of(layer), seen(patch))


def test_a_temporary_layer(patch):
    before = set(QgsProject.instance().mapLayers())
    patch.export("memory")
    new, = set(QgsProject.instance().mapLayers()) - before
    layer = QgsProject.instance().mapLayer(new)
    assert layer.providerType() == "memory"
    assert_same(rows_of(layer), seen(patch))


def test_values_for_a_spreadsheet(patch):
    patch.export("values")
    lines = [line.split("\t") for line in QApplication.clipboard().text().splitlines()]
    pixels = [i for i, word in enumerate(lines[11]) if word == "value"]
    assert len(pixels) == 25
    score, = (line for line in lines if line[0] == "score")
    np.testing.assert_allclose([float(score[i]) for i in pixels], seen(patch).scores, rtol=1e-12)
    first = [line[pixels[0]] for line in lines[12:]]
    values = [float(cell) if cell else np.nan for cell in first]
    np.testing.assert_array_equal(np.float32(values), seen(patch).spectra.masked_values[0])


def test_the_python_command_gives_the_same_table(patch):
    patch.export("python")
    command = QApplication.clipboard().text()
    given = {}
    exec(command.replace("processing.run(", "given = processing.run("), given)
    assert_same(rows_of(given["given"]["OUTPUT"]), seen(patch))


def test_the_command_for_a_terminal(patch, files):
    patch.export("qgis_process")
    words = shlex.split(QApplication.clipboard().text())
    assert words[:2] == ["printf", "%s"]
    assert words[3:] == ["|", "qgis_process", "run", "pixelspectra:score_spectra", "-"]
    inputs = json.loads(words[2])["inputs"]
    assert (inputs["GRANULE"], inputs["REFERENCE"], inputs["METRIC"], inputs["THRESHOLD"]) == (
        str(files.reflectance), REFERENCE, "sam", 0.262)
    area, = json.loads(inputs["AOI"])["features"]
    assert shapely.geometry.shape(area["geometry"]).equals(patch.inspector.presenter.sights[0].area.geometries[0])


def test_several_pixels_are_exported_together(at_work, tmp_path):
    at_work.click(at_work.at(12, 9))
    at_work.click(at_work.at(20, 15), shift=True)
    at_work.export("csv", tmp_path / "table.csv")
    with open(tmp_path / "table.csv", newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [(row["downtrack"], row["crosstrack"], row["feature_id"]) for row in rows] == [
        ("12", "9", "1"), ("20", "15", "2")]


def test_the_line_panel_is_what_is_saved_while_it_is_in_front(at_work, tmp_path):
    at_work.draw("Line", at_work.at(6, 4), at_work.at(16, 20))
    at_work.export("png", tmp_path / "line.png")
    line = QImage(str(tmp_path / "line.png"))
    tabs = at_work.dock.tabs.tabBar()
    QTest.mouseClick(tabs, LEFT, NONE, tabs.tabRect(0).center())
    at_work.export("png", tmp_path / "spectrum.png")
    assert not line.isNull() and line != QImage(str(tmp_path / "spectrum.png"))
    at_work.export("svg", tmp_path / "spectrum.svg")
    assert "Wavelength" in (tmp_path / "spectrum.svg").read_text()


def test_a_file_that_cannot_be_written_is_said_once(patch, tmp_path):
    patch.dock.export.asked.emit("csv", str(tmp_path / "nowhere" / "table.csv"))
    patch.rest()
    assert len(patch.warnings()) == 1
    assert "nowhere" in patch.warnings()[0]
    assert not (tmp_path / "nowhere").exists()
