"""The provider: what it offers, under which names, and that every parameter explains itself."""

from __future__ import annotations

import time

import pytest
from pixel_spectra.core.libraries import bundled_library
from pixel_spectra.core.metrics import METRICS
from pixel_spectra.core.resampling import RESAMPLING
from pixel_spectra.core.scoring import BACKGROUNDS
from qgis.core import (
    QgsApplication,
    QgsProcessingAlgorithm,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
)

PARAMETERS = {
    "apply_mask": "GRANULE MASK MASK_FILE OUTPUT AUTHCFG",
    "detect_gas": "GRANULE TARGET MASK ALBEDO SENSOR_SPACE OUTPUT AUTHCFG",
    "download_granule": "SCENES URL FILES FOLDER AUTHCFG ENDPOINT",
    "extract_spectra": "GRANULE AOI MASK MASK_FILE UNCERTAINTY_FILE OUTPUT AUTHCFG",
    "gas_target": "SOURCE GRANULE TEMPERATURE PRESSURE PATH ENHANCEMENTS OUTPUT AUTHCFG",
    "identify_spectra": "GRANULE AOI LIBRARY TOP MASK OUTPUT AUTHCFG",
    "list_references": "LIBRARY GRANULE OUTPUT AUTHCFG",
    "load_granule": "GRANULE BANDS MASK MASK_FILE STRIDE OUTPUT AUTHCFG",
    "map_scores": "GRANULE REFERENCES REFERENCE_FILE METRIC MASK MASK_FILE SENSOR_SPACE STRIDE OUTPUT AUTHCFG",
    "quality_mask": "MASK_FILE GRANULE FLAGS AOD550_MAX H2O_MAX REASONS DATA BANDS_INTERPOLATED AUTHCFG",
    "score_spectra": "GRANULE AOI REFERENCE REFERENCE_FILE REFERENCE_NAME RESAMPLING METRIC MASK MASK_FILE "
                     "UNCERTAINTY_FILE BACKGROUND SEED THRESHOLD ID_FIELD OUTPUT SUMMARY AUTHCFG",
    "search_scenes": "SENSOR AOI START END MAX_CLOUD DAY_NIGHT LIMIT ENDPOINT OUTPUT",
    "vet_candidates": "CANDIDATES CANDIDATE_ID GRANULES SCENES REFERENCE REFERENCE_FILE REFERENCE_NAME REFERENCE_FIELD "
                      "RESAMPLING METRIC MASK UNCERTAINTY_FILE BACKGROUND RING_PIXELS SEED ACCEPT REJECT JOURNAL "
                      "OUTPUT OTHER_SCENES PIXELS REPORT AUTHCFG",
}
"""The names that models and scripts rely on."""


def algorithm(name):
    return QgsApplication.processingRegistry().algorithmById(f"pixelspectra:{name}")


def test_it_offers_these_algorithms(provider):
    assert (provider.id(), provider.name()) == ("pixelspectra", "Pixel Spectra")
    assert sorted(a.name() for a in provider.algorithms()) == sorted(PARAMETERS)
    assert not provider.icon().isNull()


@pytest.mark.parametrize("name", PARAMETERS)
def test_names_and_help(provider, name):
    found = algorithm(name)
    assert [p.name() for p in found.parameterDefinitions()] == PARAMETERS[name].split()
    for parameter in found.parameterDefinitions():
        assert len(parameter.help()) > 30, f"{name}:{parameter.name()} has no help"
        assert parameter.description()
    assert len(found.shortHelpString()) > 60
    assert found.displayName()
    assert found.group()
    assert found.canExecute() == (True, "")


@pytest.mark.parametrize(
    ("name", "words"),
    [("METRIC", METRICS), ("RESAMPLING", RESAMPLING), ("BACKGROUND", BACKGROUNDS),
     ("REFERENCE", bundled_library())],
)
def test_choices_are_words_of_the_registries(provider, name, words):
    choice = algorithm("score_spectra").parameterDefinition(name)
    assert isinstance(choice, QgsProcessingParameterEnum)
    assert choice.usesStaticStrings()
    assert choice.options() == list(words)


def test_defaults_and_what_is_hidden_at_first(provider):
    score = algorithm("score_spectra")
    assert {n: score.parameterDefinition(n).defaultValue() for n in ("METRIC", "RESAMPLING", "BACKGROUND", "SEED")} == {
        "METRIC": "sam", "RESAMPLING": "auto", "BACKGROUND": "scene", "SEED": 0}
    advanced = QgsProcessingParameterDefinition.Flag.FlagAdvanced
    hidden = [p.name() for p in score.parameterDefinitions() if p.flags() & advanced]
    assert hidden == ["RESAMPLING", "BACKGROUND", "SEED", "AUTHCFG"]


def test_the_plugin_leaves_as_it_came_and_may_come_back(plugin):
    registry = QgsApplication.processingRegistry()
    with_it = {p.id() for p in registry.providers()}
    plugin.unload()
    plugin.unload()
    assert {p.id() for p in registry.providers()} == with_it - {"pixelspectra"}
    plugin.initProcessing()
    assert {p.id() for p in registry.providers()} == with_it
    assert algorithm("score_spectra").create() is not None


def test_no_algorithm_asks_for_the_main_thread(provider):
    in_main_thread = QgsProcessingAlgorithm.Flag.FlagNoThreading
    for found in provider.algorithms():
        assert not found.flags() & in_main_thread
        assert (found.flags() | in_main_thread) & in_main_thread  # the question can be answered with yes


def test_it_runs_in_a_background_thread(provider, files, areas, tmp_path):
    """As the Processing dialog runs it."""
    context, feedback = QgsProcessingContext(), QgsProcessingFeedback(False)
    parameters = {"GRANULE": str(files.reflectance), "AOI": str(areas), "REFERENCE": "calcite_ws272_asdnga",
                  "OUTPUT": str(tmp_path / "out.gpkg")}
    said = []
    score = algorithm("score_spectra").create()
    task = QgsProcessingAlgRunnerTask(score, parameters, context, feedback)
    task.executed.connect(lambda ok, results: said.append((ok, results)))
    QgsApplication.taskManager().addTask(task)
    deadline = time.monotonic() + 30
    while not said and time.monotonic() < deadline:
        QgsApplication.processEvents()
        time.sleep(0.01)
    assert said == [(True, {"OUTPUT": str(tmp_path / "out.gpkg")})]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"METRIC": "angle"}, "Unknown metric 'angle'; the known ones are: sam, cosine"),
        ({"RESAMPLING": "cubic"}, "Unknown resampling method 'cubic'; the known ones are: auto, linear, gaussian"),
        ({"BACKGROUND": "sky"}, "Unknown background 'sky'; the known ones are: scene, ring"),
        ({"REFERENCE": "kaolin"}, "There is no reference 'kaolin' in the library; it holds:"),
        ({"MASK": "AOD550 < 3"}, "'AOD550 < 3'"),
        ({"MASK": "none, cloud"}, "combines what excludes each other"),
    ],
)
def test_unknown_words_are_answered_with_the_known_ones(refused, files, areas, parameters, said):
    sentence = refused("score_spectra", GRANULE=files.reflectance, AOI=areas, OUTPUT="memory:",
                       **{"REFERENCE": "calcite_ws272_asdnga", **parameters})
    assert said in sentence


def test_an_unknown_flag_of_the_mask_file_is_answered_with_its_flags(refused, files, areas):
    sentence = refused("extract_spectra", GRANULE=files.reflectance, AOI=areas, MASK="cloud, fog", OUTPUT="memory:")
    assert "Unknown mask flag 'fog'; the known ones are: Cloud flag, Cirrus flag" in sentence
