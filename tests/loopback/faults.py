"""Faults on demand: a table from their kind to what the answer becomes."""

from __future__ import annotations

import gzip
import json
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Callable, Optional

from .exchange import CLOSE, KEEP, RESET, STALL, Answer, Exchange, FileSpan, Repeated, Respond, json_answer, redirect
from .login import LOGIN_PAGE

if TYPE_CHECKING:
    from .site import Site


@dataclass(frozen=True)
class Order:
    """What a kind of fault is given: the request, how it would be answered, and the fault's options."""

    exchange: Exchange
    respond: Respond
    site: Site
    options: Mapping[str, Any]

    def answer(self) -> Answer:
        return self.respond(self.exchange)


@dataclass(frozen=True)
class Kind:
    """A kind of fault."""

    name: str
    host: str
    """Where it strikes unless told otherwise."""
    apply: Callable[[Order], Answer]


KINDS: dict[str, Kind] = {}


def _kind(*names: str, host: str) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    def register(apply: Callable[[Order], Answer]) -> Callable[[Order], Answer]:
        for name in names:
            KINDS[name] = Kind(name, host, apply)
        return apply

    return register


class Fault:
    """Spoil `times` answers of `host`, after letting `after` of them pass.

    `kind` is a key of KINDS (an int for a status is fine). `host` is data, signed, browse, login, cmr or
    foreign; by default the one where this kind bites. `path_contains` and `at` choose requests: by a part of
    the path, or by a byte that the asked range covers. `times` None is for ever. The rest are options of the kind.
    """

    def __init__(
        self, kind: object, host: str = "", path_contains: str = "", times: Optional[int] = 1, after: int = 0,
        at: Optional[int] = None, **options: Any,
    ) -> None:
        self.kind = str(kind)
        if self.kind not in KINDS:
            raise KeyError(f"there is no fault {self.kind!r}; there are {', '.join(KINDS)}")
        self.host = host or KINDS[self.kind].host
        self.path_contains, self.times, self.after, self.at, self.options = path_contains, times, after, at, options

    def facts(self) -> dict[str, Any]:
        """Its arguments, for JSON."""
        return {"kind": self.kind, "host": self.host, "path_contains": self.path_contains, "times": self.times,
                "after": self.after, "at": self.at, **self.options}

    def meets(self, exchange: Exchange) -> bool:
        if exchange.host != self.host or self.path_contains not in exchange.path:
            return False
        span = exchange.span(2**62)
        return self.at is None or (span is not None and span[0] <= self.at < span[1])


@dataclass
class Armed:
    """A fault with what is left of it."""

    fault: Fault
    after: int = field(init=False)
    left: float = field(init=False)

    def __post_init__(self) -> None:
        self.after = self.fault.after
        self.left = math.inf if self.fault.times is None else self.fault.times

    @property
    def kind(self) -> str:
        return self.fault.kind

    def strikes(self, exchange: Exchange) -> bool:
        if self.left <= 0 or not self.fault.meets(exchange):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.left -= 1
        return True

    def answer(self, exchange: Exchange, respond: Respond, site: Site) -> Answer:
        return KINDS[self.kind].apply(Order(exchange, respond, site, self.fault.options))


class Faults:
    """The faults in waiting; the first that meets a request strikes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[Armed] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._armed.append(Armed(fault))

    def clear(self) -> None:
        with self._lock:
            self._armed.clear()

    def take(self, exchange: Exchange) -> Optional[Armed]:
        with self._lock:
            return next((armed for armed in self._armed if armed.strikes(exchange)), None)


def _status(status: int) -> Callable[[Order], Answer]:
    def apply(order: Order) -> Answer:
        body = {"status_code": status, "error_description": order.options.get("text", f"spoilt on purpose: {status}")}
        answer = json_answer(status, body)
        wait = order.options.get("retry_after")
        return answer if wait is None else answer.with_headers(Retry_After=str(wait))

    return apply


for _code in (400, 401, 403, 404, 408, 410, 416, 429, 500, 502, 503, 504):
    _kind(str(_code), host="data")(_status(_code))


def _part(order: Order, answer: Answer) -> int:
    """How many bytes of the body go out: `after_bytes`, or half."""
    return int(order.options.get("after_bytes", len(answer.body) // 2))


@_kind("reset", host="signed")
def reset(order: Order) -> Answer:
    """RST in mid-body, after `after_bytes` or half."""
    answer = order.answer()
    return replace(answer, end=RESET, cut=_part(order, answer))


@_kind("short", host="signed")
def short(order: Order) -> Answer:
    """Closed in mid-body, although Content-Length promised all."""
    answer = order.answer()
    return replace(answer, end=CLOSE, cut=_part(order, answer))


@_kind("stall", host="signed")
def stall(order: Order) -> Answer:
    """Silence in mid-body, the connection open."""
    answer = order.answer()
    return replace(answer, end=STALL, cut=_part(order, answer))


@_kind("hang", host="signed")
def hang(order: Order) -> Answer:
    """No answer, the connection open."""
    return Answer(0, silent=True, end=STALL)


@_kind("close_early", host="signed")
def close_early(order: Order) -> Answer:
    """The connection closed before any answer."""
    return Answer(0, silent=True, end=CLOSE)


@_kind("reset_early", host="signed")
def reset_early(order: Order) -> Answer:
    """RST before any answer."""
    return Answer(0, silent=True, end=RESET)


@_kind("slow_drip", host="signed")
def slow_drip(order: Order) -> Answer:
    """The right body at `bytes_per_s` (200)."""
    return replace(order.answer(), bytes_per_s=float(order.options.get("bytes_per_s", 200)))


@_kind("status200", host="signed")
def status200(order: Order) -> Answer:
    """200 for a range: bytes without an end at 8 MB/s, or the `whole` file with its length."""
    answer = order.answer().with_headers(Content_Range=None, Content_Length=None)
    if order.options.get("whole") and isinstance(answer.body, FileSpan):
        path = answer.body.path
        return replace(answer, status=200, body=FileSpan(path, 0, path.stat().st_size))
    return replace(answer, status=200, body=Repeated(b"\x89HDF and on "), bytes_per_s=8e6, end=CLOSE)


@_kind("html", host="signed")
def html(order: Order) -> Answer:
    """A login page with `status` (200); with 206 it pretends to be the range, length and all."""
    status = int(order.options.get("status", 200))
    answer = order.answer() if status == 206 else Answer(200)
    page = LOGIN_PAGE.encode()
    if status == 206:
        page = (page + b" " * len(answer.body))[: len(answer.body)]
    return replace(answer, status=status, body=page, end=KEEP).with_headers(
        Content_Type="text/html; charset=utf-8", Content_Length=None)


def _content_range(answer: Answer, start: int = 0, stop: int = 0, total: int = 0) -> Answer:
    given = answer.headers.get("Content-Range", "")
    if not given or "*" in given:
        return answer
    span, _, size = given[len("bytes "):].partition("/")
    first, _, last = span.partition("-")
    return answer.with_headers(
        Content_Range=f"bytes {int(first) + start}-{int(last) + stop}/{int(size) + total}")


@_kind("wrong_content_range", host="signed")
def wrong_content_range(order: Order) -> Answer:
    """A Content-Range moved by `shift` (1) bytes over the right body."""
    shift = int(order.options.get("shift", 1))
    return _content_range(order.answer(), start=shift, stop=shift)


@_kind("wrong_total", host="signed")
def wrong_total(order: Order) -> Answer:
    """A total size that is `shift` (1) bytes off."""
    return _content_range(order.answer(), total=int(order.options.get("shift", 1)))


@_kind("no_content_range", host="signed")
def no_content_range(order: Order) -> Answer:
    """206 that does not say which part it is."""
    return order.answer().with_headers(Content_Range=None)


@_kind("clipped", host="signed")
def clipped(order: Order) -> Answer:
    """Honestly less than was asked: the first half, with headers that say so."""
    answer = order.answer()
    if answer.status != 206:
        return answer
    body = answer.body
    half = replace(answer, body=FileSpan(body.path, body.start, body.start + len(body) // 2))
    return _content_range(half, stop=len(half.body) - len(body))


@_kind("redirect_loop", host="data")
def redirect_loop(order: Order) -> Answer:
    """To itself, with another query each time."""
    hop = int(order.exchange.params.get("hop", 0)) + 1
    return redirect(307, f"{order.site.origins[order.exchange.host]}{order.exchange.path}?hop={hop}")


@_kind("redirect_foreign", host="data")
def redirect_foreign(order: Order) -> Answer:
    """To a host that is none of the archive's; it serves the file to anyone and notes what it was sent."""
    return redirect(307, order.site.origins["foreign"] + order.exchange.path)


@_kind("redirect", host="data")
def redirect_anywhere(order: Order) -> Answer:
    """To `location`, with `status` (307)."""
    return redirect(int(order.options.get("status", 307)), str(order.options["location"]))


@_kind("changed_etag", host="signed")
def changed_etag(order: Order) -> Answer:
    """Another `etag` than the file's, and a later Last-Modified."""
    return order.answer().with_headers(
        ETag=str(order.options.get("etag", '"0123456789abcdef0123456789abcdef"')),
        Last_Modified="Wed, 01 Jan 2031 00:00:00 GMT")


@_kind("no_etag", host="signed")
def no_etag(order: Order) -> Answer:
    """No ETag; with `last_modified=False` no Last-Modified either."""
    answer = order.answer().with_headers(ETag=None)
    return answer if order.options.get("last_modified", True) else answer.with_headers(Last_Modified=None)


@_kind("content_encoding", "bad_gzip", host="signed")
def bad_gzip(order: Order) -> Answer:
    """Content-Encoding: gzip over bytes that are none; with `real=True` over a true gzip of the body."""
    answer = order.answer().with_headers(Content_Encoding="gzip")
    if not order.options.get("real"):
        return answer
    whole = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body.blocks(2**20))
    return replace(answer, body=gzip.compress(whole))


@_kind("truncated_json", host="cmr")
def truncated_json(order: Order) -> Answer:
    """The first half of the body, with a length that fits it."""
    answer = order.answer()
    return replace(answer, body=answer.body[: len(answer.body) // 2])


@_kind("endless_pages", host="cmr")
def endless_pages(order: Order) -> Answer:
    """The first page again and again, each with a way on."""
    exchange = order.exchange
    headers = {name: value for name, value in exchange.headers.items() if name != "cmr-search-after"}
    answer = order.respond(replace(exchange, headers=headers, query=exchange.query.replace("token=", "spoilt=")))
    if "/stac" not in exchange.path:
        return answer.with_headers(CMR_Search_After='["spoilt", 1]')
    page = json.loads(answer.body)
    if not any(link["rel"] == "next" for link in page.get("links", ())):
        own = order.site.origins["cmr"] + exchange.path
        page.setdefault("links", []).append({"rel": "next", "method": "GET", "href": f"{own}?{exchange.query}"})
    return replace(answer, body=json.dumps(page).encode())


@_kind("clock", host="data")
def clock(order: Order) -> Answer:
    """A Date header years off."""
    return order.answer().with_headers(Date=str(order.options.get("date", "Sat, 01 Jan 2000 00:00:00 GMT")))
