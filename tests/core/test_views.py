"""Views of spectra: what each makes of values, and that no masked band is bridged."""

import numpy as np
import pytest
from pixel_spectra.core.errors import MetricError
from pixel_spectra.core.views import VIEWS, derivative

NAN = np.nan
NM = np.array([400.0, 410.0, 430.0, 460.0, 500.0, 550.0])
PARABOLA = 0.2 + 0.001 * NM + 2e-6 * NM**2


def test_the_derivative_of_a_parabola_is_exact_between_the_ends():
    np.testing.assert_allclose(derivative(NM, PARABOLA)[1:-1], 0.001 + 4e-6 * NM[1:-1], rtol=1e-10)


def test_a_straight_line_has_its_slope_everywhere():
    np.testing.assert_allclose(derivative(NM, 0.003 * NM), 0.003, rtol=1e-10)


def test_a_masked_band_is_not_bridged_and_a_value_alone_has_no_derivative():
    values = np.array([0.1, NAN, 0.3, NAN, 0.5, 1.0])
    np.testing.assert_allclose(derivative(NM, values), [NAN, NAN, NAN, NAN, 0.01, 0.01])


def test_many_spectra_are_as_each_alone():
    rows = np.stack([PARABOLA, np.where(NM == 430, NAN, PARABOLA)])
    for row, alone in zip(derivative(NM, rows), rows):
        np.testing.assert_array_equal(row, derivative(NM, alone))


def test_bands_at_the_same_wavelength_and_a_single_band_give_no_number():
    assert np.isnan(derivative([400.0, 400.0], [0.1, 0.2])).all()
    assert np.isnan(derivative([400.0], [0.1])).all()


@pytest.mark.parametrize("name", list(VIEWS))
def test_every_view_keeps_the_shape_and_what_is_masked(name):
    values = np.array([[0.1, 0.2, NAN, 0.3, 0.2, 0.1], [0.4] * 6])
    seen = VIEWS[name].of(NM, values)
    assert seen.shape == (2, 6) and np.isnan(seen[0, 2]) and np.isfinite(seen[1]).all()


@pytest.mark.parametrize("name", list(VIEWS))
def test_a_scaled_spectrum_is_scaled_in_the_views_that_say_so(name):
    view, factor = VIEWS[name], 3.0
    scaled = view.of(NM, factor * PARABOLA)
    np.testing.assert_allclose(scaled, (factor if view.keeps_scale else 1.0) * view.of(NM, PARABOLA), rtol=1e-10)


def test_what_is_seen_has_its_name_and_unit():
    radiance = "Radiance (µW cm⁻² sr⁻¹ nm⁻¹)"
    assert [VIEWS[name].quantity(radiance) for name in VIEWS] == [
        radiance, "Hull quotient (radiance / continuum)", "Derivative (µW cm⁻² sr⁻¹ nm⁻¹ per nm)"]
    assert VIEWS["derivative"].quantity("Reflectance") == "Derivative (reflectance per nm)"


def test_another_name_is_refused_with_those_that_are_known():
    with pytest.raises(MetricError, match="Unknown view 'log'; the known ones are: values, continuum_removed"):
        VIEWS["log"]
