"""A layer of vetted candidates: what is read from it, and what people write into it."""

from __future__ import annotations

import csv

import numpy as np
import pytest

pytest.importorskip("qgis.core")
pytest.importorskip("shapely")

from pixel_spectra.adapters.verdict_style import COLOURS, load_with_verdicts, show_verdicts
from pixel_spectra.adapters.vetted_layer import (
    extent_on_map,
    is_vetted,
    judge,
    layer_writer,
    note,
    outline,
    rows_of,
    set_thresholds,
    thresholds_of,
    write_csv,
)
from pixel_spectra.core.errors import AreaError, OutputError
from pixel_spectra.core.progress import NO_PROGRESS
from pixel_spectra.core.vetting.ranking import Thresholds
from pixel_spectra.core.vetting.tables import CANDIDATE_SCHEMA
from pixel_spectra.ui.theme import VERDICT_COLOURS
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProject,
    QgsRasterLayer,
    QgsRenderContext,
    QgsVectorLayer,
)

from vetted_side import make_layer

CONTEXT = QgsCoordinateTransformContext()


@pytest.fixture
def layer(qgis_app, tmp_path):
    return make_layer(tmp_path / "vetted.gpkg")


def fids(layer):
    return [f.id() for f in layer.getFeatures()]


def column(layer, name):
    return [f[name] for f in layer.getFeatures()]


def test_a_layer_of_vet_candidates_is_known_by_its_fields(layer):
    assert is_vetted(layer)
    assert not is_vetted(None)
    assert not is_vetted(QgsRasterLayer())
    assert not is_vetted(QgsVectorLayer("Point?field=verdict:string", "other", "memory"))


def test_all_rows_are_read_at_once(layer):
    rows = rows_of(layer)
    assert list(rows.columns) == [column.name for column in CANDIDATE_SCHEMA]
    assert rows.columns["candidate_id"] == ["strong", "weak", "soil", "lost"]
    assert rows.columns["background_percentile"] == [99.75, 95.0, 40.0, None]
    assert rows.columns["rank"] == [1, 2, 3, None]
    assert rows.columns["datetime"] == ["2024-05-01 10:11:12"] * 3 + [None]
    assert list(rows.feature_ids) == fids(layer)


def test_the_rows_are_the_table_of_a_vetting_again(layer):
    table = rows_of(layer).table()
    frame = list(table.rows())
    assert frame[0]["datetime"] == "2024-05-01T10:11:12.000Z"
    assert frame[3]["score"] is None
    assert np.isnat(table.columns["datetime"][3])
    assert table.to_dataframe().shape == (4, len(CANDIDATE_SCHEMA))


def test_a_verdict_is_saved_at_once(layer, tmp_path):
    first, second, *_ = fids(layer)
    judge(layer, [first, second], "reject")
    note(layer, second, "a roof")
    again = QgsVectorLayer(layer.source(), "again", "ogr")
    assert column(again, "human_verdict") == ["reject", "reject", "", ""]
    assert column(again, "note") == ["", "a roof", "", ""]
    judge(layer, [first], "")
    assert column(QgsVectorLayer(layer.source(), "again", "ogr"), "human_verdict") == ["", "reject", "", ""]


def test_a_layer_that_is_being_edited_can_undo_it(layer):
    layer.startEditing()
    judge(layer, fids(layer)[:2], "accept")
    assert column(layer, "human_verdict") == ["accept", "accept", "", ""]
    assert layer.undoStack().undoText() == "Verdict"
    layer.undoStack().undo()
    assert column(layer, "human_verdict") == ["", "", "", ""]
    layer.rollBack()


def test_a_layer_that_cannot_be_written_says_so(layer):
    layer.setReadOnly(True)
    with pytest.raises(OutputError) as caught:
        judge(layer, fids(layer)[:1], "accept")
    assert str(caught.value) == ("The layer 'vetted' cannot be written, so nothing was kept; export the table as a "
                                 "GeoPackage and go on with that.")
    assert column(layer, "human_verdict") == ["", "", "", ""]


def test_a_table_of_text_is_read_and_cannot_be_written(layer, tmp_path):
    write_csv(rows_of(layer), tmp_path / "t.csv")
    text = QgsVectorLayer((tmp_path / "t.csv").as_uri() + "?delimiter=,&detectTypes=no", "text", "delimitedtext")
    assert is_vetted(text)
    assert rows_of(text).columns["background_percentile"] == [99.75, 95.0, 40.0, None]
    assert rows_of(text).columns["rank"] == [1, 2, 3, None]
    with pytest.raises(OutputError, match="cannot be written"):
        note(text, fids(text)[0], "x")


def test_thresholds_are_made_out_from_the_verdicts(layer):
    assert thresholds_of(layer, rows_of(layer)) == Thresholds(99.0, 90.0)
    ids = fids(layer)
    set_thresholds(layer, Thresholds(94.5, 90.0), {ids[1]: "accept"})
    assert column(layer, "verdict") == ["accept", "accept", "reject", "none"]
    assert thresholds_of(layer, rows_of(layer)) == Thresholds(94.5, 90.0)
    again = QgsVectorLayer(layer.source(), "again", "ogr")
    found = thresholds_of(again, rows_of(again))  # elsewhere nobody knows; the verdicts must be the same
    assert [found.verdict(p) for p in (99.75, 95.0, 40.0, None)] == ["accept", "accept", "reject", "none"]


def test_thresholds_are_not_made_out_from_verdicts_that_few_pixels_held_back(layer):
    ids = fids(layer)
    layer.dataProvider().changeAttributeValues({ids[0]: {layer.fields().lookupField("n_background"): 5,
                                                         layer.fields().lookupField("verdict"): "doubtful"}})
    assert thresholds_of(layer, rows_of(layer)) == Thresholds(99.0, 90.0)


def test_an_edit_that_the_layer_refuses_is_told(layer, monkeypatch):
    layer.startEditing()
    monkeypatch.setattr(type(layer), "changeAttributeValue", lambda *given: False)
    with pytest.raises(OutputError, match="cannot be written, so nothing was kept"):
        judge(layer, fids(layer)[:2], "accept")
    monkeypatch.undo()
    assert not layer.isModified()
    layer.rollBack()


def test_the_outline_is_in_lon_lat(qgis_app, tmp_path):
    lonlat, metres = make_layer(tmp_path / "a.gpkg"), make_layer(tmp_path / "b.gpkg", "EPSG:3857")
    here, there = outline(lonlat, fids(lonlat)[0]), outline(metres, fids(metres)[0])
    assert here.bounds == pytest.approx((10.0, 45.0, 10.01, 45.01))
    assert there.bounds == pytest.approx(here.bounds, abs=1e-9)
    assert outline(lonlat, fids(lonlat)[3]) is None


def test_the_extent_is_on_the_map_of_the_project(qgis_app):
    lonlat, mercator = QgsCoordinateReferenceSystem("EPSG:4326"), QgsCoordinateReferenceSystem("EPSG:3857")
    box = extent_on_map((10.0, 45.0, 10.01, 45.01), 3.0, 0.0, lonlat, CONTEXT)
    assert (box.xMinimum(), box.xMaximum()) == pytest.approx((9.99, 10.02))
    point = extent_on_map((10.0, 45.0, 10.0, 45.0), 3.0, 0.01, lonlat, CONTEXT)
    assert point.width() == pytest.approx(0.01)
    assert extent_on_map((10.0, 45.0, 10.01, 45.01), 3.0, 0.0, mercator, CONTEXT
                         ).xMinimum() == pytest.approx(1112081.7, abs=1.0)


def test_a_place_that_the_project_cannot_show(qgis_app):
    with pytest.raises(AreaError, match="choose one of the Earth in Project > Properties > CRS"):
        extent_on_map((10.0, 45.0, 10.0, 45.0), 1.0, 0.01, QgsCoordinateReferenceSystem(), CONTEXT)


def test_the_table_with_the_verdicts_of_people(layer, tmp_path):
    judge(layer, fids(layer)[:1], "reject")
    note(layer, fids(layer)[0], "=cmd()")
    write_csv(rows_of(layer), tmp_path / "t.csv")
    with open(tmp_path / "t.csv", newline="", encoding="utf-8") as file:
        first = next(csv.DictReader(file))
    assert (first["candidate_id"], first["human_verdict"], first["note"]) == ("strong", "reject", "'=cmd()")
    with pytest.raises(OutputError, match=r"must end with \.csv"):
        write_csv(rows_of(layer), tmp_path / "t.txt")


@pytest.mark.parametrize("ending", ["gpkg", "geojson"])
def test_a_copy_is_a_layer_of_candidates_again(layer, tmp_path, ending):
    judge(layer, fids(layer)[:1], "reject")
    source = layer_writer(layer, rows_of(layer))(str(tmp_path / f"copy.{ending}"), NO_PROGRESS)
    copy = QgsVectorLayer(source, "copy", "ogr")
    assert is_vetted(copy)
    assert rows_of(copy).columns == rows_of(layer).columns
    assert outline(copy, fids(copy)[0]).bounds == pytest.approx((10.0, 45.0, 10.01, 45.01))


def test_a_copy_that_cannot_be_written(layer, tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        layer_writer(layer, rows_of(layer))(str(tmp_path / "nowhere" / "copy.gpkg"), NO_PROGRESS)


def drawn_as(layer):
    """Candidate -> the colour it is drawn in."""
    renderer, context = layer.renderer().clone(), QgsRenderContext()
    context.setExpressionContext(layer.createExpressionContext())
    renderer.startRender(context, layer.fields())
    found = {}
    for feature in layer.getFeatures():
        context.expressionContext().setFeature(feature)
        found[feature["candidate_id"]] = renderer.symbolForFeature(feature, context).color().name()
    renderer.stopRender(context)
    return found


def test_candidates_are_drawn_by_verdict_that_of_a_person_first(layer):
    judge(layer, fids(layer)[1:2], "accept")
    show_verdicts(layer)
    assert drawn_as(layer) == {"strong": "#2c7fd9", "weak": "#2c7fd9", "soil": "#e07b1f", "lost": "#c2b48f"}
    assert COLOURS == VERDICT_COLOURS


def test_what_processing_loads_is_drawn_so(layer):
    context = QgsProcessingContext()
    load_with_verdicts(context, "nothing")  # not loaded: nothing to do
    details = QgsProcessingContext.LayerDetails("vetted", QgsProject.instance(), "OUTPUT")
    context.addLayerToLoadOnCompletion("here", details)
    load_with_verdicts(context, "here")
    styler = context.layerToLoadOnCompletionDetails("here").postProcessor()
    styler.postProcessLayer(layer, context, QgsProcessingFeedback())
    assert drawn_as(layer)["soil"] == "#e07b1f"
    styler.postProcessLayer(QgsRasterLayer(), context, QgsProcessingFeedback())  # not of candidates: left alone


def test_a_second_run_is_styled_as_the_first(qgis_app):
    """The context deletes the processor of its layer when it goes."""
    for _ in range(2):
        context = QgsProcessingContext()
        details = QgsProcessingContext.LayerDetails("vetted", QgsProject.instance(), "OUTPUT")
        context.addLayerToLoadOnCompletion("here", details)
        load_with_verdicts(context, "here")
        assert context.layerToLoadOnCompletionDetails("here").postProcessor() is not None
        del context, details


@pytest.mark.parametrize("kind", ["Point", "LineString"])
def test_points_and_lines_too(qgis_app, kind):
    layer = QgsVectorLayer(f"{kind}?field=verdict:string&field=human_verdict:string", "v", "memory")
    show_verdicts(layer)
    assert [c.symbol().color().name() for c in layer.renderer().categories()] == list(COLOURS.values())
