"""ENVI Spectral Library, whatever its suffix, and the ENVI Standard image with one spectrum per line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Optional

import numpy as np
import numpy.typing as npt

from ..errors import GranuleError, LibraryError
from ..io.envi import EnviHeader, header_file, read_header
from . import units
from .spectrum import LIBRARIES, LibraryFormat, ReferenceSpectrum, slug
from .textfile import head_lines

Float64 = npt.NDArray[np.float64]

_STARRED = re.compile(r"\[\s*\*\s*(\d+(?:\.\d+)?)\s*\]")
_WIDTHS = re.compile(r"^(wavelengths?|resolution|bandpass|fwhm)\b.*\b(microns?|micrometers?|um|nanometers?|nm)\b", re.I)


def identify(path: Path) -> bool:
    """True for the data file of a library, and for the header of a library whose data file is missing."""
    header = header_file(path)
    if header is None:
        return False
    try:
        fields = read_header(header)
        if not _is_library(fields):
            return False
        if path != header:
            return fields.data_file() == path
    except GranuleError:
        return any("spectral library" in line.lower() for line in head_lines(header))
    return not _has_data(fields)


def read(path: Path) -> list[ReferenceSpectrum]:
    """Every spectrum of the library; `path` is its data file or its header.

    Raises LibraryError on a malformed header, a size that does not fit, and units that cannot be told.
    """
    found = header_file(path)
    if found is None:
        raise LibraryError(f"{path}: an ENVI library needs its header '{path.name}.hdr' beside it.")
    try:
        header = read_header(found)
        data = header.data_file() if path == found else path
        return _spectra(header, data)
    except GranuleError as error:
        raise LibraryError(str(error)) from error


def data_file(header: Path) -> Path:
    """The data file of a header; LibraryError where there is none."""
    try:
        return read_header(header).data_file()
    except GranuleError as error:
        raise LibraryError(str(error)) from error


def _has_data(header: EnviHeader) -> bool:
    try:
        header.data_file()
    except GranuleError:
        return False
    return True


def _is_library(header: EnviHeader) -> bool:
    if header.text("file type", "").lower() == "envi spectral library":
        return True
    if not {"samples", "bands", "wavelength"} <= set(header.fields):
        return False
    bands = header.integer("bands")
    return header.integer("samples") == 1 and bands > 1 and len(header.items("wavelength")) == bands


def _spectra(header: EnviHeader, data: Path) -> list[ReferenceSpectrum]:
    values = units.missing_to_nan(_ignored(header, _raw(header, data)))
    wavelength = header.numbers("wavelength")
    if wavelength.size != values.shape[1]:
        raise LibraryError(f"{header.path}: the key 'wavelength' has {wavelength.size} entries, not {values.shape[1]}.")
    names, notes = _names(header, len(values))
    first = _leading_tables(names, values, wavelength)
    if first == len(values):
        raise LibraryError(f"{data}: none of its {first} records is a spectrum.")
    if first:
        notes += (f"the first {first} records are not spectra and were left out: {'; '.join(names[:first])}",)
    values, bad = _without_bad(header, values[first:])
    values, scale = _scaled(header, values, str(data))
    nm, unit = units.nanometres(wavelength, _unit(header), str(header.path))
    nm, values, order = units.arrange(nm, values, str(header.path))
    kept = np.isfinite(values).any(axis=1)
    empty = [name for name, keep in zip(names[first:], kept) if not keep]
    left_out = (f"spectra without a valid value, left out: {'; '.join(empty)}",) if empty else ()
    notes = (unit, scale, *order, *bad, *notes, *left_out)
    return [
        ReferenceSpectrum(slug(name), name, nm, row, f"{data.name}, record {n}", notes + _missing(row))
        for n, (name, row, keep) in enumerate(zip(names[first:], values, kept), start=first + 1)
        if keep
    ]


def _raw(header: EnviHeader, data: Path) -> Float64:
    """(n_spectra, n_channels) the numbers as stored."""
    lines, samples, bands = header.shape
    offset, dtype = header.integer("header offset", 0), header.dtype
    count = lines * samples * bands
    size = data.stat().st_size
    if offset < 0 or size < offset + count * dtype.itemsize:
        raise LibraryError(
            f"{data}: the file has {size} bytes where its header promises {offset + count * dtype.itemsize}; "
            "it is cut short, or the header belongs to another file."
        )
    flat = np.fromfile(data, dtype=dtype, count=count, offset=offset).astype(np.float64)
    if bands == 1:
        return flat.reshape(lines, samples)
    if samples != 1:
        raise LibraryError(f"{data}: this is an image of {lines} x {samples} pixels, not a spectral library.")
    if header.text("interleave", "bsq").strip().lower() == "bsq":
        return np.ascontiguousarray(flat.reshape(bands, lines).T)
    return flat.reshape(lines, bands)


def _ignored(header: EnviHeader, values: Float64) -> Float64:
    if "data ignore value" not in header:
        return values
    return np.where(values == header.number("data ignore value"), np.nan, values)


def _names(header: EnviHeader, n: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """One name per record, and a note where the header gives none or a wrong number of them."""
    names = header.items("spectra names") if "spectra names" in header else ()
    if len(names) == n:
        return tuple(name or f"record {i}" for i, name in enumerate(names, start=1)), ()
    stem = header.path.stem
    note = f"the header names {len(names)} spectra of {n}: numbered instead"
    return tuple(f"{stem} {i}" for i in range(1, n + 1)), (note,)


def _leading_tables(names: tuple[str, ...], values: Float64, wavelength: Float64) -> int:
    """Number of first records that are wavelengths, band widths or channel numbers instead of spectra."""
    channel = np.arange(1, wavelength.size + 1)
    for n, (name, row) in enumerate(zip(names, values)):
        if not (_WIDTHS.match(name) or np.array_equal(row, channel) or np.allclose(row, wavelength, rtol=1e-4)):
            return n
    return len(values)


def _without_bad(header: EnviHeader, values: Float64) -> tuple[Float64, tuple[str, ...]]:
    """Channels that the header's `bbl` calls bad become missing."""
    if "bbl" not in header:
        return values, ()
    bad = header.numbers("bbl") == 0
    if bad.size != values.shape[1]:
        raise LibraryError(f"{header.path}: the key 'bbl' has {bad.size} entries for {values.shape[1]} channels.")
    note = (f"{int(bad.sum())} channels that the header calls bad left missing",) if bad.any() else ()
    return np.where(bad, np.nan, values), note


def _scaled(header: EnviHeader, values: Float64, where: str) -> tuple[Float64, str]:
    scale, told_by = _scale(header)
    if scale is None:
        return units.fractions(values, header.text("z plot titles", ""), where)
    if not scale > 0:
        raise LibraryError(f"{header.path}: the key '{told_by}' is {scale:g}; a scale must be above 0.")
    return values / scale, f"reflectance divided by {scale:g}, as the key '{told_by}' says"


def _scale(header: EnviHeader) -> tuple[Optional[float], str]:
    if "reflectance scale factor" in header:
        return header.number("reflectance scale factor"), "reflectance scale factor"
    starred = _STARRED.search(header.text("z plot titles", ""))
    return (float(starred[1]) if starred else None), "z plot titles"


def _unit(header: EnviHeader) -> str:
    return header.text("wavelength units", "")


def _missing(row: Float64) -> tuple[str, ...]:
    missing = int(np.isnan(row).sum())
    return (f"{missing} channels are missing",) if missing else ()


FORMAT = LIBRARIES.add("envi_sli", LibraryFormat("ENVI spectral library", identify, read))
