"""Bring pictures to few colours, as the guide's pictures need no more; refuse those that are too large even so."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

COLOURS = 256
MOST_BYTES = 300_000
"""Of one picture."""
WIDTH = 800
"""Pixels at least."""


def shrink(path: Path) -> str:
    """Write the picture again with at most COLOURS colours; what is wrong with it, or ""."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    if small.width < WIDTH:
        return f"{path.name} is only {small.width} pixels wide, not {WIDTH}"
    size = path.stat().st_size
    return f"{path.name} takes {size} bytes, more than {MOST_BYTES}" if size > MOST_BYTES else ""


if __name__ == "__main__":
    problems = [problem for name in sys.argv[1:] if (problem := shrink(Path(name)))]
    print("\n".join(problems), end="\n" if problems else "", file=sys.stderr)
    sys.exit(bool(problems))
