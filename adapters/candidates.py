"""Candidates from a layer, a vector file or a table, in any coordinate reference system."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from qgis.core import (
    NULL,
    Qgis,
    QgsCoordinateTransformContext,
    QgsFeature,
    QgsFeatureRequest,
    QgsProcessingFeatureSource,
)

from ..core.errors import AreaError, LibraryError
from ..core.libraries import ReferenceSpectrum, choose
from ..core.optional import require
from ..core.progress import NO_PROGRESS, Progress, checkpoint
from ..core.vetting.candidate import NO_GEOMETRY, Candidate, Reference, id_text
from .area_tables import columns_of_table, places_of_table
from .areas import Origin, lonlat_wkb, origin_of

_TABLES = (".csv", ".tsv", ".txt")


@dataclass(frozen=True)
class CandidateFields:
    """Which fields say what."""

    id: Optional[str] = None
    """What a candidate is called; None takes the id of its feature or row."""
    reference: Optional[str] = None
    """What it is compared with; None leaves that to the run."""
    library: Optional[Mapping[str, ReferenceSpectrum]] = None
    """Where the names of references are looked up; None is the bundled library."""

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that must be there."""
        return tuple(name for name in (self.id, self.reference) if name)

    def candidate(self, number: int, geometry: Any, values: Mapping[str, Any], problem: str = "") -> Candidate:
        """One candidate from the values of its fields."""
        name = _text(values.get(self.id)) if self.id else ""
        return Candidate(name or str(number), geometry, self._reference(values), problem)

    def _reference(self, values: Mapping[str, Any]) -> Reference:
        wanted = _text(values.get(self.reference)) if self.reference else ""
        if not wanted or self.library is None:
            return wanted or None
        try:
            return choose(self.library, wanted)
        except LibraryError:
            return wanted  # the bundled library may have it, and says so where it has not


def is_table(value: Any) -> bool:
    """Whether `value` is the path of a table of text, which QGIS would open without geometry."""
    path = Path(str(value).partition("|")[0])
    return isinstance(value, str) and path.suffix.lower() in _TABLES and path.is_file()


def candidates_of_table(path: str, fields: CandidateFields, context: QgsCoordinateTransformContext,
                        progress: Progress = NO_PROGRESS) -> list[Candidate]:
    """The rows of a CSV file with the columns lon and lat, or wkt.

    A row whose place cannot be read stays a candidate, with the reason. Raises AreaError for a file that cannot be
    read, without columns that tell a place or one of `fields`, or without a single place.
    """
    file = Path(path.partition("|")[0])
    try:
        text = file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise AreaError(f"The candidates '{file}' cannot be read ({error.strerror}); choose another file.") from error
    return _of_text(text, f"'{file.name}'", fields, context, progress)


def candidates_of_source(source: QgsProcessingFeatureSource, fields: CandidateFields,
                         context: QgsCoordinateTransformContext, progress: Progress = NO_PROGRESS) -> list[Candidate]:
    """The features of a layer; of one without geometry, the rows with the columns lon and lat, or wkt.

    A feature or row whose place cannot be read or transformed stays a candidate, with the reason. Raises AreaError
    for a layer in an unknown CRS, without features, or without one of `fields`.
    """
    missing = [name for name in fields.names if source.fields().lookupField(name) < 0]
    if missing:
        listed = ", ".join(field.name() for field in source.fields())
        raise AreaError(f"The layer '{source.sourceName()}' has no field '{missing[0]}'; its fields are: {listed}.")
    unchecked = source.getFeatures(QgsFeatureRequest(), QgsProcessingFeatureSource.Flag.FlagSkipGeometryValidityChecks)
    if source.wkbType() == Qgis.WkbType.NoGeometry:
        text = _as_text([field.name() for field in source.fields()], unchecked)
        return _of_text(text, f"The layer '{source.sourceName()}'", fields, context, progress)
    origin = origin_of(source.sourceName(), source.sourceCrs(), source.wkbType(), context)
    total = max(1, source.featureCount())
    found = []
    for i, feature in enumerate(unchecked):
        if i % 1000 == 0:
            checkpoint(progress, min(i / total, 1.0), "Reading the candidates")
        found.append(_of_feature(feature, origin, fields))
    return found


def _of_feature(feature: QgsFeature, origin: Origin, fields: CandidateFields) -> Candidate:
    shapely = require("shapely", "to turn an area into pixels")
    geometry, problem, drawn = None, "", feature.geometry()
    if drawn.isNull() or drawn.isEmpty():
        problem = NO_GEOMETRY
    else:
        try:
            wkb = lonlat_wkb(drawn, origin.transform, f"Feature {feature.id()} of '{origin.name}'")
            geometry = shapely.from_wkb(wkb, on_invalid="ignore")
            problem = "" if geometry is not None else "Its geometry is broken; repair it."
        except AreaError as error:
            problem = str(error)
    return fields.candidate(feature.id(), geometry, {name: feature[name] for name in fields.names}, problem)


def _of_text(text: str, name: str, fields: CandidateFields, context: QgsCoordinateTransformContext, progress: Progress
             ) -> list[Candidate]:
    places = places_of_table(text, name, context, progress)
    columns = columns_of_table(text, name, fields.names)
    return [fields.candidate(i, geometry, {column: values[i] for column, values in columns.items()}, problem)
            for i, (geometry, problem) in enumerate(places)]


def _as_text(names: Sequence[str], features: Iterator[QgsFeature]) -> str:
    """The attributes of a layer as the table they would be in a file."""
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow(names)
    table.writerows([_text(value) for value in feature.attributes()] for feature in features)
    return written.getvalue()


def _text(value: Any) -> str:
    return "" if value is None or value == NULL else id_text(value).strip()
