"""Metrics that weigh a pixel against the scatter of its background.

All are ratios of inner products in a space where the background is white: with W'W the inverse of the
background's matrix, t = W(reference - centre) and y = W(pixel - centre), over the bands a pixel has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..background import Whitener
from ..errors import MetricError
from .block import Block, BoolArray, FloatArray, dot
from .metric import METRICS

NEEDED = frozenset({"reference", "background"})


@METRICS.register("matched_filter", better="higher", unit="1", needs=NEEDED, quantity="reflectance",
                  title="Matched filter",
                  source="Manolakis and Shaw 2002, IEEE Signal Processing Magazine 19(1):29-43", min_bands=1)
def matched_filter(block: Block) -> FloatArray:
    """Abundance of the target against the scatter of the background: 0 is its mean, 1 the target."""
    return _abundance(block)


@METRICS.gradient("matched_filter")
def matched_filter_gradient(block: Block) -> FloatArray:
    """The weights: the filter is linear."""
    return _abundance_gradient(block)


@METRICS.register("cem", better="higher", unit="1", needs=NEEDED, quantity="reflectance",
                  title="Constrained energy minimisation",
                  source="Harsanyi 1993, dissertation, University of Maryland Baltimore County; "
                         "Du et al. 2003, IEEE Transactions on Geoscience and Remote Sensing 41:1525-1529",
                  min_bands=1, statistics="autocorrelation")
def constrained_energy_minimisation(block: Block) -> FloatArray:
    """Output of the filter that lets the target pass as 1 and the rest of the scene with least energy."""
    return _abundance(block)


@METRICS.gradient("cem")
def constrained_energy_gradient(block: Block) -> FloatArray:
    """The weights: the filter is linear."""
    return _abundance_gradient(block)


@METRICS.register("ace", better="higher", unit="1", needs=NEEDED, quantity="reflectance",
                  title="Adaptive coherence estimator (squared, signed)",
                  source="Kraut et al. 2005, IEEE Transactions on Signal Processing 53:427-438")
def adaptive_coherence_estimator(block: Block) -> FloatArray:
    """Squared cosine between pixel and target in whitened space, with the cosine's sign: -1 to 1."""
    def signed_square(run: _Run, y: FloatArray) -> FloatArray:
        cosine = y @ run.target / np.sqrt(dot(y, y) * dot(run.target, run.target))
        return np.asarray(np.sign(cosine) * np.minimum(1.0, cosine**2))

    return _of_whitened(block, signed_square)


@METRICS.gradient("ace")
def coherence_gradient(block: Block) -> FloatArray:
    """Twice the cosine times the gradient of the cosine, taken back from whitened space."""
    def slope(run: _Run, y: FloatArray) -> FloatArray:
        length = np.sqrt(dot(y, y))[:, np.newaxis]
        target = run.target / np.sqrt(dot(run.target, run.target))
        cosine = (y @ target)[:, np.newaxis] / length
        return np.asarray(2.0 * np.abs(cosine) * (target - cosine * y / length) / length)

    return _taken_back(block, slope)


@METRICS.register("rx", better="higher", unit="1", needs={"background"}, quantity="any", title="RX anomaly",
                  source="Reed and Yu 1990, IEEE Transactions on Acoustics, Speech, and Signal Processing 38:1760-1770",
                  min_bands=1)
def anomaly(block: Block) -> FloatArray:
    """Squared Mahalanobis distance of a pixel from its background: large where it is unlike its surroundings.

    Needs no reference. Of background pixels its mean is the number of bands used.
    """
    return _of_whitened(block, lambda run, y: dot(y, y))


@METRICS.gradient("rx")
def anomaly_gradient(block: Block) -> FloatArray:
    """Twice the whitened deviation, taken back from whitened space."""
    return _taken_back(block, lambda run, y: 2.0 * y)


@dataclass(frozen=True)
class _Run:
    """Pixels of a block that use the same bands."""

    rows: slice
    """Where they stand in the block."""
    used: BoolArray
    """(n_bands,) which of the whitener's bands these pixels have."""
    missing: FloatArray
    """(n_bands, n_missing) orthonormal basis of the whitened directions of the bands these pixels lack."""
    target: FloatArray
    """(n_bands,) the whitened target t, free of those directions."""


OfRun = Callable[[_Run, FloatArray], FloatArray]
"""Of a run and its pixels in whitened space."""


def _whitener(block: Block) -> Whitener:
    if block.whitener is None:
        raise MetricError("This metric needs a background; give samples of the scene or a Background.")
    return block.whitener


def _runs(block: Block, whitener: Whitener) -> Iterator[_Run]:
    """Yield the pixels of `block` by bands used; those without any are left out."""
    for rows, used, reference in block.runs():
        if not used.any():
            continue
        have = used[whitener.bands]
        missing = whitener.directions(~have)
        target = whitener.matrix @ (reference[whitener.bands] - whitener.centre)
        yield _Run(rows, have, missing, _project(target, missing))


def _whitened(block: Block) -> Iterator[tuple[_Run, FloatArray]]:
    """Yield each run with its pixels (n, n_bands) in whitened space, free of the bands that they lack."""
    whitener = _whitener(block)
    deviations = (block.x[:, whitener.bands] - whitener.centre) @ whitener.matrix.T
    for run in _runs(block, whitener):
        yield run, _project(deviations[run.rows], run.missing)


def _of_whitened(block: Block, value: OfRun) -> FloatArray:
    """(n_pixels,) what `value` gives for each run; NaN without any band."""
    values = np.full(len(block.x), np.nan)
    for run, y in _whitened(block):
        values[run.rows] = value(run, y)
    return values


def _taken_back(block: Block, slope: OfRun) -> FloatArray:
    """(n_pixels, n_bands) the slopes that `slope` gives in whitened space, in the space of the bands."""
    whitener = _whitener(block)
    slopes = np.zeros(block.x.shape)
    for run, y in _whitened(block):
        slopes[run.rows, whitener.bands] = slope(run, y) @ whitener.matrix * run.used
    return slopes


def _project(whitened: FloatArray, basis: FloatArray) -> FloatArray:
    """Remove the directions of missing bands, which equals using the sub-matrix of the others."""
    return whitened - (whitened @ basis) @ basis.T if basis.shape[1] else whitened


def _abundance(block: Block) -> FloatArray:
    """(n_pixels,) t'y / t't, by one weight per band instead of whitening every pixel."""
    whitener = _whitener(block)
    values = np.full(len(block.x), np.nan)
    weights = np.zeros(block.x.shape[1])
    for run in _runs(block, whitener):
        weight = _weight(run, whitener)
        weights[whitener.bands] = weight
        values[run.rows] = block.x[run.rows] @ weights - whitener.centre @ weight
    return values


def _abundance_gradient(block: Block) -> FloatArray:
    """(n_pixels, n_bands) the weights: the filter is linear."""
    whitener = _whitener(block)
    slopes = np.zeros(block.x.shape)
    for run in _runs(block, whitener):
        slopes[run.rows, whitener.bands] = _weight(run, whitener)
    return slopes


def _weight(run: _Run, whitener: Whitener) -> FloatArray:
    """(n_bands,) what each of the whitener's bands counts in t'y / t't."""
    return np.asarray(np.where(run.used, run.target @ whitener.matrix / dot(run.target, run.target), 0.0))
