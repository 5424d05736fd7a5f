"""Views of the plot, the σ of a score, and the table of what a spectrum could be, without QGIS."""

from __future__ import annotations

import numpy as np
import pytest
from pixel_spectra.core.comparison import Comparison, Match, MetricValue
from pixel_spectra.core.continuum import remove_continuum
from pixel_spectra.core.metrics import METRICS
from pixel_spectra.core.views import VIEWS, derivative
from pixel_spectra.ui.match_panel import MatchPanel
from pixel_spectra.ui.painted_spectrum import PaintedSpectrum
from pixel_spectra.ui.question_bar import QuestionBar
from pixel_spectra.ui.score_panel import ScorePanel
from pixel_spectra.ui.settings import InspectorSettings
from pixel_spectra.ui.shown import AreaScore, Counts, Curve, PixelScore, SpectrumContent
from pixel_spectra.ui.spectrum_panel import SpectrumPanel
from pixel_spectra.ui.spectrum_picture import ViewOptions, viewed
from pixel_spectra.ui.spectrum_plot import SpectrumPlot
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QSignalSpy, QTest
from qgis.PyQt.QtWidgets import QAbstractButton, QComboBox, QLabel

pytestmark = pytest.mark.usefixtures("application")

NM = np.array([400.0, 500.0, 600.0, 700.0, 800.0, 900.0])
VALUES = np.array([0.1, 0.2, np.nan, 0.3, 0.5, 0.4])
PIXEL = Curve("c", "row 812", "#0b78e5", NM, VALUES, sigma=np.full(6, 0.1), masked_values=np.full(6, 0.9), pinned=False)
FOUND = Curve("r", "Kaolinite", "#808080", NM, np.linspace(0.5, 1.0, 6), "reference", scale=0.5)
CONTENT = SpectrumContent((FOUND, PIXEL), sample=np.stack([VALUES, VALUES + 0.1]), sample_nm=NM)
SAM = METRICS["sam"]
MATCHES = (Match("kao", "Kaolinite CM9", 0.91, 0.0312, 0.002, 0.97, 0.0004),
           Match("dick", "Dickite", 0.7096, 0.0581, 0.008, 0.88, np.nan))


@pytest.fixture
def show():
    made = []

    def put(widget, width=640, height=420):
        widget.resize(width, height)
        widget.show()
        QTest.qWaitForWindowExposed(widget)
        made.append(widget)
        return widget

    yield put
    for widget in made:
        widget.close()
        widget.deleteLater()


def combo(widget, name):
    return next(box for box in widget.findChildren(QComboBox) if box.accessibleName() == name)


def label(widget, name):
    return next(one for one in widget.findChildren(QLabel) if one.accessibleName() == name)


@pytest.mark.parametrize(("view", "of"), [("continuum_removed", remove_continuum), ("derivative", derivative)])
def test_a_view_transforms_curves_and_sample_and_leaves_out_what_would_be_wrong(view, of):
    seen = viewed(CONTENT, view)
    for curve, given in zip(seen.curves, CONTENT.curves):
        np.testing.assert_array_equal(curve.values, of(NM, given.values))
        assert curve.sigma is None and curve.masked_values is None
    np.testing.assert_array_equal(seen.sample, of(NM, CONTENT.sample))
    assert seen.quantity == VIEWS[view].quantity("Reflectance")
    assert seen.curves[0].scale == (0.5 if view == "derivative" else None)


def test_the_values_are_shown_as_they_are():
    assert viewed(CONTENT, "values") is CONTENT


@pytest.mark.parametrize("kind", [SpectrumPlot, PaintedSpectrum])
def test_either_plot_draws_the_view_within_its_range(show, kind):
    if kind is SpectrumPlot:
        pytest.importorskip("pyqtgraph")
    plot = show(kind())
    plot.show_content(CONTENT)
    low, high = plot.picture.y
    assert low < 0.0 and high > 1.0  # with ± uncertainty, and the reference
    whole = plot.image()
    plot.set_options(ViewOptions(view="derivative"))
    low, high = plot.picture.y
    assert (low, high) == pytest.approx((-0.00115, 0.00215))  # -0.001 to 0.002, and a twentieth on both sides
    assert plot.image() != whole
    plot.show_content(CONTENT)
    np.testing.assert_array_equal(plot.picture.content.curves[1].values, derivative(NM, VALUES))
    plot.set_options(ViewOptions())
    assert plot.picture.content is CONTENT


def test_a_short_axis_leaves_the_unit_out(show):
    pytest.importorskip("pyqtgraph")
    plot = show(SpectrumPlot(), height=600)
    plot.show_content(CONTENT)
    plot.set_options(ViewOptions(view="derivative"))
    axis = plot._plot.getAxis("left")
    assert axis.labelText == "Derivative (reflectance per nm)"
    plot.resize(640, 200)
    QTest.qWait(20)
    assert axis.labelText == "Derivative"


def test_the_panel_offers_the_views_with_the_keyboard_and_tells(show):
    panel = show(SpectrumPanel(), 900)
    panel.show_content(CONTENT)
    box, told = combo(panel, "View"), QSignalSpy(panel.changed)
    assert [box.itemText(i) for i in range(box.count())] == ["Values", "Continuum removed", "Derivative"]
    QTest.keyClick(box, Qt.Key.Key_Down)
    assert panel.options().view == "continuum_removed" and len(told) == 1
    buttons = {b.text(): b.isEnabled() for b in panel.findChildren(QAbstractButton)}
    assert not buttons["Masked values"] and not buttons["Scale reference"]
    QTest.keyClick(box, Qt.Key.Key_Down)
    buttons = {b.text(): b.isEnabled() for b in panel.findChildren(QAbstractButton)}
    assert not buttons["Masked values"] and buttons["Scale reference"]


def test_the_keyboard_reads_the_derivative(show):
    panel = show(SpectrumPanel(), 900)
    panel.show_content(CONTENT)
    panel.set_options(ViewOptions(view="derivative"))
    QTest.keyClick(panel.plot, Qt.Key.Key_Home)
    assert label(panel, "Values read").whole_text() == "400.0 nm  ·  0.001000  ·  row 812"


@pytest.mark.parametrize("kept", [{"view": "derivative"}, {"view": "logarithm"}, {"view": 3}, {}])
def test_the_view_is_remembered_and_nonsense_is_not(kept):
    expected = "derivative" if kept.get("view") == "derivative" else "values"
    settings = InspectorSettings.from_plain(kept)
    assert settings.view == expected
    assert InspectorSettings.from_plain(settings.to_plain()) == settings


def test_a_view_that_is_unknown_shows_the_values(show):
    panel = show(SpectrumPanel())
    panel.set_options(ViewOptions(view="logarithm"))
    assert panel.options().view == "values"


# ---- how sure it is

COMPARED = Comparison((MetricValue(SAM, 0.0487, 97.3, ""),), MATCHES, 4096)


def test_the_sigma_of_a_score_is_waited_for_and_then_shown(show):
    panel = show(ScorePanel())
    panel.show_pixel(PixelScore(SAM, 0.0487, "Kaolinite", Counts(1, 1, {}), 244, has_sigma=True))
    sigma = label(panel, "Uncertainty of the score")
    assert sigma.isVisible() and sigma.text() == "± …"
    panel.show_comparison(COMPARED, 0.003141)
    assert (label(panel, "Score").text(), sigma.text()) == ("0.0487", "± 0.0031")
    assert "independent" in sigma.toolTip()


def test_a_sigma_that_is_not_known_is_not_shown(show):
    panel = show(ScorePanel())
    panel.show_pixel(PixelScore(SAM, 0.0487, "Kaolinite", Counts(1, 1, {}), 244, has_sigma=True))
    panel.show_comparison(COMPARED)
    assert not label(panel, "Uncertainty of the score").isVisible()
    panel.show_pixel(PixelScore(SAM, 0.0487, "Kaolinite", Counts(1, 1, {}), 244))
    assert not label(panel, "Uncertainty of the score").isVisible()


@pytest.mark.parametrize(("error", "said"), [(0.0104, "; standard error of the mean 0.010"), (None, "")])
def test_the_mean_of_an_area_has_its_standard_error_where_it_is_known(show, error, said):
    panel = show(ScorePanel())
    panel.show_area(AreaScore(SAM, np.array([0.1, 0.2, 0.3]), "Kaolinite", Counts(3, 3, {}), error))
    assert label(panel, "Mean and standard deviation").text() == f"Mean 0.200 ± 0.100 (1 σ)\u202frad{said}"


# ---- what is this?

def test_an_area_has_its_matches_below_the_histogram(show):
    panel = show(ScorePanel(), 460, 800)
    panel.show_area(AreaScore(SAM, np.array([0.1, 0.2, 0.3]), "Kaolinite", Counts(3, 3, {})))
    assert panel.match_table.isVisible() and panel.match_table.item(0, 0).text() == "…"
    panel.show_comparison(Comparison((), MATCHES, 0))
    assert [panel.match_table.item(1, c).text() for c in range(5)] == ["Dickite", "0.710", "0.0581", "0.880", "–"]
    assert panel.match_table.item(0, 4).text() == "0.000"
    assert panel.match_table.mapTo(panel, panel.match_table.rect().topLeft()).y() > panel.histogram.height()


@pytest.mark.parametrize("n_valid", [0, 3])
def test_an_area_of_masked_pixels_is_not_matched(show, n_valid):
    panel = show(ScorePanel(), 460, 800)
    panel.show_area(AreaScore(SAM, np.full(3, np.nan), "Kaolinite", Counts(3, n_valid, {})))
    assert panel.match_table.isVisible() == bool(n_valid)


def test_a_library_is_offered_once_and_told_when_it_is_chosen(show):
    panel = show(MatchPanel())
    told = QSignalSpy(panel.library_chosen)
    for _ in range(2):
        panel.add_library("/data/mine.csv")
    box = combo(panel, "Library to match")
    assert [box.itemText(i) for i in range(box.count())] == ["Bundled spectra", "mine.csv"]
    assert panel.library == "" and len(told) == 0
    QTest.keyClick(box, Qt.Key.Key_Down)
    assert panel.library == "/data/mine.csv" and [list(one) for one in told] == [["/data/mine.csv"]]


def test_the_map_is_asked_for_by_mouse_and_keyboard(show):
    bar = show(QuestionBar(), 460, 220)
    button = next(b for b in bar.findChildren(QAbstractButton) if b.accessibleName() == "Map this metric")
    told = QSignalSpy(bar.map_asked)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert len(told) == 2 and "every pixel" in button.toolTip()
