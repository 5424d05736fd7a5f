"""The search host: CMR's own granule search; CMR-STAC is in `stac`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Optional

from . import stac
from .exchange import Answer, Exchange, json_answer
from .spatial import Shape, area, box, meet, unwrapped
from .umm import collection_of, parse_time, shape_of, times_of

if TYPE_CHECKING:
    from .site import Site

_RESULTS = "application/vnd.nasa.cmr.umm_results+json;version=1.6.6; charset=utf-8"
_MOST = 2000
_SPATIAL = {"bounding_box", "polygon", "point", "line"}
Test = Callable[[Mapping[str, Any]], bool]


class BadRequest(ValueError):
    """What CMR answers 400 to."""


def respond(site: Site) -> Callable[[Exchange], Answer]:
    """What the search host of `site` answers."""
    pages = {"/search/granules.umm_json": _granules, "/search/collections.umm_json": _collections}

    def answer(exchange: Exchange) -> Answer:
        if exchange.path.startswith(stac.ROOT):
            return stac.respond(site, exchange)
        page = pages.get(exchange.path)
        if page is None:
            return json_answer(404, {"errors": ["Invalid URL"]})
        try:
            return page(site, exchange)
        except BadRequest as refused:
            return json_answer(400, {"errors": [str(refused)]})

    return answer


def _granules(site: Site, exchange: Exchange) -> Answer:
    params = {name.replace("[]", ""): values for name, values in exchange.all_params.items()}
    size = _page_size(params)
    tests = _tests(params)
    found = [(i, record) for i, record in enumerate(tuple(site.records)) if all(test(record) for test in tests)]
    after = _after(exchange.headers.get("cmr-search-after"))
    rest = [(i, record) for i, record in found if i > after]
    page = rest[:size]
    answer = json_answer(200, {"hits": len(found), "took": 5, "items": [_item(i, record) for i, record in page]},
                         _RESULTS, CMR_Hits=str(len(found)), CMR_Took="5", CMR_Request_Id=f"loopback-{id(exchange)}")
    more = len(rest) > size if site.settings.search_after == "exact" else bool(page)
    return answer.with_headers(CMR_Search_After=json.dumps(["lpcloud", page[-1][0]])) if page and more else answer


def _item(number: int, record: Mapping[str, Any]) -> dict[str, Any]:
    short_name, version = collection_of(record)
    return {"meta": {"concept-type": "granule", "concept-id": f"G{3000000000 + number}-LPCLOUD", "revision-id": 1,
                     "native-id": record.get("GranuleUR"), "provider-id": "LPCLOUD",
                     "collection-concept-id": concept_id(short_name, version),
                     "format": "application/vnd.nasa.cmr.umm+json", "revision-date": "2024-06-01T00:00:00.000Z"},
            "umm": record}


def concept_id(short_name: str, version: str) -> str:
    """A stable number for a collection."""
    return f"C{2000000000 + sum(map(ord, short_name + version))}-LPCLOUD"


def _collections(site: Site, exchange: Exchange) -> Answer:
    params = {name.replace("[]", ""): values for name, values in exchange.all_params.items()}
    known = sorted({collection_of(record) for record in site.records})
    found = [(name, version) for name, version in known
             if name in params.get("short_name", [name]) and version in params.get("version", [version])]
    items = [{"meta": {"concept-type": "collection", "concept-id": concept_id(name, version)},
              "umm": {"ShortName": name, "Version": version, "EntryTitle": f"{name} V{version}"}}
             for name, version in found]
    return json_answer(200, {"hits": len(items), "took": 1, "items": items}, _RESULTS, CMR_Hits=str(len(items)))


def _page_size(params: Mapping[str, Sequence[str]]) -> int:
    text = params.get("page_size", ["10"])[0]
    if not text.isdigit() or int(text) > _MOST:
        raise BadRequest(f"page_size must be a number between 0 and {_MOST}")
    return int(text)


def _after(header: Optional[str]) -> int:
    if header is None:
        return -1
    try:
        return int(json.loads(header)[-1])
    except (ValueError, TypeError, IndexError, KeyError):
        raise BadRequest(f"The search-after value [{header}] is not one of ours") from None


def _tests(params: Mapping[str, Sequence[str]]) -> list[Test]:
    """One test per parameter; the spatial ones are one, all of which must hold unless options[spatial][or]."""
    tests, shapes = [], []
    for name, values in params.items():
        if name in _SPATIAL:
            shapes += [SHAPES[name](value) for value in values]
        elif name in FILTERS:
            tests.append(FILTERS[name](values))
        elif name not in ("page_size", "options[spatial][or]", "sort_key", "pretty"):
            raise BadRequest(f"Parameter [{name}] was not recognized.")
    if shapes:
        joined = any if params.get("options[spatial][or]") == ["true"] else all
        tests.append(lambda record: _where(record, shapes, joined))
    return tests


def _where(record: Mapping[str, Any], shapes: Sequence[Shape], joined: Callable[[Any], bool]) -> bool:
    own = shape_of(record)
    return own is None or joined(meet(own, shape) for shape in shapes)


def _numbers(text: str, multiple: int, least: int) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        raise BadRequest(f"[{text}] is not a list of numbers") from None
    if len(numbers) % multiple or len(numbers) < least:
        raise BadRequest(f"[{text}] has {len(numbers)} numbers")
    if any(abs(lat) > 90 for lat in numbers[1::2]) or any(abs(lon) > 180 for lon in numbers[::2]):
        raise BadRequest(f"[{text}] leaves the valid range of longitude or latitude")
    return numbers


def _box(text: str) -> Shape:
    west, south, east, north = _numbers(text, 4, 4)[:4]
    if south > north:
        raise BadRequest(f"The bounding box north value [{north}] was less than the south value [{south}]")
    return box(west, south, east, north)


def _polygon(text: str) -> Shape:
    numbers = _numbers(text, 2, 8)
    points = list(zip(numbers[::2], numbers[1::2]))
    if points[0] != points[-1]:
        raise BadRequest("Polygon boundary was not closed. The first point must be the same as the last point.")
    shape = unwrapped(points)
    if area(shape) <= 0:
        raise BadRequest("The polygon boundary points are listed in the wrong order (clockwise vs counter clockwise).")
    return shape


def _line(text: str) -> Shape:
    numbers = _numbers(text, 2, 4)
    return unwrapped(list(zip(numbers[::2], numbers[1::2])), ring=False)


SHAPES: dict[str, Callable[[str], Shape]] = {
    "bounding_box": _box, "polygon": _polygon, "line": _line,
    "point": lambda text: Shape((tuple(_numbers(text, 2, 2)[:2]),), ring=False),
}


def _temporal(values: Sequence[str]) -> Test:
    spans = [_span(text) for text in values]

    def test(record: Mapping[str, Any]) -> bool:
        times = times_of(record)
        return times is None or any((end is None or times[0] <= end) and (start is None or times[1] >= start)
                                    for start, end in spans)

    return test


def _span(text: str) -> tuple[Optional[datetime], Optional[datetime]]:
    try:
        parts = [parse_time(part) if part else None for part in text.split(",")[:2]]
    except ValueError:
        raise BadRequest(f"temporal datetime is invalid: [{text}]") from None
    start, end = (*parts, None)[:2]
    if start and end and start > end:
        raise BadRequest(f"start_date [{start}] must be before end_date [{end}]")
    return start, end


def _cloud(values: Sequence[str]) -> Test:
    low, _, high = values[0].partition(",")
    try:
        least, most = float(low or 0), float(high or 100)
    except ValueError:
        raise BadRequest(f"cloud_cover [{values[0]}] is no range") from None
    # a granule whose cover is not known is never among them
    return lambda record: record.get("CloudCover") is not None and least <= record["CloudCover"] <= most


FILTERS: dict[str, Callable[[Sequence[str]], Test]] = {
    "short_name": lambda values: lambda record: collection_of(record)[0] in values,
    "version": lambda values: lambda record: collection_of(record)[1] in values,
    "provider": lambda values: lambda record: "LPCLOUD" in values,
    "collection_concept_id": lambda values: lambda record: concept_id(*collection_of(record)) in values,
    "granule_ur": lambda values: lambda record: record.get("GranuleUR") in values,
    "readable_granule_name": lambda values: lambda record: record.get("GranuleUR") in values,
    "day_night_flag": lambda values: lambda record: str(record.get("DataGranule", {}).get("DayNightFlag", "")).lower()
    in [value.lower() for value in values],
    "temporal": _temporal,
    "cloud_cover": _cloud,
}
