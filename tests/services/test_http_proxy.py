"""Through a proxy: what it is told, and what is said when it refuses."""

import pytest
from pixel_spectra.core.archive.web.http import HttpClient
from pixel_spectra.core.archive.web.proxy import Proxy
from pixel_spectra.core.errors import ArchiveError

from archive_reading import CONTENT, PATH, QUICK, client_of, fill
from loopback import LoopbackArchive, LoopbackProxy

WORD = "planted-proxy-word"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    with LoopbackArchive(fill(tmp_path_factory.mktemp("archive"))) as archive:
        yield archive


def through(archive, url, bypass=()):
    client = client_of(archive, proxy=Proxy(url, bypass))
    try:
        return client.ranges(archive.url(PATH), [(0, 10)])[0].data
    finally:
        client.close()


def with_login(url, word=WORD):
    return url.replace("://", f"://user:{word}@")


def test_everything_goes_through_it(archive):
    with LoopbackProxy() as proxy:
        assert through(archive, proxy.url) == CONTENT[:10]
        assert [request.status for request in proxy.requests] == [200, 200]


def test_it_gets_its_password_and_the_servers_do_not(archive):
    archive.clear()
    with LoopbackProxy("user", WORD) as proxy:
        assert through(archive, with_login(proxy.url)) == CONTENT[:10]
    assert "proxy-authorization" not in str([request.headers for request in archive.requests])


def test_excepted_hosts_are_reached_without_it(archive):
    with LoopbackProxy() as proxy:
        assert through(archive, proxy.url, ("127.0.0.1",)) == CONTENT[:10]
        assert proxy.requests == []


@pytest.mark.parametrize("word", ["wrong-word", None])
def test_a_wrong_or_missing_password(archive, word):
    with LoopbackProxy("user", WORD) as proxy:
        with pytest.raises(ArchiveError, match=r"proxy wants a user name and password \(407\)") as caught:
            through(archive, with_login(proxy.url, word) if word else proxy.url)
    assert "wrong-word" not in str(caught.value)


def https(url, proxy):
    client = HttpClient(proxy=Proxy(proxy), limits=QUICK)
    try:
        client.ranges(url, [(0, 10)])
    finally:
        client.close()


def test_a_tunnel_that_wants_a_password():
    with LoopbackProxy("user", WORD) as proxy:
        with pytest.raises(ArchiveError, match=r"^The proxy '127.0.0.1:\d+' wants a user name and password \(407\)"):
            https("https://data.example.org/x", with_login(proxy.url, "wrong-word"))


def test_a_tunnel_that_is_refused():
    with LoopbackProxy(refuses=True) as proxy:
        with pytest.raises(ArchiveError, match=r"^The proxy '127.0.0.1:\d+' refuses to connect to 'data.example.org'"):
            https("https://data.example.org/x", proxy.url)


def test_a_proxy_that_is_not_there(archive):
    with LoopbackProxy() as proxy:
        url = proxy.url
    with pytest.raises(ArchiveError, match=f"^'{url.partition('://')[2].rstrip('/')}' refuses connections; check the "):
        https("https://data.example.org/x", url)
