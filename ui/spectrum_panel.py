"""The panel of spectra: controls, plot, and below it what is read under the pointer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Optional

import numpy as np
from qgis.PyQt.QtCore import QEvent, QSize, Qt, pyqtSignal
from qgis.PyQt.QtGui import QAction, QImage, QResizeEvent
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QLabel,
    QSizePolicy,
    QStackedWidget,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ..core.views import VIEWS
from .elided import ElidedCombo
from .icons import icon
from .painted_spectrum import PaintedSpectrum
from .plot_library import pyqtgraph
from .shown import Place, SpectrumContent
from .spectrum_picture import UNITS, ReadOut, ViewOptions
from .spectrum_plot import SpectrumPlot
from .spectrum_view import SpectrumView
from .theme import Theme

_INVITATION = "Point at a curve, or press Left or Right, to read it."
_LONGEST_CHOICE = 9
"""Letters of a choice in the bar that are always seen: what comes after it needs room too."""
_DECIMALS = {"derivative": 6}
"""View -> decimals of its values; others have four."""
_HINT = "Open a granule and click a pixel on the map to see its spectrum."


class SpectrumPanel(QWidget):
    """Shows a SpectrumContent; keeps what the user chose to see."""

    pin_asked = pyqtSignal()
    """Keep the candidate."""
    clear_asked = pyqtSignal()
    """Take all curves away."""
    hovered = pyqtSignal(object)
    """The Place of the curve under the pointer; None where there is none."""
    changed = pyqtSignal()
    """The user chose other options."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.plot: SpectrumView = PaintedSpectrum() if pyqtgraph() is None else SpectrumPlot()
        self._content: Optional[SpectrumContent] = None
        self._hint = QLabel(_HINT)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.setWordWrap(True)
        self._hint.setMargin(24)
        self._pages = QStackedWidget()
        for page in (self._hint, self.plot):
            self._pages.addWidget(page)
        self._values, self._place, self._note = (OneLine(name) for name in ("Values read", "Pixel read", "Note"))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._tools())
        column.addWidget(self._pages, 1)
        for line in (self._values, self._place, self._note):
            column.addWidget(line)
        self.plot.hovered.connect(self._on_hovered)
        self._follow_theme()
        self.set_options(ViewOptions())
        self.show_hint(_HINT)

    def _tools(self) -> QToolBar:
        """The most wanted first: what does not fit goes into the bar's own menu."""
        self._bar = bar = QToolBar()
        bar.setIconSize(QSize(16, 16))
        self._pin = self._action("Pin", "Keep this curve and its mark; the next click adds another one")
        self._clear = self._action("Clear", "Take all curves and their marks away")
        bar.addSeparator()
        self._view = self._choice("View", "Show the values, the values divided by their continuum (convex hull), or "
                                  "their derivative", {view.title: name for name, view in VIEWS.items()})
        self._unit = self._choice("Unit of wavelengths", "Show wavelengths in nanometres or in micrometres",
                                  {unit: unit for unit in UNITS})
        self._scaled = self._action("Scale reference", "Multiply the reference so that it comes to the height of the "
                                    "pixel's spectrum: for metrics that compare shapes only", checkable=True)
        self._masked = self._action("Masked values", "Draw what the file holds in masked bands, as faint dots",
                                    checkable=True)
        self._legend = self._action("Legend", "Name curves and shades above the plot", checkable=True)
        self._whole = self._action("Whole range", "Show all wavelengths again (a double click in the plot does it too)")
        self._pin.triggered.connect(self.pin_asked)
        self._clear.triggered.connect(self.clear_asked)
        self._whole.triggered.connect(self.plot.reset_zoom)
        for action in (self._scaled, self._masked, self._legend):
            action.triggered.connect(self._on_chosen)
        return bar

    def _action(self, text: str, tip: str, checkable: bool = False) -> QAction:
        action = QAction(text, self)
        action.setToolTip(tip)
        action.setCheckable(checkable)
        self._bar.addAction(action)
        button = self._bar.widgetForAction(action)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.setAccessibleName(text)
        button.setAccessibleDescription(tip)
        return action

    def _choice(self, name: str, tip: str, entries: Mapping[str, str]) -> QComboBox:
        """A list in the bar: title -> what it stands for."""
        box = ElidedCombo()
        box.setMinimumContentsLength(min(_LONGEST_CHOICE, max(len(title) for title in entries)))
        box.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        for title, data in entries.items():
            box.addItem(title, data)
        box.setAccessibleName(name)
        box.setToolTip(tip)
        box.activated.connect(self._on_chosen)
        self._bar.addWidget(box)
        return box

    @property
    def content(self) -> Optional[SpectrumContent]:
        """What is shown; None where it is the hint."""
        return self._content

    def show_content(self, content: SpectrumContent) -> None:
        """Replace what is shown."""
        self._content = content
        self.plot.show_content(content)
        self._pages.setCurrentWidget(self.plot)
        self._note.show_text(content.note)
        self._enable()
        self._show_read(None)

    def show_hint(self, text: str) -> None:
        """Show a sentence in place of the plot."""
        self._content = None
        self.plot.show_content(SpectrumContent(()))
        self._hint.setText(text)
        self._pages.setCurrentWidget(self._hint)
        self._note.show_text("")
        self._enable()
        self._show_read(None)

    def options(self) -> ViewOptions:
        """What the user chose to see."""
        return self.plot.picture.options

    def set_options(self, options: ViewOptions) -> None:
        """Choose it for the user; `changed` is not said. An unknown unit becomes nm, an unknown view the values."""
        options = options if options.unit in UNITS else replace(options, unit="nm")
        options = options if options.view in VIEWS else replace(options, view=next(iter(VIEWS)))
        self._unit.setCurrentText(options.unit)
        self._view.setCurrentIndex(self._view.findData(options.view))
        self._scaled.setChecked(options.scaled)
        self._masked.setChecked(options.masked_shown)
        self._legend.setChecked(options.legend_shown)
        self.plot.set_options(options)
        self._enable()

    def image(self, scale: float = 1.0) -> QImage:
        """See SpectrumView.image."""
        return self.plot.image(scale)

    def write_svg(self, path: str) -> None:
        """See SpectrumView.write_svg."""
        self.plot.write_svg(path)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._follow_theme()

    def _follow_theme(self) -> None:
        theme = Theme.of(self.palette())
        more = self._bar.findChild(QToolButton, "qt_toolbar_ext_button")
        if more is not None:  # a theme of QGIS may paint it away, and with it what does not fit
            more.setIcon(icon("more", self.palette()))
            more.setToolTip("More")
            more.setAccessibleName("More")
        if theme != self.plot.picture.theme:
            self.plot.set_theme(theme)

    def _enable(self) -> None:
        curves = self.plot.picture.content.curves
        self._pin.setEnabled(any(not c.pinned for c in curves))
        self._clear.setEnabled(bool(curves))
        self._whole.setEnabled(bool(curves))
        self._scaled.setEnabled(any(c.scale is not None for c in curves))
        self._masked.setEnabled(any(c.masked_values is not None for c in curves))

    def _on_chosen(self, *_: object) -> None:
        self.plot.set_options(ViewOptions(self._unit.currentText(), self._scaled.isChecked(), self._masked.isChecked(),
                                          self._legend.isChecked(), self._view.currentData()))
        self._enable()
        self.changed.emit()

    def _on_hovered(self, read: Optional[ReadOut]) -> None:
        self._show_read(read)
        self.hovered.emit(None if read is None or read.curve is None else read.curve.place)

    def _show_read(self, read: Optional[ReadOut]) -> None:
        candidate = self.plot.picture.candidate
        if read is not None:
            curve = read.curve
            self._values.show_text(_values_text(read, self.options()))
        else:
            curve = candidate
            self._values.show_text(_INVITATION if candidate is not None else "")
        self._place.show_text("" if curve is None or curve.place is None else _place_text(curve.place))


class OneLine(QLabel):
    """A text on one line, cut where it is too long, told whole in the tooltip; it never asks for more room."""

    def __init__(self, name: str, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._text = ""
        self.setAccessibleName(name)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setContentsMargins(6, 0, 6, 0)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(100, self.fontMetrics().height() + 2)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return self.sizeHint()

    def whole_text(self) -> str:
        """The text, uncut."""
        return self._text

    def show_text(self, text: str) -> None:
        """Replace the text."""
        self._text = text
        self.setToolTip(text)
        self.setAccessibleDescription(text)
        self._cut()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._cut()

    def _cut(self) -> None:
        width = self.contentsRect().width()
        self.setText(self.fontMetrics().elidedText(self._text, Qt.TextElideMode.ElideRight, width))


def _values_text(read: ReadOut, options: ViewOptions) -> str:
    unit, decimals = options.unit, _DECIMALS.get(options.view, 4)
    wavelength = f"{read.wavelength_nm * UNITS[unit]:.{1 if unit == 'nm' else 4}f} {unit}"
    parts = [wavelength, f"{read.value:.{decimals}f}" if np.isfinite(read.value) else "no value"]
    if read.curve is not None:
        parts.append(read.curve.name)
    if read.reason:
        parts.append(read.reason if read.reason == "masked" else f"masked: {read.reason}")
    return "  ·  ".join(parts)


def _place_text(place: Place) -> str:
    parts = [f"lon {place.lon:.4f}, lat {place.lat:.4f}"] if np.isfinite([place.lon, place.lat]).all() else []
    parts.append(f"row {place.downtrack}, column {place.crosstrack}")
    if np.isfinite(place.snap_m):
        parts.append(f"{place.snap_m:.0f} m from the click")
    return "  ·  ".join(parts)
