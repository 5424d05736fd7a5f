"""CMR-STAC, and any other STAC API that holds the same collections, through pystac-client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Optional
from urllib.parse import urljoin

from ..errors import ArchiveError
from ..optional import require
from .archives import Archive, Collection
from .area import footprint
from .paging import CATALOGUES, PAGE_BYTES, Batch, Catalogue, Place, Question, count_of, json_of
from .records import Link, Record, Words, list_of, mapping_of, record_of, size_of

NAME = "CMR-STAC"
PAGE_SIZE = 100
"""Items a page; CMR-STAC gives no more, and older ones fail above 250."""
_KINDS = ("Catalog", "Collection", "FeatureCollection")
_PURPOSE = "to search a STAC catalogue"


def pages(place: Place, collection: Collection, question: Question) -> Iterator[Batch]:
    """The items of all known versions of a collection, newest first. Raises ArchiveError.

    The search is a GET with a box: CMR-STAC turns the next page of a POST into one, and a GET may be sent again.
    """
    with _as_archive_error():
        catalogue = _open(place)
        sorting = {"sortby": "-datetime"} if catalogue.conforms_to("SORT") else {}
        start, end = question.window.texts()
        asked = {"datetime": f"{start or '..'}/{end or '..'}"} if start or end else {}
        search = catalogue.search(method="GET", collections=_ids(collection), bbox=question.box, limit=PAGE_SIZE,
                                  **asked, **sorting)
        matched = None
        for page in search.pages_as_dicts():
            found = count_of(page.get("numberMatched", mapping_of(page.get("context")).get("matched")))
            matched = found if found is not None else matched
            yield Batch(tuple(map(mapping_of, list_of(page.get("features")))), matched)


def record(item: Mapping[str, Any], archive: Archive, secure: bool) -> Optional[Record]:
    """One STAC item. Raises Unusable."""
    told = mapping_of(item.get("properties"))
    words = Words(item.get("id"), told.get("start_datetime") or told.get("datetime"), told.get("end_datetime"),
                  told.get("eo:cloud_cover"), None, footprint(_rings(mapping_of(item.get("geometry")))), _links(item))
    return record_of(words, archive, secure)


def check(place: Place, collection: Collection) -> None:
    """Raise ArchiveError where the catalogue has never heard of the collection: it would find nothing, and say so."""
    failures = []
    for name in _ids(collection):
        try:
            with _as_archive_error():
                _open(place).get_collection(name)
            return
        except ArchiveError as error:
            failures.append(str(error))
    raise ArchiveError(f"{NAME} found nothing, and does not show the collections {', '.join(_ids(collection))} "
                       f"({failures[-1]})")


def _ids(collection: Collection) -> list[str]:
    """CMR-STAC names versions apart; the bare short name finds nothing there."""
    return [f"{collection.short_name}_{version}" for version in collection.versions]


def _open(place: Place) -> Any:
    """A pystac-client that reads through the HttpClient of `place`: its limits, proxy and cancel, no credentials."""
    client = require("pystac_client", _PURPOSE)

    class Reading(client.stac_api_io.StacApiIO):  # type: ignore[name-defined]
        def read_json(self, source: Any, *_: Any, parameters: Any = None, **__: Any) -> dict[str, Any]:
            return _document(place, source, parameters)

    return client.Client.open(place.address, stac_io=Reading())


def _document(place: Place, source: Any, parameters: Optional[Mapping[str, Any]]) -> dict[str, Any]:
    """A STAC document at an address or a link. Raises ArchiveError."""
    link = source.to_dict() if hasattr(source, "to_dict") else {"href": str(source)}
    if str(link.get("method", "GET")).upper() != "GET":
        raise ArchiveError(f"{NAME} leads to its next page by a way that is not supported; try later.")
    address = urljoin(f"{place.address.rstrip('/')}/", link["href"])
    if not address.startswith("https://") and (place.secure or not address.startswith("http://")):
        raise ArchiveError(f"{NAME} leads to a page that is not on the web over https; it was not followed.")
    params = {name: str(value) for name, value in (parameters or {}).items()}
    page = place.client.page(address, limit=PAGE_BYTES, params=params, headers={"Accept": "application/json"})
    document = json_of(page.data, page.headers, NAME)
    if document.get("type") not in _KINDS:
        raise ArchiveError(f"{NAME} sent a document that is no STAC; try later.")
    return document


@contextmanager
def _as_archive_error() -> Iterator[None]:
    """What pystac and its client raise for a catalogue that is not as it should be, as one sentence."""
    client, pystac = require("pystac_client", _PURPOSE), require("pystac", _PURPOSE)
    malformed = (client.exceptions.APIError, client.exceptions.ParametersError, client.errors.ClientTypeError,
                 client.warnings.DoesNotConformTo, pystac.STACError, pystac.STACTypeError, KeyError, TypeError,
                 ValueError, AttributeError, NotImplementedError)
    try:
        yield
    except malformed as error:
        raise ArchiveError(f"{NAME} does not answer as a STAC API should ({type(error).__name__}); try later."
                           ) from None


def _links(item: Mapping[str, Any]) -> list[Link]:
    """The assets that are on the web; their keys are no stable names, so only where they lead counts."""
    assets = map(mapping_of, mapping_of(item.get("assets")).values())
    links = [Link(str(asset.get("href", "")), size_of(asset.get("file:size"))) for asset in assets]
    return [link for link in links if not link.url.startswith("s3:")]


def _rings(geometry: Mapping[str, Any]) -> list[Any]:
    """A GeoJSON polygon, or several, as (outer ring, holes)."""
    polygons = _POLYGONS.get(str(geometry.get("type")), lambda _: [])(geometry.get("coordinates"))
    return [(polygon[0], polygon[1:]) for polygon in polygons if isinstance(polygon, list) and polygon]


_POLYGONS: dict[str, Any] = {"Polygon": lambda coordinates: [coordinates], "MultiPolygon": list_of}
"""Kind of geometry -> its polygons as lists of rings."""

CATALOGUES.add(NAME, Catalogue(pages, record, check))
