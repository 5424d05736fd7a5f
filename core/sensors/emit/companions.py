"""The MASK and RFLUNCERT files of an EMIT granule: found, checked against it, and read.

MASK V001 has 8 bands and a packed `band_mask`; V002 has 11 bands and none. Bands are known by name only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from ...aoi import PixelSet
from ...errors import GranuleError
from ...geolocation import Geolocation, GltLocation, OrthoGrid
from ...io.bytesource import ByteSource
from ...io.hdf5 import open_structure
from ...io.storedarray import StoredArray, expect
from ...quality import QualityLayers
from ...spectra import MISSING_BELOW
from .. import QualityFile, stem
from .layout import swath_location
from .names import EmitName

_AGREE_DEG = 2e-4
"""Corners of one scene agree within a third of a pixel."""


@dataclass(frozen=True)
class EmitMask:
    """A MASK file: meets QualitySource."""

    name: str
    """Path, for messages."""
    mask: StoredArray
    """(downtrack, crosstrack, layers)."""
    layers: tuple[str, ...]
    """Name of each layer, as in the file."""
    packed: Optional[StoredArray]
    """(downtrack, crosstrack, bytes) of band_mask; None in V002."""
    geolocation: GltLocation
    """Location of the MASK file itself."""
    n_bands: int
    """Bands of the granule that `packed` speaks of."""
    wanted: Optional[tuple[str, ...]] = None
    """The layers that are read; None for all."""
    notices: tuple[str, ...] = ()
    """What a user must know of how the file was read."""
    narrowed: dict[tuple[str, ...], EmitMask] = field(default_factory=dict, repr=False, compare=False)
    """The same with only some layers, by their names."""

    @cached_property
    def flag_names(self) -> tuple[str, ...]:
        """Layers that are flags."""
        return tuple(n for n in self.layers if n.lower().rstrip().endswith("flag"))

    @cached_property
    def data_names(self) -> tuple[str, ...]:
        """Layers that are data: AOD550, H2O, and in V002 the SpecTf probability and distance."""
        return tuple(n for n in self.layers if not n.lower().rstrip().endswith("flag"))

    def only(self, names: tuple[str, ...]) -> EmitMask:
        """The same file, of which only the layers `names` are read, with the chunks that hold them."""
        if names not in self.narrowed:
            bands = [i for i, name in enumerate(self.layers) if name in names]
            self.narrowed[names] = replace(self, mask=self.mask.only(bands), wanted=names, narrowed={})
        return self.narrowed[names]

    def read(self, pixels: PixelSet, band_mask: bool = True) -> QualityLayers:
        """The quality of `pixels`."""
        r, c = pixels.downtrack, pixels.crosstrack
        packed = self.packed if band_mask else None
        expect([array for array in (self.mask, packed) if array is not None], r, c)
        return self._named(self.mask.points(r, c), None if packed is None else packed.points(r, c))

    def read_rows(self, start: int, stop: int, band_mask: bool = True) -> QualityLayers:
        """The quality of whole lines, row-major."""
        n = (stop - start) * self.mask.shape[1]
        packed = None
        if band_mask and self.packed is not None:
            packed = self.packed.rows(start, stop).reshape(n, -1)
        return self._named(self.mask.rows(start, stop).reshape(n, -1), packed)

    def _named(self, values: npt.NDArray[Any], packed: Optional[npt.NDArray[np.uint8]]) -> QualityLayers:
        unknown = np.zeros(len(values), bool)
        flags, data = {}, {}
        for i, name in enumerate(self.layers):
            if self.wanted is not None and name not in self.wanted:
                continue
            missing = ~(values[:, i] > MISSING_BELOW)
            if name in self.flag_names:
                flags[name] = (values[:, i] >= 0.5) & ~missing
                unknown |= missing  # V002 writes -9999 where the instrument screened clouds on board
            else:
                data[name] = np.where(missing, np.float32(np.nan), values[:, i])
        return QualityLayers(flags, data, unknown, None if packed is None else unpack_band_mask(packed, self.n_bands))


def unpack_band_mask(packed: npt.NDArray[np.uint8], n_bands: int) -> npt.NDArray[np.bool_]:
    """(n, n_bands) True where a band was interpolated; the most significant bit is the first band."""
    return np.unpackbits(packed, axis=-1, count=n_bands, bitorder="big").view(bool)


def open_mask(source: ByteSource, n_bands: int) -> EmitMask:
    """Open a MASK file; raises :class:`GranuleError` where it is something else."""
    with open_structure(source) as structure:
        if "mask" not in structure or "sensor_band_parameters/mask_bands" not in structure:
            raise GranuleError(f"'{source.name}' is not an EMIT MASK file (it holds no 'mask' with named bands); "
                               "give the MASK file of the granule.")
        mask = StoredArray(source, structure.layout("mask"))
        layers = tuple(str(n).strip() for n in structure.array("sensor_band_parameters/mask_bands"))
        if mask.depth != (len(layers),):
            raise GranuleError(f"'{source.name}' has {mask.depth} mask layers and {len(layers)} names for them; "
                               "it is damaged: fetch it again.")
        packed = None
        if "band_mask" in structure:
            packed = StoredArray(source, structure.layout("band_mask"))
            if packed.shape != mask.shape or packed.depth[0] * 8 < n_bands:
                raise GranuleError(f"'{source.name}' has a band_mask that does not fit its mask; fetch it again.")
        location = swath_location(source, structure, mask.shape)
        return EmitMask(source.name, mask, layers, packed, location, n_bands, notices=structure.notices)


def open_mask_alone(source: ByteSource) -> QualityFile:
    """Open a MASK file without its granule: every bit of its band_mask counts, those of padding are never set."""
    mask = open_mask(source, 0)
    if mask.packed is not None:
        mask = replace(mask, n_bands=8 * mask.packed.depth[0])
    return QualityFile(stem(source.name), mask.mask.shape, mask.geolocation, mask)


@dataclass(frozen=True)
class EmitUncertainty:
    """An RFLUNCERT file."""

    name: str
    """Path, for messages."""
    cube: StoredArray
    """(downtrack, crosstrack, bands) one standard deviation of the reflectance."""
    geolocation: GltLocation
    """Location of the RFLUNCERT file itself."""
    notices: tuple[str, ...] = ()
    """What a user must know of how the file was read."""

    def read(self, pixels: PixelSet) -> npt.NDArray[np.float32]:
        """(n_pixels, n_bands), NaN where missing."""
        values = self.cube.points(pixels.downtrack, pixels.crosstrack).astype(np.float32)
        values[~(values >= 0)] = np.nan
        return values


def open_uncertainty(source: ByteSource, n_bands: int) -> EmitUncertainty:
    """Open an RFLUNCERT file; raises :class:`GranuleError` where it is something else."""
    with open_structure(source) as structure:
        if "reflectance_uncertainty" not in structure:
            raise GranuleError(f"'{source.name}' is not an EMIT RFLUNCERT file (it holds no reflectance_uncertainty); "
                               "give the RFLUNCERT file of the granule.")
        cube = StoredArray(source, structure.layout("reflectance_uncertainty"))
        if cube.depth != (n_bands,):
            raise GranuleError(f"'{source.name}' has {cube.depth[0]} bands, the granule {n_bands}; it is of another "
                               "granule.")
        return EmitUncertainty(source.name, cube, swath_location(source, structure, cube.shape), structure.notices)


def check_same_scene(granule: str, location: Geolocation, companion: str, other: GltLocation) -> None:
    """Raise :class:`GranuleError` unless two files show the same pixels: times, shapes and corners."""
    names = EmitName.parse(granule), EmitName.parse(companion)
    if names[0] and names[1] and not names[0].same_scene(names[1]):
        raise GranuleError(f"'{companion}' is of another scene ({names[1].time}) than '{granule}' "
                           f"({names[0].time}); give the companion of the same scene.")
    if location.shape != other.shape:
        raise GranuleError(f"'{companion}' has {other.shape[0]} x {other.shape[1]} pixels, '{granule}' "
                           f"{location.shape[0]} x {location.shape[1]}; give the companion of the same scene.")
    if _same_grid(location.grid, other.grid):
        return  # one map grid to the last digit is one scene
    rows, columns = (location.shape[0] - 1, location.shape[1] - 1)
    corners = (np.array([0, 0, rows, rows]), np.array([0, columns, 0, columns]))
    here, there = np.array(location.lonlat(*corners)), np.array(other.lonlat(*corners))
    both = np.isfinite(here) & np.isfinite(there)
    if (np.abs(here - there)[both] > _AGREE_DEG).any():
        raise GranuleError(f"'{companion}' lies elsewhere on the ground than '{granule}'; give the companion of the "
                           "same scene.")


def _same_grid(one: OrthoGrid, other: OrthoGrid) -> bool:
    return (one.rows, one.columns) == (other.rows, other.columns) and bool(
        np.allclose(one.geotransform, other.geotransform, rtol=0, atol=1e-9))
