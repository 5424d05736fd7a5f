"""The inspector: from an area to sights. Joins the scenes, the map, the dock and the tasks."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Optional

from qgis.core import Qgis, QgsProcessingContext, QgsProject
from qgis.PyQt.QtCore import QObject, Qt

from ..adapters.references import library_of
from ..adapters.settings import load_inspector_settings, save_inspector_settings
from ..core.archive.scene import Scene as Listed
from ..core.errors import AreaError
from ..core.libraries import Library
from ..core.metrics import METRICS
from ..core.progress import Progress, Share
from .area_source import AreaSource
from .dock import InspectorDock
from .elided import unmarked
from .exporting import Exporter
from .granule_bar import SceneRow
from .looking import Answer, Asked, Candidate, Terms, compare, finish, look, look_again, without_mask
from .map_marks import MapMarks
from .presenter import Presenter
from .reading_ahead import ReadingAhead
from .scenes import Scene, SceneList
from .score_maps import ScoreMaps
from .settings import MODES, InspectorSettings
from .sights import Area
from .spectrum_picture import ViewOptions
from .tasks import Latest, Queue

_GIVEN_UP = "reading them was cancelled; press 'Inspect' to read them."


class Inspector(QObject):
    """What stands behind the dock; :meth:`close` leaves nothing behind."""

    def __init__(self, iface: Any) -> None:
        """`iface` is QGIS': its canvas, message bar and main window are used."""
        super().__init__(iface.mainWindow())
        self._iface = iface
        self.settings = InspectorSettings.from_plain(load_inspector_settings())
        self.dock = InspectorDock(iface.mainWindow())
        self.areas, self.marks = AreaSource(iface, self), MapMarks(iface.mapCanvas())
        self.opening, self.libraries = Queue(self), Queue(self)
        self.looking, self.comparing, self.ahead = Latest(self), Latest(self), ReadingAhead(self)
        self.scenes = SceneList(QgsProject.instance(), iface.mapCanvas(), self.opening)
        self.presenter = Presenter(self.dock, self.marks, self)
        self.exporter = Exporter(self.dock, self.presenter, self)
        self.maps = ScoreMaps(QgsProject.instance(), self)
        self._number = 0
        self._asked: Optional[Asked] = None
        self._stale = False
        self._chosen: Optional[str] = None
        self._libraries: dict[str, Library] = {}
        self._restore()
        self._wire()
        self._show_scenes()
        self.presenter.show(())
        iface.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.dock)
        self.dock.take_room()
        if self.settings.splitter:
            self.dock.splitter.setSizes(list(self.settings.splitter))

    def _wire(self) -> None:
        """Who hears whom."""
        dock = self.dock
        dock.closed.connect(self._hidden)
        dock.shown.connect(lambda: self.presenter.set_visible(True))
        dock.cancel_asked.connect(self._cancel)
        dock.cancel_asked.connect(self.exporter.writing.cancel)
        dock.cancel_asked.connect(self.maps.cancel)
        dock.cancel_asked.connect(self.scenes.cancel)
        dock.granules.open_asked.connect(self.open)
        dock.granules.chosen.connect(self._choose)
        dock.granules.recent_cleared.connect(lambda: self._remember(recent=()))
        dock.question.changed.connect(self._asked_anew)
        dock.question.inspect_asked.connect(self.look_again)
        dock.question.map_asked.connect(self.map_scene)
        dock.question.mode_chosen.connect(self._mode)
        dock.question.library_asked.connect(self.open_library)
        dock.score.library_chosen.connect(self._match_against)
        dock.spectrum.pin_asked.connect(self.pin)
        dock.spectrum.clear_asked.connect(self.clear)
        dock.spectrum.changed.connect(self._options)
        self.presenter.threshold_changed.connect(self._thresholds)
        self.areas.marked.connect(self.inspect)
        self.areas.tool.left.connect(lambda: dock.question.set_mode(""))
        for source in (self.areas, self.looking, self.comparing, self.scenes, self.exporter, self.maps):
            source.failed.connect(self.complain)
        for source in (self.areas, self.scenes, self.marks, self.exporter, self.maps, self.ahead):
            source.told.connect(self.tell)
        self.libraries.failed.connect(self._library_refused)
        self.libraries.done.connect(self._library_read)
        self.looking.done.connect(self._looked)
        self.looking.failed.connect(self._settle)
        self.comparing.done.connect(self.presenter.show_comparison)
        for worker in self._workers:
            worker.progressed.connect(dock.show_progress)
            worker.busy.connect(self._show_busy)
        self.scenes.changed.connect(self._show_scenes)
        self.scenes.opened.connect(self._opened)

    def open(self, path: str) -> None:
        """Open a granule and show its picture."""
        self.scenes.open(path)

    def open_listed(self, listed: Listed) -> None:
        """Open a scene of the archive; its spectra are read over the network."""
        self.scenes.open_listed(listed)

    def open_library(self, path: str, name: str = "") -> None:
        """Read a library off the GUI thread; `name` is chosen from it when it is there."""
        def job(progress: Progress) -> tuple[str, Library, str]:
            return path, library_of(path, QgsProcessingContext()), name

        self.libraries.start(job, "Reading the library", path)

    def inspect(self, area: Area, add: bool = False, scene: Optional[str] = None) -> None:
        """Look at an area; `add` keeps what is shown beside it, `scene` is the key of where it is looked up."""
        if not self.scenes.scenes:
            self.complain("No granule is open; open one first ('Open granule…', or drop its file on the map).")
            return
        self.dock.show()
        candidates = self._candidates(area, scene or self._chosen)
        self._number += 1
        if not area.title:  # a drawing has one feature, which is called by the number of the sight
            area = replace(area, feature_ids=(self._number,))
        self._asked = Asked(area, candidates, self._number, self.presenter.free_colour(add, self._number),
                            add)
        self._start()

    def look_again(self) -> None:
        """Ask the present question of all that is shown, and of the place that waits for its answer."""
        self._stale = bool(self.presenter.sights)
        if self._stale or self._asked is not None:
            self._start()

    def map_scene(self) -> None:
        """Ask the present question of every pixel of the granule: of the last sight, else that chosen or topmost."""
        scenes = {scene.key: scene for scene in self.scenes.scenes}
        sights = self.presenter.sights
        key = sights[-1].scene if sights else self._chosen
        scene = scenes.get(key or "") or next(iter(scenes.values()), None)
        if scene is not None and scene.over_network:
            self.complain(f"A map needs every pixel of '{scene.name}', which is read over the network; download the "
                          "granule first, and open the file.")
            return
        self.maps.start(None if scene is None else self._candidate(scene), self._terms())

    def pin(self) -> None:
        """Keep what is shown when the next place is clicked."""
        self.presenter.show([sight.pin() for sight in self.presenter.sights])
        self._compare()

    def clear(self) -> None:
        """Show nothing."""
        self._cancel()
        self.presenter.show(())

    def complain(self, sentence: str) -> None:
        """Say once what went wrong."""
        self._iface.messageBar().pushMessage("Pixel Spectra", unmarked(sentence), Qgis.MessageLevel.Warning, 15)

    def tell(self, sentence: str) -> None:
        """Say once what is worth knowing."""
        self._iface.messageBar().pushMessage("Pixel Spectra", unmarked(sentence), Qgis.MessageLevel.Info, 8)

    def show(self) -> None:
        """Show the dock and take the map."""
        self.dock.show()
        self.dock.raise_()
        self.dock.question.set_mode(self.settings.mode)
        self.areas.start(self.settings.mode)

    def close(self) -> None:
        """Stop all work and take everything off the window."""
        self._remember(visible=self.dock.isVisible(), splitter=tuple(self.dock.splitter.sizes()))
        for worker in (self.looking, self.comparing, self.ahead, self.opening, self.libraries, self.exporter,
                       self.maps):
            worker.close()
        self.areas.close()
        self.scenes.close()
        self.marks.close()
        self._iface.removeDockWidget(self.dock)
        self.dock.deleteLater()
        self.deleteLater()

    def _start(self) -> None:
        """Look at the place asked for; also again at what is shown, where that answers an older question."""
        self.comparing.cancel()
        asked, terms, sights = self._asked, self._terms(), self.presenter.sights if self._stale else None
        candidates = [self._candidate(scene) for scene in self.scenes.scenes]

        def job(progress: Progress) -> Answer:
            half = 0.0 if sights is None else 0.5 if asked is not None else 1.0
            again = None if sights is None else look_again(sights, candidates, terms, Share(progress, 0.0, half))
            if asked is None:
                return Answer(again, None)
            try:
                return Answer(again, look(asked.area, asked.candidates, terms, asked.number, asked.colour,
                                          Share(progress, half, 1.0)))
            except AreaError as error:
                return Answer(again, None, str(error))

        self.looking.start(job, "Inspecting")

    def _finish(self) -> bool:
        """Read what a remote granule did not send at once; whether there is such."""
        unfinished = self.presenter.unfinished
        if unfinished:
            candidates = [self._candidate(scene) for scene in self.scenes.scenes]
            self.looking.start(partial(finish, unfinished, candidates, self._terms()), "Reading the mask")
        return bool(unfinished)

    def _looked(self, answer: Answer) -> None:
        """A new sight takes the place of the candidate; sights that were looked at again take their own."""
        asked = self._asked
        self._settle()
        if answer.refusal:
            self.complain(answer.refusal)
            if answer.again is None and not answer.finished:
                self._finish()
                return
        shown = answer.shown(self.presenter.sights, asked is not None and asked.adds)
        open_scenes = {scene.key for scene in self.scenes.scenes}
        self.presenter.show([sight for sight in shown if sight.scene in open_scenes])
        self._tell_of_granule()
        self._go_on()

    def _go_on(self) -> None:
        """What comes after a sight: first what it lacks, then what it looks like."""
        if self._finish():
            return
        self._compare()
        for scene in {sight.scene for sight in self.presenter.sights}:
            self.scenes.learn(scene)
        self.ahead.start(self.presenter.sights, self.scenes)

    def _settle(self) -> None:
        """Nothing waits for an answer."""
        self._asked, self._stale = None, False

    def _tell_of_granule(self, key: str = "") -> None:
        """The bars know the granule of the last sight, or the one opened: its bands, its mask, its date."""
        sights = self.presenter.sights
        scene = self.scenes.scene(sights[-1].scene if sights and not key else key)
        if scene is not None:
            self.dock.question.set_bands(scene.bands)
            self.dock.question.set_flags(*scene.mask_names)
            self.dock.granules.show_active(scene.key)

    def _compare(self) -> None:
        """Then all metrics of a pixel, and what it or an area looks like most."""
        self.comparing.cancel()
        last = self.presenter.sights[-1] if self.presenter.sights else None
        if last is not None and not last.unfinished and last.seen.spectra.pixel_valid.any():
            library = self._libraries.get(self.dock.score.matches.library)
            self.comparing.start(partial(compare, last.seen, library), "Comparing")

    def _match_against(self) -> None:
        """Another library was chosen."""
        self.dock.score.matches.show_waiting()
        self._compare()

    def _terms(self) -> Terms:
        question = self.dock.question.question()
        return Terms(question.reference, question.metric, question.mask, question.reference_file)

    def _candidates(self, area: Area, chosen: Optional[str]) -> list[Candidate]:
        """The scene chosen, or those under the area, topmost first; a lone scene answers for itself."""
        if chosen is not None:
            return [self._candidate(s) for s in self.scenes.scenes if s.key == chosen]
        bounds = area.bounds
        covering = () if bounds is None else self.scenes.covering(*bounds)
        if not covering and len(self.scenes.scenes) == 1:
            covering = self.scenes.scenes
        return [self._candidate(scene) for scene in covering]

    def _candidate(self, scene: Scene) -> Candidate:
        return Candidate(scene.key, scene.name, partial(self.scenes.granule, scene), scene.over_network)

    def _show_scenes(self) -> None:
        """The list of granules changed; what was seen in those that are gone goes too."""
        scenes = self.scenes.scenes
        self.dock.granules.show_scenes([SceneRow(s.key, s.name, s.acquired, s.companions) for s in scenes])
        keys = {scene.key for scene in scenes}
        if self._chosen not in keys:
            self._choose(None)
        left = [sight for sight in self.presenter.sights if sight.scene in keys]
        if len(left) < len(self.presenter.sights):
            self.presenter.show(left)
            self._compare()
        self._tell_of_granule()

    def _choose(self, key: Optional[str]) -> None:
        self._chosen = key
        self.dock.granules.choose(key)

    def _opened(self, scene: Scene) -> None:
        self._remember(recent=self.settings.with_recent(scene.source.path).recent)
        self.dock.granules.set_recent(self.settings.recent)
        self._tell_of_granule(scene.key)

    def _library_read(self, read: tuple[str, Library, str]) -> None:
        path, library, name = read
        self.dock.question.add_library(path, library)
        self._libraries[path] = library
        self.dock.score.matches.add_library(path)
        if name in library:
            self.dock.question.choose_reference(library[name], path)

    def _library_refused(self, sentence: str) -> None:
        """Beside the list of references where that is open."""
        shown = self.dock.question.chooser.isVisible()
        (self.dock.question.show_problem if shown else self.complain)(sentence)

    def _asked_anew(self) -> None:
        """The reference, the metric or the mask is another."""
        question = self.dock.question.question()
        reference = question.reference
        inside = question.reference_file
        self._remember(reference=reference.id if reference is not None and not inside else "",
                       reference_file=inside, reference_name=reference.id if reference is not None and inside else "",
                       metric=question.metric, mask=question.mask or "")
        self._show_options()
        self.look_again()

    def _mode(self, mode: str) -> None:
        if mode in MODES:
            self._remember(mode=mode)
        self.areas.start(mode)

    def _options(self) -> None:
        """The view of the plot was changed."""
        chosen = self.dock.spectrum.options()
        scaled = None if chosen.scaled == self._scaled_by_metric() else chosen.scaled
        self._remember(unit=chosen.unit, scaled=scaled, masked_shown=chosen.masked_shown,
                       legend_shown=chosen.legend_shown, view=chosen.view)
        self.dock.line.set_unit(chosen.unit)

    def _thresholds(self, metric: str, threshold: float) -> None:
        self.settings = replace(self.settings, thresholds={**self.settings.thresholds, metric: threshold})

    def _remember(self, **changes: Any) -> None:
        self.settings = replace(self.settings, **changes)
        save_inspector_settings(self.settings.to_plain())

    def _restore(self) -> None:
        """As it was when the program was closed."""
        settings = self.settings
        self.presenter.thresholds.update(settings.thresholds)
        self.dock.granules.set_recent(settings.recent)
        self.dock.question.restore(settings)
        self._show_options()
        self.dock.line.set_unit(settings.unit)
        if settings.reference_file:
            self.open_library(settings.reference_file, settings.reference_name)

    def _show_options(self) -> None:
        """The view as the user chose it; whether the reference is scaled follows the metric until they decide."""
        settings = self.settings
        scaled = self._scaled_by_metric() if settings.scaled is None else settings.scaled
        self.dock.spectrum.set_options(ViewOptions(settings.unit, scaled, settings.masked_shown, settings.legend_shown,
                                                   settings.view))

    def _scaled_by_metric(self) -> bool:
        return METRICS[self.dock.question.question().metric].scale_invariant

    def _show_busy(self) -> None:
        self.dock.show_busy(any(worker.running for worker in self._workers))

    @property
    def _workers(self) -> tuple[Queue, ...]:
        """Those whose progress is shown, and that can be cancelled."""
        return (self.looking, self.areas.reading, self.opening, self.exporter.writing, self.maps.drawing,
                self.maps.refining)

    def _cancel(self) -> None:
        """Look at nothing more; what is shown stays, and is brought up to date by the next question."""
        self._asked = None
        for worker in (self.looking, self.areas.reading, self.comparing):
            worker.cancel()
        if self.presenter.unfinished:
            self.presenter.show([without_mask(sight, _GIVEN_UP) for sight in self.presenter.sights])

    def _hidden(self) -> None:
        """The dock was closed: only what is being saved goes on, and the map is as without it."""
        self._cancel()
        self.areas.stop()
        self.presenter.set_visible(False)
        self._remember(visible=False)
