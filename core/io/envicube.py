"""The pixels of an ENVI image, read by position from its bytes whatever the interleave.

BIP is one block of spectra and is read as such. BIL and BSQ are tables of rows, the values of one line in
one band: a rectangle of pixels is a list of byte ranges. Nothing is held open or kept in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Callable, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import GranuleError
from .bytesource import ByteSource, Range
from .hdf5 import DatasetLayout
from .storedarray import StoredArray

Array = npt.NDArray[Any]
IntArray = npt.NDArray[np.integer]
Shape = tuple[int, int, int]
"""(lines, samples, bands)."""

_WHOLE_ROW_BYTES = 8192
"""A row of one band up to this length is read whole: skipping parts of it costs more than reading them."""
_RUN_BYTES = 16 << 20
"""Bytes of whole lines read at once for scattered pixels."""


class PixelReader(Protocol):
    """What every interleave offers; the band axis comes last."""

    def points(self, rows: IntArray, columns: IntArray) -> Array:
        """(n, bands) values at (row, column) pairs, in their order; indices must be inside."""

    def rows(self, start: int, stop: int) -> Array:
        """(stop - start, samples, bands) values of whole lines."""


def open_cube(source: ByteSource, shape: Shape, dtype: np.dtype[Any], interleave: str, offset: int) -> PixelReader:
    """The reader of an image of `shape` whose first value lies at byte `offset`.

    Raises :class:`GranuleError` for an unknown interleave, or a file too short for `shape`.
    """
    name = interleave.strip().lower()
    if name not in INTERLEAVES:
        known = ", ".join(INTERLEAVES)
        raise GranuleError(f"'{source.name}' has the interleave '{interleave}'; the known ones are: {known}.")
    end = offset + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if offset < 0 or end > source.size:
        raise GranuleError(
            f"'{source.name}' is truncated: {shape[0]} lines x {shape[1]} samples x {shape[2]} bands of "
            f"{dtype.itemsize} bytes end at byte {end} of a file of {source.size} bytes; fetch it again, or "
            "correct its header."
        )
    return INTERLEAVES[name](source, shape, dtype, offset)


class _RowCube:
    """BIL and BSQ: rows of one band, in an order that the subclass knows."""

    def __init__(self, source: ByteSource, shape: Shape, dtype: np.dtype[Any], offset: int) -> None:
        self._source, self._shape, self._dtype, self._offset = source, shape, dtype, offset
        self._item = dtype.itemsize
        self._row_bytes = shape[1] * self._item
        self._whole_rows = self._row_bytes <= max(_WHOLE_ROW_BYTES, source.gap)

    def rows(self, start: int, stop: int) -> Array:
        return self._window(start, stop, 0, self._shape[1])

    def points(self, rows: IntArray, columns: IntArray) -> Array:
        r, c = np.asarray(rows, np.int64), np.asarray(columns, np.int64)
        out = np.empty((len(r), self._shape[2]), self._dtype)
        order = np.argsort(r, kind="stable")
        for run in self._runs(r[order]):
            members = order[run]
            r0, r1 = int(r[members[0]]), int(r[members[-1]]) + 1
            c0, c1 = int(c[members].min()), int(c[members].max()) + 1
            out[members] = self._window(r0, r1, c0, c1)[r[members] - r0, c[members] - c0]
        return out

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
        return np.frombuffer(parts[0] if len(parts) == 1 else b"".join(parts), self._dtype)


class _Bil(_RowCube):
    """Line after line, in each the bands one after the other."""

    def _window(self, r0: int, r1: int, c0: int, c1: int) -> Array:
        bands, row = self._shape[2], self._row_bytes
        if self._whole_rows or c1 - c0 == self._shape[1]:
            values = self._read([(r0 * bands * row, (r1 - r0) * bands * row)])
            return values.reshape(r1 - r0, bands, -1)[:, :, c0:c1].transpose(0, 2, 1)
        width = (c1 - c0) * self._item
        values = self._read([(k * row + c0 * self._item, width) for k in range(r0 * bands, r1 * bands)])
        return values.reshape(r1 - r0, bands, -1).transpose(0, 2, 1)


class _Bsq(_RowCube):
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


def _bip(source: ByteSource, shape: Shape, dtype: np.dtype[Any], offset: int) -> PixelReader:
    """Spectrum after spectrum: a contiguous array, one range per pixel."""
    return StoredArray(source, DatasetLayout("image", shape, dtype, np.nan, offset))


INTERLEAVES: dict[str, Callable[[ByteSource, Shape, np.dtype[Any], int], PixelReader]] = {
    "bil": _Bil, "bip": _bip, "bsq": _Bsq,
}
"""Name in the header -> reader."""
