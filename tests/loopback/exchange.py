"""What one request and one answer are, between the hosts, the faults and the socket."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Optional, Union
from urllib.parse import parse_qs

KEEP, CLOSE, RESET, STALL = "keep", "close", "reset", "stall"
"""What happens to the connection once the body, or what is sent of it, is out."""


@dataclass(frozen=True)
class Exchange:
    """A request as it arrived."""

    host: str
    """Name of the host that was asked: data, signed, browse, login, cmr, foreign."""
    method: str
    path: str
    """Percent-decoded, without query."""
    query: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = b""

    @property
    def params(self) -> dict[str, str]:
        """The first value of each parameter."""
        return {name: values[0] for name, values in self.all_params.items()}

    @property
    def all_params(self) -> dict[str, list[str]]:
        """All values of each parameter of the query, and of a form that was posted."""
        form = self.body.decode("latin-1") if "urlencoded" in self.headers.get("content-type", "") else ""
        return parse_qs("&".join(filter(None, (self.query, form))), keep_blank_values=True)

    def span(self, size: int) -> Optional[tuple[int, int]]:
        """(start, stop) of the single range asked for, None for none (or several, as S3 does); may be empty."""
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("range", "").replace(" ", ""))
        if match is None or not any(match.groups()):
            return None
        first, last = match.groups()
        if not first:
            return max(0, size - int(last)), size
        return int(first), min(size, int(last) + 1 if last else size)


@dataclass(frozen=True)
class FileSpan:
    """A part of a file as a body, read as it is sent."""

    path: Path
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def blocks(self, size: int) -> Iterator[bytes]:
        with open(self.path, "rb", buffering=0) as file:
            for start in range(self.start, self.stop, size):
                yield os.pread(file.fileno(), min(size, self.stop - start), start)


@dataclass(frozen=True)
class Repeated:
    """`pattern` for ever: a body without an end."""

    pattern: bytes

    def blocks(self, size: int) -> Iterator[bytes]:
        block = (self.pattern * (size // len(self.pattern) + 1))[:size]
        while True:
            yield block


Body = Union[bytes, FileSpan, Repeated]


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body = b""
    end: str = KEEP
    """KEEP, CLOSE, RESET or STALL."""
    cut: Optional[int] = None
    """Bytes of the body that are sent although all were promised; None for all."""
    silent: bool = False
    """True sends nothing at all, not even a status; `end` still holds."""
    bytes_per_s: Optional[float] = None
    """A pace of its own, slower than the server's."""

    def with_headers(self, **headers: Optional[str]) -> Answer:
        """`Content_Type="x"` sets Content-Type; None removes it."""
        merged = dict(self.headers)
        for name, value in headers.items():
            name = name.replace("_", "-")
            merged.pop(name, None)
            if value is not None:
                merged[name] = value
        return replace(self, headers=merged)


Respond = Callable[[Exchange], Answer]


def text_answer(status: int, text: str, content_type: str = "text/plain", **headers: str) -> Answer:
    return Answer(status, {"Content-Type": content_type}, text.encode()).with_headers(**headers)


def json_answer(status: int, value: Any, content_type: str = "application/json", **headers: str) -> Answer:
    return text_answer(status, json.dumps(value), content_type, **headers)


def redirect(status: int, location: str) -> Answer:
    return Answer(status, {"Location": location})
