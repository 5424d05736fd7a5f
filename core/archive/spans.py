"""Which bytes of a file are at hand, and which are to be fetched together."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import Optional

from ..io.bytesource import Range

Span = tuple[int, bytes]
"""(offset, bytes)."""


class Spans:
    """Bytes at offsets, none twice; with a limit, those not used for the longest time go first."""

    def __init__(self, limit_bytes: Optional[int] = None) -> None:
        self._limit = limit_bytes
        self._starts: list[int] = []
        self._data: OrderedDict[int, bytes] = OrderedDict()
        self.n_bytes = 0

    def add(self, start: int, data: bytes) -> None:
        """Keep what is new of `data`."""
        for offset, length in self.missing([(start, len(data))]):
            part = data if length == len(data) else data[offset - start : offset - start + length]
            insort(self._starts, offset)
            self._data[offset] = part
            self.n_bytes += length
        while self._limit is not None and self.n_bytes > self._limit and self._data:
            offset, part = self._data.popitem(last=False)
            del self._starts[bisect_left(self._starts, offset)]
            self.n_bytes -= len(part)

    def missing(self, ranges: Iterable[Range]) -> list[Range]:
        """What of `ranges` is not here: apart from each other, in the order of the file."""
        return [hole for offset, length in united(ranges) for hole in self._holes(offset, offset + length)]

    def under(self, ranges: Iterable[Range]) -> Iterator[Span]:
        """The spans that hold anything of `ranges`, now used."""
        for offset, length in united(ranges):
            for start in list(self._touching(offset, offset + length)):
                self._data.move_to_end(start)
                yield start, self._data[start]

    def read(self, offset: int, length: int) -> bytes:
        """Bytes that are all here; raises LookupError where they are not."""
        parts, at, end = [], offset, offset + length
        for start in self._touching(offset, end):
            data = self._data[start]
            if start > at:
                break
            parts.append(data[at - start : end - start] if at > start or end < start + len(data) else data)
            at = min(end, start + len(data))
        if at < end:
            raise LookupError(f"byte {at}")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def clear(self) -> None:
        """Forget everything."""
        self._starts.clear()
        self._data.clear()
        self.n_bytes = 0

    def _touching(self, start: int, stop: int) -> Iterator[int]:
        """Starts of the spans that share a byte with start..stop."""
        i = max(0, bisect_right(self._starts, start) - 1)
        while i < len(self._starts) and self._starts[i] < stop:
            if self._starts[i] + len(self._data[self._starts[i]]) > start:
                yield self._starts[i]
            i += 1

    def _holes(self, start: int, stop: int) -> Iterator[Range]:
        at = start
        for begin in self._touching(start, stop):
            if begin > at:
                yield at, begin - at
            at = begin + len(self._data[begin])
        if at < stop:
            yield at, stop - at


def united(ranges: Iterable[Range], gap: int = 0) -> list[Range]:
    """`ranges` in the order of the file, those less than or exactly `gap` bytes apart as one; empty ones left out.

    >>> united([(100, 10), (0, 20), (15, 10), (30, 0)], gap=50)
    [(0, 25), (100, 10)]
    """
    out: list[Range] = []
    for offset, length in sorted(ranges):
        if length <= 0:
            continue
        if out and offset <= out[-1][0] + out[-1][1] + gap:
            start, before = out[-1]
            out[-1] = start, max(before, offset + length - start)
        else:
            out.append((offset, length))
    return out


def without(ranges: Iterable[Range], taken: Sequence[Range]) -> list[Range]:
    """What is left of `ranges` beside those `taken`.

    >>> without([(0, 10)], [(3, 2)])
    [(0, 3), (5, 5)]
    """
    left = united(ranges)
    for start, length in taken:
        left = [part for offset, extent in left for part in _beside(offset, offset + extent, start, start + length)]
    return left


def meeting(spans: Iterable[Range], ranges: Iterable[Range]) -> list[Range]:
    """Those of `spans` that share a byte with any of `ranges`, which are apart and in the order of the file.

    >>> meeting([(0, 10), (20, 10)], [(5, 3), (12, 8)])
    [(0, 10)]
    """
    apart = list(ranges)
    starts = [offset for offset, _ in apart]

    def meets(span: Range) -> bool:
        before = bisect_left(starts, sum(span)) - 1
        return span[1] > 0 and before >= 0 and sum(apart[before]) > span[0]

    return [span for span in spans if meets(span)]


def divided(ranges: Iterable[Range], size: int) -> list[Range]:
    """`ranges` in pieces of at most `size` bytes."""
    return [(at, min(size, offset + length - at))
            for offset, length in ranges for at in range(offset, offset + length, size)]


def _beside(start: int, stop: int, taken: int, until: int) -> Iterator[Range]:
    if until <= start or taken >= stop:
        yield start, stop - start
        return
    if start < taken:
        yield start, taken - start
    if until < stop:
        yield until, stop - until
