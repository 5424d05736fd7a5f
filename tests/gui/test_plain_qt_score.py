"""The score panel: one number for a pixel, a histogram with a threshold for an area, and what became of the pixels."""

import numpy as np
import pytest
from pixel_spectra.core.comparison import Comparison, Match, MetricValue
from pixel_spectra.core.metrics import METRICS
from pixel_spectra.ui.score_panel import ScorePanel, counts_text
from pixel_spectra.ui.score_plot import ScoreHistogram
from pixel_spectra.ui.shown import AreaScore, Counts, PixelScore
from qgis.PyQt.QtCore import QPoint, Qt
from qgis.PyQt.QtTest import QSignalSpy, QTest
from qgis.PyQt.QtWidgets import QApplication, QDoubleSpinBox, QLabel

pytestmark = pytest.mark.usefixtures("application")

SAM, COSINE = METRICS["sam"], METRICS["cosine"]
LEFT, NO_KEY = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
PIXEL = PixelScore(SAM, 0.03124, "Kaolinite CM9", Counts(1, 1, {}), 244)
COMPARISON = Comparison(
    (MetricValue(SAM, 0.03124, 97.34, ""), MetricValue(COSINE, 0.9995, 99.98, ""),
     MetricValue(METRICS["ace"], np.nan, np.nan, "The background has too few samples.")),
    (Match("kao", "Kaolinite CM9", 0.91, 0.0312, 0.002, 0.97, 0.2),
     Match("dick", "Dickite NMNH106242", 0.71, 0.0581, 0.008, 0.88, np.nan)), 4096)
EVEN = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])


def shown(widget, width=560, height=600):
    widget.resize(width, height)
    widget.show()
    QTest.qWaitForWindowExposed(widget)
    return widget


def texts(panel):
    """All that the panel says in words, spaces of numbers made plain."""
    said = [label.text() for label in panel.findChildren(QLabel) if label.isVisible()]
    return "\n".join(said).replace("\u202f", " ")


@pytest.fixture
def panel():
    made = shown(ScorePanel())
    yield made
    made.close()


@pytest.fixture
def histogram():
    made = shown(ScoreHistogram(), 400, 300)
    made.show_scores(SAM, EVEN)
    made.set_threshold(0.5)
    yield made
    made.close()


def spin(panel):
    return panel.findChild(QDoubleSpinBox)


def cell(table, row, column):
    return table.item(row, column).text()


def test_a_pixel_has_one_number_with_its_unit_and_direction(panel):
    panel.show_pixel(PIXEL)
    said = texts(panel)
    assert "0.0312" in said.splitlines()
    assert "rad\n↓ lower is closer" in said
    assert "Spectral angle to Kaolinite CM9" in said
    assert "The pixel is valid. 244 bands entered the score." in said


def test_the_comparison_comes_later_and_fills_rank_metrics_and_matches(panel):
    panel.show_pixel(PIXEL)
    assert "…" in texts(panel).splitlines()
    assert cell(panel.match_table, 0, 0) == "…"
    panel.show_comparison(COMPARISON)
    assert "Closer than 97.3 % of 4 096 pixels of this scene" in texts(panel)
    assert [cell(panel.metric_table, 0, c) for c in range(4)] == ["Spectral angle", "↓ 0.0312", "rad", "97.3 %"]
    assert [cell(panel.metric_table, 1, c) for c in range(4)] == ["Cosine similarity", "↑ 1.000", "", "> 99.9 %"]
    assert [cell(panel.match_table, 0, c) for c in range(5)] == ["Kaolinite CM9", "0.910", "0.0312", "0.970", "0.200"]
    assert [cell(panel.match_table, 1, c) for c in range(5)] == ["Dickite NMNH106242", "0.710", "0.0581", "0.880", "–"]
    assert [cell(panel.match_table, 4, c) for c in range(5)] == ["–", "", "", "", ""]
    assert "…" not in texts(panel).splitlines()


def test_a_metric_without_a_value_tells_why(panel):
    panel.show_pixel(PIXEL)
    panel.show_comparison(COMPARISON)
    item = panel.metric_table.item(2, 1)
    assert item.text() == "↑ –"
    assert "The background has too few samples." in item.toolTip()
    assert "The background has too few samples." in item.data(Qt.ItemDataRole.AccessibleTextRole)


def test_the_next_pixel_keeps_nothing_of_the_last(panel):
    panel.show_pixel(PIXEL)
    panel.show_comparison(COMPARISON)
    panel.show_pixel(PIXEL)
    assert "97.3" not in texts(panel)
    assert cell(panel.metric_table, 0, 1) == "↓ …"
    assert cell(panel.match_table, 0, 0) == "…"


@pytest.mark.parametrize(("why", "said"), [
    ("The pixel is masked (cloud).", "The pixel is masked (cloud)."),
    ("", "Spectral angle is undefined for this pixel.")])
def test_no_number_is_never_a_nan(panel, why, said):
    panel.show_pixel(PixelScore(SAM, np.nan, "Kaolinite CM9", Counts(1, 0, {"cloud": 1}), 0, why))
    panel.show_comparison(COMPARISON)
    assert "No score" in texts(panel)
    assert said in texts(panel)
    assert "nan" not in texts(panel).split()


def test_an_unknown_rank_is_said(panel):
    panel.show_pixel(PIXEL)
    panel.show_comparison(Comparison((MetricValue(SAM, 0.03, np.nan, ""),), (), 0, ("The scene is empty.",)))
    assert "Its place among the pixels of this scene is unknown." in texts(panel)
    assert "The scene is empty." in texts(panel)


def test_a_click_lays_a_match_over_and_another_takes_it_away(panel):
    panel.show_pixel(PIXEL)
    panel.show_comparison(COMPARISON)
    spy = QSignalSpy(panel.match_chosen)
    table = panel.match_table
    for row in (1, 0, 0):
        QTest.mouseClick(table.viewport(), LEFT, NO_KEY, table.visualItemRect(table.item(row, 0)).center())
    assert [list(entry) for entry in spy] == [["dick"], ["kao"], [""]]


def test_enter_lays_a_match_over_and_marks_it(panel):
    panel.show_pixel(PIXEL)
    panel.show_comparison(COMPARISON)
    spy = QSignalSpy(panel.match_chosen)
    panel.match_table.setCurrentCell(1, 0)
    QTest.keyClick(panel.match_table, Qt.Key.Key_Return)
    assert [list(entry) for entry in spy] == [["dick"]]
    assert [panel.match_table.item(row, 0).checkState() for row in (0, 1)] == [
        Qt.CheckState.Unchecked, Qt.CheckState.Checked]


def test_a_row_without_a_match_does_nothing(panel):
    panel.show_pixel(PIXEL)
    spy = QSignalSpy(panel.match_chosen)
    panel.match_table.setCurrentCell(1, 0)
    QTest.keyClick(panel.match_table, Qt.Key.Key_Return)
    assert len(spy) == 0


def test_the_metrics_can_be_copied(panel):
    panel.show_pixel(PIXEL)
    panel.show_comparison(COMPARISON)
    QTest.keyClick(panel.metric_table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QApplication.clipboard().text().splitlines()
    assert lines[:2] == ["Metric\tValue\tUnit\tCloser than", "Spectral angle\t↓ 0.0312\trad\t97.3 %"]


def test_a_narrow_panel_names_metrics_by_their_id(panel):
    panel.show_pixel(PIXEL)
    panel.resize(240, 500)
    QTest.qWait(1)
    assert cell(panel.metric_table, 0, 0) == "sam"
    assert panel.metric_table.isColumnHidden(2)


def test_without_a_reference_there_is_no_number_but_the_counts_and_the_matches(panel):
    panel.show_counts(Counts(900, 812, {"off the swath": 28, "cloud": 60}))
    assert "Choose a reference to get a score." in texts(panel)
    assert "812 of 900 pixels are valid. Masked: 60 cloud, 28 off the swath." in texts(panel)
    assert not panel.metric_table.isVisible()
    assert not panel.match_table.isVisible()
    panel.show_comparison(COMPARISON)
    assert panel.match_table.isVisible()
    assert not panel.metric_table.isVisible()


def test_a_hint_stands_alone(panel):
    panel.show_area(AreaScore(SAM, EVEN, "Kaolinite CM9", Counts(11, 11, {})))
    panel.show_hint("Click on a granule.")
    panel.show_comparison(COMPARISON)
    assert texts(panel) == "Click on a granule."
    assert panel.threshold is None


@pytest.mark.parametrize(("counts", "said"), [
    (Counts(1, 1, {}), "The pixel is valid."), (Counts(1, 0, {"cloud": 1}), "The pixel is masked: cloud."),
    (Counts(5, 5, {}), "5 of 5 pixels are valid. None is masked."),
    (Counts(12000, 11999, {"no data": 1}), "11 999 of 12 000 pixels are valid. Masked: 1 no data.")])
def test_counts_in_words(counts, said):
    assert counts_text(counts).replace("\u202f", " ") == said


def test_an_area_starts_at_its_median_and_says_what_it_accepts(panel):
    spy = QSignalSpy(panel.threshold_changed)
    panel.show_area(AreaScore(SAM, np.append(EVEN, np.nan), "Kaolinite CM9", Counts(14, 12, {"cloud": 2})))
    assert panel.threshold == 0.5
    assert spin(panel).value() == 0.5
    assert "6 accepted of 12 valid pixels" in texts(panel)
    assert "Mean 0.500 ± 0.332 (1 σ) rad" in texts(panel)
    assert len(spy) == 0


@pytest.mark.parametrize(("metric", "accepted"), [(SAM, 4), (COSINE, 8)])
def test_a_threshold_that_is_given_is_kept(panel, metric, accepted):
    panel.show_area(AreaScore(metric, EVEN, "Kaolinite CM9", Counts(11, 11, {})), 0.3)
    assert panel.threshold == 0.3
    assert f"{accepted} accepted of 11 valid pixels" in texts(panel)


def test_a_typed_threshold_is_exact_and_moves_the_histogram(panel):
    panel.show_area(AreaScore(SAM, EVEN, "Kaolinite CM9", Counts(11, 11, {})))
    spy = QSignalSpy(panel.threshold_changed)
    box = spin(panel)
    box.selectAll()
    QTest.keyClicks(box, "0.25")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert [list(entry) for entry in spy] == [[0.25]]
    assert panel.histogram.threshold == 0.25
    assert "3 accepted of 11 valid pixels" in texts(panel)


def drag(plot, *values):
    """Press at the first value, move over the others, release: at the window, as only there buttons stay pressed."""
    window = plot.window().windowHandle()
    places = [plot.mapTo(plot.window(), plot.place_of(value)) for value in values]
    QTest.mousePress(window, LEFT, NO_KEY, places[0])
    for place in places[1:]:
        QTest.mouseMove(window, place)
        QTest.qWait(20)
    QTest.mouseRelease(window, LEFT, NO_KEY, places[-1])


def test_dragging_the_threshold_is_told_live(panel):
    panel.show_area(AreaScore(SAM, EVEN, "Kaolinite CM9", Counts(11, 11, {})))
    spy = QSignalSpy(panel.threshold_changed)
    plot = panel.histogram
    QTest.qWait(1)  # the layout makes room for it
    drag(plot, 0.5, 0.35, 0.25)
    assert [entry[0] for entry in spy] == pytest.approx([0.35, 0.25], abs=0.004)
    QTest.mouseMove(plot.window().windowHandle(), plot.mapTo(plot.window(), plot.place_of(0.75)))
    QTest.qWait(20)
    assert spy[len(spy) - 1][0] == pytest.approx(0.25, abs=0.004)
    assert panel.threshold == spin(panel).value() == spy[len(spy) - 1][0]
    assert "3 accepted of 11 valid pixels" in texts(panel)


@pytest.mark.parametrize("values", [[0.1234564], [0.1234564] * 5])
@pytest.mark.parametrize("metric", [SAM, COSINE])
def test_equal_scores_are_all_accepted_at_first(panel, metric, values):
    n = len(values)
    panel.show_area(AreaScore(metric, np.array(values), "Kaolinite CM9", Counts(n, n, {})))
    assert f"{n} accepted of {n} valid pixels" in texts(panel)
    assert not panel.grab().isNull()


@pytest.mark.parametrize("values", [[], [np.nan, np.nan]])
def test_an_area_without_a_score_has_no_threshold(panel, values):
    panel.show_area(AreaScore(SAM, np.array(values), "Kaolinite CM9", Counts(2, 0, {"cloud": 2})))
    assert panel.threshold is None
    assert not spin(panel).isEnabled()
    assert "Without a score there is nothing to accept." in texts(panel)
    assert "No pixel has a score." in panel.histogram.accessibleDescription()
    assert not panel.grab().isNull()


def test_arrow_keys_step_and_shift_goes_farther(histogram):
    spy = QSignalSpy(histogram.threshold_changed)
    QTest.keyClick(histogram, Qt.Key.Key_Right)
    QTest.keyClick(histogram, Qt.Key.Key_Left, SHIFT)
    assert [entry[0] for entry in spy] == [0.51, 0.41]
    assert "threshold 0.410" in histogram.accessibleDescription()


def test_keys_stop_at_the_last_score(histogram):
    histogram.set_threshold(0.995)
    QTest.keyClick(histogram, Qt.Key.Key_Right)
    assert histogram.threshold == 1.0
    spy = QSignalSpy(histogram.threshold_changed)
    QTest.keyClick(histogram, Qt.Key.Key_Right)
    assert len(spy) == 0


def test_a_press_beside_the_line_takes_it_there_and_one_on_it_moves_nothing(histogram):
    spy = QSignalSpy(histogram.threshold_changed)
    QTest.mouseClick(histogram, LEFT, NO_KEY, histogram.place_of(0.5) + QPoint(3, 0))
    assert len(spy) == 0
    QTest.mouseClick(histogram, LEFT, NO_KEY, histogram.place_of(0.8))
    assert histogram.threshold == pytest.approx(0.8, abs=0.004)


def test_another_button_moves_nothing(histogram):
    QTest.mouseClick(histogram, Qt.MouseButton.RightButton, NO_KEY, histogram.place_of(0.2))
    assert histogram.threshold == 0.5


@pytest.mark.parametrize(("metric", "accepted", "rejected"), [(SAM, 0.1, 0.9), (COSINE, 0.9, 0.1)])
def test_bars_on_the_accepted_side_have_the_good_colour(histogram, metric, accepted, rejected):
    from pixel_spectra.ui.theme import BAD, GOOD

    histogram.show_scores(metric, np.linspace(0, 1, 2000))
    histogram.set_threshold(0.5)
    image = histogram.grab().toImage()
    assert colour_near(image, histogram.place_of(accepted)) == GOOD
    assert colour_near(image, histogram.place_of(rejected)) == BAD


def colour_near(image, place):
    """The commonest colour of a few neighbours: bars have gaps."""
    names = [image.pixelColor(place.x() + dx, place.y()).name() for dx in range(-3, 4)]
    return max(set(names), key=names.count)


def test_a_million_scores_are_counted_in_eighty_bars_at_most(histogram):
    histogram.show_scores(SAM, np.random.default_rng(0).normal(0.3, 0.05, 1_000_000))
    assert "1 000 000 scores" in histogram.accessibleDescription().replace("\u202f", " ")
    assert 8 <= len(histogram._counts) <= 80
    assert histogram._counts.sum() == 1_000_000
