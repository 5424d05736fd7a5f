"""The fail-over against a real STAC API: stac-fastapi-pgstac on PostgreSQL with PostGIS, asked by our HTTP client."""

from __future__ import annotations

import os
from collections import Counter
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import shapely
from pixel_spectra.core.archive.searching import search
from pixel_spectra.core.archive.web.http import HttpClient
from pixel_spectra.core.archive.web.limits import Limits
from pixel_spectra.core.errors import ArchiveError

import pgstac
from search_side import item, square, umm

WORLD = shapely.box(-180, -60, 180, 60)
N = 1200
NOBODY = "http://127.0.0.1:9/search/granules.umm_json"


def scenes_of_a_month():
    """1200 scenes along the equator and across the antimeridian, 31 minutes apart; every tenth has its own mask."""
    first = datetime(2024, 5, 1)
    for i in range(N):
        lon = (i * 7.3 + 180.0) % 360.0 - 180.0
        ring = [((x + 180.0) % 360.0 - 180.0, y) for x, y in square(lon, (i % 90) - 45.0)]
        time = (first + timedelta(minutes=31 * i)).strftime("%Y%m%dT%H%M%S")
        yield umm(time, ring=ring, cloud=i % 101, host="http://127.0.0.1:9")
        if i % 10 == 0:
            yield umm(time, ring=ring, collection="EMITL2AMASK", version="002", products=("MASK",),
                      host="http://127.0.0.1:9")


@pytest.fixture(scope="module")
def records():
    return list(scenes_of_a_month())


@pytest.fixture(scope="module")
def api(records):
    why = pgstac.missing()
    if why is not None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"no STAC API here: {why}")
    # it keeps a polygon across the antimeridian as it is written: it is to be in two halves, as the standard says
    items = [{**item(record), "geometry": shapely.geometry.mapping(shapely.MultiPolygon(halves(record)))}
             for record in records]
    with pgstac.stac_api(["EMITL2ARFL_001", "EMITL2AMASK_002"], items) as address:
        yield address


def halves(record):
    """A footprint on both sides of the antimeridian."""
    points = record["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"]["GPolygons"][0]["Boundary"]["Points"]
    ring = [(p["Longitude"], p["Latitude"]) for p in points]
    if max(x for x, _ in ring) - min(x for x, _ in ring) < 180.0:
        return [shapely.Polygon(ring)]
    whole = shapely.Polygon([(x % 360.0, y) for x, y in ring])
    east, west = shapely.box(0, -90, 180, 90), shapely.box(180, -90, 360, 90)
    both = (shapely.intersection(whole, east),
            shapely.transform(shapely.intersection(whole, west), lambda xy: xy - [360.0, 0.0]))
    return [half for half in both if shapely.area(half) > 0]


@pytest.fixture
def client():
    client = HttpClient(limits=Limits(retries=4))
    yield client
    client.close()


def test_every_page_is_read(api, client):
    scenes = search("EMIT", WORLD, None, None, endpoint=api, client=client)
    assert len(scenes) == len({scene.id for scene in scenes}) == N and scenes.total == N
    assert scenes.source == "CMR-STAC" and scenes.notices == ()
    versions = Counter("_MASK_002_" in scene.url("MASK") for scene in scenes)
    assert versions == {False: N - N // 10, True: N // 10}
    assert [s.start for s in scenes] == sorted((s.start for s in scenes), reverse=True)


def test_across_the_antimeridian_only_what_is_there(api, client, records):
    """The database itself gives nearly all scenes for a box whose west lies east of its east: it is never asked so."""
    area = shapely.box(170, -60, 190, 60)
    scenes = search("EMIT", area, None, None, endpoint=api, client=client)
    wanted = {r["GranuleUR"] for r in records if r["CollectionReference"]["ShortName"] == "EMITL2ARFL" and any(
        shapely.intersects(half, shapely.box(170, -60, 180, 60)) or
        shapely.intersects(half, shapely.box(-180, -60, -170, 60)) for half in halves(r))}
    assert {scene.id for scene in scenes} == wanted and 50 < len(wanted) < 100
    assert len(scenes) == len(wanted)


def test_time_and_cloud(api, client, records):
    scenes = search("EMIT", WORLD, "2024-05-03", "2024-05-04", 30, endpoint=api, client=client)
    wanted = {r["GranuleUR"] for r in records if r["CollectionReference"]["ShortName"] == "EMITL2ARFL"
              and r["GranuleUR"][17:25] in ("20240503", "20240504") and r["CloudCover"] < 30}
    assert {scene.id for scene in scenes} == wanted and len(wanted) == 30


def test_a_limit(api, client):
    scenes = search("EMIT", WORLD, None, None, limit=150, endpoint=api, client=client)
    assert len(scenes) == 150 and scenes.truncated and f"CMR-STAC holds {N} records" in scenes.notices[0]


def test_nothing_there_and_nothing_known(api, client):
    assert search("EMIT", shapely.Point(0.0, 59.0), None, None, endpoint=api, client=client) == []


def test_fail_over_to_it(api):
    client = HttpClient(limits=Limits(retries=0))
    scenes = search("EMIT", WORLD, "2024-05-03", "2024-05-03", endpoint=f"{NOBODY} {api}", client=client)
    client.close()
    assert scenes.source == "CMR-STAC" and len(scenes) == 47
    assert scenes.notices[0].startswith("CMR-STAC was asked instead. CMR: ")


def test_it_is_seen_as_pystac_client_sees_it(api, client):
    import pystac_client

    theirs = pystac_client.Client.open(api).search(collections=["EMITL2ARFL_001"], bbox=(0, -45, 40, 0),
                                                   datetime="2024-05-01T00:00:00Z/2024-05-20T23:59:59Z", limit=500)
    ours = search("EMIT", shapely.box(0, -45, 40, 0), "2024-05-01", "2024-05-20", endpoint=api, client=client)
    assert {scene.id for scene in ours} == {found.id for found in theirs.items()} and len(ours) > 30


class Gateway(BaseHTTPRequestHandler):
    """Between us and the API: every third answer is a 502, as busy catalogues give; the links lead back to it."""

    protocol_version = "HTTP/1.1"
    api, n, refused = "", 0, 0

    def do_GET(self):
        kind = type(self)
        kind.n += 1
        if kind.n % 3 == 0:
            kind.refused += 1
            self.answer(502, b"<html>bad gateway</html>", "text/html")
            return
        try:
            with urlopen(kind.api + self.path) as answer:
                own = f"http://127.0.0.1:{self.server.server_port}".encode()
                self.answer(200, answer.read().replace(kind.api.encode(), own), answer.headers["Content-Type"])
        except HTTPError as error:
            self.answer(error.code, error.read(), "application/json")

    def answer(self, status, body, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture
def gateway(api):
    handler = type("Gateway", (Gateway,), {"api": api})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    server.server_close()


def test_bad_gateways_are_asked_again(gateway, client):
    address, handler = gateway
    scenes = search("EMIT", WORLD, None, None, endpoint=address, client=client)
    assert len(scenes) == N and handler.refused >= 5


def test_without_patience_it_is_an_error_and_no_half_answer(gateway):
    client = HttpClient(limits=Limits(retries=0))
    with pytest.raises(ArchiveError, match="CMR-STAC: .*502"):
        search("EMIT", WORLD, None, None, endpoint=gateway[0], client=client)
    client.close()
