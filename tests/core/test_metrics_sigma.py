"""How sure a score is: first order against closed forms, and everything against Monte Carlo."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pixel_spectra.core.background import estimate_background
from pixel_spectra.core.errors import Cancelled, MetricError
from pixel_spectra.core.metrics import METRICS, propagation
from pixel_spectra.core.metrics.metric import MetricRegistry

NAN = np.nan
N_BANDS = 60
DRAWS = 20_000
"""The standard deviation of so many normal scores is known to 0.5 %, of those that scatter as squares to 1.2 %."""
TOLERANCE = 0.05
WITH_GRADIENT = [name for name, metric in METRICS.items() if metric.gradient and "uncertainty" not in metric.needs]
"""Without those whose weights are the errors themselves: chi_square has its closed form here."""


def sigma(name, pixels, reference, errors, scene=None):
    return METRICS[name].evaluate(pixels, reference, background=scene, uncertainty=errors).sigma


def by_monte_carlo(name, pixel, reference, errors, scene=None, seed=99):
    """The scatter of the scores of copies of `pixel` with errors, drawn apart from what is tested."""
    copies = pixel + errors * np.random.default_rng(seed).standard_normal((DRAWS, len(pixel)))
    scores = METRICS[name](copies, reference, background=scene, uncertainty=errors)
    return np.nanstd(scores, ddof=1)


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(4)
    return estimate_background(np.cumsum(rng.normal(0, 0.02, (400, N_BANDS)), axis=1) + 0.3)


def reference_and_errors(kind):
    rng = np.random.default_rng(8)
    reference = 0.3 + 0.1 * np.sin(np.arange(N_BANDS) / 5)
    errors = np.full(N_BANDS, 0.01) if kind == "even" else np.minimum(0.04, 0.005 * np.exp(rng.normal(0, 1, N_BANDS)))
    return reference, errors, rng.normal(size=N_BANDS) * errors


# --- closed forms ---

def test_an_angle_is_as_unsure_as_its_plane_says():
    """At right angles to the pixel a step of 0.01 turns it by 0.01 over its length; along it, not at all."""
    assert sigma("sam", [[2.0, 0.0]], [1, 1], [0.02, 0.01]) == pytest.approx([0.005], rel=1e-12)
    assert sigma("cosine", [[2.0, 0.0]], [1, 1], [0.01, 0.01]) == pytest.approx([0.005 * np.sqrt(0.5)], rel=1e-12)


def test_a_distance_is_as_unsure_as_the_errors_along_it():
    """The difference (0.3, 0.4) has the direction (0.6, 0.8)."""
    expected = np.hypot(0.6 * 0.01, 0.8 * 0.02)
    assert sigma("euclidean", [[0.4, 0.6]], [0.1, 0.2], [0.01, 0.02]) == pytest.approx([expected], rel=1e-12)
    assert sigma("rmse", [[0.4, 0.6]], [0.1, 0.2], [0.01, 0.02]) == pytest.approx([expected / np.sqrt(2)], rel=1e-12)


def test_a_linear_filter_carries_errors_by_its_weights(scene):
    pixel, target, errors = np.full(N_BANDS, 0.3), 0.3 + 0.1 * np.cos(np.arange(N_BANDS)), np.full(N_BANDS, 0.01)
    for name in ("matched_filter", "cem"):
        at_zero = METRICS[name](np.zeros(N_BANDS), target, background=scene)
        weights = METRICS[name](np.eye(N_BANDS), target, background=scene) - at_zero
        assert sigma(name, pixel, target, errors, scene) == pytest.approx([0.01 * np.linalg.norm(weights)], rel=1e-9)


@pytest.mark.parametrize("deviation", [0.0, 0.5, 1.0, 2.0, 5.0, 20.0])
def test_chi_square_has_the_scatter_of_the_noncentral_distribution(deviation):
    """n chi2 about a deviation d in each of n bands has the variance 2 n + 4 n d**2; from the deviation of 2.8 on first
    order, the second of these terms, is within 3 % of it; below it is drawn."""
    reference, errors, _ = reference_and_errors("uneven")
    pixel = reference + deviation * errors
    assert METRICS["chi_square"](pixel, reference, uncertainty=errors) == pytest.approx([deviation**2], abs=1e-9)
    expected = np.sqrt(2 * N_BANDS + 4 * N_BANDS * deviation**2) / N_BANDS
    assert sigma("chi_square", pixel, reference, errors) == pytest.approx([expected], rel=TOLERANCE)


def test_the_angle_of_equal_spectra_has_the_scatter_of_a_chi_distribution():
    """n - 1 directions at right angles: the standard deviation of their length is near 1 / sqrt 2 of one of them."""
    pixel = np.full(N_BANDS, 0.3)
    one = 0.003 / np.linalg.norm(pixel)
    assert sigma("sam", pixel, pixel, np.full(N_BANDS, 0.003)) == pytest.approx([one / np.sqrt(2)], rel=TOLERANCE)


# --- Monte Carlo ---

@pytest.mark.parametrize("kind", ["even", "uneven"])
@pytest.mark.parametrize("size", [0, 1, 2, 4, 8, 20])
@pytest.mark.parametrize("name", METRICS)
def test_within_five_percent_of_monte_carlo_however_far_from_the_reference(name, size, kind, scene):
    """`size` is the length of the difference in that of one draw of the errors."""
    reference, errors, difference = reference_and_errors(kind)
    pixel = 1.1 * reference + size * difference
    seen = METRICS[name].evaluate(pixel, reference, background=scene, uncertainty=errors)
    expected = by_monte_carlo(name, pixel, reference, errors, scene) if np.isfinite(seen.values[0]) else NAN
    assert seen.sigma[0] == pytest.approx(expected, rel=TOLERANCE, nan_ok=True)
    assert np.isfinite(expected) or METRICS[name].positive_bands


@pytest.mark.parametrize("name", WITH_GRADIENT)
def test_gradients_are_those_of_small_steps_and_nothing_in_holes(name, scene):
    """Errors in one band at a time give the absolute slope by that band; central differences are exact to 1e-7."""
    rng = np.random.default_rng(3)
    reference, _, _ = reference_and_errors("even")
    pixel = reference * rng.uniform(0.7, 1.3, N_BANDS)
    pixel[[5, 17]] = NAN
    step, size, given = 1e-5 * np.eye(N_BANDS), 1e-5, {"background": scene, "uncertainty": np.full(N_BANDS, 0.01)}
    slopes = (METRICS[name](pixel + step, reference, **given) - METRICS[name](pixel - step, reference, **given)) / 2e-5
    seen = [sigma(name, pixel, reference, size * (np.arange(N_BANDS) == band), scene)[0] for band in range(N_BANDS)]
    assert np.array(seen) / size == pytest.approx(np.abs(slopes), rel=1e-5, abs=1e-7 * np.abs(slopes).max())
    assert seen[5] == seen[17] == 0


def test_no_angle_is_as_sure_as_first_order_says_near_zero():
    """There the gradient promises one step's σ, and the truth is 1 / sqrt 2 of it: first order is left in time."""
    reference, errors, difference = reference_and_errors("even")
    one = 0.01 / np.linalg.norm(1.1 * reference)
    sizes = np.array([0.1, 1, 3, 30])
    seen = sigma("sam", 1.1 * reference + sizes[:, None] * difference, reference, errors) / one
    assert seen[0] == pytest.approx(np.sqrt(0.5), rel=TOLERANCE)
    assert seen[:3].tolist() == sorted(seen[:3])


# --- laws ---

lit = arrays(np.float64, 6, elements=st.floats(0.05, 1.0))
small = arrays(np.float64, 6, elements=st.floats(1e-6, 1e-4))
SMALL_SCENE = estimate_background(np.random.default_rng(0).normal(0.3, 0.1, (80, 6)))


@pytest.mark.parametrize("name", WITH_GRADIENT)
@given(pixel=lit, reference=lit, errors=small)
def test_twice_the_error_is_twice_the_sigma_where_first_order_holds(name, pixel, reference, errors):
    assume(METRICS["sam"](pixel, reference)[0] > 0.2 and METRICS["correlation"](pixel, reference)[0] ** 2 < 0.9)
    assume(abs(METRICS["ace"](pixel, reference, background=SMALL_SCENE)[0]) > 0.05)
    once, twice = (sigma(name, pixel, reference, factor * errors, SMALL_SCENE)[0] for factor in (1, 2))
    assert twice == pytest.approx(2 * once, rel=1e-9)


@pytest.mark.parametrize("name", WITH_GRADIENT)
@given(pixel=lit, reference=lit)
def test_without_error_a_score_is_sure(name, pixel, reference):
    seen = METRICS[name].evaluate(pixel, reference, background=SMALL_SCENE, uncertainty=np.zeros(6))
    assert seen.sigma[0] == pytest.approx(0, abs=1e-12) or np.isnan(seen.values[0])


@given(pixel=lit, reference=lit, errors=small)
def test_chi_square_is_the_squared_distance_where_all_errors_are_alike(pixel, reference, errors):
    same = np.full(6, errors[0])
    assert METRICS["chi_square"](pixel, reference, uncertainty=same)[0] == pytest.approx(
        (METRICS["rmse"](pixel, reference)[0] / errors[0]) ** 2)


@given(pixel=lit, direction=lit, factor=st.floats(0, 100))
def test_rx_is_zero_at_the_mean_and_grows_with_the_square_of_the_distance(pixel, direction, factor):
    at_mean, once, further = METRICS["rx"](SMALL_SCENE.mean + np.outer([0, 1, factor], pixel - direction),
                                           background=SMALL_SCENE)
    assert at_mean == pytest.approx(0, abs=1e-12)
    assert further == pytest.approx(factor**2 * once, rel=1e-9, abs=1e-9)


# --- what there is none for ---

def test_without_uncertainty_there_is_no_sigma():
    assert METRICS["sam"].evaluate([0.2, 0.3], [0.3, 0.1]).sigma is None


def test_a_value_that_is_undefined_has_no_sigma():
    seen = METRICS["sam"].evaluate([[NAN, NAN], [0, 0], [0.2, 0.3]], [0.3, 0.1], uncertainty=[0.01, 0.01])
    assert np.isfinite(seen.sigma).tolist() == [False, False, True] and seen.notes == ()


@pytest.mark.parametrize("missing", [NAN, -9999.0, np.inf])
def test_a_band_without_uncertainty_leaves_the_score_and_takes_its_sigma(missing):
    errors = [[0.01, 0.01, 0.01], [0.01, missing, 0.01], [0.01, 0.01, missing]]
    seen = METRICS["rmse"].evaluate([[0.2, 0.3, 0.1], [0.2, 0.3, 0.1], [0.2, 0.3, NAN]], [0.3, 0.1, 0.4],
                                    uncertainty=errors)
    assert np.isfinite(seen.values).all() and np.isfinite(seen.sigma).tolist() == [True, False, True]
    assert seen.notes == ("1 of 3 pixels have no σ, because a band that they use has no uncertainty.",)


@pytest.mark.parametrize("missing", [NAN, -9999.0, 0.0])
def test_chi_square_leaves_out_bands_without_weight(missing):
    seen = METRICS["chi_square"].evaluate([0.2, 0.5, 0.1], [0.3, 0.1, 0.4], uncertainty=[0.1, missing, 0.1])
    assert seen.n_bands.tolist() == [2] and seen.values == pytest.approx([(1 + 9) / 2])
    assert np.isfinite(seen.sigma[0])


def test_a_metric_without_a_gradient_is_drawn():
    table = MetricRegistry("metric", MetricError)

    @table.register("total", better="lower", unit="1", needs=(), quantity="any", title="Total", source="this test")
    def total(block):
        """Add up."""
        return block.x.sum(axis=1)

    pixel, errors = np.full((1, 4), 0.3), np.array([0.01, 0.02, 0.02, 0.04])
    assert table["total"].evaluate(pixel, uncertainty=errors).sigma == pytest.approx([0.05], rel=TOLERANCE)

    @table.gradient("total")
    def total_gradient(block):
        return np.ones_like(block.x)

    assert table["total"].evaluate(pixel, uncertainty=errors).sigma == pytest.approx([0.05], rel=1e-12)


# --- draws ---

def test_the_same_pixel_always_gets_the_same_sigma():
    reference, errors, difference = reference_and_errors("even")
    pixels = reference + np.array([[0.5], [1.0], [30.0]]) * difference
    together = sigma("sam", pixels, reference, errors)
    np.testing.assert_array_equal(sigma("sam", pixels, reference, errors), together)
    assert [sigma("sam", pixel, reference, errors)[0] for pixel in pixels] == pytest.approx(together, rel=1e-12)


@pytest.mark.parametrize("name", ["sam", "feature_fit", "ace"])
def test_a_sigma_does_not_hang_on_its_company(name, scene):
    reference, errors, difference = reference_and_errors("even")
    pixel = reference + 0.3 * difference
    company = np.random.default_rng(5).uniform(0.2, 0.4, (400, N_BANDS))
    alone = sigma(name, pixel, reference, errors, scene)[0]
    assert sigma(name, np.vstack([company, pixel]), reference, errors, scene)[-1] == pytest.approx(alone, rel=1e-9)


@pytest.mark.parametrize("n_bands, n_draws", [(5, 2000), (60, 2000), (100, 1200), (285, 427), (320, 480), (426, 639)])
def test_a_pixel_of_fewer_bands_is_drawn_more_often_and_each_more_often_than_it_has_bands(n_bands, n_draws):
    assert propagation._draws_for(n_bands) == n_draws
    noise = propagation._normal(n_draws, n_bands)
    assert noise.std(axis=0) == pytest.approx(np.ones(n_bands), abs=0.06)
    assert (noise**2).sum(axis=1).mean() == pytest.approx(n_bands, rel=1e-3)


def test_the_lengths_of_draws_scatter_as_those_of_normal_numbers():
    """Of 285 numbers the sum of squares has the variance 2 * 285."""
    squares = (propagation._normal(427, 285) ** 2).sum(axis=1)
    assert squares.var() == pytest.approx(570, rel=0.02)


@pytest.mark.parametrize("name", ["sam", "feature_fit", "band_depth", "rx", "ace", "chi_square"])
def test_emit_spectra_get_a_sigma_within_a_few_percent(name):
    """285 bands and 427 draws, beside the reference, where every score is drawn: 2 % is promised on the whole."""
    rng = np.random.default_rng(2)
    background = estimate_background(np.cumsum(rng.normal(0, 0.02, (1600, 285)), axis=1) + 0.3)
    reference = 0.3 + 0.1 * np.sin(np.arange(285) / 15)
    errors = np.full(285, 0.01)
    pixel = reference + 0.3 * errors * rng.normal(size=285)
    expected = by_monte_carlo(name, pixel, reference, errors, background)
    assert sigma(name, pixel, reference, errors, background)[0] == pytest.approx(expected, rel=TOLERANCE)


@pytest.mark.parametrize("above, drawn", [(4.0, 1), (6.0, 0)])
def test_a_band_near_zero_is_drawn_by_a_metric_that_may_lose_it(monkeypatch, above, drawn):
    """One band so many σ above zero, which hardly counts, among bands that are straight."""
    reference, errors = np.full(N_BANDS, 0.3), np.full(N_BANDS, 1e-4)
    pixel = reference * np.linspace(0.5, 1.5, N_BANDS)
    reference[7], errors[7] = 1e-6, 1e-6
    pixel[7] = above * errors[7]
    rows = []
    draw = propagation._monte_carlo
    monkeypatch.setattr(propagation, "_monte_carlo", lambda *given: rows.append(len(given[4])) or draw(*given))
    assert np.isfinite(sigma("sid", pixel, reference, errors)[0])
    assert rows == [drawn]


def test_drawing_can_be_cancelled():
    class Stop:
        cancelled = False

        def report(self, fraction, message=""):
            self.cancelled = message == "Finding out how sure the scores are"

    with pytest.raises(Cancelled):
        METRICS["sam"].evaluate(np.full((3, 5), 0.3), np.full(5, 0.3), uncertainty=np.full(5, 0.01), progress=Stop())


def test_progress_only_goes_forward():
    class Heard:
        cancelled = False
        fractions = []

        def report(self, fraction, message=""):
            self.fractions.append(fraction)

    heard, n = Heard(), 600 * 64
    pixels = np.full((n, 3), 0.3)
    pixels[:, 0] += np.where(np.arange(n) < n - 5, 0.2, 0.0)  # five that are equal to the reference are drawn
    METRICS["sam"].evaluate(pixels, np.full(3, 0.3), uncertainty=np.full(3, 1e-3), progress=heard)
    assert heard.fractions == sorted(heard.fractions) and len(heard.fractions) > 5
    assert heard.fractions[0] < 0.2 <= heard.fractions[-1] <= 1
