"""What can go wrong between this computer and the archive, each as one sentence without a secret.

The errors of the HTTP library quote addresses with their signatures, so none of them leaves this package:
their kind is looked at, and a sentence of our own is raised outside the except block that caught them.
"""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Callable, Optional

from ...errors import ArchiveError
from .origins import host_of
from .proxy import Proxy


class Again(Exception):
    """A trouble that may pass; holds the sentence for when it does not."""

    def __init__(self, text: str, after_s: Optional[float] = None, at_once: bool = False, slow: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.after_s = after_s
        self.at_once = at_once
        self.slow = slow


@dataclass(frozen=True)
class _Kind:
    """One trouble."""

    is_it: Callable[[BaseException], bool]
    text: str
    passes: bool = False
    at_once: bool = False
    slow: bool = False


def _one_of(*types: type) -> Callable[[BaseException], bool]:
    return lambda error: isinstance(error, types)


def _named(*names: str) -> Callable[[BaseException], bool]:
    """By name, since the HTTP library is not always there."""
    return lambda error: type(error).__name__ in names


def _numbered(*numbers: int) -> Callable[[BaseException], bool]:
    return lambda error: isinstance(error, OSError) and error.errno in numbers


def _tunnel(number: str) -> Callable[[BaseException], bool]:
    return lambda error: isinstance(error, OSError) and f"Tunnel connection failed: {number}" in str(error)


_BAD_ADDRESS = "'{host}' cannot be asked: its address has a form that no server has; check it."
_BROKEN_OFF = "The connection to '{peer}' broke off; try again."
_SLOW = "'{peer}' took too long to answer; try again later."
_KINDS: Sequence[_Kind] = (
    _Kind(_tunnel("407"),
          "The proxy '{proxy}' wants a user name and password (407); enter them in the network settings."),
    _Kind(_tunnel(""),
          "The proxy '{proxy}' refuses to connect to '{host}'; ask whoever runs it, or except the host from the proxy "
          "in the network settings."),
    _Kind(_one_of(ssl.SSLCertVerificationError),
          "'{peer}' shows a certificate that this computer does not trust; check the date of the computer, and whether "
          "a proxy or virus scanner reads along."),
    _Kind(_named("CertificateError"),
          "'{peer}' shows the certificate of another server; check the address, and whether a proxy or virus scanner "
          "reads along."),
    _Kind(_one_of(ssl.SSLEOFError, ssl.SSLZeroReturnError), _BROKEN_OFF, passes=True),
    _Kind(_one_of(socket.gaierror),
          "The name '{peer}' cannot be found; check that this computer is connected to the network, and its proxy."),
    _Kind(_one_of(ConnectionRefusedError),
          "'{peer}' refuses connections; check the network, its proxy and firewall, or try again later."),
    _Kind(_numbered(errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN),
          "There is no way to '{peer}'; check that this computer is connected to the network."),
    _Kind(_named("ConnectTimeoutError"),
          "'{peer}' does not answer; check the network and its proxy, or try again later.", passes=True,
          slow=True),
    _Kind(_named("ReadTimeoutError"), _SLOW, passes=True, slow=True),
    _Kind(_one_of(socket.timeout, TimeoutError), _SLOW, passes=True, slow=True),
    _Kind(_one_of(ConnectionError, http.client.IncompleteRead), _BROKEN_OFF, passes=True, at_once=True),
    _Kind(_one_of(ssl.SSLError),
          "No secure connection to '{peer}' can be made; check its address, and whether a proxy stands between."),
    _Kind(_one_of(http.client.InvalidURL, UnicodeError), _BAD_ADDRESS),
    _Kind(_named("LocationParseError", "LocationValueError", "URLSchemeUnknown"), _BAD_ADDRESS),
)
_UNKNOWN = _Kind(_one_of(BaseException), _BROKEN_OFF, passes=True, at_once=True)
STALLED = "'{peer}' sends nothing, or too little to wait for; try again later."


def of_error(error: BaseException, url: str, proxy: Optional[Proxy]) -> Exception:
    """What to raise in the place of `error`: :class:`Again`, or an :class:`ArchiveError` where trying is no use."""
    roots = list(_roots(error))
    kind = next((kind for kind in _KINDS if any(map(kind.is_it, roots))), _UNKNOWN)
    at_proxy = proxy is not None and any(map(_named("ProxyError"), roots))
    host, between = host_of(url), proxy.host if proxy is not None else ""
    text = kind.text.format(host=host, proxy=between, peer=between if at_proxy else host)
    return Again(text, at_once=kind.at_once, slow=kind.slow) if kind.passes else ArchiveError(text)


def stalled(url: str) -> Again:
    """What to raise where a server let us wait."""
    return Again(STALLED.format(peer=host_of(url)), slow=True)


def _roots(error: BaseException) -> Iterator[BaseException]:
    """`error` and what it came from, each once."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        here = waiting.pop()
        if isinstance(here, BaseException) and id(here) not in seen:
            seen.add(id(here))
            yield here
            waiting += [here.__cause__, here.__context__, getattr(here, "reason", None), *here.args]
