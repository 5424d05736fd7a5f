"""What a GRANULE parameter may hold -> the path or address of the granule.

A path, an address (https) of the archive, a layer of the project, or a raster made by load_granule: that one
remembers its granule in a property of the layer and in the metadata of its GeoTIFF.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, Optional

from osgeo import gdal
from qgis.core import QgsMapLayer, QgsProcessingContext, QgsProcessingUtils

from ..core.archive.web.origins import unsigned
from ..core.errors import GranuleError
from ..core.sensors import is_remote

GRANULE_PROPERTY = "pixel_spectra/granule"
"""Custom property of a layer: path of its granule."""
GRANULE_TAG, RELATIVE_TAG = "PIXEL_SPECTRA_GRANULE", "PIXEL_SPECTRA_GRANULE_RELATIVE"
"""Metadata of a GeoTIFF: path of its granule, and the same seen from the folder of the GeoTIFF."""

_SUBDATASET = re.compile(r'(NETCDF|HDF5):("(?P<quoted>[^"]+)"|(?P<bare>.+?))(:[^:]*|://.*)?$')
_ADDRESS = re.compile(r"(?:/vsicurl(?:_streaming)?/)?(https?)(://.*)", re.IGNORECASE | re.DOTALL)
_ADDRESS_WITH_OPTIONS = ("/vsicurl?", "/vsicurl_streaming?")
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def address_of(text: str) -> str:
    """The address that `text` is, also as GDAL writes it; "" where it is none.

    Raises GranuleError for an address that holds more than where the granule is: a signature, a name, options.
    """
    text = _file_of(text)
    found = _ADDRESS.fullmatch(text)
    address = found[1].lower() + found[2] if found else ""
    if unsigned(address) != address or text.startswith(_ADDRESS_WITH_OPTIONS):
        raise GranuleError(f"The address '{unsigned(address) or text.partition('?')[0]}' comes with more than where "
                           "the granule is (a signature, a name or options), which would be written down with it; give "
                           "the address alone, and AUTHCFG to sign in.")
    return address


def granule_path(value: Any, context: QgsProcessingContext) -> str:
    """The path or address of the granule that `value` (path, address, layer, id or source of a layer) means."""
    text = "" if isinstance(value, QgsMapLayer) else str(value or "").strip()
    if address_of(text):
        return address_of(text)
    layer = value if isinstance(value, QgsMapLayer) else QgsProcessingUtils.mapLayerFromString(text, context, False)
    if layer is not None:
        remembered = layer.customProperty(GRANULE_PROPERTY)
        if remembered and (is_remote(str(remembered)) or Path(remembered).exists()):
            return address_of(str(remembered)) or str(remembered)
        text = layer.source()
        if address_of(text):
            return address_of(text)
    path = _file_of(text)
    return _remembered(path) if _is_tiff(path) else path


def granule_paths(value: Any, context: QgsProcessingContext) -> list[str]:
    """The paths of all granules that `value` means: one of the above or a folder, a list, or text with `;` between."""
    if isinstance(value, str):
        text = value.strip().strip('"')
        given = [text] if os.path.exists(text) else [part.strip().strip('"') for part in text.split(";")]
    else:
        given = list(value) if isinstance(value, (list, tuple)) else [value]
    return [one if isinstance(one, str) and os.path.isdir(one) else granule_path(one, context)
            for one in given if one not in (None, "")]


def granule_tags(granule: str, raster: Path) -> dict[str, str]:
    """The metadata by which the GeoTIFF `raster` remembers `granule`."""
    if is_remote(granule):
        return {GRANULE_TAG: unsigned(granule)}
    tags = {GRANULE_TAG: os.path.abspath(granule)}
    with suppress(ValueError):  # on another drive
        tags[RELATIVE_TAG] = Path(os.path.relpath(granule, raster.parent)).as_posix()
    return tags


def _file_of(text: str) -> str:
    """The file of a GDAL source such as NETCDF:"scene.nc":reflectance; other text as it is."""
    if os.path.exists(text) or ":" not in text:
        return text
    found = _SUBDATASET.match(text)
    return (found["quoted"] or found["bare"]) if found else text


def _is_tiff(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(4) in _TIFF_STARTS
    except OSError:
        return False  # the core says what is wrong with it


def _remembered(path: str) -> str:
    tags = _tags(path)
    if GRANULE_TAG not in tags:
        raise GranuleError(f"'{path}' is a GeoTIFF that names no granule; give the granule itself (.nc, .hdr), or a "
                           "layer made by 'Load granule'.")
    if is_remote(tags[GRANULE_TAG]):
        return address_of(tags[GRANULE_TAG])
    places = [Path(tags[GRANULE_TAG])]
    if RELATIVE_TAG in tags:
        places.append(Path(path).resolve().parent / tags[RELATIVE_TAG])
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise GranuleError(f"'{path}' was made from '{places[0]}', which is not there any more; give the granule "
                           "itself.")
    return str(found)


def _tags(path: str) -> dict[str, str]:
    dataset: Optional[gdal.Dataset] = gdal.OpenEx(path, gdal.OF_RASTER, allowed_drivers=["GTiff"])
    return {} if dataset is None else dataset.GetMetadata()
