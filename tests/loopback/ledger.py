"""What was asked of the servers, by whom and with which outcome."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Optional


@dataclass(frozen=True)
class Request:
    """One request that reached a host."""

    host: str
    """data, signed, browse, login, cmr or foreign."""
    method: str
    path: str
    """Percent-decoded, without query."""
    query: str
    """As sent, without '?'."""
    headers: Mapping[str, str]
    """As sent, names in lower case."""
    range: Optional[str]
    """The Range header as sent ("bytes=0-65535"), or None."""
    time: float
    """When it arrived: seconds of time.monotonic(), which all processes of a machine share on Linux."""
    connection: int
    """Number of its connection: two requests of the same number shared one, kept alive."""
    status: int = 0
    """0 while there is no answer, or for ever where none is given."""
    bytes_sent: int = 0
    """Of the body, handed to the socket."""
    fault: str = ""
    """The kind of fault that answered, if one did."""


class Entry:
    """The line of one request; it changes until the answer is out."""

    def __init__(self, ledger: Ledger, request: Request) -> None:
        self._ledger, self._request = ledger, request

    def update(self, **changes: object) -> None:
        with self._ledger.lock:
            self._request = replace(self._request, **changes)

    def sent(self, n_bytes: int) -> None:
        with self._ledger.lock:
            self._request = replace(self._request, bytes_sent=self._request.bytes_sent + n_bytes)

    @property
    def request(self) -> Request:
        return self._request


class Ledger:
    """All requests in the order of their arrival."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._entries: list[Entry] = []

    def open(self, **facts: object) -> Entry:
        entry = Entry(self, Request(time=time.monotonic(), **facts))
        with self.lock:
            self._entries.append(entry)
        return entry

    def requests(self) -> list[Request]:
        with self.lock:
            return [entry.request for entry in self._entries]

    def clear(self) -> None:
        with self.lock:
            self._entries.clear()
