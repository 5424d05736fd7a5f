"""From the channels of a reference to the bands of a sensor."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pixel_spectra.core.errors import LibraryError
from pixel_spectra.core.libraries import ReferenceSpectrum, bundled_library, open_library
from pixel_spectra.core.resampling import (
    RESAMPLING,
    SUPPORT_SIGMA,
    on_bands,
    resample,
    resample_srf,
    resampling_matrix,
    srf_matrix,
)
from pixel_spectra.core.spectra import BandGrid

from emit_bands import emit_bands
from shared_files import shared_file

NAN = np.nan
FINE = np.arange(350.0, 2501.0)


def bands(*centres: float, fwhm: float | None = None) -> BandGrid:
    widths = None if fwhm is None else np.full(len(centres), fwhm)
    return BandGrid(np.array(centres), widths)


def emit() -> BandGrid:
    table = emit_bands()
    return BandGrid(table.wavelength_nm.astype(float), table.fwhm_nm.astype(float), table.good)


def truncated_gaussian_mean(values_at, centre: float, fwhm: float) -> float:
    """The mean under a Gaussian cut at 3 sigma, by a sum over 200 001 points (error < 1e-9 on these curves)."""
    sigma = fwhm / (2 * math.sqrt(2 * math.log(2)))
    x = np.linspace(centre - SUPPORT_SIGMA * sigma, centre + SUPPORT_SIGMA * sigma, 200_001)
    weight = np.exp(-0.5 * ((x - centre) / sigma) ** 2)
    weight[[0, -1]] /= 2
    return float((weight * values_at(x)).sum() / weight.sum())


# --- linear ---------------------------------------------------------------------------------------------


def test_linear_interpolates_at_the_centres_and_never_beyond_the_ends():
    values = resample([400.0, 500.0, 600.0], [0.2, 0.4, 0.8], bands(399.0, 400.0, 450.0, 575.0, 600.0, 601.0))
    np.testing.assert_allclose(values, [NAN, 0.2, 0.3, 0.7, 0.8, NAN], atol=1e-15)


def test_the_rounding_of_a_printed_table_does_not_cost_the_end_bands():
    values = resample([381.006, 400.0], [0.2, 0.4], bands(381.0055927, 381.0, 400.0005))
    np.testing.assert_allclose(values, [0.2, NAN, 0.4])


def test_linear_does_not_bridge_a_deleted_channel():
    values = resample([400.0, 500.0, 600.0, 700.0], [0.2, NAN, 0.8, 0.9], bands(400.0, 450.0, 550.0, 600.0, 650.0))
    np.testing.assert_allclose(values, [0.2, NAN, NAN, 0.8, 0.85])


def test_linear_does_not_bridge_channels_that_a_library_left_out():
    """The Berlin library goes on at 1522 nm after 1323 nm; the 199 nm between are not its measurement."""
    grid = np.concatenate([np.arange(1000.0, 1325.0, 12.0), np.arange(1522.0, 1700.0, 12.0)])
    values = resample(grid, grid / 1e4, bands(1312.0, 1324.0, 1400.0, 1522.0, 1530.0))
    np.testing.assert_allclose(values, [0.1312, 0.1324, NAN, 0.1522, 0.1530])


def test_a_short_hand_made_table_may_have_uneven_steps():
    assert resample([400.0, 500.0, 2500.0], [0.1, 0.1, 0.5], bands(1500.0)) == pytest.approx([0.3])


def test_overlapping_detectors_make_uneven_steps_but_no_gap():
    one, two = np.arange(400.0, 700.0, 9.8), np.arange(690.0, 1000.0, 10.0)
    grid = np.sort(np.concatenate([one, two]))
    assert np.isfinite(resample(grid, np.ones_like(grid), bands(688.0, 692.0, 699.0, 705.0))).all()


# --- Gaussian -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("centre", "fwhm"), [(500.0, 8.5), (500.4, 8.5), (1000.3, 60.0), (777.7, 1.7)])
def test_gaussian_is_exact_for_the_piecewise_linear_reference(centre, fwhm):
    curve = 0.5 + 0.3 * np.sin(FINE / 3.0)
    expected = truncated_gaussian_mean(lambda x: np.interp(x, FINE, curve), centre, fwhm)
    assert resample(FINE, curve, bands(centre, fwhm=fwhm), "gaussian")[0] == pytest.approx(expected, abs=1e-8)


def test_gaussian_of_a_coarse_reference_is_exact_too():
    grid, curve = np.array([400.0, 417.0, 421.0, 460.0, 500.0]), np.array([0.1, 0.9, 0.2, 0.4, 0.3])
    expected = truncated_gaussian_mean(lambda x: np.interp(x, grid, curve), 430.0, 20.0)
    assert resample(grid, curve, bands(430.0, fwhm=20.0), "gaussian")[0] == pytest.approx(expected, abs=1e-8)


def test_gaussian_flattens_a_parabola_by_its_variance():
    """The mean of (x - c)^2 under a Gaussian cut at 3 sigma is 0.97334 sigma^2 (closed form)."""
    share = 1 - 2 * 3 * math.exp(-4.5) / math.sqrt(2 * math.pi) / math.erf(3 / math.sqrt(2))
    sigma = 23.548200450309493 / (2 * math.sqrt(2 * math.log(2)))
    grid = np.arange(400.0, 601.0, 0.1)
    value = resample(grid, (grid - 500.0) ** 2, bands(500.0, fwhm=23.548200450309493), "gaussian")[0]
    assert sigma == pytest.approx(10.0)
    assert value == pytest.approx(share * 100.0, abs=0.01)


def test_a_gaussian_band_whose_support_leaves_the_range_drops_out():
    """FWHM 8.5 nm: sigma 3.61 nm, support +-10.83 nm."""
    values = resample(FINE, np.ones_like(FINE), bands(360.0, 361.0, 2489.0, 2490.0, fwhm=8.5), "gaussian")
    np.testing.assert_allclose(values, [NAN, 1.0, 1.0, NAN])


def test_a_gaussian_band_that_touches_a_deleted_channel_drops_out():
    """The channel at 1000 nm is missing, so 999-1001 nm is; the support of a 8.5 nm band is +-10.83 nm."""
    curve = np.where(FINE == 1000.0, NAN, 0.4)
    values = resample(FINE, curve, bands(988.0, 989.0, 1000.0, 1011.0, 1012.0, fwhm=8.5), "gaussian")
    np.testing.assert_allclose(values, [0.4, NAN, NAN, NAN, 0.4])


def test_gaussian_without_widths_is_refused():
    with pytest.raises(LibraryError, match="needs the FWHM of every band.*'linear' or 'auto'"):
        resample(FINE, FINE, bands(500.0), "gaussian")
    with pytest.raises(LibraryError, match="needs the FWHM of every band"):
        resample(FINE, FINE, BandGrid(np.array([500.0]), np.array([NAN])), "gaussian")


# --- auto -----------------------------------------------------------------------------------------------


def test_auto_is_gaussian_where_the_reference_is_finer_than_the_band_and_linear_elsewhere():
    grid = np.concatenate([np.arange(400.0, 600.0, 2.0), np.arange(600.0, 1000.0, 20.0)])
    curve = np.cos(grid / 7.0)
    some = bands(500.5, 800.5, fwhm=10.0)
    expected = [resample(grid, curve, some, "gaussian")[0], resample(grid, curve, some, "linear")[1]]
    np.testing.assert_array_equal(resample(grid, curve, some, "auto"), expected)
    assert expected[0] != resample(grid, curve, some, "linear")[0]


@pytest.mark.parametrize("width", [None, 0.0, NAN])
def test_auto_is_linear_where_the_granule_tells_no_width(width):
    grid = BandGrid(np.array([500.5]), None if width is None else np.array([width]))
    assert resample(FINE, FINE, grid, "auto")[0] == pytest.approx(500.5, abs=1e-12)


def test_a_reference_measured_on_the_sensors_own_bands_comes_back_unchanged():
    """The mean of an inspected area, also without its bad bands, is not smoothed a second time."""
    grid = emit()
    curve = 0.4 + 0.2 * np.sin(grid.wavelength_nm / 20.0)
    np.testing.assert_allclose(resample(grid.wavelength_nm, curve, grid), curve, atol=1e-15)
    good = np.asarray(grid.good)
    some = resample(grid.wavelength_nm[good], curve[good], grid)
    np.testing.assert_allclose(some[good], curve[good], atol=1e-15)
    assert np.isnan(some[~good]).all()


def test_auto_loses_only_the_last_band_of_emit_on_a_reference_that_ends_at_2500_nm():
    result = on_bands(ReferenceSpectrum("r", "r", FINE, np.full(FINE.size, 0.3), "test"), emit())
    assert np.flatnonzero(np.isnan(result.values)).tolist() == [284]
    assert result.n_missing == 1
    assert result.method == "Gaussian response in 284 bands, 1 band without a reference value"


# --- every method ---------------------------------------------------------------------------------------

grids = st.lists(st.integers(3500, 25000), min_size=3, max_size=60, unique=True).map(lambda x: np.sort(x) / 10.0)
centres = st.lists(st.integers(3000, 26000), min_size=1, max_size=20).map(lambda x: np.array(x) / 10.0)


@pytest.mark.parametrize("method", RESAMPLING)
@settings(max_examples=60, deadline=None)
@given(grid=grids, centre=centres, fwhm=st.floats(0.5, 300.0))
def test_the_rows_of_every_matrix_sum_to_one_or_are_nan(method, grid, centre, fwhm):
    matrix = resampling_matrix(grid, bands(*centre, fwhm=fwhm), method)
    sums = matrix.sum(axis=1)
    assert matrix.shape == (centre.size, grid.size)
    np.testing.assert_allclose(sums[np.isfinite(sums)], 1.0, atol=1e-12)
    assert (matrix[np.isfinite(sums)] >= -1e-15).all()
    assert np.isnan(matrix[np.isnan(sums)]).all()
    outside = (centre < grid[0] - 1e-3) | (centre > grid[-1] + 1e-3)
    assert np.isnan(sums[outside]).all()


@pytest.mark.parametrize("method", RESAMPLING)
@settings(max_examples=40, deadline=None)
@given(grid=grids, centre=centres, fwhm=st.floats(0.5, 300.0), seed=st.integers(0, 2**31))
def test_resampling_is_linear_blind_to_order_and_the_same_for_many(method, grid, centre, fwhm, seed):
    rng = np.random.default_rng(seed)
    one, two = rng.random((2, grid.size))
    there = bands(*centre, fwhm=fwhm)
    both = resample(grid, np.stack([one, two]), there, method)
    np.testing.assert_allclose(resample(grid, 2 * one - 3 * two, there, method), 2 * both[0] - 3 * both[1], atol=1e-9)
    shuffled, turned = rng.permutation(grid.size), rng.permutation(centre.size)
    again = resample(grid[shuffled], one[shuffled], bands(*centre[turned], fwhm=fwhm), method)
    np.testing.assert_allclose(again, both[0][turned], atol=1e-12)


@pytest.mark.parametrize("method", RESAMPLING)
@settings(max_examples=40, deadline=None)
@given(grid=grids, centre=centres, fwhm=st.floats(0.5, 300.0), hole=st.integers(0, 10_000))
def test_a_missing_channel_takes_exactly_the_bands_that_weigh_it(method, grid, centre, fwhm, hole):
    there = bands(*centre, fwhm=fwhm)
    values = np.full(grid.size, 0.25)
    values[hole % grid.size] = NAN
    matrix = resampling_matrix(grid, there, method)
    has = np.isfinite(matrix[:, 0]) & (matrix[:, hole % grid.size] == 0)
    result = resample(grid, values, there, method)
    np.testing.assert_array_equal(np.isfinite(result), has)
    np.testing.assert_allclose(result[has], 0.25, atol=1e-12)


# --- tabulated responses --------------------------------------------------------------------------------


def test_a_tabulated_response_is_the_weighted_mean_of_the_interpolated_reference():
    """(0.25 x 1 + 0.3 x 2 + 0.35 x 1) / 4 = 0.3; the second response meets no reference at 600 nm."""
    srf = [[0, 1, 2, 1, 0], [0, 0, 0, 1, 1]]
    values = resample_srf([400.0, 500.0], [0.2, 0.4], [400, 425, 450, 475, 600], srf)
    np.testing.assert_allclose(values, [0.3, NAN])


def test_a_tabulated_response_drops_out_where_it_meets_a_deleted_channel():
    grid = np.arange(400.0, 500.0, 10.0)
    curve = np.where(grid == 450.0, NAN, 0.5)
    srf = np.array(
        [np.exp(-(((np.arange(400, 491) - c) / 3.0) ** 2)) * (abs(np.arange(400, 491) - c) < 8) for c in (420, 452)]
    )
    np.testing.assert_allclose(resample_srf(grid, curve, np.arange(400, 491), srf), [0.5, NAN])


@pytest.mark.parametrize("srf", [[[0.0, 0.0]], [[1.0, NAN]], [[1.0, 1.0, 1.0]]])
def test_a_response_that_is_none_is_refused(srf):
    with pytest.raises(LibraryError, match="one finite value per wavelength, with a positive sum"):
        srf_matrix([400.0, 500.0], [400.0, 500.0], srf)


def usgs_responses(folder: str) -> tuple[np.ndarray, np.ndarray]:
    """Wavelengths (nm) and responses of a USGS set in the order of its bands, read with numpy alone."""
    place = shared_file(folder)
    table = next(path for path in place.glob("*Wavelengths*") if "bands" not in path.name)
    files = sorted(place.glob("*SRF_Band_*"), key=lambda path: int(path.name.split("_Band_")[1].split("_")[0]))
    return np.loadtxt(table, skiprows=1) * 1000.0, np.stack([np.loadtxt(path, skiprows=1) for path in files])


@pytest.mark.parametrize(
    ("folder", "asd", "beckman", "over_deleted"),
    [("usgs_splib07b_rsLandsat8", 1e-5, 2.5e-4, 1), ("usgs_splib07b_rsSentinel2", 1e-5, 9e-4, 2)],
)
def test_the_published_resampled_values_of_the_usgs_come_out(folder, asd, beckman, over_deleted):
    """8 ASD spectra within 1e-5; 4 Beckman spectra, on a grid coarser than the responses, within what the
    facts state (2e-4 Landsat 8, 8e-4 Sentinel-2). Bands over deleted channels are left out by us."""
    nm, srf = usgs_responses(folder)
    library = open_library(shared_file("usgs_splib07a"))
    published = {path for path in shared_file(folder).glob("Chapter*/*.txt")}
    assert len(published) == 12
    for path in published:
        title = path.read_text().splitlines()[0].split(": ", 1)[1]
        reference = next(r for r in library.values() if r.name == " ".join(title.split()))
        ours = resample_srf(reference.wavelength_nm, reference.reflectance, nm, srf)
        difference = np.abs(ours - np.loadtxt(path, skiprows=1))
        assert np.nanmax(difference) < (asd if "ASD" in title else beckman), title
        deleted = "Kaolinite CM9                 BECKb" in title
        assert np.isnan(ours).sum() == (over_deleted if deleted else 0), title


# --- on_bands and refusals ------------------------------------------------------------------------------


def test_a_reference_without_overlap_is_refused_with_both_ranges():
    reference = ReferenceSpectrum("tir", "Quartz TIR", np.array([8000.0, 9000.0]), np.array([0.1, 0.2]), "test")
    with pytest.raises(LibraryError, match=r"'Quartz TIR' has values from 8000 to 9000 nm.*450 to 2400 nm"):
        on_bands(reference, bands(450.0, 2400.0))


def test_a_reference_without_any_value_is_refused():
    reference = ReferenceSpectrum("x", "Nothing", np.array([400.0, 500.0]), np.array([NAN, NAN]), "test")
    with pytest.raises(LibraryError, match="'Nothing' has no value and gives none to the 1 bands"):
        on_bands(reference, bands(450.0))


def test_an_unknown_method_is_refused_with_the_known_ones():
    with pytest.raises(LibraryError, match="Unknown resampling method 'cubic'; the known ones are: auto, linear"):
        resample(FINE, FINE, bands(500.0), "cubic")


@pytest.mark.parametrize(
    ("wavelength", "values", "message"),
    [
        ([400.0, 400.0, 500.0], [1.0, 2.0, 3.0], "400 nm twice"),
        ([400.0, NAN], [1.0, 2.0], "not a finite number"),
        ([400.0, 500.0], [1.0, 2.0, 3.0], "one value per wavelength"),
        ([], [], "one value per wavelength"),
    ],
)
def test_a_malformed_reference_is_refused(wavelength, values, message):
    with pytest.raises(LibraryError, match=message):
        resample(wavelength, values, bands(450.0))


def test_a_matrix_is_not_made_for_unsorted_channels_whose_columns_would_not_match():
    with pytest.raises(LibraryError, match="must increase"):
        resampling_matrix([500.0, 400.0], bands(450.0))


def test_the_method_says_what_was_done_in_how_many_bands():
    result = on_bands(bundled_library()["kaolinite_cm9_beckb"], emit())
    assert result.method == (
        "Gaussian response in 171 bands, linear interpolation in 106 bands, 8 bands without a reference value"
    )
    assert result.n_missing == 8
    around = emit().wavelength_nm[np.isnan(result.values)]
    assert ((np.abs(around - 409.1) < 14) | (np.abs(around - 839.0) < 20)).all()
