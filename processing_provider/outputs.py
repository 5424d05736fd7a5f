"""An inspection as the outputs OUTPUT and SUMMARY of an algorithm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

from qgis.core import Qgis, QgsCoordinateReferenceSystem

from ..adapters.areas import LONLAT
from ..adapters.carried import Carried
from ..adapters.feedback import FeedbackProgress
from ..adapters.layer_output import LayerOutput
from ..adapters.result_layer import result_fields, summary_fields, write_results, write_summary
from ..adapters.staging import together
from ..core.inspection import Inspection
from ..core.progress import Share
from .asked import Asked

NOTHING = "The area has no features, so the output is empty."
"""What is told of an area layer without features, as a filter in a model may leave it."""


def write_inspection(asked: Asked, seen: Inspection, threshold: Optional[float], progress: FeedbackProgress,
                     start: float, carried: Optional[Carried] = None) -> dict[str, Any]:
    """Write the pixels, and the summary where it was asked for; both appear, or neither.

    The bar goes from `start` (0-1) to its end. `carried` adds a field of the area layer to both.
    """
    def rows(pixels: LayerOutput) -> Optional[str]:
        return write_results(seen, threshold, pixels, Share(progress, start, 1.0), carried)

    results, aside = _written(asked, carried, rows, lambda features: write_summary(seen.summary(), features, carried))
    if aside is not None:
        progress.tell(f"With {len(seen.pixels)} rows the spectra are in '{aside}', and the profiles are left empty.")
    valid = int(seen.spectra.pixel_valid.sum())
    progress.tell(f"{valid} of {len(seen.pixels)} pixels are usable (mask: {seen.mask.mask_id}).")
    return results


def write_nothing(asked: Asked, progress: FeedbackProgress, carried: Optional[Carried] = None) -> dict[str, Any]:
    """The same outputs without rows, for an area layer without features."""
    progress.warn((NOTHING,))
    return _written(asked, carried, lambda pixels: None, lambda features: None)[0]


def _written(asked: Asked, carried: Optional[Carried], write_pixels: Callable[[LayerOutput], Optional[str]],
             write_features: Callable[[LayerOutput], None]) -> tuple[dict[str, Any], Optional[str]]:
    """The outputs by name, and what `write_pixels` says."""
    lonlat = QgsCoordinateReferenceSystem(LONLAT)
    of_pixels, of_features = result_fields(), summary_fields()
    if carried is not None:
        of_pixels = carried.beside(of_pixels)
        of_features = carried.beside(of_features) if asked.given("SUMMARY") else of_features
    with together() as files:
        with asked.layer("OUTPUT", of_pixels, Qgis.WkbType.Point, lonlat, staging=files) as pixels:
            aside = write_pixels(pixels)
        with asked.optional_layer("SUMMARY", of_features, staging=files) as features:
            if features is not None:
                write_features(features)
    results = {"OUTPUT": pixels.destination}
    return (results if features is None else {**results, "SUMMARY": features.destination}), aside
