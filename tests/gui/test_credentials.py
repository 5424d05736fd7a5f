"""Credentials in QGIS: read from its authentication database, sent to whom they are for, and shown nowhere."""

from __future__ import annotations

import logging
import threading
import traceback

import pytest
from pixel_spectra.adapters import credentials
from pixel_spectra.adapters.authentication import account_of, locked, require_unlocked, unlock
from pixel_spectra.adapters.credentials import (
    SIGN_IN_GROUP,
    Servers,
    load_sign_in,
    opener_for,
    save_sign_in,
    signed_in_as,
    use_opener,
    use_servers,
)
from pixel_spectra.adapters.proxies import qgis_proxy
from pixel_spectra.adapters.sign_in_choice import QGIS, SignIn
from pixel_spectra.core.archive import EARTHDATA_ORIGINS
from pixel_spectra.core.errors import ArchiveError, SignInError
from qgis.core import (
    QgsApplication,
    QgsMessageLog,
    QgsNetworkAccessManager,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProject,
    QgsRasterLayer,
    QgsSettings,
    QgsVectorLayer,
)

from qgis_side import REFERENCE, place, rows_of, write_geojson
from sign_in_side import (
    ANALYST,
    MASTER,
    PASSWORD,
    AuthDatabase,
    archive_with,
    files_that_hold,
    forget_accounts,
    loopback_process,
    never_ask,
    processes_that_show,
    secrets_of,
)


@pytest.fixture(scope="session")
def never(qgis_app):
    return never_ask()


@pytest.fixture
def auth(never):
    never.asked.clear()
    database = AuthDatabase(never)
    yield database
    database.clear()
    assert never.asked == []


@pytest.fixture(scope="module")
def published(files, tmp_path_factory):
    with archive_with(files, tmp_path_factory.mktemp("archive")) as both:
        yield both


@pytest.fixture
def archive(published, monkeypatch, tmp_path):
    """The archive in the place of NASA's, with a home and a profile that know nobody."""
    archive, _ = published
    archive.clear()
    archive.faults.clear()
    forget_accounts(monkeypatch, tmp_path)
    monkeypatch.setattr(credentials, "cache_folder", lambda: tmp_path / "cache")
    QgsSettings().remove(SIGN_IN_GROUP)
    use_servers(Servers(archive.hosts["login"], archive.origins))
    yield archive
    use_servers(Servers())
    use_opener(None)
    QgsSettings().remove(SIGN_IN_GROUP)


@pytest.fixture
def scene(published):
    """The address of the reflectance in the archive."""
    archive, granule = published
    return archive.url(granule.rfl)


@pytest.fixture
def point(tmp_path):
    return write_geojson(tmp_path / "point.geojson", {"type": "Point", "coordinates": place(12, 9)})


def refusal(call, *arguments, kind=SignInError):
    """The sentence, in which no secret is, nor in the traceback."""
    with pytest.raises(kind) as caught:
        call(*arguments)
    told = "".join(traceback.format_exception(type(caught.value), caught.value, caught.value.__traceback__))
    assert PASSWORD not in told
    assert MASTER not in told
    return str(caught.value)


def sent_to(archive):
    """Host -> what it was sent to sign in with, by the word before it."""
    found = {}
    for request in archive.requests:
        found.setdefault(request.host, set()).add(request.headers.get("authorization", "nothing").partition(" ")[0])
    return found


# what stands in the database


def test_a_name_and_password_and_a_token_are_read(auth):
    basic = auth.add("Basic", username=ANALYST, password=PASSWORD)
    header = auth.add("APIHeader", authorization="bearer  planted.token ")
    assert (account_of(basic).username, account_of(basic).password, account_of(basic).token) == (ANALYST, PASSWORD, "")
    assert (account_of(header).username, account_of(header).token) == ("", "planted.token")
    assert PASSWORD not in repr(account_of(basic))
    assert "planted" not in repr(account_of(header))


@pytest.mark.parametrize(("kind", "settings", "told"), [
    ("OAuth2", {"oauth2config": "{}"}, "is of the kind OAuth2, which cannot sign in to Earthdata here; choose one of "
     "the kind Basic (name and password) or API Header (Authorization: Bearer and a token)."),
    ("EsriToken", {"token": "planted"}, "is of the kind EsriToken, which cannot sign in"),
    ("Basic", {"username": ANALYST}, "lacks its name or password; fill them in"),
    ("APIHeader", {"X-Key": "planted"}, "has no header 'Authorization' with the word Bearer and a token"),
    ("APIHeader", {"Authorization": "Basic planted"}, "has no header 'Authorization' with the word Bearer"),
])  # fmt: skip
def test_an_authentication_of_no_use_is_one_sentence(auth, kind, settings, told):
    authcfg = auth.add(kind, **settings)
    sentence = refusal(account_of, authcfg)
    assert sentence.startswith(f"The authentication 'Earthdata' ({authcfg}) ")
    assert told in sentence
    assert "planted" not in sentence


def test_an_unknown_id(auth):
    auth.add("Basic", username=ANALYST, password=PASSWORD)
    assert refusal(account_of, "abc1234").startswith("QGIS has no authentication with the id 'abc1234'")


def test_a_locked_database_is_one_sentence_and_nobody_is_asked(auth):
    authcfg = auth.add("Basic", username=ANALYST, password=PASSWORD)
    auth.lock()
    assert locked()
    assert refusal(account_of, authcfg) == (
        "Your Earthdata account lies in QGIS' authentication database, which is locked; enter its master password "
        "(Settings > Options > Authentication), or name a file that holds it in QGIS_AUTH_PASSWORD_FILE, and try "
        "again.")
    assert refusal(opener_for, authcfg) == refusal(signed_in_as, SignIn(QGIS, authcfg)) == refusal(account_of, authcfg)


def test_a_locked_database_seen_by_a_worker(auth):
    authcfg = auth.add("Basic", username=ANALYST, password=PASSWORD)
    auth.lock()
    told = []
    worker = threading.Thread(target=lambda: told.append(refusal(opener_for, authcfg)))
    worker.start()
    worker.join(10)
    assert "which is locked" in told[0]


def test_an_empty_database(never):
    QgsApplication.authManager().eraseAuthenticationDatabase(False)
    assert "which is empty; add an authentication" in refusal(account_of, "abc1234")
    assert not locked()
    assert unlock()


def test_an_authentication_system_that_is_off(auth, monkeypatch):
    monkeypatch.setattr(type(auth.manager), "isDisabled", lambda _self: True)
    assert "authentication is switched off in this QGIS" in refusal(require_unlocked, "It")


def test_unlock_asks_once_where_it_is_locked(auth, never):
    assert unlock()
    assert never.asked == []
    auth.lock()
    assert not unlock()
    assert never.asked == ["master password"]
    never.asked.clear()


# one opener for all


def test_whoever_asks_for_the_same_gets_the_same_opener(archive, auth):
    authcfg = auth.add("Basic", username=ANALYST, password=PASSWORD)
    first = opener_for(authcfg)
    assert opener_for(authcfg) is first
    assert opener_for() is opener_for() is not first
    found = []
    worker = threading.Thread(target=lambda: found.append(opener_for(authcfg)))
    worker.start()
    worker.join(10)
    assert found == [first]
    assert archive.requests == []


def test_a_changed_password_makes_another_opener(archive, auth):
    authcfg = auth.add("Basic", username=ANALYST, password="old")
    first = opener_for(authcfg)
    auth.add("Basic", authcfg, username=ANALYST, password=PASSWORD)
    assert opener_for(authcfg) is not first


def test_the_settings_say_who_signs_in(archive, auth, scene):
    authcfg = auth.add("Basic", username=ANALYST, password=PASSWORD)
    save_sign_in(SignIn(QGIS, authcfg))
    assert load_sign_in() == SignIn(QGIS, authcfg)
    assert opener_for()(scene).size > 1000


def test_a_choice_of_qgis_without_an_authentication(archive):
    save_sign_in(SignIn(QGIS))
    assert refusal(opener_for).startswith("No authentication of QGIS is chosen")


@pytest.mark.parametrize("how", ["", "interactive", "3"])
def test_nonsense_in_the_settings_is_the_default(archive, how):
    QgsSettings().setValue(f"{SIGN_IN_GROUP}/how", how)
    assert load_sign_in() == SignIn("automatic")


def test_code_alone_names_other_servers(archive):
    """No setting, table or layer does: what is set is gone with the process."""
    QgsSettings().setValue(f"{SIGN_IN_GROUP}/login", "http://127.0.0.1:1")
    QgsSettings().setValue(f"{SIGN_IN_GROUP}/origins", "http://127.0.0.1:1")
    use_servers(Servers())
    assert Servers() == Servers("https://urs.earthdata.nasa.gov", EARTHDATA_ORIGINS)
    assert refusal(opener_for(), "http://127.0.0.1:1/a.nc", kind=ArchiveError).endswith("change http:// to https://.")


def test_an_opener_of_a_test_takes_its_place(archive):
    seen = []
    use_opener(lambda authcfg: seen.append(authcfg) or "opener")
    assert opener_for("abc1234") == "opener"
    use_opener(None)
    assert opener_for() != "opener"
    assert seen == ["abc1234"]


# who is signed in


def test_the_name_of_who_is_signed_in(archive, auth, monkeypatch):
    basic = auth.add("Basic", username=ANALYST, password=PASSWORD)
    header = auth.add("APIHeader", Authorization=f"Bearer {archive.token('newcomer')}")
    assert signed_in_as(SignIn(QGIS, basic)) == "analyst"
    assert signed_in_as(SignIn(QGIS, header)) == "newcomer"
    monkeypatch.setenv("EARTHDATA_TOKEN", archive.token("analyst"))
    assert signed_in_as(SignIn("environment")) == signed_in_as(SignIn()) == "analyst"
    assert set(sent_to(archive)) == {"login"}


def test_why_nobody_is_signed_in(archive, auth):
    wrong = auth.add("Basic", username=ANALYST, password=f"{PASSWORD}!")
    expired = auth.add("APIHeader", Authorization=f"Bearer {archive.token('analyst', lifetime_s=-60)}")
    assert refusal(signed_in_as, SignIn()).startswith("You are not signed in to Earthdata: the environment")
    assert refusal(signed_in_as, SignIn("netrc")).startswith("There is no netrc file")
    assert refusal(signed_in_as, SignIn(QGIS, wrong)).startswith("Earthdata Login refuses the name 'analyst' with this")
    assert refusal(signed_in_as, SignIn(QGIS, expired)).startswith("Earthdata Login does not take the token of")


def test_a_password_that_was_corrected_is_tried_at_once(archive, auth):
    authcfg = auth.add("Basic", username=ANALYST, password="wrong")
    refusal(signed_in_as, SignIn(QGIS, authcfg))
    auth.add("Basic", authcfg, username=ANALYST, password=PASSWORD)
    assert signed_in_as(SignIn(QGIS, authcfg)) == "analyst"


# the proxy of QGIS


@pytest.fixture
def proxy():
    """A callable that sets the proxy of QGIS; it is taken away afterwards."""
    settings, manager = QgsSettings(), QgsNetworkAccessManager.instance()

    def use(kind, **more):
        for name, value in {"proxyEnabled": True, "proxyType": kind, "proxyHost": "proxy.example.org",
                            "proxyPort": "3128", **more}.items():
            settings.setValue(f"proxy/{name}", value)
        manager.setupDefaultProxyAndCache()

    yield use
    settings.remove("proxy")
    manager.setupDefaultProxyAndCache()


def test_without_a_proxy_the_way_is_direct(qgis_app):
    assert qgis_proxy() is None


@pytest.mark.parametrize("kind", ["HttpProxy", "HttpCachingProxy"])
def test_the_proxy_of_qgis(proxy, kind):
    proxy(kind, proxyUser="me@home", proxyPassword="planted:/@pass")
    found = qgis_proxy()
    assert (found.address, found.login) == ("http://proxy.example.org:3128", "me@home:planted:/@pass")
    assert "planted" not in repr(found)


def test_what_qgis_reaches_directly_is_reached_directly(proxy):
    proxy("HttpProxy", proxyExcludedUrls=["http://127.0.0.1", "https://intra.example.org/x"],
          noProxyUrls=["https://data.example.org"])
    found = qgis_proxy()
    assert found.bypass == ("127.0.0.1", "data.example.org", "intra.example.org")
    assert [found.covers(f"https://{host}/a.nc") for host in (
        "urs.earthdata.nasa.gov", "data.example.org", "intra.example.org")] == [True, False, False]


def test_a_login_host_that_is_excepted_means_no_proxy(proxy):
    proxy("HttpProxy", noProxyUrls=["https://urs.earthdata.nasa.gov"])
    assert qgis_proxy() is None


def test_the_proxy_of_the_system_where_qgis_takes_that(proxy, monkeypatch):
    proxy("DefaultProxy")
    monkeypatch.setenv("https_proxy", "http://system.example.org:8080")
    assert qgis_proxy().address == "http://system.example.org:8080"


def test_a_proxy_for_files_carries_no_pages(proxy):
    proxy("FtpCachingProxy")
    assert qgis_proxy() is None


def test_a_socks_proxy_is_refused_and_not_passed_by(proxy):
    proxy("Socks5Proxy")
    assert "SOCKS" in refusal(opener_for, kind=ArchiveError)


def test_the_password_of_a_proxy_in_the_database(proxy, auth):
    proxy("HttpProxy", authcfg=auth.add("Basic", username="me", password="planted"))
    assert qgis_proxy().login == "me:planted"
    auth.lock()
    assert refusal(qgis_proxy).startswith("The password of the proxy lies in QGIS' authentication database")


# granules by their address


def test_a_granule_by_its_address(run, files, archive, auth, scene, point):
    authcfg = auth.add("Basic", username=ANALYST, password=PASSWORD)
    remote = run("extract_spectra", GRANULE=scene, AOI=point, AUTHCFG=authcfg, MASK="good_bands",
                 OUTPUT="TEMPORARY_OUTPUT")
    local = run("extract_spectra", GRANULE=files.reflectance, AOI=point, MASK="good_bands", OUTPUT="TEMPORARY_OUTPUT")
    assert [row["spectrum"] for row in rows_of(remote["OUTPUT"])] == [
        row["spectrum"] for row in rows_of(local["OUTPUT"])]
    sent = sent_to(archive)
    assert sent["data"] <= {"Bearer", "nothing"}
    assert (sent["login"], sent["signed"]) == ({"Basic"}, {"nothing"})


def test_as_gdal_writes_it(run, archive, monkeypatch, scene, point):
    monkeypatch.setenv("EARTHDATA_TOKEN", archive.token())
    done = run("extract_spectra", GRANULE=f"/vsicurl/{scene}", AOI=point, MASK="good_bands", OUTPUT="TEMPORARY_OUTPUT")
    assert len(rows_of(done["OUTPUT"])) == 1


def test_a_mask_by_its_address(run, files, archive, published, monkeypatch, tmp_path):
    monkeypatch.setenv("EARTHDATA_TOKEN", archive.token())
    reasons = []
    for name, mask in (("remote", archive.url(published[1].mask)), ("local", files.mask)):
        done = run("quality_mask", MASK_FILE=mask, REASONS=tmp_path / f"{name}.tif")
        reasons.append(QgsRasterLayer(done["REASONS"], name).as_numpy())
    assert (reasons[0] == reasons[1]).all()


def test_candidates_in_granules_by_their_address(run, files, archive, auth, scene, point):
    authcfg = auth.add("Basic", username=ANALYST, password=PASSWORD)
    scores = []
    for granule in (scene, files.reflectance):
        done = run("vet_candidates", CANDIDATES=point, GRANULES=[str(granule)], REFERENCE=REFERENCE, MASK="good_bands",
                   RING_PIXELS=0, AUTHCFG=authcfg, OUTPUT="TEMPORARY_OUTPUT")
        scores.append([row["score"] for row in rows_of(done["OUTPUT"])])
    assert scores[0] == scores[1] != [None]
    assert sent_to(archive)["signed"] == {"nothing"}


def test_every_algorithm_that_takes_a_granule_takes_a_sign_in(provider):
    takes = {algorithm.name(): {parameter.name() for parameter in algorithm.parameterDefinitions()}
             for algorithm in provider.algorithms()}
    with_granule = {name for name, names in takes.items() if names & {"GRANULE", "GRANULES"}}
    assert {name for name in with_granule if "AUTHCFG" not in takes[name]} == set()
    assert {"vet_candidates", "score_spectra", "map_scores", "load_granule", "quality_mask"} <= with_granule


def test_not_signed_in(refused, archive, scene, point):
    told = refused("extract_spectra", GRANULE=scene, AOI=point, OUTPUT="TEMPORARY_OUTPUT")
    assert "You are not signed in to Earthdata" in told


def test_a_licence_that_was_not_accepted(refused, archive, auth, scene, point):
    authcfg = auth.add("Basic", username="newcomer", password=PASSWORD)
    told = refused("extract_spectra", GRANULE=scene, AOI=point, AUTHCFG=authcfg, OUTPUT="TEMPORARY_OUTPUT")
    assert "must first accept the licence (EULA)" in told


@pytest.mark.parametrize("address", [
    "https://host/a.nc?Signature=planted", "https://me:planted@host/a.nc", "https://host/a.nc#planted",
    "/vsicurl/https://host/a.nc?A-userid=planted",
    "/vsicurl?header.Authorization=planted&url=https%3A%2F%2Fhost%2Fa.nc"])
def test_an_address_with_a_secret_is_refused_before_it_is_written_down(refused, archive, point, address):
    told = refused("extract_spectra", GRANULE=address, AOI=point, OUTPUT="TEMPORARY_OUTPUT")
    assert "comes with more than where the granule is" in told
    assert "planted" not in told


def test_an_address_that_is_not_secure(refused, archive, point):
    use_servers(Servers())
    told = refused("extract_spectra", GRANULE="http://host/a.nc", AOI=point, OUTPUT="TEMPORARY_OUTPUT")
    assert "change http:// to https://" in told


def test_a_raster_remembers_the_address_of_its_granule(run, archive, monkeypatch, scene, point, tmp_path):
    monkeypatch.setenv("EARTHDATA_TOKEN", archive.token())
    run("load_granule", GRANULE=scene, BANDS="650", STRIDE=4, OUTPUT=tmp_path / "scene.tif")
    done = run("extract_spectra", GRANULE=tmp_path / "scene.tif", AOI=point, MASK="none", OUTPUT="TEMPORARY_OUTPUT")
    assert len(rows_of(done["OUTPUT"])) == 1


# the program beside QGIS


@pytest.fixture(scope="module")
def process(published, tmp_path_factory):
    """qgis_process with the archive on loopback, and a profile whose authentication database knows the analyst."""
    archive, _ = published
    return loopback_process(archive, tmp_path_factory.mktemp("profile"), tmp_path_factory.mktemp("plugins"))


def test_qgis_process_signs_in_by_the_database(process, archive, scene, point, tmp_path):
    out = tmp_path / "out.gpkg"
    done = process.with_master_password().run("pixelspectra:extract_spectra", GRANULE=scene, AOI=point,
                                              AUTHCFG=process.authcfg, MASK="good_bands", OUTPUT=out)
    assert done.json["results"] == {"OUTPUT": str(out)}
    assert len(rows_of(out)) == 1
    secrets = secrets_of(archive)
    assert not any(secret in text for secret in secrets for text in (done.output, done.errors))
    assert files_that_hold(tmp_path, secrets) == []
    assert files_that_hold(process.folder, secrets) == []


def test_qgis_process_without_the_master_password_asks_nobody(process, archive, scene, point, tmp_path):
    done = process.run("pixelspectra:extract_spectra", GRANULE=scene, AOI=point, AUTHCFG=process.authcfg,
                       OUTPUT=tmp_path / "out.gpkg")
    assert done.status == 1
    assert "Your Earthdata account lies in QGIS' authentication database, which is locked" in done.errors
    assert "Traceback" not in done.errors
    assert archive.requests == []


def test_qgis_process_by_the_environment(process, archive, scene, point, tmp_path, monkeypatch):
    monkeypatch.setenv("EARTHDATA_TOKEN", archive.token())
    done = process.run("pixelspectra:extract_spectra", GRANULE=scene, AOI=point, MASK="good_bands",
                       OUTPUT=tmp_path / "out.gpkg")
    assert done.json
    assert not any(secret in text for secret in secrets_of(archive) for text in (done.output, done.errors))


def test_qgis_process_without_any_account(process, archive, scene, point, tmp_path):
    done = process.run("pixelspectra:extract_spectra", GRANULE=scene, AOI=point, OUTPUT=tmp_path / "out.gpkg")
    assert done.status == 1
    assert "You are not signed in to Earthdata" in done.errors
    assert not (tmp_path / "out.gpkg").exists()


# planted, and searched for everywhere


def test_nothing_that_signs_in_is_found_anywhere(run, archive, auth, scene, point, tmp_path, caplog, capfd):
    """Logs, messages, layers, a project, outputs, settings, processes, the cache."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.DEBUG)
    messages = []
    QgsApplication.messageLog().messageReceived.connect(lambda *said: messages.append(" ".join(map(str, said))))
    QgsMessageLog.logMessage("heard", "test")
    authcfg = auth.add("Basic", username=ANALYST, password=PASSWORD)
    save_sign_in(SignIn(QGIS, authcfg))
    assert signed_in_as(SignIn(QGIS, authcfg)) == "analyst"
    feedback = QgsProcessingFeedback()
    out = tmp_path / "out"
    out.mkdir()
    run("load_granule", feedback, GRANULE=scene, BANDS="650", STRIDE=4, AUTHCFG=authcfg, OUTPUT=out / "scene.tif")
    run("extract_spectra", feedback, GRANULE=scene, AOI=point, AUTHCFG=authcfg, MASK="good_bands",
        OUTPUT=out / "spectra.gpkg")
    archive.expire_signatures()
    run("extract_spectra", feedback, GRANULE=scene, AOI=point, MASK="good_bands", OUTPUT=out / "again.gpkg")
    secrets = secrets_of(archive)
    assert len(secrets) >= 6  # password, its pair, the master's, token, its parts, signatures
    project = QgsProject.instance()
    layers = [QgsRasterLayer(str(out / "scene.tif"), "scene"), QgsVectorLayer(str(out / "spectra.gpkg"), "s", "ogr")]
    for layer in layers:
        project.addMapLayer(layer)
    project.write(str(out / "project.qgz"))
    shown = [feedback.textLog(), feedback.htmlLog(), "\n".join(messages), "\n".join(capfd.readouterr()),
             "\n".join(f"{r.getMessage()} {r.args} {r.exc_text}" for r in caplog.records),
             repr(opener_for()), repr(vars(credentials._KEPT))]
    for layer in layers:
        shown += [layer.source(), layer.publicSource(), str({name: layer.customProperty(name)
                                                             for name in layer.customPropertyKeys()})]
    algorithm = QgsApplication.processingRegistry().algorithmById("pixelspectra:extract_spectra")
    given, context = {"GRANULE": scene, "AOI": str(point), "AUTHCFG": authcfg}, QgsProcessingContext()
    shown += [algorithm.asPythonCommand(given, context), algorithm.asQgisProcessCommand(given, context)[0],
              str(algorithm.asMap(given, context))]  # what the history keeps
    settings = QgsSettings()
    settings.sync()
    shown += [f"{key} {settings.value(key)}" for key in settings.allKeys()]
    project.clear()
    assert any("heard" in text for text in messages)
    assert any("extract_spectra" in text or "usable" in text for text in shown)
    assert [text[:200] for text in shown if any(secret in text for secret in secrets)] == []
    assert files_that_hold(tmp_path, secrets) == []
    assert any((tmp_path / "cache").rglob("*"))
    assert processes_that_show(secrets) == []
