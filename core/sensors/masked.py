"""Read spectra of a granule with a mask applied: the one place where spectra and quality meet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Optional, Union

import numpy as np
import numpy.typing as npt

from ..aoi import OFF_SWATH, PixelSet
from ..progress import NO_PROGRESS, Progress, checkpoint
from ..quality import MaskPolicy, QualityLayers, default_policy, good_bands
from ..spectra import BandGrid, Spectra
from . import Granule

Bands = npt.NDArray[np.int64]
"""(n,) positions of bands in a granule."""

_BLOCK = 20_000
"""Pixels read between two looks at the cancel button."""


def choose_policy(granule: Granule, mask: Optional[Union[str, MaskPolicy]]) -> tuple[MaskPolicy, tuple[str, ...]]:
    """The policy asked for, or the product's default, checked against the granule; and notices."""
    if mask is None:
        policy, notices = default_policy(granule.quality)
    else:
        policy, notices = MaskPolicy.parse(mask), ()
    policy.check(granule.quality if policy.needs_quality else None, granule.id)
    if policy.good_bands:
        notices += good_bands(granule.bands)[1]
    return policy, notices


def read_masked(granule: Granule, pixels: PixelSet, policy: MaskPolicy, progress: Progress = NO_PROGRESS,
                bands: Optional[Bands] = None) -> Spectra:
    """Spectra of `pixels` with `policy` applied; places off the swath are NaN rows with their own reason.

    `bands` are positions in the granule: only these bands are returned, in this order; None returns all.
    """
    quality = policy.source(granule.quality if policy.needs_quality else None)

    def read(some: PixelSet) -> Spectra:
        spectra = granule.read_pixels(some)
        return _apply(policy, spectra, quality.read(some, policy.band_mask) if quality else None, bands)

    on_swath = pixels.on_swath
    if on_swath.all():
        return in_blocks(read, pixels, progress)
    return _spread(in_blocks(read, pixels.take(on_swath), progress), on_swath)


def read_masked_rows(granule: Granule, start: int, stop: int, policy: MaskPolicy,
                     bands: Optional[Bands] = None) -> Spectra:
    """Spectra of whole lines, row-major, with `policy` applied; `bands` as in :func:`read_masked`."""
    spectra = granule.read_rows(start, stop)
    quality = policy.source(granule.quality if policy.needs_quality else None)
    return _apply(policy, spectra, quality.read_rows(start, stop, policy.band_mask) if quality else None, bands)


def bands_at(grid: BandGrid, bands: Bands) -> BandGrid:
    """The bands of `grid` at the positions `bands`, in this order."""
    return BandGrid(grid.wavelength_nm[bands], None if grid.fwhm_nm is None else grid.fwhm_nm[bands],
                    None if grid.good is None else grid.good[bands])


def in_blocks(read: Callable[[PixelSet], Spectra], pixels: PixelSet, progress: Progress) -> Spectra:
    """What `read` returns for `pixels`, asked for some at a time.

    So a large area can be cancelled and its layers need not stand in memory at once.
    """
    if len(pixels) <= _BLOCK:
        return read(pixels)
    whole = _room(read(pixels.take(slice(0, 0))), len(pixels))
    for start in range(0, len(pixels), _BLOCK):
        checkpoint(progress, start / len(pixels), "Reading spectra")
        rows = slice(start, start + _BLOCK)
        part = read(pixels.take(rows))
        whole.values[rows], whole.valid[rows], whole.reason[rows] = part.values, part.valid, part.reason
    return whole


def _room(like: Spectra, n: int) -> Spectra:
    """Room for `n` spectra such as those of `like`."""
    shape = (n, len(like.bands))
    return replace(like, values=np.empty(shape, np.float32), valid=np.empty(shape, bool),
                   reason=np.empty(shape, np.uint8))


def _apply(policy: MaskPolicy, spectra: Spectra, quality: Optional[QualityLayers], bands: Optional[Bands]) -> Spectra:
    if bands is None or np.array_equal(bands, np.arange(len(spectra.bands))):
        return policy.apply(spectra, quality)
    spectra = replace(spectra, values=spectra.values[:, bands], valid=spectra.valid[:, bands],
                      reason=spectra.reason[:, bands], bands=bands_at(spectra.bands, bands))
    if quality is not None and quality.band_mask is not None:
        quality = replace(quality, band_mask=quality.band_mask[:, bands])
    return policy.apply(spectra, quality)


def _spread(spectra: Spectra, rows: np.ndarray) -> Spectra:
    """Put the spectra on the True `rows` of a longer set; the other rows are off the swath."""
    shape = (len(rows), len(spectra.bands))
    values, valid = np.full(shape, np.nan, np.float32), np.zeros(shape, bool)
    reason = np.full(shape, len(spectra.reasons), np.uint8)
    values[rows], valid[rows], reason[rows] = spectra.values, spectra.valid, spectra.reason
    return replace(spectra, values=values, valid=valid, reason=reason, reasons=(*spectra.reasons, OFF_SWATH))
