"""Build the models of resources/models: score_and_filter, and vet_and_score.

Run with the project's interpreter; the files change only where the algorithms do.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional

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

FOLDER = Path(__file__).resolve().parents[1] / "resources" / "models"
Source = QgsProcessingModelChildParameterSource
Definition = QgsProcessingParameterDefinition


HELP = {
    "GRANULE": "An EMIT granule (.nc), an ENVI image, or a layer made by 'Load granule'.",
    "AOI": "Points, lines or polygons, in any reference system.",
    "CANDIDATES": "Places that are thought to be the reference: points, lines or polygons, in any reference system.",
    "REFERENCE": "Which bundled spectrum the pixels are compared with.",
    "METRIC": "How close is measured; 'list_references' and the README tell more.",
    "PIXEL_METRIC": "How the pixels of the accepted candidates are measured once more.",
    "MASK": "none, good_bands, quality, or flag names; left empty, the product decides.",
    "THRESHOLD": "A pixel is kept when its score is at least as good as this.",
}


def _granule() -> Definition:
    return _helped(QgsProcessingParameterFile("GRANULE", "Granule"))


def _areas(name: str, description: str) -> Definition:
    return _helped(QgsProcessingParameterFeatureSource(name, description,
                                                       [QgsProcessing.SourceType.TypeVectorAnyGeometry]))


def _reference() -> Definition:
    from pixel_spectra.core.libraries import bundled_library

    return _helped(QgsProcessingParameterEnum("REFERENCE", "Bundled reference", list(bundled_library()), False,
                                              "kaolinite_cm9_beckb", False, True))


def _metric(name: str, description: str, default: str) -> Definition:
    from pixel_spectra.core.metrics import METRICS

    return _helped(QgsProcessingParameterEnum(name, description, list(METRICS), False, default, False, True))


def _mask() -> Definition:
    return _helped(QgsProcessingParameterString("MASK", "Mask", "", optional=True))


def _helped(definition: Definition) -> Definition:
    definition.setHelp(HELP[definition.name()])
    return definition


def _given_or_default(definition: Definition) -> Source:
    """What the user gives; QGIS shows a model's defaults but does not apply them where nothing is given."""
    name, default = definition.name(), definition.defaultValue()
    if default in (None, ""):
        return Source.fromModelParameter(name)
    return Source.fromExpression(f"coalesce(@{name}, {default!r})")


def _model(title: str, inputs: Sequence[Definition]) -> QgsProcessingModelAlgorithm:
    made = QgsProcessingModelAlgorithm(title, "Pixel Spectra")
    for i, definition in enumerate(inputs):
        component = QgsProcessingModelParameter(definition.name())
        component.setPosition(QPointF(120 + 220 * (i % 3), 60 + 90 * (i // 3)))
        made.addModelParameter(definition, component)
    return made


def _step(made: QgsProcessingModelAlgorithm, algorithm: str, name: str, title: str, sources: Mapping[str, Source],
          output: Optional[tuple[str, str]] = None) -> None:
    """Add a step below the others; `output` is the name and the title under which the model offers its OUTPUT.

    QGIS makes the name of the parameter from the title: both must say the same.
    """
    step = QgsProcessingModelChildAlgorithm(algorithm)
    step.setChildId(name)
    step.setDescription(title)
    height = 280 + 120 * len(made.childAlgorithms())
    step.setPosition(QPointF(340, height))
    for parameter, source in sources.items():
        step.addParameterSources(parameter, [source])
    if output is not None:
        offered = QgsProcessingModelOutput(output[0], output[1])
        offered.setChildId(name)
        offered.setChildOutputName("OUTPUT")
        offered.setPosition(QPointF(560, height + 80))
        step.setModelOutputs({output[0]: offered})
    made.addChildAlgorithm(step)


def score_and_filter() -> QgsProcessingModelAlgorithm:
    """score_spectra, then QGIS' own filter on `accepted`, whose result is the output."""
    inputs = (_granule(), _areas("AOI", "Area"), _reference(), _metric("METRIC", "Metric", "sam"), _mask(),
              _helped(QgsProcessingParameterNumber("THRESHOLD", "Threshold",
                                                   QgsProcessingParameterNumber.Type.Double, 0.1)))
    made = _model("Score and filter", inputs)
    _step(made, "pixelspectra:score_spectra", "score", "Score spectra",
          {definition.name(): _given_or_default(definition) for definition in inputs})
    _step(made, "native:extractbyexpression", "accepted", "Keep the accepted pixels",
          {"INPUT": Source.fromChildOutput("score", "OUTPUT"),
           "EXPRESSION": Source.fromStaticValue('"accepted" = true')}, ("accepted_pixels", "Accepted pixels"))
    made.updateDestinationParameters()
    return made


def vet_and_score() -> QgsProcessingModelAlgorithm:
    """vet_candidates, QGIS' own filter on `verdict`, then score_spectra by another metric on what was accepted."""
    inputs = (_granule(), _areas("CANDIDATES", "Candidates"), _reference(), _metric("METRIC", "Metric", "sam"),
              _metric("PIXEL_METRIC", "Metric of the pixels", "feature_fit"), _mask())
    given = {definition.name(): _given_or_default(definition) for definition in inputs}
    shared = {name: given[name] for name in ("REFERENCE", "MASK")}
    made = _model("Vet and score", inputs)
    _step(made, "pixelspectra:vet_candidates", "vet", "Vet candidates",
          {**shared, "CANDIDATES": given["CANDIDATES"], "GRANULES": given["GRANULE"], "METRIC": given["METRIC"]},
          ("vetted_candidates", "Vetted candidates"))
    _step(made, "native:extractbyexpression", "accepted", "Keep the accepted candidates",
          {"INPUT": Source.fromChildOutput("vet", "OUTPUT"),
           "EXPRESSION": Source.fromStaticValue("\"verdict\" = 'accept'")})
    _step(made, "pixelspectra:score_spectra", "score", "Score spectra",
          {**shared, "GRANULE": given["GRANULE"], "AOI": Source.fromChildOutput("accepted", "OUTPUT"),
           "METRIC": given["PIXEL_METRIC"]}, ("accepted_pixels", "Accepted pixels"))
    made.updateDestinationParameters()
    return made


MODELS = {"score_and_filter": score_and_filter, "vet_and_score": vet_and_score}
"""Name of the file -> what makes it."""


def main() -> None:
    application = QgsApplication([], False)
    application.initQgis()
    sys.path.append(os.path.join(QgsApplication.pkgDataPath(), "python", "plugins"))
    from pixel_spectra.processing_provider.provider import PixelSpectraProvider
    from processing.core.Processing import Processing

    Processing.initialize()
    provider = PixelSpectraProvider()
    application.processingRegistry().addProvider(provider)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make in MODELS.items():
        target = FOLDER / f"{name}.model3"
        if not make().toFile(str(target)):
            raise SystemExit(f"{target} cannot be written")
        text = target.read_text(encoding="utf-8")
        target.write_text(re.sub(r"[ \t]+\n", "\n", text), encoding="utf-8")
    application.exitQgis()


if __name__ == "__main__":
    main()
