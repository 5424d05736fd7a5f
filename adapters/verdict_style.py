"""How layers of vetted candidates look: outlines by verdict, through which the granule is seen."""

from __future__ import annotations

from collections.abc import Callable

from qgis.core import (
    Qgis,
    QgsCategorizedSymbolRenderer,
    QgsFillSymbol,
    QgsLineSymbol,
    QgsMapLayer,
    QgsMarkerSymbol,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsRendererCategory,
    QgsSimpleLineSymbolLayer,
    QgsSymbol,
    QgsVectorLayer,
)
from qgis.PyQt import sip
from qgis.PyQt.QtGui import QColor

from ..core.verdicts import COLOURS

EXPRESSION = "coalesce(nullif(\"human_verdict\", ''), \"verdict\")"
"""What a person says counts first."""
_WIDTH_MM = 0.66


class VerdictStyle(QgsProcessingLayerPostProcessorInterface):
    """Styles a layer that Processing loads."""

    def postProcessLayer(self, layer: QgsMapLayer, context: QgsProcessingContext, feedback: QgsProcessingFeedback
                         ) -> None:
        """Called by QGIS in the main thread."""
        if isinstance(layer, QgsVectorLayer):
            show_verdicts(layer)


def show_verdicts(layer: QgsVectorLayer) -> None:
    """Give a layer of candidates its look; one of mixed geometries keeps that of QGIS."""
    make = _SYMBOLS.get(layer.geometryType())
    if make is not None:
        layer.setRenderer(QgsCategorizedSymbolRenderer(
            EXPRESSION, [QgsRendererCategory(verdict, make(colour), verdict) for verdict, colour in COLOURS.items()]))
        layer.triggerRepaint()


def load_with_verdicts(context: QgsProcessingContext, destination: str) -> None:
    """If `destination` is to be loaded, have it styled."""
    if context.willLoadLayerOnCompletion(destination):
        _KEPT[:] = [style for style in _KEPT if not sip.isdeleted(style)]
        _KEPT.append(VerdictStyle())
        context.layerToLoadOnCompletionDetails(destination).setPostProcessor(_KEPT[-1])


_KEPT: list[VerdictStyle] = []
"""One per layer, until its context deletes it: QGIS does not keep the Python side alive."""


def _outline(colour: str) -> QgsSymbol:
    """Without a filling, so that a selected one has none either."""
    symbol = QgsFillSymbol()
    symbol.changeSymbolLayer(0, QgsSimpleLineSymbolLayer(QColor(colour), _WIDTH_MM))
    return symbol


def _line(colour: str) -> QgsSymbol:
    return QgsLineSymbol.createSimple({"line_color": colour, "line_width": str(_WIDTH_MM)})


def _marker(colour: str) -> QgsSymbol:
    return QgsMarkerSymbol.createSimple({"name": "circle", "color": colour, "outline_color": "white", "size": "2.6"})


_SYMBOLS: dict[Qgis.GeometryType, Callable[[str], QgsSymbol]] = {
    Qgis.GeometryType.Polygon: _outline, Qgis.GeometryType.Line: _line, Qgis.GeometryType.Point: _marker}
