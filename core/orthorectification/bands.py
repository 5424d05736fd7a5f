"""Some or all bands of a granule, masked, on its map grid; :mod:`.slabs` tells how they get there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional, Union

import numpy as np

from ..aoi import PixelSet
from ..errors import GranuleError
from ..io.rastersink import RasterSink, written
from ..progress import NO_PROGRESS, Progress, checkpoint
from ..quality import MaskPolicy, good_bands
from ..sensors import Granule
from ..sensors.masked import bands_at, choose_policy, read_masked, read_masked_rows
from ..spectra import BandGrid, Spectra
from .gather import Int, Raster, Table
from .slabs import write_slabs

TRUE_COLOUR_NM = (650.0, 560.0, 470.0)
"""Red, green and blue."""

_READ_BYTES = 12 << 20
"""Values read between two looks at the cancel button."""
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
        at_once = max(1, _READ_BYTES // (4 * len(granule.bands)))
        write_slabs(reader, raster, sink, at_once, progress, "Reading bands")
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

    @property
    def n_values(self) -> int:
        """Number of bands."""
        return len(self.index)

    def rows(self, start: int, stop: int) -> Table:
        """(n, bands) values of whole lines, NaN where masked."""
        return _values(read_masked_rows(self.granule, start, stop, self.policy, self.index))

    def pixels(self, flat: Int) -> Table:
        """(n, bands) values of single pixels, NaN where masked."""
        pixels = PixelSet.at(flat // self.granule.shape[1], flat % self.granule.shape[1])
        return _values(read_masked(self.granule, pixels, self.policy, bands=self.index))


def _values(spectra: Spectra) -> Table:
    return spectra.masked_values.astype(np.float32, copy=False)


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
