"""Synthetic inputs of gas targets: lines in HITRAN's format and look-up tables in mag1c's layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt


def hitran_line(wavenumber_cm: float, strength: float = 1e-20, *, molecule: int = 6, isotopologue: str = "1",
                air_hwhm: float = 0.05, lower_energy_cm: float = 100.0, air_exponent: float = 0.75,
                air_shift: float = 0.0) -> str:
    """One line of 160 columns."""
    text = (f"{molecule:2d}{isotopologue}{wavenumber_cm:12.6f}{strength:10.3E}{1.0:10.3E}{air_hwhm:5.4f}"[:39]
            + " " + f"{0.07:5.3f}{lower_energy_cm:10.4f}{air_exponent:4.2f}{air_shift:8.6f}")
    return text.ljust(160)


def write_lines(path: Path, lines: Sequence[str]) -> Path:
    """A `.par` file."""
    path.write_text("".join(line + "\n" for line in lines))
    return path


def write_lut(folder: Path, wavelength_nm: npt.ArrayLike, radiance: npt.ArrayLike, name: str = "gas.lut") -> Path:
    """`radiance` (n_enhancements, n) as ENVI BSQ of float64, one line, as mag1c keeps it."""
    grid, table = np.asarray(wavelength_nm, float), np.asarray(radiance, "<f8")
    path = folder / name
    path.write_bytes(table.T.tobytes())
    path.with_suffix(".hdr").write_text(
        f"ENVI\nsamples = {len(table)}\nlines = 1\nbands = {grid.size}\nheader offset = 0\n"
        "file type = ENVI Standard\ndata type = 5\ninterleave = bsq\nbyte order = 0\n"
        f"wavelength units = Nanometers\nwavelength = {{\n {', '.join(f'{nm:.6f}' for nm in grid)}}}\n")
    return path
