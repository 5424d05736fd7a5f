"""What a user mistypes gets a sentence, never a silent zero or another granule's values."""

import pytest
from osgeo import gdal
from qgis.core import QgsFeature, QgsGeometry, QgsPointXY, QgsProcessingException, QgsVectorLayer

from granules import Scene, lonlat, write_granule

SCENE = Scene(downtrack=30, crosstrack=20)


@pytest.fixture
def granule(tmp_path):
    return str(write_granule(tmp_path, SCENE).reflectance)


def area(kind="Point?crs=EPSG:4326"):
    layer = QgsVectorLayer(kind, "area", "memory")
    feature = QgsFeature()
    feature.setGeometry(QgsGeometry.fromPointXY(QgsPointXY(*lonlat(SCENE, 20, 10))))
    layer.dataProvider().addFeature(feature)
    return layer


@pytest.mark.parametrize("threshold", ["abc", "0,1"])
def test_a_threshold_that_is_no_number_is_refused(run, granule, threshold):
    with pytest.raises(QgsProcessingException, match=f"THRESHOLD is '{threshold}', which is not a number"):
        run("score_spectra", GRANULE=granule, AOI=area(), REFERENCE="kaolinite_cm9_beckb", THRESHOLD=threshold,
            OUTPUT="memory:")


def test_a_layer_without_geometry_is_no_area(run, granule):
    with pytest.raises(QgsProcessingException, match="has no geometry, so it marks no area"):
        run("extract_spectra", GRANULE=granule, AOI=area("None"), OUTPUT="memory:")


def test_a_masked_copy_does_not_stand_for_its_granule(run, granule, tmp_path):
    copy = str(tmp_path / "masked.tif")
    run("apply_mask", GRANULE=granule, MASK="cloud", OUTPUT=copy)
    assert not [key for key in gdal.Open(copy).GetMetadata() if key.startswith("PIXEL_SPECTRA")]
    with pytest.raises(QgsProcessingException):
        run("extract_spectra", GRANULE=copy, AOI=area(), OUTPUT="memory:")
