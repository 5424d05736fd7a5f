"""The parameters of one run as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Optional, Union

from qgis.core import (
    NULL,
    Qgis,
    QgsFields,
    QgsMapLayer,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingFeatureSource,
)
from qgis.PyQt.QtCore import QDate, QDateTime, Qt

from ..adapters.layer_output import LayerOutput, layer_output
from ..adapters.staging import Staging
from ..core.errors import ArchiveError, AreaError, GranuleError, MetricError, OutputError


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

    def source(self, name: str) -> Union[None, str, QgsMapLayer]:
        """A path or what else stands for a file: the layer itself, or its id."""
        value = self.parameters.get(name)
        return value if isinstance(value, QgsMapLayer) else self.text(name)

    def choice(self, name: str) -> str:
        """The word chosen of a list; "" for none."""
        return self.algorithm.parameterAsEnumString(self.parameters, name, self.context).strip()

    def choices(self, name: str) -> list[str]:
        """The words chosen of a list, given as such or as text with commas."""
        value = self.parameters.get(name)
        words = value if isinstance(value, (list, tuple)) else (self.text(name) or "").split(",")
        return [str(word).strip() for word in words if str(word).strip()]

    def truth(self, name: str) -> bool:
        """Yes or no."""
        return bool(self.algorithm.parameterAsBool(self.parameters, name, self.context))

    def number(self, name: str) -> Optional[float]:
        """A number; raises MetricError for text that is none, which QGIS would take for 0."""
        value = self.parameters.get(name)
        if isinstance(value, str) and value.strip():
            try:
                float(value)
            except ValueError:
                raise MetricError(f"{name} is '{value}', which is not a number; write it with a point, such as 0.1."
                                  ) from None
        return self.algorithm.parameterAsDouble(self.parameters, name, self.context) if self.given(name) else None

    def whole(self, name: str) -> int:
        """A whole number; its default where it was left empty."""
        return self.algorithm.parameterAsInt(self.parameters, name, self.context)

    def day(self, name: str) -> Optional[str]:
        """A day, or a moment, as text; what QGIS gives without a time zone is meant as UTC."""
        value = self.parameters.get(name)
        return value.toString(Qt.DateFormat.ISODate) if isinstance(value, (QDate, QDateTime)) else self.text(name)

    def area(self, name: str = "AOI") -> QgsProcessingFeatureSource:
        """The features of an area layer; raises AreaError where there is no such layer."""
        source = self.algorithm.parameterAsSource(self.parameters, name, self.context)
        if source is None:
            raise AreaError(f"The area '{self.parameters.get(name)}' cannot be opened as a vector layer.")
        return source

    def scenes(self, name: str = "SCENES") -> QgsProcessingFeatureSource:
        """The features of a layer of scenes; raises ArchiveError where there is no such layer."""
        source = self.algorithm.parameterAsSource(self.parameters, name, self.context)
        if source is None:
            raise ArchiveError(f"The scenes '{self.parameters.get(name)}' cannot be opened as a vector layer; give the "
                               "output of 'Search scenes'.")
        return source

    @contextmanager
    def layer(self, name: str, fields: QgsFields, wkb: Any = Qgis.WkbType.NoGeometry, crs: Any = None,
              staging: Optional[Staging] = None) -> Iterator[LayerOutput]:
        """A vector output to write into; raises OutputError where it was not asked for."""
        with self.optional_layer(name, fields, wkb, crs, staging) as output:
            if output is None:
                raise OutputError(f"The output {name} is not given; say where it goes.")
            yield output

    def optional_layer(self, name: str, fields: QgsFields, wkb: Any = Qgis.WkbType.NoGeometry, crs: Any = None,
                       staging: Optional[Staging] = None) -> AbstractContextManager[Optional[LayerOutput]]:
        """A vector output to write into; None where it was not asked for, or the algorithm has none of that name."""
        if self.algorithm.parameterDefinition(name) is None:
            return nullcontext()
        return layer_output(self.algorithm, self.parameters, name, self.context, fields, wkb, crs, staging)

    def wavelengths(self, name: str, default: Sequence[float]) -> Optional[Sequence[float]]:
        """Numbers separated by commas or blanks; None for "all". Raises GranuleError for anything else."""
        words = (self.text(name) or "").replace(",", " ").replace(";", " ").split()
        if [word.lower() for word in words] == ["all"]:
            return None
        try:
            return [float(word) for word in words] or default
        except ValueError:
            raise GranuleError(f"The bands '{self.text(name)}' are not understood; write wavelengths in nm separated "
                               "by commas, such as 650, 560, 470, or all.") from None

    def words(self, name: str) -> Optional[list[str]]:
        """Names separated by commas; None where there are none."""
        return [word.strip() for word in (self.text(name) or "").split(",") if word.strip()] or None

    def file_to_write(self, name: str) -> Path:
        """Where a file goes that QGIS is not to load."""
        return Path(self.algorithm.parameterAsFileOutput(self.parameters, name, self.context)).absolute()

    def geotiff(self, name: str) -> tuple[str, Path]:
        """Where a GeoTIFF goes, as QGIS calls it and as a path; raises OutputError where it was not asked for."""
        place = self.optional_geotiff(name)
        if place is None:
            raise OutputError(f"The output {name} is not given; say where it goes.")
        return place

    def optional_geotiff(self, name: str) -> Optional[tuple[str, Path]]:
        """Where a GeoTIFF goes, as QGIS calls it and as a path; None where it was not asked for.

        Raises OutputError for the ending of another format.
        """
        destination = self.algorithm.parameterAsOutputLayer(self.parameters, name, self.context)
        if destination and Path(destination).suffix.lower() not in _TIFF_ENDINGS:
            raise OutputError(f"'{destination}' is to be a GeoTIFF; give a name that ends with .tif.")
        return (destination, Path(destination).absolute()) if destination else None


_TIFF_ENDINGS = {".tif", ".tiff"}
