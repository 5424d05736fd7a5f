"""The area of a search: any shape becomes few boxes that cover it, and a test of footprints that is exact."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pixel_spectra.core.archive.area import footprint, search_area
from pixel_spectra.core.errors import AreaError
from shapely.geometry import box


def square(lon, lat, size=0.3):
    return box(lon - size, lat - size, lon + size, lat + size)


def met(geometry, *places):
    """Which squares around places the area meets."""
    return search_area(geometry).meets([square(*place) for place in places]).tolist()


def test_a_box_is_asked_a_little_larger():
    area = search_area(box(10, 20, 11, 22))
    assert area.boxes == ((9.98, 19.98, 11.02, 22.02),) and area.notices == ()


@pytest.mark.parametrize(("wkt", "inside", "outside"), [
    ("POINT (10 20)", (10.2, 20.2), (10.4, 20.4)),
    ("POINT Z (10 20 900)", (10.2, 20.2), (10.4, 20.4)),
    ("MULTIPOINT ((10 20), (50 -30))", (50.1, -30.1), (30, -5)),
    ("LINESTRING (0 0, 20 20)", (10, 10), (10, 12)),
    ("MULTILINESTRING ((0 0, 20 20), (40 0, 40 5))", (40, 3), (30, 2)),
    ("LINEARRING (0 0, 20 0, 20 20, 0 0)", (20, 10), (15, 5)),
    ("POLYGON ((0 0, 20 0, 20 20, 0 0))", (15, 5), (5, 10)),
    ("POLYGON ((0 0, 20 0, 20 20, 0 20, 0 0), (5 5, 15 5, 15 15, 5 15, 5 5))", (2, 2), (10, 10)),
    ("POLYGON ((0 0, 20 20, 20 0, 0 20, 0 0))", (2, 10), (10, 4)),  # a bow-tie
    ("MULTIPOLYGON (((0 0, 2 0, 2 2, 0 0)), ((40 0, 42 0, 42 2, 40 0)))", (41.8, 1), (20, 1)),
    ("GEOMETRYCOLLECTION (POINT (10 20), GEOMETRYCOLLECTION (LINESTRING (0 0, 5 0)), POINT EMPTY)", (4, 0), (10, 10))])
def test_any_shape(wkt, inside, outside):
    assert met(shapely.from_wkt(wkt), inside, outside) == [True, False]


@pytest.mark.parametrize("wkt", ["POINT EMPTY", "POLYGON EMPTY", "GEOMETRYCOLLECTION EMPTY", None])
def test_no_shape(wkt):
    with pytest.raises(AreaError, match="The area to search is empty; draw one"):
        search_area(shapely.from_wkt(wkt))


@pytest.mark.parametrize("wkt", ["POINT (500000 4000000)", "POINT (0 91)", "POINT (541 0)",
                                 "LINESTRING (0 0, 0 -90.1)"])
def test_no_degrees(wkt):
    with pytest.raises(AreaError, match="which is no longitude and latitude; give it in degrees"):
        search_area(shapely.from_wkt(wkt))


def test_no_number():
    with pytest.raises(AreaError, match="no longitude and latitude"):
        search_area(shapely.Point(float("nan"), 1.0) if not shapely.Point(float("nan"), 1.0).is_empty
                    else shapely.LineString([(float("nan"), 1.0), (2.0, 1.0)]))


def boxes_of(geometry):
    return sorted(tuple(round(v, 1) for v in b) for b in search_area(geometry).boxes)


FIJI = [(-180.0, -19.0, -178.0, -16.0), (177.0, -19.0, 180.0, -16.0)]


@pytest.mark.parametrize("geometry", [
    box(177, -19, 182, -16), box(-183, -19, -178, -16), box(537, -19, 540, -16).union(box(-180, -19, -178, -16)),
    box(177, -19, 180, -16).union(box(-180, -19, -178, -16)),
    shapely.Polygon([(177, -19), (-178, -19), (-178, -16), (177, -16)]),  # as in GeoJSON that is not cut
    shapely.box(177, -19, -178, -16),
    # either way round, where neighbours lie on both sides
    shapely.Polygon([(177, -19), (179.9, -19), (-179.9, -19), (-178, -19), (-178, -16), (-179.9, -16), (179.9, -16),
                     (177, -16)]),
    shapely.Polygon([(177, -19), (179.9, -19), (-179.9, -19), (-178, -19), (-178, -16), (-179.9, -16), (179.9, -16),
                     (177, -16)][::-1]),
    shapely.MultiPoint([(177, -19), (180, -16), (-180, -19), (-178, -16)]),
    shapely.LineString([(177, -19), (-178, -16)])])
def test_across_the_antimeridian(geometry):
    west, east = boxes_of(geometry)
    assert west[0] == -180.0 and east[2] == 180.0 and west[2] == -178.0 and east[0] == 177.0
    assert met(geometry, (-178.0, -16.0), (177.0, -19.0), (0.0, -17.0), (150.0, -17.0)) == [True, True, False, False]


@pytest.mark.parametrize("lon", [10, 190, -190, 370])
@pytest.mark.parametrize("wkt", ["POLYGON (({0} 0, {1} 0, {2} 0, {0} 0))", "POLYGON (({0} 0, {0} 0, {0} 0, {0} 0))",
                                 "LINESTRING ({0} 0, {0} 0)", "LINESTRING ({0} 0, {2} 0)"])
def test_what_encloses_nothing_is_a_line_or_a_place(wkt, lon):
    """On any turn of the longitudes."""
    area = shapely.from_wkt(wkt.format(lon, lon + 1, lon + 2))
    here = (lon + 180) % 360 - 180
    assert met(area, (here, 0), (here, 1), (here + 5, 0)) == [True, False, False]


def test_what_is_drawn_wide_stays_wide():
    """A map that shows nearly the whole world is no narrow strip around the antimeridian."""
    for wide in (box(-170, -60, 170, 60), box(-180, -60, 180, 60), box(-179.9, -60, 179.9, 60), box(-300, -60, 300, 60),
                 box(-180, -60, 180, 60).reverse()):
        assert met(wide, (0, 0), (100, 50), (-100, -50)) == [True] * 3
        assert search_area(wide).notices == ()


def test_a_jump_that_may_mean_two_things_is_said():
    notice, = search_area(shapely.box(170, -60, -170, 60)).notices
    assert notice.startswith("The area jumps from one end of the longitudes to the other")


def test_round_a_pole():
    ring = [(lon, 80 + lon % 2) for lon in range(-180, 180, 10)]
    for pole in (1, -1):
        area = shapely.Polygon([(lon, pole * lat) for lon, lat in ring])
        assert met(area, (5, pole * 85), (175, pole * 89.5), (5, pole * 79)) == [True, True, False]
    assert met(box(-180, 70, 180, 90), (0, 80), (180, 75), (0, 60)) == [True, True, False]


def test_scattered_places_are_asked_for_apart():
    """Seven boxes of a place each, not one box of half the world."""
    places = [(-120, 40), (-60, -30), (0, 10), (30, 45), (80, 20), (120, -25), (150, -40)]
    boxes = search_area(shapely.MultiPoint(places)).boxes
    assert len(boxes) == 7
    assert sum((e - w) * (n - s) for w, s, e, n in boxes) < 0.02


def test_a_long_oblique_line_is_not_asked_for_as_one_box():
    boxes = search_area(shapely.LineString([(0, 0), (40, 40)])).boxes
    assert len(boxes) == 8 and sum((e - w) * (n - s) for w, s, e, n in boxes) < 40 * 40 / 7


def test_an_area_of_many_vertices():
    angle = np.linspace(0, 2 * np.pi, 200_000, endpoint=False)
    circle = shapely.Polygon(np.stack((20 + 5 * np.cos(angle), 10 + 5 * np.sin(angle)), axis=1))
    assert len(search_area(circle).boxes) == 1
    assert met(circle, (23, 13), (24.5, 14.5)) == [True, False]


@given(st.lists(st.tuples(st.floats(-200, 200), st.floats(-80, 80)), min_size=1, max_size=12))
def test_the_boxes_cover_every_place(places):
    area = search_area(shapely.MultiPoint(places))
    assert 1 <= len(area.boxes) <= 8
    for lon, lat in places:
        lon = (lon + 180.0) % 360.0 - 180.0
        assert any(w <= lon <= e and s <= lat <= n for w, s, e, n in area.boxes)
        assert area.meets([box(lon - 1e-6, lat - 1e-6, lon + 1e-6, lat + 1e-6)])[0]
    assert all(-180 <= w <= e <= 180 and -90 <= s <= n <= 90 for w, s, e, n in area.boxes)


@given(st.lists(st.tuples(st.floats(-89, 89), st.floats(-80, 80)), min_size=3, max_size=9))
def test_the_boxes_cover_every_shape(corners):
    polygon = shapely.convex_hull(shapely.MultiPoint(corners))
    boxes = shapely.union_all([box(*b) for b in search_area(polygon).boxes])
    assert shapely.covers(boxes, polygon)


def test_a_footprint_across_the_antimeridian():
    ring = [(179.5, 0), (-179.5, 0), (-179.5, 1), (179.5, 1), (179.5, 0)]
    halves = footprint([(ring, [])])
    assert halves.geom_type == "MultiPolygon" and shapely.area(halves) == pytest.approx(1.0)
    assert halves.bounds == (-180.0, 0.0, 180.0, 1.0)


def test_a_footprint_with_a_hole_and_one_of_two_parts():
    ring, hole = [(0, 0), (4, 0), (4, 4), (0, 4)], [(1, 1), (2, 1), (2, 2), (1, 2)]
    assert shapely.area(footprint([(ring, [hole])])) == pytest.approx(15.0)
    assert shapely.area(footprint([(ring, []), ([(10, 0), (11, 0), (11, 1)], [])])) == pytest.approx(16.5)


@pytest.mark.parametrize("rings", [
    [], [([], [])], [([(0, 0), (1, 1)], [])], [([(0, 0), (1, 1), (0, 0)], [])], [([(0, 0), (1, 1), (2, 2)], [])],
    [([("x", 0), (1, 1), (2, 0)], [])], [([(0, 0), (1, None), (2, 0)], [])], [([(0, 0), (1, 95), (2, 0)], [])],
    [([(0, 0), (float("nan"), 5), (2, 0)], [])], [(None, [])], [([(0,), (1,), (2,)], [])], [([0, 1, 2, 3], [])]])
def test_no_footprint(rings):
    assert footprint(rings) is None
