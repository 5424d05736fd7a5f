"""What the inspector paints on the map: pixels as their true ground quadrilaterals, verdicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional, Protocol

import numpy as np
import numpy.typing as npt
from qgis.core import Qgis, QgsCoordinateReferenceSystem, QgsGeometry, QgsPointXY
from qgis.gui import QgsMapCanvas, QgsRubberBand
from qgis.PyQt.QtCore import QObject, pyqtSignal
from qgis.PyQt.QtGui import QColor

from ..adapters.drawn import joined_lines, multipoint, on_map, quads_multipolygon
from ..core.errors import AreaError
from .theme import BAD, GOOD

MOST_DRAWN = 20_000
"""Of more pixels or edges, a seeded sample is drawn: the window is not held."""
_SEED = 0
_OPACITY = 180
"""Of a verdict: the picture shines through."""
_BRIGHT, _DARK = QColor(255, 255, 255, 220), QColor(0, 0, 0, 220)
"""Halos, so that a line is seen on any picture."""
_TINY = 3
"""Pixels smaller than so many dots of the screen are drawn as such dots: the canvas would leave them out."""
_HOVER = "#ffd400"
_FILLS, _OUTLINES, _HOVERED = 1, 2, 3
"""Heights above the map."""

Float = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
ToMap = Callable[[Float], Float]
"""Places (..., 2) from lon/lat to the CRS of the canvas; raises AreaError."""


class _Mark(Protocol):
    """Something on the map."""

    bands: tuple[QgsRubberBand, ...]

    def lay_out(self) -> None:
        """Take its place in the present CRS of the canvas; raises AreaError where there is none."""


class MapMarks(QObject):
    """The marks on one canvas, by key. When its CRS changes they are laid out anew.

    What cannot be shown in the CRS of the canvas is hidden until the next change, and `told` says so, once.
    """

    told = pyqtSignal(str)
    """A sentence: why marks cannot be shown."""

    def __init__(self, canvas: QgsMapCanvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._marks: dict[tuple[str, str], _Mark] = {}
        self._silent = False
        canvas.destinationCrsChanged.connect(self._crs_changed)
        canvas.scaleChanged.connect(self._scale_changed)

    def keys(self) -> tuple[str, ...]:
        """The keys that have an outline or verdicts, in the order they came."""
        return tuple(dict.fromkeys(key for _, key in self._marks if key))

    def outline(self, key: str, footprints: npt.ArrayLike, colour: str) -> None:
        """The borders of pixels, (n, 4, 2) in lon/lat, in the colour of their curve; a lone one with a dot as well.

        NaN are left out; beyond MOST_DRAWN it is a seeded sample: show the border() of so many.
        """
        quads = _each(footprints)
        self._put("outline", key, _Borders(self._canvas, quads[_drawn(quads)], colour, _OUTLINES))

    def border(self, key: str, edges: Float, colour: str) -> None:
        """The edges (n, 2, 2) in lon/lat around the pixels of an area, in the colour of its curve.

        Beyond MOST_DRAWN, as many scattered pixels have, it is a seeded sample of them.
        """
        self._put("outline", key, _Edges(self._canvas, edges[_sampled(np.arange(len(edges)))], colour))

    def verdicts(self, key: str, footprints: npt.NDArray[Any], good: npt.ArrayLike, valid: npt.ArrayLike) -> int:
        """Fill the valid ones of n pixels, (n, 4, 2) in lon/lat, by whether they are `good`; how many are drawn.

        The same array of footprints may come many times a second with another `good`. NaN are left out;
        beyond MOST_DRAWN a seeded sample is drawn.
        """
        mark = self._marks.get(("verdicts", key))
        if isinstance(mark, _Verdicts) and mark.is_of(footprints, np.asarray(valid, bool)):
            mark.good = np.asarray(good, bool)
            self._lay_out(mark)
        else:
            mark = _Verdicts(self._canvas, footprints, np.asarray(good, bool), np.array(valid, bool))
            self._put("verdicts", key, mark)
        return len(mark.drawn)

    def hover(self, footprint: Optional[npt.ArrayLike]) -> None:
        """Point out one pixel, (4, 2) in lon/lat; None, or one that is NaN, ends it."""
        self._take("hover", "")
        if footprint is not None:
            quads = _each(footprint)
            self._put("hover", "", _Borders(self._canvas, quads[_drawn(quads)], _HOVER, _HOVERED, _DARK))

    def remove(self, key: str) -> None:
        """Take the marks of `key` away; nothing happens where there are none."""
        for kind in ("outline", "verdicts"):
            self._take(kind, key)

    def clear(self) -> None:
        """Take everything away."""
        for kind, key in tuple(self._marks):
            self._take(kind, key)

    def close(self) -> None:
        """Leave the canvas, and nothing on it."""
        self.clear()
        self._canvas.destinationCrsChanged.disconnect(self._crs_changed)
        self._canvas.scaleChanged.disconnect(self._scale_changed)
        self.deleteLater()

    def _put(self, kind: str, key: str, mark: _Mark) -> None:
        self._take(kind, key)
        self._marks[kind, key] = mark
        self._lay_out(mark)

    def _take(self, kind: str, key: str) -> None:
        mark = self._marks.pop((kind, key), None)
        for band in () if mark is None else mark.bands:
            self._canvas.scene().removeItem(band)

    def _lay_out(self, mark: _Mark) -> None:
        try:
            mark.lay_out()
        except AreaError as error:
            for band in mark.bands:
                band.reset()
            if not self._silent:
                self._silent = True
                self.told.emit(str(error))

    def _crs_changed(self) -> None:
        self._silent = False
        for mark in tuple(self._marks.values()):
            self._lay_out(mark)


    def _scale_changed(self) -> None:
        for mark in tuple(self._marks.values()):
            if isinstance(mark, _Verdicts) and mark.is_placed:
                self._lay_out(mark)


class _Edges:
    """The border around an area."""

    def __init__(self, canvas: QgsMapCanvas, edges: Float, colour: str) -> None:
        self._edges, self._to_map = edges, _to_map(canvas)
        self._border = _band(canvas, Qgis.GeometryType.Line, colour, _OUTLINES, _BRIGHT)
        self.bands = (self._border,)

    def lay_out(self) -> None:
        self._border.setToGeometry(joined_lines(self._to_map(self._edges)))


class _Borders:
    """Each pixel by its border; a lone one with a dot, which is found from far."""

    def __init__(self, canvas: QgsMapCanvas, quads: Float, colour: str, height: int, halo: QColor = _BRIGHT) -> None:
        self._quads, self._to_map = quads, _to_map(canvas)
        self._border = _band(canvas, Qgis.GeometryType.Polygon, colour, height, halo)
        self._dot = _band(canvas, Qgis.GeometryType.Point, colour, height, halo)
        self.bands = (self._border, self._dot)

    def lay_out(self) -> None:
        quads = self._to_map(self._quads)
        self._border.setToGeometry(quads_multipolygon(quads))
        if len(quads) == 1:
            self._dot.setToGeometry(QgsGeometry.fromPointXY(QgsPointXY(*quads[0].mean(axis=0))))


class _Verdicts:
    """Pixels filled by a verdict. Their corners on the map stay while the verdict changes."""

    def __init__(self, canvas: QgsMapCanvas, footprints: npt.NDArray[Any], good: Bool, valid: Bool) -> None:
        self.good = good
        self._footprints, self._valid = footprints, valid
        quads = _each(footprints)
        self.drawn = _drawn(quads, valid)
        self._quads, self._to_map = quads[self.drawn], _to_map(canvas)
        self._crs, self._canvas = QgsCoordinateReferenceSystem(), canvas
        self._on_map = np.empty((0, 4, 2))
        self._size = 0.0
        self.bands = tuple(make(canvas, colour) for make in (_fill, _dots) for colour in (GOOD, BAD))

    def is_of(self, footprints: npt.NDArray[Any], valid: Bool) -> bool:
        """Whether these are the pixels."""
        return self._footprints is footprints and np.array_equal(self._valid, valid)

    @property
    def is_placed(self) -> bool:
        """Whether it lies right in the present CRS of the canvas."""
        crs = self._canvas.mapSettings().destinationCrs()
        return crs.isValid() and crs == self._crs

    def lay_out(self) -> None:
        crs = self._canvas.mapSettings().destinationCrs()
        if not self.is_placed:
            self._on_map, self._crs = self._to_map(self._quads), crs
            self._size = float(np.median(np.ptp(self._on_map, axis=1).max(axis=1))) if len(self._on_map) else 0.0
        for band in self.bands:
            band.reset()
        tiny = self._size < _TINY * self._canvas.mapUnitsPerPixel()
        good = self.good[self.drawn]
        for band, chosen in zip(self.bands[2 * tiny:], (good, ~good)):
            quads = self._on_map[chosen]
            band.setToGeometry(multipoint(quads.mean(axis=1)) if tiny else quads_multipolygon(quads))


def _each(footprints: npt.ArrayLike) -> Float:
    return np.asarray(footprints, np.float64).reshape(-1, 4, 2)


def _drawn(quads: Float, valid: Optional[Bool] = None) -> npt.NDArray[np.intp]:
    """Positions of the pixels to draw."""
    there = np.isfinite(quads).all(axis=(1, 2))
    return _sampled(np.flatnonzero(there if valid is None else there & valid))


def _sampled(places: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """All of them, or MOST_DRAWN in their order."""
    if len(places) <= MOST_DRAWN:
        return places
    return np.sort(np.random.default_rng(_SEED).choice(places, MOST_DRAWN, replace=False))


def _to_map(canvas: QgsMapCanvas) -> ToMap:
    def to_map(places: Float) -> Float:
        settings = canvas.mapSettings()
        return on_map(places, settings.destinationCrs(), settings.transformContext())

    return to_map


def _band(canvas: QgsMapCanvas, kind: Qgis.GeometryType, colour: str, height: int, halo: QColor) -> QgsRubberBand:
    band = QgsRubberBand(canvas, kind)
    band.setStrokeColor(QColor(colour))
    band.setSecondaryStrokeColor(halo)
    band.setFillColor(QColor(0, 0, 0, 0))
    band.setWidth(2)
    band.setIcon(QgsRubberBand.IconType.ICON_CIRCLE)
    band.setIconSize(9)
    band.setZValue(height)
    return band


def _dots(canvas: QgsMapCanvas, colour: str) -> QgsRubberBand:
    band = QgsRubberBand(canvas, Qgis.GeometryType.Point)
    band.setStrokeColor(QColor(0, 0, 0, 0))
    band.setFillColor(QColor(colour))
    band.setIcon(QgsRubberBand.IconType.ICON_FULL_BOX)
    band.setIconSize(_TINY)
    band.setColor(QColor(colour))
    band.setZValue(_FILLS)
    return band


def _fill(canvas: QgsMapCanvas, colour: str) -> QgsRubberBand:
    band = QgsRubberBand(canvas, Qgis.GeometryType.Polygon)
    shade = QColor(colour)
    shade.setAlpha(_OPACITY)
    band.setFillColor(shade)
    band.setStrokeColor(QColor(0, 0, 0, 0))
    band.setZValue(_FILLS)
    return band
