"""A RasterSink that writes GeoTIFF through GDAL, with wavelengths as QGIS, GDAL and EnMAP-Box read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

import numpy as np
import numpy.typing as npt
from osgeo import gdal

from ..core.errors import OutputError
from ..core.io.atomic import unwritable
from ..core.io.rastersink import MapGrid
from ..core.spectra import FILL_VALUE, BandGrid
from .staging import Staging

_TILE = 256
_BUFFER_BYTES = 64 << 20
"""Rows are gathered to whole tiles before they are written, in about this much memory."""
_OPTIONS = ("TILED=YES", "COMPRESS=DEFLATE", "ZLEVEL=1", "BIGTIFF=IF_SAFER", "INTERLEAVE=BAND", "NUM_THREADS=ALL_CPUS")


class GeoTiffSink:
    """Meets RasterSink: a tiled, compressed GeoTIFF of float32, or of int32 for whole numbers; -9999 is no value."""

    def __init__(self, path: Path, spectral: Optional[BandGrid] = None, tags: Optional[Mapping[str, str]] = None,
                 whole_numbers: bool = False, staging: Optional[Staging] = None) -> None:
        """`spectral` describes the bands where they are spectral; `tags` become metadata of the file.

        With `staging`, a committed file is complete there, and appears when the staging is published.
        """
        self.path = path
        self._spectral = spectral
        self._tags = dict(tags or {})
        self._whole = whole_numbers
        self._staging = staging or Staging()
        self._alone = staging is None
        self._dataset: Optional[gdal.Dataset] = None
        self._buffer = np.empty((0, 0, 0), np.float32)
        self._first, self._filled = 0, 0

    def open(self, grid: MapGrid, bands: Sequence[str]) -> None:
        """Begin; raises OutputError where the place cannot be written to."""
        place = self._staging.begin(self.path) / self.path.name
        tile_rows = _tile_rows(grid.columns * len(bands))
        options = [*_OPTIONS, f"BLOCKXSIZE={_TILE}", f"BLOCKYSIZE={tile_rows}", f"PREDICTOR={2 if self._whole else 3}"]
        kind = gdal.GDT_Int32 if self._whole else gdal.GDT_Float32
        with self._failing():
            dataset = gdal.GetDriverByName("GTiff").Create(str(place), grid.columns, grid.rows, len(bands), kind,
                                                           options)
            if dataset is not None:
                self._describe(dataset, grid, bands)
        self._dataset = dataset
        self._buffer = np.empty((tile_rows, grid.columns, len(bands)), np.float32)

    def write_rows(self, start: int, array: npt.NDArray[np.float32]) -> None:
        """Gather rows, and write them as soon as they fill a row of tiles."""
        while len(array):
            if start != self._first + self._filled:
                self._flush()
                self._first = start
            room = len(self._buffer) - self._filled - self._first % len(self._buffer)
            part = array[:room]
            self._buffer[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            if len(part) == room:
                self._flush()
            array, start = array[len(part) :], start + len(part)

    def commit(self) -> None:
        """Write what is left, close the file and, unless others are waited for, give it its name."""
        self._flush()
        with self._failing():
            if self._dataset is not None:
                place = self._dataset.GetDescription()
                self._dataset.FlushCache()
                self._dataset = None
                _check_whole(Path(place), self.path)
        if self._alone:
            self._staging.publish()

    def abort(self) -> None:
        """Leave nothing behind."""
        with quiet():
            self._dataset = None
        self._staging.drop(self.path)

    def _flush(self) -> None:
        if not self._filled or self._dataset is None:
            return
        rows = self._buffer[: self._filled]
        rows[np.isnan(rows)] = FILL_VALUE
        n, columns, bands = rows.shape
        with self._failing():
            self._dataset.WriteRaster(0, self._first, columns, n, rows.tobytes(), columns, n, gdal.GDT_Float32,
                                      list(range(1, bands + 1)), 4 * bands, 4 * bands * columns, 4)
            self._dataset.FlushCache()  # else GDAL keeps all it can, and the end takes many seconds
        self._first, self._filled = self._first + n, 0

    def _describe(self, dataset: gdal.Dataset, grid: MapGrid, bands: Sequence[str]) -> None:
        if grid.geotransform:
            dataset.SetGeoTransform(grid.geotransform)
            dataset.SetProjection(grid.crs_wkt)
        dataset.SetMetadata(self._tags)
        for i, name in enumerate(bands):
            band = dataset.GetRasterBand(i + 1)
            band.SetDescription(name)
            band.SetNoDataValue(float(FILL_VALUE))
            band.SetColorInterpretation(gdal.GCI_Undefined)
            if self._spectral is not None:
                for domain, items in _band_tags(self._spectral, i).items():
                    band.SetMetadata(items, domain)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """A complaint of GDAL leaves nothing behind."""
        try:
            with complaints(self.path):
                yield
        except OutputError:
            self.abort()
            raise


def _check_whole(written: Path, path: Path) -> None:
    """Raise OutputError unless every block lies within the file: GDAL does not tell of every failed write."""
    with quiet():
        dataset = gdal.OpenEx(str(written), gdal.OF_RASTER)
        size = written.stat().st_size
        if dataset is None or not all(_lies_within(dataset.GetRasterBand(i + 1), size)
                                      for i in range(dataset.RasterCount)):
            raise unwritable(path, "the file is incomplete")


def _lies_within(band: gdal.Band, size: int) -> bool:
    width, height = band.GetBlockSize()
    for x in range(-(-band.XSize // width)):
        for y in range(-(-band.YSize // height)):
            offset, length = (band.GetMetadataItem(f"BLOCK_{what}_{x}_{y}", "TIFF") for what in ("OFFSET", "SIZE"))
            if offset is None or length is None or int(offset) + int(length) > size:
                return False
    return True


def _tile_rows(values_per_row: int) -> int:
    """Height of a tile, a multiple of 16, such that a row of tiles fits the buffer."""
    return int(np.clip(_BUFFER_BYTES // (4 * max(values_per_row, 1)) // 16 * 16, 16, _TILE))


def _band_tags(bands: BandGrid, i: int) -> dict[str, dict[str, str]]:
    """Domain -> items. EnMAP-Box takes a width in nm for micrometres unless IMAGERY holds both, so both or neither."""
    nm = float(bands.wavelength_nm[i])
    items = {"wavelength": f"{nm:.5f}", "wavelength_units": "Nanometers"}
    domains: dict[str, dict[str, str]] = {"": items}
    if bands.fwhm_nm is not None:
        width = float(bands.fwhm_nm[i])
        items["fwhm"] = f"{width:.5f}"
        domains["IMAGERY"] = {"CENTRAL_WAVELENGTH_UM": f"{nm / 1000:.8f}", "FWHM_UM": f"{width / 1000:.8f}"}
    if bands.good is not None:
        items["bbl"] = str(int(bands.good[i]))
    return domains


@contextmanager
def complaints(path: Path) -> Iterator[None]:
    """What GDAL complains of becomes an OutputError, whether it raises exceptions in this process or not."""
    with quiet():
        gdal.ErrorReset()
        try:
            yield
            why = gdal.GetLastErrorMsg() if gdal.GetLastErrorType() >= gdal.CE_Failure else ""
        except RuntimeError as error:
            why = str(error)
    if why:
        raise unwritable(path, why)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep GDAL's complaints out of the console; they come as errors."""
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    try:
        yield
    finally:
        gdal.PopErrorHandler()
