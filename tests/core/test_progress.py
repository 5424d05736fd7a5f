"""A share of the progress: a part of a bar that can be parted again."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pixel_spectra.core.errors import Cancelled
from pixel_spectra.core.progress import PatientLock, Share, checkpoint, listening

FRACTION = st.floats(0, 1)


class Bar:
    def __init__(self, cancelled=False):
        self.cancelled, self.seen = cancelled, []

    def report(self, fraction, message=""):
        self.seen.append((fraction, message))


def test_a_share_fills_its_part_of_the_bar():
    bar = Bar()
    share = Share(bar, 0.5, 0.75)
    share.report(0.0, "Reading")
    checkpoint(share, 0.5)
    share.part(0.5, 1.0).report(0.5)
    share.part(0.5, 1.0).part(0.0, 0.5).report(1.0, "Done")
    assert bar.seen == [(0.5, "Reading"), (0.625, ""), (0.6875, ""), (0.6875, "Done")]


def test_cancelling_reaches_every_share():
    share = Share(Bar(cancelled=True), 0.0, 0.5).part(0.0, 0.5)
    assert share.cancelled
    with pytest.raises(Cancelled, match="nothing was written"):
        checkpoint(share, 0.0)


@given(st.tuples(FRACTION, FRACTION).map(sorted), st.tuples(FRACTION, FRACTION).map(sorted), FRACTION)
def test_no_rounding_leaves_the_part(whole, part, fraction):
    bar = Bar()
    Share(bar, *whole).part(*part).report(fraction)
    assert whole[0] <= bar.seen[0][0] <= whole[1]


def test_waiting_for_a_lock_ends_when_the_listener_cancels():
    lock = PatientLock()
    waiting = type("Cancelled", (), {"cancelled": True, "report": lambda *_: None})()
    with lock, listening(waiting), ThreadPoolExecutor(1) as pool:
        second = pool.submit(copy_context().run, lock.__enter__)
        with pytest.raises(Cancelled):
            second.result(timeout=5)
    with lock:
        pass  # let go of, and never taken by who gave up
