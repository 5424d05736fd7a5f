"""The pictures of the demo: a map with the scored pixels, and spectra over their references."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib import patheffects
from matplotlib.patches import Patch as Swatch
from pixel_spectra.core.aoi import PixelSet
from pixel_spectra.core.inspection import Inspection, inspect
from pixel_spectra.core.sensors import Granule

from .contest import Contest
from .scene import COVERS, Cover, Patch, Scene

Array = npt.NDArray[Any]

RGB_NM = (650.0, 560.0, 470.0)
COLOURS = dict(zip((cover.name for cover in COVERS if not cover.decoy), (
    "#e6194b", "#4363d8", "#f58231", "#f032e6", "#9a6324", "#3cb44b", "#42d4f4", "#000075")))
OTHER, MASKED = "#ffe119", "#d0d0d0"
SHADES = {"bad band": "#c9c9c9", "interpolated band": "#f4a259", "reference has no value": "#b8d8f8"}


def draw_map(path: Path, granule: Granule, scene: Scene, contest: Contest) -> Path:
    """The true-colour preview with the pixels of the patches on it: score for the first cover, and winner."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(18, 10.5), sharey=True)
    preview, extent, cells = _preview(granule, contest.pixels)
    reference = next(r for r in contest.references if r.id == COVERS[0].counterpart)
    scores = contest.scores[:, contest.references.index(reference)]
    _base(left, preview, extent, f"Spectral angle to {reference.name}")
    _cover(left, np.where(contest.valid, np.nan, 0.0), cells, extent, mpl.colors.ListedColormap([MASKED]))
    shown = _cover(left, np.where(contest.valid, scores, np.nan), cells, extent, "viridis_r", 0.0, 0.3)
    figure.colorbar(shown, cax=left.inset_axes((0.1, -0.13, 0.8, 0.025)), orientation="horizontal", extend="max",
                    label="spectral angle (rad): the smaller, the more alike; grey = masked")
    _base(right, preview, extent, f"Nearest of {len(contest.references)} references by spectral angle")
    names = [*COLOURS, "another material", "masked: cloud, no data"]  # no answer is right for a look-alike
    colours = [*COLOURS.values(), OTHER, MASKED]
    other, masked = len(COLOURS), len(COLOURS) + 1
    codes = [(names.index(answer) if answer in COLOURS else other) if valid else masked
             for answer, valid in zip(contest.answer, contest.valid)]
    _cover(right, np.array(codes, float), cells, extent, mpl.colors.ListedColormap(colours), -0.5, masked + 0.5)
    right.legend(handles=[Swatch(color=colour, label=name) for colour, name in zip(colours, names)], ncol=5,
                 loc="upper center", bbox_to_anchor=(0.5, -0.09), fontsize=11)
    for axes in (left, right):
        _name_patches(axes, contest.patches, scene)
    figure.subplots_adjust(left=0.05, right=0.99, top=0.96, bottom=0.15, wspace=0.04)
    return _save(figure, path)


def draw_spectra(path: Path, granule: Granule, scene: Scene, pixels: PixelSet, patches: Sequence[Patch]) -> Path:
    """One pixel of each cover over its reference, the bands that were left out shaded with their reason."""
    figure, grid = plt.subplots(2, 4, figsize=(20, 10.5))
    covers = [cover for cover in COVERS if not cover.decoy]
    for axes, cover in zip(grid.flat, covers):
        rows = np.array([patches[i].cover is cover for i in pixels.feature_id])
        seen = inspect(granule, pixels=pixels.take(rows), reference=cover.counterpart)
        _draw_pixel(axes, seen, _telling_pixel(seen), cover)
    handles = [Swatch(color=colour, label=reason) for reason, colour in SHADES.items()]
    figure.supxlabel("wavelength (nm)", fontsize=13, y=0.085)
    figure.supylabel("reflectance", fontsize=13)
    figure.legend(handles=handles, loc="lower center", ncol=3, fontsize=13, title="left out of the comparison",
                  title_fontsize=13)
    figure.tight_layout(rect=(0.01, 0.09, 1, 1))
    return _save(figure, path)


def _telling_pixel(seen: Inspection) -> int:
    """The valid pixel with most interpolated bands, so that all kinds of gaps are seen."""
    interpolated = seen.spectra.reasons.index("interpolated band")
    return int(np.argmax(np.where(seen.spectra.pixel_valid, (seen.spectra.reason == interpolated).sum(axis=1), -1)))


def _draw_pixel(axes: Any, seen: Inspection, row: int, cover: Cover) -> None:
    spectra, reference = seen.spectra, seen.resampled.values
    nm, values, used = spectra.bands.wavelength_nm, spectra.masked_values[row], seen.scored.used[row]
    gain = float(np.nansum(values[used] * reference[used]) / np.nansum(reference[used] ** 2))
    why = np.array(spectra.reasons, object)[spectra.reason[row]]
    why[(why == "valid") & ~used] = "reference has no value"
    _shade(axes, nm, why)
    axes.plot(nm, np.where(spectra.valid[row], reference * gain, np.nan), color="black", linewidth=1.3,
              label=f"{seen.reference.name.replace(' AREF', '')} x {gain:.2f}")
    axes.plot(nm, values, color=COLOURS[cover.name], linewidth=1.6,
              label=f"pixel {seen.pixels.downtrack[row]}, {seen.pixels.crosstrack[row]}")
    share = f"{cover.fraction:.0%} {cover.name}" + (", soil and grass" if cover.fraction < 1 else ", sun glint")
    axes.set_title(f"{share}\nspectral angle {seen.scores[row]:.3f} rad on {used.sum()} bands", fontsize=12)
    axes.set_xlim(370, 2510)
    axes.set_ylim(0, 1.3 * max(np.nanmax(values), np.nanmax(np.where(used, reference * gain, 0))))
    axes.legend(fontsize=9, loc="upper right")


def _shade(axes: Any, nm: Array, why: Array) -> None:
    """Shade the bands of every reason, half way to the neighbouring bands."""
    edges = np.concatenate([[nm[0]], (nm[1:] + nm[:-1]) / 2, [nm[-1]]])
    for reason, colour in SHADES.items():
        for band in np.flatnonzero(why == reason):
            axes.axvspan(edges[band], edges[band + 1], color=colour, linewidth=0)


def _preview(granule: Granule, pixels: PixelSet) -> tuple[Array, tuple[float, ...], Array]:
    """RGBA on the map grid, its extent, and per cell the row of `pixels` that lies there or -1."""
    location = granule.geolocation
    downtrack, crosstrack = location.ortho(0, location.grid.rows)
    inside = downtrack >= 0
    bands = [int(np.abs(granule.bands.wavelength_nm - nm).argmin()) for nm in RGB_NM]
    lines = granule.read_rows(0, granule.shape[0]).masked_values[:, bands].reshape(*granule.shape, 3)
    rgb = np.clip(lines / np.nanpercentile(lines, 97), 0, 1) ** (1 / 1.6)
    missing = np.isnan(rgb).any(axis=-1)
    rgba = np.dstack([np.nan_to_num(rgb), ~missing])
    preview = np.where(inside[..., None], rgba[downtrack, crosstrack], 0.0)
    row_of = np.full(granule.shape, -1)
    row_of[pixels.downtrack, pixels.crosstrack] = np.arange(len(pixels))
    cells = np.where(inside, row_of[downtrack, crosstrack], -1)
    west, dx, _, north, _, dy = location.grid.geotransform
    return preview, (west, west + dx * inside.shape[1], north + dy * inside.shape[0], north), cells


def _cover(axes: Any, values: Array, cells: Array, extent: tuple[float, ...], colours: Any,
           low: float = 0.0, high: float = 1.0) -> Any:
    """Lay the values of the pixels over a map; NaN leaves it as it is."""
    shown = np.ma.masked_invalid(np.where(cells >= 0, values[cells], np.nan))
    return axes.imshow(shown, extent=extent, cmap=colours, vmin=low, vmax=high, interpolation="nearest",
                       aspect=axes.get_aspect())


def _base(axes: Any, preview: Array, extent: tuple[float, ...], title: str) -> None:
    axes.set_title(title, fontsize=14)
    axes.set_xlabel("longitude (°)")
    if axes.get_subplotspec().is_first_col():
        axes.set_ylabel("latitude (°)")
    axes.ticklabel_format(useOffset=False)
    north_up = 1 / np.cos(np.radians((extent[2] + extent[3]) / 2))
    axes.imshow(preview, extent=extent, interpolation="nearest", aspect=north_up)


def _name_patches(axes: Any, patches: Sequence[Patch], scene: Scene) -> None:
    """Outline the patches and write what they are in truth."""
    for patch in patches:
        ring = np.array(patch.outline(scene))
        axes.plot(*ring.T, color="white", linewidth=1.0)
        name = f"{patch.cover.name} (look-alike)" if patch.cover.decoy else patch.cover.name
        axes.annotate(name, (patch.centre(scene)[0], ring[:, 1].min()), (0, -3), "data",
                      "offset points", color="white", fontsize=9, ha="center", va="top",
                      path_effects=[patheffects.withStroke(linewidth=2.5, foreground="black")])


def _save(figure: Any, path: Path) -> Path:
    figure.savefig(path, dpi=100)
    plt.close(figure)
    return path
