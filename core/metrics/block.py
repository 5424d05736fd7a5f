"""What a metric function sees: some pixels and the reference on the bands both have, without a NaN.

A band that a pixel cannot use is 0 in the pixel *and* in the reference, so sums over bands need no mask
and nothing is ever subtracted afterwards (which would cost digits).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Optional, Union

import numpy as np
import numpy.typing as npt

from ..background import Whitener

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Numbers = npt.NDArray[Any]
Rows = Union[slice, npt.NDArray[np.intp]]

ROWS = 256
"""Pixels per block: 256 x 285 float64 values stay in a core's cache."""


@dataclass(frozen=True)
class Block:
    """A few hundred pixels with their reference, float64, ready for a metric function."""

    x: FloatArray
    """(n_pixels, n_bands) the pixels; 0 in bands that are not used."""
    r: FloatArray
    """The reference, 0 in bands that are not used: (n_bands,), or (n_pixels, n_bands) where holes differ."""
    used: BoolArray
    """The bands used: (n_bands,), or (n_pixels, n_bands) where holes differ."""
    whitener: Optional[Whitener] = None
    """The background, factorised, for metrics that need one."""
    uncertainty: Optional[FloatArray] = None
    """(n_pixels, n_bands) 1 σ of `x`, where it is known; 1 in bands that are not used."""
    columns: Optional[npt.NDArray[np.intp]] = None
    """(n_pixels,) the detector column of each pixel, where it is known."""
    wavelength_nm: Optional[FloatArray] = None
    """(n_bands,) band centres, where they are known; else the bands used are taken as equally spaced."""

    @property
    def n(self) -> npt.NDArray[np.intp]:
        """Number of bands used: a scalar, or (n_pixels,)."""
        return np.asarray(np.count_nonzero(self.used, axis=-1))

    def only(self, bands: BoolArray) -> Block:
        """The same on some of the bands, `bands` (n_bands,); for a block without a background whose holes are alike."""
        def some(values: Optional[npt.NDArray[Any]]) -> Any:
            return None if values is None else values[..., bands]

        return Block(self.x[:, bands], self.r[bands], self.used[bands], None, some(self.uncertainty), self.columns,
                     some(self.wavelength_nm))

    def runs(self) -> Iterator[tuple[slice, BoolArray, FloatArray]]:
        """Yield neighbouring pixels that use the same bands: rows, bands (n_bands,), reference (n_bands,)."""
        if self.used.ndim == 1:
            yield slice(0, len(self.x)), self.used, self.r
            return
        starts = np.flatnonzero((self.used[1:] != self.used[:-1]).any(axis=1)) + 1
        edges = [0, *starts.tolist(), len(self.x)]
        for start, stop in zip(edges[:-1], edges[1:]):
            yield slice(start, stop), self.used[start], self.r[start]


def dot(a: FloatArray, b: FloatArray) -> FloatArray:
    """Inner products over the last axis, broadcast over the pixels."""
    return np.asarray(np.einsum("...j,...j->...", a, b))


def make_block(x: Numbers, reference: FloatArray, used: BoolArray,
               whitener: Optional[Whitener]) -> Block:
    """Put pixels `x` (n_pixels, n_bands) in float64 and 0 wherever `used` (same shape) is False."""
    dense = x.astype(np.float64)
    first = used[0]
    if len(x) == 1 or (used == first).all():
        dense[:, ~first] = 0.0
        return Block(dense, np.where(first, reference, 0.0), first, whitener)
    np.copyto(dense, 0.0, where=~used)
    return Block(dense, used * np.where(used.any(axis=0), reference, 0.0), used, whitener)


def row_blocks(n_pixels: int, order: Optional[npt.NDArray[np.intp]]) -> Iterator[Rows]:
    """Yield the rows of one block after the other, in file order or in `order`."""
    for start in range(0, n_pixels, ROWS):
        rows = slice(start, min(start + ROWS, n_pixels))
        yield rows if order is None else order[rows]


def pattern_order(finite: BoolArray) -> Optional[npt.NDArray[np.intp]]:
    """Row numbers that bring equal rows of `finite` together; None where all rows are equal."""
    if len(finite) < 2 or (finite == finite[0]).all():
        return None
    packed = np.packbits(finite, axis=1)
    padded = np.zeros((len(packed), -(-packed.shape[1] // 8) * 8), np.uint8)
    padded[:, :packed.shape[1]] = packed
    return np.asarray(np.lexsort(padded.view(np.uint64).T))
