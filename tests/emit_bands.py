"""The bands of EMIT and an illustrative noise for its reflectance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np
import numpy.typing as npt

N_BANDS = 285
BAD_VALUE = np.float32(-0.01)
"""What the product holds in the bands that it calls bad."""
BAD_WINDOWS_NM = ((1325.0, 1435.0), (1770.0, 1962.0))
"""The water vapour windows that the producer calls bad; the bounds themselves are good."""

# Chebyshev coefficients of the centre in nm over the band number scaled to -1..1: our own fit to the
# 285 centres NASA publishes (calibration of August 2022), within 0.003 nm; two calibrations differ by up
# to 0.09 nm.
_CENTRE_NM = (1437.9903, 1056.519, -1.1882, -0.4866, 0.1307, -0.0591, 0.0243,
              -0.0115, 0.0061, -0.0018, 0.0013, -0.0021, 0.0014)


@dataclass(frozen=True)
class Bands:
    """The band table of a synthetic granule."""

    wavelength_nm: npt.NDArray[np.float32]
    """(n_bands,) centres, ascending."""
    fwhm_nm: npt.NDArray[np.float32]
    """(n_bands,) full widths at half maximum."""
    good: npt.NDArray[np.bool_]
    """(n_bands,) False in the two water vapour windows: 41 of 285."""


def emit_bands(n_bands: int = N_BANDS) -> Bands:
    """The 285 bands of EMIT, or `n_bands` of them from the first to the last in even steps.

    >>> int(emit_bands().good.sum()), len(emit_bands(5).wavelength_nm)
    (244, 5)
    """
    band = np.rint(np.linspace(0, N_BANDS - 1, n_bands))
    centre = np.polynomial.chebyshev.chebval(2 * band / (N_BANDS - 1) - 1, _CENTRE_NM)
    fwhm = np.maximum(8.415, 8.41098 + 0.00140026 * band)  # published to 0.001 nm, level over the first four
    bad = np.zeros(n_bands, bool)
    for lower, upper in BAD_WINDOWS_NM:
        bad |= (centre > lower) & (centre < upper)
    return Bands(centre.astype(np.float32), np.round(fwhm, 3).astype(np.float32), ~bad)


def illustrative_snr(wavelength_nm: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Signal-to-noise ratio at reflectance 0.25: 116 at 380 nm, 200 at 750, 104 at 1600, 57 at 2450.

    A smooth formula of ours with the shape of such instruments; not a measured curve of EMIT.
    """
    octaves = np.log(np.asarray(wavelength_nm, np.float64) / 750.0) / np.log(2.2)
    return 40.0 + 160.0 * np.exp(-(octaves**2))


def add_noise(
    reflectance: npt.ArrayLike, seed: int, wavelength_nm: Optional[npt.ArrayLike] = None
) -> npt.NDArray[np.float32]:
    """`reflectance` (..., n_bands) plus independent Gaussian noise, float32; illustrative, not a calibration.

    The standard deviation is `0.25 / illustrative_snr` at reflectance 0.25 and grows with the square root of
    the signal above a floor of 0.05 (path radiance and detector). The centres default to EMIT's.
    """
    signal = np.asarray(reflectance, np.float32)
    centres = emit_bands(signal.shape[-1]).wavelength_nm if wavelength_nm is None else wavelength_nm
    sigma = (0.25 / illustrative_snr(centres)).astype(np.float32)
    scale = np.sqrt((np.clip(signal, 0.0, None) + np.float32(0.05)) / np.float32(0.30))
    noise = np.random.default_rng(seed).standard_normal(signal.shape, np.float32)
    return np.asarray(signal + noise * sigma * scale, np.float32)
