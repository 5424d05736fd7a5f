"""Spectra in one attribute, in the text form that EnMAP-Box reads and writes.

{"y": [...], "x": [...], "xUnit": "nm", "yUnit": "-", "bbl": [1, 0, ...]}; null stands for a missing value and
bbl 0 for a masked one. Other keys would be dropped by EnMAP-Box, so there are none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from ..core.results import numbers_json
from ..core.spectra import without_fill


@dataclass(frozen=True)
class Profile:
    """A decoded profile."""

    y: npt.NDArray[np.float64]
    """(n,) values; NaN where missing."""
    x: Optional[npt.NDArray[np.float64]]
    """(n,) positions on the spectral axis, or None."""
    x_unit: str
    """Unit of `x`, or empty."""
    y_unit: str
    """Unit of `y`, or empty."""
    good: npt.NDArray[np.bool_]
    """(n,) False where bbl says that a band is bad."""


class ProfileWriter:
    """Encodes spectra that share their wavelengths."""

    def __init__(self, wavelength_nm: npt.NDArray[Any]) -> None:
        self._x = numbers_json(np.asarray(wavelength_nm, np.float64).round(5))

    def text(self, values: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_]) -> str:
        """One spectrum (n_bands,): fill values as null, masked bands with bbl 0."""
        bbl = ",".join(map(str, valid.astype(int).tolist()))
        y = numbers_json(without_fill(values, valid))
        return f'{{"y":{y},"x":{self._x},"xUnit":"nm","yUnit":"-","bbl":[{bbl}]}}'


def decode(value: Any) -> Optional[Profile]:
    """The profile that an attribute holds (text, UTF-8 JSON or a map); None where it holds none."""
    found = _as_map(value)
    y = _as_numbers(found.get("y"))
    if y is None or not len(y):
        return None
    x, bbl = _as_numbers(found.get("x")), _as_numbers(found.get("bbl"))
    if any(other is not None and len(other) != len(y) for other in (x, bbl)):
        return None
    good = np.ones(len(y), bool) if bbl is None else bbl > 0
    return Profile(y, x, str(found.get("xUnit") or ""), str(found.get("yUnit") or ""), good)


def _as_map(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    text = bytes(value) if hasattr(value, "isNull") and hasattr(value, "data") else value
    if not isinstance(text, (str, bytes)):
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _as_numbers(values: Any) -> Optional[npt.NDArray[np.float64]]:
    if not isinstance(values, (list, tuple)):
        return None
    if not all(v is None or isinstance(v, (int, float)) for v in values):
        return None
    return np.array([np.nan if v is None else v for v in values], np.float64)
