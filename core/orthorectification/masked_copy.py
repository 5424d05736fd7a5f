"""A copy of a netCDF granule, in sensor space and with everything it holds, whose masked values are the fill value."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from ..aoi import PixelSet
from ..errors import GranuleError, OutputError
from ..io.atomic import replacing
from ..io.bytesource import FileSource
from ..io.hdf5 import is_hdf5
from ..optional import require
from ..progress import NO_PROGRESS, Progress, checkpoint
from ..quality import MaskPolicy
from ..sensors import Granule
from ..sensors.masked import choose_policy, read_masked, read_masked_rows
from ..spectra import FILL_VALUE, Spectra

_COPY_BYTES = 16 << 20
"""Bytes copied between two looks at the cancel button."""
_READ_BYTES = 12 << 20
"""Values masked between two looks at the cancel button."""
_COPYING = 0.4
"""Share of the copying in the whole work."""

Tile = tuple[int, int, int, int]
"""(row_start, row_stop, column_start, column_stop)."""


def mask_netcdf(granule: Granule, output: Union[str, os.PathLike[str]], mask: Union[None, str, MaskPolicy] = None,
                progress: Optional[Progress] = None) -> tuple[str, ...]:
    """Copy the file of `granule` (reflectance, its uncertainty or radiance) with masked values as fill.

    Groups, attributes, dimensions and storage layout stay as they are, and so does the input. Returns what the
    user must know. Needs h5py. Raises :class:`GranuleError` for an image that is no netCDF-4 file,
    :class:`OutputError` where the copy cannot be written; then nothing is left.
    """
    progress = progress or NO_PROGRESS
    policy, notices = choose_policy(granule, mask)
    source = _netcdf_of(granule)
    h5py = require("h5py", "to write a masked netCDF copy")
    if os.path.exists(output) and os.path.samefile(output, source.path):
        raise OutputError(f"'{output}' is the granule itself, which is never written to; choose another name.")
    with replacing(output) as temporary:
        _copy(source, temporary, progress)
        try:
            with h5py.File(temporary, "r+", locking=False) as file:
                _mask(granule, policy, _cube(file, granule), progress)
        except RuntimeError as error:
            raise OutputError(f"'{output}' cannot be written ({error}); choose a folder that is writable and has "
                              "room.") from error
        checkpoint(progress, 1.0)
    return (*granule.notices, *notices)


def _netcdf_of(granule: Granule) -> FileSource:
    if "://" in granule.source.path:
        raise GranuleError(f"'{granule.source.path.split('?')[0]}' is remote; fetch it first to copy it.")
    source = FileSource(granule.source.path)
    if not is_hdf5(source):
        raise GranuleError(f"'{source.name}' is not a netCDF-4 file, so there is no masked netCDF copy of it; write an "
                           "orthorectified GeoTIFF instead.")
    return source


def _cube(file: Any, granule: Granule) -> Any:
    """The dataset that `granule` reads, in the copy."""
    if granule.cube_variable is None or granule.cube_variable not in file:
        raise GranuleError(f"'{granule.source.path}' does not keep its spectra in one dataset, so there is no masked "
                           "netCDF copy of it; write an orthorectified GeoTIFF instead.")
    return file[granule.cube_variable]


def _copy(source: FileSource, target: Path, progress: Progress) -> None:
    """Copy the bytes as they are, in blocks."""
    with source.open() as file, open(target, "wb") as copy:
        done = 0
        while block := file.read(_COPY_BYTES):
            checkpoint(progress, _COPYING * done / source.size, "Copying")
            copy.write(block)
            done += len(block)


def _mask(granule: Granule, policy: MaskPolicy, cube: Any, progress: Progress) -> None:
    """Overwrite the masked values of the copy, tile by tile."""
    band_first = cube.shape[1:] == granule.shape and cube.shape[:2] != granule.shape
    fill = np.float32(cube.attrs.get("_FillValue", FILL_VALUE))
    tiles = list(_tiles(granule.shape, cube.chunks, len(granule.bands), band_first))
    for i, (r0, r1, c0, c1) in enumerate(tiles):
        checkpoint(progress, _COPYING + (1 - _COPYING) * i / len(tiles), "Masking")
        spectra = _read(granule, policy, (r0, r1, c0, c1))
        if spectra.valid.all():
            continue
        values = np.where(spectra.valid, spectra.values, fill).reshape(r1 - r0, c1 - c0, -1)
        if band_first:
            cube[:, r0:r1, c0:c1] = np.moveaxis(values, -1, 0)
        else:
            cube[r0:r1, c0:c1] = values


def _read(granule: Granule, policy: MaskPolicy, tile: Tile) -> Spectra:
    r0, r1, c0, c1 = tile
    if c1 - c0 == granule.shape[1]:
        return read_masked_rows(granule, r0, r1, policy)
    rows, columns = np.mgrid[r0:r1, c0:c1]
    return read_masked(granule, PixelSet.at(rows.ravel(), columns.ravel()), policy)


def _tiles(shape: tuple[int, int], chunks: Optional[tuple[int, ...]], n_bands: int, band_first: bool) -> Iterator[Tile]:
    """Lines of a contiguous cube, or whole chunks of a chunked one so that each is rewritten once if it fits."""
    height, width = 1, shape[1]
    if chunks is not None:
        height, width = chunks[1:] if band_first else chunks[:2]
    most = max(1, _READ_BYTES // (4 * n_bands * width))
    step = max(height, most // height * height) if height <= 4 * most else most
    for r0 in range(0, shape[0], step):
        for c0 in range(0, shape[1], width):
            yield r0, min(r0 + step, shape[0]), c0, min(c0 + width, shape[1])
