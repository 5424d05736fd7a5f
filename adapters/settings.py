"""The user's settings as plain values; core itself reads none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from qgis.core import QgsSettings

from ..core.io.hdf5 import use_backend

HDF5_KEY = "pixel_spectra/hdf5"
"""Which HDF5 reader to use: "h5py", "pyfive" or "auto"."""
INSPECTOR_GROUP = "pixel_spectra/inspector"
"""Where the state of the inspector lies, each value as JSON."""


def hdf5_reader() -> str:
    """The HDF5 reader that the user chose; "auto" where nothing was chosen."""
    return str(QgsSettings().value(HDF5_KEY, "auto") or "auto").strip().lower()


def apply_settings() -> None:
    """Hand the settings to the core; raises :class:`PixelSpectraError` for an unknown reader."""
    use_backend(hdf5_reader())


def load_inspector_settings() -> dict[str, Any]:
    """What was saved, by name; values that are not JSON are left out."""
    settings = QgsSettings()
    settings.beginGroup(INSPECTOR_GROUP)
    loaded: dict[str, Any] = {}
    for name in settings.childKeys():
        try:
            loaded[name] = json.loads(settings.value(name))
        except (TypeError, ValueError):
            continue
    settings.endGroup()
    return loaded


def save_inspector_settings(plain: Mapping[str, Any]) -> None:
    """Replace what was saved by `plain`: names -> what JSON can hold."""
    settings = QgsSettings()
    settings.remove(INSPECTOR_GROUP)
    settings.beginGroup(INSPECTOR_GROUP)
    for name, value in plain.items():
        settings.setValue(name, json.dumps(value))
    settings.endGroup()
