"""Attribute fields that work before and after QGIS 3.38, which changed their type argument."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from qgis.core import NULL, Qgis, QgsEditorWidgetSetup, QgsField, QgsFields
from qgis.PyQt.QtCore import QDateTime, QMetaType, Qt, QVariant

from ..core.results import RESULT_SCHEMA

_NAMES = {
    "text": ("QString", "String"), "list": ("QString", "String"), "profile": ("QString", "String"),
    "float64": ("Double", "Double"), "int32": ("Int", "Int"), "Int32": ("Int", "Int"),
    "int64": ("LongLong", "LongLong"),
    "bool": ("Bool", "Bool"), "boolean": ("Bool", "Bool"), "datetime64[ns, UTC]": ("QDateTime", "DateTime"),
}
"""Kind of column -> its name in QMetaType (3.38 and later) and in QVariant."""

PROFILE_WIDGET = "SpectralProfile"
"""The editor widget by which EnMAP-Box knows a profile field."""


def field(name: str, kind: str, comment: str = "") -> QgsField:
    """A field of a kind of RESULT_SCHEMA, or of the kind "profile"; text has no length limit."""
    new, old = _NAMES[kind]
    made = QgsField(name, getattr(QMetaType.Type, new) if Qgis.QGIS_VERSION_INT >= 33800 else getattr(QVariant, old))
    made.setComment(comment)
    if kind == "profile":
        made.setEditorWidgetSetup(profile_widget())
    return made


def fields(columns: Iterable[Sequence[str]]) -> QgsFields:
    """Fields from (name, kind) or (name, kind, comment)."""
    made = QgsFields()
    for column in columns:
        made.append(field(*column))
    return made


def profile_widget() -> QgsEditorWidgetSetup:
    """The marker of a profile field."""
    return QgsEditorWidgetSetup(PROFILE_WIDGET, {})


def as_datetime(text: Any) -> Any:
    """ISO text in UTC as QGIS stores it; NULL for None."""
    return NULL if text is None else QDateTime.fromString(text, Qt.DateFormat.ISODateWithMs)


RESULT_COLUMNS = tuple((c.name, c.kind, c.meaning) for c in RESULT_SCHEMA)
"""RESULT_SCHEMA as (name, kind, comment)."""
