"""Reading parts of files through the login and the redirects of the archive: what is sent to whom, and how often."""

import gc
import gzip
import json
import re
import socket
import threading

import pytest
from pixel_spectra.core.archive.login import EarthdataToken, Grant
from pixel_spectra.core.archive.web import lanes
from pixel_spectra.core.archive.web.http import HttpClient
from pixel_spectra.core.archive.web.limits import Limits
from pixel_spectra.core.archive.web.refusals import refusal
from pixel_spectra.core.errors import ArchiveError, Cancelled, SignInError
from pixel_spectra.core.progress import listening

from archive_reading import CONTENT, PATH, PATIENT, PUBLIC, QUICK, CancelledWhen, client_of, fill
from loopback import LoopbackArchive


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with LoopbackArchive(fill(tmp_path_factory.mktemp("archive"))) as archive:
        yield archive


@pytest.fixture
def archive(served):
    served.clear()
    served.faults.clear()
    served.configure(latency_s=0.0, clock_offset_s=0.0)
    return served


@pytest.fixture
def client(archive):
    client = client_of(archive)
    yield client
    client.close()


def test_ranges_come_in_the_order_asked(archive, client):
    replies = client.ranges(archive.url(PATH), [(1000, 10), (0, 5), (399_990, 50)])
    assert [reply.data for reply in replies] == [CONTENT[1000:1010], CONTENT[:5], CONTENT[399_990:]]
    assert {reply.total for reply in replies} == {400_000}
    assert len({reply.etag for reply in replies}) == 1
    assert replies[0].etag


def test_the_token_goes_to_the_first_server_alone(archive, client):
    client.ranges(archive.url(PATH), [(0, 10)])
    assert [(request.host, "authorization" in request.headers) for request in archive.requests] == [
        ("data", True), ("signed", False)]
    assert "authorization" not in str(archive.asked("signed")[0].headers).lower()


def tokens_of(archive, *tokens):
    """A client whose token is got anew: one grant after the other, each counted."""
    grants = []

    def grant():
        grants.append(tokens[len(grants)])
        return Grant(grants[-1])

    return HttpClient(EarthdataToken(grant), archive.origins, limits=QUICK), grants


@pytest.mark.parametrize("fault, host", [(None, ""), ("401", "data"), ("html", "data")])
def test_a_token_that_is_refused_is_got_anew_once(archive, fault, host):
    """Revoked, or over by the server's clock: by a login page, a redirect to one, or a plain 401."""
    old = archive.token() if fault else archive.token(lifetime_s=-5)
    client, grants = tokens_of(archive, old, archive.token())
    if fault:
        archive.faults.add(fault, host=host)
    assert client.ranges(archive.url(PATH), [(0, 10)])[0].data == CONTENT[:10]
    assert len(grants) == 2
    sent = [request.headers["authorization"] for request in archive.asked("data")]
    assert sent == [f"Bearer {token}" for token in grants]
    client.close()


def test_many_readers_get_one_token_in_the_place_of_a_refused_one(archive):
    client, grants = tokens_of(archive, archive.token(lifetime_s=-5), archive.token(), archive.token())
    assert [reply.data for reply in client.ranges(archive.url(PATH), [(k, 1) for k in range(12)])] == [
        CONTENT[k:k + 1] for k in range(12)]
    assert len(grants) == 2
    client.close()


def test_a_second_token_that_is_refused_is_the_last(archive):
    client, grants = tokens_of(archive, *(archive.token(lifetime_s=-5) for _ in range(9)))
    for _ in range(3):
        with pytest.raises(SignInError, match="does not accept the sign-in"):
            client.ranges(archive.url(PATH), [(0, 10)])
    assert len(grants) == 2
    client.close()


def test_the_same_token_is_not_sent_again(archive):
    token = archive.token(lifetime_s=-5)
    client = HttpClient(lambda: token, archive.origins, limits=QUICK)
    with pytest.raises(SignInError, match="does not accept the sign-in"):
        client.ranges(archive.url(PATH), [(0, 10)])
    assert len(archive.asked("data")) == 1
    client.close()


def test_the_token_goes_to_no_server_it_is_not_for(archive):
    client = HttpClient(lambda: "not-to-be-sent", limits=QUICK)
    with pytest.raises(SignInError, match="Not signed in"):
        client.ranges(archive.url(PATH), [(0, 10)])
    assert "not-to-be-sent" not in str([request.headers for request in archive.requests])
    client.close()


def test_a_foreign_server_gets_no_token(archive, client):
    archive.faults.add("redirect_foreign")
    client.ranges(archive.url(PATH), [(0, 10)])
    asked, = archive.asked("foreign")
    assert set(asked.headers) <= {"host", "range", "user-agent", "accept-encoding", "connection"}


def test_a_token_is_not_sent_to_a_data_server_that_a_redirect_leads_back_to(archive, client):
    archive.faults.add("redirect", location=archive.url(PUBLIC) + "?round=1")
    client.ranges(archive.url(PATH), [(0, 10)])
    assert ["authorization" in request.headers for request in archive.asked("data")] == [True, False]


def test_the_archive_is_asked_once_and_its_storage_for_each_range(archive, client):
    client.ranges(archive.url(PATH), [(offset, 10) for offset in range(0, 3000, 100)])
    client.ranges(archive.url(PATH), [(5000, 10)])
    assert (len(archive.asked("data")), len(archive.asked("signed"))) == (1, 31)
    assert (client.n_redirects, client.n_requests, client.n_bytes) == (1, 31, 310)


def test_connections_are_kept(archive, client):
    for offset in range(20):
        client.ranges(archive.url(PATH), [(offset, 10)])
    assert len({request.connection for request in archive.asked("signed")}) == 1


def test_no_more_connections_than_allowed(archive):
    archive.configure(latency_s=0.02)
    client = client_of(archive, Limits(connections=3))
    client.ranges(archive.url(PATH), [(offset, 10) for offset in range(30)])
    assert len({request.connection for request in archive.asked("signed")}) == 3
    client.close()


def test_an_expired_signature_is_asked_for_anew(archive, client):
    client.ranges(archive.url(PATH), [(0, 10)])
    archive.expire_signatures()
    replies = client.ranges(archive.url(PATH), [(offset, 10) for offset in range(8)])
    assert [reply.data for reply in replies] == [CONTENT[offset : offset + 10] for offset in range(8)]
    assert {request.status for request in archive.asked("signed")} == {206, 403}
    assert len(archive.asked("data")) <= 1 + 8


def test_a_storage_that_refuses_a_new_signature_too(archive, client):
    archive.faults.add("403", host="signed", times=None)
    with pytest.raises(ArchiveError, match=r"The storage '127.0.0.1:\d+' refuses .*a.nc' \(403\)"):
        client.ranges(archive.url(PATH), [(0, 10)])
    assert len(archive.asked("data")) == 1


@pytest.mark.parametrize("years", [-10, 10])
def test_the_clock_of_this_computer_does_not_matter(archive, client, years):
    archive.configure(clock_offset_s=years * 365 * 86400.0)
    token = archive.token(lifetime_s=20 * 365 * 86400.0)
    client = HttpClient(lambda: token, archive.origins, limits=QUICK)
    for offset in (0, 1):
        assert client.ranges(archive.url(PATH), [(offset, 10)])[0].data == CONTENT[offset : offset + 10]
    client.close()


def test_public_files_need_no_token(archive):
    client = HttpClient(limits=QUICK)
    assert client.ranges(archive.url(PUBLIC), [(0, 10)])[0].data == CONTENT[:10]
    client.close()


def test_a_server_that_has_the_file_itself_is_asked_side_by_side(archive, client):
    url = archive.url(PATH, "foreign")
    replies = client.ranges(url, [(offset, 10) for offset in range(12)])
    assert b"".join(reply.data[:1] for reply in replies) == CONTENT[:12]
    assert client.n_redirects == 0


def test_not_signed_in(archive):
    client = HttpClient(token_origins=archive.origins, limits=QUICK)
    with pytest.raises(SignInError, match=r"^Not signed in: 'http://127.0.0.1:\d+/lp-prod.*a.nc' needs an Earthdata "
                                          r"account; sign in in the settings.$"):
        client.ranges(archive.url(PATH), [(0, 10)])
    assert archive.asked("login") == []
    client.close()


def test_a_sign_in_that_has_expired(archive):
    token = archive.token(lifetime_s=-1.0)
    client = HttpClient(lambda: token, archive.origins, limits=QUICK)
    with pytest.raises(SignInError, match="does not accept the sign-in .it may have expired.: sign in again"):
        client.ranges(archive.url(PATH), [(0, 10)])
    client.close()


def test_a_licence_that_was_not_accepted(archive):
    client = client_of(archive, user="newcomer")
    with pytest.raises(SignInError, match=r"'127.0.0.1:\d+' refuses .*a.nc' to this account \(403\), saying '.*'; the "
                                          r"account must first accept the licence \(EULA\) of the application behind "
                                          r"'127.0.0.1:\d+': open https://\S+ in a browser, approve it, and try"):
        client.ranges(archive.url(PATH), [(0, 10)])
    client.close()


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "ünicode", "bell\a"])
def test_a_token_that_cannot_be_one_is_not_quoted(archive, token):
    client = HttpClient(lambda: token, archive.origins, limits=QUICK)
    with pytest.raises(SignInError, match="holds characters that no token has") as caught:
        client.ranges(archive.url(PATH), [(0, 10)])
    assert token not in str(caught.value)
    assert archive.requests == []
    client.close()


def test_no_token_to_be_had(archive):
    def nothing():
        raise SignInError("There is no netrc file; sign in in the settings.")

    client = HttpClient(nothing, archive.origins, limits=QUICK)
    with pytest.raises(SignInError, match="There is no netrc file"):
        client.ranges(archive.url(PATH), [(0, 10)])
    client.close()


def test_a_token_that_is_got_through_the_same_client(archive):
    client = HttpClient(lambda: (client.page(archive.url(PUBLIC), limit=10**6), archive.token())[1], archive.origins,
                        limits=Limits(connections=1))
    assert client.ranges(archive.url(PATH), [(0, 10)])[0].data == CONTENT[:10]
    client.close()


def test_a_withdrawn_granule(archive, client):
    with pytest.raises(ArchiveError, match="is not in the archive .any more.: .* answers 404; search for the scene"):
        client.ranges(archive.url(PATH + "x"), [(0, 10)])


def test_a_range_beyond_the_end(archive, client):
    with pytest.raises(ArchiveError, match="has no byte 400000"):
        client.ranges(archive.url(PATH), [(400_000, 10)])


@pytest.mark.parametrize("wanted", [(-1, 5), (0, 0)])
def test_what_is_no_range_is_a_mistake_of_the_caller(client, wanted):
    with pytest.raises(ValueError, match="no range"):
        client.ranges("https://host/x", [wanted])


def test_an_insecure_redirect_is_not_followed(archive, client):
    archive.faults.add("redirect", location="ftp://127.0.0.1/x?Signature=planted")
    with pytest.raises(ArchiveError, match="not secure") as caught:
        client.ranges(archive.url(PATH), [(0, 10)])
    assert "planted" not in str(caught.value)


def test_a_page(archive, client):
    page = client.page(archive.url(PATH), limit=400_000, with_token=True)
    assert (page.data, page.status) == (CONTENT, 200)
    assert "?" not in page.url
    assert page.headers["content-length"] == "400000"


def test_a_page_that_is_too_long(archive, client):
    with pytest.raises(ArchiveError, match="longer than the 399999 bytes"):
        client.page(archive.url(PATH), limit=399_999, with_token=True)


def test_a_packed_page_is_unpacked(archive, client):
    archive.faults.add("content_encoding", real=True)
    assert client.page(archive.url(PATH), limit=400_000, with_token=True).data == CONTENT
    assert archive.asked("data")[0].headers["accept-encoding"] == "gzip"


def test_a_packed_page_that_is_damaged(archive, client):
    archive.faults.add("bad_gzip")
    with pytest.raises(ArchiveError, match="cannot be unpacked"):
        client.page(archive.url(PATH), limit=400_000, with_token=True)


def test_a_packed_page_cannot_be_longer_than_allowed(archive, client):
    bomb = "lp-prod-public/bomb"
    (archive.folder / bomb).write_bytes(gzip.compress(bytes(10_000_000)))
    archive.faults.add("redirect", location=archive.url(bomb, "foreign"))
    archive.faults.add("content_encoding", host="foreign")
    with pytest.raises(ArchiveError, match="longer than the 100000 bytes"):
        client.page(archive.url(PUBLIC), limit=100_000)


def test_a_page_where_the_login_page_came(archive, client):
    archive.faults.add("html")
    with pytest.raises(SignInError, match="does not accept the sign-in"):
        client.page(archive.url(PATH), limit=400_000, with_token=True)


def test_a_status_can_be_accepted(archive, client):
    archive.faults.add("404")
    page = client.page(archive.url(PATH), limit=1000, accept=(404,))
    assert page.status == 404


@pytest.mark.parametrize("status", ["401", "403"])
def test_a_refusal_where_no_account_is_needed_is_no_matter_of_signing_in(archive, status):
    client = HttpClient(limits=QUICK)
    archive.faults.add(status)
    with pytest.raises(ArchiveError, match=f"answers {status} where") as caught:
        client.page(archive.url(PUBLIC), limit=1000)
    assert not isinstance(caught.value, SignInError)
    client.close()


def test_headers_of_the_caller_do_not_follow_a_redirect(archive, client):
    client.page(archive.url(PUBLIC), limit=400_000, headers={
        "Authorization": "Basic planted", "Cookie": "planted", "X-Key": "planted", "Accept": "image/png"})
    assert archive.asked("data")[0].headers["x-key"] == "planted"
    sent = archive.asked("signed")[0].headers
    assert "planted" not in str(sent)
    assert sent["accept"] == "image/png"


def test_what_is_posted_is_not_sent_on(archive, client):
    with pytest.raises(ArchiveError, match="sends what was posted .* elsewhere, which is not done"):
        client.page(archive.url(PUBLIC), limit=400_000, body=b"password=planted")
    assert archive.asked("signed") == []


def test_parameters_are_added(archive, client):
    client.page(archive.url(PUBLIC, "foreign"), limit=400_000, params={"a b": "c&d"})
    assert archive.requests[0].query == "a+b=c%26d"


def test_a_cancel_ends_the_wait_for_a_server_that_never_answers(archive):
    client = client_of(archive, PATIENT)
    archive.faults.add("hang", times=4)
    with listening(CancelledWhen(lambda: archive.asked("signed"))), pytest.raises(Cancelled):
        client.ranges(archive.url(PATH), [(offset, 10) for offset in range(4)])
    archive.faults.clear()
    assert client.ranges(archive.url(PATH), [(0, 10)])[0].data == CONTENT[:10]
    client.close()


@pytest.mark.parametrize("fault, options", [("stall", {}), ("slow_drip", {"bytes_per_s": 1}),
                                            ("503", {"host": "data", "retry_after": 20})])
def test_a_cancel_ends_whatever_is_waited_for(archive, fault, options):
    client = client_of(archive, PATIENT)
    archive.faults.add(fault, times=None, **options)
    host = options.get("host", "signed")
    with listening(CancelledWhen(lambda: archive.asked(host))), pytest.raises(Cancelled):
        client.ranges(archive.url(PATH), [(0, 100_000)])
    client.close()


def test_a_cancelled_listener_asks_nobody_to_wait(archive, client):
    with listening(CancelledWhen(lambda: True)), pytest.raises(Cancelled):
        client.ranges(archive.url(PATH), [(0, 10)])


@pytest.fixture
def silent_names(monkeypatch):
    """Names are looked up for ever, which nobody can interrupt; released at the end."""
    release, asked, real = threading.Event(), threading.Event(), socket.getaddrinfo

    def look_up(host, *rest, **options):
        if host == "localhost":
            asked.set()
            release.wait()
        return real(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield asked
    release.set()


def test_a_cancel_ends_what_hangs_in_the_system_and_the_client_goes_on(archive, silent_names):
    client = client_of(archive, Limits(connections=1))
    with listening(CancelledWhen(silent_names.is_set)), pytest.raises(Cancelled):
        client.ranges("http://localhost:1/x", [(0, 10)])
    assert client.ranges(archive.url(PATH), [(0, 10)])[0].data == CONTENT[:10]
    client.close()


def test_what_hangs_in_the_system_is_given_up_in_time(archive, silent_names, monkeypatch):
    monkeypatch.setattr(lanes, "_GRACE_S", 0.1)
    client = client_of(archive, Limits(connections=1, connect_s=0.1, read_s=0.1))
    with pytest.raises(ArchiveError, match="^'localhost:1' does not answer; check the network and its proxy"):
        client.ranges("http://localhost:1/x", [(0, 10)])
    client.close()


def readers():
    return [thread for thread in threading.enumerate() if thread.name.startswith("archive")]


def ended(threads):
    for thread in threads:
        thread.join(10)
    return not any(thread.is_alive() for thread in threads)


def test_threads_are_daemons_and_serve_many_reads(archive, client):
    before = set(readers())
    for offset in range(10):
        client.ranges(archive.url(PATH), [(offset, 10)])
    new = set(readers()) - before
    assert len(new) == 2
    assert all(thread.daemon for thread in new)


def test_threads_end_with_the_client(archive):
    before = set(readers())
    client = client_of(archive)
    client.ranges(archive.url(PATH), [(offset, 10) for offset in range(20)])
    client.close()
    assert ended(set(readers()) - before)
    with pytest.raises(ArchiveError, match="was closed"):
        client.ranges(archive.url(PATH), [(0, 10)])


def test_a_client_that_is_forgotten_ends_too(archive):
    before = set(readers())
    client = client_of(archive)
    client.ranges(archive.url(PATH), [(0, 10)])
    new = set(readers()) - before
    del client
    gc.collect()
    assert ended(new)


def test_closing_ends_who_waits(archive):
    client = client_of(archive, PATIENT)
    archive.faults.add("hang")
    errors = []

    def wait():
        try:
            client.ranges(archive.url(PATH), [(0, 10)])
        except Cancelled as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while not archive.asked("signed"):
        pass
    client.close()
    thread.join()
    assert len(errors) == 1


WORDS = "Accept first"


@pytest.mark.parametrize("reason, said", [
    ({}, r"\(403\); the account must .* open https://urs.earthdata.nasa.gov/profile in a browser"),
    ({"error_description": f"{WORDS}\x1b[31m:\nsee https://host.example/x?token=planted-token ."},
     r"saying 'Accept first \[31m: see host.example'; the account"),
    ({"error_description": f"{WORDS} {'planted-token-' * 5}"}, "saying 'Accept first …'; the account"),
    ({"error_description": 7, "message": WORDS}, "saying 'Accept first'; the account"),
    ({"resolution_url": "https://urs.earthdata.nasa.gov/approve_app?client_id=Ab-1"},
     r"open https://urs.earthdata.nasa.gov/approve_app\?client_id=Ab-1 in a browser"),
    ({"resolution_url": "https://urs.earthdata.nasa.gov/approve_app?client_id=Ab-1&token=planted-token"},
     "open https://urs.earthdata.nasa.gov/approve_app in a browser"),
    ({"resolution_url": "https://urs.earthdata.nasa.gov.example.org/x"}, "open https://urs.earthdata.nasa.gov/profile"),
    (["no object"], "open https://urs.earthdata.nasa.gov/profile in"),
])
def test_what_a_server_says_of_the_licence(reason, said):
    error = refusal(Refused(reason), "https://host/x", token_sent=True, first=True)
    assert isinstance(error, SignInError)
    assert re.search(said, str(error)), str(error)
    assert "planted" not in str(error)
    assert str(error).isprintable()


class Refused:
    """An Answer 403 with a reason in JSON."""

    status, url = 403, "https://data.example.org/x"

    def __init__(self, reason):
        self.headers = {"content-type": "application/json"}
        self._reason = json.dumps(reason).encode()

    def body(self, limit):
        return self._reason


def test_a_job_has_its_time_in_the_queue_too():
    """One lane, and who is before it never ends; nothing is said of a server that was not asked."""
    crowded = lanes.Lanes(1)
    first = crowded.submit(lambda job: job.pause(600.0))
    second = crowded.submit(lambda job: None, within_s=0.05)
    with pytest.raises(ArchiveError, match="does not answer"):
        crowded.results([second])
    assert not second.late and not first.settled
    crowded.close()
