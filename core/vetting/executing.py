"""Units of work on threads, processes or a cluster: the same call, the same outcome."""

from __future__ import annotations

import copy
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Any, Optional

from ..errors import Cancelled, PixelSpectraError
from ..progress import Progress, checkpoint, listening
from ..sensors import GranuleSource, is_remote
from .assessing import Encounter, Outcome, Unit, assess
from .journal import Journal
from .scenes import addresses, sendable, state

_AT_ONCE = 256
"""Units handed to an executor before the first is back."""
_LOOK_SECONDS = 0.2
"""How often the cancel button is looked at."""
_TELL_SECONDS = 5.0
"""How often the time left is told."""
_THREADS_REMOTE = 16
"""Threads that look into remote granules."""
_LOST = ("KilledWorker", "CommClosedError")
"""Errors of dask.distributed for a worker that is gone, by name: it is optional."""


@dataclass(frozen=True)
class Done:
    """What became of all units."""

    encounters: Mapping[str, tuple[Encounter, ...]]
    """Name of a unit -> what it came to."""
    notices: tuple[str, ...] = ()
    """Workers that were lost."""


def carry_out(units: Mapping[str, Unit], executor: Any, journal: Optional[Journal], progress: Progress) -> Done:
    """Do all units that `journal` does not know, and write each down as soon as it is done.

    `executor` is None for threads, any concurrent.futures.Executor, or a dask.distributed Client. A unit whose
    worker is lost is done here. Raises Cancelled; then what is done is in the journal.
    """
    known = journal.known if journal is not None else {}
    done = {name: known[unit.key] for name, unit in units.items() if unit.key in known}
    left = {name: unit for name, unit in units.items() if name not in done}
    clock = _Clock(progress, units, done)
    lost = 0
    with _workers(executor, _threads_for(left.values())) as pool, listening(progress):
        if not isinstance(pool, ThreadPoolExecutor):
            left = {name: _to_send(unit) for name, unit in left.items()}
        for name, future in _finished(pool, left, clock):
            outcome = _outcome(future)
            if outcome is None:
                lost += 1
                outcome = assess(left[name])
            done[name] = outcome.encounters
            if journal is not None and outcome.lasting:
                journal.add(units[name].key, outcome.encounters)
            clock.tick(name)
    notices = (f"{lost} pieces of work were lost with their worker and done in this process.",) if lost else ()
    return Done(done, notices)


def _threads_for(units: Iterable[Unit]) -> int:
    """One: the many short steps of this work keep two threads waiting for each other, and both are slower (2.5 s
    for what two do in 6). Over the network, where threads wait anyway, as many as an archive has connections for.
    """
    remote = any(is_remote(unit.granule.source.path) for unit in units if not isinstance(unit.granule, GranuleSource))
    return _THREADS_REMOTE if remote else 1


@contextmanager
def _workers(executor: Any, threads: int) -> Iterator[Executor]:
    """The executor to use; threads of our own end with the block."""
    if executor is None:
        with ThreadPoolExecutor(threads) as pool:
            yield pool
        return
    if hasattr(executor, "get_executor"):
        executor = executor.get_executor()
    if not isinstance(executor, Executor):
        raise PixelSpectraError(f"The executor is a {type(executor).__name__}; give a concurrent.futures.Executor or a "
                                "dask.distributed Client.")
    yield executor


def _to_send(unit: Unit) -> Unit:
    """The unit with what opens its granule, never with the granule: no handle and no token leaves this process."""
    if isinstance(unit.granule, GranuleSource):
        return unit
    source = sendable(unit.granule)
    opener = unit.opener if any(map(is_remote, addresses(source))) else None
    copy.deepcopy(opener)  # what must not leave this process says so itself; a cluster would hide its sentence
    return replace(unit, granule=source, opener=opener, state=state(unit.granule))


def _finished(pool: Executor, units: Mapping[str, Unit], clock: _Clock) -> Iterator[tuple[str, Future[Outcome]]]:
    """Hand units out, a limited number at a time; yield each as it is done. Cancelling takes the rest back."""
    waiting = iter(units.items())
    running: dict[Future[Outcome], str] = {}
    try:
        while True:
            for name, unit in waiting:
                running[_submit(pool, unit)] = name
                if len(running) >= _AT_ONCE:
                    break
            if not running:
                return
            clock.look()
            ready, _ = wait(running, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
            for future in ready:
                yield running.pop(future), future
    finally:
        for future in running:
            future.cancel()


def _submit(pool: Executor, unit: Unit) -> Future[Outcome]:
    try:
        if isinstance(pool, ThreadPoolExecutor):
            return pool.submit(copy_context().run, assess, unit)
        return pool.submit(assess, unit)
    except BrokenExecutor as error:
        broken: Future[Outcome] = Future()
        broken.set_exception(error)
        return broken


def _outcome(future: Future[Outcome]) -> Optional[Outcome]:
    """What the worker says; None where it is gone. Its own errors are raised."""
    if future.cancelled():
        return None
    error = future.exception()
    if isinstance(error, BrokenExecutor) or type(error).__name__ in _LOST:
        return None
    return future.result()


class _Clock:
    """Tells how far the work is and how long it will take."""

    def __init__(self, progress: Progress, units: Mapping[str, Unit], done: Collection[str]) -> None:
        self._progress = progress
        self._sizes = {name: len(unit.members) for name, unit in units.items()}
        self._total = max(1, sum(self._sizes.values()))
        self._before = self._done = sum(self._sizes[name] for name in done)
        self._start = self._told = time.monotonic()
        self._message = "Vetting"

    def tick(self, unit: str) -> None:
        """One more unit is done."""
        self._done += self._sizes[unit]
        now = time.monotonic()
        if now - self._told >= _TELL_SECONDS:
            self._told = now
            rate = (self._done - self._before) / (now - self._start)
            self._message = (f"Vetting: {self._done} of {self._total} lookups, "
                             f"{time_left((self._total - self._done) / rate)} left")
        self._progress.report(self._done / self._total, self._message)

    def look(self) -> None:
        """Raise Cancelled if the user asked to stop."""
        if self._progress.cancelled:
            raise Cancelled("The vetting was cancelled; what was done is kept in the journal, if there is one.")
        checkpoint(self._progress, self._done / self._total, self._message)


def time_left(seconds: float) -> str:
    """A duration in words.

    >>> time_left(8.2), time_left(150), time_left(7300)
    ('about 9 s', 'about 3 min', 'about 2.0 h')
    """
    if seconds < 100:
        return f"about {int(seconds) + 1} s"
    return f"about {seconds / 60 + 0.5:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"

