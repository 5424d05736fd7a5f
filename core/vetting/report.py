"""A vetting as one HTML file: everything escaped, no scripts, pictures inside."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from ..comparison import reference_scale
from ..errors import OutputError
from ..inspection import Inspection
from ..io.atomic import replacing
from ..libraries import bundled_library
from ..metrics import METRICS
from ..metrics.metric import Metric
from ..progress import NO_PROGRESS, Progress, checkpoint
from ..verdicts import ACCEPT, COLOURS, DOUBTFUL, NONE, REJECT
from . import pictures
from .ranking import Thresholds
from .tables import CandidateTable
from .vetting import Vetting

DRAWN = 60
"""Candidates whose spectra are drawn, the doubtful first."""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #22262b; background: #fff; margin: 2rem auto; max-width: 76rem;
  padding: 0 1rem; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; } h2 { font-size: 1.2rem; margin: 2rem 0 .6rem; }
h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
.counts { display: flex; flex-wrap: wrap; gap: .6rem; padding: 0; }
.counts li { list-style: none; border: 1px solid #d9dde2; border-top: 4px solid var(--of); border-radius: 4px;
  padding: .3rem 1rem; }
.counts b { display: block; font-size: 1.5rem; line-height: 1.3; color: #22262b; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .86rem; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #e4e7eb; vertical-align: top; }
th { background: #f3f5f7; position: sticky; top: 0; } td.n { text-align: right; font-variant-numeric: tabular-nums; }
td { max-width: 22rem; overflow-wrap: anywhere; }
h3[class] { border-left: 6px solid var(--of); padding-left: .5rem; }
td[class]:not(.n) { border-left: 6px solid var(--of); font-weight: 600; }
figure { margin: 0; } figcaption { font-size: .86rem; color: #4a5058; overflow-wrap: anywhere; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr)); gap: 1.2rem; }
img { max-width: 100%; height: auto; border: 1px solid #e4e7eb; }
dt { font-weight: 600; } dd { margin: 0 0 .3rem; }
""" + "".join(f".{verdict} {{ --of: {colour}; }}\n" for verdict, colour in COLOURS.items())
_COLUMNS: tuple[tuple[str, str], ...] = (
    ("rank", "Rank"), ("candidate_id", "Candidate"), ("verdict", "Verdict"), ("human_verdict", "By a person"),
    ("score", "Score"), ("sigma", "1 σ"), ("background_percentile", "Ring %"), ("column_percentile", "Column %"),
    ("n_valid", "Valid"), ("n_pixels", "Pixels"), ("scene_id", "Scene"), ("datetime", "Time (UTC)"),
    ("best_other", "Best other"), ("margin", "Margin"), ("note", "Note"), ("reason", "Reason"),
    ("warnings", "Warnings"),
)
_SHOWN_FIRST = {DOUBTFUL: 0, ACCEPT: 1, REJECT: 2, NONE: 3}
_MEANING = {ACCEPT: "accepted", DOUBTFUL: "doubtful", REJECT: "rejected", NONE: "without a verdict"}


@dataclass(frozen=True, eq=False)
class Findings:
    """What a report tells: of a vetting, or of its table alone."""

    rows: Sequence[Mapping[str, Any]]
    """The rows of the table of candidates, plain values."""
    metric: Metric
    """Of the scores."""
    references: tuple[str, ...]
    """Names of what was compared with."""
    scenes: tuple[str, ...]
    """Names of the granules."""
    thresholds: Thresholds
    """Where verdicts change."""
    inspection: Callable[[int], Optional[Inspection]]
    """Row -> its pixels and spectra; None where they are not at hand."""
    ring_pixels: Optional[int] = None
    """Most pixels of a ring; None where nobody knows any more."""
    notices: tuple[str, ...] = ()
    """What is to be known of the run."""


def findings_of_table(table: CandidateTable, thresholds: Thresholds,
                      inspection: Callable[[int], Optional[Inspection]] = lambda row: None) -> Findings:
    """What the table of a vetting still tells; raises OutputError where it is empty, MetricError for its metric."""
    rows = list(table.rows())
    if not rows:
        raise OutputError("There is no candidate in the table, so there is nothing to report.")
    library = bundled_library()
    ids = sorted({row["reference_id"] for row in rows} - {""})
    return Findings(rows, METRICS[rows[0]["metric"]], tuple(library[i].name if i in library else i for i in ids),
                    tuple(sorted({row["scene_id"] for row in rows} - {""})), thresholds, inspection)


def write_findings(found: Findings, path: Union[str, os.PathLike[str]], title: str = "Vetting of candidates",
                   progress: Progress = NO_PROGRESS) -> Path:
    """Write the report as one HTML file, whole or not at all; raises OutputError where it cannot be written."""
    if Path(path).suffix.lower() not in (".html", ".htm"):
        raise OutputError(f"'{path}' is to be an HTML report; give a name that ends with .html.")
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.writelines(_page(found, title, progress))
    return Path(path)


def write_report(vetting: Vetting, path: Union[str, os.PathLike[str]], title: str = "Vetting of candidates",
                 people: Optional[Mapping[int, Mapping[str, str]]] = None, progress: Progress = NO_PROGRESS) -> Path:
    """Write the report as one HTML file, whole or not at all.

    `people` holds what persons said: row of the table -> {"human_verdict": ..., "note": ...}. Raises OutputError
    where it cannot be written.
    """
    rows = [{**row, **(people or {}).get(i, {})} for i, row in enumerate(vetting.candidates.rows())]
    references = {place.target.reference.name for place in vetting.ranking.winners if place.target.reference}
    found = Findings(rows, vetting.metric, tuple(sorted(references)), tuple(s.granule.id for s in vetting.granules),
                     vetting.thresholds, vetting.inspection, vetting.asked.ring_pixels, vetting.notices)
    return write_findings(found, path, title, progress)


def _page(found: Findings, title: str, progress: Progress) -> Iterator[str]:
    yield (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
           f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
           f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head><body>'
           f"<h1>{escape(title)}</h1>")
    yield f"<p>{escape(_summary(found))}</p>"
    yield _counts(found.rows)
    yield from _histograms(found)
    if found.notices:
        yield "<h2>To know</h2><ul>" + "".join(f"<li>{escape(n)}</li>" for n in found.notices) + "</ul>"
    yield from _spectra(found, progress)
    yield "<h2>All candidates</h2>" + _legend(found)
    yield from _table(found.rows)
    yield "</body></html>\n"


def _summary(found: Findings) -> str:
    metric = found.metric
    names = found.references[0] if len(found.references) == 1 else f"{len(found.references)} references"
    against = f" against {names}" if found.references else ""
    where = found.scenes[0] if len(found.scenes) == 1 else f"{len(found.scenes)} scenes"
    return (f"{len(found.rows)} candidates in {where}{against}, by {metric.title} ({metric.unit}, {metric.better} is "
            f"closer). Accepted above the {found.thresholds.accept:g}th background percentile, rejected below the "
            f"{found.thresholds.reject:g}th.")


def _counts(rows: Iterable[Mapping[str, Any]]) -> str:
    verdicts = [row["verdict"] for row in rows]
    items = [f'<li class="{verdict}"><b>{verdicts.count(verdict)}</b>{words}</li>'
             for verdict, words in _MEANING.items()]
    return f'<ul class="counts">{"".join(items)}</ul>'


def _histograms(found: Findings) -> Iterator[str]:
    verdicts = [row["verdict"] for row in found.rows]
    limits = (found.thresholds.reject, found.thresholds.accept)
    unit = "" if found.metric.unit == "1" else f" ({found.metric.unit})"
    yield "<h2>How the scores are spread</h2><div class=grid>"
    for name, words, lines in (("score", f"{found.metric.title}{unit}", ()),
                               ("background_percentile", "background percentile", limits)):
        values = np.array([np.nan if row[name] is None else row[name] for row in found.rows], np.float64)
        picture = pictures.histogram(values, verdicts, words, lines)
        yield _figure(pictures.image(picture, f"Histogram of {words} by verdict"),
                      f"{words[:1].upper()}{words[1:]}, coloured by verdict"
                      + ("; dashed: the thresholds." if lines else "."))
    yield "</div>"


def _spectra(found: Findings, progress: Progress) -> Iterator[str]:
    scored = [i for i, row in enumerate(found.rows) if row["score"] is not None]
    scored.sort(key=lambda i: (_SHOWN_FIRST[found.rows[i]["verdict"]], i))
    drawn: list[str] = []
    for i in scored:
        if len(drawn) == DRAWN:
            break
        checkpoint(progress, len(drawn) / min(DRAWN, len(scored)), "Drawing the report")
        seen = found.inspection(i)
        if seen is not None:
            drawn.append(_one_spectrum(seen, found.rows[i]))
    if drawn:
        more = f" The {len(drawn)} of {len(scored)} that deserve a look first." if len(scored) > len(drawn) else ""
        yield ("<h2>Spectra</h2><p>Blue: mean of the valid pixels and their ±1 σ; orange, dashed: the reference, "
               f"scaled to the mean. Doubtful ones first.{more}</p><div class=grid>")
        yield from drawn
        yield "</div>"


def _one_spectrum(seen: Inspection, row: Mapping[str, Any]) -> str:
    reference = None
    if seen.resampled is not None:
        scale = reference_scale(seen.mean, seen.resampled.values)
        reference = None if scale is None else scale * seen.resampled.values
    picture = pictures.spectrum(seen.spectra.bands.wavelength_nm, seen.mean, seen.sigma, reference)
    what = (f"{row['verdict']}, rank {row['rank']}, score {_text(row['score'])}, ring "
            f"{_text(row['background_percentile'])} %")
    name = row["candidate_id"]
    head = f'<h3 class="{escape(row["verdict"])}">{escape(name)}</h3>'
    return f"<article>{head}{_figure(pictures.image(picture, f'Spectrum of candidate {name}'), what)}</article>"


def _figure(picture: str, caption: str) -> str:
    return f"<figure>{picture}<figcaption>{escape(caption)}</figcaption></figure>"


def _legend(found: Findings) -> str:
    ring = "" if found.ring_pixels is None else f"at most {found.ring_pixels} "
    return (f"<p>Score: mean of the scores of the valid pixels. Ring %: percentage of {ring}"
            "valid pixels around the candidate that match worse; column %: the same among "
            "its detector columns. Margin: spectral angle to the best other reference less that to the reference, rad; "
            "below 0 the other one is nearer.</p>")


def _table(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    yield '<div class="scroll"><table><thead><tr>'
    yield "".join(f'<th scope="col">{escape(title)}</th>' for _, title in _COLUMNS) + "</tr></thead><tbody>"
    for row in rows:
        yield "<tr>" + "".join(_cell(name, row[name]) for name, _ in _COLUMNS) + "</tr>\n"
    yield "</tbody></table></div>"


def _cell(name: str, value: Any) -> str:
    if name == "verdict" and value in _MEANING:
        return f'<td class="{value}">{value}</td>'
    mark = ' class="n"' if isinstance(value, (int, float)) else ""
    return f"<td{mark}>{escape(_text(value))}</td>"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
