"""Secrets that a test plants, and the places where none of them may turn up afterwards."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote

from loopback import LoopbackArchive

_TELLING = 16
"""Characters of a secret that are too many to be told."""


def signatures(archive: LoopbackArchive) -> set[str]:
    """Those of all signed addresses that were asked so far."""
    found = (re.search(r"Signature=([^&]+)", request.query) for request in archive.asked("signed"))
    return {unquote(match[1]) for match in found if match}


def parts(secrets: Iterable[str]) -> set[str]:
    """What is searched for: the end of each secret, and of each part of a token."""
    pieces = {piece for secret in secrets for piece in re.split(r"[.]", secret)}
    return {piece[-_TELLING:] for piece in pieces if len(piece) >= 6}


def told(error: BaseException) -> Iterator[str]:
    """All that an error and those behind it say, whether they are shown or not."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        here = waiting.pop()
        if isinstance(here, BaseException) and id(here) not in seen:
            seen.add(id(here))
            yield from traceback.format_exception(type(here), here, here.__traceback__)
            yield repr(here.args)
            waiting += [here.__cause__, here.__context__]


def files_under(folder: Path) -> Iterator[str]:
    """Names and contents of all files."""
    for path in Path(folder).rglob("*"):
        yield str(path)
        if path.is_file():
            yield path.read_bytes().decode("latin-1")


def assert_untold(secrets: Iterable[str], places: Iterable[str]) -> None:
    """No secret, nor a telling part of one, stands in any of `places`."""
    searched = parts(secrets)
    assert searched, "nothing was planted"
    for place in places:
        for secret in searched:
            assert secret not in place, f"a secret stands in: {place[:300]}"
