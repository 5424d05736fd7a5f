"""A matched filter for a gas in radiance, one for every detector column.

It gives a detection score with its noise. It gives no flux of a source and no mass of a plume: wind, the footprint
of a pixel and the height of the plume are not in it.

Per column, with mean spectrum m and covariance C of its pixels, the signature of an enhancement of 1 ppm m is
s = target * m (the target is the slope of the logarithm of radiance), and a pixel x scores s'C⁻¹(x - m) / s'C⁻¹s with
the noise that C gives this sum; without shrinkage that is (s'C⁻¹s)^-½. Thompson et al. 2015, Atmospheric Measurement
Techniques 8:4383-4397; Foote et al. 2020, IEEE Transactions on Geoscience and Remote Sensing 58:6480-6492.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Optional, Union

import numpy as np
import numpy.typing as npt

from ..errors import LibraryError, MetricError
from ..io.rastersink import RasterSink, SensorGrid, written
from ..progress import NO_PROGRESS, Progress, Share, checkpoint
from ..quality import MaskPolicy, good_bands
from ..resampling import ReferenceLike, on_bands
from ..sensors import Granule, missing_as_invalid
from ..sensors.masked import bands_at, choose_policy
from ..spectra import MISSING_BELOW
from ..workers import in_order
from .target import SCALING

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]

METHANE_WINDOW_NM = (2122.0, 2488.0)
"""Bands between these are used unless other ones are asked for: the strong absorption of methane, as in mag1c."""
SHRINKAGE = 1e-6
"""Part of the covariance's off-diagonal that is taken away unless told otherwise: so little that noise stays smaller
than what it adds, as brightness varies some hundred times more than noise."""
STANDS_OUT, LEFT_OUT, ROUNDS = 5.0, 3.0, 3
"""A column with a pixel of this SNR is done again, without those above this SNR, so many times at most."""
_SIGMA_PER_MAD = 1.4826
PIXELS_PER_BAND = 2
"""A column needs so many valid pixels per band (Reed, Mallett and Brennan 1974, IEEE TAES 10:853-863)."""
MIN_BANDS = 3
_WINDOW_BYTES = 512 << 20
"""Spectra of the window kept at once; a scene with more of them is read several times, some columns each."""
_ROUNDING = 1e-6
"""A band whose scatter is below this part of its mean is stuck: what varies is the rounding of float32."""
_RESIDUAL = 1e-3
"""A solution that misses by more than this part is none."""
_HUGE = np.float32(1e30)
"""No radiance is above."""
_LINES, _COLUMNS = 4, 8
"""Lines read, and columns filtered, at a time."""


@dataclass(frozen=True, eq=False)
class Detection:
    """The score of every pixel of a scene in sensor space."""

    score: Float32
    """(downtrack, crosstrack) apparent enhancement in ppm m above the mean of the column; NaN where masked."""
    noise: Float32
    """(downtrack, crosstrack) its standard deviation by the scatter of the column, ppm m."""
    wavelength_nm: Float64
    """(n,) centres of the bands used."""
    notices: tuple[str, ...] = ()
    """What the user must know."""

    @property
    def snr(self) -> Float32:
        """(downtrack, crosstrack) score over noise."""
        return np.asarray(self.score / self.noise)

    def write(self, sink: RasterSink) -> None:
        """Write the bands score, noise and snr in sensor space."""
        with written(sink):
            sink.open(SensorGrid(self.score.shape[0], self.score.shape[1]), ("score (ppm m)", "noise (ppm m)", "snr"))
            sink.write_rows(0, np.stack([self.score, self.noise, self.snr], axis=-1))


def detect(granule: Granule, target: ReferenceLike, *, mask: Optional[Union[str, MaskPolicy]] = None,
           window_nm: tuple[float, float] = METHANE_WINDOW_NM, shrinkage: float = SHRINKAGE, albedo: bool = True,
           robust: bool = True, progress: Progress = NO_PROGRESS) -> Detection:
    """Score every pixel of a radiance `granule` for the gas of `target`, one filter per detector column.

    `target` is a gas target (`gas_target(...).reference`, or the file that it wrote, opened as a library): slopes per
    1e5 ppm m. `shrinkage` (0-1) takes that part of the covariance's off-diagonal away. `albedo` divides score and
    noise by x'm / m'm, so that a dark surface is not scored too low. `robust` leaves the pixels that stand out of their
    column out of its statistics, which a plume would otherwise spoil. Masked pixels have no score and no part in the
    statistics; columns with fewer than two valid pixels per band, or with a stuck band, have no score, and the notices
    count them.

    Raises MetricError where the granule holds no radiance, the target is none, or no column has enough pixels.
    """
    if granule.quantity != "radiance":
        raise MetricError(f"The column filter needs radiance, but '{granule.id}' holds {granule.quantity}; give an L1B "
                          "radiance granule (on reflectance a gas target is a check of the shape only).")
    if not 0.0 <= shrinkage <= 1.0:
        raise MetricError(f"The shrinkage {shrinkage:g} is not within 0 to 1; correct it.")
    policy, notices = choose_policy(granule, mask)
    bands, slopes = _slopes(granule, target, window_nm)
    score = np.full(granule.shape, np.nan, np.float32)
    noise = np.full(granule.shape, np.nan, np.float32)
    how = _Filter(slopes, shrinkage, albedo, robust)
    passes = list(_passes(granule.shape, bands.size))
    for number, columns in enumerate(passes):
        share = Share(progress, number / len(passes), (number + 1) / len(passes))
        spectra = _read(granule, policy, bands, columns, share)
        _filter_columns(spectra, how, score[:, columns], noise[:, columns], share)
    n_poor = int((~np.isfinite(score).any(axis=0)).sum())
    if n_poor == granule.shape[1]:
        raise MetricError(f"Not one of the {n_poor} columns of '{granule.id}' has the {PIXELS_PER_BAND} valid pixels "
                          f"for each of its {bands.size} bands that a covariance needs; choose another mask, fewer "
                          "bands or a longer scene.")
    if n_poor:
        notices += (f"{n_poor} of {granule.shape[1]} columns have no score: too few valid pixels for a covariance, or "
                    "a band that does not vary.",)
    return Detection(score, noise, granule.bands.wavelength_nm[bands], (*granule.notices, *notices))


def _slopes(granule: Granule, target: ReferenceLike, window_nm: tuple[float, float]) -> tuple[Index, Float64]:
    """Positions of the bands of the window that the target covers, and its slope per ppm m in each."""
    try:
        values = on_bands(target, granule.bands).values
    except LibraryError as error:
        raise MetricError(str(error)) from error
    centre, (low, high) = granule.bands.wavelength_nm, window_nm
    bands = np.flatnonzero((centre >= low) & (centre <= high) & np.isfinite(values))
    if bands.size < MIN_BANDS:
        raise MetricError(f"The target '{target.name}' has values in {bands.size} bands of '{granule.id}' between "
                          f"{low:g} and {high:g} nm, and at least {MIN_BANDS} are needed; give a target that covers "
                          "them, or another window.")
    slopes = values[bands] / SCALING
    if not (slopes < 0).any():
        raise MetricError(f"The target '{target.name}' is nowhere negative between {low:g} and {high:g} nm, so it "
                          "tells of no absorption; give a gas target (made by 'Gas target'), not a reflectance.")
    return bands, slopes


def _passes(shape: tuple[int, int], n_bands: int) -> Iterator[slice]:
    """The columns that are kept in memory at once; one pass over the file for each."""
    n = max(1, _WINDOW_BYTES // (shape[0] * n_bands * 4))
    for start in range(0, shape[1], n):
        yield slice(start, min(start + n, shape[1]))


def _read(granule: Granule, policy: MaskPolicy, bands: Index, columns: slice, progress: Progress) -> Float32:
    """(columns, downtrack, bands) radiance, NaN where masked."""
    n_rows, n_columns = granule.shape
    spectra = np.empty((columns.stop - columns.start, n_rows, bands.size), np.float32)

    def place(start: int) -> int:
        stop = min(start + _LINES, n_rows)
        values = _masked_lines(granule, start, stop, policy, bands).reshape(stop - start, n_columns, bands.size)
        spectra[:, start:stop] = values[:, columns].transpose(1, 0, 2)
        return stop

    with closing(in_order(place, range(0, n_rows, _LINES))) as placed:
        for done in placed:
            checkpoint(progress, 0.7 * done / n_rows, "Reading radiance")
    return spectra


def _masked_lines(granule: Granule, start: int, stop: int, policy: MaskPolicy, bands: Index) -> Float32:
    """Values of whole lines on `bands`, NaN where masked; only these bands are looked at, which spares much time."""
    straight = np.array_equal(bands, np.arange(bands[0], bands[-1] + 1))
    chosen = slice(bands[0], bands[-1] + 1) if straight else bands
    values = granule.row_values(start, stop)[:, chosen]
    unmasked = not policy.needs_quality and good_bands(granule.bands)[0][bands].all()
    if unmasked and values.min() > MISSING_BELOW and values.max() < _HUGE:
        return values
    spectra = missing_as_invalid(values, bands_at(granule.bands, bands))
    source = policy.source(granule.quality if policy.needs_quality else None)
    quality = None if source is None else source.read_rows(start, stop, policy.band_mask)
    if quality is not None and quality.band_mask is not None:
        quality = replace(quality, band_mask=quality.band_mask[:, chosen])
    valid = policy.apply(spectra, quality).valid
    return spectra.values if valid.all() else np.where(valid, spectra.values, np.float32(np.nan))


def _filter_columns(spectra: Float32, how: _Filter, score: Float32, noise: Float32, progress: Progress) -> None:
    """Fill `score` and `noise` (downtrack, columns) from `spectra` (columns, downtrack, bands)."""
    def fill(start: int) -> int:
        block = slice(start, start + _COLUMNS)
        how.fill(spectra[block], score[:, block], noise[:, block])
        return start

    with closing(in_order(fill, range(0, len(spectra), _COLUMNS))) as filled:
        for done in filled:
            checkpoint(progress, 0.7 + 0.3 * done / len(spectra), "Filtering")


@dataclass(frozen=True, eq=False)
class _Tuned:
    """The filters of some columns."""

    mean: Float64
    """(n_columns, n_bands) mean spectra."""
    weights: Float64
    """(n_columns, n_bands) of the deviation from the mean; 1 ppm m scores 1."""
    noise: Float64
    """(n_columns,) standard deviation of the score, ppm m."""
    score: Float32
    """(n_columns, n_pixels) score of the pixels that the filters were made from, ppm m."""

    def column(self, i: int) -> _Tuned:
        """That of column `i` alone."""
        return _Tuned(self.mean[i:i + 1], self.weights[i:i + 1], self.noise[i:i + 1], self.score[i:i + 1].copy())

    def scores(self, spectra: Float32) -> Float32:
        """(n_columns, n_pixels) score of other pixels of the columns."""
        return _dot(spectra - self.mean[:, None], self.weights)


@dataclass(frozen=True, eq=False)
class _Filter:
    """How all columns are filtered."""

    slopes: Float64
    """(n_bands,) target per ppm m."""
    shrinkage: float
    """0-1."""
    albedo: bool
    """Whether the albedo factor is applied."""
    robust: bool
    """Whether pixels that stand out are left out of the statistics."""

    def fill(self, spectra: Float32, score: Float32, noise: Float32) -> None:
        """Fill `score` and `noise` (n_pixels, n_columns) of the columns that have enough pixels."""
        whole = bool(np.isfinite(_mean(spectra)).all())
        if whole and spectra.shape[1] >= PIXELS_PER_BAND * self.slopes.size:
            score[:], noise[:] = self._filtered(spectra)
            return
        for i, one in enumerate(spectra):
            self._fill_one(one, score[:, i], noise[:, i])

    def _fill_one(self, spectra: Float32, score: Float32, noise: Float32) -> None:
        """The same of one column (n_pixels, n_bands) with masked values."""
        bands, rows = _usable(spectra)
        if rows.sum() < PIXELS_PER_BAND * bands.sum() or bands.sum() < MIN_BANDS:
            return
        kept = np.ascontiguousarray(spectra[np.ix_(rows, bands)])[None]
        found = replace(self, slopes=self.slopes[bands])._filtered(kept)
        score[rows], noise[rows] = found[0][:, 0], found[1][:, 0]

    def _filtered(self, spectra: Float32) -> tuple[Float32, Float32]:
        """(n_pixels, n_columns) score and noise of whole columns (n_columns, n_pixels, n_bands)."""
        tuned = self._tune(spectra)
        score = tuned.score
        for i in np.flatnonzero(_outstanding(score, STANDS_OUT).any(axis=1)).tolist() if self.robust else ():
            one, score[i] = self._without_plume(spectra[i:i + 1], tuned.column(i))
            tuned.mean[i], tuned.noise[i] = one.mean[0], one.noise[0]
        noise = np.broadcast_to(tuned.noise.astype(np.float32)[:, None], score.shape)
        if self.albedo:
            square = np.einsum("cb,cb->c", tuned.mean, tuned.mean)
            factor = _dot(spectra, tuned.mean / square[:, None])
            factor = np.where(factor > 0, factor, np.float32(np.nan))
            score, noise = score / factor, noise / factor
        return score.T, noise.T

    def _without_plume(self, spectra: Float32, tuned: _Tuned) -> tuple[_Tuned, Float32]:
        """One column again, with statistics of the pixels that do not stand out, until these stay the same."""
        score, left_out = tuned.score, np.zeros(spectra.shape[1], bool)
        for _ in range(ROUNDS):
            before, left_out = left_out, _outstanding(score, LEFT_OUT)[0]
            kept = spectra[:, ~left_out]
            if (left_out == before).all() or kept.shape[1] < PIXELS_PER_BAND * self.slopes.size:
                break
            tuned = self._tune(kept)
            score = tuned.scores(spectra)
        return tuned, score[0]

    def _tune(self, spectra: Float32) -> _Tuned:
        """The filters by the statistics of whole columns (n_columns, n_pixels, n_bands); NaN where a band is stuck.

        In single precision, which costs half the time and moves the weights a little (they are scaled to respond
        exactly); in double where that does not do. Raises MetricError where a covariance is singular.
        """
        mean = _mean(spectra)
        for precision in (np.float32, np.float64):
            deviation = spectra - mean[:, None].astype(precision)
            covariance = (deviation.transpose(0, 2, 1) @ deviation).astype(np.float64) / spectra.shape[1]
            stuck = (np.einsum("cbb->cb", covariance) <= (_ROUNDING * mean) ** 2).any(axis=1)
            covariance[stuck] = np.eye(mean.shape[1])
            weights = _solve(_shrunk(covariance, self.shrinkage), self.slopes * mean)
            if np.isfinite(weights).all():
                weights[stuck] = np.nan
                score = _dot(deviation, weights)
                noise = np.sqrt(np.einsum("cn,cn->c", score, score, dtype=np.float64) / spectra.shape[1])
                return _Tuned(mean, weights, noise, score)
        raise MetricError("The covariance of a column is singular, as its bands repeat each other; raise the "
                          "shrinkage.")


def _outstanding(score: Float32, sigmas: float) -> npt.NDArray[np.bool_]:
    """(n_columns, n_pixels) scores above the median by so many standard deviations, these by the median as well."""
    deviation = score - np.median(score, axis=1, keepdims=True)
    spread = _SIGMA_PER_MAD * np.median(np.abs(deviation), axis=1, keepdims=True)
    return np.asarray(deviation > sigmas * spread)


def _mean(spectra: Float32) -> Float64:
    """(n_columns, n_bands) means; this product is several times faster than mean(), and exact to 1e-6."""
    n = spectra.shape[1]
    return np.asarray((np.full((1, 1, n), 1.0 / n, np.float32) @ spectra)[:, 0].astype(np.float64))


def _shrunk(covariance: Float64, shrinkage: float) -> Float64:
    """(n_columns, n_bands, n_bands) with that part of the off-diagonal taken away."""
    variance = np.einsum("cbb->cb", covariance)
    shrunk = (1.0 - shrinkage) * covariance
    np.einsum("cbb->cb", shrunk)[:] = variance
    return shrunk


def _dot(spectra: npt.NDArray[np.floating], weights: Float64) -> Float32:
    """(n_columns, n_pixels) inner products with the weights (n_columns, n_bands) of each column."""
    return np.asarray((spectra @ weights.astype(spectra.dtype)[:, :, None])[:, :, 0].astype(np.float32))


def _usable(spectra: Float32) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """The bands valid in at least half of the pixels of a column that have any, and the pixels valid in all of these.

    So one dead detector element costs its band and not its column.
    """
    finite = np.isfinite(spectra)
    n = max(1, int(finite.any(axis=1).sum()))
    bands = 2 * np.count_nonzero(finite, axis=0) >= n
    return bands, finite[:, bands].all(axis=1)


def _solve(covariance: Float64, signature: Float64) -> Float64:
    """(n_columns, n_bands) covariance⁻¹ signature, scaled to respond to it with 1; all NaN where there is none."""
    try:
        weights = np.linalg.solve(covariance, signature[:, :, None])
    except np.linalg.LinAlgError:
        return np.full(signature.shape, np.nan)
    left = np.abs((covariance @ weights)[:, :, 0] - signature).max(axis=1)
    response = np.einsum("cb,cb->c", signature, weights[:, :, 0])
    response[(left > _RESIDUAL * np.abs(signature).max(axis=1)) | (response <= 0)] = np.nan
    return np.asarray(weights[:, :, 0] / response[:, None])
