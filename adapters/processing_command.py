"""Commands that ask again, through Processing, what was asked in the inspector."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional

from qgis.core import QgsGeometry

from ..core.errors import AreaError, LibraryError, OutputError
from ..core.inspection import Inspection
from ..core.libraries import ReferenceSpectrum, bundled_library
from ..core.optional import require
from .scene_layers import lasting_path

LONGEST = 1_000_000
"""A longer command is refused: neither a console nor a shell takes it well."""

_DIGITS = 15
"""Decimals of coordinates: what doubles hold."""

Parameters = dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """An inspection, and what it took as far as it does not tell itself."""

    seen: Inspection
    """What came of it."""
    geometries: Sequence[Any]
    """The area: shapely geometries in lon/lat, one per feature."""
    layer_id: str = ""
    """The layer whose selected features are the area; empty for a drawn one."""
    reference_file: str = ""
    """The library file, folder or layer that holds the reference; of no account for a bundled one."""
    resampling: str = "auto"
    """How the reference was brought to the bands."""
    background: str = "scene"
    """What the background was drawn from."""
    seed: int = 0
    """What it was drawn with."""

    @property
    def feature_ids(self) -> list[int]:
        """The features, in the order of the geometries."""
        return list(dict.fromkeys(self.seen.pixels.feature_id.tolist()))


def processing_command(recipes: Sequence[Recipe], threshold: Optional[float] = None) -> str:
    """Python for QGIS' console that gives the same table as the inspections, as temporary layers.

    One call per granule; where the metric has a background, from which the pixels of an area are kept out, one per
    inspection. Raises AreaError or LibraryError for what a command cannot name.
    """
    calls = [_python_call(recipe, threshold) for recipe in _merged(recipes, threshold)]
    imports = ["import processing"]
    if any(recipe.layer_id for recipe in recipes):
        imports.append("from qgis.core import QgsProcessingFeatureSourceDefinition")
    return _not_too_long("\n".join([*imports, *calls]) + "\n")


def qgis_process_command(recipes: Sequence[Recipe], threshold: Optional[float] = None) -> str:
    """The same for a POSIX shell: qgis_process with its parameters as JSON on standard input.

    The areas stand in the command itself. Each table becomes a GeoPackage in the folder where the command is run,
    because a temporary layer would end with the program.
    """
    merged = _merged(recipes, threshold)
    for recipe in merged:
        _check_file(_parameters(recipe, threshold).get("REFERENCE_FILE", ""))
    names = _file_names(merged)
    return _not_too_long("\n".join(_shell_call(recipe, threshold, name) for recipe, name in zip(merged, names)))


def algorithm_of(seen: Inspection) -> str:
    """The algorithm that asks the same: one that scores, or one that only extracts."""
    return "extract_spectra" if seen.scored is None else "score_spectra"


def geojson_of(recipe: Recipe) -> str:
    """The area as GeoJSON text, which QGIS opens wherever it takes a layer; the features keep their ids."""
    features: list[Parameters] = [
        {"type": "Feature", "id": i, "properties": {}, "geometry": None if g is None else _geojson(g)}
        for i, g in zip(recipe.feature_ids, recipe.geometries)]
    return json.dumps({"type": "FeatureCollection", "features": features}, separators=(",", ":"))


def _geojson(geometry: Any) -> Any:
    """A shapely geometry by way of QGIS: inside QGIS on Linux shapely runs on QGIS' GEOS, and its own way may crash."""
    found = QgsGeometry()
    found.fromWkb(require("shapely", "to write the area").to_wkb(geometry, output_dimension=2))
    return json.loads(found.asJson(_DIGITS))


def _parameters(recipe: Recipe, threshold: Optional[float]) -> Parameters:
    """All but the area and the output."""
    seen, source = recipe.seen, recipe.seen.granule.source
    given: Parameters = {"GRANULE": lasting_path(source.path)}
    if seen.scored is not None:
        given.update(_reference(seen.reference, recipe.reference_file), METRIC=seen.scored.metric.name,
                     RESAMPLING=recipe.resampling)
        if "background" in seen.scored.metric.needs:
            given.update(BACKGROUND=recipe.background, SEED=recipe.seed)
        if threshold is not None:
            given["THRESHOLD"] = float(threshold)
    files = {"MASK_FILE": source.mask_file, "UNCERTAINTY_FILE": source.uncertainty_file}
    return {**given, "MASK": seen.mask.mask_id, **{name: lasting_path(path) for name, path in files.items() if path}}


def _reference(reference: Optional[ReferenceSpectrum], file: str) -> Parameters:
    if reference is None:
        return {}
    bundled = bundled_library().get(reference.id)
    if bundled is not None and bundled.source == reference.source:
        return {"REFERENCE": reference.id}
    if not file:
        raise LibraryError(f"The reference '{reference.name}' is in no file, so a command cannot name it; save it to "
                           "a file and choose that as the reference.")
    return {"REFERENCE_FILE": os.path.abspath(file) if os.path.exists(file) else file, "REFERENCE_NAME": reference.id}


def _merged(recipes: Sequence[Recipe], threshold: Optional[float]) -> list[Recipe]:
    """Recipes that one call can answer with the same numbers, made one."""
    if not recipes:
        raise OutputError("There is nothing to copy; inspect a pixel or an area first.")
    merged: list[Recipe] = []
    for recipe in map(_checked, recipes):
        like = next((i for i, other in enumerate(merged) if _join(recipe, other, threshold)), None)
        if like is None:
            merged.append(recipe)
        else:
            merged[like] = _both(merged[like], recipe)
    return merged


def _join(one: Recipe, other: Recipe, threshold: Optional[float]) -> bool:
    scored = one.seen.scored
    alone = bool(one.layer_id or other.layer_id) or (scored is not None and "background" in scored.metric.needs)
    return not alone and (_parameters(one, threshold) == _parameters(other, threshold)
                          and not set(one.feature_ids) & set(other.feature_ids))


def _both(one: Recipe, other: Recipe) -> Recipe:
    """One recipe for the areas of both."""
    pixels = one.seen.pixels.concatenate([one.seen.pixels, other.seen.pixels])
    return replace(one, seen=replace(one.seen, pixels=pixels), geometries=[*one.geometries, *other.geometries])


def _checked(recipe: Recipe) -> Recipe:
    """The recipe; AreaError where its area cannot be told in coordinates."""
    if recipe.layer_id or (recipe.geometries and len(recipe.geometries) == len(recipe.feature_ids)):
        return recipe
    raise AreaError(f"The pixels of '{recipe.seen.granule.id}' were not asked for by an area in coordinates, so a "
                    "command cannot name them.")


def _python_call(recipe: Recipe, threshold: Optional[float]) -> str:
    area = repr(geojson_of(recipe))
    if recipe.layer_id:
        area = f"QgsProcessingFeatureSourceDefinition({recipe.layer_id!r}, selectedFeaturesOnly=True)"
    given = {name: repr(value) for name, value in _parameters(recipe, threshold).items()}
    granule = given.pop("GRANULE")
    ordered = {"GRANULE": granule, "AOI": area, **given, "OUTPUT": repr("TEMPORARY_OUTPUT")}
    lines = "".join(f'    "{name}": {value},\n' for name, value in ordered.items())
    return f'processing.run("pixelspectra:{algorithm_of(recipe.seen)}", {{\n{lines}}})'


def _shell_call(recipe: Recipe, threshold: Optional[float], name: str) -> str:
    inputs = {**_parameters(recipe, threshold), "AOI": geojson_of(recipe), "OUTPUT": name}
    text = shlex.quote(json.dumps({"inputs": inputs}))
    return f"printf '%s' {text} | qgis_process run pixelspectra:{algorithm_of(recipe.seen)} -\n"


def _check_file(reference_file: str) -> None:
    """Raise LibraryError for a layer that only this project knows."""
    if reference_file and not os.path.exists(reference_file.partition("|")[0]):
        raise LibraryError(f"The reference comes from the layer '{reference_file}' of this project, which qgis_process "
                           "does not know; save the layer as a file and choose that as the reference library.")


def _file_names(recipes: Sequence[Recipe]) -> list[str]:
    """A GeoPackage per call."""
    numbers = [""] if len(recipes) == 1 else [f"_{i}" for i in range(1, len(recipes) + 1)]
    return [f"{algorithm_of(recipe.seen)}{number}.gpkg" for recipe, number in zip(recipes, numbers)]


def _not_too_long(command: str) -> str:
    if len(command) > LONGEST:
        raise AreaError(f"The area has {len(command)} characters in a command, which is too long to paste; save the "
                        "area as a file and run the algorithm from the toolbox.")
    return command
