"""Areas become raw pixels: the rules of each geometry, against brute force over all pixels."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pixel_spectra.core.aoi import PixelSet, pixels_at, pixels_in, pixels_of_each
from pixel_spectra.core.errors import AreaError
from pixel_spectra.core.sensors import open_granule
from shapely import (
    GeometryCollection,
    LinearRing,
    LineString,
    MultiLineString,
    MultiPoint,
    MultiPolygon,
    Point,
    Polygon,
)

from granules import Scene, locate, lonlat, raw_position, write_envi_cube, write_granule

SCENE = Scene(downtrack=60, crosstrack=40, hole_fraction=0.02)


@pytest.fixture(scope="module")
def swath(tmp_path_factory):
    return open_granule(
        write_granule(tmp_path_factory.mktemp("g"), SCENE, mask=None, uncertainty=False).reflectance
    ).geolocation


def place(row, column):
    return lonlat(SCENE, row, column)


def outline(*corners):
    return Polygon([place(r, c) for r, c in corners])


def pairs(pixels):
    return list(zip(pixels.downtrack.tolist(), pixels.crosstrack.tolist()))


def test_a_point_takes_the_nearest_centre(swath):
    pixels = pixels_in(Point(*place(12.3, 30.6)), swath)
    assert pairs(pixels) == [(12, 31)]
    assert pixels.snap_m[0] == pytest.approx(60 * np.hypot(0.3, 0.4), rel=0.05)
    assert (pixels.lon[0], pixels.lat[0]) == (locate(SCENE).lon[12, 31], locate(SCENE).lat[12, 31])


def test_z_is_ignored(swath):
    assert pairs(pixels_in(Point(*place(12, 31), 800.0), swath)) == [(12, 31)]


def test_nearest_is_in_metres_not_degrees(tmp_path):
    scene = Scene(downtrack=30, crosstrack=30, lat=70.0)  # a degree of longitude is a third as long
    where = open_granule(write_granule(tmp_path, scene).reflectance).geolocation
    point = lonlat(scene, 10.4, 10.4)
    assert pairs(pixels_in(Point(*point), where)) == [(10, 10)]


@pytest.mark.parametrize("row, refused", [(-1.3, False), (-1.7, True), (-20, True)])
def test_a_lone_point_further_than_one_and_a_half_pixels_is_refused(swath, row, refused):
    if not refused:
        assert pairs(pixels_in(Point(*place(row, 20)), swath)) == [(0, 20)]
        return
    with pytest.raises(AreaError, match=r"is off the swath of 'scene', (102|1\.2 km|10\d|120\d)"):
        pixels_in(Point(*place(row, 20)), swath, "scene")


def test_a_multipoint_keeps_order_drops_repeats_and_keeps_members_off_the_swath(swath):
    points = MultiPoint([place(5, 5), place(-30, 5), place(9, 2), place(5.2, 5.1), place(0, 0)])
    pixels = pixels_in(points, swath, "scene")
    assert pairs(pixels) == [(5, 5), (-1, -1), (9, 2), (0, 0)]
    assert pixels.on_swath.tolist() == [True, False, True, True]
    assert "is off the swath of 'scene', 1.8 km" in pixels.reason[1] and pixels.reason[0] == ""
    assert np.isnan(pixels.lon[1]) and pixels.snap_m[1] == pytest.approx(1800, rel=0.02)


def test_a_polygon_takes_every_centre_it_encloses(swath):
    area = outline((9.4, 4.4), (9.4, 15.6), (20.6, 15.6), (20.6, 4.4))
    assert pairs(pixels_in(area, swath)) == [(r, c) for r in range(10, 21) for c in range(5, 16)]


def test_holes_are_respected_and_parts_joined(swath):
    ring = Polygon(
        [place(r, c) for r, c in ((9.4, 4.4), (9.4, 9.6), (14.6, 9.6), (14.6, 4.4))],
        [[place(r, c) for r, c in ((10.5, 5.5), (10.5, 8.5), (13.5, 8.5), (13.5, 5.5))]],
    )
    island = outline((29.5, 20.5), (29.5, 22.5), (31.5, 22.5), (31.5, 20.5))
    expected = [(r, c) for r in range(10, 15) for c in range(5, 10) if r in (10, 14) or c in (5, 9)]
    assert pairs(pixels_in(MultiPolygon([island, ring]), swath)) == expected + [(30, 21), (30, 22), (31, 21), (31, 22)]


@given(st.lists(st.tuples(st.floats(-20, 80), st.floats(-20, 60)), min_size=3, max_size=8))
def test_any_polygon_agrees_with_brute_force(swath, corners):
    area = MultiPoint([place(r, c) for r, c in corners]).convex_hull.buffer(1e-4)
    every = shapely.contains_xy(area, locate(SCENE).lon, locate(SCENE).lat)
    expected = [tuple(pair) for pair in np.argwhere(every).tolist()]
    if expected:
        assert pairs(pixels_in(area, swath)) == expected
    else:
        with pytest.raises(AreaError, match="encloses no pixel centre"):
            pixels_in(area, swath)


def test_a_pixel_counts_once_although_the_glt_repeats_it(swath):
    glt = locate(SCENE).glt_x[locate(SCENE).glt_x > 0]
    assert len(glt) > 60 * 40  # the grid does repeat pixels
    whole = outline((-2, -2), (-2, 42), (62, 42), (62, -2))
    assert len(pixels_in(whole, swath)) == 60 * 40


def test_an_area_without_a_centre_says_so(swath):
    with pytest.raises(AreaError, match=r"encloses no pixel centre of 'scene' \(the nearest is (4\d|3\d) m"):
        pixels_in(Point(*place(10.5, 10.5)).buffer(1e-5), swath, "scene")
    with pytest.raises(AreaError, match="off the swath"):
        pixels_in(Point(*place(-50, 10)).buffer(1e-3), swath, "scene")


def test_a_line_takes_the_pixels_it_crosses_in_order(swath):
    pixels = pixels_in(LineString([place(10, 5), place(10, 12)]), swath)
    assert pairs(pixels) == [(10, c) for c in range(5, 13)]
    np.testing.assert_allclose(pixels.along_m, [0, 30, 90, 150, 210, 270, 330, 390], atol=12)
    assert pixels.along_m[0] == 0 and np.isnan(pixels.snap_m).all()


TENTHS_DOWN, TENTHS_ACROSS = (st.integers(-50, last).map(lambda k: k / 10) for last in (650, 450))


@given(st.lists(st.tuples(TENTHS_DOWN, TENTHS_ACROSS), min_size=2, max_size=5, unique=True))
def test_any_line_agrees_with_brute_force(swath, vertices):
    line = LineString([place(r, c) for r, c in vertices])
    r, c = (a.ravel() for a in np.indices(SCENE.shape))
    rings = shapely.polygons(swath.footprints(r, c))
    expected = {(int(r[k]), int(c[k])) for k in np.flatnonzero(shapely.intersects(line, rings))}
    if not expected:
        with pytest.raises(AreaError, match="crosses no pixel"):
            pixels_in(line, swath)
        return
    pixels = pixels_in(line, swath)
    assert set(pairs(pixels)) == expected and len(pixels) == len(expected)
    assert (np.diff(pixels.along_m) >= 0).all()


def test_distance_along_a_line_is_that_of_the_ground(swath):
    line = LineString([place(5, 5), place(5, 25), place(45, 25)])
    pixels = pixels_in(line, swath)
    row, column = raw_position(SCENE, pixels.lon, pixels.lat)
    corner = np.abs(row - 5) < 0.5
    assert pixels.along_m[-1] == pytest.approx(20 * 60 + 39.5 * 60, rel=0.01)
    np.testing.assert_allclose(pixels.along_m[corner], np.maximum(column[corner] - 5.5, 0) * 60, atol=25)


def test_parts_of_a_multiline_follow_each_other(swath):
    lines = MultiLineString([[place(10, 5), place(10, 8)], [place(20, 8), place(20, 5)]])
    pixels = pixels_in(lines, swath)
    assert pairs(pixels) == [(10, 5), (10, 6), (10, 7), (10, 8), (20, 8), (20, 7), (20, 6), (20, 5)]
    assert pixels.along_m[4] == pytest.approx(180, abs=3)


def test_a_ring_is_a_line(swath):
    ring = LinearRing([place(10, 5), place(10, 8), place(13, 8), place(13, 5)])
    assert set(pairs(pixels_in(ring, swath))) >= {(10, 5), (10, 8), (13, 8), (13, 5), (11, 5)}
    assert (11, 7) not in pairs(pixels_in(ring, swath))


def test_a_collection_is_the_union(swath):
    shapes = GeometryCollection([Point(*place(5, 5)), outline((4.5, 4.5), (4.5, 6.5), (6.5, 6.5), (6.5, 4.5))])
    assert sorted(pairs(pixels_in(shapes, swath))) == [(5, 5), (5, 6), (6, 5), (6, 6)]


def test_a_member_of_a_collection_off_the_swath_is_a_row_with_its_reason(swath):
    pixels = pixels_in(GeometryCollection([Point(*place(5, 5)), Point(*place(-30, 5))]), swath)
    assert pairs(pixels) == [(5, 5), (-1, -1)] and "off the swath" in pixels.reason[1]


@pytest.mark.parametrize(
    "area, says",
    [
        (Point(), "is empty"),
        (GeometryCollection(), "is empty"),
        (Polygon([(15, 36), (15.01, 36.01), (15.01, 36), (15, 36.01)]), "not a valid geometry .Self-intersection"),
        (LineString([(15, 36), (15, 36)]), "not a valid geometry"),
        (Point(500000, 4000000), "is no lon/lat in degrees; reproject"),
        (Point(float("inf"), 3), "not a finite number"),
        ("POINT (15 36)", "is a str; give a shapely geometry"),
        (None, "is missing; give a shapely geometry"),
    ],
)
def test_bad_areas_are_refused(swath, area, says):
    with pytest.raises(AreaError, match=says):
        pixels_in(area, swath)


def test_an_unlocated_image_refuses_a_lonlat_area(tmp_path):
    cube = write_envi_cube(tmp_path, np.ones((4, 5, 3), np.float32), wavelength_nm=np.array([500.0, 600.0, 700.0]))
    granule = open_granule(cube.header)
    with pytest.raises(AreaError, match="has no location; ask for pixels by row and column"):
        pixels_in(Point(15, 36), granule.geolocation, granule.id)


def test_over_the_antimeridian(tmp_path):
    scene = Scene(downtrack=30, crosstrack=20, lon=179.995, lat=5.0)
    where = open_granule(write_granule(tmp_path, scene).reflectance).geolocation
    corners = np.stack(lonlat(scene, [9.4, 9.4, 14.6, 14.6], [4.4, 9.6, 9.6, 4.4]), axis=1)
    expected = [(r, c) for r in range(10, 15) for c in range(5, 10)]
    assert pairs(pixels_in(Polygon(corners), where)) == expected
    assert pairs(pixels_in(Polygon(corners - (360, 0)), where)) == expected
    line = np.stack(lonlat(scene, [10, 10], [5, 9]), axis=1)
    assert pairs(pixels_in(LineString(line - (360, 0)), where)) == [(10, c) for c in range(5, 10)]


def test_pixels_by_row_and_column(swath):
    pixels = pixels_at([(3, 4), (0, 39)], SCENE.shape, swath, "scene")
    assert pairs(pixels) == [(3, 4), (0, 39)] and pixels.lon[0] == locate(SCENE).lon[3, 4]
    assert len(pixels_at((3, 4), SCENE.shape, swath, "scene")) == 1


@pytest.mark.parametrize(
    "bad, says",
    [
        ([(60, 0)], r"Pixel \(60, 0\) is outside 'scene', which has 60 x 40"),
        ([(0, -1)], "is outside"),
        ([(0.5, 1.0)], "whole"),
        ([(1, 2, 3)], "whole"),
    ],
)
def test_pixels_outside_the_array_are_refused(swath, bad, says):
    with pytest.raises(AreaError, match=says):
        pixels_at(bad, SCENE.shape, swath, "scene")


def test_pixel_sets_join_and_split():
    one, two = PixelSet.at([1, 2], [3, 4]), PixelSet.nowhere("gone", 7)
    both = PixelSet.concatenate([one, two])
    assert both.feature_id.tolist() == [0, 0, 7] and both.reason == ("", "", "gone")
    assert pairs(both.take(both.on_swath)) == [(1, 3), (2, 4)]


@pytest.mark.parametrize("empty", [Point(), LineString(), Polygon(), GeometryCollection()])
def test_empty_members_of_a_collection_are_passed_over(swath, empty):
    assert pairs(pixels_in(GeometryCollection([empty, Point(*place(5, 5))]), swath)) == [(5, 5)]


def test_empty_parts_are_passed_over(swath):
    line, area = LineString([place(10, 5), place(10, 7)]), outline((9.5, 4.5), (9.5, 6.5), (11.5, 6.5), (11.5, 4.5))
    lines = shapely.from_wkt("MULTI" + line.wkt.replace("(", "(EMPTY, (", 1) + ")")
    areas = shapely.from_wkt("MULTI" + area.wkt.replace("(", "(EMPTY, (", 1) + ")")
    assert pairs(pixels_in(lines, swath)) == [(10, 5), (10, 6), (10, 7)]
    assert len(pixels_in(areas, swath)) == 4


@pytest.mark.parametrize(
    "lon, world",
    [
        (15.0, (-180, -90, 180, 90)),
        (179.99, (-180, -90, 180, 90)),
        (-70.0, (0, -90, 360, 90)),
        (15.0, (-170, -80, 100, 80)),
    ],
)
def test_an_area_as_wide_as_the_world(tmp_path, lon, world):
    scene = Scene(downtrack=30, crosstrack=20, lon=lon)
    where = open_granule(write_granule(tmp_path, scene, mask=None, uncertainty=False).reflectance).geolocation
    assert len(pixels_in(shapely.box(*world), where)) == 600


def test_a_segment_round_half_the_world_is_refused(swath):
    with pytest.raises(AreaError, match="a segment longer than 180 degrees"):
        pixels_in(LineString([(-180, 36), (180, 36)]), swath)


@pytest.fixture(scope="module")
def gap(tmp_path_factory):
    """A swath whose rows 20-29 of columns 10-19 have no longitude and latitude."""
    import h5py

    path = write_granule(tmp_path_factory.mktemp("gap"), SCENE, mask=None, uncertainty=False).reflectance
    with h5py.File(path, "r+") as file:
        for name in ("location/lon", "location/lat"):
            file[name][20:30, 10:20] = -9999
    return open_granule(path).geolocation


def test_a_line_across_unlocated_pixels_keeps_those_beside_them(gap):
    pixels = pixels_in(LineString([place(10, 15), place(40, 15)]), gap)
    assert pairs(pixels) == [(r, 15) for r in (*range(10, 20), *range(30, 41))]


@pytest.mark.parametrize("row, column", [(19, 15), (30, 12), (24, 20), (25, 9)])
def test_pixels_beside_unlocated_ones_are_found(gap, row, column):
    assert pairs(pixels_in(Point(*place(row, column)), gap)) == [(row, column)]


def test_the_middle_of_a_gap_is_off_the_swath(gap):
    with pytest.raises(AreaError, match="off the swath"):
        pixels_in(Point(*place(24.5, 14.5)), gap)


def test_a_granule_of_one_pixel_still_refuses_what_is_far(tmp_path):
    scene = Scene(downtrack=1, crosstrack=1)
    where = open_granule(write_granule(tmp_path, scene, mask=None, uncertainty=False).reflectance).geolocation
    assert pairs(pixels_in(Point(*lonlat(scene, 0.3, 0.3)), where)) == [(0, 0)]
    with pytest.raises(AreaError, match="off the swath of 'the granule', 11.1 km"):
        pixels_in(Point(15.0, 36.1), where)


def test_many_areas_are_what_each_would_be_alone(swath):
    areas = [outline((3, 3), (3, 8), (9, 8), (9, 3)), Point(*place(12, 30)), outline((20, 5), (20, 38), (25, 20)),
             outline((30.4, 10.4), (30.4, 10.6), (30.6, 10.6)), Polygon(), shapely.box(0, 0, 1, 1),
             outline((-5, -5), (-5, 70), (70, 70), (70, -5)), outline((40, 2), (44, 2), (44, 6), (40, 6))]
    together = pixels_of_each(areas, swath, "scene")
    for area, found in zip(areas, together):
        try:
            alone = pixels_in(area, swath, "scene")
        except AreaError as error:
            assert str(found) == str(error)
            continue
        assert pairs(found) == pairs(alone)
        np.testing.assert_array_equal(found.lon, alone.lon)
    assert [isinstance(found, AreaError) for found in together] == [False, False, False, True, True, True, False, False]


def test_many_areas_over_the_antimeridian(tmp_path):
    scene = Scene(downtrack=30, crosstrack=30, lon=179.99)
    where = open_granule(write_granule(tmp_path, scene).reflectance).geolocation
    squares = [shapely.box(179.99, 35.99, 180.01, 36.01), shapely.box(-180.005, 35.995, -179.995, 36.005)]
    for area, found in zip(squares, pixels_of_each(squares, where)):
        assert len(found) and pairs(found) == pairs(pixels_in(area, where))
