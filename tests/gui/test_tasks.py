"""Jobs off the GUI thread: which results arrive, in which order, and what is left when nobody wants them."""

from __future__ import annotations

import threading
import time

import pytest

pytest.importorskip("qgis.core")

from pixel_spectra.core.errors import AreaError
from pixel_spectra.core.progress import checkpoint
from pixel_spectra.ui import tasks
from pixel_spectra.ui.tasks import Latest, Queue
from qgis.PyQt.QtTest import QTest


class Heard:
    """What a worker signalled."""

    def __init__(self, worker):
        self.done, self.failed, self.busy, self.progress = [], [], [], []
        worker.done.connect(self.done.append)
        worker.failed.connect(self.failed.append)
        worker.busy.connect(self.busy.append)
        worker.progressed.connect(lambda fraction, message: self.progress.append((round(fraction, 2), message)))


def wait(condition, seconds=10.0):
    """Let events pass until `condition()` holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        QTest.qWait(5)


@pytest.fixture(params=[Queue, Latest])
def worker(request, qgis_app):
    made = request.param()
    yield made
    made.close()
    wait(lambda: not tasks._RUNNING)


def held(gate):
    """A job that runs until `gate` opens, or it is cancelled."""
    def job(progress):
        while not gate.wait(0.005):
            checkpoint(progress, 0.5, "waiting")
        return "held"

    return job


def test_a_result_arrives_in_the_gui_thread(worker):
    heard, threads = Heard(worker), []
    worker.done.connect(lambda _: threads.append(threading.current_thread()))
    worker.start(lambda progress: threading.current_thread(), "job")
    wait(lambda: heard.done)
    assert threads == [threading.main_thread()] and heard.done[0] is not threading.main_thread()
    assert heard.busy == [True, False] and not worker.running


def test_progress_and_its_message_arrive(worker):
    heard, gate = Heard(worker), threading.Event()
    worker.start(held(gate), "job")
    wait(lambda: heard.progress)
    gate.set()
    wait(lambda: heard.done)
    assert heard.progress[0] == (0.5, "waiting")


def test_a_refusal_arrives_as_its_sentence(worker):
    def job(progress):
        raise AreaError("The area is empty; draw one.")

    heard = Heard(worker)
    worker.start(job, "job")
    wait(lambda: heard.failed)
    assert heard.failed == ["The area is empty; draw one."] and heard.done == [] and heard.busy == [True, False]


def test_a_mistake_of_ours_is_raised_and_not_swallowed(worker, monkeypatch):
    raised = []
    monkeypatch.setattr("sys.excepthook", lambda kind, error, trace: raised.append(error))
    heard = Heard(worker)
    worker.start(lambda progress: 1 / 0, "job")
    wait(lambda: raised)
    assert isinstance(raised[0], ZeroDivisionError) and heard.failed == [] and not worker.running


def test_a_cancelled_job_says_nothing(worker):
    heard = Heard(worker)
    worker.start(held(threading.Event()), "job")
    wait(lambda: heard.progress)
    worker.cancel()
    wait(lambda: not tasks._RUNNING)
    assert heard.done == [] and heard.failed == [] and heard.busy == [True, False]


def test_after_closing_nothing_arrives_and_nothing_starts(worker):
    heard = Heard(worker)
    worker.start(held(threading.Event()), "job")
    worker.close()
    worker.close()
    worker.start(lambda progress: "late", "job")
    wait(lambda: not tasks._RUNNING)
    QTest.qWait(20)
    assert heard.done == [] and heard.failed == []


def test_a_worker_may_be_deleted_while_its_job_runs(qgis_app):
    begun, gate, ended = threading.Event(), threading.Event(), threading.Event()

    def job(progress):
        begun.set()
        gate.wait(5)
        ended.set()

    worker = Latest()
    worker.start(job, "job")
    wait(begun.is_set)
    worker.close()
    worker.deleteLater()
    del worker
    QTest.qWait(20)
    gate.set()
    wait(lambda: ended.is_set() and not tasks._RUNNING)


def test_the_latest_takes_the_place_of_those_before(qgis_app):
    """Fifty in a row, the first of which ignores the wish to stop: one result, that of the last."""
    worker, gate = Latest(), threading.Event()
    heard = Heard(worker)

    def stubborn(progress):
        gate.wait(5)
        return "late"

    worker.start(stubborn, "stubborn")
    for number in range(50):
        worker.start(lambda progress, number=number: number, "job")
    wait(lambda: heard.done)
    gate.set()
    wait(lambda: not tasks._RUNNING)
    QTest.qWait(20)
    assert heard.done == [49] and heard.failed == []
    worker.close()


def test_a_queue_loses_none_and_keeps_their_order(qgis_app):
    worker = Queue()
    heard = Heard(worker)
    for number in range(5):
        worker.start(lambda progress, number=number: number, "job", key=number)
    wait(lambda: len(heard.done) == 5)
    assert heard.done == [0, 1, 2, 3, 4]
    worker.close()


def test_many_queues_side_by_side_lose_none(qgis_app):
    """More short jobs at once than there are processors: QGIS' own task manager lost some of these."""
    workers = [Queue() for _ in range(12)]
    heard = [Heard(worker) for worker in workers]
    for number in range(60):
        for worker in workers:
            worker.start(lambda progress, number=number: progress.report(0.5, "half") or number, "job")
    wait(lambda: all(len(one.done) == 60 for one in heard), 60.0)
    assert all(one.done == list(range(60)) for one in heard)
    for worker in workers:
        worker.close()


def test_reference_systems_outlive_the_threads_they_were_first_used_in(qgis_app):
    from qgis.core import QgsCoordinateReferenceSystem

    worker, found = Queue(), []
    worker.done.connect(found.append)
    worker.start(lambda progress: QgsCoordinateReferenceSystem("EPSG:2056"), "job")  # which no other test uses
    wait(lambda: found)
    worker.close()
    tasks.wait_for_jobs(1.0)
    assert found[0].toWkt() and QgsCoordinateReferenceSystem("EPSG:2056").toWkt()


def test_the_title_of_a_job_is_said_until_it_says_more_and_small_steps_are_not_told(qgis_app):
    worker = Queue()
    heard = Heard(worker)

    def job(progress):
        for step in range(1000):
            progress.report(step / 1e6)
        progress.report(0.5, "half")

    worker.start(job, "Searching")
    wait(lambda: heard.done)
    assert heard.progress == [(0.0, "Searching"), (0.5, "half")]
    worker.close()


def test_a_job_that_starts_another_finds_the_worker_free(qgis_app):
    worker = Queue()
    heard = Heard(worker)

    def again(result):
        if result < 3:
            worker.start(lambda progress: result + 1, "job")

    worker.done.connect(again)
    worker.start(lambda progress: 0, "job")
    wait(lambda: heard.done == [0, 1, 2, 3])
    worker.close()


@pytest.mark.parametrize("dropped", ["running", "waiting"])
def test_a_dropped_job_never_arrives_and_the_next_runs(qgis_app, dropped):
    worker, gate = Queue(), threading.Event()
    heard = Heard(worker)
    worker.start(held(gate), "job", key="running")
    worker.start(lambda progress: "waited", "job", key="waiting")
    worker.start(lambda progress: "last", "job", key="last")
    wait(lambda: heard.progress)
    worker.drop(dropped)
    gate.set()
    wait(lambda: heard.done and heard.done[-1] == "last")
    expected = {"running": ["waited", "last"], "waiting": ["held", "last"]}
    assert heard.done == expected[dropped]
    worker.close()
    wait(lambda: not tasks._RUNNING)
