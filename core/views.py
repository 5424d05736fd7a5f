"""Views of spectra: the values themselves, without their continuum, or their derivative; NaN where masked, as given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .continuum import remove_continuum
from .errors import MetricError
from .registry import Registry

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """One way to look at spectra."""

    title: str
    """What users read."""
    of: Callable[[npt.ArrayLike, npt.ArrayLike], npt.NDArray[np.floating]]
    """(n_bands,) wavelengths in nm and spectra (n_bands,) or (n_spectra, n_bands) -> what is seen, shaped alike."""
    quantity: Callable[[str], str]
    """Name of a quantity, its unit in brackets -> the same of what is seen of it."""
    keeps_scale: bool
    """Whether a spectrum that is multiplied is multiplied in this view too; else it stays as it is."""


def derivative(wavelength_nm: npt.ArrayLike, values: npt.ArrayLike) -> Float:
    """Change per nm of spectra (n_bands,) or (n_spectra, n_bands) over rising `wavelength_nm`; exact for a parabola.

    Taken from both neighbours, from one at the ends and beside a masked (NaN) band, which is never bridged; NaN for
    a value without neighbours.

    >>> derivative([400.0, 500.0, 700.0, 800.0], [0.1, 0.2, float("nan"), 0.4]).round(6).tolist()
    [0.001, 0.001, nan, nan]
    """
    given = np.asarray(values, np.float64)
    step = np.diff(np.asarray(wavelength_nm, np.float64))
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.diff(given, axis=-1) / step
        slope[~np.isfinite(slope)] = np.nan
        none = np.full((*given.shape[:-1], 1), np.nan)
        before, after = np.concatenate([none, slope], axis=-1), np.concatenate([slope, none], axis=-1)
        left, right = np.append(1.0, step), np.append(step, 1.0)
        both = (right * before + left * after) / (left + right)
    return np.where(np.isnan(before), after, np.where(np.isnan(after), before, both))


def _as_given(wavelength_nm: npt.ArrayLike, values: npt.ArrayLike) -> npt.NDArray[np.floating]:
    return np.asarray(values)


def _quotient_of(quantity: str) -> str:
    return f"Hull quotient ({quantity.partition(' (')[0].lower()} / continuum)"


def _derivative_of(quantity: str) -> str:
    name, _, unit = quantity.partition(" (")
    return f"Derivative ({unit[:-1] or name.lower()} per nm)"


VIEWS: Registry[View] = Registry("view", MetricError)
"""Name -> view; the first shows the values."""

VIEWS.add("values", View("Values", _as_given, lambda quantity: quantity, True))
VIEWS.add("continuum_removed", View("Continuum removed", remove_continuum, _quotient_of, False))
VIEWS.add("derivative", View("Derivative", derivative, _derivative_of, True))
