"""What REFERENCE, REFERENCE_FILE and REFERENCE_NAME mean together; libraries in layers with a profile field."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from qgis.core import QgsFeature, QgsProcessingContext, QgsProcessingUtils, QgsVectorLayer

from ..core.errors import LibraryError
from ..core.libraries import Library, ReferenceSpectrum, bundled_library, choose, open_library
from ..core.libraries.spectrum import slug
from ..core.libraries.units import arrange, fractions, nanometres
from .fields import PROFILE_WIDGET
from .profiles import Profile, decode

_LAYER_SUFFIXES = {".gpkg", ".geojson", ".json", ".fgb", ".sqlite"}


def chosen_reference(bundled: Optional[str], file: Any, name: Optional[str], context: QgsProcessingContext
                     ) -> Union[None, str, ReferenceSpectrum]:
    """The reference asked for: the id of a bundled one, one of a file, or None.

    Raises LibraryError where both are given, or the file holds several and none is named.
    """
    if bundled and file:
        raise LibraryError(f"Both a bundled reference ('{bundled}') and a file ('{file}') are given; give one of them.")
    if file:
        return choose(library_of(file, context), name)
    if name:
        raise LibraryError(f"The name '{name}' picks a spectrum from a library file, and none is given; give "
                           "REFERENCE_FILE, or the id of a bundled spectrum as REFERENCE.")
    return bundled


def chosen_references(bundled: Sequence[str], file: Any, context: QgsProcessingContext) -> list[ReferenceSpectrum]:
    """The bundled references of these ids, and after them all of a file; often only one of the two is given.

    Raises LibraryError for an id that is not known, or a file that holds no spectrum.
    """
    library = bundled_library() if bundled else {}
    return [choose(library, one) for one in bundled] + (list(library_of(file, context).values()) if file else [])


def library_of(value: Any, context: QgsProcessingContext) -> Library:
    """The spectra of a library file or folder, or of a layer with a profile field (as EnMAP-Box makes them)."""
    layer = _profile_layer(value, context)
    return open_library(str(value)) if layer is None else _library_in(layer)


def _profile_layer(value: Any, context: QgsProcessingContext) -> Optional[QgsVectorLayer]:
    if isinstance(value, QgsVectorLayer):
        return value
    layer = QgsProcessingUtils.mapLayerFromString(str(value), context, False)
    if isinstance(layer, QgsVectorLayer):
        return layer
    path = str(value).partition("|")[0]
    if Path(path).suffix.lower() not in _LAYER_SUFFIXES or not Path(path).is_file():
        return None
    opened = QgsVectorLayer(str(value), Path(path).stem, "ogr")
    return opened if opened.isValid() else None


def _library_in(layer: QgsVectorLayer) -> Library:
    field = _profile_field(layer)
    spectra: list[ReferenceSpectrum] = []
    problems: list[str] = []
    for feature in layer.getFeatures():
        profile = decode(feature[field])
        try:
            if profile is not None:
                spectra.append(_spectrum(profile, _name_of(feature, layer), layer.name()))
        except LibraryError as error:
            problems.append(str(error))
    if not spectra:
        why = f" ({problems[0]})" if problems else ""
        raise LibraryError(f"The layer '{layer.name()}' holds no usable profile in its field '{field}'{why}; choose a "
                           "layer made by EnMAP-Box or by 'Extract spectra'.")
    return Library(spectra, problems)


def _profile_field(layer: QgsVectorLayer) -> str:
    """The field marked as profile, else the first whose first value is one."""
    names = [f.name() for f in layer.fields()]
    marked = [n for i, n in enumerate(names) if layer.editorWidgetSetup(i).type() == PROFILE_WIDGET]
    if marked:
        return marked[0]
    first = next(layer.getFeatures(), None)
    found = next((n for n in names if first is not None and decode(first[n]) is not None), None)
    if found is None:
        raise LibraryError(f"The layer '{layer.name()}' has no field with spectral profiles; give a library file, or "
                           "a layer made by EnMAP-Box or by 'Extract spectra'.")
    return found


def _name_of(feature: QgsFeature, layer: QgsVectorLayer) -> str:
    index = layer.fields().lookupField("name")
    given = feature[index] if index >= 0 else None
    return str(given) if isinstance(given, str) and given else f"{layer.name()} {feature.id()}"


def _spectrum(profile: Profile, name: str, source: str) -> ReferenceSpectrum:
    where = f"{source}, '{name}'"
    if profile.x is None:
        raise LibraryError(f"{where}: the profile has no wavelengths (x).")
    wavelength, of_x = nanometres(profile.x, profile.x_unit, where)
    values, of_y = fractions(np.where(profile.good, profile.y, np.nan)[None], profile.y_unit, where)
    wavelength, values, notes = arrange(wavelength, values, where)
    return ReferenceSpectrum(slug(name), name, wavelength, values[0], source, (of_x, of_y, *notes))
