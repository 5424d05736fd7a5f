"""A file on a server as bytes: asked for once, of one state, remembered on disk, and never believed blindly."""

import pickle
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import h5py
import numpy as np
import pytest
from pixel_spectra.core.archive import Opener, opener
from pixel_spectra.core.archive.cache import DiskCache, Shelf
from pixel_spectra.core.archive.remote import RemoteSource
from pixel_spectra.core.archive.web.http import HttpClient
from pixel_spectra.core.archive.web.limits import Limits
from pixel_spectra.core.errors import ArchiveError, Cancelled, GranuleError, SignInError, SourceChanged
from pixel_spectra.core.io.bytesource import FileSource
from pixel_spectra.core.progress import listening

from archive_reading import CONTENT, PATH, PATIENT, PUBLIC, QUICK, SIDECAR, CancelledWhen, client_of, fill
from loopback import LoopbackArchive


@pytest.fixture
def archive(tmp_path):
    with LoopbackArchive(fill(tmp_path / "archive")) as archive:
        yield archive


@pytest.fixture
def client(archive):
    client = client_of(archive)
    yield client
    client.close()


@pytest.fixture
def source(archive, client):
    return RemoteSource(archive.url(PATH), client)


def asked_ranges(archive):
    return [request.range for request in archive.asked("signed") if request.range]


def test_size_and_state_come_with_the_first_bytes(archive, source):
    assert (source.size, source.name) == (400_000, archive.url(PATH))
    assert source.etag
    assert source.read_ranges([(0, 10), (65_000, 536)]) == [CONTENT[:10], CONTENT[65_000:65_536]]
    assert asked_ranges(archive) == ["bytes=0-65535"]


def test_head_and_sidecar_are_asked_together_before_anything_is_read(archive, client):
    source = RemoteSource(archive.url(PATH), client, sidecar_urls=[archive.url(PATH) + ".dmrpp"])
    assert source.sidecar() == SIDECAR
    assert source.size == 400_000
    assert (client.n_requests, client.n_redirects) == (2, 2)
    assert source.sidecar() == SIDECAR
    assert client.n_requests == 2


def test_ranges_come_in_the_order_asked_and_near_ones_together(archive, source):
    wanted = [(300_000, 10), (100_000, 10), (140_000, 10), (200_000, 0), (399_999, 1)]
    assert source.read_ranges(wanted) == [CONTENT[offset : offset + length] for offset, length in wanted]
    assert sorted(asked_ranges(archive)) == [
        "bytes=0-65535", "bytes=100000-140009", "bytes=300000-300009", "bytes=399999-399999"]


def test_what_is_in_memory_is_not_asked_for_again(archive, source):
    for wanted in ((100_000, 1000), (100_500, 100), (100_900, 200)):
        assert source.read_ranges([wanted]) == [CONTENT[wanted[0] : sum(wanted)]]
    assert asked_ranges(archive)[1:] == ["bytes=100000-100999", "bytes=101000-101099"]


def test_joined(source):
    assert source.read_joined([(100_000, 3), (5, 3)]) == CONTENT[100_000:100_003] + CONTENT[5:8]
    assert source.read_joined([(5, 3)]) == CONTENT[5:8]
    assert source.read_joined([]) == b""


def test_what_is_expected_is_asked_once(archive, source):
    source.expect([(100_000, 1000), (200_000, 1000)])
    assert source.read_ranges([(100_100, 10), (200_999, 1)]) == [CONTENT[100_100:100_110], CONTENT[200_999:201_000]]
    assert sorted(asked_ranges(archive)) == ["bytes=0-65535", "bytes=100000-100999", "bytes=200000-200999"]


def test_what_is_expected_beyond_the_file_is_left_out(archive, source):
    source.expect([(399_999, 2), (-5, 3), (500_000, 1)])
    assert source.size == 400_000
    source.expect([(399_999, 2)])
    assert source.read_ranges([(399_999, 1)]) == [CONTENT[-1:]]
    assert asked_ranges(archive)[1:] == ["bytes=399999-399999"]


def test_what_goes_wrong_with_the_expected_surfaces_when_it_is_read(archive, source):
    assert source.size
    archive.faults.add("wrong_content_range", times=None, host="signed")
    source.expect([(100_000, 10)])
    with pytest.raises(ArchiveError, match="another part"):
        source.read_ranges([(100_000, 10)])
    archive.faults.clear()
    assert source.read_ranges([(100_000, 10)]) == [CONTENT[100_000:100_010]]


def test_two_threads_that_want_the_same_fetch_it_once(archive, source):
    archive.configure(latency_s=0.05)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda k: source.read_ranges([(100_000, 1000 - k)])[0], range(8)))
    assert found == [CONTENT[100_000 : 101_000 - k] for k in range(8)]
    assert asked_ranges(archive).count("bytes=0-65535") == 1
    covered = [tuple(map(int, asked[6:].split("-"))) for asked in asked_ranges(archive)[1:]]
    assert sum(last + 1 - first for first, last in covered) == 1000


def test_who_is_cancelled_does_not_cancel_another(archive):
    client = client_of(archive, PATIENT)
    source = RemoteSource(archive.url(PATH), client)
    assert source.size
    archive.configure(latency_s=0.5)
    reading = threading.Event()

    def cancelled():
        with listening(CancelledWhen(lambda: len(asked_ranges(archive)) == 2 and reading.is_set())):
            return source.read_ranges([(100_000, 10)])

    def read():
        reading.set()
        return source.read_ranges([(100_000, 10)])

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cancelled)
        second = pool.submit(read)
        assert second.result() == [CONTENT[100_000:100_010]]
        with suppress(Cancelled):
            first.result()
    client.close()


def test_a_cancel_while_the_first_answer_is_awaited(archive):
    client = client_of(archive, PATIENT)
    archive.faults.add("hang")
    source = RemoteSource(archive.url(PATH), client)
    with listening(CancelledWhen(lambda: archive.asked("signed"))), pytest.raises(Cancelled):
        source.size  # noqa: B018
    assert source.size == 400_000
    client.close()


@pytest.mark.parametrize("wanted", [(399_999, 2), (400_000, 1), (-1, 1), (0, -1)])
def test_a_read_beyond_the_end(source, wanted):
    with pytest.raises(GranuleError, match="is too short: .* of a file of 400000 bytes"):
        source.read_ranges([wanted])


def test_an_empty_file(archive, client):
    (archive.folder / PATH).write_bytes(b"")
    with pytest.raises(ArchiveError, match="has no byte 0"):
        RemoteSource(archive.url(PATH), client).read_ranges([(0, 1)])


def test_a_small_file(archive, client):
    (archive.folder / PATH).write_bytes(b"abc")
    source = RemoteSource(archive.url(PATH), client)
    assert (source.size, source.read_ranges([(1, 2)])) == (3, [b"bc"])


def test_errors_surface_when_something_is_read_and_the_next_try_is_a_new_one(archive):
    said = ["expired"]
    client = HttpClient(lambda: said[0], archive.origins, limits=QUICK)
    source = RemoteSource(archive.url(PATH), client, sidecar_urls=[archive.url(PATH) + ".dmrpp"])
    with pytest.raises(SignInError):
        source.sidecar()
    said[0] = archive.token()
    assert source.read_ranges([(0, 1)]) == [CONTENT[:1]]
    assert source.sidecar() == SIDECAR
    client.close()


@pytest.mark.parametrize("fault", ["changed_etag", "wrong_total"])
def test_a_file_that_is_replaced_is_read_no_further(archive, source, fault):
    source.read_ranges([(100_000, 10)])
    archive.faults.add(fault)
    for wanted in ((200_000, 10), (100_000, 10)):
        with pytest.raises(SourceChanged, match=r"a.nc' was replaced on the server while it was open; open it"):
            source.read_ranges([wanted])
    assert source.changed


def test_a_file_that_is_really_replaced(archive, source, client):
    source.read_ranges([(100_000, 10)])
    (archive.folder / PATH).write_bytes(CONTENT[::-1])
    with pytest.raises(SourceChanged):
        source.read_ranges([(200_000, 10)])
    again = RemoteSource(archive.url(PATH), client)
    assert again.read_ranges([(200_000, 10)]) == [CONTENT[::-1][200_000:200_010]]


def test_without_an_etag_the_date_tells_the_state(archive, client):
    archive.faults.add("no_etag", times=None)
    source = RemoteSource(archive.url(PATH), client)
    assert source.etag.endswith("GMT")
    assert source.read_ranges([(100_000, 10)]) == [CONTENT[100_000:100_010]]


def test_without_any_mark_nothing_is_kept_on_disk(archive, client, tmp_path):
    archive.faults.add("no_etag", times=None, last_modified=False)
    source = RemoteSource(archive.url(PATH), client, DiskCache(tmp_path / "cache"))
    assert (source.etag, source.read_ranges([(0, 3)])) == ("", [CONTENT[:3]])
    assert not (tmp_path / "cache").exists()


# sidecars


def test_a_sidecar_is_looked_for_where_it_may_lie(archive, client):
    nowhere, there = archive.url(PUBLIC) + ".dmrpp", archive.url(PATH) + ".dmrpp"
    assert RemoteSource(archive.url(PATH), client, sidecar_urls=[nowhere, there]).sidecar() == SIDECAR
    assert RemoteSource(archive.url(PATH), client, sidecar_urls=[nowhere]).sidecar() is None
    assert RemoteSource(archive.url(PATH), client).sidecar() is None


@pytest.mark.parametrize("fault, options", [
    ("403", {}), ("404", {}), ("500", {}), ("html", {}), ("reset", {}), ("short", {}), ("bad_gzip", {}),
    ("redirect_loop", {})])
def test_a_sidecar_that_cannot_be_had_is_no_error(archive, client, fault, options):
    archive.faults.add(fault, times=None, path_contains=".dmrpp", **options)
    source = RemoteSource(archive.url(PATH), client, sidecar_urls=[archive.url(PATH) + ".dmrpp"])
    assert source.sidecar() is None
    assert source.read_ranges([(0, 3)]) == [CONTENT[:3]]


def test_a_sidecar_that_is_too_long_is_left(archive, client):
    with open(archive.folder / (PATH + ".dmrpp"), "wb") as file:
        file.truncate((8 << 20) + 1)
    assert RemoteSource(archive.url(PATH), client, sidecar_urls=[archive.url(PATH) + ".dmrpp"]).sidecar() is None


BRIEF = Limits(connections=4, connect_s=600.0, read_s=600.0, sidecar_s=0.3)
"""Would wait for ever, but for no sidecar."""


def test_a_host_that_lets_a_sidecar_wait_is_asked_once_in_a_session(archive):
    archive.faults.add("hang", host="data", path_contains=".dmrpp", times=None)
    token = archive.token()
    make = Opener(lambda: token, None, archive.origins, limits=BRIEF)
    places = [archive.url(PATH), archive.url(PATH.replace("_a.nc", "_b.nc"))]
    shutil.copyfile(archive.folder / PATH, archive.folder / PATH.replace("_a.nc", "_b.nc"))
    for url in places:
        source = make(url)
        assert source.sidecar() is None
        assert source.read_ranges([(0, 3)]) == [CONTENT[:3]]
    assert len([request for request in archive.asked("data") if request.path.endswith(".dmrpp")]) == 1
    make.close()


def test_a_time_out_of_a_sidecar_is_not_tried_again(archive):
    archive.faults.add("hang", host="data", path_contains=".dmrpp", times=None)
    client = client_of(archive, Limits(connections=4, connect_s=5.0, read_s=0.2, retries=3, backoff_s=0.01))
    for _ in range(2):
        source = RemoteSource(archive.url(PATH), client, sidecar_urls=[archive.url(PATH) + ".dmrpp"] * 2)
        assert source.sidecar() is None
    assert len([request for request in archive.asked("data") if request.path.endswith(".dmrpp")]) == 1
    client.close()


def test_a_sidecar_that_drips_is_not_waited_for(archive):
    (archive.folder / (PATH + ".dmrpp")).write_bytes(b"<Dataset>" + bytes(1_000_000))
    archive.faults.add("slow_drip", path_contains=".dmrpp", times=None, bytes_per_s=2000)
    client = client_of(archive, BRIEF)
    source = RemoteSource(archive.url(PATH), client, sidecar_urls=[archive.url(PATH) + ".dmrpp"])
    assert source.sidecar() is None
    client.close()


def test_after_a_cancel_nobody_waits_for_the_sidecar_that_was_begun(archive):
    archive.faults.add("hang", host="data", times=None)
    client = client_of(archive, BRIEF)
    source = RemoteSource(archive.url(PATH), client, sidecar_urls=[archive.url(PATH) + ".dmrpp"])
    with listening(CancelledWhen(lambda: len(archive.asked("data")) == 2)), pytest.raises(Cancelled):
        source.sidecar()
    archive.faults.clear()
    archive.faults.add("hang", host="data", path_contains=".dmrpp", times=None)
    assert source.sidecar() is None
    assert source.read_ranges([(0, 3)]) == [CONTENT[:3]]
    client.close()


def test_who_is_not_signed_in_is_told_so_by_the_sidecar_too(archive):
    client = HttpClient(token_origins=archive.origins, limits=QUICK)
    with pytest.raises(SignInError, match="Not signed in"):
        RemoteSource(archive.url(PATH), client, sidecar_urls=[archive.url(PATH) + ".dmrpp"]).sidecar()
    client.close()


# on disk


def opened(archive, folder):
    token = archive.token()
    return opener(lambda: token, folder, archive.origins)


def test_what_lasts_is_there_in_the_next_session(archive, tmp_path):
    first = opened(archive, tmp_path / "cache")
    source = first(archive.url(PATH))
    source.expect([(100_000, 1000)], lasting=True)
    source.expect([(200_000, 1000)])
    assert source.sidecar() == SIDECAR
    source.read_ranges([(100_000, 1000), (200_000, 1000)])
    first.close()
    archive.clear()
    second = opened(archive, tmp_path / "cache")
    source = second(archive.url(PATH))
    assert source.read_ranges([(100_010, 10)]) == [CONTENT[100_010:100_020]]
    assert source.sidecar() == SIDECAR
    assert [request.range for request in archive.asked("signed")] == ["bytes=0-65535"]
    assert source.read_ranges([(200_000, 10)]) == [CONTENT[200_000:200_010]]
    assert asked_ranges(archive)[1:] == ["bytes=200000-200009"]
    second.close()


def test_what_is_at_hand_already_is_kept_when_it_turns_out_to_last(archive, tmp_path):
    source = opened(archive, tmp_path / "cache")(archive.url(PATH))
    source.read_ranges([(100_000, 1000)])
    source.expect([(100_000, 1000)], lasting=True)
    assert (100_000, 1000) in DiskCache(tmp_path / "cache").shelf(archive.url(PATH), source.etag, source.size).spans()


def test_a_file_that_was_replaced_between_sessions_is_read_anew(archive, tmp_path):
    first = opened(archive, tmp_path / "cache")(archive.url(PATH))
    first.expect([(100_000, 1000)], lasting=True)
    first.read_ranges([(100_000, 1000)])
    assert first.sidecar() == SIDECAR
    (archive.folder / PATH).write_bytes(CONTENT[::-1])
    (archive.folder / (PATH + ".dmrpp")).write_bytes(b"<Other/>")
    second = opened(archive, tmp_path / "cache")(archive.url(PATH))
    assert second.read_ranges([(100_000, 10)]) == [CONTENT[::-1][100_000:100_010]]
    assert second.sidecar() == b"<Other/>"


def test_what_was_kept_of_a_replaced_file_is_removed(archive, tmp_path):
    source = opened(archive, tmp_path / "cache")(archive.url(PATH))
    source.expect([(100_000, 1000)], lasting=True)
    source.read_ranges([(100_000, 1000)])
    source.sidecar()
    archive.faults.add("changed_etag")
    with pytest.raises(SourceChanged):
        source.read_ranges([(300_000, 10)])
    assert DiskCache(tmp_path / "cache").n_bytes == 0


def test_the_disk_is_never_waited_for_while_others_are_held_up(archive, tmp_path, monkeypatch):
    archive.configure(latency_s=0.1)
    first = opened(archive, tmp_path / "cache")(archive.url(PATH))
    first.expect([(100_000, 1000)], lasting=True)
    first.read_ranges([(100_000, 1000)])
    made, called = [], []

    def watch(owner, name):
        really = getattr(owner, name)

        def watched(*args):
            called.append(name)
            assert made[0]._lock.acquire(timeout=20.0), f"{name} is called under the lock"
            made[0]._lock.release()
            return really(*args)

        monkeypatch.setattr(owner, name, watched)

    for owner, name in ((Shelf, "read"), (Shelf, "write"), (DiskCache, "shelf"), (DiskCache, "forget")):
        watch(owner, name)
    made.append(opened(archive, tmp_path / "cache")(archive.url(PATH)))
    assert made[0].read_ranges([(100_000, 10)]) == [CONTENT[100_000:100_010]]
    made[0].expect([(200_000, 1000)], lasting=True)
    assert made[0].read_ranges([(200_000, 10)]) == [CONTENT[200_000:200_010]]
    archive.faults.add("changed_etag")
    with pytest.raises(SourceChanged):
        made[0].read_ranges([(300_000, 10)])
    assert set(called) == {"shelf", "read", "write", "forget"}


def test_a_damaged_cache_is_rebuilt(archive, tmp_path):
    cache = DiskCache(tmp_path / "cache")
    first = opened(archive, cache)(archive.url(PATH))
    first.expect([(100_000, 1000)], lasting=True)
    first.read_ranges([(100_000, 1000)])
    first.sidecar()
    for path in (tmp_path / "cache").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-1] + b"?")
    second = opened(archive, cache)(archive.url(PATH))
    assert second.read_ranges([(100_000, 1000)]) == [CONTENT[100_000:101_000]]
    assert second.sidecar() == SIDECAR


def test_a_cache_that_cannot_be_written_does_not_stop_reading(archive, tmp_path):
    (tmp_path / "file").write_text("")
    cache = DiskCache(tmp_path / "file")
    source = opened(archive, cache)(archive.url(PATH))
    source.expect([(100_000, 1000)], lasting=True)
    assert source.read_ranges([(100_000, 1000)]) == [CONTENT[100_000:101_000]]
    assert source.sidecar() == SIDECAR
    assert len(cache.notices) == 1


# openers


def test_an_opener_gives_one_source_per_file_and_opens_paths_too(archive, tmp_path):
    make = opened(archive, None)
    source = make(archive.url(PATH))
    assert make("/vsicurl/" + archive.url(PATH)) is source
    assert isinstance(make(archive.folder / PATH), FileSource)
    assert source.size == 400_000
    source.sidecar()
    archive.faults.add("changed_etag")
    with pytest.raises(SourceChanged):
        source.read_ranges([(100_000, 10)])
    assert make(archive.url(PATH)) is not source
    make.close()
    assert make(archive.url(PATH)).size == 400_000


@pytest.mark.parametrize("url, sentence", [
    ("http://data.example.org/x.nc?Signature=planted", "'http://data.example.org/x.nc' is not secure: 'data"),
    ("s3://bucket/x.nc", "'s3://bucket/x.nc' is not an address that can be read"),
    ("https://user:planted@data.example.org/x.nc", "'https://data.example.org/x.nc' is not an address"),
    ("https:///x.nc", "is not an address"),
])
def test_addresses_that_are_not_opened(url, sentence):
    with pytest.raises(ArchiveError, match=sentence) as caught:
        opener()(url)
    assert "planted" not in str(caught.value)


def token_of_a_module():
    return "x"


def test_an_opener_travels_with_a_function_of_a_module_only():
    again = pickle.loads(pickle.dumps(Opener(token_of_a_module, limits=Limits(connections=2))))
    assert again._token is token_of_a_module
    assert repr(again) == "<Opener>"
    for token in (lambda: "planted", "planted".strip, SaysPlanted()):
        with pytest.raises(ArchiveError, match="must not leave its process"):
            pickle.dumps(Opener(token))


class SaysPlanted:
    word = "planted"

    def __call__(self):
        return self.word


def test_sources_and_clients_stay_in_their_process(client, source):
    for thing in (client, source):
        with pytest.raises(ArchiveError, match="in its (own )?process"):
            pickle.dumps(thing)


def test_a_library_reads_it_as_a_file(archive, client):
    with h5py.File(archive.folder / PATH, "w") as file:
        file["values"] = np.arange(100_000)
    source = RemoteSource(archive.url(PATH), client)
    with source.open() as raw, h5py.File(raw, "r") as file:
        assert file["values"][99_999] == 99_999
