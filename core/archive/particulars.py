"""What the records of the archive tell of files that are known by their addresses alone: sizes and checksums."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Optional

from ..errors import ArchiveError, MissingDependency
from ..optional import require
from ..progress import NO_PROGRESS, Progress, Share
from ..sensors.acquisition import time_of
from .archives import ARCHIVES
from .records import file_name
from .scene import RemoteFile
from .searching import search

_MOST_SCENES = 100
"""Scenes of one moment that are read; an instrument takes one."""
_AROUND = timedelta(seconds=2)
"""Names leave out the fractions of seconds that records may hold."""


def particulars(files: Sequence[RemoteFile], client: Any = None, endpoint: Optional[str] = None,
                progress: Progress = NO_PROGRESS) -> tuple[list[RemoteFile], tuple[str, ...]]:
    """`files` in their order, with size and checksum where the catalogue knows them, and what a user must know.

    Only those without a checksum are looked up, by the moment that their names tell. `client` and `endpoint` are
    those of :func:`.searching.search`. Raises Cancelled; a catalogue that does not answer is a notice.
    """
    moments: dict[tuple[str, datetime], list[RemoteFile]] = defaultdict(list)
    for file in files:
        named = None if file.checksum is not None else _moment(file)
        if named is not None:
            moments[named].append(file)
    told: dict[str, RemoteFile] = {}
    troubles: list[str] = []
    for i, (sensor, moment) in enumerate(moments):
        share = Share(progress, i / len(moments), (i + 1) / len(moments))
        try:
            told.update(_records(sensor, moment, client, endpoint, share))
        except (ArchiveError, MissingDependency) as error:
            troubles.append(str(error))
            break  # the others would be told the same
    known = [told.get(file.url, file) if file.checksum is None else file for file in files]
    return known, tuple(_notices(known, troubles))


def _moment(file: RemoteFile) -> Optional[tuple[str, datetime]]:
    """(sensor, start of the acquisition) by the name of a file; None for a name that tells neither."""
    for sensor, archive in ARCHIVES.items():
        name = archive.name_of(file_name(file.url))
        start = time_of(name.time) if name is not None else None
        if start is not None:
            return sensor, start
    return None


def _records(sensor: str, moment: datetime, client: Any, endpoint: Optional[str], progress: Progress
             ) -> Iterable[tuple[str, RemoteFile]]:
    """(address, file) of all scenes of a moment."""
    everywhere = require("shapely", "to search by area").box(-180.0, -90.0, 180.0, 90.0)
    found = search(sensor, everywhere, moment - _AROUND, moment + _AROUND, limit=_MOST_SCENES, client=client,
                   endpoint=endpoint, progress=progress)
    return [(file.url, file) for scene in found for file in scene.files.values()]


def _notices(known: Sequence[RemoteFile], troubles: Sequence[str]) -> Iterable[str]:
    unchecked = sum(file.checksum is None for file in known)
    if unchecked:
        why = f" ({troubles[0].rstrip('.')})" if troubles else ""
        yield (f"Of {unchecked} of {len(known)} files the catalogue tells no checksum{why}; they are checked by their "
               "size alone.")
