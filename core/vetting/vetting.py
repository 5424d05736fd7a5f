"""vet(): many candidates against many scenes, one sorted table."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from ..errors import LibraryError, MetricError
from ..inspection import Inspection
from ..metrics import METRICS
from ..metrics.metric import Metric
from ..progress import NO_PROGRESS, Progress, Share, checkpoint, listening
from ..quality import MaskPolicy
from ..resampling import RESAMPLING
from ..scoring import BACKGROUNDS
from ..sensors import Opener
from .assessing import Asked, Encounter, Member, Unit, background_of, groups, look, pixels_of
from .candidate import Candidate, Reference, Target, bounds_of, digest, read_in, repeated, targets
from .executing import carry_out
from .journal import Journal, Keys
from .matching import footprint, meeting, why_nowhere
from .ranking import Place, Ranking, Thresholds, candidate_table, rank, scene_table
from .reaching import reached, within_reach
from .scenes import GranuleLike, Missed, Scene, identity, open_scenes
from .tables import CandidateTable, PixelTable, SceneTable

UNIT = 24
"""Candidates of one piece of work: some 20 000 pixels with their surroundings."""
_METADATA = Path(__file__).resolve().parents[2] / "metadata.txt"
_NO_REFERENCE = "It names no reference, and the run has none."


@dataclass(frozen=True, eq=False)
class Vetting:
    """What many candidates come to."""

    candidates: CandidateTable
    """One row per candidate, best score first; nothing is dropped."""
    scenes: SceneTable
    """What the scenes say that did not win."""
    notices: tuple[str, ...]
    """What the user must know of the run."""
    ranking: Ranking
    """The candidates and scenes behind the rows of both tables."""
    granules: tuple[Scene, ...]
    """The scenes with their masks."""
    asked: Asked
    """What was asked of every candidate."""
    thresholds: Thresholds
    """Where verdicts change."""

    @property
    def metric(self) -> Metric:
        """The metric of the scores."""
        return METRICS[self.asked.metric]

    @cached_property
    def pixels(self) -> PixelTable:
        """One row per pixel of each candidate in its winning scene; read again when first asked for."""
        return self.pixel_table()

    def pixel_table(self, progress: Progress = NO_PROGRESS) -> PixelTable:
        """The same, told and stopped by `progress`; a candidate that failed has no pixels in it."""
        ids = {place.seen.number: place.candidate.id for place in self.ranking.winners}
        tables = []
        for seen in self._inspections(progress):
            columns = seen.table().columns
            tables.append(PixelTable({**columns, "candidate_id": [ids[n] for n in columns["feature_id"].tolist()]}))
        return PixelTable.concatenate(tables) if tables else PixelTable.empty()

    def inspection(self, row: int) -> Optional[Inspection]:
        """The pixels, spectra and scores of row `row` of `candidates`; None where no scene covers it, or it failed."""
        place = self.ranking.winners[row]
        if place.scene is None or place.seen.failed:
            return None
        return next(self._of_scene(place.scene, [place]))

    def _inspections(self, progress: Progress) -> Iterator[Inspection]:
        """The winning places, some at a time."""
        for number in range(len(self.granules)):
            places = [place for place in self.ranking.winners if place.scene == number and not place.seen.failed]
            for start in range(0, len(places), UNIT):
                checkpoint(progress, (number + start / len(places)) / len(self.granules), "Reading pixels")
                yield from self._of_scene(number, places[start:start + UNIT])

    def _of_scene(self, number: int, places: Sequence[Place]) -> Iterator[Inspection]:
        scene = self.granules[number]
        found = []
        for place in places:
            member = Member(place.seen.number, place.candidate.geometry, place.target.reference)
            found.append((member, pixels_of(scene.granule, member.geometry, member.number)))
        for members, pixels in groups(self.asked, found):
            background = background_of(scene.granule, scene.policy, self.asked, pixels)
            yield look(scene.granule, scene.policy, self.asked, pixels, members[0].reference, background)


def vet(candidates: Iterable[Candidate], granules: Union[GranuleLike, Iterable[GranuleLike]],
        reference: Reference, *, metric: str = "sam", mask: Union[None, str, MaskPolicy] = None,
        ring_pixels: int = 400, accept: float = 99.0, reject: float = 90.0, seed: int = 0,
        executor: Union[None, Executor, Any] = None, journal: Union[None, str, os.PathLike[str]] = None,
        progress: Optional[Progress] = None, background: Optional[str] = None, resampling: str = "auto",
        opener: Optional[Opener] = None) -> Vetting:
    """Score every candidate in every granule that covers it; the best-matching scene wins.

    `granules` are files, folders, open granules, or scenes of a search, of which those near a candidate are opened;
    `reference` is a spectrum, the id of a bundled one, or None where each candidate names its own or the metric needs
    none. The verdict follows the percentage of at most `ring_pixels` valid pixels around a candidate that match
    worse: above `accept`, below `reject`, or between; 0 leaves it out. `executor` is None for threads, a
    concurrent.futures.Executor, or a dask.distributed Client. `journal` is a folder in which finished work is kept:
    the same call goes on where it was stopped. `background` is "scene" or "ring", for metrics that need a covariance.
    `opener` (:func:`..archive.opener`) reads granules given by their URL, also on the workers of an executor. A
    candidate that fails has its row with the reason; a PixelSpectraError is raised for what makes the whole run
    impossible.
    """
    progress = progress or NO_PROGRESS
    thresholds = Thresholds(accept, reject)
    asked = _asked(Asked(metric, ring_pixels, seed, background, resampling))
    given = read_in(candidates)
    compared = _compared(given, reference, METRICS[metric])
    checkpoint(progress, 0.0, "Opening granules")
    with listening(progress):
        near, left_out = within_reach(granules, bounds_of(given))
        scenes, missed, notices = ((), (), ()) if left_out and not near else open_scenes(near, METRICS[metric], mask,
                                                                                         opener)
    checkpoint(progress, 0.02, "Matching candidates with granules")
    units = _units(given, compared, scenes, asked, opener)
    kept = None if journal is None else Journal(journal, _keys(given, compared, asked), [u.key for u in units.values()])
    done = carry_out(units, executor, kept, Share(progress, 0.04, 0.98))
    checkpoint(progress, 0.98, "Ranking")
    ranking = rank(_places(given, compared, scenes, missed, done.encounters), METRICS[metric])
    twice = repeated(given)
    notices = (*filter(None, (kept.notice if kept else None, left_out)), *notices, *_twice_notices(twice),
               *_placeless_notices(given), *done.notices)
    table = candidate_table(ranking.winners, scenes, METRICS[metric], thresholds, twice, ring_pixels > 0)
    return Vetting(table, scene_table(ranking.others, scenes, METRICS[metric]), notices, ranking, scenes, asked,
                   thresholds)


def _asked(asked: Asked) -> Asked:
    """Raise the sentence for what cannot be asked."""
    METRICS[asked.metric]
    RESAMPLING[asked.resampling]
    if asked.background is not None:
        BACKGROUNDS[asked.background]
    if asked.ring_pixels < 0:
        raise MetricError(f"A ring of {asked.ring_pixels} pixels was asked for; give 1 or more, or 0 for no "
                          "percentiles.")
    if asked.seed < 0:
        raise MetricError(f"The seed {asked.seed} is negative; give 0 or a positive whole number.")
    return asked


def _compared(given: Sequence[Candidate], reference: Reference, metric: Metric) -> list[Target]:
    """What each candidate is compared with; raises LibraryError where none of them has a reference."""
    compared = targets(given, reference)
    if "reference" not in metric.needs:
        return [Target(target.reference) for target in compared]
    if all(target.reference is None for target in compared):
        why = next((target.problem for target in compared if target.problem), "")
        raise LibraryError(why or f"The metric '{metric.name}' needs a reference; give one, or candidates that name "
                           "theirs.")
    missing = Target(None, _NO_REFERENCE)
    return [target if target.reference or target.problem else missing for target in compared]


def _units(given: Sequence[Candidate], compared: Sequence[Target], scenes: Sequence[Scene], asked: Asked,
           opener: Optional[Opener]) -> dict[str, Unit]:
    """The pieces of work by name: candidates of one scene, from south to north."""
    bounds = bounds_of(given)
    units = {}
    for k, scene in enumerate(scenes):
        near = meeting(bounds, footprint(scene.granule.geolocation))
        known_as = hashlib.sha256(identity(scene).encode()).hexdigest()[:16]
        for start in range(0, len(near), UNIT):
            members = tuple(Member(i, given[i].geometry, compared[i].reference, compared[i].problem)
                            for i in near[start:start + UNIT].tolist())
            units[f"{k}:{start // UNIT}"] = Unit(scene.granule, scene.policy, asked, members, opener,
                                                 key=f"{known_as}:{start // UNIT}")
    return units


def _places(given: Sequence[Candidate], compared: Sequence[Target], scenes: Sequence[Scene], missed: Sequence[Missed],
            encounters: Mapping[str, Sequence[Encounter]]) -> list[list[Place]]:
    """Where each candidate was found; nowhere is a place too, with the reason."""
    places: list[list[Place]] = [[] for _ in given]
    refusals: dict[int, str] = {}
    for unit in sorted(encounters, key=lambda name: tuple(map(int, name.split(":")))):
        for seen in encounters[unit]:
            if seen.covered:
                i = seen.number
                places[i].append(Place(given[i], compared[i], int(unit.partition(":")[0]), seen))
            else:
                refusals.setdefault(seen.number, seen.reason)
    bounds = bounds_of(given)
    unopened = {i: str(one.error) for one in missed for i in reached(one.footprint, bounds).tolist()}
    for i in np.flatnonzero([not some for some in places]).tolist():
        reason = refusals.get(i, "") if len(scenes) == 1 else ""
        reason = reason or why_nowhere(given[i], scenes)
        if i in unopened:
            reason = f"A scene that may cover it could not be opened: {unopened[i]}"
        places[i].append(Place(given[i], compared[i], None, Encounter(i, False, reason=reason)))
    return places


def _keys(given: Sequence[Candidate], compared: Sequence[Target], asked: Asked) -> Keys:
    """What a journal must be of to be gone on with; its units name their granule, and thresholds only sort."""
    return {"candidates": digest(given, compared), "parameters": repr(asked), "version": _version()}


def _version() -> str:
    """The version of this package."""
    lines = _METADATA.read_text(encoding="utf-8").splitlines() if _METADATA.is_file() else []
    return next((line.partition("=")[2].strip() for line in lines if line.startswith("version=")), "")


def _twice_notices(twice: Mapping[str, int]) -> tuple[str, ...]:
    if not twice:
        return ()
    first, n = next(iter(twice.items()))
    occur = "1 id occurs" if len(twice) == 1 else f"{len(twice)} ids occur"
    return (f"{occur} more than once (the first: '{first}', {n} times); each candidate has its own row.",)


def _placeless_notices(given: Sequence[Candidate]) -> tuple[str, ...]:
    """One sentence where places of candidates could not be read."""
    placeless = [one for one in given if one.problem]
    if not placeless:
        return ()
    have = "has" if len(placeless) == 1 else "have"
    return (f"{len(placeless)} of {len(given)} candidates {have} no readable place (the first, '{placeless[0].id}': "
            f"{placeless[0].problem})",)
