"""Laws that hold for any spectra."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pixel_spectra.core.background import estimate_background
from pixel_spectra.core.metrics import METRICS

N_BANDS = 6
SAMPLES = np.random.default_rng(0).normal(0.3, 0.1, (80, N_BANDS))
SCENE = estimate_background(SAMPLES)

values = st.floats(-2.0, 2.0, allow_subnormal=False).filter(lambda v: v == 0 or abs(v) > 1e-6)
anything = arrays(np.float64, N_BANDS, elements=values)
lit = arrays(np.float64, N_BANDS, elements=st.floats(1e-3, 1.5))
factors = st.floats(1e-3, 1e3)
holes = arrays(bool, N_BANDS).filter(lambda used: used.sum() >= 2)

laws = settings(max_examples=80, deadline=None)


def score(name, pixel, reference):
    return METRICS[name](pixel, reference, background=SCENE)[0]


@pytest.mark.parametrize("name", [metric.name for metric in METRICS.values() if metric.scale_invariant])
@laws
@given(pixel=lit, reference=lit, factor=factors)
def test_brightness_changes_no_shape(name, pixel, reference, factor):
    first = score(name, pixel, reference)
    assert score(name, factor * pixel, reference) == pytest.approx(first, rel=1e-9, abs=1e-9, nan_ok=True)
    assert score(name, pixel, factor * reference) == pytest.approx(first, rel=1e-9, abs=1e-9, nan_ok=True)


@laws
@given(pixel=lit, reference=lit, offset=st.floats(-1, 1))
def test_an_offset_changes_no_correlation(pixel, reference, offset):
    pixel = pixel + np.linspace(0, 1, N_BANDS)  # never nearly constant
    assert score("correlation", pixel + offset, reference) == pytest.approx(
        score("correlation", pixel, reference), rel=1e-6, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("name", ["sam", "sid", "cosine", "euclidean", "rmse", "correlation", "sid_sam", "ns3"])
@laws
@given(pixel=lit, reference=lit, used=holes)
def test_pixel_and_reference_may_change_places(name, pixel, reference, used):
    pixel = np.where(used, pixel, np.nan)
    swapped = score(name, reference, pixel)
    assert score(name, pixel, reference) == pytest.approx(swapped, rel=1e-9, abs=1e-12, nan_ok=True)


@laws
@given(pixel=anything, reference=anything, used=holes)
def test_euclidean_is_rmse_times_the_root_of_the_number_of_bands(pixel, reference, used):
    seen = METRICS["rmse"].evaluate(np.where(used, pixel, np.nan), reference)
    assert score("euclidean", np.where(used, pixel, np.nan), reference) == pytest.approx(
        seen.values[0] * np.sqrt(seen.n_bands[0]))
    assert seen.n_bands[0] == used.sum()


@laws
@given(pixel=anything, reference=anything, used=holes)
def test_values_stay_in_their_range(pixel, reference, used):
    pixel = np.where(used, pixel, np.nan)
    for name, low, high in (("sam", 0, np.pi), ("cosine", -1, 1), ("correlation", -1, 1), ("ace", -1, 1),
                            ("euclidean", 0, np.inf), ("rmse", 0, np.inf), ("ns3", 0, np.inf)):
        value = score(name, pixel, reference)
        assert np.isnan(value) or low <= value <= high, name


@laws
@given(pixel=lit, reference=lit)
def test_a_divergence_is_never_negative_and_its_products_follow_their_definitions(pixel, reference):
    sid, sam = score("sid", pixel, reference), score("sam", pixel, reference)
    assert sid >= 0
    assert score("sid_sam", pixel, reference) == pytest.approx(sid * np.tan(sam))
    assert score("ns3", pixel, reference) == pytest.approx(
        np.hypot(score("rmse", pixel, reference), 1 - score("cosine", pixel, reference)), abs=1e-12)


@laws
@given(target=anything, used=holes)
def test_the_mean_scores_zero_and_the_target_one(target, used):
    middle, whole = np.where(used, SCENE.mean, np.nan), np.where(used, target, np.nan)
    assert score("matched_filter", middle, target) == pytest.approx(0, abs=1e-9)
    assert score("matched_filter", whole, target) == pytest.approx(1)
    assert score("ace", whole, target) == pytest.approx(1)
    if np.nanmax(np.abs(whole)) > 0:
        assert score("cem", whole, target) == pytest.approx(1)


@laws
@given(target=anything, pixel=anything, factor=factors)
def test_the_matched_filter_is_linear_and_ace_has_its_sign(target, pixel, factor):
    filtered, coherence = score("matched_filter", pixel, target), score("ace", pixel, target)
    mixed = SCENE.mean + factor * (pixel - SCENE.mean)
    assert score("matched_filter", mixed, target) == pytest.approx(factor * filtered, rel=1e-9, abs=1e-9)
    assert np.sign(coherence) == np.sign(filtered) or abs(coherence) < 1e-20
    opposite = 2 * SCENE.mean - pixel
    assert score("ace", opposite, target) == pytest.approx(-coherence, abs=1e-9)
