"""Earthdata Login without a server: where a token is looked for, how long it is kept, and what is never shown."""

from __future__ import annotations

import base64
import builtins
import getpass
import json
import pickle
import threading
import time
import traceback
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from pixel_spectra.core.archive import login
from pixel_spectra.core.archive.login import (
    SIGN_IN,
    EarthdataToken,
    Grant,
    Refused,
    account_grant,
    confirm,
    earthdata_token,
    sign_in,
    sign_in_account,
    sign_in_token,
    who,
)
from pixel_spectra.core.errors import ArchiveError, Cancelled, SignInError
from pixel_spectra.core.progress import listening

VARIABLES = ("EARTHDATA_TOKEN", "EARTHDATA_USERNAME", "EARTHDATA_PASSWORD", "NETRC")
PASSWORD = "planted-pass-word"
NOON = "Fri, 02 Jan 2026 12:00:00 GMT"
NOON_S = 1767355200


def jwt(**claims):
    """A token in form; its signature is nonsense."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
             for part in ({"alg": "HS256"}, claims)]
    return ".".join((*parts, "planted-signature"))


@dataclass
class Page:
    data: bytes
    status: int = 200
    headers: dict = field(default_factory=dict)


class Client:
    """Stands in for the HTTP client: answers with one page, and remembers what it was asked."""

    def __init__(self, answer, status=200, date=NOON):
        self.page_ = Page(answer if isinstance(answer, bytes) else json.dumps(answer).encode(), status, {"date": date})
        self.asked = []

    def page(self, url, *, limit, accept=(), **options):
        self.asked.append((url, options))
        if self.page_.status != 200 and self.page_.status not in accept:
            raise ArchiveError(f"answered {self.page_.status}")
        return self.page_


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    """An environment and a home that know no account, and no one to ask."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))

    def never(*_):
        raise AssertionError("it asked on the terminal")

    monkeypatch.setattr(builtins, "input", never)
    monkeypatch.setattr(getpass, "getpass", never)


def refusal(call, *arguments):
    """The sentence of a SignInError, in which the planted secrets are not, nor in its traceback."""
    with pytest.raises(SignInError) as caught:
        call(*arguments)
    told = "".join(traceback.format_exception(type(caught.value), caught.value, caught.value.__traceback__))
    assert PASSWORD not in told
    assert "planted-signature" not in told
    return str(caught.value)


def test_a_token_of_the_environment_is_taken_as_it_stands_there_now(monkeypatch):
    monkeypatch.setenv("EARTHDATA_TOKEN", "first.token\n")
    token = sign_in("environment")
    assert token() == "first.token"
    monkeypatch.setenv("EARTHDATA_TOKEN", "second.token")
    assert token() == "second.token"
    assert earthdata_token() == "second.token"


def test_the_environment_comes_before_netrc(monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text(f"machine urs.earthdata.nasa.gov login analyst password {PASSWORD}")
    monkeypatch.setenv("EARTHDATA_TOKEN", "of.environment")
    assert sign_in()() == "of.environment"


@pytest.mark.parametrize(("how", "told"), [
    ("environment", "The environment names no Earthdata account; set EARTHDATA_TOKEN, or EARTHDATA_USERNAME and "
                    "EARTHDATA_PASSWORD, and start again."),
    ("netrc", "There is no netrc file"),
    ("automatic", "You are not signed in to Earthdata: the environment names neither EARTHDATA_TOKEN nor"),
])  # fmt: skip
def test_an_account_that_is_nowhere_is_one_sentence(how, told):
    assert refusal(sign_in(how)).startswith(told)


def test_a_name_without_a_password_is_no_account(monkeypatch):
    monkeypatch.setenv("EARTHDATA_USERNAME", "analyst")
    assert refusal(sign_in()).startswith("The environment names no Earthdata account")


def test_an_empty_token_is_not_passed_over(monkeypatch):
    monkeypatch.setenv("EARTHDATA_TOKEN", "  ")
    assert refusal(sign_in("environment")).startswith("EARTHDATA_TOKEN is set and empty")


def test_an_unknown_way_lists_the_known_ones():
    assert refusal(sign_in, "interactive") == ("Unknown way to sign in 'interactive'; the known ones are: automatic, "
                                               "environment, netrc.")
    assert set(SIGN_IN) == {"automatic", "environment", "netrc"}


@pytest.mark.parametrize("token", ["two words", "line\r\nX-Injected: 1", "ümlaut", "", "=="])
def test_what_cannot_be_a_token_is_never_sent(token):
    told = refusal(sign_in_token(token))
    assert told.startswith("What was given as Earthdata token is none")
    assert "Injected" not in told


def test_who_reads_the_name_and_believes_nothing_else():
    assert who(jwt(uid="analyst")) == "analyst"
    for nobody in ("", "opaque", "a.b.c", "a.!!!.c", jwt(), jwt(uid=3), jwt(uid="two\nlines"), "a.W10.c"):
        assert who(nobody) == ""


def test_the_password_goes_to_the_login_host_only_and_gives_a_token():
    client = Client({"access_token": jwt(uid="analyst", exp=NOON_S + 600), "token_type": "Bearer"})
    assert who(account_grant("analyst", PASSWORD, client).token) == "analyst"
    (url, options), = client.asked
    assert url == "https://urs.earthdata.nasa.gov/api/users/find_or_create_token"
    pair = base64.b64decode(options["headers"]["Authorization"].split()[1]).decode()
    assert pair == f"analyst:{PASSWORD}"
    assert not options.get("with_token")


@pytest.mark.parametrize("origin", ["", "urs.earthdata.nasa.gov", "ftp://host", "https://me@host", "javascript:x"])
def test_a_password_is_not_sent_to_what_is_no_server(origin):
    client = Client({})
    assert "no password is sent to it" in refusal(account_grant, "analyst", PASSWORD, client, origin)
    assert client.asked == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_password_is_one_sentence(status):
    client = Client({"error": f"you said {PASSWORD}"}, status)
    assert refusal(account_grant, "analyst", PASSWORD, client) == (
        "Earthdata Login refuses the name 'analyst' with this password; correct them, or try them at "
        "https://urs.earthdata.nasa.gov.")


@pytest.mark.parametrize("answer", [b"<html>", b"[1]", b'{"access_token": 3}', b"{}", b"[" * 100_000])
def test_an_answer_that_holds_no_token_is_refused(answer):
    with pytest.raises(ArchiveError, match="gave no token for the name 'analyst'"):
        account_grant("analyst", PASSWORD, Client(answer))


@pytest.mark.parametrize(("exp", "date", "lasts_s"), [
    (NOON_S + 600, NOON, 600.0),           # by the server's clock, whatever ours says
    (NOON_S - 600, NOON, float("inf")),    # just given and yet over: a clock is wrong
    (None, NOON, float("inf")),
    ("soon", NOON, float("inf")),
    (1e300, NOON, float("inf")),
])  # fmt: skip
def test_how_long_a_token_lasts_is_told_by_the_clock_of_its_server(exp, date, lasts_s):
    client = Client({"access_token": jwt(uid="analyst", exp=exp)}, date=date)
    assert account_grant("analyst", PASSWORD, client).lasts_s == lasts_s


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_without_a_date_our_own_clock_tells(date):
    client = Client({"access_token": jwt(exp=int(time.time()) + 600)}, date=date)
    assert account_grant("analyst", PASSWORD, client).lasts_s == pytest.approx(600, abs=5)


class Clock:
    """time.monotonic, set by hand."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(login.time, "monotonic", lambda: self.now)


class Granting:
    """Gives a new token each time, or raises."""

    def __init__(self, lasts_s=float("inf")):
        self.lasts_s, self.n, self.error = lasts_s, 0, None

    def __call__(self):
        self.n += 1
        if self.error is not None:
            raise self.error
        return Grant(f"token-{self.n}", self.lasts_s)


@pytest.mark.parametrize(("lasts_s", "kept_s"), [(600.0, 540.0), (float("inf"), 3600.0), (1e9, 3600.0)])
def test_a_token_is_got_anew_before_it_is_over_and_every_hour(monkeypatch, lasts_s, kept_s):
    clock, grant = Clock(monkeypatch), Granting(lasts_s)
    token = EarthdataToken(grant)
    assert (token(), token(), grant.n) == ("token-1", "token-1", 1)
    clock.now += kept_s - 1
    assert token() == "token-1"
    clock.now += 2
    assert (token(), grant.n) == ("token-2", 2)


def test_where_a_new_token_cannot_be_had_now_the_old_one_goes_on(monkeypatch):
    clock, grant = Clock(monkeypatch), Granting(600.0)
    token = EarthdataToken(grant)
    token()
    clock.now += 600
    grant.error = ArchiveError("no network")
    assert token() == "token-1"
    assert (token(), grant.n) == ("token-1", 2)
    clock.now += 31
    grant.error = None
    assert token() == "token-3"


def test_without_any_token_the_trouble_is_told():
    grant = Granting()
    grant.error = ArchiveError("no network")
    with pytest.raises(ArchiveError, match="no network"):
        EarthdataToken(grant)()


def test_a_wrong_password_is_not_said_again_and_again(monkeypatch):
    """Earthdata Login locks an account after a few wrong passwords; a scene is read by many requests."""
    clock, grant = Clock(monkeypatch), Granting()
    grant.error = Refused("refused")
    token = EarthdataToken(grant)
    assert [refusal(token) for _ in range(20)] == 20 * ["refused"]
    assert grant.n == 1
    clock.now += 31
    refusal(token)
    assert grant.n == 2


def test_what_was_not_there_is_looked_for_again_at_once():
    grant = Granting()
    grant.error = SignInError("no netrc")
    token = EarthdataToken(grant)
    assert refusal(token) == "no netrc"
    grant.error = None
    assert token() == "token-2"


def test_threads_that_need_a_token_at_once_get_one():
    gate, grant = threading.Event(), Granting()
    token = EarthdataToken(lambda: (gate.wait(5), grant())[1])
    got = []
    threads = [threading.Thread(target=lambda: got.append(token())) for _ in range(8)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(5)
    assert (got, grant.n) == (8 * ["token-1"], 1)


def test_who_waits_for_a_token_can_be_cancelled():
    gate = threading.Event()
    token = EarthdataToken(lambda: (gate.wait(5), Grant("token"))[1])
    first = threading.Thread(target=token)
    first.start()
    try:
        with listening(SimpleNamespace(cancelled=True)), pytest.raises(Cancelled):
            token()
    finally:
        gate.set()
        first.join(5)


@pytest.mark.parametrize("token", [
    sign_in_token("planted-signature"), sign_in_account("analyst", PASSWORD), sign_in("netrc")])
def test_a_token_is_never_shown_and_never_travels(token):
    assert repr(token) == str(token) == "EarthdataToken()"
    with pytest.raises(TypeError, match="stays in the memory of its process"):
        pickle.dumps(token)
    assert "planted-signature" not in repr(Grant("planted-signature"))


def test_the_plain_function_travels():
    assert pickle.loads(pickle.dumps(earthdata_token)) is earthdata_token


class Confirmed:
    """The answer of Earthdata Login to the question whose token it is."""

    over = jwt(uid="analyst", exp=NOON_S - 60)
    good = jwt(uid="analyst", exp=NOON_S + 60)


def test_the_user_is_who_earthdata_login_says():
    client = Client({"uid": "analyst"})
    assert confirm(Confirmed.good, client) == "analyst"
    (url, options), = client.asked
    assert (url, options["with_token"]) == ("https://urs.earthdata.nasa.gov/api/users/analyst", True)


def test_an_expired_token_is_good_where_the_server_takes_it():
    """The clock of this computer, or of the token, may be wrong."""
    assert confirm(Confirmed.over, Client({"uid": "analyst"})) == "analyst"


@pytest.mark.parametrize(("token", "status"), [(Confirmed.over, 401), (Confirmed.good, 403), (Confirmed.over, 400)])
def test_a_token_that_is_not_taken(token, status):
    told = refusal(confirm, token, Client({"error": token}, status))
    assert told.startswith("Earthdata Login does not take the token of 'analyst' (good until 2026-01-02 ")
    assert told.endswith("; make a new one at https://urs.earthdata.nasa.gov.")


def test_where_profiles_are_for_applications_only_the_date_of_the_token_counts():
    assert confirm(Confirmed.good, Client({"error": "invalid_request"}, 400)) == "analyst"


def test_a_name_in_a_token_never_leads_elsewhere():
    client = Client({})
    confirm(jwt(uid="../../oauth?x=@host"), client)
    assert client.asked[0][0] == "https://urs.earthdata.nasa.gov/api/users/..%2F..%2Foauth%3Fx%3D%40host"


def test_a_token_that_names_nobody_is_none():
    assert refusal(confirm, "opaque", Client({})).startswith("The Earthdata token names no user")


def test_a_refused_token_is_got_anew_but_not_again_and_again(monkeypatch):
    grants = iter(["first", "second", "third"])
    token = EarthdataToken(lambda: Grant(next(grants)))
    assert token() == "first"
    token.refuse("of somebody else")
    assert token() == "first"
    token.refuse("first")
    assert token() == "second"
    token.refuse("first")  # another thread was told the same of the old one
    assert token() == "second"
    token.refuse("second")  # refused again at once: it is not the token
    assert token() == "second"
    monkeypatch.setattr(time, "monotonic", lambda at=time.monotonic() + 31.0: at)
    token.refuse("second")
    assert token() == "third"


def test_the_token_of_the_environment_can_be_refused_too(monkeypatch):
    monkeypatch.setattr(login, "_OF_THIS_PROCESS", EarthdataToken(map(Grant, ["first", "second"]).__next__))
    assert earthdata_token() == "first"
    earthdata_token.refuse("first")
    assert earthdata_token() == "second"
