"""The scenes of a search as a list model: filtered by date and cloud at once, however many there are. Plain Qt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any, Callable, Optional

import numpy as np
import numpy.typing as npt
from qgis.PyQt.QtCore import QAbstractListModel, QModelIndex, QObject, Qt
from qgis.PyQt.QtGui import QPixmap

from ..core.archive.sizes import said_bytes

ITEM = int(Qt.ItemDataRole.UserRole)
"""Role: the SceneItem of a row."""
THUMBNAIL = ITEM + 1
"""Role: its thumbnail, a QPixmap; a null one where there is none to be had, None where it was not fetched."""


@dataclass(frozen=True)
class SceneItem:
    """What the list shows of a scene."""

    key: str
    """Id of the scene; once in a list."""
    when: datetime
    """Start of the acquisition, UTC."""
    cloud: Optional[float] = None
    """Cloud cover, percent; None where the archive does not say."""
    day_night: str = ""
    """"day", "night" or "both"; "" where the archive does not say."""
    size_bytes: int = 0
    """Of the reflectance file; 0 where unknown."""
    browse_url: str = ""
    """Where its picture is; "" where it has none."""
    here: bool = False
    """Whether it was downloaded to this computer."""


@dataclass(frozen=True)
class Filter:
    """Which scenes of a result are shown."""

    start: Optional[float] = None
    """First time of acquisition, seconds since 1970; None is any."""
    stop: Optional[float] = None
    """Last one; None is any."""
    max_cloud: Optional[float] = None
    """Cloud cover must be below this many percent; scenes that do not say stay. None is any."""


class ArchiveModel(QAbstractListModel):
    """Items, the newest first; which of them are shown is one array."""

    def __init__(self, parent: Optional[QObject] = None) -> None:
        super().__init__(parent)
        self._items: list[SceneItem] = []
        self._row: dict[str, int] = {}
        self._time = np.empty(0)
        self._cloud = np.empty(0)
        self._shown: npt.NDArray[np.intp] = np.empty(0, np.intp)
        self._filter = Filter()
        self._thumbnails: dict[str, QPixmap] = {}

    def show_items(self, items: Sequence[SceneItem]) -> None:
        """Replace all items, and show all of them."""
        self.beginResetModel()
        self._items = sorted(items, key=lambda item: (item.when, item.key), reverse=True)
        self._row = {item.key: row for row, item in enumerate(self._items)}
        self._time = np.array([seconds_of(item.when) for item in self._items], np.float64)
        self._cloud = np.array([np.nan if item.cloud is None else item.cloud for item in self._items], np.float64)
        self._thumbnails = {key: picture for key, picture in self._thumbnails.items() if key in self._row}
        self._filter = Filter()
        self._apply()
        self.endResetModel()

    def set_filter(self, wanted: Filter) -> None:
        """Show only some of the items."""
        if wanted != self._filter:
            self.beginResetModel()
            self._filter = wanted
            self._apply()
            self.endResetModel()

    def set_thumbnail(self, key: str, picture: QPixmap) -> None:
        """Give a scene its picture; a null one says that there is none."""
        if key not in self._row:
            return
        self._thumbnails[key] = picture
        place = self.place_of(key)
        if place >= 0:
            index = self.index(place, 0)
            self.dataChanged.emit(index, index, [THUMBNAIL])

    def mark_here(self, keys: Iterable[str]) -> None:
        """Say that scenes were downloaded to this computer."""
        for key in keys:
            row = self._row.get(key)
            if row is None:
                continue
            self._items[row] = replace(self._items[row], here=True)
            place = self.place_of(key)
            if place >= 0:
                self.dataChanged.emit(self.index(place, 0), self.index(place, 0))

    @property
    def items(self) -> tuple[SceneItem, ...]:
        """All of them, the newest first."""
        return tuple(self._items)

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """(n,) when they were taken, seconds since 1970, the newest first."""
        return self._time

    @property
    def clouds(self) -> npt.NDArray[np.float64]:
        """(n,) cloud cover in percent, NaN where unknown."""
        return self._cloud

    @property
    def shown_keys(self) -> list[str]:
        """Those that are shown, from top to bottom."""
        return [self._items[row].key for row in self._shown]

    def item(self, index: QModelIndex) -> Optional[SceneItem]:
        """The scene that stands there."""
        return self._items[int(self._shown[index.row()])] if index.isValid() else None

    def place_of(self, key: str) -> int:
        """Where a scene stands now; -1 where it is filtered out or unknown."""
        row = self._row.get(key)
        if row is None:
            return -1
        at = int(np.searchsorted(self._shown, row))
        return at if at < len(self._shown) and self._shown[at] == row else -1

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, N802
        """Scenes that are shown."""
        return 0 if parent.isValid() else len(self._shown)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What a row has for a role."""
        item = self.item(index)
        if item is None:
            return None
        if role == THUMBNAIL:
            return self._thumbnails.get(item.key)
        make = _ROLES.get(role)
        return None if make is None else make(item)

    def _apply(self) -> None:
        wanted = self._filter
        keep = np.ones(len(self._items), bool)
        if wanted.start is not None:
            keep &= self._time >= wanted.start
        if wanted.stop is not None:
            keep &= self._time <= wanted.stop
        if wanted.max_cloud is not None:
            keep &= ~(self._cloud >= wanted.max_cloud)
        self._shown = np.flatnonzero(keep)


def seconds_of(when: datetime) -> float:
    """Seconds since 1970 of a time that is UTC, whether it says so or not."""
    return (when if when.tzinfo is not None else when.replace(tzinfo=timezone.utc)).timestamp()


def title_of(item: SceneItem) -> str:
    """When it was taken."""
    return f"{item.when:%Y-%m-%d %H:%M} UTC"


def facts_of(item: SceneItem) -> str:
    """Cloud, size and light in one line, and whether it is at hand."""
    cloud = "cloud unknown" if item.cloud is None else f"cloud {item.cloud:.0f} %"
    size = said_bytes(item.size_bytes) if item.size_bytes else ""
    return " · ".join(filter(None, (cloud, size, item.day_night, "downloaded" if item.here else "")))


def _spoken(item: SceneItem) -> str:
    return f"{title_of(item)}, {facts_of(item)}, {item.key}"


_ROLES: dict[int, Callable[[SceneItem], Any]] = {
    int(Qt.ItemDataRole.DisplayRole): title_of,
    int(Qt.ItemDataRole.AccessibleTextRole): _spoken,
    ITEM: lambda item: item,
}
"""Role -> what a row has for it."""
