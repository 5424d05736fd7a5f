"""HyperCoast's way of vetting: its loops over points and spectra, on what its read_emit keeps in memory.

`extract` picks each pixel by lon/lat as its batch tool does (one dictionary of numbers per band and point), and
`match_spectra` compares each spectrum with the reference. Reading the granule is not counted.
"""

import time

import hypercoast
import numpy as np
from hypercoast.spectral import SpectralLibrary, match_spectra
from measuring import answer


def work(question):
    cube = hypercoast.read_emit(question["path"])["reflectance"]
    names = [f"{nm:.2f}" for nm in cube["wavelength"].values.tolist()]
    places = question["places"]
    library = SpectralLibrary(np.asarray(question["wavelength_nm"]), {"reference": np.asarray(
        [np.nan if value is None else value for value in question["reference"]])})
    start = time.perf_counter()
    rows = []
    for lon, lat in places:
        values = cube.sel(longitude=lon, latitude=lat, method="nearest").values
        row = {"longitude": lon, "latitude": lat}
        for name, value in zip(names, values):
            row[name] = float(value)
        rows.append(row)
    spectra = [[row[name] for name in names] for row in rows]
    scores = match_spectra(spectra, library, "sam")["score"]
    return {"seconds": time.perf_counter() - start, "scores": scores.tolist(), "version": hypercoast.__version__}


answer(work)
