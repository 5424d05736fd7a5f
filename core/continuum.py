"""The continuum of a spectrum: its upper convex hull, for many spectra at once.

>>> contacts([400.0, 500.0, 600.0], [[0.2, 0.1, 0.4]]).tolist()
[[True, False, True]]
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Index = npt.NDArray[np.intp]

_ON_THE_HULL = 4 * np.finfo(np.float64).eps
"""A value above a chord by no more than this part of the largest value lies on it."""


def remove_continuum(wavelength_nm: npt.ArrayLike, values: npt.ArrayLike) -> Float:
    """`values` divided by their hull: 1 at its contacts, less in absorptions; shaped as `values`.

    A masked (NaN) value stays NaN and takes no part; NaN too where the hull is not above zero.
    """
    given = np.asarray(values, np.float64)
    hull = continuum(wavelength_nm, given)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(hull > 0, given / hull, np.nan)


def continuum(wavelength_nm: npt.ArrayLike, values: npt.ArrayLike) -> Float:
    """The upper convex hull of each spectrum at its bands: straight lines between its contacts.

    `wavelength_nm` is (n_bands,), in any order; `values` (n_bands,) or (n_spectra, n_bands), NaN where masked.
    Masked bands inside get the value of the line that crosses them; NaN outside the first and last usable band.
    """
    order, wavelength, spectra = _sorted(wavelength_nm, values)
    hull = _interpolated(wavelength, spectra, _contacts(wavelength, spectra))
    result = np.empty_like(hull)
    result[:, order] = hull
    return result.reshape(np.shape(values))


def contacts(wavelength_nm: npt.ArrayLike, values: npt.ArrayLike) -> BoolArray:
    """Where each spectrum touches its hull, shaped as `values`; the arguments are those of `continuum`."""
    order, wavelength, spectra = _sorted(wavelength_nm, values)
    found = np.zeros(spectra.shape, bool)
    found[:, order] = _contacts(wavelength, spectra)
    return found.reshape(np.shape(values))


def _sorted(wavelength_nm: npt.ArrayLike, values: npt.ArrayLike) -> tuple[Index, Float, Float]:
    wavelength = np.asarray(wavelength_nm, np.float64)
    order = np.argsort(wavelength, kind="stable")
    return order, wavelength[order], np.atleast_2d(np.asarray(values, np.float64))[:, order]


def _contacts(wavelength: Float, spectra: Float) -> BoolArray:
    """Quickhull for all spectra at once: each round splits the chords that some value lies above at the highest."""
    usable = np.isfinite(spectra)
    found = np.zeros(spectra.size, bool)
    rows = np.flatnonzero(usable.any(axis=1))
    if not rows.size:
        return found.reshape(spectra.shape)
    n_bands = spectra.shape[1]
    height = np.where(usable, spectra, -np.inf).ravel()
    place = np.broadcast_to(wavelength, spectra.shape).ravel()
    left = rows * n_bands + usable[rows].argmax(axis=1)
    right = (rows + 1) * n_bands - 1 - usable[rows, ::-1].argmax(axis=1)
    found[left] = found[right] = True
    tolerance = _ON_THE_HULL * np.abs(np.where(usable, spectra, 0.0)).max(axis=1)[rows]
    while left.size:
        left, right, tolerance = _split(height, place, left, right, tolerance)
        found[left] = True
    return found.reshape(spectra.shape)


def _split(height: Float, place: Float, left: Index, right: Index, tolerance: Float) -> tuple[Index, Index, Float]:
    """The chords that replace those below the hull: from each end to the value that lies farthest above."""
    wide = right - left > 1
    left, right, tolerance = left[wide], right[wide], tolerance[wide]
    if not left.size:
        return left, right, tolerance
    inside = right - left - 1
    start = np.cumsum(inside) - inside
    at = np.arange(inside.sum()) + np.repeat(left + 1 - start, inside)
    above = height[at] - _chord(height, place, left, right, inside, at)
    top = np.maximum.reduceat(above, start)
    first = np.minimum.reduceat(np.where(above == np.repeat(top, inside), at, height.size), start)
    split = top > tolerance
    middle = first[split]
    return (np.concatenate([left[split], middle]), np.concatenate([middle, right[split]]),
            np.concatenate([tolerance[split], tolerance[split]]))


def _chord(height: Float, place: Float, left: Index, right: Index, n: Index, at: Index) -> Float:
    """The values at `at` of the lines from `left` to `right`, `n` places each."""
    length = place[right] - place[left]
    slope = np.divide(height[right] - height[left], length, out=np.zeros_like(length), where=length > 0)
    return np.repeat(height[left], n) + np.repeat(slope, n) * (place[at] - np.repeat(place[left], n))


def _interpolated(wavelength: Float, spectra: Float, contact: BoolArray) -> Float:
    """The lines between neighbouring contacts; NaN outside them."""
    hull = np.full(spectra.size, np.nan)
    flat = np.flatnonzero(contact)
    hull[flat] = spectra.ravel()[flat]
    same_row = np.diff(flat // spectra.shape[1]) == 0
    left, right = flat[:-1][same_row], flat[1:][same_row]
    inside = right - left - 1
    at = np.arange(inside.sum()) + np.repeat(left + 1 - (np.cumsum(inside) - inside), inside)
    place = np.broadcast_to(wavelength, spectra.shape).ravel()
    hull[at] = _chord(spectra.ravel(), place, left, right, inside, at)
    return hull.reshape(spectra.shape)
