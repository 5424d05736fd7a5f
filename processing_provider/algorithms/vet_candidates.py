"""vet_candidates: many candidates against many granules, one sorted table."""

from __future__ import annotations

from typing import Any, Optional, Union

from qgis.core import Qgis, QgsCoordinateReferenceSystem, QgsProcessingParameterDefinition

from ...adapters.areas import LONLAT
from ...adapters.candidates import CandidateFields, candidates_of_source, candidates_of_table, is_table
from ...adapters.feedback import FeedbackProgress
from ...adapters.footprints import scenes_in
from ...adapters.references import chosen_reference, library_of
from ...adapters.staging import together
from ...adapters.verdict_style import load_with_verdicts
from ...adapters.vetting_layers import (
    candidate_fields,
    outline_type,
    pixel_fields,
    scene_fields,
    write_candidates,
    write_other_scenes,
    write_pixels,
)
from ...core.errors import GranuleError
from ...core.libraries import ReferenceSpectrum
from ...core.progress import Share
from ...core.sensors import GranuleSource
from ...core.vetting import Candidate, Vetting, vet, write_report
from ...core.vetting.offered import OfferedScene
from .. import parameters as defined
from ..asked import Asked
from ..base import PixelSpectraAlgorithm


class Algorithm(PixelSpectraAlgorithm):
    """Scores candidates in every granule that covers them."""

    title = "Vet candidates"
    topic = "Spectra"
    about = ("Scores many candidate places in every granule that covers them and sorts them, best first. The verdict "
             "follows how many pixels around a candidate match worse than the candidate does: 'accept' above one "
             "percentile, 'reject' below another, 'doubtful' between, 'none' with a reason where there is no score. "
             "Nothing is dropped. With a journal, a stopped run goes on where it was.")
    needs = (("shapely", "to turn an area into pixels"),)

    def parameters(self) -> tuple[QgsProcessingParameterDefinition, ...]:
        """As in the documentation."""
        return (
            defined.candidates(),
            defined.field("CANDIDATE_ID", "Field with the id", "Field that names the candidates, such as a number or a "
                          "text; empty takes the id of the feature or row.", "CANDIDATES"),
            defined.granules(),
            defined.scenes("Scenes of the archive, made by 'Search scenes', beside or in place of GRANULES: those near "
                           "a candidate are read over the network, with AUTHCFG to sign in."),
            defined.reference(), defined.reference_file(), defined.reference_name(),
            defined.field("REFERENCE_FIELD", "Field with the reference", "Field that holds, for each candidate, the id "
                          "or title of what it is compared with, in the reference file or among the bundled spectra. "
                          "Where it is empty the reference of the run counts.", "CANDIDATES"),
            defined.resampling(), defined.metric(), defined.mask(), defined.uncertainty_file(), defined.background(),
            defined.number("RING_PIXELS", "Pixels of the ring", "Most valid pixels around a candidate that the "
                           "percentiles rest on. 0 leaves percentiles and verdicts out.", 400, whole=True, minValue=0),
            defined.seed(),
            defined.number("ACCEPT", "Accept above", "Background percentile above which a candidate is accepted, if at "
                           "least 20 valid pixels lie around it; with fewer it is doubtful.",
                           99.0, minValue=0.0, maxValue=100.0),
            defined.number("REJECT", "Reject below", "Background percentile below which a candidate is rejected.",
                           90.0, minValue=0.0, maxValue=100.0),
            defined.folder("JOURNAL", "Journal", "Folder in which finished work is kept: the same run, started again "
                           "after it was stopped or killed, goes on where it was. Empty keeps none."),
            defined.layer("OUTPUT", "Vetted candidates", "One row per candidate with its outline, best score first. "
                          "human_verdict and note are there for people to fill in."),
            defined.table("OTHER_SCENES", "Other scenes", "One row per candidate and scene that covers it, but matches "
                          "less well.", optional=True),
            defined.layer("PIXELS", "Pixels", "One point per pixel of each candidate in its best scene, with its score "
                          "and spectrum.", optional=True),
            defined.written_file("REPORT", "Report", "One HTML file with counts, histograms, spectra and the table; it "
                                 "needs nothing else and holds no scripts.", "HTML files (*.html)"),
        )

    def work(self, asked: Asked, progress: FeedbackProgress) -> dict[str, Any]:
        """One call of vet()."""
        if not self.granules and not asked.given("SCENES"):
            raise GranuleError("There is no granule to look the candidates up in; give GRANULES or SCENES.")
        reference, fields = _references(asked)
        granules = [*_granules(self.granules, self.companions["UNCERTAINTY_FILE"]), *_scenes(asked)]
        done = vet(_candidates(asked, fields, progress), granules, reference, metric=asked.choice("METRIC"),
                   mask=asked.text("MASK"), ring_pixels=asked.whole("RING_PIXELS"),
                   accept=_percentile(asked, "ACCEPT", 99.0), reject=_percentile(asked, "REJECT", 90.0),
                   seed=asked.whole("SEED"), journal=asked.text("JOURNAL"),
                   background=asked.choice("BACKGROUND") or None, resampling=asked.choice("RESAMPLING"),
                   opener=self.opener, progress=Share(progress, 0.05, 0.8))
        progress.warn(done.notices)
        return _written(asked, done, progress)


def _references(asked: Asked) -> tuple[Union[None, str, ReferenceSpectrum], CandidateFields]:
    """The reference of the run, and which fields of the candidates say what."""
    file, name = asked.source("REFERENCE_FILE"), asked.text("REFERENCE_NAME")
    field = asked.text("REFERENCE_FIELD")
    library = library_of(file, asked.context) if file and field else None
    fields = CandidateFields(asked.text("CANDIDATE_ID"), field, library)
    if library is not None and not name:
        return asked.choice("REFERENCE") or None, fields
    return chosen_reference(asked.choice("REFERENCE") or None, file, name, asked.context), fields


def _candidates(asked: Asked, fields: CandidateFields, progress: FeedbackProgress) -> list[Candidate]:
    given, context = asked.parameters.get("CANDIDATES"), asked.context.transformContext()
    part = Share(progress, 0.0, 0.05)
    if isinstance(given, str) and is_table(given):
        return candidates_of_table(given, fields, context, part)
    return candidates_of_source(asked.area("CANDIDATES"), fields, context, part)


def _percentile(asked: Asked, name: str, default: float) -> float:
    value = asked.number(name)
    return default if value is None else value


def _granules(paths: list[str], uncertainty_file: Optional[str]) -> list[Union[str, GranuleSource]]:
    if not uncertainty_file:
        return list(paths)
    if len(paths) != 1:
        raise GranuleError(f"UNCERTAINTY_FILE goes with one granule, and {len(paths)} are given; leave it empty and "
                           "put each RFLUNCERT file beside its granule.")
    return [GranuleSource(paths[0], None, uncertainty_file)]


def _scenes(asked: Asked) -> list[OfferedScene]:
    if not asked.given("SCENES"):
        return []
    source = asked.scenes()
    return scenes_in(source, source.sourceName(), asked.context.transformContext())


def _written(asked: Asked, done: Vetting, progress: FeedbackProgress) -> dict[str, Any]:
    """All outputs that were asked for; the layers appear together, or none."""
    lonlat = QgsCoordinateReferenceSystem(LONLAT)
    aside = None
    with together() as files:
        with asked.layer("OUTPUT", candidate_fields(), outline_type(done), lonlat, files) as table:
            write_candidates(done, table, Share(progress, 0.8, 0.85))
        with asked.optional_layer("OTHER_SCENES", scene_fields(), staging=files) as scenes:
            if scenes is not None:
                write_other_scenes(done, scenes, Share(progress, 0.85, 0.86))
        with asked.optional_layer("PIXELS", pixel_fields(), Qgis.WkbType.Point, lonlat, files) as pixels:
            if pixels is not None:
                aside = write_pixels(done, pixels, Share(progress, 0.86, 0.95))
        if asked.given("REPORT"):
            report = asked.file_to_write("REPORT")
            write_report(done, report, progress=Share(progress, 0.95, 1.0))
    if aside is not None:
        progress.tell(f"The spectra of the pixels are in '{aside}'.")
    load_with_verdicts(asked.context, table.destination)
    outputs = {"OUTPUT": table, "OTHER_SCENES": scenes, "PIXELS": pixels}
    results = {name: output.destination for name, output in outputs.items() if output is not None}
    return {**results, "REPORT": str(report)} if asked.given("REPORT") else results
