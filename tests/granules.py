"""The one writer of synthetic EMIT granules: for the tests, the demo and the benchmarks.

The files follow the published layouts (L2A V001 as its DMR++ describes it, MASK V001 and V002, L1B, L3), so
that what reads them reads the real ones. Values are either given or a pattern whose every number is known:
:func:`expected_reflectance`. Written with h5py; nothing here reads.

>>> import tempfile
>>> files = write_granule(tempfile.mkdtemp(), Scene(downtrack=20, crosstrack=15))
>>> files.reflectance.name, files.mask.name
('EMIT_L2A_RFL_001_20240501T101112_2412207_005.nc', 'EMIT_L2A_MASK_001_20240501T101112_2412207_005.nc')
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

import h5py
import numpy as np
import numpy.typing as npt

from emit_bands import BAD_VALUE, N_BANDS, add_noise, emit_bands, illustrative_snr
from envi_cubes import EnviFiles, lonlat_map_info, utm_map_info, write_envi_cube
from netcdf_layout import (
    LAYOUTS,
    ZLIB_1,
    ZLIB_9,
    Cube,
    Rows,
    add_dimension,
    add_variable,
    as_rows,
    netcdf_file,
    put_attributes,
    write_rows,
)
from quality_layers import (
    V001_LAYERS,
    V002_LAYERS,
    default_interpolated,
    default_layers,
    mask_stack,
    pack_bands,
)
from swath import EMIT_SPACING, Scene, Swath, locate, lonlat, raw_position

__all__ = [
    "BAD_VALUE", "EMIT_SPACING", "LAYOUTS", "NO_DATA", "V001_LAYERS", "V002_LAYERS", "EnviFiles",
    "GranuleFiles", "Scene", "Swath", "add_noise", "default_interpolated", "default_layers", "emit_bands",
    "expected_reflectance", "expected_uncertainty", "illustrative_snr", "locate", "lonlat", "lonlat_map_info",
    "pack_bands", "raw_position", "remove", "truncate", "utm_map_info", "write_envi_cube", "write_granule",
    "write_gridded", "write_mask", "write_radiance",
]

NO_DATA = -9999.0
_BYTE_FILL = 241  # -9999 modulo 256, as declared in real files
_SPATIAL = ("downtrack", "crosstrack")
_SUMMARY = "Synthetic scene in the layout of the EMIT mission, whose orbit reaches +/-52\u00b0 latitude."
_WGS84 = (
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],'
    'AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",'
    '0.0174532925199433,AUTHORITY["EPSG","9122"]],AXIS["Latitude",NORTH],AXIS["Longitude",EAST],'
    'AUTHORITY["EPSG","4326"]]'
)
_GRID_DEG = 0.00055
_TITLES = {
    "L2A_RFL": "EMIT L2A Estimated Surface Reflectance 60 m",
    "L2A_RFLUNCERT": "EMIT L2A Estimated Surface Reflectance Uncertainty 60 m",
    "L2A_MASK": "EMIT L2A Masks 60 m",
    "L1B_RAD": "EMIT L1B At-Sensor Calibrated Radiance Data 60 m",
    "L3_RFL": "EMIT L3 Gridded Estimated Surface Reflectance",
}


@dataclass(frozen=True)
class GranuleFiles:
    """The files of one synthetic granule."""

    scene: Scene
    """What they show."""
    reflectance: Path
    """L2A RFL."""
    mask: Optional[Path]
    """L2A MASK, or None."""
    uncertainty: Optional[Path]
    """L2A RFLUNCERT, or None."""


def expected_reflectance(
    row: npt.ArrayLike, column: npt.ArrayLike, bands: Optional[npt.ArrayLike] = None, *,
    n_bands: int = N_BANDS,
) -> npt.NDArray[np.float32]:
    """(..., n_bands) reflectance the default granule holds at raw pixels; `bands` picks positions.

    1/8 + row / 2**13 + (column + 1) * (band + 1) / 2**20, exact in float32 and no two pixels alike;
    -0.01 in the bad bands.
    """
    values = _pattern(np.asarray(row), np.asarray(column), n_bands)
    values[..., ~emit_bands(n_bands).good] = BAD_VALUE
    return values if bands is None else values[..., np.asarray(bands)]


def expected_uncertainty(n_bands: int = N_BANDS) -> npt.NDArray[np.float32]:
    """(n_bands,) of the default RFLUNCERT in every pixel: (band + 1) / 2**14; -0.01 in the bad bands."""
    sigma = np.arange(1, n_bands + 1, dtype=np.float32) / np.float32(2**14)
    return np.where(emit_bands(n_bands).good, sigma, BAD_VALUE)


def write_granule(
    folder: Union[str, Path],
    scene: Scene = Scene(),
    *,
    reflectance: Cube = None,
    uncertainty: Union[bool, Cube] = True,
    mask: Optional[str] = "V001",
    layers: Optional[Mapping[str, npt.ArrayLike]] = None,
    band_mask: Optional[npt.NDArray[np.bool_]] = None,
    nodata: Optional[npt.NDArray[np.bool_]] = None,
    layout: str = "contiguous",
    version: str = "V001",
) -> GranuleFiles:
    """Write RFL, and RFLUNCERT and MASK unless switched off, into `folder`.

    `reflectance` and `uncertainty` are (downtrack, crosstrack, n_bands), or `rows(start, stop)` giving that
    many lines of it, or the default pattern; bad bands become -0.01 and `nodata` pixels (downtrack,
    crosstrack) -9999 in any case. `layout` is a key of LAYOUTS; `version` is that of RFL and RFLUNCERT.
    `mask` is V001, V002 or None; see :func:`write_mask` for `layers` and `band_mask`.
    """
    folder = Path(folder)
    write = {"scene": scene, "nodata": nodata, "layout": layout, "version": version, "bad": True}
    rfl = _write_cube(folder, "L2A_RFL", "reflectance", "Surface Reflectance", "unitless",
                      cube=reflectance, default=_default_rows(scene), **write)
    sigma_path = None
    if uncertainty is not False:
        sigma = np.broadcast_to(expected_uncertainty(scene.n_bands), (scene.crosstrack, scene.n_bands))
        sigma_path = _write_cube(
            folder, "L2A_RFLUNCERT", "reflectance_uncertainty", "Surface Reflectance Uncertainty", "unitless",
            cube=None if uncertainty is True else uncertainty,
            default=lambda start, stop: np.broadcast_to(sigma, (stop - start, *sigma.shape)), **write)
    mask_path = None if mask is None else write_mask(
        folder, scene, version=mask, layers=layers, band_mask=band_mask, nodata=nodata)
    return GranuleFiles(scene, rfl, mask_path, sigma_path)


def write_radiance(
    folder: Union[str, Path], scene: Scene = Scene(), *, radiance: Cube = None,
    nodata: Optional[npt.NDArray[np.bool_]] = None, layout: str = "contiguous",
) -> Path:
    """Write L1B RAD: `/radiance` in uW cm-2 sr-1 nm-1, no good_wavelengths; default 10 x the RFL pattern."""
    pattern = _default_rows(scene)
    return _write_cube(Path(folder), "L1B_RAD", "radiance", "Radiance Data", "uW/cm^2/SR/nm", cube=radiance,
                       default=lambda start, stop: 10 * pattern(start, stop), scene=scene, nodata=nodata,
                       layout=layout, version="V001", bad=False)


def write_mask(
    folder: Union[str, Path],
    scene: Scene = Scene(),
    *,
    version: str = "V001",
    layers: Optional[Mapping[str, npt.ArrayLike]] = None,
    band_mask: Optional[npt.NDArray[np.bool_]] = None,
    nodata: Optional[npt.NDArray[np.bool_]] = None,
) -> Path:
    """Write L2A MASK: V001 (8 layers and the packed band_mask) or V002 (11 layers, -9999 where `nodata`).

    `layers` maps layer names to (downtrack, crosstrack); see :func:`quality_layers.mask_stack` for what the
    others then hold. `band_mask` is (downtrack, crosstrack, n_bands), True = interpolated, V001 only.
    """
    path = Path(folder) / scene.file_name("L2A_MASK", version)
    names, stack = mask_stack(scene, version, default_layers(scene) if layers is None else layers)
    dims = {**_swath_dims(scene, len(names)), "packed_wavelength_bands": -(-scene.n_bands // 8)}
    if version != "V001":
        del dims["packed_wavelength_bands"]
        if nodata is not None:  # the defect that V002 mends: V001 keeps other values there
            stack[nodata] = NO_DATA
    with netcdf_file(path, dims) as file:
        put_attributes(file, _root_attributes(scene, "L2A_MASK", version))
        add_variable(file, "mask", (*_SPATIAL, "bands"), "<f4", NO_DATA,
                     {"long_name": "Masks", "units": "unitless"}, ZLIB_9)[...] = stack
        add_variable(file, "sensor_band_parameters/mask_bands", ("bands",), h5py.string_dtype(), None,
                     {"long_name": "Mask Band Names", "units": "unitless"})[...] = names
        _write_location(file, scene, version)
        if version == "V001":
            packed = default_interpolated(scene) if band_mask is None else pack_bands(band_mask)
            add_variable(file, "band_mask", (*_SPATIAL, "packed_wavelength_bands"), "u1", _BYTE_FILL,
                         {"long_name": "Per-Wavelength Mask", "units": "unitless"}, ZLIB_9)[...] = packed
    return path


def write_gridded(
    folder: Union[str, Path], scene: Scene = Scene(orbit_in_name=False), *, reflectance: Cube = None,
    nodata: Optional[npt.NDArray[np.bool_]] = None,
) -> Path:
    """Write L3 RFL: (bands, lat, lon) on a 0.00055 degree grid of downtrack x crosstrack cells, no GLT.

    The grid starts at the cell corner north-west of the scene's lon, lat. `reflectance` is band last, as for
    :func:`write_granule`. Values are not rounded to five decimals as the real product's are.
    """
    path = Path(folder) / scene.file_name("L3_RFL", "V002")
    west, north = np.floor(scene.lon / _GRID_DEG) * _GRID_DEG, np.ceil(scene.lat / _GRID_DEG) * _GRID_DEG
    bands = emit_bands(scene.n_bands)
    with netcdf_file(path, {}) as file:
        put_attributes(file, {**_common_attributes(scene, "L3_RFL", "V002"),
                              "ncei_template_version": "NCEI_NetCDF_Grid_Template_v2.0"})
        _coordinate(file, "lat", north - (np.arange(scene.downtrack) + 0.5) * _GRID_DEG, "degrees_north", 0)
        _coordinate(file, "lon", west + (np.arange(scene.crosstrack) + 0.5) * _GRID_DEG, "degrees_east", 1)
        _coordinate(file, "bands", bands.wavelength_nm, "nm", 2)
        _write_crs(file, (west, _GRID_DEG, 0.0, north, 0.0, -_GRID_DEG))
        _write_bands(file, scene, with_good=True)
        for name, value, units in (("state_variables/aerosol_optical_thickness", 0.1, "unitless"),
                                   ("state_variables/water_vapor", 1.5, "g/cm^2"),
                                   ("masks/cloud_probability", 0.02, "unitless")):
            flat = add_variable(file, name, ("lat", "lon"), "<f4", NO_DATA,
                                {"units": units, "grid_mapping": "crs"}, _tiles(scene.shape))
            flat[...] = value if nodata is None else np.where(nodata, NO_DATA, value)
        cube = add_variable(file, "reflectance", ("bands", "lat", "lon"), "<f4", NO_DATA,
                            {"long_name": "Surface hemispherical directional reflectance factor",
                             "units": "unitless", "grid_mapping": "crs"},
                            _tiles((scene.n_bands, *scene.shape)))
        rows = as_rows(reflectance, _default_rows(scene), (*scene.shape, scene.n_bands))
        write_rows(cube, rows, _finisher(nodata, ~bands.good), band_first=True)
    return path


def truncate(path: Path, size: int) -> Path:
    """Cut a file to its first `size` bytes (negative: from its end), as a broken download does."""
    os.truncate(path, size if size >= 0 else path.stat().st_size + size)
    return path


def remove(path: Path, *names: str) -> Path:
    """Delete groups, variables or root attributes: `remove(f, "location", "geotransform")`."""
    with h5py.File(path, "r+") as file:
        for name in names:
            del (file if name in file else file.attrs)[name]
    return path


def _pattern(row: npt.NDArray[Any], column: npt.NDArray[Any], n_bands: int) -> npt.NDArray[np.float32]:
    step = (np.arange(1, n_bands + 1) * 2.0**-20).astype(np.float32)
    lines = (0.125 + row * 2.0**-13).astype(np.float32)
    return np.asarray(lines[..., None] + (column + 1).astype(np.float32)[..., None] * step)


def _default_rows(scene: Scene) -> Rows:
    columns = np.arange(scene.crosstrack)
    return lambda start, stop: _pattern(np.arange(start, stop)[:, None], columns, scene.n_bands)


def _write_cube(
    folder: Path, product: str, name: str, long_name: str, units: str, *, cube: Cube, default: Rows,
    scene: Scene, nodata: Optional[npt.NDArray[np.bool_]], layout: str, version: str, bad: bool,
) -> Path:
    path = folder / scene.file_name(product, version)
    rows = as_rows(cube, default, (*scene.shape, scene.n_bands))
    with netcdf_file(path, _swath_dims(scene, scene.n_bands)) as file:
        put_attributes(file, _root_attributes(scene, product, version))
        variable = add_variable(file, name, (*_SPATIAL, "bands"), "<f4", NO_DATA,
                                {"long_name": long_name, "units": units}, LAYOUTS[layout])
        _write_bands(file, scene, with_good=bad)
        _write_location(file, scene, version)
        file.flush()  # so that the cube is the last thing in the file, as it is in real ones
        bad_bands = ~emit_bands(scene.n_bands).good if bad else np.zeros(scene.n_bands, bool)
        write_rows(variable, rows, _finisher(nodata, bad_bands))
    return path


def _finisher(nodata: Optional[npt.NDArray[np.bool_]], bad_bands: npt.NDArray[np.bool_]) -> Any:
    def finish(block: npt.NDArray[np.float32], rows: slice) -> None:
        block[..., bad_bands] = BAD_VALUE
        if nodata is not None:
            block[nodata[rows]] = NO_DATA

    return finish


def _swath_dims(scene: Scene, n_bands: int) -> dict[str, int]:
    ortho_y, ortho_x = locate(scene).glt_x.shape
    return {"downtrack": scene.downtrack, "crosstrack": scene.crosstrack, "bands": n_bands,
            "ortho_y": ortho_y, "ortho_x": ortho_x}


def _write_bands(file: h5py.File, scene: Scene, *, with_good: bool) -> None:
    bands, room = emit_bands(scene.n_bands), "sensor_band_parameters/"
    for name, values, long_name in (("wavelengths", bands.wavelength_nm, "Wavelength Centers"),
                                    ("fwhm", bands.fwhm_nm, "Full Width at Half Max")):
        add_variable(file, room + name, ("bands",), "<f4", NO_DATA,
                     {"long_name": long_name, "units": "nm"})[...] = values
    if with_good:
        text = "Wavelengths where reflectance is useable: 1 = good data, 0 = bad data"
        add_variable(file, room + "good_wavelengths", ("bands",), "u1", _BYTE_FILL,
                     {"long_name": text, "units": "unitless"})[...] = bands.good


def _write_location(file: h5py.File, scene: Scene, version: str) -> None:
    swath = locate(scene)
    lon = (swath.lon + 180.0) % 360.0 - 180.0 if scene.wrapped_longitude else swath.lon
    for name, values, long_name, units in (("lon", lon, "Longitude (WGS-84)", "degrees east"),
                                           ("lat", swath.lat, "Latitude (WGS-84)", "degrees north"),
                                           ("elev", swath.elev, "Surface Elevation", "m")):
        add_variable(file, f"location/{name}", _SPATIAL, "<f8", NO_DATA,
                     {"long_name": long_name, "units": units})[...] = values
    for name, table, long_name in (("glt_x", swath.glt_x, "GLT Sample Lookup"),
                                   ("glt_y", swath.glt_y, "GLT Line Lookup")):
        add_variable(file, f"location/{name}", ("ortho_y", "ortho_x"), "<i4",
                     NO_DATA if version == "V001" else 0,
                     {"long_name": long_name, "units": "pixel location"}, ZLIB_9)[...] = table


def _common_attributes(scene: Scene, product: str, version: str) -> dict[str, Any]:
    return {
        "ncei_template_version": "NCEI_NetCDF_Swath_Template_v2.0",
        "summary": _SUMMARY,
        "Conventions": "CF-1.63",
        "sensor": "EMIT (Earth Surface Mineral Dust Source Investigation)",
        "instrument": "EMIT",
        "platform": "ISS",
        "date_created": f"{scene.end:%Y-%m-%dT%H:%M:%SZ}",
        "flight_line": f"emit{scene.time:%Y%m%dt%H%M%S}_o{scene.orbit % 100000:05d}_s{scene.scene:03d}",
        "time_coverage_start": f"{scene.time:%Y-%m-%dT%H:%M:%S}+0000",
        "time_coverage_end": f"{scene.end:%Y-%m-%dT%H:%M:%S}+0000",
        "software_build_version": scene.build,
        "software_delivery_version": scene.build,
        "product_version": version,
        "history": "written by the synthetic granule writer of Pixel Spectra",
        "day_night_flag": "Day",
        "title": f"{_TITLES[product]} {version}",
    }


def _root_attributes(scene: Scene, product: str, version: str) -> dict[str, Any]:
    swath = locate(scene)
    east, west = swath.lon.max(), swath.lon.min()
    if scene.swapped_east_west:
        east, west = west, east
    return {
        **_common_attributes(scene, product, version),
        "crosstrack_orientation": "as seen on ground",
        "easternmost_longitude": east,
        "northernmost_latitude": swath.lat.max(),
        "westernmost_longitude": west,
        "southernmost_latitude": swath.lat.min(),
        "spatialResolution": scene.spacing_deg,
        "spatial_ref": _WGS84,
        "geotransform": np.array(swath.geotransform),
    }


def _coordinate(file: h5py.File, name: str, values: npt.NDArray[Any], units: str, number: int) -> None:
    variable = file.create_dataset(name, data=values, track_order=True)
    add_dimension(variable, number, name)
    put_attributes(variable, {"units": units, "long_name": {"nm": "Wavelength Centers"}.get(units, name)})


def _write_crs(file: h5py.File, geotransform: tuple[float, ...]) -> None:
    crs = file.create_dataset("crs", (), "S1", track_order=True)
    put_attributes(crs, {
        "grid_mapping_name": "latitude_longitude", "long_name": "CRS definition",
        "longitude_of_prime_meridian": 0.0, "semi_major_axis": 6378137.0,
        "inverse_flattening": 298.257223563, "spatial_ref": _WGS84, "crs_wkt": _WGS84,
        "GeoTransform": " ".join(str(float(value)) for value in geotransform),
    })


def _tiles(shape: tuple[int, ...]) -> dict[str, Any]:
    return {**ZLIB_1, "chunks": tuple(min(n, most) for n, most in zip(shape, (10, 256, 256)[-len(shape):]))}
