"""One line of the report: our figure, what it should reach, the peer's figure, the ratio, and whether it is met."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Optional, Union

from programs.measuring import Timing, quantile

NOT_MEASURED, MET, MISSED = "not measured", "yes", "MISSED"


class NotMeasured(Exception):
    """A figure cannot be had here; the text is the reason."""


@dataclass(frozen=True)
class Figure:
    """The median and the 95 % quantile of some measurements."""

    median: float
    """In `unit`."""
    p95: float
    """In `unit`; equal to the median for a single measurement."""
    n: int
    """How many measurements."""
    unit: str
    """"s" or "MB" (2**20 bytes)."""

    @classmethod
    def of(cls, measured: Union[Timing, Sequence[float]], unit: str = "s") -> Figure:
        """The figure of a timing, or of numbers in `unit`."""
        values = measured.seconds if isinstance(measured, Timing) else tuple(measured)
        return cls(quantile(values, 0.5), quantile(values, 0.95), len(values), unit)

    def __str__(self) -> str:
        median = _amount(self.median, self.unit)
        return median if self.n == 1 else f"{median} (p95 {_amount(self.p95, self.unit)}, n={self.n})"


@dataclass(frozen=True)
class Row:
    """One line of the report."""

    job: str
    """What is done."""
    ours: Union[Figure, str]
    """Our figure, or why there is none."""
    at_most: Optional[float] = None
    """The median that should not be passed, in the figure's unit."""
    peer: str = ""
    """Who else does it, and how."""
    theirs: Union[Figure, str, None] = None
    """The peer's figure, or why there is none; None without a peer."""
    times_faster: Optional[float] = None
    """theirs / ours should be at least this."""
    times_slower: Optional[float] = None
    """ours / theirs should be at most this."""

    @property
    def ratio(self) -> Optional[float]:
        """theirs / ours of the medians: above 1 we are ahead; None where one is missing."""
        if isinstance(self.ours, Figure) and isinstance(self.theirs, Figure):
            return self.theirs.median / self.ours.median
        return None

    @property
    def reach(self) -> str:
        """The targets in words."""
        unit = self.ours.unit if isinstance(self.ours, Figure) else "s"
        parts = [f"<= {_amount(self.at_most, unit)}" if self.at_most is not None else "",
                 f">= {self.times_faster:g}x" if self.times_faster is not None else "",
                 f"<= {self.times_slower:g}x the peer" if self.times_slower is not None else ""]
        return ", ".join(part for part in parts if part)

    @property
    def met(self) -> str:
        """"yes", "MISSED", "not measured", "yes; ratio not measured", or "" without a target."""
        known = [verdict for verdict in self._verdicts() if verdict is not None]
        n_targets = sum(v is not None for v in (self.at_most, self.times_faster, self.times_slower))
        if not n_targets:
            return ""
        if not all(known):
            return MISSED
        if not known:
            return NOT_MEASURED
        return MET if len(known) == n_targets else f"{MET}; ratio {NOT_MEASURED}"

    def _verdicts(self) -> list[Optional[bool]]:
        own = self.ours.median if isinstance(self.ours, Figure) else None
        return [
            None if self.at_most is None or own is None else own <= self.at_most,
            None if self.times_faster is None or self.ratio is None else self.ratio >= self.times_faster,
            None if self.times_slower is None or self.ratio is None else 1 / self.ratio <= self.times_slower,
        ]

    def as_dict(self) -> dict[str, Any]:
        """The line for a JSON file; durations in seconds, memory in MB."""
        return {**asdict(self), "ratio": self.ratio, "reach": self.reach, "met": self.met}


_COLUMNS = (("job", 42), ("ours", 32), ("reach", 17), ("peer", 34), ("peer figure", 32), ("ratio", 7), ("met", 12))


def head() -> str:
    """The titles of the columns."""
    return _line([title for title, _ in _COLUMNS]) + "\n" + "-+-".join("-" * width for _, width in _COLUMNS)


def line(row: Row) -> str:
    """A row as text, wrapped inside its columns."""
    return _line([row.job, _shown(row.ours), row.reach or "-", row.peer or "-", _shown(row.theirs),
                  _times(row.ratio), row.met or "-"])


def _line(cells: Sequence[str]) -> str:
    wrapped = [textwrap.wrap(cell, width) or [""] for cell, (_, width) in zip(cells, _COLUMNS)]
    height = max(len(cell) for cell in wrapped)
    lines = [[(cell[i] if i < len(cell) else "").ljust(width) for cell, (_, width) in zip(wrapped, _COLUMNS)]
             for i in range(height)]
    return "\n".join(" | ".join(cells).rstrip() for cells in lines)


def _shown(figure: Union[Figure, str, None]) -> str:
    if figure is None:
        return "-"
    return str(figure) if isinstance(figure, Figure) else f"{NOT_MEASURED} ({figure})"


def _times(ratio: Optional[float]) -> str:
    if ratio is None:
        return "-"
    return f"{ratio:.3g}x" if ratio < 1000 else f"{ratio:.0f}x"


def _amount(value: float, unit: str) -> str:
    if unit != "s":
        return f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}"
    for scale, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if value >= scale:
            return f"{value / scale:.3g} {name}"
    return f"{value * 1e6:.2g} us"
