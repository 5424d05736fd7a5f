"""The parameters of one run as plain values."""

from __future__ import annotations

from typing import Any, Optional

from qgis.core import NULL, QgsProcessingAlgorithm, QgsProcessingContext, QgsProcessingFeatureSource

from ..core.errors import AreaError


class Asked:
    """Reads parameters by name; what was left empty is None."""

    def __init__(self, algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext
                 ) -> None:
        self.algorithm, self.parameters, self.context = algorithm, parameters, context

    def given(self, name: str) -> bool:
        """Whether a value was given."""
        return self.parameters.get(name) not in (None, NULL, "")

    def text(self, name: str) -> Optional[str]:
        """Text, a path, or the value of a choice."""
        return self.algorithm.parameterAsString(self.parameters, name, self.context).strip() or None

    def choice(self, name: str) -> Optional[str]:
        """The word chosen of a list."""
        return self.algorithm.parameterAsEnumString(self.parameters, name, self.context).strip() or None

    def number(self, name: str) -> Optional[float]:
        """A number."""
        return self.algorithm.parameterAsDouble(self.parameters, name, self.context) if self.given(name) else None

    def whole(self, name: str) -> int:
        """A whole number; its default where it was left empty."""
        return self.algorithm.parameterAsInt(self.parameters, name, self.context)

    def area(self, name: str = "AOI") -> QgsProcessingFeatureSource:
        """The features of an area layer; raises AreaError where there is no such layer."""
        source = self.algorithm.parameterAsSource(self.parameters, name, self.context)
        if source is None:
            raise AreaError(f"The area '{self.parameters.get(name)}' cannot be opened as a vector layer.")
        return source
