"""A layer of vetted candidates as vet_candidates writes it, for the tests of the dock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pixel_spectra.adapters.fields import as_datetime
from pixel_spectra.adapters.layer_output import file_output
from pixel_spectra.adapters.vetting_layers import candidate_fields
from pixel_spectra.core.vetting.tables import CANDIDATE_SCHEMA
from qgis.core import (
    Qgis,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsGeometry,
    QgsProject,
    QgsVectorLayer,
)

_SEEN = {"scene_id": "granule", "datetime": "2024-05-01T10:11:12.000Z", "score_best": 0.01, "n_pixels": 16,
         "n_valid": 16, "masked": "{}", "n_background": 400, "reference_id": "kaolinite_cm9_beckb", "metric": "sam",
         "mask_id": "good_bands"}
ROWS: tuple[dict[str, Any], ...] = (
    {"candidate_id": "strong", "rank": 1, "score": 0.02, "background_percentile": 99.75, "verdict": "accept", **_SEEN},
    {"candidate_id": "weak", "rank": 2, "score": 0.06, "background_percentile": 95.0, "verdict": "doubtful", **_SEEN},
    {"candidate_id": "soil", "rank": 3, "score": 0.2, "background_percentile": 40.0, "verdict": "reject", **_SEEN},
    {"candidate_id": "lost", "verdict": "none", "reason": "It has no geometry.", "metric": "sam", "n_pixels": 0,
     "n_valid": 0, "n_background": 0},
)
"""One candidate of each verdict; the last one has no outline."""


def make_layer(path: Path, crs: str = "EPSG:4326") -> QgsVectorLayer:
    """ROWS at squares of 0.01 degrees, 0.1 degrees apart, as a layer called after its file."""
    system, lonlat = QgsCoordinateReferenceSystem(crs), QgsCoordinateReferenceSystem("EPSG:4326")
    way = QgsCoordinateTransform(lonlat, system, QgsProject.instance())
    with file_output(path, candidate_fields(), Qgis.WkbType.MultiPolygon, system) as output:
        for i, row in enumerate(ROWS):
            values = [row.get(c.name, "" if c.kind == "text" else None) for c in CANDIDATE_SCHEMA]
            place = None
            if row["candidate_id"] != "lost":
                west = 10.0 + 0.1 * i
                place = QgsGeometry.fromWkt(f"MULTIPOLYGON((({west} 45, {west + 0.01} 45, {west + 0.01} 45.01, "
                                            f"{west} 45.01, {west} 45)))")
                place.transform(way)
            names = [c.name for c in CANDIDATE_SCHEMA]
            output.add([as_datetime(v) if n == "datetime" else v for n, v in zip(names, values)], place)
    return QgsVectorLayer(output.destination, path.stem, "ogr")
