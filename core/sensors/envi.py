"""An ENVI image (header and data file; BIL, BIP or BSQ), with or without map info: the second sensor.

Values become float32: gains and offsets applied, divided by the `reflectance scale factor`, so that
reflectance runs from 0 to 1. There are no companions; what was assumed is told in `notices`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from ..aoi import PixelSet
from ..errors import GranuleError
from ..geolocation import Geolocation
from ..io.bytesource import ByteSource, FileSource
from ..io.envi import DATA_SUFFIXES, EnviHeader, header_file, read_header
from ..io.envicube import PixelReader, open_cube
from ..progress import NO_PROGRESS, Progress
from ..spectra import BandGrid, Spectra
from . import SENSORS, GranuleSource, Opener, Sensor, is_remote, missing_as_invalid, open_granule
from .acquisition import time_of
from .mapinfo import location_of
from .masked import in_blocks

_UNITS_NM = {"nanometers": 1.0, "nanometres": 1.0, "nanometer": 1.0, "nm": 1.0, "micrometers": 1000.0,
             "micrometres": 1000.0, "micrometer": 1000.0, "microns": 1000.0, "micron": 1000.0, "um": 1000.0,
             "\u00b5m": 1000.0, "\u03bcm": 1000.0}
"""`wavelength units` in lower case -> nm per unit."""
_UNSAID = {"", "unknown", "none"}
_MICROMETRES_BELOW = 100.0
"""Without a unit, centres that end below this are micrometres."""


@dataclass(frozen=True)
class _Values:
    """How stored numbers become physical ones: (stored * gain + offset) / divisor."""

    ignore: Optional[float]
    """`data ignore value`: no data."""
    gain: npt.NDArray[np.float64]
    """(n_bands,) or (1,) factor."""
    offset: npt.NDArray[np.float64]
    """(n_bands,) or (1,) added after the factor."""
    divisor: float
    """The reflectance scale factor, by which the sum is divided."""

    @property
    def as_they_stand(self) -> bool:
        """True where nothing is to be computed."""
        return self.divisor == 1.0 and bool((self.gain == 1.0).all() and (self.offset == 0.0).all())

    def physical(self, stored: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """float32 values of the same shape; NaN where there is no data."""
        if self.as_they_stand:
            values = stored.astype(np.float32)
        else:  # in float64, so that 1234 / 10000 is the float32 nearest to 0.1234
            values = ((stored * self.gain + self.offset) / self.divisor).astype(np.float32)
        if self.ignore is not None:
            values[stored == _as_stored(self.ignore, stored.dtype)] = np.nan
        return values


class EnviGranule:
    """Meets :class:`.Granule`; holds the header's facts and never an open file."""

    quality = None
    cube_variable: Optional[str] = None

    def __init__(self, source: GranuleSource, header: EnviHeader, data: ByteSource) -> None:
        """Raises :class:`GranuleError` where header and data do not make an image with wavelengths."""
        _refuse(header, source)
        lines, samples, n_bands = header.shape
        self.source = source
        self._versions = (FileSource(header.path).version, data.version)
        self.id = _name_of(data.name)
        self.shape: tuple[int, int] = (lines, samples)
        self.bands, band_notices = _bands(header, n_bands)
        self.quantity = _quantity(header)
        self.datetime: Optional[datetime] = time_of(header.text("acquisition time", "").replace(" ", "T"))
        self._values, value_notices = _scaling(header, n_bands)
        location, place_notices = location_of(header)
        self.geolocation: Optional[Geolocation] = location
        self.notices: tuple[str, ...] = band_notices + value_notices + place_notices
        self._cube: PixelReader = open_cube(data, header.shape, header.dtype, header.text("interleave", "bsq"),
                                            header.integer("header offset", 0))

    def __reduce__(self) -> tuple[Any, ...]:
        return open_granule, (self.source.path,)

    def __enter__(self) -> EnviGranule:
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing is held open."""

    def __repr__(self) -> str:
        return f"<EnviGranule {self.id} {self.shape[0]} x {self.shape[1]} x {len(self.bands)} {self.quantity}>"

    def read_pixels(self, pixels: PixelSet, progress: Progress = NO_PROGRESS) -> Spectra:
        """Spectra in the order of `pixels`."""
        return in_blocks(self._spectra, pixels, progress)

    def _spectra(self, pixels: PixelSet) -> Spectra:
        stored = self._cube.points(pixels.downtrack, pixels.crosstrack)
        return missing_as_invalid(self._values.physical(stored), self.bands)

    def read_rows(self, start: int, stop: int) -> Spectra:
        """Spectra of lines start..stop, row-major."""
        return missing_as_invalid(self.row_values(start, stop), self.bands)

    def row_values(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """The values of lines start..stop alone."""
        return self._values.physical(self._cube.rows(start, stop).reshape(-1, len(self.bands)))

    def read_uncertainty(self, pixels: PixelSet) -> Optional[npt.NDArray[np.float32]]:
        """None: an ENVI image has no companion."""
        return None

    def prefetch(self, pixels: PixelSet) -> None:
        """Nothing: an ENVI image is a file at hand."""

    def versions(self) -> tuple[str, ...]:
        """Of the header and of the data."""
        return self._versions


def is_envi(source: ByteSource) -> bool:
    """Tell whether a source is an ENVI header, or a file with one beside it."""
    if is_remote(source.name):
        return False
    if _starts_as_header(source):
        return True
    path = Path(source.name)
    header = header_file(path) if path.suffix.lower() != ".hdr" else None
    return header is not None and _starts_as_header(FileSource(header))


def open_envi(source: GranuleSource, bytes_of: ByteSource, opener: Opener = FileSource) -> EnviGranule:
    """Open an ENVI image from its header or its data file; it has no companions."""
    path = Path(bytes_of.name)
    if _starts_as_header(bytes_of):
        header = read_header(path)
        return EnviGranule(source, header, FileSource(header.data_file()))
    beside = header_file(path)
    if beside is None:
        raise GranuleError(f"'{path}' has no ENVI header beside it; put '{path.name}.hdr' there.")
    return EnviGranule(source, read_header(beside), bytes_of)


def _starts_as_header(source: ByteSource) -> bool:
    return source.size >= 5 and source.read_ranges([(0, 5)])[0].rstrip() == b"ENVI"


def _refuse(header: EnviHeader, source: GranuleSource) -> None:
    """Say what kind of file, or of companion, cannot be used."""
    kind = header.text("file type", "")
    if "library" in kind.lower():
        raise GranuleError(f"{header.path}: this is an ENVI spectral library, not an image; give it as a reference "
                           "file.")
    if header.integer("file compression", 0):
        raise GranuleError(f"{header.path}: its data file is compressed, which is not supported; save it uncompressed.")
    for given, name in ((source.mask_file, "mask"), (source.uncertainty_file, "uncertainty")):
        if given is not None:
            raise GranuleError(f"A {name} file ('{given}') is not supported for an ENVI image ('{header.path}'); leave "
                               "it out.")


def _name_of(data: str) -> str:
    path = Path(data)
    return path.stem if path.suffix.lower() in DATA_SUFFIXES else path.name


def _bands(header: EnviHeader, n_bands: int) -> tuple[BandGrid, tuple[str, ...]]:
    """Centres and widths in nm and the good bands; refused without centres."""
    if "wavelength" not in header:
        raise GranuleError(f"{header.path}: the header lists no wavelengths, so the bands cannot be compared with "
                           "anything; add 'wavelength' and 'wavelength units'.")
    wavelength = header.numbers("wavelength")
    if len(wavelength) != n_bands:
        raise GranuleError(f"{header.path}: the header lists {len(wavelength)} wavelengths for {n_bands} bands; "
                           "correct it.")
    if not (np.isfinite(wavelength) & (wavelength > 0)).all():
        bad = wavelength[~(np.isfinite(wavelength) & (wavelength > 0))][0]
        raise GranuleError(f"{header.path}: the wavelength {bad:g} is not a positive number; correct the header.")
    nm, notices = _nm_per_unit(header, wavelength)
    fwhm = good = None
    if "fwhm" in header:
        fwhm = header.numbers("fwhm") * nm
        if len(fwhm) != n_bands or not (fwhm > 0).all():
            fwhm = None
            notices += (f"The 'fwhm' of '{header.path}' does not hold a positive width for each band; it was left "
                        "out.",)
    if "bbl" in header:
        good = header.numbers("bbl") > 0.5
        if len(good) != n_bands:
            raise GranuleError(f"{header.path}: the bad band list 'bbl' has {len(good)} entries for {n_bands} bands; "
                               "correct it.")
    return BandGrid(wavelength * nm, fwhm, good), notices


def _nm_per_unit(header: EnviHeader, wavelength: npt.NDArray[np.float64]) -> tuple[float, tuple[str, ...]]:
    """nm per unit of the header's wavelengths; guessed from their size where it does not say."""
    unit = header.text("wavelength units", "").strip().lower()
    if unit in _UNITS_NM:
        return _UNITS_NM[unit], ()
    if unit not in _UNSAID:
        raise GranuleError(f"{header.path}: the wavelength unit '{unit}' is not supported; give nanometers or "
                           "micrometers.")
    micro = wavelength.max() < _MICROMETRES_BELOW
    name = "micrometres" if micro else "nanometres"
    return (1000.0 if micro else 1.0), (f"'{header.path}' does not name the unit of its wavelengths "
                                        f"({wavelength.min():g} to {wavelength.max():g}); they were taken as {name}.",)


def _quantity(header: EnviHeader) -> str:
    """"radiance" where `data units` or the description says so and no reflectance scale factor stands there."""
    said = f"{header.text('data units', '')} {header.text('description', '')}".lower()
    if "radiance" in said and "reflectance" not in said and "reflectance scale factor" not in header:
        return "radiance"
    return "reflectance"


def _scaling(header: EnviHeader, n_bands: int) -> tuple[_Values, tuple[str, ...]]:
    """Gains, offsets and scale factor as one factor and one summand per band, and what was done."""
    gain, offset = np.ones(1), np.zeros(1)
    notices: tuple[str, ...] = ()
    if "data gain values" in header or "data offset values" in header:
        gain = _per_band(header, "data gain values", n_bands, gain)
        offset = _per_band(header, "data offset values", n_bands, offset)
        notices += (f"The gains and offsets in the header of '{header.path}' were applied.",)
    factor = header.number("reflectance scale factor", 1.0)
    if not np.isfinite(factor) or factor <= 0:
        raise GranuleError(f"{header.path}: the reflectance scale factor {factor:g} is not a positive number; "
                           "correct it.")
    if factor != 1.0:
        notices += (f"The values of '{header.path}' were divided by its reflectance scale factor {factor:g}.",)
    if not notices and header.dtype.kind in "iu":
        notices += (f"'{header.path}' holds whole numbers without a 'reflectance scale factor'; they were used as they "
                    "stand; add the factor where reflectance does not run from 0 to 1.",)
    ignore = header.number("data ignore value") if "data ignore value" in header else None
    return _Values(ignore, gain, offset, factor), notices


def _per_band(header: EnviHeader, key: str, n_bands: int, default: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if key not in header:
        return default
    values = header.numbers(key)
    if len(values) != n_bands or not np.isfinite(values).all():
        raise GranuleError(f"{header.path}: '{key}' does not hold one number for each of {n_bands} bands; correct it.")
    return values


def _as_stored(value: float, dtype: np.dtype[Any]) -> Any:
    """`value` as the file holds it; NaN, which equals nothing, where it cannot hold it."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return dtype.type(value)
    limits = np.iinfo(dtype)
    return int(value) if value.is_integer() and limits.min <= value <= limits.max else np.nan


SENSORS.add("envi", Sensor(is_envi, open_envi))
