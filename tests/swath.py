"""Where the pixels of a synthetic EMIT scene lie: raw pixel centres, and the lookup table (GLT) over them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np
import numpy.typing as npt

METRES_PER_DEGREE = 6378137.0 * np.pi / 180.0
EMIT_SPACING = 0.000542232520256367
_GRID_ROWS = 256  # rows of the ortho grid inverted at a time, so that a full-size scene needs little memory


@dataclass(frozen=True)
class Scene:
    """What one synthetic scene is: size, name, place, and the oddities of its location group."""

    downtrack: int = 48
    """Lines; 1280 in a normal scene."""
    crosstrack: int = 36
    """Pixels per line; 1242 in EMIT."""
    n_bands: int = 285
    """Bands; fewer take every so-many-th of EMIT's."""
    time: datetime = datetime(2024, 5, 1, 10, 11, 12)
    """UTC start; part of the file name."""
    orbit: int = 2412207
    """Seven digits: year, day of year, orbit of the day."""
    scene: int = 5
    """Scene number in the orbit."""
    orbit_in_name: bool = True
    """False leaves orbit and scene out of the file names, as version 2 products may."""
    build: str = "010610"
    """software_build_version; 010612 and 010613 are those that carried a flipped glt_x."""
    lon: float = 15.0
    """Longitude of raw pixel (0, 0) in degrees; near 180 the scene crosses the antimeridian."""
    lat: float = 36.0
    """Latitude of raw pixel (0, 0) in degrees."""
    azimuth_deg: float = 132.0
    """Direction of flight, clockwise from north; columns run 90 degrees to its left, as in EMIT."""
    pixel_m: float = 60.0
    """Distance of neighbouring raw pixels in metres."""
    bend_px: float = 0.6
    """Sideways drift of the last line, in pixels; grows with the square of the line."""
    jitter_px: float = 0.15
    """Amplitude of two small waves along the lines and the columns, in pixels."""
    spacing_deg: float = EMIT_SPACING
    """Cell of the ortho grid in degrees; narrower than a pixel in longitude, so pixels repeat."""
    hole_fraction: float = 0.0
    """Part of the filled GLT cells emptied at random (seeded)."""
    flipped_glt_x: bool = False
    """True counts glt_x from the other edge, against the data, as builds 010612 and 010613 did."""
    glt_nodata: int = 0
    """What an empty GLT cell holds; real files hold 0 and declare -9999."""
    wrapped_longitude: bool = False
    """True wraps location/lon into -180..180; the geotransform stays continuous."""
    swapped_east_west: bool = True
    """True swaps the easternmost and westernmost attributes, as real builds did."""

    @property
    def shape(self) -> tuple[int, int]:
        """(downtrack, crosstrack)."""
        return self.downtrack, self.crosstrack

    @property
    def end(self) -> datetime:
        """UTC end: EMIT takes about 109 lines a second."""
        return self.time + timedelta(seconds=self.downtrack * 0.0092)

    def file_name(self, product: str, version: str = "V001") -> str:
        """The published name of a product: EMIT_<product>_<version>_<time>[_<orbit>_<scene>].nc."""
        tail = f"_{self.orbit:07d}_{self.scene:03d}" if self.orbit_in_name else ""
        return f"EMIT_{product}_{version[-3:]}_{self.time:%Y%m%dT%H%M%S}{tail}.nc"


@dataclass(frozen=True)
class Swath:
    """Everything of the location group; the arrays are read-only."""

    lon: npt.NDArray[np.float64]
    """(downtrack, crosstrack) longitude of the raw pixel centres in degrees, continuous over 180."""
    lat: npt.NDArray[np.float64]
    """(downtrack, crosstrack) latitude in degrees."""
    elev: npt.NDArray[np.float64]
    """(downtrack, crosstrack) elevation in metres."""
    glt_x: npt.NDArray[np.int32]
    """(ortho_y, ortho_x) crosstrack of the nearest raw pixel, 1-based; `glt_nodata` where there is none."""
    glt_y: npt.NDArray[np.int32]
    """(ortho_y, ortho_x) downtrack, 1-based."""
    geotransform: tuple[float, float, float, float, float, float]
    """Of the ortho grid, upper-left corner of the upper-left cell."""


@lru_cache(maxsize=2)
def locate(scene: Scene) -> Swath:
    """Compute the location group of `scene` (kept for the companions of the same scene)."""
    row, column = np.ogrid[: scene.downtrack, : scene.crosstrack]
    lon, lat = lonlat(scene, row, column)
    elev = 500.0 + 0.5 * row + 0.25 * column
    d = scene.spacing_deg
    west, north = lon.min() - d / 2, lat.max() + d / 2
    shape = (int((north - lat.min()) / d) + 1, int((lon.max() - west) / d) + 1)
    glt_x, glt_y = _lookup_table(scene, west, north, shape)
    swath = Swath(lon, lat, elev, glt_x, glt_y, (float(west), d, -0.0, float(north), -0.0, -d))
    for array in (lon, lat, elev, glt_x, glt_y):
        array.flags.writeable = False
    return swath


def lonlat(
    scene: Scene, row: npt.ArrayLike, column: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Longitude and latitude in degrees of raw pixels; fractional indices give places between the centres."""
    row, column = np.asarray(row, np.float64), np.asarray(column, np.float64)
    down, across = row + _row_wave(scene, column), column + _column_wave(scene, row)
    heading = np.radians(scene.azimuth_deg)
    east = scene.pixel_m * (down * np.sin(heading) - across * np.cos(heading))
    north = scene.pixel_m * (down * np.cos(heading) + across * np.sin(heading))
    return scene.lon + east / _metres_per_degree_east(scene), scene.lat + north / METRES_PER_DEGREE


def raw_position(
    scene: Scene, lon: npt.ArrayLike, lat: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Fractional (row, column) of places: the inverse of :func:`lonlat` to far below a thousandth."""
    east = (np.asarray(lon, np.float64) - scene.lon) * _metres_per_degree_east(scene) / scene.pixel_m
    north = (np.asarray(lat, np.float64) - scene.lat) * METRES_PER_DEGREE / scene.pixel_m
    heading = np.radians(scene.azimuth_deg)
    down = east * np.sin(heading) + north * np.cos(heading)
    across = north * np.sin(heading) - east * np.cos(heading)
    row, column = down, across
    for _ in range(4):  # the waves are slow, so each step shrinks the error at least twentyfold
        row, column = down - _row_wave(scene, column), across - _column_wave(scene, row)
    return row, column


def _metres_per_degree_east(scene: Scene) -> float:
    return float(METRES_PER_DEGREE * np.cos(np.radians(scene.lat)))


def _row_wave(scene: Scene, column: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return scene.jitter_px * np.sin(2 * np.pi * column / 29.0)


def _column_wave(scene: Scene, row: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return scene.bend_px * (row / scene.downtrack) ** 2 + scene.jitter_px * np.sin(2 * np.pi * row / 37.0)


def _lookup_table(
    scene: Scene, west: float, north: float, shape: tuple[int, int]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    glt_x, glt_y = (np.full(shape, scene.glt_nodata, np.int32) for _ in range(2))
    lon = west + (np.arange(shape[1]) + 0.5) * scene.spacing_deg
    chance = np.random.default_rng(1)
    for start in range(0, shape[0], _GRID_ROWS):
        band = slice(start, min(start + _GRID_ROWS, shape[0]))
        lat = north - (np.arange(band.start, band.stop) + 0.5) * scene.spacing_deg
        row, column = (np.rint(v).astype(np.int32) for v in raw_position(scene, lon[None], lat[:, None]))
        inside = (row >= 0) & (row < scene.downtrack) & (column >= 0) & (column < scene.crosstrack)
        if scene.hole_fraction:
            inside &= chance.random(inside.shape) >= scene.hole_fraction
        stored = scene.crosstrack - column if scene.flipped_glt_x else column + 1
        glt_x[band][inside], glt_y[band][inside] = stored[inside], row[inside] + 1
    return glt_x, glt_y
