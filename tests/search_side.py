"""A catalogue for tests of the search, without a server: records as CMR and CMR-STAC write them, and who asked what."""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Callable
from typing import Any, Optional

from pixel_spectra.core.errors import ArchiveError

Page = namedtuple("Page", "data status headers url")
CMR = "https://cmr.example/search/granules.umm_json"
STAC = "https://cmr.example/stac/LPCLOUD"
DATA_HOST = "https://data.example"
DIGEST = "ab" * 64
UMM_JSON = "application/vnd.nasa.cmr.umm_results+json;version=1.6.6; charset=utf-8"


def square(lon: float, lat: float, size: float = 0.5) -> list[tuple[float, float]]:
    """A footprint around a place, counter-clockwise and closed."""
    w, e, s, n = lon - size, lon + size, lat - size, lat + size
    return [(w, s), (e, s), (e, n), (w, n), (w, s)]


def umm(time: str = "20240501T101112", *, key: str = "_2412207_005", ring: Any = None, cloud: Any = 20,
        light: Optional[str] = "Day", collection: str = "EMITL2ARFL", version: str = "001",
        products: tuple[str, ...] = ("RFL", "RFLUNCERT", "MASK"), name: Optional[str] = None, host: str = DATA_HOST
        ) -> dict[str, Any]:
    """A UMM-G record; `time` as in file names."""
    stem = name or f"EMIT_L2A_{products[0]}_{version}_{time}{key}"
    files = [f"EMIT_L2A_{product}_{version}_{time}{key}.nc" for product in products]
    moment = f"{time[:4]}-{time[4:6]}-{time[6:8]}T{time[9:11]}:{time[11:13]}:{time[13:15]}Z"
    folder = f"{collection}.{version}/{stem}"
    links = [{"URL": f"{host}/lp-prod-protected/{folder}/{file}", "Type": "GET DATA"} for file in files]
    links += [{"URL": f"s3://lp-prod-protected/{folder}/{file}", "Type": "GET DATA VIA DIRECT ACCESS"}
              for file in files]
    links += [{"URL": f"{host}/lp-prod-{'public' if i else 'protected'}/{folder}/{file}.dmrpp",
               "Type": "EXTENDED METADATA"} for i, file in enumerate(files)]
    links += [{"URL": f"{host}/lp-prod-public/{folder}/{stem}.png", "Type": "GET RELATED VISUALIZATION"}]
    points = [{"Longitude": lon, "Latitude": lat} for lon, lat in (ring or square(10.0, 20.0))]
    record = {
        "GranuleUR": stem, "CollectionReference": {"ShortName": collection, "Version": version},
        "TemporalExtent": {"RangeDateTime": {"BeginningDateTime": moment, "EndingDateTime": moment}},
        "DataGranule": {"ArchiveAndDistributionInformation": [
            {"Name": file, "SizeInBytes": 1000 + i, "Checksum": {"Value": DIGEST, "Algorithm": "SHA-512"}}
            for i, file in enumerate(files)]},
        "SpatialExtent": {"HorizontalSpatialDomain": {"Geometry": {"GPolygons": [{"Boundary": {"Points": points}}]}}},
        "RelatedUrls": links}
    if cloud is not None:
        record["CloudCover"] = cloud
    if light is not None:
        record["DataGranule"]["DayNightFlag"] = light
    return record


def item(record: dict[str, Any]) -> dict[str, Any]:
    """The same as CMR-STAC tells it: no sizes, no light, and asset keys that are no stable names."""
    points = record["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"]["GPolygons"][0]["Boundary"]["Points"]
    reference = record["CollectionReference"]
    span = record["TemporalExtent"]["RangeDateTime"]
    properties = {"datetime": span["BeginningDateTime"], "start_datetime": span["BeginningDateTime"],
                  "end_datetime": span["EndingDateTime"]}
    if "CloudCover" in record:
        properties["eo:cloud_cover"] = record["CloudCover"]
    assets = {f"{reference['Version']}/{i}": {"href": link["URL"], "roles": ["data"]}
              for i, link in enumerate(record["RelatedUrls"])}
    return {"type": "Feature", "stac_version": "1.0.0", "id": record["GranuleUR"], "properties": properties,
            "collection": f"{reference['ShortName']}_{reference['Version']}", "assets": assets, "links": [],
            "geometry": {"type": "Polygon", "coordinates": [[[p["Longitude"], p["Latitude"]] for p in points]]}}


class Catalogues:
    """Answers like CMR and CMR-STAC, in place of an HttpClient; `spoil` may change an answer or raise."""

    def __init__(self, *records: dict[str, Any], spoil: Optional[Callable[[str, int, Page], Page]] = None,
                 page_size: Optional[int] = None) -> None:
        self.records = list(records)
        self.asked: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.spoil = spoil or (lambda catalogue, n, page: page)
        self.page_size = page_size

    def page(self, url: str, *, limit: int, params: Any = None, headers: Any = None) -> Page:
        """As HttpClient.page, and no argument more: nothing is asked with a token."""
        assert limit <= 64 * 2**20
        self.asked.append((url, dict(params or {}), dict(headers or {})))
        catalogue = "CMR-STAC" if "/stac" in url else "CMR"
        n = sum(("/stac" in u) == (catalogue == "CMR-STAC") for u, *_ in self.asked)
        answer = (self._stac if catalogue == "CMR-STAC" else self._cmr)(url, params or {}, headers or {})
        return self.spoil(catalogue, n, answer)

    def close(self) -> None:
        """As HttpClient.close."""

    def of(self, catalogue: str, short_name: str) -> list[dict[str, str]]:
        """What was asked of one catalogue about one collection."""
        part = "/stac" if catalogue == "CMR-STAC" else "granules.umm_json"
        return [p for u, p, _ in self.asked
                if part in u and short_name in p.get("short_name", p.get("collections", ""))]

    def _cmr(self, url: str, params: dict[str, str], headers: dict[str, str]) -> Page:
        found = [r for r in self.records if r["CollectionReference"]["ShortName"] == params["short_name"]]
        found = self._within(found, params["bounding_box"], params.get("temporal", ","))
        found.sort(key=_begin, reverse=True)
        size = self.page_size or int(params["page_size"])
        start = int(headers.get("CMR-Search-After", "0"))
        items = [{"meta": {"concept-id": f"G{id(r)}"}, "umm": r} for r in found[start:start + size]]
        more = {"CMR-Search-After": str(start + size)} if items else {}
        return _json({"hits": len(found), "items": items}, url, UMM_JSON, **{"CMR-Hits": str(len(found))}, **more)

    def _stac(self, url: str, params: dict[str, str], headers: dict[str, str]) -> Page:
        base = f"{url.partition('/stac/LPCLOUD')[0]}/stac/LPCLOUD"
        if url.rstrip("/") == base:
            return _json({"type": "Catalog", "id": "LPCLOUD", "stac_version": "1.0.0", "description": "-",
                          "conformsTo": [f"https://api.stacspec.org/v1.0.0/{part}" for part in
                                         ("core", "collections", "item-search", "item-search#sort")],
                          "links": [{"rel": "search", "href": f"{base}/search", "type": "application/geo+json"},
                                    {"rel": "data", "href": f"{base}/collections"}]}, url)
        names = {item(r)["collection"] for r in self.records}
        if "/collections/" in url:
            if url.rpartition("/")[2] not in names:
                raise ArchiveError("withdrawn (404)")
            return _json({"type": "Collection", "id": url.rpartition("/")[2], "stac_version": "1.0.0", "links": [],
                          "description": "-", "license": "-",
                          "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]},
                                     "temporal": {"interval": [[None, None]]}}}, url)
        query = dict(part.split("=") for part in url.partition("?")[2].split("&")) if "?" in url else dict(params)
        wanted = query["collections"].split(",")
        found = [r for r in self.records if item(r)["collection"] in wanted]
        found = self._within(found, query["bbox"], query.get("datetime", "/").replace("/", ",").replace("..", ""))
        size, start = self.page_size or int(query["limit"]), int(query.get("start", "0"))
        features = [item(r) for r in sorted(found, key=_begin, reverse=True)[start:start + size]]
        following = "&".join(f"{k}={v}" for k, v in {**query, "start": str(start + size)}.items())
        links = [{"rel": "next", "href": f"{base}/search?{following}"}] if start + size < len(found) else []
        return _json({"type": "FeatureCollection", "features": features, "links": links,
                      "context": {"matched": len(found)}}, url, "application/geo+json")

    def _within(self, records: list[dict[str, Any]], box: str, temporal: str) -> list[dict[str, Any]]:
        west, south, east, north = map(float, box.split(","))
        assert -180 <= west <= east <= 180 and -90 <= south <= north <= 90, box
        first, last = temporal.split(",")
        assert all(text == "" or text.endswith("Z") and "T" in text for text in (first, last)), temporal
        return [r for r in records if first <= _begin(r) and (not last or _begin(r) <= last)
                and _touches(r, west, south, east, north)]


def _begin(record: dict[str, Any]) -> str:
    return record["TemporalExtent"]["RangeDateTime"]["BeginningDateTime"].replace("Z", ".000Z")


def _touches(record: dict[str, Any], west: float, south: float, east: float, north: float) -> bool:
    """Whether the box of a record meets a box; longitudes that jump run on. A malformed record is everywhere."""
    try:
        geometry = record["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"]
        points = [(p["Longitude"] + 0.0, p["Latitude"] + 0.0) for p in geometry["GPolygons"][0]["Boundary"]["Points"]]
    except (KeyError, IndexError, TypeError):
        return True
    x = [lon + 360 if lon < 0 and max(p[0] for p in points) - lon > 180 else lon for lon, _ in points]
    y = [lat for _, lat in points]
    inside = any(min(x) <= east + turn and max(x) >= west + turn for turn in (0, 360))
    return inside and min(y) <= north and max(y) >= south


def _json(value: Any, url: str, kind: str = "application/json", **headers: str) -> Page:
    return Page(json.dumps(value).encode(), 200, {"Content-Type": kind, **headers}, url)
