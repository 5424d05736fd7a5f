"""Granules as layers: opened off the GUI thread, followed through the project, found again after a restart."""

from __future__ import annotations

import os
import shutil
import threading
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from pixel_spectra.adapters import scene_layers
from pixel_spectra.adapters.granules import GRANULE_PROPERTY
from pixel_spectra.adapters.scene_layers import (
    MASK_PROPERTY,
    best_picture,
    is_full,
    picture_path,
    picture_wavelengths,
    pictures_folder,
    source_of,
)
from pixel_spectra.core.errors import GranuleError
from pixel_spectra.core.sensors import GranuleSource, open_granule
from pixel_spectra.ui import opening
from pixel_spectra.ui.canvas_drop import GranuleDropHandler
from pixel_spectra.ui.opening import Shelf
from pixel_spectra.ui.scenes import SceneList
from pixel_spectra.ui.tasks import Queue
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsSingleBandGrayRenderer,
    QgsVectorLayer,
)
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtTest import QTest

from granules import Scene, locate, lonlat, lonlat_map_info, write_envi_cube, write_granule
from qgis_side import SCENE, place

SWATH = locate(SCENE)
EARLIER = datetime(2024, 5, 1, 10, 11, 12, tzinfo=timezone.utc)
WIDE = (-180.0, -90.0, 180.0, 90.0)


@pytest.fixture(autouse=True)
def profile(tmp_path, monkeypatch):
    """A profile of its own, whose pictures the test makes."""
    folder = tmp_path / "profile"
    monkeypatch.setattr(scene_layers.QgsApplication, "qgisSettingsDirPath", lambda: f"{folder}/")
    return folder


@pytest.fixture
def project(qgis_app):
    project = QgsProject()
    yield project
    project.clear()


@pytest.fixture
def canvas(qgis_app):
    canvas = QgsMapCanvas()
    canvas.resize(300, 300)
    canvas.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
    yield canvas
    canvas.deleteLater()


class Heard:
    """A list of scenes with all that it signals."""

    def __init__(self, project, canvas):
        self.queue = Queue()
        self.list = SceneList(project, canvas, self.queue)
        self.opened, self.failed, self.told, self.changed = [], [], [], []
        for name in ("opened", "failed", "told"):
            getattr(self.list, name).connect(getattr(self, name).append)
        self.list.changed.connect(lambda: self.changed.append(self.list.scenes))

    def open(self, *files, n=1):
        """Open and wait for the picture on the map."""
        before = len(self.opened)
        self.list.open(*map(str, files))
        until(lambda: len(self.opened) == before + n or self.failed)
        return self.opened[-1] if self.opened else None

    def rest(self):
        """Until all work is done."""
        QTest.qWait(10)
        until(lambda: not self.queue.running)

    def close(self):
        self.list.close()
        self.queue.close()


@pytest.fixture
def heard(project, canvas):
    heard = Heard(project, canvas)
    yield heard
    heard.close()


def until(condition):
    for _ in range(2000):
        if condition():
            return
        QTest.qWait(5)
    raise AssertionError("it never came to that")


def layer_of(project, scene):
    return project.mapLayer(scene.layer_id)


def copied(files, folder):
    """The reflectance alone, in another folder."""
    folder.mkdir(exist_ok=True)
    return Path(shutil.copy(files.reflectance, folder))


def neighbour(folder, lon=SCENE.lon, **also):
    folder.mkdir(exist_ok=True)
    scene = Scene(downtrack=40, crosstrack=30, time=datetime(2024, 5, 1, 10, 11, 24), scene=6, lon=lon, **also)
    return write_granule(folder, scene, mask=None, uncertainty=False).reflectance


# ---- opening


def test_a_quick_picture_comes_first_then_the_full_one_in_the_same_layer(heard, project, files, gate):
    scene = heard.open(files.reflectance)
    picture = layer_of(project, scene)
    rows, columns = SWATH.glt_x.shape
    assert (picture.height(), picture.width()) == (-(-rows // 4), -(-columns // 4))
    assert picture.name() == scene.name == files.reflectance.stem
    gate.set()
    until(lambda: picture.height() == rows)
    assert picture.width() == columns
    assert list(project.mapLayers()) == [scene.layer_id]
    assert heard.failed == []


def test_the_map_shows_the_granule_in_the_crs_of_the_map(heard, canvas, files):
    heard.open(files.reflectance)
    x, y = canvas.extent().center().x(), canvas.extent().center().y()
    lon, lat = place(20, 15)
    assert x == pytest.approx(np.radians(lon) * 6378137, abs=300)
    assert y == pytest.approx(np.log(np.tan(np.pi / 4 + np.radians(lat) / 2)) * 6378137, abs=300)
    assert 2000 < canvas.extent().height() < 10_000


def test_what_is_known_of_it(heard, files):
    scene = heard.open(files.reflectance)
    assert scene.source == GranuleSource(str(files.reflectance))
    assert scene.acquired == EARLIER
    assert scene.companions == {"MASK": str(files.mask), "RFLUNCERT": str(files.uncertainty)}
    assert heard.told == []
    assert heard.list.scenes == (scene,)
    assert heard.list.scene(scene.key) == scene
    assert heard.list.granule(scene) is heard.list.granule(scene)


def test_a_missing_mask_is_told_once(heard, files, tmp_path):
    scene = heard.open(copied(files, tmp_path / "alone"))
    assert scene.companions == {"MASK": None, "RFLUNCERT": None}
    assert heard.told == [f"No MASK file was found beside '{scene.name}', so clouds cannot be masked; put it into the "
                          "same folder and open the granule again."]


def test_a_companion_put_there_later_is_found_on_opening_again(heard, project, files, tmp_path):
    path = copied(files, tmp_path / "alone")
    scene = heard.open(path)
    heard.rest()
    mask = shutil.copy(files.mask, path.parent)
    heard.open(path)
    until(lambda: heard.list.scene(scene.key).companions["MASK"] == mask)
    assert heard.list.granule(heard.list.scene(scene.key)).quality is not None
    assert len(project.mapLayers()) == 1


def test_opening_again_zooms_and_shows_the_layer_that_is_there(heard, project, canvas, files):
    scene = heard.open(files.reflectance)
    heard.rest()
    node = project.layerTreeRoot().findLayer(scene.layer_id)
    node.setItemVisibilityChecked(False)
    wanted = canvas.extent().center()
    canvas.setExtent(QgsRectangle(0, 0, 10, 10))
    assert heard.open(files.reflectance) == scene
    assert canvas.extent().center().distance(wanted) < 200
    assert node.isVisible()
    assert len(project.mapLayers()) == 1


def test_companions_that_are_given_are_remembered_by_the_layer(heard, project, files, tmp_path):
    path = copied(files, tmp_path / "alone")
    first = heard.open(path)
    scene = heard.open(path, files.mask)
    assert scene.layer_id == first.layer_id
    assert scene.companions["MASK"] == str(files.mask)
    assert layer_of(project, scene).customProperty(MASK_PROPERTY) == str(files.mask)
    assert source_of(layer_of(project, scene)) == GranuleSource(str(path), str(files.mask))
    assert heard.list.scenes == (scene,)


@pytest.mark.parametrize("kind", ["text", "absent", "mask"])
def test_what_is_no_granule_is_refused_in_a_sentence(heard, project, files, tmp_path, kind):
    text = tmp_path / "notes.txt"
    text.write_text("no granule")
    path = {"text": text, "absent": tmp_path / "gone.nc", "mask": shutil.copy(files.mask, tmp_path)}[kind]
    heard.open(path)
    sentence = {"text": "is neither a netCDF-4 granule nor an ENVI image", "absent": "No such file or directory",
                "mask": "give the RFL file as the granule"}[kind]
    assert len(heard.failed) == 1
    assert str(path) in heard.failed[0]
    assert sentence in heard.failed[0]
    assert (project.mapLayers(), heard.list.scenes, heard.opened) == ({}, (), [])


def test_a_second_granule_need_not_wait_for_the_full_picture_of_the_first(heard, project, files, tmp_path, gate):
    first = heard.open(files.reflectance)
    second = heard.open(neighbour(tmp_path / "next"))
    assert heard.list.scenes == (second, first)
    gate.set()
    until(lambda: all(is_full(Path(layer_of(project, s).source())) for s in (first, second)))


def test_rasters_lie_below_what_is_drawn(heard, project, files, tmp_path):
    project.addMapLayer(QgsVectorLayer("Point?crs=EPSG:4326", "areas", "memory"))
    first = heard.open(files.reflectance)
    second = heard.open(neighbour(tmp_path / "next"))
    assert [node.name() for node in project.layerTreeRoot().children()] == ["areas", second.name, first.name]


def test_an_image_without_location_is_shown_by_row_and_column(heard, project, tmp_path):
    cube = np.full((12, 9, 3), 0.25, np.float32)
    header = write_envi_cube(tmp_path, cube, wavelength_nm=[470, 560, 650]).header
    scene = heard.open(header)
    assert (layer_of(project, scene).crs().isValid(), scene.companions) == (False, {})
    assert heard.told == ["'cube' has no location: it is shown by row and column, and a place on the map finds none of "
                          "its pixels."]
    assert heard.list.covering(*WIDE) == ()


def test_an_image_without_visible_light_is_shown_in_its_middle_good_band(heard, project, tmp_path):
    cube = np.linspace(0, 1, 8 * 8 * 5, dtype=np.float32).reshape(8, 8, 5)
    header = write_envi_cube(tmp_path, cube, wavelength_nm=[2100, 2110, 2120, 2130, 2140], good=[0, 1, 1, 1, 1],
                             map_info=lonlat_map_info(15, 36, 0.001)).header
    assert picture_wavelengths(open_granule(header)) == (2130.0,)
    picture = layer_of(project, heard.open(header))
    assert isinstance(picture.renderer(), QgsSingleBandGrayRenderer)


# ---- pictures


def test_an_unchanged_granule_is_shown_at_once(heard, project, files, monkeypatch):
    first = heard.open(files.reflectance)
    heard.rest()
    project.removeMapLayer(first.layer_id)
    monkeypatch.setattr(opening, "write_picture", lambda *_: pytest.fail("it was drawn again"))
    second = heard.open(files.reflectance)
    assert is_full(Path(layer_of(project, second).source()))


def test_a_changed_granule_gets_a_new_picture(files, tmp_path):
    path = copied(files, tmp_path / "own")
    before = picture_path(GranuleSource(str(path)), 1)
    os.utime(path, (1, 1))
    assert picture_path(GranuleSource(str(path)), 1) != before
    assert picture_path(GranuleSource(str(path)), 4) != picture_path(GranuleSource(str(path)), 1)


@pytest.mark.parametrize("named", ["header", "data"])
def test_the_picture_of_an_envi_image_follows_header_and_data(tmp_path, named):
    envi = write_envi_cube(tmp_path, np.ones((2, 2, 3), np.float32), wavelength_nm=[470, 560, 650])
    source = GranuleSource(str(getattr(envi, named)))
    seen = {picture_path(source, 1)}
    for file in (envi.header, envi.data):
        os.utime(file, (1, 1))
        seen.add(picture_path(source, 1))
    assert len(seen) == 3


def test_a_granule_that_is_gone_has_no_picture(tmp_path):
    with pytest.raises(GranuleError, match="cannot be opened .* check the path"):
        picture_path(GranuleSource(str(tmp_path / "gone.nc")), 1)


def test_the_pictures_used_longest_ago_are_removed(heard, files, tmp_path, monkeypatch):
    monkeypatch.setattr(scene_layers, "MOST_PICTURES", 2)
    heard.open(files.reflectance)
    heard.rest()
    old = best_picture(GranuleSource(str(files.reflectance)))
    for picture in pictures_folder().glob("*.tif"):
        os.utime(picture, (1, 1) if picture != old else None)
    heard.open(neighbour(tmp_path / "next"))
    heard.rest()
    assert sorted(p.suffix for p in pictures_folder().iterdir()) == [".qml", ".qml", ".tif", ".tif"]
    assert picture_path(GranuleSource(str(files.reflectance)), 4).exists() is False


def test_a_profile_that_cannot_be_written_to_does_not_matter(heard, project, profile, files):
    profile.write_text("a file stands where the folder should be")
    scene = heard.open(files.reflectance)
    assert layer_of(project, scene).isValid()
    assert profile not in pictures_folder().parents


def test_what_the_user_changed_stays_when_the_full_picture_comes(heard, project, files, gate):
    scene = heard.open(files.reflectance)
    picture, node = layer_of(project, scene), project.layerTreeRoot().findLayer(scene.layer_id)
    picture.setRenderer(QgsSingleBandGrayRenderer(picture.dataProvider(), 2))
    picture.setOpacity(0.5)
    picture.setName("mine")
    node.setItemVisibilityChecked(False)
    gate.set()
    until(lambda: is_full(Path(picture.source())))
    assert isinstance(picture.renderer(), QgsSingleBandGrayRenderer)
    assert picture.renderer().inputBand() == 2
    assert (picture.opacity(), picture.name(), node.isVisible()) == (0.5, "mine", False)


# ---- which one is asked


def test_the_topmost_that_shows_something_is_asked_first(heard, files, tmp_path):
    below = heard.open(files.reflectance)
    above = heard.open(neighbour(tmp_path / "next", lon=SCENE.lon + 0.015))
    heard.rest()
    x, y = place(30, 25)
    assert heard.list.covering(x, y, x, y) == (above, below)
    x, y = place(35, 3)  # in the empty corner of the upper picture
    assert heard.list.covering(x, y, x, y) == (below,)
    assert heard.list.covering(x, y, x + 1e-5, y) == (above, below)
    x, y = place(0, 0)
    assert heard.list.covering(x, y, x, y) == (below,)
    assert heard.list.covering(20.0, 20.0, 20.0, 20.0) == ()


def test_where_no_picture_shows_anything_all_are_asked(heard, files):
    scene = heard.open(files.reflectance)
    heard.rest()
    x, y = SWATH.geotransform[0] + 1e-4, SWATH.geotransform[3] - 1e-4
    assert heard.list.covering(x, y, x, y) == (scene,)


def test_the_order_is_that_of_the_layer_tree_and_hidden_ones_come_last(heard, project, files, tmp_path):
    first = heard.open(files.reflectance)
    second = heard.open(neighbour(tmp_path / "next"))
    assert heard.list.scenes == (second, first)
    heard.rest()
    heard.changed.clear()
    project.layerTreeRoot().findLayer(second.layer_id).setItemVisibilityChecked(False)
    assert heard.changed[-1] == heard.list.scenes == (first, second)
    assert heard.list.covering(*WIDE) == (first,)
    project.layerTreeRoot().findLayer(second.layer_id).setItemVisibilityChecked(True)
    root = project.layerTreeRoot()
    root.insertChildNode(0, root.findLayer(first.layer_id).clone())
    root.removeChildNode(root.children()[2])
    QTest.qWait(10)
    assert heard.changed[-1] == (first, second)


@pytest.mark.parametrize("turn", [-360, 0])
def test_a_granule_across_the_antimeridian_is_found_from_both_sides(heard, tmp_path, turn):
    scene = heard.open(neighbour(tmp_path / "far", lon=179.985))
    lon, lat = lonlat(Scene(downtrack=40, crosstrack=30, lon=179.985), 25.0, 20.0)
    assert 180 < lon < 180.02
    x, y = float(lon) + turn, float(lat)
    assert heard.list.covering(x, y, x, y) == (scene,)
    assert heard.list.covering(x - 1, y, x - 0.9, y) == ()


# ---- layers come and go


def test_a_scene_goes_with_its_layer(heard, project, files):
    scene = heard.open(files.reflectance)
    heard.rest()
    project.removeMapLayer(scene.layer_id)
    assert heard.changed[-1] == heard.list.scenes == ()
    assert heard.list.scene(scene.key) is None


def test_a_layer_removed_while_its_full_picture_is_made_stays_away(heard, project, files, gate):
    scene = heard.open(files.reflectance)
    project.removeMapLayer(scene.layer_id)
    until(lambda: not heard.queue.running)
    gate.set()
    heard.rest()
    assert (project.mapLayers(), heard.failed, heard.list.scenes) == ({}, [], ())


def test_a_layer_removed_while_its_granule_is_opened_again_stays_away(heard, project, files, tmp_path):
    path = copied(files, tmp_path / "alone")
    scene = heard.open(path)
    heard.rest()
    heard.list.open(str(path), str(files.mask))
    project.removeMapLayer(scene.layer_id)
    heard.rest()
    assert (project.mapLayers(), heard.failed, heard.list.scenes) == ({}, [], ())


def test_a_cleared_project_has_no_granules(heard, project, files, gate):
    heard.open(files.reflectance)
    project.clear()
    gate.set()
    heard.rest()
    assert (heard.list.scenes, heard.failed) == ((), [])


def test_a_granule_deleted_before_its_full_picture_is_told(heard, project, files, tmp_path, monkeypatch):
    path = copied(files, tmp_path / "own")
    really = opening.write_picture
    monkeypatch.setattr(opening, "write_picture", lambda granule, stride, progress: (
        path.unlink() if stride == 1 else None, really(granule, stride, progress))[1])
    scene = heard.open(path)
    until(lambda: heard.failed)
    assert f"'{path}' cannot be opened (No such file or directory); check the path." in heard.failed[0]
    assert heard.list.scenes == (scene,)


def test_a_raster_of_load_granule_is_a_scene_and_stays_as_it_is(heard, project, files, tmp_path, plugin):
    import processing

    raster = tmp_path / "swir.tif"
    processing.run("pixelspectra:load_granule", {"GRANULE": str(files.reflectance), "BANDS": "2200",
                                                 "OUTPUT": str(raster)})
    unstyled = QgsRasterLayer(str(raster), "from Processing", "gdal", QgsRasterLayer.LayerOptions(False))
    project.addMapLayer(unstyled)
    QTest.qWait(10)
    assert heard.list.scenes == ()
    unstyled.loadDefaultStyle()
    until(lambda: heard.list.scenes and heard.list.scenes[0].acquired)
    assert heard.list.scenes[0].companions["MASK"] == str(files.mask)
    assert unstyled.source() == str(raster)
    assert heard.told == []


def test_other_rasters_are_none_of_its_business(heard, project, shared_raster):
    project.addMapLayer(QgsRasterLayer(str(shared_raster), "a raster"))
    heard.rest()
    assert (heard.list.scenes, heard.told, heard.failed) == ((), [], [])


@pytest.fixture
def shared_raster(tmp_path):
    """A plain GeoTIFF."""
    from osgeo import gdal

    path = tmp_path / "plain.tif"
    gdal.GetDriverByName("GTiff").Create(str(path), 2, 2).FlushCache()
    return path


# ---- the next session


@pytest.fixture
def saved(project, canvas, files, tmp_path):
    """A project with one granule in its folder, closed again: (project file, granule)."""
    heard = Heard(project, canvas)
    granule = copied(files, tmp_path / "data")
    heard.open(granule)
    heard.rest()
    heard.close()
    file = tmp_path / "work" / "project.qgz"
    file.parent.mkdir()
    assert project.write(str(file))
    project.clear()
    return file, granule


def test_a_reopened_project_finds_its_granules(saved, heard, project):
    file, granule = saved
    project.read(str(file))
    until(lambda: heard.list.scenes and heard.list.scenes[0].acquired == EARLIER)
    assert heard.list.scenes[0].source.path == str(granule)
    assert (heard.told, heard.failed, heard.opened) == ([], [], [])
    assert not project.isDirty()


def test_granules_that_are_there_when_it_starts_are_found_too(saved, project, canvas):
    project.read(str(saved[0]))
    heard = Heard(project, canvas)
    until(lambda: heard.list.scenes and heard.list.scenes[0].acquired == EARLIER)
    heard.close()


def test_a_lost_picture_is_made_again(saved, heard, project, profile):
    shutil.rmtree(profile)
    project.read(str(saved[0]))
    scene = heard.list.scenes[0]
    assert not layer_of(project, scene).isValid()
    until(lambda: layer_of(project, scene).isValid() and is_full(Path(layer_of(project, scene).source())))
    assert layer_of(project, scene).renderer().type() == "multibandcolor"
    assert len(project.mapLayers()) == 1


def test_a_granule_that_came_along_with_its_project_is_found(saved, heard, project):
    file, granule = saved
    moved = shutil.move(granule, file.parent)
    project.read(str(file))
    until(lambda: heard.list.scenes and heard.list.scenes[0].acquired)
    assert heard.list.scenes[0].source.path == moved
    assert layer_of(project, heard.list.scenes[0]).customProperty(GRANULE_PROPERTY) == moved
    assert heard.told == []


def test_a_granule_that_is_gone_is_told_and_its_layer_used_when_it_is_opened_elsewhere(saved, heard, project, tmp_path):
    file, granule = saved
    elsewhere = Path(shutil.copytree(granule.parent, tmp_path / "elsewhere")) / granule.name
    granule.unlink()
    project.read(str(file))
    until(lambda: heard.told)
    assert heard.told == [f"The granule '{granule.name}' of this project is not there any more; put it back into "
                          f"'{granule.parent}', or open it from its new place."]
    assert heard.list.scenes == ()
    scene = heard.open(elsewhere)
    assert list(project.mapLayers()) == [scene.layer_id]
    assert scene.source.path == str(elsewhere)


def test_several_that_are_gone_are_told_in_one_sentence():
    sentence = opening.missing_sentence([f"/data/{name}.nc" for name in "dbca"])
    assert sentence == ("4 granules of this project are not there any more: 'a.nc', 'b.nc', 'c.nc' and 1 more; put "
                        "them back, or open them from their new places.")


# ---- the end


def test_closing_twice_leaves_nothing_behind(heard, project, files, gate):
    scene = heard.open(files.reflectance)
    heard.list.close()
    heard.list.close()
    assert not heard.queue.running
    heard.changed.clear()
    project.removeMapLayer(scene.layer_id)
    QTest.qWait(10)
    assert heard.changed == []


def test_a_shelf_opens_a_file_again_only_when_it_is_another(files, tmp_path):
    path = copied(files, tmp_path / "own")
    shelf, source = Shelf(), GranuleSource(str(path))
    first = shelf.granule(source)
    assert shelf.granule(source) is first
    os.utime(path, (1, 1))
    second = shelf.granule(source)
    assert second is not first
    shelf.drop(source)
    assert shelf.granule(source) is not second
    path.unlink()
    with pytest.raises(GranuleError, match="cannot be opened"):
        shelf.granule(source)


# ---- drops on the map


def test_a_dropped_granule_is_opened_and_everything_else_left_to_qgis(files, tmp_path, shared_raster):
    opened = []
    handler = GranuleDropHandler(opened.append)
    envi = write_envi_cube(tmp_path, np.ones((2, 2, 3), np.float32), wavelength_nm=[470, 560, 650])
    plain = write_envi_cube(tmp_path, np.ones((2, 2, 3), np.float32), name="plain.img")
    shutil.copy(envi.header, tmp_path / "plain.tif.hdr")
    (tmp_path / "empty.nc").touch()
    lone_mask = shutil.copy(files.mask, tmp_path)
    granules = [str(files.reflectance), str(envi.header), str(envi.data)]
    others = [str(p) for p in (lone_mask, plain.header, shared_raster, tmp_path, tmp_path / "empty.nc",
                               tmp_path / "gone.nc", __file__)]
    assert [handler.handleFileDrop(path) for path in granules] == [True, True, True]
    assert [handler.handleFileDrop(path) for path in others] == [False] * 7
    assert opened == granules


def test_the_files_of_one_granule_dropped_together_are_one_granule(heard, project, files):
    handler = GranuleDropHandler(heard.list.open)
    for path in (files.uncertainty, files.mask, files.reflectance):
        assert handler.handleFileDrop(str(path)) is True
    until(lambda: heard.opened)
    heard.rest()
    assert [scene.source.path for scene in heard.list.scenes] == [str(files.reflectance)]
    assert len(project.mapLayers()) == 1
    assert heard.failed == []


def test_a_netcdf_file_of_another_kind_is_left_to_qgis(tmp_path):
    import h5py

    with h5py.File(tmp_path / "other.nc", "w") as file:
        file["temperature"] = np.zeros((3, 4))
    opened = []
    assert GranuleDropHandler(opened.append).handleFileDrop(str(tmp_path / "other.nc")) is False
    assert opened == []


def test_an_open_granule_is_given_while_another_is_opened(files, tmp_path, monkeypatch):
    here, there = (GranuleSource(str(copied(files, tmp_path / name))) for name in ("a", "b"))
    shelf, entered, gate = Shelf(), threading.Event(), threading.Event()
    granule = shelf.granule(here)

    def slow(*given):
        entered.set()
        gate.wait(10)
        return open_granule(*given)

    monkeypatch.setattr(opening, "open_granule", slow)
    other = threading.Thread(target=shelf.granule, args=(there,))
    other.start()
    try:
        assert entered.wait(10)
        assert shelf.granule(here) is granule and other.is_alive()
    finally:
        gate.set()
        other.join()
