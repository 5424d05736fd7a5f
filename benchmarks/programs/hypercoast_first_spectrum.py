"""HyperCoast: read_emit and one spectrum by lon/lat, then more spectra of what it keeps in memory."""

import time

BEGIN = time.perf_counter()

import hypercoast  # noqa: E402
from measuring import MemoryRise, answer, time_each  # noqa: E402

IMPORTS = time.perf_counter() - BEGIN


def work(question):
    def pick(place):
        return cube.sel(longitude=place[0], latitude=place[1], method="nearest").values

    with MemoryRise() as memory:
        start = time.perf_counter()
        cube = hypercoast.read_emit(question["path"])["reflectance"]
        spectrum = pick(question["first"])
        seconds = time.perf_counter() - start
    after, _ = time_each(pick, question["next"])
    return {"seconds": seconds, "memory": memory.megabytes, "imports": IMPORTS, "spectrum": spectrum.tolist(),
            "next": after.seconds, "version": hypercoast.__version__}


answer(work)
