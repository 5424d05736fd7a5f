"""GDAL's first click on a remote granule by /vsicurl and its HDF5 driver. The location is the GLT's cell."""

import time

import numpy as np
from measuring import answer
from osgeo import gdal

SETTINGS = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}
"""Without it the folder of the granule is listed first."""


def multidimensional(path, lon, lat):
    """By the multidimensional API: the arrays by name."""
    root = gdal.OpenEx(path, gdal.OF_MULTIDIM_RASTER, allowed_drivers=["HDF5"]).GetRootGroup()
    cell = _cell(root.GetAttribute("geotransform").Read(), lon, lat)
    row, column = (int(root.OpenMDArrayFromFullname(f"/location/{name}").ReadAsArray(cell, [1, 1])[0, 0]) - 1
                   for name in ("glt_y", "glt_x"))
    cube = root.OpenMDArrayFromFullname("/reflectance")
    return cube.ReadAsArray([row, column, 0], [1, 1, cube.GetDimensions()[2].GetSize()])[0, 0]


def raster(path, lon, lat):
    """By the raster API: a dataset per array, that of the cube with a band per line and a row per sample."""
    cube = gdal.Open(f'HDF5:"{path}"://reflectance')
    row, column = _cell([float(v) for v in cube.GetMetadataItem("geotransform").split()], lon, lat)
    at = [int(gdal.Open(f'HDF5:"{path}"://location/{name}').ReadAsArray(column, row, 1, 1)[0, 0]) - 1
          for name in ("glt_y", "glt_x")]
    return cube.GetRasterBand(at[0] + 1).ReadAsArray(0, at[1], cube.RasterXSize, 1)[0]


def _cell(geotransform, lon, lat):
    west, dx, _, north, _, dy = geotransform
    return [int((lat - north) // dy), int((lon - west) // dx)]


WAYS = {"multidimensional": multidimensional, "raster": raster}


def work(question):
    gdal.UseExceptions()
    gdal.GetDriverByName("netCDF").Deregister()  # else the HDF5 driver leaves what ends in .nc to it, which cannot
    for name, value in SETTINGS.items():
        gdal.SetConfigOption(name, value)
    gdal.SetConfigOption("GDAL_HTTP_HEADERS", f"Authorization: Bearer {question['token']}")
    start = time.monotonic()
    spectrum = WAYS[question["how"]](f"/vsicurl/{question['url']}", question["lon"], question["lat"])
    return {"start": start, "stop": time.monotonic(), "spectrum": np.asarray(spectrum, float).tolist(),
            "version": gdal.__version__}


answer(work)
