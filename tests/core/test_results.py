"""The result table: columns, types, files, and spreadsheets that must not run a formula."""

import csv
import json
import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pixel_spectra.core import results
from pixel_spectra.core.errors import Cancelled, MetricError, MissingDependency, OutputError
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.results import RESULT_SCHEMA, ResultTable, as_datetime, numbers_json
from pixel_spectra.core.sensors import open_granule
from shapely import MultiPoint

from full_disk import no_room
from granules import Scene, lonlat, write_granule

SCENE = Scene(downtrack=30, crosstrack=20)
COLUMNS = [
    "scene_id",
    "pixel_lon",
    "pixel_lat",
    "datetime",
    "n_bands",
    "distance",
    "spectrum",
    "reference_id",
    "metric",
    "mask_id",
    "wavelength_nm",
    "downtrack",
    "crosstrack",
    "feature_id",
    "valid",
    "reason",
    "accepted",
    "snap_m",
    "along_m",
    "distance_sigma",
]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    granule = open_granule(write_granule(tmp_path_factory.mktemp("g"), SCENE).reflectance)
    points = MultiPoint([lonlat(SCENE, 20, 10), lonlat(SCENE, -40, 10), lonlat(SCENE, 3, 4), lonlat(SCENE, 20, 7)])
    return inspect(granule, points, reference="kaolinite_cm9_beckb")


def test_types_of_the_dataframe(seen):
    frame = seen.table().to_dataframe()
    assert list(frame.columns) == COLUMNS
    for name in ("scene_id", "reference_id", "metric", "mask_id", "reason"):
        assert frame[name].map(type).eq(str).all()
    for name in ("pixel_lon", "pixel_lat", "distance", "snap_m", "along_m", "distance_sigma"):
        assert frame[name].dtype == np.float64
    assert str(frame["datetime"].dtype) == "datetime64[ns, UTC]"
    assert all(frame[n].dtype == np.int32 for n in ("n_bands", "downtrack", "crosstrack"))
    assert frame["feature_id"].dtype == np.int64 and frame["valid"].dtype == bool
    assert str(frame["accepted"].dtype) == "boolean" and frame["accepted"].isna().all()
    assert all(a.dtype == np.float32 for n in ("spectrum", "wavelength_nm") for a in frame[n])


def test_values_of_the_dataframe(seen):
    frame = seen.table().to_dataframe()
    assert frame["valid"].tolist() == [True, False, False, True]
    assert frame["downtrack"].tolist() == [20, -1, 3, 20]
    assert frame["datetime"][0] == pd.Timestamp("2024-05-01T10:11:12Z")
    assert frame["distance"].isna().tolist() == [False, True, True, False]
    assert frame["n_bands"].tolist() == [len(s) for s in frame["spectrum"]] == [len(w) for w in frame["wavelength_nm"]]
    assert frame["n_bands"][0] - frame["n_bands"][3] == 1  # column 7 lacks one interpolated band
    np.testing.assert_array_equal(frame["spectrum"][0], seen.spectra.values[0, seen.scored.used[0]])
    assert set(frame["mask_id"]) == {"quality"} and set(frame["metric"]) == {"sam"}


def test_acceptance_by_a_threshold(seen):
    middle = float(np.nanmean(seen.scores))
    accepted = seen.table(threshold=middle).to_dataframe()["accepted"]
    assert accepted.tolist() == [bool(v <= middle) for v in seen.scores]
    with pytest.raises(MetricError, match="A threshold needs a score"):
        inspect(seen.granule, pixels=[(20, 10)]).table(threshold=1.0)


def test_higher_is_better_accepts_above(seen):
    likeness = inspect(seen.granule, pixels=[(20, 10), (20, 7)], reference="kaolinite_cm9_beckb", metric="cosine")
    assert likeness.accepted(-1.0) == [True, True] and likeness.accepted(1.1) == [False, False]


def test_without_a_reference_spectra_hold_all_valid_bands(seen):
    frame = inspect(seen.granule, pixels=[(20, 10)]).table().to_dataframe()
    assert (frame["n_bands"][0], frame["metric"][0], frame["reference_id"][0]) == (244, "", "")
    assert np.isnan(frame["distance"][0])


def test_csv_reads_back(seen, tmp_path):
    seen.table().to_csv(tmp_path / "t.csv")
    with open(tmp_path / "t.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == COLUMNS and len(rows) == 4
    assert float(rows[0]["distance"]) == seen.scores[0] and rows[1]["distance"] == ""
    assert rows[0]["datetime"] == "2024-05-01T10:11:12.000Z"
    assert (
        np.array(json.loads(rows[0]["spectrum"]), np.float32).tolist() == seen.table().columns["spectrum"][0].tolist()
    )
    assert rows[0]["valid"] == "true" and rows[0]["accepted"] == ""


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2", "@SUM(A1)"])
def test_formulas_are_defused(seen, tmp_path, text):
    table = seen.table()
    ResultTable({**table.columns, "scene_id": [text] * len(table)}).to_csv(tmp_path / "t.csv")
    frame = pd.read_csv(tmp_path / "t.csv")
    assert set(frame["scene_id"]) == {"'" + text}
    assert frame["downtrack"].tolist() == [20, -1, 3, 20]  # numbers stay numbers


def test_parquet_reads_back(seen, tmp_path):
    seen.table(threshold=0.2).to_parquet(tmp_path / "t.parquet")
    frame, expected = pd.read_parquet(tmp_path / "t.parquet"), seen.table(threshold=0.2).to_dataframe()
    np.testing.assert_array_equal(frame["spectrum"][0], expected["spectrum"][0])
    assert str(frame["datetime"].dtype) == "datetime64[ns, UTC]" and frame["downtrack"].dtype == np.int32
    assert frame["distance"].isna().tolist() == [False, True, True, False]


def test_many_rows_keep_their_spectra_beside_the_table(seen, tmp_path, monkeypatch):
    monkeypatch.setattr(results, "SPECTRA_ASIDE_ROWS", 3)
    seen.table().to_csv(tmp_path / "t.csv")
    frame = pd.read_csv(tmp_path / "t.csv")
    aside = tmp_path / "t_spectra.parquet"
    assert set(frame["spectrum"]) == {str(aside)}
    spectra = pd.read_parquet(aside)
    assert spectra["downtrack"].tolist() == [20, -1, 3, 20]
    np.testing.assert_array_equal(spectra["spectrum"][0], seen.table().columns["spectrum"][0])


def test_an_output_that_cannot_be_written_leaves_nothing(seen, tmp_path, monkeypatch):
    with pytest.raises(OutputError, match="cannot be written"):
        seen.table().to_csv(tmp_path / "no folder" / "t.csv")
    monkeypatch.setattr(results, "SPECTRA_ASIDE_ROWS", 3)
    with no_room(100), pytest.raises(OutputError, match="cannot be written"):
        seen.table().to_csv(tmp_path / "t.csv")
    assert not list(tmp_path.iterdir())


class Stops:
    """Progress that is cancelled from a fraction on."""

    def __init__(self, at):
        self.at, self.seen = at, []

    @property
    def cancelled(self):
        return bool(self.seen) and self.seen[-1] >= self.at

    def report(self, fraction, message=""):
        self.seen.append(fraction)


def _full_for_the_table(monkeypatch):
    """The spectra still fit; the table, whose text is longer, does not."""
    monkeypatch.setattr(csv, "writer", lambda file: (_ for _ in ()).throw(OSError(28, "No space left on device")))


def _table_in_use(monkeypatch):
    real = os.replace

    def refuse(part, target):
        if str(target).endswith("t.csv") and ".part" in str(part):
            raise PermissionError(13, "Permission denied", str(part))
        real(part, target)

    monkeypatch.setattr(os, "replace", refuse)


def _mistake_in_a_column(monkeypatch):
    monkeypatch.setitem(results._PLAIN_TYPES, "text", lambda values: [][1])


@pytest.mark.parametrize(
    ("fault", "error"),
    [(_full_for_the_table, OutputError), (_table_in_use, OutputError), (_mistake_in_a_column, IndexError)])
def test_an_earlier_result_survives_whole(seen, tmp_path, monkeypatch, fault, error):
    """The table and the spectra that it points at."""
    monkeypatch.setattr(results, "SPECTRA_ASIDE_ROWS", 3)
    seen.table().to_csv(tmp_path / "t.csv")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert set(before) == {"t.csv", "t_spectra.parquet"}
    other = inspect(seen.granule, pixels=[(1, 1), (2, 2), (3, 3), (4, 4)], mask="none").table()
    fault(monkeypatch)
    with pytest.raises(error):
        other.to_csv(tmp_path / "t.csv")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("many", [False, True])
def test_writing_tells_how_far_it_is_and_can_be_cancelled(seen, tmp_path, monkeypatch, many):
    monkeypatch.setattr(results, "SPECTRA_ASIDE_ROWS", 3 if many else 4)
    monkeypatch.setattr(results, "_BLOCK", 1)
    monkeypatch.setattr(results, "_ROW_GROUP", 1)
    listener = Stops(at=2.0)
    seen.table().to_csv(tmp_path / "whole.csv", listener)
    assert len(listener.seen) >= 5 and listener.seen == sorted(listener.seen) and listener.seen[-1] == 1.0
    for at in {f for f in listener.seen if f < 1.0}:
        with pytest.raises(Cancelled):
            seen.table().to_csv(tmp_path / "t.csv", Stops(at))
    assert not list(tmp_path.glob("t*")) and not list(tmp_path.glob(".*"))


def test_without_pandas_or_pyarrow_one_sentence(seen, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependency, match="'pandas' is needed to build a table"):
        seen.table().to_dataframe()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependency, match="'pyarrow' is needed to write Parquet"):
        seen.table().to_parquet(tmp_path / "t.parquet")
    assert len(list(seen.table().rows())) == 4  # layers and CSV need neither


def test_plain_rows(seen):
    first, off = list(seen.table().rows())[:2]
    assert first["pixel_lon"] == seen.pixels.lon[0] and first["accepted"] is None
    assert off["pixel_lon"] is None and off["spectrum"] == "[]" and off["reason"].startswith("(")


def test_rows_are_made_block_by_block(seen, monkeypatch):
    """The first row does not wait for the others, and blocks of any size give the same."""
    expected = list(seen.table().rows())
    made = []
    monkeypatch.setattr(results, "numbers_json", lambda values: made.append(len(values)) or numbers_json(values))
    for size in (1, 2, 3, 4):
        monkeypatch.setattr(results, "_BLOCK", size)
        made.clear()
        rows = seen.table().rows()
        assert next(rows) == expected[0] and len(made) <= 2 * size
        assert list(rows) == expected[1:]


def test_wavelengths_alike_are_made_into_text_once(seen, monkeypatch):
    made = []
    monkeypatch.setattr(results, "numbers_json", lambda values: made.append(values[0]) or numbers_json(values))
    list(inspect(seen.granule, pixels=[(20, c) for c in range(8, 14)], mask="good_bands").table().rows())
    assert sum(v > 300 for v in made) == 1 and sum(v < 300 for v in made) == 6


@given(st.lists(st.floats(width=32)))
def test_numbers_as_json_give_the_same_numbers_back(values):
    read = json.loads(numbers_json(np.array(values, np.float32)))
    assert [None if v is None else float(np.float32(v)) for v in read] == [
        v if np.isfinite(v) else None for v in values]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_as_json_keep_doubles_too(values):
    assert json.loads(numbers_json(np.array(values, np.float64))) == values


def test_an_empty_table_has_the_same_columns(seen, tmp_path):
    nothing = ResultTable({name: values[:0] for name, values in seen.table().columns.items()})
    nothing.to_csv(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text().strip() == ",".join(COLUMNS)
    nothing.to_parquet(tmp_path / "none.parquet")
    seen.table().to_parquet(tmp_path / "some.parquet")
    parquet = pytest.importorskip("pyarrow.parquet")
    assert parquet.read_schema(tmp_path / "none.parquet") == parquet.read_schema(tmp_path / "some.parquet")


def test_small_pieces():
    assert numbers_json(np.array([0.1, np.nan, -np.inf, 1e-5], np.float32)) == "[0.1,null,null,1e-05]"
    assert np.isnat(as_datetime([None]))[0]
    assert [c.name for c in RESULT_SCHEMA] == COLUMNS
