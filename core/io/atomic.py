"""Outputs appear whole or not at all: written under a temporary name, then renamed."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import OutputError


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it takes the place of `path` when the block ends well.

    Whatever goes wrong, the temporary file is removed and `path` stays as it was; a failing disk
    or folder becomes an :class:`OutputError`.
    """
    target = Path(os.path.realpath(path))  # through a link, to the file that is meant
    if target.name == "" or (target.exists() and not target.is_file()):
        raise OutputError(f"'{path}' is not a file that can be written; give the path of a file.")
    temporary = target.with_name(f".{target.stem}.{uuid.uuid4().hex[:8]}.part{target.suffix}")
    try:
        yield temporary
        os.replace(temporary, target)
    except OSError as error:
        raise OutputError(
            f"'{target}' cannot be written: {error.strerror or 'the writer failed'}; choose a folder that exists, "
            "is writable and has room."
        ) from error
    finally:
        discard(temporary)


def discard(path: Path) -> None:
    """Remove a file or folder if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    elif path.exists():
        path.unlink()
