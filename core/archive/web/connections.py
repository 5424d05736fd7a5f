"""One request over one kept-alive connection: sockets, TLS and the proxy, by way of urllib3."""

from __future__ import annotations

import http.client
import logging
import re
import ssl
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Optional

from ...optional import available, require
from .lanes import Job, current
from .limits import Limits
from .origins import host_of
from .proxy import Proxy
from .troubles import of_error, stalled

_SCRAP = 16 << 10
"""Bytes of a body nobody wants that are read to keep its connection."""
_HOSTS = 32
"""Hosts whose connections are kept."""


_LOGGERS = ("urllib3.connectionpool", "urllib3.connection", "urllib3.poolmanager", "urllib3.response",
            "urllib3.util.retry")
"""Whoever of the library logs, in any of its versions; a filter of a logger does not hold for those below it."""
_NUMBER = re.compile(r"[0-9]{1,18}")


def number_in(headers: Mapping[str, str], name: str) -> Optional[int]:
    """The whole number that a header holds; None where it is missing, or holds anything else."""
    found = _NUMBER.fullmatch(headers.get(name, "").strip())
    return None if found is None else int(found[0])


class Answer:
    """The answer to one request, its body still on the way."""

    def __init__(self, job: Job[Any], response: Any, url: str, errors: tuple[type[BaseException], ...],
                 limits: Limits) -> None:
        self.status: int = response.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
        self.url = url
        self._job, self._response, self._errors, self._limits = job, response, errors, limits

    def __repr__(self) -> str:
        return f"<Answer {self.status}>"

    def blocks(self) -> Iterator[bytes]:
        """The body as it arrives; raises :class:`Again` where it stops or comes at less than 1 KB per second."""
        size = max(1024, int(self._limits.read_s * 1024))
        while True:
            self._job.due_in(self._limits.read_s)
            block = self._block(size)
            self._job.rests()
            if not block:
                break
            yield block
        self._job.lets_go()
        self._response.release_conn()

    def body(self, limit: int) -> Optional[bytes]:
        """The whole body, or None where it is longer than `limit`."""
        parts, length = [], 0
        for block in self.blocks():
            parts.append(block)
            length += len(block)
            if length > limit:
                self.close()
                return None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def skip(self) -> None:
        """Be done with it: a short rest is read, a longer one costs the connection."""
        length = number_in(self.headers, "content-length")
        if length is not None and length <= _SCRAP:
            self.body(_SCRAP)
        else:
            self.close()

    def close(self) -> None:
        """Close its connection."""
        self._job.lets_go()
        self._response.close()

    def _block(self, size: int) -> bytes:
        trouble: Optional[Exception] = None
        block = b""
        try:
            block = self._response.read(size)
        except self._errors as error:
            trouble = of_error(error, self.url, None)
        self._job.check()
        if self._job.was_stalled():  # its socket was shut: what came then is no end
            self.close()
            raise stalled(self.url)
        if trouble is not None:
            raise trouble
        return block


class Connections:
    """Kept-alive connections to any number of hosts, direct or through a proxy."""

    def __init__(self, limits: Limits, proxy: Optional[Proxy]) -> None:
        urllib3 = require("urllib3", "to read over the network")
        self._limits, self._proxy = limits, proxy
        self._errors: tuple[type[BaseException], ...] = (
            urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError)
        self._timeout = urllib3.Timeout(connect=limits.connect_s, read=limits.read_s)
        self._once = urllib3.Retry(total=False)
        options = {"num_pools": _HOSTS, "maxsize": limits.connections, "block": False, "ssl_context": _trust()}
        self._direct = self._prepared(urllib3, urllib3.PoolManager(**options))
        self._proxied = self._direct
        if proxy is not None:
            headers = urllib3.make_headers(proxy_basic_auth=proxy.login) if proxy.login else None
            manager = urllib3.ProxyManager(proxy.address, proxy_headers=headers, **options)
            self._proxied = self._prepared(urllib3, manager)
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(_without_ours)

    def send(self, job: Job[Any], method: str, url: str, headers: Mapping[str, str],
             body: Optional[bytes] = None) -> Answer:
        """One request and the head of its answer; raises :class:`Again` or :class:`ArchiveError`."""
        job.check()
        job.peer = f"'{host_of(url)}'"
        job.due_in(self._limits.connect_s + self._limits.read_s)
        through = self._proxy if self._proxy is not None and self._proxy.covers(url) else None
        manager = self._proxied if through else self._direct
        trouble: Optional[Exception] = None
        try:
            response = manager.urlopen(method, url, headers=dict(headers), body=body, timeout=self._timeout,
                                       retries=self._once, redirect=False, preload_content=False, decode_content=False)
        except self._errors as error:
            trouble = of_error(error, url, through)
        job.check()
        if job.was_stalled():
            raise stalled(url)
        if trouble is not None:
            raise trouble
        return Answer(job, response, url, self._errors, self._limits)

    def close(self) -> None:
        """Close what is idle."""
        for manager in (self._direct, self._proxied):
            manager.clear()

    @staticmethod
    def _prepared(urllib3: Any, manager: Any) -> Any:
        """Let the connections of `manager` tell the job of their thread which socket it waits for."""
        classes = {}
        for scheme, pool in (("http", urllib3.HTTPConnectionPool), ("https", urllib3.HTTPSConnectionPool)):
            connection = type("Told", (_Told, pool.ConnectionCls), {})
            classes[scheme] = type(f"Told{pool.__name__}", (pool,), {"ConnectionCls": connection})
        manager.pool_classes_by_scheme = classes
        return manager


class _Told:
    """Part of a connection: its socket is made known to the job that waits for it, so that a stop can shut it."""

    sock: Any = None

    def connect(self) -> Any:
        done = super().connect()  # type: ignore[misc]
        self._tell(self.sock)
        return done

    def _new_conn(self) -> Any:
        connection = super()._new_conn()  # type: ignore[misc]
        self._tell(connection)
        return connection

    def putrequest(self, *args: Any, **kwargs: Any) -> Any:
        self._tell(self.sock)
        return super().putrequest(*args, **kwargs)  # type: ignore[misc]

    @staticmethod
    def _tell(connection: Any) -> None:
        job = current()
        if job is not None and connection is not None:
            job.holds(connection)


def _without_ours(record: logging.LogRecord) -> bool:
    """A filter: the library would log our addresses with their signatures."""
    return current() is None


def _trust() -> ssl.SSLContext:
    """The certificates of this computer; where Python finds none of them, those of certifi."""
    create = require("urllib3.util.ssl_", "to read over the network").create_urllib3_context
    context: ssl.SSLContext = create(cert_reqs=ssl.CERT_REQUIRED)  # urllib3 1.26 checks names itself, addresses too
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_default_certs()
    places = ssl.get_default_verify_paths()
    if sys.platform != "win32" and not places.cafile and not places.capath and available("certifi"):
        context.load_verify_locations(require("certifi", "to trust servers").where())
    return context
