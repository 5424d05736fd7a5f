"""A granule as an orthorectified GeoTIFF that keeps its wavelengths, its granule and a true-colour style."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from ..core.io.atomic import discard
from ..core.orthorectification import nearest_bands, write_bands
from ..core.progress import Progress
from ..core.quality import good_bands
from ..core.sensors import Granule
from ..core.spectra import BandGrid
from .geotiff import GeoTiffSink
from .granules import GRANULE_PROPERTY, granule_tags
from .raster_style import write_colour_style
from .staging import together


def write_granule_raster(granule: Granule, path: Path, wavelengths_nm: Optional[Sequence[float]], mask: Optional[str],
                         stride: int, progress: Progress, remember: bool = True) -> tuple[str, ...]:
    """Write the bands nearest to `wavelengths_nm` (None: all) to `path`, and its style beside it: both, or neither.

    With `remember` the raster stands for its granule where one is asked for; a masked copy must not. Returns notices.
    """
    source = granule.source.path
    tags = granule_tags(source, path) if remember else {}
    if granule.datetime is not None:
        tags["start_time"] = granule.datetime.isoformat()
    with together() as outputs:
        sink = GeoTiffSink(path, _described(granule, wavelengths_nm), tags, staging=outputs)
        written = write_bands(granule, sink, wavelengths_nm, mask, stride, progress)
        write_colour_style(outputs.folder(path) / path.name, written.bands,
                           {GRANULE_PROPERTY: source} if remember else {})
    discard(path.with_name(f"{path.name}.aux.xml"))  # statistics of an older raster
    return written.notices


def _described(granule: Granule, wavelengths_nm: Optional[Sequence[float]]) -> BandGrid:
    """The bands that will be written, with the documented windows as bad bands where the file tells none."""
    index, bands = nearest_bands(granule, wavelengths_nm), granule.bands
    fwhm = None if bands.fwhm_nm is None else bands.fwhm_nm[index]
    return BandGrid(bands.wavelength_nm[index], fwhm, good_bands(bands)[0][index])
