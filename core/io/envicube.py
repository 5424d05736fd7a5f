"""The pixels of an ENVI image, read by position from its bytes whatever the interleave.

BIP is one block of spectra and is read as such; BIL and BSQ are tables of rows, the values of one line in
one band. Nothing is held open or kept in memory.
"""

from __future__ import annotations

from typing import Any, Callable, Protocol

import numpy as np

from ..errors import GranuleError
from .bytesource import ByteSource
from .hdf5 import DatasetLayout
from .rowcube import Array, Bil, Bsq, IntArray, Shape
from .storedarray import StoredArray


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


def _bip(source: ByteSource, shape: Shape, dtype: np.dtype[Any], offset: int) -> PixelReader:
    """Spectrum after spectrum: a contiguous array, one range per pixel."""
    return StoredArray(source, DatasetLayout("image", shape, dtype, np.nan, offset))


INTERLEAVES: dict[str, Callable[[ByteSource, Shape, np.dtype[Any], int], PixelReader]] = {
    "bil": Bil, "bip": _bip, "bsq": Bsq,
}
"""Name in the header -> reader."""
