"""QGIS with the provider in this process, qgis_process beside it, one granule and one area layer for all."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("qgis.core")

from granules import write_granule
from qgis_side import SCENE, QgisProcess, box, place, write_geojson


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """A granule with MASK and RFLUNCERT; the tests only read it."""
    return write_granule(tmp_path_factory.mktemp("granule"), SCENE)


@pytest.fixture(scope="session")
def areas(tmp_path_factory):
    """0: pixel (12, 9); 1: pixels 2-8 x 2-8, clouds in it; 2: no geometry; 3: a place far off the swath."""
    return write_geojson(
        tmp_path_factory.mktemp("areas") / "areas.geojson",
        {"type": "Point", "coordinates": place(12, 9)}, box(1.6, 1.6, 8.4, 8.4), None,
        {"type": "Point", "coordinates": [20.0, 20.0]})


@pytest.fixture(scope="session")
def plugin(qgis_processing):
    """The plugin, with its provider registered as in QGIS."""
    from pixel_spectra.plugin import PixelSpectraPlugin

    plugin = PixelSpectraPlugin(None)
    plugin.initProcessing()
    yield plugin
    plugin.unload()


@pytest.fixture
def provider(plugin):
    """Its provider."""
    return plugin.provider


@pytest.fixture
def run(provider):
    """A callable: `run("score_spectra", GRANULE=..., ...)` gives the outputs; paths may be Path objects."""
    import processing

    def call(algorithm: str, feedback: Any = None, context: Any = None, **parameters: Any) -> dict[str, Any]:
        plain = {name: str(v) if isinstance(v, Path) else v for name, v in parameters.items()}
        return processing.run(f"pixelspectra:{algorithm}", plain, feedback=feedback, context=context)

    return call


@pytest.fixture
def refused(run):
    """The same for what must fail: the sentence."""
    from qgis.core import QgsProcessingException

    def call(algorithm: str, **parameters: Any) -> str:
        with pytest.raises(QgsProcessingException) as caught:
            run(algorithm, **parameters)
        return str(caught.value)

    return call


@pytest.fixture(scope="session")
def qgis_process(tmp_path_factory):
    program = QgisProcess(tmp_path_factory.mktemp("qgis_profile"))
    program.call("plugins", "enable", "pixel_spectra")
    return program


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Where pictures of granules are kept: made once for all tests that do not look at how they are made."""
    return tmp_path_factory.mktemp("profile")


@pytest.fixture
def window(qgis_iface, pictures, monkeypatch):
    """The window of QGIS with an empty project, and nothing remembered from another session."""
    from pixel_spectra.adapters.settings import save_inspector_settings
    from qgis.core import QgsApplication

    from inspector_side import Window

    monkeypatch.setattr(QgsApplication, "qgisSettingsDirPath", lambda: f"{pictures}/")
    save_inspector_settings({})
    window = Window(qgis_iface, monkeypatch)
    yield window
    window.close()


@pytest.fixture
def analyst(window, plugin):
    """Someone in front of that window, who started the inspector."""
    from inspector_side import Analyst

    plugin.iface = window.iface
    plugin.initGui()
    analyst = Analyst(window, plugin)
    analyst.start()
    yield analyst
    analyst.rest()
    plugin.unload()
    plugin.initProcessing()


@pytest.fixture
def at_work(analyst, files):
    """The same with the granule open, and compared with the reference of the tests."""
    analyst.open(files.reflectance)
    analyst.choose_reference("kaolinite cm9 beckb")
    return analyst


@pytest.fixture
def gate(monkeypatch):
    """Holds up the full pictures until it is set."""
    from pixel_spectra.ui import opening

    gate, really = threading.Event(), opening.write_picture

    def write(granule, stride, progress):
        while stride == 1 and not (gate.wait(0.01) or progress.cancelled):
            pass
        return really(granule, stride, progress)

    monkeypatch.setattr(opening, "write_picture", write)
    yield gate
    gate.set()
