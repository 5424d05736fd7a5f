"""CMR's own search: pages of UMM-G records (granules.umm_json), led on by the header CMR-Search-After."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Optional

from .archives import Archive, Collection
from .area import footprint
from .paging import CATALOGUES, PAGE_BYTES, Batch, Catalogue, Place, Question, count_of, header, json_of
from .records import Link, Record, Words, checksum_of, list_of, mapping_of, record_of, size_of

NAME = "CMR"
PAGE_SIZE = 500
"""Records a page: one record takes some 8 KB."""
_AFTER = "cmr-search-after"


def pages(place: Place, collection: Collection, question: Question) -> Iterator[Batch]:
    """The records of all versions of a collection, newest first. Raises ArchiveError."""
    asked = {"short_name": collection.short_name, "bounding_box": ",".join(f"{v:.6g}" for v in question.box),
             "sort_key": "-start_date", "page_size": str(PAGE_SIZE)}
    start, end = question.window.texts()
    if start or end:
        asked["temporal"] = f"{start},{end}"
    after, received = "", 0
    while True:
        sent = {"Accept": "application/vnd.nasa.cmr.umm_results+json", **({"CMR-Search-After": after} if after else {})}
        page = place.client.page(place.address, limit=PAGE_BYTES, params=asked, headers=sent)
        content = json_of(page.data, page.headers, NAME)
        records = tuple(mapping_of(item) for item in list_of(content.get("items")))
        matched = count_of(header(page.headers, "cmr-hits") or content.get("hits"))
        received += len(records)
        yield Batch(records, matched)
        after = header(page.headers, _AFTER)
        if not after or not records or (matched is not None and received >= matched):
            return


def record(item: Mapping[str, Any], archive: Archive, secure: bool) -> Optional[Record]:
    """One UMM-G record; None for a version that the archive leaves out. Raises Unusable."""
    umm = mapping_of(item.get("umm"))
    reference = mapping_of(umm.get("CollectionReference"))
    collection = next((c for c in (archive.scenes, *archive.companions)
                       if c.short_name == reference.get("ShortName")), None)
    if collection is not None and not collection.takes(str(reference.get("Version", ""))):
        return None
    span = mapping_of(umm.get("TemporalExtent"))
    moments = mapping_of(span.get("RangeDateTime"))
    granule = mapping_of(umm.get("DataGranule"))
    words = Words(umm.get("GranuleUR"), moments.get("BeginningDateTime") or span.get("SingleDateTime"),
                  moments.get("EndingDateTime"), umm.get("CloudCover"), granule.get("DayNightFlag"),
                  footprint(_rings(umm)), _links(umm, granule))
    return record_of(words, archive, secure)


def _links(umm: Mapping[str, Any], granule: Mapping[str, Any]) -> list[Link]:
    """Its links, with the size and checksum of the file of that name."""
    told = {}
    for entry in map(mapping_of, list_of(granule.get("ArchiveAndDistributionInformation"))):
        checksum = mapping_of(entry.get("Checksum"))
        told[str(entry.get("Name"))] = (size_of(entry.get("SizeInBytes")),
                                        checksum_of(checksum.get("Algorithm"), checksum.get("Value")))
    urls = [str(mapping_of(entry).get("URL", "")) for entry in list_of(umm.get("RelatedUrls"))]
    return [Link(url, *told.get(url.rsplit("/", 1)[-1], (None, None))) for url in urls]


def _rings(umm: Mapping[str, Any]) -> list[Any]:
    """Polygons, and boxes as polygons, as (outer ring, holes)."""
    extent = mapping_of(umm.get("SpatialExtent"))
    geometry = mapping_of(mapping_of(extent.get("HorizontalSpatialDomain")).get("Geometry"))
    rings: list[Any] = []
    for polygon in map(mapping_of, list_of(geometry.get("GPolygons"))):
        zone = mapping_of(polygon.get("ExclusiveZone"))
        holes = [_points(boundary) for boundary in list_of(zone.get("Boundaries"))]
        rings.append((_points(polygon.get("Boundary")), holes))
    for box in map(mapping_of, list_of(geometry.get("BoundingRectangles"))):
        sides = [box.get(f"{side}BoundingCoordinate") for side in ("West", "South", "East", "North")]
        rings.append((_corners(sides), []))
    return rings


def _points(boundary: object) -> list[tuple[Any, Any]]:
    points = map(mapping_of, list_of(mapping_of(boundary).get("Points")))
    return [(point.get("Longitude"), point.get("Latitude")) for point in points]


def _corners(sides: list[Any]) -> list[tuple[Any, Any]]:
    """The corners of a box whose west may lie east of its east."""
    west, south, east, north = sides
    if all(isinstance(side, (int, float)) for side in sides) and west > east:
        east += 360.0
    return [(west, south), (east, south), (east, north), (west, north)]


def check(place: Place, collection: Collection) -> None:
    """Nothing to do: what CMR does not find is not there."""


CATALOGUES.add(NAME, Catalogue(pages, record, check))
