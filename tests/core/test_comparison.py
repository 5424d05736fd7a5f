"""compare(): a pixel by all metrics, its rank in the scene and its nearest references, against brute force."""

import numpy as np
import pytest
from pixel_spectra.core.background import estimate_background
from pixel_spectra.core.comparison import compare, compare_mean, reference_scale
from pixel_spectra.core.errors import Cancelled
from pixel_spectra.core.identification import angles_to_library, identify
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.libraries import Library, ReferenceSpectrum, bundled_library
from pixel_spectra.core.metrics import METRICS
from pixel_spectra.core.quality import MaskPolicy
from pixel_spectra.core.resampling import resample
from pixel_spectra.core.scene_sample import fixed_sample
from pixel_spectra.core.sensors import open_granule

from granules import Scene, expected_reflectance, write_granule, write_radiance

SCENE = Scene(downtrack=40, crosstrack=30)
KAOLINITE = "kaolinite_cm9_beckb"


@pytest.fixture(scope="module")
def granule(tmp_path_factory):
    """Noise around a pattern; pixel (20, 10) is kaolinite."""
    rng = np.random.default_rng(5)
    cube = expected_reflectance(*np.indices(SCENE.shape)) + rng.normal(0, 0.02, (*SCENE.shape, 285)).astype(np.float32)
    files = write_granule(tmp_path_factory.mktemp("g"), SCENE)
    kaolinite = bundled_library()[KAOLINITE]
    bands = open_granule(files.reflectance).bands
    cube[20, 10] = 0.8 * np.nan_to_num(resample(kaolinite.wavelength_nm, kaolinite.reflectance, bands), nan=0.5)
    return open_granule(write_granule(tmp_path_factory.mktemp("k"), SCENE, reflectance=cube).reflectance)


@pytest.fixture(scope="module")
def kaolinite(granule):
    seen = inspect(granule, pixels=[(20, 10)], reference=KAOLINITE, uncertainty=True)
    return seen, compare(seen)


@pytest.mark.parametrize("name", list(METRICS))
def test_each_metric_is_as_inspect_gives_it(granule, kaolinite, name):
    row = next(row for row in kaolinite[1].metrics if row.metric.name == name)
    expected = inspect(granule, pixels=[(20, 10)], reference=KAOLINITE, metric=name).scores[0]
    assert row.value == pytest.approx(expected, rel=1e-12) and row.why == ""


def test_the_percentile_counts_the_pixels_that_match_worse(granule, kaolinite):
    """The scene has 1200 pixels, fewer than a sample takes: the sample is all of the valid ones."""
    everywhere = inspect(granule, pixels=np.argwhere(np.ones(SCENE.shape, bool)), reference=KAOLINITE)
    valid = everywhere.spectra.pixel_valid
    seen = inspect(granule, pixels=[(25, 12)], reference=KAOLINITE)
    row = compare(seen).metrics[0]
    scores = everywhere.scores[valid]
    assert row.percentile == pytest.approx(100 * np.mean(scores > seen.scores[0]))
    assert kaolinite[1].n_sample == valid.sum()
    assert kaolinite[1].metrics[0].percentile > 99


def test_the_planted_material_is_the_nearest(kaolinite):
    matches = kaolinite[1].matches
    assert matches[0].id == KAOLINITE and matches[0].sam < 1e-3
    assert len(matches) == 3 and matches[0].fit >= matches[1].fit >= matches[2].fit


def test_the_matches_are_those_of_identify(granule):
    seen = inspect(granule, pixels=[(25, 12)])
    expected = identify(seen.spectra.masked_values[0], granule.bands, bundled_library(), 5)
    assert compare(seen, top=5).matches == tuple(expected)


def test_angles_to_a_library_are_those_of_a_double_loop(granule):
    spectra = inspect(granule, pixels=[(25, 12), (26, 13)]).spectra.masked_values.astype(float)
    found = angles_to_library(spectra, granule.bands, bundled_library())
    for spectrum, angles in zip(spectra, found):
        for reference, angle in zip(bundled_library().values(), angles):
            values = resample(reference.wavelength_nm, reference.reflectance, granule.bands)
            use = np.isfinite(values) & np.isfinite(spectrum)
            cosine = spectrum[use] @ values[use] / np.linalg.norm(spectrum[use]) / np.linalg.norm(values[use])
            assert angle == pytest.approx(np.arccos(cosine), abs=1e-9)


def test_a_reference_that_shares_few_bands_is_no_match(granule):
    """It equals the pixel, but over 10 bands only."""
    seen = inspect(granule, pixels=[(25, 12)])
    spectrum = seen.spectra.masked_values[0].astype(float)
    at = np.flatnonzero(np.isfinite(spectrum))[:10]
    narrow = Library([ReferenceSpectrum("narrow", "Narrow", granule.bands.wavelength_nm[at], spectrum[at], "test")])
    assert compare(seen, library=narrow).matches == ()
    assert np.isnan(angles_to_library(spectrum[np.newaxis], granule.bands, narrow)).all()


def test_without_a_reference_the_table_says_so_and_matches_stay(granule):
    found = compare(inspect(granule, pixels=[(20, 10)]))
    assert all(row.why == "It needs a reference." for row in found.metrics if "reference" in row.metric.needs)
    free = [row for row in found.metrics if "reference" not in row.metric.needs]
    assert [row.metric.name for row in free] == ["rx"] and np.isfinite(free[0].value) and free[0].why == ""
    assert found.matches[0].id == KAOLINITE


def test_without_the_uncertainty_the_row_says_so(granule):
    found = compare(inspect(granule, pixels=[(20, 10)], reference=KAOLINITE))
    row = next(row for row in found.metrics if row.metric.name == "chi_square")
    assert np.isnan(row.value) and np.isnan(row.percentile)
    assert row.why == "It needs the uncertainty of the spectrum (RFLUNCERT), which was not read with it."


def test_a_planted_material_is_an_anomaly_and_fits_best_within_its_errors(kaolinite):
    rows = {row.metric.name: row for row in kaolinite[1].metrics}
    assert rows["rx"].percentile > 99 and rows["chi_square"].percentile > 99


def test_a_masked_pixel_has_reasons_in_place_of_numbers(granule):
    masked = np.argwhere(~inspect(granule, pixels=np.argwhere(np.ones(SCENE.shape, bool))).spectra.pixel_valid.reshape(
        SCENE.shape))[0]
    found = compare(inspect(granule, pixels=[tuple(int(i) for i in masked)], reference=KAOLINITE))
    assert all(np.isnan(row.value) and np.isnan(row.percentile) and row.why for row in found.metrics)
    assert found.matches == ()


def test_radiance_is_not_compared_with_reflectance(tmp_path):
    granule = open_granule(write_radiance(tmp_path, SCENE))
    rows = compare(inspect(granule, pixels=[(20, 10)])).metrics
    assert all(np.isnan(row.value) and row.why for row in rows if row.metric.quantity == "reflectance")


def test_comparing_can_be_cancelled(granule):
    class Impatient:
        cancelled = True

        def report(self, fraction, message=""):
            raise AssertionError("nothing is reported after cancelling")

    with pytest.raises(Cancelled):
        compare(inspect(granule, pixels=[(1, 1)], reference=KAOLINITE), progress=Impatient())


def test_the_scale_is_that_of_least_squares():
    reference = np.array([0.2, 0.4, np.nan, 0.6])
    assert reference_scale(2.5 * reference, reference) == pytest.approx(2.5)
    assert reference_scale(np.array([0.1, np.nan, 0.3, 0.2]), reference) == pytest.approx((0.02 + 0.12) / (0.04 + 0.36))


@pytest.mark.parametrize("spectrum", [[np.nan, np.nan], [-0.1, -0.2]])
def test_there_is_no_scale_without_common_bands_or_below_zero(spectrum):
    assert reference_scale(np.array(spectrum), np.array([0.3, 0.3])) is None


def test_an_area_is_matched_by_its_mean_and_by_any_library(granule):
    seen = inspect(granule, pixels=[(20, 10), (20, 11), (21, 10)], reference=KAOLINITE)
    found = compare_mean(seen, 4)
    assert list(found.matches) == identify(seen.mean, granule.bands, bundled_library(), 4)
    assert (found.metrics, found.n_sample, found.notes) == ((), 0, ())
    two = Library(list(bundled_library().values())[:2])
    assert {match.id for match in compare_mean(seen, 4, two).matches} == set(two)


def test_radiance_looks_like_no_reference(tmp_path):
    seen = inspect(open_granule(write_radiance(tmp_path, SCENE)), pixels=[(20, 10), (20, 11)])
    found = compare_mean(seen)
    assert found.matches == ()
    assert found.notes == ("References are reflectance and this granule holds radiance, so nothing is matched.",)


@pytest.mark.parametrize("metric", ["matched_filter", "rx"])
def test_pixel_and_sample_are_scored_by_one_background(granule, metric):
    """By that of the inspection, here a part of the scene: the pixel ranks as if it stood in the sample."""
    sample = fixed_sample(granule, MaskPolicy.parse("good_bands"))
    part = estimate_background(sample.values[sample.pixels.downtrack < 15])
    given = {"pixels": [(25, 12)], "reference": KAOLINITE, "metric": metric, "mask": "good_bands"}
    seen = inspect(granule, **given, background=part)
    row, by_scene = (next(row for row in compare(one).metrics if row.metric.name == metric)
                     for one in (seen, inspect(granule, **given)))
    assert row.value != by_scene.value
    scores = METRICS[metric](sample.values, seen.resampled.values, background=part)
    assert row.percentile == METRICS[metric].percentile(seen.scores[0], scores)
    by_its_own = METRICS[metric](sample.values, seen.resampled.values, background=sample.background)
    assert row.percentile != METRICS[metric].percentile(seen.scores[0], by_its_own)
