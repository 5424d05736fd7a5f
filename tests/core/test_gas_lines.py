"""Line-by-line absorption against closed forms, and the reader of HITRAN's lines."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pixel_spectra.core.errors import LibraryError
from pixel_spectra.core.gases import Layer, gas_target, hitran
from pixel_spectra.core.gases import absorption as lbl
from pixel_spectra.core.gases.voigt import faddeeva, voigt, voigt_hwhm
from pixel_spectra.core.spectra import BandGrid

from gas_files import hitran_line, write_lines
from shared_files import shared_file

OFFSET = np.linspace(-60.0, 60.0, 240_001)


def area(values, x):
    """By the trapezoidal rule; numpy renamed its own."""
    return float((np.diff(x) * (values[1:] + values[:-1]) / 2).sum())


def lines_of(tmp_path, *lines):
    return hitran.read(write_lines(tmp_path / "gas.par", lines))


def test_one_doppler_line():
    profile = voigt(OFFSET, 0.7, 0.0)
    expected = math.sqrt(math.log(2) / math.pi) / 0.7 * np.exp(-math.log(2) * (OFFSET / 0.7) ** 2)
    assert np.abs(profile - expected).max() < 1e-8


def test_one_lorentz_line():
    profile = voigt(OFFSET, 1e-4, 0.7)
    np.testing.assert_allclose(profile, 0.7 / math.pi / (OFFSET**2 + 0.49), rtol=1e-6)


def test_one_voigt_line_at_its_centre():
    # K(0) = sqrt(ln 2 / pi) / a exp(y²) erfc(y) with y = sqrt(ln 2) g / a
    y = math.sqrt(math.log(2)) * 0.05 / 0.07
    assert voigt(0.0, 0.07, 0.05) == pytest.approx(
        math.sqrt(math.log(2) / math.pi) / 0.07 * math.exp(y * y) * math.erfc(y), rel=1e-8)


def test_a_voigt_line_is_a_doppler_and_a_lorentz_line_folded():
    x = np.linspace(-40, 40, 80_001)
    doppler, lorentz = voigt(x, 0.5, 0.0), 0.3 / math.pi / (x**2 + 0.09)
    folded = np.convolve(doppler, lorentz, "same") * (x[1] - x[0])
    middle = slice(30_000, 50_001)
    np.testing.assert_allclose(voigt(x, 0.5, 0.3)[middle], folded[middle], rtol=2e-5)


@pytest.mark.parametrize(("doppler", "lorentz"), [(0.5, 0.0), (0.5, 0.05), (0.1, 0.1), (0.01, 0.3)])
def test_the_area_is_conserved(doppler, lorentz):
    beyond = 1.0 - 2.0 / math.pi * math.atan(OFFSET[-1] / lorentz) if lorentz else 0.0  # in the wings of the Lorentzian
    assert area(voigt(OFFSET, doppler, lorentz), OFFSET) + beyond == pytest.approx(1.0, abs=2e-6)


def test_the_half_width():
    at = float(voigt_hwhm(0.5, 0.3))
    assert voigt(at, 0.5, 0.3) / voigt(0.0, 0.5, 0.3) == pytest.approx(0.5, rel=5e-4)


def test_the_faddeeva_function_agrees_with_scipy():
    special = pytest.importorskip("scipy.special")
    x = np.concatenate([np.linspace(0, 25, 501), np.logspace(1.3, 6, 50)])
    for y in (0.0, 1e-4, 1e-2, 0.5, 1.0, 10.0, 19.9, 30.0, 1e4):
        ours, theirs = faddeeva(x + 1j * y), special.wofz(x + 1j * y)
        assert np.abs(ours - theirs).max() < 1e-8
        if y:
            np.testing.assert_allclose(ours.real, theirs.real, rtol=3e-7)


def test_a_line_absorbs_its_strength(tmp_path):
    lines = lines_of(tmp_path, hitran_line(4300.0, 2e-20))
    grid = np.arange(4260.0, 4340.0, 0.005)
    within = 2.0 / math.pi * math.atan(lbl.WING_CM / 0.05)  # a line is followed up to 25 cm-1
    total = area(lbl.sum_of_lines(lines, grid, Layer()), grid)
    assert total == pytest.approx(2e-20 * within, rel=1e-5)


def test_pressure_broadens_and_shifts(tmp_path):
    lines = lines_of(tmp_path, hitran_line(4300.0, air_hwhm=0.06, air_exponent=0.5, air_shift=-0.01))
    half = Layer(pressure_hpa=1013.25 / 2, temperature_k=296.0 / 4 * 3)
    assert lbl.widths(lines, half)[1][0] == pytest.approx(0.06 / 2 * (4 / 3) ** 0.5)
    grid = np.arange(4299.0, 4301.0, 0.0005)
    assert grid[lbl.sum_of_lines(lines, grid, half).argmax()] == pytest.approx(4300.0 - 0.005, abs=0.0006)


def test_the_shift_is_read_to_its_last_digit(tmp_path):
    line = hitran_line(4300.0)
    assert lines_of(tmp_path, line[:59] + "-.012345" + line[67:]).air_shift.tolist() == [-0.012345]


def test_the_doppler_width_of_methane():
    # 3.581e-7 nu sqrt(T / M): HITRAN's definitions, https://hitran.org/docs/definitions-and-units/
    assert lbl.doppler_hwhm_cm(4300.0, 16.0313, 296.0) == pytest.approx(3.5812e-7 * 4300 * math.sqrt(296 / 16.0313),
                                                                       rel=1e-4)


def test_the_strength_follows_the_temperature(tmp_path):
    lines = lines_of(tmp_path, hitran_line(4300.0, 1e-20, lower_energy_cm=0.0),
                     hitran_line(4310.0, 1e-20, lower_energy_cm=500.0))
    assert lbl.strength_at(lines, 296.0) == pytest.approx([1e-20, 1e-20])
    cold = lbl.strength_at(lines, 250.0)
    assert cold[1] / cold[0] == pytest.approx(math.exp(-1.438777 * 500 * (1 / 250 - 1 / 296)), rel=1e-6)


def test_partition_sums():
    methane, monoxide = lbl.MOLECULES[6], lbl.MOLECULES[5]
    assert methane.partition_ratio(296.0) == 1.0
    # a spherical top goes with T^1.5, a linear molecule with T; vibrations add little at these temperatures
    assert methane.partition_ratio(250.0) / (296 / 250) ** 1.5 == pytest.approx(1.0045, abs=0.001)
    assert monoxide.partition_ratio(250.0) / (296 / 250) == pytest.approx(1.0, abs=1e-4)


def test_the_column_of_an_ideal_gas():
    # 2.4794e19 molecules / cm3 at 296 K and 1013.25 hPa: 1 ppm m, once through, is 1e-6 * 100 cm of it
    assert Layer(path=1.0).molecules_cm2(1.0) == pytest.approx(2.4794e15, rel=1e-4)
    assert Layer(path=2.0).molecules_cm2(500.0) == pytest.approx(2.4794e18, rel=1e-4)


def test_transmittance_of_one_line_at_its_centre(tmp_path):
    lines = lines_of(tmp_path, hitran_line(4290.0, 1e-30), hitran_line(4300.0, 1e-21), hitran_line(4310.0, 1e-30))
    depth = 1e-21 * voigt(0.0, *(w[1] for w in lbl.widths(lines, Layer()))) * Layer().molecules_cm2(1000.0)
    assert lbl.transmittance(lines, [1e7 / 4300.0], 1000.0, Layer())[0] == pytest.approx(math.exp(-depth), rel=1e-6)


@pytest.mark.parametrize("wavenumber", [4289.9, 4310.1])
def test_nothing_is_said_outside_the_window(tmp_path, wavenumber):
    lines = lines_of(tmp_path, hitran_line(4290.0), hitran_line(4310.0))
    with pytest.raises(LibraryError, match=r"covers 4290 to 4310 cm-1 .* download the lines of the whole range"):
        lbl.transmittance(lines, [1e7 / 4300.0, 1e7 / wavenumber], 1000.0, Layer())


def test_a_weak_target_is_the_mean_cross_section(tmp_path):
    """d ln T / dc = -mean cross section * molecules per ppm m, where absorption is weak."""
    path = write_lines(tmp_path / "gas.par", [hitran_line(nu, 1e-23) for nu in np.arange(4200.0, 4400.0, 0.5)])
    bands = BandGrid(np.array([2325.0, 2100.0]), np.array([5.0, 5.0]))
    target = gas_target(path, bands)
    per_wavenumber = 1e-23 / 0.5  # lines of this strength every 0.5 cm-1
    assert target.values[0] == pytest.approx(-per_wavenumber * Layer().molecules_cm2(1e5), rel=0.01)
    assert np.isnan(target.values[1])
    assert target.gas == "CH4"
    assert "1 of 2 bands are not covered and have no value (nan)" in target.notes


def test_lines_that_cover_no_band_are_refused(tmp_path):
    path = write_lines(tmp_path / "gas.par", [hitran_line(4300.0), hitran_line(4310.0)])
    with pytest.raises(LibraryError, match=r"the file covers 2320.19 to 2325.58 nm, which holds none of the 1 bands"):
        gas_target(path, BandGrid(np.array([2325.0]), np.array([8.5])))


def test_the_real_extract_reads(tmp_path):
    lines = hitran.read(shared_file("methane/hitran_davidvs/CH4.data"))
    assert (len(lines), lines.molecule) == (406, 6)
    assert lines.window_nm == pytest.approx((2279.98, 2281.52), abs=0.01)
    assert (lines.wavenumber_cm[0], lines.strength[0], lines.air_hwhm[0]) == (4383.033521, 8.333e-25, 0.046)
    assert (lines.lower_energy_cm[0], lines.air_exponent[0], lines.air_shift[0]) == (1251.5905, 0.62, -0.0087)


def test_real_lines_and_the_real_table_show_the_same_gas():
    bands = BandGrid(np.linspace(2280.2, 2281.3, 23), np.full(23, 0.1))
    lines = gas_target(shared_file("methane/hitran_davidvs/CH4.data"), bands)
    table = gas_target(shared_file("methane/mag1c/ch4.lut"), bands)
    assert np.corrcoef(lines.values, table.values)[0, 1] > 0.95


@pytest.mark.parametrize("bad", [
    hitran_line(4305.0).replace("4305.000000", "43x5.000000"), hitran_line(4305.0)[:60],
    hitran_line(4305.0, strength=-1e-20), "# a comment"])
def test_a_malformed_line_is_named(tmp_path, bad):
    path = write_lines(tmp_path / "gas.par", [hitran_line(4300.0), bad, hitran_line(4310.0)])
    with pytest.raises(LibraryError, match=r"gas.par, line 2: '.*' is not a line of HITRAN's 160-column format"):
        hitran.read(path)


def test_lines_of_two_gases_are_refused(tmp_path):
    path = write_lines(tmp_path / "gas.par", [hitran_line(4300.0), hitran_line(4301.0, molecule=1)])
    with pytest.raises(LibraryError, match=r"line 2: a line of molecule 1 among those of molecule 6"):
        hitran.read(path)


def test_an_unknown_molecule_is_refused(tmp_path):
    path = write_lines(tmp_path / "gas.par", [hitran_line(nu, molecule=47) for nu in (4200.0, 4400.0)])
    with pytest.raises(LibraryError, match=r"molecule 47 is not known; known are 1 \(H2O\), .*6 \(CH4\)"):
        gas_target(path, BandGrid(np.array([2325.0]), np.array([8.5])))


def test_a_table_of_other_columns_is_refused(tmp_path):
    path = write_lines(tmp_path / "gas.data", [hitran_line(4300.0), hitran_line(4310.0)])
    path.with_suffix(".header").write_text('{"order": ["nu", "sw"]}')
    with pytest.raises(LibraryError, match="does not begin with HITRAN's standard columns"):
        hitran.read(path)


@pytest.mark.parametrize(("what", "sentence"), [
    ({"temperature_k": 20.0}, "The temperature 20 is outside 150 to 400"),
    ({"pressure_hpa": -1.0}, "The pressure -1 is outside"), ({"path": float("nan")}, "The path nan is outside")])
def test_an_impossible_layer_is_refused(what, sentence):
    with pytest.raises(LibraryError, match=sentence):
        Layer(**what)
