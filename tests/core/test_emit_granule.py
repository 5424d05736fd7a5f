"""EMIT granules of every layout: values, companions, refusals; over both HDF5 libraries."""

import hashlib
import pickle
from dataclasses import replace
from datetime import datetime, timezone

import h5py
import numpy as np
import pytest
from pixel_spectra.core.aoi import PixelSet
from pixel_spectra.core.errors import Cancelled, GranuleError, SourceChanged
from pixel_spectra.core.io import rowcube
from pixel_spectra.core.io.bytesource import FileSource
from pixel_spectra.core.io.hdf5 import BACKENDS, open_structure
from pixel_spectra.core.io.storedarray import StoredArray
from pixel_spectra.core.sensors import masked, open_granule
from pixel_spectra.core.sensors.acquisition import time_of
from pixel_spectra.core.sensors.emit.companions import open_mask
from pixel_spectra.core.sensors.emit.granule import EmitGranule
from pixel_spectra.core.sensors.emit.layout import swath_location
from pixel_spectra.core.sensors.emit.names import EmitName

from granules import (
    Scene,
    expected_reflectance,
    expected_uncertainty,
    remove,
    truncate,
    write_granule,
    write_gridded,
    write_mask,
    write_radiance,
)
from shared_files import shared_file

SCENE = Scene(downtrack=30, crosstrack=20)
LAYOUTS = ["contiguous", "chunked", "fletcher32", "plain_chunks"]


@pytest.fixture(params=list(BACKENDS))
def backend(request, monkeypatch):
    pytest.importorskip(request.param)
    monkeypatch.setenv("PIXEL_SPECTRA_HDF5", request.param)


@pytest.fixture(params=LAYOUTS)
def granule(request, tmp_path, backend):
    return open_granule(write_granule(tmp_path, SCENE, layout=request.param).reflectance)


def at(*pairs):
    return PixelSet.at(*np.array(pairs).T)


def test_what_a_granule_tells(granule):
    assert granule.id == "EMIT_L2A_RFL_001_20240501T101112_2412207_005"
    assert granule.datetime == datetime(2024, 5, 1, 10, 11, 12, tzinfo=timezone.utc)
    assert (granule.quantity, granule.shape, len(granule.bands)) == ("reflectance", (30, 20), 285)
    assert granule.bands.wavelength_nm[0] == pytest.approx(381.0056, abs=0.01)
    assert granule.bands.fwhm_nm[0] == pytest.approx(8.415, abs=0.01)
    assert granule.bands.good.sum() == 244
    assert granule.notices == ()


def test_spectra_are_the_bytes_of_the_file(granule):
    spectra = granule.read_pixels(at((29, 19), (0, 0), (12, 7), (29, 19)))
    assert spectra.values.dtype == np.float32
    np.testing.assert_array_equal(spectra.values, expected_reflectance([29, 0, 12, 29], [19, 0, 7, 19]))
    assert spectra.valid.all()


def test_rows_are_row_major(granule):
    spectra = granule.read_rows(3, 5)
    r, c = np.indices((2, 20))
    np.testing.assert_array_equal(spectra.values, expected_reflectance(r.ravel() + 3, c.ravel()))


def test_uncertainty_is_nan_where_it_is_no_deviation(granule):
    sigma = granule.read_uncertainty(at((2, 3)))
    expected = np.where(granule.bands.good, expected_uncertainty(), np.nan)
    np.testing.assert_array_equal(sigma[0], expected.astype(np.float32))


def test_one_spectrum_is_one_read_of_1140_bytes(tmp_path, monkeypatch):
    path = write_granule(tmp_path, SCENE).reflectance
    granule = open_granule(path)
    asked = []
    read = FileSource.read_ranges
    monkeypatch.setattr(FileSource, "read_ranges", lambda self, ranges: asked.extend(ranges) or read(self, ranges))
    granule.read_pixels(at((12, 7)))
    with h5py.File(path) as file:
        offset = file["reflectance"].id.get_offset()
    assert asked == [(offset + (12 * 20 + 7) * 1140, 1140)]


def test_missing_data_is_no_data_and_never_a_value(tmp_path):
    hole = np.zeros(SCENE.shape, bool)
    hole[4, 5] = True
    granule = open_granule(write_granule(tmp_path, SCENE, nodata=hole).reflectance)
    spectra = granule.read_pixels(at((4, 5), (4, 6)))
    assert spectra.valid.any(axis=1).tolist() == [False, True]
    assert spectra.count_by_reason() == {"valid": 285, "no data": 285}


def test_any_number_of_lines(tmp_path):
    granule = open_granule(write_granule(tmp_path, Scene(downtrack=3, crosstrack=7, n_bands=12)).reflectance)
    assert granule.shape == (3, 7)
    np.testing.assert_array_equal(granule.read_rows(2, 3).values, expected_reflectance(2, np.arange(7), n_bands=12))


def test_radiance(tmp_path, backend):
    granule = open_granule(write_radiance(tmp_path, SCENE))
    assert granule.quantity == "radiance" and granule.bands.good is None
    assert granule.read_uncertainty(at((0, 0))) is None


def test_uncertainty_opens_as_a_granule_of_its_own(tmp_path):
    assert open_granule(write_granule(tmp_path, SCENE).uncertainty).quantity == "reflectance uncertainty"


def test_a_gridded_file_opens_through_its_affine_grid(tmp_path, backend):
    path = write_gridded(tmp_path, replace(SCENE, orbit_in_name=False))
    granule = open_granule(path)
    with h5py.File(path) as file:
        lon, lat, cube = file["lon"][:], file["lat"][:], file["reflectance"][:]
    assert granule.shape == cube.shape[1:]
    filled = np.argwhere(cube[100] > -9999)
    r, c = filled[len(filled) // 2]
    snap = granule.geolocation.nearest(lon[c] + 1e-4, lat[r] - 1e-4)
    assert (snap.downtrack[0], snap.crosstrack[0]) == (r, c)
    np.testing.assert_array_equal(granule.read_pixels(at((r, c))).values[0], cube[:, r, c])
    np.testing.assert_array_equal(granule.read_rows(r, r + 1).values, cube[:, r].T)


@pytest.mark.parametrize("dtype", ["<f4", ">f4"])
@pytest.mark.parametrize("whole_row_bytes", [0, 8192])
def test_one_spectrum_of_a_contiguous_grid_is_one_small_read_per_band(
    tmp_path, backend, monkeypatch, dtype, whole_row_bytes
):
    path = write_gridded(tmp_path, replace(SCENE, orbit_in_name=False))
    with h5py.File(path, "r+") as file:
        cube = file["reflectance"][:]
        del file["reflectance"]
        file.create_dataset("reflectance", data=cube.astype(dtype))
        offset = file["reflectance"].id.get_offset()
    monkeypatch.setattr(rowcube, "_WHOLE_ROW_BYTES", whole_row_bytes)
    granule = open_granule(path)
    (n_bands, rows, columns), asked, read = cube.shape, [], FileSource.read_ranges
    monkeypatch.setattr(FileSource, "read_ranges", lambda self, ranges: asked.extend(ranges) or read(self, ranges))
    one = granule.read_pixels(at((12, 7))).values
    assert one.dtype == np.dtype("=f4")
    assert asked == [(offset + ((band * rows + 12) * columns + 7) * 4, 4) for band in range(n_bands)]
    np.testing.assert_array_equal(one[0], cube[:, 12, 7])
    r, c = [29, 0, 13, 12, 29], [19, 0, 7, 8, 19]
    np.testing.assert_array_equal(granule.read_pixels(PixelSet.at(r, c)).values, cube[:, r, c].T)
    np.testing.assert_array_equal(granule.read_rows(5, 7).values, cube[:, 5:7].reshape(n_bands, -1).T)
    assert granule.read_rows(5, 5).values.shape == (0, n_bands)
    assert granule.read_pixels(PixelSet.at([], [])).values.shape == (0, n_bands)


def test_a_large_area_is_read_in_blocks_and_can_be_cancelled(tmp_path, monkeypatch):
    class Listening:
        def __init__(self, at):
            self.at, self.cancelled, self.seen = at, False, []

        def report(self, fraction, message=""):
            self.seen.append(fraction)
            self.cancelled = fraction >= self.at

    monkeypatch.setattr(masked, "_BLOCK", 8)
    granule = open_granule(write_granule(tmp_path, SCENE).reflectance)
    r, c = np.arange(20) % 30, np.arange(20)[::-1]
    pixels, progress = PixelSet.at(r, c), Listening(2.0)
    np.testing.assert_array_equal(granule.read_pixels(pixels, progress).values, expected_reflectance(r, c))
    assert progress.seen == [0.0, 0.4, 0.8]
    policy = masked.choose_policy(granule, "quality")[0]
    whole = masked.read_masked_rows(granule, 0, 30, policy)
    again = masked.read_masked(granule, pixels, policy, Listening(2.0))
    np.testing.assert_array_equal(again.reason, whole.reason[r * 20 + c])
    for read in (lambda p: granule.read_pixels(pixels, p), lambda p: masked.read_masked(granule, pixels, policy, p)):
        with pytest.raises(Cancelled):
            read(Listening(0.4))


def test_some_bands_are_masked_as_all_bands_are(tmp_path):
    granule = open_granule(write_granule(tmp_path, SCENE).reflectance)
    policy = masked.choose_policy(granule, "quality")[0]
    bands = np.array([150, 10, 128, 36])  # dead in column 7, interpolated at (6, 4), a bad band, a usual one
    off_swath = replace(at((6, 4), (2, 7), (2, 3), (20, 10)), downtrack=np.array([6, 2, 2, -1], np.int32))
    whole, some = (masked.read_masked(granule, off_swath, policy, bands=b) for b in (None, bands))
    np.testing.assert_array_equal(some.values, whole.values[:, bands])
    np.testing.assert_array_equal(some.reason, whole.reason[:, bands])
    assert some.reasons == whole.reasons and some.reasons[some.reason[0, 1]] == "interpolated band"
    np.testing.assert_array_equal(some.bands.wavelength_nm, granule.bands.wavelength_nm[bands])
    assert some.bands.good.tolist() == [True, True, False, True]
    rows = masked.read_masked_rows(granule, 2, 3, policy, bands)
    np.testing.assert_array_equal(rows.valid, masked.read_masked_rows(granule, 2, 3, policy).valid[:, bands])


@pytest.mark.parametrize("version, n_layers, packed", [("V001", 8, True), ("V002", 11, False)])
def test_the_mask_beside_the_granule_is_found(tmp_path, backend, version, n_layers, packed):
    granule = open_granule(write_granule(tmp_path, SCENE, mask=version).reflectance)
    assert len(granule.quality.layers) == n_layers and (granule.quality.packed is not None) == packed
    layers = granule.quality.read(at((2, 3), (8, 2), (10, 5), (0, 19), (29, 0), (1, 1)))
    named = {name.lower(): flag.tolist() for name, flag in layers.flags.items()}
    assert named["cloud flag"] == [True, False, False, False, False, False]
    assert named["cirrus flag"] == [False, True, False, False, False, False]
    assert named["water flag"] == [False, False, True, False, False, False]
    assert named["spacecraft flag"] == [False, False, False, True, False, False]
    np.testing.assert_allclose(layers.data["AOD550"], [0.2, 0.2, 0.2, 0.2, 0.6, 0.2])
    if packed:
        assert np.flatnonzero(layers.band_mask[5]).tolist() == [8, 9, 10, 11, 15]  # the byte 241 is no fill


def test_companions_without_orbit_and_scene(tmp_path):
    files = write_granule(tmp_path, SCENE, mask=None)
    write_mask(tmp_path, replace(SCENE, orbit_in_name=False), version="V002")
    assert open_granule(files.reflectance).companions()["MASK"].endswith("EMIT_L2A_MASK_002_20240501T101112.nc")


def test_the_companion_with_the_same_orbit_and_scene_wins(tmp_path):
    files = write_granule(tmp_path, SCENE)
    write_mask(tmp_path, replace(SCENE, orbit_in_name=False), version="V002")
    write_mask(tmp_path, replace(SCENE, scene=6))
    assert open_granule(files.reflectance).companions()["MASK"] == str(files.mask)


def test_a_renamed_granule_finds_its_companions_by_its_time(tmp_path):
    files = write_granule(tmp_path, SCENE)
    renamed = files.reflectance.rename(tmp_path / "my scene.nc")
    assert open_granule(renamed).companions() == {"MASK": str(files.mask), "RFLUNCERT": str(files.uncertainty)}


def test_companions_are_missing_together(tmp_path):
    granule = open_granule(write_granule(tmp_path, SCENE, mask=None, uncertainty=False).reflectance)
    assert granule.companions() == {"MASK": None, "RFLUNCERT": None}
    assert granule.quality is None and granule.read_uncertainty(at((0, 0))) is None


def test_a_companion_may_be_given(tmp_path):
    files = write_granule(tmp_path, SCENE, mask=None, uncertainty=False)
    (tmp_path / "elsewhere").mkdir()
    other = write_granule(tmp_path / "elsewhere", SCENE)
    granule = open_granule(files.reflectance, mask_file=other.mask, uncertainty_file=other.uncertainty)
    assert granule.companions() == {"MASK": str(other.mask), "RFLUNCERT": str(other.uncertainty)}


@pytest.mark.parametrize(
    "change, says",
    [
        ({"scene": 6}, "is of another scene"),
        ({"downtrack": 31}, r"has 31 x 20 pixels.* 30 x 20"),
        ({"lon": 15.2}, "lies elsewhere on the ground"),
    ],
)
def test_a_mask_of_another_scene_is_refused(tmp_path, change, says):
    files = write_granule(tmp_path, SCENE, mask=None)
    (tmp_path / "elsewhere").mkdir()
    other = write_mask(tmp_path / "elsewhere", replace(SCENE, **change))
    with pytest.raises(GranuleError, match=says):
        open_granule(files.reflectance, mask_file=other)


def test_a_mask_found_that_does_not_fit_is_left_out_with_a_notice(tmp_path):
    files = write_granule(tmp_path, SCENE, mask=None)
    write_mask(tmp_path, replace(SCENE, downtrack=31))
    granule = open_granule(files.reflectance)
    assert granule.quality is None
    assert "found but left out" in granule.notices[0]


def test_the_wrong_kind_of_companion_is_refused(tmp_path):
    files = write_granule(tmp_path, SCENE)
    with pytest.raises(GranuleError, match="is not an EMIT MASK file"):
        open_granule(files.reflectance, mask_file=files.uncertainty)
    with pytest.raises(GranuleError, match="is not an EMIT RFLUNCERT file"):
        open_granule(files.reflectance, uncertainty_file=files.mask)


def test_a_mask_is_no_granule(tmp_path, backend):
    with pytest.raises(GranuleError, match="is a MASK file without spectra; give the RFL file"):
        open_granule(write_granule(tmp_path, SCENE).mask)


@pytest.mark.parametrize(
    "gone, says",
    [
        ("location", "lacks its location"),
        ("geotransform", "lacks its location .*'geotransform'"),
        ("location/glt_x", r"lacks its location \(location/glt_x\)"),
        ("sensor_band_parameters", "lacks its wavelengths"),
        ("reflectance", "is another product"),
    ],
)
def test_an_incomplete_granule_is_refused(tmp_path, backend, gone, says):
    path = remove(write_granule(tmp_path, SCENE).reflectance, gone)
    with pytest.raises(GranuleError, match=says):
        open_granule(path)


@pytest.mark.parametrize("keep", [0.0, 0.001, 0.3, 0.99])
def test_a_truncated_granule_is_refused(tmp_path, backend, keep):
    path = write_granule(tmp_path, SCENE).reflectance
    truncate(path, int(path.stat().st_size * keep))
    with pytest.raises(GranuleError, match=path.name):
        open_granule(path).read_rows(29, 30)


@pytest.mark.parametrize("content", [b"", b"just text"])
def test_what_is_no_granule_is_refused(tmp_path, content):
    (tmp_path / "x.nc").write_bytes(content)
    with pytest.raises(GranuleError, match="neither a netCDF-4 granule nor an ENVI image"):
        open_granule(tmp_path / "x.nc")


@pytest.mark.parametrize(
    "path, says",
    [
        ("", "No granule was given"),
        ("/no/where.nc", "cannot be opened"),
        ("https://host/x.nc?token=secret", "is remote"),
    ],
)
def test_a_granule_that_is_not_there(path, says):
    with pytest.raises(GranuleError, match=says) as refusal:
        open_granule(path)
    assert "secret" not in str(refusal.value)


def test_a_replaced_granule_is_noticed(tmp_path):
    files = write_granule(tmp_path, SCENE)
    granule = open_granule(files.reflectance)
    write_granule(tmp_path, replace(SCENE, downtrack=31))
    with pytest.raises(SourceChanged, match="open it again"):
        granule.read_pixels(at((0, 0)))


def test_a_granule_pickles_by_its_source_alone(tmp_path):
    files = write_granule(tmp_path, SCENE)
    granule = open_granule(files.reflectance, mask_file=files.mask)
    granule.quality, granule.read_rows(0, 30)
    text = pickle.dumps(granule)
    assert len(text) < 1000
    again = pickle.loads(text)
    assert again.source == granule.source
    np.testing.assert_array_equal(again.read_rows(3, 4).values, granule.read_rows(3, 4).values)


def test_a_granule_is_a_context_manager(tmp_path):
    with open_granule(write_granule(tmp_path, SCENE).reflectance) as granule:
        assert granule.shape == (30, 20)


def test_reading_writes_nothing(tmp_path):
    files = write_granule(tmp_path, SCENE)
    before = {p: hashlib.sha256(p.read_bytes()).digest() for p in tmp_path.iterdir()}
    granule = open_granule(files.reflectance)
    granule.read_rows(0, 30), granule.quality.read_rows(0, 30), granule.read_uncertainty(at((0, 0)))
    assert {p: hashlib.sha256(p.read_bytes()).digest() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "name, expected",
    [
        ("EMIT_L2A_RFL_001_20230316T045133_2307503_005.nc", ("L2A_RFL", "20230316T045133", ("2307503", "005"))),
        ("EMIT_L2A_RFLUNCERT_002_20260919T145435.nc", ("L2A_RFLUNCERT", "20260919T145435", None)),
        ("EMIT_L3_RFL_002_20260919T145435.nc", ("L3_RFL", "20260919T145435", None)),
        ("emit20230316t045133.nc", None),
    ],
)
def test_names(name, expected):
    parsed = EmitName.parse(name)
    assert (parsed and (parsed.product, parsed.time, parsed.orbit_scene)) == expected


def test_times():
    assert time_of("2023-03-16T04:51:33+0000") == datetime(2023, 3, 16, 4, 51, 33, tzinfo=timezone.utc)
    assert time_of("2023-03-16T04:51:33Z") == time_of("20230316T045133")
    assert time_of("yesterday") is None


def test_the_real_mask_crop(backend):
    path = shared_file("emit_nc/EMIT_L2A_MASK_001_20220827T060753_9999999_999.nc")
    mask = open_mask(FileSource(path), 285)
    with h5py.File(path) as file:
        values, packed = file["mask"][:], file["band_mask"][:]
    layers = mask.read_rows(0, 200)
    assert layers.band_mask.sum() == 6000 and layers.band_mask.any(axis=1).sum() == 3800
    np.testing.assert_array_equal(
        layers.band_mask.reshape(200, 200, 285)[::20],
        [
            [[bool(byte >> (7 - bit) & 1) for byte in pixel for bit in range(8)][:285] for pixel in line]
            for line in packed[::20]
        ],
    )
    np.testing.assert_array_equal(layers.data["AOD550"], values[..., 5].ravel())
    assert layers.flags["Aggregate Flag"].sum() == 21
    assert not any(layers.flags[name].any() for name in mask.flag_names[:5])
    row, column = 100, 50
    lon, lat = mask.geolocation.lonlat(row, column)
    snap = mask.geolocation.nearest(lon, lat)
    assert (snap.downtrack[0], snap.crosstrack[0]) == (row, column) and mask.geolocation.notices == ()


def test_the_real_observation_crop_is_another_product():
    with pytest.raises(GranuleError, match=r"is another product: it holds .*'obs' \(200, 200, 11\)"):
        open_granule(shared_file("emit_nc/EMIT_L1B_OBS_001_20220827T060753_9999999_999.nc"))


def test_threads_that_ask_first_all_get_the_mask(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    path = write_granule(tmp_path, SCENE).reflectance
    for _ in range(20):
        granule = open_granule(path)
        with ThreadPoolExecutor(8) as pool:
            masks = list(pool.map(EmitGranule.quality.fget, [granule] * 8))
        assert masks[0] is not None and all(mask is masks[0] for mask in masks)


def test_a_grid_one_cell_high(tmp_path):
    path = write_gridded(tmp_path, replace(SCENE, orbit_in_name=False))
    with h5py.File(path, "r+") as file:
        cube, lat = file["reflectance"][:, 5:6], file["lat"][5:6]
        attributes = {name: dict(file[name].attrs) for name in ("reflectance", "lat")}
        del file["reflectance"], file["lat"]
        file["reflectance"], file["lat"] = cube, lat
        assert attributes
    granule = open_granule(path)
    assert granule.shape[0] == 1 and granule.geolocation.grid.geotransform[5] == pytest.approx(-0.00055)


def test_radiance_under_another_name(tmp_path):
    path = write_radiance(tmp_path, SCENE)
    with h5py.File(path, "r+") as file:
        file.move("radiance", "toa_radiance")
    assert open_granule(path).quantity == "radiance"


def test_values_too_large_for_single_precision_are_no_data(tmp_path):
    path = write_granule(tmp_path, SCENE).reflectance
    with h5py.File(path, "r+") as file:
        values = file["reflectance"][:].astype(np.float64)
        values[3, 4] = 1e300
        del file["reflectance"]
        file["reflectance"] = values
    assert not open_granule(path).read_pixels(at((3, 4))).valid.any()


def test_the_real_observation_crop_is_read_as_h5py_reads_it(backend):
    path = shared_file("emit_nc/EMIT_L1B_OBS_001_20220827T060753_9999999_999.nc")
    with h5py.File(path) as file:
        expected = file["obs"][:]
        names = [name.decode() for name in file["sensor_band_parameters/observation_bands"][:]]
        lon, lat = file["location/lon"][:], file["location/lat"][:]
        west, east = file.attrs["westernmost_longitude"][0], file.attrs["easternmost_longitude"][0]
    source = FileSource(path)
    with open_structure(source) as structure:
        obs = StoredArray(source, structure.layout("obs"))
        assert structure.array("sensor_band_parameters/observation_bands").tolist() == names
        location = swath_location(source, structure, obs.shape)
    np.testing.assert_array_equal(obs.rows(0, 200), expected)
    np.testing.assert_array_equal(
        obs.points(np.array([199, 0, 57]), np.array([3, 0, 121])), expected[[199, 0, 57], [3, 0, 121]]
    )
    zenith = obs.rows(0, 200)[..., names.index("To-sun zenith (0 to 90 degrees from zenith)")]
    assert (round(float(zenith.min()), 2), round(float(zenith.max()), 2)) == (35.61, 35.74)  # facts of the product
    assert east < west  # swapped in this build: whoever uses them is lost
    rows, columns = np.array([0, 100, 199]), np.array([199, 50, 0])
    snap = location.nearest(lon[rows, columns], lat[rows, columns])
    np.testing.assert_array_equal((snap.downtrack, snap.crosstrack), (rows, columns))
    assert snap.distance_m.max() == 0 and location.notices == ()
