"""The browse picture of a scene of the archive: fetched without credentials, within limits, and laid on the map.

What comes is a server's: nothing is decoded before its size is known, and no file is called as the server says.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Optional, Protocol

import numpy as np
import numpy.typing as npt
from osgeo import gdal, osr

from ..core.archive.browse import MOST_BYTES, MOST_PIXELS, Float, box_around, continuous, outline, within
from ..core.archive.web.origins import unsigned
from ..core.errors import ArchiveError
from ..core.ground import metres_per_degree
from ..core.io.atomic import replacing
from .geotiff import complaints, quiet

NO_PICTURE = 0
"""Value of a cell without picture."""

_FORMATS = ("PNG", "JPEG")
_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
_LARGEST = 1500
"""Cells along the longer side of a picture on the map."""
_SHADE = (70, 130, 200)
"""Colour of a scene that has no picture."""
_ALPHA = 90
_FOOTPRINT_CELLS = 256
_UNREADABLE = "The browse picture cannot be shown"
_NO_PICTURE = f"{_UNREADABLE}: it is broken off, or no PNG or JPEG in grey or colour with 8 bits each."


Corners = Callable[[Sequence[int]], npt.ArrayLike]
"""(rows, columns) of a picture -> (4, 2) lon/lat of its corners, in the order of core's raw_corners."""


class Pages(Protocol):
    """What fetches whole files: core's HttpClient."""

    def page(self, url: str, *, limit: int) -> Any:
        """A reply with `data`; raises ArchiveError."""


def fetch_picture(url: str, client: Pages) -> bytes:
    """The bytes of a picture. `client` must hold no token. Raises ArchiveError; not for the GUI thread."""
    if not url.startswith(("https://", "http://")):
        raise ArchiveError(f"The browse picture '{unsigned(url)}' is no web address.")
    data = bytes(client.page(url, limit=MOST_BYTES).data)
    if not data.startswith(_STARTS):
        raise ArchiveError(f"The browse picture '{unsigned(url)}' is neither PNG nor JPEG.")
    return data


def picture_name(url: str, kind: str) -> str:
    """A file name for the picture of what is at `url`; nothing of the address but letters and digits is in it."""
    plain = unsigned(url)
    name = "".join(c for c in Path(plain).stem if c.isascii() and (c.isalnum() or c == "_"))[:60]
    return f"{name or 'scene'}-{hashlib.sha256(plain.encode()).hexdigest()[:16]}-{kind}.tif"


def place_picture(data: bytes, footprint: Any, path: Path, corners: Corners) -> None:
    """Write a picture as a GeoTIFF in lon/lat at `path`.

    A picture whose corners are empty is on the map already: it fills the box of the `footprint` (shapely, lon/lat).
    Any other is as the sensor saw it, and `corners` tell where it lies. Raises ArchiveError for what is no picture,
    OutputError where it cannot be written.
    """
    rgb = _decoded(data)
    quad = box_around(footprint) if _is_on_map(rgb) else continuous(np.asarray(corners(rgb.shape[1:]), np.float64))
    source = _in_memory(rgb)
    source.SetGCPs(_ground_points(quad, rgb.shape[1:]), _lonlat().ExportToWkt())
    _warp(source, quad, path)


def place_footprint(footprint: Any, path: Path) -> None:
    """Write a footprint as an even, translucent GeoTIFF in lon/lat: what stands for a scene without picture."""
    box, corners = box_around(footprint), outline(footprint)
    rows, columns = _cells(box, _FOOTPRINT_CELLS)
    west, north = box[0]
    dx, dy = (box[1, 0] - west) / columns, (north - box[3, 1]) / rows
    x, y = np.meshgrid(west + (np.arange(columns) + 0.5) * dx, north - (np.arange(rows) + 0.5) * dy)
    inside = within(corners, x, y)
    bands = [np.where(inside, value, NO_PICTURE).astype(np.uint8) for value in (*_SHADE, _ALPHA)]
    _write(np.stack(bands), (west, dx, 0.0, north, 0.0, -dy), path)


def _decoded(data: bytes) -> npt.NDArray[np.uint8]:
    """(3, rows, columns) of a picture in memory; 0 where there is nothing, at least 1 where there is."""
    name = f"/vsimem/{uuid.uuid4().hex}"
    gdal.FileFromMemBuffer(name, data)
    try:
        with quiet():
            dataset = gdal.OpenEx(name, gdal.OF_RASTER, allowed_drivers=list(_FORMATS))
            _check_size(dataset)
            values = dataset.ReadAsArray()
    except RuntimeError as error:  # where someone has switched GDAL's exceptions on
        raise ArchiveError(_NO_PICTURE) from error
    finally:
        gdal.Unlink(name)
    if values is None or values.dtype != np.uint8:
        raise ArchiveError(_NO_PICTURE)
    return _colours(values if values.ndim == 3 else values[None])


def _check_size(dataset: Optional[gdal.Dataset]) -> None:
    """Before the pixels are decoded."""
    if dataset is None or dataset.RasterCount not in (1, 3, 4) or min(dataset.RasterXSize, dataset.RasterYSize) < 2:
        raise ArchiveError(_NO_PICTURE)
    if dataset.GetRasterBand(1).GetColorTable() is not None:
        raise ArchiveError(f"{_UNREADABLE}: it is drawn with a palette.")
    if dataset.RasterXSize * dataset.RasterYSize > MOST_PIXELS:
        raise ArchiveError(f"{_UNREADABLE}: it has {dataset.RasterXSize} x {dataset.RasterYSize} pixels, and "
                           f"{MOST_PIXELS} are shown at most.")


def _colours(values: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Grey, colours, or colours with opacity, as colours with 0 for nothing."""
    black = (values[:3] == 0).all(axis=0)
    nothing = values[3] == 0 if len(values) == 4 else black & _is_frame(black)
    return np.where(nothing, NO_PICTURE, np.maximum(np.broadcast_to(values[:3], (3, *black.shape)), 1)).astype(np.uint8)


def _is_frame(black: npt.NDArray[np.bool_]) -> bool:
    """Whether black is the empty frame around a picture on the map: it is in all four corners."""
    return all(bool(_corner(black, r, c).all()) for r in (0, -1) for c in (0, -1))


def _is_on_map(rgb: npt.NDArray[np.uint8]) -> bool:
    return _is_frame((rgb == NO_PICTURE).all(axis=0))


def _corner(array: npt.NDArray[Any], row: int, column: int) -> npt.NDArray[Any]:
    """The outermost hundredth of a corner."""
    n = max(min(array.shape) // 100, 1)
    return array[slice(None, n) if row == 0 else slice(-n, None), slice(None, n) if column == 0 else slice(-n, None)]


def _in_memory(rgb: npt.NDArray[np.uint8]) -> gdal.Dataset:
    dataset = gdal.GetDriverByName("MEM").Create("", rgb.shape[2], rgb.shape[1], 3, gdal.GDT_Byte)
    for number, values in enumerate(rgb, start=1):
        band = dataset.GetRasterBand(number)
        band.WriteArray(values)
        band.SetNoDataValue(NO_PICTURE)
    return dataset


def _ground_points(quad: Float, shape: Sequence[int]) -> list[gdal.GCP]:
    rows, columns = shape
    places = ((0, 0), (columns, 0), (columns, rows), (0, rows))
    return [gdal.GCP(float(lon), float(lat), 0.0, float(x), float(y)) for (lon, lat), (x, y) in zip(quad, places)]


def _warp(source: gdal.Dataset, quad: Float, path: Path) -> None:
    """Turn a picture onto the map grid; a thin plate spline meets all four corners."""
    rows, columns = _cells(quad, _LARGEST)
    options = gdal.WarpOptions(
        format="MEM", dstSRS=_lonlat().ExportToWkt(), outputBounds=(*quad.min(axis=0), *quad.max(axis=0)),
        width=columns, height=rows, srcNodata=NO_PICTURE, dstNodata=NO_PICTURE, tps=True, resampleAlg="near")
    with complaints(path):
        warped = gdal.Warp("", source, options=options)
        values, geotransform = warped.ReadAsArray(), warped.GetGeoTransform()
    seen = np.where((values != NO_PICTURE).any(axis=0), 255, 0).astype(np.uint8)
    _write(np.concatenate((values, seen[None])), geotransform, path)


def _cells(quad: Float, most: int) -> tuple[int, int]:
    """Rows and columns of a map grid around some corners, with cells that are square on the ground."""
    east, north = (float(v) for v in metres_per_degree(quad[:, 1].mean()))
    wide, high = np.ptp(quad, axis=0) * (east, north)
    scale = most / max(wide, high, 1e-9)
    return max(round(high * scale), 2), max(round(wide * scale), 2)


def _write(bands: npt.NDArray[np.uint8], geotransform: Sequence[float], path: Path) -> None:
    """Colours and opacity, whole or not at all: a layer keeps its style when one picture takes the place of another."""
    options = ["COMPRESS=DEFLATE", "TILED=YES", "PHOTOMETRIC=RGB", "ALPHA=YES"]
    with replacing(path) as part, complaints(path):
        dataset = gdal.GetDriverByName("GTiff").Create(str(part), bands.shape[2], bands.shape[1], len(bands),
                                                       gdal.GDT_Byte, options)
        if dataset is not None:
            _fill(dataset, bands, geotransform)


def _fill(dataset: gdal.Dataset, bands: npt.NDArray[np.uint8], geotransform: Sequence[float]) -> None:
    dataset.SetProjection(_lonlat().ExportToWkt())
    dataset.SetGeoTransform(list(geotransform))
    for number, values in enumerate(bands, start=1):
        dataset.GetRasterBand(number).WriteArray(values)
        if number < 4:
            dataset.GetRasterBand(number).SetNoDataValue(NO_PICTURE)
    dataset.FlushCache()


def _lonlat() -> osr.SpatialReference:
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(4326)
    reference.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return reference
