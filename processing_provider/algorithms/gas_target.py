"""gas_target: the target spectrum of a gas on the bands of a granule."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsProcessingParameterDefinition

from ...adapters.feedback import FeedbackProgress
from ...core.errors import LibraryError
from ...core.gases import Layer, gas_target
from ...core.gases.absorption import ATMOSPHERE_HPA, REFERENCE_K
from .. import parameters as defined
from ..asked import Asked
from ..base import PixelSpectraAlgorithm


class Algorithm(PixelSpectraAlgorithm):
    """Makes the reference of a gas candidate."""

    title = "Gas target"
    topic = "References"
    about = ("Makes the target spectrum of a gas, such as methane, on the bands of a granule, as a reference file: the "
             "slope of the logarithm of radiance per 1e5 ppm m. On L1B radiance 'Detect gas' gives a detection score "
             "with it; on L2A reflectance it is a check of the shape only. Neither tells a flux or the mass of "
             "a plume: that is the work of other tools.")

    def parameters(self) -> tuple[QgsProcessingParameterDefinition, ...]:
        """As in the documentation."""
        return (
            defined.source(),
            defined.granule(help_text="The granule whose bands (centres and widths) the target is made for: EMIT (.nc) "
                            "or an ENVI image that tells the widths of its bands."),
            defined.advanced(defined.number("TEMPERATURE", "Temperature of the air", "Of lines only: temperature (K) "
                                            "of the air that the gas is in.", REFERENCE_K)),
            defined.advanced(defined.number("PRESSURE", "Pressure of the air", "Of lines only: pressure (hPa) of the "
                                            "air that the gas is in.", ATMOSPHERE_HPA)),
            defined.advanced(defined.number("PATH", "Path of the light", "Of lines only: length of the light's way "
                                            "through the gas over the thickness of its layer, that is 1/cos(sun "
                                            "zenith) + 1/cos(view zenith).", 2.0)),
            defined.advanced(defined.text("ENHANCEMENTS", "Enhancements", "Enhancements in ppm m separated by commas, "
                                          "one for each spectrum of a look-up table, or to compute for lines. Empty "
                                          "takes those of mag1c: 0, 500, 1000, 2000, 4000, 8000, 16000.")),
            defined.csv("OUTPUT", "Gas target", "A CSV file that can be given wherever a reference file is asked. Its "
                        "comments say what was done; bands that the source does not cover hold nan."),
        )

    def work(self, asked: Asked, progress: FeedbackProgress) -> dict[str, Any]:
        """One call of gas_target()."""
        given = {name: asked.number(name) for name in ("TEMPERATURE", "PRESSURE", "PATH")}
        standard = Layer()
        layer = Layer(*(value if value is not None else default for value, default in zip(
            given.values(), (standard.temperature_k, standard.pressure_hpa, standard.path))))
        target = gas_target(asked.text("SOURCE") or "", self.open_granule().bands,
                            enhancement_ppm_m=_numbers(asked.words("ENHANCEMENTS")), layer=layer, progress=progress)
        path = asked.file_to_write("OUTPUT")
        target.write(path)
        for note in target.notes:
            progress.tell(note)
        return {"OUTPUT": str(path)}


def _numbers(words: list[str] | None) -> list[float] | None:
    """Numbers; None for none. Raises LibraryError for what is no number."""
    if words is None:
        return None
    try:
        return [float(word) for word in words]
    except ValueError:
        raise LibraryError(f"The enhancements '{', '.join(words)}' are not numbers separated by commas; write them "
                           "such as 0, 500, 1000.") from None
