"""Where the user chooses a reference: search, preview, libraries of their own."""

from __future__ import annotations

from typing import Optional

from qgis.PyQt.QtCore import QEvent, QModelIndex, QObject, Qt, pyqtSignal
from qgis.PyQt.QtGui import QKeyEvent
from qgis.PyQt.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSplitter,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTextEdit,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from ..core.errors import LibraryError
from ..core.libraries import Library, ReferenceSpectrum, bundled_library, catalogue
from ..core.spectra import BandGrid
from .reference_list import Choice, ReferenceList
from .reference_preview import ReferencePreview

_PROBLEMS_SHOWN = 3
_LIST_KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class _Lines(QStyledItemDelegate):
    """Headings cannot be chosen, and are as readable as the rest."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex) -> None:  # noqa: N802
        super().initStyleOption(option, index)
        option.state |= QStyle.StateFlag.State_Enabled


class ReferenceChooser(QDialog):
    """A list of the bundled spectra and of the libraries that were added; Enter chooses, Esc closes.

    It opens no file: it asks with `library_asked` and is told by `add_library` or `show_problem`.
    """

    chosen = pyqtSignal(object)
    """A ReferenceSpectrum, or None for no reference; `chosen_from` says which library it is of."""
    library_asked = pyqtSignal(str)
    """The path of a library file or folder that the user wants to add."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.chosen_from = ""
        """Path of the library that the last choice is of; "" for a bundled one or none."""
        self._bands: Optional[BandGrid] = None
        self._list = ReferenceList()
        self.setWindowTitle("Choose a reference")
        self._make_parts()
        self._lay_out()
        try:
            self._list.add_bundled(bundled_library())
        except LibraryError as error:
            self.show_problem(str(error))
        self._search_for("")

    def set_bands(self, bands: Optional[BandGrid]) -> None:
        """The bands of the granule, or None without one: the preview says how many a reference covers."""
        self._bands = bands
        self._show_highlighted()

    def add_library(self, path: str, library: Library) -> None:
        """Show what was asked for with `library_asked`, its first spectrum highlighted, and its problems."""
        self._list.add_library(path, library)
        self._search.clear()
        self._search_for("")
        self._say(*library.problems)
        self.layout().activate()  # the list has its height before it scrolls
        self.highlight(next(iter(library), ""), path)
        self._search.setFocus()  # Enter chooses it

    def show_problem(self, problem: str) -> None:
        """Say why a library could not be opened."""
        self._say(problem)

    def highlight(self, key: str, path: str = "") -> None:
        """Go to the spectrum `key` of the library at `path`, if it is listed."""
        index = self._list.find(path, key)
        if index.isValid():
            self._view.setCurrentIndex(index)
            self._view.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)

    def ask_for(self, path: str) -> None:
        """Ask that the library at `path` be opened, and say so."""
        self._say(f"Opening {path} …")
        self.library_asked.emit(path)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """The arrows work in the list while one types."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and event.key() in _LIST_KEYS:
            self._view.keyPressEvent(event)
            return True
        return super().eventFilter(watched, event)

    def open_at(self, key: str, path: str) -> None:
        """Show the chooser with the spectrum in use highlighted, ready to type."""
        self._search.clear()
        self.highlight(key, path)
        self._search.setFocus()
        self.show()
        self.raise_()
        self.activateWindow()

    def _make_parts(self) -> None:
        self._search = QLineEdit()
        self._search.setPlaceholderText("Search by name, material, kind or source")
        self._search.setClearButtonEnabled(True)
        _name(self._search, "Search the references", "Words in any order; the arrows move in the list")
        self._search.textChanged.connect(self._search_for)
        self._search.installEventFilter(self)
        self._view = QTreeView()
        self._view.setModel(self._list)
        self._view.setItemDelegate(_Lines(self._view))
        self._view.setHeaderHidden(True)
        self._view.setRootIsDecorated(False)
        self._view.setItemsExpandable(False)
        self._view.setIndentation(self.fontMetrics().averageCharWidth() * 2)
        self._view.setUniformRowHeights(True)
        self._view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        _name(self._view, "References", "The bundled spectra and those of the libraries that you added")
        self._view.selectionModel().currentChanged.connect(self._show_highlighted)
        self._view.doubleClicked.connect(self._choose_highlighted)
        self._preview = ReferencePreview()
        self._title, self._problems = QLabel(), QLabel()
        for label in (self._title, self._problems):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
        bold = self._title.font()
        bold.setBold(True)
        self._title.setFont(bold)
        self._problems.setAccessibleName("What went wrong")
        self._problems.hide()
        self._details = QTextEdit()
        self._details.setReadOnly(True)
        self._details.setTabChangesFocus(True)
        _name(self._details, "About the reference", "Coverage, source and notes")

    def _lay_out(self) -> None:
        side, about = QWidget(), QVBoxLayout()
        for part in (self._title, self._preview, self._details):
            about.addWidget(part)
        about.setContentsMargins(0, 0, 0, 0)
        side.setLayout(about)
        halves = QSplitter(Qt.Orientation.Horizontal)
        halves.addWidget(self._view)
        halves.addWidget(side)
        halves.setHandleWidth(self.fontMetrics().averageCharWidth() + 2)
        halves.setStretchFactor(0, 3)
        halves.setStretchFactor(1, 2)
        halves.setChildrenCollapsible(False)
        whole = QVBoxLayout(self)
        whole.addWidget(self._search)
        whole.addWidget(halves, 1)
        whole.addWidget(self._problems)
        whole.addLayout(self._buttons())
        letter, line = self.fontMetrics().averageCharWidth(), self.fontMetrics().height()
        self.resize(100 * letter, 28 * line)
        halves.setSizes([58 * letter, 40 * letter])

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self._use = QPushButton("Use this reference")
        offered = (
            (QPushButton("Add file…"), "Add a spectral library from a file", self._ask_file),
            (QPushButton("Add folder…"), "Add all spectral libraries of a folder", self._ask_folder),
            (QPushButton("None (no reference)"), "Look at spectra without comparing them", self._choose_none),
            (self._use, "Compare with the highlighted reference", self._choose_highlighted),
        )
        for button, tip, slot in offered:
            _name(button, button.text().rstrip("…"), tip)
            button.clicked.connect(slot)
            row.addWidget(button)
        row.insertStretch(2)
        self._use.setDefault(True)
        return row

    def _search_for(self, text: str) -> None:
        self._list.search(text)
        self._view.expandAll()
        self._view.setCurrentIndex(self._list.first())
        self._show_highlighted()

    def _show_highlighted(self, *_: QModelIndex) -> None:
        choice = self._list.choice(self._view.currentIndex())
        self._use.setEnabled(choice is not None)
        self._preview.show_spectrum(choice.spectrum if choice else None)
        self._title.setText(choice.spectrum.name if choice else "No reference matches the search.")
        self._details.setPlainText(_about(choice, self._bands) if choice else "")

    def _choose_highlighted(self) -> None:
        choice = self._list.choice(self._view.currentIndex())
        if choice is not None:
            self._choose(choice.spectrum, choice.path)

    def _choose_none(self) -> None:
        self._choose(None, "")

    def _choose(self, spectrum: Optional[ReferenceSpectrum], path: str) -> None:
        self.chosen_from = path
        self._say()
        self.accept()
        self.chosen.emit(spectrum)

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Add a spectral library")
        if path:
            self.ask_for(path)

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Add a folder of spectral libraries")
        if path:
            self.ask_for(path)

    def _say(self, *sentences: str) -> None:
        more = len(sentences) - _PROBLEMS_SHOWN
        shown = [*sentences[:_PROBLEMS_SHOWN], *([f"… and {more} more files with problems."] if more > 0 else [])]
        self._problems.setText("\n".join(shown))
        self._problems.setVisible(bool(sentences))


def _about(choice: Choice, bands: Optional[BandGrid]) -> str:
    (entry,) = catalogue({choice.spectrum.id: choice.spectrum}, bands)
    missing = f", {entry.n_missing} of them without a value" if entry.n_missing else ""
    covered = f"{entry.n_covered} of {entry.n_bands} bands of the granule are covered" if bands is not None else ""
    lines = (
        covered and f"{covered}.",
        f"{entry.n_channels} channels{missing}.",
        entry.kind and f"Kind: {entry.kind}.",
        f"Id: {entry.id}",
        f"Source: {entry.source}",
        *(f"Note: {note}" for note in entry.notes),
    )
    return "\n".join(line for line in lines if line)


def _name(widget: QWidget, name: str, tip: str) -> None:
    widget.setAccessibleName(name)
    widget.setToolTip(tip)
