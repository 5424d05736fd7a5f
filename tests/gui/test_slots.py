"""An exception in a Qt slot fails the run, and the report names the test in which it happened."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
SLOTS = """
from qgis.PyQt.QtCore import QObject, pyqtSignal

class Source(QObject):
    rung = pyqtSignal()

def test_a_slot_that_raises():
    source = Source()
    source.rung.connect(lambda: 1 / 0)
    source.rung.emit()

def test_a_slot_that_does_not():
    source = Source()
    source.rung.connect(lambda: 1 / 1)
    source.rung.emit()
"""


def test_a_slot_that_raises_fails_the_run(tmp_path):
    (tmp_path / "test_two.py").write_text(SLOTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", str(TESTS.parent / "pyproject.toml"), "--noconftest", "-p",
         "conftest", "-p", "no:pytest_qgis", "-p", "no:cacheprovider", str(tmp_path / "test_two.py")],
        cwd=TESTS, capture_output=True, text=True, timeout=100)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "exception in a Qt slot" in done.stdout and "ZeroDivisionError" in done.stdout
    blamed = [line.split("::")[1].split(" ")[0] for line in done.stdout.splitlines() if line.startswith("ERROR ")]
    assert blamed == ["test_a_slot_that_raises"]
