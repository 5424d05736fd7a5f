"""What a scene of the archive is likely to be asked next is fetched while the user looks at the last answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Optional

from qgis.PyQt.QtCore import QObject, pyqtSignal

from ..adapters.credentials import cache_notices
from ..core.inspection import Inspection
from ..core.progress import Progress
from .scenes import SceneList
from .sights import Sight
from .tasks import Latest


class ReadingAhead(QObject):
    """Reads nothing that is waited for; what fails surfaces when it is asked for."""

    told = pyqtSignal(str)
    """What the user should know, once."""

    def __init__(self, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._told: set[str] = set()
        self.reading = Latest(self)
        """The job."""
        self.reading.done.connect(self._read)

    def start(self, sights: Sequence[Sight], scenes: SceneList) -> None:
        """Fetch the neighbours of the last sight, where its scene is read over the network."""
        scene = scenes.scene(sights[-1].scene) if sights else None
        if scene is not None and scene.over_network:
            self.reading.start(partial(_read_ahead, sights[-1].seen), "Reading ahead")

    def close(self) -> None:
        """Begin nothing more."""
        self.reading.close()

    def _read(self, notices: tuple[str, ...]) -> None:
        """That nothing can be kept on disk is told once."""
        for notice in notices:
            if notice not in self._told:
                self._told.add(notice)
                self.told.emit(notice)


def _read_ahead(seen: Inspection, progress: Progress) -> tuple[str, ...]:
    """In the worker's thread: begin to fetch, which goes on behind it; what must be known about the cache on disk."""
    seen.granule.prefetch(seen.pixels)
    return cache_notices()
