"""The dock: puts the bars and panels together; what they do is wired by the inspector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from qgis.PyQt.QtCore import Qt, QTimer, pyqtSignal
from qgis.PyQt.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QImage, QShowEvent
from qgis.PyQt.QtWidgets import (
    QDockWidget,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSplitter,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from .elided import wrapped
from .export_menu import ExportMenu
from .granule_bar import GranuleBar
from .line_plot import LinePlot
from .question_bar import QuestionBar
from .score_panel import ScorePanel
from .spectrum_panel import SpectrumPanel

_LATE_MS = 400
"""Work shorter than this shows no progress."""
_WIDTH = 460
"""Pixels (at 96 dpi) that the dock takes when it is shown for the first time."""
_PARTS = (5, 4)
"""Heights of the plot and of the score to each other, before the user moves the bar between them."""


class InspectorDock(QDockWidget):
    """Granule, question, spectrum, score, and how far the work is."""

    shown = pyqtSignal()
    """It came on the screen."""
    closed = pyqtSignal()
    """The user closed it."""
    cancel_asked = pyqtSignal()
    """The user does not want the running work."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__("Pixel Spectra", parent)
        self.setObjectName("PixelSpectraInspector")
        self.granules, self.question = GranuleBar(), QuestionBar()
        self.spectrum, self.score, self.line = SpectrumPanel(), ScorePanel(), LinePlot()
        self.tabs = QTabWidget()
        self.tabs.addTab(self.spectrum, "Spectrum")
        self.tabs.addTab(self.line, "Along the line")
        self.tabs.setTabVisible(1, False)
        self.tabs.setCornerWidget(self._export_button())
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.addWidget(self.tabs)
        self.splitter.addWidget(self.score)
        for part, stretch in enumerate(_PARTS):
            self.splitter.setStretchFactor(part, stretch)
        self.splitter.setChildrenCollapsible(False)
        self._notes = QLabel()
        self._notes.setWordWrap(True)
        self._notes.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._notes.setAccessibleName("Notes")
        inside = QWidget()
        column = _Column(inside)
        column.setContentsMargins(6, 6, 6, 6)
        for widget in (self.granules, self.question):
            column.addWidget(widget)
        column.addWidget(self.splitter, 1)
        column.addWidget(self._notes)
        self.foot = self._foot()
        column.addWidget(self.foot)
        scroll = QScrollArea()  # a low window scrolls: the dock must not make it higher than the screen
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setMinimumWidth(inside.minimumSizeHint().width() + scroll.verticalScrollBar().sizeHint().width())
        scroll.setWidget(inside)
        self.setWidget(scroll)
        self.setAcceptDrops(True)
        self.show_notes(())

    def _export_button(self) -> QToolButton:
        button = QToolButton()
        self.export = ExportMenu(button)
        button.setText("Export")
        button.setToolTip("Save or copy what is shown")
        button.setMenu(self.export)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        return button

    def _foot(self) -> QWidget:
        """Progress and cancel: only work that takes a while shows them, so that clicks move nothing."""
        self._bar = QProgressBar()
        self._bar.setAccessibleName("Progress")
        self._bar.setRange(0, 100)
        cancel = QPushButton("Cancel")
        cancel.setToolTip("Stop the running work")
        cancel.clicked.connect(self.cancel_asked)
        foot = QWidget()
        row = QHBoxLayout(foot)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._bar, 1)
        row.addWidget(cancel)
        foot.hide()
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.setInterval(_LATE_MS)
        self._late.timeout.connect(foot.show)
        return foot

    def show_busy(self, busy: bool) -> None:
        """Whether work is going on that can be cancelled."""
        if not busy:
            self._late.stop()
            self.foot.hide()
            self._bar.reset()
        elif not self.foot.isVisible():
            self._late.start()

    def show_progress(self, fraction: float, message: str) -> None:
        """How far it is."""
        self._bar.setValue(round(100 * fraction))
        self._bar.setFormat(f"{message} %p %" if message else "%p %")

    def show_notes(self, notes: Sequence[str]) -> None:
        """What the user must know about the last result: the first sentence, all of them in the tooltip."""
        more = f" (and {len(notes) - 1} more: hover to read)" if len(notes) > 1 else ""
        self._notes.setText(f"{notes[0]}{more}" if notes else "")
        self._notes.setToolTip(wrapped("\n".join(notes)) if len(notes) > 1 else "")
        self._notes.setAccessibleDescription(" ".join(notes))
        self._notes.setVisible(bool(notes))

    def take_room(self) -> None:
        """A size at which nothing is cramped; the user may change it."""
        window = self.parentWidget()
        if isinstance(window, QMainWindow):
            window.resizeDocks([self], [_WIDTH * self.logicalDpiX() // 96], Qt.Orientation.Horizontal)
        self.splitter.setSizes([100 * part for part in _PARTS])

    def show_line(self, shown: bool) -> None:
        """Whether there is a profile along a line; then it comes to the front."""
        if shown != self.tabs.isTabVisible(1):
            self.tabs.setTabVisible(1, shown)
            self.tabs.setCurrentIndex(int(shown))

    def picture(self, scale: float) -> QImage:
        """What the front tab shows, with `scale` dots per dot of the screen."""
        return self.tabs.currentWidget().image(scale)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files may be dropped anywhere on the dock, also where it floats."""
        self.granules.dragEnterEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """They are opened."""
        self.granules.dropEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        """Tell that it is there, whoever showed it."""
        super().showEvent(event)
        self.shown.emit()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Tell that the user closed it."""
        super().closeEvent(event)
        self.closed.emit()


class _Column(QVBoxLayout):
    """A column in a scroll area that is made as low as it may be before the area scrolls.

    A wrapped label would have the area keep the height that the column would like best.
    """

    def hasHeightForWidth(self) -> bool:  # noqa: N802
        """Never: the wrapped labels still get their lines."""
        return False
