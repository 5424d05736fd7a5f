"""One file of the archive on its way into a folder: taken up where it broke off, and checked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Optional

from ..errors import ArchiveError, Cancelled, OutputError, SourceChanged
from ..io.atomic import unwritable
from ..io.lockfile import holding
from ..progress import Progress, Share
from .copies import is_noted, note_copy
from .partfile import PartFile, blocks_of, to_disk
from .scene import RemoteFile
from .sizes import check_room, said_bytes
from .web.http import HttpClient
from .web.origins import host_of
from .web.replies import State

_REPORT_BYTES = 1 << 20
_TO_DISK_BYTES = 64 << 20
"""Written at most before the disk is waited for, so that no wait is long and little is lost with the power."""


class Fetching:
    """The way of one file to `target`; `number` says in messages which of how many it is."""

    def __init__(self, file: RemoteFile, target: Path, client: HttpClient, progress: Progress, number: str) -> None:
        self.file, self.target = file, target
        self.was_there = False
        self.n_bytes = 0
        self.notices: list[str] = []
        self._name, self._client, self._progress, self._number = target.name, client, progress, number

    def run(self) -> Path:
        """The file in its place; raises PixelSpectraError."""
        try:
            with holding(self.target.with_name(f".{self._name}.lock")) as mine:
                if not mine:
                    raise OutputError(f"'{self.target}' is being downloaded already, here or by another program; wait "
                                      "until it is there.")
                state = self._kept() if os.path.lexists(self.target) else self._fetched()
                if state is not None:
                    note_copy(self.target, state)
        except OSError as error:
            raise unwritable(self.target, error.strerror or str(error)) from error
        self._progress.report(1.0)
        return self.target

    # what is there already

    def _kept(self) -> Optional[State]:
        """The file that is there, if it is the one; None where it may be. Raises OutputError for another one."""
        size = self.file.size_bytes
        state = State(self.file.url, "", size) if size is not None else self._asked()
        there = self.target.stat().st_size if self.target.is_file() else -1
        if there != state.size:
            what = f"it has {there} bytes, the archive's {state.size}" if there >= 0 else "it is no file"
            raise OutputError(f"'{self.target}' is not the archive's file ({what}); nothing was overwritten: move it "
                              "away, or choose another folder.")
        digest = self._digest()
        if digest is not None:
            self._read_into(digest, blocks_of(self.target), there, f"Checking '{self._name}', which is there",
                            self._progress)
            if not self._is_right(digest):
                raise OutputError(f"'{self.target}' is not the archive's file (it has its size, but not its checksum); "
                                  "nothing was overwritten: move it away, or choose another folder.")
        self.was_there = True
        finished = self._was_finished()
        proven = finished or digest is not None or is_noted(self.target, self.file.url)
        if not proven:
            self.notices.append(f"'{self._name}' was there before, and nothing but its name and its size says that it "
                                "is the archive's file: it stays, but is not read in the place of its address. Move it "
                                "away and download again to be sure.")
        return state if proven else None

    def _was_finished(self) -> bool:
        """Whether it is a download whose program died between the two last steps, the second of which is done here."""
        part = PartFile(self.target)
        with suppress(OSError):
            if os.path.samefile(part.path, self.target):
                part.discard()
                return True
        return False

    # what is fetched

    def _fetched(self) -> State:
        """Download; once more from the start where the file is replaced meanwhile."""
        part = PartFile(self.target)
        for last in (False, True):
            state = self._asked()
            self._begin(part, state)
            try:
                self._fill(part, state)
                break
            except SourceChanged:
                if last:
                    raise
        part.finish()
        return state

    def _asked(self) -> State:
        """What the server has now; raises ArchiveError where that is not what the record says."""
        reply = self._client.ranges(self.file.url, [(0, 1)])[0]
        told = self.file.size_bytes
        if told is not None and told != reply.total:
            raise ArchiveError(f"'{self._name}' has {reply.total} bytes on '{host_of(self.file.url)}', but {told} by "
                               "its record; it may have been replaced: search for the scene again.")
        return State(self.file.url, reply.etag, reply.total)

    def _begin(self, part: PartFile, state: State) -> None:
        """Have a part of `state`: the one that is there if it is of it, else an empty one."""
        before, came = part.state(), part.length
        if before is None:
            part.begin(state)
        elif before == state and came <= state.size and (state.etag or self.file.checksum):
            if came:
                self.notices.append(f"'{self._name}' went on after {said_bytes(came)} that had come before.")
        else:
            part.begin(state)
            why = next(why for applies, why in _ANEW if applies(before, state))
            self.notices.append(f"'{self._name}' was begun anew, and {said_bytes(came)} that had come before were "
                                f"given up: {why}.")
        check_room(state.size - part.length, self.target.parent, f"'{self._name}'")

    def _fill(self, part: PartFile, state: State) -> None:
        """Bring the rest, and check the whole."""
        digest = self._digest()
        if digest is not None:
            self._read_into(digest, part.blocks(), state.size, f"Checking what came of '{self._name}' before",
                            Share(self._progress, 0.0, 0.01))
        if part.length < state.size:
            try:
                self._append(part, state, digest)
            except OSError as error:
                raise OutputError(f"'{self.target}' cannot be written: {error.strerror or error}; make room or mend "
                                  "the folder, and download again: what came so far is kept, and it goes on from there."
                                  ) from error
        if part.length != state.size:
            raise self._aside(part, f"it has {part.length} bytes in place of {state.size}")
        if digest is not None and not self._is_right(digest):
            raise self._aside(part, f"its {digest.name} checksum is not that of its record")

    def _append(self, part: PartFile, state: State, digest: Any) -> None:
        at = told = kept = part.length
        self._progress.report(at / state.size, f"Downloading '{self._name}' ({said_bytes(state.size)}, {self._number})")
        with part.appending() as file, self._client.stream(state.url, at) as stream:
            if (stream.etag, stream.total) != (state.etag, state.size):
                raise SourceChanged(f"'{self._name}' was replaced on the server; download it again.")
            for block in stream:
                self._check_cancel()
                file.write(block)
                if digest is not None:
                    digest.update(block)
                at += len(block)
                self.n_bytes += len(block)
                if at - kept >= _TO_DISK_BYTES:
                    kept = at
                    to_disk(file)
                if at - told >= _REPORT_BYTES:
                    told = at
                    self._progress.report(at / state.size)

    def _aside(self, part: PartFile, why: str) -> ArchiveError:
        aside = part.set_aside()
        return ArchiveError(f"'{self._name}' came damaged: {why}; it was set aside as '{aside.name}', which is of no "
                            "use: delete that, and download again; if it happens again, tell the archive.")

    # checksums

    def _digest(self) -> Any:
        """A new sum of the kind that the record tells; None where it tells none."""
        if self.file.checksum is None:
            return None
        try:
            return hashlib.new(self.file.checksum[0], usedforsecurity=False)
        except ValueError:
            raise ArchiveError(f"The checksum of '{self._name}' is of an unknown kind, '{self.file.checksum[0]}', and "
                               "cannot be compared; search for the scene again.") from None

    def _is_right(self, digest: Any) -> bool:
        return self.file.checksum is not None and digest.hexdigest() == self.file.checksum[1].lower()

    def _read_into(self, digest: Any, blocks: Iterable[bytes], size: int, message: str, progress: Progress) -> None:
        at = 0
        for block in blocks:
            self._check_cancel()
            progress.report(at / max(size, 1), message)
            digest.update(block)
            at += len(block)

    def _check_cancel(self) -> None:
        if self._progress.cancelled:
            raise Cancelled("The download was cancelled.")


_ANEW = (
    (lambda before, now: before.url != now.url, "they came from another address"),
    (lambda before, now: before != now, "the server has another state of the file now"),
    (lambda before, now: not now.etag, "the server does not say which state of the file it has"),
    (lambda before, now: True, "they are more than the file has"),
)
"""(test of the state before and now, reason): why a download does not go on."""
