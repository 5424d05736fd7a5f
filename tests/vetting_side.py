"""What the tests of vetting share: two scenes of one place with planted kaolinite, and squares on them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
from pixel_spectra.core.libraries import bundled_library
from pixel_spectra.core.resampling import resample
from pixel_spectra.core.sensors import open_granule
from pixel_spectra.core.spectra import BandGrid
from shapely import Polygon

from emit_bands import emit_bands
from granules import Scene, lonlat, write_granule

SCENE = Scene(downtrack=64, crosstrack=48)
LATER = replace(SCENE, time=datetime(2024, 6, 1, 10, 11, 12), scene=6)
FAR = replace(SCENE, time=datetime(2024, 7, 1, 10, 11, 12), scene=7, lon=18.0)
KAOLINITE = "kaolinite_cm9_beckb"
PLANTED = {(20, 15): 0.8, (40, 30): 0.4}
"""First pixel of squares of 4 x 4 -> fraction of kaolinite in SCENE; in LATER it is half of that."""


def square(row: float, column: float, size: int = 4, scene: Scene = SCENE) -> Polygon:
    """The outline of size x size pixels, the first of them at (row, column)."""
    low, high = -0.5, size - 0.5
    corners = [(low, low), (low, high), (high, high), (high, low)]
    return Polygon([lonlat(scene, row + r, column + c) for r, c in corners])


def write_scene(folder: Path, scene: Scene = SCENE, part: float = 1.0, **more: object) -> Path:
    """A scene of noisy soil with PLANTED kaolinite; the path of its reflectance."""
    folder.mkdir(parents=True, exist_ok=True)
    grid = emit_bands(scene.n_bands)
    bands = BandGrid(grid.wavelength_nm, grid.fwhm_nm, grid.good)
    kaolinite = bundled_library()[KAOLINITE]
    target = np.nan_to_num(resample(kaolinite.wavelength_nm, kaolinite.reflectance, bands), nan=0.5)
    rng = np.random.default_rng(scene.scene)
    soil = 0.1 + 0.25 * (1.0 - np.exp(-(bands.wavelength_nm - 300.0) / 700.0))
    cube = soil * rng.uniform(0.8, 1.2, (*scene.shape, 1))
    for (row, column), fraction in PLANTED.items():
        place = cube[row:row + 4, column:column + 4]
        place[:] = (1.0 - part * fraction) * place + part * fraction * target
    cube = (cube + rng.normal(0.0, 0.004, cube.shape)).astype(np.float32)
    return write_granule(folder, scene, reflectance=cube, **more).reflectance


def open_scene(folder: Path, scene: Scene = SCENE, part: float = 1.0, **more: object):
    """The same, open."""
    return open_granule(write_scene(folder, scene, part, **more))
