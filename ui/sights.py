"""What the user looks at: areas drawn or chosen, each with its inspection and all that the panels show of it.

Sights are made off the GUI thread and never changed; the panels only put them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional, Union

import numpy as np
import numpy.typing as npt

from ..core.comparison import reference_scale
from ..core.inspection import Inspection
from ..core.libraries import ReferenceSpectrum
from ..core.optional import require
from ..core.portrait import MaskedRegion, band_order, line_image, masked_regions, outer_edges, shown_rows
from ..core.resampling import on_bands
from ..core.spectra import without_fill
from .shown import AreaScore, Counts, Curve, LineContent, PixelScore, Place, SpectrumContent
from .theme import REFERENCE

SHOWN_CURVES = 200
"""So many curves of an area are drawn at most."""

QUANTITIES: dict[str, str] = {
    "reflectance": "Reflectance",
    "radiance": "Radiance (µW cm⁻² sr⁻¹ nm⁻¹)",
    "reflectance uncertainty": "Uncertainty of the reflectance",
}
"""Quantity of a granule -> label of the axis."""


@dataclass(frozen=True)
class Area:
    """What was drawn or chosen."""

    geometries: tuple[Any, ...]
    """Shapely geometries in lon/lat, one per feature."""
    feature_ids: tuple[int, ...]
    """One per geometry; the same as in the result table."""
    title: str = ""
    """What it is called where a drawing has no name: a file, a layer."""
    layer_id: str = ""
    """The layer whose selected features they are; "" for anything else."""

    @property
    def bounds(self) -> Optional[tuple[float, float, float, float]]:
        """(lon_min, lat_min, lon_max, lat_max) of all that has a place; None where nothing has."""
        shapely = require("shapely", "to turn an area into pixels")
        boxes = shapely.bounds(np.fromiter(self.geometries, object, len(self.geometries)))
        boxes = boxes[~np.isnan(boxes).any(axis=1)]
        return (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()) if len(boxes) else None


@dataclass(frozen=True)
class Sight:
    """One area and all that is shown of it."""

    number: int
    """Counts the sights of a session; what its curves and markers are called by."""
    colour: str
    """Of its curve and of its outline on the map."""
    area: Area
    """What was asked."""
    scene: str
    """Key of the scene it was looked up in."""
    seen: Inspection
    """What the core says."""
    reference_file: str
    """Where its reference is from; "" for a bundled one."""
    curve: Curve
    """The pixel, or the mean of the area."""
    reference: Optional[Curve]
    """The reference on the bands of the granule; None without one."""
    regions: tuple[MaskedRegion, ...]
    """Bands that cannot be used."""
    sample: Optional[npt.NDArray[np.float32]]
    """(m, n_bands) single pixels of an area, by rising wavelength; None for a pixel."""
    score: Union[None, PixelScore, AreaScore]
    """The numbers; None without a reference."""
    counts: Counts
    """Pixels by fate."""
    line: Optional[LineContent]
    """The profile; None unless a line was asked."""
    footprints: npt.NDArray[np.float64]
    """(n_pixels, 4, 2) outlines on the ground, lon/lat; NaN where a place has no pixel."""
    border: npt.NDArray[np.float64]
    """(m, 2, 2) the edges around them, lon/lat."""
    note: str
    """One line below the plot."""
    unfinished: bool = False
    """Whether its mask is still to be read over the network: until then it has no score."""
    no_score: str = ""
    """Why it has no score though there is a reference, in a sentence; "" where it has one, or needs one."""

    @property
    def key(self) -> str:
        """What its curve and markers are called by."""
        return f"sight{self.number}"

    @property
    def is_pixel(self) -> bool:
        """Whether it is one single pixel."""
        return len(self.seen.pixels) == 1

    def pin(self) -> Sight:
        """The same, kept when the next place is clicked."""
        return replace(self, curve=replace(self.curve, pinned=True))


def sight_of(seen: Inspection, number: int, colour: str, area: Area, scene: str, reference_file: str = "") -> Sight:
    """Work out what is shown of an inspection."""
    order = band_order(seen.spectra.bands)
    curve = _curve(seen, order, f"sight{number}", colour)
    sample = None
    if len(seen.pixels) > 1:
        sample = seen.spectra.take(shown_rows(seen.spectra.pixel_valid, SHOWN_CURVES)).masked_values[:, order]
    counts = Counts(len(seen.pixels), int(seen.spectra.pixel_valid.sum()), seen.masked_by_reason())
    corners = footprints(seen)
    return Sight(number, colour, area, scene, seen, reference_file, curve, _reference_curve(seen, order, curve),
                 masked_regions(seen.spectra), sample, _score(seen, counts), counts, _line(seen),
                 corners, outer_edges(corners), _note(counts, sample))


def content_of(sights: Sequence[Sight], matches: Sequence[Curve] = ()) -> SpectrumContent:
    """The plot of some sights, the last of which is the one that matters most."""
    if not sights:
        return SpectrumContent(())
    last = sights[-1]
    reference = () if last.reference is None else (last.reference,)
    curves = (*reference, *matches, *(sight.curve for sight in sights))
    return SpectrumContent(curves, last.regions, last.sample, last.curve.wavelength_nm, last.colour,
                           QUANTITIES.get(last.seen.granule.quantity, last.seen.granule.quantity), last.note)


def match_curve(reference: ReferenceSpectrum, sight: Sight, colour: str) -> Curve:
    """A bundled reference laid over a sight, on the bands of its granule."""
    bands = sight.seen.spectra.bands
    order = band_order(bands)
    values = on_bands(reference, bands).values[order]
    return Curve(f"match:{reference.id}", reference.name, colour, bands.wavelength_nm[order], values, "match",
                 scale=reference_scale(sight.curve.values, values))


def footprints(seen: Inspection) -> npt.NDArray[np.float64]:
    """(n_pixels, 4, 2) outlines of the pixels; NaN off the swath and for an image without location."""
    corners = np.full((len(seen.pixels), 4, 2), np.nan)
    on_swath = seen.pixels.on_swath
    if seen.granule.geolocation is not None and on_swath.any():
        corners[on_swath] = seen.granule.geolocation.footprints(seen.pixels.downtrack[on_swath],
                                                                seen.pixels.crosstrack[on_swath])
    return corners


def place_of(seen: Inspection, row: int) -> Place:
    """Where a pixel is."""
    pixels = seen.pixels
    return Place(float(pixels.lon[row]), float(pixels.lat[row]), int(pixels.downtrack[row]),
                 int(pixels.crosstrack[row]), float(pixels.snap_m[row]))


def _curve(seen: Inspection, order: npt.NDArray[np.int64], key: str, colour: str) -> Curve:
    """The pixel with what the file holds in its masked bands, or the mean ± sigma of the valid pixels."""
    spectra = seen.spectra
    wavelength = spectra.bands.wavelength_nm[order]
    if len(seen.pixels) > 1:
        n = int(spectra.pixel_valid.sum())
        name = f"Mean of {n:,} pixel{'s' if n != 1 else ''}".replace(",", "\u202f")
        return Curve(key, name, colour, wavelength, seen.mean[order], "mean", sigma=seen.sigma[order], pinned=False)
    values, valid = spectra.values[0][order], spectra.valid[0][order]
    beneath = np.where(valid, np.float32(np.nan), without_fill(values, valid))
    sigma = None if spectra.uncertainty is None else np.where(valid, spectra.uncertainty[0][order], np.float32(np.nan))
    place = place_of(seen, 0)
    name = f"Pixel {place.downtrack}, {place.crosstrack}"
    return Curve(key, name, colour, wavelength, np.where(valid, values, np.float32(np.nan)), "pixel", beneath, sigma,
                 place=place, pinned=False)


def _reference_curve(seen: Inspection, order: npt.NDArray[np.int64], curve: Curve) -> Optional[Curve]:
    if seen.reference is None or seen.resampled is None:
        return None
    values = seen.resampled.values[order]
    return Curve("reference", seen.reference.name, REFERENCE, curve.wavelength_nm, values, "reference",
                 scale=reference_scale(curve.values, values))


def _score(seen: Inspection, counts: Counts) -> Union[None, PixelScore, AreaScore]:
    if seen.scored is None:
        return None
    metric, title = seen.scored.metric, "" if seen.reference is None else seen.reference.name
    if len(seen.pixels) > 1:
        return AreaScore(metric, seen.scored.values, title, counts, seen.standard_error)
    value = float(seen.scored.values[0])
    return PixelScore(metric, value, title, counts, int(seen.scored.used[0].sum()), _why_not(seen, value),
                      seen.spectra.uncertainty is not None)


def _why_not(seen: Inspection, value: float) -> str:
    """Why a pixel has no number."""
    if np.isfinite(value):
        return ""
    if seen.reasons[0]:
        return f"The pixel is masked ({seen.reasons[0]})."
    if seen.resampled is not None and not np.isfinite(seen.resampled.values).any():
        return "The reference has no value in any band of this granule."
    return "Too few bands are usable in both the pixel and the reference."


def _line(seen: Inspection) -> Optional[LineContent]:
    """The profile of one line; several lines have none."""
    along = seen.pixels.along_m
    if len(along) < 2 or not np.isfinite(along).all() or len(set(seen.pixels.feature_id.tolist())) > 1:
        return None
    scored = seen.scored
    return LineContent(line_image(seen.spectra, along), along, tuple(place_of(seen, i) for i in range(len(along))),
                       None if scored is None else scored.values, None if scored is None else scored.metric,
                       QUANTITIES.get(seen.granule.quantity, seen.granule.quantity))


def _note(counts: Counts, sample: Optional[npt.NDArray[np.float32]]) -> str:
    """What is drawn of how many."""
    if sample is None:
        return ""
    n, drawn = counts.n_valid, len(sample)
    drawn_text = f"{drawn} of {n:,} valid pixels" if drawn < n else f"all {n:,} valid pixels"
    return f"Thin lines: {drawn_text}; mean and σ come from all of them.".replace(",", "\u202f") if n else ""
