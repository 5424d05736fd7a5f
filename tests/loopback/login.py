"""The login host: a page for people, tokens for programs."""

from __future__ import annotations

import base64
import binascii
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Optional

from .exchange import Answer, Exchange, json_answer, text_answer

if TYPE_CHECKING:
    from .site import Site

LOGIN_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Earthdata Login (on loopback)</title></head>
<body><h1>Sign in</h1>
<form action="/login" method="post"><input name="username"><input name="password" type="password"></form>
</body>
</html>
"""
_DENIED = {"error": "invalid_credentials", "error_description": "Invalid user credentials"}


@dataclass(frozen=True)
class Account:
    """Someone who can sign in."""

    password: str
    """For Basic sign-in at the login host."""
    licence: bool = True
    """False: the licence of the data was never accepted, so the data host answers 403."""


def respond(site: Site) -> Callable[[Exchange], Answer]:
    """What the login host of `site` answers."""

    def answer(exchange: Exchange) -> Answer:
        if exchange.path == "/api/users/find_or_create_token":
            return _token(site, exchange)
        if exchange.path.startswith("/api/users/") or exchange.path == "/profile":
            return _user(site, exchange)
        if exchange.path in ("/oauth/authorize", "/", "/login"):
            return text_answer(200, LOGIN_PAGE, "text/html; charset=utf-8", Cache_Control="no-store")
        return text_answer(404, "no such page")

    return answer


def _token(site: Site, exchange: Exchange) -> Answer:
    user = _basic(site, exchange.headers.get("authorization", ""))
    if exchange.method != "POST":
        return text_answer(405, "POST it", Allow="POST")
    if user is None:
        return json_answer(401, _DENIED, WWW_Authenticate='Basic realm="loopback"')
    lifetime_s = site.settings.token_lifetime_s
    expires = time.strftime("%m/%d/%Y", time.gmtime(site.now() + lifetime_s))
    return json_answer(200, {"access_token": site.seal.token(user, lifetime_s), "token_type": "Bearer",
                             "expiration_date": expires})


def _user(site: Site, exchange: Exchange) -> Answer:
    user = bearer(site, exchange) or _basic(site, exchange.headers.get("authorization", ""))
    if user is None:
        return json_answer(401, {"error": "invalid_token", "error_description": "The token is invalid or expired"})
    asked = exchange.path.rpartition("/")[2]
    if asked not in (user, "user", "profile"):
        return json_answer(403, {"error": "forbidden", "error_description": "Another user's profile"})
    return json_answer(200, {"uid": user, "first_name": user.title(), "last_name": "Loopback",
                             "email_address": f"{user}@example.org", "country": "Nowhere"})


def bearer(site: Site, exchange: Exchange) -> Optional[str]:
    """The user whose valid token came with the request."""
    scheme, _, token = exchange.headers.get("authorization", "").partition(" ")
    return site.seal.user_of(token.strip()) if scheme.lower() == "bearer" else None


def _basic(site: Site, authorization: str) -> Optional[str]:
    scheme, _, text = authorization.partition(" ")
    try:
        user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    account = site.accounts.get(user)
    return user if scheme.lower() == "basic" and account and account.password == password else None
