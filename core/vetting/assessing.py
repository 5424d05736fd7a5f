"""One granule and some candidates: their pixels, scores, and what the scores stand among. Runs on any worker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Optional, Union

import numpy as np
import numpy.typing as npt

from ..aoi import PixelSet, pixels_in, pixels_of_each
from ..background import Background
from ..errors import ArchiveError, AreaError, GranuleError, PixelSpectraError, SourceChanged
from ..identification import angles_to_library
from ..inspection import FeatureSummary, Inspection, inspect
from ..libraries import ReferenceSpectrum, bundled_library
from ..metrics import METRICS
from ..quality import MaskPolicy
from ..scoring import gather_background, score
from ..sensors import Granule, GranuleSource, Opener, open_granule
from ..sensors.masked import read_masked
from ..workers import one_blas_thread
from .surroundings import Flat, Neighbours, along_columns, nearest, ring_around

Float = npt.NDArray[np.float64]

_FEW = 100
"""Percentiles that rest on fewer pixels than this come with a warning."""
FEWEST = 20
"""With fewer pixels around it no candidate is accepted."""
_COLUMN_SHARE = 2
"""The columns are looked up in so many times fewer pixels than the ring: no verdict hangs on them."""
_WIDER = 4
"""Where pixels around a candidate are masked, at most so many times more are looked at."""
_SPARE = 16
"""Looked at beyond what the part that is masked lets expect."""
_RING_BLOCK = 3000
"""Pixels around candidates read at once: their arrays (some 10 MB) come from memory that was used before."""
_OF_ALL = (ArchiveError, SourceChanged)
"""What befalls a granule as a whole: to look at each candidate by itself would not help."""


@dataclass(frozen=True)
class Asked:
    """What is asked of every candidate."""

    metric: str
    """Name of the metric."""
    ring_pixels: int
    """Most pixels that a percentile rests on; 0 leaves the percentiles out."""
    seed: int
    """Of everything that is drawn."""
    background: Optional[str] = None
    """"scene" or "ring", for metrics that need a covariance; None is the default of scoring."""
    resampling: str = "auto"
    """How references are brought to the bands."""


@dataclass(frozen=True, eq=False)
class Member:
    """A candidate as one unit sees it."""

    number: int
    """Its position in the input."""
    geometry: Any
    """Shapely geometry in lon/lat."""
    reference: Optional[ReferenceSpectrum]
    """What it is compared with."""
    problem: str = ""
    """Why it has no score whatever its pixels are."""


@dataclass(frozen=True, eq=False)
class Unit:
    """A piece of work: candidates that one granule may cover. Always the same piece, so always the same numbers."""

    granule: Union[Granule, GranuleSource]
    """The granule; what opens it where the work is done in another process."""
    policy: MaskPolicy
    """The mask."""
    asked: Asked
    """What is asked."""
    members: tuple[Member, ...]
    """The candidates."""
    opener: Optional[Opener] = None
    """What reads over the network, in another process; it must pickle without a secret."""
    state: str = ""
    """The state of the granule's files for another process, which may know an older one."""
    key: str = ""
    """What a journal calls it: the state of the granule, its mask, and the number of the piece."""


@dataclass(frozen=True)
class Encounter:
    """A candidate in one scene that covers it; plain values, None where there is none."""

    number: int
    """The position of the candidate in the input."""
    covered: bool = True
    """False where the scene has no pixel of it after all."""
    n_pixels: int = 0
    """Raw pixels."""
    n_valid: int = 0
    """Pixels with at least one usable band."""
    masked: Mapping[str, int] = field(default_factory=dict)
    """Reason -> number of unusable pixels."""
    score: Optional[float] = None
    """Mean of the scores of the valid pixels."""
    score_best: Optional[float] = None
    """Best of them."""
    score_std: Optional[float] = None
    """Their standard deviation (n - 1)."""
    sigma: Optional[float] = None
    """1 σ of `score` by the uncertainty of the spectra."""
    background_percentile: Optional[float] = None
    """Percentage of the ring that matches worse."""
    column_percentile: Optional[float] = None
    """The same among the same detector columns."""
    n_background: int = 0
    """Valid pixels of the ring."""
    best_other: str = ""
    """Id of the bundled reference, other than the one compared with, that its mean spectrum looks most like."""
    margin: Optional[float] = None
    """Spectral angle to that one less the angle to the reference, rad."""
    warnings: tuple[str, ...] = ()
    """What the user must know of this candidate in this scene."""
    reason: str = ""
    """Why there is no score, or no percentile although one was asked for and there is a score; else ""."""

    @property
    def failed(self) -> bool:
        """Whether its pixels could not be looked at, so that nothing is known but the reason."""
        return self.score is None and not self.n_valid and not self.masked


@dataclass(frozen=True)
class Outcome:
    """What became of a unit."""

    encounters: tuple[Encounter, ...]
    """One per candidate, in the order of the unit."""
    lasting: bool = True
    """False where something could not be read: another time it may."""


def assess(unit: Unit) -> Outcome:
    """Look every candidate of `unit` up; whatever fails becomes the reason of a candidate."""
    try:
        with one_blas_thread():  # the order of its sums, and so the last digits, hang on how many it has
            encounters, lasting = _with_granule(unit)
    except GranuleError as error:
        return Outcome(tuple(Encounter(m.number, reason=str(error)) for m in unit.members), lasting=False)
    return Outcome(tuple(encounters[member.number] for member in unit.members), lasting)


def pixels_of(granule: Granule, geometry: Any, number: int) -> PixelSet:
    """The raw pixels of a candidate, each once, those on the swath only; raises AreaError where there is none."""
    return _of_candidate(pixels_in(geometry, granule.geolocation, granule.id), number)


def _of_candidate(found: PixelSet, number: int) -> PixelSet:
    return found.take(found.on_swath).once().with_feature(number)


def look(granule: Granule, policy: MaskPolicy, asked: Asked, pixels: PixelSet,
         reference: Optional[ReferenceSpectrum], background: Optional[Background] = None) -> Inspection:
    """Spectra and scores of candidates that are compared with the same; feature_id is their number."""
    return inspect(granule, pixels=pixels, reference=reference, metric=asked.metric, mask=policy,
                   background=background, resampling=asked.resampling, seed=asked.seed, uncertainty=True)


def groups(asked: Asked, found: Sequence[tuple[Member, PixelSet]]
           ) -> Iterator[tuple[list[Member], PixelSet]]:
    """Candidates that are scored in one go: those with the same reference, or each with a background of its own."""
    alone = "background" in METRICS[asked.metric].needs
    together: dict[Any, list[tuple[Member, PixelSet]]] = {}
    for member, pixels in found:
        together.setdefault(member.number if alone else member.reference, []).append((member, pixels))
    for some in together.values():
        yield [member for member, _ in some], PixelSet.concatenate([pixels for _, pixels in some])


def background_of(granule: Granule, policy: MaskPolicy, asked: Asked, pixels: PixelSet) -> Optional[Background]:
    """What a metric that needs a background is given for one candidate; None for the others."""
    if "background" not in METRICS[asked.metric].needs:
        return None
    return gather_background(granule, pixels, policy, asked.background, asked.seed)


def _with_granule(unit: Unit) -> tuple[dict[int, Encounter], bool]:
    """All encounters, with the granule of this process; opened anew where its files were replaced since."""
    source = unit.granule
    if not isinstance(source, GranuleSource):
        return _each(source, unit)
    try:
        return _each(_opened(source, unit.opener, unit.state), unit)
    except SourceChanged:
        _opened.cache_clear()
        return _each(_opened(source, unit.opener, unit.state), unit)


@lru_cache(maxsize=8)
def _opened(source: GranuleSource, opener: Optional[Opener], state: str) -> Granule:
    """The granule in this process, kept for the next unit as long as its files are in that `state`."""
    return open_granule(source.path, source.mask_file, source.uncertainty_file, opener)


def _each(granule: Granule, unit: Unit) -> tuple[dict[int, Encounter], bool]:
    """Number -> encounter, and whether all could be read."""
    encounters: dict[int, Encounter] = {}
    found: list[tuple[Member, PixelSet]] = []
    each = pixels_of_each([member.geometry for member in unit.members], granule.geolocation, granule.id)
    for member, there in zip(unit.members, each):
        pixels = there if isinstance(there, AreaError) else _of_candidate(there, member.number)
        if isinstance(pixels, AreaError):
            encounters[member.number] = Encounter(member.number, False, reason=str(pixels))
        elif member.problem:
            encounters[member.number] = Encounter(member.number, n_pixels=len(pixels), reason=member.problem)
        else:
            found.append((member, pixels))
    lasting = True
    for members, pixels in groups(unit.asked, found):
        some, readable = _group(granule, unit, members, pixels)
        encounters.update((encounter.number, encounter) for encounter in some)
        lasting &= readable
    return encounters, lasting


def _group(granule: Granule, unit: Unit, members: Sequence[Member], pixels: PixelSet) -> tuple[list[Encounter], bool]:
    """What candidates come to, and whether all could be read; where not, each is looked at by itself."""
    try:
        return _together(granule, unit, members, pixels)
    except _OF_ALL:
        raise
    except PixelSpectraError as error:
        unreadable = isinstance(error, GranuleError)
        if unreadable and len(members) > 1:
            alone = [_group(granule, unit, [m], pixels.take(pixels.feature_id == m.number)) for m in members]
            return [encounter for some, _ in alone for encounter in some], False
        counts = {m.number: int((pixels.feature_id == m.number).sum()) for m in members}
        return [Encounter(number, n_pixels=n, reason=str(error)) for number, n in counts.items()], not unreadable


def _together(granule: Granule, unit: Unit, members: Sequence[Member], pixels: PixelSet
              ) -> tuple[list[Encounter], bool]:
    background = background_of(granule, unit.policy, unit.asked, pixels)
    seen = look(granule, unit.policy, unit.asked, pixels, members[0].reference, background)
    around = _Around(granule, unit, seen, background, spare=len(members) == 1)
    return _with_rivals(seen, [_encounter(seen, around, summary) for summary in seen.summary()]), not around.unread


def _encounter(seen: Inspection, around: _Around, summary: FeatureSummary) -> Encounter:
    rows = np.flatnonzero(seen.pixels.feature_id == summary.feature_id)
    one = Encounter(summary.feature_id, True, summary.n, summary.n_valid, summary.masked, summary.mean, summary.best,
                    summary.sigma)
    if one.score is None:
        return replace(one, reason=_why_no_score(summary))
    one = replace(one, sigma=_sigma_of_mean(seen, rows))
    return around.ranked(one, seen.pixels.take(rows))


def _why_no_score(summary: FeatureSummary) -> str:
    if summary.n_valid:
        return f"None of its {summary.n_valid} valid pixels has a value of the metric: too few usable bands."
    why = ", ".join(f"{reason}: {n}" for reason, n in summary.masked.items())
    return f"{'Its pixel is' if summary.n == 1 else f'All {summary.n} of its pixels are'} masked ({why})."


def _sigma_of_mean(seen: Inspection, rows: npt.NDArray[np.intp]) -> Optional[float]:
    """1 σ of the mean of the scores, whose errors are independent; None where one is unknown."""
    if seen.scores is None or seen.score_sigma is None:
        return None
    scored = rows[np.isfinite(seen.scores[rows])]
    sigma = float(np.sqrt((seen.score_sigma[scored] ** 2).sum()) / len(scored))
    return sigma if np.isfinite(sigma) else None


_NEIGHBOURS: tuple[Neighbours, ...] = (ring_around, along_columns)
_UNREAD = "The pixels around it cannot be read, so there is no verdict."


class _Around:
    """The pixels around candidates, each read and scored once."""

    def __init__(self, granule: Granule, unit: Unit, seen: Inspection, background: Optional[Background],
                 spare: bool) -> None:
        """`spare`: what cannot be read is told in `unread` in place of an error."""
        self._granule, self._unit, self._seen, self._background = granule, unit, seen, background
        self.unread = ""
        self._flat, self._scores = np.empty(0, np.int64), np.empty(0)
        self._near: dict[tuple[int, Neighbours], Flat] = {}
        if not unit.asked.ring_pixels or seen.scores is None:
            return
        try:
            self._read_near()
        except _OF_ALL:
            raise
        except GranuleError as error:
            if not spare:
                raise
            self.unread = str(error)

    def ranked(self, one: Encounter, pixels: PixelSet) -> Encounter:
        """`one` with its percentiles among the ring around its `pixels`, and among their detector columns."""
        if not self._unit.asked.ring_pixels or one.score is None:
            return one
        if self.unread:
            said = f"The pixels around it cannot be read, so it has no percentile: {self.unread}"
            return replace(one, reason=_UNREAD, warnings=(*one.warnings, said))
        metric = METRICS[self._unit.asked.metric]
        ring, columns = (self._valid(pixels, how) for how in _NEIGHBOURS)
        percentiles = [metric.percentile(one.score, sample) if len(sample) else None for sample in (ring, columns)]
        scarce = len(ring) < min(_FEW, self._wanted(ring_around))
        too_few = f", too few to accept it ({FEWEST} are needed)" if 0 < len(ring) < FEWEST else ""
        few = (f"Only {len(ring)} valid pixels lie around it{too_few}.",) if scarce or too_few else ()
        return replace(one, background_percentile=percentiles[0], column_percentile=percentiles[1],
                       n_background=len(ring), warnings=one.warnings + few)

    def _wanted(self, how: Neighbours) -> int:
        n = self._unit.asked.ring_pixels
        return n if how is ring_around else -(-n // _COLUMN_SHARE)

    def _read_near(self) -> None:
        """The nearest pixels of all candidates that have a score; farther ones where some of the nearest have none."""
        pixels = self._seen.pixels
        each = {number: pixels.take(pixels.feature_id == number) for number in np.unique(pixels.feature_id).tolist()}
        for number, here in each.items():
            for how in _NEIGHBOURS:
                self._near[number, how] = how(self._granule.shape, here, self._wanted(how), self._unit.asked.seed)
        self._add(self._near.values())
        short = {key: self._farther(key[1], near) for key, near in self._near.items()}
        for (number, how), n in short.items():
            if n:
                self._near[number, how] = how(self._granule.shape, each[number], n, self._unit.asked.seed)
        self._add(self._near[key] for key, n in short.items() if n)

    def _farther(self, how: Neighbours, near: Flat) -> int:
        """How many of the nearest pixels are to be looked at so that enough have a score; 0 where `near` is enough."""
        wanted, valid = self._wanted(how), int(np.isfinite(self._of(near)).sum())
        if valid == len(near) or len(near) < wanted:
            return 0
        return min(_WIDER * wanted, wanted * wanted // max(valid, 1) + _SPARE)

    def _valid(self, pixels: PixelSet, how: Neighbours) -> Float:
        """The scores of the nearest pixels that have one."""
        near, wanted = self._near[int(pixels.feature_id[0]), how], self._wanted(how)
        scores = self._of(near)
        known = np.isfinite(scores)
        if how is ring_around and known.sum() > wanted:
            chosen = nearest(self._granule.shape, near[known], pixels, wanted, self._unit.asked.seed)
            return np.asarray(scores[known][chosen])
        return np.asarray(scores[known][:wanted])

    def _of(self, flat: Flat) -> Float:
        return np.asarray(self._scores[np.searchsorted(self._flat, flat)])

    def _add(self, near: Iterable[Flat]) -> None:
        """Read and score those pixels that are not known yet."""
        new = np.setdiff1d(np.concatenate([*near, np.empty(0, np.int64)]), self._flat)
        if not len(new):
            return
        scores = [self._scores_of(new[start : start + _RING_BLOCK]) for start in range(0, len(new), _RING_BLOCK)]
        every = np.concatenate((self._flat, new))
        order = np.argsort(every, kind="stable")
        self._flat, self._scores = every[order], np.concatenate((self._scores, *scores))[order]

    def _scores_of(self, flat: Flat) -> Float:
        """The scores of some pixels; NaN where there is none."""
        unit, columns = self._unit, self._granule.shape[1]
        pixels = PixelSet.at(flat // columns, flat % columns)
        reference = None if self._seen.resampled is None else self._seen.resampled.values
        spectra = read_masked(self._granule, pixels, unit.policy)
        scores = score(self._granule, pixels, spectra, unit.asked.metric, reference, unit.policy, self._background,
                       unit.asked.seed, sigma=False).values
        return np.where(np.isfinite(scores), scores, np.nan)


def _with_rivals(seen: Inspection, encounters: list[Encounter]) -> list[Encounter]:
    """The same with the bundled reference that each mean spectrum looks most like beside its own."""
    if seen.granule.quantity != "reflectance" or not encounters:
        return encounters
    bands, own = seen.spectra.bands, seen.reference
    means = np.stack([seen.spectra.take(seen.pixels.feature_id == one.number).mean() for one in encounters])
    library = {name: r for name, r in bundled_library().items() if own is None or own.name != r.name}
    angles = angles_to_library(means, bands, library)
    to_own = np.full(len(means), np.nan)
    if seen.resampled is not None:
        to_own = METRICS["sam"](means, seen.resampled.values)
    return [_with_rival(*of) for of in zip(encounters, angles, to_own.tolist(), [list(library)] * len(means))]


def _with_rival(one: Encounter, angles: Float, own: float, names: Sequence[str]) -> Encounter:
    if not np.isfinite(angles).any():
        return one
    best = int(np.nanargmin(angles))
    margin = float(angles[best]) - own
    return replace(one, best_other=names[best], margin=margin if np.isfinite(margin) else None)
