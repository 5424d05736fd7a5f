"""The archive that the tests of this folder ask: its stand-in on loopback, and NASA's own where that is wanted."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import shapely
from pixel_spectra.core.archive import EARTHDATA_ORIGINS, Opener
from pixel_spectra.core.archive.archives import ARCHIVES
from pixel_spectra.core.archive.login import LOGIN_ORIGIN, sign_in
from pixel_spectra.core.archive.scene import Scene as Found
from pixel_spectra.core.archive.searching import search
from pixel_spectra.core.archive.web.http import HttpClient

from granules import Scene, write_granule
from loopback import LoopbackArchive

LIVE = os.environ.get("PIXEL_SPECTRA_LIVE") == "1"
WHY_NOT = ("NASA's archive itself is asked only with PIXEL_SPECTRA_LIVE=1, by the Earthdata account of the environment "
           "or of a netrc file")
OPEN = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex")}
LOOK_UP = socket.getaddrinfo


@dataclass(frozen=True)
class Archive:
    """Where to ask, as whom, and for what."""

    places: dict[str, str]
    """Catalogue -> address."""
    login: str
    """Where a token is confirmed."""
    origins: tuple[str, ...]
    """Who may receive the token."""
    token: Callable[[], str]
    """The account."""
    area: Any
    """Where there is a scene."""
    day: str
    """When it was taken."""

    def find(self, catalogue: str) -> Any:
        """The scenes of the area and day, with nobody signed in."""
        return search("EMIT", self.area, self.day, self.day, endpoint=self.places[catalogue])

    @contextmanager
    def client(self, *token: Callable[[], str]) -> Iterator[HttpClient]:
        """One that sends `token`, or none, to whom it is for, the login host included."""
        client = HttpClient(*token, token_origins=(*self.origins, self.login))
        try:
            yield client
        finally:
            client.close()

    @contextmanager
    def opener(self) -> Iterator[Opener]:
        """Signed in, and without a cache on disk."""
        opener = Opener(self.token, None, self.origins)
        try:
            yield opener
        finally:
            opener.close()


@pytest.fixture(autouse=True, scope="session")
def _no_network(_no_network: None) -> Iterator[None]:
    """As everywhere; but with PIXEL_SPECTRA_LIVE=1 the network is open."""
    with pytest.MonkeyPatch.context() as patch:
        if LIVE:
            patch.setattr(socket, "getaddrinfo", LOOK_UP)
            for name, function in OPEN.items():
                patch.setattr(socket.socket, name, function)
        yield


@pytest.fixture
def live() -> None:
    """For what is said about the archive itself."""
    if not LIVE:
        pytest.skip(WHY_NOT)


@pytest.fixture(scope="session", params=["loopback", *(["earthdata"] if LIVE else [])])
def archive(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """The stand-in; then the archive itself, where that is wanted."""
    with {"loopback": _stand_in, "earthdata": _earthdata}[request.param](tmp_path_factory) as archive:
        yield archive


@pytest.fixture(scope="session")
def scene(archive: Archive) -> Found:
    """The first one that CMR lists."""
    return archive.find("CMR")[0]


@contextmanager
def _stand_in(folders: pytest.TempPathFactory) -> Iterator[Archive]:
    with LoopbackArchive(folders.mktemp("archive")) as running:
        running.publish(write_granule(folders.mktemp("granule"), Scene(), mask="V001"))
        hosts, token = running.hosts, running.token()
        places = {"CMR": f"{hosts['cmr']}/search/granules.umm_json", "CMR-STAC": f"{hosts['cmr']}/stac/LPCLOUD"}
        yield Archive(places, hosts["login"], running.origins, lambda: token, _middle(running), "2024-05-01")


def _middle(running: LoopbackArchive) -> Any:
    record = next(iter(running.records))
    ring = record["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"]["GPolygons"][0]["Boundary"]["Points"]
    return shapely.Polygon([(point["Longitude"], point["Latitude"]) for point in ring]).centroid


@contextmanager
def _earthdata(_: pytest.TempPathFactory) -> Iterator[Archive]:
    """Where the record lies from which the layout of the archive is known."""
    yield Archive(dict(ARCHIVES["EMIT"].places), LOGIN_ORIGIN, EARTHDATA_ORIGINS, sign_in(),
                  shapely.Point(147.3, -36.3), "2023-03-16")
