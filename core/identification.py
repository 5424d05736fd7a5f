"""identify(): what is this? A spectrum against every reference of a library, by four measures at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Optional

import numpy as np
import numpy.typing as npt

from .continuum import remove_continuum
from .errors import LibraryError, MetricError
from .inspection import Inspection
from .libraries import ReferenceSpectrum
from .metrics import METRICS
from .metrics.angles import NEARLY_PARALLEL
from .metrics.features import Features, find_features
from .progress import NO_PROGRESS, Progress, checkpoint
from .resampling import resample
from .spectra import MISSING_BELOW, BandGrid

Float = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
Index = npt.NDArray[np.intp]

MIN_BANDS = 3
"""Usable bands below which nothing is identified: fewer enclose no feature."""


@dataclass(frozen=True)
class Match:
    """A reference that a spectrum looks like."""

    id: str
    """Id in the library."""
    name: str
    """Its title."""
    fit: float
    """How well the reference explains the absorption features, 0 to 1: the metric feature_fit, times the share of what
    the spectrum absorbs (below its hull) that lies within the reference's features. NaN for one without features."""
    sam: float
    """Spectral angle, rad."""
    sid: float
    """Spectral information divergence, nats; NaN where too many bands are at or below zero."""
    correlation: float
    """Pearson's r of both spectra after removal of their convex hulls."""
    margin: float
    """By how much `fit` exceeds that of the next in the ranking; NaN where there is no next one with a fit."""


@dataclass(frozen=True)
class Identified:
    """What one feature of an area looks like."""

    feature_id: int
    """The feature."""
    lon: float
    """Mean longitude of its usable pixels; NaN without one."""
    lat: float
    """Mean latitude of them."""
    n_pixels: int
    """Pixels, places off the swath included."""
    n_valid: int
    """Pixels with at least one usable band: what was identified is their mean."""
    matches: tuple[Match, ...]
    """Best first."""
    reason: str
    """Why there is no match; "" where there is one."""


def identify(spectrum: npt.ArrayLike, bands: BandGrid, library: Mapping[str, ReferenceSpectrum], top: int = 10
             ) -> list[Match]:
    """The `top` references of `library` that explain `spectrum` best, best first by `fit`; equal ones by angle.

    `spectrum` is reflectance (n_bands,) on `bands`, NaN where masked; bands that the file calls bad take no part.
    Each reference is compared on the bands that both have; one that has a value in less than half of the usable bands
    is left out, since a few bands are like anything. References without a feature come last, by angle. The list is
    empty where nothing is left, or fewer than three bands are usable. The library is resampled once per band grid,
    and prepared once per set of usable bands, and both are kept.

    Raises LibraryError for an empty library, MetricError where spectrum and bands do not fit.
    """
    values, usable = _usable(spectrum, bands)
    if not library:
        raise LibraryError("The library holds no spectrum to compare with; open one that does.")
    if top < 1:
        raise MetricError(f"The number of best matches is {top}; ask for at least 1.")
    if np.count_nonzero(usable) < MIN_BANDS:
        return []
    references = tuple(library.values())
    return _ranked(_prepared(_Grid(bands), references, usable.tobytes()), values[usable], references, top)


def identify_features(seen: Inspection, library: Mapping[str, ReferenceSpectrum], top: int = 10,
                      progress: Optional[Progress] = None) -> list[Identified]:
    """The mean spectrum of each feature of an area (of a point: its pixel) against `library`, in the features' order.

    A feature without a usable pixel, or like none of the references, is there with its reason. Raises MetricError for a
    granule that holds no reflectance, and what :func:`identify` raises.
    """
    progress = progress or NO_PROGRESS
    if seen.granule.quantity != "reflectance":
        raise MetricError(f"References are reflectance, and '{seen.granule.id}' holds {seen.granule.quantity}; "
                          "give a granule of reflectance.")
    summaries = seen.summary()
    result = []
    for i, summary in enumerate(summaries):
        checkpoint(progress, i / len(summaries), "Identifying")
        rows = np.flatnonzero((seen.pixels.feature_id == summary.feature_id) & seen.spectra.pixel_valid)
        matches: list[Match] = []
        reason = "; ".join(f"{name}: {count} pixels" for name, count in summary.masked.items())
        if len(rows):
            mean = seen.spectra.take(rows).mean()
            matches = identify(mean, seen.spectra.bands, library, top)
            reason = "" if matches else _why_no_match(mean, seen.spectra.bands)
        lon, lat = _middle(seen.pixels.lon[rows], seen.pixels.lat[rows])
        result.append(Identified(summary.feature_id, lon, lat, summary.n, summary.n_valid, tuple(matches), reason))
    return result


def _why_no_match(spectrum: Float, bands: BandGrid) -> str:
    n = np.count_nonzero(_usable(spectrum, bands)[1])
    if n < MIN_BANDS:
        return f"Only {n} bands are usable; at least {MIN_BANDS} are needed."
    return "No reference has a value in half of the usable bands."


def _middle(lon: Float, lat: Float) -> tuple[float, float]:
    """Mean place in degrees, also of pixels on both sides of the antimeridian; NaN for none."""
    if not len(lon):
        return np.nan, np.nan
    east = np.where(lon < 0, lon + 360.0, lon) if np.ptp(lon) > 180.0 else lon
    mean = float(east.mean())
    return mean - 360.0 if mean > 180.0 else mean, float(lat.mean())


def angles_to_library(spectra: Float, bands: BandGrid, library: Mapping[str, ReferenceSpectrum]) -> Float:
    """(n, n_references) spectral angles, rad, of `spectra` (n, n_bands), NaN where masked, to all of `library`.

    NaN where a reference has a value in less than half of the usable bands: a few bands are like anything.
    """
    values = _on_bands(_Grid(bands), tuple(library.values()))
    angles = np.empty((len(spectra), len(values)))
    for row, spectrum in zip(angles, spectra):
        # the roles are exchanged: one target, many spectra; the angle is the same
        row[:] = np.where(_comparable(values, np.isfinite(spectrum)), METRICS["sam"](values, spectrum), np.nan)
    return angles


def _usable(spectrum: npt.ArrayLike, bands: BandGrid) -> tuple[Float, Bool]:
    """The spectrum in float64, and which of its values can be used."""
    values = np.asarray(spectrum, np.float64)
    if values.shape != (len(bands),):
        raise MetricError(f"The spectrum has shape {values.shape} and there are {len(bands)} bands; give one value per "
                          "band.")
    usable = np.isfinite(values) & (values > MISSING_BELOW)
    return values, np.asarray(usable if bands.good is None else usable & bands.good)


def _comparable(values: Float, usable: Bool) -> Bool:
    """(n_references,) which of `values` (n_references, n_bands) cover at least half of the usable bands."""
    shared = (np.isfinite(values) & usable).sum(axis=1)
    return np.asarray((2 * shared >= usable.sum()) & (shared >= min(MIN_BANDS, usable.sum())))


@dataclass(frozen=True)
class _Grid:
    """A band grid that can be looked up: grids with the same numbers are the same."""

    bands: BandGrid

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


@dataclass(frozen=True)
class _Group:
    """References with values in the same of the usable bands, ready for matrix products."""

    rows: slice
    bands: Bool
    unit: Float
    """(n, n_shared) of length 1."""
    sum_of_unit: Float
    log_share: Float
    """Logarithms of the references scaled to sum 1; 0 for one that is not above zero throughout."""
    entropy: Float
    """Sum of share times log_share."""
    shape: Float
    """(n, n_shared) without hull and mean, of length 1; 0 for one whose hull is not above zero throughout."""


@dataclass(frozen=True)
class _Prepared:
    """A library on some bands of a grid. References that share their bands stand together."""

    wavelength_nm: Float
    references: Index
    """(n,) their places in the library."""
    values: Float
    """(n, n_usable), NaN where a reference has no value."""
    without_hull: Float
    lit: Bool
    """(n,) above zero wherever they have a value."""
    whole_hull: Bool
    """(n,) whether the hull is above zero throughout."""
    groups: tuple[_Group, ...]
    group_of: Index
    """(n,) the group of each reference."""
    features: Features
    inside: Index
    """(2, n_features) the band after the left contact of each feature, and its right contact."""


@lru_cache(maxsize=8)
def _prepared(grid: _Grid, references: tuple[ReferenceSpectrum, ...], usable: bytes) -> _Prepared:
    """What does not depend on the spectrum, for its usable bands."""
    columns = np.frombuffer(usable, bool)
    wavelength = grid.bands.wavelength_nm[columns]
    values = _on_bands(grid, references)[:, columns]
    kept = np.flatnonzero(_comparable(values, np.ones(len(wavelength), bool)))
    finite = np.isfinite(values[kept])
    patterns, group_of = np.unique(finite, axis=0, return_inverse=True)
    order = np.argsort(group_of.ravel(), kind="stable")
    kept, group_of = kept[order], group_of.ravel()[order]
    values, finite = values[kept], finite[order]
    without_hull = remove_continuum(wavelength, values)
    lit = ((values > 0) | ~finite).all(axis=1)
    whole_hull = (np.isfinite(without_hull) | ~finite).all(axis=1)
    edges = np.searchsorted(group_of, np.arange(len(patterns) + 1))
    groups = tuple(_group(slice(start, stop), pattern, values, without_hull, lit, whole_hull)
                   for pattern, start, stop in zip(patterns, edges[:-1], edges[1:]))
    features = find_features(wavelength, values)
    rank = np.empty(len(wavelength), np.intp)
    rank[np.argsort(wavelength, kind="stable")] = np.arange(len(wavelength))
    inside = rank[features.ends] + np.array([[1], [0]])
    return _Prepared(wavelength, kept, values, without_hull, lit, whole_hull, groups, group_of, features, inside)


def _group(rows: slice, bands: Bool, values: Float, without_hull: Float, lit: Bool, whole_hull: Bool) -> _Group:
    x = values[rows][:, bands]
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = x / np.sqrt((x**2).sum(axis=1, keepdims=True))
        share = x / x.sum(axis=1, keepdims=True)
        log_share = np.log(share)
        shape = without_hull[rows][:, bands]
        shape = shape - shape.mean(axis=1, keepdims=True)
        shape /= np.sqrt((shape**2).sum(axis=1, keepdims=True))
    log_share[~lit[rows]] = 0.0
    shape[~whole_hull[rows]] = 0.0
    return _Group(rows, bands, unit, unit.sum(axis=1), log_share, (share * log_share).sum(axis=1), shape)


def _ranked(library: _Prepared, x: Float, references: tuple[ReferenceSpectrum, ...], top: int) -> list[Match]:
    """Measure `x` (n_usable,) and keep the best."""
    if not library.groups:
        return []
    by_group = np.stack([np.where(group.bands, x, np.nan) for group in library.groups])
    without_hull = remove_continuum(library.wavelength_nm, by_group)
    with np.errstate(invalid="ignore", divide="ignore"):
        sam, sid = _angles_and_divergences(library, x)
        correlation = _correlations(library, without_hull)
    fit = library.features.weighted_fit(x, len(library.values)) * _explained(library, without_hull)
    order = np.lexsort((sam, -fit))  # NaN sorts last
    order = order[np.isfinite(sam[order])]
    ranked = np.append(fit[order], np.nan)
    return [Match(references[library.references[i]].id, references[library.references[i]].name, float(fit[i]),
                  float(sam[i]), float(sid[i]), float(correlation[i]), float(ranked[place] - ranked[place + 1]))
            for place, i in enumerate(order[:top])]


def _angles_and_divergences(library: _Prepared, x: Float) -> tuple[Float, Float]:
    """The metrics sam and sid of every reference: as matrix products, and by the metrics where those lack digits."""
    cosine, divergence = np.empty(len(library.values)), np.empty(len(library.values))
    for group in library.groups:
        shared = x[group.bands]
        share = shared / shared.sum()
        log_share = np.log(share)
        along = group.unit @ np.stack([shared, log_share], axis=1)
        cosine[group.rows] = along[:, 0] / np.sqrt(shared @ shared)
        divergence[group.rows] = (share @ log_share - group.log_share @ share - along[:, 1] / group.sum_of_unit
                                  + group.entropy)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    _replace(angle, np.abs(cosine) > NEARLY_PARALLEL, "sam", library.values, x)
    odd = ~library.lit if (x > 0).all() else np.ones(len(library.values), bool)
    _replace(divergence, odd, "sid", library.values, x)
    return angle, np.maximum(divergence, 0.0)


def _correlations(library: _Prepared, without_hull: Float) -> Float:
    """The metric correlation of every reference and `without_hull` (n_groups, n_usable), all without their hulls."""
    result = np.empty(len(library.values))
    for group, whole in zip(library.groups, without_hull):
        shape = whole[group.bands]
        shape = shape - shape.mean()
        result[group.rows] = np.clip(group.shape @ (shape / np.sqrt(shape @ shape)), -1.0, 1.0)
        regular = np.isfinite(shape).all() & library.whole_hull[group.rows]
        _replace(result[group.rows], ~regular, "correlation", library.without_hull[group.rows], whole)
    return result


def _replace(values: Float, rows: Bool, metric: str, references: Float, x: Float) -> None:
    """Have the metric itself measure some rows; the roles are exchanged, which changes none of these metrics."""
    if rows.any():
        values[rows] = METRICS[metric](references[rows], x)


def _explained(library: _Prepared, without_hull: Float) -> Float:
    """(n,) share of the area between the spectrum and its hull that lies inside the features of each reference."""
    order = np.argsort(library.wavelength_nm, kind="stable")
    absorbed = np.nan_to_num(1.0 - without_hull[:, order], nan=0.0)
    area = np.concatenate([np.zeros((len(absorbed), 1)), np.cumsum(absorbed, axis=1)], axis=1)
    owner = library.features.owner
    group = library.group_of[owner]
    within = area[group, library.inside[1]] - area[group, library.inside[0]]
    total = area[library.group_of, -1]
    part = np.bincount(owner, within, len(total))
    return np.divide(part, total, out=np.zeros_like(total), where=total > 0)
