"""The Voigt profile, by way of the Faddeeva function w(z) = exp(-z²) erfc(-iz)."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

TERMS = 32
"""Terms of the rational series."""
FAR = 20.0
"""Beyond |x| + y of this the start of the continued fraction stands in for the series."""


def faddeeva(z: npt.ArrayLike) -> Complex:
    """w(z) for Im z >= 0: absolute error below 1e-8, relative error of Re w below 3e-7 where Im z >= 1e-4.

    The rational series of Weideman 1994, SIAM Journal on Numerical Analysis 31:1497-1518, with 32 terms; far
    out the continued fraction of Laplace, cut after three terms (Gautschi 1970, same journal 7:187-198).

    >>> round(float(faddeeva(1j).real), 9)  # e erfc(1)
    0.427583576
    """
    given = np.atleast_1d(np.asarray(z, dtype=np.complex128))
    far = np.abs(given.real) + given.imag > FAR
    result = np.empty(given.shape, np.complex128)
    result[far] = _fraction(given[far])
    result[~far] = _series(given[~far])
    return result.reshape(np.shape(z))


def voigt(offset: npt.ArrayLike, doppler_hwhm: float, lorentz_hwhm: float) -> Float64:
    """The profile of unit area at `offset` from the centre of a line; all three in one unit, the result in its inverse.

    `doppler_hwhm` must be positive; `lorentz_hwhm` may be 0, which leaves the Doppler profile.
    """
    scale = math.sqrt(math.log(2.0)) / doppler_hwhm
    z = scale * (np.asarray(offset, dtype=np.float64) + 1j * lorentz_hwhm)
    return np.asarray(faddeeva(z).real * (scale / math.sqrt(math.pi)))


def voigt_hwhm(doppler_hwhm: npt.ArrayLike, lorentz_hwhm: npt.ArrayLike) -> Float64:
    """Half width at half maximum, to 0.02 % (Olivero and Longbothum 1977, JQSRT 17:233-236)."""
    doppler, lorentz = np.asarray(doppler_hwhm, np.float64), np.asarray(lorentz_hwhm, np.float64)
    return np.asarray(0.5346 * lorentz + np.sqrt(0.2166 * lorentz**2 + doppler**2))


def _fraction(z: Complex) -> Complex:
    square = z * z
    return np.asarray(1j / math.sqrt(math.pi) * (square - 1.0) / (z * (square - 1.5)))


def _series(z: Complex) -> Complex:
    length, coefficients = _coefficients()
    below = length - 1j * z
    polynomial = np.polyval(coefficients, (length + 1j * z) / below)
    return np.asarray((2.0 * polynomial / below + 1.0 / math.sqrt(math.pi)) / below)


@lru_cache(maxsize=1)
def _coefficients() -> tuple[float, Float64]:
    """The length L and the coefficients of the polynomial, highest power first."""
    length = math.sqrt(TERMS / math.sqrt(2.0))
    half = 2 * TERMS
    t = length * np.tan(np.arange(-half + 1, half) * (math.pi / half / 2.0))
    samples = np.concatenate([[0.0], np.exp(-(t**2)) * (length**2 + t**2)])
    spectrum = np.fft.fft(np.fft.fftshift(samples)).real / (2 * half)
    return length, spectrum[TERMS:0:-1].copy()
