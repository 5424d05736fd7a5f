"""What the panels are given to show: plain values, made off the GUI thread. Panels know no granule and no file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

import numpy as np
import numpy.typing as npt

from ..core.metrics.metric import Metric
from ..core.portrait import LineImage, MaskedRegion

Float = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Place:
    """The pixel that a curve or a column belongs to."""

    lon: float
    """Longitude of its centre, degrees; NaN where unknown."""
    lat: float
    """Latitude of its centre, degrees; NaN where unknown."""
    downtrack: int
    """0-based line."""
    crosstrack: int
    """0-based sample."""
    snap_m: float = float("nan")
    """Metres from the clicked point to the centre; NaN unless a point was asked."""


@dataclass(frozen=True)
class Curve:
    """One line in the plot of spectra."""

    key: str
    """What it is called by the program; the same key is the same thing."""
    name: str
    """What it is called in the legend."""
    colour: str
    """"#rrggbb"; the marker on the map has the same."""
    wavelength_nm: Float
    """(n,) rising."""
    values: Float
    """(n,) NaN where masked: never bridged."""
    kind: str = "pixel"
    """"pixel", "mean" (of an area), "reference" or "match" (a bundled spectrum laid over it)."""
    masked_values: Optional[Float] = None
    """(n,) what the file holds where `values` is NaN, and NaN elsewhere; None where nothing is known."""
    sigma: Optional[Float] = None
    """(n,) half the height of the band drawn around it: the uncertainty of a pixel, or how the pixels of an area
    scatter; None draws none."""
    scale: Optional[float] = None
    """Of a reference or match: the factor that brings it to the pixel; None where it must be shown as it is."""
    place: Optional[Place] = None
    """The pixel it belongs to."""
    pinned: bool = True
    """False for the candidate, which the next click replaces."""


@dataclass(frozen=True)
class SpectrumContent:
    """All that the plot of spectra shows."""

    curves: tuple[Curve, ...]
    """The lines, the most important last."""
    regions: tuple[MaskedRegion, ...] = ()
    """Shaded, with their reason in the legend."""
    sample: Optional[Float] = None
    """(m, n) curves of single pixels of an area, drawn thin below the others; NaN where masked."""
    sample_nm: Optional[Float] = None
    """(n,) their wavelengths, rising."""
    sample_colour: str = "#808080"
    """Their colour."""
    quantity: str = "Reflectance"
    """Label of the upright axis, with its unit."""
    note: str = ""
    """One line below the plot: what is drawn of how many, what is masked."""


@dataclass(frozen=True)
class Counts:
    """How many pixels there are, and why some are unusable; always shown."""

    n: int
    """Pixels asked for."""
    n_valid: int
    """Pixels with at least one usable band."""
    masked: Mapping[str, int]
    """Reason -> number of unusable pixels."""


@dataclass(frozen=True)
class PixelScore:
    """The number of one pixel."""

    metric: Metric
    """What was measured: title, unit and direction."""
    value: float
    """The score; NaN where undefined."""
    reference: str
    """Title of the reference."""
    counts: Counts
    """Of the one pixel: what is left of it."""
    n_bands: int
    """Bands that entered the score."""
    why: str = ""
    """Why there is no number, in a sentence; "" where there is one."""
    has_sigma: bool = False
    """Whether its σ is being worked out; it comes with the comparison."""


@dataclass(frozen=True)
class AreaScore:
    """The numbers of the pixels of an area or a line."""

    metric: Metric
    """What was measured."""
    values: Float
    """(n_pixels,) scores; NaN where undefined."""
    reference: str
    """Title of the reference."""
    counts: Counts
    """Pixels by fate."""
    standard_error: Optional[float] = None
    """Of the mean of the scores; None where it is unknown."""


@dataclass(frozen=True)
class LineContent:
    """The spectra along a line."""

    image: LineImage
    """Distance across, wavelength up."""
    along_m: Float
    """(n_pixels,) where the line enters each pixel, rising."""
    places: tuple[Place, ...]
    """(n_pixels,) the pixels."""
    scores: Optional[Float] = None
    """(n_pixels,) NaN where undefined; None without a reference."""
    metric: Optional[Metric] = None
    """What was measured."""
    quantity: str = "Reflectance"
    """What the colours mean, with the unit."""

