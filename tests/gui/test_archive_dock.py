"""The dock of the archive in QGIS, against an archive on loopback: search, look at footprints, open, click."""

from __future__ import annotations

import os
import threading
from datetime import date, datetime, timezone

import numpy as np
import pytest

pytest.importorskip("qgis.core")
pytest.importorskip("shapely")
pytest.importorskip("urllib3")

from pixel_spectra.adapters import credentials, downloads
from pixel_spectra.adapters.granules import GRANULE_PROPERTY
from pixel_spectra.adapters.sign_in_choice import SignIn
from pixel_spectra.core.archive.opening import Opener
from pixel_spectra.core.progress import checkpoint
from pixel_spectra.core.sensors import open_granule
from pixel_spectra.ui import archive_search, looking
from pixel_spectra.ui.archive_form import DRAWN, EXTENT, SHOWN
from pixel_spectra.ui.archive_map import subset_of
from pixel_spectra.ui.archive_model import THUMBNAIL, Filter
from qgis.core import QgsProject, QgsSettings
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QAbstractButton, QApplication, QDockWidget, QLabel, QLineEdit

from granules import Scene, locate
from inspector_side import LEFT, NONE, RIGHT, move, until
from loopback import LoopbackArchive
from qgis_side import SCENE, memory_layer, place
from sign_in_side import forget_accounts, secrets_of

FIRST, LAST = date(2024, 4, 1), date(2024, 5, 31)
ID = SCENE.file_name("L2A_RFL")[: -len(".nc")]
OTHERS = [Scene(time=datetime(2024, 4, day, 9, 0, 0), orbit=2410000 + day, scene=1, downtrack=40, crosstrack=30,
                lon=15.0 + 0.0002 * day) for day in (3, 12, 20)]


@pytest.fixture
def archive(files, tmp_path, monkeypatch):
    """One scene with its files, and the records of three others, 10, 50 and an unknown per cent of cloud."""
    with LoopbackArchive(tmp_path / "archive") as archive:
        archive.publish(files, cloud=30)
        for scene, cloud in zip(OTHERS, (10, 50, None)):
            archive.records.append(archive.record(scene, cloud=cloud))
        monkeypatch.setattr(archive_search.ArchiveSearch, "endpoint",
                            f"{archive.hosts['cmr']}/search/granules.umm_json")
        token = archive.token()
        made = Opener(lambda: token, tmp_path / "cache", archive.origins)
        credentials.use_opener(lambda authcfg: made)
        yield archive
        credentials.use_opener(None)
        made.close()


@pytest.fixture
def pictures(tmp_path):
    """Pictures are fetched anew."""
    return tmp_path / "profile"


@pytest.fixture
def desk(analyst, archive):
    """The dock, opened with its button; the map shows the scene."""
    QTest.mouseClick(analyst.window.toolbar.widgetForAction(analyst.plugin.entrance.archive_action), LEFT)
    analyst.window.main.resize(1300, 1000)
    zoom_to_scene(analyst)
    QTest.qWait(1)
    desk = analyst.plugin.entrance.archive()
    desk.panel.form.set_dates(FIRST, LAST)
    return desk


@pytest.fixture
def found(analyst, desk):
    """After a search."""
    press(desk, "Search")
    analyst.rest()
    return desk


def zoom_to_scene(analyst):
    from qgis.core import QgsCoordinateTransform, QgsRectangle

    from inspector_side import LONLAT

    lon, lat = locate(SCENE).lon, locate(SCENE).lat
    way = QgsCoordinateTransform(LONLAT, analyst.canvas.mapSettings().destinationCrs(), QgsProject.instance())
    analyst.canvas.setExtent(way.transformBoundingBox(QgsRectangle(lon.min(), lat.min(), lon.max(), lat.max())))
    analyst.canvas.refresh()


def press(desk, words):
    button, = (b for b in desk.dock.findChildren(QAbstractButton) if words in b.text().replace("&", ""))
    assert button.isEnabled()
    QTest.mouseClick(button, LEFT)


def said(desk, name):
    label, = (w for w in desk.dock.findChildren(QLabel) if w.accessibleName() == name)
    return label.text() if label.isVisible() else ""


def keys(desk):
    return desk.panel.list.scenes().shown_keys


def click_row(desk, key):
    view = desk.panel.list
    view.scrollTo(view.scenes().index(view.scenes().place_of(key), 0))
    QTest.mouseClick(view.viewport(), LEFT, NONE,
                     view.visualRect(view.scenes().index(view.scenes().place_of(key), 0)).center())


def on_map(name=None):
    """Layers of the project from the top."""
    layers = QgsProject.instance().layerTreeRoot().layerOrder()
    return layers if name is None else [layer for layer in layers if layer.name() == name]


# ---- the dock


def test_the_dock_is_made_when_it_is_asked_for(analyst, archive):
    def docks():
        return [d for d in analyst.window.main.findChildren(QDockWidget) if d.objectName() == "PixelSpectraArchive"]

    assert docks() == []
    analyst.plugin.entrance.archive_action.trigger()
    dock, = docks()
    assert dock.isVisible() and dock.windowTitle() == "Pixel Spectra: find scenes"
    assert analyst.window.main.dockWidgetArea(dock) == Qt.DockWidgetArea.LeftDockWidgetArea


# ---- searching


def test_the_extent_of_the_map_is_searched_without_a_token(analyst, found, archive):
    assert keys(found) == [ID, *(scene.file_name("L2A_RFL")[:-3] for scene in reversed(OTHERS))]
    assert said(found, "Scenes found") == "4 of 4 scenes · CMR"
    assert archive.asked("cmr") and not any("authorization" in request.headers for request in archive.asked("cmr"))
    assert analyst.warnings() == []


def test_dates_and_cloud_of_the_form_are_asked_for(analyst, desk):
    desk.panel.form.set_dates(date(2024, 4, 10), date(2024, 5, 1))
    desk.panel.form.set_cloud(30)
    press(desk, "Search")
    analyst.rest()
    assert keys(desk) == [OTHERS[2].file_name("L2A_RFL")[:-3]]
    assert "nknown cloud cover: 1 scene" in said(desk, "About the result")


def test_no_scene_is_an_answer(analyst, desk):
    desk.panel.form.set_dates(date(2020, 1, 1), date(2020, 1, 2))
    press(desk, "Search")
    analyst.rest()
    assert "0 scenes · CMR" in said(desk, "What to do")
    assert analyst.warnings() == [] and on_map() == []


def test_an_area_is_drawn_for_the_search_and_the_map_has_its_tool_back(analyst, desk, archive):
    before = analyst.canvas.mapTool()
    press(desk, "Draw")
    corners = [analyst.at(row, column) for row, column in ((5, 5), (5, 15), (15, 10))]
    for at in corners:
        move(analyst.canvas.viewport(), at)
        QTest.mouseClick(analyst.canvas.viewport(), LEFT, NONE, at)
    QTest.mouseClick(analyst.canvas.viewport(), RIGHT, NONE, corners[-1])
    assert desk.panel.form.wanted.area == DRAWN and analyst.canvas.mapTool() is before
    press(desk, "Search")
    analyst.rest()
    assert ID in keys(desk)


def test_the_features_of_a_layer_and_those_selected_are_offered(analyst, desk):
    far = "POINT (100 -20)"
    layer = QgsProject.instance().addMapLayer(
        memory_layer("Point", "EPSG:3857", "POINT ({} {})".format(*place(10, 10)), far))
    desk._offer_areas()
    assert [choice.key for choice in desk.places.choices()] == [EXTENT, f"layer:{layer.id()}"]
    desk.panel.form.choose_area(f"layer:{layer.id()}")
    press(desk, "Search")
    analyst.rest()
    assert ID in keys(desk)
    layer.selectByIds([2])
    desk._offer_areas()
    desk.panel.form.choose_area(f"selected:{layer.id()}")
    press(desk, "Search")
    analyst.rest()
    assert keys(desk) == [] and "0 scenes" in said(desk, "What to do")


def test_a_layer_that_went_is_one_sentence(analyst, desk):
    layer = QgsProject.instance().addMapLayer(memory_layer("Point", "EPSG:4326", "POINT (15 36)"))
    desk._offer_areas()
    desk.panel.form.choose_area(f"layer:{layer.id()}")
    QgsProject.instance().removeMapLayer(layer.id())
    press(desk, "Search")
    assert analyst.warnings() == ["The layer of the area is not there any more; choose another area."]


def test_what_the_inspector_shows_can_be_the_area(analyst, desk, files):
    analyst.open(files.reflectance)
    analyst.click(analyst.at(10, 10))
    desk._offer_areas()
    desk.panel.form.choose_area(SHOWN)
    press(desk, "Search")
    analyst.rest()
    assert desk.panel.form.wanted.area == SHOWN and ID in keys(desk)


def test_an_archive_that_fails_is_one_sentence_and_the_last_result_stays(analyst, found, archive):
    archive.faults.add(404, host="cmr", times=None)
    press(found, "Search")
    analyst.rest()
    warning, = analyst.warnings()
    assert warning.startswith("CMR:") and len(keys(found)) == 4


def test_a_search_can_be_cancelled(analyst, desk, archive):
    archive.faults.add("hang", host="cmr", times=None)
    press(desk, "Search")
    QTest.qWait(100)
    press(desk, "Cancel")
    analyst.rest()
    assert analyst.warnings() == []
    assert said(desk, "What to do").startswith("Choose an area")


# ---- footprints


def test_footprints_are_laid_on_the_map_and_replaced_by_the_next_search(analyst, found):
    layer, = on_map("Scenes (CMR)")
    assert layer.featureCount() == 4
    press(found, "Search")
    analyst.rest()
    layer, = on_map("Scenes (CMR)")
    assert found.footprints.layer is layer and layer.featureCount() == 4


def test_list_and_map_select_the_same_scenes(analyst, found):
    layer = found.footprints.layer
    click_row(found, ID)
    feature, = layer.selectedFeatures()
    assert feature["scene_id"] == ID
    other = OTHERS[0].file_name("L2A_RFL")[:-3]
    layer.selectByExpression(f"\"scene_id\" = '{other}'")
    assert found.panel.selected == [other]


def test_the_scene_under_the_pointer_is_outlined(analyst, found):
    before = len(analyst.window.bands())
    found.panel.list.hovered.emit(ID)
    assert len(analyst.window.bands()) == before + 1
    found.panel.list.hovered.emit("")
    assert len(analyst.window.bands()) == before


def test_the_map_follows_the_filter_of_the_list(analyst, found):
    found.panel.filter.cloud.setValue(30)
    until(lambda: found.footprints.layer.featureCount() == 2)
    assert sorted(f["scene_id"] for f in found.footprints.layer.getFeatures()) == sorted(keys(found))
    found.panel.filter.cloud.setValue(100)
    found.panel.filter.dates.setFocus()
    QTest.keyClick(found.panel.filter.dates, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert keys(found) == [ID]
    until(lambda: found.footprints.layer.featureCount() == 1)


def test_a_filter_leaves_the_selection_on_the_map(analyst, found):
    found.panel.filter.cloud.setValue(40)
    click_row(found, ID)
    until(lambda: found.footprints.layer.featureCount() == 3)
    feature, = found.footprints.layer.selectedFeatures()
    assert feature["scene_id"] == ID and found.panel.selected == [ID]


def test_a_filter_is_an_expression_over_the_fields():
    assert subset_of(Filter()) == ""
    assert subset_of(Filter(1.5, 2.0, 30.0)) == (
        'epoch("datetime") >= 1500 AND epoch("datetime") <= 2000 AND ("cloud" IS NULL OR "cloud" < 30.0)')


def test_a_layer_that_the_user_removes_is_let_go_of(analyst, found):
    QgsProject.instance().removeMapLayer(found.footprints.layer.id())
    assert found.footprints.layer is None
    click_row(found, ID)
    press(found, "Vet candidates")
    assert analyst.warnings() == ["The layer of footprints was removed from the project; search again."]


# ---- pictures


def test_thumbnails_come_without_a_token_and_a_missing_one_has_a_placeholder(analyst, found, archive):
    model = found.panel.list.scenes()
    until(lambda: all(model.index(row, 0).data(THUMBNAIL) is not None for row in range(4)))
    assert not model.index(0, 0).data(THUMBNAIL).isNull()
    assert all(model.index(row, 0).data(THUMBNAIL).isNull() for row in (1, 2, 3))
    asked = [request for request in archive.requests if request.path.endswith(".png")]
    assert asked and not any("authorization" in request.headers for request in asked)
    assert analyst.warnings() == []


def test_the_browse_picture_is_laid_on_the_map(analyst, found):
    click_row(found, ID)
    press(found, "Browse picture")
    analyst.rest()
    layer, = on_map(f"Browse {ID}")
    lon, lat = locate(SCENE).lon, locate(SCENE).lat
    extent = layer.extent()
    assert (extent.xMinimum(), extent.xMaximum(), extent.yMinimum(), extent.yMaximum()) == pytest.approx(
        (lon.min(), lon.max(), lat.min(), lat.max()), abs=0.0015)


def test_a_browse_picture_that_is_gone_is_one_sentence(analyst, found):
    click_row(found, OTHERS[0].file_name("L2A_RFL")[:-3])
    press(found, "Browse picture")
    analyst.rest()
    assert len(analyst.warnings()) == 1


# ---- opening


def test_a_scene_is_opened_and_its_spectrum_is_that_of_the_file(analyst, found, files):
    click_row(found, ID)
    press(found, "Open")
    analyst.rest()
    scene, = analyst.inspector.scenes.scenes
    assert scene.name == ID and scene.is_remote
    analyst.choose_reference("kaolinite cm9 beckb")
    analyst.click(analyst.at(12, 9))
    sight, = analyst.inspector.presenter.sights
    pixel = sight.seen.pixels
    with open_granule(str(files.reflectance)) as local:
        expected = local.read_pixels(pixel).values
    assert (pixel.downtrack[0], pixel.crosstrack[0]) == (12, 9)
    assert np.array_equal(sight.seen.spectra.values, expected)
    assert not sight.unfinished and sight.score is not None and sight.seen.spectra.uncertainty is not None
    assert sight.seen.mask.mask_id.startswith("quality")
    assert analyst.warnings() == []


def test_the_picture_of_an_open_scene_is_its_browse_picture(analyst, found):
    click_row(found, ID)
    press(found, "Open")
    analyst.rest()
    layer, = on_map(ID)
    assert layer.isValid() and layer.source().endswith("-1.tif")
    assert layer.customProperty(GRANULE_PROPERTY).startswith("http://127.0.0.1")
    assert "?" not in layer.customProperty(GRANULE_PROPERTY)


def test_without_a_browse_picture_its_footprint_stands_for_it(analyst, found, archive):
    archive.faults.add(404, host="data", path_contains=".png", times=None)
    archive.faults.add(404, host="browse", times=None)
    click_row(found, ID)
    press(found, "Open")
    analyst.rest()
    layer, = on_map(ID)
    assert layer.isValid() and layer.source().endswith("-4.tif")
    assert analyst.inspector.scenes.covering(*place(10, 10), *place(10, 10))


@pytest.fixture
def mask_gate(monkeypatch):
    """Holds up masks until it is set."""
    gate, really = threading.Event(), looking.finish

    def finish(*arguments):
        while not gate.wait(0.01):
            checkpoint(arguments[-1], 0.0)
        return really(*arguments)

    monkeypatch.setattr("pixel_spectra.ui.inspector.finish", finish)
    yield gate
    gate.set()


def test_the_spectrum_is_drawn_before_its_mask_is_there(analyst, found, archive, mask_gate):
    shown = []
    click_row(found, ID)
    press(found, "Open")
    analyst.rest()
    analyst.choose_reference("kaolinite cm9 beckb")
    archive.clear()
    analyst.click(analyst.at(12, 9), rest=False)
    until(lambda: analyst.inspector.presenter.sights)
    sight, = analyst.inspector.presenter.sights
    assert sight.unfinished and sight.score is None and analyst.curve().kind == "pixel"
    assert sight.no_score == looking.MASK_TO_COME
    assert not [r for r in archive.requests if "_MASK_" in r.path or "_RFLUNCERT_" in r.path]
    analyst.inspector.presenter.shown.connect(lambda: shown.append(1))
    mask_gate.set()
    analyst.rest()
    sight, = analyst.inspector.presenter.sights
    assert shown and not sight.unfinished and sight.score is not None


def test_a_mask_that_cannot_be_read_leaves_the_spectrum_without_a_score(analyst, found, archive):
    click_row(found, ID)
    press(found, "Open")
    analyst.rest()
    archive.faults.add(403, host="data", path_contains="_MASK_", times=None)
    analyst.choose_reference("kaolinite cm9 beckb")
    analyst.click(analyst.at(12, 9))
    sight, = analyst.inspector.presenter.sights
    assert sight.score is None and sight.no_score.startswith("Without mask and score: ")
    assert analyst.warnings()


def test_a_scene_of_the_archive_is_not_ranked_and_not_mapped(analyst, found, archive):
    click_row(found, ID)
    press(found, "Open")
    analyst.rest()
    analyst.choose_reference("kaolinite cm9 beckb")
    archive.clear()
    analyst.click(analyst.at(12, 9))
    assert len(archive.asked("signed")) < 40  # the sample of a scene has 4096 pixels
    analyst.inspector.map_scene()
    assert analyst.warnings()[-1].startswith("A map needs every pixel of")


def test_without_a_sign_in_opening_is_one_sentence(analyst, found, archive, tmp_path):
    nobody = Opener(None, tmp_path / "other", archive.origins)
    credentials.use_opener(lambda authcfg: nobody)
    click_row(found, ID)
    press(found, "Open")
    analyst.rest()
    assert analyst.inspector.scenes.scenes == ()
    warning, = analyst.warnings()
    assert "sign" in warning
    nobody.close()


def test_reading_the_mask_can_be_cancelled_and_taken_up_again(analyst, found, mask_gate):
    click_row(found, ID)
    press(found, "Open")
    analyst.rest()
    analyst.choose_reference("kaolinite cm9 beckb")
    analyst.click(analyst.at(12, 9), rest=False)
    until(lambda: analyst.inspector.presenter.unfinished)
    analyst.dock.cancel_asked.emit()
    analyst.rest()
    sight, = analyst.inspector.presenter.sights
    assert "was cancelled; press 'Inspect'" in sight.no_score and analyst.warnings() == []
    mask_gate.set()
    analyst.press("Inspect")
    sight, = analyst.inspector.presenter.sights
    assert sight.no_score == "" and sight.score is not None


def test_a_second_place_is_finished_too(analyst, found):
    click_row(found, ID)
    press(found, "Open")
    analyst.rest()
    analyst.click(analyst.at(12, 9))
    analyst.click(analyst.at(25, 20), shift=True)
    first, second = analyst.inspector.presenter.sights
    assert not first.unfinished and not second.unfinished and first.curve.pinned
    assert second.seen.spectra.uncertainty is not None


def test_flags_of_the_mask_are_known_after_the_first_click(analyst, found):
    click_row(found, ID)
    press(found, "Open")
    analyst.rest()
    scene, = analyst.inspector.scenes.scenes
    assert scene.mask_names == ((), ()) and set(scene.companions) == {"MASK", "RFLUNCERT"}
    analyst.click(analyst.at(12, 9))
    scene, = analyst.inspector.scenes.scenes
    assert "Cloud flag" in scene.mask_names[0]


# ---- addresses


def address(archive):
    return archive.url(f"lp-prod-protected/EMITL2ARFL.001/{ID}/{ID}.nc")


def test_an_address_alone_is_opened_with_its_companions(analyst, archive):
    analyst.inspector.open(address(archive))
    analyst.rest()
    scene, = analyst.inspector.scenes.scenes
    assert analyst.canvas.layers()[0].source().endswith("-1.tif")
    analyst.click(analyst.at(12, 9))
    sight, = analyst.inspector.presenter.sights
    assert sight.seen.mask.mask_id.startswith("quality") and sight.seen.spectra.uncertainty is not None
    assert analyst.warnings() == []
    assert analyst.inspector.settings.recent[0] == address(archive)


def test_a_signed_address_is_refused_without_its_signature(analyst, archive):
    analyst.inspector.open(f"{address(archive)}?Signature=s3cr3t")
    analyst.rest()
    warning, = analyst.warnings()
    assert "s3cr3t" not in warning and analyst.inspector.scenes.scenes == ()


def test_a_project_with_a_scene_opens_without_the_network(analyst, found, archive, tmp_path):
    click_row(found, ID)
    press(found, "Open")
    analyst.rest()
    project = QgsProject.instance()
    assert project.write(str(tmp_path / "a.qgs"))
    written = (tmp_path / "a.qgs").read_text()
    assert archive.token()[:20] not in written and "Signature" not in written
    analyst.window.clear()
    analyst.rest()
    archive.clear()
    assert project.read(str(tmp_path / "a.qgs"))
    analyst.rest()
    scene, = analyst.inspector.scenes.scenes
    assert scene.name == ID and archive.requests == []
    zoom_to_scene(analyst)
    analyst.click(analyst.at(12, 9))
    sight, = analyst.inspector.presenter.sights
    assert (sight.seen.pixels.downtrack[0], sight.seen.pixels.crosstrack[0]) == (12, 9)
    assert analyst.inspector.scenes.scenes[0].acquired == datetime(2024, 5, 1, 10, 11, 12, tzinfo=timezone.utc)


# ---- vetting


def test_vetting_opens_its_dialog_with_the_selected_scenes(analyst, found, monkeypatch):
    import processing

    asked = []
    monkeypatch.setattr(processing, "createAlgorithmDialog", lambda *given: asked.append(given) or _Dialog())
    fields = QgsProject.instance().addMapLayer(memory_layer("Point", "EPSG:4326", "POINT (15 36)"))
    monkeypatch.setattr(analyst.window.iface, "activeLayer", lambda: fields, raising=False)
    click_row(found, ID)
    press(found, "Vet candidates in this scene")
    (algorithm, filled), = asked
    assert algorithm == "pixelspectra:vet_candidates" and filled["CANDIDATES"] == fields.id()
    assert filled["SCENES"].source.staticValue() == found.footprints.layer.id()
    assert filled["SCENES"].selectedFeaturesOnly


class _Dialog:
    def setAttribute(self, *_):  # noqa: N802
        pass

    def show(self):
        pass


# ---- downloading


@pytest.fixture
def own_folders(monkeypatch):
    """No folder is known yet; other tests that run beside these share the settings, so the key is our own."""
    key = f"{downloads.FOLDERS_KEY}/{os.getpid()}"
    monkeypatch.setattr(downloads, "FOLDERS_KEY", key)
    yield
    QgsSettings().remove(key)


@pytest.fixture
def signed_in(archive, monkeypatch, tmp_path, own_folders):
    """As users are: by the environment, with the opener of the plugin."""
    credentials.use_opener(None)
    forget_accounts(monkeypatch, tmp_path)
    monkeypatch.setenv("EARTHDATA_TOKEN", archive.token())
    monkeypatch.setattr(credentials, "cache_folder", lambda: tmp_path / "own_cache")
    monkeypatch.setattr(credentials, "load_sign_in", SignIn)
    credentials.use_servers(credentials.Servers(archive.hosts["login"], archive.origins))
    yield
    credentials.use_servers(credentials.Servers())


def download_into(desk, folder):
    """The button, and the dialog for the folder."""
    press(desk, "Download")
    until(lambda: any(w.objectName() == "download_folder" and w.isVisible() for w in QApplication.topLevelWidgets()))
    dialog, = (w for w in QApplication.topLevelWidgets() if w.objectName() == "download_folder" and w.isVisible())
    title, line = dialog.windowTitle(), dialog.findChild(QLineEdit, "fileNameEdit")
    line.clear()
    QTest.keyClicks(line, str(folder))
    QTest.keyClick(line, Qt.Key.Key_Return)
    return title


def test_a_scene_is_downloaded_and_read_from_there_from_then_on(analyst, signed_in, found, archive, files, tmp_path):
    folder = tmp_path / "granules"
    folder.mkdir()
    click_row(found, ID)
    press(found, "Open")
    analyst.rest()
    analyst.choose_reference("kaolinite cm9 beckb")
    analyst.click(analyst.at(12, 9))
    before, = analyst.inspector.presenter.sights
    title = download_into(found, folder)
    analyst.rest()
    assert title.startswith("Download the scene (") and title.endswith(" MB) into a folder")
    assert (folder / files.reflectance.name).read_bytes() == files.reflectance.read_bytes()
    assert analyst.told()[-1].startswith("3 of 3 files are whole (")
    assert analyst.told()[-1].endswith(" came now), in 'granules'.")
    item = found.panel.list.scenes().items[0]
    assert item.key == ID and item.here
    again, = analyst.inspector.presenter.sights
    assert again.score.value == before.score.value
    archive.clear()
    analyst.click(analyst.at(25, 20))
    sight, = analyst.inspector.presenter.sights
    assert archive.asked("data", "signed") == [] and sight.score is not None
    assert analyst.said("Rank").startswith("Closer than")  # what was not worked out over the network
    assert analyst.warnings() == []


def test_a_search_says_what_was_downloaded_before(analyst, signed_in, found, files, tmp_path):
    click_row(found, ID)
    found.downloads.start(found._known([ID]), tmp_path)
    analyst.rest()
    press(found, "Search")
    analyst.rest()
    assert [item.key for item in found.panel.list.scenes().items if item.here] == [ID]


def test_where_a_download_is_removed_the_archive_is_read_again(analyst, signed_in, found, archive, files, tmp_path):
    folder = tmp_path / "granules"
    found.downloads.start(found._known([ID]), folder)
    analyst.rest()
    click_row(found, ID)
    press(found, "Open")
    analyst.rest()
    archive.clear()
    for path in folder.glob("*.nc"):
        path.unlink()
    analyst.click(analyst.at(12, 9))
    sight, = analyst.inspector.presenter.sights
    assert (sight.seen.pixels.downtrack[0], sight.seen.pixels.crosstrack[0]) == (12, 9)
    assert archive.asked("signed") and analyst.warnings() == []


def test_files_that_fail_are_told_and_the_others_are_there(analyst, signed_in, found, archive, tmp_path):
    archive.faults.add(404, host="data", path_contains="_MASK_", times=None)
    found.downloads.start(found._known([ID]), tmp_path)
    analyst.rest()
    assert "2 of 3 files are whole" in analyst.told()[-1]
    assert "_MASK_" in said(found, "About the result")


def test_a_download_that_is_refused_is_one_sentence(analyst, signed_in, found, archive, monkeypatch, tmp_path):
    monkeypatch.setenv("EARTHDATA_TOKEN", archive.token(lifetime_s=-1.0))
    credentials.forget_openers()
    found.downloads.start(found._known([ID]), tmp_path)
    analyst.rest()
    warning, = analyst.warnings()
    assert "sign" in warning


def test_a_download_can_be_stopped(analyst, signed_in, found, archive, tmp_path):
    archive.faults.add("stall", times=None)
    found.downloads.start(found._known([ID]), tmp_path)
    until(lambda: archive.asked("signed"))
    press(found, "Cancel")
    analyst.rest()
    assert analyst.told()[-1].startswith("The download was stopped; what came of it is kept")
    assert analyst.warnings() == []


# ---- reading ahead


def test_the_next_click_nearby_asks_for_no_data(analyst, signed_in, found, archive):
    click_row(found, ID)
    press(found, "Open")
    analyst.rest()
    analyst.click(analyst.at(12, 9))
    assert analyst.warnings() == []
    until(lambda: all(request.status for request in archive.requests))
    analyst.inspector.ahead.close()  # after the next click it would read on
    archive.clear()
    analyst.click(analyst.at(13, 10))
    assert analyst.warnings() == []
    sight, = analyst.inspector.presenter.sights
    assert (sight.seen.pixels.downtrack[0], sight.seen.pixels.crosstrack[0]) == (13, 10)
    assert sight.seen.spectra.uncertainty is not None and archive.asked("data", "signed") == []


def test_a_cache_that_cannot_be_written_is_told_once(analyst, signed_in, found, monkeypatch, tmp_path):
    (tmp_path / "a_file").touch()
    monkeypatch.setattr(credentials, "cache_folder", lambda: tmp_path / "a_file" / "cache")
    click_row(found, ID)
    press(found, "Open")
    analyst.rest()
    analyst.click(analyst.at(12, 9))
    analyst.click(analyst.at(30, 20))
    notice, = (sentence for sentence in analyst.told() if "cache folder" in sentence)
    assert str(tmp_path / "a_file" / "cache") in notice and len(analyst.inspector.presenter.sights) == 1


# ---- commands


def test_a_command_for_a_scene_of_the_archive_works_and_holds_no_secret(analyst, signed_in, found, archive):
    click_row(found, ID)
    press(found, "Open")
    analyst.rest()
    analyst.choose_reference("kaolinite cm9 beckb")
    analyst.click(analyst.at(12, 9))
    sight, = analyst.inspector.presenter.sights
    secrets = secrets_of(archive)
    copied = {}
    for kind in ("python", "qgis_process"):
        analyst.export(kind)
        copied[kind] = QApplication.clipboard().text()
    assert address(archive) in copied["python"] and address(archive) in copied["qgis_process"]
    assert len(secrets) > 3 and not any(secret in text for secret in secrets for text in copied.values())
    space = {}
    exec(copied["python"].replace("processing.run(", "done = processing.run("), space)
    row, = space["done"]["OUTPUT"].getFeatures()
    assert row["distance"] == pytest.approx(sight.score.value, abs=1e-7)


# ---- the sign-in


def test_the_sign_in_is_opened_from_the_inspector_and_the_dock_knows_the_choice(analyst, desk):
    analyst.inspector.dock.granules.sign_in_asked.emit()
    dialog, = (w for w in QApplication.topLevelWidgets() if w.objectName() == "PixelSpectraSettings" and w.isVisible())
    dialog.form.set_choice(SignIn("netrc"))
    dialog.accept()
    assert said(desk, "Sign-in") == "Sign-in: netrc file"
    credentials.save_sign_in(SignIn())


# ---- leaving


def test_unloading_takes_everything_off_the_window(analyst, found):
    click_row(found, ID)
    found.panel.list.hovered.emit(ID)
    entrance = analyst.plugin.entrance
    entrance.close()
    QTest.qWait(1)
    assert analyst.window.bands() == []
    assert [d for d in analyst.window.main.findChildren(QDockWidget) if d.isVisible()] == []
    analyst.plugin.entrance = None
    analyst.plugin.initGui()
