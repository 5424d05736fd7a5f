"""Decoded chunks of an array: what their filters undo, how values come out of them, and which are kept."""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Callable, Optional

import numpy as np

from ..progress import PatientLock
from .room import Room

Array = np.ndarray[Any, Any]
Key = tuple[int, ...]
"""First element of a chunk."""

_CACHE_BYTES = 96 << 20
"""Decoded chunks kept per array: the mask of a usual scene (51 MB) fits, a granule (1.8 GB) need not."""
_ROOM = Room(512 << 20)
"""Decoded chunks kept of all arrays: many scenes may be open."""


class Tiles:
    """Decoded chunks of one array, the latest used ones, for any thread."""

    def __init__(self) -> None:
        self._cache: OrderedDict[Key, Tile] = OrderedDict()
        self._kept = 0
        self._lock = threading.Lock()
        self.decoding = PatientLock()
        """Held by the thread that decodes."""

    def get(self, key: Key) -> Optional[Tile]:
        """One of them, now the latest used; None where it is not kept."""
        with self._lock:
            tile = self._cache.get(key)
            if tile is not None:
                self._cache.move_to_end(key)
            return tile

    def missing(self, keys: Sequence[Key]) -> list[Key]:
        """Those of `keys` that are not kept."""
        with self._lock:
            return [key for key in keys if key not in self._cache]

    def keep(self, keys: Sequence[Key], tiles: Sequence[Tile]) -> None:
        """Keep them, and let go of the longest unused ones where there is no room."""
        with self._lock:
            for key, tile in zip(keys, tiles):
                if key not in self._cache:
                    self._cache[key] = tile
                    self._kept += tile.nbytes
            while self._kept > _CACHE_BYTES and len(self._cache) > 1:
                self._kept -= self._cache.popitem(last=False)[1].nbytes
        _ROOM.grew(self)

    @property
    def n_kept(self) -> int:
        """Bytes of the tiles kept."""
        return self._kept

    def let_go(self) -> None:
        """Keep none: others need the room."""
        with self._lock:
            self._cache.clear()
            self._kept = 0


class Tile:
    """One inflated chunk; a shuffled one stays so until values are asked for."""

    def __init__(self, data: bytes, shape: tuple[int, ...], dtype: np.dtype[Any], band_first: bool,
                 shuffled: bool) -> None:
        """Raises ValueError where `data` is not exactly one chunk."""
        self._shape, self._dtype, self._band_first = shape, dtype, band_first
        self.nbytes = len(data)
        if len(data) != int(np.prod(shape)) * dtype.itemsize:
            raise ValueError(f"{len(data)} bytes for a chunk of {shape}")
        self._planes = np.frombuffer(data, np.uint8).reshape(dtype.itemsize, -1) if shuffled else None
        self._values: Array = np.empty(0, dtype) if shuffled else np.frombuffer(data, dtype).reshape(shape)

    def points(self, rows: Array, columns: Array, bands: slice = slice(0, 1)) -> Array:
        """(n, bands) values at (row, column) in the tile; (n,) for a tile without bands."""
        width = bands.stop - bands.start
        planes = self._planes  # another thread may put the values in their place meanwhile
        if planes is None or 4 * len(rows) > self._shape[0] * self._shape[1]:
            values = self._whole()
            if len(self._shape) == 2:
                return values[rows, columns]
            return values[:width, rows, columns].T if self._band_first else values[rows, columns, :width]
        index = self._flat(rows, columns, width)
        values = planes[:, index.ravel()].T.copy().view(self._dtype)
        return values.reshape(index.shape if len(self._shape) == 3 else len(rows)).astype(
            self._dtype.newbyteorder("="), copy=False)

    def window(self, rows: slice, columns: slice, bands: slice = slice(0, 1)) -> Array:
        """(rows, columns, bands) values of a rectangle of the tile."""
        values = self._whole()
        if len(self._shape) == 2:
            return values[rows, columns]
        width = bands.stop - bands.start
        return np.moveaxis(values[:width], 0, -1)[rows, columns] if self._band_first else values[rows, columns, :width]

    def _flat(self, rows: Array, columns: Array, width: int) -> Array:
        """(n, width) positions of the values in the tile."""
        if len(self._shape) == 2:
            return (rows * self._shape[1] + columns)[:, None]
        band = np.arange(width)
        if self._band_first:
            return (band[None, :] * self._shape[1] + rows[:, None]) * self._shape[2] + columns[:, None]
        return (rows * self._shape[1] + columns)[:, None] * self._shape[2] + band[None, :]

    def _whole(self) -> Array:
        planes = self._planes
        if planes is not None:
            self._values = np.frombuffer(planes.T.tobytes(), self._dtype).reshape(self._shape)
            self._planes = None  # only now that the values stand: other threads look here first
        return self._values


def undone(data: bytes, filters: Sequence[int], itemsize: int, n_bytes: int) -> bytes:
    """`data` without its `filters`, the last first; raises ValueError or zlib.error where they do not fit.

    Never much longer than the `n_bytes` of a whole chunk, whatever a damaged or hostile file holds.
    """
    for number in reversed(filters):
        data = FILTERS[number](data, itemsize, n_bytes)
    return data


def _inflate(data: bytes, itemsize: int, n_bytes: int) -> bytes:
    inflating = zlib.decompressobj()
    inflated = inflating.decompress(data, n_bytes + _MOST_MORE)
    if not inflating.eof:
        raise ValueError("it does not end where a chunk does")
    return inflated


def _unshuffle(data: bytes, itemsize: int, n_bytes: int) -> bytes:
    return np.frombuffer(data, np.uint8).reshape(itemsize, -1).T.tobytes()


def _checked(data: bytes, itemsize: int, n_bytes: int) -> bytes:
    """Drop the Fletcher-32 checksum (HDF5 File Format Specification, as H5_checksum_fletcher32 sums it)."""
    body, stored = data[:-4], np.frombuffer(data[-4:], "<u2").astype(np.uint64) % 65535
    for order in (">u2", "<u2"):  # old libraries summed in the byte order of their machine
        words = np.frombuffer(body + b"\0" * (len(body) % 2), order).astype(np.uint64)
        weights = np.arange(len(words), 0, -1, dtype=np.uint64) % 65535
        if (words.sum() % 65535, (words * weights).sum() % 65535) == tuple(stored):
            return body
    raise ValueError("its checksum does not fit")


SHUFFLE = 2
_MOST_MORE = 16
"""Bytes by which a chunk may be longer before its last filter is undone: a checksum."""
FILTERS: dict[int, Callable[[bytes, int, int], bytes]] = {1: _inflate, SHUFFLE: _unshuffle, 3: _checked}
"""HDF5 filter number -> its inverse: deflate, shuffle, fletcher32."""
