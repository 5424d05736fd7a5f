"""Every parameter of every algorithm: one function each, so that a name means the same wherever it stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Optional

from qgis.core import (
    QgsProcessing,
    QgsProcessingParameterAuthConfig,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDateTime,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterString,
)
from qgis.core import QgsProcessingParameterDefinition as Definition

from ..adapters.downloads import FILES
from ..core.archive.archives import ARCHIVES
from ..core.archive.searching import DAY_NIGHT
from ..core.errors import LibraryError
from ..core.libraries import bundled_library
from ..core.metrics import METRICS
from ..core.resampling import RESAMPLING
from ..core.scoring import BACKGROUNDS

_NUMBER = QgsProcessingParameterNumber.Type


def granule(optional: bool = False, help_text: str = "") -> Definition:
    """GRANULE."""
    return _helped(
        _file("GRANULE", "Granule", optional),
        help_text or "An EMIT granule (.nc: L2A reflectance, its uncertainty, L1B radiance or gridded L3), an ENVI "
        "image (header or data file), a layer made by 'Load granule', which remembers its granule, or the address "
        "(https) of a scene in NASA's archive, read over the network piece by piece.")


def authcfg() -> Definition:
    """AUTHCFG."""
    return _helped(
        _advanced(QgsProcessingParameterAuthConfig("AUTHCFG", "Sign in with", optional=True)),
        "Who signs in to Earthdata where a granule is an address of NASA's archive: an authentication of QGIS, of the "
        "kind Basic (name and password) or API Header (Authorization: Bearer and a token). Empty takes the way that "
        "the settings of Pixel Spectra name: the environment, a netrc file, or an authentication of QGIS.")


def aoi() -> Definition:
    """AOI."""
    return _helped(
        QgsProcessingParameterFeatureSource("AOI", "Area", [QgsProcessing.SourceType.TypeVectorAnyGeometry]),
        "Points (the nearest pixel each), polygons (all pixels whose centre they enclose) or lines (all pixels they "
        "cross, in order), in any coordinate reference system that can be transformed to longitude and latitude. "
        "Each feature is treated by itself and its id stands in feature_id.")


def search_area() -> Definition:
    """AOI of a search."""
    return _helped(
        QgsProcessingParameterFeatureSource("AOI", "Area", [QgsProcessing.SourceType.TypeVectorAnyGeometry]),
        "Points, lines or polygons in any coordinate reference system; scenes that touch any of them are found. Shapes "
        "may cross the antimeridian or go round a pole.")


def sensor() -> Definition:
    """SENSOR."""
    titles = "; ".join(f"{name}: {archive.title}" for name, archive in ARCHIVES.items())
    return _helped(_enum("SENSOR", "Sensor", ARCHIVES, next(iter(ARCHIVES))), f"Whose scenes are searched. {titles}.")


def scenes(help_text: str) -> Definition:
    """SCENES."""
    return _helped(QgsProcessingParameterFeatureSource("SCENES", "Scenes", [QgsProcessing.SourceType.TypeVector],
                                                       optional=True), help_text)


def scene_files() -> Definition:
    """FILES."""
    return _helped(
        QgsProcessingParameterEnum("FILES", "Files of each scene", FILES, True, None, True, True),
        "Which files of each scene are downloaded: RFL (reflectance), RFLUNCERT (its uncertainty), MASK (its quality); "
        "separated by commas in scripts. Empty takes all that the layer names.")


def day(name: str, description: str, help_text: str) -> Definition:
    """An optional day."""
    return _helped(QgsProcessingParameterDateTime(name, description, QgsProcessingParameterDateTime.Type.Date,
                                                  optional=True), help_text)


def day_night() -> Definition:
    """DAY_NIGHT."""
    return _helped(_enum("DAY_NIGHT", "Day or night", DAY_NIGHT, optional=True),
                   "Only scenes of the day or of the night. Scenes of which the archive does not say it are kept and "
                   "counted in the log. Empty takes all.")


def candidates() -> Definition:
    """CANDIDATES."""
    return _helped(
        QgsProcessingParameterFeatureSource("CANDIDATES", "Candidates", [QgsProcessing.SourceType.TypeVector]),
        "Places that are thought to be something: a layer of points, lines or polygons in any coordinate reference "
        "system, or a table (CSV) with the columns lon and lat, or wkt. Each becomes one row of the result.")


def granules() -> Definition:
    """GRANULES."""
    return _helped(
        QgsProcessingParameterMultipleLayers("GRANULES", "Granules", QgsProcessing.SourceType.TypeFile, None, True),
        "One or many granules (EMIT .nc, ENVI), layers made by 'Load granule', a folder with granules, or addresses "
        "of scenes. Each candidate is looked up in every granule that covers it; the best-matching one wins. May be "
        "empty where SCENES are given.")


def field(name: str, description: str, help_text: str, parent: str) -> Definition:
    """An optional field of the layer `parent`."""
    return _helped(QgsProcessingParameterField(name, description, None, parent, optional=True), help_text)


def folder(name: str, description: str, help_text: str) -> Definition:
    """An optional folder, which need not exist yet."""
    return _helped(QgsProcessingParameterFile(name, description, QgsProcessingParameterFile.Behavior.Folder,
                                              optional=True), help_text)


def kept_folder(name: str, description: str, help_text: str) -> Definition:
    """A folder that must be given, and need not exist yet."""
    return _helped(QgsProcessingParameterFile(name, description, QgsProcessingParameterFile.Behavior.Folder), help_text)


def written_file(name: str, description: str, help_text: str, kinds: str) -> Definition:
    """An optional file to write that QGIS does not load."""
    return _helped(QgsProcessingParameterFileDestination(name, description, kinds, optional=True,
                                                         createByDefault=False), help_text)


def layer(name: str, description: str, help_text: str, optional: bool = False) -> Definition:
    """A vector output of any geometry."""
    return _helped(
        QgsProcessingParameterFeatureSink(name, description, QgsProcessing.SourceType.TypeVectorAnyGeometry,
                                          optional=optional, createByDefault=not optional), help_text)


def reference() -> Definition:
    """REFERENCE."""
    return _helped(
        _enum("REFERENCE", "Bundled reference", _bundled_ids(), optional=True),
        "Id of a bundled USGS spectrum to score against; 'List references' shows them all with their titles. "
        "Give this, or a reference file.")


def references() -> Definition:
    """REFERENCES."""
    return _helped(
        QgsProcessingParameterEnum("REFERENCES", "Bundled references", _bundled_ids(), True, None, True, True),
        "Ids of bundled USGS spectra to score against, separated by commas in scripts; 'List references' shows them "
        "all with their titles. Give these, a reference file, or both.")


def reference_file(help_text: str = "") -> Definition:
    """REFERENCE_FILE."""
    return _helped(
        _file("REFERENCE_FILE", "Reference file", True),
        help_text or "A spectral library of your own: CSV (wavelength, reflectance), USGS splib07 text, ECOSTRESS, "
        "ENVI .sli, a folder of these, or a layer with a profile field as EnMAP-Box and 'Extract spectra' make it.")


def reference_name() -> Definition:
    """REFERENCE_NAME."""
    return _helped(
        QgsProcessingParameterString("REFERENCE_NAME", "Name in the reference file", optional=True),
        "Which spectrum of the reference file to take, by id or title; needed where it holds several. A wrong name "
        "is answered with the list of what there is.")


def resampling() -> Definition:
    """RESAMPLING."""
    return _helped(
        _advanced(_enum("RESAMPLING", "Resampling of the reference", RESAMPLING, "auto")),
        "How the reference is brought to the bands of the granule: gaussian weighs its channels with the response "
        "of each band (centre and FWHM of the granule), linear interpolates, and auto takes gaussian wherever the "
        "reference is finer than the sensor. Bands that the reference does not reach drop out.")


def metric() -> Definition:
    """METRIC."""
    lines = "; ".join(f"{m.name}: {m.title} ({m.unit}, {m.better} is closer)" for m in METRICS.values())
    return _helped(
        _enum("METRIC", "Metric", METRICS, "sam"),
        f"How close a pixel is to the reference, or to being an anomaly. {lines}. {_needing('uncertainty')} needs the "
        f"RFLUNCERT file; no reference is needed by {_without_reference()}.")


def mask(default: Optional[str] = None) -> Definition:
    """MASK."""
    return _helped(
        QgsProcessingParameterString("MASK", "Mask", default, optional=True),
        "What makes a pixel or band unusable: none, good_bands (leave out the bands that the file calls bad), "
        "quality (also cloud, cirrus, dilated cloud and spacecraft pixels, and bands interpolated per pixel), or "
        "names of flags separated by commas with optional limits, such as: cloud, cirrus, AOD550<=0.3, H2O<=2. "
        "Empty is the default of the product: quality where its MASK file is found, else good_bands.")


def mask_file(optional: bool = True, help_text: str = "") -> Definition:
    """MASK_FILE."""
    return _helped(
        _file("MASK_FILE", "MASK file", optional),
        help_text or "The L2A MASK file of the granule; empty looks for it beside the granule, by its time.")


def uncertainty_file() -> Definition:
    """UNCERTAINTY_FILE."""
    return _helped(
        _file("UNCERTAINTY_FILE", "Uncertainty file", True),
        "The L2A RFLUNCERT file of the granule; empty looks for it beside the granule. It fills profiles_sigma, and "
        "distance_sigma wherever there is a score: one standard deviation of the score, with the errors of the bands "
        "taken as independent, and reference and background as exact.")


def background() -> Definition:
    """BACKGROUND."""
    return _helped(
        _advanced(_enum("BACKGROUND", "Background", BACKGROUNDS, "scene")),
        f"For the metrics that need one ({_needing('background')}): scene draws pixels from the whole granule, ring "
        "takes those around the area. The pixels of the area itself never enter.")


def seed() -> Definition:
    """SEED."""
    return _helped(
        _advanced(QgsProcessingParameterNumber("SEED", "Seed", _NUMBER.Integer, 0, minValue=0)),
        "Number that the background pixels are drawn with; the same number gives the same pixels.")


def threshold() -> Definition:
    """THRESHOLD."""
    return _helped(
        QgsProcessingParameterNumber("THRESHOLD", "Threshold", _NUMBER.Double, None, optional=True),
        "Pixels whose score is this good or better, in the unit and direction of the metric, get accepted = true. "
        "Empty leaves accepted null.")


def points(description: str, help_text: str) -> Definition:
    """OUTPUT as points."""
    return _helped(
        QgsProcessingParameterFeatureSink("OUTPUT", description, QgsProcessing.SourceType.TypeVectorPoint), help_text)


def table(name: str, description: str, help_text: str, optional: bool = False) -> Definition:
    """A table without geometry."""
    return _helped(
        QgsProcessingParameterFeatureSink(name, description, QgsProcessing.SourceType.TypeVector, optional=optional,
                                          createByDefault=True), help_text)


def raster(name: str, description: str, help_text: str, optional: bool = False) -> Definition:
    """A raster output."""
    return _helped(QgsProcessingParameterRasterDestination(name, description, optional=optional), help_text)


def text(name: str, description: str, help_text: str, default: Optional[str] = None) -> Definition:
    """Optional text."""
    return _helped(QgsProcessingParameterString(name, description, default, optional=True), help_text)


def number(name: str, description: str, help_text: str, default: Optional[float] = None, whole: bool = False,
           **limits: Any) -> Definition:
    """An optional number."""
    kind = _NUMBER.Integer if whole else _NUMBER.Double
    return _helped(QgsProcessingParameterNumber(name, description, kind, default, optional=True, **limits), help_text)


def flag(name: str, description: str, help_text: str, default: bool = False) -> Definition:
    """Yes or no; `default` unless it is given."""
    return _helped(QgsProcessingParameterBoolean(name, description, default, True), help_text)


def file(name: str, description: str, help_text: str) -> Definition:
    """An optional file or folder to read."""
    return _helped(_file(name, description, True), help_text)


def source() -> Definition:
    """SOURCE."""
    return _helped(
        _file("SOURCE", "Source of the target", False),
        "What the gas does to light: a radiative-transfer look-up table in mag1c's layout (ENVI), a list of HITRAN "
        "lines (.par, or HAPI's .data), or a text file of wavelength and value such as NASA's targets. None of these "
        "comes with the plugin; docs/gas_targets.md says where to get them.")


def target() -> Definition:
    """TARGET."""
    return _helped(
        _file("TARGET", "Gas target", False),
        "The target spectrum of the gas: the CSV file that 'Gas target' writes for the bands of this granule, or "
        "another library with that one spectrum (slope of the logarithm of radiance per 1e5 ppm m).")


def csv(name: str, description: str, help_text: str) -> Definition:
    """A table of text to write."""
    return _helped(QgsProcessingParameterFileDestination(name, description, "CSV (*.csv)"), help_text)


def advanced(definition: Definition) -> Definition:
    """The same among the advanced parameters."""
    return _advanced(definition)


def _file(name: str, description: str, optional: bool) -> QgsProcessingParameterFile:
    """A file; QGIS' own filter would refuse names without a dot, and with them layers and many ENVI images."""
    return QgsProcessingParameterFile(name, description, optional=optional, fileFilter="All files (*)")


def _enum(name: str, description: str, options: Iterable[str], default: Optional[str] = None, optional: bool = False
          ) -> QgsProcessingParameterEnum:
    """A choice whose values are the words themselves, so that models and scripts stay readable."""
    return QgsProcessingParameterEnum(name, description, list(options), False, default, optional, True)


def _bundled_ids() -> list[str]:
    try:
        return list(bundled_library())
    except LibraryError:
        return []  # the core says so when one is asked for


def _needing(what: str) -> str:
    """The metrics that need `what`."""
    return ", ".join(m.name for m in METRICS.values() if what in m.needs)


def _without_reference() -> str:
    return ", ".join(m.name for m in METRICS.values() if "reference" not in m.needs)


def _advanced(definition: Definition) -> Definition:
    definition.setFlags(definition.flags() | Definition.Flag.FlagAdvanced)
    return definition


def _helped(definition: Definition, help_text: str) -> Definition:
    definition.setHelp(help_text)
    return definition
