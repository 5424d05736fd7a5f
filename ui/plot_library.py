"""pyqtgraph, where it is installed, bound to the Qt that QGIS runs on."""

from __future__ import annotations

import importlib
import os
from functools import cache
from types import ModuleType
from typing import Optional

from qgis.PyQt.QtCore import QT_VERSION_STR


@cache
def pyqtgraph() -> Optional[ModuleType]:
    """The module; None where it, or something it needs, is missing."""
    # pyqtgraph would else take any Qt it finds installed; a wrong value from outside must not stay either
    os.environ["PYQTGRAPH_QT_LIB"] = "PyQt6" if QT_VERSION_STR.startswith("6") else "PyQt5"
    try:
        return importlib.import_module("pyqtgraph")
    except ImportError:
        return None
