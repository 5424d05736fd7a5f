"""The table of candidates: order, filter, verdicts by key, notes."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.PyQt")

from pixel_spectra.ui.vetting_table import VettingTable
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QToolButton

COLUMNS = {
    "candidate_id": ["a", "b", "c", "d"],
    "score": [0.3, None, 0.1, 0.2],
    "verdict": ["doubtful", "none", "accept", "reject"],
    "human_verdict": [None, None, None, None],
    "note": [None, None, "seen before", None],
    "reason": ["", "outside of all scenes", "", ""],
    "hidden": [1, 2, 3, 4],
}


@pytest.fixture
def table(application):
    made = VettingTable()
    made.resize(900, 400)
    made.show_columns(COLUMNS)
    made.show()
    yield made
    made.close()


@pytest.fixture
def heard(table):
    events = []
    table.chosen.connect(lambda row: events.append(("chosen", row)))
    table.judged.connect(lambda rows, verdict: events.append(("judged", rows, verdict)))
    table.noted.connect(lambda row, note: events.append(("noted", row, note)))
    return events


def ids(table):
    """The candidates, from top to bottom."""
    return "".join(table.model.value(table.model.row_of(table.model.index(i, 0)), "candidate_id")
                   for i in range(table.model.rowCount()))


def sort(table, name, order=Qt.SortOrder.AscendingOrder):
    headings = [table.model.headerData(i, Qt.Orientation.Horizontal) for i in range(table.model.columnCount())]
    table.view.sortByColumn(headings.index(name), order)


def press(table, key):
    QTest.keyClick(table.view, key)


def test_known_columns_are_shown_in_the_order_of_the_table(table):
    headings = [table.model.headerData(i, Qt.Orientation.Horizontal) for i in range(table.model.columnCount())]
    assert headings == ["Candidate", "Verdict", "Your verdict", "Score", "Note", "Reason"]
    assert ids(table) == "abcd"


@pytest.mark.parametrize(("order", "expected"), [
    (Qt.SortOrder.AscendingOrder, "cdab"), (Qt.SortOrder.DescendingOrder, "adcb")])
def test_rows_without_a_value_come_last_whichever_way(table, order, expected):
    sort(table, "Score", order)
    assert ids(table) == expected


def test_sorting_keeps_the_row_where_the_user_is(table):
    table.go_to(2)
    sort(table, "Score")
    assert table.row == 2 and ids(table).index("c") == table.view.currentIndex().row() == 0


def test_going_to_a_row_tells_of_it_and_shows_its_note(table, heard):
    table.go_to(2)
    assert heard == [("chosen", 2)] and table._note.text() == "seen before"


@pytest.mark.parametrize(("key", "verdict"), [
    (Qt.Key.Key_A, "accept"), (Qt.Key.Key_D, "doubtful"), (Qt.Key.Key_R, "reject")])
def test_a_key_judges_and_goes_on(table, heard, key, verdict):
    table.go_to(0)
    press(table, key)
    assert ("judged", [0], verdict) in heard and table.model.value(0, "human_verdict") == verdict
    assert table.row == 1


def test_delete_takes_the_verdict_back(table, heard):
    table.go_to(3)
    press(table, Qt.Key.Key_A)
    press(table, Qt.Key.Key_Delete)
    assert heard[-1] == ("judged", [3], "") and table.model.value(3, "human_verdict") is None


def test_several_rows_are_judged_at_once(table, heard):
    table.view.selectAll()
    press(table, Qt.Key.Key_R)
    assert heard[-1] == ("judged", [0, 1, 2, 3], "reject")


def test_without_a_row_a_key_does_nothing(table, heard):
    table.view.clearSelection()
    press(table, Qt.Key.Key_A)
    assert [event for event in heard if event[0] == "judged"] == []


def test_words_filter_in_any_column(table):
    QTest.keyClicks(table._filter, "outside none")
    assert ids(table) == "b" and table._counted.text() == "1 of 4"
    table._filter.clear()
    assert ids(table) == "abcd" and table._counted.text() == "4"


def test_the_verdict_of_the_person_counts_first(table):
    table.go_to(0)
    press(table, Qt.Key.Key_A)
    table._verdict.setCurrentIndex(table._verdict.findData("accept"))
    assert ids(table) == "ac"


def test_a_filter_keeps_the_order_and_the_row(table):
    sort(table, "Score")
    table.go_to(0)
    QTest.keyClicks(table._filter, "d")  # in doubtful, and in the id d
    assert "a" in ids(table) and table.row == 0


def test_a_note_is_told_once_when_it_is_finished(table, heard):
    table.go_to(1)
    QTest.keyClicks(table._note, "cloud edge")
    QTest.keyClick(table._note, Qt.Key.Key_Return)
    QTest.keyClick(table._note, Qt.Key.Key_Return)
    assert [event for event in heard if event[0] == "noted"] == [("noted", 1, "cloud edge")]
    assert table.model.value(1, "note") == "cloud edge"


@pytest.mark.parametrize("name, verdict", [("Accept (A)", "accept"), ("Doubtful (D)", "doubtful"),
                                           ("Reject (R)", "reject"), ("Take back", "")])
def test_a_button_that_judges_keeps_the_note_that_is_being_typed(table, heard, name, verdict):
    table.go_to(1)
    QTest.keyClicks(table._note, "cloud edge")
    button, = (b for b in table.findChildren(QToolButton) if b.text() == name)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert [event for event in heard if event[0] != "chosen"] == [("noted", 1, "cloud edge"), ("judged", [1], verdict)]
    assert table.model.value(1, "note") == "cloud edge" and table._note.text() == "seen before"


def test_a_note_stays_with_its_row_when_the_user_is_taken_elsewhere(table, heard):
    table.go_to(1)
    QTest.keyClicks(table._note, "cloud edge")
    table.select([2])
    assert table.model.column("note") == [None, "cloud edge", "seen before", None]
    assert ("noted", 1, "cloud edge") in heard and table._note.text() == "seen before"


def test_a_note_stays_with_its_row_when_a_filter_hides_it(table):
    table.go_to(1)
    QTest.keyClicks(table._note, "cloud edge")
    table._filter.setText("accept")
    assert table.model.value(1, "note") == "cloud edge" and ids(table) == "c" and table._note.text() == ""


def test_a_note_without_a_row_goes_nowhere(table, heard):
    QTest.keyClicks(table._note, "cloud edge")
    QTest.keyClick(table._note, Qt.Key.Key_Return)
    assert heard == [] and table._note.text() == ""


@pytest.mark.parametrize("order, expected", [
    (Qt.SortOrder.AscendingOrder, ["-1.5", "007", "9", "10", "1e2", "10a", "b", ""]),
    (Qt.SortOrder.DescendingOrder, ["b", "10a", "1e2", "10", "9", "007", "-1.5", ""]),
])
def test_ids_that_are_numbers_are_ordered_as_numbers(table, order, expected):
    table.show_columns({"candidate_id": ["10", "b", "9", "10a", "", "-1.5", "1e2", "007"], "note": [None] * 8})
    sort(table, "Candidate", order)
    shown = [table.model.row_of(table.model.index(i, 0)) for i in range(8)]
    assert [table.model.value(row, "candidate_id") for row in shown] == expected


def test_ten_thousand_rows(table):
    n = 10_000
    table.show_columns({"candidate_id": [str(i) for i in range(n)], "score": [(i * 7919) % n / n for i in range(n)],
                        "verdict": ["doubtful"] * n, "human_verdict": [None] * n, "note": [None] * n})
    sort(table, "Score")
    assert table.model.value(table.model.row_of(table.model.index(0, 0)), "score") == 0.0
    QTest.keyClicks(table._filter, "9999")
    assert table.model.rowCount() > 0


def test_new_rows_are_ordered_and_filtered_as_those_before(table):
    sort(table, "Score", Qt.SortOrder.DescendingOrder)
    QTest.keyClicks(table._filter, "t")  # in accept, doubtful, reject
    table.show_columns({**COLUMNS, "score": [0.1, None, 0.3, 0.2]})
    assert ids(table) == "cdab"


def test_several_rows_are_selected_as_far_as_they_are_shown(table, heard):
    QTest.keyClicks(table._filter, "c")  # c and its verdict
    table.select([0, 2])
    assert table.selected == [2] and table.row == 2 and heard == [("chosen", 2)]
    table._filter.clear()
    table.select([3, 1])
    assert sorted(table.selected) == [1, 3] and table.row == 1
    table.select([])
    assert sorted(table.selected) == [1, 3]


def test_a_column_is_replaced_and_filtered_anew_when_asked(table):
    table._verdict.setCurrentIndex(table._verdict.findData("accept"))
    assert ids(table) == "c"
    table.model.change_column("verdict", ["accept"] * 4)
    assert ids(table) == "c"
    table.narrow()
    assert ids(table) == "abcd" and table.model.column("verdict") == ["accept"] * 4


def test_an_empty_table(table):
    table.show_columns({name: [] for name in COLUMNS})
    assert table.model.rowCount() == 0 and table.row == -1 and table._counted.text() == "0"
