"""A click on the map: its spectrum, its score, what it looks like, and what is read under the pointer."""

from __future__ import annotations

import numpy as np
import pytest
from pixel_spectra.core.comparison import compare
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.portrait import masked_regions
from pixel_spectra.core.sensors import open_granule
from pixel_spectra.ui.axes import plain_number
from pixel_spectra.ui.theme import CURVE_COLOURS
from qgis.core import Qgis, QgsPointXY
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest

from granules import expected_reflectance
from inspector_side import LEFT, NONE, move
from qgis_side import REFERENCE

shapely = pytest.importorskip("shapely")


@pytest.fixture(scope="module")
def asked(files):
    """What the core says of a clicked place."""
    granule = open_granule(str(files.reflectance))

    def ask(lonlat, **terms):
        return inspect(granule, shapely.Point(*lonlat), **{"reference": REFERENCE, **terms})

    return ask


def masked(seen):
    return np.where(seen.spectra.valid[0], seen.spectra.values[0], np.nan)


def test_the_curve_is_what_inspect_says_with_gaps_where_bands_are_masked(at_work, asked):
    seen = asked(at_work.click(at_work.at(12, 9)))
    curve = at_work.curve()
    assert (curve.place.downtrack, curve.place.crosstrack) == (12, 9) == (
        seen.pixels.downtrack[0], seen.pixels.crosstrack[0])
    np.testing.assert_array_equal(curve.values, masked(seen))
    good = np.isfinite(curve.values)
    np.testing.assert_array_equal(curve.values[good], expected_reflectance(12, 9)[good])
    assert 0 < good.sum() < 285
    shown = at_work.dock.spectrum.content
    assert shown.regions == masked_regions(seen.spectra)
    assert {region.reason for region in shown.regions} == {"bad band"}
    assert (curve.place.lon, curve.place.lat, curve.place.snap_m) == (
        seen.pixels.lon[0], seen.pixels.lat[0], seen.pixels.snap_m[0])


def test_a_masked_band_of_this_pixel_alone_is_a_gap_too(at_work, asked):
    seen = asked(at_work.click(at_work.at(6, 4)))
    assert np.isnan(at_work.curve().values[[10, 11]]).all()
    np.testing.assert_array_equal(at_work.curve().values, masked(seen))
    assert "interpolated band" in {region.reason for region in at_work.dock.spectrum.content.regions}


def test_the_score_is_what_inspect_says_with_unit_direction_and_what_entered_it(at_work, asked):
    seen = asked(at_work.click(at_work.at(12, 9)))
    assert at_work.said("Score") == f"{seen.scores[0]:.3f}"
    assert at_work.said("Unit and direction") == "rad\n↓ lower is closer"
    assert at_work.said("Reference") == f"Spectral angle to {seen.reference.name}"
    assert at_work.said("Valid and masked pixels") == (
        f"The pixel is valid. {seen.scored.used.sum()} bands entered the score.")


def test_its_place_in_the_scene_all_metrics_and_the_nearest_references_follow(at_work, asked):
    expected = compare(asked(at_work.click(at_work.at(12, 9)), uncertainty=True), top=5)
    sam = next(row for row in expected.metrics if row.metric.name == "sam")
    assert at_work.said("Rank").startswith(f"Closer than {sam.percentile:.1f} %".replace("100.0", "100"))
    assert f"of {expected.n_sample:,}".replace(",", "\u202f") in at_work.said("Rank")
    table, matches = at_work.dock.score.metric_table, at_work.dock.score.match_table
    assert table.rowCount() == len(expected.metrics)
    for row, value in enumerate(expected.metrics):
        shown = table.item(row, 1).text().partition(" ")[2]
        assert shown == (plain_number(value.value) if np.isfinite(value.value) else "–")
    assert [matches.item(row, 0).text() for row in range(5)] == [match.name for match in expected.matches]


def test_a_masked_pixel_has_no_score_and_the_reason(at_work):
    at_work.click(at_work.at(3, 4))
    assert at_work.said("Score") == "No score"
    assert at_work.said("Rank") == "The pixel is masked (Cloud flag)."
    assert at_work.said("Valid and masked pixels") == "The pixel is masked: Cloud flag."
    assert np.isnan(at_work.curve().values).all()
    assert "masked" in at_work.notes()


def test_the_pointer_over_the_plot_reads_it(at_work):
    at_work.click(at_work.at(12, 9))
    curve, plot = at_work.curve(), at_work.dock.spectrum.plot
    move(plot.tracked, plot.tracked.rect().center())
    nm, value, name = at_work.said("Values read").split("  ·  ")[:3]
    band = np.abs(curve.wavelength_nm - float(nm.removesuffix(" nm"))).argmin()
    curves = {c.name: c for c in at_work.curves()}
    assert float(nm.removesuffix(" nm")) == pytest.approx(curve.wavelength_nm[band], abs=0.05)
    assert value == f"{curves[name].values[band]:.4f}"
    assert at_work.said("Pixel read").startswith(f"lon {curve.place.lon:.4f}, lat {curve.place.lat:.4f}  ·  row 12, ")


def test_the_keyboard_reads_the_curve_band_by_band_and_marks_its_pixel_on_the_map(at_work):
    at_work.click(at_work.at(12, 9))
    curve, plot, before = at_work.curve(), at_work.dock.spectrum.plot, len(at_work.window.bands())
    plot.setFocus()
    QTest.keyClick(plot, Qt.Key.Key_Home)
    QTest.keyClick(plot, Qt.Key.Key_PageUp)
    assert curve.wavelength_nm[10] == pytest.approx(455.17, abs=0.01)
    assert at_work.said("Values read") == (
        f"{curve.wavelength_nm[10]:.1f} nm  ·  {curve.values[10]:.4f}  ·  Pixel 12, 9")
    assert at_work.said("Pixel read").endswith(f"row 12, column 9  ·  {curve.place.snap_m:.0f} m from the click")
    assert len(at_work.window.bands()) == before + 2
    QTest.keyClick(plot, Qt.Key.Key_End)
    assert at_work.said("Values read").startswith("2492.9 nm  ·  ")
    bad = int(np.flatnonzero(np.isnan(curve.values))[-1])
    for _ in range(284 - bad):
        QTest.keyClick(plot, Qt.Key.Key_Left)
    assert at_work.said("Values read") == (
        f"{curve.wavelength_nm[bad]:.1f} nm  ·  no value  ·  Pixel 12, 9  ·  masked: bad band")
    QTest.keyClick(plot, Qt.Key.Key_Escape)
    assert len(at_work.window.bands()) == before


def outlined(analyst):
    """Colour -> where the outline of a pixel lies on the screen."""
    lines = [band for band in analyst.window.bands() if band.asGeometry().type() == Qgis.GeometryType.Polygon]
    way = analyst.canvas.getCoordinateTransform()
    return {line.strokeColor().name(): way.transform(QgsPointXY(line.asGeometry().centroid().asPoint()))
            for line in lines}


def test_the_pixel_is_outlined_in_the_colour_of_its_curve(at_work):
    at_work.click(at_work.at(12, 9))
    (colour, centre), = outlined(at_work).items()
    assert colour == at_work.curve().colour == CURVE_COLOURS[0]
    expected = at_work.at(12, 9)
    assert (centre.x(), centre.y()) == pytest.approx((expected.x(), expected.y()), abs=4)


def names(analyst):
    return [curve.name for curve in analyst.curves() if curve.kind == "pixel"]


def test_the_next_click_replaces_the_candidate_and_its_outline(at_work):
    at_work.click(at_work.at(12, 9))
    at_work.click(at_work.at(20, 15))
    assert names(at_work) == ["Pixel 20, 15"]
    assert list(outlined(at_work)) == [at_work.curve().colour] == [CURVE_COLOURS[0]]


def test_a_curve_takes_the_first_colour_that_is_free(at_work):
    at_work.click(at_work.at(12, 9))
    at_work.click(at_work.at(20, 15), shift=True)
    assert [curve.colour for curve in at_work.curves() if curve.kind == "pixel"] == list(CURVE_COLOURS[:2])
    at_work.press("Clear")
    at_work.click(at_work.at(12, 9))
    assert at_work.curve().colour == CURVE_COLOURS[0]


def test_shift_adds_and_the_next_click_replaces_the_last_one_only(at_work, asked):
    at_work.click(at_work.at(12, 9))
    at_work.click(at_work.at(20, 15), shift=True)
    assert names(at_work) == ["Pixel 12, 9", "Pixel 20, 15"]
    seen = asked(at_work.click(at_work.at(25, 5)))
    assert names(at_work) == ["Pixel 12, 9", "Pixel 25, 5"]
    assert len(outlined(at_work)) == 2
    assert at_work.said("Score") == f"{seen.scores[0]:.3f}"


def test_a_pinned_curve_stays(at_work):
    at_work.click(at_work.at(12, 9))
    at_work.press("Pin")
    assert not at_work.button("Pin").isEnabled()
    at_work.click(at_work.at(20, 15))
    at_work.click(at_work.at(25, 5))
    assert names(at_work) == ["Pixel 12, 9", "Pixel 25, 5"]


def test_clear_takes_curves_and_outlines_away(at_work):
    at_work.click(at_work.at(12, 9))
    at_work.click(at_work.at(20, 15), shift=True)
    at_work.press("Clear")
    assert at_work.curves() == ()
    assert at_work.window.bands() == []
    assert not at_work.dock.export.findChild(type(at_work.plugin.entrance.action), "export_csv").isEnabled()


@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326"])
def test_it_is_right_in_any_project_crs_and_on_a_turned_map(at_work, asked, crs):
    at_work.window.show_in(crs)
    at_work.canvas.zoomToFullExtent()
    at_work.canvas.setRotation(33)
    seen = asked(at_work.click(at_work.at(12, 9)))
    assert (seen.pixels.downtrack[0], seen.pixels.crosstrack[0]) == (12, 9)
    np.testing.assert_array_equal(at_work.curve().values, masked(seen))
    at_work.canvas.setRotation(0)


def test_a_click_off_the_swath_is_said_and_leaves_what_is_shown(at_work):
    at_work.click(at_work.at(12, 9))
    at_work.click(at_work.at(12, -8))
    assert names(at_work) == ["Pixel 12, 9"]
    assert len(at_work.warnings()) == 1
    QTest.mouseClick(at_work.canvas.viewport(), LEFT, NONE, at_work.at(20, 15))
    at_work.rest()
    assert names(at_work) == ["Pixel 20, 15"]


def test_fifty_clicks_in_a_moment_end_in_the_last(at_work, asked):
    places, presenter, order = [at_work.at(5 + n // 2, 5 + n // 3) for n in range(50)], at_work.inspector.presenter, []
    presenter.shown.connect(lambda: order.append(presenter.sights[-1].number))
    for at in places:
        at_work.click(at, rest=False)
    at_work.rest()
    seen = asked(at_work.lonlat(places[-1]))
    assert order == sorted(set(order)) and order[-1] == 50  # none arrives after a later one
    assert names(at_work) == ["Pixel 29, 21"]
    np.testing.assert_array_equal(at_work.curve().values, masked(seen))
    assert at_work.said("Score") == f"{seen.scores[0]:.3f}"
    assert list(outlined(at_work)) == [at_work.curve().colour]
    assert at_work.said("Rank").startswith("Closer than")
    assert at_work.dock.score.match_table.item(0, 0).text() == compare(seen).matches[0].name
    assert at_work.warnings() == []
