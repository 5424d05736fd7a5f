"""Maps of scores as GeoTIFF, with the names of their bands and classes, and a style that shows the close as bright."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Optional

import numpy as np
from qgis.core import (
    QgsColorRampShader,
    QgsDataProvider,
    QgsGradientColorRamp,
    QgsGradientStop,
    QgsPalettedRasterRenderer,
    QgsRasterLayer,
    QgsRasterRenderer,
    QgsRasterShader,
    QgsSingleBandPseudoColorRenderer,
)
from qgis.PyQt.QtGui import QColor

from ..core.errors import OutputError
from ..core.io.atomic import discard
from ..core.libraries import ReferenceSpectrum
from ..core.mapping import MapWritten, map_scores
from ..core.metrics import METRICS
from ..core.progress import Progress
from ..core.sensors import Granule
from ..core.sensors.masked import choose_policy
from .geotiff import GeoTiffSink
from .raster_style import sample, write_style
from .staging import together

_FAR_TO_CLOSE = ("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725")
"""Viridis: read in grey and by colour-blind eyes alike."""
_SHOWN_PERCENT = (2.0, 98.0)
"""Percentiles of the scores at which the colours end."""
_GOLDEN = 0.618034
"""Steps of this part of the colour circle keep any number of classes apart."""


def write_score_map(granule: Granule, references: Sequence[ReferenceSpectrum], metric: str, path: Path,
                    mask: Optional[str], orthorectify: bool, stride: int, progress: Progress) -> MapWritten:
    """Write the scores of a scene to the GeoTIFF `path`, and its style beside it: both, or neither.

    The file tells its metric, its mask and, with several references, its classes (CLASS_1, ...). One reference is
    shown in colours that are bright where it is close, several as classes with their names. Raises OutputError also
    for a stride so large that no cell lies on a pixel.
    """
    policy, notices = choose_policy(granule, mask)
    tags = {**_told(granule, metric, references), "MASK_ID": policy.mask_id}
    with together() as outputs:
        sink = GeoTiffSink(path, tags=tags, staging=outputs)
        written = map_scores(granule, references, metric, sink, mask=policy, orthorectify=orthorectify, stride=stride,
                             progress=progress)
        if not written.n_pixels:
            raise OutputError(f"With a stride of {stride} no cell of the map lies on a pixel of '{granule.id}', so "
                              "nothing was written; choose a smaller stride.")
        place = outputs.folder(path) / path.name
        write_style(place, partial(_classes if len(written.classes) > 1 else _colours, written, place), {})
    discard(path.with_name(f"{path.name}.aux.xml"))  # statistics of an older raster
    return replace(written, notices=tuple(dict.fromkeys((*notices, *written.notices))))


def map_layer(path: Path, name: str) -> QgsRasterLayer:
    """A layer of the map at `path`, in the style beside it, not yet in a project; raises OutputError."""
    options = QgsRasterLayer.LayerOptions(True)
    options.skipCrsValidation = True  # a map without location must not make QGIS ask
    return _checked(QgsRasterLayer(str(path), name, "gdal", options), path)


def change_map(layer: QgsRasterLayer, path: Path, name: str) -> None:
    """Show the map at `path` in a layer, which keeps its id, place and style; raises OutputError."""
    layer.setDataSource(str(path), name, "gdal", QgsDataProvider.ProviderOptions(), False)
    _checked(layer, path).triggerRepaint()


def _checked(layer: QgsRasterLayer, path: Path) -> QgsRasterLayer:
    if not layer.isValid():
        raise OutputError(f"The map '{path}' cannot be opened; is there room on the disk of temporary files?")
    return layer


def _told(granule: Granule, metric: str, references: Sequence[ReferenceSpectrum]) -> dict[str, str]:
    chosen = METRICS[metric]
    told = {"SCENE_ID": granule.id, "METRIC": chosen.name, "METRIC_UNIT": chosen.unit, "METRIC_CLOSER": chosen.better}
    if granule.datetime is not None:
        told["start_time"] = granule.datetime.isoformat()
    return {**told, **{f"CLASS_{number}": one.name for number, one in enumerate(references, start=1)}}


def _colours(written: MapWritten, path: Path, layer: QgsRasterLayer) -> QgsRasterRenderer:
    """Colours over most of the scores; the bright end is where the reference is close."""
    values = sample(path, [1])
    low, high = np.percentile(values, _SHOWN_PERCENT).tolist() if len(values) else (0.0, 1.0)
    colours = _FAR_TO_CLOSE if written.metric.better == "higher" else _FAR_TO_CLOSE[::-1]
    stops = [QgsGradientStop(i / (len(colours) - 1), QColor(colours[i])) for i in range(1, len(colours) - 1)]
    ramp = QgsGradientColorRamp(QColor(colours[0]), QColor(colours[-1]), False, stops)
    function = QgsColorRampShader(low, high if high > low else low + 1.0, ramp)
    function.classifyColorRamp(len(colours))
    shader = QgsRasterShader()
    shader.setRasterShaderFunction(function)
    renderer = QgsSingleBandPseudoColorRenderer(layer.dataProvider(), 1, shader)
    renderer.setClassificationMin(low)
    renderer.setClassificationMax(high)
    return renderer


def _classes(written: MapWritten, path: Path, layer: QgsRasterLayer) -> QgsRasterRenderer:
    """The best reference of each pixel, by name."""
    classes = [QgsPalettedRasterRenderer.Class(number, QColor.fromHsvF(number * _GOLDEN % 1.0, 0.65, 0.85), name)
               for number, name in enumerate(written.classes, start=1)]
    return QgsPalettedRasterRenderer(layer.dataProvider(), len(written.classes) + 1, classes)
