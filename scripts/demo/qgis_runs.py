"""The algorithms of the plugin run through `qgis_process`, as a user's script would, and their results read back."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Optional

import numpy as np

from .contest import Contest

ROOT = Path(__file__).resolve().parents[2]
NO_QGIS = ROOT / ".venv" / "no-qgis"
QGIS_PROCESS = ROOT / "scripts" / "qgis_process.sh"
Scored = dict[tuple[int, int, int], Optional[float]]
"""(feature, downtrack, crosstrack) -> distance; None where there is none."""


def why_not() -> str:
    """Why nothing can be run in QGIS here; empty where it can."""
    if NO_QGIS.exists():
        return NO_QGIS.read_text(encoding="utf-8").strip()
    return "" if shutil.which("qgis_process") else "there is no qgis_process on this machine"


@dataclass(frozen=True)
class Run:
    """One call of an algorithm."""

    algorithm: str
    """Its id without the provider."""
    inputs: Mapping[str, Any]
    """Its parameters."""
    keep: bool = True
    """False where only the scores are of interest: what it wrote is removed when they are read."""

    @property
    def outputs(self) -> list[Path]:
        """The files that it writes."""
        return [Path(self.inputs[name]) for name in ("OUTPUT", "SUMMARY") if name in self.inputs]


def enable() -> None:
    """Have the plugin switched on in the profile that the runs use, before several of them try to at once."""
    _qgis_process(["--version"])


def run_all(runs: Sequence[Run]) -> list[Scored]:
    """Run them side by side, one per processor core but four at most; return the scores of each, if any.

    The first that fails stops the demo with its command and its message.
    """
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        return list(pool.map(_run, runs))


def _run(run: Run) -> Scored:
    text = json.dumps({"inputs": dict(run.inputs)})
    done = _qgis_process(["run", f"pixelspectra:{run.algorithm}", "-"], text)
    if done.returncode:
        raise SystemExit(f"qgis_process run pixelspectra:{run.algorithm} - <<< '{text}'\n"
                         f"ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    scored = read_scores(run.outputs[0]) if run.algorithm == "score_spectra" else {}
    for path in () if run.keep else run.outputs:
        path.unlink()
    return scored


def read_scores(path: Path) -> Scored:
    """The distances of a GeoPackage of scored points."""
    with closing(sqlite3.connect(path)) as database:
        table = database.execute("SELECT table_name FROM gpkg_contents WHERE data_type = 'features'").fetchone()[0]
        rows = database.execute(f'SELECT feature_id, downtrack, crosstrack, distance FROM "{table}"')  # noqa: S608
        return {(feature, row, column): distance for feature, row, column, distance in rows}


def as_contest(core: Contest, scored: Mapping[str, Scored]) -> Contest:
    """The contest that `scored` (reference id -> distances) makes of the pixels of `core`.

    A pixel that one of them lacks or has too much raises KeyError or ValueError.
    """
    pixels = core.pixels
    keys = list(zip(pixels.feature_id.tolist(), pixels.downtrack.tolist(), pixels.crosstrack.tolist()))
    for reference, distances in scored.items():
        if len(distances) != len(keys):
            raise ValueError(f"{reference}: qgis_process wrote {len(distances)} pixels, the core {len(keys)}")
    columns = [[distances[key] for key in keys] for distances in scored.values()]
    references = tuple(reference for reference in core.references if reference.id in scored)
    order = [list(scored).index(reference.id) for reference in references]
    scores = np.array(columns, np.float64).T[:, order]  # None becomes NaN
    return replace(core, references=references, scores=scores)


def largest_difference(first: Contest, second: Contest) -> float:
    """Between the distances of two contests, in the references of the first; infinite where one has no score."""
    names = [reference.id for reference in second.references]
    theirs = second.scores[:, [names.index(reference.id) for reference in first.references]]
    if (np.isnan(first.scores) != np.isnan(theirs)).any():
        return float("inf")
    return float(np.nanmax(np.abs(first.scores - theirs)))


def _qgis_process(arguments: Sequence[str], text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", str(QGIS_PROCESS), *arguments], input=text, capture_output=True, text=True,
                          check=False)
