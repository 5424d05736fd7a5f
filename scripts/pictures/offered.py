"""What the archive on loopback offers to the walk: the demo granules, and records and pictures of older scenes.

    python -m pictures.offered DEMO VETTING FOLDER    # lays the files out, before the archive is served

The older scenes cannot be opened: the archive has their records and their browse pictures only.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from loopback.umm import PUBLIC
from swath import Scene

if TYPE_CHECKING:
    from loopback import LoopbackArchive

DEMO = Scene(300, 300, lon=-117.2, lat=37.6, azimuth_deg=132.0, hole_fraction=0.004)
"""As `make demo` writes it."""
NEXT = replace(DEMO, scene=6, lat=37.4)
"""The scene of the candidates, in which they are vetted."""
CLOUD = {DEMO: 12, NEXT: 9}
ROOM = "EMITL2ARFL.001"


@dataclass(frozen=True)
class Older:
    """A scene that was taken before."""

    days: int
    """So many before the demo scene."""
    east: float
    """Degrees from it."""
    north: float
    """Degrees from it."""
    cloud: Optional[int]
    """Percent; None where the record does not say."""
    azimuth_deg: float = 132.0
    """The station flies down, or up."""

    @cached_property
    def scene(self) -> Scene:
        """Its name and its place."""
        time = DEMO.time - timedelta(days=self.days, minutes=37 * self.days % 300)
        return replace(DEMO, time=time, orbit=int(f"{time:%y%j}05"), lon=DEMO.lon + self.east,
                       lat=DEMO.lat + self.north, azimuth_deg=self.azimuth_deg)


OLDER = (
    Older(13, 0.05, 0.02, 34), Older(29, 0.13, -0.06, 71, 48.0), Older(41, 0.08, -0.04, 0),
    Older(54, 0.01, 0.06, 58), Older(70, 0.08, -0.14, None, 48.0), Older(83, 0.04, 0.04, 22),
    Older(97, 0.19, -0.10, 93, 48.0), Older(118, -0.02, -0.05, 15), Older(133, 0.06, 0.07, 47),
    Older(151, 0.02, 0.01, 83), Older(178, 0.11, -0.08, 6, 48.0))
"""All of them touch the area that is drawn."""


def records(archive: LoopbackArchive) -> list[dict[str, Any]]:
    """The records of all scenes, with addresses of `archive`."""
    return [*(archive.record(scene, cloud=cloud) for scene, cloud in CLOUD.items()),
            *(archive.record(o.scene, cloud=o.cloud) for o in OLDER)]


def lay_out(demo: Path, vetting: Path, folder: Path) -> None:
    """Lay the two demo granules out as the archive does, with browse pictures of all scenes."""
    from granules import GranuleFiles
    from sidecars import publish

    for scene, place in ((NEXT, vetting), (DEMO, demo)):
        files = [place / scene.file_name(f"L2A_{product}") for product in ("RFL", "MASK", "RFLUNCERT")]
        published = publish(GranuleFiles(scene, *files), folder)
    for number, older in enumerate(OLDER):
        name = older.scene.file_name("L2A_RFL")[: -len(".nc")]
        path = folder / PUBLIC.strip("/") / ROOM / name / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        _picture(folder / str(published.browse), older.cloud or 0, number, path)


def _picture(ground: Path, cloud: int, seed: int, path: Path) -> None:
    """The browse picture at `ground`, turned and moved, with so many percent of it under clouds."""
    import numpy as np
    from PIL import Image

    with Image.open(ground) as opened:
        dots = np.asarray(opened.convert("RGB"), float)
    dots = np.roll(np.rot90(dots, seed % 4), (37 * seed, 61 * seed), (0, 1))
    chance, (down, across) = np.random.default_rng(seed), np.ogrid[: dots.shape[0], : dots.shape[1]]
    waves = sum(np.sin(down * chance.normal(0, 0.08) + across * chance.normal(0, 0.08) + chance.uniform(0, 6.3))
                for _ in range(9))
    edge = np.quantile(waves, 1 - cloud / 100)
    cover = np.clip((waves - edge) + 0.15, 0, 1)[..., None] if cloud else 0.0
    Image.fromarray(np.uint8(np.clip(dots * (1 - cover) + 235 * cover, 0, 255))).save(path)


if __name__ == "__main__":
    lay_out(*map(Path, sys.argv[1:]))
