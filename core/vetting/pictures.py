"""Pictures of the report as SVG: drawn here, so that the report needs no plotting package and no script."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Optional

import numpy as np
import numpy.typing as npt

from ..verdicts import COLOURS

Float = npt.NDArray[np.float64]

_INK, _GRID, _BLUE, _ORANGE = "#30343a", "#d9dde2", "#2563a8", "#d1600f"
_FONT = 'font-family="sans-serif" font-size="11"'
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 10, 34


@dataclass(frozen=True)
class Axes:
    """A rectangle of a picture in which numbers have places."""

    width: int
    """Of the picture, pixels."""
    height: int
    """Of the picture, pixels."""
    x: tuple[float, float]
    """Smallest and largest number to the right."""
    y: tuple[float, float]
    """Smallest and largest number upwards."""

    def at(self, x: Float, y: Float) -> tuple[Float, Float]:
        """Places of points in the picture."""
        wide, high = self.width - _LEFT - _RIGHT, self.height - _TOP - _BOTTOM
        return (_LEFT + wide * (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1.0),
                self.height - _BOTTOM - high * (y - self.y[0]) / ((self.y[1] - self.y[0]) or 1.0))

    def drawn(self, x_title: str, y_title: str) -> str:
        """Grid lines with their numbers, and the titles."""
        parts = []
        for value in _ticks(*self.x):
            x, _ = self.at(np.array(value), np.array(self.y[0]))
            parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{self.height - _BOTTOM}" stroke="{_GRID}"/>'
                         f'<text x="{x:.1f}" y="{self.height - _BOTTOM + 13}" text-anchor="middle">{value:g}</text>')
        for value in _ticks(*self.y):
            _, y = self.at(np.array(self.x[0]), np.array(value))
            parts.append(f'<line x1="{_LEFT}" x2="{self.width - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_GRID}"/>'
                         f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
        parts.append(f'<text x="{(self.width + _LEFT) / 2:.0f}" y="{self.height - 4}" text-anchor="middle">'
                     f'{escape(x_title)}</text>')
        parts.append(f'<text transform="translate(11 {self.height / 2:.0f}) rotate(-90)" text-anchor="middle">'
                     f'{escape(y_title)}</text>')
        return "".join(parts)


def image(svg: str, says: str) -> str:
    """An HTML image that holds the picture; `says` is read where it cannot be seen."""
    data = base64.b64encode(svg.encode()).decode()
    return f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(says)}">'


def histogram(values: Float, verdicts: Sequence[str], x_title: str, limits: Sequence[float] = ()) -> str:
    """How many candidates have which value, stacked by verdict; `limits` are dashed lines."""
    finite = np.isfinite(values)
    low, high = (float(values[finite].min()), float(values[finite].max())) if finite.any() else (0.0, 1.0)
    edges = np.linspace(low, high if high > low else low + 1.0, 31)
    names = np.asarray(verdicts, dtype=object)
    counts = {name: np.histogram(values[finite & (names == name)], edges)[0] for name in COLOURS}
    top = max(1, int(sum(counts.values()).max()))  # type: ignore[union-attr]
    axes = Axes(460, 200, (float(edges[0]), float(edges[-1])), (0.0, float(top)))
    base = np.zeros(30)
    bars = []
    for name, n in counts.items():
        x0, y0 = axes.at(edges[:-1], base)
        x1, y1 = axes.at(edges[1:], base + n)
        bars += [f'<rect x="{a:.1f}" y="{d:.1f}" width="{b - a - 0.6:.1f}" height="{c - d:.1f}" '
                 f'fill="{COLOURS[name]}"/>' for a, b, c, d, k in zip(x0, x1, y0, y1, n) if k]
        base = base + n
    for limit in limits:
        x, _ = axes.at(np.array(limit), np.array(0.0))
        bars.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{axes.height - _BOTTOM}" stroke="{_INK}" '
                    'stroke-dasharray="4 3"/>')
    return _svg(axes, axes.drawn(x_title, "candidates") + "".join(bars))


def spectrum(wavelength_nm: Float, mean: Float, sigma: Float, reference: Optional[Float]) -> str:
    """The mean of a candidate with ±1 σ, and the reference; all (n_bands,), NaN leaves a gap."""
    order = np.argsort(wavelength_nm, kind="stable")
    x, y, s = wavelength_nm[order], mean[order], np.nan_to_num(sigma[order])
    r = None if reference is None else np.where(np.isfinite(y), reference[order], np.nan)
    seen = np.concatenate([y - s, y + s, *([] if r is None else [r])])
    seen = seen[np.isfinite(seen)]
    low, high = (float(seen.min()), float(seen.max())) if len(seen) else (0.0, 1.0)
    low = min(low, 0.0)
    axes = Axes(460, 200, (float(x[0]), float(x[-1])), (low, high if high > low else low + 1.0))
    parts = [axes.drawn("wavelength (nm)", "reflectance")]
    for run in _runs(np.isfinite(y)):
        px, upper = axes.at(x[run], y[run] + s[run])
        _, lower = axes.at(x[run], y[run] - s[run])
        outline = _points(np.concatenate((px, px[::-1])), np.concatenate((upper, lower[::-1])))
        parts.append(f'<polygon points="{outline}" fill="{_BLUE}" fill-opacity="0.18"/>')
    parts += [_curve(axes, x, y, f'stroke="{_BLUE}" stroke-width="1.6"')]
    if r is not None:
        parts.append(_curve(axes, x, r, f'stroke="{_ORANGE}" stroke-width="1.4" stroke-dasharray="5 2"'))
    return _svg(axes, "".join(parts))


def _curve(axes: Axes, x: Float, y: Float, style: str) -> str:
    return "".join(f'<polyline points="{_points(*axes.at(x[run], y[run]))}" fill="none" {style}/>'
                   for run in _runs(np.isfinite(y)))


def _runs(known: npt.NDArray[np.bool_]) -> list[slice]:
    """Stretches of neighbouring True values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], known, [False])).astype(np.int8)))
    return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2])]


def _points(x: Float, y: Float) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y))


def _svg(axes: Axes, content: str) -> str:
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {axes.width} {axes.height}" width="{axes.width}" '
            f'height="{axes.height}" {_FONT} fill="{_INK}"><rect width="100%" height="100%" fill="#ffffff"/>'
            f"{content}</svg>")


def _ticks(low: float, high: float) -> list[float]:
    """Some four round numbers between two."""
    span = high - low
    if not span > 0:
        return [low]
    step = 10.0 ** np.floor(np.log10(span / 4))
    step *= next(m for m in (1, 2, 5, 10) if span / (m * step) <= 5)
    return [float(round(v, 12)) + 0.0 for v in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step]
