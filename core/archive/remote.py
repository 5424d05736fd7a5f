"""A file on a server, read in parts: each part fetched once, kept for a while, and always of the same state."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple, Optional, cast

from ..errors import ArchiveError, Cancelled, GranuleError, SourceChanged
from ..io.bytesource import Range
from ..progress import listener
from .blocks import BlockFile
from .cache import DiskCache, Shelf
from .http import HttpClient
from .lanes import Job
from .origins import unsigned
from .replies import Page, Reply
from .spans import Spans, divided, united, without

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
_SIDECAR_BYTES = 8 << 20
_SIDECAR_RETRIES = 1


class State(NamedTuple):
    """What tells one state of a remote file from another."""

    etag: str
    """As the server calls it; may be empty."""
    size: int
    """Bytes."""


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
                 sidecar_urls: Sequence[str] = ()) -> None:
        self.name = unsigned(url)
        self._url, self._client, self._cache = url, client, cache
        self._lock = threading.Lock()
        self._memory = Spans(_MEMORY)
        self._pending: list[_Fetch] = []
        self._foreseen: list[tuple[Sequence[Range], bool]] = []
        self._state: Optional[State] = None
        self._changed = False
        self._shelf: Optional[Shelf] = None
        self._on_disk: list[Range] = []
        self._sidecar_urls = tuple(sidecar_urls)
        self._sidecar: Optional[bytes] = None
        self._sidecar_known = not sidecar_urls
        self._sidecar_job: Optional[Job[Page]] = None
        self._head: Optional[_Fetch] = self._begin(0, HEAD_BYTES, lasting=True)
        if sidecar_urls and not (cache is not None and cache.knows(url)):
            self._sidecar_job = self._ask_sidecar(sidecar_urls[0])

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
    def changed(self) -> bool:
        """True once the file was found to be another."""
        return self._changed

    @property
    def state(self) -> State:
        """Waits for the first answer."""
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
                self._sidecar_job = None  # it failed for the same reason
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
        with self._lock:
            if self._state is None:
                self._foreseen.append((ranges, lasting))
            elif not self._changed:
                self._foresee(ranges, lasting)

    def sidecar(self) -> Optional[bytes]:
        """Its DMR++ description; None where there is none that can be read."""
        self.state  # noqa: B018 (a file that cannot be read at all says so first)
        if not self._sidecar_known:
            kept = self._shelf.sidecar() if self._shelf is not None else None
            self._sidecar = kept or self._fetched_sidecar()
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

    def _gathered(self, ranges: Sequence[Range]) -> Spans:
        """All of `ranges`: from memory, from what is on its way, from disk, else from the server."""
        found = Spans()
        with self._lock:
            self._refuse_changed()
            self._recall(ranges, found)
            missing = found.missing(ranges)
            fetches = self._under_way(missing)
            rest = without(missing, [(fetch.offset, fetch.length) for fetch in fetches])
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
        """Under the lock: begin to fetch what is not here, and keep on disk what lasts."""
        size = self._state.size if self._state is not None else 0
        inside = [wanted for wanted in united(ranges) if wanted[0] >= 0 and sum(wanted) <= size]
        found = Spans()
        self._recall(inside, found)
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

    def _recall(self, ranges: Sequence[Range], found: Spans) -> None:
        """Under the lock: add to `found` what is in memory and on disk."""
        for start, data in self._memory.under(ranges):
            found.add(start, data)
        missing = found.missing(ranges) if self._on_disk else []
        for span in list(self._on_disk) if missing else []:
            if without(missing, [span]) == missing:
                continue
            kept = self._shelf.read(span) if self._shelf is not None else None
            if kept is None:
                self._on_disk.remove(span)
            else:
                found.add(span[0], kept)
                self._memory.add(span[0], kept)

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
        state = State(reply.etag, reply.total)
        with self._lock:
            if self._state is None:
                self._opened(state)
            self._refuse_changed(state)
            if keep:
                self._memory.add(offset, reply.data)
            foreseen, self._foreseen = self._foreseen, []
            for ranges, lasts in foreseen:
                self._foresee(ranges, lasts)
        if lasting:
            self._shelve(offset, reply.data)

    def _opened(self, state: State) -> None:
        """Under the lock: the first answer tells the state, and what of it lies on disk."""
        if self._cache is not None and state.etag:
            self._shelf = self._cache.shelf(self._url, *state)
            self._on_disk = self._shelf.spans()
        self._state = state

    def _refuse_changed(self, state: Optional[State] = None) -> None:
        """Under the lock: raise where the file is not the one it was."""
        if state is not None and state != self._state and not self._changed:
            self._changed = True
            self._memory.clear()
            self._on_disk, self._shelf = [], None
            if self._cache is not None:
                self._cache.forget(self._url)
        if self._changed:
            raise SourceChanged(f"'{self.name}' was replaced on the server while it was open; open it again.")

    def _shelve(self, offset: int, data: bytes) -> None:
        """Keep bytes on disk, once."""
        shelf, span = self._shelf, (offset, len(data))
        if shelf is not None and without([span], self._on_disk) and shelf.write(offset, data):
            self._on_disk.append(span)

    def _ask_sidecar(self, url: str) -> Job[Page]:
        return self._client.begin(self._client.fetching(
            url, limit=_SIDECAR_BYTES, with_token=True, retries=_SIDECAR_RETRIES))

    def _fetched_sidecar(self) -> Optional[bytes]:
        """The first sidecar that comes from where one may lie."""
        begun, self._sidecar_job = self._sidecar_job, None
        for url in self._sidecar_urls:
            job, begun = begun or self._ask_sidecar(url), None
            try:
                page = self._client.results([job])[0]
            except ArchiveError:  # no right to it, or none there: storages answer 403 to both
                continue
            if page.data and "html" not in page.headers.get("content-type", ""):
                if self._shelf is not None:
                    self._shelf.keep_sidecar(page.data)
                return page.data
        return None
