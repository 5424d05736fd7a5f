"""SPy: maps of a whole cube in memory, and the time to load its good bands there with h5py.

Its background is the statistics of samples that it is handed.
"""

import time

import h5py
import numpy as np
import spectral
from measuring import answer


def load(path, bands):
    with h5py.File(path) as file:
        cube = np.empty(file["reflectance"].shape, np.float32)
        file["reflectance"].read_direct(cube)
    return cube[..., bands]


def timed(action):
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def work(question):
    target = np.array(question["target"], np.float64)
    bands = np.array(question["bands"])
    loading, cube = timed(lambda: load(question["path"], bands))
    target = target[bands]
    # a little noise, so that the scatter of a smooth synthetic scene can be inverted
    step = max(1, cube.shape[0] * cube.shape[1] // 4096)
    samples = cube.reshape(-1, cube.shape[2])[::step].astype(np.float64)
    samples += np.random.default_rng(0).normal(0, 1e-3, samples.shape)
    told = {"loading": loading}
    told["sam"], angles = timed(lambda: spectral.spectral_angles(cube, target[None]))
    np.save(question["values"], angles[..., 0].astype(np.float32))
    del angles
    told["matched_filter"], _ = timed(
        lambda: spectral.matched_filter(cube, target, background=spectral.calc_stats(samples)))
    told["ace"], _ = timed(lambda: spectral.ace(cube, target, background=spectral.calc_stats(samples)))
    return told


answer(work)
