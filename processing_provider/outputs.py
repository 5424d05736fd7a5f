"""An inspection as the outputs OUTPUT and SUMMARY of an algorithm."""

from __future__ import annotations

from typing import Any, Optional

from qgis.core import Qgis, QgsCoordinateReferenceSystem

from ..adapters.areas import LONLAT
from ..adapters.feedback import FeedbackProgress
from ..adapters.result_layer import result_fields, summary_fields, write_results, write_summary
from ..adapters.staging import together
from ..core.inspection import Inspection
from ..core.progress import Share
from .asked import Asked


def write_inspection(asked: Asked, seen: Inspection, threshold: Optional[float], progress: FeedbackProgress,
                     start: float) -> dict[str, Any]:
    """Write the pixels, and the summary where it was asked for; both appear, or neither.

    The bar goes from `start` (0-1) to its end.
    """
    lonlat = QgsCoordinateReferenceSystem(LONLAT)
    with together() as files:
        with asked.layer("OUTPUT", result_fields(), Qgis.WkbType.Point, lonlat, staging=files) as pixels:
            aside = write_results(seen, threshold, pixels, Share(progress, start, 1.0))
        with asked.optional_layer("SUMMARY", summary_fields(), staging=files) as features:
            if features is not None:
                write_summary(seen.summary(), features)
    if aside is not None:
        progress.tell(f"With {len(seen.pixels)} rows the spectra are in '{aside}', and the profiles are left empty.")
    valid = int(seen.spectra.pixel_valid.sum())
    progress.tell(f"{valid} of {len(seen.pixels)} pixels are usable (mask: {seen.mask.mask_id}).")
    results = {"OUTPUT": pixels.destination}
    return results if features is None else {**results, "SUMMARY": features.destination}
