"""The peers' first click on a remote granule: a file-like of theirs, and h5py on it. The location is the GLT's cell."""

import time

import h5py
import numpy as np
from measuring import answer


def earthaccess_file(url, token):
    """earthaccess.open([url]) with its defaults; its login, which asks servers of NASA, is left out."""
    from types import SimpleNamespace

    from earthaccess.store import Store

    store = Store.__new__(Store)
    store.auth, store.in_region = SimpleNamespace(token={"access_token": token}), False
    return store.open([url], show_progress=False)[0]


def fsspec_file(url, token):
    """fsspec's https file with its defaults."""
    import fsspec

    return fsspec.filesystem("https", client_kwargs={"headers": {"Authorization": f"Bearer {token}"}}).open(url)


OPENED = {"earthaccess": earthaccess_file, "fsspec": fsspec_file}


def imported(how):
    """Imports are not part of the job."""
    import aiohttp  # noqa: F401
    import fsspec.implementations.http  # noqa: F401

    if how == "earthaccess":
        import earthaccess.store  # noqa: F401


def work(question):
    imported(question["how"])
    start = time.monotonic()
    with h5py.File(OPENED[question["how"]](question["url"], question["token"]), "r") as file:
        west, dx, _, north, _, dy = file.attrs["geotransform"]
        cell = int((question["lat"] - north) // dy), int((question["lon"] - west) // dx)
        row, column = int(file["location/glt_y"][cell]) - 1, int(file["location/glt_x"][cell]) - 1
        spectrum = file["reflectance"][row, column]
    return {"start": start, "stop": time.monotonic(), "spectrum": np.asarray(spectrum, float).tolist()}


answer(work)
