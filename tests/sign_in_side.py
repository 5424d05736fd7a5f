"""What the tests of signing in share: QGIS' authentication database, nobody to ask, and the archive on loopback."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loopback import Account, LoopbackArchive
from qgis_side import ROOT, QgisProcess
from sidecars import publish

ANALYST, PASSWORD, MASTER = "analyst", "planted-pass-word", "planted-master-word"
BASIC = base64.b64encode(f"{ANALYST}:{PASSWORD}".encode()).decode()


def never_ask() -> Any:
    """Stands in for QGIS' dialog for passwords: notes that it was asked, and gives nothing."""
    from qgis.core import QgsCredentials

    class Never(QgsCredentials):
        def __init__(self) -> None:
            super().__init__()
            self.asked: list[str] = []
            self.setInstance(self)

        def request(self, realm: str, username: str, password: str, message: str = "") -> tuple[bool, str, str]:
            self.asked.append(realm)
            return False, "", ""

        def requestMasterPassword(self, password: str, stored: bool) -> tuple[bool, str]:
            self.asked.append("master password")
            return False, ""

    return Never()


class AuthDatabase:
    """The authentication database of the test profile, unlocked; `never` says whether anybody was asked."""

    def __init__(self, never: Any) -> None:
        from qgis.core import QgsApplication

        self.manager, self.never = QgsApplication.authManager(), never
        self.clear()
        assert self.manager.setMasterPassword(MASTER, True)

    def add(self, kind: str, authcfg: str = "", **settings: str) -> str:
        """Store an authentication (again, where `authcfg` is given); its id."""
        from qgis.core import QgsAuthMethodConfig

        config = QgsAuthMethodConfig(kind)
        config.setName("Earthdata")
        config.setId(authcfg)
        for name, value in settings.items():
            config.setConfig(name, value)
        if authcfg:
            assert self.manager.updateAuthenticationConfig(config)
        else:
            assert self.manager.storeAuthenticationConfig(config)[0]
        return str(config.id())

    def lock(self) -> None:
        self.manager.clearMasterPassword()

    def clear(self) -> None:
        self.manager.eraseAuthenticationDatabase(False)


@contextmanager
def archive_with(files: Any, folder: Path) -> Iterator[tuple[LoopbackArchive, Any]]:
    """The archive with one granule, and where its files lie."""
    with LoopbackArchive(folder, accounts={ANALYST: Account(PASSWORD), "newcomer": Account(PASSWORD, licence=False)}
                         ) as archive:
        yield archive, publish(files, folder)


def secrets_of(archive: LoopbackArchive) -> set[str]:
    """All that signed somebody in during the test: passwords, whole tokens and their parts, signatures."""
    found = {PASSWORD, MASTER, BASIC}
    for request in archive.requests:
        token = request.headers.get("authorization", "").partition(" ")[2]
        found |= {token, *(part for part in token.split(".") if len(part) > 20)} if token else set()
        found |= {part.partition("=")[2] for part in request.query.split("&") if part.startswith("Signature=")}
    return found - {""}


def files_that_hold(folder: Path, secrets: set[str]) -> list[str]:
    """The files under `folder` in which a secret stands, also in parts of an archive file (.qgz)."""
    import zipfile

    hits = []
    for path in (p for p in folder.rglob("*") if p.is_file()):
        texts = [path.read_bytes()]
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                texts += [packed.read(name) for name in packed.namelist()]
        hits += [str(path) for text in texts if any(secret.encode() in text for secret in secrets)]
    return hits


def processes_that_show(secrets: set[str]) -> list[str]:
    """The processes of this computer whose command or environment holds a secret, of those we may look at."""
    hits = []
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                text = (process / name).read_bytes()
            except OSError:
                continue
            if any(secret.encode() in text for secret in secrets):
                hits.append(f"{process.name} {name}")
    return hits


def forget_accounts(monkeypatch: Any, home: Path) -> None:
    """No account in the environment nor in the home folder."""
    for name in list(os.environ):
        if name.startswith("EARTHDATA_") or name == "NETRC" or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))


@dataclass(frozen=True)
class SignedProcess(QgisProcess):
    """The real program, whose authentication database knows the analyst."""

    plugins: Path = Path()
    authcfg: str = ""
    unlocked: bool = False

    def with_master_password(self) -> SignedProcess:
        return replace(self, unlocked=True)

    def environment(self, first_on_path: str = "") -> dict[str, str]:
        file = {"QGIS_AUTH_PASSWORD_FILE": str(self.plugins / "master")} if self.unlocked else {}
        return {**super().environment(first_on_path), "QGIS_PLUGINPATH": str(self.plugins), **file}


def loopback_process(archive: LoopbackArchive, profile: Path, plugins: Path) -> SignedProcess:
    """qgis_process with a plugin beside ours that names the servers on loopback: only code can."""
    (plugins / "pixel_spectra").symlink_to(ROOT, target_is_directory=True)
    helper = plugins / "loopback_servers"
    helper.mkdir()
    (helper / "metadata.txt").write_text("[general]\nname=Loopback servers\nqgisMinimumVersion=3.34\nversion=1\n"
                                         "hasProcessingProvider=yes\ndescription=x\nabout=x\nauthor=x\nemail=x\n")
    (helper / "__init__.py").write_text(_PLUGIN.format(login=archive.hosts["login"], origins=archive.origins))
    (plugins / "master").write_text(MASTER)
    process = SignedProcess(profile, plugins)
    for name in ("pixel_spectra", "loopback_servers"):
        process.call("plugins", "enable", name)
    made = subprocess.run([sys.executable, "-c", _STORE], env=process.with_master_password().environment(),
                          capture_output=True, text=True, timeout=120, check=True)
    return replace(process, authcfg=made.stdout.split()[-1])


_PLUGIN = """
class Servers:
    def initProcessing(self):
        from pixel_spectra.adapters import credentials
        credentials.use_servers(credentials.Servers({login!r}, {origins!r}))
    def initGui(self): pass
    def unload(self): pass
def classFactory(iface): return Servers()
"""
_STORE = f"""
from qgis.core import QgsApplication, QgsAuthMethodConfig
application = QgsApplication([], False)
application.initQgis()
config = QgsAuthMethodConfig("Basic")
config.setName("Earthdata")
config.setConfig("username", {ANALYST!r})
config.setConfig("password", {PASSWORD!r})
manager = QgsApplication.authManager()
assert manager.setMasterPassword({MASTER!r}, True) and manager.storeAuthenticationConfig(config)[0]
print(config.id())
application.exitQgis()
"""
