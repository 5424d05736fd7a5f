"""How our rasters look: true colour, stretched so that clouds do not darken the ground, in a .qml beside the raster."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from osgeo import gdal
from qgis.core import (
    QgsContrastEnhancement,
    QgsMapLayer,
    QgsMultiBandColorRenderer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsRasterDataProvider,
    QgsRasterLayer,
    QgsRasterMinMaxOrigin,
    QgsRasterRenderer,
    QgsSingleBandGrayRenderer,
)
from qgis.PyQt.QtXml import QDomDocument

from ..core.io.atomic import discard, replacing
from ..core.orthorectification import TRUE_COLOUR_NM
from ..core.spectra import MISSING_BELOW, BandGrid

PERCENTILES = (2.0, 50.0, 98.0)
"""A band is stretched from the first to the last of these, or to BRIGHTEST."""
BRIGHTEST = 3.0
"""At most so many times as far above the median as the low percentile is below it: clouds are brighter."""
_SAMPLE = 500
"""Rows and columns looked at for them, at most."""


class SidecarStyle(QgsProcessingLayerPostProcessorInterface):
    """Gives a raster that Processing loads the style beside its file."""

    def postProcessLayer(self, layer: QgsMapLayer, context: QgsProcessingContext, feedback: QgsProcessingFeedback
                         ) -> None:
        """Called by QGIS in the main thread."""
        layer.loadDefaultStyle()
        layer.triggerRepaint()


SIDECAR_STYLE = SidecarStyle()
"""One for all: QGIS does not keep it alive itself."""


def write_colour_style(path: Path, bands: BandGrid, properties: Mapping[str, str]) -> None:
    """Write the .qml of the raster at `path`, whose bands are `bands`; raises OutputError where it cannot be."""
    write_style(path, lambda layer: _renderer(layer, path, _true_colour(bands)), properties)


def write_style(path: Path, renderer: Callable[[QgsRasterLayer], QgsRasterRenderer],
                properties: Mapping[str, str]) -> None:
    """Write the .qml of the raster at `path`, shown as `renderer` says; raises OutputError where it cannot be."""
    document = QDomDocument()
    with _located(path) as source:
        layer = QgsRasterLayer(source, path.stem, "gdal", QgsRasterLayer.LayerOptions(False))
        layer.setRenderer(renderer(layer))
        for key, value in properties.items():
            layer.setCustomProperty(key, value)
        layer.exportNamedStyle(document)
        del layer
    discard(path.with_name(f"{path.name}.aux.xml"))  # the histogram that QGIS leaves behind
    with replacing(path.with_suffix(".qml")) as temporary:
        temporary.write_text(document.toString(2), encoding="utf-8")


@contextmanager
def _located(path: Path) -> Iterator[str]:
    """What QGIS opens without a complaint on the console: of a raster without location, a stand-in that has one."""
    dataset = gdal.OpenEx(str(path), gdal.OF_RASTER)
    if dataset is None or dataset.GetGeoTransform(can_return_null=True) is not None:
        yield str(path)
        return
    stand_in = f"/vsimem/{uuid.uuid4().hex}.vrt"
    corners = (0, dataset.RasterYSize, dataset.RasterXSize, 0)
    gdal.Translate(stand_in, dataset, format="VRT", outputBounds=corners)
    try:
        yield stand_in
    finally:
        gdal.Unlink(stand_in)


def _renderer(layer: QgsRasterLayer, path: Path, numbers: Sequence[int]) -> QgsRasterRenderer:
    """Three bands in colour, or a single one in grey, all stretched alike: so colours stay true."""
    provider = layer.dataProvider()
    limits = _limits(path, numbers)
    contrasts = [_contrast(provider, number, limits) for number in numbers]
    if layer.bandCount() == 1:
        renderer = QgsSingleBandGrayRenderer(provider, 1)
        renderer.setContrastEnhancement(contrasts[0])
    else:
        renderer = QgsMultiBandColorRenderer(provider, *numbers)
        for give, contrast in zip((renderer.setRedContrastEnhancement, renderer.setGreenContrastEnhancement,
                                   renderer.setBlueContrastEnhancement), contrasts):
            give(contrast)  # the constructor would not take ownership
    renderer.setMinMaxOrigin(QgsRasterMinMaxOrigin())  # fixed limits: QGIS is not to compute its own
    return renderer


def _contrast(provider: QgsRasterDataProvider, number: int, limits: Sequence[float]) -> QgsContrastEnhancement:
    contrast = QgsContrastEnhancement(provider.dataType(number))
    contrast.setMinimumValue(limits[0])
    contrast.setMaximumValue(limits[1])
    contrast.setContrastEnhancementAlgorithm(
        QgsContrastEnhancement.ContrastEnhancementAlgorithm.StretchToMinimumMaximum)
    return contrast


def _limits(path: Path, numbers: Sequence[int]) -> tuple[float, float]:
    """Between which values bands are stretched."""
    values = sample(path, numbers)
    if not len(values):
        return 0.0, 1.0
    low, middle, high = np.percentile(values, PERCENTILES)
    if middle > low:
        high = min(high, middle + BRIGHTEST * (middle - low))
    return float(low), float(high if high > low else low + 1.0)


def sample(path: Path, numbers: Sequence[int]) -> npt.NDArray[np.float32]:
    """(n,) some of the values of bands, without gaps; read here: QGIS would leave a file of statistics beside."""
    dataset = gdal.OpenEx(str(path), gdal.OF_RASTER)
    size = [min(n, _SAMPLE) for n in (dataset.RasterXSize, dataset.RasterYSize)]
    values = np.stack([dataset.GetRasterBand(number).ReadAsArray(buf_xsize=size[0], buf_ysize=size[1])
                       for number in numbers])
    return np.asarray(values[values > MISSING_BELOW])


def load_with_style(context: QgsProcessingContext, destination: str) -> None:
    """If `destination` is to be loaded, have it styled."""
    if context.willLoadLayerOnCompletion(destination):
        context.layerToLoadOnCompletionDetails(destination).setPostProcessor(SIDECAR_STYLE)


def _true_colour(bands: BandGrid) -> list[int]:
    """1-based numbers of the bands nearest to red, green and blue."""
    return [int(np.argmin(np.abs(bands.wavelength_nm - nm))) + 1 for nm in TRUE_COLOUR_NM]
