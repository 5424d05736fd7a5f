"""Every fault a server can have: what passes is tried again within limits, what does not is one sentence."""

import os
import socket
import ssl
import threading
from email.utils import formatdate

import pytest
from pixel_spectra.core.archive.web.http import HttpClient
from pixel_spectra.core.archive.web.limits import Limits
from pixel_spectra.core.archive.web.refusals import retry_after_s
from pixel_spectra.core.archive.web.troubles import Again, of_error
from pixel_spectra.core.errors import ArchiveError, GranuleError, PixelSpectraError, SignInError

from archive_reading import CONTENT, PATH, QUICK, SHORT, client_of, fill
from loopback import LoopbackArchive

RANGE = (1000, 100_000)
EXPECTED = CONTENT[1000:101_000]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with LoopbackArchive(fill(tmp_path_factory.mktemp("archive"))) as archive:
        yield archive


@pytest.fixture
def archive(served):
    served.clear()
    served.faults.clear()
    return served


@pytest.fixture
def client(archive):
    client = client_of(archive)
    yield client
    client.close()


PASSING = [
    ("408", "data", {}), ("429", "data", {}), ("429", "signed", {"retry_after": 0}), ("500", "signed", {}),
    ("502", "data", {}), ("503", "signed", {"retry_after": 1}), ("504", "signed", {}), ("reset", "signed", {}),
    ("reset_early", "signed", {}), ("reset_early", "data", {}), ("close_early", "signed", {}),
    ("close_early", "data", {}), ("short", "signed", {}), ("short", "signed", {"after_bytes": 0}),
]


@pytest.mark.parametrize("fault, host, options", PASSING)
def test_what_may_pass_is_tried_again(archive, client, fault, host, options):
    archive.faults.add(fault, host=host, times=2, **options)
    assert client.ranges(archive.url(PATH), [RANGE])[0].data == EXPECTED
    assert len([request for request in archive.requests if request.fault]) == 2


@pytest.mark.parametrize("fault, host, options", PASSING)
def test_what_does_not_pass_is_tried_no_more_than_allowed(archive, client, fault, host, options):
    archive.faults.add(fault, host=host, times=None, **options)
    with pytest.raises(ArchiveError, match=r"try again"):
        client.ranges(archive.url(PATH), [RANGE])
    assert len(archive.asked(host)) == 1 + QUICK.retries


@pytest.mark.parametrize("fault, host", [("hang", "signed"), ("hang", "data"), ("stall", "signed")])
def test_a_server_that_falls_silent(archive, fault, host):
    client = client_of(archive, SHORT)
    archive.faults.add(fault, host=host, times=None)
    with pytest.raises(ArchiveError, match=r"'127.0.0.1:\d+' (took too long to answer|sends nothing, or too little)"):
        client.ranges(archive.url(PATH), [RANGE])
    archive.faults.clear()
    archive.faults.add(fault, host=host, times=1)
    assert client.ranges(archive.url(PATH), [RANGE])[0].data == EXPECTED
    client.close()


def test_a_body_that_drips_is_not_waited_for(archive):
    client = client_of(archive, SHORT)
    archive.faults.add("slow_drip", times=None, bytes_per_s=300)
    with pytest.raises(ArchiveError, match="sends nothing, or too little to wait for; try again later"):
        client.ranges(archive.url(PATH), [RANGE])
    assert max(request.bytes_sent for request in archive.asked("signed")) < 10_000
    client.close()


def test_a_head_that_drips_is_not_waited_for():
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        def drip():
            connection, _ = server.accept()
            with connection:
                for byte in b"HTTP/1.1 206 Partial Content\r\nX: " + b"x" * 10_000:
                    if stop.wait(0.1):
                        return
                    connection.send(bytes([byte]))

        thread = threading.Thread(target=drip)
        thread.start()
        client = HttpClient(limits=Limits(connect_s=0.2, read_s=0.4, retries=0))
        with pytest.raises(ArchiveError, match="sends nothing, or too little"):
            client.ranges(f"http://127.0.0.1:{server.getsockname()[1]}/x", [(0, 10)])
        stop.set()
        thread.join()
        client.close()


REFUSED = [
    ("status200", {}, ArchiveError, "answers with the whole of .* where a part was asked for.*download it instead"),
    ("status200", {"whole": True}, ArchiveError, "answers with the whole of"),
    ("html", {}, SignInError, "does not accept the sign-in"),
    ("html", {"status": 206}, SignInError, "does not accept the sign-in"),
    ("wrong_content_range", {}, ArchiveError, "answers with another part of"),
    ("wrong_content_range", {"shift": -1}, ArchiveError, "answers with another part of"),
    ("no_content_range", {}, ArchiveError, "answers with another part of"),
    ("clipped", {}, ArchiveError, "answers with another part of"),
    ("content_encoding", {}, ArchiveError, "or packs it"),
    ("content_encoding", {"real": True}, ArchiveError, "answers with another part"),
    ("401", {"host": "data"}, SignInError, "does not accept the sign-in"),
    ("403", {"host": "data"}, SignInError, "must first accept the licence"),
    ("404", {"host": "data"}, ArchiveError, "is not in the archive"),
    ("410", {"host": "data"}, ArchiveError, "is not in the archive"),
    ("400", {"host": "data"}, ArchiveError, "answers 400 where"),
    ("redirect_loop", {}, ArchiveError, "is redirected more than 5 times"),
]


@pytest.mark.parametrize("fault, options, kind, sentence", REFUSED)
def test_what_will_not_pass_is_said_at_once(archive, client, fault, options, kind, sentence):
    archive.faults.add(fault, times=None, **options)
    with pytest.raises(kind, match=sentence) as caught:
        client.ranges(archive.url(PATH), [RANGE])
    assert "?" not in str(caught.value)
    assert len(archive.asked("signed")) <= 1
    archive.faults.clear()
    assert client.ranges(archive.url(PATH), [RANGE])[0].data == EXPECTED


def test_a_redirect_to_itself_is_a_circle(archive, client):
    archive.faults.add("redirect", times=None, location=archive.url(PATH))
    with pytest.raises(ArchiveError, match="round in a circle"):
        client.ranges(archive.url(PATH), [RANGE])


def test_the_endless_body_of_a_200_is_not_read(archive, client):
    archive.faults.add("status200")
    with pytest.raises(ArchiveError, match="answers with the whole"):
        client.ranges(archive.url(PATH), [RANGE])
    archive.call("settings")
    assert archive.asked("signed")[0].bytes_sent < 2_000_000


def test_faults_of_one_range_do_not_touch_the_others(archive, client):
    archive.faults.add("reset", times=3)
    archive.faults.add("503", host="signed", times=3)
    wanted = [(offset, 5000) for offset in range(0, 300_000, 10_000)]
    assert [reply.data for reply in client.ranges(archive.url(PATH), wanted)] == [
        CONTENT[offset : offset + length] for offset, length in wanted]


@pytest.mark.parametrize("headers, seconds", [
    ({}, None),
    ({"retry-after": "7"}, 7.0),
    ({"retry-after": "soon"}, None),
    ({"retry-after": formatdate(1_000_030, usegmt=True), "date": formatdate(1_000_000, usegmt=True)}, 30.0),
    ({"retry-after": formatdate(1_000_000, usegmt=True), "date": formatdate(1_000_030, usegmt=True)}, 0.0),
])
def test_the_pause_that_a_server_asks_for_goes_by_its_own_clock(headers, seconds):
    assert retry_after_s(headers) == seconds


def test_a_pause_has_an_end(archive):
    client = client_of(archive, Limits(retries=1, retry_after_s=0.01, backoff_s=0.01))
    archive.faults.add("503", host="data", retry_after=86_400)
    assert client.ranges(archive.url(PATH), [RANGE])[0].data == EXPECTED
    client.close()


def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def test_nobody_listens():
    client, port = HttpClient(limits=QUICK), closed_port()
    with pytest.raises(ArchiveError, match=f"^'127.0.0.1:{port}' refuses connections; check the network, its proxy and "
                                           "firewall, or try again later.$"):
        client.ranges(f"http://127.0.0.1:{port}/x", [(0, 10)])
    client.close()


def test_a_name_that_cannot_be_found(monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    client = HttpClient(limits=QUICK)
    with pytest.raises(ArchiveError, match="^The name 'data.example.org' cannot be found; check that this computer is "
                                           "connected to the network, and its proxy.$"):
        client.ranges("https://data.example.org/x", [(0, 10)])
    client.close()


@pytest.mark.parametrize("url", ["https://:0x/", "nonsense", "https://host:99999/x", "https://ho st/x"])
def test_an_address_that_is_none(url):
    client = HttpClient(limits=QUICK)
    with pytest.raises(PixelSpectraError):
        client.ranges(url, [(0, 10)])
    client.close()


HERE = "https://data.example.org/x?Signature=planted"


@pytest.mark.parametrize("error, passes, sentence", [
    (ssl.SSLCertVerificationError("planted"), False, "'data.example.org' shows a certificate that this"),
    (OSError(101, "Network is unreachable"), False, "There is no way to 'data.example.org'"),
    (TimeoutError("planted"), True, "'data.example.org' took too long"),
    (ConnectionResetError("planted"), True, "The connection to 'data.example.org' broke off"),
    (OSError("something new"), True, "The connection to 'data.example.org' broke off"),
])
def test_errors_of_the_system(error, passes, sentence):
    trouble = of_error(RuntimeError("wrapped", error), HERE, None)
    assert isinstance(trouble, Again if passes else ArchiveError)
    assert str(trouble).startswith(sentence)
    assert "planted" not in str(trouble)
    assert trouble.__context__ is None


def test_all_of_it_is_an_error_of_the_granule():
    assert issubclass(SignInError, ArchiveError)
    assert issubclass(ArchiveError, GranuleError)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_an_opener_in_a_forked_process_has_connections_of_its_own(archive):
    from pixel_spectra.core.archive import opener

    token = archive.token()
    opened = opener(lambda: token, token_origins=archive.origins)
    source = opened(archive.url(PATH))
    assert source.read_ranges([(0, 10)]) == [CONTENT[:10]]
    child = os.fork()
    if child == 0:
        right = opened(archive.url(PATH)).read_ranges([(70_000, 10)]) == [CONTENT[70_000:70_010]]
        os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0
    opened.close()
