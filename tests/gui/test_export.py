"""What leaves the inspector: files read back against inspect() and the algorithms, whole or not at all."""

from __future__ import annotations

import ast
import json
import os
import subprocess
from dataclasses import replace
from threading import Thread

import numpy as np
import pytest
from pixel_spectra.adapters import processing_command
from pixel_spectra.adapters.export import (
    clipboard_text,
    memory_layer,
    write_layer,
    write_picture,
    write_table_csv,
)
from pixel_spectra.adapters.processing_command import Recipe, qgis_process_command
from pixel_spectra.core.errors import AreaError, Cancelled, LibraryError, OutputError
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.libraries import bundled_library, open_library
from pixel_spectra.core.results import RESULT_SCHEMA
from pixel_spectra.core.sensors import open_granule
from qgis.core import QgsApplication, QgsProject, QgsVectorLayer
from qgis.PyQt.QtGui import QColor, QImage

from full_disk import no_room
from granules import Scene, expected_reflectance, expected_uncertainty, write_granule
from qgis_side import REFERENCE, SCENE, box, place, rows_of, write_geojson

shapely = pytest.importorskip("shapely")
pandas = pytest.importorskip("pandas")

SQUARE = shapely.Polygon([place(1.6, 1.6), place(1.6, 8.4), place(8.4, 8.4), place(8.4, 1.6)])
PIXEL = shapely.Point(place(12, 9))
THRESHOLD = 0.2595


@pytest.fixture(scope="module")
def granule(files):
    return open_granule(files.reflectance)


@pytest.fixture(scope="module")
def scored(granule):
    """Two inspections, as after a click and a drawing: pixel (12, 9), and pixels 2-8 x 2-8 with clouds."""
    return [inspect(granule, [PIXEL], reference=REFERENCE, feature_ids=[0]),
            inspect(granule, [SQUARE], reference=REFERENCE, feature_ids=[1])]


@pytest.fixture(scope="module")
def two_places(tmp_path_factory):
    """The same two places as a layer."""
    return write_geojson(tmp_path_factory.mktemp("places") / "places.geojson",
                         {"type": "Point", "coordinates": place(12, 9)}, box(1.6, 1.6, 8.4, 8.4))


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A granule of another scene with 60 bands, no mask and no uncertainty."""
    scene = Scene(downtrack=10, crosstrack=8, n_bands=60)
    files = write_granule(tmp_path_factory.mktemp("other"), scene, mask=None, uncertainty=False)
    return open_granule(files.reflectance)


class StopsAt:
    """A progress that cancels itself at a mark."""

    def __init__(self, mark):
        self.mark, self.cancelled = mark, False

    def report(self, fraction, message=""):
        self.cancelled = self.cancelled or fraction >= self.mark


def left_in(folder):
    return sorted(p.name for p in folder.iterdir())


def without_fid(rows):
    return [{name: value for name, value in row.items() if name != "fid"} for row in rows]


# ---- the table

def test_the_csv_holds_the_numbers_of_inspect(scored, tmp_path):
    write_table_csv(scored, THRESHOLD, tmp_path / "table.csv")
    table = pandas.read_csv(tmp_path / "table.csv", float_precision="round_trip")
    assert list(table.columns) == [c.name for c in RESULT_SCHEMA]
    assert len(table) == 50
    scores = np.concatenate([seen.scores for seen in scored])
    np.testing.assert_array_equal(table["distance"], scores)
    assert table["accepted"].tolist() == [bool(v) for v in scores <= THRESHOLD]
    assert table["feature_id"].tolist() == [0] + [1] * 49
    assert (table["downtrack"][0], table["crosstrack"][0]) == (12, 9)
    spectrum = np.array(json.loads(table["spectrum"][0]), np.float32)
    np.testing.assert_array_equal(spectrum, expected_reflectance(12, 9)[scored[0].scored.used[0]])


@pytest.mark.parametrize("name", ["table.txt", "table", "table.xlsx"])
def test_a_table_with_another_ending(scored, tmp_path, name):
    with pytest.raises(OutputError, match="its name must end with .csv"):
        write_table_csv(scored, None, tmp_path / name)
    assert left_in(tmp_path) == []


# ---- the layer

@pytest.mark.parametrize("ending", ["gpkg", "geojson", "fgb"])
def test_the_layer_is_the_one_of_score_spectra(run, files, two_places, scored, tmp_path, ending):
    run("score_spectra", GRANULE=files.reflectance, AOI=two_places, REFERENCE=REFERENCE, THRESHOLD=THRESHOLD,
        OUTPUT=tmp_path / f"theirs.{ending}")
    assert write_layer(scored, THRESHOLD, tmp_path / f"ours.{ending}") == str(tmp_path / f"ours.{ending}")
    assert_same_layer(tmp_path / f"ours.{ending}", tmp_path / f"theirs.{ending}", 50)


@pytest.mark.parametrize("ending", ["gpkg", "geojson"])
def test_the_layer_is_the_one_of_extract_spectra(run, files, areas, granule, tmp_path, ending):
    """With a feature without geometry and one off the swath."""
    run("extract_spectra", GRANULE=files.reflectance, AOI=areas, OUTPUT=tmp_path / f"theirs.{ending}")
    seen = inspect(granule, [PIXEL, SQUARE, shapely.Point(), shapely.Point(20, 20)])
    write_layer([seen], None, tmp_path / f"ours.{ending}")
    assert_same_layer(tmp_path / f"ours.{ending}", tmp_path / f"theirs.{ending}", 52)


def assert_same_layer(ours, theirs, n):
    mine, other = (QgsVectorLayer(str(path), "layer", "ogr") for path in (ours, theirs))
    assert [(f.name(), f.typeName(), f.length()) for f in mine.fields()] == [
        (f.name(), f.typeName(), f.length()) for f in other.fields()]
    assert (mine.crs().authid(), mine.wkbType()) == (other.crs().authid(), other.wkbType()) == ("EPSG:4326", 1)
    for layer in (mine, other):
        marks = [layer.editorWidgetSetup(layer.fields().lookupField(n)).type() for n in ("profiles", "profiles_sigma")]
        assert marks == ["SpectralProfile"] * 2
    assert mine.featureCount() == n
    rows = [sorted(without_fid(rows_of(layer)), key=lambda r: (r["feature_id"], r["downtrack"], r["crosstrack"]))
            for layer in (mine, other)]
    assert rows[0] == rows[1]


def test_the_uncertainty_is_read_for_the_layer(scored, tmp_path):
    """A click does not read it, the algorithms do."""
    assert scored[0].spectra.uncertainty is None
    write_layer(scored[:1], None, tmp_path / "ours.gpkg")
    sigma = json.loads(rows_of(tmp_path / "ours.gpkg")[0]["profiles_sigma"])
    np.testing.assert_array_equal(np.array(sigma["y"][:5], np.float32), expected_uncertainty()[:5])


def test_granules_of_different_bands_in_one_layer(scored, elsewhere, tmp_path):
    other = inspect(elsewhere, pixels=[(4, 5)])
    write_layer([scored[0], other], THRESHOLD, tmp_path / "both.gpkg")
    first, second = rows_of(tmp_path / "both.gpkg")
    assert [len(json.loads(r["profiles"])["y"]) for r in (first, second)] == [285, 60]
    assert (first["accepted"], second["accepted"], second["metric"]) == (False, None, "")
    assert second["profiles_sigma"] is None
    assert (second["downtrack"], second["crosstrack"], second["mask_id"]) == (4, 5, "good_bands")


@pytest.mark.parametrize("name", ["out.shp", "out.dbf", "out.tab", "out.mif"])
def test_formats_that_cut_text(scored, tmp_path, name):
    with pytest.raises(OutputError, match="cuts text after 254 characters; write .gpkg|names no vector format"):
        write_layer(scored, None, tmp_path / name)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("name", ["out.foo", "out", "out.png"])
def test_endings_that_are_no_format(scored, tmp_path, name):
    with pytest.raises(OutputError, match="its ending names no vector format; end it with .gpkg"):
        write_layer(scored, None, tmp_path / name)
    assert left_in(tmp_path) == []


def test_a_new_file_takes_the_place_of_an_older_one(scored, tmp_path):
    (tmp_path / "out.gpkg").write_text("something else")
    write_layer(scored, None, tmp_path / "out.gpkg")
    assert len(rows_of(tmp_path / "out.gpkg")) == 50


# ---- the temporary layer

def test_a_temporary_layer_made_in_a_worker_belongs_to_the_main_thread(run, files, two_places, scored, qgis_app):
    made = []
    worker = Thread(target=lambda: made.append(memory_layer(scored, THRESHOLD, "Pixels: a & b")))
    worker.start()
    worker.join()
    (layer,) = made
    assert layer.thread() is QgsApplication.instance().thread()
    assert layer.dataProvider().thread() is QgsApplication.instance().thread()
    assert (layer.name(), layer.providerType(), layer.isValid()) == ("Pixels: a & b", "memory", True)
    for name in ("profiles", "profiles_sigma"):
        assert layer.editorWidgetSetup(layer.fields().lookupField(name)).type() == "SpectralProfile"
    theirs = run("score_spectra", GRANULE=files.reflectance, AOI=two_places, REFERENCE=REFERENCE, THRESHOLD=THRESHOLD,
                 OUTPUT="TEMPORARY_OUTPUT")["OUTPUT"]
    assert rows_of(layer) == rows_of(theirs)
    QgsProject.instance().addMapLayer(layer)
    assert layer.id() in QgsProject.instance().mapLayers()
    QgsProject.instance().removeMapLayer(layer.id())


def test_a_cancelled_temporary_layer(scored):
    with pytest.raises(Cancelled):
        memory_layer(scored, None, "never", StopsAt(0.1))


# ---- what goes wrong, for every file

WRITERS = {
    "out.csv": lambda seen, path, progress: write_table_csv(seen, None, path, progress),
    "out.gpkg": lambda seen, path, progress: write_layer(seen, None, path, progress),
    "out.geojson": lambda seen, path, progress: write_layer(seen, None, path, progress),
    "out.png": lambda seen, path, progress: write_picture(noise(), path),
}


def noise():
    """A picture that does not get small in a PNG."""
    values = np.random.default_rng(0).integers(0, 255, (100, 100, 4), np.uint8)
    return QImage(values.tobytes(), 100, 100, QImage.Format.Format_RGB32).copy()


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("place_of", ["gone/{}", "file.txt/{}"])
def test_a_place_that_is_none(scored, tmp_path, name, place_of):
    (tmp_path / "file.txt").write_text("no folder")
    with pytest.raises(OutputError, match=f"{name}' cannot be written: .*; choose a folder that exists"):
        WRITERS[name](scored, tmp_path / place_of.format(name), StopsAt(2))
    assert left_in(tmp_path) == ["file.txt"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("name", WRITERS)
def test_a_folder_that_is_read_only(scored, tmp_path, name):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match=f"{name}' cannot be written"):
        WRITERS[name](scored, tmp_path / name, StopsAt(2))
    tmp_path.chmod(0o700)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97, 0.99])
def test_a_full_disk_leaves_what_stood_there(scored, tmp_path, name, share):
    WRITERS[name](scored, tmp_path / name, StopsAt(2))
    size = (tmp_path / name).stat().st_size
    (tmp_path / name).write_text("older")
    before = {p: (tmp_path / p).read_bytes() for p in left_in(tmp_path)}
    with no_room(int(size * share)), pytest.raises(OutputError, match=f"{name}' cannot be written"):
        WRITERS[name](scored, tmp_path / name, StopsAt(2))
    assert {p: (tmp_path / p).read_bytes() for p in left_in(tmp_path)} == before


@pytest.mark.parametrize("name", ["out.csv", "out.gpkg", "out.geojson"])
@pytest.mark.parametrize("mark", [0.0, 0.1])
def test_a_cancelled_export_leaves_nothing(scored, tmp_path, name, mark):
    with pytest.raises(Cancelled):
        WRITERS[name](scored, tmp_path / name, StopsAt(mark))
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("name", ["out.csv", "out.gpkg"])
def test_nothing_to_write(tmp_path, name):
    with pytest.raises(OutputError, match="There is nothing to write; inspect a pixel or an area first."):
        WRITERS[name]([], tmp_path / name, StopsAt(2))
    assert left_in(tmp_path) == []


def test_the_picture_is_read_back(tmp_path):
    picture = noise()
    write_picture(picture, tmp_path / "plot.png")
    read = QImage(str(tmp_path / "plot.png"))
    assert (read.width(), read.height()) == (100, 100)
    assert QColor(read.pixel(3, 4)) == QColor(picture.pixel(3, 4))


def test_no_picture_and_another_ending(tmp_path):
    with pytest.raises(OutputError, match="plot.png' cannot be written: there is no picture"):
        write_picture(QImage(), tmp_path / "plot.png")
    with pytest.raises(OutputError, match="its name must end with .png"):
        write_picture(noise(), tmp_path / "plot.jpg")
    assert left_in(tmp_path) == []


# ---- values for a spreadsheet

def lines_of(text):
    return [line.split("\t") for line in text.rstrip("\n").split("\n")]


def test_the_values_of_two_pixels(granule):
    seen = [inspect(granule, pixels=[pixel], reference=REFERENCE) for pixel in ((12, 9), (20, 7))]
    lines = lines_of(clipboard_text(seen, THRESHOLD))
    assert {len(line) for line in lines} == {4}
    head = {line[0]: line[1:] for line in lines[:12]}
    assert list(head) == ["granule", "longitude", "latitude", "downtrack", "crosstrack", "feature_id", "reference",
                          "metric", "score", "accepted", "reason", "wavelength_nm"]
    assert head["downtrack"] == ["", "12", "20"] and head["crosstrack"] == ["", "9", "7"]
    assert [float(v) for v in (head["longitude"][1], head["latitude"][1])] == pytest.approx(place(12, 9), abs=1e-9)
    assert head["metric"] == ["", *["sam (rad, lower is closer)"] * 2]
    assert [float(v) for v in head["score"][1:]] == [s.scores[0] for s in seen]
    assert head["accepted"][1:] == ["true" if s.scores[0] <= THRESHOLD else "false" for s in seen]
    assert head["wavelength_nm"] == ["band", "value", "value"]
    bands = lines[12:]
    assert len(bands) == 285
    np.testing.assert_allclose([float(b[0]) for b in bands], granule.bands.wavelength_nm, atol=1e-5)
    for column, one in ((2, seen[0]), (3, seen[1])):
        read = [np.nan if b[column] == "" else np.float32(b[column]) for b in bands]
        np.testing.assert_array_equal(read, one.spectra.masked_values[0])
    bad = ~granule.bands.good
    assert [b[1] == "bad band" for b in bands] == bad.tolist()  # a band interpolated in one pixel only is good
    assert {b[1] for b in bands} == {"good", "bad band"}


def test_the_reason_stands_where_no_pixel_can_be_used(granule):
    """Pixel (20, 7) has an interpolated band; pixel (3, 4) is cloudy."""
    lines = lines_of(clipboard_text([inspect(granule, pixels=[(20, 7)])]))
    assert sum(line[1] == "interpolated band" for line in lines) == 1
    lines = lines_of(clipboard_text([inspect(granule, pixels=[(3, 4)])]))
    assert {line[2] for line in lines[12:]} == {""}
    assert {line[1] for line in lines[12:]} == {"Cloud flag"}
    assert lines[10] == ["reason", "", "Cloud flag"]


def test_an_area_has_mean_sigma_and_n_before_its_pixels(scored):
    lines = lines_of(clipboard_text(scored[1:], THRESHOLD))
    assert {len(line) for line in lines} == {2 + 3 + 49}
    assert lines[11][:6] == ["wavelength_nm", "band", "mean", "sigma", "n", "value"]
    (summary,) = scored[1].summary()
    assert [float(v) for v in lines[8][2:5]] == [summary.mean, summary.sigma, 27]
    for column, expected in ((2, scored[1].mean), (3, scored[1].sigma), (4, scored[1].spectra.valid.sum(axis=0))):
        read = [np.nan if line[column] == "" else float(line[column]) for line in lines[12:]]
        np.testing.assert_array_equal(read, expected)


def test_a_large_area_copies_a_sample_and_says_so(granule):
    lines = lines_of(clipboard_text([inspect(granule, shapely.Polygon(
        [place(9.6, 1.6), place(9.6, 28.4), place(38.4, 28.4), place(38.4, 1.6)]))]))
    assert lines[0] == ["200 of 783 pixels are copied; mean, sigma and n are of all. Write the table (CSV) for every "
                        "pixel."]
    assert {len(line) for line in lines[1:]} == {2 + 3 + 200}
    assert max(int(line[4]) for line in lines[13:]) > 200


def test_granules_of_other_bands_get_a_block_of_their_own(scored, elsewhere):
    text = clipboard_text([scored[0], inspect(elsewhere, pixels=[(4, 5), (2, 1)])])
    first, second = text.split("\n\n")
    assert len(lines_of(first)) == 12 + 285
    assert len(lines_of(second)) == 12 + 60
    assert lines_of(second)[3] == ["downtrack", "", "", "", "", "4", "2"]
    assert lines_of(second)[6:9] == [[name] + [""] * 6 for name in ("reference", "metric", "score")]


def test_text_that_a_spreadsheet_would_run_is_defused(scored, granule):
    """The id of a reference comes from a file; negative numbers stay numbers."""
    evil = replace(bundled_library()[REFERENCE], id='=HYPERLINK("x")\t+1')
    lines = lines_of(clipboard_text([inspect(granule, [PIXEL], reference=evil)]))
    assert lines[6] == ["reference", "", "'=HYPERLINK(\"x\") +1"]
    assert float(lines[1][2]) == pytest.approx(place(12, 9)[0]) and not lines[1][2].startswith("'")


def test_nothing_to_copy():
    with pytest.raises(OutputError, match="There is nothing to write"):
        clipboard_text([])
    with pytest.raises(OutputError, match="There is nothing to copy"):
        processing_command.processing_command([])


# ---- commands that ask again

@pytest.fixture
def answered(provider):
    """A callable: the layers that a Python command makes when it is run as in QGIS' console."""
    def call(command):
        tree = ast.parse(command)
        names = {}
        made = []
        for statement in tree.body:
            if isinstance(statement, ast.Expr):
                made.append(eval(compile(ast.Expression(statement.value), "command", "eval"), names)["OUTPUT"])
            else:
                exec(compile(ast.Module([statement], []), "command", "exec"), names)
        return made

    return call


def commands(recipes, threshold=None):
    return processing_command.processing_command(recipes, threshold)


def assert_same_numbers(rows, inspections):
    expected = [row for seen in inspections for row in seen.table().rows()]
    names = ("scene_id", "downtrack", "crosstrack", "feature_id", "n_bands", "reference_id", "metric", "mask_id",
             "valid", "reason")
    assert [[r[n] for n in names] for r in rows] == [[r[n] for n in names] for r in expected]
    given, wanted = (np.array([np.nan if r["distance"] is None else r["distance"] for r in table])
                     for table in (rows, expected))
    np.testing.assert_allclose(given, wanted, rtol=1e-12)


HOLED = shapely.Polygon([place(10, 3), place(10, 20), place(25, 20), place(25, 3)],
                        [[place(14, 8), place(14, 12), place(18, 12), place(18, 8)]])
LINE = shapely.LineString([place(1, 1), place(20, 25), place(30, 2)])


@pytest.mark.parametrize("metric", ["sam", "matched_filter"])
@pytest.mark.parametrize("area", [PIXEL, SQUARE, HOLED, LINE], ids=["point", "polygon", "hole", "line"])
def test_a_python_command_gives_the_scores_of_the_inspection(answered, granule, metric, area):
    seen = inspect(granule, [area], reference=REFERENCE, metric=metric, feature_ids=[7], mask="cloud, AOD550<=0.5")
    (layer,) = answered(commands([Recipe(seen, [area])], 0.2595))
    assert_same_numbers(rows_of(layer), [seen])
    assert [r["accepted"] for r in rows_of(layer)] == seen.accepted(0.2595)


def test_without_a_reference_it_extracts(answered, granule):
    seen = inspect(granule, [SQUARE])
    command = commands([Recipe(seen, [SQUARE])], 0.1)
    assert 'processing.run("pixelspectra:extract_spectra", {' in command
    assert "THRESHOLD" not in command and "METRIC" not in command
    assert_same_numbers(rows_of(answered(command)[0]), [seen])


def test_background_and_seed_are_told_where_they_matter(answered, granule):
    seen = inspect(granule, [PIXEL], reference=REFERENCE, metric="ace", background="ring", seed=5)
    command = commands([Recipe(seen, [PIXEL], background="ring", seed=5)])
    assert_same_numbers(rows_of(answered(command)[0]), [seen])
    assert "\"BACKGROUND\": 'ring'" in command and '"SEED": 5' in command
    assert "SEED" not in commands([Recipe(inspect(granule, [PIXEL], reference=REFERENCE), [PIXEL], seed=5)])


def test_pixels_of_one_granule_go_into_one_command(answered, scored):
    recipes = [Recipe(scored[0], [PIXEL]), Recipe(scored[1], [SQUARE])]
    command = commands(recipes, THRESHOLD)
    assert command.count("processing.run") == 1
    assert_same_numbers(rows_of(answered(command)[0]), scored)


def test_pixels_scored_against_a_background_keep_a_command_each(answered, granule):
    """Their own pixels are left out of it, so that together they would score otherwise."""
    seen = [inspect(granule, [area], reference=REFERENCE, metric="ace", feature_ids=[i])
            for i, area in enumerate((PIXEL, SQUARE))]
    layers = answered(commands([Recipe(seen[0], [PIXEL]), Recipe(seen[1], [SQUARE])]))
    assert len(layers) == 2
    for layer, one in zip(layers, seen):
        assert_same_numbers(rows_of(layer), [one])


def test_a_command_per_granule_and_per_question(answered, scored, granule, elsewhere):
    again = inspect(granule, [PIXEL], reference=REFERENCE, feature_ids=[0])  # the id of the first once more
    there = shapely.Point(elsewhere.geolocation.lonlat(np.array([4]), np.array([5])))
    recipes = [Recipe(scored[0], [PIXEL]), Recipe(again, [PIXEL]),
               Recipe(inspect(elsewhere, [there], feature_ids=[3]), [there])]
    command = commands(recipes)
    assert [line.split('"')[1] for line in command.splitlines() if "processing.run" in line] == [
        "pixelspectra:score_spectra", "pixelspectra:score_spectra", "pixelspectra:extract_spectra"]
    for layer, recipe in zip(answered(command), recipes):
        assert_same_numbers(rows_of(layer), [recipe.seen])


def test_companions_given_by_name_and_paths_with_odd_characters(answered, tmp_path):
    folder = tmp_path / "it's a \"folder\" $HOME\\n"
    folder.mkdir()
    files = write_granule(folder, SCENE)
    mask = files.mask.rename(folder / "my mask.nc")
    sigma = files.uncertainty.rename(folder / "sigma ü.nc")
    seen = inspect(open_granule(files.reflectance, mask, sigma), [SQUARE], reference=REFERENCE)
    command = commands([Recipe(seen, [SQUARE])])
    (layer,) = answered(command)
    assert_same_numbers(rows_of(layer), [seen])
    assert rows_of(layer)[0]["profiles_sigma"] is not None
    assert seen.mask.mask_id == "quality"


@pytest.fixture
def own_library(tmp_path):
    """A library of two spectra in a file."""
    path = tmp_path / "own library.csv"
    lines = ["wavelength,Flat one,Steep 'two'"] + [f"{nm},0.3,{nm / 5000}" for nm in range(380, 2501, 5)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_reference_of_a_file(answered, granule, own_library):
    library = open_library(own_library)
    for identifier in library:
        seen = inspect(granule, [SQUARE], reference=library[identifier])
        command = commands([Recipe(seen, [SQUARE], reference_file=str(own_library))])
        assert_same_numbers(rows_of(answered(command)[0]), [seen])


def test_a_bundled_reference_is_named_by_its_id_also_beside_a_library(scored, own_library):
    recipe = Recipe(scored[0], [PIXEL], reference_file=str(own_library))
    assert f"\"REFERENCE\": '{REFERENCE}'" in commands([recipe])
    assert "REFERENCE_FILE" not in commands([recipe]) + qgis_process_command([recipe])


def test_a_reference_that_no_file_holds_is_refused(granule):
    mean = inspect(granule, [SQUARE]).as_reference()
    seen = inspect(granule, [PIXEL], reference=mean)
    with pytest.raises(LibraryError, match="is in no file, so a command cannot name it; save it to a file"):
        commands([Recipe(seen, [PIXEL])])
    with pytest.raises(LibraryError, match="is in no file"):
        commands([Recipe(replace(seen, reference=replace(mean, id=REFERENCE)), [PIXEL])])


def test_selected_features_of_a_layer(answered, granule):
    """The command names the layer and takes what is selected there."""
    layer = QgsVectorLayer(json.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "id": i, "properties": {}, "geometry": {"type": "Point", "coordinates": place(*pixel)}}
        for i, pixel in enumerate([(12, 9), (20, 7), (30, 5)])]}), "sites", "ogr")
    QgsProject.instance().addMapLayer(layer)
    layer.selectByIds([0, 2])
    points = [shapely.Point(place(12, 9)), shapely.Point(place(30, 5))]
    seen = inspect(granule, points, reference=REFERENCE, feature_ids=[0, 2])
    recipe = Recipe(seen, points, layer_id=layer.id())
    command = commands([recipe])
    assert f"QgsProcessingFeatureSourceDefinition({layer.id()!r}, selectedFeaturesOnly=True)" in command
    rows = rows_of(answered(command)[0])
    assert [r["feature_id"] for r in rows] == [0, 2]
    assert_same_numbers(rows, [seen])
    assert layer.id() not in qgis_process_command([recipe])
    QgsProject.instance().removeMapLayer(layer.id())


def test_pixels_by_row_and_column_have_no_command(granule):
    seen = inspect(granule, pixels=[(12, 9), (20, 7)])
    with pytest.raises(AreaError, match="were not asked for by an area in coordinates"):
        commands([Recipe(seen, [])])


def test_an_area_too_long_for_a_command(granule, monkeypatch):
    monkeypatch.setattr(processing_command, "LONGEST", 500)
    seen = inspect(granule, [SQUARE])
    with pytest.raises(AreaError, match="too long to paste; save the area as a file"):
        commands([Recipe(seen, [SQUARE])])


def shell(qgis_process, command, folder):
    """Run a command as it would be pasted into a terminal."""
    done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, timeout=120,
                          env=qgis_process.environment())
    assert done.returncode == 0, done.stderr


def test_a_command_for_the_terminal_gives_the_same_table(qgis_process, scored, tmp_path):
    command = qgis_process_command([Recipe(scored[0], [PIXEL]), Recipe(scored[1], [SQUARE])], THRESHOLD)
    assert command.count("\n") == 1 and command.endswith("| qgis_process run pixelspectra:score_spectra -\n")
    shell(qgis_process, command, tmp_path)
    assert left_in(tmp_path) == ["score_spectra.gpkg"]
    rows = rows_of(tmp_path / "score_spectra.gpkg")
    assert_same_numbers(rows, scored)
    assert [r["accepted"] for r in rows] == [bool(v) for seen in scored for v in seen.scores <= THRESHOLD]


def test_the_terminal_takes_odd_characters_and_several_calls(qgis_process, own_library, tmp_path):
    folder = tmp_path / "it's $HOME `x` \"q\" \\n é"
    folder.mkdir()
    library = own_library.rename(folder / own_library.name)
    granule = open_granule(write_granule(folder, SCENE).reflectance)
    (flat, steep) = open_library(library).values()
    seen = [inspect(granule, [PIXEL], reference=steep), inspect(granule, [LINE])]
    command = qgis_process_command([Recipe(seen[0], [PIXEL], reference_file=str(library)), Recipe(seen[1], [LINE])])
    shell(qgis_process, command, tmp_path)
    assert left_in(tmp_path) == ["extract_spectra_2.gpkg", folder.name, "score_spectra_1.gpkg"]
    assert_same_numbers(rows_of(tmp_path / "score_spectra_1.gpkg"), seen[:1])
    assert_same_numbers(rows_of(tmp_path / "extract_spectra_2.gpkg"), seen[1:])


def test_a_library_in_a_layer_of_the_project_is_unknown_to_the_terminal(granule):
    reference = replace(bundled_library()[REFERENCE], id="mine", source="layer")
    seen = inspect(granule, [PIXEL], reference=reference)
    recipe = Recipe(seen, [PIXEL], reference_file="sites_1234")
    assert '"REFERENCE_FILE": \'sites_1234\'' in commands([recipe])
    with pytest.raises(LibraryError, match="the layer 'sites_1234' of this project, which qgis_process does not know"):
        qgis_process_command([recipe])
