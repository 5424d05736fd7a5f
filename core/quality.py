"""Which values of a spectrum may be used: quality layers, and the policy that applies them.

A policy is written as text: `none`, `good_bands`, `quality`, or flag names separated by commas with
optional limits such as `AOD550<=0.3`. Names match whatever their case, blanks, hyphens and underscores,
with or without a trailing "flag". This module knows no sensor; a sensor fills :class:`QualityLayers`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Optional, Protocol, Union

import numpy as np
import numpy.typing as npt

from .aoi import PixelSet
from .errors import MaskError
from .spectra import BAD_BAND_FILL, NO_DATA, VALID, BandGrid, Spectra

Bool = npt.NDArray[np.bool_]

DEFAULT_FLAGS = ("cloud", "cirrus", "dilated cloud", "spacecraft")
"""The pixel flags of the policy `quality`."""

BAD_BAND = "bad band"
INTERPOLATED = "interpolated band"
NO_QUALITY = "no quality data"

WATER_VAPOUR_WINDOWS_NM = ((1325.0, 1435.0), (1770.0, 1962.0))
"""Bands in these open intervals are bad where a file does not tell (EMIT L2A converter)."""


@dataclass(frozen=True)
class QualityLayers:
    """The quality of some pixels, by the names of the product."""

    flags: Mapping[str, Bool]
    """Flag name -> (n_pixels,) True where raised."""
    data: Mapping[str, npt.NDArray[np.float32]]
    """Data name (AOD550, H2O, ...) -> (n_pixels,), NaN where missing."""
    unknown: Bool
    """(n_pixels,) True where the product holds no quality at all."""
    band_mask: Optional[Bool] = None
    """(n_pixels, n_bands) True where a band was interpolated; None where the product has none."""

    def take(self, rows: npt.NDArray[np.intp]) -> QualityLayers:
        """The quality of the pixels at `rows`, in that order."""
        return QualityLayers({name: flag[rows] for name, flag in self.flags.items()},
                             {name: values[rows] for name, values in self.data.items()}, self.unknown[rows],
                             None if self.band_mask is None else self.band_mask[rows])


class QualitySource(Protocol):
    """What a sensor offers as `granule.quality`."""

    @property
    def flag_names(self) -> tuple[str, ...]:
        """Names of the pixel flags, as in the file."""

    @property
    def data_names(self) -> tuple[str, ...]:
        """Names of the data layers, as in the file."""

    def only(self, names: tuple[str, ...]) -> QualitySource:
        """The same source, where it may leave out layers other than `names`."""

    def read(self, pixels: PixelSet, band_mask: bool = True) -> QualityLayers:
        """The quality of `pixels` (all on the swath)."""

    def read_rows(self, start: int, stop: int, band_mask: bool = True) -> QualityLayers:
        """The quality of whole lines, row-major."""


@lru_cache(maxsize=1024)
def normal_name(name: str) -> str:
    """A name without case, blanks, hyphens, underscores, unit in brackets and trailing "flag".

    >>> normal_name("SpecTf-Cloud Flag"), normal_name("H2O (g cm-2)")
    ('spectfcloud', 'h2o')
    """
    bare = re.sub(r"[\s_-]+", "", re.sub(r"\(.*?\)", "", name).lower())
    return bare[:-4] if bare.endswith("flag") and bare != "flag" else bare


def find_name(asked: str, names: Iterable[str], kind: str) -> str:
    """The one of `names` that `asked` means; raises :class:`MaskError` listing them."""
    known = list(names)
    for name in known:
        if normal_name(name) == normal_name(asked):
            return name
    listed = ", ".join(known) or "none"
    raise MaskError(f"Unknown {kind} '{asked.strip()}'; the known ones are: {listed}.")


@dataclass(frozen=True)
class Limit:
    """An upper limit on a data layer."""

    name: str
    """Name of the layer, normalised: AOD550, H2O, ..."""
    maximum: float
    """Largest value that is accepted."""

    def __str__(self) -> str:
        return f"{self.name}<={repr(self.maximum).removesuffix('.0')}"


def limit_reason(layer: str, maximum: float) -> str:
    """What a broken limit is called: the layer without its unit.

    >>> limit_reason("H2O (g cm-2)", 2.0)
    'H2O > 2'
    """
    return f"{re.sub(r'[(].*?[)]', '', layer).strip()} > {maximum:g}"


@dataclass(frozen=True)
class MaskPolicy:
    """What makes a value unusable. Missing data (-9999, NaN, the fill of bad bands) always does."""

    good_bands: bool = True
    """Leave out the bands that the producer calls bad."""
    flags: tuple[str, ...] = ()
    """Pixel flags that mask a whole pixel, by name."""
    band_mask: bool = False
    """Leave out the bands interpolated in each pixel."""
    limits: tuple[Limit, ...] = ()
    """Upper limits on data layers that mask a whole pixel."""

    def __post_init__(self) -> None:
        """Flags are a set: each once, by its normal name, in alphabetical order; limits likewise."""
        object.__setattr__(self, "flags", tuple(sorted({normal_name(flag) for flag in self.flags})))
        object.__setattr__(self, "limits", tuple(sorted(set(self.limits), key=str)))

    @classmethod
    def parse(cls, text: Union[str, MaskPolicy]) -> MaskPolicy:
        """Read a policy from text; raises :class:`MaskError` for what it cannot be.

        >>> MaskPolicy.parse("Cloud Flag, AOD550 <= 0.3").mask_id
        'cloud,AOD550<=0.3'
        """
        if isinstance(text, MaskPolicy):
            return text
        tokens = [t.strip() for t in text.split(",") if t.strip()] if isinstance(text, str) else []
        if not tokens:
            raise MaskError(f"The mask {text!r} is not known; use {_FORMS}.")
        keys = [re.sub(r"[\s-]+", "_", token.lower()) for token in tokens]
        presets = [key for key in keys if key in PRESETS]
        changes = [key for key in keys if key in _CHANGES]
        names = [t for t, key in zip(tokens, keys) if key not in PRESETS and key not in _CHANGES]
        if len(presets) > 1 or (presets == ["none"] and len(tokens) > 1):
            raise MaskError(f"The mask '{text}' combines what excludes each other; use {_FORMS}.")
        policy = PRESETS[presets[0]] if presets else cls()
        for key in changes:
            policy = _CHANGES[key](policy)
        flags = tuple(_flag(t, str(text)) for t in names if "<" not in t and ">" not in t)
        limits = tuple(_limit(t, str(text)) for t in names if "<" in t or ">" in t)
        return replace(policy, flags=policy.flags + flags, limits=limits)

    @property
    def mask_id(self) -> str:
        """The normalised text: the same for policies that do the same, and only for them."""
        quality, flags = PRESETS["quality"], set(self.flags)
        if self.good_bands and self.band_mask and flags.issuperset(quality.flags):
            words = ["quality", *sorted(flags.difference(quality.flags))]
        else:
            words = [*(["band_mask"] if self.band_mask else []), *self.flags]
            if not self.good_bands:
                words.insert(0, "all_bands" if words or self.limits else "none")
            elif not self.flags:
                words.insert(0, "good_bands")
        return ",".join([*words, *(str(limit) for limit in self.limits)])

    @property
    def needs_quality(self) -> bool:
        """True where the policy cannot be applied without a MASK companion."""
        return bool(self.flags or self.limits or self.band_mask)

    def check(self, quality: Optional[QualitySource], name: str) -> None:
        """Raise :class:`MaskError` unless `quality` of the granule called `name` has what is needed."""
        if not self.needs_quality:
            return
        if quality is None:
            raise MaskError(
                f"The mask '{self.mask_id}' needs the MASK file of '{name}', and none was found beside it; "
                "give it (MASK_FILE, mask_file=), or use the mask 'good_bands'."
            )
        for flag in self.flags:
            if any(normal_name(flag) == normal_name(layer) for layer in quality.data_names):
                raise MaskError(f"'{flag.upper()}' is data, not a flag; give a limit, as in '{flag.upper()}<=0.3'.")
            find_name(flag, quality.flag_names, "mask flag")
        for limit in self.limits:
            find_name(limit.name, quality.data_names, "mask layer")

    def source(self, quality: Optional[QualitySource]) -> Optional[QualitySource]:
        """What is to be read of `quality`: the layers asked for; all flags where none is. None where nothing is."""
        if quality is None or not self.needs_quality:
            return None
        return quality.only(_layers_of(self, quality.flag_names, quality.data_names))

    def apply(self, spectra: Spectra, quality: Optional[QualityLayers]) -> Spectra:
        """`spectra` with `valid`, `reason` and `reasons` as this policy has them.

        The first reason that applies stays: no data, then pixel flags, limits, bad bands, band_mask.
        """
        marks = self.pixel_marks(quality) if quality is not None and self.needs_quality else []
        names = (VALID, NO_DATA, *(name for name, _ in marks), BAD_BAND, INTERPOLATED)
        bad, interpolated = len(names) - 2, len(names) - 1
        of_pixel = np.zeros(len(spectra), np.uint8)
        for number, (_, where) in reversed(list(enumerate(marks, start=2))):
            of_pixel[where] = number
        of_band = np.zeros(len(spectra.bands), np.uint8)
        if self.good_bands:
            of_band[~good_bands(spectra.bands)[0]] = bad
        code = np.tile(of_band, (len(spectra), 1))
        flagged = of_pixel > 0
        code[flagged] = of_pixel[flagged, None]
        if not self.good_bands:
            code[(spectra.values == BAD_BAND_FILL) & ~good_bands(spectra.bands)[0] & (code == 0)] = bad
        if self.band_mask and quality is not None and quality.band_mask is not None:
            np.copyto(code, np.uint8(interpolated), where=quality.band_mask & (code == 0))
        missing = ~spectra.valid
        if missing.any():
            code[missing] = 1
        return replace(spectra, valid=code == 0, reason=code, reasons=names)

    def pixel_marks(self, quality: QualityLayers) -> list[tuple[str, Bool]]:
        """(reason, (n_pixels,) where) of everything that strikes whole pixels, in the order of precedence.

        A limit is broken too where its layer alone has no value; without any quality that is the only reason
        beside the flags that are raised.
        """
        marks = [(NO_QUALITY, quality.unknown)]
        for flag in self.flags:
            name = find_name(flag, quality.flags, "mask flag")
            marks.append((name, quality.flags[name]))
        for limit in self.limits:
            name = find_name(limit.name, quality.data, "mask layer")
            marks.append((limit_reason(name, limit.maximum),
                          ~(quality.data[name] <= limit.maximum) & ~quality.unknown))
        return marks


@lru_cache(maxsize=256)
def _layers_of(policy: MaskPolicy, flag_names: tuple[str, ...], data_names: tuple[str, ...]) -> tuple[str, ...]:
    """The layers that a policy asks for; all flags where it asks for none, since they tell where quality is missing."""
    flags = [find_name(flag, flag_names, "mask flag") for flag in policy.flags] or flag_names
    limits = [find_name(limit.name, data_names, "mask layer") for limit in policy.limits]
    return (*flags, *limits)


PRESETS: dict[str, MaskPolicy] = {
    "none": MaskPolicy(good_bands=False),
    "good_bands": MaskPolicy(),
    "quality": MaskPolicy(flags=DEFAULT_FLAGS, band_mask=True),
}
"""Name -> policy."""

_CHANGES: dict[str, Callable[[MaskPolicy], MaskPolicy]] = {
    "band_mask": lambda policy: replace(policy, band_mask=True),
    "all_bands": lambda policy: replace(policy, good_bands=False),
}
"""Words that stand beside flags -> what they change."""

_FORMS = ("'none', 'good_bands', 'quality', or flag names separated by commas with optional limits such as "
          "'cloud, cirrus, AOD550<=0.3'")
_LIMIT = re.compile(r"^\s*([^<>=]+?)\s*<=\s*([-+0-9.eE]+)\s*$")


def default_policy(quality: Optional[QualitySource]) -> tuple[MaskPolicy, tuple[str, ...]]:
    """The policy of a product, and what the user must be told: `quality` with a MASK, else `good_bands`."""
    if quality is not None:
        return PRESETS["quality"], ()
    return PRESETS["good_bands"], (
        "No MASK file was found beside the granule: only bad bands were masked (good_bands), clouds were not.",
    )


def good_bands(bands: BandGrid) -> tuple[Bool, tuple[str, ...]]:
    """(n_bands,) True for usable bands, and a notice where documented windows stood in for the file's own."""
    if bands.good is not None:
        return bands.good, ()
    good = np.ones(len(bands), bool)
    for low, high in WATER_VAPOUR_WINDOWS_NM:
        good &= ~((bands.wavelength_nm > low) & (bands.wavelength_nm < high))
    return good, (
        "The file does not tell its good bands; the documented windows of water vapour (1325-1435 and "
        "1770-1962 nm) were left out.",
    )


def _limit(token: str, text: str) -> Limit:
    match = _LIMIT.match(token)
    try:
        if match:
            return Limit(normal_name(match.group(1)).upper(), float(match.group(2)))
    except ValueError:
        pass
    raise MaskError(f"The limit '{token}' in the mask '{text}' is not understood; write it like 'AOD550<=0.3'.")


def _flag(token: str, text: str) -> str:
    if re.fullmatch(r"[-+.\d]+", token):
        raise MaskError(f"The mask '{text}' holds the lone number '{token}'; write decimals with a point, as in "
                        "'AOD550<=0.3'.")
    return token
