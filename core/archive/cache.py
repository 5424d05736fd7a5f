"""Bytes of remote files kept on disk for the next session: structure, tables, sidecars.

Folders are named by hashes, so no address stands on disk, signed or not. Every entry carries its checksum; what is
damaged is removed and fetched again. Two processes may use one folder: entries appear whole, and may vanish.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Optional

from ..errors import OutputError
from ..io.atomic import replacing
from ..io.bytesource import Range
from .web.origins import unsigned

_ROOM = "spans-1"
"""Our folder inside the one that was given, which may hold other things."""
_SPAN = re.compile(r"([0-9a-f]{1,16})-([0-9a-f]{1,16})")
_SIDECAR = "sidecar"
_CHECK_BYTES = 32
_STALE_S = 3600.0
"""Age at which the unfinished file of a process that died is removed."""
_FRESH_S = 60.0
"""An entry used this recently needs no new time stamp."""
_RECOUNT = 64
"""Writes after which what other processes wrote is counted too."""


class DiskCache:
    """At most about `limit_bytes` under `folder`, readable by this user only; the oldest entries go first."""

    def __init__(self, folder: str | os.PathLike[str], limit_bytes: int = 512 << 20) -> None:
        """Nothing is made until there is something to keep."""
        self.folder = Path(folder)
        self.limit_bytes = limit_bytes
        self._room = self.folder / _ROOM
        self._lock = threading.Lock()
        self._notice: Optional[str] = None
        self._counted: Optional[int] = None
        self._writes = 0

    def __repr__(self) -> str:
        return f"DiskCache({str(self.folder)!r}, {self.limit_bytes})"

    def __reduce__(self) -> tuple[object, ...]:
        return DiskCache, (str(self.folder), self.limit_bytes)

    @property
    def notices(self) -> tuple[str, ...]:
        """One sentence where nothing can be kept."""
        return () if self._notice is None else (self._notice,)

    @property
    def n_bytes(self) -> int:
        """Bytes kept now, by all processes."""
        return sum(status.st_size for _, status in self._entries())

    def knows(self, url: str) -> bool:
        """Tell whether the sidecar of some state of `url` is kept."""
        return any(os.path.exists(os.path.join(state, _SIDECAR)) for state in self._states_of(url))

    def shelf(self, url: str, etag: str, size: int) -> Shelf:
        """The place of one state of a file; what was kept of its other states is removed."""
        state = _digest(f"{etag}\n{size}")
        for other in self._states_of(url):
            if other.name != state:
                shutil.rmtree(other, ignore_errors=True)
        return Shelf(self, self._folder_of(url) / state)

    def forget(self, url: str) -> None:
        """Remove all that was kept of `url`."""
        if self._is_ours():
            shutil.rmtree(self._folder_of(url), ignore_errors=True)

    def clear(self) -> None:
        """Remove everything that was kept; other files in the folder stay."""
        if self._is_ours():
            shutil.rmtree(self._room, ignore_errors=True)
        with self._lock:
            self._counted = None

    def load(self, path: Path) -> Optional[bytes]:
        """The bytes of an entry; None where it is not there or damaged, and then it is removed."""
        if not self._is_ours():
            return None
        try:
            kept = path.read_bytes()
        except OSError:
            return None
        check, data = kept[:_CHECK_BYTES], kept[_CHECK_BYTES:]
        if check != _checksum(path, data):
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _FRESH_S:
                os.utime(path)
        return data

    def store(self, path: Path, data: bytes) -> bool:
        """Keep an entry, if there is a place for it; False where there is none, said once in `notices`."""
        if len(data) > self.limit_bytes // 4:
            return False
        trouble = self._stored(path, data) and self._stored(path, data)  # another process may have cleared meanwhile
        if trouble:
            self._complain(trouble)
            return False
        self._count(len(data) + _CHECK_BYTES)
        return True

    def _stored(self, path: Path, data: bytes) -> str:
        """Write an entry; why not, or ""."""
        trouble = self._prepared(path.parent)
        if not trouble:
            try:
                with replacing(path) as part:
                    part.write_bytes(_checksum(path, data) + data)
            except OutputError:
                trouble = "it cannot be written, or the disk is full"
        return trouble

    def _folder_of(self, url: str) -> Path:
        return self._room / _digest(unsigned(url))

    def _states_of(self, url: str) -> list[Path]:
        """The folders of the states of `url`; none where the folder is not ours, or a link leads elsewhere."""
        folder = self._folder_of(url)
        with suppress(OSError):
            if self._is_ours() and not folder.is_symlink():
                return list(folder.iterdir())
        return []

    def _prepared(self, folder: Path) -> str:
        """Make the folders, for this user only; why not, or ""."""
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700, exist_ok=True)
            if not os.path.lexists(self._room):
                self._room.mkdir(mode=0o700, exist_ok=True)
            if self._is_ours():
                for level in (folder.parent, folder):
                    level.mkdir(mode=0o700, exist_ok=True)
                return ""
        except OSError as error:
            return str(error.strerror)
        return f"'{self._room}' belongs to somebody else"

    def _is_ours(self) -> bool:
        """True for a real folder of this user that nobody else can look into; it is closed where it stood open."""
        try:
            status = os.lstat(self._room)
            if not stat.S_ISDIR(status.st_mode):
                return False
            if hasattr(os, "getuid"):
                if status.st_uid != os.getuid():
                    return False
                if stat.S_IMODE(status.st_mode) != 0o700:
                    self._room.chmod(0o700)
        except OSError:
            return False
        return True

    def _complain(self, why: str) -> None:
        if self._notice is None:
            self._notice = (f"Nothing is kept for the next session in the cache folder '{self.folder}' "
                            f"({why.rstrip('.')}); reading goes on without it: choose another folder in the settings.")

    def _count(self, n_bytes: int) -> None:
        """Note what was written; where there is too much, remove the oldest."""
        with self._lock:
            self._writes += 1
            if self._counted is None or self._writes % _RECOUNT == 0:
                self._counted = self.n_bytes
            else:
                self._counted += n_bytes
            if self._counted > self.limit_bytes:
                self._counted = self._thinned()

    def _thinned(self) -> int:
        """Bytes left after removing the oldest entries, down to four fifths of the limit."""
        entries = sorted(self._entries(), key=lambda entry: entry[1].st_mtime)
        left = sum(status.st_size for _, status in entries)
        for path, status in entries:
            if left <= self.limit_bytes * 4 // 5:
                break
            with suppress(OSError):
                os.unlink(path)
                left -= status.st_size
            for folder in (os.path.dirname(path), os.path.dirname(os.path.dirname(path))):
                with suppress(OSError):
                    os.rmdir(folder)  # only where nothing is left in it
        return left

    def _entries(self) -> Iterator[tuple[str, os.stat_result]]:
        """All files of ours; unfinished ones of processes that died are removed on the way."""
        for folder, _, names in os.walk(self._room) if self._is_ours() else ():
            for name in names:
                path = os.path.join(folder, name)
                with suppress(OSError):
                    status = os.lstat(path)
                    if name.startswith(".") and time.time() - status.st_mtime > _STALE_S:
                        os.unlink(path)
                    else:
                        yield path, status


class Shelf:
    """The place of one state of a file in a :class:`DiskCache`."""

    def __init__(self, cache: DiskCache, folder: Path) -> None:
        self._cache, self._folder = cache, folder

    def spans(self) -> list[Range]:
        """(offset, length) of what is kept."""
        try:
            names = os.listdir(self._folder)
        except OSError:
            return []
        found = (_SPAN.fullmatch(name) for name in names)
        return sorted((int(match[1], 16), int(match[2], 16)) for match in found if match)

    def read(self, span: Range) -> Optional[bytes]:
        """Its bytes; None where they are not there (any more)."""
        data = self._cache.load(self._folder / f"{span[0]:x}-{span[1]:x}")
        return data if data is not None and len(data) == span[1] else None

    def write(self, offset: int, data: bytes) -> bool:
        """Keep bytes; False where nothing can be kept."""
        return self._cache.store(self._folder / f"{offset:x}-{len(data):x}", data)

    def sidecar(self) -> Optional[bytes]:
        """The sidecar, where it was kept."""
        return self._cache.load(self._folder / _SIDECAR)

    def keep_sidecar(self, data: bytes) -> None:
        """Keep it."""
        self._cache.store(self._folder / _SIDECAR, data)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def _checksum(path: Path, data: bytes) -> bytes:
    """Of the bytes and of where they belong, so that an entry moved elsewhere is damaged too."""
    return hashlib.sha256(f"{path.parent.parent.name}/{path.parent.name}/{path.name}\n".encode() + data).digest()
