"""A named table that modules fill by decorating what they offer: the only dispatch of the house."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Callable, TypeVar

from .errors import PixelSpectraError

T = TypeVar("T")


class Registry(Mapping[str, T]):
    """Name -> entry. Looking up an unknown name raises `error` and lists the known names."""

    def __init__(self, kind: str, error: type[PixelSpectraError] = PixelSpectraError) -> None:
        self.kind = kind
        self._error = error
        self._entries: dict[str, T] = {}

    def add(self, name: str, entry: T) -> T:
        """Enter `entry` under `name`; a name can be taken once."""
        if name in self._entries:
            raise ValueError(f"{self.kind} '{name}' is registered twice")
        self._entries[name] = entry
        return entry

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that enters what it decorates under `name`."""
        return lambda entry: self.add(name, entry)

    def __getitem__(self, name: str) -> T:
        try:
            return self._entries[name]
        except (KeyError, TypeError):
            known = ", ".join(self._entries)
            raise self._error(f"Unknown {self.kind} '{name}'; the known ones are: {known}.") from None

    def get(self, name: str, default: Any = None) -> Any:
        """The entry, or `default` where there is none."""
        return self._entries.get(name, default)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
