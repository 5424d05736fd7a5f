"""A field of the area layer that every pixel of a feature gets, so that pixels can be traced back to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

from qgis.core import QgsFeatureRequest, QgsField, QgsFields, QgsProcessingFeatureSource

from ..core.errors import AreaError

_TAKEN = frozenset({"fid", "ogc_fid"})
"""Names that formats keep for themselves."""


@dataclass(frozen=True)
class Carried:
    """One field and its values."""

    field: QgsField
    """Name and type, as in the area layer."""
    values: Mapping[int, Any]
    """QGIS' id of a feature -> value."""

    def beside(self, fields: QgsFields) -> QgsFields:
        """`fields`, then this one; raises AreaError where its name is taken."""
        taken = _TAKEN | {field.name().casefold() for field in fields}
        if self.field.name().casefold() in taken:
            raise AreaError(f"The field '{self.field.name()}' of the area cannot be carried over: the result has a "
                            "field of that name; rename it in the area layer.")
        more = QgsFields(fields)
        more.append(self.field)
        return more


def carried_field(source: QgsProcessingFeatureSource, name: Optional[str]) -> Optional[Carried]:
    """The field `name` of an area layer; None where none is named. Raises AreaError for one that is not there."""
    if not name:
        return None
    place = source.fields().lookupField(name)
    if place < 0:
        listed = ", ".join(field.name() for field in source.fields())
        raise AreaError(f"The layer '{source.sourceName()}' has no field '{name}'; its fields are: {listed}.")
    request = QgsFeatureRequest().setFlags(QgsFeatureRequest.Flag.NoGeometry).setSubsetOfAttributes([place])
    values = {feature.id(): feature[place] for feature in source.getFeatures(request)}
    return Carried(QgsField(source.fields().at(place)), values)
