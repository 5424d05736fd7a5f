"""How the tests of what goes wrong ask: was it said once, in one sentence, and does the window work on?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsGeometry,
    QgsPointXY,
    QgsProject,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QPoint
from qgis.PyQt.QtWidgets import QLabel

from granules import lonlat
from inspector_side import Analyst
from qgis_side import SCENE

CORNER = QPoint(8, 8)
"""A place of the canvas off the swath."""


def one_sentence(analyst: Analyst) -> str:
    """What stands in the message bar: exactly one sentence, which is then taken away."""
    said = analyst.warnings() + analyst.told()
    analyst.window.iface.messageBar().clear_messages()
    assert len(said) == 1, said
    return said[0]


def silent(analyst: Analyst) -> bool:
    """Nothing stands in the message bar."""
    return not analyst.warnings() + analyst.told()


def works_on(analyst: Analyst, row: int = 12, column: int = 9) -> bool:
    """An ordinary click gives its pixel, and nothing is said."""
    analyst.click(analyst.at(row, column))
    place = analyst.curve().place
    return (place.downtrack, place.crosstrack) == (row, column) and silent(analyst)


def open_file(analyst: Analyst, path: Path) -> None:
    """Open as by the button, which refuses where a drop leaves a file to QGIS."""
    analyst.dock.granules.open_asked.emit(str(path))
    analyst.rest()


def shown_texts(analyst: Analyst) -> set[str]:
    """The texts of all labels in the panel of the score."""
    return {label.text() for label in analyst.dock.score.findChildren(QLabel) if label.isVisible()}


def points(n: int, crs: str = "EPSG:4326") -> QgsVectorLayer:
    """A layer of `n` points on the pixels of the scene, all selected."""
    layer = QgsVectorLayer("Point?crs=EPSG:4326", "points", "memory")
    features = []
    for lon, lat in zip(*lonlat(SCENE, 10 + np.arange(n) % 20, 10 + np.arange(n) % 15)):
        features.append(QgsFeature())
        features[-1].setGeometry(QgsGeometry.fromPointXY(QgsPointXY(lon, lat)))
    layer.dataProvider().addFeatures(features)
    layer.setCrs(QgsCoordinateReferenceSystem(crs))
    layer.selectAll()
    QgsProject.instance().addMapLayer(layer, False)
    return layer
