"""The second half of the tour: a list of candidates is vetted and judged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgis.core import QgsProject
from qgis.gui import QgsProcessingAlgorithmDialogBase
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QComboBox, QDoubleSpinBox, QPushButton, QWidget
from qgis.utils import iface

from . import places, window
from .hands import LEFT, PLAIN, TourError, click, drag, rest, wait_for

if TYPE_CHECKING:
    from .tour import Tour

_DIALOG = (100, 40, 1000, 720)
"""Left, top, width and height of the Processing dialog."""


class Vetting:
    """From a layer of places to verdicts."""

    def __init__(self, tour: Tour, folder: Path, report: Path) -> None:
        """`folder` has the granule and its candidates; the report is written to `report`."""
        self._tour, self._folder, self._report = tour, folder, report

    @property
    def _candidates(self) -> Any:
        return self._tour.entrance.candidates()

    @property
    def _table(self) -> Any:
        return self._candidates.dock.table

    def walk(self) -> None:
        """All steps, in the order of the guide."""
        for step in (self.begin, self.vet, self.judge, self.move_threshold):
            print(step.__name__, flush=True)
            step()

    def begin(self) -> None:
        """A new project with the granule and the places."""
        iface.newProject(False)
        window.tidy(iface.mainWindow())
        iface.messageBar().clearWidgets()
        (granule,) = self._folder.glob("*_RFL_*.nc")
        self._tour.open_granule(str(granule))
        iface.addVectorLayer(str(self._folder / "patches.geojson"), "patches", "ogr")
        window.press_action(iface.mainWindow(), self._tour.entrance.candidates_action)
        rest(0.5)

    def vet(self) -> None:
        """The Processing dialog, in which layer and granule stand already."""
        places_layer = iface.activeLayer()
        click(_named(self._candidates.dock, QPushButton, "&Vet candidates…"))
        dialog = opened_dialog()
        dialog.setParameters({"CANDIDATE_ID": "patch", "REFERENCE": places.VETTED_FOR, "REPORT": str(self._report)})
        rest(0.4)
        grab(dialog, self._tour.picture("vet"))
        run_dialog(dialog)
        wait_for(lambda: self._candidates.layer is not None, "the candidates are vetted")
        window.tidy(iface.mainWindow())  # QGIS opens its list of results
        QgsProject.instance().removeMapLayer(places_layer)
        if self._table.model.n != 180:
            raise TourError(f"the table has {self._table.model.n} rows")

    def judge(self) -> None:
        """The doubtful ones, from the first on, by A and R."""
        verdict = next(b for b in self._table.findChildren(QComboBox) if b.accessibleName() == "Verdict")
        verdict.setCurrentText("doubtful")
        view, model = self._table.view, self._table.model
        n = model.rowCount()
        QTest.mouseClick(view.viewport(), LEFT, PLAIN, view.visualRect(model.index(0, 1)).center())
        for place in range(n):
            self._looked_at(place)
            if place == places.DOUBTFUL_KAOLINITE + 2:
                self._tour.scroll_to_matches()
                self._tour.take("vetting")
            QTest.keyClick(view, Qt.Key.Key_A if place < places.DOUBTFUL_KAOLINITE else Qt.Key.Key_R)
        verdict.setCurrentIndex(0)

    def _looked_at(self, place: int) -> None:
        """Map and inspector have come to the row."""
        inspector = self._tour.entrance.inspector()
        candidate = self._table.model.value(self._table.row, "candidate_id")
        wait_for(lambda: inspector.presenter.sights and f"candidate {candidate}" in
                 inspector.presenter.sights[-1].area.title and not inspector.looking.running,
                 f"candidate {candidate} is looked at")
        wait_for(lambda: not inspector.comparing.running, "it is matched", 60)
        if self._table.view.currentIndex().row() != place:
            raise TourError(f"the table is at row {self._table.view.currentIndex().row()}, not {place}")
        self._tour.map.wait()

    def move_threshold(self) -> None:
        """The lower one, by the pointer, then to the number."""
        panel = self._candidates.dock.verdicts
        start, end = (panel.histogram.place_of(value) for value in (90.0, places.REJECT_BELOW))
        drag(panel.histogram, start, (start + end) / 2, end)
        reject = panel.histogram.thresholds.reject
        if abs(reject - places.REJECT_BELOW) > 1:
            raise TourError(f"the threshold was dragged to {reject}, not {places.REJECT_BELOW}")
        self._tour.dock.widget().verticalScrollBar().setValue(0)
        spin = next(s for s in panel.findChildren(QDoubleSpinBox) if "Reject" in s.accessibleName())
        spin.selectAll()
        QTest.keyClicks(spin, str(places.REJECT_BELOW))
        QTest.keyClick(spin, Qt.Key.Key_Return)
        rest(0.5)
        self._candidates.layer.removeSelection()
        iface.mapCanvas().zoomToFullExtent()
        self._tour.map.wait()
        self._tour.take("verdicts")


def opened_dialog() -> Any:
    """The dialog of an algorithm that was asked for."""
    dialog: Any = wait_for(lambda: next((w for w in QApplication.topLevelWidgets() if w.isVisible()
                                         and isinstance(w, QgsProcessingAlgorithmDialogBase)), None),
                           "the dialog is open")
    dialog.setGeometry(*_DIALOG)
    return dialog


def grab(dialog: Any, path: Path) -> None:
    """A picture of a dialog by itself: without a window manager it has no frame."""
    if not dialog.grab().toImage().save(str(path)):
        raise TourError("the picture of the dialog cannot be written")


def run_dialog(dialog: Any) -> None:
    """Press Run, wait until it is done, and close it."""
    click(dialog.runButton())
    wait_for(lambda: not dialog.runButton().isEnabled(), "it runs")
    wait_for(lambda: dialog.runButton().isEnabled(), "the dialog is done", 90)
    dialog.close()


def _named(widget: QWidget, kind: type, text: str) -> Any:
    found = [button for button in widget.findChildren(kind) if button.text() == text]
    if not found:
        raise TourError(f"there is no '{text}'")
    return found[0]
