"""The text header of an ENVI file: read once here for images and for spectral libraries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional, TypeVar, Union

import numpy as np
import numpy.typing as npt

from ..errors import GranuleError

T = TypeVar("T")
Value = Union[str, tuple[str, ...]]

DATA_TYPES = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4", 14: "i8", 15: "u8"}
"""ENVI's `data type` -> numpy type; the complex types 6 and 9 are left out."""
DATA_SUFFIXES = ("", ".sli", ".slb", ".lib", ".img", ".dat", ".bil", ".bip", ".bsq", ".bin", ".raw")
"""What may stand in place of `.hdr` in the name of the data file, likeliest first."""

_KEY = re.compile(r"^\s*([^={};][^={}]*?)\s*=\s*(.*)$")


@dataclass(frozen=True)
class EnviHeader:
    """Every key of one header, and typed access to them. All refusals are :class:`GranuleError`."""

    path: Path
    """The header file."""
    fields: Mapping[str, Value]
    """Key in lower case with single blanks -> text, or the items of a `{…}` list."""

    def __contains__(self, key: object) -> bool:
        return key in self.fields

    def text(self, key: str, default: Optional[str] = None) -> str:
        """The value of `key` as one text; a list is joined by commas."""
        if key not in self.fields and default is not None:
            return default
        value = self._require(key)
        return value if isinstance(value, str) else ", ".join(value)

    def items(self, key: str) -> tuple[str, ...]:
        """The items of the list `key`; a bare value is a list of one."""
        value = self._require(key)
        return (value,) if isinstance(value, str) else value

    def integer(self, key: str, default: Optional[int] = None) -> int:
        """The whole number of `key`."""
        if key not in self.fields and default is not None:
            return default
        return self._convert(key, self.text(key), int)

    def number(self, key: str, default: Optional[float] = None) -> float:
        """The number of `key`."""
        if key not in self.fields and default is not None:
            return default
        return self._convert(key, self.text(key), float)

    def numbers(self, key: str) -> npt.NDArray[np.float64]:
        """(n,) float64 the list `key`."""
        return np.array([self._convert(key, item, float) for item in self.items(key)], dtype=np.float64)

    @property
    def dtype(self) -> np.dtype[Any]:
        """numpy type of the data file, byte order included."""
        code = self.integer("data type")
        if code not in DATA_TYPES:
            known = ", ".join(map(str, DATA_TYPES))
            raise GranuleError(f"{self.path}: the data type {code} is not supported; the known ones are {known}.")
        order = self.integer("byte order", 0)
        if order not in (0, 1):
            raise GranuleError(f"{self.path}: the byte order {order} is neither 0 (little) nor 1 (big).")
        return np.dtype("<>"[order] + DATA_TYPES[code])

    @property
    def shape(self) -> tuple[int, int, int]:
        """(lines, samples, bands), each at least 1."""
        sizes = {key: self.integer(key) for key in ("lines", "samples", "bands")}
        for key, size in sizes.items():
            if size < 1:
                raise GranuleError(f"{self.path}: the key '{key}' is {size}; it must be at least 1.")
        return sizes["lines"], sizes["samples"], sizes["bands"]

    def data_file(self) -> Path:
        """The data file that belongs to this header: the same name without `.hdr`, or with its own suffix."""
        stem = self.path.with_suffix("") if self.path.suffix.lower() == ".hdr" else self.path
        for suffix in DATA_SUFFIXES:
            for candidate in (stem.with_name(stem.name + suffix), stem.with_name(stem.name + suffix.upper())):
                if candidate.is_file() and candidate != self.path:
                    return candidate
        raise GranuleError(
            f"{self.path}: its data file ('{stem.name}' or '{stem.name}.sli', '.img', …) is not beside it."
        )

    def _require(self, key: str) -> Value:
        if key not in self.fields:
            raise GranuleError(f"{self.path}: the header has no key '{key}'.")
        return self.fields[key]

    def _convert(self, key: str, text: str, kind: Callable[[str], T]) -> T:
        try:
            return kind(text)
        except ValueError:
            raise GranuleError(f"{self.path}: the key '{key}' holds '{text}', which is not a number.") from None


def header_file(data: Path) -> Optional[Path]:
    """The header beside `data` (`name.hdr` or `name.ext.hdr`), or None; `data` itself where it is one."""
    if data.suffix.lower() == ".hdr":
        return data
    names = (data.name + ".hdr", data.name + ".HDR", data.stem + ".hdr", data.stem + ".HDR")
    return next((path for path in map(data.with_name, names) if path.is_file()), None)


def read_header(path: Path) -> EnviHeader:
    """Read the ENVI header `path`; raise :class:`GranuleError` where it is none, or is malformed.

    Keys come in lower case with single blanks; `{a, b}` becomes `("a", "b")`, any other value stays text.
    Lines that begin with `;` are comments. A key may occur twice only with the same value.
    """
    path = Path(path)
    lines = iter(_text(path).splitlines())
    if next(lines, "").split()[:1] != ["ENVI"]:
        raise GranuleError(f"{path}: this is not an ENVI header; its first line must be 'ENVI'.")
    fields: dict[str, Value] = {}
    for line in lines:
        match = _KEY.match(line)
        if match is None:
            continue
        key = " ".join(match[1].lower().split())
        value = _value(path, key, match[2].strip(), lines)
        if fields.setdefault(key, value) != value:
            raise GranuleError(f"{path}: the key '{key}' occurs twice with different values.")
    return EnviHeader(path, fields)


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise GranuleError(f"{path}: the header cannot be read ({error.strerror}).") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _value(path: Path, key: str, first: str, lines: Iterator[str]) -> Value:
    """The value that begins with `first`, taking further `lines` until its braces are closed."""
    if not first.startswith("{"):
        return first
    parts, depth = [first], _depth(first)
    while depth > 0:
        line = next(lines, None)
        if line is None:
            raise GranuleError(f"{path}: the list of the key '{key}' is not closed by a brace.")
        parts.append(line)
        depth += _depth(line)
    body = " ".join(parts).strip()
    if depth < 0 or not body.endswith("}"):
        raise GranuleError(f"{path}: the braces of the key '{key}' do not match.")
    items = [" ".join(item.split()) for item in body[1:-1].split(",")]
    return tuple(items[:-1] if items[-1] == "" else items)


def _depth(text: str) -> int:
    return text.count("{") - text.count("}")
