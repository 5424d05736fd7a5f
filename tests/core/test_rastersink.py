"""The ENVI sink: what it writes, that it appears whole or not at all, and a disk that is full."""

import errno
import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pixel_spectra.core.errors import GranuleError, OutputError
from pixel_spectra.core.geolocation import WGS84_WKT, OrthoGrid
from pixel_spectra.core.io.envi import read_header
from pixel_spectra.core.io.rastersink import EnviSink, SensorGrid, written
from pixel_spectra.core.sensors import open_granule
from pixel_spectra.core.sensors.mapinfo import MapInfo

from full_disk import no_room

GRID = OrthoGrid(4, 3, (15.0, 0.01, 0.0, 36.0, 0.0, -0.02), WGS84_WKT)
VALUES = np.arange(4 * 3 * 2, dtype=np.float32).reshape(4, 3, 2)


def write(sink, grid=GRID, values=VALUES, bands=("red", "green")):
    with written(sink):
        sink.open(grid, bands)
        sink.write_rows(0, values[:1])
        sink.write_rows(1, values[1:])
    return sink


def test_values_are_bil_float32_with_no_data_for_nan(tmp_path):
    values = VALUES.copy()
    values[2, 1, 0] = np.nan
    sink = write(EnviSink(tmp_path / "out.img"), values=values)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.hdr", "out.img"]
    stored = np.fromfile(sink.path, "<f4").reshape(4, 2, 3)
    assert stored[0].tolist() == [[0, 2, 4], [1, 3, 5]]
    assert stored[2, 0, 1] == -9999 and (stored == -9999).sum() == 1
    assert np.isnan(values[2, 1, 0])  # the caller's array stays as it was


def test_the_header_tells_grid_names_and_wavelengths(tmp_path):
    sink = write(EnviSink(tmp_path / "out.img", [650.25, 560], [8.4, 8.5], [True, False], "made, of {parts}"),
                 bands=("a, b", "{c}"))
    header = read_header(sink.header)
    assert header.shape == (4, 3, 2) and header.dtype == np.dtype("<f4")
    assert header.items("band names") == ("a b", "c")
    assert header.numbers("wavelength").tolist() == [650.25, 560] and header.text("wavelength units") == "Nanometers"
    assert header.numbers("fwhm").tolist() == [8.4, 8.5] and header.numbers("bbl").tolist() == [1, 0]
    assert header.number("data ignore value") == -9999
    assert MapInfo.parse(header).geotransform == GRID.geotransform


@pytest.mark.parametrize(("given_path", "data", "header"), [
    ("out", "out", "out.hdr"), ("out.hdr", "out.img", "out.hdr"), ("out.bil", "out.bil", "out.hdr"),
    ("a.b.img", "a.b.img", "a.b.hdr"),
])
def test_the_names_of_the_two_files(tmp_path, given_path, data, header):
    write(EnviSink(tmp_path / given_path, [650, 560]))
    assert {p.name for p in tmp_path.iterdir()} == {data, header}
    np.testing.assert_array_equal(open_granule(tmp_path / data).read_rows(0, 4).values, VALUES.reshape(12, 2))


def test_our_own_reader_gets_back_what_was_written(tmp_path):
    values = VALUES.copy()
    values[3, 2] = np.nan
    granule = open_granule(write(EnviSink(tmp_path / "out", [650, 560]), values=values).path)
    grid = granule.geolocation.grid
    assert replace(grid, crs_wkt=grid.crs_wkt.replace(", ", ",")) == GRID
    spectra = granule.read_rows(0, 4)
    np.testing.assert_array_equal(spectra.masked_values, values.reshape(12, 2))


@pytest.mark.parametrize("rotation", [0.0, 30.0, -120.0])
def test_gdal_and_spy_read_it_alike(tmp_path, rotation):
    cos, sin = np.cos(np.radians(rotation)), np.sin(np.radians(rotation))
    wkt = ('PROJCS["WGS 84 / UTM zone 33N",' + WGS84_WKT + ',PROJECTION["Transverse_Mercator"],'
           'PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",15],PARAMETER["scale_factor",0.9996],'
           'PARAMETER["false_easting",500000],PARAMETER["false_northing",0],UNIT["metre",1],AUTHORITY["EPSG","32633"]]')
    transform = (5e5, 60 * cos, 60 * sin, 4e6, 60 * sin, -60 * cos)
    sink = write(EnviSink(tmp_path / "out.img", [650, 560]), OrthoGrid(4, 3, transform, wkt))
    header = read_header(sink.header)
    np.testing.assert_allclose(MapInfo.parse(header).geotransform, transform, rtol=0, atol=1e-9)
    spectral = pytest.importorskip("spectral")
    np.testing.assert_array_equal(np.asarray(spectral.open_image(str(sink.header)).load()), VALUES)
    gdal = pytest.importorskip("osgeo.gdal")
    image = gdal.Open(str(sink.path))
    np.testing.assert_allclose(image.GetGeoTransform(), transform, rtol=0, atol=1e-6)
    assert image.GetSpatialRef().GetAuthorityCode(None) == "32633"
    assert image.GetRasterBand(1).GetNoDataValue() == -9999
    np.testing.assert_array_equal(image.ReadAsArray(), VALUES.transpose(2, 0, 1))


def test_a_raster_in_sensor_space_has_no_map_info(tmp_path):
    sink = write(EnviSink(tmp_path / "out.img"), SensorGrid(4, 3))
    assert "map info" not in read_header(sink.header)


@given(st.permutations(range(4)))
def test_rows_may_come_in_any_order(tmp_path_factory, order):
    sink = EnviSink(tmp_path_factory.mktemp("rows") / "out.img")
    with written(sink):
        sink.open(GRID, ["a", "b"])
        for row in order:
            sink.write_rows(row, VALUES[row : row + 1])
    np.testing.assert_array_equal(np.fromfile(sink.path, "<f4").reshape(4, 2, 3), VALUES.transpose(0, 2, 1))


def test_abort_leaves_what_was_there_before(tmp_path):
    (tmp_path / "out.img").write_text("older")
    sink = EnviSink(tmp_path / "out.img")
    with pytest.raises(KeyboardInterrupt), written(sink):
        sink.open(GRID, ["a", "b"])
        sink.write_rows(0, VALUES)
        raise KeyboardInterrupt
    assert [p.name for p in tmp_path.iterdir()] == ["out.img"]
    assert (tmp_path / "out.img").read_text() == "older"
    EnviSink(tmp_path / "never_opened.img").abort()


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path):
    grid = OrthoGrid(1000, 300, GRID.geotransform, WGS84_WKT)
    with no_room(50_000), pytest.raises(OutputError, match="out.img' cannot be written: .*has room"):
        write(EnviSink(tmp_path / "out.img"), grid, np.zeros((1000, 300, 2), np.float32))
    assert not list(tmp_path.iterdir())


def test_a_disk_full_at_the_very_end_leaves_nothing(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError, match="No space left on device"):
        write(EnviSink(tmp_path / "out.img"))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OutputError, match="cannot be written: No such file or directory"):
        write(EnviSink(tmp_path / "missing" / "out.img"))


def test_rows_that_do_not_fit_are_a_mistake_of_the_caller(tmp_path):
    sink = EnviSink(tmp_path / "out.img")
    with pytest.raises(ValueError, match="before open"):
        sink.write_rows(0, VALUES)
    with pytest.raises(ValueError, match="do not fit"), written(sink):
        sink.open(GRID, ["a", "b"])
        sink.write_rows(1, VALUES)
    assert not list(tmp_path.iterdir())


def test_sinks_that_were_not_committed_are_all_aborted(tmp_path):
    class Refusing(EnviSink):
        def commit(self):
            raise OutputError("second.img: Input/output error")

    first, second = EnviSink(tmp_path / "first.img"), Refusing(tmp_path / "second.img")
    with pytest.raises(OutputError, match="Input/output error"), written(first, None, second):
        for sink in (first, second):
            sink.open(GRID, ["a", "b"])
            sink.write_rows(0, VALUES)
    assert {p.name for p in tmp_path.iterdir()} == {"first.img", "first.hdr"}


@pytest.mark.parametrize(("file", "said"), [(("scene.nc",), "'scene.nc' cannot be read: Input/output error"),
                                            ((), "The granule cannot be read: Input/output error")])
def test_a_disk_that_fails_under_the_granule_is_not_called_an_output(tmp_path, file, said):
    with pytest.raises(GranuleError, match=said), written(EnviSink(tmp_path / "out.img")):
        raise OSError(errno.EIO, "Input/output error", *file)
    assert not list(tmp_path.iterdir())


def test_header_and_data_change_together(tmp_path, monkeypatch):
    write(EnviSink(tmp_path / "out.img"))
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    real = os.replace

    def refuse(part, target):
        if str(target).endswith("out.img"):
            raise OSError(errno.EIO, "Input/output error", str(part))
        real(part, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError, match="out.img' cannot be written: Input/output error"):
        write(EnviSink(tmp_path / "out.img"), values=VALUES + 1, bands=("other", "names"))
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
