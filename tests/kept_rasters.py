"""A sink that keeps a raster in memory and checks how it is used, and a progress that is cancelled half-way."""

from __future__ import annotations

import numpy as np


class Memory:
    """A sink that keeps what it is given."""

    def __init__(self):
        self.grid = self.values = None
        self.state = "new"

    def open(self, grid, bands):
        assert self.state == "new"
        self.grid, self.bands, self.state = grid, tuple(bands), "open"
        self.values = np.full((grid.rows, grid.columns, len(bands)), -1.0, np.float32)

    def write_rows(self, start, array):
        assert array.dtype == np.float32 and array.shape[1:] == self.values.shape[1:]
        assert (self.values[start : start + len(array)] == -1).all(), "a row was written twice"
        self.values[start : start + len(array)] = array

    def commit(self):
        assert self.state == "open" and not (self.values == -1).any()
        self.state = "committed"

    def abort(self):
        self.state = "aborted"


class Stopping:
    """A progress that is cancelled once the work passes `at`."""

    def __init__(self, at):
        self.at, self.cancelled, self.seen = at, False, []

    def report(self, fraction, message=""):
        self.seen.append(fraction)
        self.cancelled = fraction >= self.at
