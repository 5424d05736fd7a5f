"""Numbers as colours, from dark to bright in even steps of lightness; what is masked has none."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from qgis.PyQt.QtGui import QColor, QImage

_STOPS = ("#270154", "#232075", "#00408a", "#035e88", "#077790", "#009298", "#09ad9a", "#43c791", "#8ada86",
          "#c7ea7e", "#fff789")
"""Even steps of lightness as the eye sees it (in OKLab), from violet over blue and green to yellow."""
_CLEAR = 255
"""The index that has no colour; those below rise with the value."""
_MOST_SAMPLED = 100_000


def colour_range(values: npt.NDArray[np.floating]) -> tuple[float, float]:
    """The values at both ends of the scale: all but the outer 1 % on each side; (0, 1) without a finite value."""
    flat = values.ravel()
    sample = flat[:: max(flat.size // _MOST_SAMPLED, 1)]
    finite = sample[np.isfinite(sample)]
    if not finite.size:
        finite = flat[np.isfinite(flat)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(finite, (1, 99)))
    return (low, high) if high > low else (low - abs(low) * 0.05 - 1e-6, high + abs(high) * 0.05 + 1e-6)


def coloured(values: npt.NDArray[np.floating], low: float, high: float) -> QImage:
    """`values` (n_rows, n_columns), the first row at the bottom, as an image; transparent where NaN."""
    finite = np.isfinite(values)
    part = (np.where(finite, values, low) - np.float32(low)) * np.float32((_CLEAR - 1) / (high - low))
    index = np.clip(part, 0, _CLEAR - 1).astype(np.uint8)
    index[~finite] = _CLEAR
    return _image(index[::-1])


def ramp() -> QImage:
    """The scale itself, one pixel wide, the highest value on top."""
    return _image(np.arange(_CLEAR - 1, -1, -1, dtype=np.uint8)[:, np.newaxis])


def _image(index: npt.NDArray[np.uint8]) -> QImage:
    rows, columns = index.shape
    data = np.ascontiguousarray(index).tobytes()
    image = QImage(data, columns, rows, columns, QImage.Format.Format_Indexed8)
    image.setColorTable(_TABLE)
    # the conversion copies the pixels, which `data` holds no longer than this function runs
    return image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)


def _table() -> list[int]:
    """256 colours: the stops, straight lines between them, and none at the end."""
    stops = np.array([QColor(stop).getRgb()[:3] for stop in _STOPS])
    at = np.linspace(0, len(_STOPS) - 1, _CLEAR)
    channels = [np.interp(at, np.arange(len(_STOPS)), stops[:, k]) for k in range(3)]
    return [QColor(*(round(v) for v in rgb)).rgba() for rgb in zip(*channels)] + [0]


_TABLE = _table()
