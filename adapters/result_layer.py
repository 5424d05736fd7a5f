"""Inspections as layers: one point per pixel with the columns of RESULT_SCHEMA, and one row per feature."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from typing import Any, Optional

from qgis.core import QgsFields, QgsGeometry, QgsPointXY

from ..core.inspection import FeatureSummary, Inspection
from ..core.progress import Progress, checkpoint
from ..core.results import RESULT_SCHEMA, ResultTable
from .feedback import FeedbackProgress
from .fields import RESULT_COLUMNS, as_datetime, fields
from .layer_output import LayerOutput
from .profiles import ProfileWriter, numbers

_CHUNK = 200
"""Rows turned into text between two looks at the cancel button."""

_CONVERT: dict[str, Any] = {"datetime": as_datetime}
"""Column -> how its plain value becomes an attribute, where that is not itself."""


def result_fields() -> QgsFields:
    """RESULT_SCHEMA, then the spectrum of all bands and its uncertainty as profiles."""
    return fields((*RESULT_COLUMNS,
                   ("profiles", "profile", "all bands with bbl, in EnMAP-Box's format"),
                   ("profiles_sigma", "profile", "one standard deviation of all bands; null without RFLUNCERT")))


def summary_fields() -> QgsFields:
    """The fields of FeatureSummary; `masked` is JSON text, reason -> number of pixels."""
    numbers = [(name, "float64") for name in ("mean", "sigma", "min", "max", "best")]
    return fields([("feature_id", "int64"), ("n", "int32"), ("n_valid", "int32"), ("masked", "text"), *numbers])


def write_results(seen: Inspection, threshold: Optional[float], output: LayerOutput, progress: FeedbackProgress
                  ) -> Optional[str]:
    """Write one row per pixel; returns where the spectra went if they are too many for the table."""
    table = seen.table(threshold, progress.part(0.0, 0.2))
    table, aside = _spectra_aside(table, output, progress.part(0.2, 0.6))
    rows = progress.part(0.2 if aside is None else 0.6, 1.0)
    for i, (values, geometry) in enumerate(_rows(seen, table, aside is None)):
        if i % _CHUNK == 0:
            checkpoint(rows, i / len(table), "Writing the pixels")
        output.add(values, geometry)
    return aside


def write_summary(summary: Sequence[FeatureSummary], output: LayerOutput) -> None:
    """Write one row per feature."""
    for feature in summary:
        output.add([json.dumps(v, ensure_ascii=False) if isinstance(v, dict) else v for v in astuple(feature)])


def _spectra_aside(table: ResultTable, output: LayerOutput, progress: Progress) -> tuple[ResultTable, Optional[str]]:
    """Beyond 100 000 rows, write the spectra where the layer is being written; the columns name their final place."""
    if output.folder is None or output.target is None:
        return table, None
    moved, aside = table.spectra_aside(output.folder / output.target.name, progress)
    if aside is None:
        return table, None
    place = str(output.target.with_name(aside.name))
    return ResultTable({**moved.columns, **dict.fromkeys(("spectrum", "wavelength_nm"), [place] * len(table))}), place


def _rows(seen: Inspection, table: ResultTable, with_profiles: bool
          ) -> Iterator[tuple[list[Any], Optional[QgsGeometry]]]:
    """Attributes and point of each pixel, chunk by chunk so that the text of all is never in memory at once."""
    names = [c.name for c in RESULT_SCHEMA]
    writer = ProfileWriter(seen.spectra.bands.wavelength_nm)
    texts = {"spectrum": _list_text, "wavelength_nm": _RepeatedText()}
    for start in range(0, len(table), _CHUNK):
        part = ResultTable({name: table.columns[name][start : start + _CHUNK] for name in names})
        for name, as_text in texts.items():
            part.columns[name] = [as_text(v) for v in part.columns[name]]
        for i, row in enumerate(part.rows(), start):
            values = [_CONVERT[name](row[name]) if name in _CONVERT else row[name] for name in names]
            profiles = _profiles(seen, writer, i) if with_profiles else [None, None]
            yield values + profiles, _point(row["pixel_lon"], row["pixel_lat"])


def _list_text(values: Any) -> str:
    return values if isinstance(values, str) else numbers(values)


class _RepeatedText:
    """The text of arrays of which few are different, written once each."""

    def __init__(self) -> None:
        self._known: dict[bytes, str] = {}

    def __call__(self, values: Any) -> str:
        if isinstance(values, str):
            return values
        key = values.tobytes()
        if key not in self._known:
            self._known[key] = numbers(values)
        return self._known[key]


def _profiles(seen: Inspection, writer: ProfileWriter, i: int) -> list[Optional[str]]:
    """The profile of pixel `i` and that of its uncertainty; None where there is none."""
    if not seen.pixels.on_swath[i]:
        return [None, None]
    valid, sigma = seen.spectra.valid[i], seen.spectra.uncertainty
    return [writer.text(seen.spectra.values[i], valid), None if sigma is None else writer.text(sigma[i], valid)]


def _point(lon: Optional[float], lat: Optional[float]) -> Optional[QgsGeometry]:
    return None if lon is None or lat is None else QgsGeometry.fromPointXY(QgsPointXY(lon, lat))
