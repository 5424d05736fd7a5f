"""scripts/lint_house.py: each rule sees its breach, and lets the rightful form pass."""

from __future__ import annotations

import sys
from pathlib import PurePosixPath

import pytest

import lint_house
from lint_house import Source


def found(path: str, text: str) -> list[str]:
    return list(lint_house.breaches(Source(PurePosixPath(path), text)))


OTHER = "if kind == 'a':\n    x = 1\nelif other == 'b':\n    x = 2\nelif kind == 'c':\n    x = 3\n"
CHAIN = "if kind == 'a':\n    x = 1\nelif kind == 'b':\n    x = 2\nelif kind == 'c':\n    x = 3\n"
LONG = "def long():\n" + "    x = 1\n" * 60
WORK = "class A:\n    def processAlgorithm(self):\n" + "        x = 1\n" * 40
FIELD = "@dataclass(frozen=True)\nclass A:\n    x: int\n"
HOME = "/" + "home/anna/granule.nc"


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("core/aoi.py", "from qgis.core import Qgis", "core imports qgis"),
        ("core/aoi.py", "def f():\n    from osgeo import gdal", "core imports osgeo"),
        ("core/aoi.py", "from ..ui import dock", "core imports ui"),
        ("core/aoi.py", "from pixel_spectra.adapters import crs", "core imports adapters"),
        ("core/aoi.py", "from . import scoring", "core/aoi imports core/scoring, which stands above"),
        ("core/io/hdf5.py", "from ..metrics import METRICS", "core/io imports core/metrics"),
        ("core/io/hdf5.py", "from ... import adapters", "core imports adapters"),
        ("core/attic.py", "", "core room 'attic' stands on no floor"),
        ("core/aoi.py", "import os\nx = os.environ['X']", "core reads the environment"),
        ("core/spectra.py", "@dataclass\nclass A:\n    x: int\n    'x'\n", "dataclass A is not frozen"),
        ("core/spectra.py", FIELD, "field A.x has no docstring"),
        ("ui/dock.py", "from ..processing_provider import provider", "ui imports processing_provider"),
        ("ui/spectrum_plot.py", "from qgis.core import QgsProject", "stay plain Qt"),
        ("ui/dock.py", "from PyQt5.QtCore import Qt", "import Qt from qgis.PyQt"),
        ("ui/dock.py", "dialog.exec_()", "exec(), not exec_()"),
        ("adapters/crs.py", "from qgis.PyQt.QtWidgets import QLabel", "adapters hold no widgets"),
        ("adapters/crs.py", "from core import aoi", "import core as pixel_spectra.core"),
        ("adapters/utils.py", "", "'utils' says nothing"),
        ("tests/qgis/test_x.py", "", "shadows the real package"),
        ("cli/main.py", "try:\n    x = 1\nexcept Exception:\n    x = 2", "broad except"),
        ("cli/main.py", "try:\n    x = 1\nexcept (ValueError, BaseException):\n    x = 2", "broad except"),
        ("cli/main.py", "with contextlib.suppress(Exception):\n    x = 1", "broad suppress"),
        ("cli/main.py", CHAIN, "make it a table"),
        ("cli/main.py", "x = 1\n" * 401, "401 lines (400 at most)"),
        ("tests/core/test_x.py", LONG, "long has 61 lines (60 at most)"),
        ("processing_provider/algorithms/a.py", WORK, "processAlgorithm has 41 lines (40 at most)"),
        ("README.md", f"open {HOME}", "a path of one machine"),
        ("cli/main.py", "x = = 1", "invalid syntax"),
    ],
)
def test_a_breach_is_seen(path, text, said):
    assert [line for line in found(path, text) if said in line and line.startswith(path)]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("core/aoi.py", "import math\nimport numpy as np\nfrom .geolocation import Grid"),
        ("core/aoi.py", "if TYPE_CHECKING:\n    import shapely"),
        ("core/sensors/emit/granule.py", "from ... import quality\nfrom .. import envi\nfrom . import names"),
        ("core/spectra.py", FIELD + "    'Docstring.'\n"),
        ("core/spectra.py", "@dataclass\nclass _Open:\n    x: int\n"),
        ("plugin.py", "from .ui import dock\nfrom .processing_provider import provider"),
        ("ui/map_tool.py", "from qgis.gui import QgsMapTool"),
        ("processing_provider/base.py", "from ..adapters import crs\nfrom ..core import aoi"),
        ("cli/main.py", OTHER),
        ("README.md", "see https://example.org/home/x and ~/data and /location/glt_x"),
    ],
)
def test_the_rightful_form_passes(path, text):
    assert found(path, text) == []


def test_rooms_that_import_each_other_are_a_circle():
    pair = [
        Source(PurePosixPath("core/libraries/usgs.py"), "from .. import gases"),
        Source(PurePosixPath("core/gases/methane.py"), "from ..libraries import open_library"),
    ]
    (circle,) = lint_house.circles(pair)
    assert circle.endswith("in a circle: gases, libraries")
    assert list(lint_house.circles(pair[:1])) == []


@pytest.mark.skipif(sys.version_info < (3, 10), reason="Python 3.9 does not list its standard library")
@pytest.mark.parametrize("text", ["import shapely", "def f():\n    import shapely"])
def test_an_optional_package_is_not_imported_in_core(text):
    assert any("shapely is not always there" in breach for breach in found("core/aoi.py", text))
