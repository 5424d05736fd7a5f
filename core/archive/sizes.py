"""Sizes of files: as people say them, and whether a disk has room for them."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..errors import OutputError

_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))
_ROUNDED_UP = 0.9995


def said_bytes(n: float) -> str:
    """A size for people, of three digits.

    >>> said_bytes(1_850_000_000), said_bytes(3_344_025), said_bytes(999_700), said_bytes(12)
    ('1.85 GB', '3.34 MB', '1 MB', '12 bytes')
    """
    for unit, size in _UNITS:
        if n >= size * _ROUNDED_UP:
            return f"{n / size:.3g} {unit}"
    return f"{n:.0f} bytes"


def check_room(n_bytes: int, folder: Path, what: str) -> None:
    """Raise OutputError where a disk has less room than is needed."""
    free = shutil.disk_usage(folder).free
    if n_bytes > free:
        raise OutputError(f"{what} needs {said_bytes(n_bytes)}, and '{folder}' has room for {said_bytes(free)}; make "
                          "room, or choose a folder on another disk.")
