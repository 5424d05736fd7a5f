"""Areas from files, from pasted text and from what is selected in a layer -> shapely geometries in lon/lat."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Optional

from osgeo import gdal
from qgis.core import (
    Qgis,
    QgsCoordinateTransformContext,
    QgsFeatureRequest,
    QgsMapLayer,
    QgsProviderRegistry,
    QgsVectorLayer,
    QgsVectorLayerFeatureSource,
)

from ..core.errors import AreaError
from ..core.progress import NO_PROGRESS, Progress
from .area_tables import areas_of_pairs, areas_of_table, areas_of_wkt, is_table, is_wkt
from .areas import Areas, origin_of, read_areas

_TABLES = (".csv", ".tsv", ".txt")
_FORMATS = "give GeoJSON, GeoPackage, Shapefile, KML, or CSV with the columns lon and lat or wkt"
_PASTED = "The pasted text"


def area_of_file(path: str, context: QgsCoordinateTransformContext, progress: Progress = NO_PROGRESS) -> Areas:
    """The features of a vector file, or the rows of a table with the columns lon and lat, or wkt.

    Of several layers it is the first with geometry, or the one that `path|layername=…` names. In any thread.
    Raises AreaError, naming the file, the value and what to do.
    """
    file = path.partition("|")[0]
    name = Path(file).name
    if not file.startswith("/vsi") and not Path(file).exists():
        raise AreaError(f"The area file '{file}' does not exist; choose another one.")
    if Path(file).suffix.lower() in _TABLES:
        return areas_of_table(_text_of(Path(file)), f"'{name}'", context, progress)
    return _areas_of_vectors(_uri(path, name), name, context, progress)


def area_of_text(text: str, context: Optional[QgsCoordinateTransformContext] = None,
                 progress: Progress = NO_PROGRESS) -> Areas:
    """The areas of pasted WKT, EWKT, GeoJSON, "lon, lat" lines, or a table as QGIS copies it; ids from 0 on.

    What names no other CRS is in lon/lat. Raises AreaError, naming the value and what to do.
    """
    text, context = text.strip().lstrip("\ufeff"), context or QgsCoordinateTransformContext()
    if not text:
        raise AreaError(f"{_PASTED} is empty; paste WKT, GeoJSON, or a longitude and a latitude like -117.17, 37.6.")
    if text.startswith("{"):
        return _areas_of_geojson(text, context, progress)
    if is_table(text):
        return areas_of_table(text, _PASTED, context, progress)
    if is_wkt(text):
        return areas_of_wkt(text, _PASTED, context, progress)
    return areas_of_pairs(text, _PASTED)


def selected_features(layer: Optional[QgsMapLayer]) -> Callable[[Progress], Areas]:
    """Take the selection now, in the main thread, and quickly; call what comes back in any thread for the areas.

    They are in the order of their ids. Raises AreaError at once for what is no vector layer, for a layer without
    geometry or with an unknown CRS, and where nothing is selected.
    """
    if not isinstance(layer, QgsVectorLayer) or not layer.isValid():
        which = "No layer is current" if layer is None else f"'{layer.name()}' is no vector layer"
        raise AreaError(f"{which}; choose a layer of points, lines or polygons in the Layers panel and select some "
                        "of its features.")
    name = layer.name()
    origin = origin_of(name, layer.crs(), layer.wkbType(), layer.transformContext())
    ids = layer.selectedFeatureIds()
    if not ids:
        raise AreaError(f"The layer '{name}' has no selected features; select some with a selection tool of QGIS.")
    source = QgsVectorLayerFeatureSource(layer)

    def evaluate(progress: Progress) -> Areas:
        request = QgsFeatureRequest().setFilterFids(sorted(ids)).setNoAttributes()
        return _by_id(read_areas(source.getFeatures(request), origin, len(ids), progress))

    return evaluate


def _by_id(areas: Areas) -> Areas:
    order = sorted(range(len(areas.feature_ids)), key=areas.feature_ids.__getitem__)
    return Areas([areas.geometries[i] for i in order], [areas.feature_ids[i] for i in order])


def _text_of(path: Path) -> str:
    """Numbers and WKT are ASCII, so that no encoding of the other columns can stand in the way."""
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise AreaError(f"The area file '{path}' cannot be read ({error.strerror}); choose another one.") from error


def _uri(path: str, name: str) -> str:
    """What QGIS opens: the layer that is named, or the first with geometry."""
    if "|" in path:
        return path
    found = QgsProviderRegistry.instance().providerMetadata("ogr").querySublayers(path)
    if not found:
        raise AreaError(f"'{name}' cannot be read as an area; {_FORMATS}.")
    drawn = [layer for layer in found if layer.wkbType() != Qgis.WkbType.NoGeometry]
    return str((drawn or found)[0].uri())


def _areas_of_vectors(uri: str, name: str, context: QgsCoordinateTransformContext, progress: Progress) -> Areas:
    options = QgsVectorLayer.LayerOptions(context, False)
    options.skipCrsValidation = True  # QGIS would ask the user, from any thread
    layer = QgsVectorLayer(uri, name, "ogr", options)
    if not layer.isValid():
        layer_name = uri.partition("|")[2]
        why = f" ({layer_name})" if layer_name else ""
        raise AreaError(f"'{name}'{why} cannot be read as an area; {_FORMATS}.")
    origin = origin_of(name, layer.crs(), layer.wkbType(), context)
    total = max(layer.featureCount(), 0)
    areas = read_areas(layer.getFeatures(QgsFeatureRequest().setNoAttributes()), origin, total, progress)
    if not areas.geometries:
        raise AreaError(f"'{name}' has no features; give a file with points, lines or polygons.")
    return areas


def _areas_of_geojson(text: str, context: QgsCoordinateTransformContext, progress: Progress) -> Areas:
    """GDAL reads it as a file, with a CRS of its own if it has one."""
    path = f"/vsimem/{uuid.uuid4().hex}.geojson"
    gdal.FileFromMemBuffer(path, text.encode())
    try:
        areas = _areas_of_vectors(_uri(path, "pasted text"), "pasted text", context, progress)
    finally:
        gdal.Unlink(path)
    return replace(areas, feature_ids=list(range(len(areas.geometries))))
