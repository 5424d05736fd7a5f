"""search_scenes: the scenes of NASA's archive for an area, as footprints with their links."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsProcessingParameterDefinition

from ...adapters.archive_client import anonymous_client
from ...adapters.areas import areas_of
from ...adapters.feedback import FeedbackProgress
from ...adapters.footprints import WKB, footprint_fields, load_with_footprints, lonlat_crs, write_footprints
from ...adapters.search_areas import joined
from ...core.archive.searching import LIMIT, first_address, search
from ...core.progress import Share
from .. import parameters as defined
from ..asked import Asked
from ..base import PixelSpectraAlgorithm


class Algorithm(PixelSpectraAlgorithm):
    """Finds scenes; nothing is downloaded, and nobody signs in."""

    title = "Search scenes"
    topic = "Archive"
    about = ("Finds the scenes of NASA's archive that touch an area, newest first, without signing in. CMR is asked, "
             "and where it does not answer wholly, CMR-STAC instead, never both. Each footprint holds the links to its "
             "reflectance, uncertainty and quality files, put together across collections and versions; give the layer "
             "to 'Vet candidates' as SCENES, or a link as GRANULE. The log says which catalogue answered, and what was "
             "left out.")
    needs = (("shapely", "to search by area"), ("urllib3", "to read over the network"))

    def parameters(self) -> tuple[QgsProcessingParameterDefinition, ...]:
        """As in the documentation."""
        return (
            defined.sensor(), defined.search_area(),
            defined.day("START", "From", "First day (UTC). Empty begins with the archive."),
            defined.day("END", "To", "Last day (UTC), which belongs to the search as a whole. Empty leaves it open."),
            defined.number("MAX_CLOUD", "Cloud cover below (%)", "Only scenes whose cloud cover, as the archive states "
                           "it, is below this. Scenes of unknown cloud cover are kept and counted in the log. Empty "
                           "takes any.", minValue=0.0, maxValue=100.0),
            defined.day_night(),
            defined.number("LIMIT", "Most scenes", "The newest scenes that are listed at most. Where there are more, "
                           "the log says so, with the number of records there are.", LIMIT, whole=True, minValue=1),
            defined.advanced(defined.text("ENDPOINT", "Address of the catalogue", "Address (https) of another "
                                          "catalogue: a CMR search that ends with granules.umm_json, or a STAC API "
                                          "with the same collections. Several, separated by blanks, are asked in "
                                          "order. Empty asks CMR, then CMR-STAC.")),
            defined.layer("OUTPUT", "Scenes", "One footprint per scene, with its time, cloud cover, size and links; "
                          "newest first."),
        )

    def work(self, asked: Asked, progress: FeedbackProgress) -> dict[str, Any]:
        """One call of search()."""
        areas = areas_of(asked.area(), asked.context.transformContext(), Share(progress, 0.0, 0.05))
        there = [geometry for geometry in areas.geometries if geometry is not None]
        if len(there) < len(areas.geometries):
            progress.warn([f"{len(areas.geometries) - len(there)} features of the area are broken and were left out."])
        sensor, endpoint = asked.choice("SENSOR"), asked.text("ENDPOINT")
        with anonymous_client(first_address(sensor, endpoint)) as client:
            found = search(sensor, joined(there, f"The area '{asked.area().sourceName()}'"), asked.day("START"),
                           asked.day("END"), asked.number("MAX_CLOUD"), day_night=asked.choice("DAY_NIGHT") or None,
                           limit=asked.whole("LIMIT"), endpoint=endpoint, client=client,
                           progress=Share(progress, 0.05, 0.9))
        progress.tell(f"{found.summary()}.")
        progress.warn(found.notices)
        with asked.layer("OUTPUT", footprint_fields(), WKB, lonlat_crs()) as output:
            write_footprints(found, output, Share(progress, 0.9, 1.0))
        load_with_footprints(asked.context, output.destination)
        return {"OUTPUT": output.destination}
