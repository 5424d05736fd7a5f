"""score_spectra: the pixels of an area, and how close each is to a reference."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsProcessingParameterDefinition

from ...adapters.areas import areas_of
from ...adapters.carried import carried_field
from ...adapters.feedback import FeedbackProgress
from ...adapters.references import chosen_reference
from ...core.errors import LibraryError
from ...core.inspection import inspect
from ...core.metrics import METRICS
from ...core.progress import Share
from .. import parameters as defined
from ..asked import Asked
from ..base import PixelSpectraAlgorithm
from ..outputs import write_inspection, write_nothing


class Algorithm(PixelSpectraAlgorithm):
    """Scores the pixels of areas against one reference spectrum."""

    title = "Score spectra"
    topic = "Spectra"
    about = ("Reads the spectrum of every pixel of an area from a granule, masks what cannot be used, and measures how "
             "close it is to a reference spectrum, and how sure that is. One row per pixel; the summary has one row "
             "per feature.")
    needs = (("shapely", "to turn an area into pixels"),)

    def parameters(self) -> tuple[QgsProcessingParameterDefinition, ...]:
        """As in the documentation."""
        return (
            defined.granule(), defined.aoi(), defined.reference(), defined.reference_file(), defined.reference_name(),
            defined.resampling(), defined.metric(), defined.mask(), defined.mask_file(), defined.uncertainty_file(),
            defined.background(), defined.seed(), defined.threshold(),
            defined.field("ID_FIELD", "Field to carry over", "A field of the area layer, such as a name or number, "
                          "that every pixel and every row of the summary gets from its feature, under its name. "
                          "feature_id counts the features of this layer only, and a filter may number them anew.",
                          "AOI"),
            defined.points("Scored pixels", "One point per pixel: its score in 'distance', how sure that is in "
                           "'distance_sigma', its spectrum, and why it is unusable if it is. Pixels off the swath have "
                           "no geometry."),
            defined.table("SUMMARY", "Summary", "One row per feature: pixels, valid pixels, masked pixels by reason, "
                          "and mean, sigma, min, max, best and the standard error of the mean of the score.",
                          optional=True),
        )

    def work(self, asked: Asked, progress: FeedbackProgress) -> dict[str, Any]:
        """One call of inspect()."""
        source = asked.area()
        areas = areas_of(source, asked.context.transformContext(), progress)
        carried = carried_field(source, asked.text("ID_FIELD"))
        granule = self.open_granule()
        reference = chosen_reference(asked.choice("REFERENCE") or None, asked.source("REFERENCE_FILE"),
                                     asked.text("REFERENCE_NAME"), asked.context)
        metric = METRICS[asked.choice("METRIC")]
        if reference is None and "reference" in metric.needs:
            raise LibraryError(f"The metric '{metric.name}' needs a reference; give REFERENCE (the id of a bundled "
                               "spectrum) or REFERENCE_FILE.")
        if not areas.geometries:
            return write_nothing(asked, progress, carried)
        seen = inspect(granule, areas.geometries, reference=reference, metric=metric.name, mask=asked.text("MASK"),
                       background=asked.choice("BACKGROUND") or None, seed=asked.whole("SEED"),
                       resampling=asked.choice("RESAMPLING"), uncertainty=True, feature_ids=areas.feature_ids,
                       progress=Share(progress, 0.0, 0.7))
        progress.warn(seen.notices)
        return write_inspection(asked, seen, asked.number("THRESHOLD"), progress, start=0.7, carried=carried)
