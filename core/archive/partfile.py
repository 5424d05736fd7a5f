"""What came of a file so far, beside its place, with a note of which state of the file it is of."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Optional

from ..errors import OutputError
from ..io.atomic import discard, replacing
from .web.replies import State

_BLOCK = 4 << 20
_FORMAT = 1


class PartFile:
    """`<name>.part` and the note `<name>.part.json` beside the file `target` that it is to become."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.part.json")

    @property
    def length(self) -> int:
        """Bytes that came so far."""
        try:
            return os.lstat(self.path).st_size
        except FileNotFoundError:
            return 0

    def state(self) -> Optional[State]:
        """Of which state of the file it is; None where there is no part, or nobody knows.

        Raises OutputError where something else has its name, which is left alone.
        """
        there = os.path.lexists(self.path)
        state = self._noted()
        if there and (state is None or self.path.is_symlink() or not self.path.is_file()):
            raise OutputError(f"'{self.path}' is in the way: it is not the beginning of a download that can go on; "
                              "move it or delete it, and download again.")
        return state if there else None

    def begin(self, state: State) -> None:
        """Be empty, and of `state`; what came of another state is removed."""
        discard(self.path)
        with replacing(self._note) as note:
            note.write_text(json.dumps({"format": _FORMAT, "url": state.url, "etag": state.etag, "size": state.size}))
        with open(self.path, "xb"):
            pass

    def blocks(self) -> Iterator[bytes]:
        """What came so far."""
        return blocks_of(self.path)

    @contextmanager
    def appending(self) -> Iterator[BinaryIO]:
        """Open to add to it; when the block ends well, all of it is on the disk."""
        with open(self.path, "ab") as file:
            yield file
            to_disk(file)

    def finish(self) -> None:
        """Become `target`. Raises OutputError where another file has taken its place meanwhile; nothing is lost."""
        try:
            os.link(self.path, self.target)  # unlike a rename, it never takes the place of another file
        except FileExistsError:
            raise self._taken() from None
        except OSError:  # a file system without links
            if os.path.lexists(self.target):
                raise self._taken() from None
            os.rename(self.path, self.target)
        self.discard()

    def set_aside(self) -> Path:
        """Take a name under which nobody goes on with it, or takes it for the file."""
        number, aside = 1, self.target.with_name(f"{self.target.name}.damaged")
        while os.path.lexists(aside):
            number += 1
            aside = self.target.with_name(f"{self.target.name}.damaged{number}")
        os.rename(self.path, aside)
        discard(self._note)
        return aside

    def discard(self) -> None:
        """Leave nothing behind."""
        discard(self.path)
        discard(self._note)

    def _noted(self) -> Optional[State]:
        try:
            told: Any = json.loads(self._note.read_bytes())
        except (OSError, ValueError):
            return None
        if not isinstance(told, dict) or told.get("format") != _FORMAT:
            return None
        state = State(str(told.get("url")), str(told.get("etag")), told.get("size", -1))
        return state if isinstance(state.size, int) and state.size >= 0 else None

    def _taken(self) -> OutputError:
        return OutputError(f"'{self.target}' was made by another program while it was downloaded; nothing was "
                           f"overwritten: the download is kept as '{self.path.name}'. Move one of them, and download "
                           "again.")


def to_disk(file: BinaryIO) -> None:
    """Have all that was written so far on the disk."""
    file.flush()
    os.fsync(file.fileno())


def blocks_of(path: Path) -> Iterator[bytes]:
    """A file in blocks."""
    with open(path, "rb") as file:
        while True:
            block = file.read(_BLOCK)
            if not block:
                return
            yield block
