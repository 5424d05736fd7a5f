"""What opening granules takes off the GUI thread: a shelf of open granules, and jobs that return plain values."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Optional, Union

from ..adapters.credentials import opener_for
from ..adapters.downloads import downloaded, over_network
from ..adapters.remote_pictures import browse_picture, kept_picture, outline_picture
from ..adapters.scene_layers import QUICK_STRIDE, best_picture, files_of, write_picture
from ..adapters.settings import apply_settings
from ..core.archive.scene import Scene as Listed
from ..core.errors import Cancelled, PixelSpectraError
from ..core.geolocation import GltLocation
from ..core.progress import PatientLock, Progress
from ..core.sensors import Granule, GranuleSource, is_remote, open_granule
from ..core.sensors.emit.names import EmitName, companion_beside
from ..core.spectra import BandGrid

_COMPANIONS = ("L2A_MASK", "L2A_RFLUNCERT")
_LISTED = 3
"""Names written out in a sentence."""

Stamp = tuple[int, int]
"""Size and time of change of a file."""


@dataclass(frozen=True)
class Scene:
    """One open granule."""

    source: GranuleSource
    """What it is opened from."""
    layer_id: str
    """The layer that shows it."""
    name: str
    """Id of the granule."""
    acquired: Optional[datetime] = None
    """Start of the acquisition, UTC; None where unknown, and until the file was looked at."""
    companions: Mapping[str, Optional[str]] = field(default_factory=dict)
    """"MASK", "RFLUNCERT" -> path, or None where not found; empty for a product without companions."""
    notices: tuple[str, ...] = ()
    """What a user must know about the file."""
    bands: Optional[BandGrid] = field(default=None, compare=False)
    """Its bands; None until the file was looked at."""
    mask_names: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    """Flags and data layers of its MASK; empty without one."""
    listed: Optional[Listed] = field(default=None, compare=False, repr=False)
    """What the search said of it; None where it was not found by a search."""

    @property
    def is_remote(self) -> bool:
        """Whether it is one of the archive, by its address."""
        return is_remote(self.source.path)

    @property
    def over_network(self) -> bool:
        """Whether its spectra come over the network: it was not downloaded."""
        return over_network(self.source.path)

    @property
    def key(self) -> str:
        """What it is called by the program: its layer."""
        return self.layer_id


@dataclass(frozen=True)
class Opened:
    """A granule was looked at."""

    key: str
    """Of the job."""
    scene: Scene
    """With all its facts; its layer may still be to be made."""
    picture: Optional[Path]
    """Its picture; None where none was asked for."""


@dataclass(frozen=True)
class Drawn:
    """The full picture of a scene is made."""

    key: str
    """Of the job."""
    layer_id: str
    """The layer that is to show it."""
    picture: Path
    """Where it is."""


@dataclass(frozen=True)
class Found:
    """Where the granules of layers are."""

    key: str
    """Of the job."""
    asked: Mapping[str, GranuleSource]
    """Layer -> granule as the layer remembers it."""
    sources: Mapping[str, Optional[GranuleSource]]
    """Layer -> granule as it was found; None for one that is gone."""


@dataclass(frozen=True)
class Refused:
    """A job could not do its work."""

    key: str
    """Of the job."""
    sentence: str
    """Why, and what to do."""


class Shelf:
    """Granules opened once and kept; opened again where one of their files is another. For any thread.

    A granule of the archive tells itself that its file is another one; where it is downloaded, or that download is
    removed, it is opened again too.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._doors: dict[GranuleSource, PatientLock] = {}
        self._held: dict[GranuleSource, tuple[dict[str, Optional[Stamp]], Granule]] = {}

    def granule(self, source: GranuleSource) -> Granule:
        """The open granule; raises a PixelSpectraError where it cannot be opened any more.

        Whoever wants another granule does not wait while this one is opened.
        """
        with self._lock:
            door = self._doors.setdefault(source, PatientLock())
        with door:
            held = self._held.get(source)
            if held is None or not _as_they_were(source, held[0]):
                apply_settings()
                remote = is_remote(source.path)
                copies = _copies(source)
                granule = open_granule(source.path, source.mask_file, source.uncertainty_file,
                                       opener_for() if remote else None)
                files = copies if remote else (*map(str, files_of(Path(source.path))),
                                               *filter(None, _companions(granule).values()))
                held = {file: _stamp(file) for file in files}, granule
                self._held[source] = held
            return held[1]

    def drop(self, source: GranuleSource) -> None:
        """Forget a granule; never waits."""
        self._held.pop(source, None)


def look(shelf: Shelf, key: str, scene: Scene, picture: bool, progress: Progress) -> Union[Opened, Refused]:
    """Open the granule of a scene, and find or make a quick picture of it."""
    try:
        granule = shelf.granule(scene.source)
        path = None
        if picture:
            path = _first_picture(scene, granule, progress)
        return Opened(key, _with_facts(scene, granule), path)
    except Cancelled:
        raise
    except PixelSpectraError as error:
        return Refused(key, str(error))


def learn(shelf: Shelf, key: str, scene: Scene, progress: Progress) -> Union[Opened, Refused]:
    """Find out the companions of a remote scene, which looking at it leaves alone."""
    try:
        granule = shelf.granule(scene.source)
        return Opened(key, _with_companions(_with_facts(scene, granule), granule), None)
    except Cancelled:
        raise
    except PixelSpectraError as error:
        return Refused(key, str(error))


def draw(shelf: Shelf, key: str, scene: Scene, progress: Progress) -> Union[Drawn, Refused]:
    """Make the full picture of a scene."""
    try:
        return Drawn(key, scene.layer_id, _full_picture(scene, shelf.granule(scene.source), progress))
    except Cancelled:
        raise
    except PixelSpectraError as error:
        return Refused(key, str(error))


def seek(key: str, asked: Mapping[str, GranuleSource], home: str, progress: Progress) -> Found:
    """Find granules where they were, or beside the project in the folder `home`."""
    return Found(key, asked, {layer: _found(source, home) for layer, source in asked.items()})


def granule_meant(path: str) -> str:
    """The granule of a companion file, where it lies beside it; any other path as it is."""
    name = None if is_remote(path) else EmitName.parse(path)
    if name is None or name.product not in _COMPANIONS:
        return path
    return companion_beside(path, None, "L2A_RFL") or path


def missing_sentence(paths: Sequence[str]) -> str:
    """Which granules of a project are gone, and what to do."""
    names = sorted({Path(path).name for path in paths})
    listed = ", ".join(f"'{name}'" for name in names[:_LISTED])
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    if len(names) == 1:
        return (f"The granule {listed} of this project is not there any more; put it back into "
                f"'{Path(paths[0]).parent}', or open it from its new place.")
    return (f"{len(names)} granules of this project are not there any more: {listed}{more}; put them back, or open "
            "them from their new places.")


def _first_picture(scene: Scene, granule: Granule, progress: Progress) -> Path:
    """What is shown at once: of a remote granule its outline, unless its picture was fetched before."""
    if not scene.is_remote:
        return best_picture(scene.source) or write_picture(granule, QUICK_STRIDE, progress)
    listed = scene.listed
    return kept_picture(scene.source.path) or outline_picture(
        granule, None if listed is None else listed.footprint, final=not _browse_url(scene))


def _full_picture(scene: Scene, granule: Granule, progress: Progress) -> Path:
    if not scene.is_remote:
        return write_picture(granule, 1, progress)
    return browse_picture(granule, None if scene.listed is None else scene.listed.footprint, _browse_url(scene))


def _browse_url(scene: Scene) -> str:
    return "" if scene.listed is None else scene.listed.browse_url


def _found(source: GranuleSource, home: str) -> Optional[GranuleSource]:
    if is_remote(source.path):
        return source  # whether it is still there is asked when it is read
    path = _existing(source.path, home)
    if path is None:
        return None
    companions = (None if file is None else _existing(file, home)
                  for file in (source.mask_file, source.uncertainty_file))
    return GranuleSource(path, *companions)


def _existing(path: str, home: str) -> Optional[str]:
    beside = os.path.join(home, os.path.basename(path)) if home else path
    return next((os.path.abspath(place) for place in (path, beside) if os.path.isfile(place)), None)


def _as_they_were(source: GranuleSource, stamps: Mapping[str, Optional[Stamp]]) -> bool:
    """Whether the files of a granule, or what was downloaded of it, are those of `stamps`."""
    files = _copies(source) if is_remote(source.path) else stamps
    return {file: _stamp(file) for file in files} == dict(stamps)


def _copies(source: GranuleSource) -> list[str]:
    """What was downloaded of a granule of the archive."""
    addresses = (source.path, source.mask_file, source.uncertainty_file)
    found = (downloaded(address) for address in addresses if address is not None and is_remote(address))
    return [str(copy) for copy in found if copy is not None]


def _stamp(path: str) -> Optional[Stamp]:
    try:
        facts = os.stat(path)
    except OSError:
        return None  # opening it says what is wrong
    return facts.st_size, facts.st_mtime_ns


def _with_facts(scene: Scene, granule: Granule) -> Scene:
    if not scene.is_remote:
        return _with_companions(scene, granule)
    source = scene.source
    named = {"MASK": source.mask_file, "RFLUNCERT": source.uncertainty_file}
    return replace(scene, name=granule.id, acquired=granule.datetime, bands=granule.bands,
                   companions=scene.companions or {product: url for product, url in named.items() if url})


def _with_companions(scene: Scene, granule: Granule) -> Scene:
    companions = _companions(granule)
    quality = granule.quality
    names = ((), ()) if quality is None else (quality.flag_names, quality.data_names)
    return replace(scene, name=granule.id, acquired=granule.datetime, companions=companions, bands=granule.bands,
                   mask_names=names,
                   notices=(*granule.notices, *_notices(scene.source.path, granule, companions)))


def _companions(granule: Granule) -> dict[str, Optional[str]]:
    """Found or missing; only swaths have companions, and only reflectance has an uncertainty."""
    if not isinstance(granule.geolocation, GltLocation):
        return {}
    found: dict[str, Optional[str]] = getattr(granule, "companions", dict)()
    return {product: path for product, path in found.items()
            if product != "RFLUNCERT" or granule.quantity == "reflectance"}


def _notices(path: str, granule: Granule, companions: Mapping[str, Optional[str]]) -> tuple[str, ...]:
    """What a granule itself does not say; of a MASK that is there and of no use it does."""
    if granule.geolocation is None:
        return (f"'{granule.id}' has no location: it is shown by row and column, and a place on the map finds none of "
                "its pixels.",)
    if companions.get("MASK", "") is not None:
        return ()
    if is_remote(path):
        return (f"The archive has no MASK file of '{granule.id}', so clouds cannot be masked.",)
    if companion_beside(path, None, "L2A_MASK") is None:
        return (f"No MASK file was found beside '{granule.id}', so clouds cannot be masked; put it into the same "
                "folder and open the granule again.",)
    return ()
