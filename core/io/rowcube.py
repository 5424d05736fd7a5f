"""Pixels of an image that is stored as rows of one band: a rectangle of pixels is a list of byte ranges.

So are band-interleaved-by-line and band-sequential images. Nothing is held open or kept in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from .bytesource import ByteSource, Range

Array = npt.NDArray[Any]
IntArray = npt.NDArray[np.integer]
Shape = tuple[int, int, int]
"""(lines, samples, bands)."""

_WHOLE_ROW_BYTES = 8192
"""A row of one band up to this length is read whole: skipping parts of it costs more than reading them."""
_RUN_BYTES = 16 << 20
"""Bytes of whole lines read at once for scattered pixels."""


class RowCube:
    """Rows of one band, in an order that the subclass knows; the band axis of what is read comes last."""

    def __init__(self, source: ByteSource, shape: Shape, dtype: np.dtype[Any], offset: int) -> None:
        """The first value of an image of `shape` lies at byte `offset`."""
        self._source, self._shape, self._dtype, self._offset = source, shape, dtype, offset
        self._native = dtype.newbyteorder("=")
        self._item = dtype.itemsize
        self._row_bytes = shape[1] * self._item
        self._whole_rows = self._row_bytes <= max(_WHOLE_ROW_BYTES, source.gap)

    def rows(self, start: int, stop: int) -> Array:
        """(stop - start, samples, bands) values of whole lines."""
        return self.window(start, stop, 0, self._shape[1])

    def window(self, row_start: int, row_stop: int, column_start: int, column_stop: int) -> Array:
        """(rows, columns, bands) values of a rectangle, which must be inside."""
        if row_start >= row_stop or column_start >= column_stop:
            return np.empty((row_stop - row_start, column_stop - column_start, self._shape[2]), self._native)
        return self._window(row_start, row_stop, column_start, column_stop)

    def points(self, rows: IntArray, columns: IntArray) -> Array:
        """(n, bands) values at (row, column) pairs, in their order; indices must be inside."""
        r, c = np.asarray(rows, np.int64), np.asarray(columns, np.int64)
        out = np.empty((len(r), self._shape[2]), self._native)
        order = np.argsort(r, kind="stable")
        for run in self._runs(r[order]):
            members = order[run]
            r0, r1 = int(r[members[0]]), int(r[members[-1]]) + 1
            c0, c1 = int(c[members].min()), int(c[members].max()) + 1
            out[members] = self._window(r0, r1, c0, c1)[r[members] - r0, c[members] - c0]
        return out

    def ranges(self, rows: IntArray, columns: IntArray) -> list[Range]:
        """Nothing is told ahead: each band lies by itself, and one call reads them all."""
        return []

    def _runs(self, rows: IntArray) -> Iterator[slice]:
        """Slices of sorted pixels on neighbouring lines, not too many lines at once."""
        lines, first = np.unique(rows, return_index=True)
        bounds = [*first.tolist(), len(rows)]
        most = max(1, _RUN_BYTES // (self._row_bytes * self._shape[2]))
        start = 0
        for i in range(1, len(lines) + 1):
            if i == len(lines) or lines[i] - lines[i - 1] > 1 or i - start >= most:
                yield slice(bounds[start], bounds[i])
                start = i

    def _window(self, r0: int, r1: int, c0: int, c1: int) -> Array:
        """(rows, columns, bands) of a rectangle."""
        raise NotImplementedError

    def _read(self, ranges: list[Range]) -> Array:
        """The values of byte ranges counted from the first value, one after the other."""
        parts = self._source.read_ranges([(self._offset + first, length) for first, length in ranges])
        values = np.frombuffer(parts[0] if len(parts) == 1 else b"".join(parts), self._dtype)
        return values.astype(self._native, copy=False)


class Bil(RowCube):
    """Line after line, in each the bands one after the other."""

    def _window(self, r0: int, r1: int, c0: int, c1: int) -> Array:
        bands, row = self._shape[2], self._row_bytes
        if self._whole_rows or c1 - c0 == self._shape[1]:
            values = self._read([(r0 * bands * row, (r1 - r0) * bands * row)])
            return values.reshape(r1 - r0, bands, -1)[:, :, c0:c1].transpose(0, 2, 1)
        width = (c1 - c0) * self._item
        values = self._read([(k * row + c0 * self._item, width) for k in range(r0 * bands, r1 * bands)])
        return values.reshape(r1 - r0, bands, -1).transpose(0, 2, 1)


class Bsq(RowCube):
    """Band after band, each a picture."""

    def _window(self, r0: int, r1: int, c0: int, c1: int) -> Array:
        (lines, samples, bands), row = self._shape, self._row_bytes
        if c1 - c0 == samples or (self._whole_rows and r1 - r0 > 1):
            values = self._read([((b * lines + r0) * row, (r1 - r0) * row) for b in range(bands)])
            return values.reshape(bands, r1 - r0, samples)[:, :, c0:c1].transpose(1, 2, 0)
        width = (c1 - c0) * self._item
        values = self._read([((b * lines + r) * row + c0 * self._item, width)
                             for b in range(bands) for r in range(r0, r1)])
        return values.reshape(bands, r1 - r0, -1).transpose(1, 2, 0)
