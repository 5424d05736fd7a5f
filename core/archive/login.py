"""Earthdata Login: where a token comes from. The only module of core that reads netrc and the environment.

Nothing here asks on the terminal, and nothing is written: passwords and tokens live in memory only. What goes wrong
is said without quoting a server, whose words might hold what was sent to it.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import math
import os
import platform
import re
import threading
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from netrc import NetrcParseError
from pathlib import Path
from typing import Any, Callable, Optional
from urllib.parse import quote

from ..errors import ArchiveError, Cancelled, SignInError
from ..optional import require
from ..progress import PatientLock, listener
from ..registry import Registry
from .web.http import HttpClient
from .web.lanes import Job
from .web.origins import may_receive
from .web.proxy import Proxy

LOGIN_ORIGIN = "https://urs.earthdata.nasa.gov"
"""Where passwords are sent, and nowhere else."""
VARIABLES = ("EARTHDATA_TOKEN", "EARTHDATA_USERNAME", "EARTHDATA_PASSWORD")
"""What is read of the environment."""
TOKEN_VARIABLE, ACCOUNT_VARIABLES = VARIABLES[0], VARIABLES[1:]

_REFUSED = (401, 403)
_UNTOLD = (400, 404, 422)  # it may keep profiles to registered applications; then the date of the token counts
_ANSWER_BYTES = 65_536
_EARLY_S = 60.0
_REST_S = 30.0
_HOUR_S = 3600.0  # asked for again so often, since a computer that sleeps or has a wrong clock cannot tell
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_POLL_S = 0.1
_THREAD = "earthdata-login"
_FAR_FUTURE = 32_503_680_000  # the year 3000


@dataclass(frozen=True)
class Grant:
    """A token as it was got."""

    token: str = field(repr=False)
    """The token itself."""
    lasts_s: float = math.inf
    """For how long it may be used, seconds; infinite where no clock can be trusted to tell."""


class Refused(SignInError):
    """The server refuses a name and password: said often, it locks the account."""


class EarthdataToken:
    """Called, it gives the token: got when first needed, kept in memory, got anew before it expires. For any thread.

    Whether a token is still good is the server's to say: a clock that is wrong here costs a request, not the sign-in.
    Raises SignInError where there is none to be had, and Cancelled.
    """

    def __init__(self, grant: Callable[[], Grant]) -> None:
        self._grant = grant
        self._lock = PatientLock()
        self._token: Optional[str] = None
        self._until = 0.0
        self._refusal = ""
        self._ask_again = 0.0
        self._settled_until = 0.0

    def __call__(self) -> str:
        with self._lock:
            token = self._token
            return token if token and time.monotonic() < self._until else self._renewed()

    def refuse(self, token: str) -> None:
        """Forget `token`, for a server does not take it; the next call gets another, but not again and again."""
        with self._lock:
            if token == self._token and time.monotonic() >= self._settled_until:
                self._token = None
                self._settled_until = time.monotonic() + _REST_S

    def _renewed(self) -> str:
        if self._refusal and time.monotonic() < self._ask_again:
            raise SignInError(self._refusal)
        try:
            grant = self._grant()
        except Refused as error:
            self._refusal, self._ask_again = str(error), time.monotonic() + _REST_S
            raise
        except ArchiveError:
            if self._token is None:
                raise
            grant = Grant(self._token, _REST_S + _EARLY_S)  # it may still be good: the archive is to say
        if not _TOKEN.fullmatch(grant.token):
            raise SignInError("What was given as Earthdata token is none: it holds blanks or other strange signs; copy "
                              f"the token again from {LOGIN_ORIGIN}.")
        self._token = grant.token
        self._until = time.monotonic() + min(grant.lasts_s - _EARLY_S, _HOUR_S)
        return grant.token

    def __repr__(self) -> str:
        return "EarthdataToken()"

    def __reduce__(self) -> Any:
        raise TypeError("A token stays in the memory of its process; hand over earthdata_token, the function.")


def _grant_of_account(username: str, password: str, proxy: Optional[Proxy], origin: str) -> Grant:
    client = HttpClient(proxy=proxy)
    try:
        return account_grant(username, password, client, origin)
    finally:
        client.close()


SIGN_IN: Registry[Callable[[Optional[Proxy]], Grant]] = Registry("way to sign in", SignInError)
"""Name -> what gets a token by way of a proxy or None."""


def sign_in(how: str = "automatic", proxy: Optional[Proxy] = None) -> EarthdataToken:
    """The token by one of SIGN_IN; nothing is looked up before it is called."""
    return EarthdataToken(partial(SIGN_IN[how], proxy))


def sign_in_account(username: str, password: str, proxy: Optional[Proxy] = None, origin: str = LOGIN_ORIGIN
                    ) -> EarthdataToken:
    """The token of an account; nothing is sent before it is called."""
    return EarthdataToken(partial(_grant_of_account, username, password, proxy, origin))


def sign_in_token(token: str) -> EarthdataToken:
    """A token that is known already."""
    return EarthdataToken(partial(Grant, token.strip()))


def earthdata_token() -> str:
    """The token of the environment or of the netrc file: a plain function, for an opener that travels to workers."""
    return _OF_THIS_PROCESS()


def _refuse(token: str) -> None:
    _OF_THIS_PROCESS.refuse(token)


@SIGN_IN.register("automatic")
def _automatic(proxy: Optional[Proxy]) -> Grant:
    """The environment where it names anything, else netrc."""
    if any(os.environ.get(name) for name in VARIABLES):
        return SIGN_IN["environment"](proxy)
    if not netrc_file().exists():
        raise SignInError(f"You are not signed in to Earthdata: the environment names neither {TOKEN_VARIABLE} nor "
                          f"{' and '.join(ACCOUNT_VARIABLES)}, and there is no file '{netrc_file()}'; set one of them, "
                          "or choose an authentication of QGIS in the settings of Pixel Spectra.")
    return SIGN_IN["netrc"](proxy)


@SIGN_IN.register("environment")
def _environment(proxy: Optional[Proxy]) -> Grant:
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if token:
        return Grant(token, 0.0)  # read again each time: it costs nothing
    if TOKEN_VARIABLE in os.environ:
        raise SignInError(f"{TOKEN_VARIABLE} is set and empty; set it to a token of {LOGIN_ORIGIN}, or unset it.")
    if not all(os.environ.get(name) for name in ACCOUNT_VARIABLES):
        raise SignInError(f"The environment names no Earthdata account; set {TOKEN_VARIABLE}, or "
                          f"{' and '.join(ACCOUNT_VARIABLES)}, and start again.")
    return _through_earthaccess("environment", proxy, f"{ACCOUNT_VARIABLES[0]} and {ACCOUNT_VARIABLES[1]}")


@SIGN_IN.register("netrc")
def _netrc(proxy: Optional[Proxy]) -> Grant:
    file = netrc_file()
    if not file.exists():
        raise SignInError(f"There is no netrc file '{file}'; write one with the line: machine "
                          f"{_host(LOGIN_ORIGIN)} login NAME password PASSWORD.")
    return _through_earthaccess("netrc", proxy, f"the netrc file '{file}'")


def netrc_file() -> Path:
    """Where the netrc file is looked for: NETRC, else .netrc (on Windows _netrc) in the home folder."""
    return Path(os.environ.get("NETRC") or Path.home() / ("_netrc" if platform.system() == "Windows" else ".netrc"))


def account_grant(username: str, password: str, client: HttpClient, origin: str = LOGIN_ORIGIN) -> Grant:
    """The token of an account, which Earthdata Login makes where there is none; the password goes to `origin` only."""
    address = f"{origin}/api/users/find_or_create_token"
    if not may_receive(address, (origin,)):
        raise SignInError(f"'{origin}' is no address of a server, so no password is sent to it.")
    pair = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
    answer = client.page(address, limit=_ANSWER_BYTES, body=b"", accept=_REFUSED,
                         headers={"Authorization": f"Basic {pair}", "Accept": "application/json"})
    if answer.status in _REFUSED:
        raise Refused(f"Earthdata Login refuses the name '{username}' with this password; correct them, or try "
                          f"them at {LOGIN_ORIGIN}.")
    token = _json(answer.data).get("access_token")
    if not isinstance(token, str):
        raise ArchiveError(f"Earthdata Login gave no token for the name '{username}'; try again later.")
    return Grant(token, _remaining_s(token, answer.headers.get("date")))


def who(token: str) -> str:
    """The name that a token is made out to, by its own words; "" where it tells none. No signature is verified."""
    name = _claims(token).get("uid")
    return name if isinstance(name, str) and name.isprintable() else ""


def confirm(token: str, client: HttpClient, origin: str = LOGIN_ORIGIN) -> str:
    """Ask Earthdata Login whether it takes `token`; the name of its user.

    Raises SignInError where it does not, and ArchiveError where it cannot be asked. `client` is one that sends
    `token`.
    """
    name = who(token)
    if not name:
        raise SignInError(f"The Earthdata token names no user, so it is none; copy it again from {LOGIN_ORIGIN}.")
    answer = client.page(f"{origin}/api/users/{quote(name, safe='')}", limit=_ANSWER_BYTES, with_token=True,
                         headers={"Accept": "application/json"}, accept=(*_REFUSED, *_UNTOLD))
    expires, now = _expires(token), _seconds(answer.headers.get("date"))
    over = answer.status in _UNTOLD and expires is not None and now is not None and now > expires
    if over or answer.status in _REFUSED:
        raise SignInError(f"Earthdata Login does not take the token of '{name}'{_expiry(token)}; make a new "
                          f"one at {LOGIN_ORIGIN}.")
    return name



def _through_earthaccess(strategy: str, proxy: Optional[Proxy], place: str) -> Grant:
    """The account that earthaccess finds by `strategy`, and its token; `place` is where the account stands."""
    earthaccess = require("earthaccess", "to sign in to Earthdata with a name and a password")
    logging.getLogger("earthaccess.auth").addFilter(_not_of_ours)
    account = earthaccess.Auth()
    statuses = _watched(account, proxy)
    problem = _in_background(partial(_problem, earthaccess, account, strategy))
    token = (account.token or {}).get("access_token")
    if not problem and isinstance(token, str):
        return Grant(token, _remaining_s(token, None))
    unwell = bool(statuses) and statuses[-1] not in _REFUSED
    kind, sentence = _PROBLEMS["unwell" if unwell else problem or ("refused" if statuses else "nowhere")]
    raise kind(sentence.format(place=place, host=_host(LOGIN_ORIGIN), status=statuses[-1] if statuses else "none"))


def _problem(earthaccess: Any, account: Any, strategy: str) -> str:
    """Sign in, without ever asking; the word for what went wrong. What was raised may quote secrets: it ends here."""
    try:
        account.login(strategy=strategy, persist=False)
    except _error(earthaccess, "LoginStrategyUnavailable"):
        return "nowhere"
    except _error(earthaccess, "LoginAttemptFailure"):
        return "refused"
    except OSError:  # of the network, too
        return "unreachable"
    except NetrcParseError:  # versions before 0.14; it quotes the file
        return "nowhere"
    except (ValueError, LookupError, TypeError):  # an answer that is no token
        return "unwell"
    return ""


def _error(earthaccess: Any, name: str) -> Any:
    """An error of earthaccess; versions before 0.14 raise none of their own, and just do not sign in."""
    return getattr(getattr(earthaccess, "exceptions", None), name, ())


_PROBLEMS: dict[str, tuple[type[ArchiveError], str]] = {
    "nowhere": (SignInError, "No name and password for {host} can be read from {place}; in a netrc file, write the "
                "line: machine {host} login NAME password PASSWORD."),
    "refused": (Refused, "Earthdata Login refuses the name and password of {place}; correct them, or try them at "
                f"{LOGIN_ORIGIN}."),
    "unreachable": (ArchiveError, "Earthdata Login ({host}) cannot be reached, or {place} cannot be read; check the "
                    "network, the proxy and the file, and try again."),
    "unwell": (ArchiveError, "Earthdata Login ({host}) gave no token for the account of {place} (answer {status}); try "
               "again later."),
}
"""What can go wrong in signing in -> error, sentence."""


def _watched(account: Any, proxy: Optional[Proxy]) -> list[int]:
    """Let the sessions of `account` follow no redirect and go through `proxy`; the list learns each answer's status."""
    statuses: list[int] = []
    plain = account.get_session

    def get_session(*arguments: Any, **options: Any) -> Any:
        session = plain(*arguments, **options)
        session.hooks["response"].append(lambda answer, **_: statuses.append(answer.status_code))
        session.max_redirects = 0  # else the password would follow to another port, or from https to http
        if proxy is not None and proxy.covers(LOGIN_ORIGIN):
            session.trust_env = False  # else the proxy of the environment would win
            session.proxies = {"http": proxy.url, "https": proxy.url}
        return session

    def find_or_create_token(*pair: str) -> Any:  # versions before 0.16 would take a session of their own
        with get_session() as session:
            return session.post(account.EDL_FIND_OR_CREATE_TOKEN_URL, auth=pair or None, timeout=_REST_S,
                                headers={"Accept": "application/json"})

    account.get_session, account._find_or_create_token = get_session, find_or_create_token
    return statuses


def _in_background(work: Callable[[], str]) -> str:
    """What `work` returns; raises Cancelled while it is still under way."""
    job = Job(lambda _: work(), urgent=True)
    threading.Thread(target=job.run, name=_THREAD, daemon=True).start()  # else the program could not end before it
    while not job.settled:
        _stop_if_cancelled()
        time.sleep(_POLL_S / 10)
    return job.wait()


def _not_of_ours(record: logging.LogRecord) -> bool:
    """A filter: earthaccess logs what the server says, which nobody here has looked at."""
    return not (record.threadName or "").startswith(_THREAD)


def _stop_if_cancelled() -> None:
    if listener().cancelled:
        raise Cancelled("Signing in was cancelled.")


def _claims(token: str) -> dict[str, Any]:
    """What the middle part of a JWT says; nothing where `token` is none."""
    middle = token.split(".")[1:2]
    if not middle:
        return {}
    try:
        return _json(base64.urlsafe_b64decode(middle[0] + "=" * (-len(middle[0]) % 4)))
    except (binascii.Error, ValueError):
        return {}


def _json(data: bytes) -> dict[str, Any]:
    """A JSON object; empty for anything else."""
    try:
        read = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _expires(token: str) -> Optional[float]:
    """Seconds since 1970 by the server's clock; None where the token does not tell."""
    value = _claims(token).get("exp")
    return float(value) if isinstance(value, (int, float)) and 0 < value < _FAR_FUTURE else None


def _remaining_s(token: str, date: Optional[str]) -> float:
    """How long a token that was got just now lasts, by the date of the answer it came with, else by our own clock.

    Infinite where it seems to be over already: a clock is wrong, and the archive is to say when the token is over.
    """
    remaining = (_expires(token) or math.inf) - (_seconds(date) or time.time())
    return remaining if remaining > 2 * _EARLY_S else math.inf


def _seconds(date: Optional[str]) -> Optional[float]:
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except (TypeError, ValueError, OverflowError):
        return None


def _expiry(token: str) -> str:
    """When it expired, in words; "" where it does not tell."""
    expires = _expires(token)
    return "" if expires is None else time.strftime(" (good until %Y-%m-%d %H:%M UTC)", time.gmtime(expires))


def _host(origin: str) -> str:
    return origin.partition("://")[2]


_OF_THIS_PROCESS = sign_in()
earthdata_token.refuse = _refuse  # type: ignore[attr-defined]
