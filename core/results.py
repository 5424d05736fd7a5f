"""The result table: one row per pixel, the same columns from every verb."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from .errors import OutputError
from .io.atomic import discard, replacing
from .optional import require
from .progress import NO_PROGRESS, Progress, checkpoint

SPECTRA_ASIDE_ROWS = 100_000
"""Above this many rows the spectra are written to a Parquet file beside the table."""
_ROW_GROUP = 10_000
"""Rows written to Parquet between two looks at the cancel button."""


@dataclass(frozen=True)
class Column:
    """One column of the result table."""

    name: str
    """Its name everywhere: DataFrame, CSV, Parquet, layer."""
    kind: str
    """Its type in a DataFrame; "list" holds float32 arrays."""
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
)


class ResultTable:
    """Columns of equal length by the names of RESULT_SCHEMA."""

    def __init__(self, columns: dict[str, Any]) -> None:
        """`columns` holds every name of the schema; lists of arrays for the "list" columns."""
        self.columns = {column.name: columns[column.name] for column in RESULT_SCHEMA}

    def __len__(self) -> int:
        return len(self.columns["valid"])

    def to_dataframe(self) -> Any:
        """A pandas DataFrame with the dtypes of RESULT_SCHEMA."""
        pandas = require("pandas", "to build a table")
        series = {c.name: _FRAME_TYPES[c.kind](pandas, self.columns[c.name]) for c in RESULT_SCHEMA}
        return pandas.DataFrame(series)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Plain Python values row by row: None for null, JSON text for arrays, ISO text for times."""
        plain = {c.name: _PLAIN_TYPES[c.kind](self.columns[c.name]) for c in RESULT_SCHEMA}
        names = list(plain)
        for values in zip(*plain.values()):
            yield dict(zip(names, values))

    def spectra_aside(self, path: str | os.PathLike[str], progress: Progress = NO_PROGRESS
                      ) -> tuple[ResultTable, Optional[Path]]:
        """The table to write at `path`: beyond 100 000 rows its spectra are moved to a Parquet file.

        Returns the table (its list columns hold the path of that file) and the file, or None.
        """
        if len(self) <= SPECTRA_ASIDE_ROWS:
            return self, None
        target = Path(path)
        aside = target.with_name(f"{target.stem}_spectra.parquet")
        self._write_parquet(aside, ["downtrack", "crosstrack", "feature_id", "spectrum", "wavelength_nm"], progress)
        moved = np.full(len(self), str(aside), dtype=object)
        return ResultTable({**self.columns, "spectrum": moved, "wavelength_nm": moved}), aside

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write CSV (UTF-8); text that a spreadsheet would run as a formula is defused with an apostrophe."""
        table, aside = self.spectra_aside(path)
        try:
            with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, [c.name for c in RESULT_SCHEMA])
                writer.writeheader()
                for row in table.rows():
                    writer.writerow({name: _cell(value) for name, value in row.items()})
        except OutputError:
            if aside is not None:
                discard(aside)
            raise
        return Path(path)

    def to_parquet(self, path: str | os.PathLike[str]) -> Path:
        """Write Parquet, spectra as lists of float32."""
        return self._write_parquet(Path(path), [c.name for c in RESULT_SCHEMA])

    def _write_parquet(self, path: Path, names: list[str], progress: Progress = NO_PROGRESS) -> Path:
        arrow = require("pyarrow", "to write Parquet")
        parquet = require("pyarrow.parquet", "to write Parquet")
        kinds = {c.name: c.kind for c in RESULT_SCHEMA}
        types = _arrow_types(arrow)
        schema = arrow.schema([(name, types[kinds[name]]) for name in names])
        with replacing(path) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
            for start in range(0, max(len(self), 1), _ROW_GROUP):
                checkpoint(progress, start / max(len(self), 1), "Writing the spectra")
                rows = slice(start, start + _ROW_GROUP)
                arrays = [_arrow_array(arrow, kinds[name], self.columns[name][rows]) for name in names]
                writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))
        return path


def _cell(value: Any) -> Any:
    """A CSV cell: null as nothing, booleans as words, formula-like text defused."""
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


def spectrum_json(values: Any) -> str:
    """An array of float32 as JSON text, shortest digits that give the float32 back; NaN as null."""
    if isinstance(values, str):
        return values
    return json.dumps([None if v != v else float(str(v)) for v in np.asarray(values, np.float32)], allow_nan=False)


_PLAIN_TYPES: dict[str, Any] = {
    "text": lambda values: [str(v) for v in values],
    "float64": _plain_floats,
    "datetime64[ns, UTC]": _plain_times,
    "int32": lambda values: np.asarray(values).tolist(),
    "int64": lambda values: np.asarray(values).tolist(),
    "bool": lambda values: np.asarray(values).tolist(),
    "boolean": list,
    "list": lambda values: [spectrum_json(v) for v in values],
}
"""Kind of column -> its values as plain Python."""

_FRAME_TYPES: dict[str, Any] = {
    "text": lambda pandas, values: pandas.Series(list(values), dtype=object),
    "float64": lambda pandas, values: pandas.Series(np.asarray(values, np.float64)),
    "datetime64[ns, UTC]": lambda pandas, values: pandas.Series(values).dt.tz_localize("UTC"),
    "int32": lambda pandas, values: pandas.Series(np.asarray(values, np.int32)),
    "int64": lambda pandas, values: pandas.Series(np.asarray(values, np.int64)),
    "bool": lambda pandas, values: pandas.Series(np.asarray(values, bool)),
    "boolean": lambda pandas, values: pandas.Series(list(values), dtype="boolean"),
    "list": lambda pandas, values: pandas.Series(list(values), dtype=object),
}
"""Kind of column -> pandas Series."""


def _arrow_types(arrow: Any) -> dict[str, Any]:
    return {"text": arrow.string(), "float64": arrow.float64(), "int32": arrow.int32(), "int64": arrow.int64(),
            "datetime64[ns, UTC]": arrow.timestamp("ns", tz="UTC"), "bool": arrow.bool_(),
            "boolean": arrow.bool_(), "list": arrow.list_(arrow.float32())}


def _arrow_array(arrow: Any, kind: str, values: Any) -> Any:
    types = _arrow_types(arrow)
    if kind == "float64":
        return arrow.array(np.asarray(values, np.float64), type=types[kind], from_pandas=True)
    if kind == "datetime64[ns, UTC]":
        return arrow.array(values).cast(types[kind])
    return arrow.array(list(values), type=types[kind])
