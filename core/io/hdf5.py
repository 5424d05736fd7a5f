"""The structure of an HDF5 / netCDF-4 file: names, shapes, attributes and where the bytes lie.

h5py or pyfive (pure Python, the same interface) tells the structure; the data themselves are
read by :mod:`.storedarray` through a ByteSource, so no HDF5 library holds the file open.
Layout terms follow the HDF5 File Format Specification 3.0.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Callable, Optional

import numpy as np

from ..errors import GranuleError, MissingDependency, PixelSpectraError
from ..optional import available, require
from ..registry import Registry
from .bytesource import ByteSource, FileSource
from .pyfive_heap import repair
from .structure import Chunk, DatasetLayout, Structure

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_CLASSIC = b"CDF"
_BACKEND_ERRORS = (OSError, KeyError, ValueError, RuntimeError, IndexError, AssertionError, NotImplementedError,
                   struct.error)
"""What h5py and pyfive raise on damaged files."""
ENVIRONMENT_VARIABLE = "PIXEL_SPECTRA_HDF5"
AUTO = "auto"
_CHOSEN = [AUTO]
"""What use_backend() was told; one cell, so that there is nothing global to rebind."""


class HeaderStructure:
    """Meets :class:`.structure.Structure` by an open HDF5 file; let go of it soon."""

    def __init__(self, source: ByteSource, file: Any, backend: Backend, notices: tuple[str, ...] = ()) -> None:
        self._source = source
        self._file = file
        self._backend = backend
        self.notices = notices

    def __contains__(self, name: str) -> bool:
        return name in self._file

    def datasets(self) -> dict[str, tuple[int, ...]]:
        """Path -> shape of every dataset, groups walked."""
        return dict(_walk(self._file, ""))

    def attributes(self, name: str = "/") -> dict[str, Any]:
        """The attributes of the root or of `name`: text as str, numbers as numpy arrays or scalars."""
        node = self._file if name == "/" else self._file[name]
        return {key: _plain(value) for key, value in node.attrs.items()}

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """A whole (small) dataset in memory; strings come as str."""
        values = np.asarray(self._file[name][()])
        if values.dtype.kind in "SO":
            return np.array([_plain(v) for v in values.ravel()], dtype=object).reshape(values.shape)
        return values

    def layout(self, name: str) -> DatasetLayout:
        """Where the bytes of `name` lie; raises :class:`GranuleError` if the file is too short for them."""
        dataset = self._file[name]
        layout = self._backend.layout(name, dataset)
        if layout.end > self._source.size:
            raise GranuleError(
                f"'{self._source.name}' is truncated: '{name}' ends at byte {layout.end} of a file of "
                f"{self._source.size} bytes; fetch it again."
            )
        return layout


@dataclass(frozen=True)
class Backend:
    """One HDF5 library."""

    package: str
    """Name of the package to import."""
    open: Callable[[ModuleType, ByteSource], Any]
    """Open a source for reading."""
    layout: Callable[[str, Any], DatasetLayout]
    """Describe one dataset of an open file."""


BACKENDS: Registry[Backend] = Registry("HDF5 reader", PixelSpectraError)


def use_backend(name: str) -> None:
    """Prefer one HDF5 library for this process: a name in BACKENDS, or "auto".

    For callers that keep a setting; the environment variable PIXEL_SPECTRA_HDF5 still goes first.
    """
    if name != AUTO:
        BACKENDS[name]
    _CHOSEN[0] = name


def default_backend() -> str:
    """The name in the environment variable PIXEL_SPECTRA_HDF5, else the one preferred, else what is installed.

    pyfive comes first in QGIS on Windows, where a foreign HDF5 build crashes the program.
    """
    chosen = os.environ.get(ENVIRONMENT_VARIABLE, "").strip().lower() or _CHOSEN[0]
    if chosen != AUTO:
        BACKENDS[chosen]
        return chosen
    order = ["h5py", "pyfive"]
    if sys.platform == "win32" and "qgis.core" in sys.modules:
        order.reverse()
    for name in order:
        if available(name):
            return name
    raise MissingDependency(
        "The Python package 'h5py' or 'pyfive' is needed to read netCDF-4 granules, and neither can be "
        "imported; install one of them (for instance with the QPIP plugin) and start again."
    )


@contextmanager
def open_structure(source: ByteSource, backend: Optional[str] = None) -> Iterator[Structure]:
    """Open `source` as HDF5; what the library cannot make sense of becomes a :class:`GranuleError`.

    Where the source has a DMR++ sidecar that fits it, the sidecar tells the structure, and the header of the
    file is read (and an HDF5 library needed) only for what it leaves out. One that does not fit is a notice.
    """
    _check_signature(source)
    with ExitStack() as opened:

        def header(*notices: str) -> Structure:
            return opened.enter_context(_open_header(source, backend, notices))

        text = source.sidecar()
        yield header() if text is None else _by_sidecar(text, source, header)


def _by_sidecar(text: bytes, source: ByteSource, header: Callable[..., Structure]) -> Structure:
    from .dmrpp import read_sidecar  # not at load: local files need no XML

    try:
        told = read_sidecar(text, source, header)
        told.check()
        return told
    except GranuleError as error:
        return header(f"{error} The header of the file was read instead.")


@contextmanager
def _open_header(source: ByteSource, backend: Optional[str], notices: tuple[str, ...]) -> Iterator[Structure]:
    library = BACKENDS[backend or default_backend()]
    package = require(library.package, "to read netCDF-4 granules")
    try:
        file = library.open(package, source)
        try:
            yield HeaderStructure(source, file, library, notices)
        finally:
            file.close()
    except PixelSpectraError:
        raise
    except _BACKEND_ERRORS as error:
        raise GranuleError(
            f"'{source.name}' cannot be read as netCDF-4 ({library.package} {package.__version__}: {error}); "
            "it may be truncated or damaged: fetch it again."
        ) from error


def _check_signature(source: ByteSource) -> None:
    head = source.read_ranges([(0, min(8, source.size))])[0]
    if head == _SIGNATURE:
        return
    if head[:3] == _CLASSIC:
        raise GranuleError(f"'{source.name}' is a classic netCDF-3 file; a netCDF-4 granule is needed.")
    raise GranuleError(f"'{source.name}' is not a netCDF-4 file (it starts with {head!r}); give a netCDF-4 file.")


def is_hdf5(source: ByteSource) -> bool:
    """Tell by its first bytes whether a source is HDF5."""
    return source.size >= 8 and source.read_ranges([(0, 8)])[0] == _SIGNATURE


def _walk(group: Any, prefix: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    for key in group.keys():  # noqa: SIM118 (pyfive's groups iterate otherwise)
        node = group[key]
        if hasattr(node, "keys"):
            yield from _walk(node, f"{prefix}{key}/")
        elif getattr(node, "shape", None) is not None:
            yield f"{prefix}{key}", tuple(node.shape)


def _plain(value: Any) -> Any:
    """Attribute or string value as str where it is text."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "SO" and value.size == 1:
        value = value.ravel()[0]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value


def _open_h5py(h5py: ModuleType, source: ByteSource) -> Any:
    if isinstance(source, FileSource):
        return h5py.File(source.path, "r", locking=False)
    return h5py.File(source.open(), "r")


_COMPACT, _CONTIGUOUS, _CHUNKED = 0, 1, 2
"""HDF5 storage classes; others (virtual, external) lie in other files."""


def _described(name: str, dataset: Any, storage: int, offset: Optional[int], filters: tuple[int, ...],
               index: dict[tuple[int, ...], Chunk]) -> DatasetLayout:
    if storage not in (_COMPACT, _CONTIGUOUS, _CHUNKED):
        raise GranuleError(f"The variable '{name}' is stored in other files (a virtual or external dataset), which is "
                           "not supported; write it into one file (for instance with nccopy).")
    dtype = np.dtype(dataset.dtype)
    inline = np.asarray(dataset[()], dtype).tobytes() if storage == _COMPACT else None
    return DatasetLayout(name, tuple(dataset.shape), dtype, dataset.fillvalue,
                         offset if storage == _CONTIGUOUS else None, dataset.chunks, filters, index, inline)


def _h5py_layout(name: str, dataset: Any) -> DatasetLayout:
    index: dict[tuple[int, ...], Chunk] = {}
    plist = dataset.id.get_create_plist()
    filters = tuple(plist.get_filter(i)[0] for i in range(plist.get_nfilters()))
    if dataset.chunks is not None:

        def note(info: Any) -> None:
            index[tuple(info.chunk_offset)] = Chunk(info.byte_offset, info.size, info.filter_mask)

        if hasattr(dataset.id, "chunk_iter"):
            dataset.id.chunk_iter(note)
        else:  # h5py before 3.8; slow for very many chunks
            for i in range(dataset.id.get_num_chunks()):
                note(dataset.id.get_chunk_info(i))
    storage = plist.get_layout() if not plist.get_external_count() else -1
    return _described(name, dataset, storage, dataset.id.get_offset(), filters, index)


def _open_pyfive(pyfive: ModuleType, source: ByteSource) -> Any:
    repair(pyfive)
    if isinstance(source, FileSource):
        return pyfive.File(str(source.path))
    return pyfive.File(source.open())


_NEVER_WRITTEN = 2**64 - 1


def _pyfive_layout(name: str, dataset: Any) -> DatasetLayout:
    identifier = dataset.id
    index: dict[tuple[int, ...], Chunk] = {}
    for i in range(identifier.get_num_chunks() if dataset.chunks is not None else 0):
        info = identifier.get_chunk_info(i)
        index[tuple(info.chunk_offset)] = Chunk(info.byte_offset, info.size, info.filter_mask)
    offset = getattr(identifier, "data_offset", None)
    filters = tuple(f["filter_id"] for f in identifier.filter_pipeline or ())
    return _described(name, dataset, identifier.layout_class, None if offset == _NEVER_WRITTEN else offset, filters,
                      index)


BACKENDS.add("h5py", Backend("h5py", _open_h5py, _h5py_layout))
BACKENDS.add("pyfive", Backend("pyfive", _open_pyfive, _pyfive_layout))
