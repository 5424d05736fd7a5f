"""Accounts in the authentication database of QGIS, read without ever asking for its master password."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable

from qgis.core import QgsApplication, QgsAuthMethodConfig

from ..core.errors import SignInError


@dataclass(frozen=True)
class Account:
    """Name and password of Earthdata Login, or a token in their place."""

    username: str = ""
    """Name; "" where there is a token."""
    password: str = field(default="", repr=False)
    """Password; "" where there is a token."""
    token: str = field(default="", repr=False)
    """Token; "" where there is a name."""


def require_unlocked(what: str) -> None:
    """Raise SignInError, which says that `what` lies there, unless the authentication database can be read."""
    manager = QgsApplication.authManager()
    if manager.isDisabled():
        raise SignInError(f"{what} lies in QGIS' authentication database, and authentication is switched off in this "
                          "QGIS; sign in by the environment or a netrc file.")
    if not manager.masterPasswordHashInDatabase():
        raise SignInError(f"{what} should lie in QGIS' authentication database, which is empty; add an authentication "
                          "of the kind Basic with your Earthdata name and password.")
    if not manager.masterPasswordIsSet():
        raise SignInError(f"{what} lies in QGIS' authentication database, which is locked; enter its master password "
                          "(Settings > Options > Authentication), or name a file that holds it in "
                          "QGIS_AUTH_PASSWORD_FILE, and try again.")


def unlock() -> bool:
    """Let QGIS ask for its master password where it is locked: only from a button, in the GUI thread."""
    manager = QgsApplication.authManager()
    if manager.isDisabled() or not manager.masterPasswordHashInDatabase() or manager.masterPasswordIsSet():
        return True
    return bool(manager.setMasterPassword(True))


def locked() -> bool:
    """Whether the database waits for its master password."""
    manager = QgsApplication.authManager()
    return bool(not manager.isDisabled() and manager.masterPasswordHashInDatabase()
                and not manager.masterPasswordIsSet())


def account_of(authcfg: str) -> Account:
    """The account under the id `authcfg`; raises SignInError where there is none, or it is of no use."""
    require_unlocked("Your Earthdata account")
    manager = QgsApplication.authManager()
    if authcfg not in manager.configIds():
        raise SignInError(f"QGIS has no authentication with the id '{authcfg}'; choose one of those in Settings > "
                          "Options > Authentication.")
    config = QgsAuthMethodConfig()
    if not manager.loadAuthenticationConfig(authcfg, config, True)[0]:
        raise SignInError(f"The authentication '{authcfg}' cannot be read; look at it in Settings > Options > "
                          "Authentication.")
    reader = _READERS.get(config.method())
    if reader is None:
        raise SignInError(f"The authentication '{config.name()}' ({authcfg}) is of the kind {config.method()}, which "
                          "cannot sign in to Earthdata here; choose one of the kind Basic (name and password) or API "
                          "Header (Authorization: Bearer and a token).")
    return reader(config, authcfg)


def _name_and_password(config: Any, authcfg: str) -> Account:
    account = Account(config.config("username"), config.config("password"))
    if not account.username or not account.password:
        raise SignInError(f"The authentication '{config.name()}' ({authcfg}) lacks its name or password; fill them in "
                          "(Settings > Options > Authentication).")
    return account


def _bearer(config: Any, authcfg: str) -> Account:
    headers = {name.strip().lower(): value.strip() for name, value in config.configMap().items()}
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise SignInError(f"The authentication '{config.name()}' ({authcfg}) has no header 'Authorization' with the "
                          "word Bearer and a token; add it (Settings > Options > Authentication).")
    return Account(token=token.strip())


_READERS: dict[str, Callable[[Any, str], Account]] = {"Basic": _name_and_password, "APIHeader": _bearer}
"""Kind of authentication -> what reads an account from it."""
