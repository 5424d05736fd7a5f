"""1 000 candidates of 25 pixels over 50 granules of an archive on loopback (80 ms before every answer, 5 MB/s)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import distant
import numpy as np
import shapely
from bench import Bench
from figures import Figure, NotMeasured, Row
from full_granule import Scene
from peers import ask_ours
from pixel_spectra.core.sensors import Granule, open_granule
from traffic import BYTES_PER_S, CONNECTIONS, Traffic

from granules import write_granule
from loopback import LoopbackArchive

from . import job

_SCENES, _EACH, _SIZE, _LINES = 50, 20, 5, 24
"""So few lines of full width, for the RFL and RFLUNCERT of 50 scenes to fit in 3.6 GB; a line is as long as in a real
granule, so the pixels of a candidate lie as far apart."""
_PER_ROW, _STEP_DEG = 10, 1.5
"""The scenes lie side by side and do not overlap."""
_BESIDE_THE_CUBES = 6 << 20
"""Bytes of location, MASK and sidecars per scene, about."""
_BOUND = "the bound: bytes / 5 MB/s, or round trips / connections, whichever is more"
_TIMES_THE_BOUND, _SPECTRUM_BYTES = 1.5, 2 * 285 * 4
"""Of a spectrum and of its uncertainty, which the sigma of a candidate rests on."""
_MASKS = (("good_bands", "good bands"), ("quality", "MASK"))


@job("remote_vetting", order=21)
def remote_vetting(bench: Bench) -> Iterator[Row]:
    """Open all scenes, match, read, mask, score, rank; the bound is that of the requests that were made for it."""
    n_scenes, shape = 2 if bench.quick else _SCENES, (_LINES, bench.files.shape[1])
    title = f"vet {n_scenes * _EACH} candidates over {n_scenes} remote scenes, SAM, no ring, {{}}"
    try:
        with distant.archive(bench, n_scenes * (2 * distant.cube_bytes(shape) + _BESIDE_THE_CUBES)) as served:
            urls, outlines = _scenes(served, shape, n_scenes)
            for mask, words in _MASKS:
                ours, bound = _vetted(bench, served, (urls, outlines), mask)
                yield Row(title.format(words), ours, None, _BOUND, bound, times_slower=_TIMES_THE_BOUND)
    except NotMeasured as reason:
        yield Row(title.format(_MASKS[0][1]), str(reason), None, _BOUND, None, times_slower=_TIMES_THE_BOUND)


def _scenes(served: LoopbackArchive, shape: tuple[int, int], n: int) -> tuple[list[str], list[str]]:
    """Addresses of new granules side by side, and the outlines of candidates in each."""
    beside = served.folder / "written"
    beside.mkdir()
    urls, outlines = [], []
    for i in range(n):
        first = Scene(downtrack=shape[0], crosstrack=shape[1])
        scene = replace(first, time=first.time + timedelta(minutes=i), scene=i,
                        lon=_STEP_DEG * (i % _PER_ROW), lat=30.0 + _STEP_DEG * (i // _PER_ROW))
        published = served.publish(write_granule(beside, scene), browse=False)
        urls.append(served.url(published.rfl))
        outlines += _outlines(open_granule(published.files.reflectance), i)
        for written in beside.iterdir():
            written.unlink()
    return urls, outlines


def _outlines(granule: Granule, seed: int) -> list[str]:
    """Squares of raw pixels as WKT."""
    rng, last = np.random.default_rng(seed), _SIZE - 1
    corners = [rng.integers(1, size - _SIZE - 1, _EACH) for size in granule.shape]
    found = []
    for r, c in zip(*corners):
        around = granule.geolocation.footprints([r, r, r + last, r + last], [c, c + last, c + last, c])
        found.append(shapely.to_wkt(shapely.Polygon([around[i, i] for i in range(4)]), rounding_precision=9))
    return found


def _vetted(bench: Bench, served: LoopbackArchive, given: tuple[list[str], list[str]], mask: str
            ) -> tuple[Figure, Figure]:
    """Ours and the bound, of runs in fresh processes; what they found is what they find in the local files."""
    urls, outlines = given
    seconds, bounds = [], []
    for _ in range(1 if bench.quick else 2):
        served.clear()
        told = ask_ours("remote_vetting", {
            "urls": urls, "local": [str(distant.path_of(served, url)) for url in urls], "outlines": outlines,
            "mask": mask, "reference": bench.reference.id, "token": served.token(), "origins": served.origins})
        if not told["same"] or told["scored"] != told["n"]:
            raise NotMeasured(f"{told['scored']} of {told['n']} have a score; as in the local files: {told['same']}")
        traffic = Traffic.of(served.requests, told["start"], told["stop"])
        seconds.append(told["stop"] - told["start"])
        bounds.append(traffic.bound_s)
    spectra_s = told["pixels"] * _SPECTRUM_BYTES / BYTES_PER_S
    bench.notes.append(
        f"{mask}: {traffic}; {traffic.n_bytes / BYTES_PER_S:.2f} s of the line's width, "
        f"{traffic.round_trips_s:.2f} s of round trips over {CONNECTIONS} connections. The spectra of its "
        f"{told['pixels']} pixels and their uncertainty alone take {spectra_s:.2f} s.")
    return Figure.of(seconds), Figure.of(bounds)
