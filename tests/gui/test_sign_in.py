"""The dialog of the settings in QGIS: the test off the GUI thread, its answer, and what OK keeps."""

from __future__ import annotations

import threading
import time

import pytest

pytest.importorskip("qgis.core")

from pixel_spectra.adapters.credentials import SIGN_IN_GROUP, load_sign_in, save_sign_in
from pixel_spectra.adapters.sign_in_choice import QGIS, SignIn
from pixel_spectra.core.archive.cache import DiskCache
from pixel_spectra.core.errors import SignInError
from pixel_spectra.core.progress import checkpoint, listener
from pixel_spectra.ui import sign_in_dialog, tasks
from pixel_spectra.ui.sign_in_dialog import SignInDialog
from qgis.core import QgsApplication, QgsSettings
from qgis.PyQt.QtTest import QTest

from sign_in_side import ANALYST, PASSWORD, AuthDatabase, never_ask


def wait(condition, seconds=10.0):
    """Let events pass until `condition()` holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        QTest.qWait(5)


@pytest.fixture(scope="session")
def never(qgis_app):
    return never_ask()


@pytest.fixture
def auth(never):
    never.asked.clear()
    database = AuthDatabase(never)
    yield database
    database.clear()


@pytest.fixture(autouse=True)
def empty(qgis_app, monkeypatch, tmp_path):
    """No choice of another test, a profile of its own."""
    monkeypatch.setattr(QgsApplication, "qgisSettingsDirPath", lambda: f"{tmp_path}/")
    QgsSettings().remove(SIGN_IN_GROUP)
    yield
    QgsSettings().remove(SIGN_IN_GROUP)
    wait(lambda: not tasks._RUNNING)


@pytest.fixture
def dialog(empty):
    dialog = SignInDialog()
    dialog.show()
    yield dialog
    dialog.reject()


def answering(monkeypatch, answer):
    """What asks Earthdata Login: the threads that asked."""
    threads = []

    def signed_in_as(choice):
        threads.append(threading.current_thread())
        return answer(choice)

    monkeypatch.setattr(sign_in_dialog, "signed_in_as", signed_in_as)
    return threads


def test_who_is_signed_in(dialog, monkeypatch):
    threads = answering(monkeypatch, lambda choice: f"analyst by {choice.how}")
    dialog.form.test.click()
    wait(lambda: dialog.form.answer.text() == "Signed in as analyst by automatic.")
    assert threads != [threading.main_thread()]
    assert dialog.form.test.isEnabled()


def test_why_nobody_is(dialog, monkeypatch):
    def refuse(choice):
        raise SignInError("There is no netrc file.")

    answering(monkeypatch, refuse)
    dialog.form.test.click()
    wait(lambda: dialog.form.answer.text() == "There is no netrc file.")
    assert dialog.form.test.isEnabled()


def test_a_test_that_hangs_ends_with_the_dialog(dialog, monkeypatch):
    begun = threading.Event()

    def hang(choice):
        begun.set()
        while True:
            time.sleep(0.01)
            checkpoint(listener(), 0.0)

    answering(monkeypatch, hang)
    dialog.form.test.click()
    wait(begun.is_set)
    assert not dialog.form.test.isEnabled()
    dialog.reject()
    wait(lambda: not tasks._RUNNING)


def test_ok_keeps_the_choice_and_cancel_does_not(dialog):
    dialog.form.set_choice(SignIn("netrc"))
    dialog.accept()
    assert load_sign_in() == SignIn("netrc")
    other = SignInDialog()
    assert other.form.choice() == SignIn("netrc")
    other.form.set_choice(SignIn("environment"))
    other.reject()
    assert load_sign_in() == SignIn("netrc")


def test_an_authentication_of_qgis_is_picked(auth, empty):
    authcfg = auth.add("Basic", username=ANALYST, password=PASSWORD)
    save_sign_in(SignIn(QGIS, authcfg))
    dialog = SignInDialog()
    assert dialog.form.choice() == SignIn(QGIS, authcfg)
    dialog.accept()
    kept = {key: QgsSettings().value(f"{SIGN_IN_GROUP}/{key}") for key in ("how", "authcfg")}
    assert kept == {"how": "qgis", "authcfg": authcfg}


def test_a_locked_database_is_told_and_asked_for_by_its_button_only(auth, never, empty):
    authcfg = auth.add("Basic", username=ANALYST, password=PASSWORD)
    save_sign_in(SignIn(QGIS, authcfg))
    auth.lock()
    never.asked.clear()
    dialog = SignInDialog()
    dialog.show()
    dialog.form.test.click()
    wait(lambda: "which is locked" in dialog.form.answer.text())
    assert never.asked == []
    assert dialog.form.unlock.isVisible()
    dialog.form.unlock.click()
    assert never.asked == ["master password"]
    dialog.reject()


def test_the_cache_is_cleared(empty, tmp_path):
    kept = DiskCache(tmp_path / "cache" / "pixel_spectra")
    assert kept.shelf("https://host/a.nc", "tag", 1 << 21).write(0, bytes(1 << 20))
    dialog = SignInDialog()
    assert dialog.form.kept.text() == "Pieces of scenes kept on disk: 1.0 MB."
    assert dialog.form.kept.toolTip() == str(kept.folder)
    dialog.form.clear.click()
    assert dialog.form.kept.text() == "Pieces of scenes kept on disk: 0.0 MB."
    assert kept.n_bytes == 0
    dialog.reject()
