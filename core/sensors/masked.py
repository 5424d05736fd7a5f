"""Read spectra of a granule with a mask applied: the one place where spectra and quality meet."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional, Union

import numpy as np

from ..aoi import PixelSet
from ..progress import NO_PROGRESS, Progress, checkpoint
from ..quality import MaskPolicy, default_policy, good_bands
from ..spectra import Spectra
from . import Granule

OFF_SWATH = "off the swath"

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


def read_masked(granule: Granule, pixels: PixelSet, policy: MaskPolicy, progress: Progress = NO_PROGRESS) -> Spectra:
    """Spectra of `pixels` with `policy` applied; places off the swath are NaN rows with their own reason."""
    on_swath = pixels.on_swath
    if on_swath.all():
        return _read(granule, pixels, policy, progress)
    return _spread(_read(granule, pixels.take(on_swath), policy, progress), on_swath)


def read_masked_rows(granule: Granule, start: int, stop: int, policy: MaskPolicy) -> Spectra:
    """Spectra of whole lines, row-major, with `policy` applied."""
    spectra = granule.read_rows(start, stop)
    quality = granule.quality if policy.needs_quality else None
    return policy.apply(spectra, quality.read_rows(start, stop, policy.band_mask) if quality else None)


def _read(granule: Granule, pixels: PixelSet, policy: MaskPolicy, progress: Progress) -> Spectra:
    """In blocks, so that a large area can be cancelled and its layers need not stand in memory at once."""
    if len(pixels) <= _BLOCK:
        return _read_block(granule, pixels, policy)
    shape = (len(pixels), len(granule.bands))
    values, valid, reason = np.empty(shape, np.float32), np.empty(shape, bool), np.empty(shape, np.uint8)
    for start in range(0, len(pixels), _BLOCK):
        checkpoint(progress, start / len(pixels), "Reading spectra")
        rows = slice(start, start + _BLOCK)
        part = _read_block(granule, pixels.take(rows), policy)
        values[rows], valid[rows], reason[rows] = part.values, part.valid, part.reason
    return replace(part, values=values, valid=valid, reason=reason)


def _read_block(granule: Granule, pixels: PixelSet, policy: MaskPolicy) -> Spectra:
    spectra = granule.read_pixels(pixels)
    quality = granule.quality if policy.needs_quality else None
    return policy.apply(spectra, quality.read(pixels, policy.band_mask) if quality else None)


def _spread(spectra: Spectra, rows: np.ndarray) -> Spectra:
    """Put the spectra on the True `rows` of a longer set; the other rows are off the swath."""
    shape = (len(rows), len(spectra.bands))
    values, valid = np.full(shape, np.nan, np.float32), np.zeros(shape, bool)
    reason = np.full(shape, len(spectra.reasons), np.uint8)
    values[rows], valid[rows], reason[rows] = spectra.values, spectra.valid, spectra.reason
    return replace(spectra, values=values, valid=valid, reason=reason, reasons=(*spectra.reasons, OFF_SWATH))
