"""Where the corners of a browse picture lie, by the outline of its scene and the flight of its sensor."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from pixel_spectra.core.archive.archives import ARCHIVES
from pixel_spectra.core.archive.browse import outline, raw_corners

REAL = shapely.Polygon([(147.714, -35.5217), (146.3919, -36.4701), (146.8752, -37.1439), (148.1973, -36.1954)])
"""Outline of a real scene of 2176 lines, in the order of its record."""
ORBIT = ARCHIVES["EMIT"].orbit


def test_the_outline_of_a_footprint_runs_clockwise():
    corners = outline(REAL)
    assert corners.shape == (4, 2) and not shapely.is_ccw(shapely.linearrings(corners))


def test_many_corners_become_four():
    corners = outline(shapely.Polygon([(10, 0), (11, 0), (11, 1), (10.5, 1.01), (10, 1)]))
    assert corners.shape == (4, 2)
    assert np.ptp(corners, axis=0) == pytest.approx([1.0, 1.01], abs=0.01)


def test_halves_at_the_antimeridian_are_one_outline():
    halves = shapely.MultiPolygon([shapely.box(179.5, 10, 180, 11), shapely.box(-180, 10, -179.5, 11)])
    corners = outline(halves)
    assert (corners[:, 0].min(), corners[:, 0].max()) == (179.5, 180.5)


def test_lines_follow_the_flight_and_columns_run_to_its_left():
    """An ascending scene: its first line is the south-western end, its first column the south-eastern side."""
    west, north, east, south = (146.3919, -36.4701), (147.714, -35.5217), (148.1973, -36.1954), (146.8752, -37.1439)
    assert raw_corners(outline(REAL), ORBIT, (2176, 1242)) == pytest.approx(np.array([south, west, north, east]))


def test_the_real_corners_of_a_descending_scene_are_found_again():
    """Longitudes and latitudes of the first and last pixels of a real scene at 36° N, 200 x 200 pixels of it."""
    real = np.array([(61.64054, 36.29605), (61.72615, 36.39154), (61.83177, 36.31506), (61.74618, 36.21963)])
    assert raw_corners(outline(shapely.Polygon(real)), ORBIT, (200, 200)) == pytest.approx(real)
