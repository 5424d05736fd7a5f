"""The one HTTP client of the core: ranges, pages and downloads, with the token kept to those it is for."""

from __future__ import annotations

import secrets
import time
import weakref
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf
from typing import Any, Callable, Optional, TypeVar, Union
from urllib.parse import urlencode

from ...errors import ArchiveError
from ...io.bytesource import Range
from .connections import Connections
from .lanes import ELSEWHERE, Job, Lanes
from .limits import Limits
from .origins import EARTHDATA_ORIGINS
from .proxy import Proxy
from .refusals import is_html
from .replies import Page, Part, Reply, checked_part, document, whole_part
from .routes import Asked, Landed, Routes
from .stream import Stream
from .troubles import Again

T = TypeVar("T")
Token = Callable[[], str]
Parameters = Union[Mapping[str, str], Sequence[tuple[str, str]]]


class HttpClient:
    """Reads from servers over kept-alive connections; safe to share between threads, never shown with a secret.

    `token` is asked when a request goes to one of `token_origins`; its answer is sent with the first request only,
    never along a redirect. If it has a method `refuse`, that is told the token that a server did not take, before
    `token` is asked once more. Every wait ends within a second once the listener of the waiting thread is cancelled
    (:func:`...progress.listening`).
    """

    def __init__(self, token: Optional[Token] = None, token_origins: Sequence[str] = EARTHDATA_ORIGINS,
                 proxy: Optional[Proxy] = None, limits: Limits = Limits()) -> None:  # noqa: B008 (frozen)
        self.limits = limits
        self.silent: set[str] = set()
        """Hosts that let a description of a file wait; they are asked for none again."""
        self._counts: Counter[str] = Counter()
        self._lanes = Lanes(limits.connections)
        self._connections = Connections(limits, proxy)
        self._routes = Routes(self._connections, limits, token, tuple(token_origins), self._counts)
        self._finalizer = weakref.finalize(self, _close, self._lanes, self._connections)

    def __repr__(self) -> str:
        return "<HttpClient>"

    def __reduce__(self) -> tuple[object, ...]:
        raise ArchiveError(ELSEWHERE)

    @property
    def n_requests(self) -> int:
        """Answers so far, redirects left out."""
        return self._counts["requests"]

    @property
    def n_redirects(self) -> int:
        """Redirects so far."""
        return self._counts["redirects"]

    @property
    def n_bytes(self) -> int:
        """Bytes of bodies that were asked for, so far."""
        return self._counts["bytes"]

    def ranges(self, url: str, ranges: Sequence[Range]) -> list[Reply]:
        """The bytes of each (offset, length) of the file at `url`, read side by side; shorter only at its end.

        Raises :class:`ArchiveError` or :class:`SignInError`.
        """
        return self.results([self.begin(self.reading(url, *wanted)) for wanted in ranges])

    def page(self, url: str, *, limit: int, with_token: bool = False, headers: Optional[Mapping[str, str]] = None,
             params: Optional[Parameters] = None, body: Optional[bytes] = None,
             accept: Collection[int] = ()) -> Page:
        """A whole document of at most `limit` bytes; with a `body` it is posted.

        `headers` go to the first server only. An answer that is no success raises, unless its status is in `accept`.
        """
        asking = self.fetching(url, limit=limit, with_token=with_token, headers=headers, params=params, body=body,
                               accept=accept)
        return self.results([self.begin(asking)])[0]

    @contextmanager
    def stream(self, url: str, start: int = 0) -> Iterator[Stream]:
        """The file at `url` from byte `start` on, block by block; broken connections are taken up again.

        `etag` and `total` of the stream are known at once. Raises :class:`SourceChanged` where the file is replaced
        meanwhile.
        """
        stream = Stream(url, start)
        job = self.begin(lambda job: stream.pour(self, job))
        self.join(job)
        try:
            yield stream.opened(job)
        finally:
            self.leave([job])

    def close(self) -> None:
        """Stop what is under way and close all connections."""
        self._finalizer()

    @property
    def here(self) -> bool:
        """False in a process that was forked from that of the client, where nothing can be read by it."""
        return self._lanes.here

    # what RemoteSource builds on: work that is begun now and waited for later

    def begin(self, work: Callable[[Job[T]], T], urgent: bool = True, within_s: float = inf) -> Job[T]:
        """Have a thread do `work`; what is not urgent waits for what is, and what takes longer is given up."""
        return self._lanes.submit(work, urgent, within_s)

    def join(self, job: Job[T]) -> None:
        """Want `job` too; to be followed by :meth:`leave`."""
        self._lanes.join(job)

    def leave(self, jobs: Sequence[Job[T]]) -> None:
        """Want them no more."""
        self._lanes.leave(jobs)

    def results(self, jobs: Sequence[Job[T]]) -> list[T]:
        """Wait for all of them; on an error or a cancel the rest is given up."""
        return self._lanes.results(jobs)

    def reading(self, url: str, offset: int, length: int) -> Callable[[Job[Reply]], Reply]:
        """The work of reading one range."""
        if offset < 0 or length < 1:
            raise ValueError(f"no range: {length} bytes at {offset}")
        return lambda job: self.persistently(job, lambda: self._read(job, url, offset, length))

    def fetching(self, url: str, *, limit: int, with_token: bool = False, headers: Optional[Mapping[str, str]] = None,
                 params: Optional[Parameters] = None, body: Optional[bytes] = None, accept: Collection[int] = (),
                 retries: Optional[int] = None) -> Callable[[Job[Page]], Page]:
        """The work of :meth:`page`, which tries `retries` times more."""
        if params:
            url = f"{url}{'&' if '?' in url else '?'}{urlencode(params)}"
        asked = Asked(url, {"accept-encoding": "gzip", **(headers or {})}, "GET" if body is None else "POST", body,
                      with_token)
        return lambda job: self.persistently(job, lambda: self._fetch(job, asked, limit, accept), retries)

    def persistently(self, job: Job[Any], once: Callable[[], T], retries: Optional[int] = None) -> T:
        """`once`, and again after a pause where the trouble may pass."""
        trouble = Again("")
        last = self.limits.retries if retries is None else min(retries, self.limits.retries)
        for attempt in range(last + 1):
            try:
                return once()
            except Again as caught:
                trouble = caught
            if trouble.slow and job.hurried:
                job.late = True
                break
            if attempt == last or time.monotonic() - job.begun_s > self.limits.deadline_s:
                break
            job.pause(self._pause_s(attempt, trouble))
        raise ArchiveError(trouble.text)

    def part(self, job: Job[Any], url: str, start: int, length: int, wanted: str) -> tuple[Landed, Part]:
        """Ask for a part of a file and check the head of the answer; `wanted` is the Range header's value."""
        landed = self._routes.to_file(job, url, {"range": f"bytes={wanted}"})
        try:
            return landed, checked_part(landed, start, length)
        except ArchiveError:
            self._routes.forget(url)
            raise

    def counted(self, n_bytes: int) -> None:
        """Note bytes that arrived."""
        self._counts["bytes"] += n_bytes

    def _read(self, job: Job[Any], url: str, offset: int, length: int) -> Reply:
        reply = whole_part(*self.part(job, url, offset, length, f"{offset}-{offset + length - 1}"))
        self.counted(len(reply.data))
        return reply

    def _fetch(self, job: Job[Any], asked: Asked, limit: int, accept: Collection[int]) -> Page:
        landed = self._routes.to_page(job, asked)
        if landed.answer.status != 200 and landed.answer.status not in accept:
            raise landed.refusal()
        if asked.with_token and landed.answer.status == 200 and is_html(landed.answer):
            raise landed.not_signed_in()
        page = document(landed, limit)
        self.counted(len(page.data))
        return page

    def _pause_s(self, attempt: int, trouble: Again) -> float:
        if trouble.after_s is not None:
            return min(trouble.after_s, self.limits.retry_after_s) + self._jitter(self.limits.backoff_s)
        if trouble.at_once and attempt == 0:
            return 0.0
        return self.pause_s(attempt)

    def pause_s(self, attempt: int) -> float:
        """How long to wait after so many attempts that failed one after the other."""
        return self._jitter(self.limits.backoff_s * 2.0 ** min(attempt, self.limits.retries))

    @staticmethod
    def _jitter(seconds: float) -> float:
        """Half of it to all of it, so that many readers do not come back together."""
        return seconds * (0.5 + secrets.randbelow(1000) / 2000)


def _close(lanes: Lanes, connections: Connections) -> None:
    if lanes.here:
        lanes.close()
        connections.close()
