"""The files that a gas target can be made from, told apart by content."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional, Union

from ..errors import LibraryError
from ..progress import NO_PROGRESS, Progress
from ..registry import Registry
from ..spectra import BandGrid
from . import hitran, lines_target, lut, text_target
from .absorption import Layer
from .target import GasTarget


@dataclass(frozen=True)
class Making:
    """What a source may be asked beside the bands."""

    enhancement_ppm_m: Optional[Sequence[float]] = None
    """Enhancements of a look-up table, or to compute for lines; None takes those of mag1c's table."""
    layer: Layer = Layer()
    """The air that lines are computed for."""
    progress: Progress = NO_PROGRESS
    """Who listens."""


@dataclass(frozen=True)
class TargetSource:
    """One kind of file."""

    title: str
    """What a user calls it."""
    identify: Callable[[Path], bool]
    """True where the file's content is of this kind."""
    make: Callable[[Path, BandGrid, Making], GasTarget]
    """The target on some bands."""


TARGET_SOURCES: Registry[TargetSource] = Registry("source of gas targets", LibraryError)
"""Name -> kind of file, in the order they are asked."""

TARGET_SOURCES.add("lut", TargetSource(
    "look-up table in mag1c's layout (ENVI)", lut.identify,
    lambda path, bands, how: lut.target(path, bands, how.enhancement_ppm_m)))
TARGET_SOURCES.add("lines", TargetSource(
    "HITRAN lines (.par, or HAPI's .data)", hitran.identify,
    lambda path, bands, how: lines_target.target(path, bands, how.enhancement_ppm_m, how.layer, how.progress)))
TARGET_SOURCES.add("text", TargetSource(
    "text of wavelength and value", text_target.identify, lambda path, bands, how: text_target.target(path, bands)))


def gas_target(source: Union[str, os.PathLike[str]], bands: BandGrid, *,
               enhancement_ppm_m: Optional[Sequence[float]] = None, layer: Optional[Layer] = None,
               progress: Progress = NO_PROGRESS) -> GasTarget:
    """The target spectrum of a gas on `bands`, from a look-up table, from lines, or from text.

    The kind of file is told by its content. `enhancement_ppm_m` (two or more different values >= 0, ppm m) and
    `layer` (None: 296 K, 1013.25 hPa, twice through) are for tables and lines. Raises LibraryError where the file is
    of no kind, is malformed, or covers none of the bands; single bands that it does not cover are NaN.
    """
    path = Path(source).expanduser()
    if not path.is_file():
        raise LibraryError(f"{path}: there is no such file; give a look-up table, a list of lines or a text file.")
    if enhancement_ppm_m is not None:
        _check(enhancement_ppm_m)
    kind = next((one for one in TARGET_SOURCES.values() if one.identify(path)), None)
    if kind is None:
        known = "; ".join(one.title for one in TARGET_SOURCES.values())
        raise LibraryError(f"{path}: a gas target cannot be made from this file; give one of these: {known}.")
    return kind.make(path, bands, Making(enhancement_ppm_m, layer or Layer(), progress))


def _check(enhancement_ppm_m: Sequence[float]) -> None:
    if len(set(enhancement_ppm_m)) < 2 or not all(0 <= value < 1e7 for value in enhancement_ppm_m):
        raise LibraryError(f"The enhancements {', '.join(f'{value:g}' for value in enhancement_ppm_m)} ppm m do not "
                           "make a line; give at least two different ones from 0 on.")
