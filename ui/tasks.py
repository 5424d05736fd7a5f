"""Work off the GUI thread. A job is a function of a Progress; what it returns or raises arrives in the GUI thread.

Jobs have threads of their own: the task manager of QGIS may lose a task when more of them wait than it has threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from types import TracebackType
from typing import Any, Optional

from qgis.PyQt.QtCore import QObject, QRunnable, Qt, QThreadPool, pyqtSignal

from ..core.errors import Cancelled, PixelSpectraError
from ..core.progress import Progress, listening

Job = Callable[[Progress], Any]

_MOST_THREADS = 64
"""More than there are queues: no job waits for a thread."""
_TICK = 0.005
"""Seconds."""
_STEP = 0.005
"""Smaller steps of the progress are not told."""
_RUNNING: set[_Task] = set()
"""Tasks stay alive until they have ended, also after those who asked for them are gone."""
_POOL = QThreadPool()
_POOL.setMaxThreadCount(_MOST_THREADS)
_POOL.setExpiryTimeout(-1)  # a thread that ends breaks the reference systems of QGIS that were first used in it


class _Outcome:
    """Keeps whatever a block raised, mistakes of ours included: the GUI thread raises it again, so nothing is lost."""

    def __init__(self) -> None:
        self.error: Optional[BaseException] = None

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: Optional[BaseException], trace: Optional[TracebackType]) -> bool:
        self.error = error
        return True


class _Task(QObject):
    """A job with its thread, and itself the Progress of its job."""

    progressed = pyqtSignal(float, str)
    """How far it is (0-1), and what it does; from the worker's thread."""
    _ran = pyqtSignal()
    """From the worker's thread: the last of it."""

    def __init__(self, job: Job, title: str, ended: Callable[[_Task], None]) -> None:
        super().__init__()
        self._job, self._ended = job, ended
        self.outcome = _Outcome()
        self.result: Any = None
        self._said, self._told = title, -1.0
        self.cancelled = False
        """True once the job is not wanted any more."""
        self._ran.connect(self._finish, Qt.ConnectionType.QueuedConnection)

    def start(self) -> None:
        """Run the job in a thread."""
        _RUNNING.add(self)
        _POOL.start(_Run(self))

    def cancel(self) -> None:
        """Tell the job that it is not wanted any more."""
        self.cancelled = True

    def report(self, fraction: float, message: str = "") -> None:
        """Called by the job, as often as it likes."""
        news = message not in ("", self._said) or abs(fraction - self._told) >= _STEP
        self._said = message or self._said
        if news:
            self._told = fraction
            self.progressed.emit(fraction, self._said)

    def run(self) -> None:
        """In the worker's thread."""
        with self.outcome, listening(self):
            self.result = self._job(self)
        self._ran.emit()

    def _finish(self) -> None:
        """In the GUI thread."""
        _RUNNING.discard(self)
        self._ended(self)


class _Run(QRunnable):
    """What the pool of threads takes."""

    def __init__(self, task: _Task) -> None:
        super().__init__()
        self._task = task

    def run(self) -> None:
        """In the worker's thread."""
        self._task.run()


def wait_for_jobs(seconds: float) -> None:
    """Wait until no job runs any more, at most so long: at the end of the program QGIS takes away what they use."""
    end = time.monotonic() + seconds
    while _POOL.activeThreadCount() and time.monotonic() < end:
        time.sleep(_TICK)


class Queue(QObject):
    """Runs jobs one after another; each has a key, by which it can be dropped."""

    done = pyqtSignal(object)
    """What a job returned."""
    failed = pyqtSignal(str)
    """The sentence of a job that could not do its work."""
    progressed = pyqtSignal(float, str)
    """How far the running job is (0-1), and what it does."""
    busy = pyqtSignal(bool)
    """Whether a job runs."""

    def __init__(self, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._waiting: list[tuple[Hashable, Job, str]] = []
        self._task: Optional[_Task] = None
        self._key: Hashable = None
        self._closed = False

    def start(self, job: Job, title: str, key: Hashable = None) -> None:
        """Run `job` when those before it are done; `title` is said of it until it says more."""
        if self._closed:
            return
        self._waiting.append((key, job, title))
        if self._task is None:
            self._next()

    def drop(self, key: Hashable) -> None:
        """Forget the jobs of that key; a running one is cancelled, and its result never arrives."""
        self._waiting = [waiting for waiting in self._waiting if waiting[0] != key]
        if self._task is not None and self._key == key:
            self._leave()

    def cancel(self) -> None:
        """Forget all jobs."""
        self._waiting.clear()
        if self._task is not None:
            self._leave()

    def close(self) -> None:
        """Forget all jobs and take no new ones; nothing is signalled any more."""
        self._closed = True
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    @property
    def running(self) -> bool:
        """Whether a job runs or waits."""
        return self._task is not None

    def _next(self) -> None:
        self._key, job, title = self._waiting.pop(0)
        task = self._task = _Task(job, title, self._ended)
        task.progressed.connect(self._progress)
        self.busy.emit(True)
        task.start()

    def _leave(self) -> None:
        """Turn away from the running job."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        self._go_on()

    def _go_on(self) -> None:
        if self._waiting:
            self._next()
        else:
            self.busy.emit(False)

    def _progress(self, fraction: float, said: str) -> None:
        if self._task is not None and self.sender() is self._task:
            self.progressed.emit(fraction, said)

    def _ended(self, task: _Task) -> None:
        if task is not self._task:
            return  # dropped: nobody waits for it
        self._task = None
        error = task.outcome.error
        self._go_on()
        if error is None and not task.cancelled:
            self.done.emit(task.result)
        elif isinstance(error, PixelSpectraError):
            if not isinstance(error, Cancelled):
                self.failed.emit(str(error))
        elif error is not None:
            raise error  # a mistake of ours: QGIS shows it with its traceback


class Latest(Queue):
    """Runs the job asked for last: a newer one takes the place of the older, whose result never arrives."""

    def start(self, job: Job, title: str, key: Hashable = None) -> None:
        """Run `job` now, and turn away from any before it."""
        self._waiting.clear()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        super().start(job, title, key)
