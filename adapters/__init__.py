"""Between QGIS (and GDAL) and the core: values in, values out, no widgets."""
