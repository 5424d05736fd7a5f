"""What the guide asks on the demo granule: places, reference, threshold. Its numbers follow from these."""

from __future__ import annotations

REFERENCE = "kaolinite_cm9_beckb"
SEARCH = "kaolinite cm9"
"""Typed to find it; the second entry is it."""
METRIC = "sam"
THRESHOLD = 0.1

LonLat = tuple[float, float]

KAOLINITE: LonLat = (-117.1703, 37.6045)
"""Inside the westernmost patch."""
CALCITE: LonLat = (-117.1432, 37.6226)
"""Inside the patch north-east of it."""
CLOUD: LonLat = (-117.1256, 37.6340)
"""Where thick cloud lies."""
OFF_SWATH: LonLat = (-117.1830, 37.6300)
"""North-west of the granule."""
LINE: tuple[LonLat, ...] = ((-117.1799, 37.5943), (-117.1284, 37.6395))
"""From bare ground over kaolinite and calcite into the cloud; it runs along one row of pixels."""
VETTED_FOR = "kaolinite_kga_1_wxl_beckb"
"""What the candidates are compared with."""
DOUBTFUL_KAOLINITE = 4
"""So many of the doubtful candidates, the first by rank, are judged to be kaolinite; the others are not."""
REJECT_BELOW = 50
"""Where the second threshold of the verdicts is brought."""
POLYGON: tuple[LonLat, ...] = ((-117.1805, 37.6024), (-117.1695, 37.6120), (-117.1584, 37.6041), (-117.1693, 37.5945))
"""Around the kaolinite patch; its edges run between pixels, so that no pixel is in doubt."""


def wkt(kind: str, *places: LonLat) -> str:
    """The same as text to paste.

    >>> wkt("POINT", KAOLINITE)
    'POINT (-117.1703 37.6045)'
    """
    ring = (*places, places[0]) if kind == "POLYGON" else places
    listed = ", ".join(f"{lon:.4f} {lat:.4f}" for lon, lat in ring)
    return f"{kind} (({listed}))" if kind == "POLYGON" else f"{kind} ({listed})"
