"""What a synthetic EMIT MASK file holds: flags, aerosol, water vapour, and interpolated detector elements."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from swath import Scene

FloatArray = npt.NDArray[np.float32]

V001_LAYERS = ("Cloud flag", "Cirrus flag", "Water flag", "Spacecraft Flag", "Dilated Cloud Flag",
               "AOD550", "H2O (g cm-2)", "Aggregate Flag")
V002_LAYERS = ("Cloud Flag", "Cirrus Flag", "Water Flag", "Spacecraft Flag", "Dilated Cloud Flag",
               "AOD550", "H2O (g cm-2)", "Aggregate Flag",
               "SpecTf-Cloud Probability", "SpecTf-Cloud Flag", "SpecTf-Buffer Distance")
_LAYERS = {"V001": V001_LAYERS, "V002": V002_LAYERS}
_FLAGS = V001_LAYERS[:5]
_QUIET = {"aod550": 0.2, "h2ogcm2": 0.7}
_AOD_LIMIT = 0.5  # above it the aggregate flag is set, as measured on real data
_PROBABILITY_LIMIT = 0.51
_MOST_DISTANCE = 20


def default_layers(scene: Scene) -> dict[str, FloatArray]:
    """A quiet scene with a little of everything, at places that do not depend on its size.

    cloud: rows 2-4 of columns 3-5, dilated by one pixel; cirrus: row 8 of columns 2-3; water: row 10 of
    columns 5-7; spacecraft: rows 0-1 of the last column; AOD550 0.2, and 0.6 in the last row;
    H2O 0.7 g cm-2, and 2.5 in the last column.
    """
    layers = {name: np.zeros(scene.shape, np.float32) for name in _FLAGS}
    layers["Cloud flag"][2:5, 3:6] = 1
    layers["Dilated Cloud Flag"][1:6, 2:7] = 1
    layers["Cirrus flag"][8:9, 2:4] = 1
    layers["Water flag"][10:11, 5:8] = 1
    layers["Spacecraft Flag"][:2, -1] = 1
    aod, water = np.full(scene.shape, 0.2, np.float32), np.full(scene.shape, 0.7, np.float32)
    aod[-1], water[:, -1] = 0.6, 2.5
    return {**layers, "AOD550": aod, "H2O (g cm-2)": water}


def mask_stack(
    scene: Scene, version: str, given: Mapping[str, npt.ArrayLike]
) -> tuple[tuple[str, ...], FloatArray]:
    """The names and the (downtrack, crosstrack, n_layers) values of a MASK file.

    Names in `given` match without case, spaces and punctuation. What is not given: flags are 0, AOD550 is
    0.2, H2O 0.7; the aggregate is any flag or AOD550 above 0.5; the SpecTf layers follow the cloud flag
    (probability 0.9 or 0.02, flag above 0.51, distance in king's moves up to 20).
    """
    names = _LAYERS[version]
    layers = {_key(name): np.broadcast_to(np.asarray(layer, np.float32), scene.shape)
              for name, layer in given.items()}
    unknown = set(layers) - {_key(name) for name in names}
    if unknown:
        raise ValueError(f"no such mask layers in {version}: {sorted(unknown)}; there are {names}")
    for name in (*_FLAGS, "AOD550", "H2O (g cm-2)"):
        layers.setdefault(_key(name), np.full(scene.shape, _QUIET.get(_key(name), 0.0), np.float32))
    flagged = np.any([layers[_key(name)] > 0 for name in _FLAGS], axis=0)
    layers.setdefault("aggregateflag", (flagged | (layers["aod550"] > _AOD_LIMIT)).astype(np.float32))
    if version == "V002":
        _add_spectf(layers)
    return names, np.stack([layers[_key(name)] for name in names], axis=-1)


def default_interpolated(scene: Scene) -> npt.NDArray[np.uint8]:
    """Packed (downtrack, crosstrack, n_bytes) band mask with a few interpolated elements.

    Band 150 in all of column 7 (a dead detector element); bands 10 and 11 at pixel (6, 4); bands 8-11 and 15
    at pixel (1, 1), whose byte is 241, the declared fill value.
    """
    packed = np.zeros((*scene.shape, -(-scene.n_bands // 8)), np.uint8)
    planted = [(slice(None), slice(7, 8), (150,)), (slice(6, 7), slice(4, 5), (10, 11)),
               (slice(1, 2), slice(1, 2), (8, 9, 10, 11, 15))]
    for rows, columns, bands in planted:
        for band in bands:
            if band < scene.n_bands:
                packed[rows, columns, band // 8] |= 128 >> band % 8
    return packed


def pack_bands(bad: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """(..., n_bands) truth values -> (..., ceil(n_bands / 8)) bytes, most significant bit first."""
    return np.packbits(bad, axis=-1, bitorder="big")


def _key(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _add_spectf(layers: dict[str, npt.NDArray[np.float32]]) -> None:
    cloud = np.where(layers["cloudflag"] > 0, 0.9, 0.02).astype(np.float32)
    layers.setdefault("spectfcloudprobability", cloud)
    flag = layers["spectfcloudprobability"] > _PROBABILITY_LIMIT
    layers.setdefault("spectfcloudflag", flag.astype(np.float32))
    layers.setdefault("spectfbufferdistance", _distance(layers["spectfcloudflag"] > 0))


def _distance(flag: npt.NDArray[np.bool_]) -> FloatArray:
    distance, near = np.full(flag.shape, _MOST_DISTANCE, np.float32), flag
    for step in range(_MOST_DISTANCE):
        distance[near & (distance == _MOST_DISTANCE)] = step
        padded = np.pad(near, 1)
        tall = padded[:-2] | padded[1:-1] | padded[2:]
        near = tall[:, :-2] | tall[:, 1:-1] | tall[:, 2:]
    return distance
