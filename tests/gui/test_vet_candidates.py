"""vet_candidates in QGIS: layers and tables in, sorted table out, and everything else that was asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from qgis.core import QgsCoordinateReferenceSystem, QgsVectorLayer

from full_disk import no_room
from granules import lonlat
from qgis_side import rows_of
from vetting_side import FAR, KAOLINITE, LATER, SCENE, square, write_scene


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    for scene, part in ((SCENE, 1.0), (LATER, 0.5), (FAR, 1.0)):
        write_scene(folder, scene, part)
    return folder


@pytest.fixture(scope="module")
def granule(folder):
    return next(folder.glob("*RFL_001_20240501*"))


def geojson(path: Path, **changes):
    """Squares: soil, strong, weak; with fields site (number), name, is."""
    from shapely import to_geojson

    squares = {"soil": square(50, 10), "strong": square(20, 15), "weak": square(40, 30)}
    features = [{"type": "Feature", "geometry": json.loads(to_geojson(area)),
                 "properties": {"site": i + 10.0, "name": name, "is": KAOLINITE if name == "weak" else None}}
                for i, (name, area) in enumerate(squares.items())]
    features.append({"type": "Feature", "geometry": None, "properties": {"site": 99.5, "name": "lost", "is": None}})
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features, **changes}))
    return path


@pytest.fixture
def candidates(tmp_path):
    return geojson(tmp_path / "candidates.geojson")


FIELDS = """candidate_id rank verdict human_verdict note scene_id datetime score score_best score_std sigma
background_percentile column_percentile n_pixels n_valid masked n_background best_other margin reference_id metric
mask_id reason warnings""".split()


def test_a_layer_and_a_folder(run, folder, candidates, tmp_path):
    done = run("vet_candidates", CANDIDATES=candidates, CANDIDATE_ID="name", GRANULES=folder, REFERENCE=KAOLINITE,
               OUTPUT=tmp_path / "o.gpkg", OTHER_SCENES=tmp_path / "s.gpkg", PIXELS=tmp_path / "p.gpkg",
               REPORT=tmp_path / "r.html", JOURNAL=tmp_path / "journal")
    layer = QgsVectorLayer(done["OUTPUT"], "o", "ogr")
    assert [f.name() for f in layer.fields()][1:] == FIELDS
    rows = rows_of_any(layer)
    assert [row["candidate_id"] for row in rows] == ["strong", "weak", "soil", "lost"]
    assert [row["rank"] for row in rows] == [1, 2, 3, None]
    assert [row["verdict"] for row in rows[:2]] == ["accept", "accept"]
    assert rows[0]["human_verdict"] == ""
    assert rows[0]["sigma"] > 0
    assert rows[3]["verdict"] == "none"
    assert rows[3]["reason"] == "It has no geometry."
    areas = [feature.geometry() for feature in layer.getFeatures()]
    assert areas[0].asWkt(3).startswith("MultiPolygon")
    assert areas[3].isEmpty()
    others = rows_of_any(done["OTHER_SCENES"])
    assert [row["candidate_id"] for row in others][:2] == ["strong", "weak"]
    pixels = rows_of_any(done["PIXELS"])
    assert len(pixels) == 48
    assert {row["candidate_id"] for row in pixels} == {"strong", "weak", "soil"}
    assert pixels[0]["distance_sigma"] > 0
    assert "<script" not in Path(done["REPORT"]).read_text()
    assert len((tmp_path / "journal" / "vetting.journal").read_bytes().splitlines()) == 3


def rows_of_any(layer):
    """Rows without their geometry, which may be an area."""
    layer = layer if isinstance(layer, QgsVectorLayer) else QgsVectorLayer(str(layer), "l", "ogr")
    return [{name: None if hasattr(v, "isNull") and not hasattr(v, "date") and v.isNull() else v
             for name, v in zip(f.fields().names(), f.attributes())} for f in layer.getFeatures()]


@pytest.mark.parametrize(("field", "ids"), [("site", ["11", "12", "10", "99.5"]), (None, ["1", "2", "0", "3"])])
def test_ids_are_text_without_decimals(run, granule, candidates, field, ids):
    done = run("vet_candidates", CANDIDATES=candidates, CANDIDATE_ID=field, GRANULES=[str(granule)],
               REFERENCE=KAOLINITE, OUTPUT="memory:")
    assert [row["candidate_id"] for row in rows_of_any(done["OUTPUT"])] == ids


@pytest.mark.parametrize("form", ["lon/lat", "wkt"])
def test_a_table(run, granule, tmp_path, form):
    path = tmp_path / "c.csv"
    lon, lat = lonlat(SCENE, 21, 16)
    if form == "wkt":
        path.write_text(f'key,wkt\na,"{square(20, 15).wkt}"\nb,\n')
    else:
        path.write_text(f"key,lon,lat\na,{lon:.6f},{lat:.6f}\nb,,\n")
    done = run("vet_candidates", CANDIDATES=path, CANDIDATE_ID="key", GRANULES=granule, REFERENCE=KAOLINITE,
               OUTPUT="memory:")
    rows = rows_of_any(done["OUTPUT"])
    assert [(row["candidate_id"], row["n_pixels"]) for row in rows] == [("a", 16 if form == "wkt" else 1), ("b", 0)]


def test_a_table_that_is_a_layer(run, granule, tmp_path):
    path = tmp_path / "c.csv"
    lon, lat = lonlat(SCENE, 21, 16)
    path.write_text(f"key,lon,lat\na,{lon:.6f},{lat:.6f}\n")
    layer = QgsVectorLayer(str(path), "dragged", "ogr")
    done = run("vet_candidates", CANDIDATES=layer, CANDIDATE_ID="key", GRANULES=granule, REFERENCE=KAOLINITE,
               OUTPUT="memory:")
    assert [(row["candidate_id"], row["n_pixels"]) for row in rows_of_any(done["OUTPUT"])] == [("a", 1)]


def test_a_reference_for_each(run, granule, candidates):
    done = run("vet_candidates", CANDIDATES=candidates, CANDIDATE_ID="name", GRANULES=granule, REFERENCE_FIELD="is",
               OUTPUT="memory:")
    rows = {row["candidate_id"]: row for row in rows_of_any(done["OUTPUT"])}
    assert rows["weak"]["reference_id"] == KAOLINITE
    assert rows["weak"]["verdict"] == "accept"
    assert rows["soil"]["reason"] == "It names no reference, and the run has none."


def test_another_projection(run, granule, candidates):
    import processing

    moved = processing.run("native:reprojectlayer", {"INPUT": str(candidates), "TARGET_CRS": "EPSG:32633",
                                                     "OUTPUT": "memory:"})["OUTPUT"]
    done = run("vet_candidates", CANDIDATES=moved, CANDIDATE_ID="name", GRANULES=granule, REFERENCE=KAOLINITE,
               OUTPUT="memory:")
    assert [row["n_pixels"] for row in rows_of_any(done["OUTPUT"])] == [16, 16, 16, 0]


def test_mixed_geometries(run, granule, tmp_path):
    path = tmp_path / "c.csv"
    lon, lat = lonlat(SCENE, 21, 16)
    path.write_text(f'n,wkt\n1,"{square(20, 15).wkt}"\n2,POINT({lon} {lat})\n')
    done = run("vet_candidates", CANDIDATES=path, GRANULES=granule, REFERENCE=KAOLINITE, OUTPUT=tmp_path / "o.gpkg")
    assert sorted(row["n_pixels"] for row in rows_of_any(done["OUTPUT"])) == [1, 16]


@pytest.mark.parametrize(
    ("text", "words"),
    [("id;lon;lat\n1;15,01;35,99\n", "write decimals with a point, like 15.01"),
     ("id,lon\n1,15\n", "none of them tells a place"),
     ("id,lon,lat\n1,15,36\n", "has no column 'name'; its columns are: id, lon, lat")])
def test_tables_that_are_refused(refused, granule, tmp_path, text, words):
    path = tmp_path / "c.csv"
    path.write_text(text)
    assert words in refused("vet_candidates", CANDIDATES=path, CANDIDATE_ID="name", GRANULES=granule,
                            REFERENCE=KAOLINITE, OUTPUT="memory:")


def test_a_candidate_that_fails_costs_no_output(run, granule, candidates, tmp_path):
    """One is compared with a spectrum of the thermal infrared, which gives the bands nothing; another has no place."""
    library = tmp_path / "own.csv"
    near = "".join(f"{nm},{0.1 + nm / 10000},nan\n" for nm in range(400, 2500, 10))
    library.write_text(f"wavelength_nm,near,far\n{near}" + "".join(f"{nm},nan,0.3\n" for nm in range(8000, 9000, 10)))
    told = json.loads(candidates.read_text())
    for feature, name in zip(told["features"], ("near", "near", "far", "near")):
        feature["properties"]["is"] = name
    candidates.write_text(json.dumps(told))
    done = run("vet_candidates", CANDIDATES=candidates, CANDIDATE_ID="name", GRANULES=granule, REFERENCE_FILE=library,
               REFERENCE_FIELD="is", OUTPUT=tmp_path / "o.gpkg", PIXELS=tmp_path / "p.gpkg", REPORT=tmp_path / "r.html")
    rows = {row["candidate_id"]: row for row in rows_of_any(done["OUTPUT"])}
    assert "8000 to" in rows["weak"]["reason"]
    assert {row["candidate_id"] for row in rows_of_any(done["PIXELS"])} == {"soil", "strong"}
    assert Path(done["REPORT"]).exists()


def test_without_any_pixel_the_layer_of_pixels_is_empty(run, granule, tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("lon,lat\n-170,10\n")
    done = run("vet_candidates", CANDIDATES=path, GRANULES=granule, REFERENCE=KAOLINITE, OUTPUT="memory:",
               PIXELS="memory:")
    assert len(rows_of_any(done["OUTPUT"])) == 1
    assert rows_of_any(done["PIXELS"]) == []


def test_what_is_refused(refused, granule, folder, candidates, tmp_path):
    asked = {"CANDIDATES": candidates, "GRANULES": granule, "REFERENCE": KAOLINITE, "OUTPUT": "memory:"}
    assert "has no field 'nome'; its fields are: site, name, is" in refused("vet_candidates",
                                                                           **{**asked, "CANDIDATE_ID": "nome"})
    assert "accept=80 and reject=90" in refused("vet_candidates", **asked, ACCEPT=80)
    assert "'sam' needs a reference" in refused("vet_candidates", **{**asked, "REFERENCE": None})
    assert "goes with one granule, and 2 are given" in refused(
        "vet_candidates", **{**asked, "GRANULES": [str(granule)] * 2}, UNCERTAINTY_FILE=granule)
    unknown = QgsVectorLayer("Point", "somewhere", "memory")
    unknown.setCrs(QgsCoordinateReferenceSystem())
    assert "no valid coordinate reference system" in refused("vet_candidates", **{**asked, "CANDIDATES": unknown})
    assert "ends with .html" in refused("vet_candidates", **asked, REPORT=tmp_path / "r.pdf")


def test_a_full_disk_leaves_nothing(refused, granule, candidates, tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    with no_room(20_000):
        said = refused("vet_candidates", CANDIDATES=candidates, GRANULES=granule, REFERENCE=KAOLINITE,
                       OUTPUT=target / "o.gpkg")
    assert "cannot be written" in said
    assert list(target.iterdir()) == []


def test_in_qgis_process(qgis_process, granule, candidates, tmp_path):
    done = qgis_process.run("pixelspectra:vet_candidates", CANDIDATES=candidates, CANDIDATE_ID="site",
                            GRANULES=granule, REFERENCE=KAOLINITE, OUTPUT=tmp_path / "o.gpkg",
                            REPORT=tmp_path / "r.html").json
    assert [row["candidate_id"] for row in rows_of_any(done["results"]["OUTPUT"])] == ["11", "12", "10", "99.5"]
    assert (tmp_path / "r.html").read_text().startswith("<!DOCTYPE html>")


def test_points_keep_their_place(run, granule, tmp_path):
    path = tmp_path / "c.csv"
    lon, lat = lonlat(SCENE, 21, 16)
    path.write_text(f"lon,lat\n{lon},{lat}\n")
    done = run("vet_candidates", CANDIDATES=path, GRANULES=granule, REFERENCE=KAOLINITE, OUTPUT="memory:",
               PIXELS="memory:")
    (pixel,) = rows_of(done["PIXELS"])
    assert (pixel["downtrack"], pixel["crosstrack"]) == (21, 16)
    assert pixel["point"].x() == pytest.approx(lon, abs=3e-4)
