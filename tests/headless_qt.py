"""Early pytest plugin (-p headless_qt): without a display, choose Qt's offscreen platform in time; `application`."""

import os
import sys

import pytest

if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture(scope="session")
def application(request):
    """The QApplication: that of pytest-qgis, or one of its own where there is no QGIS."""
    if request.config.pluginmanager.hasplugin("pytest_qgis"):
        return request.getfixturevalue("qgis_app")
    from qgis.PyQt.QtWidgets import QApplication

    return QApplication.instance() or QApplication(["pixel_spectra"])
