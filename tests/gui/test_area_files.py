"""Areas from files, pasted text and selections: read rightly in any form, or refused in one sentence."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from pixel_spectra.adapters.area_files import area_of_file, area_of_text, selected_features
from pixel_spectra.core.errors import AreaError, Cancelled
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsFeature,
    QgsFields,
    QgsGeometry,
    QgsRasterLayer,
    QgsVectorFileWriter,
    QgsVectorLayer,
)

from qgis_side import memory_layer, write_geojson

shapely = pytest.importorskip("shapely")

CONTEXT = QgsCoordinateTransformContext()
POINT, LINE = "Point(-117.17 37.6)", "LineString(-117.1 37.5, -117.2 37.6)"
POLYGON = "Polygon((-117.1 37.5, -117.0 37.5, -117.0 37.6, -117.1 37.5))"


class Listener:
    """Remembers the fractions; cancels after `patience` of them."""

    def __init__(self, patience: int = 10**9) -> None:
        self.fractions: list[float] = []
        self._patience = patience

    def report(self, fraction: float, message: str = "") -> None:
        self.fractions.append(fraction)

    @property
    def cancelled(self) -> bool:
        return len(self.fractions) >= self._patience


def save(layer: QgsVectorLayer, path: Path, driver: str, layer_name: str = "", add: bool = False) -> Path:
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName, options.layerName = driver, layer_name or path.stem
    if add:
        options.actionOnExistingFile = QgsVectorFileWriter.ActionOnExistingFile.CreateOrOverwriteLayer
    error = QgsVectorFileWriter.writeAsVectorFormatV3(layer, str(path), CONTEXT, options)
    assert error[0] == QgsVectorFileWriter.WriterError.NoError, error
    return path


def wkts(areas) -> list[str]:
    return [shapely.to_wkt(g, rounding_precision=6, trim=True) for g in areas.geometries]


def refusal(call, *arguments) -> str:
    with pytest.raises(AreaError) as caught:
        call(*arguments)
    return str(caught.value)


def table(folder: Path, text: str, name: str = "places.csv") -> str:
    path = folder / name
    path.write_bytes(text.encode("utf-8"))
    return str(path)


# files


@pytest.mark.parametrize("suffix, driver", [("gpkg", "GPKG"), ("shp", "ESRI Shapefile"), ("kml", "KML"),
                                            ("geojson", "GeoJSON")])
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32611"])
def test_vector_files_in_any_system(tmp_path, qgis_app, suffix, driver, crs):
    path = save(memory_layer("LineString", crs, LINE, LINE), tmp_path / f"fields.{suffix}", driver)
    found = area_of_file(str(path), CONTEXT)
    assert len(found.geometries) == len(set(found.feature_ids)) == 2
    expected = shapely.from_wkt(LINE.upper())
    assert all(shapely.hausdorff_distance(shapely.force_2d(g), expected) < 1e-4 for g in found.geometries)


def test_a_file_of_mixed_kinds_and_an_empty_feature(tmp_path, qgis_app):
    path = write_geojson(tmp_path / "areas.geojson", {"type": "Point", "coordinates": [1, 2]}, None,
                         {"type": "LineString", "coordinates": [[1, 2], [3, 4]]})
    found = area_of_file(str(path), CONTEXT)
    assert wkts(found) == ["POINT (1 2)", "GEOMETRYCOLLECTION EMPTY", "LINESTRING (1 2, 3 4)"]
    assert found.feature_ids == [0, 1, 2]


def test_of_several_layers_the_first_with_geometry_or_the_one_named(tmp_path, qgis_app):
    path = tmp_path / "many.gpkg"
    save(QgsVectorLayer("NoGeometry?field=a:int", "x", "memory"), path, "GPKG", "notes")
    save(memory_layer("Point", "EPSG:4326", POINT), path, "GPKG", "points", add=True)
    save(memory_layer("LineString", "EPSG:4326", LINE), path, "GPKG", "lines", add=True)
    assert wkts(area_of_file(str(path), CONTEXT)) == ["POINT (-117.17 37.6)"]
    assert wkts(area_of_file(f"{path}|layername=lines", CONTEXT)) == ["LINESTRING (-117.1 37.5, -117.2 37.6)"]
    assert refusal(area_of_file, f"{path}|layername=roads", CONTEXT).startswith(
        "'many.gpkg' (layername=roads) cannot be read as an area; give GeoJSON")
    assert refusal(area_of_file, f"{path}|layername=notes", CONTEXT) == (
        "The layer 'many.gpkg' has no geometry, so it marks no area; give points, lines or polygons.")


def test_a_file_without_a_system_is_refused(tmp_path, qgis_app):
    path = save(memory_layer("Point", "EPSG:32611", POINT), tmp_path / "fields.shp", "ESRI Shapefile")
    path.with_suffix(".prj").unlink()
    assert refusal(area_of_file, str(path), CONTEXT) == (
        "The layer 'fields.shp' has no valid coordinate reference system; set the one it was drawn in.")


def test_files_that_are_none_are_refused(tmp_path, qgis_app):
    assert refusal(area_of_file, "nowhere/a.gpkg", CONTEXT) == (
        "The area file 'nowhere/a.gpkg' does not exist; choose another one.")
    (tmp_path / "a.geojson").write_text("{ broken")
    empty = save(memory_layer("Point", "EPSG:4326"), tmp_path / "empty.gpkg", "GPKG")
    (tmp_path / "a.docx").write_bytes(b"PK")
    assert refusal(area_of_file, str(tmp_path / "a.geojson"), CONTEXT) == (
        "'a.geojson' cannot be read as an area; give GeoJSON, GeoPackage, Shapefile, KML, or CSV with the columns lon "
        "and lat or wkt.")
    assert refusal(area_of_file, str(tmp_path / "a.docx"), CONTEXT).startswith("'a.docx' cannot be read as an area;")
    assert refusal(area_of_file, str(empty), CONTEXT) == (
        "'empty.gpkg' has no features; give a file with points, lines or polygons.")


def test_a_file_is_read_in_any_thread_with_progress(tmp_path, qgis_app):
    path = save(memory_layer("Point", "EPSG:32611", *[POINT] * 2500), tmp_path / "fields.gpkg", "GPKG")
    listener, found = Listener(), []
    thread = threading.Thread(target=lambda: found.append(area_of_file(str(path), CONTEXT, listener)))
    thread.start()
    thread.join()
    assert len(found[0].geometries) == 2500
    assert listener.fractions == [0.0, 0.4, 0.8]
    with pytest.raises(Cancelled):
        area_of_file(str(path), CONTEXT, Listener(patience=2))


# tables


@pytest.mark.parametrize("text", [
    "lon,lat\n-117.17,37.6\n-117.2,37.7\n", "Longitude;LATITUDE\n-117.17;37.6\n-117.2;37.7",
    "name\tX\tY\na\t-117.17\t37.6\nb\t-117.2\t37.7\n", "pixel_lat,pixel_lon\r\n37.6,-117.17\r\n37.7,-117.2\r\n",
    '\ufeff"lng","name","lat"\n-117.17,"a, b",37.6\n\n -117.2 ,"c",37.7\n',
    'wkt;n\n"POINT(-117.17 37.6)";1\nPOINT (-117.2 37.7);2\n',
    'n,GEOM\n1,"SRID=4326;Point(-117.17 37.6)"\n2,Point(-117.2 37.7)\n',
])
def test_tables(tmp_path, qgis_app, text):
    found = area_of_file(table(tmp_path, text), CONTEXT)
    assert wkts(found) == ["POINT (-117.17 37.6)", "POINT (-117.2 37.7)"]
    assert found.feature_ids == [0, 1]


def test_outlines_in_a_table_may_be_long(tmp_path, qgis_app):
    ring = ", ".join(f"{-117 + i / 10000:.4f} 37.5" for i in range(10000)) + ", -117 38, -117.0000 37.5"
    found = area_of_file(table(tmp_path, f'wkt\n"Polygon(({ring}))"\n'), CONTEXT)
    assert shapely.get_num_coordinates(found.geometries[0]) == 10002


def test_rows_without_coordinates_stay_as_empty_areas(tmp_path, qgis_app):
    found = area_of_file(table(tmp_path, "name,lon,lat\na,1,2\nb,,\nc,3,\nd\ne,5,6\n"), CONTEXT)
    empty = "GEOMETRYCOLLECTION EMPTY"
    assert wkts(found) == ["POINT (1 2)", empty, empty, empty, "POINT (5 6)"]
    assert refusal(area_of_file, table(tmp_path, "lon,lat\n,\n,2\n"), CONTEXT) == (
        "'places.csv' has no row with coordinates; fill lon and lat.")


@pytest.mark.parametrize("text, sentence", [
    ("name,height\na,2\n", "'places.csv' has the columns 'name,height', and none of them tells a place; name them lon "
                           "and lat, or wkt."),
    ("lon;lat\n-117,17;37,6\n", "Line 2 of 'places.csv' has '-117,17'; write decimals with a point, like -117.17."),
    ("lon,lat\n1,2\n-117,17,37,6\n", "Line 3 of 'places.csv' has 4 values for 2 columns; write decimals with a point "
                                     "(37.6, not 37,6), and put texts with a separator in double quotes."),
    ("lon,lat\nwest,2\n", "Line 2 of 'places.csv' has 'west' where a number in degrees belongs, like -117.17; mend "
                          "it."),
    ("x,y\n512000,4100000\n", "Line 2 of 'places.csv' has the longitude 512000 and the latitude 4.1e+06, which are "
                              "not on the Earth; write degrees, the longitude first."),
    ("lon,lat\nnan,2\n", "Line 2 of 'places.csv' has the longitude nan and the latitude 2, which are not on the "
                         "Earth; write degrees, the longitude first."),
    ("wkt\nPOINT(1\n", "Line 2 of 'places.csv' has 'POINT(1', which is no WKT; write for instance "
                       "POINT(-117.17 37.6)."),
    ("wkt\nSRID=1;POINT(1 2)\n", "Line 2 of 'places.csv' has SRID=1, which has no valid coordinate reference system; "
                                 "write an EPSG code that QGIS knows."),
    ("wkt\nPOINT(1 2)\nLINESTRING(1 2)\n", "'places.csv' has a broken geometry, number 2; close its rings and give "
                                           "each line two places."),
    ("", "'places.csv' has the columns '', and none of them tells a place; name them lon and lat, or wkt."),
    ("lon,lat\n", "'places.csv' has no row with coordinates; fill lon and lat."),
])
def test_tables_that_are_refused(tmp_path, qgis_app, text, sentence):
    assert refusal(area_of_file, table(tmp_path, text), CONTEXT) == sentence


def test_a_table_tells_its_progress_and_can_be_cancelled(tmp_path, qgis_app):
    path = table(tmp_path, "lon,lat\n" + "1,2\n" * 3999)
    listener = Listener()
    assert len(area_of_file(path, CONTEXT, listener).geometries) == 3999
    assert listener.fractions == [0.0, 0.25, 0.5, 0.75]
    with pytest.raises(Cancelled):
        area_of_file(path, CONTEXT, Listener(patience=2))


# pasted text


@pytest.mark.parametrize("text, expected", [
    ("POINT(-117.17 37.6)", ["POINT (-117.17 37.6)"]),
    ("  PointZ (-117.17 37.6 12)\n", ["POINT Z (-117.17 37.6 12)"]),
    ("SRID=4326;POINT(-117.17 37.6)", ["POINT (-117.17 37.6)"]),
    ("srid=3857; Point(111319.490793 0)", ["POINT (1 0)"]),
    ("POINT(1 2)\nLINESTRING(1 2,\n 3 4)\n\nSRID=4326;POINT(5 6)",
     ["POINT (1 2)", "LINESTRING (1 2, 3 4)", "POINT (5 6)"]),
    ("GEOMETRYCOLLECTION(POINT(1 2), POINT(3 4))", ["GEOMETRYCOLLECTION (POINT (1 2), POINT (3 4))"]),
    ("-117.17, 37.6", ["POINT (-117.17 37.6)"]),
    ("-117.17,37.6", ["POINT (-117.17 37.6)"]),
    ("-117.17 37.6", ["POINT (-117.17 37.6)"]),
    ("(-117.17, 37.6)", ["POINT (-117.17 37.6)"]),
    ("1, 2\n3 4\n5e0,+6.0", ["POINT (1 2)", "POINT (3 4)", "POINT (5 6)"]),
    ("1, 2; 3, 4", ["POINT (1 2)", "POINT (3 4)"]),
    ("wkt_geom\tname\nPoint (1 2)\ta\nPoint (3 4)\tb", ["POINT (1 2)", "POINT (3 4)"]),
    ("lon,lat\n1,2", ["POINT (1 2)"]),
    ('{"type": "Point", "coordinates": [1, 2]}', ["POINT (1 2)"]),
    ('{"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [1, 2]}}', ["POINT (1 2)"]),
])
def test_pasted_text(qgis_app, text, expected):
    found = area_of_text(text)
    assert len(found.geometries) == len(expected)
    assert all(got.startswith(wanted) for got, wanted in zip(wkts(found), expected))
    assert found.feature_ids == list(range(len(expected)))


def test_pasted_geojson_keeps_features_and_system(qgis_app):
    features = [{"type": "Feature", "id": 7 + i, "properties": {"n": i},
                 "geometry": {"type": "Point", "coordinates": [500000 + i, 4100000]}} for i in range(2)]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32611"}}
    found = area_of_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}))
    assert found.feature_ids == [0, 1]
    assert found.geometries[0].x == pytest.approx(-117.0)
    assert 37.0 < found.geometries[0].y < 37.1


def test_pasted_ewkt_is_transformed(qgis_app):
    found = area_of_text("SRID=32611;POINT(500000 4100000)").geometries[0]
    assert (found.x, found.y) == (pytest.approx(-117.0), pytest.approx(37.0462, abs=1e-4))


@pytest.mark.parametrize("text, sentence", [
    ("  \n", "The pasted text is empty; paste WKT, GeoJSON, or a longitude and a latitude like -117.17, 37.6."),
    ("somewhere", "The pasted text has 'somewhere', which is no place; paste WKT, GeoJSON, or a longitude and a "
                  "latitude like -117.17, 37.6."),
    ("1, 2, 3", "The pasted text has '1, 2, 3', which is no place; paste WKT, GeoJSON, or a longitude and a latitude "
                "like -117.17, 37.6."),
    ("north, 2", "The pasted text has 'north' where a number in degrees belongs, like -117.17; mend it."),
    ("-117,17, 37,6", "The pasted text has '-117,17, 37,6'; write decimals with a point, like -117.17, 37.6."),
    ("-117,17 37,6", "The pasted text has '-117,17 37,6'; write decimals with a point, like -117.17, 37.6."),
    ("37.6, -117.17", "The pasted text has the longitude 37.6 and the latitude -117.17, which are not on the Earth; "
                      "write degrees, the longitude first."),
    ("POINT(1 2", "The pasted text has 'POINT(1 2', which is no WKT; write for instance POINT(-117.17 37.6)."),
    ("POINT(1 2) and more", "The pasted text has 'POINT(1 2) and more', which is no WKT; write for instance "
                            "POINT(-117.17 37.6)."),
    ("POINT(1 2) POINT(3 4)", "The pasted text has 'POINT(1 2) POINT(3 4)', which is no WKT; write for instance "
                              "POINT(-117.17 37.6)."),
    ("CIRCLE(1 2)", "The pasted text has 'CIRCLE(1 2)', which is no WKT; write for instance POINT(-117.17 37.6)."),
    ("LINESTRING(1 2)", "The pasted text has a broken geometry, number 1; close its rings and give each line "
                        "two places."),
    ("SRID=999999;POINT(1 2)", "The pasted text has SRID=999999, which has no valid coordinate reference system; "
                               "write an EPSG code that QGIS knows."),
    ('{"type": "Point"', "'pasted text' cannot be read as an area; give GeoJSON, GeoPackage, Shapefile, KML, or CSV "
                         "with the columns lon and lat or wkt."),
])
def test_pasted_text_that_is_refused(qgis_app, text, sentence):
    assert refusal(area_of_text, text) == sentence


def test_ewkt_off_the_earth_is_refused(qgis_app):
    assert refusal(area_of_text, "SRID=32611;POINT(1e9 4e12)").startswith(
        "The pasted text: 'SRID=32611;POINT(1e9 4e12)' cannot be transformed to longitude and latitude (")


# selected features


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32611"])
def test_the_selected_features_as_they_were_when_taken(qgis_app, crs):
    layer = memory_layer("Point", crs, *[f"Point({-117 - i / 10} 37)" for i in range(5)])
    layer.selectByIds([4, 2])
    read = selected_features(layer)
    layer.selectByIds([1])
    found = []
    thread = threading.Thread(target=lambda: found.append(read(Listener())))
    thread.start()
    thread.join()
    assert found[0].feature_ids == [2, 4]
    assert [round(g.x, 6) for g in found[0].geometries] == [-117.1, -117.3]


def test_a_selection_outlives_its_layer(qgis_app):
    layer = memory_layer("Polygon", "EPSG:4326", POLYGON)
    layer.selectAll()
    read = selected_features(layer)
    del layer
    assert len(read(Listener()).geometries) == 1


def test_unsaved_edits_are_in_the_selection(qgis_app):
    layer = memory_layer("Point", "EPSG:4326", POINT)
    layer.startEditing()
    feature = QgsFeature(QgsFields())
    feature.setGeometry(QgsGeometry.fromWkt("Point(3 4)"))
    layer.addFeature(feature)
    layer.selectAll()
    found = selected_features(layer)(Listener())
    layer.rollBack()
    assert sorted(wkts(found)) == ["POINT (-117.17 37.6)", "POINT (3 4)"]


def test_a_hundred_thousand_selected_features(qgis_app):
    layer = QgsVectorLayer("Point?crs=EPSG:32611", "many", "memory")
    features = []
    for i in range(100_000):
        feature = QgsFeature()
        feature.setGeometry(QgsGeometry.fromWkt(f"Point({500000 + i} 4100000)"))
        features.append(feature)
    layer.dataProvider().addFeatures(features)
    layer.selectAll()
    read = selected_features(layer)
    listener = Listener()
    found = read(listener)
    assert len(found.geometries) == 100_000
    assert found.geometries[0].x == pytest.approx(-117.0)
    assert listener.fractions == [i / 100 for i in range(100)]
    with pytest.raises(Cancelled):
        read(Listener(patience=3))


def test_selections_that_are_refused(qgis_app, tmp_path):
    remedy = "; choose a layer of points, lines or polygons in the Layers panel and select some of its features."
    assert refusal(selected_features, None) == "No layer is current" + remedy
    assert refusal(selected_features, QgsRasterLayer(str(tmp_path / "none.tif"), "scene")) == (
        "'scene' is no vector layer" + remedy)
    assert refusal(selected_features, memory_layer("Point", "EPSG:4326", POINT)) == (
        "The layer 'fields' has no selected features; select some with a selection tool of QGIS.")
    bare = QgsVectorLayer("NoGeometry?field=a:int", "notes", "memory")
    bare.dataProvider().addFeatures([QgsFeature()])
    bare.selectAll()
    assert refusal(selected_features, bare) == (
        "The layer 'notes' has no geometry, so it marks no area; give points, lines or polygons.")
    lost = memory_layer("Point", "EPSG:4326", POINT)
    lost.selectAll()
    lost.setCrs(QgsCoordinateReferenceSystem())
    assert refusal(selected_features, lost) == (
        "The layer 'fields' has no valid coordinate reference system; set the one it was drawn in.")
