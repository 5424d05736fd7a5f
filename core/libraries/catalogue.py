"""What a library offers, and how much of it the bands of a granule can use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

import numpy as np

from ..resampling import resample
from ..spectra import BandGrid
from .spectrum import ReferenceSpectrum


@dataclass(frozen=True)
class CatalogueEntry:
    """One line of the table of references."""

    id: str
    """What REFERENCE or REFERENCE_NAME takes."""
    name: str
    """Title as in the source."""
    kind: str
    """Class of the material, or empty."""
    source: str
    """File or record."""
    first_nm: float
    """First wavelength with a value, nm."""
    last_nm: float
    """Last wavelength with a value, nm."""
    n_channels: int
    """Channels of the reference."""
    n_missing: int
    """Channels without a value."""
    n_bands: Optional[int]
    """Bands of the granule that count (the good ones where it tells them); None without a granule."""
    n_covered: Optional[int]
    """How many of those get a value from the reference; None without a granule."""
    notes: tuple[str, ...]
    """What was assumed while reading."""


def catalogue(
    library: Mapping[str, ReferenceSpectrum], bands: Optional[BandGrid] = None, method: str = "auto"
) -> tuple[CatalogueEntry, ...]:
    """One entry per spectrum in the library's order; with `bands`, how many of them each one covers."""
    return tuple(_entry(spectrum, bands, method) for spectrum in library.values())


def _entry(spectrum: ReferenceSpectrum, bands: Optional[BandGrid], method: str) -> CatalogueEntry:
    valid = np.isfinite(spectrum.reflectance)
    nm = spectrum.wavelength_nm[valid]
    n_bands, n_covered = (None, None) if bands is None else _coverage(spectrum, bands, method)
    return CatalogueEntry(
        spectrum.id, spectrum.name, spectrum.kind, spectrum.source,
        float(nm[0]) if nm.size else float("nan"), float(nm[-1]) if nm.size else float("nan"),
        valid.size, int((~valid).sum()), n_bands, n_covered, spectrum.notes,
    )  # fmt: skip


def _coverage(spectrum: ReferenceSpectrum, bands: BandGrid, method: str) -> tuple[int, int]:
    good = np.ones(len(bands), dtype=bool) if bands.good is None else np.asarray(bands.good, dtype=bool)
    values = resample(spectrum.wavelength_nm, spectrum.reflectance, bands, method)
    return int(good.sum()), int((np.isfinite(values) & good).sum())
