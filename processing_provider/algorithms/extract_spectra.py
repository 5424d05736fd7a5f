"""extract_spectra: the pixels of an area and their spectra."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsProcessingParameterDefinition

from ...adapters.areas import areas_of
from ...adapters.feedback import FeedbackProgress
from ...core.inspection import inspect
from ...core.progress import Share
from .. import parameters as defined
from ..asked import Asked
from ..base import PixelSpectraAlgorithm
from ..outputs import write_inspection, write_nothing


class Algorithm(PixelSpectraAlgorithm):
    """Reads the pixels of areas."""

    title = "Extract spectra"
    topic = "Spectra"
    about = ("Reads the spectrum of every pixel of an area from a granule and says which bands can be used. One point "
             "per pixel, with the spectrum in EnMAP-Box's profile format.")
    needs = (("shapely", "to turn an area into pixels"),)

    def parameters(self) -> tuple[QgsProcessingParameterDefinition, ...]:
        """As in the documentation."""
        return (
            defined.granule(), defined.aoi(), defined.mask(), defined.mask_file(), defined.uncertainty_file(),
            defined.points("Spectra", "One point per pixel: its spectrum, its profile, and why it is unusable if it "
                           "is. Pixels off the swath have no geometry."),
        )

    def work(self, asked: Asked, progress: FeedbackProgress) -> dict[str, Any]:
        """One call of inspect(), without a reference."""
        areas = areas_of(asked.area(), asked.context.transformContext(), progress)
        granule = self.open_granule()
        if not areas.geometries:
            return write_nothing(asked, progress)
        seen = inspect(granule, areas.geometries, mask=asked.text("MASK"), uncertainty=True,
                       feature_ids=areas.feature_ids, progress=Share(progress, 0.0, 0.6))
        progress.warn(seen.notices)
        return write_inspection(asked, seen, None, progress, start=0.6)
