"""What a picture of spectra shows: regions, samples, ranges and images along a line, with the numbers written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pixel_spectra.core.portrait import (
    MaskedRegion,
    band_edges,
    line_image,
    masked_regions,
    outer_edges,
    shown_rows,
    spread_of,
    value_range,
)
from pixel_spectra.core.spectra import BandGrid, Spectra

NM = np.array([400.0, 410.0, 420.0, 430.0, 440.0])
REASONS = ("valid", "no data", "cloud flag", "bad band")


def spectra(reason, wavelength_nm=NM, values=None):
    """Pixels whose masked bands are given by number of the reason."""
    reason = np.atleast_2d(np.array(reason, np.uint8))
    values = np.full(reason.shape, 0.5, np.float32) if values is None else np.asarray(values, np.float32)
    return Spectra(values, BandGrid(wavelength_nm), reason == 0, reason, REASONS)


def test_a_region_reaches_half_way_to_its_neighbours():
    assert masked_regions(spectra([0, 3, 3, 0, 0])) == (MaskedRegion(405.0, 425.0, "bad band"),)


def test_regions_of_different_reasons_touch():
    assert masked_regions(spectra([3, 3, 2, 0, 2])) == (
        MaskedRegion(395.0, 415.0, "bad band"), MaskedRegion(415.0, 425.0, "cloud flag"),
        MaskedRegion(435.0, 445.0, "cloud flag"))


def test_a_band_that_one_pixel_can_use_is_not_shaded():
    assert masked_regions(spectra([[3, 3, 0, 0, 0], [3, 0, 0, 0, 0]])) == (MaskedRegion(395.0, 405.0, "bad band"),)


def test_the_commonest_reason_names_a_region():
    assert masked_regions(spectra([[2, 0, 0, 0, 0], [2, 0, 0, 0, 0], [3, 0, 0, 0, 0]]))[0].reason == "cloud flag"


def test_regions_follow_the_wavelength_not_the_file():
    """The file runs 440 to 400 nm: its first two bands are the last of the plot."""
    assert masked_regions(spectra([3, 3, 0, 0, 0], NM[::-1])) == (MaskedRegion(425.0, 445.0, "bad band"),)


def test_no_pixels_have_no_regions():
    assert masked_regions(spectra(np.empty((0, 5)))) == ()


def test_edges_of_a_single_band_are_half_a_nanometre_away():
    assert band_edges([550.0]).tolist() == [549.5, 550.5]


def test_few_pixels_are_all_drawn():
    assert shown_rows(np.array([True, False, True])).tolist() == [0, 2]


@given(n=st.integers(0, 2000), most=st.integers(1, 300), seed=st.integers(0, 5))
def test_a_sample_is_seeded_sorted_and_of_valid_pixels(n, most, seed):
    valid = np.random.default_rng(n).random(n) > 0.3
    rows = shown_rows(valid, most, seed)
    assert len(rows) == min(most, valid.sum()) and valid[rows].all()
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, shown_rows(valid, most, seed))


def test_the_range_is_of_finite_values_and_a_little_wider():
    assert value_range([np.array([0.2, np.nan, 0.4]), np.array([np.inf, 1.2])]) == pytest.approx((0.15, 1.25))


@pytest.mark.parametrize(("arrays", "expected"), [
    ([], (0.0, 1.0)), ([np.array([np.nan])], (0.0, 1.0)), ([np.array([2.0])], (1.9, 2.1)),
    ([np.array([0.0])], (-0.05, 0.05))])
def test_a_range_is_never_empty(arrays, expected):
    assert value_range(arrays) == pytest.approx(expected)


def test_an_image_shows_each_pixel_over_its_part_of_the_line():
    """Entered at 0, 60 and 180 m; the last is taken to be as long as the median, 90 m."""
    values = np.array([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [11, 12, 13, 14, 15]])
    image = line_image(spectra([[0] * 5, [0, 3, 0, 0, 0], [0] * 5], values=values), np.array([0.0, 60.0, 180.0]))
    assert (image.length_m, image.first_nm, image.last_nm) == (270.0, 395.0, 445.0)
    assert image.values.shape == (5, 5) and image.pixel.tolist() == [0, 1, 1, 2, 2]
    np.testing.assert_array_equal(image.values[:, 0], [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(image.values[:, 1], [6, np.nan, 8, 9, 10])
    assert [image.pixel_at(m) for m in (-1.0, 0.0, 59.0, 61.0, 270.0, 271.0)] == [-1, 0, 1, 1, 2, -1]


def test_an_image_sorts_the_bands():
    image = line_image(spectra([[0] * 5] * 2, NM[::-1], [[5, 4, 3, 2, 1]] * 2), np.array([0.0, 10.0]))
    np.testing.assert_array_equal(image.values[:, 0], [1, 2, 3, 4, 5])


def test_a_line_of_one_pixel_has_a_length():
    image = line_image(spectra([0] * 5), np.array([0.0]))
    assert image.length_m == 1.0 and image.values.shape == (5, 1)


def test_a_gap_between_bands_belongs_to_the_nearest_band():
    image = line_image(spectra([[0, 0, 0]], np.array([400.0, 410.0, 500.0]), [[1, 2, 3]]), np.array([0.0]))
    assert image.values.shape == (15, 1)
    assert image.values[:, 0].tolist()[:2] == [1, 2] and image.values[-1, 0] == 3


def tiles(rows, columns):
    """Unit squares."""
    r, c = (a.ravel() for a in np.indices((rows, columns)))
    corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
    return np.stack([np.stack((c + x, r + y), axis=1) for x, y in corners], axis=1).astype(float)


def length(edges):
    return np.hypot(*(edges[:, 1] - edges[:, 0]).T).sum()


def test_the_border_is_what_no_two_pixels_share():
    ring = np.delete(tiles(3, 3), 4, axis=0)  # without the one in the middle
    assert length(outer_edges(tiles(20, 21))) == 82
    assert length(outer_edges(ring)) == 16
    noise = np.random.default_rng(0).normal(0, 1e-11, ring.shape)
    assert length(outer_edges(ring + noise)) == pytest.approx(16)


def test_pixels_without_a_place_have_no_border():
    quads = tiles(1, 2)
    quads[1, 0] = np.nan
    assert length(outer_edges(quads)) == 4
    assert outer_edges(np.empty((0, 4, 2))).shape == (0, 2, 2)
    assert length(outer_edges(np.zeros((1, 4, 2)))) == 0


def test_the_spread_of_scores_is_that_of_the_finite_ones():
    values = np.append(np.random.default_rng(0).gamma(2.0, 0.1, 5000), [np.nan, np.inf])
    spread = spread_of(values)
    finite = values[:5000]
    assert (spread.mean, spread.sigma, spread.median) == pytest.approx(
        (finite.mean(), finite.std(ddof=1), np.median(finite)))
    assert (spread.low, spread.high) == (finite.min(), finite.max())
    assert 8 <= len(spread.counts) <= 80
    np.testing.assert_array_equal(
        spread.counts, np.histogram(finite, len(spread.counts), (spread.low, spread.high))[0])


@pytest.mark.parametrize("values, counts", [((), []), ((np.nan,), []), ((0.2,), [1]), ((0.2, 0.2, 0.2), [3])])
def test_the_spread_of_next_to_nothing(values, counts):
    spread = spread_of(values)
    assert spread.counts.tolist() == counts
    assert spread.low < spread.high
    assert np.isnan(spread.mean) == (not counts)
    assert np.isnan(spread.sigma) == (len(values) < 2)
