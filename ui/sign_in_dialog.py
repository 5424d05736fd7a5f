"""The settings: how to sign in to Earthdata. What needs a server is done off the GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

from qgis.gui import QgsAuthConfigSelect
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from ..adapters.authentication import locked, unlock
from ..adapters.credentials import kept_on_disk, load_sign_in, save_sign_in, signed_in_as
from ..adapters.sign_in_choice import SignIn
from ..core.progress import Progress, listening
from .sign_in import SignInForm
from .tasks import Latest

_MIB = 1 << 20


class SignInDialog(QDialog):
    """The form with OK and Cancel; OK keeps the choice."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.setObjectName("PixelSpectraSettings")
        self.setWindowTitle("Pixel Spectra: sign in to NASA Earthdata")
        self._picker = QgsAuthConfigSelect(self)
        self.form = SignInForm(self._picker)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.form)
        layout.addWidget(buttons)
        self._tests = Latest(self)
        self._tests.done.connect(lambda name: self.form.show_answer(f"Signed in as {name}."))
        self._tests.failed.connect(self.form.show_answer)
        self._tests.busy.connect(self.form.set_busy)
        self.form.test_asked.connect(self._test)
        self.form.unlock_asked.connect(self._unlock)
        self.form.clear_asked.connect(self._clear)
        self.form.set_choice(load_sign_in())
        self.form.set_locked(locked())
        self._show_kept()

    def accept(self) -> None:
        """Keep the choice."""
        save_sign_in(self.form.choice())
        super().accept()

    def done(self, result: int) -> None:
        """The answer of a test that is under way is not waited for."""
        self._tests.close()
        super().done(result)

    def _test(self, choice: SignIn) -> None:
        self._tests.start(lambda progress: _asked(choice, progress), "Signing in to Earthdata")

    def _unlock(self) -> None:
        unlock()
        self.form.set_locked(locked())

    def _clear(self) -> None:
        kept_on_disk().clear()
        self._show_kept()

    def _show_kept(self) -> None:
        kept = kept_on_disk()
        self.form.show_kept(f"Pieces of scenes kept on disk: {kept.n_bytes / _MIB:.1f} MB.", str(kept.folder))


def open_sign_in(window: QWidget, accepted: Callable[[], None]) -> None:
    """Open the settings beside `window`; `accepted` is called once a choice was kept."""
    dialog = SignInDialog(window)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.accepted.connect(accepted)
    dialog.open()


def _asked(choice: SignIn, progress: Progress) -> str:
    with listening(progress):
        return signed_in_as(choice)
