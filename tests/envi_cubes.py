"""Synthetic ENVI images: any interleave, byte order, data type, header offset and georeference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Union

import numpy as np
import numpy.typing as npt

_AXES = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}
_DATA_TYPES = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2"}
_BYTE_ORDERS = {0: "<", 1: ">"}
_UNITS = {"Nanometers": 1.0, "Micrometers": 1e-3}


@dataclass(frozen=True)
class EnviFiles:
    """One image of two files."""

    data: Path
    """The binary file."""
    header: Path
    """The text file."""


def write_envi_cube(
    folder: Union[str, Path],
    cube: npt.NDArray[np.generic],
    interleave: str = "bil",
    *,
    data_type: int = 4,
    byte_order: int = 0,
    header_offset: int = 0,
    map_info: Optional[str] = None,
    wavelength_nm: Optional[npt.ArrayLike] = None,
    fwhm_nm: Optional[npt.ArrayLike] = None,
    good: Optional[npt.ArrayLike] = None,
    units: str = "Nanometers",
    ignore_value: Optional[float] = -9999,
    extra: Optional[Mapping[str, str]] = None,
    name: str = "cube.img",
    header_name: Optional[str] = None,
) -> EnviFiles:
    """Write `cube` (lines, samples, bands) and its header.

    `data_type` is ENVI's code (2 int16, 4 float32, ...), `byte_order` 0 little or 1 big endian. `units` is
    Nanometers or Micrometers. `extra` adds header fields, verbatim and last, so it can also overrule or break
    one. `header_name` defaults to `name` with its ending replaced by .hdr.
    """
    data = Path(folder) / name
    header = Path(folder) / header_name if header_name else data.with_suffix(".hdr")
    stored = np.transpose(cube, _AXES[interleave]).astype(_BYTE_ORDERS[byte_order] + _DATA_TYPES[data_type])
    data.write_bytes(b"\xa5" * header_offset + stored.tobytes())
    lines, samples, bands = cube.shape
    fields = {
        "samples": samples, "lines": lines, "bands": bands, "header offset": header_offset,
        "file type": "ENVI Standard", "data type": data_type, "interleave": interleave,
        "byte order": byte_order,
        "data ignore value": ignore_value, "map info": map_info,
        "wavelength units": units if wavelength_nm is not None else None,
        "wavelength": _listed(wavelength_nm, _UNITS[units]), "fwhm": _listed(fwhm_nm, _UNITS[units]),
        "bbl": None if good is None else _braced(str(int(value)) for value in np.asarray(good)),
        **(extra or {}),
    }
    text = "".join(f"{key} = {value}\n" for key, value in fields.items() if value is not None)
    header.write_text("ENVI\n" + text, encoding="utf-8")
    return EnviFiles(data, header)


def lonlat_map_info(lon: float, lat: float, step_deg: float, *, rotation: Optional[float] = None) -> str:
    """Map info of a WGS 84 grid whose upper-left corner is at `lon`, `lat` and whose cells are square."""
    return _map_info("Geographic Lat/Lon", lon, lat, step_deg, "WGS-84", "units=Degrees", rotation)


def utm_map_info(
    easting: float, northing: float, step_m: float, zone: int, *,
    north: bool = True, rotation: Optional[float] = None,
) -> str:
    """Map info of a UTM grid (WGS 84) whose upper-left corner is at `easting`, `northing` in metres."""
    place = f"{zone}, {'North' if north else 'South'}, WGS-84"
    return _map_info("UTM", easting, northing, step_m, place, "units=Meters", rotation)


def _map_info(
    projection: str, x: float, y: float, step: float, place: str, unit: str, rotation: Optional[float]
) -> str:
    numbers = f"1, 1, {float(x)!r}, {float(y)!r}, {float(step)!r}, {float(step)!r}"
    turn = [] if rotation is None else [f"rotation={float(rotation)!r}"]
    return "{" + ", ".join([projection, numbers, place, unit, *turn]) + "}"


def _listed(values: Optional[npt.ArrayLike], factor: float) -> Optional[str]:
    if values is None:
        return None
    return _braced(f"{value:.7g}" for value in np.asarray(values, np.float64) * factor)


def _braced(words: object) -> str:
    return "{" + ", ".join(words) + "}"  # type: ignore[arg-type]
