"""SPy and pysptools on arrays in memory: spectral angle, information divergence, matched filter, ACE."""

import numpy as np
import pysptools.distance
import spectral
from measuring import answer, time_each


def actions(pixels, target, samples):
    """Name -> (the call, how often it may be repeated: loops are slow)."""
    image = pixels.reshape(100, -1, pixels.shape[1])
    scene = spectral.calc_stats(samples[None].astype(np.float64))
    return {
        "SPy spectral_angles": lambda: spectral.spectral_angles(image, target[None])[..., 0],
        "SPy matched_filter": lambda: spectral.matched_filter(image, target, scene),
        "SPy ace": lambda: spectral.ace(image, target, scene),
        "pysptools SAM, pixel by pixel": lambda: [pysptools.distance.SAM(pixel, target) for pixel in pixels],
        "pysptools SID, pixel by pixel": lambda: [pysptools.distance.SID(pixel, target) for pixel in pixels],
    }


def work(question):
    arrays = np.load(question["arrays"])
    calls = actions(arrays["pixels"], arrays["target"], arrays["samples"])
    told = {}
    for name in question["calls"]:
        call = calls[name]
        call()
        timing, last = time_each(lambda _, call=call: call(), range(question["repeats"]))
        told[name] = {"seconds": timing.seconds, "values": np.ravel(last).tolist()}
    return told


answer(work)
