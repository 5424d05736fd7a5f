"""Pixel Spectra: does the pixel look like the thing you think it is, and how close is it?

The package imports without QGIS; QGIS enters through :func:`classFactory` only.
"""

__version__ = "0.1.0"


def classFactory(iface):  # noqa: N802 (the name is QGIS')
    """Return the plugin object that QGIS loads."""
    from .plugin import PixelSpectraPlugin

    return PixelSpectraPlugin(iface)
