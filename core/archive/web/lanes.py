"""A few threads that wait for servers, so that nobody else has to: jobs can be shared, stopped and given up.

The threads are daemons: a server that never answers keeps no program from ending.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from math import inf
from typing import Any, Callable, Generic, Optional, TypeVar

from ...errors import ArchiveError, Cancelled, PixelSpectraError
from ...progress import listener

T = TypeVar("T")

_TICK_S = 0.1
"""How often who waits looks whether the user cancelled."""
_WATCH_S = 0.25
"""How often running jobs are looked at."""
_GRACE_S = 2.0
"""Time for a thread whose socket was shut to notice it."""
_IDLE_S = 30.0
"""A thread without work ends after this time."""
_KEPT_FREE = 4
"""Lanes that only urgent jobs may take."""

ELSEWHERE = "A connection to the archive stays in its process; open the granule again in the other one."
CANCELLED = "The work was cancelled; nothing was written."

_HERE = threading.local()


class Stopped(Exception):
    """Nobody wants this job any more; ends its thread's work quietly."""


class Job(Generic[T]):
    """Work of one thread that several others may wait for."""

    def __init__(self, work: Callable[[Job[T]], T], urgent: bool, within_s: float = inf) -> None:
        self.urgent = urgent
        self.late = False
        self.peer = "The archive"
        self.begun_s = 0.0
        self.waiters = 0
        self._work: Optional[Callable[[Job[T]], T]] = work
        self._value: Optional[T] = None
        self._error: Optional[BaseException] = None
        self._lock = threading.Lock()
        self._settled = threading.Event()
        self._stop = threading.Event()
        self._socket: Optional[socket.socket] = None
        self._until_s = time.monotonic() + within_s
        self._due_s = inf
        self._stalled = False

    # what the working thread calls

    def run(self, under: Optional[Job[Any]] = None) -> None:
        """Do the work, as part of the job `under` where that one's thread does it; errors are kept."""
        self.begins()
        work, self._work = self._work, None
        with _Carried(self):
            if work is not None and not self._stop.is_set():
                self.settle(work(under or self))

    def begins(self) -> None:
        """Note when (this part of) the work began."""
        self.begun_s = time.monotonic()

    def due_in(self, seconds: float) -> None:
        """Be interrupted unless something happens within `seconds`."""
        self._due_s = time.monotonic() + seconds

    def holds(self, connection: socket.socket) -> None:
        """Remember the socket that is waited for, to shut it on a stop."""
        self._socket = connection
        self.check()

    def rests(self) -> None:
        """Nothing is waited for just now."""
        self._due_s = inf

    def lets_go(self) -> None:
        """The socket serves others from now on."""
        self._socket = None
        self._due_s = inf

    def check(self) -> None:
        """Raise :class:`Stopped` where nobody waits any more."""
        if self._stop.is_set():
            raise Stopped

    def pause(self, seconds: float) -> None:
        """Sleep, or raise :class:`Stopped`."""
        self.lets_go()
        if self._stop.wait(seconds):
            raise Stopped

    def was_stalled(self) -> bool:
        """Tell, once, whether the socket was shut because nothing arrived in time."""
        stalled, self._stalled = self._stalled, False
        return stalled

    # what others call

    @property
    def settled(self) -> bool:
        """True once there is a value or an error."""
        return self._settled.is_set()

    @property
    def hurried(self) -> bool:
        """True where it must be done in a certain time."""
        return self._until_s < inf

    @property
    def stopped(self) -> bool:
        """True once nobody wants it."""
        return self._stop.is_set()

    def settle(self, value: Optional[T] = None, error: Optional[BaseException] = None) -> None:
        """Keep the first outcome."""
        with self._lock:
            if self._settled.is_set():
                return
            self._value, self._error = value, error
            self._settled.set()

    def overdue(self) -> bool:
        """True where nothing happened in time."""
        return time.monotonic() > min(self._due_s, self._until_s)

    def over(self) -> bool:
        """True where all its time is over."""
        return time.monotonic() > self._until_s

    def interrupt(self) -> None:
        """Shut the socket: the thread goes on with an error, and may try again."""
        self._stalled = True
        self._due_s = time.monotonic() + _GRACE_S
        self._shut()

    def stop(self) -> None:
        """Nobody wants it: whatever it does, it ends."""
        self._stop.set()
        self.settle(error=Cancelled(CANCELLED))
        self._shut()

    def wait(self) -> T:
        """The value, or its error raised afresh; Cancelled within a tick once the listener of this thread says so."""
        progress = listener()
        while not self._settled.is_set():
            if progress.cancelled:
                raise Cancelled(CANCELLED)
            self._settled.wait(_TICK_S)
        if self._error is not None:
            raise _afresh(self._error)
        return self._value  # type: ignore[return-value]

    def _shut(self) -> None:
        connection = self._socket
        if connection is not None:
            with suppress(OSError, ValueError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # not SSLSocket's, which the reader may be inside


class _Carried:
    """Hands what its block raises to who waits for the job; the thread lives on."""

    def __init__(self, job: Job[Any]) -> None:
        self._job = job

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: Optional[BaseException], trace: object) -> bool:
        if error is not None:
            stopped = isinstance(error, Stopped)
            self._job.settle(error=Cancelled(CANCELLED) if stopped else _afresh(error))
        else:
            self._job.settle(error=Cancelled(CANCELLED))
        return True


def _afresh(error: BaseException) -> BaseException:
    """The error without the frames and causes of the thread it comes from, which saw the token."""
    if isinstance(error, PixelSpectraError):
        return type(error)(*error.args)
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def current() -> Optional[Job[Any]]:
    """The job that this thread does; None outside the lanes."""
    return getattr(_HERE, "job", None)


class Lanes:
    """At most `n` threads, begun when needed; close() gives up what still runs."""

    def __init__(self, n: int) -> None:
        self._state = _State(n)
        self._process = os.getpid()

    @property
    def here(self) -> bool:
        """False in a process that was forked: threads and sockets stayed behind, and locks may be held."""
        return self._process == os.getpid()

    def submit(self, work: Callable[[Job[T]], T], urgent: bool = True, within_s: float = inf) -> Job[T]:
        """Begin `work`, and give it up where it is not done `within_s` seconds from now.

        An urgent one of a thread of these lanes is done here and now, lest all wait for each other.
        """
        if not self.here:
            raise ArchiveError(ELSEWHERE)
        job = Job(work, urgent, within_s)
        if urgent and getattr(_HERE, "state", None) is self._state:
            job.run(current())
        else:
            self._state.add(job)
        return job

    def join(self, job: Job[Any]) -> None:
        """Want the outcome of `job` too, and soon."""
        self._state.join(job)

    def leave(self, jobs: Iterable[Job[Any]]) -> None:
        """Want them no more: what nobody else waits for is stopped."""
        self._state.leave(jobs)

    def results(self, jobs: Sequence[Job[T]]) -> list[T]:
        """Wait for all of `jobs`; on an error or a cancel, leave the rest."""
        for job in jobs:
            self.join(job)
        try:
            return [job.wait() for job in jobs]
        finally:
            self.leave(jobs)

    def close(self) -> None:
        """Stop everything; threads end as soon as they notice."""
        self._state.close()


class _State:
    """What the threads share; it knows no client, so a forgotten client can be collected."""

    def __init__(self, n: int) -> None:
        self.n = n
        lock = threading.RLock()
        self.changed, self.begun = threading.Condition(lock), threading.Condition(lock)
        self.urgent: deque[Job[Any]] = deque()
        self.patient: deque[Job[Any]] = deque()
        self.running: set[Job[Any]] = set()
        self.threads = self.idle = 0
        self.watched = self.closed = False

    def add(self, job: Job[Any]) -> None:
        with self.changed:
            if self.closed:
                raise ArchiveError("The connection to the archive was closed; open the granule again.")
            (self.urgent if job.urgent else self.patient).append(job)
            self._staff()

    def join(self, job: Job[Any]) -> None:
        with self.changed:
            job.waiters += 1
            if not job.urgent and job in self.patient:
                self.patient.remove(job)
                self.urgent.append(job)
            job.urgent = True

    def leave(self, jobs: Iterable[Job[Any]]) -> None:
        with self.changed:
            for job in jobs:
                job.waiters -= 1
                if job.waiters <= 0 and not job.settled:
                    self.give_up(job)

    def give_up(self, job: Job[Any]) -> None:
        """Under the lock: stop a job; its thread, which may hang in the system, is counted no more."""
        job.stop()
        for waiting in (self.urgent, self.patient):
            with suppress(ValueError):
                waiting.remove(job)
        if job in self.running:
            self.running.discard(job)
            self.threads -= 1
            self._staff()

    def close(self) -> None:
        with self.changed:
            self.closed = True
            for job in [*self.urgent, *self.patient, *self.running]:
                self.give_up(job)
            self.changed.notify_all()
            self.begun.notify_all()

    def take(self) -> Optional[Job[Any]]:
        """The next job, or None where the thread is to end."""
        with self.changed:
            while True:
                waiting = self.urgent or self._patient_now()
                if waiting:
                    job = waiting.popleft()
                    self.running.add(job)
                    self.begun.notify()
                    return job
                self.idle += 1
                woken = not self.closed and self.changed.wait(_IDLE_S)
                self.idle -= 1
                if not woken and not self.urgent and not self._patient_now():
                    self.threads -= 1
                    return None

    def done(self, job: Job[Any]) -> bool:
        """Tell whether the thread of `job` still belongs to the lanes."""
        with self.changed:
            mine = job in self.running
            self.running.discard(job)
            return mine

    def look(self) -> bool:
        """Interrupt what is overdue; False where nothing runs for long."""
        with self.changed:
            if not self.running and not self.closed:
                self.begun.wait(_IDLE_S)
            if not self.running:
                self.watched = False
                return False
            late = [job for job in (*self.running, *self.urgent, *self.patient) if job.overdue()]
            for job in late:
                if job.over() or job.was_stalled():  # shut, and its thread did not notice: it hangs in the system
                    job.late = job in self.running
                    job.settle(error=ArchiveError(f"{job.peer} does not answer; check the network and its proxy, or "
                                                  "try again later."))
                    self.give_up(job)
                else:
                    job.interrupt()
        return True

    def _patient_now(self) -> Optional[deque[Job[Any]]]:
        """The patient jobs, unless enough of them run."""
        n_running = sum(not job.urgent for job in self.running)
        return self.patient if n_running < max(1, self.n - _KEPT_FREE) else None

    def _staff(self) -> None:
        """Under the lock: a thread for what waits, if none is free."""
        waiting = len(self.urgent) + len(self.patient)
        if waiting > self.idle and self.threads < self.n and not self.closed:
            self.threads += 1
            threading.Thread(target=_serve, args=(self,), name="archive reader", daemon=True).start()
        if waiting and not self.watched:
            self.watched = True
            threading.Thread(target=_watch, args=(self,), name="archive watch", daemon=True).start()
        self.changed.notify()


def _serve(state: _State) -> None:
    _HERE.state = state
    while True:
        job = state.take()
        if job is None:
            return
        _HERE.job = job
        job.run()
        _HERE.job = None
        mine = state.done(job)
        del job
        if not mine:
            return


def _watch(state: _State) -> None:
    while state.look():
        time.sleep(_WATCH_S)
