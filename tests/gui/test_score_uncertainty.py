"""score_spectra says how sure its scores are, and knows metrics that need an uncertainty or no reference."""

from __future__ import annotations

import numpy as np
import pytest
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.sensors import open_granule
from qgis.core import QgsVectorLayer

from granules import write_granule
from qgis_side import REFERENCE, SCENE, box, place, rows_of, write_geojson

shapely = pytest.importorskip("shapely")


@pytest.fixture(scope="module")
def square(tmp_path_factory):
    """One polygon over pixels 20-23 x 10-13, all of them valid."""
    return write_geojson(tmp_path_factory.mktemp("square") / "square.geojson", box(19.6, 9.6, 23.4, 13.4))


@pytest.fixture(scope="module")
def corners():
    return shapely.Polygon([place(19.6, 9.6), place(19.6, 13.4), place(23.4, 13.4), place(23.4, 9.6)])


@pytest.mark.parametrize("metric", ["sam", "chi_square"])
def test_every_row_has_the_sigma_of_core(run, files, square, corners, tmp_path, metric):
    run("score_spectra", GRANULE=files.reflectance, AOI=square, REFERENCE=REFERENCE, METRIC=metric,
        OUTPUT=tmp_path / "scored.gpkg")
    seen = inspect(open_granule(files.reflectance), [corners], reference=REFERENCE, metric=metric, uncertainty=True)
    rows = rows_of(tmp_path / "scored.gpkg")
    assert len(rows) == 16
    np.testing.assert_allclose([r["distance"] for r in rows], seen.scores, rtol=1e-12)
    np.testing.assert_allclose([r["distance_sigma"] for r in rows], seen.score_sigma, rtol=1e-12)


def test_the_summary_has_the_standard_error(run, files, square, corners, tmp_path):
    run("score_spectra", GRANULE=files.reflectance, AOI=square, REFERENCE=REFERENCE, OUTPUT=tmp_path / "scored.gpkg",
        SUMMARY=tmp_path / "summary.gpkg")
    scores = inspect(open_granule(files.reflectance), [corners], reference=REFERENCE).scores
    (row,) = rows_of(QgsVectorLayer(str(tmp_path / "summary.gpkg"), "s", "ogr"))
    assert row["sigma"] == pytest.approx(scores.std(ddof=1))
    assert row["standard_error"] == pytest.approx(scores.std(ddof=1) / 4)


def test_without_rfluncert_sigma_is_null_and_chi_square_refused(run, refused, square, tmp_path):
    bare = write_granule(tmp_path, SCENE, uncertainty=False).reflectance
    run("score_spectra", GRANULE=bare, AOI=square, REFERENCE=REFERENCE, OUTPUT=tmp_path / "scored.gpkg")
    assert {r["distance_sigma"] for r in rows_of(tmp_path / "scored.gpkg")} == {None}
    sentence = refused("score_spectra", GRANULE=bare, AOI=square, REFERENCE=REFERENCE, METRIC="chi_square",
                       OUTPUT=tmp_path / "none.gpkg")
    assert "The metric 'chi_square' needs the uncertainty of the spectra, and" in sentence
    assert "put its RFLUNCERT file beside it or name that file, or choose another metric." in sentence
    assert not (tmp_path / "none.gpkg").exists()


def test_rx_runs_without_a_reference_and_sam_does_not(run, refused, files, square, tmp_path):
    noisy = np.random.default_rng(2).normal(0.3, 0.02, (*SCENE.shape, 285)).astype(np.float32)
    granule = write_granule(tmp_path, SCENE, reflectance=noisy).reflectance
    run("score_spectra", GRANULE=granule, AOI=square, METRIC="rx", OUTPUT=tmp_path / "rx.gpkg")
    rows = rows_of(tmp_path / "rx.gpkg")
    assert {(r["metric"], r["reference_id"]) for r in rows} == {("rx", "")}
    assert all(r["distance"] > 0 and r["distance_sigma"] > 0 for r in rows)
    assert "The metric 'sam' needs a reference; give REFERENCE" in refused(
        "score_spectra", GRANULE=granule, AOI=square, OUTPUT=tmp_path / "none.gpkg")


def test_the_helps_name_the_metrics_that_need_something(provider):
    score = provider.algorithm("score_spectra")
    assert "chi_square needs the RFLUNCERT file" in score.parameterDefinition("METRIC").help()
    assert "rx" in score.parameterDefinition("BACKGROUND").help()
    assert "the errors of the bands taken as independent" in score.parameterDefinition("UNCERTAINTY_FILE").help()
