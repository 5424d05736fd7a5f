"""Downloads of QGIS: which files of a layer of scenes are meant, and the folders into which files were brought."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Optional

from qgis.core import QgsFeatureSource, QgsSettings

from ..core.archive.archives import DATA, MASK, UNCERTAINTY
from ..core.archive.copies import local_copy
from ..core.archive.scene import RemoteFile
from ..core.errors import ArchiveError
from ..core.sensors import GranuleSource, is_remote
from .footprints import granules_in

FOLDERS_KEY = "pixel_spectra/download_folders"
"""Folders with downloads, as JSON, the last one used first."""
_MOST_FOLDERS = 16
_ADDRESS: Mapping[str, Callable[[GranuleSource], Optional[str]]] = {
    DATA: lambda scene: scene.path, UNCERTAINTY: lambda scene: scene.uncertainty_file,
    MASK: lambda scene: scene.mask_file}
"""What a file of a scene is called -> its address in a GranuleSource."""
FILES = tuple(_ADDRESS)
"""Which files of a scene can be downloaded."""


def download_folders() -> tuple[str, ...]:
    """The folders into which something was downloaded, the last one used first; for any thread."""
    try:
        told = json.loads(str(QgsSettings().value(FOLDERS_KEY, "[]")))
    except ValueError:
        return ()
    return tuple(folder for folder in told if isinstance(folder, str)) if isinstance(told, list) else ()


def remember_folder(folder: Path) -> None:
    """Look for scenes in `folder` from now on, before any network."""
    others = [known for known in download_folders() if known != str(folder)]
    QgsSettings().setValue(FOLDERS_KEY, json.dumps([str(folder), *others][:_MOST_FOLDERS]))


def downloaded(url: str) -> Optional[Path]:
    """The whole file that was downloaded from an address; None where there is none."""
    return local_copy(url, download_folders())


def over_network(path: str) -> bool:
    """Whether the granule at a path or an address is read over the network: it lies in the archive, and not here."""
    return is_remote(path) and downloaded(path) is None


def files_of(source: QgsFeatureSource, name: str, wanted: Collection[str] = ()) -> tuple[list[RemoteFile], list[str]]:
    """The files of each scene of a layer called `name`, and what a user must know; nothing `wanted` is all there are.

    Raises ArchiveError where the layer is no output of search_scenes, or a word of `wanted` is none of FILES.
    """
    unknown = [word for word in wanted if word not in FILES]
    if unknown:
        raise ArchiveError(f"A scene has no file '{unknown[0]}'; the known ones are: {', '.join(FILES)}.")
    scenes = granules_in(source, name)
    found = [RemoteFile(url) for scene in scenes for _, url in _addresses(scene, wanted or FILES)]
    return found, list(_lacking(scenes, wanted))


def _addresses(scene: GranuleSource, wanted: Collection[str]) -> Iterator[tuple[str, str]]:
    """(what it is, address) of the files that a scene has."""
    for kind, address_of in _ADDRESS.items():
        address = address_of(scene) if kind in wanted else None
        if address:
            yield kind, address


def _lacking(scenes: Sequence[GranuleSource], wanted: Collection[str]) -> Iterator[str]:
    """A sentence for each kind of file that was asked for by name and is not there."""
    for kind in wanted:
        n = sum(not any(_addresses(scene, (kind,))) for scene in scenes)
        if n:
            yield f"Of {n} of {len(scenes)} scenes the layer names no {kind} file."
