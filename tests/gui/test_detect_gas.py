"""The algorithm detect_gas in QGIS and in qgis_process: a plume in the radiance of a located scene."""

from __future__ import annotations

import numpy as np
import pytest
from osgeo import gdal
from pixel_spectra.core.gases import detect
from pixel_spectra.core.libraries import choose, open_library
from pixel_spectra.core.sensors import open_granule

from emit_bands import emit_bands
from full_disk import no_room
from granules import Scene, locate, write_radiance

gdal.UseExceptions()
SCENE = Scene(downtrack=400, crosstrack=12)
PLUME = slice(60, 70)
BANDS = ("score (ppm m)", "noise (ppm m)", "snr")


@pytest.fixture(scope="module")
def radiance(tmp_path_factory):
    """Surfaces of varied brightness and tilt; 4000 ppm m of a gas over the lines 60 to 69."""
    rng = np.random.default_rng(0)
    nm = emit_bands().wavelength_nm
    tilt = 1.0 + rng.normal(0, 0.05, (*SCENE.shape, 1)) * (nm / 2300 - 1)
    surface = rng.uniform(0.6, 1.4, (*SCENE.shape, 1)) * tilt
    enhancement = np.zeros((*SCENE.shape, 1))
    enhancement[PLUME] = 4000.0
    passed = np.exp(absorption(nm) * enhancement * 1e-5)
    cube = surface * passed * (1.0 + rng.normal(0, 0.002, (*SCENE.shape, nm.size)))
    return write_radiance(tmp_path_factory.mktemp("radiance"), SCENE, radiance=cube.astype(np.float32))


def absorption(nm):
    return -1.2 * np.exp(-(((nm - 2310) / 14) ** 2)) - 1.4 * np.exp(-(((nm - 2365) / 20) ** 2))


@pytest.fixture
def target(tmp_path):
    nm = emit_bands().wavelength_nm
    path = tmp_path / "target.csv"
    path.write_text("wavelength_nm,Gas target\n" + "".join(f"{a:.4f},{b:.6f}\n" for a, b in zip(nm, absorption(nm))))
    return path


def read(path):
    dataset = gdal.Open(str(path))
    values = np.moveaxis(dataset.ReadAsArray(), 0, -1)
    return np.where(values == -9999, np.nan, values), dataset


def test_a_plume_on_the_map_grid(run, radiance, target, tmp_path):
    out = run("detect_gas", GRANULE=radiance, TARGET=target, OUTPUT=tmp_path / "gas.tif")["OUTPUT"]
    values, dataset = read(out)
    assert tuple(dataset.GetRasterBand(i).GetDescription() for i in (1, 2, 3)) == BANDS
    assert "WGS 84" in dataset.GetProjection()
    assert dataset.GetMetadataItem("TARGET") == "Gas target"
    swath = locate(SCENE)
    found = detect(open_granule(radiance), choose(open_library(target)))
    raw = np.stack([found.score, found.noise, found.snr], axis=-1)
    expected = np.where((swath.glt_x > 0)[..., None], raw[swath.glt_y - 1, swath.glt_x - 1], np.nan)
    np.testing.assert_array_equal(values, expected)


def test_by_line_the_plume_comes_back(run, radiance, target, tmp_path):
    out = run("detect_gas", GRANULE=radiance, TARGET=target, SENSOR_SPACE=True, OUTPUT=tmp_path / "gas.tif")["OUTPUT"]
    values, _ = read(out)
    assert values.shape == (*SCENE.shape, 3)
    assert np.nanmean(values[PLUME, :, 0]) == pytest.approx(4000.0, rel=0.05)
    assert np.nanmedian(values[PLUME, :, 2]) > 5 > abs(np.nanmedian(np.delete(values[..., 2], PLUME, axis=0)))
    np.testing.assert_allclose(values[..., 2], values[..., 0] / values[..., 1], rtol=1e-6)


def test_the_albedo_factor_may_be_left_out(run, radiance, target, tmp_path):
    noise = [read(run("detect_gas", GRANULE=radiance, TARGET=target, ALBEDO=albedo, SENSOR_SPACE=True,
                      OUTPUT=tmp_path / f"{albedo}.tif")["OUTPUT"])[0][..., 1] for albedo in (True, False)]
    assert np.ptp(noise[0], axis=0).min() > 0.0 == np.ptp(noise[1], axis=0).max()


def test_in_qgis_process(qgis_process, radiance, target, tmp_path):
    done = qgis_process.run("pixelspectra:detect_gas", GRANULE=radiance, TARGET=target, OUTPUT=tmp_path / "gas.tif")
    assert read(done.json["results"]["OUTPUT"])[0].shape[2] == 3


def test_reflectance_is_refused(refused, files, target, tmp_path):
    said = refused("detect_gas", GRANULE=files.reflectance, TARGET=target, OUTPUT=tmp_path / "gas.tif")
    assert "The column filter needs radiance, but" in said
    assert list(tmp_path.glob("gas*")) == []


def test_a_reflectance_is_no_target(refused, radiance, tmp_path):
    (tmp_path / "r.csv").write_text("wavelength_nm,Soil\n" + "".join(f"{nm},0.3\n" for nm in range(400, 2501, 5)))
    said = refused("detect_gas", GRANULE=radiance, TARGET=tmp_path / "r.csv", OUTPUT=tmp_path / "gas.tif")
    assert "nowhere negative" in said


def test_a_full_disk_leaves_nothing(refused, radiance, target, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with no_room(20_000):
        said = refused("detect_gas", GRANULE=radiance, TARGET=target, OUTPUT=out / "gas.tif")
    assert "cannot be written" in said
    assert list(out.iterdir()) == []


def test_the_help_says_what_it_does_not_tell(provider):
    assert "no flux and no mass of a plume" in provider.algorithm("detect_gas").shortHelpString()
    assert "'Detect gas' gives a detection score" in provider.algorithm("gas_target").shortHelpString()
