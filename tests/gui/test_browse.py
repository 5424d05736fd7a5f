"""Browse pictures of the archive: fetched within limits, and placed on the map by their scene's outline."""

from __future__ import annotations

import struct
import zlib
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("qgis.core")
pytest.importorskip("shapely")

import shapely
from osgeo import gdal
from pixel_spectra.adapters.browse import fetch_picture, picture_name, place_footprint, place_picture
from pixel_spectra.core.archive.archives import ARCHIVES
from pixel_spectra.core.archive.browse import MOST_BYTES, outline, raw_corners
from pixel_spectra.core.errors import ArchiveError, OutputError

REAL = shapely.Polygon([(147.714, -35.5217), (146.3919, -36.4701), (146.8752, -37.1439), (148.1973, -36.1954)])
"""Outline of a real scene of 2176 lines, in the order of its record."""
SEEN = partial(raw_corners, outline(REAL), ARCHIVES["EMIT"].orbit)
"""Where the corners of a picture of it are."""
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def png(array):
    """The bytes of a PNG of (rows, columns, 1, 3 or 4), written here: no library of the product is asked."""
    rows, columns, bands = array.shape
    kind = {1: 0, 3: 2, 4: 6}[bands]
    lines = b"".join(b"\0" + line.tobytes() for line in np.ascontiguousarray(array, np.uint8))

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", columns, rows, 8, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def quarters(rows=200, columns=100):
    """First lines red (left) and green (right), last lines blue and white."""
    array = np.empty((rows, columns, 3), np.uint8)
    array[: rows // 2, : columns // 2], array[: rows // 2, columns // 2:] = RED, GREEN
    array[rows // 2:, : columns // 2], array[rows // 2:, columns // 2:] = BLUE, WHITE
    return array


def colour_at(path, lon, lat):
    """The colour at a place; None where there is nothing."""
    dataset = gdal.Open(str(path))
    x0, dx, _, y0, _, dy = dataset.GetGeoTransform()
    column, row = int((lon - x0) / dx), int((lat - y0) / dy)
    values = dataset.ReadAsArray(column, row, 1, 1)[:3, 0, 0]
    return None if (values == 0).all() else tuple(np.where(values == 1, 0, values).tolist())


def between(*corners):
    return tuple(np.mean(corners, axis=0))


class Server:
    """Answers with the same bytes, and keeps what it was asked."""

    def __init__(self, data):
        self.data, self.asked = data, []

    def page(self, url, *, limit):
        self.asked.append((url, limit))
        return SimpleNamespace(data=self.data)


# ---- fetching


def test_a_picture_is_fetched_within_a_limit():
    server = Server(png(quarters(4, 4)))
    assert fetch_picture("https://host/a.png", server) == server.data
    assert server.asked == [("https://host/a.png", MOST_BYTES)]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "s3://bucket/a.png", "/etc/passwd", ""])
def test_only_web_addresses_are_fetched(url):
    server = Server(b"")
    with pytest.raises(ArchiveError, match="is no web address"):
        fetch_picture(url, server)
    assert server.asked == []


def test_what_is_no_picture_is_refused_without_its_query():
    with pytest.raises(ArchiveError) as caught:
        fetch_picture("https://host/a.png?Signature=abc", Server(b"<html>sign in</html>"))
    assert str(caught.value) == "The browse picture 'https://host/a.png' is neither PNG nor JPEG."


@pytest.mark.parametrize(("url", "start"), [
    ("https://host/x/EMIT_L2A_RFL_001.png?Signature=abc", "EMIT_L2A_RFL_001-"),
    ("https://host/x/..%2f..%2fevil.png", "2f2fevil-"), ("https://host/§.png", "scene-")])
def test_names_of_pictures_hold_nothing_of_an_address_but_letters(url, start):
    name = picture_name(url, "1")
    assert name.startswith(start) and name.endswith("-1.tif") and "/" not in name and "abc" not in name
    assert picture_name(url.partition("?")[0], "1") == name


# ---- placing


def test_a_picture_as_the_sensor_saw_it_is_turned_into_its_outline(tmp_path):
    place_picture(png(quarters()), REAL, tmp_path / "a.tif", SEEN)
    first, first_last, last, last_first = SEEN((200, 100))
    middle = between(first, last)
    for corner, colour in ((first, RED), (first_last, GREEN), (last, WHITE), (last_first, BLUE)):
        assert colour_at(tmp_path / "a.tif", *between(corner, middle)) == colour
    assert colour_at(tmp_path / "a.tif", 146.45, -35.6) is None


def test_known_corners_come_before_the_outline(tmp_path):
    corners = [(10, 1), (11, 1), (11, 0), (10, 0)]
    place_picture(png(quarters()), REAL, tmp_path / "a.tif", lambda _: corners)
    assert colour_at(tmp_path / "a.tif", 10.25, 0.75) == RED and colour_at(tmp_path / "a.tif", 10.75, 0.25) == WHITE


@pytest.mark.parametrize("bands", [3, 4])
def test_a_picture_with_empty_corners_is_on_the_map_already(tmp_path, bands):
    array = np.zeros((100, 100, bands), np.uint8)
    array[20:80, 20:80, :3] = GREEN
    if bands == 4:
        array[20:80, 20:80, 3] = 255
    place_picture(png(array), shapely.Polygon([(0, 0), (2, 1), (1, 3), (-1, 2)]), tmp_path / "a.tif", SEEN)
    assert colour_at(tmp_path / "a.tif", 0.5, 1.5) == GREEN
    assert colour_at(tmp_path / "a.tif", -0.9, 2.9) is None


def test_dark_ground_is_not_taken_for_nothing(tmp_path):
    array = quarters()
    array[90:110, 40:60] = 0
    place_picture(png(array), REAL, tmp_path / "a.tif", lambda _: [(10, 1), (11, 1), (11, 0), (10, 0)])
    assert gdal.Open(str(tmp_path / "a.tif")).ReadAsArray()[:, -1, 0].min() >= 1
    assert colour_at(tmp_path / "a.tif", 10.5, 0.5) == (0, 0, 0)


def test_grey_pictures_are_shown_too(tmp_path):
    place_picture(png(np.full((10, 10, 1), 77, np.uint8)), REAL, tmp_path / "a.tif", SEEN)
    assert colour_at(tmp_path / "a.tif", *REAL.centroid.coords[0]) == (77, 77, 77)


def test_a_footprint_stands_for_a_scene_without_picture(tmp_path):
    place_footprint(REAL, tmp_path / "a.tif")
    assert colour_at(tmp_path / "a.tif", *REAL.centroid.coords[0]) == (70, 130, 200)
    assert colour_at(tmp_path / "a.tif", 146.45, -35.6) is None
    assert gdal.Open(str(tmp_path / "a.tif")).RasterCount == 4


# ---- what is refused


def bomb():
    """A picture of 60 000 x 60 000 pixels in few bytes."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    return b"\x89PNG\r\n\x1a\n" + chunk + png(np.zeros((2, 2, 3)))[33:]


@pytest.mark.parametrize(("data", "said"), [
    (bomb(), "60000 x 60000 pixels"),
    (b"\x89PNG\r\n\x1a\n and then nothing", "it is broken off, or no PNG or JPEG"),
    (b"\xff\xd8\xff broken", "it is broken off, or no PNG or JPEG")])
def test_what_cannot_be_decoded_is_refused_and_leaves_no_file(tmp_path, data, said):
    with pytest.raises(ArchiveError, match=said):
        place_picture(data, REAL, tmp_path / "a.tif", SEEN)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        place_footprint(REAL, tmp_path / "file" / "a.tif")
