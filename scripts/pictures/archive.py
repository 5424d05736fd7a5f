"""From the archive: draw an area, search, pick a scene, sign in, click, vet, download; the archive is on loopback."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

from pixel_spectra.adapters import credentials
from pixel_spectra.ui.archive_model import THUMBNAIL
from pixel_spectra.ui.archive_search import ArchiveSearch
from qgis.core import QgsApplication, QgsAuthMethodConfig, QgsCoordinateReferenceSystem, QgsFillSymbol, QgsProject
from qgis.PyQt.QtCore import QPoint, Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QAbstractButton, QApplication, QDialogButtonBox, QLineEdit, QWidget
from qgis.utils import iface, plugins

from loopback import LoopbackArchive

from . import offered, places, window
from .hands import LEFT, PLAIN, MapHands, TourError, click, drag, give_path, rest, wait_for
from .vetting import opened_dialog, run_dialog

_WAY_S, _BYTES_PER_S = 0.08, 5e6
"""How far the archive seems to be."""
_ACCOUNT, _PASSWORD = "analyst", "loopback-password"
_REGION = (-117.40, 37.34, -116.74, 37.86)
"""West, south, east, north of the map in which the area is drawn."""
_AREA = ((-117.17, 37.47), (-116.96, 37.50), (-116.94, 37.66), (-117.15, 37.69))
_DAYS = date(2023, 9, 1), date(2024, 5, 31)
_CLOUD = 40
_PLACES = {"style": "no", "outline_color": "#ff7f0e", "outline_width": "0.5"}
_CLOSE = (-117.200, 37.580, -117.139, 37.627)
"""Around the first of the places."""
_AUTHCFG = "earth01"


class ArchiveTour:
    """One walk through 'From the archive'."""

    def __init__(self, archive: LoopbackArchive, demo: Path, vetting: Path, folder: Path, theme: str
                 ) -> None:
        """`demo` and `vetting` hold the layers of places; pictures go to `folder` as "<theme>_archive_<step>.png"."""
        self._archive, self._demo, self._vetting, self._folder, self._theme = (
            archive, demo, vetting, folder, theme)
        self.entrance: Any = plugins["pixel_spectra"].entrance
        self.map = MapHands(iface.mapCanvas())
        self._key, self._next = (scene.file_name("L2A_RFL")[: -len(".nc")] for scene in (offered.DEMO, offered.NEXT))

    @property
    def desk(self) -> Any:
        """What stands behind the dock of the archive."""
        return self.entrance.archive()

    @property
    def inspector(self) -> Any:
        """What stands behind the dock of spectra."""
        return self.entrance.inspector()

    def walk(self) -> None:
        """All steps, in the order of the guide."""
        for step in (self.begin, self.draw, self.search, self.filter, self.browse, self.sign_in, self.open,
                     self.click_pixel, self.vet, self.download):
            print(f"{self._theme} archive: {step.__name__}", flush=True)
            step()

    def begin(self) -> None:
        """A project with places of interest, and the button of the dock."""
        QgsProject.instance().setCrs(QgsCoordinateReferenceSystem("EPSG:4326"))
        layer = iface.addVectorLayer(str(self._demo / "patches.geojson"), "places", "ogr")
        layer.renderer().setSymbol(QgsFillSymbol.createSimple(_PLACES))
        layer.triggerRepaint()
        window.tidy(iface.mainWindow())
        window.press_action(iface.mainWindow(), self.entrance.archive_action)
        window.tidy(iface.mainWindow())
        self.map.zoom_to(*_REGION)

    def draw(self) -> None:
        """The area, by clicks on the map."""
        click(_named(self.desk.dock, "Draw"))
        self.map.draw(_AREA)
        if self.desk.panel.form.wanted.area != "drawn":
            raise TourError("the drawn area is not chosen")

    def search(self) -> None:
        """Days, the button Search; then the pointer on a scene of the list."""
        self.desk.panel.form.set_dates(*_DAYS)
        iface.messageBar().clearWidgets()
        click(_named(self.desk.dock, "Search"))
        model = self.desk.panel.list.scenes()
        wait_for(lambda: model.rowCount() == len(offered.CLOUD) + len(offered.OLDER), "all scenes are found")
        wait_for(lambda: all(model.index(row, 0).data(THUMBNAIL) for row in range(8)), "their pictures are there")
        view = self.desk.panel.list
        QTest.mouseMove(view.viewport(), view.visualRect(model.index(5, 0)).center())
        self.map.wait()
        self.take("found")

    def filter(self) -> None:
        """Less cloud, a part of the time; then the scene is clicked in the list."""
        panel = self.desk.panel
        panel.filter.cloud.setFocus()
        panel.filter.cloud.setValue(_CLOUD)
        slider = panel.filter.dates
        start, end = QPoint(4, slider.height() - 8), QPoint(slider.width() // 3, slider.height() - 8)
        drag(slider, start, (start + end) / 2, end)
        self._pick(self._key)
        self.map.wait()

    def browse(self) -> None:
        """The browse picture under the footprint."""
        click(_named(self.desk.dock, "Browse picture"))
        wait_for(lambda: any(layer.name().startswith("Browse") for layer in QgsProject.instance().mapLayers().values()),
                 "the browse picture is on the map")
        self.map.wait()
        self.take("browse")

    def sign_in(self) -> None:
        """The settings, an authentication of QGIS, and the test."""
        click(_named(self.desk.dock, "Sign-in…"))
        dialog = wait_for(lambda: next((w for w in QApplication.topLevelWidgets() if w.isVisible()
                                        and w.objectName() == "PixelSpectraSettings"), None), "the settings are open")
        dialog.form._picker.setConfigId(_AUTHCFG)
        click(dialog.form.test)
        wait_for(lambda: _ACCOUNT in dialog.form.answer.text(), "somebody is signed in")
        dialog.move((window.SIZE[0] - dialog.width()) // 2, 220)
        self.take("sign_in")
        click(dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Ok))
        wait_for(lambda: not dialog.isVisible(), "the settings are closed")

    def open(self) -> None:
        """The button Open, and the reference."""
        click(_named(self.desk.dock, "Open"))
        wait_for(lambda: self.inspector.scenes.scenes and not self.inspector.opening.running, "the scene is open")
        window.tidy(iface.mainWindow())
        click(next(b for b in self.inspector.dock.findChildren(QAbstractButton)
                   if b.accessibleName().startswith("Reference: ")))
        chooser = self.inspector.dock.question.chooser
        wait_for(chooser.isVisible, "the list of references is open")
        QTest.keyClicks(chooser.findChild(QLineEdit), places.SEARCH)
        QTest.keyClick(chooser.findChild(QLineEdit), Qt.Key.Key_Down)
        QTest.keyClick(chooser.findChild(QLineEdit), Qt.Key.Key_Return)
        self.map.wait()

    def click_pixel(self) -> None:
        """The spectrum, and then its mask."""
        self.map.zoom_to(*_CLOSE)
        click(next(b for b in self.inspector.dock.findChildren(QAbstractButton)
                   if b.accessibleName() == "Area: Point"))
        iface.messageBar().clearWidgets()
        self._archive.faults.add(503, host="data", path_contains="_MASK_", times=2, retry_after=1)  # a slow day
        self.map.click(places.KAOLINITE)
        wait_for(lambda: self.inspector.presenter.unfinished, "the spectrum is there")
        self.take("spectrum")
        if not self.inspector.presenter.unfinished:
            raise TourError("the mask came too soon for a picture without it")
        wait_for(lambda: not self.inspector.presenter.unfinished and not self.inspector.looking.running
                 and not self.inspector.comparing.running, "the mask is there")
        self.map.wait()
        self.take("score")

    def vet(self) -> None:
        """The button, the Processing dialog, and the verdicts."""
        QgsProject.instance().removeMapLayer(QgsProject.instance().mapLayersByName("places")[0])
        layer = iface.addVectorLayer(str(self._vetting / "patches.geojson"), "patches", "ogr")
        iface.setActiveLayer(layer)
        self._pick(self._next)
        click(_named(self.desk.dock, "Vet candidates in this scene…"))
        dialog = opened_dialog()
        dialog.setParameters({"CANDIDATE_ID": "patch", "REFERENCE": places.VETTED_FOR})
        run_dialog(dialog)
        wait_for(lambda: self.entrance.candidates().layer is not None, "the candidates are vetted")
        QgsProject.instance().removeMapLayer(layer)
        for dock in (self.desk.dock, self.inspector.dock):
            dock.close()  # for three docks this window is too narrow
        rest(0.5)
        window.tidy(iface.mainWindow())
        iface.messageBar().clearWidgets()
        iface.mapCanvas().zoomToFeatureExtent(self.entrance.candidates().layer.extent())
        self.map.wait()
        self.take("vetted")
        self.entrance.candidates().dock.close()
        self.desk.show()
        self.inspector.show()
        window.tidy(iface.mainWindow())
        self.inspector.dock.take_room()

    def download(self) -> None:
        """The button, a folder; then the score has its rank, and the list says where the scene is."""
        self._pick(self._key)
        iface.messageBar().clearWidgets()
        self._archive.configure(latency_s=0.0, bytes_per_s=None)  # nobody wants to watch a download
        folder = Path(os.environ["DOWNLOADS"])
        folder.mkdir()
        give_path(str(folder))
        click(_named(self.desk.dock, "Download…"))
        wait_for(lambda: self._here(), "the scene is downloaded", 60)
        wait_for(lambda: not self.inspector.looking.running and not self.inspector.comparing.running,
                 "the pixel is looked at again")
        self.map.zoom_to(*_CLOSE)
        self.take("downloaded")

    def _here(self) -> bool:
        return any(item.here for item in self.desk.panel.list.scenes().items if item.key == self._key)

    def take(self, step: str) -> None:
        """A picture of what the window shows now."""
        window.take(self._folder / f"{self._theme}_archive_{step}.png")

    def _pick(self, key: str) -> None:
        view = self.desk.panel.list
        index = view.scenes().index(view.scenes().place_of(key), 0)
        QTest.mouseClick(view.viewport(), LEFT, PLAIN, view.visualRect(index).center())
        wait_for(lambda: self.desk.footprints.layer.selectedFeatureCount() == 1, "the footprint is selected")


def _named(widget: QWidget, text: str) -> QAbstractButton:
    """The button with that text."""
    found = [b for b in widget.findChildren(QAbstractButton) if b.text().replace("&", "") == text]
    if len(found) != 1:
        raise TourError(f"{len(found)} buttons are called '{text}'")
    return found[0]


def _prepare_sign_in() -> None:
    """What the user did before: an entry in the authentication database of QGIS."""
    manager = QgsApplication.authManager()
    config = QgsAuthMethodConfig("Basic")
    config.setId(_AUTHCFG)
    config.setName("Earthdata")
    config.setConfig("username", _ACCOUNT)
    config.setConfig("password", _PASSWORD)
    if not manager.setMasterPassword("of the pictures", True) or not manager.storeAuthenticationConfig(config)[0]:
        raise TourError("the authentication cannot be stored")


def walk() -> None:
    """The walk against servers of its own."""
    with LoopbackArchive(os.environ["ARCHIVE"], _WAY_S, _BYTES_PER_S) as archive:
        archive.records.extend(offered.records(archive))
        ArchiveSearch.endpoint = f"{archive.hosts['cmr']}/search/granules.umm_json"
        credentials.use_servers(credentials.Servers(archive.hosts["login"], archive.origins))
        _prepare_sign_in()
        ArchiveTour(archive, Path(os.environ["GRANULE"]).parent, Path(os.environ["VETTING"]),
                    Path(os.environ["PICTURES"]), os.environ["THEME"]).walk()
