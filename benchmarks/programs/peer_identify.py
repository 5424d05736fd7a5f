"""SPy, pysptools and HyperCoast: one spectrum against every reference of a library."""

import hypercoast
import numpy as np
import pysptools.distance
import spectral
from measuring import answer, time_each


def actions(spectrum, library, wavelength):
    """Name -> the call, which gives one number per reference."""
    without_hull = spectral.remove_continuum(library.copy(), wavelength)
    shapes = without_hull - without_hull.mean(axis=1, keepdims=True)
    shapes /= np.sqrt((shapes**2).sum(axis=1, keepdims=True))
    named = hypercoast.spectral.SpectralLibrary(wavelength, {str(i): row for i, row in enumerate(library)})

    def hull_correlation():
        shape = spectral.remove_continuum(spectrum.copy(), wavelength)
        shape -= shape.mean()
        return shapes @ (shape / np.sqrt(shape @ shape))

    def by_label(method):
        table = hypercoast.spectral.match_spectra(spectrum, named, method, len(library))
        return table.set_index("label")["score"][[str(i) for i in range(len(library))]].to_numpy()

    return {
        "SPy spectral_angles": lambda: spectral.spectral_angles(spectrum[None, None], library)[0, 0],
        "SPy hull of the spectrum, products with hulls prepared": hull_correlation,
        "pysptools SAM, one by one": lambda: [pysptools.distance.SAM(spectrum, row) for row in library],
        "pysptools SID, one by one": lambda: [pysptools.distance.SID(spectrum, row) for row in library],
        "HyperCoast match_spectra (sam)": lambda: by_label("sam"),
        "HyperCoast match_spectra (sid)": lambda: by_label("sid"),
    }


def work(question):
    arrays = np.load(question["arrays"])
    told = {}
    for name, call in actions(arrays["spectrum"], arrays["library"], arrays["wavelength"]).items():
        call()
        timing, last = time_each(lambda _, call=call: call(), range(question["repeats"]))
        told[name] = {"seconds": timing.seconds, "values": np.ravel(last).tolist()}
    return told


answer(work)
