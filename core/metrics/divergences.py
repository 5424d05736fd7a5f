"""Metrics that read a spectrum as a probability over its bands."""

from __future__ import annotations

import numpy as np

from .angles import spectral_angle
from .block import Block, FloatArray, dot
from .metric import METRICS


@METRICS.register("sid", better="lower", unit="nats", needs={"reference"}, quantity="reflectance",
                  title="Spectral information divergence",
                  source="Chang 2000, IEEE Transactions on Information Theory 46:1927-1932",
                  positive_bands=True, scale_invariant=True)
def spectral_information_divergence(block: Block) -> FloatArray:
    """Symmetric Kullback-Leibler divergence of pixel and reference, each scaled to sum 1; 0 for equal shapes.

    Bands where pixel or reference is at or below zero are left out; undefined with more than 5 % of them.
    """
    x_sum, r_sum = block.x.sum(axis=-1, keepdims=True), block.r.sum(axis=-1, keepdims=True)
    # In a hole both are 0: adding 1 keeps the logarithm finite, and its factor p - q is 0 there.
    hole = ~block.used
    log_ratio = np.log((block.x + hole) / (block.r + hole)) + np.log(r_sum / x_sum)
    return dot(block.x / x_sum - block.r / r_sum, log_ratio)


@METRICS.register("sid_sam", better="lower", unit="nats", needs={"reference"}, quantity="reflectance",
                  title="SID times the tangent of SAM",
                  source="Du et al. 2004, Optical Engineering 43:1777-1786", positive_bands=True, scale_invariant=True)
def sid_sam(block: Block) -> FloatArray:
    """Spectral information divergence times the tangent of the spectral angle, both over the bands of SID."""
    return np.asarray(spectral_information_divergence(block) * np.tan(spectral_angle(block)))
