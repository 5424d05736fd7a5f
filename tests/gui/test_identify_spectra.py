"""identify_spectra in QGIS and in qgis_process: what each feature looks like."""

import numpy as np
import pytest
from pixel_spectra.core.identification import identify
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.libraries import bundled_library
from pixel_spectra.core.resampling import resample
from pixel_spectra.core.sensors import open_granule

from granules import expected_reflectance, write_granule, write_radiance
from qgis_side import REFERENCE, SCENE, rows_of, write_geojson

FIELDS = ["scene_id", "feature_id", "n_pixels", "n_valid", "rank", "reference_id", "name", "fit", "sam", "sid",
          "correlation", "margin", "reason"]


@pytest.fixture(scope="module")
def mineral(tmp_path_factory):
    """A scene of kaolinite with noise."""
    rng = np.random.default_rng(4)
    bands = open_granule(write_granule(tmp_path_factory.mktemp("g"), SCENE).reflectance).bands
    kaolinite = bundled_library()[REFERENCE]
    spectrum = np.nan_to_num(resample(kaolinite.wavelength_nm, kaolinite.reflectance, bands), nan=0.5)
    cube = (spectrum * (1 + rng.normal(0, 0.01, (*SCENE.shape, 285)))).astype(np.float32)
    cube[..., expected_reflectance(0, 0) == np.float32(-0.01)] = -0.01
    return write_granule(tmp_path_factory.mktemp("k"), SCENE, reflectance=cube).reflectance


def test_each_feature_has_its_ranks_and_nothing_is_dropped(run, mineral, areas):
    layer = run("identify_spectra", GRANULE=mineral, AOI=areas, TOP=4, OUTPUT="memory:")["OUTPUT"]
    assert [field.name() for field in layer.fields()] == FIELDS
    rows = rows_of(layer)
    found = [row for row in rows if row["rank"] is not None]
    assert [(row["feature_id"], row["rank"]) for row in found] == [(f, k) for f in (0, 1) for k in (1, 2, 3, 4)]
    assert all(row["name"].startswith("Kaolinite") and row["reason"] == "" and row["point"] for row in found
               if row["rank"] <= 3)
    lost = [row for row in rows if row["rank"] is None]
    assert {row["feature_id"] for row in lost} == {2, 3}
    assert all(row["reason"] and row["fit"] is None and row["point"] is None for row in lost)


def test_the_values_are_those_of_identify(run, mineral, areas):
    row = rows_of(run("identify_spectra", GRANULE=mineral, AOI=areas, OUTPUT="memory:")["OUTPUT"])[0]
    granule = open_granule(mineral)
    spectrum = inspect(granule, pixels=[(12, 9)]).spectra.masked_values[0]
    match = identify(spectrum, granule.bands, bundled_library())[0]
    assert row["reference_id"] == match.id and (row["n_pixels"], row["n_valid"]) == (1, 1)
    assert [row[name] for name in ("fit", "sam", "sid", "correlation", "margin")] == pytest.approx(
        [match.fit, match.sam, match.sid, match.correlation, match.margin], abs=1e-6)


def test_a_library_with_one_spectrum_has_no_margin(run, mineral, areas, tmp_path):
    kaolinite = bundled_library()[REFERENCE]
    lines = [f"{w},{r}" for w, r in zip(kaolinite.wavelength_nm, kaolinite.reflectance) if np.isfinite(r)]
    (tmp_path / "own.csv").write_text("wavelength_nm,own\n" + "\n".join(lines))
    rows = rows_of(run("identify_spectra", GRANULE=mineral, AOI=areas, LIBRARY=tmp_path / "own.csv",
                       OUTPUT="memory:")["OUTPUT"])
    assert [row["rank"] for row in rows if row["feature_id"] == 0] == [1]
    assert rows[0]["name"] == "own" and rows[0]["margin"] is None and rows[0]["sam"] < 0.1


def test_refusals(refused, files, areas, tmp_path):
    assert "there is no such file or folder" in refused("identify_spectra", GRANULE=files.reflectance, AOI=areas,
                                                        LIBRARY=tmp_path / "none.csv", OUTPUT="memory:")
    assert "TOP" in refused("identify_spectra", GRANULE=files.reflectance, AOI=areas, TOP=0, OUTPUT="memory:")
    radiance = write_radiance(tmp_path, SCENE)
    assert "holds radiance; give a granule of reflectance." in refused("identify_spectra", GRANULE=radiance, AOI=areas,
                                                                       OUTPUT="memory:")
    off = write_geojson(tmp_path / "off.geojson", {"type": "Point", "coordinates": [20.0, 20.0]})
    assert refused("identify_spectra", GRANULE=files.reflectance, AOI=off, OUTPUT="memory:")


def test_in_qgis_process(qgis_process, mineral, areas, tmp_path):
    done = qgis_process.run("pixelspectra:identify_spectra", GRANULE=mineral, AOI=areas, TOP=2, MASK="good_bands",
                            OUTPUT=tmp_path / "matches.gpkg")
    assert done.status == 0
    rows = rows_of(tmp_path / "matches.gpkg")
    assert [row["rank"] for row in rows] == [1, 2, 1, 2, None, None]
    assert rows[2]["n_valid"] == 49 and rows[2]["name"].startswith("Kaolinite")
