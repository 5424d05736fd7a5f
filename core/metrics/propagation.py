"""How sure a value is: the uncertainty of a pixel's bands, carried to its score.

The errors of the bands are taken as independent and normal; reference and background are taken as exact.
First order where the metric is straight over the reach of the errors, Monte Carlo where it is not: near a
perfect match, where an angle or a distance cannot fall below zero, its gradient says nothing of its scatter.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from ..progress import NO_PROGRESS, Progress, checkpoint
from ..workers import one_blas_thread
from .block import Block, BoolArray, FloatArray, Numbers, dot, row_blocks
from .measuring import Evaluation, Inputs, measure

if TYPE_CHECKING:
    from .metric import Gradient, Metric

SEED = 0
"""Of all draws: the same pixels always get the same σ."""
CURVED = 1 / 32
"""First order is left where the part of the variance that it lacks exceeds this fraction of it.

For a spectral angle that is below four times the angle that the errors alone make; its σ is then 1.5 % too high.
"""
CERTAINLY_LIT = 5
"""A metric of positive bands is straight only where each is this many σ above zero: below, draws lose the band."""
MOST_DRAWS, FEWEST_DRAWS, DRAWN_NUMBERS = 2000, 400, 120_000
"""Draws per pixel, and numbers drawn for it: by its bands alone, so that its σ does not hang on its company.

The σ of any metric is then known to 2 % (root mean square; at worst some 7 %), for a tenth of what free draws cost.
"""
_LONG = 8
"""Bands from which on the lengths of draws are put right: with fewer the formula is too coarse."""
_FEWEST_PAIRS, _PROBED_NUMBERS = 2, 100
"""Pairs of opposite probes: many bands agree on how curved a metric is; with few of them more are taken."""


def propagate(metric: Metric, inputs: Inputs, uncertainty: Numbers, seen: Evaluation, progress: Progress) -> Evaluation:
    """`seen` with the σ of its values by the `uncertainty` (n_pixels, n_bands) of the pixels.

    NaN where there is no value, or, with a note, where a band it rests on has no uncertainty.
    """
    sigma = np.full(len(seen.values), np.nan)
    errors = np.asarray(uncertainty, np.float64)
    has_value = np.isfinite(seen.values)
    with np.errstate(all="ignore"):
        known = ((np.isfinite(errors) & (errors >= 0)) | ~seen.used).all(axis=1)
        rows = np.flatnonzero(known & has_value)
        straight = np.zeros(len(rows), bool)
        if metric.gradient is not None:
            sigma[rows], straight = _first_order(metric.gradient, inputs, seen.used, errors, rows)
            if metric.positive_bands:
                straight &= _lit(inputs, errors, rows)
        curved = rows[~straight]
        sigma[curved] = _monte_carlo(metric, inputs, seen.used, errors, curved, progress)
    n_unknown = np.count_nonzero(has_value & ~known)
    note = () if not n_unknown else (
        f"{n_unknown} of {len(sigma)} pixels have no σ, because a band that they use has no uncertainty.",)
    return replace(seen, sigma=sigma, notes=seen.notes + note)


def _first_order(gradient: Gradient, inputs: Inputs, all_used: BoolArray, errors: FloatArray, rows: np.ndarray
                 ) -> tuple[FloatArray, BoolArray]:
    """(n,) σ of the pixels `rows` by their gradients, and where that holds."""
    sigma, straight = np.empty(len(rows)), np.empty(len(rows), bool)
    n_bands = errors.shape[1]
    n_pairs = max(_FEWEST_PAIRS, _PROBED_NUMBERS // n_bands)
    probes = np.random.default_rng(SEED).standard_normal((n_pairs, n_bands))
    probes = np.concatenate([probes, -probes])
    order = inputs.order(all_used[rows])
    for some in row_blocks(len(rows), order):
        of = rows[some]
        used = all_used[of]
        block = inputs.block(of, used)
        error = np.where(used, errors[of], 0.0)
        sigma[some], straight[some] = _straight(gradient, block, error, probes)
    return sigma, straight


def _straight(gradient: Gradient, block: Block, error: FloatArray, probes: FloatArray) -> tuple[FloatArray, BoolArray]:
    """(n,) σ of the pixels of `block` by first order, and whether the higher orders are small beside it.

    How much the gradient changes from the pixel to places drawn from its errors gives what second order adds to the
    variance, half the squared norm of the Hessian scaled by the errors; its mean there, what third order changes.
    """
    slope = gradient(block) * error
    first = dot(slope, slope)
    second, mean = np.zeros(len(first)), np.zeros(slope.shape)
    for probe in probes:
        there = gradient(replace(block, x=block.x + error * probe)) * error
        second += dot(there - slope, there - slope) / (2 * len(probes))
        mean += there / len(probes)
    even = np.abs(dot(mean, mean) - first) <= 2 * CURVED * first
    return np.sqrt(first), np.asarray(even & (second <= CURVED * first))


def _lit(inputs: Inputs, errors: FloatArray, rows: np.ndarray) -> BoolArray:
    """(n,) whether all bands of the pixels `rows` that a metric of positive bands may use are far above zero."""
    lit = (inputs.pixels[rows] > CERTAINLY_LIT * errors[rows]) | (inputs.target <= 0) | ~inputs.usable(rows)
    return np.asarray(lit.all(axis=1))


def _monte_carlo(metric: Metric, inputs: Inputs, used: BoolArray, errors: FloatArray, rows: np.ndarray,
                 progress: Progress) -> FloatArray:
    """(n,) standard deviation of the values of the pixels `rows` when their bands are drawn from their errors.

    NaN where half of the draws or more have no value.
    """
    sigma = np.full(len(rows), np.nan)
    if not len(rows):
        return sigma
    noise = _normal(_draws_for(errors.shape[1]), errors.shape[1])
    for i, row in enumerate(rows):
        checkpoint(progress, i / len(rows), "Finding out how sure the scores are")
        values = _scattered(metric, inputs, used[row], errors[row], noise, row)
        values = values[np.isfinite(values)]
        if 2 * len(values) > len(noise):
            sigma[i] = values.std(ddof=1)
    return sigma


def _scattered(metric: Metric, inputs: Inputs, used: BoolArray, error: FloatArray, noise: FloatArray, row: int
               ) -> FloatArray:
    """(n_draws,) values of one pixel with errors drawn."""
    if metric.positive_bands:  # each draw may lose bands of its own
        return measure(metric, _drawn(inputs, row, error, noise), NO_PROGRESS).values
    one = inputs.block(np.array([row]), used[np.newaxis])
    if one.whitener is None:
        one, error, noise = one.only(used), error[used], _normal_on(*noise.shape, used.tobytes())
    x = np.where(one.used, error, 0.0) * noise
    x += one.x
    columns = None if one.columns is None else np.repeat(one.columns, len(x))
    sigma = None if one.uncertainty is None else np.broadcast_to(one.uncertainty, x.shape)
    return metric.function(replace(one, x=x, columns=columns, uncertainty=sigma))


def _draws_for(n_bands: int) -> int:
    """More for fewer bands, and always more than there are bands."""
    return max(min(MOST_DRAWS, DRAWN_NUMBERS // n_bands), FEWEST_DRAWS, 3 * n_bands // 2)


@lru_cache(maxsize=4)
def _normal(n_draws: int, n_bands: int) -> FloatArray:
    """(n_draws, n_bands) normal numbers whose scatter is exactly that of normal numbers, as far as it can be.

    In every band the same ones in an order of its own (a Latin hypercube), made uncorrelated, and their lengths those
    that the chi-square distribution has: so neither a score that hangs on few bands nor one that hangs on all at once
    is left to chance.
    """
    quantiles = np.array([_NORMAL.inv_cdf(p) for p in (np.arange(n_draws) + 0.5) / n_draws])
    columns = np.broadcast_to(quantiles / quantiles.std(), (n_bands, n_draws))
    drawn = np.random.default_rng(SEED).permuted(columns, axis=1).T
    with one_blas_thread():  # the last digits hang on how many it has
        white = np.linalg.solve(np.linalg.cholesky(drawn.T @ drawn / n_draws), drawn.T).T
    if n_bands < _LONG:
        return np.ascontiguousarray(white)
    # Wilson and Hilferty 1931, Proceedings of the National Academy of Sciences 17:684-688
    spread = 2.0 / (9.0 * n_bands)
    squares = n_bands * (1.0 - spread + quantiles * np.sqrt(spread)) ** 3
    length = np.sqrt(dot(white, white))
    wanted = np.sqrt(squares)[np.argsort(np.argsort(length, kind="stable"), kind="stable")]
    return np.ascontiguousarray(white * (wanted / length)[:, np.newaxis])


@lru_cache(maxsize=4)
def _normal_on(n_draws: int, n_bands: int, used: bytes) -> FloatArray:
    """The same numbers on the bands `used`: neighbours mostly use the same."""
    return np.ascontiguousarray(_normal(n_draws, n_bands)[:, np.frombuffer(used, bool)])


_NORMAL = NormalDist()


def _drawn(inputs: Inputs, row: int, error: FloatArray, noise: FloatArray) -> Inputs:
    """One pixel as often as there are rows of `noise`, each with errors of its own."""
    pixels = inputs.pixels[row] + error * noise
    return replace(inputs, pixels=pixels, uncertainty=np.broadcast_to(error, pixels.shape),
                   valid=None if inputs.valid is None else np.broadcast_to(inputs.valid[row], pixels.shape),
                   columns=None if inputs.columns is None else np.full(len(pixels), inputs.columns[row]))
