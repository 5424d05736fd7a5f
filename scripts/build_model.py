"""Build the models of resources/models: score_and_filter, search_and_vet, and vet_and_score.

Run with the project's interpreter; the files change only where the algorithms do.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    QgsProcessingParameterAuthConfig,
    QgsProcessingParameterDateTime,
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
    "START": "First day (UTC). Empty begins with the archive.",
    "END": "Last day (UTC), which belongs to the search as a whole. Empty leaves it open.",
    "MAX_CLOUD": "Only scenes whose cloud cover, as the archive states it, is below this. Empty takes any.",
    "AUTHCFG": "Who signs in to Earthdata to read the scenes. Empty takes the way that the settings name.",
    "ENDPOINT": "Address (https) of another catalogue. Empty asks CMR, then CMR-STAC.",
}


def _granule() -> Definition:
    return QgsProcessingParameterFile("GRANULE", "Granule")


def _areas(name: str, description: str) -> Definition:
    return QgsProcessingParameterFeatureSource(name, description, [QgsProcessing.SourceType.TypeVectorAnyGeometry])


def _reference() -> Definition:
    from pixel_spectra.core.libraries import bundled_library

    return QgsProcessingParameterEnum("REFERENCE", "Bundled reference", list(bundled_library()), False,
                                      "kaolinite_cm9_beckb", False, True)


def _metric(name: str, description: str, default: str) -> Definition:
    from pixel_spectra.core.metrics import METRICS

    return QgsProcessingParameterEnum(name, description, list(METRICS), False, default, False, True)


def _mask() -> Definition:
    return QgsProcessingParameterString("MASK", "Mask", "", optional=True)


def _day(name: str, description: str) -> Definition:
    return QgsProcessingParameterDateTime(name, description, QgsProcessingParameterDateTime.Type.Date, optional=True)


def _max_cloud() -> Definition:
    return QgsProcessingParameterNumber("MAX_CLOUD", "Cloud cover below (%)", QgsProcessingParameterNumber.Type.Double,
                                        None, True, 0.0, 100.0)


def _authcfg() -> Definition:
    return QgsProcessingParameterAuthConfig("AUTHCFG", "Sign in with", optional=True)


def _endpoint() -> Definition:
    definition = QgsProcessingParameterString("ENDPOINT", "Address of the catalogue", optional=True)
    definition.setFlags(definition.flags() | Definition.Flag.FlagAdvanced)
    return definition


def _given_or_default(definition: Definition) -> Source:
    """What the user gives; QGIS shows a model's defaults but does not apply them where nothing is given."""
    name, default = definition.name(), definition.defaultValue()
    if default in (None, ""):
        return Source.fromModelParameter(name)
    return Source.fromExpression(f"coalesce(@{name}, {default!r})")


def _model(title: str, about: str, inputs: Sequence[Definition]) -> QgsProcessingModelAlgorithm:
    made = QgsProcessingModelAlgorithm(title, "Pixel Spectra")
    made.setHelpContent({"ALG_DESC": about, **{definition.name(): HELP[definition.name()] for definition in inputs}})
    for i, definition in enumerate(inputs):
        component = QgsProcessingModelParameter(definition.name())
        component.setPosition(QPointF(120 + 220 * (i % 3), 60 + 90 * (i // 3)))
        made.addModelParameter(definition, component)
    return made


@dataclass(frozen=True)
class _Offered:
    """An output of a step that the model offers; QGIS makes `name` from `title`, so both must say the same."""

    name: str
    title: str
    of: str = "OUTPUT"
    mandatory: bool = False


def _step(made: QgsProcessingModelAlgorithm, algorithm: str, name: str, title: str, sources: Mapping[str, Source],
          *offered: _Offered) -> None:
    """Add a step below the others."""
    step = QgsProcessingModelChildAlgorithm(algorithm)
    step.setChildId(name)
    step.setDescription(title)
    height = 280 + 120 * len(made.childAlgorithms())
    step.setPosition(QPointF(340, height))
    for parameter, source in sources.items():
        step.addParameterSources(parameter, [source])
    outputs = {}
    for i, one in enumerate(offered):
        output = QgsProcessingModelOutput(one.name, one.title)
        output.setChildId(name)
        output.setChildOutputName(one.of)
        output.setPosition(QPointF(560 + 220 * i, height + 80))
        output.setMandatory(one.mandatory)
        outputs[one.name] = output
    step.setModelOutputs(outputs)
    made.addChildAlgorithm(step)


def score_and_filter() -> QgsProcessingModelAlgorithm:
    """score_spectra, then QGIS' own filter on `accepted`, whose result is the output."""
    inputs = (_granule(), _areas("AOI", "Area"), _reference(), _metric("METRIC", "Metric", "sam"), _mask(),
              QgsProcessingParameterNumber("THRESHOLD", "Threshold", QgsProcessingParameterNumber.Type.Double, 0.1))
    made = _model("Score and filter", "Scores all pixels of an area, and keeps those that are accepted.", inputs)
    _step(made, "pixelspectra:score_spectra", "score", "Score spectra",
          {definition.name(): _given_or_default(definition) for definition in inputs})
    _step(made, "native:extractbyexpression", "accepted", "Keep the accepted pixels",
          {"INPUT": Source.fromChildOutput("score", "OUTPUT"),
           "EXPRESSION": Source.fromStaticValue('"accepted" = true')}, _Offered("accepted_pixels", "Accepted pixels"))
    made.updateDestinationParameters()
    return made


def vet_and_score() -> QgsProcessingModelAlgorithm:
    """vet_candidates, QGIS' own filter on `verdict`, then score_spectra by another metric on what was accepted."""
    inputs = (_granule(), _areas("CANDIDATES", "Candidates"), _reference(), _metric("METRIC", "Metric", "sam"),
              _metric("PIXEL_METRIC", "Metric of the pixels", "feature_fit"), _mask())
    given = {definition.name(): _given_or_default(definition) for definition in inputs}
    shared = {name: given[name] for name in ("REFERENCE", "MASK")}
    made = _model("Vet and score", "Vets candidates in a granule, and scores the pixels of those that are accepted "
                  "once more by another metric.", inputs)
    _step(made, "pixelspectra:vet_candidates", "vet", "Vet candidates",
          {**shared, "CANDIDATES": given["CANDIDATES"], "GRANULES": given["GRANULE"], "METRIC": given["METRIC"]},
          _Offered("vetted_candidates", "Vetted candidates"))
    _step(made, "native:extractbyexpression", "accepted", "Keep the accepted candidates",
          {"INPUT": Source.fromChildOutput("vet", "OUTPUT"),
           "EXPRESSION": Source.fromStaticValue("\"verdict\" = 'accept'")})
    _step(made, "pixelspectra:score_spectra", "score", "Score spectra",
          {**shared, "GRANULE": given["GRANULE"], "AOI": Source.fromChildOutput("accepted", "OUTPUT"),
           "ID_FIELD": Source.fromStaticValue("candidate_id"), "METRIC": given["PIXEL_METRIC"]},
          _Offered("accepted_pixels", "Accepted pixels"))
    made.updateDestinationParameters()
    return made


def search_and_vet() -> QgsProcessingModelAlgorithm:
    """search_scenes where the candidates are, then vet_candidates in the scenes that it found."""
    inputs = (_areas("CANDIDATES", "Candidates"), _reference(), _metric("METRIC", "Metric", "sam"),
              _day("START", "From"), _day("END", "To"), _max_cloud(), _mask(), _authcfg(), _endpoint())
    given = {definition.name(): _given_or_default(definition) for definition in inputs}
    made = _model("Search and vet", "Finds the scenes of NASA's archive where candidates are, and vets the candidates "
                  "in them; of each scene only what is needed is read, over the network. Searching needs no account, "
                  "reading signs in to Earthdata.", inputs)
    _step(made, "pixelspectra:search_scenes", "search", "Search scenes",
          {"AOI": given["CANDIDATES"], **{name: given[name] for name in ("START", "END", "MAX_CLOUD", "ENDPOINT")}},
          _Offered("scenes", "Scenes", mandatory=True))
    _step(made, "pixelspectra:vet_candidates", "vet", "Vet candidates",
          {"SCENES": Source.fromChildOutput("search", "OUTPUT"),
           **{name: given[name] for name in ("CANDIDATES", "REFERENCE", "METRIC", "MASK", "AUTHCFG")}},
          _Offered("vetted_candidates", "Vetted candidates", mandatory=True), _Offered("report", "Report", "REPORT"))
    made.updateDestinationParameters()
    return made


MODELS = {"score_and_filter": score_and_filter, "search_and_vet": search_and_vet, "vet_and_score": vet_and_score}
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
