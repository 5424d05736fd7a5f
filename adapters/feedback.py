"""QGIS' feedback as the core's Progress."""

from __future__ import annotations

from collections.abc import Iterable

from qgis.core import QgsProcessingFeedback


class FeedbackProgress:
    """Meets core's Progress; the bar never goes back."""

    def __init__(self, feedback: QgsProcessingFeedback) -> None:
        self._feedback = feedback
        self._bar = 0.0  # the feedback's own may be left over from an earlier step of a model
        self._said = ""

    def report(self, fraction: float, message: str = "") -> None:
        """Move the bar; a new message is shown once."""
        percent = 100.0 * fraction
        if percent > self._bar:
            self._bar = percent
            self._feedback.setProgress(percent)
        if message and message != self._said:
            self._said = message
            self._feedback.setProgressText(message)

    @property
    def cancelled(self) -> bool:
        """True once the user pressed Cancel."""
        return self._feedback.isCanceled()

    def warn(self, notices: Iterable[str]) -> None:
        """Show what the user must know."""
        for notice in notices:
            self._feedback.pushWarning(notice)

    def tell(self, text: str) -> None:
        """Show what the user may like to know."""
        self._feedback.pushInfo(text)
