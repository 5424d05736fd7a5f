"""Which offered scenes are opened: those near a candidate, by footprints that are a few straight lines."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from pixel_spectra.core.archive.scene import RemoteFile, Scene
from pixel_spectra.core.errors import GranuleError
from pixel_spectra.core.sensors import GranuleSource
from pixel_spectra.core.vetting import Candidate, vet
from pixel_spectra.core.vetting.candidate import bounds_of
from pixel_spectra.core.vetting.offered import Offered, OfferedScene
from pixel_spectra.core.vetting.reaching import reached, within_reach
from shapely import MultiPolygon, Point, box

from vetting_side import KAOLINITE, square, write_scene

FOOTPRINT = box(14.0, 35.0, 15.0, 36.0)
URL = "https://data.example/EMIT_L2A_RFL_001_20240501T101112_2412207_005.nc"
HERE, NOWHERE = [Point(14.5, 35.5)], np.full((1, 4), np.nan)


def offered(footprint=FOOTPRINT, url=URL):
    return OfferedScene(GranuleSource(url), footprint)


def bounds(*places):
    return bounds_of([Candidate(i, place) for i, place in enumerate(places)])


def opened(granules, *places):
    """What is opened, and the sentence on the rest."""
    near, notice = within_reach(granules, bounds(*places))
    return [of(one) for one in near], notice


def of(one):
    """The given granule behind what vet() opens, whichever form it has."""
    return getattr(one, "granule_source", one)


# which

@pytest.mark.parametrize(("lon", "lat", "near"), [
    (14.5, 35.5, True),    # within
    (15.04, 35.5, True),   # beside it, by less than 0.05 degrees
    (15.06, 35.5, False),
    (14.5, 34.96, True),
    (14.5, 34.94, False),
    (13.94, 36.5, False)])
def test_within_a_twentieth_of_a_degree(lon, lat, near):
    found, notice = opened([offered()], Point(lon, lat))
    assert found == ([GranuleSource(URL)] if near else [])
    assert notice == (None if near else "1 of 1 scenes are far from every candidate and were not opened.")


def test_one_near_candidate_is_enough():
    assert opened([offered()], Point(100, 0), None, Point(14.5, 35.5))[0] == [GranuleSource(URL)]


def test_a_large_candidate_around_a_scene():
    assert opened([offered()], box(0, 0, 40, 40))[0] == [GranuleSource(URL)]


def test_a_candidate_without_a_place_is_near_nothing():
    assert opened([offered()], None) == ([], "1 of 1 scenes are far from every candidate and were not opened.")
    assert within_reach([offered()], NOWHERE)[0] == []


@pytest.mark.parametrize("place", [Point(100, 0), None])
def test_a_scene_of_unknown_place_is_opened(place):
    assert opened([offered(None)], place) == ([GranuleSource(URL)], None)


def test_a_footprint_of_two_parts():
    both = MultiPolygon([FOOTPRINT, box(100, 0, 101, 1)])
    assert [len(opened([offered(both)], Point(lon, lat))[0]) for lon, lat in ((14.5, 35.5), (100.5, 0.5), (50, 20))
            ] == [1, 1, 0]


def test_the_order_stays_and_the_far_ones_are_counted():
    urls = [f"https://data.example/{i}.nc" for i in range(4)]
    far = box(100, 0, 101, 1)
    scenes = [offered(far if i % 2 else FOOTPRINT, url) for i, url in enumerate(urls)]
    assert opened(scenes, *HERE) == ([GranuleSource(urls[0]), GranuleSource(urls[2])],
                                     "2 of 4 scenes are far from every candidate and were not opened.")


# the antimeridian

HALVES = MultiPolygon([box(179.5, -18.0, 180.0, -17.0), box(-180.0, -18.0, -179.5, -17.0)])


@pytest.mark.parametrize("lon", [179.6, 180.4, -179.6, -180.4])
def test_both_halves_count_by_either_longitude(lon):
    assert opened([offered(HALVES)], Point(lon, -17.5))[0] == [GranuleSource(URL)]


def test_what_lies_between_the_halves_is_far():
    """The bounds of both halves together go round the Earth."""
    assert opened([offered(HALVES)], Point(0.0, -17.5))[0] == []


def test_which_candidates_a_scene_may_cover():
    places = bounds(Point(14.5, 35.5), Point(100, 0), None, Point(15.0, 36.0))
    assert reached(FOOTPRINT, places).tolist() == [0, 3]
    assert reached(None, places).tolist() == [0, 1, 2, 3]
    assert reached(box(0, 0, 1, 1), places).tolist() == []


# what is given

def test_files_addresses_and_sources_are_taken_as_they_are():
    given = ["/data/a.nc", URL, GranuleSource("/data/b.nc")]
    assert opened(given, Point(100, 0)) == (given, None)


@pytest.mark.parametrize("one", [URL, GranuleSource(URL)])
def test_a_single_one(one):
    assert opened(one, Point(100, 0)) == ([one], None)


def test_a_single_offered_scene():
    assert opened(offered(), *HERE) == ([GranuleSource(URL)], None)


def test_files_and_scenes_together():
    found, notice = opened(["/data/a.nc", offered(), offered(box(100, 0, 101, 1))], *HERE)
    assert found == ["/data/a.nc", GranuleSource(URL)]
    assert notice == "1 of 2 scenes are far from every candidate and were not opened."


def test_a_scene_of_a_search_is_offered_with_its_companions():
    from datetime import datetime, timezone

    moment = datetime(2024, 5, 1, tzinfo=timezone.utc)
    files = {name: RemoteFile(URL.replace("_RFL_", f"_{name}_")) for name in ("RFL", "RFLUNCERT", "MASK")}
    scene = Scene("EMIT_L2A_RFL_001_x", "EMIT", moment, moment, 10.0, "day", FOOTPRINT, files)
    assert isinstance(scene, Offered)
    assert opened(scene, *HERE)[0] == [
        GranuleSource(URL, URL.replace("_RFL_", "_MASK_"), URL.replace("_RFL_", "_RFLUNCERT_"))]


# vet()

def test_no_scene_near_is_an_answer():
    """Nothing is opened: the address leads nowhere, and there is no opener."""
    done = vet([Candidate("a", Point(100, 0)), Candidate("lost", None)], [offered()], KAOLINITE)
    rows = done.candidates.to_dataframe().set_index("candidate_id")
    assert rows["verdict"].tolist() == ["none", "none"]
    assert rows["reason"].to_dict() == {"a": "It lies outside all scenes.", "lost": "It has no geometry."}
    assert len(done.scenes) == len(done.pixels) == 0
    assert done.notices == ("1 of 1 scenes are far from every candidate and were not opened.",)


def test_a_local_file_that_is_offered_is_looked_into(tmp_path):
    path = write_scene(tmp_path)
    one = OfferedScene(GranuleSource(str(path)), square(0, 0, 64).buffer(0.1))
    given = [Candidate("a", square(20, 15))]
    assert (vet(given, one, KAOLINITE).candidates.to_dataframe().to_csv()
            == vet(given, path, KAOLINITE).candidates.to_dataframe().to_csv())


def test_without_an_opener_it_is_one_sentence():
    with pytest.raises(GranuleError) as caught:
        vet([Candidate("a", HERE[0])], [offered()], KAOLINITE)
    assert str(caught.value) == (f"'{URL}' is remote; give an opener that reads over the network "
                                 "(core.archive.opener), or the path of a local file.")


def test_it_knows_nothing_of_the_archive():
    program = ("import sys; from pixel_spectra.core.vetting import vet; "
               "print([name for name in sys.modules if name.startswith('pixel_spectra.core.archive')])")
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "[]"
