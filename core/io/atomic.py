"""Outputs appear whole or not at all: written under a temporary name, then renamed."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ..errors import OutputError

Move = tuple[Path, Path]
"""(what was made, the place it is to take)."""


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it takes the place of `path` when the block ends well.

    Whatever goes wrong, the temporary file is removed and `path` stays as it was; a failing disk
    or folder becomes an :class:`OutputError`.
    """
    with replacing_all(path) as (temporary,):
        yield temporary


@contextmanager
def replacing_all(*paths: str | os.PathLike[str]) -> Iterator[tuple[Path, ...]]:
    """The same for files that belong together: all take their places when the block ends well, or none."""
    moves = [(beside(target, "part"), target) for target in map(_target, paths)]
    try:
        yield tuple(part for part, _ in moves)
        replace_all(moves)
    except OSError as error:
        raise refused(error, moves) from error
    finally:
        for part, _ in moves:
            discard(part)


def replace_all(moves: Sequence[Move]) -> None:
    """Rename every part to its target, in order, or raise OSError.

    Where one fails, what stood in the places taken before comes back, as far as the file system allows.
    """
    kept = []
    with ExitStack() as undo:
        for part, target in moves[:-1]:
            if target.is_file():
                kept.append(beside(target, "old"))
                undo.callback(_put_back, kept[-1], target)
                _keep(target, kept[-1])
                os.replace(part, target)
            else:
                os.replace(part, target)
                undo.callback(discard, target)
        for part, target in moves[-1:]:
            os.replace(part, target)
        undo.pop_all()
    for older in kept:
        discard(older)


def refused(error: OSError, moves: Sequence[Move]) -> OutputError:
    """The sentence for what could not be written: names the target (the last one, if unknown), never its part."""
    said = f"{error} {error.filename} {error.filename2}"
    target = next((target for part, target in moves if str(part) in said), moves[-1][1])
    why = os.strerror(error.errno) if error.errno else str(error) or "the writer failed"
    for part, place in moves:
        why = why.replace(str(part), str(place))
    return unwritable(target, why)


def unwritable(target: object, why: str) -> OutputError:
    """The one sentence for what cannot be written."""
    return OutputError(f"'{target}' cannot be written: {why}; choose a folder that exists, is writable and has room.")


def beside(target: Path, kind: str) -> Path:
    """A hidden name of its own in the folder of `target`."""
    return target.with_name(f".{target.stem}.{uuid.uuid4().hex[:8]}.{kind}{target.suffix}")


def discard(path: Path) -> None:
    """Remove a file or folder if it is there and the system lets it go; never raises OSError."""
    with suppress(OSError):  # Windows keeps what is open; the error that matters is the one before
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _target(path: str | os.PathLike[str]) -> Path:
    """Through a link, to the file that is meant."""
    target = Path(os.path.realpath(path))
    if target.name == "" or (target.exists() and not target.is_file()):
        raise OutputError(f"'{path}' is not a file that can be written; give the path of a file.")
    return target


def _keep(target: Path, older: Path) -> None:
    """A second name for `target`; where the file system has no links, its only one."""
    try:
        os.link(target, older)
    except OSError:
        os.replace(target, older)


def _put_back(older: Path, target: Path) -> None:
    with suppress(OSError):
        os.replace(older, target)
        discard(older)  # POSIX leaves both names where they are links to one file
