"""Find scenes: ask one catalogue wholly, else the next one; put files together; say what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Optional, Union
from urllib.parse import urlsplit

from ..errors import ArchiveError, MissingDependency
from ..progress import NO_PROGRESS, Progress, Share, checkpoint, listening
from . import cmr, stac
from .archives import ARCHIVES, MASK, Archive, Collection
from .area import Box, SearchArea, search_area
from .paging import CATALOGUES, MOST_RECORDS, Batch, Moment, Place, Question, Window, whole
from .pairing import scenes_of
from .records import Record, Unusable
from .scene import Scene

LIMIT = 2000
"""Scenes that are listed unless more are asked for."""
DAY_NIGHT = ("day", "night")
"""What may be asked of the light."""


class Found(list[Scene]):
    """The scenes of a search, newest first, with what must be known about it."""

    source: str = ""
    """The catalogue that answered."""
    total: Optional[int] = None
    """Records of scenes that it holds for the area (as boxes) and time, before any filter; None where it says none."""
    truncated: bool = False
    """Whether there are more scenes than are listed."""
    notices: tuple[str, ...] = ()
    """What a user must know."""

    def summary(self) -> str:
        """One line: how many, from where, of how many."""
        of = "" if self.total is None else f", of {_counted(self.total, 'record')} for the box and time"
        return f"{_counted(len(self), 'scene')} from {self.source}{of}"


@dataclass(frozen=True)
class Wanted:
    """What is looked for."""

    archive: Archive
    """Where."""
    sensor: str
    """Its name in ARCHIVES."""
    area: SearchArea
    """Where on Earth."""
    window: Window
    """When."""
    max_cloud: Optional[float]
    """Cloud cover must be below, percent; None takes any."""
    day_night: Optional[str]
    """One of DAY_NIGHT; None takes both."""
    limit: int
    """Scenes that are listed at most."""

    def __post_init__(self) -> None:
        """Raise ArchiveError for a cloud cover that is no percentage."""
        if self.max_cloud is not None and not 0 <= self.max_cloud <= 100:
            raise ArchiveError(f"The cloud cover is to be below {self.max_cloud:g} %; give 0 to 100, or none for any.")

    def fits(self, found: Union[Record, Scene]) -> bool:
        """Whether time, cloud and light are as wanted; what is unknown is."""
        clear = self.max_cloud is None or found.cloud is None or found.cloud < self.max_cloud
        lit = self.day_night is None or found.day_night in (None, "both", self.day_night)
        return clear and lit and self.window.meets(found.start, found.end)


@dataclass(frozen=True)
class Listing:
    """What a catalogue said about one collection."""

    records: tuple[Record, ...]
    """The usable ones."""
    unusable: Counter[str]
    """Reason -> records that could not be used."""
    n_read: int
    """Records that came."""
    total: Optional[int]
    """Records that there are; None where the catalogue does not say."""
    complete: bool
    """Whether all were read."""


def search(sensor: str, geometry: Any, start: Moment, end: Moment, max_cloud: Optional[float] = None, *,
           day_night: Optional[str] = None, limit: int = LIMIT, endpoint: Union[None, str, Sequence[str]] = None,
           client: Any = None, progress: Progress = NO_PROGRESS) -> Found:
    """The scenes of `sensor` that touch `geometry` (shapely, lon/lat) from `start` to `end`, newest first.

    Dates are whole days in UTC, the last one included; None is open. `max_cloud` is strict (below, percent). Scenes
    of unknown cloud or light are kept and counted in the notices. `endpoint` holds addresses to ask instead of the
    archive's own, in order. The first catalogue that gives a whole answer gives all of it. Asks without credentials.

    Raises AreaError for an area that is none, ArchiveError where no catalogue answers, Cancelled.
    """
    if limit < 1:
        raise ArchiveError(f"The limit is {limit}; ask for one scene or more.")
    if day_night is not None and day_night not in DAY_NIGHT:
        raise ArchiveError(f"Unknown light '{day_night}'; the known ones are: {', '.join(DAY_NIGHT)}.")
    archive = ARCHIVES[sensor]
    wanted = Wanted(archive, sensor, search_area(geometry), Window.of(start, end), max_cloud, day_night, limit)
    with listening(progress), _client(client) as asking:
        return _first_answer(wanted, _places(archive, endpoint, asking), progress)


def first_address(sensor: str, endpoint: Union[None, str, Sequence[str]] = None) -> str:
    """The address that a search asks first, to choose a proxy for it. Raises ArchiveError for what is none."""
    return _places(ARCHIVES[sensor], endpoint, None)[0].address


@contextmanager
def _client(given: Any) -> Iterator[Any]:
    """The client given, or one of its own without a token."""
    if given is not None:
        yield given
        return
    from .web.http import HttpClient

    own = HttpClient()
    try:
        yield own
    finally:
        own.close()


def _places(archive: Archive, endpoint: Union[None, str, Sequence[str]], client: Any) -> list[Place]:
    """Whom to ask, in order. Raises ArchiveError for what is no address."""
    addresses = endpoint.split() if isinstance(endpoint, str) else list(endpoint or ())
    if not addresses:
        return [Place(catalogue, address, client) for catalogue, address in archive.places]
    return [Place(_catalogue_at(address), address, client) for address in addresses]


def _catalogue_at(address: str) -> str:
    """CMR's own search is known by the end of its address; the rest speak STAC."""
    parts = urlsplit(address)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username is not None:
        raise ArchiveError(f"The endpoint '{parts.hostname or address}' is no address of a catalogue; write it with "
                           "https:// and without a user name.")
    return cmr.NAME if parts.path.rstrip("/").endswith("granules.umm_json") else stac.NAME


def _first_answer(wanted: Wanted, places: Sequence[Place], progress: Progress) -> Found:
    """The whole answer of the first catalogue that gives one. Raises ArchiveError with what each one said."""
    failures: list[str] = []
    for place in places:
        try:
            found = _answer(wanted, place, progress)
        except (ArchiveError, MissingDependency) as error:
            failures.append(f"{place.catalogue}: {error}")
            continue
        found.notices = (*(f"{place.catalogue} was asked instead. {failure}" for failure in failures), *found.notices)
        checkpoint(progress, 1.0, found.summary())
        return found
    raise ArchiveError(" ".join(failures))


def _answer(wanted: Wanted, place: Place, progress: Progress) -> Found:
    """All that one catalogue says."""
    main = _listing(wanted, wanted.archive.scenes, place, Share(progress, 0.0, 0.6), wanted.limit)
    listings = [main]
    if main.n_read == 0:
        CATALOGUES[place.catalogue].check(place, wanted.archive.scenes)
    if main.records:
        window = Window(min(r.start for r in main.records), max(r.end for r in main.records))
        around = replace(wanted, window=window)
        share = Share(progress, 0.6, 1.0)
        listings += [_listing(around, c, place, share) for c in wanted.archive.companions]
    scenes, without_footprint = scenes_of((r for listing in listings for r in listing.records), wanted.sensor,
                                          place.catalogue)
    inside = [scene for scene, met in zip(scenes, wanted.area.meets([s.footprint for s in scenes])) if met]
    fitting = [scene for scene in inside if wanted.fits(scene)]
    found = Found(fitting[:wanted.limit])
    found.source, found.total = place.catalogue, main.total
    found.truncated = len(fitting) > wanted.limit or not main.complete
    unusable: Counter[str] = sum((listing.unusable for listing in listings), Counter())
    if without_footprint:
        unusable["without a usable footprint"] += without_footprint
    found.notices = tuple(_notices(wanted, found, listings[1:], unusable))
    return found


def _listing(wanted: Wanted, collection: Collection, place: Place, progress: Progress,
             enough: Optional[int] = None) -> Listing:
    """The records of a collection in all boxes; of each box, as many as hold more than `enough` fitting scenes."""
    unusable: Counter[str] = Counter()
    boxes = wanted.area.boxes
    parts = [_in_box(wanted, collection, place, box, enough, unusable, Share(progress, i / len(boxes),
                                                                              (i + 1) / len(boxes)))
             for i, box in enumerate(boxes)]
    records = dict.fromkeys(record for part in parts for record in part.records)
    totals = [part.total for part in parts if part.total is not None]
    total = sum(totals) if len(totals) == len(parts) else None
    return Listing(tuple(records), unusable, sum(part.n_read for part in parts), total,
                   all(part.complete for part in parts))


def _in_box(wanted: Wanted, collection: Collection, place: Place, box: Box, enough: Optional[int],
            unusable: Counter[str], progress: Progress) -> Listing:
    """The same of one box."""
    catalogue = CATALOGUES[place.catalogue]
    records: list[Record] = []
    times: set[datetime] = set()
    read, matched, stopped = 0, None, False
    for batch in whole(catalogue.pages(place, collection, Question(box, wanted.window)), place.catalogue):
        got = list(_records(wanted.archive, place, batch, unusable))
        records += got
        read, matched = read + len(batch.records), batch.matched
        of = f" of {matched}" if matched is not None else ""
        checkpoint(progress, read / max(matched or 0, read, 1), f"{place.catalogue}: {read}{of} records read")
        if enough is not None:
            times |= _fitting_times(wanted, got)
            stopped = len(times) > enough
        if stopped:
            break
    cut = stopped or read >= MOST_RECORDS
    return Listing(tuple(records), unusable, read, matched, not cut or (matched is not None and read >= matched))


def _records(archive: Archive, place: Place, batch: Batch, unusable: Counter[str]) -> Iterator[Record]:
    """The usable records of a page; the others are counted by their reason."""
    for item in batch.records:
        try:
            record = CATALOGUES[place.catalogue].record(item, archive, place.secure)
        except Unusable as reason:
            unusable[str(reason)] += 1
            continue
        if record is not None:
            yield record


def _fitting_times(wanted: Wanted, records: Sequence[Record]) -> set[datetime]:
    """When the records were acquired that will be listed: versions of one scene share their time."""
    fitting = [record for record in records if record.footprint is not None and wanted.fits(record)]
    met = wanted.area.meets([record.footprint for record in fitting])
    return {record.start for record, inside in zip(fitting, met) if inside}


def _notices(wanted: Wanted, found: Found, companions: Sequence[Listing], unusable: Counter[str]) -> Iterator[str]:
    """What must be known about an answer."""
    yield from wanted.area.notices
    if found.truncated:
        total = "more" if found.total is None else _counted(found.total, 'record')
        cut = (f"reached the limit of {wanted.limit}" if len(found) >= wanted.limit
               else f"looked through the newest {MOST_RECORDS} records")
        more = ", or raise the limit" if len(found) >= wanted.limit else ""
        yield (f"The list is cut: the search {cut}, and {found.source} holds {total} for this area (as boxes) and "
               f"time. The newest of those read are listed; narrow the area, the dates or the filters{more}.")
    if not all(listing.complete for listing in companions):
        yield "Not all records of companion files were read: some scenes may lack a MASK that exists; narrow the dates."
    if unusable:
        reasons = ", ".join(f"{n} {reason}" for reason, n in sorted(unusable.items()))
        yield f"Records of {found.source} that cannot be used were left out: {reasons}."
    unclear = sum(scene.cloud is None for scene in found)
    if wanted.max_cloud is not None and unclear:
        yield f"Unknown cloud cover: {_counted(unclear, 'scene')}, listed all the same."
    unlit = sum(scene.day_night is None for scene in found)
    if wanted.day_night is not None and unlit:
        yield f"Neither day nor night by {found.source}: {_counted(unlit, 'scene')}, listed all the same."
    unmasked = sum(MASK not in scene.files for scene in found)
    if unmasked:
        yield f"No MASK file found: {_counted(unmasked, 'scene')}."


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"
