"""Backgrounds: statistics, shrinkage, refusals, and where the samples are taken."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pixel_spectra.core.background import estimate_background, ring, scene_sample
from pixel_spectra.core.errors import MetricError

NAN = np.nan


def samples(n, n_bands, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, n_bands)) @ rng.normal(size=(n_bands, n_bands)) + 0.5


# --- statistics ---

def test_enough_samples_are_not_shrunk():
    given_samples = samples(30, 6)  # 5 x 6
    scene = estimate_background(given_samples, seed=7, description="a ring")
    assert scene.covariance.matrix == pytest.approx(np.cov(given_samples.T))
    assert scene.autocorrelation.matrix == pytest.approx(given_samples.T @ given_samples / 30)
    assert scene.mean == pytest.approx(given_samples.mean(axis=0))
    assert scene.condition == pytest.approx(np.linalg.cond(np.cov(given_samples.T)))
    assert (scene.n, scene.n_left_out, scene.shrinkage, scene.seed, scene.description) == (30, 0, 0.0, 7, "a ring")
    assert scene.notes() == ()


def test_bands_masked_in_most_samples_and_then_samples_with_holes_are_left_out():
    given_samples = samples(40, 4)
    given_samples[:21, 1] = NAN  # more than half
    given_samples[:20, 2] = NAN  # half: the band stays, the samples go
    given_samples[39, 3] = np.inf
    scene = estimate_background(given_samples)
    assert scene.bands.tolist() == [True, False, True, True]
    assert (scene.n, scene.n_left_out) == (19, 21)
    assert np.isnan(scene.mean[1])
    assert scene.covariance.matrix == pytest.approx(np.cov(given_samples[20:39][:, [0, 2, 3]].T))
    assert scene.notes() == ("21 of 40 background samples were left out because of masked bands.",)


def test_float32_samples_far_from_zero_lose_no_digits():
    given_samples = (samples(60, 5) + 1000).astype(np.float32)
    assert estimate_background(given_samples).covariance.matrix == pytest.approx(
        np.cov(given_samples.astype(np.float64).T), rel=1e-9)


@pytest.mark.parametrize("statistics", ["covariance", "autocorrelation"])
def test_the_whitener_inverts_the_sub_matrix_of_the_bands_and_is_kept(statistics):
    scene = estimate_background(samples(60, 5))
    bands = np.array([True, False, True, True, False])
    whitener = scene.whitener(bands, statistics)
    matrix = scene.moment(statistics).matrix[np.ix_(bands, bands)]
    assert whitener.matrix.T @ whitener.matrix == pytest.approx(np.linalg.inv(matrix))
    assert whitener.bands.tolist() == bands.tolist()
    assert scene.whitener(bands.copy(), statistics) is whitener


def test_few_whiteners_are_kept():
    scene = estimate_background(samples(60, 5))
    for number in range(1, 32):
        scene.whitener(np.array([bool(number >> band & 1) for band in range(5)]))
    assert len(scene._whiteners) <= 8


def test_a_background_can_be_pickled():
    scene = estimate_background(samples(60, 5))
    assert pickle.loads(pickle.dumps(scene)).covariance.matrix == pytest.approx(scene.covariance.matrix)


# --- shrinkage ---

def schaefer_strimmer(deviations, lost):
    """The intensity of target D, element by element as the paper writes it."""
    n, n_bands = deviations.shape
    above = below = 0.0
    for i in range(n_bands):
        for j in set(range(n_bands)) - {i}:
            products = deviations[:, i] * deviations[:, j]
            above += n / ((n - 1) * (n - lost) ** 2) * ((products - products.mean()) ** 2).sum()
            below += (products.sum() / (n - lost)) ** 2
    return min(1.0, above / below)


@pytest.mark.parametrize("n", [29, 12, 6, 3])
def test_few_samples_are_shrunk_by_the_closed_form(n):
    given_samples = samples(n, 6)
    scene = estimate_background(given_samples)
    deviations = given_samples - given_samples.mean(axis=0)
    expected = schaefer_strimmer(deviations, 1)
    covariance = np.cov(given_samples.T)
    assert expected > 0 and scene.condition <= 1e8
    assert scene.shrinkage == pytest.approx(expected)
    assert scene.covariance.matrix == pytest.approx(
        (1 - expected) * covariance + expected * np.diag(np.diag(covariance)))
    assert scene.autocorrelation.shrinkage == pytest.approx(schaefer_strimmer(given_samples, 0))
    assert f"{n} samples, 6 bands" in scene.notes()[0] and f"diagonal by {expected:.3g}" in scene.notes()[0]


def test_two_samples_are_shrunk_by_the_condition_number_alone():
    """Their products of deviations are equal, so the closed form sees no uncertainty."""
    scene = estimate_background(samples(2, 6))
    assert 1e-6 <= scene.shrinkage < 1 and scene.condition <= 1e8 < scene.covariance.raw_condition


def test_collinear_bands_are_shrunk_in_tenfold_steps_until_the_condition_number_is_met():
    given_samples = samples(100, 4)
    given_samples[:, 3] = given_samples[:, 2] * (1 + 1e-9 * np.arange(100))
    scene = estimate_background(given_samples)
    assert scene.covariance.raw_condition > 1e8 >= scene.condition
    steps = [10.0**power for power in range(-6, 1)]
    enough = [step for step in steps if shrunk_condition(given_samples, step) <= 1e8]
    assert scene.shrinkage == pytest.approx(enough[0])


def shrunk_condition(given_samples, shrinkage):
    covariance = np.cov(given_samples.T)
    return np.linalg.cond((1 - shrinkage) * covariance + shrinkage * np.diag(np.diag(covariance)))


def test_a_closed_form_that_is_too_weak_is_raised():
    """Three equal bands and 14 < 5 x 3 samples: the closed form alone leaves the matrix nearly singular."""
    base = samples(14, 1)
    given_samples = base + 1e-9 * samples(14, 3, seed=1)
    scene = estimate_background(given_samples)
    start = schaefer_strimmer(given_samples - given_samples.mean(axis=0), 1)
    assert scene.condition <= 1e8
    assert scene.shrinkage >= start


def test_bands_of_very_different_variance_end_with_the_diagonal():
    given_samples = samples(100, 3) * [1, 1, 1e-6]
    scene = estimate_background(given_samples)
    assert scene.shrinkage == 1 and scene.condition > 1e8
    assert scene.covariance.matrix == pytest.approx(np.diag(np.var(given_samples, axis=0, ddof=1)))


def test_the_autocorrelation_obeys_the_same_rule_by_itself():
    """Far from zero every sample looks alike: only the moment about zero needs shrinking."""
    scene = estimate_background(samples(100, 4) + 1e5)
    assert scene.shrinkage == 0 and scene.notes("covariance") == ()
    assert scene.autocorrelation.shrinkage > 0 and scene.autocorrelation.condition <= 1e8
    assert "autocorrelation" in scene.notes("autocorrelation")[0]


# --- refusals ---

@pytest.mark.parametrize(("given_samples", "message"), [
    (np.zeros(5), r"shape \(n_samples, n_bands\), not \(5,\)"),
    ([["a", "b"]], "must be numbers"),
    (np.empty((0, 4)), "at least 2 are needed"),
    ([[1.0, 2.0]], "Of 1 background samples 1 have values"),
    ([[1, 2, 3], [1, NAN, 5], [NAN, 7, 8]], "Of 3 background samples 1 have values in all of the 3 bands"),
    (np.full((9, 4), NAN), "at least 2 are needed"),
    ([[1, 2, 0.1], [2, 3, 0.1], [3, 9, 0.1]], r"does not vary in 1 of its bands \(the first is number 3\)"),
    ([[NAN, 2, 0.1], [NAN, 3, 0.1], [NAN, 9, 0.1]], "first is number 3"),
    ([[1, 2], [2, -9999], [3, 9]], "fill value -9999; mask it"),
])
def test_samples_that_tell_nothing_are_refused(given_samples, message):
    with pytest.raises(MetricError, match=message):
        estimate_background(given_samples)


# --- a sample of the scene ---

def test_a_scene_sample_never_holds_the_target_and_repeats_with_its_seed():
    first = scene_sample((4, 5), 12, 3, [0, 1, 1, 3], [0, 2, 2, 4])
    pixels = list(zip(*first))
    assert len(set(pixels)) == 12 and not set(pixels) & {(0, 0), (1, 2), (3, 4)}
    assert pixels == sorted(pixels)  # file order
    again, other = scene_sample((4, 5), 12, 3, [0, 1, 3], [0, 2, 4]), scene_sample((4, 5), 12, 4, [0, 1, 3], [0, 2, 4])
    assert pixels == list(zip(*again)) != list(zip(*other))


def test_a_scene_sample_greater_than_the_scene_is_all_that_is_free():
    downtrack, crosstrack = scene_sample((2, 3), 100, 0, [0, 1], [1, 2])
    assert list(zip(downtrack, crosstrack)) == [(0, 0), (0, 2), (1, 0), (1, 1)]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 40), st.integers(0, 99), st.data())
def test_a_scene_sample_has_the_size_asked_for_or_all_there_is(rows, columns, n, seed, data):
    taken = data.draw(st.sets(st.integers(0, rows * columns - 1), max_size=rows * columns - 1))
    downtrack, crosstrack = scene_sample((rows, columns), n, seed, *np.divmod(np.array(sorted(taken), int), columns))
    flat = downtrack * columns + crosstrack
    assert len(set(flat.tolist())) == len(flat) == min(n, rows * columns - len(taken))
    assert not set(flat.tolist()) & taken and (crosstrack < columns).all() and (downtrack < rows).all()


def test_every_free_pixel_is_drawn_equally_often():
    """4000 draws of 2 out of 8 free pixels: each is met 1000 times, give or take 5 sigma."""
    counts = np.zeros(9, int)
    for seed in range(4000):
        downtrack, crosstrack = scene_sample((3, 3), 2, seed, [1], [1])
        counts[downtrack * 3 + crosstrack] += 1
    assert counts[4] == 0
    assert np.abs(np.delete(counts, 4) - 1000).max() < 5 * np.sqrt(4000 * 0.25 * 0.75)


# --- a ring around the target ---

def test_the_first_ring_is_the_eight_neighbours():
    downtrack, crosstrack = ring((5, 5), [2], [2], 8, seed=0)
    assert sorted(zip(downtrack, crosstrack)) == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2), (3, 3)]


def test_a_ring_stops_at_the_edge_and_grows_until_it_holds_enough():
    downtrack, crosstrack = ring((3, 6), [0], [0], 5, seed=1)
    steps = np.maximum(downtrack, crosstrack)
    assert steps.tolist() == [1, 1, 1, 2, 2]
    assert list(zip(downtrack, crosstrack)) == list(zip(*ring((3, 6), 0, 0, 5, seed=1)))


def test_a_ring_greater_than_the_scene_is_all_but_the_target():
    downtrack, crosstrack = ring((4, 4), [1, 1], [1, 2], 99, seed=0)
    assert len(set(zip(downtrack, crosstrack))) == 14
    assert not {(1, 1), (1, 2)} & set(zip(downtrack, crosstrack))


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 8), st.integers(2, 8), st.integers(1, 30), st.data())
def test_a_ring_holds_the_nearest_pixels_in_order(rows, columns, n, data):
    taken = data.draw(st.sets(st.integers(0, rows * columns - 1), min_size=1, max_size=rows * columns - 1))
    target = np.stack(np.divmod(np.array(sorted(taken)), columns), axis=1)
    everywhere = np.stack(np.divmod(np.arange(rows * columns), columns), axis=1)
    steps = np.abs(everywhere[:, np.newaxis] - target).max(axis=2).min(axis=1)
    downtrack, crosstrack = ring((rows, columns), *target.T, n, seed=0)
    flat = downtrack * columns + crosstrack
    assert len(set(flat.tolist())) == len(flat) and not set(flat.tolist()) & taken
    assert steps[flat].tolist() == np.sort(steps[steps > 0])[:n].tolist()


@pytest.mark.parametrize(("choose", "message"), [
    (lambda: ring((3, 3), [], [], 4, 0), "at least one target pixel"),
    (lambda: ring((3, 3), [3], [0], 4, 0), r"\(3, 0\) lies outside the scene of 3 x 3"),
    (lambda: ring((3, 3), [0], [-1], 4, 0), r"\(0, -1\) lies outside"),
    (lambda: ring((1, 2), [0, 0], [0, 1], 4, 0), "covers all 2 pixels"),
    (lambda: ring((3, 3), [1], [1], 0, 0), "background of 0 pixels"),
    (lambda: scene_sample((1, 2), 4, 0, [0, 0], [0, 1]), "covers all 2 pixels"),
    (lambda: scene_sample((3, 3), 4, 0, [0, 9], [0, 1]), r"\(9, 1\) lies outside"),
    (lambda: scene_sample((3, 3), -1, 0), "background of -1 pixels"),
])
def test_a_background_that_cannot_be_taken_is_refused(choose, message):
    with pytest.raises(MetricError, match=message):
        choose()
