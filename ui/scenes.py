"""The granules that are open: each a layer of the project. Files are opened and pictures made off the GUI thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsMapLayer, QgsProject, QgsRasterLayer
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import QObject, QTimer, pyqtSignal

from ..adapters.granules import address_of
from ..adapters.scene_layers import (
    change_picture,
    extent_in,
    extent_lonlat,
    has_value_at,
    insert_layer,
    is_full,
    lasting_path,
    overlaps,
    picture_layer,
    remember,
    shows_own_picture,
    source_of,
)
from ..core.archive.scene import Scene as Listed
from ..core.errors import GranuleError, OutputError
from ..core.sensors import Granule, GranuleSource, is_remote
from .opening import (
    Drawn,
    Found,
    Opened,
    Refused,
    Scene,
    Shelf,
    draw,
    granule_meant,
    learn,
    look,
    missing_sentence,
    seek,
)
from .tasks import Job, Queue

__all__ = ["Scene", "SceneList"]

_MARGIN = 1.05
"""The map shows so many times the extent of a granule."""


class SceneList(QObject):
    """Opens granules, and follows the project in which their layers come and go."""

    changed = pyqtSignal()
    """The list, its order, or what is known of a scene."""
    opened = pyqtSignal(object)
    """A Scene that was asked for is on the map."""
    failed = pyqtSignal(str)
    """Why something could not be done, in one sentence."""
    told = pyqtSignal(str)
    """What the user should know, once."""

    def __init__(self, project: QgsProject, canvas: QgsMapCanvas, queue: Queue, parent: Optional[QObject] = None
                 ) -> None:
        """Adopts the granules that `project` holds already. `queue` runs the jobs; it may be shared."""
        super().__init__(parent)
        self._project, self._canvas, self._queue = project, canvas, queue
        self._shelf = Shelf()
        self._scenes: dict[str, Scene] = {}
        self._missing: dict[str, GranuleSource] = {}
        self._new: dict[str, GranuleSource] = {}
        self._asked: dict[str, str] = {}
        self._background: dict[str, tuple[Job, str]] = {}
        self._watched: set[str] = set()
        self._learned: set[str] = set()
        self._order: tuple[Scene, ...] = ()
        self._soon = QTimer(self)  # the layers of a project come one by one
        self._soon.setSingleShot(True)
        self._take: dict[type, Callable[[Any], None]] = {
            Opened: self._take_opened, Drawn: self._take_drawn, Found: self._take_found, Refused: self._take_refused}
        root = project.layerTreeRoot()
        self._wires = [(self._soon.timeout, self._seek), (queue.done, self._done), (project.layersAdded, self._added),
                       (project.layersRemoved, self._removed), (root.layerOrderChanged, self._reordered),
                       (root.visibilityChanged, self._reordered)]
        for signal, slot in self._wires:
            signal.connect(slot)
        self._added(project.mapLayers().values())

    def close(self) -> None:
        """Stop the jobs and let go of the project; may be called twice."""
        for signal, slot in self._wires:
            signal.disconnect(slot)
        self._wires = []
        self._soon.stop()
        for layer_id in list(self._watched):
            self._unwatch(layer_id)
        self.cancel()
        self._drop("seek")

    def cancel(self) -> None:
        """Open no more of what was asked, and make no finer pictures."""
        self._drop(*self._asked, *self._background)
        self._asked.clear()

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """Topmost first; those whose layer is hidden come last."""
        order = [layer.id() for layer in self._project.layerTreeRoot().layerOrder()]
        known = [self._scenes[key] for key in order if key in self._scenes]
        return tuple(sorted(known, key=lambda scene: not self._on_view(scene)))

    def scene(self, key: Optional[str]) -> Optional[Scene]:
        """The scene of that key, if it is still there."""
        return self._scenes.get(key or "")

    def granule(self, scene: Scene) -> Granule:
        """The open granule; for any thread but the GUI's, as it may read the file."""
        return self._shelf.granule(scene.source)

    def covering(self, x_min: float, y_min: float, x_max: float, y_max: float) -> tuple[Scene, ...]:
        """The scenes on view that meet a box in lon/lat, topmost first.

        At a single point, those whose picture is empty there are left out, unless all are.
        """
        met = []
        for scene in self.scenes:
            layer = self._layer(scene.key) if self._on_view(scene) else None
            extent = None if layer is None else extent_lonlat(layer, self._project)
            if extent is not None and overlaps(extent, (x_min, y_min, x_max, y_max)):
                met.append((scene, layer))
        if (x_min, y_min) == (x_max, y_max):
            met = [(s, layer) for s, layer in met if has_value_at(layer, x_min, y_min, self._project)] or met
        return tuple(scene for scene, _ in met)

    def open(self, path: str, mask_file: Optional[str] = None, uncertainty_file: Optional[str] = None) -> None:
        """Show a granule on the map and zoom to it; one that is open already is only zoomed to.

        Then companions that were not found before are looked for again. A companion opens the granule beside it.
        """
        try:
            path = address_of(path) or path
        except GranuleError as error:
            self.failed.emit(str(error))
            return
        meant = granule_meant(path)
        if meant != path:
            self.told.emit(f"'{Path(path).name}' belongs to '{Path(meant).name}', which was opened with it.")
        self._open(GranuleSource(*(None if p is None else lasting_path(p)  # type: ignore[arg-type]
                                   for p in (meant, mask_file, uncertainty_file))))

    def open_listed(self, listed: Listed) -> None:
        """Show a scene of the archive on the map and zoom to it; its spectra are read over the network."""
        self._open(listed.granule_source, listed)

    def _open(self, source: GranuleSource, listed: Optional[Listed] = None) -> None:
        there = next((s for s in self._scenes.values() if s.source.path == source.path), None)
        if there is not None and (there.source == source or source.mask_file is source.uncertainty_file is None):
            self._show_again(there)
            return
        layer_id = there.key if there is not None else self._moved_from(source)
        layer = self._layer(layer_id)
        scene = Scene(source, layer_id, Path(source.path).stem, listed=listed)
        key = f"open {source.path}"
        self._asked[key] = layer_id
        self._first(key, partial(look, self._shelf, key, scene, self._needs_picture(layer)), f"Opening {scene.name}")

    def learn(self, key: str) -> None:
        """Find out what looking at a remote scene left alone: its flags, and whether its companions can be read."""
        scene = self._scenes.get(key)
        if scene is not None and scene.is_remote and key not in self._learned:
            self._learned.add(key)
            job_key = f"look {key}"
            self._later(job_key, partial(learn, self._shelf, job_key, scene), f"Looking for companions of {scene.name}")

    # ---- jobs: what the user waits for goes before what can wait

    def _first(self, key: str, job: Job, title: str) -> None:
        waiting = dict(self._background)
        self._drop(key, *waiting)
        self._queue.start(job, title, key)
        for other, (job_of_other, title_of_other) in waiting.items():
            self._later(other, job_of_other, title_of_other)

    def _later(self, key: str, job: Job, title: str) -> None:
        self._background[key] = (job, title)
        self._queue.start(job, title, key)

    def _drop(self, *keys: str) -> None:
        for key in reversed(keys):  # the running one last, so that it is not followed by one that goes too
            self._background.pop(key, None)
            self._queue.drop(key)

    def _done(self, result: object) -> None:
        take = self._take.get(type(result))
        if take is not None:
            self._background.pop(getattr(result, "key", ""), None)
            take(result)

    def _take_refused(self, result: Refused) -> None:
        self._asked.pop(result.key, None)
        self._learned.discard(result.key.partition(" ")[2])  # it is tried again
        self.failed.emit(result.sentence)

    def _take_opened(self, result: Opened) -> None:
        asked = self._asked.pop(result.key, None) is not None
        scene, layer = result.scene, self._layer(result.scene.key)
        if scene.key and layer is None:
            return  # removed meanwhile
        try:
            scene = self._put(scene, layer, result.picture)
        except OutputError as error:
            self.failed.emit(str(error))
            return
        self._missing.pop(scene.key, None)
        if result.picture is not None and not is_full(result.picture):
            key = f"picture {scene.key}"
            self._later(key, partial(draw, self._shelf, key, scene), f"Drawing {scene.name}")
        self._tell_changed()
        if asked:
            self._zoom_to(scene)
            self.opened.emit(scene)
            for notice in scene.notices:
                self.told.emit(notice)

    def _put(self, scene: Scene, layer: Optional[QgsRasterLayer], picture: Optional[Path]) -> Scene:
        """Enter a scene, with its picture, in the list and in the project; raises OutputError."""
        if layer is None and picture is not None:
            layer = picture_layer(picture, scene.source, scene.name)
            scene = replace(scene, layer_id=layer.id())
            self._scenes[scene.key] = scene  # before it comes into the project, which tells of it
            insert_layer(layer, self._project)
        elif layer is not None:
            self._scenes[scene.key] = scene
            if picture is not None:
                change_picture(layer, picture)
            if source_of(layer) != scene.source:
                remember(layer, scene.source)
        return scene

    def _take_drawn(self, result: Drawn) -> None:
        layer = self._layer(result.layer_id)
        if layer is not None and result.layer_id in self._scenes:
            try:
                change_picture(layer, result.picture)
            except OutputError as error:
                self.failed.emit(str(error))

    # ---- the project

    def _added(self, layers: Iterable[QgsMapLayer]) -> None:
        for layer in layers:
            if isinstance(layer, QgsRasterLayer) and layer.id() not in self._watched:
                self._watched.add(layer.id())
                layer.styleLoaded.connect(self._restyled)
                self._adopt(layer)

    def _restyled(self) -> None:
        """A raster made by Processing learns from its style which granule it shows, after it was added."""
        layer = self.sender()
        if isinstance(layer, QgsRasterLayer):
            self._adopt(layer)

    def _adopt(self, layer: QgsRasterLayer) -> None:
        source = source_of(layer)
        if source is None or layer.id() in self._scenes or layer.id() in self._missing:
            return
        source = replace(source, path=lasting_path(source.path))
        self._scenes[layer.id()] = Scene(source, layer.id(), Path(source.path).stem)
        self._new[layer.id()] = source
        self._soon.start(0)

    def _seek(self) -> None:
        """Look where the granules of new layers are."""
        new, self._new = self._new, {}
        self._queue.start(partial(seek, "seek", new, self._project.homePath()), "Looking for granules", "seek")
        self._tell_changed()

    def _take_found(self, result: Found) -> None:
        for key, source in result.sources.items():
            scene, layer = self._scenes.get(key), self._layer(key)
            if scene is None or layer is None:
                continue
            if source is None:
                self._missing[key] = self._scenes.pop(key).source
                continue
            if is_remote(source.path) and layer.isValid():
                continue  # it is read when it is asked something: a project opens without the network
            job_key, scene = f"look {key}", replace(scene, source=source)
            self._later(job_key, partial(look, self._shelf, job_key, scene, self._needs_picture(layer)),
                        f"Opening {scene.name}")
        gone = [result.asked[key].path for key, source in result.sources.items() if source is None]
        if gone:
            self.told.emit(missing_sentence(gone))
            self._tell_changed()

    def _removed(self, layer_ids: Iterable[str]) -> None:
        for layer_id in layer_ids:
            self._watched.discard(layer_id)
            self._missing.pop(layer_id, None)
            self._new.pop(layer_id, None)
            self._learned.discard(layer_id)
            scene = self._scenes.pop(layer_id, None)
            if scene is not None:
                self._drop(f"look {layer_id}", f"picture {layer_id}")
                self._shelf.drop(scene.source)
        self._tell_changed()

    def _reordered(self) -> None:
        if self._order != self.scenes:
            self._tell_changed()

    def _tell_changed(self) -> None:
        self._order = self.scenes
        self.changed.emit()

    def _unwatch(self, layer_id: str) -> None:
        self._watched.discard(layer_id)
        layer = self._layer(layer_id)
        if layer is not None:
            layer.styleLoaded.disconnect(self._restyled)

    # ---- layers

    def _layer(self, layer_id: str) -> Optional[QgsRasterLayer]:
        layer = self._project.mapLayer(layer_id) if layer_id else None
        return layer if isinstance(layer, QgsRasterLayer) else None

    def _on_view(self, scene: Scene) -> bool:
        node = self._project.layerTreeRoot().findLayer(scene.key)
        return node is not None and node.isVisible()

    def _needs_picture(self, layer: Optional[QgsRasterLayer]) -> bool:
        """Whether a layer is to show a picture of ours: not where it shows a raster of the user's."""
        return layer is None or not layer.isValid() or shows_own_picture(layer)

    def _moved_from(self, source: GranuleSource) -> str:
        """The layer whose granule of that name was lost; "" where there is none."""
        name = Path(source.path).name
        return next((key for key, lost in self._missing.items() if Path(lost.path).name == name), "")

    def _show_again(self, scene: Scene) -> None:
        node = self._project.layerTreeRoot().findLayer(scene.key)
        if node is not None:
            node.setItemVisibilityCheckedParentRecursive(True)
        if None in scene.companions.values() or scene.is_remote:
            self._shelf.drop(scene.source)
            key = f"look {scene.key}"
            self._drop(key)
            self._later(key, partial(look, self._shelf, key, scene, False), f"Opening {scene.name}")
        self._zoom_to(scene)
        self.opened.emit(scene)

    def _zoom_to(self, scene: Scene) -> None:
        layer = self._layer(scene.key)
        if layer is None or not layer.isValid():
            return
        try:
            extent = extent_in(layer, self._canvas.mapSettings().destinationCrs(), self._project)
        except OutputError as error:
            self.failed.emit(str(error))
            return
        extent.scale(_MARGIN)
        self._canvas.setExtent(extent)
        self._canvas.refresh()
