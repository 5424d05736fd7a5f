"""A gas target: how the logarithm of the radiance in each band changes with the enhancement of a gas."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable, Union

import numpy as np
import numpy.typing as npt

from ..errors import LibraryError
from ..io.atomic import replacing
from ..libraries import ReferenceSpectrum
from ..libraries.spectrum import slug
from ..resampling import FWHM_PER_SIGMA, SUPPORT_SIGMA, gaussian
from ..spectra import BandGrid

Float64 = npt.NDArray[np.float64]

SCALING = 1e5
"""A target holds the slope times this, as NASA's targets do: per 1e5 ppm m."""
ENHANCEMENT_PPM_M = (0.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16000.0)
"""The enhancements of mag1c's table (ppm m), which the table itself does not tell."""
UNIT = "d ln radiance per 1e5 ppm m"


@dataclass(frozen=True, eq=False)
class GasTarget:
    """The target spectrum of a gas on the bands of a granule."""

    gas: str
    """The gas as the source tells it, such as "CH4"; "" where it does not."""
    wavelength_nm: Float64
    """(n_bands,) band centres in nm, in the order of the granule."""
    values: Float64
    """(n_bands,) slope of the logarithm of the radiance, per 1e5 ppm m, negative where the gas absorbs; NaN in bands
    that the source does not cover."""
    source: str
    """Name of the file that it was made from."""
    notes: tuple[str, ...] = ()
    """What was done and assumed."""

    @property
    def name(self) -> str:
        """What it is called where a reference is asked for; the unit is part of it."""
        return f"{self.gas or 'Gas'} target ({UNIT})"

    @property
    def reference(self) -> ReferenceSpectrum:
        """The same to stand where a reference is asked for; its `reflectance` holds the slopes."""
        grid, first = np.unique(self.wavelength_nm, return_index=True)
        return ReferenceSpectrum(slug(f"{self.gas or 'gas'} target"), self.name, grid, self.values[first], self.source,
                                 self.notes, "gas")

    def write(self, path: Union[str, os.PathLike[str]]) -> None:
        """Write a CSV table that `open_library` reads; what was done and assumed stands in its comments."""
        reference = self.reference
        comments = [f"# {line}\n" for line in (f"made from {self.source}", f"unit: {UNIT}", *self.notes)]
        rows = [f"{nm:.9g},{value:.9g}\n" for nm, value in zip(reference.wavelength_nm, reference.reflectance)]
        with replacing(path) as part:
            part.write_text("".join([*comments, f"wavelength_nm,{self.name}\n", *rows]), encoding="utf-8")


def fit_target(grid_nm: Float64, radiance: Callable[[slice], Float64], enhancement_ppm_m: Sequence[float],
               bands: BandGrid, where: str) -> Float64:
    """(n_bands,) slopes per 1e5 ppm m: least squares of log band radiance on enhancement; NaN in uncovered bands.

    `radiance(part)` gives (n_enhancements, n) radiance or transmittance on the part of `grid_nm` (nm, increasing).
    Each band is the mean over its Gaussian response (centre and FWHM), cut at 3 sigma. Raises LibraryError where no
    band is covered, or a band has no positive radiance.
    """
    enhancement = np.asarray(enhancement_ppm_m, np.float64)
    deviation = enhancement - enhancement.mean()
    support = band_support(bands, where)
    slopes = np.full(len(bands), np.nan)
    for band in covered_bands(bands, float(grid_nm[0]), float(grid_nm[-1]), where):
        first, last = np.searchsorted(grid_nm, support[band])
        part = slice(max(0, first - 2), last + 2)
        weights = gaussian(grid_nm[part], support[band].mean(keepdims=True), _fwhm(bands, where)[band:band + 1]).matrix
        mean = radiance(part) @ weights[0]
        if not (mean > 0).all():
            raise LibraryError(f"{where}: the radiance is not positive in the band at "
                               f"{bands.wavelength_nm[band]:.1f} nm, so it has no logarithm; correct the file.")
        slopes[band] = SCALING * (deviation @ np.log(mean)) / (deviation @ deviation)
    return slopes


def covered_bands(bands: BandGrid, low_nm: float, high_nm: float, where: str) -> npt.NDArray[np.intp]:
    """Positions of the bands whose whole response lies within `low_nm`-`high_nm`; LibraryError where there is none."""
    support = band_support(bands, where)
    inside = np.flatnonzero((support[:, 0] >= low_nm) & (support[:, 1] <= high_nm))
    if not inside.size:
        centre = bands.wavelength_nm
        raise LibraryError(f"{where}: the file covers {low_nm:.6g} to {high_nm:.6g} nm, which holds none of the "
                           f"{centre.size} bands from {centre.min():.6g} to {centre.max():.6g} nm with their widths; "
                           "give a file that covers the bands of the gas.")
    return inside


def band_support(bands: BandGrid, where: str) -> Float64:
    """(n_bands, 2) where the response of each band begins and ends, nm."""
    half = SUPPORT_SIGMA * _fwhm(bands, where) / FWHM_PER_SIGMA
    return np.stack([bands.wavelength_nm - half, bands.wavelength_nm + half], axis=1)


def missing_note(values: Float64) -> tuple[str, ...]:
    """A sentence on the bands without a value, if there are any."""
    n = int(np.isnan(values).sum())
    return (f"{n} of {values.size} bands are not covered and have no value (nan)",) if n else ()


def _fwhm(bands: BandGrid, where: str) -> Float64:
    fwhm = bands.fwhm_nm
    if fwhm is None or not (np.isfinite(fwhm) & (fwhm > 0)).all():
        raise LibraryError(f"{where}: a gas target needs the width of every band, and the granule does not tell it; "
                           "add 'fwhm' to its header.")
    return np.asarray(fwhm, np.float64)
