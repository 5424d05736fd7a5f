"""From what candidates come to in each scene to the tables: the winning scene, the verdict, the rank."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional

from ..errors import MetricError
from ..metrics.metric import Metric
from ..results import Column, as_datetime
from ..verdicts import ACCEPT, DOUBTFUL, NONE, REJECT
from .assessing import FEWEST, Encounter
from .candidate import Candidate, Target
from .scenes import Scene
from .tables import CANDIDATE_SCHEMA, SCENE_SCHEMA, CandidateTable, SceneTable

_NO_RING = "No percentile was asked for (ring_pixels is 0), so there is no verdict."
_NO_NEIGHBOUR = "No valid pixel lies around it to rank it among, so there is no verdict."


_STEP = 0.1
"""Thresholds that are made out from verdicts keep so far from what they do not include, if they can."""


@dataclass(frozen=True)
class Thresholds:
    """Where verdicts change, in background percentiles."""

    accept: float
    """Above it a candidate is accepted."""
    reject: float
    """Below it a candidate is rejected."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.reject <= self.accept <= 100.0:
            raise MetricError(f"The thresholds accept={self.accept:g} and reject={self.reject:g} are no percentiles in "
                              "order; give 0 <= reject <= accept <= 100.")

    def verdict(self, percentile: Optional[float], n_background: Optional[int] = None) -> str:
        """The verdict of a background percentile; none is accepted for one of fewer than FEWEST pixels (if known).

        >>> [Thresholds(99.0, 90.0).verdict(p) for p in (99.5, 99.0, 90.0, 89.9, None)]
        ['accept', 'doubtful', 'doubtful', 'reject', 'none']
        >>> Thresholds(99.0, 90.0).verdict(100.0, 19)
        'doubtful'
        """
        if percentile is None:
            return NONE
        if percentile < self.reject:
            return REJECT
        enough = n_background is None or n_background >= FEWEST
        return ACCEPT if percentile > self.accept and enough else DOUBTFUL

    @classmethod
    def behind(cls, percentiles: Sequence[Optional[float]], verdicts: Sequence[str], guess: Thresholds) -> Thresholds:
        """Thresholds that give these verdicts: `guess` where it does, else some as near to it as may be.

        >>> Thresholds.behind((99.5, 96.0, 40.0), ("accept", "accept", "reject"), Thresholds(99.0, 90.0))
        Thresholds(accept=95.9, reject=90.0)
        """
        of = {name: [p for p, v in zip(percentiles, verdicts) if v == name and p is not None]
              for name in (ACCEPT, DOUBTFUL, REJECT)}
        below = [*of[DOUBTFUL], *of[REJECT]]
        accept = _between(max(below, default=0.0), min(of[ACCEPT], default=100.1) - _STEP, guess.accept)
        above = [*of[DOUBTFUL], *of[ACCEPT]]
        reject = _between(max(of[REJECT], default=-_STEP) + _STEP, min(above, default=100.0), guess.reject)
        return cls(max(accept, 0.0), min(max(reject, 0.0), max(accept, 0.0)))


@dataclass(frozen=True, eq=False)
class Place:
    """A candidate in one scene."""

    candidate: Candidate
    """The candidate."""
    target: Target
    """What it is compared with."""
    scene: Optional[int]
    """Number of the scene; None where none covers it."""
    seen: Encounter
    """What it comes to there."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """All candidates, best first, and what the scenes that did not win say."""

    winners: tuple[Place, ...]
    """One per candidate, in the order of the table."""
    others: tuple[Place, ...]
    """In the order of the candidates, best first."""


def rank(places: Sequence[Sequence[Place]], metric: Metric) -> Ranking:
    """Order the places of each candidate (best first), then the candidates by their best place.

    Candidates with the same score stay in the order of the input; those without a score come last.
    """
    ordered = [sorted(some, key=lambda place: _worse(place.seen, metric)) for some in places]
    ordered.sort(key=lambda some: _worse(some[0].seen, metric)[:2])
    return Ranking(tuple(some[0] for some in ordered), tuple(place for some in ordered for place in some[1:]))


def candidate_table(winners: Sequence[Place], scenes: Sequence[Scene], metric: Metric, thresholds: Thresholds,
                    repeated: Mapping[str, int], ranked: bool) -> CandidateTable:
    """The table of candidates; `ranked` tells whether percentiles were asked for."""
    columns = _columns(CANDIDATE_SCHEMA)
    for i, place in enumerate(winners):
        seen = place.seen
        verdict = thresholds.verdict(seen.background_percentile, seen.n_background)
        if seen.score is not None and verdict == NONE:
            seen = replace(seen, reason=seen.reason or (_NO_NEIGHBOUR if ranked else _NO_RING))
        count = repeated.get(place.candidate.id, 1)
        if count > 1:
            seen = replace(seen, warnings=(*seen.warnings, f"{count} candidates have the id '{place.candidate.id}'."))
        row = {**_row(replace(place, seen=seen), scenes, metric), "verdict": verdict, "human_verdict": "", "note": "",
               "rank": i + 1 if seen.score is not None else None}
        _append(columns, row)
    return CandidateTable(_finished(columns))


def scene_table(others: Sequence[Place], scenes: Sequence[Scene], metric: Metric) -> SceneTable:
    """The table of the scenes that did not win."""
    columns = _columns(SCENE_SCHEMA)
    for place in others:
        _append(columns, _row(place, scenes, metric))
    return SceneTable(_finished(columns))


def _worse(seen: Encounter, metric: Metric) -> tuple[bool, float, int]:
    """Sorts the best first."""
    if seen.score is None:
        return True, 0.0, -seen.n_valid
    return False, seen.score if metric.better == "lower" else -seen.score, 0


def _row(place: Place, scenes: Sequence[Scene], metric: Metric) -> dict[str, Any]:
    seen = place.seen
    scene = None if place.scene is None else scenes[place.scene]
    return {
        **{name: getattr(seen, name) for name in _AS_THEY_ARE},
        "candidate_id": place.candidate.id,
        "scene_id": "" if scene is None else scene.granule.id,
        "datetime": None if scene is None else scene.granule.datetime,
        "masked": json.dumps(dict(seen.masked), ensure_ascii=False),
        "reference_id": "" if place.target.reference is None else place.target.reference.id,
        "metric": metric.name,
        "mask_id": "" if scene is None else scene.policy.mask_id,
        "warnings": " ".join(seen.warnings),
    }


_AS_THEY_ARE = ("score", "score_best", "score_std", "sigma", "background_percentile", "column_percentile", "n_pixels",
                "n_valid", "n_background", "best_other", "margin", "reason")


def _columns(schema: Sequence[Column]) -> dict[str, list[Any]]:
    return {column.name: [] for column in schema}


def _append(columns: dict[str, list[Any]], row: Mapping[str, Any]) -> None:
    for name, values in columns.items():
        values.append(row[name])


def _finished(columns: dict[str, list[Any]]) -> dict[str, Any]:
    return {**columns, "datetime": as_datetime(columns["datetime"])}


def _between(low: float, high: float, wanted: float) -> float:
    """`wanted`, or what comes nearest to it from `low` to `high`; `low` where these are the wrong way round."""
    return round(max(low, min(wanted, high)), 6)
