"""Thumbnails: fetched for what is on view, each once, within limits; a failure is a placeholder."""

from __future__ import annotations

import struct
import threading
import zlib
from concurrent.futures import Executor, Future

import pytest

pytest.importorskip("qgis.PyQt")

from pixel_spectra.core.errors import ArchiveError, Cancelled
from pixel_spectra.core.progress import listener
from pixel_spectra.ui.archive_thumbnails import AT_ONCE, Thumbnails, thumbnail_of
from qgis.PyQt.QtCore import QBuffer, QIODevice
from qgis.PyQt.QtGui import QColor, QImage
from qgis.PyQt.QtTest import QTest


def png(width, height, colour="#aa8866", kind="PNG"):
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(QColor(colour))
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    assert image.save(buffer, kind)
    return bytes(buffer.data())


class Workers(Executor):
    """Threads that work when the test says so, in the order they were asked."""

    def __init__(self):
        self.jobs = []

    def submit(self, job, *given):
        future = Future()
        self.jobs.append((future, job, given))
        return future

    def work(self):
        future, job, given = self.jobs.pop(0)
        try:
            future.set_result(job(*given))
        except Cancelled as error:
            future.set_exception(error)

    def shutdown(self, wait=True):
        self.jobs.clear()


@pytest.fixture
def workers():
    return Workers()


@pytest.fixture
def fetched():
    return []


@pytest.fixture
def thumbnails(application, workers, fetched):
    def fetch(url):
        fetched.append(url)
        if url == "gone":
            raise ArchiveError("It is not there.")
        if listener().cancelled:
            raise Cancelled
        return png(200, 100)

    return Thumbnails(fetch, executor=workers)


@pytest.fixture
def heard(thumbnails):
    events = []
    thumbnails.ready.connect(lambda key, image: events.append((key, image.width(), image.height())))
    return events


def test_a_picture_is_made_small(application):
    image = thumbnail_of(png(200, 100), 50)
    assert (image.width(), image.height()) == (50, 25)
    assert image.pixelColor(10, 10).name() == "#aa8866"


def test_jpeg_is_a_picture_too(application):
    assert thumbnail_of(png(20, 20, kind="JPG"), 10).width() == 10


def bomb():
    """60 000 x 60 000 pixels in few bytes."""
    data = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    head = b"IHDR" + data
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head)) + png(2, 2)[33:]


@pytest.mark.parametrize(
    "data", [b"", b"<html>sign in</html>", b"\x89PNG\r\n\x1a\nbroken", bomb(), png(4, 4, kind="BMP")],
    ids=["nothing", "html", "broken", "bomb", "another format"])
def test_what_is_none_has_no_picture(application, data):
    assert thumbnail_of(data, 50).isNull()


def test_those_on_view_are_fetched_a_few_at_a_time(thumbnails, workers, fetched, heard):
    thumbnails.want({key: key for key in "abcde"}, 50)
    assert len(workers.jobs) == AT_ONCE == 3
    workers.work()
    assert fetched == ["a"] and heard == [("a", 50, 25)] and len(workers.jobs) == 3
    while workers.jobs:
        workers.work()
    assert fetched == ["a", "b", "c", "d", "e"]


def test_each_is_fetched_once(thumbnails, workers, fetched):
    thumbnails.want({"a": "1"}, 50)
    workers.work()
    thumbnails.want({"a": "1"}, 50)
    assert fetched == ["1"] and workers.jobs == []


def test_what_went_out_of_view_is_not_fetched(thumbnails, workers, fetched):
    thumbnails.want({str(i): str(i) for i in range(10)}, 50)
    thumbnails.want({"x": "x"}, 50)
    while workers.jobs:
        workers.work()
    assert fetched == ["0", "1", "2", "x"]


def test_one_that_cannot_be_had_is_a_null_one(thumbnails, workers, heard):
    thumbnails.want({"a": "gone", "b": ""}, 50)
    workers.work()
    assert sorted(heard) == [("a", 0, 0), ("b", 0, 0)]


def test_a_new_result_forgets_those_before_and_ends_what_is_under_way(thumbnails, workers, fetched, heard):
    thumbnails.want({"a": "1"}, 50)
    thumbnails.clear()
    thumbnails.want({"a": "1"}, 50)
    workers.work()
    assert heard == []
    workers.work()
    assert heard == [("a", 50, 25)]


def test_after_closing_nothing_is_heard(thumbnails, workers, heard):
    thumbnails.want({key: key for key in "abcde"}, 50)
    future, job, given = workers.jobs[0]
    thumbnails.close()
    assert workers.jobs == []
    with pytest.raises(Cancelled):
        job(*given)
    future.set_exception(Cancelled())
    assert heard == []


def test_real_threads_hand_over_in_the_thread_of_the_window(application):
    threads, done = [], []
    thumbnails = Thumbnails(lambda url: threads.append(threading.get_ident()) or png(4, 4))
    thumbnails.ready.connect(lambda key, image: done.append(threading.get_ident()))
    thumbnails.want({"a": "1"}, 50)
    while not done:
        QTest.qWait(5)
    assert done == [threading.get_ident()] and threads != done
    thumbnails.close()
