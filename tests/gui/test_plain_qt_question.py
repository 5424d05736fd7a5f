"""The bar where the question is asked, and the chooser of references: what they offer, say and refuse."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("qgis.PyQt.QtWidgets")

from pixel_spectra.core.libraries import Library, ReferenceSpectrum, bundled_library
from pixel_spectra.core.spectra import BandGrid
from pixel_spectra.ui.icons import FOLDER, icon
from pixel_spectra.ui.question_bar import Question, QuestionBar
from pixel_spectra.ui.reference_chooser import ReferenceChooser
from pixel_spectra.ui.reference_preview import ReferencePreview
from pixel_spectra.ui.settings import InspectorSettings
from qgis.PyQt.QtCore import QPoint, QSize, Qt
from qgis.PyQt.QtGui import QColor, QPalette
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QTextEdit,
    QToolButton,
    QTreeView,
    QWidget,
)

FLAGS = ("Cloud flag", "Cirrus flag", "Dilated Cloud Flag", "Spacecraft Flag", "Water flag")
LIMITS = ("AOD550", "H2O (g cm-2)")
LEFT = Qt.MouseButton.LeftButton


def spectrum(key, name=None, nm=(500.0, 600.0, 700.0), values=(0.1, 0.2, 0.4), **more):
    return ReferenceSpectrum(key, name or key, np.array(nm), np.array(values), "field.csv", **more)


def control(parent: QWidget, kind: type, name: str):
    """The one control of that kind whose accessible name begins so."""
    (found,) = [widget for widget in parent.findChildren(kind) if widget.accessibleName().startswith(name)]
    return found


def heard(signal) -> list:
    """What a signal says, as it says it."""
    said: list = []
    signal.connect(lambda *values: said.append(values[0] if values else None))
    return said


def shown(chooser):
    """(heading, names below it) of the list."""
    model = control(chooser, QTreeView, "References").model()
    headings = [model.index(row, 0) for row in range(model.rowCount())]
    return [(h.data(), [model.index(i, 0, h).data() for i in range(model.rowCount(h))]) for h in headings]


@pytest.fixture
def bar(application):
    bar = QuestionBar()
    bar.show()
    yield bar
    bar.chooser.close()
    bar.close()
    bar.deleteLater()


@pytest.fixture
def chooser(application):
    chooser = ReferenceChooser()
    chooser.open_at("", "")
    yield chooser
    chooser.close()
    chooser.deleteLater()


@pytest.fixture
def mask(bar):
    return control(bar, QComboBox, "Mask").lineEdit()


def write(field, text):
    field.selectAll()
    QTest.keyClicks(field, text)


# --- metric ---


def test_the_metrics_that_can_be_given_what_they_need_are_offered(bar):
    box = control(bar, QComboBox, "Metric")
    assert [box.itemData(i) for i in range(box.count())] == [
        "sam", "cosine", "correlation", "euclidean", "rmse", "ns3", "chi_square", "sid", "sid_sam",
        "feature_fit", "band_depth", "matched_filter", "cem", "ace", "rx"]
    assert box.itemText(0) == "Spectral angle"
    assert "The lower the closer, in rad." in box.itemData(0, Qt.ItemDataRole.ToolTipRole)
    assert "The higher the closer." in box.itemData(10, Qt.ItemDataRole.ToolTipRole)


def test_another_metric_is_said_once(bar):
    said, box = heard(bar.changed), control(bar, QComboBox, "Metric")
    QTest.keyClick(box, Qt.Key.Key_Down)
    assert (len(said), bar.question().metric) == (1, "cosine")
    assert "brightness" in box.toolTip()


def test_showing_a_question_says_nothing(bar):
    said, asked = heard(bar.changed), Question(spectrum("a"), "field.csv", "ace", "cloud")
    bar.set_question(asked)
    assert (said, bar.question()) == ([], asked)


def test_a_metric_that_is_not_offered_leaves_the_present_one(bar):
    bar.set_question(Question(metric="nonsense"))
    assert bar.question().metric == "sam"


def test_what_was_asked_last_comes_back_from_the_settings(bar):
    said = heard(bar.changed)
    bar.restore(InspectorSettings(reference="kaolinite_cm9_beckb", metric="rmse", mask="none"))
    question = bar.question()
    assert (question.reference.name, question.metric, question.mask) == ("Kaolinite CM9 BECKb AREF", "rmse", "none")
    bar.restore(InspectorSettings(reference="of an older version"))
    assert (bar.question(), said) == (Question(), [])


# --- mask ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [("none", "none"), ("quality", "quality"), ("cloud, water, AOD550<=0.3", "cloud, water, AOD550<=0.3")])
def test_a_mask_is_taken_when_it_is_written(bar, mask, text, expected):
    said = heard(bar.changed)
    write(mask, text)
    assert said == []
    QTest.keyClick(mask, Qt.Key.Key_Return)
    assert (len(said), bar.question().mask) == (1, expected)


@pytest.mark.parametrize("text", ["automatic", "Automatic", " "])
def test_automatic_leaves_the_mask_to_the_product(bar, mask, text):
    bar.set_question(Question(mask="none"))
    write(mask, text)
    QTest.keyClick(mask, Qt.Key.Key_Return)
    assert bar.question().mask is None


def test_a_preset_is_chosen_from_the_list_and_shown_as_its_word(bar, mask):
    said, box = heard(bar.changed), control(bar, QComboBox, "Mask")
    assert [box.itemText(i) for i in range(4)] == [
        "automatic: quality where there is a MASK file, else good_bands",
        "none: every measured value counts",
        "good_bands: without the bands that the producer calls bad",
        "quality: also without clouds, cirrus and interpolated bands"]
    QTest.keyClick(box, Qt.Key.Key_Down)
    assert (mask.text(), bar.question().mask, len(said)) == ("none", "none", 1)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("AOD550<=x", "The limit 'AOD550<=x' in the mask 'AOD550<=x' is not understood; write it like 'AOD550<=0.3'."),
     ("cloud, fog", "Unknown mask flag 'fog'; the known ones are: Cloud flag, Cirrus flag, Dilated Cloud Flag, "
                    "Spacecraft Flag, Water flag."),
     ("AOD1<=2", "Unknown mask layer 'AOD1'; the known ones are: AOD550, H2O (g cm-2).")])
def test_a_wrong_mask_is_marked_explained_and_not_said(bar, mask, text, sentence):
    bar.set_flags(FLAGS, LIMITS)
    bar.set_question(Question(mask="cloud"))
    plain, said = mask.palette().color(QPalette.ColorRole.Text), heard(bar.changed)
    problem = control(bar, QLabel, "What is wrong with the mask")
    assert not problem.isVisible()
    write(mask, text)
    QTest.keyClick(mask, Qt.Key.Key_Return)
    assert (problem.isVisible(), problem.text()) == (True, f"{sentence} Until then the mask 'cloud' stays in use.")
    assert mask.palette().color(QPalette.ColorRole.Text) != plain
    assert (said, bar.question().mask) == ([], "cloud")
    write(mask, "water")
    QTest.keyClick(mask, Qt.Key.Key_Return)
    assert (problem.isVisible(), len(said), bar.question().mask) == (False, 1, "water")
    assert mask.palette().color(QPalette.ColorRole.Text) == plain


def test_flags_are_checked_against_the_granule_only_when_they_are_known(bar, mask):
    problem = control(bar, QLabel, "What is wrong with the mask")
    write(mask, "fog")
    assert not problem.isVisible()
    bar.set_flags(FLAGS, LIMITS)
    assert problem.isVisible()
    bar.set_flags((), ())
    assert not problem.isVisible()


def flags_menu(bar) -> QMenu:
    menu = control(bar, QToolButton, "Flags").menu()
    menu.aboutToShow.emit()
    return menu


def test_the_flags_of_the_granule_are_switched_in_a_menu(bar, mask):
    bar.set_flags(FLAGS, LIMITS)
    said, menu = heard(bar.changed), flags_menu(bar)
    checked = {action.text(): action.isChecked() for action in menu.actions() if action.isCheckable()}
    assert checked == {"Cloud flag": True, "Cirrus flag": True, "Dilated Cloud Flag": True, "Spacecraft Flag": True,
                       "Water flag": False}
    menu.actions()[4].trigger()
    assert mask.text() == bar.question().mask == "quality, Water flag"
    flags_menu(bar).actions()[0].trigger()
    assert bar.question().mask == "band_mask, Cirrus flag, Dilated Cloud Flag, Spacecraft Flag, Water flag"
    assert len(said) == 2


def test_a_limit_is_begun_in_the_menu_and_finished_by_hand(bar, mask):
    bar.set_flags(FLAGS, LIMITS)
    bar.set_question(Question(mask="cloud"))
    said = heard(bar.changed)
    flags_menu(bar).actions()[-1].trigger()
    assert (mask.text(), said) == ("Cloud flag, H2O<=", [])
    QTest.keyClicks(mask, "2")
    QTest.keyClick(mask, Qt.Key.Key_Return)
    assert (bar.question().mask, len(said)) == ("Cloud flag, H2O<=2", 1)


def test_without_a_mask_file_there_are_no_flags_to_switch(bar):
    button = control(bar, QToolButton, "Flags")
    assert not button.isEnabled()
    assert button.toolTip() == "Flags are listed once a granule with a MASK file is open"


# --- ways to mark a place ---

WAYS = {"Point": "point", "Line": "line", "Polygon": "polygon", "Selected": "selected", "From file": "file",
        "Paste WKT": "text"}


@pytest.mark.parametrize(("label", "mode"), WAYS.items())
def test_a_way_is_said_each_time_it_is_chosen(bar, label, mode):
    said, button = heard(bar.mode_chosen), control(bar, QToolButton, f"Area: {label}")
    for _ in range(2):
        QTest.mouseClick(button, LEFT)
    assert said == [mode, mode]
    assert button.isChecked() == (mode in ("point", "line", "polygon"))


def test_one_drawing_mode_is_on_or_none(bar):
    said = heard(bar.mode_chosen)
    buttons = [control(bar, QToolButton, f"Area: {label}") for label in ("Point", "Line", "Polygon")]
    QTest.mouseClick(buttons[0], LEFT)
    bar.set_mode("polygon")
    assert [button.isChecked() for button in buttons] == [False, False, True]
    bar.set_mode("")
    assert [button.isChecked() for button in buttons] == [False, False, False]
    assert said == ["point"]


def test_the_way_that_is_on_and_the_one_with_the_keyboard_are_seen(bar):
    palette = bar.palette()
    palette.setColor(QPalette.ColorRole.Highlight, QColor("#00ff00"))
    bar.setPalette(palette)
    bar.set_mode("point")
    bar.activateWindow()
    point, line = (control(bar, QToolButton, f"Area: {label}") for label in ("Point", "Line"))
    line.setFocus()
    QTest.qWait(1)

    def green(button):
        image = button.grab().toImage()
        colours = [image.pixelColor(image.width() // 2, y) for y in range(image.height())]
        return [y for y, colour in enumerate(colours) if colour.green() > 200 > 100 > colour.red()]

    assert line.hasFocus()
    assert 0 < len(green(point)) < len(green(line))
    bar.set_mode("polygon")
    assert green(point) == []


def test_inspect_asks_again(bar):
    said = heard(bar.inspect_asked)
    QTest.mouseClick(control(bar, QAbstractButton, "Inspect"), LEFT)
    assert len(said) == 1


def test_every_control_has_a_name_and_a_tooltip_and_is_reached_by_tab(bar, chooser):
    for parent in (bar, chooser):
        controls = [widget for widget in parent.findChildren((QAbstractButton, QComboBox, QTreeView, QTextEdit))
                    if not widget.objectName().startswith("qt_") and not isinstance(widget.parent(), QLineEdit)
                    and widget.window() is parent]
        assert len(controls) >= 6
        for widget in controls:
            assert widget.accessibleName(), widget
            assert widget.toolTip(), widget.accessibleName()
            assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus, widget.accessibleName()


def test_a_narrow_dock_holds_all_of_it(bar):
    font = bar.font()
    font.setPointSizeF(9)
    bar.setFont(font)
    QTest.qWait(1)
    bar.set_question(Question(spectrum("a", "A very long title of a reference " * 3), metric="ace"))
    assert bar.minimumSizeHint().width() <= 348  # of 360, the dock's margins off
    bar.resize(348, bar.sizeHint().height())
    QTest.qWait(1)
    for widget in bar.findChildren((QAbstractButton, QComboBox)):
        if widget.isVisible() and widget.window() is bar:
            assert widget.mapTo(bar, QPoint(widget.width(), 0)).x() <= 348
            assert widget.width() >= widget.minimumSizeHint().width()
    button = control(bar, QAbstractButton, "Reference")
    assert "…" in button.shown_text()
    assert button.shown_text().endswith("ence ")
    assert button.toolTip().count("A very long title") == 3


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.svg")))
def test_an_icon_takes_the_colour_of_the_text(application, name):
    def colours(text):
        palette = QPalette()
        palette.setColor(QPalette.ColorRole.WindowText, QColor(text))
        image = icon(name, palette).pixmap(QSize(48, 48)).toImage()
        pixels = (image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height()))
        return {colour.name() for colour in pixels if colour.alpha() == 255}

    assert "#102030" in colours("#102030")
    assert "#102030" not in colours("#f0e0d0")
    assert "#e4572e" in colours("#102030") & colours("#f0e0d0")


def test_there_are_icons_for_all_that_is_done(application):
    assert {path.stem for path in FOLDER.glob("*.svg")} >= {
        "point", "line", "polygon", "selected", "file", "text", "pin", "clear", "export", "open"}
    with pytest.raises(FileNotFoundError):
        icon("nonsense", QPalette())


# --- chooser ---


def search(chooser, text):
    field = control(chooser, QLineEdit, "Search")
    write(field, text)
    return field


def test_the_bundled_spectra_are_grouped_by_kind(chooser):
    assert {heading: len(names) for heading, names in shown(chooser)} == {
        "Dry vegetation · bundled, USGS (1)": 1, "Green vegetation · bundled, USGS (4)": 4,
        "Man-made · bundled, USGS (4)": 4, "Mineral · bundled, USGS (26)": 26, "Snow/ice · bundled, USGS (2)": 2,
        "Soil · bundled, USGS (1)": 1, "Water · bundled, USGS (2)": 2}


@pytest.mark.parametrize(
    ("text", "found"),
    [("cm9 KAOL", ["Kaolinite CM9 ASDNGb AREF", "Kaolinite CM9 BECKb AREF"]),
     ("hs333_3b", ["Gypsum HS333.3B (Selenite) ASDNGa AREF"]),
     ("soil mud", ["Stonewall_Playa_Dry_Mud 2001 ASDFRa AREF"]),
     ("record 5976", ["Kaolinite CM9 BECKb AREF"]),
     ("(selenite", ["Gypsum HS333.3B (Selenite) ASDNGa AREF"])])
def test_the_search_finds_words_of_id_name_kind_and_source_in_any_order(chooser, text, found):
    search(chooser, text)
    assert [name for _, names in shown(chooser) for name in names] == found


def test_what_matches_nothing_is_said_and_cannot_be_used(chooser):
    said, field = heard(chooser.chosen), search(chooser, "unobtainium")
    assert "No reference matches the search." in [label.text() for label in chooser.findChildren(QLabel)]
    assert not control(chooser, QAbstractButton, "Use this reference").isEnabled()
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert (said, chooser.isVisible()) == ([], True)


def test_type_arrow_and_enter_choose(chooser):
    said, field = heard(chooser.chosen), search(chooser, "kaolinite")
    QTest.keyClick(field, Qt.Key.Key_Down)
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert [reference.id for reference in said] == ["kaolinite_cm9_beckb"]
    assert (chooser.chosen_from, chooser.isVisible()) == ("", False)


def test_the_arrows_pass_over_headings(chooser):
    field, said = search(chooser, "vegetation"), heard(chooser.chosen)
    QTest.keyClick(field, Qt.Key.Key_Down)
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert [reference.kind for reference in said] == ["green vegetation"]


def test_escape_closes_and_chooses_nothing(chooser):
    said, field = heard(chooser.chosen), search(chooser, "kaolinite")
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert (said, chooser.isVisible()) == ([], False)


def test_a_double_click_chooses(chooser):
    said, view = heard(chooser.chosen), control(chooser, QTreeView, "References")
    search(chooser, "jarosite")
    place = view.visualRect(view.currentIndex()).center()
    QTest.mouseClick(view.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, place)
    QTest.mouseDClick(view.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, place)
    assert [reference.material for reference in said] == ["Jarosite"]


def test_no_reference_is_a_choice(bar):
    bar.set_question(Question(spectrum("a"), "field.csv"))
    said = heard(bar.changed)
    QTest.mouseClick(control(bar, QAbstractButton, "Reference"), LEFT)
    QTest.mouseClick(control(bar.chooser, QAbstractButton, "None"), LEFT)
    assert (len(said), bar.question()) == (1, Question())
    assert control(bar, QAbstractButton, "Reference").text() == "None: choose a reference…"


def test_the_button_opens_the_chooser_at_the_reference_in_use(bar):
    bar.set_question(Question(bundled_library()["jarosite_gds99_k_200c_syn_becka"]))
    QTest.mouseClick(control(bar, QAbstractButton, "Reference"), LEFT)
    view = control(bar.chooser, QTreeView, "References")
    assert (bar.chooser.isVisible(), view.currentIndex().data()) == (True, "Jarosite GDS99 K 200C Syn BECKa AREF")


@pytest.mark.parametrize(
    ("button", "dialog", "answer"),
    [("Add file", "getOpenFileName", ("rocks.csv", "")), ("Add folder", "getExistingDirectory", "rocks")])
def test_a_library_is_asked_for_and_a_refused_dialog_asks_nothing(bar, monkeypatch, button, dialog, answer):
    said = heard(bar.library_asked)
    bar.open_chooser()
    monkeypatch.setattr(QFileDialog, dialog, lambda *_: answer)
    QTest.mouseClick(control(bar.chooser, QAbstractButton, button), LEFT)
    path = answer if isinstance(answer, str) else answer[0]
    assert said == [path]
    assert control(bar.chooser, QLabel, "What went wrong").text() == f"Opening {path} …"
    monkeypatch.setattr(QFileDialog, dialog, lambda *_: "" if isinstance(answer, str) else ("", ""))
    QTest.mouseClick(control(bar.chooser, QAbstractButton, button), LEFT)
    assert said == [path]


def test_a_library_that_was_opened_is_listed_and_chosen_from(bar):
    library = Library([spectrum("a", "Outcrop 12"), spectrum("b", "Outcrop 13")])
    bar.open_chooser()
    search(bar.chooser, "kaolinite")
    bar.add_library("field/rocks.csv", library)
    assert shown(bar.chooser)[-1] == ("rocks.csv (2)", ["Outcrop 12", "Outcrop 13"])
    assert not control(bar.chooser, QLabel, "What went wrong").isVisible()
    QTest.mouseClick(control(bar.chooser, QAbstractButton, "Use this reference"), LEFT)
    question = bar.question()
    assert (question.reference, question.reference_file) == (library["a"], "field/rocks.csv")


def test_a_library_opened_again_takes_the_place_of_the_former(chooser):
    chooser.add_library("rocks.csv", Library([spectrum("a"), spectrum("b")]))
    chooser.add_library("other/rocks.csv", Library([spectrum("c")]))
    chooser.add_library("rocks.csv", Library([spectrum("d")]))
    assert shown(chooser)[7:] == [("rocks.csv (1)", ["c"]), ("rocks.csv (1)", ["d"])]


def test_problems_of_a_library_are_shown(chooser):
    problem = control(chooser, QLabel, "What went wrong")
    chooser.add_library("rocks", Library([spectrum("a")], [f"{i}.csv is bad." for i in range(5)]))
    assert problem.isVisible()
    assert problem.text() == "0.csv is bad.\n1.csv is bad.\n2.csv is bad.\n… and 2 more files with problems."
    chooser.show_problem("sand.csv: there is no such file.")
    assert problem.text() == "sand.csv: there is no such file."


def test_the_chooser_tells_coverage_source_and_notes(chooser):
    about = control(chooser, QTextEdit, "About")
    bands = BandGrid(np.array([450.0, 550.0, 650.0, 750.0]), None, np.array([True, True, True, False]))
    noted = spectrum("a", "Outcrop", nm=(400.0, 550.0, 700.0), kind="rock", notes=("Taken as percent.",))
    chooser.add_library("field.csv", Library([noted]))
    told = ["3 channels.", "Kind: rock.", "Id: a", "Source: field.csv", "Note: Taken as percent."]
    assert about.toPlainText().splitlines() == told
    chooser.set_bands(bands)
    assert about.toPlainText().splitlines() == ["3 of 3 bands of the granule are covered.", *told]


def test_thousands_of_spectra_are_searched(chooser):
    chooser.add_library("usgs", Library(spectrum(f"s{i}", f"Sample {i:04d} quartz") for i in range(2500)))
    assert [len(names) for heading, names in shown(chooser) if heading == "usgs (2500)"] == [2500]
    said, field = heard(chooser.chosen), search(chooser, "quartz 2477")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert [reference.id for reference in said] == ["s2477"]


def test_the_preview_leaves_a_gap_where_channels_are_missing(application):
    preview = ReferencePreview()
    palette = QPalette()
    palette.setColor(QPalette.ColorRole.Highlight, QColor("#ff0000"))
    preview.setPalette(palette)
    preview.resize(300, 150)
    nm = np.arange(400.0, 801.0)
    values = np.where((nm > 500) & (nm < 700), np.nan, 0.2 + nm * 1e-4)

    def red_columns():
        image = preview.grab().toImage()
        return {x for x in range(image.width()) for y in range(image.height())
                if image.pixelColor(x, y).red() > 200 > 100 > image.pixelColor(x, y).green()}

    assert red_columns() == set()
    preview.show_spectrum(spectrum("a", "Chalk", nm, values))
    columns = red_columns()
    assert max(np.diff(sorted(columns))) > 0.4 * (max(columns) - min(columns))
    assert preview.accessibleDescription() == "Reflectance of Chalk, 400 to 800 nm"
