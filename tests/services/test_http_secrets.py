"""The token, the signed addresses and the proxy's password, planted and looked for everywhere afterwards."""

import logging
import pickle
from urllib.parse import quote

import pytest
from pixel_spectra.core.archive import opener
from pixel_spectra.core.archive.opening import Opener
from pixel_spectra.core.archive.remote import RemoteSource
from pixel_spectra.core.archive.web.http import HttpClient
from pixel_spectra.core.archive.web.limits import Limits
from pixel_spectra.core.archive.web.proxy import Proxy
from pixel_spectra.core.errors import ArchiveError, PixelSpectraError

from archive_reading import PATH, PUBLIC, QUICK, SHORT, fill
from loopback import KINDS, LoopbackArchive, LoopbackProxy
from planted import assert_untold, files_under, signatures, told

WORD = "planted-proxy-word"


@pytest.fixture
def archive(tmp_path):
    with LoopbackArchive(fill(tmp_path / "archive")) as archive:
        yield archive


@pytest.fixture(autouse=True)
def everything_is_logged(caplog):
    caplog.set_level(logging.DEBUG)


def test_reading_leaves_no_secret_behind(archive, caplog, capfd, tmp_path):
    token = archive.token()
    make = opener(lambda: token, tmp_path / "cache", archive.origins)
    source = make(archive.url(PATH))
    source.expect([(100_000, 1000)], lasting=True)
    source.read_ranges([(100_000, 1000), (200_000, 10)])
    source.sidecar()
    with make.client.stream(archive.url(PATH)) as stream:
        blocks = list(stream)
    page = make.client.page(archive.url(PATH), limit=10**6, with_token=True)
    reply = make.client.ranges(archive.url(PATH), [(0, 10)])[0]
    shown = [source, make, make.client, make.cache, stream, page, page.url, reply, source.name, source.open().name]
    secrets = {token, *signatures(archive)}
    assert len(secrets) >= 3
    assert_untold(secrets, [*map(repr, shown), *map(str, shown), caplog.text, str(caplog.records), *capfd.readouterr()])
    assert_untold(secrets, files_under(tmp_path / "cache"))
    assert blocks
    make.close()


NEVER_ENDING = {"hang", "stall", "slow_drip"}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_fault_tells_a_secret(archive, caplog, capfd, tmp_path, kind):
    token = archive.token()
    limits = SHORT if kind in NEVER_ENDING else Limits(retries=1, backoff_s=0.01, retry_after_s=0.01, read_s=5.0)
    make = Opener(lambda: token, tmp_path / "cache", archive.origins, limits=limits)
    options = {"location": archive.url(PATH) + f"?Signature={quote('planted-signature')}"} if kind == "redirect" else {}
    archive.faults.add(kind, times=None, after=1, **options)
    errors = []
    for offset in (0, 100_000, 200_000):
        source = make(archive.url(PATH))
        for ask in (lambda: source.read_ranges([(offset, 10_000)]), source.sidecar,  # noqa: B023 (called at once)
                    lambda: make.client.page(archive.url(PATH), limit=10**6, with_token=True)):
            try:
                ask()
            except PixelSpectraError as error:
                errors.append(error)
    secrets = {token, "planted-signature", *signatures(archive)}
    for error in errors:
        assert_untold(secrets, told(error))
        assert error.__context__ is None
        assert_untold(secrets, [pickle.dumps(error).decode("latin-1")])
    assert_untold(secrets, [caplog.text, str(caplog.records), *capfd.readouterr(), repr(source)])
    assert_untold(secrets, files_under(tmp_path / "cache"))
    make.close()


def test_a_connection_that_cannot_be_made_tells_no_signature(archive, caplog):
    signed = {"host": "signed", "times": None}
    client = HttpClient(lambda: token, archive.origins, limits=QUICK)
    token = archive.token()
    client.ranges(archive.url(PATH), [(0, 10)])
    archive.faults.add("redirect", times=None, location="http://127.0.0.1:9/x?Signature=planted-signature")
    archive.faults.add("403", **signed)
    with pytest.raises(ArchiveError) as caught:
        client.ranges(archive.url(PATH), [(10, 10)])
    assert str(caught.value).startswith("'127.0.0.1:9' refuses connections")
    assert_untold({token, "planted-signature", *signatures(archive)}, [*told(caught.value), caplog.text])
    client.close()


def test_a_proxy_tells_no_password(archive, caplog, capfd):
    token = archive.token()
    with LoopbackProxy("user", "another-word") as proxy:
        used = Proxy(proxy.url.replace("://", f"://user:{WORD}@"))
        make = Opener(lambda: token, None, archive.origins, used, QUICK)
        with pytest.raises(ArchiveError) as caught:
            make(archive.url(PATH)).read_ranges([(0, 10)])
        with pytest.raises(ArchiveError) as tunnel:
            make.client.ranges("https://data.example.org/x", [(0, 10)])
    assert_untold({token, WORD}, [*told(caught.value), *told(tunnel.value), caplog.text, repr(used), repr(make),
                                  *capfd.readouterr()])
    make.close()


def module_token():
    return "planted-module-token"


def test_what_travels_holds_no_secret():
    packed = pickle.dumps(opener(module_token))
    assert_untold({module_token()}, [packed.decode("latin-1")])
    for secretive in (Opener(lambda: "planted"), Opener(module_token, proxy=Proxy(f"http://user:{WORD}@proxy.example:1"))):
        with pytest.raises(ArchiveError) as caught:
            pickle.dumps(secretive)
        assert_untold({WORD}, told(caught.value))


def test_a_signed_address_that_a_user_gives_is_named_without_its_signature(archive, caplog):
    client = HttpClient(limits=QUICK)
    url = archive.url(PUBLIC) + "?Signature=planted-signature"
    source = RemoteSource(url, client)
    archive.faults.add("changed_etag", after=1)
    with pytest.raises(PixelSpectraError) as caught:
        source.read_ranges([(500_000, 10)])
    assert_untold({"planted-signature"}, [*told(caught.value), repr(source), source.name, caplog.text])
    client.close()


def test_logs_of_others_stay_as_they_are(archive, caplog):
    import urllib3

    client = HttpClient(limits=QUICK)
    client.ranges(archive.url(PUBLIC), [(0, 10)])
    with urllib3.PoolManager() as pool:
        pool.request("GET", archive.url(PUBLIC) + "?of=another", preload_content=False, redirect=False)
    assert "of=another" in caplog.text
    assert "Range" not in caplog.text
    client.close()
