"""The vetted candidates of the project: joins their layer, the dock, the map and the inspector."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Optional

from qgis.core import Qgis, QgsMapLayer, QgsProject, QgsVectorLayer
from qgis.PyQt.QtCore import QObject, Qt, QTimer

from ..adapters.verdict_style import show_verdicts
from ..adapters.vetted_layer import (
    N_BACKGROUND,
    PERCENTILE,
    VERDICT,
    extent_on_map,
    is_vetted,
    judge,
    note,
    outline,
    rows_of,
    set_thresholds,
    thresholds_of,
)
from ..core.errors import PixelSpectraError
from ..core.libraries import bundled_library
from ..core.vetting.ranking import Thresholds
from .candidate_export import Written, export_job
from .candidates_dock import CandidatesDock
from .sights import Area
from .tasks import Queue
from .vetting_model import JUDGED, NOTE

if TYPE_CHECKING:
    from .inspector import Inspector

ALGORITHM = "pixelspectra:vet_candidates"
_SOON_MS = 80
"""So long a row must stay the current one before the map and the inspector follow."""
_MARGIN, _LEAST = 5.0, 0.01
"""The map shows so many times the extent of a candidate, and at least so many degrees."""


class Candidates(QObject):
    """What stands behind the dock of candidates; :meth:`close` leaves nothing behind."""

    def __init__(self, iface: Any, inspector: Callable[[], Optional[Inspector]]) -> None:
        """`inspector` gives the inspector where there may be open granules, else None."""
        super().__init__(iface.mainWindow())
        self._iface, self._canvas, self._inspector = iface, iface.mapCanvas(), inspector
        self._project = QgsProject.instance()
        self.dock = CandidatesDock(iface.mainWindow())
        self.writing = Queue(self)
        """The exports."""
        self.layer: Optional[QgsVectorLayer] = None
        """The layer that is shown."""
        self._ids: tuple[int, ...] = ()
        self._row_of: dict[int, int] = {}
        self._saved: list[str] = []
        self._wires: list[tuple[Any, Callable[..., None]]] = []
        self._telling = self._following = False
        self._dialog: Any = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(self._go)
        self._zoom = True
        self._wire()
        iface.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, self.dock)
        self.dock.take_room()
        self._take(self._project.mapLayers().values())

    def _wire(self) -> None:
        dock = self.dock
        dock.layer_chosen.connect(self.choose)
        dock.vet_asked.connect(self.vet)
        dock.export.asked.connect(self.export)
        dock.table.chosen.connect(self._chosen)
        dock.table.picked.connect(self._picked)
        dock.table.judged.connect(self._judged)
        dock.table.noted.connect(self._noted)
        dock.verdicts.thresholds_changed.connect(self._thresholds_moved)
        dock.verdicts.released.connect(self._thresholds_set)
        dock.cancel_asked.connect(self.writing.cancel)
        self.writing.progressed.connect(dock.show_progress)
        self.writing.busy.connect(dock.show_busy)
        self.writing.done.connect(self._written)
        self.writing.failed.connect(self.complain)
        self._project.layersAdded.connect(self._take)
        self._project.layersWillBeRemoved.connect(self._leave)
        self._project.layersRemoved.connect(self._offer)

    def close(self) -> None:
        """Stop all work and take everything off the window; a note that is being typed is kept."""
        self._project.layersAdded.disconnect(self._take)
        self._project.layersWillBeRemoved.disconnect(self._leave)
        self._project.layersRemoved.disconnect(self._offer)
        self._soon.stop()
        self.writing.close()
        self._let_go()
        self._iface.removeDockWidget(self.dock)
        self.dock.deleteLater()
        self.deleteLater()

    def show(self) -> None:
        """Show the dock, with the current layer where it is one of candidates."""
        self.dock.show()
        self.dock.raise_()
        current = self._iface.activeLayer()
        if is_vetted(current) and current is not self.layer:
            self.choose(current.id())

    def choose(self, layer_id: str) -> None:
        """Show the candidates of a layer."""
        self._let_go()
        layer = self._project.mapLayer(layer_id)
        if isinstance(layer, QgsVectorLayer) and is_vetted(layer):
            self.layer = layer
            self._wires = [(layer.selectionChanged, self._selected), (layer.attributeValueChanged, self._edited),
                           (layer.dataChanged, self._reload), (layer.editingStopped, self._reload),
                           (layer.nameChanged, self._offer)]
            for signal, slot in self._wires:
                signal.connect(slot)
        self._offer()
        self._reload()

    def vet(self) -> None:
        """Open the Processing dialog, with the open granules and the current layer filled in."""
        import processing  # QGIS' own plugin, which may come later than this one

        current, inspector = self._iface.activeLayer(), self._inspector()
        filled: dict[str, Any] = {}
        if isinstance(current, QgsVectorLayer) and not is_vetted(current):
            filled["CANDIDATES"] = current.id()
        if inspector is not None and inspector.scenes.scenes:
            filled["GRANULES"] = [scene.source.path for scene in inspector.scenes.scenes]
        dialog = processing.createAlgorithmDialog(ALGORITHM, filled)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()
        self._dialog = dialog  # without its Python side, which nothing else keeps, 'Run' would do nothing

    def export(self, kind: str, path: str) -> None:
        """Save the candidates that are shown, as they are now in their layer."""
        self.dock.table.finish_note()
        if self.layer is None:
            return
        inspector = self._inspector()
        granules = {} if inspector is None else {scene.name: partial(inspector.scenes.granule, scene)
                                                 for scene in inspector.scenes.scenes}
        try:
            self.writing.start(export_job(kind, self.layer, path, granules), "Exporting candidates")
        except PixelSpectraError as error:
            self.complain(str(error))

    def complain(self, sentence: str) -> None:
        """Say once what went wrong."""
        self._iface.messageBar().pushMessage("Pixel Spectra", sentence, Qgis.MessageLevel.Warning, 15)

    # ---- layers

    def _take(self, layers: Iterable[QgsMapLayer]) -> None:
        """Layers came: the last one of candidates is shown."""
        vetted = [layer for layer in layers if is_vetted(layer)]
        if vetted:
            self.choose(vetted[-1].id())

    def _leave(self, layer_ids: Iterable[str]) -> None:
        """Layers go; the one that is shown is let go of while it is there."""
        if self.layer is None or self.layer.id() not in layer_ids:
            return
        going = set(layer_ids)
        left = [layer.id() for layer in self._project.mapLayers().values()
                if layer.id() not in going and is_vetted(layer)]
        self.choose(left[0] if left else "")

    def _let_go(self) -> None:
        self.dock.table.finish_note()
        for signal, slot in self._wires:
            signal.disconnect(slot)
        self._wires, self.layer = [], None
        self._soon.stop()

    def _offer(self) -> None:
        """The list of layers."""
        vetted = [layer for layer in self._project.mapLayers().values() if is_vetted(layer)]
        self.dock.show_layers([(layer.id(), layer.name()) for layer in vetted],
                              "" if self.layer is None else self.layer.id())

    def _reload(self) -> None:
        """Show what is in the layer now; the user stays at their candidate."""
        if self._telling:
            return
        self.dock.table.finish_note()
        table, before = self.dock.table, self._ids[self.dock.table.row] if self.dock.table.row >= 0 else None
        self.dock.say("")
        if self.layer is None:
            self._ids, self._row_of, self._saved = (), {}, []
            table.show_columns({})
            return
        rows = rows_of(self.layer)
        self._ids, self._row_of = rows.feature_ids, {i: row for row, i in enumerate(rows.feature_ids)}
        self._saved = [str(verdict) for verdict in rows.columns[VERDICT]]
        table.show_columns(rows.columns)
        self.dock.verdicts.set_thresholds(thresholds_of(self.layer, rows))
        self._count()
        if before in self._row_of:
            self._following = True
            table.go_to(self._row_of[before])
            self._following = False

    def _count(self) -> None:
        model = self.dock.table.model
        self.dock.verdicts.show_candidates(model.column(PERCENTILE), model.column(JUDGED), model.column(N_BACKGROUND))

    # ---- what people say

    def _judged(self, rows: list[int], verdict: str) -> None:
        self._keep(lambda layer: judge(layer, [self._ids[row] for row in rows], verdict))
        self._count()

    def _noted(self, row: int, text: str) -> None:
        self._keep(lambda layer: note(layer, self._ids[row], text))

    def _thresholds_moved(self, accept: float, reject: float) -> None:
        """The verdicts follow at once; they are saved when the threshold is let go of."""
        model = self.dock.table.model
        thresholds = Thresholds(accept, reject)
        model.change_column(VERDICT, [thresholds.verdict(p, n) for p, n in zip(model.column(PERCENTILE),
                                                                               model.column(N_BACKGROUND))])

    def _thresholds_set(self, accept: float, reject: float) -> None:
        verdicts = self.dock.table.model.column(VERDICT)
        changed = {self._ids[row]: new for row, (old, new) in enumerate(zip(self._saved, verdicts)) if old != new}
        self._saved = verdicts
        self._keep(lambda layer: set_thresholds(layer, Thresholds(accept, reject), changed))
        self.dock.table.narrow()

    def _keep(self, write: Callable[[QgsVectorLayer], None]) -> None:
        """Write into the layer; where that fails, the table shows again what is in it."""
        if self.layer is None:
            return
        self._telling = True
        try:
            write(self.layer)
        except PixelSpectraError as error:
            self._telling = False
            self.complain(str(error))
            self._reload()
        finally:
            self._telling = False

    def _edited(self, feature_id: int, field: int, value: Any) -> None:
        """Someone edits the layer elsewhere."""
        layer = self.layer
        name = "" if layer is None else layer.fields().at(field).name()
        if not self._telling and name in (JUDGED, NOTE) and feature_id in self._row_of:
            self.dock.table.model.change(self._row_of[feature_id], name, str(value) if value else None)
            self._count()

    # ---- the candidate the user is at

    def _chosen(self, row: int) -> None:
        self._zoom = not self._following
        self._soon.start()

    def _picked(self) -> None:
        """The features of the selected rows are selected on the map."""
        if self.layer is not None and not self._following:
            self._telling = True
            self.layer.selectByIds([self._ids[i] for i in self.dock.table.selected])
            self._telling = False

    def _selected(self) -> None:
        """Features were selected on the map: go to their rows, and leave the map as it is."""
        if self._telling or self.layer is None:
            return
        rows = [self._row_of[i] for i in self.layer.selectedFeatureIds() if i in self._row_of]
        self._following = True
        self.dock.table.select(rows)
        self._following = False
        if rows and not set(rows) & set(self.dock.table.selected):
            self.dock.say("The filter hides the candidate that is selected on the map.")

    def _go(self) -> None:
        """The map and the inspector follow."""
        row = self.dock.table.row
        if self.layer is None or row < 0:
            return
        try:
            place = outline(self.layer, self._ids[row])
            if place is not None and self._zoom:
                self._canvas.setExtent(extent_on_map(place.bounds, _MARGIN, _LEAST,
                                                     self._canvas.mapSettings().destinationCrs(),
                                                     self._project.transformContext()))
                self._canvas.refresh()
            said = self._inspect(row, place)
        except PixelSpectraError as error:
            said = str(error)
        self.dock.say(said)

    def _inspect(self, row: int, place: Optional[Any]) -> str:
        """Ask the inspector for the candidate in its scene; what the user must know of it."""
        value = partial(self.dock.table.model.value, row)
        scene_id, reference_id = value("scene_id"), value("reference_id")
        if place is None or not scene_id:
            return value("reason") or "The candidate has no outline."
        inspector = self._inspector()
        scene = None if inspector is None else next((s for s in inspector.scenes.scenes if s.name == scene_id), None)
        if inspector is None or scene is None:
            return f"Open the granule '{scene_id}' to see the spectra of this candidate."
        said = [value("reason"), value("warnings")]
        question, wanted = inspector.dock.question, bundled_library().get(reference_id)
        asked = question.question()
        if wanted is not None and (asked.reference is None or asked.reference.id != wanted.id or asked.reference_file):
            question.choose_reference(wanted)
        elif wanted is None and reference_id and (asked.reference is None or asked.reference.id != reference_id):
            said.append(f"Its reference '{reference_id}' is not a bundled one; open its library in the inspector.")
        inspector.inspect(Area((place,), (self._ids[row],), f"candidate {value('candidate_id')}"), scene=scene.key)
        return " ".join(filter(None, said))

    def _written(self, written: Written) -> None:
        """An export is there; a layer comes into the project."""
        if written.source:
            layer = QgsVectorLayer(written.source, written.name, "ogr")
            show_verdicts(layer)
            if written.thresholds is not None:
                set_thresholds(layer, written.thresholds, {})
            self._project.addMapLayer(layer)
        self._iface.messageBar().pushMessage("Pixel Spectra", written.said, Qgis.MessageLevel.Info, 8)
