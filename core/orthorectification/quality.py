"""The quality of a granule as rasters: reasons as a bit mask, data layers, and interpolated bands per pixel."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional, Protocol, Union

import numpy as np

from ..errors import GranuleError, MaskError
from ..geolocation import Geolocation
from ..io.bytesource import FileSource
from ..io.rastersink import RasterSink, written
from ..progress import NO_PROGRESS, Progress, Share, checkpoint
from ..quality import NO_QUALITY, Limit, MaskPolicy, QualityLayers, QualitySource, find_name, limit_reason
from ..sensors import SENSORS, Opener, QualityFile
from .gather import Raster, Table, pour

_LINES = 64
"""Lines of quality read between two looks at the cancel button."""
_STRIP_ROWS = 256
"""Rows of the map grid looked up at once."""
_MOST_BITS = 24
"""Whole numbers up to 2**24 are exact in float32."""


class HasQuality(Protocol):
    """A granule, or a MASK file alone."""

    @property
    def id(self) -> str:
        """Name, for messages."""

    @property
    def shape(self) -> tuple[int, int]:
        """(downtrack, crosstrack)."""

    @property
    def geolocation(self) -> Optional[Geolocation]:
        """Where the pixels lie; None writes in sensor space."""

    @property
    def quality(self) -> Optional[QualitySource]:
        """The layers, or None."""


@dataclass(frozen=True)
class QualityWritten:
    """What was written."""

    bits: Mapping[str, int]
    """Reason -> its value in the REASONS raster: flags by their place in the file, then limits, then no data."""
    data: tuple[str, ...]
    """Names of the bands of the DATA raster."""
    interpolated: bool
    """False where the product has no band_mask: the sink for it was not opened."""
    notices: tuple[str, ...]
    """What the user must know."""


def open_mask_only(path: Union[str, os.PathLike[str]], opener: Optional[Opener] = None) -> QualityFile:
    """Open the quality file of a granule by itself; raises :class:`GranuleError` where it is something else.

    `opener` (:func:`..archive.opener`) reads a file given by its URL.
    """
    source = FileSource(path) if opener is None else opener(os.fspath(path))
    for sensor in SENSORS.values():
        if sensor.open_quality is not None and sensor.identify(source):
            return sensor.open_quality(source)
    raise GranuleError(f"'{source.name}' is not a quality file of a known sensor; give the MASK file of a granule.")


def write_quality(granule: HasQuality, reasons_sink: Optional[RasterSink], data_sink: Optional[RasterSink],
                  bands_sink: Optional[RasterSink], flags: Optional[Sequence[str]] = None,
                  aod550_max: Optional[float] = None, h2o_max: Optional[float] = None,
                  progress: Optional[Progress] = None) -> QualityWritten:
    """Write the quality of `granule` (or of :func:`open_mask_only`) on its map grid; a sink may be None.

    REASONS: one band, the sum of the bits of all reasons of a pixel, 0 for none, NaN off the swath. `flags`
    (default all) chooses among those of the file; the limits add theirs. DATA: the data layers by name.
    BANDS_INTERPOLATED: number of bands that band_mask marks; a product without one leaves that sink unopened
    and says so. Commits the sinks, or aborts them and raises a :class:`..errors.PixelSpectraError`.
    """
    progress = progress or NO_PROGRESS
    with written(*(s for s in (reasons_sink, data_sink) if s is not None)):
        quality = granule.quality
        if quality is None:
            raise MaskError(f"'{granule.id}' has no MASK file beside it; give the MASK file (MASK_FILE, mask_file=).")
        rules = _Rules.of(quality, flags, aod550_max, h2o_max)
        names = quality.data_names
        has_bits = quality.read_rows(0, 1).band_mask is not None
        notices = tuple(getattr(granule, "notices", ()) or getattr(granule.geolocation, "notices", ()))
        if bands_sink is not None and not has_bits:
            notices += (f"The MASK file of '{granule.id}' has no band_mask (version 002 has none), so the number of "
                        "interpolated bands was not written.",)
        count_sink = bands_sink if has_bits else None
        with written(count_sink):
            tables = _read_tables(granule.shape, quality, rules, count_sink is not None, progress)
            outputs = [(reasons_sink, ["reasons"]), (data_sink, names), (count_sink, ["bands interpolated"])]
            _write_tables(granule, outputs, tables, progress)
    return QualityWritten(rules.bits, names, has_bits, notices)


def quality_bits(quality: QualitySource, flags: Optional[Sequence[str]] = None, aod550_max: Optional[float] = None,
                 h2o_max: Optional[float] = None) -> Mapping[str, int]:
    """Reason -> its value in the REASONS raster of :func:`write_quality`, before anything is written.

    Flags have the bit of their place in the file, whichever are asked for (None or empty asks for all); after
    them come the bits of AOD550, of H2O and of pixels without quality. Raises :class:`..errors.MaskError` for
    an unknown flag or a layer that the file lacks, with the known ones.
    """
    known = list(quality.flag_names)
    if len(known) + 3 > _MOST_BITS:
        raise MaskError(f"The MASK file has {len(known)} flags, more than a bit mask of {_MOST_BITS} bits holds; "
                        "give a MASK file with fewer.")
    asked = [find_name(f, known, "mask flag") for f in flags] if flags else known
    bits = {flag: 1 << known.index(flag) for flag in known if flag in asked}
    for place, limit in enumerate(_limits(aod550_max, h2o_max), start=len(known)):
        if limit is not None:
            layer = find_name(limit.name, quality.data_names, "mask layer")
            bits[limit_reason(layer, limit.maximum)] = 1 << place
    return {**bits, NO_QUALITY: 1 << len(known) + 2}


def _limits(aod550_max: Optional[float], h2o_max: Optional[float]) -> list[Optional[Limit]]:
    """The limits that were given, each at its place."""
    named = (("AOD550", aod550_max), ("H2O", h2o_max))
    return [None if maximum is None else Limit(name, float(maximum)) for name, maximum in named]


@dataclass(frozen=True)
class _Rules:
    """What raises a bit."""

    policy: MaskPolicy
    """The flags and limits asked for."""
    bits: Mapping[str, int]
    """Reason of the policy -> bit value."""

    @classmethod
    def of(cls, quality: QualitySource, flags: Optional[Sequence[str]], aod550_max: Optional[float],
           h2o_max: Optional[float]) -> _Rules:
        """Raises :class:`MaskError` as :func:`quality_bits` does."""
        bits = quality_bits(quality, flags, aod550_max, h2o_max)
        limits = tuple(limit for limit in _limits(aod550_max, h2o_max) if limit is not None)
        return cls(MaskPolicy(flags=tuple(flags or quality.flag_names), limits=limits), bits)

    def reasons(self, layers: QualityLayers) -> Table:
        """(n,) sum of the bits of each pixel."""
        total = np.zeros(len(layers.unknown), np.int32)
        for reason, where in self.policy.pixel_marks(layers):
            total[where] += self.bits[reason]
        return total.astype(np.float32)


def _read_tables(shape: tuple[int, int], quality: QualitySource, rules: _Rules, count: bool,
                 progress: Progress) -> list[Table]:
    """Reasons, data and counts of every raw pixel, each with the NaN row at its end."""
    n, names = shape[0] * shape[1], quality.data_names
    tables = [np.full((n + 1, depth), np.nan, np.float32) for depth in (1, len(names), 1)]
    for start in range(0, shape[0], _LINES):
        checkpoint(progress, 0.6 * start / shape[0], "Reading quality")
        stop = min(start + _LINES, shape[0])
        layers = quality.read_rows(start, stop, count)
        block = slice(start * shape[1], stop * shape[1])
        tables[0][block, 0] = rules.reasons(layers)
        for k, name in enumerate(names):
            tables[1][block, k] = layers.data[name]
        if count and layers.band_mask is not None:
            tables[2][block, 0] = np.where(layers.unknown, np.nan, layers.band_mask.sum(axis=1))
    return tables


def _write_tables(granule: HasQuality, outputs: Sequence[tuple[Optional[RasterSink], Sequence[str]]],
                  tables: Sequence[Table], progress: Progress) -> None:
    """Open the sinks that are there and deal the tables out to the cells of the map grid."""
    raster = Raster.of(granule.shape, granule.geolocation)
    wanted = [(sink, table) for (sink, _), table in zip(outputs, tables) if sink is not None]
    for sink, names in outputs:
        if sink is not None:
            sink.open(raster.grid, names)
    for start in range(0, raster.grid.rows if wanted else 0, _STRIP_ROWS):
        stop = min(start + _STRIP_ROWS, raster.grid.rows)
        share = Share(progress, 0.6, 1.0).part(start / raster.grid.rows, stop / raster.grid.rows)
        pour(raster.cells(start, stop, share.part(0.0, 0.3)), start, wanted, share.part(0.3, 1.0))
    checkpoint(progress, 1.0)
