"""How close a pixel or an area is to the reference: the number, its rank, all metrics, what else it could be."""

from __future__ import annotations

from typing import Optional

import numpy as np
from qgis.PyQt.QtCore import QLocale, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ..core.comparison import Comparison
from ..core.metrics.metric import Metric
from ..core.portrait import Spread
from .axes import count_text, plain_number
from .elided import wrapped
from .match_panel import MatchPanel
from .score_plot import ScoreHistogram, unit_text
from .score_tables import ARROWS, WAITING, MetricTable, percent_text
from .shown import AreaScore, Counts, PixelScore

NO_REFERENCE = "Choose a reference to get a score."


class ScorePanel(QWidget):
    """One number for a pixel, a histogram with a threshold for an area, and always what became of the pixels."""

    threshold_changed = pyqtSignal(float)
    """The user moved the threshold; live while dragging."""
    match_chosen = pyqtSignal(str)
    """Id of the reference to lay over the plot; "" takes it away again."""
    library_chosen = pyqtSignal(str)
    """Path of the library in which matches are to be sought; "" for the bundled one."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._metric: Optional[Metric] = None
        self._area: Optional[AreaScore] = None
        self._reference, self._counts = _label("Reference"), _label("Valid and masked pixels")
        self._comparison_notes = _label("Notes on the comparison")
        self.matches = MatchPanel()
        self.match_table = self.matches.table
        self.matches.match_chosen.connect(self.match_chosen)
        self.matches.library_chosen.connect(self.library_chosen)
        self._pixel_part, self._area_part = self._make_pixel_part(), self._make_area_part()
        inside = QWidget()
        column = QVBoxLayout(inside)
        for widget in (self._reference, self._pixel_part, self._area_part, self.matches, self._comparison_notes,
                       self._counts):
            column.addWidget(widget, 1 if widget is self._area_part else 0)
        column.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(inside)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll)
        self.setMinimumHeight(5 * self.fontMetrics().height())
        self.show_hint("")

    @property
    def threshold(self) -> Optional[float]:
        """The threshold of the area shown, the one chosen for it included; None where no area is."""
        shown = self._area is not None and not np.isnan(self.histogram.threshold)
        return self.histogram.threshold if shown else None

    def show_pixel(self, score: PixelScore) -> None:
        """Show the number of one pixel; what show_comparison() brings is still open."""
        self._show(score.metric, score.reference, score.counts, pixel=True)
        if np.isfinite(score.value):
            self._number.setText(plain_number(score.value))
            self._unit.setText(f"{unit_text(score.metric).strip()}\n{_direction(score.metric)}".strip())
            self._rank.setText(WAITING)
            self._show_sigma(f"± {WAITING}" if score.has_sigma else "")
        else:
            self._show_sigma("")
            self._number.setText("No score")
            self._unit.setText("")
            self._rank.setText(score.why or f"{score.metric.title} is undefined for this pixel.")
        if score.n_bands:
            bands = "1 band" if score.n_bands == 1 else f"{score.n_bands} bands"
            self._counts.setText(f"{self._counts.text()} {bands} entered the score.")
        self.metric_table.show_waiting(score.metric)
        self.metric_table.setVisible(bool(score.counts.n_valid))

    def show_comparison(self, comparison: Comparison, sigma: float = float("nan")) -> None:
        """Fill in the rank, the other metrics and the best matches of the pixel shown, and the `sigma` of its score.

        An area, or anything without a reference, has only the best matches; a hint takes nothing.
        """
        if self._counts.isHidden():
            return
        self.matches.show_matches(comparison.matches)
        self.matches.show()
        self._comparison_notes.setText("\n".join(comparison.notes))
        self._comparison_notes.setVisible(bool(comparison.notes))
        if self._metric is not None and self._area is None:
            self._show_values(comparison, self._metric)
            self._show_sigma(f"± {plain_number(sigma, 2)}" if np.isfinite(sigma) else "")

    def _show_sigma(self, text: str) -> None:
        self._sigma.setText(text)
        self._sigma.setVisible(bool(text))

    def _show_values(self, comparison: Comparison, metric: Metric) -> None:
        """Fill in the rank and the metrics."""
        self.metric_table.show_values(comparison.metrics, metric)
        row = next((row for row in comparison.metrics if row.metric.name == metric.name), None)
        if self._rank.text() == WAITING:
            known = row is not None and np.isfinite(row.percentile)
            self._rank.setText(_rank_text(row.percentile, comparison.n_sample) if row is not None and known else
                               "Its place among the pixels of this scene is unknown.")

    def show_area(self, score: AreaScore, threshold: Optional[float] = None) -> None:
        """Show the scores of an area; `threshold` None starts at their median. Emits nothing."""
        self._show(score.metric, score.reference, score.counts, area=True)
        self._area = score
        self.histogram.show_scores(score.metric, score.values)
        self._spin.setDecimals(self.histogram.decimals)
        self._spin.setSingleStep(self.histogram.step)
        self._spin.setSuffix(unit_text(score.metric))
        spread = self.histogram.spread
        start = _median(score.metric, spread, self.histogram.decimals) if threshold is None else threshold
        self.histogram.set_threshold(start)
        self._spin.setEnabled(bool(spread.counts.size))
        self._moments.setText(_moments_text(score.metric, spread, score.standard_error))
        self._show_threshold()

    def show_counts(self, counts: Counts) -> None:
        """Without a reference: no number, but how many pixels can be used."""
        self._show(None, "", counts)
        self._reference.setText(NO_REFERENCE)

    def show_hint(self, text: str) -> None:
        """Nothing but a sentence on what to do; "" shows nothing."""
        self._show(None, "", None)
        self._reference.setText(text)
        self._reference.setVisible(bool(text))

    def _show(self, metric: Optional[Metric], reference: str, counts: Optional[Counts], pixel: bool = False,
              area: bool = False) -> None:
        """Which parts are there."""
        self._metric, self._area = metric, None
        title = "" if metric is None else metric.title
        self._reference.setText(f"{title} to {reference}" if reference else title)
        self._reference.setVisible(True)
        self._counts.setText("" if counts is None else counts_text(counts))
        self._counts.setVisible(counts is not None)
        self._pixel_part.setVisible(pixel)
        self.matches.show_waiting()
        self.matches.setVisible((pixel or area) and counts is not None and counts.n_valid > 0)
        self._comparison_notes.hide()
        self._area_part.setVisible(area)

    def _make_pixel_part(self) -> QWidget:
        """Number, rank, metrics, matches."""
        self._number, self._unit, self._rank = _label("Score"), _label("Unit and direction"), _label("Rank")
        self._sigma = _label("Uncertainty of the score")
        self._sigma.setToolTip(wrapped("One standard deviation of the score, from the uncertainty of the reflectance "
                                       "(RFLUNCERT). The errors of the bands are taken as independent."))
        for label, size in ((self._number, 2.0), (self._sigma, 1.4)):
            label.setWordWrap(False)
            font = label.font()
            font.setPointSizeF(size * font.pointSizeF())
            font.setBold(label is self._number)
            label.setFont(font)
            label.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self._rank.setMinimumHeight(2 * self._rank.fontMetrics().lineSpacing())
        self._rank.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.metric_table = MetricTable()
        row = QHBoxLayout()
        row.addWidget(self._number)
        row.addWidget(self._sigma)
        row.addWidget(self._unit, 1)
        part = QWidget()
        column = QVBoxLayout(part)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self._rank)
        column.addWidget(self.metric_table)
        return part

    def _make_area_part(self) -> QWidget:
        """Threshold, what it accepts, histogram: the verdict is in sight in a low window too."""
        self.histogram = ScoreHistogram()
        self._accepted, self._moments = _label("Accepted pixels"), _label("Mean and standard deviation")
        self._spin = QDoubleSpinBox()
        self._spin.setLocale(QLocale.c())
        self._spin.setRange(-1e9, 1e9)
        self._spin.setKeyboardTracking(False)
        self._spin.setAccessibleName("Threshold")
        self._spin.setToolTip("Pixels whose score is at the threshold or closer are accepted")
        self._spin.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        self._spin.setMinimumWidth(10 * self.fontMetrics().averageCharWidth())
        self._spin.setMaximumWidth(18 * self.fontMetrics().averageCharWidth())
        self._spin.valueChanged.connect(self._type_threshold)
        self.histogram.threshold_changed.connect(self._drag_threshold)
        name = QLabel("&Threshold")
        name.setBuddy(self._spin)
        row = QHBoxLayout()
        row.addWidget(name)
        row.addWidget(self._spin)
        row.addWidget(self._accepted, 1)
        part = QWidget()
        column = QVBoxLayout(part)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.histogram, 1)
        column.addWidget(self._moments)
        return part

    def _drag_threshold(self, threshold: float) -> None:
        """From the histogram."""
        self._show_threshold()
        self.threshold_changed.emit(threshold)

    def _type_threshold(self, threshold: float) -> None:
        """From the spin box."""
        self.histogram.set_threshold(threshold)
        self._show_threshold()
        self.threshold_changed.emit(threshold)

    def _show_threshold(self) -> None:
        """The threshold in the box, and what it accepts."""
        threshold = self.threshold
        if self._area is None or threshold is None:
            self._accepted.setText("Without a score there is nothing to accept.")
            return
        self._spin.blockSignals(True)
        self._spin.setValue(threshold)
        self._spin.blockSignals(False)
        n = np.count_nonzero(self._area.metric.accepts(self._area.values, threshold))
        self._accepted.setText(f"{count_text(n)} accepted of {count_text(self._area.counts.n_valid)} valid pixels")


def counts_text(counts: Counts) -> str:
    """What became of the pixels, in a sentence or two.

    >>> counts_text(Counts(1, 0, {"cloud": 1}))
    'The pixel is masked: cloud.'
    >>> counts_text(Counts(9, 6, {"cloud": 2, "off the swath": 1}))
    '6 of 9 pixels are valid. Masked: 2 cloud, 1 off the swath.'
    """
    masked = sorted(counts.masked.items(), key=lambda item: -item[1])
    if counts.n == 1:
        reasons = ", ".join(reason for reason, _ in masked) or "no data"
        return "The pixel is valid." if counts.n_valid else f"The pixel is masked: {reasons}."
    reasons = ", ".join(f"{count_text(n)} {reason}" for reason, n in masked)
    text = f"{count_text(counts.n_valid)} of {count_text(counts.n)} pixels are valid."
    return f"{text} Masked: {reasons}." if reasons else f"{text} None is masked."


def _direction(metric: Metric) -> str:
    return f"{ARROWS[metric.better]} {metric.better} is closer"


def _rank_text(percentile: float, n_sample: int) -> str:
    share = percent_text(percentile)
    return f"Closer than {share} of {count_text(n_sample)} pixels of this scene"


def _median(metric: Metric, spread: Spread, decimals: int) -> float:
    """The median, rounded to the side that still accepts it; NaN for no value."""
    away = np.ceil if metric.better == "lower" else np.floor
    return round(float(away(spread.median * 10**decimals)) / 10**decimals, decimals)


def _moments_text(metric: Metric, spread: Spread, standard_error: Optional[float]) -> str:
    if not spread.counts.size:
        return ""
    error = "" if standard_error is None else f"; standard error of the mean {plain_number(standard_error, 2)}"
    sigma = f" ± {plain_number(spread.sigma)} (1 σ)" if np.isfinite(spread.sigma) else ""
    return f"Mean {plain_number(spread.mean)}{sigma}{unit_text(metric)}{error}"


def _label(name: str) -> QLabel:
    """A text that wraps and can be selected."""
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard)
    label.setAccessibleName(name)
    return label
