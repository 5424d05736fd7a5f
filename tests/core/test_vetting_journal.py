"""A vetting that is stopped and goes on: killed, cancelled, on a full disk, on other workers."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from pixel_spectra.core.errors import Cancelled, GranuleError, OutputError, PixelSpectraError
from pixel_spectra.core.io.bytesource import FileSource
from pixel_spectra.core.libraries import bundled_library
from pixel_spectra.core.quality import MaskPolicy
from pixel_spectra.core.sensors import GranuleSource, open_granule
from pixel_spectra.core.vetting import Candidate, vet
from pixel_spectra.core.vetting.assessing import Asked, Member, Unit, assess
from pixel_spectra.core.vetting.executing import time_left
from pixel_spectra.core.vetting.journal import FILE, _line
from pixel_spectra.core.vetting.scenes import sendable
from pixel_spectra.core.vetting.vetting import UNIT
from shapely import Point

from envi_cubes import lonlat_map_info, write_envi_cube
from full_disk import no_room
from vetting_side import KAOLINITE, LATER, SCENE, square, write_scene

CANDIDATES = [Candidate(i, square(2 + 3 * (i // 12), 2 + 3 * (i % 12), 3)) for i in range(4 * UNIT)]


class Inline(Executor):
    """Does everything at once, and counts; loses the work after so many units."""

    def __init__(self, lose_after: int = 10**6) -> None:
        self.sent, self.lose_after = [], lose_after

    def submit(self, function, *arguments, **_):
        future = Future()
        self.sent.append(arguments)
        if len(self.sent) > self.lose_after:
            future.set_exception(BrokenExecutor("the worker is gone"))
        else:
            future.set_result(function(*arguments))
        return future


class Stop:
    """Cancels once so much is done."""

    def __init__(self, at: float) -> None:
        self.at, self.cancelled, self.said = at, False, []

    def report(self, fraction, message=""):
        self.said.append(message)
        self.cancelled = fraction >= self.at


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return write_scene(tmp_path_factory.mktemp("scene"), SCENE)


@pytest.fixture(scope="module")
def whole(scene):
    """The tables of a run that nothing disturbs."""
    return tables(vet(CANDIDATES, scene, KAOLINITE))


def tables(done):
    return done.candidates.to_dataframe().to_csv(), done.scenes.to_dataframe().to_csv()


def lines(folder):
    return (Path(folder) / FILE).read_bytes().splitlines(keepends=True)


def test_a_finished_journal_answers_without_work(scene, whole, tmp_path):
    assert tables(vet(CANDIDATES, scene, KAOLINITE, journal=tmp_path)) == whole
    assert len(lines(tmp_path)) == 5
    again = Inline()
    done = vet(CANDIDATES, scene, KAOLINITE, journal=tmp_path, executor=again)
    assert tables(done) == whole
    assert again.sent == []
    assert "Going on with the journal" in done.notices[0]


@pytest.mark.parametrize("kept", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("torn", [0, 1, 200])
def test_cut_anywhere_it_ends_with_the_same_table(scene, whole, tmp_path, kept, torn):
    vet(CANDIDATES, scene, KAOLINITE, journal=tmp_path)
    all_lines = lines(tmp_path)
    rest = b"".join(all_lines[kept:])[:torn]
    (tmp_path / FILE).write_bytes(b"".join(all_lines[:kept]) + rest)
    worker = Inline()
    assert tables(vet(CANDIDATES, scene, KAOLINITE, journal=tmp_path, executor=worker)) == whole
    assert len(worker.sent) == (4 if kept == 0 else 5 - kept)
    again = Inline()
    assert tables(vet(CANDIDATES, scene, KAOLINITE, journal=tmp_path, executor=again)) == whole
    assert again.sent == []


def test_a_damaged_line_is_not_believed(scene, whole, tmp_path):
    vet(CANDIDATES, scene, KAOLINITE, journal=tmp_path)
    damaged = bytearray((tmp_path / FILE).read_bytes())
    damaged[len(b"".join(lines(tmp_path)[:2])) + 300] ^= 1
    (tmp_path / FILE).write_bytes(damaged)
    worker = Inline()
    assert tables(vet(CANDIDATES, scene, KAOLINITE, journal=tmp_path, executor=worker)) == whole
    assert len(worker.sent) == 1


@pytest.mark.parametrize(
    ("changed", "what"),
    [({"metric": "cosine"}, "parameters"), ({"ring_pixels": 50}, "parameters"), ({"seed": 1}, "parameters"),
     ({"mask": "good_bands"}, "granules"), ({"reference": "gypsum"}, "candidates"),
     ({"candidates": CANDIDATES[:30]}, "candidates")])
def test_another_question_starts_anew_and_says_so(scene, tmp_path, changed, what):
    vet(CANDIDATES, scene, KAOLINITE, journal=tmp_path)
    if changed.get("reference"):
        changed = {"reference": next(name for name in bundled_library() if name.startswith("gypsum"))}
    asked = {"candidates": CANDIDATES, "granules": scene, "reference": KAOLINITE, "journal": tmp_path, **changed}
    done = vet(**asked)
    assert f"belongs to another run (changed: {what})" in done.notices[0]
    assert "started anew" in done.notices[0]
    plain = {name: value for name, value in asked.items() if name != "journal"}
    assert tables(done) == tables(vet(**plain))


def test_another_file_starts_anew(tmp_path):
    scene = write_scene(tmp_path / "scene", SCENE)
    vet(CANDIDATES[:5], scene, KAOLINITE, journal=tmp_path / "journal")
    os.utime(scene, ns=(1, 1))
    assert "changed: granules" in vet(CANDIDATES[:5], scene, KAOLINITE, journal=tmp_path / "journal").notices[0]


def test_thresholds_only_sort_what_is_known(scene, tmp_path):
    vet(CANDIDATES, scene, KAOLINITE, journal=tmp_path)
    worker = Inline()
    vet(CANDIDATES, scene, KAOLINITE, journal=tmp_path, executor=worker, accept=100.0, reject=0.0)
    assert worker.sent == []


def test_another_file_of_that_name_is_replaced(scene, tmp_path):
    (tmp_path / FILE).write_text("my poems\n")
    done = vet(CANDIDATES[:5], scene, KAOLINITE, journal=tmp_path)
    assert "cannot be read; it was started anew" in done.notices[0]


def test_cancel_keeps_what_is_done(scene, whole, tmp_path):
    with pytest.raises(Cancelled, match="kept in the journal"):
        vet(CANDIDATES, scene, KAOLINITE, journal=tmp_path, executor=ThreadPoolExecutor(1), progress=Stop(0.25))
    kept = len(lines(tmp_path)) - 1
    assert kept >= 1
    worker = Inline()
    assert tables(vet(CANDIDATES, scene, KAOLINITE, journal=tmp_path, executor=worker)) == whole
    assert len(worker.sent) == 4 - kept


def test_killed_at_once_and_started_again(scene, whole, tmp_path):
    """A child process is killed with the signal that nobody can catch, as soon as its journal holds a unit."""
    program = textwrap.dedent(f"""
        import sys, time
        from test_vetting_journal import CANDIDATES, Inline, KAOLINITE, vet
        class Slow(Inline):
            def submit(self, *arguments, **more):
                time.sleep(0.3)
                return super().submit(*arguments, **more)
        from pixel_spectra.core.vetting import executing
        executing._AT_ONCE = 1
        vet(CANDIDATES, {str(scene)!r}, KAOLINITE, journal={str(tmp_path)!r}, executor=Slow())
    """)
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parent), os.environ.get("PYTHONPATH", "")])
    child = subprocess.Popen([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": path})
    until = time.monotonic() + 60
    while time.monotonic() < until and child.poll() is None:
        if (tmp_path / FILE).exists() and len(lines(tmp_path)) >= 2:
            break
        time.sleep(0.01)
    child.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    child.wait()
    assert 2 <= len(lines(tmp_path)) < 5
    assert tables(vet(CANDIDATES, scene, KAOLINITE, journal=tmp_path)) == whole


def test_a_full_disk(scene, whole, tmp_path):
    with no_room(12_000), pytest.raises(OutputError, match="vetting.journal' cannot be written"):
        vet(CANDIDATES, scene, KAOLINITE, journal=tmp_path)
    assert tables(vet(CANDIDATES, scene, KAOLINITE, journal=tmp_path)) == whole


def test_a_folder_that_cannot_be(scene, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        vet(CANDIDATES[:2], scene, KAOLINITE, journal=tmp_path / "file" / "journal")


def test_processes_give_the_same_table(scene, whole):
    with ProcessPoolExecutor(2) as pool:
        assert tables(vet(CANDIDATES, scene, KAOLINITE, executor=pool)) == whole


def test_a_lost_worker_costs_nothing_but_time(scene, whole, tmp_path):
    done = vet(CANDIDATES, scene, KAOLINITE, executor=Inline(lose_after=2), journal=tmp_path)
    assert tables(done) == whole
    assert done.notices[-1] == "2 pieces of work were lost with their worker and done in this process."


def test_a_pool_whose_process_dies(scene, whole):
    with ProcessPoolExecutor(1) as pool:
        pool.submit(os._exit, 1).exception()
        assert tables(vet(CANDIDATES, scene, KAOLINITE, executor=pool)) == whole


def test_no_token_leaves_this_process(scene):
    """A granule that is read through an opener with a token is sent by its path alone."""
    token = "eyJ0b2tlbiI6"

    def opener(path, secret=token):
        assert secret
        return FileSource(path)

    worker = Inline()
    vet(CANDIDATES[:2], open_granule(scene, opener=opener), KAOLINITE, executor=worker)
    assert token.encode() not in pickle.dumps(worker.sent)
    granule = open_granule(scene)
    granule.source = type(granule.source)(f"https://data.example/scene.nc?X-Signature={token}")
    with pytest.raises(GranuleError, match="signed address, which must not leave this process"):
        vet(CANDIDATES[:2], granule, KAOLINITE, executor=Inline())


def test_a_granule_that_goes_away_is_a_reason_and_is_tried_again(tmp_path):
    first, second = write_scene(tmp_path / "a", SCENE), write_scene(tmp_path / "b", LATER)

    class Removing(Inline):
        def submit(self, *arguments, **more):
            second.rename(tmp_path / "elsewhere")
            future = super().submit(*arguments, **more)
            (tmp_path / "elsewhere").rename(second)
            return future

    asked = {"granules": [first, second], "reference": KAOLINITE, "mask": "good_bands", "journal": tmp_path}
    done = vet(CANDIDATES[:3], executor=Removing(), **asked)
    assert done.candidates.to_dataframe()["score"].notna().all()
    assert done.scenes.to_dataframe()["reason"].str.contains("cannot be opened").all()
    again = vet(CANDIDATES[:3], **asked)
    assert again.scenes.to_dataframe()["score"].notna().all()


def test_what_is_no_executor(scene):
    with pytest.raises(PixelSpectraError, match="The executor is a str"):
        vet(CANDIDATES[:2], scene, KAOLINITE, executor="threads")


def test_the_time_left_is_told(scene, monkeypatch):
    monkeypatch.setattr("pixel_spectra.core.vetting.executing._TELL_SECONDS", 0.0)
    progress = Stop(2.0)
    vet(CANDIDATES, scene, KAOLINITE, executor=Inline(), progress=progress)
    assert any(said.startswith(f"Vetting: {UNIT} of {4 * UNIT} lookups, about ") for said in progress.said)
    assert [time_left(s) for s in (0.4, 99, 150, 7300)] == ["about 1 s", "about 100 s", "about 3 min", "about 2.0 h"]


def test_another_file_of_an_envi_image_starts_anew(tmp_path):
    """The header stays as it is; the data beside it are others."""
    cube = np.random.default_rng(0).uniform(0.1, 0.5, (20, 20, 60)).astype("f4")
    files = write_envi_cube(tmp_path, cube, "bip", wavelength_nm=np.linspace(400, 2490, 60), good=np.ones(60),
                            map_info=lonlat_map_info(15.0, 36.0, 0.0005))
    asked = {"granules": files.header, "reference": KAOLINITE, "journal": tmp_path / "journal", "ring_pixels": 0}
    first = vet([Candidate("a", Point(15.003, 35.997))], **asked)
    files.data.write_bytes((cube**3).tobytes())
    again = vet([Candidate("a", Point(15.003, 35.997))], **asked)
    assert "changed: granules" in again.notices[0]
    assert again.candidates.columns["score"] != first.candidates.columns["score"]


@pytest.mark.parametrize("file", ["mask", "uncertainty"])
def test_another_companion_starts_anew(tmp_path, file):
    scene = write_scene(tmp_path / "scene", SCENE)
    vet(CANDIDATES[:5], scene, KAOLINITE, journal=tmp_path / "journal")
    companion = next(scene.parent.glob({"mask": "*MASK*", "uncertainty": "*RFLUNCERT*"}[file]))
    os.utime(companion, ns=(1, 1))
    assert "changed: granules" in vet(CANDIDATES[:5], scene, KAOLINITE, journal=tmp_path / "journal").notices[0]


def test_a_run_that_works_in_the_folder_of_another_does_not_mix_with_it(scene, tmp_path):
    """While one run works, another starts in its folder and is stopped; the first goes on adding its lines."""
    gypsum = next(name for name in bundled_library() if name.startswith("gypsum"))

    class Disturbed(Stop):
        def report(self, fraction, message=""):
            if fraction > 0.2 and not self.said:
                self.said.append(message)
                with pytest.raises(Cancelled):
                    vet(CANDIDATES, scene, gypsum, journal=tmp_path, progress=Stop(0.04))

    done = vet(CANDIDATES, scene, KAOLINITE, journal=tmp_path, executor=Inline(), progress=Disturbed(2.0))
    assert tables(done) == tables(vet(CANDIDATES, scene, KAOLINITE))
    assert tables(vet(CANDIDATES, scene, gypsum, journal=tmp_path)) == tables(vet(CANDIDATES, scene, gypsum))


def test_two_runs_of_one_question_write_side_by_side(scene, whole, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(vet, CANDIDATES, scene, KAOLINITE, journal=tmp_path) for _ in range(2)]
        assert [tables(one.result()) for one in both] == [whole, whole]
    assert tables(vet(CANDIDATES, scene, KAOLINITE, journal=tmp_path)) == whole


@pytest.mark.parametrize("changed", [{"version": "0.0.1"}, {"format": 1}])
def test_a_journal_of_another_version_starts_anew_whatever_its_lines_hold(scene, tmp_path, changed):
    vet(CANDIDATES[:5], scene, KAOLINITE, journal=tmp_path)
    header, unit = (json.loads(line.partition(b" ")[2]) for line in lines(tmp_path))
    unit["encounters"][0]["gone"] = 1
    (tmp_path / FILE).write_bytes(b"".join(map(_line, ({**header, **changed}, unit))))
    done = vet(CANDIDATES[:5], scene, KAOLINITE, journal=tmp_path)
    assert f"belongs to another run (changed: {next(iter(changed))})" in done.notices[0]


@pytest.mark.parametrize("known", [0, 1])
def test_progress_begins_with_what_is_known(scene, tmp_path, known):
    """Of 27 lookups the first unit has 24 and the second 3, and one of the two units is known."""
    vet(CANDIDATES[:27], scene, KAOLINITE, journal=tmp_path)
    header, *units = lines(tmp_path)
    (tmp_path / FILE).write_bytes(b"".join([header, *(unit for unit in units if b':%d",' % known in unit)]))
    told = []
    progress = type("Told", (), {"cancelled": False, "report": lambda _, f, m="": told.append(f)})()
    vet(CANDIDATES[:27], scene, KAOLINITE, journal=tmp_path, progress=progress)
    assert max(told) <= 1.0
    assert told == sorted(told)
    assert any(f == pytest.approx(0.04 + 0.94 * (24, 3)[known] / 27) for f in told)


def test_companions_with_a_signed_address_stay_here():
    signed = "https://data.example/mask.nc?X-Signature=secret"
    for source in (GranuleSource("https://data.example/a.nc", signed),
                   GranuleSource("/data/a.nc", None, "https://user:secret@data.example/u.nc")):
        granule = type("Remote", (), {"id": "a", "source": source})()
        with pytest.raises(GranuleError, match="'a' has a signed address") as refused:
            sendable(granule)
        assert "secret" not in str(refused.value)


def test_a_worker_that_outlives_a_file_reads_the_new_one(tmp_path):
    scene, other = write_scene(tmp_path / "a"), write_scene(tmp_path / "b", part=0.1)
    candidates = [Candidate("strong", square(20, 15))]
    with ProcessPoolExecutor(1) as pool:
        first = vet(candidates, scene, KAOLINITE, executor=pool)
        os.replace(other, scene)
        second = vet(candidates, scene, KAOLINITE, executor=pool)
    assert tables(second) == tables(vet(candidates, scene, KAOLINITE)) != tables(first)


def test_a_granule_that_is_replaced_between_two_units_is_opened_anew(tmp_path):
    scene, other = write_scene(tmp_path / "a"), write_scene(tmp_path / "b", part=0.1)
    policy = MaskPolicy.parse("good_bands")
    unit = Unit(GranuleSource(str(scene)), policy, Asked("sam", 0, 0),
                (Member(0, square(20, 15), bundled_library()[KAOLINITE]),))
    first = assess(unit).encounters[0]
    os.replace(other, scene)
    second = assess(unit).encounters[0]
    assert first.score < second.score
    assert second.reason == ""


def test_a_worker_notices_a_companion_that_was_replaced_or_taken_away(tmp_path):
    scene = write_scene(tmp_path / "a")
    candidates = [Candidate("strong", square(20, 15))]
    cloud = np.zeros(SCENE.shape, np.float32)
    cloud[20:22, 15:19] = 1
    write_scene(tmp_path / "b", layers={"Cloud flag": cloud})
    mask = next(scene.parent.glob("*MASK*"))
    with ProcessPoolExecutor(1) as pool:
        assert vet(candidates, scene, KAOLINITE, executor=pool).candidates.columns["n_valid"] == [16]
        os.replace(tmp_path / "b" / mask.name, mask)
        assert vet(candidates, scene, KAOLINITE, executor=pool).candidates.columns["n_valid"] == [8]
        next(scene.parent.glob("*RFLUNCERT*")).unlink()
        assert vet(candidates, scene, KAOLINITE, executor=pool).candidates.columns["sigma"] == [None]
