"""1 000 candidates of 25 pixels in the full scene: found, read, masked, scored, ranked, written as a GeoPackage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from bench import Bench, attempt, same
from figures import Figure, NotMeasured, Row
from peers import ask_ours
from pixel_spectra.core.aoi import PixelSet, pixels_in
from pixel_spectra.core.sensors import open_granule
from pixel_spectra.core.vetting import Candidate, Vetting, vet
from pixel_spectra.core.vetting.surroundings import along_columns, ring_around

from . import job
from .first_spectrum import HYPERCOAST_CUBES

_N, _SIZE, _RING = 1000, 5, 400
_MOST_SECONDS, _MOST_WITHOUT_RING, _TIMES = 3.0, 1.5, 100.0
_PEER_CANDIDATES = 40
"""Candidates that the peer's loops are timed on; its time for all is in proportion."""
_SAME_ANGLE = 1e-3
_PEER = "HyperCoast: sel per pixel, a dictionary per point, match_spectra (reading not counted)"


@job("vetting", order=9)
def vetting(bench: Bench) -> Iterator[Row]:
    """With the MASK beside the granule (quality) and without (good bands); the granule is opened each time."""
    candidates = _candidates(bench)
    theirs = attempt(lambda: _peer(bench, candidates))
    for path, title in ((bench.files.reflectance, "MASK"), (bench.files.bare, "good bands")):
        for ring, most, words in ((_RING, _MOST_SECONDS, "ring and columns"), (0, _MOST_WITHOUT_RING, "no ring")):
            figure = attempt(lambda path=path, ring=ring: _ours(bench, path, candidates, ring))
            peer = ring > 0
            yield Row(f"vet 1 000 candidates, SAM, {title}, {words}, sorted table, GeoPackage", figure, most,
                      _PEER if peer else "", theirs if peer else None, _TIMES if peer else None)
    if isinstance(theirs, Figure):
        bench.notes.append(f"the peer's loops were timed on {_PEER_CANDIDATES} candidates and multiplied; they read "
                           "and score the same pixels (candidates, rings, columns), which ours found for them; they do "
                           "no mask, no percentiles and no table.")


def _candidates(bench: Bench) -> list[Candidate]:
    rng = np.random.default_rng(9)
    first = [rng.integers(1, size - _SIZE - 1, _N) for size in bench.files.shape]
    last = _SIZE - 1
    areas = []
    for r, c in zip(*first):
        outline = bench.granule.geolocation.footprints([r, r, r + last, r + last], [c, c + last, c + last, c])
        areas.append(shapely.Polygon([outline[i, i] for i in range(4)]))
    return [Candidate(str(i), area) for i, area in enumerate(areas)]


def _ours(bench: Bench, path: Path, candidates: list[Candidate], ring: int) -> Figure:
    """Whole runs in a fresh process of QGIS' Python, GeoPackage included."""
    told = ask_ours("ours_vetting", {
        "path": str(path), "outlines": [shapely.to_wkt(c.geometry, rounding_precision=9) for c in candidates],
        "reference": bench.reference.id, "ring_pixels": ring, "repeats": bench.repeats(5)})
    if told["n"] != len(candidates):
        raise NotMeasured(f"only {told['n']} rows arrived")
    return Figure.of(told["seconds"])


def _peer(bench: Bench, candidates: list[Candidate]) -> Figure:
    bench.has_memory(HYPERCOAST_CUBES * bench.files.cube_gigabytes)
    some = candidates[:_PEER_CANDIDATES]
    granule = open_granule(bench.files.bare)
    seen = vet(some, granule, bench.reference, ring_pixels=0, mask="good_bands")
    pixels = [pixels_in(one.geometry, granule.geolocation) for one in some]
    places = [_places(granule, one) for one in pixels]
    told = bench.peers.ask("hypercoast", "hypercoast_vetting", {
        "path": str(bench.files.bare), "places": np.concatenate(places).tolist(),
        "wavelength_nm": granule.bands.wavelength_nm.tolist(),
        "reference": [v if good and v == v else None
                      for v, good in zip(bench.resampled.tolist(), granule.bands.good.tolist())]})
    scores = np.split(np.array(told["scores"]), np.cumsum([len(p) for p in places])[:-1])
    means = [score[:len(own)].mean() for score, own in zip(scores, pixels)]
    same(_means(seen, some), np.sort(means), _SAME_ANGLE)
    return Figure.of([told["seconds"] * len(candidates) / len(some)])


def _places(granule: Any, pixels: PixelSet) -> npt.NDArray[np.float64]:
    """Lon, lat of the pixels of a candidate, then of those that it is ranked among."""
    shape = granule.shape
    around = np.union1d(ring_around(shape, pixels, _RING, 0), along_columns(shape, pixels, _RING // 2, 0))
    lon, lat = granule.geolocation.lonlat(*np.divmod(around, shape[1]))
    return np.concatenate((np.stack((pixels.lon, pixels.lat), axis=1), np.stack((lon, lat), axis=1)))


def _means(seen: Vetting, some: list[Candidate]) -> npt.NDArray[np.float64]:
    return np.asarray(seen.candidates.columns["score"], np.float64)[:len(some)]
