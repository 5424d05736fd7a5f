"""Tables of candidates, in and out: rows that cannot be read, places and names in CSV."""

from __future__ import annotations

import csv

import pytest
from pixel_spectra.adapters.candidates import CandidateFields, candidates_of_table
from pixel_spectra.core.errors import AreaError
from qgis.core import QgsCoordinateTransformContext, QgsVectorLayer

from granules import lonlat
from vetting_side import KAOLINITE, SCENE, square, write_scene

LON, LAT = lonlat(SCENE, 21, 16)


@pytest.fixture(scope="module")
def granule(tmp_path_factory):
    return write_scene(tmp_path_factory.mktemp("scene"))


def read(path, text, fields=("id",)):
    path.write_text(text)
    return candidates_of_table(str(path), CandidateFields(*fields), QgsCoordinateTransformContext())


@pytest.mark.parametrize("row, problem", [
    ("bad,95,-117", "has the longitude 95 and the latitude -117, which are not on the Earth; write degrees"),
    ("bad,abc,37.4", "has 'abc' where a number in degrees belongs"),
    ('bad,"15,01",36', "has '15,01'; write decimals with a point, like 15.01."),
    ("bad,15,01,36,5", "has 5 values for 3 columns; write decimals with a point"),
    ("bad,nan,nan", "which are not on the Earth"),
])
def test_a_row_without_a_readable_place_is_a_candidate_with_the_reason(tmp_path, row, problem):
    good, bad, last = read(tmp_path / "c.csv", f"id,lon,lat\na,{LON},{LAT}\n{row}\nz,{LON},{LAT}\n")
    assert (good.id, good.problem, last.id, last.problem) == ("a", "", "z", "")
    assert bad.id == "bad" and bad.geometry is None
    assert bad.problem.startswith("Line 3 of 'c.csv' has") and problem in bad.problem


@pytest.mark.parametrize("wkt, problem", [
    ("POLYGON ((1 2", "Line 3 of 'c.csv' has 'POLYGON ((1 2', which is no WKT"),
    ("SRID=99999;POINT(1 2)", "Line 3 of 'c.csv' has SRID=99999, which has no valid coordinate reference system"),
    ("LINESTRING (1 2)", "'c.csv' has a broken geometry, number 2; close its rings"),
])
def test_so_is_one_with_broken_wkt(tmp_path, wkt, problem):
    good, bad = read(tmp_path / "c.csv", f'id,wkt\na,POINT({LON} {LAT})\nbad,"{wkt}"\n')
    assert not good.problem and bad.geometry is None and problem in bad.problem


@pytest.mark.parametrize("text, sentence", [
    ("id,lon,lat\na,abc,1\nb,,\n", "Line 2 of 'c.csv' has 'abc' where a number"),
    ("id,lon,lat\na,95,-117\nb,96,-118\n", "Line 2 of 'c.csv' has the longitude 95"),
    ("id,lon,lat\na,,\n", "'c.csv' has no row with coordinates; fill lon and lat."),
    ("id,lat\na,1\n", "none of them tells a place"),
])
def test_a_table_without_a_single_place_is_refused(tmp_path, text, sentence):
    with pytest.raises(AreaError) as caught:
        read(tmp_path / "c.csv", text)
    assert sentence in str(caught.value)


def test_such_a_row_stands_in_the_result(run, granule, tmp_path):
    (tmp_path / "c.csv").write_text(f"id,lon,lat\na,{LON},{LAT}\nbad,abc,{LAT}\n")
    layer = run("vet_candidates", CANDIDATES=tmp_path / "c.csv", CANDIDATE_ID="id", GRANULES=granule,
                REFERENCE=KAOLINITE, OUTPUT="memory:")["OUTPUT"]
    rows = {feature["candidate_id"]: feature for feature in layer.getFeatures()}
    assert rows["a"]["n_pixels"] == 1 and rows["a"]["reason"] == ""
    assert (rows["bad"]["verdict"], rows["bad"]["n_pixels"], rows["bad"].hasGeometry()) == ("none", 0, False)
    assert "Line 3 of 'c.csv' has 'abc' where a number in degrees belongs" in rows["bad"]["reason"]


@pytest.fixture
def vetted(run, granule, tmp_path):
    """A callable: names of candidates -> the rows of the result as CSV, and its path."""
    def call(*names):
        with open(tmp_path / "c.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("id", "wkt"), *((name, square(20, 15).wkt) for name in names)])
        out = tmp_path / "vetted.csv"
        run("vet_candidates", CANDIDATES=tmp_path / "c.csv", CANDIDATE_ID="id", GRANULES=granule, REFERENCE=KAOLINITE,
            OUTPUT=out)
        with open(out, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file)), out

    return call


def test_a_csv_tells_the_places_as_wkt(vetted):
    (row,), path = vetted("a")
    assert row["WKT"].startswith("MULTIPOLYGON (((") and row["candidate_id"] == "a"
    layer = QgsVectorLayer(str(path), "again", "ogr")
    assert layer.isSpatial() and next(layer.getFeatures()).geometry().area() == pytest.approx(square(20, 15).area)
    assert layer.crs().authid() == "EPSG:4326"
    assert sorted(p.name for p in path.parent.glob("vetted*")) == ["vetted.csv", "vetted.csvt", "vetted.prj"]
    again, = read(path.with_name("again.csv"), path.read_text(encoding="utf-8"), ("candidate_id",))
    assert again.id == "a" and again.geometry.area == pytest.approx(square(20, 15).area)


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1+1", "@SUM(A1)", "-1+2"])
def test_a_csv_runs_nothing_in_a_spreadsheet(vetted, name):
    """As the dock's table and to_csv(): an apostrophe before what a spreadsheet would take for a formula."""
    rows, _ = vetted(name, "plain")
    assert {row["candidate_id"] for row in rows} == {f"'{name}", "plain"}
