"""Bring pictures to a palette of shades that no eye tells apart; refuse those that are too large even so."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

MOST_BYTES = 300_000
"""Of one picture."""
WIDTH = 800
"""Pixels at least."""
_STEP = 8
"""Between two shades of a channel of 256."""
_SHADES = 256
"""Of all colours together, spread so that the rare ones of curves and marks stay."""


def shrink(path: Path) -> str:
    """Write the picture again with fewer shades; what is wrong with it, or ""."""
    with Image.open(path) as opened:
        dots = np.asarray(opened.convert("RGB"), np.int16)
    rounded = np.minimum((dots + _STEP // 2) // _STEP * _STEP, 255).astype(np.uint8)
    few = Image.fromarray(rounded).quantize(_SHADES, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    if dots.shape[1] < WIDTH:
        return f"{path.name} is only {dots.shape[1]} pixels wide, not {WIDTH}"
    size = path.stat().st_size
    return f"{path.name} takes {size} bytes, more than {MOST_BYTES}" if size > MOST_BYTES else ""


if __name__ == "__main__":
    problems = [problem for name in sys.argv[1:] if (problem := shrink(Path(name)))]
    print("\n".join(problems), end="\n" if problems else "", file=sys.stderr)
    sys.exit(bool(problems))
