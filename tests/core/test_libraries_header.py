"""The ENVI header: every key, typed access, and every refusal."""

from __future__ import annotations

import numpy as np
import pytest
from pixel_spectra.core.errors import GranuleError
from pixel_spectra.core.io.envi import header_file, read_header

from shared_files import shared_file

REAL = [
    "envi_sli/library_berlin.hdr",
    "emit_aux/surface_Liquids.hdr",
    "emit_real/emit20250324t221005_jpl_unmix_ex.hdr",
    "usgs_splib06_aviris18_envi/s06av18a_envi.hdr",
]


@pytest.fixture
def header(tmp_path):
    """A callable: the header of this text."""

    def write(text):
        path = tmp_path / "cube.hdr"
        path.write_text(text)
        return read_header(path)

    return write


@pytest.mark.parametrize("relative", REAL)
def test_real_headers_read_as_spy_reads_them(relative):
    envi = pytest.importorskip("spectral.io.envi")
    path = shared_file(relative)
    theirs, ours = envi.read_envi_header(str(path)), read_header(path)
    assert set(ours.fields) == set(theirs)
    for key, value in theirs.items():
        if key == "description":
            continue
        if isinstance(value, list):
            assert list(ours.items(key)) == [" ".join(item.split()) for item in value], key
        else:
            assert ours.text(key) == value, key


def test_the_real_cube_in_numbers():
    ours = read_header(shared_file("emit_real/emit20250324t221005_jpl_unmix_ex.hdr"))
    assert ours.shape == (10, 10, 285)
    assert (ours.dtype, ours.text("interleave"), ours.number("data ignore value")) == (np.dtype("<f4"), "bil", -9999.0)
    assert ours.numbers("wavelength")[0] == 381.0055927
    assert int(ours.numbers("bbl").sum()) == 244
    assert ours.data_file() == ours.path.with_suffix("")
    assert header_file(ours.data_file()) == ours.path


def test_keys_are_lower_case_lists_are_parsed_and_comments_skipped(header):
    ours = header(
        "ENVI\n; a comment = no\nData  Type=4\nFWHM = { 1 ,\n 2.5, 3 , }\nmap info = {UTM, 1, 2}\nnote = a = b\n"
    )
    assert ours.fields == {
        "data type": "4",
        "fwhm": ("1", "2.5", "3"),
        "map info": ("UTM", "1", "2"),
        "note": "a = b",
    }
    np.testing.assert_array_equal(ours.numbers("fwhm"), [1.0, 2.5, 3.0])
    assert (ours.text("map info"), ours.items("note"), ours.integer("data type")) == ("UTM, 1, 2", ("a = b",), 4)
    assert (ours.text("none", "x"), ours.integer("none", 3), ours.number("none", 0.5)) == ("x", 3, 0.5)
    assert "fwhm" in ours and "none" not in ours


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not an ENVI header; its first line must be 'ENVI'"),
        ("samples = 3\n", "not an ENVI header"),
        ("ENVI\nwavelength = {1, 2\nfwhm = {3, 4}\n", "the list of the key 'wavelength' is not closed"),
        ("ENVI\nwavelength = {1, 2}}\n", "the braces of the key 'wavelength' do not match"),
        ("ENVI\nwavelength = {1, 2} nm\n", "the braces of the key 'wavelength' do not match"),
        ("ENVI\nlines = 1\nlines = 2\n", "the key 'lines' occurs twice with different values"),
    ],
)
def test_a_malformed_header_is_refused(header, text, message):
    with pytest.raises(GranuleError, match=message) as caught:
        header(text)
    assert "cube.hdr" in str(caught.value)


def test_the_same_value_twice_is_no_matter(header):
    assert header("ENVI\nlines = 1\nLines = 1\n").integer("lines") == 1


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda h: h.text("none"), "has no key 'none'"),
        (lambda h: h.number("name"), "the key 'name' holds 'x', which is not a number"),
        (lambda h: h.integer("half"), "the key 'half' holds '1.5'"),
        (lambda h: h.shape, "the key 'samples' is -1"),
        (lambda h: h.dtype, "the data type 99 is not supported; the known ones are 1, 2, 3, 4, 5, 12"),
        (lambda h: h.data_file(), "its data file .'cube' or 'cube.sli'.* is not beside it"),
    ],
)
def test_a_value_that_is_missing_or_of_another_kind_is_refused(header, use, message):
    ours = header("ENVI\nname = x\nhalf = 1.5\nlines = 2\nsamples = -1\nbands = 1\ndata type = 99\n")
    with pytest.raises(GranuleError, match=message):
        use(ours)


def test_a_header_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(GranuleError, match="gone.hdr: the header cannot be read"):
        read_header(tmp_path / "gone.hdr")


@pytest.mark.parametrize("data", ["cube", "cube.img", "cube.SLI", "cube.dat"])
def test_header_and_data_find_each_other(tmp_path, header, data):
    ours = header("ENVI\n")
    (tmp_path / data).touch()
    assert ours.data_file() == tmp_path / data
    assert header_file(tmp_path / data) == ours.path
    assert header_file(ours.path) == ours.path


def test_a_header_named_after_the_whole_data_file(tmp_path):
    (tmp_path / "cube.img").touch()
    (tmp_path / "cube.img.hdr").write_text("ENVI\n")
    assert header_file(tmp_path / "cube.img") == tmp_path / "cube.img.hdr"
    assert read_header(tmp_path / "cube.img.hdr").data_file() == tmp_path / "cube.img"
    assert header_file(tmp_path / "other.img") is None
