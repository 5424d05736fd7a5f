"""Servers that send what no server should: no error but ours, no secret in a log, no wait without end."""

import gc
import logging
import os
import socket
import threading
import traceback
from types import SimpleNamespace

import pytest
from pixel_spectra.core.archive import login
from pixel_spectra.core.archive.cache import DiskCache
from pixel_spectra.core.archive.opening import Opener
from pixel_spectra.core.archive.remote import RemoteSource
from pixel_spectra.core.archive.web.http import HttpClient
from pixel_spectra.core.archive.web.lanes import Job, Lanes
from pixel_spectra.core.archive.web.limits import Limits
from pixel_spectra.core.archive.web.origins import EARTHDATA_ORIGINS, may_receive, origin_of
from pixel_spectra.core.archive.web.replies import state_of
from pixel_spectra.core.archive.web.routes import _Route, _Turn
from pixel_spectra.core.errors import ArchiveError, Cancelled, NotInArchive
from pixel_spectra.core.io.room import Room
from pixel_spectra.core.progress import listening

from archive_reading import CONTENT, PATH, QUICK, CancelledWhen, client_of, fill
from loopback import LoopbackArchive

SIGNATURE = "planted-signature-of-an-address"
TOKEN = "planted-token-of-an-account"
HASTY = Limits(connect_s=5.0, read_s=5.0, retries=1, backoff_s=0.01, retry_after_s=0.01)


class Raw:
    """A server of one connection at a time that sends the same bytes whatever it is asked."""

    def __init__(self, answer):
        self._answer = answer
        self._server = socket.create_server(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self._server.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                asked = b""
                while b"\r\n\r\n" not in asked:
                    block = connection.recv(65536)
                    asked += block or b"\r\n\r\n"
                connection.sendall(self._answer)


@pytest.fixture
def sending():
    servers = []

    def start(answer):
        servers.append(Raw(answer))
        return servers[-1].origin

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def archive(tmp_path):
    with LoopbackArchive(fill(tmp_path / "archive")) as archive:
        yield archive


def reading(origin):
    client = HttpClient(lambda: TOKEN, (origin,), limits=HASTY)
    try:
        return client.ranges(f"{origin}/x.nc?Signature={SIGNATURE}", [(0, 4)])[0].data
    finally:
        client.close()


NONSENSE = {
    "a length that is no number in ASCII": (b"404 x\r\nContent-Length: \xb2", NotInArchive),
    "a length of 5000 digits": (b"404 x\r\nContent-Length: " + b"1" * 5000, NotInArchive),
    "a redirect with such a length": (b"302 x\r\nLocation: ftp://example.org/\r\nContent-Length: \xb9", ArchiveError),
    "a pause that is no number in ASCII": (b"503 x\r\nContent-Length: 0\r\nRetry-After: \xb2", ArchiveError),
    "a pause until a year beyond all": (
        b"503 x\r\nContent-Length: 0\r\nRetry-After: Mon, 01 Jan 99999999999999999999 00:00:00 GMT", ArchiveError),
    "a date in a zone beyond all": (
        b"503 x\r\nContent-Length: 0\r\nRetry-After: Mon, 01 Jan 2020 00:00:00 GMT\r\n"
        b"Date: Mon, 01 Jan 2020 00:00:00 +99999999999999999999", ArchiveError),
}


@pytest.mark.parametrize("case", NONSENSE)
def test_nonsense_in_a_header_is_an_error_of_ours(sending, case):
    head, kind = NONSENSE[case]
    with pytest.raises(kind) as caught:
        reading(sending(b"HTTP/1.1 " + head + b"\r\nConnection: close\r\n\r\n"))
    assert SIGNATURE not in str(caught.value)


def test_a_header_that_is_none_does_not_bring_the_signed_address_into_a_log(sending, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    answer = (b"HTTP/1.1 206 x\r\nContent-Range: bytes 0-3/9\r\nContent-Length: 4\r\nConnection: close\r\n"
              b"no colon in this line\r\n\r\nabcd")
    assert reading(sending(answer)) == b"abcd"
    assert not any(SIGNATURE in text for text in (caplog.text, *capfd.readouterr()))


@pytest.mark.parametrize("name", ["urllib3.connection", "urllib3.connectionpool", "urllib3.util.retry"])
def test_whatever_part_of_the_library_logs_in_a_thread_of_the_client_is_not_written(archive, caplog, name):
    caplog.set_level(logging.DEBUG)
    client = client_of(archive)
    client.results([client.begin(lambda job: logging.getLogger(name).warning("url=%s", SIGNATURE))])
    client.close()
    assert SIGNATURE not in caplog.text


def test_an_error_of_the_program_itself_comes_without_the_frames_that_saw_the_token():
    def work(job):
        seen = TOKEN
        try:
            raise KeyError(seen)
        except KeyError:
            raise ValueError("a mistake") from None

    lanes = Lanes(1)
    with pytest.raises(ValueError, match="a mistake") as caught:
        lanes.results([lanes.submit(work)])
    lanes.close()
    error = caught.value
    shown = traceback.TracebackException(type(error), error, error.__traceback__, capture_locals=True).format()
    assert TOKEN not in "".join(shown)
    assert error.__context__ is None


MONDAY, TUESDAY = "Mon, 05 Jan 2026 00:00:00 GMT", "Tue, 06 Jan 2026 00:00:00 GMT"


@pytest.mark.parametrize("headers, state", [
    ({"etag": '"1"', "last-modified": MONDAY}, '"1"'),
    ({"etag": 'W/"1"', "last-modified": MONDAY}, f'W/"1" {MONDAY}'),
    ({"etag": 'W/"1"', "last-modified": TUESDAY}, f'W/"1" {TUESDAY}'),
    ({"etag": 'W/"1"'}, 'W/"1"'),
    ({"last-modified": MONDAY}, MONDAY),
    ({}, ""),
])
def test_a_weak_etag_tells_the_state_only_together_with_the_date(headers, state):
    assert state_of(SimpleNamespace(headers=headers)) == state


@pytest.mark.parametrize("url", [
    "\thttps://\ndata.earthdata.nasa.gov/x.nc", "https://data.earthdata.nasa.gov\r/x.nc", " https://earthdata.nasa.gov/",
    "https://earthdata.nasa.gov/x\x00.nc", "https://earthdata.nasa.gov/x.nc\n", "https://example.org\\.earthdata.nasa.gov/",
])
def test_an_address_that_two_readers_may_read_differently_is_none(url):
    assert origin_of(url) is None
    assert not may_receive(url, EARTHDATA_ORIGINS)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_in_a_forked_process_an_open_file_says_so_at_once(archive):
    client = client_of(archive)
    source = RemoteSource(archive.url(PATH), client)
    assert source.size == 400_000
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            source.read_ranges([(200_000, 10)])
        except ArchiveError as error:
            os.write(sending, str(error).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(sending)
    assert os.read(receiving, 1000).decode().endswith("is read in its own process; open it again in the other one.")
    os.close(receiving)
    assert source.read_ranges([(200_000, 10)]) == [CONTENT[200_000:200_010]]
    client.close()


def test_in_a_forked_process_a_client_begins_nothing_and_closes_nothing(archive, monkeypatch):
    client = client_of(archive)
    monkeypatch.setattr(client._lanes, "_process", -1)
    with pytest.raises(ArchiveError, match="stays in its process"):
        client.page(archive.url(PATH), limit=10)
    monkeypatch.undo()
    assert client.page(archive.url(PATH), limit=10**6, with_token=True).data == CONTENT
    client.close()


def test_who_waits_for_a_turn_goes_on_without_it_once_the_job_that_has_it_was_given_up():
    route, hanging, next_one = _Route(), Job(lambda job: None, True), Job(lambda job: None, True)
    _Turn(hanging, route).__enter__()
    hanging.stop()
    with _Turn(next_one, route) as turn:
        turn.found("https://example.org/")
    assert route.signed == "https://example.org/"
    assert route.lock.locked()


def test_a_sign_in_that_hangs_keeps_no_program_from_ending():
    go_on = threading.Event()
    with listening(CancelledWhen(lambda: True)), pytest.raises(Cancelled):
        login._in_background(lambda: str(go_on.wait()))
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("earthdata-login")]
    go_on.set()
    assert [thread.daemon for thread in threads] == [True]


def test_a_cache_that_another_process_clears_in_between_is_used_on_without_a_notice(tmp_path, monkeypatch):
    cache, other = DiskCache(tmp_path / "cache"), DiskCache(tmp_path / "cache")
    shelf = cache.shelf("https://example.org/x.nc", "1", 400_000)
    prepared, left = cache._prepared, [True]

    def cleared_just_after(folder):
        trouble = prepared(folder)
        if left and left.pop():
            other.clear()
        return trouble

    monkeypatch.setattr(cache, "_prepared", cleared_just_after)
    assert shelf.write(0, b"abc")
    assert (shelf.read((0, 3)), cache.notices) == (b"abc", ())


def test_many_open_files_share_one_bound_of_memory(archive):
    client, room = client_of(archive), Room(limit_bytes=250_000)
    sources = []
    for number in range(4):
        (archive.folder / f"{PATH[:-3]}{number}.nc").write_bytes(CONTENT)
        sources.append(RemoteSource(archive.url(f"{PATH[:-3]}{number}.nc"), client, room=room))
        sources[-1].read_ranges([(100_000, 100_000)])
    assert [source.n_kept > 0 for source in sources] == [False, False, False, True]
    assert sources[0].read_ranges([(100_000, 10)]) == [CONTENT[100_000:100_010]]
    client.close()


def test_files_of_one_opener_share_it_and_closed_ones_do_not_count(archive):
    token = archive.token()
    opener = Opener(lambda: token, token_origins=archive.origins, limits=QUICK)
    opener._room.limit_bytes = 150_000
    (archive.folder / f"{PATH}.nc").write_bytes(CONTENT)
    first = opener(archive.url(PATH))
    first.read_ranges([(100_000, 50_000)])
    assert first.n_kept == 115_536
    del first
    gc.collect()
    second = opener(archive.url(f"{PATH}.nc"))
    second.read_ranges([(100_000, 50_000)])
    assert second.n_kept == 115_536
    opener.close()
