"""The panel of spectra: what is drawn and what is not, what is read under pointer and keys, and what is exported."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from pixel_spectra.core.portrait import MaskedRegion
from pixel_spectra.ui.painted_spectrum import PaintedSpectrum
from pixel_spectra.ui.shown import Curve, Place, SpectrumContent
from pixel_spectra.ui.spectrum_panel import SpectrumPanel
from pixel_spectra.ui.spectrum_picture import Picture, ReadOut, ViewOptions, alone, flattened, runs
from pixel_spectra.ui.spectrum_plot import SpectrumPlot
from pixel_spectra.ui.theme import BAD, CURVE_COLOURS, GOOD, REFERENCE, Theme
from qgis.PyQt.QtCore import QPoint, QPointF, Qt
from qgis.PyQt.QtGui import QColor, QImage, QPalette, QWheelEvent
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QToolButton

NAN = np.nan
NM = np.array([400.0, 500.0, 600.0, 700.0, 800.0, 900.0])
PLACE = Place(-116.123456, 38.5, 812, 433, 23.4)
CANDIDATE = Curve("c", "row 812", "#0b78e5", NM, np.array([0.1, 0.2, NAN, 0.3, NAN, 0.4]), place=PLACE, pinned=False,
                  masked_values=np.array([NAN, NAN, 0.9, NAN, 5.0, NAN]))
FOUND = Curve("r", "Kaolinite", REFERENCE, NM, np.linspace(0.5, 1.0, 6), "reference", scale=0.5)
REGIONS = (MaskedRegion(550, 650, "bad band"), MaskedRegion(750, 850, "cloud flag"))
CONTENT = SpectrumContent((FOUND, CANDIDATE), REGIONS, note="2 of 6 bands are masked.")
WHITE, DARK = QColor("#ffffff"), QColor("#2b2b2b")


def palette(text: QColor, base: QColor) -> QPalette:
    made = QPalette()
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.WindowText, QPalette.ColorRole.ButtonText):
        made.setColor(role, text)
    for role in (QPalette.ColorRole.Base, QPalette.ColorRole.Window, QPalette.ColorRole.Button):
        made.setColor(role, base)
    return made


THEMES = [Theme.of(palette(QColor("#000000"), WHITE)), Theme.of(palette(QColor("#e6e6e6"), DARK))]


@pytest.fixture(params=[SpectrumPlot, PaintedSpectrum])
def plot(request, application):
    """Either plot, on the screen, light."""
    if request.param is SpectrumPlot:
        pytest.importorskip("pyqtgraph")
    made = request.param()
    made.resize(640, 400)
    made.set_theme(THEMES[0])
    made.show()
    application.processEvents()
    yield made
    made.close()
    made.deleteLater()


@pytest.fixture
def panel(application):
    made = SpectrumPanel()
    made.resize(900, 500)
    made.show()
    application.processEvents()
    yield made
    made.close()
    made.deleteLater()


def position(plot, application, wavelength_nm: float, value: float) -> QPoint:
    """Where a value stands on the tracked widget, found by asking the plot itself."""
    application.processEvents()
    size = plot.tracked.size()
    best = None
    for x in range(size.width()):
        at = plot.data_at(QPointF(x, size.height() // 2))
        if at is not None and (best is None or abs(at[0] - wavelength_nm) < best[0]):
            best = (abs(at[0] - wavelength_nm), x)
    column = best[1]
    rows = [(abs(at[1] - value), y) for y in range(size.height())
            if (at := plot.data_at(QPointF(column, y))) is not None]
    return QPoint(column, min(rows)[1])


def count(image: QImage, colour: str) -> int:
    """Pixels of that colour."""
    return sum(image.pixelColor(x, y).name() == colour for x in range(image.width()) for y in range(image.height()))


def luminance(colour: QColor) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.getRgbF()[:3]]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(a: QColor, b: QColor) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("background", [WHITE, DARK])
def test_every_curve_can_be_seen_in_both_themes(background):
    assert len(CURVE_COLOURS) == len(set(CURVE_COLOURS)) == 12
    assert min(contrast(QColor(c), background) for c in (*CURVE_COLOURS, GOOD, BAD)) > 2.5


@pytest.mark.parametrize("theme", THEMES)
def test_known_reasons_have_colours_of_their_own_and_let_curves_through(theme):
    known = ("bad band", "interpolated band", "no data", "cloud flag", "cirrus flag", "dilated cloud flag",
             "spacecraft flag", "off the swath", "no quality data")
    shades = [theme.reason_colour(reason) for reason in known]
    assert all(a.name() != b.name() for a, b in combinations(shades, 2))
    assert all(shade.alphaF() < 0.4 for shade in shades)


def test_another_reason_always_has_the_same_colour():
    told = "from pixel_spectra.ui.theme import Theme; from qgis.PyQt.QtGui import QPalette;" \
           "print(Theme.of(QPalette()).reason_colour('H2O > 2').name())"
    here = THEMES[0].reason_colour("H2O > 2").name()
    again = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert again.stdout.strip() == here


def test_the_reference_is_drawn_in_the_colour_of_the_text():
    assert [t.curve_colour(REFERENCE).name() for t in THEMES] == ["#000000", "#e6e6e6"]
    assert [t.dark for t in THEMES] == [False, True]


def test_stretches_and_lonely_values():
    values = np.array([NAN, 1.0, 2.0, NAN, 3.0, NAN, NAN, 4.0])
    assert runs(values) == [slice(1, 3), slice(4, 5), slice(7, 8)]
    assert alone(values).tolist() == [4, 7]
    assert runs(np.array([])) == [] and runs(np.full(3, NAN)) == []


def test_curves_of_a_sample_are_parted_by_a_gap():
    x, y = flattened(np.array([400.0, 500.0]), np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert np.array_equal(y, [1, 2, NAN, 3, 4, NAN], equal_nan=True)
    assert np.array_equal(x, [400, 500, NAN, 400, 500, NAN], equal_nan=True)


def test_values_range_over_what_is_valid_and_drawn():
    picture = Picture(CONTENT, ViewOptions(masked_shown=True), THEMES[0])
    assert picture.y == pytest.approx((0.1 - 0.045, 1.0 + 0.045))
    assert replace(picture, options=ViewOptions(scaled=True)).y == pytest.approx((0.1 - 0.02, 0.5 + 0.02))
    wide = replace(CANDIDATE, sigma=np.full(6, 0.1))
    assert Picture(SpectrumContent((wide,)), ViewOptions(), THEMES[0]).y == pytest.approx((0 - 0.025, 0.5 + 0.025))
    assert picture.zoomed((650.0, 750.0)).y == pytest.approx((0.3 - 0.025, 0.8 + 0.025))
    assert Picture(SpectrumContent(()), ViewOptions(), THEMES[0]).y == (0.0, 1.0)


def test_a_zoom_that_holds_nothing_of_the_new_content_is_left():
    far = SpectrumContent((replace(CANDIDATE, wavelength_nm=NM + 1000),))
    assert Picture(far, ViewOptions(), THEMES[0]).zoomed((400.0, 500.0)).zoom_nm is None
    assert Picture(CONTENT, ViewOptions(), THEMES[0]).zoomed((400.0, 500.0)).zoom_nm == (400.0, 500.0)


@pytest.mark.parametrize("content", [
    SpectrumContent(()),
    SpectrumContent((replace(CANDIDATE, values=np.full(6, NAN)),), REGIONS),
    SpectrumContent((replace(CANDIDATE, wavelength_nm=NM[:2], values=np.array([0.2, 0.2]), masked_values=None),)),
    SpectrumContent((replace(CANDIDATE, wavelength_nm=NM[:1], values=np.array([0.2]), masked_values=None),)),
    SpectrumContent((), sample=np.random.default_rng(0).random((200, 300)), sample_nm=np.linspace(400, 2500, 300)),
    SpectrumContent((), sample=np.empty((0, 6)), sample_nm=NM),
], ids=["nothing", "all masked", "two bands", "one band", "a sample only", "an empty sample"])
def test_anything_can_be_shown(plot, content, application):
    plot.show_content(CONTENT)
    plot.show_content(content)
    application.processEvents()
    assert plot.image().size() == plot.size()


def test_the_pointer_reads_the_nearest_curve(plot, application):
    plot.show_content(CONTENT)
    reads: list[ReadOut] = []
    plot.hovered.connect(reads.append)
    QTest.mouseMove(plot.tracked, position(plot, application, 503, 0.22))
    application.processEvents()
    assert (reads[-1].wavelength_nm, reads[-1].value, reads[-1].curve.key, reads[-1].reason) == (500, 0.2, "c", "")
    QTest.mouseMove(plot.tracked, position(plot, application, 503, 0.58))
    application.processEvents()
    assert (reads[-1].value, reads[-1].curve.key) == (pytest.approx(0.6), "r")


def test_in_a_masked_band_the_reason_is_read(plot, application):
    plot.show_content(SpectrumContent((CANDIDATE,), REGIONS))
    reads: list[ReadOut] = []
    plot.hovered.connect(reads.append)
    QTest.mouseMove(plot.tracked, position(plot, application, 601, 0.2))
    application.processEvents()
    assert (reads[-1].wavelength_nm, reads[-1].reason, reads[-1].curve.key) == (600, "bad band", "c")
    assert np.isnan(reads[-1].value)


def test_a_value_masked_in_its_own_pixel_only_says_so():
    picture = Picture(SpectrumContent((CANDIDATE,)), ViewOptions(), THEMES[0])
    assert picture.read(CANDIDATE, 2).reason == "masked"


def test_arrow_keys_go_band_by_band_over_the_candidate(plot):
    plot.show_content(CONTENT)
    reads: list[ReadOut] = []
    plot.hovered.connect(reads.append)
    keys = (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_End, Qt.Key.Key_Right)
    for key in keys:
        QTest.keyClick(plot, key)
    assert [r.wavelength_nm for r in reads] == [400, 500, 600, 500, 900, 900]
    assert {r.curve.key for r in reads} == {"c"} and reads[2].reason == "bad band"
    QTest.keyClick(plot, Qt.Key.Key_Escape)
    assert reads[-1] is None


def test_keys_do_nothing_without_curves(plot):
    reads: list[ReadOut] = []
    plot.hovered.connect(reads.append)
    QTest.keyClick(plot, Qt.Key.Key_Right)
    assert reads == []


def test_a_picture_shades_what_is_masked_and_never_bridges_it(plot):
    flat = replace(CANDIDATE, values=np.array([0.2, 0.2, NAN, 0.2, 0.2, 0.2]), masked_values=None)
    plot.set_options(ViewOptions(legend_shown=False))
    plot.show_content(SpectrumContent((flat,)))
    bare = plot.image()
    plot.show_content(SpectrumContent((flat,), REGIONS[:1]))
    shaded = plot.image()
    shade = THEMES[0].reason_colour("bad band")
    grey = round(255 - shade.alphaF() * (255 - shade.red()))
    expected = QColor(grey, grey, grey).name()
    assert count(bare, expected) < 50 < 5000 < count(shaded, expected)
    blue = [x for x in range(bare.width()) for y in range(bare.height()) if bare.pixelColor(x, y).name() == flat.colour]
    gap = np.diff(sorted(set(blue)))
    assert np.count_nonzero(gap > 20) == 1


def test_a_lonely_value_is_a_dot(plot):
    lonely = replace(CANDIDATE, values=np.array([NAN, NAN, NAN, 0.3, NAN, NAN]), masked_values=None)
    plot.set_options(ViewOptions(legend_shown=False))
    plot.show_content(SpectrumContent((lonely,)))
    assert count(plot.image(), lonely.colour) > 3
    assert count(plot.grab().toImage(), lonely.colour) > 3


def test_each_reason_has_one_entry_in_the_legend(plot):
    plot.show_content(SpectrumContent((FOUND, CANDIDATE), (*REGIONS, MaskedRegion(880, 950, "bad band"))))
    assert [item.text for item in plot.legend.placed] == ["row 812", "Kaolinite", "bad band", "cloud flag"]
    plot.set_options(ViewOptions(legend_shown=False))
    assert not plot.legend.isVisible()


def test_a_legend_with_too_much_counts_the_rest(plot, application):
    pinned = tuple(replace(CANDIDATE, key=str(i), name=f"pinned pixel {i}", pinned=True) for i in range(40))
    plot.show_content(SpectrumContent((*pinned, CANDIDATE), REGIONS))
    for width in (640, 260):
        plot.resize(width, 400)
        application.processEvents()
        items = plot.legend.placed
        assert [item.text for item in items[:3]] == ["row 812", "bad band", "cloud flag"]
        assert items[-1].text == f"and {43 - (len(items) - 1)} more"
        assert not any(a.rect.intersects(b.rect) for a, b in combinations(items, 2))


def test_a_drawing_is_written(plot, tmp_path):
    plot.show_content(CONTENT)
    plot.write_svg(str(tmp_path / "spectra.svg"))
    text = (tmp_path / "spectra.svg").read_text(encoding="utf-8")
    assert "Wavelength (nm)" in text and "Kaolinite" in text and "<image" not in text
    assert plot.image(2).width() == 1280


def test_a_drawing_that_cannot_be_written_is_an_error(plot, tmp_path):
    with pytest.raises(OSError):
        plot.write_svg(str(tmp_path / "no folder" / "spectra.svg"))


def test_the_unit_changes_the_axis_and_not_the_reading(plot, application):
    plot.show_content(CONTENT)
    plot.set_options(ViewOptions(unit="µm"))
    assert plot.picture.x_label == "Wavelength (µm)"
    reads: list[ReadOut] = []
    plot.hovered.connect(reads.append)
    QTest.mouseMove(plot.tracked, position(plot, application, 503, 0.22))
    application.processEvents()
    assert reads[-1].wavelength_nm == 500


def test_the_wheel_zooms_the_wavelengths_which_stay_for_the_next_pixel(application):
    pytest.importorskip("pyqtgraph")
    plot = SpectrumPlot()
    plot.resize(640, 400)
    plot.show()
    plot.show_content(CONTENT)
    at = QPointF(position(plot, application, 600, 0.5))
    wheel = QWheelEvent(at, QPointF(plot.tracked.mapToGlobal(at.toPoint())), QPoint(), QPoint(0, 480),
                        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False)
    application.sendEvent(plot.tracked, wheel)
    low, high = plot.picture.zoom_nm
    assert 395 < low < 600 < high < 905
    assert plot._box.viewRange()[0] == pytest.approx([low, high])
    assert plot._box.viewRange()[1] == pytest.approx(plot.picture.y)
    plot.show_content(SpectrumContent((CANDIDATE,)))
    assert plot._box.viewRange()[0] == pytest.approx([low, high])
    QTest.mouseDClick(plot.tracked, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(300, 100))
    assert plot.picture.zoom_nm is None
    assert plot._box.viewRange()[0] == pytest.approx([395, 905])
    plot.close()


def test_one_item_draws_the_whole_sample(application):
    pytest.importorskip("pyqtgraph")
    plot = SpectrumPlot()
    before = len(plot._plot.getPlotItem().vb.addedItems)
    plot.show_content(SpectrumContent((), sample=np.ones((200, 6)), sample_nm=NM))
    assert len(plot._plot.getPlotItem().vb.addedItems) == before


def button(panel: SpectrumPanel, text: str) -> QToolButton:
    return next(b for b in panel.findChildren(QToolButton) if b.text() == text)


def click(panel: SpectrumPanel, text: str) -> None:
    QTest.mouseClick(button(panel, text), Qt.MouseButton.LeftButton)


def test_the_panel_asks_and_says_what_was_chosen(panel):
    panel.show_content(CONTENT)
    heard: list[str] = []
    panel.pin_asked.connect(lambda: heard.append("pin"))
    panel.clear_asked.connect(lambda: heard.append("clear"))
    panel.changed.connect(lambda: heard.append("changed"))
    for text in ("Pin", "Clear", "Scale reference", "Masked values", "Legend"):
        click(panel, text)
    assert heard == ["pin", "clear", "changed", "changed", "changed"]
    assert panel.options() == ViewOptions("nm", True, True, False)


def test_options_are_set_in_silence_and_an_unknown_unit_is_nm(panel):
    heard: list[str] = []
    panel.changed.connect(lambda: heard.append("changed"))
    panel.set_options(ViewOptions("µm", True, False, True))
    assert panel.options() == ViewOptions("µm", True, False, True) and heard == []
    panel.set_options(ViewOptions("inch"))
    assert panel.options().unit == "nm"


def test_controls_that_would_do_nothing_are_off(panel):
    panel.show_content(SpectrumContent((replace(CANDIDATE, masked_values=None, pinned=True),)))
    assert [button(panel, t).isEnabled() for t in ("Pin", "Clear", "Scale reference", "Masked values")] == \
        [False, True, False, False]
    panel.show_hint("Open a granule.")
    assert not button(panel, "Clear").isEnabled() and panel.content is None


def test_the_panel_tells_the_value_the_place_and_the_reason(panel, application):
    panel.show_content(SpectrumContent((CANDIDATE,), REGIONS, note="2 of 6 bands are masked."))
    places: list[Place] = []
    panel.hovered.connect(places.append)
    height = panel._values.height()
    for _ in range(2):
        QTest.keyClick(panel.plot, Qt.Key.Key_Right)
    assert panel._values.whole_text() == "500.0 nm  ·  0.2000  ·  row 812"
    assert panel._place.whole_text() == \
        "lon -116.1235, lat 38.5000  ·  row 812, column 433  ·  23 m from the click"
    QTest.keyClick(panel.plot, Qt.Key.Key_Right)
    assert panel._values.whole_text() == "600.0 nm  ·  no value  ·  row 812  ·  masked: bad band"
    assert places == [PLACE] * 3
    assert panel._note.whole_text() == "2 of 6 bands are masked."
    application.processEvents()
    assert panel._values.height() == height


def test_every_control_is_reached_by_the_keyboard_and_has_a_name(panel):
    texts = ("Pin", "Clear", "Scale reference", "Masked values", "Legend", "Whole range")
    for control in [button(panel, text) for text in texts] + [panel._unit, panel.plot]:
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus
        assert control.accessibleName()


def test_the_plot_follows_the_palette(panel, application):
    panel.setPalette(palette(QColor("#e6e6e6"), DARK))
    application.processEvents()
    assert panel.plot.picture.theme.dark
    panel.setPalette(palette(QColor("#000000"), WHITE))
    application.processEvents()
    assert not panel.plot.picture.theme.dark


def test_without_pyqtgraph_the_spectrum_is_painted(application, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyqtgraph", None)
    from pixel_spectra.ui.plot_library import pyqtgraph

    pyqtgraph.cache_clear()
    try:
        panel = SpectrumPanel()
        assert isinstance(panel.plot, PaintedSpectrum)
        panel.show_content(CONTENT)
        assert panel.image().width() >= 640
        with pytest.raises(RuntimeError, match="pyqtgraph is not installed"):
            SpectrumPlot()
    finally:
        pyqtgraph.cache_clear()
