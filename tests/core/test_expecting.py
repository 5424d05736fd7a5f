"""What a granule tells its source ahead: everything one click needs is told before it is read, in few ranges."""

import numpy as np
import pytest
import shapely
from pixel_spectra.core.aoi import PixelSet
from pixel_spectra.core.inspection import inspect
from pixel_spectra.core.io.bytesource import FileSource
from pixel_spectra.core.progress import NO_PROGRESS, Share, listener, listening
from pixel_spectra.core.sensors import open_granule

from granules import Scene, lonlat, write_granule

SCENE = Scene(downtrack=120, crosstrack=90)
ROW_BYTES = 90 * 8


class FarSource(FileSource):
    """A file that is treated as if it were far away, and that notes what it is told and asked."""

    gap = 50_000

    def __init__(self, path):
        super().__init__(path)
        self.told, self.asked = [], []

    def expect(self, ranges, lasting=False):
        self.told.append((list(ranges), lasting))

    def read_ranges(self, ranges):
        self.asked.append(list(ranges))
        return super().read_ranges(ranges)

    def read_joined(self, ranges):
        return b"".join(self.read_ranges(ranges))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_granule(tmp_path_factory.mktemp("g"), SCENE)


@pytest.fixture
def far(files):
    sources = {}

    def opener(path):
        return sources.setdefault(str(path), FarSource(path))

    granule = open_granule(files.reflectance, files.mask, files.uncertainty, opener=opener)
    return granule, sources[str(files.reflectance)]


def point(row, column):
    return shapely.Point(*lonlat(SCENE, row, column))


def test_a_far_granule_shows_the_same_pixel_as_a_near_one(files, far):
    near = inspect(open_granule(files.reflectance, files.mask), point(40.3, 60.2))
    seen = inspect(far[0], point(40.3, 60.2))
    assert (seen.pixels.downtrack[0], seen.pixels.crosstrack[0]) == (40, 60)
    np.testing.assert_array_equal(seen.spectra.values, near.spectra.values)
    np.testing.assert_array_equal(seen.spectra.reason, near.spectra.reason)


def test_both_coordinates_of_a_place_are_told_together_before_they_are_read(far):
    granule, source = far
    inspect(granule, point(40, 60), mask="good_bands")
    source.told.clear()
    source.asked.clear()
    inspect(granule, point(80, 20), mask="good_bands")
    centres = [ranges for ranges, lasting in source.told if not lasting]
    assert len(centres[0]) == 2  # one stretch of longitudes, one of latitudes
    lon, lat = (granule.geolocation._glt.lon.layout.offset, granule.geolocation._glt.lat.layout.offset)
    for (offset, length), start in zip(centres[0], (lon, lat)):
        assert start <= offset < offset + length <= start + 120 * ROW_BYTES
        assert length <= 4 * ROW_BYTES  # the lines of the four cells round the click, and one on either side
    told = {part for ranges, _ in source.told for part in ranges}
    for ranges in source.asked[:-1]:
        assert all(any(a <= offset and offset + length <= a + n for a, n in told) for offset, length in ranges)
    assert source.asked[-1][0][1] == 285 * 4  # and then the spectrum itself


def test_the_tables_worth_keeping_are_the_glt(far):
    granule, source = far
    inspect(granule, point(40, 60), mask="good_bands")
    chunks = {(chunk.offset, chunk.length) for array in (granule.geolocation._glt.x, granule.geolocation._glt.y)
              for chunk in array.layout.index.values()}
    assert {part for ranges, lasting in source.told if lasting for part in ranges} <= chunks


def test_neighbours_are_told_with_their_centres(far):
    granule, source = far
    seen = inspect(granule, point(40, 60), mask="good_bands")
    source.told.clear()
    granule.prefetch(seen.pixels)
    cube = granule._cube.layout.offset
    spectra = [part for ranges, _ in source.told for part in ranges if part[0] >= cube]
    first = cube + (36 * 90 + 56) * 1140  # 9 x 9 pixels round (40, 60): nearer than the gap, the lines come as one
    assert spectra[0][0] == first and sum(spectra[-1]) == cube + (44 * 90 + 65) * 1140
    assert len(source.told) == 3 and source.told[1][1]  # and the whole GLT, for clicks elsewhere


def test_the_spectra_of_a_small_area_are_told_with_its_centres(far):
    granule, source = far
    inspect(granule, point(40, 60), mask="good_bands")
    source.told.clear()
    square = shapely.Polygon([lonlat(SCENE, r, c) for r, c in ((60, 30), (60, 36), (66, 36), (66, 30))])
    seen = inspect(granule, square, mask="good_bands")
    cube = granule._cube.layout.offset
    first = next(ranges for ranges, lasting in source.told if not lasting)
    assert first[0][0] >= cube  # before any centre is read
    told = [(offset, offset + length) for offset, length in first]
    needed = [cube + (r * 90 + c) * 1140 for r, c in zip(seen.pixels.downtrack, seen.pixels.crosstrack)]
    assert all(any(a <= byte < b for a, b in told) for byte in needed)


def test_nothing_is_fetched_ahead_of_a_wide_area_or_of_no_pixel(far):
    granule, source = far
    source.told.clear()
    granule.prefetch(PixelSet.at([3, 60], [5, 5]))
    granule.prefetch(PixelSet.nowhere("off the swath"))
    assert source.told == []


def test_a_file_at_hand_is_told_nothing(files, monkeypatch):
    monkeypatch.setattr(FileSource, "expect", lambda *_: pytest.fail("told"))
    granule = open_granule(files.reflectance)
    granule.prefetch(inspect(granule, point(40, 60)).pixels)


def test_who_listens_is_known_within_the_block_and_forgotten_after_it():
    part = Share(NO_PROGRESS, 0.0, 0.5)
    with listening(part):
        assert listener() is part
    assert listener() is NO_PROGRESS
