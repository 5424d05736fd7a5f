"""The archive on loopback itself: what the tests of reading over the network stand on."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import time
import xml.etree.ElementTree as ET

import h5py
import numpy as np
import pystac_client
import pytest
import urllib3
from urllib3.exceptions import HTTPError

from granules import Scene, write_granule, write_gridded
from loopback import KINDS, Account, Fault, LoopbackArchive, LoopbackProxy
from loopback.throttle import Throttle
from sidecars import browse_picture, write_sidecar

CONTENT = bytes(range(256)) * 400
PROTECTED = "lp-prod-protected/EMITL2ARFL.001/granule/granule.nc"
PUBLIC = "lp-prod-public/EMITL2ARFL.001/granule/granule.png"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive")
    for path in (PROTECTED, PUBLIC):
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_bytes(CONTENT)
    return folder


@pytest.fixture
def archive(folder):
    with LoopbackArchive(folder) as archive:
        yield archive


@pytest.fixture
def http():
    with urllib3.PoolManager(maxsize=16, retries=False, timeout=10) as pool:
        yield pool


def get(http, url, span=None, token=None, method="GET", **more):
    headers = {"Range": f"bytes={span}"} if span else {}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    return http.request(method, url, headers={**headers, **more.pop("headers", {})}, redirect=False, **more)


def signed(http, archive):
    """The signed address of the protected file."""
    return get(http, archive.url(PROTECTED), token=archive.token()).headers["Location"]


def test_from_the_front_door_to_the_bytes(archive, http):
    answer = get(http, archive.url(PROTECTED), "10-19", archive.token())
    assert (answer.status, answer.data) == (307, b"")
    assert answer.headers["Location"].startswith(archive.hosts["signed"] + "/" + PROTECTED + "?")
    answer = get(http, answer.headers["Location"], "10-19")
    assert (answer.status, answer.data) == (206, bytes(range(10, 20)))
    assert answer.headers["Content-Range"] == "bytes 10-19/102400"
    assert [(r.host, r.status, r.range, r.bytes_sent) for r in archive.requests] == [
        ("data", 307, "bytes=10-19", 0), ("signed", 206, "bytes=10-19", 10)]
    archive.clear()
    assert archive.requests == []


@pytest.mark.parametrize("lifetime_s, user, status", [
    (-1, "analyst", 302), (60, "nobody known", 307), (60, "newcomer", 403)])
def test_tokens_that_open_and_tokens_that_do_not(archive, http, lifetime_s, user, status):
    answer = get(http, archive.url(PROTECTED), token=archive.token(user, lifetime_s))
    assert answer.status == status


@pytest.mark.parametrize("token", [None, "made.up.token", "\x00"])
def test_without_a_token_it_goes_to_the_login_page(archive, http, token):
    answer = get(http, archive.url(PROTECTED), token=token)
    assert answer.status == 302
    page = get(http, answer.headers["Location"])
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"Sign in" in page.data


def test_public_files_need_no_token(archive, http):
    answer = get(http, archive.url(PUBLIC))
    assert get(http, answer.headers["Location"]).data == CONTENT
    assert get(http, archive.url(PUBLIC, host="browse")).data == CONTENT
    assert get(http, archive.url(PROTECTED, host="browse")).status == 404


def test_nothing_outside_the_folder_is_served(archive, http, folder):
    (folder.parent / "outside.txt").write_text("secret")
    for path in ("/lp-prod-public/../../outside.txt", "/lp-prod-public/%2e%2e/%2e%2e/outside.txt"):
        assert get(http, archive.hosts["foreign"] + path).status == 404


@pytest.mark.parametrize("span, status, content", [
    ("0-0", 206, CONTENT[:1]), ("-5", 206, CONTENT[-5:]), ("102395-", 206, CONTENT[-5:]),
    ("102395-999999", 206, CONTENT[-5:]), ("102400-102410", 416, None), ("0-1,5-6", 200, CONTENT)])
def test_ranges(archive, http, span, status, content):
    answer = get(http, archive.url(PROTECTED, host="foreign"), span)
    assert answer.status == status
    assert content is None or answer.data == content


def test_the_etag_changes_with_the_file(archive, http, folder):
    url = archive.url(PUBLIC, host="browse")
    first = get(http, url, method="HEAD")
    assert (first.data, first.headers["Content-Length"]) == (b"", "102400")
    etag = first.headers["ETag"]
    assert get(http, url, headers={"If-Match": etag}).status == 200
    os.utime(folder / PUBLIC, (1, 1))
    assert get(http, url).headers["ETag"] != etag
    assert get(http, url, headers={"If-Match": etag}).status == 412


def test_signed_addresses(archive, http):
    url = signed(http, archive)
    assert get(http, url).data == CONTENT
    assert get(http, url.replace("granule.nc", "other.nc")).status == 403
    assert get(http, url, token=archive.token()).status == 400  # never two kinds of credentials
    archive.expire_signatures()
    assert get(http, url).status == 403
    archive.configure(signed_lifetime_s=-1)
    assert b"Request has expired" in get(http, signed(http, archive)).data


def test_a_clock_that_is_years_behind(archive, http):
    archive.configure(clock_offset_s=-10 * 365 * 86400)
    url = signed(http, archive)
    assert float(url.partition("Expires=")[2].partition("&")[0]) < time.time()
    assert get(http, url).data == CONTENT


def test_login(folder, http):
    with LoopbackArchive(folder, accounts={"eve": Account("p:w")}) as archive:
        login = archive.hosts["login"]
        basic = {"Authorization": "Basic " + base64.b64encode(b"eve:p:w").decode()}
        wrong = {"Authorization": "Basic " + base64.b64encode(b"eve:no").decode()}
        assert get(http, login + "/api/users/find_or_create_token", method="POST", headers=wrong).status == 401
        found = json.loads(get(http, login + "/api/users/find_or_create_token", method="POST", headers=basic).data)
        assert found["token_type"] == "Bearer"
        assert json.loads(get(http, login + "/api/users/eve", token=found["access_token"]).data)["uid"] == "eve"
        assert get(http, login + "/api/users/eve", token=archive.token("eve", -1)).status == 401
        assert get(http, archive.url(PROTECTED), token=found["access_token"]).status == 307


@pytest.mark.parametrize("kind", ["401", "403", "404", "429", "500", "502", "503"])
def test_a_status_once_then_all_well(archive, http, kind):
    archive.faults.add(Fault(kind, after=1, retry_after=7))
    answers = [get(http, archive.url(PROTECTED), token=archive.token()) for _ in range(3)]
    assert [answer.status for answer in answers] == [307, int(kind), 307]
    assert answers[1].headers["Retry-After"] == "7"
    assert [request.fault for request in archive.requests] == ["", kind, ""]


SPOILT = {  # what the client sees of the range 100-199: status, bytes that came, and a header
    "reset": ("ProtocolError", None),
    "short": ("ProtocolError", None),
    "stall": ("ReadTimeoutError", None),
    "hang": ("ReadTimeoutError", None),
    "close_early": ("ProtocolError", None),
    "reset_early": ("ProtocolError", None),
    "html": (200, None),
    "wrong_content_range": (206, ("Content-Range", "bytes 101-200/102400")),
    "wrong_total": (206, ("Content-Range", "bytes 100-199/102401")),
    "no_content_range": (206, ("Content-Range", None)),
    "clipped": (206, ("Content-Range", "bytes 100-149/102400")),
    "changed_etag": (206, ("ETag", '"0123456789abcdef0123456789abcdef"')),
    "no_etag": (206, ("ETag", None)),
    "content_encoding": (206, ("Content-Encoding", "gzip")),
    "redirect_loop": (307, None),
    "clock": (206, ("Date", "Sat, 01 Jan 2000 00:00:00 GMT")),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_spoilt_answers(archive, http, kind):
    archive.faults.add(kind, host="browse", at=150)
    outcome, header = SPOILT[kind]
    url = archive.url(PUBLIC, host="browse")
    assert get(http, url, "0-149").data == CONTENT[:150]  # does not cover byte 150
    try:
        answer = get(http, url, "100-199", timeout=0.3, decode_content=False)
    except HTTPError as error:
        assert type(error).__name__ == outcome
    else:
        assert answer.status == outcome
        assert header is None or answer.headers.get(header[0]) == header[1]
    assert get(http, url, "100-199").data == CONTENT[100:200]
    assert [request.fault for request in archive.requests] == ["", kind, ""]


def test_half_of_the_body_comes_before_the_reset(archive, http):
    archive.faults.add("reset", host="browse", after_bytes=30)
    with pytest.raises(HTTPError, match="reset by peer"):
        get(http, archive.url(PUBLIC, host="browse"), "0-99")
    assert archive.requests[0].bytes_sent == 30


def test_html_that_pretends_to_be_the_range(archive, http):
    archive.faults.add("html", host="browse", status=206)
    answer = get(http, archive.url(PUBLIC, host="browse"), "100-199")
    assert (answer.status, answer.headers["Content-Range"], len(answer.data)) == (206, "bytes 100-199/102400", 100)
    assert answer.data.startswith(b"<!DOCTYPE html>")


def test_a_body_without_an_end_tells_how_much_was_taken(archive, http):
    archive.faults.add("status200", host="browse")
    answer = get(http, archive.url(PUBLIC, host="browse"), "0-99", preload_content=False)
    assert (answer.status, len(answer.read(200_000))) == (200, 200_000)
    answer.close()
    sent = archive.requests[0].bytes_sent
    assert 200_000 <= sent < 3_000_000
    archive.faults.add("status200", host="browse", whole=True)
    assert get(http, archive.url(PUBLIC, host="browse"), "0-99").data == CONTENT


def test_a_slow_drip(archive, http):
    archive.faults.add("slow_drip", host="browse", bytes_per_s=50)
    with pytest.raises(HTTPError):
        get(http, archive.url(PUBLIC, host="browse"), "0-9999", timeout=0.05)
    assert archive.requests[0].bytes_sent < 100


def test_a_foreign_host_notes_what_it_was_sent(archive, http):
    archive.faults.add("redirect_foreign")
    answer = get(http, archive.url(PROTECTED), token=archive.token())
    assert get(http, answer.headers["Location"], "0-9", headers={"Authorization": "leaked"}).data == CONTENT[:10]
    assert [r.headers["authorization"] for r in archive.asked("foreign")] == ["leaked"]


def test_an_unknown_fault_or_setting_is_refused(archive):
    with pytest.raises(KeyError, match="no fault 'meteor'; there are 400, 401"):
        archive.faults.add("meteor")
    with pytest.raises(TypeError, match="no setting 'latency'; there are bytes_per_s"):
        archive.configure(latency=1)
    assert {"401", "403", "404", "429", "500", "502", "503", "reset", "short", "status200", "html",
            "wrong_content_range", "slow_drip", "redirect_loop", "redirect_foreign", "changed_etag", "no_etag",
            "bad_gzip", "hang", "wrong_total", "close_early", "truncated_json", "clock"} <= set(KINDS)


def test_the_same_in_a_process_of_its_own(folder, http):
    with LoopbackArchive(folder, process=True) as archive:
        archive.faults.add(Fault(503, retry_after=3))
        assert get(http, archive.url(PROTECTED), token=archive.token()).status == 503
        assert get(http, signed(http, archive), "10-19").data == bytes(range(10, 20))
        assert [(r.host, r.status, r.fault) for r in archive.requests] == [
            ("data", 503, "503"), ("data", 307, ""), ("signed", 206, "")]
        archive.records.append(archive.record(Scene()))
        assert [record["GranuleUR"] for record in archive.records] == ["EMIT_L2A_RFL_001_20240501T101112_2412207_005"]
        with pytest.raises(RuntimeError, match="no setting"):
            archive.configure(latency=1)
    with pytest.raises(HTTPError):
        get(http, archive.url(PROTECTED))


def test_all_share_one_line():
    line, start = Throttle(5e6), time.monotonic() + 1000
    assert line.due(1_000_000, start) == pytest.approx(start + 0.2)
    assert line.due(1_000_000, start) == pytest.approx(start + 0.4)  # another connection, at the same time
    assert line.due(1_000_000, start + 10) == pytest.approx(start + 10.2)  # what was idle is not saved up
    assert line.block_size(None) == 10_000
    assert Throttle().due(1_000_000, start) == start


def search(http, archive, after=None, **params):
    headers = {"CMR-Search-After": after} if after else {}
    answer = http.request("GET", archive.hosts["cmr"] + "/search/granules.umm_json", fields=params, headers=headers)
    return answer, json.loads(answer.data)


def found(http, archive, **params):
    return [item["umm"]["GranuleUR"][-3:] for item in search(http, archive, **params)[1]["items"]]


@pytest.fixture
def three_scenes(archive):
    """Scenes 001 at 15 E (cloud 10, day), 002 over the antimeridian (unknown, night), 003 at 40 E (cloud 90)."""
    archive.records.extend([
        archive.record(Scene(scene=1), cloud=10),
        archive.record(Scene(scene=2, lon=179.99), cloud=None, day_night="Night"),
        archive.record(Scene(scene=3, lon=40.0), cloud=90),
    ])
    return archive


@pytest.mark.parametrize("asked, scenes", [
    ({"short_name": "EMITL2ARFL", "version": "001"}, ["001", "002", "003"]),
    ({"version": "002"}, []),
    ({"bounding_box": "14,35,16,37"}, ["001"]),
    ({"bounding_box": "179,35,-179,37"}, ["002"]),
    ({"bounding_box": "-180,35,-179,37"}, ["002"]),
    ({"polygon": "14,35,16,35,16,37,14,37,14,35"}, ["001"]),
    ({"point": "15.005,36.001"}, ["001"]),
    ({"line": "10,36,50,36"}, ["001", "003"]),
    ({"cloud_cover": "0,50"}, ["001"]),
    ({"day_night_flag": "night"}, ["002"]),
    ({"temporal": "2024-05-01T00:00:00Z,2024-05-02T00:00:00Z"}, ["001", "002", "003"]),
    ({"temporal": "2024-05-02T00:00:00Z,"}, []),
])
def test_cmr_search(three_scenes, http, asked, scenes):
    assert found(http, three_scenes, **asked) == scenes


@pytest.mark.parametrize("asked, complaint", [
    ({"page_size": "2001"}, "page_size"),
    ({"polygon": "14,35,14,37,16,37,16,35,14,35"}, "wrong order"),
    ({"polygon": "14,35,16,35,16,37,14,37"}, "not closed"),
    ({"bounding_box": "14,35,16"}, "3 numbers"),
    ({"bounding_box": "14,35,196,37"}, "valid range"),
    ({"temporal": "yesterday,"}, "temporal"),
    ({"temporal": "2024-05-02T00:00:00Z,2024-05-01T00:00:00Z"}, "before"),
    ({"colour": "red"}, "not recognized"),
])
def test_cmr_refuses(archive, http, asked, complaint):
    answer, told = search(http, archive, **asked)
    assert answer.status == 400
    assert complaint in told["errors"][0]


@pytest.mark.parametrize("mode, pages", [("always", [2, 1, 0]), ("exact", [2, 1])])
def test_cmr_pages(three_scenes, http, mode, pages):
    three_scenes.configure(search_after=mode)
    sizes, after = [], None
    while not sizes or after:
        answer, page = search(http, three_scenes, after, page_size="2")
        assert answer.headers["CMR-Hits"] == "3"
        sizes.append(len(page["items"]))
        after = answer.headers.get("CMR-Search-After")
    assert sizes == pages


def test_spoilt_searches(three_scenes, http):
    three_scenes.faults.add("truncated_json")
    with pytest.raises(ValueError):
        search(http, three_scenes)
    three_scenes.faults.add("endless_pages", times=3)
    after = None
    for _ in range(3):
        answer, page = search(http, three_scenes, after, page_size="2")
        after = answer.headers["CMR-Search-After"]
        assert [item["umm"]["GranuleUR"][-3:] for item in page["items"]] == ["001", "002"]


def test_stac(three_scenes, http):
    three_scenes.configure(page_cap=1)
    client = pystac_client.Client.open(three_scenes.hosts["cmr"] + "/stac/LPCLOUD")
    for method in ("GET", "POST"):
        asked = client.search(method=method, collections=["EMITL2ARFL_001"], bbox=[10, 30, 50, 40], limit=50,
                              datetime="2024-05-01T00:00:00Z/2024-05-02T00:00:00Z")
        items = list(asked.items())
        assert [item.id[-3:] for item in items] == ["001", "003"]
        assert asked.matched() == 2
    data = [asset.href for asset in items[0].assets.values() if "data" in asset.roles and "http" in asset.href]
    assert [href.rpartition("/")[2][:12] for href in data] == ["EMIT_L2A_RFL", "EMIT_L2A_RFL", "EMIT_L2A_MAS"]
    assert list(client.search(collections=["EMITL2ARFL"]).items()) == []  # no such collection is no error there


@pytest.mark.parametrize("asked", [{"datetime": "2024-05-01/2024-05-02"}, {"bbox": "170,0,-170,10"},
                                   {"limit": "5001"}, {"datetime": "2024-05-01T00:00:00Z/2024-05-01T00:00:00Z"}])
def test_stac_refuses(three_scenes, http, asked):
    assert http.request("GET", three_scenes.hosts["cmr"] + "/stac/LPCLOUD/search", fields=asked).status == 400


@pytest.mark.parametrize("mask", ["V001", "V002"])
def test_a_published_granule(tmp_path, archive, http, mask):
    published = archive.publish(write_granule(tmp_path, mask=mask), cloud=5)
    records = list(archive.records)
    urls = [link["URL"] for record in records for link in record["RelatedUrls"] if link["Type"] == "GET DATA"]
    assert sorted(urls) == sorted(archive.url(path) for path in published.data.values())
    files = {item["Name"]: item for record in records
             for item in record["DataGranule"]["ArchiveAndDistributionInformation"]}
    for path in published.data.values():
        content = (archive.folder / path).read_bytes()
        told = files[path.rpartition("/")[2]]
        assert (told["SizeInBytes"], told["Checksum"]["Value"]) == (len(content), hashlib.sha512(content).hexdigest())
    links = [link["URL"] for record in records for link in record["RelatedUrls"]]
    assert {archive.url(path) for path in published.sidecars.values()} <= set(links)
    assert archive.url(published.browse) in links
    assert len(records) == (1 if mask == "V001" else 2)


def shapes_of_elements(text):
    """Every (path of element names, names of its attributes) of a sidecar."""
    found = set()

    def walk(element, path):
        path = (*path, element.tag)
        found.add((path, tuple(sorted(element.attrib))))
        for inner in element:
            walk(inner, path)

    walk(ET.fromstring(text), ())
    return found


def test_sidecars_have_the_grammar_of_a_real_one(tmp_path, shared_data):
    real = shared_data("emit_dmrpp/emit_l2a_rfl_sample.dmrpp").read_bytes()
    assert shapes_of_elements(write_sidecar(write_granule(tmp_path).reflectance)) == shapes_of_elements(real)


def test_a_sidecar_says_where_the_bytes_are(tmp_path):
    path = write_granule(tmp_path, Scene(downtrack=9, crosstrack=5)).reflectance
    cube = ET.fromstring(write_sidecar(path)).find("{*}Float32[@name='reflectance']")
    chunk = cube.find("{*}chunks/{*}chunk").attrib
    with h5py.File(path) as file:
        values = file["reflectance"][()]
    stored = np.fromfile(path, "<f4", values.size, offset=int(chunk["offset"]))
    assert int(chunk["nBytes"]) == 9 * 5 * 285 * 4
    assert np.array_equal(stored.reshape(values.shape), values)


def test_sidecars_of_other_layouts(tmp_path):
    chunked = write_granule(tmp_path, layout="fletcher32")
    assert b'compressionType="shuffle deflate fletcher32"' in write_sidecar(chunked.reflectance)
    assert write_sidecar(chunked.reflectance, shuffle=1) != write_sidecar(chunked.reflectance)
    assert b"<v>Cloud flag</v>" in write_sidecar(chunked.mask, inline=True)
    assert b"Cloud flag" not in write_sidecar(chunked.mask)
    assert b'<Dim name="/lat"/>' in write_sidecar(write_gridded(tmp_path))
    assert rb"+/-52\302\260 latitude" in write_sidecar(chunked.reflectance)


def test_a_browse_picture_has_the_form_of_the_raw_swath(tmp_path):
    picture = browse_picture(write_granule(tmp_path, Scene(downtrack=300, crosstrack=40, n_bands=20)).reflectance)
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")) == (20, 150)


@pytest.mark.parametrize("password, status", [("right", 206), ("wrong", 407)])
def test_a_proxy_that_wants_a_password(archive, password, status):
    with LoopbackProxy("user", "right") as proxy:
        headers = urllib3.make_headers(proxy_basic_auth=f"user:{password}")
        with urllib3.ProxyManager(proxy.url, proxy_headers=headers, retries=False) as http:
            answer = get(http, archive.url(PUBLIC, host="browse"), "5-9")
        assert answer.status == status
        assert [(r.method, r.target) for r in proxy.requests] == [("GET", archive.url(PUBLIC, host="browse"))]
    assert [r.bytes_sent for r in archive.requests] == ([5] if status == 206 else [])


def test_a_proxy_that_tunnels_and_one_that_refuses(archive):
    host, port = archive.hosts["browse"].removeprefix("http://").split(":")
    for refuses, begins in ((False, b"HTTP/1.1 200"), (True, b"HTTP/1.1 403")):
        with LoopbackProxy(refuses=refuses) as proxy:
            near, _, near_port = proxy.url.removeprefix("http://").partition(":")
            with socket.create_connection((near, int(near_port)), timeout=5) as line:
                line.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\n\r\n".encode())
                assert line.recv(1000).startswith(begins)
                if not refuses:
                    line.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
                    assert line.recv(1000).startswith(b"HTTP/1.1 404")


def test_stopping_does_not_wait_for_those_who_hang(folder):
    with LoopbackArchive(folder) as archive, urllib3.PoolManager(retries=False) as http:
        archive.faults.add("hang", host="browse")
        with pytest.raises(HTTPError):
            get(http, archive.url(PUBLIC, host="browse"), timeout=0.05)
        origins = archive.hosts
    with urllib3.PoolManager(retries=False) as http:
        for origin in origins.values():
            with pytest.raises(HTTPError):
                get(http, origin + "/", timeout=1)
