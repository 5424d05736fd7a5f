"""What is this: one spectrum in a library of 2 500 by all four scores; and how often the answer is right."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from bench import Bench, attempt, same
from figures import MET, MISSED, Figure, Row
from peers import ROOT
from pixel_spectra.core.errors import LibraryError
from pixel_spectra.core.identification import identify
from pixel_spectra.core.libraries import Library, ReferenceSpectrum, bundled_library, open_library
from pixel_spectra.core.resampling import resample
from pixel_spectra.core.spectra import BandGrid
from programs.measuring import time_each

from . import job

_N, _MOST_SECONDS, _SNR, _DRAWS = 2500, 0.005, 100, 20
_FIRST, _THIRD = 0.80, 0.95
_OTHER_RELEASE = ROOT.parent / "shared" / "data" / "usgs_splib06_aviris18_envi"
Float = npt.NDArray[np.float64]

_PEERS = {
    "SPy spectral_angles": ("sam", 1e-6),
    "SPy hull of the spectrum, products with hulls prepared": ("correlation", 1e-6),
    "pysptools SAM, one by one": ("sam", 1e-6),
    "pysptools SID, one by one": ("sid", 1e-6),
    "HyperCoast match_spectra (sam)": ("sam", 1e-6),
    "HyperCoast match_spectra (sid)": ("sid", 1e-6),
}
"""The peer's call -> which of our four scores it is, and how far the values may differ."""


@job("identify", order=7)
def identification(bench: Bench) -> Iterator[Row]:
    """200 noisy spectra, the library resampled and prepared before; each peer line is one score, ours are all four."""
    bands = bench.granule.bands
    library = _mixtures(bands)
    spectra = _noisy(on_bands(bench.reference, bands), np.random.default_rng(3), bench.repeats(200))
    first, _ = time_each(lambda x: identify(x, bands, library), spectra[:1])
    timing, _ = time_each(lambda x: identify(x, bands, library), spectra)
    ours = Figure.of(timing)
    told = attempt(lambda: _peers(bench, spectra[0], library))
    values = {match.id: match for match in identify(spectra[0], bands, library, _N)}
    for n, (call, (score, tolerance)) in enumerate(_PEERS.items()):
        expected = [getattr(values[name], score) for name in library]
        theirs = attempt(lambda call=call, expected=expected, tolerance=tolerance: _checked(
            told, call, expected, tolerance))
        yield Row("the same" if n else f"one spectrum in {_N} references: fit, sam, sid, hull correlation, ranked",
                  ours, None if n else _MOST_SECONDS, f"{call}: one score of the four", theirs)
    both = attempt(lambda: _sum(told, "pysptools SAM, one by one", "pysptools SID, one by one"))
    yield Row("the same", ours, None, "pysptools SAM and SID: two scores of the four", both)
    yield Row(f"the first time: {_N} references resampled and prepared", Figure.of(first))
    bench.notes.extend(_accuracy(bands))


def on_bands(reference: ReferenceSpectrum, bands: BandGrid) -> Float:
    """(n_bands,) the reference, NaN in bad bands and where it has no value."""
    return np.where(bands.good, resample(reference.wavelength_nm, reference.reflectance, bands), np.nan)


def _noisy(spectrum: Float, rng: np.random.Generator, n: int) -> Float:
    return np.asarray(spectrum * (1 + rng.normal(0, 1 / _SNR, (n, len(spectrum)))))


def _mixtures(bands: BandGrid) -> Library:
    """Mixtures of three bundled spectra each, on the bands of the granule, above zero throughout."""
    members = np.stack([on_bands(r, bands) for r in bundled_library().values()])
    centre = np.flatnonzero(np.isfinite(members).any(axis=0))
    whole = np.stack([np.interp(centre, np.flatnonzero(np.isfinite(m)), m[np.isfinite(m)]) for m in members])
    whole = whole[(whole > 0).all(axis=1)]
    rng = np.random.default_rng(5)
    share = np.zeros((_N, len(whole)))
    for row in share:
        row[rng.choice(len(whole), 3, replace=False)] = rng.dirichlet(np.ones(3))
    return Library(ReferenceSpectrum(f"mixture{i}", f"Mixture {i}", bands.wavelength_nm[centre], values, "benchmark")
                   for i, values in enumerate(share @ whole))


def _peers(bench: Bench, spectrum: Float, library: Library) -> dict[str, Any]:
    """The peers know no holes: they get the bands that the spectrum and all references have."""
    bands = bench.granule.bands
    values = np.stack([on_bands(r, bands) for r in library.values()])
    used = np.isfinite(spectrum) & np.isfinite(values).all(axis=0)
    with tempfile.TemporaryDirectory() as folder:
        arrays = Path(folder) / "arrays.npz"
        np.savez(arrays, spectrum=spectrum[used], library=values[:, used], wavelength=bands.wavelength_nm[used])
        return bench.peers.ask("hypercoast", "peer_identify", {"arrays": str(arrays), "repeats": bench.repeats(20)})


def _checked(told: Any, call: str, expected: Any, tolerance: float) -> Any:
    if isinstance(told, str):
        return told
    same(expected, told[call]["values"], tolerance)
    return Figure.of(told[call]["seconds"])


def _sum(told: Any, *calls: str) -> Any:
    if isinstance(told, str):
        return told
    return Figure.of([sum(both) for both in zip(*(told[call]["seconds"] for call in calls))])


# --- how often it is right ---

def _accuracy(bands: BandGrid) -> Iterator[str]:
    """Sentences: second records within the bundled library, then records of another release against it."""
    library = bundled_library()
    materials = [r.material for r in library.values()]
    probes = [r for r in library.values() if materials.count(r.material) > 1]
    first, third, missed = _recognised(
        probes, bands, lambda probe: {key: r for key, r in library.items() if r is not probe})
    verdict = MET if first >= _FIRST and third >= _THIRD else MISSED
    yield (f"{len(probes)} bundled records whose material has another record (other instrument or sample), resampled, "
           f"noised at SNR {_SNR} {_DRAWS} times, each looked for among the other {len(library) - 1} by feature fit: "
           f"top-1 {first:.1%} (reach {_FIRST:.0%}), top-3 {third:.1%} (reach {_THIRD:.0%}): {verdict}. Not first: "
           f"{'; '.join(missed) or 'none'}.")
    try:
        others = _other_samples(library, bands)
    except LibraryError as error:
        yield f"Records of another release were not looked for: {error}"
        return
    first, third, missed = _recognised(others, bands, lambda probe: library)
    yield (f"Harder, without a target: {len(others)} splib06 records of other samples of the bundled materials, "
           f"measured as AVIRIS bands and noised the same, against all {len(library)}: top-1 {first:.1%}, top-3 "
           f"{third:.1%}. Materials most often not first: {', '.join(_most_missed(missed))}.")


def _other_samples(library: Mapping[str, ReferenceSpectrum], bands: BandGrid) -> list[ReferenceSpectrum]:
    """The splib06 records of the materials of `library` whose sample is not in it, with nearly all good bands."""
    known = {(r.material.lower(), _sample(r)) for r in library.values()}
    materials = {material for material, _ in known}
    wanted = [r for r in open_library(_OTHER_RELEASE).values()
              if r.material.lower() in materials and (r.material.lower(), _sample(r)) not in known]
    return [r for r in wanted if np.isfinite(on_bands(r, bands)).sum() > 0.95 * np.count_nonzero(bands.good)]


def _sample(reference: ReferenceSpectrum) -> str:
    words = reference.name.split()
    return words[1].lower() if len(words) > 1 else ""


def _recognised(probes: Iterable[ReferenceSpectrum], bands: BandGrid, among: Any) -> tuple[float, float, list[str]]:
    """Shares of draws with the material first and among the first three; who was not first, and what was."""
    rng = np.random.default_rng(11)
    first, third, missed = [], [], []
    for probe in probes:
        library = among(probe)
        wrong: dict[str, int] = {}
        for spectrum in _noisy(on_bands(probe, bands), rng, _DRAWS):
            found = [match.name for match in identify(spectrum, bands, library, 3)]
            right = [name.split()[0].lower() == probe.material.lower() for name in found]
            first.append(right[0])
            third.append(any(right))
            if not right[0]:
                wrong[found[0]] = wrong.get(found[0], 0) + 1
        missed += [f"{probe.name} taken for {name} ({count} of {_DRAWS})" for name, count in wrong.items()]
    return float(np.mean(first)), float(np.mean(third)), missed


def _most_missed(missed: list[str]) -> list[str]:
    count: dict[str, int] = {}
    for text in missed:
        material = text.split()[0]
        count[material] = count.get(material, 0) + 1
    return sorted(count, key=lambda material: -count[material])[:6]
