"""A whole file in blocks: from where the last attempt ended, of one state, and stopped at once."""

import pytest
from pixel_spectra.core.errors import ArchiveError, Cancelled, SignInError, SourceChanged
from pixel_spectra.core.progress import listening

from archive_reading import CONTENT, PATH, PATIENT, CancelledWhen, client_of, fill
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


def test_a_whole_file(archive, client):
    with client.stream(archive.url(PATH)) as stream:
        assert (stream.total, stream.start, stream.name) == (400_000, 0, archive.url(PATH))
        assert stream.etag
        assert b"".join(stream) == CONTENT
    assert client.n_bytes == 400_000


def test_from_a_byte_on(archive, client):
    with client.stream(archive.url(PATH), 399_000) as stream:
        assert b"".join(stream) == CONTENT[399_000:]
    assert archive.asked("signed")[0].range == "bytes=399000-"


def test_nothing_is_left_to_fetch(archive, client):
    with pytest.raises(ArchiveError, match="has no byte 400000"), client.stream(archive.url(PATH), 400_000):
        pass


@pytest.mark.parametrize("fault", ["reset", "short"])
def test_what_breaks_off_goes_on_from_there(archive, client, fault):
    archive.faults.add(fault, times=10, after_bytes=30_000)
    with client.stream(archive.url(PATH)) as stream:
        assert b"".join(stream) == CONTENT
    asked = [int(request.range[6:-1]) for request in archive.asked("signed")]
    assert len(asked) == 11
    assert asked == sorted(asked)


def test_what_brings_next_to_nothing_each_time_is_given_up(archive, client):
    archive.faults.add("short", times=None, after_bytes=1000)
    with client.stream(archive.url(PATH)) as stream, pytest.raises(
            ArchiveError, match=r"broke off 21 times .* at byte 21000; try again later: it goes on from there"):
        list(stream)
    assert len(archive.asked("signed")) == 21


def test_what_brings_enough_each_time_goes_on_as_often_as_it_must(archive, client):
    (archive.folder / PATH).write_bytes(CONTENT * 80)
    archive.faults.add("short", times=None, after_bytes=1_200_000)
    with client.stream(archive.url(PATH)) as stream:
        assert sum(map(len, stream)) == 32_000_000
    assert len(archive.asked("signed")) == 27


def test_what_brings_nothing_is_given_up(archive, client):
    archive.faults.add("short", times=None, after_bytes=0)
    with client.stream(archive.url(PATH)) as stream, pytest.raises(ArchiveError, match="broke off"):
        list(stream)


def test_a_file_that_is_replaced_on_the_way(archive, client):
    archive.faults.add("short", after_bytes=30_000)
    archive.faults.add("changed_etag", at=200_000)
    with client.stream(archive.url(PATH)) as stream, pytest.raises(SourceChanged, match="was replaced on the server"):
        list(stream)


@pytest.mark.parametrize("fault, kind", [("html", SignInError), ("status200", ArchiveError), ("404", ArchiveError),
                                         ("wrong_content_range", ArchiveError)])
def test_refusals_come_before_the_first_block(archive, client, fault, kind):
    archive.faults.add(fault, times=None)
    with pytest.raises(kind), client.stream(archive.url(PATH)):
        pass


def test_a_cancel_ends_it(archive):
    client = client_of(archive, PATIENT)
    archive.faults.add("stall", after_bytes=50_000)
    with listening(CancelledWhen(lambda: archive.asked("signed"))), pytest.raises(Cancelled):
        with client.stream(archive.url(PATH)) as stream:
            list(stream)
    client.close()


def test_who_takes_no_more_leaves_nothing_running(archive, client):
    (archive.folder / PATH).write_bytes(CONTENT * 30)
    with client.stream(archive.url(PATH)) as stream:
        next(iter(stream))
    assert client.ranges(archive.url(PATH), [(0, 3)])[0].data == CONTENT[:3]
    assert archive.asked("signed")[0].bytes_sent < 12_000_000
