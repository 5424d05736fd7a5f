"""What is searched in the archive: where, when, how cloudy, by day or by night. Plain Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Optional

from qgis.PyQt.QtCore import QDate, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QDateEdit,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QWidget,
)

from .elided import ElidedCombo, wrapped

EXTENT, DRAWN, SHOWN = "extent", "drawn", "shown"
"""Keys of areas that are no layer: the extent of the map, one drawn for the search, what the inspector shows."""
_ANY_CLOUD = 100
_LIGHT = (("Day and night", ""), ("Day", "day"), ("Night", "night"))
_YEARS_BACK = -1


@dataclass(frozen=True)
class AreaChoice:
    """One place to search in."""

    key: str
    """What it is called by the program."""
    title: str
    """What users know it by."""
    tip: str = ""
    """What it means, in a sentence."""


@dataclass(frozen=True)
class Wanted:
    """What the user searches."""

    area: str
    """Key of the area."""
    start: date
    """First day, UTC."""
    end: date
    """Last day, UTC; all of it."""
    max_cloud: Optional[float] = None
    """Cloud cover below this many percent; None is any."""
    day_night: str = ""
    """"day" or "night"; "" is any."""


class ArchiveForm(QWidget):
    """The form and its button."""

    search_asked = pyqtSignal(object)
    """The Wanted that is to be searched."""
    refused = pyqtSignal(str)
    """Why it cannot be searched, in a sentence."""
    areas_asked = pyqtSignal()
    """The list of areas is about to be looked at."""
    draw_asked = pyqtSignal()
    """The user wants to draw the area."""
    sign_in_asked = pyqtSignal()
    """The user wants to choose how to sign in."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        today = QDate.currentDate()
        self._area = _AreaCombo()
        self._area.setAccessibleName("Area")
        self._area.setToolTip("Scenes that touch this area are found")
        self._area.opening.connect(self.areas_asked)
        self._start = _date_edit("First day", today.addYears(_YEARS_BACK))
        self._end = _date_edit("Last day", today)
        self._cloud, self._light = self._cloud_box(), QComboBox()
        self._light.setAccessibleName("Day or night")
        for title, value in _LIGHT:
            self._light.addItem(title, value)
        self._button = QPushButton("&Search")
        self._button.setToolTip("Ask the archive; it needs no account for this")
        self._button.clicked.connect(self.search)
        self._sign_in = QLabel()
        self._sign_in.setTextFormat(Qt.TextFormat.PlainText)
        self._sign_in.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._sign_in.setAccessibleName("Sign-in")
        self._lay_out()
        self.set_areas((AreaChoice(EXTENT, "Map extent"),))

    def set_areas(self, choices: Sequence[AreaChoice]) -> None:
        """Offer areas; the choice stays where it is still there."""
        kept = self._area.currentData()
        self._area.clear()
        for place, choice in enumerate(choices):
            self._area.addItem(choice.title, choice.key)
            self._area.setItemData(place, choice.tip, Qt.ItemDataRole.ToolTipRole)
        self._area.setCurrentIndex(max(self._area.findData(kept), 0))

    def choose_area(self, key: str) -> None:
        """Choose an area as the user would; nothing happens where it is not offered."""
        place = self._area.findData(key)
        if place >= 0:
            self._area.setCurrentIndex(place)

    def set_dates(self, start: date, end: date) -> None:
        """The days that are searched."""
        self._start.setDate(QDate(start.year, start.month, start.day))
        self._end.setDate(QDate(end.year, end.month, end.day))

    def set_cloud(self, max_cloud: Optional[float]) -> None:
        """The cloud limit in percent; None is any."""
        self._cloud.setValue(_ANY_CLOUD if max_cloud is None else round(max_cloud))

    def set_sign_in(self, sentence: str) -> None:
        """How it stands with the sign-in."""
        self._sign_in.setText(sentence)
        self._sign_in.setToolTip(wrapped(sentence))

    def set_searching(self, searching: bool) -> None:
        """Whether a search is running: there is one at a time."""
        self._button.setEnabled(not searching)

    @property
    def wanted(self) -> Wanted:
        """What the form says."""
        cloud = self._cloud.value()
        return Wanted(self._area.currentData() or "", _as_date(self._start), _as_date(self._end),
                      None if cloud >= _ANY_CLOUD else float(cloud), self._light.currentData())

    def search(self) -> None:
        """Ask for what the form says, or say why that cannot be."""
        wanted = self.wanted
        if wanted.start > wanted.end:
            self.refused.emit(f"The first day, {wanted.start}, is after the last one, {wanted.end}; swap them.")
        elif self._button.isEnabled():
            self.search_asked.emit(wanted)

    def _cloud_box(self) -> QSpinBox:
        box = QSpinBox()
        box.setRange(1, _ANY_CLOUD)
        box.setSingleStep(5)
        box.setSuffix(" %")
        box.setValue(_ANY_CLOUD)
        box.setAccessibleName("Cloud below")
        box.setToolTip("Scenes with less cloud than this are found; 100 % is any, and scenes of unknown cloud stay")
        return box

    def _lay_out(self) -> None:
        where, days, rest, foot = QHBoxLayout(), QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        where.addWidget(self._area, 1)
        where.addWidget(_tool_button("&Draw", "Draw the area on the map", self.draw_asked))
        for widget in (self._start, QLabel("–"), self._end):
            days.addWidget(widget)
        days.addStretch(1)
        rest.addWidget(self._cloud)
        rest.addWidget(self._light, 1)
        rest.addWidget(self._button)
        foot.addWidget(self._sign_in, 1)
        foot.addWidget(_tool_button("Sign-&in…", "Choose how to sign in with your Earthdata account, and test it",
                                    self.sign_in_asked))
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for title, field, buddy in (("&Area", where, self._area), ("&Days", days, self._start),
                                    ("C&loud below", rest, self._cloud)):
            label = QLabel(title)
            label.setBuddy(buddy)
            form.addRow(label, field)
        form.addRow(foot)


class _AreaCombo(ElidedCombo):
    """Tells before it opens, so that it lists the layers there are now."""

    opening = pyqtSignal()

    def showPopup(self) -> None:  # noqa: N802
        """First the list is brought up to date."""
        self.opening.emit()
        super().showPopup()


def _tool_button(text: str, tip: str, asked: Any) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    button.clicked.connect(asked)
    return button


def _date_edit(name: str, day: QDate) -> QDateEdit:
    edit = QDateEdit(day)
    edit.setDisplayFormat("yyyy-MM-dd")
    edit.setCalendarPopup(True)
    edit.setAccessibleName(name)
    edit.setToolTip(f"{name}, UTC; the whole day")
    return edit


def _as_date(edit: QDateEdit) -> date:
    day = edit.date()
    return date(day.year(), day.month(), day.day())
