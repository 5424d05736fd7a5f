"""Open a granule and get the first spectrum at a lon/lat, in a fresh process: time and memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Union

import page_cache
from bench import Bench, attempt, same
from figures import Figure, Row
from peers import ask_ours

from . import job

Answers = Sequence[dict[str, Any]]
PeerAnswers = Union[Answers, str]
"""The answers of a peer's runs, or why there are none."""

_MOST_SECONDS, _MOST_MEGABYTES = 0.080, 120.0
_TIMES_HYPERCOAST, _TIMES_ORTHO = 100.0, 25.0
_HYPERCOAST = "hypercoast read_emit + one spectrum"
HYPERCOAST_CUBES, _ORTHO_CUBES = 5.6, 5.6
"""Memory that they need, in sizes of the cube."""
_JOB = "open + first spectrum, {}"


@job("first", order=1)
def first_spectrum(bench: Bench) -> Iterator[Row]:
    """With the MASK beside the granule (default mask: quality) and without (good_bands)."""
    hypercoast = attempt(lambda: [hypercoast_answer(bench, run) for run in range(bench.repeats(2))])
    path, floor = (attempt(lambda way=way: [_ortho_answer(bench, way, run) for run in range(bench.repeats(5))])
                   for way in ("path", "floor"))
    kinds = ((bench.files.reflectance, "with MASK"), (bench.files.bare, "without MASK"))
    for file, title in kinds:
        ours = [_ours(bench, file) for _ in range(bench.repeats(15))]
        for peer, name, times in (
            (hypercoast, f"{_HYPERCOAST}, fastest of {bench.repeats(2)}", _TIMES_HYPERCOAST),
            (path, f"emit_xarray(ortho): its array steps, our equivalent, fastest of {bench.repeats(5)}", _TIMES_ORTHO),
            (floor, f"the least an ortho cube costs, written by us, fastest of {bench.repeats(5)}", None),
        ):
            yield Row(_JOB.format(title), _figure(ours, "seconds"), _MOST_SECONDS, name,
                      attempt(lambda peer=peer, ours=ours: _fastest(ours, peer)), times)
        yield Row(f"more memory for it, {title}", _figure(ours, "memory", "MB"), _MOST_MEGABYTES, _HYPERCOAST,
                  hypercoast if isinstance(hypercoast, str) else _figure(hypercoast, "memory", "MB"))
        bench.notes.append(f"{title}: mask '{ours[0]['mask']}'; imports, not counted: "
                           f"{_figure(ours, 'imports')} of ours" + _imports_of(hypercoast))
    for file, title in kinds:
        yield Row(f"{_JOB.format(title)}, files not in the page cache", attempt(lambda file=file: _cold(bench, file)))


def hypercoast_answer(bench: Bench, run: int = 0) -> dict[str, Any]:
    """What HyperCoast says to the first and the next clicks."""
    bench.has_memory(HYPERCOAST_CUBES * bench.files.cube_gigabytes)
    question = {"path": str(bench.files.bare), "first": bench.first_click, "next": bench.next_clicks}
    return bench.peers.ask("hypercoast", "hypercoast_first_spectrum", question, run)


def _ortho_answer(bench: Bench, way: str, run: int) -> dict[str, Any]:
    bench.has_memory(_ORTHO_CUBES * bench.files.cube_gigabytes)
    lon, lat = bench.first_click
    return bench.peers.ask("array tools", "ortho_first_spectrum",
                           {"path": str(bench.files.bare), "lon": lon, "lat": lat, "way": way}, run)


def _ours(bench: Bench, path: Path) -> dict[str, Any]:
    lon, lat = bench.first_click
    return ask_ours("ours_first_spectrum", {"path": str(path), "lon": lon, "lat": lat})


def _cold(bench: Bench, path: Path) -> Figure:
    answers = []
    for _ in range(bench.repeats(7)):
        page_cache.drop((bench.files.reflectance, bench.files.mask))
        answers.append(_ours(bench, path))
    return _figure(answers, "seconds")


def _figure(answers: Answers, key: str, unit: str = "s") -> Figure:
    return Figure.of([answer[key] for answer in answers], unit)


def _fastest(ours: Answers, peer: PeerAnswers) -> Union[Figure, str]:
    """The peer's best run, after a look at its spectrum; a reason stays a reason."""
    if isinstance(peer, str):
        return peer
    same(ours[0]["spectrum"], peer[0]["spectrum"], 0.0)
    return Figure.of([min(answer["seconds"] for answer in peer)])


def _imports_of(hypercoast: PeerAnswers) -> str:
    return "" if isinstance(hypercoast, str) else f", {_figure(hypercoast, 'imports')} of hypercoast"
