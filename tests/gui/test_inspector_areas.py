"""Lines, outlines, selected features, files and pasted text: what is shown is what inspect says of that area."""

from __future__ import annotations

import json
import re
from collections import Counter

import numpy as np
import pytest
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.sensors import open_granule
from pixel_spectra.ui.theme import BAD, GOOD
from qgis.core import Qgis, QgsCoordinateTransform, QgsFeature, QgsGeometry, QgsProject, QgsVectorLayer
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QDialogButtonBox, QDoubleSpinBox, QPlainTextEdit

from inspector_side import LEFT, LONLAT, drag, move, name_file, when_asked
from qgis_side import REFERENCE, box, place, write_geojson

shapely = pytest.importorskip("shapely")


@pytest.fixture(scope="module")
def asked(files):
    """What the core says of areas in lon/lat."""
    granule = open_granule(str(files.reflectance))

    def ask(*geometries, ids=None, **terms):
        return inspect(granule, list(geometries), feature_ids=ids, **{"reference": REFERENCE, **terms})

    return ask


@pytest.fixture
def patch(at_work, asked):
    """An outline around 49 pixels, clouds among them, drawn on the map; and what inspect says of it."""
    corners = [(1.6, 1.6), (1.6, 8.4), (8.4, 8.4), (8.4, 1.6)]
    return asked(shapely.Polygon(at_work.draw("Polygon", *(at_work.at(*corner) for corner in corners))))


def filled(analyst):
    """How many pixels are painted good, and how many bad."""
    painted = {band.fillColor().name(): band.asGeometry() for band in analyst.window.bands()}
    return tuple(painted[colour].constGet().numGeometries() if colour in painted and not painted[colour].isEmpty()
                 else 0 for colour in (GOOD, BAD))


def hovered(analyst):
    """Where the map marks one pixel, in pixels of the canvas."""
    marks = [band for band in analyst.window.bands() if band.strokeColor().name() == "#ffd400"]
    if not marks:
        return None
    spot, = (m.asGeometry() for m in marks if m.asGeometry().type() == Qgis.GeometryType.Point)
    return analyst.canvas.getCoordinateTransform().transform(spot.asPoint())


# ---- outline


def test_the_curve_of_an_outline_is_mean_and_sigma_of_its_valid_pixels(at_work, patch):
    assert len(patch.pixels) == 49
    curve = at_work.curve("mean")
    np.testing.assert_array_equal(curve.values, patch.mean)
    np.testing.assert_array_equal(curve.sigma, patch.sigma)
    valid = int(patch.spectra.pixel_valid.sum())
    assert curve.name == f"Mean of {valid} pixels"
    np.testing.assert_array_equal(at_work.dock.spectrum.content.sample,
                                  patch.spectra.masked_values[patch.spectra.pixel_valid])
    assert at_work.said("Note") == f"Thin lines: all {valid} valid pixels; mean and σ come from all of them."


def test_valid_and_masked_pixels_are_counted_by_reason(at_work, patch):
    n_valid = int(patch.spectra.pixel_valid.sum())
    assert n_valid == 27
    assert Counter(filter(None, patch.reasons)) == {"Dilated Cloud Flag": 11, "Cloud flag": 9, "Cirrus flag": 2}
    assert at_work.said("Valid and masked pixels") == (
        "27 of 49 pixels are valid. Masked: 11 Dilated Cloud Flag, 9 Cloud flag, 2 Cirrus flag.")


def test_the_threshold_starts_at_the_median_and_colours_the_pixels_of_the_map(at_work, patch):
    threshold = at_work.dock.score.threshold
    good = int((patch.scores <= threshold).sum())
    assert threshold == pytest.approx(np.nanmedian(patch.scores), abs=0.01)
    assert filled(at_work) == (good, 27 - good)
    assert at_work.said("Accepted pixels") == f"{good} accepted of 27 valid pixels"


def test_dragging_the_threshold_recolours_the_map_while_it_is_dragged(at_work, patch):
    histogram = at_work.dock.score.histogram
    values = (at_work.dock.score.threshold, 0.2579, 0.25945)
    counts = []
    for _ in drag(histogram, *map(histogram.place_of, values)):
        good = int((patch.scores <= at_work.dock.score.threshold).sum())
        assert filled(at_work) == (good, 27 - good)
        assert at_work.said("Accepted pixels") == f"{good} accepted of 27 valid pixels"
        counts.append(good)
    assert counts == [4, 13]


def test_the_arrow_keys_and_the_box_move_the_threshold_too(at_work, patch):
    histogram = at_work.dock.score.histogram
    QTest.keyClick(histogram, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert at_work.dock.score.threshold > np.nanmedian(patch.scores)
    more = int((patch.scores <= at_work.dock.score.threshold).sum())
    assert filled(at_work) == (more, 27 - more) and 14 < more < 27
    spin = at_work.dock.findChild(QDoubleSpinBox)
    spin.selectAll()
    QTest.keyClicks(spin, "9")
    QTest.keyClick(spin, Qt.Key.Key_Return)
    assert at_work.dock.score.threshold == 9
    assert filled(at_work) == (27, 0)
    assert at_work.said("Accepted pixels") == "27 accepted of 27 valid pixels"


def test_a_pixel_after_an_area_takes_its_colours_away(at_work, patch):
    at_work.press("Point")
    at_work.click(at_work.at(12, 9))
    assert filled(at_work) == (0, 0)
    assert at_work.said("Accepted pixels") == ""
    assert at_work.said("Score") != ""


# ---- line


@pytest.fixture
def line(at_work, asked):
    """A line over some twenty pixels, drawn on the map; and what inspect says of it."""
    return asked(shapely.LineString(at_work.draw("Line", at_work.at(6, 4), at_work.at(14, 10), at_work.at(16, 20))))


def test_a_line_shows_its_panel_and_each_of_its_pixels_can_be_read(at_work, line):
    assert at_work.dock.tabs.currentWidget() is at_work.dock.line
    assert len(line.pixels) > 15
    picture = at_work.dock.line.picture
    picture.setFocus()
    for row in range(len(line.pixels)):
        QTest.keyClick(picture, Qt.Key.Key_Right)
        said = at_work.dock.line.reading
        assert f"row {line.pixels.downtrack[row]}, column {line.pixels.crosstrack[row]}  ·" in said
        score = line.scores[row]
        assert (f"Spectral angle {score:.3f}" if np.isfinite(score) else "no score") in said


def test_hovering_the_line_marks_the_place_on_the_map(at_work, line):
    picture, row = at_work.dock.line.picture, 7
    move(picture, picture.place_of(row, 1650.0))
    expected = at_work.at(line.pixels.downtrack[row], line.pixels.crosstrack[row])
    spot = hovered(at_work)
    assert (spot.x(), spot.y()) == pytest.approx((expected.x(), expected.y()), abs=4)
    assert f"row {line.pixels.downtrack[row]}, column {line.pixels.crosstrack[row]}" in at_work.dock.line.reading
    nm = float(re.search(r"([\d.]+)\u202fnm", at_work.dock.line.reading)[1])
    assert nm == pytest.approx(1650, abs=15)
    move(picture, picture.rect().bottomLeft())
    assert hovered(at_work) is None


def test_its_score_and_spectrum_are_those_of_an_area(at_work, line):
    np.testing.assert_array_equal(at_work.curve("mean").values, line.mean)
    good = int((line.scores <= at_work.dock.score.threshold).sum())
    assert filled(at_work) == (good, int(np.isfinite(line.scores).sum()) - good)


def test_the_line_panel_goes_with_the_line(at_work, line):
    at_work.press("Point")
    at_work.click(at_work.at(12, 9))
    assert not at_work.dock.tabs.isTabVisible(1)
    assert at_work.dock.tabs.currentWidget() is at_work.dock.spectrum


def test_backspace_and_escape_while_drawing(at_work):
    at_work.press("Line")
    for corner in ((6, 4), (30, 25), (6, 12)):
        at_work.click(at_work.at(*corner))
    for key in (Qt.Key.Key_Backspace, Qt.Key.Key_Backspace):
        QTest.keyClick(at_work.canvas, key)
    at_work.click(at_work.at(10, 4))
    QTest.keyClick(at_work.canvas, Qt.Key.Key_Return)
    at_work.rest()
    assert at_work.curve("mean").name == "Mean of 5 pixels"
    before = at_work.curves()
    at_work.click(at_work.at(20, 20))
    QTest.keyClick(at_work.canvas, Qt.Key.Key_Escape)
    at_work.rest()
    assert at_work.curves() == before


# ---- areas that exist


def in_utm(wkt):
    """A layer of outlines, given in lon/lat."""
    layer = QgsVectorLayer("Polygon?crs=EPSG:32633", "fields", "memory")
    way = QgsCoordinateTransform(LONLAT, layer.crs(), QgsProject.instance())
    for text in wkt:
        feature, outline = QgsFeature(), QgsGeometry.fromWkt(text)
        outline.transform(way)
        feature.setGeometry(outline)
        layer.dataProvider().addFeatures([feature])
    return layer


def test_the_selected_features_of_a_layer_in_another_crs(at_work, asked):
    wkt = [shapely.geometry.shape(box(*b)).wkt
           for b in ((1.6, 1.6, 8.4, 8.4), (10.6, 10.6, 14.4, 14.4), (20, 1, 30, 9))]
    layer = in_utm(wkt)
    QgsProject.instance().addMapLayer(layer)
    at_work.window.iface.setActiveLayer(layer)
    layer.selectByIds([1, 2])
    at_work.press("Selected")
    seen = asked(*map(shapely.from_wkt, wkt[:2]), ids=[1, 2])
    np.testing.assert_array_equal(at_work.curve("mean").values, seen.mean)
    np.testing.assert_array_equal(at_work.curve("mean").sigma, seen.sigma)
    assert at_work.said("Valid and masked pixels") == (
        "43 of 65 pixels are valid. Masked: 11 Dilated Cloud Flag, 9 Cloud flag, 2 Cirrus flag.")
    assert at_work.button("Point").isChecked()


def test_an_area_from_a_file(at_work, asked, tmp_path):
    path = write_geojson(tmp_path / "plots.geojson", box(10.6, 10.6, 14.4, 14.4), box(20, 1, 22, 3))
    when_asked(lambda dialog: name_file(dialog, path))
    at_work.press("From file…")
    geometries = [shapely.geometry.shape(f["geometry"]) for f in json.loads(path.read_text())["features"]]
    np.testing.assert_array_equal(at_work.curve("mean").values, asked(*geometries).mean)
    assert at_work.warnings() == []


def paste(dialog, text):
    QTest.mouseClick(dialog.findChild(QPlainTextEdit), LEFT)
    QTest.keyClicks(dialog.findChild(QPlainTextEdit), text)
    QTest.mouseClick(dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Ok), LEFT)


def test_pasted_wkt(at_work, asked):
    area = shapely.geometry.shape(box(10.6, 10.6, 14.4, 14.4))
    when_asked(lambda dialog: paste(dialog, area.wkt))
    at_work.press("Paste WKT…")
    np.testing.assert_array_equal(at_work.curve("mean").values, asked(area).mean)


def test_a_pasted_coordinate_is_a_pixel(at_work, asked):
    lon, lat = place(12, 9)
    when_asked(lambda dialog: paste(dialog, f"{lon:.6f}, {lat:.6f}"))
    at_work.press("Paste WKT…")
    assert at_work.curve().name == "Pixel 12, 9"
    assert at_work.said("Score") == f"{asked(shapely.Point(lon, lat)).scores[0]:.3f}"


def test_a_text_that_is_no_area_is_said_once(at_work):
    when_asked(lambda dialog: paste(dialog, "somewhere near the lake"))
    at_work.press("Paste WKT…")
    assert len(at_work.warnings()) == 1
    assert at_work.curves() == ()


def test_shift_adds_an_outline_to_a_pixel(at_work, asked):
    at_work.click(at_work.at(20, 15))
    corners = at_work.draw("Polygon", *(at_work.at(*c) for c in ((10.6, 10.6), (10.6, 14.4), (14.4, 14.4))), shift=True)
    assert [curve.kind for curve in at_work.curves()] == ["reference", "pixel", "mean"]
    np.testing.assert_array_equal(at_work.curve("mean").values, asked(shapely.Polygon(corners)).mean)
