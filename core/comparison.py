"""compare(): what else one pixel could be, and where its score stands among those of its scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Optional

import numpy as np
import numpy.typing as npt

from .errors import MetricError
from .inspection import Inspection
from .libraries import ReferenceSpectrum, bundled_library
from .metrics import METRICS
from .metrics.metric import GIVEN, Metric
from .progress import NO_PROGRESS, Progress, Share, checkpoint
from .resampling import resample
from .scene_sample import SceneSample, fixed_sample
from .scoring import score
from .spectra import BandGrid

Float = npt.NDArray[np.float64]

_NEAREST = "sam"
"""What decides which references a spectrum looks like: blind to brightness, defined for every pair."""


@dataclass(frozen=True)
class MetricValue:
    """One row of the table of all metrics."""

    metric: Metric
    """What was measured."""
    value: float
    """The score; NaN where it has none."""
    percentile: float
    """Percentage of the sample of the scene that matches worse: high is good for every metric; NaN where unknown."""
    why: str
    """Why there is no value, in a sentence; "" where there is one."""


@dataclass(frozen=True)
class Match:
    """A reference that a spectrum looks like."""

    id: str
    """Id in the library."""
    name: str
    """Its title."""
    sam: float
    """Spectral angle to it, rad."""


@dataclass(frozen=True)
class Comparison:
    """A pixel by all metrics, and what it looks like most."""

    metrics: tuple[MetricValue, ...]
    """All metrics, in the order of the table."""
    matches: tuple[Match, ...]
    """The nearest references, best first."""
    n_sample: int
    """Pixels of the scene that the percentiles rest on."""
    notes: tuple[str, ...] = ()
    """What the user should know."""


def compare(seen: Inspection, row: int = 0, top: int = 3, seed: int = 0, progress: Optional[Progress] = None,
            library: Optional[Mapping[str, ReferenceSpectrum]] = None) -> Comparison:
    """Pixel `row` of `seen` by every metric, ranked among a fixed sample of its scene, and its nearest references.

    The sample is drawn once per granule, mask and seed. `library` is the bundled one where not given. Metrics that
    cannot be computed stand in the table with the reason. Raises what reading the scene raises.
    """
    progress = progress or NO_PROGRESS
    sample = fixed_sample(seen.granule, seen.mask, seed, Share(progress, 0.0, 0.6))
    one = _One(seen, np.array([row]), seed)
    rows = []
    offered = [metric for metric in METRICS.values() if metric.needs <= GIVEN]
    for i, metric in enumerate(offered):
        checkpoint(progress, 0.6 + 0.3 * i / len(offered), "Comparing")
        rows.append(_metric_value(metric, one, sample))
    spectrum = seen.spectra.masked_values[row].astype(np.float64)
    checkpoint(progress, 0.9, "Matching")
    matches = nearest(spectrum, seen.spectra.bands, bundled_library() if library is None else library, top)
    return Comparison(tuple(rows), matches, len(sample.values))


def nearest(spectrum: Float, bands: BandGrid, library: Mapping[str, ReferenceSpectrum], top: int = 3
            ) -> tuple[Match, ...]:
    """The `top` references of `library` with the smallest spectral angle to `spectrum` (n_bands,), NaN where masked."""
    references = list(library.values())
    values = _on_bands(_Grid(bands), tuple(references))
    # the roles are exchanged: one target, many spectra; the angle is the same
    angles = METRICS[_NEAREST](values, spectrum)
    usable = np.isfinite(spectrum)
    comparable = 2 * (np.isfinite(values) & usable).sum(axis=1) >= usable.sum()  # a few bands are like anything
    angles = np.where(comparable, angles, np.nan)
    best = [i for i in np.argsort(angles, kind="stable")[:top] if np.isfinite(angles[i])]
    return tuple(Match(references[i].id, references[i].name, float(angles[i])) for i in best)


def reference_scale(spectrum: Float, reference: Float) -> Optional[float]:
    """The factor that brings `reference` nearest to `spectrum` (both (n_bands,), NaN where masked), least squares.

    None where they share no band, or where the factor is not positive.
    """
    both = np.isfinite(spectrum) & np.isfinite(reference)
    energy = float((reference[both] ** 2).sum())
    scale = float((spectrum[both] * reference[both]).sum()) / energy if energy > 0 else 0.0
    return scale if scale > 0 else None


@dataclass(frozen=True)
class _One:
    """One pixel of an inspection."""

    seen: Inspection
    """The inspection."""
    row: npt.NDArray[np.int64]
    """(1,) the pixel."""
    seed: int
    """Of the sample of the scene."""

    @property
    def reference(self) -> Optional[Float]:
        """(n_bands,) the reference on the granule's bands."""
        return None if self.seen.resampled is None else self.seen.resampled.values

    def score(self, metric: Metric) -> float:
        """The score, as inspect() gives it."""
        seen, row = self.seen, self.row
        if seen.scored is not None and seen.scored.metric is metric:
            return float(seen.scored.values[row[0]])
        scored = score(seen.granule, seen.pixels.take(row), seen.spectra.take(row), metric.name, self.reference,
                       seen.mask, seed=self.seed)
        return float(scored.values[0])


def _metric_value(metric: Metric, one: _One, sample: SceneSample) -> MetricValue:
    """One row of the table: a metric that refuses stands there with its sentence."""
    if one.reference is None and "reference" in metric.needs:
        return MetricValue(metric, np.nan, np.nan, "It needs a reference.")
    try:
        value = one.score(metric)
        percentile = metric.percentile(value, _sample_scores(metric, one.reference, sample))
    except MetricError as error:
        return MetricValue(metric, np.nan, np.nan, str(error))
    return MetricValue(metric, value, percentile, "" if np.isfinite(value) else "Too few usable bands.")


def _sample_scores(metric: Metric, reference: Optional[Float], sample: SceneSample) -> Float:
    """(n,) the scores of the sample, computed once per metric and reference."""
    key = (metric.name, b"" if reference is None else reference.tobytes())
    if key not in sample.scores:
        if len(sample.scores) >= _KEPT_SCORES:
            sample.scores.clear()
        background = sample.background if "background" in metric.needs else None
        sample.scores[key] = metric(sample.values, reference, background=background)
    return sample.scores[key]


_KEPT_SCORES = 200
"""Arrays of scores kept with a sample: 33 kB each."""


@dataclass(frozen=True)
class _Grid:
    """A band grid that can be looked up: grids with the same numbers are the same."""

    bands: BandGrid
    """The grid."""

    @property
    def _numbers(self) -> tuple[bytes, bytes]:
        fwhm = self.bands.fwhm_nm
        return self.bands.wavelength_nm.tobytes(), b"" if fwhm is None else fwhm.tobytes()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Grid) and self._numbers == other._numbers

    def __hash__(self) -> int:
        return hash(self._numbers)


@lru_cache(maxsize=8)
def _on_bands(grid: _Grid, references: tuple[ReferenceSpectrum, ...]) -> Float:
    """(n_references, n_bands) references on the bands, NaN where they have no value."""
    return np.stack([resample(r.wavelength_nm, r.reflectance, grid.bands) for r in references])
