"""The provider `pixelspectra`: a table of the algorithms in the folder beside it."""

from __future__ import annotations

from qgis.core import QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from ..adapters.layer_output import CUTS_TEXT
from . import algorithms
from .icon import ICON


class PixelSpectraProvider(QgsProcessingProvider):
    """What the Processing toolbox shows as "Pixel Spectra"."""

    def id(self) -> str:
        """The first half of every algorithm's id."""
        return "pixelspectra"

    def name(self) -> str:
        """Human name."""
        return "Pixel Spectra"

    def icon(self) -> QIcon:
        """The picture in the toolbox."""
        return QIcon(str(ICON))

    def svgIconPath(self) -> str:
        """The same picture, for documents."""
        return str(ICON)

    def loadAlgorithms(self) -> None:
        """Offer every algorithm of the folder `algorithms`."""
        for algorithm in algorithms.load_all():
            self.addAlgorithm(algorithm)

    def supportedOutputVectorLayerExtensions(self) -> list[str]:
        """The formats of QGIS that can hold a spectrum as text."""
        return [e for e in super().supportedOutputVectorLayerExtensions() if e.lower() not in CUTS_TEXT]

    def supportedOutputRasterLayerExtensions(self) -> list[str]:
        """What our sinks write."""
        return ["tif", "nc"]

    def defaultRasterFileExtension(self, hasGeometry: bool = True) -> str:
        """GeoTIFF."""
        return "tif"
