"""ENVI images: every interleave, type and byte order, scaling, location, refusals, and the real cube."""

import os
import pickle
from datetime import datetime, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pixel_spectra.core.aoi import PixelSet
from pixel_spectra.core.errors import AreaError, GranuleError, SourceChanged
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.io import envicube, rowcube
from pixel_spectra.core.io.bytesource import FileSource
from pixel_spectra.core.sensors import open_granule

from envi_cubes import lonlat_map_info, utm_map_info, write_envi_cube
from shared_files import shared_file

REAL = "emit_real/emit20250324t221005_jpl_unmix_ex"
CENTRES = [450.0, 550.0, 650.0, 850.0]
CUBE = np.arange(5 * 3 * 4, dtype=np.float64).reshape(5, 3, 4)
INTERLEAVES = ["bil", "bip", "bsq"]


def write(folder, cube=CUBE, interleave="bil", **changes):
    return write_envi_cube(folder, cube, interleave, **{"wavelength_nm": CENTRES, **changes})


def at(*pairs):
    return PixelSet.at(*np.array(pairs).T)


@pytest.mark.parametrize("interleave", INTERLEAVES)
@pytest.mark.parametrize("byte_order", [0, 1])
@pytest.mark.parametrize("data_type", [1, 2, 3, 4, 5, 12])
def test_every_interleave_type_and_byte_order_gives_the_same_values(tmp_path, interleave, byte_order, data_type):
    files = write(tmp_path, interleave=interleave, byte_order=byte_order, data_type=data_type, header_offset=17)
    granule = open_granule(files.header)
    assert (granule.shape, len(granule.bands), granule.quantity) == ((5, 3), 4, "reflectance")
    rows = granule.read_rows(1, 3)
    assert rows.values.dtype == np.float32 and rows.valid.all()
    np.testing.assert_array_equal(rows.values, CUBE[1:3].reshape(6, 4))
    pixels = granule.read_pixels(at((4, 2), (0, 0), (4, 2), (2, 1)))
    np.testing.assert_array_equal(pixels.values, CUBE[[4, 0, 4, 2], [2, 0, 2, 1]])
    assert granule.read_pixels(PixelSet.at([], [])).values.shape == (0, 4)


def test_unsigned_32_bit_is_read_and_complex_refused(tmp_path):
    files = write(tmp_path, data_type=3, extra={"data type": "13"})
    np.testing.assert_array_equal(open_granule(files.header).read_rows(4, 5).values, CUBE[4])
    broken = write(tmp_path, name="complex.img", extra={"data type": "6"})
    with pytest.raises(GranuleError, match="data type 6 is not supported"):
        open_granule(broken.header)


@pytest.mark.parametrize("interleave", INTERLEAVES)
@pytest.mark.parametrize("whole_row_bytes", [0, 1 << 20])
@given(data=st.data())
def test_any_pixels_of_any_cube(tmp_path_factory, interleave, whole_row_bytes, data):
    lines, samples, bands = (data.draw(st.integers(1, 6)) for _ in range(3))
    cube = np.arange(lines * samples * bands).reshape(lines, samples, bands)
    place = st.tuples(st.integers(0, lines - 1), st.integers(0, samples - 1))
    r, c = np.array(data.draw(st.lists(place, max_size=8)), int).reshape(-1, 2).T
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rowcube, "_WHOLE_ROW_BYTES", whole_row_bytes)
        patch.setattr(rowcube, "_RUN_BYTES", 40)
        files = write(tmp_path_factory.mktemp("cube"), cube, interleave, wavelength_nm=500.0 + np.arange(bands))
        reader = envicube.open_cube(FileSource(files.data), cube.shape, np.dtype("<f4"), interleave, 0)
        np.testing.assert_array_equal(reader.points(r, c), cube[r, c])
        np.testing.assert_array_equal(reader.rows(0, lines), cube)


@pytest.mark.parametrize(("interleave", "reads"), [("bip", 1), ("bil", 1), ("bsq", 4)])
def test_one_pixel_is_few_reads(tmp_path, monkeypatch, interleave, reads):
    granule = open_granule(write(tmp_path, interleave=interleave).header)
    seen = []
    whole = FileSource.read_ranges
    monkeypatch.setattr(FileSource, "read_ranges", lambda self, ranges: seen.append(ranges) or whole(self, ranges))
    granule.read_pixels(at((3, 1)))
    assert [len(ranges) for ranges in seen] == [reads]


@pytest.mark.parametrize(("name", "header"), [
    ("cube", "cube.hdr"), ("cube.img", "cube.hdr"), ("cube.dat", "cube.hdr"), ("cube.bil", "cube.bil.hdr"),
    ("cube.raw", "cube.raw.hdr"), ("cube.bsq", "cube.hdr"), ("cube.bip", "cube.hdr"),
])
def test_header_and_data_find_each_other(tmp_path, name, header):
    files = write(tmp_path, name=name, header_name=header)
    for given_path in (files.data, files.header):
        granule = open_granule(given_path)
        assert granule.id == "cube"
        np.testing.assert_array_equal(granule.read_rows(0, 1).values, CUBE[0])


def test_content_decides_and_not_the_ending(tmp_path):
    (tmp_path / "notes.hdr").write_text("NROWS 5\nNCOLS 3\n")
    (tmp_path / "notes.img").write_bytes(b"\0" * 240)
    for name in ("notes.hdr", "notes.img"):
        with pytest.raises(GranuleError, match="neither a netCDF-4 granule nor an ENVI image"):
            open_granule(tmp_path / name)
    files = write(tmp_path)
    files.data.unlink()
    with pytest.raises(GranuleError, match="its data file .* is not beside it"):
        open_granule(files.header)


def test_ignored_values_are_missing_before_they_are_scaled(tmp_path):
    cube = np.array([[[1234, -9999, 0, 5000]]])
    granule = open_granule(write(tmp_path, cube, data_type=2, extra={"reflectance scale factor": "10000"}).header)
    spectra = granule.read_rows(0, 1)
    assert spectra.values[0, 0] == np.float32(0.1234) and spectra.values[0, 3] == 0.5
    assert np.isnan(spectra.values[0, 1])
    assert spectra.valid.tolist() == [[True, False, True, True]]
    assert any("divided by its reflectance scale factor 10000" in notice for notice in granule.notices)


@pytest.mark.parametrize(("data_type", "ignore", "valid"), [
    (4, 0, [False, True]), (4, -3.4e38, [True, True]), (12, -9999, [True, True]), (2, 0.5, [True, True]),
    (4, None, [True, True]),
])
def test_an_ignore_value_means_only_itself(tmp_path, data_type, ignore, valid):
    files = write(tmp_path, np.array([[[0, 7]]]), data_type=data_type, ignore_value=ignore, wavelength_nm=[500, 600])
    assert open_granule(files.header).read_rows(0, 1).valid.tolist() == [valid]


def test_nan_and_infinity_are_missing(tmp_path):
    files = write(tmp_path, np.array([[[np.nan, np.inf, 0.5, -9999.0]]]), ignore_value=None)
    assert open_granule(files.header).read_rows(0, 1).valid.tolist() == [[False, False, True, False]]


def test_gains_and_offsets_are_applied_and_whole_numbers_remarked_on(tmp_path):
    extra = {"data gain values": "{1, 2, 3, 4}", "data offset values": "{0.5, 0, 0, 0}"}
    granule = open_granule(write(tmp_path, np.ones((1, 1, 4)), data_type=2, extra=extra).header)
    assert granule.read_rows(0, 1).values.tolist() == [[1.5, 2.0, 3.0, 4.0]]
    assert "gains and offsets" in granule.notices[0]
    plain = open_granule(write(tmp_path, data_type=2, name="plain.img").header)
    assert "whole numbers without a 'reflectance scale factor'" in plain.notices[0]


def test_bands_in_micrometres_with_widths_and_bad_bands(tmp_path):
    files = write(tmp_path, units="Micrometers", fwhm_nm=[10, 11, 12, 13], good=[1, 0, 1, 1])
    bands = open_granule(files.header).bands
    np.testing.assert_allclose(bands.wavelength_nm, CENTRES, rtol=1e-12)
    np.testing.assert_allclose(bands.fwhm_nm, [10, 11, 12, 13], rtol=1e-12)
    assert bands.good.tolist() == [True, False, True, True]


@pytest.mark.parametrize(("listed", "taken"), [("{0.45, 0.55, 0.65, 2.45}", "micrometres"),
                                               ("{450, 550, 650, 2450}", "nanometres")])
def test_a_unit_that_is_not_named_is_guessed_and_said(tmp_path, listed, taken):
    granule = open_granule(write(tmp_path, extra={"wavelength": listed, "wavelength units": "Unknown"}).header)
    np.testing.assert_allclose(granule.bands.wavelength_nm, [450, 550, 650, 2450])
    assert f"they were taken as {taken}" in granule.notices[0]


def test_radiance_and_time_are_told_by_the_header(tmp_path):
    extra = {"data units": "Radiance uW/(cm2 sr nm)", "acquisition time": "2013-07-12T10:12:13.000Z"}
    granule = open_granule(write(tmp_path, extra=extra).header)
    assert granule.quantity == "radiance"
    assert granule.datetime == datetime(2013, 7, 12, 10, 12, 13, tzinfo=timezone.utc)
    assert open_granule(write(tmp_path, name="b.img").header).datetime is None


def test_a_longitude_latitude_grid(tmp_path):
    granule = open_granule(write(tmp_path, map_info=lonlat_map_info(15.0, 36.0, 0.01)).header)
    lon, lat = granule.geolocation.lonlat([0, 4], [0, 2])
    np.testing.assert_allclose(lon, [15.005, 15.025], rtol=0, atol=1e-12)
    np.testing.assert_allclose(lat, [35.995, 35.955], rtol=0, atol=1e-12)
    snap = granule.geolocation.nearest([15.0151], [35.974])
    assert (snap.downtrack[0], snap.crosstrack[0]) == (2, 1)
    assert granule.notices == ()


@pytest.mark.parametrize(("x", "y", "shift"), [("1.5", "1.5", 0.5), ("3", "2", None)])
def test_the_reference_pixel_need_not_be_the_corner(tmp_path, x, y, shift):
    info = f"{{Geographic Lat/Lon, {x}, {y}, 15, 36, 0.01, 0.01, WGS-84}}"
    corner = (15 - 0.005, 36 + 0.005) if shift else (15 - 0.02, 36 + 0.01)
    transform = open_granule(write(tmp_path, map_info=info).header).geolocation.grid.geotransform
    np.testing.assert_allclose((transform[0], transform[3]), corner, rtol=0, atol=1e-12)


def test_a_rotated_grid_turns_counter_clockwise(tmp_path):
    granule = open_granule(write(tmp_path, map_info=lonlat_map_info(15.0, 36.0, 0.01, rotation=90)).header)
    # columns now run north, lines run east
    lon, lat = granule.geolocation.lonlat([0, 1], [0, 2])
    np.testing.assert_allclose(lon, [15.005, 15.015], rtol=0, atol=1e-12)
    np.testing.assert_allclose(lat, [36.005, 36.025], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("north", "northing", "lat"), [(True, 4_000_030.0, 36.1447), (False, 6_000_030.0, -36.1447)])
def test_a_utm_grid(tmp_path, north, northing, lat):
    pyproj = pytest.importorskip("pyproj")
    granule = open_granule(write(tmp_path, map_info=utm_map_info(499_970, northing, 60, 33, north=north)).header)
    system = pyproj.CRS(granule.geolocation.grid.crs_wkt)
    assert system.to_epsg() == (32633 if north else 32733)
    assert system == pyproj.CRS.from_epsg(system.to_epsg())
    at_lon, at_lat = granule.geolocation.lonlat([0], [0])
    # on the central meridian; the latitude is the meridian arc of 4 000 000 m / 0.9996
    np.testing.assert_allclose((at_lon[0], at_lat[0]), (15.0, lat), rtol=0, atol=1e-4)
    snap = granule.geolocation.nearest(*granule.geolocation.lonlat([3], [1]))
    assert (snap.downtrack[0], snap.crosstrack[0]) == (3, 1) and snap.distance_m[0] < 1e-3


def test_any_projection_by_its_coordinate_system_string(tmp_path):
    pyproj = pytest.importorskip("pyproj")
    wkt = pyproj.CRS.from_epsg(3035).to_wkt("WKT1_ESRI")
    extra = {"coordinate system string": "{" + wkt + "}"}
    info = "{ETRS89-LAEA, 1, 1, 4321000, 3210000, 100, 100, units=Meters}"
    granule = open_granule(write(tmp_path, map_info=info, extra=extra).header)
    lon, lat = granule.geolocation.lonlat([0], [0])
    # the origin of EPSG:3035 is 10 E, 52 N; the first centre is 50 m east and 50 m south of it
    np.testing.assert_allclose((lon[0], lat[0]), (10.00073, 51.99955), rtol=0, atol=1e-5)


def test_without_pyproj_a_utm_image_still_works_by_row_and_column(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyproj", None)
    granule = open_granule(write(tmp_path, map_info=utm_map_info(500_000, 4_000_000, 60, 33)).header)
    np.testing.assert_array_equal(granule.read_pixels(at((1, 2))).values, CUBE[[1], [2]])
    with pytest.raises(Exception, match="'pyproj' is needed to find places in an ENVI image"):
        granule.geolocation.lonlat([0], [0])


@pytest.mark.parametrize("info", ["{Arbitrary, 1, 1, 0, 0, 1, 1, 0, North}", "{State Plane, 1, 1, 5, 6, 30, 30, 4701}"])
def test_a_projection_that_is_not_understood_leaves_rows_and_columns(tmp_path, info):
    granule = open_granule(write(tmp_path, map_info=info).header)
    assert granule.geolocation is None
    assert "works by row and column only" in granule.notices[0]


def test_a_foreign_datum_is_remarked_on(tmp_path):
    info = "{Geographic Lat/Lon, 1, 1, 15, 36, 0.01, 0.01, North America 1927, units=Degrees}"
    granule = open_granule(write(tmp_path, map_info=info).header)
    assert "'North America 1927'" in granule.notices[0] and "taken as WGS 84" in granule.notices[0]


def test_an_image_without_location_works_by_row_and_column_only(tmp_path):
    shapely = pytest.importorskip("shapely")
    granule = open_granule(write(tmp_path).header)
    assert granule.geolocation is None and granule.quality is None
    assert granule.read_uncertainty(at((0, 0))) is None
    np.testing.assert_array_equal(inspect(granule, pixels=[(3, 2)], mask="none").spectra.values, CUBE[[3], [2]])
    with pytest.raises(AreaError, match="has no location; ask for pixels by row and column"):
        inspect(granule, shapely.Point(15, 36), mask="none")


@pytest.mark.parametrize(("changes", "message"), [
    ({"wavelength_nm": None}, "lists no wavelengths, so the bands cannot be compared"),
    ({"wavelength_nm": [450, 550]}, "lists 2 wavelengths for 4 bands"),
    ({"wavelength_nm": [450, 550, -1, 850]}, "the wavelength -1 is not a positive number"),
    ({"good": [1, 0]}, "'bbl' has 2 entries for 4 bands"),
    ({"extra": {"wavelength units": "Wavenumber"}}, "unit 'wavenumber' is not supported"),
    ({"extra": {"interleave": "bix"}}, "interleave 'bix'; the known ones are: bil, bip, bsq"),
    ({"extra": {"lines": "6"}}, "truncated: 6 lines x 3 samples x 4 bands of 4 bytes end at byte 288 of a file of 240"),
    ({"extra": {"header offset": "-8"}}, "is truncated"),
    ({"extra": {"lines": "many"}}, "'lines' holds 'many', which is not a number"),
    ({"extra": {"reflectance scale factor": "0"}}, "scale factor 0 is not a positive number"),
    ({"extra": {"data gain values": "{1, 2}"}}, "does not hold one number for each of 4 bands"),
    ({"extra": {"file compression": "1"}}, "compressed, which is not supported"),
    ({"extra": {"file type": "ENVI Spectral Library"}}, "an ENVI spectral library, not an image"),
    ({"map_info": "{Geographic Lat/Lon, 1, 1, here}"}, "map info .* cannot be read"),
    ({"map_info": "{Geographic Lat/Lon, 1, 1, 15, 36, 0, 0.01}"}, "a cell of no size"),
])
def test_each_fault_of_a_header_is_one_sentence(tmp_path, changes, message):
    files = write(tmp_path, **{key: value for key, value in changes.items() if key != "extra"})
    text = files.header.read_text()
    for key, value in changes.get("extra", {}).items():  # in place of what the writer wrote
        text = "".join(f"{line}\n" for line in text.splitlines() if not line.startswith(f"{key} ="))
        text += f"{key} = {value}\n"
    files.header.write_text(text)
    with pytest.raises(GranuleError, match=message) as refusal:
        open_granule(files.header)
    assert "cube" in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize("given_as", ["mask_file", "uncertainty_file"])
def test_companions_are_refused(tmp_path, given_as):
    with pytest.raises(GranuleError, match="not supported for an ENVI image"):
        open_granule(write(tmp_path).header, **{given_as: tmp_path / "mask.nc"})


def test_it_pickles_by_its_source_and_holds_nothing_open(tmp_path):
    files = write(tmp_path)
    with open_granule(files.header) as granule:
        again = pickle.loads(pickle.dumps(granule))
        assert again.source == granule.source and len(pickle.dumps(granule)) < 1000
        np.testing.assert_array_equal(again.read_rows(0, 5).values, granule.read_rows(0, 5).values)
        if os.path.isdir("/proc/self/fd"):
            assert str(files.data) not in {os.path.realpath(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")}


def test_a_replaced_data_file_is_noticed(tmp_path):
    files = write(tmp_path)
    granule = open_granule(files.header)
    granule.read_rows(0, 1)
    files.data.write_bytes(b"\0" * 300)
    with pytest.raises(SourceChanged, match="replaced or changed while open"):
        granule.read_rows(0, 1)


def test_the_real_cube_against_numpy_and_spy():
    path = shared_file(REAL)
    granule = open_granule(shared_file(REAL + ".hdr"))
    assert (granule.shape, len(granule.bands), granule.bands.good.sum()) == ((10, 10), 285, 244)
    assert granule.id == "emit20250324t221005_jpl_unmix_ex"
    raw = np.fromfile(path, "<f4").reshape(10, 285, 10).transpose(0, 2, 1)
    np.testing.assert_array_equal(granule.read_rows(0, 10).values, raw.reshape(100, 285))
    np.testing.assert_array_equal(granule.read_pixels(at((7, 3))).values[0], raw[7, 3])
    assert (raw[..., ~granule.bands.good] == np.float32(-0.01)).all()
    spectral = pytest.importorskip("spectral")
    image = spectral.open_image(str(shared_file(REAL + ".hdr")))
    np.testing.assert_array_equal(granule.read_rows(0, 10).values, np.asarray(image.load()).reshape(100, 285))
    np.testing.assert_allclose(granule.bands.wavelength_nm, image.bands.centers, rtol=0, atol=0)


def test_the_real_cube_scores_by_row_and_column():
    spectral = pytest.importorskip("spectral")
    granule = open_granule(shared_file(REAL))
    own = inspect(granule, pixels=[(4, 4)]).as_reference()
    everywhere = [(r, c) for r in range(10) for c in range(10)]
    seen = inspect(granule, pixels=everywhere, reference=own, metric="sam", resampling="linear")
    good = granule.bands.good
    cube = granule.read_rows(0, 10).values.reshape(10, 10, 285)[..., good].astype(np.float64)
    oracle = spectral.spectral_angles(cube, cube[4, 4][None])[..., 0].ravel()
    assert int(np.argmin(seen.scores)) == 44 and seen.scores[44] < 1e-6
    np.testing.assert_allclose(np.delete(seen.scores, 44), np.delete(oracle, 44), rtol=0, atol=1e-5)
    assert (seen.spectra.values[~seen.spectra.valid] == np.float32(-0.01)).all()
    shapely = pytest.importorskip("shapely")
    with pytest.raises(AreaError, match="has no location"):
        inspect(granule, shapely.Point(0, 0))
