"""The structure of a granule as its DMR++ sidecar tells it: one small text instead of many reads of its header.

Archives publish a sidecar beside a granule ("….nc.dmrpp"). It is checked against the file before it is believed,
and what it does not tell is looked up in the header of the file, when it is asked for.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Callable, Optional
from urllib.parse import unquote

import numpy as np

from ..errors import GranuleError
from .bytesource import ByteSource, Range
from .dmrpp_variables import NOT_VARIABLES, Variable, count, read_attributes, read_variable
from .dmrpp_xml import Element, parse
from .storedarray import StoredArray
from .structure import DatasetLayout, Structure

Header = Callable[[], Structure]
"""Opens the header of the file itself."""

_PLACEHOLDER = "OPeNDAP_DMRpp_DATA_ACCESS_URL"
_SMALL_BYTES = 64 << 10
"""Unchunked variables up to this size are fetched together when the first of them is asked for."""
_BLOCK_BYTES = 64 << 10
"""In such blocks, counted from the start, the header of a file that is not at hand is read."""
_MOST_AROUND = 4 * _BLOCK_BYTES
_BEFORE_BYTES = 4 << 10
"""Before a dataset stands its object header, if it was written with it."""
_MOST_IN_MEMORY = 256 << 20
_SUPERBLOCK_BYTES = 48
"""The least that stands at the start of every HDF5 file, before any data."""


class SidecarStructure:
    """Meets :class:`.structure.Structure` by a sidecar; the header is opened once, and only if it must be."""

    notices: tuple[str, ...] = ()

    def __init__(self, source: ByteSource, groups: dict[str, Element], variables: dict[str, Variable],
                 header: Optional[Header]) -> None:
        self._source = source
        self._groups = groups
        self._variables = variables
        self._header = header
        self._opened: Optional[Structure] = None
        self._expected = False

    def __contains__(self, name: str) -> bool:
        path = name.strip("/")
        return path in self._variables or path in self._groups

    def datasets(self) -> dict[str, tuple[int, ...]]:
        """Path -> shape of every variable. Dimensions without values, which HDF5 keeps as datasets, are none."""
        return {name: variable.shape for name, variable in self._variables.items()}

    def check(self) -> None:
        """Compare the places it tells with those in the header of the file; raises :class:`GranuleError`.

        A contiguous dataset has its address and length in its object header (HDF5 File Format Specification, data
        layout message). Whatever lies in the first block is looked up there; the largest dataset too, where it does
        not end with the file, if need be in the bytes before it, where its header is when the file was written in
        one go.
        """
        size = self._source.size
        head = self._source.read_ranges([(0, min(_BLOCK_BYTES, size))])[0]
        layouts = [variable.layout for variable in self._variables.values()
                   if variable.layout is not None and variable.layout.offset is not None]
        unknown = [layout for layout in layouts if not _is_told(layout, head)]
        wrong = [layout for layout in unknown if layout.offset is not None and layout.offset < len(head)]
        for layout in unknown:
            offset = layout.offset or 0
            if 2 * (layout.end - offset) > size and layout.end != size:
                start = max(0, offset - _BEFORE_BYTES)
                before = self._source.read_ranges([(start, offset - start)])[0]
                wrong += [] if _is_told(layout, before) else [layout]
        if wrong:
            raise GranuleError(f"The DMR++ sidecar of '{self._source.name}' cannot be used: by the header of the file "
                               f"its '{wrong[0].name}' lies elsewhere.")

    def attributes(self, name: str = "/") -> dict[str, Any]:
        """The attributes of the root or of `name`: text as str, numbers as numpy arrays."""
        path = name.strip("/")
        element = self._groups.get(path) or self._variable(path).element
        try:
            return read_attributes(element)
        except ValueError as why:
            return self._in_header(path, str(why)).attributes(path or "/")

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """A whole (small) variable in memory; strings come as str."""
        path = name.strip("/")
        variable = self._variable(path)
        if variable.words is not None:
            return np.array(variable.words, object).reshape(variable.shape)
        layout = variable.layout
        if layout is None or (layout.chunks is not None and len(layout.shape) > 3):
            return self._in_header(path, variable.untold).array(path)
        if math.prod(layout.shape) * layout.dtype.itemsize > _MOST_IN_MEMORY:
            raise GranuleError(f"'{path}' of '{self._source.name}' is too large to be read at once {layout.shape}.")
        self._expect_small()
        return _whole(self._source, layout)

    def layout(self, name: str) -> DatasetLayout:
        """Where the bytes of `name` lie; raises :class:`GranuleError` where nothing tells."""
        path = name.strip("/")
        variable = self._variable(path)
        return variable.layout or self._in_header(path, variable.untold).layout(path)

    def _variable(self, path: str) -> Variable:
        if path not in self._variables:
            raise GranuleError(f"'{self._source.name}' holds no '{path}'; fetch the complete granule.")
        return self._variables[path]

    def _in_header(self, path: str, untold: str) -> Structure:
        if self._header is None:
            raise GranuleError(f"The sidecar of '{self._source.name}' does not tell how to read '{path}' ({untold}).")
        if self._opened is None:
            self._source.expect(self._around(), lasting=True)
            self._opened = self._header()
        return self._opened

    def _around(self) -> list[Range]:
        """The blocks before the first large extent and after the last of all: there the header and its texts lie."""
        extents = [extent for variable in self._variables.values() if variable.layout
                   for extent in _extents(variable.layout)]
        if not extents:
            return []
        size, end = self._source.size, sum(max(extents))
        start = min((offset for offset, length in extents if length > _BLOCK_BYTES), default=end)
        head = min(-(-start // _BLOCK_BYTES) * _BLOCK_BYTES, _MOST_AROUND, size)
        tail = max(end, size - _MOST_AROUND) // _BLOCK_BYTES * _BLOCK_BYTES
        return [(0, head)] + ([(tail, size - tail)] if size > end else [])

    def _expect_small(self) -> None:
        if self._expected:
            return
        self._expected = True
        blocks = [variable.layout for variable in self._variables.values() if variable.layout]
        ranges = [(block.offset, block.end - block.offset) for block in blocks if block.offset is not None]
        self._source.expect([(offset, length) for offset, length in ranges if length <= _SMALL_BYTES], lasting=True)


def read_sidecar(text: bytes, source: ByteSource, header: Optional[Header] = None) -> SidecarStructure:
    """Read a DMR++ text and check it against the file that it is said to describe.

    `header` opens the header of the file for what the sidecar does not tell; without it that is an error.
    Raises :class:`GranuleError` where the text is no DMR++, or is that of another file.
    """
    try:
        root = parse(text)
        _check_name(root, source.name)
        groups, variables = _walked(root)
        _check_extents(variables, source.size)
    except ValueError as why:
        raise GranuleError(f"The DMR++ sidecar of '{source.name}' cannot be used: {why}.") from why
    return SidecarStructure(source, groups, variables, header)


def _check_name(root: Element, name: str) -> None:
    if root.name != "Dataset":
        raise ValueError(f"its root is '{root.name[:80]}'")
    ours = _base(name)
    href = root.attributes.get("dmrpp:href", _PLACEHOLDER)
    told = [root.attributes.get("name", "")] + ([href] if href != _PLACEHOLDER else [])
    for other in told:
        if _base(other) != ours:
            raise ValueError(f"it describes '{_base(other)[:120]}'")


def _base(name: str) -> str:
    """The file name at the end of a path or URL."""
    if "://" in name:
        name = unquote(name.partition("?")[0])
    return name.replace("\\", "/").rpartition("/")[2]


def _walked(root: Element) -> tuple[dict[str, Element], dict[str, Variable]]:
    """Path -> group, and path -> variable, of the whole tree; the root is the group ""."""
    groups = dict(_groups(root, ""))
    dimensions = {f"/{_joined(path, dim)}": count(dim.attributes.get("size"))
                  for path, group in groups.items() for dim in group.each("Dimension")}
    ordered = "dmrpp:version" in root.attributes  # older writers did not keep the order of the filters
    variables: dict[str, Variable] = {}
    for path, group in groups.items():
        for element in group.children:
            if element.name in NOT_VARIABLES or ":" in element.name:
                continue
            name = _joined(path, element)
            if name in variables or name in groups:
                raise ValueError(f"it names '{name[:80]}' twice")
            variables[name] = read_variable(name, element, dimensions, ordered)
    return groups, variables


def _groups(element: Element, path: str) -> Iterator[tuple[str, Element]]:
    yield path, element
    for child in element.each("Group"):
        yield from _groups(child, _joined(path, child))


def _joined(path: str, element: Element) -> str:
    name = element.attributes.get("name", "")
    if not name or "/" in name:
        raise ValueError(f"a {element.name} is named '{name[:80]}'")
    return f"{path}/{name}" if path else name


def _check_extents(variables: dict[str, Variable], size: int) -> None:
    """Nothing lies beyond the file or in its first bytes, and no two extents overlap."""
    end = _SUPERBLOCK_BYTES
    extents = sorted((offset, length, name) for name, variable in variables.items() if variable.layout
                     for offset, length in _extents(variable.layout))
    for offset, length, name in extents:
        if offset < end:
            raise ValueError(f"'{name}' at byte {offset} overlaps what lies before it")
        end = offset + length
    if end > size:
        raise ValueError(f"'{extents[-1][2]}' ends at byte {end} of a file of {size} bytes")


def _is_told(layout: DatasetLayout, header: bytes) -> bool:
    """Whether part of a header tells the place of a contiguous dataset."""
    offset = layout.offset or 0
    return struct.pack("<QQ", offset, layout.end - offset) in header


def _extents(layout: DatasetLayout) -> list[Range]:
    """Where a variable is stored."""
    if layout.offset is not None:
        return [(layout.offset, layout.end - layout.offset)]
    return [(chunk.offset, chunk.length) for chunk in layout.index.values()]


def _whole(source: ByteSource, layout: DatasetLayout) -> np.ndarray[Any, Any]:
    if layout.absent:
        return np.full(layout.shape, layout.fill, layout.dtype)
    if layout.chunks is None:
        data = source.read_ranges(_extents(layout))[0]
        return np.frombuffer(data, layout.dtype).reshape(layout.shape).copy()
    flat = layout
    if len(layout.shape) == 1:  # as one row of a picture
        index = {(0, *position): chunk for position, chunk in layout.index.items()}
        flat = replace(layout, shape=(1, *layout.shape), chunks=(1, *layout.chunks), index=index)
    array = StoredArray(source, flat)
    return array.rows(0, array.shape[0]).reshape(layout.shape).astype(layout.dtype)
