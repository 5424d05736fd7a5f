"""inspect(): the whole line for one area, from granule and geometry to scored pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Optional, Union

import numpy as np
import numpy.typing as npt

from .aoi import PixelSet, kind_of_absence, pixels_at, pixels_in, pixels_of_features
from .errors import AreaError, LibraryError, MetricError
from .libraries import ReferenceSpectrum, bundled_library, choose
from .metrics import METRICS
from .progress import NO_PROGRESS, Progress, Share, checkpoint, listening
from .quality import BAD_BAND, INTERPOLATED, MaskPolicy
from .resampling import Resampled, on_bands
from .results import ResultTable, as_datetime
from .scoring import BACKGROUNDS, BackgroundChoice, Scores, read_uncertainty, score
from .sensors import Granule
from .sensors.masked import choose_policy, read_masked
from .spectra import VALID, Spectra

Float = npt.NDArray[np.float64]

_ROWS = 20_000
"""Rows of a table made between two looks at the cancel button."""


@dataclass(frozen=True)
class FeatureSummary:
    """What one feature of an area comes to."""

    feature_id: int
    """The feature."""
    n: int
    """Pixels, places off the swath included."""
    n_valid: int
    """Pixels with at least one usable band."""
    masked: Mapping[str, int]
    """Reason -> number of unusable pixels."""
    mean: Optional[float]
    """Mean score of the pixels that have one."""
    sigma: Optional[float]
    """Standard deviation (n - 1) of the scores; None below two."""
    minimum: Optional[float]
    """Smallest score."""
    maximum: Optional[float]
    """Largest score."""
    best: Optional[float]
    """The score nearest to the reference in the direction of the metric."""
    standard_error: Optional[float] = None
    """Standard error of `mean`: `sigma` over the root of the number of scored raw pixels; None below two."""


@dataclass(frozen=True)
class Inspection:
    """The pixels of an area, their spectra, and how close they are to a reference."""

    granule: Granule
    """Where the spectra come from."""
    pixels: PixelSet
    """The raw pixels, one row each."""
    spectra: Spectra
    """Their spectra after the mask, in the order of `pixels`."""
    mask: MaskPolicy
    """The mask applied."""
    reference: Optional[ReferenceSpectrum]
    """The reference, as it was given."""
    resampled: Optional[Resampled]
    """The reference on the granule's bands."""
    scored: Optional[Scores]
    """The scores; None without a reference."""
    notices: tuple[str, ...]
    """What the user must know: a default mask, a flipped GLT, bands without reference, shrinkage."""

    @property
    def scores(self) -> Optional[Float]:
        """(n_pixels,) value of the metric; None without a reference."""
        return None if self.scored is None else self.scored.values

    @property
    def score_sigma(self) -> Optional[Float]:
        """(n_pixels,) 1 σ of the scores from the uncertainty of the spectra; None without scores or uncertainty."""
        return None if self.scored is None else self.scored.sigma

    @cached_property
    def mean(self) -> Float:
        """(n_bands,) mean of the valid values."""
        return np.asarray(self.spectra.mean())

    @cached_property
    def sigma(self) -> Float:
        """(n_bands,) standard deviation (n - 1) of the valid values."""
        return np.asarray(self.spectra.sigma())

    @cached_property
    def reasons(self) -> tuple[str, ...]:
        """(n_pixels,) why a pixel is unusable; "" where it is usable."""
        invalid = np.flatnonzero(~self.spectra.pixel_valid)
        reasons = [""] * len(self.pixels)
        for i in invalid:
            reasons[i] = self.pixels.reason[i] or _whole_reason(self.spectra, int(i))
        return tuple(reasons)

    def with_uncertainty(self, scores: bool = True) -> Inspection:
        """The same with the uncertainty of the spectra, where the granule has one, and with it the σ of the `scores`.

        The scores themselves stay as they are.
        """
        spectra, scored = self.spectra, self.scored
        if spectra.uncertainty is None:
            spectra = spectra.with_uncertainty(read_uncertainty(self.granule, self.pixels))
        if spectra.uncertainty is None:
            return self
        if scores and scored is not None and scored.sigma is None:
            reference = None if self.resampled is None else self.resampled.values
            scored = score(self.granule, self.pixels, spectra, scored.metric.name, reference, self.mask,
                           scored.background)
        if spectra is self.spectra and scored is self.scored:
            return self
        return replace(self, spectra=spectra, scored=scored)

    @property
    def standard_error(self) -> Optional[float]:
        """Standard error of the mean score of all pixels, each raw pixel counted once; None below two scores."""
        rows = np.arange(len(self.pixels))
        return self._summary_of(rows, self.spectra.pixel_valid).standard_error if len(rows) else None

    def as_reference(self, identifier: str = "area_mean") -> ReferenceSpectrum:
        """The mean spectrum of the area as a reference for other areas."""
        order = np.argsort(self.spectra.bands.wavelength_nm, kind="stable")
        n = int(self.spectra.pixel_valid.sum())
        if not n:
            raise AreaError(f"No pixel of the area in '{self.granule.id}' is valid, so it has no mean spectrum.")
        return ReferenceSpectrum(identifier, f"Mean of {n} pixels of {self.granule.id}",
                                 self.spectra.bands.wavelength_nm[order], self.mean[order], self.granule.id)

    def table(self, threshold: Optional[float] = None, progress: Progress = NO_PROGRESS) -> ResultTable:
        """One row per pixel; `threshold` fills the column `accepted`."""
        n = len(self.pixels)
        unknown = np.full(n, np.nan)
        used = self.spectra.valid if self.scored is None else self.scored.used
        spectrum, wavelength_nm = self._used_values(used, progress)
        pixels = self.pixels
        return ResultTable({
            "scene_id": [self.granule.id] * n,
            "pixel_lon": pixels.lon, "pixel_lat": pixels.lat,
            "datetime": np.repeat(as_datetime([self.granule.datetime]), n),
            "n_bands": used.sum(axis=1, dtype=np.int32),
            "distance": unknown if self.scores is None else self.scores,
            "spectrum": spectrum,
            "wavelength_nm": wavelength_nm,
            "reference_id": ["" if self.reference is None or self._free_of_reference else self.reference.id] * n,
            "metric": ["" if self.scored is None else self.scored.metric.name] * n,
            "mask_id": [self.mask.mask_id] * n,
            "downtrack": pixels.downtrack, "crosstrack": pixels.crosstrack, "feature_id": pixels.feature_id,
            "valid": self.spectra.pixel_valid, "reason": self.reasons, "accepted": self.accepted(threshold),
            "snap_m": pixels.snap_m, "along_m": pixels.along_m,
            "distance_sigma": unknown if self.score_sigma is None else self.score_sigma,
        })

    @property
    def _free_of_reference(self) -> bool:
        """Whether the scores have nothing to do with the reference."""
        return self.scored is not None and "reference" not in self.scored.metric.needs

    def _used_values(self, used: npt.NDArray[np.bool_], progress: Progress
                     ) -> tuple[list[npt.NDArray[np.float32]], list[npt.NDArray[np.float32]]]:
        """The values that entered the metric and their band centres, per pixel; pixels alike share the centres."""
        spectra, centres = [], []
        known: dict[bytes, npt.NDArray[np.float32]] = {}
        wavelength = self.spectra.bands.wavelength_nm.astype(np.float32)
        for i, bands in enumerate(used):
            if i % _ROWS == 0:
                checkpoint(progress, i / len(used), "Making the table")
            spectra.append(self.spectra.values[i, bands])
            pattern = bands.tobytes()
            if pattern not in known:
                known[pattern] = wavelength[bands]
                known[pattern].flags.writeable = False
            centres.append(known[pattern])
        return spectra, centres

    def accepted(self, threshold: Optional[float]) -> list[Optional[bool]]:
        """Whether each score is at the threshold or better; None without a threshold."""
        if threshold is None:
            return [None] * len(self.pixels)
        if self.scored is None:
            raise MetricError("A threshold needs a score; give a reference.")
        return [bool(v) for v in self.scored.metric.accepts(self.scored.values, threshold)]

    def summary(self) -> list[FeatureSummary]:
        """One row per feature, in the order of their first pixel."""
        order = np.argsort(self.pixels.feature_id, kind="stable")
        starts = np.flatnonzero(np.diff(self.pixels.feature_id[order])) + 1
        features = [rows for rows in np.split(order, starts) if len(rows)]
        pixel_valid = self.spectra.pixel_valid
        return [self._summary_of(rows, pixel_valid[rows]) for rows in sorted(features, key=lambda rows: int(rows[0]))]

    def masked_by_reason(self, rows: Optional[npt.NDArray[np.intp]] = None) -> dict[str, int]:
        """Reason -> number of unusable pixels, of all or of the pixels `rows`."""
        masked: dict[str, int] = {}
        unusable = ~self.spectra.pixel_valid
        for i in np.flatnonzero(unusable) if rows is None else rows[unusable[rows]]:
            reason = kind_of_absence(self.pixels.reason[i]) or self.reasons[i]
            masked[reason] = masked.get(reason, 0) + 1
        return masked

    def _summary_of(self, rows: npt.NDArray[np.intp], valid: npt.NDArray[np.bool_]) -> FeatureSummary:
        scores = np.empty(0) if self.scores is None else self.scores[self._once(rows)]
        scores = scores[np.isfinite(scores)]
        sigma = float(scores.std(ddof=1)) if len(scores) > 1 else None
        low, high = (float(scores.min()), float(scores.max())) if len(scores) else (None, None)
        best = low if self.scored is not None and self.scored.metric.better == "lower" else high
        return FeatureSummary(int(self.pixels.feature_id[rows[0]]), len(rows), int(valid.sum()),
                              self.masked_by_reason(rows),
                              float(scores.mean()) if len(scores) else None,
                              sigma, low, high, best, None if sigma is None else sigma / len(scores) ** 0.5)

    def _once(self, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """Of `rows`, the first of each raw pixel: a pixel that is named twice is still one measurement."""
        key = self.pixels.downtrack[rows].astype(np.int64) << 32 | self.pixels.crosstrack[rows]
        return rows[np.sort(np.unique(key, return_index=True)[1])]


def inspect(granule: Granule, geometry: Any = None, *, pixels: Any = None,
            reference: Union[None, str, ReferenceSpectrum] = None, metric: str = "sam",
            mask: Union[None, str, MaskPolicy] = None, background: BackgroundChoice = None,
            progress: Optional[Progress] = None, resampling: str = "auto", seed: int = 0,
            uncertainty: bool = False, feature_ids: Optional[Sequence[int]] = None) -> Inspection:
    """Read the pixels of an area, mask them, and score them against a reference.

    `geometry` is one shapely geometry in lon/lat, or a sequence of them: then a feature that fails becomes
    a row with its reason, unless all fail; `feature_ids` name them. Or give `pixels`: a PixelSet, or
    (downtrack, crosstrack) pairs.
    `reference` is a ReferenceSpectrum or the id of a bundled one; without it there are no scores.
    `mask=None` is the default of the product. `background` is "scene", "ring", samples or a Background.
    `uncertainty` reads that of the spectra, where the granule has one, and gives every score its σ; a metric that
    needs it, or that needs no reference, gets what it needs unasked.
    Raises a :class:`PixelSpectraError` whose text says what is wrong and what to do.
    """
    progress = progress or NO_PROGRESS
    METRICS[metric]
    if isinstance(background, str):
        BACKGROUNDS[background]
    target = _reference(reference)
    resampled = None if target is None else on_bands(target, granule.bands, resampling)
    with listening(progress):
        policy, notices = choose_policy(granule, mask)
        where = _pixels(granule, geometry, pixels, feature_ids, Share(progress, 0.0, 0.1))
        checkpoint(progress, 0.1, "Reading spectra")
        spectra = read_masked(granule, where, policy, Share(progress, 0.1, 0.7))
        needs = METRICS[metric].needs
        scoring = resampled is not None or "reference" not in needs
        if uncertainty or (scoring and "uncertainty" in needs):
            spectra = spectra.with_uncertainty(read_uncertainty(granule, where))
        checkpoint(progress, 0.7, "Scoring")
        scored = None
        if scoring:
            reference_values = None if resampled is None else resampled.values
            scored = score(granule, where, spectra, metric, reference_values, policy, background, seed,
                           Share(progress, 0.7, 1.0))
    notices = (*granule.notices, *notices, *(reference_notices(target, resampled) if "reference" in needs else ()),
               *(scored.notes if scored is not None else ()), *_missing_notices(where), *_masked_notices(spectra))
    return Inspection(granule, where, spectra, policy, target, resampled, scored, notices)


def _reference(reference: Union[None, str, ReferenceSpectrum]) -> Optional[ReferenceSpectrum]:
    if reference is None or isinstance(reference, ReferenceSpectrum):
        return reference
    if isinstance(reference, str):
        return choose(bundled_library(), reference)
    raise LibraryError(f"The reference must be a ReferenceSpectrum or the id of a bundled one, not "
                       f"{type(reference).__name__}; open_library() reads one from a file.")


def reference_notices(reference: Optional[ReferenceSpectrum], resampled: Optional[Resampled]) -> tuple[str, ...]:
    """What the user must know of a reference: what was assumed in reading it, bands it does not reach."""
    if reference is None or resampled is None:
        return ()
    notices = tuple(f"{reference.name}: {note}" for note in reference.notes)
    if resampled.n_missing:
        notices += (f"The reference '{reference.name}' has no value in {resampled.n_missing} of "
                    f"{len(resampled.values)} bands; these were left out.",)
    return notices


def _missing_notices(pixels: PixelSet) -> tuple[str, ...]:
    """One sentence where some of the places asked for have no pixel."""
    missing = [reason for reason in pixels.reason if reason]
    return (f"{len(missing)} of the places asked for have no pixel; the first: {missing[0]}",) if missing else ()


def _masked_notices(spectra: Spectra) -> tuple[str, ...]:
    """One sentence where not a single pixel is left."""
    if not len(spectra) or spectra.pixel_valid.any():
        return ()
    reasons = sorted({_whole_reason(spectra, i) for i in range(min(len(spectra), 1000))})
    n = len(spectra)
    which = "The pixel is" if n == 1 else f"All {n} pixels of the area are"
    return (f"{which} masked ({'; '.join(reasons)}), so there is no score; choose another area or mask.",)


def _pixels(granule: Granule, geometry: Any, pixels: Any, feature_ids: Optional[Sequence[int]], progress: Progress
            ) -> PixelSet:
    if (geometry is None) == (pixels is None):
        raise AreaError("Give either an area (geometry) or pixels, and not both.")
    if isinstance(pixels, PixelSet):
        return pixels.check(granule.shape, granule.id)
    if pixels is not None:
        return pixels_at(pixels, granule.shape, granule.geolocation, granule.id)
    if not isinstance(geometry, (list, tuple, np.ndarray)):
        return pixels_in(geometry, granule.geolocation, granule.id)
    ids = range(len(geometry)) if feature_ids is None else feature_ids
    return pixels_of_features(list(geometry), list(ids), granule.geolocation, granule.id, progress)


def _whole_reason(spectra: Spectra, row: int) -> str:
    """Why not one band of a pixel is valid: the reasons that strike whole pixels, else those of bands."""
    names = [spectra.reasons[k] for k in np.unique(spectra.reason[row])]
    whole = [n for n in names if n not in (VALID, BAD_BAND, INTERPOLATED)]
    return ", ".join(whole or [n for n in names if n != VALID])
