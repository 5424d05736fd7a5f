"""Metrics of amplitude: how far apart the values are."""

from __future__ import annotations

import numpy as np

from .angles import spectral_angle
from .block import Block, FloatArray, dot
from .metric import METRICS


@METRICS.register("euclidean", better="lower", unit="reflectance", needs={"reference"},
                  quantity="reflectance", title="Euclidean distance",
                  source="Deza and Deza 2009, Encyclopedia of Distances", min_bands=1)
def euclidean(block: Block) -> FloatArray:
    """Length of the difference between pixel and reference; grows with the number of bands used."""
    return np.asarray(np.sqrt(_squared_distance(block)))


@METRICS.register("rmse", better="lower", unit="reflectance", needs={"reference"}, quantity="reflectance",
                  title="Root mean square difference", source="Deza and Deza 2009, Encyclopedia of Distances",
                  min_bands=1)
def rmse(block: Block) -> FloatArray:
    """Root of the mean squared difference: Euclidean distance without its growth with the number of bands."""
    return np.asarray(np.sqrt(_squared_distance(block) / block.n))


@METRICS.register("ns3", better="lower", unit="1", needs={"reference"}, quantity="reflectance",
                  title="Normalised spectral similarity score",
                  source="Nidamanuri and Zbell 2011, IEEE Journal of Selected Topics in Applied Earth "
                         "Observations and Remote Sensing 4:226-240")
def ns3(block: Block) -> FloatArray:
    """Amplitude and shape in one score: the root of RMSE squared plus (1 - cos SAM) squared."""
    # 1 - cos(a) = 2 sin(a/2)^2 keeps its digits for small angles
    shape = 2.0 * np.sin(spectral_angle(block) / 2.0) ** 2
    return np.asarray(np.hypot(rmse(block), shape))


def _squared_distance(block: Block) -> FloatArray:
    difference = block.x - block.r
    return dot(difference, difference)
