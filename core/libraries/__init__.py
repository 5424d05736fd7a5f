"""Reference spectra: the bundled ones, and the libraries of the user; one file per format."""

from . import csv_table, ecostress, envi_sli, usgs
from .bundled import bundled_library
from .catalogue import CatalogueEntry, catalogue
from .opening import choose, open_library
from .spectrum import LIBRARIES, Library, LibraryFormat, ReferenceSpectrum

__all__ = [
    "LIBRARIES",
    "CatalogueEntry",
    "Library",
    "LibraryFormat",
    "ReferenceSpectrum",
    "bundled_library",
    "catalogue",
    "choose",
    "csv_table",
    "ecostress",
    "envi_sli",
    "open_library",
    "usgs",
]
