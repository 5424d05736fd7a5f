"""h5py and SPy: the spectral angle of square blocks of raw pixels, over good bands or with the MASK as well.

With the MASK: pixels under one of the flags are left out, and as SPy knows no holes, the others are grouped by
the bands that the band_mask leaves them.
"""

import h5py
import numpy as np
import spectral
from measuring import answer, time_each

CLEAR, FLAGGED = 0.5, ("cloud flag", "cirrus flag", "dilated cloud flag", "spacecraft flag")


class Peer:
    """The open files and the reference."""

    def __init__(self, question):
        self.size = question["size"]
        self.reference = np.array(question["reference"], np.float64)
        file = h5py.File(question["path"])
        self.cube = file["reflectance"]
        good = file["sensor_band_parameters/good_wavelengths"][...] == 1
        self.bands = good & np.isfinite(self.reference)
        self.mask = h5py.File(question["mask"]) if question["mask"] else None

    def angles(self, corner):
        """(size, size) radians of the block whose first pixel is `corner`; NaN where masked."""
        block = tuple(slice(start, start + self.size) for start in corner)
        pixels = self.cube[block].astype(np.float64)
        if self.mask is None:
            return spectral.spectral_angles(pixels[..., self.bands], self.reference[None, self.bands])[..., 0]
        return self.masked_angles(pixels.reshape(-1, len(self.bands)), block).reshape(self.size, self.size)

    def masked_angles(self, pixels, block):
        names = [name.decode().lower() for name in self.mask["sensor_band_parameters/mask_bands"][...]]
        layers = self.mask["mask"][block].reshape(len(pixels), -1)
        flagged = (layers[:, [names.index(name) for name in FLAGGED]] > CLEAR).any(axis=1)
        patterns, which = np.unique(self.mask["band_mask"][block].reshape(len(pixels), -1), axis=0,
                                    return_inverse=True)
        out = np.full(len(pixels), np.nan)
        for number, pattern in enumerate(patterns):
            rows = np.flatnonzero((which.ravel() == number) & ~flagged)
            bands = self.bands & (np.unpackbits(pattern)[: len(self.bands)] == 0)
            if len(rows):
                some = pixels[rows][:, bands][None]
                out[rows] = spectral.spectral_angles(some, self.reference[None, bands])[0, :, 0]
        return out


def work(question):
    peer = Peer(question)
    timing, last = time_each(peer.angles, question["corners"])
    return {"seconds": timing.seconds, "angles": last.ravel().tolist(), "version": spectral.__version__}


answer(work)
