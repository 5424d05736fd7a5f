"""Metrics of absorption features: where the reference absorbs, does the pixel, and in the same shape?

A feature is found on the reference: the bands between two neighbouring contacts of its convex hull, where it is deep
enough. Pixel and reference are then each divided by a straight line, drawn between the same two shoulders: a contact
and as many bands on either side of it, more of them in wider features, so that no noisy band carries a line alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Callable

import numpy as np
import numpy.typing as npt

from ..continuum import contacts, continuum
from .block import Block, BoolArray, FloatArray
from .metric import METRICS

Index = npt.NDArray[np.intp]

MIN_DEPTH = 0.02
"""What is less deep than this below the hull is no feature: noise at a signal-to-noise ratio of 50."""
SHOULDER_SHARE, MOST_BESIDE = 8, 3
"""A shoulder takes one band on either side of its contact per so many bands of the feature, up to so many."""
PART = 16_384
"""Elements that are measured at once: larger arrays are asked of the system anew each time, which takes longer."""
FLAT = 1e-12
"""A pixel whose values over its line vary by less than this (or this part of what they are off 1) has no shape."""


@dataclass(frozen=True)
class Windows:
    """Stretches of bands and the lines over them, laid out flat: pixels are measured on all of them at once."""

    at: Index
    """(n_elements,) the bands of one window after the other, from contact to contact."""
    start: Index
    """(n_windows,) the first element of each."""
    beside: Index
    """(n_shoulder_elements,) the bands of the shoulders: left and right of the first window, of the second, …"""
    beside_start: Index
    """(2 n_windows,) the first element of each shoulder."""
    position: FloatArray
    """(n_elements,) 0 at the middle of the left shoulder and 1 at that of the right, straight in wavelength."""

    def __len__(self) -> int:
        return len(self.start)

    @cached_property
    def size(self) -> Index:
        """(n_windows,) number of elements."""
        return np.diff(self.start, append=len(self.at))

    @cached_property
    def of_element(self) -> Index:
        """(n_elements,) the window of each."""
        return np.repeat(np.arange(len(self)), self.size)

    def over_line(self, x: FloatArray) -> FloatArray:
        """(..., n_elements) `x` (..., n_bands) over the lines; NaN where a shoulder is not above zero."""
        if not len(self):
            return np.empty((*x.shape[:-1], 0))
        ends = np.add.reduceat(np.take(x, self.beside, axis=-1), self.beside_start, axis=-1)
        ends /= np.diff(self.beside_start, append=len(self.beside))
        left, right = ends[..., ::2], ends[..., 1::2]
        dark = (left <= 0) | (right <= 0)
        line = np.take(np.where(dark, np.nan, right - left), self.of_element, axis=-1)
        line *= self.position
        line += np.take(left, self.of_element, axis=-1)
        return np.divide(np.take(x, self.at, axis=-1), line, out=line)

    def only(self, kept: Index) -> Windows:
        """Some of the windows."""
        elements, start = _runs(self.start[kept], self.size[kept])
        sides = np.stack([2 * kept, 2 * kept + 1], axis=1).ravel()
        beside_size = np.diff(self.beside_start, append=len(self.beside))
        beside, beside_start = _runs(self.beside_start[sides], beside_size[sides])
        return Windows(self.at[elements], start, self.beside[beside], beside_start, self.position[elements])


@dataclass(frozen=True)
class Features:
    """The features of some references on the same bands."""

    windows: Windows
    """Where they are; features of several references may share one."""
    owner: Index
    """(n_features,) the row of the reference that has it, never falling."""
    window: Index
    """(n_features,) the window of each."""
    pick: Index
    """(n_elements,) the elements of the windows, one feature after the other."""
    start: Index
    """(n_features,) the first of them."""
    depth: FloatArray
    """(n_features,) 1 - reflectance over line, at the deepest band of the reference; 1 at most."""
    shape: FloatArray
    """(n_elements,) the reference over its line, less the mean, of length 1 per feature."""

    def __len__(self) -> int:
        return len(self.owner)

    @property
    def ends(self) -> Index:
        """(2, n_features) the bands of the left and the right contact."""
        first = self.windows.start
        return self.windows.at[np.stack([first, first + self.windows.size - 1])][:, self.window]

    def fits(self, x: FloatArray) -> FloatArray:
        """(..., n_features) squared correlation of `x` (..., n_bands) with the reference within each feature.

        0 where the feature is inverted or has no shape, and where the line of `x` is not above zero.
        """
        if not len(self):
            return np.empty((*x.shape[:-1], 0))
        windows = self.windows
        off = windows.over_line(x)
        off -= 1.0
        square = np.add.reduceat(off * off, windows.start, axis=-1)
        spread = square - np.add.reduceat(off, windows.start, axis=-1) ** 2 / windows.size
        has_shape = spread > FLAT * np.maximum(square, FLAT * windows.size)
        along = np.concatenate([
            np.add.reduceat(np.take(off, self.pick[part], axis=-1) * self.shape[part], start, axis=-1)
            for part, start in self._parts], axis=-1)
        upright = has_shape[..., self.window] & (along > 0)
        fit = np.divide(along**2, spread[..., self.window], out=np.zeros_like(along), where=upright)
        return np.asarray(np.minimum(fit, 1.0))

    @cached_property
    def _parts(self) -> list[tuple[slice, Index]]:
        """The elements in parts that stay in a core's cache, and where in them the features start."""
        first = np.flatnonzero(np.diff(self.start // PART, prepend=-1))
        edges = [*self.start[first].tolist(), len(self.pick)]
        return [(slice(begin, end), start - begin)
                for begin, end, start in zip(edges[:-1], edges[1:], np.split(self.start, first[1:]))]

    def weighted_fit(self, x: FloatArray, n_owners: int) -> FloatArray:
        """(..., n_owners) mean of the fits of each reference, weighted by depth; NaN for one without a feature."""
        result = np.full((*x.shape[:-1], n_owners), np.nan)
        if len(self):
            first = np.flatnonzero(np.diff(self.owner, prepend=-1))
            total = np.add.reduceat(self.depth, first)
            result[..., self.owner[first]] = np.add.reduceat(self.fits(x) * self.depth, first, axis=-1) / total
        return result


def find_features(wavelength_nm: FloatArray, references: FloatArray) -> Features:
    """The features of `references` (n_references, n_bands), NaN where they have no value."""
    order = np.argsort(wavelength_nm, kind="stable")
    values = references[:, order]
    usable = np.isfinite(values)
    owner, band = np.nonzero(usable)  # what follows counts the usable bands of all references one by one
    reflectance, wavelength = values[usable], wavelength_nm[order][band]
    left, right = _deep_enough(owner, reflectance, contacts(wavelength_nm[order], values)[usable],
                               continuum(wavelength_nm[order], values)[usable])
    windows = _windows(owner, wavelength, left, right)
    over = windows.over_line(reflectance)
    depth, shape, length = _described(over, windows)
    kept = np.flatnonzero((depth > 0) & (length > FLAT))  # NaN where the line is not above zero
    elements, start = _runs(windows.start[kept], windows.size[kept])
    placed = replace(windows, at=order[band[windows.at]], beside=order[band[windows.beside]]).only(kept)
    shared, window = _shared(placed, _patterns_of(usable)[owner[left[kept]]])
    return Features(shared, owner[left[kept]], window, _runs(shared.start[window], shared.size[window])[0], start,
                    depth[kept], shape[elements])


def _windows(owner: Index, wavelength: FloatArray, left: Index, right: Index) -> Windows:
    """The windows from `left` to `right`, counted in the usable bands of all references one by one."""
    first = np.searchsorted(owner, owner, side="left")
    last = np.searchsorted(owner, owner, side="right") - 1
    middle = np.stack([left, right], axis=1).ravel()
    reach = np.repeat(np.minimum((right - left) // SHOULDER_SHARE, MOST_BESIDE), 2)
    reach = np.minimum(reach, np.minimum(middle - first[middle], last[middle] - middle))
    beside, beside_start = _runs(middle - reach, 2 * reach + 1)
    elements, start = _runs(left, right - left + 1)
    return Windows(elements, start, beside, beside_start,
                   _positions(wavelength, elements, beside, beside_start, right - left + 1))


def _described(over: FloatArray, windows: Windows) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Depths, shapes, and the lengths that the shapes were divided by."""
    if not len(windows):
        return np.empty(0), np.empty(0), np.empty(0)
    depth = np.minimum(1.0 - np.minimum.reduceat(over, windows.start), 1.0)
    shape = over - np.repeat(np.add.reduceat(over, windows.start) / windows.size, windows.size)
    length = np.sqrt(np.add.reduceat(shape**2, windows.start))
    with np.errstate(invalid="ignore", divide="ignore"):
        shape /= np.repeat(length, windows.size)
    return depth, shape, length


def _shared(windows: Windows, pattern: Index) -> tuple[Windows, Index]:
    """Each window once, and which one it is for each of `windows`, whose references have values by `pattern`."""
    ends = windows.at[np.stack([windows.start, windows.start + windows.size - 1])] if len(windows) else np.empty((2, 0))
    reach = np.diff(windows.beside_start, append=len(windows.beside)).reshape(-1, 2)
    keys = np.column_stack([ends.T, reach, pattern])
    _, first, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return windows.only(first), which.ravel()


def _patterns_of(usable: BoolArray) -> Index:
    """(n_rows,) a number for each row, equal where rows are."""
    return np.unique(np.packbits(usable, axis=1), axis=0, return_inverse=True)[1].ravel()


def _deep_enough(owner: Index, reflectance: FloatArray, contact: BoolArray, hull: FloatArray) -> tuple[Index, Index]:
    """First and last place of each feature: neighbouring contacts with something deep enough between them."""
    at = np.flatnonzero(contact)
    left, right = at[:-1], at[1:]
    between = (owner[left] == owner[right]) & (right - left > 1)
    left, right = left[between], right[between]
    if not len(left):
        return left, right
    with np.errstate(invalid="ignore", divide="ignore"):
        depth = np.where(hull > 0, 1.0 - reflectance / hull, 0.0)
    inside, start = _runs(left, right - left)
    deep = np.maximum.reduceat(depth[inside], start) >= MIN_DEPTH
    return left[deep], right[deep]


def _positions(wavelength: FloatArray, elements: Index, beside: Index, beside_start: Index, size: Index) -> FloatArray:
    """Where each element stands between the middles of the two shoulders."""
    if not len(size):
        return np.empty(0)
    middle = np.add.reduceat(wavelength[beside], beside_start) / np.diff(beside_start, append=len(beside))
    left, right = np.repeat(middle[::2], size), np.repeat(middle[1::2], size)
    return np.asarray((wavelength[elements] - left) / (right - left))


def _runs(start: Index, size: Index) -> tuple[Index, Index]:
    """The numbers from each of `start` on, `size` of them, one run after the other; and where each run begins."""
    begin = np.cumsum(size) - size
    return np.repeat(start - begin, size) + np.arange(int(size.sum())), begin


@METRICS.register("feature_fit", better="higher", unit="1", needs={"reference"}, quantity="reflectance",
                  title="Feature fit",
                  source="Clark et al. 2003, Journal of Geophysical Research 108(E12):5131", min_bands=3,
                  scale_invariant=True, nothing_at=0.0)
def feature_fit(block: Block) -> FloatArray:
    """Squared correlation of pixel and reference within the reference's absorption features, weighted by their depth.

    Each feature over its own straight continuum; one that is inverted in the pixel counts 0. Undefined for a
    reference without features.
    """
    return _measured(block, lambda features, x: features.weighted_fit(x, 1)[:, 0])


@METRICS.register("band_depth", better="higher", unit="1", needs={"reference"}, quantity="reflectance",
                  title="Band depth",
                  source="Clark and Roush 1984, Journal of Geophysical Research 89(B7):6329-6340", min_bands=3,
                  scale_invariant=True)
def band_depth(block: Block) -> FloatArray:
    """Depth of the pixel below a straight continuum in the reference's deepest absorption feature.

    1 - reflectance / continuum, the greatest between the shoulders' contacts: the noise of a pixel makes it a little
    deeper, and a bump has none; above 1 only where the pixel is below zero. Undefined for a reference without features.
    """
    return _measured(block, lambda features, x: _deepest(features, x))


def _measured(block: Block, measure: Callable[[Features, FloatArray], FloatArray]) -> FloatArray:
    """(n_pixels,) what `measure` says of the pixels, given the features on the bands that they use."""
    values = np.full(len(block.x), np.nan)
    for rows, bands in _patterns(block.used, len(block.x)):
        if not bands.any():
            continue
        reference = block.r if block.r.ndim == 1 else block.r[rows[0]]
        # without wavelengths the bands are taken as equally spaced
        place = np.arange(np.count_nonzero(bands)) if block.wavelength_nm is None else block.wavelength_nm[bands]
        features = _features(place.astype(np.float64).tobytes(), reference[bands].tobytes())
        if len(features):
            all_of_it = len(rows) == len(block.x) and bands.all()  # then nothing is copied
            values[rows] = measure(features, block.x if all_of_it else block.x[np.ix_(rows, np.flatnonzero(bands))])
    return values


def _patterns(used: BoolArray, n_pixels: int) -> Iterator[tuple[Index, BoolArray]]:
    """Yield the pixels that use the same bands: their rows, and the bands (n_bands,)."""
    if used.ndim == 1:
        yield np.arange(n_pixels), used
        return
    _, first, which = np.unique(np.packbits(used, axis=1), axis=0, return_index=True, return_inverse=True)
    for number, row in enumerate(first):
        yield np.flatnonzero(which.ravel() == number), used[row]


@lru_cache(maxsize=256)
def _features(wavelength_nm: bytes, reference: bytes) -> Features:
    """The features of one reference; a scene asks for the same few again and again."""
    return find_features(np.frombuffer(wavelength_nm), np.frombuffer(reference)[np.newaxis])


def _deepest(features: Features, x: FloatArray) -> FloatArray:
    """(n_pixels,) greatest depth of `x` between the contacts of the deepest feature of the one reference."""
    window = features.windows.only(features.window[[int(features.depth.argmax())]])
    return np.asarray((1.0 - window.over_line(x)[:, 1:-1]).max(axis=1))
