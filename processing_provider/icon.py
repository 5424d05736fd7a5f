"""The picture of the provider and of its algorithms."""

from pathlib import Path

ICON = Path(__file__).resolve().parents[1] / "resources" / "icon.svg"
