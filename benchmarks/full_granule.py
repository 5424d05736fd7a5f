"""The granule the benchmarks run on: as large as a real one and in the true layout, made on the fly."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from figures import NotMeasured

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path.insert(0, str(TESTS))

from granules import Scene, write_granule  # noqa: E402 (the one writer of synthetic granules)

FULL, SMALL = (1280, 1242), (240, 200)
_WRITER = ("granules.py", "netcdf_layout.py", "swath.py", "quality_layers.py", "emit_bands.py")
_SPARE_BYTES = 300 << 20
_DEAD_ELEMENTS, _HOLED_PIXELS, _CLOUDS = 12, 0.003, 40


@dataclass(frozen=True)
class Files:
    """The granule with and without its MASK."""

    reflectance: Path
    """L2A RFL with the MASK beside it."""
    mask: Path
    """L2A MASK."""
    bare: Path
    """The same RFL in a folder of its own."""
    shape: tuple[int, int]
    """(downtrack, crosstrack)."""

    @property
    def cube_gigabytes(self) -> float:
        """The size of the reflectance in memory, in 2**30 bytes."""
        return self.shape[0] * self.shape[1] * 285 * 4 / 2**30


def prepare(folder: Path, shape: tuple[int, int]) -> Files:
    """The granule in `folder`: the one kept there, if the same writer made it, or a new one."""
    own = folder / f"granule-{shape[0]}x{shape[1]}-{_writer_digest()}"
    if not own.exists():
        _check_room(folder, shape)
        _write(own, shape)
    reflectance, mask = (next(own.glob(f"*_{product}_*.nc")) for product in ("RFL", "MASK"))
    return Files(reflectance, mask, own / "bare" / reflectance.name, shape)


def remove(folder: Path) -> None:
    """Delete the granules of `folder`, also those of earlier runs, and the folder if nothing else is in it."""
    for own in (*folder.glob("granule-*x*-*"), *folder.glob("unfinished-granule-*x*-*")):
        shutil.rmtree(own)
    if folder.exists() and not any(folder.iterdir()):
        folder.rmdir()


def _check_room(folder: Path, shape: tuple[int, int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    needed = shape[0] * shape[1] * 285 * 4 + _SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise NotMeasured(f"the granule needs {needed / 2**30:.1f} GB in '{folder}', which has {free / 2**30:.1f} GB "
                          "left; name another folder with --folder")


def _write(own: Path, shape: tuple[int, int]) -> None:
    """Write under another name first, so that a granule that is there is whole."""
    unfinished = own.with_name("unfinished-" + own.name)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    scene = Scene(downtrack=shape[0], crosstrack=shape[1])
    files = write_granule(unfinished, scene, uncertainty=False, layers=_layers(shape), band_mask=_band_mask(shape))
    (unfinished / "bare").mkdir()
    os.link(files.reflectance, unfinished / "bare" / files.reflectance.name)
    unfinished.rename(own)


def _layers(shape: tuple[int, int]) -> dict[str, npt.NDArray[np.float32]]:
    """Round clouds with a margin, and aerosol and water vapour with noise, so that it compresses as real ones."""
    rng = np.random.default_rng(5)
    row, column = np.ogrid[: shape[0], : shape[1]]
    cloud, dilated = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for r, c, radius in rng.uniform((0, 0, 2), (*shape, min(shape) / 20), (_CLOUDS, 3)):
        distance = np.hypot(row - r, column - c)
        cloud[distance < radius] = 1
        dilated[distance < radius + 5] = 1
    return {"Cloud flag": cloud, "Dilated Cloud Flag": dilated,
            "AOD550": rng.normal(0.15, 0.01, shape).astype(np.float32),
            "H2O (g cm-2)": rng.normal(1.5, 0.02, shape).astype(np.float32)}


def _band_mask(shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Some dead detector elements (one band of one column), and a few pixels with one or two bands repaired."""
    rng = np.random.default_rng(6)
    repaired = np.zeros((*shape, 285), bool)
    for _ in range(_DEAD_ELEMENTS):
        repaired[:, rng.integers(shape[1]), rng.integers(285)] = True
    n = int(_HOLED_PIXELS * shape[0] * shape[1])
    for _ in range(2):
        repaired[rng.integers(shape[0], size=n), rng.integers(shape[1], size=n), rng.integers(285, size=n)] = True
    return repaired


def _writer_digest() -> str:
    sources = [*(TESTS / name for name in _WRITER), Path(__file__)]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:8]
