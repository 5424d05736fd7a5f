"""The netCDF-4 conventions inside HDF5, written with h5py: dimensions, variables, text attributes, chunks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Optional, Union

import h5py
import numpy as np
import numpy.typing as npt

Rows = Callable[[int, int], npt.NDArray[Any]]
"""(start, stop) -> (stop - start, n_columns, n_bands): a cube that need not be in memory."""
Cube = Union[npt.NDArray[Any], Rows, None]

LAYOUTS: dict[str, Mapping[str, Any]] = {
    "contiguous": {},
    "chunked": {"chunks": True, "compression": "gzip", "compression_opts": 4, "shuffle": True},
    "fletcher32": {"chunks": True, "compression": "gzip", "compression_opts": 4, "shuffle": True,
                   "fletcher32": True},
    "plain_chunks": {"chunks": True},
}
"""How a cube can be stored: contiguous as published in V001, or in chunks with filters."""
ZLIB_9 = {"chunks": True, "compression": "gzip", "compression_opts": 9, "shuffle": True}
ZLIB_1 = {**ZLIB_9, "compression_opts": 1}

_CHUNK_BYTES = 4 * 1024**2
_BLOCK_BYTES = 16 * 1024**2


@contextmanager
def netcdf_file(path: Path, dimensions: Mapping[str, int]) -> Iterator[h5py.File]:
    """A new file with `dimensions` that, like EMIT's, have no coordinate values: float32 scales of zeros."""
    with h5py.File(path, "w", track_order=True) as file:
        for number, (name, size) in enumerate(dimensions.items()):
            add_dimension(file.create_dataset(name, (size,), ">f4", track_order=True), number)
        yield file


def add_dimension(scale: h5py.Dataset, number: int, name: str = "") -> None:
    """Make a dimension scale the way netCDF-4 does; `name` only for one that is a variable as well."""
    scale.make_scale(name or f"This is a netCDF dimension but not a netCDF variable.{scale.size:10d}")
    scale.attrs["_Netcdf4Dimid"] = np.int32(number)


def add_variable(
    file: h5py.File,
    path: str,
    dims: Sequence[str],
    dtype: npt.DTypeLike,
    fill: Optional[float],
    attributes: Mapping[str, str],
    storage: Mapping[str, Any] = LAYOUTS["contiguous"],
) -> h5py.Dataset:
    """Declare a variable on root dimensions, with `_FillValue` and text attributes; its data come later.

    The data of a contiguous variable are placed when they are first written, so the order of writing
    decides the order in the file. `chunks=True` stands for netCDF's default chunk shape.
    """
    shape = tuple(file[name].size for name in dims)
    options: dict[str, Any] = {**storage, "track_order": True}
    if options.get("chunks") is True:
        options["chunks"] = default_chunks(shape, np.dtype(dtype).itemsize)
    elif fill is not None and not options.get("chunks"):
        options["fill_time"] = "never"  # else the first partial write would fill the whole block beforehand
    fill_value = None if fill is None else np.array(fill, dtype)
    room, _, name = path.rpartition("/")
    if room and room not in file:
        file.create_group(room, track_order=True)
    variable = file[room or "/"].create_dataset(name, shape, dtype, fillvalue=fill_value, **options)
    for axis, dimension in enumerate(dims):
        variable.dims[axis].attach_scale(file[dimension])
    if fill_value is not None:
        variable.attrs["_FillValue"] = fill_value.reshape(1)
    put_attributes(variable, attributes)
    return variable


def put_attributes(target: Union[h5py.File, h5py.Dataset], attributes: Mapping[str, Any]) -> None:
    """Attributes as netCDF-4 stores them: ASCII text of fixed length, other text and numbers in arrays."""
    for name, value in attributes.items():
        if not isinstance(value, str):
            target.attrs[name] = np.atleast_1d(value)
        elif value.isascii():
            target.attrs[name] = np.bytes_(value)
        else:
            target.attrs.create(name, [value], dtype=h5py.string_dtype())


def default_chunks(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """netCDF's default chunks of about 4 MiB, but never over an eighth of the variable.

    The second half is ours: it gives tiny granules several chunks and ragged edges, as large ones have.

    >>> default_chunks((2547, 3325), 4)  # as in a delivered granule
    (849, 1109)
    """
    n_bytes = int(np.prod(shape)) * itemsize
    share = min(_CHUNK_BYTES / n_bytes, 1 / 8) ** (1 / len(shape))
    return tuple(_even(size, max(1, int(share * size - 0.5))) for size in shape)


def _even(size: int, chunk: int) -> int:
    number = -(-size // chunk)
    return chunk - (number * chunk - size) // number


def write_rows(
    variable: h5py.Dataset,
    cube: Rows,
    finish: Callable[[npt.NDArray[np.float32], slice], None],
    *,
    band_first: bool = False,
) -> None:
    """Write `cube` into `variable` in blocks of rows of about 16 MB; `finish` edits each block in place."""
    n_rows, n_columns, n_bands = _band_last(variable.shape) if band_first else variable.shape
    step = max(1, _BLOCK_BYTES // (n_columns * n_bands * 4))
    for start in range(0, n_rows, step):
        rows = slice(start, min(start + step, n_rows))
        block = np.array(cube(rows.start, rows.stop), "<f4")
        finish(block, rows)
        if band_first:
            variable[:, rows] = block.transpose(2, 0, 1)
        else:
            variable[rows] = block


def _band_last(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    return shape[1], shape[2], shape[0]


def as_rows(cube: Cube, default: Rows, shape: tuple[int, int, int]) -> Rows:
    """One way to read a cube: the array, the callable, or `default` for None; an array must have `shape`."""
    if cube is None:
        return default
    if callable(cube):
        return cube
    if cube.shape != shape:
        raise ValueError(f"the cube has shape {cube.shape}, the scene needs {shape}")
    return lambda start, stop: cube[start:stop]
