"""EnMAP-Box's rules for a profile in an attribute, as a reader of its own: it shares nothing with the plugin.

The rules: JSON with y (mandatory, numbers or null, not empty); x and bbl as long as y; xUnit only with x; no
other key survives in EnMAP-Box; the field is text without a length limit and marked by its editor widget.
"""

from __future__ import annotations

import json
from typing import Any

KEYS = {"y", "x", "xUnit", "yUnit", "bbl"}
NM = {"nm", "Nanometers"}


def read_profile(text: Any) -> dict[str, Any]:
    """The profile; raises ValueError for what EnMAP-Box would drop, misread or refuse."""
    if not isinstance(text, str):
        raise ValueError(f"text is needed, not {type(text).__name__}")
    profile = json.loads(text, parse_constant=_refuse)
    if not isinstance(profile, dict) or set(profile) - KEYS:
        raise ValueError(f"keys that EnMAP-Box drops: {sorted(set(profile) - KEYS)}")
    y = profile.get("y")
    if not isinstance(y, list) or not y or not all(v is None or _is_number(v) for v in y):
        raise ValueError("y must be a list of numbers and null")
    for key in ("x", "bbl"):
        if key in profile and not (len(profile[key]) == len(y) and all(map(_is_number, profile[key]))):
            raise ValueError(f"{key} must hold one number per value of y")
    if "xUnit" in profile and "x" not in profile:
        raise ValueError("xUnit without x")
    return profile


def is_profile_field(layer: Any, name: str) -> bool:
    """Whether EnMAP-Box knows the field: unlimited text with its editor widget."""
    index = layer.fields().lookupField(name)
    field = layer.fields().at(index)
    return (field.typeName() == "String" and field.length() in (-1, 0, 65535)
            and layer.editorWidgetSetup(index).type() == "SpectralProfile")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
