"""inspect(): from an area to scored pixels, against an independent double loop."""

import numpy as np
import pytest
from pixel_spectra.core.errors import AreaError, Cancelled, LibraryError, MaskError, MetricError
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.libraries import ReferenceSpectrum, bundled_library
from pixel_spectra.core.metrics import METRICS
from pixel_spectra.core.resampling import resample
from pixel_spectra.core.sensors import open_granule
from shapely import MultiPoint, Point, Polygon

from granules import Scene, expected_reflectance, lonlat, write_envi_cube, write_granule, write_radiance
from shared_files import shared_file

SCENE = Scene(downtrack=40, crosstrack=30)
KAOLINITE = "kaolinite_cm9_beckb"


@pytest.fixture(scope="module")
def granule(tmp_path_factory):
    rng = np.random.default_rng(5)
    cube = expected_reflectance(*np.indices(SCENE.shape)) + rng.normal(0, 0.02, (*SCENE.shape, 285)).astype(np.float32)
    return open_granule(write_granule(tmp_path_factory.mktemp("g"), SCENE, reflectance=cube).reflectance)


def square(first, last):
    (r0, c0), (r1, c1) = first, last
    corners = [(r0 - 0.5, c0 - 0.5), (r0 - 0.5, c1 + 0.5), (r1 + 0.5, c1 + 0.5), (r1 + 0.5, c0 - 0.5)]
    return Polygon([lonlat(SCENE, r, c) for r, c in corners])


def test_one_point_one_spectrum_one_number(granule):
    seen = inspect(granule, Point(*lonlat(SCENE, 20, 10)), reference=KAOLINITE)
    assert (seen.pixels.downtrack[0], seen.pixels.crosstrack[0]) == (20, 10)
    pixel = seen.spectra.values[0].astype(np.float64)
    kaolinite = bundled_library()[KAOLINITE]
    reference = resample(kaolinite.wavelength_nm, kaolinite.reflectance, granule.bands)
    use = seen.spectra.valid[0] & np.isfinite(reference)
    cosine = pixel[use] @ reference[use] / np.linalg.norm(pixel[use]) / np.linalg.norm(reference[use])
    assert seen.scores[0] == pytest.approx(np.arccos(cosine), abs=1e-9)


def test_band_masks_make_holes_per_pixel(granule):
    """A double loop over pixels and bands, where column 7 lacks a band that the others have."""
    seen = inspect(granule, square((5, 5), (9, 9)), reference=KAOLINITE)
    reference = seen.resampled.values
    assert len({tuple(row) for row in seen.spectra.valid}) > 2
    for i in range(len(seen.pixels)):
        dot = pp = rr = 0.0
        n = 0
        for b in range(285):
            if seen.spectra.valid[i, b] and np.isfinite(reference[b]):
                p = float(seen.spectra.values[i, b])
                dot, pp, rr, n = dot + p * reference[b], pp + p * p, rr + reference[b] ** 2, n + 1
        expected = np.arccos(dot / np.sqrt(pp * rr)) if n else np.nan
        assert seen.scores[i] == pytest.approx(expected, abs=1e-9, nan_ok=True)
        assert n == seen.table().columns["n_bands"][i]


@pytest.mark.parametrize("name", list(METRICS))
def test_every_metric_scores_an_area(granule, name):
    seen = inspect(granule, square((20, 10), (24, 14)), reference=KAOLINITE, metric=name)
    assert seen.scores.shape == (25,) and np.isfinite(seen.scores).all()
    assert (seen.table().columns["n_bands"] == [len(s) for s in seen.table().columns["spectrum"]]).all()


def test_the_background_is_seeded_and_without_the_target(granule):
    area = square((10, 10), (20, 20))
    scores = [inspect(granule, area, reference=KAOLINITE, metric="ace", seed=s).scores for s in (1, 1, 2)]
    np.testing.assert_array_equal(scores[0], scores[1])
    from pixel_spectra.core.scoring import gather_background
    from pixel_spectra.core.sensors.masked import choose_policy

    seen = inspect(granule, area)
    policy = choose_policy(granule, None)[0]
    scene = gather_background(granule, seen.pixels, policy, "scene", 1)
    around = gather_background(granule, seen.pixels, policy, "ring", 1)
    valid = int(inspect(granule, pixels=np.argwhere(np.ones(SCENE.shape, bool))).spectra.pixel_valid.sum())
    assert scene.n + scene.n_left_out == valid - 121
    assert around.n + around.n_left_out == valid - 121


def test_a_background_may_be_given(granule):
    samples = inspect(granule, square((25, 1), (38, 28))).spectra.masked_values
    seen = inspect(
        granule, square((10, 10), (12, 12)), reference=KAOLINITE, metric="matched_filter", background=samples
    )
    expected = METRICS["matched_filter"](seen.spectra.masked_values, seen.resampled.values, background=samples)
    np.testing.assert_allclose(seen.scores, expected)
    with pytest.raises(MetricError, match="Unknown background 'moon'; the known ones are: scene, ring"):
        inspect(granule, square((10, 10), (12, 12)), reference=KAOLINITE, metric="ace", background="moon")


def test_shrinkage_is_reported(granule):
    seen = inspect(granule, square((10, 10), (12, 12)), reference=KAOLINITE, metric="ace")
    assert any("shrunk towards its diagonal" in notice for notice in seen.notices)


def test_mean_and_sigma_are_of_valid_values_only(granule):
    seen = inspect(granule, square((1, 1), (6, 8)))
    values = np.where(seen.spectra.valid, seen.spectra.values.astype(np.float64), np.nan)
    good = seen.spectra.valid.any(axis=0)
    np.testing.assert_allclose(seen.mean[good], np.nanmean(values[:, good], axis=0))
    np.testing.assert_allclose(seen.sigma[good], np.nanstd(values[:, good], axis=0, ddof=1))
    assert np.isnan(seen.mean[~good]).all()


def test_values_stay_as_in_the_file(granule):
    seen = inspect(granule, pixels=[(3, 4)])
    np.testing.assert_array_equal(seen.spectra.values, granule.read_pixels(seen.pixels).values)
    assert not seen.spectra.valid.any() and seen.reasons == ("Cloud flag",)  # raw values, though masked


def test_the_mean_of_an_area_is_a_reference(granule):
    area = inspect(granule, square((20, 10), (24, 14)))
    again = inspect(granule, square((20, 10), (24, 14)), reference=area.as_reference(), metric="rmse")
    good = granule.bands.good
    np.testing.assert_allclose(again.resampled.values[good], area.mean[good], atol=1e-9)


def test_off_the_swath_members_stay_in_the_table(granule):
    points = MultiPoint([lonlat(SCENE, 20, 10), lonlat(SCENE, -40, 10), lonlat(SCENE, 3, 4)])
    seen = inspect(granule, points, reference=KAOLINITE)
    assert seen.spectra.pixel_valid.tolist() == [True, False, False]
    assert np.isnan(seen.scores[1:]).all() and np.isnan(seen.spectra.values[1]).all()
    assert "off the swath" in seen.reasons[1] and seen.reasons[2] == "Cloud flag"


def test_several_features_report_their_failures_and_go_on(granule):
    areas = [Point(*lonlat(SCENE, 20, 10)), Point(0, 0), square((20, 10), (21, 11)), Point()]
    seen = inspect(granule, areas, reference=KAOLINITE, feature_ids=[11, 12, 13, 14])
    assert seen.pixels.feature_id.tolist() == [11, 12, 13, 13, 13, 13, 14]
    assert "off the swath" in seen.reasons[1] and "is empty" in seen.reasons[-1]
    by_feature = {s.feature_id: s for s in seen.summary()}
    assert (by_feature[13].n, by_feature[13].n_valid, by_feature[12].n_valid) == (4, 4, 0)
    assert by_feature[12].masked == {"off the swath": 1} and by_feature[12].mean is None
    scores = seen.scores[seen.pixels.feature_id == 13]
    assert by_feature[13].mean == pytest.approx(scores.mean()) and by_feature[13].best == scores.min()
    assert by_feature[13].sigma == pytest.approx(scores.std(ddof=1)) and by_feature[11].sigma is None


def test_all_features_failing_is_an_error(granule):
    with pytest.raises(AreaError, match=r"None of the 2 features has a pixel; the first: .*off the swath"):
        inspect(granule, [Point(0, 0), Point(1, 0)])
    with pytest.raises(AreaError, match="no features"):
        inspect(granule, [])


def test_the_best_is_in_the_direction_of_the_metric(granule):
    area = square((20, 10), (22, 12))
    near, high = (inspect(granule, area, reference=KAOLINITE, metric=m).summary()[0] for m in ("sam", "cosine"))
    assert near.best == near.minimum and high.best == high.maximum


def test_an_all_masked_area_has_no_score_and_says_why(granule):
    seen = inspect(granule, square((2, 3), (4, 5)), reference=KAOLINITE)
    assert np.isnan(seen.scores).all() and seen.summary()[0].masked == {"Cloud flag": 9}
    assert "All 9 pixels of the area are masked (Cloud flag), so there is no score" in seen.notices[-1]
    with pytest.raises(AreaError, match="No pixel of the area"):
        seen.as_reference()


def test_notices_tell_a_default_mask_and_missing_bands(tmp_path):
    granule = open_granule(write_granule(tmp_path, SCENE, mask=None).reflectance)
    seen = inspect(granule, pixels=[(1, 1)], reference=KAOLINITE)
    assert seen.mask.mask_id == "good_bands"
    assert any("clouds were not" in n for n in seen.notices)
    assert any("has no value in" in n for n in seen.notices)


def test_an_image_without_location_works_by_row_and_column(tmp_path):
    bands = np.linspace(500, 2400, 40)
    kaolinite = bundled_library()[KAOLINITE]
    cube = np.broadcast_to(
        resample(kaolinite.wavelength_nm, kaolinite.reflectance, _grid(bands)).astype(np.float32), (3, 4, 40)
    ).copy()
    granule = open_granule(write_envi_cube(tmp_path, cube, wavelength_nm=bands).header)
    seen = inspect(granule, pixels=[(2, 3)], reference=KAOLINITE, resampling="auto")
    assert seen.scores[0] < 1e-3 and np.isnan(seen.pixels.lon[0])
    with pytest.raises(AreaError, match="has no location"):
        inspect(granule, Point(15, 36))


def _grid(wavelength_nm):
    from pixel_spectra.core.spectra import BandGrid

    return BandGrid(wavelength_nm)


def test_the_real_cube_scores_by_row_and_column():
    spectral = pytest.importorskip("spectral")

    path = shared_file("emit_real/emit20250324t221005_jpl_unmix_ex.hdr")
    granule = open_granule(path)
    assert granule.shape == (10, 10) and granule.bands.good.sum() == 244
    seen = inspect(granule, pixels=np.argwhere(np.ones((10, 10), bool)), reference=KAOLINITE)
    cube = np.asarray(spectral.open_image(str(path)).load()).reshape(100, 285)
    np.testing.assert_array_equal(seen.spectra.values, cube.astype(np.float32))
    use = granule.bands.good & np.isfinite(seen.resampled.values)
    image = cube[:, use].astype(np.float64).reshape(10, 10, -1)
    angles = spectral.spectral_angles(image, seen.resampled.values[use][None])[..., 0]
    np.testing.assert_allclose(seen.scores, angles.ravel(), atol=1e-6)
    assert (cube[:, ~granule.bands.good] == np.float32(-0.01)).all() and np.isnan(seen.mean[~granule.bands.good]).all()


@pytest.mark.parametrize(
    "wrong, error, says",
    [
        ({"metric": "angle"}, MetricError, "Unknown metric 'angle'; the known ones are: sam, "),
        ({"reference": "unobtainium"}, LibraryError, "unobtainium"),
        ({"mask": "fog"}, MaskError, "Unknown mask flag 'fog'"),
        ({"resampling": "cubic"}, LibraryError, "cubic"),
        ({"pixels": [(99, 0)]}, AreaError, "outside"),
    ],
)
def test_unknown_names_are_refused_with_the_known_ones(granule, wrong, error, says):
    with pytest.raises(error, match=says):
        inspect(granule, **{"pixels": [(20, 10)], "reference": KAOLINITE, **wrong})


def test_exactly_one_kind_of_area(granule):
    for areas in ({}, {"geometry": Point(15, 36), "pixels": [(1, 1)]}):
        with pytest.raises(AreaError, match="either an area"):
            inspect(granule, **areas)


def test_a_reference_without_overlap_is_refused(granule):
    thermal = ReferenceSpectrum("x", "Thermal", np.array([8000.0, 9000.0]), np.array([0.1, 0.2]), "test")
    with pytest.raises(LibraryError, match="Thermal"):
        inspect(granule, pixels=[(20, 10)], reference=thermal)


def test_reflectance_metrics_refuse_radiance(tmp_path):
    granule = open_granule(write_radiance(tmp_path, SCENE))
    with pytest.raises(MetricError, match="compares reflectance, but .* holds radiance"):
        inspect(granule, pixels=[(1, 1)], reference=KAOLINITE, mask="good_bands")


def test_uncertainty_comes_with_the_spectra(granule):
    seen = inspect(granule, MultiPoint([lonlat(SCENE, 20, 10), lonlat(SCENE, -40, 10)]), uncertainty=True)
    assert seen.spectra.uncertainty.shape == (2, 285) and np.isnan(seen.spectra.uncertainty[1]).all()


def test_cancel_is_heeded(granule):
    class Stop:
        cancelled = True

        def report(self, fraction, message=""):
            raise AssertionError("reported after cancel")

    with pytest.raises(Cancelled):
        inspect(granule, pixels=[(1, 1)], progress=Stop())


def test_a_target_that_covers_much_of_the_scene_has_its_background_beside_it(granule):
    from pixel_spectra.core.scoring import gather_background
    from pixel_spectra.core.sensors.masked import choose_policy

    policy = choose_policy(granule, "good_bands")[0]
    most = inspect(granule, pixels=np.argwhere(np.ones((35, 30), bool)), mask="good_bands").pixels
    assert gather_background(granule, most, policy, "scene", 0).n == 5 * 30
    whole = inspect(granule, pixels=np.argwhere(np.ones((40, 30), bool)), mask="good_bands").pixels
    for kind in ("scene", "ring"):
        with pytest.raises(MetricError, match="covers all"):
            gather_background(granule, whole, policy, kind, 0)


def test_a_reference_of_another_type_is_refused(granule):
    with pytest.raises(LibraryError, match="must be a ReferenceSpectrum or the id of a bundled one, not ndarray"):
        inspect(granule, pixels=[(20, 10)], reference=np.ones(285))


def test_a_pixel_set_of_another_granule_is_refused(granule):
    from pixel_spectra.core.aoi import PixelSet

    with pytest.raises(AreaError, match=r"Pixel \(0, 400\) is outside 'EMIT.*40 x 30"):
        inspect(granule, pixels=PixelSet.at([0], [400]))


def test_small_mistakes_are_explained(granule):
    point = Point(*lonlat(SCENE, 20, 10))
    for wrong, error, says in (
        ({"pixels": []}, AreaError, "No pixel was given"),
        ({"geometry": [point], "feature_ids": []}, AreaError, "1 features were given with 0 ids"),
        ({"geometry": point, "background": "rings"}, MetricError, "Unknown background 'rings'"),
        ({"geometry": point, "seed": -1, "metric": "ace", "reference": KAOLINITE}, MetricError, "seed -1 is negative"),
    ):
        with pytest.raises(error, match=says):
            inspect(granule, **wrong)


def test_the_background_is_factorised_once_per_granule_and_mask(granule, monkeypatch):
    from pixel_spectra.core import scene_sample

    calls = []
    estimate = scene_sample.estimate_background
    monkeypatch.setattr(scene_sample, "estimate_background", lambda *a, **k: calls.append(1) or estimate(*a, **k))
    fresh = open_granule(granule.source.path)
    off_sample = {"pixels": [(2, 3)], "reference": KAOLINITE, "metric": "ace"}  # a cloud: never in the sample
    for mask in ("quality", "quality", "cloud", "quality"):
        inspect(fresh, **off_sample, mask=mask)
    assert len(calls) == 2


def test_progress_only_goes_forward(granule):
    class Heard:
        cancelled = False
        fractions = []

        def report(self, fraction, message=""):
            self.fractions.append(fraction)

    heard = Heard()
    areas = [Point(*lonlat(SCENE, 20, 10)), square((20, 10), (22, 12))] * 20
    inspect(granule, areas, reference=KAOLINITE, metric="ace", progress=heard)
    assert heard.fractions == sorted(heard.fractions) and heard.fractions[0] >= 0 and heard.fractions[-1] <= 1


def test_places_without_a_pixel_are_counted_by_what_they_are(granule):
    tiny = Point(*lonlat(SCENE, 20.5, 10.5)).buffer(1e-6)
    seen = inspect(granule, [Point(*lonlat(SCENE, 20, 10)), Point(0, 0), tiny])
    assert [s.masked for s in seen.summary()] == [{}, {"off the swath": 1}, {"no pixel": 1}]
    assert "2 of the places asked for have no pixel; the first: (0.00000, 0.00000) is off" in " ".join(seen.notices)
