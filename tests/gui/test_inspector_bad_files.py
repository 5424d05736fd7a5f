"""Granules, masks, libraries and exports that go wrong: one plain sentence each, and the window works on."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from pixel_spectra.adapters.settings import HDF5_KEY, save_inspector_settings
from pixel_spectra.ui.settings import InspectorSettings
from qgis.core import (
    QgsProject,
    QgsSettings,
)
from qgis.PyQt.QtCore import QPoint, Qt
from qgis.PyQt.QtGui import QAction, QImage
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QAbstractButton, QApplication, QLabel

from full_disk import no_room
from granules import (
    default_layers,
    lonlat_map_info,
    write_envi_cube,
    write_granule,
    write_mask,
    write_radiance,
)
from inspector_faults import one_sentence, open_file, points, shown_texts, silent, works_on
from inspector_side import LEFT, NONE
from qgis_side import SCENE

pytest.importorskip("shapely")

SWATH = "'EMIT_L2A_RFL_001_20240501T101112_2412207_005'"


# ---- granules

def test_a_granule_that_is_deleted_and_comes_back(at_work, tmp_path):
    path = write_granule(tmp_path, replace(SCENE, orbit=2412299)).reflectance
    at_work.press("Clear")
    QgsProject.instance().removeAllMapLayers()
    at_work.open(path)
    at_work.click(at_work.at(12, 9))
    path.rename(tmp_path / "elsewhere")
    at_work.click(at_work.at(13, 9))
    assert one_sentence(at_work) == f"'{path}' cannot be opened (No such file or directory); check the path."
    assert at_work.curve().name == "Pixel 12, 9"
    (tmp_path / "elsewhere").rename(path)
    assert works_on(at_work, 13, 9)


def test_a_granule_that_is_replaced(analyst, tmp_path):
    path = write_granule(tmp_path, SCENE, mask=None, uncertainty=False).reflectance
    (tmp_path / "other").mkdir()
    other = write_granule(tmp_path / "other", SCENE, mask=None, uncertainty=False,
                          reflectance=np.full((*SCENE.shape, SCENE.n_bands), 0.5, np.float32)).reflectance
    analyst.open(path)
    analyst.window.iface.messageBar().clear_messages()
    os.replace(other, path)
    assert works_on(analyst)
    assert np.nanmax(analyst.curve().values) == 0.5  # the new one
    path.write_bytes(b"no granule" * 100)
    analyst.click(analyst.at(13, 9))
    assert one_sentence(analyst) == (
        f"'{path}' is neither a netCDF-4 granule nor an ENVI image with a header beside it; give an EMIT L2A file "
        "(.nc) or an ENVI header (.hdr).")
    assert analyst.curve().name == "Pixel 12, 9"


def test_files_that_are_no_granules(analyst, tmp_path, files):
    (tmp_path / "text.nc").write_text("no granule")
    open_file(analyst, tmp_path / "text.nc")
    assert "is neither a netCDF-4 granule nor an ENVI image" in one_sentence(analyst)
    open_file(analyst, tmp_path / "nowhere.nc")
    assert one_sentence(analyst) == f"'{tmp_path}/nowhere.nc' cannot be opened (No such file or directory); " \
                                    "check the path."
    open_file(analyst, tmp_path)
    assert one_sentence(analyst) == f"'{tmp_path}' is not a file; give the path of a granule."
    assert analyst.inspector.scenes.scenes == ()
    analyst.open(files.reflectance)
    assert works_on(analyst)


def test_a_disk_without_room_for_the_picture_of_a_granule(analyst, tmp_path):
    path = write_granule(tmp_path, replace(SCENE, orbit=2412277)).reflectance
    with no_room(3000):
        open_file(analyst, path)
    sentence = one_sentence(analyst)
    assert "cannot be written: " in sentence
    assert sentence.endswith("choose a folder that exists, is writable and has room.")
    open_file(analyst, path)
    assert works_on(analyst)


def test_a_granule_that_is_asked_for_three_times(analyst, files):
    for _ in range(3):
        analyst.dock.granules.open_asked.emit(str(files.reflectance))
    analyst.rest()
    assert len(analyst.inspector.scenes.scenes) == 1
    assert works_on(analyst)


def test_an_unknown_hdf5_reader(analyst, files, monkeypatch):
    QgsSettings().setValue(HDF5_KEY, "hdf6")
    try:
        open_file(analyst, files.reflectance)
    finally:
        QgsSettings().remove(HDF5_KEY)
    assert "hdf6" in one_sentence(analyst)
    open_file(analyst, files.reflectance)
    assert works_on(analyst)


def test_a_mask_file_that_is_broken(analyst, tmp_path):
    files = write_granule(tmp_path, SCENE)
    files.mask.write_bytes(b"no mask" * 1000)
    analyst.open(files.reflectance)
    sentence = one_sentence(analyst)
    assert sentence.startswith(f"A companion was found but left out: '{files.mask}' is not a netCDF-4 file")
    assert works_on(analyst)


def test_a_mask_file_that_changes_or_vanishes_while_the_granule_is_open(analyst, tmp_path):
    files = write_granule(tmp_path, SCENE)
    analyst.open(files.reflectance)
    assert works_on(analyst)
    write_mask(tmp_path, SCENE, layers={**default_layers(SCENE), "Cloud flag": np.ones(SCENE.shape)})
    analyst.click(analyst.at(12, 9))
    assert analyst.said("Valid and masked pixels") == "The pixel is masked: Cloud flag."
    files.mask.unlink()
    assert works_on(analyst)
    assert analyst.notes() == ("No MASK file was found beside the granule: only bad bands were masked (good_bands), "
                               "clouds were not.")


# ---- the question

def test_a_mask_that_needs_a_file_that_is_missing(analyst, tmp_path):
    analyst.open(write_granule(tmp_path, SCENE, mask=None).reflectance)
    assert "No MASK file was found beside" in one_sentence(analyst)
    analyst.type_mask("cloud")
    analyst.click(analyst.at(12, 9))
    assert one_sentence(analyst).startswith(f"The mask 'cloud' needs the MASK file of {SWATH}, and none was found")
    analyst.type_mask("good_bands")
    assert works_on(analyst)


def test_a_mask_that_is_nonsense(at_work):
    at_work.type_mask("fog <<= 2 %")
    assert silent(at_work)
    assert at_work.said("What is wrong with the mask") == (
        "The limit 'fog <<= 2 %' in the mask 'fog <<= 2 %' is not understood; write it like 'AOD550<=0.3'. Until then "
        "the mask 'automatic' stays in use.")
    assert works_on(at_work)


def test_a_library_that_is_none(at_work, tmp_path):
    (tmp_path / "library.txt").write_text("no spectra")
    why = f"{tmp_path}/library.txt: there is no line of numbers in it; it needs the columns wavelength_nm, reflectance."
    at_work.inspector.open_library(str(tmp_path / "library.txt"))
    at_work.rest()
    assert one_sentence(at_work) == why
    at_work.open_chooser()
    chooser = at_work.dock.question.chooser
    chooser.ask_for(str(tmp_path / "library.txt"))
    at_work.rest()
    assert why in {label.text() for label in chooser.findChildren(QLabel) if label.isVisible()}
    assert silent(at_work)  # said once, where the user looks
    QTest.keyClick(chooser, Qt.Key.Key_Escape)
    assert works_on(at_work)


def test_a_library_of_the_last_session_that_is_gone(window, plugin, analyst, files, tmp_path):
    gone = InspectorSettings(reference_file=str(tmp_path / "gone.csv"), reference_name="x", visible=True)
    analyst.plugin.unload()
    save_inspector_settings(gone.to_plain())
    analyst.plugin.initGui()
    analyst.rest()
    assert one_sentence(analyst) == (f"{tmp_path}/gone.csv: there is no such file or folder; check the path of the "
                                     "reference library.")
    analyst.start()
    analyst.open(files.reflectance)
    assert works_on(analyst)


def test_a_reference_without_overlap(at_work, tmp_path):
    (tmp_path / "thermal.csv").write_text("wavelength_nm,reflectance\n8000,0.1\n9000,0.2\n10000,0.3\n")
    at_work.click(at_work.at(12, 9))
    at_work.inspector.open_library(str(tmp_path / "thermal.csv"), "thermal")
    at_work.rest()
    assert "has values from 8000 to 10000 nm and gives none to the 285 bands" in one_sentence(at_work)
    at_work.choose_reference("kaolinite cm9 beckb")
    assert works_on(at_work, 13, 9)


# ---- odd granules

def test_radiance_is_not_compared_with_reflectance(analyst, tmp_path):
    analyst.open(write_radiance(tmp_path, SCENE))
    analyst.window.iface.messageBar().clear_messages()
    assert works_on(analyst)
    analyst.choose_reference("kaolinite cm9 beckb")
    assert one_sentence(analyst) == (
        "The metric 'sam' compares reflectance, but 'EMIT_L1B_RAD_001_20240501T101112_2412207_005' holds radiance; "
        "give a granule of reflectance.")
    analyst.open_chooser()
    chosen = {button.text(): button for button in analyst.dock.question.chooser.findChildren(QAbstractButton)}
    QTest.mouseClick(chosen["None (no reference)"], LEFT)
    assert works_on(analyst, 13, 9)


def image(folder, cube, **header):
    """An ENVI image whose first pixel begins at 15 E, 36 N, with pixels of a thousandth of a degree."""
    header = {"map_info": lonlat_map_info(15, 36, 0.001), **header}
    return write_envi_cube(folder, cube.astype("f4"), **header).header


def test_an_image_of_one_band(analyst, tmp_path):
    open_file(analyst, image(tmp_path, np.full((40, 30, 1), 0.25), wavelength_nm=[700]))
    analyst.choose_reference("kaolinite cm9 beckb")
    analyst.click(analyst.screen(15.0095, 35.9905))
    assert analyst.curve().name == "Pixel 9, 9" and silent(analyst)
    assert "Too few bands are usable in both the pixel and the reference." in shown_texts(analyst)


def test_bands_that_do_not_rise(analyst, tmp_path):
    cube = np.zeros((40, 30, 3)) + [0.3, 0.1, 0.2]
    open_file(analyst, image(tmp_path, cube, wavelength_nm=[900, 500, 700]))
    analyst.click(analyst.screen(15.0095, 35.9905))
    assert analyst.curve().wavelength_nm.tolist() == [500, 700, 900]
    np.testing.assert_allclose(analyst.curve().values, [0.1, 0.2, 0.3], rtol=1e-6)


def test_a_pixel_of_nan(analyst, tmp_path):
    cube = np.full((40, 30, 3), 0.25)
    cube[9, 9] = np.nan
    open_file(analyst, image(tmp_path, cube, wavelength_nm=[500, 700, 900]))
    analyst.choose_reference("kaolinite cm9 beckb")
    analyst.click(analyst.screen(15.0095, 35.9905))
    assert analyst.said("Valid and masked pixels") == "The pixel is masked: no data."
    analyst.click(analyst.screen(15.0105, 35.9905))
    assert analyst.curve().name == "Pixel 9, 10" and silent(analyst)


def test_an_image_without_location(analyst, tmp_path):
    open_file(analyst, image(tmp_path, np.full((40, 30, 3), 0.25), wavelength_nm=[500, 700, 900], map_info=None))
    assert one_sentence(analyst) == ("'cube' has no location: it is shown by row and column, and a place on the map "
                                     "finds none of its pixels.")
    analyst.click(QPoint(300, 300))
    assert one_sentence(analyst).startswith("'cube' has no location; ")
    open_file(analyst, image(tmp_path, np.full((40, 30, 3), 0.25), name="no_bands.img"))
    assert "the header lists no wavelengths" in one_sentence(analyst)


# ---- what is shown

def test_an_export_that_cannot_be_written(at_work, tmp_path):
    at_work.click(at_work.at(12, 9))
    for kind, ending in (("png", "png"), ("svg", "svg"), ("csv", "csv"), ("layer", "gpkg")):
        path = tmp_path / f"x.{ending}"
        with no_room(100):
            at_work.dock.export.asked.emit(kind, str(path))
            at_work.rest()
        sentence = one_sentence(at_work)
        assert sentence.startswith(f"'{path}' cannot be written: ")
        assert sentence.endswith("; choose a folder that exists, is writable and has room.")
        at_work.dock.export.asked.emit(kind, f"/nowhere/x.{ending}")
        at_work.rest()
        assert one_sentence(at_work).startswith(f"'/nowhere/x.{ending}' cannot be written: ")
    assert list(tmp_path.iterdir()) == []
    assert works_on(at_work)


def test_the_picture_of_a_line_without_a_valid_pixel(at_work, tmp_path):
    at_work.type_mask("AOD550<=0.0000001")
    at_work.draw("Line", at_work.at(10, 5), at_work.at(20, 15))
    assert at_work.said("Valid and masked pixels").startswith("0 of ")
    at_work.dock.export.asked.emit("png", str(tmp_path / "line.png"))
    at_work.rest()
    assert one_sentence(at_work) == f"The picture was saved as {tmp_path}/line.png"
    assert QImage(str(tmp_path / "line.png")).width() == 2 * at_work.dock.line.picture.width()


def test_a_command_names_no_layer_that_is_gone(at_work):
    layer = points(3)
    at_work.window.iface.setActiveLayer(layer)
    at_work.press("Selected")
    at_work.dock.export.asked.emit("python", "")
    at_work.rest()
    assert layer.id() in QApplication.clipboard().text()
    gone = layer.id()
    QgsProject.instance().removeMapLayer(gone)
    at_work.dock.export.asked.emit("python", "")
    at_work.rest()
    command = QApplication.clipboard().text()
    assert gone not in command and command.count('"Point"') == 3


def test_an_export_of_nothing(at_work):
    entries = [entry for entry in at_work.dock.export.findChildren(QAction) if entry.objectName()]
    assert len(entries) == 8 and not any(entry.isEnabled() for entry in entries)
    at_work.click(at_work.at(12, 9))
    assert all(entry.isEnabled() for entry in entries)
    at_work.press("Clear")
    assert not any(entry.isEnabled() for entry in entries)


def test_pointing_at_the_plot_and_moving_the_threshold_after_clear(at_work):
    at_work.draw("Polygon", at_work.at(10, 5), at_work.at(10, 15), at_work.at(20, 15), at_work.at(20, 5))
    assert len(at_work.window.bands()) == 5  # the border, the accepted and the others as areas and as dots
    at_work.press("Clear")
    plot, score = at_work.dock.spectrum, at_work.dock.score
    for widget in (plot, plot.plot, score, score.histogram):
        QTest.mouseMove(widget, widget.rect().center())
        QTest.mouseClick(widget, LEFT, NONE, widget.rect().center())
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up):
        QTest.keyClick(score.histogram, key)
        QTest.keyClick(plot.plot, key)
    assert at_work.window.bands() == [] and at_work.inspector.presenter.threshold is None
    at_work.press("Point")
    assert works_on(at_work)
