"""The jobs of the inspector: they run off the GUI thread, touch no widget, and return plain values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Optional

from ..core.errors import AreaError
from ..core.inspection import inspect
from ..core.libraries import ReferenceSpectrum
from ..core.metrics import METRICS
from ..core.progress import Progress, Share
from ..core.sensors import Granule
from .sights import Area, Sight, sight_of


@dataclass(frozen=True)
class Candidate:
    """A scene in which an area may be looked up."""

    key: str
    """Key of the scene."""
    name: str
    """What users know it by."""
    granule: Callable[[], Granule]
    """Gives the open granule; may read a file."""


@dataclass(frozen=True)
class Terms:
    """What an area is measured against."""

    reference: Optional[ReferenceSpectrum]
    """The reference; None only shows the spectra."""
    metric: str
    """Name of the metric."""
    mask: Optional[str]
    """The mask; None is the default of the product."""
    reference_file: str = ""
    """The library file, folder or layer that holds the reference; "" for a bundled one."""


def look(area: Area, candidates: Sequence[Candidate], terms: Terms, number: int, colour: str, progress: Progress
         ) -> Sight:
    """Inspect `area` in the first of `candidates` that has a pixel there.

    Raises what the first of them says where none has, and AreaError where there is none at all.
    """
    refusals: list[AreaError] = []
    for candidate in candidates:
        try:
            sight = _look_in(candidate, area, terms, number, colour, progress)
        except AreaError as error:
            refusals.append(error)
            continue
        others = [c.name for c in candidates if c is not candidate]
        return sight if not others else replace(sight, note=_overlap(candidate, others, sight.note))
    raise refusals[0] if refusals else AreaError("No open granule covers this place; click on one of them, or open "
                                                 "the granule that does.")


def look_again(sights: Sequence[Sight], candidates: Sequence[Candidate], terms: Terms, progress: Progress
               ) -> list[Sight]:
    """Inspect the same areas on other terms, each in its own scene; those whose scene is gone are left out."""
    of_key = {candidate.key: candidate for candidate in candidates}
    kept = [sight for sight in sights if sight.scene in of_key]
    again = []
    for i, sight in enumerate(kept):
        share = Share(progress, i / len(kept), (i + 1) / len(kept))
        new = _look_in(of_key[sight.scene], sight.area, terms, sight.number, sight.colour, share)
        again.append(new.pin() if sight.curve.pinned else new)
    return again


def _look_in(candidate: Candidate, area: Area, terms: Terms, number: int, colour: str, progress: Progress) -> Sight:
    granule = candidate.granule()
    geometries, ids = list(area.geometries), list(area.feature_ids)
    metric = terms.metric if terms.reference is not None or "reference" not in METRICS[terms.metric].needs else "sam"
    seen = inspect(granule, geometries, feature_ids=ids, reference=terms.reference, metric=metric, mask=terms.mask,
                   progress=Share(progress, 0.0, 0.9))
    return sight_of(seen, number, colour, area, candidate.key, terms.reference_file)


def _overlap(taken: Candidate, others: Sequence[str], note: str) -> str:
    """That more than one granule covers the place."""
    listed = ", ".join(others[:2]) + (f" and {len(others) - 2} more" if len(others) > 2 else "")
    return f"{taken.name} is the topmost of {len(others) + 1} granules here (also {listed}). {note}".strip()
