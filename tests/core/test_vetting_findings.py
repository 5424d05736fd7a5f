"""What a table of candidates still tells without its run: a report, and where the thresholds were."""

from __future__ import annotations

import numpy as np
import pytest
from pixel_spectra.core.errors import MetricError, OutputError
from pixel_spectra.core.sensors import open_granule
from pixel_spectra.core.vetting import Candidate, vet, write_report
from pixel_spectra.core.vetting.ranking import Thresholds
from pixel_spectra.core.vetting.report import findings_of_table, write_findings
from pixel_spectra.core.vetting.tables import CandidateTable

from vetting_side import KAOLINITE, SCENE, square, write_scene

USUAL = Thresholds(99.0, 90.0)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    granule = open_granule(write_scene(tmp_path_factory.mktemp("scene"), SCENE))
    return vet([Candidate("strong", square(20, 15)), Candidate("lost", None), Candidate("soil", square(50, 10))],
               granule, KAOLINITE)


def test_the_report_of_the_table_says_what_that_of_the_run_says(done, tmp_path):
    whole = write_report(done, tmp_path / "whole.html").read_text()
    found = findings_of_table(done.candidates, done.thresholds, done.inspection)
    again = write_findings(found, tmp_path / "again.html").read_text()
    assert whole.replace("at most 400 ", "").partition("<h2>To know")[0].partition("<h2>Spectra")[0] == \
        again.partition("<h2>Spectra")[0]
    assert whole.partition("<h2>All candidates")[2].replace("at most 400 ", "") == again.partition("<h2>All cand")[2][
        len("idates"):]
    assert again.count("<article>") == whole.count("<article>") == 2


def test_without_spectra_there_is_no_section_of_them(done, tmp_path):
    text = write_findings(findings_of_table(done.candidates, USUAL), tmp_path / "r.html").read_text()
    assert "<h2>Spectra</h2>" not in text and "<h2>All candidates</h2>" in text


def test_a_table_that_tells_nothing(done):
    with pytest.raises(OutputError, match="nothing to report"):
        findings_of_table(CandidateTable({c.name: [] for c in CandidateTable.schema}), USUAL)
    strange = CandidateTable({**done.candidates.columns, "metric": ["vibes"] * 3})
    with pytest.raises(MetricError, match="vibes"):
        findings_of_table(strange, USUAL)


@pytest.mark.parametrize("set_to", [(99.0, 90.0), (95.0, 50.0), (100.0, 0.0), (0.0, 0.0), (97.25, 97.25)])
def test_thresholds_made_out_from_verdicts_give_the_same_verdicts(set_to):
    was = Thresholds(*set_to)
    percentiles = [*(np.random.default_rng(0).integers(0, 401, 300) / 4).tolist(), 0.0, 100.0, None]
    verdicts = [was.verdict(p) for p in percentiles]
    found = Thresholds.behind(percentiles, verdicts, USUAL)
    assert [found.verdict(p) for p in percentiles] == verdicts


def test_thresholds_that_fit_are_kept():
    assert Thresholds.behind([99.5, 40.0], ["accept", "reject"], Thresholds(70.0, 60.0)) == Thresholds(70.0, 60.0)
    assert Thresholds.behind([], [], USUAL) == USUAL


def test_verdicts_that_no_thresholds_give_still_have_some():
    found = Thresholds.behind([10.0, 90.0], ["accept", "reject"], USUAL)
    assert 0.0 <= found.reject <= found.accept <= 100.0
