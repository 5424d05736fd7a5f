"""Metrics that weigh a pixel against the scatter of its background.

All are ratios of inner products in a space where the background is white: with W'W the inverse of the
background's matrix, t = W(reference - centre) and y = W(pixel - centre), over the bands a pixel has.
"""

from __future__ import annotations

from collections.abc import Iterator
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


@METRICS.register("cem", better="higher", unit="1", needs=NEEDED, quantity="reflectance",
                  title="Constrained energy minimisation",
                  source="Harsanyi 1993, dissertation, University of Maryland Baltimore County; "
                         "Du et al. 2003, IEEE Transactions on Geoscience and Remote Sensing 41:1525-1529",
                  min_bands=1, statistics="autocorrelation")
def constrained_energy_minimisation(block: Block) -> FloatArray:
    """Output of the filter that lets the target pass as 1 and the rest of the scene with least energy."""
    return _abundance(block)


@METRICS.register("ace", better="higher", unit="1", needs=NEEDED, quantity="reflectance",
                  title="Adaptive coherence estimator (squared, signed)",
                  source="Kraut et al. 2005, IEEE Transactions on Signal Processing 53:427-438")
def adaptive_coherence_estimator(block: Block) -> FloatArray:
    """Squared cosine between pixel and target in whitened space, with the cosine's sign: -1 to 1."""
    whitener = _whitener(block)
    values = np.full(len(block.x), np.nan)
    whitened = (block.x[:, whitener.bands] - whitener.centre) @ whitener.matrix.T
    for run in _runs(block, whitener):
        y = _project(whitened[run.rows], run.missing)
        cosine = y @ run.target / np.sqrt(dot(y, y) * dot(run.target, run.target))
        values[run.rows] = np.sign(cosine) * np.minimum(1.0, cosine**2)
    return values


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


def _project(whitened: FloatArray, basis: FloatArray) -> FloatArray:
    """Remove the directions of missing bands, which equals using the sub-matrix of the others."""
    return whitened - (whitened @ basis) @ basis.T if basis.shape[1] else whitened


def _abundance(block: Block) -> FloatArray:
    """(n_pixels,) t'y / t't, by one weight per band instead of whitening every pixel."""
    whitener = _whitener(block)
    values = np.full(len(block.x), np.nan)
    weights = np.zeros(block.x.shape[1])
    for run in _runs(block, whitener):
        weight = np.where(run.used, run.target @ whitener.matrix / dot(run.target, run.target), 0.0)
        weights[whitener.bands] = weight
        values[run.rows] = block.x[run.rows] @ weights - whitener.centre @ weight
    return values
