"""Brings whole scenes of the archive to this computer, from where they are read from then on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Optional

from qgis.PyQt.QtCore import QObject, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QFileDialog, QWidget

from ..adapters.credentials import opener_for
from ..adapters.downloads import download_folders, downloaded, remember_folder
from ..core.archive.archives import DATA
from ..core.archive.download import download
from ..core.archive.scene import Scene
from ..core.archive.sizes import said_bytes
from ..core.progress import Progress
from .tasks import Queue

_STOPPED = "The download was stopped; what came of it is kept, and the same download goes on from there."


@dataclass(frozen=True)
class Brought:
    """What came of a download."""

    summary: str
    """Counts, in a sentence."""
    notices: tuple[str, ...]
    """What the user must know, files that failed included."""
    scenes: tuple[Scene, ...]
    """Those whose spectra are on this computer now."""


class Downloads(QObject):
    """One download after another, off the GUI thread."""

    brought = pyqtSignal(object)
    """What came: a Brought."""
    told = pyqtSignal(str)
    """What the user should know, once."""

    def __init__(self, window: Optional[QWidget], parent: Optional[QObject] = None) -> None:
        """`window` is where the dialog belongs."""
        super().__init__(parent)
        self._window = window
        self._dialog: Optional[QFileDialog] = None  # nothing else would keep it
        self.running = Queue(self)
        """The jobs."""
        self.running.done.connect(self.brought)

    def ask(self, scenes: Sequence[Scene]) -> None:
        """Ask for a folder, beside the window, and download the files of `scenes` into it."""
        if not scenes:
            return
        dialog = QFileDialog(self._window, _title(scenes), next(iter(download_folders()), str(Path.home())))
        dialog.setObjectName("download_folder")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setLabelText(QFileDialog.DialogLabel.Accept, "Download")
        # a path that is typed selects the folders on its way too, and then there is no fileSelected
        dialog.accepted.connect(lambda: self.start(scenes, Path(dialog.selectedFiles()[-1])))
        self._dialog = dialog
        dialog.open()

    def start(self, scenes: Sequence[Scene], folder: Path) -> None:
        """Download the files of `scenes` into `folder`."""
        self.running.start(partial(_bring, tuple(scenes), folder), "Downloading", str(folder))

    def cancel(self) -> None:
        """Stop; what came is kept."""
        if self.running.running:
            self.running.cancel()
            self.told.emit(_STOPPED)

    def close(self) -> None:
        """Stop, and say nothing more."""
        self.running.close()


def _title(scenes: Sequence[Scene]) -> str:
    """How much of what."""
    what = "the scene" if len(scenes) == 1 else f"{len(scenes)} scenes"
    size = sum(scene.size_bytes or 0 for scene in scenes)
    return f"Download {what} ({said_bytes(size)}) into a folder" if size else f"Download {what} into a folder"


def _bring(scenes: Sequence[Scene], folder: Path, progress: Progress) -> Brought:
    """In the worker's thread."""
    client = opener_for().client  # type: ignore[attr-defined]
    remember_folder(folder)
    done = download([file for scene in scenes for file in scene.files.values()], folder, client, progress)
    here = tuple(scene for scene in scenes if downloaded(scene.url(DATA)) is not None)
    return Brought(f"{done.summary()}, in '{folder.name or folder}'.", done.notices, here)
