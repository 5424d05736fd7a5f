"""search(): one whole answer of one catalogue, filtered here, and everything that was left out is said."""

from __future__ import annotations

import json
import pickle
from datetime import date, datetime, timedelta, timezone

import pytest
import shapely
from pixel_spectra.core.archive import paging
from pixel_spectra.core.archive.searching import search
from pixel_spectra.core.errors import ArchiveError, Cancelled

from search_side import CMR, STAC, Catalogues, item, square, umm

HERE = shapely.Point(10.0, 20.0)
TIME = "2024-05-01T10:11:12"


def found(*records, area=HERE, start="2024-05-01", end="2024-05-31", **options):
    """The scenes of one day among `records`, and who was asked."""
    catalogues = Catalogues(*records)
    return search("EMIT", area, start, end, client=catalogues, **options), catalogues


def minutes(n, **options):
    """n records, a minute apart, the last one the newest."""
    first = datetime(2024, 5, 2)
    return [umm((first + timedelta(minutes=i)).strftime("%Y%m%dT%H%M%S"), **options) for i in range(n)]


GONE = object()


def places_in(value, path=()):
    """The paths of all parts of a record."""
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from places_in(part, (*path, key))


def replaced(record, path, value):
    """A record with another value at a place, or none."""
    record = json.loads(json.dumps(record))
    part = record
    for key in path[:-1]:
        part = part[key]
    if value is GONE:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    return record


def test_a_scene():
    scenes, _ = found(umm())
    scene, = scenes
    folder = "https://data.example/lp-prod-protected/EMITL2ARFL.001/EMIT_L2A_RFL_001_20240501T101112_2412207_005/"
    assert scene.id == "EMIT_L2A_RFL_001_20240501T101112_2412207_005"
    assert (scene.sensor, scene.cloud, scene.day_night, scene.source) == ("EMIT", 20.0, "day", "CMR")
    assert scene.start == datetime(2024, 5, 1, 10, 11, 12, tzinfo=timezone.utc)
    assert scene.footprint.bounds == (9.5, 19.5, 10.5, 20.5)
    assert scene.url("RFL") == f"{folder}EMIT_L2A_RFL_001_20240501T101112_2412207_005.nc"
    assert scene.files["MASK"].size_bytes == 1002 and scene.size_bytes == 3003
    assert scene.files["RFL"].checksum == ("sha512", "ab" * 64)
    assert scene.files["MASK"].dmrpp_url.endswith("public/EMITL2ARFL.001/" + scene.id
                                                  + "/EMIT_L2A_MASK_001_20240501T101112_2412207_005.nc.dmrpp")
    assert scene.browse_url.endswith(f"lp-prod-public/EMITL2ARFL.001/{scene.id}/{scene.id}.png")
    assert scene.granule_source.path == scene.url("RFL") and scene.granule_source.mask_file == scene.url("MASK")
    assert pickle.loads(pickle.dumps(scenes)) == scenes and hash(scene)
    assert scenes.summary() == "1 scene from CMR, of 1 record for the box and time" and not scenes.notices


def test_the_real_record(shared_data):
    record = json.loads(shared_data("emit_dmrpp/emit_l2a_rfl_sample.cmr.json").read_text())
    scenes, _ = found(record, area=shapely.Point(147.2, -36.3), start="2023-03-16", end="2023-03-16")
    scene, = scenes
    assert scene.id == "EMIT_L2A_RFL_001_20230316T045133_2307503_005" and scene.cloud == 23.0
    assert (scene.end - scene.start).total_seconds() == 20
    assert {name: f.size_bytes for name, f in scene.files.items()} == {
        "RFL": 3146828127, "RFLUNCERT": 3146828139, "MASK": 84402134}
    public = "https://data.lpdaac.earthdatacloud.nasa.gov/lp-prod-public/EMITL2ARFL.001/"
    assert scene.files["RFLUNCERT"].dmrpp_url.startswith(public) and scene.browse_url.startswith(public)
    assert scene.files["RFL"].dmrpp_url == scene.url("RFL") + ".dmrpp"
    assert scene.files["MASK"].checksum[1].startswith("30d02294")
    assert shapely.area(scene.footprint) == pytest.approx(1.32214 * 0.67377 + 0.94843 * 0.48334, abs=1e-4)


def test_the_sea_is_an_answer():
    scenes, _ = found(umm(), area=shapely.Point(-30.0, 0.0))
    assert scenes == [] and scenes.notices == () and scenes.total == 0


def test_the_true_footprint_decides():
    """The corner of its box is not in the scene."""
    diamond = [(10, 19), (11, 20), (10, 21), (9, 20), (10, 19)]
    record = umm(ring=diamond)
    assert found(record, area=shapely.Point(9.05, 19.05))[0] == []
    assert len(found(record, area=shapely.Point(9.6, 19.6))[0]) == 1


def test_cloud_is_below_the_limit_and_unknown_stays():
    clouds = {0: "20240501T000000", 30: "20240501T010000", 31: "20240501T020000", None: "20240501T030000",
              -999: "20240501T040000", "29.5": "20240501T050000", 101: "20240501T060000"}
    scenes, _ = found(*(umm(time, cloud=cloud) for cloud, time in clouds.items()), max_cloud=30)
    assert [scene.cloud for scene in scenes] == [None, 29.5, None, None, 0.0]
    assert scenes.notices == ("Unknown cloud cover: 3 scenes, listed all the same.",)


def test_day_and_night():
    lights = ("Day", "Night", "BOTH", "UNSPECIFIED", None)
    scenes, _ = found(*(umm(f"20240501T0{i}0000", light=light) for i, light in enumerate(lights)), day_night="night")
    assert [scene.day_night for scene in scenes] == [None, None, "both", "night"]
    assert scenes.notices == ("Neither day nor night by CMR: 2 scenes, listed all the same.",)
    with pytest.raises(ArchiveError, match="Unknown light 'dusk'; the known ones are: day, night"):
        found(day_night="dusk")


@pytest.mark.parametrize(("start", "end", "n"), [
    ("2024-05-01", "2024-05-01", 1), (date(2024, 5, 1), date(2024, 5, 1), 1), ("2024-05-02", None, 0),
    (None, "2024-04-30", 0), (None, None, 1), (datetime(2024, 5, 1, 10, 11, 12), "2024-05-02", 1),
    ("2024-05-01T10:11:13Z", "2024-05-02", 0), ("2024-05-01T12:11:12+02:00", "2024-05-01T12:11:12+02:00", 1),
    (None, datetime(2024, 5, 1, 10, 11, 11, tzinfo=timezone.utc), 0), ("", "", 1)])
def test_time_is_utc_and_the_last_day_whole(start, end, n):
    assert len(found(umm(), start=start, end=end)[0]) == n


def test_the_last_second_of_the_last_day():
    assert len(found(umm("20240531T235959"))[0]) == 1 and len(found(umm("20240601T000000"))[0]) == 0
    _, catalogues = found(umm())
    assert catalogues.asked[0][1]["temporal"] == "2024-05-01T00:00:00.000Z,2024-05-31T23:59:59.999Z"


@pytest.mark.parametrize(("start", "end", "words"), [
    ("yesterday", None, "The start of the search is 'yesterday', which is no date; write it such as 2024-05-01"),
    (None, "2024-13-01", "The end of the search is '2024-13-01'"),
    ("2024-05-02", "2024-05-01", "ends .2024-05-01 23:59. before it starts .2024-05-02 00:00.; exchange the two")])
def test_no_span_of_time(start, end, words):
    with pytest.raises(ArchiveError, match=words):
        found(start=start, end=end)


def test_pages_are_read_to_the_end():
    catalogues = Catalogues(*minutes(25), page_size=10)
    scenes = search("EMIT", HERE, None, None, client=catalogues)
    assert len(scenes) == 25 and scenes.total == 25 and not scenes.truncated
    assert [scene.start for scene in scenes] == sorted((scene.start for scene in scenes), reverse=True)
    assert [headers.get("CMR-Search-After") for _, params, headers in catalogues.asked
            if params["short_name"] == "EMITL2ARFL"] == [None, "10", "20"]


def test_a_limit_is_announced_with_the_total():
    catalogues = Catalogues(*minutes(60), page_size=10)
    scenes = search("EMIT", HERE, None, None, limit=15, client=catalogues)
    assert len(scenes) == 15 and scenes.truncated and scenes.total == 60
    assert scenes[0].start.minute == 59
    assert scenes.notices == (
        "The list is cut: the search reached the limit of 15, and CMR holds 60 records for this area (as boxes) and "
        "time. The newest of those read are listed; narrow the area, the dates or the filters, or raise the limit.",)
    assert len(catalogues.of("CMR", "EMITL2ARFL")) == 2


def test_as_many_as_the_limit_is_no_cut():
    scenes = search("EMIT", HERE, None, None, limit=60, client=Catalogues(*minutes(60), page_size=10))
    assert len(scenes) == 60 and not scenes.truncated and not scenes.notices


def test_ten_thousand_scenes():
    scenes, catalogues = found(*minutes(10_000), limit=2000)
    assert len(scenes) == 2000 and "CMR holds 10000 records" in scenes.notices[0]
    assert len(catalogues.of("CMR", "EMITL2ARFL")) == 5


def test_no_end_of_looking_is_announced_too(monkeypatch):
    monkeypatch.setattr(paging, "MOST_RECORDS", 30)
    monkeypatch.setattr("pixel_spectra.core.archive.searching.MOST_RECORDS", 30)
    scenes = search("EMIT", HERE, None, None, 10, client=Catalogues(*minutes(60, cloud=50), page_size=10))
    assert scenes == [] and scenes.truncated
    assert scenes.notices[0] == (
        "The list is cut: the search looked through the newest 30 records, and CMR holds 60 records for this area (as "
        "boxes) and time. The newest of those read are listed; narrow the area, the dates or the filters.")


@pytest.mark.parametrize("limit", [0, -1])
def test_no_limit(limit):
    with pytest.raises(ArchiveError, match=f"The limit is {limit}; ask for one scene or more"):
        found(limit=limit)


def test_an_unknown_sensor():
    with pytest.raises(ArchiveError, match="Unknown sensor 'PRISMA'; the known ones are: EMIT"):
        search("PRISMA", HERE, None, None, client=Catalogues())


class TestCancel:
    """The user stops."""

    cancelled = False

    def report(self, fraction, message=""):
        self.cancelled = "10 of 25" in message

    def test_between_pages(self):
        catalogues = Catalogues(*minutes(25), page_size=10)
        with pytest.raises(Cancelled):
            search("EMIT", HERE, None, None, client=catalogues, progress=self)
        assert len(catalogues.asked) == 2


class TestRecords:
    """Records are other people's: what cannot be used is counted, and nothing of it acts as a path."""

    def left_out(self, record):
        scenes, _ = found(record, umm("20240502T000000"))
        assert [scene.start.day for scene in scenes] == [2]
        return scenes.notices

    @pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "C:\\x", "a\nb", "a\0b", "", "..", ".hidden", "a/../b",
                                      "<b>x</b>", "a b", "x" * 300, None, 7, ["x"], "a..b"])
    def test_a_name_that_is_none(self, name):
        assert self.left_out({**umm(), "GranuleUR": name}) == (
            "Records of CMR that cannot be used were left out: 1 with an unsafe name.",)

    @pytest.mark.parametrize("url", [
        "s3://bucket/EMIT_L2A_RFL_001_20240501T101112_2412207_005.nc",
        "http://data.example/EMIT_L2A_RFL_001_20240501T101112_2412207_005.nc",
        "file:///EMIT_L2A_RFL_001_20240501T101112_2412207_005.nc",
        "https://user:word@data.example/EMIT_L2A_RFL_001_20240501T101112_2412207_005.nc",
        "https://data.example/EMIT_L2A_RFL_001_20240501T101112_2412207_005.nc?Signature=abc",
        "https://data.example/../EMIT_L2A_RFL_001_20240501T101112_2412207_005.nc",
        "https://data.example/a/%2e%2e/EMIT_L2A_RFL_001_20240501T101112_2412207_005.nc",
        "https://data.example/..%2F..%2FEMIT_L2A_RFL_001_20240501T101112_2412207_005.nc",
        "https://data.example/EMIT_L2A_RFL_001_20240501T101112_2412207_005\\..\\x.nc",
        "https://data.example/EMIT_L2A_RFL_001_20240501T101112_2412207_005\n.nc",
        "https://data.example/EMIT_L2A_RFL_001_20240501T101112_2412207_005 .nc",
        "https:///EMIT_L2A_RFL_001_20240501T101112_2412207_005.nc", "https://[bad/EMIT_L2A_RFL_001_20240501T101112.nc",
        "https://data.example:x/EMIT_L2A_RFL_001_20240501T101112_2412207_005.nc",
        "https://data.example/EMIT_L2A_RFL_001_20240501T101112_2412207_005.tif", "https://data.example/report.nc", "",
        None, 3])
    def test_a_link_that_is_none(self, url):
        assert self.left_out({**umm(), "RelatedUrls": [{"URL": url}]}) == (
            "Records of CMR that cannot be used were left out: 1 without a usable link to its data.",)

    @pytest.mark.parametrize("extent", [
        {}, None, [], "x", {"HorizontalSpatialDomain": {"Geometry": {"GPolygons": []}}},
        {"HorizontalSpatialDomain": {"Geometry": {"GPolygons": [{"Boundary": {"Points": [
            {"Longitude": 10, "Latitude": 20}]}}]}}},
        {"HorizontalSpatialDomain": {"Geometry": {"GPolygons": [{"Boundary": {"Points": [
            {"Longitude": x, "Latitude": 10.0 ** (x % 3)} for x in range(8, 13)]}}]}}},
        {"HorizontalSpatialDomain": {"Geometry": {"GPolygons": [{"Boundary": {"Points": [
            {"Longitude": "x", "Latitude": None}] * 5}}]}}},
        {"HorizontalSpatialDomain": {"Geometry": {"GPolygons": [{"Boundary": {"Points": [
            {"Longitude": 10, "Latitude": 20}] * 5}}]}}}])
    def test_no_footprint(self, extent):
        assert self.left_out({**umm(), "SpatialExtent": extent}) == (
            "Records of CMR that cannot be used were left out: 1 without a usable footprint.",)

    @pytest.mark.parametrize("wrong", [None, 3, "x", [], {"umm": None}, {"RelatedUrls": "x"}])
    def test_no_record_at_all(self, wrong):
        def spoil(catalogue, n, page):
            content = json.loads(page.data)
            content["items"] = [{"umm": wrong} if n else wrong, *content["items"]][:len(content["items"])]
            return page._replace(data=json.dumps(content).encode())

        scenes = search("EMIT", HERE, None, None, client=Catalogues(umm(), umm("20240502T000000"), spoil=spoil))
        assert len(scenes) == 1 and "left out: 1 with an unsafe name" in scenes.notices[0]

    @pytest.mark.parametrize(("endpoint", "whole"), [(CMR, umm()), (STAC, item(umm()))])
    def test_no_part_of_a_record_is_trusted(self, endpoint, whole):
        """Each part in turn is gone, or something else than it should be; nothing but an answer may come of it."""
        junk = (None, 3, -1e308, "x", "", [], {}, True, float("nan"), float("inf"), "\0../", "9" * 5000, "\u00b2")
        spoilt = [replaced(whole, path, value) for path in places_in(whole) for value in (*junk, GONE)]

        def spoil(catalogue, n, page):
            content = json.loads(page.data)
            if "items" in content:
                content = {"items": [{"meta": {"concept-id": f"G{i}"}, "umm": r} for i, r in enumerate(spoilt)]}
            if "features" in content:
                content.update(features=spoilt, context={})
            kept = {k: v for k, v in page.headers.items() if k == "Content-Type"}
            return page._replace(data=json.dumps(content).encode(), headers=kept)

        scenes = search("EMIT", shapely.box(-180, -90, 180, 90), None, None, endpoint=endpoint,
                        client=Catalogues(umm(), spoil=spoil))
        assert 1 <= len(scenes) < 40 and "left out" in scenes.notices[0] and len(spoilt) > 500
        assert all("/" not in scene.id and ".." not in scene.id for scene in scenes)

    def test_a_box_is_a_footprint(self):
        sides = dict(zip(("West", "South", "East", "North"), (179.5, 19.0, -179.5, 21.0)))
        box = {f"{side}BoundingCoordinate": value for side, value in sides.items()}
        record = {**umm(), "SpatialExtent": {"HorizontalSpatialDomain": {"Geometry": {"BoundingRectangles": [box]}}}}
        scenes, _ = found(record, area=shapely.Point(-179.8, 20.0))
        assert shapely.area(scenes[0].footprint) == pytest.approx(2.0)

    def test_no_time_but_that_of_its_name(self):
        scenes, _ = found({**umm(), "TemporalExtent": {"RangeDateTime": {"BeginningDateTime": "2024-05-01T10:11:12Z",
                                                                        "EndingDateTime": "soon"}}})
        assert scenes[0].start == scenes[0].end == datetime(2024, 5, 1, 10, 11, 12, tzinfo=timezone.utc)

    @pytest.mark.parametrize("size", [-1, 0, "x", None, True, float("inf")])
    def test_no_size(self, size):
        record = umm()
        for told in record["DataGranule"]["ArchiveAndDistributionInformation"]:
            told.update(SizeInBytes=size, Checksum={"Algorithm": "SHA-512", "Value": "../x"})
        scene, = found(json.loads(json.dumps(record)))[0]
        assert scene.size_bytes is None and scene.files["RFL"].checksum is None

    def test_plain_http_from_a_plain_http_catalogue_only(self):
        record = umm(host="http://127.0.0.1:9")
        assert search("EMIT", HERE, None, None, client=Catalogues(record)) == []
        scenes = search("EMIT", HERE, None, None, client=Catalogues(record),
                        endpoint="http://127.0.0.1:8/search/granules.umm_json")
        assert len(scenes) == 1


class TestFailOver:
    """CMR first; where it does not answer wholly, all comes from CMR-STAC."""

    records = [*minutes(12), umm("20240501T000000", collection="EMITL2AMASK", version="002", products=("MASK",))]

    def asked(self, spoil, **options):
        catalogues = Catalogues(*self.records, spoil=spoil, page_size=5)
        return search("EMIT", HERE, None, None, client=catalogues, **options), catalogues

    @pytest.mark.parametrize(("at", "change", "words"), [
        (1, {"data": b'{"items": ['}, "a page that is cut off or no JSON"),
        (3, {"data": b'{"items": ['}, "a page that is cut off or no JSON"),
        (1, {"data": b"[]"}, "a page without records"),
        (2, {"headers": {"content-type": "text/html; charset=utf-8"}}, "answers with 'text/html' where JSON"),
        (2, {"headers": {}}, "answers with 'no type' where JSON was asked for"),
        (4, {"data": b"\xff\xfe"}, "a page that is cut off or no JSON")])
    def test_a_broken_page(self, at, change, words):
        scenes, _ = self.asked(lambda catalogue, n, page: page._replace(**change)
                               if (catalogue, n) == ("CMR", at) else page)
        assert {scene.source for scene in scenes} == {scenes.source} == {"CMR-STAC"} and len(scenes) == 12
        assert scenes.notices[0].startswith("CMR-STAC was asked instead. CMR: CMR ") and words in scenes.notices[0]

    def test_refused_half_way(self):
        def spoil(catalogue, n, page):
            if (catalogue, n) == ("CMR", 3):
                raise ArchiveError("'cmr.example' answers 503.")
            return page

        scenes, _ = self.asked(spoil)
        assert scenes.source == "CMR-STAC" and len(scenes) == 12
        assert scenes.notices[0] == "CMR-STAC was asked instead. CMR: 'cmr.example' answers 503."

    def test_pages_that_end_too_early(self):
        """The header that leads on gets lost; what was announced did not come."""
        def spoil(catalogue, n, page):
            kept = {k: v for k, v in page.headers.items() if k != "CMR-Search-After"}
            return page._replace(headers=kept) if catalogue == "CMR" else page

        scenes, _ = self.asked(spoil)
        assert scenes.source == "CMR-STAC" and "CMR announced 12 records and sent 5" in scenes.notices[0]

    def test_pages_without_end(self):
        """Every page is the first one again."""
        first = {}

        def spoil(catalogue, n, page):
            return first.setdefault("page", page) if catalogue == "CMR" else page

        scenes, _ = self.asked(spoil)
        assert scenes.source == "CMR-STAC" and "CMR sends the same page again and again" in scenes.notices[0]

    def test_a_record_that_comes_twice_counts_once(self):
        def spoil(catalogue, n, page):
            content = json.loads(page.data)
            content["items"] *= 2
            return page._replace(data=json.dumps(content).encode())

        scenes = search("EMIT", HERE, None, None, client=Catalogues(*self.records, spoil=spoil))
        assert len(scenes) == 12 and scenes.source == "CMR"

    def test_nobody_answers(self):
        def spoil(catalogue, n, page):
            raise ArchiveError(f"No way to {catalogue}.")

        with pytest.raises(ArchiveError, match=r"^CMR: No way to CMR\. CMR-STAC: No way to CMR-STAC\.$"):
            self.asked(spoil)

    def test_an_endpoint_of_ones_own(self):
        scenes, catalogues = self.asked(None, endpoint=CMR)
        assert {url for url, *_ in catalogues.asked} == {CMR} and scenes.source == "CMR"
        scenes, catalogues = self.asked(None, endpoint=[f"{STAC}/", CMR])
        assert scenes.source == "CMR-STAC" and not scenes.notices
        assert all(url.startswith(STAC) for url, *_ in catalogues.asked)

    @pytest.mark.parametrize("endpoint", ["cmr.example", "ftp://cmr.example/x", "https://me:word@cmr.example/", "https://"])
    def test_no_endpoint(self, endpoint):
        with pytest.raises(ArchiveError, match="is no address of a catalogue") as caught:
            self.asked(None, endpoint=endpoint)
        assert "word" not in str(caught.value)

    def test_stac_says_the_same(self):
        """All but what it does not know: sizes, checksums and light."""
        ours, _ = self.asked(None, endpoint=CMR)
        theirs, _ = self.asked(None, endpoint=STAC)
        assert [(s.id, s.cloud, s.start, s.footprint, s.granule_source, s.browse_url) for s in ours] == [
            (s.id, s.cloud, s.start, s.footprint, s.granule_source, s.browse_url) for s in theirs]
        assert theirs.total == 12 and theirs[0].day_night is None and theirs[0].size_bytes is None

    def test_stac_is_asked_as_it_wants_to_be(self):
        _, catalogues = self.asked(None, endpoint=STAC)
        first = catalogues.of("CMR-STAC", "EMITL2ARFL")[0]
        assert first == {"collections": "EMITL2ARFL_001,EMITL2ARFL_002", "bbox": "9.98,19.98,10.02,20.02",
                         "limit": "100", "sortby": "-datetime"}
        search("EMIT", HERE, "2024-05-01", "2024-05-31", client=catalogues, endpoint=STAC)
        last = [p for p in catalogues.of("CMR-STAC", "EMITL2ARFL") if "datetime" in p][0]["datetime"]
        assert last == "2024-05-01T00:00:00.000Z/2024-05-31T23:59:59.999Z"

    def test_stac_without_the_collection(self):
        with pytest.raises(ArchiveError, match="CMR-STAC found nothing, and does not show the collections "
                                               "EMITL2ARFL_001, EMITL2ARFL_002"):
            search("EMIT", HERE, None, None, client=Catalogues(), endpoint=STAC)

    @pytest.mark.parametrize(("link", "words"), [
        ({"rel": "next", "href": "file:///etc/passwd"}, "a page that is not on the web over https"),
        ({"rel": "next", "href": "http://cmr.example/x"}, "a page that is not on the web over https"),
        ({"rel": "next", "href": f"{STAC}/search", "method": "POST"}, "by a way that is not supported"),
        ({"rel": "next"}, "does not answer as a STAC API should .KeyError."), ("next", "TypeError")])
    def test_stac_leads_astray(self, link, words):
        def spoil(catalogue, n, page):
            content = {**json.loads(page.data), "links": [link]} if n == 2 else json.loads(page.data)
            return page._replace(data=json.dumps(content).encode())

        with pytest.raises(ArchiveError, match=words):
            self.asked(spoil, endpoint=STAC)

    @pytest.mark.parametrize("content", [{}, {"type": "Catalog"}, {"type": "Feature"}, {"message": "Forbidden"}])
    def test_stac_is_none(self, content):
        def spoil(catalogue, n, page):
            return page._replace(data=json.dumps(content).encode())

        with pytest.raises(ArchiveError, match="CMR-STAC"):
            self.asked(spoil, endpoint=STAC)

    def test_without_pystac_client(self, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "pystac_client", None)

        def spoil(catalogue, n, page):
            raise ArchiveError("No way.")

        with pytest.raises(ArchiveError, match="CMR: No way. CMR-STAC: The Python package 'pystac_client' is needed"):
            self.asked(spoil)


def test_scenes_at_both_ends_of_the_longitudes():
    """Two boxes are asked; a scene that is in both is listed once, its footprint in two halves."""
    across, east, west = square(180.0, 0.0, 1.0), square(178.5, 0.0, 0.2), square(-178.5, 0.0, 0.2)
    across = [(lon - 360 if lon > 180 else lon, lat) for lon, lat in across]
    records = [umm("20240501T000000", ring=across), umm("20240501T010000", ring=east),
               umm("20240501T020000", ring=west), umm("20240501T030000", ring=square(0.0, 0.0))]
    scenes, catalogues = found(*records, area=shapely.box(178.0, -1.0, 182.0, 1.0))
    assert [scene.start.hour for scene in scenes] == [2, 1, 0]
    assert scenes[2].footprint.geom_type == "MultiPolygon" and shapely.area(scenes[2].footprint) == pytest.approx(4.0)
    assert [p["bounding_box"] for p in catalogues.of("CMR", "EMITL2ARFL")] == ["-180,-1.02,-177.98,1.02",
                                                                              "177.98,-1.02,180,1.02"]


@pytest.mark.parametrize("cover", [-1, 150, float("nan")])
def test_a_cloud_cover_that_is_no_percentage(cover):
    with pytest.raises(ArchiveError, match="give 0 to 100"):
        found(umm(), max_cloud=cover)
