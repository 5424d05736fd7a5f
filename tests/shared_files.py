"""The real files that tests read in place from ../shared/data; a stranger's clone does without them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SHOWN_AS = "../shared/data"


def data_required() -> bool:
    """True where a missing file is a failure, as in continuous integration."""
    return os.environ.get("PIXEL_SPECTRA_REQUIRE_DATA") == "1"


def shared_file(relative: str) -> Path:
    """The path of ../shared/data/`relative`; skips the calling test, or fails it, where it is missing."""
    path = SHARED_DATA / relative
    if not path.exists():
        (pytest.fail if data_required() else pytest.skip)(f"{SHOWN_AS}/{relative} is not there")
    return path


def needs(relative: str) -> pytest.MarkDecorator:
    """A marker that skips a test where ../shared/data/`relative` is missing; if required, it runs."""
    missing = not (SHARED_DATA / relative).exists()
    return pytest.mark.skipif(missing and not data_required(), reason=f"{SHOWN_AS}/{relative} is not there")
