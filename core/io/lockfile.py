"""A file that one program at a time holds; the system lets go of it when the program ends, however it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Optional

_TRIES = 8
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


@contextmanager
def holding(path: Path) -> Iterator[bool]:
    """Make and hold the file `path` for the block, and remove it; False where another program or thread holds it.

    A file that was left by a program that died is held by nobody. Where the file system knows no locks, everybody
    gets it. Raises OSError where the file cannot be made.
    """
    descriptor = _held(path)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            with suppress(OSError):  # Windows removes no open file; then it stays, held by nobody
                path.unlink()
            os.close(descriptor)


def _held(path: Path) -> Optional[int]:
    """A descriptor that holds the file of this name; None where another one does."""
    for _ in range(_TRIES):
        descriptor = os.open(path, _FLAGS, 0o600)
        if not _taken(descriptor):
            os.close(descriptor)
            return None
        if _is_there(path, descriptor):
            return descriptor
        os.close(descriptor)  # who held it before removed it in between: that one holds a name no more
    return None


def _is_there(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _taken(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _taken(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True  # this file system knows no locks
        return True
