"""One spectrum by way of an orthorectified cube, written by us with h5py and numpy, in two ways.

`path`: the array steps of emit_xarray(ortho=True), one for one and without xarray: read the cube, make its fill
values NaN, gather it through the GLT into a cube of fill values, make those NaN, pick one spectrum.
`floor`: the least that such a cube costs: the same result row by row, without a pass or a copy that can be spared.
"""

import time

import h5py
import numpy as np
from measuring import MemoryRise, answer

FILL = -9999


def by_path(file):
    cube = file["reflectance"][...]
    cube[cube == FILL] = np.nan
    glt = np.stack([file["location/glt_x"][...], file["location/glt_y"][...]], axis=-1).astype(int)
    out = np.full((*glt.shape[:2], cube.shape[2]), FILL, np.float32)
    valid = np.all(glt != 0, axis=-1)
    glt[valid] -= 1
    out[valid, :] = cube[glt[valid, 1], glt[valid, 0], :]
    out[out == FILL] = np.nan
    return out


def by_floor(file):
    cube = np.empty(file["reflectance"].shape, np.float32)
    file["reflectance"].read_direct(cube)
    glt_x, glt_y = file["location/glt_x"][...], file["location/glt_y"][...]
    out = np.empty((*glt_x.shape, cube.shape[2]), np.float32)
    for row in range(len(out)):
        filled = (glt_x[row] > 0) & (glt_y[row] > 0)
        out[row, ~filled] = np.nan
        out[row, filled] = cube[glt_y[row, filled] - 1, glt_x[row, filled] - 1]
    return out


WAYS = {"path": by_path, "floor": by_floor}


def work(question):
    with MemoryRise() as memory:
        start = time.perf_counter()
        with h5py.File(question["path"]) as file:
            west, dx, _, north, _, dy = file.attrs["geotransform"]
            cube = WAYS[question["way"]](file)
        row, column = int((question["lat"] - north) / dy), int((question["lon"] - west) / dx)
        spectrum = cube[row, column].copy()
        seconds = time.perf_counter() - start
    return {"seconds": seconds, "memory": memory.megabytes, "spectrum": spectrum.tolist()}


answer(work)
