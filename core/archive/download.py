"""Files of the archive brought into a folder: each checked, and in its place only when it is whole."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Callable, Optional, Union
from urllib.parse import urlsplit

from ..errors import ArchiveError, Cancelled, MissingDependency, OutputError, PixelSpectraError
from ..optional import require
from ..progress import NO_PROGRESS, Progress, Share, listening
from ..sensors.acquisition import time_of
from .archives import ARCHIVES
from .fetching import Fetching
from .partfile import PartFile
from .records import file_name, is_plain_name, plain_url
from .scene import RemoteFile
from .searching import search
from .sizes import check_room, said_bytes
from .web.http import HttpClient
from .web.origins import unsigned

ENDINGS = (".nc", ".nc4", ".h5")
"""What a downloaded file may be called in the end."""
_NOT_NAMES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))})
"""Names that are devices on Windows, whatever their ending."""
_THIS_COMPUTER = frozenset({"127.0.0.1", "localhost", "::1"})
_MOST_SCENES = 100
"""Scenes of one moment that are read; an instrument takes one."""
_AROUND = timedelta(seconds=2)
"""Names leave out the fractions of seconds that records may hold."""


@dataclass(frozen=True)
class Failure:
    """A file that was not downloaded."""

    file: RemoteFile
    """Which."""
    error: PixelSpectraError
    """Why; its text is a sentence."""


class Downloaded(list[Path]):
    """The files that are there now, in the order asked for, with what must be known about them."""

    failures: tuple[Failure, ...] = ()
    """The others."""
    notices: tuple[str, ...] = ()
    """What a user must know, failures included."""
    n_there: int = 0
    """How many of the files were there before, whole."""
    n_bytes: int = 0
    """Bytes that came now."""

    def summary(self) -> str:
        """One line with the counts."""
        n = len(self) + len(self.failures)
        there = f", {self.n_there} of them from before" if self.n_there else ""
        failed = f"; {len(self.failures)} could not be downloaded" if self.failures else ""
        return f"{len(self)} of {n} files are whole{there} ({said_bytes(self.n_bytes)} came now){failed}"


def download(files: Sequence[RemoteFile], folder: Union[str, os.PathLike[str]], client: HttpClient,
             progress: Progress = NO_PROGRESS) -> Downloaded:
    """Bring `files` into `folder`, which is made where it is not there.

    A file that broke off goes on from there if the server still has the same state of it. Size and checksum, where
    the record tells them, are checked; what fails is told in `failures`, and the others go on. Nothing that is there
    is overwritten. Raises what the first file failed for where all of them fail, OutputError where there is no room
    for them, Cancelled; what came by then is kept, and the same call goes on from there.
    """
    wanted = list({file.url: file for file in files}.values())
    done = Downloaded()
    if not wanted:
        return done
    place = _made(folder)
    check_room(sum(_wanting(file, place) for file in wanted), place, f"The download ({len(wanted)} files)")
    failures: list[Failure] = []
    taken: dict[str, str] = {}
    for number, (file, share) in enumerate(zip(wanted, _shares(wanted, progress)), 1):
        try:
            fetching = Fetching(file, place / _own_name(file, taken), client, share, f"{number} of {len(wanted)}")
            with listening(progress):
                done.append(fetching.run())
        except Cancelled:
            raise _cancelled(done, file) from None
        except PixelSpectraError as error:
            failures.append(Failure(file, error))
            continue
        done.n_there += fetching.was_there
        done.n_bytes += fetching.n_bytes
        done.notices += tuple(fetching.notices)
    if not done:
        raise _none_of(failures)
    done.failures = tuple(failures)
    done.notices += tuple(str(failure.error) for failure in failures)
    return done


def name_of(url: str) -> str:
    """The name that the file at `url` gets.

    Raises ArchiveError where what a server gave as a name could act as a path or a program, and for an address that
    is not secure, or holds more than where the file is.
    """
    plain = unsigned(url)
    here = "://" in plain and urlsplit(plain).hostname in _THIS_COMPUTER
    if not plain_url(url, secure=not here):
        raise ArchiveError(f"'{plain}' is not the plain address (https) of a file with a plain name, so it is not "
                           "downloaded; give the address as the search lists it.")
    name = file_name(url)
    stem = name.partition(".")[0].lower()
    if not name.lower().endswith(ENDINGS) or not is_plain_name(name) or stem in _NOT_NAMES:
        raise ArchiveError(f"'{name}' is not the name of a granule ({', '.join(ENDINGS)}), so it is not downloaded; "
                           "check the address.")
    return name


def _own_name(file: RemoteFile, taken: dict[str, str]) -> str:
    """The name of a file in the folder; raises ArchiveError where another one of this download has it."""
    name = name_of(file.url)
    other = taken.setdefault(name.lower(), file.url)  # Windows and macOS tell no cases apart
    if other != file.url:
        raise ArchiveError(f"'{file.url}' would get the name of '{other}'; download the two into different folders.")
    return name


def _made(folder: Union[str, os.PathLike[str]]) -> Path:
    place = Path(folder).absolute()
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = "a file is in the way" if isinstance(error, FileExistsError) else error.strerror or str(error)
        raise OutputError(f"The folder '{place}' cannot be made: {why}; choose another folder.") from error
    return place


def _wanting(file: RemoteFile, folder: Path) -> int:
    """Bytes of a file that are still to come, as far as it is known."""
    try:
        target = folder / name_of(file.url)
        there = os.path.lexists(target)
        return 0 if there else max(0, (file.size_bytes or 0) - PartFile(target).length)
    except (ArchiveError, OSError):
        return 0  # it is told when its turn comes


def _shares(files: Sequence[RemoteFile], progress: Progress) -> list[Share]:
    """A part of the bar for each file, by its size where all are known."""
    sizes = [file.size_bytes or 0 for file in files]
    weights = sizes if all(sizes) else [1] * len(files)
    ends = [sum(weights[: i + 1]) / sum(weights) for i in range(len(files))]
    return [Share(progress, start, end) for start, end in zip([0.0, *ends], ends)]


def _cancelled(done: Downloaded, file: RemoteFile) -> Cancelled:
    whole = f"{len(done)} files are whole, and " if done else ""
    return Cancelled(f"The download was cancelled; {whole}what came of '{file_name(unsigned(file.url))}' is kept: the "
                     "same download goes on from there.")


def _none_of(failures: Sequence[Failure]) -> PixelSpectraError:
    """The first reason; where there were several files, with how many."""
    first = failures[0].error
    if len(failures) == 1:
        return first
    remake: Callable[[str], PixelSpectraError] = type(first)
    return remake(f"None of the {len(failures)} files was downloaded; the first of them: {first}")


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
