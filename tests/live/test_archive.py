"""What the reading of NASA's archive takes for granted, each as one question to it (and to its stand-in).

`PIXEL_SPECTRA_LIVE=1 make test-live` asks the archive itself: some forty requests and a few megabytes. Where a test of
`earthdata` fails and the same test of `loopback` passes, the archive has changed, or never was as it is taken to be.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from pixel_spectra.core.archive.archives import sidecar_places
from pixel_spectra.core.archive.login import confirm, who
from pixel_spectra.core.archive.remote import RemoteSource
from pixel_spectra.core.archive.web.origins import may_receive
from pixel_spectra.core.errors import SignInError
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.io.hdf5 import open_structure
from pixel_spectra.core.sensors import open_granule

FILES = ("RFL", "RFLUNCERT", "MASK")
CUBES = {"RFL": "reflectance", "RFLUNCERT": "reflectance_uncertainty", "MASK": "mask"}
HDF5 = b"\x89HDF\r\n\x1a\n"
PICTURE = b"\x89PNG\r\n\x1a\n"


def test_the_archive_itself_is_asked(live):
    """Says in one line that it was not, where it was not."""


def test_cmr_lists_scenes_with_their_three_files(archive):
    found = archive.find("CMR")
    assert (found.source, found.notices) == ("CMR", ())
    for scene in found:
        assert re.fullmatch(r"EMIT_L2A_RFL_\d{3}_\d{8}T\d{6}(_\d{7}_\d{3})?", scene.id)
        assert set(scene.files) == set(FILES)
        assert scene.footprint.intersects(archive.area)
        assert all(file.size_bytes > 0 and file.checksum[0] == "sha512" for file in scene.files.values())
        assert all(may_receive(file.url, archive.origins) for file in scene.files.values())


def test_cmr_stac_lists_the_same_scenes_and_files(archive):
    first, second = archive.find("CMR"), archive.find("CMR-STAC")
    assert second.source == "CMR-STAC"
    assert {(s.id, s.start, s.cloud) for s in second} == {(s.id, s.start, s.cloud) for s in first}
    assert [{n: f.url for n, f in s.files.items()} for s in second] == [
        {n: f.url for n, f in s.files.items()} for s in first]


def test_earthdata_login_knows_the_user_of_the_token(archive):
    token = archive.token()
    with archive.client(archive.token) as client:
        assert confirm(token, client, archive.login) == who(token) != ""


def test_earthdata_login_shows_the_profile_to_its_user(archive):
    """Else 'Test' can tell only by its date whether a token is still good."""
    with archive.client(archive.token) as client:
        page = client.page(f"{archive.login}/api/users/{who(archive.token())}", limit=65_536, with_token=True,
                           accept=(400, 401, 403, 404, 422))
    assert page.status == 200


def test_a_token_with_another_signature_is_refused(archive):
    spoilt = archive.token().rpartition(".")[0] + ".c3BvaWx0"
    with archive.client(lambda: spoilt) as client, pytest.raises(SignInError, match="does not take the token"):
        confirm(spoilt, client, archive.login)


@pytest.mark.parametrize("name", FILES)
def test_a_range_comes_by_a_redirect_that_needs_no_token(archive, scene, name):
    file = scene.files[name]
    with archive.client(archive.token) as client:
        first, = client.ranges(file.url, [(0, 8)])
        last, = client.ranges(file.url, [(file.size_bytes - 4, 4)])
        assert (client.n_requests, client.n_redirects) == (2, 1)
    assert (first.data, first.total, len(last.data)) == (HDF5, file.size_bytes, 4)
    assert first.etag == last.etag != ""


def test_without_an_account_it_says_not_signed_in(archive, scene):
    with archive.client() as client, pytest.raises(SignInError, match="needs an Earthdata account; sign in"):
        client.ranges(scene.url("RFL"), [(0, 8)])


def test_the_picture_is_for_everybody(archive, scene):
    with archive.client() as client:
        assert client.page(scene.browse_url, limit=16 << 20).data.startswith(PICTURE)


@pytest.mark.parametrize("name", FILES)
def test_the_record_and_the_rule_name_the_same_place_for_the_sidecar(scene, name):
    file = scene.files[name]
    assert file.dmrpp_url == sidecar_places(file.url)[0]


@pytest.mark.parametrize("name", ["RFLUNCERT", "MASK"])
def test_sidecars_of_companions_are_for_everybody(archive, scene, name):
    with archive.client() as client:
        assert b"<Dataset" in client.page(sidecar_places(scene.url(name))[0], limit=8 << 20).data


@pytest.mark.parametrize("name", FILES)
def test_a_sidecar_says_what_the_header_of_its_file_says(archive, scene, name):
    url, variables = scene.url(name), (CUBES[name], "location/glt_x", "location/lon")
    with archive.client(archive.token) as client:
        with open_structure(RemoteSource(url, client, sidecar_urls=sidecar_places(url)[:1])) as sidecar:
            notices, told, shapes = sidecar.notices, [places(sidecar, v) for v in variables], sidecar.datasets()
        with open_structure(RemoteSource(url, client)) as header:
            own, all_shapes = [places(header, v) for v in variables], header.datasets()
    assert notices == ()
    assert told == own
    assert shapes.items() <= all_shapes.items()


def places(structure, variable):
    """Where the values of a variable lie, and as what."""
    layout = structure.layout(variable)
    return (layout.shape, layout.dtype, layout.offset, layout.chunks, layout.filters,
            {first: (chunk.offset, chunk.length) for first, chunk in layout.index.items()})


def test_a_granule_finds_its_companions_where_the_record_has_them(archive, scene):
    with archive.opener() as opener, open_granule(scene.url("RFL"), opener=opener) as granule:
        assert granule.companions() == {name: scene.url(name) for name in ("MASK", "RFLUNCERT")}


def test_one_spectrum(archive, scene):
    with archive.opener() as opener, open_granule(scene.granule_source.path, opener=opener) as granule:
        seen = inspect(granule, scene.footprint.centroid, mask="none")
        assert (granule.quantity, len(granule.bands.wavelength_nm)) == ("reflectance", 285)
        assert opener.client.n_bytes < 4_000_000
    values = seen.spectra.values[seen.spectra.valid]
    assert len(seen.spectra) == 1 and np.isfinite(values).all()
