"""A proxy between this computer and the archive."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional
from urllib.parse import unquote, urlsplit

from ...errors import ArchiveError
from .origins import host_of, origin_of


@dataclass(frozen=True)
class Proxy:
    """Where requests go through; its address may hold a password, so it is never shown nor pickled with one."""

    url: str = field(repr=False)
    """http://[user:password@]host:port."""
    bypass: tuple[str, ...] = ()
    """Hosts that are reached without it: a name stands for itself and all below it; "*" for all."""

    def __post_init__(self) -> None:
        if origin_of(self.address) is None:
            raise ArchiveError("The proxy is not an address such as http://proxy.example.org:8080 (SOCKS proxies are "
                               "not supported); change it in the network settings.")

    def __reduce__(self) -> tuple[object, ...]:
        if self.login is not None:
            raise ArchiveError("A proxy with a password stays in this process; read the archive in one process.")
        return Proxy, (self.url, self.bypass)

    @property
    def address(self) -> str:
        """Scheme, host and port, without the login."""
        return f"{self.url.partition('://')[0]}://{self.host}"

    @property
    def host(self) -> str:
        """Host and port."""
        return host_of(self.url)

    @property
    def login(self) -> Optional[str]:
        """"user:password", or None."""
        parts = urlsplit(self.url)
        if parts.username is None:
            return None
        return f"{unquote(parts.username)}:{unquote(parts.password or '')}"

    def covers(self, url: str) -> bool:
        """Tell whether `url` is reached through the proxy."""
        origin = origin_of(url)
        return origin is not None and not any(_meant(origin.host, name) for name in self.bypass)


def _meant(host: str, name: str) -> bool:
    name = name.strip().lower()
    if name == "*":
        return True
    name = host_of(name).partition("/")[0] if "://" in name else name
    name = name.lstrip("*").lstrip(".")
    return bool(name) and (host == name or host.endswith("." + name))
