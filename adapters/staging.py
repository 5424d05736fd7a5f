"""Files that appear whole or not at all: made in a folder beside their place, then moved there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.errors import OutputError
from ..core.io.atomic import discard


def refusal(target: object, why: str) -> OutputError:
    """The one sentence for what cannot be written."""
    return OutputError(f"'{target}' cannot be written: {why}; choose a place that is writable and has room.")


def folder_beside(target: Path) -> Path:
    """A fresh, hidden folder in the one of `target`; raises OutputError where none can be made."""
    try:
        return Path(tempfile.mkdtemp(prefix=".pixel_spectra_", dir=target.parent))
    except OSError as error:
        raise refusal(target, error.strerror or str(error)) from error


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Yield such a folder and remove it in the end; see :func:`publish`."""
    folder = folder_beside(target)
    try:
        yield folder
    finally:
        discard(folder)


def publish(folder: Path, target: Path) -> None:
    """Move all that lies in `folder` beside `target`, which goes last; raises OutputError where that fails."""
    try:
        for path in sorted(folder.iterdir(), key=lambda p: p.name == target.name):
            path.replace(target.parent / path.name)
    except OSError as error:
        raise refusal(target, error.strerror or str(error)) from error
