"""How often the verdicts of a vetting are right: counts, precision and recall with their intervals."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from pathlib import Path
from typing import Optional

import shapely
from pixel_spectra.core.identification import identify
from pixel_spectra.core.sensors import Granule
from pixel_spectra.core.vetting import Candidate, Vetting, vet

from .places import ABUNDANCES, REFERENCE, SHIFTED, TARGETS, Places
from .scene import Cover, candidates, material

VERDICTS = ("accept", "doubtful", "reject", "none")
Verdict = tuple[str, Optional[float]]
"""Verdict and score."""


@dataclass(frozen=True)
class Judged:
    """The candidates of a scene after their vetting, all parameters at their defaults."""

    places: Places
    """What they are in truth."""
    vetting: Vetting
    """What they came to."""

    @cached_property
    def verdicts(self) -> dict[int, Verdict]:
        """Number of the candidate -> what it came to."""
        columns = self.vetting.candidates.columns
        return {int(name): (verdict, None if score is None or score != score else float(score))
                for name, verdict, score in zip(columns["candidate_id"], columns["verdict"], columns["score"])}

    @cached_property
    def counts(self) -> dict[str, Counter[str]]:
        """What candidates are in truth -> their verdicts."""
        table: dict[str, Counter[str]] = {}
        for number, patch in enumerate(self.places.patches):
            table.setdefault(kind_of(patch.cover), Counter())[self.verdicts[number][0]] += 1
        return table

    def precision(self, kinds: Iterable[str]) -> tuple[int, int]:
        """(right, all) accepted candidates, where targets of `kinds` are right; other targets are not counted."""
        right = self._accepted(kinds)
        return right, right + self._accepted(set(self.counts) - set(TARGET_KINDS))

    def recall(self, kinds: Iterable[str]) -> tuple[int, int]:
        """(accepted, all) targets of `kinds`; those without a verdict are not counted."""
        counts = [self.counts[kind] for kind in kinds]
        return sum(c["accept"] for c in counts), sum(sum(c.values()) - c["none"] for c in counts)

    def identified(self) -> dict[bool, tuple[int, int]]:
        """Target or not -> (named kaolinite, all) accepted candidates, by the absorption features of their mean.

        They are held against the references of the contest less what is planted here.
        """
        planted = {patch.cover.record for patch in self.places.patches}
        library = {key: spectrum for key, spectrum in candidates().items() if key not in planted}
        named: dict[bool, list[bool]] = {True: [], False: []}
        for row, number in enumerate(self.vetting.candidates.columns["candidate_id"]):
            seen = self.vetting.inspection(row) if self.verdicts[int(number)][0] == "accept" else None
            if seen is not None:
                best = identify(seen.spectra.mean(), seen.spectra.bands, library, top=1)[0]
                target = self.places.patches[int(number)].cover in TARGETS
                named[target].append(material(library[best.id]) == TARGETS[0].name)
        return {target: (sum(answers), len(answers)) for target, answers in named.items()}

    def _accepted(self, kinds: Iterable[str]) -> int:
        return sum(self.counts[kind]["accept"] for kind in kinds)


def kind_of(cover: Cover) -> str:
    """The line of the table that a candidate counts in."""
    if cover in TARGETS:
        return f"{cover.name}, {cover.fraction:.0%}"
    if cover in SHIFTED:
        return "brighter, darker"
    return "look-alikes" if cover.fraction else "nothing there"


TARGET_KINDS = tuple(map(kind_of, TARGETS))


def judge(granule: Granule, places: Places) -> Judged:
    """Vet all candidates of the scene as a user would who changes nothing."""
    return Judged(places, vet([Candidate(str(number), shapely.Polygon(patch.outline(places.scene)))
                               for number, patch in enumerate(places.patches)], granule, REFERENCE))


def read_verdicts(path: Path) -> dict[int, Verdict]:
    """The verdicts of a GeoPackage that vet_candidates wrote."""
    with closing(sqlite3.connect(path)) as database:
        table = database.execute("SELECT table_name FROM gpkg_contents WHERE data_type = 'features'").fetchone()[0]
        rows = database.execute(f'SELECT candidate_id, verdict, score FROM "{table}"')  # noqa: S608
        return {int(number): (verdict, score) for number, verdict, score in rows}


def largest_difference(first: Mapping[int, Verdict], second: Mapping[int, Verdict]) -> float:
    """Between scores; infinite where a verdict differs or a candidate lacks."""
    if {n: v for n, (v, _) in first.items()} != {n: v for n, (v, _) in second.items()}:
        return float("inf")
    return max(abs((first[n][1] or 0.0) - (second[n][1] or 0.0)) for n in first)


def wilson(right: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); from 0 to 1 where `n` is 0.

    >>> [round(bound, 3) for bound in wilson(5, 10)]
    [0.237, 0.763]
    """
    if not n:
        return 0.0, 1.0
    z = 1.959964
    share, z2 = right / n, z * z / n
    middle, half = share + z2 / 2, z * sqrt(share * (1 - share) / n + z2 / n / 4)
    return max(0.0, (middle - half) / (1 + z2)), min(1.0, (middle + half) / (1 + z2))


def share_text(right: int, n: int) -> str:
    """A share in words.

    >>> share_text(5, 10)
    '50% (24%-76%, 5 of 10)'
    """
    low, high = wilson(right, n)
    return f"{right / n:.0%} ({low:.0%}-{high:.0%}, {right} of {n})" if n else "-"


def as_text(judged: Judged) -> str:
    """The verdicts by truth, and what follows from them."""
    lines = [f"{'':18s}" + "".join(f"{verdict:>9s}" for verdict in VERDICTS)]
    lines += [f"{kind:18s}" + "".join(f"{counts[verdict] or '.':>9}" for verdict in VERDICTS)
              for kind, counts in judged.counts.items()]
    for title, kinds in (("all targets", TARGET_KINDS),
                         *((f"at {share:.0%}", (kind,)) for share, kind in zip(ABUNDANCES, TARGET_KINDS))):
        lines.append(f"accept, {title}: precision {share_text(*judged.precision(kinds))}, "
                     f"recall {share_text(*judged.recall(kinds))}")
    named = judged.identified()
    lines.append("of the accepted, identify() finds kaolinite first in {} of {} targets and {} of {} others".format(
        *named[True], *named[False]))
    return "\n".join(lines)
