"""Bytes of remote files on disk: for one user, bounded, whole or not at all, and only of the state they belong to."""

import errno
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pixel_spectra.core.archive.cache import DiskCache

URL = "https://data.example.org/secret-name/granule.nc"
STATE = (URL, '"etag-1"', 1000)


def files(folder):
    return [path for path in Path(folder).rglob("*") if path.is_file()]


@pytest.fixture
def cache(tmp_path):
    return DiskCache(tmp_path / "cache")


def test_nothing_is_made_before_there_is_something_to_keep(cache):
    assert cache.shelf(*STATE).spans() == []
    assert not cache.knows(URL)
    assert not cache.folder.exists()


def test_bytes_come_back_in_another_session(cache):
    cache.shelf(*STATE).write(100, b"abc")
    shelf = DiskCache(cache.folder).shelf(*STATE)
    assert shelf.spans() == [(100, 3)]
    assert shelf.read((100, 3)) == b"abc"
    assert shelf.read((100, 2)) is None


def test_the_address_is_the_same_however_it_is_signed(cache):
    cache.shelf(*STATE).write(0, b"abc")
    assert cache.shelf(f"{URL}?Signature=planted", *STATE[1:]).spans() == [(0, 3)]


def test_a_sidecar_is_kept_and_known(cache):
    cache.shelf(*STATE).write(0, b"abc")
    assert not cache.knows(URL)
    cache.shelf(*STATE).keep_sidecar(b"<Dataset/>")
    assert cache.knows(URL)
    assert cache.shelf(*STATE).sidecar() == b"<Dataset/>"


@pytest.mark.parametrize("etag, size", [('"etag-2"', 1000), ('"etag-1"', 1001)])
def test_another_state_of_the_file_drives_out_what_was_kept(cache, etag, size):
    cache.shelf(*STATE).write(0, b"abc")
    assert cache.shelf(URL, etag, size).spans() == []
    assert files(cache.folder) == []


def test_only_this_user_can_look(cache):
    before = os.umask(0)
    try:
        cache.shelf(*STATE).write(0, b"abc")
    finally:
        os.umask(before)
    folders = [cache.folder, *(path for path in cache.folder.rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}


def test_a_folder_that_was_opened_to_others_is_closed(cache):
    cache.shelf(*STATE).write(0, b"abc")
    room = cache.folder / "spans-1"
    room.chmod(0o755)
    cache.shelf(*STATE).read((0, 3))
    assert stat.S_IMODE(room.stat().st_mode) == 0o700


def test_names_tell_nothing(cache):
    cache.shelf(*STATE).write(0, b"abc")
    assert not [path for path in cache.folder.rglob("*") if "secret-name" in str(path) or "etag" in str(path)]


@pytest.mark.parametrize("spoil", [
    lambda path: path.write_bytes(path.read_bytes()[:-1]),
    lambda path: path.write_bytes(path.read_bytes()[:-1] + b"x"),
    lambda path: path.write_bytes(b""),
    lambda path: path.rename(path.with_name("1-3")),
])
def test_a_damaged_entry_is_no_entry(cache, spoil):
    shelf = cache.shelf(*STATE)
    shelf.write(0, b"abc")
    spoil(files(cache.folder)[0])
    assert [shelf.read(span) for span in [(0, 3), (1, 3)]] == [None, None]
    assert files(cache.folder) == []
    assert shelf.write(0, b"abc")
    assert shelf.read((0, 3)) == b"abc"


def test_names_that_are_no_entries_are_left_out(cache):
    shelf = cache.shelf(*STATE)
    shelf.write(0, b"abc")
    (files(cache.folder)[0].parent / "zz-1").write_bytes(b"")
    assert shelf.spans() == [(0, 3)]


def test_it_stays_within_its_limit_and_the_oldest_go_first(tmp_path):
    cache = DiskCache(tmp_path, limit_bytes=1000)
    shelf = cache.shelf(*STATE)
    for offset in range(20):
        shelf.write(offset, bytes(100))
        for age, path in enumerate(sorted(files(tmp_path), key=lambda path: -int(path.name.partition("-")[0], 16))):
            os.utime(path, (1e9 - age, 1e9 - age))
    assert cache.n_bytes <= 1000
    assert [offset for offset, _ in shelf.spans()] == list(range(20 - len(shelf.spans()), 20))


def test_an_entry_that_would_fill_it_is_not_kept(tmp_path):
    assert not DiskCache(tmp_path, limit_bytes=1000).shelf(*STATE).write(0, bytes(300))


def test_what_a_dead_process_left_is_removed(cache):
    shelf = cache.shelf(*STATE)
    shelf.write(0, b"abc")
    left = files(cache.folder)[0].with_name(".0-3.12345678.part")
    left.write_bytes(b"ab")
    os.utime(left, (1e9, 1e9))
    assert cache.n_bytes == 3 + 32
    assert not left.exists()


def test_clear_removes_ours_alone(cache):
    cache.shelf(*STATE).write(0, b"abc")
    other = cache.folder / "notes.txt"
    other.write_text("mine")
    cache.clear()
    assert files(cache.folder) == [other]
    assert cache.shelf(*STATE).write(0, b"abc")


def test_forget_removes_one_file(cache):
    cache.shelf(*STATE).write(0, b"abc")
    cache.shelf(f"{URL}2", *STATE[1:]).write(0, b"def")
    cache.forget(URL)
    assert cache.shelf(*STATE).spans() == []
    assert cache.shelf(f"{URL}2", *STATE[1:]).spans() == [(0, 3)]


def test_a_folder_that_cannot_be_made_is_said_once_and_reading_goes_on(tmp_path):
    (tmp_path / "file").write_text("")
    cache = DiskCache(tmp_path / "file" / "cache")
    shelf = cache.shelf(*STATE)
    assert not shelf.write(0, b"abc")
    assert not shelf.write(1, b"abc")
    assert shelf.read((0, 3)) is None
    assert cache.notices == (
        f"Nothing is kept for the next session in the cache folder '{tmp_path}/file/cache' (File exists); reading "
        "goes on without it: choose another folder in the settings.",)


def test_a_link_in_the_place_of_our_folder_is_not_followed(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "spans-1").symlink_to(other)
    cache = DiskCache(tmp_path / "cache")
    assert not cache.shelf(*STATE).write(0, b"abc")
    cache.clear()
    assert files(other) == [other / "notes.txt"]
    assert "belongs to somebody else" in cache.notices[0]


@pytest.mark.parametrize("use", [
    lambda cache: cache.shelf(*STATE), lambda cache: cache.shelf(URL, "another", 1), lambda cache: cache.forget(URL),
    lambda cache: cache.clear(), lambda cache: cache.shelf(*STATE).read((0, 3)),
    lambda cache: cache.shelf(*STATE).sidecar(), lambda cache: cache.shelf(*STATE).write(0, b"xyz")])
def test_what_lies_behind_a_link_is_neither_read_nor_removed(tmp_path, use):
    elsewhere = DiskCache(tmp_path / "elsewhere")
    elsewhere.shelf(*STATE).write(0, b"abc")
    elsewhere.shelf(*STATE).keep_sidecar(b"<Dataset/>")
    for path in files(elsewhere.folder):
        path.write_bytes(b"damaged")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "spans-1").symlink_to(elsewhere.folder / "spans-1")
    use(DiskCache(tmp_path / "cache"))
    assert [path.read_bytes() for path in files(elsewhere.folder)] == [b"damaged"] * 2
    assert not DiskCache(tmp_path / "cache").knows(URL)


def test_two_processes_share_it(cache):
    script = ("import sys\n"
              "from pixel_spectra.core.archive.cache import DiskCache\n"
              "shelf = DiskCache(sys.argv[1], 20_000).shelf(sys.argv[2], 'e', 1)\n"
              "for k in range(200):\n"
              "    shelf.write(k, bytes([k]) * 100)\n"
              "    data = shelf.read((k // 2, 100))\n"
              "    assert data in (None, bytes([k // 2]) * 100), data\n")
    runs = [subprocess.Popen([sys.executable, "-c", script, str(cache.folder), URL], stderr=subprocess.PIPE)
            for _ in range(2)]
    assert [run.communicate()[1] for run in runs] == [b"", b""]
    shelf = cache.shelf(URL, "e", 1)
    assert {shelf.read(span) for span in shelf.spans()} == {bytes([offset]) * 100 for offset, _ in shelf.spans()}


def test_it_travels_as_its_folder(cache):
    assert repr(pickle.loads(pickle.dumps(cache))) == repr(cache)


def test_a_full_disk_is_said_once_and_leaves_nothing_half(cache, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    shelf = cache.shelf(*STATE)
    monkeypatch.setattr(Path, "write_bytes", full)
    assert not shelf.write(0, b"abc")
    monkeypatch.undo()
    assert "the disk is full" in cache.notices[0]
    assert files(cache.folder) == []
