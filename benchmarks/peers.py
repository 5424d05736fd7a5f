"""The programs we compare with: an environment of their own, and child processes that are timed inside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from figures import NotMeasured

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = Path(__file__).resolve().parent / "programs"
ENVIRONMENT = ROOT / ".dev" / "bench-peers"

PACKAGES: dict[str, Sequence[str]] = {
    "array tools": ("numpy", "h5py", "spectral>=0.23", "pysptools>=0.15"),
    "hypercoast": ("hypercoast==0.27.*",),
    "remote readers": ("earthaccess==0.17.*", "h5py", "numpy"),
}
"""What a peer needs -> the packages to install; each fails by itself."""
SYSTEM = "what QGIS' own Python brings along"
"""What GDAL needs: nothing is installed."""
_INSTALL_SECONDS, _CHILD_SECONDS = 900, 300


def ask_ours(program: str, question: dict[str, Any]) -> dict[str, Any]:
    """The answer of a program of ours, in a fresh process of this interpreter in which the package imports."""
    path = [str(ROOT / ".dev" / "plugins"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return _ask(Path(sys.executable), program, question, {"PYTHONPATH": os.pathsep.join(path)})


class NotFinished(NotMeasured):
    """It was stopped after `seconds`, which is then the least that it takes."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"not done after {seconds:g} s")
        self.seconds = seconds


def _ask(python: Path, program: str, question: dict[str, Any], more: dict[str, str],
         seconds: float = _CHILD_SECONDS) -> dict[str, Any]:
    """Ask `program` (in programs/) a question; raises NotMeasured with the reason when it does not answer."""
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    surroundings.update(more)
    try:
        done = subprocess.run([str(python), str(PROGRAMS / f"{program}.py")], input=json.dumps(question),
                              capture_output=True, text=True, timeout=seconds, env=surroundings)
    except subprocess.TimeoutExpired:
        raise NotFinished(seconds) from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["without a word"]
        raise NotMeasured(f"ended with status {done.returncode}: {said[-1][:200]}")
    return json.loads(done.stdout)


class Peers:
    """Installs what a peer needs when it is first asked, and remembers what could not be had."""

    def __init__(self, wanted: bool = True) -> None:
        self.wanted = wanted
        self._state: dict[str, str] = {}
        self._answers: dict[str, dict[str, Any]] = {}

    def ask(self, needs: str, program: str, question: dict[str, Any], run: int = 0,
            seconds: float = _CHILD_SECONDS) -> dict[str, Any]:
        """The answer of a peer; each run of a question is asked once. Raises NotMeasured with the reason.

        `needs` is a key of PACKAGES, or SYSTEM. After `seconds` it is stopped, and NotFinished raised.
        """
        if not self.wanted:
            raise NotMeasured("peers off")
        if needs != SYSTEM and needs not in self._state:
            self._state[needs] = _install(needs)
        if self._state.get(needs):
            raise NotMeasured(self._state[needs])
        key = json.dumps([program, question, run])
        if key not in self._answers:
            python = Path(sys.executable) if needs == SYSTEM else _interpreter()
            self._answers[key] = _ask(python, program, question, {}, seconds)
        return self._answers[key]

    def versions(self) -> str:
        """The versions of the packages in the environment, as far as it was used."""
        if not any(state == "" for state in self._state.values()):
            return "none"
        script = ("from importlib import metadata as m\nfor d in m.distributions(): "
                  "print(d.metadata['Name'].lower(), d.version)")
        done = subprocess.run([str(_interpreter()), "-c", script], capture_output=True, text=True, check=True)
        wanted = {"hypercoast", "spectral", "pysptools", "h5py", "numpy", "xarray", "earthaccess", "fsspec", "aiohttp"}
        return ", ".join(sorted(line for line in done.stdout.splitlines() if line.split()[0] in wanted))


def _interpreter() -> Path:
    return ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _install(needs: str) -> str:
    """Install the packages of `needs` unless they are there; "" or why they cannot be had."""
    done_before = ENVIRONMENT / f"installed-{needs.replace(' ', '-')}.txt"
    asked = "\n".join(PACKAGES[needs])
    if done_before.exists() and done_before.read_text() == asked:
        return ""
    print(f"installing {', '.join(PACKAGES[needs])} into .dev/bench-peers", file=sys.stderr, flush=True)
    if not _interpreter().exists():
        reason = _attempt([sys.executable, "-m", "venv", str(ENVIRONMENT)])
        if reason:
            return f"no environment for peers: {reason}"
    reason = _attempt([str(_interpreter()), "-m", "pip", "install", "-q", "--disable-pip-version-check",
                       *PACKAGES[needs]])
    if reason:
        return f"cannot be installed: {reason}"
    done_before.write_text(asked)
    return ""


def _attempt(command: list[str]) -> str:
    """Run a command; "" or the last line of what it complained about."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        return f"not done after {_INSTALL_SECONDS} s"
    said = [line for line in done.stderr.splitlines() if "ERROR" in line] or done.stderr.strip().splitlines()
    return (said or [f"status {done.returncode}"])[-1] if done.returncode else ""
