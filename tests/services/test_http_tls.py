"""Only servers that this computer trusts, under the name they were asked by."""

import dataclasses
import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from shutil import which

import pytest
from pixel_spectra.core.archive.web.http import HttpClient
from pixel_spectra.core.archive.web.proxy import Proxy
from pixel_spectra.core.errors import ArchiveError, Cancelled
from pixel_spectra.core.progress import listening

from archive_reading import PATIENT, QUICK, SHORT, CancelledWhen
from loopback import LoopbackProxy

ANSWER = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-2/3\r\nContent-Length: 3\r\n\r\nabc"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """One for the name localhost that nobody trusts, and its key."""
    if which("openssl") is None:
        pytest.skip("needs the openssl command")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", "key.pem", "-out", "certificate.pem", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost"], cwd=folder, check=True, capture_output=True)
    return folder / "certificate.pem"


@pytest.fixture
def port(certificate):
    """Where a server answers with three bytes over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server, context))
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def serve(server, context):
    while True:
        try:
            near, _ = server.accept()
        except OSError:
            return
        try:
            with near, context.wrap_socket(near, server_side=True) as connection:
                if connection.recv(65_536):
                    connection.sendall(ANSWER)
        except OSError:
            pass


def read(url, **options):
    client = HttpClient(limits=QUICK, **options)
    try:
        return client.ranges(url, [(0, 3)])[0].data
    finally:
        client.close()


def test_a_server_that_is_trusted(port, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert read(f"https://localhost:{port}/x") == b"abc"


def test_a_trusted_server_behind_a_proxy(port, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with LoopbackProxy() as proxy:
        assert read(f"https://localhost:{port}/x", proxy=Proxy(proxy.url)) == b"abc"
        assert [request.method for request in proxy.requests] == ["CONNECT"]


def test_a_certificate_that_nobody_trusts(port):
    with pytest.raises(ArchiveError, match=r"^'localhost:\d+' shows a certificate that this computer does not trust"):
        read(f"https://localhost:{port}/x")


def test_a_certificate_that_nobody_trusts_behind_a_proxy(port):
    with LoopbackProxy() as proxy, pytest.raises(ArchiveError, match="shows a certificate that this computer does not"):
        read(f"https://localhost:{port}/x", proxy=Proxy(proxy.url))


def test_the_certificate_of_another_server(port, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pytest.raises(ArchiveError, match=r"^'127.0.0.1:\d+' shows (the certificate of another server|a certificate)"):
        read(f"https://127.0.0.1:{port}/x")


def test_a_server_that_speaks_no_tls():
    with socket.create_server(("127.0.0.1", 0)) as server:
        def answer():
            with server.accept()[0] as connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ArchiveError, match=r"^No secure connection to '127.0.0.1:\d+' can be made; check"):
            read(f"https://127.0.0.1:{server.getsockname()[1]}/x")
        thread.join()


@pytest.mark.parametrize("shakes_hands", [False, True])
@pytest.mark.parametrize("limits, kind", [(PATIENT, Cancelled), (SHORT, ArchiveError)])
def test_a_server_that_falls_silent(certificate, monkeypatch, shakes_hands, limits, kind):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    accepted = threading.Event()

    def fall_silent(server):
        with suppress(OSError):
            while True:
                near, _ = server.accept()
                kept.append(context.wrap_socket(near, server_side=True) if shakes_hands else near)
                accepted.set()

    kept = []
    limits = dataclasses.replace(limits, connect_s=min(limits.connect_s, 1.0) if kind is ArchiveError else 600.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=fall_silent, args=(server,))
        thread.start()
        client = HttpClient(limits=limits)
        with listening(CancelledWhen(lambda: kind is Cancelled and accepted.is_set())), pytest.raises(kind):
            client.ranges(f"https://localhost:{server.getsockname()[1]}/x", [(0, 3)])
        client.close()
        server.shutdown(socket.SHUT_RDWR)
        for connection in kept:
            connection.close()
        thread.join()
