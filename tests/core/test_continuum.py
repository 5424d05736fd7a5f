"""The convex hull of spectra: literal cases, SPy's exact hull, plain loops, and laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pixel_spectra.core.continuum import contacts, continuum, remove_continuum
from pixel_spectra.core.libraries import bundled_library
from pixel_spectra.core.resampling import resample
from pixel_spectra.core.spectra import BandGrid

from emit_bands import emit_bands
from feature_loops import hull

NAN = np.nan
EMIT_BANDS = BandGrid(emit_bands().wavelength_nm.astype(float))


def test_a_triangle_stands_on_its_ends():
    w, r = [400, 500, 600, 800], [0.2, 0.2, 0.1, 0.4]
    assert contacts(w, r).tolist() == [True, False, False, True]
    assert continuum(w, r) == pytest.approx([0.2, 0.25, 0.3, 0.4])
    assert remove_continuum(w, r) == pytest.approx([1, 0.8, 1 / 3, 1])


def test_a_peak_touches_the_hull_and_a_line_lies_on_it():
    assert contacts([1, 2, 3], [0.1, 0.5, 0.2]).tolist() == [True, True, True]
    assert remove_continuum([1, 2, 3, 4], [0.1, 0.2, 0.3, 0.4]) == pytest.approx([1, 1, 1, 1])


def test_a_masked_band_takes_no_part_and_the_hull_crosses_it():
    w, r = [1, 2, 3, 4, 5], [0.4, NAN, 0.1, 0.2, NAN]
    assert contacts(w, r).tolist() == [True, False, False, True, False]
    assert continuum(w, r) == pytest.approx([0.4, 1 / 3, 0.8 / 3, 0.2, NAN], nan_ok=True)
    assert remove_continuum(w, r) == pytest.approx([1, NAN, 0.375, 1, NAN], nan_ok=True)


def test_what_cannot_be_divided_by_is_nan():
    assert np.isnan(remove_continuum([1, 2, 3], [-0.1, -0.2, -0.1])).all()
    assert np.isnan(remove_continuum([1, 2], [NAN, NAN])).all()
    assert remove_continuum([1, 2, 3], [NAN, 0.3, NAN]) == pytest.approx([NAN, 1, NAN], nan_ok=True)
    assert remove_continuum([1, 2], np.empty((0, 2))).shape == (0, 2)


def test_bands_may_come_in_any_order():
    w, r = np.array([3.0, 1.0, 2.0]), np.array([[0.3, 0.1, 0.1]])
    assert continuum(w, r) == pytest.approx(np.array([[0.3, 0.1, 0.2]]))


def test_equals_the_exact_hull_of_spectral_python():
    spy = pytest.importorskip("spectral")
    spectra = np.stack([resample(r.wavelength_nm, r.reflectance, EMIT_BANDS) for r in bundled_library().values()])
    whole = spectra[:, 3:-3][(spectra[:, 3:-3] > 0).all(axis=1)]
    assert len(whole) > 20
    wavelength = EMIT_BANDS.wavelength_nm[3:-3]
    noisy = whole * (1 + np.random.default_rng(0).normal(0, 0.01, whole.shape))
    for values in (whole, noisy):
        expected = spy.remove_continuum(values.copy(), wavelength)
        assert remove_continuum(wavelength, values) == pytest.approx(expected, abs=1e-13)


rows = arrays(np.float64, 9, elements=st.floats(0.01, 1.0))
wavelengths = arrays(np.float64, 9, elements=st.floats(1.0, 50.0)).map(np.cumsum)


@given(values=rows, w=wavelengths)
def test_equals_gift_wrapping_in_plain_python(values, w):
    assert continuum(w, values) == pytest.approx(hull(w.tolist(), values.tolist()), rel=1e-9)


@given(values=arrays(np.float64, (4, 9), elements=st.floats(0.01, 1.0)), w=wavelengths,
       holes=arrays(bool, (4, 9)))
def test_laws_of_a_hull(values, w, holes):
    values = np.where(holes, NAN, values)
    over = continuum(w, values)
    known = np.isfinite(values)
    assert (over[known] >= values[known] * (1 - 1e-12)).all()
    assert over[contacts(w, values)] == pytest.approx(values[contacts(w, values)])
    removed = remove_continuum(w, values)
    assert (np.isfinite(removed) == known).all() and np.nanmax(np.append(removed, 0)) <= 1 + 1e-12
    assert remove_continuum(w, removed) == pytest.approx(removed, abs=1e-9, nan_ok=True)
    for row, alone in zip(over, values):
        assert continuum(w, alone) == pytest.approx(row, nan_ok=True)
