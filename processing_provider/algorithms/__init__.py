"""One algorithm per file, called as the file is; whatever stands in this folder is offered."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from qgis.core import QgsProcessingAlgorithm


def load_all() -> Iterator[QgsProcessingAlgorithm]:
    """One instance of the class `Algorithm` of every module here, by name."""
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda found: found.name):
        yield importlib.import_module(f"{__name__}.{module.name}").Algorithm()
