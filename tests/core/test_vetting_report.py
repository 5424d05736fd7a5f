"""The report in HTML, and candidates from files."""

from __future__ import annotations

import base64
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pytest
from pixel_spectra.core.errors import AreaError, OutputError
from pixel_spectra.core.sensors import open_granule
from pixel_spectra.core.verdicts import COLOURS
from pixel_spectra.core.vetting import Candidate, read_candidates, vet, write_report
from pixel_spectra.core.vetting.pictures import histogram
from shapely import Point

from full_disk import no_room
from vetting_side import KAOLINITE, SCENE, square, write_scene

HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>&amp;"


class Page(HTMLParser):
    """What a browser finds in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def granule(tmp_path_factory):
    return open_granule(write_scene(tmp_path_factory.mktemp("scene"), SCENE))


@pytest.fixture(scope="module")
def done(granule):
    return vet([Candidate("strong", square(20, 15)), Candidate(HOSTILE, square(40, 30)), Candidate("lost", None),
                Candidate("soil", square(50, 10))], granule, KAOLINITE)


@pytest.fixture
def page(done, tmp_path):
    return Page(write_report(done, tmp_path / "report.html").read_text(encoding="utf-8"))


def test_a_hostile_name_is_only_a_name(page):
    assert not {"script", "iframe", "object", "embed", "link", "form"} & {tag for tag, _ in page.tags}
    assert all(not name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert page.words.count(HOSTILE) == 2  # above its spectrum, and in the table


def test_nothing_is_fetched(page):
    sources = [attributes["src"] for tag, attributes in page.tags if tag == "img"]
    assert len(sources) == 2 + 3
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert not [attributes for _, attributes in page.tags if "href" in attributes]
    assert ("meta", {"http-equiv": "Content-Security-Policy",
                     "content": "default-src 'none'; img-src data:; style-src 'unsafe-inline'"}) in page.tags


def test_the_pictures_are_whole(page):
    for source in (attributes["src"] for tag, attributes in page.tags if tag == "img"):
        picture = ET.fromstring(base64.b64decode(source.partition(",")[2]))
        assert picture.tag.endswith("svg")
        numbers = " ".join(v for part in picture.iter() for v in part.attrib.values())
        assert "nan" not in numbers
        assert not list(picture.iter("{http://www.w3.org/2000/svg}script"))


def test_every_candidate_has_its_row(page, done):
    assert sum(tag == "tr" for tag, _ in page.tags) == 1 + 4
    text = " ".join(page.words)
    assert "It has no geometry." in text
    assert re.search(r"4 candidates in EMIT_L2A_RFL_001_20240501T101112_2412207_005 against Kaolinite", text)
    assert "Accepted above the 99th" in text
    assert all(tag["alt"] for name, tag in page.tags if name == "img")


def test_verdicts_have_the_colours_of_the_map_and_the_dock(done, tmp_path):
    text = write_report(done, tmp_path / "r.html").read_text()
    for verdict, colour in COLOURS.items():
        assert f".{verdict} {{ --of: {colour}; }}" in text
    picture = histogram(np.array([1.0, 2.0, 3.0, 4.0]), list(COLOURS), "x")
    assert all(f'fill="{colour}"' in picture for colour in COLOURS.values())


def test_accepted_and_rejected_are_apart_for_colour_blind_eyes():
    """Distances in CIELAB as seen without one kind of cones (Machado, Oliveira and Fernandes 2009, severity 1)."""
    without = {"long": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                        [-0.003882, -0.048116, 1.051998]],
               "middle": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                          [-0.011820, 0.042940, 0.968881]]}
    for seen_as in without.values():
        labs = [lab(np.clip(np.array(seen_as) @ linear(COLOURS[name]), 0, 1)) for name in ("accept", "reject")]
        assert np.linalg.norm(labs[0] - labs[1]) > 60


def linear(colour):
    values = np.array([int(colour[i:i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb
    f = np.cbrt(xyz / np.array([0.9505, 1.0, 1.089]))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_what_people_say_is_in_it(done, tmp_path):
    said = {0: {"human_verdict": "reject", "note": "a roof <b>"}}
    words = Page(write_report(done, tmp_path / "r.html", people=said).read_text()).words
    assert "a roof <b>" in words


def test_a_report_is_html_and_whole_or_not_at_all(done, tmp_path):
    with pytest.raises(OutputError, match="ends with .html"):
        write_report(done, tmp_path / "report.pdf")
    with pytest.raises(OutputError, match="cannot be written"):
        write_report(done, tmp_path / "nowhere" / "report.html")
    with no_room(4000), pytest.raises(OutputError, match="report.html' cannot be written"):
        write_report(done, tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_draw(granule, tmp_path):
    done = vet([Candidate("lost", None)], granule, KAOLINITE)
    assert Page(write_report(done, tmp_path / "r.html").read_text()).words


def test_geojson(tmp_path):
    path = tmp_path / "c.geojson"
    features = [{"type": "Feature", "properties": {"site": 12.0, "is": KAOLINITE}, "geometry": {
        "type": "Point", "coordinates": [15.0, 36.0]}},
                {"type": "Feature", "properties": {"site": "b", "is": None}, "geometry": None}]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    one, two = read_candidates(path, "site", "is")
    assert (one.id, one.geometry, one.reference) == ("12", Point(15.0, 36.0), KAOLINITE)
    assert (two.id, two.geometry, two.reference) == ("b", None, None)
    assert [c.id for c in read_candidates(path)] == ["0", "1"]


@pytest.mark.parametrize("text", ["id,lon,lat\nx,15.0,36.0\n", "id;wkt\nx;POINT (15 36)\n",
                                  "lat\tlon\tid\n36\t15\tx\n\n"])
def test_csv(tmp_path, text):
    path = tmp_path / "c.csv"
    path.write_text(text)
    (one,) = read_candidates(path)
    assert (one.id, one.geometry) == ("x", Point(15.0, 36.0))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [("c.csv", "id;lon;lat\n1;15,5;36,1\n", "Line 2 of 'c.csv' has '15,5'; write decimals with a point, like 15.5"),
     ("c.csv", "id,lon,lat\n1,15,5,36,1\n", "has 5 values for 3 columns; write decimals with a point"),
     ("c.csv", "id,lon\n1,15\n", "columns 'id,lon', and none of them tells a place"),
     ("c.csv", "id,wkt\n1,PONT(1 2)\n", "'PONT.1 2.', which is no WKT"),
     ("c.csv", "id,lon,lat\n1,east,36\n", "'east' where a number in degrees belongs"),
     ("c.csv", "id,lon,lat\n", "'c.csv' has no candidates"),
     ("c.geojson", "{", "is no GeoJSON"),
     ("c.geojson", "[]", "no GeoJSON FeatureCollection"),
     ("c.geojson", '{"features": [{"geometry": {"type": "Point"}}]}', "Feature 0 of 'c.geojson'"),
     ("c.geojson", '{"features": [], "crs": {"properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}}',
      "EPSG::32633'; reproject it")])
def test_files_that_cannot_be_read(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(AreaError, match=words):
        read_candidates(tmp_path / name)


@pytest.mark.parametrize("bad, words", [
    ("1;15,5;36", "Line 3 of 'c.csv' has '15,5'; write decimals with a point"), ("1;east;36", "'east' where a number"),
    ("1;15;136", "the latitude 136, which are not on the Earth"), ("1;15;36;9", "4 values for 3 columns")])
def test_one_row_that_cannot_be_read_is_a_candidate_with_the_reason(granule, tmp_path, bad, words):
    (tmp_path / "c.csv").write_text(f"id;lon;lat\n0;15;36\n{bad}\n")
    good, told = read_candidates(tmp_path / "c.csv")
    assert (good.geometry, good.problem, told.id, told.geometry) == (Point(15.0, 36.0), "", "1", None)
    assert words in told.problem
    done = vet([good, told], granule, KAOLINITE)
    assert done.candidates.to_dataframe().set_index("candidate_id").loc["1", "reason"] == told.problem
    assert f"1 of 2 candidates has no readable place (the first, '1': {told.problem})" in done.notices


def test_one_feature_that_cannot_be_read_is_a_candidate_with_the_reason(tmp_path):
    place = {"type": "Point", "coordinates": [15.0, 36.0]}
    features = [{"id": "a", "geometry": place}, {"id": "b", "geometry": {"type": "Point"}}, 7]
    (tmp_path / "c.geojson").write_text(json.dumps({"features": features}))
    good, broken, strange = read_candidates(tmp_path / "c.geojson", "id")
    assert (good.id, good.problem, broken.id) == ("a", "", "b")
    assert broken.problem.startswith("Feature 1 of 'c.geojson' has no readable geometry")
    assert strange.problem.startswith("Feature 2 of 'c.geojson' has no readable geometry")


def test_a_column_that_is_not_there(tmp_path):
    (tmp_path / "c.csv").write_text("id,lon,lat\n1,15,36\n")
    with pytest.raises(AreaError, match="no column 'site'; its columns are: id, lon, lat"):
        read_candidates(tmp_path / "c.csv", "site")
    with pytest.raises(AreaError, match="cannot be read"):
        read_candidates(tmp_path / "other.csv")
