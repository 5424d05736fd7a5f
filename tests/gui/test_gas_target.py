"""The algorithm gas_target in QGIS and in qgis_process."""

from __future__ import annotations

import numpy as np
import pytest
from pixel_spectra.core.gases import Layer, gas_target
from pixel_spectra.core.libraries import choose, open_library
from pixel_spectra.core.sensors import open_granule

from gas_files import hitran_line, write_lines, write_lut

GRID = np.arange(2000.0, 2500.0, 1.0)
ENHANCEMENTS = (0, 500, 1000, 2000, 4000, 8000, 16000)


@pytest.fixture
def table(tmp_path):
    """ln L = -2e-6 per ppm m, everywhere."""
    return write_lut(tmp_path, GRID, [np.full(GRID.size, np.exp(-2e-6 * c)) for c in ENHANCEMENTS])


@pytest.fixture
def lines(tmp_path):
    return write_lines(tmp_path / "gas.par", [hitran_line(nu, 1e-23) for nu in np.arange(4100.0, 4500.0, 1.0)])


def values_at(path, nm):
    reference = choose(open_library(path))
    return reference.reflectance[np.abs(reference.wavelength_nm - nm).argmin()]


def test_from_a_table(run, files, table, tmp_path):
    done = run("gas_target", SOURCE=table, GRANULE=files.reflectance, OUTPUT=tmp_path / "target.csv")
    reference = choose(open_library(done["OUTPUT"]))
    granule = open_granule(files.reflectance)
    assert reference.wavelength_nm == pytest.approx(granule.bands.wavelength_nm, rel=1e-8)
    assert values_at(done["OUTPUT"], 2300) == pytest.approx(-0.2)
    assert np.isnan(values_at(done["OUTPUT"], 600))


def test_from_lines_in_given_air(run, files, lines, tmp_path):
    done = run("gas_target", SOURCE=lines, GRANULE=files.reflectance, TEMPERATURE=270, PRESSURE=850, PATH=2.5,
               ENHANCEMENTS="0, 1000", OUTPUT=tmp_path / "target.csv")
    expected = gas_target(lines, open_granule(files.reflectance).bands, enhancement_ppm_m=(0, 1000),
                          layer=Layer(270.0, 850.0, 2.5)).reference.reflectance
    assert choose(open_library(done["OUTPUT"])).reflectance == pytest.approx(expected, rel=1e-7, nan_ok=True)


def test_from_text_in_qgis_process_and_used_as_a_reference(qgis_process, files, areas, tmp_path):
    text = tmp_path / "nasa.txt"
    bands = open_granule(files.reflectance).bands.wavelength_nm
    text.write_text("".join(f"{i:03d} {nm:.3f} {-0.1 - 0.001 * (i % 7):.6f}\n" for i, nm in enumerate(bands, 1)))
    done = qgis_process.run("pixelspectra:gas_target", SOURCE=text, GRANULE=files.reflectance,
                            OUTPUT=tmp_path / "target.csv")
    target = done.json["results"]["OUTPUT"]
    scored = qgis_process.run("pixelspectra:score_spectra", GRANULE=files.reflectance, AOI=areas, REFERENCE_FILE=target,
                              METRIC="correlation", OUTPUT=tmp_path / "scored.gpkg")
    assert scored.json["results"]["OUTPUT"]


@pytest.mark.parametrize(("what", "sentence"), [
    ({"SOURCE": "nowhere.lut"}, "there is no such file"),
    ({"ENHANCEMENTS": "0, many"}, "The enhancements '0, many' are not numbers"),
    ({"ENHANCEMENTS": "0, 100"}, "holds 7 spectra and 2 enhancements are given"),
    ({"TEMPERATURE": 20}, "The temperature 20 is outside 150 to 400"),
    ({"PRESSURE": 0}, "The pressure 0 is outside")])
def test_refusals(refused, files, table, tmp_path, what, sentence):
    given = {"SOURCE": table, "GRANULE": files.reflectance, "OUTPUT": tmp_path / "target.csv", **what}
    assert sentence in refused("gas_target", **given)
    assert not (tmp_path / "target.csv").exists()


def test_lines_that_do_not_cover_the_bands(refused, files, tmp_path):
    lines = write_lines(tmp_path / "few.par", [hitran_line(4300.0), hitran_line(4301.0)])
    said = refused("gas_target", SOURCE=lines, GRANULE=files.reflectance, OUTPUT=tmp_path / "target.csv")
    assert "which holds none of the 285 bands" in said


def test_the_help_says_what_it_does_not_tell(provider):
    assert "Neither tells a flux or the mass of a plume" in provider.algorithm("gas_target").shortHelpString()
