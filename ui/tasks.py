"""Work off the GUI thread. A job is a function of a Progress; what it returns or raises arrives in the GUI thread."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from types import TracebackType
from typing import Any, Optional

from qgis.core import QgsApplication, QgsTask
from qgis.PyQt.QtCore import QObject, pyqtSignal

from ..core.errors import Cancelled, PixelSpectraError
from ..core.progress import Progress, listening

Job = Callable[[Progress], Any]

_RUNNING: set[_Task] = set()
"""Tasks stay alive until they have ended, also after those who asked for them are gone."""


class _Outcome:
    """Keeps whatever a block raised, mistakes of ours included: the GUI thread raises it again, so nothing is lost."""

    def __init__(self) -> None:
        self.error: Optional[BaseException] = None

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: Optional[BaseException], trace: Optional[TracebackType]) -> bool:
        self.error = error
        return True


class _Task(QgsTask):
    """A job as a task of QGIS, and itself the Progress of its job."""

    def __init__(self, job: Job, title: str, ended: Callable[[_Task], None], hidden: bool) -> None:
        flags = QgsTask.Flag.CanCancel | QgsTask.Flag.Silent
        super().__init__(title, flags | QgsTask.Flag.Hidden if hidden else flags)
        self._job, self._ended = job, ended
        self.outcome = _Outcome()
        self.result: Any = None
        self.said = ""

    def report(self, fraction: float, message: str = "") -> None:
        """Called by the job; QGIS passes it to the GUI thread."""
        self.said = message or self.said
        self.setProgress(100.0 * fraction)

    @property
    def cancelled(self) -> bool:
        """True once the job is not wanted any more."""
        return self.isCanceled()

    def run(self) -> bool:
        """In the worker's thread."""
        with self.outcome, listening(self):
            self.result = self._job(self)
        return self.outcome.error is None

    def finished(self, success: bool) -> None:
        """In the GUI thread."""
        _RUNNING.discard(self)
        self._ended(self)


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

    def __init__(self, parent: Optional[QObject] = None, hidden: bool = False) -> None:
        """`hidden` jobs do not show among the tasks of QGIS."""
        super().__init__(parent)
        self._hidden = hidden
        self._waiting: list[tuple[Hashable, Job, str]] = []
        self._task: Optional[_Task] = None
        self._key: Hashable = None
        self._closed = False

    def start(self, job: Job, title: str, key: Hashable = None) -> None:
        """Run `job` when those before it are done."""
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
        self._task = _Task(job, title, self._ended, self._hidden)
        self._task.progressChanged.connect(self._progress)
        _RUNNING.add(self._task)
        self.busy.emit(True)
        QgsApplication.taskManager().addTask(self._task)

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

    def _progress(self, percent: float) -> None:
        if self._task is not None and self.sender() is self._task:
            self.progressed.emit(percent / 100.0, self._task.said)

    def _ended(self, task: _Task) -> None:
        if task is not self._task:
            return  # dropped: nobody waits for it
        self._task = None
        error = task.outcome.error
        self._go_on()
        if error is None and not task.isCanceled():
            self.done.emit(task.result)
        elif isinstance(error, PixelSpectraError):
            if not isinstance(error, Cancelled):
                self.failed.emit(str(error))
        elif error is not None:
            raise error  # a mistake of ours: QGIS shows it with its traceback


class Latest(Queue):
    """Runs the job asked for last: a newer one takes the place of the older, whose result never arrives."""

    def __init__(self, parent: Optional[QObject] = None, hidden: bool = True) -> None:
        super().__init__(parent, hidden)

    def start(self, job: Job, title: str, key: Hashable = None) -> None:
        """Run `job` now, and turn away from any before it."""
        self._waiting.clear()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        super().start(job, title, key)
