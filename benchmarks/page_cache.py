"""Put files into the page cache or out of it, and make sure that they are out."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from figures import NotMeasured

_FEW = 0.001
"""A file of which less than this stayed in memory counts as dropped."""
_BLOCK = 8 << 20


def drop(paths: Iterable[Path]) -> None:
    """Make the next reads of `paths` come from the disk; raises NotMeasured where that cannot be had."""
    if not hasattr(os, "posix_fadvise"):
        raise NotMeasured("this system cannot drop a file from its cache")
    for path in paths:
        with open(path, "rb") as file:
            os.fsync(file.fileno())  # only clean pages go
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        left = resident(path)
        if left > _FEW:
            raise NotMeasured(f"{100 * left:.1f} % of {path.name} stayed in the page cache")


def resident(path: Path) -> float:
    """The part (0-1) of a file that is in the page cache, by mincore(2); raises NotMeasured where unknown."""
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "mincore"):
        raise NotMeasured("this system does not tell what it caches")
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as view:
        pages = (ctypes.c_ubyte * -(-len(view) // mmap.PAGESIZE))()
        start = ctypes.c_char.from_buffer(view)
        failed = library.mincore(ctypes.c_void_p(ctypes.addressof(start)), ctypes.c_size_t(len(view)), pages)
        del start  # so that the map may be closed
    if failed:
        raise NotMeasured(f"mincore failed ({os.strerror(ctypes.get_errno())})")
    return float((np.frombuffer(pages, np.uint8) & 1).mean())


def warm(paths: Iterable[Path]) -> None:
    """Read the files once, so that what follows comes from memory."""
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            block = bytearray(_BLOCK)
            while file.readinto(block):
                pass
