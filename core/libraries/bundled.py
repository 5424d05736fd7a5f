"""The spectra that come with Pixel Spectra: USGS splib07a records, public domain, doi:10.5066/F7RR1WDJ.

`resources/references.json` holds the provenance of every record and `resources/references.npz` the numbers;
`scripts/build_references.py` makes both from a folder of the USGS release.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import LibraryError
from .spectrum import Library, ReferenceSpectrum

RESOURCES = Path(__file__).resolve().parents[2] / "resources"
PROVENANCE, NUMBERS = "references.json", "references.npz"


@lru_cache(maxsize=1)
def bundled_library() -> Library:
    """The bundled spectra by id, read once; LibraryError where the installation lacks them."""
    return load(RESOURCES)


def load(folder: Path) -> Library:
    """Read a bundled table from `folder`."""
    try:
        provenance = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
        with np.load(folder / NUMBERS, allow_pickle=False) as numbers:
            return Library([_spectrum(provenance, record, numbers) for record in provenance["records"]])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise LibraryError(
            f"{folder}: the bundled reference spectra cannot be read ({error}); install Pixel Spectra again."
        ) from error


def save(folder: Path, provenance: Mapping[str, Any], library: Iterable[ReferenceSpectrum]) -> None:
    """Write a bundled table to `folder`: float32 reflectance, float64 wavelengths shared by spectrometer."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for record, spectrum in zip(provenance["records"], library):
        arrays[record["grid"]] = spectrum.wavelength_nm
        arrays[spectrum.id] = spectrum.reflectance.astype(np.float32)
    np.savez_compressed(folder / NUMBERS, **arrays)
    text = json.dumps(provenance, indent=1, ensure_ascii=False, sort_keys=True)
    (folder / PROVENANCE).write_text(text + "\n", encoding="utf-8")


def _spectrum(
    provenance: Mapping[str, Any], record: Mapping[str, Any], numbers: Mapping[str, Any]
) -> ReferenceSpectrum:
    reflectance = numbers[record["id"]].astype(np.float64)
    source = (
        f"{provenance['release']}, {record['library']} record {record['record']}: {record['title']}; "
        f"original: {record['channels']} channels, {record['first_nm']:g}-{record['last_nm']:g} nm, "
        f"{record['deleted']} deleted; {provenance['processing']}"
    )
    grid = numbers[record["grid"]]
    return ReferenceSpectrum(record["id"], record["title"], grid, reflectance, source, (), record["kind"])
