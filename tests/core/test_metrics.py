"""What a metric promises: literal values, masked bands, counts, refusals, metadata."""

import math
import warnings

import numpy as np
import pytest
from pixel_spectra.core.background import estimate_background
from pixel_spectra.core.errors import MetricError
from pixel_spectra.core.metrics import METRICS, Metric
from pixel_spectra.core.metrics.block import ROWS
from pixel_spectra.core.metrics.metric import MetricRegistry

NAN = np.nan
NAMES = ["sam", "sid", "cosine", "euclidean", "rmse", "correlation", "sid_sam", "ns3", "matched_filter", "ace", "cem",
         "chi_square", "rx", "feature_fit", "band_depth"]
SAMPLES = np.random.default_rng(1).normal(0.3, 0.05, (60, 4))
SIGMA = np.array([0.02, 0.01, 0.03, 0.015])


def score(name, pixel, reference):
    return float(METRICS[name](pixel, reference)[0])


# --- literal cases ---

def test_sam_of_the_textbook_case_in_degrees():
    angle = score("sam", [100, 200, 300, 400, 500], [0.2, 0.4, 1, 0.8, 1.0])
    assert math.degrees(angle) == pytest.approx(12.536956571873635, abs=1e-12)


def test_sid_and_sam_of_the_hand_computed_case():
    assert score("sid", [1, 2, 3, 4], [2, 3, 4, 5]) == pytest.approx(0.02182562747705131, rel=1e-13)
    assert score("sam", [1, 2, 3, 4], [2, 3, 4, 5]) == pytest.approx(0.11134101434096323, rel=1e-13)
    assert score("sid_sam", [1, 2, 3, 4], [2, 3, 4, 5]) == pytest.approx(
        0.02182562747705131 * math.tan(0.11134101434096323), rel=1e-13)


@pytest.mark.parametrize(("name", "pixel", "reference", "expected"), [
    ("sam", [1, 0], [1, 1], math.pi / 4),
    ("sam", [1, 0], [0, 1], math.pi / 2),
    ("sam", [1, 1], [-1, -1], math.pi),
    ("cosine", [1, 0], [1, 1], math.sqrt(0.5)),
    ("cosine", [0.1, 0.2, 0.3], [0.2, 0.4, 0.6], 1.0),
    ("cosine", [1, 2], [-1, -2], -1.0),
    ("euclidean", [0, 0], [3, 4], 5.0),
    ("euclidean", [0.25], [1], 0.75),
    ("rmse", [0, 0], [3, 4], 5 / math.sqrt(2)),
    ("correlation", [1, 2, 3], [3, 2, 1], -1.0),
    ("correlation", [1, 2, 3], [12, 14, 16], 1.0),
    ("correlation", [1, 2, 1, 2], [1, 1, 2, 2], 0.0),
    ("sid", [1, 3], [3, 1], math.log(3)),
    ("sid", [1, 3], [2, 6], 0.0),
    ("ns3", [1, 0], [0, 1], math.sqrt(1 + 1)),
    ("ns3", [2, 2], [1, 1], 1.0),
])
def test_value_written_out(name, pixel, reference, expected):
    assert score(name, pixel, reference) == pytest.approx(expected, rel=1e-15, abs=1e-15)


def test_covariance_metrics_of_a_background_worked_out_by_hand():
    """Mean (0, 0), covariance diag(2/3, 8/3), R = diag(1/2, 2): weights are the target over the variance."""
    samples = [[1, 0], [-1, 0], [0, 2], [0, -2]] * 3  # 12 samples >= 5 x 2 bands: nothing is shrunk
    pixels, target = [[1, 0], [0, 2], [1, 2], [-1, -2]], [1, 2]
    assert METRICS["matched_filter"](pixels, target, background=samples) == pytest.approx([0.5, 0.5, 1, -1])
    assert METRICS["ace"](pixels, target, background=samples) == pytest.approx([0.5, 0.5, 1, -1])
    assert METRICS["cem"](pixels, target, background=samples) == pytest.approx([0.5, 0.5, 1, -1])


def test_cem_does_not_remove_the_mean_and_the_matched_filter_does():
    target = np.array([0.2, 0.5, 0.3, 0.6])
    assert METRICS["cem"](1.7 * target, target, background=SAMPLES)[0] == pytest.approx(1.7)
    middle = SAMPLES.mean(axis=0)
    assert METRICS["matched_filter"](middle + 1.7 * (target - middle), target, background=SAMPLES)[0] == (
        pytest.approx(1.7))


# --- masked bands ---

@pytest.mark.parametrize("name", METRICS)
def test_a_masked_band_equals_a_band_that_was_never_there(name):
    pixel, target = np.array([0.2, 0.3, 0.1, 0.5]), np.array([0.3, 0.1, 0.4, 0.6])
    pixels = [[0.2, NAN, 0.1, 0.5], [0.2, 0.3, np.inf, 0.5], pixel]
    seen = METRICS[name].evaluate(pixels, target, background=SAMPLES, uncertainty=SIGMA)
    for row, bands in enumerate(([0, 2, 3], [0, 1, 3], [0, 1, 2, 3])):
        alone = METRICS[name](pixel[bands], target[bands], background=SAMPLES[:, bands], uncertainty=SIGMA[bands])
        assert seen.values[row] == pytest.approx(alone[0], rel=1e-12)
    assert seen.n_bands.tolist() == [3, 3, 4]


@pytest.mark.parametrize("name", [name for name in METRICS if "reference" in METRICS[name].needs])
def test_a_hole_in_the_reference_masks_the_band_for_every_pixel(name):
    target = [0.3, NAN, 0.4, 0.6]
    seen = METRICS[name].evaluate([[0.2, 0.3, 0.1, 0.5], [0.2, NAN, 0.1, 0.5]], target, background=SAMPLES,
                                  uncertainty=SIGMA)
    assert seen.values[0] == seen.values[1]
    assert seen.n_bands.tolist() == [3, 3]


@pytest.mark.parametrize("name", [name for name in METRICS if "background" in METRICS[name].needs])
def test_a_band_without_background_statistics_is_not_used(name):
    samples = np.where([True, False, True, True], SAMPLES, NAN)
    seen = METRICS[name].evaluate([[0.2, 0.3, 0.1, 0.5]], [0.3, 0.1, 0.4, 0.6], background=samples)
    alone = METRICS[name]([0.2, 0.1, 0.5], [0.3, 0.4, 0.6], background=SAMPLES[:, [0, 2, 3]])
    assert seen.n_bands.tolist() == [3]
    assert seen.values[0] == pytest.approx(alone[0], rel=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_a_pixel_without_valid_bands_has_no_value_and_no_bands(name):
    seen = METRICS[name].evaluate([[NAN] * 4, [0.2, 0.3, 0.1, 0.5]], [0.3, 0.1, 0.4, 0.6], background=SAMPLES,
                                  uncertainty=SIGMA)
    assert np.isnan(seen.values[0]) and np.isfinite(seen.values[1])
    assert seen.n_bands.tolist() == [0, 4]


@pytest.mark.parametrize("name", METRICS)
def test_one_band_is_enough_for_amplitudes_but_not_for_shapes(name):
    seen = METRICS[name].evaluate([0.2, NAN, NAN, NAN], [0.3, 0.1, 0.4, 0.6], background=SAMPLES, uncertainty=SIGMA)
    assert np.isfinite(seen.values[0]) == (
        name in {"euclidean", "rmse", "matched_filter", "cem", "chi_square", "rx"})
    assert seen.n_bands.tolist() == [1]


@pytest.mark.parametrize("name", METRICS)
def test_pixels_of_different_patterns_keep_their_order_across_blocks(name):
    rng = np.random.default_rng(5)
    pixels = rng.uniform(0.1, 0.6, (2 * ROWS + 37, 4))
    pixels[rng.random(pixels.shape) < 0.2] = NAN
    target = [0.3, 0.1, 0.4, 0.6]
    scene = estimate_background(SAMPLES)
    together = METRICS[name](pixels, target, background=scene, uncertainty=SIGMA)
    alone = [METRICS[name](pixel, target, background=scene, uncertainty=SIGMA)[0] for pixel in pixels]
    assert together == pytest.approx(alone, rel=1e-9, abs=1e-12, nan_ok=True)


# --- where a metric is undefined ---

@pytest.mark.parametrize("name", ["sam", "cosine", "correlation", "sid", "sid_sam", "ns3"])
@pytest.mark.parametrize(("pixel", "reference"), [([0, 0, 0], [1, 2, 3]), ([1, 2, 3], [0, 0, 0])])
def test_a_spectrum_of_length_zero_has_no_direction(name, pixel, reference):
    assert math.isnan(score(name, pixel, reference))


@pytest.mark.parametrize("constant", [1.0, 0.1, 1 / 3, 1e-7])
def test_a_constant_spectrum_has_no_correlation(constant):
    flat, slope = [constant] * 7, [1, 2, 3, 4, 5, 6, 8]
    assert math.isnan(score("correlation", flat, slope))
    assert math.isnan(score("correlation", slope, flat))
    assert math.isnan(score("correlation", [*flat[:-1], NAN], slope))


def test_the_matched_filter_of_a_target_equal_to_the_mean_is_undefined():
    samples = [[1, 0], [-1, 0], [0, 2], [0, -2]] * 3
    assert np.isnan(METRICS["matched_filter"]([1, 1], [0, 0], background=samples)[0])
    assert np.isnan(METRICS["ace"]([0, 0], [1, 1], background=samples)[0])


@pytest.mark.parametrize("name", ["sid", "sid_sam"])
@pytest.mark.parametrize(("n_dark", "defined"), [(0, True), (1, True), (2, False)])
def test_sid_leaves_out_up_to_five_percent_of_bands_at_or_below_zero(name, n_dark, defined):
    """20 valid bands: one dark band is 5 %, two are more."""
    pixel, reference = np.linspace(0.1, 0.5, 21), np.linspace(0.3, 0.2, 21)
    pixel[20] = NAN
    pixel[:n_dark] = [-0.01, 0.0][:n_dark]
    seen = METRICS[name].evaluate(pixel, reference)
    assert seen.n_bands.tolist() == [20 - n_dark]
    assert np.isfinite(seen.values[0]) == defined
    if defined:
        assert seen.values[0] == pytest.approx(score(name, pixel[n_dark:20], reference[n_dark:20]))
        assert METRICS[name].evaluate(reference, pixel).values == pytest.approx(seen.values)
    assert len(seen.notes) == (n_dark > 0)


def test_the_note_of_sid_counts_what_was_left_out():
    pixels = np.full((3, 20), 0.2)
    pixels[1, 0] = pixels[2, :3] = -0.01
    assert METRICS["sid"].evaluate(pixels, np.full(20, 0.3)).notes == (
        "4 values at or below zero were left out, in 2 of 3 pixels; "
        "those with more than 5 % of them get no value: 1.",)


def test_other_metrics_use_negative_values():
    seen = METRICS["sam"].evaluate([0.2, -0.1], [0.2, 0.1])
    assert seen.n_bands.tolist() == [2] and seen.notes == ()


def test_the_shrinkage_of_a_background_is_noted():
    seen = METRICS["ace"].evaluate([0.2, 0.3, 0.1, 0.5], [0.3, 0.1, 0.4, 0.6], background=SAMPLES[:10])
    assert len(seen.notes) == 1
    assert "covariance (10 samples, 4 bands" in seen.notes[0] and "shrunk towards its diagonal" in seen.notes[0]


# --- shapes and types ---

@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_values_are_float64_and_counts_int32_whatever_comes_in(name, dtype):
    pixels = np.arange(1, 13).reshape(3, 4).astype(dtype)
    seen = METRICS[name].evaluate(pixels, np.array([4, 1, 3, 2], dtype), background=100 * SAMPLES,
                                  uncertainty=SIGMA)
    assert seen.values.dtype == np.float64 and seen.values.shape == (3,)
    assert seen.n_bands.dtype == np.int32 and seen.n_bands.tolist() == [4, 4, 4]


@pytest.mark.parametrize("name", METRICS)
def test_no_pixels_give_no_values(name):
    assert METRICS[name](np.empty((0, 4)), [1, 2, 3, 5], background=SAMPLES, uncertainty=SIGMA).shape == (0,)


@pytest.mark.parametrize("name", METRICS)
def test_nothing_warns_and_the_input_is_left_as_it_was(name):
    pixels = np.array([[0, 0, 0, 0], [NAN, 1, 2, NAN], [-1, 0, 1, 2], [1, 1, 1, 1]], np.float32)
    before, target = pixels.copy(), np.array([1, NAN, 1, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        METRICS[name].evaluate(pixels, target, background=SAMPLES, uncertainty=SIGMA)
    np.testing.assert_array_equal(pixels, before)
    np.testing.assert_array_equal(target, [1, NAN, 1, 1])


@pytest.mark.parametrize("name", [name for name in METRICS if "background" in METRICS[name].needs])
def test_samples_and_a_background_of_them_give_the_same(name):
    pixels, target = SAMPLES[:5], [0.3, 0.1, 0.4, 0.6]
    np.testing.assert_array_equal(METRICS[name](pixels, target, background=SAMPLES),
                                  METRICS[name](pixels, target, background=estimate_background(SAMPLES)))


# --- refusals ---

def test_an_unknown_metric_is_refused_with_the_known_ones():
    with pytest.raises(MetricError, match="Unknown metric 'sma'.*sam, .*matched_filter, cem, ace"):
        METRICS["sma"]


@pytest.mark.parametrize(("spectra", "reference", "message"), [
    (np.zeros((2, 2, 4)), [1, 2, 3, 4], r"not \(2, 2, 4\).*bands come last"),
    (1.0, [1.0], r"not \(\)"),
    (np.zeros((3, 0)), [], r"not \(3, 0\)"),
    (["a", "b"], [1, 2], "spectra must be real numbers"),
    ([True, False], [1, 2], "spectra must be real numbers"),
    ([1j, 2], [1, 2], "spectra must be real numbers"),
    ([1, 2, 3], None, "needs a reference spectrum"),
    ([1, 2, 3], [1, 2], r"reference has shape \(2,\) and the spectra have 3 bands"),
    ([1, 2, 3], [[1, 2, 3]], r"reference has shape \(1, 3\)"),
    ([1, 2, 3], ["x", "y", "z"], "reference must be real numbers"),
])
def test_what_cannot_be_measured_is_refused(spectra, reference, message):
    with pytest.raises(MetricError, match=message):
        METRICS["sam"](spectra, reference)


@pytest.mark.parametrize(("background", "message"), [
    (None, "needs a background"),
    (SAMPLES[:, :3], "background has 3 bands and the spectra have 4"),
    (SAMPLES[0], r"shape \(n_samples, n_bands\), not \(4,\)"),
    (SAMPLES[:1], "at least 2 are needed"),
])
@pytest.mark.parametrize("name", [name for name in METRICS if "background" in METRICS[name].needs])
def test_a_background_that_does_not_fit_is_refused(name, background, message):
    with pytest.raises(MetricError, match=message):
        METRICS[name]([1, 2, 3, 4], [1, 2, 3, 5], background=background)


@pytest.mark.parametrize("wrong", [{"better": "smaller"}, {"needs": {"luck"}}, {"statistics": "median"}])
def test_a_metric_that_declares_nonsense_is_refused_at_import(wrong):
    rules = {"better": "lower", "unit": "1", "needs": {"reference"}, "quantity": "any", "title": "T", "source": "S"}
    with pytest.raises(ValueError, match="metric 'odd'"):
        MetricRegistry("metric", MetricError).register("odd", **{**rules, **wrong})


# --- metadata ---

def test_the_table_holds_the_metrics_of_the_specification():
    assert set(METRICS) == set(NAMES)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_says_what_it_is(name):
    metric = METRICS[name]
    assert isinstance(metric, Metric) and metric.name == name
    assert metric.better in {"lower", "higher"} and metric.unit in {"rad", "nats", "reflectance", "1"}
    assert metric.quantity in {"reflectance", "any"}
    assert metric.needs <= {"reference", "background", "uncertainty", "columns"}
    assert metric.title and metric.source
    assert metric.description.endswith(".") and metric.description.count(". ") == 0


@pytest.mark.parametrize("name", [name for name in METRICS if "reference" in METRICS[name].needs])
def test_the_direction_is_the_one_in_which_the_target_itself_is_best(name):
    target = np.array([0.3, 0.1, 0.4, 0.6])
    itself, other = METRICS[name]([target, [0.5, 0.4, 0.1, 0.2]], target, background=SAMPLES, uncertainty=SIGMA)
    assert itself < other if METRICS[name].better == "lower" else itself > other


def test_a_new_metric_is_one_decorated_function():
    table = MetricRegistry("metric", MetricError)

    @table.register("greatest", better="lower", unit="reflectance", needs=["reference"], quantity="any",
                    title="Greatest difference", source="this test", min_bands=1)
    def greatest(block):
        """Greatest difference in
        any band.

        More words.
        """
        return abs(block.x - block.r).max(axis=1)

    assert table["greatest"]([[1, 5, NAN], [1, NAN, NAN]], [1, 2, 9]).tolist() == [3, 0]
    assert table["greatest"].description == "Greatest difference in any band."


@pytest.mark.parametrize(("given", "message"), [
    ({}, "'chi_square' needs the uncertainty of the spectra; give one standard deviation per value"),
    ({"uncertainty": SIGMA[:3]}, r"uncertainty has shape \(3,\) and the spectra have \(2, 4\)"),
    ({"uncertainty": np.ones((3, 4))}, r"uncertainty has shape \(3, 4\) and the spectra have \(2, 4\)"),
    ({"uncertainty": ["a"] * 4}, "uncertainty must be real numbers"),
    ({"uncertainty": SIGMA, "columns": [0]}, r"columns have shape \(1,\) and type 'int64', and there are 2 pixels"),
    ({"uncertainty": SIGMA, "columns": [0.5, 1.0]}, "type 'float64'"),
])
def test_an_uncertainty_or_a_column_that_does_not_fit_is_refused(given, message):
    with pytest.raises(MetricError, match=message):
        METRICS["chi_square"](np.ones((2, 4)), np.ones(4), **given)


def test_a_metric_may_ask_for_the_detector_columns():
    table = MetricRegistry("metric", MetricError)

    @table.register("column", better="lower", unit="1", needs={"columns"}, quantity="any", title="Column",
                    source="this test")
    def column(block):
        """Tell the column."""
        return block.columns.astype(float)

    assert table["column"](np.ones((600, 3)), columns=np.arange(600)).tolist() == list(range(600))
    with pytest.raises(MetricError, match="'column' needs the detector column of each pixel"):
        table["column"](np.ones((1, 3)))
