"""The algorithms and the models through the real qgis_process with JSON.

vet_candidates, map_scores, identify_spectra and gas_target run so in their own files.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
from osgeo import gdal
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.sensors import open_granule
from qgis.core import QgsVectorLayer

from granules import expected_reflectance
from qgis_side import REFERENCE, ROOT, box, place, rows_of, write_geojson
from vetting_side import KAOLINITE, square, write_scene

shapely = pytest.importorskip("shapely")


def test_score_spectra(qgis_process, files, areas, tmp_path):
    """The numbers of core, for a point, a polygon, a feature without geometry and one off the swath."""
    done = qgis_process.run("pixelspectra:score_spectra", GRANULE=files.reflectance, AOI=areas, REFERENCE=REFERENCE,
                            METRIC="sam", THRESHOLD=0.2595, OUTPUT=tmp_path / "scored.gpkg",
                            SUMMARY=tmp_path / "summary.gpkg").json
    assert done["results"] == {"OUTPUT": str(tmp_path / "scored.gpkg"), "SUMMARY": str(tmp_path / "summary.gpkg")}
    assert done["log"]["info"] == ["28 of 52 pixels are usable (mask: quality)."]
    square = shapely.Polygon([place(1.6, 1.6), place(1.6, 8.4), place(8.4, 8.4), place(8.4, 1.6)])
    seen = inspect(open_granule(files.reflectance), [shapely.Point(place(12, 9)), square], reference=REFERENCE)
    rows = rows_of(tmp_path / "scored.gpkg")
    assert [r["feature_id"] for r in rows] == [0] + 49 * [1] + [2, 3]
    scores = np.array([np.nan if r["distance"] is None else r["distance"] for r in rows])
    np.testing.assert_allclose(scores[:50], seen.scores, rtol=1e-12)
    assert [r["accepted"] for r in rows[:50]] == [bool(v) for v in seen.scores <= 0.2595]
    assert json.loads(rows[0]["spectrum"]) == pytest.approx(
        expected_reflectance(12, 9)[seen.scored.used[0]].tolist(), abs=1e-7)
    assert (rows[2]["mask_id"], rows[2]["metric"], rows[2]["reference_id"]) == ("quality", "sam", REFERENCE)
    assert "The area is empty" in rows[50]["reason"]
    assert "off the swath" in rows[51]["reason"]
    assert [r["point"] is None for r in rows[50:]] == [True, True]
    summary = rows_of(QgsVectorLayer(str(tmp_path / "summary.gpkg"), "s", "ogr"))
    assert [(s["feature_id"], s["n"], s["n_valid"]) for s in summary] == [(0, 1, 1), (1, 49, 27), (2, 1, 0), (3, 1, 0)]
    assert json.loads(summary[1]["masked"]) == {"Dilated Cloud Flag": 11, "Cloud flag": 9, "Cirrus flag": 2}
    assert summary[1]["best"] == summary[1]["min"] == pytest.approx(np.nanmin(seen.scores[1:]))


@pytest.mark.parametrize("metric", ["matched_filter", "sid"])
def test_every_kind_of_area_gives_the_pixels_of_core(qgis_process, files, tmp_path, metric):
    """Shapely in QGIS' own process, where QGIS has loaded a GEOS of its own, must not go astray."""
    ring = {"type": "Polygon", "coordinates": [box(10, 3, 25, 20)["coordinates"][0],
                                               box(14, 8, 18, 12)["coordinates"][0]]}
    shapes = [
        {"type": "MultiPoint", "coordinates": [place(30, 5), place(31, 6), place(30, 5)]}, ring,
        {"type": "MultiPolygon", "coordinates": [box(0, 0, 3, 3)["coordinates"], box(5, 5, 8, 8)["coordinates"]]},
        {"type": "LineString", "coordinates": [place(1, 1), place(20, 25), place(30, 2)]},
        {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": place(33, 9)},
                                                      box(30, 20, 33, 24)]},
        {"type": "Polygon", "coordinates": [[place(1, 1), place(9, 9), place(9, 1), place(1, 9), place(1, 1)]]},
    ]
    area = write_geojson(tmp_path / "shapes.geojson", *shapes)
    assert qgis_process.run("pixelspectra:score_spectra", GRANULE=files.reflectance, AOI=area, REFERENCE=REFERENCE,
                     METRIC=metric, MASK="good_bands", OUTPUT=tmp_path / "out.gpkg").status == 0
    seen = inspect(open_granule(files.reflectance), [shapely.geometry.shape(s) for s in shapes], reference=REFERENCE,
                   metric=metric, mask="good_bands")
    rows = rows_of(tmp_path / "out.gpkg")
    assert [(r["feature_id"], r["downtrack"], r["crosstrack"]) for r in rows] == list(zip(
        seen.pixels.feature_id.tolist(), seen.pixels.downtrack.tolist(), seen.pixels.crosstrack.tolist()))
    scores = [np.nan if r["distance"] is None else r["distance"] for r in rows]
    np.testing.assert_allclose(scores, seen.scores, rtol=1e-6, atol=1e-12)
    assert "not a valid geometry" in rows[-1]["reason"]


def test_load_granule_then_its_layer_as_granule(qgis_process, files, areas, tmp_path):
    """The GeoTIFF remembers the granule, so it stands for it by path."""
    done = qgis_process.run("pixelspectra:load_granule", GRANULE=files.reflectance, OUTPUT=tmp_path / "scene.tif")
    assert done.status == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scene.qml", "scene.tif"]
    done = qgis_process.run("pixelspectra:extract_spectra", GRANULE=tmp_path / "scene.tif", AOI=areas,
                            OUTPUT=tmp_path / "spectra.gpkg").json
    first = rows_of(tmp_path / "spectra.gpkg")[0]
    assert (first["scene_id"], first["downtrack"], first["crosstrack"]) == (files.reflectance.stem, 12, 9)
    assert (first["distance"], first["metric"], first["reference_id"]) == (None, "", "")
    assert done["log"]["info"] == ["28 of 52 pixels are usable (mask: quality)."]


def test_quality_mask(qgis_process, files, tmp_path):
    done = qgis_process.run("pixelspectra:quality_mask", GRANULE=files.reflectance, AOD550_MAX=0.5,
                            REASONS=tmp_path / "r.tif", DATA=tmp_path / "d.tif",
                            BANDS_INTERPOLATED=tmp_path / "b.tif").json
    assert set(done["results"]) == {"REASONS", "DATA", "BANDS_INTERPOLATED"}
    reasons = gdal.Open(str(tmp_path / "r.tif"))
    assert reasons.GetMetadataItem("BIT_1") == "Cloud flag"
    assert reasons.GetMetadataItem("BIT_64") == "AOD550 > 0.5"
    values = reasons.ReadAsArray()
    assert values.dtype == np.int32
    assert {-9999, 0, 1 + 16 + 32, 16 + 32, 32 + 64} <= set(np.unique(values).tolist())
    data = gdal.Open(str(tmp_path / "d.tif"))
    assert [data.GetRasterBand(i + 1).GetDescription() for i in range(data.RasterCount)] == ["AOD550", "H2O (g cm-2)"]
    assert set(np.unique(gdal.Open(str(tmp_path / "b.tif")).ReadAsArray()).tolist()) == {-9999, 0, 1, 2, 5}


def test_apply_mask(qgis_process, files, tmp_path):
    h5py = pytest.importorskip("h5py")
    done = qgis_process.run("pixelspectra:apply_mask", GRANULE=files.reflectance, MASK="quality",
                            OUTPUT=tmp_path / "m.nc")
    assert done.status == 0
    with h5py.File(files.reflectance) as before, h5py.File(tmp_path / "m.nc") as after:
        assert set(after) == set(before)
        assert (after["reflectance"][3, 4] == -9999).all()
        np.testing.assert_array_equal(after["reflectance"][20, 20][:10], before["reflectance"][20, 20][:10])


def test_list_references(qgis_process, files, tmp_path):
    done = qgis_process.run("pixelspectra:list_references", GRANULE=files.reflectance, OUTPUT=tmp_path / "refs.gpkg")
    assert done.status == 0
    rows = {r["id"]: r for r in rows_of(tmp_path / "refs.gpkg")}
    assert len(rows) == 40
    found = rows[REFERENCE]
    assert (found["name"], found["kind"]) == ("Kaolinite CM9 BECKb AREF", "mineral")
    assert (found["of"], found["n_bands_covered"]) == (244, 236)
    assert 340 < found["first_nm"] < 400 < 2500 < found["last_nm"] < 2600


def test_the_model_keeps_the_accepted_pixels(qgis_process, files, areas, tmp_path):
    model = ROOT / "resources" / "models" / "score_and_filter.model3"
    done = qgis_process.run(str(model), GRANULE=files.reflectance, AOI=areas, REFERENCE=REFERENCE, METRIC="sam",
                            THRESHOLD=0.2595, accepted_pixels=tmp_path / "accepted.gpkg").json
    assert done["results"] == {"accepted_pixels": str(tmp_path / "accepted.gpkg")}
    rows = rows_of(tmp_path / "accepted.gpkg")
    assert len(rows) == 13
    assert all(r["distance"] <= 0.2595 for r in rows)


def test_vetting_then_scoring_what_was_accepted_in_a_model(qgis_process, tmp_path):
    granule = write_scene(tmp_path)
    candidates = write_geojson(tmp_path / "c.geojson", *(json.loads(shapely.to_geojson(square(row, column)))
                                                         for row, column in ((20, 15), (50, 10))))
    done = qgis_process.run(str(ROOT / "resources" / "models" / "vet_and_score.model3"), GRANULE=granule,
                            CANDIDATES=candidates, vetted_candidates=tmp_path / "vetted.gpkg",
                            accepted_pixels=tmp_path / "pixels.gpkg").json
    assert done["results"] == {"vetted_candidates": str(tmp_path / "vetted.gpkg"),
                               "accepted_pixels": str(tmp_path / "pixels.gpkg")}
    vetted = QgsVectorLayer(str(tmp_path / "vetted.gpkg"), "v", "ogr")
    assert [(f["candidate_id"], f["verdict"]) for f in vetted.getFeatures()] == [("0", "accept"), ("1", "reject")]
    rows = rows_of(tmp_path / "pixels.gpkg")
    assert [(r["metric"], r["reference_id"]) for r in rows] == 16 * [("feature_fit", KAOLINITE)]
    assert {(r["downtrack"], r["crosstrack"]) for r in rows} == {(20 + i, 15 + j) for i in range(4) for j in range(4)}


def test_what_is_not_given_to_the_model_takes_the_default_it_shows(qgis_process, files, areas, tmp_path):
    model = ROOT / "resources" / "models" / "score_and_filter.model3"
    qgis_process.run(str(model), GRANULE=files.reflectance, AOI=areas, accepted_pixels=tmp_path / "none.gpkg")
    qgis_process.run(str(model), GRANULE=files.reflectance, AOI=areas, THRESHOLD=0.2595,
                     accepted_pixels=tmp_path / "some.gpkg")
    assert len(rows_of(tmp_path / "none.gpkg")) == 0  # at most 0.1 rad, which nothing here is
    assert {r["reference_id"] for r in rows_of(tmp_path / "some.gpkg")} == {"kaolinite_cm9_beckb"}


def test_a_refusal_is_one_sentence_on_the_error_output(qgis_process, areas, tmp_path):
    (tmp_path / "no.nc").write_text("this is no granule")
    done = qgis_process.run("pixelspectra:extract_spectra", GRANULE=tmp_path / "no.nc", AOI=areas,
                            OUTPUT=tmp_path / "out.gpkg")
    assert done.status == 1
    assert "is neither a netCDF-4 granule nor an ENVI image" in done.errors
    assert "Traceback" not in done.errors
    assert [p.name for p in tmp_path.iterdir()] == ["no.nc"]


def test_help_shows_every_parameter(qgis_process):
    text = qgis_process.call("help", "pixelspectra:score_spectra").output
    assert "THRESHOLD: Threshold" in text
    assert "get accepted = true" in text
