"""Metrics of direction: what remains of a comparison when brightness is taken away."""

from __future__ import annotations

import numpy as np

from .block import Block, BoolArray, FloatArray, dot
from .metric import METRICS

NEARLY_PARALLEL = 0.9999
"""Above this cosine arccos loses digits (float64: 2e-8 rad for equal spectra), and half chords are used."""
CONSTANT = 16 * np.finfo(np.float64).eps
"""A spectrum whose deviations are below this part of its length is constant up to rounding."""


@METRICS.register("sam", better="lower", unit="rad", needs={"reference"}, quantity="reflectance",
                  title="Spectral angle",
                  source="Kruse et al. 1993, Remote Sensing of Environment 44:145-163", scale_invariant=True)
def spectral_angle(block: Block) -> FloatArray:
    """Angle between pixel and reference, 0 to pi rad: blind to brightness, not to an offset.

    arccos of the cosine; where that is nearly 1 or -1, from the chord between the unit vectors.
    """
    cosine = cosine_similarity(block)
    angle = np.arccos(cosine)
    parallel = np.abs(cosine) > NEARLY_PARALLEL
    if parallel.any():
        angle[parallel] = _half_chord_angle(block, parallel)
    return angle


@METRICS.gradient("sam")
def spectral_angle_gradient(block: Block) -> FloatArray:
    """Away from the reference, by 1 over the pixel's length; undefined where they are parallel."""
    across = _across(block.x, block.r)
    return np.asarray(-across / (_length(across) * _length(block.x)))


@METRICS.register("cosine", better="higher", unit="1", needs={"reference"}, quantity="reflectance",
                  title="Cosine similarity",
                  source="Kruse et al. 1993, Remote Sensing of Environment 44:145-163", scale_invariant=True)
def cosine_similarity(block: Block) -> FloatArray:
    """Cosine of the spectral angle, -1 to 1: 1 where pixel and reference differ by brightness alone."""
    return _cosine(block.x, block.r)


@METRICS.gradient("cosine")
def cosine_gradient(block: Block) -> FloatArray:
    """Towards the reference, at right angles to the pixel."""
    return np.asarray(_across(block.x, block.r) / _length(block.x))


@METRICS.register("correlation", better="higher", unit="1", needs={"reference"}, quantity="reflectance",
                  title="Pearson correlation",
                  source="van der Meer and Bakker 1997, Remote Sensing of Environment 61:371-382", scale_invariant=True)
def correlation(block: Block) -> FloatArray:
    """Pearson's r over the bands, -1 to 1: blind to brightness and to an offset.

    Undefined where pixel or reference is constant.
    """
    return _cosine(_centred(block.x, block), _centred(block.r, block))


@METRICS.gradient("correlation")
def correlation_gradient(block: Block) -> FloatArray:
    """That of the cosine between the centred spectra: it is centred itself."""
    x = _centred(block.x, block)
    return np.asarray(_across(x, _centred(block.r, block)) / _length(x))


def _cosine(x: FloatArray, r: FloatArray) -> FloatArray:
    """(n_pixels,) cosines; a vector of length zero gives 0/0, that is NaN."""
    cosine = dot(x, r) / (np.sqrt(dot(x, x)) * np.sqrt(dot(r, r)))
    return np.asarray(np.maximum(-1.0, np.minimum(1.0, cosine)))


def _half_chord_angle(block: Block, rows: BoolArray) -> FloatArray:
    """(n,) angles of the pixels `rows`, exact for small ones (Kahan's formula)."""
    u = _unit(block.x[rows])
    v = _unit(block.r if block.r.ndim == 1 else block.r[rows])
    difference, total = u - v, u + v
    return np.asarray(2.0 * np.arctan2(np.sqrt(dot(difference, difference)), np.sqrt(dot(total, total))))


def _unit(a: FloatArray) -> FloatArray:
    return np.asarray(a / _length(a))


def _length(a: FloatArray) -> FloatArray:
    """(..., 1) lengths."""
    return np.asarray(np.sqrt(dot(a, a))[..., np.newaxis])


def _across(x: FloatArray, r: FloatArray) -> FloatArray:
    """(n_pixels, n_bands) the part of the unit reference at right angles to the pixel; the sine of the angle long."""
    u, v = _unit(x), _unit(r)
    return np.asarray(v - dot(u, v)[..., np.newaxis] * u)


def _centred(a: FloatArray, block: Block) -> FloatArray:
    """`a` less its mean over the used bands; all zero where it is constant up to rounding."""
    mean = a.sum(axis=-1) / block.n
    centred = np.where(block.used, a - mean[..., np.newaxis], 0.0)
    varies = dot(centred, centred) > CONSTANT**2 * dot(a, a)
    return np.asarray(centred * varies[..., np.newaxis])
