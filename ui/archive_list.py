"""The list of scenes: a thumbnail and three lines each, painted, so that thousands need no widget. Plain Qt."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Optional

from qgis.PyQt.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QRect,
    QSize,
    Qt,
    QTimer,
    pyqtSignal,
)
from qgis.PyQt.QtGui import QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPalette, QPixmap, QResizeEvent
from qgis.PyQt.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QWidget,
)

from .archive_model import THUMBNAIL, ArchiveModel, SceneItem, facts_of, title_of
from .theme import Theme

_SOON_MS = 120
"""Rows that are on view so long get their thumbnails."""
_GAP = 6
_LINES = 3


class SceneDelegate(QStyledItemDelegate):
    """Paints a scene. Names come from a server: they are drawn as they are, never as rich text."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # noqa: N802
        """The same for all rows: the view asks once."""
        return QSize(12 * option.fontMetrics.averageCharWidth(), _side(option) + _GAP)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Thumbnail on the left; date, facts and name beside it."""
        model = index.model()
        item = model.item(index) if isinstance(model, ArchiveModel) else None
        if item is None:
            return
        bare = QStyleOptionViewItem(option)
        self.initStyleOption(bare, index)
        bare.text = ""
        style = option.widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, bare, painter, option.widget)
        painter.save()
        side = _side(option)
        frame = QRect(option.rect.left() + _GAP // 2, option.rect.top() + _GAP // 2, side, side)
        _paint_thumbnail(painter, frame, index.data(THUMBNAIL), item, option.palette)
        text = option.rect.adjusted(side + 2 * _GAP, _GAP // 2, -_GAP, -_GAP // 2)
        _paint_text(painter, text, item, option)
        painter.restore()


def _side(option: QStyleOptionViewItem) -> int:
    """Of the thumbnail, pixels: as high as the text beside it."""
    return _LINES * option.fontMetrics.height() + _GAP


def _paint_thumbnail(painter: QPainter, frame: QRect, picture: Optional[QPixmap], item: SceneItem, palette: QPalette
                     ) -> None:
    theme = Theme.of(palette)
    if picture is not None and not picture.isNull():
        ratio = picture.devicePixelRatio()
        inside = QRect(0, 0, round(picture.width() / ratio), round(picture.height() / ratio))
        inside.moveCenter(frame.center())
        painter.drawPixmap(inside, picture)
        return
    painter.setPen(theme.grid)
    painter.setBrush(theme.background)
    painter.drawRect(frame.adjusted(0, 0, -1, -1))
    painter.setPen(theme.faint)
    word = "no picture" if picture is not None or not item.browse_url else "…"
    painter.drawText(frame, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, word)


def _paint_text(painter: QPainter, box: QRect, item: SceneItem, option: QStyleOptionViewItem) -> None:
    chosen = bool(option.state & QStyle.StateFlag.State_Selected)
    active = bool(option.state & QStyle.StateFlag.State_Active)
    group = QPalette.ColorGroup.Active if active else QPalette.ColorGroup.Inactive
    strong = option.palette.color(
        group, QPalette.ColorRole.HighlightedText if chosen else QPalette.ColorRole.Text)
    faint = strong if chosen else Theme.of(option.palette).faint
    bold = painter.font()
    bold.setBold(True)
    plain = option.font
    lines = ((title_of(item), bold, strong), (facts_of(item), plain, strong), (item.key, plain, faint))
    high = box.height() // _LINES
    for number, (text, font, colour) in enumerate(lines):
        painter.setFont(font)
        painter.setPen(colour)
        line = QRect(box.left(), box.top() + number * high, box.width(), high)
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, line.width())
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine,
                         shown)


class SceneListView(QListView):
    """The view: which scenes are selected, pointed at and on view, by their keys."""

    selected = pyqtSignal(list)
    """Keys of the scenes that are selected now."""
    hovered = pyqtSignal(str)
    """Key of the scene under the pointer; "" for none."""
    opened = pyqtSignal(str)
    """The user wants to see this one: a double click, or Enter."""
    on_view = pyqtSignal(list)
    """Keys of the scenes that can be seen, from top to bottom."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._hover, self._quiet = "", False
        self._kept: list[str] = []
        self._model = ArchiveModel(self)
        self.setModel(self._model)
        self.setItemDelegate(SceneDelegate(self))
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setAccessibleName("Scenes")
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(lambda: self.on_view.emit(self.visible_keys()))
        self.verticalScrollBar().valueChanged.connect(lambda _: self._soon.start())
        self._model.modelAboutToBeReset.connect(self._keep_selection)
        self._model.modelReset.connect(self._put_selection_back)
        self.selectionModel().selectionChanged.connect(lambda *_: self._tell_selected())
        self.doubleClicked.connect(self._open)

    def scenes(self) -> ArchiveModel:
        """The model."""
        return self._model

    def selected_keys(self) -> list[str]:
        """From top to bottom."""
        places = sorted(index.row() for index in self.selectionModel().selectedIndexes())
        return [item.key for item in (self._model.item(self._model.index(place, 0)) for place in places) if item]

    def select(self, keys: Sequence[str]) -> None:
        """Select scenes, as far as they are shown, and go to the first of them; says nothing."""
        places = sorted(place for place in map(self._model.place_of, keys) if place >= 0)
        self._quiet = True
        chosen = QItemSelection()
        for first, last in _runs(places):
            chosen.select(self._model.index(first, 0), self._model.index(last, 0))
        kinds = QItemSelectionModel.SelectionFlag
        self.selectionModel().select(chosen, kinds.ClearAndSelect)
        if places:
            index = self._model.index(places[0], 0)
            self.selectionModel().setCurrentIndex(index, kinds.NoUpdate)
            self.scrollTo(index)
        self._quiet = False

    def visible_keys(self) -> list[str]:
        """The scenes that can be seen."""
        n = self._model.rowCount()
        if not n or not self.isVisible():
            return []
        high = max(self.sizeHintForRow(0), 1)
        first = max(self.verticalScrollBar().value() // high, 0)
        last = min(first + self.viewport().height() // high + 1, n - 1)
        return [item.key for item in (self._model.item(self._model.index(row, 0)) for row in range(first, last + 1))
                if item]

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Others are on view."""
        super().resizeEvent(event)
        self._soon.start()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Tell which scene is pointed at."""
        super().mouseMoveEvent(event)
        item = self._model.item(self.indexAt(event.pos()))
        self._point_at("" if item is None else item.key)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """None is pointed at."""
        super().leaveEvent(event)
        self._point_at("")

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Enter opens the current scene."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._open(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:  # noqa: N802
        """The tooltip is the whole name, as text."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            item = self._model.item(self.indexAt(event.pos()))
            QToolTip.showText(event.globalPos(), "" if item is None else tip_of(item), self)
            return True
        return bool(super().viewportEvent(event))

    def _open(self, index: QModelIndex) -> None:
        item = self._model.item(index)
        if item is not None:
            self.opened.emit(item.key)

    def _point_at(self, key: str) -> None:
        if key != self._hover:
            self._hover = key
            self.hovered.emit(key)

    def _tell_selected(self) -> None:
        if not self._quiet:
            self.selected.emit(self.selected_keys())

    def _keep_selection(self) -> None:
        self._kept = self.selected_keys()

    def _put_selection_back(self) -> None:
        """A filter takes no selection away from what stays."""
        before, place = self._kept, self.verticalScrollBar().value()
        self.select(before)
        if not before:
            self.verticalScrollBar().setValue(place)
        if self.selected_keys() != before:
            self._tell_selected()
        self._point_at("")
        self._soon.start()


def tip_of(item: SceneItem) -> str:
    """All facts of a scene, as rich text that shows them as they are."""
    return f"<p>{escape(item.key)}<br>{escape(title_of(item))}<br>{escape(facts_of(item))}</p>"


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each row of neighbours.

    >>> _runs([1, 2, 3, 7])
    [(1, 3), (7, 7)]
    """
    ends = [i for i, place in enumerate(places) if places[i + 1:i + 2] != [place + 1]]
    return [(places[first], places[last]) for first, last in zip([0, *(end + 1 for end in ends)], ends)]
