"""The export menu by real keys: names for files, overwriting, greyed entries. Runs on Qt 6 too."""

from __future__ import annotations

import pytest

pytest.importorskip("qgis.PyQt.QtWidgets")

from pixel_spectra.ui.export_menu import EXPORTS, NOTHING_YET, ExportMenu, default_name
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QSignalSpy, QTest
from qgis.PyQt.QtWidgets import QApplication, QFileDialog, QLineEdit, QMessageBox, QToolButton

KINDS = [export.kind for export in EXPORTS]
FILES = {"png": "png", "svg": "svg", "csv": "csv", "layer": "gpkg"}


@pytest.fixture
def button(application, tmp_path):
    """A tool button with the menu, as in the dock."""
    button = QToolButton()
    menu = ExportMenu(button)
    menu.folder = str(tmp_path)
    button.setMenu(menu)
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    button.show()
    menu.set_available(set(KINDS))
    yield button
    menu.close()
    button.close()
    button.deleteLater()


def entry(button, kind):
    return next(a for a in button.menu().actions() if a.objectName() == f"export_{kind}")


def choose(button, kind):
    """Open the menu and press Return on the entry."""
    menu = button.menu()
    menu.popup(button.mapToGlobal(button.rect().bottomLeft()))
    menu.setActiveAction(entry(button, kind))
    QTest.keyClick(menu, Qt.Key.Key_Return)


def dialog_of(button):
    dialogs = [d for d in button.window().findChildren(QFileDialog, "export_file") if d.isVisible()]
    return dialogs[0] if dialogs else None


def save_as(button, name):
    """Put a name into the dialog, as pasted (typing opens a list of completions on Qt 6), and press Return."""
    line = dialog_of(button).findChild(QLineEdit, "fileNameEdit")
    line.setFocus()
    line.setText(name)
    QTest.keyClick(line, Qt.Key.Key_Return)


def signals(spy):
    return [list(spy[i]) for i in range(len(spy))]


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in FILES])
def test_an_entry_without_a_file_asks_at_once(button, kind):
    spy = QSignalSpy(button.menu().asked)
    choose(button, kind)
    assert signals(spy) == [[kind, ""]]
    assert dialog_of(button) is None


@pytest.mark.parametrize("kind", FILES)
def test_a_file_gets_the_right_ending(button, tmp_path, kind):
    spy = QSignalSpy(button.menu().asked)
    choose(button, kind)
    save_as(button, "mine")
    assert signals(spy) == [[kind, str(tmp_path / f"mine.{FILES[kind]}")]]


def test_the_ending_follows_the_chosen_format(button, tmp_path):
    spy = QSignalSpy(button.menu().asked)
    choose(button, "layer")
    dialog_of(button).filterSelected.emit("GeoJSON (*.geojson)")
    save_as(button, "mine")
    assert signals(spy) == [["layer", str(tmp_path / "mine.geojson")]]


def test_the_proposed_name_is_that_of_the_scene(button, tmp_path):
    button.menu().set_name("EMIT_L2A_RFL_001: pixel 12/9")
    spy = QSignalSpy(button.menu().asked)
    choose(button, "csv")
    line = dialog_of(button).findChild(QLineEdit, "fileNameEdit")
    assert line.text().removesuffix(".csv") == "EMIT_L2A_RFL_001_pixel_12_9"
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert signals(spy) == [["csv", str(tmp_path / "EMIT_L2A_RFL_001_pixel_12_9.csv")]]


@pytest.mark.parametrize(("answer", "written"), [("No", False), ("Yes", True)])
def test_an_existing_file_is_taken_only_after_asking(button, tmp_path, answer, written):
    from qgis.PyQt.QtCore import QTimer

    (tmp_path / "mine.csv").write_text("older")
    questions = []

    def reply():
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox):
            questions.append(box.text())
            QTest.mouseClick(box.button(getattr(QMessageBox.StandardButton, answer)), Qt.MouseButton.LeftButton)

    spy = QSignalSpy(button.menu().asked)
    choose(button, "csv")
    QTimer.singleShot(50, reply)
    save_as(button, "mine")
    assert len(questions) == 1 and "mine.csv" in questions[0]
    assert signals(spy) == ([["csv", str(tmp_path / "mine.csv")]] if written else [])
    assert (tmp_path / "mine.csv").read_text() == "older"  # the menu itself writes nothing


def test_escape_asks_for_nothing(button):
    spy = QSignalSpy(button.menu().asked)
    choose(button, "png")
    dialog = dialog_of(button)
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert signals(spy) == []
    assert dialog_of(button) is None


def test_the_next_dialog_opens_where_the_last_file_went(button, tmp_path):
    (tmp_path / "results").mkdir()
    choose(button, "png")
    save_as(button, str(tmp_path / "results" / "a.png"))
    spy = QSignalSpy(button.menu().asked)
    choose(button, "svg")
    save_as(button, "b")
    assert signals(spy) == [["svg", str(tmp_path / "results" / "b.svg")]]


def test_what_cannot_be_exported_is_greyed_and_says_why(button):
    menu = button.menu()
    menu.set_available({"png", "svg"}, "No granule is open.")
    assert {k for k in KINDS if entry(button, k).isEnabled()} == {"png", "svg"}
    assert entry(button, "csv").toolTip() == "No granule is open."
    assert entry(button, "png").toolTip() == "Save the plot in front as a picture."
    spy = QSignalSpy(menu.asked)
    choose(button, "values")
    assert signals(spy) == []


def test_at_first_there_is_nothing_to_export(application):
    menu = ExportMenu()
    assert not any(a.isEnabled() for a in menu.actions() if not a.isSeparator())
    assert {a.toolTip() for a in menu.actions() if not a.isSeparator()} == {NOTHING_YET}
    menu.deleteLater()


def test_every_entry_has_a_key_of_its_own(button):
    keys = [e.text[e.text.index("&") + 1].lower() for e in EXPORTS]
    assert len(set(keys)) == len(keys)
    assert button.menu().accessibleName() == "Export"
    assert button.menu().toolTipsVisible()


@pytest.mark.parametrize(("text", "name"), [
    ("EMIT_L2A_RFL_001_20240501T101112_2412207_005", "EMIT_L2A_RFL_001_20240501T101112_2412207_005"),
    ("scene 1: Ünter/../etc", "scene_1_Ünter_etc"), ("../../secret", "secret"), ("C:\\x\\y.nc", "C_x_y_nc"),
    ("", "spectra"), ("???", "spectra"), (".hidden", "hidden"), ("con", "_con"), ("COM1", "_COM1"),
    ("conifers", "conifers"), ("a\nb\tc", "a_b_c"), ("x" * 300, "x" * 80), ("-rf", "rf"),
])
def test_names_that_every_file_system_takes(text, name):
    assert default_name(text) == name
