"""The references to choose from, grouped, and the search through them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from qgis.PyQt.QtCore import QModelIndex, QRegularExpression, QSortFilterProxyModel, Qt
from qgis.PyQt.QtGui import QFont, QStandardItem, QStandardItemModel

from ..core.libraries import ReferenceSpectrum

_CHOICE = Qt.ItemDataRole.UserRole + 1
_SEARCHED = Qt.ItemDataRole.UserRole + 2


@dataclass(frozen=True)
class Choice:
    """One line of the list."""

    spectrum: ReferenceSpectrum
    """What would be chosen."""
    path: str
    """File or folder of its library; "" for a bundled one."""


class ReferenceList(QSortFilterProxyModel):
    """Groups of spectra; `search` leaves those that match. Headings are no choices: `choice` gives None there."""

    def __init__(self) -> None:
        super().__init__()
        self._groups = QStandardItemModel()
        self.setSourceModel(self._groups)
        self.setFilterRole(_SEARCHED)
        self.setRecursiveFilteringEnabled(True)

    def add_bundled(self, library: Mapping[str, ReferenceSpectrum]) -> None:
        """A group per kind of material."""
        for kind in sorted({spectrum.kind for spectrum in library.values()}):
            members = [spectrum for spectrum in library.values() if spectrum.kind == kind]
            self._add(f"{(kind or 'other').capitalize()} · bundled, USGS", "", members)

    def add_library(self, path: str, library: Mapping[str, ReferenceSpectrum]) -> None:
        """A group for the library at `path`, in the place of an earlier one from there."""
        for row in reversed(range(self._groups.rowCount())):
            if self._groups.item(row).data(Qt.ItemDataRole.ToolTipRole) == path:
                self._groups.removeRow(row)
        self._add(Path(path).name or path, path, library.values())

    def search(self, text: str) -> None:
        """Leave the spectra whose id, name, kind or source hold every word of `text`, whatever order and case."""
        words = (QRegularExpression.escape(word) for word in text.split())
        option = QRegularExpression.PatternOption
        self.setFilterRegularExpression(QRegularExpression(
            "^" + "".join(f"(?=.*{word})" for word in words),
            option.CaseInsensitiveOption | option.UseUnicodePropertiesOption | option.DotMatchesEverythingOption,
        ))  # fmt: skip

    def choice(self, index: QModelIndex) -> Optional[Choice]:
        """What lies at `index`, if it is a spectrum."""
        return index.data(_CHOICE) if index.isValid() else None

    def first(self) -> QModelIndex:
        """The first spectrum that is left; invalid where none is."""
        return self.index(0, 0, self.index(0, 0)) if self.rowCount() else QModelIndex()

    def find(self, path: str, key: str) -> QModelIndex:
        """Where the spectrum `key` of the library at `path` lies, if the search leaves it."""
        for row in range(self.rowCount()):
            heading = self.index(row, 0)
            for below in range(self.rowCount(heading)):
                index = self.index(below, 0, heading)
                choice = self.choice(index)
                if choice and (choice.path, choice.spectrum.id) == (path, key):
                    return index
        return QModelIndex()

    def _add(self, title: str, path: str, spectra: Iterable[ReferenceSpectrum]) -> None:
        items = [self._item(Choice(spectrum, path)) for spectrum in spectra]
        heading = QStandardItem(f"{title} ({len(items)})")
        heading.setFlags(Qt.ItemFlag.NoItemFlags)
        heading.setToolTip(path)
        font = QFont()
        font.setBold(True)
        heading.setFont(font)
        heading.appendRows(items)
        self._groups.appendRow(heading)

    def _item(self, choice: Choice) -> QStandardItem:
        spectrum = choice.spectrum
        item = QStandardItem(spectrum.name)
        item.setEditable(False)
        item.setData(choice, _CHOICE)
        item.setData(" ".join((spectrum.id, spectrum.name, spectrum.kind, spectrum.source)), _SEARCHED)
        return item
