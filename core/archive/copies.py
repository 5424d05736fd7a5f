"""Files of the archive that lie in folders of this computer: noted as they are downloaded, and used from then on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Optional, Union

from ..io.bytesource import ByteSource, FileSource
from ..sensors import Opener
from .archives import DATA
from .records import is_plain_name
from .scene import Scene
from .web.origins import unsigned
from .web.replies import State

LEDGER = ".pixel_spectra_downloads"
"""The file in a folder of downloads that says which of its files came from where: one line of JSON each."""
Folders = Iterable[Union[str, "os.PathLike[str]"]]


def local_copy(wanted: Union[str, Scene], folders: Folders) -> Optional[Path]:
    """The whole download of an address, or of the spectra of a scene, in the first of `folders` that has it; or None.

    A file counts by where it came from, its size and the time it was written, never by its name alone: one that was
    changed since is none.
    """
    url = wanted.files[DATA].url if isinstance(wanted, Scene) else wanted
    if "://" not in url or unsigned(url) != url:
        return None
    return next((path for folder in folders for path in _copies(Path(folder), url)), None)


def is_noted(path: Path, url: str) -> bool:
    """Whether it is written down that `path` is the whole file at `url`."""
    return path in _copies(path.parent, url)


def note_copy(path: Path, state: State) -> None:
    """Write down that `path` is the whole file of `state`; where that cannot be written, it is read remotely."""
    if is_noted(path, state.url):
        return
    with suppress(OSError):
        told = {"url": state.url, "name": path.name, "size": state.size, "etag": state.etag,
                "mtime_ns": path.stat().st_mtime_ns}
        _add(path.parent / LEDGER, json.dumps(told) + "\n")


def _add(ledger: Path, line: str) -> None:
    with open(ledger, "ab", buffering=0) as file:  # one write: lines stay whole
        file.write(line.encode())


class LocalFirst:
    """An opener that reads what was downloaded into `folders` from there, and all else by another opener."""

    def __init__(self, opener: Opener, folders: Folders) -> None:
        self.opener = opener
        self.folders = tuple(os.fspath(folder) for folder in folders)

    def __call__(self, url: Union[str, os.PathLike[str]]) -> ByteSource:
        """As the other one."""
        copy = local_copy(os.fspath(url), self.folders)
        return self.opener(os.fspath(url)) if copy is None else FileSource(copy)

    def __repr__(self) -> str:
        return f"<LocalFirst {self.opener!r}>"

    @property
    def client(self) -> Any:
        """The client of the other one."""
        return self.opener.client  # type: ignore[attr-defined]


def _copies(folder: Path, url: str) -> Iterator[Path]:
    """The whole files in `folder` that came from `url`, the last one first."""
    try:
        lines = (folder / LEDGER).read_bytes().splitlines()
    except OSError:
        return
    for line in reversed(lines):
        told = _told(line)
        if told.get("url") != url or not is_plain_name(told.get("name")):
            continue
        path = folder / told["name"]
        with suppress(OSError):
            status = path.stat()
            if path.is_file() and (status.st_size, status.st_mtime_ns) == (told.get("size"), told.get("mtime_ns")):
                yield path


def _told(line: bytes) -> dict[str, Any]:
    """What a line says; nothing where it is damaged."""
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
