"""The plugin object: what QGIS calls; unload() undoes initGui() line for line."""

from __future__ import annotations

from typing import Any, Optional

from qgis.core import QgsApplication

from .processing_provider.provider import PixelSpectraProvider


class PixelSpectraPlugin:
    """Joins the rooms: for now, the Processing provider."""

    def __init__(self, iface: Any) -> None:
        """`iface` is None in qgis_process, which calls :meth:`initProcessing` alone."""
        self.iface = iface
        self.provider: Optional[PixelSpectraProvider] = None

    def initProcessing(self) -> None:
        """Register the provider; called by qgis_process, and by initGui."""
        self.provider = PixelSpectraProvider()
        QgsApplication.processingRegistry().addProvider(self.provider)

    def initGui(self) -> None:
        """Enter the main window."""
        self.initProcessing()

    def unload(self) -> None:
        """Leave the main window."""
        if self.provider is not None:
            QgsApplication.processingRegistry().removeProvider(self.provider)
            self.provider = None
