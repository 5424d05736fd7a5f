"""vet() over scenes of the archive: the table of the files, whatever the network does, and no secret on the way."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pixel_spectra.core.archive import opener, search
from pixel_spectra.core.archive.login import earthdata_token
from pixel_spectra.core.archive.opening import Opener
from pixel_spectra.core.archive.web.http import HttpClient
from pixel_spectra.core.errors import ArchiveError, Cancelled, GranuleError, SignInError
from pixel_spectra.core.sensors import GranuleSource
from pixel_spectra.core.vetting import Candidate, vet
from pixel_spectra.core.vetting.journal import FILE
from pixel_spectra.core.vetting.offered import OfferedScene
from shapely import unary_union

from archive_reading import PATIENT, QUICK, CancelledWhen
from granules import GranuleFiles
from loopback import LoopbackArchive
from planted import assert_untold, files_under, signatures
from sidecars import publish
from vetting_side import FAR, KAOLINITE, LATER, SCENE, square, write_scene

PLACES = [replace(SCENE, lon=15.0 + i, time=SCENE.time + timedelta(days=i), scene=10 + i) for i in range(4)]
"""Four scenes side by side, a degree apart, so that each covers candidates of its own."""
NAMES = ("first", "second", "third", "fourth")
EACH = [Candidate(f"{name} {what}", square(row, column, 4, scene))
        for name, scene in zip(NAMES, PLACES) for what, row, column in (("strong", 20, 15), ("soil", 50, 10))]
MANY = [Candidate(i, square(2 + 3 * (i // 12), 2 + 3 * (i % 12), 3)) for i in range(96)]
"""Four pieces of work in the place of SCENE and LATER."""


def files_of(folder, scene, part=1.0):
    path = write_scene(folder, scene, part)
    beside = {product: path.with_name(path.name.replace("_RFL_", f"_{product}_")) for product in ("MASK", "RFLUNCERT")}
    return GranuleFiles(scene, path, beside["MASK"], beside["RFLUNCERT"])


class Served:
    """Scenes in the archive, and the same ones as files; they are found by a search."""

    def __init__(self, archive, files):
        self.archive, self.files = archive, files
        self.published = [archive.publish(one, browse=False) for one in files]
        self.paths = [one.reflectance for one in files]

    def found(self, candidates, **more):
        client = HttpClient(limits=QUICK)
        try:
            area = unary_union([one.geometry for one in candidates])
            return search("EMIT", area, None, None, endpoint=f"{self.archive.hosts['cmr']}/search/granules.umm_json",
                          client=client, **more)
        finally:
            client.close()

    def all(self):
        """Every scene in the order of the files, near or not."""
        return self.found([Candidate("all", unary_union([square(20, 15, 4, one.scene) for one in self.files]))])[::-1]

    def opener(self, limits=QUICK, user="analyst", **more):
        token = self.archive.token(user)
        return Opener(lambda: token, None, self.archive.origins, limits=limits, **more)

    def asked(self, files, *hosts):
        """What was asked of the files of one scene."""
        when = f"{files.scene.time:%Y%m%dT%H%M%S}"
        return [request for request in self.archive.asked(*(hosts or ("data", "signed"))) if when in request.path]


@pytest.fixture(scope="module")
def over_time(tmp_path_factory):
    """SCENE, LATER at the same place with less kaolinite, and one far away."""
    folder = tmp_path_factory.mktemp("over_time")
    files = [files_of(folder / "files", scene, part) for scene, part in ((SCENE, 1.0), (LATER, 0.5), (FAR, 1.0))]
    with LoopbackArchive(folder / "archive") as archive:
        yield Served(archive, files)


@pytest.fixture(scope="module")
def side_by_side(tmp_path_factory):
    """PLACES."""
    folder = tmp_path_factory.mktemp("side_by_side")
    files = [files_of(folder / "files", scene) for scene in PLACES]
    with LoopbackArchive(folder / "archive") as archive:
        yield Served(archive, files)


@pytest.fixture(autouse=True)
def undisturbed(over_time, side_by_side):
    for served in (over_time, side_by_side):
        served.archive.faults.clear()
        served.archive.clear()


def tables(done):
    return done.candidates.to_dataframe().to_csv(), done.scenes.to_dataframe().to_csv()


def rows(done):
    return done.candidates.to_dataframe().set_index("candidate_id")


def name_of(files):
    return files.reflectance.name


# the same as over the files

@pytest.mark.parametrize("mask", [None, "good_bands", "quality"])
def test_the_same_tables_as_over_the_files(over_time, mask):
    scenes = over_time.all()
    read = over_time.opener()
    done = vet(MANY, scenes, KAOLINITE, mask=mask, opener=read)
    assert tables(done) == tables(vet(MANY, over_time.paths, KAOLINITE, mask=mask))
    assert (len(done.candidates), len(done.scenes)) == (96, 96)
    read.close()


@pytest.mark.parametrize("metric", ["sam", "ace", "feature_fit"])
def test_with_any_metric(over_time, metric):
    read = over_time.opener()
    some = MANY[:30]
    assert tables(vet(some, over_time.all(), KAOLINITE, metric=metric, opener=read)) == tables(
        vet(some, over_time.paths, KAOLINITE, metric=metric))
    read.close()


@pytest.mark.parametrize("form", ["scene", "source", "address", "offered"])
def test_a_scene_in_every_form(over_time, form):
    """As the search gives it; as what opens it; by its address alone, whose companions are found beside it."""
    scene = over_time.all()[0]
    given = {"scene": scene, "source": scene.granule_source, "address": scene.url("RFL"),
             "offered": OfferedScene(GranuleSource(scene.url("RFL")), scene.footprint)}[form]
    read = over_time.opener()
    done = vet(MANY[:30], given, KAOLINITE, opener=read)
    assert tables(done) == tables(vet(MANY[:30], over_time.paths[0], KAOLINITE))
    assert rows(done)["sigma"].notna().sum() == rows(done)["score"].notna().sum() == 29
    read.close()


def test_files_and_scenes_together(over_time):
    read = over_time.opener()
    done = vet(MANY, [over_time.paths[0], over_time.all()[1]], KAOLINITE, opener=read)
    assert tables(done) == tables(vet(MANY, over_time.paths[:2], KAOLINITE))
    assert over_time.asked(over_time.files[0]) == []
    read.close()


def test_pixels_and_the_inspection_of_a_row_are_read_again(over_time):
    read = over_time.opener()
    done, local = vet(EACH[:2], over_time.all(), KAOLINITE, opener=read), vet(EACH[:2], over_time.paths, KAOLINITE)
    assert done.pixels.to_dataframe().to_csv() == local.pixels.to_dataframe().to_csv()
    assert (done.inspection(0).scores == local.inspection(0).scores).all()
    read.close()


# which scenes are opened

def test_far_scenes_are_not_opened_and_told(over_time):
    read = over_time.opener()
    done = vet(MANY[:10], over_time.all(), KAOLINITE, opener=read)
    assert done.notices[0] == "1 of 3 scenes are far from every candidate and were not opened."
    assert [bool(over_time.asked(files)) for files in over_time.files] == [True, True, False]
    read.close()


def test_no_scene_near_is_an_answer(over_time):
    """Every candidate has its row with the reason, and nothing is asked."""
    read = over_time.opener()
    at_sea = [Candidate("a", square(20, 15, 4, replace(SCENE, lon=-30.0))), Candidate("lost", None)]
    done = vet(at_sea, over_time.all(), KAOLINITE, opener=read)
    assert rows(done)["reason"].to_dict() == {"a": "It lies outside all scenes.", "lost": "It has no geometry."}
    assert rows(done)["verdict"].tolist() == ["none", "none"]
    assert done.notices == ("3 of 3 scenes are far from every candidate and were not opened.",)
    assert over_time.archive.asked("data", "signed", "login") == []
    read.close()


def test_a_search_that_finds_nothing_is_an_answer(over_time):
    at_sea = [Candidate("a", square(20, 15, 4, replace(SCENE, lon=-30.0)))]
    found = over_time.found(at_sea)
    assert len(found) == 0
    done = vet(at_sea, found, KAOLINITE, opener=over_time.opener())
    assert rows(done).loc["a", ["verdict", "reason"]].tolist() == ["none", "It lies outside all scenes."]


def test_without_an_opener_it_is_one_sentence(over_time):
    scene = over_time.all()[0]
    with pytest.raises(GranuleError) as caught:
        vet(MANY[:2], scene, KAOLINITE)
    assert str(caught.value) == (f"'{scene.url('RFL')}' is remote; give an opener that reads over the network "
                                 "(core.archive.opener), or the path of a local file.")
    with pytest.raises(GranuleError, match="is remote; give an opener"):
        vet(MANY[:2], [over_time.paths[0], scene], KAOLINITE)
    assert over_time.archive.asked("data", "signed") == []


# bad days

TROUBLES = {
    "withdrawn": ([("404", {})], "is not in the archive (any more): "),
    "without licence": ([("403", {})], "the account must first accept the licence (EULA)"),
    "broken off": ([("reset", {"after_bytes": 10}), ("reset_early", {})], "broke off"),
    "out of order": ([("503", {})], "is overloaded or out of order (status 503)"),
    "no granule": ([("html", {"status": 206})], "")}
"""What befalls one scene for ever, and what its candidates are told of it."""


@pytest.fixture
def spoil(side_by_side):
    """A callable: spoil a scene for ever, the second unless told otherwise."""
    def strike(trouble, number=1):
        for kind, options in TROUBLES[trouble][0]:
            side_by_side.archive.faults.add(kind, path_contains=name_of(side_by_side.files[number]), times=None,
                                            **options)

    return strike


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_scene_that_cannot_be_opened_costs_its_candidates_alone(side_by_side, spoil, trouble, number):
    spoil(trouble, number)
    read = side_by_side.opener()
    vetting = vet(EACH, side_by_side.all(), KAOLINITE, opener=read)
    done, told, whole = rows(vetting), vetting.notices, rows(vet(EACH, side_by_side.paths, KAOLINITE))
    lost, fine = ([one.id for one in EACH if one.id.startswith(NAMES[number]) == is_lost] for is_lost in (True, False))
    columns = ["scene_id", "score", "background_percentile", "verdict", "n_pixels", "sigma", "reason"]
    assert done.loc[fine, columns].to_csv() == whole.loc[fine, columns].to_csv()
    assert done.loc[lost, "verdict"].tolist() == ["none", "none"]
    sentence = TROUBLES[trouble][1]
    assert all(sentence in reason and reason for reason in done.loc[lost, "reason"])
    assert any(sentence in notice and "1 of 4 scenes could not be opened" in notice for notice in told)
    read.close()


@pytest.mark.parametrize("trouble", ["withdrawn", "broken off", "out of order"])
def test_a_scene_that_goes_while_it_is_read_costs_its_candidates_alone(side_by_side, spoil, trouble):
    """It opens; what is asked of it later fails. Signed addresses are asked anew, for the front door to be asked."""
    read = side_by_side.opener()
    scenes = side_by_side.all()
    begun = []

    class Spoiling(CancelledWhen):
        def report(self, fraction, message=""):
            if fraction >= 0.02 and not begun:
                begun.append(True)
                spoil(trouble)
                side_by_side.archive.expire_signatures()

    done = rows(vet(EACH, scenes, KAOLINITE, opener=read, progress=Spoiling(lambda: False)))
    assert begun
    assert [bool(TROUBLES[trouble][1] in done.loc[one.id, "reason"]) for one in EACH] == [
        one.id.startswith("second") for one in EACH]
    assert done["score"].notna().sum() == 6
    read.close()


@pytest.mark.parametrize("kind", ["503", "429", "reset", "short", "close_early"])
def test_passing_troubles_cost_time_alone(side_by_side, kind):
    read = side_by_side.opener()
    scenes = side_by_side.all()
    side_by_side.archive.faults.add(kind, times=3, after=8)
    done = vet(EACH, scenes, KAOLINITE, opener=read)
    assert tables(done) == tables(vet(EACH, side_by_side.paths, KAOLINITE))
    assert sum(bool(request.fault) for request in side_by_side.archive.requests) == 3
    read.close()


@pytest.mark.parametrize("kind", ["wrong_content_range", "wrong_total", "html", "status200", "changed_etag"])
def test_a_wrong_answer_gives_no_wrong_number(side_by_side, kind):
    """What is told of a candidate is what the files say, or the reason why it is not known."""
    read = side_by_side.opener()
    scenes = side_by_side.all()
    side_by_side.archive.faults.add(kind, times=2, after=len(scenes) * 4)
    done, whole = rows(vet(EACH, scenes, KAOLINITE, opener=read)), rows(vet(EACH, side_by_side.paths, KAOLINITE))
    assert any(request.fault for request in side_by_side.archive.requests)
    known = done.index[done["score"].notna()]
    assert done.loc[known, "score"].equals(whole.loc[known, "score"])
    assert done.loc[done["score"].isna(), "reason"].str.len().gt(0).all()
    read.close()


def test_a_scene_that_cannot_be_opened_is_no_reason_where_another_covers(over_time):
    over_time.archive.faults.add("404", path_contains=name_of(over_time.files[0]), times=None)
    read = over_time.opener()
    done = vet(MANY, over_time.all(), KAOLINITE, opener=read)
    assert tables(done)[0] == tables(vet(MANY, over_time.paths[1:], KAOLINITE))[0]
    assert any("1 of 2 scenes could not be opened" in notice for notice in done.notices)
    read.close()


@pytest.mark.parametrize("trouble", ["withdrawn", "broken off", "out of order"])
@pytest.mark.parametrize("journal", [False, True])
def test_an_uncertainty_that_cannot_be_read_costs_its_scene_at_most(side_by_side, trouble, journal, tmp_path):
    lacking = side_by_side.files[1].uncertainty.name
    for kind, options in TROUBLES[trouble][0]:
        side_by_side.archive.faults.add(kind, path_contains=lacking, times=None, **options)
    read = side_by_side.opener()
    vetting = vet(EACH, side_by_side.all(), KAOLINITE, opener=read, journal=tmp_path if journal else None)
    done, whole = rows(vetting), rows(vet(EACH, side_by_side.paths, KAOLINITE))
    fine = [one.id for one in EACH if not one.id.startswith("second")]
    columns = ["scene_id", "score", "sigma", "background_percentile", "verdict", "reason"]
    assert done.loc[fine, columns].to_csv() == whole.loc[fine, columns].to_csv()
    assert any(TROUBLES[trouble][1] in told for told in (*vetting.notices, *done.loc["second strong"].astype(str)))
    read.close()


@pytest.mark.parametrize(("user", "words"), [("newcomer", "must first accept the licence"), (None, "Not signed in")])
def test_who_may_read_none_of_them_is_told_so(side_by_side, user, words):
    read = side_by_side.opener(user=user) if user else Opener(None, None, side_by_side.archive.origins, limits=QUICK)
    with pytest.raises(SignInError, match=words):
        vet(EACH, side_by_side.all(), KAOLINITE, opener=read)
    read.close()


def test_when_none_can_be_opened_the_run_ends_with_the_sentence(side_by_side):
    side_by_side.archive.faults.add("404", times=None)
    read = side_by_side.opener()
    with pytest.raises(ArchiveError, match="is not in the archive"):
        vet(EACH, side_by_side.all(), KAOLINITE, opener=read)
    read.close()


# journals

def lines(folder):
    return (Path(folder) / FILE).read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_scene_that_failed_is_tried_again(side_by_side, spoil, trouble, tmp_path):
    spoil(trouble)
    read = side_by_side.opener()
    scenes = side_by_side.all()
    first = vet(EACH, scenes, KAOLINITE, journal=tmp_path, opener=read)
    assert rows(first)["score"].notna().sum() == 6
    read.close()
    side_by_side.archive.faults.clear()
    read = side_by_side.opener()
    again = vet(EACH, scenes, KAOLINITE, journal=tmp_path, opener=read)
    assert tables(again) == tables(vet(EACH, side_by_side.paths, KAOLINITE))
    read.close()


def asked_parts(served, files):
    """The parts of its reflectance that were asked for."""
    return {request.range for request in served.asked(files, "signed") if request.path.endswith(name_of(files))}


def test_a_finished_journal_asks_for_no_spectra(side_by_side, tmp_path):
    """Only the scenes are opened; with a journal cut in the middle, the first scenes are only opened too."""
    scenes = side_by_side.all()
    given = {"candidates": EACH, "granules": scenes, "reference": KAOLINITE, "journal": tmp_path}

    def run():
        side_by_side.archive.clear()
        read = side_by_side.opener()
        done = vet(opener=read, **given)
        read.close()
        return tables(done), [asked_parts(side_by_side, files) for files in side_by_side.files]

    whole, all_parts = run()
    again, opening = run()
    assert again == whole
    assert all(few < every for few, every in zip(opening, all_parts))
    (tmp_path / FILE).write_bytes(b"".join(lines(tmp_path)[:3]))
    rest, parts = run()
    assert rest == whole
    known = [few == only for few, only in zip(parts, opening)]
    assert sorted(known) == [False, False, True, True]


def test_killed_and_started_again(side_by_side, tmp_path):
    """A child process is killed with the signal that nobody can catch, once its journal holds a piece of work."""
    archive = side_by_side.archive
    urls = [archive.url(one.rfl) for one in side_by_side.published]
    program = textwrap.dedent(f"""
        import sys, time
        from concurrent.futures import ThreadPoolExecutor
        from pixel_spectra.core.archive import opener
        from pixel_spectra.core.archive.login import earthdata_token
        from pixel_spectra.core.vetting import executing, vet
        from test_vetting_the_archive import EACH, KAOLINITE
        class Slow(ThreadPoolExecutor):
            def submit(self, *arguments, **more):
                time.sleep(0.3)
                return super().submit(*arguments, **more)
        executing._AT_ONCE = 1
        read = opener(earthdata_token, {str(tmp_path / "cache")!r}, {archive.origins!r})
        vet(EACH, {urls!r}, KAOLINITE, journal={str(tmp_path)!r}, executor=Slow(1), opener=read)
    """)
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parent), os.environ.get("PYTHONPATH", "")])
    token = archive.token()
    child = subprocess.Popen([sys.executable, "-c", program],
                             env={**os.environ, "PYTHONPATH": path, "EARTHDATA_TOKEN": token})
    until = time.monotonic() + 60
    while time.monotonic() < until and child.poll() is None:
        if (tmp_path / FILE).exists() and len(lines(tmp_path)) >= 2:
            break
        time.sleep(0.01)
    child.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    child.wait()
    assert 2 <= len(lines(tmp_path)) < 5
    secrets = {token, *signatures(archive)}
    read = side_by_side.opener()
    done = vet(EACH, urls, KAOLINITE, journal=tmp_path, opener=read)
    assert "Going on with the journal" in done.notices[0]
    assert tables(done) == tables(vet(EACH, side_by_side.paths, KAOLINITE))
    assert_untold(secrets, files_under(tmp_path))
    read.close()


def test_a_scene_that_was_replaced_between_two_runs_is_looked_at_anew(tmp_path):
    """The address is the same, the ETag another: no number of the old file is left, and it is said."""
    old, new = (files_of(tmp_path / name, SCENE, part) for name, part in (("old", 1.0), ("new", 0.1)))
    with LoopbackArchive(tmp_path / "archive") as archive:
        served = Served(archive, [old])
        scenes = served.all()
        read = served.opener()
        first = vet(EACH[:2], scenes, KAOLINITE, journal=tmp_path / "journal", opener=read)
        read.close()
        publish(new, archive.folder, browse=False)
        read = served.opener()
        second = vet(EACH[:2], scenes, KAOLINITE, journal=tmp_path / "journal", opener=read)
        read.close()
    assert tables(first) == tables(vet(EACH[:2], old.reflectance, KAOLINITE))
    assert tables(second) == tables(vet(EACH[:2], new.reflectance, KAOLINITE)) != tables(first)
    assert any("journal" in notice and "anew" in notice for notice in second.notices)


def test_a_companion_that_was_replaced_between_two_runs_starts_anew(tmp_path):
    old = files_of(tmp_path / "old", SCENE)
    import numpy as np

    cloud = np.zeros(SCENE.shape, np.float32)
    cloud[20:22, 15:19] = 1
    with LoopbackArchive(tmp_path / "archive") as archive:
        served = Served(archive, [old])
        scenes = served.all()
        read = served.opener()
        first = vet(EACH[:2], scenes, KAOLINITE, journal=tmp_path / "journal", opener=read)
        read.close()
        write_scene(tmp_path / "new", SCENE, layers={"Cloud flag": cloud})
        mask = next((tmp_path / "new").glob("*_MASK_*"))
        publish(replace(old, mask=mask), archive.folder, browse=False)
        read = served.opener()
        second = vet(EACH[:2], scenes, KAOLINITE, journal=tmp_path / "journal", opener=read)
        read.close()
    assert [rows(done).loc["first strong", "n_valid"] for done in (first, second)] == [16, 8]


# cancelling

@pytest.mark.parametrize(("host", "begun"), [("data", 0.0), ("signed", 0.0), ("signed", 0.02)])
def test_cancel_while_a_server_is_silent(side_by_side, host, begun):
    """It would wait for ten minutes: while scenes are opened, and while spectra are read."""
    archive = side_by_side.archive
    scenes = side_by_side.all()

    class Silencing(CancelledWhen):
        silent = False

        def report(self, fraction, message=""):
            if fraction >= begun and not self.silent:
                self.silent = True
                archive.faults.add("hang", host=host, times=None)

    read = side_by_side.opener(PATIENT)
    with pytest.raises(Cancelled):
        vet(EACH, scenes, KAOLINITE, opener=read,
            progress=Silencing(lambda: any(request.fault for request in archive.requests)))
    assert bool(side_by_side.archive.asked("signed")) == (host == "signed")
    read.close()


# on a cluster

@pytest.fixture
def cluster(monkeypatch, over_time):
    """Two worker processes whose environment alone holds their token; what this process sends them is kept."""
    distributed = pytest.importorskip("dask.distributed", reason="dask.distributed is not installed")
    import dask
    from distributed.comm import tcp

    sent = []
    to_frames = tcp.to_frames

    async def kept(*arguments, **options):
        frames = await to_frames(*arguments, **options)
        sent.extend(bytes(frame) for frame in frames)
        return frames

    for name in [name for name in os.environ if name.startswith("EARTHDATA_")]:
        monkeypatch.delenv(name)
    theirs = over_time.archive.token()
    with dask.config.set({"distributed.comm.compression": None}):
        with distributed.LocalCluster(n_workers=2, threads_per_worker=2, processes=True, host="127.0.0.1",
                                      dashboard_address=None, env={"EARTHDATA_TOKEN": theirs}) as made:
            with distributed.Client(made) as client:
                client.wait_for_workers(2, timeout=60)
                monkeypatch.setattr(tcp, "to_frames", kept)
                yield client, theirs, sent


def test_two_workers_sign_in_by_their_own_environment(over_time, cluster, tmp_path, monkeypatch, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    client, theirs, sent = cluster
    ours = over_time.archive.token(lifetime_s=3600)
    assert ours != theirs
    monkeypatch.setenv("EARTHDATA_TOKEN", ours)
    scenes = over_time.all()
    over_time.archive.clear()
    read = opener(earthdata_token, tmp_path / "cache", over_time.archive.origins)
    done = vet(MANY, scenes, KAOLINITE, executor=client, journal=tmp_path / "journal", opener=read)
    assert tables(done) == tables(vet(MANY, over_time.paths, KAOLINITE))
    shown = {request.headers.get("authorization", "").partition(" ")[2] for request in over_time.archive.asked("data")}
    assert shown - {""} == {ours, theirs}
    secrets = {ours, theirs, *signatures(over_time.archive)}
    wire = b"\n".join(sent).decode("latin-1")
    assert scenes[0].url("RFL") in wire and "earthdata_token" in wire
    logs = [str(client.get_worker_logs()), str(client.get_scheduler_logs()), caplog.text, *capfd.readouterr()]
    assert_untold(secrets, [wire, repr(done), repr(read), *done.notices, *logs])
    assert_untold(secrets, files_under(tmp_path))
    read.close()


def test_a_token_that_is_no_function_of_a_module_is_refused_before_anything_is_sent(over_time, cluster):
    client, _, sent = cluster
    token = over_time.archive.token()
    scenes = over_time.all()
    read = opener(lambda: token, token_origins=over_time.archive.origins)
    before = len(sent)
    with pytest.raises(ArchiveError, match="This opener signs in with what must not leave its process"):
        vet(MANY, scenes, KAOLINITE, executor=client, opener=read)
    assert_untold({token}, [b"\n".join(sent[before:]).decode("latin-1")])
    read.close()


def test_a_worker_that_cannot_sign_in_gives_the_reason(over_time, cluster, monkeypatch):
    client, _, _ = cluster
    monkeypatch.setenv("EARTHDATA_TOKEN", over_time.archive.token())
    client.run(lambda: os.environ.pop("EARTHDATA_TOKEN"))
    client.run(lambda home: os.environ.update(HOME=home), str(Path(__file__).parent))
    scenes = over_time.all()
    read = opener(earthdata_token, token_origins=over_time.archive.origins)
    done = rows(vet(MANY[:5], scenes, KAOLINITE, executor=client, opener=read))
    assert all("You are not signed in to Earthdata" in reason for reason in done["reason"])
    read.close()
