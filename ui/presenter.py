"""Shows sights in the panels of the dock and on the map, and keeps both in step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

import numpy as np
from qgis.PyQt.QtCore import QObject, pyqtSignal

from ..core.libraries import ReferenceSpectrum
from .dock import InspectorDock
from .looking import Compared
from .map_marks import MOST_DRAWN
from .shown import AreaScore, Curve, PixelScore, Place
from .sights import Sight, content_of, match_curve
from .theme import CURVE_COLOURS, MATCH

_HINT = "Click on a granule to see the spectrum of that pixel, or draw a line or a polygon."


class Presenter(QObject):
    """The sights that are shown, the last of which has its score in the panel."""

    threshold_changed = pyqtSignal(str, float)
    """Name of the metric, threshold: by the user."""
    shown = pyqtSignal()
    """Other sights are shown, or none."""

    def __init__(self, dock: InspectorDock, marks: Any, parent: Optional[QObject] = None) -> None:
        """`marks` is the MapMarks of the canvas."""
        super().__init__(parent)
        self.dock, self.marks = dock, marks
        self.sights: tuple[Sight, ...] = ()
        self.thresholds: dict[str, float] = {}
        """Metric -> where the user put its threshold."""
        self._match: Optional[Curve] = None
        self._library: Mapping[str, ReferenceSpectrum] = {}
        self._visible = True
        dock.spectrum.hovered.connect(self._hover_place)
        dock.line.hovered.connect(self._hover_line)
        dock.score.threshold_changed.connect(self._threshold)
        dock.score.match_chosen.connect(self._lay_over)

    def show(self, sights: Sequence[Sight]) -> None:
        """Replace all that is shown."""
        before, self.sights = self.sights, tuple(sights)
        self._match = None
        self.marks.hover(None)
        if sights:
            self._show_last()
        else:
            self.hint(_HINT)
        self._show_marks(before)
        self.shown.emit()

    def _show_last(self) -> None:
        last = self.sights[-1]
        self.dock.spectrum.show_content(content_of(self.sights))
        show: dict[type, Callable[[Any], None]] = {PixelScore: self.dock.score.show_pixel, AreaScore: self._show_area}
        if last.no_score:
            self.dock.score.show_hint(last.no_score)
        elif last.score is None:
            self.dock.score.show_counts(last.counts)
        else:
            show[type(last.score)](last.score)
        if last.line is not None:
            self.dock.line.show_line(last.line)
        self.dock.show_line(last.line is not None)
        self.dock.show_notes((*last.seen.notices, *_sampled_notes(last)))

    def hint(self, text: str) -> None:
        """Nothing to show, but a word on what to do."""
        self.dock.spectrum.show_hint(text)
        self.dock.score.show_hint("")
        self.dock.line.clear()
        self.dock.show_line(False)
        self.dock.show_notes(())

    def show_comparison(self, compared: Compared) -> None:
        """All metrics, the best matches and the σ of the last sight; they come a moment later."""
        if self.sights:
            self._library = compared.library
            self.dock.score.show_comparison(compared.comparison, compared.sigma)
            if self._match is not None:
                self._lay_over("")

    def set_visible(self, visible: bool) -> None:
        """Whether the marks are on the map."""
        if visible != self._visible:
            self._visible = visible
            self._show_marks(())

    def free_colour(self, adds: bool, number: int) -> str:
        """The first colour that no curve has that stays beside sight `number`; in turn where all are taken."""
        taken = {sight.colour for sight in self.sights if adds or sight.curve.pinned}
        free = (colour for colour in CURVE_COLOURS if colour not in taken)
        return next(free, CURVE_COLOURS[number % len(CURVE_COLOURS)])

    @property
    def unfinished(self) -> list[Sight]:
        """Those whose mask is still to be read."""
        return [sight for sight in self.sights if sight.unfinished]

    @property
    def threshold(self) -> Optional[float]:
        """The threshold of the area shown; None where there is none."""
        return self.dock.score.threshold

    def _show_area(self, score: AreaScore) -> None:
        self.dock.score.show_area(score, self.thresholds.get(score.metric.name))

    def _show_marks(self, before: Sequence[Sight]) -> None:
        """Outlines come and go with their curves."""
        shown = {sight.key: sight for sight in self.sights} if self._visible else {}
        for key in set(self.marks.keys()).difference(shown):
            self.marks.remove(key)
        old = {sight.key: sight for sight in before}
        for key, sight in shown.items():
            if old.get(key) is not sight:
                if sight.is_pixel:
                    self.marks.outline(key, sight.footprints, sight.colour)
                else:
                    self.marks.border(key, sight.border, sight.colour)
        self._show_verdicts()

    def _show_verdicts(self) -> None:
        """Colour the pixels of an area by the threshold."""
        last = self.sights[-1] if self.sights else None
        threshold = self.threshold
        if not self._visible or last is None or not isinstance(last.score, AreaScore) or threshold is None:
            return
        good = last.score.metric.accepts(last.score.values, threshold)
        self.marks.verdicts(last.key, last.footprints, good, np.isfinite(last.score.values))

    def _threshold(self, threshold: float) -> None:
        last = self.sights[-1] if self.sights else None
        if last is None or last.score is None:
            return
        self.thresholds[last.score.metric.name] = threshold
        self._show_verdicts()
        self.threshold_changed.emit(last.score.metric.name, threshold)

    def _lay_over(self, identifier: str) -> None:
        """Lay one of the matches over the plot, or take it away again ("")."""
        if not self.sights:
            return
        last = self.sights[-1]
        found = self._library.get(identifier)
        self._match = None if found is None else match_curve(found, last, MATCH)
        self.dock.spectrum.show_content(content_of(self.sights, () if self._match is None else (self._match,)))

    def _hover_place(self, place: Optional[Place]) -> None:
        """Highlight the pixel of the curve under the pointer."""
        owner = next((s for s in self.sights if s.curve.place is place and place is not None), None)
        self.marks.hover(None if owner is None else owner.footprints[0])

    def _hover_line(self, row: int) -> None:
        last = self.sights[-1] if self.sights else None
        self.marks.hover(last.footprints[row] if last is not None and 0 <= row < len(last.footprints) else None)


def _sampled_notes(sight: Sight) -> tuple[str, ...]:
    """That not every pixel is coloured on the map, where that is so."""
    if not isinstance(sight.score, AreaScore) or sight.counts.n_valid <= MOST_DRAWN:
        return ()
    return (f"The map shows a sample of {MOST_DRAWN} of the {sight.counts.n_valid} valid pixels; numbers and histogram "
            "are of all.",)
