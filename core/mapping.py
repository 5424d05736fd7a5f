"""map_scores(): every pixel of a scene against one reference or several, streamed into a raster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional, Union

import numpy as np
import numpy.typing as npt

from .aoi import PixelSet
from .background import Background
from .errors import LibraryError
from .inspection import reference_notices
from .io.rastersink import MapGrid, RasterSink, written
from .libraries import ReferenceSpectrum
from .metrics import METRICS
from .metrics.fast import FastScorer, fast_scorer
from .metrics.metric import Metric
from .orthorectification.gather import Int, Raster, Table
from .orthorectification.slabs import write_slabs
from .progress import NO_PROGRESS, Progress, Share, checkpoint, listening
from .quality import MaskPolicy, QualityLayers, good_bands
from .resampling import on_bands
from .scoring import gather_background, score
from .sensors import Granule, missing_as_invalid
from .sensors.masked import choose_policy
from .workers import in_order

BEST, MARGIN = "best class", "margin"
"""Names of the two bands after those of several references."""

_READ_BYTES = 3 << 20
"""Values read and scored at once by one thread: they stay in a core's cache."""
_PREPARING, _SCORED = 0.05, 0.95
"""Where in the whole the scoring begins and ends."""


@dataclass(frozen=True)
class MapWritten:
    """What was written."""

    metric: Metric
    """The metric of the scores."""
    bands: tuple[str, ...]
    """Names of the bands: one per reference, and with several BEST and MARGIN."""
    classes: tuple[str, ...]
    """Names of the references in the order of their bands; class 1 is the first. Empty for a metric without one."""
    grid: MapGrid
    """Rows, columns and place."""
    mask: MaskPolicy
    """The mask applied."""
    n_pixels: int
    """Raw pixels looked at, counted again for every slab that needs them."""
    n_scored: int
    """Those of them with a score."""
    notices: tuple[str, ...]
    """What the user must know: a default mask, bands without reference, shrinkage of the background."""


def map_scores(granule: Granule, references: Sequence[ReferenceSpectrum], metric: str, sink: RasterSink, *,
               mask: Union[None, str, MaskPolicy] = None, orthorectify: bool = False, stride: int = 1,
               progress: Optional[Progress] = None) -> MapWritten:
    """Score every pixel of `granule` against each of `references` and write the scores into `sink`.

    One float band per reference, NaN where a pixel is masked or has no score. With several references two more:
    the number of the best of them (from 1 on, in the order given; the first of equal ones), and by how much its score
    is better than the next best (never negative, whichever direction the metric has; NaN with fewer than two scores).
    Both are NaN where the metric finds nothing of any reference, as a feature fit of 0 throughout says.

    Masked as by :func:`.inspection.inspect`, and scored with its metrics; those that need a background take the
    fixed sample of the scene, whole. sam, matched_filter, cem and ace are computed in single precision for pixels
    without holes: within 1e-5 rad for sam, within 1e-4 for the filters. `orthorectify` writes on the map grid
    where the granule has a location, else the output has a row per line. `stride` writes one cell in place of so
    many by so many, and reads only what it needs: a preview.

    At most two threads are used. Commits the sink, or aborts it and raises a :class:`.errors.PixelSpectraError`.
    """
    progress = progress or NO_PROGRESS
    with listening(progress), written(sink):
        scorer, notices = _prepare(granule, references, metric, mask, Share(progress, 0.0, _PREPARING))
        location = granule.geolocation if orthorectify else None
        raster = Raster.of(granule.shape, location, stride)
        sink.open(raster.grid, scorer.bands)
        at_once = max(1, _READ_BYTES // (4 * len(granule.bands)))
        write_slabs(scorer, raster, sink, at_once, Share(progress, _PREPARING, _SCORED), "Scoring", in_order)
        checkpoint(progress, 1.0)
    if orthorectify and location is None:
        notices += (f"'{granule.id}' has no location, so the map is written by row and column.",)
    return MapWritten(scorer.metric, scorer.bands, scorer.classes, raster.grid, scorer.policy, *scorer.counted, notices)


def _prepare(granule: Granule, references: Sequence[ReferenceSpectrum], metric: str,
             mask: Union[None, str, MaskPolicy], progress: Progress) -> tuple[_Scorer, tuple[str, ...]]:
    """All that can be refused is refused here, before anything is read for the map or written."""
    chosen = METRICS[metric]
    policy, notices = choose_policy(granule, mask)
    given = _checked(references, chosen)
    resampled = [on_bands(reference, granule.bands) for reference in given]
    targets = np.array([one.values for one in resampled]).reshape(len(given), len(granule.bands))
    for reference, one in zip(given, resampled):
        notices += reference_notices(reference, one)
    scorer = _Scorer(granule, policy, chosen, tuple(reference.name for reference in given), targets)
    notices += scorer.try_nothing(progress)
    return scorer.with_background(progress), (*granule.notices, *dict.fromkeys(notices))


def _checked(references: Sequence[ReferenceSpectrum], metric: Metric) -> tuple[ReferenceSpectrum, ...]:
    """The references that the metric needs; none for a metric that needs none."""
    given = (references,) if isinstance(references, ReferenceSpectrum) else tuple(references)
    for reference in given:
        if not isinstance(reference, ReferenceSpectrum):
            raise LibraryError(f"A reference of a map must be a ReferenceSpectrum, not {type(reference).__name__}; "
                               "bundled_library() and open_library() hold them.")
    if "reference" not in metric.needs:
        return ()
    if not given:
        raise LibraryError(f"The metric '{metric.name}' needs at least one reference, and none is given; give "
                           "bundled ones (REFERENCES) or a library (REFERENCE_FILE).")
    return given


class _Scorer:
    """Meets PixelValues: the scores of pixels, and which reference is best; two threads may ask at a time."""

    def __init__(self, granule: Granule, policy: MaskPolicy, metric: Metric, classes: tuple[str, ...],
                 targets: npt.NDArray[np.float64], background: Optional[Background] = None,
                 fast: Optional[FastScorer] = None) -> None:
        """`targets` are (n_references, n_bands); `fast` scores pixels without holes."""
        self.granule, self.policy, self.metric, self.classes = granule, policy, metric, classes
        self.targets: list[Optional[npt.NDArray[np.float64]]] = list(targets) or [None]
        self.background, self.fast = background, fast
        self.good = good_bands(granule.bands)[0]
        self._counts: list[tuple[int, int]] = []

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the values."""
        if len(self.targets) == 1:
            return self.classes or (self.metric.name,)
        return (*(f"{number} {name}" for number, name in enumerate(self.classes, start=1)), BEST, MARGIN)

    @property
    def n_values(self) -> int:
        """Values per pixel."""
        return len(self.bands)

    @property
    def counted(self) -> tuple[int, int]:
        """Pixels looked at, and those with a score."""
        return sum(n for n, _ in self._counts), sum(n for _, n in self._counts)

    def try_nothing(self, progress: Progress) -> tuple[str, ...]:
        """Score no pixel at all: raises what scoring would refuse, and tells what scoring notes."""
        nobody = PixelSet.at(np.empty(0, np.int64), np.empty(0, np.int64))
        empty = self.policy.apply(missing_as_invalid(np.empty((0, len(self.good)), np.float32), self.granule.bands),
                                  None)
        notes: tuple[str, ...] = ()
        for target in self.targets:
            notes += score(self.granule, nobody, empty, self.metric.name, target, self.policy, "scene", 0, progress,
                           sigma=False).notes
        return notes

    def with_background(self, progress: Progress) -> _Scorer:
        """The same with what is needed from the scene, and the fast way where there is one."""
        background, fast = None, None
        if "background" in self.metric.needs:
            nobody = PixelSet.at(np.empty(0, np.int64), np.empty(0, np.int64))
            background = gather_background(self.granule, nobody, self.policy, "scene", 0, progress)
        targets = np.array([target for target in self.targets if target is not None])
        if self.policy.good_bands and len(targets):
            fast = fast_scorer(self.metric, targets, self.good, background)
        return _Scorer(self.granule, self.policy, self.metric, self.classes, targets, background, fast)

    def rows(self, start: int, stop: int) -> Table:
        """Scores of whole lines."""
        quality = self.policy.source(self.granule.quality if self.policy.needs_quality else None)
        layers = None if quality is None else quality.read_rows(start, stop, self.policy.band_mask)
        first = start * self.granule.shape[1]
        values = self.granule.row_values(start, stop)
        return self._finished(values, layers, np.arange(first, first + len(values)))

    def pixels(self, flat: Int) -> Table:
        """Scores of single pixels."""
        pixels = self._at(flat)
        quality = self.policy.source(self.granule.quality if self.policy.needs_quality else None)
        layers = None if quality is None else quality.read(pixels, self.policy.band_mask)
        return self._finished(self.granule.read_pixels(pixels).values, layers, flat)

    def _at(self, flat: Int) -> PixelSet:
        return PixelSet.at(flat // self.granule.shape[1], flat % self.granule.shape[1])

    def _finished(self, values: Table, layers: Optional[QualityLayers], flat: Int) -> Table:
        """The scores of pixels as read, counted, and with several references the best of them."""
        scores = self._scores(values, layers, flat)
        self._counts.append((len(scores), int(np.isfinite(scores).any(axis=1).sum())))
        return scores if scores.shape[1] == self.n_values else np.hstack((scores, self._best(scores)))

    def _scores(self, values: Table, layers: Optional[QualityLayers], flat: Int) -> Table:
        """Fast for pixels without a hole, as everywhere for the others, NaN for those that are masked whole."""
        masked = np.zeros(len(values), bool)
        for _, where in self.policy.pixel_marks(layers) if layers is not None else ():
            masked |= where
        if self.fast is None:
            scores, complete = np.empty((len(values), len(self.targets)), np.float32), np.zeros(len(values), bool)
        else:
            scores, complete = self.fast(values)
            if layers is not None and layers.band_mask is not None:
                complete &= ~layers.band_mask[:, self.good].any(axis=1)
        scores[masked] = np.nan
        rest = np.flatnonzero(~complete & ~masked)
        if len(rest):
            some = None if layers is None else layers.take(rest)
            scores[rest] = self._exact(values[rest], some, self._at(flat[rest]))
        return scores

    def _exact(self, values: Table, layers: Optional[QualityLayers], pixels: PixelSet) -> Table:
        """The scores as inspect() has them."""
        spectra = self.policy.apply(missing_as_invalid(values, self.granule.bands), layers)
        return np.stack([score(self.granule, pixels, spectra, self.metric.name, target, self.policy, self.background,
                               sigma=False).values.astype(np.float32) for target in self.targets], axis=1)

    def _best(self, scores: Table) -> Table:
        """(n, 2) the number of the best reference, and its lead over the next; NaN where there is nothing of any."""
        sign = np.float32(1.0 if self.metric.better == "lower" else -1.0)
        ranked = np.where(np.isfinite(scores), sign * scores, np.inf)
        if self.metric.nothing_at is not None:
            ranked[((scores == self.metric.nothing_at) | ~np.isfinite(scores)).all(axis=1)] = np.inf
        best = ranked.argmin(axis=1)
        first, second = np.partition(ranked, 1, axis=1)[:, :2].T
        with np.errstate(invalid="ignore"):
            margin = np.where(np.isfinite(second), second - first, np.nan)
        number = np.where(np.isfinite(first), best + 1, np.nan)
        return np.stack((number, margin), axis=1).astype(np.float32)
