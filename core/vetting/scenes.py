"""The granules that candidates are looked up in: files, folders, or granules that are open already."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Optional, Union

from ..errors import GranuleError, MetricError, SignInError
from ..metrics.metric import Metric
from ..quality import MaskPolicy
from ..sensors import Granule, GranuleSource, Opener, PathLike, is_remote, open_granule
from ..sensors.masked import choose_policy
from .offered import Offered

GranuleLike = Union[PathLike, GranuleSource, Granule, Offered]
_SUFFIXES = (".nc", ".nc4", ".h5", ".hdr")
"""Endings of the files of a folder that are tried."""
_BROKEN = re.compile("truncated|damaged|complete granule")
"""What is said of a file that would be a granule if it were whole."""
_OPENED_AT_ONCE = 8
"""Remote granules opened side by side."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A granule with the mask that is applied to it."""

    granule: Granule
    """The granule, open."""
    policy: MaskPolicy
    """The mask asked for, or the default of the product."""


@dataclass(frozen=True)
class Missed:
    """A scene of the archive that could not be opened."""

    footprint: Any
    """Where it is, lon/lat; None where unknown."""
    error: GranuleError
    """Why."""


@dataclass(frozen=True)
class _Opened:
    """What became of one of the granules given."""

    scenes: tuple[tuple[Scene, tuple[str, ...]], ...] = ()
    """Its scenes (a folder has several), each with what is to be told of it."""
    notices: tuple[str, ...] = ()
    """What is to be told of a folder."""
    missed: Optional[Missed] = None
    """Why there is none."""


def open_scenes(granules: Iterable[Any], metric: Metric, mask: Union[None, str, MaskPolicy],
                opener: Optional[Opener] = None) -> tuple[tuple[Scene, ...], tuple[Missed, ...], tuple[str, ...]]:
    """Open all granules; those of the archive that could not be opened; and what the user must know.

    Of a folder, what is no granule of the right quantity is passed over and counted, and what is damaged is told.
    Raises GranuleError for a file that is no granule and where none is left, SignInError, MetricError for one of the
    wrong quantity, MaskError where the mask does not fit. `opener` reads what is not a file.
    """
    found: dict[str, Scene] = {}
    notices: list[str] = []
    missed: list[Missed] = []
    said: dict[str, list[str]] = {}
    for opened in _at_once(partial(_look, metric=metric, mask=mask, opener=opener), list(granules)):
        notices += opened.notices
        missed += filter(None, (opened.missed,))
        for scene, of_scene in opened.scenes:
            if scene.granule.source.path in found:
                notices.append(f"The granule '{scene.granule.id}' is given twice; it counts once.")
                continue
            found[scene.granule.source.path] = scene
            for notice in of_scene:
                said.setdefault(notice, []).append(scene.granule.id)
    if missed and not found:
        raise min(missed, key=lambda one: not isinstance(one.error, SignInError)).error  # what the user can mend first
    if not found:
        raise GranuleError("There is no granule to look the candidates up in; give files, or a folder with granules "
                           f"of {_wanted(metric)}.")
    notices += [f"{_names(ids)}: {notice}" for notice, ids in said.items()]
    if missed:
        notices.append(f"{len(missed)} of {len(missed) + len(found)} scenes could not be opened (the first: "
                       f"{missed[0].error})")
    return tuple(found.values()), tuple(missed), (*notices, *_band_notices(list(found.values())))


def _look(one: Any, metric: Metric, mask: Union[None, str, MaskPolicy], opener: Optional[Opener]) -> _Opened:
    """Open one of the granules given, with its companions; what fails in the archive costs this scene only."""
    notices: list[str] = []
    offered = one if isinstance(one, Offered) else None
    source = one if offered is None else offered.granule_source
    try:
        scenes = tuple(_with_mask(granule, mask) for granule in _opened(source, metric, notices, opener))
    except GranuleError as error:
        if opener is None or not is_remote(_address(source)):
            raise
        return _Opened(missed=Missed(None if offered is None else offered.footprint, error))
    return _Opened(scenes, tuple(notices))


def _with_mask(granule: Granule, mask: Union[None, str, MaskPolicy]) -> tuple[Scene, tuple[str, ...]]:
    policy, of_mask = choose_policy(granule, mask)
    granule.versions()  # opens the companions
    return Scene(granule, policy), (*granule.notices, *of_mask)


def _at_once(look: Callable[[Any], _Opened], given: list[Any]) -> Iterator[_Opened]:
    """What `look` returns for each, in order; those over the network side by side, since each takes trips."""
    if not any(isinstance(one, Offered) or is_remote(_address(one)) for one in given):
        yield from map(look, given)
        return
    pool = ThreadPoolExecutor(_OPENED_AT_ONCE)
    try:
        futures = [pool.submit(copy_context().run, look, one) for one in given]
        yield from (future.result() for future in futures)
    finally:
        pool.shutdown(cancel_futures=True)  # after an error the rest need not be asked


def _address(one: Any) -> str:
    return one.path if isinstance(one, GranuleSource) else str(one) if isinstance(one, (str, os.PathLike)) else ""


def identity(scene: Scene) -> str:
    """What tells a scene from others: the state of its files, and its mask."""
    return f"{state(scene.granule)}\n{scene.policy.mask_id}"


def state(granule: Granule) -> str:
    """The state of all files that a granule is read from."""
    return "\n".join(granule.versions())


def sendable(granule: Granule) -> GranuleSource:
    """What another process opens the granule from; raises GranuleError where the address holds a secret."""
    for path in addresses(granule.source):
        if is_remote(path) and ("?" in path or "@" in path):
            raise GranuleError(f"'{granule.id}' has a signed address, which must not leave this process; give its "
                               "plain address, and the login to each worker.")
    return granule.source


def addresses(source: GranuleSource) -> Iterator[str]:
    """The granule and the companions given with it."""
    yield from filter(None, (source.path, source.mask_file, source.uncertainty_file))


def _opened(one: Any, metric: Metric, notices: list[str], opener: Optional[Opener]) -> Iterator[Granule]:
    if hasattr(one, "read_pixels"):
        yield _checked(one, metric)
    elif isinstance(one, GranuleSource):
        yield _checked(open_granule(one.path, one.mask_file, one.uncertainty_file, opener), metric)
    elif not is_remote(str(one)) and Path(one).is_dir():
        yield from _in_folder(Path(one), metric, notices)
    else:
        yield _checked(open_granule(one, opener=opener), metric)


def _in_folder(folder: Path, metric: Metric, notices: list[str]) -> Iterator[Granule]:
    passed: list[str] = []
    broken: list[str] = []
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in _SUFFIXES and p.is_file()):
        try:
            granule = _checked(open_granule(path), metric)
        except (GranuleError, MetricError) as error:
            if _BROKEN.search(str(error).replace(str(path), "")):
                broken.append(str(error))
            else:
                passed.append(path.name)
            continue
        yield granule
    if broken:
        notices.append(f"In '{folder.name}' {len(broken)} files are incomplete or damaged and were left out (the "
                       f"first: {broken[0]})")
    if passed:
        notices.append(f"In '{folder.name}' {len(passed)} files were passed over, which hold no {_wanted(metric)} "
                       f"(the first: {passed[0]}).")


def _checked(granule: Granule, metric: Metric) -> Granule:
    if metric.quantity not in ("any", granule.quantity) or granule.quantity.endswith("uncertainty"):
        raise MetricError(f"The metric '{metric.name}' compares {_wanted(metric)}, but '{granule.id}' holds "
                          f"{granule.quantity}; give a granule of {_wanted(metric)}.")
    return granule


def _wanted(metric: Metric) -> str:
    return "spectra" if metric.quantity == "any" else metric.quantity


def _band_notices(scenes: Sequence[Scene]) -> tuple[str, ...]:
    """One sentence where not all granules have the same bands."""
    grids = {_numbers(scene.granule) for scene in scenes}
    if len(grids) < 2:
        return ()
    return (f"The {len(scenes)} granules have {len(grids)} different band grids; the reference was resampled to the "
            "bands of each.",)


def _numbers(granule: Granule) -> tuple[bytes, Optional[bytes]]:
    fwhm = granule.bands.fwhm_nm
    return granule.bands.wavelength_nm.tobytes(), None if fwhm is None else fwhm.tobytes()


def _names(ids: Sequence[str]) -> str:
    return ids[0] if len(ids) == 1 else f"{ids[0]} and {len(ids) - 1} more"
