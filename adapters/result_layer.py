"""Inspections as layers: one point per pixel with the columns of RESULT_SCHEMA, and one row per feature."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple
from itertools import chain, repeat
from typing import Any, Optional

from qgis.core import QgsFields, QgsGeometry, QgsPointXY

from ..core.inspection import FeatureSummary, Inspection
from ..core.progress import Progress, Share, checkpoint
from ..core.results import ResultTable, Table
from .carried import Carried
from .fields import RESULT_COLUMNS, as_datetime, fields
from .layer_output import LayerOutput
from .profiles import ProfileWriter

_CHUNK = 200
"""Rows written between two looks at the cancel button."""

_CONVERT: dict[str, Any] = {"datetime": as_datetime}
"""Column -> how its plain value becomes an attribute, where that is not itself."""


def result_fields() -> QgsFields:
    """RESULT_SCHEMA, then the spectrum of all bands and its uncertainty as profiles."""
    return fields((*RESULT_COLUMNS,
                   ("profiles", "profile", "all bands with bbl, in EnMAP-Box's format"),
                   ("profiles_sigma", "profile", "one standard deviation of all bands; null without RFLUNCERT")))


def summary_fields() -> QgsFields:
    """The fields of FeatureSummary; `masked` is JSON text, reason -> number of pixels."""
    numbers = [(name, "float64") for name in ("mean", "sigma", "min", "max", "best", "standard_error")]
    return fields([("feature_id", "int64"), ("n", "int32"), ("n_valid", "int32"), ("masked", "text"), *numbers])


def write_results(seen: Inspection, threshold: Optional[float], output: LayerOutput, progress: Progress,
                  carried: Optional[Carried] = None) -> Optional[str]:
    """Write one row per pixel; returns where the spectra went if they are too many for the table.

    With `carried`, the value of its feature comes last in each row.
    """
    return write_all_results([seen], threshold, output, progress, carried)


def write_all_results(inspections: Sequence[Inspection], threshold: Optional[float], output: LayerOutput,
                      progress: Progress, carried: Optional[Carried] = None) -> Optional[str]:
    """Write one row per pixel of all inspections, in order; otherwise as :func:`write_results`."""
    table = table_of(inspections, threshold, Share(progress, 0.0, 0.2))
    table, aside = spectra_aside(table, output, Share(progress, 0.2, 0.6))
    rows = Share(progress, 0.2 if aside is None else 0.6, 1.0)
    none: Iterable[list[Optional[str]]] = repeat([None, None])
    profiles = none if aside is not None else chain.from_iterable(map(_all_profiles, inspections))
    more = repeat([]) if carried is None else ([carried.values.get(i)] for i in table.columns["feature_id"].tolist())
    for i, ((values, geometry), last) in enumerate(zip(_rows(table, profiles), more)):
        if i % _CHUNK == 0:
            checkpoint(rows, i / len(table), "Writing the pixels")
        output.add(values + last, geometry)
    return aside


def table_of(inspections: Sequence[Inspection], threshold: Optional[float], progress: Progress) -> ResultTable:
    """The rows of all inspections; `threshold` fills the column `accepted` of those that have a score."""
    n = len(inspections)
    return ResultTable.concatenate([
        seen.table(None if seen.scored is None else threshold, Share(progress, i / n, (i + 1) / n))
        for i, seen in enumerate(inspections)])


def write_summary(summary: Sequence[FeatureSummary], output: LayerOutput, carried: Optional[Carried] = None) -> None:
    """Write one row per feature; with `carried`, its value comes last."""
    for feature in summary:
        values = [json.dumps(v, ensure_ascii=False) if isinstance(v, dict) else v for v in astuple(feature)]
        output.add(values if carried is None else [*values, carried.values.get(feature.feature_id)])


def spectra_aside(table: Table, output: LayerOutput, progress: Progress) -> tuple[Table, Optional[str]]:
    """Beyond 100 000 rows, write the spectra where the layer is being written; the columns name their final place."""
    place = None if output.target is None else table.place_of_spectra(output.target)
    if output.folder is None or place is None:
        return table, None
    table.write_spectra(output.folder / place.name, progress)
    return table.without_spectra(place), str(place)


def _rows(table: ResultTable, profiles: Iterable[list[Optional[str]]]
          ) -> Iterator[tuple[list[Any], Optional[QgsGeometry]]]:
    """Attributes and point of each pixel."""
    for row, both in zip(table.rows(), profiles):
        values = [_CONVERT[name](value) if name in _CONVERT else value for name, value in row.items()]
        yield values + both, _point(row["pixel_lon"], row["pixel_lat"])


def _all_profiles(seen: Inspection) -> Iterator[list[Optional[str]]]:
    """The two profiles of each pixel."""
    writer = ProfileWriter(seen.spectra.bands.wavelength_nm)
    return (_profiles(seen, writer, i) for i in range(len(seen.pixels)))


def _profiles(seen: Inspection, writer: ProfileWriter, i: int) -> list[Optional[str]]:
    """The profile of pixel `i` and that of its uncertainty; None where there is none."""
    if not seen.pixels.on_swath[i]:
        return [None, None]
    valid, sigma = seen.spectra.valid[i], seen.spectra.uncertainty
    return [writer.text(seen.spectra.values[i], valid), None if sigma is None else writer.text(sigma[i], valid)]


def _point(lon: Optional[float], lat: Optional[float]) -> Optional[QgsGeometry]:
    return None if lon is None or lat is None else QgsGeometry.fromPointXY(QgsPointXY(lon, lat))
