"""Vector outputs that appear whole or not at all.

QGIS' own sinks write straight to the destination and lose the errors of the last flush. Here a file is written
in a folder beside its destination, closed, counted, and only then moved over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Optional

from osgeo import gdal
from qgis.core import (
    NULL,
    Qgis,
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsFeatureSink,
    QgsFields,
    QgsGeometry,
    QgsMapLayer,
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingUtils,
    QgsProperty,
    QgsVectorFileWriter,
    QgsVectorLayer,
)

from ..core.errors import OutputError
from ..core.io.atomic import unwritable
from ..core.results import spreadsheet_cell
from .fields import PROFILE_WIDGET
from .staging import Staging, together

CUTS_TEXT = frozenset({"shp", "dbf", "tab", "mif", "mid"})
"""Endings of formats that hold no text longer than 254 characters."""
_TABLE = ".csv"
"""Ending of what people open in a spreadsheet."""
_PROVIDER = re.compile(r"^[A-Za-z_]{2,}:")


class LayerOutput:
    """A layer being written: add rows, then let the context manager finish it."""

    def __init__(self, sink: QgsFeatureSink, fields: QgsFields, name: str, target: Optional[Path] = None,
                 folder: Optional[Path] = None) -> None:
        self.target = target
        """The file it becomes; None for a memory layer or a database."""
        self.folder = folder
        """Where the file is until then; whatever else lies there moves with it."""
        self.destination = ""
        """What the algorithm returns for this output; known when it is finished."""
        self.n = 0
        """Rows written."""
        self._sink: Optional[QgsFeatureSink] = sink
        self._fields = fields
        self._name = name
        self._is_table = target is not None and target.suffix.lower() == _TABLE

    def add(self, values: list[Any], geometry: Optional[QgsGeometry] = None) -> None:
        """Write one row; None is NULL. Raises OutputError where it cannot be written."""
        feature = QgsFeature(self._fields)
        if self._is_table:
            values = [_defused(v) for v in values]
        feature.setAttributes([NULL if v is None else v for v in values])
        if geometry is not None:
            feature.setGeometry(geometry)
        if self._sink is None or not self._sink.addFeature(feature, QgsFeatureSink.Flag.FastInsert):
            raise self._refusal(self._sink.lastError() if self._sink else "it is closed")
        self.n += 1

    def __enter__(self) -> LayerOutput:
        return self

    def __exit__(self, kind: Optional[type[BaseException]], *error: object) -> None:
        """Close it; after an error just let go of it."""
        if kind is None:
            self.close()
        self._sink = None

    def close(self) -> None:
        """Flush and let go of the file; raises OutputError where that fails."""
        if self._sink is None:
            return
        gdal.ErrorReset()
        flushed = self._sink.flushBuffer()
        why = self._sink.lastError()
        self._sink = None
        failed = gdal.GetLastErrorType() >= gdal.CE_Failure
        if failed or not flushed:
            raise self._refusal(why or gdal.GetLastErrorMsg())

    def _refusal(self, why: str) -> OutputError:
        return unwritable(self.target or self._name, why or "the disk or the format refuses it")


@contextmanager
def layer_output(algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], name: str,
                 context: QgsProcessingContext, fields: QgsFields, wkb: Qgis.WkbType = Qgis.WkbType.NoGeometry,
                 crs: Optional[QgsCoordinateReferenceSystem] = None, staging: Optional[Staging] = None
                 ) -> Iterator[Optional[LayerOutput]]:
    """Yield the output `name` of a running algorithm, or None where it was not asked for.

    With `staging`, a file is complete there when the block ends, and appears when the staging is published.
    """
    crs = crs or QgsCoordinateReferenceSystem()
    target = _file_target(parameters.get(name), context)
    if target is None:
        sink, destination = algorithm.parameterAsSink(parameters, name, context, fields, wkb, crs)
        if sink is None and not destination and parameters.get(name) in (None, "", NULL):
            yield None
            return
        output = _output(sink, fields, name)
        del sink
        with _unstaged(output, destination, fields, context):
            yield output
        return

    def opened(path: Path) -> tuple[Optional[QgsFeatureSink], str]:
        if _wants_wkt(path, fields, wkb):
            return _table_with_places(path, fields, wkb, crs, context)
        moved = {**parameters, name: _moved(parameters[name], path)}
        return algorithm.parameterAsSink(moved, name, context, fields, wkb, crs)

    with _staged(target, fields, opened, name, staging) as output:
        yield output
    _load_later(algorithm, parameters[name], name, output.destination, context)


def _wants_wkt(path: Path, fields: QgsFields, wkb: Qgis.WkbType) -> bool:
    """Whether a place would be lost: a table keeps none unless a field tells it."""
    return path.suffix.lower() == _TABLE and wkb != Qgis.WkbType.NoGeometry and fields.lookupField("pixel_lon") < 0


def _table_with_places(path: Path, fields: QgsFields, wkb: Qgis.WkbType, crs: QgsCoordinateReferenceSystem,
                       context: QgsProcessingContext) -> tuple[Optional[QgsFeatureSink], str]:
    """A CSV file with the places as WKT in its first column."""
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName, options.fileEncoding = "CSV", "UTF-8"
    options.layerOptions = ["GEOMETRY=AS_WKT", "CREATE_CSVT=YES"]  # with that its CRS is kept, as .prj
    sink = QgsVectorFileWriter.create(str(path), fields, wkb, crs, context.transformContext(), options)
    return (sink if sink.hasError() == QgsVectorFileWriter.WriterError.NoError else None), str(path)


@contextmanager
def file_output(target: Path, fields: QgsFields, wkb: Qgis.WkbType, crs: QgsCoordinateReferenceSystem
                ) -> Iterator[LayerOutput]:
    """Yield a layer that becomes the file `target`, whole or not at all; its ending tells the format."""
    context = QgsProcessingContext()

    def opened(path: Path) -> tuple[Optional[QgsFeatureSink], str]:
        return QgsProcessingUtils.createFeatureSink(str(path), context, fields, wkb, crs)

    if target.suffix.lower().lstrip(".") not in QgsVectorFileWriter.supportedFormatExtensions():
        raise OutputError(f"'{target}' cannot be written: its ending names no vector format; end it with .gpkg.")
    with _staged(target, fields, opened) as output:
        yield output


@contextmanager
def temporary_output(name: str, fields: QgsFields, wkb: Qgis.WkbType, crs: QgsCoordinateReferenceSystem,
                     context: QgsProcessingContext) -> Iterator[LayerOutput]:
    """Yield a layer in memory; `context` keeps it under the destination of the output."""
    sink, destination = QgsProcessingUtils.createFeatureSink(f"memory:{name}", context, fields, wkb, crs)
    output = _output(sink, fields, name)
    del sink
    with _unstaged(output, destination, fields, context):
        yield output


@contextmanager
def _unstaged(output: LayerOutput, destination: str, fields: QgsFields, context: QgsProcessingContext
              ) -> Iterator[None]:
    """What is written goes straight to `destination`: a layer in memory or a database."""
    output.destination = destination
    with output:
        yield
    _mark_profiles(QgsProcessingUtils.mapLayerFromString(destination, context, False), fields, False)


@contextmanager
def _staged(target: Path, fields: QgsFields, opened: Callable[[Path], tuple[Optional[QgsFeatureSink], str]],
            name: str = "", staging: Optional[Staging] = None) -> Iterator[LayerOutput]:
    """Yield what `opened` opens at a hidden place; what was written there is counted, then takes its own place."""
    if target.suffix.lower().lstrip(".") in CUTS_TEXT:
        raise OutputError(f"'{target}' cannot hold a spectrum: its format cuts text after 254 characters; write .gpkg.")
    with nullcontext(staging) if staging is not None else together() as outputs:
        folder = outputs.begin(target)
        try:
            sink, destination = opened(folder / target.name)
        except QgsProcessingException as error:
            raise unwritable(target, str(error)) from error
        output = _output(sink, fields, name, target, folder)
        del sink
        with output:
            yield output
        _check(destination, fields, output)
    output.destination = destination.replace(str(folder / target.name), str(target))


def _defused(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula is given an apostrophe, as in the tables that core writes."""
    return spreadsheet_cell(value) if isinstance(value, str) else value


def _output(sink: Optional[QgsFeatureSink], fields: QgsFields, name: str, target: Optional[Path] = None,
            folder: Optional[Path] = None) -> LayerOutput:
    if sink is None:
        raise unwritable(target or name, "its format or place cannot be opened")
    return LayerOutput(sink, fields, name, target, folder)


def _file_target(value: Any, context: QgsProcessingContext) -> Optional[Path]:
    """The file that a destination means; None for temporary layers, databases and layers to append to."""
    if isinstance(value, QgsProcessingOutputLayerDefinition):
        if value.useRemapping():
            return None
        value = value.sink
    if isinstance(value, QgsProperty):
        value = value.valueAsString(context.expressionContext())[0]
    if not isinstance(value, str) or not value or value == QgsProcessing.TEMPORARY_OUTPUT:
        return None
    return None if _PROVIDER.match(value) or not Path(value).suffix else Path(value).absolute()


def _moved(value: Any, path: Path) -> QgsProcessingOutputLayerDefinition:
    """The same destination at another path, not to be loaded."""
    moved = QgsProcessingOutputLayerDefinition(str(path))
    if isinstance(value, QgsProcessingOutputLayerDefinition):
        moved.createOptions = value.createOptions
    return moved


def _check(destination: str, fields: QgsFields, output: LayerOutput) -> None:
    """Raise OutputError unless every row and the marks of the profile fields arrived in the file itself."""
    n = _arrived(destination, fields)
    if n != output.n:
        raise unwritable(output.target, f"only {max(n, 0)} of {output.n} rows arrived (the disk may be full, or the "
                                        "format keeps no rows without geometry)")
    if output.folder is not None and any(output.folder.glob("*-wal")):
        raise unwritable(output.target, "what was written last stayed in its journal (the disk may be full)")


def _arrived(destination: str, fields: QgsFields) -> int:
    """Open what was written, mark its profile fields, and count its rows; the file is closed again on return.

    QGIS does not know how many rows an empty GeoPackage has: there GDAL tells.
    """
    layer = QgsVectorLayer(destination, "written", "ogr")
    if not layer.isValid() or not _mark_profiles(layer, fields, True):
        return -1
    n = layer.featureCount()
    del layer
    if n >= 0:
        return n
    dataset = gdal.OpenEx(destination.partition("|")[0], gdal.OF_VECTOR)
    return -1 if dataset is None else int(dataset.GetLayer(0).GetFeatureCount())


def _mark_profiles(layer: Optional[QgsMapLayer], fields: QgsFields, save: bool) -> bool:
    """Give profile fields the editor widget by which EnMAP-Box knows them; files keep it in their style."""
    marked = [f for f in fields if f.editorWidgetSetup().type() == PROFILE_WIDGET]
    if not marked or not isinstance(layer, QgsVectorLayer):
        return True
    for field in marked:
        layer.setEditorWidgetSetup(layer.fields().lookupField(field.name()), field.editorWidgetSetup())
    return not save or _save_style(layer)


def _save_style(layer: QgsVectorLayer) -> bool:
    """Keep the style in the database where the format is one (GeoPackage), else in a .qml file beside it."""
    if layer.dataProvider().styleStorageCapabilities() & Qgis.ProviderStyleStorageCapability.SaveToDatabase:
        if hasattr(layer, "saveStyleToDatabaseV2"):  # QGIS 3.42; the older name is deprecated there
            return not layer.saveStyleToDatabaseV2("profiles", "", True, "")[1]
        return not layer.saveStyleToDatabase("profiles", "", True, "")
    return layer.saveDefaultStyle(QgsMapLayer.StyleCategory.AllStyleCategories)[1]


def _load_later(algorithm: QgsProcessingAlgorithm, value: Any, name: str, destination: str,
                context: QgsProcessingContext) -> None:
    """Have QGIS load the file when all is done, if that was asked for."""
    if not isinstance(value, QgsProcessingOutputLayerDefinition) or value.destinationProject is None:
        return
    title = value.destinationName or algorithm.parameterDefinition(name).description()
    details = QgsProcessingContext.LayerDetails(title, value.destinationProject, name,
                                                QgsProcessingUtils.LayerHint.Vector)
    context.addLayerToLoadOnCompletion(destination, details)
