"""Metrics that read a spectrum as a probability over its bands."""

from __future__ import annotations

import numpy as np

from .angles import spectral_angle, spectral_angle_gradient
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
    x_sum, r_sum, log_ratio = _parts(block)
    return dot(block.x / x_sum - block.r / r_sum, log_ratio)


@METRICS.gradient("sid")
def divergence_gradient(block: Block) -> FloatArray:
    """By the shares p = x / sum x: ln(p/q) + 1 - q/p, less its mean weighted by p, over sum x."""
    x_sum, r_sum, log_ratio = _parts(block)
    share = block.x / x_sum
    by_share = log_ratio + 1.0 - block.r / r_sum / np.where(block.used, share, 1.0)
    slope = (by_share - dot(share, by_share)[..., np.newaxis]) / x_sum
    return np.asarray(np.where(block.used, slope, 0.0))


def _parts(block: Block) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(n_pixels, 1) sum of the pixel, the same of the reference, and (n_pixels, n_bands) ln(p/q)."""
    x_sum, r_sum = block.x.sum(axis=-1, keepdims=True), block.r.sum(axis=-1, keepdims=True)
    # In a hole both are 0: adding 1 keeps the logarithm finite, and its factor p - q is 0 there.
    hole = ~block.used
    return x_sum, r_sum, np.log((block.x + hole) / (block.r + hole)) + np.log(r_sum / x_sum)


@METRICS.register("sid_sam", better="lower", unit="nats", needs={"reference"}, quantity="reflectance",
                  title="SID times the tangent of SAM",
                  source="Du et al. 2004, Optical Engineering 43:1777-1786", positive_bands=True, scale_invariant=True)
def sid_sam(block: Block) -> FloatArray:
    """Spectral information divergence times the tangent of the spectral angle, both over the bands of SID."""
    return np.asarray(spectral_information_divergence(block) * np.tan(spectral_angle(block)))


@METRICS.gradient("sid_sam")
def sid_sam_gradient(block: Block) -> FloatArray:
    """By the rule of products."""
    sid, tangent = spectral_information_divergence(block), np.tan(spectral_angle(block))
    return np.asarray(tangent[:, np.newaxis] * divergence_gradient(block)
                      + (sid * (1.0 + tangent**2))[:, np.newaxis] * spectral_angle_gradient(block))
