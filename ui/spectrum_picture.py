"""What a plot of spectra draws, before it is known who draws it: ranges, gaps, what lies under the pointer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional

import numpy as np
import numpy.typing as npt

from ..core.portrait import value_range
from ..core.views import VIEWS, View
from .shown import Curve, Float, SpectrumContent
from .theme import Theme

UNITS = {"nm": 1.0, "µm": 1e-3}
"""Unit of the wavelength axis -> what nm are multiplied by."""
MASKED = "masked"
"""The reason of a value that is masked in its own pixel only."""
_MARGIN = 0.01


@dataclass(frozen=True)
class ViewOptions:
    """What the user chose to see."""

    unit: str = "nm"
    """Of the wavelength axis, one of UNITS."""
    scaled: bool = False
    """Whether references are multiplied by the factor that brings them to the pixel."""
    masked_shown: bool = False
    """Whether masked values are drawn, faintly."""
    legend_shown: bool = True
    """Whether there is a legend."""
    view: str = "values"
    """What is drawn of the spectra, one of core's VIEWS."""


@dataclass(frozen=True)
class ReadOut:
    """What is read at one band of a curve."""

    wavelength_nm: float
    """Of the band."""
    value: float
    """As drawn; NaN where it is masked."""
    curve: Optional[Curve]
    """The curve."""
    reason: str
    """Why the band is masked; "" where it is not."""


@dataclass(frozen=True)
class Picture:
    """A content with all that decides how it looks."""

    content: SpectrumContent
    """What is shown."""
    options: ViewOptions
    """How."""
    theme: Theme
    """In which colours."""
    zoom_nm: Optional[tuple[float, float]] = None
    """The part of the wavelengths that is looked at; None for the whole."""

    @property
    def factor(self) -> float:
        """Brings nm to the unit of the axis."""
        return UNITS[self.options.unit]

    @property
    def x_label(self) -> str:
        """Of the wavelength axis."""
        return f"Wavelength ({self.options.unit})"

    @property
    def whole_nm(self) -> tuple[float, float]:
        """All wavelengths of the curves, the sample and the regions, with a margin."""
        ends = [w[[0, -1]] for w in self._wavelengths() if len(w)]
        ends += [np.array([r.start_nm, r.stop_nm]) for r in self.content.regions]
        return value_range(ends, _MARGIN) if ends else (400.0, 2500.0)

    @property
    def x_nm(self) -> tuple[float, float]:
        """The wavelengths looked at."""
        return self.zoom_nm or self.whole_nm

    @property
    def y(self) -> tuple[float, float]:
        """The range of the valid values at these wavelengths, as drawn, mean ± sigma included."""
        low, high = self.x_nm
        seen: list[npt.NDArray[np.floating]] = []
        for curve in self.content.curves:
            part = slice(*np.searchsorted(curve.wavelength_nm, [low, high]))
            values = self.values(curve)[part]
            sigma = 0.0 if curve.sigma is None else np.nan_to_num(curve.sigma[part])
            seen += [values - sigma, values + sigma]
        return value_range(seen)

    def zoomed(self, zoom_nm: Optional[tuple[float, float]]) -> Picture:
        """The same, at other wavelengths; the whole where these hold nothing of it."""
        if zoom_nm is not None:
            low, high = self.whole_nm
            zoom_nm = zoom_nm if zoom_nm[0] < high and zoom_nm[1] > low else None
        return replace(self, zoom_nm=zoom_nm)

    def values(self, curve: Curve) -> Float:
        """(n,) what is drawn of a curve: a reference or match may be scaled."""
        return curve.values * curve.scale if self.options.scaled and curve.scale is not None else curve.values

    def masked(self, curve: Curve) -> Optional[Float]:
        """(n,) the masked values to be drawn; None where there are none, or they are not wanted."""
        return curve.masked_values if self.options.masked_shown else None

    @property
    def candidate(self) -> Optional[Curve]:
        """The curve that the keyboard reads: the one not pinned, else the last of a pixel or area, else the last."""
        order = sorted(self.content.curves, key=lambda c: (not c.pinned, c.kind in ("pixel", "mean")))
        return order[-1] if order else None

    def read(self, curve: Curve, band: int) -> ReadOut:
        """What a curve says at one of its bands."""
        at, value = float(curve.wavelength_nm[band]), float(self.values(curve)[band])
        return ReadOut(at, value, curve, self.reason_at(at) or ("" if np.isfinite(value) else MASKED))

    def reason_at(self, wavelength_nm: float) -> str:
        """The reason of the masked region there; "" outside."""
        return next((r.reason for r in self.content.regions if r.start_nm <= wavelength_nm <= r.stop_nm), "")

    def nearest(self, wavelength_nm: float, value: float) -> Optional[ReadOut]:
        """What lies under a pointer: of the bands nearest to the wavelength, the one whose value is nearest.

        Where no curve has a value, the candidate's band; None without curves.
        """
        near: list[tuple[float, ReadOut]] = []
        for curve in self.content.curves:
            if len(curve.wavelength_nm) and curve.wavelength_nm[0] <= self.x_nm[1]:
                read = self.read(curve, int(np.abs(curve.wavelength_nm - wavelength_nm).argmin()))
                near.append((abs(read.value - value), read))
        finite = [pair for pair in near if np.isfinite(pair[0])]
        if finite:
            return min(reversed(finite), key=lambda pair: pair[0])[1]
        return next((read for _, read in near if read.curve is self.candidate), None)

    def _wavelengths(self) -> list[Float]:
        sample = [] if self.content.sample_nm is None else [self.content.sample_nm]
        return [curve.wavelength_nm for curve in self.content.curves] + sample


def viewed(content: SpectrumContent, name: str) -> SpectrumContent:
    """`content` as it is seen in one of VIEWS; bands ± sigma and masked values are there in the first only."""
    if name == next(iter(VIEWS)):
        return content
    view = VIEWS[name]
    sample = None
    if content.sample is not None and content.sample_nm is not None:
        sample = np.asarray(view.of(content.sample_nm, content.sample))
    return replace(content, curves=tuple(_viewed_curve(curve, view) for curve in content.curves), sample=sample,
                   quantity=view.quantity(content.quantity))


def _viewed_curve(curve: Curve, view: View) -> Curve:
    return replace(curve, values=np.asarray(view.of(curve.wavelength_nm, curve.values)), sigma=None,
                   masked_values=None, scale=curve.scale if view.keeps_scale else None)


def runs(values: Float) -> list[slice]:
    """The unbroken stretches of finite values (n,).

    >>> runs(np.array([1.0, np.nan, 2.0, 3.0]))
    [slice(0, 1, None), slice(2, 4, None)]
    """
    edges = np.flatnonzero(np.diff(np.isfinite(values), prepend=False, append=False))
    return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2])]


def alone(values: Float) -> npt.NDArray[np.intp]:
    """Where a finite value (n,) has no finite neighbour: no line shows it.

    >>> alone(np.array([1.0, np.nan, 2.0, 3.0])).tolist()
    [0]
    """
    finite = np.isfinite(values)
    beside = np.append(finite[1:], False) | np.append(False, finite[:-1])
    return np.flatnonzero(finite & ~beside)


def flattened(wavelength: Float, rows: Float) -> tuple[Float, Float]:
    """Many curves (m, n) over one (n,) axis as one line with NaN between them: x and y, (m * (n + 1),)."""
    m, n = rows.shape
    x, y = np.full((m, n + 1), np.nan), np.full((m, n + 1), np.nan)
    x[:, :n], y[:, :n] = wavelength, rows
    return x.ravel(), y.ravel()
