"""The plot of spectra along a line: image, colour scale, scores, and what is read at the marker."""

import numpy as np
import pytest
from pixel_spectra.core.metrics import METRICS
from pixel_spectra.core.portrait import line_image
from pixel_spectra.core.spectra import BandGrid, Spectra
from pixel_spectra.ui.axes import plain_number, round_values
from pixel_spectra.ui.colour_scale import colour_range, coloured
from pixel_spectra.ui.line_plot import LinePlot
from pixel_spectra.ui.shown import LineContent, Place
from pixel_spectra.ui.theme import Theme
from qgis.PyQt.QtCore import QPoint, Qt
from qgis.PyQt.QtGui import QColor, QPalette
from qgis.PyQt.QtTest import QSignalSpy, QTest

pytestmark = pytest.mark.usefixtures("application")

NM = np.array([500.0, 600.0, 700.0, 800.0])
ALONG = np.array([0.0, 60.0, 120.0, 180.0, 240.0])
VALUES = (np.arange(20).reshape(5, 4) / 100).astype(np.float32)


def content(scores=(0.1, 0.2, np.nan, 0.3, 0.1), all_masked=False):
    valid = np.ones((5, 4), bool)
    valid[2, 1] = False
    valid &= not all_masked
    spectra = Spectra(VALUES, BandGrid(NM), valid, (~valid).astype(np.uint8))
    places = tuple(Place(-111.5 + i / 100, 38.25, 40 + i, 7) for i in range(5))
    return LineContent(line_image(spectra, ALONG), ALONG, places, None if scores is None else np.array(scores),
                       None if scores is None else METRICS["sam"])


@pytest.fixture
def plot():
    made = LinePlot()
    made.resize(600, 420)
    made.show()
    QTest.qWaitForWindowExposed(made)
    made.show_line(content())
    yield made
    made.close()


def point_at(plot, pixel, nm):
    move_to(plot, QPoint(1, 1))
    move_to(plot, plot.picture.place_of(pixel, nm))


def move_to(plot, place):
    QTest.mouseMove(plot.picture, place)
    QTest.qWait(20)


def words(plot):
    return plot.reading.replace("\u202f", " ").split("  ·  ")


def test_pointing_reads_distance_pixel_place_score_and_value(plot):
    point_at(plot, 3, 500.0)
    assert words(plot)[1:4] == ["row 43, column 7", "lon -111.47000°, lat 38.25000°", "Spectral angle 0.300 rad"]
    assert float(words(plot)[0].split()[0]) == pytest.approx(210, abs=2)
    assert words(plot)[4].endswith(": 0.120")


def test_masked_values_and_missing_scores_are_said(plot):
    point_at(plot, 2, 600.0)
    assert words(plot)[3] == "no score"
    assert words(plot)[4].endswith(": masked")


def test_hovering_tells_each_pixel_once_and_leaving_tells_minus_one(plot):
    spy = QSignalSpy(plot.hovered)
    point_at(plot, 1, 500.0)
    point_at(plot, 1, 700.0)
    assert plot.picture.pixel == 1
    point_at(plot, 4, 700.0)
    move_to(plot, QPoint(1, 1))
    told = [entry[0] for entry in spy]
    assert [pixel for pixel in told if pixel >= 0] == [1, 1, 4]  # left and came back between the first two
    assert told[-1] == -1
    assert plot.reading == ""


def test_arrow_keys_go_from_pixel_to_pixel_and_stop_at_the_ends(plot):
    spy = QSignalSpy(plot.hovered)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Left):
        QTest.keyClick(plot.picture, key)
    assert [entry[0] for entry in spy] == [0, 1, 0]
    assert words(plot)[:2] == ["30 m", "row 40, column 7"]


def test_the_first_left_key_begins_at_the_end(plot):
    QTest.keyClick(plot.picture, Qt.Key.Key_Left)
    assert words(plot)[:2] == ["270 m", "row 44, column 7"]


def test_micrometres(plot):
    plot.set_unit("µm")
    point_at(plot, 0, 700.0)
    value, unit = words(plot)[4].split(":")[0].split()
    assert float(value) == pytest.approx(0.7, abs=0.005)
    assert unit == "µm"


def test_an_unknown_unit_is_refused(plot):
    with pytest.raises(KeyError):
        plot.set_unit("inch")


def test_without_scores_the_image_takes_their_room(plot):
    low = plot.picture.place_of(0, 450.0).y()
    plot.show_line(content(scores=None))
    assert plot.picture.place_of(0, 450.0).y() > low + 50
    point_at(plot, 0, 500.0)
    assert words(plot)[3].endswith(": 0.00") or words(plot)[3].endswith(": 0")


def test_a_place_without_coordinates_has_none_in_its_words(plot):
    bare = content()
    nowhere = tuple(Place(float("nan"), float("nan"), i, 0) for i in range(5))
    plot.show_line(LineContent(bare.image, bare.along_m, nowhere))
    QTest.keyClick(plot.picture, Qt.Key.Key_Right)
    assert words(plot) == ["30 m", "row 0, column 0"]


def test_the_marker_goes_with_its_line(plot):
    QTest.keyClick(plot.picture, Qt.Key.Key_Right)
    spy = QSignalSpy(plot.hovered)
    plot.clear()
    assert [entry[0] for entry in spy] == [-1]
    assert plot.reading == ""
    QTest.keyClick(plot.picture, Qt.Key.Key_Right)
    assert len(spy) == 1


@pytest.mark.parametrize("line", [content(all_masked=True), content(scores=[np.nan] * 5)])
def test_a_line_without_values_is_drawn(plot, line):
    plot.show_line(line)
    point_at(plot, 1, 500.0)
    assert words(plot)[1] == "row 41, column 7"
    assert not plot.grab().isNull()


def test_a_theme_colours_the_plot(plot):
    palette = QPalette()
    palette.setColor(QPalette.ColorRole.Base, QColor("#102030"))
    plot.show_line(content(scores=[np.nan] * 5))
    plot.set_theme(Theme.of(palette))
    image = plot.picture.grab().toImage()
    inside = plot.picture.place_of(2, 450.0)
    assert image.pixelColor(inside.x(), image.height() - 80).name() == "#102030"


def test_high_values_are_bright_on_top_and_masked_ones_clear():
    image = coloured(np.array([[0.0, np.nan], [0.5, 1.0]], np.float32), 0.0, 1.0)
    assert image.pixelColor(0, 1).name() == "#270154"
    assert image.pixelColor(1, 0).name() == "#fff789"
    assert image.pixelColor(1, 1).alpha() == 0
    assert image.pixelColor(0, 1).lightness() < image.pixelColor(0, 0).lightness()


def test_the_colours_leave_out_the_outer_percent():
    assert colour_range(np.arange(101, dtype=np.float32)) == (1.0, 99.0)
    assert colour_range(np.full(4, np.nan)) == (0.0, 1.0)
    low, high = colour_range(np.full(4, 0.2))
    assert low < 0.2 < high


@pytest.mark.parametrize(("low", "high", "most", "ticks"), [
    (0.03, 0.31, 4, [0.1, 0.2, 0.3]), (0.0152, 0.0848, 2, [0.02, 0.04, 0.06, 0.08]), (-1.0, 1.0, 3, [-1.0, 0.0, 1.0]),
    (381.0, 2493.0, 6, [500.0, 1000.0, 1500.0, 2000.0])])
def test_ticks_stand_at_round_numbers_and_are_never_alone(low, high, most, ticks):
    assert round_values(low, high, most) == ticks


@pytest.mark.parametrize(("value", "text"), [
    (0.031249, "0.0312"), (1.0, "1.00"), (1234.5, "1234"), (0.0, "0"), (1e-9, "0"), (-0.5, "-0.500")])
def test_numbers_have_three_digits_and_no_exponent(value, text):
    assert plain_number(value) == text
