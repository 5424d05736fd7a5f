"""The catalogues, a question to one, and its pages: whole, or an error. Half an answer is none."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, Optional, Union
from urllib.parse import urlsplit

from ..errors import ArchiveError
from ..registry import Registry
from .archives import Archive, Collection
from .area import Box
from .records import Record

Moment = Union[None, str, date, datetime]
MOST_RECORDS = 20_000
"""Records of one collection and box that are read; the rest is announced."""
PAGE_BYTES = 64 * 2**20
"""Largest page that is taken."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Window:
    """A span of time, UTC; None is open."""

    start: Optional[datetime]
    """Its first moment."""
    end: Optional[datetime]
    """Its last moment, which belongs to it."""

    @classmethod
    def of(cls, start: Moment, end: Moment) -> Window:
        """From dates (whole days, UTC), times, or text of either. Raises ArchiveError where it is no span."""
        first, last = _moment(start, "start", time.min), _moment(end, "end", time.max)
        if first is not None and last is not None and last < first:
            raise ArchiveError(f"The search ends ({last:%Y-%m-%d %H:%M}) before it starts ({first:%Y-%m-%d %H:%M}); "
                               "exchange the two.")
        return cls(first, last)

    def meets(self, start: datetime, end: datetime) -> bool:
        """Whether something that lasts from `start` to `end` falls into it."""
        return (self.end is None or start <= self.end) and (self.start is None or end >= self.start)

    def texts(self) -> tuple[str, str]:
        """Both ends as RFC 3339 to the millisecond, the end after the start; "" is open."""
        start, end = self.start, self.end
        if start is not None and end is not None:
            end = max(end, start + timedelta(milliseconds=1))
        return _rfc3339(start), _rfc3339(end)


def _moment(value: Moment, which: str, on_its_day: time) -> Optional[datetime]:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        value = _parsed(value.strip(), which)
    if not isinstance(value, datetime):
        return datetime.combine(value, on_its_day, timezone.utc)
    return value.astimezone(timezone.utc) if value.tzinfo else value.replace(tzinfo=timezone.utc)


def _parsed(text: str, which: str) -> Union[date, datetime]:
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
        return datetime.fromisoformat(re.sub(r"[Zz]$", "+00:00", text))
    except ValueError:
        raise ArchiveError(f"The {which} of the search is '{text}', which is no date; write it such as 2024-05-01 or "
                           "2024-05-01T10:30:00Z.") from None


def _rfc3339(moment: Optional[datetime]) -> str:
    if moment is None:
        return ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


@dataclass(frozen=True)
class Question:
    """What is asked of one collection."""

    box: Box
    """Where."""
    window: Window
    """When."""


@dataclass(frozen=True)
class Batch:
    """A page."""

    records: tuple[Mapping[str, Any], ...]
    """As they came."""
    matched: Optional[int]
    """How many there are on all pages; None where the catalogue does not say."""


def whole(batches: Iterator[Batch], catalogue: str) -> Iterator[Batch]:
    """Pass pages on; raises ArchiveError where they repeat themselves, or end before all were there.

    Stops by itself after MOST_RECORDS.
    """
    seen: set[str] = set()
    received = 0
    matched: Optional[int] = None
    for batch in batches:
        names = {_identity(record) for record in batch.records}
        if batch.records and names <= seen:
            raise ArchiveError(f"{catalogue} sends the same page again and again; try later.")
        seen |= names
        received += len(batch.records)
        matched = batch.matched if batch.matched is not None else matched
        yield batch
        if received >= MOST_RECORDS:
            return
    if matched is not None and received < matched:
        raise ArchiveError(f"{catalogue} announced {matched} records and sent {received}; try later.")


def _identity(record: Mapping[str, Any]) -> str:
    """What tells a record from others; of a malformed one, all of it."""
    meta = record.get("meta")
    name = record.get("id") or (meta.get("concept-id") if isinstance(meta, Mapping) else None)
    return f"{record.get('collection', '')} {name}" if name else json.dumps(record, sort_keys=True, default=str)


def json_of(data: bytes, headers: Mapping[str, str], catalogue: str) -> dict[str, Any]:
    """The object that a page holds; raises ArchiveError where it is something else."""
    kind = header(headers, "content-type").partition(";")[0].strip().lower()
    if "json" not in kind:
        raise ArchiveError(f"{catalogue} answers with '{kind or 'no type'}' where JSON was asked for; a proxy or a "
                           "sign-in page may stand between.")
    try:
        page = json.loads(data)
    except (ValueError, RecursionError):
        raise ArchiveError(f"{catalogue} sent a page that is cut off or no JSON; try later.") from None
    if not isinstance(page, dict):
        raise ArchiveError(f"{catalogue} sent a page without records; try later.")
    return page


def header(headers: Mapping[str, str], name: str) -> str:
    """A header by its name in any case; "" where there is none."""
    return next((str(value) for key, value in headers.items() if key.lower() == name), "")


def count_of(value: object) -> Optional[int]:
    """A number of records; None where it is none."""
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 13 else None


@dataclass(frozen=True)
class Place:
    """A catalogue at an address."""

    catalogue: str
    """Name in CATALOGUES."""
    address: str
    """Where it answers."""
    client: Any = field(repr=False)
    """The HttpClient that asks."""

    @property
    def secure(self) -> bool:
        """Whether it is asked over https; then links of its records must be so too."""
        return urlsplit(self.address).scheme == "https"


@dataclass(frozen=True)
class Catalogue:
    """A way of asking."""

    pages: Callable[[Place, Collection, Question], Iterator[Batch]]
    """The pages of an answer, newest records first. Raises ArchiveError."""
    record: Callable[[Mapping[str, Any], Archive, bool], Optional[Record]]
    """(record as it came, archive, https alone) -> the record; None for one that is left out. Raises Unusable."""
    check: Callable[[Place, Collection], None]
    """Asked where nothing was found: raises ArchiveError if the catalogue does not know the collection."""


CATALOGUES: Registry[Catalogue] = Registry("catalogue", ArchiveError)
"""Name -> way of asking."""
