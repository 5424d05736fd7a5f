"""What is painted on the map: where it lies in any CRS, in which colour, and that nothing is left behind."""

from __future__ import annotations

import numpy as np
import pytest
from pixel_spectra.adapters.drawn import on_map, quads_multipolygon
from pixel_spectra.core.errors import AreaError
from pixel_spectra.core.portrait import outer_edges
from pixel_spectra.ui import map_marks
from pixel_spectra.ui.map_marks import MapMarks
from pixel_spectra.ui.theme import BAD, GOOD
from qgis.core import (
    Qgis,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsGeometry,
    QgsPointXY,
    QgsRectangle,
)
from qgis.gui import QgsMapCanvas, QgsRubberBand
from qgis.PyQt.QtGui import QColor

CONTEXT = QgsCoordinateTransformContext()
LONLAT, UTM, MERCATOR = (QgsCoordinateReferenceSystem(f"EPSG:{code}") for code in (4326, 32611, 3857))
MOON = QgsCoordinateReferenceSystem("IAU_2015:30100")
UNIT = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def pixels(rows: int, columns: int, lon: float = -117.0, lat: float = 37.0, size: float = 0.01) -> np.ndarray:
    """(rows x columns, 4, 2) squares, the first at the lower left."""
    r, c = np.mgrid[0:rows, 0:columns]
    corner = np.stack((c, r), axis=-1).reshape(-1, 1, 2)
    return (corner + UNIT) * size + (lon, lat)


class Painter:
    """A canvas with marks, and what was said."""

    def __init__(self) -> None:
        self.canvas = QgsMapCanvas()
        self.canvas.resize(400, 400)
        self.canvas.setDestinationCrs(LONLAT)
        self.canvas.setExtent(QgsRectangle(-117.1, 36.9, -116.9, 37.1))
        self.marks = MapMarks(self.canvas)
        self.told: list[str] = []
        self.marks.told.connect(self.told.append)

    def bands(self) -> list[QgsRubberBand]:
        """Those that show something."""
        return [b for b in self.canvas.items() if isinstance(b, QgsRubberBand) and b.numberOfVertices()]

    def shapes(self, colour: str) -> dict[str, QgsGeometry]:
        """What is filled or drawn in a colour, by the kind of its geometry."""
        found = {}
        for band in self.bands():
            shown = [c for c in (band.fillColor(), band.strokeColor()) if c.alpha()]
            if any(c.name() == colour for c in shown):
                found[band.asGeometry().type().name] = band.asGeometry()
        return found

    def count(self, colour: str) -> int:
        """Polygons in a colour."""
        shape = self.shapes(colour).get("Polygon")
        return 0 if shape is None else len(shape.asGeometryCollection())


@pytest.fixture
def map_(qgis_app):
    painter = Painter()
    yield painter
    painter.marks.close()
    assert [b for b in painter.canvas.items() if isinstance(b, QgsRubberBand)] == []


def test_a_lone_pixel_is_its_quadrilateral_and_a_dot(map_):
    quad = np.array([[[-117.0, 37.0], [-116.98, 37.01], [-116.99, 37.03], [-117.01, 37.02]]])
    map_.marks.outline("a", quad, "#aa3300")
    shapes = map_.shapes("#aa3300")
    expected = QgsGeometry.fromWkt("Polygon((-117 37, -116.98 37.01, -116.99 37.03, -117.01 37.02, -117 37))")
    assert shapes["Polygon"].equals(expected) or shapes["Polygon"].isGeosEqual(expected)
    assert shapes["Point"].asPoint().distance(QgsPointXY(-116.995, 37.015)) < 1e-9


def test_several_pixels_have_no_dot(map_):
    map_.marks.outline("a", pixels(2, 3), "#aa3300")
    assert set(map_.shapes("#aa3300")) == {"Polygon"}
    assert map_.count("#aa3300") == 6


def test_pixels_smaller_than_a_dot_are_dots(map_):
    """A canvas leaves out shapes within one dot of the screen; zoomed in again they are quadrilaterals."""
    extent = map_.canvas.extent()
    map_.marks.verdicts("a", pixels(2, 2), [True, True, True, False], [True] * 4)
    assert set(map_.shapes(GOOD)) == {"Polygon"}
    map_.canvas.zoomByFactor(1000.0)
    assert set(map_.shapes(GOOD)) == set(map_.shapes(BAD)) == {"Point"}
    assert len(map_.shapes(GOOD)["Point"].asGeometryCollection()) == 3
    map_.canvas.setExtent(extent)
    assert set(map_.shapes(GOOD)) == {"Polygon"}


def test_a_border_is_one_line_so_that_it_is_seen_from_far(map_):
    map_.marks.border("a", outer_edges(pixels(20, 21)), "#aa3300")
    (line,) = map_.shapes("#aa3300")["Line"].asGeometryCollection()
    assert line.constGet().isClosed()


def test_an_area_is_one_border(map_):
    map_.marks.border("a", outer_edges(pixels(20, 21)), "#aa3300")
    (border,) = map_.shapes("#aa3300").values()
    assert border.type() == Qgis.GeometryType.Line
    assert border.length() == pytest.approx(2 * (0.20 + 0.21))


@pytest.mark.parametrize("crs", [UTM, MERCATOR])
def test_marks_lie_right_in_other_systems(map_, crs):
    map_.canvas.setDestinationCrs(crs)
    map_.marks.outline("a", pixels(1, 1), "#aa3300")
    way = QgsCoordinateTransform(LONLAT, crs, CONTEXT)
    ring = map_.shapes("#aa3300")["Polygon"].asMultiPolygon()[0][0]
    expected = [way.transform(QgsPointXY(*corner)) for corner in pixels(1, 1)[0]]
    assert all(a.distance(b) < 1e-6 for a, b in zip(ring, expected))


def test_a_change_of_system_lays_all_marks_out_anew(map_):
    map_.marks.outline("a", pixels(1, 1), "#aa3300")
    map_.marks.verdicts("b", pixels(1, 2), [True, False], [True, True])
    map_.marks.hover(pixels(1, 1)[0])
    before = [band.asGeometry().boundingBox() for band in map_.bands()]
    map_.canvas.setDestinationCrs(UTM)
    way = QgsCoordinateTransform(LONLAT, UTM, CONTEXT)
    after = [band.asGeometry().boundingBox() for band in map_.bands()]
    assert len(after) == len(before) == 6
    for there, here in zip(after, before):
        assert there.center().distance(way.transform(here.center())) < 5
    assert map_.told == []


@pytest.mark.parametrize("crs, sentence", [
    (QgsCoordinateReferenceSystem(), "The project has no valid coordinate reference system; choose one of the Earth"),
    (MOON, "cannot be transformed to longitude and latitude on Earth")])
def test_what_cannot_be_shown_is_hidden_and_said_once_and_comes_back(map_, crs, sentence):
    map_.marks.outline("a", pixels(1, 1), "#aa3300")
    map_.marks.verdicts("b", pixels(1, 2), [True, False], [True, True])
    map_.canvas.setDestinationCrs(crs)
    assert map_.bands() == []
    assert len(map_.told) == 1
    assert sentence in map_.told[0]
    map_.marks.outline("c", pixels(1, 1), "#0000ff")
    assert (map_.bands(), len(map_.told)) == ([], 1)
    map_.canvas.setDestinationCrs(UTM)
    assert len(map_.bands()) == 6


def test_pixels_beyond_the_reach_of_a_projection_are_hidden(map_):
    """The poles have no place in the Mercator projection."""
    map_.marks.outline("a", pixels(1, 1, lat=89.995), "#aa3300")
    map_.canvas.setDestinationCrs(MERCATOR)
    assert map_.bands() == []
    assert map_.told[0].startswith("The pixels cannot be shown in the project's coordinate reference system EPSG:3857")


def test_verdicts_fill_the_valid_pixels(map_):
    good, valid = np.array([True, True, False, False, True]), np.array([True, True, True, True, False])
    assert map_.marks.verdicts("a", pixels(1, 5), good, valid) == 4
    assert (map_.count(GOOD), map_.count(BAD)) == (2, 2)
    assert map_.shapes(GOOD)["Polygon"].boundingBox() == QgsRectangle(-117.0, 37.0, -116.98, 37.01)
    fill, = {band.fillColor().alpha() for band in map_.bands()}
    assert 0 < fill < 255


def test_a_dragged_threshold_moves_pixels_from_one_colour_to_the_other(map_):
    footprints, valid = pixels(1, 10), np.ones(10, bool)
    for n in (0, 4, 10, 7):
        assert map_.marks.verdicts("a", footprints, np.arange(10) < n, valid) == 10
        assert (map_.count(GOOD), map_.count(BAD)) == (n, 10 - n)
        assert map_.canvas.grab().toImage().pixelColor(202, 198) != QColor("white")


def test_other_pixels_or_another_mask_replace_the_verdicts(map_):
    footprints = pixels(1, 3)
    map_.marks.verdicts("a", footprints, np.ones(3, bool), np.ones(3, bool))
    assert map_.marks.verdicts("a", footprints, np.ones(3, bool), [True, False, False]) == 1
    assert map_.count(GOOD) == 1
    assert map_.marks.verdicts("a", pixels(1, 5), np.ones(5, bool), np.ones(5, bool)) == 5
    assert map_.count(GOOD) == 5


def test_places_without_a_footprint_are_left_out(map_):
    footprints = pixels(1, 3)
    footprints[1] = np.nan
    assert map_.marks.verdicts("a", footprints, np.ones(3, bool), np.ones(3, bool)) == 2
    map_.marks.outline("b", footprints, "#aa3300")
    assert map_.count("#aa3300") == 2
    map_.marks.outline("c", footprints[1:2], "#0000ff")
    map_.marks.hover(footprints[1])
    assert len(map_.bands()) == 2


def test_of_very_many_pixels_a_sample_is_drawn_and_the_same_each_time(map_, monkeypatch):
    monkeypatch.setattr(map_marks, "MOST_DRAWN", 50)
    good = np.arange(400) < 200
    assert map_.marks.verdicts("a", pixels(20, 20), good, np.ones(400, bool)) == 50
    first = map_.shapes(GOOD)["Polygon"].asWkt(6)
    assert map_.marks.verdicts("b", pixels(20, 20), good, np.ones(400, bool)) == 50
    map_.marks.remove("a")
    assert map_.shapes(GOOD)["Polygon"].asWkt(6) == first
    assert map_.marks.verdicts("c", pixels(20, 20), good, np.arange(400) < 30) == 30
    map_.marks.border("d", outer_edges(pixels(20, 20)), "#aa3300")  # of its 80 edges
    assert sum(len(line) - 1 for line in map_.shapes("#aa3300")["Line"].asMultiPolyline()) == 50


def test_hover_points_one_pixel_out_at_a_time(map_):
    map_.marks.hover(pixels(1, 2)[0])
    map_.marks.hover(pixels(1, 2)[1])
    polygons = [b.asGeometry() for b in map_.bands() if b.asGeometry().type() == Qgis.GeometryType.Polygon]
    assert [p.boundingBox() for p in polygons] == [QgsRectangle(-116.99, 37.0, -116.98, 37.01)]
    map_.marks.hover(None)
    assert map_.bands() == []


def test_keys_come_and_go(map_):
    map_.marks.outline("a", pixels(1, 1), "#aa3300")
    map_.marks.outline("b", pixels(1, 1), "#00aa33")
    map_.marks.verdicts("a", pixels(1, 1), [True], [True])
    map_.marks.hover(pixels(1, 1)[0])
    assert map_.marks.keys() == ("a", "b")
    map_.marks.remove("a")
    map_.marks.remove("never there")
    assert map_.marks.keys() == ("b",)
    assert (map_.shapes("#aa3300"), map_.shapes(GOOD)) == ({}, {})
    map_.marks.outline("b", pixels(1, 1), "#0033aa")
    assert map_.shapes("#00aa33") == {}
    map_.marks.clear()
    assert (map_.marks.keys(), map_.bands()) == ((), [])


def test_closed_marks_hear_no_more(map_):
    map_.marks.outline("a", pixels(1, 1), "#aa3300")
    map_.marks.close()
    map_.canvas.setDestinationCrs(QgsCoordinateReferenceSystem())
    assert (map_.told, map_.bands()) == ([], [])
    map_.marks = MapMarks(map_.canvas)


def test_quads_become_one_geometry():
    found = quads_multipolygon(pixels(1, 2))
    assert found.wkbType() == Qgis.WkbType.MultiPolygon
    assert found.boundingBox() == QgsRectangle(-117.0, 37.0, -116.98, 37.01)
    assert len(found.asGeometryCollection()) == 2
    assert quads_multipolygon(np.empty((0, 4, 2))).isEmpty()


def test_places_have_a_place_in_a_known_system_only():
    assert on_map(pixels(1, 1), LONLAT, CONTEXT).tolist() == pixels(1, 1).tolist()
    assert on_map(np.empty((0, 2)), UTM, CONTEXT).shape == (0, 2)
    with pytest.raises(AreaError, match="The project has no valid coordinate reference system"):
        on_map(pixels(1, 1), QgsCoordinateReferenceSystem(), CONTEXT)
