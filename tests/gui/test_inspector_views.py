"""How sure it is, other views of the plot, what it is, and the map of the whole granule, as the dock shows them."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from pixel_spectra.core.comparison import compare, compare_mean
from pixel_spectra.core.continuum import remove_continuum
from pixel_spectra.core.errors import GranuleError
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.libraries import bundled_library, open_library
from pixel_spectra.core.mapping import map_scores
from pixel_spectra.core.progress import checkpoint
from pixel_spectra.core.sensors import open_granule
from pixel_spectra.core.sensors.emit.granule import EmitGranule
from pixel_spectra.core.views import derivative
from pixel_spectra.ui import score_maps
from pixel_spectra.ui.axes import plain_number
from qgis.core import QgsProject, QgsSingleBandPseudoColorRenderer
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication

from granules import expected_uncertainty, write_granule, write_radiance
from inspector_side import LEFT, NONE, until
from kept_rasters import Memory
from qgis_side import REFERENCE, SCENE

shapely = pytest.importorskip("shapely")

CORNERS = ((12.6, 8.4), (12.6, 13.4), (17.4, 13.4), (17.4, 8.4))


@pytest.fixture(scope="module")
def granule(files):
    return open_granule(str(files.reflectance))


@pytest.fixture
def ask(granule):
    """What the core says of a clicked place."""
    def ask(lonlat, **terms):
        return inspect(granule, shapely.Point(*lonlat), **{"reference": REFERENCE, "uncertainty": True, **terms})

    return ask


def legend(analyst):
    return [entry.entry.name for entry in analyst.dock.spectrum.plot.legend.placed]


def polygon(analyst):
    analyst.draw("Polygon", *(analyst.at(*corner) for corner in CORNERS))
    sight, = analyst.inspector.presenter.sights
    return sight.seen


# ---- how sure it is

def test_a_pixel_has_its_uncertainty_as_a_band_with_gaps_where_it_is_masked(at_work):
    at_work.click(at_work.at(6, 4))
    curve = at_work.curve()
    masked = np.isnan(curve.values)
    assert 0 < masked.sum() < 285
    np.testing.assert_array_equal(curve.sigma, np.where(masked, np.nan, expected_uncertainty()))
    assert "± uncertainty (1 σ)" in legend(at_work) and "± σ" not in legend(at_work)
    low, high = at_work.dock.spectrum.plot.picture.y
    assert low < np.nanmin(curve.values - curve.sigma) and high > np.nanmax(curve.values + curve.sigma)


def test_the_score_has_its_sigma_once_the_comparison_is_there(at_work, ask):
    seen = ask(at_work.click(at_work.at(12, 9)))
    assert seen.score_sigma[0] > 0
    assert at_work.said("Uncertainty of the score") == f"± {plain_number(seen.score_sigma[0], 2)}"
    assert at_work.said("Score") == f"{seen.scores[0]:.3f}"


def test_a_masked_pixel_has_no_sigma(at_work):
    at_work.click(at_work.at(3, 4))
    assert at_work.said("Score") == "No score" and at_work.said("Uncertainty of the score") == ""


@pytest.fixture
def plain_granule(tmp_path):
    """Without RFLUNCERT."""
    return write_granule(tmp_path, replace(SCENE, orbit=2412211), uncertainty=False)


def test_without_rfluncert_there_is_no_band_and_no_sigma(analyst, plain_granule):
    analyst.open(plain_granule.reflectance)
    analyst.choose_reference("kaolinite cm9 beckb")
    analyst.click(analyst.at(12, 9))
    assert analyst.curve().sigma is None
    assert not [name for name in legend(analyst) if "±" in name]
    assert analyst.said("Uncertainty of the score") == ""
    assert analyst.said("Rank").startswith("Closer than")


def test_rfluncert_that_cannot_be_read_is_noted_and_the_pixel_is_shown(at_work, monkeypatch):
    def refuse(granule, pixels):
        raise GranuleError("'RFLUNCERT.nc' cannot be read; fetch it again.")

    monkeypatch.setattr(EmitGranule, "read_uncertainty", refuse)
    at_work.click(at_work.at(12, 9))
    assert at_work.curve().name == "Pixel 12, 9" and at_work.curve().sigma is None
    assert "The uncertainty is not shown: 'RFLUNCERT.nc' cannot be read; fetch it again." in at_work.notes()
    assert at_work.said("Uncertainty of the score") == "" and at_work.said("Rank").startswith("Closer than")
    assert at_work.warnings() == []


def test_an_area_has_the_scatter_of_its_pixels_and_the_standard_error_of_the_mean(at_work):
    seen = polygon(at_work)
    np.testing.assert_array_equal(at_work.curve("mean").sigma, seen.sigma)
    assert "± σ" in legend(at_work) and "± uncertainty (1 σ)" not in legend(at_work)
    error = seen.scores.std(ddof=1) / 5
    assert f"standard error of the mean {plain_number(error, 2)}" in at_work.said("Mean and standard deviation")


# ---- views of the plot

def drawn(analyst):
    return {curve.kind: curve for curve in analyst.dock.spectrum.plot.picture.content.curves}


@pytest.mark.parametrize(("view", "of"), [("continuum_removed", remove_continuum), ("derivative", derivative)])
def test_a_view_is_what_the_core_makes_of_every_curve(at_work, view, of):
    at_work.click(at_work.at(12, 9))
    table = at_work.dock.score.match_table
    QTest.mouseClick(table.viewport(), LEFT, NONE, table.visualItemRect(table.item(1, 0)).center())
    given = {curve.kind: curve for curve in at_work.curves()}
    at_work.choose_in("View", view)
    assert set(drawn(at_work)) == set(given) == {"reference", "match", "pixel"}
    for kind, curve in drawn(at_work).items():
        np.testing.assert_array_equal(curve.values, of(curve.wavelength_nm, given[kind].values))
        assert curve.sigma is None and curve.masked_values is None
    assert not [name for name in legend(at_work) if "±" in name]
    at_work.choose_in("View", "values")
    assert drawn(at_work)["pixel"] is given["pixel"]


def test_the_derivative_never_bridges_a_masked_band(at_work):
    at_work.click(at_work.at(6, 4))
    values = at_work.curve().values
    at_work.choose_in("View", "derivative")
    shown, wavelength = drawn(at_work)["pixel"].values, at_work.curve().wavelength_nm
    assert np.isnan(shown[[10, 11]]).all()
    assert shown[9] == pytest.approx((float(values[9]) - float(values[8])) / (wavelength[9] - wavelength[8]))
    assert shown[12] == pytest.approx((float(values[13]) - float(values[12])) / (wavelength[13] - wavelength[12]))


def test_the_mean_and_the_single_pixels_are_seen_so_too_and_without_the_band_of_sigma(at_work):
    seen = polygon(at_work)
    at_work.choose_in("View", "continuum_removed")
    shown = at_work.dock.spectrum.plot.picture.content
    nm = seen.spectra.bands.wavelength_nm
    np.testing.assert_array_equal(drawn(at_work)["mean"].values, remove_continuum(nm, seen.mean))
    np.testing.assert_array_equal(shown.sample, remove_continuum(nm, seen.spectra.masked_values))
    assert drawn(at_work)["mean"].sigma is None and "± σ" not in legend(at_work)


def test_a_scaled_reference_is_scaled_in_the_derivative_but_not_against_its_continuum(at_work):
    at_work.click(at_work.at(12, 9))
    given, picture = at_work.curve("reference"), at_work.dock.spectrum.plot.picture
    assert at_work.dock.spectrum.options().scaled and given.scale != 1
    at_work.choose_in("View", "derivative")
    picture = at_work.dock.spectrum.plot.picture
    np.testing.assert_allclose(picture.values(drawn(at_work)["reference"]),
                               given.scale * derivative(given.wavelength_nm, given.values))
    at_work.choose_in("View", "continuum_removed")
    picture = at_work.dock.spectrum.plot.picture
    assert np.nanmax(picture.values(drawn(at_work)["reference"])) == 1.0


def test_axis_and_range_and_what_is_read_are_those_of_the_view(at_work):
    at_work.click(at_work.at(12, 9))
    at_work.choose_in("View", "continuum_removed")
    plot = at_work.dock.spectrum.plot
    assert plot.picture.content.quantity == "Hull quotient (reflectance / continuum)"
    low, high = plot.picture.y
    assert 0.0 < low < high < 1.1
    plot.setFocus()
    QTest.keyClick(plot, Qt.Key.Key_Home)
    assert at_work.said("Values read").split("  ·  ")[1] == "1.0000"  # the first band touches the hull
    at_work.choose_in("View", "derivative")
    assert plot.picture.content.quantity == "Derivative (reflectance per nm)"
    QTest.keyClick(plot, Qt.Key.Key_Home)
    first = drawn(at_work)["pixel"].values[0]
    assert at_work.said("Values read").split("  ·  ")[1] == f"{first:.6f}"


def test_a_saved_drawing_shows_the_view(at_work, tmp_path):
    at_work.click(at_work.at(12, 9))
    at_work.choose_in("View", "derivative")
    at_work.export("svg", tmp_path / "plot.svg")
    text = (tmp_path / "plot.svg").read_text()
    assert "Derivative (reflectance per nm)" in text and "uncertainty" not in text


def test_the_view_stays_for_the_next_click_and_the_next_session(at_work, plugin):
    at_work.click(at_work.at(12, 9))
    at_work.choose_in("View", "derivative")
    at_work.click(at_work.at(20, 15))
    np.testing.assert_array_equal(drawn(at_work)["pixel"].values,
                                  derivative(at_work.curve().wavelength_nm, at_work.curve().values))
    plugin.unload()
    plugin.initProcessing()
    plugin.initGui()
    at_work.start()
    assert at_work.dock.spectrum.options().view == "derivative"


# ---- what is this?

def rows(analyst):
    table = analyst.dock.score.match_table
    return [[table.item(row, column).text() for column in range(5)] for row in range(table.rowCount())]


def told(matches):
    """The cells of the table."""
    return [[m.name, f"{m.fit:.3f}", plain_number(m.sam), f"{m.correlation:.3f}", f"{m.margin:.3f}"] for m in matches]


def test_the_best_matches_of_a_pixel_are_ranked_by_fit_with_their_measures(at_work, ask):
    seen = ask(at_work.click(at_work.at(12, 9)))
    assert rows(at_work) == told(compare(seen, top=5).matches)
    fits = [match.fit for match in compare(seen, top=5).matches]
    assert fits == sorted(fits, reverse=True)


def test_an_area_is_matched_by_its_mean(at_work):
    seen = polygon(at_work)
    assert at_work.dock.score.match_table.isVisible()
    assert rows(at_work) == told(compare_mean(seen, 5).matches)
    table = at_work.dock.score.match_table
    table.setFocus()
    table.setCurrentCell(0, 0)
    QTest.keyClick(table, Qt.Key.Key_Return)
    assert at_work.curve("match").name == table.item(0, 0).text()


@pytest.fixture
def own(tmp_path):
    """A library of two spectra."""
    wavelength = np.arange(380.0, 2501.0, 10.0)
    lines = ["wavelength_nm,rising,dip"]
    lines += [f"{nm:.0f},{nm / 5000:.5f},{0.5 - 0.2 * np.exp(-((nm - 2200) / 40) ** 2):.5f}" for nm in wavelength]
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_library_of_ones_own_can_be_asked(at_work, ask, own):
    seen = ask(at_work.click(at_work.at(12, 9)))
    at_work.inspector.open_library(str(own))
    at_work.rest()
    assert rows(at_work) == told(compare(seen, top=5).matches)  # it is offered, not taken
    at_work.choose_in("Library to match", str(own))
    expected = compare(seen, top=5, library=open_library(str(own))).matches
    assert [row[0] for row in rows(at_work)[:2]] == [match.name for match in expected]
    assert set(match.name for match in expected) == {"rising", "dip"}
    table = at_work.dock.score.match_table
    QTest.mouseClick(table.viewport(), LEFT, NONE, table.visualItemRect(table.item(0, 0)).center())
    assert at_work.curve("match").name == expected[0].name
    at_work.choose_in("Library to match", "")
    assert rows(at_work) == told(compare(seen, top=5).matches)
    assert "match" not in [curve.kind for curve in at_work.curves()]


def test_radiance_is_like_no_reference_and_that_is_said(analyst, tmp_path):
    analyst.open(write_radiance(tmp_path, SCENE))
    analyst.click(analyst.at(12, 9))
    assert [row[0] for row in rows(analyst)] == ["–"] * 5
    assert analyst.said("Notes on the comparison") == (
        "References are reflectance and this granule holds radiance, so nothing is matched.")


# ---- the map of the whole granule

def maps():
    """The layers of score maps."""
    return [layer for layer in QgsProject.instance().mapLayers().values() if "Spectral angle" in layer.name()]


def values(layer):
    block = layer.dataProvider().block(1, layer.extent(), layer.width(), layer.height())
    read = np.array([[block.value(r, c) for c in range(layer.width())] for r in range(layer.height())], np.float32)
    return np.where(read == -9999, np.nan, read)


def test_the_map_is_that_of_the_core_in_colours_above_the_picture(at_work, granule):
    at_work.click(at_work.at(12, 9))
    at_work.press("Map this metric")
    layer, = maps()
    kept = Memory()
    map_scores(granule, [bundled_library()[REFERENCE]], "sam", kept, orthorectify=True)
    np.testing.assert_array_equal(values(layer), kept.values[:, :, 0])
    assert layer.name() == f"Spectral angle to {bundled_library()[REFERENCE].name}, {granule.id}"
    assert isinstance(layer.renderer(), QgsSingleBandPseudoColorRenderer)
    assert QgsProject.instance().layerTreeRoot().layerOrder()[0] is layer
    assert [scene.name for scene in at_work.inspector.scenes.scenes] == [granule.id]  # it is not taken for a granule
    said, = at_work.told()
    assert said.startswith("The map is complete: ") and "pixels have a score" in said
    assert at_work.warnings() == []


def test_a_coarse_map_comes_first_and_becomes_the_fine_one(at_work, monkeypatch):
    gates, write = [], score_maps.write_score_map

    def held(granule, references, metric, path, mask, orthorectify, stride, progress):
        if stride == 1:
            gates.append(stride)
            until_cancelled_or(lambda: not gates, progress)
        return write(granule, references, metric, path, mask, orthorectify, stride, progress)

    monkeypatch.setattr(score_maps, "write_score_map", held)
    at_work.press("Map this metric", rest=False)
    until(lambda: maps() and gates)
    layer, = maps()
    assert layer.name().endswith(" (preview)")
    coarse, key = layer.width(), layer.id()
    gates.clear()
    at_work.rest()
    layer, = maps()
    assert layer.id() == key and not layer.name().endswith(" (preview)")
    assert layer.width() > 3 * coarse


def until_cancelled_or(done, progress):
    while not done():
        checkpoint(progress, 0.5, "Scoring")
        time.sleep(0.002)


@pytest.fixture
def refining(at_work, monkeypatch):
    """The coarse map is there, the fine one never comes by itself."""
    write, entered = score_maps.write_score_map, []

    def held(granule, references, metric, path, mask, orthorectify, stride, progress):
        if stride == 1:
            entered.append(True)
            until_cancelled_or(lambda: False, progress)
        return write(granule, references, metric, path, mask, orthorectify, stride, progress)

    monkeypatch.setattr(score_maps, "write_score_map", held)
    at_work.press("Map this metric", rest=False)
    until(lambda: maps() and entered)
    return at_work


def test_cancel_leaves_the_coarse_map(refining):
    until(refining.dock.foot.isVisible)
    refining.press("Cancel")
    layer, = maps()
    assert layer.isValid() and layer.name().endswith(" (preview)")
    assert not refining.dock.foot.isVisible() and refining.warnings() == refining.told() == []


def test_a_layer_that_is_removed_is_not_refined(refining):
    layer, = maps()
    QgsProject.instance().removeMapLayer(layer.id())
    refining.rest()
    assert not refining.inspector.maps.refining.running and refining.warnings() == refining.told() == []


def test_the_window_can_be_used_while_the_map_is_made(refining):
    refining.click(refining.at(12, 9), rest=False)
    until(lambda: refining.curves())
    assert refining.curve().name == "Pixel 12, 9"
    refining.inspector.maps.cancel()


def test_a_map_without_reference_is_refused_in_one_sentence(analyst, files):
    analyst.open(files.reflectance)
    analyst.press("Map this metric")
    assert analyst.warnings() == [
        "A map by 'Spectral angle' needs a reference; choose one, or a metric that needs none."]
    assert maps() == []


def test_a_map_without_a_granule_is_refused_in_one_sentence(analyst):
    analyst.press("Map this metric")
    assert analyst.warnings() == ["No granule is open; open the one that is to be mapped."]


def test_a_map_of_radiance_is_refused_in_one_sentence(analyst, tmp_path):
    analyst.open(write_radiance(tmp_path, SCENE))
    analyst.choose_reference("kaolinite cm9 beckb")
    analyst.press("Map this metric")
    assert len(analyst.warnings()) == 1 and "holds radiance" in analyst.warnings()[0]
    assert maps() == []


def test_a_metric_without_reference_is_mapped(analyst, files):
    analyst.open(files.reflectance)
    analyst.choose_in("Metric", "rx")
    analyst.press("Map this metric")
    names = [layer.name() for layer in QgsProject.instance().mapLayers().values()]
    assert len(names) == 2 and analyst.warnings() == []
    assert QApplication.overrideCursor() is None
