"""Whole files from the archive: taken up where they broke off, checked, and in their place only when whole."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from pixel_spectra.core.archive import download as downloading
from pixel_spectra.core.archive import sizes
from pixel_spectra.core.archive.copies import LEDGER, LocalFirst, local_copy
from pixel_spectra.core.archive.download import download, name_of, particulars
from pixel_spectra.core.archive.opening import Opener
from pixel_spectra.core.archive.scene import RemoteFile
from pixel_spectra.core.archive.sizes import said_bytes
from pixel_spectra.core.archive.web.limits import Limits
from pixel_spectra.core.errors import ArchiveError, Cancelled, OutputError, SignInError, SourceChanged
from pixel_spectra.core.io import lockfile
from pixel_spectra.core.io.lockfile import holding
from pixel_spectra.core.sensors import open_granule

from archive_reading import PATIENT, CancelledWhen, client_of
from full_disk import no_room
from granules import Scene, write_granule
from loopback import LoopbackArchive

SIZE = 3_000_000
CONTENT = hashlib.shake_256(b"granule").digest(SIZE)
OTHER = hashlib.shake_256(b"reprocessed").digest(SIZE)
SHA = hashlib.sha512(CONTENT).hexdigest()
ROOM = "lp-prod-protected/EMITL2ARFL.001/EMIT_L2A_RFL_001_20240501T101112_2412207_005"
NAME = "EMIT_L2A_RFL_001_20240501T101112_2412207_005.nc"
MASK = "EMIT_L2A_MASK_002_20240501T101112_2412207_005.nc"
LITTLE_MASK = b"\x89HDF mask" * 1000
LEFT = [LEDGER, NAME]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with LoopbackArchive(tmp_path_factory.mktemp("archive")) as archive:
        yield archive


@pytest.fixture
def archive(served):
    served.clear()
    served.faults.clear()
    served.configure(latency_s=0.0, bytes_per_s=None)
    for name, content in ((NAME, CONTENT), (MASK, LITTLE_MASK)):
        put(served, content, name)
    return served


def put(archive, content, name=NAME):
    """Lay a file out in the archive; each time it is another state of it."""
    place = archive.folder / ROOM / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.with_suffix(".new").write_bytes(content)
    os.replace(place.with_suffix(".new"), place)


@pytest.fixture
def client(archive):
    client = client_of(archive)
    yield client
    client.close()


def remote(archive, name=NAME, content=CONTENT, **changes):
    """The file as its record tells it."""
    told = RemoteFile(archive.url(f"{ROOM}/{name}"), len(content), ("sha512", hashlib.sha512(content).hexdigest()))
    return replace(told, **changes)


def left_in(folder):
    return sorted(path.name for path in folder.iterdir())


def starts(archive):
    """First bytes of the parts that the storage gave, the question for its state left out."""
    asked = [r.headers["range"] for r in archive.asked("signed") if r.status == 206]
    return [int(text[len("bytes="):].partition("-")[0]) for text in asked if text != "bytes=0-0"]


def broken_off(archive, client, folder, at=1_000_000, **changes):
    """A download of which the first `at` bytes came, since the user cancelled; the part of it."""
    part = folder / f"{NAME}.part"
    stop = CancelledWhen(lambda: part.exists() and part.stat().st_size >= at)
    with pytest.raises(Cancelled):
        download([remote(archive, **changes)], folder, client, stop)
    archive.clear()
    return part


class Bar:
    """A Progress that is kept."""

    cancelled = False

    def __init__(self):
        self.fractions, self.messages = [], []

    def report(self, fraction, message=""):
        self.fractions.append(fraction)
        self.messages += [message] if message else []


# the plain way


def test_a_file_comes_whole(archive, client, tmp_path):
    done = download([remote(archive)], tmp_path / "new" / "folder", client)
    assert done == [tmp_path / "new" / "folder" / NAME]
    assert done[0].read_bytes() == CONTENT
    assert left_in(done[0].parent) == LEFT
    assert done.summary() == "1 of 1 files are whole (3 MB came now)"
    assert done.notices == ()


@pytest.mark.parametrize(("n", "said"), [
    (12, "12 bytes"), (3_344_025, "3.34 MB"), (3_146_828_127, "3.15 GB"), (999_400, "999 kB"), (999_600, "1 MB")])
def test_sizes_in_words(n, said):
    assert said_bytes(n) == said


def test_companions_come_beside_it(archive, client, tmp_path):
    done = download([remote(archive), remote(archive, MASK, LITTLE_MASK)], tmp_path, client)
    assert [path.name for path in done] == [NAME, MASK]
    assert done[1].read_bytes() == LITTLE_MASK


def test_the_same_file_twice_is_one(archive, client, tmp_path):
    assert len(download([remote(archive)] * 2, tmp_path, client)) == 1


def test_nothing_asked_for_is_nothing_done(archive, client, tmp_path):
    assert download([], tmp_path / "none", client) == []
    assert not (tmp_path / "none").exists()


def test_without_size_and_checksum_the_server_is_believed(archive, client, tmp_path):
    done = download([RemoteFile(archive.url(f"{ROOM}/{NAME}"))], tmp_path, client)
    assert done[0].read_bytes() == CONTENT


def test_an_empty_file_is_no_granule(archive, client, tmp_path):
    put(archive, b"")
    with pytest.raises(ArchiveError):
        download([RemoteFile(archive.url(f"{ROOM}/{NAME}"))], tmp_path, client)
    assert left_in(tmp_path) == []


def test_the_token_goes_to_the_archive_and_not_to_its_storage(archive, client, tmp_path):
    download([remote(archive)], tmp_path, client)
    assert {r.host for r in archive.requests if "authorization" in r.headers} == {"data"}
    ledger = (tmp_path / LEDGER).read_text()
    assert "Signature" not in ledger and "?" not in ledger


def test_the_bar_goes_by_size_and_the_messages_tell_which(archive, client, tmp_path):
    bar = Bar()
    download([remote(archive), remote(archive, MASK, LITTLE_MASK)], tmp_path, client, bar)
    assert bar.fractions == sorted(bar.fractions) and bar.fractions[-1] == 1.0
    assert f"Downloading '{NAME}' (3 MB, 1 of 2)" in bar.messages
    assert f"Downloading '{MASK}' (9 kB, 2 of 2)" in bar.messages


# broken off


@pytest.mark.parametrize(("fault", "options"), [
    ("reset", {}), ("short", {}), ("503", {"host": "signed"}), ("429", {"host": "signed", "retry_after": 0}),
    ("reset_early", {}), ("close_early", {})])
def test_what_breaks_off_goes_on(archive, client, tmp_path, fault, options):
    archive.faults.add(fault, times=3, after=1, **options)
    done = download([remote(archive)], tmp_path, client)
    assert done[0].read_bytes() == CONTENT
    assert len([r for r in archive.requests if r.fault]) == 3


def test_a_signature_that_expires_on_the_way(archive, client, tmp_path):
    archive.configure(bytes_per_s=2e6)
    archive.faults.add("reset", after=1, after_bytes=2_500_000)

    class Expiring(Bar):
        def report(self, fraction, message=""):
            if 0 < fraction < 1 and not self.fractions:
                archive.expire_signatures()
                self.fractions.append(fraction)

    bar = Expiring()
    done = download([remote(archive)], tmp_path, client, bar)
    assert done[0].read_bytes() == CONTENT
    assert [r.status for r in archive.asked("signed")] == [206, 206, 403, 206]
    assert starts(archive)[1] > 2_000_000


def test_a_server_that_stays_out_of_order_leaves_what_came(archive, client, tmp_path):
    archive.faults.add("reset", after=1, after_bytes=1_000_000)
    archive.faults.add("503", host="signed", after=1, times=None)
    with pytest.raises(ArchiveError, match="status 503"):
        download([remote(archive)], tmp_path, client)
    part = tmp_path / f"{NAME}.part"
    assert left_in(tmp_path) == [part.name, f"{part.name}.json"]
    assert part.read_bytes() == CONTENT[:part.stat().st_size] and part.stat().st_size > 0
    archive.faults.clear()
    archive.clear()
    came = part.stat().st_size
    done = download([remote(archive)], tmp_path, client)
    assert done[0].read_bytes() == CONTENT
    assert starts(archive) == [came]
    assert done.notices == (f"'{NAME}' went on after {said_bytes(came)} that had come before.",)
    assert left_in(tmp_path) == LEFT


def test_what_was_cancelled_goes_on(archive, client, tmp_path):
    part = broken_off(archive, client, tmp_path)
    came = part.stat().st_size
    assert 1_000_000 <= came < SIZE
    done = download([remote(archive)], tmp_path, client)
    assert starts(archive) == [came]
    assert done[0].read_bytes() == CONTENT
    assert done.n_bytes == SIZE - came


def test_cancelling_says_what_is_kept(archive, client, tmp_path):
    part = tmp_path / f"{NAME}.part"
    with pytest.raises(Cancelled, match=f"^The download was cancelled; 1 files are whole, and what came of '{NAME}' is "
                                        "kept: the same download goes on from there.$"):
        download([remote(archive, MASK, LITTLE_MASK), remote(archive)], tmp_path, client,
                 CancelledWhen(part.exists))
    assert left_in(tmp_path) == [LEDGER, MASK, part.name, f"{part.name}.json"]


@pytest.mark.parametrize("fault", ["hang", "stall", "slow_drip"])
def test_a_cancel_does_not_wait_for_the_server(archive, tmp_path, fault):
    """The client would wait ten minutes; the test fails by the time limit of the run if the cancel does not help."""
    client = client_of(archive, PATIENT)
    archive.faults.add(fault, after=1, times=None)
    with pytest.raises(Cancelled):
        download([remote(archive)], tmp_path, client, CancelledWhen(lambda: len(archive.asked("signed")) == 2))
    client.close()


def test_a_cancel_while_a_file_is_checked(archive, client, tmp_path):
    (tmp_path / NAME).write_bytes(CONTENT)
    with pytest.raises(Cancelled):
        download([remote(archive)], tmp_path, client, CancelledWhen(lambda: True))
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_a_part_that_is_whole_already_is_only_checked(archive, client, tmp_path):
    """The program died before the last step."""
    part = broken_off(archive, client, tmp_path)
    part.write_bytes(CONTENT)
    done = download([remote(archive)], tmp_path, client)
    assert done[0].read_bytes() == CONTENT
    assert starts(archive) == []


def test_a_program_that_died_between_the_last_two_steps(archive, client, tmp_path):
    part = broken_off(archive, client, tmp_path)
    part.write_bytes(CONTENT)
    os.link(part, tmp_path / NAME)
    done = download([remote(archive)], tmp_path, client)
    assert done.n_there == 1
    assert left_in(tmp_path) == LEFT


# killed in another process

_CHILD = """
import sys
from pathlib import Path
from pixel_spectra.core.archive.download import download
from pixel_spectra.core.archive.web.http import HttpClient
from pixel_spectra.core.archive.scene import RemoteFile
token, origin, url, size, digest, folder = sys.argv[1:]
client = HttpClient(lambda: token, (origin,))
try:
    download([RemoteFile(url, int(size), ("sha512", digest))], folder, client)
    print("done")
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def child(archive, tmp_path):
    """A callable that starts the same download in a process of its own."""
    started = []

    def start():
        file = remote(archive)
        arguments = [archive.token(), archive.origins[0], file.url, str(SIZE), SHA, str(tmp_path)]
        started.append(subprocess.Popen([sys.executable, "-c", _CHILD, *arguments], stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def wait_for(condition):
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.01)


def test_killed_on_the_way_and_taken_up_again(archive, client, child, tmp_path):
    archive.configure(bytes_per_s=2e6)
    part = tmp_path / f"{NAME}.part"
    process = child()
    wait_for(lambda: part.exists() and part.stat().st_size > 400_000)
    process.send_signal(signal.SIGKILL)
    process.wait()
    came = part.stat().st_size
    assert came < SIZE and not (tmp_path / NAME).exists()
    archive.configure(bytes_per_s=None)
    archive.clear()
    done = download([remote(archive)], tmp_path, client)
    assert starts(archive) == [came]
    assert done[0].read_bytes() == CONTENT
    assert left_in(tmp_path) == LEFT


def test_two_programs_at_once(archive, client, child, tmp_path):
    archive.configure(bytes_per_s=2e6)
    first = child()
    wait_for(lambda: (tmp_path / f"{NAME}.part").exists())
    with pytest.raises(OutputError, match=f"{NAME}' is being downloaded already, here or by another program; wait"):
        download([remote(archive)], tmp_path, client)
    assert first.communicate(timeout=60)[0] == "done\n"
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert download([remote(archive)], tmp_path, client).n_there == 1


def test_two_threads_at_once(archive, client, tmp_path):
    with holding(tmp_path / f".{NAME}.lock") as mine:
        assert mine
        with pytest.raises(OutputError, match="is being downloaded already"):
            download([remote(archive)], tmp_path, client)
    assert len(download([remote(archive)], tmp_path, client)) == 1


def test_a_name_that_is_removed_while_it_is_waited_for_is_held_by_nobody(tmp_path, monkeypatch):
    """The one before removes the file between our opening and our holding it: we need another one."""
    path, really, seen = tmp_path / "lock", lockfile._taken, []

    def taken(descriptor):
        if not seen:
            path.unlink()
        seen.append(descriptor)
        return really(descriptor)

    monkeypatch.setattr(lockfile, "_taken", taken)
    with holding(path) as mine:
        assert mine and path.exists() and len(seen) == 2
        with holding(path) as second:
            assert not second
    assert not path.exists()


def test_a_file_system_without_locks_lets_everybody(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with holding(tmp_path / "lock") as mine:
        assert mine


def test_what_a_dead_program_held_is_free(archive, client, tmp_path):
    (tmp_path / f".{NAME}.lock").write_text("4711")
    download([remote(archive)], tmp_path, client)
    assert left_in(tmp_path) == LEFT


# another state on the server


def test_replaced_between_two_runs(archive, client, tmp_path):
    part = broken_off(archive, client, tmp_path)
    came = said_bytes(part.stat().st_size)
    put(archive, OTHER)
    done = download([remote(archive, content=OTHER)], tmp_path, client)
    assert done[0].read_bytes() == OTHER
    assert done.notices == (f"'{NAME}' was begun anew, and {came} that had come before were given up: the server has "
                            "another state of the file now.",)


def test_replaced_while_it_is_read(archive, client, tmp_path):
    """The connection breaks, and what answers then is another file: nothing of the first is in the second."""
    archive.faults.add("reset", after=1, after_bytes=1_000_000)
    archive.faults.add("changed_etag", after=1, times=None)
    done = download([remote(archive)], tmp_path, client)
    assert done[0].read_bytes() == CONTENT
    assert starts(archive)[-1] == 0
    assert "the server has another state of the file now" in done.notices[0]


def test_replaced_again_and_again(archive, client, tmp_path):
    for n in range(6):
        archive.faults.add("changed_etag", etag=f'"{n}"')
    with pytest.raises(SourceChanged, match="was replaced on the server"):
        download([remote(archive)], tmp_path, client)
    assert NAME not in left_in(tmp_path)


@pytest.mark.parametrize("checksum, first", [(None, 0), (("sha512", SHA), 1)])
def test_a_server_that_names_no_state(archive, client, tmp_path, checksum, first):
    """Then only a checksum proves what was put together."""
    archive.faults.add("no_etag", times=None, last_modified=False)
    part = broken_off(archive, client, tmp_path, checksum=checksum)
    came = part.stat().st_size
    done = download([remote(archive, checksum=checksum)], tmp_path, client)
    assert done[0].read_bytes() == CONTENT
    assert starts(archive) == [first * came]


def test_the_record_tells_another_size(archive, client, tmp_path):
    with pytest.raises(ArchiveError, match=f"'{NAME}' has 3000000 bytes on '127.0.0.1:.*', but 3000001 by its record; "
                                           "it may have been replaced: search for the scene again"):
        download([remote(archive, size_bytes=SIZE + 1)], tmp_path, client)
    assert left_in(tmp_path) == []


def test_a_part_of_another_address(archive, client, tmp_path):
    part = broken_off(archive, client, tmp_path)
    note = part.with_name(f"{part.name}.json")
    note.write_text(json.dumps({**json.loads(note.read_text()), "url": "https://elsewhere.example/a.nc"}))
    done = download([remote(archive)], tmp_path, client)
    assert done[0].read_bytes() == CONTENT
    assert done.notices[0].endswith("they came from another address.")


# damaged


def test_a_wrong_checksum_is_set_aside(archive, client, tmp_path):
    wrong = ("sha512", "00" * 64)
    with pytest.raises(ArchiveError, match=f"^'{NAME}' came damaged: its sha512 checksum is not that of its record; it "
                                           f"was set aside as '{NAME}.damaged', which is of no use: delete that, and "
                                           "download again; if it happens again, tell the archive.$"):
        download([remote(archive, checksum=wrong)], tmp_path, client)
    assert left_in(tmp_path) == [f"{NAME}.damaged"]
    with pytest.raises(ArchiveError, match="damaged2'"):
        download([remote(archive, checksum=wrong)], tmp_path, client)
    assert left_in(tmp_path) == [f"{NAME}.damaged", f"{NAME}.damaged2"]


def test_a_part_that_was_altered_is_found_out(archive, client, tmp_path):
    part = broken_off(archive, client, tmp_path)
    with open(part, "r+b") as file:
        file.write(b"altered")
    with pytest.raises(ArchiveError, match="came damaged"):
        download([remote(archive)], tmp_path, client)
    assert local_copy(remote(archive).url, [tmp_path]) is None
    assert download([remote(archive)], tmp_path, client)[0].read_bytes() == CONTENT


def test_a_part_that_is_too_long(archive, client, tmp_path):
    part = broken_off(archive, client, tmp_path)
    with open(part, "ab") as file:
        file.write(bytes(SIZE))
    done = download([remote(archive)], tmp_path, client)
    assert done[0].read_bytes() == CONTENT
    assert done.notices[0].endswith("they are more than the file has.")


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256", "sha512"])
def test_every_kind_of_checksum(archive, client, tmp_path, kind):
    digest = hashlib.new(kind, CONTENT).hexdigest().upper()
    assert len(download([remote(archive, checksum=(kind, digest))], tmp_path, client)) == 1


def test_a_checksum_of_an_unknown_kind(archive, client, tmp_path):
    with pytest.raises(ArchiveError, match="is of an unknown kind, 'crc64'"):
        download([remote(archive, checksum=("crc64", "00"))], tmp_path, client)


@pytest.mark.parametrize(("fault", "options", "error", "said"), [
    ("html", {}, SignInError, "needs an Earthdata account"),
    ("html", {"after": 1, "status": 206}, SignInError, "needs an Earthdata account"),
    ("wrong_content_range", {"after": 1}, ArchiveError, "another part"),
    ("bad_gzip", {"after": 1}, ArchiveError, "or packs it"),
    ("401", {}, SignInError, "needs an Earthdata account"),
    ("403", {}, SignInError, "must first accept the licence"),
    ("404", {}, ArchiveError, "is not in the archive"),
    ("redirect_loop", {}, ArchiveError, "redirected more than"),
])
def test_what_the_server_gets_wrong_is_told(archive, client, tmp_path, fault, options, error, said):
    archive.faults.add(fault, times=None, **options)
    with pytest.raises(error, match=said):
        download([remote(archive)], tmp_path, client)
    assert NAME not in left_in(tmp_path)
    assert b"html" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


# what is there already


def test_a_file_that_is_there_is_kept(archive, client, tmp_path):
    (tmp_path / NAME).write_bytes(CONTENT)
    before = os.stat(tmp_path / NAME)
    done = download([remote(archive)], tmp_path, client)
    assert os.stat(tmp_path / NAME).st_mtime_ns == before.st_mtime_ns
    assert archive.requests == []
    assert done.summary() == "1 of 1 files are whole, 1 of them from before (0 bytes came now)"
    assert local_copy(remote(archive).url, [tmp_path]) == tmp_path / NAME


def test_the_server_tells_the_size_where_the_record_does_not(archive, client, tmp_path):
    (tmp_path / NAME).write_bytes(CONTENT)
    assert download([RemoteFile(remote(archive).url)], tmp_path, client).n_there == 1
    assert starts(archive) == []


def test_what_has_nothing_but_the_name_and_the_size_is_not_read_as_the_archives(archive, client, tmp_path):
    """No record tells a checksum, and nobody noted where the file came from."""
    (tmp_path / NAME).write_bytes(OTHER)
    done = download([remote(archive, checksum=None)], tmp_path, client)
    assert done == [tmp_path / NAME] and done.n_there == 1
    assert done.notices == (
        f"'{NAME}' was there before, and nothing but its name and its size says that it is the archive's file: it "
        "stays, but is not read in the place of its address. Move it away and download again to be sure.",)
    assert local_copy(remote(archive).url, [tmp_path]) is None


def test_what_was_downloaded_here_needs_no_checksum(archive, client, tmp_path):
    download([remote(archive, checksum=None)], tmp_path, client)
    assert download([remote(archive, checksum=None)], tmp_path, client).notices == ()
    assert local_copy(remote(archive).url, [tmp_path]) == tmp_path / NAME


@pytest.mark.parametrize(("content", "said"), [
    (b"mine", r"it has 4 bytes, the archive's 3000000"), (OTHER, "it has its size, but not its checksum")])
def test_another_file_is_never_overwritten(archive, client, tmp_path, content, said):
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(OutputError, match=f"{NAME}' is not the archive's file .{said}.; nothing was overwritten: move"):
        download([remote(archive)], tmp_path, client)
    assert (tmp_path / NAME).read_bytes() == content
    assert left_in(tmp_path) == [NAME]


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.symlink_to(path.parent / "nowhere")])
def test_what_is_no_file_is_left_alone(archive, client, tmp_path, make):
    make(tmp_path / NAME)
    with pytest.raises(OutputError, match="it is no file"):
        download([remote(archive)], tmp_path, client)
    assert left_in(tmp_path) == [NAME]


def test_a_file_that_appears_meanwhile_is_not_overwritten(archive, client, tmp_path):
    class Rival:
        cancelled = False

        def report(self, fraction, message=""):
            (tmp_path / NAME).write_bytes(b"mine")

    with pytest.raises(OutputError, match="was made by another program while it was downloaded; nothing was "
                                          f"overwritten: the download is kept as '{NAME}.part'"):
        download([remote(archive)], tmp_path, client, Rival())
    assert (tmp_path / NAME).read_bytes() == b"mine"
    assert (tmp_path / f"{NAME}.part").read_bytes() == CONTENT


@pytest.mark.parametrize("taken", [False, True])
def test_where_the_file_system_has_no_links(archive, client, tmp_path, monkeypatch, taken):
    def link(*_):
        if taken:
            (tmp_path / NAME).write_bytes(b"mine")
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    if taken:
        with pytest.raises(OutputError, match="nothing was overwritten"):
            download([remote(archive)], tmp_path, client)
        assert (tmp_path / NAME).read_bytes() == b"mine"
    else:
        assert download([remote(archive)], tmp_path, client)[0].read_bytes() == CONTENT
        assert left_in(tmp_path) == LEFT


@pytest.mark.parametrize("note", [None, b"", b"[1]", b'{"format": 7}', b'{"format": 1, "url": "x", "size": "big"}'])
def test_a_part_of_another_program_is_left_alone(archive, client, tmp_path, note):
    """Browsers use the same ending."""
    part = tmp_path / f"{NAME}.part"
    part.write_bytes(b"of a browser")
    if note is not None:
        part.with_name(f"{part.name}.json").write_bytes(note)
    with pytest.raises(OutputError, match="is in the way: it is not the beginning of a download that can go on; move"):
        download([remote(archive)], tmp_path, client)
    assert part.read_bytes() == b"of a browser"


def test_a_part_that_leads_elsewhere_is_not_followed(archive, client, tmp_path):
    part = broken_off(archive, client, tmp_path / "here")
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    part.unlink()
    part.symlink_to(victim)
    with pytest.raises(OutputError, match="is in the way"):
        download([remote(archive)], tmp_path / "here", client)
    assert victim.read_bytes() == b"precious"


# no room, no folder


def test_room_is_asked_for_first(archive, client, tmp_path, monkeypatch):
    monkeypatch.setattr(sizes.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 2_000_000))
    with pytest.raises(OutputError, match=r"^The download \(2 files\) needs 3.01 MB, and '.*' has room for 2 MB; make "
                                          "room, or choose a folder on another disk.$"):
        download([remote(archive), remote(archive, MASK, LITTLE_MASK)], tmp_path, client)
    assert archive.requests == []


def test_room_is_asked_for_once_the_server_tells_the_size(archive, client, tmp_path, monkeypatch):
    monkeypatch.setattr(sizes.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 2_000_000))
    with pytest.raises(OutputError, match=f"'{NAME}' needs 3 MB, and '.*' has room for 2 MB"):
        download([RemoteFile(remote(archive).url)], tmp_path, client)
    assert starts(archive) == []


def test_what_came_before_needs_no_room_again(archive, client, tmp_path, monkeypatch):
    broken_off(archive, client, tmp_path)
    monkeypatch.setattr(sizes.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 2_000_000))
    assert len(download([remote(archive)], tmp_path, client)) == 1


def test_a_disk_that_fills_up(archive, client, tmp_path):
    with no_room(1_000_000):
        with pytest.raises(OutputError, match=f"{NAME}' cannot be written: .*; make room or mend the folder, and "
                                              "download again: what came so far is kept, and it goes on from there"):
            download([remote(archive)], tmp_path, client)
    assert (tmp_path / f"{NAME}.part").stat().st_size == 1_000_000
    archive.clear()
    assert download([remote(archive)], tmp_path, client)[0].read_bytes() == CONTENT
    assert starts(archive) == [1_000_000]


def test_a_disk_without_any_room(archive, client, tmp_path):
    with no_room(10):
        with pytest.raises(OutputError, match="cannot be written"):
            download([remote(archive)], tmp_path, client)
    assert len(download([remote(archive)], tmp_path, client)) == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only(archive, client, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match=f"{NAME}' cannot be written: Permission denied; choose a folder"):
        download([remote(archive)], tmp_path, client)
    tmp_path.chmod(0o700)
    assert archive.requests == [] and left_in(tmp_path) == []


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_folder_that_is_none(archive, client, tmp_path, place):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match=f"The folder '.*{place}' cannot be made: .*; choose another folder"):
        download([remote(archive)], tmp_path / place, client)


# names

UNSAFE = [
    "..", "../../etc/x.nc", "%2e%2e%2fx.nc", "..%2fx.nc", "a%00.nc", "a\\b.nc", ".hidden.nc", "a b.nc", "x.exe", "x",
    "CON.nc", "lpt1.x.nc", "a.nc?Signature=planted", "a.nc#x", "a..nc", f"{'a' * 300}.nc", "x.nc/", "~x.nc", "é.nc"]


@pytest.mark.parametrize("name", UNSAFE)
def test_names_that_are_none(archive, client, tmp_path, name):
    (tmp_path / "in").mkdir()
    with pytest.raises(ArchiveError) as caught:
        download([RemoteFile(f"{archive.hosts['data']}/{ROOM}/{name}")], tmp_path / "in", client)
    assert "is not downloaded" in str(caught.value) and "planted" not in str(caught.value)
    assert archive.requests == [] and left_in(tmp_path / "in") == [] and left_in(tmp_path) == ["in"]


@pytest.mark.parametrize("url", [
    "http://data.example/a.nc", "ftp://data.example/a.nc", "file:///tmp/a.nc", "https://me:planted@data.example/a.nc",
    "a.nc", "", "https:///a.nc", "https://[bad/a.nc"])
def test_addresses_that_are_none(archive, client, tmp_path, url):
    with pytest.raises(ArchiveError) as caught:
        download([RemoteFile(url)], tmp_path, client)
    assert "is not the plain address (https)" in str(caught.value) and "planted" not in str(caught.value)


def test_a_name_of_the_archive():
    assert name_of(f"https://data.lpdaac.earthdatacloud.nasa.gov/{ROOM}/{NAME}") == NAME


def test_two_files_of_one_name(archive, client, tmp_path):
    other = RemoteFile(f"{archive.hosts['data']}/elsewhere/{NAME.lower()}")
    done = download([remote(archive), other], tmp_path, client)
    assert [path.name for path in done] == [NAME]
    assert f"would get the name of '{remote(archive).url}'; download the two into different folders" in done.notices[0]


# many


def test_one_that_fails_does_not_stop_the_others(archive, client, tmp_path):
    gone = RemoteFile(archive.url(f"{ROOM}/gone.nc"))
    done = download([gone, remote(archive), RemoteFile("http://data.example/a.nc")], tmp_path, client)
    assert [path.name for path in done] == [NAME]
    assert all(isinstance(failure.error, ArchiveError) for failure in done.failures)
    assert done.summary() == "1 of 3 files are whole (3 MB came now); 2 could not be downloaded"
    assert "gone.nc' is not in the archive" in done.notices[0]


def test_where_all_fail_it_is_an_error(archive, client, tmp_path):
    with pytest.raises(ArchiveError, match="^None of the 2 files was downloaded; the first of them: .*one.nc' is not"):
        download([RemoteFile(archive.url(f"{ROOM}/{name}.nc")) for name in ("one", "two")], tmp_path, client)


def test_not_signed_in_is_told_as_such(archive, tmp_path):
    client = downloading.HttpClient(limits=Limits())
    with pytest.raises(SignInError, match="sign in in the settings"):
        download([remote(archive)], tmp_path, client)
    client.close()


# used from then on


@pytest.fixture(scope="module")
def granule(tmp_path_factory):
    return write_granule(tmp_path_factory.mktemp("granule"), Scene(downtrack=12, crosstrack=10))


@pytest.fixture
def opened(archive, granule):
    """The archive with a true granule, and an opener that is signed in."""
    from sidecars import publish

    published, token = publish(granule, archive.folder), archive.token()
    opener = Opener(lambda: token, None, archive.origins)
    yield {name: archive.url(path) for name, path in published.data.items()}, opener
    opener.close()


def test_a_download_takes_the_place_of_its_address(archive, opened, granule, tmp_path):
    urls, opener = opened
    download([RemoteFile(urls["RFL"])], tmp_path, opener.client)
    archive.clear()
    local = open_granule(granule.reflectance)
    with open_granule(urls["RFL"], opener=LocalFirst(opener, [tmp_path])) as read:
        assert (read.read_rows(0, 3).values == local.read_rows(0, 3).values).all()
        assert archive.requests == []
        assert (read.id, read.source.path) == (local.id, urls["RFL"])
        assert read.quality is not None  # which was not downloaded
    assert archive.asked("signed") != []


def test_where_nothing_was_downloaded_all_is_read_over_the_network(archive, opened, tmp_path):
    urls, opener = opened
    with open_granule(urls["RFL"], opener=LocalFirst(opener, [tmp_path, tmp_path / "gone"])) as read:
        assert read.shape == (12, 10)
    assert archive.asked("signed") != []


def test_only_what_came_whole_from_the_same_address_counts(archive, client, tmp_path):
    url = remote(archive).url
    (tmp_path / NAME).write_bytes(CONTENT)
    assert local_copy(url, [tmp_path]) is None  # nobody noted where it came from
    download([remote(archive)], tmp_path, client)
    assert local_copy(url, [tmp_path / "gone", tmp_path]) == tmp_path / NAME
    assert local_copy(url.replace("lp-prod", "elsewhere"), [tmp_path]) is None
    assert local_copy(f"{url}?Signature=x", [tmp_path]) is None
    assert local_copy(str(tmp_path / NAME), [tmp_path]) is None
    os.utime(tmp_path / NAME, ns=(0, 0))  # of the same size, but no longer what came
    assert local_copy(url, [tmp_path]) is None
    (tmp_path / NAME).write_bytes(CONTENT[:-1])
    assert local_copy(url, [tmp_path]) is None
    (tmp_path / NAME).unlink()
    assert local_copy(url, [tmp_path]) is None


@pytest.mark.parametrize("line", [b"torn", b"[]", b'{"url": URL, "name": "../x.nc", "size": 4}', b"\xff\xfe"])
def test_a_ledger_that_is_damaged_or_leads_elsewhere(archive, client, tmp_path, line):
    url = remote(archive).url
    (tmp_path / "x.nc").write_bytes(b"evil")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / LEDGER).write_bytes(line.replace(b"URL", json.dumps(url).encode()) + b"\n")
    assert local_copy(url, [tmp_path / "in"]) is None
    download([remote(archive)], tmp_path / "in", client)
    assert local_copy(url, [tmp_path / "in"]) == tmp_path / "in" / NAME


def test_an_opener_that_looks_here_first_is_as_picklable_as_the_other_one(tmp_path):
    sent = pickle.loads(pickle.dumps(LocalFirst(Opener(), [tmp_path])))
    assert sent.folders == (str(tmp_path),)
    with pytest.raises(ArchiveError, match="must not leave its process"):
        pickle.dumps(LocalFirst(Opener(lambda: "planted"), [tmp_path]))


def test_a_ledger_has_one_line_per_file(archive, client, tmp_path):
    for _ in range(3):
        download([remote(archive)], tmp_path, client)
    assert len((tmp_path / LEDGER).read_bytes().splitlines()) == 1


def test_a_ledger_that_cannot_be_written_costs_nothing_else(archive, client, tmp_path):
    (tmp_path / LEDGER).mkdir()
    assert len(download([remote(archive)], tmp_path, client)) == 1
    assert local_copy(remote(archive).url, [tmp_path]) is None


# what the catalogue tells


@pytest.fixture
def listed(archive, granule):
    archive.records.clear()
    published = archive.publish(granule)
    yield {name: archive.url(path) for name, path in published.data.items()}
    archive.records.clear()


def cmr(archive):
    return f"{archive.hosts['cmr']}/search/granules.umm_json"


def test_sizes_and_checksums_come_from_the_catalogue(archive, client, listed, granule):
    known, notices = particulars([RemoteFile(listed["MASK"]), RemoteFile(listed["RFL"])], client, cmr(archive))
    assert notices == ()
    for file, path in zip(known, (granule.mask, granule.reflectance)):
        assert file.size_bytes == path.stat().st_size
        assert file.checksum == ("sha512", hashlib.sha512(path.read_bytes()).hexdigest())
    assert [r.host for r in archive.requests if "authorization" in r.headers] == []


def test_what_is_known_is_not_asked_for(archive, client):
    file = remote(archive)
    assert particulars([file], client, cmr(archive)) == ([file], ())
    assert archive.requests == []


def test_what_the_catalogue_does_not_know_is_checked_by_its_size(archive, client, listed):
    files = [RemoteFile(archive.url("elsewhere/own.nc")), RemoteFile(listed["RFL"])]
    known, notices = particulars(files, client, cmr(archive))
    assert known[0] == files[0] and known[1].checksum is not None
    assert notices == ("Of 1 of 2 files the catalogue tells no checksum; they are checked by their size alone.",)


def test_a_catalogue_that_is_out_of_order(archive, client, listed):
    archive.faults.add("500", host="cmr", times=None)
    known, notices = particulars([RemoteFile(listed["RFL"])], client, cmr(archive))
    assert known == [RemoteFile(listed["RFL"])]
    assert "Of 1 of 1 files the catalogue tells no checksum (CMR: '127.0.0.1" in notices[0]
