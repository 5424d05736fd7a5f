"""Lon/lat to raw pixel and back, against the formulas the synthetic swath was made with."""

import numpy as np
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pixel_spectra.core.affine import AffineLocation
from pixel_spectra.core.errors import GranuleError, GranuleWarning
from pixel_spectra.core.geolocation import OrthoGrid
from pixel_spectra.core.ground import ground_distance, near_longitude
from pixel_spectra.core.sensors import open_granule

from granules import Scene, locate, lonlat, raw_position, remove, write_granule

SCENE = Scene(downtrack=60, crosstrack=40)


@pytest.fixture(scope="module")
def swath(tmp_path_factory):
    return open_granule(
        write_granule(tmp_path_factory.mktemp("g"), SCENE, mask=None, uncertainty=False).reflectance
    ).geolocation


@given(st.floats(-179, 179), st.floats(-85, 85), st.floats(-0.05, 0.05), st.floats(-0.05, 0.05))
def test_ground_distance_agrees_with_the_geodesic(lon, lat, d_lon, d_lat):
    *_, metres = pyproj.Geod(ellps="WGS84").inv(lon, lat, lon + d_lon, lat + d_lat)
    assert ground_distance(lon, lat, lon + d_lon, lat + d_lat) == pytest.approx(metres, rel=1e-4, abs=1e-3)


def test_distance_and_longitude_wrap():
    assert ground_distance(179.999, 0, -179.999, 0) == pytest.approx(222.6, abs=0.1)
    assert near_longitude(-179.5, 180.0) == pytest.approx(180.5)


def test_centres_are_those_of_the_file(swath):
    lon, lat = swath.lonlat([0, 59], [0, 39])
    np.testing.assert_array_equal(lon, locate(SCENE).lon[[0, 59], [0, 39]])
    np.testing.assert_array_equal(lat, locate(SCENE).lat[[0, 59], [0, 39]])


@given(st.floats(0, 59), st.floats(0, 39))
def test_the_nearest_pixel_is_the_nearest_of_all(swath, row, column):
    lon, lat = lonlat(SCENE, row, column)
    every = ground_distance(lon, lat, locate(SCENE).lon, locate(SCENE).lat)
    snap = swath.nearest(lon, lat)
    assert snap.distance_m[0] == pytest.approx(every.min(), abs=1e-6)
    assert 50 < snap.pixel_m[0] < 75


def test_far_off_the_swath_the_distance_is_to_the_edge(swath):
    lon, lat = lonlat(SCENE, [-30.0, 59.0, 20.0], [5.0, 90.0, -200.0])
    snap = swath.nearest(lon, lat)
    every = [ground_distance(x, y, locate(SCENE).lon, locate(SCENE).lat).min() for x, y in zip(lon, lat)]
    np.testing.assert_allclose(snap.distance_m, every)


def test_footprints_tile_the_ground(swath):
    r, c = np.meshgrid([10, 11], [20, 21], indexing="ij")
    corners = swath.footprints(r.ravel(), c.ravel())
    np.testing.assert_allclose(corners[0, 1], corners[1, 0])  # neighbours share their corners
    np.testing.assert_allclose(corners[0, 2], corners[3, 0])
    row, column = raw_position(SCENE, corners[0, :, 0], corners[0, :, 1])
    np.testing.assert_allclose(row, [9.5, 9.5, 10.5, 10.5], atol=0.02)
    np.testing.assert_allclose(column, [19.5, 20.5, 20.5, 19.5], atol=0.02)


def test_footprints_at_the_edge_are_extrapolated(swath):
    corners = swath.footprints([0, 59], [0, 39])
    row, column = raw_position(SCENE, corners[..., 0], corners[..., 1])
    np.testing.assert_allclose(row, [[-0.5, -0.5, 0.5, 0.5], [58.5, 58.5, 59.5, 59.5]], atol=0.03)
    np.testing.assert_allclose(column, [[-0.5, 0.5, 0.5, -0.5], [38.5, 39.5, 39.5, 38.5]], atol=0.03)


def test_ortho_rows_are_the_glt_counted_from_zero(swath):
    r, c = swath.ortho(5, 9)
    x, y = locate(SCENE).glt_x[5:9], locate(SCENE).glt_y[5:9]
    np.testing.assert_array_equal(c, np.where(x > 0, x - 1, -1))
    np.testing.assert_array_equal(r, np.where(x > 0, y - 1, -1))


@pytest.mark.parametrize("empty", [0, -1, -9999])
def test_every_glt_value_at_or_below_zero_is_no_data(tmp_path, empty):
    scene = Scene(downtrack=30, crosstrack=20, glt_nodata=empty)
    where = open_granule(write_granule(tmp_path, scene).reflectance).geolocation
    assert (where.ortho(0, 1)[0] == -1).any()
    assert min(where.ortho(0, where.grid.rows)[0].min(), where.ortho(0, where.grid.rows)[1].min()) == -1


def test_a_flipped_glt_is_found_said_and_turned_round(tmp_path):
    scene = Scene(downtrack=60, crosstrack=40, flipped_glt_x=True, build="010612")
    granule = open_granule(write_granule(tmp_path, scene).reflectance)
    with pytest.warns(GranuleWarning, match="turned round"):
        assert "glt_x runs against" in granule.notices[0]
    snap = granule.geolocation.nearest(*lonlat(scene, 12, 33))
    assert (snap.downtrack[0], snap.crosstrack[0]) == (12, 33)
    r, c = granule.geolocation.ortho(0, granule.geolocation.grid.rows)
    straight = locate(Scene(downtrack=60, crosstrack=40))
    np.testing.assert_array_equal(c[c >= 0], straight.glt_x[straight.glt_x > 0] - 1)


def test_a_straight_glt_says_nothing(swath):
    assert swath.notices == ()


def test_a_glt_that_fits_neither_way_is_refused(tmp_path):
    import h5py

    path = write_granule(tmp_path, SCENE).reflectance
    with h5py.File(path, "r+") as file:
        file["location/lat"][:] += 0.5
    with pytest.raises(GranuleError, match="m away from its own longitude and latitude"):
        open_granule(path).geolocation.nearest(15.0, 36.0)


def test_the_box_attributes_are_never_used(tmp_path):
    from pixel_spectra.core.sensors import open_granule as reopen

    path = write_granule(tmp_path, SCENE).reflectance
    for name in ("easternmost_longitude", "westernmost_longitude", "northernmost_latitude", "southernmost_latitude"):
        remove(path, name)
    snap = reopen(path).geolocation.nearest(*lonlat(SCENE, 7, 8))
    assert (snap.downtrack[0], snap.crosstrack[0]) == (7, 8)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_scene_over_the_antimeridian(tmp_path, wrapped):
    scene = Scene(downtrack=30, crosstrack=20, lon=179.995, lat=5.0, wrapped_longitude=wrapped)
    where = open_granule(write_granule(tmp_path, scene).reflectance).geolocation
    lon, lat = lonlat(scene, 20, 3)
    assert lon > 180
    for turn in (lon, lon - 360):
        snap = where.nearest(turn, lat)
        assert (snap.downtrack[0], snap.crosstrack[0]) == (20, 3)


@pytest.mark.parametrize("shape", [(1, 30), (30, 1), (1, 1)])
def test_a_scene_one_pixel_wide(tmp_path, shape):
    scene = Scene(downtrack=shape[0], crosstrack=shape[1])
    where = open_granule(write_granule(tmp_path, scene).reflectance).geolocation
    row, column = shape[0] // 2, shape[1] // 2
    snap = where.nearest(*lonlat(scene, row, column))
    assert (snap.downtrack[0], snap.crosstrack[0]) == (row, column)
    if shape != (1, 1):
        corners = where.footprints(row, column)[0]
        area = np.cross(corners[2] - corners[0], corners[3] - corners[1]) / 2
        metres = abs(area) * 111320**2 * np.cos(np.radians(36))
        assert metres == pytest.approx(3600, rel=0.1)


def test_an_affine_grid(tmp_path):
    grid = OrthoGrid(20, 30, (10.0, 0.01, 0.0, 50.0, 0.0, -0.01), "EPSG:4326")
    where = AffineLocation(grid)
    lon, lat = where.lonlat([0, 19], [0, 29])
    np.testing.assert_allclose(lon, [10.005, 10.295])
    np.testing.assert_allclose(lat, [49.995, 49.805])
    snap = where.nearest([10.0149, 9.0], [49.9851, 49.995])
    assert (snap.downtrack.tolist(), snap.crosstrack.tolist()) == ([1, 0], [1, 0])
    assert snap.distance_m[1] == pytest.approx(72_000, rel=0.01)
    r, c = where.near((10.05, 49.9, 10.06, 49.91))
    assert {(9, 5), (8, 5), (9, 6)} <= set(zip(r.tolist(), c.tolist())) and len(r) <= 36
    np.testing.assert_allclose(
        where.footprints(3, 4)[0], [[10.04, 49.97], [10.05, 49.97], [10.05, 49.96], [10.04, 49.96]]
    )


def test_an_affine_grid_in_utm():
    transformer = pyproj.Transformer.from_crs(32633, 4326, always_xy=True)
    grid = OrthoGrid(10, 10, (500000.0, 60.0, 0.0, 4000000.0, 0.0, -60.0), "EPSG:32633")
    where = AffineLocation(grid, transformer.transform, lambda x, y: transformer.transform(x, y, direction="INVERSE"))
    lon, lat = where.lonlat(4, 7)
    assert (lon, lat) == pytest.approx(transformer.transform(500000 + 7.5 * 60, 4000000 - 4.5 * 60))
    snap = where.nearest(lon, lat)
    assert (snap.downtrack[0], snap.crosstrack[0]) == (4, 7)
    assert len(where.near((float(lon) - 1e-4, float(lat) - 1e-4, float(lon) + 1e-4, float(lat) + 1e-4))[0]) <= 16
