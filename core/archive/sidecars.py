"""The DMR++ description of a file: asked for ahead, and not waited for long, since there is a way without it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Optional

from ..errors import ArchiveError
from .web.http import HttpClient
from .web.lanes import Job
from .web.origins import host_of
from .web.replies import Page

_MOST_BYTES = 8 << 20
_RETRIES = 1


class Sidecar:
    """What lies at the first of `urls` that has it. A host that lets it wait is asked for none in this session."""

    def __init__(self, urls: Sequence[str], client: HttpClient) -> None:
        self._urls, self._client = tuple(urls), client
        self._begun: Optional[Job[Page]] = None

    def begin(self) -> None:
        """Ask at the likeliest place; it is not waited for."""
        for url in self._urls[:1]:
            if not self._is_silent(url):
                self._begun = self._ask(url, self._client.limits.sidecar_s)

    def give_up(self) -> None:
        """Stop what was begun, unless somebody waits for it."""
        begun, self._begun = self._begun, None
        if begun is not None:
            self._client.join(begun)
            self._client.leave([begun])

    def fetch(self) -> Optional[bytes]:
        """Its bytes; None where it is nowhere, or does not come in time. Raises Cancelled."""
        until = time.monotonic() + self._client.limits.sidecar_s
        begun, self._begun = self._begun, None
        for url in self._urls:
            left_s = until - time.monotonic()
            if begun is None and (left_s <= 0 or self._is_silent(url)):
                continue
            job, begun = begun or self._ask(url, left_s), None
            try:
                page = self._client.results([job])[0]
            except ArchiveError:  # no right to it, or none there: storages answer 403 to both
                if job.late:
                    self._client.silent.add(host_of(url))
                continue
            if page.data and "html" not in page.headers.get("content-type", ""):
                return page.data
        return None

    def _is_silent(self, url: str) -> bool:
        return host_of(url) in self._client.silent

    def _ask(self, url: str, within_s: float) -> Job[Page]:
        asking = self._client.fetching(url, limit=_MOST_BYTES, with_token=True, retries=_RETRIES)
        return self._client.begin(asking, within_s=within_s)
