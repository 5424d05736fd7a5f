"""Thumbnails of scenes: those on view are fetched first, a few at a time, in the background. Plain Qt.

They have threads of their own: the task manager of QGIS may lose tasks when more of them wait than it has threads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from typing import Optional

from qgis.PyQt.QtCore import QBuffer, QByteArray, QIODevice, QObject, QSize, Qt, pyqtSignal
from qgis.PyQt.QtGui import QImage, QImageReader

from ..core.archive.browse import MOST_PIXELS
from ..core.errors import Cancelled, PixelSpectraError
from ..core.progress import listening

AT_ONCE = 3
"""So many are fetched side by side."""
_FORMATS = (b"png", b"jpeg")

Fetch = Callable[[str], bytes]
"""Gives the bytes at an address; raises a PixelSpectraError."""
Got = tuple[str, QImage]
"""Key of a scene, and its picture; a null one where there is none to be had."""


class _Stop:
    """A Progress that only knows whether the pictures are still wanted."""

    def __init__(self) -> None:
        self.cancelled = False

    def report(self, fraction: float, message: str = "") -> None:
        """Nobody looks."""


class Thumbnails(QObject):
    """Fetches pictures of wanted scenes, each once; what is not wanted any more is not fetched."""

    ready = pyqtSignal(str, QImage)
    """Key of a scene, and its picture; a null one where there is none to be had."""
    _ended = pyqtSignal(object, object)
    """From a worker's thread: who asked, and the Future."""

    def __init__(self, fetch: Fetch, parent: Optional[QObject] = None, executor: Optional[Executor] = None) -> None:
        super().__init__(parent)
        self._fetch = fetch
        self._executor = executor or ThreadPoolExecutor(AT_ONCE, "thumbnails")
        self._side, self._n_running = 64, 0
        self._wanted: dict[str, str] = {}
        self._asked: set[str] = set()
        self._stop = _Stop()
        self._closed = False
        self._ended.connect(self._got)

    def want(self, urls: Mapping[str, str], side: int) -> None:
        """Fetch these now, in their order, and none that was wanted before: key -> address, "" for none.

        `side` is the longer side of a thumbnail, pixels.
        """
        self._side = side
        self._wanted = {key: url for key, url in urls.items() if key not in self._asked}
        for key in [key for key, url in self._wanted.items() if not url]:
            del self._wanted[key]
            self._asked.add(key)
            self.ready.emit(key, QImage())
        self._go_on()

    def clear(self) -> None:
        """Forget what was wanted and what was fetched."""
        self._wanted.clear()
        self._asked.clear()
        self._stop.cancelled = True
        self._stop = _Stop()

    def close(self) -> None:
        """Fetch nothing more; what is under way ends within a second."""
        self._closed = True
        self.clear()
        self._executor.shutdown(wait=False)

    def _go_on(self) -> None:
        while self._wanted and self._n_running < AT_ONCE and not self._closed:
            key = next(iter(self._wanted))
            url = self._wanted.pop(key)
            self._asked.add(key)
            self._n_running += 1
            asked = self._executor.submit(_picture, self._fetch, key, url, self._side, self._stop)
            asked.add_done_callback(partial(self._tell, self._stop))

    def _tell(self, stop: _Stop, done: Future[Got]) -> None:
        """In the worker's thread."""
        if not self._closed:
            self._ended.emit(stop, done)

    def _got(self, stop: _Stop, done: Future[Got]) -> None:
        self._n_running -= 1
        error = done.exception()
        if error is None and stop is self._stop:
            self.ready.emit(*done.result())
        self._go_on()
        if error is not None and not isinstance(error, Cancelled):
            raise error  # a mistake of ours: QGIS shows it with its traceback


def thumbnail_of(data: bytes, side: int) -> QImage:
    """A picture, made small; a null one where it is none, or too large to decode."""
    buffer = QBuffer()
    buffer.setData(QByteArray(data))
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer)
    size = reader.size()
    if bytes(reader.format()) not in _FORMATS or not size.isValid() or size.width() * size.height() > MOST_PIXELS:
        return QImage()
    reader.setScaledSize(size.scaled(QSize(side, side), Qt.AspectRatioMode.KeepAspectRatio).expandedTo(QSize(1, 1)))
    return reader.read()


def _picture(fetch: Fetch, key: str, url: str, side: int, stop: _Stop) -> Got:
    """In the worker's thread."""
    with listening(stop):
        try:
            return key, thumbnail_of(fetch(url), side)
        except Cancelled:
            raise
        except PixelSpectraError:
            return key, QImage()  # the list shows that there is none
