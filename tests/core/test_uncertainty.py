"""From RFLUNCERT to how sure a score is: inspect(), tables and summaries."""

import numpy as np
import pytest
from pixel_spectra.core.aoi import PixelSet
from pixel_spectra.core.errors import MetricError
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.metrics import METRICS
from pixel_spectra.core.sensors import open_granule
from shapely import MultiPoint, Point

from granules import Scene, expected_reflectance, expected_uncertainty, lonlat, write_granule, write_radiance

SCENE = Scene(downtrack=40, crosstrack=30)
KAOLINITE = "kaolinite_cm9_beckb"
PIXELS = [(20, 10), (21, 11), (25, 12)]


def files(folder, **options):
    rng = np.random.default_rng(5)
    cube = expected_reflectance(*np.indices(SCENE.shape)) + rng.normal(0, 0.02, (*SCENE.shape, 285)).astype(np.float32)
    return write_granule(folder, SCENE, reflectance=cube, **options)


@pytest.fixture(scope="module")
def granule(tmp_path_factory):
    return open_granule(files(tmp_path_factory.mktemp("g")).reflectance)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A granule without RFLUNCERT."""
    return open_granule(files(tmp_path_factory.mktemp("b"), uncertainty=False).reflectance)


@pytest.mark.parametrize("name", METRICS)
def test_every_score_carries_its_sigma(granule, name):
    seen = inspect(granule, pixels=PIXELS, reference=KAOLINITE, metric=name, uncertainty=True)
    assert seen.score_sigma.shape == (3,) and (seen.score_sigma > 0).all()
    np.testing.assert_array_equal(seen.score_sigma, seen.table().columns["distance_sigma"])


def test_the_sigma_is_that_of_the_bands_used(granule):
    """By hand: the gradient of the Euclidean distance is the unit difference."""
    seen = inspect(granule, pixels=PIXELS, reference=KAOLINITE, metric="euclidean", uncertainty=True)
    for row, used in enumerate(seen.scored.used):
        difference = (seen.spectra.values[row].astype(float) - seen.resampled.values)[used]
        errors = expected_uncertainty()[used].astype(float)
        expected = np.sqrt((difference**2 * errors**2).sum() / (difference**2).sum())
        assert seen.score_sigma[row] == pytest.approx(expected, rel=1e-6)


def test_without_asking_or_without_rfluncert_there_is_no_sigma(granule, bare):
    for seen in (inspect(granule, pixels=PIXELS, reference=KAOLINITE),
                 inspect(bare, pixels=PIXELS, reference=KAOLINITE, uncertainty=True),
                 inspect(granule, pixels=PIXELS, uncertainty=True)):
        assert seen.score_sigma is None
        assert seen.table().to_dataframe()["distance_sigma"].isna().all()


def test_off_the_swath_and_under_a_cloud_there_is_none_either(granule):
    places = MultiPoint([lonlat(SCENE, 20, 10), lonlat(SCENE, -40, 10), lonlat(SCENE, 3, 4)])
    seen = inspect(granule, places, reference=KAOLINITE, uncertainty=True)
    assert np.isfinite(seen.score_sigma).tolist() == [True, False, False]
    assert seen.table().to_dataframe()["distance_sigma"].isna().tolist() == [False, True, True]


@pytest.mark.parametrize("name", METRICS)
def test_an_inspection_without_it_can_be_given_it(granule, name):
    """Also with a background of its own, which is used again."""
    given = {"pixels": PIXELS, "reference": KAOLINITE, "metric": name, "background": "ring"}
    later, once = inspect(granule, **given).with_uncertainty(), inspect(granule, **given, uncertainty=True)
    np.testing.assert_array_equal(later.score_sigma, once.score_sigma)
    np.testing.assert_array_equal(later.scores, once.scores)
    np.testing.assert_array_equal(later.spectra.uncertainty, once.spectra.uncertainty)


def test_where_there_is_none_nothing_changes(granule, bare):
    seen = inspect(bare, pixels=PIXELS, reference=KAOLINITE)
    assert seen.with_uncertainty() is seen
    assert inspect(granule, pixels=PIXELS).with_uncertainty().spectra.uncertainty is not None


# --- metrics that need an uncertainty, or no reference ---

def test_chi_square_reads_the_uncertainty_unasked(granule):
    seen = inspect(granule, pixels=PIXELS, reference=KAOLINITE, metric="chi_square")
    used = seen.scored.used[0]
    deviations = (seen.spectra.values[0].astype(float) - seen.resampled.values)[used] / expected_uncertainty()[used]
    assert seen.scores[0] == pytest.approx(np.mean(deviations**2), rel=1e-6)
    assert seen.spectra.uncertainty.shape == (3, 285)


def test_chi_square_without_rfluncert_is_refused_in_one_sentence(bare):
    sentence = (r"^The metric 'chi_square' needs the uncertainty of the spectra, and 'EMIT\S+' has none; put its "
                r"RFLUNCERT file beside it or name that file, or choose another metric\.$")
    with pytest.raises(MetricError, match=sentence):
        inspect(bare, pixels=PIXELS, reference=KAOLINITE, metric="chi_square")


def test_chi_square_of_radiance_is_refused_for_being_radiance(tmp_path):
    radiance = open_granule(write_radiance(tmp_path, SCENE))
    with pytest.raises(MetricError, match="compares reflectance, but .* holds radiance"):
        inspect(radiance, pixels=PIXELS, reference=KAOLINITE, metric="chi_square", mask="good_bands")


def test_rx_needs_no_reference_and_forgets_one_that_is_given(granule):
    seen = inspect(granule, pixels=PIXELS, metric="rx")
    given = inspect(granule, pixels=PIXELS, metric="rx", reference=KAOLINITE)
    assert np.isfinite(seen.scores).all() and seen.scored.metric.name == "rx"
    np.testing.assert_array_equal(given.scores, seen.scores)
    assert not any("has no value in" in notice for notice in given.notices)
    for table in (seen.table().to_dataframe(), given.table().to_dataframe()):
        assert set(table["reference_id"]) == {""} and set(table["metric"]) == {"rx"}


def test_rx_of_radiance_finds_the_pixel_that_is_unlike_its_scene(tmp_path):
    radiance = open_granule(write_radiance(tmp_path, SCENE))
    seen = inspect(radiance, pixels=np.argwhere(np.ones(SCENE.shape, bool)), metric="rx", mask="good_bands",
                   background=_noisy(radiance))
    assert np.isfinite(seen.scores).all() and seen.scored.metric.better == "higher"


def _noisy(granule):
    """Samples around the mean of a scene."""
    mean = inspect(granule, pixels=np.argwhere(np.ones(SCENE.shape, bool)), mask="good_bands").mean
    return mean + np.random.default_rng(1).normal(0, 1, (2000, len(mean)))


# --- summaries ---

def test_the_summary_has_the_standard_error_of_the_mean(granule):
    area = MultiPoint([lonlat(SCENE, r, c) for r, c in PIXELS])
    one = inspect(granule, area, reference=KAOLINITE).summary()[0]
    scores = inspect(granule, pixels=PIXELS, reference=KAOLINITE).scores
    assert one.mean == pytest.approx(scores.mean()) and one.sigma == pytest.approx(scores.std(ddof=1))
    assert one.standard_error == pytest.approx(scores.std(ddof=1) / np.sqrt(3))


def test_a_raw_pixel_that_is_named_twice_counts_once(granule):
    """By two near points, and by a caller's own pixels."""
    near = MultiPoint([*(lonlat(SCENE, r, c) for r, c in PIXELS), lonlat(SCENE, 20.1, 10.1)])
    own = PixelSet.at([20, 21, 25, 20], [10, 11, 12, 10])
    once = inspect(granule, MultiPoint([lonlat(SCENE, r, c) for r, c in PIXELS]), reference=KAOLINITE).summary()[0]
    for seen in (inspect(granule, near, reference=KAOLINITE), inspect(granule, pixels=own, reference=KAOLINITE)):
        twice = seen.summary()[0]
        assert (twice.mean, twice.sigma, twice.standard_error) == pytest.approx(
            (once.mean, once.sigma, once.standard_error))


def test_one_pixel_has_no_standard_error(granule):
    assert inspect(granule, Point(*lonlat(SCENE, 20, 10)), reference=KAOLINITE).summary()[0].standard_error is None
    assert inspect(granule, pixels=PIXELS).summary()[0].standard_error is None


def test_the_uncertainty_can_come_before_the_sigma_of_the_scores(granule):
    seen = inspect(granule, pixels=PIXELS, reference=KAOLINITE)
    read = seen.with_uncertainty(scores=False)
    assert read.spectra.uncertainty is not None and read.score_sigma is None
    np.testing.assert_array_equal(read.scores, seen.scores)
    done = read.with_uncertainty()
    np.testing.assert_array_equal(done.score_sigma, seen.with_uncertainty().score_sigma)
    assert done.with_uncertainty() is done and read.with_uncertainty(scores=False) is read


def test_the_standard_error_of_all_pixels_counts_a_raw_pixel_once(granule):
    pixels = [(20, 10), (20, 11), (21, 10)]
    seen = inspect(granule, pixels=pixels, reference=KAOLINITE)
    expected = seen.scores.std(ddof=1) / np.sqrt(3)
    assert seen.standard_error == pytest.approx(expected)
    assert inspect(granule, pixels=pixels * 2, reference=KAOLINITE).standard_error == pytest.approx(expected)
    assert inspect(granule, pixels=pixels[:1], reference=KAOLINITE).standard_error is None
