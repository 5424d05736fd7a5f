"""The histogram of background percentiles: verdicts in bars, two thresholds by mouse, keys and numbers."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.PyQt")

from pixel_spectra.core.vetting.ranking import Thresholds
from pixel_spectra.ui.verdict_plot import VerdictPanel
from qgis.PyQt.QtCore import QPoint, Qt
from qgis.PyQt.QtTest import QSignalSpy, QTest
from qgis.PyQt.QtWidgets import QDoubleSpinBox, QLabel

LEFT, NONE, SHIFT = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
PERCENTILES = [99.75, 99.5, 97.0, 91.0, 50.0, 10.0, None]
UNJUDGED = [None] * 7


@pytest.fixture
def panel(application):
    made = VerdictPanel()
    made.resize(700, 400)
    made.show_candidates(PERCENTILES, UNJUDGED)
    made.show()
    made.activateWindow()
    QTest.qWaitForWindowExposed(made)
    yield made
    made.close()


@pytest.fixture
def histogram(panel):
    return panel.histogram


def spin(panel, name):
    return next(s for s in panel.findChildren(QDoubleSpinBox) if s.accessibleName() == name)


def drag(histogram, start, end):
    """Press, move, release; the numbers are percentiles."""
    window = histogram.window().windowHandle()
    at = [histogram.mapTo(histogram.window(), histogram.place_of(p)) for p in (start, end)]
    QTest.mousePress(window, LEFT, NONE, at[0])
    QTest.mouseMove(window, at[1])
    QTest.qWait(20)
    QTest.mouseRelease(window, LEFT, NONE, at[1])


def test_verdicts_follow_from_the_usual_thresholds(histogram):
    assert histogram.counts == {"accept": 2, "doubtful": 2, "reject": 2, "none": 1}


def test_the_verdict_of_a_person_counts_first(panel):
    panel.show_candidates(PERCENTILES, ["reject", None, "", None, "accept", None, "accept"])
    assert panel.histogram.counts == {"accept": 3, "doubtful": 2, "reject": 2, "none": 0}
    said = next(label.text() for label in panel.findChildren(QLabel)
                if label.accessibleName() == "Candidates by verdict")
    assert "3&nbsp;accept" in said and "0&nbsp;none" in said


def test_few_pixels_around_a_candidate_accept_nothing(panel):
    panel.show_candidates(PERCENTILES, UNJUDGED, [400, 19, None, 400, 2, 400, 0])
    assert panel.histogram.counts == {"accept": 1, "doubtful": 3, "reject": 2, "none": 1}


def test_dragging_accept_to_the_left_accepts_more(panel, histogram):
    moved, released = QSignalSpy(panel.thresholds_changed), QSignalSpy(panel.released)
    drag(histogram, 99.0, 95.0)
    assert histogram.thresholds.accept == pytest.approx(95.0, abs=0.5) and histogram.thresholds.reject == 90.0
    assert histogram.counts["accept"] == 3
    assert len(moved) >= 1 and len(released) == 1
    assert spin(panel, "Accept above").value() == histogram.thresholds.accept == released[0][0]


def test_a_threshold_stops_at_the_other_one(histogram):
    drag(histogram, 90.0, 100.0)
    assert histogram.thresholds == Thresholds(99.0, 99.0)
    drag(histogram, 20.0, 20.0)  # beside both: the nearer one comes
    assert histogram.thresholds.reject == pytest.approx(20.0, abs=0.5) and histogram.thresholds.accept == 99.0


def test_another_button_moves_nothing(histogram):
    QTest.mouseClick(histogram, Qt.MouseButton.RightButton, NONE, histogram.place_of(50.0))
    assert histogram.thresholds == Thresholds(99.0, 90.0)


def test_arrow_keys_move_the_threshold_that_is_held(panel, histogram):
    released = QSignalSpy(panel.released)
    histogram.setFocus()
    QTest.keyClick(histogram, Qt.Key.Key_Left)
    assert histogram.thresholds == Thresholds(98.75, 90.0)
    QTest.keyClick(histogram, Qt.Key.Key_Up)
    assert histogram.held == "reject"
    QTest.keyClick(histogram, Qt.Key.Key_Right, SHIFT)
    assert histogram.thresholds == Thresholds(98.75, 92.5)
    assert [list(args) for args in released] == [[98.75, 90.0], [98.75, 92.5]]


def test_a_key_that_is_held_down_is_one_change(panel, histogram):
    moved, released = QSignalSpy(panel.thresholds_changed), QSignalSpy(panel.released)
    histogram.setFocus()
    for _ in range(3):
        QTest.keyPress(histogram, Qt.Key.Key_Left)
    QTest.keyRelease(histogram, Qt.Key.Key_Left)
    assert (len(moved), len(released)) == (3, 1) and histogram.thresholds.accept == 98.25


def test_numbers_can_be_typed(panel, histogram):
    released = QSignalSpy(panel.released)
    box = spin(panel, "Reject below")
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, "40")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert histogram.thresholds == Thresholds(99.0, 40.0)
    assert [list(args) for args in released] == [[99.0, 40.0]]
    assert histogram.counts["reject"] == 1


def test_a_number_past_the_other_takes_it_along(panel, histogram):
    box = spin(panel, "Accept above")
    box.selectAll()
    QTest.keyClicks(box, "60")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert histogram.thresholds == Thresholds(60.0, 60.0)
    assert spin(panel, "Reject below").value() == 60.0


def test_setting_them_tells_nobody(panel):
    moved, released = QSignalSpy(panel.thresholds_changed), QSignalSpy(panel.released)
    panel.set_thresholds(Thresholds(80.0, 20.0))
    assert (len(moved), len(released)) == (0, 0)
    assert spin(panel, "Accept above").value() == 80.0


def test_without_percentiles_there_is_nothing_to_move(panel, histogram):
    panel.show_candidates([None, None], ["", None])
    QTest.mouseClick(histogram, LEFT, NONE, QPoint(50, 50))
    histogram.setFocus()
    QTest.keyClick(histogram, Qt.Key.Key_Left)
    assert histogram.thresholds == Thresholds(99.0, 90.0)
    assert histogram.accessibleDescription() == "No candidate has a percentile."


def test_it_says_in_words_what_it_shows(histogram):
    assert histogram.accessibleDescription() == (
        "2 accept, 2 doubtful, 2 reject, 1 none; accept above 99, reject below 90; the keys move 'accept'.")


def test_the_colours_of_the_verdicts_are_painted(histogram):
    picture = histogram.grab().toImage()
    colours = {picture.pixelColor(x, y).name() for x in range(picture.width()) for y in range(picture.height())}
    assert {"#2c7fd9", "#8a929c", "#e07b1f"} <= colours
