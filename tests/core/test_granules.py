"""The synthetic granules have the published layout and hold the numbers they promise."""

from __future__ import annotations

import csv
import re
from dataclasses import replace

import numpy as np
import pytest

h5py = pytest.importorskip("h5py")
import granules  # noqa: E402
import netcdf_layout  # noqa: E402
from granules import Scene  # noqa: E402
from shared_files import needs, shared_file  # noqa: E402

BAND_TABLE = "emit_aux/emit_l2a_285_wavelength_fwhm_bbl.csv"
DMRPP = "emit_dmrpp/emit_l2a_rfl_sample.dmrpp"
METRES = 6378137.0 * np.pi / 180
SMALL = Scene(downtrack=30, crosstrack=20)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return granules.write_granule(tmp_path_factory.mktemp("granule"), SMALL)


@pytest.fixture(scope="module")
def rfl(files):
    with h5py.File(files.reflectance) as file:
        yield file


def test_the_names_are_the_published_ones(files):
    assert files.reflectance.name == "EMIT_L2A_RFL_001_20240501T101112_2412207_005.nc"
    assert files.uncertainty.name == "EMIT_L2A_RFLUNCERT_001_20240501T101112_2412207_005.nc"
    assert files.mask.name == "EMIT_L2A_MASK_001_20240501T101112_2412207_005.nc"
    bare = replace(SMALL, orbit_in_name=False)
    assert bare.file_name("L2A_MASK", "V002") == "EMIT_L2A_MASK_002_20240501T101112.nc"


def test_companions_can_be_left_out(tmp_path):
    files = granules.write_granule(tmp_path, Scene(6, 5, n_bands=4), mask=None, uncertainty=False)
    assert (files.mask, files.uncertainty) == (None, None)
    assert list(tmp_path.iterdir()) == [files.reflectance]


def test_the_cube_is_one_contiguous_block_at_the_end_of_the_file(files, rfl):
    cube = rfl["reflectance"]
    assert cube.dtype == np.dtype("<f4") and cube.shape == (30, 20, 285)
    assert cube.chunks is None and cube.compression is None and cube.fillvalue == -9999
    offset = cube.id.get_offset()
    assert offset + 30 * 20 * 285 * 4 == files.reflectance.stat().st_size
    spectrum = np.fromfile(files.reflectance, "<f4", 285, offset=offset + ((17 * 20) + 9) * 1140)
    np.testing.assert_array_equal(spectrum, granules.expected_reflectance(17, 9))


def test_the_default_pattern_is_a_formula_with_exact_numbers(rfl):
    assert granules.expected_reflectance(0, 0)[0] == 0.125 + 1 / 1048576
    assert granules.expected_reflectance(16, 3, [0, 99])[1] == 0.125 + 16 / 8192 + 4 * 100 / 1048576
    assert granules.expected_reflectance(1279, 1241)[-1] == 0.125 + 1279 / 8192 + 1242 * 285 / 1048576
    spectrum = granules.expected_reflectance(5, 5)
    assert (spectrum == np.float32(-0.01)).sum() == 41
    assert set(np.flatnonzero(spectrum < 0)) == {*range(127, 142), *range(187, 213)}
    row, column = np.indices((30, 20))
    np.testing.assert_array_equal(rfl["reflectance"][...], granules.expected_reflectance(row, column))


def test_the_tree_has_the_types_shapes_and_fills_of_the_dmrpp(rfl):
    expected = {
        "reflectance": ("<f4", ["downtrack", "crosstrack", "bands"], -9999),
        "sensor_band_parameters/wavelengths": ("<f4", ["bands"], -9999),
        "sensor_band_parameters/fwhm": ("<f4", ["bands"], -9999),
        "sensor_band_parameters/good_wavelengths": ("u1", ["bands"], 241),
        "location/lon": ("<f8", ["downtrack", "crosstrack"], -9999),
        "location/lat": ("<f8", ["downtrack", "crosstrack"], -9999),
        "location/elev": ("<f8", ["downtrack", "crosstrack"], -9999),
        "location/glt_x": ("<i4", ["ortho_y", "ortho_x"], -9999),
        "location/glt_y": ("<i4", ["ortho_y", "ortho_x"], -9999),
    }
    for name, (dtype, dims, fill) in expected.items():
        variable = rfl[name]
        assert variable.dtype == np.dtype(dtype), name
        assert [variable.dims[i][0].name for i in range(variable.ndim)] == [f"/{d}" for d in dims], name
        assert variable.attrs["_FillValue"].tolist() == [fill] and variable.fillvalue == fill, name
        assert variable.attrs["_FillValue"].dtype == variable.dtype, name
        assert (variable.chunks is None) == (not name.startswith("location/glt")), name


@needs(DMRPP)
def test_the_tree_and_its_attributes_are_those_of_a_real_sidecar(rfl):
    text = shared_file(DMRPP).read_text("latin-1")
    types = "(?:Float32|Float64|Int32|Byte)"
    variables = re.findall(rf'<{types} name="(\w+)">(.*?)</{types}>', text, re.S)
    ours = {}
    rfl.visititems(lambda path, item: ours.update({path.rpartition("/")[2]: item}))
    assert len(variables) == 9
    for name, body in variables:
        assert re.findall(r'Dim name="(\S+)"', body) == [d[0].name for d in ours[name].dims]
        for kind in ("long_name", "units"):
            value = re.search(rf'name="{kind}".*?<Value>(.*?)</Value>', body, re.S).group(1)
            assert ours[name].attrs[kind] == value.encode()
        assert ("compressionType" in body) == (ours[name].compression is not None)
    head = text[: text.index("build_dmrpp_metadata")]
    root_names = set(re.findall(r'^    <Attribute name="(\w+)"', head, re.M))
    assert set(rfl.attrs) <= root_names


def test_dimension_scales_carry_no_coordinate_values(rfl):
    for name in ("downtrack", "crosstrack", "bands", "ortho_y", "ortho_x"):
        scale = rfl[name]
        assert scale.is_scale and scale.dtype.kind == "f" and not scale[...].any()
        assert scale.attrs["NAME"].startswith(b"This is a netCDF dimension but not a netCDF variable.")


def test_root_attributes(rfl):
    swath = granules.locate(SMALL)
    attributes = rfl.attrs
    assert attributes["time_coverage_start"] == b"2024-05-01T10:11:12+0000"
    assert attributes["flight_line"] == b"emit20240501t101112_o12207_s005"
    assert (attributes["product_version"], attributes["software_build_version"]) == (b"V001", b"010610")
    assert b'AUTHORITY["EPSG","4326"]' in attributes["spatial_ref"]
    assert attributes["spatialResolution"].tolist() == [0.000542232520256367]
    ulx, dx, zero, uly, zero_too, dy = attributes["geotransform"]
    assert (dx, dy, zero, zero_too) == (0.000542232520256367, -0.000542232520256367, 0, 0)
    assert ulx == pytest.approx(swath.lon.min() - dx / 2) and uly == pytest.approx(swath.lat.max() - dy / 2)
    assert attributes["easternmost_longitude"] < attributes["westernmost_longitude"]


def test_east_and_west_can_be_right(tmp_path):
    files = granules.write_granule(tmp_path, Scene(6, 5, n_bands=4, swapped_east_west=False), mask=None)
    with h5py.File(files.reflectance) as file:
        assert file.attrs["easternmost_longitude"] > file.attrs["westernmost_longitude"]


def test_bands_are_those_of_emit():
    bands = granules.emit_bands()
    assert len(bands.wavelength_nm) == 285 and bands.good.sum() == 244
    assert bands.wavelength_nm[[0, -1]] == pytest.approx([381.006, 2492.924], abs=0.003)
    assert np.all(np.diff(bands.wavelength_nm) > 7.38)


@needs(BAND_TABLE)
def test_bands_meet_the_published_table():
    with shared_file(BAND_TABLE).open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    bands = granules.emit_bands()
    published = {key: np.array([float(row[key]) for row in rows]) for key in rows[0]}
    assert np.abs(bands.wavelength_nm - published["wavelength_nm"]).max() < 0.003
    assert np.abs(bands.fwhm_nm - published["fwhm_nm"]).max() < 0.0011
    assert bands.good.tolist() == published["good_wavelength"].astype(bool).tolist()


def metres_between(scene, lon, lat, lon_too, lat_too):
    return np.hypot((lon - lon_too) * METRES * np.cos(np.radians(scene.lat)), (lat - lat_too) * METRES)


def cell_centres(file):
    glt_x, glt_y = file["location/glt_x"][...], file["location/glt_y"][...]
    ulx, dx, _, uly, _, dy = file.attrs["geotransform"]
    row, column = np.indices(glt_x.shape)
    return glt_x, glt_y, ulx + (column + 0.5) * dx, uly + (row + 0.5) * dy


def test_every_glt_cell_holds_the_nearest_pixel_or_lies_outside(rfl):
    """Oracle: the distance in metres from each cell centre to each raw pixel centre of the file."""
    glt_x, glt_y, lon, lat = cell_centres(rfl)
    raw_lon, raw_lat = rfl["location/lon"][...].ravel(), rfl["location/lat"][...].ravel()
    distance = metres_between(SMALL, lon[..., None], lat[..., None], raw_lon, raw_lat)
    filled = glt_x > 0
    np.testing.assert_array_equal(filled, glt_y > 0)
    assert (glt_x[filled].min(), glt_x.max(), glt_y[filled].min(), glt_y.max()) == (1, 20, 1, 30)
    chosen = (glt_y[filled] - 1) * 20 + glt_x[filled] - 1
    nearest = distance[filled].min(axis=-1)
    assert np.max(distance[filled, chosen] - nearest) < 3.0  # the waves bend the pixel's edge by 5 % of 60 m
    assert np.max(nearest) < 60 * np.sqrt(0.5) + 3.0
    assert np.min(distance[~filled].min(axis=-1)) > 30.0 - 3.0
    assert not (filled[0, 0] or filled[0, -1] or filled[-1, 0] or filled[-1, -1])  # tilted: empty corners
    assert len(np.unique(chosen)) < filled.sum()  # the finer grid repeats pixels


def test_pixel_zero_lies_where_the_scene_says_and_the_inverse_finds_it():
    lon, lat = granules.lonlat(SMALL, 0, 0)
    assert (float(lon), float(lat)) == (15.0, 36.0)
    row, column = np.indices(SMALL.shape)
    back = granules.raw_position(SMALL, *granules.lonlat(SMALL, row, column))
    np.testing.assert_allclose(back, (row, column), atol=1e-6)
    straight = replace(SMALL, azimuth_deg=180.0, jitter_px=0, bend_px=0)
    lon, lat = granules.lonlat(straight, [0, 1, 0], [0, 0, 1])
    assert lat[1] == pytest.approx(36.0 - 60.0 / METRES) and lon[1] == pytest.approx(15.0)  # flying south
    assert lat[2] == pytest.approx(36.0) and lon[2] > 15.0  # columns to the left of flight: east


def test_a_flipped_glt_x_counts_from_the_other_edge():
    straight, flipped = granules.locate(SMALL), granules.locate(replace(SMALL, flipped_glt_x=True))
    filled = straight.glt_x > 0
    np.testing.assert_array_equal(flipped.glt_x[filled], 21 - straight.glt_x[filled])
    np.testing.assert_array_equal(flipped.glt_y, straight.glt_y)
    assert not flipped.glt_x[~filled].any()


def test_holes_and_other_nodata_values_in_the_glt():
    swath = granules.locate(SMALL)
    holes = granules.locate(replace(SMALL, hole_fraction=0.2, glt_nodata=-9999))
    emptied = (swath.glt_x > 0) & (holes.glt_x == -9999)
    assert emptied.sum() / (swath.glt_x > 0).sum() == pytest.approx(0.2, abs=0.05)
    assert set(holes.glt_y[holes.glt_x == -9999]) == {-9999} and 0 not in holes.glt_x


def test_a_scene_over_the_antimeridian_is_continuous_unless_wrapped(tmp_path):
    scene = Scene(20, 15, n_bands=4, lon=179.995)
    swath = granules.locate(scene)
    assert swath.lon.min() < 180 < swath.lon.max() < 180.1
    wrapped = replace(scene, wrapped_longitude=True)
    with h5py.File(granules.write_granule(tmp_path, wrapped, mask=None).reflectance) as file:
        lon = file["location/lon"][...]
        assert file.attrs["geotransform"][0] < 180 and lon.min() < -179.9 and lon.max() < 180
    np.testing.assert_allclose(lon % 360, swath.lon % 360)


def test_a_mask_v001_has_eight_layers_and_the_packed_band_mask(files):
    with h5py.File(files.mask) as file:
        names = [name.decode() for name in file["sensor_band_parameters/mask_bands"][:]]
        assert names == ["Cloud flag", "Cirrus flag", "Water flag", "Spacecraft Flag", "Dilated Cloud Flag",
                         "AOD550", "H2O (g cm-2)", "Aggregate Flag"]
        mask, packed = file["mask"], file["band_mask"]
        assert mask.shape == (30, 20, 8) and mask.compression_opts == 9 and mask.shuffle
        assert mask.fillvalue == -9999 and packed.fillvalue == 241
        assert packed.shape == (30, 20, 36) and packed.dims[2][0].name == "/packed_wavelength_bands"
        values, bits = mask[...], np.unpackbits(packed[...], axis=-1, bitorder="big")
        assert packed[1, 1, 1] == 241  # a real byte that equals the declared fill
        np.testing.assert_array_equal(file["location/glt_x"], granules.locate(SMALL).glt_x)
    assert values[..., :5].sum(axis=(0, 1)).tolist() == [9, 2, 3, 2, 25]
    assert values[-1, 0, [5, 7]].tolist() == [np.float32(0.6), 1] and values[15, 10, 7] == 0
    assert values[0, -1, 6] == 2.5 and values[..., 7].sum() == 25 + 2 + 3 + 2 + 20
    assert not bits[..., 285:].any()
    assert np.argwhere(bits[:, 8]).size == 0 and bits.sum() == 30 + 2 + 5
    assert np.flatnonzero(bits[1, 1]).tolist() == [8, 9, 10, 11, 15]
    assert np.flatnonzero(bits[6, 4]).tolist() == [10, 11] and bits[:, 7, 150].all()


def test_given_layers_and_bands_replace_the_defaults(tmp_path):
    scene = Scene(6, 5, n_bands=12)
    cloud, interpolated = np.zeros((6, 5), bool), np.zeros((6, 5, 12), bool)
    cloud[2, 3] = interpolated[4, 1, 9] = True
    layers = {"CLOUD-flag": cloud, "aod550": 0.3}
    path = granules.write_mask(tmp_path, scene, layers=layers, band_mask=interpolated)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["mask"][..., 0], cloud)
        np.testing.assert_array_equal(file["mask"][..., 7], cloud)
        assert set(file["mask"][..., 5].ravel()) == {np.float32(0.3)}
        assert file["band_mask"].shape == (6, 5, 2) and file["band_mask"][4, 1].tolist() == [0, 0b01000000]
    with pytest.raises(ValueError, match="no such mask layers in V001: .*spectf"):
        granules.write_mask(tmp_path, scene, layers={"SpecTf-Cloud Flag": cloud})


def test_a_mask_v002_has_eleven_layers_and_minus_9999_where_nothing_was_sent(tmp_path):
    nodata = np.zeros((30, 20), bool)
    nodata[7, :4] = True
    files = granules.write_granule(tmp_path, SMALL, mask="V002", nodata=nodata, uncertainty=False)
    assert "_MASK_002_" in files.mask.name
    with h5py.File(files.mask) as file:
        assert "band_mask" not in file and "packed_wavelength_bands" not in file
        names = [name.decode() for name in file["sensor_band_parameters/mask_bands"][:]]
        assert names[0] == "Cloud Flag"
        assert names[8:] == ["SpecTf-Cloud Probability", "SpecTf-Cloud Flag", "SpecTf-Buffer Distance"]
        mask = file["mask"][...]
        assert file["location/glt_x"].fillvalue == 0 and file.attrs["product_version"] == b"V002"
    np.testing.assert_array_equal((mask == -9999).all(axis=-1), nodata)
    np.testing.assert_array_equal(mask[..., 9] == 1, mask[..., 8] > 0.51)
    assert mask[3, 4, 8:].tolist() == [np.float32(0.9), 1, 0]
    assert mask[5, 6, 10] == 1 and mask[3, 9, 10] == 4 and mask[29, 19, 10] == 20
    with h5py.File(files.reflectance) as file:
        np.testing.assert_array_equal((file["reflectance"][...] == -9999).all(axis=-1), nodata)


def test_a_mask_v001_keeps_other_values_where_nothing_was_sent(tmp_path):
    with h5py.File(granules.write_mask(tmp_path, SMALL, nodata=np.ones((30, 20), bool))) as file:
        assert file["mask"][...].min() == 0


def test_the_uncertainty_is_one_contiguous_block_too(files):
    with h5py.File(files.uncertainty) as file:
        sigma = file["reflectance_uncertainty"]
        assert sigma.chunks is None and sigma[4, 5, 0] == 1 / 16384 and sigma[29, 19, 284] == 285 / 16384
        np.testing.assert_array_equal(sigma[4, 5], granules.expected_uncertainty())


@pytest.mark.parametrize("layout", ["chunked", "fletcher32", "plain_chunks"])
def test_other_layouts_hold_the_same_numbers(tmp_path, rfl, layout):
    files = granules.write_granule(tmp_path, SMALL, layout=layout, mask=None, uncertainty=False)
    with h5py.File(files.reflectance) as file:
        cube = file["reflectance"]
        assert cube.chunks == (10, 7, 95)  # the last chunk of a line is ragged: 7 + 7 + 6
        assert (cube.fletcher32, cube.compression is None) == (layout == "fletcher32", "plain" in layout)
        np.testing.assert_array_equal(cube[...], rfl["reflectance"][...])


def test_default_chunks_are_those_of_a_delivered_granule():
    assert netcdf_layout.default_chunks((2547, 3325), 4) == (849, 1109)
    assert netcdf_layout.default_chunks((57, 73), 4) == (19, 25)  # ours: small ones have several as well


def test_arrays_and_callables_give_the_same_file(tmp_path):
    scene = Scene(9, 7, n_bands=20)
    cube = np.random.default_rng(3).random((9, 7, 20), np.float32)
    before = cube.copy()
    good = granules.emit_bands(20).good
    stored = []
    for number, source in enumerate((cube, lambda start, stop: cube[start:stop])):
        (tmp_path / str(number)).mkdir()
        files = granules.write_granule(tmp_path / str(number), scene, reflectance=source, uncertainty=source)
        with h5py.File(files.reflectance) as rfl, h5py.File(files.uncertainty) as uncertainty:
            stored += [rfl["reflectance"][...], uncertainty["reflectance_uncertainty"][...]]
    for values in stored:
        np.testing.assert_array_equal(values[..., good], cube[..., good])
        assert set(values[..., ~good].ravel()) == {np.float32(-0.01)}
    np.testing.assert_array_equal(cube, before)
    with pytest.raises(ValueError, match=r"shape \(9, 7, 19\), the scene needs \(9, 7, 20\)"):
        granules.write_granule(tmp_path, scene, reflectance=cube[..., 1:])


def test_radiance_has_no_good_wavelengths(tmp_path):
    with h5py.File(granules.write_radiance(tmp_path, SMALL)) as file:
        assert file["radiance"].chunks is None and file["radiance"][0, 0, 130] == 10 * (0.125 + 131 / 1048576)
        assert set(file["sensor_band_parameters"]) == {"wavelengths", "fwhm"} and "glt_x" in file["location"]


def test_the_gridded_product_is_band_first_with_axes_and_no_glt(tmp_path):
    path = granules.write_gridded(tmp_path, Scene(30, 20, orbit_in_name=False))
    assert path.name == "EMIT_L3_RFL_002_20240501T101112.nc"
    with h5py.File(path) as file:
        cube = file["reflectance"]
        assert cube.shape == (285, 30, 20) and cube.chunks == (10, 30, 20) and cube.compression_opts == 1
        assert [dim[0].name for dim in cube.dims] == ["/bands", "/lat", "/lon"]
        assert "location" not in file and file["lat"][0] > file["lat"][1]
        west, step, _, north, _, down = map(float, file["crs"].attrs["GeoTransform"].split())
        assert west <= 15.0 < west + step and north - step < 36.0 <= north and down == -step == -0.00055
        assert file["lon"][0] == pytest.approx(west + step / 2)
        assert file["lat"][0] == pytest.approx(north - step / 2)
        np.testing.assert_array_equal(file["bands"], granules.emit_bands().wavelength_nm)
        np.testing.assert_array_equal(cube[:, 12, 7], granules.expected_reflectance(12, 7))


def test_faults_can_be_made(tmp_path):
    path = granules.write_granule(tmp_path, Scene(6, 5, n_bands=4), mask=None, uncertainty=False).reflectance
    granules.remove(path, "location", "sensor_band_parameters/wavelengths", "geotransform")
    with h5py.File(path) as file:
        assert "location" not in file and set(file["sensor_band_parameters"]) == {"fwhm", "good_wavelengths"}
        assert "geotransform" not in file.attrs
    with pytest.raises(KeyError):
        granules.remove(path, "no such thing")
    size = path.stat().st_size
    assert granules.truncate(path, -100).stat().st_size == size - 100
    with pytest.raises(OSError):
        h5py.File(path)


def test_noise_is_seeded_and_has_the_stated_size():
    flat = np.full((4000, 285), 0.25, np.float32)
    noisy = granules.add_noise(flat, seed=7)
    np.testing.assert_array_equal(noisy, granules.add_noise(flat, seed=7))
    assert not np.array_equal(noisy, granules.add_noise(flat, seed=8))
    bands = granules.emit_bands()
    snr = granules.illustrative_snr(bands.wavelength_nm)
    np.testing.assert_allclose(0.25 / noisy.std(axis=0), snr, rtol=0.06)
    assert granules.illustrative_snr([380, 750, 1600, 2450]).round().tolist() == [116, 200, 104, 57]


@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
@pytest.mark.parametrize(("data_type", "byte_order", "dtype"),
                         [(4, 0, "<f4"), (4, 1, ">f4"), (2, 0, "<i2"), (2, 1, ">i2")])
def test_envi_cubes(tmp_path, interleave, data_type, byte_order, dtype):
    cube = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    files = granules.write_envi_cube(tmp_path, cube, interleave, data_type=data_type, byte_order=byte_order,
                                     header_offset=5, wavelength_nm=[400, 500, 600, 700], units="Micrometers",
                                     map_info=granules.utm_map_info(500000, 4e6, 30, 33))
    stored = np.frombuffer(files.data.read_bytes(), dtype, offset=5)
    assert stored.size == 24
    assert stored[{"bsq": 18, "bil": 9, "bip": 3}[interleave]] == 3  # line 0, sample 0, band 3
    assert stored[{"bsq": 5, "bil": 14, "bip": 20}[interleave]] == 20  # line 1, sample 2, band 0
    header = files.header.read_text()
    assert header.startswith("ENVI\nsamples = 3\nlines = 2\nbands = 4\nheader offset = 5\n")
    assert f"interleave = {interleave}\nbyte order = {byte_order}\n" in header
    assert "wavelength = {0.4, 0.5, 0.6, 0.7}\n" in header
    place = "500000.0, 4000000.0, 30.0, 30.0, 33, North, WGS-84, units=Meters"
    assert f"map info = {{UTM, 1, 1, {place}}}\n" in header


def test_envi_headers_leave_out_what_is_not_known(tmp_path):
    cube = np.zeros((2, 3, 4))
    bare = granules.write_envi_cube(tmp_path, cube, name="bare", header_name="bare.hdr", ignore_value=None)
    fields = [line.partition(" = ")[0] for line in bare.header.read_text().splitlines()[1:]]
    assert " ".join(fields) == "samples lines bands header offset file type data type interleave byte order"
    assert granules.lonlat_map_info(15, 36, 0.0005) == (
        "{Geographic Lat/Lon, 1, 1, 15.0, 36.0, 0.0005, 0.0005, WGS-84, units=Degrees}")
    files = granules.write_envi_cube(tmp_path, cube, good=[True, False, True, True], extra={"samples": "7"})
    header = files.header.read_text()
    assert "bbl = {1, 0, 1, 1}\n" in header and "samples = 7\n" in header
