"""The scenes of the archive: joins the dock, the search, the map and the inspector."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from qgis.core import (
    Qgis,
    QgsProcessingFeatureSourceDefinition,
    QgsProject,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QObject, Qt
from qgis.PyQt.QtGui import QPixmap

from ..adapters.archive_client import anonymous_client, new_anonymous_client
from ..adapters.browse import fetch_picture
from ..adapters.credentials import load_sign_in
from ..adapters.downloads import downloaded
from ..adapters.remote_pictures import browse_alone
from ..adapters.scene_layers import browse_layer, insert_layer
from ..adapters.sign_in_choice import QGIS
from ..core.archive.archives import ARCHIVES, DATA
from ..core.archive.scene import Scene
from ..core.archive.searching import Found, first_address, search
from ..core.archive.web.http import HttpClient
from ..core.errors import ArchiveError, PixelSpectraError
from ..core.progress import Progress
from .archive_dock import ArchiveDock
from .archive_download import Brought, Downloads
from .archive_form import DRAWN, Wanted
from .archive_map import SceneFootprints
from .archive_model import SceneItem
from .archive_panel import Result
from .archive_places import SearchPlaces
from .archive_thumbnails import Thumbnails
from .elided import unmarked
from .tasks import Latest, Queue

if TYPE_CHECKING:
    from .inspector import Inspector

ALGORITHM = "pixelspectra:vet_candidates"
SENSOR = next(iter(ARCHIVES))
"""The dock asks for the scenes of the one there is."""
_MOST_BROWSED = 20
"""Browse pictures that are laid on the map at once."""
_SIGN_INS = {"environment": "Sign-in: environment", "netrc": "Sign-in: netrc file",
             QGIS: "Sign-in: QGIS authentication"}
_SIGN_IN = "Sign-in: environment or netrc file"


class ArchiveSearch(QObject):
    """What stands behind the dock of the archive; :meth:`close` leaves nothing behind."""

    endpoint: Optional[str] = None
    """Which catalogues are asked in place of the archive's own; for tests."""

    def __init__(self, iface: Any, inspector: Callable[[], Inspector], running: Callable[[], Optional[Inspector]]
                 ) -> None:
        """`inspector` brings the inspector up; `running` gives it only where it is there already."""
        super().__init__(iface.mainWindow())
        self._iface, self._inspector, self._running = iface, inspector, running
        self._canvas = iface.mapCanvas()
        self.dock = ArchiveDock(iface.mainWindow())
        self.panel = self.dock.panel
        self.searching, self.browsing = Latest(self), Queue(self)
        self.thumbnails = Thumbnails(self._picture_at, self)
        self._client: Optional[HttpClient] = None
        self.places = SearchPlaces(self._canvas, self._shown_areas, self)
        self.footprints = SceneFootprints(iface, self)
        self.scenes: dict[str, Scene] = {}
        """Those that the last search found, by id."""
        self.downloads = Downloads(iface.mainWindow(), self)
        self._dialog: Any = None
        self._wire()
        self._offer_areas()
        self.show_sign_in()
        iface.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, self.dock)
        self.dock.take_room()

    def _wire(self) -> None:
        panel, form = self.panel, self.panel.form
        form.search_asked.connect(self.search)
        form.areas_asked.connect(self._offer_areas)
        form.draw_asked.connect(self.places.draw)
        form.sign_in_asked.connect(self.sign_in)
        panel.open_asked.connect(self.open)
        panel.browse_asked.connect(self.browse)
        panel.download_asked.connect(lambda keys: self.downloads.ask(self._known(keys)))
        panel.vet_asked.connect(self.vet)
        panel.cancel_asked.connect(self.cancel)
        panel.filtered.connect(self.footprints.narrow)
        panel.list.selected.connect(self.footprints.select)
        panel.list.hovered.connect(self._hovered)
        panel.list.on_view.connect(self._wanted)
        self.footprints.selected.connect(panel.select)
        self.thumbnails.ready.connect(lambda key, image: panel.list.scenes().set_thumbnail(
            key, QPixmap.fromImage(image)))
        self.places.drawn.connect(self._area_drawn)
        self.dock.shown.connect(lambda: self._set_visible(True))
        self.dock.closed.connect(lambda: self._set_visible(False))
        self.searching.done.connect(self._found)
        self.browsing.done.connect(self._browsed)
        self.downloads.brought.connect(self._brought)
        self.downloads.told.connect(self.tell)
        self.searching.busy.connect(form.set_searching)
        for source in (self.searching, self.browsing, self.downloads.running, self.places):
            source.failed.connect(self.complain)
        self.places.told.connect(self.tell)
        for worker in self._workers:
            worker.progressed.connect(panel.show_progress)
            worker.busy.connect(self._show_busy)

    def close(self) -> None:
        """Stop all work and take everything off the window; the layers stay, as any layer does."""
        for worker in (self.searching, self.browsing, self.downloads, self.thumbnails):
            worker.close()
        if self._client is not None:
            self._client.close()
        self.places.close()
        self.footprints.close()
        self._iface.removeDockWidget(self.dock)
        self.dock.deleteLater()
        self.deleteLater()

    def show(self) -> None:
        """Show the dock."""
        self._offer_areas()
        self.show_sign_in()
        self.dock.show()
        self.dock.raise_()

    def search(self, wanted: Wanted) -> None:
        """Ask the archive, off the GUI thread."""
        try:
            area = self.places.reader(wanted.area)
        except PixelSpectraError as error:
            self.complain(str(error))
            return
        self.panel.show_notes(())
        self.searching.start(partial(_search, wanted, area, self.endpoint), "Searching the archive")

    def open(self, keys: Sequence[str]) -> None:
        """Open scenes in the inspector."""
        inspector = self._inspector()
        inspector.dock.show()
        inspector.dock.raise_()
        for scene in self._known(keys):
            inspector.open_listed(scene)

    def browse(self, keys: Sequence[str]) -> None:
        """Lay the browse pictures of scenes on the map."""
        scenes = self._known(keys)
        without = [scene.id for scene in scenes if not scene.browse_url]
        if without:
            self.tell(f"{len(without)} of the scenes have no browse picture, for instance '{without[0]}'.")
        if len(scenes) > _MOST_BROWSED:
            self.tell(f"The pictures of the first {_MOST_BROWSED} of {len(scenes)} scenes are laid on the map.")
        for scene in [scene for scene in scenes if scene.browse_url][:_MOST_BROWSED]:
            self.browsing.start(partial(_browse, scene), "Fetching the browse picture", scene.id)

    def vet(self, keys: Sequence[str]) -> None:
        """Open the Processing dialog with these scenes filled in."""
        import processing  # QGIS' own plugin, which may come later than this one

        layer = self.footprints.layer
        if layer is None:
            self.complain("The layer of footprints was removed from the project; search again.")
            return
        current = self._iface.activeLayer()
        chosen = self.panel.selected
        self.footprints.select(chosen)
        filled: dict[str, Any] = {"SCENES": QgsProcessingFeatureSourceDefinition(layer.id(), bool(chosen))}
        if isinstance(current, QgsVectorLayer) and current is not layer:
            filled["CANDIDATES"] = current.id()
        dialog = processing.createAlgorithmDialog(ALGORITHM, filled)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()
        self._dialog = dialog  # without its Python side, which nothing else keeps, 'Run' would do nothing

    def sign_in(self) -> None:
        """Show the settings of the sign-in."""
        from .sign_in_dialog import open_sign_in

        open_sign_in(self._iface.mainWindow(), self.show_sign_in)

    def show_sign_in(self) -> None:
        """How the user signs in; whether that works is known when something is read, or by the settings' test."""
        self.panel.form.set_sign_in(_SIGN_INS.get(load_sign_in().how, _SIGN_IN))

    def cancel(self) -> None:
        """Stop the search, the browse pictures and the downloads."""
        for worker in (self.searching, self.browsing, self.downloads):
            worker.cancel()

    def complain(self, sentence: str) -> None:
        """Say once what went wrong."""
        self._iface.messageBar().pushMessage("Pixel Spectra", unmarked(sentence), Qgis.MessageLevel.Warning, 15)

    def tell(self, sentence: str) -> None:
        """Say once what is worth knowing."""
        self._iface.messageBar().pushMessage("Pixel Spectra", unmarked(sentence), Qgis.MessageLevel.Info, 8)

    def _found(self, done: tuple[Found, frozenset[str]]) -> None:
        """The search is done."""
        found, here = done
        self.scenes = {scene.id: scene for scene in found}
        self.thumbnails.clear()
        items = tuple(_item(scene, scene.id in here) for scene in found)
        self.panel.show_result(Result(items, found.source, found.truncated, found.notices))
        self.footprints.show(list(found), found.source)

    def _browsed(self, browsed: tuple[Scene, Path]) -> None:
        """A browse picture is there."""
        scene, path = browsed
        try:
            insert_layer(browse_layer(path, f"Browse {scene.id}"), QgsProject.instance())
        except PixelSpectraError as error:
            self.complain(str(error))

    def _brought(self, brought: Brought) -> None:
        """Files are here: they are read in place of their addresses, also where a scene is open."""
        self.tell(brought.summary)
        self.panel.show_notes(brought.notices)
        self.panel.list.scenes().mark_here([scene.id for scene in brought.scenes])
        inspector = self._running()
        if inspector is not None:
            inspector.look_again()

    def _known(self, keys: Iterable[str]) -> list[Scene]:
        return [self.scenes[key] for key in keys if key in self.scenes]

    def _hovered(self, key: str) -> None:
        scene = self.scenes.get(key)
        self.footprints.point_out(None if scene is None else scene.footprint)

    def _wanted(self, keys: Sequence[str]) -> None:
        """Thumbnails of the rows on view."""
        if self._client is None:
            with suppress(PixelSpectraError):  # a proxy that cannot be used: the search has said so
                self._client = new_anonymous_client(first_address(SENSOR, self.endpoint))
        side = self.panel.list.sizeHintForRow(0)
        self.thumbnails.want({scene.id: scene.browse_url for scene in self._known(keys)}, max(side - 6, 16))

    def _picture_at(self, url: str) -> bytes:
        """In a worker's thread: over connections that all thumbnails share."""
        if self._client is None:
            raise ArchiveError("There is no way to the archive.")
        return fetch_picture(url, self._client)

    def _area_drawn(self) -> None:
        self._offer_areas()
        self.panel.form.choose_area(DRAWN)

    def _offer_areas(self) -> None:
        self.panel.form.set_areas(self.places.choices())

    def _shown_areas(self) -> Sequence[Any]:
        inspector = self._running()
        sights = () if inspector is None else inspector.presenter.sights
        return [geometry for sight in sights for geometry in sight.area.geometries if geometry is not None]

    def _set_visible(self, visible: bool) -> None:
        self.places.set_visible(visible)
        if not visible:
            self.footprints.point_out(None)

    def _show_busy(self) -> None:
        self.panel.show_busy(any(worker.running for worker in self._workers))

    @property
    def _workers(self) -> tuple[Queue, ...]:
        """Those whose progress is shown, and that can be cancelled."""
        return self.searching, self.browsing, self.downloads.running


def _search(wanted: Wanted, area: Callable[[Progress], Any], endpoint: Optional[str], progress: Progress
            ) -> tuple[Found, frozenset[str]]:
    """In the worker's thread: what there is, and the ids of what was downloaded before."""
    geometry = area(progress)
    with anonymous_client(first_address(SENSOR, endpoint)) as client:
        found = search(SENSOR, geometry, wanted.start, wanted.end, wanted.max_cloud,
                       day_night=wanted.day_night or None, endpoint=endpoint, client=client, progress=progress)
    return found, frozenset(scene.id for scene in found if downloaded(scene.url(DATA)) is not None)


def _browse(scene: Scene, progress: Progress) -> tuple[Scene, Path]:
    """In the worker's thread."""
    return scene, browse_alone(scene)


def _item(scene: Scene, here: bool) -> SceneItem:
    return SceneItem(scene.id, scene.start, scene.cloud, scene.day_night or "", scene.files[DATA].size_bytes or 0,
                     scene.browse_url, here)
