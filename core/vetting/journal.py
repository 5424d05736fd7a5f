"""What is done stays done: a file to which every finished unit is added, so that a killed run can go on."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Optional, Union

from ..io.atomic import replacing, unwritable
from .assessing import Encounter

FILE = "vetting.journal"
"""Its name in the folder."""
_FORMAT = ",".join(["2", *(field.name for field in fields(Encounter))])
"""What a line holds: a journal whose lines hold something else is of another run."""

Keys = Mapping[str, str]
"""What a journal is of: part -> its hash or text."""


class Journal:
    """Finished units by their name, in a folder.

    A line is a checksum and JSON; the first says what the journal is of, and each of the others names that again by a
    hash. So lines of another run that works in the same folder are passed over, as are torn and damaged ones; nothing
    is ever cut off, and two runs of the same keys may add their lines side by side.
    """

    def __init__(self, folder: Union[str, os.PathLike[str]], keys: Keys, wanted: Collection[str]) -> None:
        """Go on with the journal in `folder` if it is of the same `keys`, else start a new one.

        Of its units those `wanted` are known; others are of granules in another state, or that are not given now, and
        stay in the file. Raises OutputError where the folder cannot be made or written.
        """
        self.path = Path(folder) / FILE
        self.notice = ""
        """What was found, in a sentence; "" for a new journal."""
        self.known: dict[str, tuple[Encounter, ...]] = {}
        """Name of a unit -> what it came to."""
        self._wanted = frozenset(wanted)
        header = {"format": _FORMAT, **keys}
        self._key = hashlib.sha256(json.dumps(header, sort_keys=True).encode()).hexdigest()[:16]
        self._torn = False
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            begun = self._go_on(header)
        except OSError as error:
            raise unwritable(self.path, error.strerror or str(error)) from error
        if not begun:
            with replacing(self.path) as temporary:
                temporary.write_bytes(_line(header))

    def add(self, unit: str, encounters: tuple[Encounter, ...]) -> None:
        """Write a finished unit down at once; raises OutputError where the disk refuses it."""
        line = _line({"key": self._key, "unit": unit, "encounters": [asdict(one) for one in encounters]})
        if self._torn:
            line = b"\n" + line
        try:
            with open(self.path, "ab", buffering=0) as file:  # one write: lines of two runs never mix
                written = file.write(line)
            if written != len(line):
                raise unwritable(self.path, "the disk may be full")
        except OSError as error:
            raise unwritable(self.path, error.strerror or str(error)) from error
        self._torn = False
        self.known[unit] = encounters

    def _go_on(self, header: Mapping[str, Any]) -> bool:
        """Read what is known if the file is of `header`, else tell in the notice why not."""
        if not self.path.exists():
            return False
        with open(self.path, "rb") as file:
            first = file.readline()
            told = _told(first)
            if told != header:
                self.notice = self._another(header, told) if first else ""
                return False
            read: dict[str, tuple[Encounter, ...]] = {}
            for line in file:
                self._torn = not line.endswith(b"\n")
                read.update(self._known(line))
        self.known = {unit: encounters for unit, encounters in read.items() if unit in self._wanted}
        if self.known:
            self.notice = f"Going on with the journal in '{self.path.parent}'."
        elif read and self._wanted:
            self.notice = self._another({"granules": ""}, {})
        return True

    def _known(self, line: bytes) -> Iterator[tuple[str, tuple[Encounter, ...]]]:
        told = _told(line)
        if told is not None and told.get("key") == self._key:
            yield told["unit"], tuple(map(_encounter, told["encounters"]))

    def _another(self, header: Mapping[str, Any], told: Optional[Mapping[str, Any]]) -> str:
        if told is None:
            return f"The journal in '{self.path.parent}' cannot be read; it was started anew."
        changed = ", ".join(name for name in header if told.get(name) != header[name])
        return f"The journal in '{self.path.parent}' belongs to another run (changed: {changed}); it was started anew."


def _line(value: Mapping[str, Any]) -> bytes:
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _told(line: bytes) -> Optional[dict[str, Any]]:
    """What a line says; None where it is torn or damaged."""
    checksum, _, text = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(text):
        return None
    told = json.loads(text)
    return told if isinstance(told, dict) else None


def _encounter(told: dict[str, Any]) -> Encounter:
    return Encounter(**{**told, "warnings": tuple(told["warnings"])})
