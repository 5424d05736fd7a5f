"""QGIS' feedback as the core's Progress."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from qgis.core import QgsProcessingFeedback


class FeedbackProgress:
    """Meets core's Progress; a part of the bar can be given to one step."""

    def __init__(self, feedback: QgsProcessingFeedback, start: float = 0.0, stop: float = 1.0) -> None:
        self._feedback = feedback
        self._start, self._stop = start, stop
        self._said: Optional[str] = None

    def report(self, fraction: float, message: str = "") -> None:
        """Move the bar; a new message is shown once."""
        self._feedback.setProgress(100.0 * (self._start + fraction * (self._stop - self._start)))
        if message and message != self._said:
            self._said = message
            self._feedback.setProgressText(message)

    @property
    def cancelled(self) -> bool:
        """True once the user pressed Cancel."""
        return self._feedback.isCanceled()

    def part(self, start: float, stop: float) -> FeedbackProgress:
        """The same feedback for a step that fills the bar from `start` to `stop` (0-1)."""
        return FeedbackProgress(self._feedback, start, stop)

    def warn(self, notices: Iterable[str]) -> None:
        """Show what the user must know."""
        for notice in notices:
            self._feedback.pushWarning(notice)

    def tell(self, text: str) -> None:
        """Show what the user may like to know."""
        self._feedback.pushInfo(text)
