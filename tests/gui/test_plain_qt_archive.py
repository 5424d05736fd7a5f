"""The panel of the archive: form, list, filter, buttons; what a server says is shown as it is."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest

pytest.importorskip("qgis.PyQt")

from pixel_spectra.ui.archive_form import EXTENT, SHOWN, AreaChoice, Wanted
from pixel_spectra.ui.archive_list import tip_of
from pixel_spectra.ui.archive_model import THUMBNAIL, Filter, SceneItem, facts_of
from pixel_spectra.ui.archive_panel import HINT, ArchivePanel, Result
from qgis.PyQt.QtCore import QEvent, QPoint, QPointF, Qt
from qgis.PyQt.QtGui import QMouseEvent, QPixmap
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QAbstractButton, QApplication, QLabel

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
FIRST = datetime(2024, 5, 1, 10, 11, 12, tzinfo=timezone.utc)


def scene(day, cloud=None, **facts):
    return SceneItem(f"scene_{day:04d}", FIRST + timedelta(days=day), cloud, **facts)


ITEMS = (scene(0, 5.0), scene(10, 50.0), scene(20), scene(30, 30.0))


@pytest.fixture
def panel(application):
    made = ArchivePanel()
    made.resize(380, 800)
    made.show()
    QTest.qWaitForWindowExposed(made)
    yield made
    made.close()


@pytest.fixture
def found(panel):
    panel.show_result(Result(ITEMS, "CMR"))
    return panel


@pytest.fixture
def heard(found):
    events = []
    for name in ("open_asked", "browse_asked", "download_asked", "vet_asked"):
        getattr(found, name).connect(lambda keys, name=name: events.append((name, keys)))
    return events


def text(panel, name):
    label, = (w for w in panel.findChildren(QLabel) if w.accessibleName() == name)
    return label.text() if label.isVisible() else ""


def button(panel, words):
    found, = (b for b in panel.findChildren(QAbstractButton) if words in b.text().replace("&", ""))
    return found


def at(panel, row):
    view = panel.list
    return view.visualRect(view.scenes().index(row, 0)).center()


def click(panel, row, keys=NONE):
    QTest.mouseClick(panel.list.viewport(), LEFT, keys, at(panel, row))


def keys(panel):
    return panel.list.scenes().shown_keys


# ---- the form


def test_the_form_gives_area_days_cloud_and_light(panel):
    asked = []
    panel.form.search_asked.connect(asked.append)
    panel.form.set_areas((AreaChoice(EXTENT, "Map extent"), AreaChoice(SHOWN, "Area in the inspector")))
    panel.form.choose_area(SHOWN)
    panel.form.set_dates(date(2024, 5, 1), date(2024, 5, 31))
    panel.form.set_cloud(40)
    QTest.mouseClick(button(panel, "Search"), LEFT)
    assert asked == [Wanted(SHOWN, date(2024, 5, 1), date(2024, 5, 31), 40.0, "")]


def test_a_hundred_percent_is_any_cloud(panel):
    panel.form.set_cloud(None)
    assert panel.form.wanted.max_cloud is None


def test_days_in_the_wrong_order_are_refused_in_a_sentence(panel):
    asked = []
    panel.form.search_asked.connect(asked.append)
    panel.form.set_dates(date(2024, 6, 1), date(2024, 5, 1))
    panel.form.search()
    assert asked == []
    assert text(panel, "About the result") == (
        "The first day, 2024-06-01, is after the last one, 2024-05-01; swap them.")


def test_the_choice_of_the_area_stays_while_it_is_offered(panel):
    panel.form.set_areas((AreaChoice(EXTENT, "Map extent"), AreaChoice("layer:a", "fields")))
    panel.form.choose_area("layer:a")
    panel.form.set_areas((AreaChoice(EXTENT, "Map extent"), AreaChoice("layer:b", "b"),
                          AreaChoice("layer:a", "fields")))
    assert panel.form.wanted.area == "layer:a"
    panel.form.set_areas((AreaChoice(EXTENT, "Map extent"),))
    assert panel.form.wanted.area == EXTENT


def test_there_is_one_search_at_a_time(panel):
    asked = []
    panel.form.search_asked.connect(asked.append)
    panel.form.set_searching(True)
    panel.form.search()
    assert asked == [] and not button(panel, "Search").isEnabled()


# ---- the result


def test_before_a_search_it_says_what_to_do(panel):
    assert text(panel, "What to do") == HINT


def test_scenes_stand_newest_first_with_source_and_count(found):
    assert keys(found) == ["scene_0030", "scene_0020", "scene_0010", "scene_0000"]
    assert found.counted == "4 of 4 scenes · CMR"


def test_a_limit_is_announced(panel):
    panel.show_result(Result(ITEMS, "CMR", True, ("The list is cut: the search reached the limit of 4.",)))
    assert text(panel, "Scenes found") == "4 of 4 scenes · CMR · cut at the limit"
    assert text(panel, "About the result") == "The list is cut: the search reached the limit of 4."


def test_no_scene_is_an_answer_with_its_source(panel):
    panel.show_result(Result((), "CMR"))
    assert text(panel, "What to do").startswith("No scene of these days touches the area.")
    assert text(panel, "What to do").endswith("0 scenes · CMR")


@pytest.mark.parametrize(("item", "said"), [
    (scene(0, 12.4, size_bytes=1_917_000_000, day_night="day"), "cloud 12 % · 1.92 GB · day"),
    (scene(0), "cloud unknown")])
def test_facts_of_a_scene(item, said):
    assert facts_of(item) == said


def test_what_a_server_says_is_never_rich_text(panel):
    evil = "<img src='http://127.0.0.1:9/x'><b>name"
    item = SceneItem(evil, FIRST)
    panel.show_result(Result((item,), "<b>CMR", False, (evil,)))
    assert "<img" not in tip_of(item) and "&lt;img" in tip_of(item)
    for label in panel.findChildren(QLabel):
        if "<b>" in label.text():
            assert label.textFormat() == Qt.TextFormat.PlainText


# ---- the filter


def test_cloud_is_strict_and_unknown_cloud_stays(found):
    found.filter.cloud.setValue(30)
    assert keys(found) == ["scene_0020", "scene_0000"]
    assert found.counted == "2 of 4 scenes · CMR"


def test_a_handle_is_moved_by_day_with_the_keys(found):
    slider = found.filter.dates
    assert slider.text == "2024-05-01 – 2024-05-31"
    slider.setFocus()
    QTest.keyClick(slider, Qt.Key.Key_Right)
    assert keys(found) == ["scene_0030", "scene_0020", "scene_0010"]
    QTest.keyClick(slider, Qt.Key.Key_Up)
    QTest.keyClick(slider, Qt.Key.Key_Left)
    assert keys(found) == ["scene_0020", "scene_0010"]
    assert slider.text == "2024-05-02 – 2024-05-30"


def test_a_handle_is_dragged_and_stops_before_the_other(found):
    slider = found.filter.dates
    window, middle = found.windowHandle(), slider.height() - 8  # only at the window a button stays pressed
    start, stop = (slider.mapTo(found, QPoint(x, middle)) for x in (7, slider.width()))
    QTest.mousePress(window, LEFT, NONE, start)
    QTest.mouseMove(window, stop)
    QTest.qWait(20)
    QTest.mouseRelease(window, LEFT, NONE, stop)
    first, last = slider.part
    assert last is None and keys(found) == ["scene_0030"]
    assert slider.text == "2024-05-31 – 2024-05-31"


def test_the_filter_says_what_it_is(found):
    heard = []
    found.filtered.connect(heard.append)
    found.filter.cloud.setValue(40)
    assert heard == [Filter(None, None, 40.0)]


def test_a_new_result_is_shown_in_full(found):
    found.filter.cloud.setValue(10)
    found.show_result(Result(ITEMS[:2], "CMR"))
    assert len(keys(found)) == 2 and found.filter.filter == Filter()


def test_a_selection_survives_the_filter_as_far_as_it_is_shown(found):
    click(found, 0)
    click(found, 3, Qt.KeyboardModifier.ControlModifier)
    assert found.selected == ["scene_0030", "scene_0000"]
    found.filter.cloud.setValue(20)
    assert found.selected == ["scene_0000"]


def test_5000_scenes_are_filtered_without_a_widget_for_any(panel):
    many = tuple(scene(day, float(day % 100)) for day in range(5000))
    panel.show_result(Result(many, "CMR"))
    before = len(panel.list.viewport().children())
    for limit in range(100, 0, -1):
        panel.filter.cloud.setValue(limit)
    assert len(keys(panel)) == 50
    assert len(panel.list.viewport().children()) == before


# ---- pictures


def test_pictures_are_asked_for_of_the_rows_on_view_only(panel):
    asked = []
    panel.list.on_view.connect(asked.append)
    panel.show_result(Result(tuple(scene(day) for day in range(500)), "CMR"))
    QTest.qWait(250)
    assert asked and asked[-1][0] == "scene_0499" and 3 <= len(asked[-1]) <= 20
    panel.list.verticalScrollBar().setValue(panel.list.verticalScrollBar().maximum())
    QTest.qWait(250)
    assert asked[-1][-1] == "scene_0000"


def test_a_picture_comes_later_and_none_is_one_too(found):
    model = found.list.scenes()
    assert model.index(0, 0).data(THUMBNAIL) is None
    model.set_thumbnail("scene_0030", QPixmap())
    assert model.index(0, 0).data(THUMBNAIL).isNull()
    model.set_thumbnail("unknown", QPixmap(4, 4))
    found.list.grab()  # it is painted without a picture


# ---- what is done with scenes


def test_without_a_selection_only_vetting_is_offered(found, heard):
    assert not button(found, "Open").isEnabled() and not button(found, "Browse picture").isEnabled()
    QTest.mouseClick(button(found, "Vet candidates in these scenes"), LEFT)
    assert heard == [("vet_asked", ["scene_0030", "scene_0020", "scene_0010", "scene_0000"])]


def test_buttons_speak_of_the_selected_scenes(found, heard):
    click(found, 1)
    QTest.mouseClick(button(found, "Open"), LEFT)
    QTest.mouseClick(button(found, "Browse picture"), LEFT)
    QTest.mouseClick(button(found, "Download"), LEFT)
    QTest.mouseClick(button(found, "Vet candidates in this scene"), LEFT)
    assert heard == [(name, ["scene_0020"]) for name in ("open_asked", "browse_asked", "download_asked", "vet_asked")]


def test_a_double_click_or_enter_opens_a_scene(found, heard):
    click(found, 2)
    QTest.keyClick(found.list, Qt.Key.Key_Return)
    click(found, 0)
    QTest.mouseDClick(found.list.viewport(), LEFT, NONE, at(found, 0))
    assert heard == [("open_asked", ["scene_0010"]), ("open_asked", ["scene_0030"])]


def test_many_scenes_are_not_opened_at_once(panel):
    panel.show_result(Result(tuple(scene(day) for day in range(6)), "CMR"))
    panel.list.selectAll()
    assert not button(panel, "Open").isEnabled() and button(panel, "Browse picture").isEnabled()


def test_what_was_downloaded_says_so(found):
    model = found.list.scenes()
    assert "downloaded" not in facts_of(model.item(model.index(1, 0)))
    model.mark_here(["scene_0020", "gone"])
    assert [facts_of(item).endswith(" · downloaded") for item in model.items] == [False, True, False, False]
    found.filter.cloud.setValue(1)
    model.mark_here(["scene_0010"])  # not on view
    found.filter.cloud.setValue(100)
    assert [item.here for item in model.items] == [False, True, True, False]


def test_the_scene_under_the_pointer_is_told(found):
    heard = []
    found.list.hovered.connect(heard.append)
    view, there = found.list.viewport(), QPointF(at(found, 1))
    QApplication.sendEvent(view, QMouseEvent(QEvent.Type.MouseMove, there, QPointF(view.mapToGlobal(there.toPoint())),
                                             Qt.MouseButton.NoButton, Qt.MouseButton.NoButton, NONE))
    assert heard == ["scene_0020"]


def test_selecting_from_the_map_says_nothing(found):
    heard = []
    found.list.selected.connect(heard.append)
    found.select(["scene_0010", "scene_0000", "gone"])
    assert found.selected == ["scene_0010", "scene_0000"] and heard == []
    assert button(found, "Open").isEnabled()


def test_running_work_shows_its_message_and_can_be_cancelled(found):
    heard = []
    found.cancel_asked.connect(lambda: heard.append("cancel"))
    found.show_busy(True)
    found.show_progress(0.0, "Asking CMR")
    assert text(found, "Work") == "Asking CMR"
    QTest.mouseClick(button(found, "Cancel"), LEFT)
    found.show_busy(False)
    assert heard == ["cancel"] and text(found, "Work") == ""
