"""Click on granules of an archive on loopback with 80 ms before every answer and 5 MB/s for all of them together."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

import distant
import numpy as np
import shapely
from bench import Bench, attempt, same
from figures import Figure, NotMeasured, Row
from peers import SYSTEM, NotFinished, ask_ours
from pixel_spectra.core.inspection import inspect
from traffic import BYTES_PER_S, KB, Traffic

from loopback import LoopbackArchive

from . import job

_EDGE = 0.08
"""Part of the scene at its edges in which no place is taken."""
_BESIDE = 3
_SMALL, _LARGE, _SMALL_SECONDS, _TIMES_THE_LINE = 10, 100, 0.25, 1.2
_PEER_SECONDS, _TIMES = 60.0, 10.0
_PEERS = (
    ("earthaccess.open with its defaults, h5py", "remote readers", "remote_h5py", "earthaccess"),
    ("fsspec with its defaults, h5py", "remote readers", "remote_h5py", "fsspec"),
    ("GDAL /vsicurl, HDF5 driver, raster API", SYSTEM, "remote_gdal", "raster"),
    ("GDAL /vsicurl, HDF5 driver, multidimensional API", SYSTEM, "remote_gdal", "multidimensional"),
)
_SPECTRUM_BYTES, _CENTRE_BYTES = 285 * 4, 2 * 8


@dataclass(frozen=True)
class Reach:
    """The most that a step should take."""

    seconds: float
    requests: int
    kilobytes: float


_FIRST, _WHOLE, _NEXT, _NEIGHBOUR = Reach(1.0, 7, 500), Reach(2.0, 16, 3000), Reach(0.25, 3, 64), Reach(0.12, 1, 4)


@dataclass(frozen=True)
class Step:
    """One step of a session, as the user and as the servers saw it."""

    seconds: float
    """Until all of it is there."""
    spectrum_s: float
    """Until the spectrum is there; mask and uncertainty may follow it."""
    traffic: Traffic
    """What was asked for it."""
    aside: Traffic
    """What was prefetched after it."""
    pixels: int
    """How many the area has."""
    same: bool
    """Whether pixels, centres, spectra and uncertainty are those of the local file."""

    def within(self, reach: Reach) -> bool:
        """Whether it keeps all of its limits."""
        return (self.seconds <= reach.seconds and self.traffic.requests <= reach.requests
                and self.traffic.n_bytes <= reach.kilobytes * KB)


class Sessions:
    """What users do with one granule of an archive, each in a fresh process."""

    def __init__(self, served: LoopbackArchive, url: str) -> None:
        self._served, self._url = served, url
        self.imports: list[float] = []

    def take(self, steps: Sequence[tuple[str, Any]], cache: Optional[Path] = None) -> list[Step]:
        """Go through (action, area), actions as programs/remote_clicks.py knows them, and look at the servers' log."""
        self._served.clear()
        told = ask_ours("remote_clicks", {
            "url": self._url, "local": str(distant.path_of(self._served, self._url)),
            "token": self._served.token(), "origins": self._served.origins, "cache": cache and str(cache),
            "steps": [(action, shapely.to_wkt(area, rounding_precision=9)) for action, area in steps]})
        log = self._served.requests
        self.imports.append(told["imports"])
        return [_step(log, action, facts) for (action, _), facts in zip(steps, told["steps"])]

    def peer(self, bench: Bench, needs: str, program: str, how: str, run: int) -> tuple[dict[str, Any], Traffic]:
        """The first click of a peer."""
        self._served.clear()
        lon, lat = bench.first_click
        question = {"url": self._url, "token": self._served.token(), "how": how, "lon": lon, "lat": lat}
        told = bench.peers.ask(needs, program, question, run, _PEER_SECONDS)
        return told, Traffic.of(self._served.requests, told["start"], told["stop"])


def _step(log: Sequence[Any], action: str, facts: dict[str, Any]) -> Step:
    start, stop, until = facts["start"], facts["stop"], facts["until"]
    own = stop if action == "stay" else until  # else what it began and left behind counts for it
    return Step(stop - start, facts.get("spectrum", stop) - start, Traffic.of(log, start, own),
                Traffic.of(log, own, until), facts["pixels"], facts["same"])


@job("remote", order=20)
def remote(bench: Bench) -> Iterator[Row]:
    """A granule with MASK and RFLUNCERT; clicks, areas, and the first click of peers."""
    try:
        with distant.archive(bench, 2 * distant.cube_bytes(bench.files.shape)) as served:
            sessions = Sessions(served, distant.serve_granule(bench, served))
            yield from _first_clicks(bench, sessions)
            yield from _next_clicks(bench, sessions)
            yield from _areas(bench, sessions)
    except NotMeasured as reason:
        yield Row("clicks on a remote granule", str(reason), _FIRST.seconds)


def _first_clicks(bench: Bench, sessions: Sessions) -> Iterator[Row]:
    """Each time another place, another process, new connections, and nothing known."""
    places = [shapely.Point(place) for place in (bench.first_click, *_places(bench, bench.repeats(10) - 1))]
    first = [sessions.take([("spectrum", place)])[0] for place in places]
    name = "first click on a remote granule, RFL only"
    yield from _rows(name, first, _FIRST)
    whole = [sessions.take([("whole", place)])[0] for place in places]
    yield Row("first click with MASK and RFLUNCERT: until the spectrum", _figure(whole, lambda s: s.spectrum_s),
              _FIRST.seconds)
    yield from _rows("first click with MASK and RFLUNCERT", whole, _WHOLE)
    with tempfile.TemporaryDirectory() as cache:
        again = [sessions.take([("spectrum", places[0])], Path(cache))[0] for _ in range(1 + bench.repeats(5))][1:]
    yield from _rows("first click in a new process, at a place that is on disk", again, None)
    bench.notes.append(f"imports of ours, not counted: {Figure.of(sessions.imports)}; redirects, counted apart: "
                       f"{_redirects(first)} with the RFL, {_redirects(whole)} with all three, {_redirects(again)} "
                       "with a warm cache.")
    yield from _peers(bench, sessions, name, first)


def _peers(bench: Bench, sessions: Sessions, name: str, first: Sequence[Step]) -> Iterator[Row]:
    """The peers take the pixel of one cell of the GLT; they compare no centres and read no wavelengths."""
    spectrum = inspect(bench.granule, shapely.Point(bench.first_click), mask="good_bands").spectra.values[0]
    ours = _figure(first, lambda s: s.seconds)
    for peer, *how in _PEERS:
        seen: list[Traffic] = []
        theirs = attempt(lambda how=how, seen=seen: _peer(bench, sessions, how, spectrum, seen))
        yield Row(name, ours, _FIRST.seconds, f"{peer}, fastest of {bench.repeats(2)}", theirs, _TIMES)
        bench.notes.extend(f"{peer}: {traffic}." for traffic in seen[:1])


def _peer(bench: Bench, sessions: Sessions, how: Sequence[str], spectrum: Any, seen: list[Traffic]) -> Figure:
    """The fastest run; where none ends in time, the time after which it was stopped, which is its lower bound."""
    seconds = []
    for run in range(bench.repeats(2)):
        try:
            told, traffic = sessions.peer(bench, *how, run)
        except NotFinished as stopped:
            bench.notes.append(f"{how[-1]}: stopped after {stopped.seconds:g} s; its figure is a lower bound.")
            return Figure.of(seconds and [min(seconds)] or [stopped.seconds])
        same(spectrum, told["spectrum"], 0.0)
        seconds.append(told["stop"] - told["start"])
        seen.append(traffic)
    return Figure.of([min(seconds)])


def _next_clicks(bench: Bench, sessions: Sessions) -> Iterator[Row]:
    """Places all over the scene on a granule that is open, none near another; then places that were prefetched."""
    places = [bench.first_click, *_places(bench, bench.repeats(100))]
    then = sessions.take([("spectrum", shapely.Point(place)) for place in places])[1:]
    yield from _rows("next click, anywhere in the scene", then, _NEXT)
    yield _share("next clicks anywhere that keep all three limits", then, _NEXT)
    steps = [step for pair in _neighbours(bench, bench.repeats(20)) for step in zip(("stay", "spectrum"), pair)]
    seen = attempt(lambda: sessions.take(steps))
    name = f"click within {_BESIDE} pixels of the last one, prefetched"
    if isinstance(seen, str):
        yield Row(name, seen, _NEIGHBOUR.seconds)
        return
    yield from _rows(name, seen[1::2], _NEIGHBOUR)
    yield _share("prefetched clicks that keep all three limits", seen[1::2], _NEIGHBOUR)
    bench.notes.append("what is prefetched after a click, in the median: "
                       f"{_median(seen[0::2], lambda s: s.aside.requests):.0f} requests, "
                       f"{_median(seen[0::2], lambda s: s.aside.n_bytes / KB):.0f} KB.")


def _areas(bench: Bench, sessions: Sessions) -> Iterator[Row]:
    """On a granule that is open, each area at another place."""
    small, large = (_blocks(bench, size, n) for size, n in ((_SMALL, bench.repeats(20)), (_LARGE, bench.repeats(6))))
    steps = [("spectrum", shapely.Point(bench.first_click)), *(("spectrum", area) for area in (*small, *large))]
    seen = sessions.take(steps)[1:]
    few, many = seen[:len(small)], seen[len(small):]
    yield Row(f"{_SMALL} x {_SMALL} area", _figure(few, lambda s: s.seconds), _SMALL_SECONDS)
    yield from list(_rows(f"{_SMALL} x {_SMALL} area", few, None))[1:]
    bound = Figure.of([step.pixels * (_SPECTRUM_BYTES + _CENTRE_BYTES) / BYTES_PER_S for step in many])
    yield Row(f"{_LARGE} x {_LARGE} area", _figure(many, lambda s: s.seconds), None,
              "the line: bytes of its spectra and centres / 5 MB/s", bound, times_slower=_TIMES_THE_LINE)
    yield from list(_rows(f"{_LARGE} x {_LARGE} area", many, None))[1:]
    bench.notes.append(f"the spectra and centres of {many[-1].pixels} pixels are "
                       f"{many[-1].pixels * (_SPECTRUM_BYTES + _CENTRE_BYTES) / KB:.0f} KB.")


def _rows(name: str, steps: Sequence[Step], reach: Optional[Reach]) -> Iterator[Row]:
    """Time, requests and bytes of steps of one kind."""
    seconds, requests, kilobytes = (None,) * 3 if reach is None else (reach.seconds, reach.requests, reach.kilobytes)
    yield Row(name, _figure(steps, lambda s: s.seconds), seconds)
    yield Row(f"{name}: data requests", _figure(steps, lambda s: s.traffic.requests, "requests"), requests)
    yield Row(f"{name}: data", _figure(steps, lambda s: s.traffic.n_bytes / KB, "KB"), kilobytes)


def _share(name: str, steps: Sequence[Step], reach: Reach) -> Row:
    return Row(name, Figure.of([100.0 * sum(step.within(reach) for step in steps) / len(steps)], "%"))


def _figure(steps: Sequence[Step], value: Callable[[Step], float], unit: str = "s") -> Union[Figure, str]:
    """Of steps that are all as in the local file; else how many are not."""
    wrong = sum(not step.same for step in steps)
    if wrong:
        return f"{wrong} of {len(steps)} are not as in the local file"
    return Figure.of([value(step) for step in steps], unit)


def _median(steps: Sequence[Step], value: Callable[[Step], float]) -> float:
    return Figure.of([value(step) for step in steps]).median


def _redirects(steps: Sequence[Step]) -> str:
    return f"{_median(steps, lambda s: s.traffic.redirects):.0f}"


def _places(bench: Bench, n: int) -> list[tuple[float, float]]:
    """Lon, lat of raw pixels all over the scene."""
    rng = np.random.default_rng(11)
    at = [rng.integers(int(_EDGE * size), int((1 - _EDGE) * size), n) for size in bench.files.shape]
    return list(zip(*(of.tolist() for of in bench.granule.geolocation.lonlat(*at))))


def _neighbours(bench: Bench, n: int) -> list[tuple[shapely.Point, shapely.Point]]:
    """Places, each with another one beside it."""
    rng = np.random.default_rng(12)
    at = [rng.integers(int(_EDGE * size), int((1 - _EDGE) * size), n) for size in bench.files.shape]
    step = rng.integers(1, _BESIDE + 1, (2, n)) * rng.choice([-1, 1], (2, n))
    here, there = (bench.granule.geolocation.lonlat(at[0] + k * step[0], at[1] + k * step[1]) for k in (0, 1))
    return list(zip(shapely.points(*here), shapely.points(*there)))


def _blocks(bench: Bench, size: int, n: int) -> list[shapely.Polygon]:
    """Outlines of blocks of size x size raw pixels."""
    rng, last = np.random.default_rng(size), size - 1
    corners = [[int(rng.integers(1, of - size - 1)) for of in bench.files.shape] for _ in range(n)]
    outlines = [bench.granule.geolocation.footprints([r, r, r + last, r + last], [c, c + last, c + last, c])
                for r, c in corners]
    return [shapely.Polygon([outline[i, i] for i in range(4)]) for outline in outlines]
