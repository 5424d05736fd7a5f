"""Arrays read straight from the bytes of a file: contiguous, or chunked and compressed."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from ..errors import GranuleError
from .bytesource import Buffer, ByteSource, Range
from .hdf5 import Chunk, DatasetLayout
from .rowcube import Bsq
from .tiles import FILTERS, SHUFFLE, Key, Tile, Tiles, undone

IntArray = npt.NDArray[np.integer]
Array = np.ndarray[Any, Any]

_TILES_AHEAD, _CHUNKS_AHEAD = 8, 32
"""Pixel tiles, and chunks, that are decoded side by side."""


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
        self.native = layout.dtype == self.dtype
        banded = len(layout.shape) == 3
        self.band_first = banded and band_axis == 0
        shape = layout.shape[1:] + layout.shape[:1] if self.band_first else layout.shape
        self.shape: tuple[int, int] = (shape[0], shape[1])
        self.depth: tuple[int, ...] = tuple(shape[2:])
        self._reader: _Contiguous | _Chunked | Bsq
        if layout.chunks is None and not self.band_first:
            self._reader = _Contiguous(self)
        elif layout.chunks is None and layout.offset is not None:
            self._reader = Bsq(source, (*self.shape, *self.depth), layout.dtype, layout.offset)  # type: ignore[arg-type]
        else:
            self._reader = _Chunked(self)

    def points(self, rows: IntArray, columns: IntArray) -> Array:
        """(n, *depth) values at (row, column) pairs, in their order; indices must be inside."""
        return self._reader.points(np.asarray(rows), np.asarray(columns))

    def window(self, row_start: int, row_stop: int, column_start: int, column_stop: int) -> Array:
        """(rows, columns, *depth) values of a rectangle, clipped to nothing: it must be inside."""
        return self._reader.window(row_start, row_stop, column_start, column_stop)

    def rows(self, start: int, stop: int) -> Array:
        """(stop - start, columns, *depth) values of whole rows."""
        return self.window(start, stop, 0, self.shape[1])

    def ranges(self, rows: IntArray, columns: IntArray) -> list[Range]:
        """The bytes that :meth:`points` would read for the same pairs."""
        return self._reader.ranges(np.asarray(rows), np.asarray(columns))

    def only(self, bands: Sequence[int]) -> StoredArray:
        """The same array where only `bands` are of use: chunks without any of them are never read.

        The values of the other bands are undefined. Both share what is decoded.
        """
        if not isinstance(self._reader, _Chunked) or self.band_first or not self.depth:
            return self
        part = copy(self)
        part._reader = self._reader.only(part, bands)
        return part


def expect(arrays: Sequence[StoredArray], rows: Any, columns: Any, lasting: bool = False) -> None:
    """Tell the file of `arrays` that these pixels of all of them are read next, so that one trip brings them."""
    source = arrays[0].source
    ranges = [part for array in arrays for part in array.ranges(rows, columns)] if source.gap else []
    if ranges:  # else it is at hand, and nothing is won
        source.expect(ranges, lasting)


class _Contiguous:
    """One block: item (row, column) lies at offset + (row * columns + column) * item bytes."""

    def __init__(self, array: StoredArray) -> None:
        self._array = array
        self._item = int(np.prod(array.depth, dtype=np.int64)) * array.layout.dtype.itemsize

    def points(self, rows: Array, columns: Array) -> Array:
        array = self._array
        if len(rows) == 1 and not array.layout.absent:
            return self._read([(int(rows[0]) * array.shape[1] + int(columns[0]), 1)])
        flat = rows.astype(np.int64) * array.shape[1] + columns
        if array.layout.absent or not len(flat):
            return np.full((len(flat), *array.depth), array.layout.fill, array.dtype)
        wanted, inverse = np.unique(flat, return_inverse=True)
        first, lengths = self._runs(wanted)
        values = self._read(list(zip(first.tolist(), lengths.tolist())))
        start_in_values = np.concatenate(([0], np.cumsum(lengths)[:-1]))
        run = np.searchsorted(first, wanted, side="right") - 1
        place = start_in_values[run] + wanted - first[run]
        if len(place) == len(values) and len(inverse) == len(wanted) and np.array_equal(flat, wanted):
            return values  # already in order without gaps: spare the copy
        return values[place[inverse.ravel()]]

    def ranges(self, rows: Array, columns: Array) -> list[Range]:
        if self._array.layout.offset is None or not len(rows):
            return []
        first, lengths = self._runs(np.unique(rows.astype(np.int64) * self._array.shape[1] + columns))
        return self._ranges(zip(first.tolist(), lengths.tolist()))

    def _runs(self, wanted: Array) -> tuple[Array, Array]:
        """First item and number of items of each run of `wanted` (sorted), what is cheaper to read than to skip in."""
        breaks = np.flatnonzero(np.diff(wanted) > 1 + self._array.source.gap // self._item) + 1
        first = wanted[np.concatenate(([0], breaks))]
        last = wanted[np.concatenate((breaks - 1, [len(wanted) - 1]))]
        return first, last - first + 1

    def _ranges(self, runs: Iterable[tuple[int, int]]) -> list[Range]:
        offset = self._array.layout.offset or 0
        return [(offset + first * self._item, n * self._item) for first, n in runs]

    def window(self, row_start: int, row_stop: int, column_start: int, column_stop: int) -> Array:
        array = self._array
        width = column_stop - column_start
        shape = (row_stop - row_start, width, *array.depth)
        if array.layout.absent or 0 in shape:
            return np.full(shape, array.layout.fill, array.dtype)
        if width == array.shape[1]:
            runs = [(row_start * width, shape[0] * width)]
        else:
            runs = [(row * array.shape[1] + column_start, width) for row in range(row_start, row_stop)]
        return self._read(runs).reshape(shape)

    def _read(self, runs: Sequence[tuple[int, int]]) -> Array:
        """Values of runs (first item, number of items), one after the other."""
        array = self._array
        ranges = self._ranges(runs)
        inline = array.layout.inline
        joined: Buffer
        if inline is not None:
            joined = b"".join([inline[start : start + length] for start, length in ranges])
        else:
            joined = array.source.read_joined(ranges)
        values = np.frombuffer(joined, array.layout.dtype).reshape(-1, *array.depth)
        return values if array.native else values.astype(array.dtype)


class _Chunked:
    """Chunks decoded once, kept while there is room, and visited in groups.

    A small array kept in the header, or one never written, is one chunk where its band axis comes first.
    """

    def __init__(self, array: StoredArray) -> None:
        self._array = array
        layout = array.layout
        unknown = [f for f in layout.filters if f not in FILTERS]
        if unknown:
            raise GranuleError(
                f"'{array.source.name}' stores '{array.name}' with HDF5 filter {unknown[0]}, which is not "
                "supported; rewrite it with deflate and shuffle (for instance: nccopy -d 4 -s)."
            )
        self._chunk = layout.chunks or layout.shape
        pixel_axes = (1, 2) if array.band_first else (0, 1)
        self._step = tuple(self._chunk[axis] for axis in pixel_axes)
        self._wanted: Optional[frozenset[int]] = None
        self._tiles = Tiles()

    def only(self, array: StoredArray, bands: Sequence[int]) -> _Chunked:
        """A reader of `array` that leaves out chunks without one of `bands`, with the same tiles."""
        reader = copy(self)
        reader._array, reader._wanted = array, frozenset(band // self._chunk[2] * self._chunk[2] for band in bands)
        return reader

    def ranges(self, rows: Array, columns: Array) -> list[Range]:
        if self._array.layout.inline is not None:
            return []
        tiles = np.unique(np.stack((rows // self._step[0], columns // self._step[1])), axis=1)
        keys = {key for corner in tiles.T.tolist() for _, key in self._under(*corner)}
        chunks = (self._stored(key) for key in self._tiles.missing(sorted(keys)))
        return [(chunk.offset, chunk.length) for chunk in chunks if chunk is not None]

    def points(self, rows: Array, columns: Array) -> Array:
        out = np.empty((len(rows), *self._array.depth), self._array.dtype)
        tile_columns = -(-self._array.shape[1] // self._step[1])
        rows, columns = rows.astype(np.int64), columns.astype(np.int64)
        tile_of = rows // self._step[0] * tile_columns + columns // self._step[1]
        groups, inverse = np.unique(tile_of, return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        bounds = np.searchsorted(inverse[order], np.arange(len(groups) + 1))
        inside = rows % self._step[0], columns % self._step[1]
        corners = [(int(g) // tile_columns, int(g) % tile_columns) for g in groups]
        for start in range(0, len(corners), _TILES_AHEAD):
            self._load([key for corner in corners[start : start + _TILES_AHEAD] for _, key in self._under(*corner)])
            for i in range(start, min(start + _TILES_AHEAD, len(corners))):
                members = order[bounds[i] : bounds[i + 1]]
                at = inside[0][members], inside[1][members]
                for bands, key in self._under(*corners[i]):
                    out[(members, *bands)] = self._tile(key).points(*at, *bands)
        return out

    def window(self, row_start: int, row_stop: int, column_start: int, column_stop: int) -> Array:
        shape = (row_stop - row_start, column_stop - column_start, *self._array.depth)
        out = np.empty(shape, self._array.dtype)
        if 0 in shape:
            return out
        for tile_row in range(row_start // self._step[0], -(-row_stop // self._step[0])):
            to_rows, from_rows = _overlap(tile_row, self._step[0], row_start, row_stop)
            span = range(column_start // self._step[1], -(-column_stop // self._step[1]))
            self._load([key for tile_column in span for _, key in self._under(tile_row, tile_column)])
            for tile_column in span:
                to_columns, from_columns = _overlap(tile_column, self._step[1], column_start, column_stop)
                for bands, key in self._under(tile_row, tile_column):
                    out[(to_rows, to_columns, *bands)] = self._tile(key).window(from_rows, from_columns, *bands)
        return out

    def _under(self, tile_row: int, tile_column: int) -> Iterator[tuple[tuple[slice, ...], Key]]:
        """(band slice, first element) of every chunk under one pixel tile."""
        row, column = tile_row * self._step[0], tile_column * self._step[1]
        if not self._array.depth:
            yield (), (row, column)
            return
        step = self._chunk[0] if self._array.band_first else self._chunk[2]
        for band in range(0, self._array.depth[0], step):
            if self._wanted is not None and band not in self._wanted:
                continue
            key = (band, row, column) if self._array.band_first else (row, column, band)
            yield (slice(band, min(band + step, self._array.depth[0])),), key

    def _tile(self, key: Key) -> Tile:
        self._load([key])
        tile = self._tiles.get(key)
        return self._decoded([key])[0] if tile is None else tile  # more was asked at once than is kept

    def _load(self, keys: Sequence[Key]) -> None:
        """Decode what is missing, side by side: inflating lets go of the interpreter."""
        if not self._tiles.missing(keys):
            return
        with self._tiles.decoding:  # another thread may be at the same chunks: then they are there when it is done
            missing = self._tiles.missing(keys)
            for start in range(0, len(missing), _CHUNKS_AHEAD):
                some = missing[start : start + _CHUNKS_AHEAD]
                self._tiles.keep(some, self._decoded(some))

    def _decoded(self, keys: Sequence[Key]) -> list[Tile]:
        stored = [self._stored(key) for key in keys]
        ranges = [(chunk.offset, chunk.length) for chunk in stored if chunk is not None]
        inline = self._array.layout.inline
        parts = iter([inline] if inline is not None else self._array.source.read_ranges(ranges) if ranges else ())
        jobs = [(chunk, next(parts) if chunk is not None else b"") for chunk in stored]
        if len(jobs) == 1:
            return [self._decode(*jobs[0])]
        with ThreadPoolExecutor(min(len(jobs), os.cpu_count() or 1)) as pool:
            return list(pool.map(lambda job: self._decode(*job), jobs))

    def _stored(self, key: Key) -> Optional[Chunk]:
        """Where a chunk lies; None where it was never written."""
        layout = self._array.layout
        if layout.inline is not None:
            return Chunk(0, len(layout.inline), 0)
        return layout.index.get(key)

    def _decode(self, chunk: Optional[Chunk], data: bytes) -> Tile:
        layout, array = self._array.layout, self._array
        if chunk is None:
            values = np.full(self._chunk, layout.fill, layout.dtype)
            return Tile(values.tobytes(), self._chunk, layout.dtype, array.band_first, shuffled=False)
        applied = [f for i, f in enumerate(layout.filters) if not chunk.skipped >> i & 1]
        shuffled = applied[:1] == [SHUFFLE]  # undone last, and only for the values that are asked for
        try:
            n_bytes = int(np.prod(self._chunk)) * layout.dtype.itemsize
            data = undone(data, applied[shuffled:], layout.dtype.itemsize, n_bytes)
            return Tile(data, self._chunk, layout.dtype, array.band_first, shuffled)
        except (zlib.error, ValueError) as error:
            raise GranuleError(
                f"'{array.source.name}' is damaged: a chunk of '{array.name}' at byte {chunk.offset} cannot be "
                f"decoded ({error}); fetch it again."
            ) from error


def _overlap(tile: int, step: int, start: int, stop: int) -> tuple[slice, slice]:
    """Where tile number `tile` lands in [start, stop), and which part of the tile that is."""
    first = max(tile * step, start)
    last = min((tile + 1) * step, stop)
    return slice(first - start, last - start), slice(first - tile * step, last - tile * step)
