"""Rasters of a granule, streamed into sinks: bands and quality on the map grid, and a masked copy of the file."""

from .bands import TRUE_COLOUR_NM, BandsWritten, nearest_bands, write_bands
from .gather import strided
from .masked_copy import mask_netcdf
from .quality import QualityWritten, open_mask_only, quality_bits, write_quality

__all__ = [
    "TRUE_COLOUR_NM", "BandsWritten", "QualityWritten", "mask_netcdf", "nearest_bands",
    "open_mask_only", "quality_bits", "strided", "write_bands", "write_quality",
]
