"""The user's settings as plain values; core itself reads none."""

from __future__ import annotations

from qgis.core import QgsSettings

from ..core.io.hdf5 import use_backend

HDF5_KEY = "pixel_spectra/hdf5"
"""Which HDF5 reader to use: "h5py", "pyfive" or "auto"."""


def hdf5_reader() -> str:
    """The HDF5 reader that the user chose; "auto" where nothing was chosen."""
    return str(QgsSettings().value(HDF5_KEY, "auto") or "auto").strip().lower()


def apply_settings() -> None:
    """Hand the settings to the core; raises :class:`PixelSpectraError` for an unknown reader."""
    use_backend(hdf5_reader())
