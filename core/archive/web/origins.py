"""Which server a web address belongs to, and who may be sent a token."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import NamedTuple, Optional
from urllib.parse import SplitResult, urlsplit, urlunsplit

EARTHDATA_ORIGINS = ("https://earthdata.nasa.gov", "https://earthdatacloud.nasa.gov")
"""Who may receive an Earthdata token: these hosts and what ends with a dot and their names, over https."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_MISREAD = re.compile(r"[\x00-\x1f\x7f\\]|^\s|\s$")
"""What Python's parser drops or lets stand where other parsers read another host."""


class Origin(NamedTuple):
    """Scheme, host and port in one spelling."""

    scheme: str
    """"http" or "https"."""
    host: str
    """Lower case, in ASCII, without the final dot."""
    port: int
    """The scheme's own where none is written."""


def origin_of(url: str) -> Optional[Origin]:
    """The origin of an http(s) address; None where it has none, or holds a user name or an unreadable host."""
    parts = _parts(url)
    if parts is None or parts.scheme not in _DEFAULT_PORTS or "@" in parts.netloc or _MISREAD.search(url):
        return None
    try:
        port = parts.port
        host = _plain_host(parts.hostname or "")
    except ValueError:
        return None
    if not host:
        return None
    return Origin(parts.scheme, host, _DEFAULT_PORTS[parts.scheme] if port is None else port)


def may_receive(url: str, origins: Iterable[str]) -> bool:
    """Tell whether a token may be sent to `url`: scheme and port exact, host exact or below one of `origins`.

    >>> may_receive("https://data.lpdaac.earthdatacloud.nasa.gov/x.nc", EARTHDATA_ORIGINS)
    True
    >>> may_receive("https://earthdata.nasa.gov.example.org/x.nc", EARTHDATA_ORIGINS)
    False
    """
    here = origin_of(url)
    if here is None:
        return False
    return any(_below(here, there) for there in map(origin_of, origins) if there is not None)


def unsigned(url: str) -> str:
    """`url` without query, fragment and user name: what may stand in names, messages and cache keys."""
    parts = _parts(url)
    if parts is None:
        return "an unreadable address"
    netloc = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, netloc, parts.path.partition(";")[0], "", ""))


def host_of(url: str) -> str:
    """Host (and port, where written) of `url` for messages."""
    parts = _parts(url)
    return parts.netloc.rpartition("@")[2] if parts is not None else "an unreadable address"


def _parts(url: str) -> Optional[SplitResult]:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _plain_host(host: str) -> str:
    """One spelling of a host; raises ValueError where it is none."""
    host = host.lower()
    if ":" in host:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    host = host[:-1] if host.endswith(".") else host
    return host if host.isascii() else host.encode("idna").decode("ascii")


def _below(here: Origin, there: Origin) -> bool:
    if (here.scheme, here.port) != (there.scheme, there.port):
        return False
    return here.host == there.host or (not _is_address(there.host) and here.host.endswith("." + there.host))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
