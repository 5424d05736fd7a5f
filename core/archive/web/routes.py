"""From the address in the catalogue to the server that has the bytes: the token, redirects, signed addresses.

A signed address is a credential: it is kept in memory only, until the storage refuses it. Whether it has expired is
the storage's to say, for the clock of this computer may be wrong.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Callable, Optional
from urllib.parse import urljoin, urlsplit

from ...errors import ArchiveError, SignInError
from .connections import Answer, Connections
from .lanes import Job
from .limits import Limits
from .origins import host_of, may_receive, origin_of, unsigned
from .refusals import is_html, is_login, not_signed_in, refusal

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ASK_ANEW = frozenset({400, 401, 403, 404, 410})
"""What a storage answers to an address it no longer takes."""
_TICK_S = 0.1
_AGENT = "PixelSpectra"
_ALONG = frozenset({"range", "accept", "accept-encoding"})
"""Headers that may follow a redirect; all others may hold a credential."""


@dataclass(frozen=True)
class Asked:
    """A request, before any redirect."""

    url: str = field(repr=False)
    """Where it goes first."""
    headers: Mapping[str, str] = field(repr=False)
    """What goes with it, beside the token."""
    method: str = "GET"
    """"GET" or "POST"."""
    body: Optional[bytes] = field(default=None, repr=False)
    """What is posted."""
    with_token: bool = False
    """Whether the token may go along, where the server is one that may receive it."""

    @property
    def name(self) -> str:
        """What to call it in messages."""
        return unsigned(self.url)


@dataclass(frozen=True)
class Landed:
    """The first answer that is no redirect."""

    answer: Answer
    """Its body is still on the way."""
    name: str
    """What was asked for."""
    first: bool
    """True where the first server gave it."""
    token_sent: bool
    """True where a token went along."""
    for_account: bool
    """True where it was asked for as something that may need an account."""
    at_login: bool = False
    """True where it leads to the login page."""

    @property
    def signed_out(self) -> bool:
        """True where the archive does not know who asks, whatever was sent."""
        status = self.answer.status
        return self.at_login or status == 401 or (status in (200, 203, 206) and is_html(self.answer))

    def refusal(self) -> Exception:
        """What to raise where it is no success."""
        return refusal(self.answer, self.name, self.token_sent, self.first, self.for_account)

    def not_signed_in(self) -> SignInError:
        """What to raise where a login page came; closes the connection."""
        self.answer.close()
        return not_signed_in(self.name, self.token_sent)


class _Route:
    """Where one file was found to lie."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.asking: Optional[Job[Any]] = None
        self.signed: Optional[str] = None
        self.direct = False


class _Turn:
    """The right to ask the archive where a file lies; over as soon as that is known, or the job that has it is."""

    def __init__(self, job: Job[Any], route: _Route) -> None:
        self._job, self._route = job, route
        self._mine = False

    def __enter__(self) -> _Turn:
        while not self._route.lock.acquire(timeout=_TICK_S):
            self._job.check()
            asking = self._route.asking
            if asking is not None and asking.settled:  # given up: its thread may hang in the system
                return self
        self._mine, self._route.asking = True, self._job
        return self

    def __exit__(self, *exc: object) -> None:
        if self._mine:
            self._mine, self._route.asking = False, None
            self._route.lock.release()

    def found(self, url: str) -> None:
        """Let the others go there."""
        self._route.signed = url
        self.__exit__()


class Routes:
    """Follows redirects, and remembers where those of files led."""

    def __init__(self, connections: Connections, limits: Limits, token: Optional[Callable[[], str]],
                 origins: tuple[str, ...], counts: Counter[str]) -> None:
        self._connections, self._limits = connections, limits
        self._token, self._origins, self._counts = token, origins, counts
        self._routes: dict[str, _Route] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Routes of {len(self._routes)} files>"

    def to_page(self, job: Job[Any], asked: Asked) -> Landed:
        """Ask, and follow."""
        _refuse_nonsense(asked)
        return self._followed(job, asked, asked.url, True, None)

    def to_file(self, job: Job[Any], url: str, headers: Mapping[str, str]) -> Landed:
        """Ask for (part of) a file where it was found before, else where the catalogue says."""
        asked = Asked(url, headers, with_token=True)
        _refuse_nonsense(asked)
        with self._lock:
            route = self._routes.setdefault(url, _Route())
        try:
            return self._to_file(job, asked, route)
        except ArchiveError:
            self.forget(url)
            raise

    def forget(self, url: str) -> None:
        """Ask the archive anew the next time."""
        with self._lock:
            self._routes.pop(url, None)

    def _to_file(self, job: Job[Any], asked: Asked, route: _Route) -> Landed:
        landed = self._as_before(job, asked, route)
        if landed is not None:
            return landed
        with _Turn(job, route) as turn:  # one asks the archive; the others go where it was sent
            if route.signed is None and not route.direct:
                landed = self._followed(job, asked, asked.url, True, turn)
                route.direct = landed.first and landed.answer.status < 300
                return landed
        return self._as_before(job, asked, route) or self._followed(job, asked, asked.url, True, None)

    def _as_before(self, job: Job[Any], asked: Asked, route: _Route) -> Optional[Landed]:
        """The answer at the remembered place; None where there is none, or it is no longer taken."""
        if route.direct:
            return self._followed(job, asked, asked.url, True, None)
        signed = route.signed
        if signed is None:
            return None
        landed = self._followed(job, asked, signed, False, None)
        if landed.answer.status not in _ASK_ANEW:
            return landed
        landed.answer.skip()
        if route.signed == signed:
            route.signed = None
        return None

    def _followed(self, job: Job[Any], asked: Asked, url: str, first: bool, turn: Optional[_Turn]) -> Landed:
        """Ask at `url`; where it is the `first` server, with all headers and the token: if that is refused, once more
        with a new one. `turn` learns each redirect."""
        token = self._token_for(asked, url) if first else ""
        landed = self._hops(job, asked, url, first, token, turn)
        if token and landed.signed_out:
            other = self._another(token)
            if other:
                landed.answer.skip()
                landed = self._hops(job, asked, url, first, other, turn)
        if landed.at_login:
            raise landed.not_signed_in()
        return landed

    def _hops(self, job: Job[Any], asked: Asked, url: str, first: bool, token: str, turn: Optional[_Turn]) -> Landed:
        """Ask at `url`, and where it is sent on, there; `token` goes with the first request."""
        seen = {url}
        for hop in range(self._limits.redirects + 1):
            headers = _headers(asked, first, token if hop == 0 else "")
            answer = self._connections.send(job, asked.method, url, headers, asked.body if first else None)
            location = answer.headers.get("location") if answer.status in _REDIRECTS else None
            if location is None:
                self._counts["requests"] += 1
                return Landed(answer, asked.name, first, bool(token), asked.with_token)
            self._counts["redirects"] += 1
            if is_login(_joined(url, location)):
                return Landed(answer, asked.name, first, bool(token), asked.with_token, at_login=True)
            answer.skip()
            url = _next(asked, url, location)
            if url in seen:
                raise ArchiveError(f"'{host_of(url)}' sends '{asked.name}' round in a circle; try again later.")
            seen.add(url)
            first = False
            if turn is not None:
                turn.found(url)
        raise ArchiveError(f"'{asked.name}' is redirected more than {self._limits.redirects} times; try again later.")

    def _token_for(self, asked: Asked, url: str) -> str:
        """What the server at `url` may receive; "" for nothing."""
        if not asked.with_token or self._token is None or not may_receive(url, self._origins):
            return ""
        return _checked(self._token())

    def _another(self, refused: str) -> str:
        """A token in the place of one that was refused; "" where there is no other."""
        refuse: Optional[Callable[[str], None]] = getattr(self._token, "refuse", None)
        if refuse is not None:
            refuse(refused)
        other = "" if self._token is None else _checked(self._token())
        return "" if other == refused else other


def _headers(asked: Asked, first: bool, token: str) -> dict[str, str]:
    """What goes along: all that was asked for to the first server alone."""
    given = {name.lower(): value for name, value in asked.headers.items()}
    headers = {"user-agent": _AGENT, "accept-encoding": "identity",
               **{name: value for name, value in given.items() if first or name in _ALONG}}
    return {**headers, "authorization": f"Bearer {token}"} if token else headers


def _joined(here: str, location: str) -> str:
    """Where a redirect leads; "" where that is no address."""
    try:
        return urljoin(here, location)
    except ValueError:
        return ""


def _next(asked: Asked, here: str, location: str) -> str:
    """Where a redirect leads, if we go there."""
    there = _joined(here, location)
    if asked.method != "GET":
        raise ArchiveError(f"'{host_of(here)}' sends what was posted to '{asked.name}' elsewhere, which is not "
                           "done; check the address.")
    origin = origin_of(there)
    if origin is None or (urlsplit(here).scheme, origin.scheme) == ("https", "http"):
        raise ArchiveError(f"'{host_of(here)}' redirects '{asked.name}' to an address that is not secure (https); "
                           "it is not followed.")
    return there


def _refuse_nonsense(asked: Asked) -> None:
    if origin_of(asked.url) is None:
        raise ArchiveError(f"'{asked.name}' is not an address that can be asked; give one that starts with https:// "
                           "and holds no user name.")


def _checked(token: str) -> str:
    """A token that can stand in a header; anything else would be quoted in the library's own error."""
    if not token.isascii() or not token.isprintable() or " " in token:
        raise SignInError("The Earthdata token holds characters that no token has; copy it again, or sign in anew.")
    return token
