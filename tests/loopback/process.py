"""The servers in a process of their own, steered over one more port."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any, Optional

from .ledger import Request
from .login import Account
from .site import ACCOUNTS, Site
from .tokens import Seal

_READ: dict[str, Any] = {"requests": lambda found: [Request(**facts) for facts in found]}
"""How the answers of some calls are turned back from JSON."""


class ChildSite:
    """Stands for a :class:`.site.Site` in a child process; the child ends with this process, whatever happens."""

    def __init__(self, folder: Path, accounts: Optional[Mapping[str, Account]] = None) -> None:
        self._folder, self.seal = folder.resolve(), Seal()
        self._accounts = ACCOUNTS if accounts is None else accounts
        self.origins: dict[str, str] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        here = Path(__file__).resolve().parents[1]
        path = os.pathsep.join(filter(None, (str(here), os.environ.get("PYTHONPATH"))))
        self._child = subprocess.Popen(  # the secret goes over the pipe, not into the list of processes
            [sys.executable, "-m", "loopback", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": path})
        orders = {"folder": str(self._folder), "secret": self.seal.secret,
                  "accounts": {name: asdict(account) for name, account in self._accounts.items()}}
        self._child.stdin.write(json.dumps(orders) + "\n")
        self._child.stdin.flush()
        told = self._child.stdout.readline()
        if not told:
            raise RuntimeError("the loopback archive's process did not start")
        facts = json.loads(told)
        self.origins, self._admin = facts["origins"], HTTPConnection("127.0.0.1", facts["admin"], timeout=60)

    def stop(self) -> None:
        self._admin.close()
        self._child.stdin.close()
        self._child.stdout.close()
        self._child.wait(timeout=20)

    def call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        with self._lock:
            self._admin.request("POST", f"/{name}", json.dumps(arguments))
            reply = self._admin.getresponse()
            told = json.loads(reply.read())
        if reply.status != 200:
            raise RuntimeError(told)
        return _READ.get(name, lambda found: found)(told)


class _Admin(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _AdminHost

    def do_POST(self) -> None:
        arguments = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            status, told = 200, self.server.site.call(self.path[1:], arguments)
        except (KeyError, TypeError, ValueError) as error:
            status, told = 400, repr(error)
        body = json.dumps(told, default=asdict).encode()
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing to say."""


class _AdminHost(ThreadingHTTPServer):
    daemon_threads, block_on_close = True, False

    def __init__(self, site: Site) -> None:
        super().__init__(("127.0.0.1", 0), _Admin)
        self.site = site


def serve(orders: IO[str], told: IO[str]) -> None:
    """The child: its orders in one line of JSON, where it listens in another; until `orders` ends."""
    facts = json.loads(orders.readline())
    accounts = {name: Account(**account) for name, account in facts["accounts"].items()}
    site = Site(Path(facts["folder"]), facts["secret"], accounts)
    admin = _AdminHost(site)
    threading.Thread(target=admin.serve_forever, daemon=True).start()
    site.start()
    print(json.dumps({"origins": site.origins, "admin": admin.server_address[1]}), file=told, flush=True)
    orders.read()
    admin.shutdown()
    site.stop()
