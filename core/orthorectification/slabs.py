"""Values of the raw pixels of a granule, whatever they are, on a raster.

The file is read in its own order, once where few values per pixel are kept; those that an output needs are kept
in a compact table and then dealt out to the cells. Where they would not fit into memory, the output is done in
slabs of rows, each with the pixels under it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..io.rastersink import RasterSink
from ..progress import Progress, Share, checkpoint
from .gather import Cells, Int, Raster, Table, pour

_TABLE_BYTES = 80 << 20
"""Values of the pixels under one slab."""
_DENSE = 0.4
"""From this share of wanted pixels on, whole lines are read."""

Ordered = Callable[[Callable[[Int], Table], Iterable[Int]], Generator[Table, None, None]]
"""A map() that may work ahead, such as :func:`..workers.in_order`."""


def _one_by_one(read: Callable[[Int], Table], groups: Iterable[Int]) -> Generator[Table, None, None]:
    yield from map(read, groups)


class PixelValues(Protocol):
    """What is written: some values for every raw pixel."""

    @property
    def n_values(self) -> int:
        """Values per pixel."""

    def rows(self, start: int, stop: int) -> Table:
        """(n, n_values) of whole lines, NaN where there is none."""

    def pixels(self, flat: Int) -> Table:
        """(n, n_values) of single pixels, NaN where there is none."""


def write_slabs(values: PixelValues, raster: Raster, sink: RasterSink, at_once: int, progress: Progress,
                message: str, ordered: Ordered = _one_by_one) -> None:
    """Write `values` into the open `sink`; about `at_once` pixels (whole lines) are asked for at a time."""
    slabs = list(_slabs(raster, values.n_values))
    for i, (start, stop) in enumerate(slabs):
        share = Share(progress, i / len(slabs), (i + 1) / len(slabs))
        cells = raster.cells(start, stop, share.part(0.0, 0.1))
        wanted = np.zeros(raster.nowhere + 1, bool)
        wanted[cells] = True
        pixels = np.flatnonzero(wanted[:-1])
        table = np.full((len(pixels) + 1, values.n_values), np.nan, np.float32)
        groups = _groups(pixels, raster.shape[1], at_once)
        done = 0
        with closing(ordered(partial(_read_group, values, raster.shape[1]), groups)) as parts:
            for part in parts:
                checkpoint(share, 0.1 + 0.7 * done / len(pixels), message)
                table[done : done + len(part)] = part
                done += len(part)
        pour(_positions(cells, pixels, wanted), start, [(sink, table)], share.part(0.8, 1.0))


def _slabs(raster: Raster, n_values: int) -> Iterator[tuple[int, int]]:
    """Rows of the output whose pixels fit into memory together."""
    rows, row_bytes = raster.grid.rows, raster.grid.columns * n_values * 4
    fits = min(raster.nowhere * n_values * 4, rows * row_bytes) <= _TABLE_BYTES
    step = rows if fits else max(1, _TABLE_BYTES // row_bytes)
    return ((start, min(start + step, rows)) for start in range(0, rows, step))


def _positions(cells: Cells, pixels: Int, wanted: npt.NDArray[np.bool_]) -> Cells:
    """The row of the table under each cell; the last one where there is no pixel."""
    if len(pixels) == len(wanted) - 1:
        return cells
    position = np.full(len(wanted), len(pixels), np.int32)
    position[pixels] = np.arange(len(pixels), dtype=np.int32)
    return position[cells]


def _groups(pixels: Int, crosstrack: int, most: int) -> Iterator[Int]:
    """`pixels` (sorted) in groups of whole lines, as many as are read at once."""
    if not len(pixels):
        return
    lines = np.arange(pixels[0] // crosstrack, pixels[-1] // crosstrack + 1)
    bounds = np.unique([*np.searchsorted(pixels, lines * crosstrack), len(pixels)]).tolist()
    start = 0
    for line in range(1, len(bounds)):
        if line == len(bounds) - 1 or bounds[line + 1] - start > most:
            yield pixels[start : bounds[line]]
            start = bounds[line]


def _read_group(values: PixelValues, crosstrack: int, pixels: Int) -> Table:
    """Whole lines where most of their pixels are wanted, else the pixels by themselves."""
    first, last = int(pixels[0]) // crosstrack, int(pixels[-1]) // crosstrack + 1
    if len(pixels) < _DENSE * (last - first) * crosstrack:
        return values.pixels(pixels)
    read = values.rows(first, last)
    return read if len(read) == len(pixels) else read[pixels - first * crosstrack]
