"""Build resources/models/score_and_filter.model3: score an area, keep the accepted pixels, save them.

Run with the project's interpreter; the file changes only where the algorithms do.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["QT_HASH_SEED"] = "0"  # the order of attributes is the same in every run

from qgis.core import (
    QgsApplication,
    QgsProcessing,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelOutput,
    QgsProcessingModelParameter,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterFile,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)
from qgis.PyQt.QtCore import QPointF

TARGET = Path(__file__).resolve().parents[1] / "resources" / "models" / "score_and_filter.model3"
Source = QgsProcessingModelChildParameterSource


HELP = {
    "GRANULE": "An EMIT granule (.nc), an ENVI image, or a layer made by 'Load granule'.",
    "AOI": "Points, lines or polygons, in any reference system.",
    "REFERENCE": "Which bundled spectrum the pixels are compared with.",
    "METRIC": "How close is measured; 'list_references' and the README tell more.",
    "MASK": "none, good_bands, quality, or flag names; left empty, the product decides.",
    "THRESHOLD": "A pixel is kept when its score is at least as good as this.",
}


def inputs() -> list[QgsProcessingParameterDefinition]:
    """What the model asks for: a choice of the parameters of score_spectra, by the same names."""
    from pixel_spectra.core.libraries import bundled_library
    from pixel_spectra.core.metrics import METRICS

    definitions = [
        QgsProcessingParameterFile("GRANULE", "Granule"),
        QgsProcessingParameterFeatureSource("AOI", "Area", [QgsProcessing.SourceType.TypeVectorAnyGeometry]),
        QgsProcessingParameterEnum("REFERENCE", "Bundled reference", list(bundled_library()), False,
                                   "kaolinite_cm9_beckb", False, True),
        QgsProcessingParameterEnum("METRIC", "Metric", list(METRICS), False, "sam", False, True),
        QgsProcessingParameterString("MASK", "Mask", "", optional=True),
        QgsProcessingParameterNumber("THRESHOLD", "Threshold", QgsProcessingParameterNumber.Type.Double, 0.1),
    ]
    for definition in definitions:
        definition.setHelp(HELP[definition.name()])
    return definitions


def _given_or_default(definition: QgsProcessingParameterDefinition) -> Source:
    """What the user gives; QGIS shows a model's defaults but does not apply them where nothing is given."""
    name, default = definition.name(), definition.defaultValue()
    if default in (None, ""):
        return Source.fromModelParameter(name)
    return Source.fromExpression(f"coalesce(@{name}, {default!r})")


def model() -> QgsProcessingModelAlgorithm:
    """score_spectra, then QGIS' own filter on `accepted`, whose result is the output."""
    made = QgsProcessingModelAlgorithm("Score and filter", "Pixel Spectra")
    for i, definition in enumerate(inputs()):
        component = QgsProcessingModelParameter(definition.name())
        component.setPosition(QPointF(120 + 220 * (i % 3), 60 + 90 * (i // 3)))
        made.addModelParameter(definition, component)
    score = QgsProcessingModelChildAlgorithm("pixelspectra:score_spectra")
    score.setChildId("score")
    score.setDescription("Score spectra")
    score.setPosition(QPointF(340, 280))
    for definition in inputs():
        score.addParameterSources(definition.name(), [_given_or_default(definition)])
    made.addChildAlgorithm(score)
    keep = QgsProcessingModelChildAlgorithm("native:extractbyexpression")
    keep.setChildId("accepted")
    keep.setDescription("Keep the accepted pixels")
    keep.setPosition(QPointF(340, 400))
    keep.addParameterSources("INPUT", [Source.fromChildOutput("score", "OUTPUT")])
    keep.addParameterSources("EXPRESSION", [Source.fromStaticValue('"accepted" = true')])
    output = QgsProcessingModelOutput("accepted_pixels", "Accepted pixels")
    output.setChildId("accepted")
    output.setChildOutputName("OUTPUT")
    output.setPosition(QPointF(560, 480))
    keep.setModelOutputs({"accepted_pixels": output})
    made.addChildAlgorithm(keep)
    made.updateDestinationParameters()
    return made


def main() -> None:
    application = QgsApplication([], False)
    application.initQgis()
    sys.path.append(os.path.join(QgsApplication.pkgDataPath(), "python", "plugins"))
    from pixel_spectra.processing_provider.provider import PixelSpectraProvider
    from processing.core.Processing import Processing

    Processing.initialize()
    provider = PixelSpectraProvider()
    application.processingRegistry().addProvider(provider)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    if not model().toFile(str(TARGET)):
        raise SystemExit(f"{TARGET} cannot be written")
    text = TARGET.read_text(encoding="utf-8")
    TARGET.write_text(re.sub(r"[ \t]+\n", "\n", text), encoding="utf-8")
    application.exitQgis()


if __name__ == "__main__":
    main()
