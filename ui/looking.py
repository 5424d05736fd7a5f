"""The jobs of the inspector: they run off the GUI thread, touch no widget, and return plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Optional

from ..adapters.downloads import over_network
from ..core.comparison import Comparison, compare_mean
from ..core.comparison import compare as compare_pixel
from ..core.errors import AreaError, Cancelled, GranuleError, PixelSpectraError
from ..core.inspection import Inspection, inspect
from ..core.libraries import Library, ReferenceSpectrum, bundled_library
from ..core.progress import Progress, Share
from ..core.quality import MaskPolicy
from ..core.sensors import Granule
from .score_tables import MATCHES
from .sights import Area, Sight, sight_of

MASK_TO_COME = "The mask and the uncertainty of the spectrum are still being read; the score comes with them."
"""Of a sight that is unfinished."""
NOT_RANKED = "Its place in the scene is not worked out over the network; download the granule to see it."
"""Of a pixel of the archive."""
_SPECTRUM_ONLY = "good_bands"
"""The mask that needs nothing but the file of the spectra."""


@dataclass(frozen=True)
class Candidate:
    """A scene in which an area may be looked up."""

    key: str
    """Key of the scene."""
    name: str
    """What users know it by."""
    granule: Callable[[], Granule]
    """Gives the open granule; may read a file."""
    remote: bool = False
    """Whether it is read over the network: then the spectrum is shown before its mask is there."""


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

    @property
    def needs_quality(self) -> bool:
        """Whether the mask may need the MASK file."""
        return self.mask is None or MaskPolicy.parse(self.mask).needs_quality


@dataclass(frozen=True)
class Asked:
    """A place that was asked for and has no answer yet."""

    area: Area
    """The place."""
    candidates: Sequence[Candidate]
    """The scenes it may be in, topmost first."""
    number: int
    """Of the sight it becomes."""
    colour: str
    """Of the sight it becomes."""
    adds: bool
    """Whether it comes beside what is shown."""


@dataclass(frozen=True)
class Answer:
    """What came of a question."""

    again: Optional[list[Sight]]
    """What is shown, looked at on the present terms; None where it stays as it is."""
    new: Optional[Sight]
    """The place asked for; None where none was, or it has no pixel."""
    refusal: str = ""
    """Why that place has none, or what is shown is not complete, in a sentence."""
    finished: tuple[Sight, ...] = ()
    """Sights that were unfinished, by the same numbers."""

    def shown(self, before: Sequence[Sight], adds: bool) -> list[Sight]:
        """What is to be shown now, where `before` was; the place asked for comes beside it, or takes its place."""
        finished = {sight.number: sight for sight in self.finished}
        shown = [_like(sight, finished.get(sight.number)) for sight in (before if self.again is None else self.again)]
        if self.new is None:
            return shown
        return [*(s for s in (s.pin() if adds else s for s in shown) if s.curve.pinned), self.new]


@dataclass(frozen=True)
class Compared:
    """What a sight could be, and how it stands in its scene."""

    comparison: Comparison
    """What the core says."""
    library: Mapping[str, ReferenceSpectrum]
    """Where its matches are from."""
    sigma: float = float("nan")
    """1 σ of the score of a pixel; NaN where it is unknown."""


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
    raise refusals[0] if refusals else AreaError(
        "No granule on view covers this place; click on one, show the layer that is hidden, or open the granule.")


def look_again(sights: Sequence[Sight], candidates: Sequence[Candidate], terms: Terms, progress: Progress
               ) -> list[Sight]:
    """Inspect the same areas on other terms, each in its own scene; those whose scene is gone are left out."""
    of_key = {candidate.key: candidate for candidate in candidates}
    kept = [sight for sight in sights if sight.scene in of_key]
    again = []
    for i, sight in enumerate(kept):
        share = Share(progress, i / len(kept), (i + 1) / len(kept))
        new = _look_whole(of_key[sight.scene], sight.area, terms, sight.number, sight.colour, share)
        again.append(new.pin() if sight.curve.pinned else new)
    return again


def finish(sights: Sequence[Sight], candidates: Sequence[Candidate], terms: Terms, progress: Progress) -> Answer:
    """Read what unfinished sights lack; a mask that cannot be read leaves the spectrum without a score, and says so."""
    finished, why = [], ""
    for sight in sights:
        try:
            finished += look_again([sight], candidates, terms, progress)
        except Cancelled:
            raise
        except PixelSpectraError as error:
            finished.append(without_mask(sight, str(error)))
            why = str(error)
    return Answer(None, None, why, tuple(finished))


def without_mask(sight: Sight, why: str) -> Sight:
    """An unfinished sight that stays as it is, for the reason `why`."""
    return replace(sight, unfinished=False, no_score=f"Without mask and score: {why}") if sight.unfinished else sight


def _like(shown: Sight, finished: Optional[Sight]) -> Sight:
    """The finished sight in place of the unfinished one, pinned like that."""
    if finished is None or not shown.unfinished:
        return shown
    return finished.pin() if shown.curve.pinned else finished


def _look_in(candidate: Candidate, area: Area, terms: Terms, number: int, colour: str, progress: Progress) -> Sight:
    """What there is at once: of a remote granule the spectrum alone, where the mask needs another file."""
    if not candidate.remote or not terms.needs_quality:
        return _look_whole(candidate, area, terms, number, colour, progress)
    granule = candidate.granule()
    seen = inspect(granule, list(area.geometries), feature_ids=list(area.feature_ids), reference=terms.reference,
                   metric="sam", mask=_SPECTRUM_ONLY, progress=Share(progress, 0.0, 0.9))
    first = sight_of(seen, number, colour, area, candidate.key, terms.reference_file)
    return replace(first, score=None, unfinished=True, no_score=MASK_TO_COME)


def _look_whole(candidate: Candidate, area: Area, terms: Terms, number: int, colour: str, progress: Progress) -> Sight:
    granule = candidate.granule()
    geometries, ids = list(area.geometries), list(area.feature_ids)
    seen = inspect(granule, geometries, feature_ids=ids, reference=terms.reference, metric=terms.metric,
                   mask=terms.mask, progress=Share(progress, 0.0, 0.9))
    if len(seen.pixels) == 1:
        seen = _with_uncertainty(seen)
    return sight_of(seen, number, colour, area, candidate.key, terms.reference_file)


def compare(seen: Inspection, library: Optional[Library], progress: Progress) -> Compared:
    """A pixel by all metrics with the σ of its score, and what it, or the mean of an area, looks like most.

    Matches are sought in `library`, None for the bundled one. Raises what the core raises.
    """
    known: Mapping[str, ReferenceSpectrum] = bundled_library() if library is None else library
    if len(seen.pixels) > 1:
        return Compared(compare_mean(seen, MATCHES, known), known)
    if seen.spectra.uncertainty is not None:
        seen = seen.with_uncertainty()
    sigma = float("nan") if seen.score_sigma is None else float(seen.score_sigma[0])
    ranked = not over_network(seen.granule.source.path)  # thousands of single reads over the network
    compared = compare_pixel(seen, top=MATCHES, progress=progress, library=known, ranked=ranked)
    return Compared(compared if ranked else replace(compared, notes=(*compared.notes, NOT_RANKED)), known, sigma)


def _with_uncertainty(seen: Inspection) -> Inspection:
    """With that of the spectrum, where it can be read; the σ of the score may take longer than a click should."""
    try:
        return seen.with_uncertainty(scores=False)
    except GranuleError as error:
        return replace(seen, notices=(*seen.notices, f"The uncertainty is not shown: {error}"))


def _overlap(taken: Candidate, others: Sequence[str], note: str) -> str:
    """That more than one granule covers the place."""
    listed = ", ".join(others[:2]) + (f" and {len(others) - 2} more" if len(others) > 2 else "")
    return f"{taken.name} is the topmost of {len(others) + 1} granules here (also {listed}). {note}".strip()
