"""A share of the progress: a part of a bar that can be parted again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pixel_spectra.core.errors import Cancelled
from pixel_spectra.core.progress import Share, checkpoint

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
