"""The words for what is thought of a candidate, and the colours they have in the report, on the map and in the dock."""

from __future__ import annotations

ACCEPT, DOUBTFUL, REJECT, NONE = "accept", "doubtful", "reject", "none"
COLOURS = {ACCEPT: "#2c7fd9", DOUBTFUL: "#8a929c", REJECT: "#e07b1f", NONE: "#c2b48f"}
"""Verdict -> colour; blue and orange are apart for colour-blind eyes too."""
