"""Who may receive a token, and what may be said of an address."""

import pytest
from pixel_spectra.core.archive.opening import Opener
from pixel_spectra.core.archive.web.origins import EARTHDATA_ORIGINS, host_of, may_receive, unsigned
from pixel_spectra.core.archive.web.proxy import Proxy
from pixel_spectra.core.errors import ArchiveError, SignInError

DATA = "https://data.lpdaac.earthdatacloud.nasa.gov/lp-prod-protected/EMITL2ARFL.001/x.nc"


def test_the_token_is_for_earthdata_over_https_only():
    assert EARTHDATA_ORIGINS == ("https://earthdata.nasa.gov", "https://earthdatacloud.nasa.gov")


@pytest.mark.parametrize("url", [
    DATA,
    "https://earthdata.nasa.gov/x",
    "https://urs.earthdata.nasa.gov",
    "https://EarthData.NASA.gov/x",
    "https://earthdata.nasa.gov.:443/x",
    "https://cmr.earthdata.nasa.gov:443/search?x=1#y",
    "HTTPS://earthdata.nasa.gov/",
])
def test_may_receive(url):
    assert may_receive(url, EARTHDATA_ORIGINS)


@pytest.mark.parametrize("url", [
    "http://earthdata.nasa.gov/x",
    "https://earthdata.nasa.gov:8443/x",
    "https://earthdata.nasa.gov:80/x",
    "https://notearthdata.nasa.gov/x",
    "https://earthdata.nasa.gov.example.org/x",
    "https://example.org/earthdata.nasa.gov",
    "https://example.org?https://earthdata.nasa.gov",
    "https://example.org#.earthdata.nasa.gov",
    "https://earthdata.nasa.gov@example.org/x",
    "https://user@earthdata.nasa.gov/x",
    "https://user:word@earthdata.nasa.gov/x",
    "https://example.org\\.earthdata.nasa.gov/x",
    "https://example.org\\@earthdata.nasa.gov/x",
    "https://еarthdata.nasa.gov/x",
    "https://earthdata.nasa.gov:x/",
    "https://earthdata.nasa.gov:99999/",
    "https://[earthdata.nasa.gov/x",
    "https://[::1%25.earthdata.nasa.gov]/x",
    "https:///x",
    "https://.earthdata.nasa.gov..example.org",
    "ftp://earthdata.nasa.gov/x",
    "s3://earthdata.nasa.gov/x",
    "earthdata.nasa.gov",
    "",
])
def test_may_not_receive(url):
    assert not may_receive(url, EARTHDATA_ORIGINS)


@pytest.mark.parametrize("url, origin, expected", [
    ("http://127.0.0.1:8001/x", "http://127.0.0.1:8001", True),
    ("http://127.0.0.1:8002/x", "http://127.0.0.1:8001", False),
    ("http://127.0.0.1/x", "http://127.0.0.1:80", True),
    ("http://9.127.0.0.1/x", "http://127.0.0.1", False),
    ("http://[0:0::1]:9/x", "http://[::1]:9", True),
    ("https://data.bücher.example/x", "https://xn--bcher-kva.example", True),
    ("https://data.example.org/x", "https://example.org.", True),
    ("https://data.example.org/x", "no origin", False),
])
def test_other_origins_are_matched_the_same_way(url, origin, expected):
    assert may_receive(url, [origin]) is expected


def test_a_text_is_not_taken_for_a_list_of_origins():
    assert not may_receive("https://earthdata.nasa.gov", "https://earthdata.nasa.gov")


@pytest.mark.parametrize("url, plain", [
    (f"{DATA}?Expires=1&Signature=abc#d", DATA),
    ("https://user:word@host:8/p;jsessionid=1?x", "https://host:8/p"),
    ("https://host", "https://host"),
    ("https://[bad", "an unreadable address"),
])
def test_unsigned(url, plain):
    assert unsigned(url) == plain


def test_host_of_leaves_the_login_out():
    assert host_of("https://user:word@host:8/p?x") == "host:8"


def test_a_proxy_shows_no_password_and_does_not_travel_with_one():
    proxy = Proxy("http://user:w%40rd@proxy.example:3128", ("localhost",))
    assert proxy.login == "user:w@rd"
    assert proxy.address == "http://proxy.example:3128"
    assert repr(proxy) == "Proxy(bypass=('localhost',))"
    with pytest.raises(ArchiveError, match="password stays in this process"):
        proxy.__reduce__()


def test_a_proxy_without_a_password_travels():
    make, given = Proxy("http://proxy.example:3128").__reduce__()
    assert make(*given) == Proxy("http://proxy.example:3128")


@pytest.mark.parametrize("name, covered", [
    ("", True), ("*", False), ("host.example", False), (".host.example", False), ("*.host.example", False),
    ("example", False), ("ost.example", True), ("http://host.example", False), ("other.example", True),
])
def test_hosts_that_are_reached_without_the_proxy(name, covered):
    assert Proxy("http://proxy.example:1", (name,)).covers("https://host.example/x") is covered


@pytest.mark.parametrize("url", ["socks5://proxy.example:1080", "proxy.example:3128", "http://", ""])
def test_what_is_no_proxy_is_refused(url):
    with pytest.raises(ArchiveError, match="SOCKS proxies are not supported"):
        Proxy(url)


def test_a_token_is_given_as_a_function_never_as_text():
    with pytest.raises(SignInError, match="a function that returns it") as refused:
        Opener("planted-token")
    assert "planted" not in str(refused.value)
