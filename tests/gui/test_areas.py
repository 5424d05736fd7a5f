"""Areas in any coordinate reference system: transformed rightly, or refused; never passed as they are."""

from __future__ import annotations

import pytest
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.sensors import open_granule
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsFeatureRequest,
    QgsGeometry,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingFeedback,
    QgsProject,
    QgsVectorLayer,
)

from qgis_side import REFERENCE, memory_layer, place, rows_of

shapely = pytest.importorskip("shapely")


def wkt_point(row: float, column: float) -> str:
    lon, lat = place(row, column)
    return f"Point({lon!r} {lat!r})"


def wkt_box(top: float, left: float, bottom: float, right: float) -> str:
    corners = [place(*c) for c in ((top, left), (top, right), (bottom, right), (bottom, left), (top, left))]
    return "Polygon((" + ", ".join(f"{x!r} {y!r}" for x, y in corners) + "))"


@pytest.fixture
def pixels(run, files):
    """A callable: the (feature, downtrack, crosstrack) that an area gives."""

    def of(area):
        layer = run("extract_spectra", GRANULE=files.reflectance, AOI=area, MASK="none", OUTPUT="memory:")["OUTPUT"]
        return [(r["feature_id"], r["downtrack"], r["crosstrack"]) for r in rows_of(layer)]

    return of


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32633", "EPSG:3857", "EPSG:3035", "OGC:CRS84"])
def test_any_system_gives_the_same_pixels(pixels, crs):
    points = memory_layer("Point", crs, wkt_point(12, 9), wkt_point(30, 20))
    assert pixels(points) == [(1, 12, 9), (2, 30, 20)]
    square = memory_layer("Polygon", crs, wkt_box(1.6, 1.6, 4.4, 3.4))
    assert pixels(square) == [(1, r, c) for r in (2, 3, 4) for c in (2, 3)]


def test_z_m_and_curves(pixels, files):
    assert pixels(memory_layer("PointZM", "EPSG:4326", wkt_point(12, 9).replace("Point(", "Point ZM (").replace(
        ")", " 100 5)"))) == [(1, 12, 9)]
    (x, y), (x1, _) = place(20, 15), place(20, 18)
    radius = abs(x1 - x)
    circle = (f"CurvePolygon(CircularString({x - radius} {y}, {x} {y + radius}, {x + radius} {y}, {x} {y - radius}, "
              f"{x - radius} {y}))")
    expected = inspect(open_granule(files.reflectance), shapely.Point(x, y).buffer(radius, quad_segs=90), mask="none")
    found = {p[1:] for p in pixels(memory_layer("CurvePolygon", "EPSG:4326", circle))}
    assert found == set(zip(expected.pixels.downtrack.tolist(), expected.pixels.crosstrack.tolist()))


def test_long_edges_follow_the_straight_line_of_their_own_system(files):
    """The middle of 100 km in UTM lies some 130 m off the straight line in lon/lat."""
    from pixel_spectra.adapters.areas import lonlat_wkb, to_lonlat

    utm = QgsCoordinateReferenceSystem("EPSG:32633")
    way = to_lonlat(utm, "x", QgsProject.instance().transformContext())
    line = shapely.from_wkb(lonlat_wkb(QgsGeometry.fromWkt("LineString(450000 4000000, 550000 4000000)"), way, "x"))
    middle = way.transform(500000, 4000000)
    assert line.distance(shapely.Point(middle.x(), middle.y())) < 1e-5
    assert shapely.LineString([line.coords[0], line.coords[-1]]).distance(shapely.Point(middle.x(), middle.y())) > 1e-3


def test_only_selected_features(pixels):
    layer = memory_layer("Point", "EPSG:4326", wkt_point(12, 9), wkt_point(30, 20))
    QgsProject.instance().addMapLayer(layer)
    layer.selectByIds([2])
    assert pixels(QgsProcessingFeatureSourceDefinition(layer.id(), True)) == [(2, 30, 20)]
    assert layer.getFeature(2).hasGeometry()
    assert next(layer.getFeatures(QgsFeatureRequest(1))).id() == 1
    QgsProject.instance().removeMapLayer(layer.id())


def test_a_layer_without_a_system_is_refused(refused, files):
    layer = memory_layer("Point", "EPSG:4326", wkt_point(12, 9))
    layer.setCrs(QgsCoordinateReferenceSystem())
    sentence = refused("extract_spectra", GRANULE=files.reflectance, AOI=layer, OUTPUT="memory:")
    assert sentence == ("The layer 'fields' has no valid coordinate reference system; set the one it was drawn in.")


LOCAL = 'LOCAL_CS["site",LOCAL_DATUM["site",0],UNIT["metre",1],AXIS["e",EAST],AXIS["n",NORTH]]'


@pytest.mark.parametrize("crs", [QgsCoordinateReferenceSystem("IAU_2015:30100"),
                                 QgsCoordinateReferenceSystem.fromWkt(LOCAL)], ids=["Moon", "building site"])
def test_a_system_that_is_not_on_earth_is_refused(refused, files, crs):
    """QGIS would let such coordinates pass unchanged, and they would look like lon/lat."""
    layer = memory_layer("Point", "EPSG:4326", wkt_point(12, 9))
    layer.setCrs(crs)
    sentence = refused("extract_spectra", GRANULE=files.reflectance, AOI=layer, OUTPUT="memory:")
    assert "cannot be transformed to longitude and latitude on Earth; reproject it to EPSG:4326 first." in sentence


def test_a_coordinate_that_cannot_be_transformed_is_refused(refused, files):
    layer = QgsVectorLayer("Point?crs=EPSG:32633", "fields", "memory")
    feature = QgsFeature()
    feature.setGeometry(QgsGeometry.fromWkt("Point(1e9 4e12)"))
    layer.dataProvider().addFeatures([feature])
    sentence = refused("extract_spectra", GRANULE=files.reflectance, AOI=layer, OUTPUT="memory:")
    assert sentence.startswith("Feature 1 of 'fields' cannot be transformed to longitude and latitude (")


@pytest.mark.parametrize("name, output", [("extract_spectra", "memory:"), ("score_spectra", "a.gpkg"),
                                          ("identify_spectra", "a.gpkg")])
def test_a_layer_without_features_gives_an_output_without_rows(run, files, tmp_path, name, output):
    """A filter in a model may leave nothing over: as elsewhere in Processing that is no error."""
    told = QgsProcessingFeedback(False)
    given = {"REFERENCE": REFERENCE, "SUMMARY": "memory:"} if name == "score_spectra" else {}
    place = output if output == "memory:" else tmp_path / output
    done = run(name, feedback=told, GRANULE=files.reflectance, AOI=memory_layer("Point", "EPSG:4326"), OUTPUT=place,
               **given)
    written = done["OUTPUT"] if output == "memory:" else QgsVectorLayer(str(place), "l", "ogr")
    assert written.isValid() and written.featureCount() == 0
    assert written.fields().lookupField("scene_id") >= 0
    assert "The area has no features, so the output is empty." in told.textLog()
    assert not given or done["SUMMARY"].featureCount() == 0


@pytest.fixture
def named(tmp_path):
    """Two places with names, in an order that is not that of their ids."""
    layer = QgsVectorLayer("Point?crs=EPSG:4326&field=name:string&field=number:integer&field=metric:string", "a",
                           "memory")
    for (row, column), values in (((12, 9), ["gossan", 7, "x"]), ((5, 5), [None, 8, "y"])):
        feature = QgsFeature(layer.fields())
        feature.setAttributes(values)
        feature.setGeometry(QgsGeometry.fromWkt(wkt_point(row, column)))
        layer.dataProvider().addFeatures([feature])
    return layer


@pytest.mark.parametrize("field, expected", [("name", ["gossan", None]), ("number", [7, 8])])
def test_a_field_of_the_area_is_carried_over(run, files, named, field, expected):
    done = run("score_spectra", GRANULE=files.reflectance, AOI=named, REFERENCE=REFERENCE, ID_FIELD=field,
               OUTPUT="memory:", SUMMARY="memory:")
    for output in ("OUTPUT", "SUMMARY"):
        assert [f.name() for f in done[output].fields()][-1] == field
        assert [row[field] for row in rows_of(done[output])] == expected


@pytest.mark.parametrize("field, sentence", [
    ("metric", "The field 'metric' of the area cannot be carried over: the result has a field of that name; rename it"),
    ("nmae", "The layer 'a' has no field 'nmae'; its fields are: name, number, metric."),
])
def test_a_field_that_cannot_be_carried_over_is_refused(refused, files, named, field, sentence):
    assert sentence in refused("score_spectra", GRANULE=files.reflectance, AOI=named, REFERENCE=REFERENCE,
                               ID_FIELD=field, OUTPUT="memory:")


def test_an_invalid_geometry_is_a_row_with_its_reason(run, files):
    (a, b, c, d) = (place(*p) for p in ((1, 1), (9, 9), (9, 1), (1, 9)))
    bow = "Polygon((" + ", ".join(f"{x!r} {y!r}" for x, y in (a, b, c, d, a)) + "))"
    layer = memory_layer("Polygon", "EPSG:4326", bow, wkt_box(1.6, 1.6, 4.4, 3.4))
    found = rows_of(run("extract_spectra", GRANULE=files.reflectance, AOI=layer, OUTPUT="memory:")["OUTPUT"])
    assert "not a valid geometry (Self-intersection" in found[0]["reason"]
    assert len(found) == 7
