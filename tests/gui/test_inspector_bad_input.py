"""Places, drawings and areas that go wrong: one plain sentence each, and the window works on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from qgis.core import (
    QgsProject,
    QgsRectangle,
)
from qgis.PyQt.QtCore import QPoint, Qt
from qgis.PyQt.QtTest import QTest

from granules import (
    locate,
    raw_position,
    write_granule,
)
from inspector_faults import CORNER, one_sentence, open_file, points, shown_texts, silent, works_on
from inspector_side import until
from qgis_side import SCENE, place

pytest.importorskip("shapely")

SWATH = "'EMIT_L2A_RFL_001_20240501T101112_2412207_005'"
ANTIPODE = "PROJ:+proj=gnom +lat_0=-36 +lon_0=-165 +datum=WGS84 +type=crs"


# ---- places

def test_a_click_without_a_granule(analyst, files):
    analyst.click(CORNER)
    assert one_sentence(analyst) == (
        "No granule is open; open one first ('Open granule…', or drop its file on the map).")
    analyst.open(files.reflectance)
    assert works_on(analyst)


def test_a_click_off_the_swath(at_work):
    at_work.click(at_work.at(12, 9))
    at_work.click(CORNER)
    assert f"is off the swath of {SWATH}" in one_sentence(at_work)
    assert at_work.curve().name == "Pixel 12, 9"  # what was seen stays
    assert works_on(at_work, 13, 9)


def test_a_click_on_a_hole_of_the_lookup_table_finds_the_pixel_that_is_nearest(analyst, tmp_path):
    scene = replace(SCENE, hole_fraction=0.3)
    analyst.open(write_granule(tmp_path, scene).reflectance)
    swath = locate(scene)
    holes = np.argwhere(swath.glt_x == 0)
    x0, dx, _, y0, _, dy = swath.geotransform
    lon, lat = x0 + (holes[:, 1] + 0.5) * dx, y0 + (holes[:, 0] + 0.5) * dy
    row, column = raw_position(scene, lon, lat)
    clear = (np.abs(row - np.rint(row)) < 0.3) & (np.abs(column - np.rint(column)) < 0.3)
    hole = np.flatnonzero(clear & (np.abs(row - 20) < 15) & (np.abs(column - 15) < 10))[0]
    analyst.click(analyst.screen(lon[hole], lat[hole]))
    found = analyst.curve().place
    assert (found.downtrack, found.crosstrack) == (round(row[hole]), round(column[hole]))
    assert silent(analyst)


def test_a_pixel_that_is_masked_altogether(at_work):
    at_work.click(at_work.at(4, 4))
    assert silent(at_work)
    assert at_work.said("Score") == "No score"
    assert at_work.said("Valid and masked pixels") == "The pixel is masked: Cloud flag."
    assert "The pixel is masked (Cloud flag)." in shown_texts(at_work)
    assert np.isnan(at_work.curve().values).all()
    assert len(at_work.window.bands()) == 2  # outline and dot, as of any pixel
    assert works_on(at_work)


def test_a_pixel_without_data(analyst, tmp_path):
    nodata = np.zeros(SCENE.shape, bool)
    nodata[20, 15] = True
    analyst.open(write_granule(tmp_path, SCENE, nodata=nodata).reflectance)
    analyst.choose_reference("kaolinite cm9 beckb")
    analyst.click(analyst.at(20, 15))
    assert silent(analyst)
    assert analyst.said("Valid and masked pixels") == "The pixel is masked: no data."
    assert "The pixel is masked (no data)." in shown_texts(analyst)
    assert works_on(analyst)


# ---- the map

@pytest.mark.parametrize(("crs", "why"), [
    ("", "The project has no valid coordinate reference system; choose one of the Earth in Project > Properties > "
         "CRS."),
    ("IAU_2015:30100", "The project (IAU_2015:30100 - Moon (2015) - Sphere / Ocentric) cannot be transformed to "
                       "longitude and latitude on Earth; choose one of the Earth in Project > Properties > CRS."),
])
def test_a_project_without_a_place_on_earth(at_work, crs, why):
    at_work.click(at_work.at(12, 9))
    at_work.window.show_in(crs)
    assert one_sentence(at_work) == why  # the mark of the pixel cannot be shown
    at_work.click(QPoint(300, 300))
    assert one_sentence(at_work) == why
    at_work.window.show_in("EPSG:3857")
    at_work.canvas.zoomToFullExtent()
    assert works_on(at_work, 13, 9)


def test_a_project_in_which_the_granule_cannot_be_shown(at_work, files):
    at_work.click(at_work.at(12, 9))
    at_work.window.show_in(ANTIPODE)
    assert "The pixels cannot be shown in the project's coordinate reference system" in one_sentence(at_work)
    open_file(at_work, files.reflectance)
    assert "cannot be shown in the coordinate reference system of the project" in one_sentence(at_work)
    at_work.window.show_in("EPSG:3857")
    open_file(at_work, files.reflectance)
    assert works_on(at_work, 13, 9)


def test_a_turned_map(at_work):
    at_work.canvas.setRotation(37.0)
    assert works_on(at_work)
    at_work.canvas.setRotation(0.0)


def test_a_map_of_the_world_and_one_of_a_hair(at_work):
    at_work.canvas.setExtent(QgsRectangle(-2e7, -2e7, 2e7, 2e7))
    at_work.click(QPoint(20, 500))
    assert "is off the swath" in one_sentence(at_work)
    x, y = 1671000.0, 4300000.0  # metres; anywhere: what counts is the width
    at_work.canvas.setExtent(QgsRectangle(x, y, x + 1e-6, y + 1e-6))
    at_work.click(QPoint(20, 500))
    assert "is off the swath" in one_sentence(at_work)
    open_file(at_work, at_work.inspector.scenes.scenes[0].source.path)
    assert works_on(at_work)


# ---- drawings

@pytest.mark.parametrize(("way", "places", "why"), [
    ("Line", [(12, 9)], "A line needs two different places: click another one, or press Esc to cancel."),
    ("Polygon", [(12, 9)], "A polygon needs three different places: click another one, or press Esc to cancel."),
    ("Polygon", [(2, 2), (12, 12), (12, 2), (2, 12)],
     "The outline crosses itself or encloses nothing: take places back with Backspace, or press Esc to cancel."),
    ("Line", [(-5, 5), (-5, 20)], f"The line crosses no pixel of {SWATH}; draw it on the swath."),
], ids=["line of one vertex", "polygon of one vertex", "outline across itself", "line outside"])
def test_a_drawing_that_is_none(at_work, way, places, why):
    at_work.draw(way, *(at_work.at(*place) for place in places))
    assert one_sentence(at_work) == why
    QTest.keyClick(at_work.canvas, Qt.Key.Key_Escape)
    assert at_work.curves() == () and at_work.window.bands() == []
    at_work.press("Point")
    assert works_on(at_work)


def test_a_polygon_outside(at_work):
    at_work.draw("Polygon", at_work.at(-6, 5), at_work.at(-6, 15), at_work.at(-3, 15))
    sentence = one_sentence(at_work)
    assert sentence.startswith("The area encloses no pixel centre: (")
    assert f"is off the swath of {SWATH}" in sentence and sentence.endswith("; choose an area on it.")


def test_a_polygon_smaller_than_a_pixel(at_work):
    lon, lat = place(12.4, 9.4)
    at_work.inspector.areas.read_text(f"POLYGON(({lon} {lat}, {lon + 1e-6} {lat}, {lon} {lat + 1e-6}, {lon} {lat}))")
    at_work.rest()
    sentence = one_sentence(at_work)
    assert sentence.startswith(f"The area encloses no pixel centre of {SWATH} (the nearest is 34 m from inside it)")
    assert sentence.endswith("; enlarge it, or ask for a point.")
    assert works_on(at_work)


def test_esc_and_backspace_with_nothing_drawn(at_work):
    at_work.click(at_work.at(12, 9))
    for key in (Qt.Key.Key_Escape, Qt.Key.Key_Backspace, Qt.Key.Key_Delete, Qt.Key.Key_Return):
        QTest.keyClick(at_work.canvas, key)
    assert at_work.curve().name == "Pixel 12, 9"
    assert works_on(at_work, 13, 9)


# ---- areas that exist

def test_pasted_texts_that_are_no_areas(at_work):
    for text, why in {
        "somewhere": "The pasted text has 'somewhere', which is no place; paste WKT, GeoJSON, or a longitude and a "
                     "latitude like -117.17, 37.6.",
        "POLYGON((15 36": "The pasted text has 'POLYGON((15 36', which is no WKT; write for instance "
                          "POINT(-117.17 37.6).",
        "LINESTRING(15 36)": "The pasted text has a broken geometry, number 1; close its rings and give each line two "
                             "places.",
        "POLYGON((15 36, 15.01 35.99, 15.01 36, 15 35.99, 15 36))":
            "The area is not a valid geometry (Self-intersection[15.005 35.995]); repair it first.",
        "POINT EMPTY": "The area is empty; draw or choose one with at least one vertex.",
        "{": "'pasted text' cannot be read as an area; give GeoJSON, GeoPackage, Shapefile, KML, or CSV with the "
             "columns lon and lat or wkt.",
    }.items():
        at_work.inspector.areas.read_text(text)
        at_work.rest()
        assert one_sentence(at_work) == why
    assert works_on(at_work)


def test_files_that_are_no_areas(at_work, tmp_path):
    for text, why in {
        "lon;lat\n15,003;35,995\n": "Line 2 of 'area.csv' has '15,003'; write decimals with a point, like 15.003.",
        "lon,lat\n15,003,35,995\n": "Line 2 of 'area.csv' has 4 values for 2 columns; write decimals with a point "
                                    "(37.6, not 37,6), and put texts with a separator in double quotes.",
        "lon,lat\n": "'area.csv' has no row with coordinates; fill lon and lat.",
        "a,b\n1,2\n": "'area.csv' has the columns 'a,b', and none of them tells a place; name them lon and lat, or "
                      "wkt.",
    }.items():
        (tmp_path / "area.csv").write_text(text)
        at_work.inspector.areas.read_file(str(tmp_path / "area.csv"))
        at_work.rest()
        assert one_sentence(at_work) == why
    at_work.inspector.areas.read_file("/nowhere/area.gpkg")
    at_work.rest()
    assert one_sentence(at_work) == "The area file '/nowhere/area.gpkg' does not exist; choose another one."
    assert works_on(at_work)


def test_nothing_that_could_be_selected(at_work):
    raster = next(iter(QgsProject.instance().mapLayers().values()))
    for layer, why in (
        (raster, f"{SWATH} is no vector layer; choose a layer of points, lines or polygons in the Layers panel and "
                 "select some of its features."),
        (points(0), "The layer 'points' has no selected features; select some with a selection tool of QGIS."),
        (points(3, ""), "The layer 'points' has no valid coordinate reference system; set the one it was drawn in."),
    ):
        at_work.window.iface.setActiveLayer(layer)
        at_work.press("Selected")
        assert one_sentence(at_work) == why
    assert works_on(at_work)


def test_a_hundred_thousand_selected_features(analyst, files):
    analyst.open(files.reflectance)
    analyst.window.iface.setActiveLayer(points(100_000))
    analyst.press("Selected", rest=False)
    until(lambda: analyst.curves())
    assert silent(analyst)
    assert analyst.said("Valid and masked pixels").startswith("100\N{NARROW NO-BREAK SPACE}000 of 100")
    analyst.rest()
    assert works_on(analyst)
