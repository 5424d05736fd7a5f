"""One record of a catalogue, whichever it is: checked, and free of anything that could act as a path or a secret."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Optional
from urllib.parse import unquote, urlsplit

from ..errors import ArchiveError
from ..sensors.acquisition import time_of
from ..sensors.emit.names import EmitName
from .archives import Archive
from .scene import RemoteFile

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,199}")
_HIDDEN_PATH = re.compile(r"(?:^|/)\.\.?(?:/|$)|\\|[\x00-\x20\x7f]")
_DATA_ENDING, _SIDECAR_ENDING = ".nc", ".dmrpp"
_PICTURES = (".png", ".jpg", ".jpeg")
_DAY_NIGHT = {"day": "day", "night": "night", "both": "both"}


class Unusable(ArchiveError):
    """A record that cannot be used; its text is the reason in a few words, to be counted."""


@dataclass(frozen=True)
class ProductFile:
    """A file of a record."""

    product: str
    """DATA, UNCERTAINTY or MASK."""
    name: EmitName
    """What its name tells."""
    file: RemoteFile
    """Where it is."""

    @property
    def stem(self) -> str:
        """Its file name without the ending."""
        return file_name(self.file.url)[:-len(_DATA_ENDING)]


@dataclass(frozen=True)
class Record:
    """What a catalogue says about some files that belong together."""

    start: datetime
    """Start of the acquisition, UTC."""
    end: datetime
    """Its end, UTC."""
    cloud: Optional[float]
    """Cloud cover, percent; None where unknown."""
    day_night: Optional[str]
    """"day", "night" or "both"; None where unknown."""
    footprint: Any = field(hash=False)
    """Shapely polygon in lon/lat; None where the record holds no usable one."""
    files: tuple[ProductFile, ...]
    """Its files."""
    browse_url: str
    """A picture; "" where there is none."""


@dataclass(frozen=True)
class Link:
    """A link of a record."""

    url: str
    """As written there."""
    size_bytes: Optional[int] = None
    """Size of what it leads to."""
    checksum: Optional[tuple[str, str]] = None
    """(algorithm, digest)."""


@dataclass(frozen=True)
class Words:
    """What a record says, before it is checked."""

    name: Any
    """What the catalogue calls it."""
    start: Any
    """Text of the beginning."""
    end: Any
    """Text of the end; None where it is the same moment."""
    cloud: Any
    """Cloud cover."""
    day_night: Any
    """Day or night."""
    footprint: Any
    """Shapely polygon; None where there is none."""
    links: Sequence[Link]
    """Links to all that belongs to it."""


def record_of(words: Words, archive: Archive, secure: bool) -> Record:
    """The record that `words` make; `secure` allows https alone. Raises Unusable."""
    if not is_plain_name(words.name):
        raise Unusable("with an unsafe name")
    files = _files(words.links, archive, secure)
    if not files:
        raise Unusable("without a usable link to its data")
    start = time_of(words.start) or time_of(files[0].name.time)
    if start is None:
        raise Unusable("without a time")
    end = time_of(words.end) or start
    return Record(start, max(start, end), percent_of(words.cloud), _DAY_NIGHT.get(str(words.day_night).lower()),
                  words.footprint, files, _browse(words.links, secure))


def is_plain_name(text: object) -> bool:
    """Whether a name that a server gave may be shown, kept in a table and used for a file.

    >>> is_plain_name("../../x"), is_plain_name("EMIT_L2A_RFL_001_20230316T045133_2307503_005")
    (False, True)
    """
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def plain_url(url: object, secure: bool) -> bool:
    """Whether a link is an address of a file, and no more: https (or http where `secure` is False), no user name, no
    query, which could be a signature, and no path that leads elsewhere than it seems."""
    if not isinstance(url, str) or len(url) > _LONGEST_URL or not url.isascii():
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    allowed = parts.scheme == "https" or (parts.scheme == "http" and not secure)
    extra = parts.username or parts.password or parts.query or parts.fragment or url.endswith(("?", "#"))
    hidden = _HIDDEN_PATH.search(url) or _HIDDEN_PATH.search(unquote(parts.path)) or "%2f" in parts.path.lower()
    return bool(allowed and host and not extra and not hidden and is_plain_name(file_name(url)))


_LONGEST_URL = 2048


def file_name(url: str) -> str:
    """The last part of an address."""
    return url.rsplit("/", 1)[-1]


def percent_of(value: object) -> Optional[float]:
    """A cloud cover of 0-100; None for anything else.

    >>> percent_of(23), percent_of("23"), percent_of(-999), percent_of(None)
    (23.0, 23.0, None, None)
    """
    if not isinstance(value, (int, float, str)) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) and 0.0 <= number <= 100.0 else None


def size_of(value: object) -> Optional[int]:
    """A size in bytes; None for what is none."""
    whole = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return int(value) if whole and value > 0 else None  # type: ignore[call-overload, operator]


def checksum_of(algorithm: object, digest: object) -> Optional[tuple[str, str]]:
    """(hashlib's name, digest); None where the algorithm is unknown or the digest is none of its length.

    >>> checksum_of("SHA-512", "ab" * 64)[0]
    'sha512'
    """
    name = str(algorithm).replace("-", "").lower()
    if name not in _DIGESTS or not isinstance(digest, str):
        return None
    return (name, digest.lower()) if re.fullmatch(rf"[0-9a-fA-F]{{{_DIGESTS[name]}}}", digest) else None


_DIGESTS = {"md5": 32, "sha1": 40, "sha256": 64, "sha384": 96, "sha512": 128}
"""Algorithm -> hexadecimal digits."""


def mapping_of(value: object) -> Mapping[str, Any]:
    """`value` itself where it is a mapping, else an empty one: records are other people's."""
    return value if isinstance(value, Mapping) else {}


def list_of(value: object) -> list[Any]:
    """`value` itself where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def _files(links: Sequence[Link], archive: Archive, secure: bool) -> tuple[ProductFile, ...]:
    """The data files among the links, each once, by the name of the file and not by the place in the list."""
    ours = (link for link in links if link.url.endswith((_DATA_ENDING, _SIDECAR_ENDING)))
    good = {link.url: link for link in ours if plain_url(link.url, secure)}
    sidecars = {file_name(url): url for url in good if url.endswith(_SIDECAR_ENDING)}
    found: dict[str, ProductFile] = {}
    for url, link in good.items():
        base = file_name(url)
        name = archive.name_of(base) if base.endswith(_DATA_ENDING) else None
        if name is not None and name.product in archive.products and base not in found:
            file = RemoteFile(url, link.size_bytes, link.checksum, sidecars.get(base + _SIDECAR_ENDING, ""))
            found[base] = ProductFile(archive.products[name.product], name, file)
    return tuple(found.values())


def _browse(links: Sequence[Link], secure: bool) -> str:
    return next((link.url for link in links
                 if link.url.lower().endswith(_PICTURES) and plain_url(link.url, secure)), "")
