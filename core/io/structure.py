"""What a file of arrays is said to hold, whoever says it: the HDF5 header itself, or a sidecar beside the file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional, Protocol

import numpy as np


@dataclass(frozen=True)
class Chunk:
    """One stored chunk of a dataset."""

    offset: int
    """Byte offset in the file."""
    length: int
    """Stored bytes."""
    skipped: int
    """HDF5 filter mask: bit i set means filter i was not applied."""


@dataclass(frozen=True)
class DatasetLayout:
    """What is needed to read a dataset without an HDF5 library."""

    name: str
    """Path in the file, e.g. "location/glt_x"."""
    shape: tuple[int, ...]
    """Length of each axis."""
    dtype: np.dtype[Any]
    """Type and byte order as stored."""
    fill: Any
    """Value of what was never written."""
    offset: Optional[int] = None
    """Byte offset of a contiguous dataset; None when chunked or never written."""
    chunks: Optional[tuple[int, ...]] = None
    """Shape of a chunk; None when contiguous."""
    filters: tuple[int, ...] = ()
    """HDF5 filter numbers in the order of writing."""
    index: Mapping[tuple[int, ...], Chunk] = field(default_factory=dict)
    """First element of a chunk -> where it is stored; absent chunks hold `fill`."""
    inline: Optional[bytes] = None
    """The values themselves of a compact dataset, which lie among the structure."""

    @property
    def absent(self) -> bool:
        """True where nothing was ever written: every value is `fill`."""
        return self.chunks is None and self.offset is None and self.inline is None

    @property
    def end(self) -> int:
        """The byte after the last one stored in the file; 0 where none is."""
        if self.offset is not None:
            return self.offset + math.prod(self.shape) * self.dtype.itemsize
        return max((chunk.offset + chunk.length for chunk in self.index.values()), default=0)


class Structure(Protocol):
    """The names, shapes, attributes and places of what a file holds."""

    @property
    def notices(self) -> tuple[str, ...]:
        """What a reader of the file should be told, one sentence each."""

    def __contains__(self, name: str) -> bool:
        """Tell whether there is a variable or group of that path."""

    def datasets(self) -> dict[str, tuple[int, ...]]:
        """Path -> shape of every dataset, groups walked."""

    def attributes(self, name: str = "/") -> dict[str, Any]:
        """The attributes of the root or of `name`: text as str, numbers as numpy arrays or scalars."""

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """A whole (small) dataset in memory; strings come as str."""

    def layout(self, name: str) -> DatasetLayout:
        """Where the bytes of `name` lie; raises :class:`GranuleError` if the file is too short for them."""
