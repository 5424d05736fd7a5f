"""A real STAC API on this machine: stac-fastapi-pgstac on a PostgreSQL of its own, both gone when the block ends."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Optional

ROOT = Path(__file__).resolve().parents[1]
BOX = ROOT / ".dev" / "stac"
USER = "postgres"


def missing() -> Optional[str]:
    """Why there is no STAC API here; None where there is."""
    if (BOX / "ready").exists():
        return None
    told = BOX / "missing"
    return told.read_text().strip() if told.exists() else "run 'make test-services', which sets it up"


@contextlib.contextmanager
def stac_api(collections: Sequence[str], items: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The address of an API that holds these collections and items."""
    with _folder() as folder, _database(folder) as environment:
        _pypgstac(environment, "migrate")
        _sql(environment, "insert into pgstac.pgstac_settings values ('context', 'on') on conflict (name) do update "
                          "set value = 'on'")
        _load(folder, environment, "collections", [_collection(name) for name in collections])
        _load(folder, environment, "items", items)
        with _served(folder, environment) as address:
            yield address


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder that the user of the database may write to, in a short path, as its socket needs."""
    folder = Path(tempfile.mkdtemp(prefix="pgstac"))
    try:
        if os.getuid() == 0:
            shutil.chown(folder, USER)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _database(folder: Path) -> Iterator[dict[str, str]]:
    """PostgreSQL as its own user, for it refuses root; the environment by which others find it."""
    bin_folder = Path((BOX / "ready").read_text().strip())
    owner: dict[str, Any] = {"user": USER, "extra_groups": []} if os.getuid() == 0 else {}
    port = free_port()
    environment = {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": USER, "PGPASSWORD": "x",
                   "PGDATABASE": "pgstac"}

    def call(*command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=folder, **owner)
        assert done.returncode == 0, done.stderr + done.stdout

    data, log = str(folder / "data"), str(folder / "log")
    call(str(bin_folder / "initdb"), "-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C", "--no-sync", "-D", data)
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    # -l, so that the server does not keep our pipe open
    call(str(bin_folder / "pg_ctl"), "-D", data, "-l", log, "-o", options, "-w", "-t", "60", "start")
    try:
        call(str(bin_folder / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", USER, "pgstac")
        yield environment
    finally:
        call(str(bin_folder / "pg_ctl"), "-D", data, "-m", "immediate", "-w", "stop")


def _pypgstac(environment: dict[str, str], *arguments: str) -> None:
    done = subprocess.run([str(BOX / "venv" / "bin" / "pypgstac"), *arguments], env=environment, capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stderr + done.stdout


def _sql(environment: dict[str, str], text: str) -> None:
    program = "import sys, psycopg\nwith psycopg.connect('') as c: c.execute(sys.argv[1])"
    subprocess.run([str(BOX / "venv" / "bin" / "python"), "-c", program, text], env=environment, check=True, timeout=60)


def _load(folder: Path, environment: dict[str, str], what: str, rows: Sequence[dict[str, Any]]) -> None:
    path = folder / f"{what}.ndjson"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    _pypgstac(environment, "load", what, str(path), "--method", "upsert")


def _collection(name: str) -> dict[str, Any]:
    return {"type": "Collection", "stac_version": "1.0.0", "id": name, "description": name, "license": "proprietary",
            "links": [], "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]},
                                    "temporal": {"interval": [["2022-01-01T00:00:00Z", None]]}}}


@contextlib.contextmanager
def _served(folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """uvicorn with the API."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [str(BOX / "venv" / "bin" / "python"), "-m", "uvicorn", "stac_fastapi.pgstac.app:create_app", "--factory",
               "--host", "127.0.0.1", "--port", str(port)]
    with open(folder / "api.log", "wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait(server, f"{address}/_mgmt/ping", folder / "api.log")
        yield address
    finally:
        server.terminate()
        server.wait(20)


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Until it answers."""
    for _ in range(300):
        assert server.poll() is None, log.read_text()
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            with urllib.request.urlopen(url, timeout=5):
                return
        time.sleep(0.1)
    raise AssertionError(f"the STAC API did not start: {log.read_text()}")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
