"""Some or all bands of a granule, masked, on its map grid.

The file is read in its own order, once for a few bands; the pixels that an output needs are kept in a
compact table and then dealt out to the cells. Where all bands would not fit into memory, the map grid is
done in slabs of rows, each with the pixels under it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Optional, Union

import numpy as np
import numpy.typing as npt

from ..aoi import PixelSet
from ..errors import GranuleError
from ..io.rastersink import RasterSink, written
from ..progress import NO_PROGRESS, Progress, Share, checkpoint
from ..quality import MaskPolicy, good_bands
from ..sensors import Granule
from ..sensors.masked import bands_at, choose_policy, read_masked, read_masked_rows
from ..spectra import BandGrid, Spectra
from .gather import Cells, Int, Raster, Table, pour

TRUE_COLOUR_NM = (650.0, 560.0, 470.0)
"""Red, green and blue."""

_TABLE_BYTES = 80 << 20
"""Values of the pixels under one slab."""
_READ_BYTES = 12 << 20
"""Values read between two looks at the cancel button."""
_DENSE = 0.4
"""From this share of wanted pixels on, whole lines are read."""
_ALONE_NM = 10.0
"""How far a wavelength may be from the only band of an image without widths."""


@dataclass(frozen=True)
class BandsWritten:
    """What was written."""

    bands: BandGrid
    """The bands of the output, in its order."""
    index: Int
    """(n,) their positions in the granule."""
    notices: tuple[str, ...]
    """What the user must know: a default mask, bands that are masked as a whole."""


def write_bands(granule: Granule, sink: RasterSink, wavelengths_nm: Optional[Sequence[float]] = None,
                mask: Union[None, str, MaskPolicy] = None, stride: int = 1,
                progress: Optional[Progress] = None) -> BandsWritten:
    """Write bands of `granule` into `sink` on the grid of its location; without one, in sensor space.

    `wavelengths_nm` takes the nearest band of each, None all bands. `mask` as in `inspect`; masked values are
    NaN. `stride` writes one cell in place of so many by so many: the one under its centre. Commits the sink,
    or aborts it and raises a :class:`..errors.PixelSpectraError`.
    """
    progress = progress or NO_PROGRESS
    with written(sink):
        index = nearest_bands(granule, wavelengths_nm)
        policy, notices = choose_policy(granule, mask)
        reader = _Wanted(granule, policy, index)
        bands = bands_at(granule.bands, index)
        raster = Raster.of(granule.shape, granule.geolocation, stride)
        sink.open(raster.grid, [f"{w:.2f} nm" for w in bands.wavelength_nm])
        checkpoint(progress, 0.0, "Reading bands")
        slabs = list(_slabs(raster, len(index)))
        for i, (start, stop) in enumerate(slabs):
            _write_slab(reader, raster, (start, stop), sink, Share(progress, i / len(slabs), (i + 1) / len(slabs)))
        checkpoint(progress, 1.0)
    return BandsWritten(bands, index, (*granule.notices, *notices, *_masked_as_a_whole(granule, bands, policy)))


def nearest_bands(granule: Granule, wavelengths_nm: Optional[Sequence[float]] = None) -> Int:
    """(n,) position of the band nearest to each wavelength; all positions for None or an empty list.

    Raises :class:`GranuleError` for a wavelength farther from every band than these are from each other.
    """
    centres = granule.bands.wavelength_nm
    if wavelengths_nm is None or not len(wavelengths_nm):
        return np.arange(len(centres))
    index = [int(np.argmin(np.abs(centres - w))) for w in wavelengths_nm]
    spacing = float(np.median(np.abs(np.diff(np.sort(centres))))) if len(centres) > 1 else _ALONE_NM
    for wanted, i in zip(wavelengths_nm, index):
        width = 0.0 if granule.bands.fwhm_nm is None else float(granule.bands.fwhm_nm[i])
        if not abs(centres[i] - wanted) <= max(spacing, width):
            raise GranuleError(
                f"'{granule.id}' has no band near {wanted:g} nm (the nearest is at {centres[i]:.1f} nm, its bands lie "
                f"from {centres.min():.1f} to {centres.max():.1f} nm); ask for a wavelength in nm that it has."
            )
    return np.array(index, np.int64)


@dataclass(frozen=True)
class _Wanted:
    """Some bands of a granule, masked."""

    granule: Granule
    """Where they are read."""
    policy: MaskPolicy
    """What leaves values out."""
    index: Int
    """(n,) positions in the granule."""

    def rows(self, start: int, stop: int) -> Table:
        """(n, bands) values of whole lines, NaN where masked."""
        return _values(read_masked_rows(self.granule, start, stop, self.policy, self.index))

    def pixels(self, flat: Int) -> Table:
        """(n, bands) values of single pixels, NaN where masked."""
        pixels = PixelSet.at(flat // self.granule.shape[1], flat % self.granule.shape[1])
        return _values(read_masked(self.granule, pixels, self.policy, bands=self.index))


def _values(spectra: Spectra) -> Table:
    return spectra.masked_values.astype(np.float32, copy=False)


def _slabs(raster: Raster, n_bands: int) -> Iterator[tuple[int, int]]:
    """Rows of the output whose pixels fit into memory together."""
    rows, row_bytes = raster.grid.rows, raster.grid.columns * n_bands * 4
    fits = min(raster.nowhere * n_bands * 4, rows * row_bytes) <= _TABLE_BYTES
    step = rows if fits else max(1, _TABLE_BYTES // row_bytes)
    return ((start, min(start + step, rows)) for start in range(0, rows, step))


def _write_slab(reader: _Wanted, raster: Raster, rows: tuple[int, int], sink: RasterSink, share: Share) -> None:
    """Find the pixels under some rows of the output, read them in the order of the file, deal them out."""
    cells = raster.cells(*rows, share.part(0.0, 0.1))
    wanted = np.zeros(raster.nowhere + 1, bool)
    wanted[cells] = True
    pixels = np.flatnonzero(wanted[:-1])
    table = np.full((len(pixels) + 1, len(reader.index)), np.nan, np.float32)
    done = 0
    for group in _groups(pixels, raster.shape[1], len(reader.granule.bands)):
        checkpoint(share, 0.1 + 0.7 * done / len(pixels), "Reading bands")
        table[done : done + len(group)] = _read_group(reader, group)
        done += len(group)
    pour(_positions(cells, pixels, wanted), rows[0], [(sink, table)], share.part(0.8, 1.0))


def _positions(cells: Cells, pixels: Int, wanted: npt.NDArray[np.bool_]) -> Cells:
    """The row of the table under each cell; the last one where there is no pixel."""
    position = np.full(len(wanted), len(pixels), np.int32)
    position[pixels] = np.arange(len(pixels), dtype=np.int32)
    return position[cells]


def _groups(pixels: Int, crosstrack: int, n_bands: int) -> Iterator[Int]:
    """`pixels` (sorted) in groups of whole lines, as many as are read at once."""
    most = max(1, _READ_BYTES // (4 * n_bands))
    first = np.unique(pixels // crosstrack, return_index=True)[1]
    bounds = [*first.tolist(), len(pixels)]
    start = 0
    for line in range(1, len(bounds)):
        if line == len(bounds) - 1 or bounds[line + 1] - start > most:
            yield pixels[start : bounds[line]]
            start = bounds[line]


def _read_group(reader: _Wanted, pixels: Int) -> Table:
    """Whole lines where most of their pixels are wanted, else the pixels by themselves."""
    crosstrack = reader.granule.shape[1]
    first, last = int(pixels[0]) // crosstrack, int(pixels[-1]) // crosstrack + 1
    if len(pixels) < _DENSE * (last - first) * crosstrack:
        return reader.pixels(pixels)
    values = reader.rows(first, last)
    return values if len(values) == len(pixels) else values[pixels - first * crosstrack]


def _masked_as_a_whole(granule: Granule, bands: BandGrid, policy: MaskPolicy) -> tuple[str, ...]:
    """One sentence where single bands were asked for that the mask leaves out everywhere."""
    if not policy.good_bands or len(bands) == len(granule.bands):
        return ()
    bad = bands.wavelength_nm[~good_bands(bands)[0]]
    if not len(bad):
        return ()
    listed = ", ".join(f"{w:.1f}" for w in bad)
    return (f"The mask leaves out the bands at {listed} nm, which are bad in every pixel, so they hold no value; use "
            "the mask 'none' to see what the file holds there.",)
