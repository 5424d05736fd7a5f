"""One line of limited bandwidth, shared by all connections."""

from __future__ import annotations

import threading
import time
from typing import Optional

_BLOCK_S = 0.002
_LARGEST, _SMALLEST = 64 * 1024, 512
_CATCH_UP_S = 0.1


class Throttle:
    """Hands out the time at which each block has passed the line, in the order in which they are asked for.

    A block may start when the line is free and when the block before it, of the same answer, was due: so a
    late wake-up costs nothing, and an idle line saves nothing up.
    """

    def __init__(self, bytes_per_s: Optional[float] = None) -> None:
        self.bytes_per_s = bytes_per_s
        self._lock = threading.Lock()
        self._free = 0.0

    def block_size(self, bytes_per_s: Optional[float]) -> int:
        """Bytes to send at a time: about 2 ms of the line."""
        rate = min(filter(None, (bytes_per_s, self.bytes_per_s)), default=None)
        return _LARGEST if rate is None else int(max(1, min(_LARGEST, max(_SMALLEST, rate * _BLOCK_S), rate / 4)))

    def due(self, n_bytes: int, ready: float) -> float:
        """When `n_bytes` that were ready at `ready` (time.monotonic) have passed."""
        ready = max(ready, time.monotonic() - _CATCH_UP_S)
        if not self.bytes_per_s:
            return ready
        with self._lock:
            self._free = max(self._free, ready) + n_bytes / self.bytes_per_s
            return self._free
