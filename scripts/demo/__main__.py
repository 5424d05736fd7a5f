"""Make the scenes, score them, say how often the right material wins and the verdict is right; name every file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import shapely
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.sensors import Granule, open_granule

from . import pictures, qgis_runs, tables, verdicts
from .contest import Contest, as_text, hold, share_right
from .places import REFERENCE, Places
from .qgis_runs import Run, Scored, as_contest, largest_difference
from .scene import COVERS, Demo, DemoFiles, candidates

METRICS = ("sam", "sid")
AT_LEAST = 0.95
AGREE = 1e-6
"""The distances that QGIS writes and those of the core are the same numbers, but for rounding."""
SEEDS = (Demo().seed, 20260504)
"""Of the scenes whose candidates are vetted; nothing was chosen with a look at the second."""


def main(folder: Path) -> int:
    """The whole demo; 1 where it does not give what it promises."""
    start, demo, problems = time.time(), Demo(), []
    with _step("writing a granule in the layout of EMIT L2A"):
        files = demo.write(folder)
    granule = open_granule(files.granule.reflectance)
    with _step("scoring the patches against every reference that is planted nowhere"):
        contests = _contests(granule, demo)
    for contest in contests:
        problems += _report(contest)
    reason = qgis_runs.why_not()
    runs = _runs(folder, files)
    if reason:
        print(f"\nskipped: {len(runs)} runs of qgis_process, because {reason}")
    else:
        with _step(f"{len(runs)} runs of qgis_process: load_granule, and score_spectra on polygons and points"):
            qgis_runs.enable()
            scored = qgis_runs.run_all(runs)
        problems += _compare(list(zip(runs, scored)), files, contests)
    for seed in SEEDS:
        problems += _vet(folder / "vetting" / f"seed_{seed}", Places(seed=seed), not reason and seed == SEEDS[0])
    with _step("tables and pictures"):
        _write_tables_and_pictures(folder, granule, demo, contests)
    print("\nwritten:", *(f"  {path}" for path in _written_since(folder, start)), sep="\n")
    for problem in problems:
        print(f"FAILED: {problem}")
    return int(bool(problems))


def _contests(granule: Granule, demo: Demo) -> list[Contest]:
    polygons = [shapely.Polygon(patch.outline(demo.scene)) for patch in demo.patches]
    pixels = inspect(granule, polygons).pixels
    return [hold(granule, demo.patches, pixels, list(candidates().values()), metric) for metric in METRICS]


def _runs(folder: Path, files: DemoFiles) -> list[Run]:
    """load_granule; then score_spectra with every counterpart, on the polygons by every metric and on the points."""
    granule, scores = str(files.granule.reflectance), folder / "scores"
    scores.mkdir(exist_ok=True)
    runs = [Run("load_granule", {"GRANULE": granule, "OUTPUT": str(folder / "true_colour.tif")})]
    for cover in COVERS:
        for metric, area in [*product(METRICS, [files.patches]), (METRICS[0], files.points)]:
            if cover.decoy:
                continue
            name = scores / f"{area.stem}_{cover.counterpart}_{metric}"
            inputs = {"GRANULE": granule, "AOI": str(area), "REFERENCE": cover.counterpart, "METRIC": metric,
                      "OUTPUT": f"{name}.gpkg", "SUMMARY": f"{name}.csv"}
            # with their spectra the pixels of all polygons take 60 MB: one such layer is enough to look at
            keep = area is files.points or (cover, metric) == (COVERS[0], METRICS[0])
            runs.append(Run("score_spectra", inputs, keep))
    return runs


def _report(contest: Contest) -> list[str]:
    """Print who won; return what is wrong with it."""
    right = contest.confusion()
    share, n = share_right(right), sum(sum(answers.values()) for answers in right.values())
    print(f"\n{contest.metric}: the nearest of {len(contest.references)} references; down: what it is, across: what "
          "it is taken for, in valid pixels")
    print(as_text(right))
    print(f"the right material wins in {share:.1%} of {n} valid pixels ({(~contest.valid).sum()} more are masked)")
    print("look-alikes without a reference of their own, so that no answer is right:")
    print(as_text(contest.confusion(decoys=True), rated=False))
    medians = ", ".join(f"{name} {median:.3g}" for name, median in contest.medians().items())
    print(f"median {contest.metric} of the winner: {medians}")
    return [] if share >= AT_LEAST else [f"by {contest.metric} only {share:.1%} are right, not {AT_LEAST:.0%}"]


def _compare(done: Sequence[tuple[Run, Scored]], files: DemoFiles, contests: Sequence[Contest]) -> list[str]:
    """Print what the polygons scored by qgis_process say, and how far from the core; return what is wrong."""
    problems = []
    for core in contests:
        scored = {run.inputs["REFERENCE"]: scores for run, scores in done
                  if run.inputs.get("METRIC") == core.metric and run.inputs["AOI"] == str(files.patches)}
        contest = as_contest(core, scored)
        share, apart = share_right(contest.confusion()), largest_difference(contest, core)
        print(f"{core.metric}, by qgis_process: the right one of {len(contest.references)} references wins in "
              f"{share:.1%}; largest difference from the core {apart:.1g}")
        if not (share >= AT_LEAST and apart <= AGREE):
            problems.append(f"qgis_process and the core disagree by {core.metric}")
    return problems


def _vet(folder: Path, places: Places, in_qgis: bool) -> list[str]:
    """Print how often the default verdicts are right, by the core and `in_qgis` too; return what is wrong."""
    with _step(f"vetting {len(places.patches)} candidates in a scene of seed {places.seed}"):
        files = places.write(folder)
        with open_granule(files.granule.reflectance) as granule:
            judged = verdicts.judge(granule, places)
            print(verdicts.as_text(judged))
    if not in_qgis:
        return []
    output = folder / "vetted.gpkg"
    with _step("the same by qgis_process: vet_candidates"):
        qgis_runs.run_all([Run("vet_candidates", {
            "CANDIDATES": str(files.patches), "CANDIDATE_ID": "patch", "GRANULES": [str(files.granule.reflectance)],
            "REFERENCE": REFERENCE, "OUTPUT": str(output), "REPORT": str(folder / "report.html")})])
        apart = verdicts.largest_difference(judged.verdicts, verdicts.read_verdicts(output))
        print(f"largest difference from the core {apart:.1g}")
    return [] if apart <= AGREE else ["qgis_process and the core disagree on the vetting"]


def _write_tables_and_pictures(folder: Path, granule: Granule, demo: Demo, contests: Sequence[Contest]) -> None:
    tables.write_pixels(folder / "pixels.csv", contests)
    tables.write_confusion(folder / "confusion.csv", contests)
    tables.write_points(folder / "points.csv", granule, demo.patches, demo.scene, METRICS)
    pictures.draw_map(folder / "map.png", granule, demo.scene, contests[0])
    pictures.draw_spectra(folder / "spectra.png", granule, demo.scene, contests[0].pixels, demo.patches)


def _written_since(folder: Path, start: float) -> list[Path]:
    """The files of this run in the order of writing, those that GDAL and QGIS put beside theirs included."""
    dated = sorted((path.stat().st_mtime, path) for path in folder.rglob("*") if path.is_file())
    return [path for moment, path in dated if moment >= start - 1.0]


@contextmanager
def _step(title: str) -> Iterator[None]:
    """Print what is done and how long it took."""
    start = time.perf_counter()
    print(f"\n{title} ...", flush=True)
    yield
    print(f"  {time.perf_counter() - start:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".dev/demo").absolute()))
