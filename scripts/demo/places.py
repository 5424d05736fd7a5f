"""The scene of the vetting: small targets at two abundances, look-alikes and empty ground, all of them candidates.

The ground is that of the demo with a pixel-to-pixel variation of its own. Nothing that is planted is the reference
that the candidates are compared with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from granules import Scene

from .scene import COVERS, GRASS, SOIL, Cover, Demo, Float, Patch

REFERENCE = COVERS[0].counterpart
"""What the candidates are thought to be: another sample of kaolinite, measured on another instrument."""
ABUNDANCES = (0.4, 0.2)
TARGETS_OF_EACH, DECOYS_OF_EACH, EMPTY = 30, 6, 60
GRID = 14
"""Cells down and across; at most one candidate in each."""
RADIUS = (1.4, 2.4)
"""Range of the mean radius, pixels: 4 to 14 of them lie inside the outline."""
CLUTTER = 0.04
"""Standard deviation, from pixel to pixel, of the soil's moisture and of the share of the grass."""
_STILL = (0.0, 0.0)
_LOOK_ALIKES = ("montmorillonite_swy_1_asdngb", "illite_gds4_marblehead_asdngb", "muscovite_gds113_ruby_becka",
                "alunite_hs295_3b_asdfra")
_SHADE = "water_montmor_swy_2_0_50g_l_asdfra"

TARGETS = tuple(Cover(COVERS[0].record, REFERENCE, share, _STILL) for share in ABUNDANCES)
SHIFTED = (Cover(SOIL, "", 0.5, _STILL), Cover(_SHADE, "", 0.4, _STILL))
"""The ground itself, brighter and darker."""
DECOYS = (*(Cover(record, "", share, _STILL) for record in _LOOK_ALIKES for share in ABUNDANCES), *SHIFTED)
"""Clays, a mica and a sulphate with features near those of kaolinite, and SHIFTED."""
NOTHING = Cover(GRASS, "", 0.0, _STILL)


@dataclass(frozen=True)
class Places(Demo):
    """A scene beside that of the demo, whose patches are the candidates."""

    @cached_property
    def scene(self) -> Scene:
        """The next scene of the orbit."""
        return replace(Demo(self.size).scene, scene=6, lat=37.4)

    @cached_property
    def patches(self) -> tuple[Patch, ...]:
        """All candidates, at random places."""
        chance = np.random.default_rng(self.seed + 10)
        covers = [cover for kinds, n in ((TARGETS, TARGETS_OF_EACH), (DECOYS, DECOYS_OF_EACH), ((NOTHING,), EMPTY))
                  for cover in kinds for _ in range(n)]
        cell, found = self.size / GRID, []
        for cover, place in zip(covers, chance.permutation(GRID * GRID)):
            row, column = (np.array(divmod(place, GRID)) + 0.5 + chance.uniform(-0.35, 0.35, 2)) * cell
            found.append(Patch(cover, row, column, chance.uniform(*RADIUS), chance.uniform(0.0, 2.0 * np.pi)))
        return tuple(found)

    @cached_property
    def shares(self) -> tuple[Float, Float]:
        """Those of the demo, and a variation from pixel to pixel."""
        chance = np.random.default_rng(self.seed + 11)
        moist, grass = super().shares
        return (moist + chance.normal(0.0, CLUTTER, moist.shape),
                np.clip(grass + chance.normal(0.0, CLUTTER, grass.shape), 0.0, 1.0))
