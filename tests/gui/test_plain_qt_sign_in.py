"""The form by which one chooses how to sign in: plain Qt, with a stand-in for QGIS' picker of authentications."""

from __future__ import annotations

import pytest
from pixel_spectra.adapters.sign_in_choice import QGIS, SignIn
from pixel_spectra.core.archive.login import SIGN_IN
from pixel_spectra.ui.sign_in import SignInForm
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QRadioButton, QWidget


class Picker(QWidget):
    """As QgsAuthConfigSelect: an id, and a signal when another is picked."""

    selectedConfigIdChanged = pyqtSignal(str)

    def __init__(self):
        super().__init__()
        self._id = ""

    def configId(self):
        return self._id

    def setConfigId(self, authcfg):
        self._id = authcfg

    def pick(self, authcfg):
        self._id = authcfg
        self.selectedConfigIdChanged.emit(authcfg)


@pytest.fixture
def picker(application):
    return Picker()


@pytest.fixture
def form(picker):
    form = SignInForm(picker)
    form.resize(500, 400)
    form.show()
    yield form
    form.close()


def way(form, how):
    return form.findChild(QRadioButton, f"sign_in_{how}")



def test_every_way_has_a_button_and_the_first_is_on(form):
    assert [how for how in (*SIGN_IN, QGIS) if way(form, how) is None] == []
    assert way(form, "automatic").isChecked()
    assert form.choice() == SignIn("automatic", "")


@pytest.mark.parametrize("how", [*SIGN_IN, QGIS])
def test_a_choice_is_shown_and_given_back(form, how):
    form.set_choice(SignIn(how, "abc1234"))
    assert way(form, how).isChecked()
    assert form.choice() == SignIn(how, "abc1234")


def test_nonsense_shows_the_default(form):
    form.set_choice(SignIn("interactive"))
    assert form.choice() == SignIn("automatic")


def test_the_picker_serves_the_way_of_qgis_alone(form, picker):
    assert not picker.isEnabled()
    form.set_choice(SignIn(QGIS))
    assert picker.isEnabled()
    way(form, "netrc").click()
    assert not picker.isEnabled()


def test_to_pick_an_authentication_is_to_mean_it(form, picker):
    picker.pick("abc1234")
    assert form.choice() == SignIn(QGIS, "abc1234")


def test_the_test_button_asks_for_what_is_shown(form, picker):
    asked = []
    form.test_asked.connect(asked.append)
    form.set_choice(SignIn(QGIS, "abc1234"))
    form.test.click()
    assert asked == [SignIn(QGIS, "abc1234")]


def test_while_it_is_tested_it_is_not_tested_again(form):
    form.set_busy(True)
    assert (form.test.isEnabled(), form.answer.text()) == (False, "Asking Earthdata Login…")
    form.show_answer("Signed in as analyst.")
    form.set_busy(False)
    assert (form.test.isEnabled(), form.answer.text()) == (True, "Signed in as analyst.")


def test_an_answer_is_of_the_choice_it_was_given_for(form):
    form.show_answer("Signed in as analyst.")
    way(form, "netrc").click()
    assert form.answer.text() == ""


def test_what_a_server_says_is_text(form):
    form.show_answer("<b>not bold</b>")
    assert form.answer.textFormat() == Qt.TextFormat.PlainText


def test_unlock_shows_where_it_is_locked(form):
    asked = []
    form.unlock_asked.connect(lambda: asked.append(1))
    assert not form.unlock.isVisible()
    form.set_locked(True)
    assert form.unlock.isVisible()
    form.unlock.click()
    assert asked == [1]


def test_the_cache_is_cleared_by_its_button(form):
    asked = []
    form.clear_asked.connect(lambda: asked.append(1))
    form.show_kept("Pieces of scenes kept on disk: 1.0 MB.", "folder")
    form.clear.click()
    assert asked == [1]
    assert (form.kept.text(), form.kept.toolTip()) == ("Pieces of scenes kept on disk: 1.0 MB.", "folder")


def test_it_works_by_keys_alone(form):
    names = [widget.text() for widget in (form.test, form.clear, form.unlock)]
    assert names == ["Test", "Clear the cache", "Unlock…"]
    assert all(widget.focusPolicy() & Qt.FocusPolicy.TabFocus for widget in (form.test, form.clear, form.unlock))
