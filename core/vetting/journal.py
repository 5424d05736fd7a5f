"""What is done stays done: a file to which every finished unit is added, so that a killed run can go on."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Optional, Union

from ..io.atomic import replacing, unwritable
from .assessing import Encounter

FILE = "vetting.journal"
"""Its name in the folder."""
_FORMAT = 1

Keys = Mapping[str, str]
"""What a journal is of: part -> its hash or text."""


class Journal:
    """Finished units by their name, in a folder.

    A line is a checksum and JSON; the first line says what the journal is of. Reading ends before the first line
    that is torn or damaged, and what follows is cut off.
    """

    def __init__(self, folder: Union[str, os.PathLike[str]], keys: Keys) -> None:
        """Go on with the journal in `folder` if it is of the same `keys`, else start a new one.

        Raises OutputError where the folder cannot be made or written.
        """
        self.path = Path(folder) / FILE
        self.notice = ""
        """What was found, in a sentence; "" for a new journal."""
        self.known: dict[str, tuple[Encounter, ...]] = {}
        """Name of a unit -> what it came to."""
        header = {"format": _FORMAT, **keys}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            told, end = self._read()
        except OSError as error:
            raise unwritable(self.path, error.strerror or str(error)) from error
        if told is None or told != header:
            self._start(header, told, end)
            return
        if end < self.path.stat().st_size:
            self._cut(end)
        if self.known:
            self.notice = f"Going on with the journal in '{folder}'."

    def add(self, unit: str, encounters: tuple[Encounter, ...]) -> None:
        """Write a finished unit down at once; raises OutputError where the disk refuses it."""
        line = _line({"unit": unit, "encounters": [asdict(one) for one in encounters]})
        try:
            with open(self.path, "ab", buffering=0) as file:
                written = file.write(line)
            if written != len(line):
                raise unwritable(self.path, "the disk may be full")
        except OSError as error:
            raise unwritable(self.path, error.strerror or str(error)) from error
        self.known[unit] = encounters

    def _read(self) -> tuple[Optional[dict[str, Any]], int]:
        """The first line, None where there is none, and where the last whole line ends."""
        if not self.path.exists():
            return None, 0
        header: Optional[dict[str, Any]] = None
        end = 0
        with open(self.path, "rb") as file:
            for line in file:
                told = _told(line)
                if told is None:
                    break
                if header is None:
                    header = told
                else:
                    self.known[told["unit"]] = tuple(map(_encounter, told["encounters"]))
                end += len(line)
        return header, end

    def _start(self, header: dict[str, Any], told: Optional[dict[str, Any]], end: int) -> None:
        if told is not None:
            changed = ", ".join(name for name in header if told.get(name) != header[name])
            self.notice = (f"The journal in '{self.path.parent}' belongs to another run (changed: {changed}); it was "
                           "started anew.")
        elif self.path.exists() and self.path.stat().st_size > end:
            self.notice = f"The journal in '{self.path.parent}' cannot be read; it was started anew."
        self.known = {}
        with replacing(self.path) as temporary:
            temporary.write_bytes(_line(header))

    def _cut(self, end: int) -> None:
        try:
            os.truncate(self.path, end)
        except OSError as error:
            raise unwritable(self.path, error.strerror or str(error)) from error


def _line(value: Mapping[str, Any]) -> bytes:
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _told(line: bytes) -> Optional[dict[str, Any]]:
    """What a line says; None where it is torn or damaged."""
    checksum, _, text = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(text):
        return None
    return dict(json.loads(text))


def _encounter(told: dict[str, Any]) -> Encounter:
    return Encounter(**{**told, "warnings": tuple(told["warnings"])})

