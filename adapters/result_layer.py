"""Inspections as layers: one point per pixel with the columns of RESULT_SCHEMA, and one row per feature."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from typing import Any, Optional

from qgis.core import QgsFields, QgsGeometry, QgsPointXY

from ..core.inspection import FeatureSummary, Inspection
from ..core.progress import Progress, Share, checkpoint
from ..core.results import ResultTable
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
    numbers = [(name, "float64") for name in ("mean", "sigma", "min", "max", "best")]
    return fields([("feature_id", "int64"), ("n", "int32"), ("n_valid", "int32"), ("masked", "text"), *numbers])


def write_results(seen: Inspection, threshold: Optional[float], output: LayerOutput, progress: Progress
                  ) -> Optional[str]:
    """Write one row per pixel; returns where the spectra went if they are too many for the table."""
    table = seen.table(threshold, Share(progress, 0.0, 0.2))
    table, aside = _spectra_aside(table, output, Share(progress, 0.2, 0.6))
    rows = Share(progress, 0.2 if aside is None else 0.6, 1.0)
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
    place = None if output.target is None else table.place_of_spectra(output.target)
    if output.folder is None or place is None:
        return table, None
    table.write_spectra(output.folder / place.name, progress)
    return table.without_spectra(place), str(place)


def _rows(seen: Inspection, table: ResultTable, with_profiles: bool
          ) -> Iterator[tuple[list[Any], Optional[QgsGeometry]]]:
    """Attributes and point of each pixel."""
    writer = ProfileWriter(seen.spectra.bands.wavelength_nm)
    for i, row in enumerate(table.rows()):
        values = [_CONVERT[name](value) if name in _CONVERT else value for name, value in row.items()]
        profiles = _profiles(seen, writer, i) if with_profiles else [None, None]
        yield values + profiles, _point(row["pixel_lon"], row["pixel_lat"])


def _profiles(seen: Inspection, writer: ProfileWriter, i: int) -> list[Optional[str]]:
    """The profile of pixel `i` and that of its uncertainty; None where there is none."""
    if not seen.pixels.on_swath[i]:
        return [None, None]
    valid, sigma = seen.spectra.valid[i], seen.spectra.uncertainty
    return [writer.text(seen.spectra.values[i], valid), None if sigma is None else writer.text(sigma[i], valid)]


def _point(lon: Optional[float], lat: Optional[float]) -> Optional[QgsGeometry]:
    return None if lon is None or lat is None else QgsGeometry.fromPointXY(QgsPointXY(lon, lat))
