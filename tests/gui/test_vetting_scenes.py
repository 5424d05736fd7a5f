"""vet_candidates over SCENES in QGIS: what search_scenes found is read from the archive on loopback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pixel_spectra.adapters import credentials
from pixel_spectra.adapters.credentials import SIGN_IN_GROUP, Servers, use_servers
from qgis.core import (
    QgsFeature,
    QgsProcessingContext,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingFeedback,
    QgsProject,
    QgsSettings,
    QgsVectorLayer,
)

from granules import GranuleFiles
from loopback import Account, LoopbackArchive
from qgis_side import write_geojson
from sign_in_side import ANALYST, PASSWORD, AuthDatabase, files_that_hold, forget_accounts, never_ask, secrets_of
from vetting_side import FAR, KAOLINITE, LATER, SCENE, square, write_scene

SCENES = ((SCENE, 1.0), (LATER, 0.5), (FAR, 1.0))
SQUARES = {"soil": square(50, 10), "strong": square(20, 15), "weak": square(40, 30)}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The archive with two scenes of one place and one far away; and the folder where they are files."""
    folder = tmp_path_factory.mktemp("files")
    accounts = {ANALYST: Account(PASSWORD), "newcomer": Account(PASSWORD, licence=False)}
    with LoopbackArchive(tmp_path_factory.mktemp("archive"), accounts=accounts) as archive:
        for scene, part in SCENES:
            path = write_scene(folder, scene, part)
            mask, sigma = (path.with_name(path.name.replace("_RFL_", f"_{p}_")) for p in ("MASK", "RFLUNCERT"))
            archive.publish(GranuleFiles(scene, path, mask, sigma), browse=False, cloud=10 + 10 * scene.time.month)
        yield archive, folder


@pytest.fixture(scope="session")
def never(qgis_app):
    return never_ask()


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
def candidates(tmp_path):
    from shapely import to_geojson

    features = [{"type": "Feature", "geometry": json.loads(to_geojson(area)), "properties": {"name": name}}
                for name, area in SQUARES.items()]
    path = tmp_path / "candidates.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


@pytest.fixture
def scenes(run, archive, tmp_path):
    """The output of search_scenes: all scenes, the newest first."""
    everywhere = write_geojson(tmp_path / "everywhere.geojson", {
        "type": "Polygon", "coordinates": [[[10, 30], [25, 30], [25, 40], [10, 40], [10, 30]]]})
    done = run("search_scenes", AOI=everywhere, ENDPOINT=cmr_of(archive), OUTPUT=tmp_path / "scenes.gpkg")
    archive.clear()
    return done["OUTPUT"]


@pytest.fixture
def vetted(run, candidates, tmp_path):
    """A callable: run vet_candidates, give the rows of its output by the name of the candidate."""
    def call(feedback=None, context=None, **given):
        done = run("vet_candidates", feedback, context, CANDIDATES=candidates, CANDIDATE_ID="name",
                   **{"REFERENCE": KAOLINITE, "OUTPUT": tmp_path / "vetted.gpkg", **given})
        return {row["candidate_id"]: row for row in rows_of(done["OUTPUT"])}

    return call


def cmr_of(archive):
    return f"{archive.hosts['cmr']}/search/granules.umm_json"


def rows_of(layer):
    """Attributes, NULL as None."""
    layer = layer if isinstance(layer, QgsVectorLayer) else QgsVectorLayer(str(layer), "l", "ogr")
    return [{name: None if hasattr(v, "isNull") and not hasattr(v, "date") and v.isNull() else v
             for name, v in zip(f.fields().names(), f.attributes()) if name != "fid"} for f in layer.getFeatures()]


def asked_of(archive, scene):
    when = f"{scene.time:%Y%m%dT%H%M%S}"
    return [request for request in archive.asked("data", "signed") if when in request.path]


class Log(QgsProcessingFeedback):
    """What a run says."""

    def __init__(self):
        super().__init__(False)
        self.infos, self.warnings = [], []

    def pushInfo(self, text):  # noqa: N802 (QGIS' name)
        self.infos.append(text)

    def pushWarning(self, text):  # noqa: N802 (QGIS' name)
        self.warnings.append(text)


def test_the_rows_are_those_of_the_files(served, archive, scenes, vetted):
    log = Log()
    done = vetted(log, SCENES=scenes)
    assert done == vetted(GRANULES=served[1])
    assert [done[name]["verdict"] for name in ("strong", "weak", "soil")] == ["accept", "accept", "reject"]
    assert all(row["sigma"] > 0 for row in done.values())
    assert log.warnings[0] == "1 of 3 scenes are far from every candidate and were not opened."
    assert [bool(asked_of(archive, scene)) for scene, _ in SCENES] == [True, True, False]


def test_all_outputs(served, archive, scenes, run, candidates, tmp_path):
    asked = {"CANDIDATES": candidates, "CANDIDATE_ID": "name", "REFERENCE": KAOLINITE}
    outputs = {"OUTPUT": "o.gpkg", "OTHER_SCENES": "s.gpkg", "PIXELS": "p.gpkg", "REPORT": "r.html"}
    done, local = ({name: run("vet_candidates", **asked, **given, **{
        name: tmp_path / f"{what}-{file}" for name, file in outputs.items()})[name] for name in outputs}
        for what, given in (("remote", {"SCENES": scenes}), ("local", {"GRANULES": served[1]})))
    for name in ("OUTPUT", "OTHER_SCENES", "PIXELS"):
        assert rows_of(done[name]) == rows_of(local[name])
    assert len(rows_of(done["PIXELS"])) == 48
    assert Path(done["REPORT"]).read_text().startswith("<!DOCTYPE html>")


def test_scenes_beside_granules(served, archive, scenes, vetted):
    local = next(served[1].glob("*RFL_001_20240501*"))
    done = vetted(GRANULES=local, SCENES=scenes)
    assert [row["scene_id"] for row in done.values()] == [local.stem] * 3


def test_only_the_selected_scenes(archive, scenes, vetted):
    layer = QgsVectorLayer(scenes, "scenes", "ogr")
    QgsProject.instance().addMapLayer(layer)
    layer.selectByExpression(f"scene_id LIKE '%{LATER.time:%Y%m%dT%H%M%S}%'")
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    done = vetted(None, context, SCENES=QgsProcessingFeatureSourceDefinition(layer.id(), True))
    assert {row["datetime"].toPyDateTime().month for row in done.values()} == {6}
    assert asked_of(archive, SCENE) == []
    QgsProject.instance().removeMapLayer(layer.id())


def test_footprints_in_another_projection(served, archive, scenes, vetted):
    import processing

    moved = processing.run("native:reprojectlayer", {"INPUT": scenes, "TARGET_CRS": "EPSG:3857",
                                                     "OUTPUT": "memory:"})["OUTPUT"]
    log = Log()
    assert vetted(log, SCENES=moved) == vetted(GRANULES=served[1])
    assert log.warnings[0] == "1 of 3 scenes are far from every candidate and were not opened."


def test_no_scene_near_is_an_answer(archive, scenes, run, tmp_path):
    at_sea = write_geojson(tmp_path / "sea.geojson", {"type": "Point", "coordinates": [-30.0, 36.0]})
    log = Log()
    done = run("vet_candidates", log, CANDIDATES=at_sea, SCENES=scenes, REFERENCE=KAOLINITE, OUTPUT="memory:")
    row, = rows_of(done["OUTPUT"])
    assert (row["verdict"], row["reason"]) == ("none", "It lies outside all scenes.")
    assert log.warnings == ["3 of 3 scenes are far from every candidate and were not opened."]
    assert archive.asked("data", "signed", "login") == []


def test_a_search_that_found_nothing_is_an_answer(archive, run, candidates, tmp_path, vetted):
    at_sea = write_geojson(tmp_path / "sea.geojson", {"type": "Point", "coordinates": [-30.0, 36.0]})
    none = run("search_scenes", AOI=at_sea, ENDPOINT=cmr_of(archive), OUTPUT=tmp_path / "none.gpkg")["OUTPUT"]
    done = vetted(SCENES=none)
    assert [row["reason"] for row in done.values()] == ["It lies outside all scenes."] * 3


def test_a_scene_that_was_withdrawn_is_a_warning_and_a_reason(archive, run, scenes, candidates, tmp_path):
    """Two candidates lie far apart, each in one scene; the scene of one is gone."""
    path = tmp_path / "apart.csv"
    path.write_text(f'name,wkt\nhere,"{square(20, 15).wkt}"\nfar,"{square(20, 15, 4, FAR).wkt}"\n')
    archive.faults.add("404", path_contains=f"{FAR.time:%Y%m%dT%H%M%S}", times=None)
    log = Log()
    done = run("vet_candidates", log, CANDIDATES=path, CANDIDATE_ID="name", SCENES=scenes, REFERENCE=KAOLINITE,
               OUTPUT="memory:")
    rows = {row["candidate_id"]: row for row in rows_of(done["OUTPUT"])}
    assert rows["here"]["verdict"] == "accept" and rows["here"]["reason"] in ("", None)
    assert rows["far"]["verdict"] == "none"
    assert "is not in the archive (any more)" in rows["far"]["reason"]
    assert any("1 of 3 scenes could not be opened" in warning for warning in log.warnings)


def test_nobody_is_signed_in(archive, scenes, refused, candidates, monkeypatch):
    monkeypatch.delenv("EARTHDATA_TOKEN")
    assert "You are not signed in to Earthdata" in refused(
        "vet_candidates", CANDIDATES=candidates, SCENES=scenes, REFERENCE=KAOLINITE, OUTPUT="memory:")


def test_an_account_without_the_licence(archive, scenes, refused, candidates, monkeypatch):
    monkeypatch.setenv("EARTHDATA_TOKEN", archive.token("newcomer"))
    assert "the account must first accept the licence (EULA)" in refused(
        "vet_candidates", CANDIDATES=candidates, SCENES=scenes, REFERENCE=KAOLINITE, OUTPUT="memory:")


def test_an_authentication_of_qgis_signs_in(served, archive, scenes, vetted, never, monkeypatch, tmp_path):
    """And nothing of it is left in outputs, journal, cache or log."""
    monkeypatch.delenv("EARTHDATA_TOKEN")
    database = AuthDatabase(never)
    authcfg = database.add("Basic", username=ANALYST, password=PASSWORD)
    log = Log()
    try:
        done = vetted(log, SCENES=scenes, AUTHCFG=authcfg, JOURNAL=tmp_path / "journal", REPORT=tmp_path / "r.html")
    finally:
        database.clear()
    assert done == vetted(GRANULES=served[1])
    secrets = secrets_of(archive)
    assert len(secrets) >= 6
    assert files_that_hold(tmp_path, secrets) == []
    assert not any(secret in text for secret in secrets for text in (*log.infos, *log.warnings))


def test_a_journal_goes_on_and_asks_for_less(served, archive, scenes, vetted, tmp_path):
    first = vetted(SCENES=scenes, JOURNAL=tmp_path / "journal")
    n_first = len(archive.asked("signed"))
    archive.clear()
    log = Log()
    assert vetted(log, SCENES=scenes, JOURNAL=tmp_path / "journal") == first
    assert any("Going on with the journal" in warning for warning in log.warnings)
    assert len(archive.asked("signed")) < n_first


def test_cancel_leaves_no_output(archive, scenes, provider, candidates, tmp_path):
    """The storage is silent; the user cancels."""
    archive.faults.add("hang", times=None)

    class Impatient(QgsProcessingFeedback):
        def isCanceled(self):  # noqa: N802 (QGIS' name)
            return any(request.fault for request in archive.requests)

    target = tmp_path / "vetted.gpkg"
    algorithm = provider.algorithm("vet_candidates").create()
    results, _ = algorithm.run({"CANDIDATES": str(candidates), "SCENES": scenes, "REFERENCE": KAOLINITE,
                                "OUTPUT": str(target)}, QgsProcessingContext(), Impatient())
    assert results == {}
    assert not target.exists()


@pytest.mark.parametrize(("given", "words"), [
    ({}, "There is no granule to look the candidates up in"),
    ({"SCENES": "candidates"}, "has no field rfl_url, mask_url, rfluncert_url, so it holds no scenes; give the output "
                               "of 'Search scenes'")])
def test_what_is_refused(archive, refused, candidates, given, words):
    given = {name: candidates for name in given}
    assert words in refused("vet_candidates", CANDIDATES=candidates, REFERENCE=KAOLINITE, OUTPUT="memory:", **given)


def test_an_address_that_holds_a_secret_is_refused(archive, refused, candidates):
    layer = QgsVectorLayer("Point?crs=EPSG:4326&field=rfl_url:string&field=mask_url:string&field=rfluncert_url:string",
                           "scenes", "memory")
    feature = QgsFeature(layer.fields())
    feature["rfl_url"] = "https://data.example/a.nc?X-Amz-Signature=planted"
    layer.dataProvider().addFeatures([feature])
    said = refused("vet_candidates", CANDIDATES=candidates, SCENES=layer, REFERENCE=KAOLINITE, OUTPUT="memory:")
    assert "comes with more than where the granule is" in said
    assert "planted" not in said
