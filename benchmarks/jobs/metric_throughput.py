"""Metrics on arrays in memory against SPy and pysptools; for information, no target is set."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from bench import Bench, attempt, same
from figures import Figure, Row
from pixel_spectra.core.background import estimate_background
from pixel_spectra.core.libraries import bundled_library
from pixel_spectra.core.metrics import METRICS
from pixel_spectra.core.resampling import on_bands
from programs.measuring import time_each

from . import job

_N, _N_SAMPLES, _SHADES = 10_000, 4000, 12
_COMPARED = (
    ("sam", "SPy spectral_angles", 1e-4),  # SPy takes the norms in float32
    ("sam", "pysptools SAM, pixel by pixel", 1e-4),
    ("sid", "pysptools SID, pixel by pixel", 1e-4),
    ("matched_filter", "SPy matched_filter", 1e-4),
    ("ace", "SPy ace", 1e-4),
)
"""(our metric, the peer's call, how far the values may differ)."""


@job("metrics", order=5)
def metric_throughput(bench: Bench) -> Iterator[Row]:
    """10 000 float32 pixels of all bands; the background of MF and ACE is estimated beforehand on both sides."""
    pixels, target, samples = _spectra(bench)
    scene = estimate_background(samples)
    told = attempt(lambda: _peer(bench, pixels, target, samples))
    for name, call, tolerance in _COMPARED:
        background = {"background": scene} if "background" in METRICS[name].needs else {}

        def ours(_: int, name: str = name, background: Any = background) -> Any:
            return METRICS[name](pixels, target, **background)

        ours(0)
        timing, values = time_each(ours, range(bench.repeats(30)))
        theirs = attempt(lambda call=call, values=values, tolerance=tolerance: _checked(told, call, values, tolerance))
        yield Row(f"{name} of 10 000 x {pixels.shape[1]}", Figure.of(timing), None, call, theirs)


def _spectra(bench: Bench) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64], npt.NDArray[np.float32]]:
    """Noisy mixtures of bundled spectra, the reference, and background samples; every value above zero."""
    bands = bench.granule.bands
    members = [_filled(on_bands(spectrum, bands, "auto").values) for spectrum in bundled_library().values()]
    full = np.stack([values for values in members if (values > 0).all()])[:_SHADES]
    rng = np.random.default_rng(9)
    share = rng.dirichlet(np.ones(len(full)), _N + _N_SAMPLES)
    mixed = share @ full + rng.normal(0, 0.003, (len(share), full.shape[1]))
    mixed = np.clip(mixed, 1e-3, None).astype(np.float32)
    return mixed[:_N], _filled(bench.resampled), mixed[_N:]


def _filled(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Values in every band: those that the reference lacks are interpolated."""
    known = np.flatnonzero(np.isfinite(values))
    return np.interp(np.arange(len(values)), known, values[known])


def _peer(bench: Bench, pixels: Any, target: Any, samples: Any) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        arrays = Path(folder) / "arrays.npz"
        np.savez(arrays, pixels=pixels, target=target, samples=samples)
        return bench.peers.ask("array tools", "peer_metrics", {
            "arrays": str(arrays), "calls": [call for _, call, _ in _COMPARED], "repeats": bench.repeats(5)})


def _checked(told: Any, call: str, values: Any, tolerance: float) -> Any:
    if isinstance(told, str):
        return told
    same(np.abs(values) if call == "SPy ace" else values, told[call]["values"], tolerance)  # ours has a sign
    return Figure.of(told[call]["seconds"])
