"""The bar of granules by real events: recent files, the choice, what is said of companions, drops. Runs on Qt 6 too."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

pytest.importorskip("qgis.PyQt.QtWidgets")

from pixel_spectra.ui.granule_bar import AUTOMATIC, GranuleBar, SceneRow
from qgis.PyQt.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from qgis.PyQt.QtGui import QDragEnterEvent, QDropEvent
from qgis.PyQt.QtTest import QSignalSpy, QTest
from qgis.PyQt.QtWidgets import QApplication, QComboBox, QFileDialog, QLabel, QToolButton

WHEN = datetime(2024, 5, 1, 10, 11, 12, tzinfo=timezone.utc)
FIRST = SceneRow("a", "EMIT_L2A_RFL_001", WHEN, {"MASK": "/data/mask.nc", "RFLUNCERT": None})
SECOND = SceneRow("b", "field")

SIGN_IN = "&Sign in to NASA Earthdata…"


@pytest.fixture
def bar(application):
    bar = GranuleBar()
    bar.show()
    QApplication.setActiveWindow(bar)
    yield bar
    bar.close()
    bar.deleteLater()


def combo(bar):
    return bar.findChild(QComboBox)


def button(bar):
    return bar.findChild(QToolButton)


def facts(bar):
    return bar.findChild(QLabel).text().replace("\N{NO-BREAK SPACE}", " ")


def entries(bar):
    """The menu as it opens: text -> action."""
    menu = button(bar).menu()
    menu.aboutToShow.emit()
    return {action.text(): action for action in menu.actions() if not action.isSeparator()}


def drop(widget, mime):
    """Whether a drag is let in; if so, it is dropped."""
    action, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(5, 5), action, mime, left, none)
    enter.setAccepted(False)
    QApplication.sendEvent(widget, enter)
    if enter.isAccepted():
        QApplication.sendEvent(widget, QDropEvent(QPointF(5, 5), action, mime, left, none, QEvent.Type.Drop))
    return enter.isAccepted()


def test_without_a_granule_it_says_how_to_open_one(bar):
    assert facts(bar) == "No granule is open. Open one, or drop its file here or on the map."
    assert combo(bar).currentText() == AUTOMATIC
    assert not combo(bar).isEnabled()


def test_a_single_granule_is_told_of_at_once(bar):
    bar.show_scenes([FIRST])
    assert facts(bar) == "2024-05-01 10:11:12 UTC   MASK ✓   RFLUNCERT — not found"
    tip = bar.findChild(QLabel).toolTip()
    assert "EMIT_L2A_RFL_001" in tip
    assert "MASK: /data/mask.nc" in tip
    assert "RFLUNCERT: not found beside the granule" in tip


def test_of_several_the_topmost_is_asked_until_one_is_chosen(bar):
    chosen = QSignalSpy(bar.chosen)
    bar.show_scenes([FIRST, SECOND])
    assert facts(bar) == "2 granules are open."
    assert [combo(bar).itemText(i) for i in range(3)] == [
        "Topmost under the click", "2024-05-01 10:11:12 · EMIT_L2A_RFL_001", "field"]
    QTest.keyClick(combo(bar), Qt.Key.Key_Down)
    QTest.keyClick(combo(bar), Qt.Key.Key_Down)
    assert [signal[0] for signal in chosen] == ["a", "b"]
    assert facts(bar) == "Date unknown"
    QTest.keyClick(combo(bar), Qt.Key.Key_Home)
    assert chosen[2][0] is None


def test_the_one_last_asked_is_told_of_while_none_is_chosen(bar):
    bar.show_scenes([FIRST, SECOND])
    bar.show_active("b")
    assert facts(bar) == "Date unknown"
    bar.show_active("gone")
    assert facts(bar) == "2 granules are open."


def test_a_choice_stays_when_the_list_is_made_anew(bar):
    bar.show_scenes([FIRST, SECOND])
    bar.choose("b")
    chosen = QSignalSpy(bar.chosen)
    bar.show_scenes([SECOND, FIRST])
    assert bar.chosen_key == "b"
    assert len(chosen) == 0


def test_a_choice_that_is_gone_is_given_up_and_told(bar):
    bar.show_scenes([FIRST, SECOND])
    bar.choose("b")
    chosen = QSignalSpy(bar.chosen)
    bar.show_scenes([FIRST])
    assert bar.chosen_key is None
    assert [signal[0] for signal in chosen] == [None]


def test_an_unknown_choice_is_the_topmost(bar):
    bar.show_scenes([FIRST])
    bar.choose("a")
    bar.choose("gone")
    assert bar.chosen_key is None


def test_recent_files_open_and_missing_ones_are_grey(bar, tmp_path):
    there = tmp_path / "R&D.nc"
    there.touch()
    gone = tmp_path / "gone.nc"
    asked = QSignalSpy(bar.open_asked)
    bar.set_recent([str(there), str(gone)])
    menu = entries(bar)
    assert list(menu) == ["&1 R&&D.nc", "&2 gone.nc (not found)", "Clear", SIGN_IN]
    assert not menu["&2 gone.nc (not found)"].isEnabled()
    menu["&1 R&&D.nc"].trigger()
    assert [signal[0] for signal in asked] == [str(there)]


def test_the_sign_in_is_behind_the_arrow_too(bar):
    asked = QSignalSpy(bar.sign_in_asked)
    entries(bar)[SIGN_IN].trigger()
    assert len(asked) == 1


def test_ten_recent_files_are_kept(bar, tmp_path):
    bar.set_recent([str(tmp_path / f"{i}.nc") for i in range(12)])
    assert len(entries(bar)) == 12
    assert "&0 9.nc (not found)" in entries(bar)


def test_recent_files_can_be_cleared(bar, tmp_path):
    cleared = QSignalSpy(bar.recent_cleared)
    bar.set_recent([str(tmp_path)])
    entries(bar)["Clear"].trigger()
    assert len(cleared) == 1
    assert list(entries(bar)) == ["No recent files", SIGN_IN]
    assert not entries(bar)["No recent files"].isEnabled()


@pytest.mark.parametrize(("answer", "opened"), [("/data/scene.nc", ["/data/scene.nc"]), ("", [])])
def test_the_button_asks_for_a_file_in_the_folder_of_the_last(bar, tmp_path, monkeypatch, answer, opened):
    seen = []
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *given: seen.append(given) or (answer, ""))
    asked = QSignalSpy(bar.open_asked)
    bar.set_recent(["/nowhere/x.nc", str(tmp_path / "y.nc")])
    button(bar).setFocus()
    QTest.keyClick(button(bar), Qt.Key.Key_Space)
    assert [signal[0] for signal in asked] == opened
    _, title, folder, kinds = seen[0]
    assert (title, folder) == ("Open granule", str(tmp_path))
    assert "*.nc" in kinds
    assert "*.hdr" in kinds
    assert "All files (*)" in kinds


def test_dropped_files_are_asked_for_one_by_one(bar, tmp_path):
    asked = QSignalSpy(bar.open_asked)
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / name)) for name in ("a.nc", "b.hdr")])
    assert drop(bar, mime)
    assert [signal[0] for signal in asked] == [str(tmp_path / "a.nc"), str(tmp_path / "b.hdr")]


@pytest.mark.parametrize("kind", ["text", "web"])
def test_what_is_no_file_is_not_let_in(bar, kind):
    mime = QMimeData()
    mime.setText("hello") if kind == "text" else mime.setUrls([QUrl("https://example.org/a.nc")])
    asked = QSignalSpy(bar.open_asked)
    assert not drop(bar, mime)
    assert len(asked) == 0


def test_it_is_reached_and_named_for_the_keyboard(bar):
    for control, name in ((button(bar), "Open granule"), (combo(bar), "Granule")):
        assert control.accessibleName() == name
        assert control.toolTip()
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus
