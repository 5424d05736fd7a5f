"""Ours: candidates in many granules on a server, in a process that has done nothing but import."""

import time

import h5py  # noqa: F401 (core imports it when first needed; imports are not part of the job)
import numpy as np
import shapely
import urllib3  # noqa: F401
from measuring import answer
from pixel_spectra.core.archive import opener
from pixel_spectra.core.libraries import bundled_library
from pixel_spectra.core.vetting import Candidate, vet

_COMPARED = ("score", "n_pixels", "n_valid")


def work(question):
    token = question["token"]
    candidates = [Candidate(str(i), area) for i, area in enumerate(shapely.from_wkt(question["outlines"]))]
    terms = {"reference": bundled_library()[question["reference"]], "mask": question["mask"], "ring_pixels": 0}
    reading = opener(lambda: token, token_origins=question["origins"])
    start = time.monotonic()
    there = vet(candidates, question["urls"], opener=reading, **terms)
    stop = time.monotonic()
    reading.close()
    here = vet(candidates, question["local"], **terms)
    remote, local = there.candidates.columns, here.candidates.columns
    same = list(remote["candidate_id"]) == list(local["candidate_id"]) and all(
        np.array_equal(np.asarray(remote[name], float), np.asarray(local[name], float), equal_nan=True)
        for name in _COMPARED)
    scored = int(np.isfinite(np.asarray(remote["score"], float)).sum())
    return {"start": start, "stop": stop, "same": same, "scored": scored, "pixels": int(np.sum(remote["n_pixels"])),
            "n": len(remote["score"])}


answer(work)
