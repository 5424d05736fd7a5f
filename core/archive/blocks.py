"""A file over ranges, for libraries that want to seek and read."""

from __future__ import annotations

import io
from collections import OrderedDict
from typing import Any

from ..io.bytesource import ByteSource

_KEPT = 64
"""Blocks kept per file."""


class BlockFile(io.RawIOBase):
    """A seekable binary file that reads whole blocks of a source and keeps the last ones."""

    def __init__(self, source: ByteSource, block_bytes: int = 64 << 10) -> None:
        super().__init__()
        self._source, self._block = source, block_bytes
        self._at = 0
        self._kept: OrderedDict[int, bytes] = OrderedDict()

    @property
    def name(self) -> str:
        """That of the source."""
        return self._source.name

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Offset of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move as any file does."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size}[whence]
        if base + offset < 0:
            raise ValueError(f"cannot seek to byte {base + offset}")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` as far as the file goes."""
        view = memoryview(buffer).cast("B")
        end = min(self._at + len(view), self._source.size)
        if end <= self._at:
            return 0
        first, last = self._at // self._block, (end - 1) // self._block
        blocks = self._blocks(range(first, last + 1))
        skip = self._at - first * self._block
        data = (blocks[0] if len(blocks) == 1 else b"".join(blocks))[skip : skip + end - self._at]
        view[: len(data)] = data
        self._at = end
        return len(data)

    def _blocks(self, numbers: range) -> list[bytes]:
        """All of them, the missing ones read at once."""
        missing = [number for number in numbers if number not in self._kept]
        spans = [(n * self._block, min(self._block, self._source.size - n * self._block)) for n in missing]
        found = dict(zip(missing, self._source.read_ranges(spans) if spans else ()))
        blocks = [found[n] if n in found else self._kept[n] for n in numbers]
        for number, block in zip(numbers, blocks):
            self._kept[number] = block
            self._kept.move_to_end(number)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return blocks
