"""The pixels that a candidate is ranked among: the ring around it, and its own detector columns."""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt

import numpy as np
import numpy.typing as npt

from ..aoi import PixelSet
from ..background import ring
from ..errors import MetricError

Flat = npt.NDArray[np.int64]
"""(n,) raw pixels as downtrack * columns + crosstrack."""
Neighbours = Callable[[tuple[int, int], PixelSet, int, int], Flat]
"""(shape, pixels, n, seed) -> at most n other pixels of the scene, nearest first."""
_AT_ONCE = 256
"""Pixels of a candidate that distances are measured to at once."""


def ring_around(shape: tuple[int, int], pixels: PixelSet, n: int, seed: int) -> Flat:
    """The `n` pixels nearest to `pixels`; `seed` draws those of the outermost ring."""
    reach = isqrt(n) + 2  # so many steps hold n pixels even in a corner of the scene
    top, left = (max(int(of.min()) - reach, 0) for of in (pixels.downtrack, pixels.crosstrack))
    bottom = min(int(pixels.downtrack.max()) + reach + 1, shape[0])
    right = min(int(pixels.crosstrack.max()) + reach + 1, shape[1])
    for window in ((top, left, bottom, right), (0, 0, *shape)):
        size = (window[2] - window[0], window[3] - window[1])
        try:
            r, c = ring(size, pixels.downtrack - window[0], pixels.crosstrack - window[1], n, seed)
        except MetricError:  # they cover all of it
            continue
        if len(r) == n or size == shape:
            return np.asarray((r + window[0]) * shape[1] + c + window[1], np.int64)
    return np.empty(0, np.int64)


def along_columns(shape: tuple[int, int], pixels: PixelSet, n: int, seed: int) -> Flat:
    """The `n` pixels of the detector columns of `pixels` that are nearest along the track."""
    columns = np.unique(pixels.crosstrack).astype(np.int64)
    first, last = int(pixels.downtrack.min()), int(pixels.downtrack.max())
    reach = -(-n // len(columns)) + last - first + 1
    rows = np.arange(max(first - reach, 0), min(last + reach + 1, shape[0]))
    away = np.repeat(np.maximum(np.maximum(first - rows, rows - last), 0), len(columns))
    flat = (rows[:, None] * shape[1] + columns).ravel()
    others = ~np.isin(flat, pixels.downtrack.astype(np.int64) * shape[1] + pixels.crosstrack)
    return np.asarray(flat[others][np.argsort(away[others], kind="stable")[:n]], np.int64)


def nearest(shape: tuple[int, int], flat: Flat, pixels: PixelSet, n: int, seed: int) -> npt.NDArray[np.intp]:
    """Which `n` of the pixels `flat` are nearest to `pixels`; of those equally far, `seed` draws."""
    away = np.full(len(flat), np.iinfo(np.int64).max)
    for start in range(0, len(pixels), _AT_ONCE):
        some = pixels.take(slice(start, start + _AT_ONCE))
        steps = np.maximum(np.abs(flat[:, None] // shape[1] - some.downtrack),
                           np.abs(flat[:, None] % shape[1] - some.crosstrack))
        away = np.minimum(away, steps.min(axis=1))
    drawn = np.random.default_rng(seed).permutation(len(flat))
    return np.asarray(np.lexsort((drawn, away))[:n])
