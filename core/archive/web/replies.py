"""What comes back: parts of files and whole documents, checked before they are believed."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Optional

from ...errors import ArchiveError
from .connections import Answer, number_in
from .origins import host_of, unsigned
from .refusals import is_html
from .routes import Landed
from .troubles import Again

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


@dataclass(frozen=True)
class Reply:
    """A part of a file."""

    data: bytes = field(repr=False)
    """The bytes asked for; fewer only where the file ends."""
    etag: str
    """What the server calls this state of the file (ETag, else Last-Modified); empty where it does not say."""
    total: int
    """Bytes of the whole file."""


@dataclass(frozen=True)
class State:
    """One state of a file on its server."""

    url: str
    """Its address, without a signature."""
    etag: str
    """What the server calls this state; "" where it does not say."""
    size: int
    """Its bytes."""


@dataclass(frozen=True)
class Page:
    """A whole document."""

    data: bytes = field(repr=False)
    """Its bytes, inflated."""
    status: int
    """200, or one of those that were to be accepted."""
    headers: Mapping[str, str] = field(repr=False)
    """Name in lower case -> value."""
    url: str
    """Where it came from in the end, without its signature."""


class Part(NamedTuple):
    """The head of an answer that holds a part of a file."""

    start: int
    """First byte."""
    length: int
    """Number of bytes."""
    total: int
    """Bytes of the whole file."""
    etag: str
    """State of the file; may be empty."""


def checked_part(landed: Landed, start: int, length: int) -> Part:
    """The head of a 206 for `length` bytes from `start`, or what to raise; a body that is not wanted is not read."""
    answer = landed.answer
    if answer.status in (200, 203, 206) and is_html(answer):
        raise landed.not_signed_in()
    if answer.status == 416:
        answer.skip()
        raise ArchiveError(f"'{landed.name}' has no byte {start}: it is shorter than it was said to be; search for the "
                           "scene again.")
    if answer.status in (200, 203):
        answer.close()
        raise ArchiveError(f"'{host_of(answer.url)}' answers with the whole of '{landed.name}' where a part was asked "
                           "for, so it cannot be read in place; download it instead.")
    if answer.status != 206:
        raise landed.refusal()
    return _part(landed, start, length)


def _part(landed: Landed, start: int, length: int) -> Part:
    answer = landed.answer
    found = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", "").strip())
    begin, last, total = map(int, found.groups()) if found else (-1, -1, -1)
    size = answer.headers.get("content-length", str(last + 1 - begin))
    fits = begin == start and last + 1 == min(start + length, total) > start and size == str(last + 1 - begin)
    if not fits or answer.headers.get("content-encoding", "identity").strip().lower() != "identity":
        answer.close()
        raise ArchiveError(f"'{host_of(answer.url)}' answers with another part of '{landed.name}' than was asked for, "
                           "or packs it; it cannot be read in place: download it instead.")
    return Part(start, last + 1 - start, total, state_of(answer))


def state_of(answer: Answer) -> str:
    """ETag, else Last-Modified, else nothing; both where the ETag is weak, which other bytes may share."""
    etag, modified = (answer.headers.get(name, "").strip() for name in ("etag", "last-modified"))
    return f"{etag} {modified}".strip() if etag.startswith("W/") else etag or modified


def whole_part(landed: Landed, part: Part) -> Reply:
    """Read the body of a part; raises :class:`Again` where it is shorter than announced."""
    data = landed.answer.body(part.length)
    if data is None or len(data) != part.length:
        landed.answer.close()
        raise Again(f"The connection to '{host_of(landed.answer.url)}' broke off: of {part.length} bytes of "
                    f"'{landed.name}' others came; try again.", at_once=True)
    return Reply(data, part.etag, part.total)


def document(landed: Landed, limit: int) -> Page:
    """Read a whole answer of at most `limit` bytes, inflated."""
    answer = landed.answer
    packed = answer.headers.get("content-encoding", "identity").strip().lower()
    data = answer.body(limit)
    if data is not None and packed in ("gzip", "x-gzip"):
        data = _inflated(data, limit, landed)
    elif packed not in ("identity", ""):
        raise _damaged(landed)
    if data is None:
        raise ArchiveError(f"'{landed.name}' is longer than the {limit} bytes that are read of such a document; check "
                           "the address.")
    announced = number_in(answer.headers, "content-length")
    if packed in ("identity", "") and announced is not None and announced != len(data):
        raise Again(f"The connection to '{host_of(answer.url)}' broke off: {len(data)} of {announced} bytes of "
                    f"'{landed.name}' came; try again.", at_once=True)
    return Page(data, answer.status, answer.headers, unsigned(answer.url))


def _inflated(data: bytes, limit: int, landed: Landed) -> Optional[bytes]:
    """Unpacked, or None where that is longer than `limit`: a small body may hold a huge one."""
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        inflated = unpacker.decompress(data, limit + 1)
    except zlib.error:
        raise _damaged(landed) from None
    if len(inflated) > limit:
        return None
    if not unpacker.eof:
        raise Again(f"The connection to '{host_of(landed.answer.url)}' broke off in '{landed.name}'; try again.")
    return inflated


def _damaged(landed: Landed) -> ArchiveError:
    landed.answer.close()
    return ArchiveError(f"'{host_of(landed.answer.url)}' answers with a '{landed.name}' that cannot be unpacked; try "
                        "again later.")
