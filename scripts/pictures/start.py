"""What QGIS is told to run (`qgis --code`)."""

from pictures.tour import start

start()
