"""The plugin object: what QGIS calls; unload() undoes initGui() line for line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from qgis.core import QgsApplication

from .processing_provider.provider import PixelSpectraProvider

if TYPE_CHECKING:
    from .ui.entrance import Entrance


class PixelSpectraPlugin:
    """Joins the rooms: the Processing provider, and the entrance to the inspector."""

    def __init__(self, iface: Any) -> None:
        """`iface` is None in qgis_process, which calls :meth:`initProcessing` alone."""
        self.iface = iface
        self.provider: Optional[PixelSpectraProvider] = None
        self.entrance: Optional[Entrance] = None

    def initProcessing(self) -> None:
        """Register the provider; called by qgis_process, and by initGui."""
        if self.provider is None:
            self.provider = PixelSpectraProvider()
            QgsApplication.processingRegistry().addProvider(self.provider)

    def initGui(self) -> None:
        """Enter the main window."""
        self.initProcessing()
        if self.entrance is None:
            from .ui.entrance import Entrance  # qgis_process has no window

            self.entrance = Entrance(self.iface)

    def unload(self) -> None:
        """Leave the main window."""
        if self.entrance is not None:
            self.entrance.close()
            self.entrance = None
        if self.provider is not None:
            QgsApplication.processingRegistry().removeProvider(self.provider)
            self.provider = None
