"""Drawing on the map with real mouse and key events, in any CRS and on a turned canvas."""

from __future__ import annotations

import pytest
from pixel_spectra.adapters.drawn import lonlat_geometry
from pixel_spectra.core.errors import AreaError
from pixel_spectra.ui.map_tool import InspectTool
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsGeometry,
    QgsPointXY,
    QgsRectangle,
)
from qgis.gui import QgsMapCanvas, QgsMapToolPan, QgsRubberBand
from qgis.PyQt.QtCore import QPoint, Qt
from qgis.PyQt.QtGui import QKeySequence
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QAction, QMainWindow

shapely = pytest.importorskip("shapely")

LEFT, RIGHT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
NONE, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
CONTEXT = QgsCoordinateTransformContext()
A, B, C, D = QPoint(100, 100), QPoint(300, 100), QPoint(300, 250), QPoint(120, 260)


class Drawer:
    """A window with a canvas, the tool on it, a hand at the mouse, and what was heard."""

    def __init__(self) -> None:
        self.window = QMainWindow()
        self.canvas = QgsMapCanvas(self.window)
        self.window.setCentralWidget(self.canvas)
        self.window.resize(640, 480)
        self.shortcuts: list[str] = []
        for key in ("Backspace", "Delete", "Esc", "Return"):
            action = QAction(key, self.window)
            action.setShortcut(QKeySequence(key))
            action.triggered.connect(lambda _, key=key: self.shortcuts.append(key))
            self.window.addAction(action)
        self.window.show()
        QTest.qWaitForWindowExposed(self.window)
        self.show_in("EPSG:4326")
        self.tool = InspectTool(self.canvas)
        self.drawn: list[tuple[QgsGeometry, bool]] = []
        self.told: list[str] = []
        self.left: list[bool] = []
        self.tool.drawn.connect(lambda geometry, adds: self.drawn.append((QgsGeometry(geometry), adds)))
        self.tool.told.connect(self.told.append)
        self.tool.left.connect(lambda: self.left.append(True))
        self.canvas.setMapTool(self.tool)

    def show_in(self, crs: str) -> None:
        """Show the same 2 degrees around (-117, 37) in another CRS."""
        system = QgsCoordinateReferenceSystem(crs)
        self.canvas.setDestinationCrs(system)
        box = QgsRectangle(-118, 36, -116, 38)
        if system.isValid():
            lonlat = QgsCoordinateReferenceSystem("EPSG:4326")
            box = QgsCoordinateTransform(lonlat, system, CONTEXT).transformBoundingBox(box)
        self.canvas.setExtent(box)

    def click(self, at: QPoint, button=LEFT, modifiers=NONE) -> None:
        QTest.mouseClick(self.canvas.viewport(), button, modifiers, at)

    def double_click(self, at: QPoint, modifiers=NONE) -> None:
        """As the window system does it: a click, then a second press of another kind, and its release."""
        self.click(at, LEFT, modifiers)
        QTest.mouseDClick(self.canvas.viewport(), LEFT, modifiers, at)
        QTest.mouseRelease(self.canvas.viewport(), LEFT, modifiers, at)

    def move(self, to: QPoint) -> None:
        QTest.mouseMove(self.canvas.viewport(), to + QPoint(3, 3))  # a pointer that is there already sends nothing
        QTest.mouseMove(self.canvas.viewport(), to)

    def key(self, key, modifiers=NONE) -> None:
        QTest.keyClick(self.canvas, key, modifiers)

    def bands(self) -> list[QgsRubberBand]:
        return [item for item in self.canvas.items() if isinstance(item, QgsRubberBand)]

    def band_vertices(self) -> list[QgsPointXY]:
        band, = self.bands()
        geometry = band.asGeometry()
        return [QgsPointXY(vertex) for vertex in geometry.vertices()]

    def place(self, at: QPoint) -> QgsPointXY:
        return self.canvas.getCoordinateTransform().toMapCoordinates(at.x(), at.y())

    def vertices(self) -> list[QPoint]:
        """The one drawing, back in pixels of the canvas."""
        (geometry, _), = self.drawn
        found = [self.canvas.getCoordinateTransform().transform(QgsPointXY(v)) for v in geometry.vertices()]
        return [QPoint(round(p.x()), round(p.y())) for p in found]


@pytest.fixture
def hand(qgis_app):
    hand = Drawer()
    yield hand
    hand.tool.close()
    assert hand.bands() == []
    hand.window.close()
    hand.window.deleteLater()


def test_a_click_is_a_point(hand):
    hand.click(A)
    (geometry, adds), = hand.drawn
    assert geometry.asPoint() == hand.place(A)
    assert not adds
    hand.click(B, modifiers=SHIFT)
    assert [adds for _, adds in hand.drawn] == [False, True]


def test_it_acts_on_release_where_the_button_is_released(hand):
    QTest.mousePress(hand.canvas.viewport(), LEFT, NONE, A)
    assert hand.drawn == []
    QTest.mouseRelease(hand.canvas.viewport(), LEFT, NONE, B)
    assert hand.vertices() == [B]


def test_a_release_without_a_press_here_is_nothing(hand):
    QTest.mouseRelease(hand.canvas.viewport(), LEFT, NONE, A)
    assert hand.drawn == []
    QTest.mousePress(hand.canvas.viewport(), RIGHT, NONE, A)
    QTest.mouseRelease(hand.canvas.viewport(), LEFT, NONE, A)
    assert hand.drawn == []


@pytest.mark.parametrize("mode", ["point", "line"])
@pytest.mark.parametrize("button", [RIGHT, MIDDLE])
def test_other_buttons_set_no_place(hand, mode, button):
    hand.tool.set_mode(mode)
    hand.click(A, button)
    assert (hand.drawn, hand.told, hand.bands()) == ([], [], [])


def test_panning_with_the_middle_button_is_no_drawing(hand):
    hand.tool.set_mode("line")
    hand.click(A)
    QTest.mousePress(hand.canvas.viewport(), MIDDLE, NONE, B)
    QTest.mouseRelease(hand.canvas.viewport(), MIDDLE, NONE, C)
    hand.key(Qt.Key.Key_Return)
    assert hand.drawn == []


def test_every_click_of_a_fast_pair_is_a_point(hand):
    hand.double_click(A)
    assert len(hand.drawn) == 2


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32611", "EPSG:3857"])
@pytest.mark.parametrize("rotation", [0, 30])
def test_the_place_is_right_in_any_system_and_on_a_turned_canvas(hand, crs, rotation):
    """The same expectation by another way: the middle of the canvas is the middle of its extent, turned or not."""
    hand.show_in(crs)
    hand.canvas.setRotation(rotation)
    size, middle = hand.canvas.mapSettings().outputSize(), hand.canvas.extent().center()
    per_pixel = hand.canvas.mapUnitsPerPixel()
    hand.click(QPoint(size.width() // 2 + 100, size.height() // 2))
    (geometry, _), = hand.drawn
    turned = QgsGeometry.fromPointXY(QgsPointXY(middle.x() + 100 * per_pixel, middle.y()))
    turned.rotate(-rotation, middle)  # QGIS turns the map clockwise
    assert geometry.asPoint().distance(turned.asPoint()) < 1.5 * per_pixel
    found = lonlat_geometry(geometry, hand.canvas.mapSettings().destinationCrs(), CONTEXT)
    back = QgsCoordinateTransform(QgsCoordinateReferenceSystem("EPSG:4326"),
                                  hand.canvas.mapSettings().destinationCrs(), CONTEXT).transform(found.x, found.y)
    assert back.distance(geometry.asPoint()) < 0.01 * per_pixel


def test_in_an_unknown_system_the_drawing_is_refused_in_words(hand):
    hand.show_in("")
    hand.click(A)
    (geometry, _), = hand.drawn
    with pytest.raises(AreaError) as caught:
        lonlat_geometry(geometry, hand.canvas.mapSettings().destinationCrs(), CONTEXT)
    assert str(caught.value) == ("The project has no valid coordinate reference system; choose one of the Earth in "
                                 "Project > Properties > CRS.")


@pytest.mark.parametrize("finish", ["double click", "right click", "enter", "return"])
@pytest.mark.parametrize("mode, expected", [("line", [A, B, C]), ("polygon", [A, B, C, A])])
def test_a_drawing_is_finished(hand, finish, mode, expected):
    hand.tool.set_mode(mode)
    hand.click(A)
    hand.click(B)
    if finish == "double click":
        hand.double_click(C)
    else:
        hand.click(C)
        {"right click": lambda: hand.click(D, RIGHT), "enter": lambda: hand.key(Qt.Key.Key_Enter),
         "return": lambda: hand.key(Qt.Key.Key_Return)}[finish]()
    assert hand.vertices() == expected
    assert hand.drawn[0][1] is False
    assert hand.bands() == []
    assert not hand.tool.drawing


@pytest.mark.parametrize("finish", [lambda hand: hand.double_click(B, SHIFT),
                                    lambda hand: (hand.click(B), hand.click(B, RIGHT, SHIFT)),
                                    lambda hand: (hand.click(B), hand.key(Qt.Key.Key_Return, SHIFT))],
                         ids=["double click", "right click", "return"])
def test_shift_at_the_end_adds(hand, finish):
    hand.tool.set_mode("line")
    hand.click(A)
    finish(hand)
    assert [adds for _, adds in hand.drawn] == [True]


def test_the_band_follows_the_pointer(hand):
    hand.tool.set_mode("polygon")
    hand.move(A)
    assert hand.bands() == []
    hand.click(A)
    hand.click(B)
    hand.move(C)
    assert hand.band_vertices() == [hand.place(p) for p in (A, B, C, A)]
    hand.move(D)
    assert hand.band_vertices() == [hand.place(p) for p in (A, B, D, A)]


def test_the_band_is_seen(hand):
    """Half-way along the edge from A to B, and inside the polygon."""
    hand.tool.set_mode("polygon")
    middle, inside = QPoint(200, 100), QPoint(250, 150)
    before = hand.canvas.grab().toImage()
    for at in (A, B, C):
        hand.click(at)
    after = hand.canvas.grab().toImage()
    frame = hand.canvas.viewport().pos()
    assert all(before.pixelColor(at + frame) != after.pixelColor(at + frame) for at in (middle, inside))


@pytest.mark.parametrize("key", [Qt.Key.Key_Backspace, Qt.Key.Key_Delete, Qt.Key.Key_Return, Qt.Key.Key_Escape])
def test_qgis_does_not_act_on_the_keys_of_a_drawing(hand, key):
    """QGIS deletes the selected features on Backspace where the canvas passes it on by this signal."""
    for action in hand.window.actions():
        hand.window.removeAction(action)
    passed_on = []
    hand.canvas.keyPressed.connect(lambda event: passed_on.append(event.key()))
    hand.tool.set_mode("polygon")
    for place in (A, B, C):
        hand.click(place)
    hand.key(key)
    assert passed_on == []
    hand.tool.cancel()
    hand.key(key)
    assert passed_on == [key]


@pytest.mark.parametrize("key", [Qt.Key.Key_Backspace, Qt.Key.Key_Delete])
def test_the_last_place_is_taken_back(hand, key):
    hand.tool.set_mode("line")
    for at in (A, B, C):
        hand.click(at)
    hand.move(D)
    hand.key(key)
    assert hand.band_vertices() == [hand.place(p) for p in (A, B, D)]
    hand.click(D)
    hand.key(Qt.Key.Key_Return)
    assert hand.vertices() == [A, B, D]


def test_taking_the_first_place_back_ends_the_drawing(hand):
    hand.tool.set_mode("line")
    hand.click(A)
    hand.key(Qt.Key.Key_Backspace)
    assert not hand.tool.drawing
    assert hand.bands() == []


def test_escape_cancels(hand):
    hand.tool.set_mode("polygon")
    for at in (A, B, C):
        hand.click(at)
    hand.key(Qt.Key.Key_Escape)
    assert (hand.drawn, hand.told, hand.bands(), hand.tool.drawing) == ([], [], [], False)
    hand.click(D, RIGHT)
    assert hand.drawn == []


def test_keys_of_a_drawing_are_no_shortcuts_of_the_window(hand):
    hand.tool.set_mode("line")
    for at in (A, B, C):
        hand.click(at)
    for key in (Qt.Key.Key_Backspace, Qt.Key.Key_Delete, Qt.Key.Key_Escape):
        hand.key(key)
    assert hand.shortcuts == []
    assert not hand.tool.drawing
    hand.key(Qt.Key.Key_Backspace)
    hand.key(Qt.Key.Key_Delete)
    assert hand.shortcuts == ["Backspace", "Delete"]


LINE_SENTENCE = "A line needs two different places: click another one, or press Esc to cancel."
POLYGON_SENTENCE = "A polygon needs three different places: click another one, or press Esc to cancel."


@pytest.mark.parametrize("mode, places, sentence", [
    ("line", [A], LINE_SENTENCE), ("line", [A, A], LINE_SENTENCE), ("polygon", [A], POLYGON_SENTENCE),
    ("polygon", [A, B], POLYGON_SENTENCE), ("polygon", [A, B, B], POLYGON_SENTENCE)])
def test_too_few_places_are_refused_and_the_drawing_goes_on(hand, mode, places, sentence):
    hand.tool.set_mode(mode)
    for at in places:
        hand.click(at)
    hand.key(Qt.Key.Key_Return)
    assert hand.told == [sentence]
    assert hand.drawn == []
    hand.click(B)
    hand.click(C)
    hand.key(Qt.Key.Key_Return)
    assert len(hand.drawn) == 1


def test_a_double_click_alone_is_one_place(hand):
    hand.tool.set_mode("line")
    hand.click(A)
    QTest.mouseDClick(hand.canvas.viewport(), LEFT, NONE, A)
    QTest.mouseRelease(hand.canvas.viewport(), LEFT, NONE, A + QPoint(2, 0))  # a hand trembles
    assert hand.told == [LINE_SENTENCE]
    hand.click(B)
    hand.click(B, RIGHT)
    assert hand.vertices() == [A, B]


def test_the_same_place_twice_in_a_row_is_one(hand):
    hand.tool.set_mode("line")
    for at in (A, A, B, B):
        hand.click(at)
    hand.key(Qt.Key.Key_Return)
    assert hand.vertices() == [A, B]


@pytest.mark.parametrize("places", [[A, C, B, D], [A, QPoint(200, 100), B]], ids=["a bow tie", "all in a row"])
def test_an_outline_that_encloses_nothing_is_refused(hand, places):
    hand.tool.set_mode("polygon")
    for at in places:
        hand.click(at)
    hand.key(Qt.Key.Key_Return)
    assert hand.told == ["The outline crosses itself or encloses nothing: take places back with Backspace, or press "
                         "Esc to cancel."]
    assert hand.drawn == []
    assert hand.tool.drawing


def test_another_system_in_the_middle_of_a_drawing_cancels_it(hand):
    hand.tool.set_mode("line")
    hand.click(A)
    hand.show_in("EPSG:32611")
    assert hand.told == ["The drawing was cancelled, because the project's coordinate reference system changed; draw "
                         "it again."]
    assert hand.bands() == []
    hand.click(B)
    hand.click(C)
    hand.key(Qt.Key.Key_Return)
    assert hand.vertices() == [B, C]


def test_another_system_between_drawings_is_no_news(hand):
    hand.click(A)
    hand.show_in("EPSG:32611")
    assert hand.told == []


def test_another_mode_cancels_and_the_same_does_not(hand):
    hand.tool.set_mode("line")
    hand.click(A)
    hand.tool.set_mode("line")
    assert hand.tool.drawing
    hand.tool.set_mode("polygon")
    assert hand.tool.mode == "polygon"
    assert (hand.tool.drawing, hand.bands()) == (False, [])


def test_an_unknown_mode_is_refused(hand):
    with pytest.raises(ValueError, match="'circle' is no mode of the map tool; take one of point, line, polygon"):
        hand.tool.set_mode("circle")


def test_another_tool_ends_the_drawing(hand):
    hand.tool.set_mode("line")
    hand.click(A)
    hand.canvas.setMapTool(QgsMapToolPan(hand.canvas))
    assert hand.left == [True]
    assert (hand.tool.drawing, hand.bands(), hand.tool.isActive()) == (False, [], False)
    hand.key(Qt.Key.Key_Backspace)
    assert hand.shortcuts == ["Backspace"]


def test_closing_leaves_the_canvas(hand):
    hand.tool.set_mode("line")
    hand.click(A)
    hand.tool.close()
    assert hand.canvas.mapTool() is not hand.tool
    assert hand.bands() == []
    hand.show_in("EPSG:3857")
    assert hand.told == []
    hand.tool = InspectTool(hand.canvas)


def test_an_empty_drawing_and_one_off_the_earth_are_refused():
    utm = QgsCoordinateReferenceSystem("EPSG:32611")
    with pytest.raises(AreaError, match="The drawing is empty; draw it with at least one place"):
        lonlat_geometry(QgsGeometry(), utm, CONTEXT)
    with pytest.raises(AreaError, match="The line cannot be transformed to longitude and latitude"):
        lonlat_geometry(QgsGeometry.fromWkt("LineString(1e9 4e12, 2e9 4e12)"), utm, CONTEXT, "The line")
    moon = QgsCoordinateReferenceSystem("IAU_2015:30100")
    with pytest.raises(AreaError, match="cannot be transformed to longitude and latitude on Earth; choose one of the "
                                        "Earth in Project > Properties > CRS"):
        lonlat_geometry(QgsGeometry.fromWkt("Point(1 2)"), moon, CONTEXT)


def test_a_long_drawn_line_follows_the_project_not_the_ellipsoid():
    """The middle of 100 km in UTM is a place of the line, although it lies off the straight line in lon/lat."""
    utm = QgsCoordinateReferenceSystem("EPSG:32611")
    line = lonlat_geometry(QgsGeometry.fromWkt("LineString(450000 4000000, 550000 4000000)"), utm, CONTEXT)
    middle = lonlat_geometry(QgsGeometry.fromWkt("Point(500000 4000000)"), utm, CONTEXT)
    assert line.distance(middle) < 1e-5
