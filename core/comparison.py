"""What else a pixel or an area could be, and where a pixel's score stands among those of its scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

import numpy as np
import numpy.typing as npt

from .background import Background
from .errors import MetricError
from .identification import Match, identify
from .inspection import Inspection
from .libraries import ReferenceSpectrum, bundled_library
from .metrics import METRICS
from .metrics.metric import Metric
from .progress import NO_PROGRESS, Progress, Share, checkpoint
from .scene_sample import SceneSample, fixed_sample
from .scoring import read_uncertainty, score

__all__ = ["Comparison", "Match", "MetricValue", "compare", "compare_mean", "reference_scale"]

Float = npt.NDArray[np.float64]


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
class Comparison:
    """A pixel by all metrics, and what it looks like most."""

    metrics: tuple[MetricValue, ...]
    """All metrics, in the order of the table."""
    matches: tuple[Match, ...]
    """What it looks like most, best first; as identify() ranks them."""
    n_sample: int
    """Pixels of the scene that the percentiles rest on."""
    notes: tuple[str, ...] = ()
    """What the user should know."""


def compare(seen: Inspection, row: int = 0, top: int = 3, seed: int = 0, progress: Optional[Progress] = None,
            library: Optional[Mapping[str, ReferenceSpectrum]] = None, ranked: bool = True) -> Comparison:
    """Pixel `row` of `seen` by every metric, ranked among a fixed sample of its scene, and what it looks like most.

    The sample is drawn once per granule, mask and seed. `library` is the bundled one where not given. Metrics that
    cannot be computed stand in the table with the reason. Without `ranked` nothing more of the scene is read: there
    are no percentiles, and metrics that need a background have no value. Raises what reading the scene raises.
    """
    progress = progress or NO_PROGRESS
    sample = fixed_sample(seen.granule, seen.mask, seed, Share(progress, 0.0, 0.6)) if ranked else None
    one = _One(seen, np.array([row]), seed)
    rows = []
    for i, metric in enumerate(METRICS.values()):
        checkpoint(progress, 0.6 + 0.3 * i / len(METRICS), "Comparing")
        rows.append(_metric_value(metric, one, sample))
    checkpoint(progress, 0.9, "Matching")
    matches, notes = _looks_like(seen, seen.spectra.masked_values[row].astype(np.float64), library, top)
    return Comparison(tuple(rows), matches, 0 if sample is None else len(sample.values), notes)


def compare_mean(seen: Inspection, top: int = 3, library: Optional[Mapping[str, ReferenceSpectrum]] = None
                 ) -> Comparison:
    """What the mean spectrum of an area looks like most; no metrics and no place in the scene."""
    matches, notes = _looks_like(seen, seen.mean, library, top)
    return Comparison((), matches, 0, notes)


def _looks_like(seen: Inspection, spectrum: Float, library: Optional[Mapping[str, ReferenceSpectrum]], top: int
                ) -> tuple[tuple[Match, ...], tuple[str, ...]]:
    """The best matches, or the reason why there is none."""
    if seen.granule.quantity != "reflectance":
        return (), (f"References are reflectance and this granule holds {seen.granule.quantity}, so nothing is "
                    "matched.",)
    matches = identify(spectrum, seen.spectra.bands, bundled_library() if library is None else library, top)
    return tuple(matches), () if matches else ("No reference of the library has a value in half of the usable bands.",)


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

    def has(self, metric: Metric) -> bool:
        """Whether the inspection holds this score already."""
        return self.seen.scored is not None and self.seen.scored.metric is metric

    def score(self, metric: Metric) -> tuple[float, Optional[Background]]:
        """The score, as inspect() gives it, and the background that it rests on."""
        seen, row = self.seen, self.row
        if seen.scored is not None and self.has(metric):
            return float(seen.scored.values[row[0]]), seen.scored.background
        scored = score(seen.granule, seen.pixels.take(row), seen.spectra.take(row), metric.name, self.reference,
                       seen.mask, seed=self.seed, sigma=False)
        return float(scored.values[0]), scored.background


def _metric_value(metric: Metric, one: _One, sample: Optional[SceneSample]) -> MetricValue:
    """One row of the table: a metric that refuses stands there with its sentence."""
    if one.reference is None and "reference" in metric.needs:
        return MetricValue(metric, np.nan, np.nan, "It needs a reference.")
    if "uncertainty" in metric.needs and one.seen.spectra.uncertainty is None:
        return MetricValue(metric, np.nan, np.nan, "It needs the uncertainty of the spectrum (RFLUNCERT), which was "
                           "not read with it.")
    if sample is None and "background" in metric.needs and not one.has(metric):
        return MetricValue(metric, np.nan, np.nan, "It needs a sample of the scene, which was not read.")
    try:
        value, background = one.score(metric)
        percentile = np.nan
        if sample is not None:
            percentile = metric.percentile(value, _sample_scores(metric, one, sample, background))
    except MetricError as error:
        return MetricValue(metric, np.nan, np.nan, str(error))
    return MetricValue(metric, value, percentile, "" if np.isfinite(value) else "Too few usable bands.")


def _sample_scores(metric: Metric, one: _One, sample: SceneSample, background: Optional[Background]) -> Float:
    """(n,) the scores of the sample by the background of the pixel; kept, unless that background is its own."""
    if background is not None and background is not sample.background:
        return _measured(metric, one, sample, background)
    key = (metric.name, b"" if one.reference is None else one.reference.tobytes())
    if key not in sample.scores:
        if len(sample.scores) >= _KEPT_SCORES:
            sample.scores.clear()
        sample.scores[key] = _measured(metric, one, sample, background)
    return sample.scores[key]


def _measured(metric: Metric, one: _One, sample: SceneSample, background: Optional[Background]) -> Float:
    uncertainty = read_uncertainty(one.seen.granule, sample.pixels) if "uncertainty" in metric.needs else None
    columns = sample.pixels.crosstrack if "columns" in metric.needs else None
    return metric(sample.values, one.reference, background=background, uncertainty=uncertainty, columns=columns,
                  wavelength_nm=one.seen.granule.bands.wavelength_nm)


_KEPT_SCORES = 200
"""Arrays of scores kept with a sample: 33 kB each."""
