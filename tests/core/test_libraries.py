"""The bundled spectra, choosing one by name, folders, and the table of what there is."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pixel_spectra.core.errors import LibraryError
from pixel_spectra.core.libraries import (
    LIBRARIES,
    Library,
    ReferenceSpectrum,
    bundled_library,
    catalogue,
    choose,
    open_library,
)
from pixel_spectra.core.libraries import bundled as bundled_room
from pixel_spectra.core.spectra import BandGrid

from emit_bands import emit_bands
from shared_files import shared_file


def spectrum(key: str = "a", name: str = "A", **more) -> ReferenceSpectrum:
    return ReferenceSpectrum(key, name, np.array([400.0, 500.0]), np.array([0.1, 0.2]), "test", **more)


# --- the bundled table ----------------------------------------------------------------------------------


def test_the_bundle_holds_forty_records_of_thirty_three_materials_in_every_class():
    library = bundled_library()
    assert len(library) == 40
    assert len({spectrum.material for spectrum in library.values()}) == 33
    kinds = [spectrum.kind for spectrum in library.values()]
    counts = {kind: kinds.count(kind) for kind in sorted(set(kinds))}
    assert counts == {
        "dry vegetation": 1,
        "green vegetation": 4,
        "man-made": 4,
        "mineral": 26,
        "snow/ice": 2,
        "soil": 1,
        "water": 2,
    }


def test_a_bundled_spectrum_carries_its_provenance():
    kaolinite = bundled_library()["kaolinite_cm9_beckb"]
    assert kaolinite.name == "Kaolinite CM9 BECKb AREF"
    assert "doi:10.5066/F7RR1WDJ" in kaolinite.source
    assert "splib07a record 5976: Kaolinite CM9 BECKb AREF" in kaolinite.source
    assert "original: 480 channels, 205.1-2976 nm, 10 deleted" in kaolinite.source
    assert "float32" in kaolinite.source and kaolinite.notes == ()


def test_every_record_has_its_provenance_in_the_readable_file():
    records = json.loads((bundled_room.RESOURCES / bundled_room.PROVENANCE).read_text(encoding="utf-8"))["records"]
    assert [record["id"] for record in records] == list(bundled_library())
    wanted = {"channels", "deleted", "file", "first_nm", "grid", "id", "kind", "last_nm", "library", "record", "title"}
    assert all(set(record) == wanted for record in records)
    assert len({record["record"] for record in records}) == 40


def test_kaolinite_cm9_is_darkest_near_2205_nm():
    for key in ("kaolinite_cm9_beckb", "kaolinite_cm9_asdngb"):
        kaolinite = bundled_library()[key]
        window = (kaolinite.wavelength_nm > 2100) & (kaolinite.wavelength_nm < 2300)
        at = kaolinite.wavelength_nm[window][np.argmin(kaolinite.reflectance[window])]
        assert abs(at - 2205) < 5


def test_the_bundle_reaches_beyond_the_bands_of_emit_and_weighs_little():
    for reference in bundled_library().values():
        assert reference.wavelength_nm[0] <= 350.0 and reference.wavelength_nm[-1] >= 2500.0
        assert np.nanmin(reference.reflectance) > 0 and np.nanmax(reference.reflectance) < 1
    sizes = [(bundled_room.RESOURCES / name).stat().st_size for name in (bundled_room.PROVENANCE, bundled_room.NUMBERS)]
    assert sum(sizes) < 400_000


def test_the_bundle_is_the_source_to_float32_channel_by_channel():
    """The files are read with numpy alone; float32 keeps 6e-8 of the value."""
    place = shared_file("usgs_splib07a")
    nm = {
        n: np.loadtxt(next(place.glob(f"*_Wavelengths_{name}_*")), skiprows=1) * 1000.0
        for n, name in ((2151, "ASD"), (480, "BECK"))
    }
    by_title = {reference.name: reference for reference in bundled_library().values()}
    files = sorted(place.glob("Chapter*/*.txt"))
    assert len(files) == 40
    for path in files:
        title = " ".join(path.read_text().splitlines()[0].split(": ", 1)[1].split())
        raw = np.loadtxt(path, skiprows=1)
        grid, reference = nm[raw.size], by_title[title]
        kept = np.isin(grid, reference.wavelength_nm)
        assert kept.sum() == reference.wavelength_nm.size
        assert kept[(grid >= 350) & (grid <= 2510)].all()
        deleted = raw[kept] < -1e30
        np.testing.assert_array_equal(np.isnan(reference.reflectance), deleted)
        np.testing.assert_allclose(reference.reflectance[~deleted], raw[kept][~deleted], rtol=6e-8)


def test_the_build_script_makes_the_bundled_files_again(tmp_path, monkeypatch, capsys):
    """The numbers and the provenance; the compressed bytes may differ between versions of zlib."""
    import build_references

    monkeypatch.setattr("sys.argv", ["build", str(shared_file("usgs_splib07a")), "--out", str(tmp_path)])
    build_references.main()
    assert "40 records, 33 materials" in capsys.readouterr().out
    again, shipped = bundled_room.load(tmp_path), bundled_library()
    assert (tmp_path / bundled_room.PROVENANCE).read_bytes() == (
        bundled_room.RESOURCES / bundled_room.PROVENANCE
    ).read_bytes()
    assert list(again) == list(shipped)
    for key, reference in shipped.items():
        np.testing.assert_array_equal(again[key].wavelength_nm, reference.wavelength_nm)
        np.testing.assert_array_equal(again[key].reflectance, reference.reflectance)


def test_an_installation_without_the_table_says_so(tmp_path):
    with pytest.raises(LibraryError, match="bundled reference spectra cannot be read.*install Pixel Spectra again"):
        bundled_room.load(tmp_path)
    (tmp_path / bundled_room.PROVENANCE).write_text('{"records": []}')
    (tmp_path / bundled_room.NUMBERS).write_bytes(b"not a zip")
    with pytest.raises(LibraryError, match="bundled reference spectra cannot be read"):
        bundled_room.load(tmp_path)


# --- choosing -------------------------------------------------------------------------------------------


def test_the_only_spectrum_needs_no_name():
    assert choose(Library([spectrum("x")]), None).id == "x"
    assert choose(Library([spectrum("x")]), "").id == "x"


def test_several_spectra_need_a_name_and_are_listed_up_to_twenty():
    library = Library([spectrum(f"m{i}") for i in range(25)])
    with pytest.raises(
        LibraryError, match=r"25 spectra; name one of them \(REFERENCE_NAME\): m0, m1, .*m19, and 5 more\.$"
    ):
        choose(library, None)


@pytest.mark.parametrize("name", ["kaolinite_cm9_beckb", "Kaolinite_CM9_BECKb", " kaolinite  cm9 beckb AREF "])
def test_id_and_name_are_found_in_any_case(name):
    assert choose(bundled_library(), name).id == "kaolinite_cm9_beckb"


def test_an_unknown_name_lists_what_there_is_likeliest_first():
    with pytest.raises(LibraryError, match="no reference 'kaolinite_cm9' in the library; it holds: kaolinite_cm9_"):
        choose(bundled_library(), "kaolinite_cm9")


def test_a_name_that_means_two_asks_for_the_id():
    library = Library([spectrum("one", "Quartz"), spectrum("two", "quartz")])
    with pytest.raises(LibraryError, match="2 spectra named 'Quartz'; take one by its id: one, two"):
        choose(library, "Quartz")


# --- the values -----------------------------------------------------------------------------------------


def test_ids_that_are_taken_get_a_number():
    library = Library([spectrum("a"), spectrum("a"), spectrum("a_2"), spectrum("a")])
    assert list(library) == ["a", "a_2", "a_2_2", "a_3"]
    assert [reference.id for reference in library.values()] == list(library)


def test_a_spectrum_cannot_be_changed_or_disordered():
    reference = spectrum()
    with pytest.raises(ValueError, match="read-only"):
        reference.reflectance[0] = 1.0
    for grid in ([500.0, 400.0], [400.0, 400.0], [400.0, np.nan]):
        with pytest.raises(LibraryError, match="the wavelengths of 'X' do not increase strictly"):
            ReferenceSpectrum("x", "X", np.array(grid), np.array([0.1, 0.2]), "test")
    with pytest.raises(LibraryError, match="one reflectance per wavelength"):
        ReferenceSpectrum("x", "X", np.array([400.0, 500.0]), np.array([0.1]), "test")


# --- files and folders ----------------------------------------------------------------------------------


def test_a_missing_path_is_refused(tmp_path):
    with pytest.raises(LibraryError, match="gone.csv: there is no such file or folder"):
        open_library(tmp_path / "gone.csv")


def test_a_folder_reads_what_it_can_and_reports_the_rest(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "quartz.csv").write_text("wavelength_nm,reflectance\n400,0.1\n500,0.2\n")
    (tmp_path / "broken.csv").write_text("wavelength_nm,reflectance\n400,0.1\n500,0.2\n600,bad\n")
    (tmp_path / "README.txt").write_text("Spectra of my garden.\n")
    (tmp_path / ".hidden.csv").write_text("400,0.1\n500,0.2\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\0")
    library = open_library(str(tmp_path))
    assert list(library) == ["quartz"]
    assert library.problems == (f"{tmp_path / 'broken.csv'}, line 4: 'bad' is not a number.",)


def test_a_folder_without_a_library_is_refused_with_the_first_problem(tmp_path):
    with pytest.raises(LibraryError, match="no reference library in this folder that can be read .text table"):
        open_library(tmp_path)
    (tmp_path / "broken.csv").write_text("400,0.1\n500,0.2\n600,bad\n")
    with pytest.raises(LibraryError, match="The first of 1 problems: .*line 3: 'bad' is not a number"):
        open_library(tmp_path)


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "secret.csv"
    path.write_text("400,0.1\n500,0.2\n")

    def denied(*_args, **_more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", denied)
    with pytest.raises(LibraryError, match="secret.csv: the file cannot be read .Permission denied"):
        open_library(path)


def test_the_formats_are_known_by_name():
    assert set(LIBRARIES) == {"usgs", "ecostress", "envi_sli", "csv"}
    with pytest.raises(LibraryError, match="Unknown library format 'xls'; the known ones are: "):
        LIBRARIES["xls"]


@pytest.mark.parametrize(
    ("relative", "name"),
    [
        ("usgs_splib07a/ChapterM_Minerals/splib07a_Calcite_CO2004_BECKb_AREF.txt", "usgs"),
        ("usgs_splib07a/splib07a_Wavelengths_BECK_Beckman_0.2-3.0_microns.txt", None),
        ("usgs_splib07a/ASCIIdata.xml", None),
        ("envi_sli/library_berlin.sli", "envi_sli"),
        ("envi_sli/library_berlin.hdr", None),
        ("envi_sli/library_berlin.csv", None),
        ("usgs_splib06_aviris18_envi/s06av18a_envi", "envi_sli"),
        ("emit_aux/surface_Liquids", "envi_sli"),
        ("emit_real/emit20250324t221005_jpl_unmix_ex", None),
        ("emit_real/emit20250324t221005_jpl_unmix_ex.hdr", None),
        ("neon_analytic.json", None),
    ],
)
def test_each_real_file_is_told_by_one_format_or_by_none(relative, name):
    path = shared_file(relative)
    assert [key for key, entry in LIBRARIES.items() if entry.identify(path)] == ([name] if name else [])


# --- the table of what there is -------------------------------------------------------------------------


def test_the_catalogue_without_a_granule_tells_range_and_channels():
    entry = catalogue({"a": spectrum(kind="mineral", notes=("as it was",))})[0]
    assert (entry.id, entry.name, entry.kind, entry.source) == ("a", "A", "mineral", "test")
    assert (entry.first_nm, entry.last_nm, entry.n_channels, entry.n_missing) == (400.0, 500.0, 2, 0)
    assert (entry.n_bands, entry.n_covered, entry.notes) == (None, None, ("as it was",))


def test_the_catalogue_counts_the_good_bands_a_reference_covers():
    grid = BandGrid(np.array([390.0, 450.0, 460.0, 510.0]), None, np.array([True, True, False, True]))
    entry = catalogue({"a": spectrum()}, grid)[0]
    assert (entry.n_bands, entry.n_covered) == (3, 1)


def test_the_whole_bundle_covers_most_of_emit():
    table = emit_bands()
    grid = BandGrid(table.wavelength_nm.astype(float), table.fwhm_nm.astype(float), table.good)
    entries = {entry.id: entry for entry in catalogue(bundled_library(), grid)}
    assert {entry.n_bands for entry in entries.values()} == {244}
    few = {key: entry.n_covered for key, entry in entries.items() if entry.n_covered < 235}
    assert set(few) == {"h2o_ice_gds136_77k_becka", "aspen_aspen_1_green_top_asdfra"}
    assert min(few.values()) > 170


def test_an_unknown_id_lists_what_there_is():
    with pytest.raises(LibraryError, match="^The library holds no spectrum 'zz'; it holds 40: alunite") as refusal:
        bundled_library()["zz"]
    assert isinstance(refusal.value, KeyError) and bundled_library().get("zz") is None
