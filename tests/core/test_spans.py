"""Which bytes are at hand, and which are fetched together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pixel_spectra.core.archive.blocks import BlockFile
from pixel_spectra.core.archive.spans import Spans, divided, meeting, united, without

FILE = bytes(range(200))
RANGES = st.lists(st.tuples(st.integers(0, 150), st.integers(0, 50)), max_size=8)


def held(*ranges, limit=None):
    spans = Spans(limit)
    for offset, length in ranges:
        spans.add(offset, FILE[offset : offset + length])
    return spans


@pytest.mark.parametrize("ranges, gap, expected", [
    ([(10, 5), (0, 5)], 0, [(0, 5), (10, 5)]),
    ([(0, 5), (5, 5)], 0, [(0, 10)]),
    ([(0, 5), (10, 5)], 5, [(0, 15)]),
    ([(0, 5), (10, 5)], 4, [(0, 5), (10, 5)]),
    ([(0, 20), (5, 5)], 0, [(0, 20)]),
    ([(3, 0)], 9, []),
])
def test_united(ranges, gap, expected):
    assert united(ranges, gap) == expected


def test_divided():
    assert divided([(3, 10), (50, 2)], 4) == [(3, 4), (7, 4), (11, 2), (50, 2)]


def test_without():
    assert without([(0, 10), (20, 10)], [(5, 20), (28, 1)]) == [(0, 5), (25, 3), (29, 1)]


def test_a_read_over_several_spans():
    assert held((0, 10), (10, 10), (25, 5)).read(5, 12) == FILE[5:17]


def test_a_read_of_what_is_not_here():
    with pytest.raises(LookupError, match="byte 20"):
        held((0, 20), (25, 5)).read(5, 20)


def test_what_is_missing():
    assert held((10, 10), (30, 5)).missing([(0, 40)]) == [(0, 10), (20, 10), (35, 5)]


def test_the_oldest_spans_go_first():
    spans = held((0, 10), (20, 10), limit=25)
    list(spans.under([(0, 1)]))
    spans.add(40, FILE[40:50])
    assert spans.missing([(0, 10), (20, 10), (40, 10)]) == [(20, 10)]


def test_more_than_the_limit_is_not_kept():
    assert held((0, 30), limit=25).n_bytes == 0


@given(RANGES, RANGES)
def test_no_byte_is_held_twice_and_all_that_is_not_missing_can_be_read(kept, wanted):
    spans = held(*kept)
    there = {byte for offset, length in kept for byte in range(offset, offset + length)}
    assert spans.n_bytes == len(there)
    missing = {byte for offset, length in spans.missing(wanted) for byte in range(offset, offset + length)}
    assert missing == {byte for offset, length in wanted for byte in range(offset, offset + length)} - there
    for offset, length in wanted:
        if not missing & set(range(offset, offset + length)):
            assert spans.read(offset, length) == FILE[offset : offset + length]


@given(RANGES, RANGES)
def test_meeting_is_sharing_a_byte(spans, ranges):
    bytes_of = [set(range(offset, offset + length)) for offset, length in ranges]
    assert meeting(spans, united(ranges)) == [
        span for span in spans if any(set(range(span[0], sum(span))) & here for here in bytes_of)]


class Counted:
    """A source that notes what is read of it."""

    name, size = "https://host/x", 200

    def __init__(self):
        self.read = []

    def read_ranges(self, ranges):
        self.read += ranges
        return [FILE[offset : offset + length] for offset, length in ranges]


def test_a_block_file_reads_each_block_once():
    source = Counted()
    file = BlockFile(source, block_bytes=64)
    file.seek(60)
    assert (file.read(10), file.tell()) == (FILE[60:70], 70)
    assert file.read(50) == FILE[70:120]
    assert source.read == [(0, 64), (64, 64)]


def test_a_block_file_ends_where_the_source_does():
    file = BlockFile(Counted(), block_bytes=64)
    assert file.seek(-5, 2) == 195
    assert (file.read(10), file.read(10)) == (FILE[195:], b"")
    assert file.seek(0) == 0
    assert file.read() == FILE
    with pytest.raises(ValueError, match="byte -1"):
        file.seek(-1)
