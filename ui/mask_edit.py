"""Where the user says which values may count: a preset, or flags and limits as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Optional

from qgis.PyQt.QtCore import QEvent, Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor, QPalette
from qgis.PyQt.QtWidgets import QComboBox, QHBoxLayout, QLabel, QMenu, QSizePolicy, QToolButton, QWidget

from ..core.errors import MaskError
from ..core.quality import PRESETS, MaskPolicy, find_name, normal_name
from .elided import ElidedCombo, wrapped
from .theme import Theme

AUTOMATIC = "automatic"
_OFFERED = {
    AUTOMATIC: "quality where there is a MASK file, else good_bands",
    "none": "every measured value counts",
    "good_bands": "without the bands that the producer calls bad",
    "quality": "also without clouds, cirrus and interpolated bands",
}
"""Word -> what it does."""
_HINT = "Or type flags and limits, such as: cloud, water, AOD550<=0.3"


class MaskEdit(QWidget):
    """The field, a menu of the granule's flags, and `sentence`, which says what is wrong, to be laid out below."""

    changed = pyqtSignal()
    """The mask in force is another; never while the text is wrong."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._flags: tuple[str, ...] = ()
        self._limits: tuple[str, ...] = ()
        self._mask: Optional[str] = None
        self._words = self._make_words()
        self._menu = QMenu(self)
        self._menu.aboutToShow.connect(self._fill_menu)
        self._button = QToolButton()
        self._button.setText("Flags…")
        self._button.setAccessibleName("Flags of the granule")
        self._button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._button.setMenu(self._menu)
        self._button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self.sentence = QLabel(self)
        """Visible while the text is wrong."""
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.sentence.setWordWrap(True)
        self.sentence.setAccessibleName("What is wrong with the mask")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._words, 1)
        row.addWidget(self._button)
        self.setFocusProxy(self._words)
        self.set_flags((), ())
        self.set_mask(None)

    def mask(self) -> Optional[str]:
        """The last mask that was right; None leaves it to the product."""
        return self._mask

    def set_mask(self, mask: Optional[str]) -> None:
        """Show `mask`; says nothing."""
        self._write(mask or AUTOMATIC)
        if not self.problem():
            self._mask = mask
        self._mark()

    def set_flags(self, names: Sequence[str], limits: Sequence[str]) -> None:
        """What the granule's MASK has: flags, and data that may be limited; empty where there is none."""
        self._flags, self._limits = tuple(names), tuple(limits)
        known = bool(self._flags or self._limits)
        self._button.setEnabled(known)
        self._button.setToolTip("Leave out the pixels with a flag of the granule" if known else
                                "Flags are listed once a granule with a MASK file is open")  # fmt: skip
        self._mark()

    def problem(self) -> str:
        """Why the text is no mask, in a sentence; "" where it is one."""
        word = self._word()
        try:
            policy = MaskPolicy.parse(PRESETS["quality"] if word is None else word)
            if word is not None and word not in PRESETS:
                self._check_names(policy)
        except MaskError as error:
            return str(error)
        return ""

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """The mark follows the theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "sentence"):
            self._mark()

    def _make_words(self) -> ElidedCombo:
        words = ElidedCombo()
        words.setEditable(True)
        words.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        words.setCompleter(None)
        words.setAccessibleName("Mask")
        for word, meaning in _OFFERED.items():
            words.addItem(f"{word}: {meaning}", word)
        words.activated.connect(lambda index: self._take(words.itemData(index)))
        words.lineEdit().textEdited.connect(self._mark)
        words.lineEdit().editingFinished.connect(self._commit)
        return words

    def _word(self) -> Optional[str]:
        text = self._words.currentText().strip()
        return None if text.lower() in ("", AUTOMATIC) else text

    def _write(self, text: str) -> None:
        self._words.blockSignals(True)
        self._words.setCurrentIndex(self._words.findData(text))
        self._words.setEditText(text)
        self._words.lineEdit().setCursorPosition(0)
        self._words.blockSignals(False)

    def _take(self, text: str) -> None:
        self._write(text)
        self._commit()

    def _commit(self) -> None:
        if not self.problem() and self._word() != self._mask:
            self._mask = self._word()
            self.changed.emit()
        self._mark()

    def _check_names(self, policy: MaskPolicy) -> None:
        for flag in policy.flags if self._flags else ():
            find_name(flag, self._flags, "mask flag")
        for limit in policy.limits if self._limits else ():
            find_name(limit.name, self._limits, "mask layer")

    def _mark(self, *_: str) -> None:
        """Colour and sentence, as the text is."""
        problem = self.problem()
        meaning = _OFFERED.get(self._word() or AUTOMATIC, "what the flags and limits strike is left out")
        self._words.setToolTip(wrapped(problem or f"Mask: {meaning}. {_HINT}"))
        self._words.setAccessibleDescription(problem or meaning)
        stays = f"Until then the mask '{self._mask or AUTOMATIC}' stays in use."
        self.sentence.setText(f"{problem} {stays}" if problem else "")
        self.sentence.setVisible(bool(problem))
        colour = _warning(self.palette())
        for widget, role in ((self._words.lineEdit(), QPalette.ColorRole.Text),
                             (self.sentence, QPalette.ColorRole.WindowText)):  # fmt: skip
            palette = QPalette()
            if problem:
                palette.setColor(role, colour)
            widget.setPalette(palette)

    def _fill_menu(self) -> None:
        self._menu.clear()
        policy = self._policy()
        for name in self._flags:
            action = self._menu.addAction(name)
            action.setCheckable(True)
            action.setChecked(normal_name(name) in policy.flags)
            action.toggled.connect(partial(self._toggle, name))
        if self._limits:
            self._menu.addSeparator()
        for layer in self._limits:
            self._menu.addAction(f"{layer} at most …").triggered.connect(partial(self._begin_limit, layer))

    def _policy(self) -> MaskPolicy:
        """The one in force; what is automatic is `quality` where flags are known."""
        return MaskPolicy.parse(self._mask or PRESETS["quality"])

    def _toggle(self, name: str, on: bool) -> None:
        policy, flag = self._policy(), normal_name(name)
        flags = (*policy.flags, flag) if on else tuple(other for other in policy.flags if other != flag)
        self._take(self._text(replace(policy, flags=flags)))

    def _begin_limit(self, layer: str, _: bool = False) -> None:
        """Write a limit for the user to finish."""
        name = layer.partition("(")[0].strip()
        self._write(f"{self._text(self._policy())}, {name}<=")
        self._words.lineEdit().end(False)
        self._words.setFocus()
        self._mark()

    def _text(self, policy: MaskPolicy) -> str:
        """The policy with the flags spelled as in the granule."""
        spelled = {normal_name(name): name for name in self._flags}
        return ", ".join(spelled.get(word, word) for word in policy.mask_id.split(","))


def _warning(palette: QPalette) -> QColor:
    """A red that can be read on the palette's background."""
    return QColor("#ff8a80" if Theme.of(palette).dark else "#b3261e")
