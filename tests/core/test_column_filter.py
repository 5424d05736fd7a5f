"""The column-wise matched filter on synthetic radiance: plumes of known enhancement, noise, masks and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from pixel_spectra.core.errors import Cancelled, MetricError
from pixel_spectra.core.gases import column_filter as columns
from pixel_spectra.core.gases import detect, gas_target
from pixel_spectra.core.gases.lut import read_table
from pixel_spectra.core.gases.target import ENHANCEMENT_PPM_M
from pixel_spectra.core.io.rastersink import EnviSink
from pixel_spectra.core.libraries import ReferenceSpectrum
from pixel_spectra.core.resampling import resample
from pixel_spectra.core.sensors import open_granule
from pixel_spectra.core.spectra import BandGrid

from envi_cubes import write_envi_cube
from granules import Scene, write_granule, write_radiance
from shared_files import shared_file

CENTRE = 2123.0 + 7.45 * np.arange(40)
SHAPE = (500, 12)
PLUME = slice(100, 130)


def absorption(nm):
    """A gas with three bands, per 1e5 ppm m."""
    return -sum(a * np.exp(-(((nm - b) / w) ** 2)) for a, b, w in ((1.2, 2310, 14), (1.4, 2365, 20), (0.5, 2200, 25)))


TARGET = ReferenceSpectrum("gas_target", "Gas target", CENTRE, absorption(CENTRE), "made here")


def radiance(enhancement, seed=0, snr=500.0, brightness=(0.6, 1.4)):
    """Surfaces of varied brightness and tilt under `enhancement` (ppm m), with noise; uW cm-2 sr-1 nm-1."""
    rng = np.random.default_rng(seed)
    x = np.linspace(-1, 1, CENTRE.size)
    sun = 0.9 - 0.4 * x
    surface = rng.uniform(*brightness, SHAPE)[..., None] * (1 + rng.normal(0, 0.05, SHAPE)[..., None] * x)
    passed = np.exp(absorption(CENTRE) * enhancement[..., None] * 1e-5)
    return (sun * surface * passed * (1 + rng.normal(0, 1 / snr, (*SHAPE, CENTRE.size)))).astype(np.float32)


def plume(most=4000.0, seed=1):
    enhancement = np.zeros(SHAPE)
    enhancement[PLUME] = np.random.default_rng(seed).uniform(0, most, enhancement[PLUME].shape)
    return enhancement


def granule_of(folder, cube, extra=None, **more):
    files = write_envi_cube(folder, cube, "bip", wavelength_nm=CENTRE, fwhm_nm=np.full(CENTRE.size, 8.0),
                            extra={"data units": "radiance", **(extra or {})}, **more)
    return open_granule(files.header)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return granule_of(tmp_path_factory.mktemp("scene"), radiance(plume()))


@pytest.mark.parametrize("most", [500.0, 2000.0, 8000.0])
def test_a_plume_comes_back_with_slope_one(tmp_path, most):
    enhancement = plume(most)
    found = detect(granule_of(tmp_path, radiance(enhancement)), TARGET)
    slope, offset = np.polyfit(enhancement[PLUME].ravel(), found.score[PLUME].ravel(), 1)
    assert slope == pytest.approx(1.0, abs=0.05)
    assert abs(offset) < 0.02 * most + np.nanmedian(found.noise)


@pytest.mark.parametrize(("most", "expected"), [(1000.0, 1.12), (8000.0, 1.02)])
def test_a_plume_by_the_absorption_of_the_real_table(tmp_path, most, expected):
    """T = L(c) / L(0) of mag1c's table: the target is a straight line through a curve, so weak plumes score high."""
    table = shared_file("methane/mag1c/ch4.lut")
    grid, table_radiance = read_table(table)
    bands = BandGrid(CENTRE, np.full(CENTRE.size, 8.0))
    covered = resample(grid, table_radiance, bands, "gaussian")
    enhancement = plume(most)
    passed = [np.interp(enhancement, ENHANCEMENT_PPM_M, one / one[0]) for one in covered.T]
    cube = radiance(np.zeros(SHAPE)) * np.stack(passed, axis=-1).astype(np.float32)
    found = detect(granule_of(tmp_path, cube), gas_target(table, bands).reference)
    slope = np.polyfit(enhancement[PLUME].ravel(), found.score[PLUME].ravel(), 1)[0]
    assert slope == pytest.approx(expected, abs=0.03)


def test_without_the_albedo_factor_a_dark_surface_scores_low(tmp_path):
    enhancement = np.zeros(SHAPE)
    enhancement[PLUME] = 4000.0
    granule = granule_of(tmp_path, radiance(enhancement))
    bright = granule.row_values(*PLUME.indices(SHAPE[0])[:2]).mean(axis=1).reshape(-1, SHAPE[1])
    plain, corrected = (detect(granule, TARGET, albedo=albedo).score[PLUME] for albedo in (False, True))
    assert np.corrcoef(bright.ravel(), plain.ravel())[0, 1] > 0.9
    assert abs(np.corrcoef(bright.ravel(), corrected.ravel())[0, 1]) < 0.3


def test_the_albedo_factor_divides_the_noise_as_it_does_the_score(scene):
    plain, corrected = (detect(scene, TARGET, albedo=albedo, robust=False) for albedo in (False, True))
    assert (np.ptp(plain.noise, axis=0) == 0.0).all()
    assert corrected.noise.std(axis=0).min() > 0.05 * corrected.noise.mean()
    np.testing.assert_allclose(corrected.snr, plain.snr, rtol=1e-4, atol=1e-4)


def test_where_there_is_no_plume_the_snr_has_unit_scatter(scene):
    found = detect(scene, TARGET)
    clean = np.delete(found.snr, PLUME, axis=0)
    assert clean.std() == pytest.approx(1.0, abs=0.05)
    assert abs(np.median(clean)) < 0.1
    assert (clean > 5).mean() < 0.001


def test_noise_falls_with_the_noise_of_the_sensor(tmp_path):
    noise = []
    for snr in (200.0, 400.0):
        (tmp_path / str(snr)).mkdir()
        found = detect(granule_of(tmp_path / str(snr), radiance(np.zeros(SHAPE), snr=snr)), TARGET, shrinkage=0.0)
        noise.append(float(np.median(found.noise)))
    assert noise[0] / noise[1] == pytest.approx(2.0, rel=0.05)


def test_a_plume_is_left_out_of_the_statistics(scene):
    careful, plain = detect(scene, TARGET), detect(scene, TARGET, robust=False)
    assert np.median(plain.noise) > 3 * np.median(careful.noise)


def test_one_column_by_the_textbook(tmp_path):
    cube = radiance(np.zeros(SHAPE))
    found = detect(granule_of(tmp_path, cube), TARGET, robust=False, albedo=False, shrinkage=0.3)
    x = cube[:, 4].astype(np.float64)
    mean, scatter = x.mean(axis=0), np.cov(x.T, bias=True)
    shrunk = 0.7 * scatter + 0.3 * np.diag(np.diag(scatter))
    signature = absorption(CENTRE) * 1e-5 * mean
    weights = np.linalg.solve(shrunk, signature)
    weights /= signature @ weights
    np.testing.assert_allclose(found.score[:, 4], (x - mean) @ weights, rtol=1e-4, atol=0.05)
    assert found.noise[7, 4] == pytest.approx(np.sqrt(weights @ scatter @ weights), rel=1e-4)


def test_each_column_has_its_own_statistics(tmp_path):
    """A detector column that is 3 % too bright at one wavelength leaves no stripe."""
    cube = radiance(np.zeros(SHAPE))
    cube[:, 5, 25] *= 1.03
    found = detect(granule_of(tmp_path, cube), TARGET)
    assert abs(np.median(found.score[:, 5])) < 0.2 * np.median(found.noise[:, 5])


def test_masked_pixels_have_no_score_and_no_part(tmp_path):
    cube = radiance(plume())
    clean = detect(granule_of(tmp_path, cube), TARGET)
    cube[300:310, 3] = -9999.0
    cube[400, 6] = np.nan
    (tmp_path / "holes").mkdir()
    found = detect(granule_of(tmp_path / "holes", cube), TARGET)
    missing = np.isnan(found.score)
    assert (missing.sum(), missing[300:310, 3].all(), missing[400, 6]) == (11, True, True)
    np.testing.assert_allclose(found.score[~missing], clean.score[~missing], atol=0.5 * np.median(clean.noise))
    np.testing.assert_array_equal(found.score[:, 0], clean.score[:, 0])


def test_a_dead_detector_element_costs_its_band_only(tmp_path):
    cube = radiance(np.zeros(SHAPE))
    cube[:, 3, 10] = -9999.0
    found = detect(granule_of(tmp_path, cube), TARGET)
    assert np.isfinite(found.score).all()


def test_a_column_with_too_few_pixels_is_counted(tmp_path):
    cube = radiance(np.zeros(SHAPE))
    cube[79:, 3] = -9999.0  # 79 pixels for 40 bands
    found = detect(granule_of(tmp_path, cube), TARGET)
    assert np.isnan(found.score).all(axis=0).tolist() == [i == 3 for i in range(SHAPE[1])]
    assert any(notice.startswith("1 of 12 columns have no score: too few valid pixels") for notice in found.notices)


def test_where_few_pixels_are_left_a_plume_stays_in_the_statistics(tmp_path):
    enhancement = np.zeros(SHAPE)
    enhancement[20:24] = 20_000.0
    granule = granule_of(tmp_path, radiance(enhancement)[:80])  # just enough pixels for 40 bands
    careful, plain = (detect(granule, TARGET, robust=robust) for robust in (True, False))
    np.testing.assert_array_equal(careful.score, plain.score)
    assert np.isfinite(careful.score).all()


def test_a_scene_too_short_is_refused(tmp_path):
    with pytest.raises(MetricError, match=r"Not one of the 12 columns of 'cube' has the 2 valid pixels for each of its "
                                          r"40 bands"):
        detect(granule_of(tmp_path, radiance(np.zeros(SHAPE))[:79]), TARGET)


def test_a_stuck_column_has_no_score(tmp_path):
    cube = radiance(np.zeros(SHAPE))
    cube[:, 2] = cube[0, 2]
    found = detect(granule_of(tmp_path, cube), TARGET)
    assert np.isnan(found.score).all(axis=0).tolist() == [i == 2 for i in range(SHAPE[1])]


def test_bands_that_repeat_each_other_are_refused(tmp_path):
    cube = radiance(np.zeros(SHAPE))
    cube[..., 1::2] = cube[..., 0::2]
    with pytest.raises(MetricError, match="The covariance of a column is singular.* raise the shrinkage"):
        detect(granule_of(tmp_path, cube), TARGET, shrinkage=0.0)


def test_reflectance_is_refused(tmp_path):
    granule = open_granule(write_granule(tmp_path, Scene(downtrack=8, crosstrack=6)).reflectance)
    with pytest.raises(MetricError, match=r"needs radiance, but '.*RFL.*' holds reflectance; give an L1B radiance"):
        detect(granule, TARGET)


def test_a_reflectance_is_no_target(scene):
    material = ReferenceSpectrum("m", "Kaolinite", CENTRE, np.full(CENTRE.size, 0.4), "made here")
    with pytest.raises(MetricError, match=r"'Kaolinite' is nowhere negative .* give a gas target"):
        detect(scene, material)


def test_a_target_that_does_not_cover_the_window_is_refused(scene):
    short = ReferenceSpectrum("t", "Short target", CENTRE[:2], absorption(CENTRE[:2]), "made here")
    with pytest.raises(MetricError, match=r"'Short target' has values in 2 bands .* between 2122 and 2488 nm"):
        detect(scene, short)
    far = ReferenceSpectrum("t", "Far target", CENTRE - 1500, absorption(CENTRE), "made here")
    with pytest.raises(MetricError, match="choose a reference that covers them"):
        detect(scene, far)


@pytest.mark.parametrize("shrinkage", [-0.1, 1.5, float("nan")])
def test_an_impossible_shrinkage_is_refused(scene, shrinkage):
    with pytest.raises(MetricError, match="is not within 0 to 1"):
        detect(scene, TARGET, shrinkage=shrinkage)


def test_an_emit_granule_with_its_mask(tmp_path):
    """The bands of the window are read from all 285, and a cloud of the L2A MASK file has no score."""
    scene = Scene(downtrack=240, crosstrack=6)
    base = open_granule(write_radiance(tmp_path, scene)).bands
    window = (base.wavelength_nm >= 2122) & (base.wavelength_nm <= 2488)
    rng = np.random.default_rng(0)
    cube = np.full((240, 6, 285), 5.0, np.float32)
    cube[..., window] = rng.uniform(0.6, 1.4, (240, 6, 1)) * (1 + rng.normal(0, 1 / 300, (240, 6, int(window.sum()))))
    cloud = np.zeros((240, 6))
    cloud[7, 2] = 1
    target = ReferenceSpectrum("t", "Target", base.wavelength_nm, absorption(base.wavelength_nm), "made here")
    folder = tmp_path / "scene"
    folder.mkdir()
    mask = write_granule(folder, scene, layers={"Cloud flag": cloud}).mask
    granule = open_granule(write_radiance(folder, scene, radiance=cube), mask)
    found = detect(granule, target, mask="cloud")
    assert np.argwhere(np.isnan(found.score)).tolist() == [[7, 2]]
    assert np.array_equal(found.wavelength_nm, base.wavelength_nm[window])


def test_memory_is_bounded_by_reading_more_than_once(scene, monkeypatch):
    whole = detect(scene, TARGET)
    monkeypatch.setattr(columns, "_WINDOW_BYTES", 5 * SHAPE[0] * CENTRE.size * 4)
    assert len(list(columns._passes(SHAPE, CENTRE.size))) == 3
    np.testing.assert_allclose(detect(scene, TARGET).score, whole.score, rtol=1e-4, atol=0.05)


def test_it_can_be_cancelled(scene):
    class Stopped:
        cancelled = True

        def report(self, fraction, message=""):
            """Nothing."""

    with pytest.raises(Cancelled):
        detect(scene, TARGET, progress=Stopped())


def test_it_is_written_as_three_bands(scene, tmp_path):
    found = detect(scene, TARGET)
    found.write(EnviSink(tmp_path / "score.img"))
    header = (tmp_path / "score.hdr").read_text()
    assert "band names = {score (ppm m), noise (ppm m), snr}" in header
    stored = np.fromfile(tmp_path / "score.img", "<f4").reshape(SHAPE[0], 3, SHAPE[1])
    np.testing.assert_array_equal(stored[:, 0], found.score)
    np.testing.assert_array_equal(stored[:, 2], found.score / found.noise)
