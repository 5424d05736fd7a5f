"""The guide says what the demo granule gives, its pictures are there, and none of it goes into the package."""

from __future__ import annotations

import re
import struct
import subprocess
from collections import Counter
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from pixel_spectra.adapters.area_files import area_of_text
from pixel_spectra.core.comparison import compare, compare_mean
from pixel_spectra.core.errors import AreaError
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.io.rastersink import EnviSink
from pixel_spectra.core.libraries import bundled_library
from pixel_spectra.core.mapping import map_scores
from pixel_spectra.core.sensors import open_granule
from pixel_spectra.core.vetting.ranking import Thresholds
from pixel_spectra.ui.axes import count_text, plain_number
from pixel_spectra.ui.score_panel import ScorePanel
from pixel_spectra.ui.score_tables import percent_text
from pixel_spectra.ui.shown import AreaScore
from pixel_spectra.ui.sights import SHOWN_CURVES, Area, sight_of

from demo.places import REFERENCE, TARGETS, Places
from demo.scene import Demo
from demo.verdicts import judge
from pictures import offered, places

shapely = pytest.importorskip("shapely")

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/guide.md").read_text(encoding="utf-8")
WORDS = " ".join(GUIDE.replace("\n> ", "\n").split())
PICTURES = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", GUIDE)
STEPS = re.split(r"^## ", GUIDE, flags=re.M)


@pytest.fixture(scope="module")
def demo():
    return Demo()


@pytest.fixture(scope="module")
def granule(demo, tmp_path_factory):
    files = demo.write(tmp_path_factory.mktemp("demo"))
    with open_granule(files.granule.reflectance) as opened:
        yield opened


def seen_at(granule, geometry):
    return inspect(granule, geometry, reference=places.REFERENCE, metric=places.METRIC)


@pytest.fixture(scope="module")
def pixel(granule):
    return seen_at(granule, shapely.Point(places.KAOLINITE))


@pytest.fixture(scope="module")
def polygon(granule):
    return seen_at(granule, shapely.Polygon(places.POLYGON))


@pytest.fixture(scope="module")
def line(granule):
    return seen_at(granule, shapely.LineString(places.LINE))


def plain(text):
    return re.sub("[\N{NARROW NO-BREAK SPACE}\N{NO-BREAK SPACE}]", " ", text)


def says(*fragments):
    missing = [fragment for fragment in map(plain, fragments) if fragment not in WORDS]
    assert not missing, f"docs/guide.md does not say {missing}"


def test_it_names_the_granule_and_the_reference(granule):
    library = bundled_library()
    says(f"`.dev/demo/{granule.id}.nc`", f"`{places.SEARCH}`", f"*{library[places.REFERENCE].name}*",
         f"holds {len(library)} spectra")
    found = [key for key, entry in library.items() if all(w in entry.name.lower() for w in places.SEARCH.split())]
    assert sorted(found)[1] == places.REFERENCE  # one press of Down after typing


def test_what_is_to_be_pasted_is_what_the_pictures_show():
    says(*(f"`{text}`" for text in (
        places.wkt("POINT", places.KAOLINITE), places.wkt("POINT", places.CALCITE), places.wkt("POINT", places.CLOUD),
        places.wkt("LINESTRING", *places.LINE), places.wkt("POLYGON", *places.POLYGON))))


@pytest.mark.parametrize("text", re.findall(r"^> To paste.*?`([^`\n]+)`", GUIDE, flags=re.M))
def test_what_is_to_be_pasted_is_understood(text):
    (geometry,) = area_of_text(text).geometries
    assert geometry.equals(shapely.from_wkt(text))


def test_the_pixel_of_step_three(pixel):
    compared = compare(pixel)
    rank = next(row.percentile for row in compared.metrics if row.metric.name == places.METRIC)
    says(f"**{plain_number(pixel.scores[0])} rad**",
         f"**{percent_text(rank)}** of {count_text(compared.n_sample)} pixels",
         f"{pixel.scored.used.sum()} of {len(pixel.spectra.bands.wavelength_nm)} bands entered the score")
    assert len(compared.matches) == 3
    says(*(f"| {match.name} | {match.fit:.3f} | {plain_number(match.sam)} | {match.margin:.3f} |"
           for match in compared.matches))
    assert all(match.name.startswith("Kaolinite") for match in compared.matches)


def test_the_pixel_of_step_four(granule):
    seen = seen_at(granule, shapely.Point(places.CALCITE))
    compared = compare(seen)
    rank = next(row.percentile for row in compared.metrics if row.metric.name == places.METRIC)
    best = compared.matches[0]
    says(f"**{plain_number(seen.scores[0])} rad**", f"than {percent_text(rank)} of the scene", f"*{best.name}*",
         f"a fit of {best.fit:.3f} and at {plain_number(best.sam)} rad")


def test_the_line_of_step_five(line):
    counts = sight_of(line, 1, "#000000", Area((), ()), "").counts
    masked = counts.masked
    says(f"crosses {counts.n} pixels, {counts.n_valid} of them valid; {masked['Cloud flag']} are left out as "
         f"*Cloud flag* and {masked['Dilated Cloud Flag']} as *Dilated Cloud Flag*")
    assert set(masked) == {"Cloud flag", "Dilated Cloud Flag"}
    levels = np.unique(np.round(line.scores[np.isfinite(line.scores)], 2))
    assert {f"{level:.2f}" for level in levels} == {"0.05", "0.21", "0.25", "0.26"}
    says("to about 0.05 rad over the kaolinite", "to about 0.21 rad over the calcite",
         "about 0.25 rad over the bare ground")


def test_the_verdict_of_steps_six_and_seven(polygon, demo, qgis_app):
    counts = sight_of(polygon, 1, "#000000", Area((), ()), "").counts
    panel = ScorePanel()
    panel.show_area(AreaScore(polygon.scored.metric, polygon.scores, "", counts))
    accepted = polygon.scores <= places.THRESHOLD
    says(f"holds the **{len(polygon.pixels)}** pixels", f"{SHOWN_CURVES} of them at most",
         f"at the median, {panel.threshold:.{panel.histogram.decimals}f} rad",
         f"**The verdict: {accepted.sum()} accepted of {polygon.spectra.pixel_valid.sum()} valid pixels.**")
    planted = demo.patches[0].covers(polygon.pixels.downtrack, polygon.pixels.crosstrack)
    assert demo.patches[0].cover.name == "kaolinite"
    assert np.array_equal(accepted, planted)
    says(f"type `{places.THRESHOLD:g}`", "from 0.06 to 0.25 rad the answer is the same")
    assert (polygon.scores <= 0.06).sum() == (polygon.scores <= 0.25).sum() == accepted.sum()


def test_the_cloud_and_the_place_beside_the_granule_of_step_eight(granule):
    sight = sight_of(seen_at(granule, shapely.Point(places.CLOUD)), 1, "#000000", Area((), ()), "")
    says(f"*{sight.score.why}*")
    with pytest.raises(AreaError, match="is off the swath of"):
        seen_at(granule, shapely.Point(places.OFF_SWATH))


def test_the_matches_of_step_ten(pixel):
    first, second, third = compare(pixel).matches
    says(f"The second row leads by {second.margin:.3f}, the third by {third.margin:.3f}",
         "By angle alone the third row would be the first one")
    assert third.sam < first.sam < second.sam
    assert all("Kaolinite" in match.name for match in (first, second, third))


def test_the_map_of_step_eleven(granule, tmp_path):
    written = map_scores(granule, [bundled_library()[places.REFERENCE]], places.METRIC, EnviSink(tmp_path / "map.img"),
                         orthorectify=True)
    says(f"**{count_text(written.n_scored)} of {count_text(written.n_pixels)} pixels have a score**")


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    files = Places().write(tmp_path_factory.mktemp("vetting"))
    with open_granule(files.granule.reflectance) as opened:
        yield judge(opened, Places())


def test_the_verdicts_of_step_twelve(judged):
    columns = judged.vetting.candidates.columns
    n = Counter(columns["verdict"])
    says(f"{len(columns['verdict'])} places in a second granule", f"`{REFERENCE}`",
         f"**{n['accept']} are accepted, {n['doubtful']} doubtful and {n['reject']} rejected; {n['none']} have no "
         "verdict**",
         f"step 12: {n['accept']} accepted, {n['doubtful']} doubtful, {n['reject']} rejected, {n['none']} without")
    assert places.VETTED_FOR == REFERENCE
    assert all("loud" in reason or "no data" in reason
               for reason, verdict in zip(columns["reason"], columns["verdict"]) if verdict == "none")


def test_the_doubtful_candidates_of_step_twelve(judged):
    columns = judged.vetting.candidates.columns
    rows = [row for row, verdict in enumerate(columns["verdict"]) if verdict == "doubtful"]
    names = [columns["candidate_id"][row] for row in rows]
    first = [compare_mean(judged.vetting.inspection(row), top=1).matches[0].name.split()[0] for row in rows]
    n = places.DOUBTFUL_KAOLINITE
    assert first[:n] == ["Kaolinite"] * n
    assert set(first[n:]) == {"Alunite", "Montmorillonite", "Muscovite"}
    targets = [judged.places.patches[int(name)].cover in TARGETS for name in names]
    assert targets == [True] * n + [False] * (len(rows) - n)
    says(f"Of the {len(rows)}, *What is this?* puts kaolinite first for candidates {', '.join(names[:n - 1])} and "
         f"{names[n - 1]}: press **A**", f"for the other {len(rows) - n}: press **R**",
         f"Candidate {names[n + 2]} of the")
    assert first[n + 2] == "Montmorillonite"


def test_the_lower_threshold_of_step_twelve(judged):
    columns, thresholds = judged.vetting.candidates.columns, Thresholds(99.0, places.REJECT_BELOW)
    doubtful = [row for row, verdict in enumerate(columns["verdict"]) if verdict == "doubtful"]
    person = {row: "accept" if i < places.DOUBTFUL_KAOLINITE else "reject" for i, row in enumerate(doubtful)}
    n = Counter(person.get(row, thresholds.verdict(p)) for row, p in enumerate(columns["background_percentile"]))
    says(f"in the histogram to {places.REJECT_BELOW}",
         f"**{n['accept']} accepted, {n['doubtful']} doubtful, {n['reject']} rejected**")


def test_the_note_about_the_reference(pixel):
    (note,) = pixel.notices
    said = re.search(r"has no value in \d+ of \d+ bands", note).group()
    says(f"the reference {said}")


def test_the_scenes_of_step_thirteen():
    clouds = [*((scene.time, cloud) for scene, cloud in offered.CLOUD.items()),
              *((older.scene.time, older.cloud) for older in offered.OLDER)]
    left = [time for time, cloud in clouds if time >= datetime(2024, 1, 2) and (cloud is None or cloud < 40)]
    says(f"{len(left)} of {len(clouds)} scenes are left", "ends with `005`", "ends with `006`")
    assert (Demo().scene, Places().scene) == (offered.DEMO, offered.NEXT)


def test_no_other_number_is_stated():
    """A decimal number that no test above knows would go stale unseen."""
    prose = re.sub(r"`[^`]*`|```.*?```", "", GUIDE, flags=re.S)
    known = {"0.0487", "99.7", "0.0410", "0.0549", "0.208", "97.9", "0.0325", "0.05", "0.21", "0.25", "0.2529", "0.06",
             "0.858", "0.857", "0.798", "0.001", "0.059", "0.495", "0.669"}
    assert set(re.findall(r"\d+\.\d+", prose)) == known


@pytest.mark.parametrize("link", PICTURES)
def test_a_picture_is_there_and_wide_enough(link):
    start = (ROOT / "docs" / link).read_bytes()[:24]
    assert start[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">I", start[16:20])[0] >= 800


def test_every_step_has_a_picture_and_every_picture_has_its_other_theme():
    steps = [step for step in STEPS if re.match(r"\d+\. ", step)]
    assert len(steps) == 13
    assert all("](pictures/light_" in step for step in steps)
    names = {path.name for path in (ROOT / "docs/pictures").glob("*.png")} - {"report.png"}  # a page has no theme
    light = {name for name in names if name.startswith("light_")}
    assert {name.replace("light_", "dark_") for name in light} == names - light
    assert {Path(link).name for link in PICTURES} <= names | {"report.png"}


def test_every_heading_that_is_linked_exists():
    anchors = {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
               for heading in re.findall(r"^##+ (.*)$", GUIDE, flags=re.M)}
    assert {link for link in re.findall(r"\]\(#([^)]+)\)", GUIDE)} <= anchors


def test_pictures_are_light_enough_to_carry():
    sizes = [path.stat().st_size for path in (ROOT / "docs").rglob("*.png") if "demo_" not in path.name]
    assert max(sizes) < 300_000
    assert sum(path.stat().st_size for path in (ROOT / "docs").rglob("*.*")) < 5_000_000


def test_the_package_holds_no_guide():
    ran = subprocess.run(["git", "check-attr", "export-ignore", "--", "docs"], cwd=ROOT, capture_output=True, text=True,
                         check=False)
    if ran.returncode:
        pytest.skip("not a git checkout")
    assert ran.stdout.strip() == "docs: export-ignore: set"
