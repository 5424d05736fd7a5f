"""Which way a metric counts: what is accepted, what matches better, and what brightness does to it."""

import numpy as np
import pytest
from pixel_spectra.core.background import estimate_background
from pixel_spectra.core.metrics import METRICS

SCENE = estimate_background(np.random.default_rng(0).uniform(0.1, 0.6, (80, 5)))
PIXEL = np.array([0.10, 0.25, 0.20, 0.40, 0.30])
SIGMA = np.full(5, 0.01)
REFERENCE = np.array([0.20, 0.30, 0.35, 0.30, 0.45])


def test_at_the_threshold_is_accepted_and_so_is_better():
    assert METRICS["sam"].accepts([0.1, 0.2, 0.3], 0.2).tolist() == [True, True, False]
    assert METRICS["cosine"].accepts([0.1, 0.2, 0.3], 0.2).tolist() == [False, True, True]


@pytest.mark.parametrize("name", sorted(METRICS))
def test_what_has_no_score_is_never_accepted(name):
    worst = np.inf if METRICS[name].better == "lower" else -np.inf
    assert METRICS[name].accepts([np.nan, 0.5], worst).tolist() == [False, True]
    assert METRICS[name].accepts([0.5], np.nan).tolist() == [False]


def test_the_percentile_counts_what_matches_strictly_worse():
    assert METRICS["sam"].percentile(0.1, [0.05, 0.1, 0.2, 0.3]) == 50.0
    assert METRICS["cosine"].percentile(0.1, [0.05, 0.1, 0.2, 0.3]) == 25.0


@pytest.mark.parametrize(("name", "best", "worst"), [("sam", 0.0, 3.0), ("cosine", 1.0, -1.0)])
def test_a_hundred_is_the_best_whatever_the_direction(name, best, worst):
    sample = [0.1, 0.2, 0.3]
    assert METRICS[name].percentile(best, sample) == 100.0
    assert METRICS[name].percentile(worst, sample) == 0.0


def test_the_percentile_passes_over_what_has_no_score():
    assert METRICS["sam"].percentile(0.1, [np.nan, 0.2, np.inf, 0.05]) == 50.0


@pytest.mark.parametrize(("value", "sample"), [(np.nan, [0.1, 0.2]), (0.1, []), (0.1, [np.nan, np.nan])])
def test_no_percentile_without_a_value_or_a_sample(value, sample):
    assert np.isnan(METRICS["sam"].percentile(value, sample))


@pytest.mark.parametrize("name", sorted(METRICS))
@pytest.mark.parametrize(("of_pixel", "of_reference"), [(2.0, 1.0), (1.0, 2.0)])
def test_a_metric_is_blind_to_brightness_where_it_says_so_and_nowhere_else(name, of_pixel, of_reference):
    metric = METRICS[name]
    plain = metric(PIXEL, REFERENCE, background=SCENE, uncertainty=SIGMA)[0]
    brighter = metric(of_pixel * PIXEL, of_reference * REFERENCE, background=SCENE, uncertainty=SIGMA)[0]
    asked = of_reference == 1.0 or "reference" in metric.needs
    assert (brighter == pytest.approx(plain, rel=1e-9)) == (metric.scale_invariant or not asked)


def test_these_metrics_compare_shapes_alone():
    assert sorted(name for name in METRICS if METRICS[name].scale_invariant) == [
        "band_depth", "correlation", "cosine", "feature_fit", "sam", "sid", "sid_sam"]
