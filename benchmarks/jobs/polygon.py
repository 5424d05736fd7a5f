"""A polygon of 100 x 100 pixels: find the pixels, read, mask and score them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from bench import Bench, attempt, same
from figures import Figure, Row
from pixel_spectra.core.inspection import Inspection, inspect
from pixel_spectra.core.sensors import Granule, open_granule
from programs.measuring import time_each

from . import job

_SIZE, _MOST_SECONDS = 100, 0.060
_SAME_ANGLE = 1e-5
Corners = Sequence[tuple[int, int]]


@job("polygon", order=4)
def polygon(bench: Bench) -> Iterator[Row]:
    """Every repetition takes another place; the peer gets the rows and columns and need not find them."""
    corners = _corners(bench, bench.repeats(20))
    for path, title, peer, mask in (
        (bench.files.reflectance, "MASK (quality)", "h5py + SPy float64, MASK, grouped by valid bands",
         str(bench.files.mask)),
        (bench.files.bare, "good bands", "h5py slice of good bands + SPy float64", ""),
    ):
        granule = open_granule(path)
        figure, seen = _ours(bench, granule, corners)
        theirs = attempt(lambda seen=seen, mask=mask: _peer(bench, corners, seen, mask))
        yield Row(f"100 x 100 polygon, read + {title} + SAM", figure, _MOST_SECONDS, peer, theirs)
        yield Row(f"100 x 100 polygon with {title}, first thing after opening", _first(bench, path, corners),
                  _MOST_SECONDS)
    bench.notes.append(f"{len(seen.pixels)} pixels in the last polygon. The peer's way from a polygon to pixels is "
                       "not counted; it slices a rectangle of rows and columns, and keeps its files open.")


def _corners(bench: Bench, n: int) -> Corners:
    rng = np.random.default_rng(8)
    return [tuple(int(rng.integers(1, size - _SIZE - 1)) for size in bench.files.shape) for _ in range(n)]


def _area(granule: Granule, corner: tuple[int, int]) -> shapely.Polygon:
    """The four-cornered outline of the pixels of a block."""
    (r, c), last = corner, _SIZE - 1
    outline = granule.geolocation.footprints([r, r, r + last, r + last], [c, c + last, c + last, c])
    return shapely.Polygon([outline[i, i] for i in range(4)])


def _ours(bench: Bench, granule: Granule, corners: Corners) -> tuple[Figure, Inspection]:
    areas = [_area(granule, corner) for corner in corners]
    inspect(granule, areas[0], reference=bench.reference)
    timing, seen = time_each(lambda area: inspect(granule, area, reference=bench.reference), areas)
    return Figure.of(timing), seen


def _first(bench: Bench, path: Path, corners: Corners) -> Figure:
    """Each area on a granule that was just opened; the opening is not counted."""
    fresh = [(open_granule(path), _area(bench.granule, corner)) for corner in corners[: bench.repeats(10)]]
    return Figure.of(time_each(lambda pair: inspect(*pair, reference=bench.reference), fresh)[0])


def _peer(bench: Bench, corners: Corners, seen: Inspection, mask: str) -> Figure:
    told = bench.peers.ask("array tools", "spy_block", {
        "path": str(bench.files.reflectance), "mask": mask, "size": _SIZE, "corners": list(corners),
        "reference": bench.resampled.tolist()})
    same(*_shared(seen, np.array(told["angles"]).reshape(_SIZE, _SIZE), corners[-1]), _SAME_ANGLE)
    return Figure.of(told["seconds"])


def _shared(seen: Inspection, block: npt.NDArray[np.float64], corner: tuple[int, int]) -> tuple[Any, Any]:
    """The scores of the pixels that both have: the polygon's edges are straight, the block's are not."""
    r, c = seen.pixels.downtrack - corner[0], seen.pixels.crosstrack - corner[1]
    inside = (r >= 0) & (r < _SIZE) & (c >= 0) & (c < _SIZE)
    return seen.scores[inside], block[r[inside], c[inside]]
