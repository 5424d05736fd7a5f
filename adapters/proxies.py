"""The proxy of QGIS, as a plain value."""

from __future__ import annotations

from typing import Optional
from urllib.parse import quote, urlsplit

from qgis.core import QgsNetworkAccessManager, QgsSettings
from qgis.PyQt.QtCore import QUrl
from qgis.PyQt.QtNetwork import QNetworkProxy, QNetworkProxyFactory, QNetworkProxyQuery

from ..core.archive.login import LOGIN_ORIGIN
from ..core.archive.web.proxy import Proxy
from .authentication import require_unlocked

_KIND = QNetworkProxy.ProxyType
_SCHEMES = {_KIND.HttpProxy: "http", _KIND.HttpCachingProxy: "http", _KIND.Socks5Proxy: "socks5"}
"""Kind of proxy -> scheme of its address; those that are not here carry no web pages."""


def qgis_proxy(address: str = LOGIN_ORIGIN) -> Optional[Proxy]:
    """The way to `address` that QGIS takes: its own settings, those of the system where it is told so, or those of a
    plugin; None where it goes there directly.

    Raises SignInError where the password of the proxy lies in a locked authentication database, and ArchiveError for
    a proxy that cannot be used (SOCKS).
    """
    settings = QgsSettings()
    if settings.value("proxy/proxyEnabled", False, type=bool) and settings.value("proxy/authcfg", "", type=str):
        require_unlocked("The password of the proxy")  # else QGIS would ask for it, here and now
    manager = QgsNetworkAccessManager.instance()
    query = QNetworkProxyQuery(QUrl(address))
    found = manager.proxyFactory().queryProxy(query)
    if found and found[0].type() == _KIND.DefaultProxy:
        found = QNetworkProxyFactory.proxyForQuery(query)
    if not found or found[0].type() not in _SCHEMES or not found[0].hostName():
        return None
    direct = {_host(entry) for entry in (*manager.excludeList(), *manager.noProxyList())}
    return Proxy(_address(found[0]), tuple(sorted(direct - {""})))


def _address(proxy: QNetworkProxy) -> str:
    login = f"{quote(proxy.user(), safe='')}:{quote(proxy.password(), safe='')}@" if proxy.user() else ""
    host = f"[{proxy.hostName()}]" if ":" in proxy.hostName() else proxy.hostName()
    return f"{_SCHEMES[proxy.type()]}://{login}{host}:{proxy.port()}"


def _host(entry: str) -> str:
    """The host of an exclusion, which QGIS writes as the beginning of an address."""
    entry = entry.strip()
    try:
        return urlsplit(entry if "://" in entry else f"//{entry}").hostname or ""
    except ValueError:
        return ""
