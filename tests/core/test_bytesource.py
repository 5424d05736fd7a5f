"""Positional reads: exact ranges, no lock, and no bytes of a file that was replaced."""

import os
import pickle
from pathlib import Path

import pytest
from pixel_spectra.core.errors import GranuleError, OutputError, SourceChanged
from pixel_spectra.core.io import atomic, bytesource
from pixel_spectra.core.io.atomic import replacing, replacing_all
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


def test_ranges_in_one_piece(source):
    assert bytes(source.read_joined([(7, 3), (0, 2), (4, 1)])) == b"789014"
    assert source.read_joined([(3, 2)]) == b"34"


def test_one_piece_where_the_system_cannot_read_into_place(source, monkeypatch):
    monkeypatch.setattr(bytesource, "_preadv", None)
    assert source.read_joined([(7, 3), (0, 2)]) == b"78901"


def test_one_piece_beyond_the_end_says_truncated(source):
    with pytest.raises(GranuleError, match=r"ten.bin' is truncated: 5 bytes are missing at offset 8"):
        source.read_joined([(0, 2), (8, 5)])


def test_nobody_writes_into_what_was_read(source):
    with pytest.raises(TypeError):
        source.read_joined([(7, 3), (0, 2)])[0] = 1


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


@pytest.fixture(params=["links", "no links"])
def refusing(request, monkeypatch):
    """A callable after which nothing can take the place of a name; on a file system with and without links."""
    if request.param == "no links":
        monkeypatch.setattr(os, "link", _refuse)
    real = os.replace

    def refuse(name):
        monkeypatch.setattr(os, "replace", lambda part, target: (
            _refuse(str(part)) if os.path.basename(target) == name and ".part" in str(part) else real(part, target)))

    return refuse


def _refuse(path="", *_, **__):
    raise PermissionError(13, "Permission denied", str(path))


@pytest.mark.parametrize("last", ["b.txt", "c.txt"])
def test_files_that_belong_together_appear_all_or_none(tmp_path, refusing, last):
    names = ("a.txt", "b.txt", "c.txt")
    for name in names[:2]:
        (tmp_path / name).write_text("before")
    refusing(last)
    with pytest.raises(OutputError, match=f"{last}' cannot be written: Permission denied"):
        with replacing_all(*(tmp_path / name for name in names)) as parts:
            for part in parts:
                part.write_text("after")
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a.txt": "before", "b.txt": "before"}
    refusing("none")
    with replacing_all(*(tmp_path / name for name in names)) as parts:
        for part in parts:
            part.write_text("after")
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == dict.fromkeys(names, "after")


def test_a_folder_that_stands_in_the_way_stays(tmp_path):
    """Whatever is undone, nothing of the user's is."""
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "kept.txt").write_text("kept")
    for part in ("part_a", "part_b", "part_c"):
        (tmp_path / part).write_text("new")
    with pytest.raises(OSError):
        atomic.replace_all([(tmp_path / f"part_{n}", tmp_path / n) for n in "abc"])
    assert not (tmp_path / "a").exists() and (tmp_path / "b" / "kept.txt").read_text() == "kept"


def test_a_temporary_file_that_cannot_be_removed_does_not_hide_the_error(tmp_path, monkeypatch):
    """As on Windows, where somebody still holds it open."""
    monkeypatch.setattr(Path, "unlink", _refuse)
    with pytest.raises(OutputError, match="a.txt' cannot be written: No space left"):
        with replacing(tmp_path / "a.txt") as temporary:
            temporary.write_text("half")
            raise OSError(28, "No space left on device")


@pytest.mark.parametrize("errno", [0, 2])
def test_the_sentence_names_the_file_that_was_asked_for(tmp_path, errno):
    """Arrow puts the name of what it writes into its text."""
    with pytest.raises(OutputError) as caught:
        with replacing_all(tmp_path / "a.txt", tmp_path / "b.txt") as (temporary, _):
            text = f"Failed to open local file '{temporary}'"
            raise OSError(errno, text) if errno else OSError(text)
    assert str(caught.value).startswith(f"'{tmp_path / 'a.txt'}' cannot be written: ")
    assert ".part" not in str(caught.value)
