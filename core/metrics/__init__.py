"""Every measure of how close a pixel is to a target: one dense function per metric, one table.

>>> METRICS["sam"].unit, METRICS["sam"].better
('rad', 'lower')
>>> METRICS["sam"]([[0.1, 0.2, 0.4]], [0.1, 0.2, 0.4]).tolist()
[0.0]
"""

from __future__ import annotations

from . import angles, distances, divergences, features, filters
from .metric import METRICS, Evaluation, Metric

__all__ = ["METRICS", "Evaluation", "Metric", "angles", "distances", "divergences", "features", "filters"]
