"""The model that ships: it offers the same choices as the algorithm it runs, and is made by its script."""

from __future__ import annotations

from xml.etree.ElementTree import canonicalize

from qgis.core import QgsApplication, QgsProcessingModelAlgorithm

from qgis_side import ROOT

MODEL = ROOT / "resources" / "models" / "score_and_filter.model3"


def test_the_model_is_the_one_that_its_script_builds(plugin, tmp_path):
    import build_model

    assert build_model.model().toFile(str(tmp_path / "again.model3"))
    made, shipped = (canonicalize(from_file=str(p), strip_text=True) for p in (tmp_path / "again.model3", MODEL))
    assert made == shipped


def test_its_choices_are_those_of_the_algorithm(plugin):
    model = QgsProcessingModelAlgorithm()
    assert model.fromFile(str(MODEL))
    score = QgsApplication.processingRegistry().algorithmById("pixelspectra:score_spectra")
    for name in ("REFERENCE", "METRIC"):
        assert model.parameterDefinition(name).options() == score.parameterDefinition(name).options()
        assert model.parameterDefinition(name).usesStaticStrings()
    assert {c.algorithmId() for c in model.childAlgorithms().values()} == {
        "pixelspectra:score_spectra", "native:extractbyexpression"}
