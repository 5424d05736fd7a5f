"""The pictures of the guide: a tour through the demo granule in the real QGIS, driven by mouse and keyboard."""
