"""Line-by-line absorption of a uniform layer of gas in air."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import LibraryError
from ..progress import NO_PROGRESS, Progress, checkpoint
from .hitran import Lines
from .voigt import voigt, voigt_hwhm

Float64 = npt.NDArray[np.float64]

REFERENCE_K, ATMOSPHERE_HPA = 296.0, 1013.25
"""Temperature of HITRAN's values, and the pressure they are given for."""
WING_CM = 25.0
"""A line is followed so far from its centre (cm-1), as is usual with HITRAN's lines."""
STEPS_PER_HWHM = 4
_SECOND_RADIATION_CM_K = 1.438776877  # hc/k
_BOLTZMANN, _LIGHT, _ATOMIC_MASS = 1.380649e-23, 2.99792458e8, 1.66053906660e-27  # SI (CODATA 2018)
_LINES_PER_REPORT = 2000


@dataclass(frozen=True)
class Molecule:
    """What a line list does not tell of its gas."""

    name: str
    """Formula."""
    mass_u: tuple[float, ...]
    """Mass of the isotopologues in HITRAN's order, atomic mass units; further ones take the first."""
    rotation: float
    """The rotational partition sum goes with this power of the temperature."""
    vibration_cm: tuple[tuple[float, int], ...]
    """(wavenumber in cm-1, degeneracy) of the fundamental vibrations."""

    def partition_ratio(self, temperature_k: float) -> float:
        """Q(296 K) / Q(T) of a rigid rotor and harmonic oscillators: an approximation, and one factor for all lines."""
        return _partition(self, REFERENCE_K) / _partition(self, temperature_k)


MOLECULES = {
    1: Molecule("H2O", (18.010565, 20.014811, 19.014780, 19.016740), 1.5, ((1595.0, 1), (3657.0, 1), (3756.0, 1))),
    2: Molecule("CO2", (43.989830, 44.993185, 45.994076, 44.994045), 1.0, ((667.0, 2), (1333.0, 1), (2349.0, 1))),
    4: Molecule("N2O", (44.001062, 44.998096, 44.998096, 46.005308), 1.0, ((589.0, 2), (1285.0, 1), (2224.0, 1))),
    5: Molecule("CO", (27.994915, 28.998270, 29.999161), 1.0, ((2143.0, 1),)),
    6: Molecule("CH4", (16.031300, 17.034655, 17.037475, 18.040830), 1.5,
                ((1311.0, 3), (1533.0, 2), (2917.0, 1), (3019.0, 3))),
}
"""HITRAN's number -> molecule. Vibrations: Herzberg 1945, Infrared and Raman Spectra of Polyatomic Molecules."""


@dataclass(frozen=True)
class Layer:
    """The air that the gas is in, and how light passes it."""

    temperature_k: float = REFERENCE_K
    """Temperature, K."""
    pressure_hpa: float = ATMOSPHERE_HPA
    """Pressure, hPa."""
    path: float = 2.0
    """Length of the light's way through the layer over its thickness: 1/cos(sun zenith) + 1/cos(view zenith)."""

    def __post_init__(self) -> None:
        """Refuse what no air is like."""
        for name, value, low, high in (("temperature", self.temperature_k, 150.0, 400.0),
                                       ("pressure", self.pressure_hpa, 0.1, 1100.0), ("path", self.path, 0.1, 40.0)):
            if not low <= value <= high:
                raise LibraryError(f"The {name} {value:g} is outside {low:g} to {high:g} "
                                   "(K, hPa, times the thickness of the layer); correct it.")

    def molecules_cm2(self, enhancement_ppm_m: npt.ArrayLike) -> Float64:
        """Molecules per cm2 along the light's way for an enhancement in ppm m."""
        density_cm3 = self.pressure_hpa * 100.0 / (_BOLTZMANN * self.temperature_k) * 1e-6
        return np.asarray(np.asarray(enhancement_ppm_m, np.float64) * (1e-6 * 100.0 * density_cm3 * self.path))


def molecule_of(lines: Lines) -> Molecule:
    """The molecule of a line list; LibraryError where it is not one of those known."""
    if lines.molecule not in MOLECULES:
        known = ", ".join(f"{number} ({one.name})" for number, one in MOLECULES.items())
        raise LibraryError(f"{lines.source}: molecule {lines.molecule} is not known; known are {known}.")
    return MOLECULES[lines.molecule]


def doppler_hwhm_cm(wavenumber_cm: npt.ArrayLike, mass_u: npt.ArrayLike, temperature_k: float) -> Float64:
    """Half width of the Doppler profile, cm-1."""
    speed = np.sqrt(2.0 * math.log(2.0) * _BOLTZMANN * temperature_k / (np.asarray(mass_u) * _ATOMIC_MASS))
    return np.asarray(np.asarray(wavenumber_cm) * speed / _LIGHT)


def strength_at(lines: Lines, temperature_k: float) -> Float64:
    """(n,) line strengths at a temperature, cm-1 / (molecule cm-2)."""
    nu, c2 = lines.wavenumber_cm, _SECOND_RADIATION_CM_K
    boltzmann = np.exp(-c2 * lines.lower_energy_cm * (1.0 / temperature_k - 1.0 / REFERENCE_K))
    emission = np.expm1(-c2 * nu / temperature_k) / np.expm1(-c2 * nu / REFERENCE_K)
    return np.asarray(lines.strength * molecule_of(lines).partition_ratio(temperature_k) * boltzmann * emission)


def widths(lines: Lines, layer: Layer) -> tuple[Float64, Float64]:
    """(n,) Doppler and Lorentz half widths in the layer, cm-1; the gas is thin, so that air alone broadens."""
    masses = molecule_of(lines).mass_u
    mass = np.array([masses[i - 1] if i <= len(masses) else masses[0] for i in lines.isotopologue.tolist()])
    atmospheres = layer.pressure_hpa / ATMOSPHERE_HPA
    lorentz = lines.air_hwhm * atmospheres * (REFERENCE_K / layer.temperature_k) ** lines.air_exponent
    return doppler_hwhm_cm(lines.wavenumber_cm, mass, layer.temperature_k), np.asarray(lorentz)


def cross_section(lines: Lines, wavenumber_cm: Float64, layer: Layer, progress: Progress = NO_PROGRESS) -> Float64:
    """cm2 per molecule at `wavenumber_cm` (increasing, cm-1): the sum of the Voigt profiles of all lines.

    Raises LibraryError where the grid leaves the window that the file covers.
    """
    low, high = float(lines.wavenumber_cm[0]), float(lines.wavenumber_cm[-1])
    if wavenumber_cm[0] < low or wavenumber_cm[-1] > high:
        raise LibraryError(f"{lines.source}: the file covers {low:.6g} to {high:.6g} cm-1 ({1e7 / high:.6g} to "
                           f"{1e7 / low:.6g} nm), and {wavenumber_cm[0]:.6g} to {wavenumber_cm[-1]:.6g} cm-1 are asked "
                           "for; download the lines of the whole range.")
    return sum_of_lines(lines, wavenumber_cm, layer, progress)


def sum_of_lines(lines: Lines, wavenumber_cm: Float64, layer: Layer, progress: Progress = NO_PROGRESS) -> Float64:
    """The same on any grid: what the file's lines alone absorb."""
    doppler, lorentz = widths(lines, layer)
    strength = strength_at(lines, layer.temperature_k)
    centre = lines.wavenumber_cm + lines.air_shift * (layer.pressure_hpa / ATMOSPHERE_HPA)
    first = np.searchsorted(wavenumber_cm, centre - WING_CM)
    stop = np.searchsorted(wavenumber_cm, centre + WING_CM)
    total = np.zeros(wavenumber_cm.size)
    for i in np.flatnonzero(stop > first).tolist():
        if i % _LINES_PER_REPORT == 0:
            checkpoint(progress, i / len(lines), "Adding up the lines")
        part = slice(first[i], stop[i])
        total[part] += strength[i] * voigt(wavenumber_cm[part] - centre[i], doppler[i], lorentz[i])
    return total


def transmittance(lines: Lines, wavelength_nm: npt.ArrayLike, enhancement_ppm_m: float, layer: Layer) -> Float64:
    """Part (0-1) of the light that an enhancement lets pass at `wavelength_nm` (vacuum, any order).

    Raises LibraryError where a wavelength is outside the window that the file covers.
    """
    wavenumber = 1e7 / np.atleast_1d(np.asarray(wavelength_nm, np.float64))
    order = np.argsort(wavenumber)
    sigma = np.empty(wavenumber.size)
    sigma[order] = cross_section(lines, wavenumber[order], layer)
    return np.asarray(np.exp(-sigma * layer.molecules_cm2(enhancement_ppm_m)))


def grid_step_cm(lines: Lines, layer: Layer) -> float:
    """A step that resolves the narrowest line, cm-1."""
    return float(voigt_hwhm(*widths(lines, layer)).min()) / STEPS_PER_HWHM


def _partition(molecule: Molecule, temperature_k: float) -> float:
    vibration = math.prod((1.0 - math.exp(-_SECOND_RADIATION_CM_K * nu / temperature_k)) ** -degeneracy
                          for nu, degeneracy in molecule.vibration_cm)
    return float(temperature_k**molecule.rotation) * vibration
