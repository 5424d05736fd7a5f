"""What the tests in QGIS share: one small scene, areas on it, rows of a layer, and the program qgis_process."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from granules import Scene, lonlat

ROOT = Path(__file__).resolve().parents[1]
SCENE = Scene(downtrack=40, crosstrack=30)
REFERENCE = "kaolinite_cm9_beckb"


def place(row: float, column: float) -> list[float]:
    """Lon, lat of a place in raw pixel coordinates."""
    return [float(v) for v in lonlat(SCENE, row, column)]


def box(top: float, left: float, bottom: float, right: float) -> dict[str, Any]:
    """A GeoJSON polygon between raw pixel coordinates."""
    corners = [(top, left), (top, right), (bottom, right), (bottom, left), (top, left)]
    return {"type": "Polygon", "coordinates": [[place(*corner) for corner in corners]]}


def write_geojson(path: Path, *geometries: Optional[dict[str, Any]]) -> Path:
    """A GeoJSON layer; QGIS numbers its features from 0 on."""
    features = [{"type": "Feature", "properties": {"n": i}, "geometry": g} for i, g in enumerate(geometries)]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def memory_layer(kind: str, crs: str, *wkt: str, name: str = "fields") -> Any:
    """A layer in memory of lon/lat WKT, its geometries transformed to `crs` where there is a way."""
    from qgis.core import (
        QgsCoordinateReferenceSystem,
        QgsCoordinateTransform,
        QgsCoordinateTransformContext,
        QgsFeature,
        QgsGeometry,
        QgsVectorLayer,
    )

    layer = QgsVectorLayer(f"{kind}?crs={crs}", name, "memory")
    lonlat = QgsCoordinateReferenceSystem("EPSG:4326")
    way = QgsCoordinateTransform(lonlat, layer.crs(), QgsCoordinateTransformContext())
    features = []
    for text in wkt:
        feature, geometry = QgsFeature(), QgsGeometry.fromWkt(text)
        if way.isValid():
            geometry.transform(way)
        feature.setGeometry(geometry)
        features.append(feature)
    assert layer.dataProvider().addFeatures(features)[0]
    return layer


def rows_of(layer: Any) -> list[dict[str, Any]]:
    """The attributes of a layer, NULL as None, and its geometry as `point`, None where it is null or empty."""
    from qgis.core import QgsVectorLayer

    layer = layer if hasattr(layer, "getFeatures") else QgsVectorLayer(str(layer), "layer", "ogr")
    found = []
    for feature in layer.getFeatures():
        row = {name: None if hasattr(v, "isNull") and not hasattr(v, "date") and v.isNull() else v
               for name, v in zip(feature.fields().names(), feature.attributes())}
        found.append({**row, "point": None if feature.geometry().isEmpty() else feature.geometry().asPoint()})
    return found


@dataclass(frozen=True)
class Done:
    """What a child process said."""

    status: int
    output: str
    errors: str

    @property
    def json(self) -> dict[str, Any]:
        assert self.status == 0, self.errors
        return json.loads(self.output)


@dataclass(frozen=True)
class QgisProcess:
    """The real program, with a profile of its own in which the plugin is on."""

    folder: Path

    def environment(self, first_on_path: str = "") -> dict[str, str]:
        """As in CONTRIBUTING: the system's QGIS sees the packages of this environment."""
        path = os.pathsep.join(filter(None, [first_on_path, sysconfig.get_path("purelib")]))
        (self.folder / "run").mkdir(mode=0o700, exist_ok=True)
        return {**os.environ, "QGIS_PLUGINPATH": str(ROOT / ".dev" / "plugins"), "PYTHONPATH": path, "QGIS_OPTS": "",
                "QGIS_CUSTOM_CONFIG_PATH": str(self.folder), "XDG_RUNTIME_DIR": str(self.folder / "run"),
                "QT_QPA_PLATFORM": "offscreen"}

    def call(self, *arguments: str, text: str = "", first_on_path: str = "") -> Done:
        done = subprocess.run(["qgis_process", *arguments], input=text, capture_output=True, text=True, timeout=120,
                              env=self.environment(first_on_path))
        return Done(done.returncode, done.stdout, done.stderr)

    def run(self, algorithm: str, **inputs: Any) -> Done:
        plain = {name: str(v) if isinstance(v, Path) else v for name, v in inputs.items()}
        return self.call("run", algorithm, "-", text=json.dumps({"inputs": plain}))
