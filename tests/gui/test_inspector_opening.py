"""Opening granules: dialog, recent files, drops; which of several is asked; a project that is opened again."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import pytest
from qgis.core import QgsProject
from qgis.PyQt.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qgis.PyQt.QtGui import QDragEnterEvent, QDropEvent
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication

from granules import Scene, locate, write_granule
from inspector_side import LEFT, name_file, press_entry, until, when_asked
from qgis_side import SCENE


@pytest.fixture
def pictures(tmp_path):
    """Pictures are made anew."""
    return tmp_path / "profile"


def names(analyst):
    """The granules in the list."""
    combo = analyst.dock.granules._combo
    return [combo.itemText(i) for i in range(1, combo.count())]


def test_the_dialog_opens_a_granule_with_a_quick_picture_first_and_zooms_to_it(analyst, files, gate):
    assert analyst.said("About the granule") == "No granule is open. Open one, or drop its file here or on the map."
    when_asked(lambda dialog: name_file(dialog, files.reflectance))
    analyst.press("Open granule…", rest=False)
    until(lambda: analyst.canvas.layers())
    layer, = analyst.canvas.layers()
    rows, columns = locate(SCENE).glt_x.shape
    assert (layer.height(), layer.width()) == (-(-rows // 4), -(-columns // 4))
    assert analyst.canvas.extent().contains(analyst.canvas.fullExtent())
    gate.set()
    until(lambda: layer.height() == rows)
    assert layer.width() == columns
    analyst.rest()
    assert analyst.canvas.layers() == [layer]


def test_the_companions_are_shown_as_found(analyst, files):
    analyst.open(files.reflectance)
    assert analyst.said("About the granule").split() == ["2024-05-01", "10:11:12", "UTC", "MASK", "✓", "RFLUNCERT", "✓"]
    assert analyst.warnings() == []


def test_a_missing_companion_is_shown_and_said(analyst, files, tmp_path):
    analyst.open(Path(shutil.copy(files.reflectance, tmp_path)))
    assert "MASK — not found" in analyst.said("About the granule").replace("\xa0", " ")
    assert any(text.startswith("No MASK file was found beside") for text in analyst.told())


def test_a_recent_file_opens_from_the_menu(analyst, files):
    analyst.open(files.reflectance)
    analyst.window.project.clear()
    analyst.rest()
    assert names(analyst) == []
    menu = analyst.button("Open granule").menu()
    menu.aboutToShow.emit()
    press_entry(menu, f"&1 {files.reflectance.name}")
    analyst.rest()
    assert len(names(analyst)) == 1
    press_entry(menu, "Clear")
    menu.aboutToShow.emit()
    assert [action.text() for action in menu.actions()][0] == "No recent files"
    assert analyst.inspector.settings.recent == ()


def test_a_drop_on_the_map_shows_the_inspector(analyst, files):
    analyst.dock.close()
    analyst.open(files.mask)  # a companion stands for its granule
    assert analyst.dock.isVisible()
    assert files.reflectance.stem in names(analyst)[0]


def test_a_drop_of_another_file_is_left_to_qgis(analyst, areas):
    assert not analyst.window.drop(areas)


@pytest.mark.parametrize("part", ["granules", "splitter"])
def test_a_drop_on_the_dock(analyst, files, part):
    analyst.dock.setFloating(True)  # else the main window takes what the dock leaves
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(files.reflectance))])
    held = (Qt.DropAction.CopyAction, data, LEFT, Qt.KeyboardModifier.NoModifier)
    target = getattr(analyst.dock, part)
    while not target.acceptDrops():  # as Qt looks for who takes it
        assert not target.isWindow()
        target = target.parentWidget()
    for event in (QDragEnterEvent(QPoint(5, 5), *held), QDropEvent(QPointF(5, 5), *held)):
        QApplication.sendEvent(target, event)
        assert event.isAccepted()
    analyst.rest()
    assert files.reflectance.stem in names(analyst)[0]


# ---- several granules


@pytest.fixture
def overlapping(analyst, files, tmp_path):
    """Two granules of the same place; the one opened last lies on top."""
    later = Scene(downtrack=40, crosstrack=30, time=datetime(2024, 5, 1, 10, 11, 24), scene=6, lon=SCENE.lon)
    other = write_granule(tmp_path, later, mask=None, uncertainty=False).reflectance
    analyst.open(files.reflectance)
    analyst.open(other)
    return files.reflectance.stem, other.stem


def test_the_topmost_of_overlapping_granules_is_asked_and_that_is_said(analyst, overlapping):
    below, top = overlapping
    analyst.click(analyst.at(12, 9))
    assert analyst.inspector.presenter.sights[-1].seen.granule.id == top
    assert analyst.said("Note") == f"{top} is the topmost of 2 granules here (also {below})."
    assert "10:11:24" in analyst.said("About the granule")


def test_the_list_overrides_it(analyst, overlapping):
    below, _ = overlapping
    analyst.choose_in("Granule", analyst.inspector.scenes.scenes[1].key)
    analyst.click(analyst.at(12, 9))
    assert analyst.inspector.presenter.sights[-1].seen.granule.id == below
    assert analyst.said("Note") == ""


def test_the_order_of_the_layers_decides(analyst, overlapping):
    below, _ = overlapping
    root = QgsProject.instance().layerTreeRoot()
    root.insertChildNode(0, root.children()[1].clone())
    root.removeChildNode(root.children()[2])
    analyst.click(analyst.at(12, 9))
    assert analyst.inspector.presenter.sights[-1].seen.granule.id == below


def test_a_removed_layer_takes_its_curves_and_marks_away(analyst, overlapping):
    analyst.click(analyst.at(12, 9))
    QgsProject.instance().removeMapLayer(analyst.inspector.scenes.scenes[0].key)
    analyst.rest()
    assert analyst.curves() == ()
    assert analyst.window.bands() == []
    assert len(names(analyst)) == 1


# ---- a project


def test_a_reopened_project_finds_its_granule(analyst, files, tmp_path):
    analyst.open(files.reflectance)
    project, path = QgsProject.instance(), str(tmp_path / "project.qgz")
    assert project.write(path)
    project.clear()
    analyst.rest()
    assert names(analyst) == []
    assert project.read(path)
    analyst.rest()
    assert files.reflectance.stem in names(analyst)[0]
    analyst.window.show_in("EPSG:3857")
    analyst.canvas.zoomToFullExtent()
    analyst.click(analyst.at(12, 9))
    assert analyst.curve().name == "Pixel 12, 9"


def test_a_granule_that_is_gone_is_said(analyst, files, tmp_path):
    moved = Path(shutil.copy(files.reflectance, tmp_path))
    analyst.open(moved)
    project, path = QgsProject.instance(), str(tmp_path / "project.qgz")
    assert project.write(path)
    project.clear()
    moved.unlink()
    assert project.read(path)
    analyst.rest()
    assert names(analyst) == []
    assert [text for text in analyst.told() if moved.name in text and "is not there any more" in text]


def test_the_tool_waits_for_a_granule(analyst):
    QTest.mouseClick(analyst.canvas.viewport(), LEFT)
    analyst.rest()
    assert analyst.warnings() == [
        "No granule is open; open one first ('Open granule…', or drop its file on the map)."]
