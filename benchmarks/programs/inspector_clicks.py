"""Ours: the inspector on a map canvas, clicked as by a user; how long until the plot is painted anew.

A heartbeat in the GUI thread tells how long that is ever held. Offscreen: the same painting, no display server.
"""

import os
import sys
import tempfile
import time

PROFILE = tempfile.TemporaryDirectory()  # so that no picture is there from an earlier run
os.environ["QGIS_CUSTOM_CONFIG_PATH"] = PROFILE.name
os.environ["QT_QPA_PLATFORM"] = "offscreen"
sys.path.append("/usr/share/qgis/python")

from measuring import answer  # noqa: E402
from qgis.core import QgsApplication, QgsCoordinateReferenceSystem, QgsPointXY, QgsProject  # noqa: E402
from qgis.gui import QgsLayerTreeMapCanvasBridge, QgsMapCanvas, QgsMessageBar  # noqa: E402
from qgis.PyQt.QtCore import QEvent, QObject, QPoint, Qt, QTimer  # noqa: E402
from qgis.PyQt.QtTest import QTest  # noqa: E402
from qgis.PyQt.QtWidgets import QMainWindow  # noqa: E402

CLICKS_A_SECOND = 50
BEAT_MS = 2


class Window:
    """What the inspector uses of QGIS' interface."""

    def __init__(self):
        self._window, self._canvas, self._bar = QMainWindow(), QgsMapCanvas(), QgsMessageBar()
        self._window.setCentralWidget(self._canvas)
        self._window.resize(1500, 950)
        self.bridge = QgsLayerTreeMapCanvasBridge(QgsProject.instance().layerTreeRoot(), self._canvas)
        self.said = []
        self._bar.widgetAdded.connect(lambda _: self.said.append(self._bar.currentItem().text()))

    def mainWindow(self):
        return self._window

    def mapCanvas(self):
        return self._canvas

    def messageBar(self):
        return self._bar

    def activeLayer(self):
        return None

    def addDockWidget(self, area, dock):
        self._window.addDockWidget(area, dock)

    def removeDockWidget(self, dock):
        self._window.removeDockWidget(dock)


class Heartbeat(QObject):
    """The longest time between two beats of a timer: so long was the GUI thread held."""

    def __init__(self):
        super().__init__()
        self.gaps, self._last = [], None
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(BEAT_MS)

    def _beat(self):
        now = time.perf_counter()
        if self._last is not None:
            self.gaps.append(now - self._last)
        self._last = now

    def restart(self):
        self.gaps, self._last = [], None


class Painted(QObject):
    """Knows when a widget was last painted."""

    def __init__(self, widget):
        super().__init__()
        self.at = 0.0
        widget.installEventFilter(self)

    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint:
            self.at = time.perf_counter()
        return False


def until(condition, seconds=30.0):
    """Let events pass, as fast as they come, until `condition()`."""
    end = time.perf_counter() + seconds
    while not condition():
        if time.perf_counter() > end:
            raise RuntimeError("the inspector did not answer in time")
        QgsApplication.processEvents()


class Clicking:
    """An inspector with the granule open, and a mouse."""

    def __init__(self, path, reference):
        from pixel_spectra.core.libraries import bundled_library
        from pixel_spectra.ui.inspector import Inspector

        self.window = Window()
        self.window.mapCanvas().setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:4326"))
        self.inspector = Inspector(self.window)
        self.window.mainWindow().show()
        self.inspector.show()
        self.canvas, self.presenter = self.window.mapCanvas(), self.inspector.presenter
        start = time.perf_counter()
        shown = []
        self.inspector.scenes.opened.connect(lambda scene: shown.append(time.perf_counter() - start))
        self.inspector.open(path)
        until(lambda: shown and not self.canvas.isDrawing())
        self.preview = shown[0]
        until(lambda: not self.inspector.opening.running and not self.canvas.isDrawing())
        self.inspector.dock.question.choose_reference(bundled_library()[reference])
        self.painted = Painted(self.inspector.dock.spectrum.plot.tracked)
        self.shown = 0.0
        self.presenter.shown.connect(self._shown)

    def _shown(self):
        self.shown = time.perf_counter()

    def press(self, lon, lat):
        """Click there; the raw pixel is what the inspector says it is."""
        place = self.canvas.getCoordinateTransform().transform(QgsPointXY(lon, lat))
        QTest.mouseClick(self.canvas.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
                         QPoint(round(place.x()), round(place.y())))

    def idle(self):
        return not self.inspector.looking.running and not self.inspector.comparing.running

    def timed(self, lon, lat):
        """Seconds from the click to the painted plot of its spectrum."""
        start = time.perf_counter()
        self.press(lon, lat)
        until(lambda: self.painted.at > self.shown > start or self.window.said)
        if self.window.said:
            raise RuntimeError(f"a click was answered by '{self.window.said[-1]}'")
        taken = self.painted.at - start
        until(self.idle)
        return taken

    def burst(self, places):
        """Clicks at an even pace, none waited for; whether the picture is that of the last one alone."""
        start = time.perf_counter()
        for number, (lon, lat) in enumerate(places):
            until(lambda number=number: time.perf_counter() >= start + number / CLICKS_A_SECOND)
            self.press(lon, lat)
        until(self.idle)
        burst, = self.presenter.sights
        marks = self.inspector.marks.keys()
        self.timed(*places[-1])
        alone, = self.presenter.sights
        return bool((burst.seen.spectra.values == alone.seen.spectra.values).all() and list(marks) == [burst.key]
                    and burst.seen.scores[0] == alone.seen.scores[0])


def work(question):
    application = QgsApplication([], True)
    application.initQgis()
    heartbeat = Heartbeat()
    clicking = Clicking(question["path"], question["reference"])
    opening = max(heartbeat.gaps)
    clicking.timed(*question["places"][0])
    heartbeat.restart()
    seconds = [clicking.timed(*place) for place in question["places"]]
    clicks = max(heartbeat.gaps)
    heartbeat.restart()
    consistent = clicking.burst(question["places"][:CLICKS_A_SECOND])
    told = {"seconds": seconds, "preview": clicking.preview, "held_opening": opening, "held_clicking": clicks,
            "held_burst": max(heartbeat.gaps), "consistent": consistent, "said": clicking.window.said}
    clicking.inspector.close()
    return told


answer(work)
sys.stdout.flush()
PROFILE.cleanup()
os._exit(0)  # QGIS may crash when it is left in order
