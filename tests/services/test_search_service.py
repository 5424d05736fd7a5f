"""The search over HTTP, against CMR and CMR-STAC on loopback: pages, faults, fail-over, cancel, and no credentials."""

from __future__ import annotations

import logging

import pytest
import shapely
from pixel_spectra.core.archive.searching import search
from pixel_spectra.core.archive.web.http import HttpClient
from pixel_spectra.core.errors import ArchiveError, Cancelled

from archive_reading import PATIENT, QUICK, SHORT, CancelledWhen
from loopback import Fault, LoopbackArchive
from search_side import square, umm

HERE = shapely.Point(10.0, 20.0)
N = 730


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with LoopbackArchive(tmp_path_factory.mktemp("archive"), page_cap=100) as archive:
        host = archive.hosts["data"]
        times = [f"202405{1 + i // 1440:02d}T{i // 60 % 24:02d}{i % 60:02d}00" for i in range(N)]
        archive.records.extend(umm(time, host=host) for time in times)
        archive.records.extend(umm(time, host=host, collection="EMITL2AMASK", version="002", products=("MASK",))
                               for time in times[::2])
        archive.records.append(umm("20240601T000000", host=host, ring=square(50.0, 50.0)))
        yield archive


@pytest.fixture
def archive(running):
    running.clear()
    running.faults.clear()
    yield running
    running.faults.clear()


def places(archive):
    """Its CMR, then its CMR-STAC."""
    return (f"{archive.hosts['cmr']}/search/granules.umm_json", f"{archive.hosts['cmr']}/stac/LPCLOUD")


def found(archive, limits=QUICK, **options):
    """All scenes of the point, with a client that holds a token: it must keep it."""
    token = archive.token()
    client = HttpClient(lambda: token, archive.origins, limits=limits)
    try:
        return search("EMIT", HERE, "2024-05-01", "2024-05-31",
                      **{"endpoint": places(archive), "client": client, **options})
    finally:
        client.close()


def test_pages_of_cmr(archive):
    scenes = found(archive)
    assert len(scenes) == len({scene.id for scene in scenes}) == scenes.total == N
    assert scenes.source == "CMR" and scenes.notices == ()
    assert sum("_MASK_002_" in scene.url("MASK") for scene in scenes) == N // 2
    asked = archive.asked("cmr")
    assert [request.status for request in asked] == [200] * 3, "two pages of scenes, one of masks"


def test_pages_of_stac_say_the_same(archive):
    ours, theirs = found(archive), found(archive, endpoint=places(archive)[1])
    assert theirs.source == "CMR-STAC" and theirs.total == N
    assert [(s.id, s.granule_source, s.footprint, s.cloud) for s in ours] == [
        (s.id, s.granule_source, s.footprint, s.cloud) for s in theirs]


def test_nobody_gets_a_token(archive, caplog):
    """Neither catalogue, though the client holds one and the catalogues are of its origins' host."""
    token = archive.token()
    client = HttpClient(lambda: token, (*archive.origins, archive.hosts["cmr"]), limits=QUICK)
    with caplog.at_level(logging.DEBUG):
        for place in places(archive):
            search("EMIT", HERE, None, None, endpoint=place, client=client)
    client.close()
    assert len(archive.asked("cmr")) > 8 and not archive.asked("login", "data", "signed")
    assert all("authorization" not in request.headers and "cookie" not in request.headers
               for request in archive.asked("cmr"))
    assert token not in caplog.text


@pytest.mark.parametrize("fault", [
    Fault(429, host="cmr", retry_after=0), Fault(500, host="cmr"), Fault(502, host="cmr", after=1, times=2),
    Fault(503, host="cmr", after=2), Fault("reset", host="cmr", after=1), Fault("short", host="cmr", after=1),
    Fault("close_early", host="cmr")], ids=lambda fault: fault.kind)
def test_what_passes_is_asked_again(archive, fault):
    archive.faults.add(fault)
    scenes = found(archive)
    assert len(scenes) == N and scenes.source == "CMR" and scenes.notices == ()


@pytest.mark.parametrize(("fault", "words"), [
    (Fault(503, host="cmr", path_contains="granules", times=None), "503"),
    (Fault(404, host="cmr", path_contains="granules", times=None), "404"),
    (Fault(401, host="cmr", path_contains="granules", times=None), "401"),
    (Fault("truncated_json", host="cmr", path_contains="granules", after=1), "cut off or no JSON"),
    (Fault("endless_pages", host="cmr", path_contains="granules", times=None), "the same page again and again"),
    (Fault("html", host="cmr", path_contains="granules", times=None), "CMR: "),
    (Fault("redirect_loop", host="cmr", path_contains="granules", times=None), "redirect"),
    (Fault("hang", host="cmr", path_contains="granules", times=None), "CMR: "),
], ids=lambda value: getattr(value, "kind", None))
def test_what_stays_ends_at_the_other_catalogue(archive, fault, words):
    archive.faults.add(fault)
    scenes = found(archive, SHORT)
    assert len(scenes) == N and {scene.source for scene in scenes} == {"CMR-STAC"}
    assert scenes.notices[0].startswith("CMR-STAC was asked instead. CMR: ") and words in scenes.notices[0]


def test_no_half_answer_where_masks_fail(archive):
    """The scenes came from CMR, their masks did not: all is asked of the other one."""
    archive.faults.add(Fault(503, host="cmr", path_contains="granules", after=2, times=None))
    scenes = found(archive, SHORT)
    assert {scene.source for scene in scenes} == {"CMR-STAC"}
    assert sum("_MASK_002_" in scene.url("MASK") for scene in scenes) == N // 2


@pytest.mark.parametrize("fault", [
    Fault("truncated_json", host="cmr", path_contains="stac/LPCLOUD/search", after=2),
    Fault("endless_pages", host="cmr", path_contains="stac/LPCLOUD/search", times=None),
    Fault(502, host="cmr", path_contains="stac/LPCLOUD/search", after=3, times=None)], ids=lambda fault: fault.kind)
def test_neither_answers(archive, fault):
    archive.faults.add(Fault(503, host="cmr", path_contains="granules", times=None))
    archive.faults.add(fault)
    with pytest.raises(ArchiveError, match="^CMR: .*503.* CMR-STAC: "):
        found(archive, SHORT)


def test_no_network():
    client = HttpClient(limits=SHORT)
    with pytest.raises(ArchiveError, match=r"^CMR: .*127\.0\.0\.1.* CMR-STAC: .*127\.0\.0\.1"):
        search("EMIT", HERE, None, None, client=client,
               endpoint="http://127.0.0.1:9/search/granules.umm_json http://127.0.0.1:9/stac")
    client.close()


@pytest.mark.parametrize("place", [0, 1])
def test_a_cancel_ends_it_though_nobody_answers(archive, place):
    archive.faults.add(Fault("hang", host="cmr", times=None))
    progress = CancelledWhen(lambda: archive.asked("cmr"))
    with pytest.raises(Cancelled):
        found(archive, PATIENT, endpoint=places(archive)[place], progress=progress)


def test_a_page_that_is_too_large_is_refused(archive, monkeypatch):
    monkeypatch.setattr("pixel_spectra.core.archive.cmr.PAGE_BYTES", 10_000)
    monkeypatch.setattr("pixel_spectra.core.archive.stac.PAGE_BYTES", 10_000)
    with pytest.raises(ArchiveError, match="^CMR: .* CMR-STAC: "):
        found(archive)


def test_the_sea_is_an_answer(archive):
    client = HttpClient(limits=QUICK)
    for place in places(archive):
        assert search("EMIT", shapely.Point(-30.0, 0.0), None, None, endpoint=place, client=client) == []
    client.close()
