"""The files of a scene are found by time, then orbit and scene, across collections and versions."""

from __future__ import annotations

import pytest
import shapely
from pixel_spectra.core.archive.archives import sidecar_places
from pixel_spectra.core.archive.searching import search

from search_side import Catalogues, square, umm

HERE = shapely.Point(10.0, 20.0)
TIME, KEY = "20240501T101112", "_2412207_005"
MASK = {"collection": "EMITL2AMASK", "products": ("MASK",)}


def files(*records):
    """{scene: [files without their folder]} of a search."""
    scenes = search("EMIT", HERE, None, None, client=Catalogues(*records))
    return {scene.id: [f.url.rpartition("/")[2] for f in scene.files.values()] for scene in scenes}


def only(*records):
    """The one scene of a search."""
    scene, = search("EMIT", HERE, None, None, client=Catalogues(*records))
    return scene


def test_the_mask_of_its_own_collection_is_newer():
    assert files(umm(), umm(**MASK, version="002")) == {f"EMIT_L2A_RFL_001_{TIME}{KEY}": [
        f"EMIT_L2A_RFL_001_{TIME}{KEY}.nc", f"EMIT_L2A_RFLUNCERT_001_{TIME}{KEY}.nc",
        f"EMIT_L2A_MASK_002_{TIME}{KEY}.nc"]}


def test_the_latest_mask_of_all():
    scene = only(umm(), umm(**MASK, version="003"), umm(**MASK, version="002"), umm(**MASK, version="010"))
    assert "_MASK_010_" in scene.url("MASK")


def test_a_version_before_the_first_known_one_is_left_out():
    assert "_MASK_001_" in only(umm(), umm(**MASK, version="000")).url("MASK")


def test_spectra_of_two_versions_are_one_scene():
    new = umm(version="002", key="", products=("RFL", "RFLUNCERT"), cloud=33)
    scene = only(umm(), new)
    assert scene.id == f"EMIT_L2A_RFL_002_{TIME}" and scene.cloud == 33.0
    assert "_RFLUNCERT_002_" in scene.url("RFLUNCERT") and "_MASK_001_" in scene.url("MASK") and not scene.notices


def test_spectra_of_a_version_that_nobody_knows_yet():
    assert only(umm(version="007", products=("RFL",))).id == f"EMIT_L2A_RFL_007_{TIME}{KEY}"


def test_spectra_without_companions_do_not_vanish():
    scene = only(umm(version="002", key="", products=("RFL",)))
    assert scene.url("MASK") == scene.url("RFLUNCERT") == ""
    assert scene.granule_source.mask_file is None and scene.granule_source.uncertainty_file is None


def test_the_uncertainty_of_another_version_is_said():
    scene = only(umm(), umm(version="002", products=("RFL",)))
    assert "_RFL_002_" in scene.url("RFL") and "_RFLUNCERT_001_" in scene.url("RFLUNCERT")
    assert scene.notices == (
        f"The uncertainty of 'EMIT_L2A_RFL_002_{TIME}{KEY}' is of another version than its spectra.",)


def test_a_mask_alone_is_no_scene():
    assert files(umm(**MASK, version="002")) == {}


def test_two_scenes_of_one_time():
    """Their masks go to each; one whose name tells neither orbit nor scene goes to none."""
    other = "_2412207_006"
    pair = (umm(), umm(key=other), umm(**MASK, version="002"), umm(**MASK, version="002", key=other))
    masks = {f"EMIT_L2A_RFL_001_{TIME}{key}": f"EMIT_L2A_MASK_002_{TIME}{key}.nc" for key in (KEY, other)}
    assert {scene: found[-1] for scene, found in files(*pair).items()} == masks
    unnamed = umm(**MASK, version="003", key="")
    assert {scene: found[-1] for scene, found in files(*pair, unnamed).items()} == masks
    assert len(files(*pair, umm(version="002", key="", products=("RFL",)))) == 3


def test_a_second_later_is_another_scene():
    assert len(files(umm(), umm("20240501T101113"))) == 2
    assert "_MASK_001_" in only(umm(), umm("20240501T101113", **MASK, version="002")).url("MASK")


def test_the_order_of_the_links_does_not_matter():
    record = umm()
    record["RelatedUrls"].reverse()
    assert files(record) == files(umm())


def test_the_footprint_of_the_spectra_counts():
    scene = only(umm(), umm(**MASK, version="002", ring=square(10.2, 20.2)))
    assert scene.footprint.bounds == (9.5, 19.5, 10.5, 20.5)


def test_a_record_without_footprint_borrows_that_of_its_scene():
    bare = {**umm(version="002"), "SpatialExtent": {}}
    scene = only(umm(), bare)
    assert "_RFL_002_" in scene.url("RFL") and scene.footprint.bounds == (9.5, 19.5, 10.5, 20.5)


def test_the_same_record_twice():
    assert len(files(umm(), umm())) == 1


def test_scenes_without_a_mask_are_counted():
    scenes = search("EMIT", HERE, None, None, client=Catalogues(umm(products=("RFL",)), umm("20240502T000000")))
    assert scenes.notices == ("No MASK file found: 1 scene.",)


FOLDER = "https://h/lp-prod-{}/EMITL2ARFL.001/G"


@pytest.mark.parametrize(("file", "rooms"), [
    (f"EMIT_L2A_RFL_001_{TIME}{KEY}.nc", ["protected", "public"]),
    (f"EMIT_L2A_MASK_002_{TIME}.nc", ["public", "protected"]),
    (f"EMIT_L2A_RFLUNCERT_001_{TIME}{KEY}.nc", ["public", "protected"]),
    ("of_another_sensor.nc", ["protected"])])
def test_where_descriptions_may_lie(file, rooms):
    """By the table of the sensor whose name the file has."""
    assert sidecar_places(f"{FOLDER.format('protected')}/{file}?Signature=x") == tuple(
        f"{FOLDER.format(room)}/{file}.dmrpp" for room in rooms)
    assert sidecar_places(f"https://h/{file}") == (f"https://h/{file}.dmrpp",)


def test_the_record_names_what_the_table_finds():
    for file in only(umm(), umm(**MASK, version="002")).files.values():
        assert file.dmrpp_url in sidecar_places(file.url)
