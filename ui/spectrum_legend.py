"""The legend of a plot of spectra: swatches and names that flow into rows, beside the curves and never on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from qgis.PyQt.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from qgis.PyQt.QtGui import QColor, QFontMetricsF, QHelpEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from qgis.PyQt.QtWidgets import QSizePolicy, QToolTip, QWidget

from .shown import Curve, SpectrumContent
from .theme import Theme, translucent

_MOST_ROWS = 3
_LONGEST = 30.0
"""Widest name, in letters."""
SIGMA_OPACITY = 0.22
"""Of the band of a curve ± its sigma."""
_SHADES = {"pixel": "± uncertainty (1 σ)"}
"""Kind of curve -> what its band is called; that of others shows how the pixels of an area scatter."""
_DASHES = {"reference": [5.0, 3.0], "match": [5.0, 2.0, 1.0, 2.0]}


@dataclass(frozen=True)
class LegendEntry:
    """One swatch and its name."""

    name: str
    """The text."""
    fill: Optional[QColor] = None
    """Of a patch; None draws a line."""
    pen: Optional[QPen] = None
    """Of a line, or of the edge of a patch."""


@dataclass(frozen=True)
class PlacedEntry:
    """An entry where it stands."""

    entry: LegendEntry
    """The entry."""
    rect: QRectF
    """Swatch and text."""
    text: str
    """The name, cut where it is too long."""


def curve_pen(curve: Curve, theme: Theme) -> QPen:
    """How a curve is drawn: the candidate strongest, references dashed."""
    pen = QPen(theme.curve_colour(curve.colour), 1.4 if curve.pinned else 2.2)
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)  # others reach into what is masked
    if curve.kind in _DASHES:
        pen.setDashPattern(_DASHES[curve.kind])
    return pen


def halo_pen(curve: Curve, theme: Theme) -> Optional[QPen]:
    """What is drawn below the candidate, to lift it off the others; None for any other curve."""
    if curve.pinned:
        return None
    return QPen(theme.background, 4.6, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap)


def entries_of(content: SpectrumContent, theme: Theme) -> tuple[LegendEntry, ...]:
    """The candidate, references, shades, then what is pinned: the order in which they can be spared the least."""
    pinned = [c.pinned and c.kind in ("pixel", "mean") for c in content.curves]
    lines = [LegendEntry(c.name, pen=curve_pen(c, theme)) for c in content.curves]
    made = [line for line, spared in zip(lines, pinned) if not spared][::-1]
    for reason in dict.fromkeys(region.reason for region in content.regions):
        made.append(LegendEntry(reason, theme.reason_colour(reason), QPen(theme.faint, 1)))
    shades = {_SHADES.get(c.kind, "± σ"): c.colour for c in content.curves if c.sigma is not None}
    made += [LegendEntry(name, translucent(theme.curve_colour(c), SIGMA_OPACITY)) for name, c in shades.items()]
    if content.sample is not None and len(content.sample):
        made.append(LegendEntry("single pixels", pen=QPen(sample_colour(content, theme, 1), 1)))
    return (*made, *[line for line, spared in zip(lines, pinned) if spared][::-1])


def sample_colour(content: SpectrumContent, theme: Theme, m: int) -> QColor:
    """Of the curves of `m` single pixels: the more there are, the fainter is each."""
    return translucent(theme.curve_colour(content.sample_colour), 0.6 if m < 20 else 0.3 if m < 80 else 0.12)


def placed(entries: tuple[LegendEntry, ...], metrics: QFontMetricsF, width: float) -> tuple[PlacedEntry, ...]:
    """The entries in rows of `width`; what does not fit into three rows is counted in a last entry."""
    high = metrics.height()
    swatch, gap = 1.6 * high, 0.9 * high
    found: list[PlacedEntry] = []
    x = row = 0.0
    for i, entry in enumerate(entries):
        longest = min(_LONGEST * metrics.averageCharWidth(), max(width - swatch, 2 * high))
        text = metrics.elidedText(entry.name, Qt.TextElideMode.ElideRight, longest)
        wide = swatch + metrics.horizontalAdvance(text) + 1
        if x and x + wide > width:
            x, row = 0.0, row + 1
        if row == _MOST_ROWS:
            rest = _rest(found, len(entries) - i, metrics, width)
            return (*found, rest)
        found.append(PlacedEntry(entry, QRectF(x, row * high * 1.2, wide, high), text))
        x += wide + gap
    return tuple(found)


def _rest(found: list[PlacedEntry], n: int, metrics: QFontMetricsF, width: float) -> PlacedEntry:
    """The entry that stands for those left out; entries of the last row give way to it."""
    high, top = metrics.height(), found[-1].rect.top()
    while True:
        text = f"and {n} more"
        wide = metrics.horizontalAdvance(text) + 1
        x = found[-1].rect.right() + 0.9 * high if found and found[-1].rect.top() == top else 0.0
        if x == 0.0 or x + wide <= width:
            return PlacedEntry(LegendEntry(text), QRectF(x, top, wide, high), text)
        found.pop()
        n += 1


def legend_height(entries: tuple[PlacedEntry, ...]) -> float:
    """Of what was placed; 0 without entries."""
    return max((e.rect.bottom() for e in entries), default=0.0)


def paint_legend(painter: QPainter, entries: tuple[PlacedEntry, ...], theme: Theme) -> None:
    """Draw what was placed, its left upper corner at the origin."""
    high = painter.fontMetrics().height()
    for item in entries:
        box = QRectF(item.rect.left(), item.rect.top() + 0.2 * high, 1.3 * high, 0.6 * high)
        text = item.rect
        if item.entry.fill is not None or item.entry.pen is not None:
            _paint_swatch(painter, item.entry, box)
            text = item.rect.adjusted(1.6 * high, 0, 0, 0)
        painter.setPen(theme.foreground)
        painter.drawText(text, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, item.text)


def _paint_swatch(painter: QPainter, entry: LegendEntry, box: QRectF) -> None:
    painter.setPen(entry.pen if entry.pen is not None else QPen(Qt.PenStyle.NoPen))
    if entry.fill is None:
        painter.drawLine(QPointF(box.left(), box.center().y()), QPointF(box.right(), box.center().y()))
    else:
        painter.fillRect(box, entry.fill)
        if entry.pen is not None:
            painter.drawRect(box)


class Legend(QWidget):
    """The legend as a widget: as high as its rows; names that are cut are told in a tooltip."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._entries: tuple[LegendEntry, ...] = ()
        self._theme = Theme.of(self.palette())
        self._placed: tuple[PlacedEntry, ...] = ()
        self.setAccessibleName("Legend")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    @property
    def placed(self) -> tuple[PlacedEntry, ...]:
        """What is drawn, and where."""
        return self._placed

    def show_entries(self, entries: tuple[LegendEntry, ...], theme: Theme) -> None:
        """Replace what is shown."""
        self._entries, self._theme = entries, theme
        self.setAccessibleDescription(", ".join(entry.name for entry in entries))
        self._place()

    def _place(self) -> None:
        self._placed = placed(self._entries, QFontMetricsF(self.font()), self.width())
        high = round(legend_height(self._placed) + 0.5)
        if high != self.minimumHeight():
            self.setFixedHeight(high)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(200, round(legend_height(self._placed) + 0.5))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self._place()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        paint_legend(painter, self._placed, self._theme)
        painter.end()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip:
            self._show_tip(event)
            return True
        return bool(super().event(event))

    def _show_tip(self, event: QHelpEvent) -> None:
        over = next((e for e in self._placed if e.rect.contains(QPointF(event.pos()))), None)
        shown = len([e for e in self._placed if e.entry in self._entries])
        left_out = "\n".join(entry.name for entry in self._entries[shown:])
        QToolTip.showText(event.globalPos(), "" if over is None else
                          over.entry.name if over.entry in self._entries else left_out, self)
