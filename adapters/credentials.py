"""Who reads from the archive: the way to sign in, the proxy and the cache of QGIS become one opener for all."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Optional

from qgis.core import QgsApplication, QgsSettings

from ..core.archive import EARTHDATA_ORIGINS, opener
from ..core.archive.cache import DiskCache
from ..core.archive.copies import LocalFirst
from ..core.archive.login import LOGIN_ORIGIN, SIGN_IN, EarthdataToken, confirm, sign_in, sign_in_account, sign_in_token
from ..core.archive.web.http import HttpClient
from ..core.archive.web.proxy import Proxy
from ..core.errors import SignInError
from ..core.sensors import Opener
from .authentication import Account, account_of
from .downloads import download_folders
from .proxies import qgis_proxy
from .sign_in_choice import QGIS, SignIn

SIGN_IN_GROUP = "pixel_spectra/sign_in"
"""Where the choice lies: how, and the id of an authentication; never a name, a password or a token."""


@dataclass(frozen=True)
class Servers:
    """Which servers credentials may go to; others than Earthdata's are set from code only, by tests."""

    login: str = LOGIN_ORIGIN
    """Where passwords go."""
    origins: tuple[str, ...] = EARTHDATA_ORIGINS
    """Where tokens go."""


@dataclass(frozen=True)
class _Recipe:
    """All that an opener is made of; equal recipes share one."""

    how: str
    account: Optional[Account]
    proxy: Optional[Proxy] = field(repr=False)
    servers: Servers
    folders: tuple[str, ...] = ()

    def token(self) -> EarthdataToken:
        if self.account is None:
            return sign_in(self.how, self.proxy)
        if self.account.token:
            return sign_in_token(self.account.token)
        return sign_in_account(self.account.username, self.account.password, self.proxy, self.servers.login)


class _Kept:
    """The openers of this session, one per way to sign in, and what tests put in their place."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.openers: dict[str, tuple[_Recipe, Opener]] = {}
        self.cache: Optional[DiskCache] = None
        self.factory: Optional[Callable[[str], Opener]] = None
        self.servers = Servers()


_KEPT = _Kept()


def opener_for(authcfg: str = "") -> Opener:
    """What opens addresses and paths: signed in by the authentication `authcfg` of QGIS, or "" as in the settings.

    For any thread. Whoever asks for the same gets the same, so that connections and pieces that were read are shared.
    Nothing is sent yet. Raises SignInError where the authentication cannot be read, ArchiveError for a proxy that
    cannot be used.
    """
    if _KEPT.factory is not None:
        return _KEPT.factory(authcfg)
    choice = SignIn(QGIS, authcfg) if authcfg else load_sign_in()
    recipe = _recipe(choice)
    with _KEPT.lock:
        held = _KEPT.openers.get(authcfg)
        if held is None or held[0] != recipe:
            if _KEPT.cache is None or _KEPT.cache.folder != cache_folder():
                _KEPT.cache = kept_on_disk()
            made = opener(recipe.token(), cache=_KEPT.cache, token_origins=recipe.servers.origins,
                          proxy=recipe.proxy)
            held = _KEPT.openers[authcfg] = (recipe, LocalFirst(made, recipe.folders))
        return held[1]


def signed_in_as(choice: SignIn) -> str:
    """Ask Earthdata Login who is signed in by `choice`: the name. Off the GUI thread.

    Raises SignInError, which says why nobody is, or ArchiveError where it cannot be asked. What was refused before is
    tried anew.
    """
    recipe = _recipe(choice)
    forget_openers()
    token = recipe.token()
    client = HttpClient(token=token, token_origins=(*recipe.servers.origins, recipe.servers.login), proxy=recipe.proxy)
    try:
        return confirm(token(), client, recipe.servers.login)
    finally:
        client.close()


def load_sign_in() -> SignIn:
    """The choice of the settings; nonsense in them is the default."""
    settings = QgsSettings()
    how = settings.value(f"{SIGN_IN_GROUP}/how", "", type=str)
    authcfg = settings.value(f"{SIGN_IN_GROUP}/authcfg", "", type=str)
    return SignIn(how, authcfg) if how in (*SIGN_IN, QGIS) else SignIn(authcfg=authcfg)


def save_sign_in(choice: SignIn) -> None:
    """Keep the choice; what was opened before goes on as it was signed in."""
    settings = QgsSettings()
    settings.setValue(f"{SIGN_IN_GROUP}/how", choice.how)
    settings.setValue(f"{SIGN_IN_GROUP}/authcfg", choice.authcfg)


def cache_folder() -> Path:
    """Where pieces of scenes are kept between sessions: in the profile of the user."""
    return Path(QgsApplication.qgisSettingsDirPath()) / "cache" / "pixel_spectra"


def kept_on_disk() -> DiskCache:
    """The pieces of scenes that are kept."""
    return DiskCache(cache_folder())


def cache_notices() -> tuple[str, ...]:
    """What a user must know about the pieces that are kept: that none can be, and why."""
    return () if _KEPT.cache is None else _KEPT.cache.notices


def forget_openers() -> None:
    """Make new ones when they are asked for; granules that are open go on with theirs."""
    with _KEPT.lock:
        _KEPT.openers.clear()


def use_opener(factory: Optional[Callable[[str], Opener]]) -> None:
    """Take openers from `factory` (authcfg -> opener), None for our own again. For tests; no setting does this."""
    _KEPT.factory = factory
    forget_openers()


def use_servers(servers: Servers) -> None:
    """Send credentials to other servers, Servers() for Earthdata's again. For tests; no setting does this."""
    _KEPT.servers = servers
    forget_openers()


def _recipe(choice: SignIn) -> _Recipe:
    account = None
    if choice.how == QGIS:
        if not choice.authcfg:
            raise SignInError("No authentication of QGIS is chosen to sign in to Earthdata; choose one in the settings "
                              "of Pixel Spectra.")
        account = account_of(choice.authcfg)
    return _Recipe(choice.how, account, qgis_proxy(_KEPT.servers.login), _KEPT.servers, download_folders())


