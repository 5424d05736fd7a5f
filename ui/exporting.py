"""Saves or copies what is shown: each kind of export is one function in a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Optional

from qgis.core import QgsProject, QgsVectorLayer
from qgis.PyQt.QtCore import QObject, pyqtSignal
from qgis.PyQt.QtWidgets import QApplication

from ..adapters.export import clipboard_text, memory_layer, write_layer, write_picture, write_table_csv
from ..adapters.processing_command import Recipe, processing_command, qgis_process_command
from ..core.errors import PixelSpectraError
from ..core.inspection import Inspection
from ..core.io.atomic import replacing
from ..core.progress import Progress
from .dock import InspectorDock
from .export_menu import EXPORTS
from .presenter import Presenter
from .tasks import Queue

PICTURE_SCALE = 2.0
"""Dots of a saved picture per dot of the screen."""

Seen = list[Inspection]


@dataclass(frozen=True)
class Written:
    """What came of an export."""

    said: str
    """What to tell the user."""
    layer: Optional[QgsVectorLayer] = None
    """A layer for the project."""
    source: str = ""
    """A file to load into the project."""
    name: str = ""
    """What the layer of that file is called."""
    text: str = ""
    """Text for the clipboard."""


class Exporter(QObject):
    """Carries out what the export menu asks for; a drawing (SVG) at once, everything else off the GUI thread."""

    failed = pyqtSignal(str)
    """Why nothing was written, in a sentence."""
    told = pyqtSignal(str)
    """What was written, in a sentence."""

    def __init__(self, dock: InspectorDock, presenter: Presenter, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._dock, self._presenter = dock, presenter
        self.writing = Queue(self)
        """The jobs that write."""
        self.writing.done.connect(self._written)
        self.writing.failed.connect(self.failed)
        dock.export.asked.connect(self.export)
        presenter.shown.connect(self._offer)
        self._offer()

    def export(self, kind: str, path: str = "") -> None:
        """Save or copy the sights that are shown now."""
        if not self._presenter.sights:
            return
        try:
            _EXPORT[kind](self, path)
        except PixelSpectraError as error:
            self.failed.emit(str(error))

    def close(self) -> None:
        """Stop writing."""
        self.writing.close()

    def _offer(self) -> None:
        """There is something to export where something is shown."""
        sights = self._presenter.sights
        self._dock.export.set_available({export.kind for export in EXPORTS} if sights else set())
        if sights:
            self._dock.export.set_name(sights[-1].seen.granule.id)

    def _png(self, path: str) -> None:
        picture = self._dock.picture(PICTURE_SCALE)

        def job(seen: Seen, threshold: Optional[float], progress: Progress) -> Written:
            write_picture(picture, path)
            return Written(f"The picture was saved as {path}")

        self._write(job)

    def _svg(self, path: str) -> None:
        with replacing(path) as temporary:
            self._dock.spectrum.write_svg(str(temporary))
        self.told.emit(f"The drawing was saved as {path}")

    def _csv(self, path: str) -> None:
        def job(seen: Seen, threshold: Optional[float], progress: Progress) -> Written:
            write_table_csv(seen, threshold, path, progress)
            return Written(f"The table was saved as {path}")

        self._write(job)

    def _layer(self, path: str) -> None:
        name = self._layer_name()

        def job(seen: Seen, threshold: Optional[float], progress: Progress) -> Written:
            source = write_layer(seen, threshold, path, progress)
            return Written(f"The layer was saved as {path}", source=source, name=name)

        self._write(job)

    def _memory(self, path: str) -> None:
        name = self._layer_name()

        def job(seen: Seen, threshold: Optional[float], progress: Progress) -> Written:
            return Written("A temporary layer was added to the project",
                           layer=memory_layer(seen, threshold, name, progress))

        self._write(job)

    def _values(self, path: str) -> None:
        def job(seen: Seen, threshold: Optional[float], progress: Progress) -> Written:
            return Written("The values were copied to the clipboard", text=clipboard_text(seen, threshold))

        self._write(job)

    def _python(self, path: str) -> None:
        self._command(processing_command, "The Python command was copied to the clipboard")

    def _qgis_process(self, path: str) -> None:
        self._command(qgis_process_command, "The qgis_process command was copied to the clipboard")

    def _command(self, make: Callable[[list[Recipe], Optional[float]], str], said: str) -> None:
        layers = {"", *QgsProject.instance().mapLayers()}  # of one that is gone, the features go into the command
        recipes = [Recipe(sight.seen, sight.area.geometries, layer if layer in layers else "", sight.reference_file)
                   for sight in self._presenter.sights for layer in (sight.area.layer_id,)]
        self._write(lambda seen, threshold, progress: Written(said, text=make(recipes, threshold)))

    def _write(self, job: Callable[[Seen, Optional[float], Progress], Written]) -> None:
        seen = [sight.seen for sight in self._presenter.sights]
        self.writing.start(partial(job, seen, self._presenter.threshold), "Exporting")

    def _written(self, written: Written) -> None:
        layer = QgsVectorLayer(written.source, written.name, "ogr") if written.source else written.layer
        if layer is not None:
            QgsProject.instance().addMapLayer(layer)
        if written.text:
            QApplication.clipboard().setText(written.text)
        self.told.emit(written.said)

    def _layer_name(self) -> str:
        return f"Spectra of {self._presenter.sights[-1].seen.granule.id}"


_EXPORT: dict[str, Callable[[Exporter, str], None]] = {
    "png": Exporter._png,
    "svg": Exporter._svg,
    "csv": Exporter._csv,
    "layer": Exporter._layer,
    "memory": Exporter._memory,
    "values": Exporter._values,
    "python": Exporter._python,
    "qgis_process": Exporter._qgis_process,
}
"""Kind of export -> what carries it out."""
