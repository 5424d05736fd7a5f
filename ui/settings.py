"""What the inspector remembers from one session to the next."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Callable, Optional

from ..core.errors import MaskError
from ..core.metrics import METRICS
from ..core.quality import MaskPolicy
from ..core.views import VIEWS

RECENT_MAX = 10
"""So many opened granules are remembered."""
MODES = ("point", "line", "polygon")
"""The ways to draw on the map."""
UNITS = ("nm", "µm")
"""The units of the wavelength axis."""
_MAY_HOLD_SECRET = re.compile(
    r"\w{2,}:/{1,2}([^/]*@|.*[?#])"  # an address, also one that was taken for a path
    r"|^/vsi\w+\?"  # GDAL's, with options
    r"|(password|authorization|token|secret)\w*\s*=", re.IGNORECASE)


@dataclass(frozen=True)
class InspectorSettings:
    """The state of the dock that survives a restart. Addresses that may hold a secret are never kept."""

    reference: str = ""
    """Id of a bundled spectrum, or ""."""
    reference_file: str = ""
    """Library file or folder of the reference, or ""."""
    reference_name: str = ""
    """Which spectrum of `reference_file`, by its id."""
    metric: str = "sam"
    """Name of the metric."""
    mask: str = ""
    """Text of the mask policy; "" is the product's default."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Metric -> the threshold that was set for it."""
    mode: str = "point"
    """One of MODES."""
    unit: str = "nm"
    """One of UNITS."""
    scaled: Optional[bool] = None
    """The reference is scaled to the pixel; None leaves it to the metric."""
    masked_shown: bool = False
    """What the file holds in masked regions is drawn."""
    legend_shown: bool = True
    """The plot has its legend."""
    view: str = "values"
    """What the plot draws of the spectra, one of core's VIEWS."""
    recent: tuple[str, ...] = ()
    """Granules opened last, the newest first."""
    visible: bool = False
    """The dock was open."""
    splitter: tuple[int, ...] = ()
    """Sizes of the dock's parts, pixels; empty for the layout's own."""

    def __post_init__(self) -> None:
        """Drop what may hold a secret; recent files once each, RECENT_MAX at most."""
        kept = dict.fromkeys(path for path in self.recent if path and not _MAY_HOLD_SECRET.search(path))
        object.__setattr__(self, "recent", tuple(kept)[:RECENT_MAX])
        if _MAY_HOLD_SECRET.search(self.reference_file):
            object.__setattr__(self, "reference_file", "")

    def with_recent(self, path: str) -> InspectorSettings:
        """The same with `path` as the newest of the recent files."""
        return replace(self, recent=(path, *self.recent))

    def to_plain(self) -> dict[str, Any]:
        """Texts, numbers, booleans, None, lists and dicts of them, by the field's name."""
        plain = asdict(self)
        return {**plain, "recent": list(self.recent), "splitter": list(self.splitter)}

    @classmethod
    def from_plain(cls, stored: Any) -> InspectorSettings:
        """Read what `to_plain` made; what is missing, unknown or nonsense is left at its default."""
        known = stored if isinstance(stored, Mapping) else {}
        read: dict[str, Any] = {}
        for name, reader in _READERS.items():
            try:
                if name in known:
                    read[name] = reader(known[name])
            except ValueError:
                continue
        return cls(**read)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    return value


def _one_of(*choices: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError(value)
        return str(value)

    return read


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(value)
    return value


def _metric(value: Any) -> str:
    name = _text(value)
    if name not in METRICS:
        raise ValueError(value)
    return name


def _mask(value: Any) -> str:
    text = _text(value)
    try:
        MaskPolicy.parse(text or "none")
    except MaskError as error:
        raise ValueError(value) from error
    return text


def _list(value: Any) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise ValueError(value)
    return list(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -1e300 < value < 1e300


def _thresholds(value: Any) -> dict[str, float]:
    items = value.items() if isinstance(value, Mapping) else ()
    return {name: float(number) for name, number in items if name in METRICS and _is_number(number)}


def _sizes(value: Any) -> tuple[int, ...]:
    sizes = _list(value)
    if not all(_is_number(size) and 0 <= size < 2**31 for size in sizes):
        raise ValueError(value)
    return tuple(int(size) for size in sizes)


_READERS: dict[str, Callable[[Any], Any]] = {
    "reference": _text,
    "reference_file": _text,
    "reference_name": _text,
    "metric": _metric,
    "mask": _mask,
    "thresholds": _thresholds,
    "mode": _one_of(*MODES),
    "unit": _one_of(*UNITS),
    "scaled": lambda value: None if value is None else _switch(value),
    "masked_shown": _switch,
    "legend_shown": _switch,
    "view": _one_of(*VIEWS),
    "recent": lambda value: tuple(path for path in _list(value) if isinstance(path, str)),
    "visible": _switch,
    "splitter": _sizes,
}
"""Field -> what reads it, with ValueError for nonsense."""
