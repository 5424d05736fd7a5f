"""Positional reads: exact ranges, no lock, and no bytes of a file that was replaced."""

import os
import pickle

import pytest
from pixel_spectra.core.errors import GranuleError, OutputError, SourceChanged
from pixel_spectra.core.io import bytesource
from pixel_spectra.core.io.atomic import replacing
from pixel_spectra.core.io.bytesource import FileSource


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "ten.bin"
    path.write_bytes(b"0123456789")
    return FileSource(path)


def test_ranges_come_in_the_order_asked(source):
    assert source.read_ranges([(7, 3), (0, 2), (4, 0)]) == [b"789", b"01", b""]


def test_many_ranges(source):
    assert b"".join(source.read_ranges([(k % 10, 1) for k in range(40)])) == b"0123456789" * 4


def test_reading_without_pread_as_on_windows(source, monkeypatch):
    monkeypatch.setattr(bytesource, "_pread", bytesource._seek_and_read)
    assert source.read_ranges([(7, 3), (0, 2)]) == [b"789", b"01"]


def test_a_read_beyond_the_end_says_truncated(source):
    with pytest.raises(GranuleError, match=r"ten.bin' is truncated: 5 bytes are missing at offset 8"):
        source.read_ranges([(8, 5)])


def test_no_handle_stays_open(source):
    source.read_ranges([(0, 1)])
    held = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _links(fd)]
    assert not [name for name in held if name.endswith("ten.bin")]


def _links(fd):
    return os.path.islink(f"/proc/self/fd/{fd}")


def test_a_replaced_file_is_refused(source, tmp_path):
    other = tmp_path / "other.bin"
    other.write_bytes(b"9876543210")
    os.replace(other, source.path)
    with pytest.raises(SourceChanged, match="was replaced or changed while open"):
        source.read_ranges([(0, 1)])


def test_a_file_written_again_is_refused(source):
    source.path.write_bytes(b"01234567890")
    with pytest.raises(SourceChanged, match="open it again"):
        source.open()


def test_a_removed_file_is_refused(source):
    source.path.unlink()
    with pytest.raises(SourceChanged, match="was removed"):
        source.read_ranges([(0, 1)])


@pytest.mark.parametrize("name", ["missing.bin", "."])
def test_what_is_no_file_is_refused(tmp_path, name):
    with pytest.raises(GranuleError):
        FileSource(tmp_path / name)


def test_a_source_can_be_pickled(source):
    assert pickle.loads(pickle.dumps(source)).read_ranges([(1, 2)]) == [b"12"]


def test_an_output_appears_whole(tmp_path):
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("whole")
        assert not (tmp_path / "a.txt").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_failed_output_leaves_what_was_there(tmp_path):
    (tmp_path / "a.txt").write_text("before")
    with pytest.raises(OutputError, match="a.txt' cannot be written: No space left"):
        with replacing(tmp_path / "a.txt") as temporary:
            temporary.write_text("half")
            raise OSError(28, "No space left on device")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "before"


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(OutputError, match="choose a folder that exists"):
        with replacing(tmp_path / "no" / "a.txt") as temporary:
            temporary.write_text("x")


def test_only_a_file_is_ever_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", tmp_path):
        with pytest.raises(OutputError, match="is not a file that can be written"):
            with replacing(place):
                raise AssertionError("nothing may be written")


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real.txt").write_text("before")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    with replacing(tmp_path / "link.txt") as temporary:
        temporary.write_text("after")
    assert (tmp_path / "real.txt").read_text() == "after" and (tmp_path / "link.txt").is_symlink()
