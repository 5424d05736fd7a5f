"""A layer of vetted candidates: its rows, and what people write into it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np
from qgis.core import (
    NULL,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsFeatureRequest,
    QgsMapLayer,
    QgsRectangle,
    QgsVectorDataProvider,
    QgsVectorLayer,
    QgsVectorLayerFeatureSource,
)
from qgis.PyQt.QtCore import QDateTime, Qt

from ..core.errors import OutputError
from ..core.optional import require
from ..core.progress import NO_PROGRESS, Progress, checkpoint
from ..core.vetting.assessing import FEWEST
from ..core.vetting.ranking import Thresholds
from ..core.vetting.tables import CANDIDATE_SCHEMA, CandidateTable
from .areas import lonlat_wkb, origin_of
from .drawn import on_map
from .fields import as_datetime
from .layer_output import file_output
from .vetting_layers import candidate_fields

VERDICT, HUMAN_VERDICT, NOTE, PERCENTILE = "verdict", "human_verdict", "note", "background_percentile"
N_BACKGROUND = "n_background"
_NEEDED = ("candidate_id", "scene_id", "metric", VERDICT, HUMAN_VERDICT, NOTE, PERCENTILE)
"""Fields by which a layer is known to be one of vetted candidates."""
_THRESHOLDS = "pixel_spectra/thresholds"
"""Property of the layer in which the project keeps what the thresholds were set to."""
_USUAL = Thresholds(99.0, 90.0)
_CHUNK = 200
"""Rows written between two looks at the cancel button."""


@dataclass(frozen=True)
class VettedRows:
    """The rows of a layer of vetted candidates, in its order."""

    feature_ids: tuple[int, ...]
    """QGIS' ids of the features."""
    columns: Mapping[str, list[Any]]
    """The columns of CANDIDATE_SCHEMA as plain values, None where there is none; times as text, UTC."""

    def __len__(self) -> int:
        return len(self.feature_ids)

    def table(self) -> CandidateTable:
        """The same as the table that a vetting gives."""
        return CandidateTable({column.name: _TABLE_TYPES[column.kind](self.columns[column.name])
                               for column in CANDIDATE_SCHEMA})


def is_vetted(layer: Optional[QgsMapLayer]) -> bool:
    """Whether a layer is one of vetted candidates, as vet_candidates writes it."""
    return (isinstance(layer, QgsVectorLayer) and layer.isValid()
            and all(layer.fields().lookupField(name) >= 0 for name in _NEEDED))


def rows_of(layer: QgsVectorLayer) -> VettedRows:
    """All rows, in one pass without geometries; columns that the layer lacks have no values."""
    request = QgsFeatureRequest().setFlags(QgsFeatureRequest.Flag.NoGeometry)
    ids, rows = [], []
    for feature in layer.getFeatures(request):
        ids.append(feature.id())
        rows.append(feature.attributes())
    by_field = list(zip(*rows)) or [()] * len(layer.fields())
    places = {column.name: layer.fields().lookupField(column.name) for column in CANDIDATE_SCHEMA}
    columns = {column.name: [_PLAIN[column.kind](value) for value in by_field[places[column.name]]]
               if places[column.name] >= 0 else [None] * len(ids) for column in CANDIDATE_SCHEMA}
    return VettedRows(tuple(ids), columns)


def thresholds_of(layer: QgsVectorLayer, rows: VettedRows) -> Thresholds:
    """Where the verdicts of the layer change."""
    kept = str(layer.customProperty(_THRESHOLDS, "")).split(" ")
    guess = Thresholds(float(kept[0]), float(kept[1])) if len(kept) == 2 else _USUAL
    told = [(percentile, verdict or "") for percentile, verdict, n in zip(
        rows.columns[PERCENTILE], rows.columns[VERDICT], rows.columns[N_BACKGROUND]) if n is None or n >= FEWEST]
    return Thresholds.behind([percentile for percentile, _ in told], [verdict for _, verdict in told], guess)


def judge(layer: QgsVectorLayer, feature_ids: Iterable[int], verdict: str) -> None:
    """Write a person's verdict ("" takes it back); raises OutputError where the layer cannot keep it."""
    _write(layer, HUMAN_VERDICT, {i: verdict for i in feature_ids}, "Verdict")


def note(layer: QgsVectorLayer, feature_id: int, text: str) -> None:
    """Write a person's remark; raises OutputError where the layer cannot keep it."""
    _write(layer, NOTE, {feature_id: text}, "Note")


def set_thresholds(layer: QgsVectorLayer, thresholds: Thresholds, verdicts: Mapping[int, str]) -> None:
    """Write the verdicts (by feature id) that changed with the thresholds; raises OutputError."""
    _write(layer, VERDICT, verdicts, "Thresholds")
    layer.setCustomProperty(_THRESHOLDS, f"{thresholds.accept:g} {thresholds.reject:g}")


def outline(layer: QgsVectorLayer, feature_id: int) -> Optional[Any]:
    """The shapely geometry of a row in lon/lat; None where it has none. Raises AreaError for an unknown CRS."""
    shapely = require("shapely", "to turn an area into pixels")
    geometry = layer.getGeometry(feature_id)
    if geometry.isNull() or geometry.isEmpty():
        return None
    origin = origin_of(layer.name(), layer.crs(), layer.wkbType(), layer.transformContext())
    return shapely.from_wkb(lonlat_wkb(geometry, origin.transform, f"Feature {feature_id} of '{layer.name()}'"))


def extent_on_map(bounds: Sequence[float], margin: float, least: float, crs: QgsCoordinateReferenceSystem,
                  context: QgsCoordinateTransformContext) -> QgsRectangle:
    """A box in lon/lat in the project's `crs`: `margin` times as large, and at least `least` degrees.

    Raises AreaError where it cannot be shown there.
    """
    box = QgsRectangle(*bounds)
    box.scale(margin)
    box.grow(max(0.0, (least - max(box.width(), box.height())) / 2))
    west, south, east, north = box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()
    corners = on_map([(west, south), (west, north), (east, south), (east, north)], crs, context)
    return QgsRectangle(*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())


def outlines(layer: QgsVectorLayer, rows: VettedRows) -> Callable[[int], Any]:
    """Take the layer now, in the main thread; call what comes back in any thread for the outline of a row."""
    shapely = require("shapely", "to turn an area into pixels")
    if not layer.isSpatial():
        return lambda row: None
    origin = origin_of(layer.name(), layer.crs(), layer.wkbType(), layer.transformContext())
    source = QgsVectorLayerFeatureSource(layer)

    def outline_of(row: int) -> Any:
        request = QgsFeatureRequest(rows.feature_ids[row]).setNoAttributes()
        for feature in source.getFeatures(request):
            if feature.hasGeometry():
                wkb = lonlat_wkb(feature.geometry(), origin.transform, f"Feature {feature.id()} of '{origin.name}'")
                return shapely.from_wkb(wkb)
        return None

    return outline_of


def write_csv(rows: VettedRows, path: str | os.PathLike[str], progress: Progress = NO_PROGRESS) -> None:
    """Write the table with the verdicts of people as CSV, whole or not at all."""
    if Path(path).suffix.lower() != ".csv":
        raise OutputError(f"'{path}' cannot be written: its name must end with .csv.")
    rows.table().to_csv(path, progress)


def layer_writer(layer: QgsVectorLayer, rows: VettedRows) -> Callable[[str, Progress], str]:
    """Take the layer now, in the main thread; what comes back writes it to a file in any thread, whole or not at all.

    The ending of the path tells the format; returns the source to load.
    """
    source, wkb, crs = QgsVectorLayerFeatureSource(layer), layer.wkbType(), layer.crs()

    def write(path: str, progress: Progress) -> str:
        geometries = {f.id(): f.geometry() for f in source.getFeatures(QgsFeatureRequest().setNoAttributes())}
        with file_output(Path(path).absolute(), candidate_fields(), wkb, crs) as output:
            for i, (feature_id, row) in enumerate(zip(rows.feature_ids, rows.table().rows())):
                if i % _CHUNK == 0:
                    checkpoint(progress, i / len(rows), "Writing the rows")
                values = [as_datetime(v) if name == "datetime" else v for name, v in row.items()]
                output.add(values, geometries.get(feature_id))
        return output.destination

    return write


def _write(layer: QgsVectorLayer, name: str, values: Mapping[int, str], what: str) -> None:
    """At once through the provider, or as an edit that can be undone where the layer is being edited."""
    if not values:
        return
    place = layer.fields().lookupField(name)
    if layer.isEditable():
        layer.beginEditCommand(what)
        if all([layer.changeAttributeValue(feature_id, place, value) for feature_id, value in values.items()]):
            layer.endEditCommand()
            return
        layer.destroyEditCommand()
        raise _unwritable(layer)
    provider = layer.dataProvider()
    can = not layer.readOnly() and bool(provider.capabilities()
                                        & QgsVectorDataProvider.Capability.ChangeAttributeValues)
    if not can or not provider.changeAttributeValues({i: {place: value} for i, value in values.items()}):
        raise _unwritable(layer)
    layer.dataChanged.emit()  # an open attribute table shows it
    layer.triggerRepaint()


def _unwritable(layer: QgsVectorLayer) -> OutputError:
    return OutputError(f"The layer '{layer.name()}' cannot be written, so nothing was kept; export the table as a "
                       "GeoPackage and go on with that.")


def _text(value: Any) -> str:
    return "" if value is None or value == NULL else str(value)


def _number(value: Any) -> Optional[float]:
    try:
        number = float(value)
    except (TypeError, ValueError):  # NULL, or the text of a table without types
        return None
    return number if np.isfinite(number) else None


def _whole(value: Any) -> Optional[int]:
    number = _number(value)
    return None if number is None else int(number)


def _time(value: Any) -> Optional[str]:
    moment = value if isinstance(value, QDateTime) else QDateTime.fromString(_text(value), Qt.DateFormat.ISODate)
    return moment.toUTC().toString("yyyy-MM-dd hh:mm:ss") if moment.isValid() else None


_PLAIN: dict[str, Callable[[Any], Any]] = {"text": _text, "float64": _number, "int32": _whole, "Int32": _whole,
                                           "datetime64[ns, UTC]": _time}
"""Kind of column -> its plain value from an attribute."""

_TABLE_TYPES: dict[str, Callable[[list[Any]], Any]] = {
    "text": lambda values: ["" if v is None else v for v in values],
    "float64": lambda values: np.array([np.nan if v is None else v for v in values], np.float64),
    "int32": lambda values: np.array([v or 0 for v in values], np.int32),
    "Int32": list,
    "datetime64[ns, UTC]": lambda values: np.array([v or "NaT" for v in values], "datetime64[ns]"),
}
"""Kind of column -> what CandidateTable holds."""
