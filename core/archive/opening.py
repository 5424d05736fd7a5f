"""What turns the address of a granule into bytes."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from types import FunctionType
from typing import Any, Callable, Optional, Union
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from ..errors import ArchiveError, SignInError
from ..io.bytesource import ByteSource, FileSource
from ..io.room import Room
from .archives import sidecar_places
from .cache import DiskCache
from .remote import RemoteSource
from .web.http import HttpClient
from .web.limits import Limits
from .web.origins import EARTHDATA_ORIGINS, host_of, origin_of, unsigned
from .web.proxy import Proxy

CacheLike = Union[None, str, "os.PathLike[str]", DiskCache]
_VSICURL = "/vsicurl/"


class Opener:
    """Callable: the address or path of a file -> its ByteSource. Shows no secret; one HttpClient, begun when needed."""

    def __init__(self, token: Optional[Callable[[], str]] = None, cache: CacheLike = None,
                 token_origins: Sequence[str] = EARTHDATA_ORIGINS, proxy: Optional[Proxy] = None,
                 limits: Limits = Limits()) -> None:  # noqa: B008 (frozen)
        if token is not None and not callable(token):
            raise SignInError("The token of an opener is to be a function that returns it, so that it is kept nowhere "
                              "else: give token=lambda: ..., or a function of core.archive.login.")
        self.cache = cache if cache is None or isinstance(cache, DiskCache) else DiskCache(cache)
        self._token, self._origins, self._proxy, self._limits = token, tuple(token_origins), proxy, limits
        self._lock = threading.Lock()
        self._client: Optional[HttpClient] = None
        self._process = os.getpid()
        self._sources: WeakValueDictionary[str, RemoteSource] = WeakValueDictionary()
        self._room = Room()

    def __call__(self, url: str | os.PathLike[str]) -> ByteSource:
        """Raises :class:`ArchiveError` for an address that is neither https nor a path."""
        address = os.fspath(url)
        address = address[len(_VSICURL):] if address.startswith(_VSICURL) else address
        if "://" not in address:
            return FileSource(address)
        self._refuse_insecure(address)
        client = self.client
        with self._lock:
            source = self._sources.get(address)
            if source is None or source.changed:
                source = RemoteSource(address, client, self.cache, sidecar_places(address), self._room)
                self._sources[address] = source
        return source

    def __repr__(self) -> str:
        return "<Opener>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Only with a token that is found again by its name: anything else could carry a secret along."""
        if self._token is not None and not _is_of_a_module(self._token):
            raise ArchiveError("This opener signs in with what must not leave its process; to read in other processes, "
                               "give opener(token=...) a function of a module.")
        return Opener, (self._token, self.cache, self._origins, self._proxy, self._limits)

    @property
    def client(self) -> HttpClient:
        """The client of this process."""
        if self._process != os.getpid():  # forked: threads and sockets stayed behind, and locks may be held
            self._lock, self._client, self._process = threading.Lock(), None, os.getpid()
            self._sources, self._room = WeakValueDictionary(), Room()
        with self._lock:
            if self._client is None:
                self._client = HttpClient(self._token, self._origins, self._proxy, self._limits)
            return self._client

    def close(self) -> None:
        """Close all connections; the next use makes new ones."""
        with self._lock:
            client, self._client = self._client, None
            self._sources = WeakValueDictionary()
        if client is not None:
            client.close()

    def _refuse_insecure(self, address: str) -> None:
        origin = origin_of(address)
        if origin is None:
            raise ArchiveError(f"'{unsigned(address)}' is not an address that can be read; give one that starts with "
                               "https:// and holds no user name, or a path.")
        if origin.scheme != "https" and not any(urlsplit(trusted).scheme == "http" for trusted in self._origins):
            raise ArchiveError(f"'{unsigned(address)}' is not secure: '{host_of(address)}' is to be asked over https; "
                               "change http:// to https://.")


def opener(token: Optional[Callable[[], str]] = None, cache: CacheLike = None,
           token_origins: Sequence[str] = EARTHDATA_ORIGINS, proxy: Optional[Proxy] = None) -> Opener:
    """What `open_granule(url, opener=...)` takes.

    `token` is called when a server of `token_origins` (scheme://host[:port]) is asked, `cache` is a folder in which
    structure and tables are kept for the next session.
    """
    return Opener(token, cache, token_origins, proxy)


def _is_of_a_module(function: object) -> bool:
    return isinstance(function, FunctionType) and "<" not in function.__qualname__
