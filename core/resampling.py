"""From the channels of a reference to the bands of a sensor: each method is an (n_out, n_in) matrix.

A row of a matrix holds the weights of the channels in one band; it sums to 1, and it is NaN where the band
cannot be had. A band drops out, and nothing is extrapolated or bridged, where what it needs

* leaves the range of the reference,
* touches a missing (NaN) channel with any weight, or
* crosses a gap: in a reference of at least `GAP_CHANNELS` channels, a step more than `GAP_RATIO` times wider
  than the two steps on either side of it (channels that a library left out instead of marking them).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Callable, NamedTuple, Optional, Protocol

import numpy as np
import numpy.typing as npt

from .errors import LibraryError
from .registry import Registry
from .spectra import BandGrid

Float64 = npt.NDArray[np.float64]
FWHM_PER_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))
SUPPORT_SIGMA = 3.0
"""A Gaussian response is cut at +-3 sigma and renormalised.

That keeps 97.3 % of its variance (its width shrinks by 1.3 %; at +-2 sigma it would shrink by 12 %), and
costs no more of EMIT's bands than +-2 sigma on references that end at 2500 nm: the last one (2492.9 nm)."""
GAP_RATIO = 5.0
GAP_CHANNELS = 32
END_TOLERANCE_NM = 1e-3
"""How far a band centre may lie beyond the last channel: the rounding of a printed table, no more."""
SAME_GRID_NM = 0.2
"""Channels this close to band centres belong to the sensor itself (its calibrations differ by < 0.1 nm)."""


class Rows(NamedTuple):
    """What a method makes: the matrix, and which of its rows are Gaussian."""

    matrix: Float64
    gaussian: npt.NDArray[np.bool_]


Method = Callable[[Float64, Float64, Optional[Float64]], Rows]
RESAMPLING: Registry[Method] = Registry("resampling method", LibraryError)


class ReferenceLike(Protocol):
    """What `on_bands` asks of a reference spectrum."""

    @property
    def name(self) -> str: ...
    @property
    def wavelength_nm(self) -> Float64: ...
    @property
    def reflectance(self) -> Float64: ...


@dataclass(frozen=True)
class Resampled:
    """A reference on the bands of a sensor."""

    values: Float64
    """(n_bands,) reflectance 0-1 in the order of the bands; NaN where the reference has no value."""
    n_missing: int
    """Number of bands without a value."""
    method: str
    """One phrase: what was done in how many bands."""


def resample(wavelength_nm: npt.ArrayLike, values: npt.ArrayLike, bands: BandGrid, method: str = "auto") -> Float64:
    """Bring `values` on `wavelength_nm` (nm, any order) to `bands`.

    `values` is (n,) or (n_spectra, n), NaN or infinite = missing; the result is float64 (n_bands,) or
    (n_spectra, n_bands), NaN where there is no overlap or a channel is missing. Raises LibraryError on an
    unknown method, on repeated or non-finite wavelengths, and on shapes that do not match.

    >>> resample([400.0, 500.0], [0.2, 0.4], BandGrid(np.array([450.0, 600.0])))
    array([0.3, nan])
    """
    grid, spectra = _sorted(wavelength_nm, values)
    return _apply(_rows(grid, bands, method).matrix, spectra)


def resampling_matrix(wavelength_nm: npt.ArrayLike, bands: BandGrid, method: str = "auto") -> Float64:
    """(n_bands, n) weights of the channels `wavelength_nm` (nm, strictly increasing) in each band."""
    matrix: Float64 = _rows(_increasing(wavelength_nm), bands, method).matrix
    return matrix.copy()


def on_bands(reference: ReferenceLike, bands: BandGrid, method: str = "auto") -> Resampled:
    """`reference` on `bands`; raises LibraryError with both ranges where not one band gets a value."""
    grid, spectra = _sorted(reference.wavelength_nm, reference.reflectance)
    rows = _rows(grid, bands, method)
    values = _apply(rows.matrix, spectra)
    missing = np.isnan(values)
    if missing.all():
        raise LibraryError(_no_overlap(reference.name, grid[np.isfinite(spectra)], bands))
    return Resampled(values, int(missing.sum()), _phrase(rows.gaussian, missing))


def srf_matrix(wavelength_nm: npt.ArrayLike, srf_wavelength_nm: npt.ArrayLike, srf: npt.ArrayLike) -> Float64:
    """(n_out, n) weights for tabulated spectral response functions.

    `srf` is (n_out, n_srf) on the equally spaced `srf_wavelength_nm` (n_srf,); the reference is interpolated
    linearly to that grid and averaged as sum(r s) / sum(s), which is how the USGS made its resampled
    libraries (splib07b, doi:10.5066/F7RR1WDJ). A row is NaN where a non-zero response meets no reference.
    """
    grid = _increasing(wavelength_nm)
    response = np.atleast_2d(np.asarray(srf, dtype=np.float64))
    centres = np.asarray(srf_wavelength_nm, dtype=np.float64)
    total = response.sum(axis=1, keepdims=True)
    if response.shape[1:] != centres.shape or not np.isfinite(response).all() or not (total > 0).all():
        raise LibraryError("A spectral response must hold one finite value per wavelength, with a positive sum.")
    to_grid = linear(grid, centres, None).matrix
    blind = np.isnan(to_grid).any(axis=1)
    matrix: Float64 = (response / total) @ np.where(blind[:, None], 0.0, to_grid)
    matrix[(response[:, blind] != 0).any(axis=1)] = np.nan
    return matrix


def resample_srf(
    wavelength_nm: npt.ArrayLike, values: npt.ArrayLike, srf_wavelength_nm: npt.ArrayLike, srf: npt.ArrayLike
) -> Float64:
    """`values` (n,) or (n_spectra, n) through the responses `srf` (n_out, n_srf); see `srf_matrix`."""
    grid, spectra = _sorted(wavelength_nm, values)
    return _apply(srf_matrix(grid, srf_wavelength_nm, srf), spectra)


@RESAMPLING.register("auto")
def auto(grid: Float64, centre: Float64, fwhm: Optional[Float64]) -> Rows:
    """Gaussian where each step of the reference within the band's FWHM is narrower than it, else linear.

    A reference that already stands on the sensor's own bands is taken as it is (linear), not smoothed again.
    """
    if fwhm is None or _same_grid(grid, centre):
        return linear(grid, centre, None)
    wide = np.isfinite(fwhm) & (fwhm > 0)
    fine = wide & (_widest_step(grid, centre, np.where(wide, fwhm, 0.0)) < fwhm)
    matrix = linear(grid, centre, None).matrix
    matrix[fine] = gaussian(grid, centre[fine], fwhm[fine]).matrix
    return Rows(matrix, fine)


@RESAMPLING.register("linear")
def linear(grid: Float64, centre: Float64, fwhm: Optional[Float64] = None) -> Rows:
    """Linear interpolation at the band centres; `fwhm` is not used."""
    matrix = np.full((centre.size, grid.size), np.nan)
    inside = (centre >= grid[0] - END_TOLERANCE_NM) & (centre <= grid[-1] + END_TOLERANCE_NM)
    at = np.clip(centre, grid[0], grid[-1])
    left = np.clip(np.searchsorted(grid, at, side="right") - 1, 0, max(grid.size - 2, 0))
    right = np.minimum(left + 1, grid.size - 1)
    step = np.where(right > left, grid[right] - grid[left], 1.0)
    share = (at - grid[left]) / step
    crossing = np.append(_gaps(grid), False)[left] & (share > 0) & (share < 1)
    rows = np.flatnonzero(inside & ~crossing)
    matrix[rows] = 0.0
    matrix[rows, left[rows]] = 1.0 - share[rows]
    matrix[rows, right[rows]] += share[rows]
    return Rows(matrix, np.zeros(centre.size, dtype=bool))


@RESAMPLING.register("gaussian")
def gaussian(grid: Float64, centre: Float64, fwhm: Optional[Float64]) -> Rows:
    """Gaussian response of each band's centre and FWHM, exact for the piecewise linear reference."""
    if fwhm is None or not (np.isfinite(fwhm) & (fwhm > 0)).all():
        raise LibraryError(
            "The Gaussian resampling needs the FWHM of every band, and the granule does not tell it; "
            "use the method 'linear' or 'auto'."
        )
    matrix = np.full((centre.size, grid.size), np.nan)
    gaps = _gaps(grid)
    for row, (mu, sigma) in enumerate(zip(centre, fwhm / FWHM_PER_SIGMA)):
        low, high = mu - SUPPORT_SIGMA * sigma, mu + SUPPORT_SIGMA * sigma
        first = int(np.searchsorted(grid, low, side="right")) - 1
        last = int(np.searchsorted(grid, high, side="left"))
        if first >= 0 and last < grid.size and not gaps[first:last].any():
            matrix[row] = 0.0
            matrix[row, first : last + 1] = _gaussian_weights((grid[first : last + 1] - mu) / sigma)
    return Rows(matrix, np.ones(centre.size, dtype=bool))


def _gaussian_weights(node: Float64) -> Float64:
    """(k,) weights of the nodes (in sigma from the centre) whose k - 1 linear pieces cover the support.

    In one piece [a, b], cut to the support [p, q], the left node has the weight
    integral of phi(z) (b - z) / (b - a) dz = (b I0 - I1) / (b - a),
    I0 = Phi(q) - Phi(p), I1 = phi(p) - phi(q).
    """
    a, b = node[:-1], node[1:]
    edge = np.clip(node, -SUPPORT_SIGMA, SUPPORT_SIGMA)
    cumulative = np.array([0.5 * math.erf(z / math.sqrt(2.0)) for z in edge])
    density = np.exp(-0.5 * edge**2) / math.sqrt(2.0 * math.pi)
    area, moment = np.diff(cumulative), -np.diff(density)
    to_left = (b * area - moment) / (b - a)
    weights = np.zeros(node.size)
    weights[:-1] += to_left
    weights[1:] += area - to_left
    return np.asarray(weights / weights.sum())


def _rows(grid: Float64, bands: BandGrid, method: str) -> Rows:
    """The rows of `method`; the last few are kept, since a library shares few grids."""
    centre = np.ascontiguousarray(bands.wavelength_nm, dtype=np.float64)
    fwhm = None if bands.fwhm_nm is None else np.ascontiguousarray(bands.fwhm_nm, dtype=np.float64)
    return _cached_rows(method, grid.tobytes(), centre.tobytes(), None if fwhm is None else fwhm.tobytes())


@lru_cache(maxsize=4)
def _cached_rows(method: str, grid: bytes, centre: bytes, fwhm: Optional[bytes]) -> Rows:
    widths = None if fwhm is None else np.frombuffer(fwhm)
    return RESAMPLING[method](np.frombuffer(grid), np.frombuffer(centre), widths)


def _apply(matrix: Float64, values: Float64) -> Float64:
    """`matrix` times each spectrum; NaN where a channel with any weight is missing."""
    missing = ~np.isfinite(values)
    result = np.where(missing, 0.0, values) @ matrix.T
    if missing.any():
        result[(missing.astype(np.float32) @ (matrix != 0).T.astype(np.float32)) > 0] = np.nan
    return np.asarray(result)


def _sorted(wavelength_nm: npt.ArrayLike, values: npt.ArrayLike) -> tuple[Float64, Float64]:
    grid = np.asarray(wavelength_nm, dtype=np.float64)
    spectra = np.asarray(values, dtype=np.float64)
    if grid.ndim != 1 or grid.size == 0 or spectra.ndim not in (1, 2) or spectra.shape[-1] != grid.size:
        raise LibraryError(
            f"A reference needs one value per wavelength; there are {grid.size} wavelengths "
            f"and values of shape {spectra.shape}."
        )
    order = np.argsort(grid, kind="stable")
    grid, spectra = grid[order], spectra[..., order]
    if not np.isfinite(grid).all():
        raise LibraryError("A reference has a wavelength that is not a finite number.")
    twice = np.flatnonzero(np.diff(grid) == 0)
    if twice.size:
        raise LibraryError(f"A reference has the wavelength {grid[twice[0]]:g} nm twice; keep one of the two.")
    return grid, spectra


def _increasing(wavelength_nm: npt.ArrayLike) -> Float64:
    grid = np.asarray(wavelength_nm, dtype=np.float64)
    if not np.array_equal(grid, _sorted(grid, grid)[0]):
        raise LibraryError("The wavelengths of a reference must increase; sort its channels first.")
    return grid


def _gaps(grid: Float64) -> npt.NDArray[np.bool_]:
    """(n - 1,) True where the step to the next channel crosses channels that were left out."""
    step = np.diff(grid)
    padded = np.concatenate([np.zeros(2), step, np.zeros(2)])
    n = step.size
    around = np.max([padded[0:n], padded[1 : n + 1], padded[3 : n + 3], padded[4 : n + 4]], axis=0, initial=0.0)
    return np.asarray((grid.size >= GAP_CHANNELS) & (step > GAP_RATIO * around))


def _same_grid(grid: Float64, centre: Float64) -> bool:
    """True where every channel of the reference lies at a band centre."""
    near = np.sort(centre)
    right = np.clip(np.searchsorted(near, grid), 0, near.size - 1)
    distance = np.minimum(np.abs(near[right] - grid), np.abs(near[np.maximum(right - 1, 0)] - grid))
    return bool((distance <= SAME_GRID_NM).all())


def _widest_step(grid: Float64, centre: Float64, fwhm: Float64) -> Float64:
    """(n_out,) the widest step of `grid` that meets a band's FWHM; infinite where that leaves the range."""
    step = np.diff(grid)
    first = np.searchsorted(grid, centre - fwhm / 2, side="right") - 1
    last = np.searchsorted(grid, centre + fwhm / 2, side="left")
    inside = (first >= 0) & (first < last) & (last < grid.size)
    return np.array([step[i:j].max() if ok else np.inf for i, j, ok in zip(first, last, inside)], dtype=np.float64)


def _phrase(is_gaussian: npt.NDArray[np.bool_], missing: npt.NDArray[np.bool_]) -> str:
    counts = {
        "Gaussian response in {}": int((is_gaussian & ~missing).sum()),
        "linear interpolation in {}": int((~is_gaussian & ~missing).sum()),
        "{} without a reference value": int(missing.sum()),
    }
    return ", ".join(text.format(f"{n} band" + "s" * (n != 1)) for text, n in counts.items() if n)


def _no_overlap(name: str, channels: Float64, bands: BandGrid) -> str:
    centre = np.asarray(bands.wavelength_nm)
    has = f"has values from {channels[0]:g} to {channels[-1]:g} nm" if channels.size else "has no value"
    return (
        f"The reference '{name}' {has} and gives none to the {centre.size} bands "
        f"from {centre.min():g} to {centre.max():g} nm; choose a reference that covers them."
    )
