"""The hosts that hold files: the front door (data), the signed storage behind it, and two open ones."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Optional
from urllib.parse import quote, urlencode
from wsgiref.handlers import format_date_time

from .exchange import Answer, Exchange, FileSpan, json_answer, redirect, text_answer
from .login import bearer

if TYPE_CHECKING:
    from .site import Site

PUBLIC = "/lp-prod-public/"
_TYPES = {".nc": "application/x-netcdf", ".png": "image/png", ".json": "application/json", ".dmrpp": "application/xml"}


def data(site: Site) -> Callable[[Exchange], Answer]:
    """The front door: asks for a token, then sends on to a signed address."""

    def answer(exchange: Exchange) -> Answer:
        if exchange.path.startswith(PUBLIC) and not site.settings.public_redirect:
            return file_answer(site, exchange)
        user = "anonymous" if exchange.path.startswith(PUBLIC) else bearer(site, exchange)
        if user is None:
            return _to_login(site, exchange)
        if user in site.accounts and not site.accounts[user].licence:
            return _licence_missing(site)
        if site.find(exchange.path) is None:
            return text_answer(404, "<html><body><h1>404 Not Found</h1></body></html>", "text/html")
        settings = site.settings
        expires = site.now() + settings.signed_lifetime_s
        signed = site.seal.signed(exchange.path, user, expires, settings.signed_epoch)
        return redirect(settings.redirect_status, site.origins["signed"] + signed).with_headers(
            Cache_Control="private, max-age=600")

    return answer


def _to_login(site: Site, exchange: Exchange) -> Answer:
    query = urlencode({"client_id": "loopback", "response_type": "code",
                       "redirect_uri": site.origins["data"] + "/login", "state": quote(exchange.path)})
    return redirect(302, f"{site.origins['login']}/oauth/authorize?{query}")


def _licence_missing(site: Site) -> Answer:
    return json_answer(403, {
        "status_code": 403, "error_description": "EULA Acceptance Failure",
        "resolution_url": f"{site.origins['login']}/approve_app?client_id=loopback"})


def signed(site: Site) -> Callable[[Exchange], Answer]:
    """The storage: opens to a signature only, and refuses a second kind of credential, as S3 does."""

    def answer(exchange: Exchange) -> Answer:
        params = exchange.params
        if "authorization" in exchange.headers:
            return _s3_error(400, "InvalidArgument", "Only one auth mechanism allowed")
        if not site.seal.opens(exchange.path, params, site.settings.signed_epoch):
            return _s3_error(403, "SignatureDoesNotMatch", "The signature does not match")
        if float(params["Expires"]) < site.now():
            return _s3_error(403, "AccessDenied", "Request has expired")
        return file_answer(site, exchange)

    return answer


def open_to_all(site: Site, room: str = "/") -> Callable[[Exchange], Answer]:
    """A host that gives what lies under `room` to anyone."""

    def answer(exchange: Exchange) -> Answer:
        if not exchange.path.startswith(room):
            return text_answer(404, "not here")
        return file_answer(site, exchange)

    return answer


def _s3_error(status: int, code: str, message: str) -> Answer:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return text_answer(status, text, "application/xml")


def file_answer(site: Site, exchange: Exchange) -> Answer:
    """The file, or the range of it that was asked for."""
    path = site.find(exchange.path)
    if path is None:
        return _s3_error(404, "NoSuchKey", "The specified key does not exist.")
    if exchange.method not in ("GET", "HEAD"):
        return text_answer(405, "GET or HEAD", Allow="GET, HEAD")
    facts = path.stat()
    headers = {"Accept-Ranges": "bytes", "ETag": etag_of(path), "Last-Modified": format_date_time(facts.st_mtime),
               "Content-Type": _TYPES.get(path.suffix, "application/octet-stream")}
    refused = _precondition(exchange, headers)
    if refused:
        return Answer(refused, headers)
    return _range_answer(exchange, path, facts.st_size, headers)


def _range_answer(exchange: Exchange, path: Path, size: int, headers: dict[str, str]) -> Answer:
    span = exchange.span(size)
    if span is None or exchange.headers.get("if-range", headers["ETag"]) not in headers.values():
        return Answer(200, headers, FileSpan(path, 0, size))
    start, stop = span
    if start >= stop:
        answer = _s3_error(416, "InvalidRange", "The requested range is not satisfiable")
        return answer.with_headers(Content_Range=f"bytes */{size}")
    return Answer(206, {**headers, "Content-Range": f"bytes {start}-{stop - 1}/{size}"}, FileSpan(path, start, stop))


def _precondition(exchange: Exchange, headers: dict[str, str]) -> Optional[int]:
    wanted, unwanted = exchange.headers.get("if-match"), exchange.headers.get("if-none-match")
    if wanted and wanted not in ("*", headers["ETag"]):
        return 412
    if unwanted and unwanted in ("*", headers["ETag"]):
        return 304
    return None


def etag_of(path: Path) -> str:
    """Changes whenever the file is replaced."""
    facts = path.stat()
    return f'"{hashlib.sha256(f"{path.name} {facts.st_size} {facts.st_mtime_ns}".encode()).hexdigest()[:32]}"'
