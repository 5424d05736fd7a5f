"""A web proxy on loopback: forwards, tunnels (CONNECT), wants a password or refuses, and notes what it was told."""

from __future__ import annotations

import base64
import contextlib
import select
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_OWN_AFFAIR = {"connection", "keep-alive", "proxy-connection", "proxy-authorization", "transfer-encoding", "te"}
_BLOCK = 64 * 1024


@dataclass(frozen=True)
class ProxyRequest:
    """One request to the proxy."""

    method: str
    target: str
    """The whole address, or host:port of a tunnel."""
    headers: Mapping[str, str]
    """As sent, names in lower case."""
    status: int
    """What the proxy decided: 200 to go on, 403 or 407."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _decide(self) -> int:
        """Note the request; the refusal is sent from here."""
        proxy, headers = self.server.proxy, {name.lower(): value for name, value in self.headers.items()}
        status = proxy.decide(headers)
        proxy.requests.append(ProxyRequest(self.command, self.path, headers, status))
        if status != 200:
            self.send_response_only(status)
            self.send_header("Proxy-Authenticate", 'Basic realm="loopback"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        return status

    def do_CONNECT(self) -> None:
        if self._decide() != 200:
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as far:
            self.send_response_only(200)
            self.end_headers()
            _relay(self.connection, far, self.server.stopping)
        self.close_connection = True

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self._decide() != 200:
            return
        parts = urlsplit(self.path)
        far = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OWN_AFFAIR}
        with contextlib.closing(far), contextlib.suppress(HTTPException):
            far.request(self.command, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)
            answer = far.getresponse()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _OWN_AFFAIR:
                    self.send_header(name, value)
            self.end_headers()
            while block := answer.read1(_BLOCK):
                self.connection.sendall(block)
            self.close_connection = answer.length != 0 and answer.getheader("Content-Length") is None
            return
        self.close_connection = True  # the far side broke off: so does this one

    do_GET = do_HEAD = do_POST = _forward

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            super().handle()

    def log_message(self, *_: object) -> None:
        """The list of requests is the log."""


def _relay(near: socket.socket, far: socket.socket, stopping: threading.Event) -> None:
    other = {near: far, far: near}
    while not stopping.is_set():
        for ready in select.select([near, far], [], [], 0.05)[0]:
            block = ready.recv(_BLOCK)
            if not block:
                return
            other[ready].sendall(block)


class _Server(ThreadingHTTPServer):
    daemon_threads, block_on_close = True, False

    def __init__(self, proxy: LoopbackProxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy, self.stopping = proxy, threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A broken connection is the client's to notice."""


class LoopbackProxy:
    """A context manager. With `user`, Basic credentials are wanted (407); `refuses` answers 403 to all."""

    def __init__(self, user: str = "", password: str = "", refuses: bool = False) -> None:
        self._user, self._password, self._refuses = user, password, refuses
        self.requests: list[ProxyRequest] = []

    def __enter__(self) -> LoopbackProxy:
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it listens, without credentials."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def decide(self, headers: Mapping[str, str]) -> int:
        """403 where it refuses all, 407 without the right password, else 200."""
        wanted = "Basic " + base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
        if self._refuses:
            return 403
        return 407 if self._user and headers.get("proxy-authorization") != wanted else 200
