"""Scenes of an archive: found for an area, and read where they lie."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .opening import Opener, opener
    from .searching import search
    from .web.origins import EARTHDATA_ORIGINS

_HOMES = {"search": "searching", "opener": "opening", "Opener": "opening", "EARTHDATA_ORIGINS": "web.origins"}

__all__ = ["EARTHDATA_ORIGINS", "Opener", "opener", "search"]


def __getattr__(name: str) -> Any:
    """Import what is asked for only then."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
