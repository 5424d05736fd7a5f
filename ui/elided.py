"""Controls whose text may be longer than they are: they say so with an ellipsis."""

from __future__ import annotations

from html import escape

from qgis.PyQt.QtCore import QSize, Qt
from qgis.PyQt.QtGui import QPaintEvent
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStyleOptionComboBox,
    QStylePainter,
)


class ElidedButton(QPushButton):
    """Takes the width that there is and leaves out the middle of its text."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Room for some ten letters; the layout gives what it has."""
        return QSize(14 * self.fontMetrics().averageCharWidth(), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """The same."""
        return self.sizeHint()

    def shown_text(self) -> str:
        """The text as it is painted."""
        option = QStyleOptionButton()
        self.initStyleOption(option)
        room = self.style().subElementRect(QStyle.SubElement.SE_PushButtonContents, option, self).width()
        room -= self.fontMetrics().averageCharWidth()
        return self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, room)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """The style's button, with the shortened text."""
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text = self.shown_text()
        QStylePainter(self).drawControl(QStyle.ControlElement.CE_PushButton, option)


class ElidedCombo(QComboBox):
    """A list to choose from that takes the width that there is; its items are read in full when it opens."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def showPopup(self) -> None:  # noqa: N802
        """As wide as the longest item."""
        self.view().setMinimumWidth(self.view().sizeHintForColumn(0) + 2 * self.fontMetrics().height())
        super().showPopup()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """The style's combo box, with the shortened text."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        control, part = QStyle.ComplexControl.CC_ComboBox, QStyle.SubControl.SC_ComboBoxEditField
        room = self.style().subControlRect(control, option, part, self).width() - 4
        painter = QStylePainter(self)
        painter.drawComplexControl(control, option)
        if not self.isEditable():
            option.currentText = self.fontMetrics().elidedText(
                option.currentText, Qt.TextElideMode.ElideRight, room)  # fmt: skip
            painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)


def wrapped(text: str) -> str:
    """A tooltip that breaks its lines, and shows `text` as it is even where it looks like HTML."""
    return f"<p>{escape(text)}</p>"


def unmarked(sentence: str) -> str:
    """What a message bar, which reads rich text, shows as it is: names may come from a server."""
    return sentence.replace("<", "&lt;")
