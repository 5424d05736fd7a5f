"""list_references: what spectra there are to score against."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

from qgis.core import QgsProcessingParameterDefinition

from ...adapters.feedback import FeedbackProgress
from ...adapters.fields import fields
from ...adapters.references import library_of
from ...core.libraries import bundled_library, catalogue
from ...core.progress import checkpoint
from .. import parameters as defined
from ..asked import Asked
from ..base import PixelSpectraAlgorithm

_COLUMNS = (
    ("id", "text", "what REFERENCE or REFERENCE_NAME takes"), ("name", "text", "title as in the source"),
    ("kind", "text", "class of the material"), ("source", "text", "file or record"),
    ("first_nm", "float64", "first wavelength with a value, nm"),
    ("last_nm", "float64", "last wavelength with a value, nm"),
    ("n_channels", "int32", "channels of the reference"), ("n_missing", "int32", "channels without a value"),
    ("of", "int32", "good bands of the granule"),
    ("n_bands_covered", "int32", "how many of them the reference reaches"),
    ("notes", "text", "what was assumed while reading"),
)


class Algorithm(PixelSpectraAlgorithm):
    """Lists a library and how much of a granule's bands each spectrum covers."""

    title = "List references"
    topic = "References"
    about = ("Lists the bundled reference spectra, or those of a library of your own: their ids, titles and range, and "
             "with a granule, how many of its good bands each one covers.")

    def parameters(self) -> tuple[QgsProcessingParameterDefinition, ...]:
        """As in the documentation."""
        return (
            defined.file("LIBRARY", "Library", "A library file (CSV, USGS splib07 text, ECOSTRESS, ENVI .sli), a "
                         "folder of them, or a layer with a profile field. Empty lists the bundled spectra."),
            defined.granule(optional=True, help_text="A granule whose bands are compared with each reference; empty "
                            "leaves n_bands_covered and of null."),
            defined.table("OUTPUT", "References", "One row per reference spectrum."),
        )

    def work(self, asked: Asked, progress: FeedbackProgress) -> dict[str, Any]:
        """One call of catalogue()."""
        given = asked.source("LIBRARY")
        library = library_of(given, asked.context) if given else bundled_library()
        checkpoint(progress, 0.3, "Reading the bands of the granule")
        bands = self.open_granule().bands if self.granule else None
        checkpoint(progress, 0.4, "Listing the references")
        entries = catalogue(library, bands)
        progress.warn(library.problems)
        with asked.layer("OUTPUT", fields(_COLUMNS)) as table:
            for i, entry in enumerate(entries):
                checkpoint(progress, 0.6 + 0.4 * i / len(entries))
                table.add([*astuple(entry)[:-1], "; ".join(entry.notes)])
        return {"OUTPUT": table.destination}
