"""apply_mask: a granule whose unusable values are gone."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsProcessingParameterDefinition

from ...adapters.feedback import FeedbackProgress
from ...adapters.granule_raster import write_granule_raster
from ...adapters.raster_style import load_with_style
from ...core.orthorectification import mask_netcdf
from .. import parameters as defined
from ..asked import Asked
from ..base import PixelSpectraAlgorithm

_NETCDF = ".nc"


class Algorithm(PixelSpectraAlgorithm):
    """Writes a masked copy of a granule."""

    title = "Apply mask"
    topic = "Quality"
    about = ("Writes a granule with its masked values left out: as netCDF in sensor space, with everything else of the "
             "file kept (this needs the Python package h5py), or as an orthorectified GeoTIFF of all bands. The ending "
             "of the output decides.")

    def parameters(self) -> tuple[QgsProcessingParameterDefinition, ...]:
        """As in the documentation."""
        return (
            defined.granule(help_text="An EMIT granule: L2A reflectance, its uncertainty, or L1B radiance (.nc); for a "
                            "GeoTIFF also an ENVI image, or a layer made by 'Load granule'."),
            defined.mask(), defined.mask_file(),
            defined.raster("OUTPUT", "Masked granule", "A name that ends with .nc gives netCDF in sensor space with "
                           "masked values as fill (-9999); .tif gives an orthorectified GeoTIFF."),
        )

    def work(self, asked: Asked, progress: FeedbackProgress) -> dict[str, Any]:
        """One call of mask_netcdf() or write_bands(), by the ending of the output."""
        granule = self.open_granule()
        path = asked.file_to_write("OUTPUT")
        if path.suffix.lower() == _NETCDF:
            progress.warn(mask_netcdf(granule, path, asked.text("MASK"), progress))
            return {"OUTPUT": str(path)}
        destination, path = asked.geotiff("OUTPUT")
        progress.warn(write_granule_raster(granule, path, None, asked.text("MASK"), 1, progress, remember=False))
        load_with_style(asked.context, destination)
        return {"OUTPUT": destination}
