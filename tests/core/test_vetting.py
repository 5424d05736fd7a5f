"""vet(): candidates x granules -> one sorted table, against inspect() and by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from pixel_spectra.core.errors import AreaError, GranuleError, LibraryError, MetricError
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.libraries import bundled_library
from pixel_spectra.core.metrics import METRICS
from pixel_spectra.core.sensors import open_granule
from pixel_spectra.core.vetting import Candidate, vet
from shapely import MultiPolygon, Point, Polygon

from granules import lonlat, write_radiance
from vetting_side import FAR, KAOLINITE, LATER, SCENE, open_scene, square, write_scene

GYPSUM = next(name for name in bundled_library() if name.startswith("gypsum"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """SCENE, LATER with half of the kaolinite, and FAR, elsewhere."""
    folder = tmp_path_factory.mktemp("scenes")
    write_scene(folder, SCENE)
    write_scene(folder, LATER, 0.5)
    write_scene(folder, FAR)
    return folder


@pytest.fixture(scope="module")
def granule(folder):
    return open_granule(next(folder.glob("*RFL_001_20240501*")))


CANDIDATES = (Candidate("soil", square(50, 10)), Candidate("strong", square(20, 15)), Candidate(7.0, square(40, 30)))


def table(done):
    return done.candidates.to_dataframe().set_index("candidate_id")


def test_sorted_by_score_with_verdicts(granule):
    done = table(vet(CANDIDATES, granule, KAOLINITE))
    assert done.index.tolist() == ["strong", "7", "soil"]
    assert done["rank"].tolist() == [1, 2, 3]
    assert done["verdict"].tolist()[:2] == ["accept", "accept"]
    assert done.loc["soil", "verdict"] in ("reject", "doubtful")
    assert done["n_pixels"].tolist() == done["n_valid"].tolist() == [16, 16, 16]
    assert done["score"].is_monotonic_increasing
    assert done.loc["strong", "background_percentile"] == 100.0
    assert done.loc["strong", "n_background"] == 400
    assert (done["human_verdict"] == "").all()
    assert (done["note"] == "").all()


def test_the_numbers_are_those_of_inspect(granule):
    done = table(vet(CANDIDATES, granule, KAOLINITE)).loc["strong"]
    seen = inspect(granule, square(20, 15), reference=KAOLINITE, uncertainty=True)
    assert done["score"] == pytest.approx(seen.scores.mean(), abs=1e-12)
    assert done["score_best"] == seen.scores.min()
    assert done["score_std"] == pytest.approx(seen.scores.std(ddof=1), abs=1e-12)
    assert done["sigma"] == pytest.approx(np.sqrt((seen.score_sigma**2).sum()) / 16, rel=1e-9)
    assert done["scene_id"] == granule.id
    assert done["datetime"].isoformat() == "2024-05-01T10:11:12+00:00"
    assert (done["metric"], done["reference_id"], done["mask_id"]) == ("sam", KAOLINITE, "quality")


def test_the_ring_by_hand(granule):
    """The 20 pixels that touch a 4 x 4 square, one by one."""
    done = table(vet([CANDIDATES[0]], granule, KAOLINITE, ring_pixels=20, mask="good_bands")).loc["soil"]
    around = [(r, c) for r in range(49, 55) for c in range(9, 15) if not (50 <= r < 54 and 10 <= c < 14)]
    scores = inspect(granule, pixels=around, reference=KAOLINITE, mask="good_bands").scores
    assert len(around) == 20
    assert done["background_percentile"] == 5.0 * (scores > done["score"]).sum()


def test_columns_by_hand(granule):
    """Half as many pixels of the columns 10 to 13, nearest along the track: rows 49 and 54, then 48."""
    done = table(vet([CANDIDATES[0]], granule, KAOLINITE, ring_pixels=24, mask="good_bands")).loc["soil"]
    along = [(r, c) for r in (49, 54, 48) for c in range(10, 14)]
    scores = inspect(granule, pixels=along, reference=KAOLINITE, mask="good_bands").scores
    assert done["column_percentile"] == pytest.approx(100.0 * (scores > done["score"]).sum() / 12)


def test_a_stripe_is_seen_in_its_columns(tmp_path):
    """A detector column that always looks like kaolinite stands out in the ring, but not in its own column."""
    granule = open_scene(tmp_path)
    path = granule.source.path
    stripe = granule.read_pixels(inspect(granule, square(20, 15)).pixels).values[0]
    import h5py

    with h5py.File(path, "r+") as file:
        file["reflectance"][:, 25] = stripe
    done = table(vet([Candidate("stripe", Point(*lonlat(SCENE, 30, 25)))], path, KAOLINITE, mask="good_bands"))
    assert done.loc["stripe", "background_percentile"] > 90.0
    assert done.loc["stripe", "column_percentile"] == 0.0


def test_the_best_scene_wins_and_the_others_stand_aside(folder):
    done = vet(CANDIDATES, folder, KAOLINITE)
    winners, others = table(done), done.scenes.to_dataframe()
    assert winners["scene_id"].str[17:25].tolist()[:2] == ["20240501", "20240501"]
    assert sorted(others["candidate_id"]) == ["7", "soil", "strong"]
    assert others.set_index("candidate_id").loc["strong", "scene_id"][17:25] == "20240601"
    assert others["candidate_id"].tolist() == winners.index.tolist()
    strong = others.set_index("candidate_id").loc["strong", "score"]
    assert strong > winners.loc["strong", "score"]
    assert "passed over" in done.notices[0]
    assert "6 files" in done.notices[0]


def test_metrics_where_more_is_better(granule):
    done = table(vet(CANDIDATES, granule, KAOLINITE, metric="cosine"))
    assert done.index.tolist()[0] == "strong"
    assert done["score"].is_monotonic_decreasing
    assert done.loc["strong", "score_best"] >= done.loc["strong", "score"]
    assert done.loc["strong", "verdict"] == "accept"


@pytest.mark.parametrize("background", ["scene", "ring"])
def test_metrics_that_need_a_background_leave_the_candidate_out_of_it(granule, background):
    done = table(vet(CANDIDATES, granule, KAOLINITE, metric="matched_filter", background=background, mask="good_bands"))
    seen = inspect(granule, square(20, 15), reference=KAOLINITE, metric="matched_filter", background=background,
                   mask="good_bands")
    assert done.loc["strong", "score"] == pytest.approx(seen.scores.mean(), rel=1e-9)
    assert done.loc["strong", "verdict"] == "accept"


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_a_row_for_every_candidate(granule, name):
    if METRICS[name].quantity not in ("any", "reflectance"):
        pytest.skip("for radiance")
    done = table(vet(CANDIDATES, granule, KAOLINITE, metric=name))
    assert sorted(done.index) == ["7", "soil", "strong"]
    assert (done["score"].notna() | (done["reason"] != "")).all()


def test_best_other_and_margin(granule):
    done = table(vet(CANDIDATES, granule, GYPSUM)).loc["strong"]
    assert done["best_other"].startswith("kaolinite")
    assert done["margin"] < 0.0
    assert table(vet(CANDIDATES, granule, KAOLINITE)).loc["strong", "margin"] > 0.0


def test_a_reference_for_each(granule):
    mixed = [replace(CANDIDATES[1], reference=GYPSUM), CANDIDATES[2],
             Candidate("unknown", square(20, 15), reference="unobtainium")]
    done = table(vet(mixed, granule, KAOLINITE))
    assert done["reference_id"].to_dict() == {"7": KAOLINITE, "strong": GYPSUM, "unknown": ""}
    assert done.loc["unknown", "verdict"] == "none"
    assert "no reference 'unobtainium'" in done.loc["unknown", "reason"]
    without = table(vet(mixed, granule, None))
    assert without.loc["7", "reason"] == "It names no reference, and the run has none."


def test_nothing_is_dropped(granule):
    far = Point(20.0, 20.0)
    bow = Polygon([(15.0, 36.0), (15.01, 35.99), (15.01, 36.0), (15.0, 35.99)])
    odd = [Candidate("none", None), Candidate("empty", Polygon()), Candidate("far", far), Candidate("bow", bow),
           Candidate("text", "POINT(1 2)"), Candidate("metres", Point(500000, 4000000)),
           Candidate("told", None, problem="It was drawn on the Moon."), *CANDIDATES]
    done = table(vet(odd, granule, KAOLINITE))
    assert len(done) == 10
    assert done.index.tolist()[3:] == ["none", "empty", "far", "bow", "text", "metres", "told"]
    lost = done.iloc[3:]
    assert (lost["verdict"] == "none").all()
    assert lost["rank"].isna().all()
    assert lost["score"].isna().all()
    assert lost["reason"].tolist()[:2] == ["It has no geometry.", "It has no geometry."]
    assert "off the swath" in lost.loc["far", "reason"]
    assert "Self-intersection" in lost.loc["bow", "reason"] or "off the swath" in lost.loc["bow", "reason"]
    assert "str" in lost.loc["text", "reason"]
    assert "reproject it" in lost.loc["metres", "reason"]
    assert lost.loc["told", "reason"] == "It was drawn on the Moon."


def test_outside_all_scenes(folder):
    done = table(vet([Candidate("far", Point(20.0, 20.0))], folder, KAOLINITE))
    assert done.loc["far", "reason"] == "It lies outside all 3 scenes."
    assert done.loc["far", "scene_id"] == ""


def test_ids_that_occur_twice(granule):
    done = vet([Candidate("a", square(20, 15)), Candidate("a", square(50, 10))], granule, KAOLINITE)
    assert len(done.candidates) == 2
    assert done.candidates.to_dataframe()["warnings"].tolist() == ["2 candidates have the id 'a'."] * 2
    assert "1 id occurs more than once (the first: 'a', 2 times)" in " ".join(done.notices)


def test_clouds_are_counted(tmp_path):
    """A cloud over a whole candidate, over half of one, and over a ring."""
    cloud = np.zeros(SCENE.shape, np.float32)
    cloud[20:24, 15:19] = 1
    cloud[40:42, 30:34] = 1
    granule = open_scene(tmp_path, layers={"Cloud flag": cloud})
    done = table(vet(CANDIDATES, granule, KAOLINITE))
    assert (done.loc["strong", "n_pixels"], done.loc["strong", "n_valid"]) == (16, 0)
    assert json.loads(done.loc["strong", "masked"]) == {"Cloud flag": 16}
    assert done.loc["strong", "verdict"] == "none"
    assert "masked (Cloud flag: 16)" in done.loc["strong", "reason"]
    assert done.loc["7", "n_valid"] == 8
    seen = inspect(granule, square(40, 30), reference=KAOLINITE)
    assert done.loc["7", "score"] == pytest.approx(np.nanmean(seen.scores), abs=1e-12)
    assert done.loc["7", "n_background"] == 400


def test_few_pixels_around(tmp_path):
    cloud = np.ones(SCENE.shape, np.float32)
    cloud[18:26, 13:21] = 0
    done = table(vet(CANDIDATES[1:2], open_scene(tmp_path, layers={"Cloud flag": cloud}), KAOLINITE))
    assert done.loc["strong", "n_background"] == 48
    assert done.loc["strong", "warnings"] == "Only 48 valid pixels lie around it."
    nothing = np.ones(SCENE.shape, np.float32)
    nothing[20:24, 15:19] = 0
    alone = table(vet(CANDIDATES[1:2], open_scene(tmp_path / "b", layers={"Cloud flag": nothing}), KAOLINITE))
    assert alone.loc["strong", "verdict"] == "none"
    assert "No valid pixel lies around it" in alone.loc["strong", "reason"]
    assert alone.loc["strong", "score"] > 0


def test_without_a_ring_there_is_no_verdict(granule):
    done = table(vet(CANDIDATES, granule, KAOLINITE, ring_pixels=0))
    assert (done["verdict"] == "none").all()
    assert done["background_percentile"].isna().all()
    assert done["rank"].tolist() == [1, 2, 3]
    assert "ring_pixels is 0" in done.loc["strong", "reason"]


def test_thresholds_move_verdicts_only(granule):
    done = table(vet(CANDIDATES, granule, KAOLINITE, accept=100.0, reject=100.0))
    assert done.loc["strong", "verdict"] == "doubtful"
    assert done.loc["soil", "verdict"] == "reject"


def test_other_band_grids_are_resampled_and_said(tmp_path):
    write_scene(tmp_path, SCENE)
    write_scene(tmp_path, replace(LATER, n_bands=95))
    done = vet(CANDIDATES, tmp_path, KAOLINITE)
    assert "different band grids; the reference was resampled to the bands of each" in " ".join(done.notices)
    assert len(done.scenes) == 3
    assert done.scenes.to_dataframe()["score"].notna().all()


def test_pixels_are_those_of_the_winning_scenes(folder):
    done = vet(CANDIDATES, folder, KAOLINITE)
    pixels = done.pixels.to_dataframe()
    assert len(pixels) == 48
    means = pixels.groupby("candidate_id")["distance"].mean()
    assert means.to_dict() == pytest.approx(table(done)["score"].to_dict())
    assert pixels["distance_sigma"].notna().all()
    assert pixels["spectrum"].str.len().min() > 200


def test_points_lines_and_many_parts(granule):
    both = MultiPolygon([square(20, 15), square(40, 30)])
    done = table(vet([Candidate("point", Point(*lonlat(SCENE, 20, 15))), Candidate("both", both)], granule, KAOLINITE))
    assert done["n_pixels"].to_dict() == {"point": 1, "both": 32}
    assert np.isnan(done.loc["point", "score_std"])


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [({"accept": 80.0}, MetricError, "accept=80 and reject=90"), ({"reject": -1.0}, MetricError, "0 <= reject"),
     ({"ring_pixels": -1}, MetricError, "ring of -1 pixels"), ({"seed": -1}, MetricError, "seed -1"),
     ({"metric": "samm"}, MetricError, "samm"), ({"background": "bowl"}, MetricError, "bowl"),
     ({"resampling": "cubic"}, LibraryError, "cubic")])
def test_what_cannot_be_asked(granule, more, error, words):
    with pytest.raises(error, match=words):
        vet(CANDIDATES, granule, KAOLINITE, **more)


def test_refusals(granule, tmp_path):
    with pytest.raises(AreaError, match="no candidate"):
        vet([], granule, KAOLINITE)
    with pytest.raises(AreaError, match="a Point; give Candidate"):
        vet([Point(0, 0)], granule, KAOLINITE)
    with pytest.raises(LibraryError, match="unobtainium"):
        vet(CANDIDATES, granule, "unobtainium")
    with pytest.raises(LibraryError, match="'sam' needs a reference"):
        vet(CANDIDATES, granule, None)
    with pytest.raises(GranuleError, match="no granule to look"):
        vet(CANDIDATES, tmp_path, KAOLINITE)


def test_radiance_is_refused_or_passed_over(folder, tmp_path):
    radiance = write_radiance(tmp_path, replace(SCENE, time=datetime(2024, 8, 1)))
    with pytest.raises(MetricError, match="compares reflectance, but .* holds radiance"):
        vet(CANDIDATES, radiance, KAOLINITE)
    with pytest.raises(GranuleError, match="granules of reflectance"):
        vet(CANDIDATES, tmp_path, KAOLINITE)


def test_a_granule_given_twice_counts_once(granule):
    done = vet(CANDIDATES, [granule.source.path, granule.source.path], KAOLINITE)
    assert len(done.scenes) == 0
    assert "given twice" in done.notices[0]
