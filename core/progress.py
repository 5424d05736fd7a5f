"""How long work tells how far it is, and learns that it should stop."""

from __future__ import annotations

from typing import Protocol

from .errors import Cancelled


class Progress(Protocol):
    """What a caller may hand to a verb; `adapters` wraps QGIS' feedback in it."""

    def report(self, fraction: float, message: str = "") -> None:
        """Say that `fraction` (0-1) of the work is done."""

    @property
    def cancelled(self) -> bool:
        """True once the user wants the work to stop."""


class NoProgress:
    """The default: nobody listens and nobody cancels."""

    cancelled = False

    def report(self, fraction: float, message: str = "") -> None:
        """Do nothing."""


NO_PROGRESS = NoProgress()


def checkpoint(progress: Progress, fraction: float, message: str = "") -> None:
    """Report `fraction` and raise :class:`Cancelled` if the user asked to stop."""
    if progress.cancelled:
        raise Cancelled("The work was cancelled; nothing was written.")
    progress.report(fraction, message)
