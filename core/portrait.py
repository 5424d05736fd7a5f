"""What pictures show: masked regions, a sample of curves, an image along a line, the spread of scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .spectra import BandGrid, Spectra

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

_MOST_COLUMNS = 1200
"""A profile is never drawn finer: no screen shows more."""
_MOST_ROWS = 1000
_FEWEST_BINS, _MOST_BINS = 8, 80
_WIDTH_SAMPLE = 10_000
"""Scores that the width of the bins is found from."""
_SAME_CORNER = 1e-4
"""Of the size of a pixel: corners nearer than this are one."""


@dataclass(frozen=True)
class MaskedRegion:
    """Neighbouring bands in which no pixel can be used, for the same reason."""

    start_nm: float
    """Where it begins: half-way to the usable band before."""
    stop_nm: float
    """Where it ends."""
    reason: str
    """The reason, as the mask calls it; the most frequent where pixels differ."""


@dataclass(frozen=True)
class LineImage:
    """The spectra along a line as an image on an even grid of distance and wavelength."""

    values: npt.NDArray[np.float32]
    """(n_rows, n_columns) wavelength up, distance across; NaN where masked or between bands."""
    length_m: float
    """The columns span 0 to this distance along the line."""
    first_nm: float
    """Lower edge of the first row."""
    last_nm: float
    """Upper edge of the last row."""
    pixel: Int
    """(n_columns,) the pixel of the line that each column shows."""

    def pixel_at(self, distance_m: float) -> int:
        """The pixel at a distance along the line, -1 beside it."""
        if not 0 <= distance_m <= self.length_m:
            return -1
        return int(self.pixel[min(int(distance_m / self.length_m * len(self.pixel)), len(self.pixel) - 1)])


@dataclass(frozen=True)
class Spread:
    """How the scores of an area are distributed; the numbers are NaN where there is none."""

    mean: float
    """Of the scores that there are."""
    sigma: float
    """Standard deviation (n - 1); NaN below two."""
    median: float
    """The middle one."""
    counts: Int
    """(n_bins,) scores in each of the even bins; no bins without a score."""
    low: float
    """Lower edge of the first bin; 0 without a score."""
    high: float
    """Upper edge of the last bin; 1 without a score."""


def spread_of(values: npt.ArrayLike) -> Spread:
    """Moments and histogram of the finite ones of `values` (n,), in bins of Freedman and Diaconis' width, 8 to 80.

    >>> spread_of([1.0, 2.0, np.nan, 6.0]).mean, spread_of([0.1] * 5).counts.tolist()
    (3.0, [5])
    """
    finite = np.asarray(values, np.float64)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return Spread(np.nan, np.nan, np.nan, np.zeros(0, np.int64), 0.0, 1.0)
    sigma = float(finite.std(ddof=1)) if finite.size > 1 else np.nan
    return Spread(float(finite.mean()), sigma, float(np.median(finite)), *_bins(finite))


def _bins(finite: Float) -> tuple[Int, float, float]:
    """Counts, lower and upper edge; values that are all the same have one bin with room beside them."""
    low, high = float(finite.min()), float(finite.max())
    spread = high - low
    if spread <= 1e-12 * max(abs(low), abs(high)):
        half = max(abs(low) * 0.05, 0.005)
        return np.array([finite.size]), low - half, high + half
    sample = finite[:: max(finite.size // _WIDTH_SAMPLE, 1)]
    quarter, three = np.percentile(sample, (25, 75))
    width = 2 * (three - quarter) / finite.size ** (1 / 3) or spread
    n = int(np.clip(np.ceil(spread / width), _FEWEST_BINS, _MOST_BINS))
    bins = np.minimum(((finite - low) * (n / spread)).astype(np.int64), n - 1)
    return np.bincount(bins, minlength=n), low, high


def band_order(bands: BandGrid) -> Int:
    """(n_bands,) positions of the bands by rising wavelength: files need not be sorted."""
    return np.argsort(bands.wavelength_nm, kind="stable")


def band_edges(wavelength_nm: npt.ArrayLike) -> Float:
    """(n + 1,) edges of bands with the given rising centres: half-way between them, and as far beyond the ends.

    >>> band_edges([400.0, 410.0, 430.0]).tolist()
    [395.0, 405.0, 420.0, 440.0]
    """
    centre = np.asarray(wavelength_nm, np.float64)
    if len(centre) == 1:
        return np.array([centre[0] - 0.5, centre[0] + 0.5])
    middle = (centre[1:] + centre[:-1]) / 2
    return np.concatenate(([2 * centre[0] - middle[0]], middle, [2 * centre[-1] - middle[-1]]))


def masked_regions(spectra: Spectra) -> tuple[MaskedRegion, ...]:
    """The runs of bands, by rising wavelength, in which not one of the pixels is valid; none without pixels."""
    if not len(spectra):
        return ()
    order = band_order(spectra.bands)
    reason = _commonest_reason(spectra)[order]
    edges = band_edges(spectra.bands.wavelength_nm[order])
    starts = np.flatnonzero(np.concatenate(([True], np.diff(reason) != 0)))
    stops = np.append(starts[1:], len(reason))
    return tuple(MaskedRegion(float(edges[a]), float(edges[b]), spectra.reasons[reason[a]])
                 for a, b in zip(starts, stops) if reason[a])


def _commonest_reason(spectra: Spectra) -> Int:
    """(n_bands,) index of the most frequent reason of each band without a valid pixel; 0 elsewhere."""
    counts = np.stack([np.count_nonzero(spectra.reason == k, axis=0) for k in range(len(spectra.reasons))])
    return np.where(spectra.valid.any(axis=0), 0, 1 + counts[1:].argmax(axis=0) if len(counts) > 1 else 0)


def shown_rows(valid: npt.NDArray[np.bool_], most: int = 200, seed: int = 0) -> Int:
    """Which of the pixels `valid` (n,) are drawn: all of them, or a seeded sample of `most`, in order."""
    rows = np.flatnonzero(valid)
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def value_range(arrays: Sequence[npt.NDArray[Any]], margin: float = 0.05) -> tuple[float, float]:
    """Smallest and largest finite value of all `arrays`, widened on both sides; (0, 1) where there is none."""
    finite = [a[np.isfinite(a)] for a in arrays]
    finite = [a for a in finite if a.size]
    if not finite:
        return 0.0, 1.0
    low, high = float(min(a.min() for a in finite)), float(max(a.max() for a in finite))
    widen = (high - low) * margin or abs(high) * margin or margin
    return low - widen, high + widen


def line_image(spectra: Spectra, along_m: Float) -> LineImage:
    """The image of `spectra` entered at `along_m` (n_pixels,) metres of a line, rising; masked values are NaN."""
    length = _length(along_m)
    step = np.diff(np.append(along_m, length))
    step = step[step > 0]
    columns = int(np.clip(np.ceil(length / step.min()), len(along_m), _MOST_COLUMNS)) if len(step) else len(along_m)
    at = (np.arange(columns) + 0.5) * length / columns
    pixel = np.clip(np.searchsorted(along_m, at, side="right") - 1, 0, len(along_m) - 1)
    order = band_order(spectra.bands)
    edges = band_edges(spectra.bands.wavelength_nm[order])
    rows = int(np.clip(np.ceil((edges[-1] - edges[0]) / np.diff(edges).min()), 1, _MOST_ROWS))
    at_nm = edges[0] + (np.arange(rows) + 0.5) * (edges[-1] - edges[0]) / rows
    band = order[np.clip(np.searchsorted(edges, at_nm, side="right") - 1, 0, len(order) - 1)]
    values = spectra.masked_values[np.ix_(pixel, band)].T
    return LineImage(np.ascontiguousarray(values), length, float(edges[0]), float(edges[-1]), pixel)


def outer_edges(footprints: Float) -> Float:
    """(m, 2, 2) the edges that no two of the quadrilaterals (n, 4, 2) share: the border around them; NaN are left out.

    Ends that meet are the same numbers, so that edges can be joined to lines.

    >>> outer_edges(np.array([[[0, 0], [1, 0], [1, 1], [0, 1]], [[1, 0], [2, 0], [2, 1], [1, 1]]])).shape
    (6, 2, 2)
    """
    quads = footprints[np.isfinite(footprints).all(axis=(1, 2))]
    edges = np.stack((quads, np.roll(quads, -1, axis=1)), axis=2).reshape(-1, 2, 2)
    if not len(edges):
        return edges
    step = np.median(np.abs(edges[:, 1] - edges[:, 0]).max(axis=1)) * _SAME_CORNER
    grid = np.rint((edges - edges.min(axis=(0, 1))) / (step or 1.0))
    _, at, corner = np.unique(grid[..., 0] + 1j * grid[..., 1], return_index=True, return_inverse=True)
    corner = corner.reshape(-1, 2)
    _, first, count = np.unique(corner.min(axis=1) * corner.size + corner.max(axis=1), return_index=True,
                                return_counts=True)
    return np.asarray(edges.reshape(-1, 2)[at][corner[np.sort(first[count == 1])]])


def _length(along_m: Float) -> float:
    """Metres to the end of the last pixel, taken to be as long as the others are in the middle."""
    typical = float(np.median(np.diff(along_m))) if len(along_m) > 1 else 1.0
    return float(along_m[-1]) + max(typical, 1e-6)
