"""The Python of docs/archive.md runs as it stands there, against the archive on loopback."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from pixel_spectra.core.archive import login, opening
from pixel_spectra.core.archive.archives import ARCHIVES

from loopback import LoopbackArchive

pytest.importorskip("pandas")

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "archive.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.S)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    from demo.scene import Demo

    with LoopbackArchive(tmp_path_factory.mktemp("archive")) as archive:
        archive.publish(Demo().write(tmp_path_factory.mktemp("demo")).granule)
        yield archive


@pytest.fixture
def printed(archive, tmp_path, monkeypatch, capsys):
    """A callable: what a block prints, with the archive on loopback in the place of NASA's, and signed in."""
    host = archive.hosts["cmr"]
    here = replace(ARCHIVES["EMIT"], places=(("CMR", f"{host}/search/granules.umm_json"),
                                             ("CMR-STAC", f"{host}/stac/LPCLOUD")))
    monkeypatch.setitem(ARCHIVES._entries, "EMIT", here)
    monkeypatch.setattr(opening.opener, "__defaults__", (None, None, archive.origins, None))
    monkeypatch.setattr(login, "_OF_THIS_PROCESS", login.sign_in())
    monkeypatch.setenv("EARTHDATA_TOKEN", archive.token())
    monkeypatch.chdir(tmp_path)
    archive.clear()

    def run(block):
        exec(compile(block, "docs/archive.md", "exec"), {})
        return capsys.readouterr().out

    return run


def test_searching(archive, printed):
    lines = printed(BLOCKS[0]).splitlines()
    assert lines[0] == "1 scene from CMR, of 1 record for the box and time"
    assert lines[2].startswith("EMIT_L2A_RFL_001_20240501T101112_2412207_005 2024-05-01 10:11:12+00:00 23.0 ")
    assert {request.host for request in archive.requests} == {"cmr"}
    assert not any("authorization" in request.headers for request in archive.requests)


def test_reading(archive, printed, tmp_path):
    assert printed(BLOCKS[1]).startswith("[0.0486891")
    assert any((tmp_path / ".dev" / "pieces").rglob("*"))
    assert {r.host for r in archive.requests if "authorization" in r.headers} == {"data"}


def test_vetting(printed):
    told = printed(BLOCKS[2])
    assert {line.split()[1] for line in told.splitlines()[1:]} == {"a", "b"}


def test_a_proxy(printed):
    assert printed(BLOCKS[3]) == ""


def test_every_block_is_run():
    assert len(BLOCKS) == 4
