"""From raw pixels to the cells of a map grid: which pixel lies under each cell, and rows of cells into sinks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
import numpy.typing as npt

from ..errors import OutputError
from ..geolocation import Geolocation, OrthoGrid
from ..io.rastersink import MapGrid, RasterSink, SensorGrid
from ..progress import Progress, checkpoint

Int = npt.NDArray[np.int64]
Cells = npt.NDArray[np.int32]
Table = npt.NDArray[np.float32]
"""(n_pixels + 1, n_bands); the last row is NaN and stands for cells without a pixel."""

_STRIP_CELLS = 250_000
"""Cells of the map grid looked up at once."""
_BLOCK_VALUES = 2 << 20
"""Values handed to a sink at once: 8 MiB."""


@dataclass(frozen=True)
class Raster:
    """The cells of an output raster and the raw pixels under them."""

    grid: MapGrid
    """Rows, columns and place of the output."""
    shape: tuple[int, int]
    """(downtrack, crosstrack) of the raw image."""
    geolocation: Optional[Geolocation]
    """Where the raw pixels lie; None writes in sensor space."""
    stride: int = 1
    """Every so many cells in both directions."""

    @classmethod
    def of(cls, shape: tuple[int, int], geolocation: Optional[Geolocation], stride: int = 1) -> Raster:
        """The map grid of `geolocation`, or sensor space, thinned by `stride`."""
        full: MapGrid = SensorGrid(*shape) if geolocation is None else geolocation.grid
        return cls(strided(full, stride), shape, geolocation, stride)

    @property
    def nowhere(self) -> int:
        """The index that stands for no pixel: one past the last."""
        return self.shape[0] * self.shape[1]

    def cells(self, start: int, stop: int, progress: Progress) -> Cells:
        """(rows, columns) flat raw pixel under rows start..stop of the output; `nowhere` where there is none."""
        out = np.empty((stop - start, self.grid.columns), np.int32)
        full = self.geolocation.grid.columns if self.geolocation else self.shape[1]
        step = max(1, _STRIP_CELLS // (full * self.stride))
        for first in range(start, stop, step):
            checkpoint(progress, (first - start) / (stop - start), "Locating")
            last = min(first + step, stop)
            out[first - start : last - start] = self._strip(first, last)
        return out

    def _strip(self, start: int, stop: int) -> Cells:
        if self.geolocation is None:
            rows, columns = (_sampled(n, self.stride) for n in self.shape)
            return (rows[start:stop, None] * self.shape[1] + columns).astype(np.int32)
        rows, columns = (_sampled(n, self.stride) for n in (self.geolocation.grid.rows, self.geolocation.grid.columns))
        first, last = int(rows[start]), int(rows[stop - 1]) + 1
        pick = np.ix_(rows[start:stop] - first, columns)
        r, c = (v[pick] for v in self.geolocation.ortho(first, last))
        return np.where(r < 0, self.nowhere, r * self.shape[1] + c).astype(np.int32)


def strided(grid: MapGrid, stride: int) -> MapGrid:
    """`grid` with cells `stride` times as large; a cell takes the value of the old cell under its centre.

    The last row and column may reach beyond the old grid. Raises :class:`OutputError` for a stride below 1.
    """
    if not isinstance(stride, (int, np.integer)) or stride < 1:
        raise OutputError(f"The stride {stride!r} is not a whole number from 1 on; 1 writes every cell.")
    if stride == 1:
        return grid
    rows, columns = -(-grid.rows // stride), -(-grid.columns // stride)
    if not grid.geotransform:
        return SensorGrid(rows, columns)
    x0, a, b, y0, d, e = grid.geotransform
    return OrthoGrid(rows, columns, (x0, a * stride, b * stride, y0, d * stride, e * stride), grid.crs_wkt)


def _sampled(n: int, stride: int) -> Int:
    return np.minimum(np.arange(0, n, stride) + stride // 2, n - 1)


def pour(cells: Cells, start: int, outputs: Sequence[tuple[RasterSink, Table]], progress: Progress) -> None:
    """Write `cells` (rows, columns), indices into each table, from row `start` on."""
    depth = max(table.shape[1] for _, table in outputs)
    step = max(1, _BLOCK_VALUES // (cells.shape[1] * depth))
    for first in range(0, len(cells), step):
        checkpoint(progress, first / len(cells), "Writing")
        block = cells[first : first + step]
        for sink, table in outputs:
            sink.write_rows(start + first, table[block])
