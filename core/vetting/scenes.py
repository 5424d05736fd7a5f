"""The granules that candidates are looked up in: files, folders, or granules that are open already."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

from ..errors import GranuleError, MetricError
from ..metrics.metric import Metric
from ..quality import MaskPolicy
from ..sensors import Granule, GranuleSource, Opener, PathLike, is_remote, open_granule
from ..sensors.masked import choose_policy

GranuleLike = Union[PathLike, GranuleSource, Granule]
_SUFFIXES = (".nc", ".nc4", ".h5", ".hdr")
"""Endings of the files of a folder that are tried."""


_OPENED_AT_ONCE = 8
"""Remote granules opened side by side."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A granule with the mask that is applied to it."""

    granule: Granule
    """The granule, open."""
    policy: MaskPolicy
    """The mask asked for, or the default of the product."""


def open_scenes(granules: Union[GranuleLike, Iterable[GranuleLike]], metric: Metric,
                mask: Union[None, str, MaskPolicy], opener: Optional[Opener] = None
                ) -> tuple[tuple[Scene, ...], tuple[str, ...]]:
    """Open all granules, and what the user must know of them.

    Of a folder, what is no granule of the right quantity is passed over and counted. Raises GranuleError for a file
    that is no granule and where none is left, MetricError for one of the wrong quantity, MaskError where the mask
    does not fit. `opener` reads what is not a file.
    """
    found: dict[str, Scene] = {}
    notices: list[str] = []
    said: dict[str, list[str]] = {}

    def opened(one: Any) -> Opening:
        passed: list[str] = []
        return passed, [_with_mask(granule, mask) for granule in _opened(one, metric, passed, opener)]

    for passed, scenes in _at_once(opened, list(_each(granules))):
        notices += passed
        for scene, of_scene in scenes:
            if scene.granule.source.path in found:
                notices.append(f"The granule '{scene.granule.id}' is given twice; it counts once.")
                continue
            found[scene.granule.source.path] = scene
            for notice in of_scene:
                said.setdefault(notice, []).append(scene.granule.id)
    if not found:
        raise GranuleError("There is no granule to look the candidates up in; give files, or a folder with granules "
                           f"of {_wanted(metric)}.")
    notices += [f"{_names(ids)}: {notice}" for notice, ids in said.items()]
    return tuple(found.values()), (*notices, *_band_notices(list(found.values())))


Opening = tuple[list[str], list[tuple[Scene, tuple[str, ...]]]]
"""Notices of a folder, and its scenes, each with its own."""


def _with_mask(granule: Granule, mask: Union[None, str, MaskPolicy]) -> tuple[Scene, tuple[str, ...]]:
    policy, of_mask = choose_policy(granule, mask)
    return Scene(granule, policy), (*granule.notices, *of_mask)


def _at_once(opened: Callable[[Any], Opening], given: list[Any]) -> Iterator[Opening]:
    """What `opened` returns for each, in order; those over the network side by side, since each takes trips."""
    if not any(is_remote(_address(one)) for one in given):
        yield from map(opened, given)
        return
    with ThreadPoolExecutor(_OPENED_AT_ONCE) as pool:
        yield from [future.result() for future in [pool.submit(copy_context().run, opened, one) for one in given]]


def _address(one: Any) -> str:
    return one.path if isinstance(one, GranuleSource) else str(one) if isinstance(one, (str, os.PathLike)) else ""


def identity(scene: Scene) -> str:
    """What tells a granule and its companions from others: path, size and time, or the address and its ETag."""
    companions: dict[str, Optional[str]] = getattr(scene.granule, "companions", dict)()
    paths = [scene.granule.source.path, *(path for path in companions.values() if path)]
    tag = str(getattr(scene.granule, "etag", ""))
    return "\n".join([*(_stamp(path) for path in paths), tag, scene.policy.mask_id])


def sendable(granule: Granule) -> GranuleSource:
    """What another process opens the granule from; raises GranuleError where the address holds a secret."""
    source = granule.source
    if "://" in source.path and ("?" in source.path or "@" in source.path):
        raise GranuleError(f"'{granule.id}' has a signed address, which must not leave this process; give its plain "
                           "address, and the login to each worker.")
    return source


def _each(granules: Any) -> Iterator[Any]:
    single = isinstance(granules, (str, os.PathLike, GranuleSource)) or hasattr(granules, "read_pixels")
    yield from [granules] if single else granules


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
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in _SUFFIXES and p.is_file()):
        try:
            granule = _checked(open_granule(path), metric)
        except (GranuleError, MetricError):
            passed.append(path.name)
            continue
        yield granule
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


def _stamp(path: str) -> str:
    plain = path.partition("?")[0]
    if "://" in path:
        return plain
    try:
        status = os.stat(path)
    except OSError:
        return plain
    return f"{os.path.abspath(path)}\n{status.st_size}\n{status.st_mtime_ns}"


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
