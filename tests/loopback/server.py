"""One host: a threaded HTTP/1.1 server with latency, a shared line, faults and a ledger."""

from __future__ import annotations

import contextlib
import itertools
import select
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from wsgiref.handlers import format_date_time

from .exchange import KEEP, RESET, STALL, Answer, Exchange, Repeated, Respond
from .ledger import Entry

if TYPE_CHECKING:
    from .site import Site

_NO_BODY = {204, 304}
_SMALL_BUFFER = 16 * 1024
_connections = itertools.count(1)


class Handler(BaseHTTPRequestHandler):
    """Reads requests of one connection; what to answer is the site's affair."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Host

    def setup(self) -> None:
        super().setup()
        self.number = next(_connections)
        self.server.open_sockets.add(self.connection)

    def finish(self) -> None:
        self.server.open_sockets.discard(self.connection)
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the peer went, or the server closes its sockets
            super().handle()

    def log_message(self, *_: object) -> None:
        """The ledger is the log."""

    def _handle_request(self) -> None:
        site = self.server.site
        length = int(self.headers.get("Content-Length") or 0)
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        exchange = Exchange(self.server.name, self.command, unquote(path), query, headers, self.rfile.read(length))
        entry = site.ledger.open(
            host=exchange.host, method=exchange.method, path=exchange.path, query=query, headers=headers,
            range=headers.get("range"), connection=self.number)
        fault = site.faults.take(exchange)
        arrived = entry.request.time
        answer = fault.answer(exchange, self.server.respond, site) if fault else self.server.respond(exchange)
        entry.update(status=0 if answer.silent else answer.status, fault=fault.kind if fault else "")
        time.sleep(max(0.0, arrived + site.settings.latency_s - time.monotonic()))
        if not answer.silent:
            self._send(answer, entry)
        self._end(answer.end)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = _handle_request

    def _send(self, answer: Answer, entry: Entry) -> None:
        n_bytes = len(answer.body) if hasattr(answer.body, "__len__") else None
        headers = {"Server": "loopback", "Date": format_date_time(self.server.site.now()), **answer.headers}
        if n_bytes is None:
            self.close_connection = True
        elif answer.status not in _NO_BODY:
            headers.setdefault("Content-Length", str(n_bytes))
        if self.close_connection or answer.end != KEEP:
            headers.setdefault("Connection", "close")
        self.send_response_only(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and answer.status not in _NO_BODY:
            self._send_body(answer, entry)

    def _send_body(self, answer: Answer, entry: Entry) -> None:
        throttle = self.server.site.throttle
        if isinstance(answer.body, Repeated):  # what is sent shall be about what was taken, not what buffers swallow
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SMALL_BUFFER)
        left = float("inf") if answer.cut is None else answer.cut
        due = time.monotonic()
        for block in _blocks(answer.body, throttle.block_size(answer.bytes_per_s)):
            block = block[: int(min(len(block), left))]
            if not block or self.server.site.stopping.is_set():
                break
            due = throttle.due(len(block), due)
            if answer.bytes_per_s:
                due += len(block) / answer.bytes_per_s
            pause = due - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            entry.sent(len(block))  # first, so that who has read it all finds it all counted
            try:
                self.connection.sendall(block)
            except OSError:
                entry.sent(-len(block))
                raise
            left -= len(block)

    def _end(self, end: str) -> None:
        if end == KEEP:
            return
        self.close_connection = True
        if end == STALL:
            self._wait_for_the_other_side()
        if end == RESET:
            # no time to linger: what is not yet acknowledged is dropped and the peer gets a RST
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socket.close(self.connection.detach())

    def _wait_for_the_other_side(self) -> None:
        while not self.server.site.stopping.wait(0.02):
            readable, _, _ = select.select([self.connection], [], [], 0)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                return


def _blocks(body: Any, size: int) -> Any:
    if isinstance(body, bytes):
        return (body[start : start + size] for start in range(0, len(body), size))
    return body.blocks(size)


class Host(ThreadingHTTPServer):
    """A host on a free port of 127.0.0.1."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, name: str, site: Site, respond: Respond) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.name, self.site, self.respond = name, site, respond
        self.open_sockets: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name=f"loopback-{name}", daemon=True)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        for connection in tuple(self.open_sockets):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        self.site.broke(self.name)
