"""The tables that the demo leaves behind."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.results import RESULT_SCHEMA, ResultTable
from pixel_spectra.core.sensors import Granule

from .contest import Contest
from .scene import COVERS, Patch, Scene


def write_pixels(path: Path, contests: Sequence[Contest]) -> Path:
    """One line per pixel of the patches: where, what it is, and what each metric takes it for."""
    first = contests[0]
    pixels = first.pixels
    columns: dict[str, Any] = {
        "patch": pixels.feature_id, "downtrack": pixels.downtrack, "crosstrack": pixels.crosstrack,
        "lon": np.round(pixels.lon, 6), "lat": np.round(pixels.lat, 6),
        "truth": first.truth, "valid": first.valid, "reason": first.reasons,
    }
    for contest in contests:
        best = np.take_along_axis(contest.scores, contest.winner[:, None], axis=1)[:, 0]
        columns[f"{contest.metric}_answer"] = contest.answer
        columns[f"{contest.metric}_reference"] = [contest.references[i].id if i >= 0 else ""
                                                  for i in contest.winner]
        columns[contest.metric] = [f"{value:.6g}" for value in best]
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values()))
    return path


def write_confusion(path: Path, contests: Sequence[Contest]) -> Path:
    """One line per metric, truth and answer that occur, decoys included."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["metric", "truth", "answer", "valid_pixels", "decoy"])
        for contest in contests:
            for decoy in (False, True):
                for truth, answers in contest.confusion(decoy).items():
                    writer.writerows([contest.metric, truth, answer, n, decoy] for answer, n in answers.items())
    return path


def write_points(path: Path, granule: Granule, patches: Sequence[Patch], scene: Scene,
                 metrics: Sequence[str]) -> Path:
    """The result table of the centres of the patches against the counterpart of every cover."""
    points = [shapely.Point(patch.centre(scene)) for patch in patches]
    tables = [inspect(granule, points, reference=cover.counterpart, metric=metric).table()
              for metric in metrics for cover in COVERS if not cover.decoy]
    return _stacked(tables).to_csv(path)


def _stacked(tables: Sequence[ResultTable]) -> ResultTable:
    """One table below the other."""
    columns = {}
    for column in RESULT_SCHEMA:
        parts = [table.columns[column.name] for table in tables]
        plain = isinstance(parts[0], np.ndarray) and column.kind != "list"
        columns[column.name] = np.concatenate(parts) if plain else list(chain.from_iterable(parts))
    return ResultTable(columns)
