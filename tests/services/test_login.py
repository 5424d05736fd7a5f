"""Earthdata Login against its stand-in on loopback, with the real earthaccess, and with nobody to ask."""

from __future__ import annotations

import base64
import dataclasses
import logging
import os
import subprocess
import sys
import traceback

import pytest
from pixel_spectra.core.archive import login
from pixel_spectra.core.archive.login import account_grant, confirm, sign_in, sign_in_account, sign_in_token, who
from pixel_spectra.core.archive.web.http import HttpClient
from pixel_spectra.core.archive.web.proxy import Proxy
from pixel_spectra.core.errors import ArchiveError, Cancelled, SignInError
from pixel_spectra.core.progress import listening

from loopback import Account, Fault, LoopbackArchive

earthaccess = pytest.importorskip("earthaccess")

PASSWORD = "planted-pass-word"
WRONG = "planted-wrong-word"
ENCODED = base64.b64encode(f"analyst:{PASSWORD}".encode()).decode()


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    accounts = {"analyst": Account(PASSWORD)}
    with LoopbackArchive(tmp_path_factory.mktemp("archive"), accounts=accounts) as archive:
        yield archive


@pytest.fixture
def origin(archive):
    """The login host, with no requests or faults of another test."""
    archive.clear()
    archive.faults.clear()
    return archive.hosts["login"]


@pytest.fixture
def home(monkeypatch, tmp_path):
    """A home that is empty, and an environment that knows no account and no proxy."""
    for name in list(os.environ):
        if name.startswith("EARTHDATA_") or name.lower().endswith("_proxy") or name == "NETRC":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def through_earthaccess(monkeypatch, origin):
    """The real earthaccess, which asks the login host on loopback."""

    class LoopbackAuth(earthaccess.Auth):
        def _set_earthdata_system(self, system):
            super()._set_earthdata_system(dataclasses.replace(system, edl_hostname="127.0.0.1"))
            self.EDL_FIND_OR_CREATE_TOKEN_URL = f"{origin}/api/users/find_or_create_token"

        def _interactive(self, *_):
            raise AssertionError("it asked on the terminal")

    monkeypatch.setattr(earthaccess, "Auth", LoopbackAuth)


def netrc(home, text):
    (home / ".netrc").write_text(text)


def refusal(call, kind=SignInError):
    """The sentence, in which no secret is, nor in the traceback."""
    with pytest.raises(kind) as caught:
        call()
    told = "".join(traceback.format_exception(type(caught.value), caught.value, caught.value.__traceback__))
    for secret in (PASSWORD, WRONG, ENCODED):
        assert secret not in told
    return str(caught.value)


def test_the_account_of_netrc(archive, home, through_earthaccess):
    netrc(home, f"machine example.org login x password y\nmachine 127.0.0.1 login analyst password {PASSWORD}\n")
    token = sign_in("netrc")
    assert who(token()) == "analyst"
    assert token() == token()
    assert {(r.method, r.path) for r in archive.asked("login")} == {("POST", "/api/users/find_or_create_token")}
    assert sorted(p.name for p in home.iterdir()) == [".netrc"]
    assert "example.org login x" in (home / ".netrc").read_text()


def test_the_account_of_the_environment(archive, home, through_earthaccess, monkeypatch):
    monkeypatch.setenv("EARTHDATA_USERNAME", "analyst")
    monkeypatch.setenv("EARTHDATA_PASSWORD", PASSWORD)
    assert who(sign_in()()) == "analyst"
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(("text", "told"), [
    (f"machine 127.0.0.1 login analyst password {WRONG}", "Earthdata Login refuses the name and password of the netrc"),
    ("machine example.org login analyst password x", "No name and password for urs.earthdata.nasa.gov can be"),
    (f"machine 127.0.0.1 login analyst {PASSWORD} password", "No name and password for urs.earthdata.nasa.gov can be"),
    (f"{PASSWORD}", "No name and password for urs.earthdata.nasa.gov can be read from the netrc file"),
    ("machine 127.0.0.1 login analyst", "Earthdata Login refuses the name and password of the netrc file"),
    ("", "No name and password for urs.earthdata.nasa.gov can be read from the netrc file"),
])  # fmt: skip
def test_a_netrc_that_does_not_sign_in_is_one_sentence(home, through_earthaccess, text, told):
    netrc(home, text)
    assert refusal(sign_in("netrc")).startswith(told)
    assert (home / ".netrc").read_text() == text


def test_a_netrc_that_is_a_folder(home, through_earthaccess):
    (home / ".netrc").mkdir()
    assert "cannot be read" in refusal(sign_in("netrc"), ArchiveError)


@pytest.mark.parametrize("fault", [Fault(503, host="login", times=2), Fault(500, host="login", times=2)])
def test_a_login_host_that_is_unwell(archive, home, through_earthaccess, fault):
    netrc(home, f"machine 127.0.0.1 login analyst password {PASSWORD}")
    archive.faults.add(fault)
    assert "gave no token for the account of the netrc file" in refusal(sign_in("netrc"), ArchiveError)


def test_a_login_host_that_is_not_there(home, through_earthaccess, monkeypatch):
    netrc(home, f"machine 127.0.0.1 login analyst password {PASSWORD}")
    plain = earthaccess.Auth._set_earthdata_system

    def gone(self, system):
        plain(self, system)
        self.EDL_FIND_OR_CREATE_TOKEN_URL = "http://127.0.0.1:9/api/users/find_or_create_token"

    monkeypatch.setattr(earthaccess.Auth, "_set_earthdata_system", gone)
    assert "cannot be reached" in refusal(sign_in("netrc"), ArchiveError)


def test_earthaccess_goes_through_the_proxy_that_is_given(home, through_earthaccess, monkeypatch):
    """Also where the environment names another."""
    netrc(home, f"machine 127.0.0.1 login analyst password {PASSWORD}")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    account, sessions = earthaccess.Auth(), []
    login._watched(account, Proxy("http://me:secret@127.0.0.1:3128"))
    with account.get_session() as session:
        sessions.append(session.merge_environment_settings("http://host/", {}, None, None, None)["proxies"])
    assert sessions == [{"http": "http://me:secret@127.0.0.1:3128", "https": "http://me:secret@127.0.0.1:3128"}]


class Impatient:
    """A user who cancels at the second look."""

    def __init__(self):
        self.looks = 0

    @property
    def cancelled(self):
        self.looks += 1
        return self.looks > 1


@pytest.mark.parametrize("how", ["netrc", "account"])
def test_a_login_host_that_never_answers_is_left_when_the_user_wants(archive, home, origin, through_earthaccess, how):
    netrc(home, f"machine 127.0.0.1 login analyst password {PASSWORD}")
    archive.faults.add(Fault("hang", host="login", times=None))
    token = sign_in("netrc") if how == "netrc" else sign_in_account("analyst", PASSWORD, None, origin)
    with listening(Impatient()), pytest.raises(Cancelled):
        token()


def test_a_token_of_an_account(archive, origin):
    client = HttpClient()
    token = account_grant("analyst", PASSWORD, client, origin).token
    assert who(token) == "analyst"
    assert who(sign_in_account("analyst", PASSWORD, None, origin)()) == "analyst"
    client.close()


def test_a_wrong_password_of_an_account(archive, origin):
    token = sign_in_account("analyst", WRONG, None, origin)
    assert refusal(token).startswith("Earthdata Login refuses the name 'analyst' with this password")
    assert refusal(token).startswith("Earthdata Login refuses the name 'analyst' with this password")
    assert len(archive.asked("login")) == 1


def test_a_password_follows_no_redirect(archive, origin):
    archive.faults.add(Fault("redirect_foreign", host="login"))
    token = sign_in_account("analyst", PASSWORD, None, origin)
    assert "elsewhere, which is not done" in refusal(token, ArchiveError)
    assert archive.asked("foreign") == []


def test_a_password_follows_no_redirect_in_earthaccess(archive, home, through_earthaccess):
    netrc(home, f"machine 127.0.0.1 login analyst password {PASSWORD}")
    archive.faults.add(Fault("redirect_foreign", host="login", times=None))
    assert "(answer 307)" in refusal(sign_in("netrc"), ArchiveError)
    assert any("authorization" in asked.headers for asked in archive.asked("login"))
    assert archive.asked("foreign") == []


def test_a_login_page_in_place_of_a_token(archive, origin):
    archive.faults.add(Fault("html", host="login"))
    assert "gave no token" in refusal(sign_in_account("analyst", PASSWORD, None, origin), ArchiveError)


def test_the_test_asks_earthdata_login(archive, origin):
    token = sign_in_token(archive.token("analyst"))
    client = HttpClient(token=token, token_origins=(origin,))
    assert confirm(token(), client, origin) == "analyst"
    client.close()


def test_a_token_that_expired(archive, origin):
    token = sign_in_token(archive.token("analyst", lifetime_s=-60))
    client = HttpClient(token=token, token_origins=(origin,))
    assert refusal(lambda: confirm(token(), client, origin)).startswith(
        "Earthdata Login does not take the token of 'analyst' (good until ")
    client.close()


def test_nothing_is_logged_that_signs_in(archive, origin, home, through_earthaccess, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    netrc(home, f"machine 127.0.0.1 login analyst password {PASSWORD}")
    tokens = [sign_in("netrc")(), sign_in_account("analyst", PASSWORD, None, origin)()]
    netrc(home, f"machine 127.0.0.1 login analyst password {WRONG}")
    refusal(sign_in("netrc"))
    assert not any(record.name.startswith("earthaccess") for record in caplog.records)
    text = "\n".join(f"{r.getMessage()} {r.args} {r.exc_text}" for r in caplog.records)
    for secret in (PASSWORD, WRONG, ENCODED, *tokens, *(token.rpartition(".")[2] for token in tokens)):
        assert secret not in text


def test_without_a_terminal_nothing_waits(tmp_path):
    """A process whose input is closed, in an empty home: a sentence at once, and nothing left behind."""
    code = ("from pixel_spectra.core.archive.login import earthdata_token\n"
            "from pixel_spectra.core.errors import SignInError\n"
            "try: earthdata_token()\n"
            "except SignInError as error: print(error)")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("EARTHDATA", "NETRC"))}
    done = subprocess.run([sys.executable, "-c", code], env={**environment, "HOME": str(tmp_path)},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("You are not signed in to Earthdata")
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []
