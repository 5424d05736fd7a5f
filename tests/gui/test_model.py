"""The models that ship: they offer the same choices as the algorithms they run, and are made by their script."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import canonicalize

import pytest
from pixel_spectra.adapters import credentials
from pixel_spectra.adapters.credentials import SIGN_IN_GROUP, Servers, use_servers
from qgis.core import (
    QgsApplication,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingModelAlgorithm,
    QgsProcessingParameterDefinition,
    QgsSettings,
)
from shapely import to_geojson

from granules import GranuleFiles
from loopback import Account, LoopbackArchive
from qgis_side import ROOT, rows_of, write_geojson
from sign_in_side import ANALYST, PASSWORD, files_that_hold, forget_accounts, loopback_process, secrets_of
from vetting_side import FAR, KAOLINITE, LATER, SCENE, square, write_scene

FOLDER = ROOT / "resources" / "models"
STEPS = {
    "score_and_filter": {"pixelspectra:score_spectra", "native:extractbyexpression"},
    "search_and_vet": {"pixelspectra:search_scenes", "pixelspectra:vet_candidates"},
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
def test_the_modeler_finds_nothing_wrong_with_it(plugin, name):
    assert shipped(name).validate() == (True, [])


@pytest.mark.parametrize("name", STEPS)
def test_it_tells_what_it_does_and_what_each_input_is(plugin, name):
    model = shipped(name)
    told = model.shortHelpString()
    assert model.helpContent()["ALG_DESC"] in told
    assert all(d.help() for d in model.parameterDefinitions() if not d.isDestination())


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


# vet_and_score


@pytest.fixture(scope="module")
def granule(tmp_path_factory):
    return write_scene(tmp_path_factory.mktemp("scene"))


@pytest.fixture
def vet_and_score(plugin, granule, tmp_path):
    """A callable: the squares to vet -> both outputs of the model, run in QGIS."""
    import processing

    def call(*squares, **given):
        return processing.run(shipped("vet_and_score"), {
            "GRANULE": str(granule), "CANDIDATES": places_of(tmp_path, *squares), "REFERENCE": KAOLINITE,
            "vetted_candidates": str(tmp_path / "vetted.gpkg"), "accepted_pixels": str(tmp_path / "pixels.gpkg"),
            **given})

    return call


def places_of(folder, *squares):
    """The path of a layer of squares."""
    places = [json.loads(to_geojson(area)) for area in squares]
    return str(write_geojson(folder / "places.geojson", *places))


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


def test_accepted_pixels_tell_their_candidate(vet_and_score):
    """The filter numbers the features anew: what was candidate 1 is feature 1 of 2, and what was 2 is not its third."""
    done = vet_and_score(square(50, 10), square(20, 15), square(40, 30))
    rows = rows_of(done["accepted_pixels"])
    assert {(row["candidate_id"], row["downtrack"] // 4 * 4) for row in rows} == {("1", 20), ("2", 40)}


def test_nothing_accepted_is_an_empty_layer_of_pixels(vet_and_score):
    done = vet_and_score(square(50, 10))
    assert attributes(done["vetted_candidates"], "verdict") == [("reject",)]
    assert attributes(done["accepted_pixels"], "candidate_id", "metric") == []


# search_and_vet


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The archive with two scenes of one place, of which the later is cloudier, and one far away."""
    folder = tmp_path_factory.mktemp("files")
    with LoopbackArchive(tmp_path_factory.mktemp("archive"), accounts={ANALYST: Account(PASSWORD)}) as archive:
        for scene, part, cloud in ((SCENE, 1.0, 10), (LATER, 0.5, 60), (FAR, 1.0, 10)):
            path = write_scene(folder, scene, part)
            mask, sigma = (path.with_name(path.name.replace("_RFL_", f"_{p}_")) for p in ("MASK", "RFLUNCERT"))
            archive.publish(GranuleFiles(scene, path, mask, sigma), browse=False, cloud=cloud)
        yield archive, folder


@pytest.fixture
def archive(served, monkeypatch, tmp_path):
    """Signed in by the environment."""
    archive = served[0]
    archive.clear()
    archive.faults.clear()
    forget_accounts(monkeypatch, tmp_path)
    monkeypatch.setenv("EARTHDATA_TOKEN", archive.token(ANALYST))
    monkeypatch.setattr(credentials, "cache_folder", lambda: tmp_path / "cache")
    QgsSettings().remove(SIGN_IN_GROUP)
    use_servers(Servers(archive.hosts["login"], archive.origins))
    yield archive
    use_servers(Servers())


@pytest.fixture
def asked(archive, tmp_path):
    """What the model is asked about three squares; paths of outputs in `tmp_path`."""
    return {"CANDIDATES": places_of(tmp_path, square(50, 10), square(20, 15), square(40, 30)),
            "ENDPOINT": f"{archive.hosts['cmr']}/search/granules.umm_json",
            "scenes": str(tmp_path / "scenes.gpkg"), "vetted_candidates": str(tmp_path / "vetted.gpkg")}


@pytest.fixture
def search_and_vet(plugin, asked):
    """A callable: what else is given -> the outputs of the model, run in QGIS."""
    import processing

    def call(feedback=None, **given):
        return processing.run(shipped("search_and_vet"), {**asked, **given}, feedback=feedback)

    return call


SEEN = ("candidate_id", "verdict", "scene_id", "score", "sigma", "background_percentile")


def test_its_inputs(plugin):
    model = shipped("search_and_vet")
    advanced, optional = (getattr(QgsProcessingParameterDefinition.Flag, f"Flag{name}")
                          for name in ("Advanced", "Optional"))
    inputs = {d.name(): (bool(d.flags() & advanced), bool(d.flags() & optional))
              for d in model.parameterDefinitions() if not d.isDestination()}
    must, may = (False, False), (False, True)
    assert inputs == {"CANDIDATES": must, "REFERENCE": must, "METRIC": must, "START": may, "END": may, "MAX_CLOUD": may,
                      "MASK": may, "AUTHCFG": may, "ENDPOINT": (True, True)}


def test_from_candidates_to_verdicts(served, archive, search_and_vet, run, asked, tmp_path):
    """The same as both algorithms one after the other, and as the files; nothing but what was asked for is left."""
    done = search_and_vet()
    local = run("vet_candidates", CANDIDATES=asked["CANDIDATES"], GRANULES=served[1], REFERENCE=KAOLINITE,
                OUTPUT=tmp_path / "local.gpkg")["OUTPUT"]
    rows = attributes(done["vetted_candidates"], *SEEN)
    assert rows == attributes(local, *SEEN)
    assert [row[:2] for row in rows] == [("1", "accept"), ("2", "accept"), ("0", "reject")]
    names = [scene.file_name("L2A_RFL").removesuffix(".nc") for scene in (LATER, SCENE)]
    assert attributes(done["scenes"], "scene_id") == [(name,) for name in names]
    assert done["report"] is None
    assert not any(f"{FAR.time:%Y%m%dT%H%M%S}" in request.path for request in archive.requests)


@pytest.mark.parametrize(("given", "months"), [
    ({"START": "2024-06-01"}, [6]), ({"END": "2024-05-31"}, [5]),
    ({"MAX_CLOUD": 60}, [5]), ({"MAX_CLOUD": 61}, [6, 5])])
def test_dates_and_clouds_choose_scenes(search_and_vet, given, months):
    done = search_and_vet(**given)
    assert [moment.toUTC().date().month() for moment, in attributes(done["scenes"], "datetime")] == months


def test_reference_metric_mask_and_report_are_the_users(search_and_vet, tmp_path):
    done = search_and_vet(REFERENCE="gypsum_su2202_becka", METRIC="sid", MASK="good_bands",
                          report=str(tmp_path / "r.html"))
    rows = attributes(done["vetted_candidates"], "reference_id", "metric", "mask_id")
    assert set(rows) == {("gypsum_su2202_becka", "sid", "good_bands")}
    assert Path(done["report"]).read_text().startswith("<!DOCTYPE html>")


def test_no_scenes_over_the_sea_is_an_answer(archive, search_and_vet, tmp_path):
    at_sea = places_of(tmp_path, square(20, 15, 4, replace(SCENE, lon=-30.0)))
    done = search_and_vet(CANDIDATES=at_sea)
    assert attributes(done["scenes"], "scene_id") == []
    assert attributes(done["vetted_candidates"], "verdict", "reason") == [("none", "It lies outside all scenes.")]
    assert archive.asked("data", "signed", "login") == []


def test_a_scene_that_is_gone_is_told_in_the_log_of_the_model(archive, search_and_vet):
    class Log(QgsProcessingFeedback):
        said = ()

        def pushWarning(self, text):  # noqa: N802 (QGIS' name)
            self.said = (*self.said, text)

    archive.faults.add("404", path_contains=SCENE.file_name("L2A_RFL"), times=None)
    log = Log()
    done = search_and_vet(log)
    assert [verdict for verdict, in attributes(done["vetted_candidates"], "verdict")].count("none") == 0
    assert any("1 of 2 scenes could not be opened" in text for text in log.said)


def test_nobody_signed_in_is_one_sentence(search_and_vet, monkeypatch):
    monkeypatch.delenv("EARTHDATA_TOKEN")
    with pytest.raises(QgsProcessingException, match="You are not signed in to Earthdata"):
        search_and_vet()


def test_through_qgis_process_with_an_authentication_of_qgis(served, archive, asked, tmp_path, tmp_path_factory, run,
                                                             monkeypatch):
    """The model file is given to the program; it signs in by AUTHCFG, and no secret is left anywhere."""
    process = loopback_process(archive, tmp_path_factory.mktemp("profile"), tmp_path_factory.mktemp("plugins"))
    monkeypatch.delenv("EARTHDATA_TOKEN")
    done = process.with_master_password().run(
        str(FOLDER / "search_and_vet.model3"), **asked, START="2024-05-01", END="2024-06-30", MAX_CLOUD=61,
        AUTHCFG=process.authcfg, report=tmp_path / "r.html")
    assert set(done.json["results"]) >= {"scenes", "vetted_candidates", "report"}
    local = run("vet_candidates", CANDIDATES=asked["CANDIDATES"], GRANULES=served[1], REFERENCE=KAOLINITE,
                OUTPUT=tmp_path / "local.gpkg")["OUTPUT"]
    texts, numbers = SEEN[:3], SEEN[3:]
    assert attributes(asked["vetted_candidates"], *texts) == attributes(local, *texts)
    for here, there in zip(attributes(asked["vetted_candidates"], *numbers), attributes(local, *numbers)):
        assert here == pytest.approx(there, rel=1e-9)  # another process may sum in another order
    assert (tmp_path / "r.html").exists()
    secrets = secrets_of(archive)
    assert len(secrets) >= 6
    assert not any(secret in text for secret in secrets for text in (done.output, done.errors))
    assert files_that_hold(tmp_path, secrets) == []
    assert files_that_hold(process.folder, secrets) == []
