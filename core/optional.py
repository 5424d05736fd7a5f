"""The one place where an optional package is imported."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from .errors import MissingDependency

_BROKEN = (ImportError, OSError, ValueError, TypeError, AttributeError, RuntimeError)
"""What the import of a package can raise; h5py on a foreign HDF5 library raises ValueError."""


def require(package: str, purpose: str) -> ModuleType:
    """Import `package` or raise :class:`MissingDependency` saying that it is needed `purpose`.

    >>> require("json", "to read JSON").__name__
    'json'
    """
    try:
        with _own_libraries_first():
            return importlib.import_module(package)
    except _BROKEN as error:
        top = package.partition(".")[0]
        raise MissingDependency(
            f"The Python package '{top}' is needed {purpose}, and it cannot be imported ({error}); "
            f"install it (for instance with the QPIP plugin, or: pip install {top}) and start again."
        ) from error


def available(package: str) -> bool:
    """Tell whether `package` can be imported, by importing it."""
    try:
        with _own_libraries_first():
            importlib.import_module(package)
    except _BROKEN:
        return False
    return True


@contextmanager
def _own_libraries_first() -> Iterator[None]:
    """Inside QGIS on Linux, bind the libraries that a wheel brings to each other, not to those of QGIS.

    QGIS holds its own GEOS, HDF5 and PROJ in the global scope of the process, where the dynamic linker looks
    first: shapely would run on a mixture of two GEOS versions, and h5py would not import at all.
    """
    deep = getattr(os, "RTLD_DEEPBIND", 0)
    if not deep or "qgis.core" not in sys.modules:
        yield
        return
    flags = sys.getdlopenflags()
    sys.setdlopenflags(flags | deep)
    try:
        yield
    finally:
        sys.setdlopenflags(flags)
