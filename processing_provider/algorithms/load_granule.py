"""load_granule: bands of a granule as a map layer."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsProcessingParameterDefinition

from ...adapters.feedback import FeedbackProgress
from ...adapters.granule_raster import write_granule_raster
from ...adapters.raster_style import load_with_style
from ...core.orthorectification import TRUE_COLOUR_NM
from .. import parameters as defined
from ..asked import Asked
from ..base import PixelSpectraAlgorithm

_DEFAULT = ", ".join(f"{nm:g}" for nm in TRUE_COLOUR_NM)


class Algorithm(PixelSpectraAlgorithm):
    """Orthorectifies bands of a granule into a GeoTIFF."""

    title = "Load granule"
    topic = "Scene"
    about = ("Writes bands of a granule as an orthorectified GeoTIFF with their wavelengths, shown in true colour. The "
             "layer remembers its granule: give it wherever a granule is asked for.")

    def parameters(self) -> tuple[QgsProcessingParameterDefinition, ...]:
        """As in the documentation."""
        return (
            defined.granule(),
            defined.text("BANDS", "Bands", "Wavelengths in nm separated by commas; the nearest band of each is taken. "
                         "'all' takes every band. Empty is true colour.", _DEFAULT),
            defined.mask("none"), defined.mask_file(),
            defined.number("STRIDE", "Stride", "Write one cell in place of so many by so many: 4 gives a quick look "
                           "with a sixteenth of the cells.", 1, whole=True, minValue=1),
            defined.raster("OUTPUT", "Granule", "A GeoTIFF (.tif) on the map grid of the granule, -9999 where there is "
                           "no value. An image without location is written by row and column."),
        )

    def work(self, asked: Asked, progress: FeedbackProgress) -> dict[str, Any]:
        """One call of write_bands(), by way of the adapter that adds the style."""
        wavelengths = asked.wavelengths("BANDS", TRUE_COLOUR_NM)
        granule = self.open_granule()
        destination, path = asked.geotiff("OUTPUT")
        notices = write_granule_raster(granule, path, wavelengths, asked.text("MASK"), asked.whole("STRIDE"), progress)
        progress.warn(notices)
        load_with_style(asked.context, destination)
        return {"OUTPUT": destination}
