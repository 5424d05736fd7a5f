"""CMR-STAC in little, from the same records: a catalogue, its collections, and search with GET paging."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional
from urllib.parse import urlencode, urlsplit

from .exchange import Answer, Exchange, json_answer
from .spatial import Shape, box, meet, unwrapped
from .umm import collection_of, parse_time, ring_of, shape_of, times_of

if TYPE_CHECKING:
    from .site import Site

ROOT = "/stac/LPCLOUD"
_MOST = 5000
_GEOJSON = "application/geo+json; charset=utf-8"
_CONFORMS = [f"https://api.stacspec.org/v1.0.0/{part}" for part in ("core", "collections", "item-search",
                                                                    "ogcapi-features")]
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


class BadRequest(ValueError):
    """What CMR-STAC answers 400 to."""


def respond(site: Site, exchange: Exchange) -> Answer:
    """What stands at an address below ROOT."""
    path, base = exchange.path[len(ROOT):].rstrip("/"), site.origins["cmr"] + ROOT
    try:
        if path == "":
            return json_answer(200, _catalog(base))
        if path == "/search":
            return _search(site, exchange, base)
        if path == "/collections":
            return json_answer(200, {"collections": [_collection(name, base) for name in _names(site)], "links": []})
        name = path[len("/collections/"):]
        if path.startswith("/collections/") and name in _names(site):
            return json_answer(200, _collection(name, base))
    except ValueError as refused:
        return json_answer(400, {"code": "BadRequest", "description": str(refused)})
    return json_answer(404, {"code": "NotFound", "description": f"nothing at {exchange.path}"})


def _link(rel: str, href: str, media: str = "application/json", **more: str) -> dict[str, str]:
    return {"rel": rel, "href": href, "type": media, **more}


def _catalog(base: str) -> dict[str, Any]:
    return {"type": "Catalog", "id": "LPCLOUD", "stac_version": "1.0.0", "title": "LPCLOUD",
            "description": "The catalogue on loopback", "conformsTo": _CONFORMS,
            "links": [_link("self", base), _link("root", base), _link("data", f"{base}/collections"),
                      _link("search", f"{base}/search", "application/geo+json", method="GET"),
                      _link("search", f"{base}/search", "application/geo+json", method="POST")]}


def _names(site: Site) -> list[str]:
    return sorted({"_".join(collection_of(record)) for record in site.records})


def _collection(name: str, base: str) -> dict[str, Any]:
    own = f"{base}/collections/{name}"
    return {"type": "Collection", "id": name, "stac_version": "1.0.0", "title": name, "license": "proprietary",
            "description": f"Granules of {name}", "links": [_link("self", own), _link("root", base)],
            "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]},
                       "temporal": {"interval": [["2022-08-09T00:00:00Z", None]]}}}


def _search(site: Site, exchange: Exchange, base: str) -> Answer:
    asked = _asked(exchange)
    limit = _limit(asked.get("limit"))
    found = [record for record in site.records if _matches(record, asked)]
    first, size = int(asked.get("token") or 0), min(limit, site.settings.page_cap)
    page = found[first : first + size]
    links = [_link("root", base), _link("self", f"{base}/search", "application/geo+json")]
    if first + size < len(found):
        query = urlencode({**{name: _text(value) for name, value in asked.items()}, "token": first + size})
        links.append(_link("next", f"{base}/search?{query}", "application/geo+json", method="GET"))
    return json_answer(200, {
        "type": "FeatureCollection", "stac_version": "1.0.0", "numberMatched": len(found), "numberReturned": len(page),
        "context": {"limit": limit, "matched": len(found), "returned": len(page)},
        "features": [stac_item(record, base) for record in page], "links": links}, _GEOJSON)


def _asked(exchange: Exchange) -> dict[str, Any]:
    """The parameters, lists as lists, whether they came in the address or as JSON."""
    if exchange.method == "POST":
        try:
            return dict(json.loads(exchange.body or b"{}"))
        except ValueError:
            raise BadRequest("the body is no JSON object") from None
    asked: dict[str, Any] = dict(exchange.params)
    for name in ("collections", "ids", "bbox"):
        if name in asked:
            asked[name] = asked[name].split(",")
    if "intersects" in asked:
        asked["intersects"] = json.loads(asked["intersects"])
    return asked


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _limit(value: Any) -> int:
    limit = 10 if value in (None, "") else int(value)
    if not 0 < limit <= _MOST:
        raise BadRequest(f"limit must be between 1 and {_MOST}")
    return limit


def _matches(record: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    collections = [re.sub(r"\.v(\d+)$", r"_\1", name) for name in asked.get("collections") or ()]
    if collections and "_".join(collection_of(record)) not in collections:
        return False
    if asked.get("ids") and record.get("GranuleUR") not in asked["ids"]:
        return False
    shape, times = shape_of(record), times_of(record)
    if shape and not all(meet(shape, wanted) for wanted in _shapes(asked)):
        return False
    start, end = _interval(asked.get("datetime"))
    return times is None or ((end is None or times[0] <= end) and (start is None or times[1] >= start))


def _shapes(asked: Mapping[str, Any]) -> list[Shape]:
    shapes = []
    if asked.get("bbox"):
        west, south, east, north = (float(part) for part in asked["bbox"])
        if west > east or south > north:
            raise BadRequest(f"BBOX [{asked['bbox']}] not in correct format: west > east or south > north")
        shapes.append(box(west, south, east, north))
    if asked.get("intersects"):
        shapes.append(_geojson_shape(asked["intersects"]))
    return shapes


def _geojson_shape(geometry: Mapping[str, Any]) -> Shape:
    coordinates = geometry["coordinates"]
    if geometry["type"] == "Polygon":
        return unwrapped(coordinates[0])  # outer rings only, as there
    if geometry["type"] == "Point":
        return Shape((tuple(coordinates),), ring=False)
    if geometry["type"] == "LineString":
        return unwrapped(coordinates, ring=False)
    raise BadRequest(f"intersects: {geometry['type']} is not supported")


def _interval(text: Optional[str]) -> tuple[Any, Any]:
    if not text:
        return None, None
    parts = text.split("/")
    for part in parts:
        if part not in ("", "..") and not _DATE_TIME.fullmatch(part):
            raise BadRequest(f"Parameter datetime must match the RFC3339 format, [{text}]")
    start, end = (None if part in ("", "..") else parse_time(part) for part in (parts * 2)[:2])
    if len(parts) == 2 and start and end and start >= end:
        raise BadRequest(f"datetime [{text}]: the start must be before the end")
    return start, end


def stac_item(record: Mapping[str, Any], base: str) -> dict[str, Any]:
    """The record as an item: assets under keys that are no stable names, as in CMR-STAC."""
    ur, collection, ring = record.get("GranuleUR", ""), "_".join(collection_of(record)), ring_of(record)
    times, cloud = times_of(record), record.get("CloudCover")
    properties: dict[str, Any] = {"datetime": times[0].isoformat() if times else None}
    if times:
        properties.update(start_datetime=times[0].isoformat(), end_datetime=times[1].isoformat())
    if cloud is not None:
        properties["eo:cloud_cover"] = cloud
    own = f"{base}/collections/{collection}/items/{ur}"
    return {"type": "Feature", "stac_version": "1.0.0", "id": ur, "collection": collection, "properties": properties,
            "stac_extensions": ["https://stac-extensions.github.io/eo/v1.0.0/schema.json"],
            "geometry": {"type": "Polygon", "coordinates": [ring]} if ring else None,
            "bbox": _bounds(ring), "assets": _assets(record.get("RelatedUrls") or []),
            "links": [_link("self", own), _link("root", base), _link("collection", own.rpartition("/items/")[0])]}


def _bounds(ring: Optional[Sequence[tuple[float, float]]]) -> Optional[list[float]]:
    if not ring:
        return None
    lons, lats = zip(*ring)
    return [min(lons), min(lats), max(lons), max(lats)]


_ROLES = {"GET DATA": "data", "GET DATA VIA DIRECT ACCESS": "data", "GET RELATED VISUALIZATION": "browse",
          "EXTENDED METADATA": "metadata", "VIEW RELATED INFORMATION": "metadata"}
_MEDIA = {"nc": "application/x-netcdf", "png": "image/png", "json": "application/json", "dmrpp": "application/xml"}


def _assets(links: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    assets: dict[str, Any] = {}
    for link in links:
        role, parts = _ROLES.get(link.get("Type", "")), urlsplit(link.get("URL", ""))
        stem, _, ending = parts.path.rpartition(".")
        if role is None or ending not in _MEDIA:
            continue
        key = stem.partition(".")[2] or stem  # "001/<ur>/<file>", from the room on
        key = f"s3_{key}" if parts.scheme == "s3" else key
        key = {"browse": "browse"}.get(role, key) if parts.scheme != "s3" else key
        if key in assets:
            key = f"{key}.{ending}"
        assets[key] = {"href": link["URL"], "title": link.get("Description", ""), "type": _MEDIA[ending],
                       "roles": [role]}
    if "browse" in assets:
        assets["thumbnail"] = {**assets["browse"], "roles": ["thumbnail"]}
    return assets
