"""The scene of the demo: what is planted where, and the granule and truth files made of it.

Dry grass on moist soil, and on it patches of minerals, leaves, snow and water. What is planted is never what
it is scored with: the candidates of :func:`candidates` are all bundled records that are planted nowhere.
Everything follows from `Demo.size` and `Demo.seed`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pixel_spectra.core.libraries import ReferenceSpectrum, bundled_library
from pixel_spectra.core.resampling import resample
from pixel_spectra.core.spectra import BandGrid

from granules import GranuleFiles, Scene, add_noise, emit_bands, illustrative_snr, lonlat, write_granule

Float = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

SOIL, GRASS = "stonewall_playa_dry_mud_2001_asdfra", "grass_golden_dry_gds480_asdfra"
MOIST_SOIL = (0.40, 0.65)
"""The soil reflects this much of its dry record, as moist soil does."""
GRASS_SHARE = (0.0, 0.3)
GAIN = (0.8, 1.2)
CLOUD_FLAGGED = 0.4
"""From this opacity on a cloud is flagged; its thin rim lies in the dilated flag."""
DILATION = 5
GRID = (4, 5)
"""Patches down and across."""


@dataclass(frozen=True)
class Cover:
    """What a patch is made of."""

    record: str
    """Id of the bundled record that is planted."""
    counterpart: str = ""
    """Id of the record that stands for it in the pictures; empty for a decoy."""
    fraction: float = 0.6
    """Its share of every pixel; the rest is the soil and grass of the place."""
    offset: tuple[float, float] = (-0.015, 0.015)
    """Range of the reflectance added, as residual haze or as sun glint."""

    @property
    def decoy(self) -> bool:
        """True for a look-alike without any reference of its own: no answer is right."""
        return not self.counterpart

    @property
    def name(self) -> str:
        """What the patch is."""
        return material(bundled_library()[self.record])


COVERS = (
    Cover("kaolinite_cm9_asdngb", "kaolinite_kga_1_wxl_beckb"),
    Cover("calcite_ws272_asdnga", "calcite_co2004_beckb"),
    Cover("alunite_hs295_3b_asdfra", "alunite_hs295_3b_becka"),
    Cover("gypsum_hs333_3b_selenite_asdnga", "gypsum_su2202_becka"),
    Cover("illite_gds4_marblehead_asdngb", "illite_gds4_marblehead_beckb"),
    Cover("oak_oak_leaf_1_fresh_asdfra", "lodgepole_pine_lp_needles_1_asdfra"),
    Cover("melting_snow_msnw01a_asdfra", "h2o_ice_gds136_77k_becka"),
    Cover("water_montmor_swy_2_0_50g_l_asdfra", "seawater_open_ocean_sw2_lwch_becka", 1.0, (0.01, 0.03)),
    Cover("dolomite_hs102_3b_asdngb"),
    Cover("montmorillonite_swy_1_asdngb"),
)
PLANTED = frozenset({SOIL, GRASS, *(cover.record for cover in COVERS)})


def material(spectrum: ReferenceSpectrum) -> str:
    """The name that an answer goes by: the class of leaves, snow and water, else the mineral or thing.

    >>> material(bundled_library()["lawn_grass_gds91_green_becka"])
    'green vegetation'
    """
    classes = ("green vegetation", "snow/ice", "water")
    return spectrum.kind if spectrum.kind in classes else spectrum.material.lower()


def candidates() -> dict[str, ReferenceSpectrum]:
    """The references of the contest: every bundled record that is planted nowhere."""
    return {key: spectrum for key, spectrum in bundled_library().items() if key not in PLANTED}


@dataclass(frozen=True)
class Patch:
    """One planted patch: a blob around a centre, in raw pixels."""

    cover: Cover
    """What it is made of."""
    row: float
    """Centre, downtrack."""
    column: float
    """Centre, crosstrack."""
    radius: float
    """Mean radius, pixels."""
    phase: float
    """Turn of its three lobes, radians."""

    def reach(self, angle: Float) -> Float:
        """Distance from the centre to the rim at angles, pixels."""
        return np.asarray(self.radius * (1.0 + 0.15 * np.sin(3.0 * angle + self.phase)))

    def covers(self, row: Any, column: Any) -> Bool:
        """Where the patch lies."""
        down, across = row - self.row, column - self.column
        return np.asarray(np.hypot(down, across) <= self.reach(np.arctan2(down, across)))

    def outline(self, scene: Scene) -> list[list[float]]:
        """A closed ring of [lon, lat] some way inside the rim, as a user would draw it."""
        angle = np.linspace(0.0, 2.0 * np.pi, 37)
        reach = 0.85 * self.reach(angle)
        lon, lat = lonlat(scene, self.row + reach * np.sin(angle), self.column + reach * np.cos(angle))
        ring = np.round(np.stack([lon, lat], axis=1), 8)
        ring[-1] = ring[0]
        return list(ring.tolist())

    def centre(self, scene: Scene) -> list[float]:
        """[lon, lat] of the centre."""
        return [round(float(v), 8) for v in lonlat(scene, self.row, self.column)]


@dataclass(frozen=True)
class Demo:
    """A demo scene: square, tilted, with clouds and interpolated detector elements."""

    size: int = 300
    """Lines, and pixels per line."""
    seed: int = 7
    """Of everything that is drawn."""

    @cached_property
    def scene(self) -> Scene:
        """Name and place: invented, in the layout of a real granule."""
        return Scene(self.size, self.size, lon=-117.2, lat=37.6, azimuth_deg=132.0, hole_fraction=0.004)

    @cached_property
    def patches(self) -> tuple[Patch, ...]:
        """Two of every cover on a loose grid; the second ones in another order."""
        chance = np.random.default_rng(self.seed)
        order = [*range(len(COVERS)), *chance.permutation(len(COVERS))]
        cell = self.size / np.array(GRID)
        found = []
        for place, cover in enumerate(order):
            row, column = (np.array(divmod(place, GRID[1])) + 0.5 + chance.uniform(-0.12, 0.12, 2)) * cell
            radius = 0.028 * self.size * chance.uniform(0.9, 1.1)
            found.append(Patch(COVERS[cover], row, column, radius, chance.uniform(0.0, 2.0 * np.pi)))
        return tuple(found)

    @cached_property
    def opacity(self) -> Float:
        """(downtrack, crosstrack) of the clouds, 0-1."""
        row, column = (index / self.size for index in np.ogrid[: self.size, : self.size])
        blobs = ((0.13, 0.40, 0.050), (0.17, 0.46, 0.045), (0.60, 0.06, 0.050), (0.63, 0.82, 0.055))
        depth = sum(3.0 * np.exp(-((row - r) ** 2 + (column - c) ** 2) / s**2) for r, c, s in blobs)
        return np.asarray(np.clip(depth - 0.3, 0.0, 1.0))

    @cached_property
    def interpolated(self) -> Bool:
        """(downtrack, crosstrack, n_bands): dead detector elements in whole columns, and single hits."""
        chance = np.random.default_rng(self.seed + 1)
        inner = self.scene.n_bands - 2
        mask = np.zeros((*self.scene.shape, self.scene.n_bands), bool)
        for _ in range(self.size // 5):
            mask[:, chance.integers(self.size), 1 + chance.integers(inner)] = True
        rows, columns = np.nonzero(chance.random(self.scene.shape) < 0.02)
        mask[rows, columns, 1 + chance.integers(inner, size=len(rows))] = True
        return mask

    @cached_property
    def shares(self) -> tuple[Float, Float]:
        """(downtrack, crosstrack) what the moist soil reflects of its dry record, and the share of the grass."""
        return (_field(self.scene.shape, self.seed + 3, *MOIST_SOIL),
                _field(self.scene.shape, self.seed + 4, *GRASS_SHARE))

    def mask_layers(self) -> dict[str, Bool]:
        """The flags of the MASK file."""
        cloud = self.opacity >= CLOUD_FLAGGED
        return {"Cloud flag": cloud, "Dilated Cloud Flag": _dilated(cloud, DILATION)}

    @cached_property
    def nodata(self) -> Bool:
        """(downtrack, crosstrack): screened on board as the thickest of one cloud."""
        rows = np.arange(self.size)[:, None] < self.size * 0.4
        return np.asarray(rows & (self.opacity >= 1.0) & (_field(self.scene.shape, self.seed + 2, 0, 1) > 0.5))

    def reflectance(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """(stop - start, crosstrack, n_bands) with noise and interpolated elements, whatever the block."""
        clean = self._clean(slice(start, stop))
        noisy = np.stack([add_noise(line, 1000 * self.seed + start + i) for i, line in enumerate(clean)])
        row, column, band = np.nonzero(self.interpolated[start:stop])
        noisy[row, column, band] = (noisy[row, column, band - 1] + noisy[row, column, band + 1]) / 2
        return noisy

    def uncertainty(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """(stop - start, crosstrack, n_bands) standard deviation of the noise that was added."""
        clean = self._clean(slice(start, stop))
        sigma = 0.25 / illustrative_snr(emit_bands().wavelength_nm)
        return np.asarray(sigma * np.sqrt((np.clip(clean, 0.0, None) + 0.05) / 0.30), np.float32)

    def _clean(self, rows: slice) -> Float:
        shape, seed = self.scene.shape, self.seed
        moist, grass = self.shares
        ground = _mix(_planted(GRASS), moist[rows, :, None] * _planted(SOIL), grass[rows, :, None])
        row, column = np.mgrid[rows, : self.size]
        offset = np.zeros(row.shape)
        for patch in self.patches:
            where, cover = patch.covers(row, column), patch.cover
            if where.any():
                ground[where] = _mix(_planted(cover.record), ground[where], cover.fraction)
                offset[where] = _field(shape, seed + 5, *cover.offset)[rows][where]
        lit = ground * _field(shape, seed + 6, *GAIN)[rows, :, None] + offset[..., None]
        return _mix(_cloud(), lit, self.opacity[rows, :, None])

    def write(self, folder: Path) -> DemoFiles:
        """Write RFL, MASK, RFLUNCERT, and the patches and their centres as GeoJSON."""
        folder.mkdir(parents=True, exist_ok=True)
        granule = write_granule(folder, self.scene, reflectance=self.reflectance, uncertainty=self.uncertainty,
                                layers=self.mask_layers(), band_mask=self.interpolated, nodata=self.nodata)
        shapes: dict[str, Callable[[Patch], Any]] = {
            "Polygon": lambda patch: [patch.outline(self.scene)], "Point": lambda patch: patch.centre(self.scene)}
        patches, points = (
            _write_geojson(folder / name, [_feature(i, patch, kind, shapes[kind](patch))
                                           for i, patch in enumerate(self.patches)])
            for name, kind in (("patches.geojson", "Polygon"), ("points.geojson", "Point")))
        return DemoFiles(granule, patches, points)


@dataclass(frozen=True)
class DemoFiles:
    """What a demo scene consists of on disk."""

    granule: GranuleFiles
    """RFL, MASK and RFLUNCERT."""
    patches: Path
    """Polygons with what they are in truth."""
    points: Path
    """Their centres, likewise."""


def _planted(record: str) -> Float:
    """(n_bands,) a record on EMIT's bands; where it ends or has a gap, its nearest or interpolated value."""
    spectrum, bands = bundled_library()[record], emit_bands()
    grid = BandGrid(bands.wavelength_nm.astype(np.float64), bands.fwhm_nm.astype(np.float64), bands.good)
    values = resample(spectrum.wavelength_nm, spectrum.reflectance, grid)
    known = np.isfinite(spectrum.reflectance)
    plain = np.interp(grid.wavelength_nm, spectrum.wavelength_nm[known], spectrum.reflectance[known])
    return np.where(np.isfinite(values), values, plain)


def _cloud() -> Float:
    """(n_bands,) bright, falling towards the short-wave infrared: a shape, not a model."""
    return np.asarray(0.78 - 0.30 * np.clip((emit_bands().wavelength_nm - 1000.0) / 1500.0, 0.0, 1.0))


def _mix(first: Float, second: Float, share: Any) -> Float:
    return np.asarray(share * first + (1.0 - share) * second)


def _field(shape: tuple[int, int], seed: int, low: float, high: float) -> Float:
    """(downtrack, crosstrack) of slow waves between `low` and `high`."""
    chance = np.random.default_rng(seed)
    row, column = np.ogrid[: shape[0], : shape[1]]
    total = np.zeros(shape)
    for _ in range(5):
        down, across = chance.uniform(-8.0, 8.0, 2) / shape
        total += np.sin(2.0 * np.pi * (down * row + across * column) + chance.uniform(0.0, 2.0 * np.pi))
    return np.asarray(low + (high - low) * (0.5 + 0.1 * total))


def _dilated(flag: Bool, steps: int) -> Bool:
    """Grown by `steps` king's moves."""
    for _ in range(steps):
        padded = np.pad(flag, 1)
        tall = padded[:-2] | padded[1:-1] | padded[2:]
        flag = tall[:, :-2] | tall[:, 1:-1] | tall[:, 2:]
    return flag


def _feature(number: int, patch: Patch, kind: str, coordinates: Any) -> dict[str, Any]:
    cover = patch.cover
    properties = {"patch": number, "material": cover.name, "planted": cover.record,
                  "fraction": cover.fraction, "decoy": cover.decoy}
    return {"type": "Feature", "id": number, "properties": properties,
            "geometry": {"type": kind, "coordinates": coordinates}}


def _write_geojson(path: Path, features: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path
