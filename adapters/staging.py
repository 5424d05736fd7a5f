"""Files that appear whole or not at all: made in folders beside their places, then moved there together."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.errors import OutputError
from ..core.io.atomic import discard, replace_all, unwritable


class Staging:
    """Where outputs that belong together are until all of them are complete."""

    def __init__(self) -> None:
        self._folders: dict[Path, Path] = {}

    def begin(self, target: Path) -> Path:
        """A hidden folder beside `target`; whatever is made in it moves with the target.

        Raises OutputError where none can be made, or another output has that name.
        """
        if target in self._folders:
            raise OutputError(f"'{target}' is asked for twice; give each output a name of its own.")
        try:
            self._folders[target] = Path(tempfile.mkdtemp(prefix=".pixel_spectra_", dir=target.parent))
        except OSError as error:
            raise unwritable(target, error.strerror or str(error)) from error
        return self._folders[target]

    def folder(self, target: Path) -> Path:
        """The folder in which `target` was begun."""
        return self._folders[target]

    def drop(self, target: Path) -> None:
        """Give up one of them."""
        folder = self._folders.pop(target, None)
        if folder is not None:
            discard(folder)

    def publish(self) -> None:
        """Move all into place, each target after what goes with it.

        Raises OutputError where that fails; then what stood there before is there again, as far as possible.
        """
        moves = [(path, target.parent / path.name) for target, folder in self._folders.items()
                 for path in sorted(folder.iterdir(), key=lambda p: (p.name == target.name, p.name))]
        try:
            replace_all(moves)
        except OSError as error:
            place = next((place for part, place in moves if str(part) == error.filename), moves[-1][1])
            raise unwritable(place, error.strerror or str(error)) from error
        self.discard()

    def named(self, text: str) -> str:
        """`text` with the places that the user knows in place of the hidden ones."""
        for target, folder in self._folders.items():
            text = text.replace(str(folder), str(target.parent))
        return text

    def discard(self) -> None:
        """Leave nothing behind."""
        for target in list(self._folders):
            self.drop(target)


@contextmanager
def together() -> Iterator[Staging]:
    """Publish what was staged when the block ends well, else leave nothing of it."""
    staging = Staging()
    try:
        yield staging
        staging.publish()
    except OutputError as error:
        raise OutputError(staging.named(str(error))) from error
    finally:
        staging.discard()
