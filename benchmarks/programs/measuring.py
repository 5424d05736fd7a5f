"""How everything here is timed, and how a timed child process answers: standard library only.

The programs of this folder run under the interpreter of ours or of the peers; both find this module beside them.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # see proc(5)


@dataclass(frozen=True)
class Timing:
    """The durations of repeated calls."""

    seconds: tuple[float, ...]
    """One per call."""

    @property
    def median(self) -> float:
        """Middle duration in seconds."""
        return quantile(self.seconds, 0.5)

    @property
    def p95(self) -> float:
        """Duration in seconds that 95 % of the calls stay within."""
        return quantile(self.seconds, 0.95)


def quantile(values: Sequence[float], fraction: float) -> float:
    """Linear quantile of `values`, as numpy's default."""
    ordered = sorted(values)
    place = fraction * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def time_each(action: Callable[[Any], Any], inputs: Iterable[Any]) -> tuple[Timing, Any]:
    """Call `action` once with each of `inputs`; the durations and the last result."""
    seconds, result = [], None
    for item in inputs:
        start = time.perf_counter()
        result = action(item)
        seconds.append(time.perf_counter() - start)
    return Timing(tuple(seconds)), result


def time_pairs(one: Callable[[Any], Any], other: Callable[[Any], Any], inputs: Sequence[Any]) -> tuple[Timing, Timing]:
    """Time two actions on the same inputs, taking turns in who goes first, so that noise strikes both."""
    taken: tuple[list[float], list[float]] = ([], [])
    actions = (one, other)
    for turn, item in enumerate(inputs):
        for which in (0, 1) if turn % 2 else (1, 0):
            taken[which].append(time_each(actions[which], [item])[0].seconds[0])
    return Timing(tuple(taken[0])), Timing(tuple(taken[1]))


class MemoryRise:
    """Inside `with`: how far the peak of resident memory rises above what there was before, in MB (2**20)."""

    megabytes: Optional[float] = None
    """None where the system does not tell."""

    def __enter__(self) -> MemoryRise:
        self._before = None
        if _CLEAR.exists():
            _CLEAR.write_text(_RESET_PEAK)
            self._before = _status("VmRSS")
        return self

    def __exit__(self, *exc: object) -> None:
        if self._before is not None:
            self.megabytes = (_status("VmHWM") - self._before) / 1024


def _status(name: str) -> float:
    """A line of /proc/self/status, in kB."""
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(name + ":"))
    return float(line.split()[1])


def answer(work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Read a question (JSON) from standard input, write what `work` makes of it to standard output."""
    question = json.load(sys.stdin)
    with redirect_stdout(sys.stderr):
        told = work(question)
    json.dump(told, sys.stdout)
