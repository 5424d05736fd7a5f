"""Scenes of the archive as a QGIS layer of footprints, and such a layer as granules to open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Optional

from qgis.core import (
    NULL,
    Qgis,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsFeature,
    QgsFeatureRequest,
    QgsFeatureSource,
    QgsFields,
    QgsFillSymbol,
    QgsGeometry,
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsVectorLayer,
)

from ..core.archive.archives import DATA, MASK, UNCERTAINTY
from ..core.archive.scene import Scene
from ..core.errors import ArchiveError
from ..core.optional import require
from ..core.progress import NO_PROGRESS, Progress, checkpoint
from ..core.sensors import GranuleSource
from ..core.vetting.offered import OfferedScene
from .areas import LONLAT
from .fields import as_datetime, fields
from .granules import address_of
from .layer_output import LayerOutput

COLUMNS = (
    ("scene_id", "text", "name of the granule"), ("sensor", "text", "sensor"),
    ("datetime", "datetime64[ns, UTC]", "start of the acquisition, UTC"),
    ("cloud", "float64", "cloud cover as the archive states it, percent; null where unknown"),
    ("day_night", "text", "day, night or both; null where unknown"),
    ("rfl_url", "text", "reflectance"), ("rfluncert_url", "text", "its uncertainty"),
    ("mask_url", "text", "quality"), ("dmrpp_url", "text", "description of the reflectance file"),
    ("browse_url", "text", "picture that needs no sign-in"),
    ("size_bytes", "int64", "size of all files together"), ("source", "text", "catalogue that listed the scene"),
)
"""Fields of a layer of footprints: (name, kind, meaning)."""
WKB = Qgis.WkbType.MultiPolygon
"""A footprint across the antimeridian is in two halves."""
_STYLE = Path(__file__).resolve().parents[1] / "resources" / "footprints.qml"
_SELECTED = {"style": "no", "outline_color": "255,150,0", "outline_width": "0.9"}
"""An outline: the picture of a selected scene lies below."""
_AT_ONCE = 500


def footprint_fields() -> QgsFields:
    """The fields of COLUMNS."""
    return fields(COLUMNS)


def footprint_of(scene: Scene) -> QgsGeometry:
    """Its footprint, lon/lat."""
    geometry = QgsGeometry()
    geometry.fromWkb(require("shapely", "to search by area").to_wkb(scene.footprint, output_dimension=2))
    geometry.convertToMultiType()
    return geometry


def values_of(scene: Scene) -> list[Any]:
    """Its attributes in the order of COLUMNS; None where there is no value."""
    data = scene.files[DATA]
    addresses = (data.url, scene.url(UNCERTAINTY), scene.url(MASK), data.dmrpp_url, scene.browse_url)
    return [scene.id, scene.sensor, as_datetime(_iso(scene.start)), scene.cloud, scene.day_night,
            *(address or None for address in addresses), scene.size_bytes, scene.source]


def write_footprints(scenes: Sequence[Scene], output: LayerOutput, progress: Progress = NO_PROGRESS) -> None:
    """One row per scene."""
    for i, scene in enumerate(scenes):
        if i % _AT_ONCE == 0:
            checkpoint(progress, i / len(scenes), "Writing the footprints")
        output.add(values_of(scene), footprint_of(scene))


def footprint_layer(scenes: Iterable[Scene], name: str) -> QgsVectorLayer:
    """A layer in memory with its style; its features follow the order of the scenes. For the main thread."""
    layer = QgsVectorLayer(f"MultiPolygon?crs={LONLAT}", name, "memory")
    layer.dataProvider().addAttributes(list(footprint_fields()))
    layer.updateFields()
    features = []
    for scene in scenes:
        feature = QgsFeature(layer.fields())
        feature.setAttributes([NULL if v is None else v for v in values_of(scene)])
        feature.setGeometry(footprint_of(scene))
        features.append(feature)
    layer.dataProvider().addFeatures(features)
    layer.updateExtents()
    show_footprints(layer)
    return layer


def is_footprints(layer: Optional[QgsMapLayer]) -> bool:
    """Whether a layer holds scenes, as search_scenes writes it."""
    return (isinstance(layer, QgsVectorLayer) and layer.isValid()
            and all(layer.fields().lookupField(name) >= 0 for name in ("scene_id", "rfl_url", "mask_url")))


def granules_in(source: QgsFeatureSource, name: str) -> list[GranuleSource]:
    """What opens each scene of a layer called `name`, in its order, each once; as :func:`scenes_in`."""
    return [scene.granule_source for scene in scenes_in(source, name)]


def scenes_in(source: QgsFeatureSource, name: str, transforms: Optional[QgsCoordinateTransformContext] = None
              ) -> list[OfferedScene]:
    """The scenes of a layer called `name` with their footprints in lon/lat, in its order, each once.

    Raises ArchiveError where the layer is no output of search_scenes.
    """
    wanted = ("rfl_url", "mask_url", "rfluncert_url")
    lacking = [field for field in wanted if source.fields().lookupField(field) < 0]
    if lacking:
        raise ArchiveError(f"The layer '{name}' has no field {', '.join(lacking)}, so it holds no scenes; give the "
                           "output of 'Search scenes'.")
    shapely = require("shapely", "to tell where scenes are")
    request = QgsFeatureRequest()
    request.setDestinationCrs(lonlat_crs(), transforms or QgsCoordinateTransformContext())
    found: dict[GranuleSource, OfferedScene] = {}
    for feature in source.getFeatures(request):
        url, mask, uncertainty = (address_of(text) or text for text in (_text(feature[field]) for field in wanted))
        if url:
            outline = feature.geometry()
            footprint = None if outline.isEmpty() else shapely.from_wkb(bytes(outline.asWkb()))
            granule = GranuleSource(url, mask or None, uncertainty or None)
            found.setdefault(granule, OfferedScene(granule, footprint))
    return list(found.values())


def show_footprints(layer: QgsVectorLayer) -> None:
    """Give a layer of footprints its look: outlines, blue where clear and grey where cloudy or unknown."""
    layer.loadNamedStyle(str(_STYLE))
    layer.setDisplayExpression('"scene_id"')
    selection = layer.selectionProperties()
    selection.setSelectionSymbol(QgsFillSymbol.createSimple(_SELECTED))
    selection.setSelectionRenderingMode(Qgis.SelectionRenderingMode.CustomSymbol)
    layer.triggerRepaint()


class FootprintStyle(QgsProcessingLayerPostProcessorInterface):
    """Styles a layer that Processing loads."""

    def postProcessLayer(self, layer: QgsMapLayer, context: QgsProcessingContext, feedback: QgsProcessingFeedback
                         ) -> None:
        """Called by QGIS in the main thread."""
        if isinstance(layer, QgsVectorLayer):
            show_footprints(layer)


FOOTPRINT_STYLE = FootprintStyle()
"""One for all: QGIS does not keep it alive itself."""


def load_with_footprints(context: QgsProcessingContext, destination: str) -> None:
    """If `destination` is to be loaded, have it styled."""
    if context.willLoadLayerOnCompletion(destination):
        context.layerToLoadOnCompletionDetails(destination).setPostProcessor(FOOTPRINT_STYLE)


def lonlat_crs() -> QgsCoordinateReferenceSystem:
    """The coordinate reference system of footprints."""
    return QgsCoordinateReferenceSystem(LONLAT)


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _text(value: Any) -> str:
    return "" if value is None or value == NULL else str(value).strip()
