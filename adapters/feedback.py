"""QGIS' feedback as the core's Progress."""

from __future__ import annotations

from collections.abc import Iterable

from qgis.core import QgsProcessingFeedback


class FeedbackProgress:
    """Meets core's Progress. The bar never goes back, and a part of it can be given to one step."""

    def __init__(self, feedback: QgsProcessingFeedback) -> None:
        self._feedback = feedback
        self._start, self._stop = 0.0, 1.0
        self._bar = [0.0]  # shared by all parts; the feedback's own may be left over from an earlier step of a model
        self._said = ""

    def report(self, fraction: float, message: str = "") -> None:
        """Move the bar; a new message is shown once."""
        percent = 100.0 * (self._start + fraction * (self._stop - self._start))
        if percent > self._bar[0]:
            self._bar[0] = percent
            self._feedback.setProgress(percent)
        if message and message != self._said:
            self._said = message
            self._feedback.setProgressText(message)

    @property
    def cancelled(self) -> bool:
        """True once the user pressed Cancel."""
        return self._feedback.isCanceled()

    def part(self, start: float, stop: float) -> FeedbackProgress:
        """The same feedback for a step that fills the bar from `start` to `stop` (0-1)."""
        part = FeedbackProgress(self._feedback)
        width = self._stop - self._start
        part._start, part._stop, part._bar = self._start + start * width, self._start + stop * width, self._bar
        return part

    def warn(self, notices: Iterable[str]) -> None:
        """Show what the user must know."""
        for notice in notices:
            self._feedback.pushWarning(notice)

    def tell(self, text: str) -> None:
        """Show what the user may like to know."""
        self._feedback.pushInfo(text)
