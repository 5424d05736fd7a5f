"""Records of several collections and versions put together as scenes: by time, then by orbit and scene.

Some names hold no orbit and scene. They belong to the one scene of their time; where there are several, it cannot be
told which, and nothing is guessed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Optional

from .archives import DATA, MASK, UNCERTAINTY
from .records import ProductFile, Record
from .scene import RemoteFile, Scene

_Key = Optional[tuple[str, str]]
"""Orbit and scene of a name; None where it holds none."""


@dataclass(frozen=True)
class _Owned:
    """A file and the record that it came with."""

    found: ProductFile
    record: Record


def scenes_of(records: Iterable[Record], sensor: str, source: str) -> tuple[list[Scene], int]:
    """The scenes that records make, newest first, and how many have spectra but no footprint.

    The latest version of the spectra is taken, the uncertainty of the same version before others, and the latest
    MASK. A record without spectra makes no scene by itself.
    """
    by_time: dict[str, list[_Owned]] = defaultdict(list)
    for record in records:
        for found in record.files:
            by_time[found.name.time].append(_Owned(found, record))
    made = [_scene(group, sensor, source) for files in by_time.values() for group in _groups(files)]
    scenes = [scene for scene in made if scene is not None and scene.footprint is not None]
    without_footprint = sum(scene is not None and scene.footprint is None for scene in made)
    return sorted(scenes, key=lambda scene: (scene.start, scene.id), reverse=True), without_footprint


def _groups(files: list[_Owned]) -> list[list[_Owned]]:
    """Files of one time by scene."""
    by_key: dict[_Key, list[_Owned]] = defaultdict(list)
    for owned in files:
        by_key[owned.found.name.orbit_scene].append(owned)
    unnamed = by_key.pop(None, [])
    groups = list(by_key.values())
    if len(groups) == 1:
        groups[0].extend(unnamed)
    elif unnamed:
        groups.append(unnamed)
    return groups


def _scene(files: list[_Owned], sensor: str, source: str) -> Optional[Scene]:
    """The scene of a group; None where it has no spectra."""
    by_product = {product: sorted((o for o in files if o.found.product == product), key=_newest)
                  for product in (DATA, UNCERTAINTY, MASK)}
    if not by_product[DATA]:
        return None
    data = by_product[DATA][-1]
    uncertainty = [o for o in by_product[UNCERTAINTY] if o.found.name.version == data.found.name.version]
    other = not uncertainty and bool(by_product[UNCERTAINTY])
    chosen = {DATA: [data], UNCERTAINTY: uncertainty or by_product[UNCERTAINTY], MASK: by_product[MASK]}
    latest: dict[str, RemoteFile] = {name: found[-1].found.file for name, found in chosen.items() if found}
    record, stem = data.record, data.found.stem
    notices = (f"The uncertainty of '{stem}' is of another version than its spectra.",) if other else ()
    return Scene(stem, sensor, record.start, record.end, record.cloud, record.day_night, _footprint(files, data),
                 latest, record.browse_url, source, notices)


def _newest(owned: _Owned) -> tuple[int, str, bool, str]:
    """Sorts the latest version last; of the same version the one whose name tells more, then by name."""
    name = owned.found.name
    number = int(name.version) if name.version.isdigit() else -1
    return number, name.version, name.orbit_scene is not None, owned.found.stem


def _footprint(files: list[_Owned], data: _Owned) -> object:
    """That of its own record, else that of another record of the same scene."""
    own = data.record.footprint
    return own if own is not None else next((o.record.footprint for o in files if o.record.footprint is not None), None)
