"""What every test stands on: this checkout as ``pixel_spectra``, no network, no lost Qt exception."""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
import traceback
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

from shared_files import SHARED_DATA, SHOWN_AS, data_required, shared_file

ROOT = Path(__file__).resolve().parents[1]
LINK = ROOT / ".dev" / "plugins" / "pixel_spectra"
NO_QGIS = ROOT / ".venv" / "no-qgis"


def _make_importable() -> None:
    """Import this checkout under its name, whatever its folder is called, here and in child processes."""
    if not LINK.exists():
        LINK.parent.mkdir(parents=True, exist_ok=True)
        LINK.symlink_to(os.path.relpath(ROOT, LINK.parent), target_is_directory=True)
    sys.path.insert(0, str(LINK.parent))
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(LINK.parent)] + ([inherited] if inherited else []))
    import pixel_spectra

    if Path(pixel_spectra.__file__).resolve().parent != ROOT:
        raise RuntimeError(f"another pixel_spectra shadows this checkout: {pixel_spectra.__file__}")


_make_importable()
set_hypothesis_home_dir(ROOT / ".dev" / "hypothesis")
settings.register_profile("house", deadline=None, max_examples=50, derandomize="CI" in os.environ)
settings.load_profile("house")


def _has_qgis() -> bool:
    try:
        return importlib.util.find_spec("qgis.core") is not None
    except ModuleNotFoundError:
        return False


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("PIXEL_SPECTRA_REQUIRE_QGIS") == "1" and not _has_qgis():
        reason = NO_QGIS.read_text() if NO_QGIS.exists() else "this interpreter has no 'qgis' package"
        raise pytest.UsageError(f"QGIS tests were asked for: {reason}")
    if data_required() and not SHARED_DATA.is_dir():
        raise pytest.UsageError(f"PIXEL_SPECTRA_REQUIRE_DATA=1, but {SHOWN_AS} is not there")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line with the counts, so that nobody overlooks what was skipped."""
    kinds = ("passed", "failed", "error", "skipped", "xfailed")
    counts = ", ".join(f"{len(terminalreporter.stats.get(kind, []))} {kind}" for kind in kinds)
    data = "present" if SHARED_DATA.is_dir() else "absent"
    qgis = "present" if _has_qgis() else "absent"
    terminalreporter.write_line(f"pixel_spectra: {counts} (QGIS {qgis}, {SHOWN_AS} {data})")


class NetworkBlocked(RuntimeError):
    """A test tried to leave this machine."""


def _is_local(host: object) -> bool:
    return host in (None, "", "localhost", "::1") or str(host).startswith("127.")


def _guarded(function, host_of):
    def guard(*args, **kwargs):
        host = host_of(*args)
        if not _is_local(host):
            raise NetworkBlocked(f"a test tried to reach {host}; only servers on this machine may be asked")
        return function(*args, **kwargs)

    return guard


@pytest.fixture(autouse=True, scope="session")
def _no_network():
    """Let Python's sockets reach this machine only."""

    def peer(sock, address):
        return address[0] if sock.family in (socket.AF_INET, socket.AF_INET6) else None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", _guarded(socket.getaddrinfo, lambda host, *_: host))
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name), peer))
        yield


@pytest.fixture(autouse=True)
def _slot_exceptions_fail():
    """PyQt aborts the process on an exception in a slot; make it a failed test instead."""
    caught: list[str] = []
    before = sys.excepthook
    sys.excepthook = lambda *error: caught.append("".join(traceback.format_exception(*error)))
    yield
    sys.excepthook = before
    if caught:
        pytest.fail("exception in a Qt slot:\n" + "\n".join(caught), pytrace=False)


@pytest.fixture(scope="session")
def shared_data():
    """A callable: `shared_data("emit_nc/x.nc")` is the path of that real file, or skips the test."""
    return shared_file
