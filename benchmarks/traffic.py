"""What servers saw of a job, and how long that takes at the least over a long line."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

LATENCY_S, BYTES_PER_S = 0.08, 5e6
"""Before the first byte of every answer; of all answers together."""
CONNECTIONS = 16
"""What our client opens at most."""
KB = 1000
_REDIRECTS = range(300, 400)


@dataclass(frozen=True)
class Traffic:
    """What reached the servers in a span of time."""

    requests: int
    """Answered with data, or with a refusal."""
    redirects: int
    """Answered with another address; they carry no data."""
    n_bytes: int
    """Of all bodies, as far as they were sent."""

    @classmethod
    def of(cls, log: Iterable[Any], start: float, stop: float) -> Traffic:
        """That of the requests which arrived from `start` to `stop`, in seconds of time.monotonic(); `log` is the
        servers' (loopback.ledger.Request)."""
        within = [one for one in log if start <= one.time < stop]
        redirects = sum(one.status in _REDIRECTS for one in within)
        return cls(len(within) - redirects, redirects, sum(one.bytes_sent for one in within))

    @property
    def bound_s(self) -> float:
        """Seconds that it takes at the least: by the width of the line, or by round trips, whichever is more."""
        return max(self.n_bytes / BYTES_PER_S, self.round_trips_s)

    @property
    def round_trips_s(self) -> float:
        """Seconds of waiting for answers when all connections are always in use."""
        return math.ceil((self.requests + self.redirects) / CONNECTIONS) * LATENCY_S

    def __str__(self) -> str:
        return f"{self.requests} requests, {self.redirects} redirects, {self.n_bytes / KB:.0f} KB"
