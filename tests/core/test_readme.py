"""The README's Python example runs, and its links lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_example_runs_on_the_demo_granule(tmp_path, monkeypatch, capsys):
    pytest.importorskip("pandas")
    from demo.scene import Demo

    folder = tmp_path / ".dev" / "demo"
    folder.mkdir(parents=True)
    Demo().write(folder)
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", README, re.S)
    exec(compile(block, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    said = re.search(r"# \[([0-9.]+)\]", block).group(1)
    assert float(re.search(r"\[([0-9.]+)\]", printed).group(1)) == pytest.approx(float(said), abs=5e-4)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_every_relative_link_leads_to_a_file(target):
    assert (ROOT / target).is_file()


def test_every_optional_package_is_told():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    packages = {re.match(r"[\w-]+", line).group() for line in lines if not line.startswith("#")}
    assert len(packages) == 11
    assert {package for package in packages if package not in README} == set()


def test_every_algorithm_and_every_metric_is_told():
    from pixel_spectra.core.metrics import METRICS

    algorithms = {p.stem for p in (ROOT / "processing_provider" / "algorithms").glob("[a-z]*.py")}
    assert algorithms == set(re.findall(r"`pixelspectra:(\w+)`", README))
    assert all(f"`{name}`" in README for name in METRICS)
