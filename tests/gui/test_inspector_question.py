"""Reference, metric, mask and the view: whatever is changed, all that is shown is looked at again."""

from __future__ import annotations

import numpy as np
import pytest
from pixel_spectra.core.comparison import reference_scale
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.libraries import bundled_library, open_library
from pixel_spectra.core.sensors import open_granule
from pixel_spectra.ui.axes import plain_number
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QPushButton

from granules import expected_reflectance
from inspector_side import LEFT, NONE, name_file, press_entry, when_asked
from qgis_side import REFERENCE

shapely = pytest.importorskip("shapely")

CALCITE = "calcite_ws272_asdnga"
PLACES = ((12, 9), (20, 15))


@pytest.fixture(scope="module")
def asked(files):
    """What the core says of the two pixels that the tests click."""
    granule = open_granule(str(files.reflectance))

    def ask(**terms):
        return inspect(granule, **{"pixels": PLACES, "reference": REFERENCE, **terms})

    return ask


@pytest.fixture
def two(at_work):
    """Two pixels are shown, one of them kept."""
    at_work.click(at_work.at(*PLACES[0]))
    at_work.click(at_work.at(*PLACES[1]), shift=True)
    return at_work


def shown(analyst):
    """The inspections behind the curves."""
    return [sight.seen for sight in analyst.inspector.presenter.sights]


def assert_all_seen_as(analyst, seen):
    assert [s.scores[0] for s in shown(analyst)] == seen.scores.tolist()
    assert [s.mask for s in shown(analyst)] == [seen.mask] * len(PLACES)
    assert analyst.said("Score") == plain_number(seen.scores[-1])
    for curve, values in zip((c for c in analyst.curves() if c.kind == "pixel"), seen.spectra.masked_values):
        np.testing.assert_array_equal(curve.values, values)


def test_another_reference_by_typing_and_enter(two, asked):
    assert_all_seen_as(two, asked())
    two.choose_reference("ws272 calcite asdnga")
    assert_all_seen_as(two, asked(reference=CALCITE))
    assert two.curve("reference").name == bundled_library()[CALCITE].name
    assert two.button(f"Reference: {bundled_library()[CALCITE].name}").text() == bundled_library()[CALCITE].name
    assert [curve.pinned for curve in two.curves()] == [True, True, False]


def test_another_reference_by_the_arrow_keys(two):
    two.open_chooser()
    chooser = two.dock.question.chooser
    search = chooser.focusWidget()
    QTest.keyClicks(search, "kaolinite")
    QTest.keyClick(search, Qt.Key.Key_Down)
    QTest.keyClick(search, Qt.Key.Key_Return)
    two.rest()
    assert not chooser.isVisible()
    assert two.curve("reference").name.startswith("Kaolinite")


def test_no_reference_leaves_the_spectra_and_the_nearest_references(two):
    two.open_chooser()
    none, = (b for b in two.dock.question.chooser.findChildren(QPushButton) if b.text().startswith("None"))
    QTest.mouseClick(none, LEFT)
    two.rest()
    assert two.said("Reference") == "Choose a reference to get a score."
    assert [s.scores for s in shown(two)] == [None, None]
    assert [curve.kind for curve in two.curves()] == ["pixel", "pixel"]
    assert two.dock.score.match_table.item(0, 0).text() not in ("", "…", "–")


def test_another_metric(two, asked):
    two.choose_in("Metric", "euclidean")
    assert_all_seen_as(two, asked(metric="euclidean"))
    assert two.said("Reference").startswith("Euclidean distance to Kaolinite")


def test_the_reference_is_scaled_for_metrics_that_compare_shapes_until_the_user_decides(two):
    assert two.dock.spectrum.options().scaled
    two.choose_in("Metric", "euclidean")
    assert not two.dock.spectrum.options().scaled
    two.press("Scale reference")
    two.choose_in("Metric", "sam")
    two.choose_in("Metric", "euclidean")
    assert two.dock.spectrum.options().scaled


def test_another_mask_by_typing(two, asked):
    two.type_mask("none")
    assert_all_seen_as(two, asked(mask="none"))
    two.press("Point")
    two.click(two.at(3, 4), shift=True)  # in a cloud
    assert two.said("Score") == plain_number(asked(pixels=[(3, 4)], mask="none").scores[0])
    two.press("Clear")
    for place in PLACES:
        two.click(two.at(*place), shift=True)
    two.type_mask("good_bands, cloud")
    assert_all_seen_as(two, asked(mask="good_bands,cloud"))


def test_a_mask_that_is_none_is_said_beside_it_and_changes_nothing(two, asked):
    two.type_mask("bad_weather")
    assert "'badweather'" in two.said("What is wrong with the mask")
    assert_all_seen_as(two, asked())


def test_a_flag_of_the_granule_from_the_menu(two):
    press_entry(two.button("Flags of the granule").menu(), "Water flag")
    two.rest()
    assert all("water" in seen.mask.flags for seen in shown(two))
    two.click(two.at(10, 6))
    assert two.said("Rank") == "The pixel is masked (Water flag)."


def test_inspect_asks_again(two):
    before = shown(two)
    two.press("Inspect")
    assert all(new is not old for new, old in zip(shown(two), before))
    assert [s.scores[0] for s in shown(two)] == [s.scores[0] for s in before]


# ---- a library of one's own


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "garden.csv"
    path.write_text("wavelength_nm,reflectance\n" + "".join(f"{nm},{nm / 5000:.4f}\n" for nm in range(350, 2550, 10)))
    return path


def test_a_library_file_is_added_and_its_spectrum_chosen(two, asked, own):
    two.open_chooser()
    add, = (b for b in two.dock.question.chooser.findChildren(QPushButton) if b.text() == "Add file…")
    when_asked(lambda dialog: name_file(dialog, own))
    QTest.mouseClick(add, LEFT)
    two.rest()
    QTest.keyClick(two.dock.question.chooser.focusWidget(), Qt.Key.Key_Return)
    two.rest()
    spectrum, = open_library(str(own)).values()
    assert two.curve("reference").name == spectrum.name
    assert_all_seen_as(two, asked(reference=spectrum))
    two.click(two.at(12, 9))
    assert two.inspector.presenter.sights[-1].reference_file == str(own)


# ---- the view


def test_micrometres(two):
    two.choose_in("Unit of wavelengths", "µm")
    plot = two.dock.spectrum.plot
    plot.setFocus()
    QTest.keyClick(plot, Qt.Key.Key_Home)
    assert two.said("Values read").startswith("0.3810 µm  ·  ")
    assert plot.picture.x_label == "Wavelength (µm)"


def test_the_reference_as_it_is_or_scaled(two):
    picture = two.dock.spectrum.plot.picture
    reference, pixel = two.curve("reference"), two.curve()
    scale = reference_scale(two.curves()[-1].values, reference.values)
    np.testing.assert_allclose(picture.values(reference), reference.values * scale)
    assert 0.15 < scale < 0.2
    two.press("Scale reference")
    np.testing.assert_array_equal(two.dock.spectrum.plot.picture.values(reference), reference.values)
    np.testing.assert_array_equal(two.dock.spectrum.plot.picture.values(pixel), pixel.values)


def test_masked_values_are_what_the_file_holds_where_that_is_a_value(two):
    two.click(two.at(6, 4))
    assert two.dock.spectrum.plot.picture.masked(two.curve()) is None
    two.press("Masked values")
    drawn = two.dock.spectrum.plot.picture.masked(two.curve())
    np.testing.assert_array_equal(drawn[[10, 11]], expected_reflectance(6, 4)[[10, 11]])
    assert np.flatnonzero(np.isfinite(drawn)).tolist() == [10, 11]  # the bad bands hold -0.01, which is no value


def test_a_match_is_laid_over_the_plot_and_taken_away_again(two):
    table = two.dock.score.match_table
    name = table.item(1, 0).text()
    for kinds in (["reference", "match", "pixel", "pixel"], ["reference", "pixel", "pixel"]):
        QTest.mouseClick(table.viewport(), LEFT, NONE, table.visualItemRect(table.item(1, 0)).center())
        assert [curve.kind for curve in two.curves()] == kinds
        if "match" in kinds:
            assert two.curve("match").name == name


def test_the_next_click_takes_the_match_away(two):
    table = two.dock.score.match_table
    QTest.mouseClick(table.viewport(), LEFT, NONE, table.visualItemRect(table.item(0, 0)).center())
    two.click(two.at(25, 5))
    assert [curve.kind for curve in two.curves()] == ["reference", "pixel", "pixel"]
