"""An EMIT granule: L1B radiance, L2A reflectance or its uncertainty in sensor space, or an L3 grid."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Callable, Optional, TypeVar

import numpy as np
import numpy.typing as npt

from ...aoi import PixelSet
from ...errors import ArchiveError, GranuleError, NotInArchive, SourceChanged
from ...geolocation import Geolocation, GltLocation
from ...io.bytesource import ByteSource, FileSource
from ...io.hdf5 import open_structure
from ...io.storedarray import expect
from ...progress import NO_PROGRESS, PatientLock, Progress
from ...spectra import BandGrid, Spectra
from .. import GranuleSource, Opener, as_float32, is_remote, missing_as_invalid, open_granule, stem
from ..acquisition import time_of
from ..masked import in_blocks
from .companions import EmitMask, EmitUncertainty, check_same_scene, open_mask, open_uncertainty
from .layout import EmitLayout, read_layout
from .names import EmitName, companion_beside, companion_url

T = TypeVar("T", EmitMask, EmitUncertainty)

_AROUND, _MOST_AROUND = 4, 32
"""Pixels fetched ahead on either side of an area, and the widest stretch that is fetched so."""


class EmitGranule:
    """Meets :class:`..Granule`; holds offsets and small tables, never an open file."""

    def __init__(self, source: GranuleSource, layout: EmitLayout, name: str, opener: Opener = FileSource) -> None:
        """Companions given by name are opened and checked; others, and all of a URL, when first asked for.

        `name` is for messages.
        """
        self.source = source
        self._name, self._opener = name, opener
        self.id = stem(source.path)
        self.quantity = layout.quantity
        self.cube_variable: Optional[str] = layout.cube.name
        self.shape: tuple[int, int] = layout.cube.shape
        self.bands: BandGrid = layout.bands
        self.geolocation: Geolocation = layout.geolocation
        self.datetime: Optional[datetime] = layout.start or self._time_in_name()
        self._cube = layout.cube
        if isinstance(self.geolocation, GltLocation):
            self.geolocation.foreseen = partial(expect, (self._cube,))
        self._quality: Optional[EmitMask] = None
        self._uncertainty: Optional[EmitUncertainty] = None
        self._quality_known = self._uncertainty_known = False
        self._lock = PatientLock()  # several threads may ask for a companion first
        self._notices: list[str] = list(layout.notices)
        if source.mask_file is not None and not is_remote(source.mask_file):
            self._open_quality()
        if source.uncertainty_file is not None and not is_remote(source.uncertainty_file):
            self._open_uncertainty()

    def __reduce__(self) -> tuple[Any, ...]:
        opener = None if self._opener is FileSource else self._opener
        return open_granule, (self.source.path, self.source.mask_file, self.source.uncertainty_file, opener)

    def __enter__(self) -> EmitGranule:
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing is held open."""

    def __repr__(self) -> str:
        return f"<EmitGranule {self.id} {self.shape[0]} x {self.shape[1]} x {len(self.bands)} {self.quantity}>"

    @property
    def quality(self) -> Optional[EmitMask]:
        """The MASK file beside the granule, or as given; None where there is none."""
        with self._lock:
            if not self._quality_known:
                self._open_quality()
        return self._quality

    @property
    def notices(self) -> tuple[str, ...]:
        """A flipped GLT, companions that do not fit."""
        return (*self.geolocation.notices, *self._notices)

    def read_pixels(self, pixels: PixelSet, progress: Progress = NO_PROGRESS) -> Spectra:
        """Spectra in the order of `pixels`; one 1140-byte read each from a contiguous file."""
        return in_blocks(self._spectra, pixels, progress)

    def _spectra(self, pixels: PixelSet) -> Spectra:
        values = self._cube.points(pixels.downtrack, pixels.crosstrack)
        return missing_as_invalid(as_float32(values), self.bands)

    def read_rows(self, start: int, stop: int) -> Spectra:
        """Spectra of lines start..stop, row-major."""
        return missing_as_invalid(self.row_values(start, stop), self.bands)

    def row_values(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """The values of lines start..stop alone."""
        return as_float32(self._cube.rows(start, stop).reshape(-1, len(self.bands)))

    def read_uncertainty(self, pixels: PixelSet) -> Optional[npt.NDArray[np.float32]]:
        """One standard deviation from RFLUNCERT; NaN where missing, None without the file."""
        uncertainty = self._uncertainty_companion()
        return None if uncertainty is None else uncertainty.read(pixels)

    def prefetch(self, pixels: PixelSet) -> None:
        """Have the pixels around a small area fetched from a server, their centres too; nothing for a file."""
        at = pixels.take(pixels.on_swath)
        if not isinstance(self.geolocation, GltLocation) or not self._cube.source.gap or not len(at):
            return
        edges = [(int(of.min()) - _AROUND, int(of.max()) + _AROUND + 1) for of in (at.downtrack, at.crosstrack)]
        if any(stop - start > _MOST_AROUND for start, stop in edges):
            return
        around = self.geolocation.rectangle(*edges[0], *edges[1])
        uncertainty = [self._uncertainty.cube] if self._uncertainty is not None else []
        self.geolocation.expect(*self.geolocation.rectangle(*(edge + more for pair in edges
                                                              for edge, more in zip(pair, (-2, 2)))))
        for cube in (self._cube, *uncertainty):
            expect((cube,), *around)

    def companions(self) -> dict[str, Optional[str]]:
        """Product -> path of the companion in use, or None: "MASK" and "RFLUNCERT"."""
        uncertainty = self._uncertainty_companion()
        return {"MASK": self.quality.name if self.quality else None,
                "RFLUNCERT": uncertainty.name if uncertainty else None}

    def versions(self) -> tuple[str, ...]:
        """Of the granule and of the companions in use."""
        quality, uncertainty = self.quality, self._uncertainty_companion()
        arrays = [self._cube, *([quality.mask] if quality else []), *([uncertainty.cube] if uncertainty else [])]
        return tuple(array.source.version for array in arrays)

    def _uncertainty_companion(self) -> Optional[EmitUncertainty]:
        with self._lock:
            if not self._uncertainty_known:
                self._open_uncertainty()
        return self._uncertainty

    def _open_quality(self) -> None:
        self._quality = self._companion(self.source.mask_file, "L2A_MASK", open_mask)
        self._quality_known = True

    def _open_uncertainty(self) -> None:
        given = self.source.uncertainty_file
        if self.quantity == "reflectance" or given is not None:
            self._uncertainty = self._companion(given, "L2A_RFLUNCERT", open_uncertainty)
        self._uncertainty_known = True

    def _companion(self, given: Optional[str], product: str, opened: Callable[[ByteSource, int], T]) -> Optional[T]:
        """Open a companion; one given must fit, one merely found that does not fit becomes a notice."""
        if given is not None and not is_remote(given):
            return self._fitting(given, opened)
        path = given or self._beside(product)
        if path is None:
            return None
        try:
            return self._fitting(path, opened)
        except NotInArchive as error:
            self._notices += [str(error)] if given else []  # else looked for where it usually is: not all have one
            return None
        except (ArchiveError, SourceChanged):
            raise  # it may be there: asking again may find it
        except GranuleError as error:
            if given:
                raise
            self._notices.append(f"A companion was found but left out: {error}")
            return None

    def _beside(self, product: str) -> Optional[str]:
        """The companion beside a file; of a URL, where the archive puts it."""
        if is_remote(self.source.path):
            return companion_url(self.source.path, product)
        time = self.datetime.strftime("%Y%m%dT%H%M%S") if self.datetime else None
        return companion_beside(self.source.path, time, product) if Path(self.source.path).parent.is_dir() else None

    def _fitting(self, path: str, opened: Callable[[ByteSource, int], T]) -> T:
        source = self._opener(path)
        companion = opened(source, len(self.bands))
        self._notices += companion.notices
        check_same_scene(self._name, self.geolocation, source.name, companion.geolocation)
        return companion

    def _time_in_name(self) -> Optional[datetime]:
        name = EmitName.parse(self.source.path)
        return None if name is None else time_of(name.time)


def open_emit(source: GranuleSource, bytes_of: ByteSource, opener: Opener = FileSource) -> EmitGranule:
    """Open an EMIT file from its bytes."""
    with open_structure(bytes_of) as structure:
        layout = read_layout(bytes_of, structure)
    return EmitGranule(source, layout, bytes_of.name, opener)
