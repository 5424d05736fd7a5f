"""The target of a gas from its lines alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import numpy as np

from ..progress import NO_PROGRESS, Progress
from ..spectra import BandGrid
from . import hitran
from .absorption import Layer, cross_section, grid_step_cm, molecule_of
from .target import ENHANCEMENT_PPM_M, GasTarget, band_support, covered_bands, fit_target, missing_note


def target(path: Path, bands: BandGrid, enhancement_ppm_m: Optional[Sequence[float]] = None,
           layer: Optional[Layer] = None, progress: Progress = NO_PROGRESS) -> GasTarget:
    """The target by line-by-line transmittance of a uniform layer, fitted as that of a look-up table is.

    Bands whose response leaves the window of the file have no value; LibraryError where that is all of them.
    """
    lines, air, where = hitran.read(path), layer or Layer(), str(path)
    gas = molecule_of(lines).name
    inside = band_support(bands, where)[covered_bands(bands, *lines.window_nm, where)]
    step = grid_step_cm(lines, air)
    low, high = float(lines.wavenumber_cm[0]), float(lines.wavenumber_cm[-1])
    start, stop = max(low, 1e7 / inside.max() - 2 * step), min(high, 1e7 / inside.min() + 2 * step)
    wavenumber = np.linspace(start, stop, int(np.ceil((stop - start) / step)) + 1)
    sigma = cross_section(lines, wavenumber, air, progress)[::-1]
    given = ENHANCEMENT_PPM_M if enhancement_ppm_m is None else tuple(enhancement_ppm_m)
    molecules = air.molecules_cm2(given)[:, None]
    values = fit_target(1e7 / wavenumber[::-1], lambda part: np.exp(-molecules * sigma[part]), given, bands, where)
    return GasTarget(gas, bands.wavelength_nm, values, path.name, (
        f"{len(lines)} lines; Voigt profiles at {air.temperature_k:g} K and {air.pressure_hpa:g} hPa; the light's way "
        f"is {air.path:g} times the layer; neither the rest of the air nor the sun's spectrum is in it",
        f"least squares of log transmittance on {', '.join(f'{value:g}' for value in given)} ppm m",
        "each band: mean over its Gaussian response, wavelengths in vacuum", *missing_note(values)))
