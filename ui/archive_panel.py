"""The panel of the archive: the form, what was found, and what can be done with it. Plain Qt; it knows no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from .archive_filter import ArchiveFilter
from .archive_form import ArchiveForm
from .archive_list import SceneListView
from .archive_model import SceneItem
from .axes import count_text

HINT = ("Choose an area and days, and press 'Search'. Searching needs no account; reading spectra over the network "
        "needs an Earthdata account that is signed in.")
NOTHING = "No scene of these days touches the area. Choose more days, a larger area, or more cloud."
MOST_OPENED = 5
"""So many scenes are opened at once."""


@dataclass(frozen=True)
class Result:
    """What a search found, as the panel shows it."""

    items: tuple[SceneItem, ...]
    """The scenes."""
    source: str
    """Who answered: "CMR", "CMR-STAC"."""
    cut: bool = False
    """Whether there are more scenes than are listed."""
    notices: tuple[str, ...] = ()
    """What the user must know."""


class ArchivePanel(QWidget):
    """Form, list, filter and buttons."""

    open_asked = pyqtSignal(list)
    """Keys of the scenes that the user wants to inspect."""
    browse_asked = pyqtSignal(list)
    """Keys of the scenes whose browse pictures are to be laid on the map."""
    download_asked = pyqtSignal(list)
    """Keys of the scenes whose files are to be downloaded."""
    vet_asked = pyqtSignal(list)
    """Keys of the scenes in which candidates are to be vetted."""
    filtered = pyqtSignal(object)
    """The Filter that was set."""
    cancel_asked = pyqtSignal()
    """The user does not want the running work."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.form, self.list, self.filter = ArchiveForm(), SceneListView(), ArchiveFilter()
        self._result: Optional[Result] = None
        self._notes = _text_label("About the result")
        self._counted = _text_label("Scenes found")
        self._counted.setWordWrap(False)
        self._counted.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        hint = _text_label("What to do")
        hint.setText(HINT)
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint = hint
        found = QWidget()
        inside = QVBoxLayout(found)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(4)
        for widget in (self.filter, self._counted):
            inside.addWidget(widget)
        inside.addWidget(self.list, 1)
        inside.addLayout(self._buttons())
        self._pages = QStackedWidget()
        for page in (hint, found):
            self._pages.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(self.form)
        column.addWidget(self._pages, 1)
        column.addWidget(self._notes)
        column.addWidget(self._foot())
        self._wire()
        self.show_notes(())
        self._enable()

    def show_result(self, result: Result) -> None:
        """Show what was found; nothing is an answer too."""
        self._result = result
        self.list.scenes().show_items(result.items)
        self.filter.show_times(self.list.scenes().times)
        self._hint.setText(_nothing(result))
        self._pages.setCurrentIndex(int(bool(result.items)))
        self.show_notes(result.notices)
        self._count()
        self._enable()

    def show_notes(self, notes: Sequence[str]) -> None:
        """What the user must know of the result or of the last request."""
        self._notes.setText("\n".join(notes))
        self._notes.setVisible(bool(notes))

    def show_busy(self, busy: bool) -> None:
        """Whether work is going on that can be cancelled."""
        self._progress.setVisible(busy)
        self._bar.reset()

    def show_progress(self, fraction: float, message: str) -> None:
        """How far it is; a search does not know its end, so a fraction of 0 only says that it goes on."""
        self._bar.setRange(0, 100 if fraction > 0 else 0)
        self._bar.setValue(round(100 * fraction))
        self._said.setText(message)

    def select(self, keys: Sequence[str]) -> None:
        """Select scenes; says nothing."""
        self.list.select(keys)
        self._enable()

    @property
    def selected(self) -> list[str]:
        """The selected scenes."""
        return self.list.selected_keys()

    @property
    def chosen(self) -> list[str]:
        """The selected scenes, or all that are shown where none is selected."""
        return self.selected or self.list.scenes().shown_keys

    @property
    def counted(self) -> str:
        """The line with source and count."""
        return self._counted.text()

    def _wire(self) -> None:
        self.filter.changed.connect(self._narrow)
        self.list.selected.connect(lambda _: self._enable())
        self.list.opened.connect(lambda key: self.open_asked.emit([key]))
        self.form.refused.connect(lambda sentence: self.show_notes((sentence,)))

    def _narrow(self) -> None:
        self.list.scenes().set_filter(self.filter.filter)
        self._count()
        self._enable()
        self.filtered.emit(self.filter.filter)

    def _count(self) -> None:
        if self._result is None:
            return
        shown, found = self.list.scenes().rowCount(), len(self._result.items)
        parts = [f"{count_text(shown)} of {count_text(found)} scene{'s' if found != 1 else ''}", self._result.source]
        if self._result.cut:
            parts.append("cut at the limit")
        self._counted.setText(" · ".join(filter(None, parts)))
        self._counted.setToolTip(self._counted.text())

    def _enable(self) -> None:
        n = len(self.selected)
        self._open.setEnabled(0 < n <= MOST_OPENED)
        self._browse.setEnabled(n > 0)
        self._download.setEnabled(n > 0)
        self._vet.setEnabled(self.list.scenes().rowCount() > 0)
        self._vet.setText("Vet candidates in these scenes…" if n == 0 else
                          f"Vet candidates in {'this scene' if n == 1 else f'these {n} scenes'}…")

    def _buttons(self) -> QVBoxLayout:
        self._open = _button("&Open", f"Open the selected scenes in the inspector (at most {MOST_OPENED}), and read "
                             "their spectra over the network")
        self._browse = _button("&Browse picture", "Lay the browse picture on the map, by the corners of the scene: to "
                               "look at, not to measure")
        self._download = _button("Down&load…", "Download the files of the selected scenes (some 4 GB each) into a "
                                 "folder; they are read from there from then on")
        self._vet = _button("", "Score places of a layer in the selected scenes, or in all that are shown: opens the "
                            "Processing dialog")
        for button, asked in ((self._open, self.open_asked), (self._browse, self.browse_asked),
                              (self._download, self.download_asked), (self._vet, self.vet_asked)):
            button.clicked.connect(lambda _=False, asked=asked: asked.emit(self.chosen))
        top, column = QHBoxLayout(), QVBoxLayout()
        for button in (self._open, self._browse, self._download):
            top.addWidget(button)
        column.addLayout(top)
        column.addWidget(self._vet)
        return column

    def _foot(self) -> QWidget:
        self._bar, self._said = QProgressBar(), _text_label("Work")
        self._bar.setAccessibleName("Progress")
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 0)
        cancel = QPushButton("Cancel")
        cancel.setToolTip("Stop the running work")
        cancel.clicked.connect(self.cancel_asked)
        self._progress = QWidget()
        row = QHBoxLayout(self._progress)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._said, 1)
        row.addWidget(self._bar, 1)
        row.addWidget(cancel)
        self._progress.hide()
        return self._progress


def _nothing(result: Result) -> str:
    """That nothing was found, and by whom."""
    return "\n".join(filter(None, (NOTHING, f"0 scenes · {result.source}" if result.source else "")))


def _button(text: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return button


def _text_label(name: str) -> QLabel:
    """Shows text as it is, also what a server said."""
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setAccessibleName(name)
    return label
