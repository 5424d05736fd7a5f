"""Text of unknown encoding, and its first lines for telling formats apart."""

from __future__ import annotations

from pathlib import Path

from ..errors import LibraryError

HEAD_BYTES = 16384
_BOMS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def read_lines(path: Path) -> list[str]:
    """All lines of a text file; LibraryError where it cannot be read or is not text."""
    try:
        raw = path.read_bytes() if _looks_like_text(head(path)) else None
    except OSError as error:
        raise LibraryError(f"{path}: the file cannot be read ({error.strerror}).") from error
    if raw is None:
        raise LibraryError(
            f"{path}: this is neither text nor the data of an ENVI library with its header (.hdr) beside it."
        )
    return _decode(raw).splitlines()


def head_lines(path: Path) -> list[str]:
    """The first lines of a text file without the last, perhaps cut, one; [] where it is not text."""
    try:
        raw = head(path)
    except OSError:
        return []
    if not _looks_like_text(raw):
        return []
    lines = _decode(raw).splitlines()
    return lines[:-1] if len(raw) == HEAD_BYTES else lines


def head(path: Path) -> bytes:
    """The first bytes of `path`."""
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _looks_like_text(raw: bytes) -> bool:
    return raw[:2] in _BOMS or b"\0" not in raw


def _decode(raw: bytes) -> str:
    if raw[:2] in _BOMS:
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
