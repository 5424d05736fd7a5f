"""The dock of the archive: a panel and room for it; what it does is wired by `archive_search`."""

from __future__ import annotations

from typing import Optional

from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtGui import QCloseEvent, QShowEvent
from qgis.PyQt.QtWidgets import QDockWidget, QFrame, QMainWindow, QScrollArea, QWidget

from .archive_panel import ArchivePanel

_WIDTH = 340
"""Pixels (at 96 dpi) that the dock takes when it is shown for the first time."""


class ArchiveDock(QDockWidget):
    """Find scenes."""

    shown = pyqtSignal()
    """It came on the screen."""
    closed = pyqtSignal()
    """The user closed it."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__("Pixel Spectra: find scenes", parent)
        self.setObjectName("PixelSpectraArchive")
        self.panel = ArchivePanel()
        scroll = QScrollArea()  # a low window scrolls: the dock must not make it higher than the screen
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setMinimumWidth(self.panel.minimumSizeHint().width() + scroll.verticalScrollBar().sizeHint().width())
        scroll.setWidget(self.panel)
        self.setWidget(scroll)

    def take_room(self) -> None:
        """A size at which nothing is cramped, as a tab beside the layers where these are; the user may change it."""
        window = self.parentWidget()
        if isinstance(window, QMainWindow):
            layers = window.findChild(QDockWidget, "Layers")
            if layers is not None and window.dockWidgetArea(layers) == window.dockWidgetArea(self):
                window.tabifyDockWidget(layers, self)
                self.raise_()
            window.resizeDocks([self], [_WIDTH * self.logicalDpiX() // 96], Qt.Orientation.Horizontal)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Tell that it is there, whoever showed it."""
        super().showEvent(event)
        self.shown.emit()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Tell that the user closed it."""
        super().closeEvent(event)
        self.closed.emit()
