"""identify(): against loops over the metrics themselves, on spectra that are known, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pixel_spectra.core.continuum import remove_continuum
from pixel_spectra.core.errors import LibraryError, MetricError
from pixel_spectra.core.identification import identify, identify_features
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.libraries import Library, ReferenceSpectrum, bundled_library
from pixel_spectra.core.metrics import METRICS
from pixel_spectra.core.resampling import resample
from pixel_spectra.core.sensors import open_granule
from pixel_spectra.core.spectra import BandGrid

import feature_loops
from emit_bands import emit_bands
from granules import Scene, expected_reflectance, write_granule, write_radiance

_BANDS = emit_bands()
EMIT = BandGrid(_BANDS.wavelength_nm.astype(float), _BANDS.fwhm_nm.astype(float), _BANDS.good)
KAOLINITE = "kaolinite_cm9_beckb"
LIBRARY = bundled_library()
SCENE = Scene(downtrack=40, crosstrack=30)


def on_emit(name):
    return resample(LIBRARY[name].wavelength_nm, LIBRARY[name].reflectance, EMIT)


def noisy(name, seed, snr=100):
    return on_emit(name) * (1 + np.random.default_rng(seed).normal(0, 1 / snr, len(EMIT)))


def by_loops(spectrum, library):
    """Fit, angle, divergence and correlation by id: one reference after the other, hull and features by loops."""
    told = {}
    for name, reference in library.items():
        r = resample(reference.wavelength_nm, reference.reflectance, EMIT)
        usable = np.isfinite(spectrum) & EMIT.good
        both = usable & np.isfinite(r)
        if 2 * both.sum() < usable.sum():
            continue
        w, x, r = (v[both].tolist() for v in (EMIT.wavelength_nm, spectrum, r))
        absorbed = [1 - value / top for value, top in zip(x, feature_loops.hull(w, x))]
        inside = sum(sum(absorbed[a + 1:b]) for a, b, _, _ in feature_loops.features(w, r))
        whole = [np.divide(v, feature_loops.hull(w, v)) for v in (x, r)]
        told[name] = (feature_loops.feature_fit(x, r, w) * inside / sum(absorbed), METRICS["sam"](x, r)[0],
                      METRICS["sid"](x, r)[0], METRICS["correlation"](*whole)[0])
    return told


@pytest.mark.parametrize("holes", [[], [40, 41, 200]])
def test_all_measures_and_their_order_equal_loops(holes):
    spectrum = noisy(KAOLINITE, 1)
    spectrum[holes] = np.nan
    expected = by_loops(spectrum, LIBRARY)
    found = identify(spectrum, EMIT, LIBRARY, 50)
    assert len(found) == len(expected) == 40
    assert [match.id for match in found] == sorted(expected, key=lambda name: (-expected[name][0], expected[name][1]))
    for match in found:
        assert (match.fit, match.sam, match.sid, match.correlation) == pytest.approx(
            expected[match.id], abs=1e-9, nan_ok=True)
        assert match.name == LIBRARY[match.id].name
    fits = [match.fit for match in found]
    assert [match.margin for match in found] == pytest.approx([*-np.diff(fits), np.nan], nan_ok=True)


def test_the_top_is_the_beginning_of_the_whole_ranking():
    everything = identify(noisy(KAOLINITE, 1), EMIT, LIBRARY, 99)
    assert identify(noisy(KAOLINITE, 1), EMIT, LIBRARY, 3) == everything[:3]
    assert len(identify(noisy(KAOLINITE, 1), EMIT, LIBRARY)) == 10


def test_bad_bands_and_fill_take_no_part():
    spectrum = noisy(KAOLINITE, 2)
    expected = identify(np.where(EMIT.good, spectrum, np.nan), EMIT, LIBRARY)
    filled = np.where(EMIT.good, spectrum, -0.01)
    assert identify(filled, EMIT, LIBRARY) == expected
    spectrum[100], filled[100] = np.nan, -9999.0
    assert identify(filled, EMIT, LIBRARY) == identify(spectrum, EMIT, LIBRARY)


def test_a_dark_spectrum_is_measured_without_the_bands_at_or_below_zero():
    spectrum = noisy(KAOLINITE, 3)
    spectrum[np.flatnonzero(EMIT.good)[:3]] = [-0.01, 0.0, -0.02]
    match = next(m for m in identify(spectrum, EMIT, LIBRARY, 40) if m.id == KAOLINITE)
    target = np.where(EMIT.good, on_emit(KAOLINITE), np.nan)
    assert match.sid == pytest.approx(METRICS["sid"](spectrum, target)[0])
    assert match.sam == pytest.approx(METRICS["sam"](spectrum, target)[0])
    target, whole = (remove_continuum(EMIT.wavelength_nm, np.where(EMIT.good, v, np.nan)) for v in (target, spectrum))
    assert match.correlation == pytest.approx(METRICS["correlation"](whole, target)[0])


def test_a_reference_that_covers_less_than_half_of_the_bands_is_left_out():
    """It equals the spectrum, where it has values."""
    at = np.flatnonzero(EMIT.good & np.isfinite(on_emit(KAOLINITE)))
    middle = -(-len(at) // 2)
    half, less = (ReferenceSpectrum(name, name, EMIT.wavelength_nm[at[:n]], on_emit(KAOLINITE)[at[:n]], "test")
                  for name, n in (("half", middle), ("less", middle - 1)))
    assert [match.id for match in identify(on_emit(KAOLINITE), EMIT, Library([half, less]))] == ["half"]
    assert identify(on_emit(KAOLINITE), EMIT, Library([less])) == []


def test_a_library_with_one_spectrum_has_no_margin():
    found = identify(on_emit(KAOLINITE), EMIT, {"own": LIBRARY[KAOLINITE]})
    assert len(found) == 1 and found[0].sam < 1e-6 and found[0].fit > 0.8
    assert np.isnan(found[0].margin)


def test_references_without_a_feature_come_last_by_angle():
    w = EMIT.wavelength_nm
    lines = [ReferenceSpectrum(f"line{slope}", "Line", w, 0.3 + slope * w / 1e5, "test") for slope in (9, 0, 3)]
    spectrum = np.where(np.abs(w - 2200) < 50, 0.2, 0.3)
    found = identify(spectrum, EMIT, Library([*lines, LIBRARY[KAOLINITE]]))
    assert [match.id for match in found] == [KAOLINITE, "line0", "line3", "line9"]
    assert np.isnan([match.fit for match in found[1:]]).all() and np.isnan([match.margin for match in found]).all()


def test_equal_fits_are_ordered_by_angle():
    """A line shows no feature: all fits are 0."""
    line = 0.2 + EMIT.wavelength_nm / 1e4
    found = identify(line, EMIT, LIBRARY, 40)
    assert {match.fit for match in found} == {0.0}
    assert sorted(match.sam for match in found) == [match.sam for match in found]


@pytest.mark.parametrize("n_usable", [0, 1, 2])
def test_a_masked_spectrum_is_like_nothing(n_usable):
    spectrum = np.full(len(EMIT), np.nan)
    spectrum[:n_usable] = 0.3
    assert identify(spectrum, EMIT, LIBRARY) == []


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(LibraryError, match="The library holds no spectrum"):
        identify(on_emit(KAOLINITE), EMIT, Library([]))
    with pytest.raises(MetricError, match="best matches is 0; ask for at least 1"):
        identify(on_emit(KAOLINITE), EMIT, LIBRARY, 0)
    with pytest.raises(MetricError, match=r"shape \(3,\) and there are 285 bands"):
        identify([0.1, 0.2, 0.3], EMIT, LIBRARY)


@settings(max_examples=20)
@given(name=st.sampled_from(sorted(LIBRARY)), factor=st.floats(0.05, 1.5), seed=st.integers(0, 99))
def test_brightness_changes_nothing(name, factor, seed):
    spectrum = noisy(name, seed)
    first, second = identify(spectrum, EMIT, LIBRARY, 5), identify(factor * spectrum, EMIT, LIBRARY, 5)
    assert [m.id for m in first] == [m.id for m in second]
    assert [m.fit for m in first] == pytest.approx([m.fit for m in second], abs=1e-9)
    assert [m.sam for m in first] == pytest.approx([m.sam for m in second], abs=1e-9)


@settings(max_examples=20)
@given(name=st.sampled_from(sorted(LIBRARY)), seed=st.integers(0, 99))
def test_all_measures_stay_in_their_range(name, seed):
    for match in identify(noisy(name, seed), EMIT, LIBRARY, 40):
        assert np.isnan(match.fit) or 0 <= match.fit <= 1 + 1e-12
        assert 0 <= match.sam <= np.pi and not match.sid < 0 and not abs(match.correlation) > 1
        assert not match.margin < 0


SECOND_RECORDS = sorted(name for name, r in LIBRARY.items()
                        if sum(other.material == r.material for other in LIBRARY.values()) > 1)


def test_second_records_are_recognised_at_a_signal_to_noise_ratio_of_100():
    """Each of the 13 records whose material has another one, noised and looked for among the other 39."""
    assert len(SECOND_RECORDS) == 13
    first = third = 0
    for i, name in enumerate(SECOND_RECORDS):
        others = {key: r for key, r in LIBRARY.items() if key != name}
        found = [others[match.id].material for match in identify(noisy(name, i), EMIT, others, 3)]
        first += found[0] == LIBRARY[name].material
        third += LIBRARY[name].material in found
    assert first / 13 >= 0.80 and third / 13 >= 0.95


# --- the features of an area ---

@pytest.fixture(scope="module")
def granule(tmp_path_factory):
    """Rows 0-9 are kaolinite, the rest is gypsum."""
    cube = np.empty((*SCENE.shape, 285), np.float32)
    cube[:10], cube[10:] = noisy(KAOLINITE, 0), noisy("gypsum_su2202_becka", 0)
    bad = np.asarray(expected_reflectance(0, 0)) == np.float32(-0.01)
    cube[..., bad] = -0.01
    return open_granule(write_granule(tmp_path_factory.mktemp("two"), SCENE, reflectance=np.nan_to_num(cube, nan=0.5))
                        .reflectance)


def test_points_are_identified_by_their_pixels(granule):
    shapely = pytest.importorskip("shapely")
    lon, lat = granule.geolocation.lonlat(np.array([5, 25]), np.array([12, 13]))
    points = [shapely.Point(*at) for at in zip(lon.tolist(), lat.tolist())]
    told = identify_features(inspect(granule, points, feature_ids=[7, 3], mask="good_bands"), LIBRARY)
    assert [one.feature_id for one in told] == [7, 3] and [one.n_pixels for one in told] == [1, 1]
    assert [one.matches[0].name.split()[0] for one in told] == ["Kaolinite", "Gypsum"]
    assert (told[0].lon, told[0].lat) == pytest.approx((lon[0], lat[0]), abs=1e-4)


def test_each_feature_is_identified_by_its_mean(granule):
    pixels = np.argwhere(np.ones(SCENE.shape, bool))
    seen = inspect(granule, pixels=pixels[:300], mask="good_bands")
    told = identify_features(seen, LIBRARY, 2)
    assert [one.n_pixels for one in told] == [300] and told[0].n_valid == seen.spectra.pixel_valid.sum()
    assert told[0].reason == "" and len(told[0].matches) == 2
    assert told[0].matches == tuple(identify(seen.mean, granule.bands, LIBRARY, 2))
    assert told[0].matches[0].name.startswith("Kaolinite")
    valid = seen.spectra.pixel_valid
    assert (told[0].lon, told[0].lat) == pytest.approx((seen.pixels.lon[valid].mean(), seen.pixels.lat[valid].mean()))


def test_a_feature_without_a_usable_pixel_has_its_reason(granule):
    everywhere = inspect(granule, pixels=np.argwhere(np.ones(SCENE.shape, bool)))
    masked = np.flatnonzero(~everywhere.spectra.pixel_valid)[:2]
    told = identify_features(inspect(granule, pixels=[(i // 30, i % 30) for i in masked.tolist()]), LIBRARY)
    assert told[0].matches == () and told[0].reason and np.isnan(told[0].lon)


@pytest.mark.parametrize("kept, reason", [
    (2, "Only 2 bands are usable; at least 3 are needed."),
    (40, "No reference has a value in half of the usable bands.")])
def test_without_a_match_the_reason_is_told(granule, kept, reason):
    seen = inspect(granule, pixels=[(5, 5)], mask="good_bands")
    valid = seen.spectra.valid.copy()
    valid[:, np.flatnonzero(valid[0])[kept:]] = False
    seen = replace(seen, spectra=replace(seen.spectra, valid=valid))
    far = Library([ReferenceSpectrum("far", "Far", [2300.0, 2400.0], [0.1, 0.2], "test")])
    (told,) = identify_features(seen, far)
    assert (told.matches, told.n_valid, told.reason) == ((), 1, reason)


@pytest.mark.parametrize("lon, middle", [([179.98, -179.98], 180.0), ([179.99, -179.97], -179.99),
                                         ([-179.99, 179.97], 179.99), ([10.0, 20.0], 15.0)])
def test_the_middle_of_an_area_across_the_antimeridian_lies_in_it(granule, lon, middle):
    seen = inspect(granule, pixels=[(5, 5), (5, 6)], mask="good_bands")
    (told,) = identify_features(replace(seen, pixels=replace(seen.pixels, lon=np.array(lon))), LIBRARY, 1)
    assert told.lon == pytest.approx(middle, abs=1e-9)


def test_radiance_is_refused(tmp_path):
    seen = inspect(open_granule(write_radiance(tmp_path, SCENE)), pixels=[(1, 1)])
    with pytest.raises(MetricError, match="References are reflectance, and .* holds radiance"):
        identify_features(seen, LIBRARY)
