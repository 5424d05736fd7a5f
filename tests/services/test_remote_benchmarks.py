"""The benchmarks over the network run in the quick mode, against a server of their own. No timing here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """The rows of one quick run."""
    folder = tmp_path_factory.mktemp("bench")
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "run.py"), "--quick", "--no-peers", "--folder", str(folder / "granule"),
         "--json", str(folder / "figures.json"), "--only", "remote", "remote_vetting"],
        capture_output=True, text=True, env=os.environ, timeout=240)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "figures.json").read_text())["rows"]


def test_every_row_has_a_figure_of_ours(rows):
    for job in ("first click on a remote granule", "first click with MASK and RFLUNCERT: until the spectrum",
                "next click, anywhere in the scene", "click within 3 pixels", "10 x 10 area", "100 x 100 area",
                "vet 40 candidates over 2 remote scenes"):
        assert any(row["job"].startswith(job) for row in rows), job
    assert [row["job"] for row in rows if not isinstance(row["ours"], dict)] == []


def test_the_targets_are_those_of_the_table(rows):
    targets = {(row["job"], row["reach"]) for row in rows}
    assert {("first click on a remote granule, RFL only", "<= 1 s, >= 10x"),
            ("first click on a remote granule, RFL only: data requests", "<= 7 requests"),
            ("first click on a remote granule, RFL only: data", "<= 500 KB"),
            ("first click with MASK and RFLUNCERT", "<= 2 s"),
            ("first click with MASK and RFLUNCERT: data requests", "<= 16 requests"),
            ("first click with MASK and RFLUNCERT: data", "<= 3000 KB"),
            ("next click, anywhere in the scene", "<= 250 ms"),
            ("next click, anywhere in the scene: data requests", "<= 3 requests"),
            ("next click, anywhere in the scene: data", "<= 64 KB"),
            ("click within 3 pixels of the last one, prefetched", "<= 120 ms"),
            ("click within 3 pixels of the last one, prefetched: data requests", "<= 1 requests"),
            ("click within 3 pixels of the last one, prefetched: data", "<= 4 KB"),
            ("10 x 10 area", "<= 250 ms"), ("100 x 100 area", "<= 1.2x the peer"),
            ("vet 40 candidates over 2 remote scenes, SAM, no ring, MASK", "<= 1.5x the peer")} <= targets
