"""Where streamed rasters go: the protocol that every sink meets, and the sink that writes ENVI files.

A sink's output appears whole, at `commit`, or not at all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Optional, Protocol, Union

import numpy as np
import numpy.typing as npt

from ..errors import GranuleError
from ..spectra import FILL_VALUE
from .atomic import beside, discard, refused, replace_all

"""What the ENVI sink writes for NaN."""


class MapGrid(Protocol):
    """The rows and columns of a raster and where they lie; :class:`..geolocation.OrthoGrid` is one."""

    @property
    def rows(self) -> int:
        """Number of rows."""

    @property
    def columns(self) -> int:
        """Number of columns."""

    @property
    def geotransform(self) -> Optional[tuple[float, ...]]:
        """GDAL's six numbers: x0, dx, rotation, y0, rotation, dy; None in sensor space."""

    @property
    def crs_wkt(self) -> str:
        """Coordinate reference system, WKT; "" in sensor space."""


@dataclass(frozen=True)
class SensorGrid:
    """The grid of a raster in sensor space, which lies nowhere."""

    rows: int
    """Number of lines."""
    columns: int
    """Number of samples."""
    geotransform: Optional[tuple[float, ...]] = None
    """None."""
    crs_wkt: str = ""
    """Empty."""


class RasterSink(Protocol):
    """What a streaming verb writes to; what cannot be written it raises as an :class:`..errors.OutputError`."""

    def open(self, grid: MapGrid, bands: Sequence[str]) -> None:
        """Begin a raster on `grid` with the named bands; called once, first."""

    def write_rows(self, start: int, array: npt.NDArray[np.float32]) -> None:
        """Write float32 (rows, columns, bands) from row `start` on; NaN is no value. Each row once."""

    def commit(self) -> None:
        """Make the output appear; called once, last."""

    def abort(self) -> None:
        """Leave nothing behind; may be called at any time, also before `open` and after a failed `commit`."""


@contextmanager
def written(*sinks: Optional[RasterSink]) -> Iterator[None]:
    """Commit the sinks when the block ends well, otherwise abort all that were not committed.

    None is passed over. Sinks raise :class:`..errors.OutputError` themselves, so an OSError in the block comes from
    reading, and becomes a :class:`..errors.GranuleError`.
    """
    waiting = [sink for sink in sinks if sink is not None]
    try:
        with _reading():
            yield
        while waiting:
            waiting[0].commit()
            del waiting[0]
    finally:
        for sink in waiting:
            sink.abort()


@contextmanager
def _reading() -> Iterator[None]:
    """A disk that fails under what is read becomes a :class:`GranuleError`."""
    try:
        yield
    except OSError as error:
        name = f"'{error.filename}'" if error.filename else "The granule"
        raise GranuleError(f"{name} cannot be read: {error.strerror or error}; check the disk it is on.") from error


class EnviSink:
    """Writes an ENVI image: BIL, float32 little endian, -9999 for no value, and its header."""

    def __init__(self, path: Union[str, os.PathLike[str]], wavelength_nm: Optional[npt.ArrayLike] = None,
                 fwhm_nm: Optional[npt.ArrayLike] = None, good: Optional[npt.ArrayLike] = None,
                 description: str = "") -> None:
        """`path` is the data file, or the header (.hdr; the data are then beside it as .img).

        `wavelength_nm`, `fwhm_nm` and `good` describe the bands where they are spectral.
        """
        given = Path(path)
        self.path = given.with_suffix(".img") if given.suffix.lower() == ".hdr" else given
        self.header = self.path.with_suffix(".hdr") if self.path.suffix else self.path.with_name(given.name + ".hdr")
        self._spectral = {"wavelength": wavelength_nm, "fwhm": fwhm_nm, "bbl": good}
        self._description = description
        self._moves = [(beside(target, "part"), target) for target in (self.header, self.path)]
        self._file: Optional[BinaryIO] = None
        self._grid: Optional[MapGrid] = None
        self._n_bands = 0

    def open(self, grid: MapGrid, bands: Sequence[str]) -> None:
        """Begin; raises :class:`..errors.OutputError` where the folder cannot be written to."""
        header, data = (part for part, _ in self._moves)
        self._grid, self._n_bands = grid, len(bands)
        with self._failing():
            header.write_text(self._header_text(grid, bands), encoding="utf-8")
            self._file = open(data, "wb")  # noqa: SIM115 (closed by commit or abort)

    def write_rows(self, start: int, array: npt.NDArray[np.float32]) -> None:
        """Write whole rows; raises :class:`..errors.OutputError` when the disk is full."""
        if self._file is None or self._grid is None:
            raise ValueError("write_rows before open")
        if array.shape[1:] != (self._grid.columns, self._n_bands) or start + len(array) > self._grid.rows:
            raise ValueError(f"rows of {array.shape} from {start} on do not fit the grid")
        rows = np.array(np.moveaxis(array, 2, 1), dtype="<f4", order="C")
        rows[np.isnan(rows)] = FILL_VALUE
        with self._failing():
            self._file.seek(start * self._grid.columns * self._n_bands * 4)
            self._file.write(rows.data)

    def commit(self) -> None:
        """Give the files their names: header and data take the place of older ones, both or none."""
        with self._failing():
            self._close()
            replace_all(self._moves)

    def abort(self) -> None:
        """Remove what was written."""
        with suppress(OSError):  # a full disk may refuse the last buffer; the file goes anyway
            self._close()
        for part, _ in self._moves:
            discard(part)

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """A failing disk aborts and becomes an :class:`..errors.OutputError`."""
        try:
            yield
        except OSError as error:
            self.abort()
            raise refused(error, self._moves) from error

    def _header_text(self, grid: MapGrid, bands: Sequence[str]) -> str:
        fields: dict[str, Any] = {
            "description": _braced([self._description]) if self._description else None,
            "samples": grid.columns, "lines": grid.rows, "bands": len(bands), "header offset": 0,
            "file type": "ENVI Standard", "data type": 4, "interleave": "bil", "byte order": 0,
            "data ignore value": f"{FILL_VALUE:g}",
            **map_fields(grid),
            "band names": _braced(bands),
        }
        if self._spectral["wavelength"] is not None:
            fields["wavelength units"] = "Nanometers"
        for key, values in self._spectral.items():
            if values is not None:
                fields[key] = _braced(f"{float(v):.9g}" for v in np.asarray(values))
        return "ENVI\n" + "".join(f"{key} = {value}\n" for key, value in fields.items() if value is not None)


def map_fields(grid: MapGrid) -> dict[str, str]:
    """`map info` and `coordinate system string` of a header; nothing in sensor space.

    A grid that is turned as well as skewed cannot be said in `map info`; its rotation is that of the columns.
    """
    if not grid.geotransform:
        return {}
    x0, a, b, y0, d, e = (float(v) for v in grid.geotransform)
    name, place = _projection(grid.crs_wkt)
    numbers = [f"{v!r}" for v in (1.0, 1.0, x0, y0, float(np.hypot(a, d)), float(np.hypot(b, e)))]
    turn = [f"rotation={float(np.degrees(np.arctan2(d, a))) + 0.0!r}"] if b or d else []
    wkt = " ".join(grid.crs_wkt.split())
    return {"map info": _raw([name, *numbers, *place, *turn]), "coordinate system string": _raw([wkt])}


def _projection(wkt: str) -> tuple[str, list[str]]:
    """Name and place of a system in ENVI's words; other projections are told by the WKT alone."""
    if re.match(r"\s*GEO(G|D)", wkt):
        return "Geographic Lat/Lon", ["WGS-84", "units=Degrees"]
    zone = re.search(r"UTM zone (\d+)([NS])", wkt)
    if zone and "WGS 84" in wkt:
        return "UTM", [zone[1], "North" if zone[2] == "N" else "South", "WGS-84", "units=Meters"]
    return "Projected", ["units=Meters"]


def _braced(words: Any) -> str:
    """A list of texts; what would end an item or the list is replaced."""
    return _raw(re.sub(r"[{},\s]+", " ", str(word)).strip() for word in words)


def _raw(words: Any) -> str:
    return "{" + ", ".join(words) + "}"
