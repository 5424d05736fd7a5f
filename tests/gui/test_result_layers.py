"""Layers of results: columns and types, the profile format of EnMAP-Box, nulls, spectra put aside."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pixel_spectra.adapters import fields, profiles
from pixel_spectra.core import results
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.results import RESULT_SCHEMA
from pixel_spectra.core.sensors import open_granule
from qgis.core import QgsProcessingContext, QgsVectorLayer
from qgis.PyQt.QtCore import Qt

from enmap_profiles import NM, is_profile_field, read_profile
from granules import expected_reflectance, expected_uncertainty, write_granule
from qgis_side import REFERENCE, SCENE, place, rows_of, write_geojson

shapely = pytest.importorskip("shapely")


@pytest.fixture
def scored(run, files, areas, tmp_path):
    run("score_spectra", GRANULE=files.reflectance, AOI=areas, REFERENCE=REFERENCE, OUTPUT=tmp_path / "scored.gpkg")
    return tmp_path / "scored.gpkg"


def test_columns_and_types(scored):
    layer = QgsVectorLayer(str(scored), "scored", "ogr")
    types = {f.name(): f.typeName() for f in layer.fields()}
    del types["fid"]
    kinds = {"text": "String", "list": "String", "float64": "Real", "int32": "Integer", "int64": "Integer64",
             "bool": "Boolean", "boolean": "Boolean", "datetime64[ns, UTC]": "DateTime"}
    assert types == {**{c.name: kinds[c.kind] for c in RESULT_SCHEMA}, "profiles": "String", "profiles_sigma": "String"}
    assert [layer.fields().field(n).length() for n in ("spectrum", "profiles")] == [0, 0]
    assert layer.crs().authid() == "EPSG:4326"
    assert layer.wkbType() == 1


def test_values_are_those_of_core(scored, files):
    seen = inspect(open_granule(files.reflectance), shapely.Point(place(12, 9)), reference=REFERENCE,
                   uncertainty=True)
    (expected,) = seen.table().rows()
    row = rows_of(scored)[0]
    assert row["datetime"].toUTC().toString(Qt.DateFormat.ISODate) == "2024-05-01T10:11:12Z"
    assert (row["point"].x(), row["point"].y()) == pytest.approx(place(12, 9), abs=1e-9)
    for name in ("spectrum", "wavelength_nm"):
        assert np.array_equal(*(np.array(json.loads(r[name]), np.float32) for r in (row, expected)))
    plain = [c.name for c in RESULT_SCHEMA if c.name not in ("datetime", "snap_m", "spectrum", "wavelength_nm")]
    assert {n: row[n] for n in plain} == pytest.approx({n: expected[n] for n in plain})
    assert row["snap_m"] == pytest.approx(expected["snap_m"], abs=1e-3)


def test_profiles_are_read_by_the_rules_of_enmap_box(scored, files):
    """All bands with bbl; masked bands 0, fill values null, and what was measured kept although masked."""
    layer = QgsVectorLayer(str(scored), "scored", "ogr")
    assert is_profile_field(layer, "profiles") and is_profile_field(layer, "profiles_sigma")
    assert not is_profile_field(layer, "spectrum")
    granule = open_granule(files.reflectance)
    rows = [row for row in rows_of(scored) if row["downtrack"] >= 0]
    assert any(not row["valid"] for row in rows)
    for row in rows:
        profile = read_profile(row["profiles"])
        seen = inspect(granule, pixels=[(row["downtrack"], row["crosstrack"])])
        assert profile["xUnit"] in NM and len(profile["y"]) == 285
        np.testing.assert_allclose(profile["x"], granule.bands.wavelength_nm, atol=1e-5)
        assert profile["bbl"] == seen.spectra.valid[0].astype(int).tolist()
        fill = seen.spectra.values[0] == np.float32(-0.01)
        assert [v is None for v in profile["y"]] == fill.tolist() and fill.sum() == 41
        np.testing.assert_array_equal(np.array(profile["y"], float)[~fill].astype(np.float32),
                                      seen.spectra.values[0][~fill])
        read_profile(row["profiles_sigma"])


@pytest.mark.parametrize("text", ['{"y": []}', '{"y": [1], "x": [1, 2]}', '{"y": [NaN]}', '{"y": [1], "fwhm": [8]}',
                                  '{"y": [1], "xUnit": "nm"}', '[1]', None])
def test_that_reader_is_strict(text):
    with pytest.raises(ValueError):
        read_profile(text)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", sorted({c.kind for c in RESULT_SCHEMA} | {"profile"}))
def test_fields_are_the_same_before_and_after_qgis_3_38(monkeypatch, kind):
    """Which changed the type argument of QgsField."""
    now = fields.field("a", kind)
    monkeypatch.setattr(fields, "Qgis", type("Old", (), {"QGIS_VERSION_INT": 33400}))
    assert fields.field("a", kind).type() == now.type()


def test_nulls(scored):
    """Undefined is NULL, not zero and not an empty text; an empty reason is empty."""
    row, cloudy, bare = (rows_of(scored)[i] for i in (0, 2, 50))
    assert (row["accepted"], row["along_m"], row["reason"], row["valid"]) == (None, None, "", True)
    assert (cloudy["distance"], cloudy["n_bands"], cloudy["valid"]) == (None, 0, False)
    assert cloudy["reason"]
    empty = ("pixel_lon", "pixel_lat", "distance", "profiles", "profiles_sigma", "point")
    assert [bare[n] for n in empty] == [None] * 6
    assert (bare["downtrack"], bare["crosstrack"]) == (-1, -1)


# The profile format, as the peers' files say: only y is needed; x and bbl as long as y; null for a missing value;
# text without a length limit; the field marked by the editor widget SpectralProfile.

def test_profiles_hold_all_bands_and_which_are_bad(scored, files):
    row = rows_of(scored)[0]
    profile = json.loads(row["profiles"])
    assert set(profile) == {"y", "x", "xUnit", "yUnit", "bbl"}
    assert (profile["xUnit"], profile["yUnit"]) == ("nm", "-")
    assert len(profile["y"]) == len(profile["x"]) == len(profile["bbl"]) == 285
    granule = open_granule(files.reflectance)
    np.testing.assert_allclose(profile["x"], granule.bands.wavelength_nm, atol=1e-5)
    assert profile["bbl"] == granule.bands.good.astype(int).tolist()
    expected = [None if not good else v for v, good in zip(expected_reflectance(12, 9).tolist(), granule.bands.good)]
    assert as_stored(profile["y"]) == expected
    sigma = json.loads(row["profiles_sigma"])
    assert as_stored(sigma["y"][:5]) == expected_uncertainty()[:5].tolist()


def as_stored(numbers):
    """Read as the float32 that the file holds."""
    return [None if v is None else float(np.float32(v)) for v in numbers]


def test_a_masked_pixel_keeps_its_profile_with_every_band_bad(scored):
    cloudy = json.loads(rows_of(scored)[2]["profiles"])
    assert set(cloudy["bbl"]) == {0}
    assert sum(v is not None for v in cloudy["y"]) == 244


def test_the_profile_field_is_marked_and_stays_so(scored):
    layer = QgsVectorLayer(str(scored), "scored", "ogr")
    for name in ("profiles", "profiles_sigma"):
        assert layer.editorWidgetSetup(layer.fields().lookupField(name)).type() == "SpectralProfile"
    assert [p.name for p in scored.parent.iterdir()] == ["scored.gpkg"]


def test_a_layer_in_memory_is_marked_too(run, files, areas):
    context = QgsProcessingContext()
    layer = run("extract_spectra", context=context, GRANULE=files.reflectance, AOI=areas, OUTPUT="memory:")["OUTPUT"]
    assert layer.editorWidgetSetup(layer.fields().lookupField("profiles")).type() == "SpectralProfile"
    rows = rows_of(layer)
    assert len(rows) == 52
    assert rows[51]["point"] is None


@pytest.mark.parametrize("ending", ["geojson", "csv", "sqlite"])
def test_other_formats(run, files, areas, tmp_path, ending):
    run("extract_spectra", GRANULE=files.reflectance, AOI=areas, OUTPUT=tmp_path / f"spectra.{ending}")
    rows = rows_of(tmp_path / f"spectra.{ending}")
    assert len(rows) == 52
    by_pixel = {(int(r["downtrack"]), int(r["crosstrack"])): r for r in rows}
    assert profiles.decode(by_pixel[12, 9]["profiles"]).y[0] == pytest.approx(expected_reflectance(12, 9)[0])


def test_a_format_that_drops_rows_is_refused(refused, files, areas, tmp_path):
    """FlatGeobuf keeps no features without geometry."""
    sentence = refused("extract_spectra", GRANULE=files.reflectance, AOI=areas, OUTPUT=tmp_path / "spectra.fgb")
    # a later FlatGeobuf driver complains itself, an older one drops the rows without a word
    assert "only 50 of 52 rows arrived" in sentence or "NULL geometry not supported" in sentence
    assert list(tmp_path.iterdir()) == []


def test_without_uncertainty_its_profile_is_null(run, tmp_path):
    bare = write_granule(tmp_path, SCENE, uncertainty=False, mask=None)
    area = write_geojson(tmp_path / "a.geojson", {"type": "Point", "coordinates": place(3, 3)})
    layer = run("extract_spectra", GRANULE=bare.reflectance, AOI=area, OUTPUT="memory:")["OUTPUT"]
    (row,) = rows_of(layer)
    assert row["profiles_sigma"] is None
    assert row["mask_id"] == "good_bands"


def test_many_rows_put_their_spectra_into_parquet_beside_the_table(run, files, areas, tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(results, "SPECTRA_ASIDE_ROWS", 50)
    run("extract_spectra", GRANULE=files.reflectance, AOI=areas, OUTPUT=tmp_path / "out.gpkg")
    aside = tmp_path / "out_spectra.parquet"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.gpkg", "out_spectra.parquet"]
    row = rows_of(tmp_path / "out.gpkg")[0]
    assert (row["spectrum"], row["wavelength_nm"], row["profiles"]) == (str(aside), str(aside), None)
    spectra = parquet.read_table(aside).to_pylist()
    assert len(spectra) == 52
    assert (spectra[0]["downtrack"], spectra[0]["crosstrack"], len(spectra[0]["spectrum"])) == (12, 9, 244)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('{"y": [1, null, 2.5]}', [1, np.nan, 2.5]),
        ({"y": [0.5], "x": [400], "xUnit": "nm"}, [0.5]),
        (b'{"y": [1, 2], "bbl": [1, 0]}', [1, 2]),
    ],
)
def test_profiles_of_others_are_read(value, expected):
    np.testing.assert_array_equal(profiles.decode(value).y, expected)


@pytest.mark.parametrize(
    "value", [None, "", "text", "[1, 2]", '{"y": []}', '{"y": [1, 2], "x": [1]}', '{"y": [1], "bbl": []}', 3,
              '{"y": ["a"]}', '{"x": [1]}'])
def test_what_is_no_profile_is_none(value):
    assert profiles.decode(value) is None


def test_bad_bands_of_a_profile():
    assert profiles.decode('{"y": [1, 2, 3], "bbl": [1, 0, 2]}').good.tolist() == [True, False, True]


def test_what_is_written_is_read_back_exactly():
    values = np.array([0.1, -9999.0, np.nan, 1 / 3, -0.01, -0.01], np.float32)
    valid = np.array([True, False, False, True, True, False])
    text = profiles.ProfileWriter(np.arange(400.0, 406.0)).text(values, valid)
    read = profiles.decode(text)
    np.testing.assert_array_equal(read.y.astype(np.float32),
                                  np.array([0.1, np.nan, np.nan, 1 / 3, -0.01, np.nan], np.float32))
    assert (read.good.tolist(), read.x_unit) == (valid.tolist(), "nm")
