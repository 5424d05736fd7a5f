"""Do two shapes of degrees meet? Small, plain and good enough for footprints; the globe is a cylinder here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Point = tuple[float, float]
_TURNS = (-360.0, 0.0, 360.0)


@dataclass(frozen=True)
class Shape:
    """Points (lon, lat) joined by straight lines; a `ring` is closed and has an inside."""

    points: tuple[Point, ...]
    ring: bool = True

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        lons, lats = zip(*self.points)
        return min(lons), min(lats), max(lons), max(lats)

    @property
    def edges(self) -> list[tuple[Point, Point]]:
        following = self.points[1:] + self.points[:1] if self.ring else self.points[1:]
        return list(zip(self.points, following))

    def holds(self, point: Point) -> bool:
        """Whether a ring has `point` inside: an odd number of edges to the east of it."""
        x, y = point
        inside = False
        for (x1, y1), (x2, y2) in self.edges if self.ring else ():
            if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
                inside = not inside
        return inside

    def moved(self, degrees: float) -> Shape:
        return Shape(tuple((x + degrees, y) for x, y in self.points), self.ring)


def unwrapped(points: Sequence[Sequence[float]], ring: bool = True) -> Shape:
    """A shape whose longitudes run on over the antimeridian: no edge is longer than half a turn."""
    lons = [float(points[0][0])]
    for lon, _ in points[1:]:
        lons.append(lon + 360.0 * round((lons[-1] - lon) / 360.0))
    pairs = tuple(zip(lons, (float(lat) for _, lat in points)))
    return Shape(pairs[:-1] if ring and len(pairs) > 1 and pairs[0] == pairs[-1] else pairs, ring)


def box(west: float, south: float, east: float, north: float) -> Shape:
    """A box; with west > east it goes over the antimeridian."""
    east += 360.0 if west > east else 0.0
    return Shape(((west, south), (east, south), (east, north), (west, north)))


def area(shape: Shape) -> float:
    """Square degrees, positive when the points run counter-clockwise."""
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in shape.edges) / 2


def meet(one: Shape, other: Shape) -> bool:
    """Whether they share a point, whatever turn their longitudes are counted in."""
    return any(_meet(one, other.moved(turn)) for turn in _TURNS)


def _meet(one: Shape, other: Shape) -> bool:
    a, b = one.bounds, other.bounds
    if a[0] > b[2] or b[0] > a[2] or a[1] > b[3] or b[1] > a[3]:
        return False
    if one.holds(other.points[0]) or other.holds(one.points[0]):
        return True
    if len(one.points) == 1 or len(other.points) == 1:
        return one.points == other.points
    return any(_cross(p, q) for p in one.edges for q in other.edges)


def _cross(p: tuple[Point, Point], q: tuple[Point, Point]) -> bool:
    (a, b), (c, d) = p, q
    return _side(a, b, c) * _side(a, b, d) <= 0 and _side(c, d, a) * _side(c, d, b) <= 0


def _side(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
