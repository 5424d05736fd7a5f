"""Masks: what each policy leaves out, why, and how it is written."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pixel_spectra.core.aoi import PixelSet
from pixel_spectra.core.errors import MaskError
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.quality import DEFAULT_FLAGS, PRESETS, Limit, MaskPolicy, QualityLayers, good_bands
from pixel_spectra.core.sensors import missing_as_invalid, open_granule
from pixel_spectra.core.sensors.masked import choose_policy, read_masked, read_masked_rows
from pixel_spectra.core.spectra import BandGrid

from granules import Scene, expected_reflectance, write_granule, write_radiance
from shared_files import shared_file

SCENE = Scene(downtrack=30, crosstrack=20)
NAMES = {"cloud": (2, 3), "dilated cloud": (1, 2), "cirrus": (8, 2), "water": (10, 5), "spacecraft": (0, 19)}


@pytest.fixture(scope="module")
def granule(tmp_path_factory):
    return open_granule(write_granule(tmp_path_factory.mktemp("g"), SCENE).reflectance)


def masked(granule, mask, *pairs):
    return read_masked(granule, PixelSet.at(*np.array(pairs).T), choose_policy(granule, mask)[0])


@pytest.mark.parametrize(
    "text, mask_id",
    [
        ("none", "none"),
        ("Good Bands", "good_bands"),
        ("good-bands", "good_bands"),
        ("QUALITY", "quality"),
        ("cloud", "cloud"),
        ("Cloud Flag, cirrus-flag", "cirrus,cloud"),
        ("dilated_cloud,cloud, Cloud", "cloud,dilatedcloud"),
        ("AOD550<=0.30", "good_bands,AOD550<=0.3"),
        ("cloud, aod550 <= .3, H2O<=2", "cloud,AOD550<=0.3,H2O<=2"),
        ("quality, water", "quality,water"),
        ("quality, AOD550<=0.5", "quality,AOD550<=0.5"),
        ("SpecTf-Cloud Flag", "spectfcloud"),
    ],
)
def test_a_mask_is_known_by_its_normalised_text(text, mask_id):
    policy = MaskPolicy.parse(text)
    assert policy.mask_id == mask_id
    assert MaskPolicy.parse(policy.mask_id).mask_id == mask_id
    assert MaskPolicy.parse(policy) is policy


@given(st.permutations(["cloud", "cirrus flag", "Water", "AOD550<=0.4", "H2O<=3"]))
def test_the_order_of_names_does_not_matter(tokens):
    assert MaskPolicy.parse(",".join(tokens)).mask_id == "cirrus,cloud,water,AOD550<=0.4,H2O<=3"


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "is not known; use 'none', 'good_bands', 'quality'"),
        ("none, cloud", "excludes each other"),
        ("quality, good_bands", "excludes each other"),
        ("AOD550<0.3", "write it like 'AOD550<=0.3'"),
        ("AOD550>=0.3", "is not understood"),
        ("AOD550<=x", "is not understood"),
        (7, "is not known"),
    ],
)
def test_malformed_masks_are_refused(text, says):
    with pytest.raises(MaskError, match=says):
        MaskPolicy.parse(text)


def test_unknown_names_list_the_known_ones(granule):
    with pytest.raises(MaskError, match=r"Unknown mask flag 'fog'; the known ones are: Cloud flag, Cirrus flag, Water"):
        choose_policy(granule, "fog")
    with pytest.raises(MaskError, match=r"Unknown mask layer 'OZONE'; the known ones are: AOD550, H2O \(g cm-2\)"):
        choose_policy(granule, "ozone<=3")


def test_none_leaves_out_only_what_is_no_data(granule):
    spectra = masked(granule, "none", (2, 3), (20, 10))
    assert spectra.valid.sum(axis=1).tolist() == [244, 244]  # the fill of bad bands is no data either
    assert set(spectra.count_by_reason()) == {"valid", "bad band"}


def test_none_keeps_real_values_in_bad_bands(granule):
    bands = BandGrid(np.array([500.0, 1400.0]), None, np.array([True, False]))
    spectra = missing_as_invalid(np.array([[0.2, 0.1], [0.2, -0.01]], np.float32), bands)
    assert PRESETS["none"].apply(spectra, None).valid.tolist() == [[True, True], [True, False]]
    assert PRESETS["good_bands"].apply(spectra, None).valid.tolist() == [[True, False], [True, False]]


def test_good_bands_are_those_of_the_file(granule):
    spectra = masked(granule, "good_bands", (2, 3))
    np.testing.assert_array_equal(spectra.valid[0], granule.bands.good)
    assert spectra.count_by_reason() == {"valid": 244, "bad band": 41}


def test_without_good_wavelengths_the_documented_windows_stand_in_and_are_said(tmp_path):
    granule = open_granule(write_radiance(tmp_path, SCENE))
    policy, notices = choose_policy(granule, "good_bands")
    assert good_bands(granule.bands)[0].sum() == 244
    assert "documented windows of water vapour" in notices[0]


@pytest.mark.parametrize("name, pixel", NAMES.items())
def test_each_flag_masks_whole_pixels_under_its_name(granule, name, pixel):
    spectra = masked(granule, name, pixel, (20, 10))
    assert spectra.pixel_valid.tolist() == [False, True]
    reason = spectra.reasons[spectra.reason[0, 0]]
    assert reason.lower() == f"{name} flag"
    assert spectra.valid[1].sum() == 244  # a list of flags leaves out bad bands too


def test_quality_is_the_default_flags_and_interpolated_bands(granule):
    spectra = masked(granule, "quality", (2, 3), (8, 2), (1, 2), (0, 19), (10, 5), (6, 4), (20, 7))
    assert spectra.pixel_valid.tolist() == [False, False, False, False, True, True, True]
    assert spectra.valid.sum(axis=1).tolist() == [0, 0, 0, 0, 244, 242, 243]
    assert not spectra.valid[5, 10:12].any() and not spectra.valid[6, 150]
    assert spectra.reasons[spectra.reason[6, 150]] == "interpolated band"
    assert spectra.reasons[spectra.reason[6, 130]] == "bad band"
    assert DEFAULT_FLAGS == ("cloud", "cirrus", "dilated cloud", "spacecraft")


def test_the_first_reason_stays(granule):
    spectra = masked(granule, "quality", (2, 3))  # cloud and dilated cloud and bad bands
    assert set(spectra.count_by_reason()) == {"Cloud flag"}


def test_aerosol_and_water_vapour_are_limits_not_flags(granule):
    assert masked(granule, "AOD550<=0.5", (29, 3), (20, 3)).pixel_valid.tolist() == [False, True]
    assert masked(granule, "H2O<=2", (20, 19), (20, 3)).pixel_valid.tolist() == [False, True]
    spectra = masked(granule, "AOD550<=0.5", (29, 3))
    assert spectra.reasons[spectra.reason[0, 0]] == "AOD550 > 0.5"


def test_rows_and_pixels_are_masked_alike(granule):
    policy = choose_policy(granule, "quality")[0]
    r, c = (a.ravel() for a in np.indices(SCENE.shape))
    rows, pixels = read_masked_rows(granule, 0, 30, policy), read_masked(granule, PixelSet.at(r, c), policy)
    np.testing.assert_array_equal(rows.valid, pixels.valid)


def test_pixels_screened_on_board_have_no_quality(tmp_path):
    hole = np.zeros(SCENE.shape, bool)
    hole[20, 10] = True
    granule = open_granule(write_granule(tmp_path, SCENE, mask="V002", nodata=hole).reflectance)
    layers = granule.quality.read(PixelSet.at([20, 21], [10, 10]))
    assert layers.unknown.tolist() == [True, False]
    assert not masked(granule, "cloud", (20, 10)).valid.any()


def test_quality_without_a_mask_file_is_an_error_never_a_fall_back(tmp_path):
    granule = open_granule(write_granule(tmp_path, SCENE, mask=None).reflectance)
    for mask in ("quality", "cloud", "AOD550<=0.3"):
        with pytest.raises(MaskError, match=r"needs the MASK file of 'EMIT.*give it \(MASK_FILE, mask_file=\)"):
            choose_policy(granule, mask)


def test_the_default_comes_from_the_product(granule, tmp_path):
    assert choose_policy(granule, None) == (PRESETS["quality"], ())
    bare = open_granule(write_granule(tmp_path, SCENE, mask=None).reflectance)
    policy, notices = choose_policy(bare, None)
    assert policy.mask_id == "good_bands" and "clouds were not" in notices[0]


@given(st.integers(0, 2**6 - 1))
def test_every_masked_value_has_a_reason_and_no_valid_one_has(bits):
    on = [bool(bits >> k & 1) for k in range(6)]
    bands = BandGrid(np.arange(4.0), None, np.array([True, on[0], True, True]))
    values = np.array([[0.1, -0.01, -9999.0 if on[1] else 0.3, np.nan if on[2] else 0.4]], np.float32)
    quality = QualityLayers(
        {"Cloud flag": np.array([on[3]])},
        {"AOD550": np.array([0.9 if on[4] else 0.1])},
        np.array([False]),
        np.array([[on[5], False, False, False]]),
    )
    policy = MaskPolicy(flags=("cloud",), band_mask=True, limits=MaskPolicy.parse("AOD550<=0.5").limits)
    spectra = policy.apply(missing_as_invalid(values, bands), quality)
    np.testing.assert_array_equal(spectra.valid, spectra.reason == 0)
    assert not spectra.valid[:, (values[0] == -9999) | np.isnan(values[0])].any()
    if on[3] or on[4]:
        assert not spectra.valid.any()


def test_fill_values_never_reach_a_mean(tmp_path):
    hole = np.zeros(SCENE.shape, bool)
    hole[20, 10] = True
    granule = open_granule(write_granule(tmp_path, SCENE, nodata=hole).reflectance)
    for mask in ("none", "good_bands", "quality"):
        seen = inspect(granule, pixels=[(20, 10), (20, 11), (20, 12)], mask=mask)
        expected = expected_reflectance([20, 20], [11, 12]).mean(axis=0)
        good = granule.bands.good
        np.testing.assert_allclose(seen.mean[good], expected[good], rtol=1e-6)
        assert np.isnan(seen.mean[~good]).all() and np.isnan(seen.sigma[~good]).all()


def test_the_real_mask_crop_by_name():
    from pixel_spectra.core.io.bytesource import FileSource
    from pixel_spectra.core.sensors.emit.companions import open_mask

    mask = open_mask(FileSource(shared_file("emit_nc/EMIT_L2A_MASK_001_20220827T060753_9999999_999.nc")), 285)
    MaskPolicy.parse("quality, water, aggregate").check(mask, "crop")
    layers = mask.read_rows(0, 200)
    bands = BandGrid(np.linspace(381, 2493, 285), None, None)
    spectra = missing_as_invalid(np.full((40000, 285), 0.3, np.float32), bands)
    limited = MaskPolicy.parse("AOD550<=0.5").apply(spectra, layers)
    assert (~limited.pixel_valid).sum() == 21  # those with the aggregate flag, all from aerosol
    assert MaskPolicy(good_bands=False, band_mask=True).apply(spectra, layers).valid.sum() == 40000 * 285 - 6000


def test_different_policies_never_share_a_name():
    one, two = MaskPolicy(good_bands=False, flags=("cloud",)), MaskPolicy(flags=("cloud",))
    assert (one.mask_id, two.mask_id) == ("all_bands,cloud", "cloud")
    assert MaskPolicy.parse(one.mask_id) == one
    assert MaskPolicy.parse("AOD550<=0.30000001").mask_id != MaskPolicy.parse("AOD550<=0.3").mask_id
    assert (
        MaskPolicy.parse("cloud,cirrus,dilated cloud,spacecraft").mask_id
        == MaskPolicy.parse("Spacecraft Flag, DilatedCloud, CIRRUS, cloud").mask_id
        == "cirrus,cloud,dilatedcloud,spacecraft"
    )
    assert MaskPolicy.parse("band_mask, cloud").mask_id == "band_mask,cloud"


@given(
    st.booleans(),
    st.booleans(),
    st.sets(st.sampled_from(["cloud", "cirrus", "dilated cloud", "spacecraft", "water"])),
    st.sets(st.floats(0, 5)),
)
def test_every_policy_can_be_read_back_from_its_name(bands, band_mask, flags, limits):
    policy = MaskPolicy(bands, tuple(flags), band_mask, tuple(Limit("AOD550", x) for x in limits))
    assert MaskPolicy.parse(policy.mask_id) == policy


@pytest.mark.parametrize(
    "mask, says",
    [
        ("AOD550 <= 0,3", "lone number '3'; write decimals with a point"),
        (",", "is not known"),
        ("none, AOD550<=0.3", "excludes each other"),
    ],
)
def test_near_misses_are_explained(mask, says):
    with pytest.raises(MaskError, match=says):
        MaskPolicy.parse(mask)


def test_a_data_layer_is_no_flag(granule):
    with pytest.raises(MaskError, match="'AOD550' is data, not a flag; give a limit, as in 'AOD550<=0.3'"):
        choose_policy(granule, "AOD550")


def test_the_fill_of_bad_bands_is_known_without_good_wavelengths():
    bands = BandGrid(np.array([500.0, 1400.0]))
    spectra = missing_as_invalid(np.array([[-0.01, -0.01], [0.2, 0.1]], np.float32), bands)
    assert PRESETS["none"].apply(spectra, None).valid.tolist() == [[True, False], [True, True]]


def test_a_pixel_that_lacks_one_flag_is_not_clear(tmp_path):
    layers = {"Cloud flag": np.where(np.arange(20) == 10, -9999.0, 0.0)}
    granule = open_granule(write_granule(tmp_path, SCENE, layers=layers).reflectance)
    spectra = masked(granule, "quality", (20, 10), (20, 11))
    assert spectra.pixel_valid.tolist() == [False, True]
    assert "no quality data" in spectra.count_by_reason()


def test_only_the_layers_that_a_policy_asks_for_are_read(granule):
    quality = granule.quality
    pixels = PixelSet.at([3, 4], [5, 6])
    cloud = MaskPolicy.parse("cloud, AOD550<=0.3").source(quality).read(pixels)
    assert (set(cloud.flags), set(cloud.data)) == ({"Cloud flag"}, {"AOD550"})
    whole = quality.read(pixels)
    assert cloud.flags["Cloud flag"].tolist() == whole.flags["Cloud flag"].tolist()
    assert cloud.data["AOD550"].tolist() == whole.data["AOD550"].tolist()


def test_a_policy_of_limits_alone_still_reads_the_flags_that_tell_missing_quality(granule):
    assert set(MaskPolicy.parse("AOD550<=0.3").source(granule.quality).read(PixelSet.at([3], [5])).flags) == set(
        granule.quality.flag_names)


def test_a_policy_without_quality_reads_none(granule):
    assert MaskPolicy.parse("good_bands").source(granule.quality) is None
