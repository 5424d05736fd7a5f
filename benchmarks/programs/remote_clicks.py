"""Ours: a granule on a server is opened and clicked on, in a process that has done nothing but import."""

import time

BEGIN = time.perf_counter()

import h5py  # noqa: E402, F401 (core imports it when first needed; imports are not part of the job)
import numpy as np  # noqa: E402
import shapely  # noqa: E402
import urllib3  # noqa: E402, F401
from measuring import answer  # noqa: E402
from pixel_spectra.core.archive import opener  # noqa: E402
from pixel_spectra.core.inspection import inspect  # noqa: E402
from pixel_spectra.core.sensors import open_granule  # noqa: E402

IMPORTS = time.perf_counter() - BEGIN
PAUSE_S = 0.2
"""After each step, so that what it began arrives before the next one."""
IDLE_S = 1.5
"""What a user looks at a spectrum for: time to prefetch."""
ACTIONS = {"spectrum": "spectrum", "stay": "spectrum", "whole": "whole"}


class Session:
    """What a user does, with the time of each step (time.monotonic(), which the log of the servers shares)."""

    def __init__(self, url, reading):
        self.url, self.reading, self.granule = url, reading, None
        self.steps, self.seen = [], []

    def spectrum(self, area):
        """Open where nothing is open yet; the spectra of an area, by the file of the spectra alone."""
        if self.granule is None:
            self.granule = open_granule(self.url, opener=self.reading)
        return inspect(self.granule, area, mask="good_bands")

    def whole(self, area):
        """The spectrum first; then the same with mask and uncertainty."""
        self.spectrum(area)
        self.steps[-1]["spectrum"] = time.monotonic()
        return inspect(self.granule, area).with_uncertainty()

    def take(self, action, area):
        """One timed step; one that stays goes on with an idle moment, in which its neighbours are prefetched."""
        self.steps.append({"start": time.monotonic()})
        self.seen.append(getattr(self, ACTIONS[action])(area))
        self.steps[-1]["stop"] = time.monotonic()
        if action == "stay":
            self.granule.prefetch(self.seen[-1].pixels)
        time.sleep(IDLE_S if action == "stay" else PAUSE_S)
        self.steps[-1]["until"] = time.monotonic()


def same(remote, local):
    """Whether all is as in the local file: pixels, values, what is valid, uncertainty."""
    there, here = remote.spectra, local.spectra
    pairs = [(remote.pixels.downtrack, local.pixels.downtrack), (remote.pixels.crosstrack, local.pixels.crosstrack),
             (remote.pixels.lon, local.pixels.lon), (remote.pixels.lat, local.pixels.lat),
             (there.values, here.values), (there.valid, here.valid)]
    if (there.uncertainty is None) != (here.uncertainty is None):
        return False
    if there.uncertainty is not None:
        pairs.append((there.uncertainty, here.uncertainty))
    return all(np.array_equal(one, other, equal_nan=True) for one, other in pairs)


def work(question):
    token = question["token"]
    reading = opener(lambda: token, question["cache"], question["origins"])
    session = Session(question["url"], reading)
    areas = shapely.from_wkt([area for _, area in question["steps"]])
    for (action, _), area in zip(question["steps"], areas):
        session.take(action, area)
    reading.close()
    local = open_granule(question["local"])
    for (action, _), step, seen, area in zip(question["steps"], session.steps, session.seen, areas):
        here = inspect(local, area, mask=None if action == "whole" else "good_bands")
        step["same"] = same(seen, here.with_uncertainty() if action == "whole" else here)
        step["pixels"] = len(seen.pixels)
    return {"steps": session.steps, "imports": IMPORTS, "spectrum": session.seen[0].spectra.values[0].tolist()}


answer(work)
