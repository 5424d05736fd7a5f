"""Arrays read straight from the bytes of a file: contiguous, or chunked and compressed."""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, Callable

import numpy as np
import numpy.typing as npt

from ..errors import GranuleError
from .bytesource import ByteSource, Range
from .hdf5 import Chunk, DatasetLayout

IntArray = npt.NDArray[np.integer]
Array = np.ndarray[Any, Any]

_CACHE_BYTES = 48 << 20
"""Decoded chunks kept per array: enough for a neighbourhood of clicks, small beside a granule."""


class StoredArray:
    """A 2-D or 3-D dataset whose two pixel axes are (row, column); a third axis holds bands.

    `band_axis` is -1 (last, as in sensor space) or 0 (first, as in gridded files); results
    always have the band axis last.
    """

    def __init__(self, source: ByteSource, layout: DatasetLayout, band_axis: int = -1) -> None:
        self.source = source
        self.layout = layout
        self.name = layout.name
        self.dtype = layout.dtype.newbyteorder("=")
        banded = len(layout.shape) == 3
        self.band_first = banded and band_axis == 0
        shape = layout.shape[1:] + layout.shape[:1] if self.band_first else layout.shape
        self.shape: tuple[int, int] = (shape[0], shape[1])
        self.depth: tuple[int, ...] = tuple(shape[2:])
        self._reader: _Contiguous | _Chunked
        if layout.chunks is None and not self.band_first:
            self._reader = _Contiguous(self)
        else:
            self._reader = _Chunked(self)

    def points(self, rows: IntArray, columns: IntArray) -> Array:
        """(n, *depth) values at (row, column) pairs, in their order; indices must be inside."""
        return self._reader.points(np.asarray(rows, np.int64), np.asarray(columns, np.int64))

    def window(self, row_start: int, row_stop: int, column_start: int, column_stop: int) -> Array:
        """(rows, columns, *depth) values of a rectangle, clipped to nothing: it must be inside."""
        return self._reader.window(row_start, row_stop, column_start, column_stop)

    def rows(self, start: int, stop: int) -> Array:
        """(stop - start, columns, *depth) values of whole rows."""
        return self.window(start, stop, 0, self.shape[1])


class _Contiguous:
    """One block: item (row, column) lies at offset + (row * columns + column) * item bytes."""

    def __init__(self, array: StoredArray) -> None:
        self._array = array
        self._item = int(np.prod(array.depth, dtype=np.int64)) * array.layout.dtype.itemsize

    def points(self, rows: Array, columns: Array) -> Array:
        array = self._array
        flat = rows * array.shape[1] + columns
        if array.layout.offset is None or not len(flat):
            return np.full((len(flat), *array.depth), array.layout.fill, array.dtype)
        if len(flat) == 1:
            return self._read([(int(flat[0]), 1)])
        wanted, inverse = np.unique(flat, return_inverse=True)
        breaks = np.flatnonzero(np.diff(wanted) > 1 + array.source.gap // self._item) + 1
        first = wanted[np.concatenate(([0], breaks))]
        last = wanted[np.concatenate((breaks - 1, [len(wanted) - 1]))]
        lengths = last - first + 1
        values = self._read(list(zip(first.tolist(), lengths.tolist())))
        start_in_values = np.concatenate(([0], np.cumsum(lengths)[:-1]))
        run = np.searchsorted(first, wanted, side="right") - 1
        place = start_in_values[run] + wanted - first[run]
        if len(place) == len(values) and len(inverse) == len(wanted) and np.array_equal(flat, wanted):
            return values  # already in order without gaps: spare the copy
        return values[place[inverse.ravel()]]

    def window(self, row_start: int, row_stop: int, column_start: int, column_stop: int) -> Array:
        array = self._array
        width = column_stop - column_start
        shape = (row_stop - row_start, width, *array.depth)
        if array.layout.offset is None or 0 in shape:
            return np.full(shape, array.layout.fill, array.dtype)
        if width == array.shape[1]:
            runs = [(row_start * width, shape[0] * width)]
        else:
            runs = [(row * array.shape[1] + column_start, width) for row in range(row_start, row_stop)]
        return self._read(runs).reshape(shape)

    def _read(self, runs: Sequence[tuple[int, int]]) -> Array:
        """Values of runs (first item, number of items), one after the other."""
        array = self._array
        offset = array.layout.offset or 0
        ranges: list[Range] = [(offset + first * self._item, n * self._item) for first, n in runs]
        parts = array.source.read_ranges(ranges)
        joined = parts[0] if len(parts) == 1 else b"".join(parts)
        values = np.frombuffer(joined, array.layout.dtype).reshape(-1, *array.depth)
        return values.astype(array.dtype, copy=False)


class _Chunked:
    """Chunks decoded once, kept while there is room, and visited in groups."""

    def __init__(self, array: StoredArray) -> None:
        self._array = array
        layout = array.layout
        unknown = [f for f in layout.filters if f not in _FILTERS]
        if unknown:
            raise GranuleError(
                f"'{array.source.name}' stores '{array.name}' with HDF5 filter {unknown[0]}, which is not "
                "supported; rewrite it with deflate and shuffle (for instance: nccopy -d 4 -s)."
            )
        self._chunk = layout.chunks or layout.shape
        pixel_axes = (1, 2) if array.band_first else (0, 1)
        self._step = tuple(self._chunk[axis] for axis in pixel_axes)
        self._cache: OrderedDict[tuple[int, ...], Array] = OrderedDict()
        self._kept = 0
        self._lock = threading.Lock()

    def points(self, rows: Array, columns: Array) -> Array:
        out = np.empty((len(rows), *self._array.depth), self._array.dtype)
        tiles = np.stack((rows // self._step[0], columns // self._step[1]), axis=1)
        groups, inverse = np.unique(tiles, axis=0, return_inverse=True)
        order = np.argsort(inverse.ravel(), kind="stable")
        bounds = np.searchsorted(inverse.ravel()[order], np.arange(len(groups) + 1))
        for i, (tile_row, tile_column) in enumerate(groups.tolist()):
            members = order[bounds[i] : bounds[i + 1]]
            inside = (rows[members] - tile_row * self._step[0], columns[members] - tile_column * self._step[1])
            for bands, tile in self._tiles(tile_row, tile_column):
                out[(members, *bands)] = tile[inside]
        return out

    def window(self, row_start: int, row_stop: int, column_start: int, column_stop: int) -> Array:
        shape = (row_stop - row_start, column_stop - column_start, *self._array.depth)
        out = np.empty(shape, self._array.dtype)
        if 0 in shape:
            return out
        for tile_row in range(row_start // self._step[0], -(-row_stop // self._step[0])):
            for tile_column in range(column_start // self._step[1], -(-column_stop // self._step[1])):
                to_rows, from_rows = _overlap(tile_row, self._step[0], row_start, row_stop)
                to_columns, from_columns = _overlap(tile_column, self._step[1], column_start, column_stop)
                for bands, tile in self._tiles(tile_row, tile_column):
                    out[(to_rows, to_columns, *bands)] = tile[from_rows, from_columns]
        return out

    def _tiles(self, tile_row: int, tile_column: int) -> Iterable[tuple[tuple[slice, ...], Array]]:
        """(band slice, tile with the band axis last) of every chunk under one pixel tile."""
        row, column = tile_row * self._step[0], tile_column * self._step[1]
        if not self._array.depth:
            yield (), self._decoded((row, column))
            return
        n_bands = self._array.depth[0]
        step = self._chunk[0] if self._array.band_first else self._chunk[2]
        for band in range(0, n_bands, step):
            bands = slice(band, min(band + step, n_bands))
            width = bands.stop - bands.start
            if self._array.band_first:
                yield (bands,), np.moveaxis(self._decoded((band, row, column)), 0, -1)[..., :width]
            else:
                yield (bands,), self._decoded((row, column, band))[..., :width]

    def _decoded(self, first: tuple[int, ...]) -> Array:
        with self._lock:
            if first in self._cache:
                self._cache.move_to_end(first)
                return self._cache[first]
        tile = self._decode(first)
        with self._lock:
            if first not in self._cache:
                self._cache[first] = tile
                self._kept += tile.nbytes
            while self._kept > _CACHE_BYTES and len(self._cache) > 1:
                self._kept -= self._cache.popitem(last=False)[1].nbytes
        return tile

    def _decode(self, first: tuple[int, ...]) -> Array:
        """The chunk that starts at element `first`, whole, edge chunks included."""
        array, layout = self._array, self._array.layout
        if layout.chunks is None:
            if layout.offset is None:
                return np.full(layout.shape, layout.fill, array.dtype)
            chunk = Chunk(layout.offset, int(np.prod(layout.shape)) * layout.dtype.itemsize, 0)
        else:
            stored = (layout.index or {}).get(first)
            if stored is None:
                return np.full(self._chunk, layout.fill, array.dtype)
            chunk = stored
        data = array.source.read_ranges([(chunk.offset, chunk.length)])[0]
        try:
            for position in reversed(range(len(layout.filters))):
                if not chunk.skipped >> position & 1:
                    data = _FILTERS[layout.filters[position]](data, layout.dtype.itemsize)
            values = np.frombuffer(data, layout.dtype).reshape(self._chunk)
        except (zlib.error, ValueError) as error:
            raise GranuleError(
                f"'{array.source.name}' is damaged: a chunk of '{array.name}' at byte {chunk.offset} cannot be "
                f"decoded ({error}); fetch it again."
            ) from error
        return values.astype(array.dtype, copy=False)


def _overlap(tile: int, step: int, start: int, stop: int) -> tuple[slice, slice]:
    """Where tile number `tile` lands in [start, stop), and which part of the tile that is."""
    first = max(tile * step, start)
    last = min((tile + 1) * step, stop)
    return slice(first - start, last - start), slice(first - tile * step, last - tile * step)


def _inflate(data: bytes, itemsize: int) -> bytes:
    return zlib.decompress(data)


def _unshuffle(data: bytes, itemsize: int) -> bytes:
    return np.frombuffer(data, np.uint8).reshape(itemsize, -1).T.tobytes()


def _strip_checksum(data: bytes, itemsize: int) -> bytes:
    return data[:-4]


_FILTERS: dict[int, Callable[[bytes, int], bytes]] = {1: _inflate, 2: _unshuffle, 3: _strip_checksum}
"""HDF5 filter number -> its inverse: deflate, shuffle, fletcher32."""
