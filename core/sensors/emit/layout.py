"""Recognise an EMIT product by what it holds, and find where its arrays lie.

Sources: EMIT L2A RFL V001 as described by its DMR++ sidecar; EMIT L3 RFL user guide.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Optional

import numpy as np

from ...affine import AffineLocation
from ...errors import GranuleError
from ...geolocation import WGS84_WKT, Geolocation, GltLocation, OrthoGrid
from ...io.bytesource import ByteSource
from ...io.hdf5 import Structure
from ...io.storedarray import StoredArray
from ...spectra import BandGrid
from ..acquisition import time_of

QUANTITIES = {
    "reflectance": "reflectance",
    "reflectance_uncertainty": "reflectance uncertainty",
    "radiance": "radiance",
}
"""Variable -> quantity, in the order they are looked for."""

LOCATION = ("location/lon", "location/lat", "location/glt_x", "location/glt_y")


@dataclass(frozen=True)
class EmitLayout:
    """The arrays of one EMIT file."""

    quantity: str
    """What the cube holds."""
    cube: StoredArray
    """(downtrack, crosstrack, bands)."""
    bands: BandGrid
    """Centres, widths and good bands of this file."""
    geolocation: Geolocation
    """GLT or affine grid."""
    start: Optional[datetime]
    """Start of the acquisition, UTC."""
    notices: tuple[str, ...] = ()
    """What a user must know of how the file was read."""


def read_layout(source: ByteSource, structure: Structure) -> EmitLayout:
    """Recognise the product; raises :class:`GranuleError` saying what the file is instead."""
    shapes = structure.datasets()
    variable = _variable(source, shapes)
    wavelength, fwhm, good = _bands(source, structure, shapes)
    n_bands = len(wavelength)
    shape = shapes[variable]
    if len(shape) != 3 or n_bands not in (shape[0], shape[-1]) or 0 in shape:
        raise GranuleError(f"'{source.name}' holds '{variable}' with shape {shape}, which does not fit its "
                           f"{n_bands} wavelengths; give a complete granule.")
    gridded = "lat" in shapes and "lon" in shapes and shapes["lat"] == (shape[1],) and shapes["lon"] == (shape[2],)
    attributes = structure.attributes()
    cube = StoredArray(source, structure.layout(variable), band_axis=0 if gridded else -1)
    if gridded:
        location: Geolocation = _grid(source, structure)
    else:
        location = swath_location(source, structure, cube.shape)
    bands = BandGrid(wavelength.astype(np.float64), None if fwhm is None else fwhm.astype(np.float64), good)
    start = time_of(attributes.get("time_coverage_start"))
    return EmitLayout(_quantity(variable), cube, bands, location, start, structure.notices)


def swath_location(source: ByteSource, structure: Structure, shape: tuple[int, int]) -> GltLocation:
    """The GLT and lon/lat arrays of a file in sensor space; raises :class:`GranuleError` where one lacks."""
    missing = [name for name in LOCATION if name not in structure]
    transform = structure.attributes().get("geotransform")
    if missing or transform is None or np.size(transform) != 6:
        lacks = missing[0] if missing else "the attribute 'geotransform'"
        raise GranuleError(f"'{source.name}' lacks its location ({lacks}), so no pixel can be found on the "
                           "ground; fetch the complete granule.")
    arrays = {name: StoredArray(source, structure.layout(name)) for name in LOCATION}
    if arrays["location/lon"].shape != shape or arrays["location/lat"].shape != shape:
        raise GranuleError(f"'{source.name}' has {shape[0]} x {shape[1]} pixels but longitudes of "
                           f"{arrays['location/lon'].shape}; it is damaged: fetch it again.")
    wkt = str(structure.attributes().get("spatial_ref") or WGS84_WKT)
    lon, lat, glt_x, glt_y = (arrays[name] for name in LOCATION)
    return GltLocation(source.name, lon, lat, glt_x, glt_y, np.ravel(transform).tolist(), wkt)


def _variable(source: ByteSource, shapes: dict[str, tuple[int, ...]]) -> str:
    for quantity in QUANTITIES:
        for name in sorted(shapes, key=lambda n: n != quantity):  # the exact name first
            if quantity in name.lower() and len(shapes[name]) == 3:
                return name
    if "mask" in shapes:
        raise GranuleError(f"'{source.name}' is a MASK file without spectra; give the RFL file as the granule and "
                           "this one as its mask file.")
    cubes = [f"'{name}' {shape}" for name, shape in shapes.items() if len(shape) >= 2]
    raise GranuleError(f"'{source.name}' is another product: it holds {', '.join(cubes[:4]) or 'no image'} and neither "
                       "reflectance nor radiance; give an EMIT L2A RFL granule.")


def _quantity(variable: str) -> str:
    """The longest of the known names within `variable`."""
    return QUANTITIES[max((name for name in QUANTITIES if name in variable.lower()), key=len)]


def _bands(source: ByteSource, structure: Structure, shapes: dict[str, tuple[int, ...]]) -> tuple[Any, Any, Any]:
    """Wavelengths, FWHM and good bands, wherever this product keeps them."""
    group = "sensor_band_parameters/"
    name = next((n for n in (group + "wavelengths", "wavelengths", "bands") if shapes.get(n) and n in structure), None)
    wavelength = None if name is None else structure.array(name).ravel()
    if wavelength is None or not (np.diff(wavelength, prepend=0) > 0).all() or not np.isfinite(wavelength).all():
        raise GranuleError(f"'{source.name}' lacks its wavelengths (sensor_band_parameters/wavelengths, ascending), "
                           "so its bands cannot be compared with anything; fetch the complete granule.")
    fwhm = good = None
    for n in (group + "fwhm", "fwhm"):
        if shapes.get(n) == wavelength.shape:
            fwhm = structure.array(n)
            fwhm = fwhm if (fwhm > 0).all() else None
            break
    for n in (group + "good_wavelengths", "good_wavelengths"):
        if shapes.get(n) == wavelength.shape:
            good = structure.array(n) == 1
            break
    return wavelength, fwhm, good


def _grid(source: ByteSource, structure: Structure) -> AffineLocation:
    """The affine grid of a gridded file: from the GeoTransform of /crs, else from its coordinate vectors."""
    lon, lat = structure.array("lon").astype(float), structure.array("lat").astype(float)
    crs = structure.attributes("crs") if "crs" in structure else {}
    told = str(crs.get("GeoTransform", "")).replace("[", " ").replace("]", " ").replace(",", " ").split()
    if len(told) == 6:
        transform = tuple(float(number) for number in told)
    elif len(lon) > 1 and len(lat) > 1:
        dx, dy = (lon[-1] - lon[0]) / (len(lon) - 1), (lat[-1] - lat[0]) / (len(lat) - 1)
        transform = (lon[0] - dx / 2, dx, 0.0, lat[0] - dy / 2, 0.0, dy)
    else:
        raise GranuleError(f"'{source.name}' has a grid of {len(lat)} x {len(lon)} cells and no GeoTransform, so the "
                           "size of a cell is unknown; fetch a complete granule.")
    return AffineLocation(OrthoGrid(len(lat), len(lon), transform, str(crs.get("crs_wkt") or WGS84_WKT)))
