"""What the elements of a DMR++ sidecar say of one variable: its shape, its attributes and where its bytes lie.

Every function raises ValueError where an element says it in a way that is unknown or makes no sense; the
text of the error is the end of a sentence. Nothing is guessed: a byte order or filter order left open is one.
Source: DMR++ namespace documentation of OPeNDAP; DAP 4 specification, volume 1; a sidecar of LP DAAC.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np

from .dmrpp_xml import Element
from .structure import Chunk, DatasetLayout

Shape = tuple[int, ...]

NUMBERS = {"Byte": "u1", "UInt8": "u1", "Int8": "i1", "Int16": "i2", "UInt16": "u2", "Int32": "i4", "UInt32": "u4",
           "Int64": "i8", "UInt64": "u8", "Float32": "f4", "Float64": "f8"}
"""DAP 4 type -> numpy type, without its byte order."""
TEXTS = {"String", "URI", "URL"}
NOT_VARIABLES = {"Dimension", "Group", "Attribute", "Enumeration"}
"""DAP 4 elements that stand among the variables of a group."""

_ORDERS = {"LE": "<", "BE": ">"}
_FILTERS = {"deflate": 1, "shuffle": 2, "fletcher32": 3}
"""Name in compressionType -> HDF5 filter number."""

_OF_CHUNKS = {"compressionType", "deflateLevel", "deflate_level", "fillValue", "byteOrder", "DIO"}
_OF_CHUNK = {"offset", "nBytes", "chunkPositionInArray", "fm"}
"""Attributes that are understood, or that do not matter to a reader; any other changes what the bytes mean."""
_IN_VARIABLE = {"Dim", "Attribute", "Map", "dmrpp:chunks", "dmrpp:chunk", "dmrpp:vlsa"}
_IN_CHUNKS = {"dmrpp:chunk", "dmrpp:chunkDimensionSizes"}

_COUNT = re.compile(r"\s*([0-9]{1,18})\s*")
_BYTES_IN_OCTAL = re.compile(r"(?:\\[23][0-7]{2})+")
_MOST_IN_CHUNK = 1 << 32
"""Bytes of one chunk; the bound of HDF5 itself."""
_MOST_WORDS = 100_000


@dataclass(frozen=True)
class Variable:
    """One variable of a sidecar."""

    shape: Shape
    """Length of each axis."""
    element: Element
    """What the sidecar says of it."""
    layout: Optional[DatasetLayout]
    """Where its bytes lie; None where the sidecar does not tell."""
    words: Optional[list[str]]
    """The values of a variable of texts, where the sidecar holds them."""
    untold: str
    """Why there is neither of them, as the end of a sentence."""


def read_variable(name: str, element: Element, dimensions: Mapping[str, int], ordered: bool) -> Variable:
    """Read one variable; ValueError only where its very shape is not told.

    `ordered` says that the filters of this sidecar stand in the order of writing.
    """
    shape = tuple(_length(dim, dimensions) for dim in element.each("Dim"))
    try:
        if element.name in TEXTS:
            return Variable(shape, element, None, _words(element, shape), "")
        return Variable(shape, element, _layout(name, element, shape, ordered), None, "")
    except ValueError as why:
        return Variable(shape, element, None, None, str(why))


def count(text: Optional[str]) -> int:
    """A number of bytes or values, not negative; ValueError for anything else."""
    match = _COUNT.fullmatch(text or "")
    if match is None:
        raise ValueError(f"'{(text or '')[:40]}' is no count")
    return int(match[1])


def read_attributes(element: Element) -> dict[str, Any]:
    """The attributes of a variable or group: text as str, numbers as arrays, as netCDF-4 keeps them.

    Containers are left out: they hold what the writer of the sidecar says of itself.
    """
    found: dict[str, Any] = {}
    for child in element.each("Attribute"):
        name, kind = child.attributes.get("name", ""), child.attributes.get("type", "")
        if kind == "Container":
            continue
        if not name or name in found:
            raise ValueError(f"an attribute is named '{name[:40]}'")
        texts = [value.text for value in child.each("Value")]
        if kind in TEXTS:
            words = [plain_text(text) for text in texts]
            found[name] = words[0] if len(words) == 1 else np.array(words, object) if words else ""
        else:
            dtype = _number_type(kind)
            found[name] = np.array([_number(text, dtype) for text in texts], dtype)
    return found


def plain_text(text: str) -> str:
    r"""A text in which the bytes outside ASCII stand in octal, as sidecars have them.

    >>> plain_text(r"+/-52\302\260 latitude")
    '+/-52° latitude'
    """
    return _BYTES_IN_OCTAL.sub(_from_octal, text)


def _from_octal(match: re.Match[str]) -> str:
    octal = match[0]
    try:
        return bytes(int(octal[i + 1 : i + 4], 8) for i in range(0, len(octal), 4)).decode("utf-8")
    except UnicodeDecodeError:
        return octal


def _length(dim: Element, dimensions: Mapping[str, int]) -> int:
    if "size" in dim.attributes:
        return count(dim.attributes["size"])
    path = dim.attributes.get("name", "")
    if path not in dimensions:
        raise ValueError(f"the dimension '{path[:80]}' is not declared")
    return dimensions[path]


def _words(element: Element, shape: Shape) -> list[str]:
    held = list(element.each("dmrpp:vlsa"))
    if len(held) != 1 or any(child.name not in _IN_VARIABLE for child in element.children):
        raise ValueError("the texts themselves are not in it")
    n = math.prod(shape)
    words: list[str] = []
    for v in held[0].children:
        times = count(v.attributes.get("c", "1"))
        if v.name not in {"v", "dmrpp:v"} or set(v.attributes) - {"c"} or len(words) + times > min(n, _MOST_WORDS):
            raise ValueError("its texts are compressed, or not as many as the variable has")
        words += [plain_text(v.text)] * times
    if len(words) != n:
        raise ValueError(f"it holds {len(words)} texts of {n}")
    return words


def _layout(name: str, element: Element, shape: Shape, ordered: bool) -> DatasetLayout:
    unknown = {child.name for child in element.children} - _IN_VARIABLE
    held = [child for child in element.children if child.name.startswith("dmrpp:")]
    if unknown or len(held) != 1 or held[0].name != "dmrpp:chunks":
        raise ValueError(f"its storage ({', '.join(sorted(unknown)) or 'no chunks'}) is not supported"[:120])
    chunks = held[0]
    unknown = set(chunks.attributes) - _OF_CHUNKS | {child.name for child in chunks.children} - _IN_CHUNKS
    if unknown:
        raise ValueError(f"its storage ({', '.join(sorted(unknown))}) is not supported"[:120])
    dtype = _stored_type(element.name, chunks.attributes.get("byteOrder"))
    told = chunks.attributes.get("fillValue")
    fill = _number(told, dtype) if told is not None else dtype.type(0)
    filters = _filters(chunks.attributes.get("compressionType", ""), ordered)
    sizes = list(chunks.each("dmrpp:chunkDimensionSizes"))
    stored = list(chunks.each("dmrpp:chunk"))
    if not sizes:
        return DatasetLayout(name, shape, dtype, fill, _one_block(stored, filters, math.prod(shape) * dtype.itemsize))
    steps = tuple(count(size) for size in sizes[0].text.split())
    if len(sizes) > 1 or len(steps) != len(shape) or 0 in steps or not shape:
        raise ValueError(f"its chunks of {steps} do not fit its shape {shape}")
    if math.prod(steps) * dtype.itemsize >= _MOST_IN_CHUNK:
        raise ValueError(f"its chunks of {steps} are too large")
    index = _index(stored, shape, steps, 0 if filters else math.prod(steps) * dtype.itemsize)
    return DatasetLayout(name, shape, dtype, fill, None, steps, filters, index)


def _stored_type(kind: str, order: Optional[str]) -> np.dtype[Any]:
    dtype = _number_type(kind)
    if dtype.itemsize == 1:
        return dtype
    if order not in _ORDERS:
        raise ValueError(f"its byte order is '{(order or '')[:40]}'")
    return dtype.newbyteorder(_ORDERS[order])  # type: ignore[arg-type]


def _number_type(kind: str) -> np.dtype[Any]:
    if kind not in NUMBERS:
        raise ValueError(f"the type '{kind[:40]}' is not supported")
    return np.dtype(NUMBERS[kind])


def _number(text: str, dtype: np.dtype[Any]) -> Any:
    """A scalar of `dtype`; ValueError where the text is none, or beyond its range."""
    if dtype.kind == "f":
        value = float(text)
        with np.errstate(over="ignore"):
            scalar = dtype.type(value)
        if math.isfinite(value) and not np.isfinite(scalar):
            raise ValueError(f"{text[:40]} is beyond {dtype.name}")
        return scalar
    number, limits = int(text), np.iinfo(dtype)
    if not limits.min <= number <= limits.max:
        raise ValueError(f"{text[:40]} is beyond {dtype.name}")
    return dtype.type(number)


def _filters(compression: str, ordered: bool) -> tuple[int, ...]:
    names = compression.split()
    unknown = [name for name in names if name not in _FILTERS]
    if unknown:
        raise ValueError(f"the compression '{unknown[0][:40]}' is not supported")
    if len(names) > 1 and not ordered:
        raise ValueError("the order of its filters is not told")
    return tuple(_FILTERS[name] for name in names)


def _one_block(stored: list[Element], filters: tuple[int, ...], size: int) -> Optional[int]:
    """The offset of a contiguous variable; None where nothing was written."""
    if not stored:
        return None
    chunk = _chunk(stored[0])
    if len(stored) > 1 or filters or chunk.length != size:
        raise ValueError(f"{len(stored)} chunks, the first of {chunk.length} bytes, are not its {size} bytes")
    return chunk.offset


def _index(stored: list[Element], shape: Shape, steps: Shape, size: int) -> dict[Shape, Chunk]:
    """First element -> chunk; each of `size` bytes unless that is 0."""
    index: dict[Shape, Chunk] = {}
    single = all(length <= step for length, step in zip(shape, steps))
    for element in stored:
        told = element.attributes.get("chunkPositionInArray")
        if told is None and not single:
            raise ValueError("the position of a chunk is not told")
        position = (0,) * len(shape) if told is None else _position(told)
        on_grid = len(position) == len(shape) and all(
            at < length and at % step == 0 for at, length, step in zip(position, shape, steps))
        if not on_grid or position in index:
            raise ValueError(f"a chunk lies at {position}")
        chunk = _chunk(element)
        if size and chunk.length != size:
            raise ValueError(f"a chunk has {chunk.length} bytes instead of {size}")
        index[position] = chunk
    return index


def _position(text: str) -> Shape:
    return tuple(count(part) for part in text.strip().lstrip("[").rstrip("]").replace(",", " ").split())


def _chunk(element: Element) -> Chunk:
    unknown = set(element.attributes) - _OF_CHUNK
    if unknown:
        raise ValueError(f"its chunks have the attribute '{sorted(unknown)[0][:40]}', which is not supported")
    if count(element.attributes.get("fm", "0")):
        raise ValueError("a chunk was written without its filters")
    chunk = Chunk(count(element.attributes.get("offset")), count(element.attributes.get("nBytes")), 0)
    if not chunk.length:
        raise ValueError("a chunk is empty")
    return chunk
