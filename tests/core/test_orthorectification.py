"""Bands, quality and masked copies: expected numbers from the pattern of the granule, through its GLT."""

import hashlib
from dataclasses import replace

import h5py
import numpy as np
import pytest
from pixel_spectra.core.errors import Cancelled, GranuleError, MaskError, MissingDependency, OutputError
from pixel_spectra.core.io.rastersink import EnviSink
from pixel_spectra.core.orthorectification import (
    TRUE_COLOUR_NM,
    gather,
    mask_netcdf,
    masked_copy,
    nearest_bands,
    open_mask_only,
    quality_bits,
    slabs,
    strided,
    write_bands,
    write_quality,
)
from pixel_spectra.core.orthorectification import (
    bands as bands_module,
)
from pixel_spectra.core.quality import MaskPolicy, QualityLayers
from pixel_spectra.core.sensors import SENSORS, QualityFile, Sensor, open_granule

from envi_cubes import write_envi_cube
from full_disk import no_room
from granules import Scene, expected_reflectance, locate, write_granule, write_gridded, write_mask, write_radiance
from kept_rasters import Memory, Stopping
from shared_files import shared_file

SCENE = Scene(downtrack=30, crosstrack=20, hole_fraction=0.05)
SWATH = locate(SCENE)
REAL_MASK = "emit_nc/EMIT_L2A_MASK_001_20220827T060753_9999999_999.nc"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_granule(tmp_path_factory.mktemp("granule"), SCENE)


@pytest.fixture
def granule(files):
    return open_granule(files.reflectance)


@pytest.fixture
def small_blocks(monkeypatch):
    """Many slabs, strips, groups and blocks, as in a large granule."""
    monkeypatch.setattr(slabs, "_TABLE_BYTES", 4000)
    monkeypatch.setattr(bands_module, "_READ_BYTES", 50 * 285 * 4)
    monkeypatch.setattr(gather, "_STRIP_CELLS", 100)
    monkeypatch.setattr(gather, "_BLOCK_VALUES", 400)
    monkeypatch.setattr(masked_copy, "_READ_BYTES", 3 * 20 * 285 * 4)
    monkeypatch.setattr(masked_copy, "_COPY_BYTES", 100_000)


def on_the_grid(of_pixel, swath=SWATH):
    """(rows, columns, n) `of_pixel(row, column)` under each GLT cell, NaN in holes: the oracle, cell by cell."""
    r, c = swath.glt_y - 1, swath.glt_x - 1
    values = np.asarray(of_pixel(np.maximum(r, 0), np.maximum(c, 0)), np.float32)
    values[r < 0] = np.nan
    return values


def default_masked(r, c, index):
    """The pattern with what the default layers and band_mask of `tests/granules.py` mask."""
    values = expected_reflectance(r, c, index)
    values[values == np.float32(-0.01)] = np.nan
    cloud = (r >= 1) & (r < 6) & (c >= 2) & (c < 7)  # dilated cloud holds the cloud
    cirrus = (r == 8) & (c >= 2) & (c < 4)
    spacecraft = (r < 2) & (c == SCENE.crosstrack - 1)
    values[cloud | cirrus | spacecraft] = np.nan
    interpolated = [(c == 7, {150}), ((r == 6) & (c == 4), {10, 11}), ((r == 1) & (c == 1), {8, 9, 10, 11, 15})]
    for where, bands in interpolated:
        for k, band in enumerate(index):
            if band in bands:
                values[..., k][where] = np.nan
    return values


def test_true_colour_without_mask_is_the_pattern_through_the_glt(granule):
    sink = Memory()
    written = write_bands(granule, sink, TRUE_COLOUR_NM, mask="none")
    assert written.index.tolist() == [36, 24, 12]  # 648.3, 558.9 and 469.9 nm
    np.testing.assert_allclose(written.bands.wavelength_nm, TRUE_COLOUR_NM, atol=3.7)
    np.testing.assert_array_equal(sink.values, on_the_grid(lambda r, c: expected_reflectance(r, c, written.index)))
    assert sink.state == "committed" and sink.grid == granule.geolocation.grid
    assert sink.bands[0].endswith(" nm") and float(sink.bands[0][:-3]) == pytest.approx(
        written.bands.wavelength_nm[0], abs=0.01)
    holes = SWATH.glt_x <= 0
    assert np.isnan(sink.values[holes]).all() and np.isfinite(sink.values[~holes]).all()
    cells = np.stack((SWATH.glt_y, SWATH.glt_x), axis=-1)[~holes]
    assert len(np.unique(cells, axis=0)) < len(cells)  # the GLT repeats pixels, and so does the output


@pytest.mark.parametrize("layout", ["contiguous", "chunked"])
def test_the_default_mask_leaves_out_clouds_and_interpolated_bands(tmp_path, layout, small_blocks):
    granule = open_granule(write_granule(tmp_path, SCENE, layout=layout).reflectance)
    index = [10, 11, 15, 150, 128]
    sink = Memory()
    written = write_bands(granule, sink, granule.bands.wavelength_nm[index])
    assert written.index.tolist() == index
    np.testing.assert_array_equal(sink.values, on_the_grid(lambda r, c: default_masked(r, c, index)))
    assert np.isnan(sink.values[..., 4]).all() and not (sink.values == np.float32(-0.01)).any()
    assert any("bad in every pixel" in notice and "use the mask 'none'" in notice for notice in written.notices)


def test_all_bands_come_in_slabs_and_are_the_same(granule, small_blocks):
    sink = Memory()
    written = write_bands(granule, sink)
    assert len(written.bands) == 285 and written.notices == ()
    np.testing.assert_array_equal(sink.values, on_the_grid(lambda r, c: default_masked(r, c, range(285))))


@pytest.mark.parametrize("mask", ["none", "good_bands", "quality"])
def test_bad_band_values_are_never_written(granule, mask):
    sink = Memory()
    write_bands(granule, sink, mask=mask)
    assert not (sink.values == np.float32(-0.01)).any() and not (sink.values < -1).any()


def test_missing_pixels_are_nan_whatever_the_mask(tmp_path):
    nodata = np.zeros(SCENE.shape, bool)
    nodata[10:12, 5] = True
    granule = open_granule(write_granule(tmp_path, SCENE, nodata=nodata, mask=None).reflectance)
    sink = Memory()
    written = write_bands(granule, sink, [550.0], mask="none")
    pattern = on_the_grid(lambda r, c: expected_reflectance(r, c, written.index))[..., 0]
    expected = np.where(on_the_grid(lambda r, c: nodata[r, c]) == 1, np.nan, pattern)
    np.testing.assert_array_equal(sink.values[..., 0], expected)
    assert any("No MASK file" in notice for notice in write_bands(granule, Memory(), [550.0]).notices)


@pytest.mark.parametrize("stride", [2, 3, 4, 1000])
def test_a_stride_takes_the_cell_under_the_centre_and_scales_the_grid(granule, stride, small_blocks):
    sink, full = Memory(), Memory()
    write_bands(granule, sink, TRUE_COLOUR_NM, mask="none", stride=stride)
    write_bands(granule, full, TRUE_COLOUR_NM, mask="none")
    rows, columns = full.values.shape[:2]
    x0, dx, _, y0, _, dy = granule.geolocation.grid.geotransform
    assert sink.grid.geotransform == (x0, dx * stride, 0.0, y0, 0.0, dy * stride)
    assert (sink.grid.rows, sink.grid.columns) == (-(-rows // stride), -(-columns // stride))
    for i in range(sink.grid.rows):
        for j in range(sink.grid.columns):
            centre = min(int((i + 0.5) * stride), rows - 1), min(int((j + 0.5) * stride), columns - 1)
            np.testing.assert_array_equal(sink.values[i, j], full.values[centre])


def test_a_preview_reads_only_the_pixels_it_shows(granule, monkeypatch):
    read = []
    points = granule.read_pixels
    monkeypatch.setattr(granule, "read_pixels", lambda pixels: read.append(len(pixels)) or points(pixels))
    monkeypatch.setattr(granule, "read_rows", lambda start, stop: pytest.fail("whole lines were read"))
    sink = Memory()
    write_bands(granule, sink, TRUE_COLOUR_NM, mask="none", stride=5)
    assert 0 < sum(read) <= np.isfinite(sink.values[..., 0]).sum() < 600 / 10


@pytest.mark.parametrize("stride", [0, -1, 1.5, "2"])
def test_a_stride_that_is_none(granule, stride):
    sink = Memory()
    with pytest.raises(OutputError, match="stride .* is not a whole number from 1 on"):
        write_bands(granule, sink, TRUE_COLOUR_NM, stride=stride)
    assert sink.state == "aborted"


@pytest.mark.filterwarnings("ignore:.*has a GLT whose glt_x runs against")
def test_a_flipped_glt_still_gives_the_right_pixels(tmp_path):
    scene = replace(SCENE, flipped_glt_x=True, downtrack=60, crosstrack=50)
    granule = open_granule(write_granule(tmp_path, scene).reflectance)
    sink = Memory()
    written = write_bands(granule, sink, [550.0], mask="none")
    unflipped = locate(replace(scene, flipped_glt_x=False))
    np.testing.assert_array_equal(
        sink.values, on_the_grid(lambda r, c: expected_reflectance(r, c, written.index), unflipped))
    assert any("turned round" in notice for notice in written.notices)


def test_an_image_without_location_is_written_in_sensor_space(tmp_path):
    cube = np.arange(6 * 5 * 2, dtype=np.float32).reshape(6, 5, 2)
    granule = open_granule(write_envi_cube(tmp_path, cube, wavelength_nm=[500, 600]).header)
    sink = Memory()
    write_bands(granule, sink, mask="none")
    assert sink.grid.geotransform is None and (sink.grid.rows, sink.grid.columns) == (6, 5)
    np.testing.assert_array_equal(sink.values, cube)
    thin = Memory()
    write_bands(granule, thin, [600], mask="none", stride=2)
    assert thin.grid.geotransform is None
    np.testing.assert_array_equal(thin.values[..., 0], cube[[1, 3, 5]][:, [1, 3, 4], 1])


def test_a_gridded_file_keeps_its_grid(tmp_path):
    scene = Scene(12, 9, orbit_in_name=False)
    granule = open_granule(write_gridded(tmp_path, scene))
    sink = Memory()
    written = write_bands(granule, sink, [550.0], mask="none")
    r, c = np.indices(scene.shape)
    np.testing.assert_array_equal(sink.values, expected_reflectance(r, c, written.index))
    assert sink.grid == granule.geolocation.grid


@pytest.mark.parametrize("wavelength", [300.0, 2600.0, 0.55, np.nan])
def test_a_wavelength_that_the_granule_lacks_names_value_and_range(granule, wavelength):
    sink = Memory()
    with pytest.raises(GranuleError, match=f"no band near {wavelength:g} nm .*381.0 to 2492.9 nm"):
        write_bands(granule, sink, [550.0, wavelength])
    assert sink.state == "aborted"
    assert nearest_bands(granule, [374.0]).tolist() == [0]  # within one spacing of the first centre
    assert nearest_bands(granule, []).tolist() == list(range(285))


def test_a_mask_that_cannot_be_applied_aborts(tmp_path):
    granule = open_granule(write_granule(tmp_path, SCENE, mask=None).reflectance)
    sink = Memory()
    with pytest.raises(MaskError, match="needs the MASK file"):
        write_bands(granule, sink, mask="quality")
    assert sink.state == "aborted"


@pytest.mark.parametrize("at", [0.0, 0.3, 0.9])
def test_cancelling_leaves_nothing(granule, tmp_path, at, small_blocks):
    progress = Stopping(at)
    with pytest.raises(Cancelled):
        write_bands(granule, EnviSink(tmp_path / "out.img"), TRUE_COLOUR_NM, progress=progress)
    assert not list(tmp_path.iterdir())
    assert max(progress.seen) < 1.0


def test_progress_goes_forward_from_none_to_all(granule, small_blocks):
    progress = Stopping(2.0)
    write_bands(granule, Memory(), progress=progress)
    write_quality(granule, Memory(), Memory(), Memory(), progress=(quality := Stopping(2.0)))
    for seen in (progress.seen, quality.seen):
        assert seen == sorted(seen) and seen[0] == 0.0 and seen[-1] == 1.0 and len(seen) > 5


def test_a_full_disk_leaves_nothing(granule, tmp_path):
    with no_room(20_000), pytest.raises(OutputError, match="out.img' cannot be written"):
        write_bands(granule, EnviSink(tmp_path / "out.img"))
    assert not list(tmp_path.iterdir())


def test_the_grid_of_a_stride_keeps_its_corner(granule):
    grid = granule.geolocation.grid
    thin = strided(grid, 4)
    assert thin.geotransform[0] == grid.geotransform[0] and thin.crs_wkt == grid.crs_wkt
    assert strided(grid, 1) is grid


# --- quality ---------------------------------------------------------------------------------------------------------


def layers_of(path):
    """name -> (downtrack, crosstrack) of a MASK file, read by h5py."""
    with h5py.File(path) as file:
        names = [n.decode() if isinstance(n, bytes) else n for n in file["sensor_band_parameters/mask_bands"][()]]
        return dict(zip(names, np.moveaxis(file["mask"][()], -1, 0)))


def test_quality_of_a_granule_through_the_glt(files, granule, small_blocks):
    reasons, data, count = Memory(), Memory(), Memory()
    done = write_quality(granule, reasons, data, count, aod550_max=0.5, h2o_max=2.0)
    assert done.bits == {"Cloud flag": 1, "Cirrus flag": 2, "Water flag": 4, "Spacecraft Flag": 8,
                         "Dilated Cloud Flag": 16, "Aggregate Flag": 32, "AOD550 > 0.5": 64, "H2O > 2": 128,
                         "no quality data": 256}
    layers = layers_of(files.mask)
    expected = sum(bit * (layers[name] > 0) for name, bit in list(done.bits.items())[:6])
    expected = expected + 64 * (layers["AOD550"] > 0.5) + 128 * (layers["H2O (g cm-2)"] > 2.0)
    np.testing.assert_array_equal(reasons.values[..., 0], on_the_grid(lambda r, c: expected[r, c]))
    assert set(np.unique(expected)) >= {0, 16 + 32, 1 + 16 + 32, 4 + 32, 32 + 64, 128}
    assert data.bands == done.data == ("AOD550", "H2O (g cm-2)")
    np.testing.assert_array_equal(data.values[..., 1], on_the_grid(lambda r, c: layers["H2O (g cm-2)"][r, c]))
    with h5py.File(files.mask) as file:
        bits = np.unpackbits(file["band_mask"][()], axis=-1).sum(axis=-1)
    np.testing.assert_array_equal(count.values[..., 0], on_the_grid(lambda r, c: bits[r, c]))
    assert bits[1, 1] == 5 and done.interpolated and done.notices == ()


def test_the_bits_are_known_before_anything_is_written(granule):
    for asked in ({}, {"flags": ["water", "cloud"]}, {"h2o_max": 2.0}, {"flags": [], "aod550_max": 0.5}):
        assert quality_bits(granule.quality, **asked) == write_quality(granule, None, None, None, **asked).bits
    assert quality_bits(granule.quality, ["Cirrus-Flag"], 0.25) == {
        "Cirrus flag": 2, "AOD550 > 0.25": 64, "no quality data": 256}
    with pytest.raises(MaskError, match="Unknown mask flag 'fog'"):
        quality_bits(granule.quality, ["fog"])


class Layers:
    """A quality source of one line, of any sensor."""

    flag_names, data_names = ("Haze", "Shadow"), ("AOD550",)
    layers = QualityLayers(
        {"Haze": np.array([False, True, True, False, False]), "Shadow": np.array([False, True, False, False, False])},
        {"AOD550": np.array([0.1, 0.9, np.nan, np.nan, np.nan], np.float32)},
        np.array([False, False, True, True, False]))

    def read_rows(self, start, stop, band_mask=True):
        return self.layers


def test_a_raster_of_reasons_tells_what_a_mask_does():
    line = QualityFile("line", (1, 5), None, Layers())
    reasons = Memory()
    bits = write_quality(line, reasons, None, None, aod550_max=0.3).bits
    assert bits == {"Haze": 1, "Shadow": 2, "AOD550 > 0.3": 4, "no quality data": 16}
    # clear; both flags and the limit; without quality although one flag is raised; without any; a limit without value
    assert reasons.values[0, :, 0].tolist() == [0, 1 + 2 + 4, 16 + 1, 16, 4]
    marks = MaskPolicy.parse("haze, shadow, AOD550<=0.3").pixel_marks(Layers.layers)
    assert sum(bits[reason] * where for reason, where in marks).tolist() == [0, 7, 17, 16, 4]


def test_a_new_sensor_brings_its_own_quality_files(tmp_path, monkeypatch):
    path = tmp_path / "scene.quality"
    path.write_bytes(b"QUALITY")
    with pytest.raises(GranuleError, match="is not a quality file of a known sensor; give the MASK file"):
        open_mask_only(path)
    sensor = Sensor(lambda source: source.read_ranges([(0, 7)]) == [b"QUALITY"], None,
                    lambda source: QualityFile("scene", (1, 5), None, Layers()))
    monkeypatch.setattr(SENSORS, "_entries", {**SENSORS._entries, "new": sensor})
    reasons = Memory()
    write_quality(open_mask_only(path), reasons, None, None, ["shadow"])
    assert reasons.values[0, :, 0].tolist() == [0, 2, 16, 16, 0]


def test_chosen_flags_keep_their_bits_and_sinks_may_be_left_out(files, granule):
    reasons = Memory()
    done = write_quality(granule, reasons, None, None, flags=["water", "Cirrus-Flag"])
    assert done.bits == {"Cirrus flag": 2, "Water flag": 4, "no quality data": 256}
    layers = layers_of(files.mask)
    expected = 2 * (layers["Cirrus flag"] > 0) + 4 * (layers["Water flag"] > 0)
    np.testing.assert_array_equal(reasons.values[..., 0], on_the_grid(lambda r, c: expected[r, c]))
    assert write_quality(granule, None, None, None).bits["Aggregate Flag"] == 32


def test_a_version_2_mask_has_no_band_mask_and_unscreened_pixels(tmp_path):
    nodata = np.zeros(SCENE.shape, bool)
    nodata[15:17, 8] = True
    mask = open_mask_only(write_mask(tmp_path, SCENE, version="V002", nodata=nodata))
    reasons, data, count = Memory(), Memory(), Memory()
    done = write_quality(mask, reasons, data, count, aod550_max=0.3)
    assert not done.interpolated and count.state == "new"
    assert "the number of interpolated bands was not written" in done.notices[0]
    assert done.bits["SpecTf-Cloud Flag"] == 64 and done.bits["no quality data"] == 512
    assert len(done.data) == 4 and data.values.shape[2] == 4
    screened = on_the_grid(lambda r, c: nodata[r, c]) == 1
    assert screened.any() and (reasons.values[screened] == 512).all() and np.isnan(data.values[screened]).all()


def test_a_mask_file_alone_is_enough(files):
    mask = open_mask_only(files.mask)
    assert mask.id == files.mask.stem and mask.shape == SCENE.shape
    alone, together = Memory(), Memory()
    write_quality(mask, alone, None, alone_count := Memory())
    write_quality(open_granule(files.reflectance), together, None, count := Memory())
    np.testing.assert_array_equal(alone.values, together.values)
    np.testing.assert_array_equal(alone_count.values, count.values)
    with pytest.raises(GranuleError, match="not an EMIT MASK file"):
        open_mask_only(files.reflectance)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"flags": ["fog"]}, "Unknown mask flag 'fog'; the known ones are: Cloud flag, Cirrus flag"),
    ({"flags": ["AOD550"]}, "Unknown mask flag 'AOD550'"),
])
def test_unknown_flags_are_refused_and_nothing_is_left(granule, arguments, message):
    sinks = Memory(), Memory(), Memory()
    with pytest.raises(MaskError, match=message):
        write_quality(granule, *sinks, **arguments)
    assert {sink.state for sink in sinks} <= {"new", "aborted"}


def test_quality_without_a_mask_file_says_so(tmp_path):
    granule = open_granule(write_granule(tmp_path, SCENE, mask=None).reflectance)
    with pytest.raises(MaskError, match="has no MASK file beside it"):
        write_quality(granule, Memory(), None, None)


@pytest.mark.parametrize("at", [0.0, 0.5, 0.9])
def test_cancelled_or_full_quality_leaves_nothing(granule, tmp_path, at, small_blocks):
    def sinks():
        return [EnviSink(tmp_path / f"{name}.img") for name in "abc"]

    with pytest.raises(Cancelled):
        write_quality(granule, *sinks(), progress=Stopping(at))
    assert not list(tmp_path.iterdir())
    with no_room(3_000), pytest.raises(OutputError, match="has room"):
        write_quality(granule, *sinks())
    assert not list(tmp_path.iterdir())


def test_the_real_mask_crop():
    path = shared_file(REAL_MASK)
    mask = open_mask_only(path)
    reasons, data, count = Memory(), Memory(), Memory()
    done = write_quality(mask, reasons, data, count, aod550_max=0.5)
    with h5py.File(path) as file:
        x, y = file["location/glt_x"][()], file["location/glt_y"][()]
        band_mask, layers = file["band_mask"][()], file["mask"][()]
    bits = np.unpackbits(band_mask, axis=-1).sum(axis=-1)
    assert (bits.sum(), (bits > 0).sum(), (layers[..., 7] > 0).sum()) == (6000, 3800, 21)  # as the facts have it
    seen = x > 0
    r, c = y[seen] - 1, x[seen] - 1
    np.testing.assert_array_equal(count.values[seen][:, 0], bits[r, c])
    np.testing.assert_array_equal(reasons.values[seen][:, 0] >= 32, layers[r, c, 7] > 0)
    np.testing.assert_array_equal(data.values[seen], layers[r, c, 5:7])
    flagged = reasons.values[seen][:, 0] > 0
    # the aggregate of this crop is nothing but AOD550 above 0.5: both bits, never one of them
    assert set(reasons.values[seen][flagged, 0]) == {done.bits["Aggregate Flag"] + done.bits["AOD550 > 0.5"]}
    assert len(set(zip(r[flagged], c[flagged]))) == len(set(zip(*np.nonzero(layers[..., 7]))) & set(zip(r, c)))
    for values in (reasons.values, data.values, count.values):
        assert np.isnan(values[~seen]).all()


def test_the_real_mask_crop_pixel_by_pixel():
    whole = open_mask_only(shared_file(REAL_MASK))
    in_sensor_space = replace(whole, geolocation=None)
    reasons, count = Memory(), Memory()
    write_quality(in_sensor_space, reasons, None, count)
    assert reasons.values.shape == (200, 200, 1) and (reasons.values > 0).sum() == 21
    assert (count.values.sum(), (count.values > 0).sum()) == (6000, 3800)


# --- masked copies ---------------------------------------------------------------------------------------------------


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def everything(path):
    """name -> (attributes, storage, values) of a whole netCDF file."""
    found = {}

    def note(name, node):
        attributes = {k: np.asarray(v).tolist() for k, v in node.attrs.items() if k not in ("DIMENSION_LIST",
                                                                                            "REFERENCE_LIST")}
        if isinstance(node, h5py.Dataset):
            dims = [[scale.name for scale in dim.values()] for dim in node.dims]
            storage = (node.dtype, node.shape, node.chunks, node.compression, node.compression_opts, node.shuffle,
                       node.fletcher32, node.fillvalue, dims)
            found[name] = attributes, storage, node[()]
        else:
            found[name] = attributes, None, None

    with h5py.File(path) as file:
        file.visititems(note)
        found["/"] = {k: np.asarray(v).tolist() for k, v in file.attrs.items()}, None, None
    return found


def same_but(before, after, variable):
    """Everything is alike but the values of `variable`, which are returned."""
    assert before.keys() == after.keys()
    for name, (attributes, storage, values) in before.items():
        assert repr((attributes, storage)) == repr(after[name][:2]), name
        if name != variable and values is not None:
            np.testing.assert_array_equal(values, after[name][2])
    return before[variable][2], after[variable][2]


@pytest.mark.parametrize("layout", ["contiguous", "chunked", "fletcher32"])
def test_a_masked_copy_differs_in_masked_values_only(tmp_path, layout, small_blocks):
    path = write_granule(tmp_path, SCENE, layout=layout).reflectance
    before, output = digest(path), tmp_path / "masked.nc"
    assert mask_netcdf(open_granule(path), output) == ()
    assert digest(path) == before
    _, values = same_but(everything(path), everything(output), "reflectance")
    r, c = np.indices(SCENE.shape)
    expected = default_masked(r, c, range(285))
    np.testing.assert_array_equal(values, np.where(np.isnan(expected), np.float32(-9999), expected))
    assert sorted(p.name for p in tmp_path.iterdir() if "part" in p.name) == []


def test_a_contiguous_copy_stays_readable_by_position(tmp_path, files):
    output = tmp_path / "EMIT_L2A_RFL_001_20240501T101112_2412207_005.nc"
    notices = mask_netcdf(open_granule(files.reflectance), output, mask="good_bands")
    assert notices == () and output.stat().st_size == files.reflectance.stat().st_size
    copy = open_granule(output)
    spectra = copy.read_rows(0, 30)
    np.testing.assert_array_equal(spectra.valid, np.tile(copy.bands.good, (600, 1)))
    again, original = Memory(), Memory()
    write_bands(copy, again, TRUE_COLOUR_NM, mask="none")
    write_bands(open_granule(files.reflectance), original, TRUE_COLOUR_NM, mask="none")
    np.testing.assert_array_equal(again.values, original.values)


def test_uncertainty_and_radiance_are_masked_too(tmp_path, files):
    output = tmp_path / "uncertainty.nc"
    mask_netcdf(open_granule(files.uncertainty), output, mask="cloud")
    before, after = same_but(everything(files.uncertainty), everything(output), "reflectance_uncertainty")
    cloudy = np.zeros(SCENE.shape, bool)
    cloudy[2:5, 3:6] = True
    assert (after[cloudy] == -9999).all()
    good = open_granule(files.uncertainty).bands.good
    np.testing.assert_array_equal(after[~cloudy][:, good], before[~cloudy][:, good])
    radiance = write_radiance(tmp_path, SCENE)
    mask_netcdf(open_granule(radiance, mask_file=files.mask), tmp_path / "rad.nc", mask="quality")
    before, after = same_but(everything(radiance), everything(tmp_path / "rad.nc"), "radiance")
    assert (after[1:6, 2:7] == -9999).all() and (after[10, 10] == before[10, 10]).sum() == 244


def test_a_gridded_file_is_copied_tile_by_tile(tmp_path, small_blocks):
    scene = Scene(40, 30, orbit_in_name=False)
    path = write_gridded(tmp_path, scene)
    mask_netcdf(open_granule(path), tmp_path / "masked.nc", mask="good_bands")
    before, after = same_but(everything(path), everything(tmp_path / "masked.nc"), "reflectance")
    good = open_granule(path).bands.good
    np.testing.assert_array_equal(after[good], before[good])
    assert (after[~good] == -9999).all()


def test_the_dataset_that_was_read_is_the_one_that_is_masked(tmp_path):
    path = write_granule(tmp_path, SCENE).reflectance
    with h5py.File(path, "r+") as file:
        file.move("reflectance", "surface_reflectance")
    granule = open_granule(path)
    assert granule.cube_variable == "surface_reflectance"
    mask_netcdf(granule, tmp_path / "masked.nc", mask="cloud")
    _, after = same_but(everything(path), everything(tmp_path / "masked.nc"), "surface_reflectance")
    assert (after[2:5, 3:6] == -9999).all()
    nameless = open_granule(path)
    nameless.cube_variable = None
    with pytest.raises(GranuleError, match="does not keep its spectra in one dataset"):
        mask_netcdf(nameless, tmp_path / "other.nc", mask="cloud")
    assert not (tmp_path / "other.nc").exists()


def test_an_envi_image_has_no_netcdf_copy(tmp_path):
    granule = open_granule(write_envi_cube(tmp_path, np.ones((2, 2, 2)), wavelength_nm=[500, 600]).header)
    with pytest.raises(GranuleError, match="is not a netCDF-4 file, so there is no masked netCDF copy"):
        mask_netcdf(granule, tmp_path / "out.nc")
    assert not (tmp_path / "out.nc").exists()


def test_without_h5py_it_is_one_sentence(files, tmp_path, monkeypatch):
    granule = open_granule(files.reflectance)
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(MissingDependency, match="'h5py' is needed to write a masked netCDF copy"):
        mask_netcdf(granule, tmp_path / "out.nc", mask="none")
    assert not list(tmp_path.iterdir())


def test_the_granule_is_never_its_own_output(tmp_path):
    path = write_granule(tmp_path, SCENE).reflectance
    link = tmp_path / "link.nc"
    link.symlink_to(path)
    before = digest(path)
    for output in (path, link):
        with pytest.raises(OutputError, match="is the granule itself"):
            mask_netcdf(open_granule(path), output)
    assert digest(path) == before


@pytest.mark.parametrize("at", [0.0, 0.1, 0.7])
def test_a_cancelled_copy_leaves_nothing(files, tmp_path, at, small_blocks):
    older = tmp_path / "out.nc"
    older.write_text("older")
    with pytest.raises(Cancelled):
        mask_netcdf(open_granule(files.reflectance), older, progress=Stopping(at))
    assert [p.name for p in tmp_path.iterdir()] == ["out.nc"] and older.read_text() == "older"


def test_a_copy_without_room_leaves_nothing(files, tmp_path):
    with no_room(100_000), pytest.raises(OutputError, match="out.nc' cannot be written"):
        mask_netcdf(open_granule(files.reflectance), tmp_path / "out.nc")
    with pytest.raises(OutputError, match="cannot be written"):
        mask_netcdf(open_granule(files.reflectance), tmp_path / "missing" / "out.nc")
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_while_masking_leaves_nothing(files, tmp_path, monkeypatch):
    def refuse(*_):
        raise RuntimeError("unable to flush the file: No space left on device")

    monkeypatch.setattr(masked_copy, "_mask", refuse)
    with pytest.raises(OutputError, match="No space left on device"):
        mask_netcdf(open_granule(files.reflectance), tmp_path / "out.nc")
    assert not list(tmp_path.iterdir())
