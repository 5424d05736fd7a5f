"""Runs a walk inside QGIS once it is ready, and ends QGIS with what came of it."""

from __future__ import annotations

import faulthandler
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from qgis.PyQt.QtCore import QTimer
from qgis.utils import iface

from . import window
from .hands import TourError

_STARTED_MS = 2500
"""QGIS arranges its window for a while after it says that it is ready."""


def run(walk: Callable[[], None]) -> None:
    """Walk once QGIS is ready, and end it; status 0 where nothing went wrong."""
    def ready() -> None:
        QTimer.singleShot(_STARTED_MS, lambda: _run(walk))

    if iface.mainWindow().isVisible():
        ready()
    else:
        iface.initializationCompleted.connect(ready)


def _run(walk: Callable[[], None]) -> None:
    faulthandler.enable()
    raised: list[str] = []
    sys.excepthook = lambda *error: raised.append("".join(traceback.format_exception(*error)))
    problem = ""
    try:
        walk()
    except (TourError, AttributeError, LookupError, TypeError, ValueError, StopIteration, OSError):
        problem = traceback.format_exc()
        window.look(Path(os.environ["PICTURES"]) / f"{os.environ['THEME']}_failed.png")
    print("".join([problem, *raised]), file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(int(bool(problem or raised)))  # a tidy end would ask about the project
