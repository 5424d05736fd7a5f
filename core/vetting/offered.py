"""Scenes that are not open yet, but whose place is known: those of a search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from ..sensors import GranuleSource


@runtime_checkable
class Offered(Protocol):
    """A scene that is not open; :class:`...archive.scene.Scene` is one."""

    @property
    def granule_source(self) -> GranuleSource:
        """What opens it."""

    @property
    def footprint(self) -> Any:
        """Shapely geometry in lon/lat, or None where unknown."""


@dataclass(frozen=True)
class OfferedScene:
    """A scene with its footprint, from wherever both are known."""

    granule_source: GranuleSource
    """What opens it."""
    footprint: Any
    """Shapely geometry in lon/lat, or None where unknown."""
