"""How much of what can be had again stays in memory, of all files together."""

from __future__ import annotations

import threading
from typing import Protocol
from weakref import WeakValueDictionary


class Keeper(Protocol):
    """Keeps bytes that can be fetched again."""

    @property
    def n_kept(self) -> int:
        """Bytes kept now."""

    def let_go(self) -> None:
        """Keep none of them."""


class Room:
    """At most about `limit_bytes` among all keepers; those that grew the longest time ago let go first."""

    def __init__(self, limit_bytes: int = 256 << 20) -> None:
        self.limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._keepers: WeakValueDictionary[int, Keeper] = WeakValueDictionary()

    def grew(self, keeper: Keeper) -> None:
        """Note that `keeper` keeps more than before; to be called while no lock is held that `let_go` takes."""
        with self._lock:
            self._keepers.pop(id(keeper), None)
            older = list(self._keepers.values())
            self._keepers[id(keeper)] = keeper
        too_much = keeper.n_kept + sum(one.n_kept for one in older) - self.limit_bytes
        for one in older:
            if too_much <= 0:
                return
            too_much -= one.n_kept
            one.let_go()
