"""Every metric against independent computations: a per-pixel double loop, exact arithmetic, and other packages."""

import decimal
import importlib
import math
from fractions import Fraction

import numpy as np
import pytest
from pixel_spectra.core.background import estimate_background
from pixel_spectra.core.metrics import METRICS

import feature_loops

decimal.getcontext().prec = 60


# --- a double loop over pixels and bands, in plain Python ---

def dot(a, b):
    return math.fsum(p * q for p, q in zip(a, b))


def angle(x, r):
    return math.acos(max(-1.0, min(1.0, dot(x, r) / math.sqrt(dot(x, x) * dot(r, r)))))


def divergence(x, r):
    p = [value / math.fsum(x) for value in x]
    q = [value / math.fsum(r) for value in r]
    return dot(p, [math.log(a / b) for a, b in zip(p, q)]) + dot(q, [math.log(b / a) for a, b in zip(p, q)])


def pearson(x, r):
    x = [value - math.fsum(x) / len(x) for value in x]
    r = [value - math.fsum(r) / len(r) for value in r]
    return dot(x, r) / math.sqrt(dot(x, x) * dot(r, r))


def rms(x, r):
    return math.sqrt(math.fsum((a - b) ** 2 for a, b in zip(x, r)) / len(x))


def filtered(x, r, centre, matrix):
    """d'C^-1 z, d'C^-1 d and z'C^-1 z with the sub-matrix of the pixel's bands."""
    d, z = np.subtract(r, centre), np.subtract(x, centre)
    return d @ np.linalg.solve(matrix, z), d @ np.linalg.solve(matrix, d), z @ np.linalg.solve(matrix, z)


def abundance(x, r, centre, matrix):
    dz, dd, _ = filtered(x, r, centre, matrix)
    return dz / dd


def coherence(x, r, centre, matrix):
    dz, dd, zz = filtered(x, r, centre, matrix)
    return math.copysign(dz * dz / (dd * zz), dz)


SIGMA = np.linspace(0.002, 0.02, 24)
ORACLES = {
    "sam": angle, "sid": divergence, "correlation": pearson, "rmse": rms,
    "cosine": lambda x, r: math.cos(angle(x, r)),
    "euclidean": lambda x, r: rms(x, r) * math.sqrt(len(x)),
    "sid_sam": lambda x, r: divergence(x, r) * math.tan(angle(x, r)),
    "ns3": lambda x, r: math.sqrt(rms(x, r) ** 2 + (1 - math.cos(angle(x, r))) ** 2),
    "matched_filter": abundance, "cem": abundance, "ace": coherence,
    "rx": lambda x, r, centre, matrix: filtered(x, r, centre, matrix)[2],
    "chi_square": lambda x, r, s: math.fsum(((a - b) / c) ** 2 for a, b, c in zip(x, r, s)) / len(x),
    "feature_fit": feature_loops.feature_fit, "band_depth": feature_loops.band_depth,
}


def bands_of(metric, x, r):
    wanted = "reference" in metric.needs
    both = [band for band in range(len(x)) if math.isfinite(x[band]) and (math.isfinite(r[band]) or not wanted)]
    if not metric.positive_bands:
        return both, True
    lit = [band for band in both if x[band] > 0 and r[band] > 0]
    return lit, len(both) - len(lit) <= 0.05 * len(both)


def double_loop(metric, pixels, reference, scene):
    """Values and band counts of each pixel by itself, in plain Python."""
    values, counts = [], []
    for x in pixels.tolist():
        bands, defined = bands_of(metric, x, reference.tolist())
        extra = ()
        if scene is not None:
            matrix = scene.moment(metric.statistics)
            extra = (matrix.centre[bands], matrix.matrix[np.ix_(bands, bands)])
        if "uncertainty" in metric.needs:
            extra += (SIGMA[bands],)
        enough = defined and len(bands) >= metric.min_bands
        values.append(ORACLES[metric.name]([x[b] for b in bands], [reference[b] for b in bands], *extra)
                      if enough else math.nan)
        counts.append(len(bands))
    return values, counts


def spectra(rng, n, n_bands=24):
    """Smooth positive mixtures with a little noise, float32 as a granule holds them."""
    at = np.linspace(0, 1, n_bands)
    shapes = np.stack([at, 1 - at, np.exp(-((at - 0.4) / 0.1) ** 2), np.exp(-((at - 0.8) / 0.2) ** 2)])
    return (0.05 + rng.random((n, 4)) @ shapes * 0.2 + rng.normal(0, 0.005, (n, n_bands))).astype(np.float32)


@pytest.fixture(scope="module")
def scene():
    """200 pixels with holes of every kind, a reference with one, and 300 background samples of 24 bands."""
    rng = np.random.default_rng(11)
    pixels = spectra(rng, 200)
    pixels[rng.random(pixels.shape) < 0.1] = np.nan
    pixels[:40] = spectra(rng, 40)  # whole ones
    pixels[40:60, 3:9] = np.nan  # a shared hole
    pixels[60, :] = np.nan
    pixels[61, 1:] = np.nan
    pixels[62:70, 5] = -0.01
    pixels[66:70, 6:8] = 0.0
    reference = spectra(rng, 1)[0].astype(np.float64)
    reference[[7, 20]] = np.nan
    return pixels, reference, estimate_background(spectra(rng, 300))


@pytest.mark.parametrize("name", METRICS)
def test_equals_a_double_loop_where_every_pixel_has_its_own_holes(name, scene):
    pixels, reference, background = scene
    metric = METRICS[name]
    assert name in ORACLES, "a new metric needs its oracle here"
    background = background if "background" in metric.needs else None
    values, counts = double_loop(metric, pixels, reference, background)
    seen = metric.evaluate(pixels, reference, background=background, uncertainty=SIGMA, sigma=False)
    assert seen.n_bands.tolist() == counts
    assert np.isnan(seen.values).tolist() == np.isnan(values).tolist()
    assert seen.values == pytest.approx(values, rel=1e-9, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("name", ["matched_filter", "ace", "cem"])
def test_holes_keep_five_digits_at_the_greatest_condition_number_allowed(name):
    """Nearly collinear bands; the oracle inverts the sub-matrix in exact fractions."""
    rng = np.random.default_rng(2)
    samples = np.cumsum(rng.normal(size=(400, 7)), axis=1) * 1e-4 + rng.normal(size=(400, 1))
    background = estimate_background(samples)
    moment = background.moment(METRICS[name].statistics)
    assert 1e6 < moment.condition <= 1e8
    target, pixels = samples[0] + 0.01 * rng.normal(size=7), samples[1:20].copy()
    pixels[:, 2] = np.nan
    pixels[::2, 5] = np.nan
    seen = METRICS[name](pixels, target, background=background)
    for value, pixel in zip(seen, pixels):
        bands = np.flatnonzero(np.isfinite(pixel))
        expected = exact_filter(name, pixel[bands], target[bands], moment.centre[bands],
                                moment.matrix[np.ix_(bands, bands)])
        assert abs(value - expected) <= 1e-5 * max(1, abs(expected))


def exact_filter(name, x, r, centre, matrix):
    z = [Fraction(a) - Fraction(c) for a, c in zip(x.tolist(), centre.tolist())]
    d = [Fraction(a) - Fraction(c) for a, c in zip(r.tolist(), centre.tolist())]
    weights = exact_solve(matrix.tolist(), [d, z])
    dz, dd, zz = (sum(map(Fraction.__mul__, a, b)) for a, b in ((z, weights[0]), (d, weights[0]), (z, weights[1])))
    return float(dz * abs(dz) / (dd * zz) if name == "ace" else dz / dd)


def exact_solve(matrix, right_sides):
    """Gauss-Jordan elimination in fractions: one solution per right side."""
    n = len(matrix)
    rows = [[Fraction(v) for v in row] + [side[i] for side in right_sides] for i, row in enumerate(matrix)]
    for i in range(n):
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for j in set(range(n)) - {i}:
            rows[j] = [a - rows[j][i] * b for a, b in zip(rows[j], rows[i])]
    return [[row[n + k] for row in rows] for k in range(len(right_sides))]


# --- the spectral angle where arccos has no digits left ---

def exact_angle(x, r):
    """atan2(|x|^2 |r|^2 - (x.r)^2 in exact fractions, square-rooted to 60 digits; x.r)."""
    x, r = [Fraction(v) for v in x.tolist()], [Fraction(v) for v in r.tolist()]
    xr, xx, rr = (sum(map(Fraction.__mul__, a, b)) for a, b in ((x, r), (x, x), (r, r)))
    cross = xx * rr - xr * xr
    root = (decimal.Decimal(cross.numerator) / decimal.Decimal(cross.denominator)).sqrt()
    return math.atan2(float(root), float(xr))


@pytest.mark.parametrize("size", [0, 1e-14, 1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1])
@pytest.mark.parametrize("sign", [1, -1])
def test_angle_is_exact_down_to_equal_spectra(size, sign):
    rng = np.random.default_rng(3)
    reference = rng.uniform(0.05, 0.6, 285)
    pixels = sign * rng.uniform(0.2, 3, (20, 1)) * (reference + size * rng.normal(size=(20, 285)))
    expected = [exact_angle(pixel, reference) for pixel in pixels]
    assert np.abs(METRICS["sam"](pixels, reference) - expected).max() < 1e-13


def test_angle_of_float32_spectra_keeps_the_precision_of_their_values():
    rng = np.random.default_rng(4)
    reference = rng.uniform(0.05, 0.6, 285).astype(np.float32)
    pixels = (reference * (1 + 1e-3 * rng.normal(size=(20, 285)))).astype(np.float32)
    expected = [exact_angle(pixel, reference) for pixel in pixels]
    assert np.abs(METRICS["sam"](pixels, reference) - expected).max() < 1e-14


def test_equal_spectra_have_no_angle_and_no_divergence():
    pixels = spectra(np.random.default_rng(5), 50, 285)
    for pixel in pixels:
        assert METRICS["sam"](pixel, pixel)[0] < 1e-6
        assert METRICS["sam"](3.7 * pixel.astype(float), pixel)[0] < 1e-6
        assert METRICS["sid"](pixel, pixel)[0] == 0
        assert METRICS["ns3"](pixel, pixel)[0] < 1e-15


# --- other packages, fed float64, where they are right ---

@pytest.fixture(scope="module")
def whole():
    """500 whole float64 pixels of 24 bands and a reference; the pixels are their own background."""
    rng = np.random.default_rng(6)
    return spectra(rng, 500).astype(np.float64), spectra(rng, 1)[0].astype(np.float64)


def test_sam_equals_spectral_python(whole):
    spy = pytest.importorskip("spectral")
    expected = spy.spectral_angles(whole[0][np.newaxis], whole[1][np.newaxis])[0, :, 0]
    assert METRICS["sam"](*whole) == pytest.approx(expected, abs=1e-12)


def test_matched_filter_equals_spectral_python(whole):
    spy = pytest.importorskip("spectral")
    pixels, target = whole
    expected = np.ravel(spy.matched_filter(pixels[np.newaxis], target, spy.calc_stats(pixels[np.newaxis])))
    assert METRICS["matched_filter"](pixels, target, background=pixels) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_ace_equals_spectral_python_but_for_the_sign(whole):
    spy = pytest.importorskip("spectral")
    pixels, target = whole
    expected = np.ravel(spy.ace(pixels[np.newaxis], target, background=spy.calc_stats(pixels[np.newaxis])))
    seen = METRICS["ace"](pixels, target, background=pixels)
    assert np.abs(seen) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert (seen < 0).any() and (seen > 0).any()
    assert (np.sign(seen) == np.sign(METRICS["matched_filter"](pixels, target, background=pixels))).all()


def test_rx_equals_spectral_python(whole):
    spy = pytest.importorskip("spectral")
    pixels = whole[0]
    expected = np.ravel(spy.rx(pixels[np.newaxis], background=spy.calc_stats(pixels[np.newaxis])))
    assert METRICS["rx"](pixels, background=pixels) == pytest.approx(expected, rel=1e-9)


def peer(module, name):
    """A function of pysptools, whose other modules use numpy names that are gone since numpy 1.24."""
    try:
        return getattr(importlib.import_module(f"pysptools.{module}"), name)
    except (ImportError, AttributeError) as error:
        pytest.skip(f"pysptools.{module} cannot be imported with this numpy: {error}")


@pytest.mark.parametrize(("ours", "theirs"), [("sam", "SAM"), ("sid", "SID"), ("correlation", "NormXCorr")])
def test_distances_equal_pysptools(whole, ours, theirs):
    measure = peer("distance", theirs)
    expected = [measure(pixel, whole[1]) for pixel in whole[0][:50]]
    assert METRICS[ours](whole[0][:50], whole[1]) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("ours", "theirs", "digits"), [
    ("cem", "CEM", 1e-9), ("matched_filter", "MatchedFilter", 1e-9), ("ace", "ACE", 1e-6),  # ACE returns float32
])
def test_filters_equal_pysptools(whole, ours, theirs, digits):
    pixels, target = whole
    expected = np.ravel(peer("detection.detect", theirs)(pixels, target))
    seen = METRICS[ours](pixels, target, background=pixels)
    seen = np.abs(seen) if ours == "ace" else seen
    assert seen == pytest.approx(expected, rel=digits, abs=digits)
