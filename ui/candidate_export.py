"""What the dock of candidates writes: jobs that are given a layer in the GUI thread, and run in any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Optional

from ..adapters.vetted_layer import VettedRows, layer_writer, outlines, rows_of, thresholds_of, write_csv
from ..core.errors import PixelSpectraError
from ..core.inspection import Inspection, inspect
from ..core.libraries import bundled_library
from ..core.progress import Progress
from ..core.sensors import Granule
from ..core.vetting.ranking import Thresholds
from ..core.vetting.report import findings_of_table, write_findings

Granules = Mapping[str, Callable[[], Granule]]
"""Name of a granule -> what gives it, open; may read a file."""


@dataclass(frozen=True)
class Written:
    """What came of an export."""

    said: str
    """What to tell the user."""
    source: str = ""
    """A file to load into the project."""
    name: str = ""
    """What its layer is called."""
    thresholds: Optional[Thresholds] = None
    """Where the verdicts of its rows change."""


Job = Callable[[Progress], Written]


def export_job(kind: str, layer: Any, path: str, granules: Granules) -> Job:
    """What writes the candidates of `layer`, as they are now, to `path`; `kind` is "csv", "layer" or "report".

    A report has the spectra of candidates in `granules`. Call it in the GUI thread, and the job in any.
    """
    return _JOBS[kind](layer, path, granules)


def _csv(layer: Any, path: str, granules: Granules) -> Job:
    rows = rows_of(layer)

    def job(progress: Progress) -> Written:
        write_csv(rows, path, progress)
        return Written(f"The table was saved as {path}")

    return job


def _layer(layer: Any, path: str, granules: Granules) -> Job:
    rows, name = rows_of(layer), layer.name()
    write, thresholds = layer_writer(layer, rows), thresholds_of(layer, rows)
    return lambda progress: Written(f"The layer was saved as {path}", write(path, progress), name, thresholds)


def _report(layer: Any, path: str, granules: Granules) -> Job:
    rows, name = rows_of(layer), layer.name()
    thresholds, outline_of = thresholds_of(layer, rows), outlines(layer, rows)

    def job(progress: Progress) -> Written:
        found = findings_of_table(rows.table(), thresholds, lambda row: _spectra(rows, row, granules, outline_of))
        write_findings(found, path, name, progress)
        return Written(f"The report was saved as {path}")

    return job


_JOBS: dict[str, Callable[[Any, str, Granules], Job]] = {"csv": _csv, "layer": _layer, "report": _report}


def _spectra(rows: VettedRows, row: int, granules: Granules, outline_of: Callable[[int], Any]) -> Optional[Inspection]:
    """The spectra of a row, and its reference if that is a bundled one; None where they are not to be had."""
    granule = granules.get(rows.columns["scene_id"][row])
    if granule is None:
        return None
    reference = bundled_library().get(rows.columns["reference_id"][row])
    try:
        place = outline_of(row)
        return None if place is None else inspect(granule(), place, reference=reference,
                                                  mask=rows.columns["mask_id"][row] or None)
    except PixelSpectraError:  # the granule is gone, or has no MASK beside it any more: the row stays without picture
        return None
