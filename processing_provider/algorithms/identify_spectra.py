"""identify_spectra: what the pixels and areas look like, of all references of a library."""

from __future__ import annotations

from typing import Any

from qgis.core import Qgis, QgsCoordinateReferenceSystem, QgsProcessingParameterDefinition

from ...adapters.areas import LONLAT, Areas, areas_of
from ...adapters.feedback import FeedbackProgress
from ...adapters.match_layer import match_fields, write_matches
from ...adapters.references import library_of
from ...core.identification import Identified, identify_features
from ...core.inspection import inspect
from ...core.libraries import Library, bundled_library
from ...core.progress import Share
from ...core.sensors import Granule
from .. import parameters as defined
from ..asked import Asked
from ..base import PixelSpectraAlgorithm
from ..outputs import NOTHING


class Algorithm(PixelSpectraAlgorithm):
    """Finds the references that explain the spectrum of each feature best."""

    title = "Identify spectra"
    topic = "Spectra"
    about = ("Answers 'what is this?' for every feature of a layer: a point is taken as its pixel, a polygon or line "
             "as the mean of its usable pixels. The spectrum is compared with every reference of a library by its "
             "absorption features (fit), spectral angle, information divergence, and correlation after removal of the "
             "convex hulls, and the best by fit are written, with the margin to the next. The fit of a reference is "
             "how well its features are found in the spectrum, weighted by depth, times the share of the spectrum's "
             "absorption that lies within them. A small margin means that the first ranks cannot be told apart; a low "
             "fit, that the library may not hold what is there.")
    needs = (("shapely", "to turn an area into pixels"),)

    def parameters(self) -> tuple[QgsProcessingParameterDefinition, ...]:
        """As in the documentation."""
        return (
            defined.granule(), defined.aoi(),
            defined.file("LIBRARY", "Library", "A library file (CSV, USGS splib07 text, ECOSTRESS, ENVI .sli), a "
                         "folder of them, or a layer with a profile field. Empty takes the bundled spectra. References "
                         "that cover less than half of the usable bands are left out."),
            defined.number("TOP", "Matches", "How many references are written for each feature, best first.", 10,
                           whole=True, minValue=1),
            defined.mask(),
            defined.points("Matches", "One row per feature and rank, at the middle of the feature's usable pixels. A "
                           "feature without a usable pixel has one row, without rank and place, and the reason."),
        )

    def work(self, asked: Asked, progress: FeedbackProgress) -> dict[str, Any]:
        """One call of inspect() and one of identify_features()."""
        areas = areas_of(asked.area(), asked.context.transformContext(), progress)
        given = asked.source("LIBRARY")
        library = library_of(given, asked.context) if given else bundled_library()
        granule = self.open_granule()
        found, said = _identified(asked, granule, areas, library, progress)
        with asked.layer("OUTPUT", match_fields(), Qgis.WkbType.Point, QgsCoordinateReferenceSystem(LONLAT)) as output:
            write_matches(granule.id, found, output, Share(progress, 0.9, 1.0))
        progress.tell(said)
        return {"OUTPUT": output.destination}


def _identified(asked: Asked, granule: Granule, areas: Areas, library: Library, progress: FeedbackProgress
                ) -> tuple[list[Identified], str]:
    """What each feature looks like, and how many are identified."""
    if not areas.geometries:
        progress.warn((*library.problems, NOTHING))
        return [], "0 features are identified."
    seen = inspect(granule, areas.geometries, mask=asked.text("MASK"), feature_ids=areas.feature_ids,
                   progress=Share(progress, 0.0, 0.5))
    progress.warn((*library.problems, *seen.notices))
    found = identify_features(seen, library, asked.whole("TOP"), Share(progress, 0.5, 0.9))
    return found, (f"{sum(bool(one.matches) for one in found)} of {len(found)} features are identified, against "
                   f"{len(library)} references (mask: {seen.mask.mask_id}).")
