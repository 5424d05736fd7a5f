"""What the answers of the archive mean where they are not what was asked for, each as one sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Callable, Optional

from ...errors import ArchiveError, NotInArchive, SignInError
from .connections import Answer, number_in
from .origins import EARTHDATA_ORIGINS, host_of, may_receive, unsigned
from .troubles import Again

_REASON_BYTES = 64 << 10
"""Longest explanation that is read."""
_SHOWN = 300
"""Characters of a server's explanation that are shown."""
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that may be another one soon."""
_AGREE_AT = "https://urs.earthdata.nasa.gov/profile"


def refusal(answer: Answer, name: str, token_sent: bool, first: bool, for_account: bool = True) -> Exception:
    """What to raise for an answer that is no success: `name` is what was asked for.

    `first` tells that the server gave it that was asked first, `for_account` that an account may be wanting.

    :class:`Again` where it may pass, :class:`SignInError` where an account or a licence is wanting,
    :class:`ArchiveError` else. The connection is left ready or closed.
    """
    if answer.status in PASSING:
        after = retry_after_s(answer.headers)
        answer.skip()
        return Again(f"'{host_of(answer.url)}' is overloaded or out of order (status {answer.status}); '{name}' cannot "
                     "be read now: try again later.", after)
    make = _BY_STATUS.get(answer.status, _other)
    if not for_account and make in (_unauthorised, _forbidden):
        make = _other
    return make(answer, name, token_sent, first)


def not_signed_in(name: str, token_sent: bool) -> SignInError:
    """The archive sent its login page."""
    if token_sent:
        return SignInError(f"'{name}' needs an Earthdata account, and the archive does not accept the sign-in (it may "
                           "have expired): sign in again in the settings.")
    return SignInError(f"Not signed in: '{name}' needs an Earthdata account; sign in in the settings.")


def is_login(url: str) -> bool:
    """Tell whether an address is that of the login page."""
    plain = unsigned(url)
    return "/oauth/authorize" in plain or host_of(plain).partition(":")[0] == "urs.earthdata.nasa.gov"


def is_html(answer: Answer) -> bool:
    """Tell whether a page for people came."""
    return answer.headers.get("content-type", "").strip().lower().startswith(("text/html", "application/xhtml"))


def retry_after_s(headers: Mapping[str, str]) -> Optional[float]:
    """Seconds that a server asks to wait, by its own clock; None where it does not say."""
    seconds = number_in(headers, "retry-after")
    if seconds is not None:
        return float(seconds)
    then, now = _date(headers.get("retry-after", "")), _date(headers.get("date", "")) or datetime.now(timezone.utc)
    return None if then is None else max(0.0, (then - now).total_seconds())


def _date(value: str) -> Optional[datetime]:
    try:
        date = parsedate_to_datetime(value)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=timezone.utc)


def _unauthorised(answer: Answer, name: str, token_sent: bool, first: bool) -> Exception:
    answer.skip()
    return not_signed_in(name, token_sent)


def _forbidden(answer: Answer, name: str, token_sent: bool, first: bool) -> Exception:
    host = host_of(answer.url)
    reason = _reason(answer)
    if not first:
        return ArchiveError(f"The storage '{host}' refuses '{name}' (403) although the archive sent us there; try "
                            "again later.")
    if not token_sent:
        return SignInError(f"'{host}' refuses '{name}' (403): it needs an Earthdata account; sign in in the settings.")
    said = _said(reason)
    where = _agree_at(reason)
    return SignInError(f"'{host}' refuses '{name}' to this account (403){said}; the account must first accept the "
                       f"licence (EULA) of the application behind '{host}': open {where} in a browser, approve it, and "
                       "try again.")


def _gone(answer: Answer, name: str, token_sent: bool, first: bool) -> Exception:
    answer.skip()
    return NotInArchive(f"'{name}' is not in the archive (any more): '{host_of(answer.url)}' answers {answer.status}; "
                        "search for the scene again.")


def _proxy_login(answer: Answer, name: str, token_sent: bool, first: bool) -> Exception:
    answer.close()
    return ArchiveError("The proxy wants a user name and password (407); enter them in the network settings.")


def _other(answer: Answer, name: str, token_sent: bool, first: bool) -> Exception:
    answer.skip()
    return ArchiveError(f"'{host_of(answer.url)}' answers {answer.status} where '{name}' was asked for; check the "
                        "address, or try again later.")


_BY_STATUS: Mapping[int, Callable[[Answer, str, bool, bool], Exception]] = {
    401: _unauthorised, 403: _forbidden, 404: _gone, 407: _proxy_login, 410: _gone}


def _reason(answer: Answer) -> dict[str, Any]:
    """The explanation of the server where it is a JSON object; else empty."""
    if "json" not in answer.headers.get("content-type", ""):
        answer.skip()
        return {}
    try:
        reason = json.loads(answer.body(_REASON_BYTES) or b"null")
    except (Again, ValueError, RecursionError):
        return {}
    return reason if isinstance(reason, dict) else {}


def _said(reason: Mapping[str, Any]) -> str:
    """Its words, without line breaks, of addresses the host, and without anything as long as a token it might echo."""
    given = (reason.get(key) for key in ("error_description", "error", "message"))
    text = next((text for text in given if isinstance(text, str)), "")
    text = re.sub(r"\w+://\S+", lambda found: host_of(found.group()), text)
    text = re.sub(r"\S{40,}", "…", "".join(c if c.isprintable() else " " for c in text))[:_SHOWN].strip(" .")
    return f", saying '{text}'" if text else ""


def _agree_at(reason: Mapping[str, Any]) -> str:
    """Where a licence is accepted, as the server says it where that is a page of Earthdata; else the account's own."""
    where = reason.get("resolution_url")
    if not isinstance(where, str) or not may_receive(where, EARTHDATA_ORIGINS):
        return _AGREE_AT
    return where if re.fullmatch(r"https://[\w./-]+\?client_id=[\w-]{1,60}", where) else unsigned(where)
