"""search_scenes in QGIS: footprints with all their fields, styled, and every word of the search in the log."""

from __future__ import annotations

import pytest
from qgis.core import (
    NULL,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputLayerDefinition,
    QgsProject,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QDate, QDateTime, Qt

from qgis_side import memory_layer, write_geojson
from search_side import CMR, STAC, Catalogues, square, umm

FIELDS = ("scene_id sensor datetime cloud day_night rfl_url rfluncert_url mask_url dmrpp_url browse_url size_bytes "
          "source").split()
NAME = "EMIT_L2A_RFL_001_20240501T101112_2412207_005"


@pytest.fixture
def archive(monkeypatch):
    """A callable: these records are all that the archive holds."""

    def hold(*records, **options):
        catalogues = Catalogues(*records, **options)
        monkeypatch.setattr("pixel_spectra.adapters.archive_client.HttpClient", lambda **_: catalogues)
        return catalogues

    return hold


@pytest.fixture
def here(tmp_path):
    return write_geojson(tmp_path / "here.geojson", {"type": "Point", "coordinates": [10.0, 20.0]})


class Log(QgsProcessingFeedback):
    """What a run says."""

    def __init__(self):
        super().__init__()
        self.infos, self.warnings = [], []

    def pushInfo(self, text):
        self.infos.append(text)

    def pushWarning(self, text):
        self.warnings.append(text)


def test_a_footprint(run, archive, here, tmp_path):
    archive(umm())
    done = run("search_scenes", AOI=here, START="2024-05-01", END="2024-05-01", OUTPUT=tmp_path / "scenes.gpkg")
    layer = QgsVectorLayer(done["OUTPUT"], "scenes", "ogr")
    assert [f.name() for f in layer.fields()][1:] == FIELDS
    feature, = layer.getFeatures()
    folder = f"https://data.example/lp-prod-protected/EMITL2ARFL.001/{NAME}"
    assert [feature[name] for name in FIELDS if name != "datetime"] == [
        NAME, "EMIT", 20.0, "day", f"{folder}/{NAME}.nc", f"{folder}/{NAME.replace('_RFL_', '_RFLUNCERT_')}.nc",
        f"{folder}/{NAME.replace('_RFL_', '_MASK_')}.nc", f"{folder}/{NAME}.nc.dmrpp",
        f"https://data.example/lp-prod-public/EMITL2ARFL.001/{NAME}/{NAME}.png", 3003, "CMR"]
    assert feature["datetime"].toUTC() == QDateTime.fromString("2024-05-01T10:11:12Z", Qt.DateFormat.ISODate)
    assert layer.crs().authid() == "EPSG:4326"
    assert feature.geometry().asWkt() == "MultiPolygon (((9.5 19.5, 10.5 19.5, 10.5 20.5, 9.5 20.5, 9.5 19.5)))"


def test_what_is_unknown_is_null(run, archive, here, tmp_path):
    archive(umm(cloud=None, light=None, products=("RFL",)))
    done = run("search_scenes", AOI=here, OUTPUT=tmp_path / "scenes.gpkg")
    feature, = QgsVectorLayer(done["OUTPUT"], "scenes", "ogr").getFeatures()
    assert [name for name in FIELDS if feature[name] == NULL] == ["cloud", "day_night", "rfluncert_url", "mask_url"]


def test_all_that_is_asked_for(run, archive, here):
    times = {f"202405{day:02d}T101112": cloud for day, cloud in enumerate((5, 50, 29, None, 30), 1)}
    archive(*(umm(time, cloud=cloud) for time, cloud in times.items()), umm("20240503T200000", light="Night"))
    log = Log()
    done = run("search_scenes", log, AOI=here, START=QDate(2024, 5, 2), END=QDateTime(QDate(2024, 5, 31)),
               MAX_CLOUD=30, DAY_NIGHT="day", LIMIT=1, OUTPUT="memory:")
    assert [feature["scene_id"][17:25] for feature in done["OUTPUT"].getFeatures()] == ["20240504"]
    assert "1 scene from CMR, of 5 records for the box and time." in log.infos
    assert log.warnings == [
        "The list is cut: the search reached the limit of 1, and CMR holds 5 records for this area (as boxes) and "
        "time. The newest of those read are listed; narrow the area, the dates or the filters, or raise the limit.",
        "Unknown cloud cover: 1 scene, listed all the same."]


def test_the_endpoints_in_order(run, archive, here):
    catalogues = archive(umm())
    log = Log()
    run("search_scenes", log, AOI=here, ENDPOINT=f"{STAC} {CMR}", OUTPUT="memory:")
    assert "1 scene from CMR-STAC, of 1 record for the box and time." in log.infos
    assert all(url.startswith(STAC) for url, *_ in catalogues.asked)


def test_an_area_in_another_crs_across_the_antimeridian(run, archive):
    ring = [(lon - 360 if lon > 180 else lon, lat) for lon, lat in square(180.0, -17.0)]
    catalogues = archive(umm(ring=ring))
    area = memory_layer("Polygon", "EPSG:3832", "POLYGON ((178 -18, 182 -18, 182 -16, 178 -16, 178 -18))")
    QgsProject.instance().addMapLayer(area)
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    done = run("search_scenes", None, context, AOI=area, OUTPUT="memory:")
    layer = done["OUTPUT"]
    assert layer.featureCount() == 1 and len(catalogues.of("CMR", "EMITL2ARFL")) == 2
    assert len(next(layer.getFeatures()).geometry().asMultiPolygon()) == 2
    QgsProject.instance().removeMapLayer(area)


def test_no_scene_is_an_answer(run, archive, here):
    archive(umm(ring=square(50.0, 50.0)))
    log = Log()
    done = run("search_scenes", log, AOI=here, OUTPUT="memory:")
    assert done["OUTPUT"].featureCount() == 0
    assert "0 scenes from CMR, of 0 records for the box and time." in log.infos and not log.warnings


def test_a_loaded_layer_is_styled(provider, archive, here):
    archive(umm(), umm("20240502T000000", cloud=None))
    context, project = QgsProcessingContext(), QgsProject()
    context.setProject(project)
    algorithm = provider.algorithm("search_scenes").create()
    target = QgsProcessingOutputLayerDefinition("memory:", project)
    results, ok = algorithm.run({"AOI": str(here), "OUTPUT": target}, context, QgsProcessingFeedback())
    assert ok
    details = context.layerToLoadOnCompletionDetails(results["OUTPUT"])
    layer = context.getMapLayer(results["OUTPUT"])
    details.postProcessor().postProcessLayer(layer, context, QgsProcessingFeedback())
    assert layer.displayExpression() == '"scene_id"'
    from pixel_spectra.adapters.footprints import is_footprints

    assert is_footprints(layer) and not is_footprints(None)


def test_clear_is_blue_and_unknown_grey(archive):
    """The colours that the style gives."""
    from pixel_spectra.adapters.footprints import footprint_layer
    from pixel_spectra.core.archive.searching import search
    from qgis.core import QgsExpressionContext, QgsExpressionContextUtils, QgsSymbolLayer
    from shapely import Point

    scenes = search("EMIT", Point(10, 20), None, None, client=Catalogues(
        umm(cloud=None), umm("20240502T000000", cloud=0), umm("20240503T000000", cloud=100)))
    layer = footprint_layer(scenes, "scenes")
    stroke = layer.renderer().symbol().symbolLayer(0).dataDefinedProperties().property(
        QgsSymbolLayer.Property.StrokeColor)
    context = QgsExpressionContext(QgsExpressionContextUtils.globalProjectLayerScopes(layer))
    colours = []
    for feature in layer.getFeatures():
        context.setFeature(feature)
        colours.append(stroke.valueAsColor(context)[0].name())
    assert colours == ["#8a929c", "#2c7fd9", "#8a929c"]


def test_the_layer_as_granules(run, archive, here, tmp_path):
    from pixel_spectra.adapters.footprints import granules_in
    from pixel_spectra.core.errors import ArchiveError

    archive(umm(), umm("20240502T000000", products=("RFL",)))
    done = run("search_scenes", AOI=here, OUTPUT=tmp_path / "scenes.gpkg")
    layer = QgsVectorLayer(done["OUTPUT"], "scenes", "ogr")
    first, second = granules_in(layer, "scenes")
    assert first.path.endswith("20240502T000000_2412207_005.nc") and first.mask_file is first.uncertainty_file is None
    assert second.path.endswith(f"{NAME}.nc") and "_MASK_001_" in second.mask_file
    assert "_RFLUNCERT_001_" in second.uncertainty_file
    with pytest.raises(ArchiveError, match="The layer 'here' has no field rfl_url, mask_url, rfluncert_url, so it "
                                           "holds no scenes; give the output of 'Search scenes'"):
        granules_in(QgsVectorLayer(str(here), "here", "ogr"), "here")


@pytest.mark.parametrize(("parameters", "words"), [
    ({"END": "2024-04-30", "START": "2024-05-01"}, "The search ends .2024-04-30 23:59. before it starts"),
    ({"ENDPOINT": "ftp://x/y"}, "is no address of a catalogue"),
    ({"START": "yesterday"}, "START")])
def test_refused(refused, archive, here, parameters, words):
    import re

    archive()
    assert re.search(words, refused("search_scenes", AOI=here, OUTPUT="memory:", **parameters))


def test_an_empty_area(refused, archive):
    archive()
    assert "The area 'fields' has no features with a place" in refused(
        "search_scenes", AOI=memory_layer("Point", "EPSG:4326"), OUTPUT="memory:")


def test_nobody_answers(refused, archive, here):
    from pixel_spectra.core.errors import ArchiveError

    def spoil(catalogue, n, page):
        raise ArchiveError("There is no network.")

    archive(spoil=spoil)
    assert refused("search_scenes", AOI=here, OUTPUT="memory:") == (
        "CMR: There is no network. CMR-STAC: There is no network.")


def test_from_the_command_line(qgis_process, here, tmp_path):
    """The real program, an archive on loopback, over HTTP."""
    from loopback import LoopbackArchive

    with LoopbackArchive(tmp_path / "archive") as served:
        served.records.append(umm(host=served.hosts["data"]))
        done = qgis_process.run("pixelspectra:search_scenes", AOI=here, START="2024-05-01", END="2024-05-01",
                                MAX_CLOUD=50, DAY_NIGHT="day",
                                ENDPOINT=f"{served.hosts['cmr']}/search/granules.umm_json",
                                OUTPUT=tmp_path / "scenes.gpkg")
        assert done.json["results"] == {"OUTPUT": str(tmp_path / "scenes.gpkg")}
        assert not served.asked("login", "data", "signed")
    feature, = QgsVectorLayer(str(tmp_path / "scenes.gpkg"), "scenes", "ogr").getFeatures()
    assert feature["scene_id"] == NAME and feature.geometry().area() == 1.0 and feature["cloud"] == 20.0


def test_a_name_that_would_be_a_path(run, archive, here):
    log = Log()
    archive({**umm(), "GranuleUR": "../../x"})
    done = run("search_scenes", log, AOI=here, OUTPUT="memory:")
    assert done["OUTPUT"].featureCount() == 0
    assert log.warnings == ["Records of CMR that cannot be used were left out: 1 with an unsafe name."]
