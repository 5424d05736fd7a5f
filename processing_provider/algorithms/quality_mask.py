"""quality_mask: what the MASK file says of every pixel, as rasters."""

from __future__ import annotations

from typing import Any, Union

from qgis.core import QgsProcessingParameterDefinition

from ...adapters.feedback import FeedbackProgress
from ...adapters.geotiff import GeoTiffSink
from ...adapters.staging import together
from ...core.errors import MaskError
from ...core.orthorectification import open_mask_only, quality_bits, write_quality
from ...core.sensors import Granule, QualityFile
from .. import parameters as defined
from ..asked import Asked
from ..base import PixelSpectraAlgorithm

_WHOLE = {"REASONS": True, "DATA": False, "BANDS_INTERPOLATED": True}
"""Output -> whether its values are whole numbers."""


class Algorithm(PixelSpectraAlgorithm):
    """Orthorectifies the quality layers of a granule."""

    title = "Quality mask"
    topic = "Quality"
    about = ("Writes the L2A MASK file of a granule as orthorectified rasters: which flags strike a pixel (bit mask), "
             "its data layers (AOD550, H2O), and how many bands were interpolated.")

    def parameters(self) -> tuple[QgsProcessingParameterDefinition, ...]:
        """As in the documentation."""
        return (
            defined.mask_file(help_text="An L2A MASK file. Give this, or the granule that it lies beside."),
            defined.granule(optional=True, help_text="A granule whose MASK file is used, where no MASK file is given."),
            defined.text("FLAGS", "Flags", "Names of the flags that count, separated by commas, such as: cloud, "
                         "cirrus. Empty takes all flags of the file."),
            defined.number("AOD550_MAX", "Largest AOD550", "Pixels with more aerosol than this get a bit of their "
                           "own. Empty sets no limit.", minValue=0.0),
            defined.number("H2O_MAX", "Largest H2O", "Pixels with more water vapour (g cm-2) than this get a bit of "
                           "their own. Empty sets no limit.", minValue=0.0),
            defined.raster("REASONS", "Reasons", "GeoTIFF: sum of the bits of all reasons of a pixel, 0 where it is "
                           "good. The metadata and the log name the bits.", optional=True),
            defined.raster("DATA", "Data layers", "GeoTIFF: the data layers of the file, one band each.",
                           optional=True),
            defined.raster("BANDS_INTERPOLATED", "Bands interpolated", "GeoTIFF: number of bands of each pixel that "
                           "were interpolated; not written for MASK version 002, which does not tell.", optional=True),
        )

    def work(self, asked: Asked, progress: FeedbackProgress) -> dict[str, Any]:
        """One call of write_quality()."""
        source = self._source()
        places = {name: place for name in _WHOLE if (place := asked.optional_geotiff(name)) is not None}
        if not places:
            raise MaskError("No output is asked for; give at least one of REASONS, DATA and BANDS_INTERPOLATED.")
        flags, limits = asked.words("FLAGS"), (asked.number("AOD550_MAX"), asked.number("H2O_MAX"))
        bits = {} if source.quality is None else quality_bits(source.quality, flags, *limits)
        tags = {"REASONS": {f"BIT_{bit}": reason for reason, bit in bits.items()}}
        with together() as files:
            sinks = {name: GeoTiffSink(path, tags=tags.get(name), whole_numbers=_WHOLE[name], staging=files)
                     for name, (_, path) in places.items()}
            done = write_quality(source, sinks.get("REASONS"), sinks.get("DATA"), sinks.get("BANDS_INTERPOLATED"),
                                 flags, *limits, progress)
        progress.warn(done.notices)
        if "REASONS" in places:
            progress.tell("Bits of REASONS: " + ", ".join(f"{bit} = {name}" for name, bit in bits.items()))
        missing = () if done.interpolated else ("BANDS_INTERPOLATED",)
        return {name: destination for name, (destination, _) in places.items() if name not in missing}

    def _source(self) -> Union[Granule, QualityFile]:
        """What the quality is of: a granule, or the MASK file alone."""
        mask_file = self.companions["MASK_FILE"]
        if self.granule:
            return self.open_granule()
        if mask_file:
            return open_mask_only(mask_file, self.opener)
        raise MaskError("Neither a MASK file nor a granule is given; give one of them.")
