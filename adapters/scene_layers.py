"""The picture of a granule as a layer of the project: made once, kept in the user's profile, found again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Optional

import numpy as np
from qgis.core import (
    Qgis,
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCsException,
    QgsDataProvider,
    QgsLayerTreeLayer,
    QgsMapLayer,
    QgsPointXY,
    QgsProcessingUtils,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
)

from ..core.errors import GranuleError, OutputError
from ..core.geolocation import TURNS, Bounds
from ..core.io.atomic import discard
from ..core.io.envi import header_file, read_header
from ..core.orthorectification import TRUE_COLOUR_NM, nearest_bands
from ..core.progress import Progress
from ..core.quality import good_bands
from ..core.sensors import Granule, GranuleSource, is_remote
from .areas import LONLAT
from .granule_raster import write_granule_raster
from .granules import GRANULE_PROPERTY

MASK_PROPERTY = "pixel_spectra/mask_file"
"""Custom property of a layer: the MASK file that the user gave; absent where it is looked for beside the granule."""
UNCERTAINTY_PROPERTY = "pixel_spectra/uncertainty_file"
"""The same for RFLUNCERT."""

QUICK_STRIDE = 4
"""The first picture has a sixteenth of the cells."""
MOST_PICTURES = 50
"""So many pictures are kept, the last used ones."""
MOST_BYTES = 2 << 30
"""Their size together, at most."""

_FOLDER = ("pixel_spectra", "pictures")


def picture_path(source: GranuleSource, stride: int) -> Path:
    """Where the picture of a granule is kept; another place as soon as its files change.

    Companions do not matter: a picture is not masked. Raises GranuleError where a file is not there.
    """
    path = Path(source.path)
    digest = hashlib.sha256(os.path.abspath(path).encode())
    for file in files_of(path):
        try:
            facts = file.stat()
        except OSError as error:
            raise GranuleError(f"'{file}' cannot be opened ({error.strerror}); check the path.") from error
        digest.update(f"|{facts.st_size}|{facts.st_mtime_ns}".encode())
    return pictures_folder() / f"{path.stem[:60]}-{digest.hexdigest()[:16]}-{stride}.tif"


def pictures_folder() -> Path:
    """The folder of pictures in the user's profile; one for this session where that cannot be written to."""
    folder = Path(QgsApplication.qgisSettingsDirPath()).joinpath(*_FOLDER)
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        folder = Path(QgsProcessingUtils.tempFolder()).joinpath(*_FOLDER)
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def best_picture(source: GranuleSource) -> Optional[Path]:
    """The finest picture of a granule that was made already, marked as used; None where there is none."""
    for path in (picture_path(source, 1), picture_path(source, QUICK_STRIDE)):
        if path.is_file() and path.with_suffix(".qml").is_file():
            with suppress(OSError):
                os.utime(path)
            return path
    return None


def is_full(picture: Path) -> bool:
    """Whether a picture has every cell."""
    return picture.stem.endswith("-1")


def write_picture(granule: Granule, stride: int, progress: Progress) -> Path:
    """Make the picture of a granule, without a mask; raises a PixelSpectraError. Not for the GUI thread."""
    path = picture_path(granule.source, stride)
    write_granule_raster(granule, path, picture_wavelengths(granule), "none", stride, progress)
    prune(path.parent)
    return path


def picture_wavelengths(granule: Granule) -> tuple[float, ...]:
    """True colour; the middle one of the good bands of an image that does not see these."""
    try:
        nearest_bands(granule, TRUE_COLOUR_NM)
    except GranuleError:
        centres = np.sort(granule.bands.wavelength_nm[good_bands(granule.bands)[0]])
        centres = centres if len(centres) else granule.bands.wavelength_nm
        return (float(centres[len(centres) // 2]),)
    return TRUE_COLOUR_NM


def picture_layer(path: Path, source: GranuleSource, name: str) -> QgsRasterLayer:
    """A new layer with the picture at `path`, not yet in a project. Raises OutputError for a broken picture."""
    options = QgsRasterLayer.LayerOptions(True)
    options.skipCrsValidation = True  # an image without location must not make QGIS ask
    layer = QgsRasterLayer(str(path), name, "gdal", options)
    _check(layer, path)
    remember(layer, source)
    return layer


def browse_layer(path: Path, name: str) -> QgsRasterLayer:
    """A new layer with a picture that stands for no granule, not yet in a project. Raises OutputError."""
    layer = QgsRasterLayer(str(path), name, "gdal")
    _check(layer, path)
    return layer


def insert_layer(layer: QgsRasterLayer, project: QgsProject) -> None:
    """Add a layer to the project: above the other rasters, below what is drawn on top of them."""
    project.addMapLayer(layer, False)
    root = project.layerTreeRoot()
    others = [node.layer() if isinstance(node, QgsLayerTreeLayer) else None for node in root.children()]
    drawn = [other is not None and other.type() == Qgis.LayerType.Vector for other in others]
    place = drawn.index(False) if False in drawn else len(drawn)
    root.insertLayer(place, layer)


def change_picture(layer: QgsRasterLayer, path: Path) -> None:
    """Show the picture at `path` in a layer, which keeps its id, place, name, visibility and style.

    Raises OutputError for a broken picture.
    """
    if layer.isValid() and layer.source() == str(path):
        return
    unstyled = layer.renderer() is None
    layer.setDataSource(str(path), layer.name(), "gdal", QgsDataProvider.ProviderOptions(), unstyled)
    _check(layer, path)
    layer.triggerRepaint()


def remember(layer: QgsMapLayer, source: GranuleSource) -> None:
    """Write into the layer which granule it shows."""
    given = {GRANULE_PROPERTY: lasting_path(source.path), MASK_PROPERTY: source.mask_file,
             UNCERTAINTY_PROPERTY: source.uncertainty_file}
    for key, value in given.items():
        if value is None:
            layer.removeCustomProperty(key)
        else:
            layer.setCustomProperty(key, value)


def lasting_path(path: str) -> str:
    """A path that holds from any folder; a URL as it is."""
    return path if is_remote(path) else os.path.abspath(path)


def source_of(layer: QgsMapLayer) -> Optional[GranuleSource]:
    """The granule that a layer shows; None for any other layer."""
    if not isinstance(layer, QgsRasterLayer):
        return None
    path, *companions = (str(layer.customProperty(key) or "") for key in
                         (GRANULE_PROPERTY, MASK_PROPERTY, UNCERTAINTY_PROPERTY))
    return GranuleSource(path, *(companion or None for companion in companions)) if path else None


def shows_own_picture(layer: QgsRasterLayer) -> bool:
    """Whether a layer shows a picture made here, and not a raster of the user's."""
    return tuple(Path(layer.source()).parts[-3:-1]) == _FOLDER


def extent_lonlat(layer: QgsRasterLayer, project: QgsProject) -> Optional[Bounds]:
    """(lon_min, lat_min, lon_max, lat_max) around a layer; None where it has no place on Earth."""
    if not layer.isValid() or not layer.crs().isValid():
        return None
    try:
        box = QgsCoordinateTransform(layer.crs(), QgsCoordinateReferenceSystem(LONLAT), project
                                     ).transformBoundingBox(layer.extent())
    except QgsCsException:
        return None
    return box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()


def overlaps(one: Bounds, other: Bounds) -> bool:
    """Whether two boxes in lon/lat touch; longitudes are the same after a turn."""
    if one[1] > other[3] or other[1] > one[3]:
        return False
    return any(one[0] + turn <= other[2] and other[0] <= one[2] + turn for turn in TURNS)


def has_value_at(layer: QgsRasterLayer, lon: float, lat: float, project: QgsProject) -> bool:
    """Whether a picture shows something at a place, and not the empty corners around a swath."""
    try:
        at = QgsCoordinateTransform(QgsCoordinateReferenceSystem(LONLAT), layer.crs(), project
                                    ).transform(QgsPointXY(lon, lat))
    except QgsCsException:
        return False
    turns = TURNS if layer.crs().isGeographic() else (0.0,)
    points = (QgsPointXY(at.x() + turn, at.y()) for turn in turns)
    return any(layer.dataProvider().sample(point, 1)[1] for point in points if layer.extent().contains(point))


def extent_in(layer: QgsMapLayer, crs: QgsCoordinateReferenceSystem, project: QgsProject) -> QgsRectangle:
    """The extent of a layer in another CRS; as it is where one of both is unknown. Raises OutputError."""
    if not layer.crs().isValid() or not crs.isValid():
        return layer.extent()
    try:
        return QgsCoordinateTransform(layer.crs(), crs, project).transformBoundingBox(layer.extent())
    except QgsCsException as error:
        raise OutputError(f"'{layer.name()}' cannot be shown in the coordinate reference system of the project "
                          f"({crs.userFriendlyIdentifier()}); choose one that covers it.") from error


def _check(layer: QgsRasterLayer, path: Path) -> None:
    if not layer.isValid():
        raise OutputError(f"The picture '{path}' cannot be opened; delete it and open the granule again.")


def files_of(path: Path) -> Iterator[Path]:
    """The file of a granule; header and data of an ENVI image. May raise GranuleError."""
    yield path
    if path.suffix.lower() == ".hdr":
        yield read_header(path).data_file()
    elif path.suffix.lower() != ".nc":
        header = header_file(path)
        if header is not None:
            yield header


def prune(folder: Path) -> None:
    """Remove the pictures used longest ago, so that MOST_PICTURES and MOST_BYTES are kept."""
    with suppress(OSError):  # another QGIS prunes too
        files = sorted(((p.stat().st_mtime, p.stat().st_size, p) for p in folder.glob("*.tif")), reverse=True)
        total = 0
        for number, (_, size, path) in enumerate(files, start=1):
            total += size
            if number > 1 and (number > MOST_PICTURES or total > MOST_BYTES):
                discard(path.with_suffix(".qml"))
                discard(path)
