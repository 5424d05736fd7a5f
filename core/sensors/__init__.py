"""Granules of every sensor behind one protocol, and the one way to open them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Optional, Protocol, Union

import numpy as np
import numpy.typing as npt

from ..aoi import PixelSet
from ..errors import GranuleError
from ..geolocation import Geolocation
from ..io.bytesource import ByteSource, FileSource
from ..progress import NO_PROGRESS, Progress
from ..quality import QualitySource
from ..registry import Registry
from ..spectra import MISSING_BELOW, BandGrid, Spectra

_NO_DATA_ABOVE = np.float32(1e30)

PathLike = Union[str, "os.PathLike[str]"]
Opener = Callable[[str], ByteSource]
"""What makes a source of a path or URL."""


@dataclass(frozen=True)
class GranuleSource:
    """All that is needed to open a granule again."""

    path: str
    """Path (or URL) of the granule."""
    mask_file: Optional[str] = None
    """MASK companion given by the user; None looks beside the granule."""
    uncertainty_file: Optional[str] = None
    """RFLUNCERT companion given by the user; None looks beside the granule."""


class Granule(Protocol):
    """One scene of an imaging spectrometer."""

    id: str
    """Name of the scene: the file name without its ending."""
    datetime: Optional[datetime]
    """Start of the acquisition, UTC; None where unknown."""
    cube_variable: Optional[str]
    """Name of the dataset of its spectra, in a netCDF file that keeps them in one; else None."""
    quantity: str
    """"reflectance", "radiance" or "reflectance uncertainty"."""
    shape: tuple[int, int]
    """(downtrack, crosstrack)."""
    bands: BandGrid
    """The bands of this file."""
    source: GranuleSource
    """What it was opened from; all that pickling keeps."""

    @property
    def geolocation(self) -> Optional[Geolocation]:
        """Where the pixels lie; None for an image that works by row and column only."""

    @property
    def quality(self) -> Optional[QualitySource]:
        """The MASK companion, or None."""

    @property
    def notices(self) -> tuple[str, ...]:
        """What a user must know about this file."""

    def read_pixels(self, pixels: PixelSet, progress: Progress = NO_PROGRESS) -> Spectra:
        """Spectra of `pixels` (all on the swath); only missing data are marked invalid."""

    def read_rows(self, start: int, stop: int) -> Spectra:
        """Spectra of whole lines, row-major: ((stop - start) * crosstrack, n_bands)."""

    def row_values(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """The values of :meth:`read_rows` alone: nothing is marked, and the array may not be writeable."""

    def read_uncertainty(self, pixels: PixelSet) -> Optional[npt.NDArray[np.float32]]:
        """(n_pixels, n_bands) one standard deviation, NaN where missing; None without a companion."""

    def prefetch(self, pixels: PixelSet) -> None:
        """Be told that the neighbours of `pixels` may be asked for next; returns at once."""

    def versions(self) -> tuple[str, ...]:
        """What tells the present state of each file that it is read from; two granules with the same are the same."""

    def __enter__(self) -> Granule: ...

    def __exit__(self, *exc: object) -> None: ...


@dataclass(frozen=True)
class QualityFile:
    """The quality of a scene without its spectra."""

    id: str
    """File name without its ending."""
    shape: tuple[int, int]
    """(downtrack, crosstrack)."""
    geolocation: Optional[Geolocation]
    """Where the pixels lie; None works by row and column only."""
    quality: QualitySource
    """The layers; a band_mask may speak of more bands than the granule has (never set in them)."""


@dataclass(frozen=True)
class Sensor:
    """One way of reading granules."""

    identify: Callable[[ByteSource], bool]
    """Tell by content whether a source is for this reader."""
    open: Callable[[GranuleSource, ByteSource, Opener], Granule]
    """Open it; the opener is for its companions."""
    open_quality: Optional[Callable[[ByteSource], QualityFile]] = None
    """Open a quality file by itself; None where the sensor has no such files."""


SENSORS: Registry[Sensor] = Registry("sensor", GranuleError)
"""Name -> sensor, in the order they are asked."""


def open_granule(path_or_url: PathLike, mask_file: Optional[PathLike] = None,
                 uncertainty_file: Optional[PathLike] = None, opener: Optional[Opener] = None) -> Granule:
    """Open a granule; companions given by name are checked at once, others are looked for beside it.

    A URL needs an `opener` (``core.archive.opener()``); companions of a remote granule are looked for when they are
    first asked for. Raises :class:`GranuleError` when the file is not one of the known products, with what it is
    instead.
    """
    if path_or_url is None or not str(path_or_url).strip():
        raise GranuleError("No granule was given; name an EMIT L2A netCDF file or an ENVI image.")
    source = GranuleSource(*(None if p is None or not str(p).strip() else os.fspath(p)
                             for p in (path_or_url, mask_file, uncertainty_file)))  # type: ignore[arg-type]
    paths = (source.path, source.mask_file, source.uncertainty_file)
    remote = next((path for path in paths if path is not None and is_remote(path)), None)
    if remote is not None and opener is None:
        raise GranuleError(f"'{remote.partition('?')[0]}' is remote; give an opener that reads over the network "
                           "(core.archive.opener), or the path of a local file.")
    opener = opener or FileSource
    bytes_of = opener(source.path)
    for sensor in SENSORS.values():
        if sensor.identify(bytes_of):
            return sensor.open(source, bytes_of, opener)
    raise GranuleError(
        f"'{bytes_of.name}' is neither a netCDF-4 granule nor an ENVI image with a header beside it; "
        "give an EMIT L2A file (.nc) or an ENVI header (.hdr)."
    )


def as_float32(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Values in single precision; what is too large for it becomes infinite, and so invalid."""
    if values.dtype == np.float32:
        return values
    with np.errstate(over="ignore"):
        return values.astype(np.float32, copy=False)


def missing_as_invalid(values: npt.NDArray[np.float32], bands: BandGrid) -> Spectra:
    """Wrap values as read; NaN, infinities and the fill value -9999 are invalid for want of data."""
    valid = (values > MISSING_BELOW) & (values < _NO_DATA_ABOVE)
    return Spectra(values, bands, valid, (~valid).view(np.uint8))


def is_remote(path: str) -> bool:
    """Tell a URL from the path of a file."""
    return "://" in path


def stem(path: str) -> str:
    """File name without its ending (and without the query of a URL)."""
    return Path(path.partition("?")[0]).stem


from . import emit, envi  # noqa: E402, F401 (registering themselves; the order is the order of asking)
