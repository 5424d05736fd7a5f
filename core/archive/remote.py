"""A file on a server, read in parts: each part fetched once, kept for a while, and always of the same state."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Optional, cast

from ..errors import ArchiveError, Cancelled, GranuleError, SourceChanged
from ..io.bytesource import Range
from ..io.room import Room
from ..progress import listener
from .blocks import BlockFile
from .cache import DiskCache, Shelf
from .sidecars import Sidecar
from .spans import Spans, divided, meeting, united, without
from .web.http import HttpClient
from .web.lanes import Job
from .web.origins import unsigned
from .web.replies import Reply, State

HEAD_BYTES = 64 << 10
"""The first request: netCDF-4 keeps most of its structure there."""
_PIECE = 4 << 20
"""Longest request; longer ranges come side by side."""
_MEMORY = 32 << 20
"""Bytes kept in memory per file."""
_KEPT = 8 << 20
"""A read of more than this is not kept: it would drive out what is used again."""
_AHEAD = 24 << 20
"""Bytes that are fetched ahead of one call; the rest comes when it is read."""


@dataclass(frozen=True)
class _Fetch:
    """Bytes on their way."""

    offset: int
    length: int
    job: Job[bytes]


class RemoteSource:
    """Meets :class:`..io.bytesource.ByteSource`; its first bytes and its sidecar are asked for as it is made.

    Errors surface where something is read: :class:`ArchiveError`, :class:`SignInError`, and :class:`SourceChanged`
    once the file was replaced on the server. Threads may share it; what two of them want is fetched once.
    """

    gap = 50_000

    def __init__(self, url: str, client: HttpClient, cache: Optional[DiskCache] = None,
                 sidecar_urls: Sequence[str] = (), room: Optional[Room] = None) -> None:
        """`room` is what it shares with others: their memory together has a bound, too."""
        self.name = unsigned(url)
        self._url, self._client, self._cache, self._room = url, client, cache, room
        self._lock = threading.Lock()
        self._memory = Spans(_MEMORY)
        self._pending: list[_Fetch] = []
        self._foreseen: list[tuple[Sequence[Range], bool]] = []
        self._state: Optional[State] = None
        self._changed = False
        self._shelf: Optional[Shelf] = None
        self._on_disk: list[Range] = []
        self._sidecar: Optional[bytes] = None
        self._sidecar_known = not sidecar_urls
        self._described = Sidecar(sidecar_urls, client)
        self._head: Optional[_Fetch] = self._begin(0, HEAD_BYTES, lasting=True)
        if not (cache is not None and cache.knows(url)):
            self._described.begin()

    def __repr__(self) -> str:
        return f"<RemoteSource {self.name}>"

    def __reduce__(self) -> tuple[object, ...]:
        raise ArchiveError(f"'{self.name}' is read in its own process; open it again in the other one.")

    @property
    def size(self) -> int:
        """Length in bytes, as the first answer gave it."""
        return self.state.size

    @property
    def etag(self) -> str:
        """State of the file as the server calls it; empty where it does not say."""
        return self.state.etag

    @property
    def version(self) -> str:
        """Address, size and state of the file."""
        return "\n".join((self.name, str(self.size), self.etag))

    @property
    def changed(self) -> bool:
        """True once the file was found to be another."""
        return self._changed

    @property
    def n_kept(self) -> int:
        """Bytes of it in memory."""
        return self._memory.n_bytes

    def let_go(self) -> None:
        """Keep nothing in memory; what is on disk or on its way stays."""
        with self._lock:
            self._memory.clear()

    @property
    def state(self) -> State:
        """Waits for the first answer."""
        self._refuse_forked()
        while self._state is None:
            with self._lock:
                head = self._head or self._begin(0, HEAD_BYTES, lasting=True)
                self._head = head
            try:
                self._client.results([head.job])
            except Cancelled:
                if listener().cancelled:
                    raise  # else another thread gave it up
            except ArchiveError:
                self._described.give_up()  # it fails for the same reason
                raise
            finally:
                with self._lock:
                    if self._head is head:
                        self._head = None  # done, or to be begun anew
        return self._state

    def read_ranges(self, ranges: Sequence[Range]) -> list[bytes]:
        """Return the bytes of each (offset, length), in order."""
        self._check(ranges)
        while True:
            try:
                found = self._gathered(ranges)
                break
            except Cancelled:
                if listener().cancelled:
                    raise
        return [found.read(offset, length) for offset, length in ranges]

    def read_joined(self, ranges: Sequence[Range]) -> bytes:
        """The bytes of :meth:`read_ranges`, one range after the other."""
        parts = self.read_ranges(ranges)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def expect(self, ranges: Sequence[Range], lasting: bool = False) -> None:
        """Begin to fetch what will be read soon; returns at once, and what goes wrong surfaces when it is read."""
        self._refuse_forked()
        with self._lock:
            if self._state is None:
                self._foreseen.append((ranges, lasting))
                return
        self._foresee(ranges, lasting)

    def sidecar(self) -> Optional[bytes]:
        """Its DMR++ description; None where there is none that can be read."""
        self.state  # noqa: B018 (a file that cannot be read at all says so first)
        if not self._sidecar_known:
            shelf = self._shelf
            self._sidecar = shelf.sidecar() if shelf is not None else None
            if self._sidecar is None:
                self._sidecar = self._described.fetch()
                if shelf is not None and self._sidecar is not None:
                    shelf.keep_sidecar(self._sidecar)
            self._sidecar_known = True
        return self._sidecar

    def open(self) -> BinaryIO:
        """A seekable file over blocks of 64 KiB."""
        self.state  # noqa: B018
        return cast(BinaryIO, BlockFile(self))

    def _check(self, ranges: Sequence[Range]) -> None:
        size = self.size
        for offset, length in ranges:
            if offset < 0 or length < 0 or offset + length > size:
                raise GranuleError(f"'{self.name}' is too short: {length} bytes at offset {offset} of a file of {size} "
                                   "bytes; search for the scene again.")

    def _refuse_forked(self) -> None:
        if not self._client.here:
            raise ArchiveError(f"'{self.name}' is read in its own process; open it again in the other one.")

    def _gathered(self, ranges: Sequence[Range]) -> Spans:
        """All of `ranges`: from memory, from what is on its way, from disk, else from the server."""
        found = self._at_hand(ranges)
        with self._lock:
            self._refuse_changed()
            missing = found.missing(ranges)
            fetches = self._under_way(missing)
            for start, data in self._memory.under(missing):  # it came meanwhile
                found.add(start, data)
            rest = without(found.missing(missing), [(fetch.offset, fetch.length) for fetch in fetches])
            keep = sum(length for _, length in rest) <= _KEPT
            fetches += [self._begin(*piece, keep=keep) for piece in divided(united(rest, self.gap), _PIECE)]
            for fetch in fetches:
                self._client.join(fetch.job)
        try:
            for fetch in fetches:
                found.add(fetch.offset, fetch.job.wait())
        finally:
            self._client.leave([fetch.job for fetch in fetches])
        return found

    def _foresee(self, ranges: Sequence[Range], lasting: bool) -> None:
        """Begin to fetch what is not here, and keep on disk what lasts."""
        size = self._state.size if self._state is not None else 0
        inside = [wanted for wanted in united(ranges) if wanted[0] >= 0 and sum(wanted) <= size]
        found = self._at_hand(inside)
        with self._lock:
            if self._changed:
                return
            missing = found.missing(inside)
            rest = without(missing, [(fetch.offset, fetch.length) for fetch in self._under_way(missing)])
            begun = 0
            for offset, length in divided(united(rest, self.gap), _PIECE):
                begun += length
                if begun <= _AHEAD:
                    self._begin(offset, length, urgent=False, lasting=lasting)
        if lasting:
            for span in inside:
                if not found.missing([span]):
                    self._shelve(span[0], found.read(*span))

    def _under_way(self, missing: Sequence[Range]) -> list[_Fetch]:
        """Under the lock: the fetches that will bring some of `missing`."""
        self._pending = [fetch for fetch in self._pending if not fetch.job.settled]
        return [fetch for fetch in self._pending if any(
            fetch.offset < offset + length and offset < fetch.offset + fetch.length for offset, length in missing)]

    def _at_hand(self, ranges: Sequence[Range]) -> Spans:
        """What of `ranges` is in memory and on disk, which is read while no lock is held."""
        found = Spans()
        with self._lock:
            for start, data in self._memory.under(ranges):
                found.add(start, data)
            shelf, kept = self._shelf, meeting(self._on_disk, found.missing(ranges)) if self._on_disk else []
        for span in kept:
            lasting = shelf.read(span) if shelf is not None else None
            with self._lock:
                if lasting is not None:
                    found.add(span[0], lasting)
                    if not self._changed:
                        self._memory.add(span[0], lasting)
                elif span in self._on_disk:
                    self._on_disk.remove(span)
        return found

    def _begin(self, offset: int, length: int, *, urgent: bool = True, keep: bool = True,
               lasting: bool = False) -> _Fetch:
        """Begin to fetch bytes, known to others from now on."""
        reading = self._client.reading(self._url, offset, length)

        def work(job: Job[Any]) -> bytes:
            reply = reading(job)
            self._arrived(offset, reply, keep, lasting)
            return reply.data

        fetch = _Fetch(offset, length, self._client.begin(work, urgent))
        self._pending.append(fetch)
        return fetch

    def _arrived(self, offset: int, reply: Reply, keep: bool, lasting: bool) -> None:
        """In a thread of the client: believe a reply of the same state only."""
        state = State(self.name, reply.etag, reply.total)
        if self._state is None:
            self._open(state)
        with self._lock:
            replaced = state != self._state and not self._changed
            if replaced:
                self._changed = True
                self._memory.clear()
                self._on_disk, self._shelf = [], None
            elif keep and not self._changed:
                self._memory.add(offset, reply.data)
            foreseen, self._foreseen = self._foreseen, []
        if replaced and self._cache is not None:
            self._cache.forget(self._url)
        self._refuse_changed()
        for ranges, lasts in foreseen:
            self._foresee(ranges, lasts)
        if self._room is not None and keep:
            self._room.grew(self)
        if lasting:
            self._shelve(offset, reply.data)

    def _open(self, state: State) -> None:
        """The first answer tells the state, and what of it lies on disk."""
        shelf, spans = None, []
        if self._cache is not None and state.etag:
            shelf = self._cache.shelf(self._url, state.etag, state.size)
            spans = shelf.spans()
        with self._lock:
            if self._state is None:
                self._state, self._shelf, self._on_disk = state, shelf, spans

    def _refuse_changed(self) -> None:
        """Raise where the file is not the one it was."""
        if self._changed:
            raise SourceChanged(f"'{self.name}' was replaced on the server while it was open; open it again.")

    def _shelve(self, offset: int, data: bytes) -> None:
        """Keep bytes on disk, once."""
        span = (offset, len(data))
        with self._lock:
            shelf = self._shelf if without([span], self._on_disk) else None
        if shelf is not None and shelf.write(offset, data):
            with self._lock:
                if self._shelf is shelf:
                    self._on_disk.append(span)
