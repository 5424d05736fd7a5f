"""Target spectra of gases, and the search for them in radiance. It detects; it tells no flux and no mass of a plume."""

from __future__ import annotations

from .absorption import Layer
from .column_filter import Detection, detect
from .sources import TARGET_SOURCES, gas_target
from .target import GasTarget

__all__ = ["TARGET_SOURCES", "Detection", "GasTarget", "Layer", "detect", "gas_target"]
