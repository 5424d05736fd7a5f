"""Gas targets from a look-up table, from text, and as a reference file."""

from __future__ import annotations

import numpy as np
import pytest
from pixel_spectra.core.errors import LibraryError
from pixel_spectra.core.gases import TARGET_SOURCES, gas_target
from pixel_spectra.core.gases.target import ENHANCEMENT_PPM_M
from pixel_spectra.core.libraries import choose, open_library
from pixel_spectra.core.resampling import resample
from pixel_spectra.core.spectra import BandGrid

from emit_bands import emit_bands
from gas_files import write_lut
from shared_files import shared_file

EMIT = BandGrid(emit_bands().wavelength_nm, emit_bands().fwhm_nm)
NASA, LUT = "methane/emit20220815t042838_ch4_target", "methane/mag1c/ch4.lut"
GRID = np.arange(2100.0, 2500.0, 0.5)
BANDS = BandGrid(np.array([2200.0, 2300.0]), np.array([8.0, 8.0]))


def simple_lut(folder, slope=-2e-6, enhancement=ENHANCEMENT_PPM_M, **more):
    """Every wavelength has ln L = ln 3 + slope * enhancement."""
    table = [np.full(GRID.size, 3.0 * np.exp(slope * c)) for c in enhancement]
    return write_lut(folder, GRID, table, **more)


def test_the_table_gives_the_target_of_nasa():
    ours, theirs = (gas_target(shared_file(name), EMIT).values for name in (LUT, NASA))
    window = (EMIT.wavelength_nm >= 2150) & (EMIT.wavelength_nm <= 2450)
    assert window.sum() == 41
    assert np.corrcoef(ours[window], theirs[window])[0, 1] >= 0.985
    through_zero = ours[window] @ theirs[window] / (theirs[window] @ theirs[window])
    assert through_zero == pytest.approx(1.017, abs=0.005)


def test_the_slope_of_a_known_table(tmp_path):
    target = gas_target(simple_lut(tmp_path), BANDS)
    assert target.values == pytest.approx([-0.2, -0.2])  # -2e-6 per ppm m, times 1e5
    assert target.source == "gas.lut"


def test_the_fit_is_over_the_whole_table(tmp_path):
    enhancement = np.array(ENHANCEMENT_PPM_M)
    log_radiance = -2e-6 * enhancement + 3e-11 * enhancement**2
    path = write_lut(tmp_path, GRID, np.exp(log_radiance)[:, None] * np.ones(GRID.size))
    assert gas_target(path, BANDS).values == pytest.approx([1e5 * np.polyfit(enhancement, log_radiance, 1)[0]] * 2)


def test_radiance_is_averaged_before_the_logarithm(tmp_path):
    shape = 1.0 + 0.9 * np.sin(GRID)
    table = [shape * np.exp(-1e-5 * c * (1.0 + np.cos(3 * GRID))) for c in (0.0, 10_000.0)]
    target = gas_target(write_lut(tmp_path, GRID, table), BANDS, enhancement_ppm_m=(0.0, 10_000.0))
    mean = resample(GRID, np.array(table), BANDS, "gaussian")
    assert target.values == pytest.approx(1e5 * np.log(mean[1] / mean[0]) / 10_000.0, rel=1e-9)


def test_the_header_may_be_given_in_place_of_the_table(tmp_path):
    path = simple_lut(tmp_path)
    assert gas_target(path.with_suffix(".hdr"), BANDS).values == pytest.approx([-0.2, -0.2])


@pytest.mark.parametrize(("interleave", "order"), [("bsq", (2, 0, 1)), ("bil", (0, 2, 1)), ("bip", (0, 1, 2))])
def test_the_order_of_the_values_is_that_of_the_header(tmp_path, interleave, order):
    """Two lines of three spectra: ln L grows with the enhancement and with the wavelength, differently."""
    enhancement = np.arange(6.0) * 500.0
    table = np.exp(-2e-6 * enhancement[:, None] * (GRID / GRID[0]))
    path = write_lut(tmp_path, GRID, table)
    path.write_bytes(np.ascontiguousarray(table.reshape(2, 3, GRID.size).transpose(order)).tobytes())
    header = path.with_suffix(".hdr").read_text()
    path.with_suffix(".hdr").write_text(header.replace("samples = 6", "samples = 3").replace("lines = 1", "lines = 2")
                                        .replace("interleave = bsq", f"interleave = {interleave}"))
    expected = -0.2 * BANDS.wavelength_nm / GRID[0]
    assert gas_target(path, BANDS, enhancement_ppm_m=enhancement).values == pytest.approx(expected, rel=1e-6)


def test_other_enhancements_are_given(tmp_path):
    path = simple_lut(tmp_path, enhancement=(0.0, 100.0, 900.0))
    assert gas_target(path, BANDS, enhancement_ppm_m=(0, 100, 900)).values == pytest.approx([-0.2, -0.2])
    with pytest.raises(LibraryError, match=r"holds 3 spectra and 7 enhancements are given.*ENHANCEMENTS"):
        gas_target(path, BANDS)


@pytest.mark.parametrize("given", [(5.0, 5.0), (0.0,), (0.0, -1.0), (0.0, float("nan"))])
def test_enhancements_that_make_no_line_are_refused(tmp_path, given):
    with pytest.raises(LibraryError, match="do not make a line; give at least two different ones"):
        gas_target(simple_lut(tmp_path), BANDS, enhancement_ppm_m=given)


def test_uncovered_bands_have_no_value(tmp_path):
    bands = BandGrid(np.array([500.0, 2101.0, 2300.0]), np.array([8.0, 8.0, 8.0]))
    target = gas_target(simple_lut(tmp_path), bands)
    assert np.isnan(target.values).tolist() == [True, True, False]  # the second is cut by the end of the table
    assert "2 of 3 bands are not covered and have no value (nan)" in target.notes


def test_a_table_that_covers_no_band_is_refused(tmp_path):
    with pytest.raises(LibraryError, match=r"covers 2100 to 2499.5 nm, which holds none of the 1 bands from 500"):
        gas_target(simple_lut(tmp_path), BandGrid(np.array([500.0]), np.array([8.0])))


def test_bands_without_a_width_are_refused(tmp_path):
    with pytest.raises(LibraryError, match="needs the width of every band"):
        gas_target(simple_lut(tmp_path), BandGrid(np.array([2300.0])))


def test_a_table_cut_short_is_refused(tmp_path):
    path = simple_lut(tmp_path)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(LibraryError, match=r"holds 5599 values, and its header tells of 1 x 7 x 800"):
        gas_target(path, BANDS)


def test_an_image_is_no_table(tmp_path):
    path = simple_lut(tmp_path)
    header = path.with_suffix(".hdr")
    header.write_text(header.read_text().replace("lines = 1\n", "lines = 1280\n"))
    with pytest.raises(LibraryError, match="an image of 1280 x 7 pixels, not a look-up table"):
        gas_target(path, BANDS)


def test_radiance_without_a_logarithm_is_refused(tmp_path):
    with pytest.raises(LibraryError, match=r"not positive in the band at 2200.0 nm"):
        gas_target(write_lut(tmp_path, GRID, np.zeros((7, GRID.size))), BANDS)


def test_nasas_text_is_taken_as_it_stands():
    bands = np.loadtxt(shared_file("emit_aux/emit_l2a_285_wavelength_fwhm_bbl.csv"), delimiter=",", skiprows=1)
    target = gas_target(shared_file(NASA), BandGrid(bands[:, 1], bands[:, 2]))
    table = np.loadtxt(shared_file(NASA))
    np.testing.assert_allclose(target.values, table[:, 2], atol=1e-3)
    assert any("taken as d ln radiance per 1e5 ppm m" in note for note in target.notes)


@pytest.mark.parametrize("text", [
    "2280.0 0.0\n2300.0 -0.2\n2320.0 -0.4\n", "# a comment\nwavelength_nm,value\n2280,0\n2300,-0.2\n2320,-0.4\n",
    "1 2.280 0\n2 2.300 -0.2\n3 2.320 -0.4\n"])
def test_text_of_two_or_three_columns(tmp_path, text):
    path = tmp_path / "target.txt"
    path.write_text(text)
    target = gas_target(path, BandGrid(np.array([2300.0, 2400.0]), np.array([8.0, 8.0])))
    assert target.values[0] == pytest.approx(-0.2)
    assert np.isnan(target.values[1])


@pytest.mark.parametrize(("text", "sentence"), [
    ("2295 -0.1\n2300 zero\n", r"target.txt, line 2: '2300 zero' is not two or three numbers"),
    ("2295 -0.1\n1 2300 -0.2\n", r"line 2: '1 2300 -0.2' is not two or three numbers as in the lines before"),
    ("5 2295 -0.1\n9 2300 -0.2\n", "the first of three columns must number the bands"),
    ("2295 -0.1\n", "at least two lines"),
    ("400 0\n500 0\n", r"covers 400 to 500 nm and none of the 2 bands from 2200 to 2300 nm"),
    ("nothing here\n", "a gas target cannot be made from this file; give one of these: look-up table")])
def test_text_that_is_no_target_is_refused(tmp_path, text, sentence):
    path = tmp_path / "target.txt"
    path.write_text(text)
    with pytest.raises(LibraryError, match=sentence):
        gas_target(path, BANDS)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(LibraryError, match="there is no such file"):
        gas_target(tmp_path / "nothing.lut", BANDS)


def test_it_is_written_as_a_library_of_one(tmp_path):
    target = gas_target(simple_lut(tmp_path), BandGrid(np.array([2400.0, 500.0, 2300.0]), np.full(3, 8.0)))
    target.write(tmp_path / "out.csv")
    reference = choose(open_library(tmp_path / "out.csv"))
    assert reference.wavelength_nm.tolist() == [500.0, 2300.0, 2400.0]
    assert reference.reflectance == pytest.approx([float("nan"), -0.2, -0.2], nan_ok=True)
    assert reference.name == "Gas target (d ln radiance per 1e5 ppm m)"
    assert "values in the unit of a gas target, as the file says" in reference.notes
    assert not any("reflectance" in note for note in reference.notes)
    comments = [line for line in (tmp_path / "out.csv").read_text().splitlines() if line.startswith("#")]
    assert comments[:2] == ["# made from gas.lut", "# unit: d ln radiance per 1e5 ppm m"]


def test_a_written_target_is_a_source_again(tmp_path):
    target = gas_target(simple_lut(tmp_path), BANDS)
    target.write(tmp_path / "out.csv")
    assert gas_target(tmp_path / "out.csv", BANDS).values == pytest.approx(target.values)


def test_every_kind_of_source_has_a_title():
    assert list(TARGET_SOURCES) == ["lut", "lines", "text"]
    assert all(kind.title for kind in TARGET_SOURCES.values())
