"""What the figures were measured on."""

from __future__ import annotations

import ctypes
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any, Optional

import numpy as np

_PACKAGES = ("numpy", "scipy", "h5py", "pyfive", "shapely")
_MAPS, _CPU, _MEMORY = Path("/proc/self/maps"), Path("/proc/cpuinfo"), Path("/proc/meminfo")
_BLAS_NAMES = ("openblas", "mkl_rt", "blis", "libblas", "Accelerate")


def describe() -> dict[str, Any]:
    """Names, versions and sizes; None for what cannot be told."""
    return {
        "cpu": _first(_CPU, "model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": _gigabytes("MemTotal"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "blas": blas(),
        "load": load(),
    }


def shown(told: dict[str, Any]) -> str:
    """The description as lines of text."""
    packages = ", ".join(f"{name} {version or 'missing'}" for name, version in told["packages"].items())
    threads = told["blas"]["threads"]
    memory = f"{told['memory_gb']:.0f} GB" if told["memory_gb"] else "memory unknown"
    return (f"machine: {told['cpu']}, {told['cores']} cores, {memory}; {told['system']}\n"
            f"python {told['python']}, {packages}\n"
            f"BLAS: {told['blas']['name']}, {threads if threads is not None else 'unknown number of'} threads; "
            f"load average {told['load']}")


def load() -> str:
    """The load average of the last 1, 5 and 15 minutes: others' work shows in the figures."""
    return " ".join(f"{value:.2f}" for value in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"


def available_gigabytes() -> Optional[float]:
    """Memory that a program can have now; None where the system does not tell."""
    return _gigabytes("MemAvailable")


def blas() -> dict[str, Any]:
    """The BLAS that numpy has loaded, as it calls itself, and its threads."""
    np.linalg.inv(np.eye(2))
    libraries = _loaded_libraries()
    for path in libraries:
        found = _openblas(path)
        if found:
            return found
    names = sorted({Path(path).name for path in libraries})
    return {"name": ", ".join(names) or "unknown", "threads": None}


def _loaded_libraries() -> list[str]:
    if not _MAPS.exists():
        return []
    paths = {line.split(maxsplit=5)[5] for line in _MAPS.read_text().splitlines() if len(line.split()) > 5}
    return sorted(path for path in paths if any(name in Path(path).name for name in _BLAS_NAMES))


def _openblas(path: str) -> Optional[dict[str, Any]]:
    """OpenBLAS tells its version and threads, under names with a prefix and suffix of the build."""
    library = ctypes.CDLL(path)
    for before, after in ((b, a) for b in ("", "scipy_") for a in ("", "64_", "_64")):
        config = getattr(library, f"{before}openblas_get_config{after}", None)
        threads = getattr(library, f"{before}openblas_get_num_threads{after}", None)
        if config is not None and threads is not None:
            config.restype = ctypes.c_char_p
            return {"name": config().decode().strip(), "threads": int(threads())}
    return None


def _version(package: str) -> Optional[str]:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _first(path: Path, key: str) -> Optional[str]:
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), None)


def _gigabytes(key: str) -> Optional[float]:
    value = _first(_MEMORY, key)
    return int(value.split()[0]) / 2**20 if value else None
