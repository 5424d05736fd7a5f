"""A client for what the archive gives to everybody: searches and browse pictures. It never holds a token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..core.archive.web.http import HttpClient
from .proxies import qgis_proxy


def new_anonymous_client(url: str) -> HttpClient:
    """A client without credentials that goes the way to `url` that QGIS goes; the caller closes it.

    For any thread. Raises ArchiveError or SignInError for a proxy that cannot be used.
    """
    return HttpClient(proxy=qgis_proxy(url))


@contextmanager
def anonymous_client(url: str) -> Iterator[HttpClient]:
    """The same for a block."""
    client = new_anonymous_client(url)
    try:
        yield client
    finally:
        client.close()
