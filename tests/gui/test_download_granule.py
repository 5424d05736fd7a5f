"""download_granule in QGIS: scenes of a layer and single addresses into a folder, and read from there from then on."""

from __future__ import annotations

import hashlib
import re

import pytest
from pixel_spectra.adapters import credentials, downloads
from pixel_spectra.adapters.credentials import SIGN_IN_GROUP, Servers, use_servers
from pixel_spectra.adapters.downloads import FOLDERS_KEY, download_folders, downloaded, files_of, remember_folder
from pixel_spectra.core.archive.copies import LEDGER, LocalFirst
from pixel_spectra.core.errors import ArchiveError, GranuleError
from qgis.core import QgsFeatureRequest, QgsProcessingContext, QgsProcessingFeedback, QgsSettings, QgsVectorLayer

from granules import write_granule
from loopback import Account, LoopbackArchive
from qgis_side import SCENE, place, write_geojson
from sign_in_side import ANALYST, PASSWORD, files_that_hold, forget_accounts, loopback_process, secrets_of

WORDS = {"COUNT", "FAILED", "FOLDER"}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The archive with one granule whose MASK is of V002 and has a record of its own."""
    files = write_granule(tmp_path_factory.mktemp("granule"), SCENE, mask="V002")
    with LoopbackArchive(tmp_path_factory.mktemp("archive"), accounts={ANALYST: Account(PASSWORD)}) as archive:
        yield archive, archive.publish(files), files


@pytest.fixture
def archive(served, monkeypatch, tmp_path):
    archive = served[0]
    archive.clear()
    archive.faults.clear()
    forget_accounts(monkeypatch, tmp_path)
    monkeypatch.setenv("EARTHDATA_TOKEN", archive.token())
    monkeypatch.setattr(credentials, "cache_folder", lambda: tmp_path / "cache")
    for key in (SIGN_IN_GROUP, FOLDERS_KEY):
        QgsSettings().remove(key)
    use_servers(Servers(archive.hosts["login"], archive.origins))
    yield archive
    use_servers(Servers())
    QgsSettings().remove(FOLDERS_KEY)


@pytest.fixture
def cmr(served):
    return f"{served[0].hosts['cmr']}/search/granules.umm_json"


@pytest.fixture
def scenes(run, archive, cmr, tmp_path):
    """The output of search_scenes."""
    here = write_geojson(tmp_path / "here.geojson", {"type": "Point", "coordinates": place(12, 9)})
    done = run("search_scenes", AOI=here, ENDPOINT=cmr, OUTPUT=tmp_path / "scenes.gpkg")
    archive.clear()
    return done["OUTPUT"]


class Log(QgsProcessingFeedback):
    """What a run says."""

    def __init__(self):
        super().__init__(False)
        self.infos, self.warnings = [], []

    def pushInfo(self, text):  # noqa: N802 (QGIS' name)
        if not text.startswith("Results: "):
            self.infos.append(text)

    def pushWarning(self, text):  # noqa: N802 (QGIS' name)
        self.warnings.append(text)


def left_in(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != LEDGER)


def names(published):
    return sorted(path.rpartition("/")[2] for path in published.data.values())


def test_all_files_of_a_scene_lie_side_by_side(run, served, archive, scenes, cmr, tmp_path):
    _, published, files = served
    log, folder = Log(), tmp_path / "new" / "folder"
    done = run("download_granule", log, SCENES=scenes, FOLDER=folder, ENDPOINT=cmr)
    assert done == {"FOLDER": str(folder), "COUNT": 3, "FAILED": 0}
    assert left_in(folder) == names(published)
    assert (folder / files.reflectance.name).read_bytes() == files.reflectance.read_bytes()
    assert log.warnings == []
    assert re.fullmatch(rf"In '{folder}' 3 of 3 files are whole \(.* MB came now\)\.", log.infos[-1])


def test_the_mask_of_another_version_is_found_beside_it(run, served, scenes, cmr, tmp_path):
    from pixel_spectra.core.sensors import open_granule

    run("download_granule", SCENES=scenes, FOLDER=tmp_path / "folder", ENDPOINT=cmr)
    with open_granule(tmp_path / "folder" / served[2].reflectance.name) as granule:
        assert granule.quality is not None
        assert any("_MASK_002_" in path for path in granule.companions().values() if path)


def test_the_files_that_are_asked_for(run, served, scenes, cmr, tmp_path):
    done = run("download_granule", SCENES=scenes, FILES="MASK", FOLDER=tmp_path / "a", ENDPOINT=cmr)
    assert done["COUNT"] == 1
    assert left_in(tmp_path / "a") == [served[2].mask.name]
    done = run("download_granule", SCENES=scenes, FILES=["RFL", "MASK"], FOLDER=tmp_path / "b", ENDPOINT=cmr)
    assert left_in(tmp_path / "b") == sorted([served[2].mask.name, served[2].reflectance.name])


def test_one_address(run, served, archive, cmr, tmp_path):
    url = archive.url(served[1].mask)
    log = Log()
    done = run("download_granule", log, URL=url, FOLDER=tmp_path / "folder", ENDPOINT=cmr)
    assert done["COUNT"] == 1
    assert left_in(tmp_path / "folder") == [served[2].mask.name]
    assert log.warnings == []


def test_again_nothing_is_fetched(run, archive, scenes, cmr, tmp_path):
    run("download_granule", SCENES=scenes, FOLDER=tmp_path / "folder", ENDPOINT=cmr)
    archive.clear()
    log = Log()
    done = run("download_granule", log, SCENES=scenes, FOLDER=tmp_path / "folder", ENDPOINT=cmr)
    assert done["COUNT"] == 3
    assert {request.host for request in archive.requests} == {"cmr"}
    assert log.infos[-1].endswith("' 3 of 3 files are whole, 3 of them from before (0 bytes came now).")


def test_one_file_that_fails(run, archive, scenes, cmr, tmp_path):
    archive.faults.add("404", path_contains="_RFLUNCERT_", times=None)
    log = Log()
    done = run("download_granule", log, SCENES=scenes, FOLDER=tmp_path / "folder", ENDPOINT=cmr)
    assert (done["COUNT"], done["FAILED"]) == (2, 1)
    assert len(log.warnings) == 1 and "is not in the archive (any more)" in log.warnings[0]
    assert log.infos[-1].endswith("; 1 could not be downloaded.")


def test_where_all_fail_so_does_the_algorithm(refused, archive, scenes, cmr, tmp_path):
    archive.faults.add("404", times=None)
    said = refused("download_granule", SCENES=scenes, FOLDER=tmp_path / "folder", ENDPOINT=cmr)
    assert "None of the 3 files was downloaded; the first of them: " in said


def test_a_checksum_that_does_not_fit(refused, served, archive, cmr, tmp_path):
    _, published, files = served
    good = list(archive.records)
    digest = hashlib.sha512(files.mask.read_bytes()).hexdigest()
    import json

    archive.records.clear()
    archive.records.extend(json.loads(json.dumps(good).replace(digest, "ab" * 64)))
    try:
        said = refused("download_granule", URL=archive.url(published.mask), FOLDER=tmp_path / "f", ENDPOINT=cmr)
    finally:
        archive.records.clear()
        archive.records.extend(good)
    assert f"'{files.mask.name}' came damaged: its sha512 checksum is not that of its record" in said
    assert left_in(tmp_path / "f") == [f"{files.mask.name}.damaged"]


def test_a_catalogue_that_does_not_answer_is_told(run, served, archive, cmr, tmp_path):
    archive.faults.add("404", host="cmr", times=None)
    log = Log()
    run("download_granule", log, URL=archive.url(served[1].mask), FOLDER=tmp_path / "folder", ENDPOINT=cmr)
    assert re.fullmatch(r"Of 1 of 1 files the catalogue tells no checksum \(CMR: .*\); they are checked by their size "
                        r"alone\.", log.warnings[0])


def test_not_signed_in(refused, archive, scenes, cmr, tmp_path, monkeypatch):
    monkeypatch.delenv("EARTHDATA_TOKEN")
    use_servers(Servers(archive.hosts["login"], archive.origins))
    said = refused("download_granule", SCENES=scenes, FOLDER=tmp_path / "folder", ENDPOINT=cmr)
    assert "You are not signed in to Earthdata" in said
    assert left_in(tmp_path / "folder") == []


@pytest.mark.parametrize(("parameters", "said"), [
    ({}, "Nothing to download is given; give SCENES, the output of 'Search scenes', or URL."),
    ({"URL": "https://data.example/a.nc?Signature=planted"}, "comes with more than where the granule is"),
    ({"URL": "http://data.example/a.nc"}, "'http://data.example/a.nc' is not the plain address (https) of a file"),
    ({"URL": "scene.nc"}, "'scene.nc' is not the plain address (https) of a file"),
    ({"URL": "https://data.example/a.exe"}, "'a.exe' is not the name of a granule (.nc, .nc4, .h5)"),
    ({"URL": "https://data.example/a.nc", "FOLDER": ""}, "FOLDER"),
    ({"SCENES": "nowhere.gpkg"}, "SCENES"),
])
def test_refused(refused, archive, tmp_path, parameters, said):
    told = refused("download_granule", **{"FOLDER": tmp_path / "folder", **parameters})
    assert said in told and "planted" not in told
    assert archive.requests == [] and not (tmp_path / "folder").exists()


def test_a_layer_that_holds_no_scenes(refused, run, archive, cmr, tmp_path):
    layer = write_geojson(tmp_path / "here.geojson", {"type": "Point", "coordinates": [10.0, 20.0]})
    assert "so it holds no scenes; give the output of 'Search scenes'" in refused(
        "download_granule", SCENES=layer, FOLDER=tmp_path / "folder", ENDPOINT=cmr)


def test_a_layer_in_memory_that_no_project_holds(run, served, archive, scenes, cmr, tmp_path):
    layer = QgsVectorLayer(str(scenes), "scenes", "ogr").materialize(QgsFeatureRequest())
    done = run("download_granule", SCENES=layer, FILES="MASK", FOLDER=tmp_path / "folder", ENDPOINT=cmr)
    assert done["COUNT"] == 1


def test_no_scenes_are_no_error(run, archive, cmr, tmp_path):
    far = write_geojson(tmp_path / "far.geojson", {"type": "Point", "coordinates": [-150.0, -40.0]})
    none = run("search_scenes", AOI=far, ENDPOINT=cmr, OUTPUT=tmp_path / "none.gpkg")["OUTPUT"]
    log = Log()
    done = run("download_granule", log, SCENES=none, FOLDER=tmp_path / "folder", ENDPOINT=cmr)
    assert (done["COUNT"], log.warnings) == (0, ["The layer holds no scenes to download."])


def test_what_the_scenes_lack_is_told(archive, scenes):
    layer = QgsVectorLayer(str(scenes), "scenes", "ogr")
    feature = next(layer.getFeatures())
    assert layer.dataProvider().changeAttributeValues({feature.id(): {layer.fields().lookupField("mask_url"): None}})
    found, notices = files_of(layer, "scenes", ["RFL", "MASK"])
    assert [file.url for file in found] == [feature["rfl_url"]]
    assert notices == ["Of 1 of 1 scenes the layer names no MASK file."]
    assert len(files_of(layer, "scenes")[0]) == 2 and files_of(layer, "scenes")[1] == []
    with pytest.raises(ArchiveError, match="A scene has no file 'RAD'; the known ones are: RFL, RFLUNCERT, MASK"):
        files_of(layer, "scenes", ["RAD"])


@pytest.mark.parametrize("field", ["rfl_url", "mask_url", "rfluncert_url"])
def test_a_signature_in_a_layer_is_refused_wherever_it_stands(scenes, field):
    layer = QgsVectorLayer(str(scenes), "scenes", "ogr")
    feature = next(layer.getFeatures())
    changed = {layer.fields().lookupField(field): f"{feature[field]}?Signature=planted"}
    assert layer.dataProvider().changeAttributeValues({feature.id(): changed})
    with pytest.raises(GranuleError, match="comes with more than where the granule is") as caught:
        files_of(layer, "scenes")
    assert "planted" not in str(caught.value)


def test_an_address_as_gdal_writes_it_is_one_too(scenes):
    layer = QgsVectorLayer(str(scenes), "scenes", "ogr")
    feature = next(layer.getFeatures())
    changed = {layer.fields().lookupField("mask_url"): f"/vsicurl/{feature['mask_url']}"}
    assert layer.dataProvider().changeAttributeValues({feature.id(): changed})
    assert feature["mask_url"] in [file.url for file in files_of(layer, "scenes")[0]]


def test_cancelled_on_the_way_and_taken_up(provider, archive, served, cmr, tmp_path):
    archive.configure(bytes_per_s=300_000)
    parameters = {"URL": archive.url(served[1].rfl), "FOLDER": str(tmp_path / "folder"), "ENDPOINT": cmr}

    class Impatient(Log):
        def setProgressText(self, text):  # noqa: N802 (QGIS' name)
            if text.startswith("Downloading"):
                self.cancel()

    log = Impatient()
    algorithm = provider.algorithm("download_granule").create()
    try:
        results, _ = algorithm.run(parameters, QgsProcessingContext(), log)
    finally:
        archive.configure(bytes_per_s=None)
    assert results == {}
    assert log.infos[-1].startswith("The download was cancelled; what came of 'EMIT_L2A_RFL_")
    name = served[2].reflectance.name
    assert left_in(tmp_path / "folder") == [f"{name}.part", f"{name}.part.json"]
    results, ok = provider.algorithm("download_granule").create().run(parameters, QgsProcessingContext(), Log())
    assert ok and results["COUNT"] == 1
    assert left_in(tmp_path / "folder") == [name]


# used from then on


def test_the_folder_is_remembered_and_its_files_are_read(run, served, archive, scenes, cmr, tmp_path):
    _, published, files = served
    url = archive.url(published.rfl)
    assert downloaded(url) is None
    run("download_granule", SCENES=scenes, FOLDER=tmp_path / "folder", ENDPOINT=cmr)
    assert download_folders() == (str(tmp_path / "folder"),)
    assert downloaded(url) == tmp_path / "folder" / files.reflectance.name
    archive.clear()
    opener = LocalFirst(credentials.opener_for(), download_folders())
    assert opener(url).read_ranges([(0, 4)]) == [b"\x89HDF"]
    assert archive.requests == []


def test_folders_are_remembered_the_last_one_first(archive, tmp_path):
    for n in (*range(20), 3):
        remember_folder(tmp_path / str(n))
    assert download_folders()[:3] == tuple(str(tmp_path / n) for n in ("3", "19", "18"))
    assert len(download_folders()) == 16 == len(set(download_folders()))


@pytest.mark.parametrize("nonsense", ["", "{", "3", '{"a": 1}'])
def test_nonsense_in_the_settings_is_no_folder(archive, nonsense):
    QgsSettings().setValue(FOLDERS_KEY, nonsense)
    assert download_folders() == ()
    assert downloads.downloaded("https://data.example/a.nc") is None


# the program beside QGIS


def test_through_qgis_process(served, archive, scenes, cmr, tmp_path, tmp_path_factory, monkeypatch):
    process = loopback_process(archive, tmp_path_factory.mktemp("profile"), tmp_path_factory.mktemp("plugins"))
    monkeypatch.delenv("EARTHDATA_TOKEN")
    done = process.with_master_password().run("pixelspectra:download_granule", SCENES=scenes, AUTHCFG=process.authcfg,
                                              FOLDER=tmp_path / "folder", ENDPOINT=cmr)
    assert done.json["results"] == {"FOLDER": str(tmp_path / "folder"), "COUNT": 3, "FAILED": 0}
    assert left_in(tmp_path / "folder") == names(served[1])
    secrets = secrets_of(archive)
    assert len(secrets) >= 6
    assert not any(secret in text for secret in secrets for text in (done.output, done.errors))
    assert files_that_hold(tmp_path, secrets) == []
    assert files_that_hold(process.folder, secrets) == []


def test_algorithms_read_what_was_downloaded(run, served, archive, scenes, cmr, tmp_path):
    run("download_granule", SCENES=scenes, FOLDER=tmp_path / "folder", ENDPOINT=cmr)
    archive.clear()
    point = write_geojson(tmp_path / "point.geojson", {"type": "Point", "coordinates": place(12, 9)})
    run("extract_spectra", GRANULE=archive.url(served[1].rfl), AOI=point, MASK="good_bands", OUTPUT="TEMPORARY_OUTPUT")
    assert archive.asked("signed") == []
