"""detect_gas: a matched filter for a gas in radiance, one for every detector column."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsProcessingParameterDefinition

from ...adapters.feedback import FeedbackProgress
from ...adapters.geotiff import GeoTiffSink
from ...adapters.references import library_of
from ...core.gas_mapping import map_gas
from ...core.libraries import choose
from .. import parameters as defined
from ..asked import Asked
from ..base import PixelSpectraAlgorithm


class Algorithm(PixelSpectraAlgorithm):
    """Maps the detection score of a gas."""

    title = "Detect gas"
    topic = "Scene"
    about = ("Looks for a gas, such as methane, in L1B radiance: a matched filter per detector column gives every "
             "pixel a detection score (the apparent enhancement above the mean of its column, ppm m), its noise, and "
             "the ratio of both, as a GeoTIFF. It detects: it tells no flux and no mass of a plume, which is the work "
             "of other tools, and surfaces that absorb where the gas does score as well.")

    def parameters(self) -> tuple[QgsProcessingParameterDefinition, ...]:
        """As in the documentation."""
        return (
            defined.granule(help_text="The granule to search: L1B radiance of EMIT (.nc), or an ENVI image whose "
                            "header says that it holds radiance. Reflectance is refused."),
            defined.target(), defined.mask(),
            defined.flag("ALBEDO", "Albedo factor", "Correct score and noise for the brightness of each pixel, so that "
                         "a dark surface is not scored too low.", True),
            defined.flag("SENSOR_SPACE", "Sensor space", "Write a row per line of the image, as the instrument saw it, "
                         "in place of the map grid. An image without location is always written so."),
            defined.raster("OUTPUT", "Detection", "A GeoTIFF (.tif) with the bands 'score (ppm m)', 'noise (ppm m)' "
                           "and 'snr'; -9999 where a pixel is masked or its column too short for a covariance."),
        )

    def work(self, asked: Asked, progress: FeedbackProgress) -> dict[str, Any]:
        """One call of map_gas()."""
        granule = self.open_granule()
        target = choose(library_of(asked.text("TARGET"), asked.context), None)
        destination, path = asked.geotiff("OUTPUT")
        sink = GeoTiffSink(path, tags={"SCENE_ID": granule.id, "TARGET": target.name})
        found = map_gas(granule, target, sink, mask=asked.text("MASK"), albedo=asked.truth("ALBEDO"),
                        orthorectify=not asked.truth("SENSOR_SPACE"), progress=progress)
        progress.warn(found.notices)
        return {"OUTPUT": destination}
