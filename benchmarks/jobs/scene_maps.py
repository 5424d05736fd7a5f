"""A score for every pixel of a full granule, against reading its file and against SPy on a loaded cube."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from bench import Bench, attempt, same
from figures import Figure, Row
from peers import ask_ours

from . import job

_MEGABYTES, _PREVIEW_SECONDS, _SPY_GIGABYTES = 400.0, 2.0, 14.0
_FASTER = {"sam": 10, "matched_filter": 5, "ace": 8}
_READ_TIMES = {"sam": 2.5}
_GOOD = {"mask": "good_bands"}
_MAPS = {
    "sam": ("sam", _GOOD), "matched_filter": ("matched_filter", _GOOD), "ace": ("ace", _GOOD),
    "sam, with MASK": ("sam", {"mask": "quality"}),
    "sam, orthorectified": ("sam", {**_GOOD, "orthorectify": True}),
    "sam preview, stride 4": ("sam", {"mask": "quality", "orthorectify": True, "stride": 4}),
    "sam preview, stride 8": ("sam", {"mask": "quality", "orthorectify": True, "stride": 8}),
}
"""Name -> metric and options; good bands only unless the name says otherwise."""


@job("maps", order=7)
def scene_maps(bench: Bench) -> Iterator[Row]:
    """Ours opens, reads, scores and writes; SPy loads the cube and scores. Warm."""
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = (Path(folder) / name for name in ("ours.npy", "theirs.npy"))
        told = attempt(lambda: _ours(bench, ours))
        if isinstance(told, str):
            yield Row("score maps of the scene", told)
            return
        peer = attempt(lambda: _spy(bench, ours, theirs))
    for name, run in told.items():
        figure, alone = Figure.of(run["seconds"]), name in _FASTER
        yield Row(f"{name} map", figure, None if alone or "preview" not in name else _PREVIEW_SECONDS,
                  "SPy, with loading the cube" if alone else "", _with_loading(peer, name) if alone else None,
                  _FASTER.get(name))
        if "preview" not in name:
            yield Row(f"{name} map, against reading", figure, None, "reading the file, one thread, one buffer",
                      Figure.of(run["reading"]), None, _READ_TIMES.get(name))
    memory = [run["memory"] for run in told.values() if run["memory"] is not None]
    yield Row("more memory for a map, at most",
              Figure.of([max(memory)], "MB") if memory else "the system does not tell", _MEGABYTES)
    if not isinstance(peer, str):
        bench.notes.append("SPy: " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in peer.items())
                           + "; without its loading we are ahead by "
                           + ", ".join(f"{name} {peer[name] / Figure.of(told[name]['seconds']).median:.1f}x"
                                       for name in _FASTER))


def _ours(bench: Bench, values: Path) -> dict[str, Any]:
    return ask_ours("scene_maps_ours", {
        "path": str(bench.files.reflectance), "maps": _MAPS, "repeats": bench.repeats(5), "keep": "sam",
        "values": str(values), "reference": bench.reference.id})


def _spy(bench: Bench, ours: Path, theirs: Path) -> dict[str, float]:
    if bench.peers.wanted:
        bench.has_memory(_SPY_GIGABYTES)
    bands = np.flatnonzero(bench.granule.bands.good & np.isfinite(bench.resampled))
    told = bench.peers.ask("array tools", "spy_scene", {
        "path": str(bench.files.reflectance), "bands": bands.tolist(),
        "target": np.nan_to_num(bench.resampled).tolist(), "values": str(theirs)})
    same(np.load(ours), np.load(theirs).ravel(), 1e-4)  # SPy takes the norms in float32
    return told


def _with_loading(peer: Any, name: str) -> Any:
    return peer if isinstance(peer, str) else Figure.of([peer["loading"] + peer[name]])
