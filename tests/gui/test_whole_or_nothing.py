"""Outputs appear whole or not at all, and what stood there before stays until then."""

from __future__ import annotations

import os

import pytest
from pixel_spectra.adapters import granule_raster, layer_output
from pixel_spectra.core.errors import OutputError
from qgis.core import QgsProcessingContext, QgsProcessingFeedback

from full_disk import no_room
from granules import Scene, write_granule
from qgis_side import REFERENCE, box, rows_of, write_geojson

KIB = 1024


def left_in(folder):
    return sorted(p.name for p in folder.iterdir())


@pytest.fixture
def spectra(files, areas):
    return {"GRANULE": files.reflectance, "AOI": areas}


@pytest.mark.parametrize("name", ["out.gpkg", "out.geojson", "out.csv", "out.sqlite"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.97])
def test_a_full_disk_leaves_no_half_table(run, refused, spectra, tmp_path, name, share):
    """However full the disk is, down to the last bytes."""
    run("extract_spectra", **spectra, OUTPUT=tmp_path / name)
    size = (tmp_path / name).stat().st_size
    (tmp_path / name).unlink()
    with no_room(int(size * share)):
        sentence = refused("extract_spectra", **spectra, OUTPUT=tmp_path / name)
    assert f"{name}' cannot be written" in sentence
    assert [p for p in left_in(tmp_path) if not p.endswith(".qml")] == []


def test_what_stood_there_stays(run, refused, spectra, tmp_path):
    run("extract_spectra", **spectra, OUTPUT=tmp_path / "out.gpkg")
    before = (tmp_path / "out.gpkg").read_bytes()
    with no_room(100 * KIB):
        refused("extract_spectra", **spectra, OUTPUT=tmp_path / "out.gpkg")
    assert (tmp_path / "out.gpkg").read_bytes() == before
    assert left_in(tmp_path) == ["out.gpkg"]


def test_a_new_run_takes_its_place(run, spectra, tmp_path):
    (tmp_path / "out.gpkg").write_text("something else")
    run("extract_spectra", **spectra, OUTPUT=tmp_path / "out.gpkg")
    assert len(rows_of(tmp_path / "out.gpkg")) == 52


@pytest.mark.parametrize("output", ["gone/out.gpkg", "file.txt/out.gpkg"])
def test_a_place_that_is_none(refused, spectra, tmp_path, output):
    (tmp_path / "file.txt").write_text("no folder")
    sentence = refused("extract_spectra", **spectra, OUTPUT=tmp_path / output)
    assert f"{output}' cannot be written" in sentence
    assert left_in(tmp_path) == ["file.txt"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only(refused, spectra, tmp_path):
    tmp_path.chmod(0o500)
    assert "cannot be written" in refused("extract_spectra", **spectra, OUTPUT=tmp_path / "out.gpkg")


def test_a_row_that_is_not_taken(refused, spectra, tmp_path, monkeypatch):
    """The sink of QGIS says no by returning False."""
    class Refusing:
        def addFeature(self, *_):  # noqa: N802 (QGIS' name)
            return False

        def lastError(self):  # noqa: N802 (QGIS' name)
            return "the format refuses it"

    real = layer_output._output
    monkeypatch.setattr(layer_output, "_output", lambda sink, *rest: real(Refusing(), *rest))
    sentence = refused("extract_spectra", **spectra, OUTPUT=tmp_path / "out.gpkg")
    assert "cannot be written: the format refuses it" in sentence
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("name", ["out.shp", "out.dbf", "out.tab", "out.mif"])
def test_formats_that_cut_text(refused, spectra, tmp_path, name):
    sentence = refused("extract_spectra", **spectra, OUTPUT=tmp_path / name)
    assert "cuts text after 254 characters; write .gpkg" in sentence
    assert left_in(tmp_path) == []


def test_the_summary_fails_and_takes_the_pixels_with_it(refused, spectra, tmp_path):
    refused("score_spectra", **spectra, REFERENCE=REFERENCE, OUTPUT=tmp_path / "out.gpkg",
            SUMMARY=tmp_path / "gone" / "summary.gpkg")
    assert left_in(tmp_path) == []


RASTERS = {"load_granule": ("OUTPUT", {"BANDS": "all"}), "apply_mask": ("OUTPUT", {}),
           "map_scores": ("OUTPUT", {"REFERENCES": REFERENCE}), "quality_mask": ("REASONS", {})}


@pytest.mark.parametrize("algorithm", RASTERS)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.97])
def test_a_full_disk_leaves_no_half_raster(run, refused, files, tmp_path, algorithm, share):
    output, more = RASTERS[algorithm]
    run(algorithm, GRANULE=files.reflectance, **more, **{output: tmp_path / "out.tif"})
    size = (tmp_path / "out.tif").stat().st_size
    for path in tmp_path.iterdir():
        path.unlink()
    with no_room(int(size * share)):
        sentence = refused(algorithm, GRANULE=files.reflectance, **more, **{output: tmp_path / "out.tif"})
    assert "out.tif' cannot be written" in sentence
    assert left_in(tmp_path) == []


def test_a_style_that_cannot_be_written_takes_the_raster_with_it(refused, files, tmp_path, monkeypatch):
    def fail(*_):
        raise OutputError("'out.qml' cannot be written: full")

    monkeypatch.setattr(granule_raster, "write_colour_style", fail)
    refused("load_granule", GRANULE=files.reflectance, OUTPUT=tmp_path / "out.tif")
    assert left_in(tmp_path) == []


@pytest.fixture
def in_use(monkeypatch):
    """A callable after which nothing new can take the place of the file of that name."""
    real = os.replace

    def refuse(name):
        def replace(part, target):
            if os.path.basename(target) == name and ".pixel_spectra_" in str(part):
                raise PermissionError(13, "Permission denied", str(part))
            real(part, target)

        monkeypatch.setattr(os, "replace", replace)

    return refuse


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


@pytest.mark.parametrize("name", ["out.qml", "out.tif"])
def test_an_older_raster_and_its_style_stay_together(run, refused, files, tmp_path, in_use, name):
    run("load_granule", GRANULE=files.reflectance, BANDS="650", OUTPUT=tmp_path / "out.tif")
    before = contents(tmp_path)
    in_use(name)
    sentence = refused("load_granule", GRANULE=files.reflectance, OUTPUT=tmp_path / "out.tif")
    assert f"{tmp_path / name}' cannot be written: Permission denied" in sentence
    assert contents(tmp_path) == before


def test_an_older_raster_stays_where_the_new_style_fails(run, refused, files, tmp_path, monkeypatch):
    run("load_granule", GRANULE=files.reflectance, BANDS="650", OUTPUT=tmp_path / "out.tif")
    before = contents(tmp_path)

    def fail(*_):
        raise OutputError("'out.qml' cannot be written: full")

    monkeypatch.setattr(granule_raster, "write_colour_style", fail)
    refused("load_granule", GRANULE=files.reflectance, OUTPUT=tmp_path / "out.tif")
    assert contents(tmp_path) == before


QUALITY = {"REASONS": "r.tif", "DATA": "d.tif", "BANDS_INTERPOLATED": "b.tif"}


@pytest.mark.parametrize("name", QUALITY.values())
def test_the_rasters_of_quality_mask_change_together(run, refused, files, tmp_path, in_use, name):
    places = {output: tmp_path / file for output, file in QUALITY.items()}
    run("quality_mask", GRANULE=files.reflectance, FLAGS="cloud", **places)
    before = contents(tmp_path)
    in_use(name)
    assert f"{name}' cannot be written: Permission denied" in refused("quality_mask", GRANULE=files.reflectance,
                                                                      **places)
    assert contents(tmp_path) == before


def test_pixels_and_summary_change_together(run, refused, spectra, tmp_path, in_use):
    places = {"OUTPUT": tmp_path / "out.gpkg", "SUMMARY": tmp_path / "summary.csv"}
    run("score_spectra", **spectra, REFERENCE=REFERENCE, **places)
    before = contents(tmp_path)
    in_use("summary.csv")
    refused("score_spectra", **spectra, REFERENCE=REFERENCE, METRIC="ace", **places)
    assert contents(tmp_path) == before


def test_one_name_for_two_outputs(refused, files, tmp_path):
    sentence = refused("quality_mask", GRANULE=files.reflectance, REASONS=tmp_path / "a.tif", DATA=tmp_path / "a.tif")
    assert "a.tif' is asked for twice; give each output a name of its own." in sentence
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("output", ["out.nc", "out.png", "out"])
def test_a_raster_with_another_ending(refused, files, tmp_path, output):
    sentence = refused("load_granule", GRANULE=files.reflectance, OUTPUT=tmp_path / output)
    assert "give a name that ends with .tif" in sentence or "not supported" in sentence


class StopsAt(QgsProcessingFeedback):
    """Cancels itself when the bar passes a mark, as a user would."""

    def __init__(self, percent):
        super().__init__(False)
        self.progressChanged.connect(lambda value: self.cancel() if value >= percent else None)


CANCELLED = {
    "score_spectra": {"REFERENCE": REFERENCE, "METRIC": "ace", "OUTPUT": "out.gpkg", "SUMMARY": "summary.gpkg"},
    "extract_spectra": {"OUTPUT": "out.gpkg"},
    "identify_spectra": {"OUTPUT": "out.gpkg"},
    "load_granule": {"BANDS": "all", "OUTPUT": "out.tif"},
    "map_scores": {"REFERENCES": REFERENCE, "OUTPUT": "out.tif"},
    "quality_mask": {"REASONS": "out.tif", "DATA": "data.tif"},
    "apply_mask": {"OUTPUT": "out.tif"},
    "list_references": {"OUTPUT": "out.gpkg"},
}


@pytest.fixture(scope="module")
def larger(tmp_path_factory):
    """Large enough that each task reports more than once."""
    folder = tmp_path_factory.mktemp("larger")
    return write_granule(folder, Scene(downtrack=120, crosstrack=60)), write_geojson(folder / "a.geojson",
                                                                                     box(-1, -1, 41, 31))


@pytest.mark.parametrize("percent", [1, 50, 90])
@pytest.mark.parametrize("algorithm", CANCELLED)
def test_a_cancelled_run_leaves_nothing(run, larger, tmp_path, algorithm, percent):
    """Or all of it, where the work was done by then."""
    granule, area = larger
    plain = {n: tmp_path / v if n in ("OUTPUT", "SUMMARY", "REASONS", "DATA") else v
             for n, v in CANCELLED[algorithm].items()}
    if "spectra" in algorithm:
        plain["AOI"] = area
    feedback = StopsAt(percent)
    results = run(algorithm, feedback=feedback, context=QgsProcessingContext(), GRANULE=granule.reflectance, **plain)
    assert feedback.isCanceled()
    given = [v for v in results.values() if v]
    done = [v for v in plain.values() if str(v).startswith(str(tmp_path))] if percent == 90 else []
    assert left_in(tmp_path) == [] if not given else sorted(map(str, done)) == sorted(given)


def test_progress_only_grows(run, larger, tmp_path):
    granule, area = larger
    seen = []
    feedback = QgsProcessingFeedback(False)
    feedback.progressChanged.connect(seen.append)
    run("score_spectra", feedback=feedback, GRANULE=granule.reflectance, AOI=area, REFERENCE=REFERENCE, METRIC="ace",
        OUTPUT=tmp_path / "out.gpkg")
    assert len(seen) > 5
    assert seen == sorted(seen)
