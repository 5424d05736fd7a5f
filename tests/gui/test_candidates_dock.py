"""The dock of vetted candidates in QGIS: rows, map and inspector in step; verdicts, thresholds, exports."""

from __future__ import annotations

import csv
import gc
import json

import pytest

pytest.importorskip("qgis.core")
pytest.importorskip("shapely")

from pixel_spectra.core.vetting.ranking import Thresholds
from qgis.core import QgsGeometry, QgsProject, QgsVectorLayer
from qgis.gui import QgsBrowserGuiModel, QgsProcessingAlgorithmDialogBase
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import (
    QAction,
    QApplication,
    QComboBox,
    QDockWidget,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
)

from inspector_side import LEFT, NONE, name_file, press_entry, until
from qgis_side import REFERENCE, box, write_geojson
from vetted_side import make_layer


@pytest.fixture
def entrance(analyst):
    return analyst.plugin.entrance


@pytest.fixture
def desk(analyst, entrance):
    """The dock, opened with its button."""
    QTest.mouseClick(analyst.window.toolbar.widgetForAction(entrance.candidates_action), LEFT)
    analyst.window.main.resize(1300, 1000)
    QTest.qWait(1)
    return entrance.candidates()


@pytest.fixture
def vetted(analyst, run, files, tmp_path):
    """Two candidates in the granule of the tests, vetted, and one far off."""
    areas = write_geojson(tmp_path / "areas.geojson", box(10.6, 10.6, 14.4, 14.4), box(20.6, 20.6, 24.4, 24.4),
                          box(100.0, 100.0, 104.0, 104.0))
    done = run("vet_candidates", CANDIDATES=areas, CANDIDATE_ID="n", GRANULES=files.reflectance, REFERENCE=REFERENCE,
               OUTPUT=tmp_path / "vetted.gpkg")
    return done["OUTPUT"]


def add(source, name="Vetted"):
    layer = source if isinstance(source, QgsVectorLayer) else QgsVectorLayer(str(source), name, "ogr")
    return QgsProject.instance().addMapLayer(layer)


def click_row(desk, row):
    """Click a row, by its place."""
    view = desk.dock.table.view
    QTest.mouseClick(view.viewport(), LEFT, NONE, view.visualRect(desk.dock.table.model.index(row, 1)).center())


def said(desk):
    label, = (w for w in desk.dock.findChildren(QLabel) if w.accessibleName() == "About the candidate")
    return label.text() if label.isVisible() else ""


def settled(analyst, desk):
    """Until the map and the inspector have followed."""
    until(lambda: not desk._soon.isActive())
    analyst.rest()


def ids(desk):
    table = desk.dock.table
    return [table.model.value(table.model.row_of(table.model.index(i, 0)), "candidate_id")
            for i in range(table.model.rowCount())]


def column(layer, name):
    return [f[name] for f in QgsVectorLayer(layer.source(), "again", "ogr").getFeatures()]


def docks(window):
    return [d for d in window.main.findChildren(QDockWidget) if d.objectName() == "PixelSpectraCandidates"]


# ---- layers


def test_the_dock_is_made_when_it_is_asked_for(analyst, entrance):
    assert docks(analyst.window) == []
    entrance.candidates_action.trigger()
    dock, = docks(analyst.window)
    assert dock.isVisible() and dock.windowTitle() == "Pixel Spectra: candidates"
    assert analyst.window.main.dockWidgetArea(dock) == Qt.DockWidgetArea.BottomDockWidgetArea


def test_without_vetted_candidates_it_says_what_to_do(desk):
    label, = (w for w in desk.dock.findChildren(QLabel) if w.accessibleName() == "What to do")
    assert label.isVisible() and "Press 'Vet candidates…'" in label.text()
    assert not desk.dock.export.findChild(QAction, "export_csv").isEnabled()


def test_a_vetted_layer_is_shown_when_it_comes(desk, tmp_path):
    add(QgsVectorLayer("Point?crs=EPSG:4326", "other", "memory"))
    assert desk.layer is None
    layer = add(make_layer(tmp_path / "a.gpkg"))
    assert desk.layer is layer
    assert ids(desk) == ["strong", "weak", "soil", "lost"]
    assert desk.dock.verdicts.histogram.counts == {"accept": 1, "doubtful": 1, "reject": 1, "none": 1}


def test_layers_are_chosen_and_go(desk, tmp_path):
    first, second = add(make_layer(tmp_path / "a.gpkg")), add(make_layer(tmp_path / "b.gpkg"))
    assert desk.layer is second
    combo, = (c for c in desk.dock.findChildren(QComboBox) if c.accessibleName() == "Layer of vetted candidates")
    assert [combo.itemText(i) for i in range(combo.count())].count("a") == 1
    combo.setFocus()
    QTest.keyClick(combo, Qt.Key.Key_A)
    assert desk.layer is first
    QgsProject.instance().removeMapLayer(first.id())
    assert desk.layer is second and combo.count() == 1
    QgsProject.instance().removeMapLayer(second.id())
    assert desk.layer is None and ids(desk) == [] and combo.count() == 0


def test_a_layer_that_is_there_already(analyst, entrance, tmp_path):
    layer = add(make_layer(tmp_path / "a.gpkg"))
    assert entrance.candidates().layer is layer


# ---- a row


def test_a_row_zooms_the_map_and_shows_its_spectra(analyst, desk, files, vetted):
    analyst.open(files.reflectance)
    layer = add(vetted)
    click_row(desk, 0)
    settled(analyst, desk)
    fid = desk._ids[desk.dock.table.row]
    middle = QgsGeometry(layer.getGeometry(fid)).boundingBox().center()
    at = analyst.screen(middle.x(), middle.y())
    centre = analyst.canvas.rect().center()
    assert abs(at.x() - centre.x()) <= 2 and abs(at.y() - centre.y()) <= 2
    sight, = analyst.inspector.presenter.sights
    assert (len(sight.seen.pixels), sight.seen.reference.id) == (16, REFERENCE)
    assert layer.selectedFeatureIds() == [fid]
    assert said(desk) == ""


def test_keys_go_through_the_rows(analyst, desk, files, vetted):
    analyst.open(files.reflectance)
    add(vetted)
    click_row(desk, 0)
    QTest.keyClick(desk.dock.table.view, Qt.Key.Key_Down)
    settled(analyst, desk)
    assert len(analyst.inspector.presenter.sights) == 1
    assert analyst.inspector.presenter.sights[0].area.feature_ids == (desk._ids[1],)


def test_a_reference_that_is_there_is_not_chosen_again(at_work, desk, vetted):
    add(vetted)
    before = at_work.dock.question.question()
    click_row(desk, 0)
    settled(at_work, desk)
    assert at_work.dock.question.question() == before
    assert at_work.inspector.presenter.sights[0].seen.reference.id == REFERENCE


def test_another_reference_is_chosen_first(at_work, desk, vetted):
    at_work.choose_reference("calcite")
    assert at_work.dock.question.question().reference.id != REFERENCE
    add(vetted)
    click_row(desk, 0)
    settled(at_work, desk)
    assert at_work.inspector.presenter.sights[0].seen.reference.id == REFERENCE


def test_the_granule_to_open_is_named(analyst, desk, tmp_path):
    add(make_layer(tmp_path / "a.gpkg"))
    click_row(desk, 0)
    settled(analyst, desk)
    assert said(desk) == "Open the granule 'granule' to see the spectra of this candidate."
    assert analyst.inspector.presenter.sights == () and analyst.warnings() == []


def test_a_candidate_without_a_place_says_why(analyst, desk, tmp_path):
    add(make_layer(tmp_path / "a.gpkg"))
    before = analyst.canvas.extent()
    click_row(desk, 3)
    settled(analyst, desk)
    assert said(desk) == "It has no geometry."
    assert analyst.canvas.extent() == before


def test_selecting_on_the_map_goes_to_the_row_and_leaves_the_map(analyst, desk, files, vetted):
    analyst.open(files.reflectance)
    layer = add(vetted)
    before = analyst.canvas.center(), analyst.canvas.scale()
    layer.selectByIds([desk._ids[1]])
    settled(analyst, desk)
    assert desk.dock.table.row == 1
    assert analyst.canvas.center().compare(before[0], 1e-6)
    assert analyst.canvas.scale() == pytest.approx(before[1], rel=0.1)  # the dock took some of its width
    assert len(analyst.inspector.presenter.sights) == 1
    layer.selectByIds([desk._ids[0], desk._ids[1]])
    assert sorted(desk.dock.table.selected) == [0, 1]


def test_a_filter_that_hides_what_is_selected(analyst, desk, tmp_path):
    layer = add(make_layer(tmp_path / "a.gpkg"))
    filtered = next(w for w in desk.dock.findChildren(QLineEdit) if w.accessibleName() == "Filter")
    QTest.keyClicks(filtered, "soil")
    layer.selectByIds([desk._ids[0]])
    assert said(desk) == "The filter hides the candidate that is selected on the map."


# ---- what people say


def test_keys_judge_and_the_layer_keeps_it(desk, tmp_path):
    layer = add(make_layer(tmp_path / "a.gpkg"))
    click_row(desk, 0)
    QTest.keyClick(desk.dock.table.view, Qt.Key.Key_R)
    QTest.keyClick(desk.dock.table.view, Qt.Key.Key_A)
    assert column(layer, "human_verdict") == ["reject", "accept", "", ""]
    assert desk.dock.verdicts.histogram.counts == {"accept": 1, "doubtful": 0, "reject": 2, "none": 1}
    assert desk.dock.table.row == 2 and layer.selectedFeatureIds() == [desk._ids[2]]


def test_a_note_is_kept(desk, tmp_path):
    layer = add(make_layer(tmp_path / "a.gpkg"))
    click_row(desk, 1)
    field = next(w for w in desk.dock.findChildren(QLineEdit) if w.accessibleName() == "Note")
    QTest.keyClicks(field, "cloud edge")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert column(layer, "note") == ["", "cloud edge", "", ""]


def typed(desk, row, text):
    """A note that is typed, without Enter."""
    click_row(desk, row)
    field = next(w for w in desk.dock.findChildren(QLineEdit) if w.accessibleName() == "Note")
    QTest.keyClicks(field, text)


def test_a_note_without_enter_is_kept_with_the_verdict(desk, tmp_path):
    layer = add(make_layer(tmp_path / "a.gpkg"))
    typed(desk, 1, "cloud edge")
    button, = (b for b in desk.dock.findChildren(QToolButton) if b.text() == "Reject (R)")
    QTest.mouseClick(button, LEFT)
    assert column(layer, "note") == ["", "cloud edge", "", ""]
    assert column(layer, "human_verdict") == ["", "reject", "", ""]


def test_a_note_without_enter_is_kept_when_the_dock_shows_something_else(desk, tmp_path):
    layer = add(make_layer(tmp_path / "a.gpkg"))
    typed(desk, 1, "cloud edge")
    add(make_layer(tmp_path / "b.gpkg"))
    assert column(layer, "note") == ["", "cloud edge", "", ""]


def test_a_note_without_enter_is_kept_when_the_layer_is_read_again(desk, tmp_path):
    layer = add(make_layer(tmp_path / "a.gpkg"))
    typed(desk, 1, "cloud edge")
    layer.dataChanged.emit()
    assert column(layer, "note") == ["", "cloud edge", "", ""] and desk.dock.table.row == 1


def test_a_note_without_enter_is_exported(analyst, desk, tmp_path):
    add(make_layer(tmp_path / "a.gpkg"))
    typed(desk, 1, "cloud edge")
    desk.export("csv", str(tmp_path / "t.csv"))
    analyst.rest()
    with open(tmp_path / "t.csv", newline="", encoding="utf-8") as file:
        assert [row["note"] for row in csv.DictReader(file)] == ["", "cloud edge", "", ""]


def test_a_read_only_layer_says_so_once_and_keeps_nothing(analyst, desk, tmp_path):
    layer = make_layer(tmp_path / "a.gpkg")
    layer.setReadOnly(True)
    add(layer)
    click_row(desk, 0)
    QTest.keyClick(desk.dock.table.view, Qt.Key.Key_A)
    assert len(analyst.warnings()) == 1 and "cannot be written" in analyst.warnings()[0]
    assert desk.dock.table.model.column("human_verdict") == ["", "", "", ""]


def test_what_is_edited_elsewhere_is_shown(desk, tmp_path):
    layer = add(make_layer(tmp_path / "a.gpkg"))
    layer.startEditing()
    layer.changeAttributeValue(desk._ids[1], layer.fields().lookupField("human_verdict"), "accept")
    assert desk.dock.table.model.value(1, "human_verdict") == "accept"
    layer.rollBack()
    assert desk.dock.table.model.value(1, "human_verdict") == ""


def test_thresholds_move_the_verdicts_and_are_kept(desk, tmp_path):
    layer = add(make_layer(tmp_path / "a.gpkg"))
    click_row(desk, 1)
    histogram = desk.dock.verdicts.histogram
    histogram.setFocus()
    for _ in range(2):
        QTest.keyPress(histogram, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert desk.dock.table.model.column("verdict") == ["accept", "accept", "reject", "none"]
    assert column(layer, "verdict") == ["accept", "doubtful", "reject", "none"]
    QTest.keyRelease(histogram, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert column(layer, "verdict") == ["accept", "accept", "reject", "none"]
    desk.choose(layer.id())
    assert histogram.thresholds == Thresholds(94.0, 90.0)
    click_row(desk, 1)
    histogram.setFocus()
    QTest.keyClick(histogram, Qt.Key.Key_Right)
    assert desk.dock.table.row == 1  # the user stays where they are


def test_other_layers_keep_their_rows_in_their_order(desk, tmp_path):
    add(make_layer(tmp_path / "a.gpkg"))
    desk.dock.table.view.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    assert ids(desk) == ["weak", "strong", "soil", "lost"]
    add(make_layer(tmp_path / "b.gpkg"))
    assert ids(desk) == ["weak", "strong", "soil", "lost"]


# ---- exports


def export(analyst, desk, kind, path):
    menu = desk.dock.export
    press_entry(menu, menu.findChild(QAction, f"export_{kind}").text())
    name_file(menu._dialog, path)
    analyst.rest()


def test_a_table(analyst, desk, tmp_path):
    add(make_layer(tmp_path / "a.gpkg"))
    click_row(desk, 0)
    QTest.keyClick(desk.dock.table.view, Qt.Key.Key_R)
    settled(analyst, desk)
    export(analyst, desk, "csv", tmp_path / "t.csv")
    with open(tmp_path / "t.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["candidate_id"], row["human_verdict"]) for row in rows] == [
        ("strong", "reject"), ("weak", ""), ("soil", ""), ("lost", "")]
    assert analyst.told()[-1].strip() == f"The table was saved as {tmp_path / 't.csv'}"


def test_a_layer_comes_into_the_project_with_its_thresholds(analyst, desk, tmp_path):
    layer = add(make_layer(tmp_path / "a.gpkg"))
    desk._thresholds_moved(97.0, 50.0)
    desk._thresholds_set(97.0, 50.0)
    export(analyst, desk, "layer", tmp_path / "copy.gpkg")
    assert desk.layer is not layer and desk.layer.source().startswith(str(tmp_path / "copy.gpkg"))
    assert desk.dock.verdicts.histogram.thresholds == Thresholds(97.0, 50.0)


def test_a_report_with_the_spectra_of_open_granules(analyst, desk, files, vetted, tmp_path):
    add(vetted)
    export(analyst, desk, "report", tmp_path / "without.html")
    assert "<h2>Spectra</h2>" not in (tmp_path / "without.html").read_text()
    analyst.open(files.reflectance)
    export(analyst, desk, "report", tmp_path / "with.html")
    text = (tmp_path / "with.html").read_text()
    assert text.count("<article>") == 2 and "<script" not in text
    assert "3 candidates in EMIT" in text and "against Kaolinite CM9" in text


def test_a_table_without_outlines_serves_too(analyst, desk, tmp_path):
    add(make_layer(tmp_path / "a.gpkg"))
    export(analyst, desk, "csv", tmp_path / "t.csv")
    add(tmp_path / "t.csv", "table")
    assert ids(desk) == ["strong", "weak", "soil", "lost"]
    click_row(desk, 0)
    settled(analyst, desk)
    assert said(desk) == "The candidate has no outline."
    export(analyst, desk, "report", tmp_path / "r.html")
    assert "4 candidates in granule against Kaolinite CM9" in (tmp_path / "r.html").read_text()
    export(analyst, desk, "layer", tmp_path / "t.gpkg")
    assert desk.layer.source().startswith(str(tmp_path / "t.gpkg")) and len(ids(desk)) == 4


def test_an_export_that_fails_says_so(analyst, desk, tmp_path):
    add(make_layer(tmp_path / "a.gpkg"))
    desk.export("report", str(tmp_path / "nowhere" / "r.html"))
    analyst.rest()
    assert "cannot be written" in analyst.warnings()[-1]


# ---- the Processing dialog, and the end


@pytest.fixture
def browser(monkeypatch):
    """What the dialogs of Processing ask of the window, which that of the tests has not."""
    from processing.gui import ParametersPanel

    model = QgsBrowserGuiModel()
    monkeypatch.setattr(ParametersPanel.iface, "browserModel", lambda: model, raising=False)


def dialogs():
    return [w for w in QApplication.topLevelWidgets()
            if isinstance(w, QgsProcessingAlgorithmDialogBase) and w.isVisible()]


def test_vetting_opens_the_dialog_with_what_is_there(at_work, desk, files, tmp_path, browser):
    areas = write_geojson(tmp_path / "areas.geojson", box(1, 1, 3, 3))
    layer = add(QgsVectorLayer(str(areas), "areas", "ogr"))
    at_work.window.iface.setActiveLayer(layer)
    QTest.mouseClick(next(b for b in desk.dock.findChildren(QPushButton) if b.text() == "&Vet candidates…"), LEFT)
    dialog, = dialogs()
    asked = dialog.createProcessingParameters()
    assert dialog.algorithm().id() == "pixelspectra:vet_candidates"
    assert asked["CANDIDATES"] == layer.id() and asked["GRANULES"] == [str(files.reflectance)]
    dialog.close()


def test_the_dialog_vets_long_after_the_button_was_pressed(at_work, desk, files, tmp_path, browser):
    areas = write_geojson(tmp_path / "areas.geojson", box(1.6, 1.6, 8.4, 8.4))
    at_work.window.iface.setActiveLayer(add(QgsVectorLayer(str(areas), "areas", "ogr")))
    desk.vet()
    gc.collect()  # what only vet() would keep is gone
    dialog, = dialogs()
    chosen = {**dialog.createProcessingParameters(), "REFERENCE": REFERENCE, "OUTPUT": str(tmp_path / "vetted.gpkg")}
    dialog.setParameters(chosen)
    QTest.mouseClick(dialog.runButton(), LEFT)
    until(lambda: (tmp_path / "vetted.gpkg").exists() and not desk.dock.isHidden() and desk.layer is not None)
    assert ids(desk) == ["0"]
    dialog.close()


def test_unloading_leaves_nothing(analyst, desk, tmp_path):
    window, project = analyst.window, QgsProject.instance()
    layer = add(make_layer(tmp_path / "a.gpkg"))
    click_row(desk, 0)
    heard = [layer.receivers(s) for s in (layer.selectionChanged, layer.attributeValueChanged, layer.dataChanged)]
    added, gone = project.receivers(project.layersAdded), project.receivers(project.layersWillBeRemoved)
    analyst.plugin.unload()
    QTest.qWait(1)
    after = [layer.receivers(s) for s in (layer.selectionChanged, layer.attributeValueChanged, layer.dataChanged)]
    assert after == [n - 1 for n in heard]
    assert project.receivers(project.layersAdded) < added
    assert project.receivers(project.layersWillBeRemoved) == gone - 1
    assert docks(window) == [] and window.actions() == []
    analyst.plugin.initGui()


def test_a_hostile_name_stays_text(desk, tmp_path):
    layer = make_layer(tmp_path / "a.gpkg")
    layer.setName("<b>x</b>")
    add(layer)
    combo, = (c for c in desk.dock.findChildren(QComboBox) if c.accessibleName() == "Layer of vetted candidates")
    assert combo.currentText() == "<b>x</b>"
    assert json.dumps(ids(desk)) == '["strong", "weak", "soil", "lost"]'
