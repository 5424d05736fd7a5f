"""Tables of several inspections, of several granules too, as one."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from pixel_spectra.core import results
from pixel_spectra.core.errors import OutputError
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.results import RESULT_SCHEMA, ResultTable
from pixel_spectra.core.sensors import open_granule
from shapely import MultiPoint, Point

from granules import Scene, lonlat, write_granule

SCENE = Scene(downtrack=30, crosstrack=20)
REFERENCE = "kaolinite_cm9_beckb"


@pytest.fixture(scope="module")
def granule(tmp_path_factory):
    return open_granule(write_granule(tmp_path_factory.mktemp("g"), SCENE).reflectance)


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Another scene, with fewer bands and no mask."""
    scene = Scene(downtrack=10, crosstrack=8, n_bands=60)
    return open_granule(write_granule(tmp_path_factory.mktemp("h"), scene, mask=None, uncertainty=False).reflectance)


@pytest.fixture(scope="module")
def tables(granule, other):
    """Scored with a threshold (one pixel of three off the swath), scored without, and not scored."""
    places = MultiPoint([lonlat(SCENE, 20, 10), lonlat(SCENE, -40, 10), lonlat(SCENE, 20, 7)])
    return [inspect(granule, places, reference=REFERENCE).table(threshold=0.5),
            inspect(granule, Point(lonlat(SCENE, 21, 11)), reference=REFERENCE).table(),
            inspect(other, pixels=[(4, 5), (2, 1)]).table()]


def test_the_rows_follow_one_another(tables):
    whole = ResultTable.concatenate(tables)
    assert [len(t) for t in tables] == [3, 1, 2]
    assert len(whole) == 6
    frame = whole.to_dataframe()
    assert frame["downtrack"].tolist() == [20, -1, 20, 21, 4, 2]
    assert frame["accepted"].isna().tolist() == [False, False, False, True, True, True]
    assert frame["distance"].isna().tolist() == [False, True, False, False, True, True]
    assert frame["metric"].tolist() == ["sam"] * 4 + ["", ""]
    assert frame["mask_id"].tolist() == ["quality"] * 4 + ["good_bands"] * 2
    assert [len(s) for s in frame["spectrum"]] == frame["n_bands"].tolist()


def test_columns_and_types_stay(tables):
    expected = pd.concat([t.to_dataframe() for t in tables], ignore_index=True)
    whole = ResultTable.concatenate(tables).to_dataframe()
    assert list(whole.columns) == [c.name for c in RESULT_SCHEMA]
    assert whole.dtypes.tolist() == tables[0].to_dataframe().dtypes.tolist()
    for name in whole.columns.drop(["spectrum", "wavelength_nm"]):
        pd.testing.assert_series_equal(whole[name], expected[name], check_dtype=False)
    for name in ("spectrum", "wavelength_nm"):
        assert all(np.array_equal(*both) for both in zip(whole[name], expected[name]))
        assert all(values.dtype == np.float32 for values in whole[name])


def test_the_csv_is_that_of_the_parts(tables, tmp_path):
    ResultTable.concatenate(tables).to_csv(tmp_path / "whole.csv")
    parts = []
    for table in tables:
        table.to_csv(tmp_path / "part.csv")
        header, *lines = (tmp_path / "part.csv").read_text().splitlines()
        parts += lines
    assert (tmp_path / "whole.csv").read_text().splitlines() == [header, *parts]


def test_one_table_is_itself(tables):
    assert ResultTable.concatenate(tables[:1]) is tables[0]


def test_no_table(tables):
    with pytest.raises(OutputError, match="There is no table to write; inspect a pixel or an area first."):
        ResultTable.concatenate([])


def test_the_limit_for_spectra_counts_all_rows(tables, tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(results, "SPECTRA_ASIDE_ROWS", 5)
    ResultTable.concatenate(tables).to_csv(tmp_path / "whole.csv")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["whole.csv", "whole_spectra.parquet"]
    spectra = pd.read_parquet(tmp_path / "whole_spectra.parquet")
    assert spectra["downtrack"].tolist() == [20, -1, 20, 21, 4, 2]
    row = pd.read_csv(tmp_path / "whole.csv").iloc[4]
    assert row["spectrum"] == str(tmp_path / "whole_spectra.parquet")


def test_tables_whose_spectra_are_elsewhere(tables, tmp_path):
    aside = tables[0].without_spectra(tmp_path / "a.parquet")
    rows = list(ResultTable.concatenate([aside, tables[1]]).rows())
    assert [r["spectrum"] for r in rows[:3]] == [str(tmp_path / "a.parquet")] * 3
    assert len(json.loads(rows[3]["spectrum"])) == rows[3]["n_bands"]
