"""map_scores in QGIS: the GeoTIFF, its names, classes and style, as a script, in qgis_process, and what it refuses."""

import numpy as np
import pytest
from osgeo import gdal
from pixel_spectra.core.libraries import bundled_library
from pixel_spectra.core.mapping import map_scores
from pixel_spectra.core.sensors import open_granule
from qgis.core import QgsPalettedRasterRenderer, QgsRasterLayer, QgsSingleBandPseudoColorRenderer

from granules import write_radiance
from kept_rasters import Memory
from qgis_side import REFERENCE, SCENE

gdal.UseExceptions()
LIBRARY = bundled_library()
OTHERS = [name for name in LIBRARY if name.startswith(("alunite", "calcite"))][:2]
SEVERAL = [REFERENCE, *OTHERS]


def expected(files, names, metric="sam", **options):
    sink = Memory()
    map_scores(open_granule(files.reflectance), [LIBRARY[name] for name in names], metric, sink, **options)
    return sink


def read(path):
    dataset = gdal.Open(str(path))
    values = np.moveaxis(np.atleast_3d(dataset.ReadAsArray().T), (0, 1), (1, 0))
    return np.where(values == -9999, np.nan, values), dataset


def test_one_reference_is_a_band_on_the_map_grid(run, files, tmp_path):
    out = run("map_scores", GRANULE=files.reflectance, REFERENCES=[REFERENCE], OUTPUT=tmp_path / "sam.tif")["OUTPUT"]
    values, dataset = read(out)
    kept = expected(files, [REFERENCE], orthorectify=True)
    np.testing.assert_array_equal(values, kept.values)
    assert dataset.GetRasterBand(1).GetDescription() == LIBRARY[REFERENCE].name
    assert dataset.GetGeoTransform() == pytest.approx(kept.grid.geotransform)
    told = dataset.GetMetadata()
    assert (told["METRIC"], told["METRIC_UNIT"], told["METRIC_CLOSER"]) == ("sam", "rad", "lower")
    assert told["MASK_ID"] == "quality"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sam.qml", "sam.tif"]


@pytest.mark.parametrize("metric, bright", [("sam", 0), ("matched_filter", -1)])
def test_the_bright_end_of_the_colours_is_close(run, files, tmp_path, metric, bright):
    out = run("map_scores", GRANULE=files.reflectance, REFERENCES=REFERENCE, METRIC=metric, MASK="good_bands",
              OUTPUT=tmp_path / "map.tif")["OUTPUT"]
    layer = QgsRasterLayer(out, "map")
    renderer = layer.renderer()
    assert isinstance(renderer, QgsSingleBandPseudoColorRenderer)
    items = renderer.shader().rasterShaderFunction().colorRampItemList()
    assert items[bright].color.name() == "#fde725"
    assert items[0].value < items[-1].value


def test_the_file_tells_its_mask(run, files, tmp_path):
    out = run("map_scores", GRANULE=files.reflectance, REFERENCES=[REFERENCE], MASK="cloud", STRIDE=4,
              OUTPUT=tmp_path / "map.tif")["OUTPUT"]
    assert gdal.Open(out).GetMetadata()["MASK_ID"] == "cloud"


def test_a_map_in_sensor_space_is_written_without_a_complaint(run, files, tmp_path, capfd):
    run("map_scores", GRANULE=files.reflectance, REFERENCES=[REFERENCE], SENSOR_SPACE=True,
        OUTPUT=tmp_path / "map.tif")
    assert "ERROR" not in capfd.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["map.qml", "map.tif"]


def test_a_stride_that_leaves_no_pixel_is_refused(refused, files, tmp_path):
    sentence = refused("map_scores", GRANULE=files.reflectance, REFERENCES=[REFERENCE], STRIDE=1000,
                       OUTPUT=tmp_path / "map.tif")
    assert "With a stride of 1000 no cell of the map lies on a pixel of 'EMIT_L2A_RFL_001_2024" in sentence
    assert list(tmp_path.iterdir()) == []


def test_several_references_are_classes_with_names(run, files, tmp_path):
    out = run("map_scores", GRANULE=files.reflectance, REFERENCES=SEVERAL, SENSOR_SPACE=True,
              OUTPUT=tmp_path / "map.tif")["OUTPUT"]
    values, dataset = read(out)
    np.testing.assert_array_equal(values, expected(files, SEVERAL).values)
    names = [LIBRARY[name].name for name in SEVERAL]
    bands = [dataset.GetRasterBand(n).GetDescription() for n in range(1, 6)]
    assert bands == [*(f"{n} {name}" for n, name in enumerate(names, 1)), "best class", "margin"]
    assert [dataset.GetMetadata()[f"CLASS_{n}"] for n in (1, 2, 3)] == names
    layer = QgsRasterLayer(out, "map")
    renderer = layer.renderer()
    assert isinstance(renderer, QgsPalettedRasterRenderer)
    assert renderer.inputBand() == 4
    assert [(c.value, c.label) for c in renderer.classes()] == list(enumerate(names, 1))


def test_names_with_commas_and_a_file_of_ones_own(run, files, tmp_path):
    library = tmp_path / "own.csv"
    rows = "".join(f"{nm},0.{nm % 7 + 1},0.3\n" for nm in range(400, 2500, 10))
    library.write_text(f"wavelength,first,second\n{rows}")
    out = run("map_scores", GRANULE=files.reflectance, REFERENCES=",".join(OTHERS), REFERENCE_FILE=library,
              STRIDE=4, OUTPUT=tmp_path / "map.tif")["OUTPUT"]
    _, dataset = read(out)
    assert [dataset.GetMetadata()[f"CLASS_{n}"] for n in (3, 4)] == ["first", "second"]
    assert dataset.RasterCount == 6
    whole = expected(files, [REFERENCE], orthorectify=True).grid
    assert (dataset.RasterYSize, dataset.RasterXSize) == (-(-whole.rows // 4), -(-whole.columns // 4))


def test_a_metric_without_reference_needs_none(run, files, tmp_path):
    out = run("map_scores", GRANULE=files.reflectance, METRIC="rx", OUTPUT=tmp_path / "map.tif")["OUTPUT"]
    assert read(out)[1].GetRasterBand(1).GetDescription() == "rx"


@pytest.mark.parametrize("given, said", [
    ({"REFERENCES": None}, "The metric 'sam' needs at least one reference"),
    ({"REFERENCES": "no_such_thing"}, "There is no reference 'no_such_thing' in the library"),
    ({"REFERENCES": [REFERENCE, "no_such_thing"]}, "There is no reference 'no_such_thing' in the library"),
    ({"METRIC": "sma"}, "Unknown metric 'sma'; the known ones are: sam"),
    ({"MASK": "fog"}, "fog"),
    ({"GRANULE": "absent.nc"}, "'absent.nc' cannot be opened"),
    ({"REFERENCE_FILE": "absent.csv"}, "absent.csv: there is no such file or folder"),
])
def test_what_it_refuses(refused, files, tmp_path, given, said):
    plain = {"GRANULE": files.reflectance, "REFERENCES": [REFERENCE], "OUTPUT": tmp_path / "map.tif", **given}
    assert said in refused("map_scores", **plain)
    assert list(tmp_path.iterdir()) == []


def test_radiance_is_refused(refused, tmp_path):
    radiance = write_radiance(tmp_path, SCENE)
    said = refused("map_scores", GRANULE=radiance, REFERENCES=[REFERENCE], OUTPUT=tmp_path / "map.tif")
    assert "The metric 'sam' compares reflectance" in said
    assert sorted(tmp_path.iterdir()) == [radiance]


def test_in_qgis_process(qgis_process, files, tmp_path):
    done = qgis_process.run("pixelspectra:map_scores", GRANULE=files.reflectance, REFERENCES=",".join(SEVERAL),
                            METRIC="ace", OUTPUT=tmp_path / "map.tif")
    values, _ = read(done.json["results"]["OUTPUT"])
    here = expected(files, SEVERAL, "ace", orthorectify=True).values
    np.testing.assert_allclose(values[..., [0, 1, 2, 4]], here[..., [0, 1, 2, 4]], atol=2e-6)
    clear = here[..., 4] > 1e-5
    np.testing.assert_array_equal(values[clear, 3], here[clear, 3])
    np.testing.assert_array_equal(np.isnan(values), np.isnan(here))
