"""Band grids and spectra with the validity of every value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]
BoolArray = npt.NDArray[np.bool_]

FILL_VALUE = np.float32(-9999.0)
"""What imaging spectrometers, and the files we write, hold where there is no value."""
MISSING_BELOW = np.float32(-9000.0)
"""No measured value is below: such a number, resampled or not, stands for no value."""
BAD_BAND_FILL = np.float32(-0.01)
"""What EMIT L2A files hold in bad bands."""

VALID = "valid"
NO_DATA = "no data"


@dataclass(frozen=True)
class BandGrid:
    """The bands of a sensor as one file describes them."""

    wavelength_nm: npt.NDArray[np.float64]
    """(n_bands,) band centres in nm, in the order of the file."""
    fwhm_nm: Optional[npt.NDArray[np.float64]] = None
    """(n_bands,) full widths at half maximum in nm; None where the file does not tell."""
    good: Optional[BoolArray] = None
    """(n_bands,) True where the producer calls a band usable; None where the file does not tell."""

    def __post_init__(self) -> None:
        """The arrays are copies that nobody can write into: they are shared by all that is read."""
        for name in ("wavelength_nm", "fwhm_nm", "good"):
            if getattr(self, name) is not None:
                values = np.array(getattr(self, name))
                values.flags.writeable = False
                object.__setattr__(self, name, values)

    def __len__(self) -> int:
        return len(self.wavelength_nm)


@dataclass(frozen=True)
class Spectra:
    """The spectra of some pixels, and which of their values can be used."""

    values: npt.NDArray[np.float32]
    """(n_pixels, n_bands) as in the file; a pixel off the swath is NaN."""
    bands: BandGrid
    """The bands of the second axis."""
    valid: BoolArray
    """(n_pixels, n_bands) True where a value may enter a metric."""
    reason: npt.NDArray[np.uint8]
    """(n_pixels, n_bands) index into `reasons`; 0 where valid."""
    reasons: tuple[str, ...] = (VALID, NO_DATA)
    """The names of the reasons; the first is always "valid"."""
    uncertainty: Optional[npt.NDArray[np.float32]] = None
    """(n_pixels, n_bands) one standard deviation in the unit of `values`, or None."""

    def __len__(self) -> int:
        return len(self.values)

    @property
    def pixel_valid(self) -> BoolArray:
        """(n_pixels,) True where at least one band is valid."""
        return np.asarray(self.valid.any(axis=1))

    @property
    def masked_values(self) -> FloatArray:
        """(n_pixels, n_bands) the values with NaN wherever they must not be used."""
        return np.where(self.valid, self.values, np.float32(np.nan))

    def mean(self) -> FloatArray:
        """(n_bands,) float64 mean of the valid values; NaN in a band without any."""
        return _moments(self)[0]

    def sigma(self) -> FloatArray:
        """(n_bands,) float64 standard deviation (n - 1) of the valid values; NaN below two."""
        return _moments(self)[1]

    def count_by_reason(self) -> Mapping[str, int]:
        """Number of values per reason, "valid" included; reasons that do not occur are left out."""
        counts = np.bincount(self.reason.ravel(), minlength=len(self.reasons))
        return {name: int(n) for name, n in zip(self.reasons, counts) if n}

    def take(self, rows: npt.NDArray[Any]) -> Spectra:
        """The pixels chosen by an index or boolean array, in that order."""
        return replace(self, values=self.values[rows], valid=self.valid[rows], reason=self.reason[rows],
                       uncertainty=None if self.uncertainty is None else self.uncertainty[rows])

    def with_uncertainty(self, uncertainty: Optional[npt.NDArray[np.float32]]) -> Spectra:
        """The same spectra carrying `uncertainty`."""
        return replace(self, uncertainty=uncertainty)


def without_fill(values: npt.NDArray[np.float32], valid: BoolArray) -> npt.NDArray[np.float32]:
    """`values` (any shape) with NaN where a file holds fill; what is masked (not `valid`) but measured stays."""
    fill = ~np.isfinite(values) | (values < MISSING_BELOW) | (~valid & (values == BAD_BAND_FILL))
    return np.where(fill, np.float32(np.nan), values)


def _moments(spectra: Spectra) -> tuple[FloatArray, FloatArray]:
    n = spectra.valid.sum(axis=0)
    values = np.where(spectra.valid, spectra.values, 0).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(n > 0, values.sum(axis=0) / n, np.nan)
        squares = np.where(spectra.valid, values - mean, 0.0) ** 2
        sigma = np.where(n > 1, np.sqrt(squares.sum(axis=0) / (n - 1)), np.nan)
    return mean, sigma
