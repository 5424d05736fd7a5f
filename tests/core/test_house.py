"""The house stands as it was drawn: a core that is alone, one version, a clean package."""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import package

ROOT = Path(__file__).resolve().parents[2]
CORE_MODULES = sorted(
    "pixel_spectra." + ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "core").rglob("*.py")
)
OUTSIDE_CORE = ["qgis", "PyQt5", "PyQt6", "osgeo", "pyqtgraph", "matplotlib"]
OPTIONAL = "h5py netCDF4 pyfive shapely scipy pandas pyarrow pyproj earthaccess pystac_client urllib3 requests".split()

IMPORT_WITHOUT = """
import importlib, importlib.abc, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"blocked: {name}", name=name)

sys.meta_path.insert(0, Absent())
for name in MODULES:
    try:
        importlib.import_module(name)
    except ImportError as error:
        print(name, "needs", error)
"""


def import_without(blocked: list[str], modules: list[str]) -> str:
    """Import `modules` in a fresh interpreter in which `blocked` are missing; return what went wrong."""
    program = f"BLOCKED = {blocked!r}\nMODULES = {modules!r}\n{IMPORT_WITHOUT}"
    done = subprocess.run([sys.executable, "-c", program], cwd="/", capture_output=True, text=True)
    return done.stdout + done.stderr


def test_core_imports_without_qgis_and_without_any_optional_package():
    assert import_without(OUTSIDE_CORE + OPTIONAL, CORE_MODULES) == ""


def test_the_block_of_the_test_above_blocks():
    assert "blocked: shapely" in import_without(["shapely"], ["shapely"])


def test_the_package_itself_imports_without_qgis():
    assert import_without(OUTSIDE_CORE + OPTIONAL, ["pixel_spectra"]) == ""


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=lambda path: path.name)
def test_tests_import_rooms_by_the_package_name_only(path):
    """`import core` works by accident where the root is on the path, and loads everything twice."""
    written = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            written += [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom) and not node.level:
            written.append(node.module)
    rooms = {"core", "adapters", "ui", "processing_provider", "cli", "plugin"}
    assert not [name for name in written if name.partition(".")[0] in rooms]


def test_one_version_everywhere():
    assert set(package.declared_versions().values()) == {package.version()}


def test_a_version_that_differs_stops_the_package(tmp_path):
    (tmp_path / "metadata.txt").write_text("version=0.1.0\n")
    (tmp_path / "__init__.py").write_text('__version__ = "0.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text("# Changes\n\n## 0.1.0\n")
    with pytest.raises(SystemExit, match="version differs"):
        package.version(tmp_path)


def test_metadata_has_what_the_plugin_site_asks_for():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "metadata.txt", encoding="utf-8")
    general = parser["general"]
    required = "name description version author email about tracker repository homepage".split()
    assert [key for key in required if not general.get(key)] == []
    assert (general["qgisMinimumVersion"], general["qgisMaximumVersion"]) == ("3.34", "4.99")
    assert general.getboolean("hasProcessingProvider")
    assert "/" not in general["author"]
    assert "supportsQt6" not in general
    assert (ROOT / general["icon"]).is_file()


def test_licence_is_the_gnu_gpl_version_2():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.split("\n", 2)[0].strip() == "GNU GENERAL PUBLIC LICENSE"
    assert "Version 2, June 1991" in text
    assert text.rstrip().endswith("Public License instead of this License.")


def git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this is no git checkout: {done.stderr.strip()}")
    return done.stdout.splitlines()


def test_every_entry_of_the_root_is_shipped_or_left_out_by_name():
    tops = sorted({name.partition("/")[0] for name in git("ls-files", "-co", "--exclude-standard")})
    marked = git("check-attr", "export-ignore", "--", *tops)
    left_out = {line.split(":")[0] for line in marked if line.endswith(": set")}
    assert set(tops) - left_out <= package.SHIPPED
    assert not left_out & package.SHIPPED


def zipped(folder: Path, *names: str) -> Path:
    target = folder / "made.zip"
    with zipfile.ZipFile(target, "w") as archive:
        for name in names:
            archive.writestr(name, "content")
    return target


GOOD = tuple(f"pixel_spectra/{name}" for name in sorted(package.REQUIRED))


def test_a_good_package_has_no_problems(tmp_path):
    assert list(package.problems(zipped(tmp_path, *GOOD, "pixel_spectra/core/aoi.py"))) == []


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ((*GOOD, "pixel_spectra/tests/conftest.py"), "it holds ['tests']"),
        ((*GOOD, "pixel_spectra/core/fast.so"), "binaries"),
        ((*GOOD, "other/file.py"), "top folders"),
        (GOOD[1:], "it lacks ['LICENSE']"),
    ],
)
def test_a_bad_package_is_refused(tmp_path, names, complaint):
    (problem,) = package.problems(zipped(tmp_path, *names))
    assert complaint in problem
