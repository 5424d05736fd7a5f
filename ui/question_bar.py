"""What is asked of the places on the map: reference, metric, mask, and how a place is marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Optional

from qgis.PyQt.QtCore import QEvent, QRectF, QSize, Qt, pyqtSignal
from qgis.PyQt.QtGui import QPainter, QPaintEvent, QPalette, QPen
from qgis.PyQt.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ..core.errors import LibraryError
from ..core.libraries import Library, ReferenceSpectrum, bundled_library
from ..core.metrics import METRICS
from ..core.metrics.metric import Metric
from ..core.spectra import BandGrid
from .elided import ElidedButton, ElidedCombo, wrapped
from .icons import icon
from .mask_edit import MaskEdit
from .reference_chooser import ReferenceChooser
from .settings import MODES, InspectorSettings

_NO_REFERENCE = "None: choose a reference…"
_WAYS = {
    "point": ("Point", "Click a pixel on the map; with Shift it is added to those shown"),
    "line": ("Line", "Draw a line on the map; a double or right click ends it"),
    "polygon": ("Polygon", "Draw an area on the map; a double or right click ends it"),
    "selected": ("Selected", "Use the selected features of the active layer"),
    "file": ("From file…", "Use the areas of a file: GeoJSON, GeoPackage, CSV"),
    "text": ("Paste WKT…", "Paste an area as WKT"),
}
"""Mode -> label, tooltip."""


@dataclass(frozen=True)
class Question:
    """What every place is asked."""

    reference: Optional[ReferenceSpectrum] = None
    """What to compare with; None only shows the spectra."""
    reference_file: str = ""
    """Library that it is of; "" for a bundled one."""
    metric: str = "sam"
    """Name of the metric."""
    mask: Optional[str] = None
    """Text of the mask; None is the default of the product."""


class _Way(QToolButton):
    """A flat button that shows in any style whether it is on, and whether it has the keyboard."""

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 2))
        frame = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        if self.isChecked():
            painter.drawLine(frame.bottomLeft(), frame.bottomRight())
        if self.hasFocus():
            painter.drawRoundedRect(frame, 2, 2)
        painter.end()


class QuestionBar(QWidget):
    """Reference, metric and mask below each other, then the ways to mark a place."""

    changed = pyqtSignal()
    """The user chose another reference, metric or mask."""
    mode_chosen = pyqtSignal(str)
    """One of point, line, polygon, selected, file, text; also when it is chosen again."""
    inspect_asked = pyqtSignal()
    """The user wants the present question asked again."""
    map_asked = pyqtSignal()
    """The user wants the present question asked of every pixel of the granule."""
    library_asked = pyqtSignal(str)
    """Path of a library that is to be opened and given to `add_library`, or `show_problem`."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._reference: Optional[ReferenceSpectrum] = None
        self._reference_file = ""
        self._buttons: dict[str, QToolButton] = {}
        self._drawing = QButtonGroup(self)
        self._reference_button = ElidedButton()
        self._reference_button.clicked.connect(self.open_chooser)
        self._metric, self._mask = self._make_metrics(), MaskEdit()
        self._mask.changed.connect(self._announce)
        self._inspect = QPushButton("Inspect")
        self._inspect.setAccessibleName("Inspect again")
        self._inspect.setToolTip("Ask the same of the places that are shown, again")
        self._inspect.clicked.connect(self.inspect_asked)
        self._map = QToolButton()  # a narrow one: the metric needs the room
        self._map.setText("Map")
        self._map.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._map.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self._map.setAccessibleName("Map this metric")
        self._map.setToolTip(wrapped("Ask the same of every pixel of the granule: a temporary layer, coarse at first"))
        self._map.clicked.connect(self.map_asked)
        self._chooser = ReferenceChooser(self)
        self._chooser.chosen.connect(self._chosen)
        self._chooser.library_asked.connect(self.library_asked)
        self._lay_out()
        self._show_icons()
        self._show_reference()
        self._show_metric()
        self._told = self.question()

    @property
    def chooser(self) -> ReferenceChooser:
        """Where the reference is chosen."""
        return self._chooser

    def question(self) -> Question:
        """What is asked now; while the text of the mask is wrong, with the last mask that was right."""
        return Question(self._reference, self._reference_file, self._metric.currentData(), self._mask.mask())

    def set_question(self, question: Question) -> None:
        """Show `question`; says nothing. A metric that is not offered leaves the present one."""
        self._reference, self._reference_file = question.reference, question.reference_file
        index = self._metric.findData(question.metric)
        if index >= 0:
            self._metric.setCurrentIndex(index)
        self._mask.set_mask(question.mask)
        self._show_reference()
        self._told = self.question()

    def restore(self, settings: InspectorSettings) -> None:
        """Show what was asked last, but for a reference of the user's own library, which must be opened first."""
        try:
            reference = bundled_library().get(settings.reference)
        except LibraryError:
            reference = None
        self.set_question(Question(reference, "", settings.metric, settings.mask or None))

    def choose_reference(self, reference: Optional[ReferenceSpectrum], path: str = "") -> None:
        """As if the user had chosen `reference` of the library at `path`."""
        self._reference, self._reference_file = reference, path
        self._show_reference()
        self._announce()

    def set_mode(self, mode: str) -> None:
        """Show which of the drawing modes is on; another text shows none. Says nothing."""
        self._drawing.setExclusive(False)
        for name in MODES:
            self._buttons[name].setChecked(name == mode)
        self._drawing.setExclusive(True)

    def set_bands(self, bands: Optional[BandGrid]) -> None:
        """The bands of the granule in question, or None."""
        self._chooser.set_bands(bands)

    def set_flags(self, names: Sequence[str], limits: Sequence[str]) -> None:
        """The flags and the data layers of the granule's MASK; empty without one."""
        self._mask.set_flags(names, limits)

    def add_library(self, path: str, library: Library) -> None:
        """Offer the spectra of a library that was opened."""
        self._chooser.add_library(path, library)

    def show_problem(self, problem: str) -> None:
        """Say why a library could not be opened."""
        self._chooser.show_problem(problem)

    def open_chooser(self) -> None:
        """Let the user choose a reference."""
        self._chooser.open_at(self._reference.id if self._reference else "", self._reference_file)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """The icons follow the theme and the size of the text."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange) and getattr(self, "_buttons", None):
            self._show_icons()

    def _make_metrics(self) -> ElidedCombo:
        box = ElidedCombo()
        box.setMinimumContentsLength(7)  # two buttons stand beside it, also in a narrow dock
        box.setAccessibleName("Metric")
        for name, metric in METRICS.items():
            box.addItem(metric.title, name)
            box.setItemData(box.count() - 1, _about(metric), Qt.ItemDataRole.ToolTipRole)
        box.currentIndexChanged.connect(self._show_metric)
        box.activated.connect(self._announce)
        return box

    def _lay_out(self) -> None:
        grid = QGridLayout()
        labels = [QLabel(title) for title in ("Reference", "Metric", "Mask")]
        for row, (label, field) in enumerate(zip(labels, (self._reference_button, self._metric, self._mask))):
            label.setBuddy(field)
            grid.addWidget(label, row, 0)
        grid.addWidget(self._reference_button, 0, 1, 1, 3)
        grid.addWidget(self._metric, 1, 1)
        grid.addWidget(self._inspect, 1, 2)
        grid.addWidget(self._map, 1, 3)
        grid.addWidget(self._mask, 2, 1, 1, 3)
        grid.addWidget(self._mask.sentence, 3, 1, 1, 3)
        grid.setColumnStretch(1, 1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addLayout(grid)
        whole.addLayout(self._make_ways())
        chain = (self._reference_button, self._metric, self._inspect, self._map, self._mask)
        for widget, after in zip(chain, chain[1:]):
            self.setTabOrder(widget, after)

    def _make_ways(self) -> QGridLayout:
        """Drawing in the upper row, what is already there in the lower one."""
        grid = QGridLayout()
        grid.setSpacing(2)
        for number, (mode, (label, tip)) in enumerate(_WAYS.items()):
            button = _Way()
            button.setText(label)
            button.setAccessibleName(f"Area: {label.rstrip('…')}")
            button.setToolTip(tip)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setAutoRaise(True)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.clicked.connect(partial(self._take_mode, mode))
            if mode in MODES:
                button.setCheckable(True)
                self._drawing.addButton(button)
            self._buttons[mode] = button
            grid.addWidget(button, *divmod(number, len(MODES)))
            grid.setColumnStretch(number % len(MODES), 1)
        return grid

    def _take_mode(self, mode: str, _: bool = False) -> None:
        self.mode_chosen.emit(mode)

    def _show_icons(self) -> None:
        side = round(1.2 * self.fontMetrics().height())
        for mode, button in self._buttons.items():
            button.setIconSize(QSize(side, side))
            button.setIcon(icon(mode, self.palette()))

    def _show_reference(self) -> None:
        name = self._reference.name if self._reference else _NO_REFERENCE
        place = f" ({self._reference_file})" if self._reference_file else ""
        self._reference_button.setText(name.replace("&", "&&"))
        self._reference_button.setToolTip(wrapped(f"Reference: {name}{place}"))
        self._reference_button.setAccessibleName(f"Reference: {name}")

    def _show_metric(self, *_: int) -> None:
        metric = METRICS[self._metric.currentData()]
        self._metric.setToolTip(_about(metric))
        self._metric.setAccessibleDescription(metric.description)

    def _chosen(self, reference: Optional[ReferenceSpectrum]) -> None:
        self.choose_reference(reference, self._chooser.chosen_from)

    def _announce(self, *_: int) -> None:
        question = self.question()
        if question != self._told:
            self._told = question
            self.changed.emit()


def _about(metric: Metric) -> str:
    unit = "" if metric.unit == "1" else f", in {metric.unit}"
    return wrapped(f"{metric.title}: {metric.description} The {metric.better} the closer{unit}.")
