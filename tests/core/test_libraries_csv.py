"""Tables of text: separators, units, what is guessed and noted, and every refusal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pixel_spectra.core.errors import LibraryError
from pixel_spectra.core.libraries import open_library

from shared_files import shared_file


@pytest.fixture
def read(tmp_path):
    """A callable: the library in a file `quartz.csv` of this text (or bytes)."""

    def reader(content, name="quartz.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return open_library(path)

    return reader


def only(library):
    assert len(library) == 1
    return next(iter(library.values()))


@pytest.mark.parametrize(
    "text",
    [
        "wavelength_nm,reflectance\n400,0.1\n500,0.2\n600,0.35\n",
        "wavelength_nm, reflectance\r\n400, 0.1\r\n500, 0.2\r\n600, 0.35\r\n",
        "400,0.1\n500,0.2\n600,0.35",
        "400;0,1\n500;0,2\n600;0,35\n",
        "Wavelength (nm);Reflectance\n400,0;0,1\n500,0;0,2\n600,0;0,35\n",
        "400\t0.1\n500\t0.2\n600\t0.35\n",
        "400\t0,1\n500\t0,2\n600\t0,35\n",
        "   400   0.1\n   500   0.2\n   600   0.35\n",
        "400 0,1\n500 0,2\n600 0,35\n",
        "# a comment, with commas; and more\n400,0.1\n\n# another\n500,0.2\n600,0.35\n",
        "wavelength_um,reflectance\n0.4,0.1\n0.5,0.2\n0.6,0.35\n",
        "Wavelength (µm),Reflectance (%)\n0.4,10\n0.5,20\n0.6,35\n",
        "0.4 10\n0.5 20\n0.6 35\n",
        "micrometers,percent\n.4,10\n.5,20\n.6,35\n",
        "wavelength_nm,reflectance\n600,0.35\n400,0.1\n500,0.2\n",
        "wavelength_nm,reflectance\n400,0.1\n500,0.2\n500,0.2\n600,0.35\n",
        "wavelength_nm,reflectance,\n400,0.1,\n500,0.2,\n600,0.35,\n",
        "My quartz\nmeasured at home\nwavelength_nm,reflectance\n400,0.1\n500,0.2\n600,0.35\n",
        "index,wavelength_nm,reflectance,fwhm_nm\n1,400,0.1,8\n2,500,0.2,8\n3,600,0.35,8\n",
        '"wavelength_nm","reflectance"\n"400","0.1"\n"500","0.2"\n"600","0.35"\n',
        "4e2,1e-1\n5e2,2e-1\n6e2,3.5e-1\n",
        "400,1000\n500,2000\n600,3500\n",
        b"\xef\xbb\xbfwavelength_nm,reflectance\n400,0.1\n500,0.2\n600,0.35\n",
        "wavelength (µm);r\n0,4;0,1\n0,5;0,2\n0,6;0,35\n".encode("latin-1"),
        "wavelength_nm\treflectance\n400\t0.1\n500\t0.2\n600\t0.35\n".encode("utf-16"),
    ],
)
def test_one_spectrum_in_many_dresses(read, text):
    quartz = only(read(text))
    assert (quartz.id, quartz.name, quartz.source) == ("quartz", "quartz", "quartz.csv")
    np.testing.assert_allclose(quartz.wavelength_nm, [400.0, 500.0, 600.0], rtol=1e-12)
    np.testing.assert_allclose(quartz.reflectance, [0.1, 0.2, 0.35], rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        (
            "400,0.1\n500,0.2\n",
            (
                "wavelengths 400-500 taken as nanometres",
                "reflectance up to 0.2 taken as a fraction (0-1)",
                "columns separated by commas",
                "there is no header line",
            ),
        ),
        (
            "# mine\nnote\num;percent;fwhm\n0,5;20;1\n0,4;;1\n0,3;10;1\n0,3;10;1\n",
            (
                "wavelengths in micrometres, as the file says",
                "reflectance in percent, as the file says",
                "wavelengths were not in order: sorted",
                "1 repeated channels with equal values dropped",
                "columns left out: fwhm",
                "columns separated by semicolons",
                "1 lines above the table were not used",
                "1 values are missing",
            ),
        ),
    ],
)
def test_everything_that_was_assumed_is_noted(read, text, notes):
    assert only(read(text)).notes == notes


def test_several_columns_are_several_spectra_named_by_the_header(read):
    library = read("nm,Red Clay,Sand <45um\n400,10,30\n500,20,40\n")
    assert list(library) == ["red_clay", "sand_45um"]
    assert [r.name for r in library.values()] == ["Red Clay", "Sand <45um"]
    np.testing.assert_allclose(library["sand_45um"].reflectance, [0.3, 0.4])


def test_several_columns_without_a_header_are_numbered(read):
    assert list(read("400 0.1 0.3\n500 0.2 0.4\n")) == ["quartz_column_2", "quartz_column_3"]


def test_a_header_in_a_comment_names_the_columns(read):
    assert list(read("# wvl  clay  sand\n400 0.1 0.3\n500 0.2 0.4\n")) == ["clay", "sand"]


def test_columns_named_by_numbers_are_spectra_when_the_first_is_a_wavelength(read):
    assert list(read("wavelength,1,2\n400,0.1,0.3\n500,0.2,0.4\n")) == ["1", "2"]


@pytest.mark.parametrize("cell", ["", "NaN", "nan", "NA", "n/a", "-", "-9999", "-1.23e34"])
def test_a_missing_value_stays_missing(read, cell):
    quartz = only(read(f"400,0.1\n500,{cell}\n600,0.3\n"))
    np.testing.assert_allclose(quartz.reflectance, [0.1, np.nan, 0.3])
    assert "1 values are missing" in quartz.notes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "quartz.csv: the file is empty"),
        ("# only\n\n", "quartz.csv: the file is empty"),
        ("wavelength_nm,reflectance\n", "no line of numbers in it; it needs the columns wavelength_nm, reflectance"),
        ("0.1\n0.2\n0.3\n", "there is one column; a reference needs two"),
        ("reflectance\n0.1\n0.2\n", "there is one column; a reference needs two"),
        ("400,0.1\n500,abc\n600,0.3\n", "quartz.csv, line 2: 'abc' is not a number"),
        ("wavelength_nm,reflectance\n400,abc\n500,0.2\n600,0.3\n", "line 2: 'abc' is not a number"),
        ("4OO,0.1\n500,0.2\n600,0.3\n", "line 1: '4OO' is not a number"),
        ("400,0.1\n5x0,0.2\n600,0.3\n", "line 2: '5x0' is not a number"),
        ("400,0.1\n500,0.2\ntotal,0.3\n", "line 3: 'total' is not a number"),
        ("400,0.1\n500,0.2,0.3\n600,0.3\n", "line 2: there are 3 columns where 2 are expected"),
        ("400;0,1\n500;0.2\n600;0,3\n", "line 1: '0,1' has a comma where other numbers have a decimal point"),
        ("400,0.1\nnan,0.2\n600,0.3\n", "the wavelength nan is not a positive, finite number"),
        ("400,0.1\ninf,0.2\n600,0.3\n", "the wavelength inf is not a positive, finite number"),
        ("0,0.1\n400,0.2\n", "the wavelength 0 is not a positive, finite number"),
        ("400,0.1\n500,0.2\n500,0.3\n", "wavelength 500 nm occurs twice with different values; keep one"),
        ("400,0.1\n400,0.1\n", "at least two channels; there is one, at 400 nm"),
        ("400,0.1\n", "at least two channels"),
        ("400,nan\n500,\n", "no valid reflectance value"),
        ("nm,a,b\n400,0.1,\n500,0.2,\n", "the column 'b' holds no reflectance"),
        ("400,99999\n500,2\n", "the value 99999 is no reflectance"),
        ("50,0.1\n500,0.2\n", "unit of the wavelengths 50 to 500 cannot be told; name it in the header"),
        ("wavelength_nm,r\n0.4,0.1\n0.5,0.2\n", "cannot be in the unit that the file names .'wavelength_nm'"),
        ("wavelength_um,r\n400,0.1\n500,0.2\n", "cannot be in the unit that the file names .'wavelength_um'"),
        ("wavenumber (cm-1),r\n4000,0.1\n5000,0.2\n", "is not supported; give nanometres or micrometres"),
        ("wl_a,k_a,wl_b,k_b\n400,0.1,500,0.1\n500,0.2,600,0.2\n", r"several columns hold wavelengths \(wl_a, wl_b\)"),
        ("wavelength,fwhm\n400,8\n500,8\n", "no column of reflectance beside the wavelengths"),
        (b"\x00\x01\x02", "neither text nor the data of an ENVI library"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_one_sentence(read, text, message):
    with pytest.raises(LibraryError, match=message) as caught:
        read(text)
    assert "quartz.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_real_tables_that_are_no_references_are_problems_of_their_folder():
    problems = " ".join(open_library(shared_file("emit_aux")).problems)
    assert "emit_l2a_285_wavelength_fwhm_bbl.csv: there is no column of reflectance" in problems
    assert "k_liquid_water_ice.csv: several columns hold wavelengths" in problems


@settings(max_examples=60, deadline=None)
@given(
    nm=st.lists(st.integers(3500, 25000), min_size=2, max_size=30, unique=True),
    scale=st.sampled_from([1, 100]),
    micro=st.booleans(),
    separator=st.sampled_from([",", ";", "\t", " "]),
    seed=st.integers(0, 2**31),
)
def test_what_was_written_is_read_whatever_the_dress(tmp_path_factory, nm, scale, micro, separator, seed):
    values = np.random.default_rng(seed).uniform(0.03, 1.0, len(nm)).round(6)
    unit, per = ("um", 10000.0) if micro else ("nm", 10.0)
    lines = [f"wavelength_{unit}{separator}{'percent' if scale == 100 else 'reflectance'}"]
    lines += [f"{x / per!r}{separator}{float(y * scale)!r}" for x, y in zip(nm, values)]
    path = tmp_path_factory.mktemp("csv") / "x.txt"
    path.write_text("\n".join(lines))
    reference = only(open_library(path))
    order = np.argsort(nm)
    np.testing.assert_allclose(reference.wavelength_nm, np.array(nm)[order] / 10.0, rtol=1e-12)
    np.testing.assert_allclose(reference.reflectance, values[order], rtol=1e-12)


@pytest.mark.parametrize("missing", ["-9999", "-9999.00", "-32768", "-999", "-1.23e34", "nan"])
def test_a_missing_value_is_never_a_reflectance(tmp_path, missing):
    (tmp_path / "a.csv").write_text(f"wavelength_nm,reflectance\n400,0.1\n410,{missing}\n420,0.3\n")
    reflectance = next(iter(open_library(tmp_path / "a.csv").values())).reflectance
    assert np.isnan(reflectance[1]) and reflectance[[0, 2]].tolist() == [0.1, 0.3]


@pytest.mark.parametrize("bad", ["x" * 200_000 + ",1", "\u00a0", "\u3000"])
def test_a_strange_file_in_a_folder_does_not_end_it(tmp_path, bad):
    (tmp_path / "good.csv").write_text("wavelength_nm,reflectance\n400,0.1\n410,0.2\n420,0.3\n")
    (tmp_path / "bad.csv").write_text(f"wavelength_nm,reflectance\n{bad}\n{bad}\n", encoding="utf-8")
    library = open_library(tmp_path)
    assert list(library) == ["good"]
