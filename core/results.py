"""The result table: one row per pixel, the same columns from every verb."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import chain
from pathlib import Path
from typing import Any, Optional, TypeVar

import numpy as np
import numpy.typing as npt

from .errors import OutputError
from .io.atomic import replacing, replacing_all
from .optional import require
from .progress import NO_PROGRESS, Progress, Share, checkpoint

Table = TypeVar("Table", bound="ResultTable")

SPECTRA_ASIDE_ROWS = 100_000
"""Above this many rows the spectra are written to a Parquet file beside the table."""
_ROW_GROUP = 10_000
"""Rows written to Parquet between two looks at the cancel button."""
_BLOCK = 500
"""Rows made plain at once."""


@dataclass(frozen=True)
class Column:
    """One column of the result table."""

    name: str
    """Its name everywhere: DataFrame, CSV, Parquet, layer."""
    kind: str
    """Its type in a DataFrame ("Int32" may be null); "list" holds float32 arrays."""
    meaning: str
    """What it holds, and its unit."""


RESULT_SCHEMA: tuple[Column, ...] = (
    Column("scene_id", "text", "name of the granule"),
    Column("pixel_lon", "float64", "longitude of the raw pixel centre, degrees; null off the swath or unlocated"),
    Column("pixel_lat", "float64", "latitude of the raw pixel centre, degrees"),
    Column("datetime", "datetime64[ns, UTC]", "start of the acquisition, UTC"),
    Column("n_bands", "int32", "number of bands used for this pixel"),
    Column("distance", "float64", "value of the metric, in its unit and direction; null where undefined"),
    Column("spectrum", "list", "values of the bands used, as in the file"),
    Column("reference_id", "text", "id of the reference spectrum"),
    Column("metric", "text", "name of the metric"),
    Column("mask_id", "text", "normalised text of the mask"),
    Column("wavelength_nm", "list", "band centres of `spectrum`, nm"),
    Column("downtrack", "int32", "0-based line of the raw pixel; -1 off the swath"),
    Column("crosstrack", "int32", "0-based sample of the raw pixel; -1 off the swath"),
    Column("feature_id", "int64", "id of the area feature (QGIS), or its position (Python)"),
    Column("valid", "bool", "whether the pixel has at least one usable band"),
    Column("reason", "text", "why it has none; empty where valid"),
    Column("accepted", "boolean", "whether the metric meets the threshold; null without one"),
    Column("snap_m", "float64", "metres from the asked point to the pixel centre"),
    Column("along_m", "float64", "metres along the asked line to where it enters the pixel"),
    Column("distance_sigma", "float64", "1 sigma of `distance` by the uncertainty of the spectrum; null without it"),
)


class ResultTable:
    """Columns of equal length by the names of a schema."""

    schema: tuple[Column, ...] = RESULT_SCHEMA
    """Its columns, in order; other tables have others."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        """`columns` holds every name of the schema; lists of arrays for the "list" columns."""
        self.columns = {column.name: columns[column.name] for column in self.schema}

    @classmethod
    def concatenate(cls: type[Table], tables: Sequence[Table]) -> Table:
        """The rows of all tables, in order; raises OutputError where there is no table."""
        if not tables:
            raise OutputError("There is no table to write; inspect a pixel or an area first.")
        if len(tables) == 1:
            return tables[0]
        return cls({c.name: _joined(c.kind, [table.columns[c.name] for table in tables]) for c in cls.schema})

    def __len__(self) -> int:
        return len(self.columns[self.schema[0].name])

    def to_dataframe(self) -> Any:
        """A pandas DataFrame with the dtypes of the schema."""
        pandas = require("pandas", "to build a table")
        series = {c.name: _FRAME_TYPES[c.kind](pandas, self.columns[c.name]) for c in self.schema}
        return pandas.DataFrame(series)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Plain Python values row by row: None for null, JSON text for arrays, ISO text for times."""
        names = [c.name for c in self.schema]
        for start in range(0, len(self), _BLOCK):  # so that the text of all is never in memory at once
            rows = slice(start, start + _BLOCK)
            plain = [_PLAIN_TYPES[c.kind](self.columns[c.name][rows]) for c in self.schema]
            for values in zip(*plain):
                yield dict(zip(names, values))

    def place_of_spectra(self, path: str | os.PathLike[str]) -> Optional[Path]:
        """The Parquet file for the spectra of a table that is written at `path`; None up to 100 000 rows."""
        target = Path(path)
        return target.with_name(f"{target.stem}_spectra.parquet") if len(self) > SPECTRA_ASIDE_ROWS else None

    def without_spectra(self: Table, place: Path) -> Table:
        """The table whose list columns hold `place`, the path of the file with the spectra."""
        moved = np.full(len(self), str(place), dtype=object)
        return type(self)({**self.columns, "spectrum": moved, "wavelength_nm": moved})

    def write_spectra(self, path: Path, progress: Progress = NO_PROGRESS) -> None:
        """Write the spectra to a Parquet file: the pixels in the order of the table."""
        with replacing(path) as temporary:
            self._write_parquet(temporary, _ASIDE_COLUMNS, progress)

    def to_csv(self, path: str | os.PathLike[str], progress: Progress = NO_PROGRESS) -> Path:
        """Write CSV (UTF-8); text that a spreadsheet would run as a formula is defused with an apostrophe.

        Beyond 100 000 rows the spectra go to a Parquet file beside it; both files appear, or neither.
        """
        aside = self.place_of_spectra(path)
        if aside is None:
            with replacing(path) as temporary:
                self._write_csv(temporary, progress)
            return Path(path)
        with replacing_all(aside, path) as (spectra, table):
            self._write_parquet(spectra, _ASIDE_COLUMNS, Share(progress, 0.0, 0.6))
            self.without_spectra(aside)._write_csv(table, Share(progress, 0.6, 1.0))
        return Path(path)

    def to_parquet(self, path: str | os.PathLike[str], progress: Progress = NO_PROGRESS) -> Path:
        """Write Parquet, spectra as lists of float32."""
        with replacing(path) as temporary:
            self._write_parquet(temporary, [c.name for c in self.schema], progress)
        return Path(path)

    def _write_csv(self, path: Path, progress: Progress) -> None:
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([c.name for c in self.schema])
            for i, row in enumerate(self.rows()):
                if i % _BLOCK == 0:
                    checkpoint(progress, i / len(self), "Writing the table")
                writer.writerow([spreadsheet_cell(value) for value in row.values()])
        checkpoint(progress, 1.0)

    def _write_parquet(self, path: Path, names: Sequence[str], progress: Progress) -> None:
        arrow = require("pyarrow", "to write Parquet")
        parquet = require("pyarrow.parquet", "to write Parquet")
        makers = {c.name: _ARROW_TYPES[c.kind] for c in self.schema if c.name in names}
        schema = arrow.schema([(name, makers[name](arrow, self.columns[name][:0]).type) for name in names])
        with parquet.ParquetWriter(path, schema) as writer:
            for start in range(0, max(len(self), 1), _ROW_GROUP):
                checkpoint(progress, start / max(len(self), 1), "Writing the spectra")
                rows = slice(start, start + _ROW_GROUP)
                arrays = [makers[name](arrow, self.columns[name][rows]) for name in names]
                writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))
        checkpoint(progress, 1.0)


_ASIDE_COLUMNS = ("downtrack", "crosstrack", "feature_id", "spectrum", "wavelength_nm")
"""What the file of the spectra holds."""


def _joined(kind: str, columns: Sequence[Any]) -> Any:
    """Columns of a kind, one after the other."""
    return list(chain.from_iterable(columns)) if kind in _KEPT_AS_LISTS else np.concatenate(columns)


_KEPT_AS_LISTS = ("text", "boolean", "list", "Int32")
"""Kinds of column whose values an array would change."""


def spreadsheet_cell(value: Any) -> Any:
    """A cell as a spreadsheet may be given it: null as nothing, booleans as words, formula-like text defused."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value[:1] in _FORMULA_STARTS:
        return "'" + value
    return value


_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def as_datetime(moments: list[Optional[datetime]]) -> npt.NDArray[np.datetime64]:
    """UTC times as datetime64[ns]; None becomes NaT."""
    naive = [None if m is None else m.astimezone(timezone.utc).replace(tzinfo=None) for m in moments]
    return np.array([np.datetime64("NaT", "ns") if m is None else np.datetime64(m, "ns") for m in naive],
                    dtype="datetime64[ns]")


def _plain_floats(values: Any) -> list[Optional[float]]:
    return [None if v != v else v for v in np.asarray(values, np.float64).tolist()]


def _plain_times(values: Any) -> list[Optional[str]]:
    text = np.datetime_as_string(values, unit="ms", timezone="UTC") if len(values) else []
    return [None if t == "NaT" else str(t) for t in text]


def numbers_json(values: npt.NDArray[np.floating[Any]]) -> str:
    """Floating-point numbers (n,) as a JSON list; NaN and infinities, which JSON lacks, as null.

    The fewest digits that give the same number back in its own precision.

    >>> numbers_json(np.array([0.1, np.nan], np.float32))
    '[0.1,null]'
    """
    text = values.astype("U32")
    text[~np.isfinite(values)] = "null"
    return "[" + ",".join(text.tolist()) + "]"


def _plain_lists(values: Any) -> list[str]:
    """Float32 arrays as JSON, those alike (wavelengths) made once; text, where the arrays are elsewhere, as it is."""
    known: dict[bytes, str] = {}
    texts = []
    for value in values:
        if isinstance(value, str):
            texts.append(value)
            continue
        array = np.asarray(value, np.float32)
        key = array.tobytes()
        if key not in known:
            known[key] = numbers_json(array)
        texts.append(known[key])
    return texts


_PLAIN_TYPES: dict[str, Any] = {
    "text": lambda values: [str(v) for v in values],
    "float64": _plain_floats,
    "datetime64[ns, UTC]": _plain_times,
    "int32": lambda values: np.asarray(values).tolist(),
    "int64": lambda values: np.asarray(values).tolist(),
    "Int32": list,
    "bool": lambda values: np.asarray(values).tolist(),
    "boolean": list,
    "list": _plain_lists,
}
"""Kind of column -> its values as plain Python."""

_FRAME_TYPES: dict[str, Any] = {
    "text": lambda pandas, values: pandas.Series(list(values), dtype=object),
    "float64": lambda pandas, values: pandas.Series(np.asarray(values, np.float64)),
    "datetime64[ns, UTC]": lambda pandas, values: pandas.Series(values).dt.tz_localize("UTC"),
    "int32": lambda pandas, values: pandas.Series(np.asarray(values, np.int32)),
    "int64": lambda pandas, values: pandas.Series(np.asarray(values, np.int64)),
    "Int32": lambda pandas, values: pandas.Series(list(values), dtype="Int32"),
    "bool": lambda pandas, values: pandas.Series(np.asarray(values, bool)),
    "boolean": lambda pandas, values: pandas.Series(list(values), dtype="boolean"),
    "list": lambda pandas, values: pandas.Series(list(values), dtype=object),
}
"""Kind of column -> pandas Series."""


_ARROW_TYPES: dict[str, Any] = {
    "text": lambda arrow, values: arrow.array(list(values), type=arrow.string()),
    "float64": lambda arrow, values: arrow.array(np.asarray(values, np.float64), from_pandas=True),  # NaN is null
    "datetime64[ns, UTC]": lambda arrow, values: arrow.array(values).cast(arrow.timestamp("ns", tz="UTC")),
    "int32": lambda arrow, values: arrow.array(np.asarray(values, np.int32)),
    "int64": lambda arrow, values: arrow.array(np.asarray(values, np.int64)),
    "Int32": lambda arrow, values: arrow.array(list(values), type=arrow.int32()),
    "bool": lambda arrow, values: arrow.array(np.asarray(values, bool)),
    "boolean": lambda arrow, values: arrow.array(list(values), type=arrow.bool_()),
    "list": lambda arrow, values: arrow.array(list(values), type=arrow.list_(arrow.float32())),
}
"""Kind of column -> pyarrow Array."""
