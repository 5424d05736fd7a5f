"""How long work tells how far it is, and learns that it should stop."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
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


_LOOK_S = 0.1
"""How often who waits looks whether it is still to wait."""
_LISTENER: ContextVar[Progress] = ContextVar("listener", default=NO_PROGRESS)


@contextmanager
def listening(progress: Progress) -> Iterator[None]:
    """Within the block, reads over the network end when `progress` is cancelled; each thread has its own."""
    token = _LISTENER.set(progress)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def listener() -> Progress:
    """Who may cancel what this thread does: the progress of the innermost :func:`listening`."""
    return _LISTENER.get()


class PatientLock:
    """A lock to hold over reads that may take long: waiting for it ends when the waiting thread's listener cancels."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        while not self._lock.acquire(timeout=_LOOK_S):
            if listener().cancelled:
                raise Cancelled("The work was cancelled; nothing was written.")

    def __exit__(self, *exc: object) -> None:
        self._lock.release()


@dataclass(frozen=True)
class Share:
    """A part of the whole progress, and itself a Progress: 0-1 of the part is `start`-`stop` of the whole."""

    progress: Progress
    """Who listens."""
    start: float
    """Where this part begins, 0-1 of `progress`."""
    stop: float
    """Where it ends, 0-1 of `progress`."""

    def report(self, fraction: float, message: str = "") -> None:
        """Say that `fraction` (0-1) of this part is done."""
        self.progress.report(self._of_the_whole(fraction), message)

    @property
    def cancelled(self) -> bool:
        """True once the user wants the work to stop."""
        return self.progress.cancelled

    def part(self, start: float, stop: float) -> Share:
        """From `start` to `stop` (0-1) of this part."""
        return Share(self.progress, self._of_the_whole(start), self._of_the_whole(stop))

    def _of_the_whole(self, fraction: float) -> float:
        """Never beyond the end, which rounding could pass."""
        return min(self.start + (self.stop - self.start) * fraction, self.stop)
