"""The numpy core of Pixel Spectra: no QGIS, no Qt, no plotting, no printing."""
