"""References: bundled, from files, and from layers with a profile field as EnMAP-Box makes them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pixel_spectra.adapters.fields import field
from pixel_spectra.adapters.references import library_of
from pixel_spectra.adapters.settings import HDF5_KEY, apply_settings
from pixel_spectra.core.errors import LibraryError, PixelSpectraError
from pixel_spectra.core.io import hdf5
from pixel_spectra.core.libraries import bundled_library
from pixel_spectra.core.sensors import open_granule
from qgis.core import (
    QgsEditorWidgetSetup,
    QgsFeature,
    QgsProcessingContext,
    QgsProject,
    QgsSettings,
    QgsVectorLayer,
)

from granules import expected_reflectance
from qgis_side import REFERENCE, place, rows_of, write_geojson


@pytest.fixture
def one_pixel(tmp_path):
    return write_geojson(tmp_path / "pixel.geojson", {"type": "Point", "coordinates": place(12, 9)})


@pytest.fixture
def score(run, files, one_pixel):
    """A callable: the scored pixel (12, 9)."""

    def call(**parameters):
        layer = run("score_spectra", GRANULE=files.reflectance, AOI=one_pixel, OUTPUT="memory:", **parameters)["OUTPUT"]
        (row,) = rows_of(layer)
        return row

    return call


def profile_layer(*spectra, marked=True):
    """A memory layer as EnMAP-Box keeps it: `name` and `profiles`."""
    layer = QgsVectorLayer("Point?crs=EPSG:4326", "library", "memory")
    layer.dataProvider().addAttributes([field("name", "text"), field("profiles", "text")])
    layer.updateFields()
    for name, profile in spectra:
        feature = QgsFeature(layer.fields())
        feature.setAttributes([name, json.dumps(profile) if isinstance(profile, dict) else profile])
        layer.dataProvider().addFeatures([feature])
    if marked:
        layer.setEditorWidgetSetup(1, QgsEditorWidgetSetup("SpectralProfile", {}))
    return layer


def own_spectrum(files, unit="nm", scale=1.0):
    """The pixel itself as a profile, so that it scores perfectly."""
    bands = open_granule(files.reflectance).bands
    x = bands.wavelength_nm * {"nm": 1.0, "µm": 1e-3, "Micrometers": 1e-3}[unit]
    return {"y": (expected_reflectance(12, 9) * scale).tolist(), "x": x.tolist(), "xUnit": unit, "yUnit": "-",
            "bbl": bands.good.astype(int).tolist()}


def test_a_bundled_one_and_the_same_from_a_file_score_alike(score, tmp_path):
    spectrum = bundled_library()[REFERENCE]
    keep = np.isfinite(spectrum.reflectance)
    np.savetxt(tmp_path / "own.csv", np.column_stack((spectrum.wavelength_nm, spectrum.reflectance))[keep],
               delimiter=",", header="wavelength_nm,reflectance", comments="", fmt="%.9g")
    bundled = score(REFERENCE=REFERENCE, RESAMPLING="linear")
    own = score(REFERENCE_FILE=tmp_path / "own.csv", RESAMPLING="linear")
    assert own["distance"] == pytest.approx(bundled["distance"], abs=2e-3)
    assert (bundled["reference_id"], own["reference_id"]) == (REFERENCE, "own")


@pytest.mark.parametrize("unit", ["nm", "µm", "Micrometers"])
def test_a_profile_layer_is_a_library(score, files, unit):
    layer = profile_layer(("clay", own_spectrum(files, unit)), ("broken", "no profile"))
    row = score(REFERENCE_FILE=layer, REFERENCE_NAME="clay", RESAMPLING="linear")
    assert row["distance"] == pytest.approx(0, abs=1e-6)
    assert row["reference_id"] == "clay"


def test_a_profile_layer_of_the_project_by_its_id(qgis_processing, files):
    layer = profile_layer(("clay", own_spectrum(files)), ("loam", own_spectrum(files, scale=50)), marked=False)
    project = QgsProject()
    project.addMapLayer(layer)
    context = QgsProcessingContext()
    context.setProject(project)
    library = library_of(layer.id(), context)
    assert list(library) == ["clay", "loam"]
    assert "taken as percent" in " ".join(library["loam"].notes)
    assert np.isnan(library["clay"].reflectance).sum() == 41


def test_what_extract_spectra_wrote_is_a_library(run, score, files, one_pixel, tmp_path):
    run("extract_spectra", GRANULE=files.reflectance, AOI=one_pixel, OUTPUT=tmp_path / "spectra.gpkg")
    row = score(REFERENCE_FILE=tmp_path / "spectra.gpkg", METRIC="euclidean")
    assert row["distance"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "The metric 'sam' needs a reference; give REFERENCE"),
        ({"REFERENCE": REFERENCE, "REFERENCE_FILE": "own.csv"}, "give one of them"),
        ({"REFERENCE_NAME": "clay"}, "picks a spectrum from a library file, and none is given"),
        ({"REFERENCE_FILE": "not there.csv"}, "there is no such file or folder"),
    ],
)
def test_what_does_not_go_together(refused, files, one_pixel, parameters, said):
    assert said in refused("score_spectra", GRANULE=files.reflectance, AOI=one_pixel, OUTPUT="memory:", **parameters)


def test_several_spectra_need_a_name(refused, files, one_pixel):
    layer = profile_layer(("clay", own_spectrum(files)), ("loam", own_spectrum(files)))
    given = {"GRANULE": files.reflectance, "AOI": one_pixel, "OUTPUT": "memory:", "REFERENCE_FILE": layer}
    assert "holds 2 spectra; name one of them (REFERENCE_NAME): clay, loam." in refused("score_spectra", **given)
    assert "There is no reference 'sand' in the library; it holds: clay, loam." in refused(
        "score_spectra", **given, REFERENCE_NAME="sand")


@pytest.mark.parametrize(
    ("profile", "said"),
    [({"y": [1, 2]}, "the profile has no wavelengths"), ("no profile", "holds no usable profile"),
     ({"y": [0.1, 0.2], "x": [400, 500], "xUnit": "nm", "bbl": [0, 0]}, "there is no valid reflectance value in it")],
)
def test_a_layer_without_usable_profiles(qgis_processing, profile, said):
    with pytest.raises(LibraryError, match=said):
        library_of(profile_layer(("x", profile)), QgsProcessingContext())


def test_a_layer_without_profile_field(qgis_processing, areas):
    with pytest.raises(LibraryError, match="has no field with spectral profiles"):
        library_of(str(areas), QgsProcessingContext())


def test_a_folder_is_listed_with_what_could_not_be_read(run, tmp_path):
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "good.csv").write_text("wavelength_nm,reflectance\n400,0.1\n500,0.2\n")
    rows = rows_of(run("list_references", LIBRARY=tmp_path / "library", OUTPUT="memory:")["OUTPUT"])
    assert [(r["id"], r["n_channels"], r["first_nm"], r["last_nm"], r["of"]) for r in rows] == [
        ("good", 2, 400.0, 500.0, None)]


# The setting for the HDF5 reader

@pytest.fixture
def setting(qgis_processing):
    yield lambda value: QgsSettings().setValue(HDF5_KEY, value)
    QgsSettings().remove(HDF5_KEY)
    apply_settings()


@pytest.mark.parametrize("reader", ["h5py", "pyfive"])
def test_the_setting_chooses_the_reader(setting, run, files, one_pixel, monkeypatch, reader):
    pytest.importorskip(reader)
    monkeypatch.delenv(hdf5.ENVIRONMENT_VARIABLE, raising=False)
    setting(reader.upper())
    (row,) = rows_of(run("extract_spectra", GRANULE=files.reflectance, AOI=one_pixel, OUTPUT="memory:")["OUTPUT"])
    assert row["downtrack"] == 12
    assert hdf5.default_backend() == reader


def test_an_unknown_reader_is_answered_with_the_known_ones(setting):
    setting("netcdf4")
    with pytest.raises(PixelSpectraError, match="Unknown HDF5 reader 'netcdf4'; the known ones are: h5py, pyfive"):
        apply_settings()
