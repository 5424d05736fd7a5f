"""Units at the door: wavelengths become nm, values become reflectance 0-1, and what was assumed is said."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from ..errors import LibraryError

Float64 = npt.NDArray[np.float64]

DELETED = 1e30
"""A value beyond this in size is a deleted channel (the USGS writes -1.23e34)."""
NO_DATA_BELOW, NO_DATA = -9000.0, -999.0
"""Values at or below the first, and the second itself, stand for missing ones (-9999, -32768, -999)."""
FRACTION_MAX, PERCENT_MAX, TEN_THOUSAND_MAX = 2.0, 200.0, 20000.0
"""Largest values believed of a fraction, of percent, and of reflectance times 10000: twice a white panel."""

_MICRO = re.compile(r"micro|(?<![a-z])[uµμ]m(?![a-z])", re.I)
_NANO = re.compile(r"nanomet|(?<![a-z])nm(?![a-z])", re.I)
_OTHER = re.compile(r"wave\s*number|cm\s*\^?\(?-1|1\s*/\s*cm|hertz|[gmt]hz|angstrom|millimet|centimet", re.I)
_TARGET = re.compile(r"d ln radiance", re.I)
_PERCENT = re.compile(r"%|percent|(?<![a-z])pct(?![a-z])", re.I)


def nanometres(wavelength: Float64, label: str, where: str) -> tuple[Float64, str]:
    """`wavelength` in nm and a note; the unit comes from `label`, or from the size of the values.

    Raises LibraryError on another unit, a label that the values contradict, and values that fit neither
    unit, are not finite or not positive. `where` names the file in the message.
    """
    if _OTHER.search(label):
        raise LibraryError(f"{where}: the wavelength unit '{label}' is not supported; give nanometres or micrometres.")
    bad = wavelength[~(np.isfinite(wavelength) & (wavelength > 0))]
    if bad.size:
        raise LibraryError(f"{where}: the wavelength {bad[0]:g} is not a positive, finite number.")
    micro, nano = bool(_MICRO.search(label)), bool(_NANO.search(label))
    if micro != nano:
        _contradiction(wavelength, micro, label, where)
        unit = "micrometres" if micro else "nanometres"
        return wavelength * (1000.0 if micro else 1.0), f"wavelengths in {unit}, as the file says"
    low, high = float(wavelength.min()), float(wavelength.max())
    if high < 100:
        return wavelength * 1000.0, f"wavelengths {low:g}-{high:g} taken as micrometres"
    if low >= 100:
        return wavelength, f"wavelengths {low:g}-{high:g} taken as nanometres"
    raise LibraryError(
        f"{where}: the unit of the wavelengths {low:g} to {high:g} cannot be told; "
        "name it in the header, for instance 'wavelength_nm'."
    )


def _contradiction(wavelength: Float64, micro: bool, label: str, where: str) -> None:
    """Refuse nm that end below 100 and micrometres that begin above 100."""
    if micro and wavelength.min() > 100 or not micro and wavelength.max() < 100:
        raise LibraryError(
            f"{where}: the wavelengths {wavelength.min():g} to {wavelength.max():g} cannot be in the unit "
            f"that the file names ('{label}'); correct the unit."
        )


def fractions(values: Float64, label: str, where: str) -> tuple[Float64, str]:
    """`values` (any shape) as reflectance 0-1, deleted channels NaN, and a note.

    Where `label` says that they are a gas target they stay as they are, in its unit. The scale is percent where
    `label` says so; otherwise the largest value decides between a fraction, percent and times 10000. Raises
    LibraryError where nothing is left, or a value is beyond all three.
    """
    values = missing_to_nan(values)
    if not np.isfinite(values).any():
        raise LibraryError(f"{where}: there is no valid reflectance value in it.")
    if _TARGET.search(label):
        return values, "values in the unit of a gas target, as the file says"
    top = float(np.nanmax(values))
    if _PERCENT.search(label):
        return values / 100.0, "reflectance in percent, as the file says"
    if top <= FRACTION_MAX:
        return values, f"reflectance up to {top:.4g} taken as a fraction (0-1)"
    if top <= PERCENT_MAX:
        return values / 100.0, f"reflectance up to {top:.4g} taken as percent"
    if top <= TEN_THOUSAND_MAX:
        return values / 10000.0, f"reflectance up to {top:.6g} taken as reflectance times 10000"
    raise LibraryError(f"{where}: the value {top:g} is no reflectance, neither 0-1 nor percent nor times 10000.")


def missing_to_nan(values: Float64) -> Float64:
    """`values` as float64 with NaN in place of deleted and missing channels and of anything not finite."""
    values = np.asarray(values, dtype=np.float64)
    known = (values > NO_DATA_BELOW) & (values < DELETED) & (values != NO_DATA)
    return np.where(known, values, np.nan)


def arrange(wavelength: Float64, values: Float64, where: str) -> tuple[Float64, Float64, tuple[str, ...]]:
    """Put `wavelength` (n,) and `values` (n_spectra, n) in strictly increasing order, with notes.

    Channels that occur twice with equal values in every spectrum are dropped once; with different values they
    are refused. Overlapping detectors are sorted and kept.
    """
    notes: list[str] = []
    step = np.diff(wavelength)
    if (step < 0).any():
        notes.append("wavelengths were descending" if (step < 0).all() else "wavelengths were not in order: sorted")
        order = np.argsort(wavelength, kind="stable")
        wavelength, values = wavelength[order], values[:, order]
    keep = np.append(True, np.diff(wavelength) > 0)
    if not keep.all():
        _same_twice(wavelength, values, keep, where)
        notes.append(f"{int((~keep).sum())} repeated channels with equal values dropped")
    if keep.sum() < 2:
        raise LibraryError(f"{where}: a reference needs at least two channels; there is one, at {wavelength[0]:g} nm.")
    return wavelength[keep], values[:, keep], tuple(notes)


def _same_twice(wavelength: Float64, values: Float64, keep: npt.NDArray[np.bool_], where: str) -> None:
    again = np.flatnonzero(~keep)
    same = np.isclose(values[:, again], values[:, again - 1], rtol=0, atol=0, equal_nan=True).all(axis=0)
    if not same.all():
        twice = wavelength[again[~same][0]]
        raise LibraryError(f"{where}: the wavelength {twice:.10g} nm occurs twice with different values; keep one.")
