"""What goes wrong with one candidate costs that candidate alone: references, damaged files, masked surroundings."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest
from pixel_spectra.core.aoi import PixelSet
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.libraries import ReferenceSpectrum
from pixel_spectra.core.metrics import METRICS
from pixel_spectra.core.sensors import open_granule
from pixel_spectra.core.vetting import Candidate, assessing, vet, write_report
from pixel_spectra.core.vetting.ranking import Thresholds
from pixel_spectra.core.vetting.surroundings import nearest, ring_around
from pixel_spectra.core.vetting.vetting import UNIT

from granules import truncate
from vetting_side import FAR, KAOLINITE, LATER, SCENE, square, write_scene

THERMAL = ReferenceSpectrum("thermal", "Thermal", np.linspace(8000, 12000, 50), np.full(50, 0.3), "made here")
GRID = [Candidate(i, square(2 + 5 * (i // 8), 2 + 5 * (i % 8), 2)) for i in range(48)]
"""48 squares of 2 x 2 pixels, from pixel (2, 2) on, 5 apart."""


def table(done):
    return done.candidates.to_dataframe().set_index("candidate_id")


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return write_scene(tmp_path_factory.mktemp("scene"))


# --- one candidate that fails ---

def test_a_candidate_that_fails_leaves_the_pixels_of_the_others(scene, tmp_path):
    done = vet([Candidate("good", square(20, 15)), Candidate("far", square(40, 30), THERMAL)], scene, KAOLINITE)
    assert "8000 to 12000 nm" in table(done).loc["far", "reason"]
    assert done.pixels.to_dataframe()["candidate_id"].tolist() == ["good"] * 16
    assert done.inspection(0).scores is not None
    assert done.inspection(1) is None
    assert "8000 to 12000 nm" in write_report(done, tmp_path / "r.html").read_text()


def test_a_masked_candidate_keeps_its_pixels_with_their_reason(tmp_path):
    cloud = np.zeros(SCENE.shape, np.float32)
    cloud[20:24, 15:19] = 1
    done = vet([Candidate("cloudy", square(20, 15))], write_scene(tmp_path, layers={"Cloud flag": cloud}), KAOLINITE)
    pixels = done.pixels.to_dataframe()
    assert len(pixels) == 16
    assert pixels["distance"].isna().all()
    assert set(pixels["reason"]) == {"Cloud flag"}


def test_without_a_pixel_the_table_of_pixels_is_empty(scene):
    pixels = vet([Candidate("lost", None)], scene, KAOLINITE).pixels
    assert len(pixels) == 0
    assert pixels.to_dataframe().columns[0] == "candidate_id"


# --- a damaged file ---

@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """The chunk of the first 22 x 16 pixels is zeroed in the file: what it held cannot be unpacked."""
    path = write_scene(tmp_path_factory.mktemp("damaged"), layout="chunked")
    with h5py.File(path) as file:
        assert file["reflectance"].chunks[:2] == (22, 16)
        chunk = file["reflectance"].id.get_chunk_info_by_coord((0, 0, 0))
    with open(path, "r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(bytes(chunk.size))
    return path


def touches(candidate):
    """Whether a pixel of the candidate lies in the damaged chunk."""
    row, column = 2 + 5 * (int(candidate.id) // 8), 2 + 5 * (int(candidate.id) % 8)
    return row < 22 and column < 16


def test_a_damaged_chunk_costs_those_whose_pixels_it_holds(damaged, scene):
    done = table(vet(GRID, damaged, KAOLINITE, mask="good_bands"))
    whole = table(vet(GRID, scene, KAOLINITE, mask="good_bands"))
    hit = [candidate.id for candidate in GRID if touches(candidate)]
    assert len(hit) == 12
    assert sorted(done.index[done["score"].isna()]) == sorted(hit)
    others = [candidate.id for candidate in GRID if not touches(candidate)]
    assert done.loc[others, "score"].to_dict() == whole.loc[others, "score"].to_dict()


def test_an_unreadable_ring_costs_the_percentile_alone(damaged, scene):
    """Pixels (22, 17) and so on lie beside the chunk; (52, 37) lies far from it."""
    beside, far = "33", "47"
    done = table(vet(GRID, damaged, KAOLINITE, mask="good_bands"))
    assert done.loc[beside, "score"] > 0
    assert np.isnan(done.loc[beside, "background_percentile"])
    assert done.loc[beside, "verdict"] == "none"
    assert done.loc[beside, "reason"] == "The pixels around it cannot be read, so there is no verdict."
    assert done.loc[beside, "warnings"].startswith("The pixels around it cannot be read, so it has no percentile: ")
    whole = table(vet(GRID, scene, KAOLINITE, mask="good_bands"))
    for name in ("score", "background_percentile", "column_percentile", "verdict"):
        assert done.loc[far, name] == whole.loc[far, name]


def test_the_pixels_of_a_damaged_file_are_those_that_could_be_read(damaged):
    done = vet(GRID, damaged, KAOLINITE, mask="good_bands", ring_pixels=0)
    assert len(done.pixels) == 4 * 36


def test_what_could_not_be_read_is_tried_again(damaged, tmp_path):
    asked = {"mask": "good_bands", "journal": tmp_path}
    vet(GRID, damaged, KAOLINITE, **asked)
    said = vet(GRID, damaged, KAOLINITE, **asked).notices
    assert not any("Going on" in notice for notice in said)


def test_a_granule_that_changes_is_not_looked_at_once_per_candidate(scene, monkeypatch):
    looked = []

    def changed(*arguments):
        looked.append(1)
        raise assessing.SourceChanged("'scene.nc' was replaced or changed while open; open it again.")

    monkeypatch.setattr(assessing, "look", changed)
    done = table(vet(GRID[:UNIT], open_granule(scene), KAOLINITE))
    assert len(looked) == 1
    assert done["reason"].str.contains("was replaced").all()


def test_a_truncated_granule_in_a_folder_is_named(tmp_path):
    write_scene(tmp_path)
    later = write_scene(tmp_path, LATER)
    truncate(later, later.stat().st_size // 2)
    notices = vet([Candidate("a", square(20, 15))], tmp_path, KAOLINITE).notices
    assert notices[0].startswith(f"In '{tmp_path.name}' 1 files are incomplete or damaged and were left out (the ")
    assert later.name in notices[0]
    assert "4 files were passed over, which hold no reflectance" in notices[1]


# --- surroundings ---

def steps(flat, pixels, columns=SCENE.crosstrack):
    """Steps to the nearest of `pixels`, one by one."""
    return [min(max(abs(f // columns - r), abs(f % columns - c)) for r, c in pixels) for f in flat.tolist()]


def test_where_half_is_masked_more_is_looked_at(tmp_path):
    """A chessboard of clouds: 400 pixels of the ring are valid all the same, and they are the nearest that are."""
    cloud = np.indices(SCENE.shape).sum(axis=0).astype(np.float32) % 2
    path = write_scene(tmp_path, layers={"Cloud flag": cloud})
    done = table(vet([Candidate("a", square(30, 20, 2))], path, KAOLINITE, ring_pixels=100)).loc["a"]
    assert done["n_background"] == 100
    seen = inspect(open_granule(path), pixels=np.argwhere(cloud == 0), reference=KAOLINITE)
    away = np.maximum(np.abs(seen.pixels.downtrack - 30.5), np.abs(seen.pixels.crosstrack - 20.5)) + 0.5
    inner = seen.scores[(away > 1) & (away <= 7)]  # six rings hold 96 valid pixels; the rest is drawn from the next
    worse = METRICS["sam"].percentile(done["score"], inner) / 100 * len(inner)
    assert len(inner) == 96
    assert worse <= done["background_percentile"] <= worse + 4


def test_of_pixels_equally_far_those_kept_are_drawn_by_the_seed():
    """Of a chessboard around (500, 500), 300 pixels: whole rings, and of the last some of every side."""
    shape, pixels = (1000, 1000), PixelSet.at(np.array([500]), np.array([500]))
    ring = ring_around(shape, pixels, 900, 0)
    valid = ring[(ring // 1000 + ring % 1000) % 2 == 0]
    chosen = [valid[nearest(shape, valid, pixels, 300, seed)] for seed in (0, 0, 1)]
    away = [np.array(steps(one, [(500, 500)], 1000)) for one in chosen]
    last = away[0].max()
    assert all((np.bincount(a)[1:last] == np.bincount(np.array(steps(valid, [(500, 500)], 1000)))[1:last]).all()
               for a in away)
    outermost = chosen[0][away[0] == last] // 1000 - 500
    assert abs(outermost.mean()) < 2.5
    np.testing.assert_array_equal(chosen[0], chosen[1])
    assert set(chosen[0]) != set(chosen[2])


def test_where_half_is_masked_the_ranking_rests_on_the_nearest_drawn_on_all_sides(tmp_path):
    """90 of the pixels around four squares of soil: those that nearest() names of the wider ring, scored one by one."""
    cloud = np.indices(SCENE.shape).sum(axis=0).astype(np.float32) % 2
    path = write_scene(tmp_path, layers={"Cloud flag": cloud})
    granule = open_granule(path)
    soil = [Candidate(i, square(30, 6 + 10 * i, 2)) for i in range(4)]
    done = table(vet(soil, path, KAOLINITE, ring_pixels=90))
    for i, candidate in enumerate(soil):
        pixels = PixelSet.at(np.repeat([30, 31], 2), np.tile([6 + 10 * i, 7 + 10 * i], 2))
        first = ring_around(SCENE.shape, pixels, 90, 0)
        n_valid = int((cloud.ravel()[first] == 0).sum())
        ring = ring_around(SCENE.shape, pixels, 90 * 90 // n_valid + 16, 0)
        seen = inspect(granule, pixels=list(zip(*divmod(ring, SCENE.crosstrack))), reference=KAOLINITE)
        valid = np.isfinite(seen.scores)
        scores = seen.scores[valid][nearest(SCENE.shape, ring[valid], pixels, 90, 0)]
        one = done.loc[candidate.id]
        assert one["background_percentile"] == METRICS["sam"].percentile(one["score"], scores)


def test_the_distance_is_that_to_the_nearest_pixel_of_many():
    pixels = PixelSet.at(np.repeat(np.arange(20), 20), np.tile(np.arange(20), 20))  # more than are taken at once
    flat = np.array([30 * 48 + 5, 21 * 48 + 5, 19 * 48 + 26])
    assert nearest((64, 48), flat, pixels, 3, 0).tolist() == [1, 2, 0]


def test_the_seed_draws_the_outermost_ring():
    pixels = PixelSet.at(np.array([30]), np.array([20]))
    first, same, other = (set(ring_around(SCENE.shape, pixels, 30, seed).tolist()) for seed in (0, 0, 1))
    assert first == same != other
    assert sorted(steps(np.array(sorted(first)), [(30, 20)])) == sorted(steps(np.array(sorted(other)), [(30, 20)]))


def test_another_seed_gives_another_ring(scene):
    one, two = (table(vet(GRID, scene, KAOLINITE, ring_pixels=100, seed=seed)) for seed in (0, 1))
    one, two = one[one["score"].notna()], two[two["score"].notna()]
    assert one["score"].to_dict() == two["score"].to_dict()
    assert one["background_percentile"].to_dict() != two["background_percentile"].to_dict()


@pytest.mark.parametrize(("size", "n", "warning"), [(10, 84, "Only 84 valid pixels lie around it."), (12, 128, "")])
def test_below_a_hundred_pixels_around_it_a_candidate_has_a_warning(tmp_path, size, n, warning):
    cloud = np.ones(SCENE.shape, np.float32)
    edge = (size - 4) // 2
    cloud[20 - edge:24 + edge, 15 - edge:19 + edge] = 0
    path = write_scene(tmp_path, layers={"Cloud flag": cloud})
    done = table(vet([Candidate("a", square(20, 15))], path, KAOLINITE)).loc["a"]
    assert (done["n_background"], done["warnings"]) == (n, warning)


def test_two_pixels_around_it_accept_nothing(tmp_path):
    cloud = np.ones(SCENE.shape, np.float32)
    cloud[20:24, 15:19] = 0
    cloud[30, 30] = cloud[25, 15] = 0
    path = write_scene(tmp_path, layers={"Cloud flag": cloud})
    done = table(vet([Candidate("a", square(20, 15))], path, KAOLINITE)).loc["a"]
    assert (done["background_percentile"], done["n_background"], done["verdict"]) == (100.0, 2, "doubtful")
    assert done["warnings"] == "Only 2 valid pixels lie around it, too few to accept it (20 are needed)."


@pytest.mark.parametrize(("n", "verdict"), [(19, "doubtful"), (20, "accept"), (None, "accept")])
def test_twenty_pixels_accept(n, verdict):
    assert Thresholds(99.0, 90.0).verdict(100.0, n) == verdict
    assert Thresholds(99.0, 90.0).verdict(0.0, n) == "reject"


# --- places ---

def test_across_the_antimeridian_a_candidate_is_found_by_either_longitude(tmp_path):
    there = replace(FAR, lon=179.995)
    path = write_scene(tmp_path, there)
    shape = square(40, 30, 4, there)
    west, _, east, _ = shape.bounds
    assert east > 180.0 > west or west > 180.0
    from shapely.affinity import translate

    done = table(vet([Candidate("east", shape), Candidate("west", translate(shape, -360.0))], path, KAOLINITE,
                     mask="good_bands"))
    assert done["n_pixels"].tolist() == [16, 16]
    assert done.loc["east", "score"] == done.loc["west", "score"]


def test_scenes_of_equal_score_win_in_the_order_given_however_many_there_are(tmp_path):
    """The same scene twelve times: the first wins, and the others follow by number, 2 before 10."""
    paths = [write_scene(tmp_path / f"{i:02d}", replace(SCENE, scene=5)) for i in range(12)]
    renamed = [path.rename(path.with_name(path.name.replace("_005", f"_{100 + i}"))) for i, path in enumerate(paths)]
    done = vet([Candidate("a", square(20, 15))], renamed, KAOLINITE, mask="good_bands", ring_pixels=0)
    ids = [done.candidates.columns["scene_id"][0], *done.scenes.columns["scene_id"]]
    assert [name[-3:] for name in ids] == [str(100 + i) for i in range(12)]
