"""What features look like as a layer: one point per feature and rank."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple
from typing import Optional

from qgis.core import NULL, QgsFields, QgsGeometry, QgsPointXY

from ..core.identification import Identified
from ..core.progress import Progress, checkpoint
from .fields import fields
from .layer_output import LayerOutput

_COLUMNS = (
    ("scene_id", "text", "granule"), ("feature_id", "int64", "feature of the area"),
    ("n_pixels", "int32", "pixels of the feature"), ("n_valid", "int32", "usable ones, whose mean was identified"),
    ("rank", "int32", "1 is the best match; null where there is none"),
    ("reference_id", "text", "id in the library"), ("name", "text", "title of the reference"),
    ("fit", "float64", "how well the reference explains the absorption features, 0 to 1"),
    ("sam", "float64", "spectral angle, rad"), ("sid", "float64", "spectral information divergence, nats"),
    ("correlation", "float64", "correlation after removal of the convex hulls"),
    ("margin", "float64", "by how much the fit exceeds that of the next rank"),
    ("reason", "text", "why there is no match"),
)


def match_fields() -> QgsFields:
    """The fields of a row: the feature, then one match."""
    return fields(_COLUMNS)


def write_matches(scene: str, found: Sequence[Identified], output: LayerOutput, progress: Progress) -> None:
    """Write a row per feature and rank; a feature without a match has one row with the reason."""
    for i, one in enumerate(found):
        checkpoint(progress, i / len(found), "Writing the matches")
        about = [scene, one.feature_id, one.n_pixels, one.n_valid]
        for rank, match in enumerate(one.matches, start=1):
            values = [NULL if isinstance(v, float) and math.isnan(v) else v for v in astuple(match)]
            output.add([*about, rank, *values, ""], _point(one))
        if not one.matches:
            output.add([*about, *[NULL] * 8, one.reason], _point(one))


def _point(one: Identified) -> Optional[QgsGeometry]:
    return None if math.isnan(one.lon) else QgsGeometry.fromPointXY(QgsPointXY(one.lon, one.lat))
