"""EMIT, NASA's imaging spectrometer on the Space Station: L1B and L2A swaths, L3 grids (netCDF-4)."""

from ...io.hdf5 import is_hdf5
from .. import SENSORS, Sensor
from .companions import open_mask_alone
from .granule import open_emit

SENSORS.add("emit", Sensor(is_hdf5, open_emit, open_mask_alone))
