"""What the inspector writes: tables, layers and pictures as files, a layer in memory, values for a spreadsheet."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
import numpy.typing as npt
from qgis.core import Qgis, QgsCoordinateReferenceSystem, QgsProcessingContext, QgsVectorLayer
from qgis.PyQt.QtCore import QBuffer, QByteArray, QCoreApplication, QIODevice
from qgis.PyQt.QtGui import QImage

from ..core.errors import OutputError
from ..core.inspection import Inspection
from ..core.io.atomic import replacing, unwritable
from ..core.portrait import band_order, masked_regions, shown_rows
from ..core.progress import NO_PROGRESS, Progress, Share
from ..core.results import spreadsheet_cell
from .areas import LONLAT
from .layer_output import LayerOutput, file_output, temporary_output
from .result_layer import result_fields, table_of, write_all_results

PIXEL_COLUMNS = 200
"""More pixels than this are not copied for a spreadsheet."""

GOOD = "good"
"""What a band is called in which a pixel can be used."""

Row = list[Any]


def write_table_csv(inspections: Sequence[Inspection], threshold: Optional[float], path: str | os.PathLike[str],
                    progress: Progress = NO_PROGRESS) -> None:
    """Write the result table of all inspections as CSV, whole or not at all; `threshold` fills `accepted`."""
    target = _ending(path, ".csv")
    table_of(_some(inspections), threshold, Share(progress, 0.0, 0.4)).to_csv(target, Share(progress, 0.4, 1.0))


def write_layer(inspections: Sequence[Inspection], threshold: Optional[float], path: str | os.PathLike[str],
                progress: Progress = NO_PROGRESS) -> str:
    """Write the layer that the algorithms write for these pixels, whole or not at all; returns the source to load.

    The ending of `path` tells the format; OutputError for those that cannot hold a spectrum.
    """
    seen = _some(inspections)
    lonlat = QgsCoordinateReferenceSystem(LONLAT)
    with file_output(Path(path).absolute(), result_fields(), Qgis.WkbType.Point, lonlat) as output:
        _write(seen, threshold, output, progress)
    return output.destination


def memory_layer(inspections: Sequence[Inspection], threshold: Optional[float], name: str,
                 progress: Progress = NO_PROGRESS) -> QgsVectorLayer:
    """The same as a temporary layer called `name`. Call it in any thread: the layer belongs to the main one."""
    seen = _some(inspections)
    context = QgsProcessingContext()
    with temporary_output(name, result_fields(), Qgis.WkbType.Point, QgsCoordinateReferenceSystem(LONLAT), context
                          ) as output:
        _write(seen, threshold, output, progress)
    layer = context.takeResultLayer(output.destination)
    layer.moveToThread(QCoreApplication.instance().thread())
    return layer


def write_picture(image: QImage, path: str | os.PathLike[str]) -> None:
    """Write a picture as PNG, whole or not at all."""
    target = _ending(path, ".png")
    encoded = QByteArray()
    buffer = QBuffer(encoded)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not image.save(buffer, "PNG"):
        raise unwritable(target, "there is no picture")
    with replacing(target) as part:
        part.write_bytes(bytes(encoded))


def clipboard_text(inspections: Sequence[Inspection], threshold: Optional[float] = None) -> str:
    """Tab-separated values for a spreadsheet: lines that describe the pixels, then one line per band.

    Granules with bands of their own get a block each. An area has its mean, sigma and n before its pixels, of
    which at most 200 in all are copied; a line says so.
    """
    seen = _some(inspections)
    blocks: dict[bytes, list[Inspection]] = {}
    for one in seen:
        blocks.setdefault(one.spectra.bands.wavelength_nm.tobytes(), []).append(one)
    total, left = sum(len(one.pixels) for one in seen), PIXEL_COLUMNS
    rows: list[Row] = []
    if total > PIXEL_COLUMNS:
        rows += [[f"{PIXEL_COLUMNS} of {total} pixels are copied; mean, sigma and n are of all. Write the table "
                  "(CSV) for every pixel."]]
    for block in blocks.values():
        rows += [*_block(block, threshold, left), []]
        left = max(left - sum(len(one.pixels) for one in block), 0)
    return "\n".join("\t".join(map(_text, row)) for row in rows[:-1]) + "\n"


def _write(inspections: Sequence[Inspection], threshold: Optional[float], output: LayerOutput, progress: Progress
           ) -> None:
    known = [seen.with_uncertainty() for seen in inspections]  # as the algorithms make them
    write_all_results(known, threshold, output, progress)


def _some(inspections: Sequence[Inspection]) -> Sequence[Inspection]:
    if not inspections:
        raise OutputError("There is nothing to write; inspect a pixel or an area first.")
    return inspections


def _ending(path: str | os.PathLike[str], ending: str) -> Path:
    if Path(path).suffix.lower() != ending:
        raise OutputError(f"'{path}' cannot be written: its name must end with {ending}.")
    return Path(path)


def _block(block: Sequence[Inspection], threshold: Optional[float], most: int) -> list[Row]:
    """The lines of inspections that share their bands, with at most `most` columns of pixels."""
    columns: list[Row] = []
    for seen in block:
        columns += _mean_columns(seen) if len(seen.pixels) > 1 else []
        shown = _shown(seen, most)
        columns += _pixel_columns(seen, threshold, shown)
        most -= len(shown)
    bands = block[0].spectra.bands
    labels = ["granule", "longitude", "latitude", "downtrack", "crosstrack", "feature_id", "reference", "metric",
              "score", "accepted", "reason", "wavelength_nm"]
    wavelength = bands.wavelength_nm.round(5)[band_order(bands)]
    names = [*labels, *_numbers(wavelength)]
    words = [*[""] * (len(labels) - 1), "band", *_band_words(block)]
    return [list(row) for row in zip(names, words, *columns)]


def _shown(seen: Inspection, most: int) -> npt.NDArray[np.int64]:
    """The pixels that get a column: all, or those that are drawn of a large area."""
    n = len(seen.pixels)
    return np.arange(n) if n <= most else shown_rows(seen.spectra.pixel_valid, max(most, 0))


def _pixel_columns(seen: Inspection, threshold: Optional[float], rows: npt.NDArray[np.int64]) -> Iterator[Row]:
    """The column of each of the pixels `rows`."""
    values = seen.spectra.masked_values[rows][:, band_order(seen.spectra.bands)]
    pixels = seen.pixels
    scores = np.full(len(pixels), np.nan) if seen.scores is None else seen.scores
    accepted = seen.accepted(None if seen.scored is None else threshold)
    for i, spectrum in zip(rows.tolist(), values):
        place = _numbers(np.array([pixels.lon[i], pixels.lat[i]]))
        yield [seen.granule.id, *place, int(pixels.downtrack[i]), int(pixels.crosstrack[i]),
               int(pixels.feature_id[i]), *_question(seen), *_numbers(scores[i:i + 1]), accepted[i],
               seen.reasons[i], "value", *_numbers(spectrum)]


def _mean_columns(seen: Inspection) -> Iterator[Row]:
    """Mean, sigma and number of the valid values of each band; of the scores where they are of one feature."""
    order = band_order(seen.spectra.bands)
    of_score: Row = [None] * 3
    summary = seen.summary()
    if len(summary) == 1:
        n_scored = None if seen.scores is None else int(np.isfinite(seen.scores).sum())
        of_score = [summary[0].mean, summary[0].sigma, n_scored]
    n = seen.spectra.valid.sum(axis=0)[order].tolist()
    per_band = ("mean", _numbers(seen.mean[order])), ("sigma", _numbers(seen.sigma[order])), ("n", n)
    for (name, values), score in zip(per_band, of_score):
        yield [seen.granule.id, *[None] * 5, *_question(seen), score, None, None, name, *values]


def _question(seen: Inspection) -> Row:
    """What the pixels were compared with, and how."""
    if seen.reference is None or seen.scored is None:
        return [None, None]
    metric = seen.scored.metric
    return [seen.reference.id, f"{metric.name} ({metric.unit}, {metric.better} is closer)"]


def _band_words(block: Sequence[Inspection]) -> list[str]:
    """Per band by rising wavelength: good where a pixel can be used, else the reason."""
    words = [_reasons(seen) for seen in block]
    return [GOOD if GOOD in of_band else of_band[0] for of_band in zip(*words)]


def _reasons(seen: Inspection) -> list[str]:
    bands = seen.spectra.bands
    regions = masked_regions(seen.spectra)
    return [next((r.reason for r in regions if r.start_nm <= nm <= r.stop_nm), GOOD)
            for nm in bands.wavelength_nm[band_order(bands)]]


def _numbers(values: npt.NDArray[Any]) -> list[Optional[float]]:
    """Numbers with the fewest digits that give them back in their own precision; None where there is none."""
    plain = np.where(np.isfinite(values), values.astype("U32"), "nan").astype(np.float64).tolist()
    return [None if v != v else v for v in plain]


def _text(value: Any) -> str:
    """A cell without tabs and line ends."""
    return " ".join(str(spreadsheet_cell(value)).split())
