"""The two ways of asking the archive behind one signature."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional
from urllib.parse import urlsplit

from ..errors import ArchiveError
from ..registry import Registry
from .archives import Archive, Collection
from .paging import Batch, Question
from .records import Record


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
