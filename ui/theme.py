"""Colours: of curves and marks, which hold on any background, and of a plot in the light or dark theme."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from qgis.PyQt.QtGui import QColor, QPalette

from ..core.verdicts import ACCEPT, REJECT
from ..core.verdicts import COLOURS as VERDICT_COLOURS

CURVE_COLOURS = ("#0b78e5", "#d1267a", "#13803f", "#dd8519", "#9b42c5", "#0a9fb2",
                 "#857d1f", "#c9786a", "#5b5ff2", "#b26b95", "#7d8a99", "#d84a2e")
"""Of pixels and areas, in the order of their use: mid tones, apart for colour-blind eyes too as far as they go."""
REFERENCE = "#808080"
"""What a curve names as its colour to be drawn in the colour of the text, as a reference is."""
MATCH = "#8c564b"
"""Of a reference that is laid over the plot to see whether it is that."""
GOOD, BAD = VERDICT_COLOURS[ACCEPT], VERDICT_COLOURS[REJECT]
"""Of accepted and of rejected pixels, as of candidates."""

_REASONS = {
    "bad band": "#808080",
    "interpolated band": "#9a5bd0",
    "no data": "#455a74",
    "cloud flag": "#2f9be0",
    "cirrus flag": "#12a594",
    "dilated cloud flag": "#4a5fd6",
    "spacecraft flag": "#d6478a",
    "off the swath": "#a5682a",
    "no quality data": "#b09a10",
}
_OTHER_REASONS = ("#d9572e", "#5f9e2f", "#c79432", "#b0409c", "#2f8f5f")


@dataclass(frozen=True)
class Theme:
    """The colours of a plot."""

    foreground: QColor
    """Text, and curves whose colour is REFERENCE."""
    background: QColor
    """Behind the curves."""
    grid: QColor
    """Lines at the ticks."""
    faint: QColor
    """Frames, and text of less weight; still readable."""
    highlight: QColor
    """Around what has the keyboard."""
    dark: bool
    """True where the background is darker than the text."""

    @classmethod
    def of(cls, palette: QPalette) -> Theme:
        """The theme of a widget's palette."""
        text, base = palette.color(QPalette.ColorRole.Text), palette.color(QPalette.ColorRole.Base)
        return cls(text, base, _mixed(text, base, 0.14), _mixed(text, base, 0.62),
                   palette.color(QPalette.ColorRole.Highlight), base.lightness() < text.lightness())

    def curve_colour(self, colour: str) -> QColor:
        """What a curve of the given colour is drawn in."""
        return QColor(self.foreground) if colour == REFERENCE else QColor(colour)

    def reason_colour(self, reason: str) -> QColor:
        """The translucent shade of the bands that are masked for `reason`; always the same for the same reason."""
        known = _REASONS.get(reason) or _OTHER_REASONS[zlib.crc32(reason.encode()) % len(_OTHER_REASONS)]
        return translucent(QColor(known), 0.36 if self.dark else 0.26)


def translucent(colour: QColor, opacity: float) -> QColor:
    """`colour` with an opacity from 0 to 1."""
    made = QColor(colour)
    made.setAlphaF(opacity)
    return made


def _mixed(colour: QColor, other: QColor, part: float) -> QColor:
    """`part` of `colour`, the rest of `other`."""
    channels = zip(colour.getRgb()[:3], other.getRgb()[:3])
    return QColor(*(round(part * a + (1 - part) * b) for a, b in channels))
