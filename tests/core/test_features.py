"""Feature fit and band depth of spectra whose features are known."""

import numpy as np
import pytest
from pixel_spectra.core.errors import MetricError
from pixel_spectra.core.libraries import bundled_library
from pixel_spectra.core.metrics import METRICS
from pixel_spectra.core.metrics.features import find_features
from pixel_spectra.core.resampling import resample
from pixel_spectra.core.spectra import BandGrid

import feature_loops
from emit_bands import emit_bands

W = np.arange(400.0, 2401.0, 10.0)
GOOD = np.flatnonzero(emit_bands().good)
EMIT_BANDS = BandGrid(emit_bands().wavelength_nm.astype(float))


def dips(*features, level=0.5, slope=0.0):
    """A sloping line with Gaussian dips (centre in nm, depth)."""
    line = level + slope * (W - 400) / 2000
    return line * (1 - sum(depth * np.exp(-0.5 * ((W - centre) / 30) ** 2) for centre, depth in features))


def fit(pixel, reference, **more):
    return METRICS["feature_fit"](pixel, reference, wavelength_nm=W, **more)[0]


def depth(pixel, reference):
    return METRICS["band_depth"](pixel, reference, wavelength_nm=W[:len(pixel)])[0]


def test_the_features_of_a_reference_are_those_put_in():
    found = find_features(W, np.stack([dips((900, 0.1), (2200, 0.4)), dips(), dips((1500, 0.3))]))
    assert found.owner.tolist() == [0, 0, 2]
    assert found.depth == pytest.approx([0.1, 0.4, 0.3], abs=0.005)
    left, right = W[found.ends]
    assert (left < [900, 2200, 1500]).all() and (right > [900, 2200, 1500]).all() and right[0] <= left[1]


def test_a_dip_below_two_percent_is_no_feature():
    found = find_features(W, np.stack([dips((900, 0.019)), dips((900, 0.021))]))
    assert found.owner.tolist() == [1]


def test_a_shallower_pixel_of_another_brightness_and_slope_fits():
    reference = dips((900, 0.1), (2200, 0.4))
    assert fit(reference, reference) == pytest.approx(1.0)
    assert fit(dips((900, 0.03), (2200, 0.12), level=0.2, slope=0.1), reference) > 0.999


def test_an_inverted_feature_counts_nothing():
    reference = dips((900, 0.1), (2200, 0.4))
    weight = find_features(W, reference[np.newaxis]).depth
    assert fit(dips((900, -0.1), (2200, 0.2)), reference) == pytest.approx(weight[1] / weight.sum(), abs=1e-3)
    assert fit(dips((900, -0.1), (2200, -0.2)), reference) == 0.0


def test_a_feature_that_the_pixel_lacks_counts_by_its_depth():
    reference = dips((900, 0.1), (2200, 0.4))
    weight = find_features(W, reference[np.newaxis]).depth
    assert fit(dips((900, 0.1)), reference) == pytest.approx(weight[0] / weight.sum(), abs=1e-3)


@pytest.mark.parametrize("flat", [np.full(len(W), 0.3), dips(slope=0.3)])
def test_a_pixel_without_shape_fits_nothing_and_a_reference_without_features_gives_no_score(flat):
    assert fit(flat, dips((900, 0.1))) == 0.0
    assert np.isnan(fit(dips((900, 0.1)), flat)) and np.isnan(depth(dips((900, 0.1)), flat))


def test_a_pixel_whose_continuum_is_not_above_zero_fits_nothing():
    assert fit(-dips((900, 0.1)), dips((900, 0.1))) == 0.0
    assert np.isnan(depth(-dips((900, 0.1)), dips((900, 0.1))))


@pytest.mark.parametrize("inside", [0.05, 0.2, 0.7])
def test_band_depth_is_that_of_the_deepest_feature_of_the_reference(inside):
    reference = dips((900, 0.1), (2200, 0.4))
    assert depth(dips((900, 0.9), (2200, inside), level=0.3, slope=0.2), reference) == pytest.approx(inside, abs=0.005)


def test_a_depth_above_one_is_that_of_a_pixel_below_zero():
    pixel = dips((2200, 0.4))
    pixel[W == 2200.0] = 0.0
    assert depth(pixel, dips((2200, 0.4))) == 1.0
    pixel[W == 2200.0] = -0.15
    assert depth(pixel, dips((2200, 0.4))) == pytest.approx(1.3, abs=0.001)


def test_band_depth_of_a_bump_is_nothing():
    assert depth(dips((2200, -0.3)), dips((2200, 0.4))) == pytest.approx(0, abs=1e-6)
    assert depth(np.array([0.2, 0.3, 0.3, 0.2]), np.array([0.2, 0.1, 0.1, 0.2])) == pytest.approx(-0.5)


def test_wavelengths_place_the_continuum():
    """Five bands, the third off the middle: its continuum is 0.25 with wavelengths, 0.3 without."""
    reference, pixel = [0.5, 0.3, 0.1, 0.3, 0.5], [0.2, 0.3, 0.1, 0.3, 0.4]
    w = [0.0, 10.0, 20.0, 70.0, 80.0]
    assert METRICS["band_depth"](pixel, reference, wavelength_nm=w)[0] == pytest.approx(1 - 0.1 / 0.25)
    assert METRICS["band_depth"](pixel, reference)[0] == pytest.approx(1 - 0.1 / 0.3)


@pytest.mark.parametrize("wrong", [W[:-1], np.where(W > 1000, np.nan, W)])
def test_wavelengths_that_do_not_fit_are_refused(wrong):
    with pytest.raises(MetricError, match="give one finite band centre in nm per band"):
        METRICS["feature_fit"](dips(), dips((900, 0.1)), wavelength_nm=wrong)


@pytest.mark.parametrize("name", ["feature_fit", "band_depth"])
def test_real_references_equal_plain_loops(name):
    """Every bundled reference against kaolinite with holes, on the good bands of EMIT."""
    w = EMIT_BANDS.wavelength_nm[GOOD]
    library = bundled_library()
    pixel = resample(library["kaolinite_cm9_beckb"].wavelength_nm, library["kaolinite_cm9_beckb"].reflectance,
                     EMIT_BANDS)[GOOD]
    pixel = pixel * (1 + np.random.default_rng(1).normal(0, 0.01, len(pixel)))
    pixel[[30, 31, 200]] = np.nan
    for reference in library.values():
        target = resample(reference.wavelength_nm, reference.reflectance, EMIT_BANDS)[GOOD]
        both = np.isfinite(target) & np.isfinite(pixel)
        expected = getattr(feature_loops, name)(pixel[both].tolist(), target[both].tolist(), w[both].tolist())
        assert METRICS[name](pixel, target, wavelength_nm=w)[0] == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_bands_in_another_order_give_the_same():
    order = np.random.default_rng(2).permutation(len(W))
    pixel, reference = dips((900, 0.2), (2200, 0.1)), dips((900, 0.1), (2200, 0.4))
    for name in ("feature_fit", "band_depth"):
        assert METRICS[name](pixel[order], reference[order], wavelength_nm=W[order]) == pytest.approx(
            METRICS[name](pixel, reference, wavelength_nm=W))
