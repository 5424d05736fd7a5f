"""Some metrics again, for whole scenes: many pixels without holes, in single precision.

What is registered here stays close to the metric of the same name, which remains the definition: an angle within
1e-5 rad (nearly parallel spectra are measured exactly), a filter's output within 1e-4 of the range from background
to target. A metric that is not registered here is computed as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Callable, Optional

import numpy as np
import numpy.typing as npt

from ..background import Background, Whitener
from ..errors import MetricError
from ..registry import Registry
from ..spectra import MISSING_BELOW
from .angles import spectral_angle
from .block import Block, BoolArray, FloatArray
from .metric import Metric

Single = npt.NDArray[np.float32]
Kernel = Callable[[Single, Single], Single]
"""Pixels (n, n_used), which it may overwrite, and their sums of squares (n,) -> (n, n_references) scores."""
Prepare = Callable[[FloatArray, Optional[Whitener]], Kernel]
"""References (n_references, n_used), and the background's whitener on these bands -> what scores blocks."""

_NEARLY_PARALLEL = 0.9995
"""Above this cosine single precision no longer resolves 1e-5 rad."""
_SUSPICIOUS = 0.5 * float(MISSING_BELOW) ** 2
"""A sum of squares from here on, or NaN: a value may be missing."""

FAST: Registry[Prepare] = Registry("fast metric", MetricError)
"""Name of a metric -> how it is prepared for whole scenes."""


@dataclass(frozen=True)
class _Group:
    """References with values in the same bands."""

    members: npt.NDArray[np.intp]
    """Their places among all references."""
    runs: tuple[slice, ...]
    """The bands used, as neighbours."""
    n_used: int
    """Their number."""
    kernel: Kernel
    """What scores them."""


@dataclass(frozen=True)
class FastScorer:
    """A metric and its references, ready for block after block; several threads may call it."""

    groups: tuple[_Group, ...]
    """All references, by the bands they use."""
    n_references: int
    """Their number."""

    def __call__(self, values: Single) -> tuple[Single, BoolArray]:
        """Score `values` (n, n_bands): (n, n_references), and (n,) which pixels have no missing value.

        The scores of the other pixels mean nothing.
        """
        scores = np.empty((len(values), self.n_references), np.float32)
        complete = np.ones(len(values), bool)
        with np.errstate(all="ignore"):
            for group in self.groups:
                x = _packed(values, group)
                squares = np.einsum("ij,ij->i", x, x)
                complete &= squares < _SUSPICIOUS
                scores[:, group.members] = group.kernel(x, squares)
        return scores, complete


def fast_scorer(metric: Metric, references: FloatArray, good: BoolArray, background: Optional[Background]
                ) -> Optional[FastScorer]:
    """What scores blocks against `references` (n_references, n_bands; NaN where one has no value) on the bands `good`.

    None where there is no fast way: the metric has none, or too few bands are left.
    """
    prepare = FAST.get(metric.name)
    groups = []
    for members, base in _alike(np.isfinite(references)) if prepare is not None else ():
        whitener = None if background is None else background.whitener(base, metric.statistics)
        used = base & good if whitener is None else whitener.bands
        if used.sum() < max(1, metric.min_bands) or (used & ~good).any():
            return None
        kernel = prepare(references[np.ix_(members, used)], whitener)
        groups.append(_Group(members, _runs(used), int(used.sum()), kernel))
    return FastScorer(tuple(groups), len(references)) if groups else None


def _alike(rows: BoolArray) -> Iterator[tuple[npt.NDArray[np.intp], BoolArray]]:
    """The places of equal rows, and the row."""
    patterns, which = np.unique(rows, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        yield np.flatnonzero(which.ravel() == number), pattern


def _runs(used: BoolArray) -> tuple[slice, ...]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], used, [False])).astype(np.int8)))
    return tuple(slice(int(start), int(stop)) for start, stop in edges.reshape(-1, 2))


def _packed(values: Single, group: _Group) -> Single:
    """The used bands side by side: copying them once is faster than passing over them in pieces."""
    x = np.empty((len(values), group.n_used), np.float32)
    start = 0
    for run in group.runs:
        stop = start + run.stop - run.start
        x[:, start:stop] = values[:, run]
        start = stop
    return x


def _inner(x: Single, vectors: Single) -> Single:
    """(n, k) inner products; for one vector without BLAS, which passes more slowly over long tables."""
    if len(vectors) == 1:
        return np.asarray(np.einsum("ij,j->i", x, vectors[0])[:, np.newaxis])
    return np.asarray(x @ vectors.T)


@FAST.register("sam")
def _sam(references: FloatArray, whitener: Optional[Whitener]) -> Kernel:
    unit = (references / np.sqrt((references**2).sum(axis=1, keepdims=True))).astype(np.float32)
    used = np.ones(references.shape[1], bool)

    def kernel(x: Single, squares: Single) -> Single:
        cosine = _inner(x, unit) / np.sqrt(squares)[:, np.newaxis]
        angle = np.arccos(np.clip(cosine, -1.0, 1.0))
        parallel = np.abs(cosine) > _NEARLY_PARALLEL
        for k in np.flatnonzero(parallel.any(axis=0)):
            rows = parallel[:, k]
            angle[rows, k] = spectral_angle(Block(x[rows].astype(np.float64), references[k], used))
        return angle

    return kernel


@FAST.register("matched_filter")
@FAST.register("cem")
def _abundance(references: FloatArray, whitener: Optional[Whitener]) -> Kernel:
    matrix, centre = _space(whitener)
    target = (references - centre) @ matrix.T
    weights = (target @ matrix / (target**2).sum(axis=1, keepdims=True)).astype(np.float32)
    low = centre.astype(np.float32)

    def kernel(x: Single, squares: Single) -> Single:
        return _inner(np.subtract(x, low, out=x), weights)

    return kernel


@FAST.register("ace")
def _ace(references: FloatArray, whitener: Optional[Whitener]) -> Kernel:
    matrix, centre = _space(whitener)
    target = (references - centre) @ matrix.T
    unit = (target / np.sqrt((target**2).sum(axis=1, keepdims=True))).astype(np.float32)
    low, whiten = centre.astype(np.float32), matrix.T.astype(np.float32)

    def kernel(x: Single, squares: Single) -> Single:
        y = np.subtract(x, low, out=x) @ whiten
        cosine = _inner(y, unit) / np.sqrt(np.einsum("ij,ij->i", y, y))[:, np.newaxis]
        return np.asarray(np.sign(cosine) * np.minimum(1.0, cosine**2))

    return kernel


def _space(whitener: Optional[Whitener]) -> tuple[FloatArray, FloatArray]:
    if whitener is None:
        raise MetricError("This metric needs a background; give samples of the scene or a Background.")
    return whitener.matrix, whitener.centre
