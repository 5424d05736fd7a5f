"""Build the bundled reference table from a folder of the USGS splib07a ASCII release.

    .venv/bin/python scripts/build_references.py FOLDER [--out resources]

Every spectrum found in FOLDER is taken, with its wavelengths; the same folder gives the same files.
"""

import argparse
import dataclasses
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / ".dev" / "plugins"))

from pixel_spectra.core.libraries import bundled, usgs  # noqa: E402

RELEASE = "USGS Spectral Library Version 7 (Kokaly et al. 2017, doi:10.5066/F7RR1WDJ), public domain"
FIRST_NM, LAST_NM = 350.0, 2510.0
PROCESSING = (
    f"channels from {FIRST_NM:g} to {LAST_NM:g} nm and one more at each end kept, "
    "rounded to float32; deleted channels (-1.23e34) are missing"
)
KINDS = {
    "ChapterA_ArtificialMaterials": "man-made",
    "ChapterL_Liquids": "water",
    "ChapterM_Minerals": "mineral",
    "ChapterS_SoilsAndMixtures": "soil",
    "ChapterV_Vegetation": "green vegetation",
}
EXCEPTIONS = {
    "H2O-Ice": "snow/ice",
    "Melting_snow": "snow/ice",
    "Grass_Golden_Dry": "dry vegetation",
}


def trimmed(spectrum):
    """`spectrum` between FIRST_NM and LAST_NM with one channel beyond each."""
    nm = spectrum.wavelength_nm
    first = max(int(np.searchsorted(nm, FIRST_NM, side="right")) - 1, 0)
    last = min(int(np.searchsorted(nm, LAST_NM, side="left")), nm.size - 1)
    part = slice(first, last + 1)
    return dataclasses.replace(spectrum, wavelength_nm=nm[part], reflectance=spectrum.reflectance[part])


def provenance(path, record, spectrum):
    """What is told about one record."""
    return {
        "id": spectrum.id,
        "title": spectrum.name,
        "library": record.library,
        "record": record.record,
        "file": path.name,
        "kind": EXCEPTIONS.get(spectrum.material, KINDS[path.parent.name]),
        "grid": f"wavelength_nm_{spectrum.wavelength_nm.size}",
        "channels": int(spectrum.wavelength_nm.size),
        "first_nm": round(float(spectrum.wavelength_nm[0]), 3),
        "last_nm": round(float(spectrum.wavelength_nm[-1]), 3),
        "deleted": int(np.isnan(spectrum.reflectance).sum()),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "resources")
    args = parser.parse_args()
    files = sorted(path for path in args.folder.glob("Chapter*/*.txt") if usgs.identify(path))
    if not files:
        sys.exit(f"{args.folder}: no spectrum of the USGS ASCII release was found in its Chapter* folders.")
    spectra = [usgs.read(path)[0] for path in files]
    records = [provenance(path, usgs.parse_record(path), spectrum) for path, spectrum in zip(files, spectra)]
    order = sorted(range(len(records)), key=lambda i: records[i]["id"])
    table = {"release": RELEASE, "processing": PROCESSING, "records": [records[i] for i in order]}
    args.out.mkdir(parents=True, exist_ok=True)
    bundled.save(args.out, table, [trimmed(spectra[i]) for i in order])
    size = sum((args.out / name).stat().st_size for name in (bundled.PROVENANCE, bundled.NUMBERS))
    materials = {spectrum.material for spectrum in spectra}
    print(f"{len(records)} records, {len(materials)} materials, {size} bytes in {args.out}")


if __name__ == "__main__":
    main()
