"""map_scores: how close every pixel of a scene is to references, as a map."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsProcessingParameterDefinition

from ...adapters.feedback import FeedbackProgress
from ...adapters.raster_style import load_with_style
from ...adapters.references import chosen_references
from ...adapters.score_map import write_score_map
from .. import parameters as defined
from ..asked import Asked
from ..base import PixelSpectraAlgorithm


class Algorithm(PixelSpectraAlgorithm):
    """Scores a whole scene into a GeoTIFF."""

    title = "Map scores"
    topic = "Scene"
    about = ("Measures how close every pixel of a scene is to one or several reference spectra and writes the scores "
             "as a GeoTIFF, one band per reference. With several, two more bands tell which reference is best and by "
             "how much it leads. Masked pixels have no value. A stride of 4 to 8 gives a preview within seconds.")

    def parameters(self) -> tuple[QgsProcessingParameterDefinition, ...]:
        """As in the documentation."""
        return (
            defined.granule(), defined.references(), defined.reference_file(
                "A spectral library of your own, all of whose spectra are mapped, after the bundled ones that are "
                "chosen: CSV (wavelength, reflectance), USGS splib07 text, ECOSTRESS, ENVI .sli, a folder of these, "
                "or a layer with a profile field as EnMAP-Box and 'Extract spectra' make it."),
            defined.metric(), defined.mask(), defined.mask_file(),
            defined.flag("SENSOR_SPACE", "Sensor space", "Write a row per line of the image, as the instrument saw it, "
                         "in place of the map grid. An image without location is always written so."),
            defined.number("STRIDE", "Stride", "Score one cell in place of so many by so many: 4 gives a preview with "
                           "a sixteenth of the cells.", 1, whole=True, minValue=1),
            defined.raster("OUTPUT", "Scores", "A GeoTIFF (.tif), -9999 where there is no score: one band per "
                           "reference, named by it; with several also 'best class' (1 is the first reference; the "
                           "style and the metadata name them) and 'margin'."),
        )

    def work(self, asked: Asked, progress: FeedbackProgress) -> dict[str, Any]:
        """One call of map_scores(), by way of the adapter that adds the style."""
        granule = self.open_granule()
        references = chosen_references(asked.choices("REFERENCES"), asked.source("REFERENCE_FILE"), asked.context)
        destination, path = asked.geotiff("OUTPUT")
        written = write_score_map(granule, references, asked.choice("METRIC"), path, asked.text("MASK"),
                                  not asked.truth("SENSOR_SPACE"), asked.whole("STRIDE"), progress)
        progress.warn(written.notices)
        progress.tell(f"{written.n_scored} of {written.n_pixels} pixels have a score (mask: {written.mask.mask_id}).")
        if len(written.classes) > 1:
            progress.tell("Classes: " + ", ".join(f"{n} = {name}" for n, name in enumerate(written.classes, start=1)))
        load_with_style(asked.context, destination)
        return {"OUTPUT": destination}
