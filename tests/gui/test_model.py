"""The models that ship: they offer the same choices as the algorithms they run, and are made by their script."""

from __future__ import annotations

from xml.etree.ElementTree import canonicalize

import pytest
from qgis.core import QgsApplication, QgsProcessingException, QgsProcessingModelAlgorithm

from qgis_side import ROOT, rows_of
from vetting_side import KAOLINITE, square, write_scene

FOLDER = ROOT / "resources" / "models"
STEPS = {
    "score_and_filter": {"pixelspectra:score_spectra", "native:extractbyexpression"},
    "vet_and_score": {"pixelspectra:vet_candidates", "native:extractbyexpression", "pixelspectra:score_spectra"},
}


def shipped(name):
    model = QgsProcessingModelAlgorithm()
    assert model.fromFile(str(FOLDER / f"{name}.model3"))
    return model


def test_each_of_them_is_looked_at():
    assert {path.stem for path in FOLDER.glob("*.model3")} == set(STEPS)


@pytest.mark.parametrize("name", STEPS)
def test_the_model_is_the_one_that_its_script_builds(plugin, tmp_path, name):
    import build_model

    assert build_model.MODELS[name]().toFile(str(tmp_path / "again.model3"))
    made, there = (canonicalize(from_file=str(p), strip_text=True)
                   for p in (tmp_path / "again.model3", FOLDER / f"{name}.model3"))
    assert made == there


@pytest.mark.parametrize("name", STEPS)
def test_its_choices_are_those_of_the_algorithm(plugin, name):
    model = shipped(name)
    assert {child.algorithmId() for child in model.childAlgorithms().values()} == STEPS[name]
    score = QgsApplication.processingRegistry().algorithmById("pixelspectra:score_spectra")
    choices = {d.name() for d in model.parameterDefinitions()} & {"REFERENCE", "METRIC", "PIXEL_METRIC"}
    assert choices >= {"REFERENCE", "METRIC"}
    for choice in choices:
        wanted = score.parameterDefinition(choice.replace("PIXEL_", "")).options()
        assert model.parameterDefinition(choice).options() == wanted
        assert model.parameterDefinition(choice).usesStaticStrings()


@pytest.fixture(scope="module")
def granule(tmp_path_factory):
    return write_scene(tmp_path_factory.mktemp("scene"))


@pytest.fixture
def vet_and_score(plugin, granule, tmp_path):
    """A callable: the squares to vet -> both outputs of the model, run in QGIS."""
    import json

    import processing
    from shapely import to_geojson

    def call(*squares, **given):
        features = [{"type": "Feature", "properties": {}, "geometry": json.loads(to_geojson(area))}
                    for area in squares]
        places = tmp_path / "places.geojson"
        places.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        return processing.run(shipped("vet_and_score"), {
            "GRANULE": str(granule), "CANDIDATES": str(places), "REFERENCE": KAOLINITE,
            "vetted_candidates": str(tmp_path / "vetted.gpkg"), "accepted_pixels": str(tmp_path / "pixels.gpkg"),
            **given})

    return call


def attributes(path, *names):
    from qgis.core import QgsVectorLayer

    return [tuple(feature[name] for name in names) for feature in QgsVectorLayer(path, "l", "ogr").getFeatures()]


def test_it_scores_the_pixels_of_what_it_accepts_once_more(vet_and_score):
    done = vet_and_score(square(50, 10), square(20, 15), square(40, 30))
    assert attributes(done["vetted_candidates"], "candidate_id", "verdict", "metric") == [
        ("1", "accept", "sam"), ("2", "accept", "sam"), ("0", "reject", "sam")]
    rows = rows_of(done["accepted_pixels"])
    assert len(rows) == 32
    assert {(row["metric"], row["reference_id"]) for row in rows} == {("feature_fit", KAOLINITE)}
    assert {(row["downtrack"], row["crosstrack"]) for row in rows} == {
        (row + i, column + j) for row, column in ((20, 15), (40, 30)) for i in range(4) for j in range(4)}


def test_the_metrics_are_the_users(vet_and_score):
    done = vet_and_score(square(20, 15), METRIC="correlation", PIXEL_METRIC="sid")
    assert attributes(done["vetted_candidates"], "metric") == [("correlation",)]
    assert {row["metric"] for row in rows_of(done["accepted_pixels"])} == {"sid"}


def test_nothing_accepted_is_told(vet_and_score):
    with pytest.raises(QgsProcessingException, match="no features"):
        vet_and_score(square(50, 10))
