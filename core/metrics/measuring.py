"""Carry pixels to a metric's function: masked bands, blocks, counts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Optional

import numpy as np
import numpy.typing as npt

from ..background import Whitener
from ..progress import Progress, checkpoint
from .block import ROWS, Block, BoolArray, FloatArray, Numbers, Rows, make_block, pattern_order, row_blocks

if TYPE_CHECKING:
    from .metric import Metric

LEFT_OUT_PERCENT = 5
"""A metric of positive bands has no value where more of the valid bands than this are at or below zero."""
_BLOCKS_PER_REPORT = 64


@dataclass(frozen=True)
class Evaluation:
    """The values of one metric for some pixels, and what they rest on."""

    values: npt.NDArray[np.float64]
    """(n_pixels,) in the metric's unit; NaN where it is undefined."""
    used: BoolArray
    """(n_pixels, n_bands) the values that entered the metric."""
    notes: tuple[str, ...] = ()
    """Sentences the user should see, e.g. on the shrinkage of the background; often none."""
    sigma: Optional[npt.NDArray[np.float64]] = None
    """(n_pixels,) 1 σ of `values` from the uncertainty of the pixels; NaN where unknown, None without uncertainty."""

    @property
    def n_bands(self) -> npt.NDArray[np.int32]:
        """(n_pixels,) number of bands used; 0 where no band is valid."""
        return np.asarray(self.used.sum(axis=1, dtype=np.int32))


@dataclass(frozen=True)
class Inputs:
    """Pixels and all that a metric weighs them with, checked."""

    pixels: Numbers
    """(n_pixels, n_bands) as they came; a value that is not finite is masked."""
    target: FloatArray
    """(n_bands,) the reference; zeros for a metric that needs none."""
    base: BoolArray
    """(n_bands,) the bands that reference and background have."""
    valid: Optional[BoolArray] = None
    """(n_pixels, n_bands) what else is masked; None where nothing is."""
    whitener: Optional[Whitener] = None
    """The background, factorised, for metrics that need one."""
    uncertainty: Optional[Numbers] = None
    """(n_pixels, n_bands) 1 σ of the pixels, where it is known."""
    columns: Optional[npt.NDArray[np.intp]] = None
    """(n_pixels,) detector columns, where they are known."""
    wavelength_nm: Optional[FloatArray] = None
    """(n_bands,) band centres, where they are known."""

    def usable(self, rows: Rows) -> BoolArray:
        """(n, n_bands) which values of the pixels `rows` may be used."""
        finite = np.isfinite(self.pixels[rows])
        return (finite if self.valid is None else finite & self.valid[rows]) & self.base

    def order(self, usable: BoolArray) -> Optional[npt.NDArray[np.intp]]:
        """In which order pixels that use the same bands are neighbours; None where that brings nothing."""
        return None if self.whitener is None else pattern_order(usable)

    def block(self, rows: Rows, used: BoolArray) -> Block:
        """The pixels `rows` on the bands `used` (n, n_bands)."""
        block = make_block(self.pixels[rows], self.target, used, self.whitener)
        if self.uncertainty is None and self.columns is None and self.wavelength_nm is None:
            return block
        sigma = None if self.uncertainty is None else np.where(block.used, self.uncertainty[rows], 1.0)
        return replace(block, uncertainty=sigma, columns=None if self.columns is None else self.columns[rows],
                       wavelength_nm=self.wavelength_nm)

    def weighable(self) -> Inputs:
        """Only the values that have an uncertainty above zero, without which a band has no weight."""
        if self.uncertainty is None:
            return self
        known = np.isfinite(self.uncertainty) & (self.uncertainty > 0)
        return replace(self, valid=known if self.valid is None else known & self.valid)


def measure(metric: Metric, inputs: Inputs, progress: Progress) -> Evaluation:
    """Cut the pixels into blocks and gather what the metric says of each."""
    pixels, target = inputs.pixels, inputs.target
    values = np.full(len(pixels), np.nan)
    all_used = np.zeros(pixels.shape, bool)
    n_bands, n_valid = np.zeros(len(pixels), np.int32), np.zeros(len(pixels), np.int32)
    order = None if inputs.whitener is None else inputs.order(inputs.usable(slice(None)))
    whole = np.count_nonzero(inputs.base & (target > 0) if metric.positive_bands else inputs.base)
    for number, rows in enumerate(row_blocks(len(pixels), order)):
        if number % _BLOCKS_PER_REPORT == 1:
            checkpoint(progress, min(1.0, number * ROWS / len(pixels)), "Scoring")
        valid = inputs.usable(rows)
        used = valid & (pixels[rows] > 0) & (target > 0) if metric.positive_bands else valid
        n_used = used.sum(axis=1, dtype=np.int32)
        all_used[rows], n_bands[rows] = used, n_used
        n_valid[rows] = valid.sum(axis=1) if valid is not used else n_used
        for part in _with_and_without_holes(n_used == whole):
            some = rows if part is None else np.arange(len(pixels))[rows][part]
            values[some] = metric.function(inputs.block(some, used if part is None else used[part]))
    left_out = n_valid - n_bands
    too_dark = 100 * left_out > LEFT_OUT_PERCENT * n_valid
    values[too_dark | (n_bands < metric.min_bands)] = np.nan
    return Evaluation(values, all_used, _left_out_notes(left_out, too_dark))


def _with_and_without_holes(complete: BoolArray) -> list[Optional[npt.NDArray[np.intp]]]:
    """Pixels that use every band, and the others, whose sums cost more; [None] where all are alike."""
    if complete.all() or not complete.any():
        return [None]
    return [np.flatnonzero(complete), np.flatnonzero(~complete)]


def _left_out_notes(left_out: npt.NDArray[np.int32], too_dark: BoolArray) -> tuple[str, ...]:
    if not left_out.any():
        return ()
    return (f"{int(left_out.sum())} values at or below zero were left out, in {np.count_nonzero(left_out)} "
            f"of {len(left_out)} pixels; those with more than {LEFT_OUT_PERCENT} % of them get no value: "
            f"{np.count_nonzero(too_dark)}.",)
