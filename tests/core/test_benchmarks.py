"""The benchmarks run: the quick mode without peers prints every job, and their arithmetic is right. No timing here."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
OVER_THE_NETWORK = {"remote", "remote_vetting"}
"""Jobs that need servers: test_remote_benchmarks among the tests of services."""
JOBS = sorted({name for file in (BENCHMARKS / "jobs").glob("[!_]*.py")
               for name in re.findall(r'@job\("(\w+)"', file.read_text(encoding="utf-8"))} - OVER_THE_NETWORK)


@pytest.fixture
def figures(monkeypatch):
    """benchmarks/figures.py, importable only inside a test: its neighbours have everyday names."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    spec = importlib.util.spec_from_file_location("figures", BENCHMARKS / "figures.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "figures", module)
    spec.loader.exec_module(module)
    yield module
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "programs":
            del sys.modules[name]


@pytest.fixture
def traffic(monkeypatch):
    """benchmarks/traffic.py; it imports none of its neighbours."""
    spec = importlib.util.spec_from_file_location("traffic", BENCHMARKS / "traffic.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "traffic", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """The text and the JSON of one quick run."""
    folder = tmp_path_factory.mktemp("bench")
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "run.py"), "--quick", "--no-peers", "--folder", str(folder / "granule"),
         "--json", str(folder / "figures.json"), "--only", *JOBS], capture_output=True, text=True, env=os.environ,
        timeout=240)
    assert done.returncode == 0, done.stderr
    assert not (folder / "granule").exists()
    return done.stdout, json.loads((folder / "figures.json").read_text())


def test_every_job_gives_figures_of_ours(quick):
    rows = quick[1]["rows"]
    for job in ("open + first spectrum", "next spectrum through inspect", "bare read_pixels of one",
                "1 000 scattered pixels", "100 x 100 polygon", "sam of", "sid of", "matched_filter of", "ace of",
                "sam map", "matched_filter map", "ace map", "sam preview"):
        assert any(row["job"].startswith(job) for row in rows), job
    warm = [row for row in rows if "cold" not in row["job"] and "page cache" not in row["job"]]
    if importlib.util.find_spec("qgis") is None:
        warm = [row for row in warm if "no QGIS" not in row["ours"]]
    else:
        assert any(row["job"].startswith("click to the painted plot") for row in rows)
    assert [row["job"] for row in warm if not isinstance(row["ours"], dict)] == []
    assert all(row["ours"]["median"] > 0 for row in warm if row["ours"]["unit"] == "s")


def test_the_targets_are_those_of_the_table(quick):
    targets = {(row["job"], row["reach"]) for row in quick[1]["rows"]}
    assert {("open + first spectrum, with MASK", "<= 80 ms, >= 100x"),
            ("open + first spectrum, with MASK", "<= 80 ms, >= 25x"),
            ("more memory for it, with MASK", "<= 120 MB"),
            ("next spectrum through inspect, with MASK", "<= 1 ms"),
            ("bare read_pixels of one", "<= 10x the peer"),
            ("1 000 scattered pixels, read_pixels, warm", "<= 25 ms"),
            ("1 000 scattered pixels, read_pixels, cold", "<= 60 ms"),
            ("sam map", ">= 10x"), ("sam map, against reading", "<= 2.5x the peer"),
            ("matched_filter map", ">= 5x"), ("ace map", ">= 8x"), ("more memory for a map, at most", "<= 400 MB"),
            ("100 x 100 polygon, read + MASK (quality) + SAM", "<= 60 ms")} <= targets


def test_absent_peers_are_printed_as_not_measured(quick):
    text, told = quick
    with_peer = [row for row in told["rows"] if row["theirs"] is not None and "pread" not in row["peer"]
                 and not row["peer"].startswith("reading")]
    assert with_peer
    assert {row["theirs"] for row in with_peer} == {"peers off"}
    assert "not measured (peers" in text


def test_the_machine_is_named(quick):
    text, told = quick
    assert told["machine"]["packages"]["numpy"]
    assert "BLAS: " in text
    assert "cores" in text
    assert "load average" in text


def test_quantiles_are_those_of_numpy(figures):
    assert figures.quantile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert figures.quantile([1.0, 2.0, 3.0, 4.0, 5.0], 0.95) == pytest.approx(4.8)
    assert figures.quantile([7.0], 0.95) == 7.0


@pytest.mark.parametrize("row, ratio, met", [
    ({"ours": 0.05, "at_most": 0.08, "theirs": 5.0, "times_faster": 100}, 100, "yes"),
    ({"ours": 0.05, "at_most": 0.08, "theirs": 4.0, "times_faster": 100}, 80, "MISSED"),
    ({"ours": 0.09, "at_most": 0.08}, None, "MISSED"),
    ({"ours": 0.05, "at_most": 0.08, "theirs": "absent", "times_faster": 100}, None, "yes; ratio not measured"),
    ({"ours": 0.09, "at_most": 0.08, "theirs": "absent", "times_faster": 100}, None, "MISSED"),
    ({"ours": 1e-5, "theirs": 2e-6, "times_slower": 10}, 0.2, "yes"),
    ({"ours": 3e-5, "theirs": 2e-6, "times_slower": 10}, 1 / 15, "MISSED"),
    ({"ours": "cannot", "at_most": 0.06, "theirs": 1.0}, None, "not measured"),
    ({"ours": 0.5, "theirs": 1.0}, 2, ""),
])
def test_a_row_is_judged_by_median_and_ratio(figures, row, ratio, met):
    def figure(value):
        return figures.Figure(value, value, 1, "s") if isinstance(value, float) else value

    made = figures.Row("job", **{key: figure(value) if key in ("ours", "theirs") else value
                                 for key, value in row.items()})
    assert made.ratio == (None if ratio is None else pytest.approx(ratio))
    assert made.met == met


def test_traffic_is_what_arrived_in_a_span_of_time_with_redirects_apart(traffic):
    log = [SimpleNamespace(time=time, status=status, bytes_sent=sent) for time, status, sent in (
        (0.9, 206, 7000), (1.0, 307, 0), (1.1, 206, 65536), (1.2, 404, 20), (2.0, 206, 7000))]
    seen = traffic.Traffic.of(log, 1.0, 2.0)
    assert seen == traffic.Traffic(requests=2, redirects=1, n_bytes=65556)
    assert str(seen) == "2 requests, 1 redirects, 66 KB"


@pytest.mark.parametrize("requests, redirects, n_bytes, bound_s", [
    (1, 0, 1140, 0.08),
    (16, 0, 1140, 0.08),
    (16, 1, 1140, 0.16),
    (100, 0, 11_400_000, 2.28),
])
def test_the_bound_is_the_width_of_the_line_or_round_trips_over_16_connections(traffic, requests, redirects, n_bytes,
                                                                              bound_s):
    assert traffic.Traffic(requests, redirects, n_bytes).bound_s == pytest.approx(bound_s)


def test_a_figure_is_printed_in_the_unit_that_fits(figures):
    assert str(figures.Figure.of([0.0456, 0.0456])) == "45.6 ms (p95 45.6 ms, n=2)"
    assert str(figures.Figure.of([23.4])) == "23.4 s"
    assert str(figures.Figure.of([9.9e-6])) == "9.9 us"
    assert str(figures.Figure.of([8325.4], "MB")) == "8325 MB"
