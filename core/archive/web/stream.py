"""A whole file, block by block: for downloads that may break off and go on."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Optional

from ...errors import ArchiveError, Cancelled, SourceChanged
from ...progress import listener
from .lanes import CANCELLED, Job
from .origins import unsigned
from .replies import Part
from .troubles import Again

if TYPE_CHECKING:
    from .http import HttpClient

_AHEAD = 64
"""Blocks that wait for who takes them."""
_ENOUGH = 1 << 20
"""Bytes that make a connection worth its while."""
_MOST_SCANT = 20
"""Connections one after the other that may bring less."""
_TICK_S = 0.1
_TO_THE_END = 1 << 62


class Stream:
    """An iterator of blocks, from byte `start` to the end of the file; made by :meth:`HttpClient.stream`."""

    def __init__(self, url: str, start: int) -> None:
        self.name = unsigned(url)
        self.start = start
        self.etag = ""
        self.total = 0
        self._url, self._at = url, start
        self._known = False
        self._blocks: queue.Queue[bytes] = queue.Queue(_AHEAD)
        self._job: Optional[Job[None]] = None

    def __repr__(self) -> str:
        return f"<Stream {self.name} from {self.start}>"

    def __iter__(self) -> Iterator[bytes]:
        while True:
            block = self._next()
            if block is None:
                return
            if block:
                yield block

    def opened(self, job: Job[None]) -> Stream:
        """Wait until `etag` and `total` are known."""
        self._job = job
        self._next()
        return self

    def _next(self) -> Optional[bytes]:
        """The next block, or None at the end."""
        job = self._job
        while job is not None:
            over = job.settled
            try:
                return self._blocks.get(timeout=0 if over else _TICK_S)
            except queue.Empty:
                pass
            if over:
                return job.wait()
            if listener().cancelled:
                raise Cancelled(CANCELLED)
        return None

    # in a thread of the client

    def pour(self, client: HttpClient, job: Job[Any]) -> None:
        """Read to the end; where the connection breaks, go on from there: after a pause, and not for ever, where too
        little came."""
        scant = 0
        while True:
            before = self._at
            if client.persistently(job, lambda: self._poured(client, job)):
                return
            scant = scant + 1 if self._at - before < _ENOUGH else 0
            if scant > _MOST_SCANT:
                raise ArchiveError(f"The download of '{self.name}' broke off {scant} times one after the other, the "
                                   f"last time at byte {self._at}; try again later: it goes on from there.")
            if scant:
                job.pause(client.pause_s(scant))
            job.begins()

    def _poured(self, client: HttpClient, job: Job[Any]) -> bool:
        """True at the end of the file, False where it broke off on the way."""
        before = self._at
        landed, part = client.part(job, self._url, self._at, _TO_THE_END, f"{self._at}-")
        try:
            self._check(part)
            for block in landed.answer.blocks():
                self._put(job, block)
                self._at += len(block)
                client.counted(len(block))
        except Again:
            if self._at == before:
                raise
        finally:
            if self._at != self.total:
                landed.answer.close()
        if self._at == before:
            raise Again(f"The download of '{self.name}' broke off at byte {self._at}; try again.")
        return self._at >= self.total

    def _check(self, part: Part) -> None:
        if self._known and (part.etag, part.total) != (self.etag, self.total):
            raise SourceChanged(f"'{self.name}' was replaced on the server while it was read; begin again.")
        if not self._known:
            self.etag, self.total, self._known = part.etag, part.total, True
            self._blocks.put(b"")

    def _put(self, job: Job[Any], block: bytes) -> None:
        while True:
            try:
                return self._blocks.put(block, timeout=_TICK_S)
            except queue.Full:
                job.check()
