"""Metrics of amplitude: how far apart the values are."""

from __future__ import annotations

import numpy as np

from ..errors import MetricError
from .angles import cosine_gradient, spectral_angle
from .block import Block, FloatArray, dot
from .metric import METRICS


@METRICS.register("euclidean", better="lower", unit="reflectance", needs={"reference"},
                  quantity="reflectance", title="Euclidean distance",
                  source="Deza and Deza 2009, Encyclopedia of Distances", min_bands=1)
def euclidean(block: Block) -> FloatArray:
    """Length of the difference between pixel and reference; grows with the number of bands used."""
    return np.asarray(np.sqrt(_squared_distance(block)))


@METRICS.gradient("euclidean")
def euclidean_gradient(block: Block) -> FloatArray:
    """The direction from reference to pixel; undefined where they are equal."""
    return np.asarray((block.x - block.r) / euclidean(block)[:, np.newaxis])


@METRICS.register("rmse", better="lower", unit="reflectance", needs={"reference"}, quantity="reflectance",
                  title="Root mean square difference", source="Deza and Deza 2009, Encyclopedia of Distances",
                  min_bands=1)
def rmse(block: Block) -> FloatArray:
    """Root of the mean squared difference: Euclidean distance without its growth with the number of bands."""
    return np.asarray(np.sqrt(_squared_distance(block) / block.n))


@METRICS.gradient("rmse")
def rmse_gradient(block: Block) -> FloatArray:
    """That of the Euclidean distance, over the root of the number of bands."""
    return np.asarray(euclidean_gradient(block) / np.sqrt(block.n)[..., np.newaxis])


@METRICS.register("ns3", better="lower", unit="1", needs={"reference"}, quantity="reflectance",
                  title="Normalised spectral similarity score",
                  source="Nidamanuri and Zbell 2011, IEEE Journal of Selected Topics in Applied Earth "
                         "Observations and Remote Sensing 4:226-240")
def ns3(block: Block) -> FloatArray:
    """Amplitude and shape in one score: the root of RMSE squared plus (1 - cos SAM) squared."""
    return np.asarray(np.hypot(rmse(block), _shape(block)))


@METRICS.gradient("ns3")
def ns3_gradient(block: Block) -> FloatArray:
    """Those of amplitude and shape, each by its share."""
    amplitude, shape = rmse(block)[:, np.newaxis], _shape(block)[:, np.newaxis]
    return np.asarray((amplitude * rmse_gradient(block) - shape * cosine_gradient(block)) / np.hypot(amplitude, shape))


def _shape(block: Block) -> FloatArray:
    """(n_pixels,) 1 - cos(a), as 2 sin(a/2)^2, which keeps its digits for small angles."""
    return np.asarray(2.0 * np.sin(spectral_angle(block) / 2.0) ** 2)


def _squared_distance(block: Block) -> FloatArray:
    difference = block.x - block.r
    return dot(difference, difference)


@METRICS.register("chi_square", better="lower", unit="1", needs={"reference", "uncertainty"}, quantity="reflectance",
                  title="Reduced chi-square", min_bands=1,
                  source="Bevington and Robinson 2003, Data Reduction and Error Analysis for the Physical Sciences")
def chi_square(block: Block) -> FloatArray:
    """Mean over the bands of the squared difference in units of each band's uncertainty: 1 where errors explain it all.

    Divided by the number of bands used (nothing is fitted), so that pixels with holes compare. Sensitive to brightness.
    """
    deviation = _deviation(block)
    return np.asarray(dot(deviation, deviation) / block.n)


@METRICS.gradient("chi_square")
def chi_square_gradient(block: Block) -> FloatArray:
    """Twice the deviation over the uncertainty and the number of bands."""
    return np.asarray(2.0 * _deviation(block) / (_errors(block) * block.n[..., np.newaxis]))


def _deviation(block: Block) -> FloatArray:
    """(n_pixels, n_bands) differences in units of the uncertainty."""
    return np.asarray((block.x - block.r) / _errors(block))


def _errors(block: Block) -> FloatArray:
    if block.uncertainty is None:
        raise MetricError("This metric needs the uncertainty of the spectra; give one standard deviation per value.")
    return block.uncertainty
