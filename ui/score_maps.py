"""Maps of the present question: a coarse one at once as a temporary layer, which then becomes a fine one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Optional

from qgis.core import QgsProcessingUtils, QgsProject
from qgis.PyQt.QtCore import QObject, pyqtSignal

from ..adapters.scene_layers import insert_layer
from ..adapters.score_map import change_map, map_layer, write_score_map
from ..core.errors import OutputError
from ..core.io.atomic import discard
from ..core.mapping import MapWritten
from ..core.metrics import METRICS
from ..core.progress import Progress
from .axes import count_text
from .looking import Candidate, Terms
from .tasks import Queue

_QUICK_STRIDE = 4
"""The first map has a sixteenth of the cells."""
_COARSE = " (preview)"


@dataclass(frozen=True)
class MapRequest:
    """A map that was asked for."""

    candidate: Candidate
    """The scene."""
    terms: Terms
    """Reference, metric and mask."""
    folder: Path
    """Where its files are."""

    @property
    def name(self) -> str:
        """Of the layer."""
        metric = METRICS[self.terms.metric]
        reference = self.terms.reference if "reference" in metric.needs else None
        return f"{metric.title}{f' to {reference.name}' if reference else ''}, {self.candidate.name}"

    def write(self, stride: int, progress: Progress) -> Made:
        """Score every pixel, or one in so many by so many. Not for the GUI thread; raises a PixelSpectraError."""
        terms, path = self.terms, self.folder / f"scores_{stride}.tif"
        references = () if terms.reference is None else (terms.reference,)
        return Made(self, path, write_score_map(self.candidate.granule(), references, terms.metric, path, terms.mask,
                                                True, stride, progress))


@dataclass(frozen=True)
class Made:
    """A map that was written."""

    asked: MapRequest
    """What was asked."""
    path: Path
    """The GeoTIFF."""
    written: MapWritten
    """What it holds."""


class ScoreMaps(QObject):
    """Makes maps and puts them into the project; what is cancelled stays as coarse as it is."""

    failed = pyqtSignal(str)
    """Why there is no map, in a sentence."""
    told = pyqtSignal(str)
    """What was made, in a sentence."""

    def __init__(self, project: QgsProject, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._project = project
        self._layers: dict[str, MapRequest] = {}
        self.drawing, self.refining = Queue(self), Queue(self)
        """Coarse maps, which nobody waits long for, and fine ones."""
        self.drawing.done.connect(self._take_coarse)
        self.refining.done.connect(lambda made: self._take_fine(*made))
        for queue in (self.drawing, self.refining):
            queue.failed.connect(self.failed)
        project.layersRemoved.connect(self._removed)

    def start(self, candidate: Optional[Candidate], terms: Terms) -> None:
        """Map a scene by the metric, reference and mask of `terms`, or say why that cannot be."""
        if candidate is None:
            self.failed.emit("No granule is open; open the one that is to be mapped.")
        elif terms.reference is None and "reference" in METRICS[terms.metric].needs:
            self.failed.emit(f"A map by '{METRICS[terms.metric].title}' needs a reference; choose one, or a metric "
                             "that needs none.")
        else:
            folder = Path(QgsProcessingUtils.generateTempFilename("scores")).parent
            asked = MapRequest(candidate, terms, folder)
            self.drawing.start(partial(asked.write, _QUICK_STRIDE), f"Mapping {candidate.name}")

    def cancel(self) -> None:
        """Make no more of what was asked; the maps that are there stay."""
        for queue in (self.drawing, self.refining):
            queue.cancel()

    def close(self) -> None:
        """Stop, and let go of the project."""
        self._project.layersRemoved.disconnect(self._removed)
        for queue in (self.drawing, self.refining):
            queue.close()

    def _take_coarse(self, made: Made) -> None:
        asked = made.asked
        try:
            layer = map_layer(made.path, asked.name + _COARSE)
        except OutputError as error:
            self.failed.emit(str(error))
            return
        insert_layer(layer, self._project)
        key = layer.id()
        self._layers[key] = asked
        job: Callable[[Progress], tuple[str, Made]] = partial(_refine, key, asked)
        self.refining.start(job, f"Refining the map of {asked.candidate.name}", key)

    def _take_fine(self, key: str, made: Made) -> None:
        layer = self._project.mapLayer(key)
        if layer is None:
            return
        try:
            change_map(layer, made.path, made.asked.name)
        except OutputError as error:
            self.failed.emit(str(error))
            return
        for stale in made.asked.folder.glob(f"scores_{_QUICK_STRIDE}.*"):
            discard(stale)
        written = made.written
        self.told.emit(f"The map is complete: {count_text(written.n_scored)} of {count_text(written.n_pixels)} pixels "
                       "have a score. It is lost when QGIS closes, unless you save it.")

    def _removed(self, keys: list[str]) -> None:
        for key in keys:
            if self._layers.pop(key, None) is not None:
                self.refining.drop(key)


def _refine(key: str, asked: MapRequest, progress: Progress) -> tuple[str, Made]:
    return key, asked.write(1, progress)
