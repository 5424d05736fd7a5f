"""What surrounds a target: the mean and scatter of background spectra, and where to take them from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from .errors import MetricError
from .spectra import FILL_VALUE

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IndexArray = npt.NDArray[np.intp]

MAX_CONDITION = 1e8
"""Matrices with a greater condition number are shrunk towards their diagonal."""
SAMPLES_PER_BAND = 5
"""With fewer samples per band than this, the scatter is shrunk towards its diagonal."""
FIRST_SHRINKAGE = 1e-6
"""Where shrinking starts when only the condition number asks for it; raised by factors of 10."""
CACHED_WHITENERS = 8


@dataclass(frozen=True)
class Moment:
    """The second moment of background spectra about a centre, as it is used: shrunk where needed."""

    centre: FloatArray
    """(n_used,) the mean for the covariance, 0 for the autocorrelation."""
    matrix: FloatArray
    """(n_used, n_used) symmetric and positive definite."""
    shrinkage: float
    """0-1: the part of the off-diagonal that was taken away; 0 when the samples allow none."""
    condition: float
    """2-norm condition number of `matrix`."""
    raw_condition: float
    """The same before shrinking; infinite where the samples do not span the bands."""


@dataclass(frozen=True)
class Whitener:
    """A linear map under which the background is white."""

    bands: BoolArray
    """(n_bands,) the bands it works on, among those of the spectra."""
    centre: FloatArray
    """(n_used,) subtracted before mapping."""
    matrix: FloatArray
    """(n_used, n_used) W with W'W the inverse of the moment."""

    def directions(self, missing: BoolArray) -> FloatArray:
        """(n_used, n_missing) orthonormal basis of the whitened directions of the bands `missing` (n_used,).

        Projecting it out of whitened spectra equals whitening with the sub-matrix of the other bands.
        """
        return np.asarray(np.linalg.qr(self.matrix[:, missing])[0])


@dataclass(frozen=True)
class Background:
    """The scatter of background spectra, ready for the metrics that need one."""

    bands: BoolArray
    """(n_bands,) bands with statistics: those finite in at least half of the samples."""
    covariance: Moment
    """Scatter about the mean, divided by n - 1."""
    n: int
    """Samples used: those finite in every one of `bands`."""
    n_left_out: int
    """Samples left out because a value in `bands` was masked."""
    seed: Optional[int] = None
    """The seed the samples were drawn with; None where they were given."""
    description: str = "given samples"
    """Where the samples come from, in a few words."""
    _samples: npt.NDArray[Any] = field(default_factory=lambda: np.empty((0, 0)), repr=False, compare=False)
    """(n, n_used) the samples used, as they were given."""
    _whiteners: dict[tuple[str, bytes], Whitener] = field(default_factory=dict, repr=False, compare=False)

    @property
    def mean(self) -> FloatArray:
        """(n_bands,) mean spectrum; NaN in bands without statistics."""
        mean = np.full(len(self.bands), np.nan)
        mean[self.bands] = self.covariance.centre
        return mean

    @cached_property
    def autocorrelation(self) -> Moment:
        """Scatter about zero, divided by n; found when it is asked for, as few metrics need it."""
        return _moment(self._samples.astype(np.float64), np.zeros(self._samples.shape[1]), 0)

    @property
    def shrinkage(self) -> float:
        """Shrinkage of the covariance, 0-1."""
        return self.covariance.shrinkage

    @property
    def condition(self) -> float:
        """Condition number of the covariance as used."""
        return self.covariance.condition

    def moment(self, statistics: str) -> Moment:
        """The moment called "covariance" or "autocorrelation"."""
        return _MOMENTS[statistics](self)

    def whitener(self, bands: BoolArray, statistics: str = "covariance") -> Whitener:
        """The whitening map on those of `bands` (n_bands,) that have statistics; factorised once and kept."""
        shared = self.bands & bands
        key = (statistics, shared.tobytes())
        known = self._whiteners.get(key)
        if known is None:
            known = _factorise(self.moment(statistics), shared, shared[self.bands])
            if len(self._whiteners) >= CACHED_WHITENERS:
                self._whiteners.clear()
            self._whiteners[key] = known
        return known

    def notes(self, statistics: str = "covariance") -> tuple[str, ...]:
        """Sentences on what was done to the samples and to one of the moments; empty when nothing was."""
        moment = self.moment(statistics)
        said = []
        if self.n_left_out:
            said.append(f"{self.n_left_out} of {self.n + self.n_left_out} background samples were left out "
                        "because of masked bands.")
        if moment.shrinkage:
            said.append(f"The background's {statistics} ({self.n} samples, {len(moment.centre)} bands, "
                        f"condition number {moment.raw_condition:.2g}) was shrunk towards its diagonal by "
                        f"{moment.shrinkage:.3g}.")
        return tuple(said)


_MOMENTS: dict[str, Callable[[Background], Moment]] = {"covariance": lambda scene: scene.covariance,
                                                      "autocorrelation": lambda scene: scene.autocorrelation}


def estimate_background(samples: npt.ArrayLike, seed: Optional[int] = None,
                        description: str = "given samples") -> Background:
    """Estimate mean and scatter of `samples` (n_samples, n_bands); NaN marks a masked value.

    Bands masked in more than half of the samples are left out, then samples with a masked value in the rest.
    Not shrunk with at least 5 samples per band and a condition number up to 1e8; else shrunk towards the
    diagonal: by the intensity of Schäfer and Strimmer 2005 where samples are few, raised by factors of 10
    until the condition number is met or only the diagonal is left. Raises MetricError where fewer than two
    samples remain, a band is constant, or the fill value -9999 occurs.
    """
    values = np.asarray(samples)
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        raise MetricError(f"Background samples must be numbers of shape (n_samples, n_bands), not "
                          f"{values.shape} of type '{values.dtype}'.")
    if (values == FILL_VALUE).any():
        raise MetricError(f"The background samples hold the fill value {FILL_VALUE:g}; mask it (NaN) first.")
    bands, rows = _usable(values)
    given = values[np.ix_(rows, bands)]
    kept = given.astype(np.float64)
    _require_scatter(kept, bands, len(values))
    return Background(bands, _moment(kept, kept.mean(axis=0), 1), len(kept), len(values) - len(kept), seed,
                      description, given)


def is_enough(samples: npt.NDArray[np.floating]) -> bool:
    """Whether `samples` (n_samples, n_bands), NaN where masked, hold 5 usable samples per usable band."""
    bands, rows = _usable(samples)
    return bool(rows.sum() >= SAMPLES_PER_BAND * bands.sum() > 0)


def _usable(samples: npt.NDArray[np.number]) -> tuple[BoolArray, BoolArray]:
    """The bands valid in at least half of the samples, and the samples valid in all of these."""
    finite = np.isfinite(samples)
    bands = 2 * np.count_nonzero(finite, axis=0) >= max(1, len(samples))
    return bands, finite[:, bands].all(axis=1)


def _require_scatter(kept: FloatArray, bands: BoolArray, n_samples: int) -> None:
    if len(kept) < 2 or not kept.shape[1]:
        raise MetricError(f"Of {n_samples} background samples {len(kept)} have values in all of the "
                          f"{kept.shape[1]} bands used, and at least 2 are needed; choose a larger or "
                          "less masked background.")
    constant = np.flatnonzero(bands)[kept.min(axis=0) == kept.max(axis=0)]
    if len(constant):
        raise MetricError(f"The background does not vary in {len(constant)} of its bands (the first is "
                          f"number {constant[0] + 1}); mask such bands or choose another background.")


def _moment(samples: FloatArray, centre: FloatArray, lost: int) -> Moment:
    """Scatter of `samples` about `centre`, divided by n - `lost`, and shrunk where the rules ask for it."""
    deviations = samples - centre
    n, n_bands = samples.shape
    matrix = deviations.T @ deviations / (n - lost)
    shrinkage = 0.0 if n >= SAMPLES_PER_BAND * n_bands else _optimal_shrinkage(deviations, matrix, lost)
    raw_condition = _condition(matrix)
    shrunk, condition = _shrunk(matrix, shrinkage), raw_condition
    if shrinkage:
        condition = _condition(shrunk)
    while condition > MAX_CONDITION and shrinkage < 1.0:
        shrinkage = min(1.0, max(10.0 * shrinkage, FIRST_SHRINKAGE))
        shrunk = _shrunk(matrix, shrinkage)
        condition = _condition(shrunk)
    return Moment(centre, shrunk, shrinkage, condition, raw_condition)


def _optimal_shrinkage(deviations: FloatArray, matrix: FloatArray, lost: int) -> float:
    """Variances of the off-diagonal elements over their squares, both summed: 0-1.

    Target D of Schäfer and Strimmer 2005, Statistical Applications in Genetics and Molecular Biology 4:32.
    """
    n = len(deviations)
    mean_product = matrix * ((n - lost) / n)
    spread = (deviations**2).T @ deviations**2 - n * mean_product**2
    variance = spread * (n / ((n - 1) * (n - lost) ** 2))
    off = ~np.eye(len(matrix), dtype=bool)
    squares = float((matrix[off] ** 2).sum())
    return min(1.0, max(0.0, float(variance[off].sum()) / squares)) if squares else 0.0


def _shrunk(matrix: FloatArray, shrinkage: float) -> FloatArray:
    shrunk = (1.0 - shrinkage) * matrix
    np.fill_diagonal(shrunk, matrix.diagonal())
    return shrunk


def _condition(matrix: FloatArray) -> float:
    eigenvalues = np.linalg.eigvalsh(matrix)
    return float(eigenvalues[-1] / eigenvalues[0]) if eigenvalues[0] > 0 else float("inf")


def _factorise(moment: Moment, bands: BoolArray, kept: BoolArray) -> Whitener:
    """Inverse Cholesky factor of the sub-matrix of the bands `kept` (n_used,)."""
    lower = np.linalg.cholesky(moment.matrix[np.ix_(kept, kept)])
    return Whitener(bands, moment.centre[kept], np.linalg.inv(lower))


def _generator(seed: int) -> np.random.Generator:
    if seed < 0:
        raise MetricError(f"The seed {seed} is negative; give 0 or a positive whole number.")
    return np.random.default_rng(seed)


def scene_sample(shape: tuple[int, int], n: int, seed: int, exclude_downtrack: npt.ArrayLike = (),
                 exclude_crosstrack: npt.ArrayLike = ()) -> tuple[IndexArray, IndexArray]:
    """Draw `n` different pixels of a scene of `shape` (downtrack, crosstrack), or all where there are fewer.

    The excluded pixels are never drawn; the same seed gives the same pixels. Returns (downtrack, crosstrack)
    in file order. Raises MetricError where `n` is not positive, or the excluded pixels are not in the scene
    or all of it.
    """
    taken = np.unique(_flat(shape, exclude_downtrack, exclude_crosstrack, n))
    free = shape[0] * shape[1] - len(taken)
    if free < 1:
        raise MetricError(f"The target covers all {len(taken)} pixels of the scene; no background is left.")
    drawn = np.sort(_generator(seed).choice(free, min(n, free), replace=False, shuffle=False))
    # The k-th free pixel stands after as many taken ones as have at most k free pixels before them.
    flat = drawn + np.searchsorted(taken - np.arange(len(taken)), drawn, side="right")
    return np.divmod(flat, shape[1])


def ring(shape: tuple[int, int], downtrack: npt.ArrayLike, crosstrack: npt.ArrayLike, n: int,
         seed: int) -> tuple[IndexArray, IndexArray]:
    """Choose the `n` pixels of a scene nearest to the target's pixels, or all where there are fewer.

    Distance counts steps to any of 8 neighbours in raw pixel space; of the outermost ring, `seed` draws the
    pixels. Returns (downtrack, crosstrack), nearest first, without the target. Raises as
    :func:`scene_sample`, and where there is no target.
    """
    target = np.unique(_flat(shape, downtrack, crosstrack, n))
    if not len(target):
        raise MetricError("A ring needs at least one target pixel to surround.")
    width = shape[1] + 2
    seen = np.pad(np.zeros(shape, bool), 1, constant_values=True).ravel()
    frontier = target // shape[1] * width + target % shape[1] + width + 1
    seen[frontier] = True
    steps = np.array([-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1])
    rings, missing = [], n
    while missing > 0 and len(frontier):
        around = (frontier[:, np.newaxis] + steps).ravel()
        frontier = np.unique(around[~seen[around]])
        seen[frontier] = True
        if len(frontier) > missing:
            frontier = np.sort(_generator(seed).choice(frontier, missing, replace=False))
        rings.append(frontier)
        missing -= len(frontier)
    flat = np.concatenate(rings)
    if not len(flat):
        raise MetricError(f"The target covers all {len(target)} pixels of the scene; no background is left.")
    return flat // width - 1, flat % width - 1


def _flat(shape: tuple[int, int], downtrack: npt.ArrayLike, crosstrack: npt.ArrayLike, n: int) -> IndexArray:
    """Row-major numbers of pixels, checked to lie in the scene."""
    if n < 1:
        raise MetricError(f"A background of {n} pixels was asked for; at least 1 is needed.")
    rows, columns = np.broadcast_arrays(np.asarray(downtrack, np.intp), np.asarray(crosstrack, np.intp))
    outside = (rows < 0) | (rows >= shape[0]) | (columns < 0) | (columns >= shape[1])
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        raise MetricError(f"Target pixel ({rows.flat[first]}, {columns.flat[first]}) lies outside the scene "
                          f"of {shape[0]} x {shape[1]} pixels.")
    return np.asarray(rows.ravel() * shape[1] + columns.ravel())
