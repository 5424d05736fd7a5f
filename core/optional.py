"""The one place where an optional package is imported."""

from __future__ import annotations

import importlib
from types import ModuleType

from .errors import MissingDependency


def require(package: str, purpose: str) -> ModuleType:
    """Import `package` or raise :class:`MissingDependency` saying that it is needed `purpose`.

    >>> require("json", "to read JSON").__name__
    'json'
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        top = package.partition(".")[0]
        raise MissingDependency(
            f"The Python package '{top}' is needed {purpose}, and it cannot be imported ({error}); "
            f"install it (for instance with the QPIP plugin, or: pip install {top}) and start again."
        ) from error


def available(package: str) -> bool:
    """Tell whether `package` can be imported, by importing it."""
    try:
        importlib.import_module(package)
    except ImportError:
        return False
    return True
