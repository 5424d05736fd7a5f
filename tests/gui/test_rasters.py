"""GeoTIFFs: values on the map grid, wavelengths for every reader, the style, and the granule they remember."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from osgeo import gdal
from pixel_spectra.adapters import geotiff
from pixel_spectra.adapters.geotiff import GeoTiffSink
from pixel_spectra.adapters.granules import GRANULE_PROPERTY, granule_path
from pixel_spectra.core.errors import GranuleError
from pixel_spectra.core.geolocation import WGS84_WKT, OrthoGrid
from pixel_spectra.core.io.rastersink import SensorGrid
from pixel_spectra.core.sensors import open_granule
from pixel_spectra.core.spectra import BandGrid
from qgis.core import QgsContrastEnhancement, QgsProcessingContext, QgsProject, QgsRasterLayer

from granules import NO_DATA, expected_reflectance, locate, lonlat_map_info, write_envi_cube, write_granule
from qgis_side import SCENE, place, rows_of, write_geojson

SWATH = locate(SCENE)


@pytest.fixture(scope="module")
def scene_file(plugin, files, tmp_path_factory):
    """load_granule with its defaults."""
    import processing

    path = tmp_path_factory.mktemp("scene") / "scene.tif"
    processing.run("pixelspectra:load_granule", {"GRANULE": str(files.reflectance), "OUTPUT": str(path)})
    return path


def test_values_lie_where_the_lookup_table_says(scene_file, files):
    dataset = gdal.Open(str(scene_file))
    assert dataset.GetGeoTransform() == pytest.approx(SWATH.geotransform)
    assert 'AUTHORITY["EPSG","4326"]' in dataset.GetProjection()
    values = dataset.ReadAsArray()
    bands = open_granule(files.reflectance).bands
    index = [int(np.argmin(np.abs(bands.wavelength_nm - nm))) for nm in (650, 560, 470)]
    expected = np.full(values.shape, np.float32(NO_DATA))
    there = SWATH.glt_x > 0
    raw = expected_reflectance(SWATH.glt_y[there] - 1, SWATH.glt_x[there] - 1, index)
    expected[:, there] = raw.T
    np.testing.assert_array_equal(values, expected)


def test_stride_takes_the_cell_under_the_middle(run, files, tmp_path):
    run("load_granule", GRANULE=files.reflectance, STRIDE=4, BANDS="560", OUTPUT=tmp_path / "quick.tif")
    dataset = gdal.Open(str(tmp_path / "quick.tif"))
    assert dataset.GetGeoTransform()[1] == pytest.approx(4 * SWATH.geotransform[1])
    assert dataset.RasterCount == 1
    assert dataset.RasterXSize == -(-SWATH.glt_x.shape[1] // 4)


# Readers look for the band domain IMAGERY (micrometres) first, then for items of the band (nm). With a centre but
# no width in IMAGERY, EnMAP-Box would take the width in nm for micrometres.

def test_every_reader_finds_wavelengths(scene_file, files):
    bands = open_granule(files.reflectance).bands
    i = int(np.argmin(np.abs(bands.wavelength_nm - 650)))
    dataset = gdal.Open(str(scene_file))  # a band does not keep its dataset alive
    band = dataset.GetRasterBand(1)
    assert band.GetDescription() == f"{bands.wavelength_nm[i]:.2f} nm"
    items = band.GetMetadata()
    assert float(items["wavelength"]) == pytest.approx(bands.wavelength_nm[i], abs=1e-5)
    assert float(items["fwhm"]) == pytest.approx(bands.fwhm_nm[i], abs=1e-5)
    assert (items["wavelength_units"], items["bbl"]) == ("Nanometers", "1")
    imagery = band.GetMetadata("IMAGERY")
    assert float(imagery["CENTRAL_WAVELENGTH_UM"]) * 1000 == pytest.approx(bands.wavelength_nm[i], abs=1e-4)
    assert float(imagery["FWHM_UM"]) * 1000 == pytest.approx(bands.fwhm_nm[i], abs=1e-4)
    assert band.GetNoDataValue() == -9999
    assert dataset.GetMetadataItem("start_time") == "2024-05-01T10:11:12+00:00"


def test_all_bands_with_those_that_are_bad(run, files, tmp_path):
    run("apply_mask", GRANULE=files.reflectance, MASK="good_bands", OUTPUT=tmp_path / "all.tif")
    dataset = gdal.Open(str(tmp_path / "all.tif"))
    good = open_granule(files.reflectance).bands.good
    assert [dataset.GetRasterBand(i + 1).GetMetadataItem("bbl") == "1" for i in range(285)] == good.tolist()
    assert {dataset.GetRasterBand(i + 1).GetColorInterpretation() for i in range(1, 285)} == {gdal.GCI_Undefined}
    bad = int(np.argmin(good)) + 1
    assert (dataset.GetRasterBand(bad).ReadAsArray() == -9999).all()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["all.qml", "all.tif"]


def test_without_widths_no_half_of_the_imagery_domain(tmp_path):
    sink = GeoTiffSink(tmp_path / "x.tif", BandGrid(np.array([500.0])))
    sink.open(SensorGrid(2, 3), ["b"])
    sink.write_rows(0, np.zeros((2, 3, 1), np.float32))
    sink.commit()
    dataset = gdal.Open(str(tmp_path / "x.tif"))
    band = dataset.GetRasterBand(1)
    assert band.GetMetadata("IMAGERY") == {}
    assert band.GetMetadata() == {"wavelength": "500.00000", "wavelength_units": "Nanometers"}


@pytest.mark.parametrize("pieces", [[7, 13, 40, 11, 29], [100], [1] * 100, [64, 36]])
def test_rows_of_any_size_in_any_order(tmp_path, monkeypatch, pieces):
    """Rows are gathered to tiles; what comes out of turn is written where it belongs."""
    monkeypatch.setattr(geotiff, "_BUFFER_BYTES", 32 * 50 * 3 * 4)
    values = np.random.default_rng(1).normal(size=(100, 50, 3)).astype(np.float32)
    values[3, 4] = np.nan
    starts = np.concatenate(([0], np.cumsum(pieces)[:-1]))
    sink = GeoTiffSink(tmp_path / "x.tif")
    sink.open(OrthoGrid(100, 50, (1.0, 0.1, 0.0, 2.0, 0.0, -0.1), WGS84_WKT), ["a", "b", "c"])
    for start, n in sorted(zip(starts.tolist(), pieces), key=lambda p: p[0] % 3):
        sink.write_rows(start, values[start : start + n])
    sink.commit()
    read = np.moveaxis(gdal.Open(str(tmp_path / "x.tif")).ReadAsArray(), 0, 2)
    np.testing.assert_array_equal(read, np.where(np.isnan(values), np.float32(-9999), values))
    assert [p.name for p in tmp_path.iterdir()] == ["x.tif"]


def test_abort_at_any_time(tmp_path):
    for opened in (False, True):
        sink = GeoTiffSink(tmp_path / "x.tif")
        if opened:
            sink.open(SensorGrid(4, 4), ["a"])
            sink.write_rows(0, np.zeros((4, 4, 1), np.float32))
        sink.abort()
        sink.abort()
    assert list(tmp_path.iterdir()) == []


def test_true_colour_style_lies_beside_the_raster(scene_file):
    layer = QgsRasterLayer(str(scene_file), "scene")
    renderer = layer.renderer()
    assert (renderer.redBand(), renderer.greenBand(), renderer.blueBand()) == (1, 2, 3)
    stretch = QgsContrastEnhancement.ContrastEnhancementAlgorithm.StretchToMinimumMaximum
    values = gdal.Open(str(scene_file)).ReadAsArray()
    low, middle, high = np.percentile(values[values > -9999], (2, 50, 98))
    limits = pytest.approx((low, min(high, middle + 3 * (middle - low))), rel=1e-5)
    for contrast in (renderer.redContrastEnhancement(), renderer.greenContrastEnhancement(),
                     renderer.blueContrastEnhancement()):  # all alike, so that colours stay true
        assert contrast.contrastEnhancementAlgorithm() == stretch
        assert (contrast.minimumValue(), contrast.maximumValue()) == limits


def test_a_layer_loaded_by_processing_gets_the_style(run, files, tmp_path):
    from qgis.core import QgsProcessingOutputLayerDefinition

    project = QgsProject()
    context = QgsProcessingContext()
    context.setProject(project)
    target = QgsProcessingOutputLayerDefinition(str(tmp_path / "scene.tif"), project)
    run("load_granule", context=context, GRANULE=files.reflectance, BANDS="all", OUTPUT=target)
    (details,) = context.layersToLoadOnCompletion().values()
    layer = QgsRasterLayer(str(tmp_path / "scene.tif"), "scene", "gdal", QgsRasterLayer.LayerOptions(False))
    assert layer.customProperty(GRANULE_PROPERTY) is None
    details.postProcessor().postProcessLayer(layer, context, None)
    assert layer.customProperty(GRANULE_PROPERTY) == str(files.reflectance)
    assert layer.renderer().redBand() == 37


# GRANULE: what may stand for a granule.

@pytest.fixture
def meant(qgis_processing):
    return lambda value: granule_path(value, QgsProcessingContext())


def test_a_path_is_itself(meant, files, tmp_path):
    assert meant(str(files.reflectance)) == str(files.reflectance)
    assert meant(str(tmp_path / "not there.nc")) == str(tmp_path / "not there.nc")


@pytest.mark.parametrize("form", ['NETCDF:"{}":reflectance', 'HDF5:"{}"://reflectance', "NETCDF:{}:reflectance"])
def test_a_gdal_source_is_its_file(meant, files, form):
    assert meant(form.format(files.reflectance)) == str(files.reflectance)


def test_a_geotiff_of_load_granule_is_its_granule(meant, scene_file, files):
    assert meant(str(scene_file)) == str(files.reflectance)


def test_moved_together_they_still_know_each_other(meant, run, tmp_path):
    (tmp_path / "before").mkdir()
    granule = write_granule(tmp_path / "before", SCENE, uncertainty=False).reflectance
    run("load_granule", GRANULE=granule, OUTPUT=tmp_path / "before" / "scene.tif")
    (tmp_path / "before").rename(tmp_path / "after")
    assert meant(str(tmp_path / "after" / "scene.tif")) == str(tmp_path / "after" / granule.name)
    (tmp_path / "after" / granule.name).unlink()
    with pytest.raises(GranuleError, match="which is not there any more; give the granule itself"):
        meant(str(tmp_path / "after" / "scene.tif"))


def test_another_geotiff_is_refused(meant, tmp_path):
    gdal.GetDriverByName("GTiff").Create(str(tmp_path / "dem.tif"), 2, 2)
    with pytest.raises(GranuleError, match="is a GeoTIFF that names no granule"):
        meant(str(tmp_path / "dem.tif"))


@pytest.mark.parametrize("how", ["layer", "id", "name"])
def test_a_layer_of_the_project(run, scene_file, areas, how):
    layer = QgsRasterLayer(str(scene_file), "my scene")
    QgsProject.instance().addMapLayer(layer)
    value = {"layer": layer, "id": layer.id(), "name": "my scene"}[how]
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    rows = rows_of(run("extract_spectra", context=context, GRANULE=value, AOI=areas, OUTPUT="memory:")["OUTPUT"])
    assert len(rows) == 52
    QgsProject.instance().removeMapLayer(layer.id())


def test_a_project_that_is_opened_again(scene_file, files, tmp_path):
    project = QgsProject()
    project.addMapLayer(QgsRasterLayer(str(scene_file), "scene"))
    assert project.write(str(tmp_path / "p.qgz"))
    project.clear()
    again = QgsProject()
    assert again.read(str(tmp_path / "p.qgz"))
    (layer,) = again.mapLayers().values()
    assert layer.customProperty(GRANULE_PROPERTY) == str(files.reflectance)
    context = QgsProcessingContext()
    context.setProject(again)
    assert granule_path(layer.id(), context) == str(files.reflectance)


def test_other_tools_may_rewrite_the_geotiff(meant, scene_file, files, tmp_path):
    gdal.Translate(str(tmp_path / "again.tif"), str(scene_file))
    assert meant(str(tmp_path / "again.tif")) == str(files.reflectance)


def test_a_step_of_a_model_hands_its_layer_on(plugin, files, areas, tmp_path):
    """load_granule, then extract_spectra with its output as GRANULE."""
    import processing
    from qgis.core import (
        QgsProcessingModelAlgorithm,
        QgsProcessingModelChildAlgorithm,
        QgsProcessingModelChildParameterSource,
        QgsProcessingModelOutput,
    )

    source = QgsProcessingModelChildParameterSource
    model = QgsProcessingModelAlgorithm("two steps", "test")
    load = QgsProcessingModelChildAlgorithm("pixelspectra:load_granule")
    load.setChildId("load")
    load.addParameterSources("GRANULE", [source.fromStaticValue(str(files.reflectance))])
    model.addChildAlgorithm(load)
    extract = QgsProcessingModelChildAlgorithm("pixelspectra:extract_spectra")
    extract.setChildId("extract")
    extract.addParameterSources("GRANULE", [source.fromChildOutput("load", "OUTPUT")])
    extract.addParameterSources("AOI", [source.fromStaticValue(str(areas))])
    output = QgsProcessingModelOutput("pixels", "pixels")
    output.setChildId("extract")
    output.setChildOutputName("OUTPUT")
    extract.setModelOutputs({"pixels": output})
    model.addChildAlgorithm(extract)
    model.updateDestinationParameters()
    results = processing.run(model, {"pixels": str(tmp_path / "out.gpkg")})
    assert len(rows_of(results["pixels"])) == 52


# ENVI

@pytest.fixture
def envi(tmp_path):
    n_rows, n_columns = 12, 10
    cube = np.stack([np.full((n_rows, n_columns), 0.1 * (k + 1), np.float32) for k in range(4)], axis=-1)
    cube += np.arange(n_columns, dtype=np.float32)[None, :, None] / 1000
    return cube, tmp_path


def test_an_envi_image_by_header_or_data_file(run, envi, tmp_path):
    cube, folder = envi
    written = write_envi_cube(folder, cube, wavelength_nm=[470.0, 560.0, 650.0, 860.0],
                              map_info=lonlat_map_info(lon=15.0, lat=36.0, step_deg=0.001))
    area = write_geojson(folder / "a.geojson", {"type": "Point", "coordinates": [15.0035, 35.9975]})
    for path in (written.header, written.data, shutil.copy(written.data, folder / "cube")):
        (row,) = rows_of(run("extract_spectra", GRANULE=path, AOI=area, MASK="none", OUTPUT="memory:")["OUTPUT"])
        assert (row["downtrack"], row["crosstrack"]) == (2, 3)
    run("load_granule", GRANULE=written.header, OUTPUT=folder / "cube.tif")
    np.testing.assert_allclose(gdal.Open(str(folder / "cube.tif")).ReadAsArray()[0], cube[..., 2])


def test_an_image_without_location(run, refused, envi, areas):
    cube, folder = envi
    written = write_envi_cube(folder, cube, wavelength_nm=[470.0, 560.0, 650.0, 860.0])
    run("load_granule", GRANULE=written.header, OUTPUT=folder / "cube.tif")
    assert gdal.Open(str(folder / "cube.tif")).GetProjection() == ""
    np.testing.assert_allclose(gdal.Open(str(folder / "cube.tif")).ReadAsArray()[2], cube[..., 0])
    assert "has no location" in refused("extract_spectra", GRANULE=written.header, AOI=areas, OUTPUT="memory:")


# Quality

def test_bits_say_why(run, files, tmp_path):
    run("quality_mask", MASK_FILE=files.mask, FLAGS="cloud, dilated cloud", H2O_MAX=2, REASONS=tmp_path / "r.tif")
    dataset = gdal.Open(str(tmp_path / "r.tif"))
    values, there = dataset.ReadAsArray(), SWATH.glt_x > 0
    raw = np.zeros(SCENE.shape, int)
    raw[1:6, 2:7] += 16
    raw[2:5, 3:6] += 1
    raw[:, -1] += 128
    assert (values[~there] == -9999).all()
    np.testing.assert_array_equal(values[there], raw[SWATH.glt_y[there] - 1, SWATH.glt_x[there] - 1])
    tags = dataset.GetMetadata()
    assert (tags["BIT_1"], tags["BIT_16"], tags["BIT_128"]) == ("Cloud flag", "Dilated Cloud Flag", "H2O > 2")
    assert "BIT_2" not in tags


def test_version_002_has_no_interpolated_bands(run, tmp_path):
    granule = write_granule(tmp_path, SCENE, mask="V002", uncertainty=False)
    results = run("quality_mask", GRANULE=granule.reflectance, DATA=tmp_path / "d.tif",
                  BANDS_INTERPOLATED=tmp_path / "b.tif")
    assert set(results) == {"DATA"}
    assert not (tmp_path / "b.tif").exists()
    assert gdal.Open(str(tmp_path / "d.tif")).RasterCount == 4


@pytest.mark.parametrize(
    ("given", "said"),
    [({}, "Neither a MASK file nor a granule is given"), ({"MASK_FILE": "mask"}, "No output is asked for"),
     ({"MASK_FILE": "reflectance", "REASONS": "r.tif"}, "is not an EMIT MASK file"),
     ({"MASK_FILE": "mask", "FLAGS": "fog", "REASONS": "r.tif"}, "Unknown mask flag 'fog'; the known ones are: Cloud")],
)
def test_quality_mask_refuses(refused, files, tmp_path, given, said):
    plain = {n: tmp_path / v if n == "REASONS" else getattr(files, v, v) for n, v in given.items()}
    assert said in refused("quality_mask", **plain)
    assert list(tmp_path.iterdir()) == []


def test_apply_mask_never_writes_into_the_granule(refused, run, tmp_path):
    granule = write_granule(tmp_path, SCENE, uncertainty=False)
    before = shutil.copy(granule.reflectance, tmp_path / "before")
    assert "is the granule itself" in refused("apply_mask", GRANULE=granule.reflectance, OUTPUT=granule.reflectance)
    assert granule.reflectance.read_bytes() == before.read_bytes()


def test_netcdf_is_not_loaded_as_a_layer(run, files, tmp_path):
    """It is in sensor space: QGIS would show it from the side."""
    from qgis.core import QgsProcessingOutputLayerDefinition

    pytest.importorskip("h5py")
    context = QgsProcessingContext()
    target = QgsProcessingOutputLayerDefinition(str(tmp_path / "masked.nc"), QgsProject.instance())
    results = run("apply_mask", context=context, GRANULE=files.reflectance, OUTPUT=target)
    assert results == {"OUTPUT": str(tmp_path / "masked.nc")}
    assert context.layersToLoadOnCompletion() == {}


def test_place_of_a_pixel_is_as_the_tests_think():
    assert place(0, 0) == pytest.approx([15.0, 36.0], abs=1e-3)
