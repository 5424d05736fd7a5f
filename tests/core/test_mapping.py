"""map_scores(): the scores of inspect() for every pixel, in order, masked, best reference and margin; streamed."""

import numpy as np
import pytest
from pixel_spectra.core import mapping, workers
from pixel_spectra.core.background import estimate_background
from pixel_spectra.core.errors import Cancelled, LibraryError, MaskError, MetricError, OutputError
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.io.rastersink import EnviSink
from pixel_spectra.core.libraries import ReferenceSpectrum, bundled_library
from pixel_spectra.core.mapping import map_scores
from pixel_spectra.core.metrics import METRICS
from pixel_spectra.core.metrics.fast import FAST, fast_scorer
from pixel_spectra.core.orthorectification import gather, slabs
from pixel_spectra.core.quality import MaskPolicy
from pixel_spectra.core.resampling import on_bands
from pixel_spectra.core.scene_sample import fixed_sample
from pixel_spectra.core.sensors import open_granule
from pixel_spectra.core.spectra import BandGrid

from envi_cubes import write_envi_cube
from full_disk import no_room
from granules import Scene, emit_bands, locate, write_granule, write_radiance
from kept_rasters import Memory, Stopping

SCENE = Scene(downtrack=30, crosstrack=20, n_bands=30, hole_fraction=0.05)
SHAPE = SCENE.shape
NAMES = ("kaolinite_cm9_beckb", "alunite_gds83_beckb_na63", "calcite_ws272_beckb")
TOLERANCE = {"sam": 1e-5}
"""Metric -> what is promised of its fast way; else float32."""


def reference(name):
    library = bundled_library()
    return library[next(key for key in library if key.startswith(name.split("_")[0]))]


REFERENCES = [reference(name) for name in NAMES]


def spectra():
    """(30, 20, 30) noisy mixtures; line 29 holds the first reference at several brightnesses, pixel 0 exactly."""
    rng = np.random.default_rng(4)
    bands = emit_bands(SCENE.n_bands)
    pure = np.array([on_bands(one, open_bands(bands)).values for one in REFERENCES])
    pure = np.where(np.isfinite(pure), pure, 0.3)
    mixed = rng.dirichlet((1, 1, 1), SHAPE) @ pure * rng.uniform(0.5, 1.0, (*SHAPE, 1))
    mixed += rng.normal(0, 0.01, mixed.shape)
    mixed[29] = pure[0] * np.linspace(1.0, 0.2, SHAPE[1])[:, None]
    mixed[29, 1:] += rng.normal(0, 1, mixed[29, 1:].shape) * np.logspace(-5, -2, SHAPE[1] - 1)[:, None]
    return mixed.astype(np.float32)


def open_bands(bands):
    return BandGrid(bands.wavelength_nm, bands.fwhm_nm, bands.good)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Clouds and the like at the usual places, interpolated bands in a column and here and there, two fill pixels."""
    holes = np.zeros((*SHAPE, SCENE.n_bands), bool)
    holes[:, 7, 4] = holes[20, 3, 5:9] = holes[25, 10:13, 2] = True
    nodata = np.zeros(SHAPE, bool)
    nodata[15, 4:6] = True
    return write_granule(tmp_path_factory.mktemp("granule"), SCENE, reflectance=spectra(), band_mask=holes,
                         nodata=nodata)


@pytest.fixture
def granule(files):
    return open_granule(files.reflectance)


@pytest.fixture
def small_blocks(monkeypatch):
    """Every line by itself, slabs of few rows: seams everywhere."""
    monkeypatch.setattr(mapping, "_READ_BYTES", 25 * SCENE.n_bands * 4)
    monkeypatch.setattr(slabs, "_TABLE_BYTES", 4000)
    monkeypatch.setattr(gather, "_STRIP_CELLS", 100)
    monkeypatch.setattr(gather, "_BLOCK_VALUES", 400)


def mapped(granule, references, metric="sam", **options):
    sink = Memory()
    written = map_scores(granule, references, metric, sink, **options)
    assert sink.state == "committed" and sink.bands == written.bands
    return sink.values, written


def inspected(granule, one, metric, mask=None):
    """(30, 20) what inspect() says of every pixel, against the fixed background of the scene."""
    everywhere = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1).reshape(-1, 2)
    policy = MaskPolicy.parse("quality" if mask is None else mask)
    needed = "background" in METRICS[metric].needs
    background = fixed_sample(granule, policy).background if needed else None
    seen = inspect(granule, pixels=everywhere, reference=one, metric=metric, mask=mask, background=background)
    return seen.scores.reshape(SHAPE).astype(np.float32)


def close(values, expected, metric):
    scale = np.nanmax(np.abs(expected))
    np.testing.assert_array_equal(np.isnan(values), np.isnan(expected))
    np.testing.assert_allclose(values, expected, rtol=0, atol=TOLERANCE.get(metric, 1e-4 * max(scale, 1.0)))


@pytest.mark.parametrize("mask", [None, "good_bands", "none", "band_mask"])
@pytest.mark.parametrize("metric", list(METRICS))
def test_every_pixel_scores_as_with_inspect(granule, metric, mask, small_blocks):
    values, written = mapped(granule, REFERENCES[:1], metric, mask=mask)
    expected = inspected(granule, REFERENCES[0], metric, mask)
    assert values.shape == (*SHAPE, 1)
    assert written.metric.name == metric
    if metric in FAST:
        close(values[..., 0], expected, metric)
    else:
        np.testing.assert_array_equal(values[..., 0], expected)


def test_masks_strike_single_pixels(granule):
    values = mapped(granule, REFERENCES[:1])[0][..., 0]
    masked = np.zeros(SHAPE, bool)
    masked[1:6, 2:7] = masked[8, 2:4] = masked[:2, -1] = masked[15, 4:6] = True
    np.testing.assert_array_equal(np.isnan(values), masked)
    assert np.isnan(mapped(granule, REFERENCES[:1], mask="none")[0]).sum() == 2


def test_a_spectrum_equal_to_the_reference_has_no_angle(granule):
    values = mapped(granule, REFERENCES[:1])[0][29, :, 0]
    assert values[0] < 1e-6
    assert (np.diff(values[[1, 8, 15, 19]]) > 0).all()


@pytest.mark.parametrize("metric", sorted(FAST))
def test_the_fast_way_is_as_close_as_it_says(metric):
    rng = np.random.default_rng(0)
    base = rng.uniform(0.1, 0.6, 244)
    pixels = (base * rng.uniform(0.2, 1.2, (4000, 1)) + rng.normal(0, 1, (4000, 244))
              * np.logspace(-7, -1, 4000)[:, None]).astype(np.float32)
    background = estimate_background(pixels[1::2]) if "background" in METRICS[metric].needs else None
    scorer = fast_scorer(METRICS[metric], base[None], np.ones(244, bool), background)
    scores, complete = scorer(pixels)
    exact = METRICS[metric](pixels, base, background=background)
    assert complete.all()
    assert np.abs(scores[:, 0] - exact).max() <= (1e-5 if metric == "sam" else 1e-4)


def test_missing_values_are_left_to_the_metric_itself():
    pixels = np.full((5, 20), 0.3, np.float32)
    for row, missing in enumerate((np.nan, np.inf, -np.inf, -9999.0)):
        pixels[row, 3] = missing
    scorer = fast_scorer(METRICS["sam"], np.full((1, 20), 0.2), np.ones(20, bool), None)
    assert scorer(pixels)[1].tolist() == [False, False, False, False, True]


def test_several_references_give_the_best_and_its_lead(granule, small_blocks):
    values, written = mapped(granule, REFERENCES)
    assert written.bands == (*(f"{n} {one.name}" for n, one in enumerate(REFERENCES, 1)), "best class", "margin")
    assert written.classes == tuple(one.name for one in REFERENCES)
    for k, one in enumerate(REFERENCES):
        close(values[..., k], inspected(granule, one, "sam"), "sam")
    scores, ordered = values[..., :3], np.sort(values[..., :3], axis=-1)
    scored = np.isfinite(scores).all(axis=-1)
    np.testing.assert_array_equal(values[scored, 3], scores[scored].argmin(axis=-1) + 1)
    np.testing.assert_array_equal(values[..., 4], ordered[..., 1] - ordered[..., 0])
    assert np.isnan(values[~scored]).all() and (~scored).sum() == 31
    assert values[29, 0, 3] == 1


def test_where_higher_is_better_the_highest_wins(granule):
    values, _ = mapped(granule, REFERENCES, "matched_filter")
    scores = values[..., :3]
    scored = np.isfinite(scores).all(axis=-1)
    ordered = np.sort(scores[scored], axis=-1)
    np.testing.assert_array_equal(values[scored, 3], scores[scored].argmax(axis=-1) + 1)
    np.testing.assert_allclose(values[scored, 4], ordered[:, 2] - ordered[:, 1], rtol=1e-6)
    assert (values[scored, 4] >= 0).all()


def test_one_score_is_the_best_without_a_lead(tmp_path):
    cube = np.array([[[0.2, 0.3, 0.4, 0.5], [np.nan, np.nan, 0.4, 0.5]]], np.float32)
    image = write_envi_cube(tmp_path, cube, wavelength_nm=[500, 600, 700, 800], good=[1] * 4)
    short = ReferenceSpectrum("short", "Short", [500.0, 600.0], [0.1, 0.9], "test")
    long = ReferenceSpectrum("long", "Long", [500.0, 600.0, 700.0, 800.0], [0.2, 0.3, 0.4, 0.5], "test")
    values, _ = mapped(open_granule(image.header), [short, long])
    assert values[0, 0, 2] == 2 and values[0, 0, 3] > 0.3
    assert np.isnan(values[0, 1, 0]) and values[0, 1, 2] == 2 and np.isnan(values[0, 1, 3])


def test_a_pixel_without_a_feature_of_any_reference_has_no_class(tmp_path):
    """Two references that absorb at 700 and at 900 nm, and one twice; a flat pixel, and one that absorbs at 900 nm."""
    nm = np.arange(500.0, 1101.0, 50.0)
    one, two = (0.5 - 0.2 * np.exp(-(((nm - at) / 60) ** 2)) for at in (700, 900))
    flat = np.full(nm.size, 0.4)
    cube = np.stack([flat, 0.8 * two, np.where(nm == 700, np.nan, 0.8 * one)])[None].astype(np.float32)
    image = write_envi_cube(tmp_path, cube, wavelength_nm=nm, good=[1] * nm.size)
    first, second = (ReferenceSpectrum(f"r{i}", f"R{i}", nm, values, "test") for i, values in enumerate((one, two)))
    values, _ = mapped(open_granule(image.header), [first, second], "feature_fit")
    assert values[0, 0, :2].tolist() == [0.0, 0.0] and np.isnan(values[0, 0, 2:]).all()
    assert values[0, 1, 2] == 2 and values[0, 1, 3] == pytest.approx(values[0, 1, 1] - values[0, 1, 0])
    values, _ = mapped(open_granule(image.header), [second, second], "feature_fit")
    assert np.isnan(values[0, 0, 2]) and values[0, 1, 2:].tolist() == [1.0, 0.0]


def test_many_references_go_in_slabs_and_fit(granule, small_blocks):
    many = list(bundled_library().values())[:12]
    values, written = mapped(granule, many, orthorectify=True)
    swath = locate(SCENE)
    raw = mapped(granule, many)[0]
    expected = np.where((swath.glt_x > 0)[..., None], raw[swath.glt_y - 1, swath.glt_x - 1], np.nan)
    np.testing.assert_array_equal(values, expected.astype(np.float32))
    assert values.shape[2] == 14
    assert written.grid.columns == swath.glt_x.shape[1]


def test_blocks_and_threads_make_no_difference(granule, small_blocks, monkeypatch):
    in_pieces = mapped(granule, REFERENCES, "ace", orthorectify=True)[0]
    monkeypatch.undo()
    monkeypatch.setattr(workers, "THREADS", 1)
    np.testing.assert_allclose(in_pieces, mapped(granule, REFERENCES, "ace", orthorectify=True)[0], atol=1e-6)


def test_the_map_grid_shows_the_pixels_of_the_swath(granule):
    values, written = mapped(granule, REFERENCES[:1], orthorectify=True)
    swath = locate(SCENE)
    raw = mapped(granule, REFERENCES[:1])[0]
    expected = np.where((swath.glt_x > 0)[..., None], raw[swath.glt_y - 1, swath.glt_x - 1], np.nan)
    np.testing.assert_array_equal(values, expected)
    assert written.grid.geotransform and "WGS 84" in written.grid.crs_wkt


@pytest.mark.parametrize("orthorectify", [False, True])
def test_a_preview_shows_every_so_manieth_cell(granule, orthorectify, monkeypatch):
    full = mapped(granule, REFERENCES[:1], orthorectify=orthorectify)[0]
    monkeypatch.setattr(granule, "row_values", lambda start, stop: pytest.fail("whole lines were read"))
    values, _ = mapped(granule, REFERENCES[:1], orthorectify=orthorectify, stride=4)
    rows, columns = (np.minimum(np.arange(0, n, 4) + 2, n - 1) for n in full.shape[:2])
    np.testing.assert_array_equal(values, full[np.ix_(rows, columns)])


def test_an_image_without_location_is_written_by_row_and_column(tmp_path):
    cube = np.random.default_rng(1).uniform(0.1, 0.5, (4, 6, 5)).astype(np.float32)
    image = write_envi_cube(tmp_path, cube, wavelength_nm=[500, 600, 700, 800, 900], good=[1] * 5)
    values, written = mapped(open_granule(image.header), REFERENCES[:1], orthorectify=True)
    assert values.shape == (4, 6, 1) and written.grid.geotransform is None
    assert "'cube' has no location, so the map is written by row and column." in written.notices
    assert not any("no location" in said for said in mapped(open_granule(image.header), REFERENCES[:1])[1].notices)


def test_a_metric_without_reference_has_a_band_of_its_own(granule):
    scored = np.isfinite(mapped(granule, REFERENCES[:1])[0])
    for name in [name for name, metric in METRICS.items() if "reference" not in metric.needs]:
        values, written = mapped(granule, [], name)
        assert written.bands == (name,) and written.classes == ()
        np.testing.assert_array_equal(np.isfinite(values), scored)


def test_it_tells_what_it_rests_on(granule):
    half = ReferenceSpectrum("half", "Half", [400.0, 700.0, 1000.0], [0.1, 0.2, 0.3], "test")
    _, written = mapped(granule, [half])
    assert written.n_pixels == 600 and written.n_scored == 569 and written.mask.mask_id == "quality"
    assert any("'Half' has no value in" in said for said in written.notices)


@pytest.mark.parametrize("given, error, said", [
    ({"references": []}, LibraryError, "needs at least one reference"),
    ({"references": ["kaolinite"]}, LibraryError, "must be a ReferenceSpectrum, not str"),
    ({"metric": "sma"}, MetricError, "Unknown metric 'sma'"),
    ({"mask": "fog"}, MaskError, "fog"),
    ({"stride": 0}, OutputError, "The stride 0"),
    ({"references": [ReferenceSpectrum("far", "Far", [8000.0, 9000.0], [0.1, 0.2], "test")]}, LibraryError, "Far"),
])
def test_refusals_come_before_anything_is_written(granule, given, error, said):
    sink = Memory()
    plain = {"references": REFERENCES[:1], "metric": "sam", **given}
    with pytest.raises(error, match=said):
        map_scores(granule, plain.pop("references"), plain.pop("metric"), sink, **plain)
    assert sink.state == "aborted" and sink.grid is None


def test_radiance_is_refused_where_reflectance_is_needed(tmp_path):
    sink = Memory()
    with pytest.raises(MetricError, match="compares reflectance, but .* holds radiance"):
        map_scores(open_granule(write_radiance(tmp_path, SCENE)), REFERENCES[:1], "ace", sink)
    assert sink.grid is None


@pytest.mark.parametrize("at", [0.0, 0.3, 0.9])
def test_cancelled_it_leaves_nothing(granule, tmp_path, at, small_blocks):
    stopping = Stopping(at)
    with pytest.raises(Cancelled):
        map_scores(granule, REFERENCES, "sam", EnviSink(tmp_path / "map.img"), progress=stopping)
    assert list(tmp_path.iterdir()) == []
    assert stopping.seen == sorted(stopping.seen)


def test_progress_runs_to_its_end(granule, small_blocks):
    listening = Stopping(2.0)
    map_scores(granule, REFERENCES[:1], "matched_filter", Memory(), progress=listening)
    assert listening.seen == sorted(listening.seen) and listening.seen[-1] == 1.0


def test_a_disk_that_fills_leaves_nothing(granule, tmp_path):
    with no_room(4096), pytest.raises(OutputError, match="map"):
        map_scores(granule, REFERENCES, "sam", EnviSink(tmp_path / "map.img"))
    assert list(tmp_path.iterdir()) == []


def test_results_come_in_order_and_few_wait():
    begun = []

    def work(item):
        begun.append(item)
        return item

    for result in workers.in_order(work, range(50)):
        assert len(begun) <= result + 2 * workers.THREADS + 1
    assert sorted(begun) == list(range(50))


def test_what_fails_in_a_thread_is_raised():
    with pytest.raises(ZeroDivisionError):
        list(workers.in_order(lambda item: 1 // item, [2, 1, 0, 3]))


def test_blas_has_its_threads_back():
    functions = workers._openblas()
    if functions is None:
        pytest.skip("numpy has another BLAS here")
    before = functions[0]()
    with workers.one_blas_thread() as limited, workers.one_blas_thread():
        assert limited and functions[0]() == 1
    assert functions[0]() == before
