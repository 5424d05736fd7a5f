"""The vetting of the demo: what is planted, how verdicts are counted, and that the README says what came out."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pixel_spectra.core.libraries import bundled_library
from pixel_spectra.core.sensors import open_granule

pytest.importorskip("shapely", reason="candidates are polygons")

from demo.places import DECOYS, NOTHING, REFERENCE, TARGETS, Places
from demo.verdicts import TARGET_KINDS, Judged, as_text, judge, kind_of, largest_difference, wilson

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def places():
    return Places()


@pytest.fixture(scope="module")
def judged(places, tmp_path_factory):
    files = places.write(tmp_path_factory.mktemp("places"))
    with open_granule(files.granule.reflectance) as granule:
        yield judge(granule, places)


def test_sixty_targets_sixty_decoys_and_sixty_empty_places(places):
    kinds = Counter(kind_of(patch.cover) for patch in places.patches)
    assert kinds == {"kaolinite, 40%": 30, "kaolinite, 20%": 30, "look-alikes": 48, "brighter, darker": 12,
                     "nothing there": 60}


def test_what_is_planted_is_not_what_it_is_compared_with():
    assert REFERENCE not in {cover.record for cover in (*TARGETS, *DECOYS, NOTHING)}
    assert bundled_library()[TARGETS[0].record].material == bundled_library()[REFERENCE].material == "Kaolinite"


def test_no_candidate_lies_on_another(places):
    where = np.array([(patch.row, patch.column) for patch in places.patches])
    apart = np.hypot(*(where[:, None] - where).transpose(2, 0, 1))
    np.fill_diagonal(apart, np.inf)
    reach = 1.15 * max(patch.radius for patch in places.patches)
    assert apart.min() > 2 * reach


def test_places_follow_from_the_seed(places):
    assert Places().patches == places.patches != Places(seed=8).patches
    assert not np.array_equal(places.shares[0], Places(seed=8).shares[0])


def test_an_empty_place_is_the_ground_as_it_was(places):
    bare = Places()
    bare.__dict__["patches"] = ()
    for kind, alike in (("nothing there", True), ("kaolinite, 20%", False)):
        patch = next(patch for patch in places.patches if kind_of(patch.cover) == kind)
        row, column = round(patch.row), round(patch.column)
        ground, seen = (scene._clean(slice(row, row + 1))[0, column] for scene in (bare, places))
        assert np.allclose(seen, ground) == alike


def test_every_candidate_is_counted_once(judged):
    assert sum(sum(counts.values()) for counts in judged.counts.values()) == 180
    assert judged.counts["nothing there"]["accept"] == 0
    assert sum(counts["none"] for counts in judged.counts.values()) > 0  # under the clouds


def test_precision_and_recall_are_counted_by_hand(judged):
    counts = {"kaolinite, 40%": Counter(accept=3, doubtful=1, none=5), "kaolinite, 20%": Counter(accept=1, reject=2),
              "look-alikes": Counter(accept=2, reject=2)}
    told = Judged(judged.places, judged.vetting)
    told.__dict__["counts"] = counts
    assert told.precision(["kaolinite, 40%"]) == (3, 5)
    assert told.recall(["kaolinite, 40%"]) == (3, 4)
    assert told.precision(["kaolinite, 40%", "kaolinite, 20%"]) == (4, 6)
    assert told.recall(["kaolinite, 40%", "kaolinite, 20%"]) == (4, 7)


@pytest.mark.parametrize(("right", "n", "low", "high"), [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634),
                                                         (10, 10, 0.7225, 1.0), (0, 0, 0.0, 1.0)])
def test_the_interval_is_wilsons(right, n, low, high):
    assert wilson(right, n) == pytest.approx((low, high), abs=1e-4)


def test_a_verdict_that_differs_is_no_small_difference():
    assert largest_difference({0: ("accept", 0.5), 1: ("none", None)}, {0: ("accept", 0.25), 1: ("none", None)}) == 0.25
    assert largest_difference({0: ("accept", 0.5)}, {0: ("doubtful", 0.5)}) == float("inf")


def test_the_readme_says_what_the_seed_of_the_demo_gives(judged):
    (rows,) = re.findall(r"^\| 7 \|.*\n\| \|.*\n\| \|.*$", README, re.M)
    table = {row.split("|")[2].strip(): row for row in rows.splitlines()}
    for title, kinds in (("all", TARGET_KINDS), ("at 40 %", TARGET_KINDS[:1]), ("at 20 %", TARGET_KINDS[1:])):
        said = [f"{right / n:.0%}".replace("%", " %") + " ({:.0f}–{:.0f})".format(*(100 * v for v in wilson(right, n)))
                + f", {right} of {n}" for right, n in (judged.precision(kinds), judged.recall(kinds))]
        doubtful = sum(judged.counts[kind]["doubtful"] for kind in kinds)
        assert [cell.strip() for cell in table[title].split("|")[3:6]] == [*said, str(doubtful)]


def test_the_readme_says_how_many_of_the_accepted_are_named_rightly(judged):
    named = judged.identified()
    assert named[True] == (49, 49)
    assert "(49 and 51), and for {} of {} and".format(*named[False]) in " ".join(README.split())
    assert "accept, all targets: precision 64%" in as_text(judged)
