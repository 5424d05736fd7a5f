"""The scene of the demo: reproducible, honest about what is planted, and told apart by SAM and SID."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.libraries import bundled_library
from pixel_spectra.core.sensors import open_granule

from demo.contest import as_text, hold, share_right
from demo.scene import COVERS, PLANTED, Demo, Patch, candidates, material
from demo.tables import write_confusion, write_pixels, write_points
from granules import emit_bands

shapely = pytest.importorskip("shapely", reason="the patches are polygons")


@pytest.fixture(scope="module")
def demo():
    return Demo(size=150)


@pytest.fixture(scope="module")
def files(demo, tmp_path_factory):
    return demo.write(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def granule(files):
    with open_granule(files.granule.reflectance) as opened:
        yield opened


@pytest.fixture(scope="module")
def pixels(demo, granule):
    return inspect(granule, [shapely.Polygon(patch.outline(demo.scene)) for patch in demo.patches]).pixels


@pytest.fixture(scope="module")
def contests(demo, granule, pixels):
    references = list(candidates().values())
    return {metric: hold(granule, demo.patches, pixels, references, metric) for metric in ("sam", "sid")}


@pytest.mark.parametrize("metric", ["sam", "sid"])
def test_the_right_material_wins(contests, metric):
    table = contests[metric].confusion()
    assert {"kaolinite", "calcite", "alunite", "green vegetation", "snow/ice", "water"} <= set(table)
    assert min(sum(answers.values()) for answers in table.values()) >= 20
    assert share_right(table) >= 0.95


def test_what_is_planted_is_never_what_is_scored_with():
    assert not PLANTED & set(candidates())
    assert PLANTED | set(candidates()) == set(bundled_library())
    assert {cover.record for cover in COVERS} <= PLANTED
    for cover in COVERS:
        same = [key for key, reference in candidates().items() if material(reference) == cover.name]
        assert cover.counterpart in same or (cover.decoy and not same)


def test_the_scene_follows_from_its_seed():
    first, second, other = Demo(40), Demo(40), Demo(40, seed=8)
    whole = first.reflectance(0, 40)
    assert np.array_equal(whole, second.reflectance(0, 40))
    assert np.array_equal(whole[7:19], first.reflectance(7, 19))  # whatever the block
    assert np.array_equal(first.interpolated, second.interpolated)
    assert np.array_equal(first.opacity, second.opacity)
    assert first.patches == second.patches != other.patches
    assert not np.array_equal(whole, other.reflectance(0, 40))


def test_a_patch_is_sixty_parts_of_its_record_and_forty_of_the_ground(demo):
    bare = Demo(size=150)
    bare.__dict__["patches"] = ()
    patch = next(p for p in demo.patches if p.cover.name == "calcite")
    row, column = round(patch.row), round(patch.column)
    planted, ground = (d._clean(slice(row, row + 1))[0, column] for d in (demo, bare))
    good = slice(10, 120)
    nm = emit_bands().wavelength_nm[good]
    record = bundled_library()[patch.cover.record]
    pure = np.interp(nm, record.wavelength_nm, record.reflectance)
    # planted = gain * (0.6 pure + 0.4 ground) + offset, ground as seen = gain * ground
    design = np.stack([pure, ground[good], np.ones(len(nm))], axis=1)
    of_pure, of_ground, offset = np.linalg.lstsq(design, planted[good], rcond=None)[0]
    gain = of_pure / 0.6
    assert of_ground == pytest.approx(0.4, abs=0.02)
    assert 0.8 <= gain <= 1.2
    assert abs(offset) <= 0.02


def test_the_outline_lies_inside_what_is_planted(demo):
    patch = Patch(COVERS[0], row=50.0, column=60.0, radius=8.0, phase=0.7)
    angle = np.linspace(0, 2 * np.pi, 100)
    reach = 0.85 * patch.reach(angle)
    assert patch.covers(50 + reach * np.sin(angle), 60 + reach * np.cos(angle)).all()
    assert not patch.covers(50.0, 60.0 + 1.2 * 8.0)
    ring = patch.outline(demo.scene)
    assert ring[0] == ring[-1]
    assert shapely.Polygon(ring).contains(shapely.Point(patch.centre(demo.scene)))


def test_clouds_are_bright_flagged_and_widened(demo):
    layers = demo.mask_layers()
    cloud, dilated = layers["Cloud flag"], layers["Dilated Cloud Flag"]
    assert 0 < cloud.sum() < dilated.sum() < cloud.size / 4
    assert dilated[cloud].all()
    seen = demo.reflectance(0, demo.size)[..., 30]
    assert seen[cloud].mean() > 2 * seen[~dilated].mean()
    assert not demo.opacity[~dilated].any()
    assert demo.nodata.any()
    assert cloud[demo.nodata].all()


def test_an_interpolated_element_lies_between_its_neighbours(demo):
    values = demo.reflectance(0, 20)
    row, column, band = np.nonzero(demo.interpolated[:20])
    alone = ~demo.interpolated[row, column, band - 1] & ~demo.interpolated[row, column, band + 1]
    row, column, band = row[alone], column[alone], band[alone]
    assert len(row) > 100
    middle = (values[row, column, band - 1] + values[row, column, band + 1]) / 2
    assert np.allclose(values[row, column, band], middle, atol=1e-6)


def test_masked_pixels_are_there_and_do_not_count(contests):
    contest = contests["sam"]
    assert {"Cloud flag", "Dilated Cloud Flag"} <= set(contest.reasons)
    counted = sum(sum(row.values()) for decoys in (False, True) for row in contest.confusion(decoys).values())
    assert counted == contest.valid.sum() < len(contest.valid)


def test_the_truth_is_written_beside_the_granule(files, demo):
    for path, kind in ((files.patches, "Polygon"), (files.points, "Point")):
        features = json.loads(path.read_text())["features"]
        assert [f["id"] for f in features] == list(range(len(demo.patches)))
        assert {f["geometry"]["type"] for f in features} == {kind}
        assert [f["properties"]["material"] for f in features] == [p.cover.name for p in demo.patches]


def test_the_tables_hold_every_pixel_and_every_answer(contests, granule, demo, pixels, tmp_path):
    both = list(contests.values())
    with open(write_pixels(tmp_path / "pixels.csv", both), newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(pixels)
    right = [row["sam_answer"] == row["truth"] for row in rows if row["valid"] == "True"]
    with open(write_confusion(tmp_path / "confusion.csv", both), newline="") as file:
        cells = [row for row in csv.DictReader(file) if row["metric"] == "sam"]
    assert sum(int(c["valid_pixels"]) for c in cells) == len(right)
    assert sum(int(c["valid_pixels"]) for c in cells if c["truth"] == c["answer"]) == sum(right)
    with open(write_points(tmp_path / "points.csv", granule, demo.patches, demo.scene, ("sam",)), newline="") as file:
        assert len(list(csv.DictReader(file))) == 8 * len(demo.patches)


def test_the_printed_table_has_a_line_per_material(contests):
    table = contests["sam"].confusion()
    lines = as_text(table).splitlines()
    assert [line.split()[0] for line in lines[1:]] == [name.split()[0] for name in table]
    assert all(line.endswith("%") for line in lines[1:])


def test_a_drawn_line_stops_where_bands_are_left_out(granule, pixels, demo):
    pytest.importorskip("matplotlib", reason="the pictures need it")
    from demo import pictures

    kaolinite = np.array([demo.patches[i].cover is COVERS[0] for i in pixels.feature_id])
    seen = inspect(granule, pixels=pixels.take(kaolinite), reference=COVERS[0].counterpart)
    row = int(np.flatnonzero(seen.spectra.pixel_valid)[0])
    figure, axes = pictures.plt.subplots()
    pictures._draw_pixel(axes, seen, row, COVERS[0])
    for line in axes.get_lines():
        assert np.isnan(line.get_ydata()[~seen.spectra.valid[row]]).all()
    assert len(axes.patches) == (~seen.scored.used[row]).sum() >= 41  # one shade per band left out
    pictures.plt.close(figure)
