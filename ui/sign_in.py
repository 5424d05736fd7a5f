"""The choice of how to sign in to Earthdata, with its test. Plain Qt: whoever shows it brings the picker of
authentications, which is a widget of QGIS, and does the work."""

from __future__ import annotations

from typing import Any, Optional

from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QPushButton, QRadioButton, QVBoxLayout, QWidget

from ..adapters.sign_in_choice import QGIS, SignIn
from ..core.archive.login import ACCOUNT_VARIABLES, LOGIN_ORIGIN, TOKEN_VARIABLE, netrc_file

_INDENT = 24
"""Pixels by which the picker stands below its button."""
_ABOUT = (f"Search is free for all; reading scenes needs a free account of {LOGIN_ORIGIN}. Your password is sent to "
          "that server alone, and the token that it gives to NASA's Earthdata servers alone; neither is written down.")


class SignInForm(QWidget):
    """One button per way to sign in, the test and its answer, and what is kept on disk."""

    test_asked = pyqtSignal(object)
    """The SignIn that is to be tested."""
    unlock_asked = pyqtSignal()
    """QGIS is to ask for its master password."""
    clear_asked = pyqtSignal()
    """What is kept on disk is to be forgotten."""
    changed = pyqtSignal()
    """Another way was chosen."""

    def __init__(self, picker: Any, parent: Optional[QWidget] = None) -> None:
        """`picker` is a widget with configId(), setConfigId() and selectedConfigIdChanged, as QgsAuthConfigSelect."""
        super().__init__(parent)
        self._picker = picker
        self._ways = QButtonGroup(self)
        self._buttons: dict[str, QRadioButton] = {}
        layout = QVBoxLayout(self)
        layout.addWidget(_text(_ABOUT))
        for how, title, tip in _ways():
            layout.addWidget(self._way(how, title, tip))
        layout.addLayout(self._picker_row())
        layout.addLayout(self._test_row())
        self.answer = _text("")
        self.answer.setAccessibleName("Answer")
        self.answer.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout.addWidget(self.answer)
        layout.addLayout(self._kept_row())
        layout.addStretch(1)
        picker.selectedConfigIdChanged.connect(lambda _id: self._picked())
        self._ways.buttonClicked.connect(lambda _button: self._choice_changed())
        self.set_choice(SignIn())

    def choice(self) -> SignIn:
        """What is chosen."""
        how = next((how for how, button in self._buttons.items() if button.isChecked()), SignIn().how)
        return SignIn(how, self._picker.configId())

    def set_choice(self, choice: SignIn) -> None:
        """Show a choice."""
        self._picker.setConfigId(choice.authcfg)
        self._buttons.get(choice.how, self._buttons[SignIn().how]).setChecked(True)
        self._choice_changed()

    def set_locked(self, locked: bool) -> None:
        """Whether the authentication database waits for its master password."""
        self.unlock.setVisible(locked)

    def set_busy(self, busy: bool) -> None:
        """A test is under way."""
        self.test.setEnabled(not busy)
        if not busy:
            self.test.setFocus()  # a button that is disabled hands the focus on
        else:
            self.answer.setText("Asking Earthdata Login…")

    def show_answer(self, sentence: str) -> None:
        """Who is signed in, or why nobody is."""
        self.answer.setText(sentence)

    def show_kept(self, sentence: str, folder: str) -> None:
        """What is kept on disk, and where."""
        self.kept.setText(sentence)
        self.kept.setToolTip(folder)

    def _way(self, how: str, title: str, tip: str) -> QRadioButton:
        button = QRadioButton(title)
        button.setObjectName(f"sign_in_{how}")
        button.setToolTip(tip)
        self._ways.addButton(button)
        self._buttons[how] = button
        return button

    def _picker_row(self) -> QHBoxLayout:
        self.unlock = QPushButton("Unlock…")
        self.unlock.setToolTip("Enter the master password of QGIS' authentication database")
        self.unlock.clicked.connect(self.unlock_asked)
        self.unlock.hide()
        row = QHBoxLayout()
        row.setContentsMargins(_INDENT, 0, 0, 0)
        row.addWidget(self._picker, 1)
        row.addWidget(self.unlock)
        return row

    def _test_row(self) -> QHBoxLayout:
        self.test = QPushButton("Test")
        self.test.setToolTip("Sign in once, and say who is signed in")
        self.test.clicked.connect(lambda: self.test_asked.emit(self.choice()))
        row = QHBoxLayout()
        row.addWidget(self.test)
        row.addStretch(1)
        return row

    def _kept_row(self) -> QHBoxLayout:
        self.kept = _text("")
        self.kept.setAccessibleName("Kept on disk")
        self.clear = QPushButton("Clear the cache")
        self.clear.setToolTip("Forget the pieces of scenes that are kept on disk; they are read again when needed")
        self.clear.clicked.connect(self.clear_asked)
        row = QHBoxLayout()
        row.addWidget(self.kept, 1)
        row.addWidget(self.clear)
        return row

    def _picked(self) -> None:
        """An authentication was picked, so that is what is meant."""
        if self._picker.configId():
            self._buttons[QGIS].setChecked(True)
        self._choice_changed()

    def _choice_changed(self) -> None:
        self._picker.setEnabled(self.choice().how == QGIS)
        self.answer.setText("")
        self.changed.emit()


def _ways() -> tuple[tuple[str, str, str], ...]:
    """(how, title, tip) of each way to sign in."""
    names = f"{TOKEN_VARIABLE}, or {' and '.join(ACCOUNT_VARIABLES)}"
    return (
        ("automatic", "By the environment or a netrc file, whichever there is", f"{names}; else '{netrc_file()}'"),
        ("environment", "By environment variables", names),
        ("netrc", "By a netrc file", f"'{netrc_file()}'"),
        (QGIS, "By an authentication of QGIS", "Of the kind Basic (Earthdata name and password), or API Header "
         "(Authorization: Bearer and a token); QGIS keeps it encrypted"),
    )


def _text(text: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label
