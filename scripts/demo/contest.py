"""Which reference is nearest to each pixel, by one metric, and how often it is the right one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pixel_spectra.core.aoi import PixelSet
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.libraries import ReferenceSpectrum
from pixel_spectra.core.metrics import METRICS
from pixel_spectra.core.sensors import Granule

from .scene import Patch, material


@dataclass(frozen=True)
class Contest:
    """The scores of some pixels of the patches against all candidates, by one metric."""

    metric: str
    """Name of the metric."""
    patches: Sequence[Patch]
    """The patches; `pixels.feature_id` is a position in it."""
    pixels: PixelSet
    """The pixels, row by row."""
    valid: npt.NDArray[np.bool_]
    """(n_pixels,) usable after the mask."""
    reasons: tuple[str, ...]
    """(n_pixels,) why not."""
    references: tuple[ReferenceSpectrum, ...]
    """The candidates, column by column."""
    scores: npt.NDArray[np.float64]
    """(n_pixels, n_references); NaN where undefined."""

    @property
    def winner(self) -> npt.NDArray[np.intp]:
        """(n_pixels,) column of the nearest reference; -1 where there is no score."""
        sign = 1.0 if METRICS[self.metric].better == "lower" else -1.0
        ranked = np.where(np.isfinite(self.scores), sign * self.scores, np.inf)
        return np.where(np.isfinite(ranked).any(axis=1), ranked.argmin(axis=1), -1)

    def medians(self) -> dict[str, float]:
        """Truth -> median of the winning scores of the valid pixels; decoys too."""
        best = np.take_along_axis(self.scores, self.winner[:, None], axis=1)[:, 0]
        truth = np.array(self.truth)
        return {name: float(np.median(best[(truth == name) & self.valid])) for name in dict.fromkeys(self.truth)}

    @property
    def truth(self) -> list[str]:
        """(n_pixels,) what each pixel is."""
        names = [patch.cover.name for patch in self.patches]
        return [names[i] for i in self.pixels.feature_id]

    @property
    def answer(self) -> list[str]:
        """(n_pixels,) what the nearest reference says it is."""
        names = [*(material(r) for r in self.references), "no score"]
        return [names[i] for i in self.winner]

    def confusion(self, decoys: bool = False) -> dict[str, Counter[str]]:
        """Truth -> answers of the valid pixels, of the patches that have a right answer or of the decoys."""
        table: dict[str, Counter[str]] = {}
        for patch in self.patches:
            if patch.cover.decoy == decoys:
                table.setdefault(patch.cover.name, Counter())
        for truth, answer, valid in zip(self.truth, self.answer, self.valid):
            if valid and truth in table:
                table[truth][answer] += 1
        return table


def share_right(confusion: Mapping[str, Counter[str]]) -> float:
    """Part of the pixels whose answer is the truth."""
    total = sum(sum(answers.values()) for answers in confusion.values())
    return sum(answers[truth] for truth, answers in confusion.items()) / total


def hold(granule: Granule, patches: Sequence[Patch], pixels: PixelSet,
         references: Sequence[ReferenceSpectrum], metric: str) -> Contest:
    """Score `pixels` against every reference with the default mask."""
    seen = [inspect(granule, pixels=pixels, reference=reference, metric=metric) for reference in references]
    scores = np.stack([one.scores for one in seen], axis=1)
    return Contest(metric, patches, pixels, seen[0].spectra.pixel_valid, seen[0].reasons,
                   tuple(references), scores)


def as_text(confusion: Mapping[str, Counter[str]], rated: bool = True) -> str:
    """The table as lines: what it is down, what it was taken for across; `rated` adds the share of right answers."""
    taken = {answer for answers in confusion.values() for answer in answers}
    columns = [name for name in confusion if rated or name in taken] + sorted(taken - set(confusion))
    widths = [max(6, len(name)) for name in columns]
    lines = [" ".join([f"{'':16s}", *(f"{c:>{w}s}" for c, w in zip(columns, widths)), "  right" if rated else ""])]
    for truth, answers in confusion.items():
        cells = (f"{answers[c] or '.':>{w}}" for c, w in zip(columns, widths))
        right = f"{answers[truth] / max(1, sum(answers.values())):7.1%}" if rated else ""
        lines.append(" ".join([f"{truth:16s}", *cells, right]))
    return "\n".join(lines)
