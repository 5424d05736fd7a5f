"""USGS, ECOSTRESS and ENVI libraries: real files against an independent reading, and every refusal."""

from __future__ import annotations

import numpy as np
import pytest
from pixel_spectra.core.errors import LibraryError
from pixel_spectra.core.libraries import open_library
from pixel_spectra.core.libraries.usgs import spectrometer

from shared_files import shared_file

# --- USGS -----------------------------------------------------------------------------------------------


def test_the_usgs_folder_reads_as_numpy_reads_it():
    place = shared_file("usgs_splib07a")
    library = open_library(place)
    assert len(library) == 40 and library.problems == ()
    nm = {
        n: np.loadtxt(next(place.glob(f"*_Wavelengths_{name}_*")), skiprows=1) * 1000.0
        for n, name in ((2151, "ASD"), (480, "BECK"))
    }
    for path in place.glob("Chapter*/*.txt"):
        raw = np.loadtxt(path, skiprows=1)
        reference = next(r for r in library.values() if path.name in r.source)
        np.testing.assert_array_equal(reference.wavelength_nm, nm[raw.size])
        np.testing.assert_array_equal(reference.reflectance, np.where(raw < -1e30, np.nan, raw))


def test_a_single_usgs_file_finds_its_wavelengths_in_the_folder_above():
    path = shared_file("usgs_splib07a/ChapterM_Minerals/splib07a_Kaolinite_CM9_BECKb_AREF.txt")
    library = open_library(path)
    kaolinite = library["kaolinite_cm9_beckb"]
    assert kaolinite.name == "Kaolinite CM9 BECKb AREF"
    assert kaolinite.source == "USGS splib07a record 5976 (splib07a_Kaolinite_CM9_BECKb_AREF.txt)"
    assert "14 deleted channels left missing" not in kaolinite.notes
    assert kaolinite.notes == (
        "wavelengths in micrometres, as the file says, from splib07a_Wavelengths_BECK_Beckman_0.2-3.0_microns.txt",
        "10 deleted channels left missing",
    )


def test_a_resampled_usgs_library_takes_the_wavelengths_of_its_bands():
    library = open_library(shared_file("usgs_splib07b_rsLandsat8"))
    assert len(library) == 12
    kaolinite = library["kaolinite_cm9_asdngb"]
    expected = [0.65722924, 0.68942589, 0.73490423, 0.74596071, 0.75769109, 0.7794379, 0.38232988]
    np.testing.assert_array_equal(kaolinite.reflectance, expected)
    assert kaolinite.wavelength_nm[0] == pytest.approx(442.99144)


@pytest.mark.parametrize(
    ("title", "code"),
    [
        ("Kaolinite CM9 BECKb AREF", "BECK"),
        ("Alunite HS295.3B ASDFRa AREF", "ASDFR"),
        ("Quartz GDS31 NIC4bbb RREF", "NIC4"),
        ("Rangeland L02 AVIRISb RTGC", "AVIRIS"),
        ("Thing", ""),
    ],
)
def test_the_spectrometer_stands_in_the_title(title, code):
    assert spectrometer(title) == code


def usgs_folder(place, values="0.1\n0.2\n-1.23e34\n", wavelengths="0.4\n0.5\n0.6\n", title="Quartz Q1 BECKa AREF"):
    (place / "q.txt").write_text(f" splib07a Record=7: {title}\n{values}")
    if wavelengths:
        (place / "Wavelengths.txt").write_text(f" splib07a Record=1: Wavelengths BECK Beckman microns\n{wavelengths}")
    return place / "q.txt"


def test_a_usgs_spectrum_in_three_channels(tmp_path):
    quartz = open_library(usgs_folder(tmp_path))["quartz_q1_becka"]
    np.testing.assert_allclose(quartz.wavelength_nm, [400.0, 500.0, 600.0])
    np.testing.assert_array_equal(quartz.reflectance, [0.1, 0.2, np.nan])


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"wavelengths": ""}, "wavelength file for 3 channels of the spectrometer 'BECK'.*splib07a_Wavelengths_BECK"),
        ({"values": "0.1\n0.2\n"}, "holds 2 values where the spectrometer 'BECK' has 3 .*cut short"),
        ({"values": "0.1\n0.x2\n0.3\n"}, "q.txt, line 3: '0.x2' is not a number"),
        ({"values": "-1.23e34\n" * 3}, "every channel of 'Quartz Q1 BECKa AREF' is deleted"),
        ({"wavelengths": "0.4\n0.4\n0.6\n"}, "wavelength 400 nm occurs twice with different values"),
    ],
)
def test_a_usgs_file_that_cannot_be_used_is_refused(tmp_path, parts, message):
    with pytest.raises(LibraryError, match=message):
        open_library(usgs_folder(tmp_path, **parts))


def test_what_is_not_absolute_reflectance_is_noted(tmp_path):
    path = usgs_folder(tmp_path, title="Quartz Q1 BECKa TRAN")
    assert "the values are transmittance" in open_library(path)["quartz_q1_becka_tran"].notes


# --- ECOSTRESS ------------------------------------------------------------------------------------------


def test_the_ecostress_folder_reads_as_numpy_reads_it():
    place = shared_file("ecostress")
    library = open_library(place)
    files = sorted(place.rglob("*.spectrum.txt"))
    assert len(library) == len(files) == 8 and library.problems == ()
    for path in files:
        reference = next(r for r in library.values() if path.name in r.source)
        raw = np.loadtxt(path, skiprows=21)
        raw = raw[np.argsort(raw[:, 0])]
        np.testing.assert_allclose(reference.wavelength_nm, raw[:, 0] * 1000.0, rtol=1e-15)
        np.testing.assert_allclose(reference.reflectance, raw[:, 1] / 100.0, rtol=1e-15)
        assert "reflectance in percent, as the file says" in reference.notes


def test_ecostress_names_kinds_and_order():
    library = open_library(shared_file("ecostress"))
    microcline = next(r for r in library.values() if r.name.startswith("Microcline"))
    assert (microcline.kind, "wavelengths were descending" in microcline.notes) == ("mineral", True)
    agave = library["agave_attenuata_jpl060"]
    assert (agave.kind, "wavelengths were descending" in agave.notes) == ("green vegetation", False)
    assert (agave.wavelength_nm[0], agave.reflectance[0]) == (350.0, pytest.approx(0.11239))


HEADER = """Name: Quartz
Type: Mineral
Sample No.: q1
X Units: Wavelength (micrometers)
Y Units: {y}
First X Value: 0.4
Last X Value: 0.6
Number of X Values: 3
Additional Information: none

"""


def ecostress(place, table="0.4\t10\n0.5\t20\n0.6\t30\n", y="Reflectance (percent)", x="Wavelength (micrometers)"):
    path = place / "q.spectrum.txt"
    path.write_text(HEADER.format(y=y).replace("Wavelength (micrometers)", x) + table)
    return path


def test_an_ecostress_spectrum_in_three_channels(tmp_path):
    quartz = open_library(ecostress(tmp_path))["quartz_q1"]
    np.testing.assert_allclose(quartz.wavelength_nm, [400.0, 500.0, 600.0])
    np.testing.assert_allclose(quartz.reflectance, [0.1, 0.2, 0.3])
    assert quartz.name == "Quartz q1"


def test_a_count_that_is_wrong_in_a_complete_file_is_no_matter(tmp_path):
    assert len(open_library(ecostress(tmp_path, "0.4\t10\n0.6\t30\n"))["quartz_q1"].wavelength_nm) == 2


def test_other_quantities_are_noted(tmp_path):
    assert "the values are 'Transmittance (percent)', not reflectance" in (
        open_library(ecostress(tmp_path, y="Transmittance (percent)"))["quartz_q1"].notes
    )


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"table": "0.4\t10\n0.5\t20\n"}, "cut short: its header counts 3 values up to X = 0.6, and there are 2"),
        ({"table": "0.4\t10\n0.5\tx\n0.6\t30\n"}, "line 12: '0.5\tx' is not a pair of numbers"),
        ({"table": "0.4\t10\n0.5\n0.6\t30\n"}, "line 12: there are 1 columns"),
        ({"table": ""}, "no value below the header"),
        ({"x": "Wavenumber (cm-1)"}, r"unit 'Wavenumber \(cm-1\)' is not supported"),
    ],
)
def test_an_ecostress_file_that_cannot_be_used_is_refused(tmp_path, parts, message):
    with pytest.raises(LibraryError, match=message):
        open_library(ecostress(tmp_path, **parts))


# --- ENVI -----------------------------------------------------------------------------------------------


def test_the_berlin_library_reads_as_spy_reads_it():
    envi = pytest.importorskip("spectral.io.envi")
    path = shared_file("envi_sli/library_berlin.sli")
    theirs = envi.open(str(path.with_suffix(".hdr")), str(path))
    library = open_library(path)
    assert [r.name for r in library.values()] == [" ".join(name.split()) for name in theirs.names]
    for reference, row in zip(library.values(), theirs.spectra):
        np.testing.assert_allclose(reference.reflectance, row / 10000.0, rtol=1e-15)
        np.testing.assert_allclose(reference.wavelength_nm, np.array(theirs.bands.centers) * 1000.0, rtol=1e-15)
    assert "reflectance divided by 10000, as the key 'z plot titles' says" in library["zinc"].notes


@pytest.mark.parametrize(("name", "records"), [("s06av18a_envi", 1367), ("r06av18a_envi", 90)])
def test_splib06_without_suffix_reads_as_numpy_reads_it(name, records):
    """The first three records are wavelengths, resolution and channel numbers; four detectors overlap."""
    path = shared_file(f"usgs_splib06_aviris18_envi/{name}")
    raw = np.fromfile(path, dtype="<f4").reshape(records, 224).astype(float)
    order = np.argsort(raw[0], kind="stable")
    valid = np.where(raw[3:] < -1e30, np.nan, raw[3:])[:, order]
    kept = np.isfinite(valid).any(axis=1)
    library = open_library(path)
    assert len(library) == kept.sum()
    assert all(key in library for key in [list(library)[0]]) and library.problems == ()
    np.testing.assert_array_equal([r.reflectance for r in library.values()], valid[kept])
    first = next(iter(library.values()))
    np.testing.assert_allclose(first.wavelength_nm, raw[0][order] * 1000.0, rtol=1e-6)
    assert "wavelengths were not in order: sorted" in first.notes
    assert any(note.startswith("the first 3 records are not spectra") for note in first.notes)


def test_spectra_of_one_name_in_splib06_keep_apart():
    library = open_library(shared_file("usgs_splib06_aviris18_envi/s06av18a_envi"))
    twins = [key for key, r in library.items() if r.name == "Kaolinite CM9 s06av18a_b"]
    assert twins == ["kaolinite_cm9_s06av18a_b", "kaolinite_cm9_s06av18a_b_2"]


def test_one_spectrum_per_line_of_an_envi_standard_file():
    path = shared_file("emit_aux/surface_Liquids")
    raw = np.fromfile(path, dtype="<f4").reshape(20, 2151)
    library = open_library(path)
    np.testing.assert_array_equal([r.reflectance for r in library.values()], raw)
    first = library["surface_liquids_1"]
    assert (first.wavelength_nm[0], first.wavelength_nm[-1]) == (350.0, 2500.0)
    assert "wavelengths 350-2500 taken as nanometres" in first.notes


ENVI = {
    "file type": "ENVI Spectral Library",
    "samples": "3",
    "lines": "2",
    "bands": "1",
    "data type": "4",
    "byte order": "0",
    "header offset": "0",
    "wavelength units": "Nanometers",
    "wavelength": "{400, 500, 600}",
    "spectra names": "{Quartz, Iron\n rust}",
}
VALUES = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])


def sli(place, values=VALUES, dtype="<f4", name="lib.sli", without=(), **keys):
    fields = {**ENVI, **{key.replace("_", " "): value for key, value in keys.items()}}
    lines = [f"{key} = {value}" for key, value in fields.items() if key not in without]
    (place / "lib.hdr").write_text("\n".join(["ENVI", *lines]) + "\n")
    np.asarray(values).astype(dtype).tofile(place / name)
    return place / name


@pytest.mark.parametrize(
    ("dtype", "keys"),
    [
        ("<f4", {}),
        (">f8", {"data_type": "5", "byte_order": "1"}),
        ("<f4", {"samples": "1", "lines": "2", "bands": "3", "interleave": "bil", "file_type": "ENVI Standard"}),
    ],
)
def test_an_envi_library_of_two_spectra(tmp_path, dtype, keys):
    library = open_library(sli(tmp_path, dtype=dtype, **keys))
    assert [r.name for r in library.values()] == ["Quartz", "Iron rust"]
    np.testing.assert_allclose([r.reflectance for r in library.values()], VALUES, rtol=1e-7)


def test_a_bsq_image_of_one_column_is_turned(tmp_path):
    keys = {"samples": "1", "bands": "3", "interleave": "bsq", "file_type": "ENVI Standard"}
    library = open_library(sli(tmp_path, VALUES.T, **keys))
    np.testing.assert_allclose([r.reflectance for r in library.values()], VALUES, rtol=1e-7)


def test_the_header_opens_the_library_too(tmp_path):
    sli(tmp_path)
    assert list(open_library(tmp_path / "lib.hdr")) == ["quartz", "iron_rust"]
    assert list(open_library(tmp_path)) == ["quartz", "iron_rust"]


@pytest.mark.parametrize(
    ("values", "dtype", "keys", "note"),
    [
        (VALUES * 10000, "<i2", {"data_type": "2", "reflectance_scale_factor": "10000"}, "'reflectance scale factor'"),
        (VALUES * 10000, "<i2", {"data_type": "2", "z_plot_titles": "{x, r [*10000]}"}, "'z plot titles'"),
        (VALUES * 10000, "<i2", {"data_type": "2"}, "taken as reflectance times 10000"),
        (VALUES * 100, "<f4", {"z_plot_titles": "{x, percent}"}, "in percent, as the file says"),
        (VALUES * 100, "<f4", {}, "taken as percent"),
    ],
)
def test_scales_are_told_by_the_header_or_guessed_and_noted(tmp_path, values, dtype, keys, note):
    library = open_library(sli(tmp_path, np.rint(values * 1e6) / 1e6, dtype, **keys))
    np.testing.assert_allclose([r.reflectance for r in library.values()], VALUES, rtol=1e-6)
    assert any(note in text for text in library["quartz"].notes)


def test_ignored_values_and_bad_bands_are_missing(tmp_path):
    values = [[0.1, -1.0, 0.3], [0.4, 0.5, -1.23e34]]
    library = open_library(sli(tmp_path, values, bbl="{0, 1, 1}", data_ignore_value="-1"))
    np.testing.assert_allclose(library["quartz"].reflectance, [np.nan, np.nan, 0.3], rtol=1e-7)
    np.testing.assert_allclose(library["iron_rust"].reflectance, [np.nan, 0.5, np.nan], rtol=1e-7)
    assert "1 channels that the header calls bad left missing" in library["quartz"].notes


def test_a_wrong_number_of_names_is_noted_and_an_empty_spectrum_left_out(tmp_path):
    library = open_library(sli(tmp_path, [[0.1, 0.2, 0.3], [np.nan] * 3], spectra_names="{a, b, c}"))
    assert list(library) == ["lib_1"]
    assert "the header names 3 spectra of 2: numbered instead" in library["lib_1"].notes
    assert "spectra without a valid value, left out: lib 2" in library["lib_1"].notes


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"values": VALUES[:1]}, "lib.sli: the file has 12 bytes where its header promises 24"),
        ({"without": ["wavelength"]}, "lib.hdr: the header has no key 'wavelength'"),
        ({"without": ["data type"]}, "lib.hdr: the header has no key 'data type'"),
        ({"wavelength": "{400, 500}"}, "lib.hdr: the key 'wavelength' has 2 entries, not 3"),
        ({"wavelength": "{400, abc, 600}"}, "the key 'wavelength' holds 'abc', which is not a number"),
        ({"wavelength": "{400, 500, 600"}, "the list of the key 'wavelength' is not closed by a brace"),
        ({"wavelength": "{400, 400, 600}"}, "wavelength 400 nm occurs twice with different values"),
        ({"wavelength": "{0.4, 0.5, 0.6}"}, "cannot be in the unit that the file names"),
        ({"wavelength_units": "Wavenumber"}, "unit 'Wavenumber' is not supported"),
        ({"data_type": "6"}, "the data type 6 is not supported; the known ones are 1, 2, 3"),
        ({"byte_order": "7"}, "byte order 7 is neither 0"),
        ({"lines": "two"}, "the key 'lines' holds 'two'"),
        ({"lines": "0"}, "the key 'lines' is 0"),
        ({"bbl": "{1, 1}"}, "the key 'bbl' has 2 entries"),
        ({"reflectance_scale_factor": "0"}, "a scale must be above 0"),
        ({"values": VALUES * 1e6}, "the value 600000 is no reflectance"),
        ({"spectra_names": "{Wavelengths in nm, Resolution in nm}"}, "none of its 2 records is a spectrum"),
        ({"values": VALUES * np.nan}, "no valid reflectance value"),
    ],
)
def test_an_envi_library_that_cannot_be_used_is_refused(tmp_path, parts, message):
    with pytest.raises(LibraryError, match=message):
        open_library(sli(tmp_path, **parts))


def test_a_header_without_its_data_is_refused_and_reported_in_a_folder(tmp_path):
    sli(tmp_path).unlink()
    with pytest.raises(LibraryError, match="lib.hdr: its data file .* is not beside it"):
        open_library(tmp_path / "lib.hdr")
    (tmp_path / "q.csv").write_text("400,0.1\n500,0.2\n")
    assert "lib.hdr: its data file" in open_library(tmp_path).problems[0]


def test_data_without_its_header_are_refused(tmp_path):
    path = sli(tmp_path)
    (tmp_path / "lib.hdr").unlink()
    with pytest.raises(LibraryError, match=r"lib.sli: this is neither text nor .* header \(.hdr\) beside it"):
        open_library(path)
