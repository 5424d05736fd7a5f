"""The icons of the controls, in the colour of the theme's text."""

from __future__ import annotations

from pathlib import Path

from qgis.PyQt.QtCore import QByteArray, QRectF, Qt
from qgis.PyQt.QtGui import QIcon, QPainter, QPalette, QPixmap
from qgis.PyQt.QtSvg import QSvgRenderer

FOLDER = Path(__file__).resolve().parents[1] / "resources" / "icons"
_SIZES = (16, 18, 20, 22, 24, 28, 32, 36, 40, 44, 48, 64, 96)
_GROUPS = (
    (QIcon.Mode.Normal, QPalette.ColorGroup.Active),
    (QIcon.Mode.Disabled, QPalette.ColorGroup.Disabled),
)


def icon(name: str, palette: QPalette) -> QIcon:
    """The icon `resources/icons/<name>.svg`, its `currentColor` being the palette's WindowText.

    Make it again when the palette changes. Raises FileNotFoundError for an icon that is not there.
    """
    drawing = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    made = QIcon()
    for mode, group in _GROUPS:
        colour = palette.color(group, QPalette.ColorRole.WindowText).name()
        renderer = QSvgRenderer(QByteArray(drawing.replace("currentColor", colour).encode()))
        for size in _SIZES:
            made.addPixmap(_pixmap(renderer, size, 0.45 if mode == QIcon.Mode.Disabled else 1.0), mode)
    return made


def _pixmap(renderer: QSvgRenderer, size: int, opacity: float) -> QPixmap:
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setOpacity(opacity)
    renderer.render(painter, QRectF(0, 0, size, size))
    painter.end()
    return pixmap
