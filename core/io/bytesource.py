"""Positional reads of a file: the one way bytes of a granule reach the core.

A source holds no open handle between reads, so a file is never locked, and it refuses to
read a file that is no longer the one it was made for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, Optional, Protocol, Union

from ..errors import GranuleError, SourceChanged

Range = tuple[int, int]
"""(offset, length) in bytes."""

Buffer = Union[bytes, memoryview]
"""Bytes that nobody writes into."""

_ADVISE_FROM = 16
"""Number of ranges from which telling the kernel ahead pays (cold scattered reads: 52 -> 9 ms per 1000)."""

_ADVISE_GAP = 32 << 10
"""Bytes between two ranges that the kernel's own read-ahead bridges anyway."""


class ByteSource(Protocol):
    """Something bytes can be read from at known offsets."""

    @property
    def name(self) -> str:
        """What to call the source in messages: a path, or a URL without its signature."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    @property
    def version(self) -> str:
        """What tells this state of the file from all others: name, size, and time or tag."""

    @property
    def gap(self) -> int:
        """Bytes between two ranges that are cheaper to read than to skip."""

    def read_ranges(self, ranges: Sequence[Range]) -> list[bytes]:
        """Return the bytes of each (offset, length), in order; a short read is an error."""

    def read_joined(self, ranges: Sequence[Range]) -> Buffer:
        """The bytes of :meth:`read_ranges`, one range after the other, in one piece of memory."""

    def expect(self, ranges: Sequence[Range], lasting: bool = False) -> None:
        """Be told what will be read soon: a remote source fetches it at once, together.

        `lasting` bytes are worth keeping for another session (structure, GLT), others only for a while.
        """

    def sidecar(self) -> Optional[bytes]:
        """The DMR++ description of the source, where it has one."""

    def open(self) -> BinaryIO:
        """Return a seekable binary file of the whole source, to be closed by the caller."""


class Stamp(NamedTuple):
    """What tells one state of a file from another."""

    size: int
    """Bytes."""
    mtime_ns: int
    """Time of the last change, ns."""
    inode: int
    """Number of the file in its file system; 0 where there is none."""


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ino)


class FileSource:
    """A local file."""

    gap = 0

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Remember `path` as it is now; raises :class:`GranuleError` when it is no readable file."""
        self.path = Path(path)
        try:
            self.stamp = _stamp(os.stat(self.path))
            os.close(os.open(self.path, _FLAGS))
        except OSError as error:
            raise GranuleError(f"'{self.path}' cannot be opened ({error.strerror}); check the path.") from error
        if not self.path.is_file():
            raise GranuleError(f"'{self.path}' is not a file; give the path of a granule.")

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    @property
    def version(self) -> str:
        """Absolute path, size and time of change when the source was made."""
        return f"{os.path.abspath(self.path)}\n{self.stamp.size}\n{self.stamp.mtime_ns}"

    @property
    def size(self) -> int:
        """Length in bytes when the source was made."""
        return self.stamp.size

    def read_ranges(self, ranges: Sequence[Range]) -> list[bytes]:
        """Return the bytes of each (offset, length); raises :class:`SourceChanged` if the file is another."""
        with self._reading(ranges) as descriptor:
            parts = [_read_at(descriptor, offset, length) for offset, length in ranges]
        for (offset, length), part in zip(ranges, parts):
            if len(part) != length:
                raise self._truncated(offset, length)
        return parts

    def read_joined(self, ranges: Sequence[Range]) -> Buffer:
        """The bytes of :meth:`read_ranges` in one piece, read straight to their place where the system can."""
        if _preadv is None or len(ranges) == 1:
            return b"".join(self.read_ranges(ranges))
        whole = memoryview(bytearray(sum(length for _, length in ranges)))
        at = 0
        with self._reading(ranges) as descriptor:
            for offset, length in ranges:
                if _preadv(descriptor, [whole[at : at + length]], offset) != length:
                    return b"".join(self.read_ranges(ranges))  # a read of many bytes may come in parts
                at += length
        return whole.toreadonly()

    @contextmanager
    def _reading(self, ranges: Sequence[Range]) -> Iterator[int]:
        """An open descriptor of the file, which is told what comes."""
        descriptor = self._open_checked()
        try:
            if len(ranges) >= _ADVISE_FROM:
                _will_need(descriptor, ranges)
            yield descriptor
        except OSError as error:
            raise GranuleError(f"'{self.path}' cannot be read: {error.strerror}.") from error
        finally:
            os.close(descriptor)

    def _truncated(self, offset: int, length: int) -> GranuleError:
        return GranuleError(f"'{self.path}' is truncated: {length} bytes are missing at offset {offset} of a file of "
                            f"{self.size} bytes; fetch it again.")

    def expect(self, ranges: Sequence[Range], lasting: bool = False) -> None:
        """Nothing to do: the file is at hand."""

    def sidecar(self) -> Optional[bytes]:
        """None: the file itself tells its structure faster."""
        return None

    def open(self) -> BinaryIO:
        """Open the file for reading, after the same check as :meth:`read_ranges`."""
        return os.fdopen(self._open_checked(), "rb")

    def _open_checked(self) -> int:
        try:
            descriptor = os.open(self.path, _FLAGS)
        except OSError as error:
            raise SourceChanged(
                f"'{self.path}' was removed or became unreadable while open ({error.strerror}); open it again."
            ) from error
        if _stamp(os.fstat(descriptor)) != self.stamp:
            os.close(descriptor)
            raise SourceChanged(f"'{self.path}' was replaced or changed while open; open it again.")
        return descriptor


_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def _read_at(descriptor: int, offset: int, length: int) -> bytes:
    """Read up to `length` bytes at `offset`; fewer only at the end of the file."""
    part = _pread(descriptor, length, offset)
    if len(part) == length or not part:
        return part
    parts = [part]  # the kernel caps one read at 2 GiB and may return less
    done = len(part)
    while done < length and part:
        part = _pread(descriptor, length - done, offset + done)
        parts.append(part)
        done += len(part)
    return b"".join(parts)


def _seek_and_read(descriptor: int, length: int, offset: int) -> bytes:
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.read(descriptor, length)


_preadv = getattr(os, "preadv", None)
_pread = getattr(os, "pread", _seek_and_read)  # each call of read_ranges has a descriptor of its own


def _will_need(descriptor: int, ranges: Sequence[Range]) -> None:
    """Tell the kernel what comes, where it listens (not on Windows or macOS); neighbours in one call."""
    advise = getattr(os, "posix_fadvise", None)
    if advise is None:
        return
    start, end = ranges[0][0], ranges[0][0]
    for offset, length in ranges:
        if not start <= offset <= end + _ADVISE_GAP:
            advise(descriptor, start, end - start, os.POSIX_FADV_WILLNEED)
            start = offset
        end = offset + length
    advise(descriptor, start, end - start, os.POSIX_FADV_WILLNEED)
